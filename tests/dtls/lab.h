/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_DTLS_LAB_H
#define PROA_TESTS_DTLS_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports/mbedtls/dtls.h"
#include "tests/support/random.h"

/* Boxes in a virtual network. Time passes only in lab_run; loss, duplicates and delay come from a
 * seed. Whatever leaves a box is watched: no protected record may carry a record number that its
 * session has used for other bytes, or AES-CCM would give its key away. */

enum {
    LAB_NODES = 4,
    LAB_EVENTS = 4096,
    LAB_FLYING = 4096,
    LAB_DATAGRAM = 1600,
    LAB_SEEN = 1 << 16,
};

/* An event as it was polled, with what it pointed to. */
typedef struct lab_event {
    proa_secure_event event;
    uint64_t at_ms;
    uint8_t bytes[256]; /* identity or the first bytes of the data */
    size_t len;
} lab_event;

typedef struct lab_node {
    proa_secure *box;
    proa_secure_config config;
    proa_addr addr;
    test_random random;
    lab_event events[LAB_EVENTS];
    size_t event_count;
    size_t read; /* events that lab_next gave out */
    bool is_off; /* what is sent there is lost */
    bool echo;   /* data that came are sent back */
} lab_node;

typedef struct lab_datagram {
    uint64_t at_ms;
    uint64_t order;
    proa_addr from;
    proa_addr to;
    uint8_t bytes[LAB_DATAGRAM];
    size_t len;
} lab_datagram;

typedef struct lab {
    uint64_t now_ms;
    test_random random;
    unsigned loss_percent;
    unsigned duplicate_percent;
    unsigned reorder_percent; /* of the datagrams take 40 ms more */
    lab_node nodes[LAB_NODES];
    size_t node_count;
    lab_datagram flying[LAB_FLYING];
    size_t flying_count;
    uint64_t order;
    uint64_t sent; /* datagrams that left boxes */
    /* May change or refuse (false) a datagram that leaves a box. */
    bool (*tap)(struct lab *lab, lab_datagram *datagram);
    uint64_t seen[LAB_SEEN][2]; /* who and number; hash of the bytes */
    size_t seen_count;
    bool unwatched; /* several sessions between the same addresses without ids: no telling apart */
    size_t taken_len; /* bytes taken from the boxes' memory now */
    bool no_memory;   /* the boxes' memory is empty */
    void *arena;
} lab;

/* A new world; with arena_len > 0 Mbed TLS lives in an arena of that length. */
lab *lab_new(uint64_t seed, size_t arena_len);

/* Frees the boxes and checks that nothing is left of them, neither in memory nor in the arena. */
void lab_free(lab *lab);

/* A box at 192.0.2.<n>:5684 with the server's or the device's configuration, cid_len bytes of
 * connection id, and lab_find_psk. Not opened yet: the test may change `config`. */
lab_node *lab_add(lab *lab, uint8_t cid_len);
void lab_open(lab *lab, lab_node *node);

/* Knows "alice" (key of 16 times 'a', account 1), "bob" ('b', 2), ... "mike" ('m', 13): the first
 * letter counts. Everything that does not begin with a to m is unknown. */
bool lab_find_psk(void *ctx, proa_span identity, proa_psk *out);

/* Opens a session as client; fails the test if the box says no. */
uint32_t lab_connect(lab *lab, lab_node *from, const lab_node *to, const char *identity);

/* The same with another key than the identity's. */
uint32_t lab_connect_with(lab *lab, lab_node *from, const lab_node *to, const char *identity,
                          char key, uint64_t account);

/* Lets time pass. */
void lab_run(lab *lab, uint64_t for_ms);

/* Takes out what boxes want to send and nothing else: no time passes, nothing arrives. */
void lab_flush(lab *lab);

/* The next event of the node, or NULL; lab_expect wants one of this kind. */
const lab_event *lab_next(lab_node *node);
const lab_event *lab_expect(lab_node *node, proa_secure_event_kind kind);

proa_err lab_send(lab *lab, lab_node *node, uint32_t session, const char *text);
proa_secure_stats lab_stats(const lab_node *node);

/* Feeds bytes to a box as they are and records the events. */
void lab_inject(lab *lab, lab_node *node, const proa_addr *from, const void *bytes, size_t len);

/* A connected pair: returns the client's session and gives the server's. */
uint32_t lab_pair(lab *lab, lab_node *client, lab_node *server, uint32_t *server_session);

#endif
