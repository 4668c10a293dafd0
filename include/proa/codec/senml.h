/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CODEC_SENML_H
#define PROA_CODEC_SENML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/codec/cbor.h"
#include "proa/err.h"
#include "proa/limits.h"

/* SenML in CBOR, Content-Format 112 (RFC 8428 §6): a pack of records, each a name with a value and
 * perhaps a time.
 *
 * The reader gives resolved records (§4.6): base name, base time and base value are worked in, so a
 * record stands for itself. What LwM2M does not use is passed over (units, sums, update times); a
 * label that must be understood and is not (its name ends with '_') and a version of SenML after 10
 * are refused, §4.4.
 *
 * Records without a value are no error here: LwM2M's composite operations name paths that way. The
 * object link of LwM2M is the text "66:0" under the label "vlo" (Core 1.2 §7.4.5). */

typedef enum proa_senml_kind {
    PROA_SENML_NONE = 0, /* no value */
    PROA_SENML_INTEGER,  /* a number that was written as an integer */
    PROA_SENML_UNSIGNED, /* ... and is larger than INT64_MAX */
    PROA_SENML_FLOAT,
    PROA_SENML_BOOLEAN,
    PROA_SENML_STRING,
    PROA_SENML_DATA,
    PROA_SENML_OBJLINK
} proa_senml_kind;

typedef struct proa_senml_record {
    proa_span name;
    proa_senml_kind kind;
    union {
        int64_t integer;
        uint64_t unsigned_integer;
        double real;
        bool boolean;
        proa_span bytes; /* STRING, DATA, OBJLINK (as text); borrowed */
    } as;
    bool has_time;
    double time; /* seconds; since 1970, or from now on if less than 2^28, RFC 8428 §4.5.3 */
} proa_senml_record;

/* ---- reading ---------------------------------------------------------------------------- */

typedef struct proa_senml_reader {
    proa_cbor_reader cbor;
    proa_err err;
    bool started;
    uint8_t name[PROA_SENML_NAME_MAX]; /* base name, behind it the name of the record */
    size_t base_len;
    double base_time;
    bool has_base_time;
    proa_senml_record base_value;         /* kind NONE, INTEGER, UNSIGNED or FLOAT */
    uint8_t scratch[PROA_SENML_NAME_MAX]; /* strings that came in chunks */
} proa_senml_reader;

/* Begin to read a pack. `in` is borrowed until the reader and its records are done. O(1). */
void proa_senml_read(proa_senml_reader *s, proa_span in);

/* The next record. False at the end and at a failure: then s->err is that of the CBOR reader
 * (cbor.h), PROA_E_FORMAT (two values, a label twice, no text as a name), PROA_E_UNSUPPORTED (see
 * above) or PROA_E_TOO_LARGE (a name over PROA_SENML_NAME_MAX).
 * The record's name is valid until the next call, its value as long as the input. A string that
 * came in chunks is valid until the next call; it has PROA_SENML_NAME_MAX bytes at most, else
 * PROA_E_NO_SPACE. O(record). */
bool proa_senml_next(proa_senml_reader *s, proa_senml_record *record);

/* ---- writing ---------------------------------------------------------------------------- */

typedef struct proa_senml_writer {
    proa_writer *w; /* borrowed */
    size_t at;      /* where the pack begins */
    uint32_t count;
} proa_senml_writer;

/* Begin a pack where `w` stands. Its head is written at the end, when the count is known. */
proa_senml_writer proa_senml_writer_make(proa_writer *w);

/* Add a record.
 *
 * base_name  becomes the base of this record's name and of those to come; empty: as before.
 * record     its name is what follows the base; an empty one is left out. Borrowed for the call.
 * Errors stick to the writer: PROA_E_NO_SPACE. */
void proa_senml_write(proa_senml_writer *s, proa_span base_name, const proa_senml_record *record);

/* Write the head before the records. O(len of the pack). */
void proa_senml_write_end(proa_senml_writer *s);

#endif
