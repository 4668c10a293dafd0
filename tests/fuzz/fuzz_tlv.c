/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as TLV; what was read is written and must be read as the same record. */
#include "proa/assert.h"
#include "proa/codec/tlv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static uint8_t buf[1 << 20];
    proa_reader r = proa_reader_make(proa_span_make(bytes, len));
    proa_tlv_record record;
    while (proa_tlv_next(&r, &record)) {
        proa_writer w = proa_writer_make(buf, sizeof buf);
        proa_tlv_write(&w, record.kind, record.id, record.value);
        proa_reader again = proa_reader_make(proa_writer_span(&w));
        proa_tlv_record copy;
        PROA_ASSERT(proa_tlv_next(&again, &copy) && proa_reader_left(&again) == 0);
        PROA_ASSERT(copy.kind == record.kind && copy.id == record.id);
        PROA_ASSERT(proa_span_equal(copy.value, record.value));
    }
    return 0;
}
