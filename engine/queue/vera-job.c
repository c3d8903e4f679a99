#include "config.h"

#include "engine/queue/vera-job.h"

#include "engine/queue/vera-job-private.h"

G_DEFINE_FINAL_TYPE(VeraJob, vera_job, G_TYPE_OBJECT)

enum {
    PROP_0,
    PROP_ID,
    PROP_TITLE,
    PROP_EDIT_ID,
    PROP_KIND,
    PROP_STATE,
    PROP_PHASE,
    PROP_FRACTION,
    PROP_STEP,
    PROP_N_STEPS,
    PROP_ETA_SECONDS,
    PROP_MESSAGE,
    PROP_OUTPUT,
    PROP_PLAN_JSON,
    PROP_IS_STOPPING,
    N_PROPS
};
static GParamSpec *props[N_PROPS];

GType
vera_job_state_get_type(void)
{
    static gsize type = 0;
    static const GEnumValue values[] = {
        { VERA_JOB_STATE_QUEUED, "VERA_JOB_STATE_QUEUED", "queued" },
        { VERA_JOB_STATE_RUNNING, "VERA_JOB_STATE_RUNNING", "running" },
        { VERA_JOB_STATE_PAUSED, "VERA_JOB_STATE_PAUSED", "paused" },
        { VERA_JOB_STATE_DONE, "VERA_JOB_STATE_DONE", "done" },
        { VERA_JOB_STATE_FAILED, "VERA_JOB_STATE_FAILED", "failed" },
        { VERA_JOB_STATE_CANCELLED, "VERA_JOB_STATE_CANCELLED", "cancelled" },
        { 0, NULL, NULL },
    };

    if (g_once_init_enter(&type))
        g_once_init_leave(&type, g_enum_register_static("VeraJobState", values));
    return type;
}

gboolean
vera_job_state_is_over(VeraJobState state)
{
    return state == VERA_JOB_STATE_DONE || state == VERA_JOB_STATE_FAILED || state == VERA_JOB_STATE_CANCELLED;
}

const char *
vera_job_get_id(VeraJob *self)
{
    return self->spec->id;
}

const char *
vera_job_get_title(VeraJob *self)
{
    return self->spec->title;
}

const char *
vera_job_get_edit_id(VeraJob *self)
{
    return self->spec->edit_id;
}

gboolean
vera_job_is_export(VeraJob *self)
{
    return self->spec->is_export;
}

const char *
vera_job_get_kind(VeraJob *self)
{
    return self->spec->is_export ? "export" : "edit";
}

gboolean
vera_job_is_stopping(VeraJob *self)
{
    return self->is_stopping;
}

VeraJobState
vera_job_get_state(VeraJob *self)
{
    return self->state;
}

const char *
vera_job_get_phase(VeraJob *self)
{
    return self->phase;
}

double
vera_job_get_fraction(VeraJob *self)
{
    return self->fraction;
}

int
vera_job_get_step(VeraJob *self)
{
    return self->step;
}

int
vera_job_get_n_steps(VeraJob *self)
{
    return self->n_steps;
}

double
vera_job_get_eta_seconds(VeraJob *self)
{
    return self->eta_seconds;
}

const char *
vera_job_get_message(VeraJob *self)
{
    return self->message;
}

const char *
vera_job_get_output(VeraJob *self)
{
    return self->spec->is_export ? self->spec->settings.output_dir : self->spec->take_dir;
}

const char *
vera_job_get_plan_json(VeraJob *self)
{
    return self->plan_json;
}

void
vera_job_get_proof(VeraJob *self, gint64 *n_changed, gint64 *n_frames)
{
    *n_changed = self->n_changed;
    *n_frames = self->n_exported;
}

void
vera_job_get_range(VeraJob *self, gint64 *first, gint64 *last)
{
    GArray *frames = self->spec->frames;

    *first = frames->len ? g_array_index(frames, gint64, 0) : 0;
    *last = frames->len ? g_array_index(frames, gint64, frames->len - 1) : -1;
}

void
vera_job_set_state(VeraJob *self, VeraJobState state, const char *message)
{
    GObject *object = G_OBJECT(self);

    g_object_freeze_notify(object);
    if (g_strcmp0(self->message, message) != 0) {
        g_free(self->message);
        self->message = g_strdup(message);
        g_object_notify_by_pspec(object, props[PROP_MESSAGE]);
    }
    if (self->state != state) {
        self->state = state;
        self->eta_seconds = -1;
        vera_job_set_stopping(self, FALSE);
        g_object_notify_by_pspec(object, props[PROP_STATE]);
        g_object_notify_by_pspec(object, props[PROP_ETA_SECONDS]);
    }
    if (state == VERA_JOB_STATE_DONE)
        self->fraction = 1;
    g_object_notify_by_pspec(object, props[PROP_FRACTION]);
    g_object_thaw_notify(object);
}

void
vera_job_set_progress(VeraJob *self, const VeraJobClock *clock)
{
    GObject *object = G_OBJECT(self);

    g_object_freeze_notify(object);
    self->eta_seconds = clock->eta_seconds;
    self->fraction = clock->fraction;
    self->step = clock->step;
    self->n_steps = clock->n_steps;
    if (g_strcmp0(self->phase, clock->phase) != 0) {
        g_free(self->phase);
        self->phase = g_strdup(clock->phase);
        g_object_notify_by_pspec(object, props[PROP_PHASE]);
    }
    g_object_notify_by_pspec(object, props[PROP_FRACTION]);
    g_object_notify_by_pspec(object, props[PROP_STEP]);
    g_object_notify_by_pspec(object, props[PROP_N_STEPS]);
    g_object_notify_by_pspec(object, props[PROP_ETA_SECONDS]);
    g_object_thaw_notify(object);
}

void
vera_job_clear_progress(VeraJob *self)
{
    VeraJobClock clock;

    vera_job_clock_start(&clock, &(VeraJobWork){0}, 0);
    clock.n_steps = self->n_steps;
    vera_job_set_progress(self, &clock);
}

void
vera_job_set_plan(VeraJob *self, const char *plan_json)
{
    g_free(self->plan_json);
    self->plan_json = g_strdup(plan_json);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_PLAN_JSON]);
    /* Pictures of a job that listen to its phase alone show the plan too. */
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_PHASE]);
}

void
vera_job_set_stopping(VeraJob *self, gboolean is_stopping)
{
    if (self->is_stopping == is_stopping)
        return;
    self->is_stopping = is_stopping;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_IS_STOPPING]);
}

static void
vera_job_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    VeraJob *self = VERA_JOB(object);

    switch (id) {
    case PROP_ID:
        g_value_set_string(value, self->spec->id);
        break;
    case PROP_TITLE:
        g_value_set_string(value, self->spec->title);
        break;
    case PROP_EDIT_ID:
        g_value_set_string(value, self->spec->edit_id);
        break;
    case PROP_KIND:
        g_value_set_string(value, vera_job_get_kind(self));
        break;
    case PROP_STATE:
        g_value_set_enum(value, (gint)self->state);
        break;
    case PROP_PHASE:
        g_value_set_string(value, self->phase);
        break;
    case PROP_FRACTION:
        g_value_set_double(value, self->fraction);
        break;
    case PROP_STEP:
        g_value_set_int(value, self->step);
        break;
    case PROP_N_STEPS:
        g_value_set_int(value, self->n_steps);
        break;
    case PROP_ETA_SECONDS:
        g_value_set_double(value, self->eta_seconds);
        break;
    case PROP_MESSAGE:
        g_value_set_string(value, self->message);
        break;
    case PROP_OUTPUT:
        g_value_set_string(value, vera_job_get_output(self));
        break;
    case PROP_PLAN_JSON:
        g_value_set_string(value, self->plan_json);
        break;
    case PROP_IS_STOPPING:
        g_value_set_boolean(value, self->is_stopping);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
vera_job_finalize(GObject *object)
{
    VeraJob *self = VERA_JOB(object);

    g_clear_pointer(&self->spec, vera_job_spec_free);
    g_clear_object(&self->cancellable);
    g_free(self->phase);
    g_free(self->message);
    g_free(self->plan_json);
    G_OBJECT_CLASS(vera_job_parent_class)->finalize(object);
}

static void
vera_job_class_init(VeraJobClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

    object_class->get_property = vera_job_get_property;
    object_class->finalize = vera_job_finalize;
    props[PROP_ID] = g_param_spec_string("id", NULL, NULL, NULL, flags);
    props[PROP_TITLE] = g_param_spec_string("title", NULL, NULL, NULL, flags);
    props[PROP_EDIT_ID] = g_param_spec_string("edit-id", NULL, NULL, NULL, flags);
    props[PROP_KIND] = g_param_spec_string("kind", NULL, NULL, NULL, flags);
    props[PROP_STATE] = g_param_spec_enum("state", NULL, NULL, VERA_TYPE_JOB_STATE, 0, flags);
    props[PROP_PHASE] = g_param_spec_string("phase", NULL, NULL, NULL, flags);
    props[PROP_FRACTION] = g_param_spec_double("fraction", NULL, NULL, 0, 1, 0, flags);
    props[PROP_STEP] = g_param_spec_int("step", NULL, NULL, 0, G_MAXINT, 0, flags);
    props[PROP_N_STEPS] = g_param_spec_int("n-steps", NULL, NULL, 0, G_MAXINT, 0, flags);
    props[PROP_ETA_SECONDS] = g_param_spec_double("eta-seconds", NULL, NULL, -1, G_MAXDOUBLE, -1, flags);
    props[PROP_MESSAGE] = g_param_spec_string("message", NULL, NULL, NULL, flags);
    props[PROP_OUTPUT] = g_param_spec_string("output", NULL, NULL, NULL, flags);
    props[PROP_PLAN_JSON] = g_param_spec_string("plan-json", NULL, NULL, NULL, flags);
    props[PROP_IS_STOPPING] = g_param_spec_boolean("is-stopping", NULL, NULL, FALSE, flags);
    g_object_class_install_properties(object_class, N_PROPS, props);
}

static void
vera_job_init(VeraJob *self)
{
    self->phase = g_strdup("");
    self->eta_seconds = -1;
}

VeraJob *
vera_job_new(VeraJobSpec *spec)
{
    VeraJob *self = g_object_new(VERA_TYPE_JOB, NULL);

    self->spec = spec;
    return self;
}
