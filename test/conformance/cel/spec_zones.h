/* The time zones that the suites name, from the system's files. */
#pragma once
#include "cel/cel_zone.h"

/* Aborts where the system has them not; lives until the process ends. */
const struct cel_zones *spec_zones(void);
