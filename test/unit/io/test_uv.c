/* What only the libuv driver has: other threads, descriptors that run out, real sockets. */
#include "port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- posts from many threads ---------------------------------------------------- */

enum { SENDERS = 4, POSTS = 5000 };

struct sender;
struct message {
	struct io_post post;
	struct sender *from;
	int number;
};
struct counter {
	struct port *p;
	int total; /* of the loop's thread: a race here is a race of io_post */
};
struct sender {
	struct counter *counter;
	pthread_t thread;
	int expected;
	struct message messages[POSTS];
};

static void on_message(struct io_post *post) {
	struct message *m = CONTAINER_OF(post, struct message, post);
	assert_int_equal(m->number, m->from->expected++); /* in order per sender */
	if (++m->from->counter->total == SENDERS * POSTS) port_stop(m->from->counter->p);
}

static void *send_all(void *arg) {
	struct sender *s = arg;
	for (int i = 0; i < POSTS; i++) {
		s->messages[i] = (struct message){{.fn = on_message}, s, i};
		io_post(s->counter->p->client, &s->messages[i].post);
	}
	return NULL;
}

static void many_threads_post(void **state) {
	struct counter counter = {.p = *state};
	struct sender *senders = calloc(SENDERS, sizeof *senders);
	for (int i = 0; i < SENDERS; i++) {
		senders[i].counter = &counter;
		pthread_create(&senders[i].thread, NULL, send_all, &senders[i]);
	}
	port_run(counter.p);
	for (int i = 0; i < SENDERS; i++) pthread_join(senders[i].thread, NULL);
	assert_int_equal(counter.total, SENDERS * POSTS);
	free(senders);
}

/* A wake-up may not be lost between the last look and the sleep: one post at a time. */
static void *send_slowly(void *arg) {
	struct sender *s = arg;
	for (int i = 0; i < 500; i++) {
		s->messages[i] = (struct message){{.fn = on_message}, s, i};
		io_post(s->counter->p->client, &s->messages[i].post);
		if (i % 7 == 0) usleep(50);
	}
	return NULL;
}

static void no_wake_up_is_lost(void **state) {
	struct counter counter = {.p = *state, .total = SENDERS * POSTS - 500};
	struct sender *s = calloc(1, sizeof *s);
	s->counter = &counter;
	pthread_create(&s->thread, NULL, send_slowly, s);
	port_run(counter.p);
	pthread_join(s->thread, NULL);
	free(s);
}

static void *stop_soon(void *arg) {
	usleep(10000);
	io_stop(arg);
	return NULL;
}

static void another_thread_stops_the_loop(void **state) {
	struct port *p = *state;
	pthread_t thread;
	pthread_create(&thread, NULL, stop_soon, p->client);
	port_run(p);
	pthread_join(thread, NULL);
	io_stop(p->client);
	port_run(p); /* a stop before the run counts too */
}

static void ping(struct io_post *post) {}

static void do_nothing(struct io_job *job) {}

static void must_not_be_told(struct io_job *job) {
	fail();
}

/* The news of finished jobs is under way to the loop when the lane goes. */
static void a_lane_goes_while_news_is_under_way(void **state) {
	struct port *p = *state;
	struct io_lane *lane = io_lane_new(p->client, "lane");
	struct io_job *job = calloc(1, sizeof *job);
	*job = (struct io_job){.run = do_nothing, .done = must_not_be_told};
	io_lane_submit(lane, job);
	usleep(20000);
	io_lane_free(lane);
	free(job);
	port_run_for(p, 10 * MS);
}

/* Of two jobs that tell, the first is said while the second waits, not after it. */
struct telling {
	struct io_job job;
	struct port *p;
	struct io_lane *lane;
	atomic_bool *first_said;
	bool second, seen;
};

static void tell_run(struct io_job *job) {
	struct telling *t = CONTAINER_OF(job, struct telling, job);
	io_lane_tell(t->lane);
	for (int i = 0; t->second && i < 5000 && !atomic_load(t->first_said); i++) usleep(1000);
	t->seen = atomic_load(t->first_said);
}

static void tell_done(struct io_job *job) {
	struct telling *t = CONTAINER_OF(job, struct telling, job);
	atomic_store(t->first_said, true);
	if (t->second) port_stop(t->p);
}

static void a_job_is_said_while_the_next_waits(void **state) {
	struct port *p = *state;
	struct io_lane *lane = io_lane_new(p->client, "lane");
	atomic_bool first_said = false;
	struct telling both[2];
	for (int i = 0; i < 2; i++) {
		struct io_job job = {.run = tell_run, .done = tell_done, .tells = true};
		both[i] = (struct telling){job, p, lane, &first_said, i == 1, false};
		io_lane_submit(lane, &both[i].job);
	}
	port_run(p);
	assert_true(both[1].seen);
	io_lane_free(lane);
}

static void what_is_open_goes_with_the_loop(void **state) {
	struct io *io = io_uv_new();
	struct io_listener *l;
	static struct io_post post = {.fn = ping};
	assert_int_equal(io_tcp_listen(io, "::", 0, NULL, NULL, &l, NULL), ERR_OK);
	io_timer_start(io_timer_new(io, NULL, NULL), 1);
	assert_non_null(io_lane_new(io, "lane"));
	assert_non_null(io_tcp_connect(io, "127.0.0.1", io_listener_port(l), MS, NULL, NULL));
	assert_non_null(io_tcp_connect(io, "localhost", 1, MS, NULL, NULL));
	io_post(io, &post);
	io_free(io);
}

/* --- sockets ----------------------------------------------------------------------- */

struct accepts {
	struct port *p;
	struct io_conn *conns[64];
	int count, wanted;
};

static void on_accept(void *arg, struct io_conn *conn) {
	struct accepts *a = arg;
	a->conns[a->count++] = conn;
	if (a->count == a->wanted) port_stop(a->p);
}

static void accepts_close(struct accepts *a) {
	for (int i = 0; i < a->count; i++) io_conn_close(a->conns[i], false);
}

static int client_socket(uint16_t port) {
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static void two_listeners_share_a_port(void **state) {
	struct accepts a = {.p = *state, .wanted = 1};
	struct io_listener *first, *second;
	assert_int_equal(io_tcp_listen(a.p->server, "127.0.0.1", 0, on_accept, &a, &first, NULL),
	                 ERR_OK);
	assert_int_equal(io_tcp_listen(a.p->server, "127.0.0.1", io_listener_port(first), on_accept,
	                               &a, &second, NULL),
	                 ERR_OK);
	int fd = client_socket(io_listener_port(first));
	port_run(a.p);
	close(fd);
	accepts_close(&a);
	io_listener_close(first);
	io_listener_close(second);
}

static uint64_t cpu_us(void) {
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* All descriptors this process may still have. */
static int eat_descriptors(int *fds, int max) {
	int n = 0;
	while (n < max && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) n++;
	return n;
}

static void without_descriptors_clients_wait(void **state) {
	struct accepts a = {.p = *state, .wanted = 3};
	struct io_listener *l;
	assert_int_equal(io_tcp_listen(a.p->server, "127.0.0.1", 0, on_accept, &a, &l, NULL),
	                 ERR_OK);
	struct rlimit before, low;
	getrlimit(RLIMIT_NOFILE, &before);
	low = before;
	low.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &low);
	int clients[3], eaten[64];
	for (int i = 0; i < 3; i++) clients[i] = client_socket(io_listener_port(l));
	int count = eat_descriptors(eaten, 64);

	uint64_t used_before = cpu_us();
	port_run_for(a.p, 250 * MS);
	assert_int_equal(a.count, 0);
	assert_true(cpu_us() - used_before < 100000); /* it sleeps, and does not spin */

	for (int i = 0; i < count; i++) close(eaten[i]);
	setrlimit(RLIMIT_NOFILE, &before);
	port_run(a.p); /* nobody was dropped */
	assert_int_equal(a.count, 3);
	for (int i = 0; i < 3; i++) close(clients[i]);
	accepts_close(&a);
	io_listener_close(l);
}

static void ipv6_works_where_there_is_any(void **state) {
	struct accepts a = {.p = *state, .wanted = 1};
	struct io_listener *l;
	if (io_tcp_listen(a.p->server, "::1", 0, on_accept, &a, &l, NULL) != ERR_OK) return;
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(io_listener_port(l))};
	at.sin6_addr = in6addr_loopback;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	port_run(a.p);
	assert_memory_equal(io_conn_peer(a.conns[0]), "[::1]:", 6);
	close(fd);
	accepts_close(&a);
	io_listener_close(l);
}

/* --- resets -------------------------------------------------------------------------- */

struct watched {
	struct port *p;
	int ends;
	enum err why;
};

static void ignore_data(void *arg, struct slice data) {}

static void note_end(void *arg, enum err why) {
	struct watched *w = arg;
	w->ends++;
	w->why = why;
	port_stop(w->p);
}

static void a_reset_is_told_as_closed(void **state) {
	struct accepts a = {.p = *state, .wanted = 1};
	struct io_listener *l;
	assert_int_equal(io_tcp_listen(a.p->server, "127.0.0.1", 0, on_accept, &a, &l, NULL),
	                 ERR_OK);
	int fd = client_socket(io_listener_port(l));
	port_run(a.p);
	struct watched w = {.p = a.p};
	const struct io_conn_handler handler = {ignore_data, note_end, NULL};
	io_conn_open(a.conns[0], &handler, &w);
	const struct linger reset = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(fd);
	port_run(a.p);
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.why, ERR_CLOSED);
	struct slice part = SLICE_LIT("x");
	assert_int_equal(io_conn_write(a.conns[0], &part, 1), ERR_CLOSED);
	accepts_close(&a);
	io_listener_close(l);
}

/* A write that fails while nothing reads is told too, at the end of the turn. */
static void a_failed_write_is_told_while_paused(void **state) {
	struct accepts a = {.p = *state, .wanted = 1};
	struct io_listener *l;
	assert_int_equal(io_tcp_listen(a.p->server, "127.0.0.1", 0, on_accept, &a, &l, NULL),
	                 ERR_OK);
	int fd = client_socket(io_listener_port(l));
	port_run(a.p);
	struct watched w = {.p = a.p};
	const struct io_conn_handler handler = {ignore_data, note_end, NULL};
	io_conn_open(a.conns[0], &handler, &w);
	io_conn_pause(a.conns[0]);
	const struct linger reset = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(fd);
	usleep(2000);
	struct slice part = SLICE_LIT("x");
	assert_int_equal(io_conn_write(a.conns[0], &part, 1), ERR_CLOSED);
	assert_int_equal(w.ends, 0); /* not inside our own call */
	port_run(a.p);
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.why, ERR_CLOSED);
	accepts_close(&a);
	io_listener_close(l);
}

/* A slow reader must get the answer and a clean end, though much of what it sent was never read:
 * the kernel would reset a socket that is closed with unread bytes. */
static void no_reset_overtakes_a_flushed_answer(void **state) {
	struct accepts a = {.p = *state, .wanted = 1};
	struct io_listener *l;
	assert_int_equal(io_tcp_listen(a.p->server, "127.0.0.1", 0, on_accept, &a, &l, NULL),
	                 ERR_OK);
	int fd = client_socket(io_listener_port(l));
	port_run(a.p);
	static const char body[100000];
	assert_int_equal(write(fd, body, sizeof body), sizeof body);
	struct slice answer = SLICE_LIT("413");
	assert_int_equal(io_conn_write(a.conns[0], &answer, 1), ERR_OK);
	io_conn_close(a.conns[0], true);
	port_run_for(a.p, 20 * MS);
	char got[8];
	assert_int_equal(write(fd, body, 1000), 1000); /* it is still listened to */
	assert_int_equal(read(fd, got, sizeof got), 3);
	assert_int_equal(read(fd, got, sizeof got), 0);
	close(fd);
	port_run_for(a.p, 20 * MS);
	io_listener_close(l);
}

/* --- floods --------------------------------------------------------------------------- */

enum { FLOOD = 700, READS_PER_TURN_MAX = 512 };

struct flood {
	struct port *p;
	struct io_conn *conns[FLOOD];
	int count, read, read_in_turn, most_in_turn;
};

static void flood_accept(void *arg, struct io_conn *conn) {
	struct flood *f = arg;
	f->conns[f->count++] = conn;
	if (f->count == FLOOD) port_stop(f->p);
}

static void flood_data(void *arg, struct slice data) {
	struct flood *f = arg;
	f->read++;
	f->read_in_turn++;
	if (f->read == FLOOD) port_stop(f->p);
}

static void flood_end(void *arg, enum err why) {}

static void flood_turn(void *arg) {
	struct flood *f = arg;
	if (f->read_in_turn > f->most_in_turn) f->most_in_turn = f->read_in_turn;
	f->read_in_turn = 0;
}

/* However many clients have sent something: the loop looks at its timers in between, and
 * nobody is forgotten. */
static void a_flood_is_read_in_turns(void **state) {
	static struct flood flood; /* the hook outlives this function */
	struct flood *f = &flood;
	f->p = *state;
	struct rlimit before, high;
	getrlimit(RLIMIT_NOFILE, &before);
	high = before;
	high.rlim_cur = high.rlim_max;
	setrlimit(RLIMIT_NOFILE, &high);
	struct io_listener *l;
	assert_int_equal(io_tcp_listen(f->p->server, "127.0.0.1", 0, flood_accept, f, &l, NULL),
	                 ERR_OK);
	int clients[FLOOD];
	for (int i = 0; i < FLOOD; i++) clients[i] = client_socket(io_listener_port(l));
	port_run(f->p);
	io_on_turn_end(f->p->server, flood_turn, f);
	for (int i = 0; i < FLOOD; i++) assert_int_equal(write(clients[i], "x", 1), 1);
	const struct io_conn_handler handler = {flood_data, flood_end, NULL};
	for (int i = 0; i < FLOOD; i++) io_conn_open(f->conns[i], &handler, f);
	port_run(f->p);
	assert_int_equal(f->read, FLOOD);
	assert_in_range(f->most_in_turn, 1, READS_PER_TURN_MAX);
	for (int i = 0; i < FLOOD; i++) {
		io_conn_close(f->conns[i], false);
		close(clients[i]);
	}
	io_listener_close(l);
	port_run_for(f->p, 10 * MS);
	setrlimit(RLIMIT_NOFILE, &before);
}

#define ON_UV(test)                                                                                \
	{ #test, test, port_uv, port_done, NULL }

int main(void) {
	const struct CMUnitTest tests[] = {
		ON_UV(many_threads_post),
		ON_UV(no_wake_up_is_lost),
		ON_UV(a_job_is_said_while_the_next_waits),
		ON_UV(a_flood_is_read_in_turns),
		ON_UV(another_thread_stops_the_loop),
		ON_UV(a_lane_goes_while_news_is_under_way),
		ON_UV(what_is_open_goes_with_the_loop),
		ON_UV(two_listeners_share_a_port),
		ON_UV(without_descriptors_clients_wait),
		ON_UV(ipv6_works_where_there_is_any),
		ON_UV(a_reset_is_told_as_closed),
		ON_UV(a_failed_write_is_told_while_paused),
		ON_UV(no_reset_overtakes_a_flushed_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
