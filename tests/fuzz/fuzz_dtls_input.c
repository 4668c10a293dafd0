/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams to a server, each with two bytes of length in front, of which the upper four bits choose
 * port and delay. The seeds hold whole handshakes and a first session
 * (tests/dtls/test_seeds.c). */
#include "tests/dtls/seeded.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    test_random random;
    proa_secure *box = seeded_open(&random, 1, 2);
    proa_secure_event event;
    proa_reader r = proa_reader_make(proa_span_make(bytes, len));
    uint64_t now_ms = 1000000;
    while (proa_reader_left(&r) > 2) {
        uint16_t head = proa_read_u16(&r);
        size_t left = proa_reader_left(&r);
        proa_addr from = {{1}, (uint16_t)(head >> 14), 0};
        now_ms += (head >> 12 & 3U) * 700U;
        box->class_->input(box, now_ms, &from,
                           proa_read_span(&r, (head & 0xfffU) < left ? head & 0xfffU : left));
        while (box->class_->poll(box, now_ms, &event)) {
        }
    }
    box->class_->free(box);
    return 0;
}
