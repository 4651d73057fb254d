/* What uv_fetch.c (calls) and uv_fetch_curl.c (one transfer of libcurl) share. */
#pragma once
#include <curl/curl.h>

#include "io/fetch.h"
#include "io/uv_driver.h"

/* Of a streamed body, between two turns of the loop: libcurl reads its buffer a hundred times. */
enum { FETCH_TURN_BYTES = 4 << 20 };

struct fetch {
	struct uv_io *io;
	CURLM *multi;
	uv_timer_t timer;
	struct list runs; /* under way */
	struct list fed;  /* streamed ones that have bytes to hand out */
	char *ca, *cert, *key;
	size_t answer_max_bytes;
	int calling; /* inside an owner's callback */
	bool freed;  /* there */
};

/* A call under way. */
struct fetch_run {
	struct fetch *fetch;
	struct fetch_call *call;
	CURL *easy;
	struct curl_slist *fields;
	struct list_node node, fed_node;
	bool fed, streams, too_large;
	struct buf body;
	char why[CURL_ERROR_SIZE];
};

/* --- uv_fetch_curl.c --- */
struct fetch_run *fetch_run_new(struct fetch *f, struct fetch_call *call); /* NULL: no memory */
void fetch_run_free(struct fetch_run *r);
enum err fetch_run_err(const struct fetch_run *r, CURLcode code);
int fetch_run_status(const struct fetch_run *r);
