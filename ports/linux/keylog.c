/* SPDX-License-Identifier: Apache-2.0 */
/* The key log file. Debug builds only: NDEBUG is what a release build defines. */
#include "ports/linux/keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct proa_keylog {
    FILE *file;
};

#ifdef NDEBUG
static FILE *open_append(const char *path)
{
    (void)path;
    errno = ENOTSUP;
    return NULL;
}
#else
static FILE *open_append(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd < 0 ? NULL : fdopen(fd, "a");
}
#endif

proa_keylog *proa_keylog_open(const char *path)
{
    FILE *file = open_append(path);
    proa_keylog *keylog = file == NULL ? NULL : malloc(sizeof *keylog);
    if (keylog != NULL) {
        keylog->file = file;
    } else if (file != NULL) {
        fclose(file);
    }
    return keylog;
}

void proa_keylog_write(void *keylog, const char *line)
{
    proa_keylog *log = keylog;
    fprintf(log->file, "%s\n", line);
    fflush(log->file);
}

void proa_keylog_close(proa_keylog *keylog)
{
    if (keylog != NULL) {
        fclose(keylog->file);
        free(keylog);
    }
}
