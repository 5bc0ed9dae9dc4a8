/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Nodes in the storm, and look-ups. */
#ifndef STORM_NODE_H
#define STORM_NODE_H
#include "port.h"

/* How often each kind of event came: a storm in which nothing ever succeeds tests little. */
static unsigned coap_kinds[4], coap_served, over_mesh, mqtt_kinds[10], mqtt_done, mesh_kinds[17], looked_up_well;

/* A CoAP request by name, whose memory is the library's until it has ended. */
typedef struct {
    block memory, uri;
    mote_lookup *lookup;
    operation *of;
    mote_coap_request request;
    unsigned node;
} by_name;

enum { BY_NAMES = 4 };
static by_name by_names[BY_NAMES];

static object *any_node(void)
{
    return &nodes[below(NODES)];
}

/* A node's pointer for a config: seldom none, or one that is closed. */
static mote_node *node_for_config(unsigned *index)
{
    object *of = any_node();
    for (unsigned tries = 0; tries < 4 && !of->open; tries++) of = any_node();
    *index = (unsigned)(of - nodes);
    return pointer(of);
}

static void node_make(object *of)
{
    unsigned index = (unsigned)(of - nodes), mark = lent_count;
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = &hosts[index].port };
    mote_node_config *given;
    mote_node *made;
    uint8_t *room;
    size_t size;
    mote_status status;
    if (of->open) return;
    port_make(index);
    config.objects = (uint16_t)(storm_calm ? 16 : below(12));
    config.sources = (uint16_t)(storm_calm ? 30 : below(20));
    config.receive_size = storm_calm ? 1400 : below(3) * 700;
    config.receive_batch = (uint16_t)below(5);
    config.send_batch = (uint16_t)below(4);
    config.send_size = below(2) * 1300;
    config.radio_frames = (uint16_t)(one_in(8) ? below(3) : 4);
    if (!storm_calm && one_in(40)) config.reserved = 1;
    if (!storm_calm && one_in(40)) config.port = NULL;
    given = lend_config(&config, sizeof config);
    OUTPUT(size);
    status = CALL(mote_node_size, given, one_in(60) ? NULL : &size);
    if (status != MOTE_OK) CHECK(UNTOUCHED(size));
    else if (!UNTOUCHED(size)) {
        int whole = storm_calm || !one_in(12);
        room = object_room(of, whole ? size : below((unsigned)size));
        OUTPUT(made);
        status = CALL(mote_node_init, room, of->memory.size, given, &made);
        CHECK(!whole || status != MOTE_ERR_NO_MEMORY);
        if (status == MOTE_OK) object_opened(of, NODE, index, made);
        else CHECK(UNTOUCHED(made) && !hosts[index].opened);
    }
    lend_end(mark);
}

static int node_in_use(const object *of)
{
    unsigned index = (unsigned)(of - nodes);
    for (unsigned i = 0; i < COAPS; i++) if (coaps[i].open && !coaps[i].closing && coaps[i].node == index) return 1;
    for (unsigned i = 0; i < MQTTS; i++) if (mqtts[i].open && !mqtts[i].closing && mqtts[i].node == index) return 1;
    for (unsigned i = 0; i < MESHES; i++) if (meshes[i].open && !meshes[i].closing && meshes[i].node == index) return 1;
    for (unsigned i = 0; i < operation_count; i++) {
        /* Look-ups. */
        if (operations[i].owner == of && operations[i].generation == of->generation && !operations[i].ended) return 1;
    }
    return 0;
}

/* Whether a look-up may be under way on it, of which nothing is known but that its request has not ended; or something is being closed,
 * in the midst of whose callbacks this is. */
static int node_may_be_in_use(const object *of)
{
    unsigned index = (unsigned)(of - nodes);
    for (unsigned i = 0; i < COAPS; i++) if (coaps[i].closing && coaps[i].node == index) return 1;
    for (unsigned i = 0; i < MQTTS; i++) if (mqtts[i].closing && mqtts[i].node == index) return 1;
    for (unsigned i = 0; i < MESHES; i++) if (meshes[i].closing && meshes[i].node == index) return 1;
    for (unsigned i = 0; i < BY_NAMES; i++) {
        if (by_names[i].of != NULL && !by_names[i].of->ended && by_names[i].node == (unsigned)(of - nodes)) return 1;
    }
    return 0;
}

/* Of each node since it was made. */
static unsigned posts_made[NODES], posts_run[NODES];

static void lock_nodes(void);
static void unlock_nodes(void);

static void node_close(object *of)
{
    mote_node *node = pointer(of);
    int used = node_in_use(of), may = node_may_be_in_use(of);
    mote_status status;
    lock_nodes();
    status = CALL(mote_node_close, node);
    if (node == NULL) CHECK_IS(status, MOTE_OK);
    else if (!of->open) CHECK_IS(status, MOTE_ERR_STALE);
    else if (of->running || used) CHECK_IS(status, MOTE_ERR_STATE);
    else CHECK(status == MOTE_OK || (may && status == MOTE_ERR_STATE));
    if (node != NULL && of->open && status == MOTE_OK) {
        CHECK(posts_run[of - nodes] <= posts_made[of - nodes]);
        posts_made[of - nodes] = posts_run[of - nodes] = 0;
        object_closed(of);
    }
    unlock_nodes();
}

/* Has a node do what is due, in one of the ways there are. */
static void node_drive(object *of)
{
    mote_node *node = pointer(of);
    int alive = ALIVE(of, node), was = of->running;
    mote_status status;
    if (depth > 0 && !one_in(4)) return;
    driving++;
    of->running += (uint8_t)alive;
    status = one_in(2) ? CALL(mote_node_poll, node) : CALL(mote_node_run, node, one_in(3) ? below(3000) : one_in(8) ? UINT64_MAX : 0);
    driving--;
    if (alive) {
        of->running--;
        CHECK(of->open && of->running == was);
        if (was) CHECK_IS(status, MOTE_ERR_STATE);
    }
    ANSWERED(of, node, status);
}

static void posted(mote_node *node, void *user)
{
    object *of = user;
    called_back();
    CHECK(of->open && of->handle == node);
    posts_run[of - nodes]++;
    mischief();
    returning();
}

static void node_ask(object *of)
{
    mote_node *node = pointer(of);
    mote_status status;
    uint64_t when;
    OUTPUT(when);
    switch (below(7)) {
    case 0:
        status = CALL(mote_node_next_deadline, node, &when);
        if (status != MOTE_OK) CHECK(UNTOUCHED(when));
        break;
    case 1:
        status = CALL(mote_node_now, node, &when);
        if (status != MOTE_OK) CHECK(UNTOUCHED(when));
        else CHECK(when <= storm_now);
        break;
    case 2: {
        int32_t descriptor;
        OUTPUT(descriptor);
        status = CALL(mote_node_descriptor, node, &descriptor);
        /* It may be known, and following the deadline fail. */
        if (status != MOTE_OK) CHECK(UNTOUCHED(descriptor));
        break;
    }
    case 3: status = CALL(mote_node_wake, node); break;
    case 4:
        status = CALL(mote_node_post, node, posted, of);
        if (status == MOTE_OK) posts_made[of - nodes]++;
        break;
    case 5: {
        unsigned mark = lent_count;
        mote_node_statistics statistics = { MOTE_NODE_STATISTICS_INIT };
        status = CALL(mote_node_get_statistics, node, lend_config(&statistics, sizeof statistics));
        lend_end(mark);
        break;
    }
    default: {
        const mote_port *port;
        OUTPUT(port);
        status = CALL(mote_node_port, node, &port);
        if (status != MOTE_OK) CHECK(UNTOUCHED(port));
        else CHECK(port == &hosts[of - nodes].port);
    }
    }
    ANSWERED(of, node, status);
}

/* What a radio says at the wrong time, and what it never should. */
static void node_radio(object *of)
{
    mote_node *node = pointer(of);
    unsigned mark = lent_count;
    mote_status status;
    if (one_in(3)) status = CALL(mote_radio_sent, node, any_number() & 7, (uint8_t)dice());
    else status = CALL(mote_radio_received, node, lend_rubbish(below(132)), (uint8_t)dice(), (int8_t)dice());
    ANSWERED(of, node, status);
    lend_end(mark);
}

typedef struct {
    block memory;
    mote_lookup *handle;
    operation *of;
} look_up;

enum { LOOKUPS = 6 };
static look_up lookups[LOOKUPS];

static void looked_up(void *user, mote_status status, const mote_address *addresses, size_t count)
{
    look_up *of = user;
    called_back();
    heard(of->of, 1);
    looked_up_well += status == MOTE_OK;
    CHECK((status == MOTE_OK) == (count > 0));
    for (size_t i = 0; i < count; i++) CHECK_IS(addresses[i].port, 0);
    if (one_in(2)) block_free(&of->memory), of->handle = NULL;
    mischief();
    returning();
}

static const char *const names[] = { "broker.example", "a", "fd00::1", "192.0.2.1", "[fd00::2]", "fe80::1%1", "" };

static void lookup_start(void)
{
    look_up *of = &lookups[below(LOOKUPS)];
    unsigned mark = lent_count, index;
    mote_node *node = node_for_config(&index);
    mote_lookup *made;
    mote_status status;
    size_t size = one_in(10) ? below(MOTE_LOOKUP_MEM) : MOTE_LOOKUP_MEM;
    if (of->of != NULL && !of->of->ended) return;
    of->handle = NULL;
    of->of = begin(&nodes[index], "a look-up");
    if (of->of == NULL) return;
    OUTPUT(made);
    block_take(&of->memory, size);
    status = CALL(mote_lookup_start, block_start(&of->memory), size, node, lend_text(names, sizeof names / sizeof names[0]),
                  one_in(2) ? 0 : any_number(), looked_up, of, one_in(8) ? NULL : &made);
    if (status != MOTE_OK) CHECK(UNTOUCHED(made));
    begun(of->of, status, 0);
    if (status == MOTE_OK && !UNTOUCHED(made)) of->handle = made;
    ANSWERED(&nodes[index], node, status);
    lend_end(mark);
}

static void lookup_cancel(look_up *of)
{
    int under_way = of->of != NULL && !of->of->ended;
    mote_status status = CALL(mote_lookup_cancel, of->handle);
    if (of->handle == NULL) CHECK_IS(status, MOTE_OK);
    else CHECK_IS(status, under_way ? MOTE_OK : MOTE_ERR_STALE);
    if (of->handle != NULL && under_way) {
        of->of->ended = 1;
        if (one_in(2)) block_free(&of->memory), of->handle = NULL;
    }
}
#endif
