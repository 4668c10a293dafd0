/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/coap/station.h"

#include "proa/assert.h"
#include "tests/support/guard.h"

const proa_coap_peer alice = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}, 5684, 0}, 7, 0};
const proa_coap_peer bob = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 2}, 5683, 0}, 0, 0};

void station_config(station *s)
{
    memset(s, 0, sizeof *s);
    s->now_ms = 1000000;
    s->config =
        proa_coap_config_device(test_random_start(&s->random, 1), counted_memory_start(&s->memory));
}

void station_open(station *s)
{
    assert_int_equal(proa_coap_open(&s->c, &s->config), PROA_OK);
}

void station_close(station *s)
{
    proa_coap_close(s->c);
    assert_int_equal(s->memory.blocks, 0);
    assert_int_equal(s->memory.bytes, 0);
}

size_t letter_write(const letter *l, uint8_t *buf, size_t cap)
{
    proa_coap_builder b = proa_coap_build(buf, cap, l->type, l->code, l->mid, &l->token);
    for (size_t i = 0; i < STATION_OPTIONS_MAX && l->options[i].option != 0; i++) {
        const char *text = l->options[i].text;
        if (text == NULL) {
            proa_coap_add_uint(&b, l->options[i].option, l->options[i].number);
        } else {
            size_t len = l->options[i].len == 0 ? strlen(text) : l->options[i].len;
            proa_coap_add(&b, l->options[i].option, proa_span_make(text, len));
        }
    }
    proa_coap_add_payload(&b, l->payload);
    int len = proa_coap_build_end(&b);
    assert_true(len > 0);
    return (size_t)len;
}

static void feed(station *s, const proa_coap_peer *from, const void *bytes, size_t len,
                 bool multicast)
{
    /* The event borrows the datagram until the next input: a ring keeps a few. */
    static uint8_t *kept[8];
    static size_t kept_len[8];
    static size_t at;
    guard_free(kept[at], kept_len[at]);
    kept[at] = guard_copy(bytes, len);
    kept_len[at] = len;
    proa_coap_input(s->c, s->now_ms, from, proa_span_make(kept[at], len), multicast);
    at = (at + 1) % 8;
}

void tell(station *s, const proa_coap_peer *from, const letter *l)
{
    uint8_t buf[PROA_DATAGRAM_MAX];
    feed(s, from, buf, letter_write(l, buf, sizeof buf), l->multicast);
}

void tell_bytes(station *s, const proa_coap_peer *from, const void *bytes, size_t len)
{
    feed(s, from, bytes, len, false);
}

const heard *hear(station *s)
{
    static heard kept[8];
    static size_t at;
    heard *h = &kept[at];
    at = (at + 1) % 8;
    proa_span datagram;
    if (!proa_coap_output(s->c, s->now_ms, &h->to, &datagram)) {
        fail_msg("the engine sends nothing");
    }
    assert_in_range(datagram.len, 4, sizeof h->bytes);
    memcpy(h->bytes, datagram.data, datagram.len);
    h->len = datagram.len;
    assert_int_equal(proa_coap_parse(&h->m, proa_span_make(h->bytes, h->len)), PROA_OK);
    return h;
}

void hear_nothing(station *s)
{
    proa_coap_peer to;
    proa_span datagram;
    if (proa_coap_output(s->c, s->now_ms, &to, &datagram)) {
        char text[2 * PROA_DATAGRAM_MAX + 1];
        fail_msg("the engine sends %s", unhex(datagram.data, datagram.len, text));
    }
}

proa_coap_event *expect(station *s, proa_coap_event_kind kind)
{
    if (!proa_coap_poll(s->c, s->now_ms, &s->event)) {
        fail_msg("no event, expected kind %d", (int)kind);
    }
    assert_int_equal(s->event.kind, kind);
    return &s->event;
}

void expect_nothing(station *s)
{
    proa_coap_event event;
    if (proa_coap_poll(s->c, s->now_ms, &event)) {
        fail_msg("unexpected event of kind %d", (int)event.kind);
    }
}

void pass_ms(station *s, uint64_t ms)
{
    s->now_ms += ms;
}

void is_message(const heard *h, proa_coap_type type, uint8_t code)
{
    char text[40];
    if (h->m.type != type || h->m.code != code) {
        fail_msg("the engine sent type %d, %s", (int)h->m.type,
                 proa_coap_code_text(h->m.code, text));
    }
}

uint32_t option_of(const proa_coap_msg *m, uint16_t number)
{
    return proa_coap_option_uint(m, number, UINT32_MAX);
}

bool has_option(const proa_coap_msg *m, uint16_t number)
{
    proa_span value;
    return proa_coap_option_find(m, number, &value);
}

void answer(station *s, uint8_t code, const char *payload)
{
    proa_coap_response response = {.code = code};
    response.payload = proa_span_of(payload);
    assert_int_equal(proa_coap_respond(s->c, s->now_ms, s->event.exchange, &response), PROA_OK);
}

proa_coap_id ask(station *s, const proa_coap_peer *to, uint8_t code, const char *payload)
{
    proa_coap_option path = {PROA_COAP_OPT_URI_PATH, proa_span_of("a")};
    proa_coap_request request = {.code = code, .options = &path, .option_count = 1, .user = 42};
    request.payload = proa_span_of(payload);
    proa_coap_id id = 0;
    assert_int_equal(proa_coap_send(s->c, s->now_ms, to, &request, &id), PROA_OK);
    assert_int_not_equal(id, 0);
    return id;
}

proa_span pattern(size_t n)
{
    static uint8_t bytes[70000];
    assert_in_range(n, 0, sizeof bytes);
    if (bytes[1] == 0) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)(i % 251);
        }
    }
    return proa_span_make(bytes, n);
}
