#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** vera_noise_philox: Philox4x32 with ten rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) */
void vera_noise_philox(const guint32 counter[4], const guint32 key[2], guint32 out[4]);

G_END_DECLS
