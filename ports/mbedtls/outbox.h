/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_DTLS_OUTBOX_H
#define PROA_DTLS_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"

/* Datagrams that wait for output(), first in, first out, in one ring of bytes. A datagram never
 * crosses the end of the ring, so that it can be handed out without copying. */
typedef struct proa__outbox {
    uint8_t *bytes; /* borrowed */
    size_t cap;
    size_t head; /* the oldest datagram */
    size_t tail; /* where the next one goes */
    size_t wrap; /* where the part behind head ends, while tail is in front of it */
    size_t held; /* bytes at head that the last take handed out */
    size_t count;
} proa__outbox;

void proa__outbox_init(proa__outbox *box, uint8_t *bytes, size_t cap);

/* True if a datagram of `len` bytes fits now. O(1). */
bool proa__outbox_fits(const proa__outbox *box, size_t len);

/* Copy a datagram in; false (and nothing changed) if it does not fit. len up to 65535. O(len). */
bool proa__outbox_put(proa__outbox *box, const proa_addr *to, const void *bytes, size_t len);

/* The oldest datagram; false if there is none. The bytes are valid until the next call of put,
 * fits or take. O(1). */
bool proa__outbox_take(proa__outbox *box, proa_addr *to, proa_span *datagram);

#endif
