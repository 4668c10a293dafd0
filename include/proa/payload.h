/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PAYLOAD_H
#define PROA_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/codec/senml.h"
#include "proa/err.h"
#include "proa/lwm2m.h"

/* LwM2M payloads: a list of (path, value) in one of the Content-Formats, written and read one
 * record at a time (LwM2M Core 1.2 §7.4). Nobody above this file knows a format from the inside.
 *
 * Formats: text, opaque and CBOR hold one single resource (instance); TLV and SenML-CBOR anything
 * from one resource instance up to an object. TLV and text carry no types, so the reader asks for
 * the type of each path. */

typedef struct proa_record {
    proa_path path;   /* absolute, depth 3 or 4; any depth for a SenML record without value */
    proa_value value; /* borrows the payload (reader) or the caller (writer) */
} proa_record;

/* ---- formats ---------------------------------------------------------------------------- */

/* Which formats a program has is decided by linking. The library's proa_formats names all of them;
 * a program that defines the array itself carries only what it names. What another device may send
 * it is then refused as any unknown format is: 4.15 (RFC 7252 §5.9.2.10), 4.06 (§5.9.2.7). A small
 * device has enough of text and TLV. */
typedef struct proa_format proa_format;

extern const proa_format proa_format_text, proa_format_opaque, proa_format_cbor,
    proa_format_senml_cbor, proa_format_tlv;
extern const proa_format *const proa_formats[]; /* ends with NULL */

/* The number of the index-th format of this program; PROA_FORMAT_NONE if there are fewer. */
uint16_t proa_format_at(size_t index);

/* ---- writing ---------------------------------------------------------------------------- */

typedef struct proa_payload_writer {
    proa_writer *w;
    const proa_format *format;
    proa_path base; /* what was asked for */
    uint32_t count;
    bool instance_open; /* TLV: the object instance open_path.ids[1] waits for its length */
    bool resource_open; /* TLV: the multiple resource open_path.ids[2] waits for its length */
    proa_path open_path;
    size_t instance_at; /* where what is in them begins in w */
    size_t resource_at;
    proa_senml_writer senml;
} proa_payload_writer;

/* True if `format` can be read and written at all by this program. */
bool proa_format_known(uint16_t format);

/* True if `format` can hold an answer to a read of `path` (of a resource with several instances
 * when `multiple`). */
bool proa_format_can_hold(uint16_t format, const proa_path *path, bool multiple);

/* Begin a payload in `w` (borrowed until the end).
 *
 * base  the path of the request: in TLV, records are relative to it (Core 1.2 §7.4.4: reading
 *       /3/0 gives resource records, reading /3 instance records).
 * Returns PROA_OK, PROA_E_UNSUPPORTED. */
PROA_CHECK proa_err proa_payload_begin(proa_payload_writer *p, proa_writer *w, uint16_t format,
                                       const proa_path *base);

/* Begin an object instance that may turn out to be empty; only needed when base is an object. */
void proa_payload_instance(proa_payload_writer *p, uint16_t instance_id);

/* Begin a multiple resource that may turn out to be empty. */
void proa_payload_multiple(proa_payload_writer *p, const proa_path *resource);

/* Add one value. Records must come in the order of proa_path_compare and lie within base; a record
 * of depth 4 belongs to a multiple resource. A value of type NONE is raw bytes in TLV, text and
 * opaque, and no value (only a path) in SenML.
 * Returns PROA_OK, PROA_E_TYPE (no such value in this format), PROA_E_UNSUPPORTED (a second record
 * in a single-value format), PROA_E_DENIED (path outside base), PROA_E_RANGE (an infinite number as
 * text), PROA_E_NO_SPACE. The last two stick to the writer. */
PROA_CHECK proa_err proa_payload_add(proa_payload_writer *p, const proa_record *record);

/* Close what is open. Returns PROA_OK or PROA_E_NO_SPACE. The bytes stand in the writer. */
PROA_CHECK proa_err proa_payload_end(proa_payload_writer *p);

/* ---- reading ---------------------------------------------------------------------------- */

/* What the model says about a path; PROA_TYPE_NONE if it is unknown. */
typedef proa_type (*proa_type_of)(void *ctx, const proa_path *path);

typedef struct proa_payload_reader {
    const proa_format *format;
    proa_path base;
    proa_type_of type_of;
    void *type_ctx;
    proa_err err;
    union {
        proa_span single; /* text, opaque, CBOR: data is NULL once it was read */
        struct {
            proa_reader levels[3]; /* around the next record: outermost first */
            proa_path at[3];       /* the path that the records of each level are below */
            uint8_t level;
        } tlv;
        proa_senml_reader senml;
    } in;
    bool done;
    uint8_t scratch[PROA_STRING_MAX]; /* decoded Base64, strings that came in chunks */
} proa_payload_reader;

/* Begin to read a payload.
 *
 * TLV at the level of `base` may hold what is below it, or be wrapped in the records above it (the
 * instance around the resources of a write to that instance). A resource instance may stand alone
 * where base is its resource.
 *
 * base      the path of the request or response it belongs to. Records outside it are an error.
 * payload   borrowed until the reader is done.
 * type_of   may be NULL: then TLV and text values have type NONE. Where it names a type, values of
 *           typed formats become that type if nothing is lost (a whole float as an integer).
 * Returns PROA_OK, PROA_E_UNSUPPORTED (format, or base too far up for it). */
PROA_CHECK proa_err proa_payload_read(proa_payload_reader *p, uint16_t format,
                                      const proa_path *base, proa_span payload,
                                      proa_type_of type_of, void *type_ctx);

/* The next record. True and *record set; false at the end or at an error: then p->err is PROA_OK,
 * or PROA_E_TRUNCATED, PROA_E_FORMAT, PROA_E_TYPE (bytes do not fit the type the model names),
 * PROA_E_RANGE, PROA_E_DENIED (path outside base), PROA_E_UNSUPPORTED (well formed, unknown to us),
 * PROA_E_NO_SPACE (Base64 or chunks of more than PROA_STRING_MAX bytes).
 * An instance or multiple resource without any content gives no record.
 * The value is valid until the next call. O(record). */
bool proa_payload_next(proa_payload_reader *p, proa_record *record);

/* The payload of a Create may name an instance: the id in the first object-instance record (TLV) or
 * in the first path (SenML), or -1 if there is none. *count gets how many object-instance records
 * there are; of paths, 1 if all name the same instance, else 2. What is malformed ends the search:
 * reading finds it again. O(payload). */
int32_t proa_payload_instance_named(uint16_t format, proa_span payload, const proa_path *base,
                                    uint32_t *count);

#endif
