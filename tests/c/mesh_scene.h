/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Three nodes of a mesh in a line: a root, a router and a leaf two hops away. They form a DODAG, ping each other with small and
 * with large packets, and exchange CoAP over the mesh's UDP. Runs on the host and in the firmware; says what is not so by
 * `scene_fault`. */
#ifndef MESH_SCENE_H
#define MESH_SCENE_H
#include "memory_radio.h"
#include "scene.h"

/* More than mote_mesh_size asks for here, on 32 and on 64 bits; what a node needs is printed. */
enum { SCENE_NODES = 3, SCENE_MESH = 16384, SCENE_COAP = MOTE_COAP_MEM(1, 1, 1152), SCENE_BODY = 2000 };

typedef struct {
    int done; /* how a ping or a request ended: 0 not yet, 1 well, -1 not */
    size_t got;
    uint8_t wrong;
} scene_outcome;

static struct {
    uint8_t node_memory[SCENE_NODES][MOTE_NODE_MEM];
    uint8_t mesh_memory[SCENE_NODES][SCENE_MESH];
    uint8_t coap_memory[2][SCENE_COAP];
    mote_port ports[SCENE_NODES];
    mote_node *nodes[SCENE_NODES];
    mote_mesh *meshes[SCENE_NODES];
    mote_coap *server, *client;
    mote_address addresses[SCENE_NODES];
    int routes; /* that the root has learned */
    int requests_seen;
    scene_outcome ping;
    uint8_t body[SCENE_BODY];
} scene;

static void scene_mesh_event(void *user, const mote_mesh_event *event)
{
    unsigned i = (unsigned)((mote_mesh **)user - scene.meshes);
    switch (event->kind) {
    case MOTE_MESH_ADDRESS:
        if (event->address.ip[0] == 0xfd) scene.addresses[i] = event->address;
        break;
    case MOTE_MESH_ROUTE:
        scene.routes += i == 0;
        break;
    case MOTE_MESH_PING_REPLY:
        scene.ping.got = event->data.len;
        scene.ping.wrong = event->data.len > SCENE_BODY || memcmp(event->data.ptr, scene.body, event->data.len) != 0;
        scene.ping.done = 1;
        break;
    case MOTE_MESH_PING_FAILED:
        scene.ping.done = -1;
        break;
    }
}

static void scene_reading(void *user, const mote_coap_incoming *incoming)
{
    (void)user;
    scene.requests_seen++;
    scene_check(mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CONTENT, MOTE_COAP_TEXT,
                                (mote_bytes){ scene.body, SCENE_BODY }) == MOTE_OK, "GET is answered");
}

static const mote_coap_resource_config scene_resource = {
    MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/reading"), .get = scene_reading,
};

static void scene_coap_event(void *user, const mote_coap_event *event)
{
    scene_outcome *outcome = user;
    if (event->kind == MOTE_COAP_RESPONSE && event->offset + event->payload.len <= SCENE_BODY) {
        if (memcmp(scene.body + event->offset, event->payload.ptr, event->payload.len) != 0) outcome->wrong = 1;
        outcome->got = event->offset + event->payload.len;
    }
    if (event->last) outcome->done = event->status == MOTE_OK && event->code == MOTE_COAP_CONTENT ? 1 : -1;
}

static void scene_run_until(const volatile int *done, uint64_t limit)
{
    scene_check(memory_radio_run(scene.nodes, SCENE_NODES, done, limit) == MOTE_OK, "the nodes run");
}

static mote_node_config scene_node_config(unsigned i)
{
    return (mote_node_config){ MOTE_NODE_CONFIG_INIT, .port = &scene.ports[i], .radio_frames = 4 };
}

static mote_mesh_config scene_mesh_config(unsigned i)
{
    return (mote_mesh_config){
        MOTE_MESH_CONFIG_INIT,
        .role = i == 0 ? MOTE_MESH_ROOT : i + 1 == SCENE_NODES ? MOTE_MESH_LEAF : MOTE_MESH_ROUTER,
        .node = scene.nodes[i],
        .on_event = scene_mesh_event,
        .user = &scene.meshes[i],
        .eui64 = { 0x02, 0, 0, 0, 0, 1, 0, (uint8_t)(i + 1) },
    };
}

static int scene_start(uint32_t mode, uint32_t lose)
{
    const mote_mesh_root_config root = { MOTE_MESH_ROOT_CONFIG_INIT, .mode = mode, .interval_min = 10 };
    memory_reset(lose);
    memset(&memory_air, 0, sizeof memory_air);
    memset(&scene, 0, sizeof scene);
    for (unsigned i = 0; i < SCENE_BODY; i++) scene.body[i] = (uint8_t)(i * 7 + (i >> 8));
    for (unsigned i = 0; i < SCENE_NODES; i++) {
        mote_node_config node;
        mote_mesh_config mesh;
        scene.ports[i] = memory_radio_port(i);
        node = scene_node_config(i);
        if (mote_node_init(scene.node_memory[i], sizeof scene.node_memory[i], &node, &scene.nodes[i]) != MOTE_OK) return 0;
        mesh = scene_mesh_config(i);
        if (mote_mesh_init(scene.mesh_memory[i], sizeof scene.mesh_memory[i], &mesh, &scene.meshes[i]) != MOTE_OK) return 0;
        if ((i == 0 ? mote_mesh_start_root(scene.meshes[i], &root) : mote_mesh_join(scene.meshes[i])) != MOTE_OK) return 0;
    }
    return 1;
}

/* A CoAP endpoint over the UDP of node `i`. */
static mote_coap *scene_coap(unsigned i, uint8_t *block, uint16_t port)
{
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT, .node = scene.nodes[i], .requests = 1, .observers = 1 };
    mote_address local = { .port = port };
    mote_coap *coap = NULL;
    scene_check(mote_mesh_udp_transport(scene.meshes[i], &local, &config.transport) == MOTE_OK, "UDP over the mesh opens");
    scene_check(mote_coap_init(block, SCENE_COAP, &config, &coap) == MOTE_OK, "an endpoint starts on it");
    return coap;
}

static void scene_ping(unsigned from, unsigned to, size_t len, const char *what)
{
    uint32_t ping;
    memset(&scene.ping, 0, sizeof scene.ping);
    scene_check(mote_mesh_ping(scene.meshes[from], &scene.addresses[to], 0, 5000, (mote_bytes){ scene.body, len }, &ping) == MOTE_OK,
                "a ping starts");
    scene_run_until(&scene.ping.done, 6000);
    scene_check(scene.ping.done == 1 && scene.ping.got == len && !scene.ping.wrong, what);
}

/* The whole scene in one mode of RPL; how many things were not as they should be. */
static int scene_run(uint32_t mode, uint32_t lose)
{
    static scene_outcome get;
    static int never;
    mote_coap_request_config request = { MOTE_COAP_REQUEST_CONFIG_INIT, .uri = MOTE_STR("coap://leaf/reading") };
    memset(&get, 0, sizeof get);
    if (!scene_start(mode, lose)) {
        scene_fault("everything can be set up");
        return 1;
    }
    scene_run_until(&never, 60000);
    scene_check(scene.addresses[1].ip[0] == 0xfd && scene.addresses[2].ip[0] == 0xfd, "all nodes get addresses");
    scene_check(scene.routes >= 2, "the root knows ways to them");

    scene_ping(0, 2, 8, "the leaf answers the root");
    scene_ping(2, 0, 8, "the root answers the leaf");
    scene_ping(1, 2, 8, "the leaf answers the router");
    scene_ping(0, 2, 1200, "the leaf answers a large packet of the root");
    scene_ping(2, 0, 1200, "the root answers a large packet of the leaf");

    scene.server = scene_coap(2, scene.coap_memory[0], 5683);
    scene.client = scene_coap(0, scene.coap_memory[1], 0);
    scene_check(mote_coap_resource_add(scene.server, &scene_resource, NULL, NULL) == MOTE_OK, "a resource is added");
    request.remote = scene.addresses[2];
    request.remote.port = 5683;
    request.callback = scene_coap_event;
    request.user = &get;
    scene_check(mote_coap_start(scene.client, &request, NULL) == MOTE_OK, "GET starts");
    scene_run_until(&get.done, 400000);
    scene_check(get.done == 1 && get.got == SCENE_BODY && !get.wrong, "CoAP brings a body in blocks through the mesh");
    scene_check(scene.requests_seen > 0, "the server has seen the request");

    scene_check(mote_coap_close(scene.server) == MOTE_OK && mote_coap_close(scene.client) == MOTE_OK, "the endpoints close");
    for (unsigned i = 0; i < SCENE_NODES; i++) {
        scene_check(mote_mesh_close(scene.meshes[i]) == MOTE_OK, "a mesh closes");
        scene_check(mote_node_close(scene.nodes[i]) == MOTE_OK, "a node closes");
    }
    return scene_faults;
}

/* What a router with 16 neighbours and 16 routes takes: its mesh and its event loop. */
static int scene_sizes(size_t *mesh, size_t *node)
{
    const mote_node_config node_config = scene_node_config(1);
    mote_mesh_config mesh_config = scene_mesh_config(1);
    scene.ports[1] = memory_radio_port(1);
    mesh_config.neighbours = mesh_config.routes = 16;
    return mote_node_size(&node_config, node) == MOTE_OK && mote_mesh_size(&mesh_config, mesh) == MOTE_OK;
}
#endif
