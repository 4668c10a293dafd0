/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_DATABASE_H
#define PROA_SERVER_OS_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/server.h"
#include "server/app/authority.h"

/* What proad must not lose: registrations, grants, standing refusals, the audit, sessions, and which
 * numbers OSCORE has used, in one SQLite file that people may open while proad runs; but no other
 * proad can. No key is ever in it but sealed (sessions.h).
 *
 * Writes of one turn of the main loop share a transaction: begun by the first, ended by
 * proa_database_commit, before any datagram of that turn leaves. A write after a failure fails,
 * too, and commit tells. */
typedef struct proa_database proa_database;

/* Open or create (mode 0600), and lock. NULL on failure, with the reason in `message`. */
proa_database *proa_database_open(const char *path, char *message, size_t message_cap);
void proa_database_close(proa_database *db);

/* True if all writes since the last commit are on disk. */
bool proa_database_commit(proa_database *db);

/* Wall-clock seconds come from the caller. */
void proa_database_put_registration(proa_database *db, const proa_registration *r,
                                    int64_t updated_unix_s, int64_t expires_unix_s);
void proa_database_drop_registration(proa_database *db, proa_span endpoint);
void proa_database_put_grant(proa_database *db, const proa_grant *grant);
void proa_database_drop_grant(proa_database *db, uint64_t id);
void proa_database_put_override(proa_database *db, const proa_override *o);
void proa_database_drop_override(proa_database *db, const proa_override *o);

/* Rows of the box's keeper (proa/secure.h). A mark for a session that is not there is lost. */
void proa_database_put_session(proa_database *db, const proa_secure_row *row);
void proa_database_mark_session(proa_database *db, proa_span id, proa_span mark);
void proa_database_drop_session(proa_database *db, proa_span id);
void proa_database_drop_all_sessions(proa_database *db);

/* State of OSCORE contexts, by name (contexts.h). It is on disk when put returns true, with all that
 * the turn has written so far. False if it may not be; then commit tells, too. */
bool proa_database_put_oscore(proa_database *db, const char *name, proa_span blob);
void proa_database_drop_oscore(proa_database *db, const char *name);

/* Bytes read into buf, PROA_E_NOT_FOUND, PROA_E_NO_SPACE, PROA_E_IO. */
int proa_database_get_oscore(proa_database *db, const char *name, uint8_t *buf, size_t cap);

typedef struct proa_audit_row {
    int64_t id;
    int64_t unix_s;
    char kind[16];
    char requester[PROA_ENDPOINT_MAX + 1];
    char host[PROA_ENDPOINT_MAX + 1];
    char path[32];
    uint8_t rights;
    char rule[64];
    uint64_t grant_id; /* 0 = none */
} proa_audit_row;

/* Append. The table refuses UPDATE and DELETE by trigger. row->id is set. */
void proa_database_audit(proa_database *db, proa_audit_row *row);

/* Readers call `each` for every row until it returns false. */
bool proa_database_each_registration(proa_database *db,
                                     bool (*each)(void *ctx, const proa_registration *r,
                                                  int64_t updated_unix_s, int64_t expires_unix_s),
                                     void *ctx);
bool proa_database_each_grant(proa_database *db, bool (*each)(void *ctx, const proa_grant *grant),
                              void *ctx);
bool proa_database_each_override(proa_database *db, bool (*each)(void *ctx, const proa_override *o),
                                 void *ctx);

/* The newest session first. */
bool proa_database_each_session(proa_database *db,
                                bool (*each)(void *ctx, const proa_secure_row *row), void *ctx);

/* The newest `limit` rows, oldest of them first. */
bool proa_database_each_audit(proa_database *db, uint32_t limit,
                              bool (*each)(void *ctx, const proa_audit_row *row), void *ctx);

#endif
