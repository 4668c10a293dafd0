/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses in bytes and in text, and the small part of CoAP URIs that LwM2M stores: scheme,
 * host, port. Name resolution belongs to the port. RFC 4291 §2.2, RFC 5952 §4, RFC 7252 §6. */
#include "proa/addr.h"

#include <string.h>

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool proa_addr_equal(const proa_addr *a, const proa_addr *b)
{
    return a->port == b->port && a->zone == b->zone && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool proa_addr_is_v4(const proa_addr *a)
{
    return memcmp(a->ip, v4_mapped, sizeof v4_mapped) == 0;
}

bool proa_addr_is_loopback(const proa_addr *a)
{
    static const uint8_t one[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return memcmp(a->ip, one, sizeof one) == 0 || (proa_addr_is_v4(a) && a->ip[12] == 127);
}

bool proa_addr_is_link_local(const proa_addr *a)
{
    return (a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80) ||
           (proa_addr_is_v4(a) && a->ip[12] == 169 && a->ip[13] == 254);
}

bool proa_addr_is_multicast(const proa_addr *a)
{
    return a->ip[0] == 0xff || (proa_addr_is_v4(a) && (a->ip[12] & 0xf0) == 0xe0);
}

static proa_err parse_v4(proa_span text, uint8_t out[4])
{
    size_t start = 0;
    for (int part = 0; part < 4; part++) {
        size_t end = start;
        while (end < text.len && text.data[end] != '.') {
            end++;
        }
        uint64_t value;
        bool is_last = part == 3;
        /* "010" is ten for some and eight for others, so it is nothing here, RFC 6943 §3.1.1. */
        bool ambiguous = end - start > 1 && text.data[start] == '0';
        if ((end == text.len) != is_last || end - start > 3 || ambiguous ||
            proa_parse_decimal(proa_span_make(text.data + start, end - start), 255, &value) !=
                PROA_OK) {
            return PROA_E_FORMAT;
        }
        out[part] = (uint8_t)value;
        start = end + 1;
    }
    return PROA_OK;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* One group of at most four hex digits at text[*at]. */
static proa_err parse_group(proa_span text, size_t *at, uint16_t *out)
{
    unsigned value = 0;
    size_t start = *at;
    while (*at < text.len && *at - start < 4 && hex_digit(text.data[*at]) >= 0) {
        value = value << 4 | (unsigned)hex_digit(text.data[*at]);
        (*at)++;
    }
    *out = (uint16_t)value;
    return *at == start ? PROA_E_FORMAT : PROA_OK;
}

static bool dotted_from(proa_span text, size_t at)
{
    for (; at < text.len && text.data[at] != ':'; at++) {
        if (text.data[at] == '.') {
            return true;
        }
    }
    return false;
}

/* Bytes before "::" collect at the front of out, bytes after it in `tail` of them at the end. */
static proa_err parse_v6(proa_span text, uint8_t out[16])
{
    size_t at = 0;
    size_t filled = 0;
    size_t gap = SIZE_MAX;
    memset(out, 0, 16);
    if (text.len >= 2 && text.data[0] == ':' && text.data[1] == ':') {
        gap = 0;
        at = 2;
    }
    while (at < text.len) {
        uint16_t group;
        if (filled <= 12 && dotted_from(text, at)) {
            if (parse_v4(proa_span_make(text.data + at, text.len - at), out + filled) != PROA_OK) {
                return PROA_E_FORMAT;
            }
            filled += 4;
            break;
        }
        if (filled == 16 || parse_group(text, &at, &group) != PROA_OK) {
            return PROA_E_FORMAT;
        }
        out[filled++] = (uint8_t)(group >> 8);
        out[filled++] = (uint8_t)group;
        if (at == text.len) {
            break;
        }
        if (text.data[at++] != ':' || at == text.len) {
            return PROA_E_FORMAT;
        }
        if (text.data[at] == ':') {
            if (gap != SIZE_MAX) {
                return PROA_E_FORMAT;
            }
            gap = filled;
            at++;
        }
    }
    if (gap == SIZE_MAX) {
        return filled == 16 ? PROA_OK : PROA_E_FORMAT;
    }
    if (filled > 14) {
        return PROA_E_FORMAT; /* "::" stands for at least one group, RFC 5952 §4.2.2 */
    }
    size_t tail = filled - gap;
    memmove(out + 16 - tail, out + gap, tail);
    memset(out + gap, 0, 16 - filled);
    return PROA_OK;
}

proa_err proa_addr_parse_ip(proa_span text, proa_addr *out)
{
    proa_addr result = *out;
    uint64_t zone = 0;
    if (text.len >= 2 && text.data[0] == '[' && text.data[text.len - 1] == ']') {
        text = proa_span_make(text.data + 1, text.len - 2);
    }
    const uint8_t *percent = text.len > 0 ? memchr(text.data, '%', text.len) : NULL;
    if (percent != NULL) {
        size_t len = (size_t)(percent - text.data);
        if (proa_parse_decimal(proa_span_make(percent + 1, text.len - len - 1), UINT16_MAX,
                               &zone) != PROA_OK) {
            return PROA_E_FORMAT;
        }
        text.len = len;
    }
    if (text.len == 0) {
        return PROA_E_FORMAT;
    }
    if (memchr(text.data, ':', text.len) != NULL) {
        if (parse_v6(text, result.ip) != PROA_OK) {
            return PROA_E_FORMAT;
        }
    } else {
        memcpy(result.ip, v4_mapped, sizeof v4_mapped);
        if (percent != NULL || parse_v4(text, result.ip + 12) != PROA_OK) {
            return PROA_E_FORMAT;
        }
    }
    result.zone = (uint16_t)zone;
    *out = result;
    return PROA_OK;
}

static uint16_t group_of(const proa_addr *a, size_t i)
{
    return (uint16_t)(a->ip[2 * i] << 8 | a->ip[2 * i + 1]);
}

/* The longest run of at least two zero groups becomes "::" (RFC 5952 §4.2.2, §4.2.3). */
static void find_gap(const proa_addr *a, size_t *start, size_t *len)
{
    *start = 8;
    *len = 1;
    for (size_t i = 0; i < 8; i++) {
        size_t run = 0;
        while (i + run < 8 && group_of(a, i + run) == 0) {
            run++;
        }
        if (run > *len) {
            *start = i;
            *len = run;
        }
    }
}

static void write_hex(proa_writer *w, uint16_t value)
{
    static const char digits[] = "0123456789abcdef";
    int shift = 12;
    while (shift > 0 && value >> shift == 0) {
        shift -= 4;
    }
    for (; shift >= 0; shift -= 4) {
        proa_write_u8(w, (uint8_t)digits[value >> shift & 15]);
    }
}

static void write_v6(proa_writer *w, const proa_addr *a)
{
    size_t gap;
    size_t gap_len;
    find_gap(a, &gap, &gap_len);
    for (size_t i = 0; i < 8; i++) {
        if (i == gap) {
            proa_write_text(w, "::");
            i += gap_len - 1;
            continue;
        }
        if (i > 0 && i != gap + gap_len) {
            proa_write_text(w, ":");
        }
        write_hex(w, group_of(a, i));
    }
    if (a->zone != 0) {
        proa_write_text(w, "%");
        proa_write_decimal(w, a->zone);
    }
}

void proa_addr_write(proa_writer *w, const proa_addr *a)
{
    if (proa_addr_is_v4(a)) {
        for (size_t i = 12; i < 16; i++) {
            proa_write_text(w, i == 12 ? "" : ".");
            proa_write_decimal(w, a->ip[i]);
        }
    } else {
        proa_write_text(w, "[");
        write_v6(w, a);
        proa_write_text(w, "]");
    }
    proa_write_text(w, ":");
    proa_write_decimal(w, a->port);
}

/* Schemes are the same in capitals, RFC 3986 §3.1. `prefix` is in small letters. */
static bool take_prefix(proa_span *text, const char *prefix)
{
    size_t len = strlen(prefix);
    if (text->len < len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text->data[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != prefix[i]) {
            return false;
        }
    }
    text->data += len;
    text->len -= len;
    return true;
}

/* Nothing that ends an authority, nothing invisible, no brackets inside: RFC 3986 §3.2.2. */
static bool is_host(proa_span text)
{
    static const char ends[] = {'/', '?', '#', '@', '[', ']', '\\'};
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f ||
            memchr(ends, text.data[i], sizeof ends) != NULL) {
            return false;
        }
    }
    return text.len > 0;
}

/* Takes the host from the front of *text: what stands in brackets, else all up to the port's colon. */
static proa_err take_host(proa_span *text, proa_span *host)
{
    bool bracketed = text->len > 0 && text->data[0] == '[';
    size_t start = bracketed ? 1 : 0;
    size_t len = start;
    while (len < text->len && text->data[len] != (bracketed ? ']' : ':')) {
        len++;
    }
    if (bracketed && len == text->len) {
        return PROA_E_FORMAT;
    }
    *host = proa_span_make(text->data + start, len - start);
    size_t used = bracketed ? len + 1 : len;
    *text = proa_span_make(text->data + used, text->len - used);
    return is_host(*host) ? PROA_OK : PROA_E_FORMAT;
}

proa_err proa_uri_parse(proa_span text, proa_uri *out)
{
    proa_uri uri = {false, {NULL, 0}, 5683};
    if (take_prefix(&text, "coaps://")) {
        uri.secure = true;
        uri.port = 5684;
    } else if (!take_prefix(&text, "coap://")) {
        return PROA_E_UNSUPPORTED;
    }
    if (text.len > 0 && text.data[text.len - 1] == '/') {
        text.len--; /* coap://host/ is the same resource as coap://host, RFC 7252 §6.3 */
    }
    if (take_host(&text, &uri.host) != PROA_OK) {
        return PROA_E_FORMAT;
    }
    if (text.len > 0 && text.data[0] != ':') {
        return PROA_E_FORMAT;
    }
    if (text.len > 1) { /* an empty port is the default one, RFC 7252 §6.1 */
        uint64_t port;
        if (proa_parse_decimal(proa_span_make(text.data + 1, text.len - 1), UINT16_MAX, &port) !=
                PROA_OK ||
            port == 0) {
            return PROA_E_FORMAT;
        }
        uri.port = (uint16_t)port;
    }
    *out = uri;
    return PROA_OK;
}

proa_err proa_uri_addr(const proa_uri *uri, proa_addr *out)
{
    proa_err err = proa_addr_parse_ip(uri->host, out);
    if (err == PROA_OK) {
        out->port = uri->port;
    }
    return err;
}

void proa_uri_write(proa_writer *w, bool secure, const proa_addr *a)
{
    proa_write_text(w, secure ? "coaps://" : "coap://");
    proa_addr_write(w, a);
}
