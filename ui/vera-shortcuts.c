#include "config.h"

#include "ui/vera-shortcuts.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ui/vera-settings.h"

static const VeraShortcut vera_shortcuts[] = {
    { "win.play", "space", N_("Play or pause"), VERA_SHORTCUT_GROUP_PLAYBACK },
    { "win.reverse", "j", N_("Play backwards; again is faster"), VERA_SHORTCUT_GROUP_PLAYBACK },
    { "win.stop", "k", N_("Stop; held, back and forwards go frame by frame"), VERA_SHORTCUT_GROUP_PLAYBACK },
    { "win.forward", "l", N_("Play forwards; again is faster"), VERA_SHORTCUT_GROUP_PLAYBACK },
    { "win.step-back", "Left comma", N_("One frame back"), VERA_SHORTCUT_GROUP_PLAYBACK },
    { "win.step-forward", "Right period", N_("One frame on"), VERA_SHORTCUT_GROUP_PLAYBACK },
    { "win.jump-back", "<Shift>Left", N_("Ten frames back"), VERA_SHORTCUT_GROUP_PLAYBACK },
    { "win.jump-forward", "<Shift>Right", N_("Ten frames on"), VERA_SHORTCUT_GROUP_PLAYBACK },
    { "win.go-first", "Home", N_("To the start"), VERA_SHORTCUT_GROUP_PLAYBACK },
    { "win.go-last", "End", N_("To the end"), VERA_SHORTCUT_GROUP_PLAYBACK },
    { "win.loop", "", N_("Loop the range"), VERA_SHORTCUT_GROUP_PLAYBACK },

    { "win.set-in", "i", N_("Set in"), VERA_SHORTCUT_GROUP_EDITS },
    { "win.set-out", "o", N_("Set out"), VERA_SHORTCUT_GROUP_EDITS },
    { "win.clear-range", "<Alt>i", N_("Clear the range"), VERA_SHORTCUT_GROUP_EDITS },
    { "win.add-marker", "", N_("Add marker"), VERA_SHORTCUT_GROUP_EDITS },
    { "win.add-edit", "<Control><Shift>n", N_("New edit"), VERA_SHORTCUT_GROUP_EDITS },
    { "win.delete-edit", "", N_("Delete edit"), VERA_SHORTCUT_GROUP_EDITS },
    { "win.start", "<Control>Return <Control>KP_Enter", N_("Make a take"), VERA_SHORTCUT_GROUP_EDITS },
    { "win.timeline-in", "plus", N_("Zoom into the timeline"), VERA_SHORTCUT_GROUP_EDITS },
    { "win.timeline-out", "minus", N_("Zoom out of the timeline"), VERA_SHORTCUT_GROUP_EDITS },

    { "win.flip", "Return", N_("Swap A and B"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.wipe", "w", N_("Wipe"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.split", "<Shift>w", N_("Side by side"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.stop-comparing", "<Shift>Return", N_("Stop comparing takes"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.overlay", "m", N_("Matte overlay"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.channel(1)", "r", N_("Red channel; again for all"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.channel(2)", "g", N_("Green channel; again for all"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.channel(3)", "b", N_("Blue channel; again for all"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.channel(4)", "a", N_("Alpha channel; again for all"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.zoom-fit", "f <Control>0", N_("Fit the picture"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.zoom(1.0)", "<Control>1", N_("One picture pixel to a screen pixel"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.zoom-in", "<Control>plus <Control>equal", N_("Zoom in"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.zoom-out", "<Control>minus", N_("Zoom out"), VERA_SHORTCUT_GROUP_VIEW },
    { "win.fullscreen", "F11", N_("Full screen"), VERA_SHORTCUT_GROUP_VIEW },

    { "win.tool('pan')", "v", N_("Move the picture"), VERA_SHORTCUT_GROUP_REGION },
    { "win.tool('brush')", "p", N_("Brush"), VERA_SHORTCUT_GROUP_REGION },
    { "win.tool('eraser')", "<Shift>p", N_("Eraser"), VERA_SHORTCUT_GROUP_REGION },
    { "win.tool('rectangle')", "<Shift>r", N_("Rectangle"), VERA_SHORTCUT_GROUP_REGION },
    { "win.tool('ellipse')", "<Shift>e", N_("Ellipse"), VERA_SHORTCUT_GROUP_REGION },
    { "win.tool('lasso')", "<Shift>l", N_("Lasso"), VERA_SHORTCUT_GROUP_REGION },
    { "win.tool('polygon')", "<Shift>g", N_("Polygon"), VERA_SHORTCUT_GROUP_REGION },
    { "win.tool('move')", "<Shift>v", N_("Move shapes"), VERA_SHORTCUT_GROUP_REGION },

    { "win.add-key", "<Shift>k", N_("Set keyframe"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.remove-key", "<Alt>Delete", N_("Delete keyframe"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.previous-key", "<Alt>Left", N_("Previous keyframe"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.next-key", "<Alt>Right", N_("Next keyframe"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.earlier-key", "<Shift><Alt>Left", N_("Move keyframe one frame back"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.later-key", "<Shift><Alt>Right", N_("Move keyframe one frame on"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.nudge((-1,0))", "<Control>Left", N_("Move the region left by a pixel"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.nudge((1,0))", "<Control>Right", N_("Move the region right by a pixel"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.nudge((0,-1))", "<Control>Up", N_("Move the region up by a pixel"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.nudge((0,1))", "<Control>Down", N_("Move the region down by a pixel"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.nudge((-10,0))", "<Shift><Control>Left", N_("Move the region left by ten pixels"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.nudge((10,0))", "<Shift><Control>Right", N_("Move the region right by ten pixels"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.nudge((0,-10))", "<Shift><Control>Up", N_("Move the region up by ten pixels"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.nudge((0,10))", "<Shift><Control>Down", N_("Move the region down by ten pixels"), VERA_SHORTCUT_GROUP_KEYFRAMES },
    { "win.onion", "<Shift>o", N_("Onion skin"), VERA_SHORTCUT_GROUP_KEYFRAMES },

    { "win.new", "<Control>n", N_("New project"), VERA_SHORTCUT_GROUP_PROJECT },
    { "win.open", "<Control>o", N_("Open"), VERA_SHORTCUT_GROUP_PROJECT },
    { "win.save", "<Control>s", N_("Save"), VERA_SHORTCUT_GROUP_PROJECT },
    { "win.save-as", "<Control><Shift>s", N_("Save as"), VERA_SHORTCUT_GROUP_PROJECT },
    { "win.export", "<Control>e", N_("Export"), VERA_SHORTCUT_GROUP_PROJECT },
    { "win.undo", "<Control>z", N_("Undo"), VERA_SHORTCUT_GROUP_PROJECT },
    { "win.redo", "<Control><Shift>z <Control>y", N_("Redo"), VERA_SHORTCUT_GROUP_PROJECT },
    { "app.preferences", "<Control>comma", N_("Preferences"), VERA_SHORTCUT_GROUP_PROJECT },
    { "win.show-help-overlay", "<Control>question", N_("Keyboard shortcuts"), VERA_SHORTCUT_GROUP_PROJECT },
    { "app.quit", "<Control>q", N_("Quit"), VERA_SHORTCUT_GROUP_PROJECT },
};

const VeraShortcut *
vera_shortcuts_list(gsize *n)
{
    *n = G_N_ELEMENTS(vera_shortcuts);
    return vera_shortcuts;
}

const char *
vera_shortcuts_get_group_title(VeraShortcutGroup group)
{
    static const char *const titles[VERA_SHORTCUT_GROUP_COUNT] = { N_("Playback"), N_("Range and Edits"),         N_("View"),
                                                                   N_("Region"),   N_("Keyframes of the Region"), N_("Project") };

    return _(titles[group]);
}

const VeraShortcut *
vera_shortcuts_find(const char *action)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vera_shortcuts); i++)
        if (g_strcmp0(vera_shortcuts[i].action, action) == 0)
            return &vera_shortcuts[i];
    return NULL;
}

/* Settings --------------------------------------------------------------------------------------------------------------- */

static GVariant *
vera_shortcuts_get_changes(void)
{
    return vera_settings_get() ? g_settings_get_value(vera_settings_get(), VERA_SETTING_SHORTCUTS)
                               : g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{sas}"), NULL, 0));
}

char **
vera_shortcuts_dup_default_keys(const VeraShortcut *shortcut)
{
    return *shortcut->keys ? g_strsplit(shortcut->keys, " ", -1) : g_new0(char *, 1);
}

/* What a file of settings holds may have been written by hand: what is no accelerator is left out. */
static char **
vera_shortcuts_look_up(GVariant *changes, const VeraShortcut *shortcut)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(changes, shortcut->action, G_VARIANT_TYPE("as"));
    g_auto(GStrv) keys = value ? g_variant_dup_strv(value, NULL) : vera_shortcuts_dup_default_keys(shortcut);
    g_autoptr(GStrvBuilder) valid = g_strv_builder_new();

    for (gsize i = 0; keys[i] != NULL; i++) {
        guint keyval = 0;
        GdkModifierType modifiers = 0;
        if (gtk_accelerator_parse(keys[i], &keyval, &modifiers) && keyval != 0)
            g_strv_builder_add(valid, keys[i]);
    }
    return g_strv_builder_end(valid);
}

char **
vera_shortcuts_dup_keys(const VeraShortcut *shortcut)
{
    g_autoptr(GVariant) changes = vera_shortcuts_get_changes();

    return vera_shortcuts_look_up(changes, shortcut);
}

gboolean
vera_shortcuts_is_changed(const VeraShortcut *shortcut)
{
    g_auto(GStrv) now = vera_shortcuts_dup_keys(shortcut), before = vera_shortcuts_dup_default_keys(shortcut);

    return !g_strv_equal((const char *const *)now, (const char *const *)before);
}

static gboolean
vera_shortcuts_is_same(const char *a, const char *b)
{
    guint key_a = 0, key_b = 0;
    GdkModifierType modifiers_a = 0, modifiers_b = 0;

    return gtk_accelerator_parse(a, &key_a, &modifiers_a) && gtk_accelerator_parse(b, &key_b, &modifiers_b) &&
           gdk_keyval_to_lower(key_a) == gdk_keyval_to_lower(key_b) && modifiers_a == modifiers_b;
}

static gboolean
vera_shortcuts_has_key(const char *const *keys, const char *key)
{
    for (gsize i = 0; keys[i] != NULL; i++)
        if (vera_shortcuts_is_same(keys[i], key))
            return TRUE;
    return FALSE;
}

const VeraShortcut *
vera_shortcuts_find_conflict(const VeraShortcut *shortcut, const char *const *keys)
{
    g_autoptr(GVariant) changes = vera_shortcuts_get_changes();

    for (gsize i = 0; i < G_N_ELEMENTS(vera_shortcuts); i++) {
        g_auto(GStrv) theirs = vera_shortcuts_look_up(changes, &vera_shortcuts[i]);
        for (gsize j = 0; &vera_shortcuts[i] != shortcut && theirs[j] != NULL; j++)
            if (vera_shortcuts_has_key(keys, theirs[j]))
                return &vera_shortcuts[i];
    }
    return NULL;
}

/* What is left to a command of its keys once @taken belong to another one. */
static char **
vera_shortcuts_without(char **keys, const char *const *taken)
{
    g_autoptr(GStrvBuilder) left = g_strv_builder_new();

    for (gsize i = 0; keys[i] != NULL; i++)
        if (!vera_shortcuts_has_key(taken, keys[i]))
            g_strv_builder_add(left, keys[i]);
    return g_strv_builder_end(left);
}

void
vera_shortcuts_set_keys(const VeraShortcut *shortcut, const char *const *keys)
{
    g_autoptr(GVariant) changes = vera_shortcuts_get_changes();
    g_auto(GStrv) own = keys ? g_strdupv((char **)keys) : vera_shortcuts_dup_default_keys(shortcut);
    GVariantBuilder builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a{sas}"));

    if (vera_settings_get() == NULL)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(vera_shortcuts); i++) {
        const VeraShortcut *other = &vera_shortcuts[i];
        g_auto(GStrv) now = vera_shortcuts_look_up(changes, other), before = vera_shortcuts_dup_default_keys(other);
        g_auto(GStrv) left = other == shortcut ? g_strdupv(own) : vera_shortcuts_without(now, (const char *const *)own);
        if (!g_strv_equal((const char *const *)left, (const char *const *)before))
            g_variant_builder_add(&builder, "{s^as}", other->action, left);
    }
    g_settings_set_value(vera_settings_get(), VERA_SETTING_SHORTCUTS, g_variant_builder_end(&builder));
}

void
vera_shortcuts_reset(void)
{
    if (vera_settings_get() != NULL)
        g_settings_reset(vera_settings_get(), VERA_SETTING_SHORTCUTS);
}

char *
vera_shortcuts_dup_label(const VeraShortcut *shortcut)
{
    g_auto(GStrv) keys = vera_shortcuts_dup_keys(shortcut);
    guint keyval = 0;
    GdkModifierType modifiers = 0;

    if (keys[0] == NULL || !gtk_accelerator_parse(keys[0], &keyval, &modifiers))
        return NULL;
    return gtk_accelerator_get_label(keyval, modifiers);
}

/* Keys ------------------------------------------------------------------------------------------------------------------- */

static gboolean
vera_shortcuts_is_motion(guint keyval)
{
    return keyval == GDK_KEY_Left || keyval == GDK_KEY_Right || keyval == GDK_KEY_Up || keyval == GDK_KEY_Down ||
           keyval == GDK_KEY_Home || keyval == GDK_KEY_End || keyval == GDK_KEY_Delete || keyval == GDK_KEY_BackSpace;
}

static gboolean
vera_shortcuts_is_accelerator(const char *key)
{
    guint keyval = 0;
    GdkModifierType modifiers = 0;

    gtk_accelerator_parse(key, &keyval, &modifiers);
    if (keyval >= GDK_KEY_F1 && keyval <= GDK_KEY_F35)
        return TRUE;
    return (modifiers & (GDK_CONTROL_MASK | GDK_SUPER_MASK)) != 0 && !vera_shortcuts_is_motion(keyval);
}

gboolean
vera_shortcuts_can_use(guint keyval, GdkModifierType modifiers)
{
    gboolean is_of_takes = keyval >= GDK_KEY_0 && keyval <= GDK_KEY_9 && (modifiers == 0 || modifiers == GDK_ALT_MASK);

    if (keyval == GDK_KEY_Escape || keyval == GDK_KEY_Tab || keyval == GDK_KEY_ISO_Left_Tab || is_of_takes)
        return FALSE;
    return gtk_accelerator_valid(keyval, modifiers) || vera_shortcuts_is_motion(keyval);
}

const VeraShortcut *
vera_shortcuts_match(GdkEvent *event)
{
    g_autoptr(GVariant) changes = vera_shortcuts_get_changes();
    const VeraShortcut *partial = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(vera_shortcuts); i++) {
        g_auto(GStrv) keys = vera_shortcuts_look_up(changes, &vera_shortcuts[i]);
        for (gsize j = 0; keys[j] != NULL; j++) {
            g_autoptr(GtkShortcutTrigger) trigger = vera_shortcuts_is_accelerator(keys[j]) ? NULL : gtk_shortcut_trigger_parse_string(keys[j]);
            GdkKeyMatch match = trigger ? gtk_shortcut_trigger_trigger(trigger, event, FALSE) : GDK_KEY_MATCH_NONE;
            if (match == GDK_KEY_MATCH_EXACT)
                return &vera_shortcuts[i];
            /* The key of another layout's letter, only where no command has the letter itself. */
            if (match == GDK_KEY_MATCH_PARTIAL && partial == NULL)
                partial = &vera_shortcuts[i];
        }
    }
    return partial;
}

static void
vera_shortcuts_apply(GtkApplication *application)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vera_shortcuts); i++) {
        g_auto(GStrv) keys = vera_shortcuts_dup_keys(&vera_shortcuts[i]);
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        g_auto(GStrv) accels = NULL;
        for (gsize j = 0; keys[j] != NULL; j++)
            if (vera_shortcuts_is_accelerator(keys[j]))
                g_strv_builder_add(builder, keys[j]);
        accels = g_strv_builder_end(builder);
        gtk_application_set_accels_for_action(application, vera_shortcuts[i].action, (const char *const *)accels);
    }
}

void
vera_shortcuts_install(GtkApplication *application)
{
    vera_shortcuts_apply(application);
    if (vera_settings_get() != NULL)
        g_signal_connect_object(vera_settings_get(), "changed::" VERA_SETTING_SHORTCUTS, G_CALLBACK(vera_shortcuts_apply), application,
                                G_CONNECT_SWAPPED);
}
