/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CoAP endpoints in the storm. */
#ifndef STORM_COAP_H
#define STORM_COAP_H
#include "node.h"

static object *any_coap(void)
{
    object *of = &coaps[below(COAPS)];
    return of->open || one_in(4) ? of : &coaps[below(COAPS)];
}

static uint8_t coap_body[3000];

/* What a resource was added with, so that its handlers know that they are called in its time. */
typedef struct {
    object *owner;
    unsigned generation;
    uint32_t handle;
    uint8_t removed;
} resource;

enum { RESOURCES = 300 };
static resource resources[RESOURCES];
static unsigned resource_count;

/* Exchanges that may be answered yet. */
static struct {
    object *owner;
    uint32_t exchange;
} exchanges[16];
static unsigned exchange_at;

static mote_transport transports[8]; /* of meshes */
static uint8_t transport_node[8];

static void coap_make(object *of)
{
    unsigned index, mark = lent_count;
    mote_coap_params params = { MOTE_COAP_PARAMS_INIT, .ack_timeout = 500 + below(2000), .max_retransmit = (uint16_t)(1 + below(4)) };
    static const uint16_t recognised[] = { 65001, 65003 };
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT };
    mote_coap_config *given;
    mote_coap *made;
    mote_status status;
    size_t size;
    if (of->open || object_pinned(of)) return;
    config.node = node_for_config(&index);
    if (one_in(2)) config.params = &params;
    config.requests = (uint16_t)(one_in(8) ? MOTE_COAP_NONE : 1 + below(6));
    config.observers = (uint16_t)(one_in(8) ? MOTE_COAP_NONE : below(4));
    config.message_size = (uint16_t)(one_in(3) ? 0 : 64 + below(1300));
    config.peers = (uint16_t)below(4);
    config.exchanges = (uint16_t)below(5);
    config.resources = (uint16_t)below(8);
    config.transfers = (uint16_t)(one_in(8) ? MOTE_COAP_NONE : below(3));
    config.pool = one_in(2) ? 0 : below(6000);
    config.body = one_in(2) ? 0 : below(4000);
    config.local.port = (uint16_t)(one_in(2) ? 5683 : 0);
    if (one_in(8)) config.udp_options = any_number() & 3;
    if (one_in(4)) config.recognised = recognised, config.recognised_count = one_in(20) ? 65 : 2;
    if (storm_calm) {
        config = (mote_coap_config){ MOTE_COAP_CONFIG_INIT, .node = config.node };
        config.local.port = one_in(2) ? 5683 : 0;
    }
    if (one_in(3)) {
        for (unsigned which = 0; which < 8 && config.transport == 0; which++) {
            if (transport_node[which] == index) config.transport = transports[which];
            if (config.transport != 0 && one_in(2)) transports[which] = 0;
        }
    }
    given = lend_config(&config, sizeof config);
    OUTPUT(size);
    status = CALL(mote_coap_size, given, &size);
    if (status != MOTE_OK) CHECK(UNTOUCHED(size));
    else {
        int whole = storm_calm || !one_in(12);
        uint8_t *room = object_room(of, whole ? size : below((unsigned)size));
        OUTPUT(made);
        status = CALL(mote_coap_init, room, of->memory.size, given, &made);
        CHECK(!whole || status != MOTE_ERR_NO_MEMORY);
        if (status == MOTE_OK) {
            over_mesh += config.transport != 0;
            CHECK(nodes[index].open);
            SHOW("    made coap %d on %u\n", (int)(of - coaps), index);
            object_opened(of, COAP, index, made);
        } else CHECK(UNTOUCHED(made));
    }
    lend_end(mark);
}

static void coap_close(object *of)
{
    mote_coap *coap = pointer(of);
    int alive = ALIVE(of, coap);
    unsigned generation = of->generation;
    mote_status status;
    driving++;
    of->closing += (uint8_t)alive;
    SHOW("    closing coap %d\n", (int)(of - coaps));
    status = CALL(mote_coap_close, coap);
    SHOW("    closed coap: %d\n", (int)status);
    of->closing -= (uint8_t)alive;
    driving--;
    if (coap == NULL) CHECK_IS(status, MOTE_OK);
    else if (!alive) CHECK_IS(status, MOTE_ERR_STALE);
    /* In a callback of its own close it is closed already. */
    else CHECK(status == MOTE_OK || (depth > 0 && status == MOTE_ERR_STALE));
    if (alive && status == MOTE_OK && of->generation == generation) object_closed(of);
}

/* Walks through the options that a callback is lent. */
static void coap_options(mote_coap_options options)
{
    mote_coap_option option;
    mote_coap_options all = options;
    unsigned count = 0;
    mote_status status;
    OUTPUT(option);
    while ((status = CALL(mote_coap_option_next, &options, &option)) == MOTE_OK) {
        mote_coap_option found;
        if (count++ == 0) CHECK_IS(CALL(mote_coap_option_find, &all, option.number, &found), MOTE_OK);
        (void)digest(option.value);
        OUTPUT(option);
    }
    CHECK_IS(status, MOTE_ERR_END);
    CHECK(UNTOUCHED(option) && count < 2000);
}

static void coap_supply(object *of, uint32_t request, uint32_t length);

static void coap_event(void *user, const mote_coap_event *event)
{
    operation *of = user;
    object *owner = of->owner;
    unsigned generation = of->generation;
    uint32_t sum = digest(event->payload) ^ digest(event->token) ^ digest(event->options.bytes);
    called_back();
    CHECK(event->coap == owner->handle);
    CHECK(event->request == of->handle);
    CHECK(event->kind >= MOTE_COAP_RESPONSE && event->kind <= MOTE_COAP_ENDED);
    heard(of, event->last);
    coap_kinds[event->kind & 3]++;
    coap_options(event->options);
    if (event->kind == MOTE_COAP_NEED_BLOCK && (storm_calm || !one_in(4))) coap_supply(owner, event->request, event->length);
    mischief();
    /* What is lent stays as it is, as long as its owner is there. */
    if (owner->open && owner->generation == generation)
        CHECK_IS(digest(event->payload) ^ digest(event->token) ^ digest(event->options.bytes), sum);
    returning();
}

static const char *const uris[] = {
    "coap://[fd00::1]/a", "coap://[fd00::2]/big", "coap://[fd00::3]/a/b?x=1&y=2", "coap://[fd00::1]/nothing", "coap://[ff02::fd]/a",
    "coap://[fd00::9]/lost", "coap://[fd00::1]/.well-known/core", "coap://[fd00::1]/slow", "coap://[fd00::2]/a%20b", "coaps://[fd00::1]/a",
    "coap://name.example/a", "coap://[fe80::1%251]/a", "http://x/",
};
enum { URIS = sizeof uris / sizeof uris[0] };

/* A URI that ends in NUL. */
static const char *lend_uri(void)
{
    mote_bytes text = lend_text(uris, URIS), with_end;
    uint8_t *room = lend_room(text.len + 1);
    if (text.len != 0) memcpy(room, text.ptr, text.len);
    room[text.len] = 0;
    with_end = (mote_bytes){ room, text.len };
    return (const char *)with_end.ptr;
}

static mote_coap_option *lend_options(size_t count)
{
    mote_coap_option *options = (mote_coap_option *)(void *)malloc((count + 1) * sizeof *options);
    static const uint16_t numbers[] = { 1, 4, 5, 8, 11, 12, 14, 15, 17, 20, 60, 252, 258, 292, 65001, 2049 };
    for (size_t i = 0; i < count; i++) {
        options[i] = (mote_coap_option){ .number = one_in(8) ? (uint16_t)dice() : numbers[below(16)] };
        if (one_in(2)) options[i].integer = any_number();
        else options[i].value = lend_rubbish(below(storm_calm || !one_in(30) ? 9 : 300));
    }
    return options;
}

static mote_coap_request_config coap_request(void)
{
    mote_coap_request_config config = { MOTE_COAP_REQUEST_CONFIG_INIT };
    static const mote_coap_params params = { MOTE_COAP_PARAMS_INIT, .ack_timeout = 300 };
    config.uri = lend_text(uris, URIS);
    if (one_in(2)) {
        config.uri = lend_text(uris, 3);
        config.method = (uint8_t)below(4);
        config.observe = one_in(4);
        if (config.method > 1) config.payload = lend_rubbish(below(2) * 1024);
        config.more = config.payload.len != 0 && !config.observe;
        return config;
    }
    config.method = (uint8_t)(one_in(12) ? dice() : below(8));
    config.non_confirmable = one_in(3);
    config.observe = one_in(4);
    config.one_block = one_in(8);
    if (one_in(3)) {
        config.payload_stays = one_in(2);
        config.payload = (mote_bytes){ coap_body, below(sizeof coap_body) };
    } else config.payload = lend_rubbish(below(1200));
    config.more = one_in(6);
    if (config.more) config.total = 3000;
    if (one_in(12)) config.offset = any_number();
    if (one_in(6)) config.block_size = one_in(4) ? any_number() : 16u << below(7);
    if (one_in(6)) config.timeout = any_number();
    if (one_in(6)) config.token = lend_rubbish(below(20));
    if (one_in(6)) config.params = &params;
    if (one_in(40)) config.reserved = 1;
    if (one_in(3)) config.remote = host_address(below(NODES + 1), (uint16_t)(one_in(2) ? 5683 : 0));
    if (one_in(30)) config.local = host_address(0, 0);
    return config;
}

static void coap_start(object *of)
{
    unsigned mark = lent_count;
    mote_coap *coap = pointer(of);
    mote_coap_request request;
    mote_status status;
    operation *op = begin(of, "a CoAP request");
    mote_coap_option *options = NULL;
    if (op == NULL) return;
    OUTPUT(request);
    switch (below(6)) {
    case 0: {
        mote_address remote = host_address(below(NODES + 1), 5683);
        status = CALL(mote_coap_ping, coap, &remote, coap_event, op, &request);
        break;
    }
    case 1: status = CALL(mote_coap_get, coap, lend_uri(), coap_event, op, &request); break;
    case 2:
        status = CALL(mote_coap_observe, coap, lend_uri(), coap_event, op, &request);
        op->lasts = 1;
        break;
    case 3:
        status = CALL(mote_coap_send, coap, (uint8_t)below(9), lend_uri(), (uint16_t)below(70), (mote_bytes){ coap_body, below(1500) },
                      coap_event, op, &request);
        break;
    default: {
        mote_coap_request_config config = coap_request();
        config.option_count = one_in(2) ? 0 : below(5);
        if (config.option_count) config.options = options = lend_options(config.option_count);
        config.callback = coap_event;
        config.user = op;
        op->lasts = config.observe;
        status = CALL(mote_coap_start, coap, lend_told_config(&config, sizeof config), &request);
    }
    }
    if (status != MOTE_OK) CHECK(UNTOUCHED(request));
    begun(op, status, request);
    ANSWERED(of, coap, status);
    free(options);
    lend_end(mark);
}

static void named_event(void *user, const mote_coap_event *event)
{
    by_name *named = user;
    int last = event->last;
    object *owner = named->of->owner;
    called_back();
    /* It may end after its endpoint has: by then the look-up does. */
    CHECK(!named->of->ended && !named->of->starting);
    if (!owner->open || owner->generation != named->of->generation) CHECK(last && event->status < 0);
    named->of->ended = (uint8_t)last;
    if (last && one_in(2)) {
        block_free(&named->memory);
        block_free(&named->uri);
        named->lookup = NULL;
    } else if (last) named->lookup = NULL;
    mischief();
    returning();
}

static void coap_by_name(object *of)
{
    static const char *const hosts_by_name[] = { "coap://name.example/a", "coap://other/big", "coap://[fd00::1]/a", "coap://%61/x", "coap:", "x" };
    by_name *named = &by_names[below(BY_NAMES)];
    unsigned mark = lent_count;
    mote_coap_request_config config = { MOTE_COAP_REQUEST_CONFIG_INIT };
    mote_coap *coap = pointer(of);
    mote_lookup *made;
    mote_coap_request request;
    mote_bytes text;
    mote_status status;
    size_t size = one_in(10) ? below(MOTE_COAP_NAME_MEM) : MOTE_COAP_NAME_MEM;
    if (named->of != NULL && !named->of->ended) return;
    named->lookup = NULL;
    named->of = begin(of, "a request by name");
    if (named->of == NULL) return;
    /* Its end may come after its owner's. */
    named->of->outlives = 1;
    named->node = of->node;
    text = lend_text(hosts_by_name, 6);
    block_take(&named->uri, text.len);
    if (text.len != 0) memcpy(block_start(&named->uri), text.ptr, text.len);
    config.uri = (mote_bytes){ block_start(&named->uri), text.len };
    config.non_confirmable = one_in(2);
    config.timeout = one_in(2) ? 0 : below(5000);
    if (one_in(5)) config.remote = host_address(below(NODES), 5683);
    config.callback = named_event;
    config.user = named;
    block_take(&named->memory, size);
    OUTPUT(made);
    OUTPUT(named->request);
    OUTPUT(request);
    status = CALL(mote_coap_start_by_name, block_start(&named->memory), size, coap, lend_told_config(&config, sizeof config),
                  one_in(4) ? NULL : &named->request, one_in(6) ? NULL : &made);
    if (status != MOTE_OK) CHECK(UNTOUCHED(made) && UNTOUCHED(named->request));
    named->of->starting = 0;
    if (status != MOTE_OK) named->of->ended = 1;
    else if (!UNTOUCHED(made)) named->lookup = made;
    ANSWERED(of, coap, status);
    lend_end(mark);
}

static void coap_cancel(object *of)
{
    mote_coap *coap = pointer(of);
    ANSWERED(of, coap, CALL(mote_coap_cancel, coap, any_handle(of)));
}

static void coap_supply(object *of, uint32_t request, uint32_t length)
{
    mote_coap *coap = pointer(of);
    unsigned mark = lent_count;
    size_t len = storm_calm || !one_in(4) ? (length > 1024 ? 1024 : length) : below(2000);
    mote_status status = CALL(mote_coap_supply, coap, request, lend_rubbish(len), storm_calm ? 0 : (uint32_t)one_in(2));
    ANSWERED(of, coap, status);
    lend_end(mark);
}

/* Answers an exchange, in one of the ways there are. */
static void coap_answer(object *of, uint32_t exchange)
{
    static const uint8_t codes[] = { 65, 66, 67, 68, 69, 128, 132, 160, 0, 255 };
    mote_coap *coap = pointer(of);
    unsigned mark = lent_count;
    mote_coap_option *options = NULL;
    mote_status status;
    size_t len = one_in(3) ? sizeof coap_body : below(200);
    if (storm_calm || one_in(2)) {
        status = CALL(mote_coap_reply, coap, exchange, storm_calm ? MOTE_COAP_CONTENT : codes[below(10)], (uint16_t)below(70),
                      (mote_bytes){ coap_body, len });
    } else {
        mote_coap_response response = { MOTE_COAP_RESPONSE_INIT };
        response.code = codes[below(10)];
        response.confirmable = one_in(3);
        response.more = one_in(5);
        response.reserved = one_in(30);
        response.option_count = below(4);
        if (response.option_count) response.options = options = lend_options(response.option_count);
        response.payload = (mote_bytes){ coap_body, len };
        if (one_in(5)) response.offset = any_number();
        if (one_in(5)) response.total = any_number();
        status = CALL(mote_coap_respond, coap, exchange, lend_config(&response, sizeof response));
    }
    ANSWERED(of, coap, status);
    free(options);
    lend_end(mark);
}

static void coap_handler(void *user, const mote_coap_incoming *incoming)
{
    resource *of = user;
    object *owner = of->owner;
    uint32_t sum = digest(incoming->payload) ^ digest(incoming->options.bytes), exchange = incoming->exchange;
    called_back();
    CHECK(owner->open && owner->generation == of->generation && !of->removed);
    CHECK(incoming->coap == owner->handle && incoming->resource == of->handle && exchange != 0);
    coap_options(incoming->options);
    coap_served++;
    if (!storm_calm && one_in(3)) {
        exchanges[exchange_at % 16].owner = owner;
        exchanges[exchange_at++ % 16].exchange = exchange;
    } else {
        /* An assembled body is lent until the answer. */
        if (incoming->offset == 0 && incoming->total == 0 && incoming->payload.len <= 64) {
            mischief();
            if (owner->open && owner->generation == of->generation)
                CHECK_IS(digest(incoming->payload) ^ digest(incoming->options.bytes), sum);
        }
        if (owner->open && owner->generation == of->generation) coap_answer(owner, exchange);
    }
    mischief();
    returning();
}

static const uint16_t some_formats[] = { 0, 40, 42 };
static const mote_coap_resource_config resource_configs[] = {
    { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/a"), .flags = MOTE_COAP_OBSERVABLE | MOTE_COAP_MULTICAST, .get = coap_handler,
      .put = coap_handler, .delete_ = coap_handler, .attributes = MOTE_STR(";rt=\"x\"") },
    { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/big"), .flags = MOTE_COAP_OBSERVABLE | MOTE_COAP_SHARED | MOTE_COAP_ASSEMBLE,
      .get = coap_handler, .put = coap_handler, .post = coap_handler, .fetch = coap_handler, .patch = coap_handler, .ipatch = coap_handler },
    { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/slow"), .flags = MOTE_COAP_CONDITIONAL | MOTE_COAP_HIDDEN, .get = coap_handler,
      .produces = some_formats, .produces_count = 3, .consumes = some_formats, .consumes_count = 2, .max_body = 100 },
    { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/a/*"), .get = coap_handler, .post = coap_handler },
    { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("bad"), .get = coap_handler },
    { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/x"), .flags = 64, .get = coap_handler },
    { MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/x"), .reserved = 1 },
    { .size = (uint32_t)offsetof(mote_coap_resource_config, post), .path = MOTE_STR("/old"), .get = coap_handler },
};

static void coap_resource(object *of)
{
    mote_coap *coap = pointer(of);
    mote_coap_resource made;
    mote_status status;
    resource *to = &resources[resource_count];
    if (resource_count == RESOURCES) return;
    *to = (resource){ of, of->generation, 0, 0 };
    OUTPUT(made);
    status = CALL(mote_coap_resource_add, coap, &resource_configs[below(storm_calm ? 4 : 8)], to, &made);
    if (status == MOTE_OK) to->handle = made, resource_count++;
    else CHECK(UNTOUCHED(made));
    ANSWERED(of, coap, status);
}

static uint32_t any_resource(object *of)
{
    for (unsigned tries = 0; tries < 6 && resource_count != 0; tries++) {
        const resource *found = &resources[below(resource_count)];
        if (found->owner == of) return found->handle;
    }
    return any_number();
}

static void coap_serve(object *of)
{
    mote_coap *coap = pointer(of);
    uint32_t handle = any_resource(of);
    mote_status status;
    if (one_in(4)) {
        status = CALL(mote_coap_resource_remove, coap, handle);
        for (unsigned i = 0; i < resource_count && status == MOTE_OK; i++) {
            if (resources[i].owner == of && resources[i].generation == of->generation && resources[i].handle == handle) resources[i].removed = 1;
        }
    } else status = CALL(mote_coap_notify, coap, handle);
    ANSWERED(of, coap, status);
}

static void coap_ask(object *of)
{
    mote_coap *coap = pointer(of);
    mote_address address = host_address(0, 0);
    mote_status status;
    address.ip[0] = 0xff;
    switch (below(5)) {
    case 0:
        OUTPUT(address);
        status = CALL(mote_coap_local_address, coap, &address);
        if (status != MOTE_OK) CHECK(UNTOUCHED(address));
        break;
    case 1: {
        unsigned mark = lent_count;
        mote_coap_statistics statistics = { MOTE_COAP_STATISTICS_INIT };
        status = CALL(mote_coap_get_statistics, coap, lend_config(&statistics, sizeof statistics));
        lend_end(mark);
        break;
    }
    case 2: status = CALL(mote_coap_join, coap, &address); break;
    case 3: status = CALL(mote_coap_leave, coap, one_in(9) ? NULL : &address); break;
    default: {
        size_t count;
        OUTPUT(count);
        status = CALL(mote_coap_observers, coap, &count);
        if (status != MOTE_OK) CHECK(UNTOUCHED(count));
    }
    }
    ANSWERED(of, coap, status);
}

static void coap_action(void)
{
    object *of = any_coap();
    unsigned which = below(32);
    if (which < 3) coap_make(of);
    else if (which == 3 && one_in(6)) coap_close(of);
    else if (which < 14) coap_start(of);
    else if (which < 16) coap_by_name(of);
    else if (which < 18) coap_cancel(of);
    else if (which < 20) coap_supply(of, any_handle(of), below(1100));
    else if (which < 23) coap_answer(of, one_in(3) ? any_number() : exchanges[below(16)].exchange);
    else if (which < 26) coap_resource(of);
    else if (which < 29) coap_serve(of);
    else coap_ask(of);
}
#endif
