/* SPDX-License-Identifier: Apache-2.0 */
/* What these devices leave out: SenML and CBOR; decimal fractions, as none of their resources is a
 * float; and sessions that hibernate, as they have room for those of all their peers. Blocks stay in: a
 * registration that lists the accounts of peers is longer than a message. */
#include "ports/mbedtls/dtls.h"
#include "proa/codec/text.h"
#include "proa/payload.h"

const proa_format *const proa_formats[] = {&proa_format_text, &proa_format_tlv, NULL};
const proa_float_text *const proa_floats = &proa_floats_whole;
const proa_dtls_sleeping *const proa_dtls_hibernation = NULL;
