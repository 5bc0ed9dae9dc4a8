/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Gets one resource: quickstart [URI]. */
#include "mote.h"
#include <stdio.h>

static uint8_t node_memory[MOTE_NODE_MEM], coap_memory[MOTE_COAP_MEM(4, 8, 1152)];
static mote_status result = MOTE_ERR_WOULD_BLOCK;

static void on_response(void *user, const mote_coap_event *event) {
    (void)user;
    if (event->kind == MOTE_COAP_RESPONSE) fwrite(event->payload.ptr, 1, event->payload.len, stdout);
    if (event->last && event->code != 0) fprintf(stderr, "\n%u.%02u", event->code >> 5, event->code & 31u);
    if (event->last) result = event->status;
}

int main(int argc, char **argv) {
    const char *uri = argc > 1 ? argv[1] : "coap://[::1]/time";
    mote_node *node;
    mote_coap *coap;
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux() };
    mote_status status = mote_node_init(node_memory, sizeof node_memory, &node_config, &node);
    if (status == MOTE_OK) {
        mote_coap_config coap_config = { MOTE_COAP_CONFIG_INIT, .node = node };
        status = mote_coap_init(coap_memory, sizeof coap_memory, &coap_config, &coap);
    }
    if (status == MOTE_OK) status = mote_coap_get(coap, uri, on_response, NULL, NULL);
    while (status == MOTE_OK && result == MOTE_ERR_WOULD_BLOCK) status = mote_node_run(node, 1000);
    if (status == MOTE_OK) status = result;
    mote_bytes words = mote_status_str(status);
    fprintf(stderr, "\n%.*s\n", (int)words.len, (const char *)words.ptr);
    return status != MOTE_OK;
}
