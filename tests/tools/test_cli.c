/* SPDX-License-Identifier: Apache-2.0 */
/* The program `proa` as people and programs meet it: what it says, how it ends. Only loopback and
 * free ports are used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/tools/workshop.h"

#define KEY "000102030405060708090a0b0c0d0e0f"
#define OTHER_KEY "ff0102030405060708090a0b0c0d0e0f"

static int open_workshop(void **state)
{
    (void)state;
    workshop_open();
    workshop_write("key", 0600, KEY "\n");
    workshop_write("other", 0600, OTHER_KEY "\n");
    workshop_write("open", 0644, KEY "\n");
    workshop_write("keys.json", 0600, "{\"me\": \"" KEY "\"}");
    return 0;
}

static int close_workshop(void **state)
{
    (void)state;
    workshop_close();
    return 0;
}

/* ---- errors ----------------------------------------------------------------------------- */

static void wrong_usage_names_the_option_and_exits_2(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        const char *message;
    } rows[] = {
        {"", "which command?"},
        {"clinet", "unknown command clinet"},
        {"client", "proa client: which device file?"},
        {"client a b", "one device file only"},
        {"client --jsn a", "unknown option --jsn"},
        {"client --pcap", "--pcap needs FILE"},
        {"client a --json=yes", "--json takes no value"},
        {"ctl", "proa ctl: which command?"},
        {"ctl --socket", "--socket needs PATH"},
        {"ctl frobnicate", "unknown command frobnicate"},
        {"ctl policy", "unknown command policy"},
        {"ctl read lamp", "usage: proa ctl read DEVICE PATH"},
        {"ctl read lamp lamp", "lamp is no path"},
        {"ctl read lamp /Lump/0", "/Lump/0: no object or resource has such a name"},
        {"ctl create lamp /3311 5850", "5850: must be RESOURCE=VALUE"},
        {"ctl write lamp /3/0/9 1 2", "one value, please"},
        {"ctl audit many", "many must be a number from 1 to 1000"},
        {"coap", "which method?"},
        {"coap fetch coap://x", "unknown method fetch"},
        {"coap get", "one URI, please"},
        {"coap get hello", "hello: must be coap://host[:port]/path"},
        {"coap get coap://[::1]/ --accept text", "--accept: \"text\" must be a number"},
        {"coap get coap://[::1]/ --block-size 100", "--block-size: 100 must be 16, 32"},
        {"coap get coaps://[::1]/", "coaps:// needs --psk IDENTITY and --key-file FILE"},
        {"coap get coap://[::1]/ --psk me", "--psk belongs to coaps://"},
        {"coap serve here", "unknown operand here"},
        {"coap serve --port 5", "unknown option --port"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = workshop_run(rows[i].arguments);
        if (strstr(workshop_output, rows[i].message) == NULL) {
            fail_msg("proa %s: %s", rows[i].arguments, workshop_output);
        }
        assert_int_equal(status, 2);
    }
}

static void failures_say_what_to_do_and_exit_1(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        const char *message;
    } rows[] = {
        {"ctl devices", "proad.sock: No such file or directory; is proad running?"},
        {"ctl --socket key devices", "key: Connection refused; is proad running?"},
        {"client none.json", "none.json: No such file or directory"},
        {"client open", "holds keys and is readable by others; run: chmod 600"},
        {"client key", "key:1:"},
        {"coap get coaps://[::1]:1/ --psk me --key-file none", "none: No such file"},
        {"coap get coaps://[::1]:1/ --psk me --key-file open", "readable by others"},
        {"coap get coap://[::1]:1/ --payload @none", "--payload @none: No such file"},
        {"coap get coap://name.invalid/", "name.invalid: no such host"},
        {"coap serve --listen 5683", "must be ADDRESS:PORT"},
        {"coap serve --psk-file open", "readable by others"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = workshop_run(rows[i].arguments);
        if (strstr(workshop_output, rows[i].message) == NULL) {
            fail_msg("proa %s: %s", rows[i].arguments, workshop_output);
        }
        assert_int_equal(status, 1);
        assert_null(strstr(workshop_output, KEY));
    }
}

static void failures_are_json_when_json_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        const char *schema;
    } rows[] = {
        {"ctl --json devices", "proa-ctl-1"},
        {"client --json none.json", "proa-client-1"},
        {"coap get --json coap://name.invalid/", "proa-coap-1"},
        {"coap serve --json --listen x", "proa-coap-1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(workshop_run(rows[i].arguments), 1);
        json_t *line = workshop_last_line(rows[i].schema, false);
        assert_true(demo_text(line, "error")[0] != '\0');
        json_decref(line);
    }
}

static void help_and_version(void **state)
{
    (void)state;
    static const char *const rows[] = {"help",       "--help",      "client --help",
                                       "ctl --help", "coap --help", "coap serve --help",
                                       "version",    "--version"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(workshop_run(rows[i]), 0);
        assert_non_null(strstr(workshop_output, "proa"));
    }
    assert_int_equal(workshop_run("version --json"), 0);
    json_decref(workshop_last_line("proa-version-1", true));
}

/* ---- coap ------------------------------------------------------------------------------- */

/* A test server on a free port; the URI of it without path. */
static void start_server(demo_child *server, char *uri, size_t cap, const char *scheme)
{
    const char *const arguments[] = {"coap",       "serve",     "--listen", "[::1]:0",
                                     "--psk-file", "keys.json", "--json",   NULL};
    workshop_start(server, "proa", arguments);
    json_t *line = workshop_wait(server, "listening");
    snprintf(uri, cap, "%s://%s", scheme, demo_text(line, "address"));
    json_decref(line);
}

static void coap_asks_and_is_answered(void **state)
{
    (void)state;
    static demo_child server;
    static const struct {
        const char *method, *rest, *code, *payload;
    } rows[] = {
        {"get", "/hello", "2.05", "Hello, stranger."},
        {"get", "/hello --non", "2.05", "Hello, stranger."},
        {"get", "/nothing", "4.04", ""},
        {"post", "/hello", "4.05", ""},
        {"post", "/echo --payload abc", "2.04", "abc"},
        {"put", "/store/a --payload hi --format 0", "2.01", ""},
        {"put", "/store/a --payload ho --format 0", "2.04", ""},
        {"get", "/store/a", "2.05", "ho"},
        {"delete", "/store/a", "2.02", ""},
        {"get", "/store/a", "4.04", ""},
        {"get", "/separate", "2.05", "That took a second."},
    };
    char uri[128];
    start_server(&server, uri, sizeof uri, "coap");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char arguments[256];
        bool ok = rows[i].code[0] == '2';
        snprintf(arguments, sizeof arguments, "coap %s --json %s%s", rows[i].method, uri,
                 rows[i].rest);
        assert_int_equal(workshop_run(arguments), ok ? 0 : 1);
        json_t *line = workshop_last_line("proa-coap-1", ok);
        assert_string_equal(demo_text(line, "code"), rows[i].code);
        assert_string_equal(demo_text(line, "payload"), rows[i].payload);
        json_decref(line);
    }
    demo_child_stop(&server);
}

static void rfc7959_2_4_a_large_answer_comes_whole(void **state)
{
    (void)state;
    static demo_child server;
    char uri[128];
    char arguments[256];
    start_server(&server, uri, sizeof uri, "coap");
    for (unsigned size = 16; size <= 1024; size *= 4) {
        snprintf(arguments, sizeof arguments, "coap get --json --block-size %u %s/large", size,
                 uri);
        assert_int_equal(workshop_run(arguments), 0);
        json_t *line = workshop_last_line("proa-coap-1", true);
        assert_int_equal(demo_number(line, "bytes"), 4000);
        assert_true(demo_number(line, "datagrams_sent") >= 4000 / size);
        const char *payload = demo_text(line, "payload");
        for (size_t i = 0; i < 4000; i++) {
            assert_int_equal(payload[i], i % 64 == 63 ? '\n' : (char)('a' + i / 64 % 26));
        }
        json_decref(line);
    }
    demo_child_stop(&server);
}

static void rfc7641_observe_counts_and_ends(void **state)
{
    (void)state;
    static demo_child server;
    char uri[128];
    char arguments[256];
    start_server(&server, uri, sizeof uri, "coap");
    snprintf(arguments, sizeof arguments, "coap observe --json --count 2 %s/counter", uri);
    assert_int_equal(workshop_run(arguments), 0);
    json_t *line = workshop_last_line("proa-coap-1", true);
    assert_int_equal(demo_number(line, "notifications"), 2);
    json_decref(line);
    snprintf(arguments, sizeof arguments, "coap observe --json %s/hello", uri);
    assert_int_equal(workshop_run(arguments), 1); /* cannot be observed */
    json_decref(workshop_last_line("proa-coap-1", false));
    demo_child_stop(&server);
}

static void coaps_lets_in_who_has_the_key(void **state)
{
    (void)state;
    static demo_child server;
    static const struct {
        const char *identity, *key;
        bool ok;
    } rows[] = {{"me", "key", true}, {"me", "other", false}, {"you", "key", false}};
    char uri[128];
    char arguments[256];
    start_server(&server, uri, sizeof uri, "coaps");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(arguments, sizeof arguments, "coap get --json %s/hello --psk %s --key-file %s",
                 uri, rows[i].identity, rows[i].key);
        assert_int_equal(workshop_run(arguments), rows[i].ok ? 0 : 1);
        json_t *line = workshop_last_line("proa-coap-1", rows[i].ok);
        assert_string_equal(demo_text(line, rows[i].ok ? "payload" : "error"),
                            rows[i].ok ? "Hello, known one."
                                       : "the DTLS handshake failed; check identity and key");
        assert_null(strstr(workshop_output, "0102030405"));
        json_decref(line);
    }
    demo_child_stop(&server);
}

/* ---- client ----------------------------------------------------------------------------- */

/* A device without a server that answers: its shell works all the same. */
static void the_shell_answers_every_line(void **state)
{
    (void)state;
    static demo_child client;
    static const struct {
        const char *line, *event, *key, *value;
    } rows[] = {
        {"help", "help", "event", "help"},
        {"read /3311/0/5850", "read", "path", "/3311/0/5850"},
        {"read \"/Light Control/0/Colour\"", "read", "path", "/3311/0/5706"},
        {"read /3311/7", "error", "error", "/3311/7: nothing to read here"},
        {"read lamp", "error", NULL, NULL},
        {"set /3311/0/5706 \"dark red\"", "set", "value", "dark red"},
        {"write /3311/0/5706 blue", "set", "value", "blue"},
        {"set /3311/0/5850 blue", "error", "error", "/3311/0/5850: \"blue\" must be true or false"},
        {"set /1/0/1 5", "error", "error", "/1/0/1: no resource of this device's file"},
        {"set /3311/0/5850", "error", "error", "usage: set PATH VALUE"},
        {"peers", "peers", "event", "peers"},
        {"state", "state", "endpoint", "lamp"},
        {"cancel 9", "error", "error", "9: no question or observation has this id"},
        {"ask peer fly /3", "error", NULL, NULL},
        {"ask peer read /3 --what", "error", NULL, NULL},
        {"ask peer write /3311/0/5850", "error", "error", "which value?"},
        {"ask peer write /3311/0/5850 maybe", "error", NULL, NULL},
        {"ask peer read /3 --timeout soon", "error", "error",
         "\"soon\" must be seconds, from 0 to 86400"},
        {"ask peer read /3 --rights X", "error", NULL, NULL},
        {"observe peer /3303/0/5700 pmin=x", "error", NULL, NULL},
        {"observe peer /3303/0/5700 gt=1 lt=2", "error", NULL, NULL},
        {"wait forever", "error", "error", "\"forever\" must be seconds, from 0 to 86400"},
        {"'", "error", "error", "a quote is not closed"},
        {"fly", "error", "error", "unknown command \"fly\"; `help` lists them"},
    };
    const char *const arguments[] = {"client", "lamp.json", "--json", NULL};
    unsigned errors = 0;
    workshop_write("lamp.json", 0600,
                   "{\"endpoint\":\"lamp\",\"listen\":\"[::1]:0\",\"state\":\"state\",\n"
                   "\"servers\":[{\"uri\":\"coaps://[::1]:1\",\"key\":\"" KEY "\"}],\n"
                   "\"objects\":{\"3311\":{\"0\":{\"5850\":false,\"5706\":\"red\"}}}}\n");
    workshop_start(&client, "proa", arguments);
    json_decref(workshop_wait(&client, "started"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(demo_child_send(&client, "%s", rows[i].line));
        json_t *line = workshop_wait(&client, rows[i].event);
        if (rows[i].key != NULL) {
            assert_string_equal(demo_text(line, rows[i].key), rows[i].value);
        }
        errors += strcmp(rows[i].event, "error") == 0;
        json_decref(line);
    }
    assert_true(demo_child_send(&client, "quit"));
    json_t *last = NULL;
    json_t *line;
    while ((line = demo_child_next(&client, WORKSHOP_PATIENCE_MS)) != NULL) {
        json_decref(last);
        last = line;
        if (json_object_get(line, "schema") != NULL) {
            break;
        }
    }
    assert_string_equal(demo_text(last, "schema"), "proa-client-1");
    assert_true(json_is_false(json_object_get(last, "ok"))); /* there were errors */
    assert_int_equal(demo_number(last, "command_errors"), errors);
    json_decref(last);
    demo_child_stop(&client);
}

static void a_script_runs_to_its_end(void **state)
{
    (void)state;
    char command[512];
    workshop_write("quiet.json", 0600,
                   "{\"endpoint\":\"quiet\",\"listen\":\"[::1]:0\",\n"
                   "\"servers\":[{\"uri\":\"coap://[::1]:1\"}],\n"
                   "\"objects\":{\"3303\":{\"0\":{\"5700\":20.5}}}}\n");
    workshop_write("script", 0600,
                   "# a comment\nread /3303\nset /3303/0/5700 21\nread /3303/0/5700\n");
    snprintf(command, sizeof command, "client quiet.json --json <script");
    assert_int_equal(workshop_run(command), 0);
    json_t *line = workshop_last_line("proa-client-1", true);
    json_decref(line);
    assert_non_null(strstr(workshop_output, "\"value\":20.5"));
    assert_non_null(strstr(workshop_output, "\"value\":21.0"));
    snprintf(command, sizeof command, "client quiet.json <script");
    assert_int_equal(workshop_run(command), 0);
    assert_non_null(strstr(workshop_output, "/3303/0/5700 Sensor Value = 21.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_usage_names_the_option_and_exits_2),
        cmocka_unit_test(failures_say_what_to_do_and_exit_1),
        cmocka_unit_test(failures_are_json_when_json_is_wanted),
        cmocka_unit_test(help_and_version),
        cmocka_unit_test(coap_asks_and_is_answered),
        cmocka_unit_test(rfc7959_2_4_a_large_answer_comes_whole),
        cmocka_unit_test(rfc7641_observe_counts_and_ends),
        cmocka_unit_test(coaps_lets_in_who_has_the_key),
        cmocka_unit_test(the_shell_answers_every_line),
        cmocka_unit_test(a_script_runs_to_its_end),
    };
    return cmocka_run_group_tests(tests, open_workshop, close_workshop);
}
