/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams to a server that accepts NoSec: the input is a row of them, each behind its length. */
#include <stdlib.h>

#include "proa/server.h"
#include "tests/base/counted_memory.h"
#include "tests/support/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    counted_memory heap;
    test_random random;
    proa_reader r = proa_reader_make(proa_span_make(bytes, len));
    proa_server_config config =
        proa_server_config_default(test_random_start(&random, 1), counted_memory_start(&heap));
    proa_addr from = {{0}, 5683, 0}, to;
    proa_server *s;
    proa_server_event e;
    proa_span out;
    config.allow_nosec = true;
    config.registration_max = config.registration_first = 4;
    if (proa_server_open(&s, &config) != PROA_OK) {
        abort();
    }
    for (uint64_t now_ms = 1; r.err == PROA_OK && proa_reader_left(&r) > 0; now_ms += 40000) {
        proa_server_input(s, now_ms, &from, proa_read_span(&r, proa_read_u8(&r)), false);
        while (proa_server_poll(s, now_ms, &e)) {
            proa_server_op op = {.reg = e.reg, .op = PROA_OP_OBSERVE, .path = {{3303}, 1}};
            (void)!proa_server_op_start(s, now_ms, &op, &e.op);
        }
        while (proa_server_output(s, now_ms, &to, &out)) {
        }
    }
    proa_server_close(s);
    return heap.blocks == 0 ? 0 : (abort(), 0);
}
