/* A bar for long work. */
#include "app/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR_CHARS = 40 };

void progress_start(struct progress *p, bool wanted, const char *what, uint64_t total) {
	*p = (struct progress){.what = what, .total = total ? total : 1, .shown = -1};
	if (!wanted || !isatty(STDERR_FILENO)) return;
	p->shown = 0;
	progress_at(p, 0);
}

void progress_at(struct progress *p, uint64_t done) {
	if (p->shown < 0) return;
	int mille = done >= p->total ? 1000 : (int)((double)done * 1000 / (double)p->total);
	if (mille == p->shown && done) return;
	p->shown = mille;
	fprintf(stderr, "\r%s [", p->what);
	for (int i = 0; i < BAR_CHARS; i++) fputc(i * 1000 < mille * BAR_CHARS ? '#' : '.', stderr);
	fprintf(stderr, "] %3d %%", mille / 10);
}

void progress_end(struct progress *p) {
	if (p->shown >= 0) fputs("\r\033[K", stderr);
	p->shown = -1;
}
