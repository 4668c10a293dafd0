/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: walking item by item and skipping whole items must agree on whether they are CBOR. */
#include "proa/assert.h"
#include "proa/codec/cbor.h"

static void walk(proa_cbor_reader *c);

static void read_one(proa_cbor_reader *c)
{
    switch (proa_cbor_peek(c)) {
    case PROA_CBOR_ARRAY:
        proa_cbor_read_array(c);
        walk(c);
        proa_cbor_leave(c);
        break;
    case PROA_CBOR_MAP:
        proa_cbor_read_map(c);
        walk(c);
        proa_cbor_leave(c);
        break;
    case PROA_CBOR_TAG:
        (void)proa_cbor_read_tag(c);
        break;
    case PROA_CBOR_BYTES:
        (void)proa_cbor_read_bytes(c);
        break;
    case PROA_CBOR_TEXT:
        (void)proa_cbor_read_text(c);
        break;
    case PROA_CBOR_FLOAT:
        (void)proa_cbor_read_float(c);
        break;
    default:
        (void)proa_cbor_skip(c);
    }
}

static void walk(proa_cbor_reader *c)
{
    while (proa_cbor_more(c)) {
        read_one(c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static uint8_t scratch[4096];
    proa_cbor_reader a = proa_cbor_reader_make(proa_span_make(bytes, len));
    proa_cbor_reader b = a;
    proa_cbor_scratch(&a, scratch, sizeof scratch);
    walk(&a);
    while (proa_cbor_more(&b)) {
        (void)proa_cbor_skip(&b);
    }
    PROA_ASSERT(a.err == PROA_E_NO_SPACE ||
                (proa_cbor_end(&a) == PROA_OK) == (proa_cbor_end(&b) == PROA_OK));
    return 0;
}
