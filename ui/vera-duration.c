#include "config.h"

#include "ui/vera-duration.h"

#include <glib/gi18n.h>
#include <math.h>

char *
vera_duration_format(double seconds)
{
    gint64 whole = (gint64)llround(CLAMP(seconds, 0, 1e9));

    if (whole < 60)
        return g_strdup_printf(_("%d s"), (int)MAX(whole, 1));
    if (whole < 600 && whole % 60 != 0)
        return g_strdup_printf(_("%d min %d s"), (int)(whole / 60), (int)(whole % 60));
    if (whole < 3600)
        return g_strdup_printf(_("%d min"), (int)((whole + 30) / 60));
    return g_strdup_printf(_("%d h %02d min"), (int)(whole / 3600), (int)(whole % 3600 / 60));
}
