/* SPDX-License-Identifier: Apache-2.0 */
/* A blob from the store, as damaged as it may be: what is taken from it is within its bounds. The
 * first eight bytes of the input are the fingerprint that is looked for. */
#include <stdlib.h>
#include <string.h>

#include "core/oscore/oscore_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    proa__state state;
    if (size < PROA__FINGERPRINT_LEN) {
        return 0;
    }
    proa_span blob = proa_span_make(data + PROA__FINGERPRINT_LEN, size - PROA__FINGERPRINT_LEN);
    proa_err err = proa__state_parse(blob, data, &state);
    if (err == PROA_OK && (state.reserved > PROA_OSCORE_NUMBER_MAX + 1 ||
                           state.id_context.len > PROA_OSCORE_ID_CONTEXT_MAX ||
                           state.id_context.data + state.id_context.len != blob.data + blob.len ||
                           memcmp(blob.data + 1, data, PROA__FINGERPRINT_LEN) != 0)) {
        abort();
    }
    return 0;
}
