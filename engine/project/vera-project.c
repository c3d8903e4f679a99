#include "config.h"

#include "engine/project/vera-project.h"

#include <string.h>

#include "engine/project/vera-project-file.h"
#include "engine/project/vera-project-private.h"

enum {
    PROP_0,
    PROP_PATH,
    PROP_TITLE,
    PROP_IS_MODIFIED,
    PROP_CAN_UNDO,
    PROP_CAN_REDO,
    PROP_IS_LOCKED_OUT,
    N_PROPS
};

enum { SIGNAL_CHANGED, SIGNAL_JOURNAL_FAILED, N_SIGNALS };

static GParamSpec *vera_project_props[N_PROPS];
static guint vera_project_signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE(VeraProject, vera_project, G_TYPE_OBJECT)

static void
vera_project_step_free(gpointer data)
{
    VeraProjectStep *step = data;

    vera_project_state_unref(step->state);
    g_free(step->name);
    g_free(step->merge_key);
    g_free(step);
}

static void
vera_project_add_step(VeraProject *self,
                      VeraProjectState *state,
                      const char *name,
                      const char *merge_key)
{
    VeraProjectStep *step = g_new0(VeraProjectStep, 1);

    step->state = state;
    step->name = g_strdup(name);
    step->merge_key = g_strdup(merge_key);
    g_ptr_array_add(self->steps, step);
    self->current = self->steps->len - 1;
}

static VeraProjectStep *
vera_project_get_step(VeraProject *self)
{
    return self->steps->pdata[self->current];
}

VeraProjectLook
vera_project_look(VeraProject *self)
{
    return (VeraProjectLook){vera_project_get_is_modified(self), vera_project_get_can_undo(self),
                             vera_project_get_can_redo(self), self->lock_owner != NULL,
                             g_strdup(self->path)};
}

void
vera_project_notify_differences(VeraProject *self, VeraProjectLook before)
{
    VeraProjectLook now = vera_project_look(self);
    const gboolean differs[N_PROPS] = {
        [PROP_PATH] = g_strcmp0(before.path, now.path) != 0,
        [PROP_TITLE] = g_strcmp0(before.path, now.path) != 0,
        [PROP_IS_MODIFIED] = before.is_modified != now.is_modified,
        [PROP_CAN_UNDO] = before.can_undo != now.can_undo,
        [PROP_CAN_REDO] = before.can_redo != now.can_redo,
        [PROP_IS_LOCKED_OUT] = before.is_locked_out != now.is_locked_out,
    };

    for (guint i = 1; i < N_PROPS; i++)
        if (differs[i])
            g_object_notify_by_pspec(G_OBJECT(self), vera_project_props[i]);
    g_free(before.path);
    g_free(now.path);
}

void
vera_project_append_to_journal(VeraProject *self)
{
    VeraJournalEntry entry = {
        .state = vera_project_get_state(self),
        .name = vera_project_get_step(self)->name,
        .n_changes = self->n_changes,
        .is_modified = vera_project_get_is_modified(self),
    };

    vera_journal_append(self->journal, &entry);
}

void
vera_project_set_path(VeraProject *self, const char *path)
{
    g_free(self->path);
    g_free(self->title);
    self->path = g_strdup(path);
    self->title = path ? g_filename_display_basename(path) : NULL;
    if (self->title != NULL && g_str_has_suffix(self->title, ".vera") && strlen(self->title) > 5)
        self->title[strlen(self->title) - 5] = '\0';
}

/* Tries to lock @path; remembers who has it where that fails. A folder that cannot be written needs
 * no lock: nobody saves there. */
static void
vera_project_lock(VeraProject *self, const char *path)
{
    g_clear_pointer(&self->lock, vera_project_lock_release);
    g_clear_pointer(&self->lock_owner, g_free);
    self->lock =
        vera_project_lock_acquire(path, VERA_PROJECT_LOCK_FLAGS_NONE, &self->lock_owner, NULL);
}

typedef struct {
    GWeakRef project;
    char *message;
} VeraProjectJournalFailure;

static gboolean
vera_project_journal_failed_idle_cb(gpointer data)
{
    VeraProjectJournalFailure *failure = data;
    g_autoptr(VeraProject) self = g_weak_ref_get(&failure->project);

    if (self != NULL)
        g_signal_emit(self, vera_project_signals[SIGNAL_JOURNAL_FAILED], 0, failure->message);
    g_weak_ref_clear(&failure->project);
    g_free(failure->message);
    g_free(failure);
    return G_SOURCE_REMOVE;
}

/* In the journal's thread; the project closes its journal before it goes. */
static void
vera_project_journal_failed_cb(const char *message, gpointer user_data)
{
    VeraProjectJournalFailure *failure = g_new0(VeraProjectJournalFailure, 1);

    g_weak_ref_init(&failure->project, user_data);
    failure->message = g_strdup(message);
    g_idle_add(vera_project_journal_failed_idle_cb, failure);
}

static void
vera_project_dispose(GObject *object)
{
    VeraProject *self = VERA_PROJECT(object);

    g_clear_pointer(&self->journal, vera_journal_close);
    g_clear_pointer(&self->lock, vera_project_lock_release);
    G_OBJECT_CLASS(vera_project_parent_class)->dispose(object);
}

static void
vera_project_finalize(GObject *object)
{
    VeraProject *self = VERA_PROJECT(object);

    g_ptr_array_unref(self->steps);
    vera_project_state_unref(self->saved_state);
    g_queue_free(self->saves);
    g_free(self->path);
    g_free(self->title);
    g_free(self->sha256);
    g_free(self->lock_owner);
    G_OBJECT_CLASS(vera_project_parent_class)->finalize(object);
}

static void
vera_project_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    VeraProject *self = VERA_PROJECT(object);

    switch (id) {
    case PROP_PATH:
        g_value_set_string(value, self->path);
        break;
    case PROP_TITLE:
        g_value_set_string(value, self->title);
        break;
    case PROP_IS_MODIFIED:
        g_value_set_boolean(value, vera_project_get_is_modified(self));
        break;
    case PROP_CAN_UNDO:
        g_value_set_boolean(value, vera_project_get_can_undo(self));
        break;
    case PROP_CAN_REDO:
        g_value_set_boolean(value, vera_project_get_can_redo(self));
        break;
    case PROP_IS_LOCKED_OUT:
        g_value_set_boolean(value, self->lock_owner != NULL);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
vera_project_class_init(VeraProjectClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

    object_class->dispose = vera_project_dispose;
    object_class->finalize = vera_project_finalize;
    object_class->get_property = vera_project_get_property;
    vera_project_props[PROP_PATH] = g_param_spec_string("path", NULL, NULL, NULL, flags);
    vera_project_props[PROP_TITLE] = g_param_spec_string("title", NULL, NULL, NULL, flags);
    vera_project_props[PROP_IS_MODIFIED] =
        g_param_spec_boolean("is-modified", NULL, NULL, FALSE, flags);
    vera_project_props[PROP_CAN_UNDO] = g_param_spec_boolean("can-undo", NULL, NULL, FALSE, flags);
    vera_project_props[PROP_CAN_REDO] = g_param_spec_boolean("can-redo", NULL, NULL, FALSE, flags);
    vera_project_props[PROP_IS_LOCKED_OUT] =
        g_param_spec_boolean("is-locked-out", NULL, NULL, FALSE, flags);
    g_object_class_install_properties(object_class, N_PROPS, vera_project_props);
    vera_project_signals[SIGNAL_CHANGED] = g_signal_new(
        "changed", VERA_TYPE_PROJECT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    vera_project_signals[SIGNAL_JOURNAL_FAILED] =
        g_signal_new("journal-failed", VERA_TYPE_PROJECT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                     G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
vera_project_init(VeraProject *self)
{
    self->steps = g_ptr_array_new_with_free_func(vera_project_step_free);
    self->saves = g_queue_new();
    self->journal = vera_journal_new(vera_project_journal_failed_cb, self);
}

VeraProject *
vera_project_new_with_state(VeraProjectState *state)
{
    VeraProject *self = g_object_new(VERA_TYPE_PROJECT, NULL);

    vera_project_add_step(self, state, NULL, NULL);
    self->saved_state = vera_project_state_ref(state);
    return self;
}

VeraProject *
vera_project_new(void)
{
    return vera_project_new_with_state(vera_project_state_new());
}

VeraProject *
vera_project_new_recovered(const char *path,
                           const char *sha256,
                           VeraProjectState *file_state,
                           VeraProjectState *state,
                           guint n_changes,
                           const char *journal_path)
{
    VeraProject *self =
        vera_project_new_with_state(file_state ? file_state : vera_project_state_new());

    vera_project_set_path(self, path);
    self->sha256 = g_strdup(sha256);
    if (path != NULL)
        vera_project_lock(self, path);
    vera_journal_reset(self->journal, path, sha256);
    vera_project_add_step(self, state, "Recover Unsaved Work", NULL);
    self->n_changes = n_changes;
    vera_project_append_to_journal(self);
    vera_journal_supersede(self->journal, journal_path);
    return self;
}

const VeraProjectState *
vera_project_get_state(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), NULL);
    return vera_project_get_step(self)->state;
}

/* A long history keeps one copy of a region that did not change. */
static void
vera_project_share_regions(VeraProjectState *state, const VeraProjectState *before)
{
    for (guint i = 0; i < state->edits->len; i++) {
        VeraEdit *edit = state->edits->pdata[i];
        VeraEdit *old = vera_project_state_find_edit(before, edit->id);
        if (old == NULL || edit->region == old->region ||
            !vera_region_equal(edit->region, old->region))
            continue;
        vera_region_unref(edit->region);
        edit->region = vera_region_ref(old->region);
    }
}

void
vera_project_commit(VeraProject *self,
                    VeraProjectState *new_state,
                    const char *name,
                    const char *merge_key)
{
    g_autoptr(GError) error = NULL;
    VeraProjectLook before;
    VeraProjectStep *step;

    g_return_if_fail(VERA_IS_PROJECT(self));
    g_return_if_fail(name != NULL);
    if (!vera_project_state_check(new_state, &error)) {
        g_critical("vera_project_commit: ‘%s’ is refused: %s", name, error->message);
        vera_project_state_unref(new_state);
        return;
    }
    before = vera_project_look(self);
    step = vera_project_get_step(self);
    vera_project_share_regions(new_state, step->state);
    if (self->current + 1 < self->steps->len)
        g_ptr_array_remove_range(self->steps, self->current + 1,
                                 self->steps->len - self->current - 1);
    if (merge_key != NULL && g_strcmp0(step->merge_key, merge_key) == 0) {
        vera_project_state_unref(step->state);
        step->state = new_state;
    } else {
        vera_project_add_step(self, new_state, name, merge_key);
        self->n_changes++;
    }
    vera_project_append_to_journal(self);
    vera_project_notify_differences(self, before);
    g_signal_emit(self, vera_project_signals[SIGNAL_CHANGED], 0);
}

void
vera_project_end_merge(VeraProject *self)
{
    g_return_if_fail(VERA_IS_PROJECT(self));
    g_clear_pointer(&vera_project_get_step(self)->merge_key, g_free);
}

gboolean
vera_project_go_to(VeraProject *self, guint position)
{
    VeraProjectLook before;

    g_return_val_if_fail(VERA_IS_PROJECT(self), FALSE);
    if (position == self->current || position >= self->steps->len)
        return FALSE;
    before = vera_project_look(self);
    vera_project_end_merge(self);
    self->current = position;
    vera_project_end_merge(self);
    self->n_changes++;
    vera_project_append_to_journal(self);
    vera_project_notify_differences(self, before);
    g_signal_emit(self, vera_project_signals[SIGNAL_CHANGED], 0);
    return TRUE;
}

gboolean
vera_project_undo(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), FALSE);
    return vera_project_get_can_undo(self) && vera_project_go_to(self, self->current - 1);
}

gboolean
vera_project_redo(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), FALSE);
    return vera_project_get_can_redo(self) && vera_project_go_to(self, self->current + 1);
}

GPtrArray *
vera_project_list_states(VeraProject *self)
{
    GPtrArray *states;

    g_return_val_if_fail(VERA_IS_PROJECT(self), NULL);
    states = g_ptr_array_new_with_free_func((GDestroyNotify)vera_project_state_unref);
    for (guint i = 0; i < self->steps->len; i++)
        g_ptr_array_add(states,
                        vera_project_state_ref(((VeraProjectStep *)self->steps->pdata[i])->state));
    return states;
}

guint
vera_project_get_n_steps(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), 0);
    return self->steps->len;
}

guint
vera_project_get_position(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), 0);
    return self->current;
}

const char *
vera_project_get_step_name(VeraProject *self, guint position)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), NULL);
    return position < self->steps->len ? ((VeraProjectStep *)self->steps->pdata[position])->name
                                       : NULL;
}

const char *
vera_project_get_undo_name(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), NULL);
    return vera_project_get_can_undo(self) ? vera_project_get_step(self)->name : NULL;
}

const char *
vera_project_get_redo_name(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), NULL);
    return vera_project_get_step_name(self, self->current + 1);
}

const char *
vera_project_get_path(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), NULL);
    return self->path;
}

const char *
vera_project_get_title(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), NULL);
    return self->title;
}

gboolean
vera_project_get_is_modified(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), FALSE);
    return vera_project_get_state(self) != self->saved_state;
}

gboolean
vera_project_get_can_undo(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), FALSE);
    return self->current > 0;
}

gboolean
vera_project_get_can_redo(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), FALSE);
    return self->current + 1 < self->steps->len;
}

const char *
vera_project_get_lock_owner(VeraProject *self)
{
    g_return_val_if_fail(VERA_IS_PROJECT(self), NULL);
    return self->lock_owner;
}

gboolean
vera_project_break_lock(VeraProject *self, GError **error)
{
    g_autofree char *owner = NULL;
    VeraProjectLook before;

    g_return_val_if_fail(VERA_IS_PROJECT(self), FALSE);
    g_return_val_if_fail(self->path != NULL, FALSE);
    if (self->lock != NULL)
        return TRUE;
    before = vera_project_look(self);
    self->lock =
        vera_project_lock_acquire(self->path, VERA_PROJECT_LOCK_FLAGS_BREAK, &owner, error);
    g_free(self->lock_owner);
    self->lock_owner = g_steal_pointer(&owner);
    vera_project_notify_differences(self, before);
    return self->lock != NULL;
}

void
vera_project_flush_journal(VeraProject *self)
{
    g_return_if_fail(VERA_IS_PROJECT(self));
    vera_journal_flush(self->journal);
}
