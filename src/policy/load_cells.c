/* The section cells: groups of tenants that are copied and fail over as one. */
#include "policy/load.h"

static const char *const mode_words[] = {[CELL_ASYNC] = "async", [CELL_SYNC] = "sync", NULL};
static const char *const partition_words[] = {
	[PARTITION_CONSISTENCY] = "consistency", [PARTITION_AVAILABILITY] = "availability", NULL};
static const char *const lag_words[] = {[LAG_HOLD] = "hold", [LAG_THROTTLE] = "throttle", NULL};

enum { SLA_DEFAULT_MS = 500, HOLD_LAG_MIN_MS = 1000, COPIES_DEFAULT = 2, MODE_UNSAID = -1 };

struct cell_source {
	const struct doc_node *replicas, *copies;
	int mode, on_partition, on_lag;
	uint64_t replication_sla_ms, max_loss, max_lag_ms, failover_after_ms;
};
static const struct field cell_fields[] = {
	{.key = "replicas",
         .type = FIELD_SEQUENCE,
         .offset = offsetof(struct cell_source, replicas),
         .required = true,
         .expected = "a list of regions in order of succession"},
	{.key = "mode",
         .type = FIELD_CHOICE,
         .offset = offsetof(struct cell_source, mode),
         .choices = mode_words},
	{.key = "copies", .type = FIELD_SCALAR, .offset = offsetof(struct cell_source, copies)},
	{.key = "on_partition",
         .type = FIELD_CHOICE,
         .offset = offsetof(struct cell_source, on_partition),
         .choices = partition_words},
	{.key = "replication_sla",
         .type = FIELD_DURATION,
         .offset = offsetof(struct cell_source, replication_sla_ms),
         .min = 1,
         .max = 24 * 3600 * 1000},
	{.key = "max_loss",
         .type = FIELD_NUMBER,
         .offset = offsetof(struct cell_source, max_loss),
         .min = 1,
         .max = (uint64_t)1 << 40},
	{.key = "max_lag",
         .type = FIELD_DURATION,
         .offset = offsetof(struct cell_source, max_lag_ms),
         .min = 1,
         .max = 24 * 3600 * 1000},
	{.key = "on_lag",
         .type = FIELD_CHOICE,
         .offset = offsetof(struct cell_source, on_lag),
         .choices = lag_words},
	{.key = "failover_after",
         .type = FIELD_DURATION,
         .offset = offsetof(struct cell_source, failover_after_ms),
         .min = 1,
         .max = 3600 * 1000},
	{NULL},
};

/* How many copies a sync cell waits for; the home counts as one. */
static void load_copies(struct load *l, const struct doc_node *copies, struct policy_cell *cell) {
	static const struct field number = {
		.type = FIELD_NUMBER,
		.min = 1,
		.max = POLICY_REPLICAS_MAX,
		.expected = "a whole number, from 2 to the number of replicas",
	};
	uint64_t count = COPIES_DEFAULT;
	if (copies && !doc_read_value(&l->doc, copies, &number, &count)) return;
	cell->copies = (int)count;
	if (cell->replica_count < 2) return; /* said at the replicas */
	if (count < 2)
		doc_error(&l->doc, copies,
		          "found '1': the home itself counts as one, so nothing would outlive it; "
		          "expected 2 or more, or mode: async");
	else if ((int)count > cell->replica_count)
		doc_error(&l->doc, copies,
		          "found '%d', but the cell has %d replicas; expected at most that many",
		          (int)count, cell->replica_count);
}

/* Limits of what may get lost: only an async cell loses anything. */
static void load_limits(struct load *l, const struct doc_node *map, const struct cell_source *s,
                        struct policy_cell *cell) {
	static const char *const of_async[] = {"max_loss", "max_lag", "on_lag", "failover_after"};
	cell->max_loss = s->max_loss;
	cell->max_lag_ms = s->max_lag_ms;
	cell->on_lag = (enum lag_choice)s->on_lag;
	cell->failover_after_ms = s->failover_after_ms;
	for (size_t i = 0; i < sizeof of_async / sizeof *of_async; i++) {
		const struct doc_node *key = doc_child(map, of_async[i]);
		if (key && cell->mode == CELL_SYNC)
			doc_error_key(&l->doc, key,
			              "a sync cell loses nothing that it acknowledged; expected no "
			              "such key, or mode: async");
	}
	const struct doc_node *lag = doc_child(map, "max_lag"), *on_lag = doc_child(map, "on_lag");
	if (on_lag && !lag)
		doc_error_key(&l->doc, on_lag,
		              "says what happens at a limit that is not there; "
		              "expected max_lag, too");
	else if (lag && cell->on_lag == LAG_THROTTLE && cell->replica_count == 1)
		doc_error_key(
			&l->doc, lag,
			"with one replica no write would ever be taken; expected two or more");
	else if (lag && cell->on_lag == LAG_HOLD && cell->max_lag_ms &&
	         cell->max_lag_ms < HOLD_LAG_MIN_MS)
		doc_error(
			&l->doc, lag,
			"found less than 1s: a death is certain only when the lease is over, which "
			"takes longer, so every failover would be held; expected 1s or more, or "
			"on_lag: throttle");
}

static void load_cell(struct load *l, const struct doc_node *map, struct policy_cell *cell) {
	struct cell_source source = {.mode = MODE_UNSAID,
	                             .on_partition = PARTITION_CONSISTENCY,
	                             .replication_sla_ms = SLA_DEFAULT_MS};
	doc_read(&l->doc, map, cell_fields, &source);
	bool mode_wrong = source.mode == MODE_UNSAID && doc_child(map, "mode");
	cell->mode = source.mode == CELL_SYNC ? CELL_SYNC : CELL_ASYNC;
	cell->on_partition = (enum partition_choice)source.on_partition;
	cell->replication_sla_ms = source.replication_sla_ms;
	cell->copies = 1;
	if (!source.replicas) return;
	cell->replica_count =
		load_regions(l, source.replicas, POLICY_REPLICAS_MAX, cell->replicas, NULL);
	for (int i = 0; i < cell->replica_count; i++)
		cell->replica_set |= (region_set)1 << cell->replicas[i];
	if (source.replicas->count == 0)
		doc_error(&l->doc, source.replicas,
		          "the list is empty; expected at least one region");
	/* What follows from a mistake that was noted is not worth a second one. */
	if (!mode_wrong) load_limits(l, map, &source, cell);
	if (mode_wrong || (uint32_t)cell->replica_count != source.replicas->count) return;
	if (cell->mode == CELL_SYNC) {
		if (cell->replica_count == 1)
			doc_error(&l->doc, source.replicas,
			          "found one region, but mode: sync acknowledges when a second one "
			          "has "
			          "the write; expected 2 or more, or mode: async");
		load_copies(l, source.copies, cell);
	} else if (source.copies) {
		doc_error_key(
			&l->doc, source.copies,
			"an async cell acknowledges when the home has the write, it waits for no "
			"copies; expected no such key, or mode: sync");
	}
}

void load_cell_section(struct load *l) {
	static const struct field entry = {.type = FIELD_MAPPING};
	if (!l->cells) return;
	struct policy_cell *cells = load_alloc(l, l->cells->count, sizeof *cells);
	if (!cells) return;
	l->policy->cells = cells;
	for (const struct doc_node *c = l->cells->first; c; c = c->next) {
		int index = l->policy->cell_count++;
		cells[index].name = load_name(l, c, &l->own->cells, index);
		const struct doc_node *map = NULL;
		if (doc_read_value(&l->doc, c, &entry, &map)) load_cell(l, map, &cells[index]);
	}
}
