/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The radio of the memory port: hosts in a line, each of which hears its neighbours. Frames take their time on the air, two at
 * once spoil each other, a share of them is lost, and the radio acknowledges by itself. */
#ifndef MEMORY_RADIO_H
#define MEMORY_RADIO_H
#include "memory_port.h"

typedef struct {
    mote_node *node; /* is told of frames; NULL before `start` */
    uint64_t ends;   /* when the frame under way has been sent */
    mote_radio_addresses addresses;
    uint8_t on, sending, spoilt;
    uint8_t len;
    uint8_t frame[125];
} memory_radio;

static struct {
    memory_radio radios[MEMORY_HOSTS];
    uint32_t frames, lost;
} memory_air;

static memory_radio *memory_radio_of(void *state)
{
    return &memory_air.radios[memory_index(state)];
}

static int memory_linked(unsigned a, unsigned b)
{
    return a + 1 == b || b + 1 == a;
}

static mote_status memory_radio_start(void *state, void *node)
{
    memory_radio_of(state)->node = node;
    return MOTE_OK;
}

static mote_status memory_radio_enable(void *state, uint8_t on)
{
    memory_radio_of(state)->on = on;
    return MOTE_OK;
}

static mote_status memory_radio_address(void *state, const mote_radio_addresses *addresses)
{
    memory_radio_of(state)->addresses = *addresses;
    return MOTE_OK;
}

/* Whether nobody sends whom this host hears. */
static uint8_t memory_radio_clear(void *state)
{
    unsigned host = memory_index(state);
    for (unsigned i = 0; i < MEMORY_HOSTS; i++) {
        if (memory_linked(i, host) && memory_air.radios[i].sending) return 0;
    }
    return 1;
}

static mote_status memory_radio_transmit(void *state, const uint8_t *frame, size_t len)
{
    unsigned host = memory_index(state);
    memory_radio *radio = memory_radio_of(state);
    if (radio->sending) return MOTE_ERR_WOULD_BLOCK;
    if (len > sizeof radio->frame || !radio->on) return MOTE_ERR_INVALID;
    memcpy(radio->frame, frame, len);
    radio->len = (uint8_t)len;
    radio->sending = 1;
    radio->spoilt = 0;
    /* Two senders with a hearer in common: neither is understood. */
    for (unsigned i = 0; i < MEMORY_HOSTS; i++) {
        if (i != host && (i < host ? host - i : i - host) <= 2 && memory_air.radios[i].sending) {
            radio->spoilt = memory_air.radios[i].spoilt = 1;
        }
    }
    /* 32 us an octet, preamble and FCS included, and the acknowledgement; the clock has milliseconds. */
    radio->ends = memory.now + 1 + (len + 8 + 17) * 32 / 1000;
    memory_air.frames++;
    return MOTE_OK;
}

/* Whether this radio would acknowledge the frame: unicast to its extended address. */
static int memory_radio_is_for(const memory_radio *radio, const uint8_t *frame, size_t len)
{
    if (len < 13 || (frame[1] >> 2 & 3) != 3) return 0;
    for (unsigned i = 0; i < 8; i++) {
        if (frame[5 + i] != radio->addresses.extended[7 - i]) return 0;
    }
    return 1;
}

/* Ends the transmissions whose time has come. */
static void memory_radio_turn(void)
{
    for (unsigned from = 0; from < MEMORY_HOSTS; from++) {
        memory_radio *sender = &memory_air.radios[from];
        int unicast = sender->len > 0 && (sender->frame[0] & 0x20) != 0, acknowledged = 0;
        if (!sender->sending || sender->ends > memory.now) continue;
        sender->sending = 0;
        for (unsigned to = 0; to < MEMORY_HOSTS; to++) {
            memory_radio *radio = &memory_air.radios[to];
            int mine = memory_radio_is_for(radio, sender->frame, sender->len);
            if (!memory_linked(from, to) || !radio->on || !radio->node || (unicast && !mine)) continue;
            if (sender->spoilt || radio->sending || (memory_random() & 255) < memory.lose) {
                memory_air.lost++;
                continue;
            }
            if (mote_radio_received(radio->node, (mote_bytes){ sender->frame, sender->len }, 200, -60) == MOTE_OK) acknowledged = mine;
        }
        (void)mote_radio_sent(sender->node, unicast && !acknowledged ? MOTE_RADIO_NO_ACK : MOTE_RADIO_SENT, 1);
    }
}

static const mote_port_radio memory_radio_service = {
    MOTE_PORT_RADIO_INIT,
    .capabilities = MOTE_RADIO_ACK | MOTE_RADIO_FILTER,
    .start = memory_radio_start,
    .enable = memory_radio_enable,
    .set_addresses = memory_radio_address,
    .transmit = memory_radio_transmit,
    .channel_clear = memory_radio_clear,
};

/* The port of host `index`, with a radio and without sockets. */
static inline mote_port memory_radio_port(unsigned index)
{
    mote_port port = memory_port(index);
    port.udp = NULL;
    port.radio = &memory_radio_service;
    return port;
}

/* Lets `count` nodes run until `*done` is not 0, for `limit` ms of their time. */
static inline mote_status memory_radio_run(mote_node **nodes, unsigned count, const volatile int *done, uint64_t limit)
{
    uint64_t end = memory.now + limit;
    while (!*done && memory.now < end) {
        uint64_t next = end;
        memory_radio_turn();
        for (unsigned i = 0; i < count; i++) {
            uint64_t deadline;
            mote_status status = mote_node_poll(nodes[i]);
            if (status >= 0) status = mote_node_next_deadline(nodes[i], &deadline);
            if (status < 0) return status;
            if (deadline < next) next = deadline;
        }
        for (unsigned i = 0; i < MEMORY_HOSTS; i++) {
            if (memory_air.radios[i].sending && memory_air.radios[i].ends < next) next = memory_air.radios[i].ends;
        }
        if (next > memory.now) memory.now = next;
    }
    return MOTE_OK;
}
#endif
