/* SPDX-License-Identifier: Apache-2.0 */
/* The arena of Mbed TLS: a two-level segregated fit allocator (Masmano et al., "TLSF: a new dynamic
 * memory allocator for real-time systems", ECRTS 2004) over one array, so that taking and giving
 * back cost the same with one session and with ten thousand.
 *
 * Here stands the only mutable global of Proa: which arena serves the calloc() that Mbed TLS calls
 * without saying for whom.
 *
 * Invariants. Blocks lie one behind the other without gaps, from `first` to a last one of length 0
 * that is never free. Two neighbours are never both free. A free block is in the list of its bin,
 * and a bin has its bit set exactly if its list is not empty. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/platform.h>

#include "ports/mbedtls/dtls.h"
#include "proa/assert.h"
#include "proa/limits.h"

/* AddressSanitizer sees our array as one block; this tells it about the blocks inside. */
#if defined(__SANITIZE_ADDRESS__)
#define PROA_ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PROA_ARENA_ASAN 1
#endif
#endif
#ifdef PROA_ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define CLOSE_BYTES(at, len) ASAN_POISON_MEMORY_REGION(at, len)
#define OPEN_BYTES(at, len) ASAN_UNPOISON_MEMORY_REGION(at, len)
#else
#define CLOSE_BYTES(at, len) ((void)(at), (void)(len))
#define OPEN_BYTES(at, len) ((void)(at), (void)(len))
#endif

#if defined(__linux__)
#define PROA_ARENA_OWNER _Thread_local
#else
#define PROA_ARENA_OWNER
#endif

enum {
    ALIGN = 8,       /* the strictest type in what Mbed TLS allocates is a 64-bit number */
    SECOND_BITS = 3, /* 8 bins for each power of two: at most an eighth of a block is lost */
    SECOND_COUNT = 1 << SECOND_BITS,
    FIRST_SHIFT = 6, /* blocks under 64 bytes share the bins of the first row, 8 bytes apart */
    FIRST_COUNT = PROA_DTLS_ARENA_BITS - FIRST_SHIFT + 1,
    LOOK_MAX = 16, /* blocks of a bin that are looked at for one that is just large enough */
};

/* No block and nothing that is asked for, with its head, is as long as the power of two. */
#define LEN_MAX ((UINT32_C(1) << PROA_DTLS_ARENA_BITS) - 64)

/* In front of every block. Lengths count the head. */
typedef struct head {
    uint32_t len_flag; /* bit 0: free */
    uint32_t previous_len;
} head;

/* What a free block holds behind its head. Offsets from the arena's control, 0 = none. */
typedef struct links {
    uint32_t next;
    uint32_t previous;
} links;

typedef struct control {
    uint32_t first_bits;
    uint8_t second_bits[FIRST_COUNT];
    uint32_t bins[FIRST_COUNT][SECOND_COUNT];
    proa_dtls_arena_stats stats;
    uint32_t fail_after; /* 0: never */
} control;

static PROA_ARENA_OWNER control *arena;

static uint32_t len_of(const head *block)
{
    return block->len_flag & ~1U;
}

static bool is_free(const head *block)
{
    return (block->len_flag & 1U) != 0;
}

static head *after(head *block)
{
    return (head *)(void *)((uint8_t *)block + len_of(block));
}

static head *before(head *block)
{
    return (head *)(void *)((uint8_t *)block - block->previous_len);
}

static head *at_offset(uint32_t offset)
{
    return (head *)(void *)((uint8_t *)arena + offset);
}

static uint32_t offset_of(const head *block)
{
    return (uint32_t)((const uint8_t *)block - (const uint8_t *)arena);
}

static links *links_of(head *block)
{
    return (links *)(void *)(block + 1);
}

static unsigned highest_bit(uint32_t value)
{
    return 31U - (unsigned)__builtin_clz(value);
}

/* The bin in which a block of this length lies. */
static void bin_of(uint32_t len, unsigned *first, unsigned *second)
{
    if (len < 1U << FIRST_SHIFT) {
        *first = 0;
        *second = len >> 3;
    } else {
        unsigned high = highest_bit(len);
        *first = high - FIRST_SHIFT + 1;
        *second = (len >> (high - SECOND_BITS)) & (SECOND_COUNT - 1);
    }
}

static void list_add(head *block)
{
    unsigned first;
    unsigned second;
    bin_of(len_of(block), &first, &second);
    uint32_t next = arena->bins[first][second];
    block->len_flag |= 1U;
    *links_of(block) = (links){next, 0};
    if (next != 0) {
        links_of(at_offset(next))->previous = offset_of(block);
    }
    arena->bins[first][second] = offset_of(block);
    arena->second_bits[first] |= (uint8_t)(1U << second);
    arena->first_bits |= 1U << first;
}

static void list_remove(head *block)
{
    unsigned first;
    unsigned second;
    links at = *links_of(block);
    bin_of(len_of(block), &first, &second);
    block->len_flag &= ~1U;
    if (at.next != 0) {
        links_of(at_offset(at.next))->previous = at.previous;
    }
    if (at.previous != 0) {
        links_of(at_offset(at.previous))->next = at.next;
        return;
    }
    arena->bins[first][second] = at.next;
    if (at.next == 0) {
        arena->second_bits[first] = (uint8_t)(arena->second_bits[first] & ~(1U << second));
        if (arena->second_bits[first] == 0) {
            arena->first_bits &= ~(1U << first);
        }
    }
}

/* A free block of at least this length, or NULL. First where blocks of nearly the same length
 * lie, because the lengths that Mbed TLS asks for repeat; then the first block of the next bin
 * that has any, which surely is large enough. */
static head *find(uint32_t len)
{
    unsigned first;
    unsigned second;
    bin_of(len, &first, &second);
    uint32_t at = arena->bins[first][second];
    for (unsigned i = 0; at != 0 && i < LOOK_MAX; i++) {
        if (len_of(at_offset(at)) >= len) {
            return at_offset(at);
        }
        at = links_of(at_offset(at))->next;
    }
    uint32_t seconds = arena->second_bits[first] & (0xfeU << second);
    if (seconds == 0) {
        uint32_t firsts = arena->first_bits & (uint32_t)(0xfffffffeULL << first);
        if (firsts == 0) {
            return NULL;
        }
        first = (unsigned)__builtin_ctz(firsts);
        seconds = arena->second_bits[first];
    }
    return at_offset(arena->bins[first][__builtin_ctz(seconds)]);
}

/* The block is ours; what it has beyond `len` becomes a free block again. */
static void cut(head *block, uint32_t len)
{
    uint32_t rest = len_of(block) - len;
    if (rest < sizeof(head) + sizeof(links)) {
        return;
    }
    block->len_flag = len;
    head *tail = after(block);
    tail->len_flag = rest;
    tail->previous_len = len;
    after(tail)->previous_len = rest;
    list_add(tail);
}

static void *take(size_t count, size_t item_len)
{
    if (arena == NULL || (item_len != 0 && count > (size_t)INT32_MAX / item_len)) {
        return NULL;
    }
    if (arena->fail_after > 0 && --arena->fail_after == 0) {
        arena->fail_after = 1; /* and the next one fails, too */
        arena->stats.failed++;
        return NULL;
    }
    size_t wanted = count * item_len;
    uint32_t len = (uint32_t)(wanted < sizeof(links) ? sizeof(links) : wanted);
    len = (uint32_t)sizeof(head) + ((len + ALIGN - 1) & ~(uint32_t)(ALIGN - 1));
    head *block = wanted > LEN_MAX ? NULL : find(len);
    if (block == NULL) {
        arena->stats.failed++;
        return NULL;
    }
    OPEN_BYTES(block + 1, len_of(block) - sizeof(head));
    list_remove(block);
    cut(block, len);
    arena->stats.used += len_of(block);
    arena->stats.blocks++;
    if (arena->stats.used > arena->stats.peak) {
        arena->stats.peak = arena->stats.used;
    }
    memset(block + 1, 0, wanted);
    CLOSE_BYTES((uint8_t *)(block + 1) + wanted, len_of(block) - sizeof(head) - wanted);
    return block + 1;
}

static void give(void *bytes)
{
    if (bytes == NULL) {
        return;
    }
    head *block = (head *)bytes - 1;
    PROA_ASSERT(arena != NULL && (uint8_t *)block > (uint8_t *)arena &&
                (uint8_t *)block < (uint8_t *)arena + sizeof(control) + arena->stats.len &&
                !is_free(block));
    arena->stats.used -= len_of(block);
    arena->stats.blocks--;
    OPEN_BYTES(bytes, len_of(block) - sizeof(head));
    head *next = after(block);
    if (len_of(next) != 0 && is_free(next)) {
        list_remove(next);
        block->len_flag += len_of(next);
    }
    if (block->previous_len != 0 && is_free(before(block))) {
        head *previous = before(block);
        list_remove(previous);
        previous->len_flag += len_of(block);
        block = previous;
    }
    after(block)->previous_len = len_of(block);
    list_add(block);
    CLOSE_BYTES((uint8_t *)(block + 1) + sizeof(links),
                len_of(block) - sizeof(head) - sizeof(links));
}

/* A thread without an arena is served by the C library. */
static void *serve(size_t count, size_t item_len)
{
    return arena != NULL ? take(count, item_len) : calloc(count, item_len);
}

static void serve_back(void *bytes)
{
    if (arena != NULL) {
        give(bytes);
    } else {
        free(bytes);
    }
}

void proa_dtls_arena_init(void *mem, size_t len)
{
    static atomic_flag hooked = ATOMIC_FLAG_INIT;
    PROA_ASSERT(arena == NULL || arena->stats.blocks == 0);
    if (arena != NULL) {
        OPEN_BYTES(arena, sizeof(control) + arena->stats.len);
    }
    if (mem == NULL) {
        arena = NULL;
        return;
    }
    uintptr_t misfit = (uintptr_t)mem % ALIGN;
    size_t pad = misfit == 0 ? 0 : ALIGN - misfit;
    size_t whole = len > LEN_MAX ? LEN_MAX : len;
    PROA_ASSERT(whole >= 2048);
    arena = (control *)(void *)((uint8_t *)mem + pad);
    memset(arena, 0, sizeof *arena);
    whole = (whole - pad - sizeof *arena) & ~(size_t)(ALIGN - 1);
    head *first = (head *)(void *)(arena + 1);
    first->len_flag = (uint32_t)(whole - sizeof(head));
    first->previous_len = 0;
    head *last = after(first);
    last->len_flag = 0;
    last->previous_len = len_of(first);
    arena->stats.len = len_of(first);
    list_add(first);
    CLOSE_BYTES((uint8_t *)(first + 1) + sizeof(links),
                len_of(first) - sizeof(head) - sizeof(links));
    /* Only the first call writes Mbed TLS's two pointers, so that later threads do not race. */
    if (!atomic_flag_test_and_set(&hooked)) {
        mbedtls_platform_set_calloc_free(serve, serve_back);
    }
}

proa_dtls_arena_stats proa_dtls_arena_read(void)
{
    proa_dtls_arena_stats none = {0, 0, 0, 0, 0};
    return arena != NULL ? arena->stats : none;
}

void proa_dtls_arena_fail_after(uint32_t n)
{
    PROA_ASSERT(arena != NULL);
    arena->fail_after = n;
}
