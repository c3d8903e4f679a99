#pragma once

#include "tests/engine/queue-fixture.h"

/* The bytes of the take when nothing gets in its way. */
static char *reference;

static const char *folder;

static inline char *
hash_take(const char *name)
{
    g_autofree char *frames = g_build_filename(folder, name, "frames", NULL);

    return queue_hash_folder(frames);
}

static inline void
assert_is_reference(const char *name)
{
    g_autofree char *hash = hash_take(name), *state = g_strconcat(name, ".state", NULL);

    g_assert_cmpstr(hash, ==, reference);
    g_assert_false(queue_has_file(folder, state));
}

/* The clip of all jobs, and the take that an unbroken run makes of it. Returns: %FALSE if there is no ffmpeg */
static inline gboolean
make_reference(void)
{
    g_autofree char *take = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraEditJob) job = NULL;
    VeraEditRequest request;

    folder = fixture_get_folder();
    if (!fixture_run("ffmpeg -v error -y -f lavfi -i testsrc2=size=96x64:rate=24:duration=0.5 "
                     "-pix_fmt yuv420p -c:v ffv1 clip.mkv"))
        return FALSE;
    take = g_build_filename(folder, "reference", NULL);
    queue_make_request(&request, folder);
    job = vera_edit_job_new(&request, NULL, &error);
    g_assert_no_error(error);
    vera_edit_job_run(job, take, FALSE, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    reference = hash_take("reference");
    return TRUE;
}
