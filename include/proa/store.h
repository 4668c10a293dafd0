/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_STORE_H
#define PROA_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"

/* What survives a reboot: small named blobs, replaced as a whole.
 *
 * A write that returned PROA_OK is there after a power cut; one that was cut off leaves the old
 * blob or the new one, never a mixture. Names are short ASCII ("peer.3", "acl"). On Linux a file
 * each, on a board a flash log, in the simulator a map that outlives the node. Contents may hold
 * keys, so the medium must not be readable by others. All functions may be NULL together: then
 * nothing survives. */
#define PROA_STORE_NAME_MAX 24
#define PROA_STORE_BLOB_MAX 512

typedef struct proa_store {
    /* Bytes read into buf, PROA_E_NOT_FOUND, PROA_E_NO_SPACE, PROA_E_IO. */
    int (*read)(void *ctx, const char *name, uint8_t *buf, size_t cap);
    /* PROA_OK, PROA_E_IO, PROA_E_FULL. */
    proa_err (*write)(void *ctx, const char *name, proa_span blob);
    /* PROA_OK also if there was none; PROA_E_IO. */
    proa_err (*remove)(void *ctx, const char *name);
    void *ctx;
} proa_store;

#endif
