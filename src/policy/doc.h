/* A YAML file as a tree whose every node knows its line and column, and typed reading of
 * it by tables of fields. All of our YAML goes through here, so that limits, positions and
 * the wording of mistakes are the same everywhere. Knows no key by name.
 *
 * Narrower than YAML on purpose: UTF-8 only, one document, no anchors, aliases, tags or
 * directives; keys are text and stand once. What is refused is refused with a position.
 *
 * One thread. Nodes and their text live until doc_done, and so must the file's bytes.
 */
#pragma once
#include "base/arena.h"
#include "policy/mistake.h"

enum {
	DOC_BYTES_MAX = 64 << 20,
	DOC_DEPTH_MAX = 32,
	DOC_NODES_MAX = 4000000,
};

enum doc_kind { DOC_SCALAR, DOC_SEQUENCE, DOC_MAPPING };
struct doc_node {
	struct slice key;  /* when the parent is a mapping; NUL follows */
	struct slice text; /* of a scalar; NUL follows */
	const struct doc_node *parent;
	struct doc_node *first, *next; /* children of a list or mapping, in the file's order */
	uint32_t key_line, key_column, line, column;
	uint32_t count; /* of children */
	uint8_t kind;   /* enum doc_kind */
	bool plain;     /* scalar without quotes */
};

struct doc {
	struct doc_node *root; /* NULL for a file without content */
	struct arena *keep;    /* where doc_read puts texts that outlive the doc */
	bool no_memory;        /* sticks */
	struct arena arena;
	struct slice source; /* borrowed */
	uint64_t seed[2]; /* of hash maps over this file's words: not to be guessed from outside */
	struct mistakes mistakes;
};
/* keep: borrowed. */
void doc_init(struct doc *d, const char *file, struct arena *keep, const uint64_t seed[2]);
void doc_done(struct doc *d);
/* Builds the tree. ERR_INVALID, ERR_TOO_LARGE: no tree, the mistake is noted. ERR_NO_MEMORY.
 * A key that stands twice is noted, its second value dropped, and the tree stands. */
MUST enum err doc_parse(struct doc *d, struct slice yaml);
/* Its first step: size, UTF-8, no directives. ERR_INVALID, ERR_TOO_LARGE: noted. */
MUST enum err doc_check_bytes(struct doc *d, struct slice yaml);
/* Reports all mistakes. ERR_NO_MEMORY if that ever happened, ERR_INVALID if any was noted. */
MUST enum err doc_finish(struct doc *d, void (*report)(void *arg, const struct policy_error *e),
                         void *arg);

/* Notes a mistake at a node's value, or at its key; the text is put behind the node's path:
 * `cells.us-1.replicas[1]: …`. */
void doc_error(struct doc *d, const struct doc_node *n, const char *format, ...) PRINTF_LIKE(3, 4);
void doc_error_key(struct doc *d, const struct doc_node *n, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Where byte `at` of a scalar's text stands in the file, quotes, escapes and lines considered; its
 * length: behind the last that is no blank. */
struct doc_place {
	uint32_t line, column;
};
struct doc_place doc_place_within(const struct doc *d, const struct doc_node *n, size_t at);
/* What stands there, for a message: `'text'`, "a list", "a mapping", "nothing". */
struct shown doc_found(const struct doc_node *n);
/* A plain scalar without text, `~` or `null`. */
bool doc_null(const struct doc_node *n);
/* Child of a mapping by key; NULL when absent. Linear: for mappings of known keys. */
const struct doc_node *doc_child(const struct doc_node *map, const char *key);
/* Copies into d->keep; "" and no_memory set when that fails. */
const char *doc_keep(struct doc *d, struct slice s);
/* Notes that nothing in `section` is named as the scalar n says, with the nearest name. */
void doc_error_reference(struct doc *d, const struct doc_node *n, const char *what,
                         const struct doc_node *section);
/* Notes it when the key is no name of name_valid() up to POLICY_NAME_MAX. */
void doc_check_name(struct doc *d, const struct doc_node *n);

enum field_type {
	FIELD_NAME,     /* const char *: name_valid(), at most POLICY_NAME_MAX */
	FIELD_TEXT,     /* const char *: min..max bytes, no control characters */
	FIELD_NUMBER,   /* uint64_t: min..max */
	FIELD_DURATION, /* uint64_t milliseconds: min..max */
	FIELD_SIZE,     /* uint64_t bytes: min..max */
	FIELD_CHOICE,   /* int: index of the word in `choices` */
	FIELD_SCALAR,   /* const struct doc_node *: of that kind */
	FIELD_SEQUENCE,
	FIELD_MAPPING, /* an empty value counts as an empty mapping */
	FIELD_ANY,     /* of any kind */
	FIELD_GROUP,   /* a mapping of `fields`, read into the same struct; offset unused */
};
/* One key of a mapping and where its value goes. */
struct field {
	const char *key;
	enum field_type type;
	size_t offset; /* in the struct handed to doc_read; its type is above */
	bool required;
	const char *expected; /* after "expected"; NULL: said by the type and its range */
	uint64_t min, max;
	bool (*check)(struct slice text); /* of FIELD_TEXT: one thing more that must hold */
	const char *const *choices;       /* ends with NULL */
	const struct field *fields;       /* of FIELD_GROUP; ends with key NULL */
};
/* Reads a mapping by a table that ends with key NULL (at most 32 rows). Notes unknown and
 * missing keys and wrong values; what is absent or wrong leaves *out as it was: put the
 * defaults there first. */
void doc_read(struct doc *d, const struct doc_node *map, const struct field *fields, void *out);
/* One value; false, and noted, when it is wrong. */
bool doc_read_value(struct doc *d, const struct doc_node *n, const struct field *f, void *out);
