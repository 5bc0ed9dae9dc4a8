/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Publishes messages, with the options of mosquitto_pub.
 *
 * What was not acknowledged is sent again over further connections, but given up when IN_VAIN of them in a row have ended without a message
 * having been taken. The status is 0 when all was done, 1 when something was not, and 2 when the options are wrong. */
#include "mqtt_tool.h"
#include <poll.h>

static const char usage[] =
    "usage: mote-mqtt-pub [OPTIONS] -t TOPIC (-m MESSAGE | -f FILE | -l | -s | -n)\n"
    "  -h HOST  -p PORT           the broker, localhost and 1883 if not given\n"
    "  -V mqttv311|mqttv5         the protocol version, mqttv311 if not given\n"
    "  -i ID -u USER -P PASSWORD  client identifier, user name, password\n"
    "  -q QOS -r                  QoS, retain\n"
    "  -m MESSAGE | -f FILE | -s  what to publish: a text, a file, standard input\n"
    "  -l | -n                    each line of standard input, an empty message\n"
    "  -c -x SECONDS              keep the session, for so long (5.0)\n"
    "  --store DIR                keep what is in flight in a directory, over restarts too\n"
    "  -k SECONDS                 keep alive\n"
    "  -D PACKET NAME VALUE…      a property (5.0), as of mosquitto_pub\n"
    "  --will-topic TOPIC --will-payload TEXT --will-qos QOS --will-retain\n"
    "  --chunk BYTES              publish -f in parts of so many bytes\n"
    "  --window N                 how many messages wait at a time with -l, 1000 if not given\n"
    "  --echo                     print each line of -l once it was taken, with --store: is kept\n"
    "  --drain                    publish nothing: finish what the store holds\n"
    "  -d                         say more\n"
    "Exit status: 0 when all was published, 1 when something was not, 2 when the options are wrong.\n";

/* When so many connections in a row ended without one message having been done with, more would not help. */
enum { IN_VAIN = 5 };

/* Lines longer than this are published in parts; nothing is longer than a packet can be. */
enum { LONG_LINE = 1 << 20, LONGEST_MESSAGE = 1 << 28 };

static mqtt_tool tool;
static unsigned long open_count, done_count, failures, window = 1000, chunk;
static uint8_t retain;
static int over;
static FILE *file;
static uint32_t file_size;

/* How many messages the client has that are not done with, those of an earlier call too. */
static unsigned long pending(void) {
    mote_mqtt_statistics statistics = { .size = sizeof statistics };
    tool_check(mote_mqtt_get_statistics(tool.mqtt, &statistics), "statistics");
    return statistics.pending;
}

/* Counts the connections that ended without having been of use to the messages that wait; whether it is enough. A broker
 * may close each without saying why. */
static int all_in_vain(const mote_mqtt_event *event) {
    static unsigned long done_before, vain;
    static int connected;
    if (event->kind == MOTE_MQTT_CONNECTED) connected = 1;
    if (event->kind != MOTE_MQTT_DISCONNECTED || !connected) return 0;
    connected = 0;
    vain = done_count == done_before && pending() != 0 ? vain + 1 : 0;
    done_before = done_count;
    return vain >= IN_VAIN;
}

static void on_event(void *user, const mote_mqtt_event *event) {
    (void)user;
    if (event->kind == MOTE_MQTT_ENDED) done_count++;
    mqtt_report(&tool, event);
    if (mqtt_in_vain(&tool, event)) over = 1;
    if (all_in_vain(event) && !over) {
        fprintf(stderr, "given up: %d connections in a row ended without a message having been taken\n", IN_VAIN);
        over = 1;
    }
    if (event->kind == MOTE_MQTT_WANTED) {
        /* The store keeps that there was a message in parts (--chunk), but its payload went with the program that died. */
        failures++;
        mote_mqtt_cancel(tool.mqtt, event->operation);
    }
}

static void on_message(void *user, const mote_mqtt_event *event) {
    (void)user;
    if (event->kind == MOTE_MQTT_WANTED) {
        static uint8_t buffer[65536];
        mote_bytes part = { buffer, 0 };
        size_t taken;
        if (fseek(file, (long)event->offset, SEEK_SET) != 0) mqtt_die("cannot read", NULL);
        part.len = fread(buffer, 1, chunk != 0 && chunk < sizeof buffer ? chunk : sizeof buffer, file);
        if (part.len == 0) mqtt_die("the file cannot be read, or has become shorter", NULL);
        mote_mqtt_publish_chunk(tool.mqtt, event->operation, part, &taken);
        return;
    }
    mqtt_report(&tool, event);
    open_count--;
    done_count++;
    if (event->status != MOTE_OK) failures++;
}

/* Whether the message was taken: with a store, it is kept from here on. */
static int publish(mote_bytes payload) {
    mote_mqtt_publish_config message = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = tool.qos, .retain = retain };
    message.topic = tool_bytes(tool.topics[0]);
    message.payload = payload;
    message.properties = tool.publish.items;
    message.property_count = tool.publish.count;
    message.callback = on_message;
    if (file != NULL) {
        message.parts = 1;
        message.total = file_size;
    }
    while (!over && !mqtt_stopped) {
        mote_status status = open_count >= window ? MOTE_ERR_FULL : mote_mqtt_publish(tool.mqtt, &message, NULL);
        if (status == MOTE_OK) {
            open_count++;
            return 1;
        }
        /* Where nothing is under way that will make room, a store's medium may be full. */
        if (status != MOTE_ERR_FULL || (open_count == 0 && pending() == 0)) tool_check(status, "publish");
        tool_check(mote_node_run(tool.node, 1000), "run");
    }
    return 0;
}

/* Publishes a line that is too long to be copied into the queue, in parts, and waits until that has ended: the next line takes its place. */
static int publish_long(mote_bytes line) {
    if (tool.store != NULL) mqtt_die("a line is too long to be kept", NULL);
    file = fmemopen((void *)line.ptr, line.len, "rb");
    if (file == NULL) mqtt_die("out of memory", NULL);
    file_size = (uint32_t)line.len;
    int taken = publish((mote_bytes){ NULL, 0 });
    while (open_count != 0 && !over && !mqtt_stopped) tool_check(mote_node_run(tool.node, 1000), "run");
    fclose(file);
    file = NULL;
    return taken;
}

/* The next line of standard input, while the node goes on; 0 at its end. */
static int next_line(mote_bytes *line) {
    static char *buffer;
    static size_t start, end, room, searched;
    struct pollfd wait[2] = { { .fd = 0, .events = POLLIN }, { .events = POLLIN } };
    tool_check(mote_node_descriptor(tool.node, &wait[1].fd), "descriptor");
    for (;;) {
        size_t from = start + searched;
        char *found = from == end ? NULL : memchr(buffer + from, '\n', end - from);
        searched = found == NULL ? end - start : 0;
        if (found != NULL) {
            line->ptr = (const uint8_t *)buffer + start;
            line->len = (size_t)(found - (buffer + start));
            start += line->len + 1;
            return 1;
        }
        if (start != 0) memmove(buffer, buffer + start, end - start);
        end -= start;
        start = 0;
        if (end == room) {
            room = room == 0 ? LONG_LINE : room * 2;
            buffer = room > LONGEST_MESSAGE ? NULL : realloc(buffer, room);
            if (buffer == NULL) mqtt_die("a line is too long", NULL);
        }
        tool_check(mote_node_poll(tool.node), "poll");
        if (over || mqtt_stopped) return 0;
        if (poll(wait, 2, 1000) < 0) continue;
        if (wait[0].revents != 0) {
            ssize_t got = read(0, buffer + end, room - end);
            if (got < 0 && errno != EINTR) mqtt_die("cannot read", strerror(errno));
            if (got != 0) {
                end += got > 0 ? (size_t)got : 0;
                continue;
            }
            line->ptr = (const uint8_t *)buffer;
            line->len = end;
            end = searched = 0;
            return line->len != 0;
        }
    }
}

static uint8_t *read_all(FILE *from, const char *name, size_t *length) {
    size_t capacity = 65536, got;
    uint8_t *bytes = malloc(capacity);
    *length = 0;
    while (bytes != NULL && (got = fread(bytes + *length, 1, capacity - *length, from)) > 0) {
        *length += got;
        if (*length > LONGEST_MESSAGE) mqtt_die(name, "longer than a message can be");
        if (*length == capacity) bytes = realloc(bytes, capacity *= 2);
    }
    if (bytes == NULL) mqtt_die("out of memory", NULL);
    if (ferror(from)) mqtt_die(name, "cannot be read");
    return bytes;
}

int main(int argc, char **argv) {
    const char *message = NULL, *path = NULL;
    int lines = 0, whole = 0, empty = 0, drain = 0, echo = 0;
    tool_help(argc, argv, usage);
    mqtt_defaults(&tool);
    for (int i = 1; i < argc; i++) {
        int taken = mqtt_option(&tool, argc - i, argv + i);
        if (taken >= 0) i += taken;
        else if (strcmp(argv[i], "-r") == 0) retain = 1;
        else if (strcmp(argv[i], "-l") == 0) lines = 1;
        else if (strcmp(argv[i], "-s") == 0) whole = 1;
        else if (strcmp(argv[i], "-n") == 0) empty = 1;
        else if (strcmp(argv[i], "--drain") == 0) drain = 1;
        else if (strcmp(argv[i], "--echo") == 0) echo = 1;
        else if (strcmp(argv[i], "-m") == 0 && i + 1 < argc) message = argv[++i];
        else if (strcmp(argv[i], "-f") == 0 && i + 1 < argc) path = argv[++i];
        else if (strcmp(argv[i], "--chunk") == 0 && i + 1 < argc) chunk = tool_count("--chunk", argv[i + 1], 1, 65536), i++;
        else if (strcmp(argv[i], "--window") == 0 && i + 1 < argc) window = tool_count("--window", argv[i + 1], 1, 1024), i++;
        else tool_unknown(argv[i], usage);
    }
    if ((message != NULL) + (path != NULL) + lines + whole + empty + drain != 1 || (tool.topic_count != 1 && !drain)) tool_misused(usage);
    if (!drain && (tool.topics[0][0] == '\0' || strpbrk(tool.topics[0], "+#") != NULL)) tool_refuse("-t", tool.topics[0], "the name of a topic");
    mote_bytes payload = { NULL, 0 };
    if (message != NULL) payload = tool_bytes(message);
    if (path != NULL) {
        FILE *from = fopen(path, "rb");
        if (from == NULL) mqtt_die(path, strerror(errno));
        if (chunk != 0) {
            long size = fseek(from, 0, SEEK_END) == 0 ? ftell(from) : -1;
            if (size < 0 || size > LONGEST_MESSAGE) mqtt_die(path, "no file, or one that is longer than a message can be");
            file = from;
            file_size = (uint32_t)size;
        } else {
            payload.ptr = read_all(from, path, &payload.len);
        }
    }
    if (whole) payload.ptr = read_all(stdin, "standard input", &payload.len);
    if (payload.len > 1u << 20) tool.config.queue = (uint32_t)(payload.len * 2 + 4096);

    mqtt_begin(&tool, on_event);
    tool_check(mote_mqtt_connect(tool.mqtt), "connect");
    if (lines) {
        mote_bytes line;
        unsigned long number = 0;
        while (!over && !mqtt_stopped && next_line(&line)) {
            if ((line.len > LONG_LINE ? publish_long(line) : publish(line)) && echo) {
                fwrite(line.ptr, 1, line.len, stdout);
                putchar('\n');
                if (fflush(stdout) != 0) mqtt_die("cannot write", strerror(errno));
            }
            if (++number % 64 == 0) tool_check(mote_node_poll(tool.node), "poll");
        }
    } else if (!drain) {
        publish(payload);
    }
    while (!over && !mqtt_stopped) {
        if (tool.ever && open_count == 0 && pending() == 0) break;
        tool_check(mote_node_run(tool.node, 1000), "run");
    }
    int bad = over || mqtt_stopped || failures != 0;
    mqtt_end(&tool, !bad);
    return bad;
}
