/* The disk of the memory driver: records in one buffer, an index, faults to order. May
 * not know who reads or waits.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "store/memory_state.h"

struct memory_disk *memory_disk_new(uint64_t seed) {
	struct memory_disk *d = calloc(1, sizeof(*d));
	if (!d) return NULL;
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&d->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	d->random = seed;
	d->incarnation = memory_random(d);
	buf_init(&d->records, MEMORY_MAX_BYTES);
	buf_init(&d->quarantined, MEMORY_MAX_BYTES);
	return d;
}

void memory_disk_free(struct memory_disk *d) {
	if (!d) return;
	ASSERT(!d->open);
	memory_view_done(&d->base);
	memory_view_done(&d->kept);
	buf_done(&d->records);
	buf_done(&d->quarantined);
	free(d->offsets);
	free(d->epochs);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

uint64_t memory_random(struct memory_disk *d) {
	return mix64(d->random += 0x9e3779b97f4a7c15);
}

void memory_disk_fail(struct memory_disk *d, enum memory_fault op, uint64_t countdown, enum err err,
                      bool sticky) {
	pthread_mutex_lock(&d->lock);
	d->faults[op].countdown = countdown;
	d->faults[op].err = err;
	d->faults[op].sticky = sticky;
	pthread_mutex_unlock(&d->lock);
}

enum err memory_fault_take(struct memory_disk *d, enum memory_fault op) {
	if (!d->faults[op].countdown) return ERR_OK;
	if (d->faults[op].countdown > 1) {
		d->faults[op].countdown--;
		return ERR_OK;
	}
	if (!d->faults[op].sticky) d->faults[op].countdown = 0;
	return d->faults[op].err;
}

struct slice memory_disk_quarantine(const struct memory_disk *d) {
	return buf_slice(&d->quarantined);
}

/* --- the log ----------------------------------------------------------------------------------- */

static enum err grow(void **array, size_t need, size_t *cap, size_t each) {
	if (need <= *cap) return ERR_OK;
	size_t want = *cap ? *cap * 2 : 64;
	while (want < need) want *= 2;
	void *more = realloc(*array, want * each);
	if (!more) return ERR_NO_MEMORY;
	*array = more;
	*cap = want;
	return ERR_OK;
}

static enum err epoch_note(struct memory_disk *d, const struct epoch_start *start) {
	size_t cap = (size_t)d->epoch_cap;
	enum err err =
		grow((void **)&d->epochs, (size_t)d->epoch_count + 1, &cap, sizeof(*d->epochs));
	d->epoch_cap = (int)cap;
	if (!err) d->epochs[d->epoch_count++] = *start;
	return err;
}

/* One record, checked already. */
static enum err record_add(struct memory_disk *d, const struct record *r) {
	size_t at = d->records.len;
	enum err err = grow((void **)&d->offsets, d->offset_count + 1, &d->offset_cap,
	                    sizeof(*d->offsets));
	if (!err && r->at.epoch > d->last.epoch)
		err = epoch_note(d, &(struct epoch_start){r->at.epoch, r->at.seq});
	if (!err) err = buf_append_slice(&d->records, r->bytes);
	if (err) return err;
	d->offsets[d->offset_count++] = at;
	d->last = r->at;
	return ERR_OK;
}

enum err memory_log_add(struct memory_disk *d, struct slice records) {
	uint64_t before = d->last.seq;
	enum err err = records.len ? ERR_OK : ERR_INVALID;
	while (!err && records.len) {
		struct record r;
		err = record_decode(records, &r);
		if (err == ERR_NOT_FOUND) err = ERR_CORRUPT;
		if (!err && r.at.seq != d->last.seq + 1) err = ERR_CONFLICT;
		if (!err) err = record_follows(&r, &d->last);
		if (!err) err = record_add(d, &r);
		if (err) break;
		records.ptr += r.bytes.len;
		records.len -= r.bytes.len;
	}
	if (err) memory_log_cut(d, before);
	return err;
}

enum err memory_log_record(const struct memory_disk *d, uint64_t seq, struct record *out) {
	if (seq <= d->base.at.seq || seq > d->last.seq) return ERR_NOT_FOUND;
	struct slice rest = buf_slice(&d->records);
	size_t at = d->offsets[seq - d->base.at.seq - 1];
	return record_decode(slice_of(rest.ptr + at, rest.len - at), out);
}

enum err memory_log_position(const struct memory_disk *d, uint64_t seq, struct position *out) {
	struct record r;
	if (seq == d->base.at.seq) {
		*out = d->base.at;
		return ERR_OK;
	}
	enum err err = memory_log_record(d, seq, &r);
	if (!err) *out = r.at;
	return err;
}

void memory_log_cut(struct memory_disk *d, uint64_t last_seq) {
	struct position last;
	ASSERT(last_seq >= d->base.at.seq);
	if (last_seq >= d->last.seq) return;
	ASSERT(memory_log_position(d, last_seq, &last) == ERR_OK);
	d->offset_count = (size_t)(last_seq - d->base.at.seq);
	buf_truncate(&d->records, d->offsets[d->offset_count]);
	while (d->epoch_count && d->epochs[d->epoch_count - 1].seq > last_seq) d->epoch_count--;
	d->last = last;
}

void memory_log_restart(struct memory_disk *d, struct memory_view *base, struct epoch_start start) {
	memory_view_done(&d->base);
	d->base = *base;
	*base = (struct memory_view){0};
	buf_reset(&d->records);
	d->offset_count = 0;
	d->epoch_count = 0;
	d->last = d->base.at;
	/* A lone epoch fits: there is room for it since the first one was noted, or it is lost
	 * only to who asks for an epoch before the log. */
	if (start.seq) IGNORE(epoch_note(d, &start));
}
