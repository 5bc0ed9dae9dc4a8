/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client through the C ABI and what it was told. Every operation has a place of its own, which says how often it ended. */
#ifndef MQTT_SCENE_H
#define MQTT_SCENE_H
#include "check.h"
#include "mqtt_broker.h"

enum { SCENE_OPERATIONS = 96, SCENE_LONG = 3000, SCENE_HANDLERS = 4 };

typedef struct {
    int started, ends;
    mote_mqtt_operation operation;
    mote_status status;
    uint8_t reason;
    size_t reasons;
    unsigned wanted;
} scene_operation;

/* What one receiver of messages was told. */
typedef struct {
    unsigned messages, whole, aborted, parts, wrong, properties;
    uint32_t got; /* of the message under way */
    uint8_t under_way;
    uint8_t qos, token_seen;
    mote_mqtt_token tokens[4];
    uint8_t topic[64];
    size_t topic_len;
} scene_receiver;

static struct {
    uint8_t node_memory[MOTE_NODE_MEM], mqtt_memory[MOTE_MQTT_MEM + 4096];
    mote_port port;
    mote_node *node;
    mote_mqtt *mqtt;
    scene_operation operations[SCENE_OPERATIONS];
    unsigned count;
    scene_receiver others, handlers[SCENE_HANDLERS]; /* `others`: without a handler */
    unsigned connected, present, disconnected, unsubscribed, authenticated, confirmed, earlier; /* `earlier`: ended well, and begun before a restart */
    mote_status status;
    uint8_t reason;
    uint32_t retry_after;
    uint8_t body[SCENE_LONG];
    size_t chunk; /* how much is given at once; 0 for as much as there is */
    int closed;   /* by a callback */
    void (*within)(const mote_mqtt_event *event); /* called inside every callback, or NULL */
} scene;

static const uint8_t scene_user_property[] = { 38, 0, 1, 'k', 0, 1, 'v', 38, 0, 1, 'k', 0, 1, 'w', 1, 1 };

static mote_bytes bytes(const char *text)
{
    return (mote_bytes){ (const uint8_t *)text, strlen(text) };
}

static int same(mote_bytes shown, const char *text)
{
    return shown.len == strlen(text) && memcmp(shown.ptr, text, shown.len) == 0;
}

static void scene_within(const mote_mqtt_event *event)
{
    if (scene.within != NULL) scene.within(event);
}

/* Counts the User Properties k=v and k=w, of which each message with properties has both, in this order. */
static unsigned scene_properties(mote_bytes rest)
{
    mote_mqtt_property property;
    unsigned found = 0;
    mote_status status;
    while ((status = mote_mqtt_next_property(&rest, &property)) == MOTE_OK) {
        if (property.id == MOTE_MQTT_PROPERTY_USER_PROPERTY) {
            CHECK(same(property.data, "k") && same(property.value, found == 0 ? "v" : "w"));
            found++;
        } else if (property.id == MOTE_MQTT_PROPERTY_PAYLOAD_FORMAT_INDICATOR) CHECK_IS(property.number, 1);
    }
    CHECK_IS(status, MOTE_ERR_END);
    CHECK_IS(rest.len, 0);
    return found;
}

static void scene_received(scene_receiver *to, const mote_mqtt_event *event)
{
    if (event->kind == MOTE_MQTT_ABORTED) {
        to->aborted++;
        to->under_way = 0;
        return;
    }
    if (event->kind == MOTE_MQTT_MESSAGE) {
        if (event->token != 0) to->tokens[to->token_seen++ & 3] = event->token;
        CHECK_IS(event->token != 0, event->qos != 0);
        to->messages++;
        to->qos = event->qos;
        to->got = 0;
        to->topic_len = event->topic.len < sizeof to->topic ? event->topic.len : sizeof to->topic;
        memcpy(to->topic, event->topic.ptr, to->topic_len);
        to->properties += scene_properties(event->properties);
    } else if (!to->under_way) {
        to->wrong++; /* a handler made in the midst of the message */
        return;
    } else to->parts++;
    if (event->offset != to->got) to->wrong++;
    for (size_t i = 0; i < event->payload.len; i++) {
        size_t at = event->offset + i;
        if (at >= SCENE_LONG || event->payload.ptr[i] != scene.body[at]) to->wrong++;
    }
    to->got += (uint32_t)event->payload.len;
    CHECK_IS(event->last, to->got == event->total);
    to->whole += event->last;
    to->under_way = !event->last;
}

static void scene_handler(void *user, const mote_mqtt_event *event)
{
    if (event->kind == MOTE_MQTT_UNSUBSCRIBED) scene.unsubscribed++;
    else scene_received(user, event);
    scene_within(event);
}

static void scene_event(void *user, const mote_mqtt_event *event)
{
    (void)user;
    switch (event->kind) {
    case MOTE_MQTT_CONNECTED:
        scene.connected++;
        scene.present += event->session_present;
        break;
    case MOTE_MQTT_DISCONNECTED:
        scene.disconnected++;
        scene.status = event->status;
        scene.reason = event->reason;
        scene.retry_after = event->retry_after;
        CHECK(event->status < 0);
        break;
    case MOTE_MQTT_UNSUBSCRIBED: scene.unsubscribed++; break;
    case MOTE_MQTT_ENDED: scene.earlier += event->status == MOTE_OK; break;
    case MOTE_MQTT_AUTHENTICATION: {
        mote_bytes rest = event->properties;
        mote_mqtt_property property;
        CHECK(mote_mqtt_next_property(&rest, &property) == MOTE_OK && property.id == MOTE_MQTT_PROPERTY_AUTHENTICATION_METHOD);
        CHECK(mote_mqtt_next_property(&rest, &property) == MOTE_OK && same(property.data, "one"));
        if (event->reason == 0) {
            scene.confirmed++;
            break;
        }
        scene.authenticated++;
        (void)mote_mqtt_authenticate(event->mqtt, 0x18, bytes("two"));
        break;
    }
    default: scene_received(&scene.others, event); break;
    }
    scene_within(event);
}

static void scene_ended(void *user, const mote_mqtt_event *event)
{
    scene_operation *of = user;
    if (event->kind == MOTE_MQTT_WANTED) {
        size_t taken = 0, len = SCENE_LONG - event->offset;
        of->wanted++;
        scene_within(event);
        if (scene.chunk != 0 && len > scene.chunk) len = scene.chunk;
        (void)mote_mqtt_publish_chunk(event->mqtt, event->operation, (mote_bytes){ scene.body + event->offset, len }, &taken);
        CHECK(taken <= len);
        return;
    }
    CHECK_IS(event->kind, MOTE_MQTT_ENDED);
    of->ends++;
    of->status = event->status;
    of->reason = event->reason;
    of->reasons = event->reasons.len;
    scene_within(event);
}

static scene_operation *scene_place(void)
{
    if (scene.count == SCENE_OPERATIONS) return NULL;
    return &scene.operations[scene.count++];
}

static const mote_mqtt_property scene_pairs[] = {
    { MOTE_MQTT_PROPERTY_USER_PROPERTY, 0, MOTE_STR("k"), MOTE_STR("v") },
};

/* Publishes the first `len` bytes of the body, in parts or whole. */
static inline scene_operation *scene_publish(const char *topic, uint8_t qos, uint32_t len, int parts)
{
    mote_mqtt_publish_config config = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = qos, .callback = scene_ended };
    scene_operation *of = scene_place();
    if (of == NULL) return NULL;
    config.topic = bytes(topic);
    config.user = of;
    config.parts = (uint8_t)parts;
    if (parts) config.total = len;
    else config.payload = (mote_bytes){ scene.body, len };
    if (broker.version == 5) config.properties = scene_pairs, config.property_count = 1;
    of->started = mote_mqtt_publish(scene.mqtt, &config, &of->operation) == MOTE_OK;
    return of;
}

static inline scene_operation *scene_request(int subscribe, const char *filter, uint8_t qos, scene_receiver *handler)
{
    mote_mqtt_filter filters[1] = { { bytes(filter), qos, 0, 0, 0, 0 } };
    mote_mqtt_subscribe_config config = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = filters, .filter_count = 1, .callback = scene_ended };
    scene_operation *of = scene_place();
    if (of == NULL) return NULL;
    config.user = of;
    if (handler != NULL) config.handler = scene_handler, config.handler_user = handler;
    of->started = (subscribe ? mote_mqtt_subscribe : mote_mqtt_unsubscribe)(scene.mqtt, &config, &of->operation) == MOTE_OK;
    return of;
}

/* The config of all scenes; without a node. */
static mote_mqtt_config scene_config(uint8_t version)
{
    return (mote_mqtt_config){
        MOTE_MQTT_CONFIG_INIT,
        .host = MOTE_STR("fd00::9"),
        .client_id = MOTE_STR("scene"),
        .version = version,
        .keep_alive = MOTE_MQTT_NO_KEEP_ALIVE,
        .session_expiry = version == MOTE_MQTT_V5 ? 3600 : 0,
        .reconnect_initial = 100,
        .reconnect_ceiling = 1000,
        .callback = scene_event,
    };
}

/* A node and a client that is not connected, which know what the store holds; whether there are. */
static int scene_restart(const mote_mqtt_config *given)
{
    mote_node_config node = { MOTE_NODE_CONFIG_INIT };
    mote_mqtt_config config = *given;
    void (*within)(const mote_mqtt_event *event) = scene.within;
    memset(&scene, 0, sizeof scene);
    scene.within = within;
    for (unsigned i = 0; i < SCENE_LONG; i++) scene.body[i] = (uint8_t)(i * 7 + (i >> 8));
    scene.port = stream_port();
    node.port = &scene.port;
    if (mote_node_init(scene.node_memory, sizeof scene.node_memory, &node, &scene.node) != MOTE_OK) return 0;
    config.node = scene.node;
    if (mote_mqtt_init(scene.mqtt_memory, sizeof scene.mqtt_memory, &config, &scene.mqtt) == MOTE_OK) return 1;
    CHECK_IS(mote_node_close(scene.node), MOTE_OK);
    scene.node = NULL;
    return 0;
}

/* The same in a world that begins anew. */
static int scene_init(const mote_mqtt_config *given)
{
    memory_reset(0);
    broker_reset(given->version);
    return scene_restart(given);
}

/* Lets node and broker run for so many milliseconds of their time. What waits in a connection is tried again, for no readiness is
 * reported, but not without end. */
static void scene_run(uint64_t limit)
{
    uint64_t end = memory.now + limit;
    unsigned waited = 0;
    while (memory.now < end) {
        unsigned moved = stream.moved;
        uint64_t next = end, deadline = UINT64_MAX;
        broker_turn();
        if (mote_node_poll(scene.node) != MOTE_OK || mote_node_next_deadline(scene.node, &deadline) != MOTE_OK) {
            CHECK(0);
            return;
        }
        if (stream.moved != moved) continue;
        if (stream_waiting()) next = memory.now + (++waited < 100 ? 1 : 100);
        if (deadline < next) next = deadline;
        memory.now = next > memory.now ? next : memory.now + 1;
    }
}

/* Closes what is open, and looks whether every operation ended exactly once and every socket was given back; how many succeeded. */
static unsigned scene_close(void)
{
    unsigned succeeded = 0;
    mote_status status = mote_mqtt_close(scene.mqtt);
    CHECK_IS(status, scene.closed ? MOTE_ERR_STALE : MOTE_OK);
    CHECK_IS(mote_mqtt_close(scene.mqtt), MOTE_ERR_STALE);
    for (unsigned i = 0; i < scene.count; i++) {
        const scene_operation *of = &scene.operations[i];
        CHECK_IS(of->ends, of->started);
        succeeded += of->started && of->status == MOTE_OK;
    }
    CHECK_IS(mote_node_poll(scene.node), MOTE_OK);
    CHECK_IS(mote_node_close(scene.node), MOTE_OK);
    for (unsigned i = 0; i < STREAM_SOCKETS; i++) CHECK_IS(stream.sockets[i].open, 0);
    return succeeded;
}
#endif
