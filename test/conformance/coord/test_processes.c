/* The embedded driver between processes: what kill -9 and SIGSTOP do to leases, and that no
 * process stopped in the middle of a put holds up the others. Starts itself as its children:
 * `--child ROLE PATH NAME`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/list.h"
#include "coord/embedded.h"
#include "coord/member.h"

extern char **environ;
static const uint64_t MS = 1000000;
enum { CHILDREN_MAX = 4 };
static const char *const peers[] = {"p0", "p1", "p2", "p3"};

/* --- the children ------------------------------------------------------------------------ */

static void say(char c) {
	if (write(STDOUT_FILENO, &c, 1) != 1) _exit(3);
}

struct process {
	struct io *io;
	struct coord *coord;
	struct member *member;
	struct coord_op op;
	bool reading;
};

static void child_prove(void *arg) {
	member_proved(((struct process *)arg)->member, ERR_OK);
}
/* j: joined or renewed; l: lost. */
static void child_lease(void *arg, uint32_t generation, uint64_t valid_until_ns) {
	say(valid_until_ns ? 'j' : 'l');
}
static void no_peer(void *arg, const char *name, uint32_t generation, bool up) {}

static void child_member(struct process *p, const char *name) {
	struct member_options o = {.terms = {600 * MS, 50 * MS, 10000},
	                           .renew_ns = 100 * MS,
	                           .self = name,
	                           .prove = child_prove,
	                           .on_lease = child_lease,
	                           .on_peer = no_peer,
	                           .arg = p};
	p->member = member_new(p->io, p->coord, &o);
	if (!p->member) _exit(4);
}

static void child_add(struct process *p);

/* +: one addition was acknowledged. */
static void on_child_add(struct coord_op *op, enum err err) {
	struct process *p = CONTAINER_OF(op, struct process, op);
	if (!p->reading) {
		if (err == ERR_OK) say('+');
		if (err != ERR_OK && err != ERR_CONFLICT) say('!');
		child_add(p);
		return;
	}
	if (err) _exit(5);
	char text[32] = "0";
	if (op->value.len && op->value.len < sizeof text) {
		memcpy(text, op->value.ptr, op->value.len);
		text[op->value.len] = '\0';
	}
	snprintf(text, sizeof text, "%lu", strtoul(text, NULL, 10) + 1);
	uint64_t revision = op->revision;
	p->reading = false;
	*op = (struct coord_op){.done = on_child_add};
	p->coord->ops->put(p->coord, "sum", revision, slice_str(text), op);
}

static void child_add(struct process *p) {
	p->reading = true;
	p->op = (struct coord_op){.done = on_child_add};
	p->coord->ops->read(p->coord, "sum", &p->op);
}

static int child_main(const char *role, const char *path, const char *name) {
	struct process p = {.io = io_uv_new()};
	struct coord_embedded_options o = {path, "test", name, 0};
	struct fault fault;
	if (coord_embedded_open(p.io, &o, &p.coord, &fault)) {
		fprintf(stderr, "%s\n", fault.text);
		return 2;
	}
	if (strcmp(role, "adder") == 0)
		child_add(&p);
	else
		child_member(&p, name);
	if (strcmp(role, "spawner") == 0) {
		char *argv[] = {"sleep", "3", NULL};
		pid_t pid;
		if (posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ)) return 6;
	}
	io_run(p.io);
	return 0;
}

struct child {
	pid_t pid;
	int out;
	long said[128];
};
static struct child children[CHILDREN_MAX];
static char dir[64], path[96];

static void child_start(int i, const char *role) {
	int fds[2];
	char *argv[] = {"test", "--child", (char *)role, path, (char *)peers[i], NULL};
	posix_spawn_file_actions_t actions;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	/* Only the parent's end must not block. */
	int flags = fcntl(fds[1], F_GETFL);
	assert_int_equal(fcntl(fds[1], F_SETFL, flags & ~O_NONBLOCK), 0);
	children[i] = (struct child){.out = fds[0]};
	assert_int_equal(
		posix_spawn(&children[i].pid, "/proc/self/exe", &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
}

static void child_listen(int i) {
	char text[4096];
	ssize_t n;
	while ((n = read(children[i].out, text, sizeof text)) > 0)
		for (ssize_t k = 0; k < n; k++) children[i].said[text[k] & 127]++;
}

static void child_kill(int i) {
	if (!children[i].pid) return;
	kill(children[i].pid, SIGKILL);
	waitpid(children[i].pid, NULL, 0);
	child_listen(i);
	close(children[i].out);
	children[i].pid = 0;
}

/* --- this process: a member that watches p0, p1 ------------------------------------------- */

static struct process self;
static struct io_timer *clock_timer;
static int ups, downs;
static uint32_t last_generation;
static uint64_t last_ns;

static void on_peer(void *arg, const char *name, uint32_t generation, bool up) {
	if (strcmp(name, "p0") != 0) return;
	up ? ups++ : downs++;
	last_generation = generation;
	last_ns = io_now_ns(self.io);
}
static void self_lease(void *arg, uint32_t generation, uint64_t valid_until_ns) {}

static void stop_loop(void *arg) {
	io_stop(self.io);
}
static void pass(uint64_t ns) {
	io_timer_start(clock_timer, ns);
	io_run(self.io);
}

static int set_up(void **state) {
	snprintf(dir, sizeof dir, "/tmp/holdfast-coord-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/coord", dir);
	memset(children, 0, sizeof children);
	self = (struct process){.io = io_uv_new()};
	assert_non_null(self.io);
	clock_timer = io_timer_new(self.io, stop_loop, NULL);
	struct coord_embedded_options o = {path, "test", "self", 0};
	assert_int_equal(coord_embedded_open(self.io, &o, &self.coord, NULL), ERR_OK);
	ups = downs = 0;
	return 0;
}

static void watch_peers(void) {
	struct member_options o = {.terms = {600 * MS, 50 * MS, 10000},
	                           .renew_ns = 100 * MS,
	                           .self = "self",
	                           .peers = peers,
	                           .peer_count = 2,
	                           .prove = child_prove,
	                           .on_lease = self_lease,
	                           .on_peer = on_peer,
	                           .arg = &self};
	self.member = member_new(self.io, self.coord, &o);
	assert_non_null(self.member);
	pass(50 * MS);
	assert_int_equal(downs, 1); /* it never came */
}

static int tear_down(void **state) {
	for (int i = 0; i < CHILDREN_MAX; i++) child_kill(i);
	if (self.coord) self.coord->ops->close(self.coord);
	member_free(self.member);
	io_timer_free(clock_timer);
	io_free(self.io);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static void await_up(uint32_t generation) {
	for (int i = 0;
	     i < 2000 && !(member_peer_up(self.member, "p0") && last_generation >= generation); i++)
		pass(5 * MS);
	assert_true(member_peer_up(self.member, "p0"));
	assert_int_equal(last_generation, generation);
}
static uint64_t await_down(uint64_t since) {
	int before = downs;
	for (int i = 0; i < 2000 && downs == before; i++) pass(5 * MS);
	assert_int_equal(downs, before + 1);
	assert_false(member_peer_up(self.member, "p0"));
	return last_ns - since;
}

static void report(const char *what, uint64_t *took, int count) {
	for (int i = 0; i < count; i++)
		for (int k = i + 1; k < count; k++)
			if (took[k] < took[i]) {
				uint64_t t = took[i];
				took[i] = took[k];
				took[k] = t;
			}
	print_message("%s: median %.1f ms, max %.1f ms of %d\n", what,
	              (double)took[count / 2] / 1e6, (double)took[count - 1] / 1e6, count);
}

/* --- cases --------------------------------------------------------------------------------- */

static void a_kill_is_proven(void **state) {
	enum { KILLS = 10 };
	uint64_t took[KILLS];
	watch_peers();
	for (int i = 0; i < KILLS; i++) {
		child_start(0, "member");
		await_up(2 * (uint32_t)i + 1); /* its life and its expiry are a generation each */
		pass((uint64_t)(37 * i % 100) * MS);
		uint64_t since = io_now_ns(self.io);
		kill(children[0].pid, SIGKILL);
		took[i] = await_down(since);
		child_kill(0);
	}
	report("kill -9 to down", took, KILLS);
	assert_true(took[KILLS / 2] <= 150 * MS);
}

/* Descriptors do not reach what a node starts, or its death could not be seen. */
static void a_kill_is_proven_while_its_children_live(void **state) {
	watch_peers();
	child_start(0, "spawner");
	await_up(1);
	uint64_t since = io_now_ns(self.io);
	kill(children[0].pid, SIGKILL);
	assert_true(await_down(since) <= 400 * MS); /* without proof it takes longer */
}

static void a_stop_takes_the_lease(void **state) {
	enum { STOPS = 3 };
	uint64_t took[STOPS];
	watch_peers();
	child_start(0, "member");
	for (int i = 0; i < STOPS; i++) {
		await_up(2 * (uint32_t)i + 1);
		pass((uint64_t)(137 * i % 200) * MS);
		uint64_t since = io_now_ns(self.io);
		kill(children[0].pid, SIGSTOP);
		took[i] = await_down(since);
		assert_true(took[i] >= 400 * MS); /* it last renewed up to a renewal before */
		child_listen(0);
		long losses = children[0].said['l'];
		kill(children[0].pid, SIGCONT);
		await_up(2 * (uint32_t)i + 3);
		child_listen(0);
		assert_int_equal(children[0].said['l'], losses + 1);
	}
	report("SIGSTOP to down", took, STOPS);
	assert_int_equal(downs, 1 + STOPS);
}

static long sum_of_children(char what) {
	long sum = 0;
	for (int i = 0; i < CHILDREN_MAX; i++) sum += children[i].said[(int)what];
	return sum;
}

static unsigned long found;

static void on_sum(struct coord_op *op, enum err err) {
	assert_int_equal(err, ERR_OK);
	char text[32] = {0};
	memcpy(text, op->value.ptr, op->value.len < 31 ? op->value.len : 31);
	found = strtoul(text, NULL, 10);
}

/* Four that add; one after the other is stopped, wherever it happens to be, and the others must
 * go on meanwhile. */
static void whoever_is_stopped_blocks_nobody(void **state) {
	enum { ROUNDS = 60 };
	for (int i = 0; i < CHILDREN_MAX; i++) child_start(i, "adder");
	for (int i = 0; i < 400 && sum_of_children('+') < 40; i++) {
		pass(10 * MS);
		for (int k = 0; k < CHILDREN_MAX; k++) child_listen(k);
	}
	assert_true(sum_of_children('+') >= 40);
	for (int round = 0; round < ROUNDS; round++) {
		int stopped = round % CHILDREN_MAX;
		kill(children[stopped].pid, SIGSTOP);
		pass(2 * MS);
		for (int k = 0; k < CHILDREN_MAX; k++) child_listen(k);
		long before = sum_of_children('+');
		for (int i = 0; i < 200 && sum_of_children('+') == before; i++) {
			pass(5 * MS);
			for (int k = 0; k < CHILDREN_MAX; k++) child_listen(k);
		}
		assert_true(sum_of_children('+') > before);
		kill(children[stopped].pid, SIGCONT);
		pass((uint64_t)(round * 7 % 13) * MS);
	}
	for (int i = 0; i < CHILDREN_MAX; i++) child_kill(i);
	self.op = (struct coord_op){.done = on_sum};
	self.coord->ops->read(self.coord, "sum", &self.op);
	pass(20 * MS);
	long said = sum_of_children('+'), sum = (long)found;
	print_message("%ld additions acknowledged, %ld found\n", said, sum);
	/* Each killed one may have added once without having said so. */
	assert_true(sum >= said && sum <= said + CHILDREN_MAX);
	assert_int_equal(sum_of_children('!'), 0);
}

int main(int argc, char **argv) {
	if (argc == 5 && strcmp(argv[1], "--child") == 0)
		return child_main(argv[2], argv[3], argv[4]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_kill_is_proven, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_kill_is_proven_while_its_children_live, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(a_stop_takes_the_lease, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whoever_is_stopped_blocks_nobody, set_up,
	                                        tear_down),
	};
	return cmocka_run_group_tests_name("coord-processes", tests, NULL, NULL);
}
