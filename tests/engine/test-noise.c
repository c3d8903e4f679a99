#include "config.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/vera-noise-private.h"
#include "engine/diffusion/vera-noise.h"

/* Random123's published known answers for philox4x32 with ten rounds (tests/kat_vectors), and two
 * of its older ones with a one in the counter and in the key alone (tests/old_kat_vectors). */
static const struct {
    guint32 counter[4], key[2], out[4];
} known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    {{1, 0, 0, 0}, {1, 0}, {0xac08141b, 0xdfc5ccbe, 0x79c07a47, 0xa7f66093}},
    {{0, 0, 0, 1}, {1, 0}, {0x127bee41, 0x1e047488, 0x48842b20, 0x0a393496}},
};

static void
test_philox(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        guint32 out[4];
        vera_noise_philox(known[i].counter, known[i].key, out);
        g_assert_cmpmem(out, sizeof out, known[i].out, sizeof known[i].out);
    }
}

/* The transform again, from the words and with the library's own functions. */
static void
get_expected(guint64 seed, guint32 stream, guint64 block, double values[4])
{
    const guint32 counter[4] = {(guint32)block, (guint32)(block >> 32), stream, 0x56455241};
    const guint32 key[2] = {(guint32)seed, (guint32)(seed >> 32)};
    guint32 words[4];

    vera_noise_philox(counter, key, words);
    for (int pair = 0; pair < 2; pair++) {
        double radius = sqrt(-2 * log((words[2 * pair] + 1.0) / 4294967296.0));
        double angle = 2 * G_PI * (words[2 * pair + 1] / 4294967296.0);
        values[2 * pair] = radius * cos(angle);
        values[2 * pair + 1] = radius * sin(angle);
    }
}

static void
test_values(void)
{
    static const guint64 blocks[] = {0, 1, 77777, (1ull << 32) - 1, 1ull << 32, (1ull << 40) + 3};
    const guint64 seed = 0xfedcba9876543210ull;

    for (gsize i = 0; i < G_N_ELEMENTS(blocks); i++)
        for (guint64 block = blocks[i]; block < blocks[i] + 1000; block++) {
            double want[4];
            float got[4];
            get_expected(seed, 2, block, want);
            vera_noise_fill(seed, 2, 4 * block, got, 4);
            for (int k = 0; k < 4; k++)
                g_assert_cmpfloat_with_epsilon(got[k], want[k], 1e-7 * MAX(1, fabs(want[k])));
        }
}

/* Bits that every machine must give; from get_expected() in another language, rounded to single
 * precision. */
static void
test_bits(void)
{
    static const guint32 want[6] = {0xbfa5e97d, 0xbf09fffa, 0xbf941050,
                                    0x3f70321c, 0xbed37bf4, 0x3ebec192};
    float got[6];

    vera_noise_fill(42, 1, 5, got, 6);
    g_assert_cmpmem(got, sizeof got, want, sizeof want);
}

static void
test_independence(void)
{
    enum { N = 4099 };
    const guint64 bases[] = {0, 3, (1ull << 34) - 1000};
    g_autoptr(GRand) random = g_rand_new_with_seed(5);
    g_autofree float *whole = g_new(float, N), *part = g_new(float, N);

    for (gsize b = 0; b < G_N_ELEMENTS(bases); b++) {
        vera_noise_fill(9, 0, bases[b], whole, N);
        for (int i = 0; i < 500; i++) {
            gsize first = (gsize)g_rand_int_range(random, 0, N),
                  n = (gsize)g_rand_int_range(random, 0, N - (int)first + 1);
            part[n < N ? n : 0] = -123;
            vera_noise_fill(9, 0, bases[b] + first, part, n);
            g_assert_cmpmem(part, n * sizeof *part, whole + first, n * sizeof *part);
            if (n < N)
                g_assert_cmpfloat(part[n], ==, -123); /* not a value too many */
        }
    }
}

typedef struct {
    float *values;
    gsize first, n;
} Slice;

static gpointer
fill_slice(gpointer data)
{
    Slice *slice = data;

    for (gsize i = 0; i < slice->n; i += 97)
        vera_noise_fill(9, 2, slice->first + i, slice->values + slice->first + i,
                        MIN(97, slice->n - i));
    return NULL;
}

static void
test_threads(void)
{
    enum { N = 1500000, N_THREADS = 3 };
    g_autofree float *whole = g_new(float, N), *parts = g_new0(float, N);
    Slice slices[N_THREADS];
    GThread *threads[N_THREADS];

    vera_noise_fill(9, 2, 0, whole, N);
    for (gsize i = 0; i < N_THREADS; i++) {
        slices[i] = (Slice){parts, i * (N / N_THREADS), N / N_THREADS};
        threads[i] = g_thread_new("fill", fill_slice, &slices[i]);
    }
    for (gsize i = 0; i < N_THREADS; i++)
        g_thread_join(threads[i]);
    g_assert_cmpmem(parts, N * sizeof *parts, whole, N * sizeof *whole);
}

static double
get_correlation(const float *a, const float *b, gsize n)
{
    double ab = 0, aa = 0, bb = 0;

    for (gsize i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

/* The seed is fixed, so the bars (about 4.5 standard deviations) hold for ever or never. */
static void
test_moments(void)
{
    enum { N = 1000000 };
    g_autofree float *x = g_new(float, N);
    double sum[5] = {0};

    vera_noise_fill(1234567, 0, 0, x, N);
    for (gsize i = 0; i < N; i++)
        for (int k = 1; k <= 4; k++)
            sum[k] += pow(x[i], k) / N;
    g_test_message("moments %.5f %.5f %.5f %.5f", sum[1], sum[2], sum[3], sum[4]);
    g_assert_cmpfloat_with_epsilon(sum[1], 0, 4.5 * sqrt(1.0 / N));
    g_assert_cmpfloat_with_epsilon(sum[2], 1, 4.5 * sqrt(2.0 / N));
    g_assert_cmpfloat_with_epsilon(sum[3], 0, 4.5 * sqrt(15.0 / N));
    g_assert_cmpfloat_with_epsilon(sum[4], 3, 4.5 * sqrt(96.0 / N));
    for (int lag = 1; lag <= 8; lag++)
        g_assert_cmpfloat_with_epsilon(get_correlation(x, x + lag, N - 8), 0, 4.5 * sqrt(1.0 / N));
}

/* Kolmogorov and Smirnov's largest distance from the normal distribution; 1.95 / sqrt(n) is passed
 * with p = 0.999. */
static int
compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void
test_distribution(void)
{
    enum { N = 1000000 };
    g_autofree float *x = g_new(float, N);
    double distance = 0;

    vera_noise_fill(1234567, 1, 0, x, N);
    qsort(x, N, sizeof *x, compare_floats);
    for (gsize i = 0; i < N; i++) {
        double p = 0.5 * erfc(-x[i] / G_SQRT2);
        distance = MAX(distance, MAX(fabs(p - (double)i / N), fabs(p - (i + 1.0) / N)));
    }
    g_test_message("distance %.6f, largest %.3f", distance, x[N - 1]);
    g_assert_cmpfloat(distance, <, 1.95 / sqrt(N));
    g_assert_cmpfloat(x[N - 1], <, 6.66); /* sqrt(2 ln 2^32) */
}

/* Neighbouring seeds, streams and high halves of a seed give noises that have nothing to do with
 * each other. */
static void
test_streams(void)
{
    enum { N = 200000 };
    static const struct {
        guint64 seed;
        guint32 stream;
    } of[] = {{7, 0}, {7, 1}, {7, 2}, {8, 0}, {0, 0}, {7ull << 32, 0}, {G_MAXUINT64, 0}};
    float *x[G_N_ELEMENTS(of)];

    for (gsize i = 0; i < G_N_ELEMENTS(of); i++) {
        x[i] = g_new(float, N);
        vera_noise_fill(of[i].seed, of[i].stream, 0, x[i], N);
        for (gsize k = 0; k < i; k++)
            g_assert_cmpfloat_with_epsilon(get_correlation(x[i], x[k], N), 0, 4.5 / sqrt(N));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(of); i++)
        g_free(x[i]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/noise/philox", test_philox);
    g_test_add_func("/noise/values", test_values);
    g_test_add_func("/noise/bits", test_bits);
    g_test_add_func("/noise/independence", test_independence);
    g_test_add_func("/noise/threads", test_threads);
    g_test_add_func("/noise/moments", test_moments);
    g_test_add_func("/noise/distribution", test_distribution);
    g_test_add_func("/noise/streams", test_streams);
    return g_test_run();
}
