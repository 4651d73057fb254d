/* The node's own memory of what was agreed upon: DIR/HASH.yaml for each policy of the history, and
 * DIR/versions and DIR/regions, the texts of policy/versions.h behind a line with their checksum and time.
 * All are replaced whole and synced. What does not match its checksum is renamed to NAME.damaged. */
#include "edge/rollout_private.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/parse.h"
#include "policy/change.h"

#include <stdio.h>
#include <stdlib.h>

#define KEPT_WORD "holdfast-kept-1 "
enum { KEPT_MAX = VERSIONS_TEXT_MAX + 256, NAMES_MAX = 4 * VERSIONS_KEPT };

void keep_path(const struct rollout *r, const char *name, char out[1200]) {
	snprintf(out, 1200, "%s/%s", r->options.dir, name);
}

bool rollout_path(const char *dir, struct slice hash, char out[1200]) {
	uint8_t raw[32];
	if (hex_decode(hash, raw, 32) != ERR_OK) return false;
	return snprintf(out, 1200, "%s/" SLICE_FMT ".yaml", dir, SLICE_ARG(hash)) < 1200;
}

static void hash_path(const char *dir, const uint8_t hash[32], char out[1200]) {
	char text[65] = {0};
	hex_encode(slice_of(hash, 32), text);
	if (!rollout_path(dir, slice_str(text), out)) out[0] = 0;
}

/* --- small texts ------------------------------------------------------------------------ */

/* Of the time and the text. */
static void checksum(struct slice rest, char out[65]) {
	uint8_t raw[32];
	sha256(&rest, 1, raw);
	hex_encode(slice_of(raw, 32), out);
	out[64] = 0;
}

static enum err keep_write(struct files *fs, const char *path, struct slice text,
                           uint64_t time_ms) {
	struct buf rest, whole;
	char sum[65];
	buf_init(&rest, KEPT_MAX);
	buf_init(&whole, KEPT_MAX);
	enum err e = buf_printf(&rest, "%llu\n", (unsigned long long)time_ms);
	if (!e) e = buf_append_slice(&rest, text);
	if (!e) {
		checksum(buf_slice(&rest), sum);
		e = buf_printf(&whole, KEPT_WORD "%s\n", sum);
	}
	if (!e) e = buf_append_slice(&whole, buf_slice(&rest));
	if (!e) e = files_replace(fs, path, buf_slice(&whole));
	buf_done(&rest);
	buf_done(&whole);
	return e;
}

static enum err kept_check(struct slice whole, struct slice *text, uint64_t *time_ms) {
	char sum[65];
	if (!slice_starts(whole, SLICE_LIT(KEPT_WORD))) return ERR_CORRUPT;
	struct slice rest =
		slice_of(whole.ptr + sizeof KEPT_WORD - 1, whole.len - sizeof KEPT_WORD + 1);
	struct slice told = slice_cut(&rest, '\n');
	checksum(rest, sum);
	if (!slice_is(told, sum)) return ERR_CORRUPT;
	if (parse_u64(slice_cut(&rest, '\n'), UINT64_MAX, time_ms) != ERR_OK) return ERR_CORRUPT;
	*text = rest;
	return ERR_OK;
}

enum err keep_read(struct files *fs, const char *path, struct buf *out, uint64_t *time_ms) {
	struct buf whole;
	struct slice text = {0};
	buf_init(&whole, KEPT_MAX);
	enum err e = files_read_all(fs, path, &whole);
	if (e == ERR_TOO_LARGE) e = ERR_CORRUPT;
	if (!e) e = kept_check(buf_slice(&whole), &text, time_ms);
	if (!e) e = buf_append_slice(out, text);
	buf_done(&whole);
	return e;
}

/* --- policies --------------------------------------------------------------------------- */

static void no_report(void *arg, const struct policy_error *e) {}

enum err keep_policy_read(struct files *fs, const char *dir, const uint8_t hash[32],
                          struct policy **out) {
	char path[1200];
	struct buf text;
	uint8_t is[32];
	*out = NULL;
	hash_path(dir, hash, path);
	buf_init(&text, ROLLOUT_TEXT_MAX);
	enum err e = files_read_all(fs, path, &text);
	if (!e) {
		struct slice s = buf_slice(&text);
		sha256(&s, 1, is);
		if (!same_hash(is, hash)) e = ERR_CORRUPT;
	}
	if (!e) e = policy_load(buf_slice(&text), path, no_report, NULL, out);
	buf_done(&text);
	return e;
}

enum err keep_policy_write(struct files *fs, const char *dir, struct slice text) {
	char path[1200];
	uint8_t hash[32];
	sha256(&text, 1, hash);
	hash_path(dir, hash, path);
	return files_replace(fs, path, text);
}

/* --- at the start -------------------------------------------------------------------------- */

/* So that a person can look at it, and the next start does not trip over it again. */
static void set_aside(struct rollout *r, const char *path, enum err why) {
	char aside[1220];
	LOG(LOG_ERROR, "policy", "a kept file is damaged and not used", {"path", path},
	    {"why", err_text(why)});
	snprintf(aside, sizeof aside, "%s.damaged", path);
	if (r->options.files->ops->rename(r->options.files, path, aside) != ERR_OK)
		LOG(LOG_ERROR, "policy", "it cannot be set aside either", {"path", path});
	metric_inc(r->m_damaged);
}

/* True: `text` has it. */
static bool load_text(struct rollout *r, const char *name, struct buf *text, uint64_t *time_ms,
                      enum err (*check)(struct rollout *r, struct slice text)) {
	char path[1200];
	keep_path(r, name, path);
	enum err e = keep_read(r->options.files, path, text, time_ms);
	if (!e) e = check(r, buf_slice(text));
	if (e && e != ERR_NOT_FOUND) set_aside(r, path, e);
	return e == ERR_OK;
}

static enum err check_versions(struct rollout *r, struct slice text) {
	return versions_read(text, &r->versions);
}
static enum err check_drains(struct rollout *r, struct slice text) {
	return drains_read(text, &r->drains);
}

/* The newest that is whole. Its places must be those of the node's file, by which disks are opened. */
static void load_policy(struct rollout *r) {
	struct fault fault = {0};
	char path[1200];
	for (int i = 0; i < r->versions.count; i++) {
		const struct policy_version *v = &r->versions.list[i];
		struct policy *p = NULL;
		if (same_hash(v->hash, r->options.boot->hash)) {
			r->policy = r->options.boot;
		} else {
			hash_path(r->options.dir, v->hash, path);
			enum err e =
				keep_policy_read(r->options.files, r->options.dir, v->hash, &p);
			if (e && e != ERR_NOT_FOUND) set_aside(r, path, e);
			if (e) continue;
			if (policy_places_check(r->options.boot, p, &fault) != ERR_OK) {
				LOG(LOG_WARN, "policy",
				    "the active version does not fit the node's policy file, which "
				    "is "
				    "used instead",
				    {"why", fault.text}, LOG_NUM("version", v->version));
				policy_free(p);
				return;
			}
			r->policy = made_add(r, p);
		}
		r->version = v->version;
		r->since_ms = v->time_ms;
		LOG(LOG_INFO, "policy", "serving by the version kept on disk",
		    LOG_NUM("version", v->version), LOG_NUM("activated_ms", v->time_ms));
		return;
	}
}

/* So that a rollback to it finds it, also when the file has changed. */
static void keep_boot(struct rollout *r) {
	struct buf text;
	uint8_t is[32];
	buf_init(&text, ROLLOUT_TEXT_MAX);
	enum err e = files_read_all(r->options.files, r->options.boot_path, &text);
	struct slice s = buf_slice(&text);
	if (!e) sha256(&s, 1, is);
	if (!e && same_hash(is, r->options.boot->hash))
		e = keep_policy_write(r->options.files, r->options.dir, s);
	if (e)
		LOG(LOG_WARN, "policy", "the policy file cannot be kept for a rollback",
		    {"why", err_text(e)});
	buf_done(&text);
}

enum err keep_load(struct rollout *r, struct fault *fault) {
	struct buf text;
	uint64_t time_ms = 0, now_ms = io_wall_ms(r->io);
	enum err e = r->options.files->ops->mkdir(r->options.files, r->options.dir);
	if (e)
		return fault_set(fault, e, "%s: %s: make the directory or change `data`",
		                 r->options.dir, err_text(e));
	buf_init(&text, KEPT_MAX);
	if (load_text(r, "versions", &text, &time_ms, check_versions)) {
		r->kept = r->versions;
		r->versions.proposing = false; /* who proposed has an answer by now */
		load_policy(r);
	} else {
		r->versions = (struct policy_versions){.count = 0};
	}
	buf_reset(&text);
	if (load_text(r, "regions", &text, &time_ms, check_drains)) {
		/* As old as it is: what decide() makes of old signals applies. */
		uint64_t age_ns = now_ms > time_ms ? (now_ms - time_ms) * 1000000 : 0,
			 now = io_now_ns(r->io);
		atomic_store(&r->signals.heard_ns, age_ns < now ? now - age_ns : 1);
	} else {
		r->drains.count = 0;
	}
	buf_done(&text);
	keep_boot(r);
	return ERR_OK;
}

/* --- later ----------------------------------------------------------------------------- */

struct prune {
	struct rollout *r;
	struct slice versions;
	char names[NAMES_MAX][72];
	int count;
};

/* HASH.yaml whose hash the history does not name. The boot's is named by its hash, too. */
static void prune_name(void *arg, const char *name) {
	struct prune *p = arg;
	size_t len = strlen(name);
	char boot[65] = {0};
	hex_encode(slice_of(p->r->options.boot->hash, 32), boot);
	if (len != 69 || strcmp(name + 64, ".yaml") != 0 || p->count == NAMES_MAX) return;
	if (memcmp(name, boot, 64) == 0 || memmem(p->versions.ptr, p->versions.len, name, 64))
		return;
	memcpy(p->names[p->count++], name, len + 1);
}

static void prune(struct rollout *r) {
	struct prune *p = calloc(1, sizeof *p);
	char path[1200];
	if (!p) return;
	p->r = r;
	p->versions = buf_slice(&r->keep_versions);
	IGNORE(r->options.files->ops->list(r->options.files, r->options.dir, prune_name,
	                                   p)); /* later */
	for (int i = 0; i < p->count; i++) {
		keep_path(r, p->names[i], path);
		IGNORE(r->options.files->ops->unlink(r->options.files, path)); /* next time */
	}
	free(p);
}

static void on_keep(struct io_job *job) {
	struct rollout *r = CONTAINER_OF(job, struct rollout, keep_job);
	char path[1200];
	keep_path(r, "versions", path);
	r->keep_err =
		keep_write(r->options.files, path, buf_slice(&r->keep_versions), r->keep_time_ms);
	keep_path(r, "regions", path);
	if (!r->keep_err)
		r->keep_err = keep_write(r->options.files, path, buf_slice(&r->keep_regions),
		                         r->keep_time_ms);
	if (!r->keep_err && r->keep_prune) prune(r);
}

static void on_kept(struct io_job *job) {
	struct rollout *r = CONTAINER_OF(job, struct rollout, keep_job);
	r->keeping = false;
	if (r->keep_err) {
		LOG(LOG_ERROR, "policy", "the last good world cannot be kept on disk",
		    {"why", err_text(r->keep_err)});
		metric_inc(r->m_failures);
	}
	if (r->keep_again) rollout_keep(r);
}

void rollout_keep(struct rollout *r) {
	r->keep_again = r->keeping;
	if (r->keeping) return;
	buf_reset(&r->keep_versions);
	buf_reset(&r->keep_regions);
	if (versions_write(&r->versions, &r->keep_versions) != ERR_OK ||
	    drains_write(&r->drains, &r->keep_regions) != ERR_OK) {
		LOG(LOG_ERROR, "policy", "no memory to keep the last good world");
		return;
	}
	r->keep_time_ms = io_wall_ms(r->io);
	r->keep_job = (struct io_job){.run = on_keep, .done = on_kept};
	/* What is being made ready is on disk before any version names it. */
	r->keep_prune = list_empty(&r->changes) && !r->ready;
	r->keeping = true;
	io_lane_submit(r->lane, &r->keep_job);
}
