/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6282, §3 (IPv6) and §4.3 (UDP). The first two bytes, MSB first:
 *
 *     0 1 1 TF TF NH HLIM HLIM | CID SAC SAM SAM M DAC DAM DAM
 *
 * Compressing takes the shortest form that there is. */
#include "sim/radio/iphc.h"

#include <string.h>

enum {
    NEXT_UDP = 17,
    DISPATCH = 0x60, /* 011xxxxx */
    NH = 0x04,
    CID = 0x80,
    SAC = 0x40,
    MULTICAST = 0x08,
    NHC_UDP = 0xf0, /* 11110CPP */
    NHC_UDP_MASK = 0xf8,
    NHC_NO_CHECKSUM = 0x04
};

/* What an address's two mode bits mean, for both addresses (§3.1.1). */
enum { INLINE_128, INLINE_64, INLINE_16, ELIDED };

static const uint8_t hop_limits[] = {0, 1, 64, 255};
static const uint8_t link_local[8] = {0xfe, 0x80};
static const uint8_t short_iid[6] = {0, 0, 0, 0xff, 0xfe, 0};

void sim_iphc_iid(const uint8_t eui64[8], uint8_t out[8])
{
    memcpy(out, eui64, 8);
    out[0] ^= 0x02;
}

/* ---- compressing ------------------------------------------------------------------------ */

/* Traffic class (DSCP, ECN) and flow label, Figures 4 to 6: ECN comes first here, last in IPv6. Returns TF. */
static uint8_t write_traffic(proa_writer *w, uint32_t first_word)
{
    uint8_t dscp = (uint8_t)(first_word >> 22 & 0x3f);
    uint8_t ecn = (uint8_t)(first_word >> 20 & 3);
    uint32_t flow = first_word & 0xfffff;
    if (flow == 0 && dscp == 0 && ecn == 0) {
        return 3;
    }
    if (flow == 0) {
        proa_write_u8(w, (uint8_t)(ecn << 6 | dscp));
        return 2;
    }
    if (dscp == 0) {
        proa_write_uint(w, (uint32_t)ecn << 22 | flow, 3);
        return 1;
    }
    proa_write_u32(w, (uint32_t)ecn << 30 | (uint32_t)dscp << 24 | flow);
    return 0;
}

/* Returns HLIM. */
static uint8_t write_hop_limit(proa_writer *w, uint8_t hop_limit)
{
    for (unsigned mode = 1; mode < sizeof hop_limits; mode++) {
        if (hop_limits[mode] == hop_limit) {
            return (uint8_t)mode;
        }
    }
    proa_write_u8(w, hop_limit);
    return 0;
}

/* Returns the three bits xAC and xAM. */
static uint8_t write_address(proa_writer *w, const uint8_t *address, const uint8_t eui64[8],
                             const uint8_t *context)
{
    uint8_t iid[8];
    uint8_t stateful = context != NULL && memcmp(address, context, 8) == 0 ? SAC >> 4 : 0;
    sim_iphc_iid(eui64, iid);
    if (stateful == 0 && memcmp(address, link_local, sizeof link_local) != 0) {
        proa_write_bytes(w, address, 16);
        return INLINE_128;
    }
    if (memcmp(address + 8, iid, sizeof iid) == 0) {
        return stateful | ELIDED;
    }
    if (memcmp(address + 8, short_iid, sizeof short_iid) == 0) {
        proa_write_bytes(w, address + 14, 2);
        return stateful | INLINE_16;
    }
    proa_write_bytes(w, address + 8, 8);
    return stateful | INLINE_64;
}

/* A port of the 16 (0xf0bx) or of the 256 (0xf0xx) takes fewer bits, the former only if both are (§4.3.3). */
static void write_udp(proa_writer *w, const uint8_t *udp)
{
    unsigned from = (unsigned)udp[0] << 8 | udp[1];
    unsigned to = (unsigned)udp[2] << 8 | udp[3];
    if ((from & 0xfff0U) == 0xf0b0 && (to & 0xfff0U) == 0xf0b0) {
        proa_write_u8(w, NHC_UDP | 3);
        proa_write_u8(w, (uint8_t)((from & 0xfU) << 4 | (to & 0xfU)));
    } else if (udp[0] == 0xf0) {
        proa_write_u8(w, NHC_UDP | 2);
        proa_write_u8(w, udp[1]);
        proa_write_bytes(w, udp + 2, 2);
    } else if (udp[2] == 0xf0) {
        proa_write_u8(w, NHC_UDP | 1);
        proa_write_bytes(w, udp, 2);
        proa_write_u8(w, udp[3]);
    } else {
        proa_write_u8(w, NHC_UDP);
        proa_write_bytes(w, udp, 4);
    }
    proa_write_bytes(w, udp + 6, 2);
}

/* Its length can be left out only if it is what the receiver will compute. */
static bool can_compress_udp(proa_span packet)
{
    const uint8_t *udp = packet.data + SIM_IPHC_IPV6_LEN;
    return packet.data[6] == NEXT_UDP && packet.len >= SIM_IPHC_RESTORED_MAX &&
           ((size_t)udp[4] << 8 | udp[5]) == packet.len - SIM_IPHC_IPV6_LEN &&
           (udp[6] != 0 || udp[7] != 0);
}

size_t sim_iphc_compress(proa_span packet, const sim_iphc_link *link, uint8_t *out, size_t *covered)
{
    proa_reader r = proa_reader_make(packet);
    proa_writer w = proa_writer_make(out, SIM_IPHC_COMPRESSED_MAX);
    uint32_t first_word = proa_read_u32(&r);
    size_t len = proa_read_u16(&r);
    uint8_t next = proa_read_u8(&r);
    uint8_t hop_limit = proa_read_u8(&r);
    proa_span from = proa_read_span(&r, 16);
    proa_span to = proa_read_span(&r, 16);
    if (r.err != PROA_OK || first_word >> 28 != 6 || proa_reader_left(&r) != len ||
        to.data[0] == 0xff) {
        return 0;
    }
    bool has_udp = can_compress_udp(packet);
    proa_write_u16(&w, 0);
    uint8_t tf = write_traffic(&w, first_word);
    if (!has_udp) {
        proa_write_u8(&w, next);
    }
    uint8_t hlim = write_hop_limit(&w, hop_limit);
    uint8_t source = write_address(&w, from.data, link->from, link->prefix);
    uint8_t destination = write_address(&w, to.data, link->to, link->prefix);
    out[0] = (uint8_t)(DISPATCH | tf << 3 | (has_udp ? NH : 0) | hlim);
    out[1] = (uint8_t)(source << 4 | destination);
    if (has_udp) {
        write_udp(&w, packet.data + SIM_IPHC_IPV6_LEN);
    }
    *covered = has_udp ? SIM_IPHC_RESTORED_MAX : SIM_IPHC_IPV6_LEN;
    return w.err == PROA_OK ? w.len : 0;
}

/* ---- restoring -------------------------------------------------------------------------- */

/* The first word of the IPv6 header. */
static uint32_t read_traffic(proa_reader *r, uint8_t tf)
{
    uint32_t ecn = 0;
    uint32_t dscp = 0;
    uint32_t flow = 0;
    if (tf == 0 || tf == 2) {
        uint8_t both = proa_read_u8(r);
        ecn = both >> 6;
        dscp = both & 0x3f;
        flow = tf == 0 ? (uint32_t)proa_read_uint(r, 3) & 0xfffff : 0;
    } else if (tf == 1) {
        uint32_t both = (uint32_t)proa_read_uint(r, 3);
        ecn = both >> 22;
        flow = both & 0xfffff;
    }
    return 6U << 28 | dscp << 22 | ecn << 20 | flow;
}

/* bits: xAC and xAM. False for a context that nobody has, and for the reserved DAC=1, DAM=00 (the source's
 * counterpart is the unspecified address). */
static bool read_address(proa_reader *r, uint8_t bits, bool is_source, const uint8_t eui64[8],
                         const uint8_t *context, uint8_t out[16])
{
    bool stateful = (bits & SAC >> 4) != 0;
    uint8_t mode = bits & 3;
    memset(out, 0, 16);
    if (mode == INLINE_128) {
        proa_span inline_bytes = proa_read_span(r, stateful ? 0 : 16);
        if (inline_bytes.len > 0) {
            memcpy(out, inline_bytes.data, inline_bytes.len);
        }
        return !stateful || is_source;
    }
    if (stateful && context == NULL) {
        return false;
    }
    memcpy(out, stateful ? context : link_local, 8);
    if (mode == ELIDED) {
        sim_iphc_iid(eui64, out + 8);
        return true;
    }
    size_t len = mode == INLINE_64 ? 8 : 2;
    proa_span iid = proa_read_span(r, len);
    memcpy(out + 8, short_iid, sizeof short_iid);
    if (iid.len > 0) {
        memcpy(out + 16 - len, iid.data, len);
    }
    return true;
}

/* The ports as one number, source first. */
static uint32_t read_ports(proa_reader *r, uint8_t mode)
{
    if (mode == 3) {
        uint8_t both = proa_read_u8(r);
        return 0xf0b0f0b0 | (uint32_t)(both >> 4) << 16 | (both & 0xfU);
    }
    uint32_t from = mode == 2 ? 0xf000U | proa_read_u8(r) : proa_read_u16(r);
    uint32_t to = mode == 1 ? 0xf000U | proa_read_u8(r) : proa_read_u16(r);
    return from << 16 | to;
}

/* The lengths in the headers, once it is known how much payload follows. */
static void fill_lengths(uint8_t *out, size_t restored, size_t packet_len)
{
    size_t len = packet_len - SIM_IPHC_IPV6_LEN;
    out[4] = (uint8_t)(len >> 8);
    out[5] = (uint8_t)len;
    if (restored > SIM_IPHC_IPV6_LEN) {
        out[SIM_IPHC_IPV6_LEN + 4] = (uint8_t)(len >> 8);
        out[SIM_IPHC_IPV6_LEN + 5] = (uint8_t)len;
    }
}

/* Everything but the lengths; false for what is not understood. */
static bool read_headers(proa_reader *r, const sim_iphc_link *link, proa_writer *w)
{
    uint8_t first = proa_read_u8(r);
    uint8_t second = proa_read_u8(r);
    uint8_t contexts = (second & CID) != 0 ? proa_read_u8(r) : 0;
    uint8_t address[2][16];
    bool has_udp = (first & NH) != 0;
    if ((first & 0xe0) != DISPATCH || (second & MULTICAST) != 0 || contexts != 0) {
        return false;
    }
    proa_write_u32(w, read_traffic(r, first >> 3 & 3));
    proa_write_u16(w, 0);
    proa_write_u8(w, has_udp ? NEXT_UDP : proa_read_u8(r));
    proa_write_u8(w, (first & 3) == 0 ? proa_read_u8(r) : hop_limits[first & 3]);
    if (!read_address(r, second >> 4 & 7, true, link->from, link->prefix, address[0]) ||
        !read_address(r, second & 7, false, link->to, link->prefix, address[1]) ||
        address[1][0] == 0xff) {
        return false;
    }
    proa_write_bytes(w, address, sizeof address);
    if (has_udp) {
        uint8_t nhc = proa_read_u8(r);
        if ((nhc & NHC_UDP_MASK) != NHC_UDP || (nhc & NHC_NO_CHECKSUM) != 0) {
            return false;
        }
        proa_write_u32(w, read_ports(r, nhc & 3));
        proa_write_u16(w, 0);
        proa_write_u16(w, proa_read_u16(r));
    }
    return r->err == PROA_OK;
}

size_t sim_iphc_restore(proa_span in, size_t packet_len, const sim_iphc_link *link, uint8_t *out,
                        size_t *restored)
{
    proa_reader r = proa_reader_make(in);
    proa_writer w = proa_writer_make(out, SIM_IPHC_RESTORED_MAX);
    if (!read_headers(&r, link, &w)) {
        return 0;
    }
    size_t whole = packet_len > 0 ? packet_len : w.len + proa_reader_left(&r);
    if (whole < w.len + proa_reader_left(&r) || whole - SIM_IPHC_IPV6_LEN > UINT16_MAX) {
        return 0;
    }
    *restored = w.len;
    fill_lengths(out, w.len, whole);
    return in.len - proa_reader_left(&r);
}
