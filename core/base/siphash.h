/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_BASE_SIPHASH_H
#define PROA_CORE_BASE_SIPHASH_H

#include <stdint.h>

#include "proa/bytes.h"

/* SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that is short, quick on small inputs
 * and, unlike the mixing in map.c, a pseudorandom function: without the key nobody can make or
 * recognise its values. For tags of 64 bits that live for minutes (Echo), not for authenticating
 * messages to other parties. */

#define PROA_SIPHASH_KEY_LEN 16

/* key  borrowed; PROA_SIPHASH_KEY_LEN random bytes. Time: O(in.len). */
uint64_t proa_siphash(const uint8_t *key, proa_span in);

#endif
