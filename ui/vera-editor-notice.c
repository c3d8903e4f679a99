#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-editor-private.h"

/* What is to be known about the clip that is open and stands in nobody's way: told once for a
 * content. */

static void
vera_editor_set_media_notice(VeraEditor *self, char *text)
{
    gboolean is_same = g_strcmp0(self->media_notice, text) == 0;

    g_free(self->media_notice);
    self->media_notice = text;
    if (!is_same)
        g_object_notify(G_OBJECT(self), "media-notice");
}

void
vera_editor_settle_notice(VeraEditor *self, GHashTable *stamp)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self);
    g_autofree char *content = stamp ? vera_editor_stamp_describe_file(stamp) : g_strdup(self->open_path);
    g_autofree char *name = info ? g_filename_display_basename(self->open_path) : NULL;

    if (info == NULL || !info->is_truncated || g_hash_table_contains(self->told, content)) {
        vera_editor_set_media_notice(self, NULL);
        return;
    }
    g_hash_table_add(self->told, g_strdup(content));
    vera_editor_set_media_notice(
        self,
        g_strdup_printf(g_dngettext(NULL,
                                    "“%s” ends early: %d frame can be read, the rest is missing. "
                                    "Copy the file again, or go on with what is there.",
                                    "“%s” ends early: %d frames can be read, the rest is missing. "
                                    "Copy the file again, or go on with what is there.",
                                    (gulong)info->n_frames),
                        name, (int)info->n_frames));
}

const char *
vera_editor_get_media_notice(VeraEditor *self)
{
    return self->media_notice;
}

void
vera_editor_dismiss_media_notice(VeraEditor *self)
{
    vera_editor_set_media_notice(self, NULL);
}
