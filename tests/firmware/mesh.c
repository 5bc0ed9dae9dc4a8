/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Three nodes of a mesh in one firmware, over a radio in memory: in both modes of RPL, the second time with lost frames. Also: what a
 * node takes. */
#include "board.h"
#include "mesh_scene.h"

static void scene_fault(const char *what)
{
    board_print("not so: ");
    board_print(what);
    board_print("\n");
}

static int storage(void)
{
    size_t mesh = 0, node = 0;
    if (!scene_sizes(&mesh, &node)) return 1;
    board_print("RAM of a router with 16 neighbours and 16 routes: mesh ");
    board_number((uint32_t)mesh);
    board_print(" + event loop ");
    board_number((uint32_t)node);
    board_print(" = ");
    board_number((uint32_t)(mesh + node));
    board_print(" bytes\n");
    return mesh > SCENE_MESH || node > MOTE_NODE_MEM;
}

int main(void)
{
    int faults = storage();
    if (faults) scene_fault("the blocks suffice");
    faults += scene_run(MOTE_MESH_NON_STORING, 0);
    faults += scene_run(MOTE_MESH_STORING, 25);
    board_print("frames ");
    board_number(memory_air.frames);
    board_print(", lost ");
    board_number(memory_air.lost);
    board_print(faults ? ": FAILED\n" : ": passed\n");
    return faults != 0;
}
