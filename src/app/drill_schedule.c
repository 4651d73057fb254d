/* Drills by the calendar: lines of `every PERIOD ACT REGION [for TIME]`. */
#include "app/drill.h"
#include "base/parse.h"
#include "io/io.h"

#include <stdio.h>

enum { LINES_MAX = 64, WORDS_MAX = 6, WORD_MAX = 64, STEP_MS = 1000 };
static const uint64_t PERIOD_MAX_MS = 366ull * 86400 * 1000, HOLD_MAX_MS = 600000;

struct entry {
	char act[WORD_MAX], region[WORD_MAX];
	uint64_t period_ms, hold_ms, due_ns;
};
struct schedule {
	struct entry entries[LINES_MAX];
	int count;
};

/* The words of a line, at most WORDS_MAX + 1 of them. */
static int split(struct slice line, struct slice words[WORDS_MAX + 1]) {
	int count = 0;
	struct slice comment = line;
	line = slice_cut(&comment, '#');
	while (line.len && count <= WORDS_MAX) {
		struct slice word = slice_cut(&line, ' ');
		if (word.len) words[count++] = word;
	}
	return count;
}

static bool copy_word(struct slice word, char out[WORD_MAX]) {
	if (word.len >= WORD_MAX) return false;
	memcpy(out, word.ptr, word.len);
	out[word.len] = 0;
	return true;
}

/* NULL, or what is wrong with it. */
static const char *read_entry(const struct slice *words, int count, struct entry *e) {
	if ((count != 4 && count != 6) || !slice_is(words[0], "every"))
		return "must be: every PERIOD ACT REGION [for TIME]";
	if (parse_duration_ms(words[1], PERIOD_MAX_MS, &e->period_ms) != ERR_OK ||
	    e->period_ms < 60000)
		return "PERIOD must be 1m to 366d";
	if (!copy_word(words[2], e->act) ||
	    (strcmp(e->act, "kill") != 0 && strcmp(e->act, "pause") != 0))
		return "ACT must be kill or pause";
	if (!copy_word(words[3], e->region)) return "REGION is too long";
	if (count == 4) return NULL;
	if (!slice_is(words[4], "for") ||
	    parse_duration_ms(words[5], HOLD_MAX_MS, &e->hold_ms) != ERR_OK || e->hold_ms == 0)
		return "after REGION only `for TIME` may follow, at most 10m";
	return NULL;
}

static enum err read_all(const char *spec, uint64_t hold_ms, struct schedule *s) {
	struct slice rest = slice_str(spec);
	for (int number = 1; rest.len; number++) {
		struct slice line = slice_cut(&rest, '\n'), words[WORDS_MAX + 1];
		int count = split(line, words);
		if (count == 0) continue;
		const char *wrong = "too many lines: at most 64";
		if (s->count < LINES_MAX) {
			s->entries[s->count] = (struct entry){.hold_ms = hold_ms};
			wrong = read_entry(words, count, &s->entries[s->count]);
		}
		if (wrong) {
			complain("drill: schedule: line %d: %s", number, wrong);
			return ERR_INVALID;
		}
		s->count++;
	}
	if (s->count) return ERR_OK;
	complain("drill: schedule: it has no line: write one such as: every 7d kill any for 10s");
	return ERR_INVALID;
}

static int run_entry(const struct entry *entry, const struct drill_exercise *base, struct io *io) {
	struct drill_exercise e = *base;
	uint32_t random;
	io_random(io, &random, sizeof(random));
	const struct place *p = e.act.place;
	e.act.what = entry->act;
	e.act.region = strcmp(entry->region, "any") == 0
	                       ? p->regions[random % (uint32_t)p->region_count]
	                       : entry->region;
	e.hold_ms = entry->hold_ms;
	return drill_run(&e);
}

static bool regions_known(const struct schedule *s, const struct place *p) {
	for (int i = 0; i < s->count; i++)
		if (strcmp(s->entries[i].region, "any") != 0 &&
		    place_region(p, s->entries[i].region) < 0)
			return false;
	return true;
}

static int run_due(struct schedule *s, const struct drill_exercise *base, struct io *io) {
	int worst = EXIT_YES;
	for (int i = 0; i < s->count; i++)
		s->entries[i].due_ns = io_now_ns(io) + s->entries[i].period_ms * 1000000;
	while (!drill_wait(STEP_MS))
		for (int i = 0; i < s->count; i++) {
			struct entry *e = &s->entries[i];
			if (io_now_ns(io) < e->due_ns) continue;
			e->due_ns = io_now_ns(io) + e->period_ms * 1000000;
			if (run_entry(e, base, io) != EXIT_YES) worst = EXIT_NO;
		}
	return worst;
}

int drill_schedule(const char *spec, const struct drill_exercise *base, bool once) {
	struct schedule s = {0};
	if (read_all(spec, base->hold_ms, &s) != ERR_OK) return EXIT_USAGE;
	if (!regions_known(&s, base->act.place)) return EXIT_USAGE;
	struct io *io = io_uv_new();
	int worst = io ? EXIT_YES : EXIT_NO;
	for (int i = 0; io && once && i < s.count && !drill_wait(0); i++)
		if (run_entry(&s.entries[i], base, io) != EXIT_YES) worst = EXIT_NO;
	if (io && !once) worst = run_due(&s, base, io);
	if (io) io_free(io);
	return worst;
}
