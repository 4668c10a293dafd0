/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_OSCORE_PEER_H
#define PROA_TESTS_OSCORE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports/linux/files.h"
#include "proa/coap_engine.h"
#include "proa/oscore.h"

/* A small program whose CoAP engine speaks OSCORE on a UDP socket, for tests that need one from
 * outside: the plugtest of RFC 8613's authors in both roles (their test-spec5), and traffic under
 * which it is killed.
 *
 * One security context at a time: the plugtest's contexts B and D have one Recipient ID, and in a
 * table of ours a kid alone says who asks. So a server has B or D. */

/* The plugtest's contexts, and what its client must get wrong in tests 12 and 13. */
typedef enum peer_keys {
    PEER_KEYS_NONE, /* no table at all: a server that knows nothing of OSCORE */
    PEER_KEYS_A,
    PEER_KEYS_B,
    PEER_KEYS_C,
    PEER_KEYS_D,
    PEER_KEYS_OTHER_KID,   /* A with another Sender ID */
    PEER_KEYS_OTHER_SECRET /* A with another Master Secret */
} peer_keys;

typedef struct peer {
    int fd;
    proa_addr local;
    proa_files files;
    proa_oscore *oscore;
    proa_coap *coap;
    uint64_t account; /* of the context that is in use */
    uint32_t ack_timeout_ms;

    void (*on_event)(void *ctx, const proa_coap_event *event);
    void *ctx;

    /* What tests want to know of datagrams, and do to them. */
    bool spoil; /* the last bit of each that comes in is turned over */
    unsigned received;
    uint8_t last[PROA_DATAGRAM_MAX]; /* the newest that went out */
    size_t last_len;
    uint8_t in[PROA_DATAGRAM_MAX];
} peer;

/* Open everything, or say why not and exit with 1.
 * state_dir  where the table keeps what has to survive; made if it is not there.
 * listen     "127.0.0.1:PORT". */
void peer_open(peer *p, peer_keys keys, const char *state_dir, const char *listen);
void peer_close(peer *p);

/* Send what waits, wait for a datagram or a deadline, at most timeout_ms, and hand out events. */
void peer_step(peer *p, int timeout_ms);

/* Send what waits. */
void peer_flush(peer *p);

/* Receive without the engine: the length, 0 after timeout_ms. */
size_t peer_receive(peer *p, int timeout_ms);

/* "ADDRESS:PORT", or exit with 1. */
proa_addr peer_addr(const char *text);

/* Print a line and end with 1. */
_Noreturn void peer_fail(const char *what, const char *detail);

/* The plugtest's server, and the traffic's, for ever. */
_Noreturn void peer_serve(peer *p);

/* The client's test of that name: 0 if it went as it must. */
int peer_ask(const char *state_dir, const proa_addr *server, const char *name);

/* Requests one after the other, and an observation, for ever. */
_Noreturn void peer_traffic(const char *state_dir, const proa_addr *server);

#endif
