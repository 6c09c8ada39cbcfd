/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A resource under a stream of customers, measured for comparison with queueing theory. */
#include "sim_internal.h"

struct sim_queue {
	struct sim *sim;
	struct sim_queue_config config;
	struct sim_stream arrivals, holds;
	struct sim_pool servers;
	uint64_t arrived;
	uint32_t present;
	bool measuring, closed;
	sim_ns start, end;
	struct sim_usage number; /* of customers in the system */
	struct sim_queue_result result;
};

static const uint32_t per_100k_p99 = 99000;

/* ---- the window ---- */

static void open_window(struct sim_queue *queue)
{
	sim_ns now = queue->sim->now;

	queue->measuring = true;
	queue->start = now;
	sim_usage_reset(&queue->servers.usage, now, queue->servers.in_use,
			queue->servers.waiting.length);
	sim_usage_reset(&queue->number, now, queue->present, 0);
}

static void close_window(struct sim_queue *queue)
{
	struct sim_queue_result *result = &queue->result;
	sim_ns now = queue->sim->now;

	sim_usage_sync(&queue->servers.usage, now, queue->servers.in_use,
		       queue->servers.waiting.length);
	sim_usage_sync(&queue->number, now, queue->present, 0);
	queue->closed = true;
	queue->end = now;
	result->window_ns = now - queue->start;
	result->waiting_integral = queue->servers.usage.queue_integral;
	result->busy_integral = queue->servers.usage.in_use_integral;
	result->number_integral = queue->number.in_use_integral;
}

static void count_present(struct sim_queue *queue, int change)
{
	usage_advance(&queue->number, queue->sim->now, queue->present, 0);
	queue->present += (uint32_t)change;
}

/* The part of a stay that falls into the window. */
static void add_residence(struct sim_queue *queue, sim_ns arrival)
{
	sim_ns from = MAX(arrival, queue->start);
	sim_ns to = queue->closed ? queue->end : queue->sim->now;

	if (queue->measuring && from < to)
		queue->result.residence_ns += to - from;
}

/* ---- the tasks ---- */

/* Of the warm-up, measured, or come after the last measured one (there are none). */
static bool is_measured(const struct sim_queue *queue, uint64_t number)
{
	return number >= queue->config.warmup;
}

static void be_served(struct sim_queue *queue, bool measured, sim_ns arrival, bool waited)
{
	sim_ns wait_ns = queue->sim->now - arrival;

	if (measured) {
		queue->result.served++;
		queue->result.waits += waited;
		queue->result.wait_sum_ns += wait_ns;
		sim_histogram_add(queue->result.wait_ns, wait_ns);
	}
	if (sim_hold(queue->sim, sim_draw(&queue->holds, &queue->config.hold)) == SIM_GRANTED) {
		count_present(queue, -1);
		add_residence(queue, arrival);
	}
	sim_pool_release(&queue->servers, 1);
}

static void customer(struct sim_task *self, void *arg)
{
	struct sim_queue *queue = arg;
	sim_ns arrival = queue->sim->now;
	bool measured = is_measured(queue, queue->arrived++);
	bool waited;

	(void)self;
	if (measured && !queue->measuring)
		open_window(queue);
	queue->result.arrivals += measured;
	waited = !sim_pool_try(&queue->servers, 1);
	if (waited && queue->config.loss) {
		queue->result.lost += measured;
	} else {
		count_present(queue, 1);
		if (!waited || sim_pool_acquire(&queue->servers, 1) == SIM_GRANTED)
			be_served(queue, measured, arrival, waited);
	}
}

static void arrivals(struct sim_task *self, void *arg)
{
	struct sim_queue *queue = arg;
	uint64_t left = queue->config.warmup + queue->config.customers;

	(void)self;
	while (left--) {
		sim_ns gap = sim_draw(&queue->arrivals, &queue->config.arrival);

		if (sim_hold(queue->sim, gap) != SIM_GRANTED)
			return;
		sim_spawn(queue->sim, "customer", customer, queue);
	}
	/* The last customer has come when this task has let the events of this instant go first. */
	if (sim_hold(queue->sim, 0) == SIM_GRANTED)
		close_window(queue);
}

/* ---- the public face ---- */

struct sim_queue *sim_queue_start(struct sim *sim, const struct sim_queue_config *config)
{
	struct sim_queue *queue = g_new0(struct sim_queue, 1);

	g_assert(config->customers);
	queue->sim = sim;
	queue->config = *config;
	queue->result.wait_ns = sim_histogram_new();
	sim_stream_init(&queue->arrivals, sim, "queue.arrival", config->entity);
	sim_stream_init(&queue->holds, sim, "queue.hold", config->entity);
	sim_pool_init(&queue->servers, sim, NULL, "queue.servers", config->servers);
	usage_init(&queue->number, sim);
	sim_spawn(sim, "arrivals", arrivals, queue);
	return queue;
}

const struct sim_queue_result *sim_queue_result(const struct sim_queue *queue)
{
	return &queue->result;
}

void sim_queue_free(struct sim_queue *queue)
{
	if (!queue)
		return;
	sim_pool_destroy(&queue->servers);
	usage_destroy(&queue->number);
	sim_histogram_free(queue->result.wait_ns);
	g_free(queue);
}

enum queue_metric {
	METRIC_ARRIVALS,
	METRIC_SERVED,
	METRIC_LOST,
	METRIC_WAITS,
	METRIC_WAIT_MEAN,
	METRIC_WAIT_P99,
	METRIC_WAIT_MAX,
	METRIC_LENGTH_INTEGRAL,
	METRIC_LENGTH_MEAN,
	METRIC_BUSY_INTEGRAL,
	METRIC_WINDOW,
};

const struct sim_metric_def sim_queue_metrics[] = {
	[METRIC_ARRIVALS] = {"queue.arrivals", "customers", SIM_NO_DIRECTION, "queue",
			     "customers that came after the warm-up"},
	[METRIC_SERVED] = {"queue.served", "customers", SIM_MORE_IS_BETTER, "queue",
			   "of these, those who got a server"},
	[METRIC_LOST] = {"queue.lost", "customers", SIM_LESS_IS_BETTER, "queue",
			 "of these, those who found no free server and left"},
	[METRIC_WAITS] = {"queue.waits", "customers", SIM_LESS_IS_BETTER, "queue",
			  "of these, those who had to wait"},
	[METRIC_WAIT_MEAN] = {"queue.wait_mean_ns", "ns", SIM_LESS_IS_BETTER, "queue",
			      "mean wait of the served, 0 for those who did not wait"},
	[METRIC_WAIT_P99] = {"queue.wait_p99_ns", "ns", SIM_LESS_IS_BETTER, "queue",
			     "99th percentile of the wait of the served"},
	[METRIC_WAIT_MAX] = {"queue.wait_max_ns", "ns", SIM_LESS_IS_BETTER, "queue",
			     "longest wait of the served"},
	[METRIC_LENGTH_INTEGRAL] = {"queue.length_integral", "customer-ns", SIM_LESS_IS_BETTER,
				    "queue", "waiting customers integrated over the window"},
	[METRIC_LENGTH_MEAN] = {"queue.length_mean_milli", "customers/1000", SIM_LESS_IS_BETTER,
				"queue", "waiting customers, averaged over the window"},
	[METRIC_BUSY_INTEGRAL] = {"queue.busy_integral", "server-ns", SIM_NO_DIRECTION, "queue",
				  "busy servers integrated over the window"},
	[METRIC_WINDOW] = {"queue.window_ns", "ns", SIM_NO_DIRECTION, "queue",
			   "from the first measured arrival to the last"},
	{NULL, NULL, SIM_NO_DIRECTION, NULL, NULL},
};

static void set(struct sim_metrics *metrics, enum queue_metric id, uint64_t value)
{
	const struct sim_metric_def *def = &sim_queue_metrics[id];

	sim_metrics_set(metrics, def, def->name, (int64_t)value);
}

void sim_queue_report(const struct sim_queue *queue, struct sim_metrics *metrics)
{
	const struct sim_queue_result *result = &queue->result;
	sim_u128 milli = (sim_u128)result->waiting_integral * 1000;

	set(metrics, METRIC_ARRIVALS, result->arrivals);
	set(metrics, METRIC_SERVED, result->served);
	set(metrics, METRIC_LOST, result->lost);
	set(metrics, METRIC_WAITS, result->waits);
	set(metrics, METRIC_LENGTH_INTEGRAL, result->waiting_integral);
	set(metrics, METRIC_BUSY_INTEGRAL, result->busy_integral);
	set(metrics, METRIC_WINDOW, result->window_ns);
	if (result->window_ns)
		set(metrics, METRIC_LENGTH_MEAN, (uint64_t)(milli / result->window_ns));
	if (!result->served)
		return;
	set(metrics, METRIC_WAIT_MEAN, result->wait_sum_ns / result->served);
	set(metrics, METRIC_WAIT_MAX, sim_histogram_max(result->wait_ns));
	if (sim_histogram_carries(result->wait_ns, per_100k_p99))
		set(metrics, METRIC_WAIT_P99,
		    sim_histogram_quantile(result->wait_ns, per_100k_p99));
}

enum sim_end sim_queue_run(struct sim *sim, const struct sim_queue_config *config,
			   struct sim_metrics *metrics, struct sim_queue_result *result)
{
	struct sim_queue *queue = sim_queue_start(sim, config);
	enum sim_end end = sim_run(sim, SIM_NEVER);

	if (result)
		*result = (struct sim_queue_result){0};
	if (end == SIM_END_IDLE && metrics)
		sim_queue_report(queue, metrics);
	if (end == SIM_END_IDLE && result) {
		*result = queue->result;
		queue->result.wait_ns = NULL;
	}
	sim_queue_free(queue);
	return end;
}
