/* The queue of operations in front of a lane: see work.h. May not know what an
 * operation does.
 */
#include "store/work.h"
#include <stdlib.h>

struct work *work_of(struct store_op *op, enum work_kind kind) {
	struct work *w = (struct work *)op->driver;
	*w = (struct work){.kind = kind};
	return w;
}

static struct store_op *op_of(struct work *w) {
	return CONTAINER_OF((void *)w, struct store_op, driver);
}

static bool groups(enum work_kind kind) {
	return kind == WORK_APPEND || kind == WORK_APPLY;
}

static void group_take(struct work_queue *q, struct list *group) {
	size_t bytes = 0;
	pthread_mutex_lock(&q->lock);
	for (struct list_node *n; (n = list_first(&q->pending));) {
		struct work *w = CONTAINER_OF(n, struct work, node);
		if (group->count > 0) {
			struct work *first = CONTAINER_OF(list_first(group), struct work, node);
			if (!groups(w->kind) || w->kind != first->kind) break;
			if (bytes + w->bytes.len > q->group_bytes) break;
		}
		bytes += w->bytes.len;
		list_remove(&q->pending, n);
		list_push_back(group, n);
	}
	pthread_mutex_unlock(&q->lock);
}

static void job_run(struct io_job *job) {
	struct work_job *j = CONTAINER_OF(job, struct work_job, job);
	group_take(j->queue, &j->taken);
	if (!list_empty(&j->taken)) j->queue->run(j->queue, &j->taken);
}

/* One free job is enough to promise that whatever waits will be taken. */
static void job_wake(struct work_queue *q) {
	pthread_mutex_lock(&q->lock);
	bool waiting = !list_empty(&q->pending);
	pthread_mutex_unlock(&q->lock);
	if (!waiting) return;
	for (int i = 0; i < 2; i++) {
		if (q->jobs[i].busy) continue;
		q->jobs[i].busy = true;
		io_lane_submit(q->lane, &q->jobs[i].job);
		return;
	}
}

static void job_done(struct io_job *job) {
	struct work_job *j = CONTAINER_OF(job, struct work_job, job);
	struct work_queue *q = j->queue;
	struct list group;
	list_init(&group);
	for (struct list_node *n; (n = list_pop_front(&j->taken));) list_push_back(&group, n);
	j->busy = false;
	if (!list_empty(&group)) q->settle(q, &group);
	job_wake(q);
	/* A `done` may close the store, and q with it: the others are then not called. */
	bool stopped = false;
	q->stopped = &stopped;
	for (struct list_node *n; (n = list_pop_front(&group));) {
		struct work *w = CONTAINER_OF(n, struct work, node);
		struct store_op *op = op_of(w);
		enum err err = w->err;
		free(w->text);
		w->text = NULL;
		if (!stopped) op->done(op, err);
	}
	if (!stopped) q->stopped = NULL;
}

enum err work_queue_init(struct work_queue *q, struct io *io, const char *lane_name) {
	pthread_mutex_init(&q->lock, NULL);
	list_init(&q->pending);
	for (int i = 0; i < 2; i++) {
		q->jobs[i] = (struct work_job){
			.job = {.run = job_run, .done = job_done, .tells = q->tells}, .queue = q};
		list_init(&q->jobs[i].taken);
	}
	q->lane = io_lane_new(io, lane_name);
	return q->lane ? ERR_OK : ERR_NO_MEMORY;
}

void work_submit(struct work_queue *q, struct work *w) {
	pthread_mutex_lock(&q->lock);
	list_push_back(&q->pending, &w->node);
	pthread_mutex_unlock(&q->lock);
	job_wake(q);
}

static void texts_free(struct list *works) {
	for (struct list_node *n; (n = list_pop_front(works));)
		free(CONTAINER_OF(n, struct work, node)->text);
}

void work_queue_stop(struct work_queue *q) {
	if (!q->lane) return;
	io_lane_free(q->lane);
	work_queue_abandon(q);
}

void work_queue_abandon(struct work_queue *q) {
	if (!q->lane) return;
	q->lane = NULL;
	if (q->stopped) *q->stopped = true;
	texts_free(&q->pending);
	for (int i = 0; i < 2; i++) texts_free(&q->jobs[i].taken);
	pthread_mutex_destroy(&q->lock);
}
