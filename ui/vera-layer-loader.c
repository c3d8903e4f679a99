#include "config.h"

#include "ui/vera-layer-loader.h"

#include <string.h>

#include "engine/project/vera-take.h"
#include "engine/vera-engine-error.h"

/* Wishes beyond these are forgotten: while scrubbing, only the newest matter. */
#define VERA_LAYER_LOADER_MAX_WISHES 6

typedef struct {
    char *take_dir;
    VeraFrame *plate;
    VeraMatteRefinement refinement;
} VeraLayerWish;

typedef struct {
    char *take_dir;
    gint64 frame;
    VeraMatteRefinement refinement;
    VeraLayerFrame *made; /* NULL: the take has no such frame, or could not be read */
} VeraLayerEntry;

struct _VeraLayerLoader {
    GObject parent_instance;

    gsize max_bytes;
    GThread *thread;
    GMutex lock;
    GCond wake;
    /* Under the lock */
    GQueue wishes;  /* of VeraLayerWish, newest first */
    GQueue entries; /* of VeraLayerEntry, last used first */
    GError *failure;
    gboolean is_closing;
    gboolean is_notice_pending;
    VeraLayerWish *current;
    gboolean is_current_void; /* forgotten while it is made */
    gboolean must_reopen;     /* the open take may be the one that was forgotten */
    /* Of the thread alone */
    VeraTake *take;
    char *open_dir;
};

G_DEFINE_FINAL_TYPE(VeraLayerLoader, vera_layer_loader, G_TYPE_OBJECT)

enum { SIGNAL_READY, SIGNAL_FAILED, N_SIGNALS };
static guint signals[N_SIGNALS];

static void
vera_layer_wish_free(VeraLayerWish *self)
{
    g_free(self->take_dir);
    vera_frame_unref(self->plate);
    g_free(self);
}

static void
vera_layer_entry_free(VeraLayerEntry *self)
{
    g_free(self->take_dir);
    g_clear_pointer(&self->made, vera_layer_frame_unref);
    g_free(self);
}

static gboolean
vera_layer_refinement_is_equal(const VeraMatteRefinement *a, const VeraMatteRefinement *b)
{
    return a->black == b->black && a->white == b->white && a->grow_px == b->grow_px && a->feather_px == b->feather_px &&
           a->despeckle_px == b->despeckle_px && a->is_inverted == b->is_inverted && a->is_snapped == b->is_snapped &&
           a->is_edge_clean == b->is_edge_clean && a->floor == b->floor;
}

static gint64
vera_layer_find_position(VeraTake *take, gint64 frame)
{
    GArray *frames = vera_take_get_record(take)->frames;

    for (guint i = 0; i < frames->len; i++)
        if (g_array_index(frames, gint64, i) == frame)
            return i;
    return -1;
}

static gboolean
vera_layer_loader_open(VeraLayerLoader *self, const char *take_dir, GError **error)
{
    if (g_strcmp0(self->open_dir, take_dir) == 0)
        return TRUE;
    g_clear_pointer(&self->take, vera_take_free);
    g_clear_pointer(&self->open_dir, g_free);
    self->take = vera_take_open(take_dir, NULL, error);
    if (self->take != NULL)
        self->open_dir = g_strdup(take_dir);
    return self->take != NULL;
}

/* Returns NULL without an error for a frame that the take does not cover. */
static VeraLayerFrame *
vera_layer_loader_make(VeraLayerLoader *self, const VeraLayerWish *wish, GError **error)
{
    g_autofree float *plate = NULL, *edit = NULL, *matte = NULL, *model = NULL;
    gsize n_plate = (gsize)wish->plate->width * (gsize)wish->plate->height, n;
    const VeraTakeRecord *record;
    VeraMatteRefinement refinement;
    gint64 position;

    if (!vera_layer_loader_open(self, wish->take_dir, error))
        return NULL;
    record = vera_take_get_record(self->take);
    position = vera_layer_find_position(self->take, wish->plate->index);
    if (position < 0)
        return NULL;
    n = (gsize)record->width * (gsize)record->height;
    plate = g_try_new(float, n_plate * 3);
    edit = g_try_new(float, n * 3);
    model = g_try_new(float, n * 3);
    matte = g_try_new(float, n);
    if (!plate || !edit || !matte || !model) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "Too little memory to show the edit layer.");
        return NULL;
    }
    if (!vera_take_read_frame(self->take, position, wish->refinement.is_snapped, edit, matte, model, NULL, error))
        return NULL;
    vera_frame_to_rgb(wish->plate, plate);
    refinement = vera_take_fit_refinement(self->take, &wish->refinement);
    return vera_layer_frame_new(&(VeraImage){ record->width, record->height, 3, edit },
                                &(VeraImage){ record->width, record->height, 1, matte },
                                &(VeraImage){ record->width, record->height, 3, model },
                                &(VeraImage){ wish->plate->width, wish->plate->height, 3, plate },
                                wish->plate->color.transfer, &refinement, error);
}

static gboolean
vera_layer_loader_notice_cb(gpointer data)
{
    VeraLayerLoader *self = data;
    g_autoptr(GError) failure = NULL;

    g_mutex_lock(&self->lock);
    failure = g_steal_pointer(&self->failure);
    self->is_notice_pending = FALSE;
    g_mutex_unlock(&self->lock);
    if (failure != NULL)
        g_signal_emit(self, signals[SIGNAL_FAILED], 0, failure);
    g_signal_emit(self, signals[SIGNAL_READY], 0);
    return G_SOURCE_REMOVE;
}

static void
vera_layer_loader_trim(VeraLayerLoader *self)
{
    gsize bytes = 0;

    for (GList *link = self->entries.head, *next; link != NULL; link = next) {
        VeraLayerEntry *entry = link->data;
        next = link->next;
        bytes += entry->made ? vera_layer_frame_get_bytes(entry->made) : 256;
        if (bytes > self->max_bytes && link != self->entries.head) {
            g_queue_delete_link(&self->entries, link);
            vera_layer_entry_free(entry);
        }
    }
}

void
vera_layer_loader_set_max_bytes(VeraLayerLoader *self, gsize max_bytes)
{
    g_mutex_lock(&self->lock);
    self->max_bytes = max_bytes;
    vera_layer_loader_trim(self);
    g_mutex_unlock(&self->lock);
}

/* Called and returns with the lock held. */
static void
vera_layer_loader_serve(VeraLayerLoader *self)
{
    VeraLayerWish *wish = self->current = g_queue_pop_head(&self->wishes);
    VeraLayerEntry *entry = g_new0(VeraLayerEntry, 1);
    GError *error = NULL;

    self->is_current_void = FALSE;
    if (self->must_reopen)
        g_clear_pointer(&self->open_dir, g_free);
    self->must_reopen = FALSE;
    g_mutex_unlock(&self->lock);
    entry->made = vera_layer_loader_make(self, wish, &error);
    g_mutex_lock(&self->lock);
    entry->take_dir = g_strdup(wish->take_dir);
    entry->frame = wish->plate->index;
    entry->refinement = wish->refinement;
    if (self->is_current_void) {
        vera_layer_entry_free(entry);
    } else {
        g_queue_push_head(&self->entries, entry);
        vera_layer_loader_trim(self);
    }
    self->current = NULL;
    vera_layer_wish_free(wish);
    if (error != NULL && self->failure == NULL)
        self->failure = g_steal_pointer(&error);
    g_clear_error(&error);
    if (!self->is_notice_pending) {
        self->is_notice_pending = TRUE;
        g_idle_add_full(G_PRIORITY_DEFAULT, vera_layer_loader_notice_cb, g_object_ref(self), g_object_unref);
    }
}

static gpointer
vera_layer_loader_thread(gpointer data)
{
    VeraLayerLoader *self = data;

    g_mutex_lock(&self->lock);
    while (!self->is_closing) {
        if (g_queue_is_empty(&self->wishes))
            g_cond_wait(&self->wake, &self->lock);
        else
            vera_layer_loader_serve(self);
    }
    g_mutex_unlock(&self->lock);
    g_clear_pointer(&self->take, vera_take_free);
    return NULL;
}

static gboolean
vera_layer_wish_is(const VeraLayerWish *self, const char *take_dir, gint64 frame, const VeraMatteRefinement *refinement)
{
    return self != NULL && self->plate->index == frame && strcmp(self->take_dir, take_dir) == 0 &&
           vera_layer_refinement_is_equal(&self->refinement, refinement);
}

static void
vera_layer_loader_wish(VeraLayerLoader *self, const char *take_dir, VeraFrame *plate, const VeraMatteRefinement *refinement)
{
    VeraLayerWish *wish;

    if (vera_layer_wish_is(self->current, take_dir, plate->index, refinement))
        return;
    for (GList *link = self->wishes.head; link != NULL; link = link->next)
        if (vera_layer_wish_is(link->data, take_dir, plate->index, refinement))
            return;
    wish = g_new0(VeraLayerWish, 1);
    wish->take_dir = g_strdup(take_dir);
    wish->plate = vera_frame_ref(plate);
    wish->refinement = *refinement;
    g_queue_push_head(&self->wishes, wish);
    if (self->wishes.length > VERA_LAYER_LOADER_MAX_WISHES)
        vera_layer_wish_free(g_queue_pop_tail(&self->wishes));
    g_cond_signal(&self->wake);
}

VeraLayerFrame *
vera_layer_loader_get(VeraLayerLoader *self, const char *take_dir, VeraFrame *plate, const VeraMatteRefinement *refinement)
{
    VeraLayerFrame *made = NULL;
    gboolean is_known = FALSE;

    g_return_val_if_fail(VERA_IS_LAYER_LOADER(self), NULL);
    g_mutex_lock(&self->lock);
    for (GList *link = self->entries.head; link != NULL && !is_known; link = link->next) {
        VeraLayerEntry *entry = link->data;
        if (entry->frame != plate->index || strcmp(entry->take_dir, take_dir) != 0 ||
            !vera_layer_refinement_is_equal(&entry->refinement, refinement))
            continue;
        is_known = TRUE;
        made = entry->made ? vera_layer_frame_ref(entry->made) : NULL;
        g_queue_unlink(&self->entries, link);
        g_queue_push_head_link(&self->entries, link);
        break;
    }
    if (!is_known)
        vera_layer_loader_wish(self, take_dir, plate, refinement);
    g_mutex_unlock(&self->lock);
    return made;
}

VeraLayerFrame *
vera_layer_loader_get_nearest(VeraLayerLoader *self, const char *take_dir, gint64 frame)
{
    VeraLayerFrame *made = NULL;

    g_return_val_if_fail(VERA_IS_LAYER_LOADER(self), NULL);
    g_mutex_lock(&self->lock);
    for (GList *link = self->entries.head; link != NULL && made == NULL; link = link->next) {
        VeraLayerEntry *entry = link->data;
        if (entry->made != NULL && entry->frame == frame && strcmp(entry->take_dir, take_dir) == 0)
            made = vera_layer_frame_ref(entry->made);
    }
    g_mutex_unlock(&self->lock);
    return made;
}

void
vera_layer_loader_forget(VeraLayerLoader *self, const char *take_dir)
{
    g_return_if_fail(VERA_IS_LAYER_LOADER(self));
    g_mutex_lock(&self->lock);
    for (GList *link = self->entries.head, *next; link != NULL; link = next) {
        VeraLayerEntry *entry = link->data;
        next = link->next;
        if (take_dir == NULL || strcmp(entry->take_dir, take_dir) == 0) {
            g_queue_delete_link(&self->entries, link);
            vera_layer_entry_free(entry);
        }
    }
    if (take_dir == NULL)
        g_queue_clear_full(&self->wishes, (GDestroyNotify)vera_layer_wish_free);
    if (self->current != NULL &&
        (take_dir == NULL || strcmp(self->current->take_dir, take_dir) == 0))
        self->is_current_void = TRUE;
    self->must_reopen = TRUE;
    g_mutex_unlock(&self->lock);
}

static void
vera_layer_loader_dispose(GObject *object)
{
    VeraLayerLoader *self = VERA_LAYER_LOADER(object);

    g_mutex_lock(&self->lock);
    self->is_closing = TRUE;
    g_cond_signal(&self->wake);
    g_mutex_unlock(&self->lock);
    g_clear_pointer(&self->thread, g_thread_join);
    g_queue_clear_full(&self->wishes, (GDestroyNotify)vera_layer_wish_free);
    g_queue_clear_full(&self->entries, (GDestroyNotify)vera_layer_entry_free);
    g_clear_error(&self->failure);
    G_OBJECT_CLASS(vera_layer_loader_parent_class)->dispose(object);
}

static void
vera_layer_loader_finalize(GObject *object)
{
    VeraLayerLoader *self = VERA_LAYER_LOADER(object);

    g_free(self->open_dir);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->wake);
    G_OBJECT_CLASS(vera_layer_loader_parent_class)->finalize(object);
}

static void
vera_layer_loader_class_init(VeraLayerLoaderClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    object_class->dispose = vera_layer_loader_dispose;
    object_class->finalize = vera_layer_loader_finalize;
    signals[SIGNAL_READY] = g_signal_new("ready", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_FAILED] =
        g_signal_new("failed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
vera_layer_loader_init(VeraLayerLoader *self)
{
    g_mutex_init(&self->lock);
    g_cond_init(&self->wake);
    g_queue_init(&self->wishes);
    g_queue_init(&self->entries);
}

VeraLayerLoader *
vera_layer_loader_new(gsize max_bytes)
{
    VeraLayerLoader *self = g_object_new(VERA_TYPE_LAYER_LOADER, NULL);

    self->max_bytes = max_bytes;
    self->thread = g_thread_new("layers", vera_layer_loader_thread, self);
    return self;
}
