#include "config.h"

#include "app/vera-watchdog.h"

#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VERA_WATCHDOG_SIGNAL (SIGRTMIN + 4)
#define VERA_WATCHDOG_N_FRAMES 64
#define VERA_WATCHDOG_MAX_MS 60000

/* Written by the main thread alone, but for what the lock guards. */
static struct {
    pthread_t main_thread;
    GThread *thread;
    GPollFunc poll;
    int schedule_fd;
    gint64 threshold; /* us */
    gint64 longest;   /* us */
    char longest_source[64];

    gint64 busy_since; /* us, of g_get_monotonic_time() */
    gint64 waited;     /* us ready without a processor, when the loop became busy */

    GMutex lock;
    GCond cond;
    gint64
        deadline; /* us: when the main thread is asked where it is; 0: not at all; under the lock */
    gboolean is_over; /* under the lock */

    /* Of the main thread's signal handler. */
    void *frames[VERA_WATCHDOG_N_FRAMES];
    volatile sig_atomic_t n_frames;
    char source[64];
} watchdog;

/* The time in which the calling thread could have run and did not. */
static gint64
vera_watchdog_get_waited(void)
{
    char text[96];
    guint64 delay = 0;
    ssize_t length =
        watchdog.schedule_fd < 0 ? -1 : pread(watchdog.schedule_fd, text, sizeof text - 1, 0);

    if (length <= 0)
        return 0;
    text[length] = '\0';
    return sscanf(text, "%*u %" G_GUINT64_FORMAT, &delay) == 1 ? (gint64)(delay / 1000) : 0;
}

/* Interrupts whatever the main thread does; only looks. */
static void
vera_watchdog_signal_cb(int number)
{
    GSource *source = g_main_current_source();
    const char *name = source ? g_source_get_name(source) : NULL;

    watchdog.n_frames = backtrace(watchdog.frames, VERA_WATCHDOG_N_FRAMES);
    strncpy(watchdog.source, name ? name : "a source without a name", sizeof watchdog.source - 1);
}

static gpointer
vera_watchdog_thread(gpointer unused)
{
    g_mutex_lock(&watchdog.lock);
    while (!watchdog.is_over) {
        if (watchdog.deadline == 0) {
            g_cond_wait(&watchdog.cond, &watchdog.lock);
        } else if (g_get_monotonic_time() >= watchdog.deadline) {
            watchdog.deadline = 0;
            pthread_kill(watchdog.main_thread, VERA_WATCHDOG_SIGNAL);
        } else {
            g_cond_wait_until(&watchdog.cond, &watchdog.lock, watchdog.deadline);
        }
    }
    g_mutex_unlock(&watchdog.lock);
    return NULL;
}

static void
vera_watchdog_set_deadline(gint64 deadline)
{
    g_mutex_lock(&watchdog.lock);
    watchdog.deadline = deadline;
    if (deadline != 0)
        g_cond_signal(&watchdog.cond);
    g_mutex_unlock(&watchdog.lock);
}

static void
vera_watchdog_report(gint64 blocked)
{
    g_printerr("vera: the main loop was blocked for %.3f s by %s\n",
               (double)blocked / G_USEC_PER_SEC, watchdog.source);
    /* The first two are the handler and the kernel's way into it. */
    if (watchdog.n_frames > 2)
        backtrace_symbols_fd(watchdog.frames + 2, watchdog.n_frames - 2, STDERR_FILENO);
}

static void
vera_watchdog_end_turn(void)
{
    gint64 blocked = g_get_monotonic_time() - watchdog.busy_since -
                     (vera_watchdog_get_waited() - watchdog.waited);

    /* Until the loop has run once the program is starting: there is nothing on the screen that
     * could be stuck. */
    if (watchdog.busy_since == 0)
        return;
    vera_watchdog_set_deadline(0);
    if (blocked > watchdog.longest) {
        watchdog.longest = blocked;
        g_strlcpy(watchdog.longest_source,
                  watchdog.n_frames > 0 ? watchdog.source : "a short source",
                  sizeof watchdog.longest_source);
    }
    if (blocked > watchdog.threshold && watchdog.n_frames > 0)
        vera_watchdog_report(blocked);
}

static void
vera_watchdog_begin_turn(void)
{
    watchdog.n_frames = 0;
    watchdog.waited = vera_watchdog_get_waited();
    watchdog.busy_since = g_get_monotonic_time();
    vera_watchdog_set_deadline(watchdog.busy_since + watchdog.threshold);
}

static int
vera_watchdog_poll(GPollFD *fds, guint n_fds, int timeout)
{
    int n_ready;

    vera_watchdog_end_turn();
    n_ready = watchdog.poll(fds, n_fds, timeout);
    vera_watchdog_begin_turn();
    return n_ready;
}

void
vera_watchdog_start(void)
{
    struct sigaction action = {.sa_handler = vera_watchdog_signal_cb, .sa_flags = SA_RESTART};
    const char *text = g_getenv("VERA_WATCHDOG");
    guint64 threshold;

    if (text == NULL)
        return;
    if (!g_ascii_string_to_unsigned(text, 10, 1, VERA_WATCHDOG_MAX_MS, &threshold, NULL)) {
        g_printerr("vera: VERA_WATCHDOG is “%s”, not a number of milliseconds from 1 to %d; the "
                   "main loop is not watched.\n",
                   text, VERA_WATCHDOG_MAX_MS);
        return;
    }
    /* The first call loads a library, which a signal handler must not. */
    backtrace(watchdog.frames, 1);
    sigemptyset(&action.sa_mask);
    sigaction(VERA_WATCHDOG_SIGNAL, &action, NULL);
    watchdog.main_thread = pthread_self();
    watchdog.threshold = (gint64)threshold * 1000;
    watchdog.schedule_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    watchdog.thread = g_thread_new("vera-watchdog", vera_watchdog_thread, NULL);
    watchdog.poll = g_main_context_get_poll_func(NULL);
    g_main_context_set_poll_func(NULL, vera_watchdog_poll);
}

void
vera_watchdog_stop(void)
{
    if (watchdog.thread == NULL)
        return;
    vera_watchdog_end_turn();
    g_main_context_set_poll_func(NULL, watchdog.poll);
    g_mutex_lock(&watchdog.lock);
    watchdog.is_over = TRUE;
    g_cond_signal(&watchdog.cond);
    g_mutex_unlock(&watchdog.lock);
    g_clear_pointer(&watchdog.thread, g_thread_join);
    if (watchdog.schedule_fd >= 0)
        close(watchdog.schedule_fd);
    g_printerr("vera: the longest block of the main loop was %.3f s, by %s\n",
               (double)watchdog.longest / G_USEC_PER_SEC, watchdog.longest_source);
}
