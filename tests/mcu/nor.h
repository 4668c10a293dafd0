/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_MCU_NOR_H
#define PROA_TESTS_MCU_NOR_H

#include "proa/port.h"
#include "tests/support/random.h"

/* A NOR flash that keeps the rules of proa/port.h and whose power fails when told.
 *
 * Each unit programmed and each sector erased is a step. In the step in which power fails, bits may
 * have changed or not, and may be loose: read as something else each time. After it nothing is
 * programmed or erased until nor_power_on. Who breaks a rule (programs a unit twice, or one whose
 * erase was cut off) stops at an assertion. */
#define NOR_LEN_MAX 8192

typedef struct nor {
    proa_flash flash; /* ctx is this */
    uint8_t bytes[NOR_LEN_MAX];
    uint8_t loose[NOR_LEN_MAX]; /* bits */
    uint8_t state[NOR_LEN_MAX]; /* of the unit that begins here */
    unsigned erases[32];
    unsigned steps;
    unsigned cut_at;      /* power fails in this step; 0: it does not */
    unsigned program_bad; /* the program step with this number and all later ones fail; 0: none */
    unsigned erase_bad;   /* the same of erase steps */
    uint8_t mood;         /* since power came loose bits read as 0, as 1, or anew each time */
    bool off;
    test_random random;
} nor;

/* A new chip, not erased but full of noise. The flash functions have to be told where it is if it
 * moves: nor_moved. */
void nor_start(nor *n, uint8_t unit, bool wipes, uint8_t sectors, uint32_t sector_len,
               uint64_t seed);
void nor_moved(nor *n);

/* Power fails in the `step`-th step from now. */
void nor_cut_in(nor *n, unsigned step);
void nor_power_on(nor *n);

/* Bytes become what they never were programmed to, by whatever means. */
void nor_damage(nor *n, uint32_t at, const void *bytes, size_t len);

/* Is this somewhere in the chip, in bits that are not loose? */
bool nor_holds(const nor *n, const void *bytes, size_t len);

/* A number below bound. */
unsigned nor_roll(nor *n, unsigned bound);

#endif
