/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Loads a CoAP server: keeps a window of requests open at each of several clients, and counts. */
#define _GNU_SOURCE /* recvmmsg */
#include "tool.h"
#include "tool-latency.h"
#include "tool-load.h"
#include <limits.h>
#include <unistd.h>

enum { MAX_CLIENTS = 64, MAX_WINDOW = 256 };

static const char usage[] =
    "usage: mote-coap-bench [-c CLIENTS] [-w WINDOW] [-n REQUESTS | -t SECONDS] [-N] [-m METHOD] [-e TEXT] [-a MS] [-r] URI\n"
    "  -c CLIENTS   sockets that ask, 1 if not given, at most 64\n"
    "  -w WINDOW    requests open at a time at each of them, 1 if not given, at most 256\n"
    "  -n REQUESTS  how many in all, 100000 if not given\n"
    "  -t SECONDS   or for how long\n"
    "  -N           non-confirmable requests\n"
    "  -a MS        after how long without an answer it is sent again, 50 if not given; or given up with -r, 1000 if not given\n"
    "  -m METHOD    the method, get if not given\n"
    "  -e TEXT      the payload\n"
    "  -r           raw: without the library, so that the server is the limit; one request and one answer to it\n"
    "Exit status: 0 if every request had a 2.xx response, 1 if not, 2 when none could be made.\n";

typedef struct client {
    mote_coap *coap;
    unsigned open;
} client;

typedef struct slot {
    client *owner;
    uint64_t began;
    struct slot *next;
} slot;

static client clients[MAX_CLIENTS];
static slot slots[MAX_CLIENTS * MAX_WINDOW];
static slot *idle;
static unsigned long started, done, failed, wanted = 100000, patience;
static uint64_t until;

static void on_event(void *user, const mote_coap_event *event) {
    slot *self = user;
    if (!event->last) return;
    if (event->kind == MOTE_COAP_RESPONSE && event->code >> 5 == 2) {
        latency_note(self->began);
        done++;
    } else {
        failed++;
    }
    self->owner->open--;
    self->next = idle;
    idle = self;
}

/* Whether another request is to be started. */
static int more(void) { return until != 0 ? latency_clock() < until : started < wanted; }

static void on_answer(uint64_t began, int good) {
    if (good) {
        latency_note(began);
        done++;
    } else {
        failed++;
    }
}

/* The load without the library. */
static void run_raw(const mote_coap_request_config *request, size_t count, size_t window, unsigned long seconds) {
    static load_client raw[MAX_CLIENTS];
    struct pollfd ready[MAX_CLIENTS];
    if (!load_compose(request)) tool_check(MOTE_ERR_TOO_LARGE, "request");
    for (size_t i = 0; i < count; i++) {
        if (!load_open(&raw[i], &request->remote, window)) tool_check(MOTE_ERR_UNREACHABLE, "socket");
        ready[i] = (struct pollfd){ .fd = raw[i].socket, .events = POLLIN };
    }
    uint64_t now = latency_clock(), checked = now;
    if (seconds > 0) until = now + seconds * 1000000000u;
    while (more() || done + failed < started) {
        int came = 0;
        for (size_t i = 0; i < count; i++) {
            if (more()) started += load_send(&raw[i], window, until != 0 ? window : wanted - started, latency_clock());
            if (raw[i].open > 0) came |= load_receive(&raw[i], window, count == 1, on_answer) > 0;
        }
        if (count > 1 && !came) (void)poll(ready, count, 100);
        now = latency_clock();
        if (now - checked < 100000000u) continue;
        checked = now;
        for (size_t i = 0; i < count; i++) load_expire(&raw[i], window, now, (patience != 0 ? patience : 1000) * 1000000u, on_answer);
    }
    for (size_t i = 0; i < count; i++) (void)close(raw[i].socket);
}

static int report(double elapsed, unsigned long again) {
    printf("%lu requests in %.3f s: %.0f requests/s, %lu failed, %lu sent again\n", done, elapsed, (double)done / elapsed,
           failed, again);
    printf("latency in microseconds: 50 %% %.1f, 90 %% %.1f, 99 %% %.1f, 99.9 %% %.1f\n", latency_within(0.5), latency_within(0.9),
           latency_within(0.99), latency_within(0.999));
    return tool_end(failed == 0 && done > 0 ? 0 : 1);
}

int main(int argc, char **argv) {
    mote_coap_request_config request = { MOTE_COAP_REQUEST_CONFIG_INIT, .callback = on_event };
    unsigned long count = 1, window = 1, seconds = 0;
    int flag, raw = 0;
    tool_help(argc, argv, usage);
    while ((flag = getopt(argc, argv, "c:w:n:t:Nm:e:a:r")) != -1) {
        switch (flag) {
        case 'c': count = tool_count("-c", optarg, 1, MAX_CLIENTS); break;
        case 'w': window = tool_count("-w", optarg, 1, MAX_WINDOW); break;
        case 'n': wanted = tool_count("-n", optarg, 0, ULONG_MAX - 1); break;
        case 't': seconds = tool_count("-t", optarg, 0, 1000000); break;
        case 'N': request.non_confirmable = 1; break;
        case 'm': if ((request.method = tool_method(optarg)) == 0) tool_refuse("-m", optarg, "a method"); break;
        case 'e': request.payload = tool_bytes(optarg); request.payload_stays = 1; break;
        case 'a': patience = tool_count("-a", optarg, 1, 60000); break;
        case 'r': raw = 1; break;
        default: tool_misused(usage);
        }
    }
    if (optind + 1 != argc) tool_misused(usage);
    request.uri = tool_bytes(argv[optind]);
    mote_coap_uri uri;
    tool_check(mote_coap_uri_parse(request.uri, &uri), argv[optind]);
    tool_check(tool_resolve(uri.host, uri.zone, &request.remote), argv[optind]);
    request.remote.port = uri.port;
    if (raw) {
        uint64_t start = latency_clock();
        run_raw(&request, count, window, seconds);
        return report((double)(latency_clock() - start) / 1e9, 0);
    }

    mote_node *node;
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux(), .objects = MAX_CLIENTS,
                                     .sources = MAX_CLIENTS, .receive_batch = 64, .send_batch = 64 };
    size_t size = 0;
    tool_check(mote_node_size(&node_config, &size), "node");
    tool_check(mote_node_init(malloc(size), size, &node_config, &node), "node");
    /* A load generator is the reason to raise NSTART, and to have message IDs free again soon: no more than
     * 28,000 are taken within EXCHANGE_LIFETIME, which is 127 ms without -a. */
    mote_coap_params params = { MOTE_COAP_PARAMS_INIT, .nstart = (uint16_t)(window < 255 ? window : 255),
                                .ack_timeout = (uint32_t)(patience != 0 ? patience : 50), .max_retransmit = 1, .max_latency = 1 };
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT, .node = node, .params = &params, .peers = 2,
                                .requests = (uint16_t)window, .pool = (uint32_t)(window * 512 + 4096),
                                .observers = MOTE_COAP_NONE, .resources = MOTE_COAP_NONE };
    tool_check(mote_coap_size(&config, &size), "endpoint");
    for (unsigned long i = 0; i < count; i++) {
        tool_check(mote_coap_init(malloc(size), size, &config, &clients[i].coap), "endpoint");
        for (unsigned long j = 0; j < window; j++) {
            slot *self = &slots[i * window + j];
            self->owner = &clients[i];
            self->next = idle;
            idle = self;
        }
    }

    uint64_t began = latency_clock();
    if (seconds > 0) until = began + seconds * 1000000000u;
    for (;;) {
        /* Slots that find no room wait for the next turn. */
        slot *refused = NULL;
        while (idle != NULL && more()) {
            slot *self = idle;
            idle = self->next;
            request.user = self;
            self->began = latency_clock();
            mote_status status = mote_coap_start(self->owner->coap, &request, NULL);
            if (status == MOTE_OK) {
                started++;
                self->owner->open++;
            } else if (status == MOTE_ERR_FULL || status == MOTE_ERR_WOULD_BLOCK) {
                self->next = refused;
                refused = self;
            } else {
                tool_check(status, argv[optind]);
            }
        }
        while (refused != NULL) {
            slot *self = refused;
            refused = self->next;
            self->next = idle;
            idle = self;
        }
        if (done + failed == started && !more()) break;
        tool_check(mote_node_run(node, 1000), "node");
    }
    double elapsed = (double)(latency_clock() - began) / 1e9;

    unsigned long retransmitted = 0;
    for (unsigned long i = 0; i < count; i++) {
        mote_coap_statistics statistics = { MOTE_COAP_STATISTICS_INIT, 0 };
        if (mote_coap_get_statistics(clients[i].coap, &statistics) == MOTE_OK) retransmitted += statistics.retransmitted;
        (void)mote_coap_close(clients[i].coap);
    }
    (void)mote_node_close(node);
    return report(elapsed, retransmitted);
}
