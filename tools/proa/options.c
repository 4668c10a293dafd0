/* SPDX-License-Identifier: Apache-2.0 */
/* Reading command lines. What an option means is the caller's business. */
#include "tools/proa/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proa/bytes.h"

_Noreturn void proa_options_fail(const proa_command_line *line, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s: ", line->program);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry `%s --help`.\n", line->program);
    exit(2);
}

static void print_help(const proa_command_line *line)
{
    printf("usage: %s %s\n\n%s\n\n", line->program, line->usage, line->about);
    for (size_t i = 0; i < line->option_count; i++) {
        const proa_option *o = &line->options[i];
        char left[48];
        snprintf(left, sizeof left, "%s%s%s", o->name, o->argument == NULL ? "" : " ",
                 o->argument == NULL ? "" : o->argument);
        printf("  %-26s %s\n", left, o->help);
    }
}

/* The option that this argument names, whether "--name" or "--name=value". */
static const proa_option *find(const proa_command_line *line, const char *argument,
                               const char **value)
{
    size_t len = strcspn(argument, "=");
    *value = argument[len] == '=' ? argument + len + 1 : NULL;
    for (size_t i = 0; i < line->option_count; i++) {
        if (strlen(line->options[i].name) == len &&
            memcmp(line->options[i].name, argument, len) == 0) {
            return &line->options[i];
        }
    }
    proa_options_fail(line, "unknown option %.*s", (int)len, argument);
}

static void apply(const proa_command_line *line, const proa_option *o, const char *value)
{
    uint64_t number = 0;
    if (o->set != NULL) {
        *o->set = true;
    }
    if (o->text != NULL) {
        *o->text = value;
    }
    if (o->number != NULL) {
        if (proa_parse_decimal(proa_span_of(value), o->max, &number) != PROA_OK) {
            proa_options_fail(line, "%s: \"%s\" must be a number of at most %u", o->name, value,
                              (unsigned)o->max);
        }
        *o->number = (uint32_t)number;
    }
}

int proa_options_read(const proa_command_line *line, int argc, char **argv)
{
    int operands = 0;
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        char *argument = argv[i];
        if (ended || strncmp(argument, "--", 2) != 0) {
            argv[1 + operands++] = argument;
            continue;
        }
        if (argument[2] == '\0') {
            ended = true;
            continue;
        }
        if (strcmp(argument, "--help") == 0) {
            print_help(line);
            exit(0);
        }
        const char *value;
        const proa_option *o = find(line, argument, &value);
        if (o->argument == NULL && value != NULL) {
            proa_options_fail(line, "%s takes no value", o->name);
        }
        if (o->argument != NULL && value == NULL) {
            if (i + 1 == argc) {
                proa_options_fail(line, "%s needs %s", o->name, o->argument);
            }
            value = argv[++i];
        }
        apply(line, o, value);
    }
    return operands;
}
