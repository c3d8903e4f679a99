#pragma once

#include "ui/vera-editor.h"

G_BEGIN_DECLS

/** VeraJogKey: what a key is bound to. */
typedef enum { VERA_JOG_KEY_STOP, VERA_JOG_KEY_BACK, VERA_JOG_KEY_FORWARD } VeraJogKey;

/**
 * VeraJog: the keys K, J and L together: while K is held, a tap on J or L goes one frame back or on, and holding it plays slowly.
 *
 * @stop_code: hardware code of the key of Stop that is held, or 0
 * @code: hardware code of the key that goes back or on meanwhile, or 0
 */
typedef struct {
    guint stop_code;
    guint code;
} VeraJog;

/**
 * vera_jog_press: key @key with hardware code @code went down, or repeats.
 * Returns: whether that was it; %FALSE: the key does what it does alone
 */
gboolean vera_jog_press(VeraJog *self, VeraEditor *editor, VeraJogKey key, guint code);
/** vera_jog_release: the key with hardware code @code went up; slow play that it was held for stops. */
void vera_jog_release(VeraJog *self, VeraEditor *editor, guint code);
/** vera_jog_reset: keys go elsewhere now, and what happens to them is not told. */
void vera_jog_reset(VeraJog *self, VeraEditor *editor);

G_END_DECLS
