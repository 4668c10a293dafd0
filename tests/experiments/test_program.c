/* SPDX-License-Identifier: Apache-2.0 */
/* proa-experiment as people and scripts meet it: what it prints, how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define DIRECT " --topology ../experiments/topologies/multihop_0_direct.json "

static char said[16384];

/* Run it with both outputs in `said`; returns its exit status. */
static int run(const char *arguments)
{
    char command[512];
    snprintf(command, sizeof command, "%s %s 2>&1", PROGRAM, arguments);
    FILE *pipe = popen(command, "r"); /* NOLINT(cert-env33-c): the arguments are this file's */
    assert_non_null(pipe);
    size_t len = fread(said, 1, sizeof said - 1, pipe);
    said[len] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void wrong_arguments_exit_2_and_say_what(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *message;
    } rows[] = {
        {"", "a command is missing"},
        {"notfy", "unknown command notfy"},
        {"notify --interval-us 1000 --count 1" DIRECT, "--app is missing"},
        {"notify --app c2c_dtls --interval-us 1000 --count 1", "--topology is missing"},
        {"notify --app c2c --interval-us 1000 --count 1" DIRECT, "no application is called c2c"},
        {"notify --app cred_req_dtls --interval-us 1000 --count 1" DIRECT,
         "another command is for cred_req_dtls"},
        {"path --app cred_req_dtls" DIRECT, "another command is for cred_req_dtls"},
        {"authorize --app c2c_dtls --flow seed" DIRECT, "another command is for c2c_dtls"},
        {"notify --app c2c_dtls --interval-us 0 --count 1" DIRECT,
         "--interval-us takes a number from 1 to 3600000000, not \"0\""},
        {"notify --app c2c_dtls --interval-us -5 --count 1" DIRECT, "not \"-5\""},
        {"notify --app c2c_dtls --interval-us 1e6 --count 1" DIRECT, "not \"1e6\""},
        {"notify --app c2c_dtls --interval-us 1000 --count 100000" DIRECT,
         "--count takes a number from 1 to 99999"},
        {"notify --app c2c_dtls --interval-us 1000" DIRECT, "--count is missing"},
        {"notify --app c2c_dtls --count 1" DIRECT, "--interval-us is missing"},
        {"notify --app c2c_dtls --count" DIRECT, "not \"--topology\""},
        {"notify --app", "a value must follow --app"},
        {"notify c2c_dtls", "unknown argument c2c_dtls"},
        {"notify --fast 1", "unknown option --fast"},
        {"notify --app c2c_dtls --loss-permille 1001",
         "--loss-permille takes a number from 0 to 1000"},
        {"authorize --app cred_req_dtls" DIRECT, "--flow is missing"},
        {"authorize --app cred_req_dtls --flow quick" DIRECT, "no flow is called quick"},
        {"path --app c2c_dtls --topology /nowhere.json", "/nowhere.json"},
        {"path --app c2c_dtls --topology experiments/broken.json", "experiments/broken.json:"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = run(rows[i].arguments);
        if (status != 2 || strstr(said, rows[i].message) == NULL) {
            fail_msg("%s: exits %d, says %s", rows[i].arguments, status, said);
        }
    }
}

static void help_is_no_error(void **state)
{
    (void)state;
    assert_int_equal(run("--help"), 0);
    assert_non_null(strstr(said, "usage: proa-experiment notify"));
    assert_int_equal(run("authorize --app cred_req_dtls --flow help"), 0);
    assert_non_null(strstr(said, "seed\ncompact\n"));
}

static unsigned commas(const char *line)
{
    unsigned n = 0;
    for (; *line != '\n' && *line != '\0'; line++) {
        n += *line == ',';
    }
    return n;
}

static void each_command_prints_a_header_and_rows_like_it(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *begins, *row;
    } rows[] = {
        {"notify --app c2c_dtls --interval-us 1000000 --count 3 --seed 9" DIRECT,
         "app,topology,wired_delay_us,interval_us,seed,sent,delivered,mean_us,q00,q05,",
         "\nc2c_dtls,multihop_0_direct,20000,1000000,9,3,3,"},
        {"authorize --app cred_req_oscore --flow seed" DIRECT,
         "app,topology,wired_delay_us,flow,seed,phase,duration_us,messages,udp_bytes,frames,frame_bytes\n",
         "\ncred_req_oscore,multihop_0_direct,20000,seed,1,total,"},
        {"path --app baseline_dtls --wired-delay-us 5000" DIRECT,
         "app,topology,wired_delay_us,leg,step,medium,bytes\n",
         "\nbaseline_dtls,multihop_0_direct,5000,2,6,air,"},
        {"notify --app c2c_dtls --interval-us 1000000 --count 3 --csv-nodes /dev/stdout" DIRECT,
         "app,",
         "queue_drops,given_up\nc2c_dtls,multihop_0_direct,20000,1000000,1,317,border_router,"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(run(rows[i].arguments), 0);
        assert_memory_equal(said, rows[i].begins, strlen(rows[i].begins));
        const char *row = strstr(said, rows[i].row);
        assert_non_null(row);
        if (strstr(rows[i].arguments, "--csv-nodes") == NULL) {
            assert_int_equal(commas(row + 1), commas(said));
        }
    }
}

static void a_run_that_cannot_begin_exits_1_with_one_line(void **state)
{
    (void)state;
    assert_int_equal(
        run("notify --app c2c_dtls --loss-permille 1000 --interval-us 1000 --count 1" DIRECT), 1);
    assert_string_equal(said,
                        "proa-experiment: c2c_dtls, multihop_0_direct, seed 1: the devices did not "
                        "register within 10 minutes\n");
}

static void the_same_arguments_print_the_same_bytes(void **state)
{
    (void)state;
    static char before[sizeof said];
    static const char arguments[] =
        "notify --app baseline_dtls --interval-us 20000 --count 60 --seed 11 --csv-nodes /dev/stderr" DIRECT;
    assert_int_equal(run(arguments), 0);
    strcpy(before, said);
    assert_int_equal(run(arguments), 0);
    assert_string_equal(said, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_arguments_exit_2_and_say_what),
        cmocka_unit_test(help_is_no_error),
        cmocka_unit_test(each_command_prints_a_header_and_rows_like_it),
        cmocka_unit_test(a_run_that_cannot_begin_exits_1_with_one_line),
        cmocka_unit_test(the_same_arguments_print_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
