/* HTTP into a request for a decision, and back. */
#include "policy/ask.h"

static bool reads(struct slice method) {
	return slice_is(method, "GET") || slice_is(method, "HEAD") || slice_is(method, "OPTIONS") ||
	       slice_is(method, "TRACE");
}

static struct slice domain_of(struct slice path) {
	static const char data[] = "/v1/data/";
	size_t skip = sizeof data - 1;
	if (!slice_starts(path, SLICE_LIT(data))) return slice_of(NULL, 0);
	struct slice rest = slice_of(path.ptr + skip, path.len - skip);
	return slice_cut(&rest, '/');
}

void ask_target(struct decide_request *ask, struct slice method, struct slice target) {
	ask->method = method;
	ask->path = slice_cut(&target, '?');
	ask->domain = domain_of(ask->path);
	ask->write = !reads(method);
}

int ask_status(const struct policy *p, const struct decision *d) {
	if (d->verdict == VERDICT_HOLD) return err_http_status(ERR_UNAVAILABLE);
	if (d->refusal == ERR_FORBIDDEN && d->rule >= 0) return p->rules[d->rule].status;
	return err_http_status(d->refusal);
}
