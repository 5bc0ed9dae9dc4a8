/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A CoAP client and a server in one firmware, over a link in memory, first without and then with loss. Also: the storage macros
 * suffice on a 32-bit processor. */
#include "board.h"
#include "coap_scene.h"

static void scene_fault(const char *what)
{
    board_print("not so: ");
    board_print(what);
    board_print("\n");
}

static int storage(void)
{
    mote_coap_config coap = { MOTE_COAP_CONFIG_INIT };
    mote_node_config node = { MOTE_NODE_CONFIG_INIT };
    mote_port port = memory_port(0);
    size_t coap_size = 0, node_size = 0;
    node.port = &port;
    if (mote_coap_size(&coap, &coap_size) != MOTE_OK || mote_node_size(&node, &node_size) != MOTE_OK) return 1;
    board_print("node ");
    board_number((uint32_t)node_size);
    board_print(" of ");
    board_number(MOTE_NODE_MEM);
    board_print(", coap ");
    board_number((uint32_t)coap_size);
    board_print(" of ");
    board_number(MOTE_COAP_MEM(4, 8, 1152));
    board_print(" bytes\n");
    return coap_size > MOTE_COAP_MEM(4, 8, 1152) || node_size > MOTE_NODE_MEM;
}

int main(void)
{
    int faults = storage();
    if (faults) scene_fault("the storage macros suffice");
    faults += scene_run(0);
    faults += scene_run(51);
    board_print("datagrams ");
    board_number(memory.sent);
    board_print(", lost ");
    board_number(memory.lost);
    board_print(", time ");
    board_number((uint32_t)memory.now);
    board_print(faults ? " ms: FAILED\n" : " ms: passed\n");
    return faults != 0;
}
