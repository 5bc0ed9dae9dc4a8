/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Subscribes and prints what comes, with the options of mosquitto_sub. */
#include "mqtt_tool.h"

static const char usage[] =
    "usage: mote-mqtt-sub [OPTIONS] -t FILTER…\n"
    "  -h HOST  -p PORT           the broker, localhost and 1883 if not given\n"
    "  -V mqttv311|mqttv5         the protocol version, mqttv311 if not given\n"
    "  -i ID -u USER -P PASSWORD  client identifier, user name, password\n"
    "  -t FILTER  -T FILTER       what to print, what not to\n"
    "  -U FILTER                  a filter to unsubscribe from first\n"
    "  -q QOS                     the largest QoS\n"
    "  -C COUNT  -W SECONDS       stop after so many messages, or so long\n"
    "  -v  -N                     print the topic too, no newline\n"
    "  -R                         print no retained messages\n"
    "  -c -x SECONDS              keep the session, for so long (5.0)\n"
    "  --store DIR                keep what is in flight in a directory, over restarts too\n"
    "  -k SECONDS                 keep alive\n"
    "  -D PACKET NAME VALUE…      a property (5.0), as of mosquitto_sub\n"
    "  --will-topic TOPIC --will-payload TEXT --will-qos QOS --will-retain\n"
    "  --deferred                 acknowledge after a line was written, not by itself\n"
    "  -d                         say more\n";

static mqtt_tool tool;
static unsigned long wanted, got;
static int verbose, bare, fresh, over, refused, skip;

static void on_event(void *user, const mote_mqtt_event *event) {
    (void)user;
    mqtt_report(&tool, event);
    switch (event->kind) {
    case MOTE_MQTT_ENDED:
        if (event->status != MOTE_OK) refused = 1;
        return;
    case MOTE_MQTT_DISCONNECTED:
        if (event->retry_after == MOTE_MQTT_NO_RETRY) over = 1;
        return;
    case MOTE_MQTT_MESSAGE:
        skip = fresh && event->retain;
        for (size_t i = 0; i < tool.excluded_count; i++)
            skip |= mote_mqtt_topic_matches(tool_bytes(tool.excluded[i]), event->topic) == MOTE_OK;
        if (!skip && verbose) printf("%.*s ", (int)event->topic.len, (const char *)event->topic.ptr);
        break;
    case MOTE_MQTT_PAYLOAD: break;
    default: return;
    }
    if (!skip) {
        fwrite(event->payload.ptr, 1, event->payload.len, stdout);
        if (event->last) {
            if (!bare) fputc('\n', stdout);
            fflush(stdout);
            got++;
        }
    }
    if (event->last && event->token != 0 && (tool.config.options & MOTE_MQTT_DEFERRED))
        mote_mqtt_acknowledge(tool.mqtt, event->token, 0);
}

int main(int argc, char **argv) {
    unsigned long seconds = 0;
    mote_mqtt_filter former[TOOL_LIST];
    size_t former_count = 0;
    memset(former, 0, sizeof former);
    mqtt_defaults(&tool);
    for (int i = 1; i < argc; i++) {
        int taken = mqtt_option(&tool, argc - i, argv + i);
        if (taken >= 0) i += taken;
        else if (strcmp(argv[i], "-v") == 0) verbose = 1;
        else if (strcmp(argv[i], "-N") == 0) bare = 1;
        else if (strcmp(argv[i], "-R") == 0) fresh = 1;
        else if (strcmp(argv[i], "--deferred") == 0) tool.config.options |= MOTE_MQTT_DEFERRED;
        else if (strcmp(argv[i], "-U") == 0 && i + 1 < argc && former_count < TOOL_LIST)
            former[former_count++].filter = tool_bytes(argv[++i]);
        else if (strcmp(argv[i], "-C") == 0 && i + 1 < argc) wanted = mqtt_number(argv[++i], 0x7fffffff);
        else if (strcmp(argv[i], "-W") == 0 && i + 1 < argc) seconds = mqtt_number(argv[++i], 0x7fffffff);
        else {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (tool.topic_count == 0) {
        fputs(usage, stderr);
        return 2;
    }
    mqtt_begin(&tool, on_event);
    mote_mqtt_filter filters[TOOL_LIST];
    memset(filters, 0, sizeof filters);
    for (size_t i = 0; i < tool.topic_count; i++) {
        filters[i].filter = tool_bytes(tool.topics[i]);
        filters[i].qos = tool.qos;
    }
    mote_mqtt_subscribe_config subscription = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = filters,
                                                .filter_count = tool.topic_count,
                                                .properties = tool.subscribe.items,
                                                .property_count = tool.subscribe.count };
    if (former_count != 0) {
        mote_mqtt_subscribe_config ending = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = former,
                                              .filter_count = former_count,
                                              .properties = tool.unsubscribe.items,
                                              .property_count = tool.unsubscribe.count };
        tool_check(mote_mqtt_unsubscribe(tool.mqtt, &ending, NULL), "unsubscribe");
    }
    tool_check(mote_mqtt_subscribe(tool.mqtt, &subscription, NULL), "subscribe");
    tool_check(mote_mqtt_connect(tool.mqtt), "connect");
    uint64_t until = seconds == 0 ? UINT64_MAX : mqtt_nanoseconds() + seconds * 1000000000u;
    while (!over && !refused && !mqtt_stopped && (wanted == 0 || got < wanted) && mqtt_nanoseconds() < until) {
        uint64_t left = until == UINT64_MAX ? 1000 : (until - mqtt_nanoseconds()) / 1000000 + 1;
        tool_check(mote_node_run(tool.node, left < 1000 ? left : 1000), "run");
    }
    int bad = over || refused || (wanted != 0 && got < wanted);
    mqtt_end(&tool, !over);
    return bad ? (mqtt_nanoseconds() >= until ? 27 : 1) : 0;
}
