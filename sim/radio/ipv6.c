/* SPDX-License-Identifier: Apache-2.0 */
/* The 48 bytes before a UDP payload. Extension headers are nobody's here. */
#include "sim/radio/ipv6.h"

#include <string.h>

enum { HEADER_LEN = 40, UDP_LEN = 8, NEXT_UDP = 17, HOP_LIMIT = 64 };

static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum += (uint32_t)bytes[i] << (i % 2 == 0 ? 8 : 0);
    }
    return sum;
}

/* RFC 768, with the pseudo-header of RFC 8200 §8.1: both addresses, the length, the protocol. */
static uint16_t checksum(const uint8_t *packet, size_t udp_len)
{
    uint32_t sum = (uint32_t)udp_len + NEXT_UDP;
    sum = add(sum, packet + 8, 32);
    sum = add(sum, packet + HEADER_LEN, udp_len);
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum == 0xffff ? 0xffff : (uint16_t)~sum; /* 0 would say: no checksum */
}

size_t sim_ipv6_write(uint8_t *out, size_t out_len, const proa_addr *from, const proa_addr *to,
                      proa_span payload)
{
    proa_writer w = proa_writer_make(out, out_len);
    size_t udp_len = UDP_LEN + payload.len;
    if (udp_len > UINT16_MAX) {
        return 0;
    }
    proa_write_u32(&w, 0x60000000);
    proa_write_u16(&w, (uint16_t)udp_len);
    proa_write_u8(&w, NEXT_UDP);
    proa_write_u8(&w, HOP_LIMIT);
    proa_write_bytes(&w, from->ip, sizeof from->ip);
    proa_write_bytes(&w, to->ip, sizeof to->ip);
    proa_write_u16(&w, from->port);
    proa_write_u16(&w, to->port);
    proa_write_u16(&w, (uint16_t)udp_len);
    proa_write_u16(&w, 0);
    proa_write_span(&w, payload);
    if (w.err != PROA_OK) {
        return 0;
    }
    uint16_t sum = checksum(out, udp_len);
    out[HEADER_LEN + 6] = (uint8_t)(sum >> 8);
    out[HEADER_LEN + 7] = (uint8_t)sum;
    return w.len;
}

bool sim_ipv6_read(proa_span packet, proa_addr *from, proa_addr *to, proa_span *payload)
{
    proa_reader r = proa_reader_make(packet);
    bool is_v6 = proa_read_u32(&r) >> 28 == 6;
    uint16_t len = proa_read_u16(&r);
    uint8_t next = proa_read_u8(&r);
    (void)proa_read_u8(&r);
    proa_span source = proa_read_span(&r, 16);
    proa_span destination = proa_read_span(&r, 16);
    uint16_t source_port = proa_read_u16(&r);
    uint16_t destination_port = proa_read_u16(&r);
    uint16_t udp_len = proa_read_u16(&r);
    (void)proa_read_u16(&r);
    if (r.err != PROA_OK || !is_v6 || next != NEXT_UDP || len != udp_len || udp_len < UDP_LEN ||
        packet.len != HEADER_LEN + (size_t)len) {
        return false;
    }
    memset(from, 0, sizeof *from);
    memset(to, 0, sizeof *to);
    memcpy(from->ip, source.data, source.len);
    memcpy(to->ip, destination.data, destination.len);
    from->port = source_port;
    to->port = destination_port;
    *payload = proa_read_span(&r, udp_len - UDP_LEN);
    return true;
}
