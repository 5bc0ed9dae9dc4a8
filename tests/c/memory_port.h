/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A port without a system: some hosts on one link in memory, and a clock that is turned by hand. Used by the tests
 * on the host and by the firmware; it is also the smallest complete example of a port. */
#ifndef MEMORY_PORT_H
#define MEMORY_PORT_H
#include <mote.h>
#include <string.h>

enum { MEMORY_HOSTS = 4, MEMORY_SOCKETS = 4, MEMORY_QUEUE = 12, MEMORY_MTU = 1280 };

typedef struct {
    uint8_t used;
    uint8_t host; /* for which it is */
    mote_address from, to;
    size_t len;
    uint8_t data[MEMORY_MTU];
} memory_datagram;

typedef struct {
    uint64_t now;
    uint32_t random;
    uint32_t sent, lost;
    uint32_t lose; /* in 256, how many datagrams are lost */
    /* Of each host: the ports that its sockets are bound to, 0 for a free place. */
    uint16_t bound[MEMORY_HOSTS][MEMORY_SOCKETS];
    memory_datagram queue[MEMORY_QUEUE];
    struct memory_host {
        uint8_t index;
    } hosts[MEMORY_HOSTS];
} memory_world;

static memory_world memory;

static uint32_t memory_random(void)
{
    memory.random = memory.random * 1664525u + 1013904223u;
    return memory.random >> 8;
}

/* The address of host `index`: fd00::1 and so on. */
static mote_address memory_address(unsigned index, uint16_t port)
{
    mote_address address;
    memset(&address, 0, sizeof address);
    address.ip[0] = 0xfd;
    address.ip[15] = (uint8_t)(index + 1);
    address.port = port;
    return address;
}

static unsigned memory_index(void *state)
{
    return ((struct memory_host *)state)->index;
}

static uint64_t memory_now(void *state)
{
    (void)state;
    return memory.now;
}

static mote_status memory_fill(void *state, uint8_t *out, size_t len)
{
    (void)state;
    while (len--) *out++ = (uint8_t)memory_random();
    return MOTE_OK;
}

static mote_status memory_open(void *state, const mote_address *local, uint32_t options, uint32_t token, size_t *handle)
{
    uint16_t *bound = memory.bound[memory_index(state)];
    uint16_t port = local->port;
    (void)options;
    (void)token; /* readiness is not reported: every socket is tried on each turn */
    for (unsigned i = 0; i < MEMORY_SOCKETS; i++) {
        if (port != 0 && bound[i] == port) return MOTE_ERR_ADDRESS_IN_USE;
    }
    for (unsigned i = 0; i < MEMORY_SOCKETS; i++) {
        if (bound[i] == 0) {
            bound[i] = port ? port : (uint16_t)(50000 + i);
            *handle = i;
            return MOTE_OK;
        }
    }
    return MOTE_ERR_FULL;
}

static void memory_close(void *state, size_t handle)
{
    memory.bound[memory_index(state)][handle] = 0;
}

static mote_status memory_local(void *state, size_t handle, mote_address *local)
{
    *local = memory_address(memory_index(state), memory.bound[memory_index(state)][handle]);
    return MOTE_OK;
}

static mote_status memory_receive(void *state, size_t handle, mote_port_datagram *datagrams, size_t capacity, size_t *count)
{
    unsigned host = memory_index(state);
    size_t taken = 0;
    for (unsigned i = 0; i < MEMORY_QUEUE && taken < capacity; i++) {
        memory_datagram *queued = &memory.queue[i];
        mote_port_datagram *out = &datagrams[taken];
        if (!queued->used || queued->host != host || queued->to.port != memory.bound[host][handle]) continue;
        queued->used = 0;
        out->flags = queued->len > out->len ? MOTE_UDP_TRUNCATED : 0;
        if (queued->len < out->len) out->len = queued->len;
        memcpy(out->data, queued->data, out->len);
        out->remote = queued->from;
        out->local = queued->to;
        taken++;
    }
    if (taken == 0) return MOTE_ERR_WOULD_BLOCK;
    *count = taken;
    return MOTE_OK;
}

/* Queues one datagram for one host, if it listens; what finds no room is lost, as on any link. */
static void memory_deliver(unsigned host, const mote_address *from, const mote_port_datagram *datagram)
{
    unsigned socket = 0, i = 0;
    while (socket < MEMORY_SOCKETS && memory.bound[host][socket] != datagram->remote.port) socket++;
    while (i < MEMORY_QUEUE && memory.queue[i].used) i++;
    memory.sent++;
    if (socket == MEMORY_SOCKETS || i == MEMORY_QUEUE || (memory_random() & 255) < memory.lose) {
        memory.lost++;
        return;
    }
    memory.queue[i].used = 1;
    memory.queue[i].host = (uint8_t)host;
    memory.queue[i].from = *from;
    memory.queue[i].to = datagram->remote;
    memory.queue[i].len = datagram->len;
    memcpy(memory.queue[i].data, datagram->data, datagram->len);
}

static mote_status memory_send(void *state, size_t handle, const mote_port_datagram *datagrams, size_t count, size_t *sent)
{
    unsigned host = memory_index(state);
    mote_address from = memory_address(host, memory.bound[host][handle]);
    for (size_t i = 0; i < count; i++) {
        const mote_port_datagram *datagram = &datagrams[i];
        if (datagram->len > MEMORY_MTU) {
            *sent = i;
            return i ? MOTE_OK : MOTE_ERR_TOO_LARGE;
        }
        if (datagram->remote.ip[0] == 0xff) {
            for (unsigned to = 0; to < MEMORY_HOSTS; to++) {
                if (to != host) memory_deliver(to, &from, datagram);
            }
        } else if (datagram->remote.ip[15] >= 1 && datagram->remote.ip[15] <= MEMORY_HOSTS) {
            memory_deliver(datagram->remote.ip[15] - 1u, &from, datagram);
        }
    }
    *sent = count;
    return MOTE_OK;
}

static mote_status memory_group(void *state, size_t handle, const mote_address *group)
{
    (void)state;
    (void)handle;
    (void)group;
    return MOTE_OK;
}

static const mote_port_clock memory_clock = { MOTE_PORT_CLOCK_INIT, .now = memory_now };
static const mote_port_entropy memory_entropy = { MOTE_PORT_ENTROPY_INIT, .fill = memory_fill };
static const mote_port_udp memory_udp = {
    MOTE_PORT_UDP_INIT,
    .open = memory_open,
    .close = memory_close,
    .local_address = memory_local,
    .receive = memory_receive,
    .send = memory_send,
    .join = memory_group,
    .leave = memory_group,
};

/* The port of host `index`. */
static inline mote_port memory_port(unsigned index)
{
    memory.hosts[index].index = (uint8_t)index;
    return (mote_port){
        MOTE_PORT_INIT,
        .user = &memory.hosts[index],
        .clock = &memory_clock,
        .entropy = &memory_entropy,
        .udp = &memory_udp,
    };
}

/* Forgets everything; the clock starts at some time that is not 0. */
static inline void memory_reset(uint32_t lose)
{
    memset(&memory, 0, sizeof memory);
    memory.now = 1000;
    memory.random = 1;
    memory.lose = lose;
}

static inline int memory_waiting(void)
{
    for (unsigned i = 0; i < MEMORY_QUEUE; i++) {
        if (memory.queue[i].used) return 1;
    }
    return 0;
}

/* Lets `count` nodes run until `*done` is not 0 or nothing can happen any more, for `limit` ms of their time. */
static inline mote_status memory_run(mote_node **nodes, unsigned count, const volatile int *done, uint64_t limit)
{
    uint64_t end = memory.now + limit;
    while (!*done && memory.now < end) {
        uint64_t next = UINT64_MAX;
        for (unsigned i = 0; i < count; i++) {
            uint64_t deadline;
            mote_status status = mote_node_poll(nodes[i]);
            if (status < 0) return status;
            status = mote_node_next_deadline(nodes[i], &deadline);
            if (status < 0) return status;
            if (deadline < next) next = deadline;
        }
        if (memory_waiting()) continue;
        if (next == UINT64_MAX) break;
        if (next > memory.now) memory.now = next < end ? next : end;
    }
    return MOTE_OK;
}
#endif
