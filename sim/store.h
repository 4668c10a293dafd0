/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_STORE_H
#define PROA_SIM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "proa/store.h"

/* The flash of a simulated device: a map of blobs that outlives its reboots. A write can be made the
 * last thing a device does, because power fails just after it. */
#define SIM_STORE_BLOBS_MAX 128

typedef struct sim_blob {
    char name[PROA_STORE_NAME_MAX + 1];
    uint8_t bytes[PROA_STORE_BLOB_MAX];
    size_t len;
    int used;
} sim_blob;

typedef struct sim_store {
    sim_blob blobs[SIM_STORE_BLOBS_MAX];
    uint32_t writes;
    uint32_t power_fails_after; /* this many writes from now; 0 = not */
    int power_failed;           /* whoever drives the device makes it reboot and clears this */
} sim_store;

/* As the store of an engine. Borrows store. */
proa_store sim_store_port(sim_store *store);

/* The write function of that store for OSCORE's numbers; ctx is the sim_store. By name, so that the
 * linker can put a mistake in its place (bugs.h). */
proa_err sim__contexts_write(void *ctx, const char *name, proa_span bytes);

/* Is there a blob of this name? */
bool sim_store_has(sim_store *store, const char *name);

#endif
