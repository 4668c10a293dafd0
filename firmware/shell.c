/* SPDX-License-Identifier: Apache-2.0 */
/* The shell of a device: one table of commands, one function each. A command answers at once; what
 * it started goes on as events. `help` lists them. */
#include "firmware/shell.h"

#include <string.h>

#include "firmware/board.h"
#include "firmware/config.h"
#include "firmware/console.h"
#include "firmware/device.h"
#include "proa/assert.h"
#include "proa/payload.h"

#define WORDS_MAX 6
#define VALUE_MAX 64

/* ---- pieces of lines --------------------------------------------------------------------- */

static void field(const char *name, uint64_t value)
{
    console_text(name);
    console_number(value);
}

static void code(uint8_t value)
{
    field(" ", PROA_COAP_CLASS(value));
    console_text(".");
    field((value & 0x1fU) < 10 ? "0" : "", value & 0x1fU);
}

static void line(const char *text)
{
    console_begin(text);
    console_end();
}

static void fail(const char *text)
{
    console_begin("error ");
    line(text);
}

static void actor(const proa_actor *who)
{
    static const char *const names[] = {"", " by itself", " by server ", " by peer "};
    console_text(names[who->kind]);
    if (who->kind != PROA_ACTOR_LOCAL) {
        console_number(who->short_id);
    }
}

/* "OK", "HOST_OFFLINE", as everywhere where programs read. */
static void outcome(proa_outcome value)
{
    const char *name = proa_outcome_name(value);
    console_text(" ");
    for (; *name != '\0'; name++) {
        char letter = *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        console_span(proa_span_make(letter == ' ' ? "_" : &letter, 1));
    }
}

/* Text as it is, everything else as hex digits. */
static void payload(uint16_t format, proa_span bytes)
{
    console_text(" ");
    if (format == PROA_FORMAT_TEXT) {
        console_span(bytes);
        return;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        for (int shift = 4; shift >= 0; shift -= 4) {
            board_put((uint8_t)"0123456789abcdef"[bytes.data[i] >> shift & 15]);
        }
    }
}

/* ---- commands ---------------------------------------------------------------------------- */

static bool read_path(const char *text, proa_path *out)
{
    if (proa_path_parse(proa_span_of(text), out) != PROA_OK) {
        fail("a path is as /3311/0/5850");
        return false;
    }
    return true;
}

static void run_read(char **words)
{
    uint8_t text[VALUE_MAX];
    proa_record record;
    proa_payload_writer p;
    proa_writer w = proa_writer_make(text, sizeof text);
    if (!read_path(words[1], &record.path)) {
        return;
    }
    if (record.path.depth < 3 ||
        proa_client_read_local(device_client, &record.path, &record.value) != PROA_OK ||
        proa_payload_begin(&p, &w, PROA_FORMAT_TEXT, &record.path) != PROA_OK ||
        proa_payload_add(&p, &record) != PROA_OK || proa_payload_end(&p) != PROA_OK) {
        fail("no such value");
        return;
    }
    console_begin("value ");
    console_path(&record.path);
    payload(PROA_FORMAT_TEXT, proa_writer_span(&w));
    console_end();
}

/* The type that the model says a resource has. */
static proa_type type_of(void *ctx, const proa_path *path)
{
    (void)ctx;
    for (size_t i = 0; firmware_objects[i] != NULL; i++) {
        const proa_object *object = firmware_objects[i];
        for (size_t n = 0; object->id == path->ids[0] && n < object->resource_count; n++) {
            if (object->resources[n].id == path->ids[2]) {
                return object->resources[n].type;
            }
        }
    }
    return PROA_TYPE_NONE;
}

/* A function of its own, as its 400 bytes are off the stack again when the value is written and told. */
__attribute__((noinline)) static bool read_value(const proa_path *path, const char *text,
                                                 proa_record *out)
{
    proa_payload_reader p;
    return proa_payload_read(&p, PROA_FORMAT_TEXT, path, proa_span_of(text), type_of, NULL) ==
               PROA_OK &&
           proa_payload_next(&p, out);
}

static void run_set(char **words)
{
    proa_path path;
    proa_record record;
    if (!read_path(words[1], &path)) {
        return;
    }
    proa_type type = path.depth == 3 ? type_of(NULL, &path) : PROA_TYPE_NONE;
    if (type == PROA_TYPE_NONE || type == PROA_TYPE_OPAQUE || /* decoded, it lay in the reader */
        !read_value(&path, words[2], &record) ||
        proa_client_write_local(device_client, board_now_ms(), &path, &record.value) != PROA_OK) {
        fail("not such a value");
        return;
    }
    console_begin("set ");
    console_path(&path);
    console_text(" ");
    line(words[2]);
}

static void ask(proa_c2c_ask *question, const char *path)
{
    proa_c2c_id id;
    if (!read_path(path, &question->path)) {
        return;
    }
    question->format = question->path.depth >= 3 ? PROA_FORMAT_TEXT : PROA_FORMAT_NONE;
    proa_err err = proa_c2c_send(device_c2c, board_now_ms(), question, &id);
    if (err != PROA_OK) {
        fail(proa_err_name(err));
        return;
    }
    console_begin("asked");
    field(" ", id);
    console_end();
}

static void run_ask(char **words)
{
    bool found;
    proa_c2c_ask question = {.endpoint = proa_span_of(words[1]),
                             .op = proa_operation_parse(proa_span_of(words[2]), &found),
                             .payload = proa_span_of(words[4] == NULL ? "" : words[4])};
    if (found) {
        ask(&question, words[3]);
    } else {
        fail("no such operation");
    }
}

static void run_observe(char **words)
{
    proa_c2c_ask question = {.endpoint = proa_span_of(words[1]), .op = PROA_OP_OBSERVE};
    ask(&question, words[2]);
}

static void run_probe(char **words)
{
    proa_c2c_ask question = {.endpoint = proa_span_of(words[1]),
                             .op = PROA_OP_READ,
                             .probe = true,
                             .probe_uri = proa_span_of(words[2])};
    ask(&question, words[3]);
}

static void run_cancel(char **words)
{
    uint64_t id;
    if (proa_parse_decimal(proa_span_of(words[1]), UINT32_MAX, &id) != PROA_OK) {
        fail("what is cancelled is a number");
        return;
    }
    proa_c2c_cancel(device_c2c, board_now_ms(), (proa_c2c_id)id);
    line("cancelled");
}

static void show_context(uint64_t account)
{
    proa_oscore_info info;
    if (device_context(account, &info)) {
        field(" oscore next ", info.next);
        field(" newest ", info.newest);
    }
}

static void run_peers(char **words)
{
    proa_c2c_peer peer;
    (void)words;
    for (size_t i = 0; proa_c2c_peer_at(device_c2c, board_now_ms(), i, &peer); i++) {
        console_begin("peer ");
        console_text(peer.endpoint);
        field(" id ", peer.short_id);
        field(" uses ", peer.uses);
        field(" left ", peer.left_s);
        console_text(peer.connected ? " connected" : "");
        show_context(peer.oscore);
        console_end();
    }
    line("peers end");
}

static void run_state(char **words)
{
    proa_server_status server;
    device_memory memory = device_memory_read();
    proa_client_stats stats = proa_client_stats_get(device_client);
    proa_secure_stats sessions = device_sessions();
    (void)words;
    console_begin("state ");
    console_text(firmware_configuration.endpoint);
    console_text(" on ");
    console_text(board_name);
    field(" ms ", board_now_ms());
    field(" served ", stats.requests_served);
    field(" denied ", stats.requests_denied);
    field(" notified ", stats.notifications);
    console_end();
    for (size_t i = 0; proa_client_server(device_client, i, &server); i++) {
        console_begin("server");
        field(" ", server.short_id);
        console_text(server.state == PROA_REG_REGISTERED ? " registered" : " not registered");
        show_context(server.oscore);
        console_end();
    }
    console_begin("sessions");
    field(" live ", sessions.live);
    field(" handshakes ", sessions.handshakes);
    field(" done ", sessions.handshakes_done);
    field(" failed ", sessions.handshakes_failed);
    field(" refused ", sessions.refused_full);
    console_end();
    console_begin("memory");
    field(" stack ", memory.stack);
    field(" of ", memory.stack_len);
    field(" engines ", memory.engines);
    field(" of ", memory.engines_len);
    field(" dtls ", memory.dtls);
    field(" of ", memory.dtls_len);
    console_end();
}

static void run_update(char **words)
{
    (void)words;
    proa_client_update(device_client, board_now_ms(), 0);
}

static void run_reboot(char **words)
{
    (void)words;
    board_reboot();
}

static void run_help(char **words);

static const struct {
    const char *name;
    uint8_t least; /* words, its name included */
    void (*run)(char **words);
    const char *help;
} commands[] = {
    {"state", 1, run_state, "registration and memory"},
    {"peers", 1, run_peers, "other devices that this one knows"},
    {"read", 2, run_read, "PATH: a value of this device"},
    {"set", 3, run_set, "PATH VALUE: change one"},
    {"ask", 4, run_ask, "ENDPOINT read|write|execute|... PATH [VALUE]: of another device"},
    {"observe", 3, run_observe, "ENDPOINT PATH: follow a value"},
    {"probe", 4, run_probe, "ENDPOINT URI PATH: be refused first, then read"},
    {"cancel", 2, run_cancel, "NUMBER: of a question"},
    {"update", 1, run_update, "the registration"},
    {"reboot", 1, run_reboot, "start again"},
    {"help", 1, run_help, "this list"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void run_help(char **words)
{
    (void)words;
    for (size_t i = 0; i < COMMANDS; i++) {
        console_begin("help ");
        console_text(commands[i].name);
        console_text(" ");
        line(commands[i].help);
    }
}

/* Spaces become zeros; words that are not there are NULL. */
static size_t split(char *text, char *words[WORDS_MAX])
{
    size_t count = 0;
    memset(words, 0, WORDS_MAX * sizeof *words);
    while (count < WORDS_MAX) {
        while (*text == ' ') {
            *text++ = '\0';
        }
        if (*text == '\0') {
            break;
        }
        words[count++] = text;
        while (*text != '\0' && *text != ' ') {
            text++;
        }
    }
    return count;
}

static void command(char *text)
{
    char *words[WORDS_MAX];
    size_t count = split(text, words);
    for (size_t i = 0; count > 0 && i < COMMANDS; i++) {
        if (proa_span_equal(proa_span_of(words[0]), proa_span_of(commands[i].name)) &&
            count >= commands[i].least) {
            commands[i].run(words);
            return;
        }
    }
    fail("not understood; help lists what is");
}

/* ---- events ------------------------------------------------------------------------------ */

static void client_event(const proa_client_event *e)
{
    static const char *const names[] = {"",         "registered ", "updated ",    "deregistered ",
                                        "",         "written ",    "executed ",   "created ",
                                        "deleted ", "observed ",   "unobserved ", "refused "};
    if (e->kind == PROA_CLIENT_REGISTER_FAILED) {
        console_begin("not registered ");
        console_text(e->code == 0 ? proa_err_name(e->err) : "");
        code(e->code);
        field(" again in ms ", e->retry_ms);
        console_end();
        return;
    }
    console_begin(names[e->kind]);
    if (e->kind <= PROA_CLIENT_DEREGISTERED) {
        console_number(e->short_id);
    } else {
        console_path(&e->path);
        actor(&e->who);
        if (e->kind == PROA_CLIENT_REFUSED) {
            code(e->code);
        }
    }
    console_end();
}

static void peer_event(const proa_c2c_event *e)
{
    static const char *const names[] = {"",           "hint",        "authorizing",  "authorized",
                                        "connected",  "outcome",     "notification", "observe_end",
                                        "peer_added", "peer_removed"};
    bool about_peer = e->kind == PROA_C2C_PEER_ADDED || e->kind == PROA_C2C_PEER_REMOVED;
    console_begin(names[e->kind]);
    if (about_peer) {
        console_text(" ");
        console_span(e->endpoint);
    } else {
        field(" ", e->id);
    }
    if (e->kind == PROA_C2C_HINT) {
        console_text(" ");
        console_span(e->text);
    }
    if (e->kind == PROA_C2C_OUTCOME || e->kind == PROA_C2C_OBSERVE_END ||
        e->kind == PROA_C2C_PEER_REMOVED) {
        outcome(e->outcome);
    }
    if (e->kind == PROA_C2C_OUTCOME) {
        code(e->code);
    }
    if (e->kind == PROA_C2C_OUTCOME || e->kind == PROA_C2C_NOTIFICATION) {
        payload(e->format, e->payload);
    }
    console_end();
}

/* Not in the main loop's frame, which lies under everything that a datagram sets off. */
__attribute__((noinline)) void shell_work(void)
{
    proa_client_event mine;
    proa_c2c_event peers;
    while (proa_client_poll(device_client, board_now_ms(), &mine)) {
        client_event(&mine);
    }
    while (proa_c2c_poll(device_c2c, board_now_ms(), &peers)) {
        peer_event(&peers);
    }
    char *typed = console_line();
    if (typed != NULL) {
        command(typed);
    }
}
