/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The lean way of mote-coap-bench: messages made beforehand, straight through the system's calls, so that the server
 * is what is measured. Every answer is checked; what goes beyond one piggybacked (or NON) answer is not spoken. */
#ifndef MOTE_TOOL_LOAD_H
#define MOTE_TOOL_LOAD_H

#include "tool.h"
#include <netinet/udp.h>
#include <poll.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { LOAD_TOKEN = 4, LOAD_BATCH = 64, LOAD_ANSWER = 1500, LOAD_MESSAGE = 1024 };

/* One request under way at most. */
typedef struct load_slot {
    uint64_t began;
    uint16_t id, turn;
    int open;
} load_slot;

typedef struct load_client {
    int socket, segments;
    unsigned open;
    uint16_t next_id;
    load_slot *slots;
} load_client;

/* What all clients send, but for message ID and token. */
static struct load_request {
    uint8_t bytes[LOAD_MESSAGE];
    size_t length;
    uint8_t answer_type;
} load_request;

/* Adds an option behind the last, or without a number the payload. */
static int load_put(unsigned delta, mote_bytes value) {
    uint8_t *at = load_request.bytes + load_request.length;
    if (load_request.length + value.len + 5 > sizeof load_request.bytes || value.len > 255 + 13 || delta > 12) return 0;
    *at++ = (uint8_t)(delta << 4 | (value.len < 13 ? value.len : 13));
    if (value.len >= 13) *at++ = (uint8_t)(value.len - 13);
    memcpy(at, value.ptr, value.len);
    load_request.length = (size_t)(at + value.len - load_request.bytes);
    return 1;
}

/* Makes the request; 0 when it is beyond this. */
static int load_compose(const mote_coap_request_config *request) {
    uint8_t text[512];
    mote_coap_option option[32];
    size_t count = 0;
    unsigned last = 0;
    uint8_t method = request->method != 0 ? request->method : MOTE_COAP_GET;
    load_request.bytes[0] = (uint8_t)(0x40 | (request->non_confirmable ? 0x10 : 0) | LOAD_TOKEN);
    load_request.bytes[1] = method;
    load_request.answer_type = request->non_confirmable ? 1 : 2;
    load_request.length = 4 + LOAD_TOKEN;
    tool_check(mote_coap_uri_options(request->uri, &request->remote, text, sizeof text, option,
                                     sizeof option / sizeof *option, &count), "uri");
    for (size_t i = 0; i < count; i++) {
        if (!load_put(option[i].number - last, option[i].value)) return 0;
        last = option[i].number;
    }
    if (request->payload.len == 0) return 1;
    if (load_request.length + 1 + request->payload.len > sizeof load_request.bytes) return 0;
    load_request.bytes[load_request.length++] = 0xff;
    memcpy(load_request.bytes + load_request.length, request->payload.ptr, request->payload.len);
    load_request.length += request->payload.len;
    return 1;
}

static int load_open(load_client *client, const mote_address *remote, size_t window) {
    struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_port = htons(remote->port), .sin6_scope_id = remote->scope };
    struct timeval patience = { 1, 0 };
    int size = (int)load_request.length, off = 0;
    memcpy(&name.sin6_addr, remote->ip, 16);
    client->socket = socket(AF_INET6, SOCK_DGRAM, 0);
    client->slots = calloc(window, sizeof *client->slots);
    if (client->socket < 0 || client->slots == NULL) return 0;
    if (setsockopt(client->socket, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) return 0;
    if (setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) return 0;
    if (connect(client->socket, (const struct sockaddr *)&name, sizeof name) != 0) return 0;
    /* All requests are of one length, so the system can cut many out of one call. */
    client->segments = setsockopt(client->socket, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) == 0 ? LOAD_BATCH : 1;
    while (client->segments > 1 && client->segments * size > 65000) client->segments /= 2;
    return 1;
}

/* Fills the window of a client, as far as `allowed`; how many went out. */
static size_t load_send(load_client *client, size_t window, size_t allowed, uint64_t now) {
    static uint8_t buffer[65536];
    size_t sent = 0, slot = 0;
    while (client->open < window && sent < allowed) {
        uint8_t *at = buffer;
        for (int i = 0; i < client->segments && client->open < window && sent < allowed; i++, sent++) {
            while (client->slots[slot].open) slot++;
            load_slot *self = &client->slots[slot];
            *self = (load_slot){ .began = now, .id = client->next_id++, .turn = (uint16_t)(self->turn + 1), .open = 1 };
            memcpy(at, load_request.bytes, load_request.length);
            at[2] = (uint8_t)(self->id >> 8), at[3] = (uint8_t)self->id;
            at[4] = (uint8_t)(slot >> 8), at[5] = (uint8_t)slot;
            at[6] = (uint8_t)(self->turn >> 8), at[7] = (uint8_t)self->turn;
            at += load_request.length;
            client->open++;
        }
        /* What the system does not take is lost like on any network, and found missing later. */
        if (send(client->socket, buffer, (size_t)(at - buffer), 0) < 0) break;
    }
    return sent;
}

/* The slot that an answer is for: of the right form and type, with message ID and token as sent. NULL otherwise. */
static load_slot *load_match(load_client *client, size_t window, const uint8_t *answer, size_t length) {
    if (length < 4 + LOAD_TOKEN || answer[0] != (0x40 | load_request.answer_type << 4 | LOAD_TOKEN)) return NULL;
    size_t slot = (size_t)answer[4] << 8 | answer[5];
    if (slot >= window) return NULL;
    load_slot *self = &client->slots[slot];
    unsigned id = (unsigned)answer[2] << 8 | answer[3], turn = (unsigned)answer[6] << 8 | answer[7];
    if (!self->open || turn != self->turn || (load_request.answer_type == 2 && id != self->id)) return NULL;
    return self;
}

/* Takes what has come, and tells of each answer; how many, or -1 when nothing came. */
static int load_receive(load_client *client, size_t window, int wait, void (*tell)(uint64_t began, int good)) {
    static uint8_t bytes[LOAD_BATCH][LOAD_ANSWER];
    static struct iovec buffers[LOAD_BATCH];
    static struct mmsghdr messages[LOAD_BATCH];
    unsigned limit = client->open < LOAD_BATCH ? client->open : LOAD_BATCH;
    for (unsigned i = 0; i < limit; i++) {
        buffers[i] = (struct iovec){ bytes[i], LOAD_ANSWER };
        messages[i].msg_hdr = (struct msghdr){ .msg_iov = &buffers[i], .msg_iovlen = 1 };
    }
    int count = recvmmsg(client->socket, messages, limit, wait ? MSG_WAITFORONE : MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        load_slot *self = load_match(client, window, bytes[i], messages[i].msg_len);
        if (self == NULL) continue;
        self->open = 0;
        client->open--;
        tell(self->began, bytes[i][1] >> 5 == 2);
    }
    return count;
}

/* Gives up what has been open for so many nanoseconds. */
static void load_expire(load_client *client, size_t window, uint64_t now, uint64_t limit, void (*tell)(uint64_t began, int good)) {
    for (size_t i = 0; i < window; i++) {
        load_slot *self = &client->slots[i];
        if (!self->open || now - self->began < limit) continue;
        self->open = 0;
        client->open--;
        tell(self->began, 0);
    }
}

#endif
