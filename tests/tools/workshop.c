/* SPDX-License-Identifier: Apache-2.0 */
/* Running programs in a folder of their own. */
#include "tests/tools/workshop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 16

char workshop_output[65536];
static char programs[512];
static char directory[64];

void workshop_open(void)
{
    ssize_t len = readlink("/proc/self/exe", programs, sizeof programs - 1);
    assert_true(len > 0);
    programs[len] = '\0';
    *strrchr(programs, '/') = '\0';
    snprintf(directory, sizeof directory, "/tmp/proa-test-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
}

void workshop_close(void)
{
    char command[96];
    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
}

void workshop_write(const char *name, mode_t mode, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(name, mode), 0);
}

int workshop_run(const char *arguments)
{
    char command[1024];
    snprintf(command, sizeof command, "'%s/proa' %s 2>&1 %s", programs, arguments,
             strchr(arguments, '<') == NULL ? "</dev/null" : "");
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t len = fread(workshop_output, 1, sizeof workshop_output - 1, pipe);
    workshop_output[len] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

json_t *workshop_last_line(const char *schema, bool ok)
{
    size_t len = strlen(workshop_output);
    while (len > 0 && workshop_output[len - 1] == '\n') {
        workshop_output[--len] = '\0';
    }
    const char *line = strrchr(workshop_output, '\n');
    json_t *json = json_loads(line == NULL ? workshop_output : line + 1, 0, NULL);
    assert_non_null(json);
    assert_string_equal(demo_text(json, "schema"), schema);
    assert_true(demo_text(json, "version")[0] != '\0');
    assert_true(demo_text(json, "commit")[0] != '\0');
    assert_int_equal(json_is_true(json_object_get(json, "ok")), ok);
    return json;
}

void workshop_program(const char *name, char *out, size_t cap)
{
    snprintf(out, cap, "%s/%s", programs, name);
}

void workshop_start(demo_child *child, const char *program, const char *const arguments[])
{
    char path[600];
    char copies[ARGUMENTS_MAX][128];
    char *argv[ARGUMENTS_MAX + 2] = {path};
    workshop_program(program, path, sizeof path);
    for (size_t i = 0; i < ARGUMENTS_MAX && arguments[i] != NULL; i++) {
        snprintf(copies[i], sizeof copies[i], "%s", arguments[i]);
        argv[i + 1] = copies[i];
    }
    assert_true(demo_child_start(child, program, argv));
}

json_t *workshop_wait(demo_child *child, const char *event)
{
    json_t *line = demo_child_wait(child, event, WORKSHOP_PATIENCE_MS);
    if (line == NULL) {
        fail_msg("%s did not say \"%s\"", child->name, event);
    }
    return line;
}
