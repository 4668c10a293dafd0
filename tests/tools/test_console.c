/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of standard input, and their words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/proa/console.h"

static void words_of_a_line(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int count;
        const char *words; /* joined by | */
    } rows[] = {
        {"", 0, ""},
        {"  \t ", 0, ""},
        {"help", 1, "help"},
        {"  set /3/0/9   80 ", 3, "set|/3/0/9|80"},
        {"set \"/Light Control/0/Colour\" 'a \"b\" c'", 3, "set|/Light Control/0/Colour|a \"b\" c"},
        {"set x \"\"", 3, "set|x|"},
        {"a\"b c\"d", 1, "ab cd"},
        {"write '{\"5850\": true}'", 2, "write|{\"5850\": true}"},
        {"a 'b", -1, ""},
        {"a \"b'", -1, ""},
        {"1 2 3 4 5 6", 6, "1|2|3|4"}, /* counted beyond max, not stored */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[128];
        char joined[128] = "";
        char *words[4];
        snprintf(line, sizeof line, "%s", rows[i].line);
        int count = proa_console_split(line, words, 4);
        assert_int_equal(count, rows[i].count);
        for (int n = 0; n < count && n < 4; n++) {
            strcat(joined, n == 0 ? "" : "|");
            strcat(joined, words[n]);
        }
        assert_string_equal(joined, rows[i].words);
    }
}

static int pipe_as_input(const char *text, size_t len)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, len), len);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    return ends[1];
}

static void lines_come_whole(void **state)
{
    (void)state;
    char *line;
    int end = pipe_as_input("one\ntw", 6);
    proa_console_open("> ", NULL, false);
    assert_false(proa_console_is_terminal());
    assert_int_equal(proa_console_fd(), STDIN_FILENO);
    assert_false(proa_console_line(&line));
    proa_console_input();
    assert_true(proa_console_line(&line));
    assert_string_equal(line, "one");
    assert_false(proa_console_line(&line));
    assert_int_equal(write(end, "o\r\n\nlast", 8), 8);
    proa_console_input();
    assert_true(proa_console_line(&line));
    assert_string_equal(line, "two"); /* without the carriage return */
    assert_true(proa_console_line(&line));
    assert_string_equal(line, "");
    assert_false(proa_console_line(&line));
    assert_false(proa_console_ended());
    close(end);
    proa_console_input();
    assert_int_equal(proa_console_fd(), -1);
    assert_false(proa_console_ended()); /* one more is there, though its end is missing */
    assert_true(proa_console_line(&line));
    assert_string_equal(line, "last");
    assert_true(proa_console_ended());
    proa_console_close();
}

static void a_line_that_is_too_long_is_one_error(void **state)
{
    (void)state;
    static char text[12 * PROA_CONSOLE_LINE_MAX + 100];
    char *line;
    unsigned bad = 0;
    unsigned good = 0;
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof text - 6, "\nnext\n", 6);
    int end = pipe_as_input(text, sizeof text);
    close(end);
    proa_console_open("> ", NULL, false);
    for (int i = 0; i < 100 && !proa_console_ended(); i++) {
        if (proa_console_fd() >= 0) {
            proa_console_input();
        }
        while (proa_console_line(&line)) {
            bad += line == NULL;
            good += line != NULL && strcmp(line, "next") == 0;
        }
    }
    assert_true(proa_console_ended());
    assert_int_equal(bad, 1);
    assert_int_equal(good, 1);
    proa_console_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_a_line),
        cmocka_unit_test(lines_come_whole),
        cmocka_unit_test(a_line_that_is_too_long_is_one_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
