/* The simulation of whole nodes: seeds, over processes; a failing one is told again in words.
 *
 *   holdfast-sim [--seed N] [--count M] [--jobs J] [--clocks-lie] [--local] [--shrink] [--without F,F,...]
 *   holdfast-sim --seed N --tell            the whole story of one seed
 *   holdfast-sim --mutant NAME | --mutants  a rule is switched off: success is that it was noticed
 *   holdfast-sim --twice --count M          the same seeds twice: the same runs?
 *
 * --without leaves faults of the plan out, by number, as --shrink found them not to matter. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/parse.h"
#include "cell/mutant.h"
#include "world.h"

enum { JOBS_MAX = 64, STORY_LINES = 80 };

struct task {
	uint64_t seed, count, without;
	int jobs;
	const struct mutant *mutant; /* NULL: none */
	bool mutants;                /* all, one after the other */
	bool tell, shrink, clocks_lie, local, twice;
	const char *self;
};
/* Shared by the processes: written by one each, but `stop`. */
struct result {
	uint64_t runs, simulated_ns, digest;
	struct counts counts;
	bool failed;
	uint64_t failed_seed;
	char why[WHY_BYTES];
};
struct shared {
	volatile bool stop;
	struct result results[JOBS_MAX];
};

/* Those of --mutants come first, and in which seeds to look for them. */
static const struct mutant {
	const char *name;
	unsigned bit;
	bool clocks_lie;
} mutants[] = {
	{"second-lease-check", MUTANT_SECOND_CHECK, false},
	{"epoch-compare", MUTANT_EPOCH, true},
	{"quarantine", MUTANT_QUARANTINE, false},
	{"seal-count", MUTANT_SEAL, false},
	{"fsync", MUTANT_FSYNC, false},
	{"token-epoch", MUTANT_TOKEN, false},
	{"residency", MUTANT_RESIDENCY, false},
	{"idempotency", MUTANT_IDEMPOTENCY, false},
	/* Seen by cell-sim, which is faster, after some thousand runs. */
	{"barrier", MUTANT_BARRIER, false},
	{"wiped", MUTANT_WIPED, false},
};
enum { MUTANTS_ALWAYS = 8, MUTANT_SEEDS = 3000 };

/* --- one seed --------------------------------------------------------------------------------- */

static void add_counts(struct counts *to, const struct counts *from) {
	uint64_t *a = (uint64_t *)to;
	const uint64_t *b = (const uint64_t *)from;
	for (size_t i = 0; i < sizeof *to / sizeof *a; i++) a[i] += b[i];
}

static bool run_seed(const struct options *o, struct result *r, struct buf *story) {
	struct world *w = calloc(1, sizeof *w);
	ASSERT(w);
	world_open(w, o);
	world_run(w);
	r->runs++;
	r->simulated_ns += world_now(w);
	r->digest = r->digest * 31 + sim_digest(w->sim);
	add_counts(&r->counts, &w->counts);
	bool failed = w->failed;
	if (failed) {
		r->failed = true;
		r->failed_seed = o->seed;
		memcpy(r->why, w->why, sizeof r->why);
	}
	if (story) {
		*story = w->story;
		buf_init(&w->story, 1);
	}
	world_close(w);
	free(w);
	return failed;
}

static void run_job(const struct task *t, struct shared *shared, int job) {
	struct result *r = &shared->results[job];
	for (uint64_t i = (uint64_t)job; i < t->count && !shared->stop; i += (uint64_t)t->jobs) {
		const struct options o = {.seed = t->seed + i,
		                          .without = t->without,
		                          .clocks_lie = t->clocks_lie,
		                          .local = t->local};
		if (!run_seed(&o, r, NULL)) continue;
		shared->stop = true;
		return;
	}
}

/* --- telling ------------------------------------------------------------------------------------ */

static void print_without(uint64_t without) {
	if (without) fputs(" --without ", stderr);
	for (int i = 0, first = 1; i < FAULTS_MAX; i++) {
		if (!(without >> i & 1)) continue;
		fprintf(stderr, first ? "%d" : ",%d", i);
		first = 0;
	}
}

static void print_tail(struct slice story, int lines) {
	size_t at = story.len;
	while (at > 0 && lines >= 0)
		if (story.ptr[--at] == '\n') lines--;
	if (at) at++;
	fprintf(stderr, SLICE_FMT, SLICE_ARG(slice_of(story.ptr + at, story.len - at)));
}

static bool fails(const struct task *t, uint64_t seed, uint64_t without) {
	struct result r = {0};
	const struct options o = {
		.seed = seed, .without = without, .clocks_lie = t->clocks_lie, .local = t->local};
	return run_seed(&o, &r, NULL);
}

/* Leaves out one fault after the other while it still fails, however it fails. */
static uint64_t shrink(const struct task *t, uint64_t seed, uint64_t without) {
	for (int i = FAULTS_MAX - 1; i >= 0; i--)
		if (!(without >> i & 1) && fails(t, seed, without | 1ull << i))
			without |= 1ull << i;
	return without;
}

static void tell(const struct task *t, uint64_t seed, uint64_t without, int lines) {
	struct result r = {0};
	struct buf story;
	const struct options o = {.seed = seed,
	                          .without = without,
	                          .clocks_lie = t->clocks_lie,
	                          .local = t->local,
	                          .tell = true};
	run_seed(&o, &r, &story);
	print_tail(buf_slice(&story), lines);
	buf_done(&story);
	fprintf(stderr, "\nseed %llu: %s\n", (unsigned long long)seed,
	        r.failed ? r.why : "all is well");
	fprintf(stderr, "again: %s --seed %llu", t->self, (unsigned long long)seed);
	print_without(without);
	if (t->clocks_lie) fputs(" --clocks-lie", stderr);
	if (t->local) fputs(" --local", stderr);
	if (t->mutant) fprintf(stderr, " --mutant %s", t->mutant->name);
	fprintf(stderr, " --tell\n");
}

/* --- all seeds ------------------------------------------------------------------------------------ */

static double wall_seconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void spread(const struct task *t, struct shared *shared) {
	pid_t children[JOBS_MAX];
	if (t->jobs == 1) return run_job(t, shared, 0);
	for (int j = 0; j < t->jobs; j++) {
		children[j] = fork();
		ASSERT(children[j] >= 0);
		if (children[j]) continue;
		run_job(t, shared, j);
		_exit(0);
	}
	for (int j = 0; j < t->jobs; j++) {
		int status;
		ASSERT(waitpid(children[j], &status, 0) == children[j]);
		if (status == 0) continue;
		/* It died inside a seed: as good as a violation. */
		struct result *r = &shared->results[j];
		r->failed = true;
		r->failed_seed = t->seed + (uint64_t)j + r->runs * (uint64_t)t->jobs;
		snprintf(r->why, sizeof r->why, "the process died, status %d", status);
		shared->stop = true;
	}
}

static const struct result *collect(const struct task *t, struct shared *shared,
                                    struct result *all) {
	const struct result *failed = NULL;
	for (int j = 0; j < t->jobs; j++) {
		const struct result *r = &shared->results[j];
		all->runs += r->runs;
		all->simulated_ns += r->simulated_ns;
		all->digest ^= r->digest;
		add_counts(&all->counts, &r->counts);
		if (r->failed && (!failed || r->failed_seed < failed->failed_seed)) failed = r;
	}
	return failed;
}

static void print_summary(const struct result *r, double took) {
	const struct counts *c = &r->counts;
	typedef unsigned long long ull;
	printf("%llu seeds, %llu writes acknowledged, %llu reads, %llu unknown, %llu refused; %llu "
	       "kills, %llu failovers, %llu records quarantined, %llu acknowledged ones lost by "
	       "async cells; %llu keys checked, %llu undecided\n",
	       (ull)r->runs, (ull)c->acked, (ull)c->reads, (ull)c->unknown, (ull)c->refused,
	       (ull)c->kills, (ull)c->failovers, (ull)c->quarantined, (ull)c->lost,
	       (ull)c->checked_keys, (ull)c->undecided);
	printf("%.0f simulated seconds in %.1f s: %.0f a second; trace hash %016llx\n",
	       (double)r->simulated_ns / 1e9, took, (double)r->simulated_ns / 1e9 / took,
	       (ull)r->digest);
}

/* Without the rule; 0 when that was noticed. */
static int judge_mutant(const struct task *t, const struct result *all,
                        const struct result *failed) {
	const char *verdict = failed ? "caught" : "NOT caught";
	printf("%-18s %s after %llu seeds: %s\n", t->mutant->name, verdict,
	       (unsigned long long)all->runs, failed ? failed->why : "the checks are blind to it");
	return failed ? 0 : 1;
}

static int run_all(const struct task *t) {
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
	                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(shared != MAP_FAILED);
	double start = wall_seconds();
	cell_mutants = t->mutant ? t->mutant->bit : 0;
	fflush(stdout);
	spread(t, shared);
	struct result all = {0};
	const struct result *failed = collect(t, shared, &all);
	int status = failed ? 1 : 0;
	if (t->mutant && !t->shrink) {
		status = judge_mutant(t, &all, failed);
	} else {
		print_summary(&all, wall_seconds() - start);
		fflush(stdout);
		if (failed)
			tell(t, failed->failed_seed,
			     t->shrink ? shrink(t, failed->failed_seed, t->without) : t->without,
			     STORY_LINES);
	}
	munmap(shared, sizeof *shared);
	return status;
}

static int run_mutants(const struct task *all) {
	int blind = 0;
	for (int i = 0; i < MUTANTS_ALWAYS; i++) {
		struct task t = *all;
		t.mutant = &mutants[i];
		t.clocks_lie = mutants[i].clocks_lie;
		t.count = MUTANT_SEEDS;
		blind += run_all(&t);
	}
	printf("%d mutants, %d not caught within %d seeds\n", MUTANTS_ALWAYS, blind, MUTANT_SEEDS);
	return blind ? 1 : 0;
}

/* The same seed must give the same run, byte for byte. */
static int run_twice(const struct task *t) {
	for (uint64_t i = 0; i < t->count; i++) {
		struct result a = {0}, b = {0};
		const struct options o = {.seed = t->seed + i};
		run_seed(&o, &a, NULL);
		run_seed(&o, &b, NULL);
		if (a.digest == b.digest) continue;
		fprintf(stderr, "seed %llu gives two runs: something of it is not the seed's\n",
		        (unsigned long long)o.seed);
		return 1;
	}
	return 0;
}

/* --- command line ------------------------------------------------------------------------------------ */

static void usage(void) {
	fputs("usage: holdfast-sim [--seed N] [--count M] [--jobs J] [--without F,F,...] "
	      "[--clocks-lie] [--local]\n                    [--tell | --shrink | --twice | "
	      "--mutants | "
	      "--mutant NAME]\nmutants:",
	      stderr);
	for (size_t i = 0; i < sizeof mutants / sizeof *mutants; i++)
		fprintf(stderr, " %s", mutants[i].name);
	fputs("\n", stderr);
	exit(2);
}

static uint64_t number_of(const char *text) {
	uint64_t n = 0;
	if (!text || parse_u64(slice_str(text), UINT64_MAX, &n) != ERR_OK) usage();
	return n;
}

static uint64_t without_of(const char *text) {
	uint64_t bits = 0, n;
	struct slice rest = slice_str(text ? text : "");
	while (rest.len) {
		if (parse_u64(slice_cut(&rest, ','), FAULTS_MAX - 1, &n) != ERR_OK) usage();
		bits |= 1ull << n;
	}
	return bits;
}

static void take_mutant(struct task *t, const char *name) {
	for (size_t i = 0; name && i < sizeof mutants / sizeof *mutants; i++) {
		if (strcmp(mutants[i].name, name) != 0) continue;
		t->mutant = &mutants[i];
		return;
	}
	usage();
}

static bool take_flag(struct task *t, const char *flag) {
	const struct {
		const char *name;
		bool *value;
	} flags[] = {{"--tell", &t->tell},
	             {"--shrink", &t->shrink},
	             {"--clocks-lie", &t->clocks_lie},
	             {"--local", &t->local},
	             {"--mutants", &t->mutants},
	             {"--twice", &t->twice}};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (strcmp(flag, flags[i].name) != 0) continue;
		*flags[i].value = true;
		return true;
	}
	return false;
}

static void take_option(struct task *t, const char *option, const char *value) {
	if (strcmp(option, "--seed") == 0)
		t->seed = number_of(value);
	else if (strcmp(option, "--count") == 0)
		t->count = number_of(value);
	else if (strcmp(option, "--jobs") == 0)
		t->jobs = (int)number_of(value);
	else if (strcmp(option, "--without") == 0)
		t->without = without_of(value);
	else if (strcmp(option, "--mutant") == 0)
		take_mutant(t, value);
	else
		usage();
}

int main(int argc, char **argv) {
	struct task t = {.seed = 1, .count = 1, .jobs = 1, .self = argv[0]};
	for (int i = 1; i < argc; i++) {
		if (take_flag(&t, argv[i])) continue;
		take_option(&t, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
		i++;
	}
	if (t.jobs < 1 || t.jobs > JOBS_MAX) usage();
	log_set_level(LOG_OFF);
	if (t.mutants) return run_mutants(&t);
	if (t.twice) return run_twice(&t);
	if (!t.tell) return run_all(&t);
	cell_mutants = t.mutant ? t.mutant->bit : 0;
	tell(&t, t.seed, t.without, 1000000);
	return 0;
}
