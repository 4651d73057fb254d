/* Changes of tenants: one at a time, each made from the newest row and put by comparing, so that of
 * two at once the second is made anew from what the first left. */
#include "base/bytes.h"
#include "edge/tenants_private.h"
#include "policy/tenant_print.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* --- ending one ---------------------------------------------------------------------------------- */

static void on_ended(struct io_post *post) {
	struct tenants_change *c = CONTAINER_OF(post, struct tenants_change, post);
	c->done(c);
}

static void end(struct tenants_change *c, enum err err) {
	c->err = err;
	if (err && !c->fault.code) fault_set(&c->fault, err, "%s", err_text(err));
	c->post.fn = on_ended;
	io_post(c->reply_to, &c->post);
}

static void end_current(struct tenants *t, enum err err) {
	struct tenants_change *c = t->current_change;
	t->current_change = NULL;
	c->row = err ? NULL : json_incref(t->new_row);
	json_decref(t->new_row);
	t->new_row = NULL;
	end(c, err);
	tenants_advance(t);
}

/* --- the rules of a row ------------------------------------------------------------------------- */

static enum err check_keys(const struct tenants *t, const struct tenant_row *row, struct fault *f) {
	struct tenancy tenancy = tenants_tenancy(t);
	struct arena scratch;
	enum err e = ERR_OK;
	arena_init(&scratch, 64 << 10);
	for (int i = 0; !e && i < row->key_count; i++) {
		struct tenancy_found found;
		arena_reset(&scratch);
		enum err is = tenancy_find_key(&tenancy, t->options.policy, row->keys[i], &scratch,
		                               &found);
		if (is == ERR_NO_MEMORY) e = fault_set(f, is, "no memory to check the keys");
		if (!is && !slice_is(row->name, found.tenant->name))
			e = fault_set(f, ERR_EXISTS,
			              "key %d belongs to another tenant already; expected each key "
			              "once",
			              i + 1);
	}
	arena_done(&scratch);
	return e;
}

enum err tenants_check_row(const struct tenants *t, const struct tenant_row *now, bool of_policy,
                           const struct tenant_row *row, struct fault *f) {
	const struct policy *p = t->options.policy;
	if (now && now->profile.residency != row->profile.residency)
		return fault_set(f, ERR_CONFLICT,
		                 "the tenant is of residency class '%s' and its data lies there; "
		                 "moving it to '%s' would leave the data in the wrong place: make "
		                 "a new tenant and copy",
		                 p->residencies[now->profile.residency].name,
		                 p->residencies[row->profile.residency].name);
	if (now && now->profile.cell != row->profile.cell)
		return fault_set(f, ERR_CONFLICT,
		                 "the tenant's data is in cell '%s'; moving it to '%s' would leave "
		                 "the data behind: make a new tenant and copy",
		                 p->cells[now->profile.cell].name,
		                 p->cells[row->profile.cell].name);
	if (of_policy &&
	    (row->key_count || row->attribute_count || *row->profile.tier || *row->profile.country))
		return fault_set(
			f, ERR_CONFLICT,
			"this tenant stands in policy.yaml: change all but its preferences "
			"and consistency there");
	return check_keys(t, row, f);
}

/* --- making it ---------------------------------------------------------------------------------- */

static enum err find_now(struct tenants *t, struct slice name, struct tenant_row *row,
                         bool *of_policy) {
	struct tenancy tenancy = tenants_tenancy(t);
	struct tenancy_found found;
	arena_reset(&t->scratch);
	enum err e = tenancy_find(&tenancy, t->options.policy, name, &t->scratch, &found);
	*of_policy = !e && found.index >= 0;
	if (*of_policy) tenant_row_of_policy(found.tenant, row);
	if (e || *of_policy) return e;
	struct tenant view;
	const struct directory_snapshot *s = directory_read_begin(t->directory);
	bool is = directory_find(s, name, &view);
	if (is) tenant_to_row(&view, row);
	directory_read_end(t->directory); /* this thread is the writer: the row stays */
	return is ? ERR_OK : ERR_NOT_FOUND;
}

static enum err make(struct tenants *t, struct tenants_change *c, bool *same) {
	struct tenant_row now, row;
	bool of_policy;
	struct fault *f = &c->fault;
	enum err e = find_now(t, slice_str(c->name), &now, &of_policy);
	bool exists = e == ERR_OK;
	if (e && e != ERR_NOT_FOUND) return e;
	json_t *before = exists ? tenant_row_json(t->options.policy, &now) : NULL;
	t->new_row = exists ? json_deep_copy(before) : json_pack("{s:s}", "id", c->name);
	e = t->new_row ? c->make(c, t->new_row, exists, f) : ERR_NO_MEMORY;
	*same = exists && json_equal(before, t->new_row);
	json_decref(before);
	if (e || *same) return e;
	e = tenant_row_from_json(t->reader, t->new_row, &row, f);
	if (!e && !slice_is(row.name, c->name))
		e = fault_set(f, ERR_INVALID, "a tenant's id cannot be changed");
	if (!e) e = tenants_check_row(t, exists ? &now : NULL, of_policy, &row, f);
	if (e) return e;
	struct slice change = tenant_change_encode(t->options.policy, &row, t->change);
	t->change_len = change.len;
	json_decref(t->new_row); /* as it reads from now on: defaults filled in */
	t->new_row = tenant_row_json(t->options.policy, &row);
	return ERR_OK;
}

/* --- putting it ---------------------------------------------------------------------------------- */

/* From the newest row that coordination has. */
static void again(struct tenants *t) {
	struct tenants_change *c = t->current_change;
	if (++c->tries >= TENANTS_TRIES) {
		fault_set(&c->fault, ERR_CONFLICT, "others change tenants all the time; try again");
		end_current(t, ERR_CONFLICT);
		return;
	}
	c->refreshed = true;
	c->fault = (struct fault){0};
	json_decref(t->new_row);
	t->new_row = NULL;
	t->current_change = NULL;
	list_push_front(&t->queue, &c->node);
	t->queued++;
	tenants_refresh(t);
}

/* True: it is durable. Else the change has ended, or is tried again. */
static bool settled(struct tenants *t, enum err err) {
	if (err == ERR_OK) return true;
	if (err == ERR_CONFLICT) {
		again(t);
		return false;
	}
	if (err != ERR_NO_SPACE) err = ERR_OUTCOME_UNKNOWN;
	tenants_refresh(t);
	end_current(t, err);
	return false;
}

static void on_head_put(struct coord_op *op, enum err err) {
	struct tenants *t = CONTAINER_OF(op, struct tenants, put_op);
	if (!settled(t, err)) return;
	tenants_saw(t, &t->head_place, slice_of(t->value, t->value_len), op->revision);
	tenants_advance(t); /* it is served here before it is said to be done */
	end_current(t, ERR_OK);
}

static void put_head(struct tenants *t) {
	struct coord *coord = t->options.coord;
	struct slice value = tenant_head_encode(&t->append.head, t->value);
	t->value_len = value.len;
	t->put_op = (struct coord_op){.done = on_head_put};
	coord->ops->put(coord, TENANTS_HEAD_KEY, t->head_place.revision, value, &t->put_op);
}

static void on_archive_put(struct coord_op *op, enum err err) {
	struct tenants *t = CONTAINER_OF(op, struct tenants, put_op);
	struct tenants_place *p = &t->archives[t->append.archive.number % TENANT_ARCHIVES];
	if (err == ERR_CONFLICT && op->revision > p->revision) {
		p->revision = op->revision; /* what it holds comes by the watch, or is put over */
		p->len = 0;
	}
	if (!settled(t, err)) return;
	tenants_saw(t, p, slice_of(t->value, t->value_len), op->revision);
	put_head(t);
}

static void put_archive(struct tenants *t) {
	struct coord *coord = t->options.coord;
	uint64_t at = t->append.archive.number % TENANT_ARCHIVES;
	char key[COORD_KEY_MAX];
	struct slice value = tenant_chunk_encode(&t->append.archive, t->value);
	t->value_len = value.len;
	snprintf(key, sizeof key, TENANTS_ARCHIVE_KEY "%llu", (unsigned long long)at);
	t->put_op = (struct coord_op){.done = on_archive_put};
	coord->ops->put(coord, key, t->archives[at].revision, value, &t->put_op);
}

static void start(struct tenants *t, struct tenants_change *c) {
	bool same = false;
	t->current_change = c;
	enum err e = make(t, c, &same);
	if (!e && !same)
		e = tenant_log_append(&t->head, slice_of(t->change, t->change_len), &t->append);
	uint64_t archived = t->append.head.newest.number - t->append.head.first;
	if (e == ERR_OVERLOADED || (!e && !same && archived >= TENANT_ARCHIVES - 4))
		tenants_build_due(t);
	if (e == ERR_OVERLOADED)
		fault_set(&c->fault, e,
		          "the log of tenants is full until its image is made anew; try again in "
		          "some seconds");
	if ((e || same) && !c->refreshed)
		again(t); /* what another region did a moment ago may not have come here yet */
	else if (e || same)
		end_current(t, e);
	else if (t->append.archives)
		put_archive(t);
	else
		put_head(t);
}

/* --- taking them in ------------------------------------------------------------------------------ */

void tenants_change_next(struct tenants *t) {
	if (t->current_change || t->refreshing || !atomic_load(&t->complete)) return;
	if (list_empty(&t->queue)) return;
	t->queued--;
	start(t, CONTAINER_OF(list_pop_front(&t->queue), struct tenants_change, node));
}

void tenants_change_tick(struct tenants *t) {
	while (!list_empty(&t->queue)) {
		struct tenants_change *c =
			CONTAINER_OF(list_first(&t->queue), struct tenants_change, node);
		if (io_now_ns(t->io) < c->until_ns) break;
		list_pop_front(&t->queue);
		t->queued--;
		fault_set(
			&c->fault, ERR_UNAVAILABLE,
			"this region does not know all tenants yet; try again, or another region");
		end(c, ERR_UNAVAILABLE);
	}
}

static void on_change(struct io_post *post) {
	struct tenants_change *c = CONTAINER_OF(post, struct tenants_change, post);
	struct tenants *t = c->tenants;
	if (t->queued >= TENANTS_QUEUE_MAX) {
		fault_set(&c->fault, ERR_OVERLOADED, "too many changes of tenants wait; try again");
		end(c, ERR_OVERLOADED);
		return;
	}
	c->until_ns = io_now_ns(t->io) + TENANTS_WAIT_MS * 1000000ull;
	list_push_back(&t->queue, &c->node);
	t->queued++;
	tenants_change_next(t);
}

void tenants_change(struct tenants *t, struct tenants_change *c) {
	c->tenants = t;
	c->tries = 0;
	c->refreshed = false;
	c->row = NULL;
	c->fault = (struct fault){0};
	c->post.fn = on_change;
	io_post(t->io, &c->post);
}
