/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests to hosts that are named: outputs are written on success alone, and a configuration from another header is followed as far
 * as it reaches, also when the request starts later. */
#include "check.h"
#include "memory_port.h"

static mote_status resolver_start(void *state, const uint8_t *host, size_t len, uint32_t token, size_t *query)
{
    (void)state;
    (void)host;
    (void)len;
    (void)token;
    *query = 1;
    return MOTE_OK;
}

static mote_status resolver_take(void *state, size_t query, mote_address *addresses, size_t capacity, size_t *count)
{
    (void)state;
    (void)query;
    (void)capacity;
    addresses[0] = memory_address(0, 0);
    *count = 1;
    return MOTE_OK;
}

static void resolver_cancel(void *state, size_t query)
{
    (void)state;
    (void)query;
}

static const mote_port_resolver resolver = {
    MOTE_PORT_RESOLVER_INIT, .start = resolver_start, .take = resolver_take, .cancel = resolver_cancel,
};

static unsigned answers;

static void on_event(void *user, const mote_coap_event *event)
{
    CHECK(user == &answers);
    CHECK(event->last);
    CHECK_IS(event->status, MOTE_OK);
    CHECK_IS(event->code, MOTE_COAP_NOT_FOUND);
    answers++;
}

/* From a header that has one more member. */
typedef struct {
    mote_coap_request_config known;
    uint64_t brand_new[4];
} later_config;

int main(void)
{
    static uint8_t node_memory[MOTE_NODE_MEM], coap_memory[2][MOTE_COAP_MEM(4, 8, 1152)], memory_of_name[MOTE_COAP_NAME_MEM];
    const mote_coap_request never = 0x5a5a5a5a;
    mote_port port;
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .port = &port };
    mote_coap_config coap_config = { MOTE_COAP_CONFIG_INIT };
    static later_config stays, *config = &stays;
    mote_lookup *lookup = (mote_lookup *)(void *)&port;
    mote_coap_request request = never;
    mote_coap *coap, *server;
    static const char *const wrong[] = { "coap:", "coap://", "nothing", "coaps://[fd00::1]/" };

    memory_reset(0);
    port = memory_port(0);
    port.resolver = &resolver;
    CHECK_IS(mote_node_init(node_memory, sizeof node_memory, &node_config, &coap_config.node), MOTE_OK);
    CHECK_IS(mote_coap_init(coap_memory[0], sizeof coap_memory[0], &coap_config, &coap), MOTE_OK);
    coap_config.local.port = 5683;
    CHECK_IS(mote_coap_init(coap_memory[1], sizeof coap_memory[1], &coap_config, &server), MOTE_OK);

    memset(config, 0, sizeof *config);
    config->known.size = sizeof config->known;
    config->known.callback = on_event;
    config->known.user = &answers;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        config->known.uri = (mote_bytes){ (const uint8_t *)wrong[i], strlen(wrong[i]) };
        CHECK(mote_coap_start_by_name(memory_of_name, sizeof memory_of_name, coap, &config->known, &request, &lookup) < 0);
    }
    config->known.uri = (mote_bytes)MOTE_STR("coap://host.example/a");
    CHECK_IS(mote_coap_start_by_name(memory_of_name, 100, coap, &config->known, &request, &lookup), MOTE_ERR_NO_MEMORY);
    CHECK(request == never && lookup == (mote_lookup *)(void *)&port);

    for (unsigned later = 0; later < 2; later++) {
        int never_done = 0;
        config->known.size = later ? sizeof *config : sizeof config->known;
        CHECK_IS(mote_coap_start_by_name(memory_of_name, sizeof memory_of_name, coap, &config->known, &request, &lookup), MOTE_OK);
        CHECK(request == 0 && lookup != NULL);
        CHECK_IS(memory_run(&coap_config.node, 1, &never_done, 3000), MOTE_OK);
        CHECK_IS(answers, later + 1);
        CHECK(request != 0);
    }
    /* With a literal none is looked up. */
    config->known.uri = (mote_bytes)MOTE_STR("coap://[fd00::1]/a");
    CHECK_IS(mote_coap_start_by_name(memory_of_name, sizeof memory_of_name, coap, &config->known, &request, &lookup), MOTE_OK);
    CHECK(request != 0 && lookup == NULL);
    CHECK_IS(memory_run(&coap_config.node, 1, &(int){ 0 }, 3000), MOTE_OK);
    CHECK_IS(answers, 3);
    CHECK_IS(mote_coap_close(coap), MOTE_OK);
    CHECK_IS(mote_coap_close(server), MOTE_OK);
    CHECK_IS(mote_node_close(coap_config.node), MOTE_OK);
    return outcome("by_name");
}
