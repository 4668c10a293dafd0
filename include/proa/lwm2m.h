/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_LWM2M_H
#define PROA_LWM2M_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/coap.h"
#include "proa/err.h"

/* The LwM2M data model: paths, values, operations, rights, notification attributes.
 * LwM2M Core 1.2 §7.1-§7.3, §5.1.2 (attributes), Appendix C (data types). */

/* ---- objects with a meaning of their own ------------------------------------------------ */

enum {
    PROA_OBJECT_SECURITY = 0,
    PROA_OBJECT_SERVER = 1,
    PROA_OBJECT_ACCESS_CONTROL = 2,
    PROA_OBJECT_DEVICE = 3,
    PROA_OBJECT_OSCORE = 21,
    PROA_OBJECT_CLIENT_SECURITY = 11000, /* C2C: how to talk to a peer client */
    PROA_OBJECT_CLIENT = 11001,          /* C2C: a peer client */
    PROA_OBJECT_CLIENT_ACCESS = 11002    /* C2C: what a peer client may do */
};

/* Identifiers are 0..65534; 65535 is reserved (Core 1.2 §7.1) and means "all instances" in an
 * access control entry. */
#define PROA_ID_ALL 65535U
#define PROA_ID_MAX 65534U

/* ---- paths ------------------------------------------------------------------------------ */

/* "/" has depth 0, "/3" 1, "/3/0" 2, "/3/0/9" 3, "/3/0/7/1" 4. ids beyond depth are 0. */
typedef struct proa_path {
    uint16_t ids[4];
    uint8_t depth;
} proa_path;

#define PROA_PATH_TEXT_MAX 25 /* "/65534/65534/65534/65534" and a zero */

static inline proa_path proa_path_make(uint8_t depth, uint16_t object, uint16_t instance,
                                       uint16_t resource)
{
    proa_path path = {{object, instance, resource, 0}, depth};
    return path;
}

/* Parse "/3/0/9" (a leading slash is optional; "/" and "" are the root).
 * Returns PROA_OK, PROA_E_FORMAT (empty or non-decimal segment, a fifth), PROA_E_RANGE (> 65534). */
PROA_CHECK proa_err proa_path_parse(proa_span text, proa_path *out);

/* The Uri-Path options of a request. As proa_path_parse; PROA_E_FORMAT for any other path. */
PROA_CHECK proa_err proa_path_of_msg(const proa_coap_msg *m, proa_path *out);

/* Write "/3/0/9"; "/" for the root. */
void proa_path_write(proa_writer *w, const proa_path *path);

bool proa_path_equal(const proa_path *a, const proa_path *b);

/* True if `inner` is `outer` or lies below it. */
bool proa_path_within(const proa_path *outer, const proa_path *inner);

/* Order of a depth-first walk: /3, /3/0, /3/0/1, /4. <0, 0, >0. */
int proa_path_compare(const proa_path *a, const proa_path *b);

/* Uri-Path options for a path: fills up to 4 options whose values point into `digits`.
 * Returns how many. */
size_t proa_path_options(const proa_path *path, uint8_t digits[4][5], proa_coap_option out[4]);

/* ---- values ----------------------------------------------------------------------------- */

typedef enum proa_type {
    PROA_TYPE_NONE = 0, /* unknown (no model), or not readable (Execute) */
    PROA_TYPE_STRING,
    PROA_TYPE_INTEGER,
    PROA_TYPE_UNSIGNED,
    PROA_TYPE_FLOAT,
    PROA_TYPE_BOOLEAN,
    PROA_TYPE_OPAQUE,
    PROA_TYPE_TIME, /* seconds since 1970, UTC */
    PROA_TYPE_OBJLINK,
    PROA_TYPE_CORELINK
} proa_type;

typedef struct proa_objlink {
    uint16_t object; /* 65535:65535 is the null link */
    uint16_t instance;
} proa_objlink;

/* One value. `bytes` of string, opaque, corelink and none borrow; whoever fills a value says for
 * how long. A value read from a format without types (TLV, text) and without a model has type NONE
 * and its raw bytes. */
typedef struct proa_value {
    proa_type type;
    union {
        int64_t integer; /* INTEGER, TIME */
        uint64_t unsigned_integer;
        double real;
        bool boolean;
        proa_span bytes; /* STRING, OPAQUE, CORELINK, NONE */
        proa_objlink link;
    } as;
} proa_value;

static inline proa_value proa_value_integer(int64_t integer)
{
    proa_value value = {PROA_TYPE_INTEGER, {.integer = integer}};
    return value;
}

static inline proa_value proa_value_boolean(bool boolean)
{
    proa_value value = {PROA_TYPE_BOOLEAN, {.boolean = boolean}};
    return value;
}

static inline proa_value proa_value_float(double real)
{
    proa_value value = {PROA_TYPE_FLOAT, {.real = real}};
    return value;
}

static inline proa_value proa_value_string(proa_span text)
{
    proa_value value = {PROA_TYPE_STRING, {.bytes = text}};
    return value;
}

static inline proa_value proa_value_opaque(proa_span bytes)
{
    proa_value value = {PROA_TYPE_OPAQUE, {.bytes = bytes}};
    return value;
}

static inline proa_value proa_value_link(uint16_t object, uint16_t instance)
{
    proa_value value = {PROA_TYPE_OBJLINK, {.link = {object, instance}}};
    return value;
}

bool proa_value_equal(const proa_value *a, const proa_value *b);

/* The value as a number, for thresholds; false if it is none. */
bool proa_value_number(const proa_value *value, double *out);

/* Turn a value into the type that the model wants, if it can be that without loss: a whole float
 * into an integer, a text into a link. NONE wants nothing.
 * Returns PROA_OK, PROA_E_TYPE, PROA_E_RANGE. */
PROA_CHECK proa_err proa_value_convert(proa_value *value, proa_type wanted);

/* "string", "integer", ...; proa_type_parse is its inverse: NONE if it is no name of a type. */
const char *proa_type_name(proa_type type);
proa_type proa_type_parse(proa_span name);

/* ---- operations and rights -------------------------------------------------------------- */

/* What one party does to a path of another (Core 1.2 §6). */
typedef enum proa_operation {
    PROA_OP_READ = 1,
    PROA_OP_OBSERVE,
    PROA_OP_CANCEL_OBSERVE,
    PROA_OP_DISCOVER,
    PROA_OP_WRITE_ATTRIBUTES,
    PROA_OP_WRITE_REPLACE, /* PUT */
    PROA_OP_WRITE_UPDATE,  /* POST on an instance */
    PROA_OP_EXECUTE,
    PROA_OP_CREATE,
    PROA_OP_DELETE
} proa_operation;

const char *proa_operation_name(proa_operation op);
proa_operation proa_operation_parse(proa_span name, bool *found);

/* Access rights, LwM2M Core 1.2 Table 8.2.1-1 and object 2 resource 2. */
enum {
    PROA_RIGHT_READ = 0x01, /* read, observe, discover, write-attributes */
    PROA_RIGHT_WRITE = 0x02,
    PROA_RIGHT_EXECUTE = 0x04,
    PROA_RIGHT_DELETE = 0x08,
    PROA_RIGHT_CREATE = 0x10, /* counts at object level only */
    PROA_RIGHTS_ALL = 0x1f
};

/* The right an operation needs. */
uint8_t proa_operation_right(proa_operation op);

/* ---- notification attributes ------------------------------------------------------------ */

/* LwM2M Core 1.2 §7.3.2. `set` tells which are given; attributes of a resource win over those of
 * its instance, those over its object's. */
enum {
    PROA_ATTR_PMIN = 0x01,
    PROA_ATTR_PMAX = 0x02,
    PROA_ATTR_GT = 0x04,
    PROA_ATTR_LT = 0x08,
    PROA_ATTR_ST = 0x10,
    PROA_ATTR_CON = 0x20
};

typedef struct proa_attributes {
    uint8_t set;     /* PROA_ATTR_* present */
    uint8_t cleared; /* in a Write-Attributes request: named without a value, to be removed */
    bool con;        /* notifications are confirmable */
    uint32_t pmin_s;
    uint32_t pmax_s;
    double gt;
    double lt;
    double st;
} proa_attributes;

/* Read one query parameter ("pmin=10", "gt=2.5", "pmin" = clear) into *attributes, which starts
 * zeroed.
 * Returns PROA_OK, PROA_E_UNSUPPORTED (another name), PROA_E_FORMAT (also when named twice),
 * PROA_E_RANGE. */
PROA_CHECK proa_err proa_attributes_parse(proa_span query, proa_attributes *attributes);

/* Check the rules of §7.3.2 that concern several: lt + 2 st < gt; pmax >= pmin is not required but
 * pmax < pmin makes pmax ineffective. PROA_OK or PROA_E_FORMAT. */
PROA_CHECK proa_err proa_attributes_check(const proa_attributes *attributes);

/* Lay `over` on top of `*under`: what over sets wins, what it clears goes. */
void proa_attributes_merge(proa_attributes *under, const proa_attributes *over);

/* True if a number that goes from `from` to `to` crosses gt or lt, or moves by st or more, as far as
 * they are set (§7.3.2). Exact; infinity counts as 2^1024, NaN as something above it. */
bool proa_attributes_passed(const proa_attributes *attributes, double from, double to);

/* Write attribute `which` (one of PROA_ATTR_*) as in a query: "pmin=10", or "pmin" if it is cleared;
 * nothing if it is neither. */
void proa_attributes_write(proa_writer *w, const proa_attributes *attributes, unsigned which);

#endif
