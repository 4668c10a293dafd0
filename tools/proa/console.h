/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_CONSOLE_H
#define PROA_TOOLS_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/proa/output.h"

/* Standard input as a source of lines that never blocks. On a terminal with prompt, editing and
 * history (libedit), and lines printed in between do not disturb what is being typed; anywhere
 * else lines as they come, so that a script or a program can drive a shell.
 *
 * One per process, because libedit is. */
#define PROA_CONSOLE_LINE_MAX 4096

/* json     no prompt and no editing even on a terminal
 * history  file that keeps what was typed; NULL or empty = none */
void proa_console_open(const char *prompt, const char *history, bool json);
void proa_console_close(void);

/* Give the console its hooks in the output. */
void proa_console_attach(proa_output *o);

/* Descriptor to wait for; -1 when the input has ended or no more can be taken. */
int proa_console_fd(void);

/* That descriptor is readable. */
void proa_console_input(void);

/* The next complete line, without its end; false if there is none yet. Valid until the next call.
 * Lines that are too long are given as NULL. */
bool proa_console_line(char **line);

/* The input has ended and every line was taken. */
bool proa_console_ended(void);

bool proa_console_is_terminal(void);

/* Words of a line: separated by blanks, "..." and '...' keep them together. Changes the line in
 * place. Returns how many (more than max are counted, not stored), or -1 if a quote is not closed. */
int proa_console_split(char *line, char **words, int max);

#endif
