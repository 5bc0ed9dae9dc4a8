/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* mote: everything between a constrained device's radio and its application.
 *
 * Generated from src/ffi and src/port by ci/header.sh; edit it there.
 *
 * Rules that hold throughout:
 * - A function that can fail returns a mote_status: 0, or one of the negative MOTE_ERR_... numbers.
 * - Outputs come last and are written only on success. NULL where something is needed is MOTE_ERR_INVALID.
 * - Objects live in memory that the caller hands over; nothing is allocated.
 * - Configurations start with their size; zero means the default. Initialise them with the MOTE_..._INIT macros.
 * - What a callback is lent is valid until it returns. A callback may call any function, on any object.
 * - Time is in milliseconds. UINT64_MAX means no deadline.
 * - One thread at a time drives a node and everything on it, except where a function says otherwise.
 */

#ifndef MOTE_H
#define MOTE_H

#include <stddef.h>
#include <stdint.h>

/**
 * Room that suffices for any address as text.
 */
#define MOTE_ADDRESS_TEXT 64

/**
 * A block of this many bytes holds a node of the default config on any port whose state
 * takes at most 512 bytes.
 */
#define MOTE_NODE_MEM 4096

/**
 * `mote_radio_sent`: the frame was sent, and acknowledged if that was asked for and the radio
 * waits for it.
 */
#define MOTE_RADIO_SENT 0

/**
 * `mote_radio_sent`: the frame was sent, but the radio saw no acknowledgement.
 */
#define MOTE_RADIO_NO_ACK 1

/**
 * `mote_radio_sent`: the channel never was clear.
 */
#define MOTE_RADIO_BUSY 2

/**
 * `mote_radio_sent`: the radio failed.
 */
#define MOTE_RADIO_FAILED 3

/**
 * Major version: changes when something is taken away from the ABI.
 */
#define MOTE_VERSION_MAJOR 0

/**
 * Minor version: changes when something is added.
 */
#define MOTE_VERSION_MINOR 1

/**
 * Patch version.
 */
#define MOTE_VERSION_PATCH 0

/**
 * There may be something to receive, or a connection attempt has ended.
 */
#define MOTE_READY_READABLE 1

/**
 * There may be room to send again.
 */
#define MOTE_READY_WRITABLE 2

/**
 * The peer closed, or the socket failed; receiving says which.
 */
#define MOTE_READY_CLOSED 4

/**
 * Something failed that the application should know of.
 */
#define MOTE_LOG_ERROR 1

/**
 * Something was not as it should be, and was dealt with.
 */
#define MOTE_LOG_WARNING 2

/**
 * A change of state that an operator follows.
 */
#define MOTE_LOG_INFO 3

/**
 * Every step, for a developer.
 */
#define MOTE_LOG_DEBUG 4

/**
 * Capability: the radio waits for a clear channel by CSMA-CA before it sends.
 */
#define MOTE_RADIO_CSMA 1

/**
 * Capability: the radio acknowledges received frames, and waits for acknowledgements.
 */
#define MOTE_RADIO_ACK 2

/**
 * Capability: the radio repeats a frame that was not acknowledged.
 */
#define MOTE_RADIO_RETRY 4

/**
 * Capability: the radio drops frames for other addresses.
 */
#define MOTE_RADIO_FILTER 8

/**
 * What is tapped is a UDP datagram; the addresses are given.
 */
#define MOTE_TAP_UDP 1

/**
 * What is tapped is an IEEE 802.15.4 frame without FCS; the addresses are NULL.
 */
#define MOTE_TAP_FRAME 2

/**
 * Open option: other sockets, also of other processes, may use the same address and port.
 */
#define MOTE_UDP_REUSE 1

/**
 * Datagram flag: the datagram was longer than the buffer; only its front is there.
 */
#define MOTE_UDP_TRUNCATED 1

/**
 * One loop that drives any number of protocol objects over one port.
 */
typedef struct mote_node mote_node;

/**
 * 0 for success, otherwise one of the negative `MOTE_ERR_...` numbers.
 */
typedef int32_t mote_status;

/**
 * A run of bytes: where it starts and how long it is. Needs no NUL at its end; `ptr` may be
 * NULL when `len` is 0.
 */
typedef struct mote_bytes {
    /**
     * The first byte.
     */
    const uint8_t *ptr;
    /**
     * How many bytes.
     */
    size_t len;
} mote_bytes;

/**
 * An IP address and a port. All zero means "any" or "not given".
 */
typedef struct mote_address {
    /**
     * The IPv6 address in network order; an IPv4 address in its mapped form, `::ffff:a.b.c.d`.
     */
    uint8_t ip[16];
    /**
     * The interface index of a link-local or multicast address, 0 when not needed.
     */
    uint32_t scope;
    /**
     * The port, in host order.
     */
    uint16_t port;
    /**
     * Must be 0.
     */
    uint16_t reserved;
} mote_address;

/**
 * A monotonic clock.
 */
typedef struct mote_port_clock {
    /**
     * `sizeof(mote_port_clock)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Milliseconds since any fixed point. Never goes back, does not jump when the time of
     * day is set, and goes on while the processor sleeps. Any context.
     */
    uint64_t (*now)(void *state);
} mote_port_clock;

/**
 * A source of random bytes fit for keys and tokens.
 */
typedef struct mote_port_entropy {
    /**
     * `sizeof(mote_port_entropy)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Fills all of `out`. `MOTE_ERR_IO` when the source fails; `out` is not used then.
     */
    mote_status (*fill)(void *state, uint8_t *out, size_t len);
} mote_port_entropy;

/**
 * One socket that has something to tell.
 */
typedef struct mote_port_ready {
    /**
     * The token that the socket was opened with.
     */
    uint32_t token;
    /**
     * Which of `MOTE_READY_...`, at least one.
     */
    uint32_t flags;
} mote_port_ready;

/**
 * Wakes the node in time.
 *
 * A socket is reported when it becomes ready, and again only after an operation on it said
 * `MOTE_ERR_WOULD_BLOCK`: the node may leave a socket unread for a while without being woken
 * by it over and over. Reporting one that then has nothing is harmless, failing to report
 * one that has something is not. A port whose `wait` reports no sockets (because it
 * cannot know) gets every socket tried on each turn.
 */
typedef struct mote_port_alarm {
    /**
     * `sizeof(mote_port_alarm)`.
     */
    uint32_t size;
    /**
     * 1 when `wait` reports every socket that becomes ready; 0 when sockets must be tried.
     */
    uint32_t reports_readiness;
    /**
     * Sleeps until the clock reaches `deadline` (at once when it has passed, without end for
     * `UINT64_MAX`), a socket is ready, or `wake` is called - also when that was before the
     * sleep began. Writes at most `capacity` entries to `ready` and their number to
     * `count`; what did not fit is reported next time. `MOTE_ERR_IO` when waiting is
     * impossible. The one function that may block.
     */
    mote_status (*wait)(void *state,
                        uint64_t deadline,
                        struct mote_port_ready *ready,
                        size_t capacity,
                        size_t *count);
    /**
     * Ends the present or the next `wait` soon. Any thread, any interrupt.
     */
    void (*wake)(void *state);
    /**
     * Gives a descriptor that polls readable whenever `wait` would return at once; NULL
     * where there is none. It belongs to the port.
     */
    mote_status (*descriptor)(void *state, int32_t *descriptor);
    /**
     * Makes the descriptor readable when the clock reaches `deadline`; needed where
     * `descriptor` is.
     */
    mote_status (*arm)(void *state, uint64_t deadline);
} mote_port_alarm;

/**
 * One datagram with its two ends.
 */
typedef struct mote_port_datagram {
    /**
     * The peer: where it came from, or goes to.
     */
    struct mote_address remote;
    /**
     * The own address: where it was sent to (perhaps a group), or is to leave from. All zero
     * when not known, or left to the port. The port number in it is not used.
     */
    struct mote_address local;
    /**
     * The bytes. Receiving writes here; sending only reads.
     */
    uint8_t *data;
    /**
     * Receiving: the buffer's size on call, the datagram's on return. Sending: the datagram's size.
     */
    size_t len;
    /**
     * Which of `MOTE_UDP_...` datagram flags.
     */
    uint32_t flags;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} mote_port_datagram;

/**
 * Sends and receives datagrams.
 */
typedef struct mote_port_udp {
    /**
     * `sizeof(mote_port_udp)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Opens a non-blocking socket at `local`: an all-zero address means all of IPv6 and IPv4,
     * port 0 any free port. `options` are `MOTE_UDP_...` open options. `token` comes back in
     * `mote_port_ready`. `MOTE_ERR_FULL` when no socket is left, `MOTE_ERR_ADDRESS_IN_USE`,
     * `MOTE_ERR_IO`.
     */
    mote_status (*open)(void *state,
                        const struct mote_address *local,
                        uint32_t options,
                        uint32_t token,
                        size_t *socket);
    /**
     * Closes the socket. Its token is not reported any more.
     */
    void (*close)(void *state, size_t socket);
    /**
     * Gives the address that the socket is bound to, with its port.
     */
    mote_status (*local_address)(void *state, size_t socket, struct mote_address *local);
    /**
     * Takes up to `capacity` waiting datagrams, in the order of their coming, and writes
     * their number, at least 1. Fewer than `capacity` were all there were: whatever is still there, or
     * comes, is reported ready anew. `MOTE_ERR_WOULD_BLOCK` when none waits. Errors that the
     * network reported about earlier sends are not errors of receiving: they are passed
     * over. `MOTE_ERR_IO` when the socket is broken for good.
     */
    mote_status (*receive)(void *state,
                           size_t socket,
                           struct mote_port_datagram *datagrams,
                           size_t capacity,
                           size_t *count);
    /**
     * Sends `count` datagrams in order and writes how many were taken; stops at the first
     * that is not. Success when at least one was taken. Otherwise why the first was not:
     * `MOTE_ERR_WOULD_BLOCK` (the socket is reported `MOTE_READY_WRITABLE` when there is
     * room), `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_UNREACHABLE`, `MOTE_ERR_IO`.
     */
    mote_status (*send)(void *state,
                        size_t socket,
                        const struct mote_port_datagram *datagrams,
                        size_t count,
                        size_t *sent);
    /**
     * Joins the group `group` on the interface `group->scope`, or on all suitable ones when
     * that is 0.
     */
    mote_status (*join)(void *state, size_t socket, const struct mote_address *group);
    /**
     * Leaves the group again.
     */
    mote_status (*leave)(void *state, size_t socket, const struct mote_address *group);
} mote_port_udp;

/**
 * Opens connections and moves bytes.
 *
 * Zero is never a count: a call that could move nothing says `MOTE_ERR_WOULD_BLOCK`, a peer
 * that closed says `MOTE_ERR_CLOSED`, a connection that broke says `MOTE_ERR_RESET`.
 */
typedef struct mote_port_tcp {
    /**
     * `sizeof(mote_port_tcp)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Begins to connect to `remote`. `token` comes back in `mote_port_ready`.
     * `MOTE_ERR_FULL` when no socket is left, `MOTE_ERR_UNREACHABLE`, `MOTE_ERR_IO`.
     */
    mote_status (*open)(void *state,
                        const struct mote_address *remote,
                        uint32_t token,
                        size_t *socket);
    /**
     * How the attempt stands: success once connected, `MOTE_ERR_WOULD_BLOCK` while under way
     * (the socket is reported ready when that changes), `MOTE_ERR_REFUSED`,
     * `MOTE_ERR_TIMEOUT`, `MOTE_ERR_UNREACHABLE`, `MOTE_ERR_IO`.
     */
    mote_status (*connected)(void *state, size_t socket);
    /**
     * Takes up to `capacity` bytes that came, at least 1.
     */
    mote_status (*receive)(void *state,
                           size_t socket,
                           uint8_t *out,
                           size_t capacity,
                           size_t *received);
    /**
     * Takes as many of the `len` bytes as there is room for, at least 1. After
     * `MOTE_ERR_WOULD_BLOCK` the socket is reported `MOTE_READY_WRITABLE` when there is room.
     */
    mote_status (*send)(void *state, size_t socket, const uint8_t *data, size_t len, size_t *sent);
    /**
     * Ends our direction once everything taken has been sent.
     */
    void (*shutdown)(void *state, size_t socket);
    /**
     * Closes the socket at once. Its token is not reported any more.
     */
    void (*close)(void *state, size_t socket);
} mote_port_tcp;

/**
 * Resolves host names without blocking the node.
 */
typedef struct mote_port_resolver {
    /**
     * `sizeof(mote_port_resolver)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Begins to resolve `host` (`len` bytes, copied before the call returns) and names the
     * query. The token is reported ready when the answer is there.
     * `MOTE_ERR_FULL` when too many queries are under way.
     */
    mote_status (*start)(void *state, const uint8_t *host, size_t len, uint32_t token, size_t *query);
    /**
     * Writes up to `capacity` addresses, best first, and their number, at least 1; the query
     * is over then, and after any error but `MOTE_ERR_WOULD_BLOCK` (not there yet).
     * `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_IO`. Ports in the addresses are 0.
     */
    mote_status (*take)(void *state,
                        size_t query,
                        struct mote_address *addresses,
                        size_t capacity,
                        size_t *count);
    /**
     * Ends the query without an answer. Its token is not reported any more.
     */
    void (*cancel)(void *state, size_t query);
} mote_port_resolver;

/**
 * The addresses by which the radio filters and acknowledges.
 */
typedef struct mote_radio_addresses {
    /**
     * The extended address, most significant byte first.
     */
    uint8_t extended[8];
    /**
     * The short address; 0xffff for none.
     */
    uint16_t short_address;
    /**
     * The PAN identifier.
     */
    uint16_t pan_id;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} mote_radio_addresses;

/**
 * Sends and receives frames.
 *
 * Received frames come to the node by `mote_radio_received`, the end of a transmission by
 * `mote_radio_sent`; both may be called from an interrupt.
 */
typedef struct mote_port_radio {
    /**
     * `sizeof(mote_port_radio)`.
     */
    uint32_t size;
    /**
     * Which of `MOTE_RADIO_...` the radio does by itself.
     */
    uint32_t capabilities;
    /**
     * Tells which node (a `mote_node *`) is to be told of frames. Called once, before anything
     * else of the radio; may be NULL where the port knows.
     */
    mote_status (*start)(void *state, void *node);
    /**
     * Turns the receiver on, or everything off.
     */
    mote_status (*enable)(void *state, uint8_t on);
    /**
     * Tunes to a channel of the 2.4 GHz band, 11 to 26 (page 0).
     */
    mote_status (*set_channel)(void *state, uint8_t channel);
    /**
     * Sets the addresses for filtering and acknowledging.
     */
    mote_status (*set_addresses)(void *state, const struct mote_radio_addresses *addresses);
    /**
     * Begins to send a frame of `len` bytes, FCS not included (the radio appends it). The
     * frame is copied before the call returns. Exactly one `mote_radio_sent` follows.
     * `MOTE_ERR_WOULD_BLOCK` while another frame is being sent.
     */
    mote_status (*transmit)(void *state, const uint8_t *frame, size_t len);
    /**
     * Whether the channel is clear now (1) or not (0); needed without `MOTE_RADIO_CSMA`.
     */
    uint8_t (*channel_clear)(void *state);
} mote_port_radio;

/**
 * Keeps records over a restart: sessions, keys, counters.
 *
 * A record is named by its `owner`, which the application chooses, and a number. `write` and
 * `remove` are atomic and durable: once they return, a loss of power changes nothing; before
 * that, the record is as it was.
 */
typedef struct mote_port_store {
    /**
     * `sizeof(mote_port_store)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Copies the record to `out` and writes its length. `MOTE_ERR_NOT_FOUND`,
     * `MOTE_ERR_TOO_LARGE` when `capacity` is less than its length, `MOTE_ERR_IO`.
     */
    mote_status (*read)(void *state,
                        uint32_t owner,
                        uint32_t record,
                        uint8_t *out,
                        size_t capacity,
                        size_t *len);
    /**
     * Creates or replaces the record by the `count` parts one after the other.
     * `MOTE_ERR_FULL` when there is no room, `MOTE_ERR_IO`.
     */
    mote_status (*write)(void *state,
                         uint32_t owner,
                         uint32_t record,
                         const struct mote_bytes *parts,
                         size_t count);
    /**
     * Removes the record; one that is not there is no error. `MOTE_ERR_IO`.
     */
    mote_status (*remove)(void *state, uint32_t owner, uint32_t record);
    /**
     * Writes the owner's smallest record number that is at least `from`.
     * `MOTE_ERR_NOT_FOUND` when there is none, `MOTE_ERR_IO`.
     */
    mote_status (*next)(void *state, uint32_t owner, uint32_t from, uint32_t *record);
} mote_port_store;

/**
 * Where messages for people go.
 */
typedef struct mote_port_log {
    /**
     * `sizeof(mote_port_log)`.
     */
    uint32_t size;
    /**
     * Messages above this `MOTE_LOG_...` level are not written.
     */
    uint32_t level;
    /**
     * Writes one line, given without a line end. The text is lent until the call returns.
     */
    void (*write)(void *state, uint32_t level, struct mote_bytes text);
} mote_port_log;

/**
 * Sees every datagram and frame.
 */
typedef struct mote_port_tap {
    /**
     * `sizeof(mote_port_tap)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Something of `kind` (`MOTE_TAP_...`) passed from `source` to `destination`. All of it is
     * lent until the call returns.
     */
    void (*pass)(void *state,
                 uint32_t kind,
                 const struct mote_address *source,
                 const struct mote_address *destination,
                 struct mote_bytes data);
    /**
     * Whether anybody looks (1), or `pass` need not be called for this node (0). Asked once, after
     * `open`. NULL stands for 1.
     */
    uint8_t (*active)(void *state);
} mote_port_tap;

/**
 * What a system offers to a node: a set of services and the state behind them.
 *
 * A table is read when a node is initialised and must stay valid, with the service tables
 * it points to, until that node is closed. One table may serve any number of nodes.
 */
typedef struct mote_port {
    /**
     * `sizeof(mote_port)`, by `MOTE_PORT_INIT`.
     */
    uint32_t size;
    /**
     * How many bytes of the node's block the port wants for its own state, 0 for none. The
     * state is aligned to 16 bytes and zeroed before `open`.
     */
    uint32_t state_size;
    /**
     * The port's own; handed to `open`, and to every service in place of the state when
     * `state_size` is 0.
     */
    void *user;
    /**
     * Called once per node before any service; may be NULL. A failure is the outcome of
     * `mote_node_init`.
     */
    mote_status (*open)(void *state, void *user);
    /**
     * Called once per node after the last service call; may be NULL.
     */
    void (*close)(void *state);
    /**
     * Time; required.
     */
    const struct mote_port_clock *clock;
    /**
     * Randomness; required.
     */
    const struct mote_port_entropy *entropy;
    /**
     * Waiting and being woken.
     */
    const struct mote_port_alarm *alarm;
    /**
     * UDP sockets of the platform.
     */
    const struct mote_port_udp *udp;
    /**
     * TCP connections of the platform.
     */
    const struct mote_port_tcp *tcp;
    /**
     * Host names to addresses.
     */
    const struct mote_port_resolver *resolver;
    /**
     * An IEEE 802.15.4 radio.
     */
    const struct mote_port_radio *radio;
    /**
     * Small persistent records.
     */
    const struct mote_port_store *store;
    /**
     * Text for people.
     */
    const struct mote_port_log *log;
    /**
     * A copy of every frame and datagram, for captures.
     */
    const struct mote_port_tap *tap;
} mote_port;

/**
 * How a node is to be. Zero means the default, in every member but `size` and `port`.
 */
typedef struct mote_node_config {
    /**
     * `sizeof(mote_node_config)`, by `MOTE_NODE_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * How many objects (CoAP endpoints, MQTT clients, ...) can be attached. Default 8.
     */
    uint16_t objects;
    /**
     * How many sockets, connections and name look-ups can be open. Default 12.
     */
    uint16_t sources;
    /**
     * The system below; required.
     */
    const struct mote_port *port;
    /**
     * The largest datagram that can be received, in bytes. Default 1280. Longer ones are
     * counted and dropped.
     */
    uint32_t receive_size;
    /**
     * How many datagrams are taken from a socket at once. Default 1.
     */
    uint16_t receive_batch;
    /**
     * How many outgoing datagrams are gathered before they are handed to the port together.
     * Default 0: each at once.
     */
    uint16_t send_batch;
    /**
     * The largest datagram that can be gathered, in bytes. Default `receive_size`.
     */
    uint32_t send_size;
    /**
     * How many received frames can wait to be taken; a mesh needs at least 2. Default 0.
     */
    uint16_t radio_frames;
    /**
     * Must be 0.
     */
    uint16_t reserved;
} mote_node_config;

/**
 * Counters of a node. All only grow, and wrap around.
 */
typedef struct mote_node_statistics {
    /**
     * `sizeof(mote_node_statistics)`, set by the caller.
     */
    uint32_t size;
    /**
     * Turns of the loop.
     */
    uint32_t turns;
    /**
     * Datagrams received.
     */
    uint32_t received;
    /**
     * Datagrams handed to the port.
     */
    uint32_t sent;
    /**
     * Datagrams longer than `receive_size`, dropped.
     */
    uint32_t truncated;
    /**
     * Datagrams that could not be sent and were given up; the sender was told.
     */
    uint32_t unsent;
    /**
     * Datagrams for an object that was closed meanwhile, dropped.
     */
    uint32_t orphaned;
    /**
     * Sockets that broke.
     */
    uint32_t broken;
} mote_node_statistics;

/**
 * Options of the Linux port, behind `mote_port.user`. All zero means the defaults; NULL in place of
 * the options means them too. Read while the node is initialised, and not needed afterwards.
 */
typedef struct mote_linux_options {
    /**
     * `sizeof(mote_linux_options)`.
     */
    uint32_t size;
    /**
     * Messages above this `MOTE_LOG_...` level are not written to standard error; 0 for
     * `MOTE_LOG_WARNING`.
     */
    uint32_t log_level;
    /**
     * The directory of the store, which is made if its parent exists; empty for no store. It is
     * for this node alone.
     */
    struct mote_bytes store_directory;
    /**
     * The file that all datagrams and frames are captured to, in the pcapng format; empty for no
     * capture. What the file held is lost.
     */
    struct mote_bytes capture_path;
    /**
     * The peers of a radio over UDP in ZEP version 2 framing: `zep_peer_count` addresses, each of which gets
     * every frame sent. A single one may be a dispatcher, such as `mote-zep-switch`. Port 0 stands for
     * 17754. No peers: no radio.
     */
    const struct mote_address *zep_peers;
    /**
     * How many peers there are.
     */
    size_t zep_peer_count;
    /**
     * Where the radio's socket is bound; all zero for any address and a free port.
     */
    struct mote_address zep_local;
} mote_linux_options;

/**
 * Success.
 */
#define MOTE_OK 0

/**
 * An argument is NULL, out of range or contradicts another.
 */
#define MOTE_ERR_INVALID (-1)

/**
 * The block of memory handed over is too small for the configuration.
 */
#define MOTE_ERR_NO_MEMORY (-2)

/**
 * A table or queue of fixed capacity is full; try again once something has ended.
 */
#define MOTE_ERR_FULL (-3)

/**
 * The handle names nothing that is alive.
 */
#define MOTE_ERR_STALE (-4)

/**
 * Not allowed in the present state.
 */
#define MOTE_ERR_STATE (-5)

/**
 * Nothing could be taken or given now without blocking; try again later.
 */
#define MOTE_ERR_WOULD_BLOCK (-6)

/**
 * Larger than the buffer, the message or the peer's limit allows.
 */
#define MOTE_ERR_TOO_LARGE (-7)

/**
 * The input breaks the rules of its format.
 */
#define MOTE_ERR_MALFORMED (-8)

/**
 * Not in this build, or the port lacks the service.
 */
#define MOTE_ERR_UNSUPPORTED (-9)

/**
 * The peer did not answer in time.
 */
#define MOTE_ERR_TIMEOUT (-10)

/**
 * The peer said that it has no such exchange, or broke the connection.
 */
#define MOTE_ERR_RESET (-11)

/**
 * Ended by the application.
 */
#define MOTE_ERR_CANCELLED (-12)

/**
 * The transport below was lost.
 */
#define MOTE_ERR_TRANSPORT (-13)

/**
 * The peer refused.
 */
#define MOTE_ERR_REFUSED (-14)

/**
 * There is no such thing.
 */
#define MOTE_ERR_NOT_FOUND (-15)

/**
 * No way leads to the destination.
 */
#define MOTE_ERR_UNREACHABLE (-16)

/**
 * Identity or protection of the peer could not be established.
 */
#define MOTE_ERR_SECURITY (-17)

/**
 * The port failed for a reason of its own.
 */
#define MOTE_ERR_IO (-18)

/**
 * Closed in an orderly way, by us or by the peer.
 */
#define MOTE_ERR_CLOSED (-19)

/**
 * The configuration comes from a newer header and asks for what this build lacks.
 */
#define MOTE_ERR_VERSION (-20)

/**
 * The address or port is in use, or not ours.
 */
#define MOTE_ERR_ADDRESS_IN_USE (-21)

/**
 * The peer broke the protocol.
 */
#define MOTE_ERR_PROTOCOL (-22)

/**
 * The session that this belonged to is gone.
 */
#define MOTE_ERR_SESSION_LOST (-23)

/**
 * An iteration has no more elements.
 */
#define MOTE_ERR_END (-24)

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Reads an IPv4 or IPv6 literal, without brackets, port or scope, into `address->ip`; the
 * other members become 0.
 *
 * `text` is lent for the call. `address` is written only on success.
 * `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_MALFORMED` when the text is no literal. Any thread.
 *
 * # Safety
 * The pointers are NULL or valid as described.
 */
mote_status mote_address_parse(struct mote_bytes text, struct mote_address *address);

/**
 * Writes an address as `a.b.c.d:port`, `[v6]:port` or `[v6%scope]:port`, without a NUL.
 *
 * `text` has room for `capacity` bytes, of which `MOTE_ADDRESS_TEXT` always suffice; `len`
 * gets the number of bytes written. `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_TOO_LARGE` when
 * there is too little room. Any thread.
 *
 * # Safety
 * The pointers are NULL or valid as described.
 */
mote_status mote_address_format(const struct mote_address *address,
                                uint8_t *text,
                                size_t capacity,
                                size_t *len);

/**
 * How many bytes `mote_node_init` needs for `config`, whatever the alignment of the block.
 *
 * `MOTE_ERR_INVALID` for NULL or a port without clock or entropy, `MOTE_ERR_VERSION` for a
 * config from a newer header that asks for what this build lacks. Any thread.
 *
 * # Safety
 * The pointers are NULL or valid; `config->port` and what it points to is valid.
 */
mote_status mote_node_size(const struct mote_node_config *node_config, size_t *size);

/**
 * Makes a node in `memory`, which is the node's until `mote_node_close`.
 *
 * ```c
 * static uint8_t memory[MOTE_NODE_MEM];
 * mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux() };
 * mote_node *node;
 * mote_status status = mote_node_init(memory, sizeof memory, &config, &node);
 * ```
 *
 * `memory` has `memory_size` bytes at any alignment; `MOTE_NODE_MEM` suffices for the default
 * config, `mote_node_size` tells for any other. The config is copied, the port's tables are
 * not. The node is driven by one thread at a time.
 *
 * `MOTE_ERR_INVALID` for NULL, an unusable size or a port without clock or entropy;
 * `MOTE_ERR_VERSION`; `MOTE_ERR_NO_MEMORY` when the block is too small; what the port's `open`
 * and `fill` say.
 *
 * # Safety
 * The pointers are NULL or valid as described.
 */
mote_status mote_node_init(uint8_t *memory,
                           size_t memory_size,
                           const struct mote_node_config *node_config,
                           struct mote_node **node);

/**
 * Closes the node and gives its memory back. NULL is a no-op.
 *
 * `MOTE_ERR_STATE` inside a callback, or while something is attached: close those objects
 * first; `MOTE_ERR_STALE` when it is closed already.
 *
 * # Safety
 * `node` is NULL or came from `mote_node_init`.
 */
mote_status mote_node_close(struct mote_node *node);

/**
 * Waits at most `timeout` milliseconds for something to do, does it, and returns.
 *
 * Call it in a loop. 0 does not wait; `UINT64_MAX` waits without end. All callbacks run
 * inside this function or `mote_node_poll`.
 *
 * `MOTE_ERR_STATE` inside a callback, `MOTE_ERR_UNSUPPORTED` when the port cannot wait (use
 * `mote_node_poll` then), `MOTE_ERR_IO` when waiting fails, `MOTE_ERR_INVALID`,
 * `MOTE_ERR_STALE`.
 *
 * # Safety
 * `node` is NULL or came from `mote_node_init`.
 */
mote_status mote_node_run(struct mote_node *node, uint64_t timeout);

/**
 * Does everything that is due now, without waiting.
 *
 * For applications with a loop of their own: call it when the descriptor of
 * `mote_node_descriptor` is readable, when `mote_node_next_deadline` has come, and after a
 * wake-up. Calling it more often is harmless.
 *
 * `MOTE_ERR_STATE` inside a callback, `MOTE_ERR_IO`, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 *
 * # Safety
 * `node` is NULL or came from `mote_node_init`.
 */
mote_status mote_node_poll(struct mote_node *node);

/**
 * When `mote_node_poll` must be called next if nothing comes in: a time of the port's clock
 * in milliseconds, 0 for now, `UINT64_MAX` for no deadline.
 *
 * `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 *
 * # Safety
 * The pointers are NULL or valid.
 */
mote_status mote_node_next_deadline(const struct mote_node *node, uint64_t *deadline);

/**
 * A descriptor to poll for readability in the application's own loop. It is readable
 * whenever `mote_node_poll` has something to do, deadlines included. It belongs to the node.
 *
 * `MOTE_ERR_UNSUPPORTED` where the port has none, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 *
 * # Safety
 * The pointers are NULL or valid.
 */
mote_status mote_node_descriptor(struct mote_node *node, int32_t *descriptor);

/**
 * The time of the port's clock in milliseconds, as the node sees it: inside a callback, the
 * time at which the node woke.
 *
 * `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 *
 * # Safety
 * The pointers are NULL or valid.
 */
mote_status mote_node_now(const struct mote_node *node, uint64_t *now);

/**
 * Ends the present or the next wait of the node soon. Any thread, any interrupt.
 *
 * `MOTE_ERR_UNSUPPORTED` where the port cannot be woken, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 *
 * # Safety
 * `node` is NULL or came from `mote_node_init` and is not closed meanwhile.
 */
mote_status mote_node_wake(struct mote_node *node);

/**
 * Has `function(node, user)` called by the thread that drives the node, at its next turn, and
 * wakes it. Any thread, any interrupt; lock-free. Up to 16 posts wait.
 *
 * This is how another thread completes a deferred response, notifies observers or publishes:
 * by doing it in the function it posts. The function may call anything but
 * `mote_node_run`, `mote_node_poll` and `mote_node_close`.
 *
 * `MOTE_ERR_FULL`, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 *
 * # Safety
 * `node` is NULL or came from `mote_node_init` and is not closed meanwhile.
 */
mote_status mote_node_post(struct mote_node *node, void (*function)(struct mote_node *node,
                                                                    void *user), void *user);

/**
 * Copies the node's counters.
 *
 * `statistics->size` must be `sizeof(mote_node_statistics)` of the caller's header; no more is
 * written. `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 *
 * # Safety
 * The pointers are NULL or valid.
 */
mote_status mote_node_get_statistics(const struct mote_node *node,
                                     struct mote_node_statistics *statistics);

/**
 * The port that a node was made with; lent as long as the node.
 *
 * `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 *
 * # Safety
 * The pointers are NULL or valid.
 */
mote_status mote_node_port(const struct mote_node *node, const struct mote_port **port);

/**
 * Hands a received frame to the node and wakes it. Any thread, any interrupt; lock-free.
 *
 * `frame` is the frame without its FCS, which was right; it is copied before the call
 * returns. `lqi` is the link quality, 0 to 255, `rssi` the signal strength in dBm.
 *
 * `MOTE_ERR_FULL` when the node has not yet taken as many frames as its config's
 * `radio_frames`; the frame is lost then, and its sender repeats it unless the radio
 * acknowledged it. `MOTE_ERR_UNSUPPORTED` when that number is 0, `MOTE_ERR_TOO_LARGE` over 125
 * bytes, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 *
 * # Safety
 * The pointers are NULL or valid, and `node` is not closed meanwhile.
 */
mote_status mote_radio_received(struct mote_node *node,
                                struct mote_bytes frame,
                                uint8_t lqi,
                                int8_t rssi);

/**
 * Tells the node how the transmission begun last has ended, and wakes it. Exactly once for each
 * transmission. Any thread, any interrupt; lock-free.
 *
 * `result` is one of `MOTE_RADIO_SENT`, `MOTE_RADIO_NO_ACK`, `MOTE_RADIO_BUSY`,
 * `MOTE_RADIO_FAILED`; `attempts` says how often the frame was on the air, 0 when not known.
 *
 * `MOTE_ERR_FULL` as in `mote_radio_received`: the node then finds out by time.
 * `MOTE_ERR_UNSUPPORTED`, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 *
 * # Safety
 * `node` is NULL or valid and is not closed meanwhile.
 */
mote_status mote_radio_sent(struct mote_node *node, uint32_t result, uint8_t attempts);

/**
 * A few English words for a status, for logs. The text lives for ever and has no NUL at its
 * end. An unknown number gives `unknown status`. Any thread, any interrupt.
 */
struct mote_bytes mote_status_str(mote_status status);

/**
 * The version of the library as `major << 16 | minor << 8 | patch`; compare it with
 * `MOTE_VERSION_...` of the header. Any thread, any interrupt.
 */
uint32_t mote_version(void);

/**
 * The services of Linux, for `mote_node_config.port`. In builds for Linux alone.
 *
 * The table is constant, lives as long as the program and serves any number of nodes. To give
 * options, copy it and put a pointer to `mote_linux_options` behind `user`:
 *
 * ```c
 * mote_linux_options options = { MOTE_LINUX_OPTIONS_INIT, .log_level = MOTE_LOG_DEBUG };
 * mote_port port = *mote_port_linux();
 * port.user = &options;
 * ```
 *
 * Never NULL. Any thread.
 */
const struct mote_port *mote_port_linux(void);

/*
 * What the first member of a structure is set to; all others are zero, their default, or named after it:
 * `mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux() };`
 */
#ifdef __cplusplus
#define MOTE_SIZE_(type) (uint32_t)sizeof(type)
#else
#define MOTE_SIZE_(type) .size = (uint32_t)sizeof(type)
#endif
#define MOTE_PORT_CLOCK_INIT MOTE_SIZE_(mote_port_clock)
#define MOTE_PORT_ENTROPY_INIT MOTE_SIZE_(mote_port_entropy)
#define MOTE_PORT_ALARM_INIT MOTE_SIZE_(mote_port_alarm)
#define MOTE_PORT_UDP_INIT MOTE_SIZE_(mote_port_udp)
#define MOTE_PORT_TCP_INIT MOTE_SIZE_(mote_port_tcp)
#define MOTE_PORT_RESOLVER_INIT MOTE_SIZE_(mote_port_resolver)
#define MOTE_PORT_RADIO_INIT MOTE_SIZE_(mote_port_radio)
#define MOTE_PORT_STORE_INIT MOTE_SIZE_(mote_port_store)
#define MOTE_PORT_LOG_INIT MOTE_SIZE_(mote_port_log)
#define MOTE_PORT_TAP_INIT MOTE_SIZE_(mote_port_tap)
#define MOTE_PORT_INIT MOTE_SIZE_(mote_port)
#define MOTE_NODE_CONFIG_INIT MOTE_SIZE_(mote_node_config)
#define MOTE_NODE_STATISTICS_INIT MOTE_SIZE_(mote_node_statistics)
#define MOTE_LINUX_OPTIONS_INIT MOTE_SIZE_(mote_linux_options)

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MOTE_H */
