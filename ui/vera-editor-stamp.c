#include "config.h"

#include <sys/stat.h>

#include "engine/media/vera-sequence.h"
#include "ui/vera-editor-private.h"

/* What tells the content of files from another one without reading it. */

typedef struct {
    gint64 device, inode, size, seconds, nanoseconds;
} VeraEditorFacts;

static VeraEditorFacts *
vera_editor_facts_new(const char *path)
{
    VeraEditorFacts *self;
    struct stat status;

    if (stat(path, &status) != 0)
        return NULL;
    self = g_new(VeraEditorFacts, 1);
    *self = (VeraEditorFacts){(gint64)status.st_dev, (gint64)status.st_ino, (gint64)status.st_size,
                              (gint64)status.st_mtim.tv_sec, (gint64)status.st_mtim.tv_nsec};
    return self;
}

static gboolean
vera_editor_facts_is_equal(const VeraEditorFacts *a, const VeraEditorFacts *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

static gboolean
vera_editor_stamp_add(GHashTable *self, const char *path)
{
    VeraEditorFacts *facts = vera_editor_facts_new(path);

    if (facts != NULL)
        g_hash_table_insert(self, g_path_get_basename(path), facts);
    return facts != NULL;
}

GHashTable *
vera_editor_stamp_new(const char *path, gboolean is_sequence)
{
    g_autoptr(GHashTable) self = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(VeraSequence) sequence = is_sequence ? vera_sequence_find(path, NULL) : NULL;
    gboolean is_there = is_sequence ? sequence != NULL : vera_editor_stamp_add(self, path);

    for (guint i = 0; sequence != NULL && is_there && i < sequence->files->len; i++)
        is_there = vera_editor_stamp_add(self, sequence->files->pdata[i]);
    return is_there ? g_steal_pointer(&self) : NULL;
}

gboolean
vera_editor_stamp_compare(GHashTable *self, GHashTable *now, GHashTable *changed)
{
    GHashTableIter iter;
    gpointer name, facts;

    if (self == NULL || now == NULL || g_hash_table_size(self) != g_hash_table_size(now))
        return FALSE;
    g_hash_table_iter_init(&iter, self);
    while (g_hash_table_iter_next(&iter, &name, &facts)) {
        const VeraEditorFacts *other = g_hash_table_lookup(now, name);
        if (other == NULL)
            return FALSE;
        if (!vera_editor_facts_is_equal(facts, other))
            g_hash_table_add(changed, g_strdup(name));
    }
    return TRUE;
}

gboolean
vera_editor_stamp_compare_file(GHashTable *self,
                               const char *folder,
                               const char *name,
                               GHashTable *changed)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree VeraEditorFacts *now = vera_editor_facts_new(path);
    const VeraEditorFacts *before = g_hash_table_lookup(self, name);

    if (now == NULL || before == NULL)
        return FALSE;
    if (!vera_editor_facts_is_equal(before, now))
        g_hash_table_add(changed, g_strdup(name));
    return TRUE;
}

char *
vera_editor_stamp_describe_file(GHashTable *self)
{
    GHashTableIter iter;
    gpointer value;
    const VeraEditorFacts *facts;

    g_hash_table_iter_init(&iter, self);
    if (!g_hash_table_iter_next(&iter, NULL, &value))
        return NULL;
    facts = value;
    return g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                           " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                           facts->device, facts->inode, facts->size, facts->seconds,
                           facts->nanoseconds);
}
