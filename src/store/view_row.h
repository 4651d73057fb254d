/* The state row of a view: what view.c writes and view_read.c reads in each snapshot. */
#pragma once
#include "store/view.h"

/* LMDB's codes; an absent row is an empty view; MDB_CORRUPTED for a damaged one. */
MUST int view_row_read(MDB_txn *txn, MDB_dbi meta, struct view_state *out);
MUST int view_row_write(MDB_txn *txn, MDB_dbi meta, const struct view_state *state);
