/* fetch.h on libuv: libcurl says which sockets and which time it waits for, libuv waits, and
 * what came of it is handed out when libcurl has returned, so that an owner may start, cancel
 * and free whatever it likes inside a callback. */
#include <pthread.h>
#include <stdlib.h>

#include "io/files.h"
#include "io/uv_fetch.h"

/* A socket that libcurl waits for; it goes when libuv lets go of it. */
struct fetch_socket {
	uv_poll_t poll;
	struct fetch *fetch;
	curl_socket_t fd;
};

static void release(struct fetch *f);

/* --- handing out --------------------------------------------------------------------------- */

static void enter(struct fetch *f) {
	f->calling++;
	uv_enter(f->io);
}

/* The bytes are taken out first: the owner may cancel its call in here. */
static void hand_out(struct fetch *f, struct fetch_run *r) {
	struct fetch_call *call = r->call;
	struct buf bytes = r->body;
	buf_init(&r->body, FETCH_TURN_BYTES);
	enter(f);
	call->part(call, buf_slice(&bytes));
	f->calling--;
	buf_done(&bytes);
}

static void hand_out_parts(struct fetch *f) {
	for (struct list_node *n; !f->freed && (n = list_pop_front(&f->fed));) {
		struct fetch_run *r = CONTAINER_OF(n, struct fetch_run, fed_node);
		r->fed = false;
		hand_out(f, r);
	}
}

static void finish(struct fetch *f, struct fetch_run *r, CURLcode code) {
	struct fetch_call *call = r->call;
	enum err err = fetch_run_err(r, code);
	int status = fetch_run_status(r);
	list_remove(&f->runs, &r->node);
	curl_multi_remove_handle(f->multi, r->easy);
	call->run = NULL;
	call->why = *r->why ? r->why : curl_easy_strerror(code);
	struct slice body = err || r->streams ? slice_of(NULL, 0) : buf_slice(&r->body);
	enter(f);
	call->done(call, err, status, body);
	f->calling--;
	fetch_run_free(r);
}

static void settle(struct fetch *f) {
	int left;
	hand_out_parts(f);
	for (CURLMsg *m; !f->freed && (m = curl_multi_info_read(f->multi, &left));) {
		if (m->msg != CURLMSG_DONE) continue;
		struct fetch_run *r = NULL;
		CURLcode code = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&r);
		finish(f, r, code);
	}
	if (f->freed && !f->calling) release(f);
}

/* --- what libcurl waits for ------------------------------------------------------------------ */

static void on_ready(uv_poll_t *poll, int status, int events) {
	struct fetch_socket *s = poll->data;
	struct fetch *f = s->fetch;
	int ready = status < 0 ? CURL_CSELECT_ERR : 0, running;
	if (events & UV_READABLE) ready |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE) ready |= CURL_CSELECT_OUT;
	curl_multi_socket_action(f->multi, s->fd, ready, &running);
	settle(f);
}

static void on_due(uv_timer_t *timer) {
	struct fetch *f = timer->data;
	int running;
	curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	settle(f);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *arg) {
	struct fetch *f = arg;
	if (timeout_ms < 0)
		uv_timer_stop(&f->timer);
	else
		uv_timer_start(&f->timer, on_due, (uint64_t)timeout_ms, 0);
	return 0;
}

static void on_socket_closed(uv_handle_t *handle) {
	free(handle->data);
}

static struct fetch_socket *socket_new(struct fetch *f, curl_socket_t fd) {
	struct fetch_socket *s = calloc(1, sizeof *s);
	if (!s) return NULL;
	s->fetch = f;
	s->fd = fd;
	if (uv_poll_init_socket(&f->io->loop, &s->poll, fd) != 0) {
		free(s);
		return NULL;
	}
	s->poll.data = s;
	curl_multi_assign(f->multi, fd, s);
	return s;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket) {
	struct fetch *f = arg;
	struct fetch_socket *s = socket;
	if (what == CURL_POLL_REMOVE) {
		if (!s) return 0;
		curl_multi_assign(f->multi, fd, NULL);
		uv_close((uv_handle_t *)&s->poll, on_socket_closed);
		return 0;
	}
	if (!s) s = socket_new(f, fd);
	if (!s) return -1; /* ends the transfers */
	int events =
		(what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	return uv_poll_start(&s->poll, events, on_ready) == 0 ? 0 : -1;
}

/* --- calls ---------------------------------------------------------------------------------------- */

enum err fetch_start(struct fetch *f, struct fetch_call *call) {
	struct fetch_run *r = fetch_run_new(f, call);
	if (!r) return ERR_NO_MEMORY;
	call->why = NULL;
	if (curl_multi_add_handle(f->multi, r->easy) != CURLM_OK) {
		fetch_run_free(r);
		return ERR_NO_MEMORY;
	}
	call->run = r;
	list_push_back(&f->runs, &r->node);
	return ERR_OK;
}

void fetch_cancel(struct fetch *f, struct fetch_call *call) {
	struct fetch_run *r = call->run;
	if (!r) return;
	call->run = NULL;
	curl_multi_remove_handle(f->multi, r->easy);
	fetch_run_free(r);
}

enum err fetch_wait(struct fetch *f, const struct fetch_call *call) {
	struct fetch_call copy = *call;
	copy.part = NULL;
	struct fetch_run *r = fetch_run_new(f, &copy);
	if (!r) return ERR_NO_MEMORY;
	enum err err = fetch_run_err(r, curl_easy_perform(r->easy));
	if (!err && fetch_run_status(r) != 200) err = ERR_BAD_GATEWAY;
	fetch_run_free(r);
	return err;
}

/* --- life ------------------------------------------------------------------------------------------ */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_works;

static void curl_start(void) {
	curl_works = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static bool keep(char **out, const char *text) {
	*out = text ? strdup(text) : NULL;
	return !text || *out;
}

/* A file that is missing would otherwise be a failed call each, and said nowhere. */
static enum err check_pem(const char *path, const char *what, struct fault *fault) {
	if (!path) return ERR_OK;
	struct files *fs = files_posix();
	struct buf text;
	buf_init(&text, 1 << 20);
	enum err e = files_read_all(fs, path, &text);
	if (e)
		fault_set(fault, e, "%s: %s: check the path and its permissions", path,
		          e == ERR_NOT_FOUND ? "there is no such file" : err_text(e));
	else if (!memmem(buf_slice(&text).ptr, text.len, "-----BEGIN ", 11))
		e = fault_set(fault, ERR_INVALID,
		              "%s: it is no PEM file: expected %s, which begins "
		              "with -----BEGIN",
		              path, what);
	buf_done(&text);
	return e;
}

static bool multi_start(struct fetch *f, int connections_max) {
	f->multi = curl_multi_init();
	return f->multi &&
	       curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) == CURLM_OK &&
	       curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) == CURLM_OK &&
	       curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) == CURLM_OK &&
	       curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f) == CURLM_OK &&
	       curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)connections_max) ==
	               CURLM_OK &&
	       curl_multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections_max) ==
	               CURLM_OK;
}

enum err fetch_new(struct io *io, const struct fetch_options *o, struct fetch **out,
                   struct fault *fault) {
	if (io->ops != &uv_ops)
		return fault_set(fault, ERR_UNSUPPORTED, "requests need a real network");
	enum err e = check_pem(o->ca, "certificates", fault);
	if (!e) e = check_pem(o->cert, "a certificate", fault);
	if (!e) e = check_pem(o->key, "a key", fault);
	if (e) return e;
	pthread_once(&curl_once, curl_start);
	struct fetch *f = calloc(1, sizeof *f);
	if (!f || !curl_works) {
		free(f);
		return fault_set(fault, ERR_NO_MEMORY, "no memory for requests");
	}
	f->io = (struct uv_io *)io;
	f->answer_max_bytes = o->answer_max_bytes;
	list_init(&f->runs);
	list_init(&f->fed);
	uv_timer_init(&f->io->loop, &f->timer);
	f->timer.data = f;
	if (!keep(&f->ca, o->ca) || !keep(&f->cert, o->cert) || !keep(&f->key, o->key) ||
	    !multi_start(f, o->connections_max)) {
		fetch_free(f);
		return fault_set(fault, ERR_NO_MEMORY, "no memory for requests");
	}
	*out = f;
	return ERR_OK;
}

static void on_timer_closed(uv_handle_t *handle) {
	free(handle->data);
}

static void release(struct fetch *f) {
	if (f->multi) curl_multi_cleanup(f->multi); /* takes back the sockets it waits for */
	free(f->ca);
	free(f->cert);
	free(f->key);
	uv_close((uv_handle_t *)&f->timer, on_timer_closed);
}

void fetch_free(struct fetch *f) {
	if (!f) return;
	LIST_EACH (&f->runs, n) {
		struct fetch_run *r = CONTAINER_OF(n, struct fetch_run, node);
		fetch_cancel(f, r->call);
	}
	f->freed = true;
	if (!f->calling) release(f);
}
