/* SPDX-License-Identifier: Apache-2.0 */
/* The database: what is put comes back after a restart, and the audit cannot be changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "server/os/database.h"

typedef struct place {
    char directory[32];
    char path[64];
} place;

static int set_up(void **state)
{
    static place p;
    strcpy(p.directory, "/tmp/proa-test-XXXXXX");
    if (mkdtemp(p.directory) == NULL) {
        return -1;
    }
    snprintf(p.path, sizeof p.path, "%s/db", p.directory);
    *state = &p;
    return 0;
}

static int tear_down(void **state)
{
    const place *p = *state;
    char path[80];
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", p->path, suffixes[i]);
        unlink(path);
    }
    return rmdir(p->directory);
}

static proa_database *open_at(const place *p)
{
    char message[300];
    proa_database *db = proa_database_open(p->path, message, sizeof message);
    if (db == NULL) {
        fail_msg("%s", message);
    }
    return db;
}

static bool keep_grant(void *ctx, const proa_grant *grant)
{
    *(proa_grant *)ctx = *grant;
    return true;
}

static bool keep_override(void *ctx, const proa_override *o)
{
    *(proa_override *)ctx = *o;
    return true;
}

static void a_grant_comes_back(void **state)
{
    proa_grant grant = {.id = 7,
                        .generation = 3,
                        .state = PROA_GRANT_HOST_READY,
                        .requester = "switch",
                        .host = "lamp",
                        .rule = "because",
                        .security = PROA_PEER_SECURITY_OSCORE,
                        .identity = {1, 2, 3, 0xff},
                        .old_identity = {9, 8},
                        .requester_sender_id = {0x5a, 1},
                        .host_sender_id = {0, 0xff},
                        .requester_short_id = 2,
                        .host_short_id = 65534,
                        .host_security = 1,
                        .host_client = 2,
                        .requester_security = PROA_ID_ALL,
                        .requester_client = PROA_ID_ALL,
                        .entries = {{3311, 0, 1, 4}, {3303, PROA_ID_ALL, 3, PROA_ID_ALL}},
                        .entry_count = 2,
                        .lifetime_s = 86400,
                        .granted_unix_s = 1700000000,
                        .expires_unix_s = 1700086400,
                        .revoke_on_deregister = true,
                        .uses = 9};
    proa_grant back;
    memset(&back, 0, sizeof back);
    proa_database *db = open_at(*state);
    proa_database_put_grant(db, &grant);
    assert_true(proa_database_commit(db));
    proa_database_close(db);
    db = open_at(*state);
    assert_true(proa_database_each_grant(db, keep_grant, &back));
    assert_memory_equal(&back.entries, &grant.entries, sizeof back.entries);
    assert_int_equal(back.state, grant.state);
    assert_int_equal(back.host_short_id, 65534);
    assert_string_equal(back.requester, "switch");
    assert_memory_equal(back.identity, grant.identity, sizeof back.identity);
    assert_memory_equal(back.old_identity, grant.old_identity, sizeof back.old_identity);
    assert_int_equal(back.expires_unix_s, grant.expires_unix_s);
    assert_int_equal(back.security, PROA_PEER_SECURITY_OSCORE);
    assert_memory_equal(back.requester_sender_id, grant.requester_sender_id, 2);
    assert_memory_equal(back.host_sender_id, grant.host_sender_id, 2);
    assert_true(back.revoke_on_deregister);
    assert_int_equal(back.uses, 9);
    proa_database_drop_grant(db, 7);
    assert_true(proa_database_commit(db));
    memset(&back, 0, sizeof back);
    assert_true(proa_database_each_grant(db, keep_grant, &back));
    assert_int_equal(back.id, 0);
    proa_database_close(db);
}

static void a_refusal_comes_back(void **state)
{
    proa_override o = {"switch", "lamp", {{3311, 0, 0, 0}, 2}, 1700000000};
    proa_override back;
    memset(&back, 0, sizeof back);
    proa_database *db = open_at(*state);
    proa_database_put_override(db, &o);
    proa_database_close(db); /* closing commits */
    db = open_at(*state);
    assert_true(proa_database_each_override(db, keep_override, &back));
    assert_string_equal(back.host, "lamp");
    assert_true(proa_path_equal(&back.path, &o.path));
    proa_database_drop_override(db, &o);
    memset(&back, 0, sizeof back);
    assert_true(proa_database_each_override(db, keep_override, &back));
    assert_int_equal(back.since_unix_s, 0);
    proa_database_close(db);
}

static bool count_rows(void *ctx, const proa_audit_row *row)
{
    (void)row;
    ++*(int *)ctx;
    return true;
}

static void the_audit_is_append_only(void **state)
{
    const place *p = *state;
    proa_audit_row row = {.unix_s = 1, .kind = "granted", .requester = "a", .host = "b"};
    proa_database *db = open_at(p);
    for (int i = 0; i < 5; i++) {
        proa_database_audit(db, &row);
    }
    assert_true(proa_database_commit(db));
    assert_int_equal(row.id, 5);
    sqlite3 *raw;
    assert_int_equal(sqlite3_open(p->path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, "DELETE FROM audit", NULL, NULL, NULL), SQLITE_CONSTRAINT);
    assert_int_equal(sqlite3_exec(raw, "UPDATE audit SET host='x'", NULL, NULL, NULL),
                     SQLITE_CONSTRAINT);
    sqlite3_close(raw);
    int count = 0;
    assert_true(proa_database_each_audit(db, 3, count_rows, &count));
    assert_int_equal(count, 3);
    proa_database_close(db);
}

static void others_cannot_read_it(void **state)
{
    const place *p = *state;
    struct stat status;
    proa_database_close(open_at(p));
    assert_int_equal(stat(p->path, &status), 0);
    assert_int_equal(status.st_mode & 077, 0);
}

static void a_failed_write_fails_the_commit(void **state)
{
    const place *p = *state;
    proa_grant grant = {.id = 1};
    proa_database *db = open_at(p);
    sqlite3 *raw;
    assert_int_equal(sqlite3_open(p->path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, "DROP TABLE grant_", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    proa_database_put_grant(db, &grant);
    assert_false(proa_database_commit(db));
    assert_true(proa_database_commit(db)); /* nothing is left of it */
    proa_database_close(db);
}

/* A table that was made before grants could have two identities. */
static void an_older_table_gets_what_it_lacks(void **state)
{
    const place *p = *state;
    proa_grant grant = {.id = 7, .requester = "switch", .host = "lamp", .old_identity = {1}};
    proa_grant back;
    sqlite3 *sqlite;
    proa_database *db = open_at(p);
    proa_database_put_grant(db, &grant);
    assert_true(proa_database_commit(db));
    proa_database_close(db);
    assert_int_equal(sqlite3_open(p->path, &sqlite), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(sqlite, "ALTER TABLE grant_ DROP COLUMN old_identity", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(sqlite);
    memset(&back, 0, sizeof back);
    db = open_at(p);
    assert_true(proa_database_each_grant(db, keep_grant, &back));
    assert_string_equal(back.requester, "switch");
    assert_int_equal(back.old_identity[0], 0);
    proa_database_put_grant(db, &grant);
    assert_true(proa_database_commit(db));
    assert_true(proa_database_each_grant(db, keep_grant, &back));
    assert_int_equal(back.old_identity[0], 1);
    proa_database_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_grant_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_table_gets_what_it_lacks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_audit_is_append_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_cannot_read_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_write_fails_the_commit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
