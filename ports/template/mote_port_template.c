/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A port to copy. docs/porting.md goes through it service by service; mote.h holds the contract of each function, and at
 * mote_port the rules for all of them. The comments here are about what goes wrong most often.
 *
 * It compiles as it is and does nothing: whatever can fail fails. Fill in the clock and entropy, which every node
 * needs, then what your application needs, and set the rest of the tables at the end of this file to NULL; what
 * would need them is then refused with MOTE_ERR_UNSUPPORTED.
 */
#include "mote_port_template.h"

#include <stddef.h>
#include <stdint.h>

/* What one node keeps. The library places it in the node's block, zeroed and aligned to 16 bytes, and passes it
 * to every function as `state`. Keep it small: each node has one. */
typedef struct template_state {
    uint8_t log_level;
} template_state;

/* What an application may choose, behind mote_port.user; may be NULL. Grow it at its end alone. */
typedef struct template_options {
    uint32_t size; /* sizeof(template_options) */
    uint32_t log_level;
} template_options;

/* Called once for each node, before any service. What it returns other than 0 is what mote_node_init returns;
 * `close` is not called then, so release here what was taken. */
static mote_status template_open(void *state, void *user)
{
    template_state *own = state;
    const template_options *options = user;
    own->log_level = MOTE_LOG_WARNING;
    if (options != NULL && options->size >= sizeof *options && options->log_level != 0) {
        own->log_level = (uint8_t)options->log_level;
    }
    return MOTE_OK;
}

/* Called once for each node, after the last service call. Close every socket that is still open. */
static void template_close(void *state)
{
    (void)state;
}

/* ---- clock: required ---------------------------------------------------------------------------------------- */

/* Milliseconds since any fixed point, as 64 bits. It never goes back, does not jump when the time of day is set,
 * and goes on while the processor sleeps. A 32-bit tick counter has to be extended here, before it wraps.
 * Any context. */
static uint64_t template_now(void *state)
{
    (void)state;
    return 0; /* TODO: this clock stands still, and so would every time-out. */
}

/* ---- entropy: required -------------------------------------------------------------------------------------- */

/* Fills all of `out` with bytes fit for keys: a hardware generator, or a generator seeded by one. On failure
 * MOTE_ERR_IO, and `out` is not used. Constant bytes would let strangers forge messages: rather fail. */
static mote_status template_fill(void *state, uint8_t *out, size_t len)
{
    (void)state;
    (void)out;
    (void)len;
    return MOTE_ERR_IO; /* TODO */
}

/* ---- alarm: waiting and being woken ------------------------------------------------------------------------- */

/* Sleeps until the clock reaches `deadline` (UINT64_MAX: without end; in the past: not at all), a socket is
 * ready, or `wake` was called, also when that was before the sleep began. Waking too early is harmless.
 *
 * With an RTOS: take a binary semaphore with the remaining time as time-out. On bare metal: sleep until an interrupt.
 *
 * If the system can tell which sockets are ready (select, poll, epoll, callbacks), write their tokens, with
 * reports_readiness 1 in the table. Then none may be missed: what a receive left behind, because it filled all
 * it was given, is to be reported again, and room after MOTE_ERR_WOULD_BLOCK too. But an error or an end that
 * nobody fetches must not end every wait at once: report it once. If the system cannot tell, set
 * reports_readiness to 0 and write none: the node then tries every socket on each turn. */
static mote_status template_wait(void *state, uint64_t deadline, mote_port_ready *ready, size_t capacity,
                                 size_t *count)
{
    (void)state;
    (void)deadline;
    (void)ready;
    (void)capacity;
    *count = 0;
    return MOTE_OK; /* TODO: this one does not sleep. */
}

/* Ends the present or the next wait soon. Any context: on an RTOS mind which calls interrupts may make. */
static void template_wake(void *state)
{
    (void)state;
}

/* ---- udp: datagrams of the system's own IP stack ------------------------------------------------------------ */

/* Opens a socket that does not block. An all-zero `local` means all addresses, IPv6 and IPv4 where there are
 * both; port 0 any free one. IPv4 addresses come mapped, as ::ffff:a.b.c.d. Keep `token` with the socket: `wait`
 * reports it. The handle is yours: an index, a descriptor, a pointer. MOTE_ERR_FULL when no socket is left,
 * MOTE_ERR_ADDRESS_IN_USE, MOTE_ERR_NOT_FOUND when `local` is no address of this system, MOTE_ERR_UNSUPPORTED for an
 * option that is not known, MOTE_ERR_IO. */
static mote_status template_udp_open(void *state, const mote_address *local, uint32_t options, uint32_t token,
                                     size_t *socket)
{
    (void)state;
    (void)local;
    (void)options;
    (void)token;
    (void)socket;
    return MOTE_ERR_UNSUPPORTED;
}

/* Closes the socket. Its token is not reported any more. */
static void template_udp_close(void *state, size_t socket)
{
    (void)state;
    (void)socket;
}

/* The address and port that the socket is bound to. */
static mote_status template_udp_local_address(void *state, size_t socket, mote_address *local)
{
    (void)state;
    (void)socket;
    (void)local;
    return MOTE_ERR_UNSUPPORTED;
}

/* Takes up to `capacity` waiting datagrams in the order of their coming; one at a time is fine where the system gives
 * no more. For each: `len` is the room on call and the length on return; a longer datagram is cut and marked
 * MOTE_UDP_TRUNCATED; `remote` is the sender; `local` is where it was sent to, which may be a group, or all zero
 * when the system does not say. MOTE_ERR_WOULD_BLOCK when none waits; 0 datagrams are never a success. What the network says
 * about earlier sends (port unreachable) is no error of receiving: pass over it. MOTE_ERR_IO only when the socket
 * is broken for good, since the node closes it then. */
static mote_status template_udp_receive(void *state, size_t socket, mote_port_datagram *datagrams,
                                        size_t capacity, size_t *count)
{
    (void)state;
    (void)socket;
    (void)datagrams;
    (void)capacity;
    (void)count;
    return MOTE_ERR_WOULD_BLOCK;
}

/* Sends in order, writes how many were taken, and stops at the first that is not. Success when at least one was
 * taken; otherwise why the first was not: MOTE_ERR_WOULD_BLOCK (then report MOTE_READY_WRITABLE when there is
 * room), MOTE_ERR_TOO_LARGE, MOTE_ERR_UNREACHABLE, MOTE_ERR_IO. `local`, when not zero, is the address to
 * leave from; its `scope`, or that of a multicast `remote`, the interface. */
static mote_status template_udp_send(void *state, size_t socket, const mote_port_datagram *datagrams,
                                     size_t count, size_t *sent)
{
    (void)state;
    (void)socket;
    (void)datagrams;
    (void)count;
    (void)sent;
    return MOTE_ERR_UNREACHABLE;
}

/* Joins the group on the interface group->scope, or on all suitable ones when that is 0. Joining again what is
 * joined is no error. MOTE_ERR_INVALID when it is no group, MOTE_ERR_NOT_FOUND when there is no such interface,
 * MOTE_ERR_FULL, MOTE_ERR_UNSUPPORTED, MOTE_ERR_IO. */
static mote_status template_udp_join(void *state, size_t socket, const mote_address *group)
{
    (void)state;
    (void)socket;
    (void)group;
    return MOTE_ERR_UNSUPPORTED;
}

/* Leaves it again. Statuses as for joining; MOTE_ERR_NOT_FOUND when it was not joined, too. */
static mote_status template_udp_leave(void *state, size_t socket, const mote_address *group)
{
    (void)state;
    (void)socket;
    (void)group;
    return MOTE_ERR_UNSUPPORTED;
}

/* ---- tcp: connections ---------------------------------------------------------------------------------------- */

/* Begins to connect and returns at once. Turn Nagle's algorithm off. MOTE_ERR_FULL when no socket is left,
 * MOTE_ERR_UNREACHABLE, MOTE_ERR_IO; a refusal that is known at once is for `connected` to tell. */
static mote_status template_tcp_open(void *state, const mote_address *remote, uint32_t token, size_t *socket)
{
    (void)state;
    (void)remote;
    (void)token;
    (void)socket;
    return MOTE_ERR_UNSUPPORTED;
}

/* How the attempt stands. MOTE_ERR_WOULD_BLOCK while it is under way; report MOTE_READY_READABLE when that changes.
 * MOTE_ERR_REFUSED, MOTE_ERR_TIMEOUT, MOTE_ERR_UNREACHABLE, MOTE_ERR_IO when it has failed. */
static mote_status template_tcp_connected(void *state, size_t socket)
{
    (void)state;
    (void)socket;
    return MOTE_ERR_UNREACHABLE;
}

/* Takes what came, at least one byte. Zero is never a count: MOTE_ERR_WOULD_BLOCK when nothing is there,
 * MOTE_ERR_CLOSED when the peer ended its direction (and each time again), MOTE_ERR_RESET when the connection
 * broke. Many systems return 0 for "closed": translate it. */
static mote_status template_tcp_receive(void *state, size_t socket, uint8_t *out, size_t capacity,
                                        size_t *received)
{
    (void)state;
    (void)socket;
    (void)out;
    (void)capacity;
    (void)received;
    return MOTE_ERR_RESET;
}

/* Takes as many bytes as there is room for, at least one, else MOTE_ERR_WOULD_BLOCK. No signal, no exception: a
 * connection that broke is MOTE_ERR_RESET. */
static mote_status template_tcp_send(void *state, size_t socket, const uint8_t *data, size_t len,
                                     size_t *sent)
{
    (void)state;
    (void)socket;
    (void)data;
    (void)len;
    (void)sent;
    return MOTE_ERR_RESET;
}

/* Ends our direction once everything taken has been sent; receiving goes on. */
static void template_tcp_shutdown(void *state, size_t socket)
{
    (void)state;
    (void)socket;
}

/* Closes the socket at once. Its token is not reported any more. */
static void template_tcp_close(void *state, size_t socket)
{
    (void)state;
    (void)socket;
}

/* ---- resolver: host names to addresses ----------------------------------------------------------------------- */

/* Begins to resolve `host`, which has no NUL and is copied before this returns. Report `token` as readable when the
 * answer is there. MOTE_ERR_FULL when too many queries are under way, MOTE_ERR_INVALID for what is no name. A system
 * whose resolver blocks needs a thread for it. */
static mote_status template_resolver_start(void *state, const uint8_t *host, size_t len, uint32_t token,
                                           size_t *query)
{
    (void)state;
    (void)host;
    (void)len;
    (void)token;
    (void)query;
    return MOTE_ERR_UNSUPPORTED;
}

/* The addresses, best first, with port 0, and their number, at least 1. The query is over then, and after any
 * error but MOTE_ERR_WOULD_BLOCK (not there yet): MOTE_ERR_NOT_FOUND, MOTE_ERR_IO. */
static mote_status template_resolver_take(void *state, size_t query, mote_address *addresses,
                                          size_t capacity, size_t *count)
{
    (void)state;
    (void)query;
    (void)addresses;
    (void)capacity;
    (void)count;
    return MOTE_ERR_NOT_FOUND;
}

/* Ends the query without an answer. Its token is not reported any more. */
static void template_resolver_cancel(void *state, size_t query)
{
    (void)state;
    (void)query;
}

/* ---- radio: IEEE 802.15.4 ------------------------------------------------------------------------------------- */

/* Keep the node, for mote_radio_received and mote_radio_sent. Called before anything else of the radio. */
static mote_status template_radio_start(void *state, void *node)
{
    (void)state;
    (void)node; /* a mote_node * */
    return MOTE_ERR_UNSUPPORTED;
}

/* Turns the receiver on (1), or everything off (0). */
static mote_status template_radio_enable(void *state, uint8_t on)
{
    (void)state;
    (void)on;
    return MOTE_ERR_UNSUPPORTED;
}

/* Tunes to a channel, 11 to 26. */
static mote_status template_radio_set_channel(void *state, uint8_t channel)
{
    (void)state;
    (void)channel;
    return MOTE_ERR_UNSUPPORTED;
}

/* Sets what the radio filters and acknowledges by. Mind the byte order: `extended` begins with the most significant
 * byte, many radios want the least significant first. */
static mote_status template_radio_set_addresses(void *state, const mote_radio_addresses *addresses)
{
    (void)state;
    (void)addresses;
    return MOTE_ERR_UNSUPPORTED;
}

/* Begins to send a frame, without FCS: the radio appends it. Copy the frame before returning. Exactly one
 * mote_radio_sent follows for each success, and none for a failure. MOTE_ERR_WOULD_BLOCK while another frame is
 * being sent. */
static mote_status template_radio_transmit(void *state, const uint8_t *frame, size_t len)
{
    (void)state;
    (void)frame;
    (void)len;
    return MOTE_ERR_UNSUPPORTED;
}

/* Whether the channel is clear now (1) or not (0). Needed when the radio does no CSMA-CA by itself. */
static uint8_t template_radio_channel_clear(void *state)
{
    (void)state;
    return 1;
}

/* ---- store: small records that outlive a restart -------------------------------------------------------------- */

/* Copies the record out. MOTE_ERR_NOT_FOUND, MOTE_ERR_TOO_LARGE when `capacity` is less than its length, MOTE_ERR_IO. */
static mote_status template_store_read(void *state, uint32_t owner, uint32_t record, uint8_t *out,
                                       size_t capacity, size_t *len)
{
    (void)state;
    (void)owner;
    (void)record;
    (void)out;
    (void)capacity;
    (void)len;
    return MOTE_ERR_UNSUPPORTED;
}

/* Creates or replaces the record by the parts, 8 at the most, one after the other. Atomic and durable: before this returns the
 * record is as it was, also when power fails midway; afterwards it is the new one. What is lost here is an
 * acknowledged message lost, or a key used twice. MOTE_ERR_FULL when there is no room, MOTE_ERR_IO. */
static mote_status template_store_write(void *state, uint32_t owner, uint32_t record, const mote_bytes *parts,
                                        size_t count)
{
    (void)state;
    (void)owner;
    (void)record;
    (void)parts;
    (void)count;
    return MOTE_ERR_UNSUPPORTED;
}

/* Removes the record, durably; one that is not there is no error. MOTE_ERR_IO. */
static mote_status template_store_remove(void *state, uint32_t owner, uint32_t record)
{
    (void)state;
    (void)owner;
    (void)record;
    return MOTE_ERR_UNSUPPORTED;
}

/* The owner's smallest record number that is at least `from`; MOTE_ERR_NOT_FOUND when there is none, MOTE_ERR_IO. */
static mote_status template_store_next(void *state, uint32_t owner, uint32_t from, uint32_t *record)
{
    (void)state;
    (void)owner;
    (void)from;
    (void)record;
    return MOTE_ERR_UNSUPPORTED;
}

/* ---- tun: the host side of a border router --------------------------------------------------------------------- */

/* Opens the network interface `name`, or one of the system's choice when that is empty, makes it if need be, and turns it
 * on. Report `token` as a socket's. Leave the whole table out on anything but a border router. MOTE_ERR_ADDRESS_IN_USE when
 * another program has it open, MOTE_ERR_INVALID for a name that can be none, MOTE_ERR_FULL, MOTE_ERR_IO. */
static mote_status template_tun_open(void *state, mote_bytes name, uint32_t mtu, uint32_t token, size_t *tun)
{
    (void)state;
    (void)name;
    (void)mtu;
    (void)token;
    (void)tun;
    return MOTE_ERR_UNSUPPORTED;
}

/* Gives the host an address on the interface, with the prefix of `prefix_len` bits that it is in. One that it has already
 * is no error. MOTE_ERR_INVALID, MOTE_ERR_IO. */
static mote_status template_tun_add_address(void *state, size_t tun, const mote_address *address, uint8_t prefix_len)
{
    (void)state;
    (void)tun;
    (void)address;
    (void)prefix_len;
    return MOTE_ERR_UNSUPPORTED;
}

/* Lets the host send what is for the prefix into the interface. MOTE_ERR_INVALID, MOTE_ERR_IO. */
static mote_status template_tun_add_route(void *state, size_t tun, const mote_address *prefix, uint8_t prefix_len)
{
    (void)state;
    (void)tun;
    (void)prefix;
    (void)prefix_len;
    return MOTE_ERR_UNSUPPORTED;
}

/* Takes one IPv6 packet that the host sent into the interface; packets of other protocols are passed over.
 * MOTE_ERR_WOULD_BLOCK when none waits, MOTE_ERR_TOO_LARGE for one longer than `capacity`, which is lost, MOTE_ERR_IO when
 * the interface is gone. */
static mote_status template_tun_receive(void *state, size_t tun, uint8_t *out, size_t capacity, size_t *received)
{
    (void)state;
    (void)tun;
    (void)out;
    (void)capacity;
    (void)received;
    return MOTE_ERR_WOULD_BLOCK;
}

/* Hands one IPv6 packet to the host, whole. MOTE_ERR_WOULD_BLOCK when there is no room, MOTE_ERR_TOO_LARGE, MOTE_ERR_IO. */
static mote_status template_tun_send(void *state, size_t tun, const uint8_t *packet, size_t len)
{
    (void)state;
    (void)tun;
    (void)packet;
    (void)len;
    return MOTE_ERR_UNSUPPORTED;
}

/* Closes the interface. Its token is not reported any more. */
static void template_tun_close(void *state, size_t tun)
{
    (void)state;
    (void)tun;
}

/* ---- log and tap: for people ---------------------------------------------------------------------------------- */

/* Writes one line, which has neither line end nor NUL. It is lent until the call returns. */
static void template_log_write(void *state, uint32_t level, mote_bytes text)
{
    const template_state *own = state;
    if (level > own->log_level) {
        return;
    }
    (void)text; /* TODO: fwrite(text.ptr, 1, text.len, stderr), a serial port, a ring in memory... */
}

/* Sees every datagram and frame, for captures. All of it is lent until the call returns. */
static void template_tap_pass(void *state, uint32_t kind, const mote_address *source,
                              const mote_address *destination, mote_bytes data)
{
    (void)state;
    (void)kind;
    (void)source;
    (void)destination;
    (void)data;
}

/* Whether anybody looks; asked once, after open. */
static uint8_t template_tap_active(void *state)
{
    (void)state;
    return 0;
}

/* ---- the tables ------------------------------------------------------------------------------------------------ */

static const mote_port_clock template_clock = {
    .size = sizeof template_clock,
    .now = template_now,
};

static const mote_port_entropy template_entropy = {
    .size = sizeof template_entropy,
    .fill = template_fill,
};

static const mote_port_alarm template_alarm = {
    .size = sizeof template_alarm,
    .reports_readiness = 0,
    .wait = template_wait,
    .wake = template_wake,
    /* Only where an application can poll a descriptor. */
    .descriptor = NULL,
    .arm = NULL,
};

static const mote_port_udp template_udp = {
    .size = sizeof template_udp,
    .open = template_udp_open,
    .close = template_udp_close,
    .local_address = template_udp_local_address,
    .receive = template_udp_receive,
    .send = template_udp_send,
    .join = template_udp_join,
    .leave = template_udp_leave,
};

static const mote_port_tcp template_tcp = {
    .size = sizeof template_tcp,
    .open = template_tcp_open,
    .connected = template_tcp_connected,
    .receive = template_tcp_receive,
    .send = template_tcp_send,
    .shutdown = template_tcp_shutdown,
    .close = template_tcp_close,
};

static const mote_port_resolver template_resolver = {
    .size = sizeof template_resolver,
    .start = template_resolver_start,
    .take = template_resolver_take,
    .cancel = template_resolver_cancel,
};

static const mote_port_radio template_radio = {
    .size = sizeof template_radio,
    /* What the radio does by itself, of MOTE_RADIO_CSMA, _ACK, _RETRY and _FILTER; the library does the rest. */
    .capabilities = 0,
    .start = template_radio_start,
    .enable = template_radio_enable,
    .set_channel = template_radio_set_channel,
    .set_addresses = template_radio_set_addresses,
    .transmit = template_radio_transmit,
    .channel_clear = template_radio_channel_clear,
};

static const mote_port_store template_store = {
    .size = sizeof template_store,
    .read = template_store_read,
    .write = template_store_write,
    .remove = template_store_remove,
    .next = template_store_next,
};

static const mote_port_log template_log = {
    .size = sizeof template_log,
    .level = MOTE_LOG_DEBUG,
    .write = template_log_write,
};

static const mote_port_tap template_tap = {
    .size = sizeof template_tap,
    .pass = template_tap_pass,
    .active = template_tap_active,
};

static const mote_port_tun template_tun = {
    .size = sizeof template_tun,
    .open = template_tun_open,
    .add_address = template_tun_add_address,
    .add_route = template_tun_add_route,
    .receive = template_tun_receive,
    .send = template_tun_send,
    .close = template_tun_close,
};

static const mote_port template_port = {
    .size = sizeof template_port,
    .state_size = sizeof(template_state),
    .user = NULL,
    .open = template_open,
    .close = template_close,
    .clock = &template_clock,
    .entropy = &template_entropy,
    .alarm = &template_alarm,
    .udp = &template_udp,
    .tcp = &template_tcp,
    .resolver = &template_resolver,
    .radio = &template_radio,
    .store = &template_store,
    .log = &template_log,
    .tap = &template_tap,
    .tun = &template_tun,
};

const mote_port *mote_port_template(void)
{
    return &template_port;
}
