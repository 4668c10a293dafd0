/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_COAP_URI_H
#define PROA_TOOLS_COAP_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/coap.h"

/* A whole CoAP URI taken apart into where to send to and the options that name the resource
 * (RFC 7252 §6.4): coap://host:port/path/segments?query&query. */

#define PROA_COAP_URI_PARTS_MAX 32

typedef struct proa_coap_uri {
    bool secure;
    proa_span host; /* a name or a literal without brackets; points into the URI */
    uint16_t port;
    bool host_is_name; /* then a Uri-Host option belongs into the request */
    proa_span segments[PROA_COAP_URI_PARTS_MAX];
    size_t segment_count;
    proa_span queries[PROA_COAP_URI_PARTS_MAX];
    size_t query_count;
    uint8_t decoded[1024]; /* what segments and queries point to: percent-decoded */
} proa_coap_uri;

/* NULL, or a sentence about what is wrong. */
const char *proa_coap_uri_parse(proa_coap_uri *uri, const char *text);

#endif
