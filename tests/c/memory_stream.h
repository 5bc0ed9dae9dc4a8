/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TCP in memory, for a client whose peer is written in the test: what the client sends lies in `up` until the test takes it, what
 * the test puts into `down` is received. Any call can be made to fail. */
#ifndef MEMORY_STREAM_H
#define MEMORY_STREAM_H
#include "memory_port.h"

enum { STREAM_SOCKETS = 3, STREAM_BUFFER = 8192 };

typedef struct {
    size_t len;
    uint8_t data[STREAM_BUFFER];
} stream_pipe;

typedef struct {
    uint8_t open;       /* by the client */
    uint8_t shut;       /* the client sends no more */
    uint8_t established;
    unsigned number;    /* of all that were opened, counted from 1 */
    mote_status broken; /* what the client is told once it has received all that came; 0 while the connection stands */
    stream_pipe up, down;
} stream_socket;

static struct {
    stream_socket sockets[STREAM_SOCKETS];
    mote_status refuse; /* what an attempt ends with; 0 for success */
    size_t piece;       /* how many bytes one call moves at most; 0 for any number */
    unsigned opened, moved;
    mote_address remote; /* of the socket opened last */
    const mote_port_resolver *resolver; /* the port's, or NULL */
    /* The call with this number fails, counted from 1, and with `for_good` all after it as well. */
    unsigned calls, fail_at;
    int for_good;
    mote_status fail_with;
} stream;

static int stream_failing(void)
{
    stream.calls++;
    if (stream.fail_at == 0 || stream.calls < stream.fail_at) return 0;
    if (stream.for_good) return 1;
    if (stream.calls > stream.fail_at) return 0;
    stream.moved++; /* a single failure is over at once: it is worth trying again */
    return 1;
}

static size_t stream_count(size_t wanted, size_t most)
{
    if (wanted > most) wanted = most;
    return stream.piece != 0 && wanted > stream.piece ? stream.piece : wanted;
}

static void stream_put(stream_pipe *pipe, const void *data, size_t len)
{
    if (len != 0) memcpy(pipe->data + pipe->len, data, len);
    pipe->len += len;
    stream.moved++;
}

static void stream_drop(stream_pipe *pipe, size_t len)
{
    memmove(pipe->data, pipe->data + len, pipe->len - len);
    pipe->len -= len;
    stream.moved++;
}

static mote_status stream_open(void *state, const mote_address *remote, uint32_t token, size_t *handle)
{
    (void)state;
    (void)token; /* readiness is not reported: every socket is tried on each turn */
    if (stream_failing()) return stream.fail_with;
    for (size_t i = 0; i < STREAM_SOCKETS; i++) {
        stream_socket *socket = &stream.sockets[i];
        if (socket->open) continue;
        socket->open = 1;
        socket->shut = socket->established = 0;
        socket->broken = MOTE_OK;
        socket->up.len = socket->down.len = 0;
        socket->number = ++stream.opened;
        stream.remote = *remote;
        *handle = i;
        return MOTE_OK;
    }
    return MOTE_ERR_FULL;
}

static mote_status stream_connected(void *state, size_t handle)
{
    (void)state;
    if (stream_failing()) return stream.fail_with;
    if (stream.refuse != MOTE_OK) return stream.refuse;
    stream.sockets[handle].established = 1;
    return MOTE_OK;
}

static mote_status stream_receive(void *state, size_t handle, uint8_t *out, size_t capacity, size_t *received)
{
    stream_socket *socket = &stream.sockets[handle];
    (void)state;
    if (stream_failing()) return stream.fail_with;
    if (socket->broken == MOTE_ERR_RESET || socket->down.len == 0) {
        return socket->broken != MOTE_OK ? socket->broken : MOTE_ERR_WOULD_BLOCK;
    }
    *received = stream_count(capacity, socket->down.len);
    memcpy(out, socket->down.data, *received);
    stream_drop(&socket->down, *received);
    return MOTE_OK;
}

static mote_status stream_send(void *state, size_t handle, const uint8_t *data, size_t len, size_t *sent)
{
    stream_socket *socket = &stream.sockets[handle];
    (void)state;
    if (stream_failing()) return stream.fail_with;
    if (socket->broken == MOTE_ERR_RESET) return MOTE_ERR_RESET;
    len = stream_count(len, STREAM_BUFFER - socket->up.len);
    if (len == 0) return MOTE_ERR_WOULD_BLOCK;
    stream_put(&socket->up, data, len);
    *sent = len;
    return MOTE_OK;
}

static void stream_shutdown(void *state, size_t handle)
{
    (void)state;
    stream.sockets[handle].shut = 1;
    stream.moved++;
}

static void stream_close(void *state, size_t handle)
{
    (void)state;
    stream.sockets[handle].open = 0;
    stream.moved++;
}

static mote_status stream_fill(void *state, uint8_t *out, size_t len)
{
    return stream_failing() ? stream.fail_with : memory_fill(state, out, len);
}

/* A store of some records, which outlives the node. */
enum { STREAM_RECORDS = 48, STREAM_RECORD = 512 };

static struct stream_record {
    uint32_t owner, record; /* no owner: a free place */
    size_t len;
    uint8_t data[STREAM_RECORD];
} stream_records[STREAM_RECORDS];

static struct stream_record *stream_record(uint32_t owner, uint32_t record)
{
    for (size_t i = 0; i < STREAM_RECORDS; i++) {
        struct stream_record *place = &stream_records[i];
        if (owner == 0 ? place->owner == 0 : place->owner == owner && place->record == record) return place;
    }
    return NULL;
}

static mote_status stream_read(void *state, uint32_t owner, uint32_t record, uint8_t *out, size_t capacity, size_t *len)
{
    const struct stream_record *place = stream_record(owner, record);
    (void)state;
    if (stream_failing()) return stream.fail_with;
    if (place == NULL) return MOTE_ERR_NOT_FOUND;
    if (place->len > capacity) return MOTE_ERR_TOO_LARGE;
    if (place->len != 0) memcpy(out, place->data, place->len);
    *len = place->len;
    return MOTE_OK;
}

static mote_status stream_write(void *state, uint32_t owner, uint32_t record, const mote_bytes *parts, size_t count)
{
    struct stream_record *place = stream_record(owner, record);
    size_t len = 0;
    (void)state;
    if (stream_failing()) return stream.fail_with;
    if (place == NULL) place = stream_record(0, 0);
    for (size_t i = 0; i < count; i++) len += parts[i].len;
    if (place == NULL || len > STREAM_RECORD) return MOTE_ERR_FULL;
    place->owner = owner;
    place->record = record;
    place->len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len != 0) memcpy(place->data + place->len, parts[i].ptr, parts[i].len);
        place->len += parts[i].len;
    }
    return MOTE_OK;
}

static mote_status stream_remove(void *state, uint32_t owner, uint32_t record)
{
    struct stream_record *place = stream_record(owner, record);
    (void)state;
    if (stream_failing()) return stream.fail_with;
    if (place != NULL) place->owner = 0;
    return MOTE_OK;
}

static mote_status stream_next(void *state, uint32_t owner, uint32_t from, uint32_t *record)
{
    int found = 0;
    (void)state;
    if (stream_failing()) return stream.fail_with;
    for (size_t i = 0; i < STREAM_RECORDS; i++) {
        const struct stream_record *place = &stream_records[i];
        if (place->owner != owner || place->record < from || (found && place->record > *record)) continue;
        *record = place->record;
        found = 1;
    }
    return found ? MOTE_OK : MOTE_ERR_NOT_FOUND;
}

static const mote_port_store stream_store = {
    MOTE_PORT_STORE_INIT, .read = stream_read, .write = stream_write, .remove = stream_remove, .next = stream_next,
};
static const mote_port_entropy stream_entropy = { MOTE_PORT_ENTROPY_INIT, .fill = stream_fill };
static const mote_port_tcp stream_tcp = {
    MOTE_PORT_TCP_INIT,
    .open = stream_open,
    .connected = stream_connected,
    .receive = stream_receive,
    .send = stream_send,
    .shutdown = stream_shutdown,
    .close = stream_close,
};

/* The port of host 0, with TCP and a store and without UDP. */
static inline mote_port stream_port(void)
{
    mote_port port = memory_port(0);
    port.udp = NULL;
    port.tcp = &stream_tcp;
    port.entropy = &stream_entropy;
    port.store = &stream_store;
    port.resolver = stream.resolver;
    return port;
}

/* Forgets all connections, but not which call is to fail. */
static inline void stream_reset(void)
{
    for (size_t i = 0; i < STREAM_SOCKETS; i++) stream.sockets[i].open = 0, stream.sockets[i].up.len = 0;
    memset(stream_records, 0, sizeof stream_records);
    stream.refuse = MOTE_OK;
    stream.calls = stream.opened = stream.moved = 0;
}

/* Whether there is something to be received, be it the end. */
static inline int stream_waiting(void)
{
    for (size_t i = 0; i < STREAM_SOCKETS; i++) {
        const stream_socket *socket = &stream.sockets[i];
        if (socket->open && (socket->down.len != 0 || socket->broken != MOTE_OK)) return 1;
    }
    return 0;
}

/* The connection that stands, or NULL. */
static inline stream_socket *stream_peer(void)
{
    for (size_t i = 0; i < STREAM_SOCKETS; i++) {
        stream_socket *socket = &stream.sockets[i];
        if (socket->open && socket->established && socket->broken == MOTE_OK) return socket;
    }
    return NULL;
}
#endif
