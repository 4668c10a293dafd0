/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_OPTIONS_H
#define PROA_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A command line as a table. Options begin with "--" and may stand anywhere; everything else,
 * also "-5", is an operand; "--" ends the options. Every error names the option. */
typedef struct proa_option {
    const char *name;     /* "--timeout" */
    const char *argument; /* what must follow, for the help: "SECONDS"; NULL = nothing */
    const char *help;
    bool *set;         /* set to true when the option is there; may be NULL */
    const char **text; /* gets the argument; may be NULL */
    uint32_t *number;  /* gets the argument as a number of at most `max`; may be NULL */
    uint32_t max;
} proa_option;

typedef struct proa_command_line {
    const char *program; /* "proa client", for messages */
    const char *usage;   /* "FILE [OPTION...]" */
    const char *about;   /* a sentence or two */
    const proa_option *options;
    size_t option_count;
} proa_command_line;

/* Read argv[1..argc), moving the operands to the front of argv[1...]. "--help" prints the help and
 * exits with 0. An error prints what is wrong with which option and exits with 2.
 * Returns the number of operands. */
int proa_options_read(const proa_command_line *line, int argc, char **argv);

/* Print a usage error in printf format, and exit with 2. */
_Noreturn void proa_options_fail(const proa_command_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
