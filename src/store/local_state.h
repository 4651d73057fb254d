/* What the parts of the local driver share. Each field says who may touch it.
 *
 * Lanes: `log_queue` writes the log, promises, quarantines, truncates, imports; `view_queue`
 * applies; `spare` zeroes the next segment; `checkpoint` copies the view. The owner's loop
 * sees only what `local_refresh` copied when a group settled.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "store/checkpoint.h"
#include "store/local.h"
#include "store/log.h"
#include "store/snapshot.h"
#include "store/view.h"
#include "store/work.h"

enum {
	GROUP_BYTES = 1 << 20,     /* one write and sync of the log */
	APPLY_TXN_BYTES = 4 << 20, /* of records in one transaction of the view */
	EXPORT_KEY_BYTES = KEY_MAX_BYTES,
	BOOT_ID_BYTES = 64,
};

struct local;

/* A reader of the view or an export. Its lock is taken by its thread for each use and by a
 * lane that replaces the view: uncontended otherwise. */
struct store_reader {
	struct local *local;
	struct list_node node; /* local->readers */
	pthread_mutex_t lock;
	struct view_reader view;
	uint64_t view_number; /* of local->view when `view` was made */
	struct position at;   /* of the open snapshot */
	int depth;            /* calls from inside `done` see the same snapshot */
};

struct import {
	bool active, ended;
	enum err err;
	struct position at;
	struct view view;
	struct snapshot_total total; /* what the end item said */
};

/* Which directory, whose, and which half of it is current: DIR/store. */
struct identity {
	char cell[LOG_NAME_BYTES], node[LOG_NAME_BYTES];
	uint64_t incarnation, generation; /* even: DIR/a, odd: DIR/b */
};
/* How the last use ended: DIR/session. */
struct session {
	bool clean;
	char boot_id[BOOT_ID_BYTES];
	uint64_t generation, last_seq, view_bytes;
	uint32_t view_crc;
};

struct local {
	struct store store; /* first */
	struct io *io;
	struct files *files, *real;
	char dir[PATH_BYTES];
	struct identity id; /* log lane once open */
	char boot_id[BOOT_ID_BYTES];
	uint64_t segment_bytes, checkpoint_bytes, retain_bytes, min_free_bytes, map_bytes;
	int lock_fd;
	_Atomic bool fenced, spare_failed;

	struct log log;
	struct work_queue log_queue, view_queue;

	/* Log lane. */
	struct log_writer writer;
	struct log_reader lane_reader;
	uint64_t promised;
	bool refused; /* an append got ERR_NO_SPACE: those behind it were in flight too */
	struct position saved_keep, saved_last; /* of the last quarantine */
	struct import import;

	/* View. `view_lock` is held for reading by apply and checkpoint, for writing by who
	 * replaces it; besides, a replacer holds every reader's lock. */
	pthread_rwlock_t view_lock;
	struct view *view; /* NULL: being replaced */
	uint64_t view_number;
	char view_path[PATH_BYTES], checkpoint_dir[PATH_BYTES];
	struct log_reader apply_reader; /* view lane */
	pthread_mutex_t readers_lock;
	struct list readers;

	/* From lanes to the owner. */
	pthread_mutex_t shared_lock;
	struct {
		struct view_state view;
		uint64_t view_bytes, promised;
		struct checkpoint checkpoints[CHECKPOINTS_KEPT]; /* newest first; at.seq 0: none */
		bool replaced; /* the log went back or was replaced */
	} shared;

	/* Owner. */
	struct store_info info;
	struct epoch_start *epochs;
	uint64_t epoch_changes, appended_at_checkpoint, released_seq;
	struct log_reader owner_reader;
	int replacing; /* truncates and imports in flight: no pruning */
	struct io_lane *spare_lane, *checkpoint_lane;
	struct io_job spare_job, checkpoint_job;
	bool spare_busy, checkpoint_busy;
	uint64_t spare_bytes;     /* wanted; for the spare lane while busy */
	uint64_t spare_retry_at;  /* log.appended at which a failed spare is tried again */
	bool checkpoint_wanted;   /* for the checkpoint lane while busy, as is what follows */
	char (*drop)[PATH_BYTES]; /* segments to unlink, oldest first */
	int drop_count, drop_cap;
};

/* local_state.c: small files, paths, the directory's lock. */
MUST enum err identity_write(struct local *l, const struct identity *id);
MUST enum err identity_read(struct files *files, const char *dir, struct identity *id);
MUST enum err session_write(struct local *l, const struct session *s);
MUST enum err session_read(struct files *files, const char *dir, struct session *s);
MUST enum err promise_write(struct local *l, uint64_t epoch);
MUST enum err promise_read(struct files *files, const char *dir, uint64_t *epoch);
MUST enum err generation_dir(const struct local *l, uint64_t generation, const char *name,
                             char out[PATH_BYTES]);
/* Empties one of the two halves, on both disks. */
MUST enum err generation_clear(struct local *l, uint64_t generation);
MUST enum err generation_make(struct local *l, uint64_t generation);
struct log_header local_log_header(const struct local *l, const struct position *prev,
                                   struct epoch_start start, uint64_t random);
MUST enum err boot_id_read(char out[BOOT_ID_BYTES]);
/* dir_lock.c. ERR_EXISTS: somebody else has it. */
MUST enum err dir_lock(const char *dir, int *fd);
void dir_unlock(int fd);

/* local_log.c: the log lane. */
void local_log_run(struct work_queue *q, struct list *group);
enum err local_fence(struct local *l, enum err err, const char *what);
void local_share_promise(struct local *l);
/* local_cut.c, local_import.c: on the log lane. */
enum err local_quarantine(struct local *l, struct work *w);
enum err local_truncate(struct local *l, const struct position *to);
enum err local_import_begin(struct local *l, const struct position *at);
enum err local_import_chunk(struct local *l, struct slice chunk);
enum err local_import_commit(struct local *l, struct epoch_start start);
void local_import_drop(struct local *l);

/* local_view.c: the view lane, and making a view from a checkpoint and the log. */
void local_view_run(struct work_queue *q, struct list *group);
/* Applies records up to seq to v; commits as it goes. */
MUST enum err local_replay(struct local *l, struct view *v, struct log_reader *reader,
                           uint64_t seq);
/* Puts the newest good checkpoint at or below seq at `path`, verified; *found false: none is
 * needed, the log begins with record 1. ERR_NOT_FOUND: neither. */
MUST enum err local_base_restore(struct local *l, struct log_reader *reader, uint64_t seq,
                                 const char *path, bool *found);
void local_share_view(struct local *l, const struct view *v);
/* Takes the view away from everybody, then gives another one (heap; owned by l from then on).
 * Between the two the caller holds view_lock. */
struct view *local_view_detach(struct local *l);
void local_view_attach(struct local *l, struct view *v);

/* local_keep.c: owner; spares, checkpoints, pruning. */
MUST enum err local_keep_init(struct local *l);
void local_keep(struct local *l);
/* local.c */
extern const struct store_ops local_ops;
void local_refresh(struct local *l);
void local_settle(struct work_queue *q, struct list *group);
void local_free(struct local *l); /* half-opened is fine; lanes are gone already */
/* local_read.c: readers and exports. */
struct store_reader *local_reader_new(struct store *s);
void local_reader_free(struct store_reader *r);
void local_get(struct store_reader *r, struct slice key,
               void (*done)(void *arg, enum err err, const struct entry *e,
                            const struct position *at),
               void *arg);
enum err local_scan(struct store_reader *r, const struct store_scan *scan, struct position *at);
enum err local_expired(struct store_reader *r, uint64_t now_ms, int max,
                       void (*each)(void *arg, struct slice key), void *arg);
enum err local_export_begin(struct store *s, struct position *at, void **out);
enum err local_export_next(void *export, size_t max_bytes, struct buf *out);
void local_export_end(void *export);
