/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Loads a broker: publishers with a window each, subscribers that check order, loss and duplicates. */
#include "mqtt_tool.h"
#include "tool-latency.h"
#include <sys/prctl.h>
#include <sys/resource.h>

enum { MOST = 64 };

static const char usage[] =
    "usage: mote-mqtt-bench [OPTIONS]\n"
    "  -h HOST -p PORT -V mqttv311|mqttv5 -t TOPIC -u USER -P PASSWORD -k SECONDS\n"
    "  -q QOS     QoS of both sides, 0 if not given\n"
    "  -n COUNT   messages of each publisher, 100000 if not given\n"
    "  -b BYTES   payload, 64 if not given, at least 16\n"
    "  -w WINDOW  messages of a publisher under way at a time, 20 if not given\n"
    "  --publishers N  --subscribers N   1 each if not given\n"
    "  --rest US  sleep so many microseconds before listening, so that more comes at once; if not given, as long as is found right\n";

typedef struct publisher {
    mote_mqtt *mqtt;
    unsigned long sent, done;
    uint32_t number;
} publisher;

typedef struct subscriber {
    mote_mqtt *mqtt;
    unsigned long got, duplicates;
    uint8_t *seen;
} subscriber;

static mqtt_tool tool;
static publisher publishers[MOST];
static subscriber subscribers[MOST];
static unsigned long publisher_count = 1, subscriber_count = 1, count = 100000, size = 64, window = 20;
static unsigned long ready, failures;
static uint8_t payload[1 << 20];

static void on_published(void *user, const mote_mqtt_event *event) {
    publisher *self = user;
    self->done++;
    if (event->status != MOTE_OK) failures++;
}

static void on_event(void *user, const mote_mqtt_event *event) {
    (void)user;
    mqtt_report(&tool, event);
    if (event->kind == MOTE_MQTT_DISCONNECTED || (event->kind == MOTE_MQTT_ENDED && event->status != MOTE_OK)) failures++;
    if (event->kind == MOTE_MQTT_CONNECTED || event->kind == MOTE_MQTT_ENDED) ready++;
}

static void on_message(void *user, const mote_mqtt_event *event) {
    subscriber *self = user;
    uint64_t began;
    uint32_t from, number;
    if (event->kind != MOTE_MQTT_MESSAGE || event->payload.len < 16) return;
    memcpy(&began, event->payload.ptr, 8);
    memcpy(&from, event->payload.ptr + 8, 4);
    memcpy(&number, event->payload.ptr + 12, 4);
    size_t place = (size_t)from * count + number;
    if (from >= publisher_count || number >= count) return;
    if (self->seen[place]++) self->duplicates++;
    else self->got++;
    latency_note(began);
}

static void publish(publisher *self) {
    mote_mqtt_publish_config message = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = tool.qos, .callback = on_published };
    uint64_t now = latency_clock();
    uint32_t number = (uint32_t)self->sent;
    memcpy(payload, &now, 8);
    memcpy(payload + 8, &self->number, 4);
    memcpy(payload + 12, &number, 4);
    message.topic = tool_bytes(tool.topics[0]);
    message.payload.ptr = payload;
    message.payload.len = size;
    message.user = self;
    mote_status status = mote_mqtt_publish(self->mqtt, &message, NULL);
    if (status == MOTE_OK) self->sent++;
    else if (status != MOTE_ERR_FULL) tool_check(status, "publish");
}

int main(int argc, char **argv) {
    static char names[2 * MOST][48];
    static mote_linux_options options = { MOTE_LINUX_OPTIONS_INIT };
    static mote_port port;
    tool_help(argc, argv, usage);
    mqtt_defaults(&tool);
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *value = argv[i + 1];
        /* Of those that the tools share. */
        static const char shared[] = " -h -p -V -t -q -u -P -k ";
        char word[32];
        snprintf(word, sizeof word, " %s ", option);
        if (value == NULL) tool_unknown(option, usage);
        if (strstr(shared, word) != NULL) mqtt_option(&tool, argc - i, argv + i);
        else if (strcmp(option, "-n") == 0) count = tool_count(option, value, 1, 100000000);
        else if (strcmp(option, "-b") == 0) size = tool_count(option, value, 16, sizeof payload);
        else if (strcmp(option, "-w") == 0) window = tool_count(option, value, 1, 1000);
        else if (strcmp(option, "--publishers") == 0) publisher_count = tool_count(option, value, 1, MOST);
        else if (strcmp(option, "--subscribers") == 0) subscriber_count = tool_count(option, value, 0, MOST);
        else if (strcmp(option, "--rest") == 0) options.rest_us = (uint32_t)tool_count(option, value, 0, 1000);
        else tool_unknown(option, usage);
        i++;
    }
    if (tool.topic_count == 0) tool.topics[tool.topic_count++] = "mote/bench";
    if (tool.topic_count > 1) tool_misused(usage);
    uint16_t clients = (uint16_t)(publisher_count + subscriber_count);
    /* A rest is as long as it was asked for, and not some 50 microseconds longer. */
    if (options.rest_us != 0) prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
    port = *mote_port_linux();
    port.user = &options;
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .port = &port, .objects = clients,
                                     .sources = (uint16_t)(2 * clients) };
    size_t bytes = 0;
    tool_check(mote_node_size(&node_config, &bytes), "node");
    tool_check(mote_node_init(malloc(bytes), bytes, &node_config, &tool.node), "node");
    mote_mqtt_config config = tool.config;
    config.node = tool.node;
    config.clean_start = 1;
    config.callback = on_event;
    config.receive_maximum = 1000;
    /* What a publisher has under way, and no more: to fill memory that nobody needs would count as work. */
    config.queue = (64u << 10) + (uint32_t)((window + 8) * (size + strlen(tool.topics[0]) + 64));
    config.send_maximum = (uint16_t)window;
    config.reconnect_tries = MOTE_MQTT_NO_RECONNECT;
    tool_check(mote_mqtt_size(&config, &bytes), "client");
    for (unsigned long i = 0; i < subscriber_count + publisher_count; i++) {
        mote_mqtt **place = i < subscriber_count ? &subscribers[i].mqtt : &publishers[i - subscriber_count].mqtt;
        snprintf(names[i], sizeof names[i], "bench-%ld-%lu", (long)getpid(), i);
        config.client_id = tool_bytes(names[i]);
        tool_check(mote_mqtt_init(malloc(bytes), bytes, &config, place), "client");
        if (i < subscriber_count) {
            subscribers[i].seen = calloc(publisher_count, count);
            if (subscribers[i].seen == NULL) mqtt_die("out of memory", NULL);
            mote_mqtt_filter filter = { .filter = tool_bytes(tool.topics[0]), .qos = tool.qos };
            mote_mqtt_subscribe_config wanted = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = &filter,
                                                  .filter_count = 1, .handler = on_message,
                                                  .handler_user = &subscribers[i] };
            tool_check(mote_mqtt_subscribe(*place, &wanted, NULL), "subscribe");
        } else {
            publishers[i - subscriber_count].number = (uint32_t)(i - subscriber_count);
        }
        tool_check(mote_mqtt_connect(*place), "connect");
    }
    while (ready < 2 * subscriber_count + publisher_count && failures == 0)
        tool_check(mote_node_run(tool.node, 1000), "run");
    /* It has been said why. */
    if (failures != 0) return 1;

    uint64_t began = latency_clock(), last = began;
    unsigned long all = count * publisher_count * (subscriber_count == 0 ? 1 : subscriber_count), before = 0, got = 0;
    for (;;) {
        unsigned long done = 0, duplicates = 0;
        got = 0;
        for (unsigned long i = 0; i < publisher_count; i++) {
            publisher *self = &publishers[i];
            while (self->sent < count && self->sent - self->done < window) {
                unsigned long was = self->sent;
                publish(self);
                if (self->sent == was) break;
            }
            done += self->done;
        }
        for (unsigned long i = 0; i < subscriber_count; i++) got += subscribers[i].got, duplicates += subscribers[i].duplicates;
        if (got + done != before) before = got + done, last = latency_clock();
        int finished = done == count * publisher_count && (subscriber_count == 0 || got == all);
        /* Half a minute in which nothing comes: the rest is lost. On a busy machine a broker may take seconds. */
        if (finished || failures != 0 || latency_clock() - last > 30000000000u) {
            double seconds = (double)(last - began) / 1e9;
            unsigned long samples = got + duplicates;
            struct rusage used;
            getrusage(RUSAGE_SELF, &used);
            double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
                         + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
            printf("published %lu in %.3f s: %.0f messages/s; received %lu, lost %lu, duplicates %lu\n", done, seconds,
                   (double)done / seconds, got, subscriber_count == 0 ? 0 : all - got, duplicates);
            printf("cpu %.3f us per message published or received\n", cpu * 1e6 / (double)(done + samples));
            static const double shares[] = { 0.5, 0.9, 0.99, 0.999 };
            for (size_t i = 0; i < sizeof shares / sizeof *shares && samples != 0; i++)
                printf("latency %.1f%%: %.0f us\n", shares[i] * 100, latency_within(shares[i]));
            return tool_end(finished ? 0 : 1);
        }
        tool_check(mote_node_run(tool.node, 100), "run");
    }
}
