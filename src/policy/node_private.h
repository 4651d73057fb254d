/* What loading a node's configuration keeps for checking it later. Private to src/policy. */
#pragma once
#include "base/arena.h"
#include "policy/node.h"

struct node_position {
	uint32_t line, column;
};
/* Behind struct node_config: its memory, and where its regions stand in the file. */
struct node_private {
	struct arena arena;
	struct node_position section, *regions; /* keys */
};
