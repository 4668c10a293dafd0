/* SPDX-License-Identifier: Apache-2.0 */
/* The hint of a stranger: never reads past its end, and what is read writes the same again. */
#include <stddef.h>
#include <stdint.h>

#include "core/c2c/ac_body.h"
#include "core/c2c/hint.h"
#include "proa/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    proa_span uri;
    proa_span again;
    uint8_t buf[PROA_URI_MAX + 8];
    if (proa_hint_parse(proa_span_make(data, size), &uri) == PROA_OK) {
        proa_writer w = proa_writer_make(buf, sizeof(buf));
        PROA_ASSERT(proa_hint_write(&w, uri) == PROA_OK);
        PROA_ASSERT(proa_hint_parse(proa_writer_span(&w), &again) == PROA_OK);
        PROA_ASSERT(proa_span_equal(uri, again));
    }
    (void)proa_ac_why_parse(proa_span_make(data, size));
    return 0;
}
