/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A CoAP client and a server on two nodes over the memory port: GET, PUT, a body of some kilobytes up and down, observing and
 * cancelling. Runs on the host and in the firmware; says what is not so by `scene_fault`. */
#ifndef COAP_SCENE_H
#define COAP_SCENE_H
#include "memory_port.h"
#include "scene.h"

enum { SCENE_BODY = 3000 };

typedef struct {
    int last, responses;
    mote_status status;
    uint8_t code;
    size_t got;
    uint8_t wrong;
} scene_outcome;

static struct {
    uint8_t node_memory[2][MOTE_NODE_MEM];
    uint8_t coap_memory[2][MOTE_COAP_MEM(4, 8, 1152)];
    mote_port ports[2];
    mote_node *nodes[2];
    mote_coap *server, *client;
    mote_coap_resource counter;
    int count, requests_seen;
    uint8_t stored[SCENE_BODY];
    size_t stored_len;
    uint8_t body[SCENE_BODY];
} scene;

static void scene_get(void *user, const mote_coap_incoming *incoming)
{
    (void)user;
    scene.requests_seen++;
    scene_check(mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CONTENT, MOTE_COAP_TEXT,
                                (mote_bytes){ scene.stored, scene.stored_len }) == MOTE_OK, "GET is answered");
}

/* Takes a body part by part, wherever it lies. */
static void scene_put(void *user, const mote_coap_incoming *incoming)
{
    (void)user;
    scene.requests_seen++;
    if (incoming->offset + incoming->payload.len > sizeof scene.stored) {
        (void)mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_REQUEST_ENTITY_TOO_LARGE, 0, (mote_bytes){ NULL, 0 });
        return;
    }
    if (incoming->payload.len) memcpy(scene.stored + incoming->offset, incoming->payload.ptr, incoming->payload.len);
    if (incoming->more) return; /* the next block is asked for by itself */
    scene.stored_len = incoming->offset + incoming->payload.len;
    scene_check(mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CHANGED, 0, (mote_bytes){ NULL, 0 }) == MOTE_OK,
                "PUT is answered");
}

static void scene_count(void *user, const mote_coap_incoming *incoming)
{
    uint8_t digit = (uint8_t)('0' + scene.count % 10);
    (void)user;
    scene_check(mote_coap_reply(incoming->coap, incoming->exchange, MOTE_COAP_CONTENT, MOTE_COAP_TEXT,
                                (mote_bytes){ &digit, 1 }) == MOTE_OK, "the count is told");
}

static const mote_coap_resource_config scene_stored = {
    MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/stored"), .get = scene_get, .put = scene_put, .attributes = MOTE_STR(";ct=0"),
};
static const mote_coap_resource_config scene_counter = {
    MOTE_COAP_RESOURCE_CONFIG_INIT, .path = MOTE_STR("/count"), .get = scene_count, .flags = MOTE_COAP_OBSERVABLE,
};

static void scene_event(void *user, const mote_coap_event *event)
{
    scene_outcome *outcome = user;
    if (outcome->last) scene_check(0, "nothing follows the last event");
    outcome->responses += event->kind == MOTE_COAP_RESPONSE;
    if (event->kind == MOTE_COAP_RESPONSE) outcome->code = event->code;
    outcome->status = event->status;
    for (size_t i = 0; i < event->payload.len; i++) {
        if (event->offset + i < SCENE_BODY && event->payload.ptr[i] != scene.body[event->offset + i]) outcome->wrong = 1;
    }
    outcome->got = event->offset + event->payload.len;
    outcome->last = event->last;
}

/* Lets both nodes run until this request has ended. */
static void scene_finish(scene_outcome *outcome, const char *what)
{
    scene_check(memory_run(scene.nodes, 2, &outcome->last, 400000) == MOTE_OK, "the nodes run");
    scene_check(outcome->last, what);
}

static int scene_start(uint32_t lose)
{
    memory_reset(lose);
    memset(&scene, 0, sizeof scene);
    for (unsigned i = 0; i < SCENE_BODY; i++) scene.body[i] = (uint8_t)(i * 7 + (i >> 8));
    for (unsigned i = 0; i < 2; i++) {
        mote_node_config config = { MOTE_NODE_CONFIG_INIT };
        mote_coap_config coap = { MOTE_COAP_CONFIG_INIT };
        scene.ports[i] = memory_port(i);
        config.port = &scene.ports[i];
        if (mote_node_init(scene.node_memory[i], sizeof scene.node_memory[i], &config, &scene.nodes[i]) != MOTE_OK) return 0;
        coap.node = scene.nodes[i];
        coap.local.port = i == 0 ? 5683 : 0;
        if (mote_coap_init(scene.coap_memory[i], sizeof scene.coap_memory[i], &coap, i == 0 ? &scene.server : &scene.client) != MOTE_OK) return 0;
    }
    return mote_coap_resource_add(scene.server, &scene_stored, NULL, NULL) == MOTE_OK
        && mote_coap_resource_add(scene.server, &scene_counter, NULL, &scene.counter) == MOTE_OK;
}

static void scene_end(void)
{
    for (unsigned i = 0; i < 2; i++) {
        scene_check(mote_coap_close(i == 0 ? scene.server : scene.client) == MOTE_OK, "an endpoint closes");
        scene_check(mote_node_close(scene.nodes[i]) == MOTE_OK, "a node closes");
    }
}

/* The whole scene; how many things were not as they should be. */
static int scene_run(uint32_t lose)
{
    static scene_outcome put, get, missing, observe, up, down;
    static const uint8_t hello[] = { 'h', 'e', 'l', 'l', 'o' };
    mote_coap_request request = 0;
    memset(&put, 0, sizeof put);
    get = missing = observe = up = down = put;
    if (!scene_start(lose)) {
        scene_fault("everything can be set up");
        return 1;
    }

    scene_check(mote_coap_send(scene.client, MOTE_COAP_PUT, "coap://[fd00::1]/stored", MOTE_COAP_TEXT,
                               (mote_bytes){ hello, sizeof hello }, scene_event, &put, NULL) == MOTE_OK, "PUT starts");
    scene_finish(&put, "PUT ends");
    scene_check(put.code == MOTE_COAP_CHANGED && scene.stored_len == sizeof hello, "PUT changes");

    memcpy(scene.body, hello, sizeof hello);
    scene_check(mote_coap_get(scene.client, "coap://[fd00::1]/stored", scene_event, &get, &request) == MOTE_OK, "GET starts");
    scene_finish(&get, "GET ends");
    scene_check(get.code == MOTE_COAP_CONTENT && get.got == sizeof hello && !get.wrong, "GET brings what was PUT");
    scene_check(mote_coap_cancel(scene.client, request) == MOTE_ERR_STALE, "a request that ended is stale");

    scene_check(mote_coap_get(scene.client, "coap://[fd00::1]/nothing", scene_event, &missing, NULL) == MOTE_OK, "GET starts");
    scene_finish(&missing, "GET of nothing ends");
    scene_check(missing.code == MOTE_COAP_NOT_FOUND, "what is not there is 4.04");

    scene_check(mote_coap_send(scene.client, MOTE_COAP_PUT, "coap://[fd00::1]/stored", MOTE_COAP_TEXT,
                               (mote_bytes){ scene.body, SCENE_BODY }, scene_event, &up, NULL) == MOTE_OK, "a large PUT starts");
    scene_finish(&up, "a large PUT ends");
    scene_check(up.code == MOTE_COAP_CHANGED && scene.stored_len == SCENE_BODY && memcmp(scene.stored, scene.body, SCENE_BODY) == 0,
                "a large body goes up");
    scene_check(mote_coap_get(scene.client, "coap://[fd00::1]/stored", scene_event, &down, NULL) == MOTE_OK, "a large GET starts");
    scene_finish(&down, "a large GET ends");
    scene_check(down.code == MOTE_COAP_CONTENT && down.got == SCENE_BODY && !down.wrong, "a large body comes down");

    scene_check(mote_coap_observe(scene.client, "coap://[fd00::1]/count", scene_event, &observe, &request) == MOTE_OK, "observing starts");
    for (int i = 0; i < 3; i++) {
        (void)memory_run(scene.nodes, 2, &observe.last, 40000);
        scene.count++;
        scene_check(mote_coap_notify(scene.server, scene.counter) == MOTE_OK, "a change is told");
    }
    (void)memory_run(scene.nodes, 2, &observe.last, 40000);
    /* Over a lossy link a state may be skipped, never the last. */
    scene_check(observe.responses >= (lose ? 2 : 4) && !observe.last, "the observer is told of changes");
    scene_check(mote_coap_cancel(scene.client, request) == MOTE_OK, "observing is cancelled");
    scene_finish(&observe, "observing ends");
    scene_check(observe.status == MOTE_ERR_CANCELLED, "it ends as cancelled");
    scene_end();
    return scene_faults;
}
#endif
