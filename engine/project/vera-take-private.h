#pragma once

#include "engine/project/vera-take.h"

G_BEGIN_DECLS

/** vera_take_record_load: reads take.json. Returns: (transfer full): the record, or %NULL with %VERA_ENGINE_ERROR_BAD_INPUT */
VeraTakeRecord *vera_take_record_load(const char *path, GError **error);

/** vera_take_steal_record: Returns: (transfer full): the record of a take that is only freed after this */
VeraTakeRecord *vera_take_steal_record(VeraTake *self);

/**
 * vera_take_measure:
 * @dir: folder of a take
 * @n_bytes: (out): of its files and of the mask in DIR.region
 *
 * Returns: %FALSE if there is anything in the folder that no take is made of
 */
gboolean vera_take_measure(const char *dir, guint64 *n_bytes);

/** vera_take_trash: moves a take and its mask to the trash. Errors: %VERA_ENGINE_ERROR_UNSUPPORTED
 * (this disk has none), %VERA_ENGINE_ERROR_OUTPUT */
gboolean vera_take_trash(const char *dir, GError **error);

/** vera_take_remove: removes a take and its mask from the disk, and nothing that is not theirs.
 * Stopped half way, it can be tried again. Errors: %VERA_ENGINE_ERROR_OUTPUT */
gboolean vera_take_remove(const char *dir, GError **error);

G_END_DECLS
