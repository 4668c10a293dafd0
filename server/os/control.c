/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: connections, lines, and which operation belongs to which request. What each
 * command does is commands.c. */
#include "server/os/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/os/control_internal.h"

/* Bytes that wait for a slow reader; 64 full answers. One that is slower than that is cut off. */
#define BACKLOG_MAX (4U * 1024 * 1024)

static bool someone_listens(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return alive;
}

static int listen_at(const char *path, char *message, size_t cap)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(message, cap, "control socket %s: the name is longer than %zu characters", path,
                 sizeof address.sun_path - 1);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (someone_listens(&address)) {
        snprintf(message, cap, "control socket %s: another proad is using it", path);
        return -1;
    }
    (void)unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    bool ok =
        fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0;
    umask(mask);
    if (!ok) {
        snprintf(message, cap, "control socket %s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

proa_control *proa_control_open(const char *path, proa_hub *hub, char *message, size_t message_cap)
{
    proa_control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        snprintf(message, message_cap, "no memory");
        return NULL;
    }
    control->listen_fd = listen_at(path, message, message_cap);
    if (control->listen_fd < 0) {
        free(control);
        return NULL;
    }
    control->hub = hub;
    snprintf(control->path, sizeof control->path, "%s", path);
    for (size_t i = 0; i < PROA_CONTROL_CLIENTS_MAX; i++) {
        control->clients[i].fd = -1;
    }
    return control;
}

/* ---- connections ------------------------------------------------------------------------ */

static void drop_client(proa_control *control, proa_control_client *client, uint64_t now_ms)
{
    uint8_t index = (uint8_t)(client - control->clients);
    for (size_t i = 0; i < PROA_CONTROL_PENDING_MAX; i++) {
        proa_control_pending *pending = &control->pending[i];
        if (pending->used && pending->client == index) {
            pending->used = false;
            json_decref(pending->id);
            proa_server_op_cancel(proa_hub_parts_of(control->hub)->server, now_ms, pending->op);
        }
    }
    json_decref(client->events_id);
    close(client->fd);
    free(client->in);
    free(client->out);
    memset(client, 0, sizeof *client);
    client->fd = -1;
}

void proa_control_close(proa_control *control)
{
    if (control == NULL) {
        return;
    }
    for (size_t i = 0; i < PROA_CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].fd >= 0) {
            drop_client(control, &control->clients[i], 0);
        }
    }
    close(control->listen_fd);
    (void)unlink(control->path);
    free(control);
}

size_t proa_control_pollfds(const proa_control *control, struct pollfd *out)
{
    size_t count = 0;
    out[count++] = (struct pollfd){.fd = control->listen_fd, .events = POLLIN};
    for (size_t i = 0; i < PROA_CONTROL_CLIENTS_MAX; i++) {
        const proa_control_client *client = &control->clients[i];
        if (client->fd >= 0) {
            short events = (short)(POLLIN | (client->out_len > 0 ? POLLOUT : 0));
            out[count++] = (struct pollfd){.fd = client->fd, .events = events};
        }
    }
    return count;
}

static void accept_clients(proa_control *control)
{
    for (;;) {
        int fd = accept4(control->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        proa_control_client *place = NULL;
        for (size_t i = 0; i < PROA_CONTROL_CLIENTS_MAX && place == NULL; i++) {
            place = control->clients[i].fd < 0 ? &control->clients[i] : NULL;
        }
        char *in = place == NULL ? NULL : malloc(PROA_CONTROL_LINE_MAX);
        if (in == NULL) {
            close(fd);
            continue;
        }
        place->fd = fd;
        place->in = in;
    }
}

static void write_out(proa_control_client *client)
{
    while (client->out_len > 0) {
        ssize_t done = send(client->fd, client->out, client->out_len, MSG_NOSIGNAL);
        if (done <= 0) {
            client->broken = client->broken || (errno != EAGAIN && errno != EINTR);
            return;
        }
        client->out_len -= (size_t)done;
        memmove(client->out, client->out + done, client->out_len);
    }
}

static void append(proa_control_client *client, const char *text, size_t len)
{
    if (client->out_len + len > client->out_cap) {
        size_t cap = (client->out_len + len) * 2;
        char *larger = cap > BACKLOG_MAX ? NULL : realloc(client->out, cap);
        if (larger == NULL) {
            client->broken = true;
            return;
        }
        client->out = larger;
        client->out_cap = cap;
    }
    memcpy(client->out + client->out_len, text, len);
    client->out_len += len;
}

void proa__control_send(proa_control *control, uint8_t client, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (text != NULL && control->clients[client].fd >= 0) {
        append(&control->clients[client], text, strlen(text));
        append(&control->clients[client], "\n", 1);
        write_out(&control->clients[client]);
    }
    free(text);
}

static void run_lines(proa_control *control, proa_control_client *client, uint64_t now_ms)
{
    char *line = client->in;
    char *end = client->in + client->in_len;
    char *newline;
    while ((newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        if (newline > line) {
            proa__control_command(control, (uint8_t)(client - control->clients), now_ms, line,
                                  (size_t)(newline - line));
        }
        line = newline + 1;
    }
    client->in_len = (size_t)(end - line);
    memmove(client->in, line, client->in_len);
    client->broken = client->broken || client->in_len == PROA_CONTROL_LINE_MAX;
}

static void read_in(proa_control *control, proa_control_client *client, uint64_t now_ms)
{
    for (;;) {
        ssize_t got = recv(client->fd, client->in + client->in_len,
                           PROA_CONTROL_LINE_MAX - client->in_len, 0);
        if (got < 0) {
            client->broken = client->broken || (errno != EAGAIN && errno != EINTR);
            return;
        }
        if (got == 0) {
            client->broken = true;
            return;
        }
        client->in_len += (size_t)got;
        run_lines(control, client, now_ms);
        if (client->broken) {
            return;
        }
    }
}

void proa_control_step(proa_control *control, uint64_t now_ms)
{
    accept_clients(control);
    for (size_t i = 0; i < PROA_CONTROL_CLIENTS_MAX; i++) {
        proa_control_client *client = &control->clients[i];
        if (client->fd >= 0) {
            read_in(control, client, now_ms);
            write_out(client);
            if (client->broken) {
                drop_client(control, client, now_ms);
            }
        }
    }
}

void proa_control_publish(proa_control *control, const char *json)
{
    for (size_t i = 0; i < PROA_CONTROL_CLIENTS_MAX; i++) {
        proa_control_client *client = &control->clients[i];
        if (client->fd >= 0 && client->events_id != NULL) {
            json_t *event = json_loads(json, 0, NULL);
            if (event != NULL) {
                json_object_set(event, "id", client->events_id);
                proa__control_send(control, (uint8_t)i, event);
            }
        }
    }
}

/* ---- operations of commands ------------------------------------------------------------- */

proa_control_pending *proa__control_expect(proa_control *control, uint8_t client, json_t *id,
                                           uint64_t *user)
{
    for (size_t i = 0; i < PROA_CONTROL_PENDING_MAX; i++) {
        proa_control_pending *pending = &control->pending[i];
        if (!pending->used) {
            pending->used = true;
            pending->client = client;
            pending->generation++;
            pending->id = json_incref(id);
            *user = (uint64_t)pending->generation << 16 | i;
            return pending;
        }
    }
    return NULL;
}

void proa_control_operation(proa_control *control, uint64_t user, const proa_server_event *event)
{
    size_t index = (size_t)(user & 0xffff);
    if (index >= PROA_CONTROL_PENDING_MAX || !control->pending[index].used ||
        control->pending[index].generation != (uint32_t)(user >> 16)) {
        return; /* its connection is gone */
    }
    proa_control_pending *pending = &control->pending[index];
    bool stays = event->kind == PROA_SERVER_NOTIFICATION ||
                 (event->kind == PROA_SERVER_DONE && event->observing);
    proa__control_report(control, pending, event);
    if (!stays) {
        json_decref(pending->id);
        pending->used = false;
    }
}
