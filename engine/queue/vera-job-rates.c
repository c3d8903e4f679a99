#include "config.h"

#include "engine/queue/vera-job-rates.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "engine/queue/vera-queue-store.h"
#include "engine/vera-json.h"

/* Sizes of steps count as one within this factor. */
#define VERA_JOB_RATES_ALIKE 1.25
/* The oldest measurements go when there are more. */
#define VERA_JOB_RATES_MAX 64

typedef struct {
    char *key;
    double step; /* 10^9 operations */
    VeraJobWork seconds;
} VeraJobRate;

struct _VeraJobRates {
    GArray *rates; /* of VeraJobRate, the newest last */
    VeraQueueStore *store; /* (nullable) */
};

static void
vera_job_rate_clear(gpointer data)
{
    g_free(((VeraJobRate *)data)->key);
}

char *
vera_job_rates_make_key(const char *model, const char *device, const char *compute)
{
    return g_strdup_printf("%s|%s|%s", model, device, compute);
}

/* The file ------------------------------------------------------------------------------------------------------------- */

static double
vera_job_rates_read_number(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    double value = node != NULL && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_double(node) : 0;

    return isfinite(value) && value > 0 ? value : 0;
}

static void
vera_job_rates_read_one(JsonArray *array, guint index, JsonNode *node, gpointer data)
{
    VeraJobRates *self = data;
    JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    JsonNode *key = object ? json_object_get_member(object, "key") : NULL;
    VeraJobRate rate = { 0 };

    if (key == NULL || json_node_get_value_type(key) != G_TYPE_STRING || self->rates->len >= VERA_JOB_RATES_MAX)
        return;
    rate.step = vera_job_rates_read_number(object, "step");
    rate.seconds.encode = vera_job_rates_read_number(object, "encode_seconds");
    rate.seconds.step = vera_job_rates_read_number(object, "step_seconds");
    rate.seconds.decode = vera_job_rates_read_number(object, "decode_seconds");
    if (rate.step <= 0 || rate.seconds.step <= 0)
        return;
    rate.key = json_node_dup_string(key);
    g_array_append_val(self->rates, rate);
}

static void
vera_job_rates_read(VeraJobRates *self, const char *path)
{
    g_autoptr(JsonParser) parser = vera_json_parse_file(path, NULL);
    JsonObject *root = parser ? json_node_get_object(json_parser_get_root(parser)) : NULL;
    JsonNode *rates = root ? json_object_get_member(root, "rates") : NULL;

    if (rates != NULL && JSON_NODE_HOLDS_ARRAY(rates))
        json_array_foreach_element(json_node_get_array(rates), vera_job_rates_read_one, self);
}

static char *
vera_job_rates_to_text(VeraJobRates *self)
{
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *all = json_object_new();
    JsonArray *array = json_array_new();

    json_node_take_object(root, all);
    json_object_set_array_member(all, "rates", array);
    for (guint i = 0; i < self->rates->len; i++) {
        const VeraJobRate *rate = &g_array_index(self->rates, VeraJobRate, i);
        JsonObject *object = json_object_new();
        json_object_set_string_member(object, "key", rate->key);
        json_object_set_double_member(object, "step", rate->step);
        json_object_set_double_member(object, "encode_seconds", rate->seconds.encode);
        json_object_set_double_member(object, "step_seconds", rate->seconds.step);
        json_object_set_double_member(object, "decode_seconds", rate->seconds.decode);
        json_array_add_object_element(array, object);
    }
    return json_to_string(root, TRUE);
}

/* Rates are a convenience: where they cannot be kept they are measured again. */
static void
vera_job_rates_failed_cb(const char *message, gpointer user_data)
{
    g_debug("%s", message);
}

VeraJobRates *
vera_job_rates_new(const char *path)
{
    VeraJobRates *self = g_new0(VeraJobRates, 1);

    self->rates = g_array_new(FALSE, FALSE, sizeof(VeraJobRate));
    g_array_set_clear_func(self->rates, vera_job_rate_clear);
    if (path == NULL)
        return self;
    vera_job_rates_read(self, path);
    self->store = vera_queue_store_new(path, vera_job_rates_failed_cb, self);
    return self;
}

void
vera_job_rates_close(VeraJobRates *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->store, vera_queue_store_close);
    g_array_unref(self->rates);
    g_free(self);
}

/* Measuring and foretelling -------------------------------------------------------------------------------------------- */

static double
vera_job_rate_get_distance(const VeraJobRate *rate, double step)
{
    return fabs(log(step / rate->step));
}

static VeraJobRate *
vera_job_rates_find(VeraJobRates *self, const char *key, double step)
{
    VeraJobRate *best = NULL;

    for (guint i = 0; step > 0 && i < self->rates->len; i++) {
        VeraJobRate *rate = &g_array_index(self->rates, VeraJobRate, i);
        if (strcmp(rate->key, key) == 0 &&
            (best == NULL || vera_job_rate_get_distance(rate, step) <= vera_job_rate_get_distance(best, step)))
            best = rate;
    }
    return best;
}

static double
vera_job_rate_blend(double before, double now)
{
    return now <= 0 ? before : before <= 0 ? now : (before + now) / 2;
}

void
vera_job_rates_note(VeraJobRates *self, const char *key, const VeraJobWork *work, const VeraJobWork *seconds)
{
    VeraJobRate *old = vera_job_rates_find(self, key, work->step);
    VeraJobRate rate = { NULL, work->step, *seconds };

    if (work->step <= 0)
        return;
    if (old != NULL && vera_job_rate_get_distance(old, work->step) <= log(VERA_JOB_RATES_ALIKE)) {
        rate.seconds.encode = vera_job_rate_blend(old->seconds.encode, seconds->encode);
        rate.seconds.step = vera_job_rate_blend(old->seconds.step, seconds->step);
        rate.seconds.decode = vera_job_rate_blend(old->seconds.decode, seconds->decode);
        g_array_remove_index(self->rates, (guint)(old - (VeraJobRate *)(gpointer)self->rates->data));
    }
    if (rate.seconds.step <= 0)
        return;
    rate.key = g_strdup(key);
    g_array_append_val(self->rates, rate);
    if (self->rates->len > VERA_JOB_RATES_MAX)
        g_array_remove_index(self->rates, 0);
    if (self->store != NULL)
        vera_queue_store_write(self->store, vera_job_rates_to_text(self));
}

double
vera_job_rates_foresee(VeraJobRates *self, const char *key, const VeraJobWork *work, int n_steps)
{
    const VeraJobRate *rate = vera_job_rates_find(self, key, work->step);
    double encode, decode;

    if (rate == NULL)
        return -1;
    /* What was never finished here is taken to run like the steps. */
    encode = rate->seconds.encode > 0 ? rate->seconds.encode : rate->seconds.step;
    decode = rate->seconds.decode > 0 ? rate->seconds.decode : rate->seconds.step;
    return encode * work->encode + rate->seconds.step * work->step * n_steps + decode * work->decode;
}
