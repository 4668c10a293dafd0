/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_BENCH_SIZE_REHEARSAL_H
#define PROA_BENCH_SIZE_REHEARSAL_H

#include "proa/memory.h"
#include "proa/secure.h"

/* The server's side of DTLS: NULL where the device has none. */
proa_secure *rehearsal_box(proa_random random, proa_memory memory);

/* Whose turn it is to allocate: both sides share one Mbed TLS, but not its memory. */
void rehearsal_turn(bool server);

#endif
