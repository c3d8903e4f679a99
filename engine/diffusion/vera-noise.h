#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * vera_noise_fill:
 * @seed: the take's seed
 * @stream: which tensor of the take: a branch number, so that the three noises are independent
 * @offset: index of the first value in the endless stream
 * @values: (out caller-allocates) (array length=n): standard normal values
 * @n: how many
 *
 * Philox4x32-10 (Salmon et al., 2011) keyed by @seed; counter = (block low, block high, stream, 0x56455241); each block's four
 * words give two Box-Muller pairs computed with our own polynomial logarithm, sine and cosine in double, so that the values are the
 * same bits on every machine. Value i does not depend on n or offset.
 *
 * Thread-safety: safe.
 */
void vera_noise_fill(guint64 seed, guint32 stream, guint64 offset, float *values, gsize n);

G_END_DECLS
