/* SPDX-License-Identifier: Apache-2.0 */
/* The first two bytes choose format, path and type, the rest is the payload. No record may lie
 * outside the path that was asked for. */
#include "proa/assert.h"
#include "proa/payload.h"

static proa_type one_type(void *ctx, const proa_path *path)
{
    (void)path;
    return *(const proa_type *)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const uint16_t formats[] = {PROA_FORMAT_TEXT, PROA_FORMAT_OPAQUE, PROA_FORMAT_CBOR,
                                       PROA_FORMAT_TLV, PROA_FORMAT_SENML_CBOR};
    if (len < 2) {
        return 0;
    }
    proa_path base = {{3, 0, 7, 0}, bytes[0] / 5 % 5};
    proa_type type = (proa_type)(bytes[1] % (PROA_TYPE_CORELINK + 1));
    proa_payload_reader p;
    proa_record record;
    uint32_t count;
    uint16_t format = formats[bytes[0] % 5];
    proa_span payload = proa_span_make(bytes + 2, len - 2);
    (void)proa_payload_instance_named(format, payload, &base, &count);
    if (proa_payload_read(&p, format, &base, payload, one_type, &type) == PROA_OK) {
        while (proa_payload_next(&p, &record)) {
            PROA_ASSERT(proa_path_within(&base, &record.path));
        }
    }
    return 0;
}
