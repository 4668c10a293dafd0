/* SPDX-License-Identifier: Apache-2.0 */
/* Header compression, against bytes made by hand from the tables of RFC 6282. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/addr.h"
#include "sim/radio/iphc.h"
#include "tests/support/guard.h"

/* Frames go from 00-00-5e-ef-10-00-00-0a to ...-0b: interface identifiers 200:5eef:1000:a and b. */
static const uint8_t prefix[8] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1};
static const sim_iphc_link with_context = {
    {0, 0, 0x5e, 0xef, 0x10, 0, 0, 0x0a}, {0, 0, 0x5e, 0xef, 0x10, 0, 0, 0x0b}, prefix};
static const sim_iphc_link without_context = {
    {0, 0, 0x5e, 0xef, 0x10, 0, 0, 0x0a}, {0, 0, 0x5e, 0xef, 0x10, 0, 0, 0x0b}, NULL};

#define A "2001:db8:0:1:200:5eef:1000:a"
#define B "2001:db8:0:1:200:5eef:1000:b"
#define FAR "2001:db8::6"
#define FAR_HEX " 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 06"

typedef struct headers {
    uint32_t word; /* version, traffic class, flow label */
    uint8_t next, hop_limit;
    const char *from, *to;
    const char *rest; /* UDP header or whatever follows */
} headers;

#define UDP "16 33 16 33 00 0b ab cd 61 62 63" /* 5683 to 5683, 3 bytes of payload */
#define NHC " f0 16 33 16 33 ab cd"

typedef struct golden {
    const char *section;
    headers in;
    const char *out; /* compressed, without payload */
    size_t covered;
    bool is_stateless; /* without the context */
} golden;

/* clang-format off */
static const golden rows[] = {
    {"§3.1.1 all elided", {0x60000000, 17, 64, A, B, UDP}, "7e 77" NHC, 48, false},
    {"§3.1.1 hop limit 1", {0x60000000, 17, 1, A, B, UDP}, "7d 77" NHC, 48, false},
    {"§3.1.1 hop limit 255", {0x60000000, 17, 255, A, B, UDP}, "7f 77" NHC, 48, false},
    {"§3.1.1 hop limit inline", {0x60000000, 17, 63, A, B, UDP}, "7c 77 3f" NHC, 48, false},
    {"§3.1.1 flow label and DSCP elided: ECN 1", {0x60100000, 17, 64, A, B, UDP}, "76 77 40" NHC, 48, false},
    {"§3.1.1 flow label elided: DSCP 46, ECN 2", {0x6ba00000, 17, 64, A, B, UDP}, "76 77 ae" NHC, 48, false},
    {"§3.1.1 DSCP elided: ECN 3", {0x603abcde, 17, 64, A, B, UDP}, "6e 77 ca bc de" NHC, 48, false},
    {"§3.1.1 traffic inline: DSCP 46, ECN 1", {0x6b9abcde, 17, 64, A, B, UDP}, "66 77 6e 0a bc de" NHC, 48, false},
    {"§3.1.1 next header inline", {0x60000000, 58, 64, A, B, "80 00 12 34"}, "7a 77 3a", 40, false},
    {"§3.1.1 source of another link", {0x60000000, 17, 64, "2001:db8:0:1:200:5eef:1000:c", B, UDP},
     "7e 57 02 00 5e ef 10 00 00 0c" NHC, 48, false},
    {"§3.1.1 short identifiers in a context", {0x60000000, 17, 64, "2001:db8:0:1:0:ff:fe00:1234", "2001:db8:0:1:0:ff:fe00:5678", UDP},
     "7e 66 12 34 56 78" NHC, 48, false},
    {"§3.1.1 source of the context, destination outside", {0x60000000, 17, 64, A, FAR, UDP}, "7e 70" FAR_HEX NHC, 48, false},
    {"§3.1.1 source outside", {0x60000000, 17, 62, FAR, B, UDP}, "7c 07 3e" FAR_HEX NHC, 48, false},
    {"§3.1.1 stateless inline", {0x60000000, 17, 64, A, B, UDP},
     "7e 00 20 01 0d b8 00 00 00 01 02 00 5e ef 10 00 00 0a 20 01 0d b8 00 00 00 01 02 00 5e ef 10 00 00 0b" NHC, 48, true},
    {"§3.1.1 link-local elided", {0x60000000, 17, 64, "fe80::200:5eef:1000:a", "fe80::200:5eef:1000:b", UDP}, "7e 33" NHC, 48, true},
    {"§3.1.1 link-local, 64 and 16 bits", {0x60000000, 17, 64, "fe80::1", "fe80::ff:fe00:b", UDP},
     "7e 12 00 00 00 00 00 00 00 01 00 0b" NHC, 48, false},
    {"§3.1.1 fe80::/10 beyond /64 is inline", {0x60000000, 17, 64, "fe80:0:0:1:200:5eef:1000:a", "fe80::200:5eef:1000:b", UDP},
     "7e 03 fe 80 00 00 00 00 00 01 02 00 5e ef 10 00 00 0a" NHC, 48, false},
    {"§4.3.3 destination port of 8 bits", {0x60000000, 17, 64, A, B, "16 33 f0 12 00 0b ab cd 61 62 63"}, "7e 77 f1 16 33 12 ab cd", 48, false},
    {"§4.3.3 source port of 8 bits", {0x60000000, 17, 64, A, B, "f0 b2 16 33 00 0b ab cd 61 62 63"}, "7e 77 f2 b2 16 33 ab cd", 48, false},
    {"§4.3.3 ports of 4 bits", {0x60000000, 17, 64, A, B, "f0 b1 f0 bf 00 0b ab cd 61 62 63"}, "7e 77 f3 1f ab cd", 48, false},
    {"§4.3.3 one port of 4 bits is one of 8", {0x60000000, 17, 64, A, B, "f0 b1 f0 c2 00 0b ab cd 61 62 63"}, "7e 77 f2 b1 f0 c2 ab cd", 48, false},
    {"§4.3.2 a checksum of 0 is no checksum", {0x60000000, 17, 64, A, B, "16 33 16 33 00 0b 00 00 61 62 63"}, "7a 77 11", 40, false},
    {"§4.3.1 a length that cannot be computed", {0x60000000, 17, 64, A, B, "16 33 16 33 00 0a ab cd 61 62 63"}, "7a 77 11", 40, false},
    {"§4.3 no room for a UDP header", {0x60000000, 17, 64, A, B, "16 33 16 33 00 07 ab"}, "7a 77 11", 40, false},
};
/* clang-format on */

static size_t build(const headers *in, uint8_t *out, size_t cap)
{
    proa_writer w = proa_writer_make(out, cap);
    proa_addr from;
    proa_addr to;
    uint8_t rest[64];
    size_t rest_len = hex(in->rest, rest, sizeof rest);
    assert_int_equal(proa_addr_parse_ip(proa_span_of(in->from), &from), PROA_OK);
    assert_int_equal(proa_addr_parse_ip(proa_span_of(in->to), &to), PROA_OK);
    proa_write_u32(&w, in->word);
    proa_write_u16(&w, (uint16_t)rest_len);
    proa_write_u8(&w, in->next);
    proa_write_u8(&w, in->hop_limit);
    proa_write_bytes(&w, from.ip, 16);
    proa_write_bytes(&w, to.ip, 16);
    proa_write_bytes(&w, rest, rest_len);
    assert_int_equal(w.err, PROA_OK);
    return w.len;
}

static void rfc6282_3_and_4_headers_become_these_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const golden *row = &rows[i];
        const sim_iphc_link *link = row->is_stateless ? &without_context : &with_context;
        uint8_t packet[128];
        uint8_t expected[64];
        uint8_t got[SIM_IPHC_COMPRESSED_MAX];
        size_t covered = 0;
        size_t packet_len = build(&row->in, packet, sizeof packet);
        size_t expected_len = hex(row->out, expected, sizeof expected);
        size_t len = sim_iphc_compress(proa_span_make(packet, packet_len), link, got, &covered);
        if (len != expected_len || memcmp(got, expected, len) != 0 || covered != row->covered) {
            char text[2 * SIM_IPHC_COMPRESSED_MAX + 1];
            fail_msg("%s: %s, %zu covered", row->section, unhex(got, len, text), covered);
        }
    }
}

static void rfc6282_3_and_4_these_bytes_become_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const golden *row = &rows[i];
        const sim_iphc_link *link = row->is_stateless ? &without_context : &with_context;
        uint8_t packet[128];
        uint8_t frame[128];
        uint8_t got[SIM_IPHC_RESTORED_MAX];
        size_t restored = 0;
        size_t packet_len = build(&row->in, packet, sizeof packet);
        size_t headers_len = hex(row->out, frame, sizeof frame);
        memcpy(frame + headers_len, packet + row->covered, packet_len - row->covered);
        uint8_t *guarded = guard_copy(frame, headers_len + packet_len - row->covered);
        proa_span in = proa_span_make(guarded, headers_len + packet_len - row->covered);
        size_t taken = sim_iphc_restore(in, 0, link, got, &restored);
        if (taken != headers_len || restored != row->covered ||
            memcmp(got, packet, restored) != 0) {
            char text[2 * SIM_IPHC_RESTORED_MAX + 1];
            fail_msg("%s: %zu taken: %s", row->section, taken, unhex(got, restored, text));
        }
        guard_free(guarded, in.len);
        /* Of a first fragment the frame does not tell the length. */
        assert_int_equal(sim_iphc_restore(in = proa_span_make(frame, headers_len), packet_len, link,
                                          got, &restored),
                         headers_len);
        assert_memory_equal(got, packet, restored);
    }
}

static void rfc6282_3_cut_headers_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t frame[64];
        uint8_t got[SIM_IPHC_RESTORED_MAX];
        size_t restored;
        size_t len = hex(rows[i].out, frame, sizeof frame);
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *guarded = guard_copy(frame, cut);
            assert_int_equal(
                sim_iphc_restore(proa_span_make(guarded, cut), 100,
                                 rows[i].is_stateless ? &without_context : &with_context, got,
                                 &restored),
                0);
            guard_free(guarded, cut);
        }
    }
}

/* Forms that compressing never chooses; to is NULL for what is refused. */
typedef struct other {
    const char *section;
    const char *frame;
    const char *from, *to;
} other;

static const other others[] = {
    {"§3.1.2 context 0, named", "7e f7 00" NHC, A, B},
    {"§3.1.1 unspecified source", "7e 43" NHC, "::", "fe80::200:5eef:1000:b"},
    {"§3.1.2 context 1 of the destination", "7e f7 01" NHC, A, NULL},
    {"§3.1.2 context 1 of the source", "7e f7 10" NHC, A, NULL},
    {"§3.1.1 reserved", "7e 74" NHC, A, NULL},
    {"§3.1.1 multicast", "7e 7b 01" NHC, A, NULL},
    {"§3.1.1 multicast that says it is not",
     "7e 70 ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01" NHC, A, NULL},
    {"RFC 4944 §5.1 uncompressed", "41 77" NHC, A, NULL},
    {"§4.2 extension header", "7e 77 e0 00 00", A, NULL},
    {"§4.3.2 checksum elided", "7e 77 f4 16 33 16 33", A, NULL},
};

static void rfc6282_3_other_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        uint8_t frame[64];
        uint8_t got[SIM_IPHC_RESTORED_MAX];
        size_t restored = 0;
        proa_addr expected;
        size_t len = hex(others[i].frame, frame, sizeof frame);
        size_t taken =
            sim_iphc_restore(proa_span_make(frame, len), 0, &with_context, got, &restored);
        if ((others[i].to != NULL) != (taken == len)) {
            fail_msg("%s: %zu taken", others[i].section, taken);
        }
        if (others[i].to != NULL) {
            assert_int_equal(proa_addr_parse_ip(proa_span_of(others[i].from), &expected), PROA_OK);
            assert_memory_equal(got + 8, expected.ip, 16);
            assert_int_equal(proa_addr_parse_ip(proa_span_of(others[i].to), &expected), PROA_OK);
            assert_memory_equal(got + 24, expected.ip, 16);
        }
    }
    uint8_t got[SIM_IPHC_RESTORED_MAX];
    size_t restored;
    uint8_t frame[16];
    size_t len = hex("7e 77" NHC, frame, sizeof frame);
    proa_span in = proa_span_make(frame, len);
    /* A context that the receiver does not have; a packet shorter than its own headers. */
    assert_int_equal(sim_iphc_restore(in, 0, &without_context, got, &restored), 0);
    assert_int_equal(sim_iphc_restore(in, 47, &with_context, got, &restored), 0);
}

static void what_is_no_packet_is_not_compressed(void **state)
{
    (void)state;
    uint8_t packet[128];
    uint8_t out[SIM_IPHC_COMPRESSED_MAX];
    size_t covered;
    size_t len = build(&rows[0].in, packet, sizeof packet);
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(
            sim_iphc_compress(proa_span_make(packet, cut), &with_context, out, &covered), 0);
    }
    assert_int_equal(
        sim_iphc_compress(proa_span_make(packet, len + 1), &with_context, out, &covered), 0);
    packet[24] = 0xff; /* to many */
    assert_int_equal(sim_iphc_compress(proa_span_make(packet, len), &with_context, out, &covered),
                     0);
    packet[24] = 0x20;
    packet[0] = 0x45;
    assert_int_equal(sim_iphc_compress(proa_span_make(packet, len), &with_context, out, &covered),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc6282_3_and_4_headers_become_these_bytes),
        cmocka_unit_test(rfc6282_3_and_4_these_bytes_become_headers),
        cmocka_unit_test(rfc6282_3_cut_headers_are_refused),
        cmocka_unit_test(rfc6282_3_other_forms),
        cmocka_unit_test(what_is_no_packet_is_not_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
