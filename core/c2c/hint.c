/* SPDX-License-Identifier: Apache-2.0 */
/* The hint's grammar, and how much of it strangers get (docs/C2C.md §4).
 *
 * What it may name is decided in enforce.c, what is believed of it in ask.c. */
#include "core/c2c/hint.h"

#include "proa/codec/cbor.h"

/* AS Request Creation Hints, RFC 9200 §5.3: key 1 is "AS". */
#define KEY_SERVER 1U

proa_err proa_hint_write(proa_writer *w, proa_span uri)
{
    proa_cbor_write_map(w, 1);
    proa_cbor_write_uint(w, KEY_SERVER);
    proa_cbor_write_text(w, uri);
    return w->err;
}

proa_err proa_hint_parse(proa_span in, proa_span *uri)
{
    proa_cbor_reader c = proa_cbor_reader_make(in);
    bool found = false;
    *uri = proa_span_make(NULL, 0);
    proa_cbor_read_map(&c);
    while (proa_cbor_more(&c)) {
        /* Hints of later versions may have text keys; this one never has. */
        if (proa_cbor_peek(&c) != PROA_CBOR_UINT) {
            proa_cbor_skip(&c);
            proa_cbor_skip(&c);
        } else if (proa_cbor_read_uint(&c) != KEY_SERVER) {
            proa_cbor_skip(&c);
        } else if (found) {
            return PROA_E_FORMAT;
        } else {
            *uri = proa_cbor_read_text(&c);
            found = true;
        }
    }
    proa_cbor_leave(&c);
    proa_err err = proa_cbor_end(&c);
    if (err != PROA_OK) {
        return err == PROA_E_TRUNCATED ? err : PROA_E_FORMAT;
    }
    if (!found) {
        return PROA_E_NOT_FOUND;
    }
    return uri->len >= PROA_URI_MAX ? PROA_E_TOO_LARGE : PROA_OK;
}

/* ---- the bucket ------------------------------------------------------------------------- */

/* What one token costs: then each millisecond brings a whole number, and nothing is rounded. */
#define MINUTE_MS 60000U

proa_hint_bucket proa_hint_bucket_make(uint32_t per_minute)
{
    proa_hint_bucket bucket = {per_minute, (uint64_t)per_minute * MINUTE_MS, 0};
    return bucket;
}

bool proa_hint_bucket_take(proa_hint_bucket *bucket, uint64_t now_ms)
{
    uint64_t full = (uint64_t)bucket->per_minute * MINUTE_MS;
    if (now_ms > bucket->last_ms) {
        uint64_t passed_ms = now_ms - bucket->last_ms;
        passed_ms = passed_ms < MINUTE_MS ? passed_ms : MINUTE_MS;
        bucket->credit += passed_ms * bucket->per_minute;
        bucket->credit = bucket->credit < full ? bucket->credit : full;
        bucket->last_ms = now_ms;
    }
    if (bucket->credit < MINUTE_MS) {
        return false;
    }
    bucket->credit -= MINUTE_MS;
    return true;
}
