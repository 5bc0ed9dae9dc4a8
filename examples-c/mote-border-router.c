/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The root of a mesh over ZEP, and the way between it and the host by a network interface. */
#include <unistd.h>
#include "tool-mesh.h"

static const char usage[] =
    "usage: mote-border-router --zep ADDR:PORT[,...] [OPTION...]\n"
    TOOL_MESH_USAGE
    "  --tun NAME             the network interface; the host chooses a name if not given\n"
    "  --host ADDR/LEN        the host's address on it (fd01::1/64); of another prefix than the mesh's\n"
    TOOL_ROOT_USAGE("")
    "  --routes N             for how many nodes there is room (256)\n"
    "  -v                     tell what happens\n";

static mote_mesh *mesh;
static const char *tun = "";
static mote_address host;
static uint8_t host_len = 64;
static int verbose;

static void on_event(void *user, const mote_mesh_event *event) {
    (void)user;
    if (event->kind == MOTE_MESH_ADDRESS) {
        tool_check(mote_mesh_host_open(mesh, tool_bytes(tun), &host, host_len), "network interface");
        printf("ready %s\n", tool_ip(&event->address));
        fflush(stdout);
    }
    if (verbose) (void)tool_mesh_tell(event);
}

int main(int argc, char **argv) {
    tool_mesh given = { .pan = 0 };
    mote_mesh_config config = { MOTE_MESH_CONFIG_INIT, .role = MOTE_MESH_ROOT, .on_event = on_event, .routes = 256,
                                .neighbours = 32, .queue = 16, .blocks = 96, .reassemblies = 8, .outgoing = 4, .host_queue = 8192 };
    mote_mesh_root_config root = { MOTE_MESH_ROOT_CONFIG_INIT };
    tool_check(mote_address_parse(tool_bytes("fd01::1"), &host), "host");
    tool_help(argc, argv, usage);
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (tool_mesh_option(&given, &i, argc, argv) || tool_root_option(&root, &i, argc, argv)) continue;
        if (strcmp(option, "-v") == 0) {
            verbose = 1;
            continue;
        }
        if (value == NULL) tool_unknown(option, usage);
        if (strcmp(option, "--tun") == 0) tun = value;
        else if (strcmp(option, "--host") == 0) {
            mote_bytes text = { (const uint8_t *)value, strcspn(value, "/") };
            tool_check(mote_address_parse(text, &host), "--host");
            if (value[text.len] == '/') host_len = (uint8_t)tool_count(option, value + text.len + 1, 0, 128);
        } else if (strcmp(option, "--routes") == 0) config.routes = (uint16_t)tool_count(option, value, 1, 65000);
        else tool_unknown(option, usage);
        i++;
    }
    mote_node *node = tool_mesh_begin(&given, 2, usage);
    config.node = node;
    mesh = tool_mesh_make(&given, &config);
    tool_check(mote_mesh_start_root(mesh, &root), "start");
    while (!tool_stopping) tool_check(mote_node_run(node, 1000), "run");
    (void)mote_mesh_close(mesh);
    (void)mote_node_close(node);
    return tool_end(0);
}
