/* SPDX-License-Identifier: Apache-2.0 */
/* First sessions: from a key that is new straight to a context (docs/C2C.md §6). Owns what both ends
 * have to derive alike, for there is no handshake in which they could find that they did not:
 *
 *     PRF(PSK, "c2c first session", identity)   master secret, id of the server, id of the client
 *     key block                                 as RFC 5246 §6.3 has it, both randoms zero
 *     records                                   epoch 1, TLS_PSK_WITH_AES_128_CCM_8, both with an id
 *
 * A key must not protect two records with one number (RFC 5116 §3.2). That it does not is the caller's
 * promise, who gives a key once; and if it were broken (a server that gives the same key again after
 * a device forgot it), each end begins at a random number of 40 bits, so that even then none would come
 * twice.
 *
 * The context is written as mbedtls_ssl_context_save would, because its loader is the only door that Mbed
 * TLS has for this. */
#include <mbedtls/version.h>
#include <string.h>

#include "ports/mbedtls/box.h"
#include "ports/mbedtls/dtls.h"

/* The format is that of 3.6 (LTS); its loader refuses another. tests/dtls/test_first.c compares what is
 * written here with what a handshake saves. */
_Static_assert(MBEDTLS_VERSION_NUMBER >= 0x03060000 && MBEDTLS_VERSION_NUMBER < 0x03070000,
               "look at ssl_tls.c, mbedtls_ssl_context_save");

/* Where what stands in a context; everything else is zero. */
enum {
    MASTER_LEN = 48,
    SESSION_AT = PROA__DTLS_CONTEXT_HEAD + 4, /* behind its length */
    SESSION_ID_AT = SESSION_AT + 4,           /* behind version, role and suite */
    MASTER_AT = SESSION_ID_AT + 1 + 32,
    CERTIFICATE_AT = MASTER_AT + MASTER_LEN,
#ifdef MBEDTLS_SSL_MAX_FRAGMENT_LENGTH /* a board does without */
    SESSION_FLAGS = 1 << 3,
    RANDOMS_AT = CERTIFICATE_AT + 4 + 1,
#else
    SESSION_FLAGS = 0,
    RANDOMS_AT = CERTIFICATE_AT + 4,
#endif
    CONTEXT_FLAGS = 1 << 0 | 1 << 1 | 1 << 2, /* connection ids, bad MACs, anti-replay */
    IDS_AT = RANDOMS_AT + 64,
    WINDOW_LEN = 4 + 8 + 8 + 1, /* bad MACs, an empty window, records may share a datagram */
    NUMBER_LEN = 5              /* of six bytes: 2^47 records are left at least */
};

/* Which id is whose. */
enum { OF_SERVER = 0, OF_CLIENT = 1 };

typedef struct derived {
    uint8_t master[MASTER_LEN];
    uint8_t ids[2 * PROA_DTLS_FIRST_CID_MAX];
} derived;

/* PROA_E_FULL: Mbed TLS works in its arena. */
static proa_err derive(const proa__dtls *box, const proa_secure_first *first, derived *out)
{
    size_t len = MASTER_LEN + 2 * (size_t)box->config.cid_len;
    int failed = mbedtls_ssl_tls_prf(MBEDTLS_SSL_TLS_PRF_SHA256, first->psk.key, first->psk.key_len,
                                     "c2c first session", first->identity.data, first->identity.len,
                                     (uint8_t *)out, len);
    return failed == 0 ? PROA_OK : PROA_E_FULL;
}

static const uint8_t *id_of(const proa__dtls *box, const derived *secrets, int whose)
{
    return secrets->ids + (whose == OF_SERVER ? 0 : box->config.cid_len);
}

static uint32_t number_of(const proa__dtls *box, const uint8_t *cid)
{
    proa_reader r = proa_reader_make(proa_span_make(cid, box->config.cid_len));
    return (uint32_t)proa_read_uint(&r, box->config.cid_len);
}

/* ---- a context ---------------------------------------------------------------------------- */

static uint8_t *put_id(const proa__dtls *box, const uint8_t *id, uint8_t *at)
{
    *at++ = box->config.cid_len;
    memcpy(at, id, box->config.cid_len);
    return at + box->config.cid_len;
}

static proa_span write_context(const proa__dtls *box, bool is_server, const derived *secrets,
                               uint8_t out[PROA__DTLS_CONTEXT_MAX])
{
    /* clang-format off */
    static const uint8_t begin[SESSION_ID_AT] = {
        MBEDTLS_VERSION_MAJOR, MBEDTLS_VERSION_MINOR, MBEDTLS_VERSION_PATCH,
        0, SESSION_FLAGS, 0, 0, CONTEXT_FLAGS,
        0, 0, 0, RANDOMS_AT - SESSION_AT, /* bytes of the session, which follows */
        MBEDTLS_SSL_VERSION_TLS1_2 & 0xff, MBEDTLS_SSL_IS_CLIENT,
        MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8 >> 8, MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8 & 0xff,
    };
    /* clang-format on */
    memset(out, 0, PROA__DTLS_CONTEXT_MAX);
    memcpy(out, begin, sizeof begin);
    out[SESSION_AT + 1] = is_server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT;
    memcpy(out + MASTER_AT, secrets->master, MASTER_LEN);
    memset(out + CERTIFICATE_AT, 0xff, 4); /* none was verified */
    uint8_t *at = put_id(box, id_of(box, secrets, is_server ? OF_SERVER : OF_CLIENT), out + IDS_AT);
    at = put_id(box, id_of(box, secrets, is_server ? OF_CLIENT : OF_SERVER), at) + WINDOW_LEN;
    at[1] = 1; /* epoch */
    proa_random_fill(&box->config.random, at + 3, NUMBER_LEN);
    at += 3 + NUMBER_LEN;
    *at++ = (uint8_t)(box->config.mtu >> 8);
    *at++ = (uint8_t)box->config.mtu;
    return proa_span_make(out, (size_t)(at - out));
}

static proa_err begin(proa__dtls *box, const proa_addr *peer, const proa_secure_first *first,
                      bool is_server, const derived *secrets, proa_handle *handle)
{
    uint8_t context[PROA__DTLS_CONTEXT_MAX];
    const uint8_t *cid = id_of(box, secrets, is_server ? OF_SERVER : OF_CLIENT);
    if (proa__dtls_by_cid(box, cid) != 0) {
        return PROA_E_EXISTS;
    }
    proa_err err = proa__dtls_new_awake(box, cid, is_server,
                                        write_context(box, is_server, secrets, context), handle);
    proa_wipe(context, sizeof context);
    if (err == PROA_OK) {
        proa__session *session = proa__dtls_session(box, *handle);
        session->account = first->psk.account;
        session->addr = *peer;
        session->unproved = 1;
    }
    return err;
}

/* ---- the table ---------------------------------------------------------------------------- */

static proa_err open(proa__dtls *box, const proa_addr *to, const proa_secure_first *first,
                     proa_handle *handle)
{
    derived secrets;
    proa_err err = derive(box, first, &secrets);
    if (err == PROA_OK) {
        err = begin(box, to, first, false, &secrets, handle);
    }
    proa_wipe(&secrets, sizeof secrets);
    if (err == PROA_OK) {
        proa__dtls_trim(box, *handle);
    }
    return err;
}

static proa_err first_id(proa__dtls *box, const proa_secure_first *first, bool is_server,
                         uint32_t *id)
{
    derived secrets;
    proa_err err = derive(box, first, &secrets);
    if (err == PROA_OK) {
        const uint8_t *cid = id_of(box, &secrets, is_server ? OF_SERVER : OF_CLIENT);
        *id = number_of(box, cid);
        err = *id == 0 || proa__dtls_by_cid(box, cid) != 0 ? PROA_E_EXISTS : PROA_OK;
    }
    proa_wipe(&secrets, sizeof secrets);
    return err;
}

static bool find(const proa__dtls *box, const uint8_t *cid, proa_secure_first *out)
{
    uint32_t id = number_of(box, cid);
    return id != 0 && box->config.find_first(box->config.find_psk_ctx, id, out);
}

static proa_handle await(proa__dtls *box, const uint8_t *cid)
{
    proa_secure_first first;
    derived secrets;
    proa_handle handle = 0;
    if (!find(box, cid, &first)) {
        return 0;
    }
    if (derive(box, &first, &secrets) == PROA_OK &&
        memcmp(id_of(box, &secrets, OF_SERVER), cid, box->config.cid_len) == 0) {
        (void)!begin(box, &box->from, &first, true, &secrets, &handle); /* as if it were lost */
    }
    proa_wipe(&secrets, sizeof secrets);
    proa_wipe(&first.psk, sizeof first.psk);
    return handle;
}

static bool is_awaited(const proa__dtls *box, const uint8_t *cid)
{
    proa_secure_first first;
    bool is_there = find(box, cid, &first);
    if (is_there) {
        proa_wipe(&first.psk, sizeof first.psk);
    }
    return is_there;
}

const struct proa_secure_firsts proa_dtls_firsts = {
    .open = open, .id = first_id, .await = await, .is_awaited = is_awaited};
