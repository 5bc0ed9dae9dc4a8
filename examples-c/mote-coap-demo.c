/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A scene that needs nothing but this program: a device and a client on a simulated network that loses
 * every fifth datagram. */
#include "tool.h"

static const char usage[] =
    "usage: mote-coap-demo [CAPTURE]\n"
    "  CAPTURE  where all datagrams go, for Wireshark\n";

static uint8_t node_memory[2][MOTE_NODE_MEM];
static uint8_t device_memory[32768], client_memory[MOTE_COAP_MEM(4, 8, 1152)];
static mote_sim *sim;
static mote_node *nodes[2];
static mote_coap *device, *client;

static uint64_t now(void) {
    uint64_t time = 0;
    (void)mote_sim_now(sim, &time);
    return time;
}

static void let_pass(uint64_t milliseconds) { tool_check(mote_sim_run(sim, nodes, 2, now() + milliseconds), "simulation"); }

/* ---- The device: a thermometer that can be set and observed, and a place for large bodies */

static int temperature = 215;
static mote_coap_resource thermometer;
static uint8_t firmware[8000];
static size_t firmware_size;

static void get_temperature(void *user, const mote_coap_incoming *in) {
    char text[16];
    (void)user;
    snprintf(text, sizeof text, "%d.%d", temperature / 10, temperature % 10);
    (void)mote_coap_reply(in->coap, in->exchange, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, tool_bytes(text));
}

static void put_temperature(void *user, const mote_coap_incoming *in) {
    int whole = 0, tenth = 0;
    char text[16] = "";
    (void)user;
    memcpy(text, in->payload.ptr, in->payload.len < sizeof text - 1 ? in->payload.len : sizeof text - 1);
    uint8_t code = sscanf(text, "%d.%d", &whole, &tenth) > 0 ? MOTE_COAP_CHANGED : MOTE_COAP_BAD_REQUEST;
    if (code == MOTE_COAP_CHANGED) {
        temperature = whole * 10 + tenth;
        (void)mote_coap_notify(in->coap, thermometer);
    }
    (void)mote_coap_reply(in->coap, in->exchange, code, MOTE_COAP_TEXT, tool_bytes(""));
}

/* Takes the body block by block, as it comes: it need not fit in memory at once. */
static void put_firmware(void *user, const mote_coap_incoming *in) {
    (void)user;
    if (in->offset + in->payload.len > sizeof firmware) {
        (void)mote_coap_reply(in->coap, in->exchange, MOTE_COAP_REQUEST_ENTITY_TOO_LARGE, 0, tool_bytes(""));
        return;
    }
    memcpy(firmware + in->offset, in->payload.ptr, in->payload.len);
    firmware_size = in->offset + in->payload.len;
    if (!in->more) (void)mote_coap_reply(in->coap, in->exchange, MOTE_COAP_CHANGED, 0, tool_bytes(""));
}

/* Gives the one block that is asked for. */
static void get_firmware(void *user, const mote_coap_incoming *in) {
    static const uint8_t version = 1;
    mote_coap_option options[] = { { MOTE_COAP_CONTENT_FORMAT, .integer = MOTE_COAP_OCTET_STREAM },
                                   { MOTE_COAP_ETAG, .value = { &version, 1 } } };
    size_t left = in->answer_offset < firmware_size ? firmware_size - in->answer_offset : 0;
    (void)user;
    mote_coap_response response = { MOTE_COAP_RESPONSE_INIT, .code = MOTE_COAP_CONTENT, .options = options,
        .option_count = 2, .offset = in->answer_offset, .more = left > in->answer_size, .total = (uint32_t)firmware_size,
        .payload = { firmware + in->answer_offset, left < in->answer_size ? left : in->answer_size } };
    if (left == 0) response.code = MOTE_COAP_BAD_OPTION, response.option_count = 0;
    (void)mote_coap_respond(in->coap, in->exchange, &response);
}

static const mote_coap_resource_config temperature_config = { MOTE_COAP_RESOURCE_CONFIG_INIT, MOTE_COAP_OBSERVABLE,
    MOTE_STR("/temperature"), .get = get_temperature, .put = put_temperature, .attributes = MOTE_STR(";rt=\"temperature\"") };
static const mote_coap_resource_config firmware_config = { MOTE_COAP_RESOURCE_CONFIG_INIT, 0, MOTE_STR("/firmware"),
    .get = get_firmware, .put = put_firmware, .attributes = MOTE_STR(";rt=\"firmware\"") };

/* ---- The client */

static struct {
    size_t received;
    int ended, ok, wrong;
} outcome;

static uint8_t image[6000];

static void on_event(void *user, const mote_coap_event *event) {
    char text[64];
    int quiet = user != NULL;
    if (event->kind == MOTE_COAP_RESPONSE) {
        outcome.ok = event->code >> 5 == 2;
        if (quiet) {
            if (event->offset + event->payload.len > sizeof image
                || memcmp(image + event->offset, event->payload.ptr, event->payload.len) != 0)
                outcome.wrong = 1;
            outcome.received += event->payload.len;
        } else {
            printf("%8.3f s  client: %s  %.*s\n", (double)now() / 1000, tool_code(event->code, text, sizeof text),
                   (int)event->payload.len, (const char *)event->payload.ptr);
        }
    } else if (event->kind == MOTE_COAP_ENDED) {
        mote_bytes why = mote_status_str(event->status);
        printf("%8.3f s  client: ended: %.*s\n", (double)now() / 1000, (int)why.len, (const char *)why.ptr);
    }
    outcome.ended |= event->last;
}

static mote_coap_request ask(uint8_t method, const char *path, mote_bytes payload, int observe, int quiet) {
    char uri[64];
    mote_coap_request handle = 0;
    snprintf(uri, sizeof uri, "coap://[fd00::1]%s", path);
    mote_coap_request_config request = { MOTE_COAP_REQUEST_CONFIG_INIT, .method = method, .observe = (uint8_t)observe,
        .uri = tool_bytes(uri), .payload = payload, .payload_stays = 1, .block_size = 512, .callback = on_event,
        .user = quiet ? &outcome : NULL };
    memset(&outcome, 0, sizeof outcome);
    tool_check(mote_coap_start(client, &request, &handle), uri);
    return handle;
}

/* Lets time pass until the request has ended. */
static void finish(void) {
    while (!outcome.ended) let_pass(100);
    if (!outcome.ok) exit(1);
}

static mote_node *add_host(uint8_t last, uint8_t *memory) {
    mote_address address = { .ip = { 0xfd } };
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, 0 };
    mote_node *node;
    address.ip[15] = last;
    tool_check(mote_sim_host(sim, &address, &config.port), "host");
    tool_check(mote_node_init(memory, MOTE_NODE_MEM, &config, &node), "node");
    return node;
}

int main(int argc, char **argv) {
    tool_help(argc, argv, usage);
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) tool_misused(usage);
    mote_sim_link link = { MOTE_SIM_LINK_INIT, .delay = 20, .jitter = 30, .loss = 200 };
    tool_check(mote_sim_new(2026, &sim), "simulation");
    tool_check(mote_sim_set_link(sim, &link), "link");
    tool_check(mote_sim_capture(sim), "capture");
    nodes[0] = add_host(1, node_memory[0]);
    nodes[1] = add_host(2, node_memory[1]);
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT, .node = nodes[0], .local = { .port = 5683 } };
    tool_check(mote_coap_init(device_memory, sizeof device_memory, &config, &device), "device");
    tool_check(mote_coap_resource_add(device, &temperature_config, NULL, &thermometer), "resource");
    tool_check(mote_coap_resource_add(device, &firmware_config, NULL, NULL), "resource");
    mote_coap_config client_config = { MOTE_COAP_CONFIG_INIT, .node = nodes[1] };
    tool_check(mote_coap_init(client_memory, sizeof client_memory, &client_config, &client), "client");
    for (size_t i = 0; i < sizeof image; i++) image[i] = (uint8_t)(i * 31 + i / 256);

    puts("A device and a client; one datagram in five is lost, each takes 20 to 50 ms.\n\nWhat does the device offer?");
    ask(MOTE_COAP_GET, "/.well-known/core", tool_bytes(""), 0, 0), finish();
    puts("\nRead the temperature, set it, read it again.");
    ask(MOTE_COAP_GET, "/temperature", tool_bytes(""), 0, 0), finish();
    ask(MOTE_COAP_PUT, "/temperature", tool_bytes("18.0"), 0, 0), finish();
    ask(MOTE_COAP_GET, "/temperature", tool_bytes(""), 0, 0), finish();

    puts("\nObserve it for a minute while it rises by a tenth of a degree every ten seconds, then cancel.");
    mote_coap_request observation = ask(MOTE_COAP_GET, "/temperature", tool_bytes(""), 1, 0);
    for (int i = 0; i < 6; i++) {
        let_pass(10000);
        temperature++;
        (void)mote_coap_notify(device, thermometer);
    }
    let_pass(10000);
    (void)mote_coap_cancel(client, observation);
    while (!outcome.ended) let_pass(100);

    puts("\nUpload 6000 bytes of firmware in blocks of 512, and read them back.");
    mote_bytes whole = { image, sizeof image };
    ask(MOTE_COAP_PUT, "/firmware", whole, 0, 0), finish();
    ask(MOTE_COAP_GET, "/firmware", tool_bytes(""), 0, 1), finish();
    printf("%8.3f s  client: %lu bytes came back, %s\n", (double)now() / 1000, (unsigned long)outcome.received,
           outcome.wrong || outcome.received != sizeof image ? "not the same" : "the same");
    int failed = outcome.wrong || outcome.received != sizeof image;

    mote_sim_statistics network = { MOTE_SIM_STATISTICS_INIT, 0, 0, 0, 0, 0 };
    mote_coap_statistics counted = { MOTE_COAP_STATISTICS_INIT, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    mote_bytes capture;
    (void)mote_sim_get_statistics(sim, &network);
    (void)mote_coap_get_statistics(client, &counted);
    printf("\n%lu datagrams were sent and %lu lost; the client sent %lu messages again.\n", (unsigned long)network.sent,
           (unsigned long)network.lost, (unsigned long)counted.retransmitted);
    if (argc > 1 && mote_sim_captured(sim, &capture) == MOTE_OK) {
        FILE *file = fopen(argv[1], "wb");
        if (file == NULL || fwrite(capture.ptr, 1, capture.len, file) != capture.len || fclose(file) != 0) {
            perror(argv[1]);
            return 2;
        }
        printf("The capture is in %s.\n", argv[1]);
    }
    (void)mote_coap_close(client);
    (void)mote_coap_close(device);
    (void)mote_node_close(nodes[0]);
    (void)mote_node_close(nodes[1]);
    mote_sim_free(sim);
    return tool_end(failed);
}
