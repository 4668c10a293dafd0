/* SPDX-License-Identifier: Apache-2.0 */
/* LwM2M paths: text, Uri-Path options, order and containment (Core 1.2 §7.1, §6.3; Transport 1.2
 * §6.4.3). A path has one text only: ids carry no leading zeros and reach 65534. What stands at a
 * path is not known here. */
#include <string.h>

#include "proa/lwm2m.h"

static proa_err parse_id(proa_span text, uint16_t *out)
{
    uint64_t id;
    proa_err err = proa_parse_decimal(text, PROA_ID_MAX, &id);
    if (err == PROA_OK && text.len > 1 && text.data[0] == '0') {
        err = PROA_E_FORMAT;
    }
    if (err == PROA_OK) {
        *out = (uint16_t)id;
    }
    return err;
}

static proa_err append(proa_path *path, proa_span segment)
{
    if (path->depth == 4) {
        return PROA_E_FORMAT;
    }
    proa_err err = parse_id(segment, &path->ids[path->depth]);
    path->depth = (uint8_t)(path->depth + (err == PROA_OK));
    return err;
}

proa_err proa_path_parse(proa_span text, proa_path *out)
{
    proa_path path = {{0}, 0};
    size_t start = text.len > 0 && text.data[0] == '/' ? 1 : 0;
    while (start < text.len) {
        size_t end = start;
        while (end < text.len && text.data[end] != '/') {
            end++;
        }
        proa_err err = append(&path, proa_span_make(text.data + start, end - start));
        if (err != PROA_OK) {
            return err;
        }
        if (end + 1 == text.len) {
            return PROA_E_FORMAT; /* "/3/" ends with an empty segment */
        }
        start = end + 1;
    }
    *out = path;
    return PROA_OK;
}

proa_err proa_path_of_msg(const proa_coap_msg *m, proa_path *out)
{
    proa_path path = {{0}, 0};
    proa_coap_options it = proa_coap_options_of(m);
    proa_coap_option option;
    while (proa_coap_option_next(&it, &option)) {
        if (option.number != PROA_COAP_OPT_URI_PATH) {
            continue;
        }
        proa_err err = append(&path, option.value);
        if (err != PROA_OK) {
            return err;
        }
    }
    *out = path;
    return PROA_OK;
}

void proa_path_write(proa_writer *w, const proa_path *path)
{
    if (path->depth == 0) {
        proa_write_text(w, "/");
    }
    for (uint8_t i = 0; i < path->depth; i++) {
        proa_write_text(w, "/");
        proa_write_decimal(w, path->ids[i]);
    }
}

bool proa_path_equal(const proa_path *a, const proa_path *b)
{
    return a->depth == b->depth && proa_path_within(a, b);
}

bool proa_path_within(const proa_path *outer, const proa_path *inner)
{
    return outer->depth <= inner->depth &&
           memcmp(outer->ids, inner->ids, outer->depth * sizeof outer->ids[0]) == 0;
}

int proa_path_compare(const proa_path *a, const proa_path *b)
{
    for (uint8_t i = 0; i < a->depth && i < b->depth; i++) {
        if (a->ids[i] != b->ids[i]) {
            return a->ids[i] < b->ids[i] ? -1 : 1;
        }
    }
    return a->depth - b->depth;
}

size_t proa_path_options(const proa_path *path, uint8_t digits[4][5], proa_coap_option out[4])
{
    for (uint8_t i = 0; i < path->depth; i++) {
        proa_writer w = proa_writer_make(digits[i], sizeof digits[i]);
        proa_write_decimal(&w, path->ids[i]);
        out[i].number = PROA_COAP_OPT_URI_PATH;
        out[i].value = proa_writer_span(&w);
    }
    return path->depth;
}
