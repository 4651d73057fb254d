/* What the parts of the memory driver share: the disk, which outlives stores, and the
 * store open on it. One lock guards both; readers hold it while they look. */
#pragma once
#include <pthread.h>

#include "base/buf.h"
#include "store/memory.h"
#include "store/memory_view.h"
#include "store/snapshot.h"
#include "store/work.h"

enum { MEMORY_FAULTS = MEMORY_IMPORT + 1, MEMORY_MAX_BYTES = 1 << 30 };

struct memory_disk {
	pthread_mutex_t lock; /* recursive: a reader's callback may read again */
	uint64_t random, incarnation, promised;
	struct {
		uint64_t countdown;
		enum err err;
		bool sticky;
	} faults[MEMORY_FAULTS];
	struct memory_view base; /* what the log begins after */
	struct epoch_start base_epoch;
	struct memory_view kept; /* the view of a store closed in peace */
	bool has_kept, open;
	struct buf records;
	size_t *offsets; /* of record base.at.seq + 1 + i */
	size_t offset_count, offset_cap;
	struct position last;
	struct epoch_start *epochs;
	int epoch_count, epoch_cap;
	struct buf quarantined;
};

struct memory {
	struct store store; /* first */
	struct io *io;
	struct memory_disk *disk;
	struct work_queue log_queue, view_queue;
	struct memory_view view;
	bool fenced, refused;
	struct position saved_keep, saved_last; /* of the last quarantine */
	struct {
		bool active, ended;
		struct position at;
		struct memory_view view;
		struct snapshot_total total;
	} import;
	struct store_info info; /* owner's copy */
	struct epoch_start *epochs;
	int readers;
};

/* memory_disk.c; lock held. */
MUST enum err memory_fault_take(struct memory_disk *d, enum memory_fault op);
uint64_t memory_random(struct memory_disk *d);
MUST enum err memory_log_add(struct memory_disk *d, struct slice records); /* whole or nothing */
void memory_log_cut(struct memory_disk *d, uint64_t last_seq); /* keeps records up to it */
MUST enum err memory_log_record(const struct memory_disk *d, uint64_t seq, struct record *out);
MUST enum err memory_log_position(const struct memory_disk *d, uint64_t seq, struct position *out);
/* The log begins anew after the view's position; takes the view over. */
void memory_log_restart(struct memory_disk *d, struct memory_view *base, struct epoch_start start);

/* memory_lane.c: on the lanes. */
void memory_log_run(struct work_queue *q, struct list *group);
void memory_view_run(struct work_queue *q, struct list *group);

/* memory_read.c */
struct store_reader *memory_reader_new(struct store *s);
void memory_reader_free(struct store_reader *r);
void memory_get(struct store_reader *r, struct slice key,
                void (*done)(void *arg, enum err err, const struct entry *e,
                             const struct position *at),
                void *arg);
enum err memory_scan(struct store_reader *r, const struct store_scan *scan, struct position *at);
enum err memory_expired(struct store_reader *r, uint64_t now_ms, int max,
                        void (*each)(void *arg, struct slice key), void *arg);
enum err memory_export_begin(struct store *s, struct position *at, void **out);
enum err memory_export_next(void *export, size_t max_bytes, struct buf *out);
void memory_export_end(void *export);
