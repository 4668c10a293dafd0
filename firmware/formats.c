/* SPDX-License-Identifier: Apache-2.0 */
/* What these devices leave out: SenML and CBOR, and decimal fractions, as none of their resources is a
 * float. Blocks stay in: a registration that lists the accounts of peers is longer than a message. */
#include "proa/codec/text.h"
#include "proa/payload.h"

const proa_format *const proa_formats[] = {&proa_format_text, &proa_format_tlv, NULL};
const proa_float_text *const proa_floats = &proa_floats_whole;
