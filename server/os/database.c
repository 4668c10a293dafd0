/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite file of proad. WAL, so that readers never wait for the server; synchronous=FULL, because
 * the authority sends messages that rely on a stored record the moment commit returns.
 *
 * Statements are prepared when first used and kept. `broken` is sticky until commit tells it.
 *
 * The file is locked with flock, which SQLite's own locks do not see; its descriptor is closed after
 * SQLite's, because closing any drops those of the process (fcntl(2)). */
#include "server/os/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    PUT_REGISTRATION,
    DROP_REGISTRATION,
    PUT_GRANT,
    DROP_GRANT,
    PUT_OVERRIDE,
    DROP_OVERRIDE,
    PUT_AUDIT,
    PUT_SESSION,
    MARK_SESSION,
    DROP_SESSION,
    DROP_ALL_SESSIONS,
    PUT_OSCORE,
    DROP_OSCORE,
    GET_OSCORE,
    STATEMENTS
};

static const char *const sql_of[STATEMENTS] = {
    [PUT_REGISTRATION] =
        "INSERT OR REPLACE INTO registration(endpoint, id, account, ip, port, zone, lifetime_s,"
        " updated_unix_s, expires_unix_s, version, queue_mode, format, links)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [DROP_REGISTRATION] = "DELETE FROM registration WHERE endpoint = ?",
    [PUT_GRANT] =
        "INSERT OR REPLACE INTO grant_(id, generation, state, requester, host, rule, identity,"
        " requester_short_id, host_short_id, host_security, host_client, requester_security,"
        " requester_client, entries, lifetime_s, granted_unix_s, expires_unix_s,"
        " revoke_on_deregister, host_cleared, requester_cleared, uses, last_use_unix_s, security,"
        " requester_sender_id, host_sender_id, old_identity)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [DROP_GRANT] = "DELETE FROM grant_ WHERE id = ?",
    [PUT_OVERRIDE] = "INSERT OR REPLACE INTO refusal(requester, host, path, since_unix_s)"
                     " VALUES(?,?,?,?)",
    [DROP_OVERRIDE] = "DELETE FROM refusal WHERE requester = ? AND host = ? AND path = ?",
    [PUT_AUDIT] = "INSERT INTO audit(unix_s, kind, requester, host, path, rights, rule, grant_id)"
                  " VALUES(?,?,?,?,?,?,?,?)",
    [PUT_SESSION] = "INSERT OR REPLACE INTO session(id, context, mark) VALUES(?,?,?)",
    [MARK_SESSION] = "UPDATE session SET mark = ? WHERE id = ?",
    [DROP_SESSION] = "DELETE FROM session WHERE id = ?",
    [DROP_ALL_SESSIONS] = "DELETE FROM session",
    [PUT_OSCORE] = "INSERT OR REPLACE INTO oscore(name, blob) VALUES(?,?)",
    [DROP_OSCORE] = "DELETE FROM oscore WHERE name = ?",
    [GET_OSCORE] = "SELECT blob FROM oscore WHERE name = ?",
};

static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;"
    "CREATE TABLE IF NOT EXISTS registration(endpoint TEXT PRIMARY KEY, id TEXT, account INTEGER,"
    " ip BLOB, port INTEGER, zone INTEGER, lifetime_s INTEGER, updated_unix_s INTEGER,"
    " expires_unix_s INTEGER, version TEXT, queue_mode INTEGER, format INTEGER, links TEXT);"
    "CREATE TABLE IF NOT EXISTS grant_(id INTEGER PRIMARY KEY, generation INTEGER, state INTEGER,"
    " requester TEXT, host TEXT, rule TEXT, identity BLOB, requester_short_id INTEGER,"
    " host_short_id INTEGER, host_security INTEGER, host_client INTEGER,"
    " requester_security INTEGER, requester_client INTEGER, entries BLOB, lifetime_s INTEGER,"
    " granted_unix_s INTEGER, expires_unix_s INTEGER, revoke_on_deregister INTEGER,"
    " host_cleared INTEGER, requester_cleared INTEGER, uses INTEGER, last_use_unix_s INTEGER,"
    " security INTEGER, requester_sender_id BLOB, host_sender_id BLOB, old_identity BLOB);"
    "CREATE TABLE IF NOT EXISTS refusal(requester TEXT, host TEXT, path TEXT,"
    " since_unix_s INTEGER, PRIMARY KEY(requester, host, path));"
    "CREATE TABLE IF NOT EXISTS audit(id INTEGER PRIMARY KEY AUTOINCREMENT, unix_s INTEGER,"
    " kind TEXT, requester TEXT, host TEXT, path TEXT, rights INTEGER, rule TEXT,"
    " grant_id INTEGER);"
    "CREATE TABLE IF NOT EXISTS session(place INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id BLOB UNIQUE, context BLOB, mark BLOB);"
    "CREATE TABLE IF NOT EXISTS oscore(name TEXT PRIMARY KEY, blob BLOB);"
    "CREATE TRIGGER IF NOT EXISTS audit_keeps BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;"
    "CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;";

/* What tables of an earlier version lack. It fails where it is there already. */
static const char *const additions[] = {"ALTER TABLE grant_ ADD COLUMN old_identity BLOB"};

struct proa_database {
    sqlite3 *sqlite;
    sqlite3_stmt *statements[STATEMENTS];
    bool in_transaction;
    bool broken;
    int fd; /* holds the lock */
};

static proa_database *fail(proa_database *db, const char *path, const char *why, char *message,
                           size_t message_cap)
{
    snprintf(message, message_cap, "database %s: %s", path, why);
    proa_database_close(db);
    return NULL;
}

proa_database *proa_database_open(const char *path, char *message, size_t message_cap)
{
    proa_database *db = calloc(1, sizeof *db);
    if (db == NULL) {
        return fail(NULL, path, "no memory", message, message_cap);
    }
    /* SQLite would create the file with the umask's mode; the audit is nobody else's business. */
    db->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->fd < 0) {
        return fail(db, path, "cannot be opened for writing", message, message_cap);
    }
    if (flock(db->fd, LOCK_EX | LOCK_NB) != 0) {
        return fail(db, path, errno == EWOULDBLOCK ? "is in use by another proad" : strerror(errno),
                    message, message_cap);
    }
    if (sqlite3_open(path, &db->sqlite) != SQLITE_OK ||
        sqlite3_exec(db->sqlite, schema, NULL, NULL, NULL) != SQLITE_OK) {
        return fail(db, path, sqlite3_errmsg(db->sqlite), message, message_cap);
    }
    for (size_t i = 0; i < sizeof additions / sizeof additions[0]; i++) {
        (void)sqlite3_exec(db->sqlite, additions[i], NULL, NULL, NULL);
    }
    return db;
}

void proa_database_close(proa_database *db)
{
    if (db == NULL) {
        return;
    }
    (void)proa_database_commit(db);
    for (size_t i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(db->statements[i]);
    }
    sqlite3_close(db->sqlite);
    if (db->fd >= 0) {
        close(db->fd);
    }
    free(db);
}

bool proa_database_commit(proa_database *db)
{
    bool ok = !db->broken;
    if (db->in_transaction) {
        ok = sqlite3_exec(db->sqlite, ok ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK &&
             ok;
    }
    db->in_transaction = false;
    db->broken = false;
    return ok;
}

/* ---- writing ---------------------------------------------------------------------------- */

/* A statement with its parameters bound one after the other. */
typedef struct binding {
    proa_database *db;
    sqlite3_stmt *statement;
    int index;
} binding;

static binding begin(proa_database *db, int which)
{
    binding b = {db, NULL, 0};
    if (!db->in_transaction) {
        db->in_transaction = sqlite3_exec(db->sqlite, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
        db->broken = db->broken || !db->in_transaction;
    }
    if (db->statements[which] == NULL) {
        (void)sqlite3_prepare_v3(db->sqlite, sql_of[which], -1, SQLITE_PREPARE_PERSISTENT,
                                 &db->statements[which], NULL);
    }
    b.statement = db->statements[which];
    return b;
}

static void number(binding *b, int64_t value)
{
    (void)sqlite3_bind_int64(b->statement, ++b->index, value);
}

static void text(binding *b, proa_span value)
{
    (void)sqlite3_bind_text(b->statement, ++b->index, (const char *)value.data, (int)value.len,
                            SQLITE_TRANSIENT);
}

static void blob(binding *b, const void *data, size_t len)
{
    (void)sqlite3_bind_blob(b->statement, ++b->index, data, (int)len, SQLITE_TRANSIENT);
}

static void run(binding *b)
{
    if (b->statement == NULL || sqlite3_step(b->statement) != SQLITE_DONE) {
        b->db->broken = true;
        fprintf(stderr, "proad: database: %s\n", sqlite3_errmsg(b->db->sqlite));
    }
    (void)sqlite3_reset(b->statement);
    (void)sqlite3_clear_bindings(b->statement);
}

void proa_database_put_registration(proa_database *db, const proa_registration *r,
                                    int64_t updated_unix_s, int64_t expires_unix_s)
{
    binding b = begin(db, PUT_REGISTRATION);
    text(&b, r->endpoint);
    text(&b, proa_span_of(r->id));
    number(&b, (int64_t)r->account);
    blob(&b, r->peer.addr.ip, sizeof r->peer.addr.ip);
    number(&b, r->peer.addr.port);
    number(&b, r->peer.addr.zone);
    number(&b, r->lifetime_s);
    number(&b, updated_unix_s);
    number(&b, expires_unix_s);
    text(&b, proa_span_of(r->lwm2m_version));
    number(&b, r->queue_mode);
    number(&b, r->format);
    text(&b, r->links);
    run(&b);
}

void proa_database_drop_registration(proa_database *db, proa_span endpoint)
{
    binding b = begin(db, DROP_REGISTRATION);
    text(&b, endpoint);
    run(&b);
}

void proa_database_put_grant(proa_database *db, const proa_grant *g)
{
    uint8_t entries[PROA_AC_ENTRIES_MAX * 7];
    proa_writer w = proa_writer_make(entries, sizeof entries);
    binding b = begin(db, PUT_GRANT);
    for (uint8_t i = 0; i < g->entry_count; i++) {
        proa_write_u16(&w, g->entries[i].object);
        proa_write_u16(&w, g->entries[i].instance);
        proa_write_u8(&w, g->entries[i].rights);
        proa_write_u16(&w, g->entries[i].access_instance);
    }
    number(&b, (int64_t)g->id);
    number(&b, g->generation);
    number(&b, g->state);
    text(&b, proa_span_of(g->requester));
    text(&b, proa_span_of(g->host));
    text(&b, proa_span_of(g->rule));
    blob(&b, g->identity, sizeof g->identity);
    number(&b, g->requester_short_id);
    number(&b, g->host_short_id);
    number(&b, g->host_security);
    number(&b, g->host_client);
    number(&b, g->requester_security);
    number(&b, g->requester_client);
    blob(&b, w.data, w.len);
    number(&b, g->lifetime_s);
    number(&b, g->granted_unix_s);
    number(&b, g->expires_unix_s);
    number(&b, g->revoke_on_deregister);
    number(&b, g->host_cleared);
    number(&b, g->requester_cleared);
    number(&b, g->uses);
    number(&b, g->last_use_unix_s);
    number(&b, g->security);
    blob(&b, g->requester_sender_id, sizeof g->requester_sender_id);
    blob(&b, g->host_sender_id, sizeof g->host_sender_id);
    blob(&b, g->old_identity, sizeof g->old_identity);
    run(&b);
}

void proa_database_drop_grant(proa_database *db, uint64_t id)
{
    binding b = begin(db, DROP_GRANT);
    number(&b, (int64_t)id);
    run(&b);
}

static void override_key(binding *b, const proa_override *o)
{
    char path[PROA_PATH_TEXT_MAX];
    proa_writer w = proa_writer_make(path, sizeof path);
    proa_path_write(&w, &o->path);
    text(b, proa_span_of(o->requester));
    text(b, proa_span_of(o->host));
    text(b, proa_writer_span(&w));
}

void proa_database_put_override(proa_database *db, const proa_override *o)
{
    binding b = begin(db, PUT_OVERRIDE);
    override_key(&b, o);
    number(&b, o->since_unix_s);
    run(&b);
}

void proa_database_drop_override(proa_database *db, const proa_override *o)
{
    binding b = begin(db, DROP_OVERRIDE);
    override_key(&b, o);
    run(&b);
}

void proa_database_audit(proa_database *db, proa_audit_row *row)
{
    binding b = begin(db, PUT_AUDIT);
    number(&b, row->unix_s);
    text(&b, proa_span_of(row->kind));
    text(&b, proa_span_of(row->requester));
    text(&b, proa_span_of(row->host));
    text(&b, proa_span_of(row->path));
    number(&b, row->rights);
    text(&b, proa_span_of(row->rule));
    number(&b, (int64_t)row->grant_id);
    run(&b);
    row->id = sqlite3_last_insert_rowid(db->sqlite);
}

void proa_database_put_session(proa_database *db, const proa_secure_row *row)
{
    binding b = begin(db, PUT_SESSION);
    blob(&b, row->id.data, row->id.len);
    blob(&b, row->context.data, row->context.len);
    blob(&b, row->mark.data, row->mark.len);
    run(&b);
}

void proa_database_mark_session(proa_database *db, proa_span id, proa_span mark)
{
    binding b = begin(db, MARK_SESSION);
    blob(&b, mark.data, mark.len);
    blob(&b, id.data, id.len);
    run(&b);
}

void proa_database_drop_session(proa_database *db, proa_span id)
{
    binding b = begin(db, DROP_SESSION);
    blob(&b, id.data, id.len);
    run(&b);
}

void proa_database_drop_all_sessions(proa_database *db)
{
    binding b = begin(db, DROP_ALL_SESSIONS);
    run(&b);
}

bool proa_database_put_oscore(proa_database *db, const char *name, proa_span value)
{
    binding b = begin(db, PUT_OSCORE);
    text(&b, proa_span_of(name));
    blob(&b, value.data, value.len);
    run(&b);
    if (!db->broken) {
        db->broken = sqlite3_exec(db->sqlite, "COMMIT", NULL, NULL, NULL) != SQLITE_OK;
        db->in_transaction = db->broken;
    }
    return !db->broken;
}

void proa_database_drop_oscore(proa_database *db, const char *name)
{
    binding b = begin(db, DROP_OSCORE);
    text(&b, proa_span_of(name));
    run(&b);
}

/* ---- reading ---------------------------------------------------------------------------- */

static void get_text(sqlite3_stmt *s, int column, char *out, size_t cap)
{
    const unsigned char *value = sqlite3_column_text(s, column);
    snprintf(out, cap, "%s", value == NULL ? "" : (const char *)value);
}

static void get_blob(sqlite3_stmt *s, int column, void *out, size_t len)
{
    const void *value = sqlite3_column_blob(s, column);
    if (value != NULL && (size_t)sqlite3_column_bytes(s, column) == len) {
        memcpy(out, value, len);
    }
}

#define GET(type, column) ((type)sqlite3_column_int64(s, column))

bool proa_database_each_registration(proa_database *db,
                                     bool (*each)(void *ctx, const proa_registration *r,
                                                  int64_t updated_unix_s, int64_t expires_unix_s),
                                     void *ctx)
{
    sqlite3_stmt *s = NULL;
    bool more = true;
    int step = SQLITE_DONE;
    if (sqlite3_prepare_v2(db->sqlite,
                           "SELECT endpoint, id, account, ip, port, zone, lifetime_s,"
                           " updated_unix_s, expires_unix_s, version, queue_mode, format, links"
                           " FROM registration",
                           -1, &s, NULL) != SQLITE_OK) {
        return false;
    }
    while (more && (step = sqlite3_step(s)) == SQLITE_ROW) {
        proa_registration r = {0};
        const char *endpoint = (const char *)sqlite3_column_text(s, 0);
        const char *links = (const char *)sqlite3_column_text(s, 12);
        r.endpoint = proa_span_of(endpoint == NULL ? "" : endpoint);
        get_text(s, 1, r.id, sizeof r.id);
        r.account = GET(uint64_t, 2);
        get_blob(s, 3, r.peer.addr.ip, sizeof r.peer.addr.ip);
        r.peer.addr.port = GET(uint16_t, 4);
        r.peer.addr.zone = GET(uint16_t, 5);
        r.lifetime_s = GET(uint32_t, 6);
        get_text(s, 9, r.lwm2m_version, sizeof r.lwm2m_version);
        r.queue_mode = GET(int, 10) != 0;
        r.format = GET(uint16_t, 11);
        r.links = proa_span_of(links == NULL ? "" : links);
        more = each(ctx, &r, GET(int64_t, 7), GET(int64_t, 8));
    }
    sqlite3_finalize(s);
    return step == SQLITE_DONE || !more;
}

static void read_grant(sqlite3_stmt *s, proa_grant *g)
{
    proa_reader r = proa_reader_make(
        proa_span_make(sqlite3_column_blob(s, 13), (size_t)sqlite3_column_bytes(s, 13)));
    g->id = GET(uint64_t, 0);
    g->generation = GET(uint32_t, 1);
    g->state = GET(proa_grant_state, 2);
    get_text(s, 3, g->requester, sizeof g->requester);
    get_text(s, 4, g->host, sizeof g->host);
    get_text(s, 5, g->rule, sizeof g->rule);
    get_blob(s, 6, g->identity, sizeof g->identity);
    g->requester_short_id = GET(uint16_t, 7);
    g->host_short_id = GET(uint16_t, 8);
    g->host_security = GET(uint16_t, 9);
    g->host_client = GET(uint16_t, 10);
    g->requester_security = GET(uint16_t, 11);
    g->requester_client = GET(uint16_t, 12);
    g->lifetime_s = GET(uint32_t, 14);
    g->granted_unix_s = GET(int64_t, 15);
    g->expires_unix_s = GET(int64_t, 16);
    g->revoke_on_deregister = GET(int, 17) != 0;
    g->host_cleared = GET(int, 18) != 0;
    g->requester_cleared = GET(int, 19) != 0;
    g->uses = GET(uint32_t, 20);
    g->last_use_unix_s = GET(int64_t, 21);
    g->security = GET(proa_peer_security, 22);
    get_blob(s, 23, g->requester_sender_id, sizeof g->requester_sender_id);
    get_blob(s, 24, g->host_sender_id, sizeof g->host_sender_id);
    get_blob(s, 25, g->old_identity, sizeof g->old_identity);
    while (proa_reader_left(&r) >= 7 && g->entry_count < PROA_AC_ENTRIES_MAX) {
        proa_grant_entry *entry = &g->entries[g->entry_count++];
        entry->object = proa_read_u16(&r);
        entry->instance = proa_read_u16(&r);
        entry->rights = proa_read_u8(&r);
        entry->access_instance = proa_read_u16(&r);
    }
}

bool proa_database_each_grant(proa_database *db, bool (*each)(void *ctx, const proa_grant *grant),
                              void *ctx)
{
    sqlite3_stmt *s = NULL;
    bool more = true;
    int step = SQLITE_DONE;
    if (sqlite3_prepare_v2(
            db->sqlite,
            "SELECT id, generation, state, requester, host, rule, identity, requester_short_id,"
            " host_short_id, host_security, host_client, requester_security, requester_client,"
            " entries, lifetime_s, granted_unix_s, expires_unix_s, revoke_on_deregister,"
            " host_cleared, requester_cleared, uses, last_use_unix_s, security,"
            " requester_sender_id, host_sender_id, old_identity FROM grant_ ORDER BY id",
            -1, &s, NULL) != SQLITE_OK) {
        return false;
    }
    while (more && (step = sqlite3_step(s)) == SQLITE_ROW) {
        proa_grant grant = {0};
        read_grant(s, &grant);
        more = each(ctx, &grant);
    }
    sqlite3_finalize(s);
    return step == SQLITE_DONE || !more;
}

bool proa_database_each_override(proa_database *db, bool (*each)(void *ctx, const proa_override *o),
                                 void *ctx)
{
    sqlite3_stmt *s = NULL;
    bool more = true;
    int step = SQLITE_DONE;
    if (sqlite3_prepare_v2(db->sqlite, "SELECT requester, host, path, since_unix_s FROM refusal",
                           -1, &s, NULL) != SQLITE_OK) {
        return false;
    }
    while (more && (step = sqlite3_step(s)) == SQLITE_ROW) {
        proa_override o = {0};
        char path[32];
        get_text(s, 0, o.requester, sizeof o.requester);
        get_text(s, 1, o.host, sizeof o.host);
        get_text(s, 2, path, sizeof path);
        o.since_unix_s = GET(int64_t, 3);
        if (proa_path_parse(proa_span_of(path), &o.path) == PROA_OK) {
            more = each(ctx, &o);
        }
    }
    sqlite3_finalize(s);
    return step == SQLITE_DONE || !more;
}

static proa_span get_span(sqlite3_stmt *s, int column)
{
    const void *value = sqlite3_column_blob(s, column);
    return proa_span_make(value, (size_t)sqlite3_column_bytes(s, column));
}

bool proa_database_each_session(proa_database *db,
                                bool (*each)(void *ctx, const proa_secure_row *row), void *ctx)
{
    sqlite3_stmt *s = NULL;
    bool more = true;
    int step = SQLITE_DONE;
    if (sqlite3_prepare_v2(db->sqlite, "SELECT id, context, mark FROM session ORDER BY place DESC",
                           -1, &s, NULL) != SQLITE_OK) {
        return false;
    }
    while (more && (step = sqlite3_step(s)) == SQLITE_ROW) {
        proa_secure_row row = {get_span(s, 0), get_span(s, 1), get_span(s, 2)};
        more = each(ctx, &row);
    }
    sqlite3_finalize(s);
    return step == SQLITE_DONE || !more;
}

int proa_database_get_oscore(proa_database *db, const char *name, uint8_t *buf, size_t cap)
{
    binding b = {db, NULL, 0};
    if (db->statements[GET_OSCORE] == NULL) {
        (void)sqlite3_prepare_v3(db->sqlite, sql_of[GET_OSCORE], -1, SQLITE_PREPARE_PERSISTENT,
                                 &db->statements[GET_OSCORE], NULL);
    }
    b.statement = db->statements[GET_OSCORE];
    if (b.statement == NULL) {
        return PROA_E_IO;
    }
    text(&b, proa_span_of(name));
    int step = sqlite3_step(b.statement);
    int result = step == SQLITE_DONE ? PROA_E_NOT_FOUND : PROA_E_IO;
    if (step == SQLITE_ROW) {
        proa_span value = get_span(b.statement, 0);
        result = value.len <= cap ? (int)value.len : PROA_E_NO_SPACE;
        if (result > 0) {
            memcpy(buf, value.data, value.len);
        }
    }
    (void)sqlite3_reset(b.statement);
    return result;
}

bool proa_database_each_audit(proa_database *db, uint32_t limit,
                              bool (*each)(void *ctx, const proa_audit_row *row), void *ctx)
{
    sqlite3_stmt *s = NULL;
    bool more = true;
    int step = SQLITE_DONE;
    if (sqlite3_prepare_v2(db->sqlite,
                           "SELECT * FROM (SELECT id, unix_s, kind, requester, host, path, rights,"
                           " rule, grant_id FROM audit ORDER BY id DESC LIMIT ?) ORDER BY id",
                           -1, &s, NULL) != SQLITE_OK) {
        return false;
    }
    (void)sqlite3_bind_int64(s, 1, limit);
    while (more && (step = sqlite3_step(s)) == SQLITE_ROW) {
        proa_audit_row row = {0};
        row.id = GET(int64_t, 0);
        row.unix_s = GET(int64_t, 1);
        get_text(s, 2, row.kind, sizeof row.kind);
        get_text(s, 3, row.requester, sizeof row.requester);
        get_text(s, 4, row.host, sizeof row.host);
        get_text(s, 5, row.path, sizeof row.path);
        row.rights = GET(uint8_t, 6);
        get_text(s, 7, row.rule, sizeof row.rule);
        row.grant_id = GET(uint64_t, 8);
        more = each(ctx, &row);
    }
    sqlite3_finalize(s);
    return step == SQLITE_DONE || !more;
}
