/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Everything at once, by seed: any function of the header at any time, from the outside and from inside any callback, with what
 * it wants, with nothing, and with what is stale; a port of which each call may fail; a network that brings anything; time that
 * jumps, and other threads. Nothing is touched that was not handed over, outputs are written on success alone, each operation ends
 * exactly once, after a close no callback comes; and when the storm is over, a fresh request is served. For hosts
 * alone: it asks for mote_port_linux and simulated networks too.
 *
 *     storm             some seeds
 *     storm SEED COUNT  so many from there; with one alone, each step is shown */
#include "storm/coap.h"
#include "storm/mesh.h"
#include "storm/mqtt.h"
#include "storm/pure.h"
#include "storm/simulated.h"
#include <pthread.h>
#include <time.h>

enum { SEEDS = 40, STEPS = 400 };

static pthread_mutex_t nodes_lock = PTHREAD_MUTEX_INITIALIZER;
static int threaded, stopping;

static void lock_nodes(void)
{
    if (threaded && depth == 0) pthread_mutex_lock(&nodes_lock);
}

static void unlock_nodes(void)
{
    if (threaded && depth == 0) pthread_mutex_unlock(&nodes_lock);
}

static volatile unsigned far_posts_run;

static void far_post(mote_node *node, void *user)
{
    (void)node;
    (void)user;
    far_posts_run++;
}

/* Another thread, or an interrupt: the four functions that may be called from there. */
static void *elsewhere(void *made)
{
    static const uint8_t frame[] = { 0x41, 0x98, 1, 0xcd, 0xab, 0xff, 0xff, 1, 0, 2, 3 };
    unsigned turn = 0;
    while (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE)) {
        pthread_mutex_lock(&nodes_lock);
        for (unsigned i = 0; i < NODES; i++) {
            mote_node *node = nodes[i].open ? nodes[i].handle : NULL;
            if (node == NULL) continue;
            switch (turn++ & 3) {
            case 0: (void)mote_node_wake(node); break;
            case 1: *(unsigned *)made += mote_node_post(node, far_post, NULL) == MOTE_OK; break;
            case 2: (void)mote_radio_received(node, (mote_bytes){ frame, sizeof frame }, 200, -40); break;
            default: (void)mote_radio_sent(node, MOTE_RADIO_NO_ACK, 1);
            }
        }
        pthread_mutex_unlock(&nodes_lock);
        nanosleep(&(struct timespec){ 0, 20000 }, NULL);
    }
    return NULL;
}

/* What the network does by itself. */
static void network(void)
{
    radio_turn();
    broker_turn();
    if (storm_calm) return;
    if (one_in(4)) broker_trouble();
    if (one_in(8)) {
        /* Again, or changed, or from anywhere. */
        port_datagram packet = last_datagram;
        mote_address to = host_address(below(NODES), (uint16_t)(one_in(2) ? 5683 : 50000 + below(3)));
        if (packet.len > 0 && one_in(2)) packet.data[below((unsigned)packet.len)] ^= (uint8_t)(1u << below(8));
        if (one_in(4)) {
            packet.len = below(60);
            for (size_t i = 0; i < packet.len; i++) packet.data[i] = (uint8_t)dice();
            packet.data[0] = (uint8_t)(0x40 | (dice() & 0x3f));
        }
        if (one_in(3)) packet.from = host_address(below(NODES + 2), (uint16_t)(one_in(2) ? 5683 : 50000));
        port_transmit(&to, &packet);
    }
    for (unsigned i = 0; i < QUERIES; i++) hosts[below(NODES)].queries[i].there |= (uint8_t)one_in(4);
}

static void action(void)
{
    /* Each storm has something that it does most. */
    switch (one_in(2) ? 16 + (unsigned)(storm_seed / 2 % 5) : below(16)) {
    case 16: coap_action(); break;
    case 17: mqtt_action(); break;
    case 18: mesh_action(); break;
    case 19: coap_start(any_coap()); break;
    case 0: lock_nodes(); node_make(any_node()); unlock_nodes(); break;
    case 1: if (one_in(6)) node_close(any_node()); break;
    case 2: node_ask(any_node()); break;
    case 3: if (one_in(3)) node_radio(any_node()); else lookup_start(); break;
    case 4: lookup_cancel(&lookups[below(LOOKUPS)]); break;
    case 5: pure_action(); break;
    case 6: case 7: case 8: mqtt_action(); break;
    case 9: case 10: case 11: mesh_action(); break;
    case 12: case 13: case 14: coap_action(); break;
    default: node_drive(any_node());
    }
}

/* What the application does inside a callback. */
static void mischief(void)
{
    if (storm_calm || depth > 3 || !one_in(2)) return;
    for (unsigned count = below(3); count > 0; count--) action();
}

static void drive_all(void)
{
    for (unsigned i = 0; i < NODES; i++) {
        if (!nodes[i].open) continue;
        nodes[i].running++;
        driving++;
        (void)mote_node_poll(nodes[i].handle);
        driving--;
        nodes[i].running--;
    }
}

static void step(void)
{
    switch (below(6)) {
    case 0: storm_now += below(one_in(20) ? 100000 : one_in(3) ? 3000 : 50); break;
    case 1: weather = one_in(3) ? below(one_in(6) ? 300 : 30) : 0; break;
    case 2: fail_in = below(60); break;
    default: break;
    }
    for (unsigned count = 1 + below(4); count > 0; count--) action();
    network();
    if (!one_in(4)) drive_all();
}

/* Lets everything run with nothing going wrong, for so many ms, and looks that no node asks to be called without end. */
static void settle(uint64_t duration)
{
    uint64_t end = storm_now + duration;
    unsigned spins = 0;
    while (storm_now < end) {
        uint64_t next = end;
        network();
        drive_all();
        for (unsigned i = 0; i < NODES; i++) {
            uint64_t deadline = UINT64_MAX;
            if (!nodes[i].open) continue;
            CHECK_IS(mote_node_next_deadline(nodes[i].handle, &deadline), MOTE_OK);
            if (deadline < next) next = deadline;
            if (hosts[i].sending && hosts[i].sent_at < next) next = hosts[i].sent_at;
        }
        if (port_busy()) next = storm_now;
        spins = next > storm_now ? 0 : spins + 1;
        if (spins > 3000) {
            CHECK(!"the nodes come to rest");
            return;
        }
        /* A port that does not say what is ready is asked now and then. */
        if (next > storm_now) storm_now = next > storm_now + 200 ? storm_now + 200 : next;
    }
}

static unsigned fresh_ends;

static void fresh_event(void *user, const mote_coap_event *event)
{
    (void)user;
    fresh_ends += event->last;
    CHECK(!event->last || event->code == MOTE_COAP_CONTENT);
}

static void fresh_handler(void *user, const mote_coap_incoming *incoming)
{
    (void)user;
    CHECK_IS(mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CONTENT, 0, (mote_bytes){ NULL, 0 }), MOTE_OK);
}

static const mote_coap_resource_config fresh_resource = { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/fresh"), .get = fresh_handler };

static void close_all(void)
{
    for (unsigned i = 0; i < COAPS; i++) if (coaps[i].open) { driving++; CHECK_IS(mote_coap_close(coaps[i].handle), MOTE_OK); driving--; object_closed(&coaps[i]); }
    for (unsigned i = 0; i < MQTTS; i++) if (mqtts[i].open) { driving++; CHECK_IS(mote_mqtt_close(mqtts[i].handle), MOTE_OK); driving--; object_closed(&mqtts[i]); }
    for (unsigned i = 0; i < MESHES; i++) if (meshes[i].open) { driving++; CHECK_IS(mote_mesh_close(meshes[i].handle), MOTE_OK); driving--; object_closed(&meshes[i]); }
}

/* Two of the nodes that went through all this serve a request as if nothing had happened. */
static void fresh_request(void)
{
    static uint8_t memory[2][MOTE_COAP_MEM(4, 8, 1152)];
    mote_coap *made[2] = { NULL, NULL };
    for (unsigned i = 0; i < 2; i++) {
        mote_coap_config config = { MOTE_COAP_CONFIG_INIT, .node = nodes[i].open ? nodes[i].handle : NULL };
        mote_status status;
        config.local.port = i == 0 ? 5683 : 0;
        status = mote_coap_init(memory[i], sizeof memory[i], &config, &made[i]);
        /* Its port may lack UDP, and it may have room for hardly anything. */
        CHECK(status == MOTE_OK || !nodes[i].open || hosts[i].port.udp == NULL);
    }
    if (made[0] != NULL && made[1] != NULL) {
        fresh_ends = 0;
        CHECK_IS(mote_coap_resource_add(made[0], &fresh_resource, NULL, NULL), MOTE_OK);
        CHECK_IS(mote_coap_get(made[1], "coap://[fd00::1]/fresh", fresh_event, NULL, NULL), MOTE_OK);
        settle(400);
        CHECK_IS(fresh_ends, 1);
    }
    for (unsigned i = 0; i < 2; i++) if (made[i] != NULL) CHECK_IS(mote_coap_close(made[i]), MOTE_OK);
}

/* Most storms break over a place where all is well. */
static void set_up(void)
{
    storm_calm = 1;
    for (unsigned i = 0; i < NODES; i++) node_make(&nodes[i]);
    for (unsigned i = 0; i < 60; i++) {
        coap_make(any_coap());
        coap_resource(any_coap());
        mqtt_make(any_mqtt());
        (void)mote_mqtt_connect(any_mqtt()->handle);
        mesh_make(any_mesh());
        mesh_start(any_mesh());
    }
    settle(below(60000));
    for (unsigned i = 0; i < 6; i++) {
        mesh_udp(any_mesh());
        coap_make(any_coap());
        coap_resource(any_coap());
    }
    storm_calm = 0;
}

static void storm(uint64_t seed)
{
    pthread_t thread;
    unsigned far_posts = 0;
    storm_seed = seed;
    storm_state = seed * 0x1234567u + 1;
    storm_now = (uint64_t)1000 << below(32);
    storm_calm = 0;
    weather = fail_in = 0;
    operation_count = resource_count = listener_count = 0;
    memset(by_names, 0, sizeof by_names);
    memset(lookups, 0, sizeof lookups);
    memset(exchanges, 0, sizeof exchanges);
    memset(transports, 0, sizeof transports);
    memset(transport_node, 0, sizeof transport_node);
    memset(sockets_open, 0, sizeof sockets_open);
    memset(&mesh_heard, 0, sizeof mesh_heard);
    memset(&last_datagram, 0, sizeof last_datagram);
    memset(tokens, 0, sizeof tokens);
    memset(token_at, 0, sizeof token_at);
    exchange_at = 0;
    memset(hosts, 0, sizeof hosts);
    far_posts_run = 0;
    memset(posts_made, 0, sizeof posts_made);
    memset(posts_run, 0, sizeof posts_run);
    threaded = seed % 4 == 3;
    stopping = 0;
    if (seed % 8 != 0) set_up();
    if (threaded && pthread_create(&thread, NULL, elsewhere, &far_posts) != 0) threaded = 0;
    for (storm_step = 0; storm_step < STEPS && failures == 0; storm_step++) {
        SHOW("step %u at %llu\n", storm_step, (unsigned long long)storm_now);
        step();
        CHECK_IS(depth, 0);
        CHECK_IS(lent_count, 0);
    }
    if (threaded) {
        __atomic_store_n(&stopping, 1, __ATOMIC_RELEASE);
        pthread_join(thread, NULL);
    }
    storm_calm = 1;
    /* What was started ends by itself, or is ended. */
    for (unsigned i = 0; i < operation_count; i++) {
        operation *of = &operations[i];
        if (!of->ended && of->owner->kind == COAP && of->owner->open && !of->outlives) (void)mote_coap_cancel(of->owner->handle, of->handle);
    }
    if (failures == 0) settle(2000);
    if (failures == 0) close_all();
    for (unsigned i = 0; i < LOOKUPS; i++) if (lookups[i].handle != NULL && lookups[i].of != NULL && !lookups[i].of->ended) lookup_cancel(&lookups[i]);
    if (failures == 0) settle(31000);
    for (unsigned i = 0; i < operation_count && failures == 0; i++) CHECK(operations[i].ended);
    for (unsigned i = 0; i < NODES && failures == 0; i++) if (nodes[i].open) CHECK_IS(posts_run[i], posts_made[i]);
    CHECK(far_posts_run <= far_posts);
    if (failures == 0) fresh_request();
    for (unsigned i = 0; i < NODES && failures == 0; i++) {
        if (!nodes[i].open) continue;
        CHECK_IS(mote_node_close(nodes[i].handle), MOTE_OK);
        object_closed(&nodes[i]);
    }
    if (failures == 0) simulated_net();
    if (failures == 0) simulated_air();
    if (failures != 0) printf("seed %llu, step %u\n", (unsigned long long)seed, storm_step);
}

static void forget(void)
{
    object *all[] = { nodes, coaps, mqtts, meshes };
    unsigned counts[] = { NODES, COAPS, MQTTS, MESHES };
    for (unsigned kind = 0; kind < 4; kind++) {
        for (unsigned i = 0; i < counts[kind]; i++) {
            block_free(&all[kind][i].memory);
            forget_kept(&all[kind][i]);
            memset(&all[kind][i], 0, sizeof all[kind][i]);
        }
    }
    for (unsigned i = 0; i < LOOKUPS; i++) block_free(&lookups[i].memory);
    for (unsigned i = 0; i < BY_NAMES; i++) block_free(&by_names[i].memory), block_free(&by_names[i].uri);
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 0, count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : SEEDS;
    storm_shown = argc == 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned i = 0; i < sizeof coap_body; i++) coap_body[i] = (uint8_t)(i * 7);
    for (uint64_t seed = first; seed < first + count && failures == 0; seed++) {
        storm(seed);
        if (failures == 0) forget();
    }
    printf("looked up %u, CoAP served %u, endpoints over the mesh %u, events", looked_up_well, coap_served, over_mesh);
    for (unsigned i = 1; i < 4; i++) printf(" %u", coap_kinds[i]);
    printf("; MQTT done %u, events", mqtt_done);
    for (unsigned i = 1; i < 10; i++) printf(" %u", mqtt_kinds[i]);
    printf("; mesh events");
    for (unsigned i = 1; i < 17; i++) printf(" %u", mesh_kinds[i]);
    printf("\n");
    if (count >= SEEDS && failures == 0) {
        CHECK(looked_up_well > 0 && coap_served > 0 && coap_kinds[MOTE_COAP_RESPONSE] > 0 && over_mesh > 0);
        CHECK(mqtt_done > 0 && mqtt_kinds[MOTE_MQTT_MESSAGE] > 0 && mqtt_kinds[MOTE_MQTT_WANTED] > 0);
        CHECK(mesh_kinds[MOTE_MESH_JOINED] > 1 && mesh_kinds[MOTE_MESH_ROUTE] > 0 && mesh_kinds[MOTE_MESH_PING_REPLY] > 0);
    }
    for (unsigned i = 0; i < STORM_COUNT && count >= SEEDS && failures == 0; i++) {
        if (storm_called[i] == 0) printf("%s was never called\n", storm_names[i]);
        CHECK(storm_called[i] != 0);
    }
    return outcome("storm");
}
