/* `holdfast policy record`: requests as lines of JSON, decided, into a recording. */
#include "app/config.h"
#include "app/policy.h"
#include "base/parse.h"
#include "io/files.h"
#include "policy/decide_json.h"
#include "policy/recording.h"

#include <stdio.h>

static const char help[] =
	"usage: holdfast policy record POLICY REQUESTS|- RECORDING [--sampled N]\n\n"
	"Decides every request of a file of JSON lines, such as an access log turned into "
	"requests, and\n"
	"writes a recording for `holdfast policy replay`. A line {\"world\": {…}} changes what is "
	"believed of\n"
	"regions and cells from there on. The forms are those of `holdfast decide --help`; "
	"\"time\" in the\n"
	"requests lets a replay forecast the load of every region.\n\n"
	"      --sampled N           the file holds one of N requests (default 1)\n\n"
	"Exit status: 0 recorded, 1 a file is wrong, 2 usage.\n\n"
	"example: holdfast policy record examples/policy.yaml requests.jsonl traffic.hfr\n";

enum { RECORDING_MAX = 1 << 30 };

struct making {
	const char *path; /* of the requests */
	struct policy *policy;
	struct whatif world;
	struct recorder *recorder;
	struct buf out;
	struct decide_input input;
	struct decision decision;
	uint64_t line, recorded;
};

static bool wrong(const struct making *m, const char *where, const char *what) {
	fprintf(stderr, "%s:%llu:1: %s%s%s\n", m->path, (unsigned long long)m->line, where,
	        where[0] ? ": " : "", what);
	return false;
}

static bool change_world(struct making *m, const json_t *world) {
	struct json_mistake mistake = {.path = "world"};
	if (decide_world_read(m->policy, world, &m->world, &mistake))
		return wrong(m, mistake.path, mistake.text);
	m->world.world.version++;
	return true;
}

static bool record_request(struct making *m, const json_t *request) {
	struct json_mistake mistake = {{0}};
	decide_input_init(&m->input, -1, -1);
	if (decide_input_read(m->policy, request, &m->input, &mistake))
		return wrong(m, mistake.path, mistake.text);
	whatif_decide(&m->world, m->policy, &m->input.request, &m->decision, NULL);
	enum err e = recorder_add(m->recorder, &m->world.world, &m->input.request, &m->decision);
	if (e == ERR_OVERLOADED) {
		e = recorder_take(m->recorder, &m->out);
		if (!e)
			e = recorder_add(m->recorder, &m->world.world, &m->input.request,
			                 &m->decision);
	}
	m->recorded++;
	return e ? wrong(m, "", err_text(e)) : true;
}

static bool record_line(struct making *m, struct slice line) {
	json_error_t error;
	m->line++;
	if (slice_trim(line).len == 0) return true;
	json_t *o = json_loadb((const char *)line.ptr, line.len, JSON_REJECT_DUPLICATES, &error);
	if (!o) return wrong(m, "", error.text);
	const json_t *world = json_object_get(o, "world");
	bool only_world = world && json_object_size(o) == 1;
	bool good = only_world ? change_world(m, world) : record_request(m, o);
	json_decref(o);
	return good;
}

static bool record_all(struct making *m, struct slice text) {
	bool good = true;
	while (good && text.len) good = record_line(m, slice_cut(&text, '\n'));
	return good;
}

static int record(struct making *m, const char *to, uint32_t sampled) {
	struct buf text;
	int status = EXIT_NO;
	enum err e = config_read_file(m->path, &text);
	if (!e && whatif_init(&m->world, m->policy) == ERR_OK)
		m->recorder = recorder_new(m->policy, sampled);
	buf_init(&m->out, RECORDING_MAX);
	if (!e && !m->recorder) complain("policy record: %s", err_text(ERR_NO_MEMORY));
	if (m->recorder && record_all(m, buf_slice(&text))) {
		e = recorder_take(m->recorder, &m->out);
		if (!e) e = files_replace(files_posix(), to, buf_slice(&m->out));
		if (e)
			complain("policy record: %s: %s", to, err_text(e));
		else
			printf("%llu decisions, %zu bytes\n", (unsigned long long)m->recorded,
			       m->out.len);
		status = e ? EXIT_NO : EXIT_YES;
	}
	recorder_free(m->recorder);
	whatif_done(&m->world);
	buf_done(&m->out);
	buf_done(&text);
	return status;
}

int policy_record(int argc, char **argv) {
	static struct making m;
	const char *sampled = NULL;
	uint64_t one_of = 1;
	const struct option_spec specs[] = {{"sampled", true, &sampled}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (words != 3) {
		complain(
			"policy record: needs a policy, requests and a name for the recording: see "
			"holdfast policy record --help");
		return EXIT_USAGE;
	}
	if (sampled && (parse_u64(slice_str(sampled), 1000000, &one_of) || one_of == 0)) {
		complain("policy record: --sampled %s: expected 1 to 1000000", sampled);
		return EXIT_USAGE;
	}
	m.path = argv[1];
	int status = EXIT_NO;
	if (config_load_policy(argv[0], &m.policy) == ERR_OK)
		status = record(&m, argv[2], (uint32_t)one_of);
	policy_free(m.policy);
	return status;
}
