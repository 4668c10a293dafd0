/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where C2C reaches behind the client's seam: a Delete that no server asked for has the
 * consequences of one that a server did. */
#include "core/c2c/instance_gone.h"

#include "core/client/client_internal.h"

void proa__c2c_instance_gone(proa_client *client, uint64_t now_ms, uint16_t object,
                             uint16_t instance)
{
    proa_path path = proa_path_make(2, object, instance, 0);
    proa__access_deleted(client, object, instance);
    proa__report_deleted(client, now_ms, &path);
}
