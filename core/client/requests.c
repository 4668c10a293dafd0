/* SPDX-License-Identifier: Apache-2.0 */
/* From a CoAP request to an LwM2M operation and back (Core 1.2 §6.3, §6.4; Transport 1.2 §6.4).
 *
 * The order of the checks is the security of the device and stands here only:
 *   1. who: the account of the session (or of a NoSec server's address). A stranger on plain CoAP
 *      is refused in the extension's words, or met with silence; multicast is not answered at all;
 *   2. what: method, options and path give the operation;
 *   3. `ep=` of a peer is compared and dropped: it never says who somebody is and never turns a
 *      Write into Write-Attributes;
 *   4. closed objects; for servers then existence (4.04), which their registration shows anyway;
 *   5. rights; for peers existence comes after this, so that nobody maps a device without rights;
 *   6. the operation.
 * What it changed is told after the answer is given: events, observers, registration. */
#include <string.h>

#include "core/client/client_internal.h"

/* ---- reading the request ---------------------------------------------------------------- */

static uint16_t format_option(const proa_coap_msg *m, uint16_t number)
{
    uint32_t format = proa_coap_option_uint(m, number, PROA_FORMAT_NONE);
    /* No format of ours is that large; it must not look like an absent option. */
    return format > PROA_FORMAT_NONE ? PROA_FORMAT_NONE - 1 : (uint16_t)format;
}

static bool is_endpoint(proa_span query)
{
    return query.len >= 3 && memcmp(query.data, "ep=", 3) == 0;
}

/* The queries as attributes, if the operation can have any. Returns how many there are beside ep=
 * of a peer, or the code to refuse with, negated. */
static int read_queries(const proa_client *c, proa__request *rq, bool as_attributes)
{
    proa_coap_options it = proa_coap_options_of(&rq->event->msg);
    proa_coap_option option;
    int count = 0;
    while (proa_coap_option_next(&it, &option)) {
        if (option.number != PROA_COAP_OPT_URI_QUERY) {
            continue;
        }
        if (rq->who.kind == PROA_ACTOR_PEER && is_endpoint(option.value)) {
            proa_span endpoint = {option.value.data + 3, option.value.len - 3};
            if (c->extension->endpoint_is != NULL &&
                !c->extension->endpoint_is(c->extension->ctx, rq->who.account, endpoint)) {
                return -PROA_COAP_FORBIDDEN;
            }
            continue;
        }
        count++;
        if (as_attributes && proa_attributes_parse(option.value, &rq->attributes) != PROA_OK) {
            return -PROA_COAP_BAD_REQUEST;
        }
    }
    return count;
}

static uint8_t classify_get(const proa_client *c, proa__request *rq)
{
    uint32_t observe = proa_coap_option_uint(&rq->event->msg, PROA_COAP_OPT_OBSERVE, 2);
    rq->op = PROA_OP_READ;
    if (rq->accept == PROA_FORMAT_LINK) {
        rq->op = PROA_OP_DISCOVER;
    } else if (observe == 0) {
        rq->op = PROA_OP_OBSERVE;
    } else if (observe == 1) {
        rq->op = PROA_OP_CANCEL_OBSERVE;
    }
    int queries = read_queries(c, rq, rq->op == PROA_OP_OBSERVE);
    return queries < 0 ? (uint8_t)-queries : 0;
}

static uint8_t classify_put(const proa_client *c, proa__request *rq)
{
    rq->op = PROA_OP_WRITE_REPLACE;
    int queries = read_queries(c, rq, true);
    if (queries < 0) {
        return (uint8_t)-queries;
    }
    if (queries == 0) {
        return rq->path.depth >= 2 ? 0 : PROA_COAP_METHOD_NOT_ALLOWED;
    }
    rq->op = PROA_OP_WRITE_ATTRIBUTES;
    return rq->event->msg.payload.len > 0 ? PROA_COAP_BAD_REQUEST : 0;
}

static uint8_t classify_post(const proa_client *c, proa__request *rq)
{
    static const proa_operation by_depth[] = {0, PROA_OP_CREATE, PROA_OP_WRITE_UPDATE,
                                              PROA_OP_EXECUTE, 0};
    rq->op = by_depth[rq->path.depth];
    int queries = read_queries(c, rq, false);
    if (queries < 0) {
        return (uint8_t)-queries;
    }
    return rq->op == 0 ? PROA_COAP_METHOD_NOT_ALLOWED : 0;
}

/* Sets op; returns 0 or why there is none. */
static uint8_t classify(const proa_client *c, proa__request *rq)
{
    int queries;
    if (rq->path.depth == 0) {
        return PROA_COAP_METHOD_NOT_ALLOWED;
    }
    switch (rq->event->msg.code) {
    case PROA_COAP_GET:
        return classify_get(c, rq);
    case PROA_COAP_PUT:
        return classify_put(c, rq);
    case PROA_COAP_POST:
        return classify_post(c, rq);
    case PROA_COAP_DELETE:
        rq->op = PROA_OP_DELETE;
        queries = read_queries(c, rq, false);
        if (queries < 0) {
            return (uint8_t)-queries;
        }
        return rq->path.depth == 2 ? 0 : PROA_COAP_METHOD_NOT_ALLOWED;
    default: /* FETCH and iPATCH: composite operations are not part of this device */
        return PROA_COAP_METHOD_NOT_ALLOWED;
    }
}

/* ---- checks ----------------------------------------------------------------------------- */

/* 4.04 if object or instance are not there. */
static uint8_t check_exists(const proa__request *rq)
{
    bool found = rq->object != NULL &&
                 (rq->path.depth < 2 || proa__model_has_instance(rq->object, rq->path.ids[1]));
    return found ? 0 : PROA_COAP_NOT_FOUND;
}

/* Object 0 is not there for anybody; keys and OSCORE contexts can be given, never asked for. */
static uint8_t check_closed(const proa__request *rq)
{
    if (rq->path.ids[0] == PROA_OBJECT_SECURITY) {
        return PROA_COAP_NOT_FOUND;
    }
    bool asks = proa_operation_right(rq->op) == PROA_RIGHT_READ;
    return rq->path.ids[0] == PROA_OBJECT_OSCORE && asks ? PROA_COAP_METHOD_NOT_ALLOWED : 0;
}

static uint8_t check(proa_client *c, proa__request *rq)
{
    uint8_t code = 0;
    rq->object = proa__model_object(c, rq->path.ids[0]);
    if (rq->object != NULL && rq->path.depth >= 3) {
        rq->resource = proa__model_resource(rq->object, rq->path.ids[2]);
    }
    if (rq->who.kind == PROA_ACTOR_SERVER) {
        code = check_closed(rq);
        if (code == 0) {
            code = check_exists(rq);
        }
    }
    if (code == 0 && !proa__client_allowed(c, &rq->who, rq->op, &rq->path)) {
        code = PROA_COAP_UNAUTHORIZED;
    }
    return code != 0 ? code : check_exists(rq);
}

/* ---- answering -------------------------------------------------------------------------- */

void proa__request_content(proa__request *rq, uint16_t format, proa_span payload)
{
    proa_writer w = proa_writer_make(rq->option_bytes[0], sizeof rq->option_bytes[0]);
    proa_write_uint(&w, format, proa_uint_width(format));
    rq->options[0].number = PROA_COAP_OPT_CONTENT_FORMAT;
    rq->options[0].value = proa_writer_span(&w);
    rq->out.options = rq->options;
    rq->out.option_count = 1;
    rq->out.payload = payload;
}

void proa__client_answer(proa_client *c, uint64_t now_ms)
{
    proa__request rq;
    if (c->answer.exchange != 0) {
        memset(&rq, 0, sizeof rq);
        rq.out.code = PROA_COAP_CREATED;
        proa__request_content(&rq, PROA_FORMAT_CBOR,
                              proa_span_make(c->answer.payload, c->answer.payload_len));
        /* As below. */
        (void)!proa_coap_respond(c->coap, now_ms, c->answer.exchange, &rq.out);
        c->answer.exchange = 0;
    }
}

static void keep(proa_client *c, const proa__request *rq)
{
    proa__client_answer(c, c->now_ms);
    c->answer.exchange = rq->event->exchange;
    c->answer.payload_len = (uint8_t)rq->out.payload.len;
    memcpy(c->answer.payload, rq->out.payload.data, rq->out.payload.len);
}

static void respond(proa_client *c, const proa__request *rq)
{
    if (rq->later && rq->out.payload.len <= sizeof c->answer.payload) {
        keep(c, rq);
        return;
    }
    proa_err err = proa_coap_respond(c->coap, c->now_ms, rq->event->exchange, &rq->out);
    /* The peer is gone, or the engine has said 5.00 for us: the operation stands either way. */
    (void)err;
}

/* A stranger, or a peer without the right: the extension words it. */
static void refuse(proa_client *c, proa__request *rq, bool has_path)
{
    proa_refusal refusal = {rq->event, rq->who.account, rq->op, rq->path};
    if (!has_path) {
        refusal.path.depth = 0;
    }
    memset(&rq->out, 0, sizeof rq->out);
    rq->out.code = PROA_COAP_UNAUTHORIZED;
    bool stranger = rq->who.account == 0;
    bool send = !stranger;
    if (c->extension != NULL && c->extension->refuse != NULL && rq->who.kind != PROA_ACTOR_SERVER &&
        (!stranger || rq->event->peer.session == 0)) {
        send = c->extension->refuse(c->extension->ctx, c->now_ms, &refusal, &rq->out, c->scratch,
                                    c->scratch_cap);
    }
    if (send) {
        respond(c, rq);
    } else {
        proa_coap_ignore(c->coap, rq->event->exchange);
    }
    c->requests_denied++;
    if (!stranger) {
        proa__client_tell_path(c, PROA_CLIENT_REFUSED, &rq->who, &rq->path, rq->out.code);
    }
}

/* ---- consequences ----------------------------------------------------------------------- */

/* Several Creates come in a row when a server sets something up: one Update for all. */
#define LIST_DELAY_MS 2000

static void tell_changes(proa_client *c, const proa__request *rq)
{
    switch (rq->op) {
    case PROA_OP_WRITE_REPLACE:
    case PROA_OP_WRITE_UPDATE:
        proa__client_tell_path(c, PROA_CLIENT_WRITTEN, &rq->who, &rq->path, 0);
        proa_client_changed(c, c->now_ms, &rq->path);
        break;
    case PROA_OP_EXECUTE:
        proa__client_tell_path(c, PROA_CLIENT_EXECUTED, &rq->who, &rq->path, 0);
        break;
    case PROA_OP_CREATE:
        proa__client_tell_path(c, PROA_CLIENT_CREATED, &rq->who, &rq->path, 0);
        proa_client_changed(c, c->now_ms, &rq->path);
        proa__client_list_changed(c, LIST_DELAY_MS);
        break;
    case PROA_OP_DELETE:
        proa__client_tell_path(c, PROA_CLIENT_DELETED, &rq->who, &rq->path, 0);
        proa__report_deleted(c, c->now_ms, &rq->path);
        proa_client_changed(c, c->now_ms, &rq->path);
        proa__client_list_changed(c, LIST_DELAY_MS);
        break;
    default:
        break;
    }
}

/* In the order of proa_operation. */
static uint8_t (*const serve[])(proa_client *c, proa__request *rq) = {
    [PROA_OP_READ] = proa__serve_read,
    [PROA_OP_OBSERVE] = proa__serve_observe,
    [PROA_OP_CANCEL_OBSERVE] = proa__serve_cancel,
    [PROA_OP_DISCOVER] = proa__serve_discover,
    [PROA_OP_WRITE_ATTRIBUTES] = proa__serve_attributes,
    [PROA_OP_WRITE_REPLACE] = proa__serve_write,
    [PROA_OP_WRITE_UPDATE] = proa__serve_write,
    [PROA_OP_EXECUTE] = proa__serve_execute,
    [PROA_OP_CREATE] = proa__serve_create,
    [PROA_OP_DELETE] = proa__serve_delete,
};

static void serve_known(proa_client *c, proa__request *rq)
{
    uint8_t code = classify(c, rq);
    if (code == 0) {
        code = check(c, rq);
    }
    if (code == PROA_COAP_UNAUTHORIZED) {
        refuse(c, rq, true);
        return;
    }
    if (code == 0) {
        code = serve[rq->op](c, rq);
        c->requests_served++;
    }
    rq->out.code = code;
    respond(c, rq);
    if (PROA_COAP_CLASS(code) != 2) {
        return;
    }
    if (rq->who.kind == PROA_ACTOR_PEER && c->extension->used != NULL) {
        c->extension->used(c->extension->ctx, c->now_ms, rq->who.account);
    }
    tell_changes(c, rq);
}

void proa__client_serve(proa_client *c, const proa_coap_event *event)
{
    proa__request rq;
    memset(&rq, 0, sizeof rq);
    rq.event = event;
    rq.accept = format_option(&event->msg, PROA_COAP_OPT_ACCEPT);
    rq.format = format_option(&event->msg, PROA_COAP_OPT_CONTENT_FORMAT);
    /* Of what is sealed under keys that nobody knows, only the cover can be read. */
    bool known = !event->sealed && proa__account_who(c, &event->peer, &rq.who);
    bool has_path = !event->sealed && proa_path_of_msg(&event->msg, &rq.path) == PROA_OK;
    uint8_t method = event->msg.code;
    bool is_strange =
        !known && !event->sealed && (method < PROA_COAP_GET || method > PROA_COAP_DELETE);
    if (event->multicast || is_strange) {
        c->requests_dropped++;
        proa_coap_ignore(c->coap, event->exchange);
        return;
    }
    if (known && rq.who.kind == PROA_ACTOR_SERVER && !has_path) {
        rq.out.code = PROA_COAP_NOT_FOUND;
        respond(c, &rq);
        return;
    }
    if (!known || !has_path) {
        uint8_t code = has_path ? classify(c, &rq) : 0; /* for the op that was tried */
        (void)code;
        refuse(c, &rq, has_path);
        return;
    }
    if (rq.path.depth >= 3 && rq.format == PROA_FORMAT_NONE && method == PROA_COAP_PUT) {
        rq.format = PROA_FORMAT_TEXT; /* RFC 7252 §5.5.1: ours to assume */
    }
    serve_known(c, &rq);
}
