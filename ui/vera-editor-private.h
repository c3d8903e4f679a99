#pragma once

#include "engine/media/vera-audio-output.h"
#include "engine/media/vera-proxy-maker.h"
#include "ui/vera-editor.h"

G_BEGIN_DECLS

/* How much decoded source and how many finished layers a window keeps where no settings are installed, in MiB. */
#define VERA_EDITOR_CACHE_MIB 768
#define VERA_EDITOR_LAYER_MIB 512
/* And how much disk all proxies may take. */
#define VERA_EDITOR_PROXY_MIB 2048

typedef struct _VeraEditorWatch VeraEditorWatch;

struct _VeraEditor {
    GObject parent_instance;

    /* Owned */
    VeraProject *project;
    VeraQueue *queue;
    VeraLayerLoader *layers;
    VeraFrameCache *cache;
    VeraFrameCache *mask_cache; /* of the imported mask that is shown */
    GCancellable *mask_opening;
    char *mask_path; /* what is open, being opened, or could not be opened */
    VeraFrame *shown; /* what was drawn last, for the time until the wanted frame is there */
    char *clip_id;
    char *open_path;     /* what is open or being opened; the project may name another one after an undo */
    char *back_clip_id;  /* what was shown before a new clip, in case that one cannot be opened */
    char *clip_error;
    char *selected;
    char *compared; /* id of a take, perhaps of an edit that is not selected now */
    char *default_model;
    char *preferred_model; /* from the preferences, before @default_model */
    GHashTable *cuts; /* model folder -> how it cuts a range into windows */
    gsize cache_bytes; /* limit of @cache, for the next one that is opened */
    GCancellable *opening;
    VeraLayerFrame *preview;
    char *preview_edit;
    gint64 preview_frame;

    VeraEditorWatch *watch; /* of the clip's file */
    char *media_trouble;
    gboolean is_media_replaced;
    char *media_notice;
    GHashTable *told; /* stamps of contents that a notice was given about */

    gint64 frame;
    gint64 back_frame;
    gint64 mask_asked; /* the frame that was requested of @mask_cache last */
    int direction;
    gboolean is_loading;
    gboolean is_looping;
    gint ready_pending; /* atomic: a notice from the cache is on its way to the main loop */
    /* Playback */
    double speed;
    gint64 play_from;
    gint64 play_start_us;
    /* Sound: the clock of forward playback at 1x */
    VeraAudioOutput *sound;      /* (owned) (nullable) */
    GCancellable *sound_opening; /* (owned) (nullable) */
    gboolean has_no_device;
    gboolean was_told_of_sound;
    /* Proxies of the clip */
    VeraProxyMaker *proxies; /* (owned) (nullable) */
    gint proxies_pending;    /* atomic: a notice from the maker is on its way to the main loop */
    gboolean was_told_of_proxies;
};

void vera_editor_show_clip(VeraEditor *self, const char *clip_id);
/* vera_editor_settle_clip: opens what the project names now, after an undo or another change, unless it is open. */
void vera_editor_settle_clip(VeraEditor *self);
void vera_editor_close_clip(VeraEditor *self);
/* vera_editor_frame_ready_cb: a #VeraFrameCacheReadyFunc with the editor as its data: "frame-ready" on the main loop. */
void vera_editor_frame_ready_cb(gint64 frame, const GError *error, gpointer data);
/* A stamp tells the content of files from another without reading it: place, size and time by file name. Nobody changes it once it is
 * made, so that threads share it. */

/* vera_editor_stamp_new: of the file, or of every picture of a sequence. Blocks. Returns: (transfer full) (nullable): the stamp; %NULL
 * if one is not there */
GHashTable *vera_editor_stamp_new(const char *path, gboolean is_sequence);
/* vera_editor_stamp_compare: adds to @changed the names whose content is another one in @now. Returns: whether both have the same
 * files; not if one is %NULL */
gboolean vera_editor_stamp_compare(GHashTable *self, GHashTable *now, GHashTable *changed);
/* vera_editor_stamp_compare_file: likewise, the file @name as it is in @folder now. Blocks. Returns: whether it is there, and in the
 * stamp */
gboolean
vera_editor_stamp_compare_file(GHashTable *self, const char *folder, const char *name, GHashTable *changed);
/* vera_editor_stamp_describe_file: Returns: (transfer full): the content of the stamp's only file in a word */
char *vera_editor_stamp_describe_file(GHashTable *self);

/* VeraEditorOrigin: what lay at a path before it was opened; a stamp that is taken later may be that of what came after. As a movie, and
 * as a sequence: which it is, opening tells. */
typedef struct {
    GHashTable *file_stamp, *sequence_stamp; /* (nullable) */
    char *folder;
} VeraEditorOrigin;

/* VeraEditorMedia: what a clip was, and whether another one can stand in for it. */
typedef struct {
    char *path;
    char *folder;      /* where its files lie; like @stamp, %NULL where it is not watched */
    GHashTable *stamp; /* (nullable) */
    gboolean is_sequence;
    int width, height; /* 0: not known */
    gint64 n_frames;
    gint64 n_needed; /* how many the project's edits use */
} VeraEditorMedia;

/* vera_editor_describe_media: what the project knows of the shown clip, without folder and stamp, for a comparison with what lies at @path */
VeraEditorMedia *vera_editor_describe_media(VeraEditor *self, const char *path);
void vera_editor_media_free(gpointer media);
/* vera_editor_media_explain: Returns: (nullable): why a clip of @info is none to put in the place of the one that was */
char *vera_editor_media_explain(const VeraEditorMedia *self, const VeraClipInfo *info);
/* vera_editor_set_media_trouble: @is_replaced: there is something to be loaded; @trouble (transfer full) (nullable) */
void vera_editor_set_media_trouble(VeraEditor *self, gboolean is_replaced, char *trouble);
/* vera_editor_watch_media: what becomes of the file of the clip that is open, until vera_editor_unwatch_media(). */
void vera_editor_watch_media(VeraEditor *self, const VeraEditorOrigin *origin);
void vera_editor_unwatch_media(VeraEditor *self);
/* vera_editor_settle_notice: what is to be known about the clip that is open, or is none any more;
 * @stamp (nullable): of its file */
void vera_editor_settle_notice(VeraEditor *self, GHashTable *stamp);
void vera_editor_close_mask(VeraEditor *self);
void vera_editor_request(VeraEditor *self);
void vera_editor_say(VeraEditor *self, const char *format, ...) G_GNUC_PRINTF(2, 3);
void vera_editor_notify_ready(VeraEditor *self);
/** vera_editor_follow_settings: takes sizes and model from the preferences, now and when they change. */
void vera_editor_follow_settings(VeraEditor *self);
void vera_editor_watch_queue(VeraEditor *self);
/** vera_editor_open_sound: opens the clip's sound in the background; a clip without any, and a machine without a device, play silently. */
void vera_editor_open_sound(VeraEditor *self);
void vera_editor_close_sound(VeraEditor *self);
/** vera_editor_settle_sound: lets the sound start at the playhead, or stop: it is heard forward at 1x only. */
void vera_editor_settle_sound(VeraEditor *self);
/** vera_editor_settle_proxies: makes proxies of the clip, or none, and as many, as the preferences say now. */
void vera_editor_settle_proxies(VeraEditor *self);
/** vera_editor_close_proxies: makes and shows no more of them. */
void vera_editor_close_proxies(VeraEditor *self);
/** vera_editor_settle_volume: takes mute and volume from the settings. */
void vera_editor_settle_volume(VeraEditor *self);
/** vera_editor_get_heard_frame: gives the frame, with its fraction, that belongs to the sound heard now; %FALSE: go by the monotonic clock */
gboolean vera_editor_get_heard_frame(VeraEditor *self, double *frame);
/** vera_editor_notify_compared: the compared take may be another one, or none. */
void vera_editor_notify_compared(VeraEditor *self);
void vera_editor_set_preview_frame(VeraEditor *self);

G_END_DECLS
