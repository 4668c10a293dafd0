/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_DTLS_SEAL_H
#define PROA_DTLS_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/random.h"
#include "proa/secure.h"

/* Bytes that leave the process and must come back unread and unchanged: AES-128-GCM, as nonce,
 * ciphertext, tag. The nonce is random each time, so one key may seal 2^32 times (NIST SP 800-38D
 * §8.3); a server would shake hands a million times an hour for months before that. */

#define PROA_SEAL_NONCE_LEN 12
#define PROA_SEAL_TAG_LEN 16
#define PROA_SEAL_EXTRA (PROA_SEAL_NONCE_LEN + PROA_SEAL_TAG_LEN)

/* Seal `plain`. `about` is authenticated with it: the seal opens for the same `about` only.
 *
 * out  plain.len + PROA_SEAL_EXTRA bytes; must not overlap plain.
 * False if Mbed TLS got no memory; out is zero then. */
bool proa__seal(const uint8_t key[PROA_SECURE_KEY_LEN], const proa_random *random, proa_span about,
                proa_span plain, uint8_t *out);

/* Open what was sealed with this key about the same. `out` takes sealed.len - PROA_SEAL_EXTRA bytes.
 * False, and out is zero, if anything is different or missing. */
bool proa__unseal(const uint8_t key[PROA_SECURE_KEY_LEN], proa_span about, proa_span sealed,
                  uint8_t *out);

#endif
