/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which functions of the header the storm has called. */
#ifndef STORM_CALLED_H
#define STORM_CALLED_H
#include <mote.h>

/* STORM_FUNCTIONS(X) is X(name) for each function of the header; see ci/storm_functions.py. */
#include "storm_functions.h"

#define STORM_NUMBER(name) STORM_##name,
enum { STORM_FUNCTIONS(STORM_NUMBER) STORM_COUNT };
#define STORM_NAME(name) #name,
static const char *const storm_names[] = { STORM_FUNCTIONS(STORM_NAME) };
static unsigned storm_called[STORM_COUNT];

/* Every call of the storm goes through this, so that none is forgotten. */
#define CALL(name, ...) (storm_called[STORM_##name]++, name(__VA_ARGS__))
#define CALL_BARE(name) (storm_called[STORM_##name]++, name())
#endif
