/* SPDX-License-Identifier: Apache-2.0 */
/* How each operation looks as a CoAP request (LwM2M Transport 1.2 §6.4, tables "Operation to Method
 * and URI mapping"), and which paths it can have (Core 1.2 §6.3, §6.4). One table; nothing here
 * knows devices or waits for answers. */
#include <math.h>

#include "core/server/links.h"
#include "core/server/server_internal.h"
#include "proa/assert.h"
#include "proa/codec/text.h"

typedef struct shape {
    uint8_t code;
    uint8_t depths; /* bit n: a path of depth n makes sense */
    bool reads;     /* format is an Accept */
    bool writes;    /* format is a Content-Format */
    bool attributes;
} shape;

#define DEPTH(n) (1U << (n))

static const shape shapes[] = {
    [PROA_OP_READ] = {PROA_COAP_GET, DEPTH(1) | DEPTH(2) | DEPTH(3) | DEPTH(4), true, false, false},
    [PROA_OP_OBSERVE] = {PROA_COAP_GET, DEPTH(1) | DEPTH(2) | DEPTH(3) | DEPTH(4), true, false,
                         true},
    [PROA_OP_CANCEL_OBSERVE] = {PROA_COAP_GET, DEPTH(1) | DEPTH(2) | DEPTH(3) | DEPTH(4), false,
                                false, false},
    [PROA_OP_DISCOVER] = {PROA_COAP_GET, DEPTH(1) | DEPTH(2) | DEPTH(3), true, false, false},
    [PROA_OP_WRITE_ATTRIBUTES] = {PROA_COAP_PUT, DEPTH(1) | DEPTH(2) | DEPTH(3) | DEPTH(4), false,
                                  false, true},
    [PROA_OP_WRITE_REPLACE] = {PROA_COAP_PUT, DEPTH(2) | DEPTH(3) | DEPTH(4), false, true, false},
    /* Of a resource: adds or replaces single instances of a multiple one. */
    [PROA_OP_WRITE_UPDATE] = {PROA_COAP_POST, DEPTH(2) | DEPTH(3), false, true, false},
    [PROA_OP_EXECUTE] = {PROA_COAP_POST, DEPTH(3), false, true, false},
    [PROA_OP_CREATE] = {PROA_COAP_POST, DEPTH(1), false, true, false},
    [PROA_OP_DELETE] = {PROA_COAP_DELETE, DEPTH(2) | DEPTH(4), false, false, false},
};

static const shape *shape_of(proa_operation op)
{
    size_t index = (size_t)op;
    return index < sizeof shapes / sizeof shapes[0] && shapes[index].code != 0 ? &shapes[index]
                                                                               : NULL;
}

static bool is_finite(const proa_attributes *a)
{
    return ((a->set & PROA_ATTR_GT) == 0 || isfinite(a->gt)) &&
           ((a->set & PROA_ATTR_LT) == 0 || isfinite(a->lt)) &&
           ((a->set & PROA_ATTR_ST) == 0 || isfinite(a->st));
}

proa_err proa__request_check(proa_operation op, const proa_path *path,
                             const proa_attributes *attributes)
{
    const shape *how = shape_of(op);
    if (how == NULL || path->depth > 4 || (how->depths & DEPTH(path->depth)) == 0) {
        return PROA_E_RANGE;
    }
    for (uint8_t i = 0; i < path->depth; i++) {
        if (path->ids[i] > PROA_ID_MAX) {
            return PROA_E_RANGE;
        }
    }
    if (attributes != NULL && how->attributes && !is_finite(attributes)) {
        return PROA_E_RANGE;
    }
    return PROA_OK;
}

/* ---- options ---------------------------------------------------------------------------- */

#define ATTRIBUTES_MAX 6 /* one for each PROA_ATTR_ bit */
#define OPTIONS_MAX (PROA__ROOT_SEGMENTS_MAX + 4 + 1 + ATTRIBUTES_MAX + 1)

typedef struct options {
    proa_coap_option list[OPTIONS_MAX];
    size_t count;
    uint8_t digits[4][5];
    uint8_t formats[2][2];
    uint8_t queries[ATTRIBUTES_MAX][sizeof "pmin=" + PROA_TEXT_FLOAT_MAX];
    size_t query_count;
} options;

static void add(options *o, uint16_t number, proa_span value)
{
    PROA_ASSERT(o->count < OPTIONS_MAX);
    o->list[o->count].number = number;
    o->list[o->count++].value = value;
}

static void add_path(options *o, proa_span root, const proa_path *path)
{
    proa_span segment;
    while (proa__next_part(&root, '/', &segment)) {
        add(o, PROA_COAP_OPT_URI_PATH, segment);
    }
    o->count += proa_path_options(path, o->digits, &o->list[o->count]);
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

static void add_attributes(options *o, const proa_attributes *a)
{
    for (unsigned which = PROA_ATTR_PMIN; which <= PROA_ATTR_CON; which <<= 1) {
        proa_writer w = proa_writer_make(o->queries[o->query_count], sizeof o->queries[0]);
        proa_attributes_write(&w, a, which);
        PROA_ASSERT(w.err == PROA_OK);
        if (w.len > 0) {
            o->query_count++;
            add(o, PROA_COAP_OPT_URI_QUERY, proa_writer_span(&w));
        }
    }
}

static uint16_t content_format(const proa__question *q)
{
    if (!shape_of(q->op)->writes || q->payload.len == 0) {
        return PROA_FORMAT_NONE;
    }
    /* The arguments of an Execute are text, whatever else was said (Core 1.2 §6.3.5). */
    return q->op == PROA_OP_EXECUTE ? PROA_FORMAT_TEXT : q->format;
}

static uint16_t accept_format(const proa__question *q)
{
    if (q->op == PROA_OP_DISCOVER) {
        return PROA_FORMAT_LINK;
    }
    return shape_of(q->op)->reads ? q->format : PROA_FORMAT_NONE;
}

proa_err proa__downlink_send(proa_coap *coap, uint64_t now_ms, const proa_coap_peer *to,
                             const proa__question *question, proa_coap_id *id)
{
    options o;
    const shape *how = shape_of(question->op);
    o.count = 0;
    o.query_count = 0;
    add_path(&o, question->root, &question->path);
    add_format(&o, PROA_COAP_OPT_CONTENT_FORMAT, content_format(question));
    if (question->attributes != NULL && how->attributes) {
        add_attributes(&o, question->attributes);
    }
    add_format(&o, PROA_COAP_OPT_ACCEPT, accept_format(question));
    proa_coap_request request = {
        .code = how->code,
        .observe =
            question->op == PROA_OP_OBSERVE ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE,
        .options = o.list,
        .option_count = o.count,
        .user = question->user,
        .timeout_ms = question->timeout_ms,
    };
    if (how->writes) {
        request.payload = question->payload;
    }
    return proa_coap_send(coap, now_ms, to, &request, id);
}

/* ---- the answer to a Create ------------------------------------------------------------- */

proa_path proa__request_created(const proa_coap_msg *answer, proa_span root, uint16_t object)
{
    proa_path none = proa_path_make(0, 0, 0, 0);
    uint8_t text[PROA_PATH_TEXT_MAX];
    proa_writer w = proa_writer_make(text, sizeof text);
    proa_coap_options it = proa_coap_options_of(answer);
    proa_coap_option option;
    proa_span segment;
    while (proa_coap_option_next(&it, &option)) {
        if (option.number != PROA_COAP_OPT_LOCATION_PATH) {
            continue;
        }
        if (proa__next_part(&root, '/', &segment)) {
            if (!proa_span_equal(option.value, segment)) {
                return none;
            }
            continue;
        }
        proa_write_text(&w, "/");
        proa_write_span(&w, option.value);
    }
    proa_path path;
    if (w.err != PROA_OK || proa_path_parse(proa_writer_span(&w), &path) != PROA_OK ||
        path.depth != 2 || path.ids[0] != object) {
        return none;
    }
    return path;
}
