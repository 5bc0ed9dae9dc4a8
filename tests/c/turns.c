/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What one turn of a node is bounded by, and what it leaves alone. */
#include "check.h"
#include "memory_stream.h"

static uint8_t node_memory[MOTE_NODE_MEM], coap_memory[MOTE_COAP_MEM(4, 8, 1152)], mqtt_memory[MOTE_MQTT_MEM];
static mote_port port;
static mote_node *node;
static mote_coap *coap;
static mote_mqtt *mqtt;
static unsigned ends;

static void begin(const mote_port *with)
{
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = &port };
    memory_reset(0);
    stream_reset();
    port = *with;
    ends = 0;
    CHECK_IS(mote_node_init(node_memory, sizeof node_memory, &config, &node), MOTE_OK);
}

static void make_coap(void)
{
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT, .node = node };
    CHECK_IS(mote_coap_init(coap_memory, sizeof coap_memory, &config, &coap), MOTE_OK);
}

/* A function that posts itself again is called at the next turn and not in this one, and keeps nobody else from theirs. */
static void again(mote_node *on, void *user)
{
    unsigned *count = user;
    if (++*count < 100000) CHECK_IS(mote_node_post(on, again, user), MOTE_OK);
}

static void on_ended(void *user, const mote_coap_event *event)
{
    (void)user;
    ends += event->last;
}

static void posts_wait_for_the_next_turn(void)
{
    mote_port with = memory_port(0);
    mote_address nobody = memory_address(2, 5683);
    unsigned count = 0;
    begin(&with);
    make_coap();
    CHECK_IS(mote_coap_ping(coap, &nobody, on_ended, NULL, NULL), MOTE_OK);
    CHECK_IS(mote_node_post(node, again, &count), MOTE_OK);
    for (unsigned turn = 1; turn <= 20; turn++) {
        CHECK_IS(mote_node_poll(node), MOTE_OK);
        CHECK_IS(count, turn);
    }
    /* By now the ping has long gone out in vain. */
    for (unsigned turn = 1; turn <= 40; turn++) {
        memory.now += 100000;
        CHECK_IS(mote_node_poll(node), MOTE_OK);
    }
    CHECK_IS(ends, 1);
    CHECK_IS(mote_coap_close(coap), MOTE_OK);
    CHECK_IS(mote_node_close(node), MOTE_OK);
}

/* A broker that sends without end what the client has no use for does not keep the node from its other work. */
static unsigned poured;

static mote_status pours(void *state, size_t handle, uint8_t *out, size_t capacity, size_t *received)
{
    (void)state;
    (void)handle;
    if (++poured > 100000) return MOTE_ERR_WOULD_BLOCK;
    /* CONNACK, then PINGRESP. */
    if (poured == 1) memcpy(out, "\x20\x02\0\0", 4), *received = 4;
    else {
        *received = capacity & ~(size_t)1;
        for (size_t i = 0; i < *received; i += 2) out[i] = 0xd0, out[i + 1] = 0;
    }
    return MOTE_OK;
}

static void make_mqtt(void)
{
    mote_mqtt_config config = { MOTE_MQTT_CONFIG_INIT, .node = node, .host = MOTE_STR("fd00::1"), .version = MOTE_MQTT_V311,
                                .client_id = MOTE_STR("me") };
    CHECK_IS(mote_mqtt_init(mqtt_memory, sizeof mqtt_memory, &config, &mqtt), MOTE_OK);
    CHECK_IS(mote_mqtt_connect(mqtt), MOTE_OK);
}

static void a_flood_of_answers_ends_with_the_turn(void)
{
    mote_port with = stream_port();
    mote_port_tcp tcp = *with.tcp;
    with.tcp = &tcp;
    tcp.receive = pours;
    begin(&with);
    make_mqtt();
    poured = 0;
    for (unsigned turn = 0; turn < 3; turn++) CHECK_IS(mote_node_poll(node), MOTE_OK);
    CHECK(poured > 1 && poured < 1000);
    CHECK_IS(mote_mqtt_close(mqtt), MOTE_OK);
    CHECK_IS(mote_node_close(node), MOTE_OK);
}

/* A port that says it moved nothing, which it must not, is taken to have had nothing. */
static unsigned nothings;

static mote_status nothing_came(void *state, size_t handle, uint8_t *out, size_t capacity, size_t *received)
{
    (void)state;
    (void)handle;
    (void)out;
    (void)capacity;
    *received = 0;
    return ++nothings > 100000 ? MOTE_ERR_WOULD_BLOCK : MOTE_OK;
}

static mote_status nothing_went(void *state, size_t handle, const uint8_t *data, size_t len, size_t *sent)
{
    (void)state;
    (void)handle;
    (void)data;
    (void)len;
    *sent = 0;
    return ++nothings > 100000 ? MOTE_ERR_WOULD_BLOCK : MOTE_OK;
}

static void nothing_is_no_progress(int sending)
{
    mote_port with = stream_port();
    mote_port_tcp tcp = *with.tcp;
    with.tcp = &tcp;
    if (sending) tcp.send = nothing_went;
    else tcp.receive = nothing_came;
    begin(&with);
    make_mqtt();
    nothings = 0;
    for (unsigned turn = 0; turn < 3; turn++) CHECK_IS(mote_node_poll(node), MOTE_OK);
    CHECK(nothings > 0 && nothings < 1000);
    CHECK_IS(mote_mqtt_close(mqtt), MOTE_OK);
    CHECK_IS(mote_node_close(node), MOTE_OK);
}

/* Two datagrams come at once, and with the first of them its receiver is closed: nobody asks the port about a socket that is not there
 * any more, also where datagrams are captured. */
static unsigned captured;

static mote_status local_of_open(void *state, size_t handle, mote_address *local)
{
    CHECK(memory.bound[memory_index(state)][handle] != 0);
    return memory_local(state, handle, local);
}

static void capture(void *state, uint32_t kind, const mote_address *source, const mote_address *destination, mote_bytes data)
{
    (void)state;
    (void)source;
    (void)destination;
    CHECK(kind == MOTE_TAP_UDP && data.len > 0);
    captured++;
}

static void closes(void *user, const mote_coap_incoming *incoming)
{
    (void)user;
    ends++;
    CHECK_IS(mote_coap_close(incoming->coap), MOTE_OK);
}

static const mote_coap_resource_config closing_resource = { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/a"), .get = closes };

static void a_socket_that_is_closed_within_a_batch_is_left_alone(void)
{
    static const mote_port_tap tap = { MOTE_PORT_TAP_INIT, .pass = capture };
    static uint8_t get[] = { 0x50, 1, 0, 1, 0xb1, 'a' };
    mote_port with = memory_port(0);
    mote_port_udp udp = *with.udp;
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = &port, .receive_batch = 4 };
    mote_coap_config coap_config = { MOTE_COAP_CONFIG_INIT };
    mote_node_statistics statistics = { MOTE_NODE_STATISTICS_INIT };
    static uint8_t memory_of_node[MOTE_NODE_MEM + 8192];
    memory_reset(0);
    udp.local_address = local_of_open;
    port = with;
    port.udp = &udp;
    port.tap = &tap;
    ends = 0;
    CHECK_IS(mote_node_init(memory_of_node, sizeof memory_of_node, &config, &node), MOTE_OK);
    coap_config.node = node;
    coap_config.local.port = 5683;
    CHECK_IS(mote_coap_init(coap_memory, sizeof coap_memory, &coap_config, &coap), MOTE_OK);
    CHECK_IS(mote_coap_resource_add(coap, &closing_resource, NULL, NULL), MOTE_OK);
    for (uint8_t number = 0; number < 2; number++) {
        mote_address from = memory_address(1, 5683);
        mote_port_datagram datagram = { .remote = memory_address(0, 5683), .data = get, .len = sizeof get };
        get[3] = number;
        memory_deliver(0, &from, &datagram);
    }
    CHECK_IS(mote_node_poll(node), MOTE_OK);
    CHECK_IS(ends, 1);
    CHECK_IS(captured, 1);
    CHECK_IS(mote_node_get_statistics(node, &statistics), MOTE_OK);
    CHECK_IS(statistics.received, 1);
    CHECK_IS(statistics.orphaned, 1);
    CHECK_IS(mote_node_close(node), MOTE_OK);
}

int main(void)
{
    a_socket_that_is_closed_within_a_batch_is_left_alone();
    posts_wait_for_the_next_turn();
    a_flood_of_answers_ends_with_the_turn();
    nothing_is_no_progress(0);
    nothing_is_no_progress(1);
    return outcome("turns");
}
