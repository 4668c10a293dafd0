/* SPDX-License-Identifier: Apache-2.0 */
/* The device file of `proa client`: people write it, and a server can make one. */
#include <stddef.h>
#include <stdint.h>

#include "tools/proa/device_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static proa_device_file file;
    char message[600];
    (void)proa_device_file_parse(&file, "fuzz.json", len == 0 ? "" : (const char *)bytes, len,
                                 message, sizeof message);
    proa_device_file_free(&file);
    return 0;
}
