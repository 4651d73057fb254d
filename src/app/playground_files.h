/* The files of a playground: made once, then kept as people edit them. */
#pragma once
#include "app/place.h"

/* The secondary source of `playground --secondary`; ports are offsets to the base. */
#define PLAYGROUND_SPARE "spare"
enum { PLAYGROUND_SPARE_HTTP = 401, PLAYGROUND_SPARE_ADMIN = 402 };

/* Creates what is missing in p->dir: secrets, keys, policy, one node file a process. etcd: URLs with
 * commas between them; NULL: a file. */
MUST enum err playground_files(struct place *p, const char *etcd);
