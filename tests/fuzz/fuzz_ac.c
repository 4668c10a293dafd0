/* SPDX-License-Identifier: Apache-2.0 */
/* A request on /ac as it arrives: judged without reading past its end, and what is taken from it
 * is within its limits and writes the same again. */
#include <stddef.h>
#include <stdint.h>

#include "proa/assert.h"
#include "server/app/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    proa_coap_msg msg;
    proa__wish wish;
    uint8_t bytes[PROA_AC_BODY_LEN_MAX];
    proa_writer w = proa_writer_make(bytes, sizeof bytes);
    proa_ac_body again;
    if (proa_coap_parse(&msg, proa_span_make(data, size)) == PROA_OK &&
        proa__ac_read(&msg, &wish) == 0) {
        PROA_ASSERT(wish.host.len > 0 && wish.host.len <= PROA_ENDPOINT_MAX);
        PROA_ASSERT(proa_ac_body_write(&w, &wish.body) == PROA_OK);
        PROA_ASSERT(proa_ac_body_parse(proa_writer_span(&w), &again) == PROA_OK);
        PROA_ASSERT(again.count == wish.body.count);
    }
    return 0;
}
