/* SPDX-License-Identifier: Apache-2.0 */
/* Stored sessions of proad: the key file, the table, and the order of steps that lets a row come to
 * life once. The box is a fake that looks at the disk while it is asked. */
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

#include "server/os/sessions.h"

static struct {
    char directory[32];
    char db[64];
    char key[64];
} place;

static int set_up(void **state)
{
    (void)state;
    strcpy(place.directory, "/tmp/proa-test-XXXXXX");
    if (mkdtemp(place.directory) == NULL) {
        return -1;
    }
    snprintf(place.db, sizeof place.db, "%s/db", place.directory);
    snprintf(place.key, sizeof place.key, "%s/key", place.directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"db", "db-wal", "db-shm", "key", "other"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[80];
        snprintf(path, sizeof path, "%s/%s", place.directory, names[i]);
        unlink(path);
    }
    return rmdir(place.directory);
}

/* ---- what is on disk, seen by another process -------------------------------------------- */

static int rows_on_disk(const char *which)
{
    sqlite3 *raw;
    sqlite3_stmt *s;
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM session %s", which);
    assert_int_equal(sqlite3_open(place.db, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(raw, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int count = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(raw);
    return count;
}

static void key_on_disk(char out[34])
{
    FILE *file = fopen(place.key, "r");
    assert_non_null(file);
    memset(out, 0, 34);
    (void)!fread(out, 1, 33, file);
    fclose(file);
}

static void hex(const uint8_t key[PROA_SECURE_KEY_LEN], char out[34])
{
    for (size_t i = 0; i < PROA_SECURE_KEY_LEN; i++) {
        snprintf(out + 2 * i, 3, "%02x", key[i]);
    }
    strcpy(out + 32, "\n");
}

/* ---- a box ------------------------------------------------------------------------------- */

static struct {
    proa_secure base;
    uint8_t old_key[PROA_SECURE_KEY_LEN]; /* that it must be given */
    char new_key[34];                     /* that must be in the file by then */
    unsigned revived;
    char order[16]; /* first byte of each id */
    unsigned closed;
    uint32_t closed_session;
    unsigned stored[2];
} box;

/* The id says whose session it is: its second byte is the account; 0: it cannot be revived. */
static proa_err revive(proa_secure *b, uint64_t now_ms, const uint8_t key[PROA_SECURE_KEY_LEN],
                       const proa_secure_row *row, uint32_t *session, uint64_t *account)
{
    char file[34];
    assert_ptr_equal(b, &box.base);
    assert_int_equal(now_ms, 5);
    assert_memory_equal(key, box.old_key, PROA_SECURE_KEY_LEN);
    key_on_disk(file);
    assert_string_equal(file, box.new_key);
    assert_int_equal(rows_on_disk(""), 0); /* gone for everybody, also if power fails now */
    box.order[box.revived++] = (char)row->id.data[0];
    *account = row->id.data[1];
    *session = *account == 0 ? 0 : 100 + box.revived;
    assert_true(proa_span_equal(row->context, proa_span_of("context")));
    return *account == 0 ? PROA_E_DENIED : PROA_OK;
}

static void close_session(proa_secure *b, uint64_t now_ms, uint32_t session, bool tell)
{
    (void)b;
    (void)now_ms;
    assert_false(tell);
    box.closed++;
    box.closed_session = session;
}

static void stored(proa_secure *b, bool ok)
{
    (void)b;
    box.stored[ok]++;
}

static const proa_secure_class box_class = {
    .revive = revive, .close = close_session, .stored = stored};

/* ---- a server ---------------------------------------------------------------------------- */

typedef struct server {
    proa_database *db;
    proa_sessions *sessions;
    const proa_secure_keeper *keeper;
    const uint8_t *key;
} server;

static server begin(void)
{
    server s = {0};
    char message[300];
    s.db = proa_database_open(place.db, message, sizeof message);
    s.sessions = proa_sessions_open(place.key, s.db, message, sizeof message);
    if (s.sessions == NULL) {
        fail_msg("%s", message);
    }
    s.keeper = proa_sessions_keeper(s.sessions);
    s.key = proa_sessions_key(s.sessions);
    memset(&box, 0, sizeof box);
    box.base.class_ = &box_class;
    hex(s.key, box.new_key);
    return s;
}

static void revive_all(server *s, size_t accounts)
{
    char message[300];
    if (!proa_sessions_revive(s->sessions, &box.base, 5, accounts, message, sizeof message)) {
        fail_msg("%s", message);
    }
}

static void keep(const server *s, const char *id, const char *mark)
{
    proa_secure_row row = {proa_span_make(id, 2), proa_span_of("context"), proa_span_of(mark)};
    s->keeper->keep(s->keeper->ctx, &row);
}

static void end(server *s)
{
    proa_sessions_close(s->sessions);
    proa_database_close(s->db);
}

static void expect_refusal(const char *part)
{
    char message[300] = "";
    assert_null(proa_sessions_open(place.key, NULL, message, sizeof message));
    if (strstr(message, part) == NULL) {
        fail_msg("%s: not in \"%s\"", part, message);
    }
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

/* ---- the key file ------------------------------------------------------------------------ */

static void the_key_is_for_its_owner_alone(void **state)
{
    (void)state;
    struct stat status;
    char file[34];
    server s = begin();
    assert_int_equal(stat(place.key, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(status.st_size, 0); /* this start has not come so far yet */
    expect_refusal("in use by another proad");
    revive_all(&s, 1);
    key_on_disk(file);
    assert_string_equal(file, box.new_key);
    end(&s);
    assert_int_equal(chmod(place.key, 0640), 0);
    expect_refusal("readable by others; run: chmod 600");
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"x",
                                        "00112233445566778899aabbccddeeff",
                                        "00112233445566778899aabbccddeeffx",
                                        "00112233445566778899aabbccddeef\n",
                                        "00112233445566778899aabbccddeegg\n",
                                        "00112233445566778899aabbccddeeff\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file(place.key, texts[i], 0600);
        expect_refusal("holds no session key");
    }
    unlink(place.key);
    char other[80];
    snprintf(other, sizeof other, "%s/other", place.directory);
    write_file(other, "00112233445566778899aabbccddeeff\n", 0600);
    assert_int_equal(symlink(other, place.key), 0);
    expect_refusal(place.key);
    unlink(place.key);
    assert_int_equal(mkdir(place.key, 0700), 0);
    expect_refusal(place.key);
    assert_int_equal(rmdir(place.key), 0);
}

/* ---- rows -------------------------------------------------------------------------------- */

static void sessions_come_back_once_under_another_key(void **state)
{
    (void)state;
    uint8_t first_key[PROA_SECURE_KEY_LEN];
    server s = begin();
    memcpy(first_key, s.key, sizeof first_key);
    revive_all(&s, 3);
    assert_int_equal(box.revived, 0);
    keep(&s, "a\1", "mark");
    keep(&s, "b\2", "mark");
    keep(&s, "c\1", "mark"); /* replaces a */
    keep(&s, "d\3", "mark");
    keep(&s, "e\0", "mark"); /* of a device that left the configuration */
    keep(&s, "f\4", "mark"); /* of no account that there is */
    keep(&s, "g\2", "mark");
    s.keeper->forget(s.keeper->ctx, proa_span_make("g\2", 2));
    s.keeper->mark(s.keeper->ctx, proa_span_make("b\2", 2), proa_span_of("new"));
    s.keeper->mark(s.keeper->ctx, proa_span_make("x\2", 2), proa_span_of("new"));
    assert_int_equal(rows_on_disk(""), 0);
    assert_true(proa_database_commit(s.db));
    assert_int_equal(rows_on_disk(""), 6);
    assert_int_equal(rows_on_disk("WHERE mark = x'6e6577'"), 1);
    end(&s);

    s = begin();
    memcpy(box.old_key, first_key, sizeof first_key);
    assert_memory_not_equal(s.key, first_key, sizeof first_key);
    revive_all(&s, 3);
    assert_string_equal(box.order, "fedcba"); /* the newest first */
    assert_int_equal(box.closed, 2);          /* f, and a, for c is newer */
    assert_int_equal(box.closed_session, 106);
    assert_int_equal(proa_sessions_claim(s.sessions, 1), 104);
    assert_int_equal(proa_sessions_claim(s.sessions, 1), 0);
    assert_int_equal(proa_sessions_claim(s.sessions, 2), 105);
    assert_int_equal(proa_sessions_claim(s.sessions, 0), 0);
    assert_int_equal(proa_sessions_claim(s.sessions, 4), 0);
    proa_sessions_end_unclaimed(s.sessions, 5);
    assert_int_equal(box.closed, 3);
    assert_int_equal(box.closed_session, 103);
    end(&s);

    s = begin(); /* a crash before anything was stored again: they are gone */
    revive_all(&s, 3);
    assert_int_equal(box.revived, 0);
    end(&s);
}

static void a_lost_key_loses_sessions_and_nothing_else(void **state)
{
    (void)state;
    server s = begin();
    revive_all(&s, 1);
    keep(&s, "a\1", "mark");
    end(&s);
    unlink(place.key);
    s = begin();
    revive_all(&s, 1);
    assert_int_equal(box.revived, 0);
    assert_int_equal(rows_on_disk(""), 0);
    end(&s);
}

static void rows_that_cannot_be_deleted_do_not_come_back(void **state)
{
    (void)state;
    char message[300] = "";
    server s = begin();
    revive_all(&s, 1);
    keep(&s, "a\1", "mark");
    assert_true(proa_database_commit(s.db));
    end(&s);
    s = begin();
    sqlite3 *raw;
    assert_int_equal(sqlite3_open(place.db, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw,
                                  "CREATE TRIGGER stay BEFORE DELETE ON session"
                                  " BEGIN SELECT RAISE(ABORT, 'no'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(raw);
    assert_false(proa_sessions_revive(s.sessions, &box.base, 5, 1, message, sizeof message));
    assert_non_null(strstr(message, "cannot be taken"));
    assert_int_equal(box.revived, 0);
    end(&s);
}

static void the_box_hears_what_is_durable(void **state)
{
    (void)state;
    server s = begin();
    proa_sessions_stored(s.sessions, true); /* no box yet */
    revive_all(&s, 1);
    proa_sessions_stored(s.sessions, true);
    proa_sessions_stored(s.sessions, false);
    proa_sessions_stored(s.sessions, false);
    assert_int_equal(box.stored[1], 1);
    assert_int_equal(box.stored[0], 2);
    proa_sessions_stored(NULL, true); /* sessions are not kept at all */
    assert_int_equal(proa_sessions_claim(NULL, 1), 0);
    proa_sessions_end_unclaimed(NULL, 5);
    end(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_key_is_for_its_owner_alone),
        TEST(what_is_no_key_is_refused),
        TEST(sessions_come_back_once_under_another_key),
        TEST(a_lost_key_loses_sessions_and_nothing_else),
        TEST(rows_that_cannot_be_deleted_do_not_come_back),
        TEST(the_box_hears_what_is_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
