#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Keys of data/io.github.vera_editor.Vera.gschema.xml; what they mean and their ranges are written there. */
#define VERA_SETTING_WINDOW_WIDTH "window-width"
#define VERA_SETTING_WINDOW_HEIGHT "window-height"
#define VERA_SETTING_IS_MAXIMISED "is-maximised"
#define VERA_SETTING_THEME "theme"
#define VERA_SETTING_FRAME_CACHE "frame-cache-mib"
#define VERA_SETTING_LAYER_CACHE "layer-cache-mib"
#define VERA_SETTING_HAS_PROXIES "has-proxies"
#define VERA_SETTING_PROXY_LIMIT "proxy-limit-mib"
#define VERA_SETTING_IS_SEED_LOCKED "is-seed-locked"
#define VERA_SETTING_IS_LOOPING "is-looping"
#define VERA_SETTING_IS_MUTED "is-muted"
#define VERA_SETTING_VOLUME "volume"
#define VERA_SETTING_EXPORT_FOLDER "export-folder"
#define VERA_SETTING_LAST_EXPORT_FOLDER "last-export-folder"
#define VERA_SETTING_EXPORT_PRESET "export-preset"
#define VERA_SETTING_MODEL_FOLDER "model-folder"
#define VERA_SETTING_PROCESSOR "processor"
#define VERA_SETTING_IS_INTRODUCED "is-introduced"
#define VERA_SETTING_INSTRUCTIONS "instructions"
#define VERA_SETTING_SHORTCUTS "shortcuts"

/** VeraTheme: values of the key "theme". */
typedef enum { VERA_THEME_SYSTEM, VERA_THEME_DARK, VERA_THEME_LIGHT, VERA_THEME_COUNT } VeraTheme;

/** VeraProcessor: values of the key "processor". */
typedef enum { VERA_PROCESSOR_CPU, VERA_PROCESSOR_GPU, VERA_PROCESSOR_COUNT } VeraProcessor;

/**
 * vera_settings_get:
 *
 * The schema is looked for beside a program that was built and not installed, then where GSettings looks, then under the
 * prefix. Where it is not installed at all, that is said once on stderr, and the program works without remembering anything.
 *
 * Thread-safety: main thread only.
 * Returns: (transfer none) (nullable): the settings of the user
 */
GSettings *vera_settings_get(void);

/** vera_settings_get_int, _get_boolean, _get_enum: Returns: the value of @key, or @otherwise without settings */
int vera_settings_get_int(const char *key, int otherwise);
gboolean vera_settings_get_boolean(const char *key, gboolean otherwise);
int vera_settings_get_enum(const char *key, int otherwise);

/** vera_settings_dup_folder: Returns: (transfer full) (nullable): the folder in @key; %NULL if none is set or it is gone */
char *vera_settings_dup_folder(const char *key);

/** vera_settings_dup_list: Returns: (transfer full): the strings in @key; none without settings */
char **vera_settings_dup_list(const char *key);

/** vera_settings_push: @text is to be the first of the strings in @key, once, and there are to be @max at most. */
void vera_settings_push(const char *key, const char *text, guint max);

/** vera_settings_set_int, _set_boolean, _set_enum, _set_folder: remember a value; nothing happens without settings. */
void vera_settings_set_int(const char *key, int value);
void vera_settings_set_boolean(const char *key, gboolean value);
void vera_settings_set_enum(const char *key, int value);
/** @path: (nullable): %NULL for none */
void vera_settings_set_folder(const char *key, const char *path);

G_END_DECLS
