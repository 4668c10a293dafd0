/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_CONTEXTS_H
#define PROA_SERVER_OS_CONTEXTS_H

#include <stdbool.h>
#include <stddef.h>

#include "proa/crypto.h"
#include "proa/oscore.h"
#include "server/os/config.h"
#include "server/os/database.h"

/* The OSCORE contexts of the devices in the configuration, and where proad keeps which of their
 * numbers it has used: a row of the database for each device, on disk before the first of these
 * numbers is (RFC 8613 Appendix B.1.1).
 *
 * If the database knows nothing of a device's keys, they may have been used before: other ones are
 * made together with the device (Appendix B.2) before anything is done for it, unless the file says
 * that they are fresh. With an ID Context that is not possible, and the device cannot be talked to.
 *
 * An old copy of the database must not come back: it would make numbers be used again
 * (docs/FILES.md). */
typedef struct proa_contexts proa_contexts;

/* NULL on failure, with the reason in `message`. All pointers are borrowed. */
proa_contexts *proa_contexts_open(const proa_config *config, proa_database *database,
                                  const proa_crypto *crypto, char *message, size_t message_cap);

/* Wipes all keys. NULL is allowed. */
void proa_contexts_close(proa_contexts *contexts);

/* For the CoAP engine; NULL if no device has OSCORE keys. */
const proa_coap_oscore *proa_contexts_for_coap(const proa_contexts *contexts);

/* True if this device can be talked to, now or after new keys were made. */
bool proa_contexts_usable(const proa_contexts *contexts, uint64_t account);

#endif
