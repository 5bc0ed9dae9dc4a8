/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * mote-mesh: a whole network of mote nodes in one process, in virtual time.
 *
 * Every node runs the real stack over a simulated radio channel. The tool waits until the network is complete, then
 * sends pings down from the root and up to it, and prints what it saw.
 */
#include "tool.h"
#include "tool-picture.h"
#include <math.h>

enum { MAX_PLACES = 5000, PING_SIZE = 60, NEIGHBOURS = 32 };

static const char usage[] =
    "usage: mote-mesh [OPTION...]\n"
    "  --nodes N          how many nodes, the root included (25)\n"
    "  --topology T       grid, line or random (grid)\n"
    "  --mode M           storing or non-storing (non-storing)\n"
    "  --objective O      mrhof, of0, hops or latency (mrhof)\n"
    "  --loss P           frames lost on each link, in percent (0)\n"
    "  --duration S       seconds of pings once the network is complete (300)\n"
    "  --interval MS      from one ping to the next; as soon as it has ended if not given\n"
    "  --patience S       seconds to wait for it to be complete (1800)\n"
    "  --seed N           what all chance follows from (1)\n"
    "  --pcap FILE        the air, for Wireshark\n"
    "  --svg FILE         a picture of the DODAG\n"
    "  --json FILE        the numbers\n"
    "  -v                 tell what happens\n"
    "Exit status: 0 for a network that was complete in the end, 3 for another, 2 when it could not be tried.\n";

typedef struct {
    uint32_t id;
    mote_node *node;
    mote_mesh *mesh;
    mote_address address;
    int joined;
    int routed; /* the root has a way to it */
} place;

typedef struct {
    unsigned long sent, answered;
    double sum;
    unsigned long worst;
} tally;

static struct {
    uint32_t nodes, seed, duration, interval, patience;
    double loss;
    const char *topology, *mode, *objective, *pcap, *svg, *json;
    int verbose;
} wanted = { 25, 1, 300, 0, 1800, 0, "grid", "non-storing", "mrhof", NULL, NULL, NULL, 0 };

static mote_air *air;
static place *places;
static uint32_t complete; /* how many nodes have an address and a route, the root not counted */
static tally down, up;
static uint32_t under_way;
static uint32_t target; /* whom the ping under way concerns */
static int going_down;

static uint64_t now(void) {
    uint64_t time = 0;
    (void)mote_air_now(air, &time);
    return time;
}

static place *owner(const mote_address *address) {
    uint32_t id = (uint32_t)address->ip[14] << 8 | address->ip[15];
    return id >= 1 && id <= wanted.nodes ? &places[id - 1] : NULL;
}

static void count_complete(void) {
    complete = 0;
    for (uint32_t i = 1; i < wanted.nodes; i++) complete += places[i].joined && places[i].routed;
}

static void on_event(void *user, const mote_mesh_event *event) {
    place *at = user, *other;
    switch (event->kind) {
    case MOTE_MESH_ADDRESS:
        at->address = event->address;
        at->joined = 1;
        if (wanted.verbose) printf("%8.1f s  node %u has an address\n", (double)now() / 1000, at->id);
        count_complete();
        break;
    case MOTE_MESH_ROUTE:
    case MOTE_MESH_ROUTE_LOST:
        if (at->id != 0 || event->prefix_len != 128) break;
        other = owner(&event->address);
        if (other == NULL) break;
        other->routed = event->kind == MOTE_MESH_ROUTE;
        count_complete();
        break;
    case MOTE_MESH_PING_REPLY: {
        tally *count = going_down ? &down : &up;
        count->answered++;
        count->sum += event->round_trip;
        if (event->round_trip > count->worst) count->worst = event->round_trip;
        under_way = 0;
        break;
    }
    case MOTE_MESH_PING_FAILED:
        if (wanted.verbose) printf("%8.1f s  no answer %s node %u: %d\n", (double)now() / 1000, going_down ? "from" : "to", target, (int)event->status);
        under_way = 0;
        break;
    default:
        break;
    }
}

static void *memory(size_t size) {
    void *block = calloc(1, size);
    if (block == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return block;
}

static size_t node_size, mesh_size;

static void start(uint32_t id) {
    place *at = &places[id];
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .radio_frames = 8, .objects = 2, .sources = 2, .receive_size = 16 };
    mote_mesh_config config = { MOTE_MESH_CONFIG_INIT, .on_event = on_event, .user = at };
    size_t size;
    int storing = strcmp(wanted.mode, "storing") == 0;
    at->id = id;
    tool_check(mote_air_port(air, id, &node_config.port), "port");
    tool_check(mote_node_size(&node_config, &size), "node size");
    tool_check(mote_node_init(memory(size), size, &node_config, &at->node), "node");
    node_size = size;
    config.node = at->node;
    config.role = id == 0 ? MOTE_MESH_ROOT : MOTE_MESH_ROUTER;
    config.eui64[0] = 2;
    config.eui64[5] = 1;
    config.eui64[6] = (uint8_t)((id + 1) >> 8);
    config.eui64[7] = (uint8_t)(id + 1);
    config.neighbours = NEIGHBOURS;
    config.routes = (uint16_t)(id == 0 || storing ? wanted.nodes + 16 : 0);
    config.blocks = id == 0 ? 64 : 0;
    config.queue = id == 0 ? 16 : 0;
    tool_check(mote_mesh_size(&config, &size), "mesh size");
    tool_check(mote_mesh_init(memory(size), size, &config, &at->mesh), "mesh");
    if (id != 0) mesh_size = size;
    if (id == 0) {
        mote_mesh_root_config root = { MOTE_MESH_ROOT_CONFIG_INIT };
        root.mode = storing ? MOTE_MESH_STORING : MOTE_MESH_NON_STORING;
        root.objective = tool_objective("--objective", wanted.objective);
        tool_check(mote_mesh_start_root(at->mesh, &root), "root");
    } else {
        tool_check(mote_mesh_join(at->mesh), "join");
    }
    tool_check(mote_air_attach(air, id, at->node), "attach");
}

/* One ping between the root and a node, and the time until its end. */
static void ping(uint32_t id, int is_down) {
    uint8_t data[PING_SIZE];
    mote_bytes bytes = { data, sizeof data };
    place *from = is_down ? &places[0] : &places[id], *to = is_down ? &places[id] : &places[0];
    memset(data, 'm', sizeof data);
    going_down = is_down;
    target = id;
    (is_down ? &down : &up)->sent++;
    if (!from->joined || !to->joined || mote_mesh_ping(from->mesh, &to->address, 0, 10000, bytes, &under_way) != MOTE_OK) under_way = 0;
    /* Time passes even where nothing could be sent. */
    do tool_check(mote_air_run(air, now() + (wanted.interval != 0 ? wanted.interval : 10)), "run");
    while (under_way != 0);
}

/* ---- What was seen */

typedef struct {
    uint64_t frames, control, switches;
    double duty, hops, depth;
    uint32_t joined;
} summary;

static mote_mesh_statistics statistics_of(const place *at) {
    mote_mesh_statistics statistics = { MOTE_MESH_STATISTICS_INIT };
    tool_check(mote_mesh_get_statistics(at->mesh, &statistics), "statistics");
    return statistics;
}

static summary summarise(void) {
    summary all = { 0, 0, 0, 0, 0, 0, 0 };
    for (uint32_t i = 0; i < wanted.nodes; i++) {
        mote_mesh_statistics s = statistics_of(&places[i]);
        mote_air_place p = { MOTE_AIR_PLACE_INIT };
        tool_check(mote_air_get_place(air, i, &p), "place");
        all.frames += s.mac_transmissions;
        all.control += (uint64_t)s.rpl_dio_sent + s.rpl_dao_sent + s.rpl_dao_ack_sent + s.rpl_dis_sent;
        all.switches += s.rpl_parent_switches;
        all.duty += (double)p.transmit / (double)(p.transmit + p.receive + p.sleep + 1) / wanted.nodes;
        if (p.hops != UINT32_MAX && p.hops > all.depth) all.depth = p.hops;
        all.joined += (uint32_t)places[i].joined;
    }
    return all;
}

static double share(const tally *count) { return count->sent == 0 ? 0 : 100.0 * (double)count->answered / (double)count->sent; }
static double mean(const tally *count) { return count->answered == 0 ? 0 : count->sum / (double)count->answered; }

static FILE *open_output(const char *path) {
    FILE *out = fopen(path, "wb");
    if (out == NULL) {
        perror(path);
        exit(2);
    }
    return out;
}

static void close_output(FILE *out, const char *path) {
    int failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        fprintf(stderr, "%s: cannot be written\n", path);
        exit(2);
    }
}

static void print_json(double converged) {
    FILE *out = open_output(wanted.json);
    summary all = summarise();
    fprintf(out, "{\"nodes\":%u,\"topology\":\"%s\",\"mode\":\"%s\",\"objective\":\"%s\",\"loss_percent\":%g,\"seed\":%u,\n", wanted.nodes,
            wanted.topology, wanted.mode, wanted.objective, wanted.loss, wanted.seed);
    fprintf(out, " \"joined\":%u,\"complete\":%u,\"convergence_s\":%.1f,\"depth\":%.0f,\n", all.joined, complete + 1, converged, all.depth);
    fprintf(out, " \"down\":{\"sent\":%lu,\"answered\":%lu,\"mean_ms\":%.1f,\"worst_ms\":%lu},\n", down.sent, down.answered, mean(&down), down.worst);
    fprintf(out, " \"up\":{\"sent\":%lu,\"answered\":%lu,\"mean_ms\":%.1f,\"worst_ms\":%lu},\n", up.sent, up.answered, mean(&up), up.worst);
    fprintf(out, " \"frames\":%llu,\"rpl_messages\":%llu,\"parent_switches\":%llu,\"transmit_share\":%.6f,\n", (unsigned long long)all.frames,
            (unsigned long long)all.control, (unsigned long long)all.switches, all.duty);
    fprintf(out, " \"virtual_s\":%.1f,\"memory_per_node\":{\"node\":%lu,\"mesh\":%lu}}\n", (double)now() / 1000, (unsigned long)node_size,
            (unsigned long)mesh_size);
    close_output(out, wanted.json);
}

/* The DODAG and all links that the nodes know of. */
static void draw(void) {
    char title[128], subtitle[256];
    size_t links_count = 0;
    picture_node *nodes = memory(wanted.nodes * sizeof *nodes);
    picture_link *links = memory((size_t)wanted.nodes * NEIGHBOURS * sizeof *links);
    FILE *out = open_output(wanted.svg);
    for (uint32_t i = 0; i < wanted.nodes; i++) {
        mote_air_place p = { MOTE_AIR_PLACE_INIT };
        mote_mesh_dodag dodag = { MOTE_MESH_DODAG_INIT };
        mote_mesh_neighbour neighbour = { MOTE_MESH_NEIGHBOUR_INIT };
        int in = mote_mesh_get_dodag(places[i].mesh, 0, &dodag) == MOTE_OK && dodag.joined && dodag.min_hop_rank_increase > 0;
        tool_check(mote_air_get_place(air, i, &p), "place");
        nodes[i] = (picture_node){ p.x / 100.0, p.y / 100.0, in ? (double)dodag.rank / dodag.min_hop_rank_increase : -1 };
        for (uint32_t n = 0; n < NEIGHBOURS && mote_mesh_get_neighbour(places[i].mesh, n, &neighbour) == MOTE_OK; n++) {
            place *other = owner(&neighbour.address);
            if (other != NULL) links[links_count++] = (picture_link){ i, other->id, fmax(1, neighbour.etx / 128.0), neighbour.parent };
        }
    }
    snprintf(title, sizeof title, "%u nodes, %s, %s mode, %s", wanted.nodes, wanted.topology, wanted.mode,
             strcmp(wanted.objective, "of0") == 0 ? "OF0" : strcmp(wanted.objective, "mrhof") == 0 ? "MRHOF" : wanted.objective);
    snprintf(subtitle, sizeof subtitle, "%g %% of the frames lost on each link; %.2f %% of the pings answered down, %.2f %% up; at least %.0f hops to the farthest", wanted.loss, share(&down),
             share(&up), summarise().depth);
    picture_draw(out, title, subtitle, nodes, wanted.nodes, links, links_count);
    close_output(out, wanted.svg);
    free(nodes);
    free(links);
}

static void save_capture(void) {
    mote_bytes capture;
    FILE *out = open_output(wanted.pcap);
    tool_check(mote_air_captured(air, &capture), "capture");
    fwrite(capture.ptr, 1, capture.len, out);
    close_output(out, wanted.pcap);
}

static const char *value_of(int *i, int argc, char **argv) {
    if (*i + 1 >= argc) tool_unknown(argv[*i], usage);
    return argv[++*i];
}

static uint32_t number(int *i, int argc, char **argv, unsigned long least, unsigned long most) {
    const char *option = argv[*i];
    return (uint32_t)tool_count(option, value_of(i, argc, argv), least, most);
}

static double percent(int *i, int argc, char **argv) {
    const char *option = argv[*i], *value = value_of(i, argc, argv);
    char *end;
    double loss = strtod(value, &end);
    if (end == value || *end != '\0' || !(loss >= 0 && loss <= 99)) tool_refuse(option, value, "a number from 0 to 99");
    return loss;
}

int main(int argc, char **argv) {
    tool_help(argc, argv, usage);
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--nodes") == 0) wanted.nodes = number(&i, argc, argv, 2, MAX_PLACES);
        else if (strcmp(option, "--topology") == 0) wanted.topology = value_of(&i, argc, argv);
        else if (strcmp(option, "--mode") == 0) wanted.mode = value_of(&i, argc, argv);
        else if (strcmp(option, "--objective") == 0) wanted.objective = value_of(&i, argc, argv);
        else if (strcmp(option, "--loss") == 0) wanted.loss = percent(&i, argc, argv);
        else if (strcmp(option, "--duration") == 0) wanted.duration = number(&i, argc, argv, 0, UINT32_MAX);
        else if (strcmp(option, "--interval") == 0) wanted.interval = number(&i, argc, argv, 0, UINT32_MAX);
        else if (strcmp(option, "--patience") == 0) wanted.patience = number(&i, argc, argv, 0, UINT32_MAX);
        else if (strcmp(option, "--seed") == 0) wanted.seed = number(&i, argc, argv, 0, UINT32_MAX);
        else if (strcmp(option, "--pcap") == 0) wanted.pcap = value_of(&i, argc, argv);
        else if (strcmp(option, "--svg") == 0) wanted.svg = value_of(&i, argc, argv);
        else if (strcmp(option, "--json") == 0) wanted.json = value_of(&i, argc, argv);
        else if (strcmp(option, "-v") == 0) wanted.verbose = 1;
        else tool_unknown(option, usage);
    }
    (void)tool_either("--mode", wanted.mode, "non-storing", "storing");
    (void)tool_objective("--objective", wanted.objective);
    if (strcmp(wanted.topology, "line") != 0 && strcmp(wanted.topology, "random") != 0 && strcmp(wanted.topology, "grid") != 0)
        tool_refuse("--topology", wanted.topology, "grid, line or random");
    mote_air_config config = { MOTE_AIR_CONFIG_INIT, .nodes = wanted.nodes, .seed = wanted.seed, .loss = (uint32_t)(wanted.loss * 10) };
    if (strcmp(wanted.topology, "line") == 0) {
        config.placement = MOTE_AIR_LINE;
        config.range = 12;
        config.interference = 22;
    } else {
        config.placement = strcmp(wanted.topology, "random") == 0 ? MOTE_AIR_RANDOM : MOTE_AIR_GRID;
    }
    places = memory(wanted.nodes * sizeof *places);
    tool_check(mote_air_new(&config, &air), "air");
    if (wanted.pcap != NULL) tool_check(mote_air_capture(air), "capture");
    for (uint32_t i = 0; i < wanted.nodes; i++) start(i);

    while (complete + 1 < wanted.nodes && now() < (uint64_t)wanted.patience * 1000) tool_check(mote_air_run(air, now() + 1000), "run");
    double converged = (double)now() / 1000;
    printf("complete: %u of %u nodes have an address and a route after %.0f s\n", complete + 1, wanted.nodes, converged);

    uint64_t until = now() + (uint64_t)wanted.duration * 1000;
    for (uint32_t i = 1; now() < until; i = i % (wanted.nodes - 1) + 1) {
        ping(i, 1);
        ping(i, 0);
    }
    summary all = summarise();
    printf("down:     %lu of %lu pings answered (%.2f %%), %.0f ms there and back on average, %lu ms at worst\n", down.answered, down.sent, share(&down), mean(&down), down.worst);
    printf("up:       %lu of %lu pings answered (%.2f %%), %.0f ms there and back on average, %lu ms at worst\n", up.answered, up.sent, share(&up), mean(&up), up.worst);
    printf("control:  %llu RPL messages (%.1f per node and minute), %llu parent switches\n", (unsigned long long)all.control,
           (double)all.control * 60000 / (double)now() / wanted.nodes, (unsigned long long)all.switches);
    printf("air:      %llu frames, a node sends %.3f %% of the time on average\n", (unsigned long long)all.frames, all.duty * 100);
    printf("depth:    at least %.0f hops to the farthest node\n", all.depth);
    printf("memory:   %lu bytes for a router's mesh, %lu for its node\n", (unsigned long)mesh_size, (unsigned long)node_size);
    if (wanted.json != NULL) print_json(converged);
    if (wanted.svg != NULL) draw();
    if (wanted.pcap != NULL) save_capture();

    for (uint32_t i = 0; i < wanted.nodes; i++) {
        (void)mote_air_detach(air, i);
        (void)mote_mesh_close(places[i].mesh);
        (void)mote_node_close(places[i].node);
    }
    mote_air_free(air);
    return tool_end(complete + 1 == wanted.nodes ? 0 : 3);
}
