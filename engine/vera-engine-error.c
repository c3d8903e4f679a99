#include "config.h"

#include "engine/vera-engine-error.h"

#include <errno.h>

#include <gio/gio.h>

G_DEFINE_QUARK(vera-engine-error-quark, vera_engine_error)

gboolean
vera_engine_error_set_cancelled(void *cancellable, GError **error)
{
    if (cancellable == NULL || !g_cancellable_is_cancelled(cancellable))
        return FALSE;
    g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED, "Stopped on request.");
    return TRUE;
}

void
vera_engine_error_set_errno(GError **error, int saved_errno, const char *what)
{
    gboolean is_full = saved_errno == ENOSPC || saved_errno == EDQUOT || saved_errno == EFBIG;
    g_set_error(error, VERA_ENGINE_ERROR,
                is_full ? VERA_ENGINE_ERROR_DISK_FULL : VERA_ENGINE_ERROR_OUTPUT,
                "Could not %s: %s. %s", what, g_strerror(saved_errno),
                is_full ? "Free some space and run the same command again."
                        : "Check the folder and its permissions.");
}
