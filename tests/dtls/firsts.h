/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_DTLS_FIRSTS_H
#define PROA_TESTS_DTLS_FIRSTS_H

#include "tests/dtls/lab.h"

/* Two boxes of the lab that were given a new key, for tests of first sessions. */

enum {
    FIRSTS_AT_CLIENT = 7, /* accounts */
    FIRSTS_AT_SERVER = 70,
    FIRSTS_KEPT = 96,      /* datagrams */
    FIRSTS_RECORD_AT = 15, /* what is sealed of a record with an id of two bytes */
};

/* What a box's owner answers: find_first of the keys that it was told. */
typedef struct firsts_told {
    proa_secure_first keys[4];
    uint32_t ids[4];
    size_t count;
    uint32_t claims; /* 1 up to this, too: under a key that has another id */
} firsts_told;

typedef struct firsts {
    lab *world;
    lab_node *client;
    lab_node *server;
    firsts_told told; /* to the server */
    firsts_told none;
    proa_secure_first first;
    uint32_t at_client;
} firsts;

bool firsts_find(void *ctx, uint32_t id, proa_secure_first *out);

/* A key of bytes start, start + 1, ... */
proa_secure_first firsts_key(uint8_t start, size_t len, const char *identity);

/* Its id, which must be free. */
uint32_t firsts_id(const lab_node *node, const proa_secure_first *first, bool is_server);

/* Begins a session at this client alone; 0 if it failed. */
proa_err firsts_try(lab *world, lab_node *client, const lab_node *server,
                    const proa_secure_first *first, uint32_t *session);
uint32_t firsts_open(lab *world, lab_node *client, const lab_node *server,
                     const proa_secure_first *first);

/* Two boxes that are not open yet; then open; then the server awaits a key and the client begins. */
void firsts_nodes(firsts *p, uint8_t cid_len);
void firsts_start(firsts *p);
void firsts_begin(firsts *p, const proa_secure_first *first);

/* All three, with the key of docs/C2C.md §6. */
void firsts_pair_make(firsts *p, uint8_t cid_len);
proa_secure_first firsts_golden(void);

/* A tap that keeps whatever boxes send; nothing of it arrives. */
extern lab_datagram firsts_kept[FIRSTS_KEPT];
extern size_t firsts_kept_count;
bool firsts_keep(lab *world, lab_datagram *d);

/* Keeps the client's next `count` records, "0", "1", ... */
void firsts_keep_records(firsts *p, size_t count);

/* The i-th datagram kept arrives at the server. */
void firsts_give(firsts *p, size_t i);

/* The server's session, after the two events of a first record with this text, and no third. */
uint32_t firsts_expect(firsts *p, char text);

/* A record each way. */
void firsts_go_on(firsts *p, uint32_t at_client, uint32_t at_server);

/* The first two records; the server's session. */
uint32_t firsts_prove(firsts *p);

#endif
