/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The n-th call into the port fails, once or from then on, for every n that a scene reaches: nothing crashes, every request
 * that was started ends exactly once, and every socket is given back. After a single failure that a network can
 * have, everything even succeeds. */
#include "check.h"
#include "memory_port.h"

static unsigned calls, fail_at;
static int for_good;
static mote_status fail_with;

static int failing(void)
{
    calls++;
    return for_good ? calls >= fail_at : calls == fail_at;
}

static mote_status faulty_fill(void *state, uint8_t *out, size_t len)
{
    return failing() ? MOTE_ERR_IO : memory_fill(state, out, len);
}

static mote_status faulty_open(void *state, const mote_address *local, uint32_t options, uint32_t token, size_t *handle)
{
    return failing() ? fail_with : memory_open(state, local, options, token, handle);
}

static mote_status faulty_receive(void *state, size_t handle, mote_port_datagram *datagrams, size_t capacity, size_t *count)
{
    return failing() ? fail_with : memory_receive(state, handle, datagrams, capacity, count);
}

static mote_status faulty_send(void *state, size_t handle, const mote_port_datagram *datagrams, size_t count, size_t *sent)
{
    return failing() ? fail_with : memory_send(state, handle, datagrams, count, sent);
}

typedef struct {
    int started, ends;
    mote_status status;
} request;

static void on_event(void *user, const mote_coap_event *event)
{
    request *of = user;
    if (!event->last) return;
    of->ends++;
    of->status = event->status;
}

static uint8_t big[3000];

static void on_get(void *user, const mote_coap_incoming *incoming)
{
    (void)user;
    (void)mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CONTENT, MOTE_COAP_OCTET_STREAM, (mote_bytes){ big, sizeof big });
}

static void on_put(void *user, const mote_coap_incoming *incoming)
{
    (void)user;
    if (!incoming->more) (void)mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CHANGED, 0, (mote_bytes){ NULL, 0 });
}

static const mote_coap_resource_config resource = {
    MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/big"), .get = on_get, .put = on_put, .flags = MOTE_COAP_OBSERVABLE,
};

/* Lets the nodes run for `limit` ms of their time. Other than `memory_run` it goes on when what waits is never taken. */
static void run(mote_node **nodes, uint64_t limit)
{
    uint64_t end = memory.now + limit;
    unsigned waited = 0;
    while (memory.now < end) {
        uint64_t next = end;
        if (memory_waiting()) next = memory.now + (++waited < 1000 ? 1 : 1000);
        for (unsigned i = 0; i < 2; i++) {
            uint64_t deadline = UINT64_MAX;
            if (mote_node_poll(nodes[i]) != MOTE_OK || mote_node_next_deadline(nodes[i], &deadline) != MOTE_OK) {
                CHECK(0);
                return;
            }
            if (deadline < next) next = deadline;
        }
        /* A node that wants to be polled again at once is, but not without end. */
        memory.now = next > memory.now ? next : memory.now + 1;
    }
}

/* The scene, with whatever part of it the fault leaves possible; the requests that succeeded. */
static int scene(void)
{
    static uint8_t node_memory[2][MOTE_NODE_MEM], coap_memory[2][MOTE_COAP_MEM(4, 8, 1152)];
    mote_port ports[2];
    mote_port_entropy entropy;
    mote_port_udp udp;
    mote_node *nodes[2] = { NULL, NULL };
    mote_coap *coaps[2] = { NULL, NULL };
    mote_coap_resource handle = 0;
    request requests[3] = { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } };
    int succeeded = 0, ready;

    memory_reset(0);
    for (unsigned i = 0; i < 2; i++) {
        mote_node_config config = { MOTE_NODE_CONFIG_INIT };
        mote_coap_config coap = { MOTE_COAP_CONFIG_INIT };
        ports[i] = memory_port(i);
        entropy = *ports[i].entropy;
        entropy.fill = faulty_fill;
        ports[i].entropy = &entropy;
        udp = *ports[i].udp;
        udp.open = faulty_open;
        udp.receive = faulty_receive;
        udp.send = faulty_send;
        ports[i].udp = &udp;
        config.port = &ports[i];
        if (mote_node_init(node_memory[i], sizeof node_memory[i], &config, &nodes[i]) != MOTE_OK) {
            CHECK(nodes[i] == NULL);
            continue;
        }
        coap.node = nodes[i];
        coap.local.port = i == 0 ? 5683 : 0;
        if (mote_coap_init(coap_memory[i], sizeof coap_memory[i], &coap, &coaps[i]) != MOTE_OK) CHECK(coaps[i] == NULL);
    }
    ready = coaps[0] != NULL && coaps[1] != NULL;
    if (ready) {
        mote_coap_request observation = 0;
        CHECK_IS(mote_coap_resource_add(coaps[0], &resource, NULL, &handle), MOTE_OK);
        requests[0].started = mote_coap_get(coaps[1], "coap://[fd00::1]/big", on_event, &requests[0], NULL) == MOTE_OK;
        requests[1].started = mote_coap_send(coaps[1], MOTE_COAP_PUT, "coap://[fd00::1]/big", MOTE_COAP_OCTET_STREAM,
                                             (mote_bytes){ big, sizeof big }, on_event, &requests[1], NULL) == MOTE_OK;
        run(nodes, 200000);
        requests[2].started = mote_coap_observe(coaps[1], "coap://[fd00::1]/big", on_event, &requests[2], &observation) == MOTE_OK;
        run(nodes, 5000);
        (void)mote_coap_notify(coaps[0], handle);
        run(nodes, 5000);
        if (requests[2].started && requests[2].ends == 0) CHECK_IS(mote_coap_cancel(coaps[1], observation), MOTE_OK);
        /* Towards a peer that does not answer, PROBING_RATE holds the next large message back: a byte a second. */
        run(nodes, 3000000);
        for (unsigned i = 0; i < 3; i++) {
            CHECK_IS(requests[i].ends, requests[i].started);
            succeeded += requests[i].started && (requests[i].status == (i == 2 ? MOTE_ERR_CANCELLED : MOTE_OK));
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        if (coaps[i] != NULL) CHECK_IS(mote_coap_close(coaps[i]), MOTE_OK);
        if (nodes[i] != NULL) CHECK_IS(mote_node_close(nodes[i]), MOTE_OK);
        for (unsigned socket = 0; socket < MEMORY_SOCKETS; socket++) CHECK_IS(memory.bound[i][socket], 0);
    }
    return succeeded;
}

int main(void)
{
    static const mote_status errors[] = { MOTE_ERR_WOULD_BLOCK, MOTE_ERR_UNREACHABLE, MOTE_ERR_IO };
    unsigned total, opened;

    fail_at = 0;
    calls = 0;
    CHECK_IS(scene(), 3);
    total = calls;
    CHECK(total > 50);
    opened = 4; /* each node draws entropy once and opens one socket before anything is sent */
    for (unsigned error = 0; error < sizeof errors / sizeof errors[0]; error++) {
        fail_with = errors[error];
        for (for_good = 0; for_good < 2; for_good++) {
            for (fail_at = 1; fail_at <= total; fail_at += for_good ? 7 : 1) {
                int succeeded;
                calls = 0;
                succeeded = scene();
                if (!for_good && fail_at > opened && fail_with == MOTE_ERR_WOULD_BLOCK) {
                    if (succeeded != 3) printf("call %u of %u\n", fail_at, total);
                    CHECK_IS(succeeded, 3);
                }
            }
        }
    }
    return outcome("faults");
}
