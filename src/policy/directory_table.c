/* Writing a hash table in one pass, front to back: sorted hashes fall into place in order. */
#include "base/assert.h"
#include "policy/directory_private.h"

static void put_free(struct tenant_stream *s, uint64_t *slots, uint64_t until) {
	static const uint8_t zero[SLOT_BYTES];
	for (; *slots < until && !s->failed; ++*slots) stream_put(s, slice_of(zero, sizeof zero));
}

static void put_entry(struct tenant_stream *s, const struct tenant_entry *e) {
	uint8_t slot[SLOT_BYTES];
	put_u64(slot, e->hash);
	put_u32(slot + 8, e->profile);
	put_u32(slot + 12, e->row);
	stream_put(s, slice_of(slot, sizeof slot));
}

enum err table_write(struct tenant_stream *s, const struct tenant_entry *entries, size_t count,
                     struct image_section_facts *out) {
	*out = stream_begin(s);
	out->buckets = count * LOAD_DEN / (LOAD_NUM * BUCKET_SLOTS) + 1;
	uint64_t slots = 0, probe_max = 0;
	for (size_t i = 0; i < count && !s->failed; i++) {
		ASSERT(i == 0 || entries[i - 1].hash <= entries[i].hash);
		uint64_t home = table_home(entries[i].hash, out->buckets);
		put_free(s, &slots, home);
		uint64_t probe = slots - home;
		if (probe > probe_max) probe_max = probe;
		put_entry(s, &entries[i]);
		slots++;
	}
	/* The last ones may stand behind the last bucket. */
	put_free(s, &slots, out->buckets * BUCKET_SLOTS);
	stream_end(s, out);
	if (s->failed) return s->failed;
	/* At this load 200 is much. More means that somebody knows the seed. */
	if (probe_max > PROBE_MAX) return ERR_TOO_MANY;
	out->probe_max = (uint32_t)probe_max;
	return ERR_OK;
}
