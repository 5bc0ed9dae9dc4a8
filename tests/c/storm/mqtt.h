/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MQTT clients in the storm. */
#ifndef STORM_MQTT_H
#define STORM_MQTT_H
#include "broker.h"
#include "node.h"

static object *any_mqtt(void)
{
    return &mqtts[below(MQTTS)];
}

/* Whom the callback of a client, and those of its handlers, are told for. */
typedef struct {
    object *owner;
    unsigned generation;
} listener;

enum { LISTENERS = 400 };
static listener listeners[LISTENERS];
static unsigned listener_count;

static listener *listen_to(object *of)
{
    if (listener_count == LISTENERS) return NULL;
    listeners[listener_count] = (listener){ of, of->generation };
    return &listeners[listener_count++];
}

static mote_mqtt_token tokens[MQTTS][8];
static unsigned token_at[MQTTS];
static uint8_t mqtt_version[MQTTS];

static uint32_t mqtt_digest(const mote_mqtt_event *event)
{
    return digest(event->topic) ^ digest(event->payload) ^ digest(event->reasons) ^ digest(event->properties);
}

static void mqtt_respond(object *of, const mote_mqtt_event *event);
static void mqtt_chunk(object *of, mote_mqtt_operation operation);

/* What is done with every event. */
static void mqtt_heard(object *owner, unsigned generation, const mote_mqtt_event *event)
{
    mote_mqtt_property property;
    mote_bytes rest = event->properties;
    uint32_t sum = mqtt_digest(event);
    mote_status status;
    CHECK(event->mqtt == owner->handle && event->kind >= MOTE_MQTT_CONNECTED && event->kind <= MOTE_MQTT_AUTHENTICATION);
    mqtt_kinds[event->kind % 10]++;
    mqtt_done += event->kind == MOTE_MQTT_ENDED && event->status == MOTE_OK;
    OUTPUT(property);
    while ((status = CALL(mote_mqtt_next_property, &rest, &property)) == MOTE_OK) OUTPUT(property);
    CHECK_IS(status, MOTE_ERR_END);
    CHECK(UNTOUCHED(property));
    if (event->kind == MOTE_MQTT_MESSAGE && event->token != 0) tokens[owner - mqtts][token_at[owner - mqtts]++ % 8] = event->token;
    if (event->kind == MOTE_MQTT_WANTED && (storm_calm || !one_in(4))) mqtt_chunk(owner, event->operation);
    if (event->kind == MOTE_MQTT_MESSAGE && one_in(2)) mqtt_respond(owner, event);
    mischief();
    if (owner->open && owner->generation == generation) CHECK_IS(mqtt_digest(event), sum);
}

static void mqtt_event(void *user, const mote_mqtt_event *event)
{
    listener *of = user;
    called_back();
    CHECK(of->owner->open && of->owner->generation == of->generation);
    mqtt_heard(of->owner, of->generation, event);
    returning();
}

static void mqtt_ended(void *user, const mote_mqtt_event *event)
{
    operation *of = user;
    object *owner = of->owner;
    unsigned generation = of->generation;
    called_back();
    CHECK(event->operation == 0 || event->operation == of->handle);
    CHECK(event->kind != MOTE_MQTT_CONNECTED && event->kind != MOTE_MQTT_DISCONNECTED);
    heard(of, event->kind == MOTE_MQTT_ENDED);
    mqtt_heard(owner, generation, event);
    returning();
}

static mote_mqtt_property *lend_properties(size_t count)
{
    mote_mqtt_property *properties = malloc((count + 1) * sizeof *properties);
    static const uint8_t ids[] = { 1, 2, 3, 8, 9, 11, 17, 21, 22, 23, 24, 25, 31, 35, 38, 38, 38, 0, 99 };
    for (size_t i = 0; i < count; i++) {
        static const char *const texts[] = { "a/b", "x", "", "text/plain" };
        properties[i] = (mote_mqtt_property){ .id = one_in(3) ? 38 : ids[below(sizeof ids)], .number = one_in(3) ? any_number() : below(3) };
        properties[i].data = lend_text(texts, 4);
        properties[i].value = lend_text(texts, 4);
    }
    return properties;
}

static void mqtt_make(object *of)
{
    static const char *const broker_hosts[] = { "fd00::1", "broker.example", "192.0.2.1", "fe80::1" };
    static const char *const words[] = { "client", "me", "" };
    static const char *const topics[] = { "r/1", "responses" };
    unsigned index, mark = lent_count;
    mote_mqtt_config config = { MOTE_MQTT_CONFIG_INIT };
    mote_mqtt_will will = { MOTE_MQTT_WILL_INIT, .topic = MOTE_STR("will"), .payload = MOTE_STR("gone") };
    mote_mqtt_property *properties = NULL;
    mote_mqtt_config *given;
    mote_mqtt *made;
    mote_status status;
    size_t size;
    if (of->open) return;
    forget_kept(of);
    config.node = node_for_config(&index);
    config.host = keep(of, lend_text(broker_hosts, 4));
    config.version = (uint8_t)(one_in(3) ? MOTE_MQTT_V311 : MOTE_MQTT_V5);
    config.client_id = keep(of, lend_text(words, 2));
    if (one_in(3)) config.options = below(16);
    if (one_in(3)) config.keep_alive = (uint16_t)below(20);
    if (one_in(4)) config.clean_start = 1;
    if (one_in(4)) config.reconnect_tries = (uint8_t)dice();
    if (one_in(4)) config.user_name = keep(of, lend_text(words, 3));
    if (one_in(4)) config.password = keep(of, lend_text(words, 3));
    if (one_in(4)) config.will = &will;
    if (one_in(10)) {
        config.property_count = below(3);
        config.properties = properties = lend_properties(config.property_count);
    }
    config.session_expiry = one_in(2) ? 0 : 1000;
    config.receive_maximum = (uint16_t)below(6);
    config.topic_alias_maximum = (uint16_t)below(4);
    config.reconnect_initial = 100;
    config.reconnect_ceiling = 2000;
    config.connect_timeout = one_in(2) ? 0 : 1 + below(3000);
    if (one_in(2)) config.store_owner = 1 + (uint32_t)(of - mqtts);
    if (one_in(2)) config.queue = 64 + below(3000), config.names = 32 + below(600), config.output = 64 + below(600), config.input = 64 + below(1000);
    config.operations = (uint16_t)below(6);
    config.handlers = (uint16_t)below(4);
    config.send_maximum = (uint16_t)below(6);
    if (config.version == MOTE_MQTT_V5 && one_in(2)) {
        config.response_topic = keep(of, lend_text(topics, 2));
        config.requests = (uint16_t)(1 + below(3));
        config.response_qos = (uint8_t)below(3);
    }
    config.callback = mqtt_event;
    config.user = listen_to(of);
    if (config.user == NULL) config.callback = NULL;
    given = lend_config_from(&config, sizeof config, offsetof(mote_mqtt_config, response_topic));
    OUTPUT(size);
    status = CALL(mote_mqtt_size, given, &size);
    if (status != MOTE_OK) CHECK(UNTOUCHED(size));
    else {
        int whole = storm_calm || !one_in(12);
        uint8_t *room = object_room(of, whole ? size : below((unsigned)size));
        OUTPUT(made);
        status = CALL(mote_mqtt_init, room, of->memory.size, given, &made);
        CHECK(!whole || status != MOTE_ERR_NO_MEMORY);
        if (status == MOTE_OK) {
            CHECK(nodes[index].open);
            SHOW("    made mqtt %d on %u\n", (int)(of - mqtts), index);
            object_opened(of, MQTT, index, made);
            mqtt_version[of - mqtts] = config.version;
        } else CHECK(UNTOUCHED(made));
    }
    free(properties);
    lend_end(mark);
}

static void mqtt_close(object *of)
{
    mote_mqtt *mqtt = pointer(of);
    int alive = ALIVE(of, mqtt);
    unsigned generation = of->generation;
    mote_status status;
    driving++;
    of->closing += (uint8_t)alive;
    SHOW("    closing mqtt %d\n", (int)(of - mqtts));
    status = CALL(mote_mqtt_close, mqtt);
    SHOW("    closed mqtt: %d\n", (int)status);
    of->closing -= (uint8_t)alive;
    driving--;
    if (mqtt == NULL) CHECK_IS(status, MOTE_OK);
    else if (!alive) CHECK_IS(status, MOTE_ERR_STALE);
    /* In a callback of its own close it is closed already. */
    else CHECK(status == MOTE_OK || (depth > 0 && status == MOTE_ERR_STALE));
    if (alive && status == MOTE_OK && of->generation == generation) object_closed(of);
}

static const char *const mqtt_topics[] = { "a", "a/b", "s/1", "s/2", "echo/long/topic", "$sys", "a/+", "#" };

/* A message in `config`; what it takes beside what is lent. */
static mote_mqtt_property *mqtt_message(mote_mqtt_publish_config *config)
{
    mote_mqtt_property *properties = NULL;
    config->qos = (uint8_t)(storm_calm || !one_in(30) ? below(3) : dice());
    config->retain = one_in(6);
    config->topic = lend_text(mqtt_topics, storm_calm ? 5 : 8);
    config->payload = lend_rubbish(one_in(8) ? below(2500) : below(60));
    if (!storm_calm && one_in(6)) {
        config->property_count = one_in(20) ? 17 : below(4);
        config->properties = properties = lend_properties(config->property_count);
    }
    if (!storm_calm && one_in(40)) config->reserved = 1;
    return properties;
}

static void mqtt_publish(object *of)
{
    unsigned mark = lent_count;
    mote_mqtt *mqtt = pointer(of);
    mote_mqtt_publish_config config = { MOTE_MQTT_PUBLISH_CONFIG_INIT };
    mote_mqtt_property *properties;
    mote_mqtt_operation made;
    mote_status status;
    operation *op = begin(of, "publishing");
    if (op == NULL) return;
    properties = mqtt_message(&config);
    if (one_in(5)) {
        config.parts = 1;
        config.total = (uint32_t)config.payload.len + below(2000);
    }
    config.callback = mqtt_ended;
    config.user = op;
    OUTPUT(made);
    if (one_in(5)) {
        config.parts = 0;
        config.total = 0;
        status = CALL(mote_mqtt_request_start, mqtt, lend_told_config(&config, sizeof config), one_in(2) ? 0 : below(4000), &made);
    } else status = CALL(mote_mqtt_publish, mqtt, lend_told_config(&config, sizeof config), &made);
    if (status != MOTE_OK) CHECK(UNTOUCHED(made));
    begun(op, status, made);
    ANSWERED(of, mqtt, status);
    free(properties);
    lend_end(mark);
}

static void mqtt_chunk(object *of, mote_mqtt_operation operation)
{
    mote_mqtt *mqtt = pointer(of);
    unsigned mark = lent_count;
    size_t taken, len = below(1500);
    mote_status status;
    OUTPUT(taken);
    status = CALL(mote_mqtt_publish_chunk, mqtt, operation, lend_rubbish(len), one_in(6) ? NULL : &taken);
    if (status != MOTE_OK) CHECK(UNTOUCHED(taken));
    else CHECK(UNTOUCHED(taken) || taken <= len);
    ANSWERED(of, mqtt, status);
    lend_end(mark);
}

static void mqtt_respond(object *of, const mote_mqtt_event *event)
{
    unsigned mark = lent_count;
    mote_mqtt *mqtt = pointer(of);
    mote_mqtt_publish_config config = { MOTE_MQTT_PUBLISH_CONFIG_INIT };
    mote_mqtt_property *properties;
    mote_mqtt_operation made;
    mote_status status;
    operation *op = begin(of, "a response");
    if (op == NULL) return;
    properties = mqtt_message(&config);
    config.callback = mqtt_ended;
    config.user = op;
    OUTPUT(made);
    status = CALL(mote_mqtt_respond, mqtt, event, lend_told_config(&config, sizeof config), &made);
    if (status != MOTE_OK) CHECK(UNTOUCHED(made));
    begun(op, status, made);
    ANSWERED(of, mqtt, status);
    free(properties);
    lend_end(mark);
}

static void mqtt_subscribe(object *of)
{
    static const char *const some_filters[] = { "s/#", "s/1", "+/b", "echo/#", "$share/g/s/1", "a/#/b" };
    unsigned mark = lent_count, count = 1 + below(3);
    mote_mqtt *mqtt = pointer(of);
    mote_mqtt_subscribe_config config = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT };
    mote_mqtt_filter filters[17];
    mote_mqtt_operation made;
    mote_status status;
    operation *op = begin(of, "subscribing");
    if (op == NULL) return;
    memset(filters, 0, sizeof filters);
    if (one_in(40)) count = 17;
    for (unsigned i = 0; i < count; i++) {
        filters[i].filter = lend_text(some_filters, storm_calm ? 4 : 6);
        filters[i].qos = (uint8_t)below(storm_calm ? 3 : 4);
        if (one_in(8)) filters[i].retain_handling = (uint8_t)below(4);
        if (one_in(20)) filters[i].reserved = 1;
    }
    config.filters = filters;
    config.filter_count = count;
    if (one_in(2)) {
        config.handler = mqtt_event;
        config.handler_user = listen_to(of);
        if (config.handler_user == NULL) config.handler = NULL;
    }
    config.callback = mqtt_ended;
    config.user = op;
    OUTPUT(made);
    if (one_in(3)) status = CALL(mote_mqtt_unsubscribe, mqtt, lend_told_config(&config, sizeof config), &made);
    else status = CALL(mote_mqtt_subscribe, mqtt, lend_told_config(&config, sizeof config), &made);
    if (status != MOTE_OK) CHECK(UNTOUCHED(made));
    begun(op, status, made);
    ANSWERED(of, mqtt, status);
    lend_end(mark);
}

static void mqtt_ask(object *of)
{
    mote_mqtt *mqtt = pointer(of);
    unsigned mark = lent_count;
    mote_status status;
    switch (below(8)) {
    case 0: {
        uint8_t connected;
        OUTPUT(connected);
        status = CALL(mote_mqtt_is_connected, mqtt, &connected);
        CHECK(status == MOTE_OK ? connected <= 1 : UNTOUCHED(connected));
        break;
    }
    case 1: {
        mote_bytes id;
        OUTPUT(id);
        status = CALL(mote_mqtt_client_id, mqtt, &id);
        if (status == MOTE_OK) (void)digest(id);
        else CHECK(UNTOUCHED(id));
        break;
    }
    case 2: {
        mote_mqtt_statistics statistics = { MOTE_MQTT_STATISTICS_INIT };
        status = CALL(mote_mqtt_get_statistics, mqtt, lend_config(&statistics, sizeof statistics));
        break;
    }
    case 3: status = CALL(mote_mqtt_acknowledge, mqtt, one_in(4) ? any_number() : tokens[of - mqtts][below(8)], (uint8_t)(one_in(2) ? 0 : dice())); break;
    case 4: status = CALL(mote_mqtt_authenticate, mqtt, (uint8_t)(one_in(2) ? 0x18 : dice()), lend_rubbish(below(60))); break;
    case 5: status = CALL(mote_mqtt_cancel, mqtt, any_handle(of)); break;
    case 6: status = CALL(mote_mqtt_request_cancel, mqtt, any_handle(of)); break;
    default: status = CALL(mote_mqtt_connect, mqtt);
    }
    ANSWERED(of, mqtt, status);
    lend_end(mark);
}

static void mqtt_disconnect(object *of)
{
    mote_mqtt *mqtt = pointer(of);
    unsigned mark = lent_count;
    size_t count = one_in(4) ? below(3) : 0;
    mote_mqtt_property *properties = lend_properties(count);
    mote_status status = CALL(mote_mqtt_disconnect, mqtt, (uint8_t)(one_in(3) ? dice() : 0), count ? properties : NULL, count);
    ANSWERED(of, mqtt, status);
    free(properties);
    lend_end(mark);
}

static void mqtt_action(void)
{
    object *of = any_mqtt();
    unsigned which = below(32);
    if (which < 3) mqtt_make(of);
    else if (which == 3 && one_in(3)) mqtt_close(of);
    else if (which < 14) mqtt_publish(of);
    else if (which < 16) mqtt_chunk(of, any_handle(of));
    else if (which < 21) mqtt_subscribe(of);
    else if (which == 21 && one_in(3)) mqtt_disconnect(of);
    else mqtt_ask(of);
}
#endif
