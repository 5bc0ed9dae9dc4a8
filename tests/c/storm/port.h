/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A port in memory with every service, of which anything can fail at any time. Its contract it keeps: what was opened is closed once,
 * and what is ready is told, unless it cannot tell. */
#ifndef STORM_PORT_H
#define STORM_PORT_H
#include "called.h"
#include "world.h"

static uint64_t storm_now;
static object meshes[MESHES];

enum { SOCKETS = 8, QUEUE = 24, MTU = 1400, PIPE = 6000, QUERIES = 6, RECORDS = 24, RECORD = 700 };

typedef struct {
    size_t len;
    uint8_t data[PIPE];
} pipe;

typedef struct {
    uint8_t open, told, blocked;
    uint32_t token;
    uint16_t port;        /* UDP */
    uint8_t pending;      /* TCP: not connected yet */
    uint8_t shut;         /* TCP: by us */
    mote_status broken;   /* TCP: by the peer */
    uint8_t version;      /* of MQTT */
    uint16_t next_id;
    pipe up, down;        /* TCP */
} port_socket;

typedef struct {
    uint8_t open, told, there;
    uint32_t token;
} port_query;

typedef struct {
    uint8_t used, to;
    mote_address from, local;
    size_t len;
    uint32_t flags;
    uint8_t data[MTU];
} port_datagram;

typedef struct {
    uint8_t index, opened, woken;
    port_socket udp[SOCKETS], tcp[SOCKETS], tun;
    port_query queries[QUERIES];
    port_datagram queue[QUEUE];
    /* The radio: what it sends, and until when. */
    mote_node *radio_node;
    uint8_t radio_on, sending, frame_len, frame[125];
    uint64_t sent_at;
    struct { uint32_t owner, record; size_t len; uint8_t data[RECORD]; } store[RECORDS];
    mote_port port;
    mote_port_alarm alarm;
    uint64_t token_of_state; /* what `open` found its state to be */
} host;

static host hosts[NODES];
static unsigned weather;  /* of 1024 calls into the port, how many fail */
static unsigned fail_in;  /* calls until one fails; 0 for never */
static port_datagram last_datagram; /* for repetitions */

static mote_status port_fails(void)
{
    static const mote_status errors[] = { MOTE_ERR_WOULD_BLOCK, MOTE_ERR_WOULD_BLOCK, MOTE_ERR_IO, MOTE_ERR_UNREACHABLE, MOTE_ERR_FULL,
                                          MOTE_ERR_REFUSED, MOTE_ERR_CLOSED, MOTE_ERR_RESET, MOTE_ERR_TOO_LARGE, -1000, 5 };
    if (storm_calm) return MOTE_OK;
    if ((fail_in != 0 && --fail_in == 0) || below(1024) < weather) return errors[below(sizeof errors / sizeof errors[0])];
    return MOTE_OK;
}
#define MAY_FAIL() \
    do { \
        mote_status fails_ = port_fails(); \
        if (fails_ != MOTE_OK) return fails_; \
    } while (0)

static mote_address host_address(unsigned index, uint16_t port)
{
    mote_address address = { .ip = { 0xfd }, .port = port };
    address.ip[15] = (uint8_t)(index + 1);
    return address;
}

static uint64_t port_now(void *state)
{
    (void)state;
    /* A clock should not go back, but some do. */
    return !storm_calm && one_in(100) ? storm_now - below(500) : storm_now;
}

static mote_status port_fill(void *state, uint8_t *out, size_t len)
{
    (void)state;
    MAY_FAIL();
    while (len--) *out++ = (uint8_t)dice();
    return MOTE_OK;
}

static mote_status port_open(void *state, void *user)
{
    host *of = user;
    (void)state;
    MAY_FAIL();
    CHECK(!of->opened);
    of->opened = 1;
    return MOTE_OK;
}

static void port_close(void *state)
{
    host *of = *(host **)state;
    CHECK(of->opened);
    for (unsigned i = 0; i < SOCKETS; i++) CHECK(!of->udp[i].open && !of->tcp[i].open);
    for (unsigned i = 0; i < QUERIES; i++) CHECK(!of->queries[i].open);
    CHECK(!of->tun.open);
    of->opened = 0;
}

static host *host_of(void *state)
{
    host *of = *(host **)state;
    CHECK(of->opened);
    return of;
}

/* `open` of a port with a state of its own: where its host is stands in it. */
static mote_status port_open_state(void *state, void *user)
{
    mote_status status = port_open(state, user);
    uint64_t zeros[4] = { 0, 0, 0, 0 };
    CHECK((uintptr_t)state % 16 == 0 && memcmp(state, zeros, sizeof zeros) == 0);
    if (status == MOTE_OK) *(host **)state = user;
    return status;
}

static port_socket *socket_of(port_socket *sockets, size_t handle)
{
    CHECK(handle < SOCKETS && sockets[handle].open);
    sockets[handle].told = 0;
    return &sockets[handle];
}

static mote_status socket_open(port_socket *sockets, uint32_t token, size_t *handle)
{
    for (size_t i = 0; i < SOCKETS; i++) {
        if (sockets[i].open) continue;
        memset(&sockets[i], 0, sizeof sockets[i]);
        sockets[i].open = 1;
        sockets[i].token = token;
        *handle = i;
        return MOTE_OK;
    }
    return MOTE_ERR_FULL;
}

static void socket_close(port_socket *sockets, size_t handle)
{
    CHECK(handle < SOCKETS && sockets[handle].open);
    sockets[handle].open = 0;
}

static mote_status udp_open(void *state, const mote_address *local, uint32_t options, uint32_t token, size_t *handle)
{
    host *of = host_of(state);
    mote_status status;
    MAY_FAIL();
    if (options > MOTE_UDP_REUSE) return MOTE_ERR_UNSUPPORTED;
    for (unsigned i = 0; i < SOCKETS; i++) {
        if (local->port != 0 && of->udp[i].open && of->udp[i].port == local->port) return MOTE_ERR_ADDRESS_IN_USE;
    }
    status = socket_open(of->udp, token, handle);
    if (status == MOTE_OK) of->udp[*handle].port = local->port ? local->port : (uint16_t)(50000 + *handle);
    return status;
}

static void udp_close(void *state, size_t handle)
{
    socket_close(host_of(state)->udp, handle);
}

static mote_status udp_local(void *state, size_t handle, mote_address *local)
{
    host *of = host_of(state);
    CHECK(handle < SOCKETS && of->udp[handle].open);
    MAY_FAIL();
    *local = host_address(of->index, of->udp[handle].port);
    return MOTE_OK;
}

static mote_status udp_receive(void *state, size_t handle, mote_port_datagram *datagrams, size_t capacity, size_t *count)
{
    host *of = host_of(state);
    port_socket *socket = socket_of(of->udp, handle);
    size_t taken = 0;
    CHECK(capacity > 0);
    /* A broken socket is a rare thing. */
    if (one_in(8)) MAY_FAIL();
    for (unsigned i = 0; i < QUEUE && taken < capacity; i++) {
        port_datagram *queued = &of->queue[i];
        mote_port_datagram *out = &datagrams[taken];
        if (!queued->used || queued->to != handle) continue;
        queued->used = 0;
        out->flags = queued->flags | (queued->len > out->len ? MOTE_UDP_TRUNCATED : 0);
        if (queued->len < out->len) out->len = queued->len;
        memcpy(out->data, queued->data, out->len);
        out->remote = queued->from;
        out->local = queued->local;
        taken++;
    }
    if (taken == 0) return MOTE_ERR_WOULD_BLOCK;
    /* Fewer than it could take were all there were. */
    socket->told = 0;
    *count = !storm_calm && one_in(200) ? taken + 100 : taken;
    return MOTE_OK;
}

/* Queues a datagram for one socket; what finds no room is lost. */
static void port_deliver(unsigned to, uint16_t port, const port_datagram *datagram)
{
    host *of = &hosts[to];
    for (size_t handle = 0; handle < SOCKETS; handle++) {
        if (!of->udp[handle].open || of->udp[handle].port != port) continue;
        for (unsigned i = 0; i < QUEUE; i++) {
            if (of->queue[i].used) continue;
            of->queue[i] = *datagram;
            of->queue[i].used = 1;
            of->queue[i].to = (uint8_t)handle;
            of->udp[handle].told = 0;
            return;
        }
    }
}

static void port_transmit(const mote_address *remote, const port_datagram *datagram)
{
    for (unsigned to = 0; to < NODES; to++) {
        port_datagram copy = *datagram;
        int group = remote->ip[0] == 0xff;
        if (!group && (remote->ip[0] != 0xfd || remote->ip[15] != to + 1)) continue;
        copy.local = group ? *remote : host_address(to, 0);
        copy.local.port = 0;
        if (!storm_calm) {
            if (one_in(12)) continue;
            if (one_in(12) && copy.len > 0) copy.data[below((unsigned)copy.len)] = (uint8_t)dice();
            if (one_in(30)) copy.len = below((unsigned)copy.len + 1);
            if (one_in(60)) copy.flags = 1u << below(3);
            if (one_in(12)) port_deliver(to, remote->port, &copy);
        }
        port_deliver(to, remote->port, &copy);
    }
}

static mote_status udp_send(void *state, size_t handle, const mote_port_datagram *datagrams, size_t count, size_t *sent)
{
    host *of = host_of(state);
    port_socket *socket = socket_of(of->udp, handle);
    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        static port_datagram packet;
        mote_status status = port_fails();
        if (status == MOTE_OK && datagrams[i].len > MTU) status = MOTE_ERR_TOO_LARGE;
        if (status != MOTE_OK) {
            if (status == MOTE_ERR_WOULD_BLOCK) socket->blocked = 1;
            if (i == 0) return status;
            *sent = i;
            return MOTE_OK;
        }
        memset(&packet, 0, sizeof packet);
        packet.from = host_address(of->index, socket->port);
        packet.len = datagrams[i].len;
        if (packet.len != 0) memcpy(packet.data, datagrams[i].data, packet.len);
        last_datagram = packet;
        port_transmit(&datagrams[i].remote, &packet);
    }
    *sent = !storm_calm && one_in(200) ? 0 : count;
    return MOTE_OK;
}

static mote_status udp_group(void *state, size_t handle, const mote_address *group)
{
    (void)socket_of(host_of(state)->udp, handle);
    MAY_FAIL();
    return group->ip[0] == 0xff ? MOTE_OK : MOTE_ERR_INVALID;
}

static mote_status tcp_open(void *state, const mote_address *remote, uint32_t token, size_t *handle)
{
    mote_status status;
    MAY_FAIL();
    (void)remote;
    status = socket_open(host_of(state)->tcp, token, handle);
    if (status == MOTE_OK) host_of(state)->tcp[*handle].pending = storm_calm ? 0 : (uint8_t)below(4);
    return status;
}

static mote_status tcp_connected(void *state, size_t handle)
{
    port_socket *socket = socket_of(host_of(state)->tcp, handle);
    MAY_FAIL();
    if (socket->pending > 1 && !storm_calm) return MOTE_ERR_WOULD_BLOCK;
    return socket->broken;
}

static mote_status tcp_receive(void *state, size_t handle, uint8_t *out, size_t capacity, size_t *received)
{
    port_socket *socket = socket_of(host_of(state)->tcp, handle);
    size_t len = socket->down.len < capacity ? socket->down.len : capacity;
    CHECK(capacity > 0);
    MAY_FAIL();
    if (len == 0) return socket->broken != MOTE_OK ? socket->broken : MOTE_ERR_WOULD_BLOCK;
    if (!storm_calm && one_in(3)) len = 1 + below((unsigned)len);
    memcpy(out, socket->down.data, len);
    memmove(socket->down.data, socket->down.data + len, socket->down.len - len);
    socket->down.len -= len;
    *received = !storm_calm && one_in(400) ? SIZE_MAX / 2 : len;
    return MOTE_OK;
}

static mote_status tcp_send(void *state, size_t handle, const uint8_t *data, size_t len, size_t *sent)
{
    port_socket *socket = socket_of(host_of(state)->tcp, handle);
    size_t room = PIPE - socket->up.len;
    mote_status status = port_fails();
    CHECK(len > 0 && !socket->shut);
    if (status == MOTE_OK && (room == 0 || (!storm_calm && one_in(20)))) status = MOTE_ERR_WOULD_BLOCK;
    if (status == MOTE_OK && socket->broken == MOTE_ERR_RESET) status = MOTE_ERR_RESET;
    if (status == MOTE_ERR_WOULD_BLOCK) socket->blocked = 1;
    if (status != MOTE_OK) return status;
    if (len > room) len = room;
    if (!storm_calm && one_in(3)) len = 1 + below((unsigned)len);
    memcpy(socket->up.data + socket->up.len, data, len);
    socket->up.len += len;
    *sent = len;
    return MOTE_OK;
}

static void tcp_shutdown(void *state, size_t handle)
{
    socket_of(host_of(state)->tcp, handle)->shut = 1;
}

static void tcp_close(void *state, size_t handle)
{
    socket_close(host_of(state)->tcp, handle);
}

static mote_status resolver_start(void *state, const uint8_t *name, size_t len, uint32_t token, size_t *query)
{
    host *of = host_of(state);
    MAY_FAIL();
    CHECK(len > 0);
    (void)digest((mote_bytes){ name, len });
    for (size_t i = 0; i < QUERIES; i++) {
        if (of->queries[i].open) continue;
        of->queries[i] = (port_query){ .open = 1, .token = token, .there = storm_calm || one_in(3) };
        *query = i;
        return MOTE_OK;
    }
    return MOTE_ERR_FULL;
}

static mote_status resolver_take(void *state, size_t query, mote_address *addresses, size_t capacity, size_t *count)
{
    port_query *of = &host_of(state)->queries[query];
    mote_status status = port_fails();
    CHECK(query < QUERIES && of->open && capacity > 0);
    of->told = 0;
    if (status == MOTE_ERR_WOULD_BLOCK || !(of->there |= (uint8_t)storm_calm)) return MOTE_ERR_WOULD_BLOCK;
    of->open = 0;
    if (status == MOTE_OK && !storm_calm && one_in(5)) status = MOTE_ERR_NOT_FOUND;
    if (status != MOTE_OK) return status;
    *count = storm_calm ? 1 : 1 + below((unsigned)capacity);
    for (size_t i = 0; i < *count; i++) addresses[i] = host_address(storm_calm ? 0 : below(NODES + 1), 0);
    return MOTE_OK;
}

static void resolver_cancel(void *state, size_t query)
{
    CHECK(query < QUERIES && host_of(state)->queries[query].open);
    host_of(state)->queries[query].open = 0;
}

static mote_status radio_start(void *state, void *node)
{
    MAY_FAIL();
    host_of(state)->radio_node = node;
    return MOTE_OK;
}

static mote_status radio_enable(void *state, uint8_t on)
{
    MAY_FAIL();
    host_of(state)->radio_on = on;
    return MOTE_OK;
}

static mote_status radio_channel(void *state, uint8_t channel)
{
    (void)host_of(state);
    CHECK(channel >= 11 && channel <= 26);
    MAY_FAIL();
    return MOTE_OK;
}

static mote_status radio_addresses(void *state, const mote_radio_addresses *addresses)
{
    (void)host_of(state);
    (void)digest((mote_bytes){ addresses->extended, 8 });
    MAY_FAIL();
    return MOTE_OK;
}

static mote_status radio_transmit(void *state, const uint8_t *frame, size_t len)
{
    host *of = host_of(state);
    CHECK(len > 0 && len <= sizeof of->frame);
    MAY_FAIL();
    if (of->sending || !of->radio_on) return MOTE_ERR_WOULD_BLOCK;
    memcpy(of->frame, frame, len);
    of->frame_len = (uint8_t)len;
    of->sending = 1;
    of->sent_at = storm_now + 1 + len * 32 / 1000;
    return MOTE_OK;
}

static uint8_t radio_clear(void *state)
{
    (void)host_of(state);
    return storm_calm || !one_in(8);
}

static mote_status store_read(void *state, uint32_t owner, uint32_t record, uint8_t *out, size_t capacity, size_t *len)
{
    host *of = host_of(state);
    MAY_FAIL();
    for (unsigned i = 0; i < RECORDS; i++) {
        if (of->store[i].owner != owner || of->store[i].record != record) continue;
        if (of->store[i].len > capacity) return MOTE_ERR_TOO_LARGE;
        memcpy(out, of->store[i].data, of->store[i].len);
        *len = of->store[i].len;
        return MOTE_OK;
    }
    return MOTE_ERR_NOT_FOUND;
}

static mote_status store_write(void *state, uint32_t owner, uint32_t record, const mote_bytes *parts, size_t count)
{
    host *of = host_of(state);
    size_t len = 0;
    unsigned free_place = RECORDS, i;
    MAY_FAIL();
    for (size_t part = 0; part < count; part++) len += parts[part].len;
    if (len > RECORD) return MOTE_ERR_FULL;
    for (i = 0; i < RECORDS; i++) {
        if (of->store[i].owner == owner && of->store[i].record == record) break;
        if (of->store[i].owner == 0) free_place = i;
    }
    if (i == RECORDS) i = free_place;
    if (i == RECORDS) return MOTE_ERR_FULL;
    of->store[i].owner = owner;
    of->store[i].record = record;
    of->store[i].len = len;
    len = 0;
    for (size_t part = 0; part < count; part++) {
        if (parts[part].len != 0) memcpy(of->store[i].data + len, parts[part].ptr, parts[part].len);
        len += parts[part].len;
    }
    return MOTE_OK;
}

static mote_status store_remove(void *state, uint32_t owner, uint32_t record)
{
    host *of = host_of(state);
    MAY_FAIL();
    for (unsigned i = 0; i < RECORDS; i++) {
        if (of->store[i].owner == owner && of->store[i].record == record) of->store[i].owner = 0;
    }
    return MOTE_OK;
}

static mote_status store_next(void *state, uint32_t owner, uint32_t from, uint32_t *record)
{
    host *of = host_of(state);
    int found = 0;
    MAY_FAIL();
    for (unsigned i = 0; i < RECORDS; i++) {
        if (of->store[i].owner != owner || of->store[i].record < from || (found && of->store[i].record > *record)) continue;
        *record = of->store[i].record;
        found = 1;
    }
    return found ? MOTE_OK : MOTE_ERR_NOT_FOUND;
}

static void log_write(void *state, uint32_t level, mote_bytes text)
{
    (void)host_of(state);
    CHECK(level >= MOTE_LOG_ERROR && level <= MOTE_LOG_DEBUG && text.len > 0);
    (void)digest(text);
}

static void tap_pass(void *state, uint32_t kind, const mote_address *source, const mote_address *destination, mote_bytes data)
{
    (void)host_of(state);
    CHECK(kind == MOTE_TAP_UDP || kind == MOTE_TAP_FRAME);
    CHECK((kind == MOTE_TAP_UDP) == (source != NULL) && (source != NULL) == (destination != NULL));
    (void)digest(data);
}

static uint8_t tap_active(void *state)
{
    return host_of(state)->index != 1;
}

static mote_status tun_open(void *state, mote_bytes name, uint32_t mtu, uint32_t token, size_t *tun)
{
    host *of = host_of(state);
    MAY_FAIL();
    (void)digest(name);
    CHECK(!of->tun.open && mtu >= 1280);
    memset(&of->tun, 0, sizeof of->tun);
    of->tun.open = 1;
    of->tun.token = token;
    *tun = 77;
    return MOTE_OK;
}

static mote_status tun_address(void *state, size_t tun, const mote_address *address, uint8_t prefix_len)
{
    CHECK(tun == 77 && host_of(state)->tun.open);
    (void)address;
    (void)prefix_len;
    MAY_FAIL();
    return MOTE_OK;
}

static mote_status tun_receive(void *state, size_t tun, uint8_t *out, size_t capacity, size_t *received)
{
    host *of = host_of(state);
    CHECK(tun == 77 && of->tun.open && capacity >= 1280);
    of->tun.told = 0;
    MAY_FAIL();
    if (of->tun.down.len == 0) return MOTE_ERR_WOULD_BLOCK;
    memcpy(out, of->tun.down.data, of->tun.down.len);
    *received = of->tun.down.len;
    of->tun.down.len = 0;
    return MOTE_OK;
}

static mote_status tun_send(void *state, size_t tun, const uint8_t *packet, size_t len)
{
    CHECK(tun == 77 && host_of(state)->tun.open && len >= 40);
    (void)digest((mote_bytes){ packet, len });
    MAY_FAIL();
    return MOTE_OK;
}

static void tun_close(void *state, size_t tun)
{
    CHECK(tun == 77 && host_of(state)->tun.open);
    host_of(state)->tun.open = 0;
}

/* Tells of a socket that is ready and was not told of since it was touched. */
static void tell(uint8_t *told, uint32_t token, uint32_t flags, mote_port_ready *ready, size_t capacity, size_t *count)
{
    if (flags == 0 || *told || *count >= capacity) return;
    ready[(*count)++] = (mote_port_ready){ token, flags };
    *told = 1;
}

static mote_status alarm_wait(void *state, uint64_t deadline, mote_port_ready *ready, size_t capacity, size_t *count)
{
    host *of = host_of(state);
    MAY_FAIL();
    if (!of->woken && deadline > storm_now && one_in(4)) storm_now += below(deadline - storm_now < 500 ? (unsigned)(deadline - storm_now) + 1 : 500);
    of->woken = 0;
    *count = !storm_calm && one_in(200) ? capacity + 3 : 0; /* more than there can be */
    if (!of->alarm.reports_readiness || *count != 0) return MOTE_OK;
    if (!storm_calm && one_in(20) && capacity > 0) ready[(*count)++] = (mote_port_ready){ any_number(), any_number() }; /* of nothing */
    for (size_t i = 0; i < SOCKETS; i++) {
        port_socket *udp = &of->udp[i], *tcp = &of->tcp[i];
        uint32_t flags = 0;
        if (udp->open) {
            for (unsigned at = 0; at < QUEUE; at++) {
                if (of->queue[at].used && of->queue[at].to == i) flags = MOTE_READY_READABLE;
            }
            if (udp->blocked) flags |= MOTE_READY_WRITABLE;
            tell(&udp->told, udp->token, flags, ready, capacity, count);
            if (udp->told) udp->blocked = 0;
        }
        flags = 0;
        if (tcp->open) {
            if (tcp->pending != 0) {
                if (tcp->pending == 1 || storm_calm) tcp->pending = 0, flags = MOTE_READY_READABLE, tcp->told = 0;
            } else {
                if (tcp->down.len != 0) flags = MOTE_READY_READABLE;
                if (tcp->broken != MOTE_OK) flags |= MOTE_READY_CLOSED;
                if (tcp->blocked && tcp->up.len < PIPE) flags |= MOTE_READY_WRITABLE;
            }
            tell(&tcp->told, tcp->token, flags, ready, capacity, count);
            if (tcp->told) tcp->blocked = 0;
        }
    }
    for (size_t i = 0; i < QUERIES; i++) {
        port_query *query = &of->queries[i];
        if (query->open && (query->there || storm_calm)) {
            query->there = 1;
            tell(&query->told, query->token, MOTE_READY_READABLE, ready, capacity, count);
        }
    }
    if (of->tun.open && of->tun.down.len != 0) tell(&of->tun.told, of->tun.token, MOTE_READY_READABLE, ready, capacity, count);
    return MOTE_OK;
}

/* Called by other threads too. */
static void alarm_wake(void *state)
{
    __atomic_store_n(&(*(host **)state)->woken, 1, __ATOMIC_RELEASE);
}

static mote_status alarm_descriptor(void *state, int32_t *descriptor)
{
    MAY_FAIL();
    *descriptor = host_of(state)->index;
    return MOTE_OK;
}

static mote_status alarm_arm(void *state, uint64_t deadline)
{
    (void)host_of(state);
    (void)deadline;
    MAY_FAIL();
    return MOTE_OK;
}

static const mote_port_clock port_clock = { MOTE_PORT_CLOCK_INIT, .now = port_now };
static const mote_port_entropy port_entropy = { MOTE_PORT_ENTROPY_INIT, .fill = port_fill };
static const mote_port_udp port_udp = {
    MOTE_PORT_UDP_INIT, .open = udp_open, .close = udp_close, .local_address = udp_local, .receive = udp_receive,
    .send = udp_send, .join = udp_group, .leave = udp_group,
};
static const mote_port_tcp port_tcp = {
    MOTE_PORT_TCP_INIT, .open = tcp_open, .connected = tcp_connected, .receive = tcp_receive, .send = tcp_send,
    .shutdown = tcp_shutdown, .close = tcp_close,
};
static const mote_port_resolver port_resolver = {
    MOTE_PORT_RESOLVER_INIT, .start = resolver_start, .take = resolver_take, .cancel = resolver_cancel,
};
static const mote_port_radio port_radio = {
    MOTE_PORT_RADIO_INIT, .capabilities = MOTE_RADIO_ACK, .start = radio_start, .enable = radio_enable,
    .set_channel = radio_channel, .set_addresses = radio_addresses, .transmit = radio_transmit, .channel_clear = radio_clear,
};
static const mote_port_store port_store = {
    MOTE_PORT_STORE_INIT, .read = store_read, .write = store_write, .remove = store_remove, .next = store_next,
};
static const mote_port_log port_log = { MOTE_PORT_LOG_INIT, .level = MOTE_LOG_DEBUG, .write = log_write };
static const mote_port_tap port_tap = { MOTE_PORT_TAP_INIT, .pass = tap_pass, .active = tap_active };
static const mote_port_tun port_tun = {
    MOTE_PORT_TUN_INIT, .open = tun_open, .add_address = tun_address, .add_route = tun_address, .receive = tun_receive,
    .send = tun_send, .close = tun_close,
};

/* Makes the port of a host, of one of several kinds: with and without readiness, with and without all that can be left out. */
static void port_make(unsigned index)
{
    host *of = &hosts[index];
    memset(of->udp, 0, sizeof of->udp);
    memset(of->tcp, 0, sizeof of->tcp);
    memset(of->queries, 0, sizeof of->queries);
    memset(of->queue, 0, sizeof of->queue);
    of->tun.open = of->sending = of->radio_on = 0;
    of->radio_node = NULL;
    of->index = (uint8_t)index;
    of->alarm = (mote_port_alarm){
        MOTE_PORT_ALARM_INIT, .reports_readiness = below(3) != 0, .wait = alarm_wait, .wake = alarm_wake,
        .descriptor = alarm_descriptor, .arm = alarm_arm,
    };
    of->port = (mote_port){
        MOTE_PORT_INIT, .state_size = 32 + below(40), .user = of, .open = port_open_state, .close = port_close, .clock = &port_clock,
        .entropy = &port_entropy, .alarm = &of->alarm, .udp = &port_udp, .tcp = &port_tcp, .resolver = &port_resolver,
        .radio = &port_radio, .store = &port_store, .log = &port_log, .tap = &port_tap, .tun = &port_tun,
    };
    if (one_in(12)) of->port.log = NULL;
    if (one_in(6)) of->port.alarm = NULL;
    if (one_in(12)) of->port.tap = NULL;
    if (one_in(30)) of->port.store = NULL;
    if (one_in(30)) of->port.resolver = NULL;
    if (one_in(40)) of->port.udp = NULL;
    if (one_in(40)) of->port.tcp = NULL;
}

/* Ends the transmissions whose time has come. */
static void radio_turn(void)
{
    for (unsigned from = 0; from < NODES; from++) {
        host *sender = &hosts[from];
        uint32_t result = MOTE_RADIO_SENT;
        if (!sender->sending || sender->sent_at > storm_now) continue;
        sender->sending = 0;
        for (unsigned to = 0; to < NODES; to++) {
            host *hearer = &hosts[to];
            uint8_t frame[125];
            unsigned len = sender->frame_len;
            if (to == from || !hearer->radio_on || hearer->radio_node == NULL || !nodes[to].open) continue;
            memcpy(frame, sender->frame, len);
            if (!storm_calm && one_in(10)) continue;
            if (!storm_calm && one_in(20)) frame[below(len)] = (uint8_t)dice();
            (void)CALL(mote_radio_received, hearer->radio_node, lend_copy(frame, len), (uint8_t)below(256), (int8_t)-below(128));
            lend_end(lent_count - 1);
        }
        if (!storm_calm && one_in(12)) result = any_number() & 3;
        if (!storm_calm && one_in(40)) continue; /* it forgets to say so */
        if (nodes[from].open) (void)CALL(mote_radio_sent, sender->radio_node, result, (uint8_t)below(4));
        if (!storm_calm && one_in(40) && nodes[from].open) (void)CALL(mote_radio_sent, sender->radio_node, result, 1);
    }
}

/* Whether anything is on its way. */
static int port_busy(void)
{
    for (unsigned i = 0; i < NODES; i++) {
        for (unsigned at = 0; at < QUEUE; at++) {
            if (hosts[i].queue[at].used && hosts[i].udp[hosts[i].queue[at].to].open) return 1;
        }
    }
    return 0;
}
#endif
