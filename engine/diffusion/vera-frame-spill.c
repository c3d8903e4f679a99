#include "config.h"

#include "engine/diffusion/vera-frame-spill.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/vera-engine-error.h"

struct _VeraFrameSpill {
    char *folder;
    gsize frame_size; /* bytes */
    int file;
};

static void
vera_frame_spill_fail(VeraFrameSpill *self, int saved_errno, GError **error)
{
    g_autofree char *what = g_strdup_printf("keep decoded frames in ‘%s’", self->folder);

    vera_engine_error_set_errno(error, saved_errno, what);
}

/* Without a name from the start where the file system can do that, else at once after. */
static int
vera_frame_spill_open(const char *folder)
{
    int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    g_autofree char *path = NULL;

    if (file >= 0)
        return file;
    path = g_build_filename(folder, ".vera-frames-XXXXXX", NULL);
    file = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0)
        g_unlink(path);
    return file;
}

VeraFrameSpill *
vera_frame_spill_new(const char *folder, gsize n_floats, int n_frames, GError **error)
{
    g_autoptr(VeraFrameSpill) self = g_new0(VeraFrameSpill, 1);
    int saved_errno;

    self->folder = g_strdup(folder ? folder : g_get_tmp_dir());
    self->frame_size = n_floats * sizeof(float);
    self->file = vera_frame_spill_open(self->folder);
    saved_errno = self->file < 0 ? errno : posix_fallocate(self->file, 0, (off_t)self->frame_size * n_frames);
    if (saved_errno != 0) {
        vera_frame_spill_fail(self, saved_errno, error);
        return NULL;
    }
    return g_steal_pointer(&self);
}

void
vera_frame_spill_free(VeraFrameSpill *self)
{
    if (self == NULL)
        return;
    if (self->file >= 0)
        close(self->file);
    g_free(self->folder);
    g_free(self);
}

gboolean
vera_frame_spill_write(
    VeraFrameSpill *self, int index, gsize first, const float *values, gsize n, GError **error)
{
    off_t at = (off_t)self->frame_size * index + (off_t)(first * sizeof(float));
    const char *from = (const char *)values;

    for (gsize left = n * sizeof(float); left > 0;) {
        ssize_t done = pwrite(self->file, from, left, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            vera_frame_spill_fail(self, done < 0 ? errno : EIO, error);
            return FALSE;
        }
        from += done;
        at += done;
        left -= (gsize)done;
    }
    return TRUE;
}

gboolean
vera_frame_spill_read(VeraFrameSpill *self, int index, float *values, GError **error)
{
    off_t at = (off_t)self->frame_size * index;
    char *to = (char *)values;

    for (gsize left = self->frame_size; left > 0;) {
        ssize_t done = pread(self->file, to, left, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            vera_frame_spill_fail(self, done < 0 ? errno : EIO, error);
            return FALSE;
        }
        to += done;
        at += done;
        left -= (gsize)done;
    }
    return TRUE;
}
