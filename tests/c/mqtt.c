/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MQTT through the C ABI in both versions, against a broker in memory. */
#include "mqtt_hostile.h"

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

/* The server says no: for good, or so that it is worth trying again. */
static void refused(uint8_t version)
{
    mote_mqtt_config config = scene_config(version);
    scene_operation *of;
    CHECK(scene_init(&config));
    broker.refuse = version == MOTE_MQTT_V5 ? 0x87 : 5;
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    of = scene_publish("a", 1, 3, 0);
    scene_run(100000);
    CHECK(broker.connects == 1 && scene.connected == 0 && scene.disconnected == 1);
    CHECK(scene.status == MOTE_ERR_REFUSED && scene.reason == broker.refuse && scene.retry_after == MOTE_MQTT_NO_RETRY);
    broker.refuse = version == MOTE_MQTT_V5 ? 0x88 : 3; /* unavailable */
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(5000);
    CHECK(broker.connects > 3 && scene.status == MOTE_ERR_REFUSED && scene.retry_after <= 1000);
    CHECK_IS(of->ends, 0);
    broker.refuse = 0;
    stream.refuse = MOTE_ERR_REFUSED;
    scene_run(5000);
    CHECK(scene.status == MOTE_ERR_REFUSED && scene.connected == 0);
    stream.refuse = MOTE_OK;
    scene_run(5000);
    CHECK_IS(scene.connected, 1);
    ended_well(of);
    /* A message and a subscription that are refused. */
    broker.suback = 0x80;
    of = scene_request(1, "x", 1, &scene.handlers[0]);
    scene_run(1000);
    CHECK(of->ends == 1 && of->status == MOTE_ERR_REFUSED && of->reason == 0x80);
    if (version == MOTE_MQTT_V5) {
        for (uint8_t qos = 1; qos < 3; qos++) {
            broker.puback = 0x97;
            of = scene_publish("a", qos, 3, 0);
            scene_run(1000);
            CHECK(of->ends == 1 && of->status == MOTE_ERR_REFUSED && of->reason == 0x97);
        }
        CHECK_IS(broker.releases, 0);
    }
    CHECK_IS(broker.faults, 0);
    scene_close();

    config.reconnect_tries = MOTE_MQTT_NO_RECONNECT;
    CHECK(scene_init(&config));
    stream.refuse = MOTE_ERR_UNREACHABLE;
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(100000);
    CHECK(scene.disconnected == 1 && stream.opened == 1 && scene.retry_after == MOTE_MQTT_NO_RETRY);
    scene_close();

    for (uint8_t tries = 1; tries <= 3; tries++) {
        config.reconnect_tries = tries;
        CHECK(scene_init(&config));
        stream.refuse = MOTE_ERR_UNREACHABLE;
        CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
        scene_run(100000);
        CHECK(scene.disconnected == 1u + tries && stream.opened == 1u + tries && scene.retry_after == MOTE_MQTT_NO_RETRY);
        scene_close();
    }
}

/* The connection breaks with everything under way, the server keeps the session; then once more, and it does not. */
static void resumed(uint8_t version)
{
    scene_operation *of[4];
    mote_mqtt_statistics statistics = { MOTE_MQTT_STATISTICS_INIT };
    uint8_t connected = 9;
    if (!start(version)) return;
    ended_well((of[0] = scene_request(1, "s/#", 2, &scene.handlers[0]), scene_run(1000), of[0]));
    ended_well((of[0] = scene_request(1, "t/#", 2, &scene.handlers[1]), scene_run(1000), of[0]));
    broker.no_acks = 1;
    of[0] = scene_publish("a", 1, 10, 0);
    of[1] = scene_publish("b", 2, 11, 0);
    of[2] = scene_publish("c", 1, SCENE_LONG, 1);
    scene_run(1000);
    CHECK(broker.published[1] == 2 && broker.published[2] == 1 && broker.repeated == 0);
    CHECK(mote_mqtt_get_statistics(scene.mqtt, &statistics) == MOTE_OK && statistics.pending == 3);
    CHECK_IS(mote_mqtt_cancel(scene.mqtt, of[0]->operation), MOTE_ERR_STATE);
    /* Half a message is there when it breaks: the rest will not come. */
    broker_publish("s/1", 1, scene.body, SCENE_LONG, NULL, 0);
    stream_peer()->down.len = 1500;
    scene_run(1);
    CHECK(scene.handlers[0].messages == 1 && scene.handlers[0].whole == 0);
    broker_end(stream_peer(), MOTE_ERR_RESET);
    broker.no_acks = 0;
    stream.refuse = MOTE_ERR_REFUSED;
    scene_run(1000);
    CHECK(scene.disconnected >= 1 && scene.retry_after <= 1000 && scene.handlers[0].aborted == 1);
    CHECK(mote_mqtt_is_connected(scene.mqtt, &connected) == MOTE_OK && connected == 0);
    of[3] = scene_publish("d", 0, 4, 0); /* waits; and so does one that is given up */
    CHECK(of[3]->started && of[3]->operation != 0 && of[3]->ends == 0);
    scene_publish("e", 1, 4, 0);
    CHECK_IS(mote_mqtt_cancel(scene.mqtt, scene.operations[scene.count - 1].operation), MOTE_OK);
    scene_run(10);
    CHECK(scene.operations[scene.count - 1].ends == 1 && scene.operations[scene.count - 1].status == MOTE_ERR_CANCELLED);
    stream.refuse = MOTE_OK;
    scene_run(5000);
    CHECK(scene.connected == 2 && scene.present == 1 && broker.repeated == 3 && broker.subscribes == 2);
    for (unsigned i = 0; i < 4; i++) ended_well(of[i]);
    CHECK(broker.distinct == 1 && broker.releases == 1);
    CHECK(mote_mqtt_get_statistics(scene.mqtt, &statistics) == MOTE_OK);
    CHECK(statistics.repeated == 3 && statistics.connections == 2 && statistics.pending == 0);
    broker_publish("s/1", 1, scene.body, SCENE_LONG, NULL, 0);
    scene_run(1000);
    CHECK(scene.handlers[0].whole == 1 && scene.handlers[0].wrong == 0 && broker.acks == 1);

    /* The server has forgotten everything: subscriptions are made again, what was unacknowledged is published anew. */
    broker.no_acks = 1;
    of[0] = scene_publish("a", 1, 10, 0);
    scene_run(100);
    broker_end(stream_peer(), MOTE_ERR_CLOSED);
    broker.forget = 1;
    broker.no_acks = 0;
    scene_run(5000);
    CHECK(scene.connected == 3 && scene.present == 1);
    CHECK(broker.filters == 4 && scene.unsubscribed == 0);
    /* 3.1.1 repeats with DUP whatever the server has; to a server of 5.0 it is a new message. */
    CHECK_IS(broker.repeated, version == MOTE_MQTT_V5 ? 3 : 4);
    ended_well(of[0]);
    broker_publish("t/1", 0, scene.body, 3, NULL, 0);
    scene_run(10);
    CHECK_IS(scene.handlers[1].whole, 1);
    /* And once more, but now it does not grant them. */
    broker.suback = 0x80;
    broker_end(stream_peer(), MOTE_ERR_CLOSED);
    scene_run(5000);
    CHECK(scene.connected == 4 && scene.unsubscribed == 2);
    broker_publish("t/1", 0, scene.body, 3, NULL, 0);
    scene_run(10);
    CHECK(scene.handlers[1].whole == 1 && scene.others.whole == 1);
    CHECK_IS(broker.faults, 0);
    scene_close();
}

static void keep_alive(uint8_t version)
{
    mote_mqtt_config config = scene_config(version);
    int v5 = version == MOTE_MQTT_V5;
    config.keep_alive = 10;
    CHECK(scene_init(&config));
    broker.server_keep_alive = 20;
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(61000);
    CHECK_IS(broker.keep_alive, 10);
    CHECK_IS(broker.pings, v5 ? 3 : 6);
    CHECK_IS(scene.disconnected, 0);
    broker.no_pings = 1;
    scene_run(v5 ? 39000 : 29000);
    CHECK_IS(scene.disconnected, 0);
    broker.no_pings = 0;
    scene_run(5000);
    CHECK(scene.disconnected == 1 && scene.status == MOTE_ERR_TIMEOUT && scene.connected == 2 && scene.present == 1);
    CHECK_IS(broker.faults, 0);
    scene_close();
}

static void deferred(uint8_t version)
{
    mote_mqtt_config config = scene_config(version);
    scene_operation *of;
    config.options = MOTE_MQTT_DEFERRED;
    CHECK(scene_init(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    ended_well((of = scene_request(1, "s/1", 2, &scene.handlers[0]), scene_run(1000), of));
    ended_well((of = scene_request(1, "s/2", 2, &scene.handlers[1]), scene_run(1000), of));
    for (uint8_t qos = 1; qos < 3; qos++) {
        mote_mqtt_token *tokens = scene.handlers[qos - 1].tokens;
        char topic[] = { 's', '/', (char)('0' + qos), 0 };
        unsigned *answers = qos == 1 ? &broker.acks : &broker.receives;
        uint16_t first = broker_publish(topic, qos, scene.body, 3, NULL, 0);
        broker_publish(topic, qos, scene.body, 4, NULL, 0);
        scene_run(1000);
        CHECK(scene.handlers[qos - 1].whole == 2 && *answers == 0);
        /* They leave in the order in which the messages came. */
        CHECK_IS(mote_mqtt_acknowledge(scene.mqtt, tokens[1], 0), MOTE_OK);
        CHECK_IS(mote_mqtt_acknowledge(scene.mqtt, tokens[1], 0), MOTE_ERR_STALE);
        scene_run(100);
        CHECK_IS(*answers, 0);
        CHECK_IS(mote_mqtt_acknowledge(scene.mqtt, tokens[0], 0x7f), MOTE_ERR_INVALID);
        CHECK_IS(mote_mqtt_acknowledge(scene.mqtt, tokens[0], 0), MOTE_OK);
        scene_run(100);
        CHECK(*answers == 2 && broker.last_ack == first + 1);
        for (unsigned i = 0; i < 2; i++) CHECK_IS(mote_mqtt_acknowledge(scene.mqtt, tokens[i], 0), MOTE_ERR_STALE);
    }
    CHECK_IS(broker.completes, 2);
    CHECK_IS(mote_mqtt_acknowledge(scene.mqtt, 0, 0), MOTE_ERR_STALE);
    /* Whose connection is gone cannot be acknowledged any more. */
    broker_publish("s/1", 1, scene.body, 3, NULL, 0);
    scene_run(100);
    broker_end(stream_peer(), MOTE_ERR_CLOSED);
    scene_run(5000);
    CHECK_IS(mote_mqtt_acknowledge(scene.mqtt, scene.handlers[0].tokens[2], 0), MOTE_ERR_STALE);
    CHECK_IS(broker.faults, 0);
    scene_close();
}

static void authentication(void)
{
    static const mote_mqtt_property method[] = { { MOTE_MQTT_PROPERTY_AUTHENTICATION_METHOD, 0, MOTE_STR("who"), { NULL, 0 } } };
    static const mote_mqtt_will will = { MOTE_MQTT_WILL_INIT, .qos = 1, .topic = MOTE_STR("gone"), .payload = MOTE_STR("!") };
    mote_mqtt_config config = scene_config(MOTE_MQTT_V5);
    config.properties = method;
    config.property_count = 1;
    config.will = &will;
    config.user_name = bytes("me");
    config.password = bytes("secret");
    CHECK(scene_init(&config));
    broker.challenge = 1;
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(1000);
    CHECK(scene.authenticated == 1 && broker.auths == 1 && broker.wills == 1 && scene.connected == 1);
    CHECK_IS(broker.faults, 0);
    scene_close();
}

/* What is closed, ended or was never there is named so. */
static void stale(uint8_t version)
{
    mote_mqtt_publish_config message = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = 1, .topic = MOTE_STR("a") };
    mote_mqtt_filter filters[1] = { { MOTE_STR("a"), 0, 0, 0, 0, 0 } };
    mote_mqtt_subscribe_config request = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = filters, .filter_count = 1 };
    mote_mqtt_statistics statistics = { MOTE_MQTT_STATISTICS_INIT };
    mote_mqtt_operation operation = 0;
    mote_bytes id;
    mote_mqtt *mqtt;
    size_t taken;
    uint8_t connected;
    if (!start(version)) return;
    mqtt = scene.mqtt;
    CHECK_IS(mote_node_close(scene.node), MOTE_ERR_STATE); /* a client is attached */
    CHECK_IS(mote_mqtt_cancel(mqtt, 0), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_cancel(mqtt, 12345), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_publish_chunk(mqtt, 12345, bytes("x"), &taken), MOTE_ERR_STATE);
    CHECK_IS(mote_mqtt_acknowledge(mqtt, 12345, 0), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_authenticate(mqtt, 0x18, bytes("x")), MOTE_ERR_INVALID);
    message.topic = bytes("a/#");
    CHECK_IS(mote_mqtt_publish(mqtt, &message, &operation), MOTE_ERR_INVALID);
    message.topic = bytes("a");
    filters[0].filter = bytes("a#");
    CHECK_IS(mote_mqtt_subscribe(mqtt, &request, &operation), MOTE_ERR_INVALID);
    filters[0].filter = bytes("a");
    CHECK_IS(operation, 0);
    /* Full: refused, and what was taken ends. */
    for (unsigned i = 0; i < 64; i++) {
        mote_mqtt_operation one = 0;
        mote_status status = mote_mqtt_publish(mqtt, &message, &one);
        if (status != MOTE_OK) CHECK(status == MOTE_ERR_FULL && one == 0);
        (void)scene_publish("b", 2, 40, 0);
    }
    {
        unsigned started = 0;
        for (unsigned i = 0; i < scene.count; i++) started += (unsigned)scene.operations[i].started;
        CHECK(started > 4 && started < 64);
    }
    scene.closed = 1;
    CHECK_IS(mote_mqtt_close(mqtt), MOTE_OK);
    CHECK_IS(mote_mqtt_close(mqtt), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_connect(mqtt), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_disconnect(mqtt, 0, NULL, 0), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_publish(mqtt, &message, &operation), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_publish_chunk(mqtt, 1, bytes("x"), &taken), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_subscribe(mqtt, &request, &operation), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_unsubscribe(mqtt, &request, &operation), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_cancel(mqtt, 1), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_acknowledge(mqtt, 1, 0), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_authenticate(mqtt, 0x18, bytes("x")), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_is_connected(mqtt, &connected), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_client_id(mqtt, &id), MOTE_ERR_STALE);
    CHECK_IS(mote_mqtt_get_statistics(mqtt, &statistics), MOTE_ERR_STALE);
    scene_close();
}

static void matching(void)
{
    CHECK_IS(mote_mqtt_topic_matches(bytes("a/+/c"), bytes("a/b/c")), MOTE_OK);
    CHECK_IS(mote_mqtt_topic_matches(bytes("a/#"), bytes("a")), MOTE_OK);
    CHECK_IS(mote_mqtt_topic_matches(bytes("#"), bytes("$SYS/x")), MOTE_ERR_NOT_FOUND);
    CHECK_IS(mote_mqtt_topic_matches(bytes("$share/g/a/+"), bytes("a/b")), MOTE_OK);
    CHECK_IS(mote_mqtt_topic_matches(bytes("a#"), bytes("a")), MOTE_ERR_INVALID);
    CHECK_IS(mote_mqtt_topic_matches(bytes("a"), bytes("a/+")), MOTE_ERR_INVALID);
}

/* A peer that does not read: the queue fills, calls are refused, and once it reads again everything that was taken arrives, in order. */
static void back_pressure(uint8_t version)
{
    unsigned started = 0, refused_calls = 0, first;
    if (!start(version)) return;
    broker.deaf = 1;
    for (unsigned i = 0; i < 60; i++) {
        scene_operation *of = scene_publish("deaf", (uint8_t)(i < 3 ? i : 0), 400, 0);
        started += (unsigned)of->started;
        refused_calls += !of->started;
        if (i % 8 == 0) scene_run(10);
    }
    CHECK(started > 10 && refused_calls > 10);
    first = broker.published[0] + broker.published[1] + broker.published[2];
    CHECK_IS(first, 0);
    scene_run(1000);
    broker.deaf = 0;
    scene_run(1000);
    CHECK_IS(broker.published[0] + broker.published[1] + broker.published[2], started);
    CHECK_IS(broker.distinct, broker.published[2]);
    for (unsigned i = 0; i < scene.count; i++) {
        if (scene.operations[i].started) ended_well(&scene.operations[i]);
    }
    CHECK(scene.disconnected == 0 && broker.faults == 0);
    scene_close();
}

/* Topic aliases of the server, and subscription identifiers that say which of two subscriptions a copy is for. */
static void aliases_and_identifiers(void)
{
    static const uint8_t alias[] = { 35, 0, 3 }, unset[] = { 35, 0, 4 }, large[] = { 35, 0, 6 }, one[] = { 11, 1 }, two[] = { 11, 2 }, both[] = { 11, 2, 11, 1 };
    mote_mqtt_config config = scene_config(MOTE_MQTT_V5);
    config.topic_alias_maximum = 5;
    CHECK(scene_init(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(100);
    for (unsigned i = 0; i < 2; i++) {
        mote_mqtt_property identifier = { MOTE_MQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER, i + 1, { NULL, 0 }, { NULL, 0 } };
        mote_mqtt_filter filters[1] = { { MOTE_STR("s/#"), 0, 0, 0, 0, 0 } };
        mote_mqtt_subscribe_config request = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = filters, .filter_count = 1, .properties = &identifier,
                                               .property_count = 1, .handler = scene_handler, .handler_user = &scene.handlers[i] };
        scene_operation *of = scene_place();
        if (i == 1) filters[0].filter = bytes("s/+");
        request.callback = scene_ended;
        request.user = of;
        of->started = mote_mqtt_subscribe(scene.mqtt, &request, &of->operation) == MOTE_OK;
        scene_run(100);
        ended_well(of);
    }
    broker_publish("s/1", 0, scene.body, 3, one, sizeof one);
    broker_publish("s/1", 0, scene.body, 3, two, sizeof two);
    scene_run(100);
    CHECK(scene.handlers[0].whole == 1 && scene.handlers[1].whole == 1);
    broker_publish("s/1", 0, scene.body, 3, both, sizeof both);
    scene_run(100);
    CHECK(scene.handlers[0].whole == 2 && scene.handlers[1].whole == 2 && scene.others.messages == 0);
    broker_publish("elsewhere", 0, scene.body, 3, alias, sizeof alias);
    broker_publish("", 0, scene.body, SCENE_LONG, alias, sizeof alias);
    scene.others.topic_len = 0;
    scene_run(100);
    CHECK(scene.others.whole == 2 && scene.others.topic_len == 9 && memcmp(scene.others.topic, "elsewhere", 9) == 0);
    /* One that was never set, and one that is not allowed. */
    broker_publish("", 0, scene.body, 3, unset, sizeof unset);
    scene_run(100);
    CHECK(scene.others.whole == 2 && scene.disconnected == 1 && broker.disconnects == 1 && broker.last_reason == 0x82 && scene.reason == 0x82);
    scene_run(3000);
    broker_publish("s/1", 0, scene.body, 3, large, sizeof large);
    scene_run(100);
    CHECK(scene.connected >= 2 && scene.disconnected == 2 && broker.last_reason == 0x94 && scene.reason == 0x94);
    CHECK_IS(broker.faults, 0);
    scene_close();
}

/* Without a connection the queue fills: the newest is refused, or an old message of QoS 0 is given up for it. */
static void offline(uint8_t version)
{
    for (unsigned drop = 0; drop < 2; drop++) {
        mote_mqtt_config config = scene_config(version);
        unsigned started = 0, given_up = 0;
        config.options = drop ? MOTE_MQTT_DROP_OLDEST : 0;
        config.operations = 64;
        CHECK(scene_init(&config));
        for (unsigned i = 0; i < 40; i++) {
            scene_operation *of = scene_publish("offline", 0, 100, 0);
            started += (unsigned)of->started;
            scene_run(1);
        }
        for (unsigned i = 0; i < scene.count; i++) given_up += scene.operations[i].ends == 1 && scene.operations[i].status == MOTE_ERR_FULL;
        if (drop) CHECK(started == 40 && given_up > 20);
        else CHECK(started > 10 && started < 20 && given_up == 0);
        CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
        scene_run(1000);
        CHECK_IS(broker.published[0], started - given_up);
        CHECK_IS(broker.faults, 0);
        CHECK_IS(scene_close(), started - given_up);
    }
}

typedef struct {
    mote_mqtt_config known;
    uint32_t brand_new;
} later_config;

/* The block: what mote_mqtt_size says suffices at any alignment and is not exceeded; configs of older and newer headers. */
static void storage(uint8_t version)
{
    static uint8_t block[MOTE_MQTT_MEM + 512];
    mote_mqtt_config config = { MOTE_MQTT_CONFIG_INIT, .version = version };
    later_config later = { { .size = (uint32_t)sizeof(later_config), .version = version }, 0 };
    mote_node_config node = { MOTE_NODE_CONFIG_INIT };
    mote_port port;
    size_t size = 0, other = 0;
    config.host = later.known.host = bytes("fd00::9");
    config.client_id = later.known.client_id = bytes("scene");
    CHECK_IS(mote_mqtt_size(&config, &size), MOTE_OK);
    CHECK(size <= MOTE_MQTT_MEM && 2 * size > MOTE_MQTT_MEM);
    config.size = (uint32_t)offsetof(mote_mqtt_config, queue);
    config.queue = 60000;
    CHECK_IS(mote_mqtt_size(&config, &other), MOTE_OK);
    CHECK_IS(other, size);
    config.size = (uint32_t)sizeof config;
    CHECK(mote_mqtt_size(&config, &other) == MOTE_OK && other > size + 50000);
    config.queue = 0;
    CHECK_IS(mote_mqtt_size(&later.known, &other), MOTE_OK);
    CHECK_IS(other, size);
    later.brand_new = 1;
    CHECK_IS(mote_mqtt_size(&later.known, &other), MOTE_ERR_VERSION);
    config.version = 3;
    CHECK(mote_mqtt_size(&config, &other) < 0);
    config.version = version;

    memory_reset(0);
    broker_reset(version);
    port = stream_port();
    node.port = &port;
    CHECK_IS(mote_node_init(scene.node_memory, sizeof scene.node_memory, &node, &config.node), MOTE_OK);
    for (unsigned shift = 0; shift < 8; shift++) {
        mote_mqtt *mqtt = NULL;
        memset(block, 0xEE, sizeof block);
        CHECK_IS(mote_mqtt_init(block + shift, size, &config, &mqtt), MOTE_OK);
        CHECK_IS(mote_mqtt_connect(mqtt), MOTE_OK);
        CHECK_IS(mote_node_poll(config.node), MOTE_OK);
        CHECK_IS(mote_mqtt_close(mqtt), MOTE_OK);
        for (size_t i = 0; i < sizeof block; i++) {
            if (i < shift || i >= shift + size) CHECK(block[i] == 0xEE);
        }
        mqtt = NULL;
        CHECK_IS(mote_mqtt_init(block + shift, size - 16, &config, &mqtt), MOTE_ERR_NO_MEMORY);
        CHECK(mqtt == NULL);
    }
    CHECK_IS(mote_node_close(config.node), MOTE_OK);
}

/* What is in flight survives the client with the store: it is closed in the midst of everything, and another goes on. */
static void restarted(uint8_t version)
{
    mote_mqtt_config config = scene_config(version);
    config.store_owner = 7;
    CHECK(scene_init(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(1000);
    broker.no_acks = 1;
    scene_publish("a", 1, 10, 0);
    scene_publish("b", 2, 11, 0);
    scene_publish("c", 0, 12, 0);
    scene_run(1000);
    CHECK_IS(scene_close(), 1);
    CHECK(scene.operations[0].status == MOTE_ERR_CLOSED && scene.operations[1].status == MOTE_ERR_CLOSED);
    broker.no_acks = 0;
    CHECK(scene_restart(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(1000);
    CHECK(scene.connected == 1 && scene.present == 1 && scene.earlier == 2);
    CHECK(broker.published[0] == 1 && broker.published[1] == 2 && broker.published[2] == 2 && broker.repeated == 2);
    CHECK(broker.distinct == 1 && broker.releases == 1 && broker.faults == 0);
    scene_close();
    CHECK(scene_restart(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(1000);
    CHECK(scene.connected == 1 && scene.earlier == 0 && broker.repeated == 2);
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
        refused(version);
        resumed(version);
        keep_alive(version);
        deferred(version);
        stale(version);
        back_pressure(version);
        offline(version);
        storage(version);
        restarted(version);
        inside_callbacks(version);
        port_faults(version);
        hostile_owner = 7;
        port_faults(version);
        hostile_owner = 0;
    }
    authentication();
    aliases_and_identifiers();
    matching();
    return outcome("mqtt");
}
