/* Decisions as they were made, to be made again under another policy: who asked for what, where, in
 * which world, and what came of it. A codec over bytes in memory; decoding allocates nothing, and
 * trusts nothing.
 *
 *   file    = header block*
 *   header  = "HFR1" u16 format u16 bytes, policy hash (32), u32 sampled, u8 regions,
 *             (u8 length, name)*, u32 crc32c of all before
 *   block   = u32 bytes, u32 crc32c of the records, record*
 *   record  = u16 bytes of body, u8 kind, body; see enum recorded_kind
 *
 * Little-endian. Names and states come before what refers to them; a world is told as changes of the one
 * before. What a crash leaves of the last block, a part of it, another content, or zeros, ends the recording
 * as its end does, and is told. */
#pragma once
#include "policy/decide.h"

enum {
	RECORDING_FORMAT = 1,
	RECORDING_HEADER_MAX = 8192,
	RECORDING_BLOCK_MAX = 1 << 20, /* records of one block */
	RECORDING_TENANTS_MAX = 1 << 24,
	RECORDING_CELLS_MAX = 1 << 20,
	RECORDED_HEADERS_MAX = 64,
	RECORDED_TEXT_MAX = 8192, /* of one text of a request; what is longer is cut off */
};

enum recorded_kind {
	RECORDED_END,    /* no record: there is no more */
	RECORDED_TENANT, /* a name; they count up from 0 */
	RECORDED_CELL,   /* a name and its replicas' regions; they count up from 0 */
	RECORDED_WORLD,  /* what follows was decided in this version of the world, or later ones; states
	                  * told after it are changes within it */
	RECORDED_REGION, /* a region's new state */
	RECORDED_STATE,  /* a cell's new state */
	RECORDED_DECISION,
};

struct recorded_decision {
	uint32_t tenant; /* of the recording */
	int verdict;     /* enum verdict: what was decided */
	int region;      /* of the recording; -1: none */
	/* request.tenant is not set; request.here is a region of the recording. Texts point into the
	 * recording, headers and client.ip into this. */
	struct decide_request request;
	struct decide_header headers[RECORDED_HEADERS_MAX];
	struct cel_net ip;
};
struct recorded {
	enum recorded_kind kind;
	struct slice name; /* TENANT, CELL */
	uint32_t index;    /* TENANT, CELL, STATE: which of the recording; REGION: which */
	int replicas[POLICY_REPLICAS_MAX]; /* CELL: regions of the recording */
	int replica_count;
	uint64_t version;           /* WORLD */
	struct world_region region; /* REGION */
	struct world_cell cell; /* STATE; home: a region of the recording; lags by replica_count */
	struct recorded_decision decision; /* DECISION */
};

/* --- reading ------------------------------------------------------------------------------- */

struct recording {
	uint8_t policy_hash[32];
	uint32_t sampled; /* one of so many requests was recorded */
	int region_count;
	struct slice regions[POLICY_REGIONS_MAX];
	uint32_t tenant_count, cell_count; /* so far */
	struct slice rest, block;          /* private */
	size_t torn_bytes; /* at the end, once there is no more: of a block cut off */
};
/* Reads the header. The bytes are borrowed and must outlive the recording. ERR_FORMAT: no recording, or
 * of a newer program; ERR_CORRUPT. */
MUST enum err recording_open(struct recording *r, struct slice bytes);
/* Whether the bytes end, or turn to zeros, before the header does: a crash came right after the beginning. */
bool recording_unbegun(struct slice bytes);
/* The next record into *out; kind RECORDED_END, and ERR_OK, at the end. ERR_CORRUPT: a checksum fails or
 * a record is not as this page says; then there is no going on. */
MUST enum err recording_next(struct recording *r, struct recorded *out);

/* --- writing ------------------------------------------------------------------------------- */

struct recorder;
/* For decisions under this policy, which must outlive it. One thread. NULL: no memory. */
struct recorder *recorder_new(const struct policy *p, uint32_t sampled);
void recorder_free(struct recorder *r);
/* From here on a recording of its own, with header and names: for the next file. What was not taken is
 * gone. */
void recorder_restart(struct recorder *r);
size_t recorder_waiting(const struct recorder *r); /* bytes of records that nobody took */
/* What has been recorded since the last call, whole blocks, appended to `out`: write it to a file's end.
 * The first call brings the header. ERR_TOO_LARGE, ERR_NO_MEMORY: nothing is lost, call again. */
MUST enum err recorder_take(struct recorder *r, struct buf *out);
/* Records one decision, and what differs from the world last recorded: all of it when its version does,
 * else the regions and the tenant's cell, which is what the decision saw. ERR_OVERLOADED: more than
 * RECORDING_BLOCK_MAX waits to be taken, and this one is not recorded. ERR_NO_MEMORY. */
MUST enum err recorder_add(struct recorder *r, const struct world *w,
                           const struct decide_request *q, const struct decision *d);
