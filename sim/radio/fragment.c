/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4944 §5.3 with RFC 6282 §2: sizes and offsets are those of the packet before compression.
 *
 *     first fragment   1 1 0 0 0 size(11) tag(16)            compressed headers, data
 *     others           1 1 1 0 0 size(11) tag(16) offset(8)  data; the offset in units of 8 bytes */
#include "sim/radio/fragment.h"

#include <string.h>

#include "proa/assert.h"

enum {
    FIRST = 0x18, /* the five bits that say what follows */
    OTHERS = 0x1c,
    IPHC = 0x03, /* of three bits */
    UNIT = 8
};

/* ---- cutting ---------------------------------------------------------------------------- */

bool sim_cutter_open(sim_cutter *cutter, proa_span packet, const sim_iphc_link *link, uint16_t tag)
{
    cutter->packet = packet;
    cutter->at = 0;
    cutter->tag = tag;
    cutter->headers_len = packet.len > SIM_IPV6_PACKET_MAX
                              ? 0
                              : sim_iphc_compress(packet, link, cutter->headers, &cutter->covered);
    return cutter->headers_len > 0;
}

static void write_head(proa_writer *w, const sim_cutter *cutter, uint8_t dispatch)
{
    proa_write_u16(w, (uint16_t)((unsigned)dispatch << 11 | (unsigned)cutter->packet.len));
    proa_write_u16(w, cutter->tag);
}

static void write_data(proa_writer *w, sim_cutter *cutter, size_t len)
{
    proa_write_bytes(w, cutter->packet.data + cutter->at, len);
    cutter->at += len;
}

static void write_begin(proa_writer *w, sim_cutter *cutter)
{
    size_t left = cutter->packet.len - cutter->covered;
    if (cutter->headers_len + left > w->cap) {
        size_t room = w->cap - SIM_FRAGMENT_FIRST_LEN - cutter->headers_len;
        left = (cutter->covered + room) / UNIT * UNIT - cutter->covered;
        write_head(w, cutter, FIRST);
    }
    proa_write_bytes(w, cutter->headers, cutter->headers_len);
    cutter->at = cutter->covered;
    write_data(w, cutter, left);
}

size_t sim_cutter_next(sim_cutter *cutter, uint8_t *out, size_t room)
{
    proa_writer w = proa_writer_make(out, room);
    size_t left = cutter->packet.len - cutter->at;
    if (cutter->at == 0) {
        write_begin(&w, cutter);
    } else if (left > 0) {
        size_t most = (room - SIM_FRAGMENT_NEXT_LEN) / UNIT * UNIT;
        write_head(&w, cutter, OTHERS);
        proa_write_u8(&w, (uint8_t)(cutter->at / UNIT));
        write_data(&w, cutter, left <= room - SIM_FRAGMENT_NEXT_LEN ? left : most);
    }
    PROA_ASSERT(w.err == PROA_OK);
    return w.len;
}

/* ---- putting together ------------------------------------------------------------------- */

bool sim_fragment_read(proa_span frame, sim_fragment *out)
{
    proa_reader r = proa_reader_make(frame);
    memset(out, 0, sizeof *out);
    if (frame.len == 0) {
        return false;
    }
    uint8_t dispatch = frame.data[0] >> 3;
    out->is_whole = frame.data[0] >> 5 == IPHC;
    if (out->is_whole) {
        out->data = frame;
        return true;
    }
    if (dispatch != FIRST && dispatch != OTHERS) {
        return false;
    }
    out->size = proa_read_u16(&r) & 0x7ffU;
    out->tag = proa_read_u16(&r);
    out->offset = dispatch == OTHERS ? (size_t)proa_read_u8(&r) * UNIT : 0;
    out->data = proa_read_span(&r, proa_reader_left(&r));
    return r.err == PROA_OK && out->data.len > 0 && out->size >= SIM_IPHC_IPV6_LEN &&
           out->size <= SIM_IPV6_PACKET_MAX && (dispatch == FIRST || out->offset > 0);
}

bool sim_assembly_matches(const sim_assembly *assembly, const sim_fragment *fragment,
                          const sim_iphc_link *link)
{
    return assembly->size == fragment->size && assembly->tag == fragment->tag &&
           memcmp(assembly->from, link->from, sizeof link->from) == 0;
}

void sim_assembly_begin(sim_assembly *assembly, const sim_fragment *fragment,
                        const sim_iphc_link *link)
{
    memset(assembly, 0, sizeof *assembly);
    assembly->size = fragment->size;
    assembly->tag = fragment->tag;
    assembly->missing = (fragment->size + UNIT - 1) / UNIT;
    memcpy(assembly->from, link->from, sizeof link->from);
}

/* Bytes that are there already are an overlap, which no sender of ours makes: the link layer has dropped
 * duplicates. RFC 4944 §5.3 drops what it overlaps, too. */
static bool mark(sim_assembly *assembly, size_t offset, size_t len)
{
    for (size_t unit = offset / UNIT; unit * UNIT < offset + len; unit++) {
        uint8_t bit = (uint8_t)(1U << unit % 8);
        if ((assembly->have[unit / 8] & bit) != 0) {
            return false;
        }
        assembly->have[unit / 8] |= bit;
        assembly->missing--;
    }
    return true;
}

sim_assembly_result sim_assembly_put(sim_assembly *assembly, const sim_fragment *fragment,
                                     const sim_iphc_link *link)
{
    uint8_t headers[SIM_IPHC_RESTORED_MAX];
    size_t restored = 0;
    size_t skipped = 0;
    if (fragment->offset == 0) {
        skipped = sim_iphc_restore(fragment->data, fragment->size, link, headers, &restored);
        if (skipped == 0) {
            return SIM_ASSEMBLY_BROKEN;
        }
    }
    size_t data_len = fragment->data.len - skipped;
    size_t len = restored + data_len;
    size_t end = fragment->offset + len;
    bool is_last = end == assembly->size;
    if (end > assembly->size || (!is_last && len % UNIT != 0) ||
        !mark(assembly, fragment->offset, len)) {
        return SIM_ASSEMBLY_BROKEN;
    }
    memcpy(assembly->bytes + fragment->offset, headers, restored);
    if (data_len > 0) {
        memcpy(assembly->bytes + fragment->offset + restored, fragment->data.data + skipped,
               data_len);
    }
    return assembly->missing == 0 ? SIM_ASSEMBLY_WHOLE : SIM_ASSEMBLY_MORE;
}

size_t sim_fragment_restore(const sim_fragment *fragment, const sim_iphc_link *link, uint8_t *out)
{
    size_t restored = 0;
    size_t skipped = sim_iphc_restore(fragment->data, 0, link, out, &restored);
    size_t left = fragment->data.len - skipped;
    if (skipped == 0 || restored + left > SIM_IPV6_PACKET_MAX) {
        return 0;
    }
    if (left > 0) {
        memcpy(out + restored, fragment->data.data + skipped, left);
    }
    return restored + left;
}
