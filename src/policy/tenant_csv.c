/* CSV after RFC 4180: records of fields between commas, quotes around what has commas, quotes or
 * ends of lines in it. Lines may also end with LF alone, as most writers do. */
#include "base/parse.h"
#include "policy/mistake.h"
#include "policy/tenant_read_private.h"

/* One record being split. */
struct cut {
	struct tenant_reader *reader;
	struct slice in;
	bool at_end, incomplete;
	size_t at, unquoted;
	struct place start; /* of the field */
	struct policy_error *error;
};

static int peek(const struct cut *c) {
	return c->at < c->in.len ? c->in.ptr[c->at] : -1;
}

static struct place here(const struct cut *c, size_t from) {
	return place_after(c->start, slice_of(c->in.ptr + from, c->at - from));
}

/* Behind the opening quote, up to behind the closing one. A quote within is written twice. */
static enum err cut_quoted(struct cut *c, struct slice *out) {
	size_t from = c->at++, kept = c->unquoted;
	uint8_t *text = c->reader->unquoted;
	for (;; c->at++) {
		int byte = peek(c);
		if (byte < 0 && c->at_end)
			return read_error(c->reader, c->error, ERR_INVALID, c->start,
			                  "the quoted field does not end; expected '\"'");
		if (byte < 0) break;
		if (byte == '"') {
			c->at++;
			if (peek(c) != '"') break;
		}
		text[c->unquoted++] = (uint8_t)peek(c);
	}
	/* A quote that is the last byte so far may be the first half of two. */
	c->incomplete = peek(c) < 0 && !c->at_end;
	*out = slice_of(text + kept, c->unquoted - kept);
	c->start = here(c, from);
	return ERR_OK;
}

static enum err cut_plain(struct cut *c, struct slice *out) {
	size_t from = c->at;
	for (int byte; (byte = peek(c)) >= 0 && byte != ',' && byte != '\n' && byte != '\r';
	     c->at++)
		if (byte == '"')
			return read_error(c->reader, c->error, ERR_INVALID, here(c, from),
			                  "found '\"' within a field; expected the whole field in "
			                  "quotes, and quotes in it twice");
	*out = slice_of(c->in.ptr + from, c->at - from);
	c->start = here(c, from);
	return ERR_OK;
}

/* What stands behind a field: *more when another one comes, else the record has ended. */
static enum err cut_end(struct cut *c, bool *more) {
	int byte = peek(c), second = c->at + 1 < c->in.len ? c->in.ptr[c->at + 1] : -1;
	bool is_crlf = byte == '\r' && second == '\n';
	*more = byte == ',';
	c->incomplete = !c->at_end && (byte < 0 || (byte == '\r' && second < 0));
	if (byte < 0 || c->incomplete) return ERR_OK;
	if (*more || byte == '\n' || is_crlf) {
		c->at += is_crlf ? 2 : 1;
		c->start.column++;
		return ERR_OK;
	}
	return read_error(c->reader, c->error, ERR_INVALID, c->start,
	                  "found %s; expected a comma or the end of the line",
	                  byte == '\r' ? "CR without LF" : "text behind a quoted field");
}

/* The record's fields into r->fields; *count 0 when it is incomplete. */
static enum err cut_record(struct cut *c, int *count, size_t *used) {
	struct tenant_reader *r = c->reader;
	bool more = true;
	*count = 0;
	for (int n = 0; more; n++) {
		if (n == TENANT_COLUMNS_MAX)
			return read_error(r, c->error, ERR_INVALID, c->start,
			                  "more than %d fields; expected fewer",
			                  TENANT_COLUMNS_MAX);
		struct csv_field *field = &r->fields[n];
		field->place = c->start;
		enum err e =
			peek(c) == '"' ? cut_quoted(c, &field->text) : cut_plain(c, &field->text);
		if (!e && !c->incomplete) e = cut_end(c, &more);
		if (e) return e;
		if (c->incomplete) return ERR_OK;
		if (!utf8_valid(field->text))
			return read_error(r, c->error, ERR_INVALID, field->place,
			                  "bytes that are no UTF-8; expected UTF-8");
		if (!more) *count = n + 1;
	}
	*used = c->at;
	return ERR_OK;
}

/* --- header ----------------------------------------------------------------------------- */

static bool find_field(struct slice name, struct csv_column *out) {
	for (int i = 0; i < TENANT_FIELDS; i++)
		if (slice_is(name, tenant_fields[i].name)) {
			out->field = &tenant_fields[i];
			return true;
		}
	if (!slice_starts(name, SLICE_LIT("attr."))) return false;
	name = slice_of(name.ptr + 5, name.len - 5);
	if (!tenant_attribute_name_valid(name)) return false;
	memcpy(out->attribute, name.ptr, name.len);
	return true;
}

static enum err column_unknown(const struct tenant_reader *r, const struct csv_field *column,
                               struct policy_error *error) {
	struct suggestion guess = suggestion_start(column->text);
	for (int i = 0; i < TENANT_FIELDS; i++)
		suggestion_offer(&guess, slice_str(tenant_fields[i].name));
	return read_error(r, error, ERR_FORMAT, column->place,
	                  "no column is named %s%s; expected id, residency, cell, tier, country, "
	                  "consistency, preferences, attr.NAME or key",
	                  show(column->text).text, suggestion_text(&guess).text);
}

static enum err read_column(struct tenant_reader *r, int index, struct policy_error *error) {
	struct csv_column *column = &r->columns[index];
	const struct csv_field *text = &r->fields[index];
	if (!find_field(text->text, column)) return column_unknown(r, text, error);
	for (int i = 0; i < index; i++)
		if (r->columns[i].field == column->field &&
		    strcmp(r->columns[i].attribute, column->attribute) == 0)
			return read_error(r, error, ERR_FORMAT, text->place,
			                  "column %s stands twice; expected each once",
			                  show(text->text).text);
	return ERR_OK;
}

static enum err read_header(struct tenant_reader *r, int count, struct policy_error *error) {
	bool seen[TENANT_FIELDS] = {false};
	for (int i = 0; i < count; i++) {
		enum err e = read_column(r, i, error);
		if (e) return e;
		if (r->columns[i].field) seen[r->columns[i].field - tenant_fields] = true;
	}
	for (int i = 0; i < TENANT_FIELDS; i++)
		if (tenant_fields[i].required && !seen[i])
			return read_error(r, error, ERR_FORMAT, r->fields[0].place,
			                  "the column '%s' is missing; expected id, residency and "
			                  "cell at least",
			                  tenant_fields[i].name);
	r->column_count = count;
	r->has_header = true;
	return ERR_OK;
}

/* --- rows ------------------------------------------------------------------------------- */

/* A list in one field: items between single spaces. *at moves to what was wrong. */
static enum err set_list(const struct tenant_reader *r, const struct tenant_field *field,
                         struct slice text, struct place *at, struct tenant_row *row,
                         struct fault *f) {
	while (text.ptr) {
		struct slice item = slice_cut(&text, ' ');
		enum err e = field->set(r->policy, item, row, f);
		if (e) return e;
		*at = place_after(*at, item);
		at->column++;
	}
	return ERR_OK;
}

static enum err set_field(const struct tenant_reader *r, int index, struct tenant_row *row,
                          struct policy_error *error) {
	const struct csv_column *column = &r->columns[index];
	struct slice text = r->fields[index].text;
	struct place at = r->fields[index].place;
	struct fault f;
	enum err e;
	if (text.len == 0 && !(column->field && column->field->required)) return ERR_OK;
	if (!column->field)
		e = tenant_set_attribute(row, slice_str(column->attribute), text, &f);
	else if (column->field->list)
		e = set_list(r, column->field, text, &at, row, &f);
	else
		e = column->field->set(r->policy, text, row, &f);
	return e ? read_error(r, error, ERR_INVALID, at, "%s", f.text) : ERR_OK;
}

static enum err read_row(const struct tenant_reader *r, int count, struct tenant_row *row,
                         struct policy_error *error) {
	struct fault f;
	if (count != r->column_count)
		return read_error(r, error, ERR_INVALID, r->fields[0].place,
		                  "%d fields; expected %d, as in the header", count,
		                  r->column_count);
	for (int i = 0; i < count; i++) {
		enum err e = set_field(r, i, row, error);
		if (e) return e;
	}
	if (tenant_row_check(r->policy, row, &f))
		return read_error(r, error, ERR_INVALID, r->fields[0].place, "%s", f.text);
	return ERR_OK;
}

enum err csv_next(struct tenant_reader *r, struct slice in, bool at_end, size_t *used,
                  struct tenant_row *row, struct policy_error *error) {
	struct cut c = {
		.reader = r, .in = in, .at_end = at_end, .start = {r->line, 1}, .error = error};
	int count;
	enum err e = cut_record(&c, &count, used);
	if (e) return r->has_header ? e : ERR_FORMAT;
	if (count == 0) return ERR_OK;
	return r->has_header ? read_row(r, count, row, error) : read_header(r, count, error);
}
