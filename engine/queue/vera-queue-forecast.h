#pragma once

#include "engine/queue/vera-queue.h"

G_BEGIN_DECLS

#define VERA_TYPE_QUEUE_FORECAST (vera_queue_forecast_get_type())

/**
 * VeraQueueForecast: how long the waiting jobs of a queue will take, by how fast jobs like them ran
 * here. What a job will be is found out in the background, one after the other.
 *
 * Signal: "changed" () vera_queue_forecast_get() may answer otherwise.
 *
 * Thread-safety: main thread only.
 */
G_DECLARE_FINAL_TYPE(VeraQueueForecast, vera_queue_forecast, VERA, QUEUE_FORECAST, GObject)

/** vera_queue_forecast_new: Returns: (transfer full): a forecast that follows @queue */
VeraQueueForecast *vera_queue_forecast_new(VeraQueue *queue);

/**
 * vera_queue_forecast_get:
 * @n_known: (out): of the waiting jobs, those whose time can be told
 *
 * Returns: seconds for these jobs together, takes one after the other and exports beside them,
 * without what runs now; -1 if there are none
 */
double vera_queue_forecast_get(VeraQueueForecast *self, guint *n_known);

G_END_DECLS
