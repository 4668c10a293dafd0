/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of a small device: SenML and CBOR stay out of the image, and as none of its resources is
 * a float, so does the arithmetic of decimal fractions. */
#include "proa/codec/text.h"
#include "proa/payload.h"

const proa_format *const proa_formats[] = {&proa_format_text, &proa_format_tlv, NULL};
const proa_float_text *const proa_floats = &proa_floats_whole;
