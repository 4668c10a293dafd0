/* SPDX-License-Identifier: Apache-2.0 */
/* All formats that there are: what a program links that does not define proa_formats itself. */
#include "proa/payload.h"

const proa_format *const proa_formats[] = {
    &proa_format_text,       &proa_format_opaque, &proa_format_cbor,
    &proa_format_senml_cbor, &proa_format_tlv,    NULL,
};
