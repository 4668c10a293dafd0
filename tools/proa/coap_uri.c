/* SPDX-License-Identifier: Apache-2.0 */
/* From a URI to options, RFC 7252 §6.4 and RFC 3986 §2.1. */
#include "tools/proa/coap_uri.h"

#include <string.h>

#include "proa/addr.h"

static int nibble(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decode `len` characters into w; false if they break the rules. */
static bool decode(proa_writer *w, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '%') {
            proa_write_u8(w, (uint8_t)text[i]);
            continue;
        }
        int high = len - i > 2 ? nibble(text[i + 1]) : -1;
        int low = high < 0 ? -1 : nibble(text[i + 2]);
        if (low < 0) {
            return false;
        }
        proa_write_u8(w, (uint8_t)(high << 4 | low));
        i += 2;
    }
    return w->err == PROA_OK;
}

/* Cut `text` at each separator, decode the pieces. */
static const char *cut(proa_writer *w, const char *text, size_t len, char separator,
                       proa_span *parts, size_t *count)
{
    size_t start = 0;
    for (;;) {
        const char *end = memchr(text + start, separator, len - start);
        size_t part_len = end == NULL ? len - start : (size_t)(end - text) - start;
        size_t from = w->len;
        if (*count == PROA_COAP_URI_PARTS_MAX) {
            return "the URI has too many parts";
        }
        if (!decode(w, text + start, part_len)) {
            return w->err == PROA_OK ? "a % in the URI is not followed by two hex digits"
                                     : "the URI is too long";
        }
        if (w->len - from > 255) {
            return "a part of the URI has more than 255 bytes";
        }
        parts[(*count)++] = proa_span_make(w->data + from, w->len - from);
        if (end == NULL) {
            return NULL;
        }
        start += part_len + 1;
    }
}

const char *proa_coap_uri_parse(proa_coap_uri *uri, const char *text)
{
    memset(uri, 0, sizeof *uri);
    const char *scheme_end = strstr(text, "://");
    const char *authority = scheme_end == NULL ? text : scheme_end + 3;
    size_t authority_len = strcspn(authority, "/?#");
    const char *path = authority + authority_len;
    size_t path_len = strcspn(path, "?#");
    const char *query = path + path_len;
    proa_uri parsed;
    proa_addr addr = {{0}, 0, 0};
    if (scheme_end == NULL ||
        proa_uri_parse(proa_span_make(text, (size_t)(path - text)), &parsed) != PROA_OK) {
        return "must be coap://host[:port]/path or coaps://host[:port]/path";
    }
    if (strchr(text, '#') != NULL) {
        return "a CoAP URI has no fragment (#...)"; /* RFC 7252 §6.4 step 1 */
    }
    uri->secure = parsed.secure;
    uri->host = parsed.host;
    uri->port = parsed.port;
    uri->host_is_name = proa_addr_parse_ip(parsed.host, &addr) != PROA_OK;
    proa_writer w = proa_writer_make(uri->decoded, sizeof uri->decoded);
    const char *wrong = NULL;
    if (path_len > 1) {
        wrong = cut(&w, path + 1, path_len - 1, '/', uri->segments, &uri->segment_count);
    }
    if (wrong == NULL && *query == '?' && query[1] != '\0') {
        wrong = cut(&w, query + 1, strlen(query + 1), '&', uri->queries, &uri->query_count);
    }
    return wrong;
}
