#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-editor-private.h"
#include "ui/vera-settings.h"

static gpointer
vera_editor_proxies_free_thread(gpointer data)
{
    vera_proxy_maker_free(data);
    return NULL;
}

/* What is being decoded at a low priority may take a while to end, which the window must not wait for. */
void
vera_editor_close_proxies(VeraEditor *self)
{
    if (self->proxies == NULL)
        return;
    vera_proxy_maker_stop(self->proxies);
    vera_frame_cache_set_proxies(self->cache, NULL);
    g_thread_unref(g_thread_new("vera-proxy-end", vera_editor_proxies_free_thread, g_steal_pointer(&self->proxies)));
    g_signal_emit_by_name(self, "proxies-changed");
}

static gboolean
vera_editor_proxies_idle_cb(gpointer data)
{
    VeraEditor *self = data;
    g_autofree char *message = NULL;

    g_atomic_int_set(&self->proxies_pending, 0);
    if (self->proxies == NULL)
        return G_SOURCE_REMOVE;
    g_signal_emit_by_name(self, "proxies-changed");
    if (vera_proxy_maker_get_state(self->proxies, NULL) != VERA_PROXY_STATE_FAILED || self->was_told_of_proxies)
        return G_SOURCE_REMOVE;
    self->was_told_of_proxies = TRUE;
    message = vera_proxy_maker_dup_message(self->proxies);
    vera_editor_say(self, _("%s Editing goes on without proxies."), message);
    return G_SOURCE_REMOVE;
}

/* On the maker's thread. */
static void
vera_editor_proxies_cb(gpointer data)
{
    VeraEditor *self = data;

    if (g_atomic_int_compare_and_exchange(&self->proxies_pending, 0, 1))
        g_idle_add_full(G_PRIORITY_LOW, vera_editor_proxies_idle_cb, g_object_ref(self), g_object_unref);
}

void
vera_editor_settle_proxies(VeraEditor *self)
{
    gboolean is_wanted = self->cache != NULL && vera_settings_get_boolean(VERA_SETTING_HAS_PROXIES, FALSE);
    gint64 max_bytes = (gint64)vera_settings_get_int(VERA_SETTING_PROXY_LIMIT, VERA_EDITOR_PROXY_MIB) << 20;
    g_autofree char *folder = vera_proxy_folder_dup_default();

    if (!is_wanted) {
        vera_editor_close_proxies(self);
        self->was_told_of_proxies = FALSE;
    } else if (self->proxies == NULL) {
        self->proxies = vera_proxy_maker_new(self->cache, folder, max_bytes, vera_editor_proxies_cb, self);
    } else {
        vera_proxy_maker_set_max_bytes(self->proxies, max_bytes);
    }
}

VeraEditorProxies
vera_editor_get_proxies(VeraEditor *self, double *progress)
{
    *progress = 0;
    switch (self->proxies ? vera_proxy_maker_get_state(self->proxies, progress) : VERA_PROXY_STATE_UNNEEDED) {
    case VERA_PROXY_STATE_MAKING:
        return VERA_EDITOR_PROXIES_MAKING;
    case VERA_PROXY_STATE_FULL:
        return VERA_EDITOR_PROXIES_FULL;
    case VERA_PROXY_STATE_COMPLETE:
    case VERA_PROXY_STATE_UNNEEDED:
    case VERA_PROXY_STATE_CLEARED:
    case VERA_PROXY_STATE_FAILED:
    default:
        return VERA_EDITOR_PROXIES_IDLE;
    }
}
