/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What MQTT clients in C need less often: host names, other servers, sessions that were lost, a new authentication, messages that
 * expire in the queue. Against a broker in memory. */
#include "mqtt_scene.h"

/* A resolver in memory: answers when it has been asked so often, or never. */
static struct {
    unsigned started, taken, cancelled, open, patience, silent;
    size_t host_len;
    uint8_t host[64];
    mote_status start, take;
    mote_address addresses[2];
    size_t count;
} resolver;

static mote_status resolver_start(void *state, const uint8_t *host, size_t len, uint32_t token, size_t *query)
{
    (void)state;
    (void)token;
    if (resolver.start != MOTE_OK) return resolver.start;
    resolver.started++;
    resolver.open++;
    resolver.host_len = len < sizeof resolver.host ? len : sizeof resolver.host;
    memcpy(resolver.host, host, resolver.host_len);
    *query = resolver.started;
    stream.moved++;
    return MOTE_OK;
}

static mote_status resolver_take(void *state, size_t query, mote_address *addresses, size_t capacity, size_t *count)
{
    (void)state;
    CHECK_IS(query, resolver.started);
    CHECK(resolver.open == 1 && capacity >= 2);
    if (resolver.silent) return MOTE_ERR_WOULD_BLOCK;
    stream.moved++; /* it is worth asking again */
    if (resolver.patience > 0) {
        resolver.patience--;
        return MOTE_ERR_WOULD_BLOCK;
    }
    resolver.open--;
    resolver.taken++;
    if (resolver.take != MOTE_OK) return resolver.take;
    memcpy(addresses, resolver.addresses, resolver.count * sizeof *addresses);
    *count = resolver.count;
    return MOTE_OK;
}

static void resolver_cancel(void *state, size_t query)
{
    (void)state;
    CHECK_IS(query, resolver.started);
    resolver.open--;
    resolver.cancelled++;
}

static const mote_port_resolver resolver_table = {
    .size = sizeof resolver_table, .start = resolver_start, .take = resolver_take, .cancel = resolver_cancel,
};

static void resolver_reset(void)
{
    memset(&resolver, 0, sizeof resolver);
    resolver.addresses[0] = memory_address(6, 0);
    resolver.count = 1;
    stream.resolver = &resolver_table;
}

/* The broker by its name: the answer may take its time, be an error, or never come. */
static void by_name(uint8_t version)
{
    mote_mqtt_config config = scene_config(version);
    config.host = bytes("broker.example");
    resolver_reset();
    resolver.patience = 3;
    CHECK(scene_init(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(2000);
    CHECK(scene.connected == 1 && resolver.started == 1 && resolver.taken == 1 && resolver.open == 0);
    CHECK(resolver.host_len == 14 && memcmp(resolver.host, "broker.example", 14) == 0);
    CHECK(stream.remote.ip[15] == 7 && stream.remote.port == 1883);
    /* Each connection asks anew: the name may stand for another host by then. */
    resolver.addresses[0] = memory_address(7, 0);
    broker_end(stream_peer(), MOTE_ERR_CLOSED);
    scene_run(3000);
    CHECK(scene.connected == 2 && resolver.started == 2 && stream.remote.ip[15] == 8);
    scene_close();

    /* No such name, and a name that is known later. */
    resolver_reset();
    resolver.take = MOTE_ERR_NOT_FOUND;
    CHECK(scene_init(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(500);
    CHECK(scene.connected == 0 && scene.disconnected >= 1 && scene.status == MOTE_ERR_NOT_FOUND && scene.retry_after != MOTE_MQTT_NO_RETRY);
    resolver.take = MOTE_OK;
    scene_run(3000);
    CHECK_IS(scene.connected, 1);
    scene_close();

    /* An answer that never comes, and one that is waited for when the client is closed. */
    resolver_reset();
    resolver.silent = 1;
    config.connect_timeout = 2000;
    CHECK(scene_init(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(2001);
    CHECK(scene.disconnected == 1 && scene.status == MOTE_ERR_TIMEOUT && resolver.cancelled == 1);
    scene_run(1500);
    CHECK_IS(resolver.started, 2);
    scene_close();
    CHECK(resolver.cancelled == 2 && resolver.open == 0);

    /* A port without a resolver. */
    resolver_reset();
    stream.resolver = NULL;
    CHECK(scene_init(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(100);
    CHECK(scene.disconnected >= 1 && scene.status == MOTE_ERR_UNSUPPORTED);
    scene_close();
}

static uint32_t first_delay;

/* The server refers to another one but once. */
static void refer_once(const mote_mqtt_event *event)
{
    if (event->kind != MOTE_MQTT_DISCONNECTED || scene.disconnected != 1) return;
    first_delay = event->retry_after;
    CHECK(event->status == MOTE_ERR_REFUSED && event->reason == 0x9c);
    broker.refuse = 0;
    broker.reference = NULL;
}

/* A server of 5.0 that refers to another one, in CONNACK and in DISCONNECT. */
static void referred(int follow)
{
    static const uint8_t moved[] = { 0x9d, 10, 28, 0, 7, 'f', 'd', '0', '0', ':', ':', '1' };
    mote_mqtt_config config = scene_config(MOTE_MQTT_V5);
    config.options = follow ? MOTE_MQTT_FOLLOW_SERVER : 0;
    CHECK(scene_init(&config));
    broker.refuse = 0x9c;
    broker.reference = "[fd00::5]:1884";
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene.within = refer_once;
    scene_run(5000);
    scene.within = NULL;
    CHECK(scene.connected == 1 && scene.disconnected == 1);
    CHECK(stream.remote.ip[15] == (follow ? 5 : 9) && stream.remote.port == (follow ? 1884 : 1883));
    if (follow) CHECK_IS(first_delay, 0);

    /* While connected: to an address without a port. */
    broker_send(stream_peer(), 0xe0, moved, sizeof moved);
    scene_run(5000);
    CHECK(scene.connected == 2 && scene.reason == 0x9d);
    CHECK(stream.remote.ip[15] == (follow ? 1 : 9) && stream.remote.port == 1883);

    /* Not round and round. */
    if (follow) {
        unsigned before;
        broker.refuse = 0x9c;
        broker.reference = "fd00::6";
        broker_end(stream_peer(), MOTE_ERR_CLOSED);
        before = stream.opened;
        for (unsigned i = 0; i < 50 && scene.retry_after == 0; i++) scene_run(1);
        scene_run(50);
        CHECK(stream.opened - before < 10);
    }
    CHECK_IS(broker.faults, 0);
    scene_close();
}

/* The server has lost the session: what of a message that was sent and not acknowledged. */
static void session_lost(uint32_t options)
{
    mote_mqtt_config config = scene_config(MOTE_MQTT_V5);
    scene_operation *once, *twice, *unsent;
    config.options = options;
    config.send_maximum = 2;
    CHECK(scene_init(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(100);
    broker.no_acks = 1;
    once = scene_publish("sent", 1, 5, 0);
    twice = scene_publish("sent", 2, 5, 0);
    unsent = scene_publish("unsent", 1, 5, 0);
    scene_run(100);
    CHECK(broker.published[1] == 1 && broker.published[2] == 1);
    broker.no_acks = 0;
    broker.forget = 1;
    broker_end(stream_peer(), MOTE_ERR_RESET);
    scene_run(3000);
    CHECK(scene.connected == 2 && scene.present == 0);
    CHECK(once->ends == 1 && twice->ends == 1 && unsent->ends == 1);
    /* QoS 2 cannot be published again without the risk that it is there twice. */
    CHECK_IS(twice->status, MOTE_ERR_SESSION_LOST);
    CHECK_IS(unsent->status, MOTE_OK);
    CHECK_IS(once->status, options ? MOTE_ERR_SESSION_LOST : MOTE_OK);
    CHECK(broker.published[1] == (options ? 2u : 3u) && broker.published[2] == 1 && broker.repeated == 0);
    CHECK_IS(broker.faults, 0);
    scene_close();
}

/* The client begins an authentication anew, in the midst of its connection. */
static void authenticated_again(void)
{
    static const mote_mqtt_property method[] = { { MOTE_MQTT_PROPERTY_AUTHENTICATION_METHOD, 0, MOTE_STR("who"), { NULL, 0 } } };
    mote_mqtt_config config = scene_config(MOTE_MQTT_V5);
    config.properties = method;
    config.property_count = 1;
    CHECK(scene_init(&config));
    CHECK_IS(mote_mqtt_authenticate(scene.mqtt, 0x19, bytes("new")), MOTE_ERR_STATE);
    broker.challenge = 1;
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(1000);
    CHECK(scene.connected == 1 && scene.authenticated == 1 && broker.auths == 1);
    CHECK_IS(mote_mqtt_authenticate(scene.mqtt, 0, bytes("new")), MOTE_ERR_INVALID);
    CHECK_IS(mote_mqtt_authenticate(scene.mqtt, 0x19, bytes("new")), MOTE_OK);
    scene_run(1000);
    CHECK(scene.authenticated == 2 && broker.auths == 3 && scene.confirmed == 1);
    CHECK(scene.connected == 1 && scene.disconnected == 0);
    CHECK_IS(broker.faults, 0);
    scene_close();

    /* Who connected without a method has none to begin with. */
    config.property_count = 0;
    CHECK(scene_init(&config));
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    scene_run(1000);
    CHECK_IS(mote_mqtt_authenticate(scene.mqtt, 0x19, bytes("new")), MOTE_ERR_INVALID);
    scene_close();
}

static scene_operation *publish_expiring(uint8_t qos, uint32_t seconds)
{
    mote_mqtt_property expiry = { MOTE_MQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL, seconds, { NULL, 0 }, { NULL, 0 } };
    mote_mqtt_publish_config message = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .topic = MOTE_STR("soon"), .payload = MOTE_STR("!"), .qos = qos,
                                         .properties = &expiry, .property_count = 1, .callback = scene_ended };
    scene_operation *of = scene_place();
    message.user = of;
    of->started = mote_mqtt_publish(scene.mqtt, &message, &of->operation) == MOTE_OK;
    CHECK(of->started);
    return of;
}

/* Messages that wait for a connection: one expires, another is sent with what is left of its time. */
static void expiring(uint8_t qos)
{
    mote_mqtt_config config = scene_config(MOTE_MQTT_V5);
    scene_operation *early, *late;
    uint64_t began;
    CHECK(scene_init(&config));
    stream.refuse = MOTE_ERR_REFUSED;
    CHECK_IS(mote_mqtt_connect(scene.mqtt), MOTE_OK);
    early = publish_expiring(qos, 10);
    late = publish_expiring(qos, 100);
    began = memory.now;
    scene_run(9900);
    CHECK(early->ends == 0 && late->ends == 0);
    scene_run(5000);
    CHECK(early->ends == 1 && late->ends == 0);
    CHECK_IS(early->status, MOTE_ERR_TIMEOUT);
    scene_run(25000);
    stream.refuse = MOTE_OK;
    scene_run(3000);
    CHECK(scene.connected == 1 && late->ends == 1 && late->status == MOTE_OK);
    CHECK_IS(broker.published[qos], 1);
    /* It waited for as long as the connection took. */
    CHECK(broker.expiry <= 100 - 39 && broker.expiry >= 100 - (memory.now - began) / 1000 - 2);
    CHECK_IS(broker.faults, 0);
    scene_close();
}

int main(void)
{
    for (uint8_t version = MOTE_MQTT_V311; version <= MOTE_MQTT_V5; version++) by_name(version);
    stream.resolver = NULL;
    for (int follow = 0; follow < 2; follow++) referred(follow);
    session_lost(0);
    session_lost(MOTE_MQTT_NO_REPUBLISH);
    authenticated_again();
    for (uint8_t qos = 0; qos < 3; qos++) expiring(qos);
    return outcome("mqtt_more");
}
