/* SPDX-License-Identifier: Apache-2.0 */
/* Lines from standard input, with or without a person at the other end. */
#include "tools/proa/console.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <editline/readline.h>

static struct {
    bool terminal;
    bool ended;    /* no more will come */
    bool skipping; /* the rest of a line that was too long */
    bool showing;  /* the prompt is on the screen, and libedit has the terminal */
    const char *prompt;
    char history[512];
    char buf[4 * PROA_CONSOLE_LINE_MAX];
    size_t len;   /* bytes in buf */
    size_t taken; /* bytes of it that were given out */
} console;

/* Lines of a terminal go the same way as all others: into buf. */
static void on_line(char *line)
{
    console.showing = false;
    if (line == NULL) {
        console.ended = true;
        putchar('\n');
        return;
    }
    size_t len = strlen(line);
    if (len > 0) {
        add_history(line);
    }
    if (len < sizeof console.buf - console.len) {
        memcpy(console.buf + console.len, line, len);
        console.len += len;
        console.buf[console.len++] = '\n';
    }
    free(line);
}

/* libedit gives the terminal back after each line, and takes it again with a fresh one here. */
static void show_prompt(void)
{
    rl_callback_handler_install(console.prompt, on_line);
    console.showing = true;
}

void proa_console_open(const char *prompt, const char *history, bool json)
{
    memset(&console, 0, sizeof console);
    console.terminal = !json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (!console.terminal) {
        return;
    }
    using_history();
    if (history != NULL && history[0] != '\0') {
        snprintf(console.history, sizeof console.history, "%s", history);
        read_history(console.history);
    }
    console.prompt = prompt;
    show_prompt();
}

void proa_console_close(void)
{
    if (console.terminal) {
        rl_callback_handler_remove();
        if (console.history[0] != '\0') {
            write_history(console.history);
        }
    }
}

/* A line that comes by itself takes the place of prompt and half-typed text; they come back on the
 * line below. */
static void hide(void *ctx)
{
    (void)ctx;
    if (console.showing) {
        fputs("\r\033[K", stdout);
    }
}

static void show(void *ctx)
{
    (void)ctx;
    if (console.showing) {
        rl_forced_update_display();
        fflush(stdout);
    }
}

void proa_console_attach(proa_output *o)
{
    if (console.terminal) {
        o->hide = hide;
        o->show = show;
    }
}

/* Give room at the end of buf. */
static void compact(void)
{
    memmove(console.buf, console.buf + console.taken, console.len - console.taken);
    console.len -= console.taken;
    console.taken = 0;
}

int proa_console_fd(void)
{
    return console.ended || console.len - console.taken >= sizeof console.buf / 2 ? -1
                                                                                  : STDIN_FILENO;
}

void proa_console_input(void)
{
    compact();
    if (console.terminal) {
        struct pollfd pfd = {.fd = STDIN_FILENO, .events = POLLIN};
        (void)poll(&pfd, 1, 0);
        if ((pfd.revents & (POLLHUP | POLLERR)) != 0) {
            console.ended = true; /* the terminal is gone */
            console.showing = false;
        } else {
            rl_callback_read_char();
        }
        return;
    }
    ssize_t got =
        read(STDIN_FILENO, console.buf + console.len, sizeof console.buf - console.len - 1);
    if (got > 0) {
        console.len += (size_t)got;
        return;
    }
    console.ended = true;
    if (console.len > 0 && console.buf[console.len - 1] != '\n') {
        console.buf[console.len++] = '\n'; /* a last line without its end */
    }
}

bool proa_console_line(char **line)
{
    char *start = console.buf + console.taken;
    size_t left = console.len - console.taken;
    char *end = left == 0 ? NULL : memchr(start, '\n', left);
    if (end == NULL) {
        bool too_long = left > PROA_CONSOLE_LINE_MAX;
        if (too_long) {
            console.taken = console.len;
            console.skipping = true;
        }
        if (console.terminal && !console.showing && !console.ended) {
            show_prompt(); /* all lines were dealt with */
        }
        return false;
    }
    *end = '\0';
    console.taken += (size_t)(end + 1 - start);
    *line = console.skipping || (size_t)(end - start) > PROA_CONSOLE_LINE_MAX ? NULL : start;
    console.skipping = false;
    if (*line != NULL && end > start && end[-1] == '\r') {
        end[-1] = '\0';
    }
    return true;
}

bool proa_console_ended(void)
{
    return console.ended && console.taken == console.len;
}

bool proa_console_is_terminal(void)
{
    return console.terminal;
}

int proa_console_split(char *line, char **words, int max)
{
    int count = 0;
    char *at = line;
    for (;;) {
        at += strspn(at, " \t");
        if (*at == '\0') {
            return count;
        }
        char *word = at;
        char *out = at;
        char quote = '\0';
        for (; *at != '\0' && (quote != '\0' || (*at != ' ' && *at != '\t')); at++) {
            if (quote == '\0' && (*at == '"' || *at == '\'')) {
                quote = *at;
            } else if (*at == quote) {
                quote = '\0';
            } else {
                *out++ = *at;
            }
        }
        if (quote != '\0') {
            return -1;
        }
        at += *at != '\0';
        *out = '\0';
        if (count < max) {
            words[count] = word;
        }
        count++;
    }
}
