/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Subscribes and prints what comes, with the options of mosquitto_sub.
 *
 * Nothing that it has acknowledged is lost. A message is gathered until it is there whole, then written, and acknowledged when the
 * system has taken its last byte, not before: whenever this program dies, by SIGTERM, by SIGKILL or because its output cannot be
 * written, what it had acknowledged is in the pipe or the file that it writes to, and the broker has the rest and sends it again when
 * the session goes on (-c). A message whose connection ends in its midst is not written at all. What was written and not acknowledged
 * comes twice at QoS 1; at QoS 2 that takes a death between the two. It does not wait for a disk (no fsync).
 *
 * An empty message is an empty line. The status is 0 after -C messages or a signal, 27 when -W has ended it, 1 when the broker is gone or refuses, and 2
 * when the options are wrong or nothing can be written. */
#include "mqtt_tool.h"
#include <errno.h>
#include <poll.h>

static const char usage[] =
    "usage: mote-mqtt-sub [OPTIONS] -t FILTER…\n"
    "  -h HOST  -p PORT           the broker, localhost and 1883 if not given\n"
    "  -V mqttv311|mqttv5         the protocol version, mqttv311 if not given\n"
    "  -i ID -u USER -P PASSWORD  client identifier, user name, password\n"
    "  -t FILTER  -T FILTER       what to print, what not to\n"
    "  -U FILTER                  a filter to unsubscribe from, of this call or of the session\n"
    "  -q QOS                     the largest QoS\n"
    "  -C COUNT  -W SECONDS       stop after so many messages, or so long\n"
    "  -v  -N                     print the topic too, no newline\n"
    "  -R                         print no retained messages\n"
    "  -c -x SECONDS              keep the session, for so long (5.0)\n"
    "  --store DIR                keep what is in flight in a directory, over restarts too\n"
    "  -k SECONDS                 keep alive\n"
    "  -D PACKET NAME VALUE…      a property (5.0), as of mosquitto_sub\n"
    "  --will-topic TOPIC --will-payload TEXT --will-qos QOS --will-retain\n"
    "  -d                         say more\n"
    "Exit status: 0 after -C messages or a signal, 27 when -W has ended it, 1 when the broker is gone or refuses, 2 when the\n"
    "options are wrong or nothing can be written.\n";

static mqtt_tool tool;
static const char *excluded[TOOL_LIST];
static size_t excluded_count;
static unsigned long wanted, got;
static int verbose, bare, fresh, over, refused, skip;
/* What is to be written of the message that is coming. */
static uint8_t *line;
static size_t line_len, line_room;

static void gather(const void *data, size_t len) {
    if (len > line_room - line_len) {
        size_t room = line_room * 2 > line_len + len ? line_room * 2 : line_len + len;
        uint8_t *more = realloc(line, room);
        if (more == NULL) mqtt_die("no memory for a message", NULL);
        line = more;
        line_room = room;
    }
    if (len != 0) memcpy(line + line_len, data, len);
    line_len += len;
}

/* Writes all that was gathered, or ends the program. */
static void write_out(void) {
    size_t done = 0;
    while (done < line_len) {
        ssize_t count = write(STDOUT_FILENO, line + done, line_len - done);
        struct pollfd room = { .fd = STDOUT_FILENO, .events = POLLOUT };
        if (count >= 0) done += (size_t)count;
        else if (errno == EAGAIN || errno == EWOULDBLOCK) poll(&room, 1, -1);
        else if (errno != EINTR) mqtt_die("cannot write", strerror(errno));
    }
}

static void on_message(const mote_mqtt_event *event) {
    if (event->kind == MOTE_MQTT_MESSAGE) {
        line_len = 0;
        skip = fresh && event->retain;
        for (size_t i = 0; i < excluded_count; i++)
            skip |= mote_mqtt_topic_matches(tool_bytes(excluded[i]), event->topic) == MOTE_OK;
        if (verbose) {
            gather(event->topic.ptr, event->topic.len);
            gather(" ", 1);
        }
    }
    /* Enough were written: these are for whoever takes the session next. */
    if (wanted != 0 && got >= wanted) return;
    if (!skip) gather(event->payload.ptr, event->payload.len);
    if (!event->last) return;
    if (!skip) {
        if (!bare) gather("\n", 1);
        write_out();
        got++;
    }
    if (event->token != 0) mote_mqtt_acknowledge(tool.mqtt, event->token, 0);
}

static void on_event(void *user, const mote_mqtt_event *event) {
    (void)user;
    mqtt_report(&tool, event);
    if (mqtt_in_vain(&tool, event)) over = 1;
    switch (event->kind) {
    case MOTE_MQTT_ENDED:
        if (event->status != MOTE_OK) refused = 1;
        break;
    case MOTE_MQTT_MESSAGE:
    case MOTE_MQTT_PAYLOAD: on_message(event); break;
    /* MOTE_MQTT_ABORTED: the message comes again, and begins anew. */
    default: break;
    }
}

int main(int argc, char **argv) {
    unsigned long seconds = 0;
    mote_mqtt_filter former[TOOL_LIST];
    size_t former_count = 0;
    memset(former, 0, sizeof former);
    tool_help(argc, argv, usage);
    mqtt_defaults(&tool);
    for (int i = 1; i < argc; i++) {
        int taken = mqtt_option(&tool, argc - i, argv + i);
        if (taken >= 0) i += taken;
        else if (strcmp(argv[i], "-v") == 0) verbose = 1;
        else if (strcmp(argv[i], "-N") == 0) bare = 1;
        else if (strcmp(argv[i], "-R") == 0) fresh = 1;
        else if (strcmp(argv[i], "-T") == 0 && i + 1 < argc) {
            if (excluded_count >= TOOL_LIST) mqtt_die("too many filters", NULL);
            mqtt_filter("-T", argv[++i]);
            excluded[excluded_count++] = argv[i];
        } else if (strcmp(argv[i], "-U") == 0 && i + 1 < argc) {
            if (former_count >= TOOL_LIST) mqtt_die("too many filters", NULL);
            mqtt_filter("-U", argv[++i]);
            former[former_count++].filter = tool_bytes(argv[i]);
        } else if ((strcmp(argv[i], "-C") == 0 || strcmp(argv[i], "-W") == 0) && i + 1 < argc) {
            unsigned long number = tool_count(argv[i], argv[i + 1], 1, 0x7fffffff);
            *(argv[i++][1] == 'C' ? &wanted : &seconds) = number;
        } else {
            tool_unknown(argv[i], usage);
        }
    }
    if (tool.topic_count + former_count == 0) tool_misused(usage);
    for (size_t i = 0; i < tool.topic_count; i++) mqtt_filter("-t", tool.topics[i]);
    tool.config.options |= MOTE_MQTT_DEFERRED;
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
    if (tool.topic_count != 0) tool_check(mote_mqtt_subscribe(tool.mqtt, &subscription, NULL), "subscribe");
    if (former_count != 0) {
        mote_mqtt_subscribe_config ending = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = former,
                                              .filter_count = former_count,
                                              .properties = tool.unsubscribe.items,
                                              .property_count = tool.unsubscribe.count };
        tool_check(mote_mqtt_unsubscribe(tool.mqtt, &ending, NULL), "unsubscribe");
    }
    tool_check(mote_mqtt_connect(tool.mqtt), "connect");
    uint64_t until = seconds == 0 ? UINT64_MAX : mqtt_nanoseconds() + seconds * 1000000000u;
    while (!over && !refused && !mqtt_stopped && (wanted == 0 || got < wanted) && mqtt_nanoseconds() < until) {
        uint64_t left = until == UINT64_MAX ? 1000 : (until - mqtt_nanoseconds()) / 1000000 + 1;
        tool_check(mote_node_run(tool.node, left < 1000 ? left : 1000), "run");
    }
    int late = !over && !refused && !mqtt_stopped && (wanted == 0 || got < wanted);
    int bad = over || refused;
    if (late) fputs("timed out\n", stderr);
    mqtt_end(&tool, !over);
    return late ? 27 : bad;
}
