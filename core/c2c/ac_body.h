/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_C2C_AC_BODY_H
#define PROA_CORE_C2C_AC_BODY_H

#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/limits.h"

/* What travels in POST /ac and in its answers (docs/C2C.md, "Asking for access"): both ends of the
 * wire use this one codec. It knows CBOR and numbers, neither policy nor devices.
 *
 * The request is a map from [object] or [object, instance] to right bits. [object] speaks about
 * all instances, today's and tomorrow's, and is the same as [object, 65535]. */

typedef struct proa_ac_entry {
    uint16_t object;   /* 0..65534 */
    uint16_t instance; /* 0..65534, or PROA_ID_ALL */
    uint8_t rights;    /* PROA_RIGHT_*, at least one */
} proa_ac_entry;

typedef struct proa_ac_body {
    proa_ac_entry entries[PROA_AC_ENTRIES_MAX]; /* in the order of the map; no path twice */
    uint8_t count;                              /* 1..PROA_AC_ENTRIES_MAX */
} proa_ac_body;

/* The longest body: a map head, and per entry an array head, two numbers of 3 and one of 2. */
#define PROA_AC_BODY_LEN_MAX (1 + 9 * PROA_AC_ENTRIES_MAX)

/* Why a server does not answer with a grant: the value under key 1 in the payload of its 5.03. */
typedef enum proa_ac_why {
    PROA_AC_WHY_NONE = 0,
    PROA_AC_WHY_PENDING = 1,      /* a person or a slower process decides */
    PROA_AC_WHY_HOST_OFFLINE = 2, /* the host sleeps or is not registered */
    PROA_AC_WHY_BUSY = 3,         /* too much is going on around this host */
    PROA_AC_WHY_NO_NETWORK = 4    /* nothing in common: no network, or no security */
} proa_ac_why;

#define PROA_AC_WHY_LEN_MAX 4

/* Read a request body.
 *
 * in   the whole payload; nothing of it is kept.
 * out  undefined unless PROA_OK is returned.
 * Returns PROA_OK; PROA_E_FORMAT for everything that is not such a map (also: an empty map, a path
 * named twice, no or unknown right bits, numbers outside their range, bytes behind the map), which
 * is a 4.00; PROA_E_TOO_LARGE for more than PROA_AC_ENTRIES_MAX entries. O(entries^2). */
PROA_CHECK proa_err proa_ac_body_parse(proa_span in, proa_ac_body *out);

/* Write a request body of 1..PROA_AC_ENTRIES_MAX entries; at most PROA_AC_BODY_LEN_MAX bytes.
 * Returns PROA_OK or PROA_E_NO_SPACE. */
PROA_CHECK proa_err proa_ac_body_write(proa_writer *w, const proa_ac_body *body);

/* Add rights to the entry of a path, or a new entry. Returns PROA_OK or PROA_E_FULL. */
PROA_CHECK proa_err proa_ac_body_add(proa_ac_body *body, uint16_t object, uint16_t instance,
                                     uint8_t rights);

/* The reason in an answer's payload {1: reason}; PROA_AC_WHY_NONE if it holds none or one that is
 * unknown here. */
proa_ac_why proa_ac_why_parse(proa_span in);

/* Write {1: why}; PROA_AC_WHY_NONE writes nothing. Returns PROA_OK or PROA_E_NO_SPACE. */
PROA_CHECK proa_err proa_ac_why_write(proa_writer *w, proa_ac_why why);

#endif
