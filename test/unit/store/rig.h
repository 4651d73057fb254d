/* A store of any driver on any port, called as if it were synchronous: what the unit, crash
 * and conformance tests stand on. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "io/sim.h"
#include "store/local.h"
#include "store/memory.h"

enum rig_kind { RIG_LOCAL_UV, RIG_LOCAL_SIM, RIG_MEMORY_UV, RIG_MEMORY_SIM, RIG_KINDS };

struct rig {
	enum rig_kind kind;
	struct sim *sim;
	struct io *io;
	struct files *files;
	struct memory_disk *memory;
	struct store_local_options options;
	char dir[512], boot_id[32];
	struct store *store;
	struct fault fault;
	int boots;
};

extern const char *const rig_names[RIG_KINDS];
bool rig_is_local(const struct rig *g);
bool rig_is_sim(const struct rig *g);
/* A temporary directory of its own, small segments; the store is not open yet. */
struct rig *rig_new(enum rig_kind kind, uint64_t seed);
void rig_free(struct rig *g); /* closes; removes the directory */
enum err rig_open(struct rig *g);
void rig_close(struct rig *g);
void rig_reopen(struct rig *g); /* must succeed */
/* Simulated kinds: the process dies; with power_loss the machine too. The store is gone. */
void rig_crash(struct rig *g, bool power_loss);

struct rig_op {
	struct store_op op; /* first */
	struct rig *rig;
	bool done;
	enum err err;
	int order; /* among all that were done */
};
void rig_op_init(struct rig *g, struct rig_op *op);
enum err rig_wait(struct rig *g, struct rig_op *op);
void rig_settle(struct rig *g, int turns); /* lets background work go on */

enum err rig_append(struct rig *g, struct slice records); /* by the home of the first record */
enum err rig_append_by(struct rig *g, uint64_t epoch, struct slice records);
enum err rig_apply(struct rig *g, uint64_t seq);
enum err rig_promise(struct rig *g, uint64_t epoch);
enum err rig_quarantine(struct rig *g, const struct position *keep);
enum err rig_truncate(struct rig *g, const struct position *to);
enum err rig_import_begin(struct rig *g, const struct position *at);
enum err rig_import_chunk(struct rig *g, struct slice chunk);
enum err rig_import_commit(struct rig *g, const struct epoch_start *epochs, int count);
struct store_info rig_info(struct rig *g);
bool rig_last_is(struct rig *g, const struct position *at); /* the log ends there */

/* What a key holds: ERR_OK and a copy in out (may be NULL), or the error. */
struct rig_got {
	enum err err;
	struct buf value;
	uint64_t epoch, seq, expires_ms;
	struct position at;
};
enum err rig_get(struct rig *g, const char *key, struct rig_got *out);
/* Every key=value@seq of the view, one a line, in order. */
void rig_dump(struct rig *g, struct buf *out);
/* A whole snapshot, in chunks of about chunk_bytes. */
enum err rig_export(struct rig *g, size_t chunk_bytes, struct position *at, struct buf *out);

/* Records one after another: `history` is the model that a store is compared with. */
struct history {
	struct buf bytes;
	size_t offsets[4096];     /* of record i + 1 */
	struct position at[4097]; /* after record i */
	int count;
};
void history_init(struct history *h);
void history_done(struct history *h);
void history_cut(struct history *h, uint64_t seq);
/* One record that puts key=value. */
void history_put(struct history *h, uint64_t epoch, const char *key, const char *value);
void history_put_sized(struct history *h, uint64_t epoch, const char *key, size_t bytes);
void history_ops(struct history *h, uint64_t epoch, const struct op *ops, int count);
void history_epoch(struct history *h, uint64_t epoch); /* an epoch-start record */
struct slice history_slice(const struct history *h, uint64_t first_seq, uint64_t last_seq);
/* As rig_dump would print it after record seq; and its state hash. */
uint64_t history_dump(const struct history *h, uint64_t seq, struct buf *out);

#define CHECK(err) assert_string_equal(err_name(err), "OK")
#define CHECK_ERR(err, want) assert_string_equal(err_name(err), #want)
