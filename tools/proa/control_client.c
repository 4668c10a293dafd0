/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of JSON over a Unix socket. What they mean is ctl.c's. */
#include "tools/proa/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A whole registration table of 100,000 devices is one line. */
#define ANSWER_MAX (64U * 1024 * 1024)
#define ANSWER_FIRST 65536U

bool proa_control_connect(proa_control_client *c, const char *path, char *message,
                          size_t message_cap)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(c, 0, sizeof *c);
    c->fd = -1;
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(message, message_cap, "%s: a socket's name has at most %zu characters", path,
                 sizeof address.sun_path - 1);
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0) {
        return true;
    }
    snprintf(message, message_cap,
             errno == EACCES
                 ? "%s: %s; the control socket belongs to the user that runs proad"
                 : "%s: %s; is proad running? Its configuration names the socket (\"control\"), "
                   "give it with --socket",
             path, strerror(errno));
    return false;
}

void proa_control_disconnect(proa_control_client *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    free(c->buf);
    c->buf = NULL;
    c->fd = -1;
}

bool proa_control_request(proa_control_client *c, json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    size_t len = text == NULL ? 0 : strlen(text);
    bool ok = text != NULL;
    json_decref(request);
    if (ok) {
        text[len++] = '\n'; /* in the place of the terminating zero */
    }
    for (size_t sent = 0; ok && sent < len;) {
        ssize_t got = send(c->fd, text + sent, len - sent, MSG_NOSIGNAL);
        ok = got > 0;
        sent += got > 0 ? (size_t)got : 0;
    }
    free(text);
    return ok;
}

static bool receive(proa_control_client *c)
{
    if (c->len == c->cap) {
        size_t wanted = c->cap == 0 ? ANSWER_FIRST : 2 * c->cap;
        char *buf = wanted > ANSWER_MAX ? NULL : realloc(c->buf, wanted);
        if (buf == NULL) {
            return false;
        }
        c->buf = buf;
        c->cap = wanted;
    }
    ssize_t got = recv(c->fd, c->buf + c->len, c->cap - c->len, 0);
    c->len += got > 0 ? (size_t)got : 0;
    return got > 0;
}

json_t *proa_control_next(proa_control_client *c)
{
    if (c->taken > 0) {
        memmove(c->buf, c->buf + c->taken, c->len - c->taken);
        c->len -= c->taken;
        c->taken = 0;
    }
    size_t searched = 0;
    char *end = NULL;
    while ((end = c->len == searched ? NULL : memchr(c->buf + searched, '\n', c->len - searched)) ==
           NULL) {
        searched = c->len;
        if (!receive(c)) {
            return NULL;
        }
    }
    c->taken = (size_t)(end + 1 - c->buf);
    return json_loadb(c->buf, c->taken, 0, NULL);
}
