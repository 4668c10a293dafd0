/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_DTLS_H
#define PROA_DTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/err.h"
#include "proa/memory.h"
#include "proa/random.h"
#include "proa/secure.h"

/* The implementation of proa/secure.h on Mbed TLS 3.6: DTLS 1.2 with pre-shared keys, connection
 * ids (RFC 9146), extended master secret (RFC 7627), both roles on one socket.
 *
 * Storage comes from two places. The box's own tables (sessions, sleeping sessions, output queue)
 * come from the configuration's proa_memory. What Mbed TLS takes through its process-wide calloc
 * comes from the arena below. */

/* ---- the box ---------------------------------------------------------------------------- */

/* A ClientHello cannot be cut: with its cookie and the longest connection id it has some 110 bytes. */
#define PROA_DTLS_MTU_MIN 128

/* Make a box.
 *
 * out     the box; given back with its class's free().
 * config  copied; what it points to is borrowed for the life of the box.
 * Returns PROA_OK, PROA_E_NO_MEMORY, or PROA_E_RANGE (cid_len over 8, mtu under PROA_DTLS_MTU_MIN or
 * over PROA_DATAGRAM_MAX, live_max or handshake_max 0, reserve over PROA_DTLS_RESERVE_MAX; a keeper
 * without cid_len, hibernated_max or find_psk; hibernated_max in a program that leaves it out; one of
 * firsts and find_first without the other, or with a cid_len of 0 or over PROA_DTLS_FIRST_CID_MAX).
 *
 * A box belongs to one thread, the one that called proa_dtls_arena_init. */
PROA_CHECK proa_err proa_dtls_open(proa_secure **out, const proa_secure_config *config);

/* Configurations to start from; find_psk has to be added.
 *
 * device  a few peers: 4 live sessions, 16 asleep, 4 handshakes, connection ids of 2 bytes.
 * server  one worker: 256 live, 100,000 asleep, 64 handshakes, connection ids of 6 bytes. */
proa_secure_config proa_dtls_config_device(proa_random random, proa_memory memory);
proa_secure_config proa_dtls_config_server(proa_random random, proa_memory memory);

/* Let sessions outlive the box of this configuration: those of the server role, with connection ids.
 * What is stored of them goes to the keeper (proa/secure.h).
 *
 * keeper  borrowed for the life of the box.
 * key     seals the rows: from a CSPRNG, another one for each box. Copied; wipe the configuration
 *         after proa_dtls_open. */
void proa_dtls_keep(proa_secure_config *config, const proa_secure_keeper *keeper,
                    const uint8_t key[PROA_SECURE_KEY_LEN]);

/* First sessions (proa/secure.h), for config.firsts. Devices that speak with each other have connection
 * ids of one length then, which is that of proa_dtls_config_device (docs/C2C.md §6). */
extern const struct proa_secure_firsts proa_dtls_firsts;

#define PROA_DTLS_FIRST_CID_MAX 4 /* bytes of their connection ids: they have to fit a number */

/* Whether sessions can hibernate is decided by linking. The library's proa_dtls_hibernation is
 * &proa_dtls_blobs; a device with few sessions, and hibernated_max 0, defines it as NULL and carries
 * nothing of it. */
typedef struct proa_dtls_sleeping proa_dtls_sleeping;

extern const proa_dtls_sleeping proa_dtls_blobs;
extern const proa_dtls_sleeping *const proa_dtls_hibernation;

/* ---- the arena of Mbed TLS -------------------------------------------------------------- */

/* Bytes of arena for a box of this configuration: live_max sessions, handshake_max handshakes, and
 * one session that is being woken. Measured, with a tenth of reserve for fragmentation. */
size_t proa_dtls_arena_len(const proa_secure_config *config);

/* From now on Mbed TLS takes memory in this thread from `mem` only. On Linux each thread has its
 * own arena, and the first call of the program must return before another thread makes one; on a
 * board there is one arena. A program that never calls this leaves Mbed TLS with calloc() of the
 * C library, which suits tools and tests.
 *
 * mem  borrowed until the thread ends, or until the next call, which may be made only when no box
 *      of this thread is open. At least 2048 bytes. NULL: back to calloc().
 * len  bytes. */
void proa_dtls_arena_init(void *mem, size_t len);

typedef struct proa_dtls_arena_stats {
    size_t len;      /* bytes that can be handed out, headers included; 0: there is no arena */
    size_t used;     /* bytes handed out now, headers included */
    size_t peak;     /* the highest `used` so far */
    uint32_t blocks; /* blocks handed out now */
    uint64_t failed; /* requests that found no room */
} proa_dtls_arena_stats;

/* What the arena of this thread holds. O(1). */
proa_dtls_arena_stats proa_dtls_arena_read(void);

/* For tests: the n-th request from now on fails, and every later one; 0 ends this. */
void proa_dtls_arena_fail_after(uint32_t n);

#endif
