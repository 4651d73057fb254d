/* Lanes of the libuv driver: a thread each. Finished jobs wait in the lane and not in the
 * loop's queue of posts, so that a lane can be freed while some of them are still unsaid. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/uv_driver.h"

struct uv_lane {
	struct io_lane base;
	struct uv_io *io;
	struct list_node node;
	char name[16]; /* the kernel's bound */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list waiting, finished; /* under lock */
	bool stopping, posted;         /* under lock */
	struct io_post post;           /* "some are finished" */
	struct list saying;            /* loop thread: taken from finished, done not called yet */
	bool in_say, dead;             /* loop thread */
};

static void list_take(struct list *to, struct list *from) {
	list_init(to);
	for (struct list_node *n; (n = list_pop_front(from));) list_push_back(to, n);
}

/* Not under the lock: the loop that wakes will want it. */
void uv_io_lane_tell(struct io_lane *base) {
	struct uv_lane *lane = (struct uv_lane *)base;
	pthread_mutex_lock(&lane->lock);
	bool post = !list_empty(&lane->finished) && !lane->posted && !lane->stopping;
	if (post) lane->posted = true;
	pthread_mutex_unlock(&lane->lock);
	if (post) uv_io_post(&lane->io->base, &lane->post);
}

/* NULL: the lane stops. */
static struct io_job *job_next(struct uv_lane *lane) {
	pthread_mutex_lock(&lane->lock);
	while (list_empty(&lane->waiting) && !lane->stopping)
		pthread_cond_wait(&lane->more, &lane->lock);
	struct list_node *node = list_pop_front(&lane->waiting);
	pthread_mutex_unlock(&lane->lock);
	return node ? CONTAINER_OF(node, struct io_job, node) : NULL;
}

/* Whether the one after it will do the telling. Nothing is left untold for longer than one job:
 * what was finished before this one has been told by it, or is now. */
static bool job_finish(struct uv_lane *lane, struct io_job *job) {
	pthread_mutex_lock(&lane->lock);
	bool told = list_empty(&lane->finished) || lane->posted;
	list_push_back(&lane->finished, &job->node);
	struct list_node *next = list_first(&lane->waiting);
	bool later = told && next && CONTAINER_OF(next, struct io_job, node)->tells;
	pthread_mutex_unlock(&lane->lock);
	return later;
}

static void *lane_main(void *arg) {
	struct uv_lane *lane = arg;
	pthread_setname_np(pthread_self(), lane->name);
	for (struct io_job *job; (job = job_next(lane));) {
		job->run(job);
		if (!job_finish(lane, job)) uv_io_lane_tell(&lane->base);
	}
	return NULL;
}

static void lane_release(struct uv_lane *lane) {
	list_remove(&lane->io->lanes, &lane->node);
	pthread_cond_destroy(&lane->more);
	pthread_mutex_destroy(&lane->lock);
	free(lane);
}

static void on_finished(struct io_post *post) {
	struct uv_lane *lane = CONTAINER_OF(post, struct uv_lane, post);
	if (lane->dead) {
		lane_release(lane);
		return;
	}
	pthread_mutex_lock(&lane->lock);
	lane->posted = false;
	list_take(&lane->saying, &lane->finished);
	pthread_mutex_unlock(&lane->lock);
	lane->in_say = true;
	for (struct list_node *n; !lane->dead && (n = list_pop_front(&lane->saying));) {
		struct io_job *job = CONTAINER_OF(n, struct io_job, node);
		job->done(job);
	}
	lane->in_say = false;
	if (lane->dead && !lane->posted) lane_release(lane);
}

/* Signals are for the thread that runs the process; a lane must not be interrupted in I/O. */
static int start_thread(struct uv_lane *lane) {
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&lane->thread, NULL, lane_main, lane);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

struct io_lane *uv_io_lane_new(struct io *base, const char *name) {
	struct uv_io *io = (struct uv_io *)base;
	struct uv_lane *lane = calloc(1, sizeof *lane);
	if (!lane) return NULL;
	ASSERT(strlen(name) < sizeof lane->name);
	memcpy(lane->name, name, strlen(name) + 1);
	lane->base.ops = &uv_ops;
	lane->io = io;
	lane->post.fn = on_finished;
	list_init(&lane->waiting);
	list_init(&lane->finished);
	list_init(&lane->saying);
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->more, NULL);
	list_push_back(&io->lanes, &lane->node);
	if (start_thread(lane) == 0) return &lane->base;
	lane_release(lane);
	return NULL;
}

void uv_io_lane_submit(struct io_lane *base, struct io_job *job) {
	struct uv_lane *lane = (struct uv_lane *)base;
	job->lane = base;
	pthread_mutex_lock(&lane->lock);
	bool was_idle = list_empty(&lane->waiting);
	list_push_back(&lane->waiting, &job->node);
	pthread_mutex_unlock(&lane->lock);
	if (was_idle) pthread_cond_signal(&lane->more);
}

static void lane_join(struct uv_lane *lane) {
	pthread_mutex_lock(&lane->lock);
	lane->stopping = true;
	pthread_mutex_unlock(&lane->lock);
	pthread_cond_signal(&lane->more);
	pthread_join(lane->thread, NULL);
	lane->dead = true;
}

/* A post that is under way still points at the lane: the lane then goes when it arrives. Jobs
 * belong to their owners from here on and are not touched again. */
void uv_io_lane_free(struct io_lane *base) {
	struct uv_lane *lane = (struct uv_lane *)base;
	lane_join(lane);
	list_init(&lane->saying);
	list_init(&lane->finished);
	if (!lane->posted && !lane->in_say) lane_release(lane);
}

void uv_lanes_free(struct uv_io *io) {
	LIST_EACH (&io->lanes, node) {
		struct uv_lane *lane = CONTAINER_OF(node, struct uv_lane, node);
		if (!lane->dead) lane_join(lane);
		lane_release(lane);
	}
}
