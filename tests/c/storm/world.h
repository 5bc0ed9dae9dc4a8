/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What all parts of the storm share: chance by seed, memory with guards, objects, and operations that end exactly once. */
#ifndef STORM_WORLD_H
#define STORM_WORLD_H
#include "check.h"
#include <mote.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

static uint64_t storm_seed, storm_state;
static unsigned storm_step;
static int storm_calm;  /* nothing goes wrong any more */
static int storm_shown; /* what happens is printed */
#define SHOW(...) (storm_shown ? (void)printf(__VA_ARGS__) : (void)0)

static uint32_t dice(void)
{
    uint64_t z = storm_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) >> 32);
}

static unsigned below(unsigned count)
{
    return count == 0 ? 0 : dice() % count;
}

static int one_in(unsigned count)
{
    return below(count) == 0;
}

/* What a size, a number or a handle is when nobody thought about it. */
static inline uint32_t any_number(void)
{
    static const uint32_t edges[] = { 0, 1, 2, 15, 16, 255, 256, 1023, 1024, 65535, 65536, INT32_MAX, UINT32_MAX };
    return one_in(3) ? dice() : one_in(2) ? edges[below(sizeof edges / sizeof edges[0])] : below(40);
}

/* Memory that is handed to the library: as much as is asked for and not a byte more, at any alignment, and full of rubbish. */
enum { GUARD = 40, GUARD_BYTE = 0xe5 };

typedef struct {
    uint8_t *base;
    size_t size, shift;
} block;

static void block_guard(const block *of, int on)
{
#ifdef __SANITIZE_ADDRESS__
    uint8_t *end = of->base + GUARD + of->shift + of->size;
    if (on) {
        ASAN_POISON_MEMORY_REGION(of->base, GUARD + of->shift);
        ASAN_POISON_MEMORY_REGION(end, GUARD);
    } else ASAN_UNPOISON_MEMORY_REGION(of->base, (size_t)(end - of->base) + GUARD);
#else
    (void)of;
    (void)on;
#endif
}

static uint8_t *block_start(const block *of)
{
    return of->base == NULL ? NULL : of->base + GUARD + of->shift;
}

static void block_free(block *of)
{
    if (of->base == NULL) return;
    block_guard(of, 0);
    for (size_t i = 0; i < GUARD; i++) {
        CHECK_IS(of->base[i], GUARD_BYTE);
        CHECK_IS(block_start(of)[of->size + i], GUARD_BYTE);
    }
    free(of->base);
    of->base = NULL;
}

/* Rubbish in it, or zeros. */
static void block_spoil(const block *of)
{
    memset(block_start(of), one_in(2) ? (int)dice() : 0, of->size);
}

static uint8_t *block_take(block *of, size_t size)
{
    size_t shift = below(8);
    block_free(of);
    *of = (block){ malloc(size + shift + 2 * GUARD), size, shift };
    if (of->base == NULL) abort();
    memset(of->base, GUARD_BYTE, size + shift + 2 * GUARD);
    block_guard(of, 1);
    block_spoil(of);
    return block_start(of);
}

/* What is lent to one call, and gone after it. */
enum { LENT = 64 };
static block lent[LENT];
static unsigned lent_count;

static inline uint8_t *lend_room(size_t size)
{
    if (lent_count == LENT) abort();
    return block_take(&lent[lent_count++], size);
}

static inline void lend_end(unsigned mark)
{
    while (lent_count > mark) block_free(&lent[--lent_count]);
}

static inline mote_bytes lend_copy(const void *data, size_t len)
{
    uint8_t *room = lend_room(len);
    if (len != 0) memcpy(room, data, len);
    return (mote_bytes){ len == 0 && one_in(2) ? NULL : room, len };
}

static inline mote_bytes lend_rubbish(size_t len)
{
    uint8_t *room = lend_room(len);
    for (size_t i = 0; i < len; i++) room[i] = (uint8_t)dice();
    return (mote_bytes){ room, len };
}

/* One of some texts, as it is or with a byte changed, cut off or turned into rubbish. */
static inline mote_bytes lend_text(const char *const *texts, unsigned count)
{
    const char *text = texts[below(count)];
    mote_bytes lent_text = lend_copy(text, strlen(text));
    if (storm_calm || !one_in(8) || lent_text.len == 0) return lent_text;
    switch (below(3)) {
    case 0: ((uint8_t *)lent_text.ptr)[below((unsigned)lent_text.len)] = (uint8_t)dice(); break;
    case 1: return lend_copy(text, below((unsigned)lent_text.len));
    default: return lend_rubbish(below(300));
    }
    return lent_text;
}

/* An output that must not be written by a call that fails. */
#define OUTPUT(name) memset(&(name), 0xa5, sizeof(name))
#define UNTOUCHED(name) storm_untouched(&(name), sizeof(name))

static inline int storm_untouched(const void *output, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (((const uint8_t *)output)[i] != 0xa5) return 0;
    }
    return 1;
}

/* Sets the `size` of a structure, as a program with another header would. The structure is lent with as much room. */
static inline void *lend_config_from(const void *config, uint32_t size, uint32_t least)
{
    uint32_t stated = size;
    uint8_t *room;
    if (!storm_calm && one_in(10)) {
        static const uint32_t others[] = { 0, 1, 3, 4, 5, 8, 1025, UINT32_MAX };
        stated = one_in(2) ? below(size + 40) : others[below(sizeof others / sizeof others[0])];
        /* No header ends within a member. */
        if (stated >= 4 && stated < size) stated = stated < least ? size : stated & ~7u;
    }
    /* A size that cannot be is not followed. */
    room = lend_room(stated > 1024 || stated < size ? size : stated);
    memset(room, 0, stated > 1024 || stated < size ? size : stated);
    memcpy(room, config, size);
    if (stated > size && stated <= 1024 && one_in(2)) room[size + below(stated - size)] = 1;
    memcpy(room, &stated, sizeof stated);
    return room;
}

static inline void *lend_config(const void *config, uint32_t size)
{
    return lend_config_from(config, size, 4);
}

/* One whose last member says who is told. */
static inline void *lend_told_config(const void *config, uint32_t size)
{
    return lend_config_from(config, size, size);
}

/* Reads all of what a callback is lent: whoever checks memory sees it. */
static uint32_t digest(mote_bytes bytes)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < bytes.len; i++) sum = (sum ^ bytes.ptr[i]) * 16777619u;
    return sum;
}

enum { NODES = 3, COAPS = 5, MQTTS = 3, MESHES = 3 };
enum { NODE, COAP, MQTT, MESH };

/* An object of the library's, or the place for one. */
typedef struct {
    int kind;
    void *handle; /* also after it was closed, as long as its memory is kept */
    block memory, kept[6]; /* what it was told stays until it is closed */
    unsigned kept_count;
    unsigned node, generation;
    uint8_t open;    /* from its init on, until its close has returned */
    uint8_t running; /* a node that is being driven */
    uint8_t closing; /* its close has not returned */
} object;

static object nodes[NODES], coaps[COAPS], mqtts[MQTTS];

/* Something that was started. */
typedef struct {
    object *owner; /* with whose end it ends, too */
    unsigned generation;
    uint32_t handle;
    const char *what;
    uint8_t starting, ended;
    uint8_t lasts;    /* an observation */
    uint8_t outlives; /* its owner: a look-up comes first */
} operation;

enum { OPERATIONS = 6000 };
static operation operations[OPERATIONS];
static unsigned operation_count;

static operation *begin(object *owner, const char *what)
{
    operation *of;
    if (operation_count == OPERATIONS) return NULL;
    of = &operations[operation_count++];
    *of = (operation){ .owner = owner, .generation = owner->generation, .what = what, .starting = 1 };
    return of;
}

/* The call that started it has returned. */
static void begun(operation *of, mote_status status, uint32_t handle)
{
    of->starting = 0;
    SHOW("    %u: %s of %d/%d, handle %#x: %d\n", (unsigned)(of - operations), of->what, of->owner->kind, (int)of->owner->node, (unsigned)handle, (int)status);
    if (status == MOTE_OK) {
        of->handle = handle;
        CHECK(of->owner->open);
    } else of->ended = 1;
}

/* It is told something. */
static void heard(operation *of, int last)
{
    SHOW("    %u: heard of%s\n", (unsigned)(of - operations), last ? " its end" : "");
    CHECK(!of->starting);
    CHECK(!of->ended);
    CHECK(of->owner->open && of->owner->generation == of->generation);
    if (last) of->ended = 1;
}

/* A handle of this owner's: of something under way, of something that has ended, or of nothing. */
static inline uint32_t any_handle(const object *owner)
{
    if (operation_count != 0 && !one_in(6)) {
        for (unsigned tries = 0; tries < 8; tries++) {
            const operation *of = &operations[below(operation_count)];
            if (of->owner == owner) return of->handle;
        }
    }
    return any_number();
}

/* How deep in callbacks this is, and in how many functions of the library that call them. */
static unsigned depth, driving;

static void mischief(void);

/* Begins every callback of an object's. */
static void called_back(void)
{
    CHECK(driving > 0);
    depth++;
}

static void returning(void)
{
    depth--;
}

static void forget_kept(object *of)
{
    while (of->kept_count > 0) block_free(&of->kept[--of->kept_count]);
}

/* Text that stays as long as the object. */
static inline mote_bytes keep(object *of, mote_bytes text)
{
    block *place = &of->kept[of->kept_count++];
    uint8_t *start = block_take(place, text.len);
    if (text.len != 0) memcpy(start, text.ptr, text.len);
    return (mote_bytes){ text.ptr == NULL ? NULL : start, text.len };
}

/* Whether a look-up of its will come back to where it was. */
static int object_pinned(const object *of)
{
    for (unsigned i = 0; i < operation_count; i++) {
        if (operations[i].owner == of && operations[i].outlives && !operations[i].ended) return 1;
    }
    return 0;
}

/* Takes an object that was closed out of play. */
static void object_closed(object *of)
{
    for (unsigned i = 0; i < operation_count; i++) {
        const operation *left = &operations[i];
        if (left->owner != of || left->generation != of->generation || left->outlives || left->ended) continue;
        printf("operation %u, %s, handle %#x\n", i, left->what, (unsigned)left->handle);
        CHECK(!"it ended when its owner was closed");
    }
    of->open = 0;
    of->generation++;
    forget_kept(of);
    /* Its memory is kept, used otherwise, or given away. */
    switch (object_pinned(of) ? 0 : below(3)) {
    case 0: break;
    case 1: block_spoil(&of->memory); of->handle = NULL; break;
    default: block_free(&of->memory); of->handle = NULL; break;
    }
}

/* Room for an object to be made, of exactly this size: what an object had before, if it fits. */
static uint8_t *object_room(object *of, size_t size)
{
    of->handle = NULL;
    if (of->memory.base != NULL && of->memory.size == size && one_in(2)) return block_start(&of->memory);
    return block_take(&of->memory, size);
}

static void object_opened(object *of, int kind, unsigned node, void *handle)
{
    of->kind = kind;
    of->node = node;
    of->handle = handle;
    of->open = 1;
}

/* A pointer to an object that is alive, closed or not there. */
static inline void *pointer(const object *of)
{
    return !storm_calm && one_in(20) ? NULL : of->handle;
}
#define ALIVE(object, pointer) ((pointer) != NULL && (object)->open)

/* What a call said of an object that may be none. */
#define ANSWERED(object, pointer, status) \
    do { \
        if (!ALIVE(object, pointer)) CHECK((status) < 0); \
        CHECK((status) <= 0 && (status) >= MOTE_ERR_END); \
    } while (0)
#endif
