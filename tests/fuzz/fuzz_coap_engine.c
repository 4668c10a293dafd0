/* SPDX-License-Identifier: Apache-2.0 */
/* A script of steps against one engine in both roles. A step is: what, how long its bytes are, its
 * bytes. Datagrams come from three peers as they are, or as answers to what was last sent (same
 * Token and Message ID); in between time passes and the application acts. */
#include <stdlib.h>
#include <string.h>

#include "proa/coap_engine.h"
#include "tests/base/counted_memory.h"
#include "tests/support/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static uint8_t last[PROA_DATAGRAM_MAX]; /* sent */
static uint64_t now_ms;
static proa_coap_id ids[2]; /* a request and a relation of ours */

static void act(proa_coap *c, const proa_coap_peer *peer, uint8_t what, proa_span bytes)
{
    proa_coap_peer other = {{{0}, 9, 0}, 3, 0};
    proa_coap_response r = {.code = what & 8 ? 0x45 : 0x84, .payload = bytes};
    proa_coap_request q = {.code = (uint8_t)(1 + what % 7), .non = what & 8, .payload = bytes};
    q.observe = what & 16 ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE;
    switch (what % 6) {
    case 0:
        proa_coap_cancel(c, now_ms, ids[0], what & 8);
        break;
    case 1:
        proa_coap_peer_gone(c, now_ms, peer);
        break;
    case 2:
        proa_coap_peer_moved(c, now_ms, peer, &other);
        break;
    case 3:
        (void)!proa_coap_notify(c, now_ms, ids[1], &r, what & 16);
        break;
    default:
        (void)!proa_coap_send(c, now_ms, peer, &q, &ids[0]);
        break;
    }
}

static void turn(proa_coap *c, uint8_t what)
{
    proa_coap_event e;
    proa_coap_peer to;
    proa_span out;
    while (proa_coap_poll(c, now_ms, &e)) {
        proa_coap_response r = {.code = 0x45, .payload = e.msg.payload};
        if (e.kind != PROA_COAP_EVENT_REQUEST) {
            continue;
        }
        if (what & 32) {
            (void)!proa_coap_accept(c, e.exchange, 1, &ids[1]);
        }
        uint8_t echo[PROA_COAP_ECHO_LEN];
        proa_coap_option option = {PROA_COAP_OPT_ECHO, proa_span_make(echo, sizeof echo)};
        if ((what & 64) && !proa_coap_echo_ok(c, now_ms, &e, 1000)) {
            proa_coap_echo_make(c, now_ms, &e, echo);
            r.options = &option;
            r.option_count = 1;
        }
        if (!(what & 16)) {
            (void)!proa_coap_respond(c, now_ms, e.exchange, &r);
        }
    }
    while (proa_coap_output(c, now_ms, &to, &out)) {
        proa_coap_msg m;
        if (proa_coap_parse(&m, out) != PROA_OK || out.len > sizeof last) {
            abort(); /* what we send has to be well formed */
        }
        memcpy(last, out.data, out.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const proa_coap_peer peers[3] = {
        {{{0}, 1, 0}, 1, 0}, {{{0}, 2, 0}, 2, 0}, {{{0}, 3, 0}, 0, 0}};
    test_random random;
    counted_memory memory;
    proa_coap_config config =
        proa_coap_config_device(test_random_start(&random, 1), counted_memory_start(&memory));
    proa_coap *c;
    now_ms = 1000;
    if (proa_coap_open(&c, &config) != PROA_OK) {
        abort();
    }
    while (len >= 2 && bytes[1] <= len - 2) {
        uint8_t what = bytes[0];
        proa_span part = proa_span_make(bytes + 2, bytes[1]);
        const proa_coap_peer *peer = &peers[(what >> 2) % 3];
        uint8_t answer[300];
        bytes += 2 + part.len;
        len -= 2 + part.len;
        if (what % 4 == 0) {
            proa_coap_input(c, now_ms, peer, part, what & 128);
        } else if (what % 4 == 1) {
            now_ms += (uint64_t)part.len * part.len * 20;
        } else if (what % 4 == 2) {
            act(c, peer, what >> 2, part);
        } else if (part.len >= 2) { /* type, code, then options and payload */
            memcpy(answer, last, 12);
            memcpy(answer + 12, part.data + 2, part.len - 2);
            answer[0] = (uint8_t)(0x40 | (part.data[0] & 0x30) | (last[0] & 15));
            answer[1] = part.data[1];
            size_t head = 4U + (last[0] & 15U);
            memmove(answer + head, answer + 12, part.len - 2);
            proa_coap_input(c, now_ms, peer, proa_span_make(answer, head + part.len - 2), false);
        }
        turn(c, what);
    }
    proa_coap_close(c);
    if (memory.blocks != 0) {
        abort();
    }
    return 0;
}
