#include "config.h"

#include "app/vera-cli.h"
#include "engine/diffusion/vera-model.h"
#include "engine/media/vera-clip.h"
#include "engine/project/vera-take.h"

static const char *
vera_cli_info_get_layout(const VeraFrameFormat *format)
{
    if (format->layout == VERA_FRAME_LAYOUT_RGB)
        return "RGB";
    if (format->layout == VERA_FRAME_LAYOUT_GRAY)
        return "grey";
    if (format->chroma_shift_x == 0 && format->chroma_shift_y == 0)
        return "YUV 4:4:4";
    if (format->chroma_shift_x == 1 && format->chroma_shift_y == 0)
        return "YUV 4:2:2";
    if (format->chroma_shift_x == 1 && format->chroma_shift_y == 1)
        return "YUV 4:2:0";
    return "YUV";
}

static const char *
vera_cli_info_get_matrix(VeraColorMatrix matrix)
{
    switch (matrix) {
    case VERA_COLOR_MATRIX_RGB:
        return "RGB";
    case VERA_COLOR_MATRIX_BT601:
        return "BT.601";
    case VERA_COLOR_MATRIX_BT709:
        return "BT.709";
    case VERA_COLOR_MATRIX_BT2020:
        return "BT.2020";
    }
    return "unknown";
}

static void
vera_cli_info_print_clip(VeraClip *clip)
{
    const VeraClipInfo *info = vera_clip_get_info(clip);
    const VeraColorDescription *color = &info->color;
    double rate = (double)info->rate_num / MAX(info->rate_den, 1);

    g_print("clip       %s\n", vera_clip_get_path(clip));
    g_print("codec      %s\n", info->codec_name);
    g_print("size       %dx%d", info->width, info->height);
    if (info->pixel_aspect_num != info->pixel_aspect_den)
        g_print(", pixel aspect %d:%d", info->pixel_aspect_num, info->pixel_aspect_den);
    if (info->rotation != 0)
        g_print(", rotated by %d degrees", info->rotation);
    g_print("\nframes     %" G_GINT64_FORMAT ", %.3f s\n", info->n_frames,
            vera_clip_get_frame_time(clip, info->n_frames - 1) + (rate > 0 ? 1 / rate : 0));
    if (info->is_truncated)
        g_print("truncated  the file ends before what its header lists; copy it again\n");
    g_print("rate       %d/%d (%.3f)%s\n", info->rate_num, info->rate_den, rate,
            info->is_variable_rate ? ", variable" : "");
    g_print("samples    %s, %d bit%s%s\n", vera_cli_info_get_layout(&info->format),
            info->format.bits, info->format.is_float ? " float" : "",
            info->format.has_alpha ? ", with alpha" : "");
    g_print("colour     matrix %s, transfer %s, primaries %s, %s range%s\n",
            vera_cli_info_get_matrix(color->matrix), vera_color_transfer_get_name(color->transfer),
            vera_color_primaries_get_name(color->primaries),
            color->is_full_range ? "full" : "limited",
            color->is_guessed ? " (not all tagged; customary values taken)" : "");
    g_print("audio      %d stream%s\n", info->n_audio_streams,
            info->n_audio_streams == 1 ? "" : "s");
    if (info->start_number >= 0)
        g_print("start      frame %" G_GINT64_FORMAT "\n", info->start_number);
    if (info->start_timecode != NULL)
        g_print("timecode   %s\n", info->start_timecode);
}

static int
vera_cli_info_run_clip(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraClip) clip = vera_clip_open(path, vera_cli_get_cancellable(), &error);

    if (clip == NULL)
        return vera_cli_report_error(error);
    vera_cli_info_print_clip(clip);
    return VERA_CLI_EXIT_OK;
}

static int
vera_cli_info_run_model(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraModel) model = vera_model_open(path, &error);
    const VeraBranchConfig *branch;
    const VeraVaeConfig *vae;
    const VeraModelInfo *info;

    if (model == NULL ||
        (branch = vera_model_get_branch_config(model, VERA_BRANCH_EDIT, &error)) == NULL ||
        (vae = vera_model_get_vae_config(model, &error)) == NULL)
        return vera_cli_report_error(error);
    info = vera_model_get_info(model);
    g_print("model      %s (%s)\n", info->name, path);
    g_print("trained    %s\n", info->is_trained ? "yes" : "not to the end: expect rough layers");
    g_print("native     %dx%d, %d frames, %g frames a second\n", info->native_width,
            info->native_height, info->native_frames, info->native_fps);
    g_print("branches   3 of width %d: %d layers, %d heads of %d, feed-forward %d\n", branch->dim,
            branch->n_layers, branch->n_heads, branch->head_dim, branch->ffn_dim);
    g_print("VAE        %d latent channels, 1/%d in space, 1/%d in time\n", vae->z_dim,
            vae->spatial_factor, vae->temporal_factor);
    g_print("defaults   %d steps, guidance %g, shift %g%s\n", info->default_steps,
            info->default_guidance, info->default_shift,
            vera_model_has_snapper(model) ? ", mattes also snapped to the picture" : "");
    return VERA_CLI_EXIT_OK;
}

static int
vera_cli_info_run_take(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraTake) take = vera_take_open(path, vera_cli_get_cancellable(), &error);
    const VeraTakeRecord *record;

    if (take == NULL)
        return vera_cli_report_error(error);
    record = vera_take_get_record(take);
    g_print("take       %s\n", path);
    g_print("asked      %s\n", record->instruction);
    g_print("clip       %s\n", record->clip_path);
    g_print("frames     %u, from frame %" G_GINT64_FORMAT "\n", record->frames->len,
            g_array_index(record->frames, gint64, 0) + 1);
    g_print("layers     %dx%d\n", record->width, record->height);
    g_print("seed       %" G_GUINT64_FORMAT ", %d steps, guidance %g, shift %g, %s\n", record->seed,
            record->n_steps, record->guidance, record->shift, record->solver);
    g_print("model      %s, on %s in %s\n", record->model_name, record->device, record->compute);
    g_print("matte      %s\n",
            record->has_snapped ? "as drawn, and snapped to the picture" : "as drawn");
    g_print("made       %s to %s by %s\n", record->started, record->finished, record->build);
    return VERA_CLI_EXIT_OK;
}

int
vera_cli_info(int argc, char **argv)
{
    GOptionContext *context =
        g_option_context_new("FILE – say what a clip, model, sequence or take is");
    g_autofree char *index = NULL;
    int code;

    if (!vera_cli_parse(context, &argc, &argv, &code))
        return code;
    if (argc != 2)
        return vera_cli_report_usage("info", "Name one file or folder.");
    index = g_build_filename(argv[1], "model_index.json", NULL);
    if (g_file_test(index, G_FILE_TEST_EXISTS))
        return vera_cli_info_run_model(argv[1]);
    if (vera_take_is_take(argv[1]))
        return vera_cli_info_run_take(argv[1]);
    return vera_cli_info_run_clip(argv[1]);
}
