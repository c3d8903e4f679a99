#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gpu/bench.h"

/*
 * model-bench [--device=SPEC] [--frames=N] [--size=WxH] [--layers=N] [--runs=N] [--tiny] [--f32-activations] [--skip-vae]
 *
 * Times Vera-1.3B's network on the operators of a device: random weights, one side of guidance. Prints a JSON object a line with the
 * rows of torch_bench.py. Exit 77: no such device.
 */

typedef struct {
    const char *device;
    int frames, width, height, n_layers, n_runs;
    bool is_tiny, is_f32, skips_vae;
} Options;

static void
say(const char *row, double seconds, double flop)
{
    printf("{\"row\": \"%s\", \"mode\": \"vera\", \"seconds\": %.9g", row, seconds);
    if (flop > 0)
        printf(", \"flop\": %.6g", flop);
    printf("}\n");
    fflush(stdout);
}

static bool
read_options(int argc, char **argv, Options *o)
{
    char after;

    for (int i = 1; i < argc; i++) {
        bool ok = true;
        if (strncmp(argv[i], "--device=", 9) == 0)
            o->device = argv[i] + 9;
        else if (strncmp(argv[i], "--frames=", 9) == 0)
            o->frames = atoi(argv[i] + 9);
        else if (strncmp(argv[i], "--size=", 7) == 0)
            ok = sscanf(argv[i] + 7, "%dx%d%c", &o->width, &o->height, &after) == 2;
        else if (strncmp(argv[i], "--layers=", 9) == 0)
            o->n_layers = atoi(argv[i] + 9);
        else if (strncmp(argv[i], "--runs=", 7) == 0)
            o->n_runs = atoi(argv[i] + 7);
        else if (strcmp(argv[i], "--tiny") == 0)
            o->is_tiny = true;
        else if (strcmp(argv[i], "--f32-activations") == 0)
            o->is_f32 = true;
        else if (strcmp(argv[i], "--skip-vae") == 0)
            o->skips_vae = true;
        else
            ok = false;
        if (!ok || o->frames < 1 || o->width < 16 || o->height < 16 || o->n_layers < 1 || o->n_runs < 1) {
            fprintf(stderr, "model-bench: ‘%s’ makes no sense.\n", argv[i]);
            return false;
        }
    }
    return true;
}

/* The best of five calls of @id. */
static double
time_operator(Bench *b, VeraKOpId id, const void *op)
{
    double best = 1e30;

    for (int i = 0; i < 6; i++) {
        double from = bench_now();
        bench_run(b, BENCH_VAE_REST, id, op, 0);
        bench_wait(b);
        if (i > 0 && bench_now() - from < best)
            best = bench_now() - from;
    }
    return best;
}

/* What the chip can do at most, with the same operators. */
static void
time_ceilings(Bench *b, bool is_tiny)
{
    int64_t n = is_tiny ? 256 : 8192, bytes = is_tiny ? 1 << 20 : 1 << 30, floats = bytes / 4;
    VeraKDType half = b->half;
    VeraKLinear product = { .x = bench_tensor(b, half, 2, (int64_t[]){ n, n }, 1), .weight = bench_tensor(b, VERA_K_DTYPE_BF16, 2, (int64_t[]){ n, n }, 1),
                            .y = bench_tensor(b, half, 2, (int64_t[]){ n, n }, 1), .compute = VERA_K_COMPUTE_BF16 };
    VeraKCopy copy = { .src = bench_tensor(b, VERA_K_DTYPE_F32, 1, &floats, 1), .dst = bench_tensor(b, VERA_K_DTYPE_F32, 1, &floats, 1) };

    say("matmul", time_operator(b, VERA_K_OP_LINEAR, &product), 2.0 * (double)n * (double)n * (double)n);
    printf("{\"row\": \"copy\", \"mode\": \"vera\", \"seconds\": %.9g, \"bytes\": %lld}\n", time_operator(b, VERA_K_OP_COPY, &copy), (long long)(2 * bytes));
    bench_free(b, 0);
}

static uint64_t
get_peak(Bench *b)
{
    VeraKDeviceInfo info;

    vera_k_device_get_info(b->device, &info);
    return info.peak_used_bytes;
}

static void
time_transformer(Bench *b, const Options *o)
{
    BenchTransformer shape = { 3, o->n_layers, 12, 128, 8960, 512, 0 };
    double seconds, flop = 0;

    if (o->is_tiny)
        shape = (BenchTransformer){ 3, 2, 2, 16, 48, 7, 0 };
    shape.n_tokens = (int64_t)((o->frames - 1) / 4 + 1) * (o->height / 16) * (o->width / 16);
    vera_k_device_reset_peak(b->device);
    seconds = bench_transformer(b, &shape, o->n_runs);
    for (int p = 0; p < BENCH_VAE_CONVOLUTION; p++)
        flop += b->flop[p];
    say("forward", seconds, flop);
    for (int p = 0; p < BENCH_VAE_CONVOLUTION; p++)
        say(bench_get_part_name((BenchPart)p), b->seconds[p], b->flop[p]);
    printf("{\"row\": \"peak\", \"mode\": \"vera\", \"bytes\": %llu}\n", (unsigned long long)get_peak(b));
}

static void
time_vae(Bench *b, const Options *o)
{
    int64_t latents[3] = { (o->frames - 1) / 4 + 1, o->height / 8, o->width / 8 }, base = o->is_tiny ? 8 : 96;

    if (o->is_tiny) {
        latents[1] = 3;
        latents[2] = 2;
    }
    say("vae-decode", bench_vae(b, true, latents, base), 0);
    say("vae-encode", bench_vae(b, false, latents, base), 0);
    for (int p = BENCH_VAE_CONVOLUTION; p < BENCH_N_PARTS; p++)
        say(bench_get_part_name((BenchPart)p), b->seconds[p] * (double)latents[0], b->flop[p] * (double)latents[0] / 2);
}

int
main(int argc, char **argv)
{
    Options o = { .device = "cuda", .frames = 49, .width = 832, .height = 480, .n_layers = 30, .n_runs = 2 };
    static Bench bench;
    VeraKDeviceInfo info;
    char message[1280];

    if (!read_options(argc, argv, &o))
        return 2;
    if (o.is_tiny) {
        o.width = 64;
        o.height = 32;
        o.frames = 5;
    }
    if (vera_k_device_open(o.device, &bench.device, message, sizeof message) != VERA_K_OK) {
        fprintf(stderr, "model-bench: %s\n", message);
        return 77;
    }
    if (vera_k_ctx_new(bench.device, 0, &bench.ctx) != VERA_K_OK) {
        fprintf(stderr, "model-bench: the device has too little memory.\n");
        return 1;
    }
    bench.half = o.is_f32 ? VERA_K_DTYPE_F32 : VERA_K_DTYPE_BF16;
    vera_k_device_get_info(bench.device, &info);
    printf("{\"row\": \"machine\", \"mode\": \"vera\", \"detail\": \"%s, %s, %.1f GiB free\"}\n", info.name, info.variant, (double)info.free_bytes / (1 << 30));
    time_ceilings(&bench, o.is_tiny);
    time_transformer(&bench, &o);
    if (!o.skips_vae)
        time_vae(&bench, &o);
    bench_free(&bench, 0);
    vera_k_buffer_free(&bench.noise);
    vera_k_ctx_free(&bench.ctx);
    vera_k_device_close(&bench.device);
    return 0;
}
