#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * vera_watchdog_start:
 *
 * Watches the default main loop when VERA_WATCHDOG is set to a number of milliseconds (1 to 60000);
 * does nothing otherwise. Each time the loop does not come back to waiting for events for longer
 * than that, standard error gets the name of the source that was being dispatched, the seconds, and
 * where the main thread was when the time was up (module and offset, for addr2line). Time in which
 * the main thread was ready and other programs had the processor is not counted, nor is the
 * program's start before the first turn.
 *
 * Main thread, before the loop runs, once.
 */
void vera_watchdog_start(void);

/**
 * vera_watchdog_stop:
 *
 * Prints the longest block since vera_watchdog_start() to standard error, and ends the watching.
 * Main thread.
 */
void vera_watchdog_stop(void);

G_END_DECLS
