/* One core with a store in memory that answers when told to: for tests of single steps.
 * Everything that the core asked for and that is not answered by itself is kept in `said`. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cell/cell.h"

enum { LONE_KEYS = 256, LONE_OPS = 64, LONE_SAID = 512 };
#define MS(n) ((uint64_t)(n)*1000000u)

struct lone_entry {
	uint8_t key[64], value[9000];
	size_t key_len, value_len;
	uint64_t epoch, seq, expires_ms;
};
struct lone_op {
	enum cell_action_type type;
	struct slice bytes;
	uint64_t number;
};
struct lone {
	struct cell *core;
	struct store_info info;
	struct epoch_start epochs[16];
	struct lone_entry view[LONE_KEYS];
	int view_count;
	struct buf log;
	uint64_t now_ns, wall_ms, revision;
	struct lone_op writes[LONE_OPS], applies[LONE_OPS]; /* not answered yet */
	int write_count, apply_count, reply_count, appends;
	struct cell_action said[LONE_SAID];
	int said_count;
	bool hold; /* the store does nothing until lone_store is called */
	bool hold_place;
	uint64_t apply_pause_ns; /* as configured; likewise: */
	uint64_t max_loss, max_lag_ns, failover_after_ns;
	bool throttle;
	struct lease_terms failsafe;
	bool witness; /* likewise: replica number `replicas` */
};

void lone_open(struct lone *l, int replicas, int self, bool sync, int copies);
void lone_close(struct lone *l);
void lone_event(struct lone *l, struct cell_event e);
void lone_tick(struct lone *l, uint64_t ns);
/* The oldest write, or apply, of the store ends so. */
void lone_write(struct lone *l, enum err err);
void lone_apply(struct lone *l, enum err err);
void lone_store(struct lone *l); /* all of them, well */
/* Lease, placement, promotion: afterwards a cell of one replica is home. */
void lone_lease(struct lone *l, uint32_t generation, uint64_t for_ns);
void lone_home(struct lone *l);
void lone_propose(struct lone *l, struct proposal *p);
void lone_flush(struct lone *l);
bool lone_replied(const struct lone *l, const struct proposal *p);
const struct cell_action *lone_said(const struct lone *l, enum cell_action_type type);
const struct frame *lone_sent(const struct lone *l, int replica, enum frame_type type);
enum cell_role lone_role(const struct lone *l);
