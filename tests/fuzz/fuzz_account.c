/* SPDX-License-Identifier: Apache-2.0 */
/* An account in one message as it arrives, and the answer to one: read without passing their ends, and
 * what is taken for an account is written again with the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/c2c/account_body.h"
#include "proa/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[4096];
    uint16_t made[PROA_ACCOUNT_MADE_MAX];
    proa_account_body body;
    proa_addr addr;
    proa_span in = proa_span_make(data, size);
    proa_writer w = proa_writer_make(bytes, sizeof bytes);
    (void)!proa_account_made_parse(in, made, PROA_ACCOUNT_MADE_MAX);
    if (size > sizeof bytes || proa_account_body_parse(in, &body) != PROA_OK) {
        return 0;
    }
    PROA_ASSERT(proa_account_body_write(&w, &body) == PROA_OK);
    PROA_ASSERT(w.len == size && memcmp(bytes, data, size) == 0);
    if (proa_account_body_has(&body, PROA_ACCOUNT_ADDRESS) &&
        proa_account_body_address(&body, &addr) == PROA_OK) {
        uint8_t again[PROA_ACCOUNT_ADDRESS_LEN_MAX];
        proa_span before = body.values[PROA_ACCOUNT_ADDRESS].as.bytes;
        proa_account_body_put_address(&body, &addr, again);
        PROA_ASSERT(proa_span_equal(before, body.values[PROA_ACCOUNT_ADDRESS].as.bytes));
    }
    return 0;
}
