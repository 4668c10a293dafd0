/* SPDX-License-Identifier: Apache-2.0 */
/* What parses as an OSCORE option writes the same bytes again: there is one encoding only. */
#include <stdlib.h>
#include <string.h>

#include "proa/oscore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[1 << 16];
    proa_oscore_option option;
    if (size > sizeof again || proa_oscore_option_parse(proa_span_make(data, size), &option) != 0) {
        return 0;
    }
    proa_writer w = proa_writer_make(again, sizeof again);
    proa_oscore_option_write(&w, &option);
    if (w.err != PROA_OK || w.len != size || (size > 0 && memcmp(again, data, size) != 0)) {
        abort();
    }
    return 0;
}
