/* Allocation of results. Knows no function. */
#include "cel/cel_room.h"

void *cel_room_bytes(struct cel_call *c, size_t bytes, struct cel_value *out) {
	void *room = c->arena ? arena_alloc(c->arena, bytes) : NULL;
	if (!room) *out = cel_error(CEL_FAULT_MEMORY);
	return room;
}

char *cel_room_text(struct cel_call *c, size_t len, struct cel_value *out) {
	if (!cel_pay(c, len / CEL_TEXT_PER_UNIT, out)) return NULL;
	*out = cel_error(CEL_FAULT_MEMORY);
	char *text = len <= UINT32_MAX ? cel_room_bytes(c, len, out) : NULL;
	if (text) *out = cel_string(slice_of(text, len));
	return text;
}

struct cel_value *cel_room_list(struct cel_call *c, size_t count, struct cel_value *out) {
	if (!cel_pay(c, count, out)) return NULL;
	if (count > UINT32_MAX) {
		*out = cel_error(CEL_FAULT_MEMORY);
		return NULL;
	}
	struct cel_list *list = cel_room_bytes(c, sizeof *list + count * sizeof *list->items, out);
	if (!list) return NULL;
	struct cel_value *items = (struct cel_value *)(list + 1);
	*list = (struct cel_list){.count = (uint32_t)count, .items = items};
	*out = (struct cel_value){.kind = CEL_LIST, .list = list};
	return items;
}
