/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs as files. A crash at any instant leaves the old or the new blob: the new one is written to
 * "name~", synced, and renamed over the old. A "name~" found later is the rest of a crash and is
 * overwritten by the next write. */
#include "ports/linux/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proa/assert.h"

proa_err proa_files_open(proa_files *files, const char *path)
{
    struct stat status;
    files->directory_fd = -1;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return PROA_E_IO;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return PROA_E_IO;
    }
    if (fstat(fd, &status) != 0 || (status.st_mode & 077) != 0) {
        close(fd);
        return PROA_E_DENIED;
    }
    files->directory_fd = fd;
    return PROA_OK;
}

void proa_files_close(proa_files *files)
{
    if (files->directory_fd >= 0) {
        close(files->directory_fd);
    }
    files->directory_fd = -1;
}

static int read_blob(void *ctx, const char *name, uint8_t *buf, size_t cap)
{
    const proa_files *files = ctx;
    struct stat status;
    int fd = openat(files->directory_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? PROA_E_NOT_FOUND : PROA_E_IO;
    }
    int result = PROA_E_IO;
    if (fstat(fd, &status) == 0) {
        ssize_t len = read(fd, buf, cap);
        if (status.st_size > (off_t)cap) {
            result = PROA_E_NO_SPACE;
        } else if (len == (ssize_t)status.st_size) {
            result = (int)len;
        }
    }
    close(fd);
    return result;
}

static bool write_all(int fd, proa_span blob)
{
    while (blob.len > 0) {
        ssize_t done = write(fd, blob.data, blob.len);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        blob = proa_span_make(blob.data + done, blob.len - (size_t)done);
    }
    return fsync(fd) == 0;
}

static proa_err write_blob(void *ctx, const char *name, proa_span blob)
{
    const proa_files *files = ctx;
    char beside[PROA_STORE_NAME_MAX + 2];
    PROA_ASSERT(strlen(name) <= PROA_STORE_NAME_MAX && strchr(name, '/') == NULL);
    snprintf(beside, sizeof beside, "%s~", name);
    int fd = openat(files->directory_fd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return PROA_E_IO;
    }
    bool written = write_all(fd, blob);
    close(fd);
    if (!written || renameat(files->directory_fd, beside, files->directory_fd, name) != 0) {
        unlinkat(files->directory_fd, beside, 0);
        return PROA_E_IO;
    }
    return fsync(files->directory_fd) == 0 ? PROA_OK : PROA_E_IO;
}

static proa_err remove_blob(void *ctx, const char *name)
{
    const proa_files *files = ctx;
    if (unlinkat(files->directory_fd, name, 0) != 0) {
        return errno == ENOENT ? PROA_OK : PROA_E_IO;
    }
    return fsync(files->directory_fd) == 0 ? PROA_OK : PROA_E_IO;
}

proa_store proa_files_store(proa_files *files)
{
    proa_store store = {read_blob, write_blob, remove_blob, files};
    return store;
}
