/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MQTT through the C ABI in both versions, against a broker in memory. */
#include "mqtt_scene.h"

static int start(uint8_t version)
{
    mote_mqtt_config config = scene_config(version);
    int ready = scene_init(&config);
    CHECK(ready);
    if (!ready) return 0;
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(1000);
    CHECK(scene.connected == 1 && scene.present == 0 && broker.connects == 1);
    return 1;
}

static void ended_well(const scene_operation *of)
{
    CHECK(of != NULL && of->started == 1 && of->ends == 1);
    if (of != NULL) CHECK_IS(of->status, MOTE_OK);
}

/* Publishing at each QoS, whole and in parts, and a subscription from its beginning to its end. */
static void messages(uint8_t version)
{
    scene_operation *of;
    mote_mqtt_statistics statistics = { MOTE_MQTT_STATISTICS_INIT };
    uint8_t connected = 9;
    mote_bytes id;
    if (!start(version)) return;
    CHECK(mote_mqtt_is_connected(scene.mqtt, &connected) == MOTE_OK && connected == 1);
    CHECK(mote_mqtt_client_id(scene.mqtt, &id) == MOTE_OK && same(id, "scene"));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_ERR_STATE);

    for (uint8_t qos = 0; qos < 3; qos++) {
        of = scene_publish("a/b", qos, 5, 0);
        scene_run(1000);
        ended_well(of);
        CHECK_IS(broker.published[qos], 1);
        CHECK(broker.topic_len == 3 && memcmp(broker.topic, "a/b", 3) == 0);
        CHECK(broker.payload_len == 5 && memcmp(broker.payload, scene.body, 5) == 0);
        if (qos != 0) CHECK_IS(mote_mqtt_cancel(scene.mqtt, of->operation), MOTE_ERR_STALE);
    }
    CHECK(broker.distinct == 1 && broker.releases == 1);
    CHECK_IS(broker.user_properties, version == MOTE_MQTT_V5 ? 3 : 0);

    for (uint8_t qos = 0; qos < 3; qos++) {
        scene.chunk = qos * 100u;
        of = scene_publish("long", qos, SCENE_LONG, 1);
        scene_run(1000);
        ended_well(of);
        CHECK(of->wanted >= (scene.chunk ? SCENE_LONG / scene.chunk : 1));
        CHECK(broker.payload_len == SCENE_LONG && memcmp(broker.payload, scene.body, SCENE_LONG) == 0);
    }

    /* Two that overlap, and one that does not. */
    of = scene_request(1, "s/#", 2, &scene.handlers[0]);
    scene_run(1000);
    ended_well(of);
    CHECK(of->reasons == 1 && of->reason == 2);
    ended_well((of = scene_request(1, "s/+/t", 1, &scene.handlers[1]), scene_run(1000), of));
    ended_well((of = scene_request(1, "other", 1, &scene.handlers[2]), scene_run(1000), of));
    CHECK_IS(broker.subscribes, 3);
    for (uint8_t qos = 0; qos < 3; qos++) {
        scene_receiver *both = scene.handlers;
        int v5 = version == MOTE_MQTT_V5;
        broker_publish("s/1/t", qos, scene.body, 7, scene_user_property, v5 ? sizeof scene_user_property : 0);
        scene_run(1000);
        for (unsigned i = 0; i < 2; i++) {
            CHECK(both[i].messages == qos + 1u && both[i].whole == qos + 1u && both[i].wrong == 0 && both[i].qos == qos);
            CHECK(both[i].topic_len == 5 && memcmp(both[i].topic, "s/1/t", 5) == 0);
            CHECK_IS(both[i].properties, v5 ? 2 * (qos + 1) : 0);
        }
    }
    CHECK(scene.handlers[2].messages == 0 && scene.others.messages == 0);
    CHECK(broker.acks == 1 && broker.receives == 1 && broker.completes == 1);

    /* In parts, for it is larger than the input. */
    broker_publish("s/1", 1, scene.body, SCENE_LONG, NULL, 0);
    broker_publish("nobody", 2, scene.body, SCENE_LONG, NULL, 0);
    scene_run(1000);
    CHECK(scene.handlers[0].whole == 4 && scene.handlers[0].parts > 1 && scene.handlers[0].wrong == 0 && scene.handlers[1].messages == 3);
    CHECK(scene.others.whole == 1 && scene.others.parts > 1 && scene.others.wrong == 0);
    CHECK(broker.acks == 2 && broker.receives == 2);

    ended_well((of = scene_request(0, "s/#", 0, NULL), scene_run(1000), of));
    CHECK_IS(of->reasons, version == MOTE_MQTT_V5 ? 1 : 0);
    CHECK_IS(broker.unsubscribes, 1);
    broker_publish("s/1", 0, scene.body, 1, NULL, 0);
    scene_run(1000);
    CHECK(scene.handlers[0].messages == 4 && scene.others.messages == 2);

    CHECK_IS(mote_mqtt_get_statistics(scene.mqtt, &statistics), MOTE_OK);
    CHECK(statistics.sent == 6 && statistics.received == 6 && statistics.repeated == 0);
    CHECK(statistics.connections == 1 && statistics.pending == 0);

    CHECK_IS(mote_mqtt_disconnect(scene.mqtt, version == MOTE_MQTT_V5 ? 4 : 0, NULL, 0), MOTE_OK);
    scene_run(3000);
    CHECK(broker.disconnects == 1 && broker.last_reason == (version == MOTE_MQTT_V5 ? 4 : 0));
    CHECK(scene.disconnected == 1 && scene.status == MOTE_ERR_CLOSED && scene.retry_after == MOTE_MQTT_NO_RETRY);
    CHECK_IS(mote_mqtt_disconnect(scene.mqtt, 0, NULL, 0), MOTE_ERR_STATE);
    CHECK(mote_mqtt_is_connected(scene.mqtt, &connected) == MOTE_OK && connected == 0);
    CHECK_IS(broker.faults, 0);
    scene_close();
}

int main(void)
{
    static const size_t pieces[] = { 0, 1, 7 };
    for (uint8_t version = MOTE_MQTT_V311; version <= MOTE_MQTT_V5; version++) {
        for (unsigned i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
            stream.piece = pieces[i];
            messages(version);
        }
        stream.piece = 0;
    }
    return outcome("mqtt");
}
