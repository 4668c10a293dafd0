/* SPDX-License-Identifier: Apache-2.0 */
/* A question to a peer as a CoAP request (LwM2M Transport 1.2 §6.4: the same mapping that servers
 * use towards devices). What comes back is judged in ask.c. */
#include "core/c2c/ask_internal.h"

#include "proa/assert.h"
#include "proa/codec/text.h"

typedef struct shape {
    uint8_t code;
    uint8_t depth_min, depth_max;
    bool repeatable;
    bool writes; /* its payload has a format */
    bool reads;  /* it wants one */
} shape;

/* Indexed by proa_operation. */
static const shape shapes[] = {
    [PROA_OP_READ] = {PROA_COAP_GET, 1, 4, true, false, true},
    [PROA_OP_OBSERVE] = {PROA_COAP_GET, 1, 4, true, false, true},
    [PROA_OP_DISCOVER] = {PROA_COAP_GET, 1, 3, true, false, true},
    [PROA_OP_WRITE_ATTRIBUTES] = {PROA_COAP_PUT, 1, 4, true, false, false},
    [PROA_OP_WRITE_REPLACE] = {PROA_COAP_PUT, 2, 4, true, true, false},
    [PROA_OP_WRITE_UPDATE] = {PROA_COAP_POST, 2, 3, false, true, false},
    [PROA_OP_EXECUTE] = {PROA_COAP_POST, 3, 3, false, true, false},
    [PROA_OP_CREATE] = {PROA_COAP_POST, 1, 1, false, true, false},
    [PROA_OP_DELETE] = {PROA_COAP_DELETE, 2, 4, true, false, false},
};

static const shape *shape_of(proa_operation op)
{
    size_t index = (size_t)op;
    return index < sizeof(shapes) / sizeof(shapes[0]) && shapes[index].code != 0 ? &shapes[index]
                                                                                 : NULL;
}

bool proa__request_possible(proa_operation op, const proa_path *path)
{
    const shape *s = shape_of(op);
    return s != NULL && path->depth >= s->depth_min && path->depth <= s->depth_max;
}

bool proa__request_repeatable(proa_operation op)
{
    return shape_of(op)->repeatable;
}

/* ---- options ---------------------------------------------------------------------------- */

/* Uri-Path of 4, Content-Format, 5 attributes, Accept. */
#define OPTIONS_MAX 11

typedef struct options {
    proa_coap_option list[OPTIONS_MAX];
    size_t count;
    uint8_t digits[4][5];
    uint8_t format[2];
} options;

static void add(options *o, uint16_t number, const uint8_t *data, size_t len)
{
    PROA_ASSERT(o->count < OPTIONS_MAX);
    o->list[o->count++] = (proa_coap_option){number, {data, len}};
}

/* No question has both a Content-Format and an Accept. */
static void add_format(options *o, uint16_t number, uint16_t format)
{
    size_t len = proa_uint_width(format);
    o->format[0] = (uint8_t)(len == 2 ? format >> 8 : format);
    o->format[1] = (uint8_t)format;
    add(o, number, o->format, len);
}

/* One option for each attribute. */
static void add_attributes(options *o, proa_span queries)
{
    const uint8_t *end = queries.data + queries.len;
    const uint8_t *at = queries.data;
    for (const uint8_t *next = at; next < end; at = next + 1) {
        for (next = at; next < end && *next != '&'; next++) {
        }
        add(o, PROA_COAP_OPT_URI_QUERY, at, (size_t)(next - at));
    }
}

/* "pmin=10"; "pmin" alone removes the attribute (Core 1.2 §7.3.2). */
void proa__request_attributes(proa_writer *w, const proa_attributes *a)
{
    for (unsigned which = PROA_ATTR_PMIN; which <= PROA_ATTR_ST; which <<= 1) {
        if (((a->set | a->cleared) & which) != 0) {
            proa_write_text(w, w->len > 0 ? "&" : "");
            proa_attributes_write(w, a, which);
        }
    }
}

/* The format of a question, of what it brings or of what it wants. */
static uint16_t format_of(const proa__ask *ask)
{
    if (ask->op == PROA_OP_DISCOVER) {
        return PROA_FORMAT_LINK;
    }
    if (ask->op == PROA_OP_EXECUTE) {
        return PROA_FORMAT_TEXT;
    }
    if (ask->format != PROA_FORMAT_NONE) {
        return ask->format;
    }
    return shape_of(ask->op)->writes && ask->path.depth >= 3 ? PROA_FORMAT_TEXT : PROA_FORMAT_TLV;
}

/* ---- sending ---------------------------------------------------------------------------- */

/* What a question says beside its path. */
static void add_question(options *o, proa_coap_request *request, const proa__ask *ask)
{
    const shape *how = shape_of(ask->op);
    request->code = how->code;
    request->observe =
        ask->op == PROA_OP_OBSERVE ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE;
    request->payload = proa__row_text(&ask->row, PROA__ASK_PAYLOAD);
    /* An Execute without arguments has no payload, and so no format of it. */
    if (how->writes && (request->payload.len > 0 || ask->op != PROA_OP_EXECUTE)) {
        add_format(o, PROA_COAP_OPT_CONTENT_FORMAT, format_of(ask));
    }
    add_attributes(o, proa__row_text(&ask->row, PROA__ASK_ATTRIBUTES));
    if (how->reads) {
        add_format(o, PROA_COAP_OPT_ACCEPT, format_of(ask));
    }
}

/* A probe is not worth the whole time of its question: no answer says nothing. */
#define PROBE_TIMEOUT_MS 10000U

proa_err proa__request_send(proa_c2c *c, proa__ask *ask, const proa_coap_peer *to, unsigned what)
{
    options o;
    uint64_t left = ask->deadline_ms > c->now_ms ? ask->deadline_ms - c->now_ms : 1;
    uint32_t max_ms = what == PROA__FOR_PROBE ? PROBE_TIMEOUT_MS : UINT32_MAX;
    proa_coap_request request = {
        .code = PROA_COAP_GET,
        .options = o.list,
        .user = proa__ask_user(what, ask->row.instance),
        .timeout_ms = left < max_ms ? (uint32_t)left : max_ms,
    };
    o.count = proa_path_options(&ask->path, o.digits, o.list);
    if (what == PROA__FOR_ASK) {
        add_question(&o, &request, ask);
    }
    request.option_count = o.count;
    return proa_coap_send(proa__client_coap(c->client), c->now_ms, to, &request, &ask->request);
}
