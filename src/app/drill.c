/* `holdfast drill`: what an on-call engineer rehearses, on a playground. */
#include "app/command.h"
#include "app/place.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const char help[] = "usage: holdfast drill kill|pause|restore REGION [--dir DIR]\n\n"
			   "REGION may also be the secondary source, spare.\n\n"
			   "  kill      end the region's process with SIGKILL, as a crash does; it "
			   "stays down until restore\n"
			   "  pause     stop it with SIGSTOP: it answers nothing but its process "
			   "lives, as a hung machine does\n"
			   "  restore   let a paused region go on, or start a killed one again\n\n"
			   "      --dir DIR   the playground (default .playground)\n\n"
			   "example: holdfast drill kill us-east --dir .playground\n";

static int fail(const char *what, const char *region) {
	complain("drill: %s: %s: %s", region, what, strerror(errno));
	return EXIT_NO;
}

static int drill_kill(const struct place *p, int region, pid_t pid) {
	char path[1024];
	place_path(p, path, "%s.down", p->regions[region]);
	if (place_write(path, "killed by a drill\n") != ERR_OK) return EXIT_NO;
	if (kill(pid, SIGKILL) != 0) return fail("cannot be killed", p->regions[region]);
	/* Until it is gone: a restore right behind this must not take it for alive. */
	for (int tries = 0; tries < 100 && place_pid(p, region); tries++) place_wait_ms(20);
	printf("%s killed (process %d). Bring it back with: holdfast drill restore %s --dir %s\n",
	       p->regions[region], (int)pid, p->regions[region], p->dir);
	return EXIT_YES;
}

static int drill_restore(const struct place *p, int region, pid_t pid) {
	char path[1024];
	const char *name = p->regions[region];
	if (pid) {
		if (kill(pid, SIGCONT) != 0) return fail("cannot be resumed", name);
		printf("%s goes on (process %d)\n", name, (int)pid);
		return EXIT_YES;
	}
	if (!p->pid) {
		complain("drill: %s: its playground is not running: start it with: holdfast "
		         "playground --dir %s",
		         name, p->dir);
		return EXIT_NO;
	}
	place_path(p, path, "%s.down", name);
	unlink(path);
	if (kill(p->pid, PLACE_RESTORE) != 0) return fail("the playground cannot be told", name);
	for (int tries = 0; tries < 100; tries++) {
		if ((pid = place_pid(p, region)) != 0) {
			printf("%s started (process %d)\n", name, (int)pid);
			return EXIT_YES;
		}
		place_wait_ms(50);
	}
	complain("drill: %s: it did not start within 5 s: see %s/%s.log", name, p->dir, name);
	return EXIT_NO;
}

int command_drill(int argc, char **argv) {
	const char *dir = ".playground";
	const struct option_spec specs[] = {{"dir", true, &dir}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (words != 2) {
		complain("drill: name what to do and a region: see holdfast drill --help");
		return EXIT_USAGE;
	}
	struct place p;
	if (place_open(dir, &p) != ERR_OK) return EXIT_NO;
	int region = place_region(&p, argv[1]);
	if (region < 0) return EXIT_NO;
	pid_t pid = place_pid(&p, region);
	if (strcmp(argv[0], "restore") == 0) return drill_restore(&p, region, pid);
	bool is_kill = strcmp(argv[0], "kill") == 0;
	if (!is_kill && strcmp(argv[0], "pause") != 0) {
		complain("drill: %s: must be kill, pause or restore", argv[0]);
		return EXIT_USAGE;
	}
	if (!pid) {
		complain("drill: %s: is not running: restore it first", argv[1]);
		return EXIT_NO;
	}
	if (is_kill) return drill_kill(&p, region, pid);
	if (kill(pid, SIGSTOP) != 0) return fail("cannot be stopped", argv[1]);
	printf("%s paused (process %d). Let it go on with: holdfast drill restore %s --dir %s\n",
	       argv[1], (int)pid, argv[1], p.dir);
	return EXIT_YES;
}
