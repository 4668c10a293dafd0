/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_HUB_INTERNAL_H
#define PROA_SERVER_OS_HUB_INTERNAL_H

#include "server/os/hub.h"

/* Parts of the hub that are files of their own. */

/* restore.c: put registrations, sessions, grants and refusals of the database back into the engines.
 * False if that is not possible, with the reason in `message`. */
bool proa__hub_restore(const proa_hub_parts *parts, uint64_t now_ms, char *message,
                       size_t message_cap);

#endif
