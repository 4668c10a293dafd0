/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_SESSIONS_H
#define PROA_SIM_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/secure.h"

/* The simulated server's table of sessions, as proad has it in its database: what the box writes is
 * durable after a commit, and lost with a power failure before it. Beside it the key, which proad
 * has in a file. */

#define SIM_SESSIONS_MAX 48

typedef struct sim_session_row {
    bool used;
    uint64_t order; /* the newest has the highest */
    uint8_t id[8];
    size_t id_len;
    uint8_t context[512];
    size_t context_len;
    uint8_t mark[64];
    size_t mark_len;
} sim_session_row;

typedef struct sim_sessions {
    sim_session_row durable[SIM_SESSIONS_MAX];
    uint8_t key[PROA_SECURE_KEY_LEN]; /* durable: of the box that wrote the rows */
    sim_session_row written[SIM_SESSIONS_MAX];
    uint64_t order;
    bool is_dirty; /* written since the last commit */
} sim_sessions;

/* The keeper's functions; ctx is the sim_sessions. */
void sim__sessions_keep(void *ctx, const proa_secure_row *in);
void sim__sessions_mark(void *ctx, proa_span id, proa_span mark);
void sim__sessions_forget(void *ctx, proa_span id);

/* What was written is durable, or as if it had not been. */
void sim__sessions_commit(sim_sessions *sessions);
void sim__sessions_lose(sim_sessions *sessions);

/* A start: nobody will open the durable rows again. `key` is that of the new box. */
void sim__sessions_claim(sim_sessions *sessions, const uint8_t key[PROA_SECURE_KEY_LEN]);

#endif
