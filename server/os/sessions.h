/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_SESSIONS_H
#define PROA_SERVER_OS_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/secure.h"
#include "server/os/database.h"

/* DTLS sessions that survive a restart: the keeper of proad's box (proa/secure.h). Rows are in the
 * database, the key that seals them is in a file of its own, and each start makes another key, so
 * that what an earlier process stored can be opened once, by the next one.
 *
 * The file is locked while proad runs: two processes never have the same key. It must not be
 * copied: with an old key *and* an old database beside each other record numbers would be used
 * again (docs/decisions/0004-sessions.md). Without its key a database is harmless. */
typedef struct proa_sessions proa_sessions;

/* Open or create the key file (mode 0600) and lock it. Draws the key of this process; nothing is
 * written yet. NULL on failure, with the reason in `message`: readable by others, in use, not a key.
 *
 * database  borrowed. */
proa_sessions *proa_sessions_open(const char *key_file, proa_database *database, char *message,
                                  size_t message_cap);
void proa_sessions_close(proa_sessions *sessions);

/* For proa_dtls_keep. Both are borrowed from `sessions`. */
const proa_secure_keeper *proa_sessions_keeper(const proa_sessions *sessions);
const uint8_t *proa_sessions_key(const proa_sessions *sessions);

/* Put the stored sessions back into the box: the newest of each account 1..account_count, all others
 * are forgotten. First the old key is replaced and the rows are deleted, both durably; if that is
 * not possible, no session comes back, false is returned, and `message` says why. */
bool proa_sessions_revive(proa_sessions *sessions, proa_secure *box, uint64_t now_ms,
                          size_t account_count, char *message, size_t message_cap);

/* The session of that account that was revived and not claimed yet, 0 if there is none. */
uint32_t proa_sessions_claim(proa_sessions *sessions, uint64_t account);

/* End what nobody claimed. */
void proa_sessions_end_unclaimed(proa_sessions *sessions, uint64_t now_ms);

/* The database has committed, or failed to. */
void proa_sessions_stored(proa_sessions *sessions, bool ok);

#endif
