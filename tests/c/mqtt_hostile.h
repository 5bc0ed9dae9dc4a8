/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One long scene with everything in it, played again and again: with every function called inside every callback, and with
 * every call into the port failing. Whatever happens, each operation ends exactly once. */
#ifndef MQTT_HOSTILE_H
#define MQTT_HOSTILE_H
#include "mqtt_scene.h"

static const mote_mqtt_property hostile_method[] = { { MOTE_MQTT_PROPERTY_AUTHENTICATION_METHOD, 0, MOTE_STR("who"), { NULL, 0 } } };

static uint32_t hostile_owner; /* 0: without the store */

static mote_mqtt_config hostile_config(uint8_t version)
{
    mote_mqtt_config config = scene_config(version);
    config.keep_alive = 10;
    config.store_owner = hostile_owner;
    if (version == MOTE_MQTT_V5) config.properties = hostile_method, config.property_count = 1;
    return config;
}

/* Plays the scene; how many operations succeeded, or -1 when not even the client came about. */
static int play(uint8_t version)
{
    mote_mqtt_config config = hostile_config(version);
    if (!scene_init(&config)) return -1;
    broker.challenge = version == MOTE_MQTT_V5;
    scene.chunk = 1700;
    (void)mote_mqtt_connect(scene.mqtt);
    scene_run(500);
    scene_request(1, "s/#", 2, &scene.handlers[0]);
    scene_request(1, "s/1", 2, &scene.handlers[1]);
    scene_run(100);
    for (uint8_t qos = 0; qos < 3; qos++) {
        scene_publish("a", qos, 10, 0);
        broker_publish("s/1", qos, scene.body, qos == 1 ? SCENE_LONG : 20, NULL, 0);
    }
    scene_publish("b", 2, SCENE_LONG, 1);
    scene_run(500);
    /* The connection breaks with messages under way in both directions. */
    broker.no_acks = 1;
    scene_publish("c", 1, 10, 0);
    scene_publish("c", 2, 10, 0);
    scene_publish("c", 1, SCENE_LONG, 1);
    broker_publish("s/1", 1, scene.body, SCENE_LONG, NULL, 0);
    scene_run(1);
    broker_publish("s/1", 2, scene.body, SCENE_LONG, NULL, 0);
    if (stream_peer() != NULL && stream_peer()->down.len > 1500) stream_peer()->down.len = 1500;
    scene_run(1);
    broker_end(stream_peer(), MOTE_ERR_RESET);
    broker.no_acks = 0;
    scene_run(3000);
    /* The session is lost, and the subscriptions are not granted again. */
    broker.forget = 1;
    broker.suback = 0x80;
    broker_end(stream_peer(), MOTE_ERR_CLOSED);
    scene_run(3000);
    broker.suback = 0;
    scene_run(25000); /* with PINGREQ */
    scene_request(1, "s/#", 0, &scene.handlers[0]);
    broker_publish("s/2", 0, scene.body, 1, NULL, 0);
    scene_run(100);
    scene_request(0, "s/#", 0, NULL);
    scene_run(500);
    (void)mote_mqtt_disconnect(scene.mqtt, 0, NULL, 0);
    scene_run(3000);
    return (int)scene_close();
}

/* What is done inside callbacks. */
enum {
    WITHIN_CONNECT, WITHIN_DISCONNECT, WITHIN_PUBLISH_0, WITHIN_PUBLISH_1, WITHIN_PUBLISH_2, WITHIN_PUBLISH_PARTS, WITHIN_CHUNK,
    WITHIN_SUBSCRIBE, WITHIN_UNSUBSCRIBE, WITHIN_CANCEL, WITHIN_ACKNOWLEDGE, WITHIN_AUTHENTICATE, WITHIN_LOOK, WITHIN_NODE,
    WITHIN_CLOSE, WITHIN_CLOSE_AND_OVERWRITE, WITHIN_CLOSE_AND_INIT, WITHIN_COUNT
};

static struct {
    uint32_t kind;
    unsigned action, fired;
    int inside;
} within;

static int is_one_of(mote_status status, mote_status one, mote_status other)
{
    return status == one || status == other;
}

static void within_look(const mote_mqtt_event *event)
{
    mote_mqtt_statistics statistics = { MOTE_MQTT_STATISTICS_INIT };
    mote_mqtt_config config = hostile_config(broker.version);
    uint8_t connected = 9;
    size_t size = 0;
    mote_bytes id;
    (void)scene_properties(event->properties);
    CHECK_IS(mote_mqtt_get_statistics(event->mqtt, &statistics), MOTE_OK);
    CHECK(mote_mqtt_is_connected(event->mqtt, &connected) == MOTE_OK && connected <= 1);
    CHECK(mote_mqtt_client_id(event->mqtt, &id) == MOTE_OK && same(id, "scene"));
    CHECK(mote_mqtt_size(&config, &size) == MOTE_OK && size <= sizeof scene.mqtt_memory);
    CHECK_IS(mote_mqtt_topic_matches(bytes("s/#"), bytes("s/1")), MOTE_OK);
}

static void within_close(void)
{
    scene.closed = 1;
    CHECK_IS(mote_mqtt_close(scene.mqtt), MOTE_OK);
    CHECK_IS(mote_mqtt_close(scene.mqtt), MOTE_ERR_STALE);
}

static void within_callback(const mote_mqtt_event *event)
{
    mote_mqtt *mqtt = event->mqtt;
    mote_mqtt_config config = hostile_config(broker.version);
    scene_operation *of;
    mote_status status;
    size_t taken = 0;
    uint8_t connected;
    if (mote_mqtt_is_connected(mqtt, &connected) == MOTE_ERR_STALE) {
        /* It is being closed. */
        CHECK_IS(mote_mqtt_close(mqtt), MOTE_ERR_STALE);
        CHECK(event->kind == MOTE_MQTT_ENDED && is_one_of(event->status, MOTE_ERR_CLOSED, MOTE_OK));
        return;
    }
    CHECK(!within.inside);
    if (event->kind != within.kind || within.fired == 6 || scene.closed) return;
    within.fired++;
    within.inside = 1;
    switch (within.action) {
    case WITHIN_CONNECT: CHECK(is_one_of(mote_mqtt_connect(mqtt), MOTE_OK, MOTE_ERR_STATE)); break;
    case WITHIN_DISCONNECT: 
        status = mote_mqtt_disconnect(mqtt, 0, NULL, 0);
        CHECK(is_one_of(status, MOTE_OK, MOTE_ERR_STATE) || (status == MOTE_ERR_WOULD_BLOCK && event->kind == MOTE_MQTT_WANTED));
        break;
    case WITHIN_PUBLISH_0:
    case WITHIN_PUBLISH_1:
    case WITHIN_PUBLISH_2:
        of = scene_publish("w", (uint8_t)(within.action - WITHIN_PUBLISH_0), 8, 0);
        CHECK(of != NULL && of->started && of->ends == 0);
        break;
    case WITHIN_PUBLISH_PARTS:
        of = scene_publish("w", 1, SCENE_LONG, 1);
        CHECK(of != NULL && of->started && of->ends == 0);
        break;
    case WITHIN_CHUNK:
        CHECK(mote_mqtt_publish_chunk(mqtt, event->operation, (mote_bytes){ scene.body + event->offset, 1 }, &taken) <= MOTE_OK);
        break;
    case WITHIN_SUBSCRIBE: (void)scene_request(1, within.fired & 1 ? "s/1" : "s/+", 1, &scene.handlers[2 + (within.fired & 1)]); break;
    case WITHIN_UNSUBSCRIBE: (void)scene_request(0, within.fired & 1 ? "s/1" : "s/#", 0, NULL); break;
    case WITHIN_CANCEL:
        (void)mote_mqtt_cancel(mqtt, event->operation);
        for (unsigned i = 0; i < scene.count; i++) (void)mote_mqtt_cancel(mqtt, scene.operations[i].operation);
        break;
    case WITHIN_ACKNOWLEDGE: CHECK_IS(mote_mqtt_acknowledge(mqtt, event->token, 0), MOTE_ERR_STALE); break;
    case WITHIN_AUTHENTICATE: (void)mote_mqtt_authenticate(mqtt, 0x18, bytes("again")); break;
    case WITHIN_LOOK: within_look(event); break;
    case WITHIN_NODE:
        CHECK_IS(mote_node_poll(scene.node), MOTE_ERR_STATE);
        CHECK_IS(mote_node_run(scene.node, 0), MOTE_ERR_STATE);
        CHECK_IS(mote_node_close(scene.node), MOTE_ERR_STATE);
        break;
    case WITHIN_CLOSE: within_close(); break;
    case WITHIN_CLOSE_AND_OVERWRITE:
        within_close();
        memset(scene.mqtt_memory, 0xEE, sizeof scene.mqtt_memory);
        break;
    case WITHIN_CLOSE_AND_INIT:
        within_close();
        memset(scene.mqtt_memory, 0xEE, sizeof scene.mqtt_memory);
        config.node = scene.node;
        CHECK_IS(mote_mqtt_init(scene.mqtt_memory, sizeof scene.mqtt_memory, &config, &scene.mqtt), MOTE_OK);
        scene.closed = 0;
        CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
        break;
    default: CHECK(0);
    }
    within.inside = 0;
}

static void inside_callbacks(uint8_t version)
{
    scene.within = within_callback;
    for (uint32_t kind = MOTE_MQTT_CONNECTED; kind <= MOTE_MQTT_AUTHENTICATION; kind++) {
        for (unsigned action = 0; action < WITHIN_COUNT; action++) {
            int before = failures;
            within.kind = kind;
            within.action = action;
            within.fired = 0;
            CHECK(play(version) >= 0);
            CHECK_IS(within.fired != 0, version == MOTE_MQTT_V5 || kind != MOTE_MQTT_AUTHENTICATION);
            if (failures != before) printf("version %u, action %u in event %u\n", version, action, (unsigned)kind);
        }
    }
    scene.within = NULL;
}

static void port_faults(uint8_t version)
{
    static const mote_status errors[] = { MOTE_ERR_WOULD_BLOCK, MOTE_ERR_RESET, MOTE_ERR_CLOSED, MOTE_ERR_IO };
    int whole;
    unsigned total;
    stream.fail_at = 0;
    whole = play(version);
    CHECK(whole == (int)scene.count && whole > 10);
    CHECK(scene.unsubscribed == 2 && scene.connected == 3 && scene.present == 1 && broker.pings >= 2);
    CHECK_IS(broker.faults, 0);
    total = stream.calls;
    CHECK(total > 80);
    for (unsigned error = 0; error < sizeof errors / sizeof errors[0]; error++) {
        stream.fail_with = errors[error];
        for (stream.for_good = 0; stream.for_good < 2; stream.for_good++) {
            for (stream.fail_at = 1; stream.fail_at <= total; stream.fail_at += stream.for_good ? 5 : 1) {
                int before = failures, succeeded = play(version);
                CHECK(succeeded <= whole);
                if (hostile_owner == 0 && !stream.for_good && errors[error] == MOTE_ERR_WOULD_BLOCK && stream.fail_at > 2) CHECK_IS(succeeded, whole);
                if (failures != before) printf("version %u, call %u of %u, error %d\n", version, stream.fail_at, total, (int)errors[error]);
            }
        }
    }
    stream.fail_at = 0;
}
#endif
