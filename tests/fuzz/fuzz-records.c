#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "engine/media/vera-export-manifest.h"
#include "engine/project/vera-take-private.h"
#include "engine/queue/vera-queue-state.h"
#include "tests/fuzz/fuzz.h"

static void
fuzz_take(const char *path)
{
    GError *error = NULL;
    VeraTakeRecord *record = vera_take_record_load(path, &error), *again;

    fuzz_check(record != NULL, error);
    if (record == NULL)
        return;
    g_autofree char *text = vera_take_record_to_json(record);
    again =
        vera_take_record_load(fuzz_write("again.json", (const uint8_t *)text, strlen(text)), NULL);
    if (again == NULL || !vera_take_record_is_same_request(record, again))
        g_error("a record that was written reads as another: %s", text);
    vera_take_record_free(again);
    vera_take_record_free(record);
}

/* A job that was read is written again, and that is read whole. */
static void
fuzz_queue(const uint8_t *data, size_t size)
{
    g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func(g_object_unref);
    g_autoptr(GPtrArray) again = g_ptr_array_new_with_free_func(g_object_unref);
    g_autofree char *notice = NULL, *second = NULL;
    g_autofree char *path = g_strdup(fuzz_write("queue", data, size)),
                    *aside = g_strconcat(path, ".unread", NULL);

    vera_queue_state_load(path, jobs, &notice);
    g_remove(aside);
    g_autofree char *text = vera_queue_state_to_text(jobs);
    vera_queue_state_load(fuzz_write("queue", (const uint8_t *)text, strlen(text)), again, &second);
    if (second != NULL || again->len != jobs->len)
        g_error("a list of jobs that was written cannot be read: %s (%s)", text, second);
}

/* Any bytes as each of the records that the program keeps beside what it makes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GError *error = NULL;
    g_autofree char *path = g_strdup(fuzz_write("manifest.json", data, size)),
                    *dir = g_path_get_dirname(path);
    g_autoptr(VeraExportListing) listing = vera_export_listing_read(dir, &error);

    fuzz_check(listing != NULL, error);
    fuzz_take(path);
    fuzz_queue(data, size);
    return 0;
}
