/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a value in text; a float that was read comes back from its own text. */
#include <string.h>

#include "proa/assert.h"
#include "proa/codec/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    proa_span text = proa_span_make(bytes, len);
    static uint8_t buf[1 << 20];
    proa_writer w = proa_writer_make(buf, sizeof buf);
    int64_t integer;
    double real;
    double again;
    uint16_t ids[2];
    (void)!proa_text_integer(text, &integer);
    (void)!proa_text_objlink(text, &ids[0], &ids[1]);
    (void)!proa_text_base64(text, &w);
    if (proa_text_float(text, &real) == PROA_OK) {
        w = proa_writer_make(buf, PROA_TEXT_FLOAT_MAX);
        proa_text_write_float(&w, real);
        PROA_ASSERT(proa_text_float(proa_writer_span(&w), &again) == PROA_OK);
        PROA_ASSERT(memcmp(&again, &real, sizeof real) == 0);
    }
    return 0;
}
