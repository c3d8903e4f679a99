#pragma once

#include "engine/project/vera-take.h"

G_BEGIN_DECLS

/** vera_take_record_load: reads take.json. Returns: (transfer full): the record, or %NULL with %VERA_ENGINE_ERROR_BAD_INPUT */
VeraTakeRecord *vera_take_record_load(const char *path, GError **error);

/** vera_take_steal_record: Returns: (transfer full): the record of a take that is only freed after this */
VeraTakeRecord *vera_take_steal_record(VeraTake *self);

G_END_DECLS
