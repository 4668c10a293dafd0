/* SPDX-License-Identifier: Apache-2.0 */
/* Object 21, OSCORE: security contexts that servers provide for accounts of object 11000.
 *
 * Truths kept here:
 *   - a context is written whole, over a protected session, and never changed or read back;
 *   - it serves one account: that of the key whose resource 17 links to it; until there is one, its
 *     keys are used for nothing;
 *   - it goes with that key and that key with it, and by itself if no key links to it in time, so
 *     that what an interrupted provisioning leaves needs nobody to clear it away (docs/C2C.md §5).
 *
 * Keys and numbers are core/oscore's. Linked only where a program names proa_c2c_oscore. */
#include <stddef.h>

#include "core/c2c/c2c_internal.h"
#include "core/coap/sealed.h"

static const proa_resource resources[] = {
    {0, PROA_TYPE_OPAQUE, PROA_RES_W | PROA_RES_SECRET | PROA_RES_MANDATORY},
    {1, PROA_TYPE_OPAQUE, PROA_RES_W | PROA_RES_MANDATORY},
    {2, PROA_TYPE_OPAQUE, PROA_RES_W | PROA_RES_MANDATORY},
    {3, PROA_TYPE_INTEGER, PROA_RES_W},
    {4, PROA_TYPE_INTEGER, PROA_RES_W},
    {5, PROA_TYPE_OPAQUE, PROA_RES_W | PROA_RES_SECRET},
    {6, PROA_TYPE_OPAQUE, PROA_RES_W},
};

static const proa__field fields[] = {
    {PROA__TEXT, PROA__CONTEXT_SECRET, PROA_OSCORE_SECRET_MIN, PROA_OSCORE_SECRET_MAX},
    {PROA__TEXT, PROA__CONTEXT_SENDER_ID, 0, PROA_OSCORE_ID_MAX},
    {PROA__TEXT, PROA__CONTEXT_RECIPIENT_ID, 0, PROA_OSCORE_ID_MAX},
    {PROA__NUMBER, offsetof(proa__context, aead), 1, 255},
    {PROA__NUMBER_SIGNED, offsetof(proa__context, hmac), 0, UINT32_MAX},
    {PROA__TEXT, PROA__CONTEXT_SALT, 0, PROA_OSCORE_SALT_MAX},
    {PROA__TEXT, PROA__CONTEXT_ID, 0, PROA_OSCORE_ID_CONTEXT_MAX},
};

static void make(proa__row *row)
{
    proa__context *context = (proa__context *)row;
    context->aead = PROA_COSE_AES_CCM_16_64_128;
    context->hmac = (uint32_t)PROA_COSE_DIRECT_HKDF_SHA_256;
}

static proa_err accept(proa_c2c *c, const proa_actor *who, proa__row *draft,
                       const proa__row *before)
{
    (void)draft;
    if (before != NULL) {
        return PROA_E_METHOD;
    }
    return proa__c2c_writer_protected(c, who) ? PROA_OK : PROA_E_DENIED;
}

/* A server takes the keys: who observes something hears of it under them, for the last time. */
static void dismiss(proa_c2c *c, const proa__row *row, proa_account account)
{
    if (row->why == PROA_OUTCOME_REVOKED) {
        proa_coap_peer_dismiss(proa__client_coap(c->client), c->now_ms, account);
    }
}

static void removed(proa_c2c *c, proa__row *row)
{
    proa__context *context = (proa__context *)row;
    const proa_coap_oscore *oscore = c->config->coap.oscore;
    proa_account account = context->account;
    proa__row_wipe_texts(c, row);
    if (account == 0) {
        return;
    }
    context->account = 0;
    dismiss(c, row, account);
    oscore->remove(oscore->ctx, account);
    proa__key *key = proa__c2c_key(c, account);
    if (key != NULL) { /* a server took the context; a key is nothing without */
        proa__c2c_remove(&c->tables[PROA__KEYS], &key->row, PROA_OUTCOME_OK);
    }
}

/* ---- links ------------------------------------------------------------------------------ */

static proa__context *context_of(const proa_c2c *c, const proa__key *key)
{
    return (proa__context *)proa__row_find(&c->tables[PROA__CONTEXTS], key->oscore & 0xffffU);
}

static proa_err link(proa_c2c *c, const proa__key *key, bool fresh)
{
    proa__context *context = context_of(c, key);
    const proa_coap_oscore *oscore = c->config->coap.oscore;
    proa_account account = proa__c2c_account(key);
    if (context == NULL || (context->account != 0 && context->account != account) ||
        context->row.owner != key->row.owner) {
        return PROA_E_NOT_FOUND;
    }
    proa_oscore_params params = {
        .master_secret = proa__row_text(&context->row, PROA__CONTEXT_SECRET),
        .master_salt = proa__row_text(&context->row, PROA__CONTEXT_SALT),
        .sender_id = proa__row_text(&context->row, PROA__CONTEXT_SENDER_ID),
        .recipient_id = proa__row_text(&context->row, PROA__CONTEXT_RECIPIENT_ID),
        .id_context = proa__row_text(&context->row, PROA__CONTEXT_ID),
        .has_id_context = context->row.text_len[PROA__CONTEXT_ID] > 0,
        .aead = (int32_t)context->aead,
        .hmac = (int32_t)context->hmac,
    };
    proa_err err = oscore->add(oscore->ctx, account, &params, fresh);
    context->account = err == PROA_OK ? account : context->account;
    return err;
}

static void release(proa_c2c *c, const proa__key *key)
{
    proa__context *context = context_of(c, key);
    const proa_coap_oscore *oscore = c->config->coap.oscore;
    if (context != NULL && context->account == proa__c2c_account(key)) {
        context->account = 0;
        oscore->remove(oscore->ctx, proa__c2c_account(key));
    }
}

static void unlink(proa_c2c *c, const proa__key *key)
{
    proa__context *context = context_of(c, key);
    if (context != NULL && context->account == proa__c2c_account(key)) {
        dismiss(c, &key->row, context->account);
        /* Also if a server deleted the key: that it goes, too, is our own doing. */
        proa__c2c_remove(&c->tables[PROA__CONTEXTS], &context->row, PROA_OUTCOME_OK);
    }
}

/* ---- time ------------------------------------------------------------------------------- */

/* The next context that waits for its key; NULL. */
static proa__context *waiting_after(const proa_c2c *c, const proa__context *context)
{
    const proa__row *row = (const proa__row *)context;
    while ((row = proa__row_after(&c->tables[PROA__CONTEXTS], row)) != NULL &&
           ((const proa__context *)row)->account != 0) {
    }
    return (proa__context *)(uintptr_t)row;
}

static void sweep(proa_c2c *c)
{
    proa__context *context = NULL;
    while ((context = waiting_after(c, context)) != NULL) {
        proa__c2c_remove(&c->tables[PROA__CONTEXTS], &context->row, PROA_OUTCOME_OK);
    }
}

static void run(proa_c2c *c)
{
    proa__context *context = NULL;
    while ((context = waiting_after(c, context)) != NULL) {
        if (context->unused_s == 0) {
            context->unused_s = proa__c2c_after_s(c, c->limits.unused_s);
        } else if (context->unused_s <= proa__c2c_now_s(c)) {
            proa__c2c_remove(&c->tables[PROA__CONTEXTS], &context->row, PROA_OUTCOME_TIMEOUT);
        }
        proa__c2c_wake(c, proa__c2c_ms(context->unused_s));
    }
}

static const proa__kind kind = {
    .object = PROA_OBJECT_OSCORE,
    .letter = 'o',
    .owned = true,
    .words = PROA__WORDS(proa__context, hmac),
    .head_len = offsetof(proa__context, account),
    .row_len = sizeof(proa__context),
    .count = sizeof(resources) / sizeof(resources[0]),
    .resources = resources,
    .fields = fields,
    .make = make,
    .accept = accept,
    .removed = removed,
};

const proa_c2c_contexts proa_c2c_oscore = {&kind, link, release, unlink, sweep, run};
