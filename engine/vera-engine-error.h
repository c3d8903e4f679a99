#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VERA_ENGINE_ERROR:
 *
 * The domain of every error that the engine reports. Messages are one sentence for a person: what was
 * tried, on which file, what is wrong, what to do.
 */
#define VERA_ENGINE_ERROR (vera_engine_error_quark())

/**
 * VeraEngineError:
 * @VERA_ENGINE_ERROR_FAILED: a job or a step failed for a reason that has no code of its own
 * @VERA_ENGINE_ERROR_USAGE: arguments that make no sense (a range that is empty, an unknown preset)
 * @VERA_ENGINE_ERROR_BAD_INPUT: a clip, mask, sequence or folder is missing or cannot be read
 * @VERA_ENGINE_ERROR_UNSUPPORTED: the input is sound, but of a kind that is not handled
 * @VERA_ENGINE_ERROR_BAD_WEIGHTS: a model is missing, damaged, or not of the expected shape
 * @VERA_ENGINE_ERROR_NO_DEVICE: the asked device does not exist or does not suit
 * @VERA_ENGINE_ERROR_DEVICE_LOST: the device stopped answering; the runtime is unusable
 * @VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY: the device has too little free memory
 * @VERA_ENGINE_ERROR_OUT_OF_MEMORY: the host has too little free memory
 * @VERA_ENGINE_ERROR_DISK_FULL: nothing more can be written where the output goes
 * @VERA_ENGINE_ERROR_OUTPUT: the output cannot be written for another reason (permission, path)
 * @VERA_ENGINE_ERROR_CHANGED_ON_DISK: another program wrote the file since it was read; writing
 * would lose that
 * @VERA_ENGINE_ERROR_LOCKED: another program has the project open for writing
 * @VERA_ENGINE_ERROR_CANCELLED: the caller asked to stop
 *
 * Codes that a user interface or the command line can act on.
 */
typedef enum {
    VERA_ENGINE_ERROR_FAILED,
    VERA_ENGINE_ERROR_USAGE,
    VERA_ENGINE_ERROR_BAD_INPUT,
    VERA_ENGINE_ERROR_UNSUPPORTED,
    VERA_ENGINE_ERROR_BAD_WEIGHTS,
    VERA_ENGINE_ERROR_NO_DEVICE,
    VERA_ENGINE_ERROR_DEVICE_LOST,
    VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY,
    VERA_ENGINE_ERROR_OUT_OF_MEMORY,
    VERA_ENGINE_ERROR_DISK_FULL,
    VERA_ENGINE_ERROR_OUTPUT,
    VERA_ENGINE_ERROR_CHANGED_ON_DISK,
    VERA_ENGINE_ERROR_LOCKED,
    VERA_ENGINE_ERROR_CANCELLED,
} VeraEngineError;

/**
 * vera_engine_error_quark:
 *
 * Thread-safety: safe.
 * Returns: the quark of %VERA_ENGINE_ERROR
 */
GQuark vera_engine_error_quark(void);

/**
 * vera_engine_error_set_cancelled:
 * @cancellable: (nullable): a cancellable
 * @error: return location for a #GError
 *
 * Reports %VERA_ENGINE_ERROR_CANCELLED when @cancellable is cancelled.
 *
 * Thread-safety: safe.
 * Returns: %TRUE if @cancellable is cancelled, and @error is then set
 */
gboolean vera_engine_error_set_cancelled(void *cancellable, GError **error);

/**
 * vera_engine_error_set_errno:
 * @error: return location for a #GError
 * @saved_errno: the errno of the failed write
 * @what: a sentence fragment that says what was tried on which file, for example "write ‘a/b.exr’"
 *
 * Reports a failed write: ENOSPC and EDQUOT become %VERA_ENGINE_ERROR_DISK_FULL, all else
 * %VERA_ENGINE_ERROR_OUTPUT.
 *
 * Thread-safety: safe.
 */
void vera_engine_error_set_errno(GError **error, int saved_errno, const char *what);

G_END_DECLS
