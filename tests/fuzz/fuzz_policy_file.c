/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>

#include "server/os/policy_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    proa_policy policy;
    char message[256]; /* shorter than some messages are, on purpose */
    (void)proa_policy_file_parse(&policy, "policy", (const char *)data, size, message,
                                 sizeof message);
    proa_policy_file_free(&policy);
    return 0;
}
