#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/** VeraShortcutGroup: under which heading a command is listed. */
typedef enum {
    VERA_SHORTCUT_GROUP_PLAYBACK,
    VERA_SHORTCUT_GROUP_EDITS,
    VERA_SHORTCUT_GROUP_VIEW,
    VERA_SHORTCUT_GROUP_REGION,
    VERA_SHORTCUT_GROUP_KEYFRAMES,
    VERA_SHORTCUT_GROUP_PROJECT,
    VERA_SHORTCUT_GROUP_COUNT,
} VeraShortcutGroup;

/**
 * VeraShortcut: a command that keys can be given to.
 * @action: detailed name of its action, which names it in the settings too
 * @keys: accelerators it has by itself, with spaces between; may be empty
 * @title: what it does, untranslated
 * @group: heading
 */
typedef struct {
    const char *action;
    const char *keys;
    const char *title;
    VeraShortcutGroup group;
} VeraShortcut;

/** vera_shortcuts_list: Returns: (array length=n): every command, those of a group together */
const VeraShortcut *vera_shortcuts_list(gsize *n);
/** vera_shortcuts_get_group_title: Returns: the heading, translated */
const char *vera_shortcuts_get_group_title(VeraShortcutGroup group);
/** vera_shortcuts_find: Returns: (nullable): the command with this detailed action name */
const VeraShortcut *vera_shortcuts_find(const char *action);

/** vera_shortcuts_dup_keys: Returns: (transfer full): accelerators of @shortcut, as the user set them or as they come */
char **vera_shortcuts_dup_keys(const VeraShortcut *shortcut);
/** vera_shortcuts_is_changed: Returns: whether the user gave @shortcut keys of their own, or none */
gboolean vera_shortcuts_is_changed(const VeraShortcut *shortcut);

/**
 * vera_shortcuts_find_conflict:
 * @keys: accelerators that @shortcut is to have
 *
 * Returns: (nullable): the first other command that has one of them now
 */
const VeraShortcut *vera_shortcuts_find_conflict(const VeraShortcut *shortcut, const char *const *keys);

/**
 * vera_shortcuts_set_keys:
 * @keys: (nullable): accelerators; an empty list for none, %NULL for those it comes with
 *
 * Remembers @keys in the settings and takes them from every other command. Nothing happens without settings.
 */
void vera_shortcuts_set_keys(const VeraShortcut *shortcut, const char *const *keys);
/** vera_shortcuts_reset: gives every command the keys that it comes with. */
void vera_shortcuts_reset(void);

/** vera_shortcuts_dup_default_keys: Returns: (transfer full): accelerators that @shortcut comes with */
char **vera_shortcuts_dup_default_keys(const VeraShortcut *shortcut);
/** vera_shortcuts_dup_label: Returns: (transfer full) (nullable): the first key as people read it ("Shift+R"), %NULL if there is none */
char *vera_shortcuts_dup_label(const VeraShortcut *shortcut);

/**
 * vera_shortcuts_match:
 * @event: a key press
 *
 * Finds commands by the keys that an application's accelerators do not have: those without Ctrl and Super that are no function keys,
 * and arrows. They belong to the picture and the timeline and must not be taken from a text that is being typed.
 * Returns: (nullable): the command
 */
const VeraShortcut *vera_shortcuts_match(GdkEvent *event);

/** vera_shortcuts_install: gives @application all other keys as accelerators, now and whenever the settings change. */
void vera_shortcuts_install(GtkApplication *application);

/** vera_shortcuts_can_use: Returns: whether a command may have this key: no key that others need (Tab, Escape, digits), no lone modifier */
gboolean vera_shortcuts_can_use(guint keyval, GdkModifierType modifiers);

G_END_DECLS
