/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Joins a mesh over ZEP and pings an address in it, or shows the hops on the way. */
#include <unistd.h>
#include "tool-mesh.h"

static const char usage[] =
    "usage: mote-ping6 --zep ADDR:PORT[,...] [OPTION...] ADDRESS\n"
    TOOL_MESH_USAGE
    "  -c COUNT               how many pings (4)\n"
    "  -s SIZE                bytes of data (56), over 1232 in two fragments\n"
    "  -W MS                  how long to wait for each reply (5000)\n"
    "  -t                     show the hops on the way\n";

static mote_mesh *mesh;
static mote_address target;
static int joined, under_way, hops;
static unsigned long sent, answered;

static void on_event(void *user, const mote_mesh_event *event) {
    (void)user;
    switch (event->kind) {
    case MOTE_MESH_ADDRESS: joined = 1; break;
    case MOTE_MESH_PING_REPLY:
        answered++;
        if (hops > 0) printf("%2d  %s  %u ms\n", hops, tool_ip(&event->address), event->round_trip);
        else printf("%lu bytes from %s: hop limit %u, %u ms\n", (unsigned long)event->data.len, tool_ip(&event->address), event->hop_limit, event->round_trip);
        under_way = 0;
        hops = 0;
        break;
    case MOTE_MESH_PING_FAILED: {
        mote_bytes text = mote_status_str(event->status);
        if (event->icmp_type == 3 && hops > 0) {
            printf("%2d  %s\n", hops, tool_ip(&event->address));
            hops++;
        } else if (event->icmp_type != 0) {
            printf("from %s: ICMPv6 error %u code %u\n", tool_ip(&event->address), event->icmp_type, event->icmp_code);
            if (hops > 0) hops = -1;
        } else if (hops > 0) {
            printf("%2d  *\n", hops);
            hops++;
        } else {
            printf("%.*s\n", (int)text.len, (const char *)text.ptr);
        }
        under_way = 0;
        break;
    }
    default: break;
    }
    fflush(stdout);
}

int main(int argc, char **argv) {
    static uint8_t data[1452];
    tool_mesh given = { .pan = 0 };
    mote_mesh_config config = { MOTE_MESH_CONFIG_INIT, .role = MOTE_MESH_LEAF, .on_event = on_event };
    unsigned long count = 4, size = 56, wait = 5000;
    const char *to = NULL;
    tool_help(argc, argv, usage);
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "nothing";
        if (tool_mesh_option(&given, &i, argc, argv)) continue;
        if (strcmp(option, "-t") == 0) hops = 1;
        else if (strcmp(option, "-c") == 0) count = tool_count(option, value, 1, 1000000), i++;
        else if (strcmp(option, "-s") == 0) size = tool_count(option, value, 0, sizeof data), i++;
        else if (strcmp(option, "-W") == 0) wait = tool_count(option, value, 1, 3600000), i++;
        else if (*option != '-') to = option;
        else tool_misused(usage);
    }
    if (to == NULL || given.peer_count == 0) tool_misused(usage);
    tool_check(mote_address_parse(tool_bytes(to), &target), to);
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)i;
    mote_node *node = tool_mesh_node(&given, 2);
    config.node = node;
    mesh = tool_mesh_make(&given, &config);
    tool_check(mote_mesh_join(mesh), "join");
    for (int turn = 0; !joined && turn < 600; turn++) (void)mote_node_run(node, 100);
    if (!joined) {
        fprintf(stderr, "no mesh was found\n");
        return 1;
    }
    /* The route back to this node takes a moment. */
    for (int turn = 0; turn < 30; turn++) (void)mote_node_run(node, 100);
    mote_bytes bytes = { data, size };
    int tracing = hops > 0;
    while (tracing ? hops > 0 && hops < 64 : sent < count) {
        uint32_t ping;
        sent++;
        under_way = 1;
        tool_check(mote_mesh_ping(mesh, &target, (uint8_t)(tracing ? hops : 0), (uint32_t)wait, bytes, &ping), "ping");
        while (under_way) (void)mote_node_run(node, 1000);
        for (int turn = 0; !tracing && turn < 10 && sent < count; turn++) (void)mote_node_run(node, 100);
    }
    if (!tracing) printf("%lu sent, %lu answered\n", sent, answered);
    (void)mote_mesh_close(mesh);
    (void)mote_node_close(node);
    return answered > 0 ? 0 : 1;
}
