/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_SERVER_LINKS_H
#define PROA_CORE_SERVER_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"

/* What a registration's object list says (LwM2M Core 1.2 §6.2.1, §7.2.1): read where it is needed,
 * never kept in another form. */

typedef struct proa__links {
    uint16_t format; /* for structured data, from ct= of the root link; TLV otherwise */
    proa_span root;  /* alternate path, "/lwm2m"; empty if the objects stand below "/" */
} proa__links;

/* Check a whole list and read its root link. *out borrows `text`.
 * Returns PROA_OK, PROA_E_FORMAT (no link-format, or an alternate path with more than
 * PROA__ROOT_SEGMENTS_MAX segments), PROA_E_TRUNCATED. O(len). */
PROA_CHECK proa_err proa__links_read(proa_span text, proa__links *out);

/* The Uri-Path of an operation has at most 4 segments besides these. */
#define PROA__ROOT_SEGMENTS_MAX 4

/* The next part of "/a/b" (separator '/') or of "60 112" (separator ' ', RFC 6690 §2); false at the
 * end. *rest shrinks. */
bool proa__next_part(proa_span *rest, char separator, proa_span *part);

/* True if the list names this object instance, or with PROA_ID_ALL the object or any instance of
 * it. O(len). */
bool proa__links_name(proa_span text, uint16_t object, uint16_t instance);

#endif
