/* The bytes of a simulated file: pages that exist only where something was written. */
#include <stdlib.h>
#include <string.h>

#include "io/sim_disk_driver.h"

enum { PAGE_BYTES = 4096 };

void sim_image_done(struct sim_image *im) {
	sim_image_resize(im, 0);
	free(im->pages);
	*im = (struct sim_image){0};
}

static void zero_after_end(struct sim_image *im) {
	size_t page = im->bytes / PAGE_BYTES, used = im->bytes % PAGE_BYTES;
	if (used && page < im->page_count && im->pages[page])
		memset(im->pages[page] + used, 0, PAGE_BYTES - used);
}

void sim_image_resize(struct sim_image *im, uint64_t bytes) {
	size_t count = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
	for (size_t i = count; i < im->page_count; i++) {
		free(im->pages[i]);
		im->pages[i] = NULL;
	}
	if (count > im->page_count) {
		im->pages = realloc(im->pages, count * sizeof(uint8_t *));
		ASSERT(im->pages);
		memset(im->pages + im->page_count, 0, (count - im->page_count) * sizeof(uint8_t *));
		im->page_count = count;
	}
	im->bytes = bytes;
	zero_after_end(im);
}

void sim_image_write(struct sim_image *im, uint64_t offset, const void *bytes, size_t len) {
	if (offset + len > im->bytes) sim_image_resize(im, offset + len);
	for (size_t done = 0; done < len;) {
		size_t at = (offset + done) % PAGE_BYTES;
		size_t part = PAGE_BYTES - at < len - done ? PAGE_BYTES - at : len - done;
		uint8_t **page = &im->pages[(offset + done) / PAGE_BYTES];
		if (!*page) *page = sim_alloc(PAGE_BYTES);
		memcpy(*page + at, (const uint8_t *)bytes + done, part);
		done += part;
	}
}

size_t sim_image_read(const struct sim_image *im, uint64_t offset, void *out, size_t len) {
	if (offset >= im->bytes) return 0;
	if (len > im->bytes - offset) len = im->bytes - offset;
	for (size_t done = 0; done < len;) {
		size_t at = (offset + done) % PAGE_BYTES;
		size_t part = PAGE_BYTES - at < len - done ? PAGE_BYTES - at : len - done;
		const uint8_t *page = im->pages[(offset + done) / PAGE_BYTES];
		if (page)
			memcpy((uint8_t *)out + done, page + at, part);
		else
			memset((uint8_t *)out + done, 0, part);
		done += part;
	}
	return len;
}

void sim_image_copy(struct sim_image *to, const struct sim_image *from) {
	sim_image_resize(to, 0);
	sim_image_resize(to, from->bytes);
	for (uint64_t at = 0; at < from->bytes; at += PAGE_BYTES) {
		const uint8_t *page = from->pages[at / PAGE_BYTES];
		uint64_t left = from->bytes - at;
		if (page) sim_image_write(to, at, page, left < PAGE_BYTES ? left : PAGE_BYTES);
	}
}
