#include "config.h"

#include "engine/project/vera-project-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/project/vera-project-json.h"
#include "engine/vera-engine-error.h"
#include "engine/vera-file.h"
#include "engine/vera-json.h"

#define VERA_PROJECT_N_VERSIONS 5

char *
vera_project_file_resolve(const char *path)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autofree char *dir = g_path_get_dirname(absolute), *name = g_path_get_basename(absolute);
    char *real = realpath(absolute, NULL);
    char *real_dir;
    char *resolved;

    if (real != NULL) {
        resolved = g_strdup(real);
        free(real);
        return resolved;
    }
    real_dir = realpath(dir, NULL);
    resolved = g_build_filename(real_dir ? real_dir : dir, name, NULL);
    free(real_dir);
    return resolved;
}

static gboolean
vera_project_file_get_contents(const char *path, char **text, gsize *length, GError **error)
{
    g_autoptr(GError) local = NULL;
    GStatBuf info;

    if (g_stat(path, &info) != 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The project ‘%s’ cannot be opened: %s. Check that it was not moved and that "
                    "its disk is connected.",
                    path, g_strerror(errno));
        return FALSE;
    }
    if (!S_ISREG(info.st_mode)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "‘%s’ is not a file; choose a Vera project.", path);
        return FALSE;
    }
    if (!g_file_get_contents(path, text, length, &local)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The project ‘%s’ cannot be read: %s.", path, local->message);
        return FALSE;
    }
    return TRUE;
}

static void
vera_project_file_explain(const char *path, GError *inner, GError **error)
{
    g_autofree char *older = g_strconcat(path, "~1", NULL);
    gboolean has_older = g_file_test(older, G_FILE_TEST_EXISTS);

    if (inner->code == VERA_ENGINE_ERROR_UNSUPPORTED)
        g_set_error(error, VERA_ENGINE_ERROR, inner->code,
                    "The project ‘%s’ was made by a newer version of Vera (%s). It was left "
                    "untouched; update Vera to open it.",
                    path, inner->message);
    else
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The project ‘%s’ is damaged (%s). It was left untouched; %s%s%s.", path,
                    inner->message,
                    has_older ? "an older version is in ‘" : "restore it from a backup",
                    has_older ? older : "", has_older ? "’" : "");
}

static VeraProjectState *
vera_project_file_parse(const char *path, const char *text, gsize length, GError **error)
{
    g_autoptr(JsonParser) parser = vera_json_parse(text, length);
    g_autofree char *dir = g_path_get_dirname(path);
    g_autoptr(GError) local = NULL;
    JsonObject *object = parser ? json_node_get_object(json_parser_get_root(parser)) : NULL;
    VeraProjectState *state = NULL;

    if (object == NULL)
        g_set_error(&local, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "it is cut off or is not a project at all");
    else
        state = vera_project_state_from_json(object, dir, &local);
    if (state == NULL)
        vera_project_file_explain(path, local, error);
    return state;
}

VeraProjectState *
vera_project_file_read(const char *path, char **sha256, GError **error)
{
    g_autofree char *text = NULL;
    VeraProjectState *state;
    gsize length;

    if (!vera_project_file_get_contents(path, &text, &length, error))
        return NULL;
    state = vera_project_file_parse(path, text, length, error);
    if (state != NULL && sha256 != NULL)
        *sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, length);
    return state;
}

VeraProjectState *
vera_project_state_load(const char *path, GError **error)
{
    g_autofree char *resolved = vera_project_file_resolve(path);

    return vera_project_file_read(resolved, NULL, error);
}

gboolean
vera_project_file_write_all(int fd, const char *bytes, gsize length)
{
    while (length > 0) {
        gssize n = write(fd, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        bytes += n;
        length -= (gsize)n;
    }
    return TRUE;
}

/* The new file beside the old one, with its permissions, synced. */
static gboolean
vera_project_file_write_part(const char *part, const char *path, const char *text)
{
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    struct stat old;
    gboolean ok;
    int saved_errno;

    if (fd < 0)
        return FALSE;
    ok = (stat(path, &old) != 0 || fchmod(fd, old.st_mode & 07777) == 0) &&
         vera_project_file_write_all(fd, text, strlen(text)) && fsync(fd) == 0;
    saved_errno = errno;
    if (close(fd) != 0 && ok) {
        saved_errno = errno;
        ok = FALSE;
    }
    errno = saved_errno;
    return ok;
}

/* PATH~4 becomes PATH~5 and so on; PATH gets PATH~1 as a second name, so that PATH itself is there
 * at every moment. */
static gboolean
vera_project_file_rotate(const char *path)
{
    g_autofree char *newest = g_strconcat(path, "~1", NULL);

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return TRUE;
    for (int i = VERA_PROJECT_N_VERSIONS - 1; i >= 1; i--) {
        g_autofree char *from = g_strdup_printf("%s~%d", path, i);
        g_autofree char *to = g_strdup_printf("%s~%d", path, i + 1);
        if (rename(from, to) != 0 && errno != ENOENT)
            return FALSE;
    }
    if (link(path, newest) == 0)
        return TRUE;
    /* File systems without hard links: a copy. */
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) &&
           vera_project_file_write_part(newest, path, text);
}

/* @is_replaced says whether PATH is the new file, also when bringing that to disk failed. */
static gboolean
vera_project_file_replace(const char *path, const char *text, gboolean *is_replaced)
{
    g_autofree char *dir = g_path_get_dirname(path), *name = g_path_get_basename(path);
    g_autofree char *part_name = g_strdup_printf(".%s.saving", name);
    g_autofree char *part = g_build_filename(dir, part_name, NULL);
    int saved_errno;

    *is_replaced = vera_project_file_write_part(part, path, text) &&
                   vera_project_file_rotate(path) && rename(part, path) == 0;
    if (*is_replaced)
        return vera_file_sync_folder_of(path);
    saved_errno = errno;
    g_unlink(part);
    errno = saved_errno;
    return FALSE;
}

/* SHA-256 of what is there; NULL if nothing can be read. */
static char *
vera_project_file_get_sum(const char *path)
{
    g_autofree char *text = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, NULL))
        return NULL;
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, length);
}

gboolean
vera_project_file_write(const VeraProjectState *state,
                        const char *path,
                        const char *expected_sha256,
                        char **sha256,
                        GError **error)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autoptr(JsonObject) object = vera_project_state_to_json(state, dir);
    g_autofree char *json = vera_project_json_to_text(object, TRUE);
    g_autofree char *text = g_strconcat(json, "\n", NULL);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    g_autofree char *old_sum = vera_project_file_get_sum(path);
    g_autofree char *what = g_strdup_printf("save the project ‘%s’", path);
    gboolean is_same = g_strcmp0(old_sum, sum) == 0, is_replaced = FALSE, ok;

    if (old_sum != NULL && expected_sha256 != NULL && !is_same &&
        strcmp(old_sum, expected_sha256) != 0) {
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CHANGED_ON_DISK,
            "The project ‘%s’ was changed by another program since it was opened; save it under "
            "another name, or save over it and find the other version in ‘%s~1’.",
            path, path);
        return FALSE;
    }
    ok = is_same ? vera_file_sync_folder_of(path)
                 : vera_project_file_replace(path, text, &is_replaced);
    if (!ok)
        vera_engine_error_set_errno(error, errno, what);
    if (ok || is_replaced)
        *sha256 = g_steal_pointer(&sum);
    return ok;
}
