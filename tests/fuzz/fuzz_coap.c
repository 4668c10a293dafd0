/* SPDX-License-Identifier: Apache-2.0 */
/* What parses can be walked, and what is built again from it has the same bytes: there is only one
 * way to encode an option number or length. */
#include <stdlib.h>
#include <string.h>

#include "proa/coap.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static uint8_t built[1 << 16];
    proa_coap_msg m;
    if (len > sizeof built || proa_coap_parse(&m, proa_span_make(bytes, len)) != PROA_OK) {
        return 0;
    }
    proa_coap_builder b = proa_coap_build(built, sizeof built, m.type, m.code, m.mid, &m.token);
    proa_coap_options it = proa_coap_options_of(&m);
    for (proa_coap_option option; proa_coap_option_next(&it, &option);) {
        proa_coap_add(&b, option.number, option.value);
    }
    proa_coap_add_payload(&b, m.payload);
    if (proa_coap_build_end(&b) != (int)len || memcmp(built, bytes, len) != 0) {
        abort(); /* every number has exactly one encoding, RFC 7252 §3.1 */
    }
    return 0;
}
