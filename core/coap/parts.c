/* SPDX-License-Identifier: Apache-2.0 */
/* All parts that there are: what a program links that does not say which it wants. */
#include "core/coap/engine_internal.h"

const proa_coap_blocks *const proa_coap_request_blocks = &proa__request_blocks;
