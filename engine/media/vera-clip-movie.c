#include "config.h"

#include "engine/media/vera-clip-movie.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/vera-engine-error.h"

#define VERA_CLIP_MAX_THREADS 16

gboolean
vera_clip_check_file(const char *path, GError **error)
{
    struct stat facts;
    const char *what = NULL;
    int fd = g_open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);

    if (fd < 0 || fstat(fd, &facts) != 0)
        what = g_strerror(errno);
    else if (!S_ISREG(facts.st_mode))
        what = "It is not a regular file";
    else if (facts.st_size == 0)
        what = "The file is empty";
    if (fd >= 0)
        close(fd);
    if (what == NULL)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT, "‘%s’ cannot be read: %s.",
                path, what);
    return FALSE;
}

/** Whether a container's format was guessed from a few bits alone: one of a thousand files of noise has a start code of a bare
 * stream somewhere, and would be taken for a picture. A name that says the same is believed. */
static gboolean
vera_clip_movie_is_chance(const AVFormatContext *container, const char *path)
{
    return container->probe_score <= AVPROBE_SCORE_RETRY &&
           !av_match_ext(path, container->iformat->extensions);
}

static AVFormatContext *
vera_clip_movie_open_container(const char *path, GError **error)
{
    g_autofree char *url = g_strconcat("file:", path, NULL);
    AVFormatContext *container = NULL;
    AVDictionary *options = NULL;

    /* A playlist inside the file must not make the reader fetch anything. */
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    int rc = avformat_open_input(&container, url, NULL, &options);
    av_dict_free(&options);
    if (rc >= 0)
        rc = avformat_find_stream_info(container, NULL);
    if (rc >= 0 && !vera_clip_movie_is_chance(container, path))
        return container;
    avformat_close_input(&container);
    if (rc == AVERROR(ENOMEM))
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "There is not enough memory to open ‘%s’.", path);
    else
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
            "‘%s’ cannot be read as a clip: it is damaged, cut off, or not a media file; check "
            "that it plays elsewhere.",
            path);
    return NULL;
}

static gboolean
vera_clip_movie_select_stream(VeraClipMovie *self, GError **error)
{
    int n = av_find_best_stream(self->container, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (n < 0 || (self->container->streams[n]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "‘%s’ holds no video; choose a file with pictures.", self->path);
        return FALSE;
    }
    self->stream = n;
    for (unsigned i = 0; i < self->container->nb_streams; i++)
        if ((int)i != n)
            self->container->streams[i]->discard = AVDISCARD_ALL;
    return TRUE;
}

gboolean
vera_clip_movie_rewind(VeraClipMovie *self, GError **error)
{
    avformat_close_input(&self->container);
    self->container = vera_clip_movie_open_container(self->path, error);
    if (self->container == NULL || !vera_clip_movie_select_stream(self, error))
        return FALSE;
    if (self->decoder != NULL)
        avcodec_flush_buffers(self->decoder);
    vera_clip_movie_forget(self, 0);
    self->next_place = 0;
    self->trusts_order = TRUE;
    return TRUE;
}

static void
vera_clip_movie_set_threads(AVCodecContext *decoder, const AVCodec *codec, int n_threads)
{
    const AVCodecDescriptor *desc = avcodec_descriptor_get(codec->id);
    gboolean is_intra = desc != NULL && (desc->props & AV_CODEC_PROP_INTRA_ONLY) != 0;

    /* Pictures differ in size, and a thread waits for those that its own refers to: one thread more
     * than there are processors keeps them all busy. */
    int n_usual = (int)MIN(g_get_num_processors() + 1, VERA_CLIP_MAX_THREADS);
    decoder->thread_count = n_threads > 0 ? n_threads : n_usual;
    /* Frame threads delay every picture; where each stands alone that only makes a single one
     * slower. */
    decoder->thread_type = is_intra ? FF_THREAD_SLICE : FF_THREAD_FRAME | FF_THREAD_SLICE;
}

/** Whether each shown packet of a sound stream gives a picture: older codecs may repeat the one
 * before by an empty packet. */
static gboolean
vera_clip_movie_has_every_picture(enum AVCodecID codec)
{
    return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC ||
           codec == AV_CODEC_ID_MPEG1VIDEO || codec == AV_CODEC_ID_MPEG2VIDEO ||
           codec == AV_CODEC_ID_VP8 || codec == AV_CODEC_ID_VP9 || codec == AV_CODEC_ID_AV1;
}

/**
 * With frame threads, a picture may be handed out before what it was found to lack is noted on it
 * (FFmpeg before 7.1). The message about it comes in time.
 */
static void
vera_clip_movie_log_cb(void *object, int level, const char *format, va_list args)
{
    const AVClass *const *class = object;

    if (level != AV_LOG_INFO || class == NULL || *class != avcodec_get_class() ||
        !g_str_has_prefix(format, "concealing"))
        return;
    gint *has_concealed = ((AVCodecContext *)object)->opaque;
    if (has_concealed != NULL)
        g_atomic_int_set(has_concealed, TRUE);
}

void
vera_clip_movie_watch_decoders(void)
{
    av_log_set_callback(vera_clip_movie_log_cb);
}

gboolean
vera_clip_movie_open_decoder(VeraClipMovie *self, GError **error)
{
    const AVCodecParameters *par = self->container->streams[self->stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);

    if (codec == NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                    "‘%s’ is coded as “%s”, for which there is no decoder; convert it first.",
                    self->path, avcodec_get_name(par->codec_id));
        return FALSE;
    }
    avcodec_free_context(&self->decoder);
    self->decoder = avcodec_alloc_context3(codec);
    if (self->decoder == NULL || avcodec_parameters_to_context(self->decoder, par) < 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "There is not enough memory to decode ‘%s’.", self->path);
        return FALSE;
    }
    vera_clip_movie_set_threads(self->decoder, codec, self->is_careful ? 1 : self->n_threads);
    self->decoder->opaque = &self->has_concealed;
    self->soundness.wants_all = vera_clip_movie_has_every_picture(codec->id);
    self->decoder->err_recognition = AV_EF_CRCCHECK;
    if (avcodec_open2(self->decoder, codec, NULL) < 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "‘%s’ cannot be decoded: its “%s” header is damaged.", self->path, codec->name);
        return FALSE;
    }
    return TRUE;
}

static double
vera_clip_movie_get_time(VeraClipBackend *backend, gint64 index)
{
    VeraClipMovie *self = (VeraClipMovie *)backend;
    const VeraClipInfo *info = &backend->info;
    double unit = (double)info->time_base_num / info->time_base_den;

    if (self->index.lacks_pts)
        return (double)index * unit;
    gint64 first = vera_clip_index_get_shown(&self->index, 0)->pts;
    return (double)(vera_clip_index_get_shown(&self->index, index)->pts - first) * unit;
}

static void
vera_clip_movie_drop_picture(gpointer data)
{
    AVFrame *picture = data;
    av_frame_free(&picture);
}

void
vera_clip_movie_forget(VeraClipMovie *self, gint64 start)
{
    g_queue_clear_full(&self->held, vera_clip_movie_drop_picture);
    vera_clip_soundness_reset(&self->soundness, (guint)MAX(start, 0));
    self->start_place = start;
    self->next_place = self->last_rank = self->skipped_to = self->culprit = -1;
    self->is_drained = FALSE;
}

static void
vera_clip_movie_free(VeraClipBackend *backend)
{
    VeraClipMovie *self = (VeraClipMovie *)backend;
    g_clear_pointer(&self->newest, vera_frame_unref);
    avcodec_free_context(&self->decoder);
    avformat_close_input(&self->container);
    av_packet_free(&self->packet);
    av_frame_free(&self->picture);
    g_queue_clear_full(&self->held, vera_clip_movie_drop_picture);
    vera_clip_soundness_clear(&self->soundness);
    g_array_unref(self->known_damage);
    vera_clip_index_clear(&self->index);
    g_free(self->timecode);
    g_free(self->path);
    g_free(self);
}

static gboolean
vera_clip_movie_check_memory(const VeraClipMovie *self, GError **error)
{
    if (self->packet != NULL && self->picture != NULL)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                "There is not enough memory to open ‘%s’.", self->path);
    return FALSE;
}

static gboolean
vera_clip_movie_load(VeraClipMovie *self, GCancellable *cancellable, GError **error)
{
    GStatBuf facts;

    if (g_stat(self->path, &facts) == 0) {
        self->mtime =
            (gint64)facts.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + facts.st_mtim.tv_nsec;
        self->file_size = facts.st_size;
    }
    return vera_clip_movie_check_memory(self, error) && vera_clip_movie_rewind(self, error) &&
           vera_clip_movie_open_decoder(self, error) &&
           vera_clip_movie_scan(self, cancellable, error);
}

static VeraClipBackend *
vera_clip_movie_dup(VeraClipBackend *backend, int n_threads, GError **error);

static VeraClipMovie *
vera_clip_movie_new(const char *path)
{
    VeraClipMovie *self = g_new0(VeraClipMovie, 1);

    self->backend.read = vera_clip_movie_read;
    self->backend.read_key = vera_clip_movie_read_key;
    self->backend.get_key = vera_clip_movie_get_key;
    self->backend.dup = vera_clip_movie_dup;
    self->backend.get_time = vera_clip_movie_get_time;
    self->backend.free = vera_clip_movie_free;
    self->path = g_strdup(path);
    self->packet = av_packet_alloc();
    self->picture = av_frame_alloc();
    self->known_damage = g_array_new(FALSE, FALSE, sizeof(VeraClipDamage));
    g_queue_init(&self->held);
    vera_clip_soundness_init(&self->soundness, &self->index, FALSE);
    return self;
}

/** Takes over what is known of the file; nothing of it changes after a clip was opened. */
static void
vera_clip_movie_share(VeraClipMovie *self, const VeraClipMovie *other)
{
    self->backend.info = other->backend.info;
    self->timecode = g_strdup(other->timecode);
    self->backend.info.start_timecode = self->timecode;
    self->index.entries = g_array_ref(other->index.entries);
    self->index.order = g_array_ref(other->index.order);
    self->index.lacks_pts = other->index.lacks_pts;
    self->look = other->look;
    self->mtime = other->mtime;
    self->file_size = other->file_size;
}

static VeraClipBackend *
vera_clip_movie_dup(VeraClipBackend *backend, int n_threads, GError **error)
{
    const VeraClipMovie *other = (const VeraClipMovie *)backend;

    if (!vera_clip_check_file(other->path, error))
        return NULL;
    VeraClipMovie *self = vera_clip_movie_new(other->path);
    self->n_threads = n_threads;
    vera_clip_movie_share(self, other);
    if (vera_clip_movie_check_memory(self, error) && vera_clip_movie_rewind(self, error) &&
        vera_clip_movie_open_decoder(self, error))
        return &self->backend;
    vera_clip_movie_free(&self->backend);
    return NULL;
}

VeraClipBackend *
vera_clip_movie_open(const char *path, GCancellable *cancellable, GError **error)
{
    if (!vera_clip_check_file(path, error))
        return NULL;

    VeraClipMovie *self = vera_clip_movie_new(path);
    vera_clip_index_init(&self->index);
    if (!vera_clip_movie_load(self, cancellable, error)) {
        vera_clip_movie_free(&self->backend);
        return NULL;
    }
    vera_clip_movie_describe(self);
    return &self->backend;
}
