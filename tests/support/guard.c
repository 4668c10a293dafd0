/* SPDX-License-Identifier: Apache-2.0 */
/* Pages with a forbidden neighbour. A copy takes as many whole pages as it needs and one more,
 * which is closed; the copy is pushed against it, so its start is usually not aligned. */
#include "tests/support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t open_len(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (len / page + 1) * page;
}

uint8_t *guard_copy(const void *bytes, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t open = open_len(len);
    uint8_t *base =
        mmap(NULL, open + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || mprotect(base + open, page, PROT_NONE) != 0) {
        perror("guard_copy");
        abort();
    }
    uint8_t *copy = base + open - len;
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

void guard_free(uint8_t *copy, size_t len)
{
    if (copy == NULL) {
        return;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t open = open_len(len);
    if (munmap(copy + len - open, open + page) != 0) {
        perror("guard_free");
        abort();
    }
}
