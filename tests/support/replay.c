/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds files to a fuzz target, one after the other, each against a guard page. Arguments are
 * files or directories; the test run gives the seeds, a person gives an input that crashed.
 * The empty input is always tried. A seed directory that is missing or empty is a failure: a
 * fuzz target without seeds tests nothing here. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/guard.h"

enum { INPUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void replay_bytes(const void *bytes, size_t len)
{
    uint8_t *input = guard_copy(bytes, len);
    LLVMFuzzerTestOneInput(input, len);
    guard_free(input, len);
}

static int replay_file(const char *path)
{
    static uint8_t buf[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    size_t len = fread(buf, 1, sizeof buf, file);
    fclose(file);
    /* Printed first: the last line of a crashed run names the input. */
    printf("%s (%zu bytes)\n", path, len);
    fflush(stdout);
    replay_bytes(buf, len);
    return 1;
}

static int replay_directory(const char *path, DIR *dir)
{
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char file[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (snprintf(file, sizeof file, "%s/%s", path, entry->d_name) >= (int)sizeof file ||
            replay_file(file) < 0) {
            return -1;
        }
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    replay_bytes("", 0);
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        int count = dir != NULL ? replay_directory(argv[i], dir) : replay_file(argv[i]);
        if (dir != NULL) {
            closedir(dir);
        }
        if (count < 1) {
            fprintf(stderr, "%s: nothing to replay\n", argv[i]);
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
