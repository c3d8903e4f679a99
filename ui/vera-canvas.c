#include "config.h"

#include "ui/vera-canvas.h"

#include <glib/gi18n.h>
#include <math.h>

#include "ui/vera-canvas-private.h"

G_DEFINE_FINAL_TYPE(VeraCanvas, vera_canvas, GTK_TYPE_GL_AREA)

enum { PROP_0, PROP_VIEW, PROP_CHANNEL, PROP_HAS_OVERLAY, PROP_HAS_WIPE, PROP_HAS_SPLIT, PROP_HAS_ONION, PROP_ZOOM, PROP_TOOL, PROP_BRUSH_RADIUS, N_PROPS };
static GParamSpec *props[N_PROPS];

static double
vera_canvas_get_device_scale(VeraCanvas *self)
{
    return gtk_widget_get_scale_factor(GTK_WIDGET(self));
}

double
vera_canvas_get_pane_width(VeraCanvas *self)
{
    double device = vera_canvas_get_device_scale(self), width = gtk_widget_get_width(GTK_WIDGET(self)) * device;

    return (self->has_split ? floor(width / 2) : width) / device;
}

int
vera_canvas_get_pane(VeraCanvas *self, double x)
{
    if (!self->has_split)
        return 0;
    return self->drag_pane >= 0 ? self->drag_pane : x >= vera_canvas_get_pane_width(self);
}

void
vera_canvas_to_plate(VeraCanvas *self, double x, double y, double *plate_x, double *plate_y)
{
    double device = vera_canvas_get_device_scale(self);

    x -= vera_canvas_get_pane(self, x) * vera_canvas_get_pane_width(self);
    *plate_x = (x * device - self->x) / self->zoom;
    *plate_y = (y * device - self->y) / self->zoom;
}

void
vera_canvas_from_plate(VeraCanvas *self, double plate_x, double plate_y, double *x, double *y)
{
    double device = vera_canvas_get_device_scale(self);

    *x = (plate_x * self->zoom + self->x) / device;
    *y = (plate_y * self->zoom + self->y) / device;
}

void
vera_canvas_layout(VeraCanvas *self)
{
    double device = vera_canvas_get_device_scale(self), before = self->zoom;
    double width = vera_canvas_get_pane_width(self) * device, height = gtk_widget_get_height(GTK_WIDGET(self)) * device;

    if (self->plate_width == 0 || width < 1 || height < 1)
        return;
    if (self->is_fit) {
        self->zoom = MIN(width / self->plate_width, height / self->plate_height);
        self->x = floor((width - self->plate_width * self->zoom) / 2);
        self->y = floor((height - self->plate_height * self->zoom) / 2);
    }
    if (self->zoom != before)
        g_object_notify_by_pspec(G_OBJECT(self), props[PROP_ZOOM]);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

void
vera_canvas_flip(VeraCanvas *self)
{
    VeraView view = self->view;

    if (vera_canvas_is_comparing(self)) {
        self->side = self->side == VERA_SIDE_A ? VERA_SIDE_B : VERA_SIDE_A;
    } else {
        self->view = self->other;
        self->other = view;
    }
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_VIEW]);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

/* The GL side -------------------------------------------------------------------------------------------------------- */

static void
vera_canvas_show_error(VeraCanvas *self, const char *text)
{
    g_free(self->gl_error);
    self->gl_error = g_strdup(text);
    gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text ? text : "", -1);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

/* OpenGL 3.3, or else OpenGL ES 3.0. */
static GdkGLContext *
vera_canvas_create_context(GtkGLArea *area)
{
    static const struct {
        GdkGLAPI api;
        int minor;
    } kinds[] = { { GDK_GL_API_GL, 3 }, { GDK_GL_API_GLES, 0 } };
    GdkSurface *surface = gtk_native_get_surface(gtk_widget_get_native(GTK_WIDGET(area)));
    g_autoptr(GError) error = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autoptr(GdkGLContext) context = NULL;
        g_clear_error(&error);
        context = gdk_surface_create_gl_context(surface, &error);
        if (context == NULL)
            break;
        gdk_gl_context_set_allowed_apis(context, kinds[i].api);
        gdk_gl_context_set_required_version(context, 3, kinds[i].minor);
        if (gdk_gl_context_realize(context, &error))
            return g_steal_pointer(&context);
    }
    gtk_gl_area_set_error(area, error);
    return NULL;
}

static void
vera_canvas_realize(GtkWidget *widget)
{
    VeraCanvas *self = VERA_CANVAS(widget);
    g_autoptr(GError) error = NULL;

    GTK_WIDGET_CLASS(vera_canvas_parent_class)->realize(widget);
    gtk_gl_area_make_current(GTK_GL_AREA(self));
    if (gtk_gl_area_get_error(GTK_GL_AREA(self)) == NULL)
        self->renderer = vera_renderer_new(&error);
    if (self->renderer == NULL)
        vera_canvas_show_error(self, error ? error->message : gtk_gl_area_get_error(GTK_GL_AREA(self))->message);
}

static void
vera_canvas_unrealize(GtkWidget *widget)
{
    VeraCanvas *self = VERA_CANVAS(widget);

    gtk_gl_area_make_current(GTK_GL_AREA(self));
    if (gtk_gl_area_get_error(GTK_GL_AREA(self)) == NULL)
        g_clear_pointer(&self->renderer, vera_renderer_free);
    GTK_WIDGET_CLASS(vera_canvas_parent_class)->unrealize(widget);
}

static void
vera_canvas_update_stack(VeraCanvas *self, VeraFrame *plate)
{
    g_autoptr(GArray) layers = vera_editor_dup_layers(self->editor, plate);
    g_autofree VeraRendererLayer *stack = g_new0(VeraRendererLayer, layers->len + 1);
    int selected = -1;

    for (guint i = 0; i < layers->len; i++) {
        VeraEditorLayer *layer = &g_array_index(layers, VeraEditorLayer, i);
        stack[i] = (VeraRendererLayer){ layer->frame, layer->opacity };
        if (layer->is_selected)
            selected = (int)i;
    }
    self->has_result = selected >= 0 && stack[selected].frame != NULL;
    vera_renderer_set_layers(self->renderer, stack, (int)layers->len, selected, vera_editor_get_state(self->editor)->is_linear_over);
    if (vera_canvas_is_comparing(self)) {
        g_autoptr(VeraLayerFrame) compared = vera_editor_dup_compared(self->editor, plate);
        vera_renderer_set_alternate(self->renderer, compared);
    }
}

static gboolean
vera_canvas_update(VeraCanvas *self)
{
    gboolean is_exact = FALSE;
    g_autoptr(VeraFrame) plate = self->editor ? vera_editor_dup_plate(self->editor, &is_exact) : NULL;
    g_autoptr(GError) error = NULL;

    if (plate != NULL && (plate->width != self->plate_width || plate->height != self->plate_height)) {
        self->plate_width = plate->width;
        self->plate_height = plate->height;
        vera_canvas_zoom_fit(self);
    }
    if (!vera_renderer_set_source(self->renderer, plate, &error)) {
        vera_canvas_show_error(self, error->message);
        return FALSE;
    }
    if (plate != NULL)
        vera_canvas_update_stack(self, plate);
    vera_canvas_set_is_proxy(self, plate != NULL && plate->is_proxy);
    return plate != NULL;
}

/* With a context of its own GTK makes its own objects anew too. */
static gboolean
vera_canvas_renew_cb(gpointer data)
{
    GtkWidget *widget = data;

    if (!gtk_widget_get_mapped(widget))
        return G_SOURCE_REMOVE;
    gtk_widget_unrealize(widget);
    gtk_widget_realize(widget);
    gtk_widget_map(widget);
    gtk_widget_queue_allocate(widget);
    return G_SOURCE_REMOVE;
}

/* What the GPU held may be gone, as after a suspend: all is made anew, once for each picture that came out well. */
static void
vera_canvas_recover(VeraCanvas *self, const GError *error)
{
    if (self->n_gl_failures++ > 0)
        vera_canvas_show_error(self, error->message);
    else
        g_idle_add_full(G_PRIORITY_DEFAULT, vera_canvas_renew_cb, g_object_ref(self), g_object_unref);
}

static gboolean
vera_canvas_render(GtkGLArea *area, GdkGLContext *context)
{
    VeraCanvas *self = VERA_CANVAS(area);
    int device = gtk_widget_get_scale_factor(GTK_WIDGET(self));
    VeraRendererDisplay display = {
        .width = gtk_widget_get_width(GTK_WIDGET(self)) * device,
        .height = gtk_widget_get_height(GTK_WIDGET(self)) * device,
        .channel = self->channel, .has_overlay = self->has_overlay, .has_grid = TRUE,
        .wipe = self->has_wipe ? (float)self->wipe : -1.0f,
        .split = self->has_split ? (float)(vera_canvas_get_pane_width(self) * device) : 0, .background = { 0.11f, 0.11f, 0.12f },
    };
    g_autoptr(GError) error = NULL;

    if (self->renderer == NULL)
        return FALSE;
    vera_canvas_update(self);
    vera_canvas_fill_views(self, &display);
    display.scale = (float)self->zoom;
    display.x = (float)self->x;
    display.y = (float)self->y;
    vera_renderer_draw(self->renderer, &display);
    if (vera_renderer_check(self->renderer, &error))
        self->n_gl_failures = 0;
    else
        vera_canvas_recover(self, error);
    return TRUE;
}

/* What lies over the picture ------------------------------------------------------------------------------------------ */

static void
vera_canvas_snapshot(GtkWidget *widget, GtkSnapshot *snapshot)
{
    VeraCanvas *self = VERA_CANVAS(widget);

    if (self->gl_error != NULL) {
        g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(widget, self->gl_error);
        GdkRGBA color = { 1, 1, 1, 1 };
        pango_layout_set_width(layout, MAX(gtk_widget_get_width(widget) - 48, 1) * PANGO_SCALE);
        gtk_snapshot_translate(snapshot, &GRAPHENE_POINT_INIT(24, 24));
        gtk_snapshot_append_layout(snapshot, layout, &color);
        return;
    }
    GTK_WIDGET_CLASS(vera_canvas_parent_class)->snapshot(widget, snapshot);
    if (self->editor == NULL || self->plate_width == 0)
        return;
    vera_canvas_region_snapshot(self, snapshot);
    vera_canvas_wipe_snapshot(self, snapshot);
    vera_canvas_proxy_snapshot(self, snapshot);
    if (vera_canvas_is_comparing(self))
        vera_canvas_compare_snapshot(self, snapshot);
}

static void
vera_canvas_resize(GtkGLArea *area, int width, int height)
{
    vera_canvas_layout(VERA_CANVAS(area));
}

/* Object ---------------------------------------------------------------------------------------------------------------- */

static void
vera_canvas_clip_changed_cb(VeraCanvas *self)
{
    self->is_fit = TRUE;
    self->plate_width = self->plate_height = 0;
    /* What could not be said of the last clip may hold for this one. */
    if (self->renderer != NULL)
        vera_canvas_show_error(self, NULL);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

static void
vera_canvas_compared_cb(VeraCanvas *self)
{
    self->side = VERA_SIDE_A;
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

void
vera_canvas_set_editor(VeraCanvas *self, VeraEditor *editor)
{
    g_set_object(&self->editor, editor);
    g_signal_connect_object(editor, "frame-ready", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "clip-changed", G_CALLBACK(vera_canvas_clip_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "notify::compared-take", G_CALLBACK(vera_canvas_compared_cb), self, G_CONNECT_SWAPPED);
}

static void
vera_canvas_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    VeraCanvas *self = VERA_CANVAS(object);

    switch (id) {
    case PROP_VIEW:
        g_value_set_int(value, (int)self->view);
        break;
    case PROP_CHANNEL:
        g_value_set_int(value, (int)self->channel);
        break;
    case PROP_HAS_OVERLAY:
        g_value_set_boolean(value, self->has_overlay);
        break;
    case PROP_HAS_WIPE:
        g_value_set_boolean(value, self->has_wipe);
        break;
    case PROP_HAS_SPLIT:
        g_value_set_boolean(value, self->has_split);
        break;
    case PROP_HAS_ONION:
        g_value_set_boolean(value, self->has_onion);
        break;
    case PROP_ZOOM:
        g_value_set_double(value, self->zoom);
        break;
    case PROP_TOOL:
        g_value_set_int(value, (int)self->tool);
        break;
    case PROP_BRUSH_RADIUS:
        g_value_set_double(value, self->brush_radius);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
vera_canvas_set_view(VeraCanvas *self, VeraView view)
{
    /* A wipe and a flip compare with the source, or the source with the composite. */
    if (view == self->other)
        self->other = self->view;
    self->view = view;
}

/* The middle of the picture stays in the middle of its side. */
static void
vera_canvas_set_split(VeraCanvas *self, gboolean has_split)
{
    double before = vera_canvas_get_pane_width(self);

    self->has_split = has_split;
    if (!self->is_fit)
        self->x += (vera_canvas_get_pane_width(self) - before) / 2 * vera_canvas_get_device_scale(self);
    vera_canvas_layout(self);
}

static void
vera_canvas_set_tool(VeraCanvas *self, VeraTool tool)
{
    vera_canvas_region_cancel(self);
    self->tool = tool;
    gtk_widget_set_cursor_from_name(GTK_WIDGET(self), tool == VERA_TOOL_PAN ? NULL : "crosshair");
}

static void
vera_canvas_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    VeraCanvas *self = VERA_CANVAS(object);

    switch (id) {
    case PROP_VIEW:
        vera_canvas_set_view(self, (VeraView)g_value_get_int(value));
        break;
    case PROP_CHANNEL:
        self->channel = (VeraChannel)g_value_get_int(value);
        break;
    case PROP_HAS_OVERLAY:
        self->has_overlay = g_value_get_boolean(value);
        break;
    case PROP_HAS_WIPE:
        self->has_wipe = g_value_get_boolean(value);
        break;
    case PROP_HAS_SPLIT:
        vera_canvas_set_split(self, g_value_get_boolean(value));
        break;
    case PROP_HAS_ONION:
        self->has_onion = g_value_get_boolean(value);
        break;
    case PROP_TOOL:
        vera_canvas_set_tool(self, (VeraTool)g_value_get_int(value));
        break;
    case PROP_BRUSH_RADIUS:
        self->brush_radius = g_value_get_double(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
        return;
    }
    g_object_notify_by_pspec(object, pspec);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

static void
vera_canvas_dispose(GObject *object)
{
    VeraCanvas *self = VERA_CANVAS(object);

    g_clear_object(&self->editor);
    g_clear_pointer(&self->moving, vera_region_unref);
    g_clear_pointer(&self->mask, cairo_surface_destroy);
    g_clear_pointer(&self->mask_region, vera_region_unref);
    g_clear_pointer(&self->mask_picture, vera_frame_unref);
    g_clear_pointer(&self->points, g_array_unref);
    g_clear_pointer(&self->gl_error, g_free);
    G_OBJECT_CLASS(vera_canvas_parent_class)->dispose(object);
}

static void
vera_canvas_class_init(VeraCanvasClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);
    GParamFlags both = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

    object_class->get_property = vera_canvas_get_property;
    object_class->set_property = vera_canvas_set_property;
    object_class->dispose = vera_canvas_dispose;
    widget_class->realize = vera_canvas_realize;
    widget_class->unrealize = vera_canvas_unrealize;
    widget_class->snapshot = vera_canvas_snapshot;
    GTK_GL_AREA_CLASS(klass)->create_context = vera_canvas_create_context;
    GTK_GL_AREA_CLASS(klass)->render = vera_canvas_render;
    GTK_GL_AREA_CLASS(klass)->resize = vera_canvas_resize;
    props[PROP_VIEW] = g_param_spec_int("view", NULL, NULL, 0, VERA_VIEW_COUNT - 1, 0, both);
    props[PROP_CHANNEL] = g_param_spec_int("channel", NULL, NULL, 0, VERA_CHANNEL_ALPHA, 0, both);
    props[PROP_HAS_OVERLAY] = g_param_spec_boolean("has-overlay", NULL, NULL, FALSE, both);
    props[PROP_HAS_WIPE] = g_param_spec_boolean("has-wipe", NULL, NULL, FALSE, both);
    props[PROP_HAS_SPLIT] = g_param_spec_boolean("has-split", NULL, NULL, FALSE, both);
    props[PROP_HAS_ONION] = g_param_spec_boolean("has-onion", NULL, NULL, FALSE, both);
    props[PROP_ZOOM] = g_param_spec_double("zoom", NULL, NULL, 0, 64, 1, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    props[PROP_TOOL] = g_param_spec_int("tool", NULL, NULL, 0, VERA_TOOL_COUNT - 1, 0, both);
    props[PROP_BRUSH_RADIUS] = g_param_spec_double("brush-radius", NULL, NULL, 1, 2000, 20, both);
    g_object_class_install_properties(object_class, N_PROPS, props);
    g_signal_new("readout", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
    gtk_widget_class_set_css_name(widget_class, "canvas");
    gtk_widget_class_set_accessible_role(widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
vera_canvas_init(VeraCanvas *self)
{
    self->other = VERA_VIEW_SOURCE;
    self->wipe = 0.5;
    self->zoom = 1;
    self->is_fit = TRUE;
    self->brush_radius = 24;
    self->pointer_x = self->pointer_y = -1;
    self->drag_pane = -1;
    self->points = g_array_new(FALSE, FALSE, sizeof(VeraRegionPoint));
    gtk_widget_set_focusable(GTK_WIDGET(self), TRUE);
    gtk_widget_set_hexpand(GTK_WIDGET(self), TRUE);
    gtk_widget_set_vexpand(GTK_WIDGET(self), TRUE);
    gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Picture at the playhead"), -1);
    vera_canvas_add_controllers(self);
}
