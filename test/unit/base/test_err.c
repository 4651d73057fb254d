/* The error table is complete and consistent; faults are cut, never overrun. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/err.h"

static void every_row_is_complete(void **state) {
	for (int i = 0; i < ERR_COUNT; i++) {
		enum err e = (enum err)i;
		assert_true(strlen(err_name(e)) > 0 && strlen(err_text(e)) > 0);
		assert_true(err_http_status(e) == 200 || err_http_status(e) >= 400);
		assert_true(err_http_status(e) < 600);
		for (const char *c = err_slug(e); *c; c++) assert_true(islower(*c) || *c == '-');
	}
}

static void slugs_and_names_are_unique(void **state) {
	for (int i = 0; i < ERR_COUNT; i++)
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(err_slug((enum err)i), err_slug((enum err)j));
			assert_string_not_equal(err_name((enum err)i), err_name((enum err)j));
		}
}

static void rows_match_their_codes(void **state) {
	assert_int_equal(ERR_OK, 0);
	assert_string_equal(err_name(ERR_NOT_FOUND), "NOT_FOUND");
	assert_string_equal(err_slug(ERR_NOT_FOUND), "not-found");
	assert_int_equal(err_http_status(ERR_NO_SPACE), 507);
	assert_string_equal(err_name(ERR_FORMAT), "FORMAT");
}

static void fault_sets_code_and_text(void **state) {
	struct fault f;
	assert_int_equal(fault_set(&f, ERR_CONFLICT, "key %s", "a"), ERR_CONFLICT);
	assert_int_equal(f.code, ERR_CONFLICT);
	assert_string_equal(f.text, "key a");
	assert_int_equal(fault_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
}

static void fault_text_is_cut(void **state) {
	char longer[1000];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	struct fault f;
	fault_set(&f, ERR_INVALID, "%s", longer);
	assert_int_equal(strlen(f.text), sizeof f.text - 1);
}

static void errno_maps(void **state) {
	assert_int_equal(err_from_errno(ENOSPC), ERR_NO_SPACE);
	assert_int_equal(err_from_errno(EDQUOT), ERR_NO_SPACE);
	assert_int_equal(err_from_errno(ENOMEM), ERR_NO_MEMORY);
	assert_int_equal(err_from_errno(ENOENT), ERR_NOT_FOUND);
	assert_int_equal(err_from_errno(EEXIST), ERR_EXISTS);
	assert_int_equal(err_from_errno(EPERM), ERR_FORBIDDEN);
	assert_int_equal(err_from_errno(ETIMEDOUT), ERR_TIMEOUT);
	assert_int_equal(err_from_errno(EIO), ERR_IO);
	assert_int_equal(err_from_errno(123456), ERR_IO);
}

static void assert_aborts_and_says_where(void **state) {
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		ASSERT(1 + 1 == 3);
		_exit(0);
	}
	close(ends[1]);
	char text[256] = "";
	ssize_t got = read(ends[0], text, sizeof text - 1);
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(got > 0);
	assert_non_null(strstr(text, "1 + 1 == 3"));
	assert_non_null(strstr(text, "test_err.c:"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(slugs_and_names_are_unique),
		cmocka_unit_test(rows_match_their_codes),
		cmocka_unit_test(fault_sets_code_and_text),
		cmocka_unit_test(fault_text_is_cut),
		cmocka_unit_test(errno_maps),
		cmocka_unit_test(assert_aborts_and_says_where),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
