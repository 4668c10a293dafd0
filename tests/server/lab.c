/* SPDX-License-Identifier: Apache-2.0 */
/* The lab: a loop that carries datagrams between the server and its devices until none is left, and
 * a clock that jumps to the next deadline. */
#include "tests/server/lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/client/fake_secure.h"

#define KEY_LEN 16

/* ---- who has which key ------------------------------------------------------------------ */

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    (void)ctx;
    if (identity.len != 4 || memcmp(identity.data, "dev", 3) != 0) {
        return false;
    }
    memset(out->key, identity.data[3], KEY_LEN);
    out->key_len = KEY_LEN;
    out->account = 100U + identity.data[3] - '0';
    return true;
}

/* Account 103 has a key and no endpoint. */
static bool endpoint_of(void *ctx, uint64_t account, proa_span *endpoint)
{
    lab *l = ctx;
    if (account < 100 || account > 102) {
        return false;
    }
    *endpoint = proa_span_of(l->devices[account - 100].name);
    return true;
}

static proa_addr address(uint8_t last)
{
    proa_addr addr = {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}, 5683, 0};
    return addr;
}

/* ---- opening ---------------------------------------------------------------------------- */

static proa_secure_class watched; /* the fake box, with an eye on confirm_address */
static lab *watcher;

static void confirm_address(proa_secure *box, uint32_t session)
{
    (void)session;
    watcher->confirmed += box == watcher->box;
}

static proa_secure *open_box(lab *l, bool is_server)
{
    proa_secure_config config;
    memset(&config, 0, sizeof config);
    config.random = l->source;
    config.find_psk = is_server ? find_psk : NULL;
    proa_secure *box = fake_secure_open(&config);
    if (is_server) {
        watched = *box->class_;
        watched.confirm_address = confirm_address;
        box->class_ = &watched;
        watcher = l;
    }
    return box;
}

static void open_coap(const lab *l, lab_device *d, const proa_coap_oscore *oscore)
{
    proa_coap_config config = proa_coap_config_device(l->source, l->memory);
    config.oscore = oscore;
    config.body_max = LAB_TEXT;
    /* Tests ask more than a device is made for. */
    config.dedup_bytes = 65536;
    config.message_bytes = 65536;
    config.request_max = 64;
    config.exchange_max = 64;
    config.relation_max = 64;
    config.peer_max = 64;
    assert_int_equal(proa_coap_open(&d->coap, &config), PROA_OK);
}

static void open_device(lab *l, size_t i, bool secure)
{
    lab_device *d = &l->devices[i];
    snprintf(d->name, sizeof d->name, "dev%u", (unsigned)i);
    d->addr = address((uint8_t)(0x10 + i));
    d->box = secure ? open_box(l, false) : NULL;
    d->code = PROA_COAP_CONTENT;
    d->format = -1;
    open_coap(l, d, NULL);
}

void lab_open(lab *l, bool secure, void (*tune)(proa_server_config *config))
{
    memset(l, 0, sizeof *l);
    l->now_ms = 1000000;
    l->source = test_random_start(&l->random, 42);
    l->addr = address(1);
    l->box = secure ? open_box(l, true) : NULL;
    l->memory = counted_memory_start(&l->heap);
    for (size_t i = 0; i < LAB_DEVICES; i++) {
        open_device(l, i, secure);
    }
    l->config = proa_server_config_default(l->source, l->memory);
    l->config.secure = l->box;
    l->config.allow_nosec = !secure;
    l->config.endpoint_of = endpoint_of;
    l->config.ctx = l;
    l->config.operation_max = 50;
    l->config.registration_max = 10;
    l->config.registration_first = 1;
    if (tune != NULL) {
        tune(&l->config);
    }
    assert_int_equal(proa_server_open(&l->server, &l->config), PROA_OK);
}

void lab_close(lab *l)
{
    proa_server_close(l->server);
    for (size_t i = 0; i < LAB_DEVICES; i++) {
        proa_coap_close(l->devices[i].coap);
        if (l->devices[i].box != NULL) {
            l->devices[i].box->class_->free(l->devices[i].box);
        }
    }
    if (l->box != NULL) {
        l->box->class_->free(l->box);
    }
    assert_int_equal(l->heap.blocks, 0);
    assert_int_equal(l->heap.bytes, 0);
}

void lab_restart(lab *l)
{
    proa_server_close(l->server);
    if (l->box != NULL) {
        fake_secure_reboot(l->box);
    }
    assert_int_equal(proa_server_open(&l->server, &l->config), PROA_OK);
}

void lab_unprotect(lab *l, size_t i)
{
    l->devices[i].box->class_->free(l->devices[i].box);
    l->devices[i].box = NULL;
    l->devices[i].session = 0;
}

void lab_seal(lab *l, size_t i, const proa_coap_oscore *oscore, uint64_t account)
{
    lab_device *d = &l->devices[i];
    proa_coap_close(d->coap);
    open_coap(l, d, oscore);
    d->account = account;
}

/* ---- the network ------------------------------------------------------------------------ */

static void device_input(lab *l, lab_device *d, const proa_addr *from, proa_span bytes)
{
    if (d->box != NULL) {
        d->box->class_->input(d->box, l->now_ms, from, bytes);
    } else {
        proa_coap_peer peer = {*from, 0, 0};
        proa_coap_input(d->coap, l->now_ms, &peer, bytes, false);
    }
}

static bool device_output(lab *l, lab_device *d, proa_span *bytes)
{
    proa_coap_peer peer;
    proa_addr to;
    for (;;) {
        if (d->box != NULL && d->box->class_->output(d->box, l->now_ms, &to, bytes)) {
            return true;
        }
        if (!proa_coap_output(d->coap, l->now_ms, &peer, bytes)) {
            return false;
        }
        if (d->box == NULL) {
            return true;
        }
        (void)!d->box->class_->send(d->box, l->now_ms, peer.session, *bytes);
    }
}

static void keep_text(char *text, size_t cap, proa_span bytes)
{
    size_t len = bytes.len < cap - 1 ? bytes.len : cap - 1;
    if (len > 0) {
        memcpy(text, bytes.data, len);
    }
    text[len] = '\0';
}

/* All options with this number, each after `separator`. */
static void keep_options(char *text, size_t cap, const proa_coap_msg *m, uint16_t number,
                         char separator)
{
    proa_coap_options it = proa_coap_options_of(m);
    proa_coap_option option;
    size_t len = 0;
    text[0] = '\0';
    while (proa_coap_option_next(&it, &option)) {
        if (option.number == number) {
            len += (size_t)snprintf(text + len, cap - len, "%c%.*s", separator,
                                    (int)option.value.len, (const char *)option.value.data);
        }
    }
}

static int option_or_none(const proa_coap_msg *m, uint16_t number)
{
    proa_span value;
    return proa_coap_option_find(m, number, &value)
               ? (int)proa_coap_option_uint(m, number, UINT16_MAX)
               : -1;
}

static void device_asked(lab *l, lab_device *d, const proa_coap_event *e)
{
    uint8_t format[2];
    proa_writer w = proa_writer_make(format, sizeof format);
    proa_coap_option options[3];
    proa_coap_response response = {.code = d->code, .options = options};
    d->asked.count++;
    d->asked.code = e->msg.code;
    keep_options(d->asked.path, sizeof d->asked.path, &e->msg, PROA_COAP_OPT_URI_PATH, '/');
    keep_options(d->asked.query, sizeof d->asked.query, &e->msg, PROA_COAP_OPT_URI_QUERY, '&');
    keep_text(d->asked.payload, sizeof d->asked.payload, e->msg.payload);
    d->asked.accept = option_or_none(&e->msg, PROA_COAP_OPT_ACCEPT);
    d->asked.format = option_or_none(&e->msg, PROA_COAP_OPT_CONTENT_FORMAT);
    d->asked.observe = option_or_none(&e->msg, PROA_COAP_OPT_OBSERVE);
    if (d->silent) {
        return;
    }
    if (d->created != NULL) {
        const char *slash = strchr(d->created, '/');
        options[0].number = PROA_COAP_OPT_LOCATION_PATH;
        options[0].value = proa_span_make(d->created, (size_t)(slash - d->created));
        options[1].number = PROA_COAP_OPT_LOCATION_PATH;
        options[1].value = proa_span_of(slash + 1);
        response.option_count = 2;
    }
    if (d->format >= 0) {
        proa_write_uint(&w, (uint64_t)d->format, proa_uint_width((uint64_t)d->format));
        options[response.option_count].number = PROA_COAP_OPT_CONTENT_FORMAT;
        options[response.option_count++].value = proa_writer_span(&w);
    }
    if (d->payload != NULL) {
        response.payload = proa_span_of(d->payload);
    }
    if (d->observable && d->asked.observe == 0) {
        assert_int_equal(proa_coap_accept(d->coap, e->exchange, 1, &d->relation), PROA_OK);
    }
    assert_int_equal(proa_coap_respond(d->coap, l->now_ms, e->exchange, &response), PROA_OK);
}

static void device_answered(lab_device *d, const proa_coap_event *e)
{
    lab_answer *a = &d->answer;
    if (e->request != d->asking) {
        return;
    }
    a->came = true;
    if (e->kind == PROA_COAP_EVENT_FAILED) {
        a->failure = e->failure;
        return;
    }
    a->code = e->msg.code;
    a->format =
        (uint16_t)proa_coap_option_uint(&e->msg, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_NONE);
    a->max_age_s = proa_coap_option_uint(&e->msg, PROA_COAP_OPT_MAX_AGE, 60);
    keep_options(a->location, sizeof a->location, &e->msg, PROA_COAP_OPT_LOCATION_PATH, '/');
    keep_text(a->payload, sizeof a->payload, e->msg.payload);
}

static bool poll_device(lab *l, lab_device *d)
{
    proa_coap_event e;
    proa_secure_event secured;
    bool any = false;
    for (;;) {
        while (proa_coap_poll(d->coap, l->now_ms, &e)) {
            any = true;
            if (e.kind == PROA_COAP_EVENT_REQUEST) {
                device_asked(l, d, &e);
            } else if (e.kind == PROA_COAP_EVENT_RELATION_END) {
                d->relations_ended++;
            } else {
                device_answered(d, &e);
            }
        }
        if (d->box == NULL || !d->box->class_->poll(d->box, l->now_ms, &secured)) {
            return any;
        }
        any = true;
        if (secured.kind == PROA_SECURE_DATA) {
            proa_coap_peer peer = {secured.addr, secured.session, 0};
            proa_coap_input(d->coap, l->now_ms, &peer, secured.data, false);
        }
    }
}

static bool poll_server(lab *l)
{
    proa_server_event e;
    bool any = false;
    while (proa_server_poll(l->server, l->now_ms, &e)) {
        assert_true(l->event_count < LAB_EVENTS);
        lab_event *kept = &l->events[l->event_count++];
        kept->event = e;
        keep_text(kept->endpoint, sizeof kept->endpoint, e.endpoint);
        keep_text(kept->payload, sizeof kept->payload, e.payload);
        any = true;
        if (e.kind == PROA_SERVER_REQUEST && !l->keeps_requests) {
            proa_coap_response response = {.code = PROA_COAP_CHANGED};
            assert_int_equal(proa_server_respond(l->server, l->now_ms, e.exchange, &response),
                             PROA_OK);
        }
    }
    return any;
}

static lab_device *device_at(lab *l, const proa_addr *addr)
{
    for (size_t i = 0; i < LAB_DEVICES; i++) {
        if (proa_addr_equal(&l->devices[i].addr, addr)) {
            return &l->devices[i];
        }
    }
    return NULL;
}

static bool is_lost(lab *l)
{
    return l->lost_percent > 0 && test_random_next(&l->random) % 100 < l->lost_percent;
}

static bool step(lab *l)
{
    bool any = poll_server(l);
    proa_addr to;
    proa_span bytes;
    while (proa_server_output(l->server, l->now_ms, &to, &bytes)) {
        lab_device *d = device_at(l, &to);
        any = true;
        if (d != NULL && !d->cut && !is_lost(l)) {
            device_input(l, d, &l->addr, bytes);
            poll_device(l, d);
        }
    }
    for (size_t i = 0; i < LAB_DEVICES; i++) {
        lab_device *d = &l->devices[i];
        any = poll_device(l, d) || any;
        while (device_output(l, d, &bytes)) {
            any = true;
            if (!d->cut && !d->deaf && !is_lost(l)) {
                proa_server_input(l->server, l->now_ms, &d->addr, bytes, false);
                poll_server(l);
            }
        }
    }
    return any;
}

void lab_settle(lab *l)
{
    for (unsigned rounds = 0; step(l); rounds++) {
        assert_true(rounds < 1000);
    }
}

void lab_run(lab *l, uint64_t ms)
{
    uint64_t end_ms = l->now_ms + ms;
    lab_settle(l);
    for (;;) {
        uint64_t next = proa_server_next_ms(l->server);
        for (size_t i = 0; i < LAB_DEVICES; i++) {
            uint64_t at = proa_coap_next_ms(l->devices[i].coap);
            next = at < next ? at : next;
        }
        if (next > end_ms) {
            break;
        }
        l->now_ms = next > l->now_ms ? next : l->now_ms + 1;
        lab_settle(l);
    }
    l->now_ms = end_ms;
}

/* ---- what devices say ------------------------------------------------------------------- */

void lab_connect(lab *l, size_t i)
{
    lab_device *d = &l->devices[i];
    proa_psk psk;
    assert_true(find_psk(NULL, proa_span_of(d->name), &psk));
    assert_int_equal(
        d->box->class_->open(d->box, l->now_ms, &l->addr, proa_span_of(d->name), &psk, &d->session),
        PROA_OK);
    lab_settle(l);
}

/* The parts of `text` between separators as options. */
static size_t split(const char *text, char separator, uint16_t number, proa_coap_option *out)
{
    size_t count = 0;
    while (text != NULL && *text != '\0') {
        const char *end = strchr(text, separator);
        size_t len = end == NULL ? strlen(text) : (size_t)(end - text);
        out[count].number = number;
        out[count++].value = proa_span_make(text, len);
        text += len + (end != NULL);
    }
    return count;
}

const lab_answer *lab_ask(lab *l, size_t i, const lab_request *request)
{
    lab_device *d = &l->devices[i];
    proa_coap_option options[32];
    uint8_t numbers[2][2];
    const char *path = request->path[0] == '/' ? request->path + 1 : request->path;
    size_t count = split(path, '/', PROA_COAP_OPT_URI_PATH, options);
    if (request->format >= 0) {
        proa_writer w = proa_writer_make(numbers[0], 2);
        proa_write_uint(&w, (uint64_t)request->format, proa_uint_width((uint64_t)request->format));
        options[count].number = PROA_COAP_OPT_CONTENT_FORMAT;
        options[count++].value = proa_writer_span(&w);
    }
    count += split(request->query, '&', PROA_COAP_OPT_URI_QUERY, options + count);
    if (request->accept >= 0) {
        proa_writer w = proa_writer_make(numbers[1], 2);
        proa_write_uint(&w, (uint64_t)request->accept, proa_uint_width((uint64_t)request->accept));
        options[count].number = PROA_COAP_OPT_ACCEPT;
        options[count++].value = proa_writer_span(&w);
    }
    proa_coap_request message = {.code = request->code, .options = options, .option_count = count};
    if (request->payload != NULL) {
        message.payload = proa_span_of(request->payload);
    }
    proa_coap_peer to = {l->addr, d->session, d->account};
    memset(&d->answer, 0, sizeof d->answer);
    assert_int_equal(proa_coap_send(d->coap, l->now_ms, &to, &message, &d->asking), PROA_OK);
    lab_settle(l);
    return &d->answer;
}

const lab_answer *lab_register(lab *l, size_t i, const char *query)
{
    lab_request request = {PROA_COAP_POST, "rd", query, PROA_FORMAT_LINK, -1, LAB_LINKS};
    const lab_answer *answer = lab_ask(l, i, &request);
    if (answer->code == PROA_COAP_CREATED) {
        strcpy(l->devices[i].location, answer->location);
    }
    return answer;
}

proa_reg lab_registered(lab *l, size_t i)
{
    char query[64];
    proa_reg reg;
    if (l->devices[i].box != NULL && l->devices[i].session == 0) {
        lab_connect(l, i);
    }
    snprintf(query, sizeof query, "ep=%s&lt=300&lwm2m=1.2&b=U", l->devices[i].name);
    assert_int_equal(lab_register(l, i, query)->code, PROA_COAP_CREATED);
    assert_true(proa_server_find(l->server, proa_span_of(l->devices[i].name), &reg));
    return reg;
}

const lab_answer *lab_update(lab *l, size_t i, const char *query, const char *list)
{
    lab_request request = {PROA_COAP_POST,
                           l->devices[i].location,
                           query,
                           list == NULL ? -1 : PROA_FORMAT_LINK,
                           -1,
                           list};
    return lab_ask(l, i, &request);
}

void lab_notify(lab *l, size_t i, const char *text)
{
    lab_device *d = &l->devices[i];
    proa_coap_response response = {.code = PROA_COAP_CONTENT, .payload = proa_span_of(text)};
    assert_int_equal(proa_coap_notify(d->coap, l->now_ms, d->relation, &response, false), PROA_OK);
    lab_settle(l);
}

/* ---- what the server is asked for ------------------------------------------------------- */

proa_path lab_path(const char *text)
{
    proa_path path;
    assert_int_equal(proa_path_parse(proa_span_of(text), &path), PROA_OK);
    return path;
}

proa_op_id lab_start(lab *l, const proa_server_op *op)
{
    proa_op_id id = 0;
    assert_int_equal(proa_server_op_start(l->server, l->now_ms, op, &id), PROA_OK);
    assert_int_not_equal(id, 0);
    lab_settle(l);
    return id;
}

proa_op_id lab_op(lab *l, proa_reg reg, proa_operation op, const char *path)
{
    proa_server_op asked = {
        .reg = reg, .op = op, .path = lab_path(path), .format = PROA_FORMAT_NONE, .user = 7};
    return lab_start(l, &asked);
}

/* ---- what was told ---------------------------------------------------------------------- */

unsigned lab_count(const lab *l, proa_server_event_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < l->event_count; i++) {
        count += l->events[i].event.kind == kind;
    }
    return count;
}

const lab_event *lab_last(const lab *l, proa_server_event_kind kind)
{
    for (unsigned i = l->event_count; i > 0; i--) {
        if (l->events[i - 1].event.kind == kind) {
            return &l->events[i - 1];
        }
    }
    fail_msg("no event of kind %d", (int)kind);
    return NULL;
}

void lab_forget(lab *l)
{
    l->event_count = 0;
}

unsigned lab_done(const lab *l, proa_op_id op)
{
    unsigned count = 0;
    for (unsigned i = 0; i < l->event_count; i++) {
        const proa_server_event *e = &l->events[i].event;
        count += e->kind == PROA_SERVER_DONE && e->op == op;
    }
    return count;
}
