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
    NUMBER_LEN = 6, /* 2^40 itself has to fit: everything used up */
    BLOB_MAX = 2 + PROA__FINGERPRINT_LEN + NUMBER_LEN + 1 + PROA_OSCORE_ID_CONTEXT_MAX
};

typedef struct blob_name {
    char text[PROA_STORE_NAME_MAX];
} blob_name;

static blob_name name_of(uint64_t account)
{
    blob_name name = {"osc."};
    for (unsigned i = 19; i >= 4; i--, account >>= 4) {
        name.text[i] = "0123456789abcdef"[account & 15U];
    }
    return name;
}

proa_err proa__state_parse(proa_span blob, const uint8_t fingerprint[PROA__FINGERPRINT_LEN],
                           proa__state *out)
{
    proa_reader r = proa_reader_make(blob);
    if (proa_read_u8(&r) != FORMAT) {
        return PROA_E_FORMAT;
    }
    proa_span about = proa_read_span(&r, PROA__FINGERPRINT_LEN);
    uint8_t flags = proa_read_u8(&r);
    out->reserved = proa_read_uint(&r, NUMBER_LEN);
    out->id_context_len = proa_read_u8(&r);
    proa_span id_context = proa_read_span(&r, out->id_context_len);
    out->lost = (flags & LOST) != 0;
    if (r.err != PROA_OK || proa_reader_left(&r) > 0 || (flags & ~LOST) != 0 ||
        id_context.len > sizeof out->id_context || out->reserved > PROA_OSCORE_NUMBER_MAX + 1) {
        return PROA_E_FORMAT;
    }
    if (id_context.len > 0) {
        memcpy(out->id_context, id_context.data, id_context.len);
    }
    return memcmp(about.data, fingerprint, PROA__FINGERPRINT_LEN) == 0 ? PROA_OK : PROA_E_NOT_FOUND;
}

proa_err proa__state_load(const proa_oscore *o, uint64_t account,
                          const uint8_t fingerprint[PROA__FINGERPRINT_LEN], proa__state *out)
{
    const proa_store *store = &o->config.store;
    uint8_t blob[BLOB_MAX];
    blob_name name = name_of(account);
    if (store->read == NULL) {
        return PROA_E_NOT_FOUND;
    }
    int len = store->read(store->ctx, name.text, blob, sizeof blob);
    if (len == PROA_E_NO_SPACE) {
        return PROA_E_FORMAT; /* longer than any blob of ours */
    }
    if (len < 0) {
        return (proa_err)len;
    }
    return proa__state_parse(proa_span_make(blob, (size_t)len), fingerprint, out);
}

proa_err proa__state_store(proa_oscore *o, const proa__context *c, uint64_t reserved)
{
    const proa_store *store = &o->config.store;
    uint8_t blob[BLOB_MAX];
    blob_name name = name_of(c->account);
    if (store->write == NULL) {
        return PROA_OK;
    }
    proa_writer w = proa_writer_make(blob, sizeof blob);
    proa_span id_context = proa__id_context(&c->keys);
    size_t id_context_len = c->keys.id_context_head > 0 ? id_context.len : 0;
    proa_write_u8(&w, FORMAT);
    proa_write_bytes(&w, c->fingerprint, PROA__FINGERPRINT_LEN);
    proa_write_u8(&w, c->lost || c->renewing ? LOST : 0);
    proa_write_uint(&w, reserved, NUMBER_LEN);
    proa_write_u8(&w, (uint8_t)id_context_len);
    proa_write_bytes(&w, id_context.data, id_context_len);
    o->stats.stores++;
    return store->write(store->ctx, name.text, proa_writer_span(&w));
}

void proa__state_forget(const proa_oscore *o, uint64_t account)
{
    if (o->config.store.remove != NULL) {
        blob_name name = name_of(account);
        /* What a medium keeps against our will is about keys that nobody has any more. */
        (void)o->config.store.remove(o->config.store.ctx, name.text);
    }
}

proa_oscore_result proa__state_draw(proa_oscore *o, proa__context *c, uint64_t *number)
{
    if (c->next > PROA_OSCORE_NUMBER_MAX) {
        o->stats.refused_exhausted++;
        return PROA_OSCORE_EXHAUSTED;
    }
    if (c->next >= c->reserved) {
        uint64_t reserved = c->next + o->config.margin;
        reserved =
            reserved <= PROA_OSCORE_NUMBER_MAX ? reserved : PROA_OSCORE_NUMBER_MAX + (uint64_t)1;
        /* A candidate's keys are forgotten by a reboot, so it need not be known how far they came. */
        if (c->phase == PROA__CURRENT && proa__state_store(o, c, reserved) != PROA_OK) {
            return PROA_OSCORE_NOT_STORED;
        }
        c->reserved = reserved;
    }
    *number = c->next++;
    return PROA_OSCORE_DONE;
}
