/* Numbers of the recording's format that reading and writing share. Private to src/policy. */
#pragma once
#include "policy/recording.h"

#define RECORDING_MAGIC "HFR1"

enum {
	RECORDING_BLOCK_HEAD = 8,
	RECORDED_NO_REGION = 255,
	/* Flags of a decision. */
	RECORDED_WRITE = 1,
	RECORDED_FORWARDED = 2,
	RECORDED_ADDRESS = 4,
	RECORDED_LOCATED = 8,
	/* Flags of a region. */
	RECORDED_STATE_BITS = 3,
	RECORDED_BREAKER = 4,
	RECORDED_CAPACITY = 8,
	/* Texts of a decision, in this order. */
	RECORDED_TEXTS = 6,
};
#define RECORDED_TEXTS_OF(q)                                                                       \
	{ &(q)->domain, &(q)->method, &(q)->path, &(q)->host, &(q)->sticky, &(q)->client.country }
