/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/c2c/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ports/mbedtls/crypto.h"
#include "tests/client/fake_secure.h"
#include "tests/support/guard.h"

/* ---- memory and store ------------------------------------------------------------------- */

static void *take(void *ctx, size_t len)
{
    (void)ctx;
    return calloc(1, len);
}

static void give(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)len;
    free(block);
}

static const proa_memory heap = {take, give, NULL};

static world_blob *blob_of(world_device *d, const char *name)
{
    for (size_t i = 0; i < WORLD_BLOBS; i++) {
        if (strcmp(d->blobs[i].name, name) == 0) {
            return &d->blobs[i];
        }
    }
    return NULL;
}

static int store_read(void *ctx, const char *name, uint8_t *buf, size_t cap)
{
    const world_device *d = ctx;
    if (d->store.read != NULL) {
        return d->store.read(d->store.ctx, name, buf, cap);
    }
    const world_blob *blob = blob_of(ctx, name);
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
    const world_device *d = ctx;
    if (d->store_fails && strncmp(name, "c2c.k", 5) == 0) {
        return PROA_E_IO;
    }
    if (d->store.write != NULL) {
        return d->store.write(d->store.ctx, name, bytes);
    }
    world_blob *blob = blob_of(ctx, name);
    blob = blob == NULL ? blob_of(ctx, "") : blob;
    assert_non_null(blob);
    strcpy(blob->name, name);
    memcpy(blob->bytes, bytes.data, bytes.len);
    blob->len = bytes.len;
    return PROA_OK;
}

static proa_err store_remove(void *ctx, const char *name)
{
    const world_device *d = ctx;
    if (d->store.remove != NULL) {
        return d->store.remove(d->store.ctx, name);
    }
    world_blob *blob = blob_of(ctx, name);
    if (blob != NULL) {
        memset(blob, 0, sizeof(*blob));
    }
    return PROA_OK;
}

/* ---- the light -------------------------------------------------------------------------- */

static const proa_resource light_resources[] = {
    {5605, PROA_TYPE_NONE, PROA_RES_E},
    {5706, PROA_TYPE_STRING, PROA_RES_RW},
};

static proa_err light_read(void *ctx, const proa_path *path, proa_value *out)
{
    const world_device *d = ctx;
    (void)path;
    *out = proa_value_string(proa_span_make(d->value, d->value_len));
    return PROA_OK;
}

static proa_err light_write(void *ctx, const proa_actor *who, const proa_path *path,
                            const proa_value *value)
{
    world_device *d = ctx;
    (void)who;
    (void)path;
    assert_in_range(value->as.bytes.len, 0, sizeof(d->value));
    memcpy(d->value, value->as.bytes.data, value->as.bytes.len);
    d->value_len = value->as.bytes.len;
    return PROA_OK;
}

static proa_err light_execute(void *ctx, const proa_actor *who, const proa_path *path,
                              proa_span arguments)
{
    (void)ctx;
    (void)who;
    (void)path;
    (void)arguments;
    return PROA_OK;
}

static const proa_object_class light_class = {
    .read = light_read, .write = light_write, .execute = light_execute};

/* ---- opening ---------------------------------------------------------------------------- */

static proa_addr address(uint8_t last)
{
    proa_addr addr = {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}, 5684, 0};
    return addr;
}

static bool device_psk(void *ctx, proa_span identity, proa_psk *out)
{
    const world_device *d = ctx;
    return d->client != NULL && proa_client_find_psk(d->client, identity, out);
}

static bool device_first(void *ctx, uint32_t id, proa_secure_first *out)
{
    const world_device *d = ctx;
    return d->client != NULL && proa_client_find_first(d->client, id, out);
}

static bool server_psk(void *ctx, proa_span identity, proa_psk *out)
{
    const world *w = ctx;
    for (size_t i = 0; i < w->device_count; i++) {
        if (proa_span_equal(identity, proa_span_of(w->devices[i].name))) {
            memcpy(out->key, w->devices[i].key, 16);
            out->key_len = 16;
            out->account = i + 1;
            return true;
        }
    }
    return false;
}

static proa_secure *open_box(world *w, bool (*find)(void *, proa_span, proa_psk *), void *ctx)
{
    proa_secure_config config;
    memset(&config, 0, sizeof(config));
    config.random = w->random;
    config.find_psk = find;
    config.find_psk_ctx = ctx;
    config.find_first = w->firsts && find == device_psk ? device_first : NULL;
    return fake_secure_open(&config);
}

/* Create on the objects of C2C (docs/C2C.md §9), everything on the light. */
static void add_rights(world_device *d)
{
    static const uint16_t objects[] = {3311, 11000, 11001, 11002, PROA_OBJECT_OSCORE};
    size_t count = sizeof(objects) / sizeof(objects[0]) - (d->contexts == NULL ? 1 : 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(
            proa_client_add_access(d->client, objects[i], PROA_ID_ALL, 1, PROA_RIGHTS_ALL, 1),
            PROA_OK);
    }
    assert_int_equal(proa_client_add_access(d->client, 3311, 0, 1, PROA_RIGHTS_ALL, 1), PROA_OK);
}

static void open_contexts(world *w, world_device *d)
{
    proa_oscore_config config;
    memset(&config, 0, sizeof(config));
    config.memory = heap;
    config.random = w->random;
    config.store = (proa_store){store_read, store_write, store_remove, d};
    config.crypto = &proa_mbedtls_crypto_small;
    config.contexts_first = 1;
    config.contexts_max = 8;
    assert_int_equal(proa_oscore_open(&d->contexts, &config), PROA_OK);
}

static void open_device(world *w, size_t i)
{
    static const char uri[] = "coaps://[2001:db8::1]:5684";
    world_device *d = &w->devices[i];
    proa_client_config config = proa_client_config_device(proa_span_of(d->name), w->random, heap);
    proa_c2c_limits limits = proa_c2c_limits_device();
    limits.peer_max = WORLD_PEERS;
    limits.access_max = 16;
    config.secure = d->box;
    config.store = (proa_store){store_read, store_write, store_remove, d};
    config.coap.dedup_bytes = 32768; /* tests do much in no time */
    config.coap.request_max = 8;
    config.access_max = 48;
    if (w->oscore) {
        open_contexts(w, d);
        config.coap.oscore = proa_oscore_for_coap(d->contexts);
        limits.contexts = &proa_c2c_oscore;
    }
    limits.compact = w->compact ? &proa_c2c_compact_accounts : NULL;
    assert_int_equal(proa_client_open(&d->client, &config), PROA_OK);
    assert_int_equal(proa_c2c_open(&d->c2c, d->client, &limits), PROA_OK);
    d->light = (proa_object){3311, 1, 0, light_resources, 2, &light_class, d};
    assert_int_equal(proa_client_add_object(d->client, &d->light), PROA_OK);
    add_rights(d);
    proa_server_account server = {.short_id = 1,
                                  .uri = proa_span_of(uri),
                                  .addr = w->addr,
                                  .mode = PROA_SECURITY_PSK,
                                  .identity = proa_span_of(d->name),
                                  .key = proa_span_make(d->key, sizeof(d->key)),
                                  .lifetime_s = 86400};
    assert_int_equal(proa_client_add_server(d->client, &server), PROA_OK);
}

static void open_world(world *w, size_t count, bool oscore, bool compact, bool firsts)
{
    static const char *const names[] = {"client_01", "client_02", "client_03"};
    memset(w, 0, sizeof(*w));
    w->oscore = oscore;
    w->compact = compact;
    w->firsts = firsts;
    w->now_ms = 1000;
    w->random = test_random_start(&w->rng, 11);
    w->addr = address(1);
    w->stranger = address(0x99);
    w->box = open_box(w, server_psk, w);
    proa_coap_config config = proa_coap_config_device(w->random, heap);
    config.request_max = 16;
    config.exchange_max = 16;
    config.dedup_bytes = 65536;
    config.peer_max = 16;
    assert_int_equal(proa_coap_open(&w->coap, &config), PROA_OK);
    w->device_count = count;
    for (size_t i = 0; i < count; i++) {
        world_device *d = &w->devices[i];
        d->world = w;
        d->name = names[i];
        d->addr = address((uint8_t)(0x11 + i));
        memset(d->key, (int)(0x30 + i), sizeof(d->key));
        memcpy(d->value, "00001", 5);
        d->value_len = 5;
        d->box = open_box(w, device_psk, d);
        open_device(w, i);
    }
    world_run(w, 5000);
    for (size_t i = 0; i < count; i++) {
        assert_int_not_equal(w->devices[i].server_session, 0);
    }
}

void world_open(world *w, size_t count)
{
    open_world(w, count, false, false, false);
}

void world_open_oscore(world *w, size_t count)
{
    open_world(w, count, true, false, false);
}

void world_open_compact(world *w, size_t count, bool oscore)
{
    open_world(w, count, oscore, true, false);
}

void world_open_firsts(world *w, size_t count)
{
    open_world(w, count, false, true, true);
}

static void close_device(world_device *d)
{
    proa_c2c_close(d->c2c);
    proa_client_close(d->client);
    proa_oscore_free(d->contexts);
    d->contexts = NULL;
    d->client = NULL;
    d->c2c = NULL;
}

void world_close(world *w)
{
    for (size_t i = 0; i < w->device_count; i++) {
        close_device(&w->devices[i]);
        w->devices[i].box->class_->free(w->devices[i].box);
    }
    proa_coap_close(w->coap);
    w->box->class_->free(w->box);
    if (w->stranger_box != NULL) {
        w->stranger_box->class_->free(w->stranger_box);
    }
}

void world_reboot(world *w, size_t i)
{
    close_device(&w->devices[i]);
    fake_secure_reboot(w->devices[i].box);
    open_device(w, i);
    world_run(w, 5000);
}

/* ---- the server ------------------------------------------------------------------------- */

static void join(char *out, size_t cap, const proa_coap_msg *m, uint16_t number, char before)
{
    proa_coap_options it = proa_coap_options_of(m);
    proa_coap_option option;
    size_t len = 0;
    out[0] = '\0';
    while (proa_coap_option_next(&it, &option)) {
        if (option.number == number) {
            assert_true(len + option.value.len + 2 < cap);
            if (before == '/' || len > 0) {
                out[len++] = before;
            }
            memcpy(out + len, option.value.data, option.value.len);
            len += option.value.len;
            out[len] = '\0';
        }
    }
}

static size_t device_of_session(const world *w, uint32_t session)
{
    size_t i = 0;
    while (i < w->device_count && w->devices[i].server_session != session) {
        i++;
    }
    return i;
}

static void serve(world *w, const proa_coap_event *event)
{
    static const proa_coap_option location[] = {
        {PROA_COAP_OPT_LOCATION_PATH, {(const uint8_t *)"rd", 2}},
        {PROA_COAP_OPT_LOCATION_PATH, {(const uint8_t *)"1", 1}}};
    proa_coap_response response;
    char path[64];
    memset(&response, 0, sizeof(response));
    join(path, sizeof(path), &event->msg, PROA_COAP_OPT_URI_PATH, '/');
    if (strcmp(path, "/rd") == 0) {
        response.code = PROA_COAP_CREATED;
        response.options = location;
        response.option_count = 2;
    } else if (strncmp(path, "/rd/", 4) == 0) {
        w->updates++;
        response.code = PROA_COAP_CHANGED;
    } else {
        assert_string_equal(path, "/ac");
        assert_int_equal(w->ac, 0);
        w->ac = event->exchange;
        w->ac_device = device_of_session(w, event->peer.session);
        join(w->ac_query, sizeof(w->ac_query), &event->msg, PROA_COAP_OPT_URI_QUERY, '&');
        assert_in_range(event->msg.payload.len, 1, sizeof(w->ac_body));
        memcpy(w->ac_body, event->msg.payload.data, event->msg.payload.len);
        w->ac_body_len = event->msg.payload.len;
        return;
    }
    assert_int_equal(proa_coap_respond(w->coap, w->now_ms, event->exchange, &response), PROA_OK);
}

static void work_server(world *w)
{
    proa_coap_event event;
    while (proa_coap_poll(w->coap, w->now_ms, &event)) {
        if (event.kind == PROA_COAP_EVENT_REQUEST) {
            serve(w, &event);
        } else if (event.kind == PROA_COAP_EVENT_RESPONSE && event.request == w->asked) {
            w->answered = true;
            w->code = event.msg.code;
            join(w->location, sizeof(w->location), &event.msg, PROA_COAP_OPT_LOCATION_PATH, '/');
            w->answer_len = event.msg.payload.len;
            assert_in_range(w->answer_len, 0, sizeof(w->answer));
            memcpy(w->answer, w->answer_len > 0 ? event.msg.payload.data : w->answer,
                   w->answer_len);
        }
    }
}

static void work_server_box(world *w)
{
    proa_secure_event event;
    work_server(w);
    while (w->box->class_->poll(w->box, w->now_ms, &event)) {
        proa_coap_peer peer = {event.addr, event.session, 0};
        if (event.kind == PROA_SECURE_CONNECTED) {
            w->devices[event.account - 1].server_session = event.session;
        } else if (event.kind == PROA_SECURE_DATA) {
            proa_coap_input(w->coap, w->now_ms, &peer, event.data, false);
        } else {
            proa_coap_peer_gone(w->coap, w->now_ms, &peer);
        }
        work_server(w);
    }
}

static bool server_output(world *w, proa_addr *to, proa_span *datagram)
{
    proa_coap_peer peer;
    for (;;) {
        if (w->box->class_->output(w->box, w->now_ms, to, datagram)) {
            return true;
        }
        if (!proa_coap_output(w->coap, w->now_ms, &peer, datagram)) {
            return false;
        }
        proa_err err = w->box->class_->send(w->box, w->now_ms, peer.session, *datagram);
        assert_true(err == PROA_OK || err == PROA_E_NOT_FOUND);
    }
}

/* ---- the network ------------------------------------------------------------------------ */

static void note_reply(world *w, const proa_addr *from, proa_span datagram)
{
    if (datagram.data[0] < 64) {
        assert_non_null(w->stranger_box);
        w->stranger_box->class_->input(w->stranger_box, w->now_ms, from, datagram);
        return;
    }
    assert_in_range(w->reply_count, 0, WORLD_REPLIES - 1);
    world_reply *reply = &w->replies[w->reply_count++];
    assert_in_range(datagram.len, 0, sizeof(reply->bytes));
    reply->from = *from;
    reply->len = datagram.len;
    memcpy(reply->bytes, datagram.data, datagram.len);
}

static bool is_lost(const world *w, world_device *to, const proa_addr *from)
{
    bool lost = to->cut || (to->lose_from_peers > 0 && !proa_addr_equal(from, &w->addr));
    to->lose_from_peers -= lost && !to->cut ? 1 : 0;
    return lost;
}

static void deliver(world *w, const proa_addr *from, const proa_addr *to, proa_span datagram)
{
    uint8_t *copy = guard_copy(datagram.data, datagram.len);
    proa_span in = proa_span_make(copy, datagram.len);
    if (proa_addr_equal(to, &w->addr)) {
        w->box->class_->input(w->box, w->now_ms, from, in);
        work_server_box(w);
    } else if (proa_addr_equal(to, &w->stranger)) {
        note_reply(w, from, in);
    }
    for (size_t i = 0; i < w->device_count; i++) {
        world_device *d = &w->devices[i];
        if (proa_addr_equal(to, &d->addr) && !is_lost(w, d, from)) {
            proa_client_input(d->client, w->now_ms, from, in, false);
        }
    }
    guard_free(copy, datagram.len);
}

static void take_events(world *w, world_device *d)
{
    proa_client_event told;
    proa_c2c_event event;
    while (proa_client_poll(d->client, w->now_ms, &told)) {
        if (told.kind == PROA_CLIENT_CREATED) {
            d->created = told.path;
        }
    }
    while (proa_c2c_poll(d->c2c, w->now_ms, &event)) {
        assert_in_range(d->event_count, 0, WORLD_EVENTS - 1);
        world_event *note = &d->events[d->event_count++];
        note->event = event;
        note->payload_len =
            event.payload.len < sizeof(note->payload) ? event.payload.len : sizeof(note->payload);
        memcpy(note->payload, note->payload_len > 0 ? (const void *)event.payload.data : "",
               note->payload_len);
    }
}

static bool carry(world *w)
{
    bool moved = false;
    proa_addr to;
    proa_span datagram;
    for (size_t i = 0; i < w->device_count; i++) {
        world_device *d = &w->devices[i];
        take_events(w, d);
        while (proa_client_output(d->client, w->now_ms, &to, &datagram)) {
            moved = true;
            if (!d->cut) {
                deliver(w, &d->addr, &to, datagram);
            }
        }
    }
    work_server_box(w);
    while (server_output(w, &to, &datagram)) {
        moved = true;
        deliver(w, &w->addr, &to, datagram);
    }
    while (w->stranger_box != NULL &&
           w->stranger_box->class_->output(w->stranger_box, w->now_ms, &to, &datagram)) {
        moved = true;
        deliver(w, &w->stranger, &to, datagram);
    }
    return moved;
}

void world_settle(world *w)
{
    for (unsigned rounds = 0; carry(w); rounds++) {
        assert_in_range(rounds, 0, 1000);
    }
}

static uint64_t next_ms(const world *w)
{
    uint64_t next = proa_coap_next_ms(w->coap);
    uint64_t at = w->box->class_->next_ms(w->box);
    next = at < next ? at : next;
    for (size_t i = 0; i < w->device_count; i++) {
        at = proa_client_next_ms(w->devices[i].client);
        next = at < next ? at : next;
    }
    return next;
}

void world_run(world *w, uint64_t ms)
{
    uint64_t end = w->now_ms + ms;
    world_settle(w);
    for (unsigned steps = 0;; steps++) {
        uint64_t next = next_ms(w);
        assert_in_range(steps, 0, 1000000);
        if (next > end) {
            break;
        }
        w->now_ms = next > w->now_ms ? next : w->now_ms + 1;
        world_settle(w);
    }
    w->now_ms = end > w->now_ms ? end : w->now_ms;
}

/* ---- what tests do ---------------------------------------------------------------------- */

static uint8_t ask_device(world *w, size_t device, uint8_t code, const char *path,
                          const char *payload, proa_span format)
{
    uint8_t bytes[400];
    proa_coap_option options[6];
    size_t count = 0;
    for (const char *at = path; *at == '/';) {
        size_t len = strcspn(at + 1, "/");
        options[count++] =
            (proa_coap_option){PROA_COAP_OPT_URI_PATH, {(const uint8_t *)at + 1, len}};
        at += 1 + len;
    }
    if (payload != NULL) {
        options[count++] = (proa_coap_option){PROA_COAP_OPT_CONTENT_FORMAT, format};
    } else if (code == PROA_COAP_GET) {
        options[count++] = (proa_coap_option){PROA_COAP_OPT_ACCEPT, format};
    }
    proa_coap_request request = {
        .code = code,
        .options = options,
        .option_count = count,
        .payload = proa_span_make(bytes, payload == NULL ? 0 : hex(payload, bytes, sizeof(bytes)))};
    proa_coap_peer to = {w->devices[device].addr, w->devices[device].server_session, 0};
    w->answered = false;
    w->code = 0;
    assert_int_equal(proa_coap_send(w->coap, w->now_ms, &to, &request, &w->asked), PROA_OK);
    world_settle(w);
    return w->code;
}

uint8_t world_server(world *w, size_t device, uint8_t code, const char *path, const char *tlv)
{
    static const uint8_t format[] = {0x2d, 0x16};
    return ask_device(w, device, code, path, tlv, proa_span_make(format, sizeof(format)));
}

uint8_t world_server_cbor(world *w, size_t device, const char *path, const char *cbor)
{
    static const uint8_t format[] = {PROA_FORMAT_CBOR};
    return ask_device(w, device, PROA_COAP_POST, path, cbor,
                      proa_span_make(format, sizeof(format)));
}

void world_answer_ac(world *w, uint8_t code, const char *payload)
{
    static const uint8_t cbor = PROA_FORMAT_CBOR;
    static const proa_coap_option format = {PROA_COAP_OPT_CONTENT_FORMAT, {&cbor, 1}};
    uint8_t bytes[16];
    proa_coap_response response;
    memset(&response, 0, sizeof(response));
    response.code = code;
    if (payload != NULL) {
        response.payload = proa_span_make(bytes, hex(payload, bytes, sizeof(bytes)));
        response.options = &format;
        response.option_count = 1;
    }
    assert_int_not_equal(w->ac, 0);
    proa_coap_id ac = w->ac;
    w->ac = 0;
    assert_int_equal(proa_coap_respond(w->coap, w->now_ms, ac, &response), PROA_OK);
    world_settle(w);
}

/* "c80510" and the bytes: one TLV record of an opaque of 16 bytes. */
static void add_opaque(char *tlv, uint8_t id, uint8_t first)
{
    char *at = tlv + strlen(tlv);
    at += sprintf(at, "c8%02x10", id);
    for (uint8_t i = 0; i < 16; i++) {
        at += sprintf(at, "%02x", (uint8_t)(first + i));
    }
}

static void add_text(char *tlv, uint8_t id, const char *text)
{
    char *at = tlv + strlen(tlv);
    at += sprintf(at, "c8%02x%02x", id, (unsigned)strlen(text));
    for (; *text != '\0'; text++) {
        at += sprintf(at, "%02x", (uint8_t)*text);
    }
}

/* What one end of a grant knows of the other. */
typedef struct grant_end {
    size_t at, peer;
    uint8_t short_id; /* of the peer, here */
    uint8_t key;      /* the first of its bytes */
    uint8_t sender, recipient;
    bool with_uri;
} grant_end;

static void install_client(world *w, const grant_end *end, uint32_t lifetime_s)
{
    char tlv[200];
    sprintf(tlv, "c100%02x c401%08x c10200 c10300 c10600 c10755", end->short_id, lifetime_s);
    add_text(tlv, 9, w->devices[end->peer].name);
    assert_int_equal(world_server(w, end->at, PROA_COAP_POST, "/11001", tlv), PROA_COAP_CREATED);
}

static unsigned install_context(world *w, const grant_end *end)
{
    char tlv[300] = "";
    unsigned instance;
    add_opaque(tlv, 0, (uint8_t)(end->key + 0x60));
    sprintf(tlv + strlen(tlv), "c101%02x c102%02x c1030a c104f6", end->sender, end->recipient);
    assert_int_equal(world_server(w, end->at, PROA_COAP_POST, "/21", tlv), PROA_COAP_CREATED);
    assert_int_equal(sscanf(w->location, "/21/%u", &instance), 1);
    return instance;
}

static void install_key(world *w, const grant_end *end, unsigned context)
{
    char tlv[400] = "";
    if (end->with_uri) {
        char uri[40];
        sprintf(uri, "coap%s://[2001:db8::%x]:5684", w->oscore ? "" : "s",
                w->devices[end->peer].addr.ip[15]);
        add_text(tlv, 0, uri);
    }
    strcat(tlv, w->oscore ? "c10203" : "c10200");
    add_opaque(tlv, 3, end->key);
    if (w->oscore) {
        sprintf(tlv + strlen(tlv), "c4110015%04x", context);
    } else {
        add_opaque(tlv, 5, (uint8_t)(end->key + 0x60));
    }
    sprintf(tlv + strlen(tlv), "c10a%02x", end->short_id);
    assert_int_equal(world_server(w, end->at, PROA_COAP_POST, "/11000", tlv), PROA_COAP_CREATED);
}

static void install(world *w, const grant_end *end, uint32_t lifetime_s)
{
    unsigned context = w->oscore ? install_context(w, end) : PROA_ID_ALL;
    install_client(w, end, lifetime_s);
    install_key(w, end, context);
}

/* Both ends of a grant, and of the n-th key for it. */
static void set_ends(size_t requester, size_t host, uint8_t nth, grant_end *at_host,
                     grant_end *at_requester)
{
    uint8_t key = (uint8_t)(0x80 + 16 * requester + host + 8U * nth);
    uint8_t ours = (uint8_t)(0xa0 + requester + 0x20U * nth); /* Sender IDs */
    uint8_t theirs = (uint8_t)(0xb0 + host + 0x20U * nth);
    *at_host = (grant_end){host, requester, (uint8_t)(2 + requester), key, theirs, ours, false};
    *at_requester = (grant_end){requester, host, (uint8_t)(20 + host), key, ours, theirs, true};
}

void world_roll(world *w, size_t requester, size_t host, size_t at)
{
    grant_end at_host, at_requester;
    set_ends(requester, host, 1, &at_host, &at_requester);
    const grant_end *end = at == host ? &at_host : &at_requester;
    install_key(w, end, w->oscore ? install_context(w, end) : PROA_ID_ALL);
}

void world_grant(world *w, size_t requester, size_t host, uint8_t rights, uint32_t lifetime_s)
{
    char tlv[100];
    grant_end at_host, at_requester;
    set_ends(requester, host, 0, &at_host, &at_requester);
    install(w, &at_host, lifetime_s);
    sprintf(tlv, "c2000cef c10100 8302 41%02x%02x c10301", at_host.short_id, rights);
    assert_int_equal(world_server(w, host, PROA_COAP_POST, "/11002", tlv), PROA_COAP_CREATED);
    install(w, &at_requester, lifetime_s);
}

/* Written by hand, so that the codec is held against it. */
uint8_t world_install_compact(world *w, size_t requester, size_t host, size_t at, uint8_t rights,
                              uint32_t lifetime_s)
{
    char cbor[400];
    grant_end at_host, at_requester;
    set_ends(requester, host, 0, &at_host, &at_requester);
    const grant_end *end = at == host ? &at_host : &at_requester;
    unsigned count = 5U + w->oscore + end->with_uri + (rights != 0) + w->firsts;
    char *to = cbor + sprintf(cbor, "a%u 00 %s%02x 01 1a%08x 02 69", count,
                              end->short_id < 24 ? "" : "18", end->short_id, lifetime_s);
    for (const char *name = w->devices[end->peer].name; *name != '\0'; name++) {
        to += sprintf(to, "%02x", (uint8_t)*name);
    }
    if (!w->oscore) {
        to += sprintf(to, " 03 50");
        for (unsigned i = 0; i < 16; i++) {
            to += sprintf(to, "%02x", end->key + i);
        }
    }
    to += sprintf(to, " 04 50");
    for (unsigned i = 0; i < 16; i++) {
        to += sprintf(to, "%02x", (uint8_t)(end->key + 0x60 + i));
    }
    if (w->oscore) {
        to += sprintf(to, " 05 41%02x 06 41%02x", end->sender, end->recipient);
    }
    if (end->with_uri) {
        to += sprintf(to, " 07 %s 20010db80000000000000000000000%02x %s", w->oscore ? "52" : "50",
                      w->devices[end->peer].addr.ip[15], w->oscore ? "1634" : "");
    }
    if (rights != 0) {
        to += sprintf(to, " 08 a1 82 190cef 00 %02x", rights);
    }
    if (w->firsts) {
        sprintf(to, " 0e 01");
    }
    return world_server_cbor(w, at, "/11000", cbor);
}

void world_grant_compact(world *w, size_t requester, size_t host, uint8_t rights,
                         uint32_t lifetime_s)
{
    assert_int_equal(world_install_compact(w, requester, host, host, rights, lifetime_s),
                     PROA_COAP_CREATED);
    assert_int_equal(world_install_compact(w, requester, host, requester, 0, lifetime_s),
                     PROA_COAP_CREATED);
}

proa_c2c_id world_ask(world *w, size_t device, size_t host, proa_operation op)
{
    proa_c2c_id id;
    proa_c2c_ask ask = {.endpoint = proa_span_of(w->devices[host].name),
                        .op = op,
                        .path = {{3311, 0, op == PROA_OP_EXECUTE ? 5605 : 5706}, 3},
                        .format = PROA_FORMAT_NONE};
    if (op == PROA_OP_WRITE_REPLACE) {
        ask.payload = proa_span_of("00002");
    }
    assert_int_equal(proa_c2c_send(w->devices[device].c2c, w->now_ms, &ask, &id), PROA_OK);
    return id;
}

const world_event *world_event_of(const world *w, size_t device, proa_c2c_event_kind kind)
{
    const world_device *d = &w->devices[device];
    for (unsigned i = d->event_count; i > 0; i--) {
        if (d->events[i - 1].event.kind == kind) {
            return &d->events[i - 1];
        }
    }
    return NULL;
}

unsigned world_events(const world *w, size_t device, proa_c2c_event_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < w->devices[device].event_count; i++) {
        count += w->devices[device].events[i].event.kind == kind ? 1 : 0;
    }
    return count;
}

void world_forget_events(world *w)
{
    for (size_t i = 0; i < w->device_count; i++) {
        w->devices[i].event_count = 0;
    }
}

void world_expect_outcome(const world *w, size_t device, proa_outcome outcome, const char *payload)
{
    const world_event *note = world_event_of(w, device, PROA_C2C_OUTCOME);
    assert_non_null(note);
    if (note->event.outcome != outcome) {
        print_message("%s, code %02x\n", proa_outcome_name(note->event.outcome), note->event.code);
    }
    assert_int_equal(note->event.outcome, outcome);
    if (payload != NULL) {
        uint8_t bytes[64];
        assert_int_equal(note->payload_len, hex(payload, bytes, sizeof(bytes)));
        assert_memory_equal(note->payload, bytes, note->payload_len);
    }
}

void world_stranger(world *w, size_t device, const char *bytes)
{
    uint8_t datagram[300];
    size_t len = hex(bytes, datagram, sizeof(datagram));
    w->reply_count = 0;
    deliver(w, &w->stranger, &w->devices[device].addr, proa_span_make(datagram, len));
    world_settle(w);
}

void world_change(world *w, size_t device, const char *value)
{
    world_device *d = &w->devices[device];
    proa_path path = proa_path_make(3, 3311, 0, 5706);
    strcpy(d->value, value);
    d->value_len = strlen(value);
    proa_client_changed(d->client, w->now_ms, &path);
    world_settle(w);
}
