/* SPDX-License-Identifier: Apache-2.0 */
/* Echo (RFC 9175 §2): an opaque value that says when it was made and for whom, so that nothing has
 * to be remembered. 5 bytes of engine time in ms, then a keyed hash over it and the peer (Appendix
 * A, "integrity-protected timestamp"). The key lives as long as the engine: after a reboot an old
 * value is worth nothing. */
#include "core/coap/engine_internal.h"

#define TIME_LEN 5U
#define TIME_MASK ((1ULL << 8 * TIME_LEN) - 1)

static void make(const proa_coap *c, const proa_coap_peer *peer, uint64_t time_ms,
                 uint8_t out[PROA_COAP_ECHO_LEN])
{
    uint8_t bytes[TIME_LEN + sizeof *peer];
    proa_writer in = proa_writer_make(bytes, sizeof bytes);
    proa_write_uint(&in, time_ms, TIME_LEN);
    proa_write_u64(&in, peer->account);
    proa_write_u32(&in, peer->account == 0 ? peer->session : 0);
    if (peer->session == 0 && peer->account == 0) {
        proa_write_bytes(&in, peer->addr.ip, sizeof peer->addr.ip);
        proa_write_u16(&in, peer->addr.port);
        proa_write_u16(&in, peer->addr.zone);
    }
    PROA_ASSERT(in.err == PROA_OK);
    proa_writer value = proa_writer_make(out, PROA_COAP_ECHO_LEN);
    proa_write_uint(&value, time_ms, TIME_LEN);
    proa_write_u64(&value, proa_siphash(c->echo_key, proa_writer_span(&in)));
}

void proa_coap_echo_make(const proa_coap *c, uint64_t now_ms, const proa_coap_event *event,
                         uint8_t out[PROA_COAP_ECHO_LEN])
{
    make(c, &event->peer, now_ms & TIME_MASK, out);
}

bool proa_coap_echo_ok(const proa_coap *c, uint64_t now_ms, const proa_coap_event *event,
                       uint32_t max_age_ms)
{
    proa_span value;
    if (!proa_coap_option_find(&event->msg, PROA_COAP_OPT_ECHO, &value) ||
        value.len != PROA_COAP_ECHO_LEN) {
        return false;
    }
    proa_reader r = proa_reader_make(value);
    uint64_t made_ms = proa_read_uint(&r, TIME_LEN);
    uint8_t expected[PROA_COAP_ECHO_LEN];
    make(c, &event->peer, made_ms, expected);
    return proa_equal_ct(expected, value.data, sizeof expected) &&
           ((now_ms - made_ms) & TIME_MASK) <= max_age_ms;
}
