/* Two regions over the simulated network: see link_world.h. */
#include "link_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

static const char *const regions[] = {"east", "west"};
static const uint16_t ports[] = {PORT, PORT};
static const char *const two_cells[] = {"one", "two"};

static void on_link(void *arg, int region, bool up) {
	struct side *s = arg;
	if (up)
		s->ups++;
	else
		s->downs++;
}

static void on_room(void *arg, int region) {
	struct side *s = arg;
	assert_int_equal(links_pending(s->links, region), 0);
	s->rooms++;
}

static void on_frame(void *arg, int region, const struct frame *f) {
	struct side *s = arg;
	s->frames++;
	s->bytes += f->bytes.len;
	if (f->type == FRAME_RECORDS) {
		assert_int_equal(f->seq, s->next_seq);
		s->next_seq++;
		for (size_t i = 0; i < f->bytes.len; i += 997)
			assert_int_equal(f->bytes.ptr[i], (uint8_t)f->seq);
	}
	if (s->refuse) links_refuse(s->links, region, "the test says so");
}

static void on_turn_end(void *arg) {
	struct side *s = arg;
	if (s->links) links_flush(s->links);
}

struct links_options options_of(struct side *s, int self) {
	return (struct links_options){
		.cluster = "test",
		.regions = regions,
		.region_count = 2,
		.self = self,
		.cells = two_cells,
		.cell_count = 2,
		.secret = SLICE_LIT("between us"),
		.listen_host = regions[self],
		.listen_port = PORT,
		.hosts = regions,
		.ports = ports,
		.registry = s->registry,
		.on_link = on_link,
		.on_room = on_room,
		.on_frame = on_frame,
		.arg = s,
	};
}

void open_side(struct world *w, int self, const struct links_options *options) {
	struct fault fault = {0};
	enum err err = links_new(w->side[self].io, options, &w->side[self].links, &fault);
	if (err != ERR_OK) fail_msg("%s", fault.text);
}

void open_both(struct world *w) {
	for (int i = 1; i >= 0; i--) {
		struct links_options o = options_of(&w->side[i], i);
		open_side(w, i, &o);
	}
}

int set_up(void **state) {
	struct world *w = calloc(1, sizeof *w);
	const struct sim_options options = {.seed = 1,
	                                    .net_delay_min_ns = MS / 10,
	                                    .net_delay_max_ns = 2 * MS,
	                                    .job_delay_min_ns = MS,
	                                    .job_delay_max_ns = MS};
	log_set_level(LOG_OFF);
	w->sim = sim_new(&options);
	for (int i = 0; i < 2; i++) {
		w->side[i].io = sim_node(w->sim, regions[i]);
		w->side[i].registry = registry_new();
		io_on_turn_end(w->side[i].io, on_turn_end, &w->side[i]);
	}
	*state = w;
	return 0;
}

int tear_down(void **state) {
	struct world *w = *state;
	for (int i = 0; i < 2; i++) {
		links_free(w->side[i].links);
		w->side[i].links = NULL;
	}
	sim_free(w->sim);
	for (int i = 0; i < 2; i++) registry_free(w->side[i].registry);
	free(w);
	return 0;
}

void run_ms(struct world *w, uint64_t ms) {
	sim_run_for(w->sim, ms * MS);
}

void assert_up(struct world *w, bool up) {
	assert_int_equal(links_up(w->side[0].links, 1), up);
	assert_int_equal(links_up(w->side[1].links, 0), up);
}

int64_t refused(struct side *s, const char *peer) {
	char labels[64];
	snprintf(labels, sizeof labels, "peer=\"%s\"", peer);
	return metric_get(metric_counter(s->registry, "holdfast_link_refused_total", "", labels));
}
