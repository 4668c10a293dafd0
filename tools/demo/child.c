/* SPDX-License-Identifier: Apache-2.0 */
/* Starting programs and talking with them in lines. */
#include "tools/demo/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ports/linux/os.h"

/* A program that does not end by itself after its input was closed is made to after this. */
#define PATIENCE_MS 3000

static void run_program(const int to[2], const int from[2], char *const argv[])
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)setpgid(0, 0); /* Ctrl-C is for the demo, which then ends its programs in order */
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    execv(argv[0], argv);
    fprintf(stderr, "proa-demo: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

bool demo_child_start(demo_child *child, const char *name, char *const argv[])
{
    int to[2];
    int from[2];
    child->name = name;
    child->len = 0;
    if (pipe2(to, O_CLOEXEC) != 0) {
        return false;
    }
    if (pipe2(from, O_CLOEXEC) != 0) {
        close(to[0]);
        close(to[1]);
        return false;
    }
    child->pid = fork();
    if (child->pid == 0) {
        run_program(to, from, argv);
    }
    close(to[0]);
    close(from[1]);
    child->to_fd = to[1];
    child->from_fd = from[0];
    if (child->pid < 0) {
        close(to[1]);
        close(from[0]);
        child->pid = 0;
        return false;
    }
    return true;
}

bool demo_child_send(demo_child *child, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was, one line above */
    int len = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof line - 1) {
        return false;
    }
    line[len++] = '\n';
    return write(child->to_fd, line, (size_t)len) == len;
}

/* A whole line from what was read so far, or NULL. Lines that are no JSON are passed over. */
static json_t *take_line(demo_child *child)
{
    char *end;
    while ((end = memchr(child->line, '\n', child->len)) != NULL) {
        size_t len = (size_t)(end - child->line);
        json_t *line = json_loadb(child->line, len, 0, NULL);
        child->len -= len + 1;
        memmove(child->line, end + 1, child->len);
        if (line != NULL) {
            return line;
        }
    }
    return NULL;
}

json_t *demo_child_next(demo_child *child, int timeout_ms)
{
    uint64_t until_ms = proa_linux_now_ms() + (uint64_t)timeout_ms;
    for (;;) {
        json_t *line = take_line(child);
        uint64_t now_ms = proa_linux_now_ms();
        struct pollfd pfd = {.fd = child->from_fd, .events = POLLIN};
        if (line != NULL || now_ms >= until_ms || child->len == sizeof child->line) {
            return line;
        }
        if (poll(&pfd, 1, (int)(until_ms - now_ms)) <= 0) {
            if (errno == EINTR) {
                return NULL; /* Ctrl-C: whoever waits here looks at its flag */
            }
            continue;
        }
        ssize_t got =
            read(child->from_fd, child->line + child->len, sizeof child->line - child->len);
        if (got <= 0) {
            return NULL;
        }
        child->len += (size_t)got;
    }
}

json_t *demo_child_wait(demo_child *child, const char *event, int timeout_ms)
{
    uint64_t until_ms = proa_linux_now_ms() + (uint64_t)timeout_ms;
    for (;;) {
        uint64_t now_ms = proa_linux_now_ms();
        json_t *line = now_ms >= until_ms ? NULL : demo_child_next(child, (int)(until_ms - now_ms));
        if (line == NULL || strcmp(demo_text(line, "event"), event) == 0) {
            return line;
        }
        json_decref(line);
    }
}

void demo_child_stop(demo_child *child)
{
    if (child->pid == 0) {
        return;
    }
    uint64_t until_ms = proa_linux_now_ms() + PATIENCE_MS;
    close(child->to_fd);
    kill(child->pid, SIGTERM);
    while (waitpid(child->pid, NULL, WNOHANG) == 0) {
        char rest[4096];
        struct pollfd pfd = {.fd = child->from_fd, .events = POLLIN};
        if (proa_linux_now_ms() > until_ms) {
            kill(child->pid, SIGKILL);
            waitpid(child->pid, NULL, 0);
            break;
        }
        /* Read what it still says, so that it cannot hang on a full pipe; the end of its output is
         * the sign that it is about to go. */
        if (poll(&pfd, 1, 50) > 0 && read(child->from_fd, rest, sizeof rest) <= 0) {
            (void)poll(NULL, 0, 5);
        }
    }
    close(child->from_fd);
    child->pid = 0;
}

const char *demo_text(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text == NULL ? "" : text;
}

int64_t demo_number(const json_t *line, const char *key)
{
    return json_integer_value(json_object_get(line, key));
}
