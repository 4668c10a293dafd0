/* SPDX-License-Identifier: Apache-2.0 */
/* Packets in fragments, and together again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/radio/fragment.h"
#include "sim/radio/mac.h"
#include "tests/support/guard.h"

static const uint8_t prefix[8] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1};
static const sim_iphc_link with_context = {
    {0, 0, 0x5e, 0xef, 0x10, 0, 0, 0}, {0, 0, 0x5e, 0xef, 0x10, 0, 0, 1}, prefix};
static const sim_iphc_link without_context = {
    {0, 0, 0x5e, 0xef, 0x10, 0, 0, 0}, {0, 0, 0x5e, 0xef, 0x10, 0, 0, 1}, NULL};

/* From node 0 to node 1, ports 5683: 9 bytes of compressed headers with the context, 41 without. */
static size_t build(uint8_t out[SIM_IPV6_PACKET_MAX], size_t payload_len)
{
    uint8_t payload[SIM_IPV6_PACKET_MAX];
    proa_addr from = {.port = 5683};
    proa_addr to = {.port = 5683};
    sim_radio_address(0, from.ip);
    sim_radio_address(1, to.ip);
    for (size_t i = 0; i < payload_len; i++) {
        payload[i] = (uint8_t)(i * 7 + i / 256);
    }
    size_t len =
        sim_ipv6_write(out, SIM_IPV6_PACKET_MAX, &from, &to, proa_span_make(payload, payload_len));
    assert_int_equal(len, SIM_IPV6_UDP_LEN + payload_len);
    return len;
}

typedef struct size_row {
    bool has_context;
    size_t payload_len;
    size_t frame_count, first, last; /* how many; lengths of the first and the last one's payload */
} size_row;

static const size_row size_rows[] = {
    {true, 0, 1, 9, 9},
    {true, 56, 1, 65, 65},
    {true, 95, 1, 104, 104},       /* the most in one frame: 127 with MAC header and FCS */
    {true, 96, 2, 4 + 9 + 88, 13}, /* 48 + 88 is a multiple of 8, 91 would have fitted */
    {true, 187, 2, 101, 5 + 99},   /* the last need be no multiple of 8 */
    {true, 188, 3, 101, 5 + 4},    /* 88 + 96 + 4 */
    {true, 283, 3, 101, 5 + 99},
    {true, 284, 4, 101, 5 + 4},
    {true, 1232, 13, 101, 5 + 88}, /* 88 + 11 * 96 + 88: 1280 bytes */
    {false, 63, 1, 104, 104},
    {false, 64, 2, 4 + 41 + 56, 5 + 8},
    {false, 155, 2, 101, 5 + 99},
    {false, 156, 3, 101, 5 + 4},
};

static void rfc4944_5_3_frames_that_a_packet_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof size_rows / sizeof *size_rows; i++) {
        const size_row *row = &size_rows[i];
        uint8_t packet[SIM_IPV6_PACKET_MAX];
        uint8_t frame[SIM_MAC_PAYLOAD_MAX];
        size_t packet_len = build(packet, row->payload_len);
        size_t count = 0;
        size_t last = 0;
        sim_cutter cutter;
        assert_true(sim_cutter_open(&cutter, proa_span_make(packet, packet_len),
                                    row->has_context ? &with_context : &without_context, 0));
        for (size_t len; (len = sim_cutter_next(&cutter, frame, sizeof frame)) > 0; last = len) {
            if (count++ == 0 && len != row->first) {
                fail_msg("row %zu: the first has %zu bytes", i, len);
            }
        }
        if (count != row->frame_count || last != row->last) {
            fail_msg("row %zu: %zu frames, the last has %zu bytes", i, count, last);
        }
    }
}

static void rfc4944_5_3_heads_of_fragments(void **state)
{
    (void)state;
    uint8_t packet[SIM_IPV6_PACKET_MAX];
    uint8_t frame[SIM_MAC_PAYLOAD_MAX];
    uint8_t expected[16];
    sim_cutter cutter;
    /* 48 + 230 = 278 = 0x116 bytes: 88, 96 and 46 of payload. */
    assert_true(sim_cutter_open(&cutter, proa_span_make(packet, build(packet, 230)), &with_context,
                                0xbeef));
    assert_int_equal(sim_cutter_next(&cutter, frame, sizeof frame), 101);
    assert_memory_equal(frame, expected, hex("c1 16 be ef 7e 77 f0 16 33 16 33", expected, 16));
    assert_int_equal(sim_cutter_next(&cutter, frame, sizeof frame), 101);
    assert_memory_equal(frame, expected, hex("e1 16 be ef 11", expected, 16)); /* 136 / 8 */
    assert_memory_equal(frame + 5, packet + 136, 96);
    assert_int_equal(sim_cutter_next(&cutter, frame, sizeof frame), 51);
    assert_memory_equal(frame, expected, hex("e1 16 be ef 1d", expected, 16)); /* 232 / 8 */
    assert_memory_equal(frame + 5, packet + 232, 46);
    assert_int_equal(sim_cutter_next(&cutter, frame, sizeof frame), 0);
}

/* The frames of a packet, to be received in any order. */
typedef struct frames {
    size_t count;
    size_t len[16];
    uint8_t bytes[16][SIM_MAC_PAYLOAD_MAX];
} frames;

static void cut(frames *pile, const uint8_t *packet, size_t packet_len)
{
    sim_cutter cutter;
    assert_true(sim_cutter_open(&cutter, proa_span_make(packet, packet_len), &with_context, 7));
    pile->count = 0;
    for (size_t len;
         (len = sim_cutter_next(&cutter, pile->bytes[pile->count], SIM_MAC_PAYLOAD_MAX)) > 0;
         pile->count++) {
        assert_true(pile->count < 16);
        pile->len[pile->count] = len;
    }
}

static sim_assembly_result receive(sim_assembly *assembly, proa_span frame)
{
    sim_fragment fragment;
    assert_true(sim_fragment_read(frame, &fragment));
    assert_false(fragment.is_whole);
    if (!sim_assembly_matches(assembly, &fragment, &with_context)) {
        sim_assembly_begin(assembly, &fragment, &with_context);
    }
    return sim_assembly_put(assembly, &fragment, &with_context);
}

static void rfc4944_5_3_packets_of_every_size_come_together_in_any_order(void **state)
{
    (void)state;
    static frames pile;
    for (size_t payload_len = 0; payload_len <= 1232; payload_len++) {
        uint8_t packet[SIM_IPV6_PACKET_MAX];
        size_t packet_len = build(packet, payload_len);
        cut(&pile, packet, packet_len);
        if (pile.count == 1) {
            uint8_t out[SIM_IPV6_PACKET_MAX];
            sim_fragment fragment;
            assert_true(sim_fragment_read(proa_span_make(pile.bytes[0], pile.len[0]), &fragment));
            assert_true(fragment.is_whole);
            assert_int_equal(sim_fragment_restore(&fragment, &with_context, out), packet_len);
            assert_memory_equal(out, packet, packet_len);
            continue;
        }
        for (size_t first = 0; first < pile.count; first++) {
            sim_assembly assembly = {0};
            for (size_t i = 0; i < pile.count; i++) {
                size_t n = (first + i * (pile.count - 1)) % pile.count; /* backwards from there */
                proa_span frame = proa_span_make(pile.bytes[n], pile.len[n]);
                assert_int_equal(receive(&assembly, frame),
                                 i + 1 < pile.count ? SIM_ASSEMBLY_MORE : SIM_ASSEMBLY_WHOLE);
            }
            assert_int_equal(assembly.size, packet_len);
            assert_memory_equal(assembly.bytes, packet, packet_len);
        }
    }
}

typedef struct bad_row {
    const char *why;
    const char *frame; /* after the first fragment of 278 bytes, 136 of them there */
} bad_row;

#define OTHER "e1 16 00 07 "

static const bad_row bad_rows[] = {
    {"there already", OTHER "10 00 01 02 03 04 05 06 07"},
    {"not a multiple of 8, not the last", OTHER "11 00 01 02 03 04 05 06 07 08"},
    {"beyond the end", OTHER "22 00 01 02 03 04 05 06 07"}, /* 272 + 8 */
    {"begins beyond the end", OTHER "30 00 01 02 03 04 05 06 07"},
    {"no headers in the first", "c1 16 00 07 41 00 01 02 03 04 05 06"},
    {"a second first one", "c1 16 00 07 7e 77 f0 16 33 16 33 00 00"},
};

static void rfc4944_5_3_what_does_not_fit_breaks_the_packet(void **state)
{
    (void)state;
    static frames pile;
    uint8_t packet[SIM_IPV6_PACKET_MAX];
    cut(&pile, packet, build(packet, 230));
    for (size_t i = 0; i < sizeof bad_rows / sizeof *bad_rows; i++) {
        uint8_t frame[32];
        size_t len = hex(bad_rows[i].frame, frame, sizeof frame);
        sim_assembly assembly = {0};
        assert_int_equal(receive(&assembly, proa_span_make(pile.bytes[0], pile.len[0])),
                         SIM_ASSEMBLY_MORE);
        if (receive(&assembly, proa_span_make(frame, len)) != SIM_ASSEMBLY_BROKEN) {
            fail_msg("taken: %s", bad_rows[i].why);
        }
    }
}

static void rfc4944_5_3_what_belongs_together(void **state)
{
    (void)state;
    static frames pile;
    uint8_t packet[SIM_IPV6_PACKET_MAX];
    sim_assembly assembly = {0};
    sim_fragment fragment;
    sim_iphc_link elsewhere = with_context;
    cut(&pile, packet, build(packet, 230));
    (void)receive(&assembly, proa_span_make(pile.bytes[0], pile.len[0]));
    assert_true(sim_fragment_read(proa_span_make(pile.bytes[1], pile.len[1]), &fragment));
    assert_true(sim_assembly_matches(&assembly, &fragment, &with_context));
    elsewhere.from[7] = 9;
    assert_false(sim_assembly_matches(&assembly, &fragment, &elsewhere));
    fragment.tag++;
    assert_false(sim_assembly_matches(&assembly, &fragment, &with_context));
    fragment.tag--;
    fragment.size++;
    assert_false(sim_assembly_matches(&assembly, &fragment, &with_context));
}

static void rfc4944_5_frames_that_are_neither(void **state)
{
    (void)state;
    static const char *const neither[] = {
        "",                  /* nothing */
        "41 60 00",          /* uncompressed */
        "80 7e 77",          /* mesh */
        "c1 16 00 07",       /* a first one without headers */
        "c1 16 00",          /* cut */
        "e1 16 00 07 11",    /* without data */
        "e1 16 00 07 00 00", /* another with the offset of a first */
        "e0 27 00 07 01 00", /* 39 bytes: no packet */
        "e5 01 00 07 01 00", /* 1281 */
    };
    for (size_t i = 0; i < sizeof neither / sizeof *neither; i++) {
        uint8_t bytes[16];
        sim_fragment fragment;
        size_t len = hex(neither[i], bytes, sizeof bytes);
        uint8_t *guarded = guard_copy(bytes, len);
        if (sim_fragment_read(proa_span_make(guarded, len), &fragment)) {
            fail_msg("taken: %s", neither[i]);
        }
        guard_free(guarded, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc4944_5_3_frames_that_a_packet_takes),
        cmocka_unit_test(rfc4944_5_3_heads_of_fragments),
        cmocka_unit_test(rfc4944_5_3_packets_of_every_size_come_together_in_any_order),
        cmocka_unit_test(rfc4944_5_3_what_does_not_fit_breaks_the_packet),
        cmocka_unit_test(rfc4944_5_3_what_belongs_together),
        cmocka_unit_test(rfc4944_5_frames_that_are_neither),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
