/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The frame: status and version, addresses, configurations that grow, memory, stale nodes, posts, Linux. */
#include "check.h"
#include "memory_port.h"

static int posted;

static void on_post(mote_node *node, void *user)
{
    posted++;
    *(mote_node **)user = node;
}

static void closes(mote_node *node, void *user)
{
    (void)user;
    posted++;
    /* The documented refusals: driving and closing the node from inside it. */
    CHECK_IS(mote_node_close(node), MOTE_ERR_STATE);
    CHECK_IS(mote_node_poll(node), MOTE_ERR_STATE);
    CHECK_IS(mote_node_run(node, 0), MOTE_ERR_STATE);
}

static void statuses(void)
{
    mote_bytes text = mote_status_str(MOTE_ERR_TIMEOUT);
    CHECK_IS(text.len, strlen("timed out"));
    CHECK(memcmp(text.ptr, "timed out", text.len) == 0);
    CHECK(mote_status_str(INT32_MIN).len > 0 && mote_status_str(INT32_MAX).len > 0);
    CHECK_IS(mote_version(), MOTE_VERSION_MAJOR << 16 | MOTE_VERSION_MINOR << 8 | MOTE_VERSION_PATCH);
}

static mote_bytes bytes(const char *text)
{
    return (mote_bytes){ (const uint8_t *)text, strlen(text) };
}

static void addresses(void)
{
    mote_address address;
    uint8_t text[MOTE_ADDRESS_TEXT];
    size_t len;
    CHECK_IS(mote_address_parse(bytes("fd00::1"), &address), MOTE_OK);
    CHECK(address.ip[0] == 0xfd && address.ip[15] == 1 && address.port == 0);
    address.port = 5683;
    CHECK_IS(mote_address_format(&address, text, sizeof text, &len), MOTE_OK);
    CHECK(len == strlen("[fd00::1]:5683") && memcmp(text, "[fd00::1]:5683", len) == 0);
    CHECK(mote_address_format(&address, text, 3, &len) < 0);
    CHECK(mote_address_parse(bytes("nonsense"), &address) < 0);
    CHECK_IS(address.port, 5683); /* an output is written on success alone */
}

/* A configuration from a later header, which has one more member. */
typedef struct {
    mote_node_config known;
    uint64_t brand_new;
} later_config;

static void configurations(const mote_port *port)
{
    static uint8_t block[MOTE_NODE_MEM];
    size_t small = 0, whole = 0;
    mote_node *node = NULL;
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = port };
    later_config later = { { .size = (uint32_t)sizeof(later_config), .port = port }, 0 };

    CHECK_IS(mote_node_size(&config, &whole), MOTE_OK);
    CHECK(whole <= MOTE_NODE_MEM);
    /* From an older header: what it does not reach is zero, the default. */
    config.receive_size = 99999;
    config.size = (uint32_t)offsetof(mote_node_config, receive_size);
    CHECK_IS(mote_node_size(&config, &small), MOTE_OK);
    CHECK_IS(small, whole);
    /* From a newer one: fine as long as it asks for nothing new. */
    CHECK_IS(mote_node_size(&later.known, &small), MOTE_OK);
    CHECK_IS(small, whole);
    later.brand_new = 1;
    CHECK_IS(mote_node_size(&later.known, &small), MOTE_ERR_VERSION);
    CHECK_IS(mote_node_init(block, sizeof block, &later.known, &node), MOTE_ERR_VERSION);
    CHECK(node == NULL);
    config.size = 0;
    CHECK_IS(mote_node_size(&config, &small), MOTE_ERR_INVALID);
    config.size = UINT32_MAX;
    CHECK_IS(mote_node_size(&config, &small), MOTE_ERR_INVALID);
}

/* Exactly what _size says suffices, at any alignment; one byte less is refused. */
static void memory_exactly(const mote_port *port)
{
    static uint8_t block[MOTE_NODE_MEM + 16];
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = port };
    size_t size = 0;
    CHECK_IS(mote_node_size(&config, &size), MOTE_OK);
    for (unsigned shift = 0; shift < 8; shift++) {
        mote_node *node = NULL;
        uint8_t *start = block + shift;
        memset(block, 0xEE, sizeof block);
        CHECK_IS(mote_node_init(start, size, &config, &node), MOTE_OK);
        CHECK_IS(mote_node_poll(node), MOTE_OK);
        CHECK_IS(mote_node_close(node), MOTE_OK);
        for (size_t i = size + shift; i < sizeof block; i++) CHECK(block[i] == 0xEE);
        for (size_t i = 0; i < shift; i++) CHECK(block[i] == 0xEE);
    }
    {
        mote_node *node = NULL;
        CHECK_IS(mote_node_init(block, size / 2, &config, &node), MOTE_ERR_NO_MEMORY);
        CHECK_IS(mote_node_init(block, 0, &config, &node), MOTE_ERR_NO_MEMORY);
        CHECK(node == NULL);
    }
}

static void life(const mote_port *port)
{
    static uint8_t block[MOTE_NODE_MEM];
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = port };
    mote_node_statistics statistics = { MOTE_NODE_STATISTICS_INIT };
    mote_node *node = NULL, *seen = NULL;
    const mote_port *used = NULL;
    uint64_t deadline = 0, now = 0;
    CHECK_IS(mote_node_init(block, sizeof block, &config, &node), MOTE_OK);
    CHECK_IS(mote_node_next_deadline(node, &deadline), MOTE_OK);
    CHECK(deadline == UINT64_MAX);
    CHECK_IS(mote_node_now(node, &now), MOTE_OK);
    CHECK(now > 0);
    CHECK_IS(mote_node_port(node, &used), MOTE_OK);
    CHECK(used == port);
    CHECK_IS(mote_node_post(node, on_post, &seen), MOTE_OK);
    CHECK_IS(posted, 0);
    CHECK_IS(mote_node_poll(node), MOTE_OK);
    CHECK(posted == 1 && seen == node);
    CHECK_IS(mote_node_get_statistics(node, &statistics), MOTE_OK);
    CHECK(statistics.turns > 0 && statistics.size == sizeof statistics);

    /* What a callback of the node's own may not do. */
    CHECK_IS(mote_node_post(node, closes, NULL), MOTE_OK);
    (void)mote_node_poll(node);
    CHECK_IS(posted, 2);
    CHECK_IS(mote_node_close(node), MOTE_OK);
    /* Stale from now on, every function. */
    CHECK_IS(mote_node_poll(node), MOTE_ERR_STALE);
    CHECK_IS(mote_node_run(node, 0), MOTE_ERR_STALE);
    CHECK_IS(mote_node_close(node), MOTE_ERR_STALE);
    CHECK_IS(mote_node_now(node, &now), MOTE_ERR_STALE);
    CHECK_IS(mote_node_wake(node), MOTE_ERR_STALE);
    CHECK_IS(mote_node_post(node, on_post, &seen), MOTE_ERR_STALE);
    CHECK_IS(mote_node_next_deadline(node, &deadline), MOTE_ERR_STALE);
    CHECK_IS(mote_node_get_statistics(node, &statistics), MOTE_ERR_STALE);
    CHECK_IS(mote_node_port(node, &used), MOTE_ERR_STALE);
}

static void on_linux(void)
{
    static uint8_t block[MOTE_NODE_MEM];
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux() };
    mote_node *node = NULL;
    int32_t descriptor = -1;
    uint64_t before = 0, after = 0;
    size_t size = 0;
    CHECK_IS(mote_node_size(&config, &size), MOTE_OK);
    CHECK(size <= MOTE_NODE_MEM);
    CHECK_IS(mote_node_init(block, sizeof block, &config, &node), MOTE_OK);
    CHECK_IS(mote_node_now(node, &before), MOTE_OK);
    CHECK(mote_node_run(node, 30) >= 0);
    CHECK_IS(mote_node_now(node, &after), MOTE_OK);
    CHECK(after - before >= 25 && after - before < 2000);
    CHECK_IS(mote_node_wake(node), MOTE_OK);
    CHECK(mote_node_run(node, 5000) >= 0);
    CHECK_IS(mote_node_now(node, &before), MOTE_OK);
    CHECK(before - after < 2000);
    CHECK_IS(mote_node_descriptor(node, &descriptor), MOTE_OK);
    CHECK(descriptor >= 0);
    CHECK_IS(mote_node_close(node), MOTE_OK);
}

/* What a later header may give a meaning is refused. */
static void linux_options(void)
{
    static uint8_t block[MOTE_NODE_MEM];
    mote_linux_options options = { MOTE_LINUX_OPTIONS_INIT };
    mote_port port = *mote_port_linux();
    mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = &port };
    mote_node *node = NULL;
    port.user = &options;
    CHECK_IS(mote_node_init(block, sizeof block, &config, &node), MOTE_OK);
    CHECK_IS(mote_node_close(node), MOTE_OK);
    options.reserved = 1;
    CHECK_IS(mote_node_init(block, sizeof block, &config, &node), MOTE_ERR_INVALID);
    options.reserved = 0;
    options.reserved2 = 1;
    CHECK_IS(mote_node_init(block, sizeof block, &config, &node), MOTE_ERR_INVALID);
}

int main(void)
{
    mote_port port;
    memory_reset(0);
    port = memory_port(0);
    statuses();
    addresses();
    configurations(&port);
    memory_exactly(&port);
    life(&port);
    on_linux();
    linux_options();
    return outcome("node");
}
