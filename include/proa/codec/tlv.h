/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CODEC_TLV_H
#define PROA_CODEC_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"

/* LwM2M TLV, Content-Format 11542 (LwM2M Core 1.1 §7.4.4): records of kind, identifier and value.
 * Object instances hold resources, multiple resources hold resource instances; all other values are
 * bytes without a type, so whoever reads them must know it from the object's model.
 *
 * A record that holds others is written from its inside: note where it begins, write what is in it,
 * then close it.
 *
 *     size_t at = w->len;
 *     proa_tlv_write_integer(w, PROA_TLV_RESOURCE_INSTANCE, 2, 1);
 *     proa_tlv_enclose(w, at, PROA_TLV_MULTIPLE, 2);
 *
 * Which kinds may stand in which is the business of payload.h. */

/* The numbers are those on the wire. */
typedef enum proa_tlv_kind {
    PROA_TLV_OBJECT_INSTANCE = 0,
    PROA_TLV_RESOURCE_INSTANCE = 1,
    PROA_TLV_MULTIPLE = 2, /* a resource with instances */
    PROA_TLV_RESOURCE = 3
} proa_tlv_kind;

typedef struct proa_tlv_record {
    proa_tlv_kind kind;
    uint16_t id;
    proa_span value; /* borrowed from the input; of kinds 0 and 2: more records */
} proa_tlv_record;

/* ---- reading ---------------------------------------------------------------------------- */

/* The next record. False at the end and at a failure: then r->err is PROA_E_TRUNCATED. To read what
 * is in a record, make another reader of its value. O(1). */
bool proa_tlv_next(proa_reader *r, proa_tlv_record *record);

/* Values (LwM2M Core 1.1 Appendix C). All return PROA_OK, or PROA_E_TYPE if such a value cannot
 * have these bytes, and then leave *out alone. Strings and opaque values are the bytes themselves;
 * times are integers. */

/* Two's complement in 1, 2, 4 or 8 bytes. */
PROA_CHECK proa_err proa_tlv_integer(proa_span value, int64_t *out);

/* Without sign, in 1, 2, 4 or 8 bytes. */
PROA_CHECK proa_err proa_tlv_unsigned(proa_span value, uint64_t *out);

/* IEEE 754 in 4 or 8 bytes. */
PROA_CHECK proa_err proa_tlv_float(proa_span value, double *out);

/* One byte, 0 or 1. */
PROA_CHECK proa_err proa_tlv_boolean(proa_span value, bool *out);

/* Two identifiers of two bytes. */
PROA_CHECK proa_err proa_tlv_objlink(proa_span value, uint16_t *object, uint16_t *instance);

/* ---- writing ---------------------------------------------------------------------------- */

/* Write a record with the shortest head. Errors stick to the writer: PROA_E_NO_SPACE,
 * PROA_E_TOO_LARGE (a value of 2^24 bytes or more). O(len). */
void proa_tlv_write(proa_writer *w, proa_tlv_kind kind, uint16_t id, proa_span value);

/* In the smallest of the widths that hold the value. */
void proa_tlv_write_integer(proa_writer *w, proa_tlv_kind kind, uint16_t id, int64_t value);
void proa_tlv_write_unsigned(proa_writer *w, proa_tlv_kind kind, uint16_t id, uint64_t value);

/* In 4 bytes if they keep the value exactly, else in 8. */
void proa_tlv_write_float(proa_writer *w, proa_tlv_kind kind, uint16_t id, double value);
void proa_tlv_write_boolean(proa_writer *w, proa_tlv_kind kind, uint16_t id, bool value);
void proa_tlv_write_objlink(proa_writer *w, proa_tlv_kind kind, uint16_t id, uint16_t object,
                            uint16_t instance);

/* Make what was written from position `at` on the value of a record, whose head goes before it.
 * Errors as proa_tlv_write. O(w->len - at). */
void proa_tlv_enclose(proa_writer *w, size_t at, proa_tlv_kind kind, uint16_t id);

#endif
