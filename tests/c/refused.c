/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* On Linux: a request to a port at which nobody listens ends at once and says so, and one to a neighbour is not disturbed. */
#include "check.h"
#include "mote.h"
#include <stdio.h>
#include <string.h>

static uint8_t node_memory[MOTE_NODE_MEM], client_memory[MOTE_COAP_MEM(4, 8, 1152)], server_memory[MOTE_COAP_MEM(4, 8, 1152)];

typedef struct {
    int ends;
    mote_status status;
    uint8_t code;
} end;

static void on_event(void *user, const mote_coap_event *event)
{
    end *self = user;
    if (!event->last) return;
    self->ends++;
    self->status = event->status;
    self->code = event->code;
}

static void answer(void *user, const mote_coap_incoming *incoming)
{
    static const mote_bytes words = { (const uint8_t *)"here", 4 };
    (void)user;
    CHECK_IS(mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, words), MOTE_OK);
}

static void get(mote_coap *coap, const mote_address *remote, uint32_t non, end *result)
{
    mote_coap_request_config request = { MOTE_COAP_REQUEST_CONFIG_INIT, .callback = on_event };
    mote_coap_option path = { .number = MOTE_COAP_URI_PATH, .value = MOTE_STR("here") };
    mote_coap_request handle;
    request.options = &path;
    request.option_count = 1;
    request.user = result;
    request.remote = *remote;
    request.non_confirmable = (uint8_t)non;
    CHECK_IS(mote_coap_start(coap, &request, &handle), MOTE_OK);
}

static void refused(const char *where)
{
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux() };
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT };
    mote_coap_resource_config resource = { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/here"), .get = answer };
    mote_coap *client, *server;
    mote_address nobody, somebody;
    end ends[3] = { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } };
    uint64_t begin, now;
    CHECK_IS(mote_node_init(node_memory, sizeof node_memory, &node_config, &config.node), MOTE_OK);
    CHECK_IS(mote_address_parse((mote_bytes){ (const uint8_t *)where, strlen(where) }, &config.local), MOTE_OK);
    CHECK_IS(mote_coap_init(server_memory, sizeof server_memory, &config, &server), MOTE_OK);
    CHECK_IS(mote_coap_local_address(server, &nobody), MOTE_OK);
    CHECK_IS(mote_coap_close(server), MOTE_OK);
    CHECK_IS(mote_coap_init(client_memory, sizeof client_memory, &config, &client), MOTE_OK);
    CHECK_IS(mote_coap_init(server_memory, sizeof server_memory, &config, &server), MOTE_OK);
    CHECK_IS(mote_coap_local_address(server, &somebody), MOTE_OK);
    CHECK_IS(mote_coap_resource_add(server, &resource, NULL, NULL), MOTE_OK);
    CHECK_IS(mote_node_now(config.node, &begin), MOTE_OK);
    get(client, &nobody, 0, &ends[0]);
    get(client, &somebody, 0, &ends[1]);
    get(client, &nobody, 1, &ends[2]);
    do {
        CHECK_IS(mote_node_run(config.node, 100), MOTE_OK);
        CHECK_IS(mote_node_now(config.node, &now), MOTE_OK);
    } while ((ends[0].ends == 0 || ends[1].ends == 0 || ends[2].ends == 0) && now - begin < 20000);
    /* Sooner than anything is sent again. */
    CHECK(now - begin < 2000);
    CHECK_IS(ends[0].status, MOTE_ERR_REFUSED);
    CHECK_IS(ends[1].status, MOTE_OK);
    CHECK_IS(ends[1].code, MOTE_COAP_CONTENT);
    CHECK_IS(ends[2].status, MOTE_ERR_REFUSED);
    for (size_t i = 0; i < 3; i++) CHECK_IS(ends[i].ends, 1);
    CHECK_IS(mote_coap_close(client), MOTE_OK);
    CHECK_IS(mote_coap_close(server), MOTE_OK);
    CHECK_IS(mote_node_close(config.node), MOTE_OK);
}

int main(void)
{
    refused("127.0.0.1");
    refused("::1");
    return outcome("refused");
}
