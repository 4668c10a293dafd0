/* SPDX-License-Identifier: Apache-2.0 */
/* The registration interface: POST /rd, POST /rd/<id>, DELETE /rd/<id>, GET /.well-known/core (LwM2M
 * Core 1.2 §6.2, Transport 1.2 §6.4.2).
 *
 * A request is judged as a whole before anything of it is applied. Who may register as what is
 * decided by the account whose keys protect the request; who may update or leave, too: for anybody else there is no
 * such registration (4.04). Without protection the knowledge of the id, 72 random bits, is all there
 * is, and only if the configuration wants that. */
#include <string.h>

#include "core/server/links.h"
#include "core/server/server_internal.h"

/* LwM2M Core 1.2 §6.2.1: the lifetime of who names none. */
#define DEFAULT_LIFETIME_S 86400U

/* A full server: come back in a minute (RFC 7252 §5.10.5 would mean the same without it). */
#define FULL_MAX_AGE_S 60U

/* ---- parameters ------------------------------------------------------------------------- */

enum {
    PARAM_ENDPOINT = 0x01,
    PARAM_LIFETIME = 0x02,
    PARAM_VERSION = 0x04,
    PARAM_BINDING = 0x08,
    PARAM_QUEUE = 0x10,
    PARAM_IGNORED = 0x20 /* known, and nothing to us */
};

typedef struct params {
    uint8_t seen;
    proa_span endpoint;
    uint32_t lifetime_s;
    uint8_t version_minor;
    bool queue_mode;
} params;

static const struct {
    const char *name;
    uint8_t param;
    bool update; /* may stand in an Update, too */
} known_params[] = {
    {"ep", PARAM_ENDPOINT, false},   {"lt", PARAM_LIFETIME, true},
    {"lwm2m", PARAM_VERSION, false}, {"b", PARAM_BINDING, true},
    {"Q", PARAM_QUEUE, true},        {"sms", PARAM_IGNORED, true},
    {"pid", PARAM_IGNORED, false},   {"c2c-uri", PARAM_IGNORED, true},
};

static bool is_endpoint_name(proa_span name)
{
    if (name.len == 0 || name.len > PROA_ENDPOINT_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < 0x20 || name.data[i] == 0x7f) {
            return false; /* it will be printed */
        }
    }
    return true;
}

/* Letters of Core 1.2 §6.2.1.2; Q is how LwM2M 1.0 said queue mode. */
static bool read_binding(proa_span value, params *p)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == 'Q') {
            p->queue_mode = true;
        } else if (value.data[i] == 0 || strchr("UMHTSN", value.data[i]) == NULL) {
            return false;
        }
    }
    return value.len > 0;
}

/* A version that is one, but not ours, is a different refusal from what is none. */
static uint8_t read_version(proa_span value, params *p)
{
    if (value.len != 3 || value.data[1] != '.' || value.data[0] < '0' || value.data[0] > '9' ||
        value.data[2] < '0' || value.data[2] > '9') {
        return PROA_COAP_BAD_REQUEST;
    }
    if (value.data[0] != '1' || value.data[2] > '2') {
        return PROA_COAP_PRECONDITION_FAILED;
    }
    p->version_minor = (uint8_t)(value.data[2] - '0');
    return 0;
}

/* 0, or the code of the refusal. */
static uint8_t read_value(uint8_t param, bool has_value, proa_span value, params *p)
{
    bool ok = has_value;
    uint64_t number;
    switch (param) {
    case PARAM_ENDPOINT:
        p->endpoint = value;
        ok = ok && is_endpoint_name(value);
        break;
    case PARAM_LIFETIME:
        ok = ok && proa_parse_decimal(value, UINT32_MAX, &number) == PROA_OK;
        p->lifetime_s = ok ? (uint32_t)number : 0;
        break;
    case PARAM_VERSION:
        return read_version(value, p);
    case PARAM_BINDING:
        ok = ok && read_binding(value, p);
        break;
    case PARAM_QUEUE:
        p->queue_mode = true;
        ok = !has_value;
        break;
    default:
        break;
    }
    return ok ? 0 : PROA_COAP_BAD_REQUEST;
}

static uint8_t read_param(proa_span query, bool update, params *p)
{
    const uint8_t *equals = query.len == 0 ? NULL : memchr(query.data, '=', query.len);
    size_t name_len = equals == NULL ? query.len : (size_t)(equals - query.data);
    proa_span name = proa_span_make(query.data, name_len);
    proa_span value = proa_span_make(NULL, 0);
    if (equals != NULL) {
        value = proa_span_make(equals + 1, query.len - name_len - 1);
    }
    for (size_t i = 0; i < sizeof known_params / sizeof known_params[0]; i++) {
        if (!proa_span_equal(name, proa_span_of(known_params[i].name))) {
            continue;
        }
        uint8_t param = known_params[i].param;
        if ((update && !known_params[i].update) ||
            (param != PARAM_IGNORED && (p->seen & param) != 0)) {
            return PROA_COAP_BAD_REQUEST;
        }
        p->seen |= param;
        return read_value(param, equals != NULL, value, p);
    }
    return PROA_COAP_BAD_REQUEST; /* "unknown parameter", Core 1.2 §6.2.1 */
}

static uint8_t read_params(const proa_coap_msg *msg, bool update, params *p)
{
    proa_coap_options it = proa_coap_options_of(msg);
    proa_coap_option option;
    uint8_t refusal = 0;
    memset(p, 0, sizeof *p);
    /* To the end even after a mistake: what is claimed as endpoint goes into the event. */
    while (proa_coap_option_next(&it, &option)) {
        if (option.number == PROA_COAP_OPT_URI_QUERY) {
            uint8_t code = read_param(option.value, update, p);
            refusal = refusal == 0 ? code : refusal;
        }
    }
    return refusal;
}

static uint32_t cut_lifetime(const proa_server *s, uint32_t lifetime_s)
{
    uint32_t max = s->config.lifetime_max_s;
    return max != 0 && (lifetime_s == 0 || lifetime_s > max) ? max : lifetime_s;
}

/* ---- object list ------------------------------------------------------------------------ */

static uint8_t read_list(const proa_server *s, const proa_coap_msg *msg, proa__links *links)
{
    uint32_t format = proa_coap_option_uint(msg, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_NONE);
    if (format != PROA_FORMAT_LINK && format != PROA_FORMAT_NONE) {
        return PROA_COAP_UNSUPPORTED_CONTENT_FORMAT;
    }
    if (msg->payload.len > s->config.links_max) {
        return PROA_COAP_REQUEST_ENTITY_TOO_LARGE;
    }
    return proa__links_read(msg->payload, links) == PROA_OK ? 0 : PROA_COAP_BAD_REQUEST;
}

static void apply_links(proa__device *d, const proa__links *links)
{
    d->format = links->format;
    d->has_root = links->root.len > 0;
}

static void renew(proa_server *s, uint64_t now_ms, proa__device *d)
{
    d->updated_ms = now_ms;
    proa__registry_expires(&s->registry, d, proa__device_expires_ms(d));
}

/* ---- POST /rd --------------------------------------------------------------------------- */

static bool refuse(proa_server *s, uint64_t now_ms, const proa_coap_event *request, uint8_t code,
                   proa_span endpoint, proa_server_event *out)
{
    const uint8_t max_age = FULL_MAX_AGE_S;
    proa_coap_option option = {PROA_COAP_OPT_MAX_AGE, proa_span_make(&max_age, 1)};
    proa_coap_response response = {.code = code, .options = &option};
    response.option_count = code == PROA_COAP_SERVICE_UNAVAILABLE ? 1 : 0;
    proa__server_answer(s, now_ms, request->exchange, &response);
    s->refused++;
    out->kind = PROA_SERVER_REFUSED;
    out->code = code;
    out->endpoint = endpoint;
    out->peer = request->peer;
    out->account = proa__server_account(s, &request->peer);
    return true;
}

/* May who is at the other end be `p->endpoint`? An endpoint that is left out is the
 * one of the key (Core 1.2 §6.2.1). 0, or the code of the refusal. */
static uint8_t judge_endpoint(const proa_server *s, const proa_coap_peer *peer, params *p)
{
    bool named = (p->seen & PARAM_ENDPOINT) != 0;
    proa_span own;
    if (proa__peer_is_nobody(peer)) {
        if (!named) {
            return PROA_COAP_BAD_REQUEST;
        }
        const proa__device *d = proa__registry_by_endpoint(&s->registry, p->endpoint);
        bool taken = s->config.needs_key != NULL && s->config.needs_key(s->config.ctx, p->endpoint);
        return taken || (d != NULL && d->account != 0) ? PROA_COAP_FORBIDDEN : 0;
    }
    uint64_t account = proa__server_account(s, peer);
    if (account == 0 || s->config.endpoint_of == NULL ||
        !s->config.endpoint_of(s->config.ctx, account, &own)) {
        return PROA_COAP_FORBIDDEN;
    }
    if (!named) {
        p->endpoint = own;
        return is_endpoint_name(own) ? 0 : PROA_COAP_FORBIDDEN;
    }
    return proa_span_equal(own, p->endpoint) ? 0 : PROA_COAP_BAD_REQUEST;
}

static uint8_t judge_register(const proa_server *s, const proa_coap_event *request, params *p,
                              proa__links *links)
{
    uint8_t code = read_params(&request->msg, false, p);
    uint8_t refusal = proa__server_judge(s, &request->peer);
    if (refusal != 0) {
        return refusal;
    }
    if (code == 0 && (p->seen & PARAM_VERSION) == 0) {
        code = PROA_COAP_BAD_REQUEST;
    }
    if (code == 0) {
        code = judge_endpoint(s, &request->peer, p);
    }
    if (code == 0) {
        code = request->msg.payload.len == 0 ? PROA_COAP_BAD_REQUEST
                                             : read_list(s, &request->msg, links);
    }
    return code;
}

static void answer_created(proa_server *s, uint64_t now_ms, const proa_coap_event *request,
                           const proa__device *d)
{
    const proa_coap_option location[2] = {
        {PROA_COAP_OPT_LOCATION_PATH, proa_span_of("rd")},
        {PROA_COAP_OPT_LOCATION_PATH, proa_span_make(d->id, sizeof d->id)}};
    proa_coap_response response = {
        .code = PROA_COAP_CREATED, .options = location, .option_count = 2};
    proa__server_answer(s, now_ms, request->exchange, &response);
}

/* A new registration, in place of the one of the same endpoint if there is one. */
static proa_err add_device(proa_server *s, uint64_t now_ms, const proa_coap_event *request,
                           const params *p, proa__device **out, proa_reg *replaced)
{
    proa__device_facts facts = {.endpoint = p->endpoint,
                                .links = request->msg.payload,
                                .account = proa__server_account(s, &request->peer)};
    facts.protection = proa__server_demands(s, facts.account);
    proa__device *old = proa__registry_by_endpoint(&s->registry, p->endpoint);
    *replaced = old == NULL ? 0 : old->reg;
    if (old != NULL) {
        proa__ops_finish_all(s, now_ms, old, PROA_OP_GONE);
        if (old->session != request->peer.session) {
            proa__server_unbind(s, now_ms, old);
        }
    }
    proa_err err = proa__registry_add(&s->registry, &facts, old, out);
    if (err != PROA_OK) {
        return err;
    }
    (*out)->addr = request->peer.addr;
    err = proa__registry_set_session(&s->registry, *out, request->peer.session);
    if (err != PROA_OK) {
        proa__registry_end(&s->registry, *out);
        proa__registry_release(&s->registry, *out);
    }
    return err;
}

static bool on_register(proa_server *s, uint64_t now_ms, const proa_coap_event *request,
                        proa_server_event *out)
{
    params p;
    proa__links links;
    proa__device *d;
    uint8_t code = judge_register(s, request, &p, &links);
    if (code == 0 && add_device(s, now_ms, request, &p, &d, &out->replaced) != PROA_OK) {
        out->replaced = 0;
        code = PROA_COAP_SERVICE_UNAVAILABLE;
    }
    if (code != 0) {
        return refuse(s, now_ms, request, code, p.endpoint, out);
    }
    bool has_lifetime = (p.seen & PARAM_LIFETIME) != 0;
    d->lifetime_s = cut_lifetime(s, has_lifetime ? p.lifetime_s : DEFAULT_LIFETIME_S);
    d->version_minor = p.version_minor;
    d->queue_mode = p.queue_mode;
    d->registered_ms = now_ms;
    apply_links(d, &links);
    renew(s, now_ms, d);
    proa__server_heard(s, now_ms, d, &request->peer);
    answer_created(s, now_ms, request, d);
    s->registers++;
    out->kind = PROA_SERVER_REGISTERED;
    out->reg = d->reg;
    out->endpoint = proa__device_endpoint(d);
    out->peer = request->peer;
    out->account = d->account;
    return true;
}

/* ---- POST and DELETE /rd/<id> ----------------------------------------------------------- */

/* The registration with this id, if it is the sender's. */
static proa__device *own_device(const proa_server *s, const proa_coap_peer *peer, proa_span id)
{
    proa__device *d = proa__registry_by_id(&s->registry, id);
    if (d == NULL || proa__peer_is_nobody(peer) != (d->account == 0)) {
        return NULL;
    }
    return d->account == proa__server_account(s, peer) ? d : NULL;
}

static uint8_t apply_update(proa_server *s, uint64_t now_ms, const proa_coap_event *request,
                            proa__device *d, proa_server_event *out)
{
    params p;
    proa__links links;
    const proa_span list = request->msg.payload;
    uint8_t code = read_params(&request->msg, true, &p);
    if (code == 0 && list.len > 0) {
        code = read_list(s, &request->msg, &links);
    }
    if (code != 0) {
        return code;
    }
    out->links_changed = list.len > 0 && !proa_span_equal(list, proa__device_links(d));
    if (proa__server_follow(s, now_ms, d, &request->peer) != PROA_OK ||
        (out->links_changed && proa__registry_set_links(&s->registry, d, list) != PROA_OK)) {
        return PROA_COAP_SERVICE_UNAVAILABLE;
    }
    if (out->links_changed) {
        apply_links(d, &links);
    }
    if ((p.seen & PARAM_LIFETIME) != 0) {
        d->lifetime_s = cut_lifetime(s, p.lifetime_s);
    }
    if ((p.seen & (PARAM_BINDING | PARAM_QUEUE)) != 0) {
        d->queue_mode = p.queue_mode;
    }
    renew(s, now_ms, d);
    proa__server_heard(s, now_ms, d, &request->peer);
    return PROA_COAP_CHANGED;
}

static bool on_update(proa_server *s, uint64_t now_ms, const proa_coap_event *request,
                      proa__device *d, proa_server_event *out)
{
    uint8_t code = apply_update(s, now_ms, request, d, out);
    proa__server_answer_code(s, now_ms, request->exchange, code);
    if (code != PROA_COAP_CHANGED) {
        return false;
    }
    s->updates++;
    out->kind = PROA_SERVER_UPDATED;
    out->reg = d->reg;
    out->endpoint = proa__device_endpoint(d);
    out->peer = request->peer;
    out->account = d->account;
    out->address_changed = d->moved;
    d->moved = false;
    return true;
}

static bool on_deregister(proa_server *s, uint64_t now_ms, const proa_coap_event *request,
                          proa__device *d, proa_server_event *out)
{
    proa__server_end(s, now_ms, d);
    s->ended = d->reg;
    s->deregisters++;
    proa__server_answer_code(s, now_ms, request->exchange, PROA_COAP_DELETED);
    out->kind = PROA_SERVER_DEREGISTERED;
    out->reg = d->reg;
    out->endpoint = proa__device_endpoint(d);
    out->peer = request->peer;
    out->account = d->account;
    return true;
}

static bool on_registration(proa_server *s, uint64_t now_ms, const proa_coap_event *request,
                            proa_span id, proa_server_event *out)
{
    uint8_t method = request->msg.code;
    uint8_t refusal = proa__server_judge(s, &request->peer);
    if (refusal != 0) {
        proa__server_answer_code(s, now_ms, request->exchange, refusal);
        return false;
    }
    if (method != PROA_COAP_POST && method != PROA_COAP_DELETE) {
        proa__server_answer_code(s, now_ms, request->exchange, PROA_COAP_METHOD_NOT_ALLOWED);
        return false;
    }
    proa__device *d = own_device(s, &request->peer, id);
    if (d == NULL) {
        proa__server_answer_code(s, now_ms, request->exchange, PROA_COAP_NOT_FOUND);
        return false;
    }
    return method == PROA_COAP_POST ? on_update(s, now_ms, request, d, out)
                                    : on_deregister(s, now_ms, request, d, out);
}

/* ---- which path ------------------------------------------------------------------------- */

/* What anybody may know: where to register, and where to ask for access. */
static void answer_core(proa_server *s, uint64_t now_ms, const proa_coap_event *request)
{
    const uint8_t format = PROA_FORMAT_LINK;
    const proa_coap_option option = {PROA_COAP_OPT_CONTENT_FORMAT, proa_span_make(&format, 1)};
    proa_coap_response response = {
        .code = PROA_COAP_CONTENT,
        .options = &option,
        .option_count = 1,
        .payload = proa_span_of("</rd>;rt=\"core.rd\",</ac>;rt=\"lwm2m.auth\"")};
    uint32_t accept = proa_coap_option_uint(&request->msg, PROA_COAP_OPT_ACCEPT, PROA_FORMAT_LINK);
    if (request->msg.code != PROA_COAP_GET) {
        proa__server_answer_code(s, now_ms, request->exchange, PROA_COAP_METHOD_NOT_ALLOWED);
    } else if (accept != PROA_FORMAT_LINK) {
        proa__server_answer_code(s, now_ms, request->exchange, PROA_COAP_NOT_ACCEPTABLE);
    } else {
        proa__server_answer(s, now_ms, request->exchange, &response);
    }
}

static bool is_segment(const proa__uri *uri, size_t index, const char *text)
{
    return index < uri->count && proa_span_equal(uri->segments[index], proa_span_of(text));
}

bool proa__rd_request(proa_server *s, uint64_t now_ms, const proa_coap_event *request,
                      const proa__uri *uri, proa_server_event *out, bool *told)
{
    *told = false;
    if (uri->count == 2 && is_segment(uri, 0, ".well-known") && is_segment(uri, 1, "core")) {
        answer_core(s, now_ms, request);
        return true;
    }
    if (!is_segment(uri, 0, "rd")) {
        return false;
    }
    if (uri->count > 2) {
        proa__server_answer_code(s, now_ms, request->exchange, PROA_COAP_NOT_FOUND);
    } else if (uri->count == 2) {
        *told = on_registration(s, now_ms, request, uri->segments[1], out);
    } else if (request->msg.code != PROA_COAP_POST) {
        proa__server_answer_code(s, now_ms, request->exchange, PROA_COAP_METHOD_NOT_ALLOWED);
    } else {
        *told = on_register(s, now_ms, request, out);
    }
    return true;
}
