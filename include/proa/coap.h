/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_COAP_H
#define PROA_COAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/limits.h"

/* CoAP messages on the wire (RFC 7252 §3): reading one without copying, building one in place.
 *
 * A parsed message borrows the datagram. All options are checked while parsing, so walking them
 * afterwards cannot fail. Who sends what when (types, retransmission, blocks, observing) is the
 * business of the engine in coap_engine.h. */

typedef enum proa_coap_type {
    PROA_COAP_CON = 0,
    PROA_COAP_NON = 1,
    PROA_COAP_ACK = 2,
    PROA_COAP_RST = 3
} proa_coap_type;

#define PROA_COAP_VERSION 1
#define PROA_COAP_TOKEN_MAX 8

/* A code is class and detail, written c.dd: 0x45 is 2.05 (RFC 7252 §12.1). */
#define PROA_COAP_CODE(class_, detail) ((uint8_t)((class_) << 5 | (detail)))
#define PROA_COAP_CLASS(code) ((uint8_t)((code) >> 5))

enum {
    PROA_COAP_EMPTY = 0,
    PROA_COAP_GET = 1,
    PROA_COAP_POST = 2,
    PROA_COAP_PUT = 3,
    PROA_COAP_DELETE = 4,
    PROA_COAP_FETCH = 5, /* RFC 8132 */
    PROA_COAP_PATCH = 6,
    PROA_COAP_IPATCH = 7,
    PROA_COAP_CREATED = PROA_COAP_CODE(2, 1),
    PROA_COAP_DELETED = PROA_COAP_CODE(2, 2),
    PROA_COAP_VALID = PROA_COAP_CODE(2, 3),
    PROA_COAP_CHANGED = PROA_COAP_CODE(2, 4),
    PROA_COAP_CONTENT = PROA_COAP_CODE(2, 5),
    PROA_COAP_CONTINUE = PROA_COAP_CODE(2, 31), /* RFC 7959 */
    PROA_COAP_BAD_REQUEST = PROA_COAP_CODE(4, 0),
    PROA_COAP_UNAUTHORIZED = PROA_COAP_CODE(4, 1),
    PROA_COAP_BAD_OPTION = PROA_COAP_CODE(4, 2),
    PROA_COAP_FORBIDDEN = PROA_COAP_CODE(4, 3),
    PROA_COAP_NOT_FOUND = PROA_COAP_CODE(4, 4),
    PROA_COAP_METHOD_NOT_ALLOWED = PROA_COAP_CODE(4, 5),
    PROA_COAP_NOT_ACCEPTABLE = PROA_COAP_CODE(4, 6),
    PROA_COAP_REQUEST_ENTITY_INCOMPLETE = PROA_COAP_CODE(4, 8), /* RFC 7959 */
    PROA_COAP_CONFLICT = PROA_COAP_CODE(4, 9),                  /* RFC 8132 */
    PROA_COAP_PRECONDITION_FAILED = PROA_COAP_CODE(4, 12),
    PROA_COAP_REQUEST_ENTITY_TOO_LARGE = PROA_COAP_CODE(4, 13),
    PROA_COAP_UNSUPPORTED_CONTENT_FORMAT = PROA_COAP_CODE(4, 15),
    PROA_COAP_UNPROCESSABLE_ENTITY = PROA_COAP_CODE(4, 22), /* RFC 8132 */
    PROA_COAP_TOO_MANY_REQUESTS = PROA_COAP_CODE(4, 29),    /* RFC 8516 */
    PROA_COAP_INTERNAL_SERVER_ERROR = PROA_COAP_CODE(5, 0),
    PROA_COAP_NOT_IMPLEMENTED = PROA_COAP_CODE(5, 1),
    PROA_COAP_BAD_GATEWAY = PROA_COAP_CODE(5, 2),
    PROA_COAP_SERVICE_UNAVAILABLE = PROA_COAP_CODE(5, 3),
    PROA_COAP_GATEWAY_TIMEOUT = PROA_COAP_CODE(5, 4),
    PROA_COAP_PROXYING_NOT_SUPPORTED = PROA_COAP_CODE(5, 5)
};

/* Option numbers, RFC 7252 §5.10 and the documents named. Odd = critical, §5.4.1. */
enum {
    PROA_COAP_OPT_IF_MATCH = 1,
    PROA_COAP_OPT_URI_HOST = 3,
    PROA_COAP_OPT_ETAG = 4,
    PROA_COAP_OPT_IF_NONE_MATCH = 5,
    PROA_COAP_OPT_OBSERVE = 6, /* RFC 7641 */
    PROA_COAP_OPT_URI_PORT = 7,
    PROA_COAP_OPT_LOCATION_PATH = 8,
    PROA_COAP_OPT_OSCORE = 9, /* RFC 8613 */
    PROA_COAP_OPT_URI_PATH = 11,
    PROA_COAP_OPT_CONTENT_FORMAT = 12,
    PROA_COAP_OPT_MAX_AGE = 14,
    PROA_COAP_OPT_URI_QUERY = 15,
    PROA_COAP_OPT_ACCEPT = 17,
    PROA_COAP_OPT_LOCATION_QUERY = 20,
    PROA_COAP_OPT_BLOCK2 = 23, /* RFC 7959 */
    PROA_COAP_OPT_BLOCK1 = 27,
    PROA_COAP_OPT_SIZE2 = 28,
    PROA_COAP_OPT_PROXY_URI = 35,
    PROA_COAP_OPT_PROXY_SCHEME = 39,
    PROA_COAP_OPT_SIZE1 = 60,
    PROA_COAP_OPT_ECHO = 252,        /* RFC 9175 */
    PROA_COAP_OPT_NO_RESPONSE = 258, /* RFC 7967 */
    PROA_COAP_OPT_REQUEST_TAG = 292  /* RFC 9175 */
};

/* Content-Formats that LwM2M uses (LwM2M Core 1.2 §7.4). */
enum {
    PROA_FORMAT_TEXT = 0,
    PROA_FORMAT_LINK = 40,
    PROA_FORMAT_OPAQUE = 42,
    PROA_FORMAT_CBOR = 60,
    PROA_FORMAT_SENML_JSON = 110,
    PROA_FORMAT_SENML_CBOR = 112,
    PROA_FORMAT_TLV = 11542,
    PROA_FORMAT_LWM2M_JSON = 11543,
    PROA_FORMAT_LWM2M_CBOR = 11544,
    PROA_FORMAT_NONE = 65535 /* no such option; 65535 is reserved by IANA */
};

typedef struct proa_coap_token {
    uint8_t bytes[PROA_COAP_TOKEN_MAX];
    uint8_t len; /* 0..8 */
} proa_coap_token;

bool proa_coap_token_equal(const proa_coap_token *a, const proa_coap_token *b);

typedef struct proa_coap_option {
    uint16_t number;
    proa_span value; /* borrowed */
} proa_coap_option;

typedef struct proa_coap_msg {
    proa_coap_type type;
    uint8_t code;
    uint16_t mid; /* Message ID */
    proa_coap_token token;
    proa_span options; /* as encoded, without the payload marker; checked */
    proa_span payload; /* empty if there is none */
} proa_coap_msg;

/* Parse one datagram (RFC 7252 §3).
 *
 * m         out; may be uninitialized. On PROA_E_FORMAT type and mid are set if the first four
 *           bytes were there, so that the engine can answer a malformed CON with a Reset.
 * datagram  borrowed: m points into it and must not outlive it.
 *
 * Returns PROA_OK; PROA_E_TRUNCATED (fewer than 4 bytes: drop it); PROA_E_UNSUPPORTED (version
 * other than 1: drop silently, §3); PROA_E_FORMAT (token length 9-15, an option or length nibble
 * 15, an option past the end, an option number over 65535, a payload marker without payload, an
 * Empty message with anything behind its header §4.1, a reserved class 1, 6, 7).
 * Time: one pass. Threads: any, on distinct m. */
PROA_CHECK proa_err proa_coap_parse(proa_coap_msg *m, proa_span datagram);

/* Walking the options of a parsed message, in order of their numbers. */
typedef struct proa_coap_options {
    const uint8_t *at;
    const uint8_t *end;
    uint16_t number;
} proa_coap_options;

proa_coap_options proa_coap_options_of(const proa_coap_msg *m);

/* True and *option set if there is one more. The value borrows the message's bytes. O(1). */
bool proa_coap_option_next(proa_coap_options *it, proa_coap_option *option);

/* The first option with that number; false if there is none. O(options). */
bool proa_coap_option_find(const proa_coap_msg *m, uint16_t number, proa_span *value);

/* The value of the first option with that number read as a uint (RFC 7252 §3.2), `otherwise` if
 * there is none or it is longer than 4 bytes. */
uint32_t proa_coap_option_uint(const proa_coap_msg *m, uint16_t number, uint32_t otherwise);

/* ---- building --------------------------------------------------------------------------- */

/* A message under construction. Options must be added in ascending order of their numbers, which
 * is asserted; running out of space sticks (bytes.h) and is told by proa_coap_build_end. Values and
 * payload may come from the same buffer, from 8 bytes behind where they are written to. */
typedef struct proa_coap_builder {
    proa_writer w;
    uint16_t last_number;
} proa_coap_builder;

/* Begin with the header and the Token in `buf` of `cap` bytes, which is borrowed until the end. */
proa_coap_builder proa_coap_build(void *buf, size_t cap, proa_coap_type type, uint8_t code,
                                  uint16_t mid, const proa_coap_token *token);
void proa_coap_add(proa_coap_builder *b, uint16_t number, proa_span value);
void proa_coap_add_uint(proa_coap_builder *b, uint16_t number, uint32_t value);

/* Marker and payload; nothing at all if the payload is empty. The last step of building. */
void proa_coap_add_payload(proa_coap_builder *b, proa_span payload);

/* The finished message's length in bytes, or PROA_E_NO_SPACE. */
PROA_CHECK int proa_coap_build_end(const proa_coap_builder *b);

/* ---- Block options, RFC 7959 §2.2 ------------------------------------------------------- */

typedef struct proa_coap_block {
    uint32_t num; /* 20 bits */
    bool more;
    uint8_t szx; /* 0..6: a block has 16 << szx bytes; 7 is reserved */
} proa_coap_block;

/* PROA_OK; PROA_E_FORMAT for szx 7 or a value longer than 3 bytes. */
PROA_CHECK proa_err proa_coap_block_parse(proa_span value, proa_coap_block *out);
uint32_t proa_coap_block_value(const proa_coap_block *block);

/* ---- codes for people and for errors ---------------------------------------------------- */

/* "2.05 Content", "4.01 Unauthorized", "GET"; "x.yy" digits alone for an unknown code in `buf`.
 * buf holds at least 40 bytes; the result is buf, zero-terminated. */
const char *proa_coap_code_text(uint8_t code, char *buf);

/* The response code with which an error of our own is told to a peer; 5.00 for what is not the
 * peer's fault. The only place where errors become codes. */
uint8_t proa_err_to_coap(proa_err err);

#endif
