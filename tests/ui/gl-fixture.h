#pragma once

#include <epoxy/gl.h>
#include <gtk/gtk.h>

/* Returns: a context that is current, of the API that GDK_DEBUG asks for; NULL where there is none */
static inline GdkGLContext *
gl_fixture_make_context(void)
{
    g_autoptr(GError) error = NULL;
    GdkGLContext *context = gdk_display_create_gl_context(gdk_display_get_default(), &error);

    if (context != NULL && gdk_gl_context_realize(context, &error)) {
        gdk_gl_context_make_current(context);
        return context;
    }
    g_printerr("No OpenGL here: %s\n", error->message);
    g_clear_object(&context);
    return NULL;
}

/* Everything that the current context holds goes, as it does with a context that is reset. */
static inline void
gl_fixture_lose_objects(void)
{
    for (GLuint id = 1; id < 1000; id++) {
        if (glIsProgram(id))
            glDeleteProgram(id);
        if (glIsTexture(id))
            glDeleteTextures(1, &id);
    }
    glUseProgram(0);
}
