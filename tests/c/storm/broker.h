/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A broker for every connection of the storm: it answers each packet, passes messages back, and is as unreliable as all else. */
#ifndef STORM_BROKER_H
#define STORM_BROKER_H
#include "port.h"

static void broker_put(port_socket *to, uint8_t first, const uint8_t *body, size_t len)
{
    uint8_t head[3] = { first, (uint8_t)(len & 127), 0 };
    size_t head_len = 2;
    if (len > 127) head[1] |= 128, head[2] = (uint8_t)(len >> 7), head_len = 3;
    if (PIPE - to->down.len < head_len + len) return;
    memcpy(to->down.data + to->down.len, head, head_len);
    if (len != 0) memcpy(to->down.data + to->down.len + head_len, body, len);
    to->down.len += head_len + len;
    to->told = 0;
}

/* A message to the client; `properties` are encoded. */
static void broker_message(port_socket *to, unsigned qos, const uint8_t *topic, size_t topic_len, const uint8_t *properties,
                           size_t properties_len, const uint8_t *payload, size_t len)
{
    static uint8_t body[PIPE];
    size_t at = 0;
    if (topic_len + properties_len + len + 10 > 4000 || properties_len > 127) return;
    body[at++] = (uint8_t)(topic_len >> 8);
    body[at++] = (uint8_t)topic_len;
    if (topic_len != 0) memcpy(body + at, topic, topic_len);
    at += topic_len;
    if (qos != 0) {
        if (++to->next_id == 0) to->next_id = 1;
        body[at++] = (uint8_t)(to->next_id >> 8);
        body[at++] = (uint8_t)to->next_id;
    }
    if (to->version == 5) {
        body[at++] = (uint8_t)properties_len;
        if (properties_len != 0) memcpy(body + at, properties, properties_len);
        at += properties_len;
    }
    if (len != 0) memcpy(body + at, payload, len);
    broker_put(to, (uint8_t)(0x30 | qos << 1), body, at + len);
}

/* Answers a message that asks for a response, and sends some back as they are. */
static void broker_echo(port_socket *to, unsigned qos, const uint8_t *data, size_t len)
{
    size_t topic_len = (size_t)data[0] << 8 | data[1], at = 2 + topic_len + (qos ? 2 : 0), end;
    const uint8_t *topic = data + 2;
    if (at >= len && to->version == 5) return;
    if (to->version == 5) {
        size_t properties = data[at++];
        const uint8_t *response = NULL, *correlation = NULL;
        if (properties & 128 || at + properties > len) return;
        end = at + properties;
        for (; at < end;) {
            uint8_t id = data[at];
            size_t one = id == 2 || id == 24 ? 5 : id == 1 ? 2 : 3 + ((size_t)data[at + 1] << 8 | data[at + 2]);
            if (id == 38) one += 2 + ((size_t)data[at + one] << 8 | data[at + one + 1]);
            if (id == 8) response = data + at + 1;
            if (id == 9) correlation = data + at;
            at += one;
        }
        if (response != NULL && correlation != NULL && !one_in(5)) {
            broker_message(to, below(3), response + 2, (size_t)response[0] << 8 | response[1], correlation, 11, data + end, len - end);
            return;
        }
        at = end;
    }
    if (one_in(2)) broker_message(to, below(3), topic, topic_len, NULL, 0, data + at, len - at);
}

static void broker_packet(port_socket *to, uint8_t first, const uint8_t *data, size_t len)
{
    uint8_t answer[20] = { 0 };
    size_t id = first >> 4 == 3 ? 2 + ((size_t)data[0] << 8 | data[1]) : 0; /* where the identifier stands */
    unsigned qos = first >> 1 & 3;
    if (!storm_calm && one_in(30)) return;
    if (!storm_calm && one_in(100)) to->broken = one_in(2) ? MOTE_ERR_RESET : MOTE_ERR_CLOSED;
    if (len >= id + 2) memcpy(answer, data + id, 2);
    switch (first >> 4) {
    case 1:
        to->version = data[6];
        answer[0] = !storm_calm && one_in(2);
        answer[1] = !storm_calm && one_in(8) ? (to->version == 5 ? 0x88 : 3) : 0;
        if (answer[1]) answer[0] = 0;
        broker_put(to, 0x20, answer, to->version == 5 ? 3 : 2);
        if (answer[1]) to->broken = MOTE_ERR_CLOSED;
        break;
    case 3:
        if (qos != 0) broker_put(to, qos == 1 ? 0x40 : 0x50, answer, 2);
        broker_echo(to, qos, data, len);
        break;
    case 5: broker_put(to, 0x62, answer, 2); break;
    case 6: broker_put(to, 0x70, answer, 2); break;
    case 8:
    case 10: {
        size_t at = 2, count = 2;
        if (to->version == 5) at += 1 + data[2], count = 3;
        answer[2] = 0;
        while (at + 2 < len && count < sizeof answer) {
            at += 2 + ((size_t)data[at] << 8 | data[at + 1]);
            if (first >> 4 == 8) answer[count++] = !storm_calm && one_in(8) ? 0x80 : data[at++] & 3;
            else if (to->version == 5) answer[count++] = 0;
        }
        broker_put(to, first >> 4 == 8 ? 0x90 : 0xb0, answer, first >> 4 == 10 && to->version == 4 ? 2 : count);
        break;
    }
    case 12: broker_put(to, 0xd0, NULL, 0); break;
    case 14: to->broken = MOTE_ERR_CLOSED; break;
    case 15: broker_put(to, 0xf0, (const uint8_t *)"\0", storm_calm || one_in(2) ? 0 : 1); break;
    }
}

/* Takes what came whole. */
static void broker_turn(void)
{
    for (unsigned i = 0; i < NODES * SOCKETS; i++) {
        port_socket *of = &hosts[i / SOCKETS].tcp[i % SOCKETS];
        static uint8_t packet[PIPE];
        while (of->open && of->broken == MOTE_OK && of->up.len >= 2) {
            size_t len = 0, at = 1;
            for (unsigned shift = 0; at < of->up.len && at < 5; shift += 7) {
                len |= (size_t)(of->up.data[at] & 127) << shift;
                if (!(of->up.data[at++] & 128)) break;
            }
            if (of->up.len < at + len || of->up.data[at - 1] & 128) break;
            memcpy(packet, of->up.data, at + len);
            memset(packet + at + len, 0, 8);
            memmove(of->up.data, of->up.data + at + len, of->up.len - at - len);
            of->up.len -= at + len;
            broker_packet(of, packet[0], packet + at, len);
        }
        if (of->open && of->broken == MOTE_OK && of->up.len == PIPE) of->broken = MOTE_ERR_RESET;
        if (of->open && of->shut && of->broken == MOTE_OK) of->broken = MOTE_ERR_CLOSED;
    }
}

/* The network does something by itself to one connection. */
static void broker_trouble(void)
{
    port_socket *of = &hosts[below(NODES)].tcp[below(SOCKETS)];
    uint8_t rubbish[40];
    if (!of->open) return;
    switch (below(6)) {
    case 0: of->broken = MOTE_ERR_RESET; break;
    case 1: of->broken = MOTE_ERR_CLOSED; break;
    case 2:
        if (of->pending == 0 && PIPE - of->down.len > sizeof rubbish) {
            for (unsigned i = 0; i < sizeof rubbish; i++) of->down.data[of->down.len++] = (uint8_t)dice();
            of->told = 0;
        }
        break;
    case 3: of->pending = of->pending > 0; break;
    default:
        if (of->version != 0) broker_message(of, below(3), (const uint8_t *)"s/1", 3, NULL, 0, of->up.data, below(900));
    }
    of->told = 0;
}
#endif
