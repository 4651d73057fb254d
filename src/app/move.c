/* Makes one planned move through the home's admin port. */
#include "app/move.h"
#include "app/place.h"
#include "base/parse.h"

#include <stdio.h>

enum { REST_MS = 100, OVER_MS = 5000 };

enum err move_duration(const char *option, const char *text, uint64_t most_ms, uint64_t *out) {
	if (!text || parse_duration_ms(slice_str(text), most_ms, out) == ERR_OK) return ERR_OK;
	complain("%s %s: must be a duration up to %llu s, such as 500ms or 30s", option, text,
	         (unsigned long long)most_ms / 1000);
	return ERR_INVALID;
}

void move_print(const struct move_wish *wish, const struct move_outcome *out) {
	if (out->was_there)
		printf("%s is at %s (epoch %llu)\n", wish->cell, wish->to,
		       (unsigned long long)out->epoch);
	else
		printf("%s: %s -> %s (epoch %llu, writes paused %.0f ms)\n", wish->cell, out->from,
		       wish->to, (unsigned long long)out->epoch, out->pause_ms);
	fflush(stdout);
}

/* --- one try ---------------------------------------------------------------------------------- */

/* ERR_OK; what may end otherwise another time; anything else is final. `why` says it. */
static enum err ask_home(struct target *t, int home, const struct move_wish *wish,
                         struct move_outcome *out, char why[512]) {
	char path[128], body[200];
	snprintf(path, sizeof path, "/admin/v1/cells/%.64s/move", wish->cell);
	int n = snprintf(body, sizeof body,
	                 "{\"to\":\"%.32s\",\"wait_ms\":%llu,\"caught_up_ms\":%llu}", wish->to,
	                 (unsigned long long)wish->wait_ms, (unsigned long long)wish->caught_up_ms);
	struct http_header json = {.name = SLICE_LIT("Content-Type"),
	                           .value = SLICE_LIT("application/json")};
	struct client_request r = {.method = "POST",
	                           .target = path,
	                           .fields = &json,
	                           .field_count = 1,
	                           .body = slice_of(body, (size_t)n),
	                           .first = home,
	                           .only_first = true};
	struct client_answer a;
	struct fault fault = {0};
	enum err err = client_send(t->client, &r, &a, &fault);
	if (err) {
		snprintf(why, 512, "%s", fault.text);
		err = ERR_UNAVAILABLE;
	} else {
		json_t *said =
			json_loadb((const char *)buf_slice(&a.body).ptr, a.body.len, 0, NULL);
		out->epoch = (uint64_t)json_integer_value(json_object_get(said, "epoch"));
		out->pause_ms = json_real_value(json_object_get(said, "pause_ms"));
		snprintf(why, 512, "%.500s", view_text(said, "detail", "it gave no reason"));
		if (a.status != 200) err = a.status >= 500 ? ERR_UNAVAILABLE : ERR_FORBIDDEN;
		if (a.status == 409) err = ERR_EXISTS;
		json_decref(said);
	}
	client_answer_done(&a);
	return err;
}

/* Looks who is home, and asks it unless that is as wished. */
static enum err try_once(struct target *t, const struct move_wish *wish, struct move_outcome *out,
                         char why[512]) {
	json_t *all = view_all(t), *cell = view_cell(all, wish->cell);
	const char *home = view_text(cell, "home", "");
	int at = view_region(t, home);
	enum err err = ERR_UNAVAILABLE;
	if (!view_cells(all)) {
		snprintf(why, 512, "no region answers: is it running?");
	} else if (!cell) {
		snprintf(why, 512, "no such cell: see holdfast cell list");
		err = ERR_NOT_FOUND;
	} else if (!view_has_home(cell)) {
		snprintf(why, 512, "it has no home that answers now: see holdfast status");
	} else if (strcmp(home, wish->to) == 0) {
		out->epoch = (uint64_t)json_integer_value(json_object_get(cell, "epoch"));
		out->was_there = !out->from[0];
		err = ERR_OK;
	} else {
		snprintf(out->from, sizeof out->from, "%.31s", home);
		err = ask_home(t, at < 0 ? 0 : at, wish, out, why);
	}
	json_decref(all);
	return err;
}

enum err move_make(struct target *t, const struct move_wish *wish, struct move_outcome *out) {
	char why[512] = "";
	uint64_t until_ms = client_now_ms(t->client) + wish->wait_ms + OVER_MS;
	*out = (struct move_outcome){0};
	for (;;) {
		enum err err = try_once(t, wish, out, why);
		if (err == ERR_OK) return ERR_OK;
		bool again = err == ERR_UNAVAILABLE || err == ERR_EXISTS;
		if (!again || client_now_ms(t->client) >= until_ms) {
			complain("%s: not moved to %s: %s", wish->cell, wish->to, why);
			return err;
		}
		place_wait_ms(REST_MS);
	}
}
