/* SPDX-License-Identifier: Apache-2.0 */
/* `proa ctl` and `proa client` with a proad between them: all programs are real, all messages go
 * through DTLS on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tools/workshop.h"

#define LAMP_KEY "000102030405060708090a0b0c0d0e0f"
#define SWITCH_KEY "101112131415161718191a1b1c1d1e1f"

static demo_child server, lamp, light_switch;

static void start_device(demo_child *child, const char *name, const char *key, const char *port)
{
    char text[1024];
    char file[32];
    snprintf(file, sizeof file, "%s.json", name);
    snprintf(text, sizeof text,
             "{\"endpoint\":\"%s\",\"listen\":\"[::1]:0\",\"state\":\"%s.state\",\n"
             "\"servers\":[{\"uri\":\"coaps://[::1]:%s\",\"key\":\"%s\",\"authority\":true}],\n"
             "\"objects\":{\"3311\":{\"0\":{\"5850\":false,\"5706\":\"red\",\"5851\":40}},\n"
             "\"3303\":{\"0\":{\"5700\":20.5}},\n"
             "\"9000\":{\"0\":{\"1\":{\"type\":\"string\",\"value\":\"x\",\"ops\":\"RW\"}}}}}\n",
             name, name, port, key);
    workshop_write(file, 0600, text);
    const char *const arguments[] = {"client", file, "--json", NULL};
    workshop_start(child, "proa", arguments);
    json_decref(workshop_wait(child, "registered"));
}

static int open_house(void **state)
{
    (void)state;
    workshop_open();
    workshop_write("proad.json", 0600,
                   "{\"listen\":\"[::1]:0\",\"policy\":\"policy.json\",\"devices\":[\n"
                   "{\"endpoint\":\"lamp\",\"key\":\"" LAMP_KEY "\"},\n"
                   "{\"endpoint\":\"switch\",\"key\":\"" SWITCH_KEY "\"}]}\n");
    workshop_write("policy.json", 0600,
                   "{\"rules\":[{\"name\":\"lights\",\"allow\":[\"read\",\"write\"],\n"
                   "\"requester\":\"switch\",\"host\":\"lamp\",\"path\":\"/3311\"}]}\n");
    const char *const arguments[] = {"--config", "proad.json", "--json", NULL};
    workshop_start(&server, "proad", arguments);
    json_t *line = workshop_wait(&server, "listening");
    const char *colon = strrchr(demo_text(line, "address"), ':');
    assert_non_null(colon);
    start_device(&lamp, "lamp", LAMP_KEY, colon + 1);
    start_device(&light_switch, "switch", SWITCH_KEY, colon + 1);
    json_decref(line);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    demo_child_stop(&light_switch);
    demo_child_stop(&lamp);
    demo_child_stop(&server);
    workshop_close();
    return 0;
}

typedef struct row {
    const char *arguments;
    int status;
    const char *expected; /* somewhere in what it says */
} row;

static void run_rows(const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int status = workshop_run(rows[i].arguments);
        if (status != rows[i].status || strstr(workshop_output, rows[i].expected) == NULL) {
            fail_msg("proa %s: %d %s", rows[i].arguments, status, workshop_output);
        }
    }
}

static void operations_for_people(void **state)
{
    (void)state;
    static const row rows[] = {
        {"ctl devices", 0, "2 devices"},
        {"ctl devices", 0, "lamp "},
        {"ctl read lamp /3311/0", 0, "/3311/0/5851       Dimmer                       40 %"},
        {"ctl read lamp '/Light Control/0/On/Off'", 0, "false"},
        {"ctl read lamp /Device/0/Manufacturer", 0, "Proa"},
        {"ctl read lamp /3311/9", 1, "4.04"},
        {"ctl read lamp /3311/0/5852", 1, "4.04"},
        {"ctl read nobody /3/0", 1, "\"nobody\" is not registered"},
        {"ctl write lamp /3311/0/5850 on", 0, "2.04"},
        {"ctl read lamp /3311/0/5850", 0, "true"},
        {"ctl write lamp /3311/0/5850 maybe", 1, "true or false"},
        {"ctl write lamp /3311/0 On/Off=off Dimmer=7", 0, "2.04"},
        {"ctl write lamp /3311/0 '{\"5706\":\"dark blue\"}'", 0, "2.04"},
        {"ctl read lamp /3311/0", 0, "dark blue"},
        {"ctl read lamp /3311/0/5851", 0, "7 %"},
        {"ctl write lamp /3303/0/5700 5", 1, "4.05"}, /* a sensor is not written */
        {"ctl write lamp /9000/0/1 abc", 0, "2.04"},
        {"ctl read lamp /9000/0/1", 0, "abc"},
        {"ctl execute lamp /3/0/4", 0, "2.04"},
        {"ctl execute lamp /3/0/9", 1, "4.0"},
        {"ctl discover lamp /3303", 0, "/3303/0/5700"},
        {"ctl attributes lamp /3303/0/5700 pmin=5 gt=30.5", 0, "2.04"},
        {"ctl discover lamp /3303/0/5700", 0, "pmin=5;gt=30.5"},
        {"ctl attributes lamp /3303/0/5700 pmni=5", 1, "is no attribute"},
        {"ctl create lamp /3311 On/Off=on", 0, "2.01 Created /3311/1"},
        {"ctl read lamp /3311/1", 0, "On/Off"},
        {"ctl delete lamp /3311/1", 0, "2.02"},
        {"ctl delete lamp /3311/1", 1, "4.04"},
        {"ctl read lamp /0", 1, "4.0"},
        {"ctl policy reload", 0, "1 rules in force"},
        {"ctl stats", 0, "registrations                2"},
    };
    run_rows(rows, sizeof rows / sizeof *rows);
}

static void operations_for_programs(void **state)
{
    (void)state;
    assert_int_equal(workshop_run("ctl --json read lamp /3303/0/5700"), 0);
    json_t *line = workshop_last_line("proa-ctl-1", true);
    const json_t *value = json_array_get(json_object_get(line, "values"), 0);
    assert_string_equal(demo_text(value, "path"), "/3303/0/5700");
    assert_string_equal(demo_text(value, "name"), "Sensor Value");
    assert_true(json_real_value(json_object_get(value, "value")) == 20.5);
    json_decref(line);
    assert_int_equal(workshop_run("ctl --json read lamp /9999"), 1);
    line = workshop_last_line("proa-ctl-1", false);
    assert_non_null(strstr(demo_text(line, "code"), "4.04"));
    json_decref(line);
}

static void following_a_value(void **state)
{
    (void)state;
    static demo_child observer;
    const char *const arguments[] = {"ctl", "--json", "observe", "lamp", "/3311/0/5851", NULL};
    workshop_start(&observer, "proa", arguments);
    json_t *line = demo_child_next(&observer, WORKSHOP_PATIENCE_MS); /* the answer */
    assert_true(json_is_true(json_object_get(line, "ok")));
    json_decref(line);
    assert_true(demo_child_send(&lamp, "set /3311/0/5851 77"));
    line = workshop_wait(&observer, "notification");
    assert_int_equal(demo_number(json_array_get(json_object_get(line, "values"), 0), "value"), 77);
    json_decref(line);
    demo_child_stop(&observer);
    json_decref(workshop_wait(&lamp, "unobserved")); /* the end of the connection ends it */
}

static void the_device_tells_what_is_done_to_it(void **state)
{
    (void)state;
    assert_int_equal(workshop_run("ctl write lamp /3311/0/5706 green"), 0);
    json_t *line = workshop_wait(&lamp, "written");
    assert_string_equal(demo_text(line, "path"), "/3311/0/5706");
    assert_string_equal(demo_text(line, "value"), "green");
    assert_string_equal(demo_text(line, "by"), "server 1");
    assert_true(demo_number(line, "t_ns") > 0);
    json_decref(line);
    assert_int_equal(workshop_run("ctl write lamp /3311/0 On/Off=on Dimmer=1"), 0);
    line = workshop_wait(&lamp, "written");
    assert_string_equal(demo_text(line, "path"), "/3311/0");
    assert_int_equal(json_array_size(json_object_get(line, "values")), 3);
    json_decref(line);
    assert_int_equal(workshop_run("ctl execute lamp /3/0/4"), 0);
    line = workshop_wait(&lamp, "executed");
    assert_string_equal(demo_text(line, "path"), "/3/0/4");
    json_decref(line);
}

/* Read from a terminal until `text` came; what came is kept in `seen`. */
static bool read_until(int fd, const char *text, char *seen, size_t cap)
{
    size_t len = strlen(seen);
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    while (strstr(seen, text) == NULL && poll(&pfd, 1, WORKSHOP_PATIENCE_MS) > 0) {
        ssize_t got = read(fd, seen + len, cap - 1 - len);
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        seen[len] = '\0';
    }
    return strstr(seen, text) != NULL;
}

static void a_prompt_survives_what_happens(void **state)
{
    (void)state;
    char seen[16384] = "";
    char program[600];
    int terminal;
    int status = 0;
    demo_child_stop(&lamp); /* now it runs on a terminal */
    workshop_program("proa", program, sizeof program);
    pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
    if (pid == 0) {
        setenv("TERM", "xterm", 1);
        execl(program, program, "client", "lamp.json", (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    assert_true(read_until(terminal, "registered with server 1\r\nproa> ", seen, sizeof seen));
    seen[0] = '\0';
    assert_int_equal(write(terminal, "read /3311/0", 12), 12);
    assert_true(read_until(terminal, "read /3311/0", seen, sizeof seen));
    seen[0] = '\0';
    assert_int_equal(workshop_run("ctl write lamp /3311/0/5706 green"), 0);
    /* The event takes the line, and what was being typed comes back below it. */
    assert_true(read_until(terminal, "green\r\nproa> read /3311/0", seen, sizeof seen));
    assert_ptr_equal(strstr(seen, "\r\033[Kwritten by server 1"), seen);
    seen[0] = '\0';
    assert_int_equal(write(terminal, "/5851\n", 6), 6);
    assert_true(read_until(terminal, "Dimmer = 40 %\r\nproa> ", seen, sizeof seen));
    assert_int_equal(write(terminal, "\004", 1), 1); /* Ctrl-D */
    assert_true(read_until(terminal, "deregistered with server 1", seen, sizeof seen));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    close(terminal);
}

static void ask(const char *question, const char *outcome, const char *code)
{
    assert_true(demo_child_send(&light_switch, "%s", question));
    json_t *line = workshop_wait(&light_switch, "outcome");
    if (strcmp(demo_text(line, "outcome"), outcome) != 0 ||
        strcmp(demo_text(line, "code"), code) != 0) {
        fail_msg("%s: %s %s", question, demo_text(line, "outcome"), demo_text(line, "code"));
    }
    json_decref(line);
}

static void questions_to_another_device(void **state)
{
    (void)state;
    ask("ask lamp read /3303/0/5700", "DENIED", "4.03"); /* no rule for thermometers */
    ask("ask nobody read /3311/0", "DENIED", "4.03");
    ask("ask lamp read /3311/0/5850", "OK", "2.05");
    ask("ask lamp write \"/Light Control/0/Colour\" \"deep red\"", "OK", "2.04");
    ask("ask lamp read /3311/0/9", "NO_SUCH_PATH", "4.04");
    static const row granted[] = {{"ctl read lamp /3311/0/5706", 0, "deep red"},
                                  {"ctl grants", 0, "/3311/0:RW"},
                                  {"ctl audit", 0, "granted"},
                                  {"ctl audit 2", 0, "switch -> lamp"}};
    run_rows(granted, sizeof granted / sizeof *granted);
}

static void observing_another_device(void **state)
{
    (void)state;
    ask("observe lamp /3311/0/5851", "OK", "2.05");
    assert_true(demo_child_send(&lamp, "set /3311/0/5851 93"));
    json_t *line = workshop_wait(&lamp, "set");
    int64_t set_ns = demo_number(line, "t_ns");
    json_decref(line);
    line = workshop_wait(&light_switch, "notification");
    assert_string_equal(demo_text(line, "peer"), "lamp");
    assert_int_equal(demo_number(json_array_get(json_object_get(line, "values"), 0), "value"), 93);
    assert_true(demo_number(line, "t_ns") > set_ns); /* one clock for both */
    assert_true(demo_child_send(&light_switch, "cancel %lld", (long long)demo_number(line, "id")));
    json_decref(line);
    json_decref(workshop_wait(&light_switch, "cancelled"));
    json_decref(workshop_wait(&lamp, "unobserved"));
}

static void taking_rights_away(void **state)
{
    (void)state;
    static const row revoke[] = {{"ctl revoke switch lamp", 0, "revoked; in force"},
                                 {"ctl grants", 0, "refused until allowed: switch to lamp"}};
    static const row allow[] = {{"ctl allow switch lamp", 0, "ok"},
                                {"ctl allow switch lamp", 1, "no standing refusal"}};
    ask("ask lamp read /3311/0/5850", "OK", "2.05");
    run_rows(revoke, 2);
    json_decref(workshop_wait(&light_switch, "peer_removed"));
    ask("ask lamp read /3311/0/5850", "DENIED", "4.03");
    run_rows(allow, 2);
    ask("ask lamp read /3311/0/5850", "OK", "2.05");
}

/* Accounts are in the state folder: a requester that was started anew need not ask the server
 * again. */
static void g25_accounts_survive_a_restart(void **state)
{
    (void)state;
    static const row rows[] = {{"ctl grants", 0, "active"}};
    const char *const arguments[] = {"client", "switch.json", "--json", NULL};
    ask("ask lamp read /3311/0/5850", "OK", "2.05");
    demo_child_stop(&light_switch);
    workshop_start(&light_switch, "proa", arguments);
    json_decref(workshop_wait(&light_switch, "registered"));
    assert_true(demo_child_send(&light_switch, "ask lamp read /3311/0/5850"));
    json_t *line = workshop_wait(&light_switch, "outcome");
    assert_string_equal(demo_text(line, "outcome"), "OK");
    assert_true(json_is_null(json_object_get(line, "authorize_ms"))); /* it was not asked */
    json_decref(line);
    run_rows(rows, 1);
}

static void nobody_tells_keys(void **state)
{
    (void)state;
    static const row rows[] = {{"ctl read lamp /11000", 0, "Short Client ID"},
                               {"ctl read lamp /11000/0/5", 1, "4.0"}};
    ask("ask lamp read /3311/0/5850", "OK", "2.05"); /* now there is a key on the lamp */
    run_rows(rows, 2);
    assert_int_equal(workshop_run("ctl --json read lamp /11000"), 0);
    assert_null(strstr(workshop_output, "Secret Key"));
    assert_null(strstr(workshop_output, LAMP_KEY));
}

int main(void)
{
#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)
    const struct CMUnitTest tests[] = {
        IN_HOUSE(operations_for_people),
        IN_HOUSE(operations_for_programs),
        IN_HOUSE(following_a_value),
        IN_HOUSE(the_device_tells_what_is_done_to_it),
        IN_HOUSE(a_prompt_survives_what_happens),
        IN_HOUSE(questions_to_another_device),
        IN_HOUSE(observing_another_device),
        IN_HOUSE(taking_rights_away),
        IN_HOUSE(g25_accounts_survive_a_restart),
        IN_HOUSE(nobody_tells_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
