/* What was last known of the log, on this node's disk: so that a node which starts while coordination is
 * silent serves those it knew. A copy only: until coordination was heard nothing is complete, and what
 * it says replaces this.
 *
 *   mark u32 · for the head and each archive: bytes u32, value · CRC-32C u32 */
#include "base/bytes.h"
#include "base/hash.h"
#include "base/log.h"
#include "edge/tenants_private.h"

#include <stdio.h>

static const uint32_t keep_mark = 0x4b544648; /* "HFTK" */
enum { PLACES = TENANT_ARCHIVES + 1, KEEP_BYTES_MAX = PLACES * (TENANT_LOG_VALUE_MAX + 4) + 8 };

static struct tenants_place *place_at(struct tenants *t, int i) {
	return i == 0 ? &t->head_place : &t->archives[i - 1];
}

static enum err put_u32_to(struct buf *out, uint32_t v) {
	uint8_t bytes[4];
	put_u32(bytes, v);
	return buf_append(out, bytes, sizeof bytes);
}

static enum err render(struct tenants *t, struct buf *out) {
	buf_reset(out);
	enum err e = put_u32_to(out, keep_mark);
	for (int i = 0; !e && i < PLACES; i++) {
		const struct tenants_place *p = place_at(t, i);
		e = put_u32_to(out, (uint32_t)p->len);
		if (!e) e = buf_append(out, p->value, p->len);
	}
	struct slice all = buf_slice(out);
	return e ? e : put_u32_to(out, crc32c(0, all.ptr, all.len));
}

static void path_of(const struct tenants *t, char out[TENANTS_PATH_MAX]) {
	snprintf(out, TENANTS_PATH_MAX, "%s/log", t->options.dir);
}

static void on_run(struct io_job *job) {
	struct tenants_keep *k = CONTAINER_OF(job, struct tenants_keep, job);
	struct tenants *t = CONTAINER_OF(k, struct tenants, keep);
	char path[TENANTS_PATH_MAX];
	path_of(t, path);
	k->err = files_replace(t->options.files, path, buf_slice(&k->bytes));
}

static void on_done(struct io_job *job) {
	struct tenants_keep *k = CONTAINER_OF(job, struct tenants_keep, job);
	k->running = false;
	if (k->err)
		LOG(LOG_ERROR, "tenants", "what is known of tenants cannot be kept on this disk",
		    {"why", err_text(k->err)});
}

void tenants_keep_tick(struct tenants *t) {
	struct tenants_keep *k = &t->keep;
	if (k->running || !t->heard || k->revision == t->head_place.revision) return;
	if (render(t, &k->bytes) != ERR_OK) return; /* the next tick tries again */
	k->revision = t->head_place.revision;
	k->running = true;
	k->job.run = on_run;
	k->job.done = on_done;
	io_lane_submit(t->lane, &k->job);
}

static bool take(struct tenants *t, struct slice all) {
	struct bytes_reader r = bytes_reader(all);
	if (all.len < 8 || get_u32(all.ptr + all.len - 4) != crc32c(0, all.ptr, all.len - 4) ||
	    bytes_u32(&r) != keep_mark)
		return false;
	for (int i = PLACES; i-- > 0;) { /* as they stand: the head first */
		struct slice value = bytes_take(&r, bytes_u32(&r));
		if (r.failed || value.len > TENANT_LOG_VALUE_MAX) return false;
		tenants_saw(t, place_at(t, PLACES - 1 - i), value, 0);
	}
	return true;
}

void tenants_keep_load(struct tenants *t) {
	char path[TENANTS_PATH_MAX];
	struct buf *in = &t->keep.bytes;
	path_of(t, path);
	buf_init(in, KEEP_BYTES_MAX);
	enum err e = files_read_all(t->options.files, path, in);
	if (e == ERR_NOT_FOUND) return;
	if (e || !take(t, buf_slice(in)))
		LOG(LOG_WARN, "tenants",
		    "what was kept of tenants is damaged: it comes again from "
		    "coordination",
		    {"path", path});
}
