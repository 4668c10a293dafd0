/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives the box. Owns the rows that a keeper stores (proa/secure.h) and the rule that makes
 * them safe: a record leaves only if its number is below a limit that is stored, and a revived
 * session begins at the limit that its row says. So whatever a crash loses, no number is used twice
 * (RFC 6347 §4.1, RFC 5116 §3.2: with CCM and GCM that would give the key's secrets away).
 *
 * A row is sealed under a key that the keeper gives to this box alone:
 *
 *     context   the PSK identity, a digest of the PSK, and what mbedtls_ssl_context_save wrote
 *     mark      limit, address
 *
 * The context is written once, when the session has settled: its keys and connection ids do not
 * change, and its record numbers are not read back. The mark is written again when half of the last
 * block of numbers is used, and counts once `stored` has confirmed it; until then the session is
 * `asking`. The first mark counts at once: either it is on disk, or no row is, and a session without
 * a row may send what it likes.
 *
 * A number that had to wait is lost with its record, as if on the way. */
#include "ports/mbedtls/dtls.h"

#include <mbedtls/sha256.h>
#include <mbedtls/version.h>
#include <string.h>

#include "ports/mbedtls/box.h"
#include "ports/mbedtls/seal.h"
#include "proa/assert.h"

/* The record number of a context is private to Mbed TLS and stays as it is for the life of 3.6
 * (LTS). Whoever moves to another version looks at cur_out_ctr (2 bytes epoch, 6 bytes number) and
 * in_window first. A context that another version has saved is refused by its loader. */
_Static_assert(MBEDTLS_VERSION_NUMBER >= 0x03060000 && MBEDTLS_VERSION_NUMBER < 0x03070000,
               "look at the private fields that ports/mbedtls uses");

enum {
    FORMAT = 1, /* of rows; another one is not opened, as it is in `about` */
    DIGEST_LEN = 32,
    PLAIN_MAX = 1 + PROA_PSK_IDENTITY_MAX + DIGEST_LEN + PROA__DTLS_CONTEXT_MAX,
    MARK_LEN = 8 + 16 + 2 + 2 + 1,
    ABOUT_MAX = 16 + PROA_DTLS_CID_MAX,
};

#define NUMBERS_END ((uint64_t)1 << 48)

/* ---- sealing ----------------------------------------------------------------------------- */

/* What a value is: so that none can stand in the place of another. */
static proa_span about(char kind, proa_span id, uint8_t out[ABOUT_MAX])
{
    proa_writer w = proa_writer_make(out, ABOUT_MAX);
    proa_write_text(&w, "proa session");
    proa_write_u8(&w, FORMAT);
    proa_write_u8(&w, (uint8_t)kind);
    proa_write_span(&w, id);
    PROA_ASSERT(w.err == PROA_OK);
    return proa_writer_span(&w);
}

static bool digest(const proa_psk *psk, uint8_t out[DIGEST_LEN])
{
    return mbedtls_sha256(psk->key, psk->key_len, out, 0) == 0;
}

static proa_span id_of(const proa__dtls *box, const proa__session *session)
{
    return proa_span_make(session->u.cid, box->config.cid_len);
}

static uint64_t limit_of(const proa__dtls *box, uint32_t blocks)
{
    return (uint64_t)blocks * box->config.reserve;
}

/* Of a session that has a state. */
static uint32_t *blocks_of(const proa__session *session)
{
    return &((proa__stem *)session->state)->blocks;
}

static bool seal_mark(const proa__dtls *box, const proa__session *session,
                      uint8_t out[MARK_LEN + PROA_SEAL_EXTRA])
{
    uint8_t plain[MARK_LEN];
    uint8_t what[ABOUT_MAX];
    proa_writer w = proa_writer_make(plain, sizeof plain);
    proa_write_u64(&w, limit_of(box, *blocks_of(session)));
    proa_write_bytes(&w, session->addr.ip, sizeof session->addr.ip);
    proa_write_u16(&w, session->addr.port);
    proa_write_u16(&w, session->addr.zone);
    proa_write_u8(&w, session->unconfirmed);
    return proa__seal(box->config.keeper_key, &box->config.random,
                      about('m', id_of(box, session), what), proa_writer_span(&w), out);
}

/* ---- record numbers ---------------------------------------------------------------------- */

/* False if it could not be sealed: the keeper knows nothing of it. */
static bool give_mark(proa__dtls *box, const proa__session *session)
{
    uint8_t mark[MARK_LEN + PROA_SEAL_EXTRA];
    if (!seal_mark(box, session, mark)) {
        return false;
    }
    box->config.keeper->mark(box->config.keeper->ctx, id_of(box, session),
                             proa_span_make(mark, sizeof mark));
    return true;
}

static void mark_again(proa__dtls *box, const proa__session *session)
{
    if (*blocks_of(session) != 0) {
        (void)give_mark(box, session); /* the next one will say it, too */
    }
}

static void ask_for_more(proa__dtls *box, proa__live *live)
{
    uint32_t *blocks = &live->stem.blocks;
    if (box->asking_count == PROA__DTLS_ASKING_MAX || *blocks == UINT32_MAX ||
        limit_of(box, *blocks + 1) > NUMBERS_END) {
        return;
    }
    ++*blocks;
    if (!give_mark(box, live->session)) {
        --*blocks;
        return;
    }
    live->session->asking = 1;
    box->asking[box->asking_count++] = live->handle;
}

static bool may_leave(proa__dtls *box, proa__live *live, uint64_t number)
{
    const uint32_t *blocks = &live->stem.blocks;
    if (*blocks == 0) {
        return true;
    }
    if (!live->session->asking && number + box->config.reserve / 2 >= limit_of(box, *blocks)) {
        ask_for_more(box, live);
    }
    return number < limit_of(box, *blocks - live->session->asking);
}

static void stored(proa__dtls *box, bool ok)
{
    for (uint32_t i = 0; i < box->asking_count; i++) {
        proa__session *session = proa__dtls_session(box, box->asking[i]);
        if (session != NULL && session->asking) { /* else it has ended meanwhile */
            *blocks_of(session) -= ok ? 0 : 1;
            session->asking = 0;
        }
    }
    box->asking_count = 0;
}

static void forget(proa__dtls *box, proa__session *session)
{
    if (session->state != NULL && *blocks_of(session) != 0) {
        *blocks_of(session) = 0;
        session->asking = 0;
        box->stats.kept--;
        box->config.keeper->forget(box->config.keeper->ctx, id_of(box, session));
    }
}

static uint8_t *out_number(const proa__live *live)
{
    return (uint8_t *)(uintptr_t)live->ssl.MBEDTLS_PRIVATE(cur_out_ctr);
}

/* ---- a row ------------------------------------------------------------------------------- */

static size_t write_context(proa__dtls *box, const proa__blob *blob, proa_span identity,
                            uint8_t out[PLAIN_MAX])
{
    uint8_t context[PROA__DTLS_CONTEXT_MAX];
    uint8_t key_digest[DIGEST_LEN];
    proa_psk psk = {{0}, 0, 0};
    proa_writer w = proa_writer_make(out, PLAIN_MAX);
    if (!box->config.find_psk(box->config.find_psk_ctx, identity, &psk) ||
        !digest(&psk, key_digest)) {
        w.err = PROA_E_DENIED;
    }
    proa_wipe(&psk, sizeof psk);
    proa_write_u8(&w, (uint8_t)identity.len);
    proa_write_span(&w, identity);
    proa_write_bytes(&w, key_digest, sizeof key_digest);
    proa_write_span(&w, proa__dtls_context(box, blob, context));
    proa_wipe(context, sizeof context);
    proa_wipe(key_digest, sizeof key_digest);
    return w.err == PROA_OK ? w.len : 0;
}

/* The row of a session in phase ASLEEP that may have sent records below `number`. */
static bool give_row(proa__dtls *box, proa__session *session, proa_span identity, uint64_t number)
{
    uint8_t plain[PLAIN_MAX];
    uint8_t context[PLAIN_MAX + PROA_SEAL_EXTRA];
    uint8_t mark[MARK_LEN + PROA_SEAL_EXTRA];
    uint8_t what[ABOUT_MAX];
    proa_span id = id_of(box, session);
    size_t len = write_context(box, session->state, identity, plain);
    *blocks_of(session) = (uint32_t)(number / box->config.reserve) + 2;
    bool ok = len > 0 && seal_mark(box, session, mark) &&
              proa__seal(box->config.keeper_key, &box->config.random, about('c', id, what),
                         proa_span_make(plain, len), context);
    proa_wipe(plain, sizeof plain);
    if (!ok) {
        *blocks_of(session) = 0;
        return false;
    }
    proa_secure_row row = {id, proa_span_make(context, len + PROA_SEAL_EXTRA),
                           proa_span_make(mark, sizeof mark)};
    box->config.keeper->keep(box->config.keeper->ctx, &row);
    box->stats.kept++;
    return true;
}

static uint64_t next_number(const proa__live *live)
{
    proa_reader r = proa_reader_make(proa_span_make(out_number(live) + 2, 6));
    return proa_read_uint(&r, 6);
}

static void keep(proa__dtls *box, proa_handle handle, proa_span identity)
{
    proa__session *session = proa__dtls_session(box, handle);
    if (!session->is_server || !session->has_cid) {
        return;
    }
    uint64_t number = next_number(session->state);
    if (!proa__dtls_sleep(box, handle)) {
        return;
    }
    (void)give_row(box, session, identity, number);
    proa__blob *blob = proa__dtls_wake(box, handle);
    if (blob != NULL) {
        proa__dtls_wake_keep(box, handle, blob);
    }
}

/* ---- revival ----------------------------------------------------------------------------- */

/* What a mark says. */
typedef struct marked {
    uint64_t limit;
    proa_addr addr;
    bool unconfirmed;
} marked;

static proa_err open_mark(const uint8_t *key, const proa_secure_row *row, marked *out)
{
    uint8_t plain[MARK_LEN];
    uint8_t what[ABOUT_MAX];
    if (row->mark.len != MARK_LEN + PROA_SEAL_EXTRA ||
        !proa__unseal(key, about('m', row->id, what), row->mark, plain)) {
        return PROA_E_DENIED;
    }
    proa_reader r = proa_reader_make(proa_span_make(plain, sizeof plain));
    out->limit = proa_read_u64(&r);
    memcpy(out->addr.ip, proa_read_span(&r, sizeof out->addr.ip).data, sizeof out->addr.ip);
    out->addr.port = proa_read_u16(&r);
    out->addr.zone = proa_read_u16(&r);
    out->unconfirmed = proa_read_u8(&r) != 0;
    return PROA_OK;
}

/* What a row's context says, if its account is still the same. */
typedef struct opened {
    proa_span identity;
    proa_span context;
    uint64_t account;
} opened;

static proa_err open_context(const proa__dtls *box, proa_span plain, opened *out)
{
    /* A context begins with the version that saved it (ssl_tls.c, mbedtls_ssl_context_save). */
    static const uint8_t version[3] = {MBEDTLS_VERSION_MAJOR, MBEDTLS_VERSION_MINOR,
                                       MBEDTLS_VERSION_PATCH};
    uint8_t key_digest[DIGEST_LEN];
    proa_psk psk = {{0}, 0, 0};
    proa_reader r = proa_reader_make(plain);
    out->identity = proa_read_span(&r, proa_read_u8(&r));
    proa_span stored_digest = proa_read_span(&r, DIGEST_LEN);
    out->context = proa_read_span(&r, proa_reader_left(&r));
    if (r.err != PROA_OK || out->context.len < sizeof version ||
        memcmp(out->context.data, version, sizeof version) != 0) {
        return PROA_E_FORMAT;
    }
    bool is_same = box->config.find_psk(box->config.find_psk_ctx, out->identity, &psk) &&
                   digest(&psk, key_digest) &&
                   proa_equal_ct(key_digest, stored_digest.data, DIGEST_LEN);
    out->account = psk.account;
    proa_wipe(&psk, sizeof psk);
    proa_wipe(key_digest, sizeof key_digest);
    return is_same ? PROA_OK : PROA_E_DENIED;
}

/* From now on the records of an AWAKE session have numbers from `number` on. */
static void go_on_from(proa__live *live, uint64_t number)
{
    static const uint8_t epoch[2] = {0, 1};
    uint8_t *counter = out_number(live);
    /* No other epoch has application data, so anything else is not the counter we know. */
    PROA_ASSERT(memcmp(counter, epoch, sizeof epoch) == 0);
    proa_writer w = proa_writer_make(counter + 2, 6);
    proa_write_uint(&w, number, 6);
}

static proa_err revive_opened(proa__dtls *box, proa_span id, proa_span plain, const marked *mark,
                              proa_handle *handle)
{
    opened row;
    proa_err err = open_context(box, plain, &row);
    if (err == PROA_OK) {
        err = proa__dtls_new_awake(box, id.data, true, row.context, handle);
    }
    if (err != PROA_OK) {
        return err;
    }
    proa__session *session = proa__dtls_session(box, *handle);
    session->account = row.account;
    session->addr = mark->addr;
    session->unconfirmed = mark->unconfirmed ? 1 : 0;
    session->doubtful = 1;
    go_on_from(session->state, mark->limit);
    if (!proa__dtls_sleep(box, *handle) || !give_row(box, session, row.identity, mark->limit)) {
        proa__dtls_drop(box, *handle);
        *handle = 0;
        return PROA_E_FULL;
    }
    return PROA_OK;
}

static proa_err revive(proa__dtls *box, const uint8_t *key, const proa_secure_row *row,
                       proa_handle *handle)
{
    uint8_t plain[PLAIN_MAX];
    uint8_t what[ABOUT_MAX];
    marked mark = {0};
    if (row->id.len != box->config.cid_len) {
        return PROA_E_RANGE;
    }
    if (proa__dtls_by_cid(box, row->id.data) != 0) {
        return PROA_E_EXISTS;
    }
    if (box->asleep >= box->config.hibernated_max) {
        return PROA_E_FULL;
    }
    proa_err err = open_mark(key, row, &mark);
    /* Room for years to come, or it begins anew. */
    uint64_t most = (uint64_t)UINT32_MAX / 2 * box->config.reserve;
    most = most < NUMBERS_END / 2 ? most : NUMBERS_END / 2;
    if (err == PROA_OK && (mark.limit == 0 || mark.limit > most)) {
        err = PROA_E_RANGE;
    }
    if (err == PROA_OK && (row->context.len > sizeof plain + PROA_SEAL_EXTRA ||
                           !proa__unseal(key, about('c', row->id, what), row->context, plain))) {
        err = PROA_E_DENIED;
    }
    if (err == PROA_OK) {
        err = revive_opened(box, row->id, proa_span_make(plain, row->context.len - PROA_SEAL_EXTRA),
                            &mark, handle);
    }
    proa_wipe(plain, sizeof plain);
    box->stats.revived += err == PROA_OK;
    return err;
}

void proa_dtls_keep(proa_secure_config *config, const proa_secure_keeper *keeper,
                    const uint8_t key[PROA_SECURE_KEY_LEN])
{
    static const proa_secure_keeping keeping = {keep,   may_leave, mark_again,
                                                forget, stored,    revive};
    config->keeping = &keeping;
    config->keeper = keeper;
    memcpy(config->keeper_key, key, sizeof config->keeper_key);
}
