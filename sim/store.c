/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs in memory. After a power failure nothing more is written, until the device was rebooted. */
#include "sim/store.h"

#include <string.h>

static sim_blob *find(sim_store *store, const char *name)
{
    for (size_t i = 0; i < SIM_STORE_BLOBS_MAX; i++) {
        if (store->blobs[i].used && strcmp(store->blobs[i].name, name) == 0) {
            return &store->blobs[i];
        }
    }
    return NULL;
}

static int read_blob(void *ctx, const char *name, uint8_t *buf, size_t cap)
{
    const sim_blob *blob = find(ctx, name);
    if (blob == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (blob->len > cap) {
        return PROA_E_NO_SPACE;
    }
    memcpy(buf, blob->bytes, blob->len);
    return (int)blob->len;
}

static void count_write(sim_store *store)
{
    store->writes++;
    if (store->power_fails_after > 0 && --store->power_fails_after == 0) {
        store->power_failed = 1;
    }
}

static proa_err write_blob(void *ctx, const char *name, proa_span bytes)
{
    sim_store *store = ctx;
    sim_blob *blob = find(store, name);
    if (store->power_failed) {
        return PROA_E_IO;
    }
    for (size_t i = 0; blob == NULL && i < SIM_STORE_BLOBS_MAX; i++) {
        blob = store->blobs[i].used ? NULL : &store->blobs[i];
    }
    if (blob == NULL || bytes.len > sizeof blob->bytes || strlen(name) > PROA_STORE_NAME_MAX) {
        return PROA_E_FULL;
    }
    blob->used = 1;
    memcpy(blob->name, name, strlen(name) + 1);
    memcpy(blob->bytes, bytes.data, bytes.len);
    blob->len = bytes.len;
    count_write(store);
    return PROA_OK;
}

static proa_err remove_blob(void *ctx, const char *name)
{
    sim_store *store = ctx;
    sim_blob *blob = find(store, name);
    if (store->power_failed) {
        return PROA_E_IO;
    }
    if (blob != NULL) {
        blob->used = 0;
        count_write(store);
    }
    return PROA_OK;
}

proa_err sim__contexts_write(void *ctx, const char *name, proa_span bytes)
{
    return write_blob(ctx, name, bytes);
}

bool sim_store_has(sim_store *store, const char *name)
{
    return find(store, name) != NULL;
}

proa_store sim_store_port(sim_store *store)
{
    proa_store port = {read_blob, write_blob, remove_blob, store};
    return port;
}
