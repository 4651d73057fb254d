/* The queue with real threads: nothing lost, order kept, no wake-up missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/queue.h"

struct job {
	struct queue_node node;
	int producer, number;
};

static int number_of(struct queue_node *n) {
	return CONTAINER_OF(n, struct job, node)->number;
}

static void first_in_first_out(void **state) {
	struct queue q;
	struct job jobs[10];
	queue_init(&q);
	assert_null(queue_pop(&q));
	for (int i = 0; i < 10; i++) {
		jobs[i].number = i;
		queue_push(&q, &jobs[i].node);
	}
	for (int i = 0; i < 10; i++) assert_int_equal(number_of(queue_pop(&q)), i);
	assert_null(queue_pop(&q));
}

static void push_asks_for_one_wake_up(void **state) {
	struct queue q;
	struct job jobs[4];
	queue_init(&q);
	assert_true(queue_push(&q, &jobs[0].node));
	assert_false(queue_push(&q, &jobs[1].node));
	queue_begin(&q);
	assert_non_null(queue_pop(&q));
	assert_true(queue_push(&q, &jobs[2].node)); /* it may have looked already */
	assert_false(queue_tell(&q));
	assert_non_null(queue_pop(&q));
	assert_non_null(queue_pop(&q));
	assert_null(queue_pop(&q));
	assert_false(queue_push(&q, &jobs[3].node)); /* that wake-up is still under way */
	queue_begin(&q);
	assert_ptr_equal(queue_pop(&q), &jobs[3].node);
	assert_true(queue_tell(&q));
	assert_false(queue_push(&q, &jobs[0].node));
}

static void popped_node_may_be_pushed_at_once(void **state) {
	struct queue q;
	struct job job = {.number = 0};
	queue_init(&q);
	queue_push(&q, &job.node);
	for (int i = 0; i < 1000; i++) {
		struct queue_node *n = queue_pop(&q);
		assert_ptr_equal(n, &job.node);
		queue_push(&q, n);
	}
	assert_ptr_equal(queue_pop(&q), &job.node);
	assert_null(queue_pop(&q));
}

enum { PRODUCERS = 4, JOBS = 20000 };

struct producer {
	pthread_t thread;
	struct queue *queue;
	sem_t *bell;
	_Atomic int *ringing; /* wake-ups under way */
	struct job *jobs;
};

static void *produce(void *arg) {
	struct producer *p = arg;
	for (int i = 0; i < JOBS; i++)
		if (queue_push(p->queue, &p->jobs[i].node)) {
			if (atomic_fetch_add(p->ringing, 1) != 0) abort();
			sem_post(p->bell);
		}
	return NULL;
}

/* The consumer sleeps on the bell alone: one wake-up too few and this test hangs
 * (meson's timeout ends it), one too many and it aborts, one job out of order and it fails. */
static void many_producers_one_sleeping_consumer(void **state) {
	struct queue q;
	sem_t bell;
	struct producer producers[PRODUCERS];
	int next[PRODUCERS] = {0}, seen = 0, disorder = 0;
	_Atomic int ringing = 0;
	queue_init(&q);
	assert_int_equal(sem_init(&bell, 0, 0), 0);
	for (int i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){.queue = &q, .bell = &bell, .ringing = &ringing};
		producers[i].jobs = calloc(JOBS, sizeof(struct job));
		for (int k = 0; k < JOBS; k++)
			producers[i].jobs[k] = (struct job){.producer = i, .number = k};
		assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]),
		                 0);
	}
	while (seen < PRODUCERS * JOBS) {
		struct queue_node *n = queue_pop(&q);
		if (!n) {
			sem_wait(&bell);
			atomic_fetch_sub(&ringing, 1);
			queue_begin(&q);
			continue;
		}
		struct job *job = CONTAINER_OF(n, struct job, node);
		if (job->number != next[job->producer]++) disorder++;
		seen++;
	}
	assert_null(queue_pop(&q));
	assert_int_equal(disorder, 0);
	for (int i = 0; i < PRODUCERS; i++) {
		pthread_join(producers[i].thread, NULL);
		free(producers[i].jobs);
	}
	sem_destroy(&bell);
}

struct pong {
	struct queue there, back;
	sem_t bell_there, bell_back;
	int rounds;
};

static struct queue_node *pop_or_sleep(struct queue *q, sem_t *bell) {
	struct queue_node *n;
	while (!(n = queue_pop(q))) {
		sem_wait(bell);
		queue_begin(q);
	}
	return n;
}

static void *answer(void *arg) {
	struct pong *p = arg;
	for (int i = 0; i < p->rounds; i++) {
		struct queue_node *n = pop_or_sleep(&p->there, &p->bell_there);
		if (queue_push(&p->back, n)) sem_post(&p->bell_back);
	}
	return NULL;
}

/* One node to and fro: the queue is nearly empty at every moment, where the races are. */
static void one_node_between_two_threads(void **state) {
	struct pong p = {.rounds = 20000};
	struct job job = {.number = 7};
	pthread_t thread;
	queue_init(&p.there);
	queue_init(&p.back);
	assert_int_equal(sem_init(&p.bell_there, 0, 0), 0);
	assert_int_equal(sem_init(&p.bell_back, 0, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, answer, &p), 0);
	for (int i = 0; i < p.rounds; i++) {
		if (queue_push(&p.there, &job.node)) sem_post(&p.bell_there);
		assert_ptr_equal(pop_or_sleep(&p.back, &p.bell_back), &job.node);
	}
	pthread_join(thread, NULL);
	sem_destroy(&p.bell_there);
	sem_destroy(&p.bell_back);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(push_asks_for_one_wake_up),
		cmocka_unit_test(popped_node_may_be_pushed_at_once),
		cmocka_unit_test(many_producers_one_sleeping_consumer),
		cmocka_unit_test(one_node_between_two_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
