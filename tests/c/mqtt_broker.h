/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A broker for one client, over the connections of memory_stream.h: it answers each packet as the standards say, remembers
 * what came, and misbehaves when told to. What the client writes must be well-formed; `faults` counts what is not. */
#ifndef MQTT_BROKER_H
#define MQTT_BROKER_H
#include "memory_stream.h"

enum { BROKER_LOG = 64 };

static struct {
    uint8_t version;
    /* How it is to behave. */
    uint8_t refuse;           /* Reason Code of CONNACK */
    uint8_t session;          /* it has one */
    uint8_t forget;           /* the session, at the next CONNECT */
    uint8_t no_acks;          /* neither PUBACK, PUBREC nor PUBCOMP */
    uint8_t no_pings;         /* no PINGRESP */
    uint8_t suback;           /* Reason Code of every filter instead of the QoS; 0 for the QoS */
    uint8_t puback;           /* Reason Code of PUBACK and PUBREC (5.0) */
    uint8_t challenge;        /* AUTH before CONNACK (5.0) */
    uint8_t deaf;             /* it reads nothing */
    uint16_t server_keep_alive;
    const char *reference;    /* Server Reference in CONNACK (5.0), or NULL */
    /* What came. */
    unsigned connects, wills, subscribes, filters, unsubscribes, published[3], repeated, releases, acks, receives, completes, pings,
        disconnects, auths, faults;
    uint8_t last_reason;      /* of DISCONNECT */
    uint16_t last_ack;        /* identifier in the last PUBACK or PUBREC */
    uint8_t topic[64];
    size_t topic_len;
    uint8_t payload[4096];
    size_t payload_len;
    uint16_t keep_alive;
    uint16_t held[8];         /* QoS 2 messages that were not released */
    unsigned distinct;        /* QoS 2 messages passed on: each once */
    unsigned user_properties; /* in PUBLISH */
    uint32_t expiry;          /* Message Expiry Interval of the last PUBLISH that had one */
    unsigned accepted;        /* the number of the last connection whose CONNECT was */
    uint8_t properties[256];  /* of the last PUBLISH, encoded */
    size_t properties_len;
    uint16_t next_id;
    unsigned at;              /* the number of the connection over which CONNECT came */
} broker;

static size_t broker_number(uint8_t *out, size_t number)
{
    size_t len = 0;
    do {
        out[len] = (uint8_t)(number & 127);
        number >>= 7;
        if (number != 0) out[len] |= 128;
        len++;
    } while (number != 0);
    return len;
}

static void broker_send(stream_socket *to, uint8_t first, const uint8_t *body, size_t len)
{
    uint8_t head[5] = { first };
    size_t head_len = 1 + broker_number(head + 1, len);
    if (to == NULL || STREAM_BUFFER - to->down.len < head_len + len) return;
    stream_put(&to->down, head, head_len);
    stream_put(&to->down, body, len);
}

static void broker_end(stream_socket *socket, mote_status how)
{
    if (socket == NULL) return;
    socket->broken = how;
    stream.moved++;
}

/* PUBACK and the like; the Reason Code is left out where it is 0, as 5.0 allows. */
static void broker_answer(stream_socket *to, uint8_t first, uint16_t id, uint8_t reason)
{
    uint8_t body[3] = { (uint8_t)(id >> 8), (uint8_t)id, reason };
    broker_send(to, first, body, broker.version == 5 && reason != 0 ? 3 : 2);
}

/* Sends a message; its identifier. `properties` are those of 5.0, encoded. */
static inline uint16_t broker_publish(const char *topic, uint8_t qos, const uint8_t *payload, size_t len, const void *properties, size_t properties_len)
{
    static uint8_t body[4600];
    size_t at = 2, topic_len = strlen(topic);
    body[0] = (uint8_t)(topic_len >> 8);
    body[1] = (uint8_t)topic_len;
    memcpy(body + at, topic, topic_len);
    at += topic_len;
    if (qos != 0) {
        if (++broker.next_id == 0) broker.next_id = 1;
        body[at++] = (uint8_t)(broker.next_id >> 8);
        body[at++] = (uint8_t)broker.next_id;
    }
    if (broker.version == 5) {
        at += broker_number(body + at, properties_len);
        if (properties_len != 0) memcpy(body + at, properties, properties_len);
        at += properties_len;
    }
    if (len != 0) memcpy(body + at, payload, len);
    broker_send(stream_peer(), (uint8_t)(0x30 | qos << 1), body, at + len);
    return broker.next_id;
}

typedef struct {
    const uint8_t *data;
    size_t len;
} broker_rest;

static const uint8_t *broker_take(broker_rest *rest, size_t len)
{
    const uint8_t *at = rest->data;
    if (len > rest->len) {
        static const uint8_t zeros[64];
        broker.faults++;
        rest->len = 0;
        return zeros;
    }
    rest->data += len;
    rest->len -= len;
    return at;
}

static unsigned broker_byte(broker_rest *rest)
{
    return *broker_take(rest, 1);
}

static unsigned broker_short(broker_rest *rest)
{
    unsigned high = broker_byte(rest);
    return high << 8 | broker_byte(rest);
}

static broker_rest broker_string(broker_rest *rest)
{
    broker_rest string;
    unsigned faults = broker.faults;
    string.len = broker_short(rest);
    string.data = broker_take(rest, string.len);
    if (broker.faults != faults) string.len = 0;
    return string;
}

static broker_rest broker_properties(broker_rest *rest)
{
    broker_rest properties = { NULL, 0 };
    unsigned shift = 0, byte;
    if (broker.version != 5) return properties;
    do {
        byte = broker_byte(rest);
        properties.len |= (size_t)(byte & 127) << shift;
        shift += 7;
    } while (byte & 128 && shift < 28);
    if (properties.len > rest->len) {
        broker.faults++;
        properties.len = 0;
    }
    properties.data = broker_take(rest, properties.len);
    return properties;
}

static void broker_connack(stream_socket *from)
{
    uint8_t body[64] = { broker.session && !broker.refuse, broker.refuse };
    size_t len = 2;
    if (broker.version == 5) {
        size_t start = ++len;
        if (broker.server_keep_alive != 0) {
            body[len++] = 19;
            body[len++] = (uint8_t)(broker.server_keep_alive >> 8);
            body[len++] = (uint8_t)broker.server_keep_alive;
        }
        if (broker.reference != NULL) {
            size_t reference_len = strlen(broker.reference);
            body[len++] = 28;
            body[len++] = 0;
            body[len++] = (uint8_t)reference_len;
            memcpy(body + len, broker.reference, reference_len);
            len += reference_len;
        }
        if (broker.challenge) {
            memcpy(body + len, "\25\0\3who", 6);
            len += 6;
        }
        body[2] = (uint8_t)(len - start);
    }
    broker_send(from, 0x20, body, len);
    if (broker.refuse) broker_end(from, MOTE_ERR_CLOSED);
    else broker.session = 1, broker.accepted = from->number;
}

/* Its part of enhanced authentication; `reason` says whether it goes on. */
static void broker_challenge(stream_socket *from, uint8_t reason)
{
    uint8_t body[] = { reason, 12, 21, 0, 3, 'w', 'h', 'o', 22, 0, 3, 'o', 'n', 'e' };
    broker_send(from, 0xf0, body, sizeof body);
}

static void broker_connect(stream_socket *from, broker_rest *rest)
{
    unsigned flags;
    if (memcmp(broker_take(rest, 6), "\0\4MQTT", 6) != 0 || broker_byte(rest) != broker.version) broker.faults++;
    flags = broker_byte(rest);
    if (flags & 1) broker.faults++;
    broker.keep_alive = (uint16_t)broker_short(rest);
    (void)broker_properties(rest);
    (void)broker_string(rest);
    if (flags & 4) {
        broker.wills++;
        (void)broker_properties(rest);
        (void)broker_string(rest);
        (void)broker_string(rest);
    }
    if (flags & 0x80) (void)broker_string(rest);
    if (flags & 0x40) (void)broker_string(rest);
    broker.connects++;
    broker.at = from->number;
    if (flags & 2 || broker.forget) {
        broker.session = 0;
        memset(broker.held, 0, sizeof broker.held);
    }
    if (broker.challenge) {
        broker_challenge(from, 0x18);
        return;
    }
    broker_connack(from);
}

static void broker_published(stream_socket *from, uint8_t first, broker_rest *rest)
{
    unsigned qos = first >> 1 & 3, id = 0, slot = 0;
    broker_rest topic = broker_string(rest), properties;
    if (qos == 3) {
        broker.faults++;
        return;
    }
    if (qos != 0) id = broker_short(rest);
    properties = broker_properties(rest);
    for (size_t i = 0; i < properties.len; i++) broker.user_properties += properties.data[i] == 38;
    if (properties.len >= 5 && properties.data[0] == 2) { /* it comes first */
        broker.expiry = 0;
        for (size_t i = 1; i < 5; i++) broker.expiry = broker.expiry << 8 | properties.data[i];
    }
    broker.properties_len = properties.len < sizeof broker.properties ? properties.len : 0;
    if (broker.properties_len != 0) memcpy(broker.properties, properties.data, broker.properties_len);
    broker.published[qos]++;
    broker.repeated += first >> 3 & 1;
    broker.topic_len = topic.len < sizeof broker.topic ? topic.len : sizeof broker.topic;
    memcpy(broker.topic, topic.data, broker.topic_len);
    broker.payload_len = rest->len < sizeof broker.payload ? rest->len : sizeof broker.payload;
    if (rest->len != 0) memcpy(broker.payload, rest->data, broker.payload_len);
    rest->len = 0;
    if (qos == 2) {
        while (slot < 8 && broker.held[slot] != id) slot++;
        if (slot == 8 && broker.puback < 0x80) {
            broker.distinct++;
            for (slot = 0; slot < 7 && broker.held[slot] != 0;) slot++;
            broker.held[slot] = (uint16_t)id;
        }
    }
    if (qos != 0 && id == 0) broker.faults++;
    if (qos != 0 && !broker.no_acks) broker_answer(from, qos == 1 ? 0x40 : 0x50, (uint16_t)id, broker.puback);
}

static void broker_subscribed(stream_socket *from, int subscribe, broker_rest *rest)
{
    unsigned id = broker_short(rest);
    uint8_t body[32] = { (uint8_t)(id >> 8), (uint8_t)id };
    size_t len = 2;
    (void)broker_properties(rest);
    if (broker.version == 5) body[len++] = 0;
    if (rest->len == 0 || id == 0) broker.faults++;
    while (rest->len != 0 && len < sizeof body) {
        unsigned options = 0;
        (void)broker_string(rest);
        if (subscribe) options = broker_byte(rest) & 3;
        if (subscribe) broker.filters++;
        if (subscribe || broker.version == 5) body[len++] = subscribe && broker.suback ? broker.suback : (uint8_t)options;
    }
    if (subscribe) broker.subscribes++;
    else broker.unsubscribes++;
    broker_send(from, subscribe ? 0x90 : 0xb0, body, len);
}

static void broker_packet(stream_socket *from, uint8_t first, broker_rest rest)
{
    uint16_t id;
    if ((first >> 4 == 1) == (broker.at == from->number)) {
        broker.faults++; /* CONNECT comes first, and once */
        broker_end(from, MOTE_ERR_CLOSED);
        return;
    }
    switch (first) {
    case 0x10: broker_connect(from, &rest); break;
    case 0x40: broker.acks++, broker.last_ack = (uint16_t)broker_short(&rest); return;
    case 0x50:
        id = (uint16_t)broker_short(&rest);
        broker.receives++, broker.last_ack = id;
        if (rest.len == 0 || broker_byte(&rest) < 0x80) broker_answer(from, 0x62, id, 0);
        return;
    case 0x62:
        id = (uint16_t)broker_short(&rest);
        broker.releases++;
        for (unsigned i = 0; i < 8; i++) {
            if (broker.held[i] == id) broker.held[i] = 0;
        }
        if (!broker.no_acks) broker_answer(from, 0x70, id, 0);
        return;
    case 0x70: broker.completes++; return;
    case 0x82: broker_subscribed(from, 1, &rest); break;
    case 0xa2: broker_subscribed(from, 0, &rest); break;
    case 0xc0:
        broker.pings++;
        if (!broker.no_pings) broker_send(from, 0xd0, NULL, 0);
        break;
    case 0xe0:
        broker.disconnects++;
        broker.last_reason = rest.len != 0 ? (uint8_t)broker_byte(&rest) : 0;
        broker_end(from, MOTE_ERR_CLOSED);
        return;
    case 0xf0:
        broker.auths++;
        if (broker.version != 5 || !broker.challenge) broker.faults++;
        if (broker.accepted != from->number) broker_connack(from);
        else broker_challenge(from, broker_byte(&rest) == 0x19 ? 0x18 : 0);
        return;
    default:
        if (first >> 4 == 3) broker_published(from, first, &rest);
        else broker.faults++;
    }
    if (rest.len != 0) broker.faults++;
}

/* Takes one packet off what came, if there is a whole one. */
static int broker_step(stream_socket *from)
{
    static uint8_t packet[STREAM_BUFFER];
    size_t len = 0, at = 1;
    unsigned shift = 0, byte = 128;
    for (; byte & 128; shift += 7) {
        if (at >= from->up.len || shift > 21) return 0;
        byte = from->up.data[at++];
        len |= (size_t)(byte & 127) << shift;
    }
    if (from->up.len < at + len) return 0;
    memcpy(packet, from->up.data, at + len);
    stream_drop(&from->up, at + len);
    broker_packet(from, packet[0], (broker_rest){ packet + at, len });
    return 1;
}

static void broker_turn(void)
{
    stream_socket *from;
    /* What the client sent before it closed the connection arrives all the same. */
    for (unsigned i = 0; i < STREAM_SOCKETS; i++) {
        from = &stream.sockets[i];
        if (from->open || from->up.len == 0) continue;
        while (from->broken == MOTE_OK && !broker.deaf && broker_step(from)) { }
        from->up.len = 0;
    }
    from = stream_peer();
    if (from == NULL || broker.deaf) return;
    while (from->open && from->broken == MOTE_OK && broker_step(from)) { }
    if (from->shut && from->broken == MOTE_OK) broker_end(from, MOTE_ERR_CLOSED);
}

static void broker_reset(uint8_t version)
{
    memset(&broker, 0, sizeof broker);
    broker.version = version;
    stream_reset();
}
#endif
