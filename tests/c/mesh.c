/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A mesh through the C ABI, over a radio in memory: the scene that the firmware runs, with and without lost frames. */
#include "check.h"
#include "mesh_scene.h"

static void scene_fault(const char *what)
{
    printf("scene: not so: %s\n", what);
}

/* What the size is told for can be made; what is out of range has none. */
static void ranges(void)
{
    static uint8_t node_memory[MOTE_NODE_MEM], mesh_memory[128 * 1024];
    mote_port port = memory_radio_port(0);
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .port = &port, .radio_frames = 2 };
    mote_node *node;
    CHECK_IS(mote_node_init(node_memory, sizeof node_memory, &node_config, &node), MOTE_OK);
    for (uint16_t outgoing = 254; outgoing <= 256; outgoing++) {
        mote_mesh_config config = { MOTE_MESH_CONFIG_INIT, .node = node, .eui64 = { 2, 1 }, .outgoing = outgoing };
        mote_status wanted = outgoing <= 254 ? MOTE_OK : MOTE_ERR_INVALID;
        mote_mesh *mesh = NULL;
        size_t size = 0;
        CHECK_IS(mote_mesh_size(&config, &size), wanted);
        CHECK(size <= sizeof mesh_memory);
        CHECK_IS(mote_mesh_init(mesh_memory, wanted == MOTE_OK ? size : sizeof mesh_memory, &config, &mesh), wanted);
        CHECK_IS(mote_mesh_close(mesh), MOTE_OK);
    }
    CHECK_IS(mote_node_close(node), MOTE_OK);
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
    ranges();
    return outcome("mesh");
}
