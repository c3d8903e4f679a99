#include "config.h"

#include "ui/vera-jog.h"

/* Slow enough to see each frame. */
#define VERA_JOG_SPEED 0.25

gboolean
vera_jog_press(VeraJog *self, VeraEditor *editor, VeraJogKey key, guint code)
{
    int sign = key == VERA_JOG_KEY_BACK ? -1 : 1;

    if (key == VERA_JOG_KEY_STOP) {
        self->stop_code = code;
        return FALSE;
    }
    if (self->stop_code == 0)
        return FALSE;
    if (self->code != code) {
        self->code = code;
        vera_editor_set_frame(editor, vera_editor_get_frame(editor) + sign);
    } else if (vera_editor_get_speed(editor) == 0) {
        vera_editor_play(editor, sign * VERA_JOG_SPEED);
    }
    return TRUE;
}

void
vera_jog_release(VeraJog *self, VeraEditor *editor, guint code)
{
    if (code == 0 || (code != self->stop_code && code != self->code))
        return;
    if (self->code != 0)
        vera_editor_play(editor, 0);
    self->code = 0;
    if (code == self->stop_code)
        self->stop_code = 0;
}

void
vera_jog_reset(VeraJog *self, VeraEditor *editor)
{
    vera_jog_release(self, editor, self->stop_code);
}
