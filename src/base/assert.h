/* ASSERT states what we guarantee; it is on in every build. A failure is our
 * bug: it prints file, line and expression to standard error and aborts. */
#pragma once
#define ASSERT(expr) ((expr) ? (void)0 : assert_failed(#expr, __FILE__, __LINE__))
_Noreturn void assert_failed(const char *expr, const char *file, int line);
