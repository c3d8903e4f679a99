#include "config.h"

#include "ui/vera-queue-panel.h"

#include <stdio.h>
#include <string.h>

#include "engine/queue/vera-edit-forecast.h"
#include "tests/engine/queue-fixture.h"
#include "ui/vera-queue-row.h"

/* The panel in a window. The clip of every job is missing: what runs fails, and what waits can be looked at. */

typedef struct {
    VeraQueue *queue;
    GtkWidget *window, *panel;
    VeraJob *jobs[3];
} Fixture;

#define CHILD(widget, TYPE, name) GTK_WIDGET(gtk_widget_get_template_child(GTK_WIDGET(widget), TYPE, name))
#define PANEL(f, name) CHILD((f)->panel, VERA_TYPE_QUEUE_PANEL, name)
#define ROW(f, i, name) CHILD(get_row(f, i), VERA_TYPE_QUEUE_ROW, name)

static VeraQueueRow *
get_row(Fixture *f, int index)
{
    return VERA_QUEUE_ROW(gtk_list_box_get_row_at_index(GTK_LIST_BOX(PANEL(f, "list")), index));
}

static VeraJob *
add_job(Fixture *f, const char *title)
{
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autofree char *dir = fixture_get_path(title);
    VeraEditRequest request = { .clip_path = "/lost.mkv", .instruction = "a lamp", .frames = frames, .model_dir = "/model",
                                .device = "cpu" };

    for (gint64 i = 2; i < 7; i++)
        g_array_append_val(frames, i);
    return vera_queue_add_edit(f->queue, &request, title, NULL, dir);
}

static void
wait_for(VeraJob *job, VeraJobState state)
{
    while (vera_job_get_state(job) != state)
        g_main_context_iteration(NULL, TRUE);
}

/* The first job has failed, the others are paused. */
static void
fixture_set_up(Fixture *f, gconstpointer data)
{
    f->queue = vera_queue_new(NULL);
    f->panel = g_object_new(VERA_TYPE_QUEUE_PANEL, NULL);
    vera_queue_panel_set_queue(VERA_QUEUE_PANEL(f->panel), f->queue);
    f->window = gtk_window_new();
    gtk_window_set_child(GTK_WINDOW(f->window), f->panel);
    gtk_window_present(GTK_WINDOW(f->window));
    for (int i = 0; i < 3; i++) {
        g_autofree char *title = g_strdup_printf("job %d", i);
        f->jobs[i] = add_job(f, title);
        if (i > 0)
            vera_queue_pause(f->queue, f->jobs[i]);
    }
    wait_for(f->jobs[0], VERA_JOB_STATE_FAILED);
}

static void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    gtk_window_destroy(GTK_WINDOW(f->window));
    vera_queue_shutdown(f->queue);
    g_object_unref(f->queue);
}

static void
assert_shown(Fixture *f, int index, const char *names)
{
    static const char *const all[] = { "folder_button", "retry_button", "pause_button", "cancel_button", "remove_button", "bar" };

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        g_assert_cmpint(gtk_widget_get_visible(ROW(f, index, all[i])), ==, strstr(names, all[i]) != NULL);
}

static const char *
get_text(GtkWidget *label)
{
    return gtk_label_get_text(GTK_LABEL(label));
}

/* What failed says why and offers to try again; the others are left alone. */
static void
test_failed(Fixture *f, gconstpointer data)
{
    g_assert_nonnull(strstr(get_text(ROW(f, 0, "status")), "/lost.mkv"));
    g_assert_true(gtk_widget_has_css_class(ROW(f, 0, "status"), "error"));
    assert_shown(f, 0, "retry_button remove_button");
    g_assert_cmpstr(get_text(ROW(f, 1, "status")), ==, "Paused");
    assert_shown(f, 1, "pause_button cancel_button bar");
    g_assert_false(gtk_widget_get_visible(ROW(f, 0, "details")));
    vera_queue_row_toggle_details(get_row(f, 0));
    g_assert_true(gtk_widget_get_visible(ROW(f, 0, "details")));
    g_assert_nonnull(strstr(get_text(ROW(f, 0, "details")), "Frames 3 to 7"));
    g_assert_nonnull(strstr(get_text(ROW(f, 0, "details")), vera_job_get_output(f->jobs[0])));
    g_signal_emit_by_name(ROW(f, 0, "retry_button"), "clicked");
    g_assert_cmpint(vera_job_get_state(f->jobs[0]), ==, VERA_JOB_STATE_RUNNING);
    wait_for(f->jobs[0], VERA_JOB_STATE_FAILED);
    g_assert_cmpint(vera_job_get_state(f->jobs[1]), ==, VERA_JOB_STATE_PAUSED);
}

static void
test_all(Fixture *f, gconstpointer data)
{
    g_assert_cmpstr(get_text(PANEL(f, "summary")), ==, "2 jobs are paused");
    g_assert_false(gtk_widget_get_visible(PANEL(f, "pause_all_button")));
    g_assert_true(gtk_widget_get_visible(PANEL(f, "clear_button")));
    g_signal_emit_by_name(PANEL(f, "resume_all_button"), "clicked");
    g_assert_cmpint(vera_job_get_state(f->jobs[1]), ==, VERA_JOB_STATE_RUNNING);
    g_assert_cmpint(vera_job_get_state(f->jobs[2]), ==, VERA_JOB_STATE_QUEUED);
    g_assert_cmpstr(get_text(PANEL(f, "summary")), ==, "1 job waits, time not known yet");
    g_assert_false(gtk_widget_get_visible(PANEL(f, "resume_all_button")));
    g_assert_true(gtk_widget_get_visible(PANEL(f, "pause_all_button")));
    wait_for(f->jobs[2], VERA_JOB_STATE_FAILED);
    g_assert_false(gtk_widget_get_visible(PANEL(f, "pause_all_button")));
    g_assert_cmpstr(gtk_stack_get_visible_child_name(GTK_STACK(PANEL(f, "stack"))), ==, "list");
    g_signal_emit_by_name(PANEL(f, "clear_button"), "clicked");
    g_assert_cmpstr(gtk_stack_get_visible_child_name(GTK_STACK(PANEL(f, "stack"))), ==, "empty");
}

/* Rows follow the order of the queue, whoever changes it. */
static void
test_order(Fixture *f, gconstpointer data)
{
    vera_queue_move(f->queue, f->jobs[2], 0);
    g_assert_true(vera_queue_row_get_job(get_row(f, 0)) == f->jobs[2]);
    g_assert_true(vera_queue_row_get_job(get_row(f, 1)) == f->jobs[0]);
    g_signal_emit_by_name(ROW(f, 0, "cancel_button"), "clicked");
    g_assert_cmpint(vera_job_get_state(f->jobs[2]), ==, VERA_JOB_STATE_CANCELLED);
    g_assert_cmpstr(get_text(ROW(f, 0, "status")), ==, "Cancelled");
    g_signal_emit_by_name(ROW(f, 0, "remove_button"), "clicked");
    g_assert_true(vera_queue_row_get_job(get_row(f, 0)) == f->jobs[0]);
    g_signal_emit_by_name(ROW(f, 1, "pause_button"), "clicked");
    g_assert_cmpint(vera_job_get_state(f->jobs[1]), ==, VERA_JOB_STATE_RUNNING);
    wait_for(f->jobs[1], VERA_JOB_STATE_FAILED);
}

/* As if a take like @request had run here, so fast that the next one takes @seconds. */
static void
note_rate(VeraQueue *queue, const VeraEditRequest *request, double seconds)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraEditJob) job = vera_edit_job_new(request, NULL, &error);
    g_autofree char *key = job ? vera_edit_job_dup_rate_key(job) : NULL;
    VeraJobWork work, rate;
    double all;

    g_assert_no_error(error);
    work = vera_edit_job_get_work(job);
    all = work.encode + work.step * request->n_steps + work.decode;
    rate = (VeraJobWork){seconds / all, seconds / all, seconds / all};
    vera_job_rates_note(vera_queue_get_rates(queue), key, &work, &rate);
}

static void
wait_for_summary(Fixture *f, const char *text)
{
    while (strcmp(get_text(PANEL(f, "summary")), text) != 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(gtk_widget_get_visible(PANEL(f, "summary")));
}

static VeraJob *
add_take(Fixture *f, const VeraEditRequest *request, const char *title)
{
    g_autofree char *dir = fixture_get_path(title);

    return vera_queue_add_edit(f->queue, request, title, NULL, dir);
}

/* How long all that waits will take is told as soon as a job like it has run here, and of no more
 * jobs than that. */
static void
test_waiting_time(Fixture *f, gconstpointer data)
{
    g_autofree char *model =
        g_build_filename(g_getenv("VERA_SOURCE_ROOT"), "tests", "golden", "model-f32", NULL);
    VeraEditRequest request;
    VeraJob *first, *last;

    if (!fixture_has_ffmpeg())
        return;
    g_assert_true(fixture_run("ffmpeg -y -f lavfi -i testsrc2=size=96x64:rate=24:duration=0.5 "
                              "-pix_fmt yuv420p -c:v ffv1 clip.mkv"));
    queue_make_request(&request, fixture_get_folder());
    request.model_dir = model;
    request.width = request.height = 0;
    gate_set(".state", 1);
    first = add_take(f, &request, "first");
    add_take(f, &request, "second");
    last = add_take(f, &request, "third");
    gate_wait();
    wait_for_summary(f, "2 jobs wait, time not known yet");
    note_rate(f->queue, &request, 360);
    vera_queue_resume(f->queue, f->jobs[1]);
    wait_for_summary(f, "About 12 min for 2 of 3 waiting jobs");
    vera_queue_cancel(f->queue, f->jobs[1]);
    wait_for_summary(f, "About 12 min for 2 waiting jobs");
    vera_queue_pause(f->queue, last);
    wait_for_summary(f, "About 6 min for 1 waiting job");
    vera_queue_resume(f->queue, last);
    wait_for_summary(f, "About 12 min for 2 waiting jobs");
    /* What ran has shown how fast it goes here, which is told soon. */
    vera_queue_cancel(f->queue, first);
    gate_open();
    while (!g_str_has_suffix(get_text(PANEL(f, "summary")), " for 1 waiting job") ||
           g_str_equal(get_text(PANEL(f, "summary")), "About 6 min for 1 waiting job"))
        g_main_context_iteration(NULL, TRUE);
    vera_queue_pause_all(f->queue);
    wait_for_summary(f, "3 jobs are paused");
}

#define ADD(name, func) g_test_add("/ui/queue-panel/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!gtk_init_check()) {
        puts("1..0 # SKIP there is no display");
        return 0;
    }
    adw_init();
    ADD("failed", test_failed);
    ADD("all", test_all);
    ADD("order", test_order);
    ADD("waiting-time", test_waiting_time);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
