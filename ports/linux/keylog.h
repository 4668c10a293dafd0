/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_LINUX_KEYLOG_H
#define PROA_PORTS_LINUX_KEYLOG_H

/* Session secrets for Wireshark, in debug builds only. In a release build proa_keylog_open always
 * fails with ENOTSUP, so no option and no mistake can make one write keys. */
typedef struct proa_keylog proa_keylog;

/* Append to `path` (created with mode 0600). NULL on failure; errno says why. */
proa_keylog *proa_keylog_open(const char *path);

/* One line in NSS key log format; for proa_secure_config.keylog. */
void proa_keylog_write(void *keylog, const char *line);
void proa_keylog_close(proa_keylog *keylog);

#endif
