/* SPDX-License-Identifier: Apache-2.0 */
/* DTLS record numbers seen on the wire (RFC 6347 §4.1, RFC 9146 §3).
 *
 * A record is named by sender, receiver, connection id, epoch and sequence number; its bytes are
 * remembered as a hash. The keys behind it are not visible from outside. A new handshake between
 * two addresses (a ChangeCipherSpec in epoch 0) has new keys and begins a new name space, so the
 * count of such is part of the name: also where a connection id is there, for a client that begins
 * anew may take the late ServerHello, with its id, of the handshake that it gave up. */
#include <stdlib.h>
#include <string.h>

#include "sim/checker.h"

#define TYPE_CHANGE_CIPHER_SPEC 20
#define TYPE_CID 25
#define SLOTS 65536U /* power of two; a run has some thousands of records */

typedef struct seen {
    uint64_t name; /* 0 = free */
    uint64_t bytes;
} seen;

typedef struct path {
    proa_addr from, to;
    uint32_t handshakes;
} path;

#define PATHS_MAX 512

struct sim_record_log {
    seen slots[SLOTS];
    path paths[PATHS_MAX];
    size_t path_count;
    size_t count;
};

sim_record_log *sim__records_open(void)
{
    return calloc(1, sizeof(sim_record_log));
}

void sim__records_close(sim_record_log *log)
{
    free(log);
}

uint64_t sim__records_hash(uint64_t h, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ bytes[i]) * 0x100000001b3U;
    }
    return h ^ h >> 29;
}

static path *path_of(sim_record_log *log, const proa_addr *from, const proa_addr *to)
{
    for (size_t i = 0; i < log->path_count; i++) {
        if (proa_addr_equal(&log->paths[i].from, from) && proa_addr_equal(&log->paths[i].to, to)) {
            return &log->paths[i];
        }
    }
    path *added = &log->paths[log->path_count < PATHS_MAX ? log->path_count++ : PATHS_MAX - 1];
    added->from = *from;
    added->to = *to;
    return added;
}

bool sim__records_note(sim_record_log *log, uint64_t name, uint64_t content)
{
    size_t i = name & (SLOTS - 1);
    name |= 1;
    while (log->slots[i].name != 0 && log->slots[i].name != name) {
        i = (i + 1) & (SLOTS - 1);
    }
    if (log->slots[i].name == name) {
        return log->slots[i].bytes == content;
    }
    if (log->count < SLOTS / 2) {
        log->slots[i].name = name;
        log->slots[i].bytes = content;
        log->count++;
    }
    return true;
}

/* The connection id's length is not in the record. It is whatever stands between the fixed header
 * and a length field that fits the rest of the datagram. */
static size_t cid_len(const uint8_t *record, size_t left)
{
    for (size_t len = 1; len <= 8 && 13 + len <= left; len++) {
        size_t body = (size_t)(record[11 + len] << 8 | record[12 + len]);
        if (13 + len + body == left) {
            return len;
        }
    }
    return 0;
}

bool sim__records_see(sim_record_log *log, const proa_addr *from, const proa_addr *to,
                      proa_span bytes)
{
    path *way = path_of(log, from, to);
    const uint8_t *at = bytes.data;
    size_t left = bytes.len;
    bool fresh = true;
    while (left >= 13 && at[0] >= 20 && at[0] <= 63) {
        size_t id_len = at[0] == TYPE_CID ? cid_len(at, left) : 0;
        size_t body = (size_t)(at[11 + id_len] << 8 | at[12 + id_len]);
        size_t whole = 13 + id_len + body;
        if (whole > left || (at[0] == TYPE_CID && id_len == 0)) {
            break;
        }
        uint16_t epoch = (uint16_t)(at[3] << 8 | at[4]);
        if (epoch == 0) {
            way->handshakes += at[0] == TYPE_CHANGE_CIPHER_SPEC;
        } else {
            uint64_t name = sim__records_hash(0xcbf29ce484222325U, at + 3, 8 + id_len);
            name = sim__records_hash(name, &way->handshakes, sizeof way->handshakes);
            if (id_len < 4) {
                name = sim__records_hash(name, from, sizeof *from);
            }
            name = sim__records_hash(name, to, sizeof *to);
            fresh = sim__records_note(log, name, sim__records_hash(7, at, whole)) && fresh;
        }
        at += whole;
        left -= whole;
    }
    return fresh;
}
