/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tools of the mesh share: a node over ZEP on Linux, and the options that describe it. */
#ifndef MOTE_TOOL_MESH_H
#define MOTE_TOOL_MESH_H

#include "tool.h"
#include <signal.h>

enum { TOOL_MAX_PEERS = 16 };

#define TOOL_MESH_USAGE \
    "  --zep ADDR:PORT[,...]  the peers of the radio over UDP, or one dispatcher (mote-zep-switch)\n" \
    "  --local ADDR:PORT      where the radio's socket is bound; any address and port if not given\n" \
    "  --eui64 X              sixteen hexadecimal digits; made from the process number if not given\n" \
    "  --pan N                the PAN ID, 0xabcd if not given\n" \
    "  --channel N            11 to 26, 26 if not given\n" \
    "  --capture FILE         everything sent and received, for Wireshark\n" \
    "  --ghc                  generic header compression towards neighbours that have it (RFC 7400)\n" \
    "  --sixlorh              the headers of RPL compressed; all nodes must understand it (RFC 8138)\n"

#define TOOL_ROOT_USAGE(who) \
    "  --mode MODE            " who "storing or non-storing (non-storing)\n" \
    "  --objective O          " who "mrhof, of0, hops or latency (mrhof)\n" \
    "  --prefix P             " who "the first 64 bits of all addresses of the mesh (fd00::)\n" \
    "  --compress             " who "all nodes send the headers of RPL compressed (RFC 8138, RFC 9035)\n" \
    "  --fast                 " who "trickle begins at a quarter of a second, for demonstrations\n"

typedef struct {
    mote_address peers[TOOL_MAX_PEERS], local;
    size_t peer_count;
    uint8_t eui64[8];
    uint16_t pan, channel;
    const char *capture;
    uint16_t ghc, sixlorh;
} tool_mesh;

static volatile sig_atomic_t tool_stopping;
static void TOOL_UNUSED tool_stop(int number) { (void)number, tool_stopping = 1; }

/* Reads `ADDR:PORT`, `[ADDR]:PORT`, `ADDR` or `HOST:PORT`. */
static TOOL_UNUSED mote_status tool_endpoint(const char *text, size_t len, mote_address *address) {
    static const mote_bytes no_zone = { NULL, 0 };
    mote_bytes host = { (const uint8_t *)text, len };
    const char *end = text + len, *port = NULL;
    if (len > 0 && *text == '[') {
        const char *close = memchr(text, ']', len);
        if (close == NULL) return MOTE_ERR_MALFORMED;
        host.ptr = (const uint8_t *)text + 1;
        host.len = (size_t)(close - text - 1);
        if (close + 1 < end && close[1] != ':') return MOTE_ERR_MALFORMED;
        if (close + 1 < end) port = close + 2;
    } else {
        const char *colon = memchr(text, ':', len);
        if (colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon - 1)) == NULL) {
            host.len = (size_t)(colon - text);
            port = colon + 1;
        }
    }
    mote_status status = tool_resolve(host, no_zone, address);
    if (status == MOTE_OK && port != NULL) {
        char digits[8];
        unsigned long number;
        snprintf(digits, sizeof digits, "%.*s", (int)(end - port), port);
        if (end - port >= (long)sizeof digits || !tool_number(digits, 0xffff, &number)) return MOTE_ERR_MALFORMED;
        address->port = (uint16_t)number;
    }
    return status;
}

/* Takes one of the options above at argv[*i]; 0 when it is none of them. */
static TOOL_UNUSED int tool_mesh_option(tool_mesh *mesh, int *i, int argc, char **argv) {
    const char *option = argv[*i], *value = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (strcmp(option, "--ghc") == 0) return mesh->ghc = 1;
    if (strcmp(option, "--sixlorh") == 0) return mesh->sixlorh = 1;
    if (value == NULL) return 0;
    if (strcmp(option, "--zep") == 0) {
        while (*value != '\0') {
            if (mesh->peer_count == TOOL_MAX_PEERS) tool_refuse(option, value, "any more: sixteen peers at most");
            size_t len = strcspn(value, ",");
            mote_status status = tool_endpoint(value, len, &mesh->peers[mesh->peer_count++]);
            if (status == MOTE_OK && mesh->peers[mesh->peer_count - 1].port == 0) status = MOTE_ERR_MALFORMED;
            tool_check(status, "--zep");
            value += len + (value[len] == ',');
        }
    } else if (strcmp(option, "--local") == 0) {
        tool_check(tool_endpoint(value, strlen(value), &mesh->local), "--local");
    } else if (strcmp(option, "--eui64") == 0) {
        unsigned byte;
        size_t count = 0;
        const char *digits = value;
        while (*digits != '\0' && count < 8) {
            if (*digits == ':' || *digits == '-') {
                digits++;
                continue;
            }
            if (strspn(digits, "0123456789abcdefABCDEF") < 2 || sscanf(digits, "%2x", &byte) != 1) break;
            mesh->eui64[count++] = (uint8_t)byte;
            digits += 2;
        }
        if (count != 8 || *digits != '\0') tool_refuse(option, value, "sixteen hexadecimal digits");
    } else if (strcmp(option, "--pan") == 0) {
        mesh->pan = (uint16_t)tool_count(option, value, 1, 0xfffe);
    } else if (strcmp(option, "--channel") == 0) {
        mesh->channel = (uint16_t)tool_count(option, value, 11, 26);
    } else if (strcmp(option, "--capture") == 0) {
        mesh->capture = value;
    } else {
        return 0;
    }
    ++*i;
    return 1;
}

/* Takes one of the options of a root at argv[*i]; 0 when it is none of them. */
static TOOL_UNUSED int tool_root_option(mote_mesh_root_config *root, int *i, int argc, char **argv) {
    const char *option = argv[*i], *value = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (strcmp(option, "--fast") == 0) {
        root->interval_min = 8;
        return 1;
    }
    if (strcmp(option, "--compress") == 0) {
        root->sixlorh = 1;
        return 1;
    }
    if (value == NULL) return 0;
    if (strcmp(option, "--mode") == 0) root->mode = tool_either(option, value, "non-storing", "storing") ? MOTE_MESH_STORING : MOTE_MESH_NON_STORING;
    else if (strcmp(option, "--objective") == 0) root->objective = tool_objective(option, value);
    else if (strcmp(option, "--prefix") == 0) {
        mote_address prefix;
        tool_check(mote_address_parse(tool_bytes(value), &prefix), "--prefix");
        memcpy(root->prefix, prefix.ip, 16);
    } else return 0;
    ++*i;
    return 1;
}

static TOOL_UNUSED void *tool_memory(size_t size) {
    void *block = calloc(1, size);
    if (block == NULL) tool_check(MOTE_ERR_NO_MEMORY, "memory");
    return block;
}

/* Makes a node on the Linux port with a radio over ZEP. */
static TOOL_UNUSED mote_node *tool_mesh_node(const tool_mesh *mesh, uint16_t objects) {
    static mote_linux_options options;
    static mote_port port;
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .objects = objects, .radio_frames = 16 };
    mote_node *node;
    size_t size;
    options.size = sizeof options;
    options.zep_peers = mesh->peers;
    options.zep_peer_count = mesh->peer_count;
    options.zep_local = mesh->local;
    if (mesh->capture != NULL) options.capture_path = tool_bytes(mesh->capture);
    port = *mote_port_linux();
    port.user = &options;
    config.port = &port;
    tool_check(mote_node_size(&config, &size), "node");
    tool_check(mote_node_init(tool_memory(size), size, &config, &node), "node");
    return node;
}

/* The same for a program that runs until it is stopped by a signal; one without peers has not understood how it is used. */
static TOOL_UNUSED mote_node *tool_mesh_begin(const tool_mesh *mesh, uint16_t objects, const char *usage) {
    if (mesh->peer_count == 0) tool_misused(usage);
    signal(SIGINT, tool_stop);
    signal(SIGTERM, tool_stop);
    return tool_mesh_node(mesh, objects);
}

/* Completes the config of a mesh and makes it. */
static TOOL_UNUSED mote_mesh *tool_mesh_make(const tool_mesh *given, mote_mesh_config *config) {
    mote_mesh *mesh;
    size_t size;
    memcpy(config->eui64, given->eui64, 8);
    if (memcmp(given->eui64, "\0\0\0\0\0\0\0", 8) == 0) {
        unsigned long number = (unsigned long)getpid();
        config->eui64[0] = 2;
        config->eui64[1] = 0x10;
        for (int i = 0; i < 4; i++) config->eui64[4 + i] = (uint8_t)(number >> (24 - 8 * i));
    }
    config->pan_id = given->pan;
    config->channel = given->channel;
    config->ghc = given->ghc;
    config->sixlorh = given->sixlorh;
    config->ip_reassemblies = 4;
    tool_check(mote_mesh_size(config, &size), "mesh");
    tool_check(mote_mesh_init(tool_memory(size), size, config, &mesh), "mesh");
    return mesh;
}

/* An address as text, in a buffer of its own that lasts for four calls. */
static TOOL_UNUSED const char *tool_ip(const mote_address *address) {
    static char texts[4][MOTE_ADDRESS_TEXT + 1];
    static unsigned turn;
    mote_address plain = *address;
    char *text = texts[turn++ & 3];
    size_t len = 0;
    plain.port = 0;
    plain.scope = 0;
    (void)mote_address_format(&plain, (uint8_t *)text, MOTE_ADDRESS_TEXT, &len);
    text[len] = '\0';
    /* Without the brackets and the port. */
    char *close = strchr(text, ']');
    if (close == NULL) return text;
    *close = '\0';
    return text + 1;
}

/* Tells what happens to a node of the mesh; 1 when it was something of the network's. */
static TOOL_UNUSED int tool_mesh_tell(const mote_mesh_event *event) {
    switch (event->kind) {
    case MOTE_MESH_JOINED: printf("joined %s\n", tool_ip(&event->address)); break;
    case MOTE_MESH_PARENT: printf("parent %s\n", tool_ip(&event->address)); break;
    case MOTE_MESH_LOST: printf("lost\n"); break;
    case MOTE_MESH_REFUSED: printf("refused: no room for a route to this node\n"); break;
    case MOTE_MESH_ADDRESS: printf("address %s\n", tool_ip(&event->address)); break;
    case MOTE_MESH_ADDRESS_LOST: printf("address lost %s\n", tool_ip(&event->address)); break;
    case MOTE_MESH_ROUTER_FOUND: printf("router %s\n", tool_ip(&event->address)); break;
    case MOTE_MESH_HOST_REGISTERED: printf("host %s\n", tool_ip(&event->address)); break;
    case MOTE_MESH_HOST_LOST: printf("host lost %s\n", tool_ip(&event->address)); break;
    case MOTE_MESH_ROUTE: printf("route %s/%u\n", tool_ip(&event->address), event->prefix_len); break;
    case MOTE_MESH_ROUTE_LOST: printf("route lost %s/%u\n", tool_ip(&event->address), event->prefix_len); break;
    default: return 0;
    }
    fflush(stdout);
    return 1;
}

#endif
