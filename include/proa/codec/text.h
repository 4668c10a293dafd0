/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CODEC_TEXT_H
#define PROA_CODEC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"

/* Values as plain text, Content-Format 0 (LwM2M Core 1.1 §7.4.1 and Appendix C).
 *
 * A payload is one value and nothing else: no space around it. Reading takes a little more than
 * writing gives, because peers print numbers with whatever their language offers. No locale and no
 * stdio take part, so a number is the same text everywhere. */

/* ---- reading ---------------------------------------------------------------------------- */

/* All return PROA_OK, PROA_E_FORMAT (not such a value) or PROA_E_RANGE (does not fit), and leave
 * *out alone if they fail. Unsigned numbers: proa_parse_decimal() in bytes.h. */

/* "-5", "42". O(len). */
PROA_CHECK proa_err proa_text_integer(proa_span text, int64_t *out);

/* "2.5", "-1", ".5", "6.02e23": digits with an optional sign, point and exponent. The nearest
 * double, where 40 digits count and what follows says only that there is more; too small is 0, too
 * large PROA_E_RANGE. About 400 bytes of stack; O(|exponent|), at most 100 divisions of a number of
 * 270 bytes. */
PROA_CHECK proa_err proa_text_float(proa_span text, double *out);

/* "0" or "1". */
PROA_CHECK proa_err proa_text_boolean(proa_span text, bool *out);

/* "66:0". */
PROA_CHECK proa_err proa_text_objlink(proa_span text, uint16_t *object, uint16_t *instance);

/* Opaque values in Base64 (RFC 4648 §4), padded, without line breaks. The bytes go to `w`, and
 * nothing does if it fails. Returns PROA_OK, PROA_E_FORMAT, PROA_E_NO_SPACE. O(len). */
PROA_CHECK proa_err proa_text_base64(proa_span text, proa_writer *w);

/* ---- writing ---------------------------------------------------------------------------- */

/* Errors stick to the writer: PROA_E_NO_SPACE. Signed integers: proa_write_decimal() in bytes.h. */
void proa_text_write_unsigned(proa_writer *w, uint64_t value);

/* Longest text of a double: "-0.0000012345678901234567". */
#define PROA_TEXT_FLOAT_MAX 25

/* The shortest digits that give the same double when read: "0.1", "-25", "1e+300". With a point
 * alone for numbers from 1e-6 up to 1e21, as ECMAScript prints them. PROA_E_RANGE for infinity and
 * NaN, which have no text. About 700 bytes of stack; ten times what reading takes. */
void proa_text_write_float(proa_writer *w, double value);
void proa_text_write_boolean(proa_writer *w, bool value);
void proa_text_write_objlink(proa_writer *w, uint16_t object, uint16_t instance);

/* Base64 with padding. O(len). */
void proa_text_write_base64(proa_writer *w, proa_span bytes);

/* ---- floats ----------------------------------------------------------------------------- */

/* Which floats a program has as text is decided by linking. The library's proa_floats
 * takes any; a small device whose resources are whole numbers, flags and strings defines it as
 * &proa_floats_whole and carries none of the arithmetic of decimal fractions. Then only numbers
 * of proa_text_integer() are read, so a threshold of 2.5 is refused (4.00), and PROA_E_RANGE sticks
 * to who writes a fraction, or 2^64 and more. */
typedef struct proa_float_text {
    proa_err (*read)(proa_span text, double *out);
    void (*write)(proa_writer *w, double value);
} proa_float_text;

extern const proa_float_text proa_floats_any, proa_floats_whole;
extern const proa_float_text *const proa_floats;

#endif
