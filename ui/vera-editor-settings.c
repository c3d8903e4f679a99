#include "config.h"

#include "ui/vera-editor-private.h"
#include "ui/vera-settings.h"

static void
vera_editor_settings_memory_cb(VeraEditor *self)
{
    self->cache_bytes = (gsize)vera_settings_get_int(VERA_SETTING_FRAME_CACHE, VERA_EDITOR_CACHE_MIB) << 20;
    vera_layer_loader_set_max_bytes(self->layers,
                                    (gsize)vera_settings_get_int(VERA_SETTING_LAYER_CACHE, VERA_EDITOR_LAYER_MIB) << 20);
    if (self->cache != NULL)
        vera_frame_cache_set_max_bytes(self->cache, self->cache_bytes);
}

/* An edit that names no model is to show and take another one from now on. */
static void
vera_editor_settings_model_cb(VeraEditor *self)
{
    g_free(self->preferred_model);
    self->preferred_model = vera_settings_dup_folder(VERA_SETTING_MODEL_FOLDER);
    g_signal_emit_by_name(self, "project-changed");
}

void
vera_editor_follow_settings(VeraEditor *self)
{
    GSettings *settings = vera_settings_get();

    vera_editor_settings_memory_cb(self);
    self->preferred_model = vera_settings_dup_folder(VERA_SETTING_MODEL_FOLDER);
    if (settings == NULL)
        return;
    g_signal_connect_object(settings, "changed::" VERA_SETTING_FRAME_CACHE, G_CALLBACK(vera_editor_settings_memory_cb), self,
                            G_CONNECT_SWAPPED);
    g_signal_connect_object(settings, "changed::" VERA_SETTING_LAYER_CACHE, G_CALLBACK(vera_editor_settings_memory_cb), self,
                            G_CONNECT_SWAPPED);
    g_signal_connect_object(settings, "changed::" VERA_SETTING_MODEL_FOLDER, G_CALLBACK(vera_editor_settings_model_cb), self,
                            G_CONNECT_SWAPPED);
    g_signal_connect_object(settings, "changed::" VERA_SETTING_HAS_PROXIES, G_CALLBACK(vera_editor_settle_proxies), self,
                            G_CONNECT_SWAPPED);
    g_signal_connect_object(settings, "changed::" VERA_SETTING_PROXY_LIMIT, G_CALLBACK(vera_editor_settle_proxies), self,
                            G_CONNECT_SWAPPED);
    g_signal_connect_object(settings, "changed::" VERA_SETTING_IS_MUTED, G_CALLBACK(vera_editor_settle_volume), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(settings, "changed::" VERA_SETTING_VOLUME, G_CALLBACK(vera_editor_settle_volume), self, G_CONNECT_SWAPPED);
}

const char *
vera_editor_get_default_model(VeraEditor *self)
{
    return self->preferred_model ? self->preferred_model : self->default_model;
}

const char *
vera_editor_get_preferred_model(VeraEditor *self)
{
    return self->preferred_model;
}
