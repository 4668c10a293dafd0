/* SPDX-License-Identifier: Apache-2.0 */
/* OSCORE contexts of proad: whatever becomes of the process, no number is used twice. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/coap/sealed.h"
#include "ports/mbedtls/crypto.h"
#include "server/os/contexts.h"

#define SECRET "\"secret\": \"000102030405060708090a0b0c0d0e0f\", \"sender\": \"73\""
#define LAMP "{\"endpoint\": \"lamp\", \"oscore\": {" SECRET ", \"recipient\": \"64\"%s}"
#define OTHER                                                                                   \
    "{\"endpoint\": \"switch\", \"oscore\": {\"secret\": \"100102030405060708090a0b0c0d0e0f\"," \
    " \"sender\": \"73\", \"recipient\": \"65\"}}"

static struct {
    char directory[32];
    char path[64];
    proa_config config;
    proa_database *database;
    proa_contexts *contexts;
} at;

static int set_up(void **state)
{
    (void)state;
    memset(&at, 0, sizeof at);
    strcpy(at.directory, "/tmp/proa-test-XXXXXX");
    if (mkdtemp(at.directory) == NULL) {
        return -1;
    }
    snprintf(at.path, sizeof at.path, "%s/db", at.directory);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[80];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", at.path, suffixes[i]);
        unlink(path);
    }
    return rmdir(at.directory);
}

/* A process begins: `devices` with one %s for what else is said of the lamp. */
static void on(const char *devices, const char *more)
{
    char list[600];
    char text[700];
    char message[700];
    snprintf(list, sizeof list, devices, more);
    int len = snprintf(text, sizeof text, "{\"devices\": [%s]}", list);
    if (!proa_config_parse(&at.config, "f", text, (size_t)len, message, sizeof message)) {
        fail_msg("%s", message);
    }
    at.database = proa_database_open(at.path, message, sizeof message);
    if (at.database == NULL) {
        fail_msg("%s", message);
    }
    at.contexts =
        proa_contexts_open(&at.config, at.database, &proa_mbedtls_crypto, message, sizeof message);
    if (at.contexts == NULL) {
        fail_msg("%s", message);
    }
}

/* It ends in good order; without this it was killed, as far as the disk can tell. */
static void off(void)
{
    proa_contexts_close(at.contexts);
    proa_database_close(at.database);
    proa_config_free(&at.config);
}

/* Seal a request to this account. Its number, or an error below 0. */
static int64_t seal(uint64_t account)
{
    const proa_coap_oscore *oscore = proa_contexts_for_coap(at.contexts);
    static const uint8_t get[] = {0x40, PROA_COAP_GET, 0, 1};
    uint8_t out[128];
    proa_coap_binding binding = {{0}};
    proa_coap_msg m;
    proa_span value;
    proa_oscore_option option;
    proa_err err = oscore->begin_request(oscore->ctx, account, &binding);
    if (err != PROA_OK) {
        return err;
    }
    int len = oscore->seal(oscore->ctx, &binding, proa_span_make(get, sizeof get), out, sizeof out);
    assert_true(len > 0);
    assert_int_equal(proa_coap_parse(&m, proa_span_make(out, (size_t)len)), PROA_OK);
    assert_true(proa_coap_option_find(&m, PROA_COAP_OPT_OSCORE, &value));
    assert_int_equal(proa_oscore_option_parse(value, &option), PROA_OK);
    assert_true(option.has_number);
    proa_reader r = proa_reader_make(proa_span_make(option.number, sizeof option.number));
    return (int64_t)proa_read_uint(&r, sizeof option.number);
}

static sqlite3 *look_from_outside(void)
{
    sqlite3 *raw;
    assert_int_equal(sqlite3_open(at.path, &raw), SQLITE_OK);
    return raw;
}

static int rows_on_disk(const char *where)
{
    sqlite3 *raw = look_from_outside();
    sqlite3_stmt *s;
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM oscore %s", where);
    assert_int_equal(sqlite3_prepare_v2(raw, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int count = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(raw);
    return count;
}

static void b_1_1_numbers_go_on_behind_what_was_reserved(void **state)
{
    (void)state;
    on(LAMP, ", \"fresh\": true}");
    assert_int_equal(rows_on_disk("WHERE name = 'kid.64'"), 1); /* before the first is used */
    assert_int_equal(seal(1), 0);
    assert_int_equal(seal(1), 1);
    off();
    on(LAMP, ", \"fresh\": true}");
    int64_t next = seal(1);
    assert_true(next >= 2);
    for (int64_t i = 1; i <= 600; i++) {
        assert_int_equal(seal(1), next + i); /* over the margin, twice */
    }
    off();
    on(LAMP, ", \"fresh\": false}");
    assert_true(seal(1) > next + 600);
    off();
}

/* Accounts are places in the file; numbers belong to keys. */
static void b_1_1_a_file_sorted_anew_changes_no_number(void **state)
{
    (void)state;
    on(LAMP "," OTHER, ", \"fresh\": true}");
    assert_int_equal(seal(1), 0);
    off();
    on(OTHER "," LAMP, ", \"fresh\": true}");
    assert_true(seal(2) > 0);
    off();
}

static void b_1_1_what_is_not_stored_is_not_used(void **state)
{
    (void)state;
    on(LAMP, ", \"fresh\": true}");
    int64_t last = -1;
    sqlite3 *raw = look_from_outside();
    assert_int_equal(sqlite3_exec(raw, "DROP TABLE oscore", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    for (int i = 0; i < 256; i++) {
        last = seal(1);
        assert_int_equal(last, i);
    }
    assert_int_equal(seal(1), PROA_E_IO);
    assert_false(proa_database_commit(at.database)); /* and the hub is told */
    assert_int_equal(seal(1), PROA_E_IO);
    off();
}

/* All that a turn has written so far is on disk with it, and nothing is told twice. */
static void a_write_of_the_same_turn_is_not_lost(void **state)
{
    (void)state;
    on(LAMP, ", \"fresh\": true}");
    proa_audit_row row = {.kind = "grant"};
    proa_database_audit(at.database, &row);
    proa_span blob = proa_span_of("blob");
    assert_true(proa_database_put_oscore(at.database, "kid.00", blob));
    proa_database_audit(at.database, &row);
    assert_int_equal(rows_on_disk("JOIN audit WHERE name = 'kid.00'"), 1);
    assert_true(proa_database_commit(at.database));
    assert_int_equal(rows_on_disk("JOIN audit WHERE name = 'kid.00'"), 2);
    uint8_t buf[4];
    assert_int_equal(proa_database_get_oscore(at.database, "kid.00", buf, 4), 4);
    assert_memory_equal(buf, "blob", 4);
    assert_int_equal(proa_database_get_oscore(at.database, "kid.00", buf, 3), PROA_E_NO_SPACE);
    assert_int_equal(proa_database_get_oscore(at.database, "kid.01", buf, 4), PROA_E_NOT_FOUND);
    proa_database_drop_oscore(at.database, "kid.00");
    assert_int_equal(proa_database_get_oscore(at.database, "kid.00", buf, 4), PROA_E_NOT_FOUND);
    off();
}

/* Without state keys are not known to be unused. */
static void b_2_unknown_keys_are_renewed_or_not_usable(void **state)
{
    (void)state;
    on(LAMP, ", \"fresh\": false}");
    assert_true(proa_contexts_usable(at.contexts, 1));
    off();
    on(LAMP, ", \"id_context\": \"37cb\"}");
    assert_false(proa_contexts_usable(at.contexts, 1));
    assert_int_equal(seal(1), PROA_E_NOT_FOUND);
    off();
    on(LAMP, ", \"id_context\": \"37cb\", \"fresh\": true}");
    assert_true(proa_contexts_usable(at.contexts, 1));
    assert_int_equal(seal(1), 0);
    off();
    on(LAMP, ", \"id_context\": \"37cb\"}");
    assert_true(proa_contexts_usable(at.contexts, 1)); /* the database knows them now */
    off();
}

/* One kid, told apart by the ID Context: no numbers get mixed, in whatever order they stand. */
static void rfc8613_8_2_devices_with_one_kid_count_for_themselves(void **state)
{
    (void)state;
    static const char room[] = "{\"endpoint\": \"room\", \"oscore\": {" SECRET
                               ", \"recipient\": \"64\", \"id_context\": \"01\", \"fresh\": true}}";
    static const char hall[] = "{\"endpoint\": \"hall\", \"oscore\": {" SECRET
                               ", \"recipient\": \"64\", \"id_context\": \"\", \"fresh\": true}}";
    char list[500];
    snprintf(list, sizeof list, LAMP ",%s,%s", ", \"fresh\": true}", room, hall);
    on(list, "");
    for (uint64_t account = 1; account <= 3; account++) {
        for (uint64_t i = 0; i < account; i++) {
            assert_int_equal(seal(account), i);
        }
    }
    assert_int_equal(rows_on_disk("WHERE name IN ('kid.64', 'kid.64.01', 'kid.64.')"), 3);
    off();
    snprintf(list, sizeof list, "%s,%s," LAMP, hall, room, ", \"fresh\": true}");
    on(list, "");
    for (uint64_t account = 1; account <= 3; account++) {
        assert_int_equal(seal(account), 256); /* what one boot had reserved */
    }
    off();
}

/* What stands in the database under the kid alone is still theirs who wrote it. */
static void rfc8613_8_2_a_row_without_id_context_is_read(void **state)
{
    (void)state;
    on(LAMP, ", \"id_context\": \"01\", \"fresh\": true}");
    assert_int_equal(seal(1), 0);
    sqlite3 *raw = look_from_outside();
    assert_int_equal(sqlite3_exec(raw, "UPDATE oscore SET name = 'kid.64'", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(raw);
    off();
    on(LAMP, ", \"id_context\": \"01\", \"fresh\": true}");
    assert_int_equal(seal(1), 256);
    off();
}

static void only_devices_with_keys_have_contexts(void **state)
{
    (void)state;
    on("{\"endpoint\": \"lamp\", \"key\": \"000102030405060708090a0b0c0d0e0f\"}%s", "");
    assert_null(proa_contexts_for_coap(at.contexts));
    assert_false(proa_contexts_usable(at.contexts, 1));
    off();
}

static void hmac_0_is_taken_with_the_switch_only(void **state)
{
    (void)state;
    on(LAMP "], \"oscore_accept_hmac_0\": true, \"relay\": [", ", \"hmac\": 0, \"fresh\": true}");
    assert_int_equal(seal(1), 0);
    off();
}

static void a_second_proad_does_not_get_the_database(void **state)
{
    char message[300];
    (void)state;
    on(LAMP, ", \"fresh\": true}");
    assert_null(proa_database_open(at.path, message, sizeof message));
    assert_non_null(strstr(message, "is in use by another proad"));
    off();
}

/* The child seals as fast as it can, and says so; it is killed at some instant. */
static int64_t last_number_of_a_killed_child(unsigned kill_after)
{
    int pipes[2];
    int64_t number;
    int64_t last = -1;
    int status;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        close(pipes[0]);
        on(LAMP, ", \"fresh\": true}");
        for (;;) {
            number = seal(1);
            if (write(pipes[1], &number, sizeof number) != sizeof number) {
                _exit(1);
            }
        }
    }
    close(pipes[1]);
    for (unsigned i = 0; i < kill_after; i++) {
        assert_int_equal(read(pipes[0], &number, sizeof number), sizeof number);
        assert_true(number > last);
        last = number;
    }
    kill(child, SIGKILL);
    while (read(pipes[0], &number, sizeof number) == sizeof number) {
        last = number;
    }
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return last;
}

static void b_1_1_a_kill_at_any_instant_repeats_no_number(void **state)
{
    int64_t last = -1;
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        on(LAMP, ", \"fresh\": true}");
        int64_t first = seal(1);
        assert_true(first > last);
        off();
        int64_t reached = last_number_of_a_killed_child(1 + round * 37 % 300);
        assert_true(reached > first);
        last = reached;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(b_1_1_numbers_go_on_behind_what_was_reserved),
        TEST(b_1_1_a_file_sorted_anew_changes_no_number),
        TEST(b_1_1_what_is_not_stored_is_not_used),
        TEST(a_write_of_the_same_turn_is_not_lost),
        TEST(b_2_unknown_keys_are_renewed_or_not_usable),
        TEST(rfc8613_8_2_devices_with_one_kid_count_for_themselves),
        TEST(rfc8613_8_2_a_row_without_id_context_is_read),
        TEST(only_devices_with_keys_have_contexts),
        TEST(hmac_0_is_taken_with_the_switch_only),
        TEST(a_second_proad_does_not_get_the_database),
        TEST(b_1_1_a_kill_at_any_instant_repeats_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
