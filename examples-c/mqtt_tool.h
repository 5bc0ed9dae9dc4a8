/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the MQTT tools share: the options that mosquitto_pub and mosquitto_sub have too. */
#ifndef MOTE_MQTT_TOOL_H
#define MOTE_MQTT_TOOL_H

#include "tool.h"
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

enum { TOOL_LIST = 16 };

typedef struct mqtt_list {
    mote_mqtt_property items[TOOL_LIST];
    size_t count;
} mqtt_list;

typedef struct mqtt_tool {
    mote_mqtt_config config;
    mote_mqtt_will will;
    mqtt_list connect, publish, subscribe, unsubscribe, disconnect, will_list;
    const char *topics[TOOL_LIST], *store;
    size_t topic_count;
    uint8_t qos;
    int persistent, expires, debug; /* -c, -x, -d */
    int ever, connected, ended; /* ever connected; now; no connection any more, and none to come */
    mote_node *node;
    mote_mqtt *mqtt;
} mqtt_tool;

static TOOL_UNUSED volatile sig_atomic_t mqtt_stopped;
static TOOL_UNUSED void mqtt_stop(int signal_number) {
    (void)signal_number;
    mqtt_stopped = 1;
}

static TOOL_UNUSED void mqtt_die(const char *what, const char *which) {
    fprintf(stderr, "%s%s%s\n", what, which != NULL ? ": " : "", which != NULL ? which : "");
    exit(2);
}

static TOOL_UNUSED uint64_t mqtt_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* -D PACKET NAME VALUE [VALUE]: takes the words it needs and returns how many. */
static TOOL_UNUSED int mqtt_property(mqtt_tool *tool, int count, char **words) {
    enum { FLAG = 1, SHORT = 65535 };
    static const struct {
        const char *name;
        uint8_t id;
        uint32_t most; /* Of a number; 0 for what is none. */
    } names[] = {
        { "payload-format-indicator", 1, FLAG }, { "message-expiry-interval", 2, UINT32_MAX }, { "content-type", 3, 0 },
        { "response-topic", 8, 0 }, { "correlation-data", 9, 0 }, { "subscription-identifier", 11, 268435455 },
        { "session-expiry-interval", 17, UINT32_MAX }, { "authentication-method", 21, 0 }, { "authentication-data", 22, 0 },
        { "request-problem-information", 23, FLAG }, { "will-delay-interval", 24, UINT32_MAX },
        { "request-response-information", 25, FLAG }, { "reason-string", 31, 0 }, { "receive-maximum", 33, SHORT },
        { "topic-alias-maximum", 34, SHORT }, { "user-property", 38, 0 }, { "maximum-packet-size", 39, UINT32_MAX },
    };
    mqtt_list *list = NULL;
    if (count < 3) mqtt_die("-D PACKET NAME VALUE", NULL);
    if (strcmp(words[0], "connect") == 0) list = &tool->connect;
    if (strcmp(words[0], "publish") == 0) list = &tool->publish;
    if (strcmp(words[0], "subscribe") == 0) list = &tool->subscribe;
    if (strcmp(words[0], "unsubscribe") == 0) list = &tool->unsubscribe;
    if (strcmp(words[0], "disconnect") == 0) list = &tool->disconnect;
    if (strcmp(words[0], "will") == 0) list = &tool->will_list;
    if (list == NULL) mqtt_die("no packet for -D", words[0]);
    if (list->count >= TOOL_LIST) mqtt_die("too many properties", NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(words[1], names[i].name) != 0) continue;
        mote_mqtt_property *property = &list->items[list->count++];
        memset(property, 0, sizeof *property);
        property->id = names[i].id;
        if (names[i].most != 0) property->number = (uint32_t)tool_count(words[1], words[2], 0, names[i].most);
        else property->data = tool_bytes(words[2]);
        if (list == &tool->connect) {
            /* These follow from the config. */
            uint32_t number = property->number;
            list->count--;
            switch (property->id) {
            case 17: tool->config.session_expiry = number, tool->expires = 1; break;
            case 33: tool->config.receive_maximum = (uint16_t)number; break;
            case 34: tool->config.topic_alias_maximum = (uint16_t)number; break;
            case 39: tool->config.maximum_packet_size = number; break;
            default: list->count++;
            }
        }
        if (names[i].id != 38) return 3;
        if (count < 4) mqtt_die("a user property has a name and a value", NULL);
        property->value = tool_bytes(words[3]);
        return 4;
    }
    mqtt_die("no such property", words[1]);
    return 0;
}

/* Takes one of the options that the tools share; returns how many further words it took, -1 for none of them. */
static TOOL_UNUSED int mqtt_option(mqtt_tool *tool, int count, char **words) {
    static const char *const with_value[] = {
        "-h", "-p", "-t", "-q", "-i", "-k", "-u", "-P", "-V", "-x", "--store", "--will-topic", "--will-payload", "--will-qos",
    };
    mote_mqtt_config *config = &tool->config;
    const char *name = words[0], *value = count > 1 ? words[1] : NULL;
    if (strcmp(name, "-c") == 0) return tool->persistent = 1, 0;
    if (strcmp(name, "-d") == 0) return tool->debug = 1, 0;
    if (strcmp(name, "--will-retain") == 0) return tool->will.retain = 1, 0;
    if (strcmp(name, "-D") == 0) return mqtt_property(tool, count - 1, words + 1);
    size_t which = 0, all = sizeof with_value / sizeof *with_value;
    while (which < all && strcmp(with_value[which], name) != 0) which++;
    if (which == all) return -1;
    if (value == NULL) mqtt_die("an option wants a value", name);
    switch (which) {
    case 0: config->host = tool_bytes(value); break;
    case 1: config->port = (uint16_t)tool_count(name, value, 1, 65535); break;
    case 2:
        if (tool->topic_count >= TOOL_LIST) mqtt_die("too many topics", NULL);
        tool->topics[tool->topic_count++] = value;
        break;
    case 3: tool->qos = (uint8_t)tool_count(name, value, 0, 2); break;
    case 4: config->client_id = tool_bytes(value); break;
    case 5:
        config->keep_alive = (uint16_t)tool_count(name, value, 0, 65534);
        if (config->keep_alive == 0) config->keep_alive = MOTE_MQTT_NO_KEEP_ALIVE;
        break;
    case 6: config->user_name = tool_bytes(value); break;
    case 7: config->password = tool_bytes(value); break;
    case 8:
        if (strcmp(value, "mqttv311") == 0 || strcmp(value, "311") == 0) config->version = MOTE_MQTT_V311;
        else if (strcmp(value, "mqttv5") == 0 || strcmp(value, "5") == 0) config->version = MOTE_MQTT_V5;
        else mqtt_die("no such version", value);
        break;
    case 9:
        tool->expires = 1;
        /* Never. */
        if (strcmp(value, "-1") == 0 || strcmp(value, "∞") == 0) config->session_expiry = 0xffffffffu;
        else config->session_expiry = (uint32_t)tool_count(name, value, 0, 0xffffffffu);
        break;
    case 10: tool->store = value; break;
    case 11: tool->will.topic = tool_bytes(value); break;
    case 12: tool->will.payload = tool_bytes(value); break;
    default: tool->will.qos = (uint8_t)tool_count(name, value, 0, 2); break;
    }
    return 1;
}

static TOOL_UNUSED void mqtt_defaults(mqtt_tool *tool) {
    memset(tool, 0, sizeof *tool);
    tool->config.size = sizeof tool->config;
    tool->will.size = sizeof tool->will;
    tool->config.version = MOTE_MQTT_V311;
    tool->config.host = tool_bytes("localhost");
    tool->config.queue = 4u << 20;
    tool->config.names = 64u << 10;
    tool->config.output = 64u << 10;
    tool->config.input = 256u << 10;
    tool->config.handlers = TOOL_LIST;
    tool->config.operations = 1024;
    /* 3.1.1 has no Receive Maximum, and a broker may send all it has after a reconnection. */
    tool->config.receive_maximum = 65535;
    /* Somebody is waiting. */
    tool->config.reconnect_ceiling = 5000;
}

/* Ends the program for a text that is no topic filter. */
static TOOL_UNUSED void mqtt_filter(const char *option, const char *filter) {
    /* Against some name, to hear whether it is a filter at all. */
    if (mote_mqtt_topic_matches(tool_bytes(filter), tool_bytes("a")) == MOTE_ERR_INVALID) tool_refuse(option, filter, "a topic filter");
}

/* Ends the program for a topic with control characters, on which brokers close the connection without a word (5.0 section 1.5.4). */
static TOOL_UNUSED void mqtt_plain(const char *topic) {
    for (const unsigned char *at = (const unsigned char *)topic; *at != 0; at++)
        if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)) mqtt_die("a topic has control characters", topic);
}

/* Makes the node and the client; the options have been read. */
static TOOL_UNUSED void mqtt_begin(mqtt_tool *tool, mote_mqtt_callback callback) {
    static char name[32];
    static mote_linux_options options;
    static mote_port port;
    mote_mqtt_config *config = &tool->config;
    port = *mote_port_linux();
    options.size = sizeof options;
    if (tool->store != NULL) {
        options.store_directory = tool_bytes(tool->store);
        config->store_owner = 1;
        tool->persistent = 1;
    }
    port.user = &options;
    config->clean_start = !tool->persistent;
    if (tool->persistent && !tool->expires) config->session_expiry = 0xffffffffu;
    if (config->client_id.len == 0) {
        if (tool->persistent) mqtt_die("a session that lasts needs a client identifier (-i)", NULL);
        snprintf(name, sizeof name, "mote-%ld", (long)getpid());
        config->client_id = tool_bytes(name);
    }
    for (size_t i = 0; i < tool->topic_count; i++) mqtt_plain(tool->topics[i]);
    if (tool->will.topic.len == 0 && (tool->will.payload.len != 0 || tool->will.qos != 0 || tool->will.retain || tool->will_list.count != 0))
        mqtt_die("a will needs a topic (--will-topic)", NULL);
    if (config->version == MOTE_MQTT_V311
        && (tool->connect.count != 0 || tool->publish.count != 0 || tool->subscribe.count != 0 || tool->unsubscribe.count != 0
            || tool->disconnect.count != 0 || tool->will_list.count != 0))
        mqtt_die("properties (-D) are of 5.0 (-V mqttv5)", NULL);
    if (tool->will.topic.len != 0) {
        tool->will.properties = tool->will_list.items;
        tool->will.property_count = tool->will_list.count;
        config->will = &tool->will;
    }
    config->properties = tool->connect.items;
    config->property_count = tool->connect.count;
    config->callback = callback;
    config->user = tool;
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .port = &port };
    size_t size = 0;
    tool_check(mote_node_size(&node_config, &size), "node");
    tool_check(mote_node_init(malloc(size), size, &node_config, &tool->node), tool->store != NULL ? tool->store : "node");
    config->node = tool->node;
    tool_check(mote_mqtt_size(config, &size), "client");
    tool_check(mote_mqtt_init(malloc(size), size, config, &tool->mqtt), "client");
    /* Once in order; the second kills. */
    struct sigaction stop = { .sa_handler = mqtt_stop, .sa_flags = (int)SA_RESETHAND };
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
}

/* Whether it is of no use to go on: nothing more is tried, or there was no server at the first attempt. With a store that is waited for,
 * since what is kept there is to be sent whenever it can be. */
static TOOL_UNUSED int mqtt_in_vain(mqtt_tool *tool, const mote_mqtt_event *event) {
    int nobody = event->status == MOTE_ERR_NOT_FOUND || event->status == MOTE_ERR_REFUSED || event->status == MOTE_ERR_UNREACHABLE
                 || event->status == MOTE_ERR_TIMEOUT;
    if (event->kind == MOTE_MQTT_CONNECTED) tool->ever = 1;
    if (event->kind != MOTE_MQTT_DISCONNECTED) return 0;
    return event->retry_after == MOTE_MQTT_NO_RETRY || (nobody && !tool->ever && tool->store == NULL);
}

/* What went wrong, and the Reason Code if there is one, without an end of the line. */
static TOOL_UNUSED void mqtt_say(const char *what, const mote_mqtt_event *event) {
    mote_bytes text = mote_status_str(event->status);
    fprintf(stderr, "%s: %.*s", what, (int)text.len, (const char *)text.ptr);
    if (event->reason != 0) fprintf(stderr, ", reason 0x%02x", event->reason);
}

/* One line on standard error about what is worth one. */
static TOOL_UNUSED void mqtt_report(mqtt_tool *tool, const mote_mqtt_event *event) {
    if (event->kind == MOTE_MQTT_CONNECTED) tool->connected = 1;
    if (event->kind == MOTE_MQTT_CONNECTED && tool->debug)
        fprintf(stderr, "connected%s\n", event->session_present ? ", the session goes on" : "");
    if (event->kind == MOTE_MQTT_DISCONNECTED && event->retry_after == MOTE_MQTT_NO_RETRY) tool->ended = 1;
    if (event->kind == MOTE_MQTT_DISCONNECTED && (tool->debug || event->status != MOTE_ERR_CLOSED)) {
        mqtt_say(tool->connected ? "disconnected" : "not connected", event);
        if (!mqtt_in_vain(tool, event)) fprintf(stderr, ", again in %lu ms", (unsigned long)event->retry_after);
        fputc('\n', stderr);
    }
    if (event->kind == MOTE_MQTT_DISCONNECTED) tool->connected = 0;
    if (event->kind == MOTE_MQTT_ENDED && event->status != MOTE_OK) {
        mqtt_say("failed", event);
        fputc('\n', stderr);
    }
}

/* Disconnects in order and takes everything down. In order means until the server has closed its side: who goes earlier may take
 * with them what it has not read yet, acknowledgements among it. */
static TOOL_UNUSED void mqtt_end(mqtt_tool *tool, int orderly) {
    uint64_t until = mqtt_nanoseconds() + 3000000000u;
    while (orderly && !tool->ended && mqtt_nanoseconds() < until) {
        /* Not in the midst of a message, and not twice. */
        mote_mqtt_disconnect(tool->mqtt, 0, tool->disconnect.items, tool->disconnect.count);
        tool_check(mote_node_run(tool->node, 100), "run");
    }
    mote_mqtt_close(tool->mqtt);
    mote_node_close(tool->node);
}

#endif
