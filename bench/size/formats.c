/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of a small device: SenML and CBOR stay out of the image. */
#include "proa/payload.h"

const proa_format *const proa_formats[] = {&proa_format_text, &proa_format_tlv, NULL};
