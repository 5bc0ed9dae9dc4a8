/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the examples of the documentation take for granted: objects, and functions of the application. ci/examples.py puts the
 * examples behind this. */
#include "check.h"
#include "mote.h"
#include <stdlib.h>
#include <string.h>

static mote_node *node, *linux_node, *simulated_node, *mesh_node;
static mote_coap *coap, *simulated_coap, *linux_coap;
static mote_coap_request request;
static mote_coap_resource resource;
static mote_mqtt *mqtt, *linux_mqtt;
static mote_mqtt_operation operation;
static mote_mqtt_event message_event;
static const mote_mqtt_event *event = &message_event;
static mote_mesh *mesh;
static mote_air *air;
static mote_sim *sim;
static mote_address address;
static mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, 0 };
static mote_linux_options options = { MOTE_LINUX_OPTIONS_INIT, 0 };
static mote_bytes reading = MOTE_STR("21.5");
static uint8_t memory[1 << 17];
static int properties_seen;

static void on_data(void *user, const mote_coap_event *seen) { (void)user, (void)seen; }
static void get_clock(void *user, const mote_coap_incoming *in) { (void)user, (void)in; }
static void on_address(void *user, mote_status status, const mote_address *found, size_t count) {
    (void)user, (void)status, (void)found, (void)count;
}
static void on_event(void *user, const mote_mqtt_event *seen) { (void)user, (void)seen; }
static void on_done(void *user, const mote_mqtt_event *seen) { (void)user, (void)seen; }
static void on_reading(void *user, const mote_mqtt_event *seen) { (void)user, (void)seen; }
static void look_at(const mote_mqtt_property *property) { (void)property, properties_seen++; }

static mote_node *make_node(const mote_port *port) {
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = port, .radio_frames = 4 };
    mote_node *made = NULL;
    size_t size = 0;
    CHECK_IS(mote_node_size(&config, &size), MOTE_OK);
    CHECK_IS(mote_node_init(malloc(size), size, &config, &made), MOTE_OK);
    return made;
}

/* Makes what there is from the start. */
static void surroundings(void) {
    static uint8_t coap_memory[2][MOTE_COAP_MEM(4, 8, 1152)], mqtt_memory[MOTE_MQTT_MEM];
    const mote_port *port = NULL;
    CHECK_IS(mote_address_parse((mote_bytes)MOTE_STR("fd00::2"), &address), MOTE_OK);
    linux_node = make_node(mote_port_linux());
    CHECK_IS(mote_sim_new(7, &sim), MOTE_OK);
    CHECK_IS(mote_sim_host(sim, &address, &port), MOTE_OK);
    simulated_node = make_node(port);
    mote_air_config air_config = { MOTE_AIR_CONFIG_INIT, .nodes = 2, .seed = 1 };
    CHECK_IS(mote_air_new(&air_config, &air), MOTE_OK);
    mote_coap_config coap_config = { MOTE_COAP_CONFIG_INIT, .node = simulated_node };
    CHECK_IS(mote_coap_init(coap_memory[0], sizeof coap_memory[0], &coap_config, &simulated_coap), MOTE_OK);
    coap_config.node = linux_node;
    CHECK_IS(mote_coap_init(coap_memory[1], sizeof coap_memory[1], &coap_config, &linux_coap), MOTE_OK);
    mote_mqtt_config mqtt_config = { MOTE_MQTT_CONFIG_INIT, .node = linux_node, .host = MOTE_STR("localhost"),
                                     .callback = on_event, .response_topic = MOTE_STR("me/responses"), .requests = 2 };
    CHECK_IS(mote_mqtt_init(mqtt_memory, sizeof mqtt_memory, &mqtt_config, &linux_mqtt), MOTE_OK);
    /* One property: the payload is text. */
    static const uint8_t text[] = { 1, 1 };
    message_event.properties = (mote_bytes){ text, sizeof text };
}

/* Runs an example in its surroundings. */
static void run(const char *name, void (*example)(void)) {
    int before = failures;
    int of_mesh = strncmp(name, "mesh", 4) == 0 || strncmp(name, "mote_mesh", 9) == 0;
    node = linux_node;
    mqtt = linux_mqtt;
    /* What looks names up needs a system that knows them. */
    coap = strcmp(name, "mote_coap_start_by_name") == 0 ? linux_coap : simulated_coap;
    if (of_mesh) {
        const mote_port *port = NULL;
        static uint32_t place;
        CHECK_IS(mote_air_port(air, place++, &port), MOTE_OK);
        mesh_node = node = make_node(port);
    }
    example();
    if (of_mesh) CHECK_IS(mote_mesh_close(mesh), MOTE_OK);
    if (strcmp(name, "mote_mqtt_next_property") == 0) CHECK_IS(properties_seen, 1);
    printf("%s  %s\n", failures == before ? "ok  " : "FAIL", name);
}
