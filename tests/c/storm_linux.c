/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A storm over the port of Linux (mote_port_linux), by seed: sockets, connections, look-ups and whole nodes are closed at any time and inside
 * any callback, while datagrams come in batches, are captured, and another thread wakes the nodes. Each operation ends exactly once.
 *
 *     storm_linux             some seeds
 *     storm_linux SEED COUNT  so many from there */
#include "storm/world.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINUX_NODES = 2, ENDPOINTS = 4, STEPS = 250, SEEDS = 8 };

static char directory[] = "/tmp/mote-storm-XXXXXX", capture[64];
static mote_linux_options options[LINUX_NODES];
static mote_port ports[LINUX_NODES];
static uint16_t bound[ENDPOINTS];
static unsigned served, answered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int stopping;

/* Another thread. */
static void *elsewhere(void *unused)
{
    while (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE)) {
        pthread_mutex_lock(&lock);
        for (unsigned i = 0; i < LINUX_NODES; i++) if (nodes[i].open) (void)mote_node_wake(nodes[i].handle);
        pthread_mutex_unlock(&lock);
        nanosleep(&(struct timespec){ 0, 300000 }, NULL);
    }
    return unused;
}

static void make_node(unsigned index)
{
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = &ports[index], .receive_batch = (uint16_t)(1 + below(8)), .send_batch = (uint16_t)below(6) };
    mote_node *made;
    size_t size;
    if (nodes[index].open) return;
    options[index] = (mote_linux_options){ MOTE_LINUX_OPTIONS_INIT, .log_level = MOTE_LOG_ERROR, .spin_us = one_in(4) ? 20 : 0 };
    options[index].store_directory = (mote_bytes){ (const uint8_t *)directory, strlen(directory) };
    if (one_in(2)) options[index].capture_path = (mote_bytes){ (const uint8_t *)capture, strlen(capture) };
    ports[index] = *mote_port_linux();
    ports[index].user = &options[index];
    CHECK_IS(mote_node_size(&config, &size), MOTE_OK);
    CHECK_IS(mote_node_init(object_room(&nodes[index], size), size, &config, &made), MOTE_OK);
    pthread_mutex_lock(&lock);
    object_opened(&nodes[index], NODE, index, made);
    pthread_mutex_unlock(&lock);
    if (one_in(3)) {
        int32_t descriptor;
        CHECK_IS(mote_node_descriptor(made, &descriptor), MOTE_OK);
        CHECK(descriptor > STDERR_FILENO);
    }
}

static void close_node(unsigned index)
{
    if (!nodes[index].open || depth > 0) return;
    pthread_mutex_lock(&lock);
    if (mote_node_close(nodes[index].handle) == MOTE_OK) object_closed(&nodes[index]);
    pthread_mutex_unlock(&lock);
}

static void on_get(void *user, const mote_coap_incoming *incoming)
{
    object *of = user;
    unsigned generation = of->generation;
    static const uint8_t body[2000];
    called_back();
    served++;
    mischief();
    if (of->open && of->generation == generation)
        (void)mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CONTENT, 0, (mote_bytes){ body, one_in(3) ? sizeof body : 5 });
    returning();
}

static const mote_coap_resource_config resource = { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/a"), .get = on_get, .flags = MOTE_COAP_OBSERVABLE };

static void make_coap(unsigned index)
{
    object *of = &coaps[index];
    unsigned on = below(LINUX_NODES);
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT, .node = nodes[on].open ? nodes[on].handle : NULL, .requests = 6 };
    mote_address local;
    mote_coap *made;
    size_t size;
    if (of->open || config.node == NULL) return;
    if (one_in(2)) config.local.ip[15] = 1;
    CHECK_IS(mote_coap_size(&config, &size), MOTE_OK);
    if (mote_coap_init(object_room(of, size), size, &config, &made) != MOTE_OK) return;
    object_opened(of, COAP, on, made);
    CHECK_IS(mote_coap_local_address(made, &local), MOTE_OK);
    bound[index] = local.port;
    CHECK_IS(mote_coap_resource_add(made, &resource, of, NULL), MOTE_OK);
}

static void close_coap(unsigned index)
{
    object *of = &coaps[index];
    unsigned generation = of->generation;
    mote_status status;
    if (!of->open) return;
    driving++;
    status = mote_coap_close(of->handle);
    driving--;
    CHECK(status == MOTE_OK || (depth > 0 && status == MOTE_ERR_STALE));
    if (status == MOTE_OK && of->generation == generation) object_closed(of);
}

static void on_event(void *user, const mote_coap_event *event)
{
    operation *of = user;
    uint32_t sum = digest(event->payload);
    object *owner = of->owner;
    unsigned generation = of->generation;
    called_back();
    heard(of, event->last);
    answered += event->kind == MOTE_COAP_RESPONSE;
    mischief();
    if (owner->open && owner->generation == generation) CHECK_IS(digest(event->payload), sum);
    returning();
}

static void ask(unsigned index)
{
    static const mote_coap_option path = { .number = MOTE_COAP_URI_PATH, .value = MOTE_STR("a") };
    static const mote_coap_params soon = { MOTE_COAP_PARAMS_INIT, .ack_timeout = 20, .max_retransmit = 1 };
    mote_coap_request_config config = { MOTE_COAP_REQUEST_CONFIG_INIT, .callback = on_event, .options = &path, .option_count = 1, .params = &soon };
    operation *of;
    mote_status status;
    uint32_t handle = 0;
    if (!coaps[index].open || (of = begin(&coaps[index], "a request")) == NULL) return;
    config.user = of;
    config.observe = one_in(4);
    config.non_confirmable = one_in(3);
    config.remote.ip[15] = 1;
    /* Some ports are those of endpoints that were closed. */
    config.remote.port = bound[below(ENDPOINTS)];
    if (one_in(4)) memcpy(config.remote.ip + 10, "\xff\xff\x7f\0\0\1", 6);
    status = config.remote.port == 0 ? MOTE_ERR_INVALID : mote_coap_start(coaps[index].handle, &config, &handle);
    begun(of, status, handle);
}

static struct {
    block memory;
    mote_lookup *handle;
    operation *of;
} lookups[3];

static void on_address(void *user, mote_status status, const mote_address *addresses, size_t count)
{
    unsigned which = (unsigned)(uintptr_t)user;
    called_back();
    CHECK((status == MOTE_OK) == (count > 0));
    (void)addresses;
    heard(lookups[which].of, 1);
    if (one_in(2)) block_free(&lookups[which].memory);
    mischief();
    returning();
}

static void look_up(unsigned which)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "nobody.invalid", "ip6-localhost" };
    const char *name = names[below(4)];
    unsigned on = below(LINUX_NODES);
    mote_status status;
    if (lookups[which].of != NULL && !lookups[which].of->ended) {
        CHECK_IS(mote_lookup_cancel(lookups[which].handle), MOTE_OK);
        lookups[which].of->ended = 1;
        return;
    }
    if (!nodes[on].open || (lookups[which].of = begin(&nodes[on], "a look-up")) == NULL) return;
    block_take(&lookups[which].memory, MOTE_LOOKUP_MEM);
    status = mote_lookup_start(block_start(&lookups[which].memory), MOTE_LOOKUP_MEM, nodes[on].handle,
                               (mote_bytes){ (const uint8_t *)name, strlen(name) }, 500, on_address, (void *)(uintptr_t)which,
                               &lookups[which].handle);
    begun(lookups[which].of, status, 0);
}

/* A client whose broker is nobody, or an endpoint's port. */
static void make_mqtt(void)
{
    object *of = &mqtts[0];
    unsigned on = below(LINUX_NODES);
    mote_mqtt_config config = { MOTE_MQTT_CONFIG_INIT, .node = nodes[on].open ? nodes[on].handle : NULL, .host = MOTE_STR("localhost"), .port = 1,
                                .reconnect_initial = 1, .reconnect_ceiling = 5, .store_owner = 7 };
    mote_mqtt *made;
    size_t size;
    if (of->open) {
        driving++;
        CHECK_IS(mote_mqtt_close(of->handle), MOTE_OK);
        driving--;
        object_closed(of);
        return;
    }
    if (config.node == NULL) return;
    CHECK_IS(mote_mqtt_size(&config, &size), MOTE_OK);
    if (mote_mqtt_init(object_room(of, size), size, &config, &made) != MOTE_OK) return;
    object_opened(of, MQTT, on, made);
    (void)mote_mqtt_connect(made);
    /* The store brings back what the clients before it left, until it is full. */
    (void)mote_mqtt_publish(made, &(mote_mqtt_publish_config){ MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = 1, .topic = MOTE_STR("t") }, NULL);
}

static void action(void)
{
    switch (below(12)) {
    case 0: make_node(below(LINUX_NODES)); break;
    case 1: if (one_in(10)) close_node(below(LINUX_NODES)); break;
    case 2: case 3: make_coap(below(ENDPOINTS)); break;
    case 4: if (one_in(4)) close_coap(below(ENDPOINTS)); break;
    case 5: if (one_in(3)) look_up(below(3)); break;
    case 6: if (one_in(4)) make_mqtt(); break;
    default: ask(below(ENDPOINTS));
    }
}

static void mischief(void)
{
    if (storm_calm || depth > 3) return;
    for (unsigned count = below(3); count > 0; count--) action();
}

static void drive(uint64_t timeout)
{
    for (unsigned i = 0; i < LINUX_NODES; i++) {
        if (!nodes[i].open) continue;
        driving++;
        CHECK_IS(one_in(3) ? mote_node_poll(nodes[i].handle) : mote_node_run(nodes[i].handle, timeout), MOTE_OK);
        driving--;
    }
}

static void storm(uint64_t seed)
{
    pthread_t thread;
    storm_seed = seed;
    storm_state = seed * 77 + 5;
    storm_calm = stopping = 0;
    operation_count = 0;
    memset(bound, 0, sizeof bound);
    if (pthread_create(&thread, NULL, elsewhere, NULL) != 0) abort();
    for (unsigned i = 0; i < LINUX_NODES; i++) make_node(i);
    for (storm_step = 0; storm_step < STEPS && failures == 0; storm_step++) {
        for (unsigned count = below(6); count > 0; count--) action();
        drive(below(2));
    }
    storm_calm = 1;
    __atomic_store_n(&stopping, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < ENDPOINTS; i++) close_coap(i);
    if (mqtts[0].open) make_mqtt();
    for (unsigned i = 0; i < 3; i++) if (lookups[i].of != NULL && !lookups[i].of->ended) look_up(i);
    for (unsigned i = 0; i < operation_count && failures == 0; i++) CHECK(operations[i].ended);
    for (unsigned i = 0; i < LINUX_NODES && failures == 0; i++) {
        if (!nodes[i].open) continue;
        CHECK_IS(mote_node_close(nodes[i].handle), MOTE_OK);
        object_closed(&nodes[i]);
    }
    for (unsigned i = 0; i < LINUX_NODES; i++) block_free(&nodes[i].memory);
    for (unsigned i = 0; i < ENDPOINTS; i++) block_free(&coaps[i].memory);
    for (unsigned i = 0; i < 3; i++) block_free(&lookups[i].memory), lookups[i].of = NULL;
    block_free(&mqtts[0].memory);
    if (failures != 0) printf("seed %llu, step %u\n", (unsigned long long)seed, storm_step);
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 0, count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : SEEDS;
    char remove[80];
    if (mkdtemp(directory) == NULL) return 1;
    snprintf(capture, sizeof capture, "%s/capture", directory);
    for (uint64_t seed = first; seed < first + count && failures == 0; seed++) storm(seed);
    printf("served %u, answered %u\n", served, answered);
    CHECK(served > 0 && answered > 0);
    snprintf(remove, sizeof remove, "rm -r %s", directory);
    CHECK_IS(system(remove), 0);
    return outcome("storm_linux");
}
