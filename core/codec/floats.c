/* SPDX-License-Identifier: Apache-2.0 */
/* Any floats: what a program links that does not define proa_floats itself. */
#include "proa/codec/text.h"

const proa_float_text *const proa_floats = &proa_floats_any;
