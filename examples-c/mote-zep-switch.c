/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * mote-zep-switch: the air between nodes that are processes.
 *
 * Nodes send their IEEE 802.15.4 frames to it in UDP datagrams of ZEP version 2, and it passes each frame to the
 * nodes in reach: all others, or those that a topology file names, with the losses that it states.
 *
 * A line of the topology is "A B [WEIGHT [WEIGHT_BACK]]": B hears A with probability WEIGHT (default 1), and A
 * hears B with WEIGHT_BACK (default WEIGHT). '#' begins a comment. A name of sixteen hexadecimal digits is the node
 * with that EUI-64; other names go to the nodes in the order of their coming.
 */
#include "tool.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: mote-zep-switch [-t TOPOLOGY] [-s SEED] [-w PCAP] [-v] [ADDRESS [PORT]]\n"
    "  -t FILE  who hears whom: lines of A B [WEIGHT [WEIGHT_BACK]], the share of the frames that B, or A, gets (1);\n"
    "           A and B are EUI-64s of sixteen hexadecimal digits, or names for the nodes in the order of their coming\n"
    "  -s SEED  what the losses follow from\n"
    "  -w FILE  the air, for Wireshark\n"
    "  -v       tell who comes, and statistics at the end\n"
    "  ADDRESS  where to listen, :: if not given (IPv6 and IPv4); port 17754\n";

enum {
    MAX_NODES = 256,
    MAX_NAME = 32,
    MAX_PACKET = 512,
    HEADER = 32, /* of a data packet */
    TYPE_DATA = 1,
    TYPE_ACK = 2,
    TYPE_HELLO = 255,
    QUALITY_AT = 8,
    LENGTH_AT = 31
};

struct node {
    char name[MAX_NAME]; /* of the topology, or empty */
    uint8_t eui64[8];    /* most significant byte first; all zero when not known */
    int fixed;           /* the name is an EUI-64 */
    int present;
    struct sockaddr_storage address;
    socklen_t address_len;
    time_t heard;
};

static struct node nodes[MAX_NODES];
static size_t node_count;
static float weights[MAX_NODES][MAX_NODES]; /* from, to */
static int has_topology;
static int verbose;
static uint64_t random_state;
static volatile sig_atomic_t stop;
static unsigned long packets_in, packets_out, packets_lost, packets_bad, packets_strange;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void fail(const char *what)
{
    fprintf(stderr, "mote-zep-switch: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* A number from 0 to 1, 1 excluded: splitmix64, so that a seed gives the same losses everywhere. */
static double random_fraction(void)
{
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) / 9007199254740992.0;
}

/* ---- topology --------------------------------------------------------------------------------------------------- */

static int parse_eui64(const char *name, uint8_t eui64[8])
{
    size_t digits = 0;
    memset(eui64, 0, 8);
    for (; *name != '\0'; name++) {
        int value;
        if (*name == ':' || *name == '-') {
            continue;
        }
        if (*name >= '0' && *name <= '9') {
            value = *name - '0';
        } else if (*name >= 'a' && *name <= 'f') {
            value = *name - 'a' + 10;
        } else if (*name >= 'A' && *name <= 'F') {
            value = *name - 'A' + 10;
        } else {
            return 0;
        }
        if (digits == 16) {
            return 0;
        }
        eui64[digits / 2] = (uint8_t)(eui64[digits / 2] << 4 | value);
        digits++;
    }
    return digits == 16;
}

static size_t node_named(const char *name)
{
    size_t i;
    for (i = 0; i < node_count; i++) {
        if (strcmp(nodes[i].name, name) == 0) {
            return i;
        }
    }
    if (node_count == MAX_NODES || strlen(name) >= MAX_NAME) {
        fprintf(stderr, "mote-zep-switch: too many nodes, or too long a name: %s\n", name);
        exit(1);
    }
    strcpy(nodes[node_count].name, name);
    nodes[node_count].fixed = parse_eui64(name, nodes[node_count].eui64);
    return node_count++;
}

/* Reads a probability; the word must be one and nothing else. */
static int parse_weight(const char *word, float *weight)
{
    char *end;
    double value = strtod(word, &end);
    if (end == word || *end != '\0' || !(value >= 0 && value <= 1)) {
        return 0;
    }
    *weight = (float)value;
    return 1;
}

static void read_topology(const char *path)
{
    char line[256];
    unsigned number = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail(path);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char *words[4], *word, *comment = strchr(line, '#');
        size_t count = 0, from, to;
        float there = 1, back;
        number++;
        if (comment != NULL) {
            *comment = '\0';
        }
        for (word = strtok(line, " \t\r\n"); word != NULL && count < 4; word = strtok(NULL, " \t\r\n")) {
            words[count++] = word;
        }
        if (count == 0) {
            continue;
        }
        if (count == 1 || word != NULL || (count > 2 && !parse_weight(words[2], &there))) {
            fprintf(stderr, "mote-zep-switch: %s:%u: expected A B [WEIGHT [WEIGHT_BACK]]\n", path, number);
            exit(1);
        }
        back = there;
        if (count > 3 && !parse_weight(words[3], &back)) {
            fprintf(stderr, "mote-zep-switch: %s:%u: a weight is a number from 0 to 1\n", path, number);
            exit(1);
        }
        from = node_named(words[0]);
        to = node_named(words[1]);
        weights[from][to] = there;
        weights[to][from] = back;
    }
    fclose(file);
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

/* The type of a whole packet, or -1. */
static int packet_type(const uint8_t *packet, size_t len)
{
    if (len < 4 || packet[0] != 'E' || packet[1] != 'X' || packet[2] != 2) {
        return -1;
    }
    if (packet[3] == TYPE_ACK) {
        return TYPE_ACK;
    }
    if (len < HEADER || (size_t)packet[LENGTH_AT] != len - HEADER) {
        return -1;
    }
    return packet[3] == TYPE_DATA || packet[3] == TYPE_HELLO ? packet[3] : -1;
}

/* The EUI-64 that a packet tells of its sender: that of a hello, or the extended source address of a frame up to 2006. */
static int packet_eui64(const uint8_t *packet, size_t len, uint8_t eui64[8])
{
    const uint8_t *frame = packet + HEADER;
    size_t at = 3, left = len - HEADER, i;
    unsigned control, destination;
    if (packet[3] == TYPE_HELLO) {
        if (left != 8) {
            return 0;
        }
        memcpy(eui64, frame, 8);
        return 1;
    }
    if (left < 5) {
        return 0;
    }
    left -= 2; /* the FCS */
    control = frame[0] | (unsigned)frame[1] << 8;
    destination = control >> 10 & 3;
    if ((control >> 12 & 3) > 1 || control >> 14 != 3) {
        return 0;
    }
    if (destination != 0) {
        at += destination == 3 ? 10 : 4;
    }
    if ((control & 0x40) == 0) {
        at += 2; /* the source PAN is not left out */
    }
    if (left < at + 8) {
        return 0;
    }
    for (i = 0; i < 8; i++) {
        eui64[i] = frame[at + 7 - i];
    }
    return 1;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static int same_address(const struct node *node, const struct sockaddr_storage *address, socklen_t len)
{
    if (!node->present || node->address_len != len || node->address.ss_family != address->ss_family) {
        return 0;
    }
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)&node->address;
        const struct sockaddr_in6 *b = (const struct sockaddr_in6 *)(const void *)address;
        return a->sin6_port == b->sin6_port && a->sin6_scope_id == b->sin6_scope_id
            && memcmp(&a->sin6_addr, &b->sin6_addr, sizeof a->sin6_addr) == 0;
    } else {
        const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)&node->address;
        const struct sockaddr_in *b = (const struct sockaddr_in *)(const void *)address;
        return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
    }
}

static void tell(const struct node *node, const char *what)
{
    char host[INET6_ADDRSTRLEN] = "?", port[8] = "?";
    if (verbose) {
        getnameinfo((const struct sockaddr *)(const void *)&node->address, node->address_len, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
        printf("%s %s [%s]:%s %02x%02x%02x%02x%02x%02x%02x%02x\n", what, node->name[0] != '\0' ? node->name : "-",
               host, port, node->eui64[0], node->eui64[1], node->eui64[2], node->eui64[3], node->eui64[4],
               node->eui64[5], node->eui64[6], node->eui64[7]);
        fflush(stdout);
    }
}

static struct node *node_with_eui64(const uint8_t *eui64)
{
    size_t i;
    for (i = 0; i < node_count; i++) {
        if (memcmp(nodes[i].eui64, eui64, 8) == 0) {
            return &nodes[i];
        }
    }
    return NULL;
}

static struct node *node_at(const struct sockaddr_storage *address, socklen_t len)
{
    size_t i;
    for (i = 0; i < node_count; i++) {
        if (same_address(&nodes[i], address, len)) {
            return &nodes[i];
        }
    }
    return NULL;
}

/* A place that is free, or NULL. Without a topology the node that has been silent longest makes room. */
static struct node *free_place(void)
{
    size_t i;
    struct node *silent = NULL;
    if (has_topology) {
        for (i = 0; i < node_count; i++) {
            if (!nodes[i].fixed && !nodes[i].present) {
                return &nodes[i];
            }
        }
        return NULL;
    }
    if (node_count < MAX_NODES) {
        return &nodes[node_count++];
    }
    for (i = 0; i < node_count; i++) {
        if (silent == NULL || nodes[i].heard < silent->heard) {
            silent = &nodes[i];
        }
    }
    memset(silent->eui64, 0, 8);
    return silent;
}

/* Who sent this packet; NULL when there is no place for it. */
static struct node *sender(const struct sockaddr_storage *address, socklen_t len, const uint8_t *eui64)
{
    struct node *node = node_at(address, len), *place = node;
    if (eui64 != NULL && (node == NULL || memcmp(node->eui64, eui64, 8) != 0)) {
        /* A node that was started anew, at another address, takes its old place; one that is named its own. */
        place = node_with_eui64(eui64);
        if (place == NULL && node != NULL && !node->fixed) {
            place = node;
        }
        if (node != NULL && place != node) {
            node->present = 0;
        }
    }
    if (place == NULL) {
        place = free_place();
        if (place == NULL) {
            return NULL;
        }
    }
    if (place != node || (eui64 != NULL && memcmp(place->eui64, eui64, 8) != 0)) {
        place->present = 1;
        place->address = *address;
        place->address_len = len;
        if (eui64 != NULL) {
            memcpy(place->eui64, eui64, 8);
        }
        tell(place, "joined");
    }
    place->heard = time(NULL);
    return place;
}

/* ---- capture ----------------------------------------------------------------------------------------------------- */

static void put_u32(FILE *file, uint32_t value)
{
    fwrite(&value, 4, 1, file);
}

static FILE *open_capture(const char *path)
{
    uint16_t version[2] = { 2, 4 };
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        fail(path);
    }
    put_u32(file, UINT32_C(0xa1b2c3d4));
    fwrite(version, sizeof version, 1, file);
    put_u32(file, 0);
    put_u32(file, 0);
    put_u32(file, 65535);
    put_u32(file, 195); /* IEEE 802.15.4 with FCS */
    return file;
}

static void capture(FILE *file, const uint8_t *frame, size_t len)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    put_u32(file, (uint32_t)now.tv_sec);
    put_u32(file, (uint32_t)(now.tv_nsec / 1000));
    put_u32(file, (uint32_t)len);
    put_u32(file, (uint32_t)len);
    fwrite(frame, 1, len, file);
    fflush(file);
}

/* ---- the switch -------------------------------------------------------------------------------------------------- */

static void pass_on(int fd, const struct node *from, uint8_t *packet, size_t len, int type)
{
    size_t i;
    for (i = 0; i < node_count; i++) {
        float weight = has_topology ? weights[from - nodes][i] : 1;
        if (&nodes[i] == from || !nodes[i].present || weight <= 0) {
            continue;
        }
        if (weight < 1 && random_fraction() >= weight) {
            packets_lost++;
            continue;
        }
        if (type == TYPE_DATA) {
            packet[QUALITY_AT] = (uint8_t)(weight * 255);
        }
        /* A node that is gone is not heard of again; what is sent to it is lost. */
        if (sendto(fd, packet, len, 0, (const struct sockaddr *)(const void *)&nodes[i].address,
                   nodes[i].address_len) >= 0) {
            packets_out++;
        }
    }
}

static int open_socket(const char *host, const char *port)
{
    struct addrinfo hints, *list;
    int fd, off = 0, result;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
    result = getaddrinfo(host, port, &hints, &list);
    if (result != 0) {
        fprintf(stderr, "mote-zep-switch: %s port %s: %s\n", host, port, gai_strerror(result));
        exit(1);
    }
    fd = socket(list->ai_family, list->ai_socktype, list->ai_protocol);
    if (fd < 0) {
        fail("socket");
    }
    if (list->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (bind(fd, list->ai_addr, list->ai_addrlen) < 0) {
        fail("bind");
    }
    freeaddrinfo(list);
    /* So that a signal that comes just before the wait is seen soon. */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 1, 0 }, sizeof(struct timeval));
    return fd;
}

int main(int argc, char **argv)
{
    const char *topology = NULL, *capture_path = NULL, *host = "::", *port = "17754";
    FILE *air = NULL;
    struct sigaction action;
    int fd, option;
    tool_help(argc, argv, usage);
    random_state = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
    while ((option = getopt(argc, argv, "t:s:w:v")) != -1) {
        switch (option) {
        case 't': topology = optarg; break;
        case 's': random_state = tool_count("-s", optarg, 0, ULONG_MAX); break;
        case 'w': capture_path = optarg; break;
        case 'v': verbose = 1; break;
        default: tool_misused(usage);
        }
    }
    if (optind < argc) {
        host = argv[optind++];
    }
    if (optind < argc) {
        port = argv[optind++];
        (void)tool_count("PORT", port, 0, 65535);
    }
    if (optind < argc) {
        fprintf(stderr, "mote-zep-switch: %s: one address and one port suffice\n", argv[optind]);
        return 2;
    }
    if (topology != NULL) {
        has_topology = 1;
        read_topology(topology);
    }
    if (capture_path != NULL) {
        air = open_capture(capture_path);
    }
    /* Without SA_RESTART, so that the signal ends recvfrom. */
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    fd = open_socket(host, port);
    if (verbose) {
        printf("listening on %s port %s\n", host, port);
        fflush(stdout);
    }
    while (!stop) {
        uint8_t packet[MAX_PACKET], eui64[8];
        struct sockaddr_storage address;
        socklen_t address_len = sizeof address;
        struct node *from;
        int type, known;
        ssize_t len;
        memset(&address, 0, sizeof address);
        len = recvfrom(fd, packet, sizeof packet, 0, (struct sockaddr *)(void *)&address, &address_len);
        if (len < 0) {
            continue; /* a signal, or what the network says about a node that is gone */
        }
        type = packet_type(packet, (size_t)len);
        if (type < 0) {
            packets_bad++;
            continue;
        }
        packets_in++;
        known = type != TYPE_ACK && packet_eui64(packet, (size_t)len, eui64);
        from = sender(&address, address_len, known ? eui64 : NULL);
        if (from == NULL) {
            packets_strange++;
            continue;
        }
        if (type == TYPE_HELLO) {
            continue;
        }
        if (type == TYPE_DATA && air != NULL) {
            capture(air, packet + HEADER, (size_t)len - HEADER);
        }
        pass_on(fd, from, packet, (size_t)len, type);
    }
    if (verbose) {
        printf("in %lu, out %lu, lost %lu, malformed %lu, from nodes without a place %lu\n", packets_in, packets_out,
               packets_lost, packets_bad, packets_strange);
    }
    if (air != NULL) {
        int failed = ferror(air);
        if (fclose(air) != 0 || failed) {
            fail(capture_path);
        }
    }
    close(fd);
    return tool_end(0);
}
