/* SPDX-License-Identifier: Apache-2.0 */
/* CoRE Link Format, RFC 6690 §2. Owns the punctuation; what a name or a target means is not known
 * here. The readers move r->at over characters and never go back. */
#include "proa/codec/link.h"

#include <string.h>

#include "proa/codec/text.h"

/* ---- reading ---------------------------------------------------------------------------- */

static bool at_char(const proa_reader *r, char c)
{
    return proa_reader_left(r) > 0 && *r->at == (uint8_t)c;
}

static bool take_char(proa_reader *r, char c)
{
    if (!at_char(r, c)) {
        return false;
    }
    r->at++;
    return true;
}

static void skip_space(proa_reader *r)
{
    while (at_char(r, ' ') || at_char(r, '\t')) {
        r->at++;
    }
}

/* Names and unquoted values end at these; controls and spaces, too. */
static bool is_plain(uint8_t c)
{
    return c > ' ' && c != 0x7f && strchr("\"<>,;=", c) == NULL;
}

/* Unquoted values may hold '=' as well: Base64 is a ptoken (RFC 6690 §2). */
static bool is_token(uint8_t c)
{
    return is_plain(c) || c == '=';
}

static proa_span take_while(proa_reader *r, bool (*is)(uint8_t c))
{
    const uint8_t *start = r->at;
    while (proa_reader_left(r) > 0 && is(*r->at)) {
        r->at++;
    }
    return proa_span_make(start, (size_t)(r->at - start));
}

static bool fail(proa_reader *r)
{
    if (r->err == PROA_OK) {
        r->err = proa_reader_left(r) == 0 ? PROA_E_TRUNCATED : PROA_E_FORMAT;
    }
    return false;
}

/* What stands before `close`, and passes over it. With `escapes`, a backslash hides the next
 * character (RFC 2616 §2.2 quoted-pair). */
static bool take_until(proa_reader *r, char close, bool escapes, proa_span *out)
{
    const uint8_t *start = r->at;
    while (proa_reader_left(r) > 0 && !at_char(r, close)) {
        if (escapes && at_char(r, '\\')) {
            r->at++;
            if (proa_reader_left(r) == 0) {
                return false;
            }
        }
        r->at++;
    }
    *out = proa_span_make(start, (size_t)(r->at - start));
    return take_char(r, close);
}

bool proa_link_attribute_next(proa_reader *r, proa_link_attribute *attribute)
{
    proa_link_attribute a = {{NULL, 0}, {NULL, 0}, false, false};
    skip_space(r);
    if (r->err != PROA_OK || !take_char(r, ';')) {
        return false;
    }
    skip_space(r);
    a.name = take_while(r, is_plain);
    if (a.name.len == 0) {
        return fail(r);
    }
    skip_space(r);
    if (take_char(r, '=')) {
        a.has_value = true;
        skip_space(r);
        a.quoted = take_char(r, '"');
        if (a.quoted && !take_until(r, '"', true, &a.value)) {
            return fail(r);
        }
        if (!a.quoted) {
            a.value = take_while(r, is_token);
        }
        if (!a.quoted && a.value.len == 0) {
            return fail(r);
        }
        skip_space(r);
    }
    *attribute = a;
    return true;
}

bool proa_link_next(proa_reader *r, proa_link *link)
{
    proa_link_attribute ignored;
    skip_space(r);
    if (r->err != PROA_OK || proa_reader_left(r) == 0) {
        return false;
    }
    if (!take_char(r, '<') || !take_until(r, '>', false, &link->target)) {
        return fail(r);
    }
    const uint8_t *start = r->at;
    while (proa_link_attribute_next(r, &ignored)) {
    }
    link->attributes = proa_span_make(start, (size_t)(r->at - start));
    if (r->err != PROA_OK || proa_reader_left(r) == 0) {
        return r->err == PROA_OK;
    }
    if (!take_char(r, ',')) {
        return fail(r);
    }
    skip_space(r);
    return proa_reader_left(r) > 0 ? true : fail(r); /* a comma promises one more link */
}

/* ---- writing ---------------------------------------------------------------------------- */

static bool consists_of(proa_span text, bool (*is)(uint8_t c))
{
    proa_reader r = proa_reader_make(text);
    return take_while(&r, is).len == text.len;
}

static void refuse(proa_link_writer *l)
{
    if (l->w->err == PROA_OK) {
        l->w->err = PROA_E_FORMAT;
    }
}

proa_link_writer proa_link_writer_make(proa_writer *w)
{
    proa_link_writer l = {w, 0};
    return l;
}

void proa_link_write(proa_link_writer *l, proa_span target)
{
    if (target.len > 0 && memchr(target.data, '>', target.len) != NULL) {
        refuse(l);
        return;
    }
    proa_write_text(l->w, l->count == 0 ? "<" : ",<");
    proa_write_span(l->w, target);
    proa_write_text(l->w, ">");
    l->count++;
}

void proa_link_write_flag(proa_link_writer *l, const char *name)
{
    proa_write_text(l->w, ";");
    proa_write_text(l->w, name);
}

void proa_link_write_token(proa_link_writer *l, const char *name, proa_span value)
{
    if (value.len == 0 || !consists_of(value, is_token)) {
        refuse(l);
        return;
    }
    proa_link_write_flag(l, name);
    proa_write_text(l->w, "=");
    proa_write_span(l->w, value);
}

void proa_link_write_quoted(proa_link_writer *l, const char *name, proa_span value)
{
    proa_link_write_flag(l, name);
    proa_write_text(l->w, "=\"");
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '"' || value.data[i] == '\\') {
            proa_write_u8(l->w, '\\');
        }
        proa_write_u8(l->w, value.data[i]);
    }
    proa_write_text(l->w, "\"");
}

void proa_link_write_uint(proa_link_writer *l, const char *name, uint64_t value)
{
    proa_link_write_flag(l, name);
    proa_write_text(l->w, "=");
    proa_text_write_unsigned(l->w, value);
}
