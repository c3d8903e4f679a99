#include "config.h"

#include <math.h>
#include <string.h>

#include "engine/media/vera-clip.h"
#include "engine/vera-engine-error.h"
#include "tests/engine/project-fixture.h"

#define W 200
#define H 120

typedef union {
    float v[H][W];
    float all[H * W];
} Picture;

static VeraRegionShape *
add_shape(
    VeraRegion *region, VeraRegionShapeKind kind, gint64 frame, const float *xy, guint n_points)
{
    VeraRegionShape *shape = vera_region_shape_new(kind);
    g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(VeraRegionPoint));

    for (guint i = 0; i < n_points; i++) {
        VeraRegionPoint p = {xy[2 * i], xy[2 * i + 1], 1};
        g_array_append_val(points, p);
    }
    vera_region_shape_set_points(shape, frame, (VeraRegionPoint *)points->data, n_points);
    g_ptr_array_add(region->shapes, shape);
    return shape;
}

static void
set_points(VeraRegionShape *shape, gint64 frame, const float *xy, guint n_points)
{
    g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(VeraRegionPoint));

    for (guint i = 0; i < n_points; i++) {
        VeraRegionPoint p = {xy[2 * i], xy[2 * i + 1], 1};
        g_array_append_val(points, p);
    }
    vera_region_shape_set_points(shape, frame, (VeraRegionPoint *)points->data, n_points);
}

static void
render(const VeraRegion *region, gint64 frame, Picture *picture)
{
    memset(picture, 0xff, sizeof *picture);
    g_assert_true(vera_region_render(region, frame, W, H, W, H, picture->all));
}

static double
get_area(const Picture *picture)
{
    double sum = 0;

    for (int i = 0; i < W * H; i++) {
        g_assert_true(picture->all[i] >= 0 && picture->all[i] <= 1);
        sum += (double)picture->all[i];
    }
    return sum;
}

static void
test_rectangle(void)
{
    const float whole[] = {50, 70, 30, 20}, part[] = {30.25f, 20.5f, 50.75f, 70};
    g_autoptr(VeraRegion) region = vera_region_new(), fine = vera_region_new();
    Picture p;

    add_shape(region, VERA_REGION_SHAPE_KIND_RECTANGLE, 0, whole, 2);
    render(region, 0, &p);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            g_assert_cmpfloat(p.v[y][x], ==, x >= 30 && x < 50 && y >= 20 && y < 70 ? 1.0f : 0.0f);
    add_shape(fine, VERA_REGION_SHAPE_KIND_RECTANGLE, 0, part, 2);
    render(fine, 0, &p);
    g_assert_cmpfloat_with_epsilon((double)p.v[40][30], 0.75, 0.01);
    g_assert_cmpfloat_with_epsilon((double)p.v[40][50], 0.75, 0.01);
    g_assert_cmpfloat_with_epsilon((double)p.v[20][40], 0.5, 0.01);
    g_assert_cmpfloat_with_epsilon((double)p.v[20][30], 0.375, 0.01);
    g_assert_cmpfloat(p.v[40][29], ==, 0);
    g_assert_cmpfloat(p.v[40][31], ==, 1);
}

static void
test_areas(void)
{
    const float box[] = {20, 10, 120, 90}, line[] = {40, 60, 160, 60}, dot[] = {100.3f, 60.7f};
    const float corner[] = {40, 30, 160, 30, 160, 100}, triangle[] = {10, 10, 190, 20, 60, 110};
    /* A star drawn in one go crosses itself: its middle is outside. */
    const float star[] = {100, 10, 129, 100, 53, 44, 147, 44, 71, 100};
    const struct {
        VeraRegionShapeKind kind;
        const float *points;
        guint n_points;
        double area;
    } cases[] = {
        {VERA_REGION_SHAPE_KIND_ELLIPSE, box, 2, G_PI * 50 * 40},
        {VERA_REGION_SHAPE_KIND_STROKE, line, 2, 2 * 12.5 * 120 + G_PI * 12.5 * 12.5},
        {VERA_REGION_SHAPE_KIND_STROKE, dot, 1, G_PI * 12.5 * 12.5},
        /* At the corner the two arms overlap in a quarter square and the join covers a quarter
           disc. */
        {VERA_REGION_SHAPE_KIND_STROKE, corner, 3,
         25 * (120 + 70) - 12.5 * 12.5 + 1.25 * G_PI * 12.5 * 12.5},
        {VERA_REGION_SHAPE_KIND_LASSO, triangle, 3, 0.5 * (180.0 * 100 - 10.0 * 50)},
        {VERA_REGION_SHAPE_KIND_POLYGON, triangle, 3, 0.5 * (180.0 * 100 - 10.0 * 50)},
    };
    Picture p;

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VeraRegion) region = vera_region_new();
        add_shape(region, cases[i].kind, 0, cases[i].points, cases[i].n_points)->radius = 12.5f;
        render(region, 0, &p);
        g_test_message("case %" G_GSIZE_FORMAT ": %.1f, wanted %.1f", i, get_area(&p),
                       cases[i].area);
        g_assert_cmpfloat_with_epsilon(get_area(&p), cases[i].area, 0.003 * cases[i].area);
    }
    g_autoptr(VeraRegion) region = vera_region_new();
    add_shape(region, VERA_REGION_SHAPE_KIND_LASSO, 0, star, 5);
    render(region, 0, &p);
    g_assert_cmpfloat(p.v[62][100], ==, 0);
    g_assert_cmpfloat(p.v[35][100], ==, 1);
}

/* Distance to the hull of two discs, for the one that covers more of the way. */
static double
get_cone_distance(double x, double y, VeraRegionPoint a, VeraRegionPoint b, double r, double s)
{
    double nearest = INFINITY;

    for (int i = 0; i <= 2000; i++) {
        double t = i / 2000.0;
        double d =
            hypot(x - (a.x + t * (b.x - a.x)), y - (a.y + t * (b.y - a.y))) - (r + t * (s - r));
        nearest = MIN(nearest, d);
    }
    return nearest;
}

static void
test_pressure(void)
{
    const VeraRegionPoint lines[][2] = {
        {{40, 60, 1}, {150, 40, 0.2f}}, {{40, 30, 0}, {150, 90, 1}}, {{90, 60, 1}, {95, 62, 0.1f}}};
    Picture p;

    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(VeraRegion) region = vera_region_new();
        VeraRegionShape *shape = vera_region_shape_new(VERA_REGION_SHAPE_KIND_STROKE);
        shape->radius = 25;
        vera_region_shape_set_points(shape, 0, lines[i], 2);
        g_ptr_array_add(region->shapes, shape);
        render(region, 0, &p);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                double d = get_cone_distance(x + 0.5, y + 0.5, lines[i][0], lines[i][1],
                                             25 * (double)lines[i][0].pressure,
                                             25 * (double)lines[i][1].pressure);
                if (d < -0.8)
                    g_assert_cmpfloat(p.v[y][x], ==, 1);
                else if (d > 0.8)
                    g_assert_cmpfloat(p.v[y][x], ==, 0);
            }
    }
}

static void
test_order(void)
{
    const float big[] = {20, 20, 120, 100}, small[] = {60, 40, 90, 70}, inner[] = {70, 50, 80, 60};
    g_autoptr(VeraRegion) region = vera_region_new();
    Picture p, inverted;

    add_shape(region, VERA_REGION_SHAPE_KIND_RECTANGLE, 0, big, 2);
    add_shape(region, VERA_REGION_SHAPE_KIND_RECTANGLE, 0, small, 2)->is_subtracted = TRUE;
    add_shape(region, VERA_REGION_SHAPE_KIND_RECTANGLE, 0, inner, 2);
    render(region, 0, &p);
    g_assert_cmpfloat(get_area(&p), ==, 100 * 80 - 30 * 30 + 10 * 10);
    g_assert_cmpfloat(p.v[55][75], ==, 1);
    g_assert_cmpfloat(p.v[45][65], ==, 0);
    region->is_inverted = TRUE;
    render(region, 0, &inverted);
    for (int i = 0; i < W * H; i++)
        g_assert_cmpfloat(inverted.all[i], ==, 1 - p.all[i]);
    /* A hole that comes first takes nothing away. */
    VeraRegionShape *first = g_ptr_array_steal_index(region->shapes, 1);
    g_ptr_array_insert(region->shapes, 0, first);
    region->is_inverted = FALSE;
    render(region, 0, &p);
    g_assert_cmpfloat(get_area(&p), ==, 100 * 80);
}

static void
test_feather(void)
{
    const float half[] = {-500, -500, 100, 500};
    g_autoptr(VeraRegion) region = vera_region_new();
    Picture p;
    g_autofree float *small = g_new(float, (W / 2) * (H / 2));

    add_shape(region, VERA_REGION_SHAPE_KIND_RECTANGLE, 0, half, 2);
    region->feather = 8;
    render(region, 0, &p);
    for (int x = 0; x < W; x++) {
        double wanted = 0.5 * erfc((x + 0.5 - 100) / (8 * G_SQRT2));
        g_assert_cmpfloat_with_epsilon((double)p.v[60][x], wanted, 0.003);
    }
    /* At half the size the feather is half as wide in pixels, as wide on the picture. */
    g_assert_true(vera_region_render(region, 0, W / 2, H / 2, W, H, small));
    for (int x = 0; x < W / 2; x++) {
        double wanted = 0.5 * erfc((x + 0.5 - 50) / (4 * G_SQRT2));
        g_assert_cmpfloat_with_epsilon((double)small[(H / 4) * (W / 2) + x], wanted, 0.003);
    }
}

static void
test_scale(void)
{
    const float box[] = {20, 10, 120, 90};
    g_autoptr(VeraRegion) region = vera_region_new();
    g_autofree float *large = g_new(float, 3 * W * 2 * H);
    double sum = 0;

    add_shape(region, VERA_REGION_SHAPE_KIND_RECTANGLE, 0, box, 2);
    g_assert_true(vera_region_render(region, 0, 3 * W, 2 * H, W, H, large));
    for (int i = 0; i < 3 * W * 2 * H; i++)
        sum += (double)large[i];
    g_assert_cmpfloat(sum, ==, 3 * 100 * 2 * 80);
    g_assert_cmpfloat(large[20 * 3 * W + 60], ==, 1);
    g_assert_cmpfloat(large[20 * 3 * W + 59], ==, 0);
    g_assert_cmpfloat(large[19 * 3 * W + 60], ==, 0);
}

static void
assert_first_x(const VeraRegionShape *shape, gint64 frame, float x)
{
    g_autoptr(GArray) points = vera_region_shape_get_points(shape, frame);

    g_assert_cmpuint(points->len, >, 0);
    g_assert_cmpfloat(g_array_index(points, VeraRegionPoint, 0).x, ==, x);
}

static void
test_keyframes(void)
{
    const float a[] = {0, 0, 10, 10}, b[] = {100, 20, 130, 60}, c[] = {7, 7, 8, 8, 9, 9};
    g_autoptr(VeraRegion) region = vera_region_new();
    VeraRegionShape *box = add_shape(region, VERA_REGION_SHAPE_KIND_RECTANGLE, 20, b, 2);
    VeraRegionShape *stroke = add_shape(region, VERA_REGION_SHAPE_KIND_STROKE, 10, a, 2);
    VeraRegionShape *polygon = add_shape(region, VERA_REGION_SHAPE_KIND_POLYGON, 10, a, 2);

    set_points(box, 10, a, 2);
    g_assert_cmpint(((VeraRegionKeyframe *)box->keyframes->pdata[0])->frame, ==, 10);
    assert_first_x(box, 0, 0);
    assert_first_x(box, 10, 0);
    assert_first_x(box, 13, 30);
    assert_first_x(box, 20, 100);
    assert_first_x(box, 1000, 100);
    set_points(stroke, 20, b, 2);
    assert_first_x(stroke, 19, 0);
    assert_first_x(stroke, 20, 100);
    set_points(polygon, 20, c, 3);
    assert_first_x(polygon, 15, 0);
    assert_first_x(polygon, 20, 7);
    /* From a keyframe without points on, the shape is gone. */
    set_points(box, 30, NULL, 0);
    assert_first_x(box, 29, 100);
    g_autoptr(GArray) gone = vera_region_shape_get_points(box, 30);
    g_assert_cmpuint(gone->len, ==, 0);
    /* Setting a keyframe to its own points. */
    VeraRegionKeyframe *keyframe = box->keyframes->pdata[1];
    vera_region_shape_set_points(box, 20, (VeraRegionPoint *)keyframe->points->data,
                                 keyframe->points->len);
    assert_first_x(box, 20, 100);
    g_assert_cmpuint(box->keyframes->len, ==, 3);
    g_assert_false(vera_region_shape_remove_keyframe(box, 21));
    g_assert_true(vera_region_shape_remove_keyframe(box, 30));
    g_assert_true(vera_region_shape_remove_keyframe(box, 10));
    g_assert_false(vera_region_shape_remove_keyframe(box, 20));
}

static void
assert_keys(const VeraRegion *region, guint n, gint64 a, gint64 b, gint64 c)
{
    const gint64 want[] = {a, b, c};
    g_autoptr(GArray) frames = vera_region_list_keys(region);

    g_assert_cmpuint(frames->len, ==, n);
    for (guint i = 0; i < n; i++)
        g_assert_cmpint(g_array_index(frames, gint64, i), ==, want[i]);
}

static void
test_keys(void)
{
    const float a[] = {0, 0, 10, 10}, b[] = {100, 20, 130, 60};
    g_autoptr(VeraRegion) region = vera_region_new();
    VeraRegionShape *box = add_shape(region, VERA_REGION_SHAPE_KIND_RECTANGLE, 10, a, 2);
    VeraRegionShape *stroke = add_shape(region, VERA_REGION_SHAPE_KIND_STROKE, 20, a, 2);

    set_points(box, 20, b, 2);
    assert_keys(region, 2, 10, 20, 0);
    /* A key where the shapes are: nothing moves, also not between. */
    g_assert_true(vera_region_add_key(region, 13));
    g_assert_false(vera_region_add_key(region, 13));
    assert_keys(region, 3, 10, 13, 20);
    assert_first_x(box, 13, 30);
    assert_first_x(box, 16, 60);
    /* Neighbours are neither passed nor overwritten. */
    g_assert_cmpint(vera_region_move_key(region, 11, 12), ==, -1);
    g_assert_cmpint(vera_region_move_key(region, 13, 15), ==, 15);
    g_assert_cmpint(vera_region_move_key(region, 15, 400), ==, 19);
    g_assert_cmpint(vera_region_move_key(region, 19, 0), ==, 11);
    g_assert_cmpint(vera_region_move_key(region, 10, -5), ==, 0);
    g_assert_cmpint(vera_region_move_key(region, 20, 100), ==, 100);
    assert_keys(region, 3, 0, 11, 100);
    assert_first_x(box, 11, 30);
    assert_first_x(box, 100, 100);
    /* A shift makes a key; a stroke holds what it has before it. */
    vera_region_shift(region, 50, 5, -2);
    g_assert_cmpuint(box->keyframes->len, ==, 4);
    assert_first_x(stroke, 49, 0);
    assert_first_x(stroke, 50, 5);
    assert_first_x(stroke, 100, 0);
    g_assert_true(vera_region_remove_key(region, 50));
    g_assert_false(vera_region_remove_key(region, 50));
    /* The only keyframe of a shape stays. */
    g_assert_true(vera_region_remove_key(region, 11));
    g_assert_true(vera_region_remove_key(region, 0));
    g_assert_false(vera_region_remove_key(region, 100));
    assert_keys(region, 1, 100, 0, 0);
}

static VeraRegion *
make_random_region(GRand *random)
{
    VeraRegion *region = vera_region_new();
    int n_shapes = g_rand_int_range(random, 0, 4);

    for (int i = 0; i < n_shapes; i++) {
        VeraRegionShapeKind kind = (VeraRegionShapeKind)g_rand_int_range(random, 0, 5);
        VeraRegionShape *shape = vera_region_shape_new(kind);
        gboolean is_box =
            kind == VERA_REGION_SHAPE_KIND_RECTANGLE || kind == VERA_REGION_SHAPE_KIND_ELLIPSE;
        int n_keyframes = g_rand_int_range(random, 1, 4);
        shape->radius = (float)g_rand_double_range(random, 0.5, 30);
        shape->is_subtracted = g_rand_int_range(random, 0, 4) == 0;
        for (int k = 0; k < n_keyframes; k++) {
            VeraRegionPoint points[5];
            guint n = is_box ? 2 : (guint)g_rand_int_range(random, 0, 5);
            for (guint j = 0; j < n; j++)
                points[j] =
                    (VeraRegionPoint){(float)g_rand_double_range(random, -50, W + 50),
                                      (float)g_rand_double_range(random, -50, H + 50),
                                      g_rand_boolean(random) ? 1 : (float)g_rand_double(random)};
            vera_region_shape_set_points(shape, g_rand_int_range(random, 0, 10), points, n);
            /* Now and then the same shape again: a keyframe that changes nothing. */
            if (g_rand_int_range(random, 0, 3) == 0)
                vera_region_shape_set_points(shape, g_rand_int_range(random, 0, 10), points, n);
        }
        g_ptr_array_add(region->shapes, shape);
    }
    region->is_inverted = g_rand_int_range(random, 0, 8) == 0;
    region->feather = g_rand_boolean(random) ? 0 : (float)g_rand_double_range(random, 0, 10);
    return region;
}

static gboolean
has_same_points(const VeraRegion *region, gint64 a, gint64 b)
{
    for (guint i = 0; i < region->shapes->len; i++) {
        g_autoptr(GArray) p = vera_region_shape_get_points(region->shapes->pdata[i], a);
        g_autoptr(GArray) q = vera_region_shape_get_points(region->shapes->pdata[i], b);
        if (p->len != q->len ||
            (p->len && memcmp(p->data, q->data, p->len * sizeof(VeraRegionPoint)) != 0))
            return FALSE;
    }
    return TRUE;
}

static void
test_animated(void)
{
    GRand *random = g_rand_new_with_seed(5);
    int n_animated = 0;

    for (int i = 0; i < 3000; i++) {
        g_autoptr(VeraRegion) region = make_random_region(random);
        gint64 first = g_rand_int_range(random, 0, 11),
               last = first + g_rand_int_range(random, 0, 6);
        gboolean is_animated = FALSE;
        for (gint64 f = first; f < last; f++)
            is_animated = is_animated || !has_same_points(region, f, f + 1);
        g_assert_cmpint(vera_region_is_animated(region, first, last), ==, is_animated);
        n_animated += is_animated;
    }
    g_assert_cmpint(n_animated, >, 300);
    g_assert_cmpint(n_animated, <, 2700);
    g_rand_free(random);
}

static void
test_bounds(void)
{
    GRand *random = g_rand_new_with_seed(6);
    int n_inside = 0;

    for (int i = 0; i < 150; i++) {
        g_autoptr(VeraRegion) region = make_random_region(random);
        VeraRegionBounds b;
        Picture p;
        gboolean has_any = vera_region_bounds(region, i % 10, W, H, &b);
        render(region, i % 10, &p);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                gboolean is_inside =
                    x >= b.x && x < b.x + b.width && y >= b.y && y < b.y + b.height;
                g_assert_true(is_inside || p.v[y][x] == 0);
                n_inside += is_inside;
            }
        g_assert_true(has_any == (b.width > 0));
        g_assert_true(b.x >= 0 && b.y >= 0 && b.x + b.width <= W && b.y + b.height <= H);
    }
    g_assert_cmpint(n_inside, <, 140 * W * H);
    const float box[] = {50, 40, 80, 60};
    g_autoptr(VeraRegion) region = vera_region_new();
    VeraRegionBounds b;
    add_shape(region, VERA_REGION_SHAPE_KIND_RECTANGLE, 0, box, 2);
    region->feather = 2;
    g_assert_true(vera_region_bounds(region, 0, W, H, &b));
    g_assert_true(b.x >= 42 && b.y >= 32 && b.x + b.width <= 88 && b.y + b.height <= 68);
    g_rand_free(random);
}

static void
test_hash(void)
{
    g_autoptr(VeraRegion) region = fixture_make_region();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(VeraRegion) copy = vera_region_copy(region);
    VeraRegionShape *shape = copy->shapes->pdata[0];
    VeraRegionKeyframe *keyframe = shape->keyframes->pdata[0];

    g_assert_true(vera_region_equal(region, copy));
    g_hash_table_add(seen, vera_region_hash(region));
    copy->extra = g_strdup("{}");
    g_assert_false(g_hash_table_add(seen, vera_region_hash(copy)));
    g_assert_false(vera_region_equal(region, copy));
    copy->feather += 1;
    g_assert_true(g_hash_table_add(seen, vera_region_hash(copy)));
    copy->is_inverted = !copy->is_inverted;
    g_assert_true(g_hash_table_add(seen, vera_region_hash(copy)));
    shape->radius = nextafterf(shape->radius, 100);
    g_assert_true(g_hash_table_add(seen, vera_region_hash(copy)));
    shape->is_subtracted = !shape->is_subtracted;
    g_assert_true(g_hash_table_add(seen, vera_region_hash(copy)));
    shape->kind = VERA_REGION_SHAPE_KIND_LASSO;
    g_assert_true(g_hash_table_add(seen, vera_region_hash(copy)));
    keyframe->frame = 4;
    g_assert_true(g_hash_table_add(seen, vera_region_hash(copy)));
    g_array_index(keyframe->points, VeraRegionPoint, 1).y += 1;
    g_assert_true(g_hash_table_add(seen, vera_region_hash(copy)));
    g_array_index(keyframe->points, VeraRegionPoint, 1).pressure = 0.5f;
    g_assert_true(g_hash_table_add(seen, vera_region_hash(copy)));
    g_ptr_array_remove_index(copy->shapes, 4);
    g_assert_true(g_hash_table_add(seen, vera_region_hash(copy)));
}

static void
assert_mask_frame(VeraClip *clip, gint64 index, const VeraRegion *region, gint64 frame)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrame) got = vera_clip_read_frame(clip, index, NULL, &error);
    g_autofree float *rgb = g_new(float, 3 * W * H);
    Picture p;

    g_assert_no_error(error);
    g_assert_cmpint(got->width, ==, W);
    vera_frame_to_rgb(got, rgb);
    render(region, frame, &p);
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < 3; c++)
            g_assert_cmpfloat_with_epsilon((double)rgb[3 * i + c], (double)p.all[i], 2.0 / 65535);
}

static void
test_mask(Fixture *fixture, gconstpointer unused)
{
    const float a[] = {10, 10, 60, 50}, b[] = {100, 30, 180, 110};
    g_autoptr(VeraRegion) region = vera_region_new();
    VeraRegionShape *box = add_shape(region, VERA_REGION_SHAPE_KIND_ELLIPSE, 5, a, 2);
    g_autofree char *dir = fixture_path(fixture, "deep/mask"), *path = NULL, *shorter = NULL,
                    *still = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraClip) clip = NULL;

    region->feather = 1.5f;
    set_points(box, 15, b, 2);
    path = vera_region_write_mask(region, 3, 12, W, H, dir, NULL, &error);
    g_assert_no_error(error);
    clip = vera_clip_open(path, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(vera_clip_get_info(clip)->n_frames, ==, 10);
    for (int i = 0; i < 10; i++)
        assert_mask_frame(clip, i, region, 3 + i);
    g_clear_object(&clip);
    /* Frames of the longer mask do not stay. */
    shorter = vera_region_write_mask(region, 6, 8, W, H, dir, NULL, &error);
    clip = vera_clip_open(shorter, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(vera_clip_get_info(clip)->n_frames, ==, 3);
    assert_mask_frame(clip, 2, region, 8);
    g_clear_object(&clip);
    still = vera_region_write_mask(region, 15, 900, W, H, dir, NULL, &error);
    clip = vera_clip_open(still, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(vera_clip_get_info(clip)->n_frames, ==, 1);
    assert_mask_frame(clip, 0, region, 100);
}

static void
test_mask_failures(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraRegion) region = fixture_make_region();
    g_autofree char *dir = fixture_path(fixture, "mask"), *file = fixture_path(fixture, "file");
    g_autofree char *below = g_build_filename(file, "mask", NULL);
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;

    g_cancellable_cancel(cancellable);
    g_assert_null(vera_region_write_mask(region, 3, 12, W, H, dir, cancellable, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED);
    g_assert_false(g_file_test(dir, G_FILE_TEST_EXISTS));
    g_clear_error(&error);
    fixture_write(file, "");
    g_assert_null(vera_region_write_mask(region, 3, 12, W, H, below, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
}

/* Shapes without extent, outside the frame, far away: nothing is drawn, nothing breaks. */
static void
test_degenerate(void)
{
    const float point[] = {30, 30, 30, 30}, far[] = {-1e6f, -1e6f, 1e6f, -1e6f},
                line[] = {10, 10, 190, 10};
    Picture p;

    for (int kind = 0; kind <= VERA_REGION_SHAPE_KIND_POLYGON; kind++) {
        g_autoptr(VeraRegion) region = vera_region_new();
        const float box[] = {100, 100, 110, 110};
        add_shape(region, (VeraRegionShapeKind)kind, 0, point, 2)->radius = 1e-3f;
        add_shape(region, (VeraRegionShapeKind)kind, 0, far, 2)->radius = 1;
        add_shape(region, (VeraRegionShapeKind)kind, 0, line, 2)->radius = 1e-3f;
        add_shape(region, VERA_REGION_SHAPE_KIND_RECTANGLE, 0, box, 2);
        g_assert_true(vera_region_check(region, NULL));
        render(region, 0, &p);
        g_assert_cmpfloat_with_epsilon(get_area(&p), 100, 1);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/region/rectangle", test_rectangle);
    g_test_add_func("/region/areas", test_areas);
    g_test_add_func("/region/pressure", test_pressure);
    g_test_add_func("/region/order", test_order);
    g_test_add_func("/region/feather", test_feather);
    g_test_add_func("/region/scale", test_scale);
    g_test_add_func("/region/keyframes", test_keyframes);
    g_test_add_func("/region/keys", test_keys);
    g_test_add_func("/region/animated", test_animated);
    g_test_add_func("/region/bounds", test_bounds);
    g_test_add_func("/region/hash", test_hash);
    g_test_add_func("/region/degenerate", test_degenerate);
    g_test_add("/region/mask", Fixture, NULL, fixture_set_up, test_mask, fixture_tear_down);
    g_test_add("/region/mask-failures", Fixture, NULL, fixture_set_up, test_mask_failures,
               fixture_tear_down);
    return g_test_run();
}
