#include "config.h"

#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "engine/diffusion/vera-vae.h"
#include "engine/vera-engine-error.h"
#include "tests/engine/model-fixture.h"

/* A VAE and a clip of it: frames are planar [3, n, HEIGHT, WIDTH]. */
#define WIDTH 16
#define HEIGHT 24
#define N_CHUNKS 6

typedef struct {
    VeraRuntime *runtime;
    VeraModel *model;
    VeraVae *vae;
    int z, space, time;
    int n_frames, n_latents;
    gsize pixels, plane; /* of a frame, of a latent frame */
    float *video, *latents;
} Fixture;

static VeraVae *
make_vae(VeraRuntime *runtime, VeraModel *model)
{
    g_autoptr(GError) error = NULL;
    const VeraVaeConfig *config = vera_model_get_vae_config(model, &error);
    VeraVae *vae = vera_vae_new(runtime, config, vera_model_get_vae_weights(model, NULL), &error);

    g_assert_no_error(error);
    return vae;
}

static void
set_up(Fixture *self, gconstpointer data)
{
    const VeraVaeConfig *config;

    self->runtime = model_fixture_make_runtime(2);
    self->model = model_fixture_open(data);
    self->vae = make_vae(self->runtime, self->model);
    config = vera_model_get_vae_config(self->model, NULL);
    self->z = config->z_dim;
    self->space = config->spatial_factor;
    self->time = config->temporal_factor;
    self->n_frames = 1 + N_CHUNKS * self->time;
    self->n_latents = 1 + N_CHUNKS;
    self->pixels = WIDTH * HEIGHT;
    self->plane = self->pixels / (gsize)(self->space * self->space);
    self->video = model_fixture_make_values(1, 3 * (gsize)self->n_frames * self->pixels);
    self->latents = model_fixture_make_values(2, (gsize)(self->z * self->n_latents) * self->plane);
}

static void
tear_down(Fixture *self, gconstpointer data)
{
    vera_vae_free(self->vae);
    vera_runtime_unref(self->runtime);
    vera_model_unref(self->model);
    g_free(self->video);
    g_free(self->latents);
}

/* Copies frames [first, first + n) of [channels, total, plane] to [channels, n, plane], or back. */
static void
move_frames(float *whole,
            int channels,
            int total,
            gsize plane,
            int first,
            int n,
            float *part,
            gboolean is_back)
{
    for (int c = 0; c < channels; c++) {
        float *a = whole + (gsize)(c * total + first) * plane, *b = part + (gsize)(c * n) * plane;
        memcpy(is_back ? a : b, is_back ? b : a, (gsize)n * plane * sizeof(float));
    }
}

static void
push_frames(Fixture *self, VeraVaeStream *stream, int first, int n, float *latents)
{
    g_autofree float *chunk = g_new(float, 3 * (gsize)n * self->pixels);
    int n_latents = first == 0 ? 1 : n / self->time,
        at = first == 0 ? 0 : (first - 1) / self->time + 1;
    g_autofree float *coded = g_new(float, (gsize)(self->z * n_latents) * self->plane);
    g_autoptr(GError) error = NULL;

    move_frames(self->video, 3, self->n_frames, self->pixels, first, n, chunk, FALSE);
    vera_vae_encoder_push(stream, chunk, n, coded, NULL, &error);
    g_assert_no_error(error);
    move_frames(latents, self->z, self->n_latents, self->plane, at, n_latents, coded, TRUE);
}

static void
push_latent(Fixture *self, VeraVaeStream *stream, int at, float *video)
{
    g_autofree float *latent = g_new(float, (gsize)self->z * self->plane);
    g_autofree float *frames = g_new(float, 3 * (gsize)self->time * self->pixels);
    int first = at == 0 ? 0 : (at - 1) * self->time + 1, n = at == 0 ? 1 : self->time;
    g_autoptr(GError) error = NULL;

    move_frames(self->latents, self->z, self->n_latents, self->plane, at, 1, latent, FALSE);
    vera_vae_decoder_push(stream, latent, frames, NULL, &error);
    g_assert_no_error(error);
    move_frames(video, 3, self->n_frames, self->pixels, first, n, frames, TRUE);
}

static float *
encode_whole(Fixture *self, VeraVae *vae)
{
    float *latents = g_new0(float, (gsize)(self->z * self->n_latents) * self->plane);
    g_autoptr(GError) error = NULL;

    vera_vae_encode(vae, self->video, (gint64[]){3, self->n_frames, HEIGHT, WIDTH}, latents, NULL,
                    &error);
    g_assert_no_error(error);
    return latents;
}

static float *
decode_whole(Fixture *self, VeraVae *vae)
{
    float *video = g_new0(float, 3 * (gsize)self->n_frames * self->pixels);
    gint64 shape[4] = {self->z, self->n_latents, HEIGHT / self->space, WIDTH / self->space};
    g_autoptr(GError) error = NULL;

    vera_vae_decode(vae, self->latents, shape, video, NULL, &error);
    g_assert_no_error(error);
    return video;
}

static void
check_latents(Fixture *self, const float *got, const float *want)
{
    gsize size = (gsize)(self->z * self->n_latents) * self->plane * sizeof(float);

    g_assert_cmpmem(got, size, want, size);
}

static void
check_video(Fixture *self, const float *got, const float *want)
{
    gsize size = 3 * (gsize)self->n_frames * self->pixels * sizeof(float);

    g_assert_cmpmem(got, size, want, size);
}

/* However the chunks are cut, the bytes are those of the whole clip. */
static void
test_chunks(Fixture *self, gconstpointer data)
{
    static const int cuts[][N_CHUNKS] = {{1, 1, 1, 1, 1, 1}, {6},    {2, 2, 2}, {1, 2, 3},
                                         {3, 2, 1},          {5, 1}, {1, 5}};
    g_autofree float *want = encode_whole(self, self->vae);

    for (gsize i = 0; i < G_N_ELEMENTS(cuts); i++) {
        g_autoptr(VeraVaeStream) stream = vera_vae_encoder_new(self->vae, WIDTH, HEIGHT, NULL);
        g_autofree float *got = g_new0(float, (gsize)(self->z * self->n_latents) * self->plane);
        push_frames(self, stream, 0, 1, got);
        for (int k = 0, at = 1; k < N_CHUNKS && cuts[i][k] > 0; at += cuts[i][k++] * self->time)
            push_frames(self, stream, at, cuts[i][k] * self->time, got);
        check_latents(self, got, want);
    }
}

/* Two clips, one of them turned over, and a decoder take turns: none sees the others. */
static void
test_interleaved(Fixture *self, gconstpointer data)
{
    gsize n = (gsize)(self->z * self->n_latents) * self->plane;
    g_autofree float *want = encode_whole(self, self->vae),
                     *want_video = decode_whole(self, self->vae);
    g_autofree float *got = g_new0(float, n), *other = g_new0(float, n);
    g_autofree float *video = g_new0(float, 3 * (gsize)self->n_frames * self->pixels);
    g_autoptr(VeraVaeStream) a = vera_vae_encoder_new(self->vae, WIDTH, HEIGHT, NULL);
    g_autoptr(VeraVaeStream) b = vera_vae_encoder_new(self->vae, WIDTH, HEIGHT, NULL);
    g_autoptr(VeraVaeStream) c =
        vera_vae_decoder_new(self->vae, WIDTH / self->space, HEIGHT / self->space, NULL);

    for (int l = 0; l < self->n_latents; l++) {
        push_frames(self, a, l == 0 ? 0 : (l - 1) * self->time + 1, l == 0 ? 1 : self->time, got);
        push_latent(self, c, l, video);
        if (l == 0)
            push_frames(self, b, 0, 1, other);
        else
            push_frames(self, b, (self->n_latents - 1 - l) * self->time + 1, self->time, other);
    }
    check_latents(self, got, want);
    check_video(self, video, want_video);
    g_assert_cmpint(memcmp(got, other, n * sizeof *got), !=, 0);
}

/* Nothing of what comes later is in what came before: the first frames of a clip are coded as a
 * clip of their own. */
static void
test_causal(Fixture *self, gconstpointer data)
{
    g_autofree float *latents = encode_whole(self, self->vae),
                     *video = decode_whole(self, self->vae);

    for (int n = 1; n < self->n_latents; n++) {
        int frames = 1 + (n - 1) * self->time;
        gsize n_video = 3 * (gsize)frames * self->pixels,
              n_latents = (gsize)(self->z * n) * self->plane;
        g_autofree float *part = g_new(float, n_video), *coded = g_new0(float, n_latents),
                         *want = g_new(float, n_latents);
        g_autofree float *decoded = g_new0(float, n_video), *want_video = g_new(float, n_video);
        g_autofree float *few = g_new(float, n_latents);
        gint64 shape[4] = {self->z, n, HEIGHT / self->space, WIDTH / self->space};

        move_frames(self->video, 3, self->n_frames, self->pixels, 0, frames, part, FALSE);
        move_frames(latents, self->z, self->n_latents, self->plane, 0, n, want, FALSE);
        g_assert_true(vera_vae_encode(self->vae, part, (gint64[]){3, frames, HEIGHT, WIDTH}, coded,
                                      NULL, NULL));
        g_assert_cmpmem(coded, n_latents * sizeof(float), want, n_latents * sizeof(float));
        move_frames(self->latents, self->z, self->n_latents, self->plane, 0, n, few, FALSE);
        move_frames(video, 3, self->n_frames, self->pixels, 0, frames, want_video, FALSE);
        g_assert_true(vera_vae_decode(self->vae, few, shape, decoded, NULL, NULL));
        g_assert_cmpmem(decoded, n_video * sizeof(float), want_video, n_video * sizeof(float));
    }
}

static void
test_threads(Fixture *self, gconstpointer data)
{
    g_autofree float *latents = encode_whole(self, self->vae),
                     *video = decode_whole(self, self->vae);

    for (int n = 1; n <= 3; n += 2) {
        g_autoptr(VeraRuntime) runtime = model_fixture_make_runtime(n);
        g_autoptr(VeraVae) vae = make_vae(runtime, self->model);
        g_autofree float *got = encode_whole(self, vae), *got_video = decode_whole(self, vae);
        check_latents(self, got, latents);
        check_video(self, got_video, video);
    }
}

static guint64
get_encode_peak(Fixture *self, int n_chunks)
{
    g_autoptr(VeraRuntime) runtime = model_fixture_make_runtime(2);
    g_autoptr(VeraVae) vae = make_vae(runtime, self->model);
    g_autoptr(VeraVaeStream) stream = vera_vae_encoder_new(vae, WIDTH, HEIGHT, NULL);
    g_autofree float *latents = g_new0(float, (gsize)(self->z * self->n_latents) * self->plane);

    push_frames(self, stream, 0, 1, latents);
    for (int i = 0; i < n_chunks; i++)
        push_frames(self, stream, 1, self->time, latents);
    return model_fixture_get_used(runtime, TRUE);
}

static guint64
get_decode_peak(Fixture *self, int n_chunks)
{
    g_autoptr(VeraRuntime) runtime = model_fixture_make_runtime(2);
    g_autoptr(VeraVae) vae = make_vae(runtime, self->model);
    g_autoptr(VeraVaeStream) stream =
        vera_vae_decoder_new(vae, WIDTH / self->space, HEIGHT / self->space, NULL);
    g_autofree float *video = g_new0(float, 3 * (gsize)self->n_frames * self->pixels);

    push_latent(self, stream, 0, video);
    for (int i = 0; i < n_chunks; i++)
        push_latent(self, stream, 1, video);
    return model_fixture_get_used(runtime, TRUE);
}

/* The caches are full after three chunks; from there on not a byte more, however long the clip. */
static void
test_memory(Fixture *self, gconstpointer data)
{
    guint64 encode = get_encode_peak(self, 3), decode = get_decode_peak(self, 3);

    g_test_message("peak: encoder %" G_GUINT64_FORMAT ", decoder %" G_GUINT64_FORMAT " bytes",
                   encode, decode);
    g_assert_cmpuint(encode, >, 0);
    g_assert_cmpuint(decode, >, 0);
    g_assert_cmpuint(get_encode_peak(self, 40), ==, encode);
    g_assert_cmpuint(get_decode_peak(self, 40), ==, decode);
}

/* What a stream holds is gone with it; only the context's scratch memory stays. */
static void
test_release(Fixture *self, gconstpointer data)
{
    g_autofree float *first = encode_whole(self, self->vae),
                     *second = decode_whole(self, self->vae);
    guint64 kept = model_fixture_get_used(self->runtime, FALSE);
    g_autoptr(VeraVaeStream) stream = vera_vae_encoder_new(self->vae, WIDTH, HEIGHT, NULL);
    g_autofree float *latents = g_new0(float, (gsize)(self->z * self->n_latents) * self->plane);

    push_frames(self, stream, 0, 1, latents);
    push_frames(self, stream, 1, self->time, latents);
    g_assert_cmpuint(model_fixture_get_used(self->runtime, FALSE), >, kept);
    g_clear_pointer(&stream, vera_vae_stream_free);
    g_assert_cmpuint(model_fixture_get_used(self->runtime, FALSE), ==, kept);
}

static void
test_sizes(Fixture *self, gconstpointer data)
{
    const int s = self->space;
    const int bad[][2] = {{0, 0}, {-s, s}, {s, 0}, {s - 1, s}, {s, s + 1}, {s + s / 2, s}, {1, 1}};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vera_vae_encoder_new(self->vae, bad[i][0], bad[i][1], &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE);
        g_assert_nonnull(strstr(error->message, "multiples of"));
    }
    for (int i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vera_vae_decoder_new(self->vae, i, 1 - i, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE);
    }
}

/* A count that does not fit is refused, and the stream goes on as if nothing had been. */
static void
test_counts(Fixture *self, gconstpointer data)
{
    g_autoptr(VeraVaeStream) stream = vera_vae_encoder_new(self->vae, WIDTH, HEIGHT, NULL);
    g_autofree float *want = encode_whole(self, self->vae),
                     *got = g_new0(float, (gsize)(self->z * self->n_latents) * self->plane);
    g_autofree float *scratch = g_new0(float, (gsize)(self->z * self->n_latents) * self->plane);
    const gint64 shapes[][4] = {
        {3, 0, HEIGHT, WIDTH}, {3, self->time, HEIGHT, WIDTH}, {3, self->time + 2, HEIGHT, WIDTH},
        {4, 1, HEIGHT, WIDTH}, {3, 1, HEIGHT + 1, WIDTH},      {3, 1, HEIGHT, 0}};

    for (int l = 0; l < self->n_latents; l++) {
        for (int n = -1; n <= 2 * self->time + 1; n++) {
            g_autoptr(GError) error = NULL;
            if (l == 0 ? n == 1 : n > 0 && n % self->time == 0)
                continue;
            g_assert_false(vera_vae_encoder_push(stream, self->video, n, scratch, NULL, &error));
            g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE);
        }
        push_frames(self, stream, l == 0 ? 0 : (l - 1) * self->time + 1, l == 0 ? 1 : self->time,
                    got);
    }
    check_latents(self, got, want);
    for (gsize i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(vera_vae_encode(self->vae, self->video, shapes[i], scratch, NULL, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE);
    }
}

static VeraVaeStream *
start_stream(Fixture *self)
{
    VeraVaeStream *stream = vera_vae_encoder_new(self->vae, WIDTH, HEIGHT, NULL);
    g_autofree float *latents = g_new0(float, (gsize)(self->z * self->n_latents) * self->plane);

    push_frames(self, stream, 0, 1, latents);
    return stream;
}

/* The caches are unequal after a push that stopped half-way: the stream must not go on with them.
 */
static void
check_broken(Fixture *self, VeraVaeStream *stream)
{
    g_autofree float *latents = g_new0(float, (gsize)self->z * self->plane);
    g_autoptr(GError) error = NULL;

    g_assert_false(vera_vae_encoder_push(stream, self->video, self->time, latents, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_FAILED);
}

static void
test_stopped(Fixture *self, gconstpointer data)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autofree float *want = encode_whole(self, self->vae), *again = NULL;
    g_autofree float *latents = g_new0(float, (gsize)self->z * self->plane);
    g_autoptr(VeraVaeStream) cancelled = start_stream(self);

    g_cancellable_cancel(cancellable);
    for (int i = 0; i < 30; i++) { /* at allocations of several layers */
        g_autoptr(VeraVaeStream) starved = start_stream(self);
        g_autoptr(GError) error = NULL;
        vera_k_fault_set_countdown(i);
        g_assert_false(
            vera_vae_encoder_push(starved, self->video, self->time, latents, NULL, &error));
        vera_k_fault_set_countdown(-1);
        model_fixture_check_out_of_memory(self->runtime, error);
        check_broken(self, starved);
    }
    g_assert_false(
        vera_vae_encoder_push(cancelled, self->video, self->time, latents, cancellable, NULL));
    check_broken(self, cancelled);
    again = encode_whole(self, self->vae);
    check_latents(self, again, want);
}

/* The VAE's weights with @value for the bias of the last convolution, in a file of their own. */
static VeraWeights *
make_bright(Fixture *self, float value)
{
    VeraWeights *weights = vera_model_get_vae_weights(self->model, NULL);
    g_autoptr(GPtrArray) names = vera_weights_list_names(weights);
    g_autofree VeraNamedTensor *tensors = g_new(VeraNamedTensor, names->len);
    g_autofree char *folder = g_dir_make_tmp("vera-vae-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "vae.safetensors", NULL);
    float bias[3] = {value, value, value};
    g_autoptr(GError) error = NULL;
    VeraWeights *bright;

    for (guint i = 0; i < names->len; i++) {
        tensors[i].name = names->pdata[i];
        g_assert_true(vera_weights_get(weights, tensors[i].name, &tensors[i].tensor));
        if (g_str_equal(tensors[i].name, "decoder.conv_out.bias"))
            tensors[i].tensor = vera_k_tensor(VERA_K_DTYPE_F32, bias, 1, (const int64_t[]){3});
    }
    g_assert_true(vera_safetensors_write(path, tensors, (int)names->len, &error));
    bright = vera_weights_open(path, VERA_WEIGHTS_KIND_VAE, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    return bright;
}

/* Decoded values are colours, also where the network overshoots. */
static void
test_range(Fixture *self, gconstpointer data)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        g_autoptr(VeraWeights) bright = make_bright(self, (float)sign * 50);
        const VeraVaeConfig *config = vera_model_get_vae_config(self->model, NULL);
        g_autoptr(VeraVae) vae = vera_vae_new(self->runtime, config, bright, NULL);
        g_autofree float *video = decode_whole(self, vae);
        for (gsize i = 0; i < 3 * (gsize)self->n_frames * self->pixels; i++)
            g_assert_cmpfloat(video[i], ==, sign);
    }
}

/* Wan2.1's VAE at 832x480: 99 and 167 TFLOP for 49 frames (wan21-spec.md section 8.2). */
static void
test_gflop(void)
{
    static const VeraVaeConfig wan = {.base_dim = 96,
                                      .decoder_base_dim = 96,
                                      .z_dim = 16,
                                      .n_levels = 4,
                                      .dim_mult = {1, 2, 4, 4},
                                      .n_res_blocks = 2,
                                      .temporal_downsample = {FALSE, TRUE, TRUE},
                                      .spatial_factor = 8,
                                      .temporal_factor = 4};
    const double n_latents = 49 / 4.0; /* the first latent is one frame, not four */

    g_assert_cmpfloat_with_epsilon(n_latents * vera_vae_estimate_gflop(&wan, FALSE, 832, 480), 99e3,
                                   1e3);
    g_assert_cmpfloat_with_epsilon(n_latents * vera_vae_estimate_gflop(&wan, TRUE, 104, 60), 167e3,
                                   2e3);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(Fixture *, gconstpointer);
    } tests[] = {{"chunks", test_chunks},   {"interleaved", test_interleaved},
                 {"causal", test_causal},   {"threads", test_threads},
                 {"memory", test_memory},   {"release", test_release},
                 {"sizes", test_sizes},     {"counts", test_counts},
                 {"stopped", test_stopped}, {"range", test_range}};
    static const char *const models[] = {"model-f32", "model-mixed"};

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vae/gflop", test_gflop);
    for (gsize m = 0; m < G_N_ELEMENTS(models); m++)
        for (gsize i = 0; i < G_N_ELEMENTS(tests); i++) {
            g_autofree char *path = g_strdup_printf("/vae/%s/%s", models[m], tests[i].name);
            g_test_add(path, Fixture, models[m], set_up, tests[i].run, tear_down);
        }
    return g_test_run();
}
