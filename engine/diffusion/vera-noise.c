#include "config.h"

#include "engine/diffusion/vera-noise.h"

#include <math.h>

#include "engine/diffusion/vera-noise-private.h"

#define VERA_NOISE_MARK 0x56455241u

void
vera_noise_philox(const guint32 counter[4], const guint32 key[2], guint32 out[4])
{
    guint32 c[4] = { counter[0], counter[1], counter[2], counter[3] };
    guint32 k0 = key[0], k1 = key[1];

    for (int round = 0; round < 10; round++) {
        guint64 a = (guint64)0xD2511F53u * c[0], b = (guint64)0xCD9E8D57u * c[2];
        guint32 next[4] = { (guint32)(b >> 32) ^ c[1] ^ k0, (guint32)b, (guint32)(a >> 32) ^ c[3] ^ k1, (guint32)a };
        for (int i = 0; i < 4; i++)
            c[i] = next[i];
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++)
        out[i] = c[i];
}

/* ln(x) for x in (0, 1]: mantissa in [sqrt(1/2), sqrt(2)), then the odd series of atanh; only + - * /, so the same bits everywhere. */
static double
vera_noise_log(double x)
{
    int exponent;
    double m = frexp(x, &exponent), z, z2, sum = 0;

    if (m < 0.70710678118654752440) {
        m *= 2;
        exponent--;
    }
    z = (m - 1) / (m + 1);
    z2 = z * z;
    for (int k = 25; k >= 1; k -= 2)
        sum = sum * z2 + 1.0 / k;
    return 2 * z * sum + exponent * 0.69314718055994530942;
}

/* sin and cos of 2 pi u, u in [0, 1), by Taylor series on an eighth of the circle. */
static void
vera_noise_sincos(double u, double *s, double *c)
{
    double quarter = u * 4;
    int quadrant = (int)(quarter + 0.5);
    double t = (quarter - quadrant) * 1.57079632679489661923, t2 = t * t;
    double sine = 0, cosine = 0;

    for (int k = 8; k >= 0; k--) {
        sine = 1 - sine * t2 / ((2 * k + 2) * (2 * k + 3));
        cosine = 1 - cosine * t2 / ((2 * k + 1) * (2 * k + 2));
    }
    sine *= t;
    switch (quadrant & 3) {
    case 0:
        *s = sine, *c = cosine;
        break;
    case 1:
        *s = cosine, *c = -sine;
        break;
    case 2:
        *s = -sine, *c = -cosine;
        break;
    default:
        *s = -cosine, *c = sine;
        break;
    }
}

static void
vera_noise_block(guint64 seed, guint32 stream, guint64 block, float values[4])
{
    const guint32 counter[4] = { (guint32)block, (guint32)(block >> 32), stream, VERA_NOISE_MARK };
    const guint32 key[2] = { (guint32)seed, (guint32)(seed >> 32) };
    guint32 words[4];

    vera_noise_philox(counter, key, words);
    for (int pair = 0; pair < 2; pair++) {
        double u = (words[2 * pair] + 1.0) * (1.0 / 4294967296.0);
        double radius = sqrt(-2 * vera_noise_log(u)), s, c;
        vera_noise_sincos(words[2 * pair + 1] * (1.0 / 4294967296.0), &s, &c);
        values[2 * pair] = (float)(radius * c);
        values[2 * pair + 1] = (float)(radius * s);
    }
}

void
vera_noise_fill(guint64 seed, guint32 stream, guint64 offset, float *values, gsize n)
{
    float block[4];
    guint64 current = G_MAXUINT64;

    for (gsize i = 0; i < n; i++) {
        guint64 at = offset + i;
        if (at / 4 != current) {
            current = at / 4;
            vera_noise_block(seed, stream, current, block);
        }
        values[i] = block[at % 4];
    }
}
