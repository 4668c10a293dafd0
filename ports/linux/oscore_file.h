/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_LINUX_OSCORE_FILE_H
#define PROA_PORTS_LINUX_OSCORE_FILE_H

#include "ports/linux/json_file.h"
#include "proa/limits.h"
#include "proa/oscore.h"

/* The parameters of an OSCORE context as people write them into a file (docs/FILES.md). */
typedef struct proa_oscore_entry {
    bool is_there;
    uint8_t secret[PROA_OSCORE_SECRET_MAX];
    uint8_t salt[PROA_OSCORE_SALT_MAX];
    uint8_t sender_id[PROA_OSCORE_ID_MAX];
    uint8_t recipient_id[PROA_OSCORE_ID_MAX];
    uint8_t id_context[PROA_OSCORE_ID_CONTEXT_MAX];
    size_t secret_len, salt_len, sender_id_len, recipient_id_len, id_context_len;
    bool has_id_context;
    int32_t aead, hmac;
} proa_oscore_entry;

/* Read {"secret", "salt", "sender", "recipient", "id_context", "aead", "hmac"}; mistakes are noted
 * in the document. Leaves is_there false if there is nothing at this place.
 *
 * accept_hmac_0  the number that devices built from the protocol's first implementation write. */
void proa_json_oscore(const proa_json_at *at, bool accept_hmac_0, proa_oscore_entry *out);

/* The entry as parameters; borrowed from it. */
proa_oscore_params proa_oscore_entry_params(const proa_oscore_entry *entry);

#endif
