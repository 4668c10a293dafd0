/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_C2C_INSTANCE_GONE_H
#define PROA_CORE_C2C_INSTANCE_GONE_H

#include <stdint.h>

#include "proa/client.h"

/* An instance of 11000, 11001 or 11002 ended by our own decision (its time was over), not by a
 * server's Delete: its entry in object 2 goes, and servers that observe it are told 4.04. Without
 * that, each expired grant would leave entries behind until object 2 is full. Call from run only. */
void proa__c2c_instance_gone(proa_client *client, uint64_t now_ms, uint16_t object,
                             uint16_t instance);

#endif
