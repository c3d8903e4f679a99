#include "config.h"

#include "ui/vera-renderer-gl.h"

#include <gio/gio.h>

#include "engine/vera-engine-error.h"

#define VERA_GL_SHADERS "/io/github/vera_editor/Vera/shaders/"

void
vera_gl_texture_resize(VeraGlTexture *self, int width, int height, GLenum internal_format, GLenum format, GLenum type)
{
    if (self->id == 0) {
        glGenTextures(1, &self->id);
        glBindTexture(GL_TEXTURE_2D, self->id);
        glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
        glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
        glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
    }
    glBindTexture(GL_TEXTURE_2D, self->id);
    if (self->width == width && self->height == height && self->internal_format == internal_format)
        return;
    glTexImage2D(GL_TEXTURE_2D, 0, (GLint)internal_format, width, height, 0, format, type, NULL);
    /* Smaller levels of the old size would make it incomplete, and every read of it black, as long as the filter asks for them. */
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
    self->width = width;
    self->height = height;
    self->internal_format = internal_format;
}

void
vera_gl_texture_clear(VeraGlTexture *self)
{
    if (self->id != 0)
        glDeleteTextures(1, &self->id);
    *self = (VeraGlTexture){ 0 };
}

static char *
vera_gl_load_shader(const char *name, const char *prelude, GError **error)
{
    g_autofree char *path = g_strconcat(VERA_GL_SHADERS, name, NULL);
    g_autoptr(GBytes) text = g_resources_lookup_data(path, G_RESOURCE_LOOKUP_FLAGS_NONE, error);
    const char *head = epoxy_is_desktop_gl()
                           ? "#version 330\n"
                           : "#version 300 es\nprecision highp float;\nprecision highp int;\n"
                             "precision highp sampler2D;\nprecision highp usampler2D;\n";

    return text ? g_strdup_printf("%s%s\n%.*s", head, prelude ? prelude : "", (int)g_bytes_get_size(text),
                                  (const char *)g_bytes_get_data(text, NULL))
                : NULL;
}

static GLuint
vera_gl_compile(GLenum kind, const char *name, const char *prelude, GError **error)
{
    g_autofree char *text = vera_gl_load_shader(name, prelude, error);
    const char *source = text;
    GLuint shader;
    GLint is_compiled = 0;
    char log[1024] = "";

    if (text == NULL)
        return 0;
    shader = glCreateShader(kind);
    glShaderSource(shader, 1, &source, NULL);
    glCompileShader(shader);
    glGetShaderiv(shader, GL_COMPILE_STATUS, &is_compiled);
    if (is_compiled)
        return shader;
    glGetShaderInfoLog(shader, sizeof log, NULL, log);
    glDeleteShader(shader);
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                "The graphics driver refuses the shader ‘%s’: %s", name, g_strstrip(log));
    return 0;
}

GLuint
vera_gl_program_new(const char *fragment, const char *prelude, GError **error)
{
    GLuint vertex = vera_gl_compile(GL_VERTEX_SHADER, "quad.vert", NULL, error);
    GLuint pixel = vertex ? vera_gl_compile(GL_FRAGMENT_SHADER, fragment, prelude, error) : 0;
    GLuint program;
    GLint is_linked = 0;

    if (pixel == 0) {
        glDeleteShader(vertex);
        return 0;
    }
    program = glCreateProgram();
    glAttachShader(program, vertex);
    glAttachShader(program, pixel);
    glLinkProgram(program);
    glDeleteShader(vertex);
    glDeleteShader(pixel);
    glGetProgramiv(program, GL_LINK_STATUS, &is_linked);
    if (is_linked)
        return program;
    glDeleteProgram(program);
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED, "The graphics driver cannot link the shader ‘%s’.",
                fragment);
    return 0;
}

void
vera_gl_bind(GLuint program, const char *name, int unit, GLuint texture)
{
    glActiveTexture((GLenum)(GL_TEXTURE0 + unit));
    glBindTexture(GL_TEXTURE_2D, texture);
    glUniform1i(glGetUniformLocation(program, name), unit);
}

gboolean
vera_gl_has_float_targets(void)
{
    return epoxy_is_desktop_gl() || epoxy_has_gl_extension("GL_EXT_color_buffer_float") ||
           epoxy_has_gl_extension("GL_EXT_color_buffer_half_float");
}
