#pragma once

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "engine/media/vera-clip.h"
#include "engine/vera-engine-error.h"

/** A folder for this test program's files, made on first use. */
static inline const char *
fixture_get_folder(void)
{
    static char *folder;
    if (folder == NULL)
        folder = g_dir_make_tmp("vera-media-XXXXXX", NULL);
    return folder;
}

static inline char *
fixture_get_path(const char *name)
{
    return g_build_filename(fixture_get_folder(), name, NULL);
}

/** Runs a command line in the folder. Returns: whether it succeeded */
static inline gboolean
fixture_run(const char *command)
{
    g_autofree char *line = g_strdup_printf("{ cd '%s' && %s ; } >/dev/null 2>&1 </dev/null",
                                            fixture_get_folder(), command);
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    int status = 1;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, NULL);
    return status == 0;
}

static inline gboolean
fixture_has_ffmpeg(void)
{
    g_autofree char *program = g_find_program_in_path("ffmpeg");
    if (program == NULL)
        g_test_skip("the ffmpeg command is not installed");
    return program != NULL;
}

static inline void
fixture_remove_folder(void)
{
    fixture_run("rm -r -- *");
    g_rmdir(fixture_get_folder());
}

static inline VeraClip *
fixture_open(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = fixture_get_path(name);
    VeraClip *clip = vera_clip_open(path, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(clip);
    return clip;
}

/** Opening @name must fail with @code and a message that has @part. */
static inline void
fixture_assert_fails(const char *name, int code, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = fixture_get_path(name);
    g_autoptr(VeraClip) clip = vera_clip_open(path, NULL, &error);
    g_assert_null(clip);
    g_assert_error(error, VERA_ENGINE_ERROR, code);
    if (strstr(error->message, part) == NULL)
        g_error("message “%s” lacks “%s”", error->message, part);
}
