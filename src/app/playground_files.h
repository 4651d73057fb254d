/* The files of a playground: made once, then kept as people edit them. */
#pragma once
#include "app/place.h"

/* Creates what is missing in p->dir: secret, keys, policy, one node file a region. etcd: URLs with
 * commas between them; NULL: a file. */
MUST enum err playground_files(struct place *p, const char *etcd);
