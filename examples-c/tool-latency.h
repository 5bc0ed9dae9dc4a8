/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Latencies of the load generators, counted in 64 linear steps of each power of two of nanoseconds. */
#ifndef MOTE_TOOL_LATENCY_H
#define MOTE_TOOL_LATENCY_H

#include "tool.h"
#include <time.h>

enum { LATENCY_STEPS = 64, LATENCY_BUCKETS = 48 * LATENCY_STEPS };

static unsigned long latency_histogram[LATENCY_BUCKETS], latency_count;

static uint64_t latency_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Notes what began at this time of the clock and ends now. */
static void latency_note(uint64_t began) {
    uint64_t value = latency_clock() - began;
    size_t power = 0;
    while (value >= 2 * LATENCY_STEPS && power < LATENCY_BUCKETS / LATENCY_STEPS - 2) value >>= 1, power++;
    size_t index = LATENCY_STEPS * power + (size_t)value;
    latency_histogram[index < LATENCY_BUCKETS ? index : LATENCY_BUCKETS - 1]++;
    latency_count++;
}

/* Microseconds within which this share of all had ended; 0 of none. */
static double latency_within(double share) {
    unsigned long sum = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS && latency_count != 0; i++) {
        if ((double)(sum += latency_histogram[i]) < share * (double)latency_count) continue;
        size_t power = i < 2 * LATENCY_STEPS ? 0 : i / LATENCY_STEPS - 1;
        return (double)((uint64_t)(i - LATENCY_STEPS * power) << power) / 1000.0;
    }
    return 0;
}

#endif
