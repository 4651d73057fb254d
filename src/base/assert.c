/* The last words of a broken promise of ours. Knows nothing but standard error:
 * the log may be what is broken. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *expr, const char *file, int line) {
	fprintf(stderr, "holdfast: %s:%d: assertion failed: %s: this is a bug: please report it\n",
	        file, line, expr);
	abort();
}
