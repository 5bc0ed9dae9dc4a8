/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Functions without an object, with what was made for them and with anything else. */
#ifndef STORM_PURE_H
#define STORM_PURE_H
#include "called.h"
#include "world.h"

/* Room for text, of which no more is written than is said. */
static size_t pure_capacity;
static uint8_t *pure_room(void)
{
    pure_capacity = below(one_in(2) ? 8 : 300);
    return lend_room(pure_capacity);
}

static void pure_text(mote_status status, const uint8_t *room, const size_t *len)
{
    if (status != MOTE_OK) CHECK(UNTOUCHED(*len));
    else {
        CHECK(*len <= pure_capacity);
        (void)digest((mote_bytes){ room, *len <= pure_capacity ? *len : 0 });
    }
}

static mote_address pure_address(void)
{
    mote_address address = { .port = (uint16_t)dice(), .scope = one_in(2) ? 0 : dice() };
    for (unsigned i = 0; i < 16; i++) address.ip[i] = (uint8_t)(one_in(2) ? 0 : dice());
    return address;
}

static void pure_addresses(void)
{
    static const char *const texts[] = { "fd00::1", "[::1]:5683", "192.0.2.1", "192.0.2.1:80", "fe80::1%eth0", "fe80::1%7", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8" };
    mote_address address = pure_address(), parsed;
    uint8_t *room = pure_room();
    mote_status status;
    size_t len;
    OUTPUT(parsed);
    status = CALL(mote_address_parse, lend_text(texts, 8), &parsed);
    if (status != MOTE_OK) CHECK(UNTOUCHED(parsed));
    OUTPUT(len);
    pure_text(CALL(mote_address_format, &address, room, pure_capacity, &len), room, &len);
}

static void pure_links(void)
{
    static const char *const texts[] = { "</a>;rt=\"x y\";ct=0,</b>;if=i", "</s>;title=\"a\\\"b\";obs", "</a>", "<a>;;,<b>", "</a>;rt" };
    static const char *const filters[] = { "rt=x", "href=/a*", "rt=*", "if=i", "", "=" };
    mote_bytes rest = lend_text(texts, 5), filter = lend_text(filters, 6);
    mote_coap_link link;
    mote_status status;
    unsigned count = 0;
    OUTPUT(link);
    while ((status = CALL(mote_coap_link_next, &rest, &link)) == MOTE_OK && count++ < 400) {
        mote_bytes attributes = link.attributes;
        mote_coap_attribute attribute;
        uint32_t matches;
        OUTPUT(attribute);
        while ((status = CALL(mote_coap_attribute_next, &attributes, &attribute)) == MOTE_OK) {
            uint8_t *room = pure_room();
            size_t len;
            OUTPUT(len);
            pure_text(CALL(mote_coap_attribute_value, &attribute, room, pure_capacity, &len), room, &len);
            lend_end(lent_count - 1);
            OUTPUT(attribute);
        }
        CHECK(UNTOUCHED(attribute));
        OUTPUT(matches);
        status = CALL(mote_coap_link_matches, &link, filter, &matches);
        CHECK(status == MOTE_OK ? matches <= 1 : UNTOUCHED(matches));
        OUTPUT(link);
    }
    CHECK(count < 400 && UNTOUCHED(link));
}

static void pure_options(void)
{
    mote_coap_options options = { lend_rubbish(below(60)), 0, 0 }, all = options;
    mote_coap_option option;
    unsigned count = 0;
    OUTPUT(option);
    (void)CALL(mote_coap_option_find, &all, (uint16_t)any_number(), &option);
    OUTPUT(option);
    while (CALL(mote_coap_option_next, &options, &option) == MOTE_OK && count++ < 100) {
        (void)digest(option.value);
        OUTPUT(option);
    }
    CHECK(count < 100 && UNTOUCHED(option));
}

static void pure_problems(void)
{
    static const uint16_t numbers[] = { 1, 2, 3 };
    static const char *const words[] = { "title", "de", "", "https://x/y", "\xc3\xa4" };
    mote_coap_problem problem = { MOTE_COAP_PROBLEM_INIT, .response_code = (uint8_t)any_number() }, read = { MOTE_COAP_PROBLEM_INIT };
    mote_bytes *texts = &problem.title;
    uint8_t *room = pure_room();
    mote_bytes body;
    mote_status status;
    size_t len;
    uint16_t number;
    problem.base_direction = (uint8_t)below(5);
    for (unsigned i = 0; i < 7; i++) {
        if (one_in(2)) texts[i] = lend_text(words, 5);
    }
    if (one_in(2)) problem.unprocessed = numbers, problem.unprocessed_count = below(4);
    OUTPUT(len);
    status = CALL(mote_coap_problem_write, lend_config(&problem, sizeof problem), room, pure_capacity, &len);
    pure_text(status, room, &len);
    body = status == MOTE_OK && !one_in(3) ? (mote_bytes){ room, len } : lend_rubbish(below(50));
    (void)CALL(mote_coap_problem_read, body, lend_config(&read, sizeof read));
    OUTPUT(number);
    if (CALL(mote_coap_problem_unprocessed, body, any_number(), &number) != MOTE_OK) CHECK(UNTOUCHED(number));
}

static void pure_uris(void)
{
    static const char *const texts[] = {
        "coap://[fd00::1]:99/a/b?x=1", "coaps://host.example/", "coap+tcp://1.2.3.4/%41", "coap://%2f/", "coap://[fe80::1%25eth0]/", "coap:", "a",
    };
    mote_bytes text = lend_text(texts, 7);
    mote_address destination = pure_address();
    mote_coap_options rest = { lend_rubbish(below(30)), 0, 0 };
    mote_coap_option options[8];
    mote_coap_uri uri;
    mote_status status;
    uint8_t *room = pure_room();
    size_t capacity = below(9), count, len;
    OUTPUT(uri);
    status = CALL(mote_coap_uri_parse, text, &uri);
    if (status == MOTE_OK) (void)(digest(uri.host) ^ digest(uri.zone));
    else CHECK(UNTOUCHED(uri));
    OUTPUT(count);
    OUTPUT(options);
    status = CALL(mote_coap_uri_options, text, one_in(3) ? NULL : &destination, room, pure_capacity, options, capacity, &count);
    if (status != MOTE_OK) CHECK(UNTOUCHED(count));
    else {
        CHECK(count <= capacity);
        for (size_t i = 0; i < count; i++) (void)digest(options[i].value);
        for (size_t i = capacity; i < 8; i++) CHECK(UNTOUCHED(options[i]));
    }
    if (status != MOTE_OK) count = 0;
    room = pure_room();
    OUTPUT(len);
    pure_text(CALL(mote_coap_uri_compose, any_number(), one_in(4) ? NULL : &destination, options, count, one_in(2) ? NULL : &rest, room,
                   pure_capacity, &len), room, &len);
}

static void pure_mqtt(void)
{
    static const char *const texts[] = { "a/+/c", "a/#", "#", "a/b/c", "+", "$share/g/a", "a//b", "/" };
    mote_bytes rest = lend_rubbish(below(60));
    mote_mqtt_property property;
    unsigned count = 0;
    (void)CALL(mote_mqtt_topic_matches, lend_text(texts, 8), lend_text(texts, 8));
    OUTPUT(property);
    while (CALL(mote_mqtt_next_property, &rest, &property) == MOTE_OK && count++ < 100) {
        (void)(digest(property.data) ^ digest(property.value));
        OUTPUT(property);
    }
    CHECK(count < 100 && UNTOUCHED(property));
}

static void pure_action(void)
{
    unsigned mark = lent_count;
    switch (below(7)) {
    case 0: pure_addresses(); break;
    case 1: pure_links(); break;
    case 2: pure_options(); break;
    case 3: pure_problems(); break;
    case 4: pure_uris(); break;
    case 5: pure_mqtt(); break;
    default:
        CHECK(CALL(mote_status_str, (mote_status)any_number()).len > 0);
        CHECK(CALL_BARE(mote_version) != 0);
        CHECK(CALL_BARE(mote_port_linux) != NULL);
    }
    lend_end(mark);
}
#endif
