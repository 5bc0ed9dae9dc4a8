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
static mote_node *node;
static int joined, ended, never, hops;
static unsigned long sent, answered;

static void on_event(void *user, const mote_mesh_event *event) {
    (void)user;
    switch (event->kind) {
    case MOTE_MESH_ADDRESS: joined = 1; break;
    case MOTE_MESH_PING_REPLY:
        answered++;
        if (hops > 0) printf("%2d  %s  %u ms\n", hops, tool_ip(&event->address), event->round_trip);
        else printf("%lu bytes from %s: hop limit %u, %u ms\n", (unsigned long)event->data.len, tool_ip(&event->address), event->hop_limit, event->round_trip);
        ended = 1;
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
        ended = 1;
        break;
    }
    default: break;
    }
    fflush(stdout);
}

/* Goes on for so many milliseconds, or until something is so, or a signal has come. */
static void run(uint64_t milliseconds, const int *until) {
    uint64_t start = 0, now = 0;
    tool_check(mote_node_now(node, &start), "clock");
    for (now = start; !*until && !tool_stopping && now - start < milliseconds; tool_check(mote_node_now(node, &now), "clock")) {
        uint64_t left = milliseconds - (now - start);
        tool_check(mote_node_run(node, left < 1000 ? left : 1000), "run");
    }
}

int main(int argc, char **argv) {
    static uint8_t data[1452];
    tool_mesh given = { .pan = 0 };
    mote_mesh_config config = { MOTE_MESH_CONFIG_INIT, .role = MOTE_MESH_LEAF, .on_event = on_event };
    unsigned long count = 4, size = 56, wait = 5000;
    const char *to = NULL;
    tool_help(argc, argv, usage);
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (tool_mesh_option(&given, &i, argc, argv)) continue;
        if (strcmp(option, "-t") == 0) hops = 1;
        else if (*option != '-' && to == NULL) to = option;
        else if (value == NULL) tool_unknown(option, usage);
        else if (strcmp(option, "-c") == 0) count = tool_count(option, value, 1, 1000000), i++;
        else if (strcmp(option, "-s") == 0) size = tool_count(option, value, 0, sizeof data), i++;
        else if (strcmp(option, "-W") == 0) wait = tool_count(option, value, 1, 3600000), i++;
        else tool_unknown(option, usage);
    }
    if (to == NULL) tool_misused(usage);
    tool_check(mote_address_parse(tool_bytes(to), &target), to);
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)i;
    node = tool_mesh_begin(&given, 2, usage);
    config.node = node;
    mesh = tool_mesh_make(&given, &config);
    tool_check(mote_mesh_join(mesh), "join");
    run(60000, &joined);
    if (tool_stopping) return 1;
    if (!joined) {
        fprintf(stderr, "no mesh was found\n");
        return 1;
    }
    /* The route back to this node takes a moment. */
    run(3000, &never);
    mote_bytes bytes = { data, size };
    int tracing = hops > 0;
    while (!tool_stopping && (tracing ? hops > 0 && hops < 64 : sent < count)) {
        uint32_t ping;
        sent++;
        ended = 0;
        tool_check(mote_mesh_ping(mesh, &target, (uint8_t)(tracing ? hops : 0), (uint32_t)wait, bytes, &ping), "ping");
        /* It ends by itself, with an answer or after that time. */
        run(UINT64_MAX, &ended);
        if (!tracing && sent < count) run(1000, &never);
    }
    if (!tracing) printf("%lu sent, %lu answered\n", sent, answered);
    (void)mote_mesh_close(mesh);
    (void)mote_node_close(node);
    return tool_end(answered > 0 ? 0 : 1);
}
