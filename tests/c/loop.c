/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An application with a loop of its own, over the port of Linux: it polls the node's descriptor and nothing else. Also what it starts
 * outside of the node's turns is sent, sent again and ends. */
#include "check.h"
#include "mote.h"
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int timed_out;

static void on_time_out(void *user, const mote_coap_event *event)
{
    (void)user;
    CHECK_IS(event->kind, MOTE_COAP_ENDED);
    CHECK_IS(event->status, MOTE_ERR_TIMEOUT);
    timed_out++;
}

/* What the application calls when the descriptor is readable. */
typedef mote_status (*turn)(mote_node *node);

static mote_status run(mote_node *node)
{
    return mote_node_run(node, 0);
}

static void polls(uint16_t send_batch, turn turn)
{
    static uint8_t node_memory[16384], coap_memory[MOTE_COAP_MEM(4, 8, 1152)];
    mote_coap_params params = { MOTE_COAP_PARAMS_INIT, .ack_timeout = 50, .max_retransmit = 2 };
    mote_node_config node_config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux(), .send_batch = send_batch };
    mote_coap_config config = { MOTE_COAP_CONFIG_INIT };
    mote_coap_request_config request = { MOTE_COAP_REQUEST_CONFIG_INIT, .callback = on_time_out };
    mote_coap_statistics counted = { MOTE_COAP_STATISTICS_INIT };
    struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
    socklen_t name_len = sizeof name;
    mote_node *node;
    mote_coap *coap;
    int32_t descriptor = -1;
    int turns = 0, silent = socket(AF_INET6, SOCK_DGRAM, 0);
    /* Somebody who never answers. */
    name.sin6_addr.s6_addr[15] = 1;
    CHECK(bind(silent, (struct sockaddr *)&name, sizeof name) == 0);
    CHECK(getsockname(silent, (struct sockaddr *)&name, &name_len) == 0);
    request.remote.ip[15] = 1;
    request.remote.port = ntohs(name.sin6_port);
    request.params = &params;
    CHECK_IS(mote_node_init(node_memory, sizeof node_memory, &node_config, &node), MOTE_OK);
    CHECK_IS(mote_node_descriptor(node, &descriptor), MOTE_OK);
    config.node = node;
    CHECK_IS(mote_coap_init(coap_memory, sizeof coap_memory, &config, &coap), MOTE_OK);
    struct pollfd waiting = { .fd = descriptor, .events = POLLIN };
    for (; turns < 100 && poll(&waiting, 1, 50) > 0; turns++) CHECK_IS(turn(node), MOTE_OK);
    CHECK(turns < 10);
    timed_out = 0;
    CHECK_IS(mote_coap_start(coap, &request, NULL), MOTE_OK);
    for (turns = 0; timed_out == 0 && turns < 100 && poll(&waiting, 1, 2000) > 0; turns++) CHECK_IS(turn(node), MOTE_OK);
    CHECK_IS(timed_out, 1);
    CHECK(turns < 20);
    CHECK_IS(mote_coap_get_statistics(coap, &counted), MOTE_OK);
    /* Who sleeps through the time for one misses it, as on a busy machine. */
    CHECK(counted.retransmitted >= 1 && counted.retransmitted <= 2);
    CHECK_IS(mote_coap_close(coap), MOTE_OK);
    CHECK_IS(mote_node_close(node), MOTE_OK);
    close(silent);
}

int main(void)
{
    /* What is sent leaves at once, or is gathered. */
    polls(0, mote_node_poll);
    polls(4, mote_node_poll);
    polls(0, run);
    return outcome("loop");
}
