/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_RANDOM_H
#define PROA_FIRMWARE_RANDOM_H

#include "proa/random.h"

/* The device's CSPRNG: CTR_DRBG with AES-128 (NIST SP 800-90A), seeded by board_seed() at the first
 * call after each start. */
proa_random random_open(void);

#endif
