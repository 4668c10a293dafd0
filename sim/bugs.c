/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes that the linker puts in the way of the engines: see bugs.h, and CMakeLists.txt, which
 * lists the diverted functions. A function f is called as __wrap_f; __real_f is the engine's own. */
#include "sim/bugs.h"

#include <mbedtls/ssl.h>
#include <string.h>

#include "core/client/extension.h"
#include "core/oscore/oscore_internal.h"
#include "proa/c2c.h"
#include "proa/coap_engine.h"
#include "server/app/authority.h"
#include "sim/sessions.h"
#include "sim/store.h"

typedef struct proa__device proa__device;     /* server/app/state.h */
typedef struct proa__received proa__received; /* core/coap/engine_internal.h */
typedef struct proa__peer proa__peer;

/* Which one is switched on. The order is that of the table. */
typedef enum bug {
    NONE = 0,
    SKIP_RIGHTS_CHECK,
    ALLOW_EVERYTHING,
    FORGET_REFUSALS,
    NEVER_EXPIRE,
    KEEP_SESSIONS,
    SKIP_ROLLBACK,
    LOSE_OUTCOME,
    DOUBLE_OUTCOME,
    REUSE_RECORDS,
    SAME_SHORT_ID,
    FORGET_GRANTS,
    FORGET_MESSAGES,
    FORGET_RESERVATIONS,
    REVIVE_TWICE,
    TRUST_REVIVED,
    FIRST_AGAIN,
    SKIP_RIGHTS_CHECK_OSCORE,
    FORGET_NUMBERS,
    BEGIN_AT_ZERO,
    SAME_NUMBER,
    NOTIFY_UNNUMBERED,
    SKIP_ECHO,
    ACCEPT_REPLAYS
} bug;

static const sim_bug bugs[] = {
    {"c2c", "skip-rights-check", "the host asks nobody whether a peer may do what it wants"},
    {"c2c", "allow-everything", "the server grants whatever is asked for"},
    {"c2c", "forget-refusals", "a restarted server does not remember what was revoked"},
    {"c2c", "never-expire", "the host does not look at the time of its accounts"},
    {"c2c", "keep-sessions", "sessions of a removed account go on"},
    {"c2c", "skip-rollback", "what was half done, or is to be taken away, stays on the devices"},
    {"c2c", "lose-outcome", "one question in sixteen gets no outcome"},
    {"c2c", "double-outcome", "one question in sixteen gets two outcomes"},
    {"c2c", "reuse-records", "a session that wakes counts its records from an older number"},
    {"c2c", "same-short-id", "the server gives every account of a device the same short id"},
    {"c2c", "forget-grants", "a restarted server does not remember its grants"},
    {"c2c", "forget-messages", "a message that comes again is taken for a new one"},
    {"c2c", "forget-reservations",
     "record numbers are used although their reservation is not stored"},
    {"c2c", "revive-twice", "what is stored of a session is left there when it is revived"},
    {"c2c", "trust-revived", "a revived session takes whatever comes, also what came before"},
    {"c2c", "first-again", "a key's first session can be had again and again"},
    {"oscore", "skip-rights-check-oscore", "the same, when peers come by OSCORE"},
    {"oscore", "forget-numbers", "numbers are used although the store does not know"},
    {"oscore", "begin-at-zero", "after a reboot numbers begin anew, and all of the peer's are new"},
    {"oscore", "same-number", "one number in eight is given out twice"},
    {"oscore", "notify-unnumbered", "a notification takes the number of the request, too"},
    {"oscore", "skip-echo", "after a reboot what comes first is taken to be new"},
    {"oscore", "accept-replays", "the window says of all numbers that they are new"},
};

static bug selected;

const sim_bug *sim_bug_at(unsigned index)
{
    return index < sizeof bugs / sizeof *bugs ? &bugs[index] : NULL;
}

bool sim_bug_select(const char *name)
{
    selected = NONE;
    for (unsigned i = 0; name != NULL && sim_bug_at(i) != NULL; i++) {
        if (strcmp(bugs[i].name, name) == 0) {
            selected = (bug)(i + 1);
        }
    }
    return name == NULL || selected != NONE;
}

/* The linker prescribes these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* ---- on the device ---------------------------------------------------------------------- */

proa_access __real_proa__c2c_access(void *ctx, proa_account account, proa_operation op,
                                    const proa_path *path);
proa_access __wrap_proa__c2c_access(void *ctx, proa_account account, proa_operation op,
                                    const proa_path *path);

proa_access __wrap_proa__c2c_access(void *ctx, proa_account account, proa_operation op,
                                    const proa_path *path)
{
    bool skip = selected == SKIP_RIGHTS_CHECK || selected == SKIP_RIGHTS_CHECK_OSCORE;
    return skip ? PROA_ACCESS_ALLOWED : __real_proa__c2c_access(ctx, account, op, path);
}

void __real_proa__c2c_run_accounts(proa_c2c *c);
void __wrap_proa__c2c_run_accounts(proa_c2c *c);

void __wrap_proa__c2c_run_accounts(proa_c2c *c)
{
    if (selected != NEVER_EXPIRE) {
        __real_proa__c2c_run_accounts(c);
    }
}

uint64_t __real_proa__c2c_next_accounts(const proa_c2c *c);
uint64_t __wrap_proa__c2c_next_accounts(const proa_c2c *c);

uint64_t __wrap_proa__c2c_next_accounts(const proa_c2c *c)
{
    return selected == NEVER_EXPIRE ? UINT64_MAX : __real_proa__c2c_next_accounts(c);
}

void __real_proa__client_drop_session(proa_client *c, uint64_t now_ms, uint32_t session);
void __wrap_proa__client_drop_session(proa_client *c, uint64_t now_ms, uint32_t session);

void __wrap_proa__client_drop_session(proa_client *c, uint64_t now_ms, uint32_t session)
{
    if (selected != KEEP_SESSIONS) {
        __real_proa__client_drop_session(c, now_ms, session);
    }
}

bool __real_proa__c2c_find_first(void *ctx, uint32_t id, proa_secure_first *out);
bool __wrap_proa__c2c_find_first(void *ctx, uint32_t id, proa_secure_first *out);

bool __wrap_proa__c2c_find_first(void *ctx, uint32_t id, proa_secure_first *out)
{
    static struct {
        const void *ctx;
        uint32_t id;
        proa_psk psk;
        uint8_t identity[PROA_PSK_IDENTITY_MAX];
        size_t identity_len;
    } known[64], *k;
    k = &known[id % 64];
    if (__real_proa__c2c_find_first(ctx, id, out)) {
        k->ctx = ctx;
        k->id = id;
        k->psk = out->psk;
        k->identity_len = out->identity.len;
        memcpy(k->identity, out->identity.data, out->identity.len);
        return true;
    }
    if (selected != FIRST_AGAIN || k->ctx != ctx || k->id != id) {
        return false;
    }
    out->psk = k->psk;
    out->identity = proa_span_make(k->identity, k->identity_len);
    return true;
}

bool __real_proa__c2c_post(proa_c2c *c, const proa_c2c_event *event);
bool __wrap_proa__c2c_post(proa_c2c *c, const proa_c2c_event *event);

bool __wrap_proa__c2c_post(proa_c2c *c, const proa_c2c_event *event)
{
    bool hit = event->kind == PROA_C2C_OUTCOME && event->user % 16 == 7;
    if (hit && selected == LOSE_OUTCOME) {
        return true;
    }
    if (hit && selected == DOUBLE_OUTCOME) {
        (void)__real_proa__c2c_post(c, event);
    }
    return __real_proa__c2c_post(c, event);
}

/* ---- sessions and messages -------------------------------------------------------------- */

int __real_mbedtls_ssl_context_load(mbedtls_ssl_context *ssl, const unsigned char *buf, size_t len);
int __wrap_mbedtls_ssl_context_load(mbedtls_ssl_context *ssl, const unsigned char *buf, size_t len);

int __wrap_mbedtls_ssl_context_load(mbedtls_ssl_context *ssl, const unsigned char *buf, size_t len)
{
    int err = __real_mbedtls_ssl_context_load(ssl, buf, len);
    unsigned char *last = &ssl->MBEDTLS_PRIVATE(cur_out_ctr)[MBEDTLS_SSL_SEQUENCE_NUMBER_LEN - 1];
    if (selected == REUSE_RECORDS && err == 0 && *last > 0) {
        (*last)--;
    }
    return err;
}

proa__received *__real_proa__received_find(proa_coap *c, const proa__peer *peer,
                                           const proa_coap_msg *m);
proa__received *__wrap_proa__received_find(proa_coap *c, const proa__peer *peer,
                                           const proa_coap_msg *m);

proa__received *__wrap_proa__received_find(proa_coap *c, const proa__peer *peer,
                                           const proa_coap_msg *m)
{
    return selected == FORGET_MESSAGES ? NULL : __real_proa__received_find(c, peer, m);
}

/* ---- OSCORE ----------------------------------------------------------------------------- */

proa_err __real_sim__contexts_write(void *ctx, const char *name, proa_span bytes);
proa_err __wrap_sim__contexts_write(void *ctx, const char *name, proa_span bytes);

/* What was written first stays. */
proa_err __wrap_sim__contexts_write(void *ctx, const char *name, proa_span bytes)
{
    bool stale = selected == FORGET_NUMBERS && sim_store_has(ctx, name);
    return stale ? PROA_OK : __real_sim__contexts_write(ctx, name, bytes);
}

proa_err __real_proa_oscore_add(proa_oscore *o, uint64_t account, const proa_oscore_params *params,
                                proa_oscore_origin origin);
proa_err __wrap_proa_oscore_add(proa_oscore *o, uint64_t account, const proa_oscore_params *params,
                                proa_oscore_origin origin);

proa_err __wrap_proa_oscore_add(proa_oscore *o, uint64_t account, const proa_oscore_params *params,
                                proa_oscore_origin origin)
{
    proa_oscore_origin told = selected == BEGIN_AT_ZERO ? PROA_OSCORE_FRESH : origin;
    proa_err err = __real_proa_oscore_add(o, account, params, told);
    if (selected == SKIP_ECHO && err == PROA_OK) {
        proa__context_of_account(o, account)->synchronised = true;
    }
    return err;
}

proa_err __real_proa__state_load(const proa_oscore *o, const proa__context *c, uint8_t *blob,
                                 proa__state *out);
proa_err __wrap_proa__state_load(const proa_oscore *o, const proa__context *c, uint8_t *blob,
                                 proa__state *out);

proa_err __wrap_proa__state_load(const proa_oscore *o, const proa__context *c, uint8_t *blob,
                                 proa__state *out)
{
    return selected == BEGIN_AT_ZERO ? PROA_E_NOT_FOUND : __real_proa__state_load(o, c, blob, out);
}

proa_oscore_result __real_proa__state_draw(proa_oscore *o, proa__context *c, uint8_t *number);
proa_oscore_result __wrap_proa__state_draw(proa_oscore *o, proa__context *c, uint8_t *number);

proa_oscore_result __wrap_proa__state_draw(proa_oscore *o, proa__context *c, uint8_t *number)
{
    if (selected == SAME_NUMBER && c->next % 8 == 5 && c->next < c->reserved) {
        proa__number_write(number, c->next - 1);
        c->next++;
        return PROA_OSCORE_DONE;
    }
    return __real_proa__state_draw(o, c, number);
}

proa_oscore_result __real_proa_oscore_begin_response(proa_oscore *o, proa_oscore_binding *binding,
                                                     bool own_number);
proa_oscore_result __wrap_proa_oscore_begin_response(proa_oscore *o, proa_oscore_binding *binding,
                                                     bool own_number);

proa_oscore_result __wrap_proa_oscore_begin_response(proa_oscore *o, proa_oscore_binding *binding,
                                                     bool own_number)
{
    if (selected == NOTIFY_UNNUMBERED && own_number) {
        binding->marks &= (uint16_t)~PROA__USED;
        own_number = false;
    }
    return __real_proa_oscore_begin_response(o, binding, own_number);
}

proa__window_result __real_proa__window_look(const proa__window *w, uint64_t number);
proa__window_result __wrap_proa__window_look(const proa__window *w, uint64_t number);

proa__window_result __wrap_proa__window_look(const proa__window *w, uint64_t number)
{
    return selected == ACCEPT_REPLAYS ? PROA__WINDOW_NEW : __real_proa__window_look(w, number);
}

proa__window_result __real_proa__window_take(proa__window *w, uint64_t number);
proa__window_result __wrap_proa__window_take(proa__window *w, uint64_t number);

proa__window_result __wrap_proa__window_take(proa__window *w, uint64_t number)
{
    proa__window_result result = __real_proa__window_take(w, number);
    return selected == ACCEPT_REPLAYS ? PROA__WINDOW_NEW : result;
}

/* ---- on the server ---------------------------------------------------------------------- */

proa_decision __real_proa_policy_decide(const proa_policy *policy, proa_span requester,
                                        proa_span host, uint16_t object, uint16_t instance,
                                        uint8_t rights);
proa_decision __wrap_proa_policy_decide(const proa_policy *policy, proa_span requester,
                                        proa_span host, uint16_t object, uint16_t instance,
                                        uint8_t rights);

proa_decision __wrap_proa_policy_decide(const proa_policy *policy, proa_span requester,
                                        proa_span host, uint16_t object, uint16_t instance,
                                        uint8_t rights)
{
    proa_decision decision =
        __real_proa_policy_decide(policy, requester, host, object, instance, rights);
    if (selected == ALLOW_EVERYTHING) {
        decision.granted = rights;
        decision.partial = false;
        decision.lifetime_s = 400;
    }
    return decision;
}

proa_err __real_proa_authority_restore_override(proa_authority *a, const proa_override *o);
proa_err __wrap_proa_authority_restore_override(proa_authority *a, const proa_override *o);

proa_err __wrap_proa_authority_restore_override(proa_authority *a, const proa_override *o)
{
    return selected == FORGET_REFUSALS ? PROA_OK : __real_proa_authority_restore_override(a, o);
}

proa_err __real_proa_authority_restore(proa_authority *a, const proa_grant *grant);
proa_err __wrap_proa_authority_restore(proa_authority *a, const proa_grant *grant);

proa_err __wrap_proa_authority_restore(proa_authority *a, const proa_grant *grant)
{
    return selected == FORGET_GRANTS ? PROA_OK : __real_proa_authority_restore(a, grant);
}

void __real_proa__sync_now(proa_authority *a, proa__device *device);
void __wrap_proa__sync_now(proa_authority *a, proa__device *device);

void __wrap_proa__sync_now(proa_authority *a, proa__device *device)
{
    if (selected != SKIP_ROLLBACK) {
        __real_proa__sync_now(a, device);
    }
}

void __real_proa__sync_want(proa_authority *a, proa__device *device);
void __wrap_proa__sync_want(proa_authority *a, proa__device *device);

void __wrap_proa__sync_want(proa_authority *a, proa__device *device)
{
    if (selected != SKIP_ROLLBACK) {
        __real_proa__sync_want(a, device);
    }
}

uint16_t __real_proa__device_short_id(const proa__device *device);
uint16_t __wrap_proa__device_short_id(const proa__device *device);

uint16_t __wrap_proa__device_short_id(const proa__device *device)
{
    return selected == SAME_SHORT_ID ? 2 : __real_proa__device_short_id(device);
}

void __real_sim__sessions_keep(void *ctx, const proa_secure_row *row);
void __wrap_sim__sessions_keep(void *ctx, const proa_secure_row *row);

/* The row of an earlier process stays as it is. */
void __wrap_sim__sessions_keep(void *ctx, const proa_secure_row *row)
{
    const sim_sessions *sessions = ctx;
    for (size_t i = 0; selected == REVIVE_TWICE && i < SIM_SESSIONS_MAX; i++) {
        const sim_session_row *old = &sessions->written[i];
        if (old->used && proa_span_equal(row->id, proa_span_make(old->id, old->id_len))) {
            return;
        }
    }
    __real_sim__sessions_keep(ctx, row);
}

void __real_sim__sessions_mark(void *ctx, proa_span id, proa_span mark);
void __wrap_sim__sessions_mark(void *ctx, proa_span id, proa_span mark);

void __wrap_sim__sessions_mark(void *ctx, proa_span id, proa_span mark)
{
    if (selected != FORGET_RESERVATIONS && selected != REVIVE_TWICE) {
        __real_sim__sessions_mark(ctx, id, mark);
    }
}

void __real_sim__sessions_claim(sim_sessions *sessions, const uint8_t *key);
void __wrap_sim__sessions_claim(sim_sessions *sessions, const uint8_t *key);

void __wrap_sim__sessions_claim(sim_sessions *sessions, const uint8_t *key)
{
    if (selected != REVIVE_TWICE || sessions->order == 0) {
        __real_sim__sessions_claim(sessions, key);
    }
}

bool __real_proa__revived_take(proa_server *s, uint64_t now_ms, proa__device *d,
                               const proa_coap_peer *peer, proa_span message);
bool __wrap_proa__revived_take(proa_server *s, uint64_t now_ms, proa__device *d,
                               const proa_coap_peer *peer, proa_span message);

bool __wrap_proa__revived_take(proa_server *s, uint64_t now_ms, proa__device *d,
                               const proa_coap_peer *peer, proa_span message)
{
    return selected == TRUST_REVIVED || __real_proa__revived_take(s, now_ms, d, peer, message);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
