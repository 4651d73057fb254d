/* Time zones by name: rules read from TZif files (RFC 9636) whose bytes the embedder brings, so
 * that evaluation touches no file and no clock. Built once, then read-only and shared. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum {
	CEL_ZONE_NAME_MAX = 64,      /* bytes; "America/Argentina/ComodRivadavia" has 32 */
	CEL_ZONE_CHANGES_MAX = 2000, /* transitions of one zone; the busiest has 237 */
	CEL_ZONES_MAX = 2000,
};

struct cel_zones;
struct cel_zones *cel_zones_new(void); /* NULL: no memory */
void cel_zones_free(struct cel_zones *z);
/* tzif: the content of a file such as /usr/share/zoneinfo/Europe/Paris, version 2 or later; not
 * kept. ERR_INVALID: no such file, or no such name; ERR_EXISTS, ERR_TOO_MANY, ERR_NO_MEMORY. */
MUST enum err cel_zones_add(struct cel_zones *z, struct slice name, struct slice tzif);
/* Seconds east of UTC at a moment (seconds since 1970). name: one of the zones, "UTC", "" or an
 * offset ("+02:00", "-09:30", "02:00"; up to 23:59). False: unknown. z may be NULL. Any thread. */
bool cel_zones_offset(const struct cel_zones *z, struct slice name, int64_t at, int32_t *offset);
