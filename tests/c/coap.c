/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CoAP through the C ABI: a whole scene, storage macros, configurations that grow, and every function inside callbacks. */
#include "check.h"
#include "coap_scene.h"

static void scene_fault(const char *what)
{
    printf("scene: not so: %s\n", what);
}

/* The macro for a static block is never too small, and not absurdly large. */
static void storage(void)
{
    static const struct {
        uint16_t requests, observers, message_size;
        size_t bytes;
    } cases[] = {
        { 4, 8, 1152, MOTE_COAP_MEM(4, 8, 1152) },
        { 1, 1, 64, MOTE_COAP_MEM(1, 1, 64) },
        { 32, 1, 256, MOTE_COAP_MEM(32, 1, 256) },
        { 1, 200, 1280, MOTE_COAP_MEM(1, 200, 1280) },
        { 500, 500, 1152, MOTE_COAP_MEM(500, 500, 1152) },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mote_coap_config config = { MOTE_COAP_CONFIG_INIT };
        size_t size = 0;
        config.requests = cases[i].requests;
        config.observers = cases[i].observers;
        config.message_size = cases[i].message_size;
        CHECK_IS(mote_coap_size(&config, &size), MOTE_OK);
        CHECK(size <= cases[i].bytes);
        CHECK(cases[i].bytes < 2 * size + 4096);
    }
}

typedef struct {
    mote_coap_config known;
    uint32_t brand_new;
} later_config;

static void growth(void)
{
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT };
    later_config later = { { .size = (uint32_t)sizeof(later_config) }, 0 };
    size_t whole = 0, other = 0;
    CHECK_IS(mote_coap_size(&config, &whole), MOTE_OK);
    config.size = (uint32_t)offsetof(mote_coap_config, pool);
    config.pool = 60000;
    CHECK_IS(mote_coap_size(&config, &other), MOTE_OK);
    CHECK_IS(other, whole);
    CHECK_IS(mote_coap_size(&later.known, &other), MOTE_OK);
    CHECK_IS(other, whole);
    later.brand_new = 1;
    CHECK_IS(mote_coap_size(&later.known, &other), MOTE_ERR_VERSION);
}

/* Exactly what mote_coap_size says; one byte less than that is refused. */
static void exactly(void)
{
    static uint8_t block[MOTE_COAP_MEM(4, 8, 1152) + 8];
    static uint8_t node_memory[MOTE_NODE_MEM];
    mote_port port;
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT };
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT };
    mote_coap *coap = NULL;
    size_t size = 0;
    memory_reset(0);
    port = memory_port(0);
    node_config.port = &port;
    CHECK_IS(mote_node_init(node_memory, sizeof node_memory, &node_config, &config.node), MOTE_OK);
    CHECK_IS(mote_coap_size(&config, &size), MOTE_OK);
    for (unsigned shift = 0; shift < 8; shift++) {
        memset(block, 0xEE, sizeof block);
        CHECK_IS(mote_coap_init(block + shift, size, &config, &coap), MOTE_OK);
        CHECK_IS(mote_node_poll(config.node), MOTE_OK);
        CHECK_IS(mote_node_close(config.node), MOTE_ERR_STATE); /* an endpoint is attached */
        CHECK_IS(mote_coap_close(coap), MOTE_OK);
        CHECK_IS(mote_coap_close(coap), MOTE_ERR_STALE);
        for (size_t i = 0; i < sizeof block; i++) {
            if (i < shift || i >= shift + size) CHECK(block[i] == 0xEE);
        }
    }
    coap = NULL;
    CHECK_IS(mote_coap_init(block, size / 2, &config, &coap), MOTE_ERR_NO_MEMORY);
    CHECK(coap == NULL);
    CHECK_IS(mote_node_close(config.node), MOTE_OK);
}

/* Every function of the endpoint, called from inside its own callback. */
static void everything(mote_coap *coap, mote_coap_request request, mote_coap_exchange exchange)
{
    static const mote_coap_resource_config extra = { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/extra"), .get = scene_get };
    mote_coap_statistics statistics = { MOTE_COAP_STATISTICS_INIT };
    mote_coap_response response = { MOTE_COAP_RESPONSE_INIT, .code = MOTE_COAP_CONTENT };
    mote_coap_resource resource = 0;
    mote_coap_request another = 0;
    mote_address address, group;
    size_t count = 0;
    CHECK_IS(mote_coap_get_statistics(coap, &statistics), MOTE_OK);
    CHECK(statistics.received > 0);
    CHECK_IS(mote_coap_local_address(coap, &address), MOTE_OK);
    CHECK_IS(mote_coap_observers(coap, &count), MOTE_OK);
    CHECK_IS(mote_coap_resource_add(coap, &extra, NULL, &resource), MOTE_OK);
    CHECK_IS(mote_coap_notify(coap, resource), MOTE_OK);
    CHECK_IS(mote_coap_resource_remove(coap, resource), MOTE_OK);
    CHECK_IS(mote_coap_resource_remove(coap, resource), MOTE_ERR_STALE);
    CHECK_IS(mote_coap_notify(coap, resource), MOTE_ERR_STALE);
    memset(&group, 0, sizeof group);
    group.ip[0] = 0xff, group.ip[1] = 2, group.ip[15] = 0xfd;
    CHECK_IS(mote_coap_join(coap, &group), MOTE_OK);
    CHECK_IS(mote_coap_leave(coap, &group), MOTE_OK);
    CHECK_IS(mote_coap_get(coap, "coap://[fd00::3]/a", NULL, NULL, &another), MOTE_OK);
    CHECK_IS(mote_coap_cancel(coap, another), MOTE_OK);
    address = memory_address(2, 5683);
    CHECK_IS(mote_coap_ping(coap, &address, NULL, NULL, &another), MOTE_OK);
    CHECK(mote_coap_supply(coap, request, (mote_bytes){ NULL, 0 }, 0) < 0);
    CHECK(mote_coap_respond(coap, exchange ^ 0x5555, &response) < 0);
}

static int closed_in_handler, closed_in_callback, ended;

static void closing_handler(void *user, const mote_coap_incoming *incoming)
{
    (void)user;
    everything(incoming->coap, 0, incoming->exchange);
    CHECK_IS(mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, (mote_bytes)MOTE_STR("bye")), MOTE_OK);
    CHECK_IS(mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, (mote_bytes)MOTE_STR("bye")), MOTE_ERR_STALE);
    CHECK_IS(mote_coap_close(incoming->coap), MOTE_OK);
    /* Whatever else is called now finds it closed. */
    CHECK_IS(mote_coap_notify(incoming->coap, incoming->resource), MOTE_ERR_STALE);
    closed_in_handler++;
}

static void on_other(void *user, const mote_coap_event *event)
{
    (void)user;
    CHECK_IS(event->kind, MOTE_COAP_ENDED);
    CHECK_IS(event->status, MOTE_ERR_CLOSED);
    CHECK_IS(event->last, 1);
    ended++;
}

static void closing_callback(void *user, const mote_coap_event *event)
{
    (void)user;
    if (!event->last) return;
    everything(event->coap, event->request, 1);
    CHECK_IS(mote_coap_cancel(event->coap, event->request), MOTE_ERR_STALE);
    CHECK_IS(mote_coap_close(event->coap), MOTE_OK);
    closed_in_callback++;
}

static void inside_callbacks(void)
{
    static const mote_coap_resource_config closing = { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/close"), .get = closing_handler };
    CHECK(scene_start(0));
    CHECK_IS(mote_coap_resource_add(scene.server, &closing, NULL, NULL), MOTE_OK);
    /* One that is under way when its endpoint is closed ends exactly once, too. */
    CHECK_IS(mote_coap_get(scene.client, "coap://[fd00::4]/nobody", on_other, NULL, NULL), MOTE_OK);
    CHECK_IS(mote_coap_get(scene.client, "coap://[fd00::1]/close", closing_callback, NULL, NULL), MOTE_OK);
    CHECK_IS(memory_run(scene.nodes, 2, &closed_in_callback, 60000), MOTE_OK);
    CHECK(closed_in_handler == 1 && closed_in_callback == 1 && ended == 1);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_IS(mote_node_poll(scene.nodes[i]), MOTE_OK);
        CHECK_IS(mote_node_close(scene.nodes[i]), MOTE_OK);
    }
    CHECK_IS(ended, 1);
}

/* Full tables are errors, and every request that could be started ends. */
static void full(void)
{
    static int outcomes;
    mote_coap_request request = 0;
    int started = 0, refused = 0;
    static scene_outcome each[12];
    CHECK(scene_start(0));
    memset(each, 0, sizeof each);
    for (int i = 0; i < 12; i++) {
        mote_status status = mote_coap_get(scene.client, "coap://[fd00::1]/count", scene_event, &each[i], &request);
        if (status == MOTE_OK) started++;
        else {
            refused++;
            CHECK_IS(status, MOTE_ERR_FULL);
        }
    }
    CHECK_IS(started, 4);
    CHECK_IS(refused, 8);
    outcomes = 0;
    CHECK_IS(memory_run(scene.nodes, 2, &outcomes, 60000), MOTE_OK);
    for (int i = 0; i < 12; i++) outcomes += each[i].last;
    CHECK_IS(outcomes, started);
    scene_end();
}

int main(void)
{
    storage();
    growth();
    exactly();
    CHECK_IS(scene_run(0), 0);
    /* A fifth of all datagrams is lost. */
    CHECK_IS(scene_run(51), 0);
    inside_callbacks();
    full();
    return outcome("coap");
}
