/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_POLICY_FILE_H
#define PROA_SERVER_OS_POLICY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "server/app/policy.h"

/* The policy file (docs/FILES.md): an ordered list of rules.
 *
 *     { "rules": [
 *         { "name": "switches may read lamps", "allow": ["read", "observe"],
 *           "requester": "switch-*", "host": "lamp-*", "path": "/3311", "lifetime": 86400 }
 *     ] }
 *
 * Reading gives a table for server/app/policy.h, freed with proa_policy_file_free. */

/* False on failure, with file, line, column and reason in `message`; *out is then empty, which
 * denies everything. */
bool proa_policy_file_load(proa_policy *out, const char *path, char *message, size_t message_cap);
bool proa_policy_file_parse(proa_policy *out, const char *name, const char *text, size_t len,
                            char *message, size_t message_cap);
void proa_policy_file_free(proa_policy *policy);

#endif
