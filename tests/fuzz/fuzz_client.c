/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams from its server reach a device: a length byte and so many bytes each. */
#include <string.h>

#include "proa/assert.h"
#include "tests/client/bench.h"

static bench b;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    proa_reader r = proa_reader_make(proa_span_make(data, len));
    bench_registered(&b, false, NULL);
    while (proa_reader_left(&r) > 0) {
        size_t want = proa_read_u8(&r);
        size_t left = proa_reader_left(&r);
        proa_span datagram = proa_read_span(&r, want < left ? want : left);
        proa_client_input(b.client, b.now_ms, &b.parties[0].addr, datagram, false);
        bench_run(&b, 100);
        bench_forget_events(&b);
        b.parties[0].note_count = 0;
    }
    PROA_ASSERT(b.things.items[0].secret_len <= sizeof b.things.items[0].secret);
    bench_close(&b);
    return 0;
}
