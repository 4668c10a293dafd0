/* SPDX-License-Identifier: Apache-2.0 */
/* The bench: a loop that carries datagrams between engines until none is left, and a clock that
 * jumps to the next deadline. */
#include "tests/client/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/client/fake_secure.h"
#include "tests/support/guard.h"

/* ---- memory, store ---------------------------------------------------------------------- */

bench_memory bench_heap = {0, SIZE_MAX};

static void *take(void *ctx, size_t len)
{
    bench_memory *m = ctx;
    if (m->takes_left == 0) {
        return NULL;
    }
    m->takes_left -= m->takes_left != SIZE_MAX;
    m->in_use += len;
    return calloc(1, len);
}

static void give(void *ctx, void *block, size_t len)
{
    bench_memory *m = ctx;
    m->in_use -= len;
    free(block);
}

proa_memory bench_memory_of(void)
{
    return (proa_memory){take, give, &bench_heap};
}

static bench_blob *find_blob(bench *b, const char *name)
{
    for (size_t i = 0; i < sizeof b->store / sizeof b->store[0]; i++) {
        if (strcmp(b->store[i].name, name) == 0) {
            return &b->store[i];
        }
    }
    return NULL;
}

static int store_read(void *ctx, const char *name, uint8_t *buf, size_t cap)
{
    const bench_blob *blob = find_blob(ctx, name);
    if (blob == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (blob->len > cap) {
        return PROA_E_NO_SPACE;
    }
    memcpy(buf, blob->bytes, blob->len);
    return (int)blob->len;
}

static proa_err store_write(void *ctx, const char *name, proa_span bytes)
{
    bench *b = ctx;
    bench_blob *blob = find_blob(b, name);
    if (b->store_fails) {
        return PROA_E_IO;
    }
    if (blob == NULL) {
        blob = find_blob(b, "");
    }
    assert_non_null(blob);
    assert_true(bytes.len <= sizeof blob->bytes && strlen(name) < sizeof blob->name);
    strcpy(blob->name, name);
    memcpy(blob->bytes, bytes.data, bytes.len);
    blob->len = bytes.len;
    return PROA_OK;
}

static proa_err store_remove(void *ctx, const char *name)
{
    bench_blob *blob = find_blob(ctx, name);
    if (((bench *)ctx)->store_fails) {
        return PROA_E_IO;
    }
    if (blob != NULL) {
        memset(blob, 0, sizeof *blob);
    }
    return PROA_OK;
}

/* ---- opening ---------------------------------------------------------------------------- */

static proa_addr address(uint8_t last, uint16_t port)
{
    proa_addr addr = {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}, port, 0};
    return addr;
}

static bool forward_psk(void *ctx, proa_span identity, proa_psk *out)
{
    const bench *b = ctx;
    return b->client != NULL && proa_client_find_psk(b->client, identity, out);
}

/* A party as DTLS server knows the device by "device" and its own key. */
static bool party_psk(void *ctx, proa_span identity, proa_psk *out)
{
    const bench_party *p = ctx;
    memcpy(out->key, p->key, sizeof p->key);
    out->key_len = sizeof p->key;
    out->account = 1;
    return proa_span_equal(identity, proa_span_of("device"));
}

static proa_secure *open_box(bench *b, bool (*find)(void *, proa_span, proa_psk *), void *ctx)
{
    proa_secure_config config;
    memset(&config, 0, sizeof config);
    config.random = b->source;
    config.find_psk = find;
    config.find_psk_ctx = ctx;
    return fake_secure_open(&config);
}

static void open_party(bench *b, size_t i, bool secure)
{
    bench_party *p = &b->parties[i];
    memset(p, 0, sizeof *p);
    p->addr = address((uint8_t)(0xa0 + i), secure ? 5684 : 5683);
    memset(p->key, (int)(0x30 + i), sizeof p->key);
    p->register_code = PROA_COAP_CREATED;
    p->update_code = PROA_COAP_CHANGED;
    p->delete_code = PROA_COAP_DELETED;
    p->location = "rd/5a";
    p->box = secure ? open_box(b, party_psk, p) : NULL;
    proa_coap_config config = proa_coap_config_device(b->source, bench_memory_of());
    config.request_max = 40;
    config.body_max = 2048;
    assert_int_equal(proa_coap_open(&p->coap, &config), PROA_OK);
}

static void open_client(bench *b)
{
    assert_int_equal(proa_client_open(&b->client, &b->config), PROA_OK);
    assert_int_equal(proa_client_add_object(b->client, &b->things.object), PROA_OK);
}

void bench_open(bench *b, bool secure, void (*tune)(proa_client_config *config))
{
    memset(b, 0, sizeof *b);
    bench_heap = (bench_memory){0, SIZE_MAX};
    b->now_ms = 1000;
    b->source = test_random_start(&b->random, 7);
    b->addr = address(1, 5683);
    things_init(&b->things);
    for (size_t i = 0; i < BENCH_PARTIES; i++) {
        open_party(b, i, secure);
    }
    b->box = secure ? open_box(b, forward_psk, b) : NULL;
    b->config = proa_client_config_device(proa_span_of("node"), b->source, bench_memory_of());
    b->config.coap.dedup_bytes = 32768; /* tests ask much in no time; nothing is forgotten in it */
    b->config.secure = b->box;
    b->config.store = (proa_store){store_read, store_write, store_remove, b};
    if (tune != NULL) {
        tune(&b->config);
    }
    open_client(b);
}

void bench_close(bench *b)
{
    proa_client_close(b->client);
    if (b->box != NULL) {
        b->box->class_->free(b->box);
    }
    for (size_t i = 0; i < BENCH_PARTIES; i++) {
        proa_coap_close(b->parties[i].coap);
        if (b->parties[i].box != NULL) {
            b->parties[i].box->class_->free(b->parties[i].box);
        }
    }
    assert_int_equal(bench_heap.in_use, 0);
}

void bench_reboot(bench *b)
{
    proa_client_close(b->client);
    b->client = NULL;
    if (b->box != NULL) {
        fake_secure_reboot(b->box);
    }
    open_client(b);
    bench_forget_events(b);
}

void bench_server(bench *b, size_t i, uint32_t lifetime_s)
{
    const bench_party *p = &b->parties[i];
    char uri[80] = "";
    proa_writer w = proa_writer_make(uri, sizeof uri - 1);
    proa_uri_write(&w, b->box != NULL, &p->addr);
    proa_server_account account;
    memset(&account, 0, sizeof account);
    account.short_id = (uint16_t)(1 + i);
    account.uri = proa_writer_span(&w);
    account.addr = p->addr;
    account.mode = PROA_SECURITY_NOSEC;
    if (b->box != NULL) {
        account.mode = PROA_SECURITY_PSK;
        account.identity = proa_span_of("device");
        account.key = proa_span_make(p->key, sizeof p->key);
    }
    account.lifetime_s = lifetime_s;
    assert_int_equal(proa_client_add_server(b->client, &account), PROA_OK);
}

/* ---- parties ---------------------------------------------------------------------------- */

static void join(char *out, size_t cap, const proa_coap_msg *m, uint16_t number, char between)
{
    proa_coap_options it = proa_coap_options_of(m);
    proa_coap_option option;
    size_t len = 0;
    out[0] = '\0';
    while (proa_coap_option_next(&it, &option)) {
        if (option.number == number && len + option.value.len + 2 < cap) {
            if (between == '/' || len > 0) {
                out[len++] = between;
            }
            memcpy(out + len, option.value.data, option.value.len);
            len += option.value.len;
            out[len] = '\0';
        }
    }
}

static void answer_request(bench *b, bench_party *p, const proa_coap_event *event)
{
    proa_coap_option options[8];
    proa_coap_response response = {0, options, 0, {NULL, 0}};
    uint8_t age[4];
    join(p->path, sizeof p->path, &event->msg, PROA_COAP_OPT_URI_PATH, '/');
    join(p->query, sizeof p->query, &event->msg, PROA_COAP_OPT_URI_QUERY, '&');
    snprintf(p->payload, sizeof p->payload, "%.*s", (int)event->msg.payload.len,
             (const char *)event->msg.payload.data);
    p->at_ms = b->now_ms;
    if (strcmp(p->path, "/rd") == 0 && event->msg.code == PROA_COAP_POST) {
        p->registers++;
        response.code = p->register_code;
        const char *at = p->location;
        while (response.code == PROA_COAP_CREATED && at != NULL) {
            size_t len = strcspn(at, "/");
            options[response.option_count++] =
                (proa_coap_option){PROA_COAP_OPT_LOCATION_PATH, {(const uint8_t *)at, len}};
            at = at[len] == '/' ? at + len + 1 : NULL;
        }
    } else if (strncmp(p->path, "/rd/", 4) == 0 && event->msg.code == PROA_COAP_POST) {
        p->updates++;
        response.code = p->update_code;
    } else if (strncmp(p->path, "/rd/", 4) == 0 && event->msg.code == PROA_COAP_DELETE) {
        p->deletes++;
        response.code = p->delete_code;
    } else {
        p->others++;
        response.code = PROA_COAP_NOT_FOUND;
    }
    if (p->silent) {
        proa_coap_ignore(p->coap, event->exchange);
        return;
    }
    if (p->max_age_s > 0) {
        proa_writer w = proa_writer_make(age, sizeof age);
        proa_write_uint(&w, p->max_age_s, proa_uint_width(p->max_age_s));
        options[response.option_count++] =
            (proa_coap_option){PROA_COAP_OPT_MAX_AGE, proa_writer_span(&w)};
    }
    assert_int_equal(proa_coap_respond(p->coap, b->now_ms, event->exchange, &response), PROA_OK);
}

static void keep_answer(bench_party *p, const proa_coap_event *event)
{
    bench_answer *a = &p->answer;
    if (event->kind == PROA_COAP_EVENT_FAILED) {
        a->failure = event->failure;
        return;
    }
    a->came = true;
    a->code = event->msg.code;
    a->format = (uint16_t)proa_coap_option_uint(&event->msg, PROA_COAP_OPT_CONTENT_FORMAT,
                                                PROA_FORMAT_NONE);
    a->observing = event->observing;
    a->len = event->msg.payload.len;
    assert_true(a->len <= sizeof a->bytes);
    memcpy(a->bytes, a->len > 0 ? event->msg.payload.data : a->bytes, a->len);
    join(a->location, sizeof a->location, &event->msg, PROA_COAP_OPT_LOCATION_PATH, '/');
}

static void keep_note(const bench *b, bench_party *p, const proa_coap_event *event)
{
    assert_true(p->note_count < BENCH_NOTES);
    bench_note *note = &p->notes[p->note_count++];
    note->at_ms = b->now_ms;
    note->id = event->request;
    if (event->kind == PROA_COAP_EVENT_FAILED) {
        return; /* code 0 */
    }
    note->code = event->msg.code;
    note->type = event->msg.type;
    note->len =
        event->msg.payload.len < sizeof note->bytes ? event->msg.payload.len : sizeof note->bytes;
    memcpy(note->bytes, note->len > 0 ? event->msg.payload.data : note->bytes, note->len);
}

static void work_party(bench *b, bench_party *p)
{
    proa_coap_event event;
    while (proa_coap_poll(p->coap, b->now_ms, &event)) {
        switch (event.kind) {
        case PROA_COAP_EVENT_REQUEST:
            answer_request(b, p, &event);
            break;
        case PROA_COAP_EVENT_RESPONSE:
        case PROA_COAP_EVENT_FAILED:
            if (event.request == p->asked && !p->answer.came) {
                keep_answer(p, &event);
                break;
            }
            keep_note(b, p, &event); /* the end of an observation */
            break;
        case PROA_COAP_EVENT_NOTIFICATION:
            keep_note(b, p, &event);
            break;
        default:
            break;
        }
    }
}

static void work_box(bench *b, bench_party *p)
{
    proa_secure_event event;
    work_party(b, p);
    while (p->box != NULL && p->box->class_->poll(p->box, b->now_ms, &event)) {
        proa_coap_peer peer = {event.addr, event.session, 0};
        if (event.kind == PROA_SECURE_CONNECTED) {
            proa_coap_peer old = {event.addr, p->session, 0};
            if (p->session != 0) {
                proa_coap_peer_moved(p->coap, b->now_ms, &old, &peer);
            }
            p->session = event.session;
        } else if (event.kind == PROA_SECURE_DATA) {
            proa_coap_input(p->coap, b->now_ms, &peer, event.data, false);
        } else if (event.session == p->session) {
            proa_coap_peer_gone(p->coap, b->now_ms, &peer);
            p->session = 0;
        }
        work_party(b, p);
    }
}

static bool party_output(bench *b, bench_party *p, proa_addr *to, proa_span *datagram)
{
    proa_coap_peer peer;
    for (;;) {
        if (p->box != NULL && p->box->class_->output(p->box, b->now_ms, to, datagram)) {
            return true;
        }
        if (!proa_coap_output(p->coap, b->now_ms, &peer, datagram)) {
            return false;
        }
        if (peer.session == 0) {
            *to = peer.addr;
            return true;
        }
        proa_err err = p->box->class_->send(p->box, b->now_ms, peer.session, *datagram);
        assert_true(err == PROA_OK || err == PROA_E_NOT_FOUND);
    }
}

/* ---- network and clock ------------------------------------------------------------------ */

static void to_party(bench *b, const proa_addr *to, proa_span datagram)
{
    for (size_t i = 0; i < BENCH_PARTIES; i++) {
        bench_party *p = &b->parties[i];
        if (!proa_addr_equal(&p->addr, to) || p->cut) {
            continue;
        }
        uint8_t *copy = guard_copy(datagram.data, datagram.len);
        proa_span in = {copy, datagram.len};
        if (copy[0] < 64) {
            assert_non_null(p->box);
            p->box->class_->input(p->box, b->now_ms, &b->addr, in);
        } else {
            proa_coap_peer peer = {b->addr, 0, 0};
            proa_coap_input(p->coap, b->now_ms, &peer, in, false);
        }
        work_box(b, p);
        guard_free(copy, datagram.len);
    }
}

static bool carry(bench *b)
{
    bool moved = false;
    proa_addr to;
    proa_span datagram;
    proa_client_event event;
    while (proa_client_poll(b->client, b->now_ms, &event)) {
        assert_true(b->event_count < BENCH_EVENTS);
        b->events[b->event_count++] = event;
    }
    while (proa_client_output(b->client, b->now_ms, &to, &datagram)) {
        moved = true;
        to_party(b, &to, datagram);
    }
    for (size_t i = 0; i < BENCH_PARTIES; i++) {
        bench_party *p = &b->parties[i];
        work_box(b, p);
        while (party_output(b, p, &to, &datagram)) {
            moved = true;
            if (!p->cut) {
                uint8_t *copy = guard_copy(datagram.data, datagram.len);
                proa_client_input(b->client, b->now_ms, &p->addr,
                                  proa_span_make(copy, datagram.len), false);
                guard_free(copy, datagram.len);
            }
        }
    }
    return moved;
}

void bench_settle(bench *b)
{
    for (unsigned rounds = 0; carry(b); rounds++) {
        assert_true(rounds < 1000);
    }
}

static uint64_t next_ms(const bench *b)
{
    uint64_t next = proa_client_next_ms(b->client);
    for (size_t i = 0; i < BENCH_PARTIES; i++) {
        const bench_party *p = &b->parties[i];
        uint64_t at = proa_coap_next_ms(p->coap);
        next = at < next ? at : next;
        at = p->box == NULL ? UINT64_MAX : p->box->class_->next_ms(p->box);
        next = at < next ? at : next;
    }
    return next;
}

void bench_run(bench *b, uint64_t ms)
{
    uint64_t end = b->now_ms + ms;
    bench_settle(b);
    for (unsigned steps = 0;; steps++) {
        uint64_t next = next_ms(b);
        assert_true(steps < 100000);
        if (next > end) {
            break;
        }
        /* A deadline in the past that settling did not work off would stop the clock for ever. */
        b->now_ms = next > b->now_ms ? next : b->now_ms + 1;
        bench_settle(b);
    }
    b->now_ms = end > b->now_ms ? end : b->now_ms;
}

void bench_registered(bench *b, bool secure, void (*tune)(proa_client_config *config))
{
    bench_open(b, secure, tune);
    bench_server(b, 0, 300);
    bench_settle(b);
    assert_int_equal(bench_events(b, PROA_CLIENT_REGISTERED), 1);
    bench_forget_events(b);
}

/* ---- asking ----------------------------------------------------------------------------- */

static size_t add_parts(proa_coap_option *options, size_t count, uint16_t number, const char *text,
                        const char *between)
{
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, between);
        options[count++] = (proa_coap_option){number, {(const uint8_t *)text, len}};
        text += len + (text[len] != '\0');
    }
    return count;
}

static size_t add_uint(proa_coap_option *options, size_t count, uint16_t number, int value,
                       uint8_t bytes[4])
{
    if (value != BENCH_NO) {
        proa_writer w = proa_writer_make(bytes, 4);
        proa_write_uint(&w, (uint64_t)value, proa_uint_width((uint64_t)value));
        options[count++] = (proa_coap_option){number, proa_writer_span(&w)};
    }
    return count;
}

const bench_answer *bench_ask(bench *b, size_t i, const bench_request *ask)
{
    bench_party *p = &b->parties[i];
    proa_coap_option options[24];
    uint8_t format[4];
    uint8_t accept[4];
    uint8_t bytes[1500];
    proa_coap_request request;
    memset(&request, 0, sizeof request);
    const char *path = ask->path[0] == '/' ? ask->path + 1 : ask->path;
    size_t count = add_parts(options, 0, PROA_COAP_OPT_URI_PATH, path, "/");
    count = add_uint(options, count, PROA_COAP_OPT_CONTENT_FORMAT, ask->format, format);
    count = add_parts(options, count, PROA_COAP_OPT_URI_QUERY, ask->query, "&");
    count = add_uint(options, count, PROA_COAP_OPT_ACCEPT, ask->accept, accept);
    request.code = ask->code;
    request.non = ask->non;
    request.observe = ask->observe ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE;
    request.options = options;
    request.option_count = count;
    if (ask->hex != NULL) {
        request.payload = proa_span_make(bytes, hex(ask->hex, bytes, sizeof bytes));
    } else if (ask->text != NULL) {
        request.payload = proa_span_of(ask->text);
    }
    proa_coap_peer to = {b->addr, p->session, 0};
    memset(&p->answer, 0, sizeof p->answer);
    assert_int_equal(proa_coap_send(p->coap, b->now_ms, &to, &request, &p->asked), PROA_OK);
    bench_settle(b);
    return &p->answer;
}

const bench_answer *bench_get(bench *b, size_t i, const char *path, int accept)
{
    bench_request ask = {.code = PROA_COAP_GET, .path = path, .accept = accept, .format = BENCH_NO};
    return bench_ask(b, i, &ask);
}

const bench_answer *bench_put(bench *b, size_t i, const char *path, int format, const char *hex_)
{
    bench_request ask = {PROA_COAP_PUT, path, NULL, BENCH_NO, format, hex_, NULL, false, false};
    return bench_ask(b, i, &ask);
}

const bench_answer *bench_put_query(bench *b, size_t i, const char *path, const char *query)
{
    bench_request ask = {PROA_COAP_PUT, path, query, BENCH_NO, BENCH_NO, NULL, NULL, false, false};
    return bench_ask(b, i, &ask);
}

const bench_answer *bench_post(bench *b, size_t i, const char *path, int format, const char *hex_)
{
    bench_request ask = {PROA_COAP_POST, path, NULL, BENCH_NO, format, hex_, NULL, false, false};
    return bench_ask(b, i, &ask);
}

const bench_answer *bench_delete(bench *b, size_t i, const char *path)
{
    bench_request ask = {
        PROA_COAP_DELETE, path, NULL, BENCH_NO, BENCH_NO, NULL, NULL, false, false};
    return bench_ask(b, i, &ask);
}

const bench_answer *bench_observe(bench *b, size_t i, const char *path, int accept)
{
    bench_request ask = {PROA_COAP_GET, path, NULL, accept, BENCH_NO, NULL, NULL, true, false};
    return bench_ask(b, i, &ask);
}

const char *bench_hex(const bench_answer *answer)
{
    static char text[2 * sizeof answer->bytes + 1];
    return unhex(answer->bytes, answer->len, text);
}

const char *bench_text(const bench_answer *answer)
{
    static char text[sizeof answer->bytes + 1];
    memcpy(text, answer->bytes, answer->len);
    text[answer->len] = '\0';
    return text;
}

unsigned bench_events(const bench *b, proa_client_event_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < b->event_count; i++) {
        count += b->events[i].kind == kind;
    }
    return count;
}

const proa_client_event *bench_event(const bench *b, proa_client_event_kind kind)
{
    for (unsigned i = b->event_count; i > 0; i--) {
        if (b->events[i - 1].kind == kind) {
            return &b->events[i - 1];
        }
    }
    return NULL;
}

void bench_forget_events(bench *b)
{
    b->event_count = 0;
}

void bench_connect(bench *b, size_t i, const char *identity)
{
    bench_party *p = &b->parties[i];
    proa_psk psk;
    memset(&psk, 0, sizeof psk);
    memcpy(psk.key, p->key, sizeof p->key);
    psk.key_len = sizeof p->key;
    psk.account = 1;
    uint32_t session;
    assert_int_equal(
        p->box->class_->open(p->box, b->now_ms, &b->addr, proa_span_of(identity), &psk, &session),
        PROA_OK);
    bench_settle(b);
}

proa_path bench_path(const char *text)
{
    proa_path path;
    assert_int_equal(proa_path_parse(proa_span_of(text), &path), PROA_OK);
    return path;
}
