/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CODEC_LINK_H
#define PROA_CODEC_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"

/* CoRE Link Format, Content-Format 40 (RFC 6690): what a device offers, in a registration
 * (`</>;rt="oma.lwm2m";ct=112,</1/0>,</3/0>;ver=1.1`) and in the answer to a Discover
 * (`</3/0/9>;pmin=10;dim=3`).
 *
 * Reading is two walks, of the links and of the attributes of one link:
 *
 *     proa_reader r = proa_reader_make(payload);
 *     while (proa_link_next(&r, &link)) {
 *         proa_reader a = proa_reader_make(link.attributes);
 *         while (proa_link_attribute_next(&a, &attribute)) ...
 *     }
 *
 * proa_link_next() has checked the attributes, so the inner walk cannot fail. Spaces around commas
 * and semicolons are passed over, because peers send them. */

typedef struct proa_link {
    proa_span target;     /* between < and >, may be empty */
    proa_span attributes; /* ";rt=...": for proa_link_attribute_next() */
} proa_link;

typedef struct proa_link_attribute {
    proa_span name;
    proa_span value; /* without its quotes; a backslash in a quoted one stands before the next
                      * character, as sent */
    bool has_value;  /* false: the name stands alone, as in ";obs" */
    bool quoted;
} proa_link_attribute;

/* ---- reading ---------------------------------------------------------------------------- */

/* The next link, borrowed from the input. False at the end, which may come at once, and at a
 * failure: then r->err is PROA_E_FORMAT or PROA_E_TRUNCATED. O(len of the link). */
bool proa_link_next(proa_reader *r, proa_link *link);

/* The next attribute of a link. False at the end. O(len of the attribute). */
bool proa_link_attribute_next(proa_reader *r, proa_link_attribute *attribute);

/* ---- writing ---------------------------------------------------------------------------- */

typedef struct proa_link_writer {
    proa_writer *w; /* borrowed */
    uint32_t count; /* links so far */
} proa_link_writer;

/* Links go to `w` from where it stands. */
proa_link_writer proa_link_writer_make(proa_writer *w);

/* Begin a link; its attributes follow. Errors stick to the writer: PROA_E_NO_SPACE, PROA_E_FORMAT
 * (a target with '>'). */
void proa_link_write(proa_link_writer *l, proa_span target);

/* `;name`, `;name=value`, `;name="value"` with backslashes where needed, `;name=7`.
 * PROA_E_FORMAT if an unquoted value holds anything that must be quoted, or is empty. */
void proa_link_write_flag(proa_link_writer *l, const char *name);
void proa_link_write_token(proa_link_writer *l, const char *name, proa_span value);
void proa_link_write_quoted(proa_link_writer *l, const char *name, proa_span value);
void proa_link_write_uint(proa_link_writer *l, const char *name, uint64_t value);

#endif
