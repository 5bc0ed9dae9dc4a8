/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A mesh through the C ABI, over a radio in memory: the scene that the firmware runs, with and without lost frames. */
#include "check.h"
#include "mesh_scene.h"

static void scene_fault(const char *what)
{
    printf("scene: not so: %s\n", what);
}

int main(void)
{
    size_t mesh = 0, node = 0;
    CHECK(scene_sizes(&mesh, &node));
    CHECK(mesh <= SCENE_MESH && node <= MOTE_NODE_MEM);
    for (uint32_t lose = 0; lose <= 50; lose += 25) {
        CHECK_IS(scene_run(MOTE_MESH_NON_STORING, lose), 0);
        CHECK_IS(scene_run(MOTE_MESH_STORING, lose), 0);
    }
    return outcome("mesh");
}
