/* Two regions over the simulated network, for the tests of links. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cell/link.h"
#include "io/sim.h"

enum { PORT = 7301, MS = 1000000 };

struct side {
	struct io *io;
	struct registry *registry;
	struct links *links;
	int ups, downs, rooms;
	uint64_t frames, bytes;
	uint64_t next_seq; /* what the next frame should carry */
	bool refuse;       /* the first frame that comes */
};

struct world {
	struct sim *sim;
	struct side side[2];
};

int set_up(void **state); /* *state: struct world; nothing is open yet */
int tear_down(void **state);
struct links_options options_of(struct side *s, int self);
void open_side(struct world *w, int self, const struct links_options *options);
void open_both(struct world *w);
void run_ms(struct world *w, uint64_t ms);
void assert_up(struct world *w, bool up);
int64_t refused(struct side *s, const char *peer);
