#include "config.h"

#include "ui/vera-timecode.h"

#include <stdio.h>

typedef struct {
    int num, den;
    const char *start;
    gint64 frame;
    const char *want;
} Case;

/* Known values of SMPTE ST 12-1: drop-frame leaves out numbers 0 and 1 (0 to 3 at 59.94) of each minute but every tenth. */
static const Case cases[] = {
    { 24, 1, NULL, 0, "00:00:00:00" },
    { 24, 1, NULL, 86399, "00:59:59:23" },
    { 25, 1, "10:00:00:00", 25, "10:00:01:00" },
    { 25, 1, "23:59:59:24", 1, "00:00:00:00" },
    { 24000, 1001, NULL, 24, "00:00:01:00" },
    { 24000, 1001, NULL, 86400, "01:00:00:00" },
    { 24000, 1001, "01:00:00:00", 24 * 60 * 2 - 1, "01:01:59:23" },
    { 30000, 1001, NULL, 1800, "00:01:00:00" },
    { 30000, 1001, "00:00:00;00", 0, "00:00:00;00" },
    { 30000, 1001, "00:00:00;00", 1799, "00:00:59;29" },
    { 30000, 1001, "00:00:00;00", 1800, "00:01:00;02" },
    { 30000, 1001, "00:00:00;00", 3597, "00:01:59;29" },
    { 30000, 1001, "00:00:00;00", 3598, "00:02:00;02" },
    { 30000, 1001, "00:00:00;00", 17981, "00:09:59;29" },
    { 30000, 1001, "00:00:00;00", 17982, "00:10:00;00" },
    { 30000, 1001, "00:00:00;00", 107892, "01:00:00;00" },
    { 30000, 1001, "00:00:00;00", 2589408, "00:00:00;00" },
    { 30000, 1001, "00:59:59;29", 1, "01:00:00;00" },
    { 30000, 1001, "01:00:59;29", 1, "01:01:00;02" },
    { 60000, 1001, "00:00:00;00", 3599, "00:00:59;59" },
    { 60000, 1001, "00:00:00;00", 3600, "00:01:00;04" },
    { 60000, 1001, "00:00:00;00", 35963, "00:09:59;59" },
    { 60000, 1001, "00:00:00;00", 35964, "00:10:00;00" },
    { 60000, 1001, "00:00:00;00", 215784, "01:00:00;00" },
    /* Nothing is dropped at rates that need it not, however the file writes its start. */
    { 25, 1, "00:00:59;24", 1, "00:01:00:00" },
    { 30, 1, "nonsense", 30, "00:00:01:00" },
};

static void
test_known(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        VeraClipInfo info = { .rate_num = cases[i].num, .rate_den = cases[i].den, .start_timecode = cases[i].start };
        g_autofree char *text = vera_timecode_format(&info, cases[i].frame);
        g_assert_cmpstr(text, ==, cases[i].want);
    }
}

/* Over a whole day no two frames have the same drop-frame name, and no dropped number is ever used. */
static void
test_drop_frame_is_one_to_one(void)
{
    VeraClipInfo info = { .rate_num = 30000, .rate_den = 1001, .start_timecode = "00:00:00;00" };
    gint64 before = -1;

    for (gint64 frame = 0; frame < 2589408; frame += 1 + frame % 7) {
        g_autofree char *text = vera_timecode_format(&info, frame);
        int h, m, s, f;
        gint64 number;
        g_assert_cmpint(sscanf(text, "%d:%d:%d;%d", &h, &m, &s, &f), ==, 4);
        number = ((h * 60 + m) * 60 + s) * 30 + f;
        g_assert_cmpint(number, >, before);
        g_assert_false(f < 2 && s == 0 && m % 10 != 0);
        before = number;
    }
}

static void
test_number(void)
{
    g_assert_cmpint(vera_timecode_get_number(&(VeraClipInfo){ .start_number = -1 }, 0), ==, 1);
    g_assert_cmpint(vera_timecode_get_number(&(VeraClipInfo){ .start_number = 1001 }, 9), ==, 1010);
    g_assert_cmpint(vera_timecode_get_number(&(VeraClipInfo){ .start_number = 0 }, 9), ==, 9);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/timecode/known", test_known);
    g_test_add_func("/ui/timecode/drop-frame-is-one-to-one", test_drop_frame_is_one_to_one);
    g_test_add_func("/ui/timecode/number", test_number);
    return g_test_run();
}
