/* Reporting mistakes in an expression to whoever wrote it. One thread. */
#pragma once
#include "cel/cel.h"

/* Adds it in the order of the source; the last one is dropped where there is no room. `issues`
 * may be NULL. The text is cut at its room. */
void cel_issue_add(struct cel_issues *issues, struct slice source, uint32_t at, const char *format,
                   ...) PRINTF_LIKE(4, 5);
void cel_issue_vadd(struct cel_issues *issues, struct slice source, uint32_t at, const char *format,
                    va_list args) PRINTF_LIKE(4, 0);
