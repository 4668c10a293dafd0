/* SPDX-License-Identifier: Apache-2.0 */
/* The class of proa/secure.h, and which record is for whom.
 *
 * A datagram is taken apart here into records, and each goes its own way, because each proves or
 * fails to prove something for itself:
 *
 *     with a connection id (type 25)     to the session of that id, else to the new key of that id
 *     protected, without id              to the sessions of its address, until one verifies it
 *     ClientHello                        cookie first, then a handshake
 *     other handshake messages           to the handshake of the address in the role they speak to
 *     unprotected alerts                 never believed, see handshake.c
 *
 * RFC 6347 §4.1, RFC 9146 §4 to §6. What a record is worth (verified, replayed, newest) is read from
 * the receive window of Mbed TLS before and after it saw the record. */
#include "ports/mbedtls/dtls.h"

#include <string.h>

#include "ports/mbedtls/box.h"
#include "proa/assert.h"

enum {
    TYPE_CHANGE_CIPHER_SPEC = 20,
    TYPE_ALERT = 21,
    TYPE_HANDSHAKE = 22,
    TYPE_APPLICATION_DATA = 23,
    TYPE_CID = 25,
    MESSAGE_HELLO_REQUEST = 0,
    MESSAGE_CLIENT_HELLO = 1,
    MESSAGE_CLIENT_KEY_EXCHANGE = 16,
    MESSAGE_FINISHED = 20,
    CID_AT = 11,       /* where a connection id stands in a record */
    HEAD_LEN = 13,     /* of a record without one */
    AMPLIFICATION = 3, /* RFC 9146 §6 leaves the number open; RFC 9000 §8.1 has three */
};

typedef struct record {
    proa_span bytes;
    uint8_t type;
    uint16_t epoch;
    uint64_t number;    /* 48 bits */
    const uint8_t *cid; /* NULL without one */
} record;

/* ---- records for sessions ---------------------------------------------------------------- */

/* The next record of a datagram; false at its end or where it breaks off. */
static bool next_record(proa__dtls *box, record *out)
{
    proa_reader r = proa_reader_make(box->rest);
    out->type = proa_read_u8(&r);
    (void)proa_read_u16(&r); /* version: Mbed TLS judges it */
    out->epoch = proa_read_u16(&r);
    out->number = proa_read_uint(&r, 6);
    out->cid = NULL;
    if (out->type == TYPE_CID) {
        out->cid = proa_read_span(&r, box->config.cid_len).data;
    }
    (void)proa_read_span(&r, proa_read_u16(&r));
    if (r.err != PROA_OK) {
        box->stats.dropped_bad += box->rest.len > 0;
        box->rest = proa_span_make(NULL, 0);
        return false;
    }
    size_t len = box->rest.len - proa_reader_left(&r);
    out->bytes = proa_span_make(box->rest.data, len);
    box->rest = proa_span_make(box->rest.data + len, box->rest.len - len);
    return true;
}

/* The window is private to Mbed TLS and stays as it is for the life of 3.6 (LTS). Nothing public
 * tells whether a record was verified that carried no application data. */
typedef struct window {
    uint64_t top;
    uint64_t seen; /* bit n: top - n */
} window;

static window window_of(const mbedtls_ssl_context *ssl)
{
    window w = {ssl->MBEDTLS_PRIVATE(in_window_top), ssl->MBEDTLS_PRIVATE(in_window)};
    return w;
}

static bool was_seen(const window *w, uint64_t number)
{
    uint64_t behind = w->top - number;
    return number <= w->top && (behind >= 64 || (w->seen >> behind & 1) != 0);
}

/* A verified record says where the peer is, if no newer one has come (RFC 9146 §6). Of a doubtful
 * session nobody knows what has come. */
static void follow(proa__dtls *box, proa__session *session, size_t len, bool is_newest)
{
    size_t credit = len * AMPLIFICATION;
    bool may_move = session->has_cid && is_newest && !session->doubtful;
    if (may_move && !proa_addr_equal(&session->addr, &box->from)) {
        session->addr = box->from;
        session->unconfirmed = 1;
        session->credit = 0;
        box->stats.address_changes++;
    }
    if (session->unconfirmed && proa_addr_equal(&session->addr, &box->from)) {
        size_t room = (size_t)UINT16_MAX - session->credit;
        session->credit = (uint16_t)(session->credit + (credit < room ? credit : room));
    }
}

/* What a session says to a protected record. */
typedef enum verdict {
    VERIFIED = 1,
    REPLAYED, /* or another session's, whose record numbers have come that far */
    REFUSED,
    FORGED_FINISHED,
} verdict;

/* The context of a sleeping session, read from its blob, as long as nothing is proved. NULL: there is
 * no room for it, or this program has none that sleep. */
static proa__blob *wake(proa__dtls *box, proa_handle handle)
{
    return proa_dtls_hibernation == NULL ? NULL : proa_dtls_hibernation->wake(box, handle);
}

static void undo(proa__dtls *box, proa_handle handle, proa__blob *blob)
{
    if (blob != NULL) {
        proa_dtls_hibernation->undo(box, handle, blob);
    }
}

/* The first record of the peer in a first session: it has the key. */
static void proved(proa__dtls *box, proa_handle handle)
{
    proa__session *session = proa__dtls_session(box, handle);
    proa__dtls_list_remove(box, &box->idlest, handle);
    session->unproved = 0;
    session->connected = 1;
    if (session->is_server) { /* it was not asked for a cookie */
        session->unconfirmed = 1;
        session->credit = UINT16_MAX;
    }
    proa__dtls_list_add(box, &box->news, handle);
    box->stats.firsts_done++;
    proa__dtls_trim(box, handle);
}

/* One record for a connected session with a context. If VERIFIED, its plaintext may be in
 * box->plain, and the session may have ended. */
static verdict take_record(proa__dtls *box, proa_handle handle, const record *rec, proa__blob *blob)
{
    proa__session *session = proa__dtls_session(box, handle);
    proa__live *live = session->state;
    window before = window_of(&live->ssl);
    if (was_seen(&before, rec->number)) {
        undo(box, handle, blob);
        return REPLAYED;
    }
    box->feed = rec->bytes;
    int result = mbedtls_ssl_read(&live->ssl, box->plain, box->datagram_cap);
    box->feed = proa_span_make(NULL, 0);
    window after = window_of(&live->ssl);
    if (after.top == before.top && after.seen == before.seen) {
        undo(box, handle, blob);
        return REFUSED;
    }
    if (session->unproved && session->is_server && result <= 0) {
        return REFUSED; /* a close, say: nobody would hear that the key is new no more */
    }
    box->stats.records_in++;
    if (blob != NULL) {
        proa_dtls_hibernation->keep(box, handle, blob);
    }
    follow(box, session, rec->bytes.len, after.top > before.top);
    if (session->unproved) {
        proved(box, handle);
    }
    if (result > 0) {
        box->data = handle;
        box->plain_len = (size_t)result;
        if (session->phase == PROA__DTLS_SETTLING) {
            proa__dtls_settle(box, handle);
        } else {
            proa__dtls_touch(box, handle);
        }
    } else if (result != MBEDTLS_ERR_SSL_WANT_READ) {
        proa__dtls_end(box, handle, PROA_SECURE_REASON_PEER_CLOSED);
    }
    return VERIFIED;
}

/* A protected record for a session in any phase. */
static verdict offer(proa__dtls *box, proa_handle handle, const record *rec)
{
    proa__session *session = proa__dtls_session(box, handle);
    if (session->phase == PROA__DTLS_HANDSHAKE) {
        proa__dtls_taken taken = proa__dtls_handshake_record(box, handle, rec->bytes);
        bool is_finished = taken == PROA__DTLS_FORGED && rec->type != TYPE_APPLICATION_DATA;
        return taken == PROA__DTLS_TAKEN ? VERIFIED : is_finished ? FORGED_FINISHED : REFUSED;
    }
    proa__blob *blob = NULL;
    if (session->phase == PROA__DTLS_ASLEEP) {
        blob = wake(box, handle);
        if (blob == NULL) {
            return REFUSED;
        }
    }
    return take_record(box, handle, rec, blob);
}

static void route_protected(proa__dtls *box, const record *rec)
{
    proa_handle candidates[4];
    uint32_t count = 0;
    proa_handle awaited = 0;
    if (rec->cid != NULL) {
        candidates[0] = proa__dtls_by_cid(box, rec->cid);
        if (candidates[0] == 0 && box->config.firsts != NULL) {
            candidates[0] = awaited = box->config.firsts->await(box, rec->cid);
        }
        count = candidates[0] != 0;
    } else {
        for (uint32_t i = 0; i < 4; i++) {
            candidates[count] = proa__dtls_by_addr(box, &box->from, (i & 1) == 0, i >= 2);
            count += candidates[count] != 0;
        }
    }
    proa_handle doubted = 0;
    bool is_replay = false;
    for (uint32_t i = 0; i < count; i++) {
        verdict said = offer(box, candidates[i], rec);
        if (said == VERIFIED) {
            return;
        }
        is_replay |= said == REPLAYED;
        doubted = said == FORGED_FINISHED ? candidates[i] : doubted;
    }
    if (awaited != 0) {
        proa__dtls_drop(box, awaited);
    }
    box->stats.dropped_unknown += count == 0;
    box->stats.dropped_replay += is_replay;
    box->stats.dropped_bad += count != 0 && !is_replay;
    if (doubted != 0) {
        proa__dtls_bad_finished(box, doubted);
    }
}

/* ---- unprotected records ----------------------------------------------------------------- */

static void route_hello(proa__dtls *box, const record *rec)
{
    proa__client_hello hello;
    uint8_t answer[PROA_DTLS_VERIFY_LEN];
    if (proa__client_hello_read(rec->bytes, &hello) != PROA_OK) {
        box->stats.dropped_bad++;
    } else if (box->config.find_psk == NULL) {
        box->stats.dropped_unknown++;
    } else if (proa__cookie_check(&box->cookies, box->now_ms, &box->from, &hello)) {
        proa__dtls_accept(box, &box->from, rec->bytes, &hello);
    } else {
        proa__cookie_write(&box->cookies, box->now_ms, &box->from, &hello, answer);
        if (proa__outbox_put(&box->outbox, &box->from, answer, sizeof answer)) {
            box->stats.cookies_sent++;
            box->stats.records_out++;
        } else {
            box->stats.dropped_output++;
        }
    }
}

static void route_plain(proa__dtls *box, const record *rec)
{
    bool to_server = true;
    bool to_client = true;
    if (rec->type == TYPE_HANDSHAKE) {
        uint8_t message = rec->bytes.data[HEAD_LEN];
        if (message == MESSAGE_CLIENT_HELLO) {
            route_hello(box, rec);
            return;
        }
        to_server = message == MESSAGE_CLIENT_KEY_EXCHANGE;
        to_client = !to_server && message != MESSAGE_HELLO_REQUEST && message != MESSAGE_FINISHED;
    }
    bool is_known = false;
    /* Looked up one after the other: the first may have ended the second. */
    for (int is_server = 0; is_server < 2; is_server++) {
        if (is_server != 0 ? !to_server : !to_client) {
            continue;
        }
        proa_handle handle = proa__dtls_by_addr(box, &box->from, is_server != 0, true);
        if (handle == 0) {
            continue;
        }
        is_known = true;
        if (rec->type == TYPE_ALERT) {
            proa__dtls_doubt(box, handle);
        } else {
            (void)proa__dtls_handshake_record(box, handle, rec->bytes);
        }
    }
    box->stats.dropped_unknown += !is_known;
}

static void route(proa__dtls *box, const record *rec)
{
    bool is_known = rec->type == TYPE_CHANGE_CIPHER_SPEC || rec->type == TYPE_ALERT ||
                    rec->type == TYPE_HANDSHAKE || rec->type == TYPE_APPLICATION_DATA ||
                    (rec->type == TYPE_CID && box->config.cid_len > 0);
    bool is_protected = rec->epoch != 0;
    /* Without renegotiation there is no second key, and data are never unprotected. */
    bool fits = is_protected ? rec->epoch == 1
                             : rec->type != TYPE_CID && rec->type != TYPE_APPLICATION_DATA;
    if (!is_known || !fits || rec->bytes.len <= HEAD_LEN) {
        box->stats.dropped_bad++;
    } else if (is_protected) {
        route_protected(box, rec);
    } else {
        route_plain(box, rec);
    }
}

/* As many records of the last datagram as there is room for their plaintext: one. */
static void advance(proa__dtls *box)
{
    record rec;
    while (box->data == 0 && next_record(box, &rec)) {
        route(box, &rec);
    }
}

/* ---- the class --------------------------------------------------------------------------- */

static proa__dtls *box_of(proa_secure *secure)
{
    return (proa__dtls *)(void *)secure;
}

static const proa__dtls *const_box_of(const proa_secure *secure)
{
    return (const proa__dtls *)(const void *)secure;
}

static void input(proa_secure *secure, uint64_t now_ms, const proa_addr *from, proa_span datagram)
{
    proa__dtls *box = box_of(secure);
    box->now_ms = now_ms;
    box->data = 0;
    box->from = *from;
    box->rest = datagram;
    if (datagram.len > box->datagram_cap) {
        box->stats.dropped_bad++;
        box->rest = proa_span_make(NULL, 0);
        return;
    }
    advance(box);
    if (box->rest.len > 0) {
        memcpy(box->datagram, box->rest.data, box->rest.len);
        box->rest.data = box->datagram;
    } else {
        box->rest.data = NULL;
    }
}

static bool report_news(proa__dtls *box, proa_secure_event *event)
{
    proa_handle handle = box->news.first;
    if (handle == 0) {
        return false;
    }
    proa__session *session = proa__dtls_session(box, handle);
    *event = (proa_secure_event){.session = handle,
                                 .account = session->account,
                                 .is_server = session->is_server != 0,
                                 .addr = session->addr};
    if (session->phase == PROA__DTLS_ENDED) {
        event->kind = PROA_SECURE_CLOSED;
        event->reason = (proa_secure_reason)session->credit;
        proa__dtls_drop(box, handle);
        return true;
    }
    proa__live *live = session->state;
    const proa__handshake *handshake = live->handshake;
    event->kind = PROA_SECURE_CONNECTED;
    if (handshake != NULL) {
        memcpy(box->identity, handshake->identity, handshake->identity_len);
        event->identity = proa_span_make(box->identity, handshake->identity_len);
    }
    proa__dtls_list_remove(box, &box->news, handle);
    session->connected = 0;
    proa__dtls_over(box, handle);
    return true;
}

static bool report_data(proa__dtls *box, proa_secure_event *event)
{
    if (box->data == 0) {
        return false;
    }
    const proa__session *session = proa__dtls_session(box, box->data);
    *event = (proa_secure_event){.kind = PROA_SECURE_DATA,
                                 .session = box->data,
                                 .account = session->account,
                                 .is_server = session->is_server != 0,
                                 .is_doubtful = session->doubtful != 0,
                                 .is_unreached = session->unconfirmed != 0,
                                 .addr = session->addr,
                                 .data = proa_span_make(box->plain, box->plain_len)};
    box->data = 0;
    return true;
}

static bool poll(proa_secure *secure, uint64_t now_ms, proa_secure_event *event)
{
    proa__dtls *box = box_of(secure);
    box->now_ms = now_ms;
    for (;;) {
        if (report_news(box, event) || report_data(box, event)) {
            return true;
        }
        if (box->rest.len > 0) {
            advance(box);
            continue;
        }
        proa_timer *due = proa_heap_take_due(&box->timers, now_ms);
        if (due == NULL) {
            break;
        }
        const proa__handshake *handshake =
            (const proa__handshake *)(void *)((uint8_t *)due - offsetof(proa__handshake, timer));
        proa__dtls_due(box, handshake->live->handle);
    }
    uint32_t idle_ms = box->config.idle_hibernate_ms;
    if (idle_ms > 0 && now_ms >= idle_ms) {
        proa__dtls_rest(box, now_ms - idle_ms);
    }
    return false;
}

static bool output(proa_secure *secure, uint64_t now_ms, proa_addr *to, proa_span *datagram)
{
    proa__dtls *box = box_of(secure);
    box->now_ms = now_ms;
    return proa__outbox_take(&box->outbox, to, datagram);
}

static uint64_t next_ms(const proa_secure *secure)
{
    const proa__dtls *box = const_box_of(secure);
    if (box->data != 0 || box->news.first != 0 || box->rest.len > 0) {
        return box->now_ms;
    }
    uint64_t at_ms = proa_heap_next_ms(&box->timers);
    if (box->config.idle_hibernate_ms > 0 && box->idlest.first != 0 &&
        box->asleep < box->config.hibernated_max) {
        const proa__live *live = proa__dtls_session(box, box->idlest.first)->state;
        uint64_t idle_at_ms = live->used_ms + box->config.idle_hibernate_ms;
        at_ms = idle_at_ms < at_ms ? idle_at_ms : at_ms;
    }
    return at_ms;
}

static proa_err open_session(proa_secure *secure, uint64_t now_ms, const proa_addr *to,
                             proa_span identity, const proa_psk *psk, uint32_t *session)
{
    proa__dtls *box = box_of(secure);
    box->now_ms = now_ms;
    return proa__dtls_connect(box, to, identity, psk, session);
}

static proa_err open_first(proa_secure *secure, uint64_t now_ms, const proa_addr *to,
                           const proa_secure_first *first, uint32_t *session)
{
    proa__dtls *box = box_of(secure);
    box->now_ms = now_ms;
    PROA_ASSERT(secure->has_firsts);
    return box->config.firsts->open(box, to, first, session);
}

static proa_err first_id(proa_secure *secure, const proa_secure_first *first, bool is_server,
                         uint32_t *id)
{
    proa__dtls *box = box_of(secure);
    PROA_ASSERT(secure->has_firsts);
    return box->config.firsts->id(box, first, is_server, id);
}

/* The context of a connected session, woken if it must be. */
static proa_err context(proa__dtls *box, proa_handle handle, proa__live **live)
{
    proa__session *session = proa__dtls_session(box, handle);
    if (session == NULL || session->phase == PROA__DTLS_ENDED) {
        return PROA_E_NOT_FOUND;
    }
    if (session->phase == PROA__DTLS_HANDSHAKE) {
        return PROA_E_STATE;
    }
    if (session->phase == PROA__DTLS_ASLEEP) {
        proa__blob *blob = wake(box, handle);
        if (blob == NULL) {
            return PROA_E_FULL;
        }
        proa_dtls_hibernation->keep(box, handle, blob);
    }
    *live = session->state;
    return PROA_OK;
}

static proa_err send_data(proa_secure *secure, uint64_t now_ms, uint32_t handle, proa_span plain)
{
    proa__dtls *box = box_of(secure);
    proa__live *live = NULL;
    box->now_ms = now_ms;
    proa_err err = context(box, handle, &live);
    if (err != PROA_OK) {
        return err;
    }
    int plain_max = mbedtls_ssl_get_max_out_record_payload(&live->ssl);
    int extra = mbedtls_ssl_get_record_expansion(&live->ssl);
    if (plain_max < 0 || extra < 0 || plain.len > (size_t)plain_max) {
        return PROA_E_TOO_LARGE;
    }
    proa__session *session = live->session;
    size_t len = plain.len + (size_t)extra; /* at most: without padding it is exact */
    if (session->unconfirmed && len > session->credit) {
        return PROA_E_DENIED;
    }
    if (!proa__outbox_fits(&box->outbox, len)) {
        return PROA_E_FULL;
    }
    int sent = mbedtls_ssl_write(&live->ssl, plain.data, plain.len);
    if (sent < 0) {
        /* Record numbers are used up (RFC 6347 §4.1), which takes 2^48 records. */
        proa__dtls_end(box, handle, PROA_SECURE_REASON_RESOURCES);
        return PROA_E_NOT_FOUND;
    }
    session->credit = (uint16_t)(session->unconfirmed ? session->credit - len : 0);
    proa__dtls_touch(box, handle);
    return PROA_OK;
}

static void close_session(proa_secure *secure, uint64_t now_ms, uint32_t handle, bool tell)
{
    proa__dtls *box = box_of(secure);
    proa__live *live = NULL;
    box->now_ms = now_ms;
    if (proa__dtls_session(box, handle) == NULL) {
        return;
    }
    if (tell && context(box, handle, &live) == PROA_OK) {
        (void)mbedtls_ssl_close_notify(&live->ssl);
    }
    proa__dtls_drop(box, handle);
}

static void confirm_address(proa_secure *secure, uint32_t handle)
{
    proa__dtls *box = box_of(secure);
    proa__session *session = proa__dtls_session(box, handle);
    if (session != NULL && session->phase != PROA__DTLS_ENDED && session->unconfirmed) {
        session->unconfirmed = 0;
        if (box->config.keeping != NULL) {
            box->config.keeping->mark(box, session);
        }
    }
}

static void stored(proa_secure *secure, bool ok)
{
    proa__dtls *box = box_of(secure);
    if (box->config.keeping != NULL) {
        box->config.keeping->stored(box, ok);
    }
}

static proa_err revive(proa_secure *secure, uint64_t now_ms, const uint8_t *key,
                       const proa_secure_row *row, uint32_t *session, uint64_t *account)
{
    proa__dtls *box = box_of(secure);
    box->now_ms = now_ms;
    *session = 0;
    proa_err err = box->config.keeping == NULL
                       ? PROA_E_RANGE
                       : box->config.keeping->revive(box, key, row, session);
    *account = err == PROA_OK ? proa__dtls_session(box, *session)->account : 0;
    return err;
}

static void prove(proa_secure *secure, uint32_t handle)
{
    proa__dtls *box = box_of(secure);
    proa__session *session = proa__dtls_session(box, handle);
    proa__live *live;
    if (session != NULL && session->doubtful && context(box, handle, &live) == PROA_OK) {
        /* Whatever came before the restart has a smaller number than the proof, and the proof none
         * above the top. A late record of today is lost with it. */
        live->ssl.MBEDTLS_PRIVATE(in_window) = UINT64_MAX;
        session->doubtful = 0;
    }
}

static bool address(const proa_secure *secure, uint32_t handle, proa_addr *out)
{
    const proa__session *session = proa__dtls_session(const_box_of(secure), handle);
    if (session == NULL) {
        return false;
    }
    *out = session->addr;
    return true;
}

static proa_secure_stats stats(const proa_secure *secure)
{
    const proa__dtls *box = const_box_of(secure);
    proa_secure_stats now = box->stats;
    now.live = box->awake + box->settling;
    now.hibernated = box->asleep;
    now.handshakes = box->lives.count - box->awake - box->settling;
    return now;
}

static void free_box(proa_secure *secure)
{
    proa__dtls *box = box_of(secure);
    proa_memory memory = box->config.memory;
    box->config.keeping = NULL; /* sessions end, their rows stay */
    proa__dtls_tables_free(box);
    proa__cookies_free(&box->cookies);
    proa__dtls_confs_free(box);
    proa_wipe(box, sizeof *box);
    memory.give(memory.ctx, box, sizeof *box);
}

static const proa_secure_class dtls_class = {
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
    .stored = stored,
    .revive = revive,
    .prove = prove,
    .address = address,
    .stats = stats,
    .free = free_box,
};

proa_err proa_dtls_open(proa_secure **out, const proa_secure_config *config)
{
    if (config->cid_len > PROA_DTLS_CID_MAX || config->mtu < PROA_DTLS_MTU_MIN ||
        config->mtu > PROA_DATAGRAM_MAX || config->live_max == 0 || config->handshake_max == 0 ||
        (config->keeper != NULL &&
         (config->cid_len == 0 || config->hibernated_max == 0 || config->find_psk == NULL)) ||
        (config->hibernated_max > 0 && proa_dtls_hibernation == NULL) ||
        config->reserve > PROA_DTLS_RESERVE_MAX ||
        (config->firsts != NULL) != (config->find_first != NULL) ||
        (config->firsts != NULL &&
         (config->cid_len == 0 || config->cid_len > PROA_DTLS_FIRST_CID_MAX))) {
        return PROA_E_RANGE;
    }
    proa__dtls *box = config->memory.take(config->memory.ctx, sizeof *box);
    if (box == NULL) {
        return PROA_E_NO_MEMORY;
    }
    box->base.class_ = &dtls_class;
    box->base.has_firsts = config->firsts != NULL;
    box->config = *config;
    box->config.reserve = config->reserve != 0 ? config->reserve : PROA_DTLS_RESERVE;
    proa_err err = proa__dtls_tables_init(box);
    if (err != PROA_OK) {
        config->memory.give(config->memory.ctx, box, sizeof *box);
        return err;
    }
    proa__cookies_init(&box->cookies, &config->random);
    proa__dtls_confs_init(box);
    *out = &box->base;
    return PROA_OK;
}

proa_secure_config proa_dtls_config_device(proa_random random, proa_memory memory)
{
    proa_secure_config config = {.random = random,
                                 .memory = memory,
                                 .live_max = 4,
                                 .hibernated_max = 16,
                                 .handshake_max = 4,
                                 .handshake_timeout_ms = 60000,
                                 .retransmit_min_ms = 1000,
                                 .retransmit_max_ms = 16000,
                                 .mtu = PROA_DATAGRAM_MAX,
                                 .cid_len = 2};
    return config;
}

proa_secure_config proa_dtls_config_server(proa_random random, proa_memory memory)
{
    proa_secure_config config = proa_dtls_config_device(random, memory);
    config.live_max = 256;
    config.hibernated_max = 100000;
    config.handshake_max = 64;
    config.output_len = 65536;
    config.cid_len = 6;
    return config;
}
