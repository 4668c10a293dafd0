/* SPDX-License-Identifier: Apache-2.0 */
/* OSCORE contexts of the configured devices. Rows are named by the device's kid and ID Context and not by its
 * account, which is its place in the file: whoever sorts the file anew must not make numbers begin at
 * 0. What a row says counts for the very keys that it was written for (core/oscore/state.c). */
#include "server/os/contexts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/linux/os.h"

/* Numbers reserved by one write: a reboot loses at most so many, and 2^40 there are. */
#define MARGIN 256

struct proa_contexts {
    const proa_config *config;
    proa_database *database;
    proa_oscore *table; /* NULL: nobody uses OSCORE */
};

/* ---- the store -------------------------------------------------------------------------- */

typedef struct row_name {
    char text[4 + 2 * PROA_OSCORE_ID_MAX + 1 + 2 * PROA_OSCORE_ID_CONTEXT_MAX + 1];
    size_t len;
} row_name;

static void append(row_name *row, const char *text, const uint8_t *bytes, size_t count)
{
    row->len += (size_t)snprintf(row->text + row->len, sizeof row->text - row->len, "%s", text);
    for (size_t i = 0; i < count; i++) {
        row->len +=
            (size_t)snprintf(row->text + row->len, sizeof row->text - row->len, "%02x", bytes[i]);
    }
}

/* The table names its blobs "osc." and the account in hex. NULL if it is nobody's. */
static const proa_oscore_entry *entry_of(const proa_contexts *c, const char *name)
{
    char *end = NULL;
    if (strncmp(name, "osc.", 4) != 0) {
        return NULL;
    }
    const proa_known_device *device =
        proa_config_by_account(c->config, strtoull(name + 4, &end, 16));
    return device == NULL || *end != '\0' ? NULL : &device->oscore;
}

static bool row_of(const proa_contexts *c, const char *name, row_name *out)
{
    const proa_oscore_entry *entry = entry_of(c, name);
    out->len = 0;
    if (entry == NULL) {
        return false;
    }
    append(out, "kid.", entry->recipient_id, entry->recipient_id_len);
    if (entry->has_id_context) {
        append(out, ".", entry->id_context, entry->id_context_len);
    }
    return true;
}

static int read_row(void *ctx, const char *name, uint8_t *buf, size_t cap)
{
    const proa_contexts *c = ctx;
    row_name row;
    if (!row_of(c, name, &row)) {
        return PROA_E_IO;
    }
    int len = proa_database_get_oscore(c->database, row.text, buf, cap);
    char *dot = strchr(row.text + 4, '.');
    if (len == PROA_E_NOT_FOUND && dot != NULL) {
        /* Databases written before kids could be shared: if it is about other keys, it is not taken. */
        *dot = '\0';
        len = proa_database_get_oscore(c->database, row.text, buf, cap);
    }
    return len;
}

static proa_err write_row(void *ctx, const char *name, proa_span blob)
{
    const proa_contexts *c = ctx;
    row_name row;
    return row_of(c, name, &row) && proa_database_put_oscore(c->database, row.text, blob)
               ? PROA_OK
               : PROA_E_IO;
}

static proa_err remove_row(void *ctx, const char *name)
{
    const proa_contexts *c = ctx;
    row_name row;
    if (!row_of(c, name, &row)) {
        return PROA_E_IO;
    }
    proa_database_drop_oscore(c->database, row.text);
    return PROA_OK;
}

/* ---- opening ---------------------------------------------------------------------------- */

static bool find_params(void *ctx, uint64_t account, proa_oscore_params *out)
{
    const proa_contexts *c = ctx;
    const proa_known_device *device = proa_config_by_account(c->config, account);
    if (device == NULL || !device->oscore.is_there) {
        return false;
    }
    *out = proa_oscore_entry_params(&device->oscore);
    return true;
}

static uint32_t count(const proa_config *config)
{
    uint32_t with_keys = 0;
    for (size_t i = 0; i < config->device_count; i++) {
        with_keys += config->devices[i].oscore.is_there;
    }
    return with_keys;
}

static proa_err open_table(proa_contexts *c, const proa_crypto *crypto, uint32_t accounts)
{
    proa_oscore_config config = {
        .memory = proa_linux_memory(),
        .random = proa_linux_random(),
        .store = {read_row, write_row, remove_row, c},
        .crypto = crypto,
        .contexts_first = accounts,
        .contexts_max = 2 * accounts, /* all of them may be renewing */
        .margin = MARGIN,
        .accept_hmac_0 = c->config->oscore_accept_hmac_0,
        .renewal = &proa_oscore_appendix_b2,
        .find_params = find_params,
        .find_params_ctx = c,
    };
    return proa_oscore_open(&c->table, &config);
}

static proa_err add_all(const proa_contexts *c, const proa_known_device **culprit)
{
    for (size_t i = 0; i < c->config->device_count; i++) {
        const proa_known_device *device = &c->config->devices[i];
        proa_oscore_params params = proa_oscore_entry_params(&device->oscore);
        proa_err err =
            !device->oscore.is_there
                ? PROA_OK
                : proa_oscore_add(c->table, i + 1, &params,
                                  device->oscore.fresh ? PROA_OSCORE_FRESH : PROA_OSCORE_KNOWN);
        if (err != PROA_OK) {
            *culprit = device;
            return err;
        }
    }
    return PROA_OK;
}

proa_contexts *proa_contexts_open(const proa_config *config, proa_database *database,
                                  const proa_crypto *crypto, char *message, size_t message_cap)
{
    const proa_known_device *culprit = NULL;
    proa_contexts *c = calloc(1, sizeof *c);
    uint32_t accounts = count(config);
    proa_err err = PROA_E_NO_MEMORY;
    if (c != NULL) {
        c->config = config;
        c->database = database;
        err = accounts == 0 ? PROA_OK : open_table(c, crypto, accounts);
    }
    if (err == PROA_OK && accounts > 0) {
        err = add_all(c, &culprit);
    }
    if (err != PROA_OK) {
        snprintf(message, message_cap, "OSCORE%s%s: %s", culprit == NULL ? "" : " keys of ",
                 culprit == NULL ? "" : culprit->endpoint, proa_err_name(err));
        proa_contexts_close(c);
        return NULL;
    }
    return c;
}

void proa_contexts_close(proa_contexts *c)
{
    if (c != NULL) {
        proa_oscore_free(c->table);
        free(c);
    }
}

const proa_coap_oscore *proa_contexts_for_coap(const proa_contexts *c)
{
    return c->table == NULL ? NULL : proa_oscore_for_coap(c->table);
}

bool proa_contexts_usable(const proa_contexts *c, uint64_t account)
{
    proa_oscore_info info;
    const proa_known_device *device = proa_config_by_account(c->config, account);
    return c->table != NULL && device != NULL && proa_oscore_look(c->table, account, &info) &&
           (info.usable || !device->oscore.has_id_context);
}
