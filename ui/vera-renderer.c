#include "config.h"

#include "ui/vera-renderer.h"

#include "engine/vera-engine-error.h"
#include "ui/vera-renderer-gl.h"

/* Layers beyond this are possible in a project, but no GPU that runs here holds more at 4K. */
#define VERA_RENDERER_MAX_LAYERS 16

/* The composite of a side and what its views of the selected layer show. */
typedef struct {
    VeraGlTexture stack[2], model;
    VeraLayerFrame *uploaded_model;
    VeraGlTexture alternate; /* side B's selected layer */
    VeraLayerFrame *uploaded_alternate;
    GLuint composite; /* borrowed: source, or one of stack */
    GLuint layer;     /* borrowed: the selected layer, or blank */
    gboolean has_model;
} VeraRendererSide;

struct _VeraRenderer {
    /* Owned */
    GLuint integer_source, float_source, over, display;
    GLuint vertex_array, framebuffer;
    VeraGlTexture planes[3], source, layers[VERA_RENDERER_MAX_LAYERS], blank;
    VeraFrame *frame;
    VeraLayerFrame *uploaded[VERA_RENDERER_MAX_LAYERS];
    VeraRendererSide sides[2];

    /* The stack, for side B */
    int n_layers, selected;
    gboolean has_layer[VERA_RENDERER_MAX_LAYERS];
    float opacity[VERA_RENDERER_MAX_LAYERS];
    int transfer; /* for over.frag */
    gboolean has_alternate;
    GLenum target_format, layer_format;
};

static gboolean
vera_renderer_init_programs(VeraRenderer *self, GError **error)
{
    return (self->integer_source = vera_gl_program_new("source.frag", "#define SAMPLER usampler2D", error)) &&
           (self->float_source = vera_gl_program_new("source.frag", "#define SAMPLER sampler2D", error)) &&
           (self->over = vera_gl_program_new("over.frag", NULL, error)) &&
           (self->display = vera_gl_program_new("display.frag", NULL, error));
}

VeraRenderer *
vera_renderer_new(GError **error)
{
    g_autoptr(VeraRenderer) self = g_new0(VeraRenderer, 1);
    const float clear[4] = { 0 };

    glGenVertexArrays(1, &self->vertex_array);
    glGenFramebuffers(1, &self->framebuffer);
    self->selected = -1;
    if (!vera_renderer_init_programs(self, error))
        return NULL;
    /* Of floats where they can be read back, as everything else is: OpenGL ES reads no floats from bytes. */
    vera_gl_texture_resize(&self->blank, 1, 1, vera_gl_has_float_targets() ? GL_RGBA16F : GL_RGBA8, GL_RGBA,
                           vera_gl_has_float_targets() ? GL_FLOAT : GL_UNSIGNED_BYTE);
    glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 1, 1, GL_RGBA, vera_gl_has_float_targets() ? GL_FLOAT : GL_UNSIGNED_BYTE, clear);
    return g_steal_pointer(&self);
}

static void
vera_renderer_side_clear(VeraRendererSide *side)
{
    VeraGlTexture *textures[] = { &side->stack[0], &side->stack[1], &side->model, &side->alternate };

    for (gsize i = 0; i < G_N_ELEMENTS(textures); i++)
        vera_gl_texture_clear(textures[i]);
    g_clear_pointer(&side->uploaded_model, vera_layer_frame_unref);
    g_clear_pointer(&side->uploaded_alternate, vera_layer_frame_unref);
}

void
vera_renderer_free(VeraRenderer *self)
{
    VeraGlTexture *textures[] = { &self->planes[0], &self->planes[1], &self->planes[2], &self->source, &self->blank };
    GLuint programs[] = { self->integer_source, self->float_source, self->over, self->display };

    for (gsize i = 0; i < G_N_ELEMENTS(textures); i++)
        vera_gl_texture_clear(textures[i]);
    /* A program that is in use would outlive its deletion. */
    glUseProgram(0);
    for (gsize i = 0; i < G_N_ELEMENTS(programs); i++)
        if (programs[i] != 0)
            glDeleteProgram(programs[i]);
    for (int i = 0; i < VERA_RENDERER_MAX_LAYERS; i++) {
        vera_gl_texture_clear(&self->layers[i]);
        g_clear_pointer(&self->uploaded[i], vera_layer_frame_unref);
    }
    for (int i = 0; i < 2; i++)
        vera_renderer_side_clear(&self->sides[i]);
    glDeleteVertexArrays(1, &self->vertex_array);
    glDeleteFramebuffers(1, &self->framebuffer);
    g_clear_pointer(&self->frame, vera_frame_unref);
    g_free(self);
}

/* Draws the bound program over the whole of @target. GTK draws into a framebuffer of its own, which is put back. */
static void
vera_renderer_run(VeraRenderer *self, const VeraGlTexture *target)
{
    GLint before = 0, viewport[4];

    glGetIntegerv(GL_DRAW_FRAMEBUFFER_BINDING, &before);
    glGetIntegerv(GL_VIEWPORT, viewport);
    glBindFramebuffer(GL_FRAMEBUFFER, self->framebuffer);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, target->id, 0);
    glViewport(0, 0, target->width, target->height);
    glBindVertexArray(self->vertex_array);
    glDisable(GL_BLEND);
    glDrawArrays(GL_TRIANGLES, 0, 3);
    glBindFramebuffer(GL_FRAMEBUFFER, (GLuint)before);
    glViewport(viewport[0], viewport[1], viewport[2], viewport[3]);
}

static void
vera_renderer_upload_plane(VeraRenderer *self, const VeraFrame *frame, int plane)
{
    int bytes = frame->format.is_float ? 4 : frame->format.bits > 8 ? 2 : 1;
    int width = vera_frame_get_plane_width(frame, plane), height = vera_frame_get_plane_height(frame, plane);
    GLenum internal = frame->format.is_float ? GL_R32F : bytes == 2 ? GL_R16UI : GL_R8UI;
    GLenum format = frame->format.is_float ? GL_RED : GL_RED_INTEGER;
    GLenum type = frame->format.is_float ? GL_FLOAT : bytes == 2 ? GL_UNSIGNED_SHORT : GL_UNSIGNED_BYTE;

    vera_gl_texture_resize(&self->planes[plane], width, height, internal, format, type);
    glPixelStorei(GL_UNPACK_ALIGNMENT, bytes);
    glPixelStorei(GL_UNPACK_ROW_LENGTH, frame->stride[plane] / bytes);
    glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, width, height, format, type, frame->data[plane]);
    glPixelStorei(GL_UNPACK_ROW_LENGTH, 0);
}

/*
 * Half floats are four times finer than the screen, and colours and mattes in steps of 1/65535 are what files hold. Plates
 * of high dynamic range need more: of a pixel a hundred times as bright as white, the little that a matte near 1 leaves would be off by
 * several codes, and so would blacks, where their curves are steep. OpenGL ES has whole floats only by its extensions.
 */
static void
vera_renderer_choose_formats(VeraRenderer *self, const VeraFrame *frame)
{
    gboolean is_desktop = epoxy_is_desktop_gl();
    gboolean has_wide = is_desktop || (epoxy_has_gl_extension("GL_EXT_color_buffer_float") &&
                                       epoxy_has_gl_extension("GL_OES_texture_float_linear"));
    gboolean is_wide = has_wide && (frame->format.is_float || frame->color.transfer == VERA_COLOR_TRANSFER_PQ ||
                                      frame->color.transfer == VERA_COLOR_TRANSFER_HLG);

    self->target_format = is_wide ? GL_RGBA32F : vera_gl_has_float_targets() ? GL_RGBA16F : GL_RGBA8;
    self->layer_format = is_wide ? GL_RGBA32F : is_desktop ? GL_RGBA16 : GL_RGBA16F;
}

static void
vera_renderer_convert(VeraRenderer *self, const VeraFrame *frame)
{
    GLuint program = frame->format.is_float ? self->float_source : self->integer_source;
    static const char *const names[] = { "plane_0", "plane_1", "plane_2" };
    VeraFrameCoding coding;

    vera_frame_get_coding(frame, &coding);
    vera_gl_texture_resize(&self->source, frame->width, frame->height, self->target_format, GL_RGBA,
                           self->target_format == GL_RGBA8 ? GL_UNSIGNED_BYTE : GL_FLOAT);
    glUseProgram(program);
    for (int i = 0; i < 3; i++)
        vera_gl_bind(program, names[i], i, self->planes[frame->format.layout == VERA_FRAME_LAYOUT_GRAY ? 0 : i].id);
    glUniform1i(glGetUniformLocation(program, "layout_kind"), (GLint)frame->format.layout);
    glUniform2i(glGetUniformLocation(program, "shift"), frame->format.chroma_shift_x, frame->format.chroma_shift_y);
    glUniform2i(glGetUniformLocation(program, "site"), coding.site_x, coding.site_y);
    glUniform2f(glGetUniformLocation(program, "luma"), coding.luma.offset, coding.luma.divisor);
    glUniform2f(glGetUniformLocation(program, "chroma"), coding.chroma.offset, coding.chroma.divisor);
    glUniform4f(glGetUniformLocation(program, "matrix"), coding.matrix.red_cr, coding.matrix.green_cb, coding.matrix.green_cr,
                coding.matrix.blue_cb);
    vera_renderer_run(self, &self->source);
    for (int i = 0; i < 2; i++) {
        self->sides[i].composite = self->source.id;
        self->sides[i].layer = self->blank.id;
        self->sides[i].has_model = FALSE;
    }
}

gboolean
vera_renderer_set_source(VeraRenderer *self, VeraFrame *frame, GError **error)
{
    GLint max = 0;

    glGetIntegerv(GL_MAX_TEXTURE_SIZE, &max);
    if (frame != NULL && (frame->width > max || frame->height > max)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                    "This graphics card shows pictures of up to %d pixels a side; the clip has %d by %d. Editing and export still work.",
                    max, frame->width, frame->height);
        return FALSE;
    }
    if (frame == self->frame)
        return TRUE;
    g_clear_pointer(&self->frame, vera_frame_unref);
    if (frame == NULL)
        return TRUE;
    self->frame = vera_frame_ref(frame);
    vera_renderer_choose_formats(self, frame);
    for (int i = 0; i < (frame->format.layout == VERA_FRAME_LAYOUT_GRAY ? 1 : 3); i++)
        vera_renderer_upload_plane(self, frame, i);
    vera_renderer_convert(self, frame);
    return TRUE;
}

/* Straight colour and matte as one texture. */
static void
vera_renderer_upload_layer(VeraRenderer *self, VeraGlTexture *texture, const VeraLayerFrame *frame, const float *rgb)
{
    gsize n = (gsize)frame->width * (gsize)frame->height;
    g_autofree float *rgba = g_new(float, n * 4);

    for (gsize i = 0; i < n; i++) {
        for (int c = 0; c < 3; c++)
            rgba[4 * i + c] = rgb[3 * i + c];
        rgba[4 * i + 3] = frame->matte[i];
    }
    vera_gl_texture_resize(texture, frame->width, frame->height, self->layer_format, GL_RGBA, GL_FLOAT);
    glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
    glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, frame->width, frame->height, GL_RGBA, GL_FLOAT, rgba);
}

static void
vera_renderer_put_over(VeraRenderer *self, VeraRendererSide *side, GLuint layer, float opacity)
{
    VeraGlTexture *target = &side->stack[side->composite == side->stack[0].id];

    vera_gl_texture_resize(target, self->source.width, self->source.height, self->target_format, GL_RGBA,
                           self->target_format == GL_RGBA8 ? GL_UNSIGNED_BYTE : GL_FLOAT);
    glUseProgram(self->over);
    vera_gl_bind(self->over, "below", 0, side->composite);
    vera_gl_bind(self->over, "layer", 1, layer);
    glUniform1f(glGetUniformLocation(self->over, "opacity"), opacity);
    glUniform1i(glGetUniformLocation(self->over, "transfer"), self->transfer);
    vera_renderer_run(self, target);
    side->composite = target->id;
}

/* Uploads @frame's layer, or (@rgb) another colour of it, unless @texture holds it already. */
static void
vera_renderer_keep(VeraRenderer *self, VeraGlTexture *texture, VeraLayerFrame **uploaded, VeraLayerFrame *frame, const float *rgb)
{
    if (*uploaded == frame)
        return;
    g_clear_pointer(uploaded, vera_layer_frame_unref);
    *uploaded = vera_layer_frame_ref(frame);
    vera_renderer_upload_layer(self, texture, frame, rgb);
}

static void
vera_renderer_show_selected(VeraRenderer *self, VeraRendererSide *side, GLuint layer, VeraLayerFrame *frame)
{
    side->layer = layer;
    side->has_model = frame->model_rgb != NULL;
    if (side->has_model)
        vera_renderer_keep(self, &side->model, &side->uploaded_model, frame, frame->model_rgb);
}

static gboolean
vera_renderer_fits(VeraRenderer *self, const VeraLayerFrame *frame)
{
    return frame != NULL && frame->width == self->frame->width && frame->height == self->frame->height;
}

static const VeraRendererSide *
vera_renderer_get_side(VeraRenderer *self, VeraSide side)
{
    return &self->sides[self->has_alternate ? side : VERA_SIDE_A];
}

/* What over.frag calls transfer. */
static int
vera_renderer_get_mixing(const VeraRenderer *self, gboolean is_linear)
{
    VeraColorTransfer transfer = self->frame ? self->frame->color.transfer : VERA_COLOR_TRANSFER_SRGB;

    if (is_linear)
        return (int)transfer;
    return transfer == VERA_COLOR_TRANSFER_LINEAR ? -2 : -1;
}

void
vera_renderer_set_layers(VeraRenderer *self, const VeraRendererLayer *layers, int n_layers, int selected, gboolean is_linear)
{
    VeraRendererSide *side = &self->sides[VERA_SIDE_A];

    self->has_alternate = FALSE;
    side->composite = self->source.id;
    side->layer = self->blank.id;
    side->has_model = FALSE;
    self->selected = selected;
    self->n_layers = self->frame ? MIN(n_layers, VERA_RENDERER_MAX_LAYERS) : 0;
    self->transfer = vera_renderer_get_mixing(self, is_linear);
    for (int i = 0; i < self->n_layers; i++) {
        VeraLayerFrame *frame = layers[i].frame;
        self->opacity[i] = layers[i].opacity;
        self->has_layer[i] = vera_renderer_fits(self, frame);
        if (!self->has_layer[i])
            continue;
        vera_renderer_keep(self, &self->layers[i], &self->uploaded[i], frame, frame->rgb);
        if (i == selected)
            vera_renderer_show_selected(self, side, self->layers[i].id, frame);
        if (layers[i].opacity > 0.0f)
            vera_renderer_put_over(self, side, self->layers[i].id, layers[i].opacity);
    }
}

void
vera_renderer_set_alternate(VeraRenderer *self, VeraLayerFrame *frame)
{
    VeraRendererSide *side = &self->sides[VERA_SIDE_B];
    gboolean has_frame = self->frame && self->selected >= 0 && vera_renderer_fits(self, frame);

    self->has_alternate = TRUE;
    side->composite = self->source.id;
    side->layer = self->blank.id;
    side->has_model = FALSE;
    if (has_frame) {
        vera_renderer_keep(self, &side->alternate, &side->uploaded_alternate, frame, frame->rgb);
        vera_renderer_show_selected(self, side, side->alternate.id, frame);
    }
    for (int i = 0; i < self->n_layers; i++) {
        gboolean is_selected = i == self->selected;
        if (self->opacity[i] > 0.0f && (is_selected ? has_frame : self->has_layer[i]))
            vera_renderer_put_over(self, side, is_selected ? side->alternate.id : self->layers[i].id, self->opacity[i]);
    }
}

static void
vera_renderer_set_filter(GLuint texture, float scale)
{
    gboolean is_near = scale >= 2.0f;

    glBindTexture(GL_TEXTURE_2D, texture);
    if (scale < 1.0f)
        glGenerateMipmap(GL_TEXTURE_2D);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, scale < 1.0f ? GL_LINEAR_MIPMAP_LINEAR : GL_NEAREST);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, is_near || scale == 1.0f ? GL_NEAREST : GL_LINEAR);
}

static void
vera_renderer_bind_views(VeraRenderer *self, float scale)
{
    const VeraRendererSide *a = vera_renderer_get_side(self, VERA_SIDE_A), *b = vera_renderer_get_side(self, VERA_SIDE_B);
    GLuint textures[] = { self->source.id, a->composite, a->layer, a->has_model ? a->model.id : a->composite,
                          b->composite,    b->layer,     b->has_model ? b->model.id : b->composite };
    static const char *const names[] = { "source", "composite_a", "layer_a", "model_a", "composite_b", "layer_b", "model_b" };

    for (int i = 0; i < (int)G_N_ELEMENTS(names); i++) {
        vera_gl_bind(self->display, names[i], i, textures[i]);
        vera_renderer_set_filter(textures[i], scale);
    }
}

void
vera_renderer_draw(VeraRenderer *self, const VeraRendererDisplay *display)
{
    GLuint p = self->display;

    if (!self->has_alternate)
        vera_renderer_side_clear(&self->sides[VERA_SIDE_B]);
    glViewport(0, 0, display->width, display->height);
    if (self->frame == NULL) {
        glClearColor(display->background[0], display->background[1], display->background[2], 1.0f);
        glClear(GL_COLOR_BUFFER_BIT);
        return;
    }
    glUseProgram(p);
    vera_renderer_bind_views(self, display->scale);
    glUniform2f(glGetUniformLocation(p, "target"), (float)display->width, (float)display->height);
    glUniform2f(glGetUniformLocation(p, "plate"), (float)self->frame->width, (float)self->frame->height);
    glUniform2f(glGetUniformLocation(p, "origin"), display->x, display->y);
    glUniform1f(glGetUniformLocation(p, "scale"), display->scale);
    glUniform1i(glGetUniformLocation(p, "view"), (GLint)display->view);
    glUniform1i(glGetUniformLocation(p, "other"), (GLint)display->other);
    glUniform1i(glGetUniformLocation(p, "side"), (GLint)display->side);
    glUniform1i(glGetUniformLocation(p, "other_side"), (GLint)display->other_side);
    glUniform1i(glGetUniformLocation(p, "has_alternate"), self->has_alternate);
    glUniform1f(glGetUniformLocation(p, "wipe"), display->wipe);
    glUniform1f(glGetUniformLocation(p, "split"), display->split);
    glUniform1i(glGetUniformLocation(p, "channel"), (GLint)display->channel);
    glUniform1i(glGetUniformLocation(p, "has_overlay"), display->has_overlay);
    glUniform1i(glGetUniformLocation(p, "has_grid"), display->has_grid);
    glUniform3fv(glGetUniformLocation(p, "background"), 1, display->background);
    glUniform1i(glGetUniformLocation(p, "is_linear"), self->frame && self->frame->color.transfer == VERA_COLOR_TRANSFER_LINEAR);
    glBindVertexArray(self->vertex_array);
    glDisable(GL_BLEND);
    glDrawArrays(GL_TRIANGLES, 0, 3);
}

gboolean
vera_renderer_check(VeraRenderer *self, GError **error)
{
    GLenum first = GL_NO_ERROR, code;

    /* A context that is lost says so for ever: the loop must end all the same. */
    for (int i = 0; i < 16 && (code = glGetError()) != GL_NO_ERROR; i++)
        if (first == GL_NO_ERROR || code == GL_OUT_OF_MEMORY)
            first = code;
    if (first == GL_NO_ERROR)
        return TRUE;
    if (first == GL_OUT_OF_MEMORY)
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                            "The graphics card has no memory left for this picture. Close other programs that use it; editing and export "
                            "still work.");
    else
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_DEVICE_LOST,
                    "The graphics driver cannot draw this picture (OpenGL error 0x%04x). Save and start Vera again; editing and export "
                    "still work.",
                    first);
    return FALSE;
}

static gboolean
vera_renderer_read_texture(VeraRenderer *self, GLuint texture, int x, int y, int width, int height, float *rgba)
{
    gboolean is_read;
    GLint before = 0;

    if (self->frame == NULL)
        return FALSE;
    glGetIntegerv(GL_READ_FRAMEBUFFER_BINDING, &before);
    glBindFramebuffer(GL_READ_FRAMEBUFFER, self->framebuffer);
    glFramebufferTexture2D(GL_READ_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
    glReadPixels(x, y, width, height, GL_RGBA, GL_FLOAT, rgba);
    /* OpenGL ES without textures of floats reads none; that says nothing of the picture. */
    is_read = glGetError() == GL_NO_ERROR;
    glBindFramebuffer(GL_READ_FRAMEBUFFER, (GLuint)before);
    return is_read;
}

static GLuint
vera_renderer_find_texture(VeraRenderer *self, VeraSide which, VeraView view)
{
    const VeraRendererSide *side = vera_renderer_get_side(self, which);

    if (view == VERA_VIEW_SOURCE)
        return self->source.id;
    if (view == VERA_VIEW_COMPOSITE)
        return side->composite;
    return view == VERA_VIEW_MODEL && side->has_model ? side->model.id : side->layer;
}

gboolean
vera_renderer_read(VeraRenderer *self, VeraView view, int x, int y, int width, int height, float *rgba)
{
    return vera_renderer_read_texture(self, vera_renderer_find_texture(self, VERA_SIDE_A, view), x, y, width, height, rgba);
}

gboolean
vera_renderer_read_alternate(VeraRenderer *self, VeraView view, int x, int y, int width, int height, float *rgba)
{
    return vera_renderer_read_texture(self, vera_renderer_find_texture(self, VERA_SIDE_B, view), x, y, width, height, rgba);
}
