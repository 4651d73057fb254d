/* A cell's entry in coordination, under the key `cell/NAME`: who is home, at which
 * epoch. Text, so that an operator can read it. Pure.
 *   epoch=7 state=active home=us-east generation=3 copies=2 from=us-east
 *   epoch=8 state=promoting home=us-west generation=5 copies=2 from=us-east set=us-east,us-west
 *     marker=7-4711
 *   … strikes=1,0,0,0,0,0,0,0
 */
#pragma once
#include "base/buf.h"

enum { PLACEMENT_STRIKES = 8, PLACEMENT_SET_MAX = 8 };
enum placement_state { PLACEMENT_PROMOTING, PLACEMENT_ACTIVE };
struct placement {
	uint64_t epoch;
	enum placement_state state;
	char home[32];
	uint32_t generation; /* of the home's node: the epoch is bound to this life of it; 0: it gave
	                      * the cell up (its store failed), anybody may take it at once */
	uint32_t copies;     /* k in force; 1 in async cells; 0: never was active, nothing was ever
	                      * acknowledged */
	char from[32];       /* the last home that was active: its log has every acknowledged write;
	                      * empty while copies is 0 */
	/* Sync cells: whose acknowledgements were counted, the home's among them; none while copies is 0. A
	 * seal is a matter of this set, whatever is configured by now (failover.md 2.6). */
	int set_count;
	char set[PLACEMENT_SET_MAX][32];
	/* Handed over by `from`, which has stopped: its history ends at this record. Who is named home
	 * and has it needs nobody's promise. Zero: claimed, or active. */
	uint64_t marker_epoch, marker_seq;
	/* By order of succession: how often that region lately lost this cell by dying. Advice for who
	 * goes first, no more; forgotten after a while (cell_damp.c). */
	uint8_t strikes[PLACEMENT_STRIKES];
};
MUST enum err placement_encode(const struct placement *p, struct buf *out);
MUST enum err placement_decode(struct slice text, struct placement *out); /* ERR_INVALID */
