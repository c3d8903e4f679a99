#include <sanitizer/lsan_interface.h>

/*
 * What libraries allocate as they are loaded is theirs until the end, and LeakSanitizer does not
 * look at it. GLib's table of quarks is such: with the 2048th quark g_quark_from_string() takes a
 * larger one and means to lose the 16 KiB of the first, as others may be reading it. GLib has no
 * frame pointers, so that the stack of that leak ends at g_malloc() and no suppression could tell
 * it from others.
 */

static void
before_libraries(void)
{
    __lsan_disable();
}

/* Runs before the constructors of shared libraries; that of a program runs after them. */
__attribute__((section(".preinit_array"),
               used)) static void (*const first)(void) = before_libraries;

__attribute__((constructor)) static void
after_libraries(void)
{
    __lsan_enable();
}
