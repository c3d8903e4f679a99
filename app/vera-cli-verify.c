#include "config.h"

#include "app/vera-cli.h"
#include "engine/compositing/vera-verify.h"

static void
vera_cli_verify_report_cb(const VeraVerifyFrame *frame, gpointer user_data)
{
    const gboolean *is_json = user_data;

    if (*is_json) {
        g_print("{\"frame\":%" G_GINT64_FORMAT ",\"protected\":%" G_GINT64_FORMAT ",\"changed\":%" G_GINT64_FORMAT ",\"sha256\":\"%s\"}\n",
                frame->number, frame->n_protected, frame->n_changed, frame->hash);
        return;
    }
    g_print("frame %" G_GINT64_FORMAT ": %" G_GINT64_FORMAT " protected, %" G_GINT64_FORMAT " changed, %.16s", frame->number,
            frame->n_protected, frame->n_changed, frame->hash);
    if (frame->n_changed > 0)
        g_print(", first at x %d, y %d, channel %c", frame->x, frame->y, frame->channel);
    g_print("\n");
}

int
vera_cli_verify(int argc, char **argv)
{
    g_autofree char *source = NULL;
    gboolean is_json = FALSE;
    const GOptionEntry entries[] = {
        { "source", 0, 0, G_OPTION_ARG_FILENAME, &source, "The clip that the export was made from", "CLIP" },
        { "json", 0, 0, G_OPTION_ARG_NONE, &is_json, "One JSON object a frame", NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    GOptionContext *context = g_option_context_new("DIR --source CLIP – prove that pixels outside the matte of an EXR, PNG or FFV1 export are the source's");
    g_autoptr(GError) error = NULL;
    gint64 n_changed, n_frames;
    int code;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!vera_cli_parse(context, &argc, &argv, &code))
        return code;
    if (argc != 2 || source == NULL)
        return vera_cli_report_usage("verify", "Name one export and its --source.");
    if (!vera_verify_run(argv[1], source, &n_changed, &n_frames, vera_cli_verify_report_cb, &is_json, vera_cli_get_cancellable(), &error))
        return vera_cli_report_error(error);
    if (!is_json)
        g_print("%" G_GINT64_FORMAT " pixels changed outside the matte in %" G_GINT64_FORMAT " frames\n", n_changed, n_frames);
    return n_changed == 0 ? VERA_CLI_EXIT_OK : VERA_CLI_EXIT_FAILED;
}
