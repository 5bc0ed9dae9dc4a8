/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What scenes have in common: they say what is not so, and count it. */
#ifndef SCENE_H
#define SCENE_H

static int scene_faults;

/* Called with what is not so. */
static void scene_fault(const char *what);

static void scene_check(int condition, const char *what)
{
    if (!condition) {
        scene_faults++;
        scene_fault(what);
    }
}
#endif
