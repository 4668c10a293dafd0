/* SPDX-License-Identifier: Apache-2.0 */
/* How fast CoAP messages are read and written, as a ratio to libcoap of this Debian release in the
 * same program.
 *
 * Reading means: parse, then visit every option's number and every byte of its value and of the
 * payload; both sides must come to the same checksum. Writing means: the same messages from their
 * parts. Each side reuses its memory (libcoap its PDU). The sides take turns, and the ratio is the
 * median over the rounds. */
#include <coap3/coap.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"
#include "proa/coap.h"

/* Not in the public headers, yet needed to use one PDU again; the static library has them. */
void coap_pdu_clear(coap_pdu_t *pdu, size_t size);
size_t coap_pdu_encode_header(coap_pdu_t *pdu, coap_proto_t proto);

#define ROUNDS 21
#define ITERATIONS 60000

typedef struct part {
    uint16_t number;
    const char *value;
    size_t len;
} part;

typedef struct sample {
    const char *what;
    uint8_t type, code;
    const char *token;
    size_t token_len;
    part parts[8];
    size_t part_count;
    const char *payload;
    size_t payload_len;
    uint8_t wire[1152];
    size_t wire_len;
} sample;

/* The members of a part; braces stand where it is used. */
#define TEXT(number, text_) number, text_, sizeof(text_) - 1

static sample samples[] = {
    {.what = "read a resource",
     .type = PROA_COAP_CON,
     .code = PROA_COAP_GET,
     .token = "\x01\x02\x03\x04\x05\x06\x07\x08",
     .token_len = 8,
     .parts = {{TEXT(11, "3311")}, {TEXT(11, "0")}, {TEXT(11, "5706")}, {TEXT(17, "\x2d\x16")}},
     .part_count = 4},
    {.what = "notification",
     .type = PROA_COAP_NON,
     .code = PROA_COAP_CONTENT,
     .token = "\x01\x02\x03\x04\x05\x06\x07\x08",
     .token_len = 8,
     .parts = {{TEXT(6, "\x01\x17")}, {TEXT(12, "\x2d\x16")}},
     .part_count = 2,
     .payload = "\xe5\x16\x4a"
                "00001",
     .payload_len = 8},
    {.what = "registration",
     .type = PROA_COAP_CON,
     .code = PROA_COAP_POST,
     .token = "\x11\x12\x13\x14",
     .token_len = 4,
     .parts = {{TEXT(11, "rd")},
               {TEXT(12, "\x28")},
               {TEXT(15, "ep=urn:imei:004401234567890")},
               {TEXT(15, "lt=86400")},
               {TEXT(15, "lwm2m=1.2")},
               {TEXT(15, "b=U")}},
     .part_count = 6,
     .payload = "</>;rt=\"oma.lwm2m\";ct=\"60 112 11542\",</1/0>,</3/0>,</3303/0>,</3303/1>,"
                "</3311/0>,</3311/1>,</11000>,</11001>,</11002>",
     .payload_len = 119},
    {.what = "one block of an upload over a radio",
     .type = PROA_COAP_CON,
     .code = PROA_COAP_PUT,
     .token = "\x21\x22\x23\x24",
     .token_len = 4,
     .parts = {{TEXT(11, "5")},
               {TEXT(11, "0")},
               {TEXT(11, "0")},
               {TEXT(12, "\x2a")},
               {TEXT(27, "\x01\x2a")}},
     .part_count = 5,
     .payload = NULL,
     .payload_len = 64},
    {.what = "empty acknowledgement", .type = PROA_COAP_ACK, .code = 0},
};

#define SAMPLES (sizeof samples / sizeof *samples)

/* Every byte counts, eight at a time, so that what is measured is parsing and not the checksum. */
static uint32_t mix(uint32_t sum, const uint8_t *bytes, size_t len)
{
    uint64_t all = sum;
    uint64_t word = 0;
    for (; len >= sizeof word; len -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        all += word ^ all << 7;
    }
    for (word = len; len > 0; len--) {
        word = word << 8 | *bytes++;
    }
    all += word ^ all << 7;
    return (uint32_t)(all ^ all >> 32);
}

static size_t ours_build(const sample *s, uint8_t *buf, size_t cap)
{
    proa_coap_token token = {.len = (uint8_t)s->token_len};
    if (s->token_len > 0) {
        memcpy(token.bytes, s->token, s->token_len);
    }
    proa_coap_builder b =
        proa_coap_build(buf, cap, (proa_coap_type)s->type, s->code, 0x1234, &token);
    for (size_t i = 0; i < s->part_count; i++) {
        proa_coap_add(&b, s->parts[i].number, proa_span_make(s->parts[i].value, s->parts[i].len));
    }
    proa_coap_add_payload(&b, proa_span_make(s->payload, s->payload_len));
    int len = proa_coap_build_end(&b);
    return len < 0 ? 0 : (size_t)len;
}

static size_t theirs_build(const sample *s, coap_pdu_t *pdu)
{
    coap_pdu_clear(pdu, 1152);
    coap_pdu_set_type(pdu, (coap_pdu_type_t)s->type);
    coap_pdu_set_code(pdu, (coap_pdu_code_t)s->code);
    coap_pdu_set_mid(pdu, 0x1234);
    coap_add_token(pdu, s->token_len, (const uint8_t *)s->token);
    for (size_t i = 0; i < s->part_count; i++) {
        coap_add_option(pdu, s->parts[i].number, s->parts[i].len,
                        (const uint8_t *)s->parts[i].value);
    }
    if (s->payload_len > 0) {
        coap_add_data(pdu, s->payload_len, (const uint8_t *)s->payload);
    }
    return coap_pdu_encode_header(pdu, COAP_PROTO_UDP);
}

static uint32_t ours_parse(const sample *s, uint32_t sum)
{
    proa_coap_msg m;
    proa_coap_option option;
    if (proa_coap_parse(&m, proa_span_make(s->wire, s->wire_len)) != PROA_OK) {
        abort();
    }
    proa_coap_options it = proa_coap_options_of(&m);
    while (proa_coap_option_next(&it, &option)) {
        sum = mix(sum + option.number, option.value.data, option.value.len);
    }
    return m.payload.len > 0 ? mix(sum, m.payload.data, m.payload.len) : sum;
}

static uint32_t theirs_parse(const sample *s, coap_pdu_t *pdu, uint32_t sum)
{
    coap_opt_iterator_t it;
    coap_opt_t *option;
    size_t len;
    const uint8_t *data;
    coap_pdu_clear(pdu, 1152);
    if (!coap_pdu_parse(COAP_PROTO_UDP, s->wire, s->wire_len, pdu)) {
        abort();
    }
    if (coap_option_iterator_init(pdu, &it, COAP_OPT_ALL) != NULL) {
        while ((option = coap_option_next(&it)) != NULL) {
            sum = mix(sum + it.number, coap_opt_value(option), coap_opt_length(option));
        }
    }
    return coap_get_data(pdu, &len, &data) ? mix(sum, data, len) : sum;
}

typedef struct times {
    double parse_ns, build_ns;
} times;

static volatile uint32_t sink;

static times run_ours(uint32_t *sum)
{
    static uint8_t buf[1152];
    times t;
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < ITERATIONS; i++) {
        *sum = ours_parse(&samples[i % SAMPLES], *sum);
    }
    t.parse_ns = (double)(bench_now_ns() - start) / ITERATIONS;
    start = bench_now_ns();
    for (size_t i = 0; i < ITERATIONS; i++) {
        sink = (uint32_t)ours_build(&samples[i % SAMPLES], buf, sizeof buf) + buf[0];
    }
    t.build_ns = (double)(bench_now_ns() - start) / ITERATIONS;
    return t;
}

static times run_theirs(coap_pdu_t *pdu, uint32_t *sum)
{
    times t;
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < ITERATIONS; i++) {
        *sum = theirs_parse(&samples[i % SAMPLES], pdu, *sum);
    }
    t.parse_ns = (double)(bench_now_ns() - start) / ITERATIONS;
    start = bench_now_ns();
    for (size_t i = 0; i < ITERATIONS; i++) {
        sink = (uint32_t)theirs_build(&samples[i % SAMPLES], pdu);
    }
    t.build_ns = (double)(bench_now_ns() - start) / ITERATIONS;
    return t;
}

int main(int argc, char **argv)
{
    static char block[64];
    static double parse_ratio[ROUNDS], build_ratio[ROUNDS], parse_ns[ROUNDS], build_ns[ROUNDS];
    bool json = bench_wants_json(argc, argv, "bench-core");
    bool same = true;
    coap_startup();
    coap_set_log_level(LOG_EMERG);
    coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_EMPTY_CODE, 0, 1152);
    for (size_t i = 0; i < SAMPLES; i++) {
        if (samples[i].payload == NULL) {
            samples[i].payload = block;
        }
        samples[i].wire_len = ours_build(&samples[i], samples[i].wire, sizeof samples[i].wire);
        same = same && samples[i].wire_len > 0;
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        uint32_t our_sum = 0;
        uint32_t their_sum = 0;
        times ours = run_ours(&our_sum);
        times theirs = run_theirs(pdu, &their_sum);
        same = same && our_sum == their_sum;
        parse_ratio[round] = theirs.parse_ns / ours.parse_ns;
        build_ratio[round] = theirs.build_ns / ours.build_ns;
        parse_ns[round] = ours.parse_ns;
        build_ns[round] = ours.build_ns;
    }
    double parse = bench_median(parse_ratio, ROUNDS);
    double build = bench_median(build_ratio, ROUNDS);
    if (!json) {
        printf("parse and visit: %.0f ns a message, %.1f times as fast as libcoap %s\n",
               bench_median(parse_ns, ROUNDS), parse, coap_package_version());
        printf("build:           %.0f ns a message, %.1f times as fast\n",
               bench_median(build_ns, ROUNDS), build);
        printf("%s\n", same ? "both read the same" : "CHECKSUMS DIFFER");
    } else {
        bench_json_begin("proa-bench-core-1", same);
        printf(",\"parse_ratio_vs_libcoap\":%.2f,\"build_ratio_vs_libcoap\":%.2f,\"parse_ns\":%.1f,"
               "\"build_ns\":%.1f,\"libcoap\":\"%s\"}\n",
               parse, build, bench_median(parse_ns, ROUNDS), bench_median(build_ns, ROUNDS),
               coap_package_version());
    }
    coap_delete_pdu(pdu);
    return same ? 0 : 1;
}
