/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One node of the mesh over ZEP, with a CoAP server on it that has a reading, the node's parent and its neighbours. */
#include <unistd.h>
#include "tool-mesh.h"

static const char usage[] =
    "usage: mote-node --zep ADDR:PORT[,...] [OPTION...]\n"
    TOOL_MESH_USAGE
    "  --role ROLE            root, router, leaf or host (router)\n"
    TOOL_ROOT_USAGE("of a root: ")
    "  --reading TEXT         what GET /reading gives; a made-up temperature if not given\n"
    "  -v                     tell what happens\n";

static mote_mesh *mesh;
static mote_node *node;
static const char *reading;
static int verbose;

static void on_event(void *user, const mote_mesh_event *event) {
    (void)user;
    if (verbose) (void)tool_mesh_tell(event);
}

static void answer(const mote_coap_incoming *in, const char *text) {
    (void)mote_coap_reply(in->coap, in->exchange, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, tool_bytes(text));
}

static void get_reading(void *user, const mote_coap_incoming *in) {
    char text[32];
    uint64_t now = 0;
    (void)user;
    (void)mote_node_now(node, &now);
    snprintf(text, sizeof text, "%.1f", 20 + (double)(now / 1000 % 50) / 10);
    answer(in, reading != NULL ? reading : text);
}

static void get_parent(void *user, const mote_coap_incoming *in) {
    mote_mesh_dodag dodag = { MOTE_MESH_DODAG_INIT };
    (void)user;
    int has = mote_mesh_get_dodag(mesh, 0, &dodag) == MOTE_OK && dodag.has_parent;
    answer(in, has ? tool_ip(&dodag.parent) : "none");
}

static void get_neighbours(void *user, const mote_coap_incoming *in) {
    char text[512] = "";
    size_t len = 0;
    mote_mesh_neighbour neighbour = { MOTE_MESH_NEIGHBOUR_INIT };
    (void)user;
    for (uint32_t i = 0; mote_mesh_get_neighbour(mesh, i, &neighbour) == MOTE_OK && len + 80 < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s etx %.2f rank %u%s\n", tool_ip(&neighbour.address),
                                neighbour.etx / 128.0, neighbour.rank, neighbour.parent ? " parent" : "");
    answer(in, text);
}

static uint8_t role_of(const char *name) {
    static const char *const names[] = { "root", "router", "leaf", "host" };
    static const uint8_t roles[] = { MOTE_MESH_ROOT, MOTE_MESH_ROUTER, MOTE_MESH_LEAF, MOTE_MESH_HOST };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return roles[i];
    tool_refuse("--role", name, "root, router, leaf or host");
    return 0;
}

int main(int argc, char **argv) {
    static uint8_t coap_memory[MOTE_COAP_MEM(1, 4, 1152)];
    tool_mesh given = { .pan = 0 };
    mote_mesh_config config = { MOTE_MESH_CONFIG_INIT, .on_event = on_event, .sockets = 2, .routes = 64, .queue = 16, .blocks = 48 };
    mote_mesh_root_config root = { MOTE_MESH_ROOT_CONFIG_INIT };
    mote_address any = { .port = 5683 };
    mote_transport transport;
    mote_coap *coap;
    tool_help(argc, argv, usage);
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (tool_mesh_option(&given, &i, argc, argv) || tool_root_option(&root, &i, argc, argv)) continue;
        if (strcmp(option, "-v") == 0) {
            verbose = 1;
            continue;
        }
        if (value == NULL) tool_unknown(option, usage);
        if (strcmp(option, "--role") == 0) config.role = role_of(value);
        else if (strcmp(option, "--reading") == 0) reading = value;
        else tool_unknown(option, usage);
        i++;
    }
    node = tool_mesh_begin(&given, 4, usage);
    config.node = node;
    mesh = tool_mesh_make(&given, &config);
    tool_check(mote_mesh_udp_transport(mesh, &any, &transport), "transport");
    mote_coap_config coap_config = { MOTE_COAP_CONFIG_INIT, .node = node, .transport = transport, .requests = 1, .observers = 4 };
    tool_check(mote_coap_init(coap_memory, sizeof coap_memory, &coap_config, &coap), "CoAP");
    mote_coap_resource_config resources[] = {
        { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/reading"), .get = get_reading },
        { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/parent"), .get = get_parent },
        { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/neighbours"), .get = get_neighbours },
    };
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
        tool_check(mote_coap_resource_add(coap, &resources[i], NULL, NULL), "resource");
    tool_check(config.role == MOTE_MESH_ROOT ? mote_mesh_start_root(mesh, &root) : mote_mesh_join(mesh), "start");
    while (!tool_stopping) tool_check(mote_node_run(node, 1000), "run");
    (void)mote_coap_close(coap);
    (void)mote_mesh_close(mesh);
    (void)mote_node_close(node);
    return tool_end(0);
}
