/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_LINUX_FILES_H
#define PROA_PORTS_LINUX_FILES_H

#include "proa/err.h"
#include "proa/store.h"

/* A proa_store in a directory: one file a blob, replaced atomically (write beside it, fsync, rename,
 * fsync the directory). The directory is made with mode 0700 if it is not there; one that others
 * may read or write is refused, because blobs hold keys. */
typedef struct proa_files {
    int directory_fd;
} proa_files;

/* path    zero-terminated.
 * Returns PROA_OK, PROA_E_DENIED (readable by others), PROA_E_IO (errno says why). */
PROA_CHECK proa_err proa_files_open(proa_files *files, const char *path);
void proa_files_close(proa_files *files);

/* Borrows `files`. */
proa_store proa_files_store(proa_files *files);

#endif
