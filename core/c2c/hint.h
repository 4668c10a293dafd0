/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_C2C_HINT_H
#define PROA_CORE_C2C_HINT_H

#include <stdbool.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/limits.h"

/* The hint: what a refused stranger is told, {1: "coaps://host:port"}, the URI of the server that
 * can authorise it (after the AS Request Creation Hints of RFC 9200 §5.3, whose key 1 this is).
 *
 * It is unprotected and may be forged, so a requester uses it only to choose among servers that it
 * already has an account with; whoever forges one gains nothing but a request to a server that
 * would have been asked anyway. */

/* Write the payload for `uri`, as it is. Returns PROA_OK or PROA_E_NO_SPACE. */
PROA_CHECK proa_err proa_hint_write(proa_writer *w, proa_span uri);

/* Read a payload: the text under key 1; other keys are skipped.
 *
 * uri  out; borrows `in`.
 * Returns PROA_OK; PROA_E_NOT_FOUND (a map without key 1); PROA_E_TOO_LARGE (longer than any URI
 * we could have an account with); PROA_E_FORMAT or PROA_E_TRUNCATED for everything else. */
PROA_CHECK proa_err proa_hint_parse(proa_span in, proa_span *uri);

/* How much may be said to somebody unknown: a token bucket over all strangers together. */
typedef struct proa_hint_bucket {
    uint32_t per_minute;
    uint64_t credit;  /* a token costs 60000; every millisecond brings per_minute */
    uint64_t last_ms; /* when credit was right */
} proa_hint_bucket;

/* A full bucket. per_minute 0 = never any. */
proa_hint_bucket proa_hint_bucket_make(uint32_t per_minute);

/* Take one token; false if there is none. Amplification and floods end here. */
bool proa_hint_bucket_take(proa_hint_bucket *bucket, uint64_t now_ms);

#endif
