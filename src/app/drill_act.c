/* What a drill does to a region, and undoes. */
#include "app/drill.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_MS = 60000, STEP_MS = 20 };

static bool fail(const char *what, const char *region) {
	complain("drill: %s: %s: %s", region, what, strerror(errno));
	return false;
}

static void say(bool loud, const struct drill_act *a, pid_t pid, const char *what,
                bool can_restore) {
	if (!loud) return;
	printf("%s %s (process %d)", a->region, what, (int)pid);
	if (can_restore)
		printf(". Bring it back with: holdfast drill restore %s --dir %s", a->region,
		       a->place->dir);
	printf("\n");
}

/* --- on a playground ------------------------------------------------------------------- */

static bool place_kill(const struct drill_act *a, int region, pid_t pid, bool loud) {
	char path[1024];
	place_path(a->place, path, "%s.down", a->region);
	if (place_write(path, "killed by a drill\n") != ERR_OK) return false;
	if (kill(pid, SIGKILL) != 0) return fail("cannot be killed", a->region);
	/* Until it is gone: a restore right behind this must not take it for alive. */
	for (int tries = 0; tries < 100 && place_pid(a->place, region); tries++)
		place_wait_ms(STEP_MS);
	say(loud, a, pid, "killed", true);
	return true;
}

static bool place_apply(const struct drill_act *a, bool loud) {
	int region = place_region(a->place, a->region);
	pid_t pid = region < 0 ? 0 : place_pid(a->place, region);
	if (region < 0) return false;
	if (!pid) {
		complain("drill: %s: is not running: restore it first", a->region);
		return false;
	}
	if (strcmp(a->what, "kill") == 0) return place_kill(a, region, pid, loud);
	if (kill(pid, SIGSTOP) != 0) return fail("cannot be stopped", a->region);
	say(loud, a, pid, "paused", true);
	return true;
}

static bool place_start(const struct drill_act *a, int region, bool loud) {
	char path[1024];
	const struct place *p = a->place;
	if (!p->pid) {
		complain("drill: %s: its playground is not running: start it with: holdfast "
		         "playground --dir %s",
		         a->region, p->dir);
		return false;
	}
	place_path(p, path, "%s.down", a->region);
	unlink(path);
	if (kill(p->pid, PLACE_RESTORE) != 0)
		return fail("the playground cannot be told", a->region);
	for (int tries = 0; tries < 250; tries++) {
		pid_t pid = place_pid(p, region);
		if (pid) {
			say(loud, a, pid, "started", false);
			return true;
		}
		place_wait_ms(STEP_MS);
	}
	complain("drill: %s: it did not start within 5 s: see %s/%s.log", a->region, p->dir,
	         a->region);
	return false;
}

static bool place_undo(const struct drill_act *a, bool loud) {
	int region = place_region(a->place, a->region);
	pid_t pid = region < 0 ? 0 : place_pid(a->place, region);
	if (region < 0) return false;
	if (!pid) return place_start(a, region, loud);
	if (kill(pid, SIGCONT) != 0) return fail("cannot be resumed", a->region);
	say(loud, a, pid, "goes on", false);
	return true;
}

/* --- elsewhere: the operator's own commands ------------------------------------------------ */

/* The child's process, or 0. What it says goes to standard error: ours is the report. It gets signals as usual, and a group of its own: Ctrl-C is for us,
 * who must still undo. */
static pid_t command_start(const struct drill_act *a, const char *command) {
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)command, NULL};
	posix_spawnattr_t attr;
	posix_spawn_file_actions_t files;
	sigset_t none;
	pid_t pid = 0;
	if (setenv("DRILL_REGION", a->region, 1) != 0 || posix_spawnattr_init(&attr) != 0) return 0;
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	int failed = posix_spawn_file_actions_init(&files);
	if (!failed) {
		posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
		failed = posix_spawn(&pid, "/bin/sh", &files, &attr, argv, environ);
		posix_spawn_file_actions_destroy(&files);
	}
	posix_spawnattr_destroy(&attr);
	return failed ? 0 : pid;
}

static bool command_run(const struct drill_act *a, const char *command) {
	int status = 0;
	fflush(stdout);
	pid_t pid = command_start(a, command);
	if (!pid) return fail("no shell can be started", a->region);
	for (int waited = 0; waited < COMMAND_MS; waited += STEP_MS) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid) {
			if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
			complain("drill: %s: the command failed (%s %d): %s", a->region,
			         WIFEXITED(status) ? "status" : "signal",
			         WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
			         command);
			return false;
		}
		place_wait_ms(STEP_MS);
	}
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	complain("drill: %s: the command did not end within %d s: %s", a->region, COMMAND_MS / 1000,
	         command);
	return false;
}

bool drill_apply(const struct drill_act *a, bool loud) {
	return a->place ? place_apply(a, loud) : command_run(a, a->apply);
}

bool drill_undo(const struct drill_act *a, bool loud) {
	return a->place ? place_undo(a, loud) : command_run(a, a->undo);
}
