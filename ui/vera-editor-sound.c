#include "config.h"

#include <glib/gi18n.h>
#include <math.h>

#include "engine/vera-engine-error.h"
#include "ui/vera-editor-private.h"
#include "ui/vera-settings.h"

typedef struct {
    char *path;
    double start_time;
} VeraEditorSoundOpening;

static void
vera_editor_sound_opening_free(VeraEditorSoundOpening *self)
{
    g_free(self->path);
    g_free(self);
}

static gpointer
vera_editor_sound_free_thread(gpointer data)
{
    vera_audio_output_free(data);
    return NULL;
}

/* Closing waits for the server, which the window must not. */
static void
vera_editor_drop_sound(VeraAudioOutput *sound)
{
    vera_audio_output_stop(sound);
    g_thread_unref(g_thread_new("vera-sound-end", vera_editor_sound_free_thread, sound));
}

static void
vera_editor_open_sound_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraEditorSoundOpening *opening = data;
    GError *error = NULL;
    VeraAudioOutput *sound = vera_audio_output_new(opening->path, opening->start_time, &error);

    if (sound == NULL)
        g_task_return_error(task, error);
    else
        g_task_return_pointer(task, sound, (GDestroyNotify)vera_audio_output_free);
}

static double
vera_editor_get_volume(void)
{
    if (vera_settings_get_boolean(VERA_SETTING_IS_MUTED, FALSE))
        return 0;
    return vera_settings_get_int(VERA_SETTING_VOLUME, 100) / 100.0;
}

void
vera_editor_settle_volume(VeraEditor *self)
{
    if (self->sound != NULL)
        vera_audio_output_set_volume(self->sound, vera_editor_get_volume());
}

static void
vera_editor_sound_opened_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraEditor *self = VERA_EDITOR(object);
    g_autoptr(GError) error = NULL;
    VeraAudioOutput *sound = g_task_propagate_pointer(G_TASK(result), &error);

    if (g_task_get_cancellable(G_TASK(result)) != self->sound_opening) {
        g_clear_pointer(&sound, vera_editor_drop_sound);
        return;
    }
    g_clear_object(&self->sound_opening);
    self->sound = sound;
    self->has_no_device = g_error_matches(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_NO_DEVICE);
    vera_editor_settle_volume(self);
    vera_editor_settle_sound(self);
}

void
vera_editor_open_sound(VeraEditor *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self);
    VeraEditorSoundOpening *opening;
    g_autoptr(GTask) task = NULL;

    vera_editor_close_sound(self);
    if (info == NULL || vera_editor_get_clip_path(self) == NULL)
        return;
    opening = g_new0(VeraEditorSoundOpening, 1);
    opening->path = g_strdup(vera_editor_get_clip_path(self));
    opening->start_time = info->start_time;
    self->sound_opening = g_cancellable_new();
    task = g_task_new(self, self->sound_opening, vera_editor_sound_opened_cb, NULL);
    /* What came too late is still handed over, so that it is closed. */
    g_task_set_check_cancellable(task, FALSE);
    g_task_set_task_data(task, opening, (GDestroyNotify)vera_editor_sound_opening_free);
    g_task_run_in_thread(task, vera_editor_open_sound_thread);
}

void
vera_editor_close_sound(VeraEditor *self)
{
    g_clear_object(&self->sound_opening);
    self->has_no_device = FALSE;
    g_clear_pointer(&self->sound, vera_editor_drop_sound);
}

static void
vera_editor_say_no_device(VeraEditor *self)
{
    if (self->was_told_of_sound)
        return;
    self->was_told_of_sound = TRUE;
    vera_editor_say(self, _("No sound device: playing without sound"));
}

void
vera_editor_settle_sound(VeraEditor *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self);

    if (self->speed == 1 && self->has_no_device)
        vera_editor_say_no_device(self);
    if (self->sound == NULL || info == NULL)
        return;
    if (self->speed == 1)
        vera_audio_output_play(self->sound, vera_clip_get_frame_time(vera_frame_cache_get_clip(self->cache), self->frame));
    else
        vera_audio_output_stop(self->sound);
}

gboolean
vera_editor_get_heard_frame(VeraEditor *self, double *frame)
{
    g_autofree char *failure = self->sound ? vera_audio_output_dup_failure(self->sound) : NULL;
    double seconds;

    if (failure != NULL) {
        vera_editor_close_sound(self);
        vera_editor_say_no_device(self);
        return FALSE;
    }
    if (self->speed != 1 || self->sound == NULL || self->cache == NULL || !vera_audio_output_get_time(self->sound, &seconds))
        return FALSE;
    *frame = vera_clip_get_frame_at(vera_frame_cache_get_clip(self->cache), seconds);
    return TRUE;
}
