/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests and responses over MQTT 5.0 through the C ABI, against a broker in memory that plays the one who answers. */
#include "mqtt_scene.h"

#define RESPONSES "scene/responses"

/* What the callback of one request was told. */
typedef struct {
    mote_mqtt_request request;
    scene_receiver response;
    unsigned ends;
    mote_status status;
    uint8_t reason;
    int close; /* the client, at this kind of event */
} asked;

static asked asks[8];

static void on_response(void *user, const mote_mqtt_event *event)
{
    asked *of = user;
    CHECK_IS(of->ends, 0);
    CHECK_IS(event->operation, of->request);
    if (event->kind == MOTE_MQTT_ENDED) {
        of->ends++;
        of->status = event->status;
        of->reason = event->reason;
    } else scene_received(&of->response, event);
    if (of->close == (int)event->kind && of->close != 0) {
        scene.closed = 1;
        CHECK_IS(mote_mqtt_close(event->mqtt), MOTE_OK);
    }
}

static mote_mqtt_config requests_config(uint16_t requests)
{
    mote_mqtt_config config = scene_config(MOTE_MQTT_V5);
    config.requests = requests;
    config.response_topic = bytes(RESPONSES);
    config.response_qos = 1;
    return config;
}

static int start(const mote_mqtt_config *config)
{
    memset(asks, 0, sizeof asks);
    int ready = scene_init(config);
    CHECK(ready);
    if (!ready) return 0;
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(1000);
    return 1;
}

static mote_status ask(asked *of, uint8_t qos, uint32_t timeout)
{
    mote_mqtt_publish_config question = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = qos, .callback = on_response, .user = of };
    memset(of, 0, sizeof *of);
    question.topic = bytes("meter/ask");
    question.payload = bytes("?");
    return mote_mqtt_request_start(scene.mqtt, &question, timeout, &of->request);
}

/* A property of the last PUBLISH that came to the broker. */
static mote_mqtt_property asked_with(uint32_t id)
{
    mote_bytes rest = { broker.properties, broker.properties_len };
    mote_mqtt_property property = { 0, 0, { NULL, 0 }, { NULL, 0 } };
    while (mote_mqtt_next_property(&rest, &property) == MOTE_OK)
        if (property.id == id) return property;
    CHECK(0);
    return property;
}

/* Correlation Data as a property, encoded. */
typedef struct {
    uint8_t data[11];
    size_t len;
} correlation;

static correlation correlation_of(void)
{
    mote_mqtt_property found = asked_with(MOTE_MQTT_PROPERTY_CORRELATION_DATA);
    correlation encoded = { { 9, 0, 8 }, 11 };
    CHECK_IS(found.data.len, 8);
    if (found.data.len == 8) memcpy(encoded.data + 3, found.data.ptr, 8);
    return encoded;
}

static void answer(const correlation *to, size_t len)
{
    broker_publish(RESPONSES, 1, scene.body, len, to->data, to->len);
    scene_run(500);
}

static void ended(const asked *of, mote_status status)
{
    CHECK_IS(of->ends, 1);
    CHECK_IS(of->status, status);
}

static void answered(void)
{
    mote_mqtt_config config = requests_config(2);
    correlation first, second, stray;
    if (!start(&config)) return;
    CHECK_IS(ask(&asks[0], 1, 5000), MOTE_OK);
    scene_run(100);
    CHECK(broker.subscribes == 1 && broker.published[1] == 1);
    CHECK(same(asked_with(MOTE_MQTT_PROPERTY_RESPONSE_TOPIC).data, RESPONSES));
    CHECK_IS(asked_with(MOTE_MQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL).number, 5);
    first = correlation_of();
    CHECK_IS(ask(&asks[1], 0, 0), MOTE_OK);
    scene_run(100);
    CHECK_IS(asked_with(MOTE_MQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL).number, 30);
    CHECK(broker.subscribes == 1 && broker.published[0] == 1);
    second = correlation_of();
    CHECK(memcmp(first.data, second.data, first.len) != 0);
    CHECK_IS(ask(&asks[2], 0, 0), MOTE_ERR_FULL);

    /* What is no response to anything that waits goes nowhere, but is acknowledged. */
    stray = first;
    stray.data[3] ^= 1;
    answer(&stray, 3);
    stray.len = 0;
    answer(&stray, SCENE_LONG);
    CHECK(asks[0].response.messages == 0 && asks[1].response.messages == 0 && scene.others.messages == 0 && broker.acks == 2);

    /* The later request is answered first, in parts. */
    answer(&second, SCENE_LONG);
    CHECK(asks[1].response.whole == 1 && asks[1].response.parts > 0 && asks[1].response.wrong == 0);
    ended(&asks[1], MOTE_OK);
    CHECK_IS(asks[0].ends, 0);
    answer(&second, 3);
    answer(&first, 3);
    CHECK(asks[0].response.whole == 1 && asks[0].response.got == 3 && asks[0].response.qos == 1);
    ended(&asks[0], MOTE_OK);
    CHECK_IS(mote_mqtt_request_cancel(scene.mqtt, asks[0].request), MOTE_ERR_STALE);

    /* Their places serve again. */
    CHECK_IS(ask(&asks[2], 2, 1000), MOTE_OK);
    scene_run(100);
    first = correlation_of();
    answer(&first, 0);
    CHECK_IS(asks[2].response.whole, 1);
    ended(&asks[2], MOTE_OK);
    CHECK(broker.subscribes == 1 && broker.faults == 0);
    scene_close();
}

static void unanswered(void)
{
    mote_mqtt_config config = requests_config(4);
    if (!start(&config)) return;
    CHECK_IS(ask(&asks[0], 1, 3000), MOTE_OK);
    scene_run(2900);
    CHECK_IS(asks[0].ends, 0);
    scene_run(200);
    ended(&asks[0], MOTE_ERR_TIMEOUT);

    broker.puback = 0x10; /* nobody listens */
    CHECK_IS(ask(&asks[1], 1, 3000), MOTE_OK);
    scene_run(100);
    ended(&asks[1], MOTE_ERR_NOT_FOUND);
    CHECK_IS(asks[1].reason, 0x10);
    broker.puback = 0x97; /* quota exceeded */
    CHECK_IS(ask(&asks[1], 1, 3000), MOTE_OK);
    scene_run(100);
    ended(&asks[1], MOTE_ERR_REFUSED);
    CHECK_IS(asks[1].reason, 0x97);
    broker.puback = 0;

    CHECK_IS(ask(&asks[2], 1, 3000), MOTE_OK);
    CHECK_IS(mote_mqtt_request_cancel(scene.mqtt, asks[2].request), MOTE_OK);
    CHECK_IS(mote_mqtt_request_cancel(scene.mqtt, asks[2].request), MOTE_ERR_STALE);
    CHECK_IS(asks[2].ends, 0);
    scene_run(100);
    ended(&asks[2], MOTE_ERR_CANCELLED);

    /* Without a connection they wait, and are not sent once nobody waits for them. */
    CHECK_IS(mote_mqtt_disconnect(scene.mqtt, 0, NULL, 0), MOTE_OK);
    scene_run(100);
    unsigned sent = broker.published[1];
    CHECK_IS(ask(&asks[3], 1, 2000), MOTE_OK);
    CHECK_IS(ask(&asks[4], 1, 9000), MOTE_OK);
    scene_run(3000);
    ended(&asks[3], MOTE_ERR_TIMEOUT);
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(1000);
    CHECK_IS(broker.published[1], sent + 1);
    correlation late = correlation_of();
    answer(&late, 3);
    ended(&asks[4], MOTE_OK);

    /* The response comes over the next connection. */
    CHECK_IS(ask(&asks[5], 1, 9000), MOTE_OK);
    scene_run(100);
    late = correlation_of();
    broker_end(stream_peer(), MOTE_ERR_CLOSED);
    scene_run(3000);
    answer(&late, 3);
    ended(&asks[5], MOTE_OK);
    CHECK_IS(broker.faults, 0);
    scene_close();
}

static void refused(void)
{
    static const mote_mqtt_property own[] = { { MOTE_MQTT_PROPERTY_CORRELATION_DATA, 0, MOTE_STR("x"), { NULL, 0 } } };
    mote_mqtt_publish_config question = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .topic = MOTE_STR("t"), .parts = 1, .total = 9 };
    mote_mqtt_config config = requests_config(1);
    mote_mqtt_request request = 7;
    config.version = MOTE_MQTT_V311;
    CHECK(!scene_init(&config));
    config = requests_config(1);
    config.response_topic = bytes("a/+");
    CHECK(!scene_init(&config));
    config = requests_config(1);
    config.response_qos = 3;
    CHECK(!scene_init(&config));
    config = scene_config(MOTE_MQTT_V5);
    if (!start(&config)) return;
    CHECK_IS(ask(&asks[0], 0, 0), MOTE_ERR_UNSUPPORTED);
    scene_close();

    config = requests_config(1);
    config.options = MOTE_MQTT_DEFERRED;
    if (!start(&config)) return;
    CHECK_IS(mote_mqtt_request_start(scene.mqtt, &question, 0, &request), MOTE_ERR_INVALID);
    question.parts = 0, question.total = 0, question.properties = own, question.property_count = 1;
    CHECK_IS(mote_mqtt_request_start(scene.mqtt, &question, 0, &request), MOTE_ERR_INVALID);
    question.property_count = MOTE_MQTT_PROPERTIES;
    CHECK_IS(request, 7);
    /* No subscription, no responses. */
    broker.suback = 0x87;
    CHECK_IS(ask(&asks[0], 1, 9000), MOTE_OK);
    scene_run(500);
    ended(&asks[0], MOTE_ERR_REFUSED);
    broker.suback = 0;
    CHECK_IS(ask(&asks[1], 1, 9000), MOTE_OK);
    scene_run(500);
    CHECK_IS(broker.subscribes, 2);
    /* The application acknowledges its response, nobody else does what is none. */
    correlation given = correlation_of(), stray = { { 0 }, 0 };
    answer(&stray, 3);
    CHECK_IS(broker.acks, 1);
    answer(&given, 3);
    ended(&asks[1], MOTE_OK);
    CHECK_IS(broker.acks, 1);
    CHECK_IS(mote_mqtt_acknowledge(scene.mqtt, asks[1].response.tokens[0], 0), MOTE_OK);
    scene_run(100);
    CHECK(broker.acks == 2 && broker.faults == 0);
    scene_close();
}

/* Whatever happens, each request ends once, and nothing comes after the client was closed. */
static void closed(void)
{
    for (int kind = 0; kind < 3; kind++) {
        mote_mqtt_config config = requests_config(3);
        if (!start(&config)) return;
        for (unsigned i = 0; i < 3; i++) CHECK_IS(ask(&asks[i], (uint8_t)i, 0), MOTE_OK);
        scene_run(100);
        asks[2].close = kind == 1 ? MOTE_MQTT_MESSAGE : kind == 2 ? MOTE_MQTT_ENDED : 0;
        correlation last = correlation_of();
        if (kind == 0) CHECK_IS(mote_mqtt_close(scene.mqtt), MOTE_OK);
        else answer(&last, 3);
        for (unsigned i = 0; i < 3; i++) ended(&asks[i], kind == 2 && i == 2 ? MOTE_OK : MOTE_ERR_CLOSED);
        CHECK_IS(mote_mqtt_request_cancel(scene.mqtt, asks[0].request), MOTE_ERR_STALE);
        scene.closed = 1;
        scene_close();
    }
}

/* Nothing of the node is touched once the last object on it is gone, whatever is still to be told. */
static void on_first(void *user, const mote_mqtt_event *event)
{
    (void)user;
    CHECK_IS(event->status, MOTE_ERR_CLOSED);
    CHECK_IS(mote_node_close(scene.node), MOTE_OK);
    memset(scene.node_memory, 0xff, sizeof scene.node_memory);
}

static void closed_with_its_node(void)
{
    mote_mqtt_publish_config first = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = 1, .topic = MOTE_STR("t"), .callback = on_first };
    mote_mqtt_config config = requests_config(1);
    if (!start(&config)) return;
    CHECK_IS(mote_mqtt_disconnect(scene.mqtt, 0, NULL, 0), MOTE_OK);
    scene_run(100);
    CHECK_IS(mote_mqtt_publish(scene.mqtt, &first, NULL), MOTE_OK);
    CHECK_IS(ask(&asks[0], 1, 0), MOTE_OK);
    CHECK_IS(mote_mqtt_close(scene.mqtt), MOTE_OK);
    ended(&asks[0], MOTE_ERR_CLOSED);
}

/* The client may well be what an application's handler is handed: responses are subscribed to all the same. */
static void on_other(void *user, const mote_mqtt_event *event)
{
    CHECK(user == event->mqtt);
}

static void beside_a_handler(void)
{
    mote_mqtt_filter filter = { MOTE_STR("other"), 1, 0, 0, 0, 0 };
    mote_mqtt_subscribe_config wanted = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = &filter, .filter_count = 1, .handler = on_other };
    mote_mqtt_config config = requests_config(1);
    correlation given;
    if (!start(&config)) return;
    wanted.handler_user = scene.mqtt;
    CHECK_IS(mote_mqtt_subscribe(scene.mqtt, &wanted, NULL), MOTE_OK);
    scene_run(100);
    CHECK_IS(ask(&asks[0], 1, 0), MOTE_OK);
    scene_run(100);
    CHECK_IS(broker.subscribes, 2);
    given = correlation_of();
    answer(&given, 3);
    ended(&asks[0], MOTE_OK);
    scene_close();
}

/* The other side. */
static void on_question(void *user, const mote_mqtt_event *event)
{
    mote_mqtt_publish_config response = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = 1 };
    response.payload = bytes("21.5");
    response.properties = scene_pairs, response.property_count = 1;
    *(mote_status *)user = mote_mqtt_respond(event->mqtt, event, &response, NULL);
}

static void responding(void)
{
    static const uint8_t question[] = { 8, 0, 4, 'm', 'e', '/', 'r', 9, 0, 2, 1, 2 };
    mote_mqtt_config config = scene_config(MOTE_MQTT_V5);
    mote_status status = MOTE_ERR_INVALID;
    mote_mqtt_filter filter = { MOTE_STR("ask"), 1, 0, 0, 0, 0 };
    mote_mqtt_subscribe_config wanted = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = &filter, .filter_count = 1 };
    if (!start(&config)) return;
    wanted.handler = on_question, wanted.handler_user = &status;
    CHECK_IS(mote_mqtt_subscribe(scene.mqtt, &wanted, NULL), MOTE_OK);
    scene_run(100);
    broker_publish("ask", 1, scene.body, 1, NULL, 0);
    scene_run(100);
    CHECK_IS(status, MOTE_ERR_NOT_FOUND);
    broker_publish("ask", 1, scene.body, 1, question, sizeof question);
    scene_run(100);
    CHECK_IS(status, MOTE_OK);
    CHECK(broker.topic_len == 4 && memcmp(broker.topic, "me/r", 4) == 0);
    mote_bytes data = asked_with(MOTE_MQTT_PROPERTY_CORRELATION_DATA).data;
    CHECK(data.len == 2 && data.ptr[0] == 1 && data.ptr[1] == 2);
    CHECK(same(asked_with(MOTE_MQTT_PROPERTY_USER_PROPERTY).data, "k"));
    CHECK(broker.payload_len == 4 && memcmp(broker.payload, "21.5", 4) == 0);
    CHECK_IS(broker.faults, 0);
    scene_close();
}

int main(void)
{
    answered();
    unanswered();
    refused();
    closed();
    closed_with_its_node();
    beside_a_handler();
    responding();
    return outcome("mqtt_requests");
}
