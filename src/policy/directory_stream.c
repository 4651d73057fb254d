/* Sections of an image on their way to a sink. Knows nothing of what is in them. */
#include "policy/directory_private.h"

void stream_flush(struct tenant_stream *s) {
	if (s->failed || s->used == 0) return;
	struct slice bytes = slice_of(s->bytes, s->used);
	s->failed = s->sink.write_at(s->sink.arg, s->offset - s->used, bytes);
	s->crc = crc32c(s->crc, s->bytes, s->used);
	s->used = 0;
}

void stream_put(struct tenant_stream *s, struct slice bytes) {
	while (bytes.len && !s->failed) {
		size_t room = STREAM_BYTES - s->used;
		size_t n = bytes.len < room ? bytes.len : room;
		memcpy(s->bytes + s->used, bytes.ptr, n);
		s->used += n;
		s->offset += n;
		bytes = slice_of(bytes.ptr + n, bytes.len - n);
		if (s->used == STREAM_BYTES) stream_flush(s);
	}
}

void stream_align(struct tenant_stream *s, size_t to) {
	static const uint8_t zero[TENANT_IMAGE_ALIGN];
	size_t over = s->offset % to;
	if (over) stream_put(s, slice_of(zero, to - over));
}

struct image_section_facts stream_begin(struct tenant_stream *s) {
	stream_align(s, TENANT_IMAGE_ALIGN);
	stream_flush(s);
	s->crc = 0;
	return (struct image_section_facts){.offset = s->offset};
}

void stream_end(struct tenant_stream *s, struct image_section_facts *section) {
	stream_flush(s);
	section->bytes = s->offset - section->offset;
	section->crc = s->crc;
}
