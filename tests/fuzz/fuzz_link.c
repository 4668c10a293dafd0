/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as links; the attributes of an accepted link must be readable to their end. */
#include "proa/assert.h"
#include "proa/codec/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    proa_reader r = proa_reader_make(proa_span_make(bytes, len));
    proa_link link;
    while (proa_link_next(&r, &link)) {
        proa_reader a = proa_reader_make(link.attributes);
        proa_link_attribute attribute;
        while (proa_link_attribute_next(&a, &attribute)) {
            PROA_ASSERT(attribute.name.len > 0);
        }
        PROA_ASSERT(a.err == PROA_OK && proa_reader_left(&a) == 0);
    }
    PROA_ASSERT(r.err != PROA_OK || proa_reader_left(&r) == 0);
    return 0;
}
