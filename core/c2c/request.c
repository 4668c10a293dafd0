/* SPDX-License-Identifier: Apache-2.0 */
/* A question to a peer as a CoAP request (LwM2M Transport 1.2 §6.4: the same mapping that servers
 * use towards devices). What comes back is judged in ask.c. */
#include "core/c2c/ask_internal.h"

#include <string.h>

#include "proa/assert.h"
#include "proa/codec/text.h"

typedef struct shape {
    uint8_t code;
    uint8_t depth_min, depth_max;
    bool repeatable;
    bool writes; /* has a payload in a data format */
    bool reads;  /* wants one */
} shape;

/* Indexed by proa_operation. */
static const shape shapes[] = {
    [PROA_OP_READ] = {PROA_COAP_GET, 1, 4, true, false, true},
    [PROA_OP_OBSERVE] = {PROA_COAP_GET, 1, 4, true, false, true},
    [PROA_OP_DISCOVER] = {PROA_COAP_GET, 1, 3, true, false, false},
    [PROA_OP_WRITE_ATTRIBUTES] = {PROA_COAP_PUT, 1, 4, true, false, false},
    [PROA_OP_WRITE_REPLACE] = {PROA_COAP_PUT, 2, 4, true, true, false},
    [PROA_OP_WRITE_UPDATE] = {PROA_COAP_POST, 2, 3, false, true, false},
    [PROA_OP_EXECUTE] = {PROA_COAP_POST, 3, 3, false, false, false},
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

uint32_t proa__request_retry_ms(const proa_coap_msg *m)
{
    uint32_t seconds = proa_coap_option_uint(m, PROA_COAP_OPT_MAX_AGE, 60);
    return seconds < 3600 ? seconds * 1000 : 3600000;
}

/* ---- options ---------------------------------------------------------------------------- */

/* Uri-Path of 4, Content-Format, 5 attributes, Accept. */
#define OPTIONS_MAX 11
#define QUERY_LEN_MAX 32

typedef struct options {
    proa_coap_option list[OPTIONS_MAX];
    size_t count;
    uint8_t digits[4][5];
    uint8_t formats[2][2];
    char queries[5][QUERY_LEN_MAX];
    size_t query_count;
    bool too_long; /* a number with more digits than anybody needs */
} options;

static void add(options *o, uint16_t number, proa_span value)
{
    PROA_ASSERT(o->count < OPTIONS_MAX);
    o->list[o->count++] = (proa_coap_option){number, value};
}

static void add_format(options *o, uint16_t number, uint16_t format)
{
    uint8_t *bytes = o->formats[number == PROA_COAP_OPT_ACCEPT ? 1 : 0];
    proa_writer w = proa_writer_make(bytes, 2);
    if (format != PROA_FORMAT_NONE) {
        proa_write_uint(&w, format, proa_uint_width(format));
        add(o, number, proa_writer_span(&w));
    }
}

/* "pmin=10"; "pmin" alone removes the attribute (Core 1.2 §7.3.2). */
static void add_attribute(options *o, const proa_attributes *a, uint8_t bit, const char *name,
                          uint32_t seconds, const double *number)
{
    proa_writer w = proa_writer_make(o->queries[o->query_count], QUERY_LEN_MAX);
    if (((a->set | a->cleared) & bit) == 0) {
        return;
    }
    proa_write_text(&w, name);
    if ((a->set & bit) != 0) {
        proa_write_text(&w, "=");
        if (number == NULL) {
            proa_write_decimal(&w, seconds);
        } else {
            proa_text_write_float(&w, *number);
        }
    }
    o->too_long = o->too_long || w.err != PROA_OK;
    o->query_count++;
    add(o, PROA_COAP_OPT_URI_QUERY, proa_writer_span(&w));
}

static void add_attributes(options *o, const proa_attributes *a)
{
    add_attribute(o, a, PROA_ATTR_PMIN, "pmin", a->pmin_s, NULL);
    add_attribute(o, a, PROA_ATTR_PMAX, "pmax", a->pmax_s, NULL);
    add_attribute(o, a, PROA_ATTR_GT, "gt", 0, &a->gt);
    add_attribute(o, a, PROA_ATTR_LT, "lt", 0, &a->lt);
    add_attribute(o, a, PROA_ATTR_ST, "st", 0, &a->st);
}

/* The formats of a question: PROA_FORMAT_NONE leaves the choice to us. */
static uint16_t payload_format(const proa__ask *ask)
{
    if (ask->op == PROA_OP_EXECUTE) {
        return ask->payload_len > 0 ? PROA_FORMAT_TEXT : PROA_FORMAT_NONE;
    }
    if (!shape_of(ask->op)->writes || ask->format != PROA_FORMAT_NONE) {
        return shape_of(ask->op)->writes ? ask->format : PROA_FORMAT_NONE;
    }
    return ask->path.depth >= 3 ? PROA_FORMAT_TEXT : PROA_FORMAT_TLV;
}

static uint16_t accept_format(const proa__ask *ask)
{
    if (ask->op == PROA_OP_DISCOVER) {
        return PROA_FORMAT_LINK;
    }
    if (!shape_of(ask->op)->reads) {
        return PROA_FORMAT_NONE;
    }
    return ask->format == PROA_FORMAT_NONE ? PROA_FORMAT_TLV : ask->format;
}

static uint32_t left_ms(const proa_c2c *c, const proa__ask *ask)
{
    uint64_t left = ask->deadline_ms > c->now_ms ? ask->deadline_ms - c->now_ms : 1;
    return left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

proa_err proa__request_send(proa_c2c *c, proa__ask *ask, const proa_coap_peer *to)
{
    options o;
    memset(&o, 0, sizeof(o));
    o.count = proa_path_options(&ask->path, o.digits, o.list);
    add_format(&o, PROA_COAP_OPT_CONTENT_FORMAT, payload_format(ask));
    if (ask->has_attributes) {
        add_attributes(&o, &ask->attributes);
    }
    add_format(&o, PROA_COAP_OPT_ACCEPT, accept_format(ask));
    if (o.too_long) {
        return PROA_E_TOO_LARGE;
    }
    proa_coap_request request = {
        .code = shape_of(ask->op)->code,
        .observe = ask->op == PROA_OP_OBSERVE ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE,
        .options = o.list,
        .option_count = o.count,
        .payload = proa_span_make(ask->payload, ask->payload_len),
        .user = proa__ask_user(PROA__FOR_ASK, ask->id),
        .timeout_ms = left_ms(c, ask),
    };
    return proa_coap_send(proa__client_coap(c->client), c->now_ms, to, &request, &ask->request);
}

/* A probe is not worth the whole time of its question: no answer says nothing. */
#define PROBE_TIMEOUT_MS 10000U

proa_err proa__request_probe(proa_c2c *c, proa__ask *ask, const proa_addr *to)
{
    options o;
    proa_coap_peer peer = {*to, 0};
    uint32_t left = left_ms(c, ask);
    o.count = proa_path_options(&ask->path, o.digits, o.list);
    proa_coap_request request = {
        .code = PROA_COAP_GET,
        .options = o.list,
        .option_count = o.count,
        .user = proa__ask_user(PROA__FOR_PROBE, ask->id),
        .timeout_ms = left < PROBE_TIMEOUT_MS ? left : PROBE_TIMEOUT_MS,
    };
    return proa_coap_send(proa__client_coap(c->client), c->now_ms, &peer, &request, &ask->request);
}
