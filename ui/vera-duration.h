#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** vera_duration_format: Returns: (transfer full): @seconds for people, in their language: "17 s", "3 min 20 s", "2 h 05 min" */
char *vera_duration_format(double seconds);

G_END_DECLS
