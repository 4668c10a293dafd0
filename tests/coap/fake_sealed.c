/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/coap/fake_sealed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MASK 0x5aU

static bool is_request(uint8_t code)
{
    return PROA_COAP_CLASS(code) == 0;
}

static proa_coap_msg parse(proa_span bytes)
{
    proa_coap_msg m;
    assert_int_equal(proa_coap_parse(&m, bytes), PROA_OK);
    return m;
}

/* RFC 8613 §4.2: outside stands POST or 2.04, with Observe FETCH or 2.05. */
size_t fake_sealed_write(uint8_t who, uint8_t number, proa_span message, uint8_t *out, size_t cap)
{
    proa_coap_msg m = parse(message);
    proa_span observe;
    bool observes = proa_coap_option_find(&m, PROA_COAP_OPT_OBSERVE, &observe);
    uint8_t code = is_request(m.code) ? PROA_COAP_POST : PROA_COAP_CHANGED;
    if (observes) {
        code = is_request(m.code) ? PROA_COAP_FETCH : PROA_COAP_CONTENT;
    }
    const uint8_t value[2] = {who, number};
    uint8_t inside[PROA_DATAGRAM_MAX];
    size_t head = 4U + m.token.len;
    size_t len = 1 + message.len - head;
    inside[0] = m.code ^ MASK;
    for (size_t i = head; i < message.len; i++) {
        inside[1 + i - head] = message.data[i] ^ MASK;
    }
    proa_coap_builder b = proa_coap_build(out, cap, m.type, code, m.mid, &m.token);
    if (observes) {
        proa_coap_add(&b, PROA_COAP_OPT_OBSERVE, observe);
    }
    proa_coap_add(&b, PROA_COAP_OPT_OSCORE, proa_span_make(value, sizeof value));
    proa_coap_add_payload(&b, proa_span_make(inside, len));
    int end = proa_coap_build_end(&b);
    assert_true(end > 0);
    return (size_t)end;
}

proa_coap_msg fake_sealed_read(proa_span datagram, uint8_t *buf, size_t cap)
{
    proa_coap_msg outer = parse(datagram);
    size_t head = 4U + outer.token.len;
    assert_true(outer.payload.len >= 1 && head + outer.payload.len <= cap);
    memcpy(buf, datagram.data, head);
    buf[1] = outer.payload.data[0] ^ MASK;
    for (size_t i = 1; i < outer.payload.len; i++) {
        buf[head + i - 1] = outer.payload.data[i] ^ MASK;
    }
    return parse(proa_span_make(buf, head + outer.payload.len - 1));
}

static size_t len_of(const proa_coap_msg *outer)
{
    return 4U + outer->token.len + outer->payload.len - 1;
}

/* Into buf: the inside of a message that came. */
static proa_span open_(fake_sealed *f, proa_span datagram, const proa_coap_msg *outer, uint8_t *buf,
                       size_t cap)
{
    (void)fake_sealed_read(datagram, buf, cap);
    f->opened++;
    f->inside = buf;
    f->inside_len = len_of(outer);
    return proa_span_make(f->inside, f->inside_len);
}

static proa_coap_opened open_request(void *ctx, uint64_t now_ms, proa_span datagram, uint8_t *buf,
                                     size_t cap, proa_coap_inner *out)
{
    (void)now_ms;
    fake_sealed *f = ctx;
    proa_coap_msg outer = parse(datagram);
    proa_span value;
    memset(out, 0, sizeof *out);
    assert_true(proa_coap_option_find(&outer, PROA_COAP_OPT_OSCORE, &value));
    if (value.len != 2 || value.data[0] >= FAKE_ACCOUNTS || !f->has_keys[value.data[0]]) {
        return PROA_COAP_OPENED_STRANGER;
    }
    uint8_t who = value.data[0];
    if (value.data[1] == f->newest[who] || outer.payload.len == 0) {
        out->code = PROA_COAP_UNAUTHORIZED;
        return PROA_COAP_OPENED_REFUSED;
    }
    out->message = open_(f, datagram, &outer, buf, cap);
    out->newest = value.data[1] > f->newest[who];
    f->newest[who] = out->newest ? value.data[1] : f->newest[who];
    out->account = f->account[who];
    out->binding.words[0] = 1;
    out->binding.words[1] = who;
    return PROA_COAP_OPENED;
}

static proa_coap_opened open_response(void *ctx, proa_coap_binding *binding, proa_span datagram,
                                      uint8_t *buf, size_t cap, proa_coap_inner *out)
{
    fake_sealed *f = ctx;
    proa_coap_msg outer = parse(datagram);
    proa_span value;
    memset(out, 0, sizeof *out);
    assert_true(proa_coap_option_find(&outer, PROA_COAP_OPT_OSCORE, &value));
    if (value.len != 2 || value.data[0] != binding->words[1] || outer.payload.len == 0) {
        return PROA_COAP_OPENED_NOT;
    }
    out->message = open_(f, datagram, &outer, buf, cap);
    out->account = f->account[value.data[0]];
    return PROA_COAP_OPENED;
}

static proa_err begin(fake_sealed *f, proa_coap_binding *binding)
{
    if (!f->has_keys[binding->words[1]]) {
        return PROA_E_NOT_FOUND;
    }
    binding->words[0] = 1;
    binding->words[2] = ++f->next;
    return PROA_OK;
}

static proa_err begin_request(void *ctx, uint64_t account, proa_coap_binding *binding)
{
    fake_sealed *f = ctx;
    memset(binding, 0, sizeof *binding);
    for (uint32_t i = 1; i < FAKE_ACCOUNTS; i++) {
        if (f->account[i] == account) {
            binding->words[1] = i;
            return begin(f, binding);
        }
    }
    return PROA_E_NOT_FOUND;
}

static proa_err begin_response(void *ctx, proa_coap_binding *binding, bool notification)
{
    (void)notification;
    return begin(ctx, binding);
}

static int seal(void *ctx, proa_coap_binding *binding, proa_span message, uint8_t *out, size_t cap)
{
    fake_sealed *f = ctx;
    f->sealed++;
    f->inside = message.data;
    f->inside_len = message.len;
    return (int)fake_sealed_write((uint8_t)binding->words[1], (uint8_t)binding->words[2], message,
                                  out, cap);
}

static proa_err add(void *ctx, uint64_t account, const struct proa_oscore_params *params,
                    bool fresh)
{
    fake_sealed *f = ctx;
    (void)params;
    (void)fresh;
    for (size_t i = 1; i < FAKE_ACCOUNTS; i++) {
        if (!f->has_keys[i]) {
            f->has_keys[i] = true;
            f->account[i] = account;
            return PROA_OK;
        }
    }
    return PROA_E_FULL;
}

static void remove_account(void *ctx, uint64_t account)
{
    fake_sealed *f = ctx;
    for (size_t i = 1; i < FAKE_ACCOUNTS; i++) {
        f->has_keys[i] = f->has_keys[i] && f->account[i] != account;
    }
}

static proa_err renew(void *ctx, uint64_t account)
{
    fake_sealed *f = ctx;
    (void)account;
    f->renewed++;
    return PROA_OK;
}

const proa_coap_oscore *fake_sealed_start(fake_sealed *f)
{
    memset(f, 0, sizeof *f);
    f->table = (proa_coap_oscore){.part = &proa_coap_sealed_part,
                                  .ctx = f,
                                  .add = add,
                                  .remove = remove_account,
                                  .renew = renew,
                                  .overhead = 24,
                                  .open_request = open_request,
                                  .open_response = open_response,
                                  .begin_request = begin_request,
                                  .begin_response = begin_response,
                                  .seal = seal};
    return &f->table;
}
