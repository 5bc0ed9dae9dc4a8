/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Nodes of a mesh in the storm. */
#ifndef STORM_MESH_H
#define STORM_MESH_H
#include "coap.h"

static object *any_mesh(void)
{
    return &meshes[below(MESHES)];
}

static unsigned mesh_generation[MESHES]; /* in which its callback may come */
static uint32_t sockets_open[8];
static mote_address mesh_heard;          /* somebody's address */

static void mesh_event(void *user, const mote_mesh_event *event)
{
    object *of = user;
    unsigned generation = of->generation;
    uint32_t sum = digest(event->data);
    called_back();
    CHECK(of->open && generation == mesh_generation[of - meshes] && event->mesh == of->handle);
    CHECK(event->kind >= MOTE_MESH_JOINED && event->kind <= MOTE_MESH_HOST_PACKET);
    mesh_kinds[event->kind % 17]++;
    if (event->kind == MOTE_MESH_ADDRESS) mesh_heard = event->address;
    if (event->kind == MOTE_MESH_PING_REPLY || event->kind == MOTE_MESH_PING_FAILED) {
        unsigned i = 0;
        for (; i < operation_count; i++) {
            operation *op = &operations[i];
            if (op->owner == of && op->generation == generation && op->handle == event->handle && !op->ended && !op->starting) break;
        }
        CHECK(i < operation_count);
        if (i < operation_count) heard(&operations[i], 1);
    }
    mischief();
    if (of->open && of->generation == generation) CHECK_IS(digest(event->data), sum);
    returning();
}

static void mesh_make(object *of)
{
    unsigned index, mark = lent_count;
    mote_mesh_config config = { MOTE_MESH_CONFIG_INIT };
    mote_mesh_config *given;
    mote_mesh *made;
    mote_status status;
    size_t size;
    if (of->open) return;
    config.node = node_for_config(&index);
    config.role = index == 0 ? MOTE_MESH_ROOT : below(one_in(20) ? 6 : 4);
    config.on_event = mesh_event;
    config.user = of;
    if (!one_in(40)) config.eui64[0] = 2, config.eui64[7] = (uint8_t)(1 + index);
    if (one_in(2)) {
        config.neighbours = (uint16_t)below(5);
        config.routes = (uint16_t)below(5);
        config.queue = (uint16_t)below(6);
        config.blocks = (uint16_t)below(20);
        config.reassemblies = (uint16_t)below(3);
        config.outgoing = (uint16_t)below(3);
        config.addresses = (uint16_t)below(4);
        config.groups = (uint16_t)below(3);
        config.sockets = (uint16_t)below(4);
        config.pings = (uint16_t)below(4);
        config.packet = (uint16_t)(one_in(3) ? 1280 + below(900) : 0);
    }
    if (one_in(8)) ((uint16_t *)(void *)&config.pan_id)[below(20)] = (uint16_t)(one_in(2) ? dice() : MOTE_MESH_NONE);
    config.host_queue = (uint16_t)(one_in(3) ? 0 : 2000);
    if (storm_calm) {
        config = (mote_mesh_config){ MOTE_MESH_CONFIG_INIT, .role = index == 0 ? MOTE_MESH_ROOT : below(2), .node = config.node, .on_event = mesh_event, .user = of };
        config.eui64[0] = 2, config.eui64[7] = (uint8_t)(1 + index);
    }
    given = lend_config(&config, sizeof config);
    OUTPUT(size);
    status = CALL(mote_mesh_size, given, &size);
    if (status != MOTE_OK) CHECK(UNTOUCHED(size));
    else if (size < 1u << 20) {
        int whole = storm_calm || !one_in(12);
        uint8_t *room = object_room(of, whole ? size : below((unsigned)size));
        OUTPUT(made);
        status = CALL(mote_mesh_init, room, of->memory.size, given, &made);
        CHECK(!whole || status != MOTE_ERR_NO_MEMORY);
        if (status == MOTE_OK) {
            CHECK(nodes[index].open);
            SHOW("    made mesh %d on %u\n", (int)(of - meshes), index);
            object_opened(of, MESH, index, made);
            mesh_generation[of - meshes] = of->generation;
        } else CHECK(UNTOUCHED(made));
    }
    lend_end(mark);
}

static void mesh_close(object *of)
{
    mote_mesh *mesh = pointer(of);
    int alive = ALIVE(of, mesh);
    unsigned generation = of->generation;
    mote_status status;
    driving++;
    of->closing += (uint8_t)alive;
    SHOW("    closing mesh %d\n", (int)(of - meshes));
    status = CALL(mote_mesh_close, mesh);
    SHOW("    closed mesh: %d\n", (int)status);
    of->closing -= (uint8_t)alive;
    driving--;
    if (mesh == NULL) CHECK_IS(status, MOTE_OK);
    else if (!alive) CHECK_IS(status, MOTE_ERR_STALE);
    /* In a callback of its own close it is closed already. */
    else CHECK(status == MOTE_OK || (depth > 0 && status == MOTE_ERR_STALE));
    if (alive && status == MOTE_OK && of->generation == generation) object_closed(of);
}

static mote_address mesh_address(void)
{
    mote_address address = { .ip = { 0xfe, 0x80 }, .port = (uint16_t)(one_in(2) ? 5683 : below(4)) };
    switch (below(4)) {
    case 0: address.ip[8] = 0, address.ip[15] = (uint8_t)(1 + below(NODES)); break;
    case 1: address.ip[0] = 0xff, address.ip[1] = 2, address.ip[15] = (uint8_t)(one_in(2) ? 1 : 0xfd); break;
    case 2: address = mesh_heard; address.port = 5683; break;
    default: for (unsigned i = 0; i < 16; i++) address.ip[i] = (uint8_t)dice();
    }
    return address;
}

static void mesh_start(object *of)
{
    mote_mesh *mesh = pointer(of);
    unsigned mark = lent_count;
    mote_mesh_root_config root = { MOTE_MESH_ROOT_CONFIG_INIT, .interval_min = 8 };
    mote_status status;
    if (one_in(8)) ((uint8_t *)&root)[4 + below(sizeof root - 4)] = (uint8_t)dice();
    if (storm_calm || one_in(2)) root.mode = below(3), root.objective = below(5);
    if (nodes + of->node == nodes || one_in(8)) status = CALL(mote_mesh_start_root, mesh, lend_config(&root, sizeof root));
    else status = CALL(mote_mesh_join, mesh);
    ANSWERED(of, mesh, status);
    lend_end(mark);
}

static void mesh_ping(object *of)
{
    mote_mesh *mesh = pointer(of);
    unsigned mark = lent_count;
    mote_address address = mesh_address();
    mote_status status;
    uint32_t handle;
    operation *op = begin(of, "a ping");
    if (op == NULL) return;
    OUTPUT(handle);
    status = CALL(mote_mesh_ping, mesh, &address, (uint8_t)(one_in(2) ? 0 : dice()), one_in(8) ? any_number() : below(4000),
                  lend_rubbish(one_in(4) ? below(1400) : below(50)), &handle);
    if (status != MOTE_OK) CHECK(UNTOUCHED(handle));
    begun(op, status, handle);
    ANSWERED(of, mesh, status);
    lend_end(mark);
}

static void mesh_udp(object *of)
{
    mote_mesh *mesh = pointer(of);
    unsigned mark = lent_count, which = below(8);
    mote_address address = mesh_address();
    mote_status status;
    uint32_t made;
    OUTPUT(made);
    if (one_in(2)) memset(address.ip, 0, sizeof address.ip);
    switch (below(5)) {
    case 0:
        status = CALL(mote_mesh_udp_open, mesh, &address, &made);
        if (status == MOTE_OK) sockets_open[which] = made;
        else CHECK(UNTOUCHED(made));
        break;
    case 1: status = CALL(mote_mesh_udp_close, mesh, one_in(4) ? any_number() : sockets_open[which]); break;
    case 2:
        status = CALL(mote_mesh_udp_transport, mesh, &address, &made);
        if (status == MOTE_OK) transports[which] = made, transport_node[which] = (uint8_t)of->node;
        else CHECK(UNTOUCHED(made));
        break;
    default:
        address = mesh_address();
        status = CALL(mote_mesh_udp_send, mesh, one_in(6) ? any_number() : sockets_open[which], &address, lend_rubbish(one_in(4) ? below(1400) : below(60)));
    }
    ANSWERED(of, mesh, status);
    lend_end(mark);
}

static void mesh_ask(object *of)
{
    mote_mesh *mesh = pointer(of);
    unsigned mark = lent_count;
    mote_address address = mesh_address();
    uint32_t index = one_in(6) ? any_number() : below(5);
    mote_status status;
    switch (below(11)) {
    case 0: status = CALL(mote_mesh_repair, mesh, (uint8_t)below(3)); break;
    case 1: status = CALL(mote_mesh_ping_cancel, mesh, any_handle(of)); break;
    case 2: status = CALL(mote_mesh_group, mesh, &address, (uint8_t)below(3)); break;
    case 3: {
        mote_bytes packet = lend_rubbish(one_in(10) ? below(1600) : 40 + below(60));
        if (packet.len >= 40 && !one_in(6)) {
            uint8_t *bytes = (uint8_t *)packet.ptr;
            bytes[0] = 0x60;
            bytes[4] = (uint8_t)((packet.len - 40) >> 8);
            bytes[5] = (uint8_t)(packet.len - 40);
            bytes[6] = (uint8_t)(one_in(2) ? 17 : 58);
            bytes[8] = 0xfd;
            memcpy(bytes + 24, address.ip, 16);
        }
        status = CALL(mote_mesh_host_packet, mesh, packet);
        if (hosts[of->node].tun.open && packet.len <= PIPE) {
            memcpy(hosts[of->node].tun.down.data, packet.ptr, packet.len > 1280 ? 1280 : packet.len);
            hosts[of->node].tun.down.len = packet.len > 1280 ? 1280 : packet.len;
            hosts[of->node].tun.told = 0;
        }
        break;
    }
    case 4: status = CALL(mote_mesh_host_open, mesh, lend_rubbish(below(20)), one_in(2) ? NULL : &address, (uint8_t)dice()); break;
    case 5: {
        mote_mesh_neighbour neighbour = { MOTE_MESH_NEIGHBOUR_INIT };
        status = CALL(mote_mesh_get_neighbour, mesh, index, lend_config(&neighbour, sizeof neighbour));
        break;
    }
    case 6: {
        mote_mesh_route route = { MOTE_MESH_ROUTE_INIT };
        status = CALL(mote_mesh_get_route, mesh, index, lend_config(&route, sizeof route));
        break;
    }
    case 7: {
        mote_mesh_dodag dodag = { MOTE_MESH_DODAG_INIT };
        status = CALL(mote_mesh_get_dodag, mesh, index, lend_config(&dodag, sizeof dodag));
        break;
    }
    case 8:
        OUTPUT(address);
        status = CALL(mote_mesh_get_address, mesh, index, &address);
        if (status != MOTE_OK) CHECK(UNTOUCHED(address));
        break;
    default: {
        mote_mesh_statistics statistics = { MOTE_MESH_STATISTICS_INIT };
        status = CALL(mote_mesh_get_statistics, mesh, lend_config(&statistics, sizeof statistics));
    }
    }
    ANSWERED(of, mesh, status);
    lend_end(mark);
}

static void mesh_action(void)
{
    object *of = any_mesh();
    unsigned which = below(32);
    if (which < 3) mesh_make(of);
    else if (which == 3 && one_in(6)) mesh_close(of);
    else if (which < 8) mesh_start(of);
    else if (which < 15) mesh_ping(of);
    else if (which < 23) mesh_udp(of);
    else mesh_ask(of);
}
#endif
