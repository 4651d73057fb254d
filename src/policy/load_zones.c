/* Time zones that conditions name: fetched when the first one asks, so that a policy brings no more than it
 * needs. */
#include "policy/load.h"

enum { TZIF_BYTES_MAX = 64 << 10 };

/* What becomes part of a path somewhere must not lead anywhere else. */
static bool name_plain(struct slice name) {
	if (name.len == 0 || name.len > CEL_ZONE_NAME_MAX) return false;
	uint8_t before = '/';
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i], lower = c | 0x20;
		bool word = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
		if (!word && c != '_' && c != '+' && c != '-' && (c != '/' || before == '/'))
			return false;
		before = c;
	}
	return before != '/';
}

static const char *add(struct load *l, struct slice name) {
	char text[CEL_ZONE_NAME_MAX + 1];
	struct buf tzif;
	memcpy(text, name.ptr, name.len);
	text[name.len] = 0;
	buf_init(&tzif, TZIF_BYTES_MAX);
	enum err e = l->zones->read(l->zones->arg, text, &tzif);
	const char *why = e == ERR_NOT_FOUND ? "is not known here: check the name, and that the "
	                                       "time zone database (tzdata) is installed"
	                  : e                ? "cannot be read"
	                                     : NULL;
	if (!e) {
		e = cel_zones_add(l->own->zones, name, buf_slice(&tzif));
		if (e) why = e == ERR_INVALID ? "has a file that is no TZif" : err_text(e);
	}
	if (e == ERR_NO_MEMORY) l->doc.no_memory = true;
	buf_done(&tzif);
	return why;
}

const char *load_zone_named(void *arg, struct slice name) {
	struct load *l = arg;
	int32_t offset;
	if (cel_zones_offset(l->own->zones, name, 0, &offset)) return NULL;
	if (!name_plain(name)) return "is no name of one; expected such as Europe/Paris or +02:00";
	if (!l->zones) return "is not known: none was brought to this policy";
	return add(l, name);
}
