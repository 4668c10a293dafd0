/* SPDX-License-Identifier: Apache-2.0 */
/* What survives a reboot (RFC 8613 Appendix B.1.1): one blob for each account, and the taking of
 * numbers, which may not outrun it.
 *
 * The blob says: numbers below `reserved` may have been used. It is written before the first of
 * them is, so whatever instant the power fails, counting goes on where nobody has been. A write that
 * fails stops the sending, never the counting. The keys are not stored here, but a fingerprint of the
 * parameters is: state of other keys, left behind under the same account, is as good as none. */
#include "core/oscore/oscore_internal.h"

#include <string.h>

enum {
    FORMAT = 1,
    LOST = 1 << 0,
    NUMBER_LEN = 1 + PROA_OSCORE_NUMBER_LEN, /* 2^40 itself has to fit: everything used up */
    /* Where what stands; the ID Context is the rest. */
    ABOUT_AT = 1,
    FLAGS_AT = ABOUT_AT + PROA__FINGERPRINT_LEN,
    NUMBER_AT = FLAGS_AT + 1,
    REST_LEN_AT = NUMBER_AT + NUMBER_LEN,
    REST_AT = REST_LEN_AT + 1
};
_Static_assert(PROA__BLOB_MAX == REST_AT + PROA_OSCORE_ID_CONTEXT_MAX, "all has its place");

/* "osc." and the account in 16 hexadecimal digits. */
static const char *name_of(uint64_t account, char name[PROA_STORE_NAME_MAX])
{
    memcpy(name, "osc.", 4);
    for (unsigned i = 20; i > 4; account >>= 4) {
        unsigned digit = (unsigned)account & 15U;
        name[--i] = (char)(digit < 10 ? '0' + digit : 'a' - 10 + digit);
    }
    name[20] = '\0';
    return name;
}

proa_err proa__state_parse(proa_span blob, const uint8_t fingerprint[PROA__FINGERPRINT_LEN],
                           proa__state *out)
{
    const uint8_t *at = blob.data;
    if (blob.len < REST_AT || at[0] != FORMAT || (at[FLAGS_AT] & ~LOST) != 0 ||
        blob.len > PROA__BLOB_MAX || at[REST_LEN_AT] != blob.len - REST_AT) {
        return PROA_E_FORMAT;
    }
    out->lost = at[FLAGS_AT] != 0;
    out->reserved = (uint64_t)at[NUMBER_AT] << 40 | proa__number_read(at + NUMBER_AT + 1);
    out->id_context = proa_span_make(at + REST_AT, at[REST_LEN_AT]);
    if (out->reserved > PROA_OSCORE_NUMBER_MAX + 1) {
        return PROA_E_FORMAT;
    }
    return memcmp(at + ABOUT_AT, fingerprint, PROA__FINGERPRINT_LEN) == 0 ? PROA_OK
                                                                          : PROA_E_NOT_FOUND;
}

proa_err proa__state_load(const proa_oscore *o, const proa__context *c,
                          uint8_t blob[PROA__BLOB_MAX], proa__state *out)
{
    const proa_store *store = &o->config.store;
    char name[PROA_STORE_NAME_MAX];
    if (store->read == NULL) {
        return PROA_E_NOT_FOUND;
    }
    int len = store->read(store->ctx, name_of(c->account, name), blob, PROA__BLOB_MAX);
    if (len < 0) {
        /* longer than any blob of ours? */
        return len == PROA_E_NO_SPACE ? PROA_E_FORMAT : (proa_err)len;
    }
    return proa__state_parse(proa_span_make(blob, (size_t)len), c->fingerprint, out);
}

proa_err proa__state_store(proa_oscore *o, const proa__context *c, uint64_t reserved)
{
    const proa_store *store = &o->config.store;
    uint8_t blob[PROA__BLOB_MAX];
    char name[PROA_STORE_NAME_MAX];
    if (store->write == NULL) {
        return PROA_OK;
    }
    proa_span rest = proa__id_context(&c->keys);
    if (c->keys.id_context_head == 0) {
        rest.len = 0; /* the parameters have it */
    }
    blob[0] = FORMAT;
    memcpy(blob + ABOUT_AT, c->fingerprint, PROA__FINGERPRINT_LEN);
    blob[FLAGS_AT] = c->lost || c->renewing ? LOST : 0;
    blob[NUMBER_AT] = (uint8_t)(reserved >> 40);
    proa__number_write(blob + NUMBER_AT + 1, reserved);
    blob[REST_LEN_AT] = (uint8_t)rest.len;
    memcpy(blob + REST_AT, rest.data, rest.len);
    o->stats.stores++;
    return store->write(store->ctx, name_of(c->account, name),
                        proa_span_make(blob, REST_AT + rest.len));
}

void proa__state_forget(const proa_oscore *o, uint64_t account)
{
    const proa_store *store = &o->config.store;
    char name[PROA_STORE_NAME_MAX];
    if (store->remove != NULL) {
        /* What a medium keeps against our will is about keys that nobody has any more. */
        (void)store->remove(store->ctx, name_of(account, name));
    }
}

proa_err proa__state_reserve(proa_oscore *o, proa__context *c)
{
    uint64_t reserved = c->next + o->config.margin;
    if (reserved > PROA_OSCORE_NUMBER_MAX) {
        reserved = PROA_OSCORE_NUMBER_MAX + (uint64_t)1;
    }
    /* A candidate's keys are forgotten by a reboot, so it need not be known how far they came. */
    proa_err err = c->phase == PROA__CURRENT ? proa__state_store(o, c, reserved) : PROA_OK;
    if (err == PROA_OK) {
        c->reserved = reserved;
    }
    return err;
}

proa_oscore_result proa__state_draw(proa_oscore *o, proa__context *c,
                                    uint8_t number[PROA_OSCORE_NUMBER_LEN])
{
    if (c->next > PROA_OSCORE_NUMBER_MAX) {
        o->stats.refused_exhausted++;
        return PROA_OSCORE_EXHAUSTED;
    }
    if (c->next >= c->reserved && proa__state_reserve(o, c) != PROA_OK) {
        return PROA_OSCORE_NOT_STORED;
    }
    proa__number_write(number, c->next++);
    return PROA_OSCORE_DONE;
}
