/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A CoAP client for the command line. Its flags are those of libcoap's coap-client where they mean the same. */
#define _GNU_SOURCE /* Options behind the URI too. */
#include "tool.h"
#include <signal.h>
#include <unistd.h>

static const char usage[] =
    "usage: mote-coap-client [-m get|put|post|delete|fetch|patch|ipatch] [-N] [-s SECONDS] [-b BLOCKSIZE]\n"
    "    [-e TEXT | -f FILE] [-t CONTENT_FORMAT] [-A ACCEPT] [-O NUM,VALUE] [-T TOKEN] [-o OUTFILE]\n"
    "    [-B TIMEOUT] [-v] URI\n"
    "  -m METHOD   the method, get if not given\n"
    "  -N          send it non-confirmably\n"
    "  -s SECONDS  observe the resource for that long\n"
    "  -b [N,]SIZE blocks of at most so many bytes, beginning with the N-th\n"
    "  -e TEXT     the payload; %XX stands for a byte\n"
    "  -f FILE     the payload is in the file, - for standard input\n"
    "  -t FORMAT   content format of the payload: a number, or text, link, xml, octet, json, cbor\n"
    "  -A FORMAT   content format that is accepted\n"
    "  -O NUM,VAL  a further option; 0x.. for bytes in hexadecimal\n"
    "  -T TOKEN    the token; if it is longer than 8 characters, a server that does not know RFC 8974 refuses it\n"
    "  -o FILE     where the payload goes, - for standard output\n"
    "  -B SECONDS  give up after that long, 90 if not given; for a group: gather answers for that long\n"
    "  -v          tell on standard error what happens\n"
    "Exit status: 0 for a 2.xx response, 1 for another or none, 2 when the request could not be made.\n";

static uint8_t node_memory[MOTE_NODE_MEM], coap_memory[MOTE_COAP_MEM(4, 8, 1152)], name_memory[MOTE_COAP_NAME_MEM];

static struct {
    FILE *in, *out;
    long in_size;
    int verbose, ended, successes, failures, stopping, long_token, unwritten;
    char last_byte;
} run;

/* Reads up to `length` bytes of the payload, at `offset` of it. */
static mote_bytes read_block(uint8_t *buffer, uint32_t offset, size_t length) {
    mote_bytes block = { buffer, 0 };
    if (fseek(run.in, (long)offset, SEEK_SET) == 0) block.len = fread(buffer, 1, length, run.in);
    return block;
}

static volatile sig_atomic_t interrupted;
static void interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* Whether the value of an option is text (RFC 7252 section 5.10). */
static int is_text(uint16_t number) {
    static const uint16_t texts[] = { MOTE_COAP_URI_HOST, MOTE_COAP_LOCATION_PATH, MOTE_COAP_URI_PATH, MOTE_COAP_URI_QUERY,
                                      MOTE_COAP_LOCATION_QUERY, MOTE_COAP_PROXY_URI, MOTE_COAP_PROXY_SCHEME };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i] == number) return 1;
    return 0;
}

static void show(const mote_coap_event *event) {
    char text[64];
    uint8_t from[MOTE_ADDRESS_TEXT];
    size_t len = 0;
    (void)mote_address_format(&event->remote, from, sizeof from, &len);
    fprintf(stderr, "< %s %s id %u, %lu bytes at %lu%s from %.*s\n", tool_code(event->code, text, sizeof text),
            event->message_type == MOTE_COAP_CON ? "CON" : event->message_type == MOTE_COAP_NON ? "NON" : "ACK",
            event->message_id, (unsigned long)event->payload.len, (unsigned long)event->offset,
            event->more ? ", more follows" : "", (int)len, (const char *)from);
    mote_coap_options options = event->options;
    mote_coap_option option;
    while (mote_coap_option_next(&options, &option) == MOTE_OK) {
        fprintf(stderr, "<   option %u, %lu bytes: ", option.number, (unsigned long)option.value.len);
        if (is_text(option.number)) fprintf(stderr, "%.*s\n", (int)option.value.len, (const char *)option.value.ptr);
        else fprintf(stderr, "%lu\n", (unsigned long)option.integer);
    }
}

static void on_event(void *user, const mote_coap_event *event) {
    char text[64];
    uint8_t buffer[1024];
    (void)user;
    switch (event->kind) {
    case MOTE_COAP_NEED_BLOCK: {
        mote_bytes block = read_block(buffer, event->offset, event->length < sizeof buffer ? event->length : sizeof buffer);
        int more = (long)(event->offset + block.len) < run.in_size;
        if (run.verbose) fprintf(stderr, "> %lu bytes at %lu\n", (unsigned long)block.len, (unsigned long)event->offset);
        if (mote_coap_supply(event->coap, event->request, block, (uint32_t)more) != MOTE_OK)
            (void)mote_coap_cancel(event->coap, event->request);
        break;
    }
    case MOTE_COAP_RESPONSE:
        if (run.verbose) show(event);
        if (event->code >> 5 == 2) {
            run.successes++;
            if (event->payload.len > 0) {
                run.unwritten |= fwrite(event->payload.ptr, 1, event->payload.len, run.out) != event->payload.len;
                run.last_byte = (char)event->payload.ptr[event->payload.len - 1];
            }
        } else {
            run.failures++;
            fprintf(stderr, "%s", tool_code(event->code, text, sizeof text));
            if (event->payload.len > 0) fprintf(stderr, ": %.*s", (int)event->payload.len, (const char *)event->payload.ptr);
            fputc('\n', stderr);
        }
        if (!event->more) {
            if (run.out == stdout && run.successes > 0 && run.last_byte != '\n') fputc('\n', stdout);
            run.last_byte = '\n';
            run.unwritten |= fflush(run.out) != 0;
        }
        break;
    default:
        if (event->status != MOTE_OK && !(run.stopping && event->status == MOTE_ERR_CANCELLED)) {
            static const mote_bytes refused = MOTE_STR("connection refused: nobody listens there");
            static const mote_bytes nowhere = MOTE_STR("no host of that name is found");
            static const mote_bytes tried = MOTE_STR("reset by peer: it does not take tokens as long as this (RFC 8974)");
            mote_bytes why = mote_status_str(event->status);
            if (event->status == MOTE_ERR_REFUSED) why = refused;
            if (event->status == MOTE_ERR_NOT_FOUND) why = nowhere;
            if (event->status == MOTE_ERR_RESET && run.long_token) why = tried;
            run.failures++;
            fprintf(stderr, "%.*s\n", (int)why.len, (const char *)why.ptr);
        }
    }
    run.ended |= event->last;
}

static void fail(const char *why, const char *what) {
    fprintf(stderr, "mote-coap-client: %s: %s\n", what, why);
    exit(2);
}

/* A file that can be read at any place, and its size. What cannot, such as a pipe, is copied into one that can. */
static FILE *open_input(const char *name) {
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    if (file == NULL) fail(strerror(errno), name);
    if (file == stdin || fseek(file, 0, SEEK_END) != 0) {
        FILE *from = file;
        int byte;
        if ((file = tmpfile()) == NULL) fail("there is no room for a copy", name);
        while ((byte = getc(from)) != EOF) putc(byte, file);
        if (ferror(from) || fflush(file) != 0) fail("it cannot be read, or there is no room for a copy", name);
    }
    run.in_size = ftell(file);
    if (run.in_size < 0 || (unsigned long)run.in_size > UINT32_MAX) fail("no file, or one that is too large", name);
    return file;
}

/* The value of -O: text with %XX, or bytes in hexadecimal behind 0x. It lives as long as the program. */
static mote_bytes option_value(const char *text) {
    uint8_t *bytes = malloc(strlen(text) + 1);
    mote_bytes value = { bytes, 0 };
    if (bytes == NULL) fail("no memory", "-O");
    if (strncmp(text, "0x", 2) != 0) {
        value.len = tool_percent(text, bytes, strlen(text));
        return value;
    }
    for (const char *digits = text + 2; *digits != '\0'; digits += 2) {
        unsigned byte;
        if (strspn(digits, "0123456789abcdefABCDEF") < 2 || sscanf(digits, "%2x", &byte) != 1)
            tool_refuse("-O", text, "an even number of hexadecimal digits");
        bytes[value.len++] = (uint8_t)byte;
    }
    return value;
}

int main(int argc, char **argv) {
    static uint8_t first[1024];
    mote_coap_option options[16];
    mote_coap_request_config request = { MOTE_COAP_REQUEST_CONFIG_INIT, .callback = on_event };
    /* No time is as long as makes milliseconds overflow. */
    const unsigned long longest = UINT32_MAX / 1000;
    unsigned long seconds = 0, timeout = 90;
    size_t count = 0;
    long format;
    char *comma;
    int flag;

    tool_help(argc, argv, usage);
    memset(options, 0, sizeof options);
    request.options = options;
    run.out = stdout;
    run.last_byte = '\n';
    while ((flag = getopt(argc, argv, "m:Ns:b:e:f:t:A:O:T:o:B:v")) != -1) {
        if (count == 16) fail("more options than there is room for", argv[optind - 1]);
        mote_coap_option *option = &options[count];
        switch (flag) {
        case 'm': if ((request.method = tool_method(optarg)) == 0) tool_refuse("-m", optarg, "a method"); break;
        case 'N': request.non_confirmable = 1; break;
        case 's': request.observe = 1; seconds = tool_count("-s", optarg, 0, longest); break;
        case 'b':
            if ((comma = strchr(optarg, ',')) != NULL) *comma = '\0';
            request.block_size = (uint32_t)tool_count("-b", comma != NULL ? comma + 1 : optarg, 1, 1024);
            if (comma != NULL) request.offset = (uint32_t)tool_count("-b", optarg, 0, 0xfffff) * request.block_size;
            break;
        case 'e':
            if (run.in != NULL || request.payload.ptr != NULL) fail("one payload is enough", optarg);
            /* It gets no longer, so that there is room for it in its own place. */
            request.payload.len = tool_percent(optarg, (uint8_t *)optarg, strlen(optarg));
            request.payload.ptr = (const uint8_t *)optarg;
            request.payload_stays = 1;
            break;
        case 'f':
            if (run.in != NULL || request.payload.ptr != NULL) fail("one payload is enough", optarg);
            run.in = open_input(optarg);
            break;
        case 't':
        case 'A':
            if ((format = tool_format(optarg)) < 0) tool_refuse(flag == 't' ? "-t" : "-A", optarg, "a content format");
            option->number = flag == 't' ? MOTE_COAP_CONTENT_FORMAT : MOTE_COAP_ACCEPT;
            option->integer = (uint32_t)format;
            count++;
            break;
        case 'O':
            if ((comma = strchr(optarg, ',')) != NULL) *comma = '\0';
            option->number = (uint16_t)tool_count("-O", optarg, 0, 0xffff);
            option->value = option_value(comma != NULL ? comma + 1 : "");
            count++;
            break;
        case 'T':
            request.token = tool_bytes(optarg);
            run.long_token = request.token.len > 8;
            break;
        case 'o': if (strcmp(optarg, "-") != 0 && (run.out = fopen(optarg, "wb")) == NULL) fail(strerror(errno), optarg); break;
        case 'B': timeout = tool_count("-B", optarg, 0, longest); break;
        case 'v': run.verbose = 1; break;
        default: tool_misused(usage);
        }
    }
    if (optind + 1 != argc) tool_misused(usage);
    request.option_count = count;
    request.uri = tool_bytes(argv[optind]);
    if (run.in != NULL) {
        request.payload = read_block(first, 0, sizeof first);
        request.more = (long)request.payload.len < run.in_size;
        request.total = request.more ? (uint32_t)run.in_size : 0;
        request.payload_stays = !request.more;
    }

    mote_coap_uri uri;
    tool_check(mote_coap_uri_parse(request.uri, &uri), argv[optind]);
    /* A zone goes by its name, which the system knows. A name of a host is looked up when the request starts. */
    if (uri.is_address) tool_check(tool_resolve(uri.host, uri.zone, &request.remote), argv[optind]);
    request.remote.port = uri.port;
    if (tool_is_group(&request.remote)) request.timeout = (uint32_t)timeout * 1000;

    mote_node *node;
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux() };
    tool_check(mote_node_init(node_memory, sizeof node_memory, &node_config, &node), "node");
    mote_coap *coap;
    mote_coap_config coap_config = { MOTE_COAP_CONFIG_INIT, .node = node };
    tool_check(mote_coap_init(coap_memory, sizeof coap_memory, &coap_config, &coap), "endpoint");

    mote_coap_request handle;
    mote_lookup *lookup;
    uint64_t now, stop;
    /* Once in order, so that an observation is ended with the server too; the second kills. */
    struct sigaction once = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND };
    sigaction(SIGINT, &once, NULL);
    sigaction(SIGTERM, &once, NULL);
    tool_check(mote_coap_start_by_name(name_memory, sizeof name_memory, coap, &request, &handle, &lookup), argv[optind]);
    tool_check(mote_node_now(node, &now), "clock");
    /* A group's request ends by itself when the time for answers is over. */
    stop = now + (seconds > 0 ? seconds : timeout) * 1000 + (request.timeout > 0 ? 2000 : 0);
    while (!run.ended) {
        tool_check(mote_node_run(node, stop > now ? stop - now : 1000), "node");
        tool_check(mote_node_now(node, &now), "clock");
        if ((now >= stop || interrupted) && !run.stopping) {
            run.stopping = 1;
            if (run.successes == 0 && !interrupted) fprintf(stderr, "no answer within %lu s\n", seconds > 0 ? seconds : timeout);
            if (handle == 0) (void)mote_lookup_cancel(lookup);
            if (mote_coap_cancel(coap, handle) != MOTE_OK) break;
        }
    }
    (void)mote_coap_close(coap);
    (void)mote_node_close(node);
    run.unwritten |= fclose(run.out) != 0;
    if (run.unwritten) fprintf(stderr, "the output could not be written\n");
    return run.successes > 0 && run.failures == 0 && !run.unwritten ? 0 : 1;
}
