#include "config.h"

#include "engine/media/vera-timecode.h"

#include <stdio.h>

#include <libavutil/timecode.h>

char *
vera_timecode_advance(const char *start, int rate_num, int rate_den, gint64 n_frames)
{
    AVTimecode timecode;
    char text[AV_TIMECODE_STR_SIZE];
    guint digits[4];
    char separator;

    /* Checked here first: the library complains on stderr about text that is no timecode. */
    if (start == NULL || rate_num <= 0 || rate_den <= 0 || n_frames > G_MAXINT32 ||
        sscanf(start, "%2u:%2u:%2u%c%2u", &digits[0], &digits[1], &digits[2], &separator,
               &digits[3]) != 5)
        return NULL;
    gint64 fps = ((gint64)rate_num + rate_den / 2) / rate_den;
    gboolean is_drop = separator != ':';
    if (digits[0] > 23 || digits[1] > 59 || digits[2] > 59 || digits[3] >= fps ||
        (is_drop && fps != 30 && fps != 60))
        return NULL;
    if (av_timecode_init_from_string(&timecode, (AVRational){rate_num, rate_den}, start, NULL) < 0)
        return NULL;
    timecode.flags |= AV_TIMECODE_FLAG_24HOURSMAX;
    return g_strdup(av_timecode_make_string(&timecode, text, (int)n_frames));
}

static guint32
vera_timecode_to_bcd(guint value)
{
    return value / 10 << 4 | value % 10;
}

guint32
vera_timecode_pack(const char *timecode, int rate_num, int rate_den)
{
    guint h = 0, m = 0, s = 0, f = 0;
    char separator = ':';
    guint32 flags = 0;

    if (sscanf(timecode, "%2u:%2u:%2u%c%2u", &h, &m, &s, &separator, &f) != 5)
        return 0;
    if (separator != ':')
        flags |= 1u << 6;
    if (rate_num > 31 * (gint64)rate_den) {
        flags |= (f & 1) << 15;
        f /= 2;
    }
    return flags | vera_timecode_to_bcd(h) << 24 | vera_timecode_to_bcd(m) << 16 |
           vera_timecode_to_bcd(s) << 8 | vera_timecode_to_bcd(f);
}
