/* SPDX-License-Identifier: Apache-2.0 */
/* The object list of a registration as it was sent. The link whose rt= holds oma.lwm2m is the root
 * link: its target is the place of all objects, its ct= the formats the device prefers (LwM2M Core
 * 1.2 §6.2.1, §7.2.1). What link-format is, codec/link.h knows. */
#include "core/server/links.h"

#include "proa/codec/link.h"
#include "proa/limits.h"
#include "proa/lwm2m.h"

bool proa__next_part(proa_span *rest, char separator, proa_span *part)
{
    size_t begin = 0;
    if (rest->len == 0) {
        return false;
    }
    while (begin < rest->len && rest->data[begin] == (uint8_t)separator) {
        begin++;
    }
    size_t end = begin;
    while (end < rest->len && rest->data[end] != (uint8_t)separator) {
        end++;
    }
    *part = proa_span_make(rest->data + begin, end - begin);
    *rest = proa_span_make(rest->data + end, rest->len - end);
    return part->len > 0;
}

static bool has_word(proa_span list, const char *wanted)
{
    proa_span word;
    while (proa__next_part(&list, ' ', &word)) {
        if (proa_span_equal(word, proa_span_of(wanted))) {
            return true;
        }
    }
    return false;
}

/* Of the formats listed, the first that holds more than one value and that we speak. */
static uint16_t choose_format(proa_span list)
{
    proa_span word;
    while (proa__next_part(&list, ' ', &word)) {
        uint64_t format;
        if (proa_parse_decimal(word, PROA_FORMAT_NONE, &format) == PROA_OK &&
            (format == PROA_FORMAT_TLV || format == PROA_FORMAT_SENML_CBOR)) {
            return (uint16_t)format;
        }
    }
    return PROA_FORMAT_TLV;
}

static size_t count_segments(proa_span path)
{
    size_t count = 0;
    proa_span segment;
    while (proa__next_part(&path, '/', &segment)) {
        count++;
    }
    return count;
}

/* True if the link is the root link; then *out is filled. "</>;ct=112" without rt= counts too:
 * devices that have no other path than "/" leave it out. */
static bool read_root(const proa_link *link, proa__links *out)
{
    proa_reader attributes = proa_reader_make(link->attributes);
    proa_link_attribute attribute;
    bool is_root = proa_span_equal(link->target, proa_span_of("/"));
    uint16_t format = PROA_FORMAT_TLV;
    while (proa_link_attribute_next(&attributes, &attribute)) {
        if (proa_span_equal(attribute.name, proa_span_of("rt"))) {
            is_root = is_root || has_word(attribute.value, "oma.lwm2m");
        } else if (proa_span_equal(attribute.name, proa_span_of("ct"))) {
            format = choose_format(attribute.value);
        }
    }
    if (is_root) {
        out->format = format;
        out->root = count_segments(link->target) > 0 ? link->target : proa_span_make(NULL, 0);
    }
    return is_root;
}

proa_err proa__links_read(proa_span text, proa__links *out)
{
    proa_reader r = proa_reader_make(text);
    proa_link link;
    bool found = false;
    out->format = PROA_FORMAT_TLV;
    out->root = proa_span_make(NULL, 0);
    while (proa_link_next(&r, &link)) {
        found = found || read_root(&link, out);
    }
    if (r.err != PROA_OK) {
        return r.err;
    }
    return count_segments(out->root) <= PROA__ROOT_SEGMENTS_MAX ? PROA_OK : PROA_E_FORMAT;
}

/* The target of a link below the root, as a path. */
static bool path_below(proa_span target, proa_span root, proa_path *path)
{
    if (root.len > 0) {
        if (target.len <= root.len ||
            !proa_span_equal(proa_span_make(target.data, root.len), root)) {
            return false;
        }
        target = proa_span_make(target.data + root.len, target.len - root.len);
    }
    return proa_path_parse(target, path) == PROA_OK;
}

bool proa__links_name(proa_span text, uint16_t object, uint16_t instance)
{
    proa__links links;
    proa_reader r = proa_reader_make(text);
    proa_link link;
    if (proa__links_read(text, &links) != PROA_OK) {
        return false;
    }
    while (proa_link_next(&r, &link)) {
        proa_path path;
        if (!path_below(link.target, links.root, &path) || path.depth < 1 ||
            path.ids[0] != object) {
            continue;
        }
        if (instance == PROA_ID_ALL || (path.depth >= 2 && path.ids[1] == instance)) {
            return true;
        }
    }
    return false;
}
