/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Simulated networks: what may be called between and within their callbacks. */
#ifndef STORM_SIMULATED_H
#define STORM_SIMULATED_H
#include "called.h"
#include "world.h"

static struct {
    mote_sim *sim;
    mote_air *air;
    mote_node *nodes[2];
    uint8_t node_memory[2][MOTE_NODE_MEM];
    uint8_t coap_memory[2][MOTE_COAP_MEM(4, 8, 1152)];
    mote_coap *coaps[2];
    mote_mesh *mesh;
    unsigned ends, started, served;
} simulated;

static void simulated_ask(void)
{
    mote_sim_link link = { MOTE_SIM_LINK_INIT, .loss = (uint16_t)below(400), .duplicate = (uint16_t)below(200), .delay = below(50) };
    mote_sim_statistics statistics = { MOTE_SIM_STATISTICS_INIT };
    mote_address address = { .ip = { 0xfd, 1 }, .port = 0 };
    const mote_port *port;
    mote_bytes capture;
    unsigned mark = lent_count;
    uint64_t now;
    switch (below(7)) {
    case 0: (void)CALL(mote_sim_set_link, simulated.sim, lend_config(&link, sizeof link)); break;
    case 1: CHECK_IS(CALL(mote_sim_now, simulated.sim, &now), MOTE_OK); break;
    case 2: CHECK_IS(CALL(mote_sim_capture, simulated.sim), MOTE_OK); break;
    case 3:
        CHECK_IS(CALL(mote_sim_captured, simulated.sim, &capture), MOTE_OK);
        (void)digest(capture);
        break;
    case 4: (void)CALL(mote_sim_get_statistics, simulated.sim, lend_config(&statistics, sizeof statistics)); break;
    case 5: CHECK_IS(CALL(mote_sim_host, simulated.sim, &address, &port), MOTE_OK); break;
    default:
        OUTPUT(port);
        CHECK_IS(CALL(mote_sim_host, simulated.sim, NULL, &port), MOTE_ERR_INVALID);
        CHECK(UNTOUCHED(port));
    }
    lend_end(mark);
}

static void simulated_event(void *user, const mote_coap_event *event)
{
    (void)user;
    simulated.ends += event->last;
    /* Within a run there is none. */
    if (one_in(3)) CHECK_IS(CALL(mote_sim_run, simulated.sim, simulated.nodes, 2, UINT64_MAX), MOTE_ERR_STATE);
    simulated_ask();
}

static void simulated_handler(void *user, const mote_coap_incoming *incoming)
{
    (void)user;
    simulated.served++;
    simulated_ask();
    (void)mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CONTENT, 0, (mote_bytes){ NULL, 0 });
}

static const mote_coap_resource_config simulated_resource = { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/a"), .get = simulated_handler };

static void simulated_net(void)
{
    uint64_t until = 0;
    memset(&simulated, 0, sizeof simulated);
    CHECK_IS(CALL(mote_sim_new, dice(), &simulated.sim), MOTE_OK);
    for (unsigned i = 0; i < 2; i++) {
        mote_node_config node = { MOTE_NODE_CONFIG_INIT };
        mote_coap_config coap = { MOTE_COAP_CONFIG_INIT };
        mote_address address = { .ip = { 0xfd } };
        address.ip[15] = (uint8_t)(i + 1);
        CHECK_IS(CALL(mote_sim_host, simulated.sim, &address, &node.port), MOTE_OK);
        CHECK_IS(mote_node_init(simulated.node_memory[i], MOTE_NODE_MEM, &node, &simulated.nodes[i]), MOTE_OK);
        coap.node = simulated.nodes[i];
        coap.local.port = i == 0 ? 5683 : 0;
        CHECK_IS(mote_coap_init(simulated.coap_memory[i], sizeof simulated.coap_memory[i], &coap, &simulated.coaps[i]), MOTE_OK);
    }
    CHECK_IS(mote_coap_resource_add(simulated.coaps[0], &simulated_resource, NULL, NULL), MOTE_OK);
    for (unsigned i = 0; i < 12; i++) {
        if (mote_coap_get(simulated.coaps[1], "coap://[fd00::1]/a", simulated_event, NULL, NULL) == MOTE_OK) simulated.started++;
        until += below(4000);
        CHECK_IS(CALL(mote_sim_run, simulated.sim, simulated.nodes, 2, until), MOTE_OK);
        simulated_ask();
    }
    CHECK_IS(CALL(mote_sim_run, simulated.sim, simulated.nodes, 2, until + 400000), MOTE_OK);
    for (unsigned i = 0; i < 2; i++) CHECK_IS(mote_coap_close(simulated.coaps[i]), MOTE_OK);
    for (unsigned i = 0; i < 2; i++) CHECK_IS(mote_node_close(simulated.nodes[i]), MOTE_OK);
    CHECK_IS(simulated.ends, simulated.started);
    CALL(mote_sim_free, simulated.sim);
}

static void air_ask(int within)
{
    mote_air_statistics statistics = { MOTE_AIR_STATISTICS_INIT };
    mote_air_place place = { MOTE_AIR_PLACE_INIT };
    unsigned mark = lent_count;
    mote_bytes capture;
    uint64_t now;
    switch (below(within ? 2 : 6)) {
    case 0: (void)mote_mesh_get_statistics(simulated.mesh, NULL); break;
    case 1: (void)mote_node_wake(simulated.nodes[0]); break;
    case 2: CHECK_IS(CALL(mote_air_now, simulated.air, &now), MOTE_OK); break;
    case 3: (void)CALL(mote_air_get_statistics, simulated.air, lend_config(&statistics, sizeof statistics)); break;
    case 4: (void)CALL(mote_air_get_place, simulated.air, below(4), lend_config(&place, sizeof place)); break;
    default:
        (void)CALL(mote_air_set_link, simulated.air, below(4), below(4), below(1100), -50);
        if (CALL(mote_air_capture, simulated.air) == MOTE_OK && one_in(2)) {
            OUTPUT(capture);
            if (CALL(mote_air_captured, simulated.air, &capture) == MOTE_OK) (void)digest(capture);
            else CHECK(UNTOUCHED(capture));
        }
    }
    lend_end(mark);
}

static void air_event(void *user, const mote_mesh_event *event)
{
    (void)user;
    (void)digest(event->data);
    air_ask(1);
}

static void simulated_air(void)
{
    mote_air_config config = { MOTE_AIR_CONFIG_INIT, .nodes = 3, .seed = dice(), .placement = below(4) };
    static uint8_t mesh_memory[24000];
    mote_node_config node = { MOTE_NODE_CONFIG_INIT, .radio_frames = 4 };
    mote_mesh_config mesh = { MOTE_MESH_CONFIG_INIT, .role = MOTE_MESH_ROOT, .on_event = air_event, .eui64 = { 2, 1 } };
    uint64_t until = 0;
    memset(&simulated, 0, sizeof simulated);
    CHECK_IS(CALL(mote_air_new, &config, &simulated.air), MOTE_OK);
    CHECK_IS(CALL(mote_air_port, simulated.air, 7, &node.port), MOTE_ERR_NOT_FOUND);
    CHECK_IS(CALL(mote_air_port, simulated.air, 0, &node.port), MOTE_OK);
    CHECK_IS(mote_node_init(simulated.node_memory[0], MOTE_NODE_MEM, &node, &simulated.nodes[0]), MOTE_OK);
    mesh.node = simulated.nodes[0];
    CHECK_IS(mote_mesh_init(mesh_memory, sizeof mesh_memory, &mesh, &simulated.mesh), MOTE_OK);
    CHECK_IS(CALL(mote_air_attach, simulated.air, 0, simulated.nodes[0]), MOTE_OK);
    CHECK_IS(CALL(mote_air_attach, simulated.air, 9, simulated.nodes[0]), MOTE_ERR_NOT_FOUND);
    CHECK_IS(mote_mesh_start_root(simulated.mesh, &(mote_mesh_root_config){ MOTE_MESH_ROOT_CONFIG_INIT }), MOTE_OK);
    for (unsigned i = 0; i < 6; i++) {
        until += below(5000);
        CHECK_IS(CALL(mote_air_run, simulated.air, until), MOTE_OK);
        air_ask(0);
    }
    CHECK_IS(CALL(mote_air_detach, simulated.air, 0), MOTE_OK);
    CHECK_IS(CALL(mote_air_detach, simulated.air, 0), MOTE_ERR_NOT_FOUND);
    CHECK_IS(mote_mesh_close(simulated.mesh), MOTE_OK);
    CHECK_IS(mote_node_close(simulated.nodes[0]), MOTE_OK);
    CALL(mote_air_free, simulated.air);
}
#endif
