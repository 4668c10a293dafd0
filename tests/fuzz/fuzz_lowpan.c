/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from anybody: one byte says whether there is a context, then each frame follows its length. What becomes a
 * packet is cut and put together again, and is the same. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proa/assert.h"
#include "sim/radio/fragment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const uint8_t *packet, size_t len, const sim_iphc_link *link)
{
    static sim_assembly assembly;
    static uint8_t out[SIM_IPV6_PACKET_MAX];
    uint8_t frame[104];
    sim_cutter cutter;
    sim_fragment fragment;
    size_t frame_len;
    size_t got = 0;
    PROA_ASSERT(sim_cutter_open(&cutter, proa_span_make(packet, len), link, 1));
    assembly.size = 0;
    while ((frame_len = sim_cutter_next(&cutter, frame, sizeof frame)) > 0) {
        PROA_ASSERT(got == 0 && sim_fragment_read(proa_span_make(frame, frame_len), &fragment));
        if (fragment.is_whole) {
            got = sim_fragment_restore(&fragment, link, out);
            continue;
        }
        if (assembly.size == 0) {
            sim_assembly_begin(&assembly, &fragment, link);
        }
        if (sim_assembly_put(&assembly, &fragment, link) == SIM_ASSEMBLY_WHOLE) {
            got = assembly.size;
            memcpy(out, assembly.bytes, got);
        }
    }
    PROA_ASSERT(got == len && memcmp(out, packet, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t prefix[8] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1};
    static sim_assembly assembly;
    static uint8_t out[SIM_IPV6_PACKET_MAX];
    proa_reader r = proa_reader_make(proa_span_make(data, size));
    sim_iphc_link link = {{0, 0, 0x5e, 0xef, 0x10}, {0, 0, 0x5e, 0xef, 0x10, 0, 0, 1}, NULL};
    link.prefix = (proa_read_u8(&r) & 1) != 0 ? prefix : NULL;
    assembly.size = 0;
    while (proa_reader_left(&r) > 0) {
        sim_fragment fragment;
        size_t left = proa_read_u8(&r);
        left = left < proa_reader_left(&r) ? left : proa_reader_left(&r);
        if (!sim_fragment_read(proa_read_span(&r, left), &fragment)) {
            continue;
        }
        if (fragment.is_whole) {
            size_t len = sim_fragment_restore(&fragment, &link, out);
            if (len > 0) {
                again(out, len, &link);
            }
            continue;
        }
        if (!sim_assembly_matches(&assembly, &fragment, &link)) {
            sim_assembly_begin(&assembly, &fragment, &link);
        }
        sim_assembly_result result = sim_assembly_put(&assembly, &fragment, &link);
        if (result == SIM_ASSEMBLY_WHOLE) {
            again(assembly.bytes, assembly.size, &link);
        }
        assembly.size = result == SIM_ASSEMBLY_MORE ? assembly.size : 0;
    }
    return 0;
}
