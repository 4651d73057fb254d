/* The section signals, and the distances between regions: what orders and believes the world. */
#include <math.h>

#include "policy/load.h"

#define SIGNAL(name, member)                                                                       \
	{                                                                                          \
		.key = name, .type = FIELD_DURATION, .offset = offsetof(struct signals, member),   \
		.min = 1, .max = 24 * 3600 * 1000                                                  \
	}

struct signals {
	uint64_t state_ms, breaker_ms, capacity_ms, lag_ms;
};
static const struct field signal_fields[] = {
	SIGNAL("state", state_ms),
	SIGNAL("breaker", breaker_ms),
	SIGNAL("capacity", capacity_ms),
	SIGNAL("lag", lag_ms),
	{NULL},
};

void load_signal_section(struct load *l) {
	struct signals s = {10000, 30000, 10000, 2000};
	if (l->signals) doc_read(&l->doc, l->signals, signal_fields, &s);
	l->policy->signals = (struct policy_signals){(uint32_t)s.state_ms, (uint32_t)s.breaker_ms,
	                                             (uint32_t)s.capacity_ms, (uint32_t)s.lag_ms};
}

void load_unit(double latitude, double longitude, double out[3]) {
	const double degree = 3.14159265358979323846 / 180;
	double round = cos(latitude * degree);
	out[0] = round * cos(longitude * degree);
	out[1] = round * sin(longitude * degree);
	out[2] = sin(latitude * degree);
}

/* Of two points on the sphere the nearer has the larger product. Equal ones stay in the file's
 * order. */
static void near_sort(struct load *l, int from) {
	const double *a = l->own->unit[from];
	uint8_t *near = l->own->near[from];
	double product[POLICY_REGIONS_MAX];
	for (int i = 0; i < l->policy->region_count; i++) {
		const double *b = l->own->unit[i];
		double p = i == from ? 2 : a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
		int at = i;
		for (; at > 0 && product[at - 1] < p; at--) {
			product[at] = product[at - 1];
			near[at] = near[at - 1];
		}
		product[at] = p;
		near[at] = (uint8_t)i;
	}
}

void load_distances(struct load *l) {
	size_t count = (size_t)l->policy->region_count;
	l->own->unit = load_alloc(l, count, sizeof *l->own->unit);
	l->own->near = load_alloc(l, count, sizeof *l->own->near);
	if (!l->own->unit || !l->own->near) return;
	for (size_t i = 0; i < count; i++)
		load_unit(l->policy->regions[i].latitude, l->policy->regions[i].longitude,
		          l->own->unit[i]);
	for (size_t i = 0; i < count; i++) near_sort(l, (int)i);
}
