/* SPDX-License-Identifier: Apache-2.0 */
/* `proa client FILE`: a simulated device with a shell. Options, opening, and the one loop that
 * waits for datagrams, typed lines, generators and deadlines. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ports/linux/os.h"
#include "tools/proa/client.h"
#include "tools/proa/commands.h"
#include "tools/proa/console.h"
#include "tools/proa/options.h"

#define SCHEMA "proa-client-1"

static volatile sig_atomic_t stop_wanted;

static void on_signal(int number)
{
    (void)number;
    stop_wanted = 1;
}

typedef struct client_options {
    const char *path;
    const char *pcap;
    const char *keylog;
    bool json, stay;
} client_options;

static client_options read_options(int argc, char **argv)
{
    client_options o = {0};
    const proa_option table[] = {
        {"--json", NULL, "every line is a JSON object", &o.json, NULL, NULL, 0},
        {"--pcap", "FILE", "capture its own datagrams for Wireshark", NULL, &o.pcap, NULL, 0},
        {"--keylog", "FILE", "session secrets for Wireshark; debug builds only", NULL, &o.keylog,
         NULL, 0},
        {"--stay", NULL, "go on when standard input ends, until SIGTERM", &o.stay, NULL, NULL, 0},
    };
    const proa_command_line line = {
        "proa client", "FILE [OPTION...]",
        "A simulated LwM2M device that also talks to other devices. FILE says who it is\n"
        "(docs/FILES.md). Commands come from standard input, one a line; `help` lists them.\n"
        "A script waits for what it asked for and then signs off.",
        table, sizeof table / sizeof *table};
    int operands = proa_options_read(&line, argc, argv);
    if (operands != 1) {
        proa_options_fail(&line, operands == 0 ? "which device file?" : "one device file only");
    }
    o.path = argv[1];
    return o;
}

/* ---- opening ---------------------------------------------------------------------------- */

static proa_err open_device(proa_tool_client *t, const client_options *o, char *message, size_t cap)
{
    proa_device_server servers[PROA_DEVICE_SERVERS_MAX];
    for (size_t i = 0; i < t->file.server_count; i++) {
        const proa_device_file_server *s = &t->file.servers[i];
        servers[i] = (proa_device_server){
            .short_id = s->short_id,
            .uri = s->uri,
            .identity = s->identity[0] == '\0' ? NULL : s->identity,
            .key = proa_span_make(s->key, s->key_len),
            .oscore = s->oscore.is_there ? &s->oscore_params : NULL,
            .lifetime_s = s->lifetime_s,
            .pmin_s = s->pmin_s,
            .pmax_s = s->pmax_s,
        };
    }
    const proa_device_options device = {
        .endpoint = t->file.endpoint,
        .servers = servers,
        .server_count = t->file.server_count,
        .listen = t->file.listen[0] == '\0' ? NULL : t->file.listen,
        .state_dir = t->file.state[0] == '\0' ? NULL : t->file.state,
        .pcap = o->pcap,
        .keylog = o->keylog,
    };
    proa_err err = proa_device_open(&t->device, &device, message, cap);
    for (size_t i = 0; i < t->file.server_count; i++) {
        proa_wipe(t->file.servers[i].key, sizeof t->file.servers[i].key);
    }
    return err;
}

/* Rights of the servers (object 2). They stand at object level, so that they hold for instances
 * that come later, too, and may be passed on for all instances. An authority may also install
 * accounts and rights of other clients, which takes Create on their objects before the first of
 * them exists. A single server that is no authority needs none of this: it may do everything. */
static proa_err add_access(proa_tool_client *t)
{
    static const uint16_t installed[] = {PROA_OBJECT_OSCORE, PROA_OBJECT_CLIENT_SECURITY,
                                         PROA_OBJECT_CLIENT, PROA_OBJECT_CLIENT_ACCESS};
    proa_client *client = proa_device_client(t->device);
    const proa_device_file_server *owner = &t->file.servers[0];
    proa_err err = PROA_OK;
    bool needed = t->file.server_count > 1;
    for (size_t i = t->file.server_count; i-- > 0;) {
        owner = t->file.servers[i].authority ? &t->file.servers[i] : owner;
        needed = needed || t->file.servers[i].authority;
    }
    for (size_t i = 0; needed && i < t->file.server_count && err == PROA_OK; i++) {
        const proa_device_file_server *s = &t->file.servers[i];
        uint8_t rights = s->authority ? PROA_RIGHTS_ALL
                                      : PROA_RIGHT_READ | PROA_RIGHT_WRITE | PROA_RIGHT_EXECUTE;
        for (size_t n = 0; n < t->file.object_count && err == PROA_OK; n++) {
            err = proa_client_add_access(client, t->file.object_ids[n], PROA_ID_ALL, s->short_id,
                                         rights, owner->short_id);
        }
        for (size_t n = 0; s->authority && n < 4 && err == PROA_OK; n++) {
            err = proa_client_add_access(client, installed[n], PROA_ID_ALL, s->short_id, rights,
                                         s->short_id);
        }
    }
    return err;
}

static proa_err start(proa_tool_client *t)
{
    proa_err err = PROA_OK;
    for (size_t i = 0; i < t->file.object_count && err == PROA_OK; i++) {
        err = proa_client_add_object(proa_device_client(t->device),
                                     proa_simulated_object(t->file.objects[i]));
    }
    if (err == PROA_OK) {
        err = add_access(t);
    }
    if (err == PROA_OK) {
        err = proa_device_start(t->device);
    }
    for (size_t i = 0; i < t->file.generator_count; i++) {
        proa_generator_start(&t->file.generators[i], proa_linux_now_ms());
    }
    return err;
}

/* ---- the loop --------------------------------------------------------------------------- */

static void run_generators(proa_tool_client *t)
{
    proa_random random = proa_linux_random();
    for (size_t i = 0; i < t->file.generator_count; i++) {
        proa_generator *g = &t->file.generators[i];
        uint64_t now_ms = proa_linux_now_ms();
        proa_value value;
        if (proa_generator_run(g, now_ms, &random, &value)) {
            /* A server may have deleted the instance: then nothing is left to drive. */
            (void)!proa_client_write_local(proa_device_client(t->device), now_ms, &g->path, &value);
        }
    }
}

static int loop_timeout_ms(const proa_tool_client *t)
{
    uint64_t now_ms = proa_linux_now_ms();
    int device_ms = proa_device_timeout_ms(t->device);
    uint64_t next_ms = device_ms < 0 ? UINT64_MAX : now_ms + (uint64_t)device_ms;
    for (size_t i = 0; i < t->file.generator_count; i++) {
        uint64_t due_ms = proa_generator_next_ms(&t->file.generators[i]);
        next_ms = due_ms < next_ms ? due_ms : next_ms;
    }
    if (t->wait != PROA_WAIT_NOTHING && t->wait_ms < next_ms) {
        next_ms = t->wait_ms;
    }
    if (t->stopping && t->stop_ms < next_ms) {
        next_ms = t->stop_ms;
    }
    return next_ms <= now_ms ? 0 : next_ms - now_ms > 60000 ? 60000 : (int)(next_ms - now_ms);
}

/* Lines that are there, one after the other, until one wants to wait. */
static void run_lines(proa_tool_client *t)
{
    char *line;
    while (!t->stopping && proa__client_waited(t) && proa_console_line(&line)) {
        t->wait = PROA_WAIT_NOTHING;
        proa__client_shell(t, line);
        proa__client_events(t);
        proa_device_flush(t->device);
    }
}

static bool said_goodbye(const proa_tool_client *t)
{
    proa_server_status status;
    bool idle = true;
    for (size_t i = 0; proa_client_server(proa_device_client(t->device), i, &status); i++) {
        idle = idle && status.state == PROA_REG_IDLE;
    }
    return idle || proa_linux_now_ms() >= t->stop_ms;
}

static void run(proa_tool_client *t, bool stay)
{
    while (!t->stopping || !said_goodbye(t)) {
        int input = t->stopping ? -1 : proa_console_fd();
        struct pollfd fds[2] = {{.fd = proa_device_fd(t->device), .events = POLLIN},
                                {.fd = input, .events = POLLIN}};
        proa_device_flush(t->device);
        (void)poll(fds, 2, loop_timeout_ms(t)); /* a signal only makes this turn shorter */
        proa_device_step(t->device);
        proa__client_events(t);
        run_generators(t);
        if (input >= 0 && fds[1].revents != 0) {
            proa_console_input();
        }
        run_lines(t);
        bool over = proa_console_ended() && proa__client_waited(t) && !stay &&
                    (proa_console_is_terminal() || proa__client_idle(t));
        if ((stop_wanted != 0 || over) && !t->stopping) {
            proa__client_quit(t);
        }
    }
}

static int finish(proa_tool_client *t)
{
    proa_client_stats stats = proa_client_stats_get(proa_device_client(t->device));
    proa_c2c_stats c2c = proa_c2c_stats_get(proa_device_c2c(t->device));
    return proa_output_finish(
        &t->out, SCHEMA, t->command_errors == 0,
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "endpoint",
                  t->file.endpoint, "command_errors", (json_int_t)t->command_errors, "asked",
                  (json_int_t)t->asked, "answered_ok", (json_int_t)t->answered_ok,
                  "notifications_received", (json_int_t)t->notifications, "notifications_sent",
                  (json_int_t)stats.notifications, "written", (json_int_t)t->written,
                  "requests_served", (json_int_t)stats.requests_served, "requests_denied",
                  (json_int_t)stats.requests_denied, "hints_sent", (json_int_t)c2c.hints_sent,
                  "retransmitted", (json_int_t)stats.coap.retransmitted));
}

static void greet(const proa_tool_client *t)
{
    proa_addr local = proa_device_local(t->device);
    json_t *address = proa_json_of_addr(&local);
    proa_output_say(&t->out,
                    json_pack("{s:s, s:s, s:O, s:i}", "event", "started", "endpoint",
                              t->file.endpoint, "address", address, "port", (int)local.port),
                    "%s at %s", t->file.endpoint, proa_output_value(address));
    json_decref(address);
}

int proa__tool_client(int argc, char **argv)
{
    static proa_tool_client t;
    char message[700] = "";
    char history[PROA_DEVICE_NAME_MAX + 16] = "";
    client_options o = read_options(argc, argv);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    t.out.json = o.json;
    proa_err err = PROA_E_FORMAT;
    if (proa_device_file_load(&t.file, o.path, message, sizeof message)) {
        err = open_device(&t, &o, message, sizeof message);
        if (err == PROA_OK && (err = start(&t)) != PROA_OK) {
            snprintf(message, sizeof message, "%s: the device cannot start: %s", o.path,
                     proa_err_name(err));
        }
    }
    int status;
    if (err == PROA_OK) {
        if (t.file.state[0] != '\0') {
            snprintf(history, sizeof history, "%s/history", t.file.state);
        }
        proa_console_open("proa> ", history, o.json);
        proa_console_attach(&t.out);
        greet(&t);
        run(&t, o.stay);
        proa_console_close();
        status = finish(&t);
    } else {
        status = proa_output_fail(&t.out, SCHEMA, "%s", message);
    }
    proa_device_close(t.device);
    proa_device_file_free(&t.file);
    return status;
}
