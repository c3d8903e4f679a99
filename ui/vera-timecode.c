#include "config.h"

#include "ui/vera-timecode.h"

#include <stdio.h>
#include <string.h>

/* Frame numbers that drop-frame timecode leaves out each minute but the tenth (SMPTE ST 12-1). */
static gint64
vera_timecode_get_n_dropped(gint64 rate)
{
    return rate >= 50 ? 4 : 2;
}

static gint64
vera_timecode_add_drops(gint64 frame, gint64 rate)
{
    gint64 drop = vera_timecode_get_n_dropped(rate), minute = rate * 60 - drop, ten = rate * 600 - 9 * drop;
    gint64 tens = frame / ten, rest = frame % ten;

    return frame + 9 * drop * tens + (rest >= rate * 60 ? drop * (1 + (rest - rate * 60) / minute) : 0);
}

static gint64
vera_timecode_remove_drops(gint64 number, gint64 rate)
{
    gint64 minutes = number / (rate * 60);

    return number - vera_timecode_get_n_dropped(rate) * (minutes - minutes / 10);
}

char *
vera_timecode_format(const VeraClipInfo *info, gint64 frame)
{
    gint64 rate = MAX((info->rate_num + info->rate_den / 2) / MAX(info->rate_den, 1), 1);
    /* Some writers put ";" at rates that have nothing to drop. */
    gboolean is_drop = rate % 30 == 0 && info->start_timecode != NULL && strchr(info->start_timecode, ';') != NULL;
    int h = 0, m = 0, s = 0, f = 0;
    gint64 number;

    if (info->start_timecode == NULL || sscanf(info->start_timecode, "%d:%d:%d%*[:;.]%d", &h, &m, &s, &f) != 4)
        h = m = s = f = 0;
    number = ((h * 60 + m) * (gint64)60 + s) * rate + f;
    number = is_drop ? vera_timecode_add_drops(vera_timecode_remove_drops(number, rate) + frame, rate) : number + frame;
    return g_strdup_printf("%02d:%02d:%02d%c%02d", (int)(number / (rate * 3600) % 24), (int)(number / (rate * 60) % 60),
                           (int)(number / rate % 60), is_drop ? ';' : ':', (int)(number % rate));
}

gint64
vera_timecode_get_number(const VeraClipInfo *info, gint64 frame)
{
    return info->start_number >= 0 ? info->start_number + frame : frame + 1;
}
