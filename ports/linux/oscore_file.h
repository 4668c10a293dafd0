/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_LINUX_OSCORE_FILE_H
#define PROA_PORTS_LINUX_OSCORE_FILE_H

#include "ports/linux/json_file.h"
#include "proa/limits.h"
#include "proa/oscore.h"

/* The parameters of an OSCORE context as people write them into a file (docs/FILES.md): the device
 * file of `proa client` and proad's configuration say them with the same words. */
typedef struct proa_oscore_entry {
    bool is_there;
    bool has_id_context;
    bool fresh; /* nobody has ever used these keys */
    uint8_t secret[PROA_OSCORE_SECRET_MAX];
    uint8_t salt[PROA_OSCORE_SALT_MAX];
    uint8_t sender_id[PROA_OSCORE_ID_MAX];
    uint8_t recipient_id[PROA_OSCORE_ID_MAX];
    uint8_t id_context[PROA_OSCORE_ID_CONTEXT_MAX];
    size_t secret_len, salt_len, sender_id_len, recipient_id_len, id_context_len;
    int32_t aead, hmac;
} proa_oscore_entry;

/* What not every file may say. */
typedef struct proa_oscore_allowed {
    bool hmac_0; /* the number that devices built from the protocol's first implementation write */

    /* "fresh", which makes counting begin at 0. Only for who finds the state of these very keys
     * again however the file is edited: else numbers would be used twice. "id_context" goes with
     * it: keys that are not fresh are of use only after Appendix B.2, which knows no ID Context. */
    bool fresh;
} proa_oscore_allowed;

/* Read {"secret", "salt", "sender", "recipient", "id_context", "aead", "hmac", "fresh"}; mistakes
 * are noted in the document. Leaves is_there false if there is nothing at this place. */
void proa_json_oscore(const proa_json_at *at, proa_oscore_allowed allowed, proa_oscore_entry *out);

/* The entry as parameters; borrowed from it. */
proa_oscore_params proa_oscore_entry_params(const proa_oscore_entry *entry);

#endif
