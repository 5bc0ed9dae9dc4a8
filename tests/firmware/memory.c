/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the objects take of RAM on this processor, as rows of a Markdown table: all of it is the application's own block. */
#include "board.h"
#include "memory_port.h"

static int faults;

static void row(const char *what, mote_status status, size_t bytes, size_t most)
{
    board_print("| ");
    board_print(what);
    board_print(" | ");
    board_number((uint32_t)bytes);
    board_print(" |\n");
    if (status != MOTE_OK || bytes > most) {
        board_print("not so: a size, and within its bound\n");
        faults++;
    }
}

static void node(const char *what, const mote_node_config *config)
{
    size_t bytes = 0;
    mote_status status = mote_node_size(config, &bytes);
    row(what, status, bytes, MOTE_NODE_MEM);
}

static void coap(const char *what, const mote_coap_config *config)
{
    size_t bytes = 0;
    mote_status status = mote_coap_size(config, &bytes);
    row(what, status, bytes, MOTE_COAP_MEM(4, 8, 1152));
}

/* What the messages in the pool have in front of them. */
enum { IN_POOL = 4 };

/* What the C functions keep of a request, beside the engine: its handle, whom to call with what, and its body. */
enum { OF_C = 20 };

/* What one more place in a table takes: the mean of 16. */
static void place(const char *what, const mote_coap_config *fewer, const mote_coap_config *more, size_t in_pool, size_t most)
{
    size_t without = 0, with = 0;
    mote_status status = mote_coap_size(fewer, &without);
    if (status == MOTE_OK) status = mote_coap_size(more, &with);
    row(what, status, (with - without + 15) / 16 + in_pool, most);
}

static void mqtt(const char *what, const mote_mqtt_config *config)
{
    size_t bytes = 0;
    mote_status status = mote_mqtt_size(config, &bytes);
    row(what, status, bytes, MOTE_MQTT_MEM);
}

static void mesh(const char *what, uint16_t neighbours, uint16_t routes)
{
    mote_mesh_config config = { MOTE_MESH_CONFIG_INIT, .eui64 = { 2, 0, 0, 0, 0, 0, 0, 1 }, .neighbours = neighbours, .routes = routes };
    size_t bytes = 0;
    mote_status status = mote_mesh_size(&config, &bytes);
    row(what, status, bytes, 16384);
}

int main(void)
{
    mote_port table = memory_port(0), *port = &table;
    mote_node_config small_node = { MOTE_NODE_CONFIG_INIT, .port = port, .objects = 1, .sources = 1, .receive_size = 256 };
    mote_node_config default_node = { MOTE_NODE_CONFIG_INIT, .port = port };
    mote_node_config stream_node = { MOTE_NODE_CONFIG_INIT, .port = port, .objects = 1, .sources = 2, .receive_size = 16 };
    mote_node_config mesh_node = { MOTE_NODE_CONFIG_INIT, .port = port, .objects = 2, .sources = 1, .receive_size = 16, .radio_frames = 4 };
    mote_coap_config asking = { MOTE_COAP_CONFIG_INIT, .requests = 1, .observers = MOTE_COAP_NONE, .exchanges = 2, .peers = 1,
        .resources = MOTE_COAP_NONE, .transfers = MOTE_COAP_NONE, .message_size = 256, .pool = 256 };
    mote_coap_config answering = { MOTE_COAP_CONFIG_INIT, .requests = MOTE_COAP_NONE, .observers = 4, .exchanges = 4, .peers = 4,
        .resources = 4, .transfers = 1, .message_size = 256, .pool = 768 };
    mote_coap_config all = { MOTE_COAP_CONFIG_INIT };
    mote_coap_config observed = { MOTE_COAP_CONFIG_INIT, .observers = 8 + 16 };
    mote_coap_config asked = { MOTE_COAP_CONFIG_INIT, .exchanges = 8 + 16 };
    mote_coap_config asking_more = { MOTE_COAP_CONFIG_INIT, .requests = 4 + 16 };
    mote_coap_config known = { MOTE_COAP_CONFIG_INIT, .peers = 8 + 16 };
    mote_coap_config offering = { MOTE_COAP_CONFIG_INIT, .resources = 8 + 16 };
    mote_coap_config moving = { MOTE_COAP_CONFIG_INIT, .transfers = 2 + 16 };
    mote_mqtt_config small_mqtt = { MOTE_MQTT_CONFIG_INIT, .host = MOTE_STR("broker"), .queue = 256, .names = 64, .output = 256, .input = 256, .operations = 2, .handlers = 2 };
    mote_mqtt_config default_mqtt = { MOTE_MQTT_CONFIG_INIT, .host = MOTE_STR("broker") };
    board_print("| object | bytes |\n|---|--:|\n");
    node("node for one socket and datagrams of 256 bytes", &small_node);
    node("node of the default config", &default_node);
    node("node for an MQTT client", &stream_node);
    node("node for a mesh", &mesh_node);
    coap("CoAP client: one request, messages of 256 bytes", &asking);
    coap("CoAP server: 4 resources, 4 observers, messages of 256 bytes", &answering);
    coap("CoAP endpoint of the default config: messages of 1,152 bytes", &all);
    place("of it, for each observer", &all, &observed, 0, 64);
    place("of it, for each request of a peer, beyond its message", &all, &asked, IN_POOL, 64);
    place("of it, for each request of ours, beyond its message", &all, &asking_more, IN_POOL, 64 + OF_C);
    place("of it, for each peer", &all, &known, 0, 100);
    place("of it, for each resource", &all, &offering, 0, 64);
    place("of it, for each block-wise transfer of a peer", &all, &moving, 0, 64);
    mqtt("MQTT client: buffers of 256 bytes, 2 operations", &small_mqtt);
    mqtt("MQTT client of the default config", &default_mqtt);
    mesh("mesh: 8 neighbours, no routes (non-storing mode)", 8, MOTE_MESH_NONE);
    mesh("mesh: 16 neighbours, 16 routes", 16, 16);
    board_print(faults ? "FAILED\n" : "passed\n");
    return faults != 0;
}
