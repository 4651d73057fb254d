/* What the readers of tenants share. Private to src/policy. */
#pragma once
#include <jansson.h>

#include "policy/tenant_read.h"

/* --- one field, whichever the format ---------------------------------------------------- */

/* Checks a text and puts it into the row. The fault says what was found and expected. */
struct tenant_field {
	const char *name;
	enum err (*set)(const struct policy *p, struct slice text, struct tenant_row *row,
	                struct fault *f);
	bool list; /* set is called once for each item */
	bool required;
};
enum { TENANT_ID, TENANT_RESIDENCY, TENANT_CELL, TENANT_TIER, TENANT_COUNTRY, TENANT_CONSISTENCY,
       TENANT_PREFERENCES, TENANT_KEY, TENANT_FIELDS };
extern const struct tenant_field tenant_fields[TENANT_FIELDS];
MUST enum err tenant_set_attribute(struct tenant_row *row, struct slice name, struct slice value,
                                   struct fault *f);

/* --- one record ------------------------------------------------------------------------- */

struct place {
	uint32_t line, column; /* from 1; columns count characters */
};
struct csv_column {
	const struct tenant_field *field; /* NULL: an attribute */
	char attribute[TENANT_ATTRIBUTE_NAME_MAX + 1];
};
struct tenant_reader {
	enum tenant_format format;
	const struct policy *policy;
	const char *file;
	uint32_t line;  /* of what comes next */
	bool skipping;  /* within a record that was given up, up to its line's end */
	bool started;   /* the first byte was seen */
	bool has_header, failed;
	int column_count;
	struct csv_column columns[TENANT_COLUMNS_MAX];
	struct csv_field {
		struct slice text;
		struct place place;
	} fields[TENANT_COLUMNS_MAX];
	uint8_t unquoted[TENANT_RECORD_BYTES_MAX]; /* fields that had quotes in them */
	json_t *json;                              /* what a row borrows from */
};

/* Fills *error; returns `code`. */
enum err read_error(const struct tenant_reader *r, struct policy_error *error, enum err code,
                    struct place place, const char *format, ...) PRINTF_LIKE(5, 6);
/* Places the end of `text` when it starts at `from`. */
struct place place_after(struct place from, struct slice text);

/* One record from the front of `in`, which has no more than TENANT_RECORD_BYTES_MAX unless
 * incomplete. *used as in tenant_reader_next; on ERR_INVALID 0 means up to the end of the line. */
MUST enum err csv_next(struct tenant_reader *r, struct slice in, bool at_end, size_t *used,
                       struct tenant_row *row, struct policy_error *error);
MUST enum err json_line_next(struct tenant_reader *r, struct slice in, bool at_end, size_t *used,
                             struct tenant_row *row, struct policy_error *error);
