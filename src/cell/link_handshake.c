/* The handshake of a link: both sides prove that they know the cluster's secret, without
 * showing it, before anything else is read.
 *
 *   connector → listener   HELLO 1: format, cluster, region, nonce
 *   listener → connector   HELLO 1
 *   connector → listener   HELLO 2: HMAC over role, both nonces, both names; names of the cells
 *   listener → connector   HELLO 2, only after the connector's was right
 *
 * Each side's nonce is in each MAC, so that a recorded one is worth nothing; the role is in
 * it, so that a peer cannot send our own back to us. The cells are bound by their hash.
 * Knows nothing of sockets: link_conn.c moves the bytes. */
#include "cell/link_private.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/parse.h"

enum { LINK_FORMAT = 1, STEP_NAME = 1, STEP_PROOF = 2, NAME_MAX_BYTES = 255, CELL_NAME_SHOWN = 40 };

/* --- the names of the cells ------------------------------------------------------ */

enum err link_handshake_cells(struct links *l, const char *const *cells, int count) {
	buf_init(&l->cells, LINK_HELLO_MAX_BYTES / 2);
	for (int i = 0; i < count; i++) {
		enum err err = buf_append_str(&l->cells, cells[i]);
		if (err == ERR_OK) err = buf_append_str(&l->cells, "\n");
		if (err != ERR_OK) return err;
	}
	struct slice all = buf_slice(&l->cells);
	sha256(&all, 1, l->cells_hash);
	l->cell_count = count;
	return ERR_OK;
}

/* Says where the lists part: the one thing that helps whoever has to mend it. */
static void doom_for_cells(struct link_conn *c, struct slice theirs) {
	struct slice ours = buf_slice(&c->links->cells);
	for (int index = 0; ours.len || theirs.len; index++) {
		struct slice a = slice_cut(&ours, '\n'), b = slice_cut(&theirs, '\n');
		if (slice_eq(a, b)) continue;
		if (b.len > CELL_NAME_SHOWN || !utf8_valid(b)) break;
		char why[200];
		snprintf(why, sizeof why,
		         "its cells differ from ours: number %d is '" SLICE_FMT
		         "' there and '%.*s' "
		         "here: give both regions the same policy",
		         index, SLICE_ARG(b),
		         (int)(a.len < CELL_NAME_SHOWN ? a.len : CELL_NAME_SHOWN),
		         (const char *)a.ptr);
		link_conn_doom(c, why);
		return;
	}
	link_conn_doom(c, "its list of cells is malformed");
}

/* --- sending --------------------------------------------------------------------- */

static void send_hello(struct link_conn *c, const void *body, size_t len) {
	struct frame f = {.type = FRAME_HELLO, .bytes = slice_of(body, len)};
	if (frame_encode(&f, &c->out) != ERR_OK) {
		link_conn_doom(c, "no memory for the handshake");
		return;
	}
	link_conn_flush(c);
}

static void put_name(struct bytes_writer *w, const char *name) {
	bytes_put_u8(w, (uint8_t)strlen(name));
	bytes_put(w, slice_str(name));
}

static void send_name(struct link_conn *c) {
	uint8_t body[2 * NAME_MAX_BYTES + LINK_NONCE_BYTES + 8];
	struct bytes_writer w = bytes_writer(body, sizeof body);
	bytes_put_u8(&w, STEP_NAME);
	bytes_put_u16(&w, LINK_FORMAT);
	put_name(&w, c->links->cluster);
	put_name(&w, c->links->regions[c->links->self]);
	bytes_put(&w, slice_of(c->own_nonce, LINK_NONCE_BYTES));
	send_hello(c, body, w.len);
}

/* The MAC of one role. Everything of variable length is hashed behind its length. */
static void proof_of(const struct link_conn *c, bool by_connector, uint8_t mac[SHA256_BYTES]) {
	const struct links *l = c->links;
	const char *own = l->regions[l->self], *peer = l->regions[c->region];
	const char *names[] = {l->cluster, c->connector ? own : peer, c->connector ? peer : own};
	uint8_t text[3 * (NAME_MAX_BYTES + 1)];
	struct bytes_writer w = bytes_writer(text, sizeof text);
	for (int i = 0; i < 3; i++) put_name(&w, names[i]);
	const struct slice parts[] = {
		SLICE_LIT("holdfast link 1"),
		slice_str(by_connector ? "connector" : "listener "),
		slice_of(c->connector ? c->own_nonce : c->peer_nonce, LINK_NONCE_BYTES),
		slice_of(c->connector ? c->peer_nonce : c->own_nonce, LINK_NONCE_BYTES),
		slice_of(text, w.len),
	};
	hmac_sha256(slice_of(l->secret, l->secret_len), parts, 5, mac);
}

/* The proof covers the cells by a second MAC step: HMAC(proof, hash of the cells). */
static void bind_cells(uint8_t mac[SHA256_BYTES], const uint8_t cells_hash[SHA256_BYTES]) {
	uint8_t key[SHA256_BYTES];
	memcpy(key, mac, sizeof key);
	const struct slice part = slice_of(cells_hash, SHA256_BYTES);
	hmac_sha256(slice_of(key, sizeof key), &part, 1, mac);
}

static void send_proof(struct link_conn *c) {
	struct links *l = c->links;
	uint8_t mac[SHA256_BYTES];
	proof_of(c, c->connector, mac);
	bind_cells(mac, l->cells_hash);
	struct buf body;
	buf_init(&body, LINK_HELLO_MAX_BYTES);
	const uint8_t step = STEP_PROOF;
	enum err err = buf_append(&body, &step, 1);
	if (err == ERR_OK) err = buf_append(&body, mac, sizeof mac);
	if (err == ERR_OK) err = buf_append_slice(&body, buf_slice(&l->cells));
	if (err == ERR_OK)
		send_hello(c, body.mem + body.start, body.len);
	else
		link_conn_doom(c, "no memory for the handshake");
	buf_done(&body);
}

void link_handshake_start(struct link_conn *c) {
	io_random(c->links->io, c->own_nonce, sizeof c->own_nonce);
	if (c->connector) send_name(c); /* a listener speaks when spoken to */
}

/* --- receiving ------------------------------------------------------------------- */

static int region_named(const struct links *l, struct slice name) {
	for (int i = 0; i < l->region_count; i++)
		if (slice_is(name, l->regions[i])) return i;
	return LINK_PEER_UNKNOWN;
}

static void on_name(struct link_conn *c, struct bytes_reader *r) {
	struct links *l = c->links;
	uint16_t format = bytes_u16(r);
	struct slice cluster = bytes_take(r, bytes_u8(r));
	struct slice name = bytes_take(r, bytes_u8(r));
	struct slice nonce = bytes_take(r, LINK_NONCE_BYTES);
	if (!bytes_end(r)) return link_conn_doom(c, "its first words are malformed");
	if (format != LINK_FORMAT)
		return link_conn_doom(c, "it speaks another format: upgrade both");
	if (!slice_is(cluster, l->cluster)) return link_conn_doom(c, "it is of another cluster");
	int region = region_named(l, name);
	if (region == LINK_PEER_UNKNOWN || region == l->self)
		return link_conn_doom(c, "it names no region that we expect");
	if (c->connector ? region != c->region : region > l->self)
		return link_conn_doom(c, "it is another region than should be there");
	c->region = region;
	memcpy(c->peer_nonce, nonce.ptr, LINK_NONCE_BYTES);
	c->state = LINK_PROOF;
	if (c->connector)
		send_proof(c);
	else
		send_name(c);
}

static void on_proof(struct link_conn *c, struct bytes_reader *r) {
	struct links *l = c->links;
	struct slice given = bytes_take(r, SHA256_BYTES);
	if (r->failed) return link_conn_doom(c, "its proof is malformed");
	uint8_t mac[SHA256_BYTES], cells_hash[SHA256_BYTES];
	sha256(&r->rest, 1, cells_hash);
	proof_of(c, !c->connector, mac);
	bind_cells(mac, cells_hash);
	if (!slice_eq_secret(given, slice_of(mac, sizeof mac)))
		return link_conn_doom(c, "it does not know the cluster's secret");
	if (memcmp(cells_hash, l->cells_hash, sizeof cells_hash) != 0)
		return doom_for_cells(c, r->rest);
	if (!c->connector) send_proof(c);
	if (c->state != LINK_DOOMED) link_established(c);
}

void link_handshake_frame(struct link_conn *c, struct slice body) {
	struct bytes_reader r = bytes_reader(body);
	uint8_t step = bytes_u8(&r);
	if (c->state == LINK_HELLO && step == STEP_NAME)
		on_name(c, &r);
	else if (c->state == LINK_PROOF && step == STEP_PROOF)
		on_proof(c, &r);
	else
		link_conn_doom(c, "its handshake is out of order");
}
