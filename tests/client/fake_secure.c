/* SPDX-License-Identifier: Apache-2.0 */
/* The fake box: sessions in an array, events and datagrams in rings. A ring that overflows aborts
 * the test, because a real box would lose something there. */
#include "tests/client/fake_secure.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_TYPE 22
#define HEAD_LEN 6
#define SESSIONS 32
#define RING 256

enum { HELLO = 1, WELCOME = 2, REFUSE = 3, DATA = 4, CLOSE = 5 };

typedef struct session {
    uint32_t handle; /* 0 = free */
    uint32_t cid;
    bool is_server, up, unproved, unreached;
    uint64_t account;
    proa_addr addr;
    uint8_t identity[PROA_PSK_IDENTITY_MAX], key[PROA_PSK_KEY_MAX];
    uint8_t identity_len, key_len;
    uint64_t give_up_ms, again_ms;
    uint32_t wait_ms;
} session;

typedef struct item {
    proa_secure_event event; /* events */
    proa_addr to;            /* datagrams */
    size_t len;
    uint8_t bytes[PROA_DATAGRAM_MAX + 64];
} item;

typedef struct ring {
    item *items;
    size_t first, count;
} ring;

typedef struct box {
    proa_secure base;
    proa_secure_config config;
    session sessions[SESSIONS];
    uint32_t made;
    unsigned fail_opens;
    ring events, out;
    item current_event, current_out;
    proa_secure_stats stats;
} box;

static item *push(ring *r)
{
    if (r->count == RING) {
        abort();
    }
    item *it = &r->items[(r->first + r->count++) % RING];
    memset(it, 0, sizeof *it);
    return it;
}

static bool pop(ring *r, item *out)
{
    if (r->count == 0) {
        return false;
    }
    *out = r->items[r->first];
    r->first = (r->first + 1) % RING;
    r->count--;
    return true;
}

static session *by_handle(const box *b, uint32_t handle)
{
    for (size_t i = 0; i < SESSIONS && handle != 0; i++) {
        if (b->sessions[i].handle == handle) {
            return (session *)&b->sessions[i];
        }
    }
    return NULL;
}

static session *by_cid(box *b, uint32_t cid)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        if (b->sessions[i].handle != 0 && b->sessions[i].cid == cid) {
            return &b->sessions[i];
        }
    }
    return NULL;
}

static session *new_session(box *b, const proa_addr *addr)
{
    unsigned max = b->config.live_max == 0 ? 16 : b->config.live_max;
    for (size_t i = 0; i < SESSIONS && fake_secure_live(&b->base) < max; i++) {
        session *s = &b->sessions[i];
        if (s->handle == 0) {
            memset(s, 0, sizeof *s);
            s->handle = ++b->made;
            s->addr = *addr;
            return s;
        }
    }
    return NULL;
}

static void send_frame(box *b, const proa_addr *to, uint32_t cid, uint8_t kind, proa_span content)
{
    item *it = push(&b->out);
    proa_writer w = proa_writer_make(it->bytes, sizeof it->bytes);
    it->to = *to;
    proa_write_u8(&w, FRAME_TYPE);
    proa_write_u8(&w, kind);
    proa_write_u32(&w, cid);
    proa_write_span(&w, content);
    it->len = w.len;
}

static void send_hello(box *b, session *s)
{
    uint8_t content[2 + PROA_PSK_IDENTITY_MAX + PROA_PSK_KEY_MAX];
    proa_writer w = proa_writer_make(content, sizeof content);
    proa_write_u8(&w, s->identity_len);
    proa_write_bytes(&w, s->identity, s->identity_len);
    proa_write_u8(&w, s->key_len);
    proa_write_bytes(&w, s->key, s->key_len);
    send_frame(b, &s->addr, s->cid, HELLO, proa_writer_span(&w));
}

static void tell(box *b, const session *s, proa_secure_event_kind kind, proa_secure_reason reason,
                 proa_span bytes)
{
    item *it = push(&b->events);
    it->event.kind = kind;
    it->event.session = s->handle;
    it->event.account = s->account;
    it->event.is_server = s->is_server;
    it->event.addr = s->addr;
    it->event.reason = reason;
    it->event.is_unreached = s->unreached;
    it->len = bytes.len;
    if (bytes.len > 0) {
        memcpy(it->bytes, bytes.data, bytes.len);
    }
}

static void end(box *b, session *s, proa_secure_reason reason)
{
    proa_span none = {NULL, 0};
    tell(b, s, PROA_SECURE_CLOSED, reason, none);
    memset(s, 0, sizeof *s);
}

/* What both ends make of a key; bit 0 says whose id it is. */
static uint32_t first_cid(const proa_secure_first *first, bool of_server)
{
    uint32_t h = 0x811c9dc5U;
    for (size_t i = 0; i < first->psk.key_len; i++) {
        h = (h ^ first->psk.key[i]) * 0x01000193U;
    }
    for (size_t i = 0; i < first->identity.len; i++) {
        h = (h ^ first->identity.data[i]) * 0x01000193U;
    }
    return (h & ~1U) | (of_server ? 1 : 0);
}

/* A first frame: the session of the new key with this id. */
static session *welcome_first(box *b, const proa_addr *from, uint32_t cid)
{
    proa_secure_first first;
    memset(&first, 0, sizeof first);
    if (b->config.find_first == NULL ||
        !b->config.find_first(b->config.find_psk_ctx, cid, &first) ||
        first_cid(&first, true) != cid) {
        return NULL;
    }
    session *s = new_session(b, from);
    if (s != NULL) {
        s->cid = cid;
        s->is_server = s->up = s->unproved = true;
        s->account = first.psk.account;
    }
    return s;
}

static void prove(box *b, session *s)
{
    proa_span none = {NULL, 0};
    if (s->unproved) {
        s->unproved = false;
        s->unreached = s->is_server;
        b->stats.firsts_done++;
        tell(b, s, PROA_SECURE_CONNECTED, 0, none);
    }
}

static void on_hello(box *b, const proa_addr *from, uint32_t cid, proa_span content)
{
    proa_span none = {NULL, 0};
    proa_reader r = proa_reader_make(content);
    proa_span identity = proa_read_span(&r, proa_read_u8(&r));
    proa_span key = proa_read_span(&r, proa_read_u8(&r));
    proa_psk psk;
    session *s = by_cid(b, cid);
    if (s != NULL) {
        s->addr = *from;
        send_frame(b, from, cid, WELCOME, none); /* the first one was lost */
        return;
    }
    memset(&psk, 0, sizeof psk);
    bool known = b->config.find_psk != NULL &&
                 b->config.find_psk(b->config.find_psk_ctx, identity, &psk) &&
                 proa_span_equal(key, proa_span_make(psk.key, psk.key_len));
    s = known ? new_session(b, from) : NULL;
    if (s == NULL) {
        b->stats.handshakes_failed++;
        send_frame(b, from, cid, REFUSE, none);
        return;
    }
    s->cid = cid;
    s->is_server = true;
    s->up = true;
    s->account = psk.account;
    b->stats.handshakes_done++;
    send_frame(b, from, cid, WELCOME, none);
    tell(b, s, PROA_SECURE_CONNECTED, 0, identity);
}

static void input(proa_secure *base, uint64_t now_ms, const proa_addr *from, proa_span datagram)
{
    box *b = (box *)base;
    proa_reader r = proa_reader_make(datagram);
    (void)now_ms;
    uint8_t type = proa_read_u8(&r);
    uint8_t kind = proa_read_u8(&r);
    uint32_t cid = proa_read_u32(&r);
    if (r.err != PROA_OK || type != FRAME_TYPE) {
        b->stats.dropped_bad++;
        return;
    }
    proa_span content = proa_read_span(&r, proa_reader_left(&r));
    session *s = by_cid(b, cid);
    s = s == NULL && kind == DATA ? welcome_first(b, from, cid) : s;
    if (kind == HELLO) {
        on_hello(b, from, cid, content);
    } else if (s == NULL) {
        b->stats.dropped_unknown++;
    } else if (kind == WELCOME && !s->up) {
        s->up = true;
        b->stats.handshakes_done++;
        tell(b, s, PROA_SECURE_CONNECTED, 0, proa_span_make(s->identity, s->identity_len));
    } else if (kind == REFUSE && !s->up) {
        b->stats.handshakes_failed++;
        end(b, s, PROA_SECURE_REASON_HANDSHAKE);
    } else if (kind == DATA && s->up) {
        s->unreached = s->unreached || !proa_addr_equal(&s->addr, from);
        s->addr = *from;
        b->stats.records_in++;
        prove(b, s);
        tell(b, s, PROA_SECURE_DATA, 0, content);
    } else if (kind == CLOSE && s->up) {
        end(b, s, PROA_SECURE_REASON_PEER_CLOSED);
    }
}

static void run(box *b, uint64_t now_ms)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        session *s = &b->sessions[i];
        if (s->handle == 0 || s->up || s->is_server) {
            continue;
        }
        if (now_ms >= s->give_up_ms) {
            b->stats.handshakes_failed++;
            end(b, s, PROA_SECURE_REASON_TIMEOUT);
        } else if (now_ms >= s->again_ms) {
            send_hello(b, s);
            s->wait_ms = s->wait_ms < 16000 ? s->wait_ms * 2 : 16000;
            s->again_ms = now_ms + s->wait_ms;
        }
    }
}

static bool poll(proa_secure *base, uint64_t now_ms, proa_secure_event *event)
{
    box *b = (box *)base;
    run(b, now_ms);
    if (!pop(&b->events, &b->current_event)) {
        return false;
    }
    proa_span bytes = {b->current_event.bytes, b->current_event.len};
    *event = b->current_event.event;
    if (event->kind == PROA_SECURE_CONNECTED) {
        event->identity = bytes;
    } else {
        event->data = bytes;
    }
    return true;
}

static bool output(proa_secure *base, uint64_t now_ms, proa_addr *to, proa_span *datagram)
{
    box *b = (box *)base;
    run(b, now_ms);
    if (!pop(&b->out, &b->current_out)) {
        return false;
    }
    *to = b->current_out.to;
    *datagram = proa_span_make(b->current_out.bytes, b->current_out.len);
    return true;
}

static uint64_t next_ms(const proa_secure *base)
{
    const box *b = (const box *)base;
    uint64_t next = b->out.count > 0 || b->events.count > 0 ? 0 : UINT64_MAX;
    for (size_t i = 0; i < SESSIONS; i++) {
        const session *s = &b->sessions[i];
        if (s->handle != 0 && !s->up && !s->is_server) {
            uint64_t at = s->again_ms < s->give_up_ms ? s->again_ms : s->give_up_ms;
            next = at < next ? at : next;
        }
    }
    return next;
}

static proa_err open_session(proa_secure *base, uint64_t now_ms, const proa_addr *to,
                             proa_span identity, const proa_psk *psk, uint32_t *out)
{
    box *b = (box *)base;
    if (identity.len < 1 || identity.len > PROA_PSK_IDENTITY_MAX || psk->key_len < 1) {
        return PROA_E_RANGE;
    }
    session *s = b->fail_opens > 0 ? NULL : new_session(b, to);
    if (s == NULL) {
        b->fail_opens -= b->fail_opens > 0;
        return PROA_E_FULL;
    }
    memcpy(s->identity, identity.data, identity.len);
    s->identity_len = (uint8_t)identity.len;
    memcpy(s->key, psk->key, psk->key_len);
    s->key_len = psk->key_len;
    s->account = psk->account;
    proa_random_fill(&b->config.random, &s->cid, sizeof s->cid);
    s->give_up_ms =
        now_ms + (b->config.handshake_timeout_ms == 0 ? 60000 : b->config.handshake_timeout_ms);
    s->wait_ms = 1000;
    s->again_ms = now_ms + s->wait_ms;
    send_hello(b, s);
    *out = s->handle;
    return PROA_OK;
}

static proa_err open_first(proa_secure *base, uint64_t now_ms, const proa_addr *to,
                           const proa_secure_first *first, uint32_t *out)
{
    box *b = (box *)base;
    (void)now_ms;
    session *s = b->fail_opens > 0 ? NULL : new_session(b, to);
    if (s == NULL) {
        b->fail_opens -= b->fail_opens > 0;
        return PROA_E_FULL;
    }
    s->cid = first_cid(first, true);
    s->up = s->unproved = true;
    s->account = first->psk.account;
    *out = s->handle;
    return PROA_OK;
}

static proa_err first_id(proa_secure *base, const proa_secure_first *first, bool is_server,
                         uint32_t *id)
{
    *id = first_cid(first, is_server);
    return by_cid((box *)base, *id) == NULL ? PROA_OK : PROA_E_EXISTS;
}

static proa_err send_data(proa_secure *base, uint64_t now_ms, uint32_t handle, proa_span plaintext)
{
    box *b = (box *)base;
    session *s = by_handle(b, handle);
    (void)now_ms;
    if (s == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (!s->up) {
        return PROA_E_STATE;
    }
    if (plaintext.len > PROA_DATAGRAM_MAX) {
        return PROA_E_TOO_LARGE;
    }
    b->stats.records_out++;
    send_frame(b, &s->addr, s->cid, DATA, plaintext);
    return PROA_OK;
}

static void close_session(proa_secure *base, uint64_t now_ms, uint32_t handle, bool say)
{
    box *b = (box *)base;
    session *s = by_handle(b, handle);
    proa_span none = {NULL, 0};
    (void)now_ms;
    if (s != NULL) {
        if (say && s->up) {
            send_frame(b, &s->addr, s->cid, CLOSE, none);
        }
        memset(s, 0, sizeof *s);
    }
}

static void confirm_address(proa_secure *base, uint32_t handle)
{
    session *s = by_handle((box *)base, handle);
    if (s != NULL) {
        s->unreached = false;
    }
}

static bool address(const proa_secure *base, uint32_t handle, proa_addr *out)
{
    const session *s = by_handle((const box *)base, handle);
    if (s != NULL) {
        *out = s->addr;
    }
    return s != NULL;
}

static proa_secure_stats stats(const proa_secure *base)
{
    proa_secure_stats result = ((const box *)base)->stats;
    result.live = fake_secure_live(base);
    return result;
}

static void free_box(proa_secure *base)
{
    box *b = (box *)base;
    free(b->events.items);
    free(b->out.items);
    free(b);
}

static const proa_secure_class fake = {
    .input = input,
    .poll = poll,
    .output = output,
    .next_ms = next_ms,
    .open = open_session,
    .open_first = open_first,
    .first_id = first_id,
    .send = send_data,
    .close = close_session,
    .confirm_address = confirm_address,
    .address = address,
    .stats = stats,
    .free = free_box,
};

proa_secure *fake_secure_open(const proa_secure_config *config)
{
    box *b = calloc(1, sizeof *b);
    if (b == NULL) {
        abort();
    }
    b->base.class_ = &fake;
    b->base.has_firsts = config->find_first != NULL;
    b->config = *config;
    b->events.items = calloc(RING, sizeof(item));
    b->out.items = calloc(RING, sizeof(item));
    if (b->events.items == NULL || b->out.items == NULL) {
        abort();
    }
    return &b->base;
}

void fake_secure_forget(proa_secure *base, uint32_t handle)
{
    session *s = by_handle((box *)base, handle);
    if (s != NULL) {
        memset(s, 0, sizeof *s);
    }
}

void fake_secure_reboot(proa_secure *base)
{
    memset(((box *)base)->sessions, 0, sizeof((box *)base)->sessions);
}

void fake_secure_fail_opens(proa_secure *base, unsigned count)
{
    ((box *)base)->fail_opens = count;
}

uint32_t fake_secure_session_of(const proa_secure *base, uint64_t account)
{
    const box *b = (const box *)base;
    uint32_t newest = 0;
    for (size_t i = 0; i < SESSIONS; i++) {
        const session *s = &b->sessions[i];
        if (s->handle > newest && s->account == account) {
            newest = s->handle;
        }
    }
    return newest;
}

unsigned fake_secure_live(const proa_secure *base)
{
    const box *b = (const box *)base;
    unsigned live = 0;
    for (size_t i = 0; i < SESSIONS; i++) {
        live += b->sessions[i].handle != 0;
    }
    return live;
}
