/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in memory, twice: as written, and as a power failure would leave them. bugs.c diverts some of
 * these functions, so they are called from other files only. */
#include "sim/sessions.h"

#include <stdlib.h>
#include <string.h>

static sim_session_row *find(sim_sessions *sessions, proa_span id, bool make)
{
    sim_session_row *place = NULL;
    for (size_t i = 0; i < SIM_SESSIONS_MAX; i++) {
        sim_session_row *row = &sessions->written[i];
        if (row->used && proa_span_equal(id, proa_span_make(row->id, row->id_len))) {
            return row;
        }
        place = place == NULL && !row->used ? row : place;
    }
    return make ? place : NULL;
}

static size_t copy(uint8_t *out, size_t cap, proa_span bytes)
{
    if (bytes.len > cap) {
        abort(); /* the table is too small for this box */
    }
    memcpy(out, bytes.data, bytes.len);
    return bytes.len;
}

void sim__sessions_keep(void *ctx, const proa_secure_row *in)
{
    sim_sessions *sessions = ctx;
    sim_session_row *row = find(sessions, in->id, true);
    if (row == NULL) {
        abort();
    }
    row->used = true;
    row->order = ++sessions->order;
    row->id_len = copy(row->id, sizeof row->id, in->id);
    row->context_len = copy(row->context, sizeof row->context, in->context);
    row->mark_len = copy(row->mark, sizeof row->mark, in->mark);
    sessions->is_dirty = true;
}

void sim__sessions_mark(void *ctx, proa_span id, proa_span mark)
{
    sim_sessions *sessions = ctx;
    sim_session_row *row = find(sessions, id, false);
    if (row != NULL) {
        row->mark_len = copy(row->mark, sizeof row->mark, mark);
    }
    sessions->is_dirty = true;
}

void sim__sessions_forget(void *ctx, proa_span id)
{
    sim_sessions *sessions = ctx;
    sim_session_row *row = find(sessions, id, false);
    if (row != NULL) {
        row->used = false;
    }
    sessions->is_dirty = true;
}

void sim__sessions_commit(sim_sessions *sessions)
{
    memcpy(sessions->durable, sessions->written, sizeof sessions->durable);
    sessions->is_dirty = false;
}

void sim__sessions_lose(sim_sessions *sessions)
{
    memcpy(sessions->written, sessions->durable, sizeof sessions->written);
    sessions->is_dirty = false;
}

void sim__sessions_claim(sim_sessions *sessions, const uint8_t key[PROA_SECURE_KEY_LEN])
{
    memcpy(sessions->key, key, PROA_SECURE_KEY_LEN);
    memset(sessions->durable, 0, sizeof sessions->durable);
    memset(sessions->written, 0, sizeof sessions->written);
}
