/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A CoAP server with the resources of the ETSI plugtests, the time, and whatever is PUT. */
#include "tool.h"
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DYNAMIC = 100, MAX_DELAYED = 16, LARGEST_UPLOAD = 16 << 20 };

static const char usage[] =
    "usage: mote-coap-server [-A ADDR] [-p PORT] [-d MAX_DYNAMIC] [-s MICROSECONDS] [-v]\n"
    "  -A ADDR  listen at this address, which may have a zone (fe80::1%eth0) or be a name; all if not given\n"
    "  -p PORT  and this port, 5683 if not given\n"
    "  -d MAX   how many resources may be made by PUT, at most 100; none if not given\n"
    "  -s TIME  look for input for so many microseconds before sleeping, 0 for not at all; 50 if not given\n"
    "  -v       tell on standard error what is asked\n";

static mote_node *node;
static mote_coap *coap;
static int verbose;
static volatile sig_atomic_t stopping;

/* ---- Answers */

static void say(const mote_coap_incoming *in) {
    uint8_t who[MOTE_ADDRESS_TEXT], uri[512];
    size_t who_len = 0, uri_len = 0;
    if (!verbose) return;
    (void)mote_address_format(&in->remote, who, sizeof who, &who_len);
    mote_address here = in->local;
    here.port = 5683;
    (void)mote_coap_uri_compose(MOTE_COAP_SCHEME_COAP, &here, NULL, 0, &in->options, uri, sizeof uri, &uri_len);
    fprintf(stderr, "%.*s: method %u cause %u %.*s, %lu bytes at %lu\n", (int)who_len, (const char *)who, in->method,
            in->cause, (int)uri_len, (const char *)uri, (unsigned long)in->payload.len, (unsigned long)in->offset);
}

static void respond(const mote_coap_incoming *in, uint8_t code, const mote_coap_option *options, size_t count,
                    mote_bytes payload, int confirmable) {
    mote_coap_response response = { MOTE_COAP_RESPONSE_INIT, .code = code, .confirmable = (uint8_t)confirmable,
                                    .options = options, .option_count = count, .payload = payload };
    say(in);
    mote_status status = mote_coap_respond(in->coap, in->exchange, &response);
    if (status != MOTE_OK && verbose) fprintf(stderr, "not answered: %ld\n", (long)status);
}

static void reply(const mote_coap_incoming *in, uint8_t code, uint16_t format, const char *text) {
    mote_coap_option option = { MOTE_COAP_CONTENT_FORMAT, .integer = format };
    respond(in, code, &option, text[0] != '\0', tool_bytes(text), 0);
}

static void code_only(const mote_coap_incoming *in, uint8_t code) { reply(in, code, MOTE_COAP_TEXT, ""); }

/* The first option with a number, as an integer; -1 without one. */
static long integer_of(const mote_coap_incoming *in, uint16_t number) {
    mote_coap_option option;
    return mote_coap_option_find(&in->options, number, &option) == MOTE_OK ? (long)option.integer : -1;
}

/* ---- What is stored: a body and its content format, collected block by block */

typedef struct {
    uint8_t *bytes;
    size_t len;
    /* Whose upload it is. */
    mote_address from;
    uint16_t format;
    uint8_t version;
} body;

/* Adds what came of a request's body: 2.04 when that was all of it, 0 when there is more, else why it cannot go on. Where two send
 * at the same time, the one that began later wins. */
static uint8_t collect(body *upload, const mote_coap_incoming *in) {
    if (in->offset == 0) {
        upload->len = 0;
        upload->from = in->remote;
    }
    if (in->offset != upload->len || memcmp(&in->remote, &upload->from, sizeof upload->from) != 0)
        return MOTE_COAP_REQUEST_ENTITY_INCOMPLETE;
    size_t len = upload->len + in->payload.len;
    uint8_t *grown = len > LARGEST_UPLOAD ? NULL : realloc(upload->bytes, len + 1);
    if (grown == NULL) return MOTE_COAP_REQUEST_ENTITY_TOO_LARGE;
    if (in->payload.len > 0) memcpy(grown + upload->len, in->payload.ptr, in->payload.len);
    upload->bytes = grown;
    upload->len = len;
    long format = integer_of(in, MOTE_COAP_CONTENT_FORMAT);
    upload->format = format < 0 ? MOTE_COAP_OCTET_STREAM : (uint16_t)format;
    return in->more ? 0 : MOTE_COAP_CHANGED;
}

/* Puts a finished upload in the place of what was stored. */
static void commit(body *stored, body *upload) {
    uint8_t version = (uint8_t)(stored->version + 1);
    free(stored->bytes);
    *stored = *upload;
    stored->version = version;
    memset(upload, 0, sizeof *upload);
}

/* Whether the peer asked for another format than this, and has been told so. */
static int unacceptable(const mote_coap_incoming *in, uint16_t format) {
    long accept = integer_of(in, MOTE_COAP_ACCEPT);
    if (accept < 0 || accept == format) return 0;
    code_only(in, MOTE_COAP_NOT_ACCEPTABLE);
    return 1;
}

static void send_body(const mote_coap_incoming *in, const body *stored) {
    mote_coap_option options[] = { { MOTE_COAP_CONTENT_FORMAT, .integer = stored->format },
                                   { MOTE_COAP_ETAG, .value = { &stored->version, 1 } } };
    mote_bytes bytes = { stored->bytes, stored->len };
    if (unacceptable(in, stored->format)) return;
    respond(in, MOTE_COAP_CONTENT, options, 2, bytes, 0);
}

/* ---- Plain resources. `user` is their text. */

static void get_text(void *user, const mote_coap_incoming *in) {
    reply(in, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, user);
}

static void changed(void *user, const mote_coap_incoming *in) { (void)user, code_only(in, MOTE_COAP_CHANGED); }
static void deleted(void *user, const mote_coap_incoming *in) { (void)user, code_only(in, MOTE_COAP_DELETED); }

static void get_time(void *user, const mote_coap_incoming *in) {
    char text[64];
    time_t now = time(NULL);
    (void)user;
    strftime(text, sizeof text, "%b %d %H:%M:%S", gmtime(&now));
    reply(in, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, text);
}

static void get_links(void *user, const mote_coap_incoming *in) {
    reply(in, MOTE_COAP_CONTENT, MOTE_COAP_LINK_FORMAT, user);
}

static void get_query(void *user, const mote_coap_incoming *in) {
    char text[1024];
    size_t len = 0;
    mote_coap_options options = in->options;
    mote_coap_option option;
    (void)user;
    while (mote_coap_option_next(&options, &option) == MOTE_OK)
        if (option.number == MOTE_COAP_URI_QUERY && len + option.value.len + 2 < sizeof text)
            len += (size_t)snprintf(text + len, sizeof text - len, "%.*s\n", (int)option.value.len, (const char *)option.value.ptr);
    reply(in, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, len > 0 ? text : "no query");
}

static void post_location_query(void *user, const mote_coap_incoming *in) {
    mote_coap_option options[] = { { MOTE_COAP_LOCATION_QUERY, .value = MOTE_STR("first=1") },
                                   { MOTE_COAP_LOCATION_QUERY, .value = MOTE_STR("second=2") } };
    (void)user;
    respond(in, MOTE_COAP_CREATED, options, 2, tool_bytes(""), 0);
}

static void post_test(void *user, const mote_coap_incoming *in) {
    mote_coap_option options[] = { { MOTE_COAP_LOCATION_PATH, .value = MOTE_STR("location1") },
                                   { MOTE_COAP_LOCATION_PATH, .value = MOTE_STR("location2") },
                                   { MOTE_COAP_LOCATION_PATH, .value = MOTE_STR("location3") } };
    (void)user;
    respond(in, MOTE_COAP_CREATED, options, 3, tool_bytes(""), 0);
}

static void get_multi_format(void *user, const mote_coap_incoming *in) {
    (void)user;
    if (integer_of(in, MOTE_COAP_ACCEPT) == MOTE_COAP_XML) {
        reply(in, MOTE_COAP_CONTENT, MOTE_COAP_XML, "<message>in XML</message>");
    } else {
        reply(in, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, "in plain text");
    }
}

/* ---- Conditional requests: /validate by ETag, /create1 only if it is not there */

static body validated = { .format = MOTE_COAP_TEXT, .version = 1 };
static int created;

static int has_tag(const mote_coap_incoming *in, uint16_t number) {
    mote_coap_options options = in->options;
    mote_coap_option option;
    while (mote_coap_option_next(&options, &option) == MOTE_OK)
        if (option.number == number && (option.value.len == 0 || (option.value.len == 1 && option.value.ptr[0] == validated.version)))
            return 1;
    return 0;
}

static void get_validate(void *user, const mote_coap_incoming *in) {
    mote_coap_option tag = { MOTE_COAP_ETAG, .value = { &validated.version, 1 } };
    (void)user;
    if (has_tag(in, MOTE_COAP_ETAG)) {
        respond(in, MOTE_COAP_VALID, &tag, 1, tool_bytes(""), 0);
    } else {
        send_body(in, &validated);
    }
}

static void put_validate(void *user, const mote_coap_incoming *in) {
    static body upload;
    mote_coap_option any;
    (void)user;
    if (mote_coap_option_find(&in->options, MOTE_COAP_IF_NONE_MATCH, &any) == MOTE_OK
        || (mote_coap_option_find(&in->options, MOTE_COAP_IF_MATCH, &any) == MOTE_OK && !has_tag(in, MOTE_COAP_IF_MATCH))) {
        code_only(in, MOTE_COAP_PRECONDITION_FAILED);
        return;
    }
    uint8_t done = collect(&upload, in);
    if (done == MOTE_COAP_CHANGED) commit(&validated, &upload);
    if (done != 0) code_only(in, done);
}

static void put_create(void *user, const mote_coap_incoming *in) {
    mote_coap_option option;
    int unless_there = mote_coap_option_find(&in->options, MOTE_COAP_IF_NONE_MATCH, &option) == MOTE_OK;
    int if_there = mote_coap_option_find(&in->options, MOTE_COAP_IF_MATCH, &option) == MOTE_OK;
    (void)user;
    if ((unless_there && created) || (if_there && !created)) {
        code_only(in, MOTE_COAP_PRECONDITION_FAILED);
    } else {
        code_only(in, created ? MOTE_COAP_CHANGED : MOTE_COAP_CREATED);
        created = 1;
    }
}

static void delete_create(void *user, const mote_coap_incoming *in) {
    (void)user;
    created = 0;
    code_only(in, MOTE_COAP_DELETED);
}

/* ---- Large bodies */

static char large_text[2049];

static void get_stored(void *user, const mote_coap_incoming *in) { send_body(in, user); }

static void put_stored(void *user, const mote_coap_incoming *in) {
    static body upload;
    uint8_t done = collect(&upload, in);
    if (done == MOTE_COAP_CHANGED) commit(user, &upload);
    if (done != 0) code_only(in, done);
}

static body large_update = { .format = MOTE_COAP_TEXT, .version = 1 };

static void post_large_create(void *user, const mote_coap_incoming *in) {
    static body upload;
    mote_coap_option options[] = { { MOTE_COAP_LOCATION_PATH, .value = MOTE_STR("large-update") } };
    (void)user;
    uint8_t done = collect(&upload, in);
    if (done == MOTE_COAP_CHANGED) {
        commit(&large_update, &upload);
        respond(in, MOTE_COAP_CREATED, options, 1, tool_bytes(""), 0);
    } else if (done != 0) {
        code_only(in, done);
    }
}

static void post_large(void *user, const mote_coap_incoming *in) {
    static body upload;
    uint8_t done = in->cause == MOTE_COAP_CAUSE_CONTINUE ? MOTE_COAP_CHANGED : collect(&upload, in);
    if (done == MOTE_COAP_CHANGED) {
        reply(in, done, MOTE_COAP_TEXT, user);
    } else if (done != 0) {
        code_only(in, done);
    }
}

/* ---- Separate responses: noted, and given a second later */

static struct {
    mote_coap_exchange exchange;
    const char *text;
    uint64_t due;
} delayed[MAX_DELAYED];

static uint64_t now_ms(void) {
    uint64_t now = 0;
    (void)mote_node_now(node, &now);
    return now;
}

static void get_later(void *user, const mote_coap_incoming *in) {
    say(in);
    for (size_t i = 0; i < MAX_DELAYED; i++) {
        if (delayed[i].exchange == 0) {
            delayed[i].exchange = in->exchange;
            delayed[i].text = user;
            delayed[i].due = now_ms() + 1000;
            return;
        }
    }
    code_only(in, MOTE_COAP_SERVICE_UNAVAILABLE);
}

/* Answers what is due; when the next is. */
static uint64_t answer_delayed(void) {
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < MAX_DELAYED; i++) {
        if (delayed[i].exchange != 0 && delayed[i].due <= now_ms()) {
            mote_status status =
                mote_coap_reply(coap, delayed[i].exchange, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, tool_bytes(delayed[i].text));
            delayed[i].due += 100;
            if (status != MOTE_ERR_FULL) delayed[i].exchange = 0;
        }
        if (delayed[i].exchange != 0 && delayed[i].due < next) next = delayed[i].due;
    }
    return next;
}

/* ---- Observed resources: a counter each, that ticks */

typedef struct {
    const char *path, *attributes;
    unsigned seconds, count;
    int confirmable, large;
    mote_coap_resource resource;
    /* What a PUT or DELETE made of /obs until the next tick. */
    char text[64];
    uint16_t format;
    uint8_t fate;
} observed;

static observed watched[] = {
    { "/obs", ";rt=\"observe\";title=\"confirmable notifications\"", 5, 0, 1, 0, 0, "", MOTE_COAP_TEXT, 0 },
    { "/obs-non", ";rt=\"observe\";title=\"non-confirmable notifications\"", 5, 0, 0, 0, 0, "", MOTE_COAP_TEXT, 0 },
    { "/obs-large", ";rt=\"observe\";title=\"large notifications\"", 5, 0, 1, 1, 0, "", MOTE_COAP_TEXT, 0 },
    { "/obs-pumping", ";rt=\"observe\";title=\"notifications of a fast changing state\"", 1, 0, 1, 0, 0, "", MOTE_COAP_TEXT, 0 },
};

static void get_observed(void *user, const mote_coap_incoming *in) {
    observed *state = user;
    char text[1400];
    mote_coap_option options[] = { { MOTE_COAP_CONTENT_FORMAT, .integer = state->format },
                                   { MOTE_COAP_MAX_AGE, .integer = state->seconds } };
    if (in->cause == MOTE_COAP_CAUSE_NOTIFY && state->fate != 0) {
        code_only(in, state->fate);
        return;
    }
    if (in->cause != MOTE_COAP_CAUSE_NOTIFY && unacceptable(in, state->format)) return;
    int len = snprintf(text, sizeof text, "%s%u", state->text, state->count);
    if (state->large) {
        memset(text + len, '.', sizeof text - (size_t)len - 1);
        text[sizeof text - 1] = '\0';
    }
    respond(in, MOTE_COAP_CONTENT, options, 2, tool_bytes(text), state->confirmable);
}

static void put_observed(void *user, const mote_coap_incoming *in) {
    observed *state = user;
    long format = integer_of(in, MOTE_COAP_CONTENT_FORMAT);
    snprintf(state->text, sizeof state->text, "%.*s ", (int)(in->payload.len < 40 ? in->payload.len : 40),
             in->payload.len > 0 ? (const char *)in->payload.ptr : "");
    /* Observers asked for the old format: they get no other (RFC 7641 section 4.2). */
    if (format >= 0 && format != state->format) {
        state->format = (uint16_t)format;
        state->fate = MOTE_COAP_NOT_ACCEPTABLE;
    }
    code_only(in, MOTE_COAP_CHANGED);
    (void)mote_coap_notify(in->coap, state->resource);
}

static void delete_observed(void *user, const mote_coap_incoming *in) {
    observed *state = user;
    state->fate = MOTE_COAP_NOT_FOUND;
    state->text[0] = '\0';
    code_only(in, MOTE_COAP_DELETED);
    (void)mote_coap_notify(in->coap, state->resource);
}

static mote_coap_resource clock_resource;

static void tick(unsigned second) {
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        if (second % watched[i].seconds == 0) {
            watched[i].count++;
            watched[i].fate = 0;
            (void)mote_coap_notify(coap, watched[i].resource);
        }
    }
    (void)mote_coap_notify(coap, clock_resource);
}

/* ---- Resources made by PUT */

typedef struct {
    char path[256];
    mote_coap_resource_config config;
    mote_coap_resource resource;
    body stored, upload;
    enum { UNUSED, UPLOADED, THERE } state;
} dynamic;

static dynamic made[MAX_DYNAMIC];
static size_t max_dynamic;

static void put_made(void *user, const mote_coap_incoming *in) {
    dynamic *entry = user;
    uint8_t done = collect(&entry->upload, in);
    if (done == MOTE_COAP_CHANGED) {
        commit(&entry->stored, &entry->upload);
        (void)mote_coap_notify(in->coap, entry->resource);
    }
    if (done != 0) code_only(in, done);
}

static void get_made(void *user, const mote_coap_incoming *in) { send_body(in, &((dynamic *)user)->stored); }

static void forget(dynamic *entry) {
    free(entry->stored.bytes);
    free(entry->upload.bytes);
    memset(entry, 0, sizeof *entry);
}

static void delete_made(void *user, const mote_coap_incoming *in) {
    dynamic *entry = user;
    code_only(in, MOTE_COAP_DELETED);
    (void)mote_coap_resource_remove(in->coap, entry->resource);
    forget(entry);
}

/* The path of a request; 0 when it is too long or holds a slash within a segment. */
static int path_of(const mote_coap_incoming *in, char *path, size_t capacity) {
    mote_coap_options options = in->options;
    mote_coap_option option;
    size_t len = 0;
    while (mote_coap_option_next(&options, &option) == MOTE_OK) {
        if (option.number != MOTE_COAP_URI_PATH) continue;
        if (len + option.value.len + 2 > capacity || memchr(option.value.ptr, '/', option.value.len) != NULL) return 0;
        path[len++] = '/';
        memcpy(path + len, option.value.ptr, option.value.len);
        len += option.value.len;
    }
    path[len] = '\0';
    return 1;
}

static void put_new(void *user, const mote_coap_incoming *in) {
    char path[256];
    dynamic *entry = NULL;
    (void)user;
    if (!path_of(in, path, sizeof path)) {
        code_only(in, MOTE_COAP_BAD_REQUEST);
        return;
    }
    for (size_t i = 0; i < max_dynamic; i++)
        if (made[i].state == UPLOADED && strcmp(made[i].path, path) == 0) entry = &made[i];
    for (size_t i = 0; i < max_dynamic && entry == NULL; i++)
        if (made[i].state == UNUSED) entry = &made[i];
    /* An upload that has not come to its end does not keep its place from another: it may never do. */
    for (size_t i = 0; i < max_dynamic && entry == NULL && in->offset == 0; i++) {
        if (made[i].state == UPLOADED) {
            entry = &made[i];
            forget(entry);
        }
    }
    if (entry == NULL) {
        code_only(in, MOTE_COAP_FORBIDDEN);
        return;
    }
    entry->state = UPLOADED;
    strcpy(entry->path, path);
    uint8_t done = collect(&entry->upload, in);
    if (done == 0) return;
    mote_coap_resource_config config = { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = tool_bytes(entry->path),
                                         .flags = MOTE_COAP_OBSERVABLE, .get = get_made, .put = put_made, .delete_ = delete_made };
    entry->config = config;
    if (done == MOTE_COAP_CHANGED) {
        done = mote_coap_resource_add(in->coap, &entry->config, entry, &entry->resource) == MOTE_OK ? MOTE_COAP_CREATED
                                                                                                     : MOTE_COAP_SERVICE_UNAVAILABLE;
    }
    code_only(in, done);
    if (done == MOTE_COAP_CREATED) {
        entry->state = THERE;
        commit(&entry->stored, &entry->upload);
    } else {
        forget(entry);
    }
}

static void not_there(void *user, const mote_coap_incoming *in) { (void)user, code_only(in, MOTE_COAP_NOT_FOUND); }

/* ---- All of them */

static const uint16_t text_alone[] = { MOTE_COAP_TEXT };
static const uint16_t text_and_xml[] = { MOTE_COAP_TEXT, MOTE_COAP_XML };
static char links_of_path[] = "</path/sub1>;ct=0,</path/sub2>;ct=0,</path/sub3>;ct=0";

#define RESOURCE MOTE_COAP_RESOURCE_CONFIG_INIT, MOTE_COAP_MULTICAST
#define IN_TEXT .produces = text_alone, .produces_count = 1

static const struct {
    mote_coap_resource_config config;
    void *user;
} resources[] = {
    { { RESOURCE, MOTE_STR("/"), IN_TEXT, .get = get_text }, "mote: a CoAP test server" },
    { { RESOURCE, MOTE_STR("/test"), IN_TEXT, .get = get_text, .put = changed, .post = post_test, .delete_ = deleted,
        .attributes = MOTE_STR(";ct=0;title=\"default test resource\"") }, "the test resource" },
    { { RESOURCE, MOTE_STR("/hello"), IN_TEXT, .get = get_text, .attributes = MOTE_STR(";ct=0") }, "hello world" },
    { { RESOURCE, MOTE_STR("/seg1/seg2/seg3"), IN_TEXT, .get = get_text, .attributes = MOTE_STR(";ct=0") }, "a long path" },
    { { RESOURCE, MOTE_STR("/query"), IN_TEXT, .get = get_query, .attributes = MOTE_STR(";ct=0") }, NULL },
    { { RESOURCE, MOTE_STR("/location-query"), .post = post_location_query }, NULL },
    { { RESOURCE, MOTE_STR("/multi-format"), .get = get_multi_format, .attributes = MOTE_STR(";ct=\"0 41\""),
        .produces = text_and_xml, .produces_count = 2 }, NULL },
    { { MOTE_COAP_RESOURCE_CONFIG_INIT, MOTE_COAP_CONDITIONAL, MOTE_STR("/validate"), .get = get_validate,
        .put = put_validate, .attributes = MOTE_STR(";ct=0") }, NULL },
    { { MOTE_COAP_RESOURCE_CONFIG_INIT, MOTE_COAP_CONDITIONAL, MOTE_STR("/create1"), .put = put_create,
        .delete_ = delete_create }, NULL },
    { { RESOURCE, MOTE_STR("/separate"), IN_TEXT, .get = get_later, .attributes = MOTE_STR(";ct=0") }, "that took a while" },
    { { RESOURCE, MOTE_STR("/large"), IN_TEXT, .get = get_text, .attributes = MOTE_STR(";ct=0;rt=\"block\";sz=2048") }, large_text },
    { { RESOURCE, MOTE_STR("/large-separate"), IN_TEXT, .get = get_later, .attributes = MOTE_STR(";ct=0;rt=\"block\";sz=2048") },
      large_text },
    { { RESOURCE, MOTE_STR("/large-update"), .get = get_stored, .put = put_stored, .attributes = MOTE_STR(";rt=\"block\"") },
      &large_update },
    { { RESOURCE, MOTE_STR("/large-create"), .post = post_large_create, .attributes = MOTE_STR(";rt=\"block\"") }, NULL },
    { { RESOURCE, MOTE_STR("/large-post"), .post = post_large, .attributes = MOTE_STR(";rt=\"block\"") }, large_text },
    { { RESOURCE, MOTE_STR("/link1"), IN_TEXT, .get = get_text, .attributes = MOTE_STR(";rt=\"Type1 Type2\";if=\"If1\";sz=5") }, "link1" },
    { { RESOURCE, MOTE_STR("/link2"), IN_TEXT, .get = get_text, .attributes = MOTE_STR(";rt=\"Type2 Type3\";if=\"If2\"") }, "link2" },
    { { RESOURCE, MOTE_STR("/link3"), IN_TEXT, .get = get_text, .attributes = MOTE_STR(";rt=\"Type1 Type3\";if=\"foo\"") }, "link3" },
    { { RESOURCE, MOTE_STR("/path"), .get = get_links, .attributes = MOTE_STR(";ct=40") }, links_of_path },
    { { MOTE_COAP_RESOURCE_CONFIG_INIT, MOTE_COAP_HIDDEN, MOTE_STR("/path/sub1"), IN_TEXT, .get = get_text }, "sub1" },
    { { MOTE_COAP_RESOURCE_CONFIG_INIT, MOTE_COAP_HIDDEN, MOTE_STR("/path/sub2"), IN_TEXT, .get = get_text }, "sub2" },
    { { MOTE_COAP_RESOURCE_CONFIG_INIT, MOTE_COAP_HIDDEN, MOTE_STR("/path/sub3"), IN_TEXT, .get = get_text }, "sub3" },
    { { MOTE_COAP_RESOURCE_CONFIG_INIT, MOTE_COAP_HIDDEN, MOTE_STR("/*"), .get = not_there, .post = not_there,
        .put = put_new, .delete_ = not_there, .fetch = not_there, .patch = not_there, .ipatch = not_there }, NULL },
};

static void add_resources(void) {
    static mote_coap_resource_config watched_configs[sizeof watched / sizeof *watched];
    static const mote_coap_resource_config clock_config = {
        MOTE_COAP_RESOURCE_CONFIG_INIT, MOTE_COAP_OBSERVABLE | MOTE_COAP_SHARED | MOTE_COAP_MULTICAST,
        MOTE_STR("/time"), IN_TEXT, .get = get_time,
        .attributes = MOTE_STR(";ct=0;rt=\"clock\"") };
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
        tool_check(mote_coap_resource_add(coap, &resources[i].config, resources[i].user, NULL), "resource");
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        mote_coap_resource_config config = { MOTE_COAP_RESOURCE_CONFIG_INIT, MOTE_COAP_OBSERVABLE | MOTE_COAP_SHARED,
            .path = tool_bytes(watched[i].path), .attributes = tool_bytes(watched[i].attributes),
            .get = get_observed, .put = put_observed, .delete_ = delete_observed };
        watched_configs[i] = config;
        tool_check(mote_coap_resource_add(coap, &watched_configs[i], &watched[i], &watched[i].resource), "resource");
    }
    tool_check(mote_coap_resource_add(coap, &clock_config, NULL, &clock_resource), "resource");
}

static void stop(int signal_number) {
    (void)signal_number;
    stopping = 1;
    (void)mote_node_wake(node);
}

int main(int argc, char **argv) {
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT, .observers = 64, .peers = 64, .exchanges = 64,
                                .transfers = 16, .pool = 512 * 1024, .requests = MOTE_COAP_NONE };
    mote_linux_options options = { MOTE_LINUX_OPTIONS_INIT };
    mote_port linux_port = *mote_port_linux();
    const mote_bytes no_zone = { NULL, 0 };
    unsigned long port = 5683, spin = 50;
    int flag;
    tool_help(argc, argv, usage);
    while ((flag = getopt(argc, argv, "A:p:d:s:v")) != -1) {
        switch (flag) {
        case 'A': tool_check(tool_resolve(tool_bytes(optarg), no_zone, &config.local), optarg); break;
        case 'p': port = tool_count("-p", optarg, 0, 65535); break;
        case 'd': max_dynamic = tool_count("-d", optarg, 0, MAX_DYNAMIC); break;
        case 's': spin = tool_count("-s", optarg, 0, 1000000); break;
        case 'v': verbose = 1; break;
        default: tool_misused(usage);
        }
    }
    if (optind != argc) tool_misused(usage);
    options.spin_us = (uint32_t)spin;
    config.resources =
        (uint16_t)(sizeof resources / sizeof *resources + sizeof watched / sizeof *watched + 1 + max_dynamic);
    config.local.port = (uint16_t)port;
    for (size_t i = 0; i + 1 < sizeof large_text; i++) large_text[i] = i % 64 == 63 ? '\n' : (char)('a' + i / 64 % 26);
    large_update.bytes = calloc(1, 1);
    validated.bytes = calloc(1, 16);
    if (large_update.bytes == NULL || validated.bytes == NULL) return 2;
    strcpy((char *)validated.bytes, "validate me");
    validated.len = 11;

    linux_port.user = &options;
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .port = &linux_port, .receive_batch = 64, .send_batch = 64,
                                     .receive_size = 1500 };
    size_t size = 0;
    tool_check(mote_node_size(&node_config, &size), "node");
    tool_check(mote_node_init(malloc(size), size, &node_config, &node), "node");
    config.node = node;
    tool_check(mote_coap_size(&config, &size), "endpoint");
    tool_check(mote_coap_init(malloc(size), size, &config, &coap), "cannot listen there");
    add_resources();

    /* All CoAP Nodes (RFC 7252 section 12.8), as far as the network here carries groups. */
    static const char *const groups[] = { "224.0.1.187", "ff02::fd", "ff05::fd" };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        mote_address group;
        if (mote_address_parse(tool_bytes(groups[i]), &group) == MOTE_OK && mote_coap_join(coap, &group) != MOTE_OK && verbose)
            fprintf(stderr, "not in the group %s\n", groups[i]);
    }

    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    uint64_t next = now_ms() + 1000;
    unsigned second = 0;
    while (!stopping) {
        uint64_t now = now_ms(), due = answer_delayed();
        if (now >= next) {
            tick(++second);
            /* Not one for each second that the machine was suspended. */
            next = now + 1000;
        }
        if (due > next) due = next;
        tool_check(mote_node_run(node, due > now ? due - now : 0), "node");
    }
    (void)mote_coap_close(coap);
    (void)mote_node_close(node);
    return 0;
}
