/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One macro for the C tests: what is not so is printed with its place, and main returns FAILURES. */
#ifndef CHECK_H
#define CHECK_H
#include <stdio.h>

static int failures;
static int checks;

#define CHECK(condition) \
    do { \
        checks++; \
        if (!(condition)) { \
            failures++; \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
        } \
    } while (0)

#define CHECK_IS(value, wanted) \
    do { \
        long long value_ = (long long)(value), wanted_ = (long long)(wanted); \
        checks++; \
        if (value_ != wanted_) { \
            failures++; \
            printf("%s:%d: %s is %lld and not %lld\n", __FILE__, __LINE__, #value, value_, wanted_); \
        } \
    } while (0)

/* The end of every main: a test that checked nothing has failed. */
static int outcome(const char *name)
{
    printf("%s: %d checks, %d failures\n", name, checks, failures);
    return failures != 0 || checks == 0;
}
#endif
