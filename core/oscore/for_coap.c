/* SPDX-License-Identifier: Apache-2.0 */
/* OSCORE as the CoAP engine wants it (core/coap/sealed.h): verdicts in its words, bindings in its
 * keeping. */
#include <string.h>

#include "core/coap/sealed.h"
#include "core/oscore/oscore_internal.h"

_Static_assert(sizeof(proa_oscore_binding) == sizeof(proa_coap_binding), "bindings");

static proa_oscore_binding take(const proa_coap_binding *binding)
{
    proa_oscore_binding own;
    memcpy(&own, binding, sizeof own);
    return own;
}

static void keep(proa_coap_binding *binding, const proa_oscore_binding *own)
{
    memcpy(binding, own, sizeof *own);
}

static bool is_newest(const proa_oscore *o, const proa_oscore_binding *own)
{
    const proa__context *c = proa__context_get(o, own->context);
    return c != NULL && proa__number_read(own->request_number) == c->window.top;
}

static proa_coap_opened open_request(void *ctx, uint64_t now_ms, proa_span datagram, uint8_t *buf,
                                     size_t cap, proa_coap_inner *out)
{
    proa_oscore *o = ctx;
    proa_oscore_received in;
    memset(out, 0, sizeof *out);
    proa_oscore_verdict verdict = proa_oscore_unprotect_request(o, now_ms, datagram, buf, cap, &in);
    out->message = in.message;
    out->account = in.account;
    keep(&out->binding, &in.binding);
    switch (verdict) {
    case PROA_OSCORE_ACCEPTED:
        out->newest = is_newest(o, &in.binding);
        return PROA_COAP_OPENED;
    case PROA_OSCORE_ANSWER:
        return PROA_COAP_OPENED_ANSWER;
    case PROA_OSCORE_UNKNOWN:
        return PROA_COAP_OPENED_STRANGER;
    case PROA_OSCORE_MALFORMED:
    case PROA_OSCORE_REPLAY:
    case PROA_OSCORE_FORGED:
    case PROA_OSCORE_BUSY:
        out->code = proa_oscore_refusal_of(verdict);
        return PROA_COAP_OPENED_REFUSED;
    case PROA_OSCORE_FAILED:
    case PROA_OSCORE_RETRY:
    default:
        return PROA_COAP_OPENED_NOT;
    }
}

static proa_coap_opened open_response(void *ctx, proa_coap_binding *binding, proa_span datagram,
                                      uint8_t *buf, size_t cap, proa_coap_inner *out)
{
    proa_oscore_binding own = take(binding);
    proa_oscore_received in;
    memset(out, 0, sizeof *out);
    proa_oscore_verdict verdict =
        proa_oscore_unprotect_response(ctx, &own, datagram, buf, cap, &in);
    keep(binding, &own);
    out->message = in.message;
    out->account = in.account;
    switch (verdict) {
    case PROA_OSCORE_ACCEPTED:
        return PROA_COAP_OPENED;
    case PROA_OSCORE_RETRY:
        return PROA_COAP_OPENED_RETRY;
    case PROA_OSCORE_REPLAY:
        return PROA_COAP_OPENED_KNOWN;
    default:
        return PROA_COAP_OPENED_NOT;
    }
}

/* Only what it means for the one who wants to send. */
static proa_err err_of(proa_oscore_result result)
{
    switch (result) {
    case PROA_OSCORE_DONE:
        return PROA_OK;
    case PROA_OSCORE_NOT_STORED:
        return PROA_E_IO;
    case PROA_OSCORE_SHORT:
        return PROA_E_NO_SPACE;
    case PROA_OSCORE_BROKEN:
        return PROA_E_CRYPTO;
    default:
        return PROA_E_NOT_FOUND; /* no keys that may be used */
    }
}

static proa_err begin_request(void *ctx, uint64_t account, proa_coap_binding *binding)
{
    proa_oscore_binding own;
    memset(&own, 0, sizeof own);
    proa_err err = err_of(proa_oscore_begin_request(ctx, account, &own));
    keep(binding, &own);
    return err;
}

static proa_err begin_response(void *ctx, proa_coap_binding *binding, bool notification)
{
    proa_oscore_binding own = take(binding);
    proa_err err = err_of(proa_oscore_begin_response(ctx, &own, notification));
    keep(binding, &own);
    return err;
}

static int seal(void *ctx, proa_coap_binding *binding, proa_span message, uint8_t *out, size_t cap)
{
    proa_oscore_binding own = take(binding);
    size_t len = 0;
    proa_err err = err_of(proa_oscore_protect(ctx, &own, message, out, cap, &len));
    keep(binding, &own);
    return err == PROA_OK ? (int)len : (int)err;
}

static proa_err add(void *ctx, uint64_t account, const proa_oscore_params *params, bool fresh)
{
    return proa_oscore_add(ctx, account, params, fresh ? PROA_OSCORE_FRESH : PROA_OSCORE_KNOWN);
}

static void remove_account(void *ctx, uint64_t account)
{
    proa_oscore_remove(ctx, account);
}

static proa_err renew(void *ctx, uint64_t account)
{
    return err_of(proa_oscore_renew(ctx, account));
}

const proa_coap_oscore *proa_oscore_for_coap(proa_oscore *o)
{
    o->coap = (proa_coap_oscore){.part = &proa_coap_sealed_part,
                                 .ctx = o,
                                 .add = add,
                                 .remove = remove_account,
                                 .renew = renew,
                                 .overhead = PROA_OSCORE_OVERHEAD_MAX,
                                 .open_request = open_request,
                                 .open_response = open_response,
                                 .begin_request = begin_request,
                                 .begin_response = begin_response,
                                 .seal = seal};
    return &o->coap;
}
