/* SPDX-License-Identifier: Apache-2.0 */
/* From a ClientHello to a key, in both roles. Owns what Mbed TLS is told (configurations, callbacks,
 * timers) and what a handshake may cost.
 *
 * A handshake ends in one of four ways: connected; failed by its own messages; given up after
 * handshake_timeout_ms; or given up after doubt. Doubt comes with what anybody could have sent: an
 * unprotected alert, or a Finished that does not verify. It would be as wrong to believe those (one
 * forged datagram would end a handshake) as to ignore them (a wrong key would look like a dead peer
 * after a minute), so the handshake gets two retransmission times to prove them wrong.
 *
 * An unknown identity goes on with a random key: to the peer it looks like a wrong key. */
#include <string.h>

#include "ports/mbedtls/box.h"
#include "ports/mbedtls/dtls.h"
#include "proa/assert.h"

/* What a session, a handshake (or a session that is just waking) and a box take from the arena at
 * their peak, with GCM, whose contexts are larger than CCM's by 500 bytes: two buffers, and the rest,
 * measured on 64 bits (tests/dtls/test_arena.c sees that it suffices) and on a Cortex-M3. */
#define BUFFERS (MBEDTLS_SSL_IN_CONTENT_LEN + MBEDTLS_SSL_OUT_CONTENT_LEN)
#define SESSION_ROOM (BUFFERS + (sizeof(void *) == 8 ? 2048U : 1280U))
#define HANDSHAKE_ROOM (BUFFERS + (sizeof(void *) == 8 ? 4096U : 2560U))
#define BOX_ROOM 1024U

/* LwM2M 1.2 (transport) §5.2.8: CCM_8 is what every client has. */
static const int suites[] = {MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8,
                             MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256,
                             MBEDTLS_TLS_PSK_WITH_AES_128_CCM, 0};

/* ---- what Mbed TLS calls ---------------------------------------------------------------- */

static int fill_random(void *ctx, unsigned char *out, size_t len)
{
    proa_random_fill(ctx, out, len);
    return 0;
}

/* The box has checked the cookie before there was a context. */
static int cookie_is_checked(void *ctx, const unsigned char *cookie, size_t cookie_len,
                             const unsigned char *client, size_t client_len)
{
    (void)ctx, (void)cookie, (void)cookie_len, (void)client, (void)client_len;
    return 0;
}

static int cookie_is_not_written(void *ctx, unsigned char **at, unsigned char *end,
                                 const unsigned char *client, size_t client_len)
{
    (void)ctx, (void)at, (void)end, (void)client, (void)client_len;
    return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int find_key(void *ctx, mbedtls_ssl_context *ssl, const unsigned char *identity, size_t len)
{
    proa__dtls *box = ctx;
    proa__live *live = mbedtls_ssl_get_user_data_p(ssl);
    proa__handshake *handshake = live->handshake;
    proa_psk psk = {{0}, 0, 0};
    handshake->is_known =
        box->config.find_psk != NULL && len <= PROA_PSK_IDENTITY_MAX &&
        box->config.find_psk(box->config.find_psk_ctx, proa_span_make(identity, len), &psk) &&
        psk.key_len >= 1 && psk.key_len <= PROA_PSK_KEY_MAX;
    if (handshake->is_known) {
        memcpy(handshake->identity, identity, len);
        handshake->identity_len = (uint8_t)len;
        live->session->account = psk.account;
    } else {
        psk.key_len = 32;
        proa_random_fill(&box->config.random, psk.key, psk.key_len);
    }
    int failed = mbedtls_ssl_set_hs_psk(ssl, psk.key, psk.key_len);
    proa_wipe(&psk, sizeof psk);
    return failed;
}

static int send_datagram(void *ctx, const unsigned char *bytes, size_t len)
{
    proa__live *live = ctx;
    proa__dtls *box = live->box;
    /* Here records leave, and nowhere else. */
    const proa_secure_keeping *keeping = box->config.keeping;
    proa_reader r = proa_reader_make(proa_span_make(bytes, len));
    (void)proa_read_span(&r, 5); /* type, version, epoch */
    if ((keeping == NULL || keeping->may_leave(box, live, proa_read_uint(&r, 6))) &&
        proa__outbox_put(&box->outbox, &live->session->addr, bytes, len)) {
        box->stats.records_out++;
    } else {
        box->stats.dropped_output++; /* like any datagram that is lost on the way */
    }
    return (int)len;
}

static int receive_datagram(void *ctx, unsigned char *out, size_t cap)
{
    proa__live *live = ctx;
    proa_span feed = live->box->feed;
    live->box->feed = proa_span_make(NULL, 0);
    if (feed.len == 0 || feed.len > cap) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    memcpy(out, feed.data, feed.len);
    return (int)feed.len;
}

static void set_timer(void *ctx, uint32_t middle_ms, uint32_t end_ms)
{
    const proa__live *live = ctx;
    proa__handshake *handshake = live->handshake;
    uint32_t max_ms = live->box->config.retransmit_max_ms;
    if (handshake != NULL) { /* a connected session needs no timer, but Mbed TLS clears it */
        uint64_t now_ms = live->box->now_ms;
        handshake->middle_ms = now_ms + middle_ms;
        handshake->end_ms = end_ms == 0 ? 0 : now_ms + (end_ms < max_ms ? end_ms : max_ms);
    }
}

static int get_timer(void *ctx)
{
    const proa__live *live = ctx;
    const proa__handshake *handshake = live->handshake;
    uint64_t now_ms = live->box->now_ms;
    if (handshake == NULL || handshake->end_ms == 0) {
        return -1;
    }
    return now_ms >= handshake->end_ms ? 2 : now_ms >= handshake->middle_ms;
}

#ifndef NDEBUG
static void put_hex(proa_writer *w, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        proa_write_u8(w, (uint8_t)digits[bytes[i] >> 4]);
        proa_write_u8(w, (uint8_t)digits[bytes[i] & 15]);
    }
}

static void log_key(void *ctx, mbedtls_ssl_key_export_type type, const unsigned char *secret,
                    size_t secret_len, const unsigned char client_random[32],
                    const unsigned char server_random[32], mbedtls_tls_prf_types prf)
{
    const proa__dtls *box = ctx;
    char line[16 + 64 + 2 * 48 + 2];
    (void)server_random, (void)prf;
    if (type != MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET) {
        return;
    }
    proa_writer w = proa_writer_make(line, sizeof line);
    proa_write_text(&w, "CLIENT_RANDOM ");
    put_hex(&w, client_random, 32);
    proa_write_u8(&w, ' ');
    put_hex(&w, secret, secret_len);
    proa_write_u8(&w, 0);
    if (w.err == PROA_OK) {
        box->config.keylog(box->config.keylog_ctx, line);
    }
    proa_wipe(line, sizeof line);
}
#endif

static void offer_keys(proa__dtls *box, mbedtls_ssl_context *ssl)
{
#ifndef NDEBUG
    if (box->config.debug_keylog && box->config.keylog != NULL) {
        mbedtls_ssl_set_export_keys_cb(ssl, log_key, box);
    }
#endif
    (void)box;
    (void)ssl;
}

/* ---- configurations ---------------------------------------------------------------------- */

static void conf_init(proa__dtls *box, mbedtls_ssl_config *conf, int role)
{
    mbedtls_ssl_config_init(conf);
    int failed = mbedtls_ssl_config_defaults(conf, role, MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                             MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(conf, fill_random, &box->config.random);
    mbedtls_ssl_conf_ciphersuites(conf, suites);
    /* Mbed TLS gives up when its doubled time passes the maximum; set_timer() has our maximum, and
     * give_up_ms ends it. */
    mbedtls_ssl_conf_handshake_timeout(conf, box->config.retransmit_min_ms, UINT32_MAX / 4);
    failed |= mbedtls_ssl_conf_cid(conf, box->config.cid_len, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE);
    if (role == MBEDTLS_SSL_IS_SERVER) {
        mbedtls_ssl_conf_psk_cb(conf, find_key, box);
        mbedtls_ssl_conf_dtls_cookies(conf, cookie_is_not_written, cookie_is_checked, NULL);
    }
    PROA_ASSERT(failed == 0);
}

void proa__dtls_confs_init(proa__dtls *box)
{
    conf_init(box, &box->server_conf, MBEDTLS_SSL_IS_SERVER);
    conf_init(box, &box->client_conf, MBEDTLS_SSL_IS_CLIENT);
}

void proa__dtls_confs_free(proa__dtls *box)
{
    mbedtls_ssl_config_free(&box->server_conf);
    mbedtls_ssl_config_free(&box->client_conf);
}

bool proa__dtls_setup(proa__dtls *box, proa__live *live)
{
    mbedtls_ssl_context *ssl = &live->ssl;
    mbedtls_ssl_init(ssl);
    bool is_server = live->session->is_server != 0;
    if (mbedtls_ssl_setup(ssl, is_server ? &box->server_conf : &box->client_conf) != 0) {
        mbedtls_ssl_free(ssl);
        return false;
    }
    mbedtls_ssl_set_user_data_p(ssl, live);
    mbedtls_ssl_set_bio(ssl, live, send_datagram, receive_datagram, NULL);
    mbedtls_ssl_set_timer_cb(ssl, live, set_timer, get_timer);
    mbedtls_ssl_set_mtu(ssl, box->config.mtu);
    return true;
}

/* ---- one step --------------------------------------------------------------------------- */

static uint64_t sooner(uint64_t at_ms, uint64_t other_ms)
{
    return other_ms != 0 && other_ms < at_ms ? other_ms : at_ms;
}

static void schedule(proa__dtls *box, proa__live *live)
{
    proa__handshake *handshake = live->handshake;
    uint64_t at_ms = handshake->give_up_ms;
    if (live->session->phase == PROA__DTLS_HANDSHAKE) {
        at_ms = sooner(sooner(at_ms, handshake->end_ms), handshake->doubt_ms);
    }
    proa_heap_set(&box->timers, &handshake->timer, at_ms);
}

static proa_secure_reason reason_of(int failed)
{
    switch (failed) {
    case MBEDTLS_ERR_SSL_ALLOC_FAILED:
    case MBEDTLS_ERR_MD_ALLOC_FAILED:
    case MBEDTLS_ERR_CIPHER_ALLOC_FAILED:
        return PROA_SECURE_REASON_RESOURCES;
    case MBEDTLS_ERR_SSL_TIMEOUT:
        return PROA_SECURE_REASON_TIMEOUT;
    default:
        return PROA_SECURE_REASON_HANDSHAKE;
    }
}

static void fail(proa__dtls *box, proa_handle handle, proa_secure_reason reason)
{
    box->stats.handshakes_failed++;
    if (proa__dtls_session(box, handle)->is_server) {
        proa__dtls_drop(box, handle);
    } else {
        proa__dtls_end(box, handle, reason);
    }
}

static void connected(proa__dtls *box, proa__live *live)
{
    proa__session *session = live->session;
    proa_handle handle = live->handle;
    proa__handshake *handshake = live->handshake;
    unsigned char peer_cid[MBEDTLS_SSL_CID_OUT_LEN_MAX];
    size_t peer_cid_len;
    int by_cid = MBEDTLS_SSL_CID_DISABLED;
    if (box->config.cid_len > 0) {
        int failed = mbedtls_ssl_get_peer_cid(&live->ssl, &by_cid, peer_cid, &peer_cid_len);
        PROA_ASSERT(failed == 0);
    }
    proa_wipe(&handshake->psk, sizeof handshake->psk);
    /* Before the phase changes: what is there under this address now is older. */
    proa_handle older = by_cid == MBEDTLS_SSL_CID_ENABLED
                            ? 0
                            : proa__dtls_by_addr(box, &session->addr, session->is_server, false);
    proa__dtls_rename(box, handle, by_cid == MBEDTLS_SSL_CID_ENABLED);
    session->phase = session->is_server ? PROA__DTLS_SETTLING : PROA__DTLS_AWAKE;
    session->connected = 1;
    box->settling += session->is_server;
    box->awake += !session->is_server;
    proa__dtls_list_add(box, &box->news, handle);
    box->stats.handshakes_done++;
    handshake->give_up_ms = box->now_ms + box->config.handshake_timeout_ms;
    proa_heap_clear(&box->timers, &handshake->timer);
    if (session->phase == PROA__DTLS_SETTLING) {
        schedule(box, live);
    }
    if (older != 0) {
        proa__dtls_end(box, older, PROA_SECURE_REASON_EVICTED);
    }
    proa__dtls_trim(box, handle);
}

/* All clients' contexts share one configuration, and Mbed TLS wants identity and key in it. So it
 * holds them only while this client's handshake takes a step. */
static bool lend_psk(proa__dtls *box, const proa__handshake *handshake)
{
    return mbedtls_ssl_conf_psk(&box->client_conf, handshake->psk.key, handshake->psk.key_len,
                                handshake->identity, handshake->identity_len) == 0;
}

static void take_psk_back(proa__dtls *box)
{
    mbedtls_ssl_config_free(&box->client_conf); /* wipes the key */
    conf_init(box, &box->client_conf, MBEDTLS_SSL_IS_CLIENT);
}

/* Go as far as the input in box->feed and the clock allow. May end the session. */
static void step(proa__dtls *box, proa__live *live)
{
    proa__handshake *handshake = live->handshake;
    bool is_server = live->session->is_server != 0;
    int result = MBEDTLS_ERR_SSL_ALLOC_FAILED;
    if (is_server) {
        result = mbedtls_ssl_handshake(&live->ssl);
    } else {
        if (lend_psk(box, handshake)) {
            result = mbedtls_ssl_handshake(&live->ssl);
        }
        take_psk_back(box);
    }
    box->feed = proa_span_make(NULL, 0);
    if (result == MBEDTLS_ERR_SSL_WANT_READ) {
        schedule(box, live);
    } else if (result != 0 || (is_server && !handshake->is_known)) {
        fail(box, live->handle, reason_of(result));
    } else {
        connected(box, live);
    }
}

/* ---- the beginning ---------------------------------------------------------------------- */

bool proa__dtls_may_start(const proa__dtls *box)
{
    proa_dtls_arena_stats arena = proa_dtls_arena_read();
    return box->handshakes.count < box->config.handshake_max &&
           (arena.len == 0 || arena.len - arena.used >= HANDSHAKE_ROOM);
}

size_t proa_dtls_arena_len(const proa_secure_config *config)
{
    size_t len = BOX_ROOM + (size_t)config->live_max * SESSION_ROOM +
                 (config->handshake_max + (size_t)1) * HANDSHAKE_ROOM;
    return len + len / 10;
}

static bool start(proa__dtls *box, proa__live *live)
{
    proa__session *session = live->session;
    if (!proa__dtls_setup(box, live)) {
        return false;
    }
    offer_keys(box, &live->ssl);
    live->handshake->give_up_ms = box->now_ms + box->config.handshake_timeout_ms;
    return box->config.cid_len == 0 ||
           mbedtls_ssl_set_cid(&live->ssl, MBEDTLS_SSL_CID_ENABLED, session->u.cid,
                               box->config.cid_len) == 0;
}

void proa__dtls_accept(proa__dtls *box, const proa_addr *from, proa_span record,
                       const proa__client_hello *hello)
{
    proa_handle other = proa__dtls_by_addr(box, from, true, true);
    if (other != 0) {
        proa__live *live = proa__dtls_session(box, other)->state;
        proa__handshake *handshake = live->handshake;
        if (memcmp(handshake->cookie, hello->cookie.data, PROA_DTLS_COOKIE_LEN) == 0) {
            (void)proa__dtls_handshake_record(box, other, record);
            return;
        }
        /* The client has begun anew and proved that it is there; nobody waits for the old one. */
        fail(box, other, PROA_SECURE_REASON_HANDSHAKE);
    }
    proa__live *live = NULL;
    proa__session *session = NULL;
    if (proa__dtls_may_start(box)) {
        session = proa__dtls_new(box, from, true, &live);
    }
    if (session == NULL || !start(box, live)) {
        box->stats.refused_full++;
        if (session != NULL) {
            proa__dtls_drop(box, live->handle);
        }
        return;
    }
    proa__handshake *handshake = live->handshake;
    memcpy(handshake->cookie, hello->cookie.data, PROA_DTLS_COOKIE_LEN);
    box->feed = record;
    step(box, live);
}

proa_err proa__dtls_connect(proa__dtls *box, const proa_addr *to, proa_span identity,
                            const proa_psk *psk, proa_handle *handle)
{
    proa__live *live = NULL;
    if (identity.len < 1 || identity.len > PROA_PSK_IDENTITY_MAX || psk->key_len < 1 ||
        psk->key_len > PROA_PSK_KEY_MAX) {
        return PROA_E_RANGE;
    }
    if (proa__dtls_by_addr(box, to, false, true) != 0) {
        return PROA_E_EXISTS;
    }
    proa__session *session =
        proa__dtls_may_start(box) ? proa__dtls_new(box, to, false, &live) : NULL;
    if (session == NULL) {
        box->stats.refused_full++;
        return PROA_E_FULL;
    }
    proa__handshake *handshake = live->handshake;
    handshake->psk = *psk;
    memcpy(handshake->identity, identity.data, identity.len);
    handshake->identity_len = (uint8_t)identity.len;
    session->account = psk->account;
    *handle = live->handle;
    if (start(box, live)) {
        step(box, live);
    } else {
        proa__dtls_drop(box, *handle);
    }
    session = proa__dtls_session(box, *handle);
    if (session == NULL || session->phase != PROA__DTLS_HANDSHAKE) {
        /* The arena was full after all, and the caller is told here instead of by CLOSED. */
        if (session != NULL) {
            proa__dtls_drop(box, *handle);
        }
        box->stats.refused_full++;
        return PROA_E_FULL;
    }
    return PROA_OK;
}

/* ---- what comes in ---------------------------------------------------------------------- */

proa__dtls_taken proa__dtls_handshake_record(proa__dtls *box, proa_handle handle, proa_span record)
{
    proa__live *live = proa__dtls_session(box, handle)->state;
    if (record.data[4] != 0) { /* epoch 1: it has to verify, or one forged Finished ends it all */
        if (record.len > box->datagram_cap) {
            return PROA__DTLS_NOT_MINE;
        }
        memcpy(box->plain, record.data, record.len);
        int result = mbedtls_ssl_check_record(&live->ssl, box->plain, record.len);
        if (result != 0) {
            return result == MBEDTLS_ERR_SSL_INVALID_MAC ? PROA__DTLS_FORGED : PROA__DTLS_NOT_MINE;
        }
    }
    box->feed = record;
    step(box, live);
    return PROA__DTLS_TAKEN;
}

void proa__dtls_bad_finished(proa__dtls *box, proa_handle handle)
{
    proa__live *live = proa__dtls_session(box, handle)->state;
    if (live->handshake->doubt_ms == 0) {
        (void)mbedtls_ssl_send_alert_message(&live->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                             MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR);
        proa__dtls_doubt(box, handle);
    }
}

void proa__dtls_doubt(proa__dtls *box, proa_handle handle)
{
    proa__live *live = proa__dtls_session(box, handle)->state;
    if (live->handshake->doubt_ms == 0) {
        live->handshake->doubt_ms = box->now_ms + 2 * (uint64_t)box->config.retransmit_min_ms;
        schedule(box, live);
    }
}

void proa__dtls_due(proa__dtls *box, proa_handle handle)
{
    proa__live *live = proa__dtls_session(box, handle)->state;
    if (live->session->phase == PROA__DTLS_SETTLING) {
        proa__dtls_end(box, handle, PROA_SECURE_REASON_TIMEOUT);
    } else if (box->now_ms >= live->handshake->give_up_ms) {
        fail(box, handle, PROA_SECURE_REASON_TIMEOUT);
    } else if (live->handshake->doubt_ms != 0 && box->now_ms >= live->handshake->doubt_ms) {
        fail(box, handle, PROA_SECURE_REASON_HANDSHAKE);
    } else {
        step(box, live);
    }
}

void proa__dtls_over(proa__dtls *box, proa_handle handle)
{
    proa__session *session = proa__dtls_session(box, handle);
    proa__live *live = session->state;
    live->used_ms = box->now_ms;
    if (session->phase == PROA__DTLS_AWAKE && !session->connected) {
        uint8_t identity[PROA_PSK_IDENTITY_MAX];
        size_t identity_len = live->handshake == NULL ? 0 : live->handshake->identity_len;
        if (identity_len > 0) {
            memcpy(identity, live->handshake->identity, identity_len);
        }
        proa__dtls_give_handshake(box, live);
        proa__dtls_list_add(box, &box->idlest, handle);
        if (box->config.keeping != NULL && identity_len > 0) {
            box->config.keeping->keep(box, handle, proa_span_make(identity, identity_len));
        }
    }
}

void proa__dtls_settle(proa__dtls *box, proa_handle handle)
{
    proa__session *session = proa__dtls_session(box, handle);
    proa__live *live = session->state;
    PROA_ASSERT(session->phase == PROA__DTLS_SETTLING);
    proa_heap_clear(&box->timers, &live->handshake->timer);
    session->phase = PROA__DTLS_AWAKE;
    box->settling--;
    box->awake++;
    proa__dtls_over(box, handle);
    proa__dtls_trim(box, handle);
}
