/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a SenML pack; each record read can be written. */
#include "proa/assert.h"
#include "proa/codec/senml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static uint8_t buf[1 << 20];
    proa_writer w = proa_writer_make(buf, sizeof buf);
    proa_senml_writer out = proa_senml_writer_make(&w);
    proa_senml_reader in;
    proa_senml_record record;
    proa_senml_read(&in, proa_span_make(bytes, len));
    while (proa_senml_next(&in, &record)) {
        proa_senml_write(&out, proa_span_make(NULL, 0), &record);
    }
    proa_senml_write_end(&out);
    PROA_ASSERT(w.err == PROA_OK);
    uint32_t count = 0;
    proa_senml_read(&in, proa_writer_span(&w));
    while (proa_senml_next(&in, &record)) {
        count++;
    }
    PROA_ASSERT(in.err == PROA_OK && count == out.count);
    return 0;
}
