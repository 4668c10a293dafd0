/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of datagrams that leave the box.
 * Invariant: what is queued lies in [head, tail), or, once tail has gone round, in [head, wrap) and
 * [0, tail). Handed-out bytes stay in place until the next call, so output() need not copy. */
#include "ports/mbedtls/outbox.h"

#include <string.h>

typedef struct entry {
    proa_addr to;
    uint16_t len;
} entry;

void proa__outbox_init(proa__outbox *box, uint8_t *bytes, size_t cap)
{
    memset(box, 0, sizeof *box);
    box->bytes = bytes;
    box->cap = cap;
    box->wrap = cap;
}

static size_t place_len(size_t len)
{
    return sizeof(entry) + len;
}

/* Where a datagram would go, or cap if it does not fit. */
static size_t find_place(const proa__outbox *box, size_t len)
{
    size_t need = place_len(len);
    bool gone_round = box->count > 0 && box->tail <= box->head;
    if (gone_round) {
        return need <= box->head - box->tail ? box->tail : box->cap;
    }
    if (need <= box->cap - box->tail) {
        return box->tail;
    }
    return need <= box->head ? 0 : box->cap;
}

static void release(proa__outbox *box)
{
    if (box->held == 0) {
        return;
    }
    box->head += box->held;
    box->held = 0;
    box->count--;
    if (box->count == 0) {
        box->head = box->tail = 0;
        box->wrap = box->cap;
    } else if (box->head == box->wrap) {
        box->head = 0;
        box->wrap = box->cap;
    }
}

bool proa__outbox_fits(const proa__outbox *box, size_t len)
{
    proa__outbox after = *box;
    release(&after);
    return len <= UINT16_MAX && find_place(&after, len) != after.cap;
}

bool proa__outbox_put(proa__outbox *box, const proa_addr *to, const void *bytes, size_t len)
{
    release(box);
    size_t at = len <= UINT16_MAX ? find_place(box, len) : box->cap;
    if (at == box->cap) {
        return false;
    }
    if (at != box->tail) {
        box->wrap = box->tail;
    }
    entry e = {*to, (uint16_t)len};
    memcpy(box->bytes + at, &e, sizeof e);
    memcpy(box->bytes + at + sizeof e, bytes, len);
    box->tail = at + place_len(len);
    box->count++;
    return true;
}

bool proa__outbox_take(proa__outbox *box, proa_addr *to, proa_span *datagram)
{
    release(box);
    if (box->count == 0) {
        return false;
    }
    entry e;
    memcpy(&e, box->bytes + box->head, sizeof e);
    *to = e.to;
    *datagram = proa_span_make(box->bytes + box->head + sizeof e, e.len);
    box->held = place_len(e.len);
    return true;
}
