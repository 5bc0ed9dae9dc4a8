/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A string literal as `mote_bytes`, without its NUL, for initialisers: `.path = MOTE_STR("/time")`.
 */
#define MOTE_STR(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

/*
 * Bytes that suffice for a CoAP endpoint with so many requests under way, observers, and such a
 * largest message, and defaults for the rest of `mote_coap_config`.
 */
#define MOTE_COAP_MEM(requests, observers, message_size)                                           \
    (MOTE_COAP_MEM_BASE + (requests) * MOTE_COAP_MEM_REQUEST + (observers) * MOTE_COAP_MEM_OBSERVER \
     + (message_size) * 2)
