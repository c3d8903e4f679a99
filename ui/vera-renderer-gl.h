#pragma once

#include <epoxy/gl.h>
#include <glib.h>

G_BEGIN_DECLS

/** VeraGlTexture: a 2-D texture with the size that it has now; 0 by 0 before the first use. */
typedef struct {
    GLuint id;
    int width;
    int height;
    GLenum internal_format;
} VeraGlTexture;

/**
 * vera_gl_texture_resize: makes the texture @width by @height of @internal_format, unless it is; contents are undefined then.
 * @format and @type are those of the data to come.
 */
void vera_gl_texture_resize(VeraGlTexture *self, int width, int height, GLenum internal_format, GLenum format, GLenum type);

/** vera_gl_texture_clear: frees the texture. */
void vera_gl_texture_clear(VeraGlTexture *self);

/**
 * vera_gl_program_new:
 * @fragment: resource name below /io/github/vera_editor/Vera/shaders
 * @prelude: (nullable): lines put before it
 *
 * Compiles quad.vert with @fragment for the current context, OpenGL 3.3 or OpenGL ES 3.0.
 * Returns: the program, or 0 with the driver's words in @error
 */
GLuint vera_gl_program_new(const char *fragment, const char *prelude, GError **error);

/** vera_gl_bind: binds @texture to @unit and tells the sampler uniform @name of @program. */
void vera_gl_bind(GLuint program, const char *name, int unit, GLuint texture);

/** vera_gl_has_float_targets: Returns: whether half float textures can be drawn into */
gboolean vera_gl_has_float_targets(void);

G_END_DECLS
