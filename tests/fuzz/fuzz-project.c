#include "config.h"

#include <math.h>

#include "engine/project/vera-project-file.h"
#include "engine/project/vera-project-json.h"
#include "tests/fuzz/fuzz.h"

enum { W = 16, H = 9 };

/* What was read can be drawn: values between 0 and 1. */
static void
fuzz_draw(const VeraRegion *region)
{
    static const gint64 frames[] = {0, 3, 1000};
    float mask[W * H];

    for (gsize f = 0; f < G_N_ELEMENTS(frames); f++) {
        if (!vera_region_render(region, frames[f], W, H, 64, 36, mask))
            continue;
        for (int i = 0; i < W * H; i++)
            if (!(mask[i] >= 0 && mask[i] <= 1))
                g_error("a mask of %g", (double)mask[i]);
    }
}

/* Any bytes as a project: a sentence, or a state whose own file reads back as the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GError *error = NULL;
    g_autoptr(VeraProjectState) state =
        vera_project_file_read(fuzz_write("a.vera", data, size), NULL, &error);

    fuzz_check(state != NULL, error);
    if (state == NULL)
        return 0;
    for (guint i = 0; i < state->edits->len; i++) {
        VeraEdit *edit = state->edits->pdata[i];
        if (edit->region != NULL)
            fuzz_draw(edit->region);
    }
    g_autoptr(JsonObject) object = vera_project_state_to_json(state, NULL);
    g_autoptr(VeraProjectState) again = vera_project_state_from_json(object, "/", NULL);
    if (again == NULL)
        g_error("a project that was written cannot be read");
    g_autoptr(JsonObject) second = vera_project_state_to_json(again, NULL);
    g_autoptr(JsonNode) a = json_node_init_object(json_node_alloc(), object);
    g_autoptr(JsonNode) b = json_node_init_object(json_node_alloc(), second);
    if (!json_node_equal(a, b))
        g_error("a project that was written reads as another");
    return 0;
}
