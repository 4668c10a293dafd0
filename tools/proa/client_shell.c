/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the client's shell: one table, one function each. A command answers with one line
 * at once; what it started goes on as events. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objects/definitions.h"
#include "objects/payload_json.h"
#include "objects/value_json.h"
#include "ports/linux/os.h"
#include "tools/proa/client.h"
#include "tools/proa/console.h"

#define WORDS_MAX 24
#define WAIT_DEFAULT_MS 60000
#define GOODBYE_MS 6000 /* the engine gives a server 5 s */

/* ---- answers ---------------------------------------------------------------------------- */

static void fail(proa_tool_client *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fail(proa_tool_client *t, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    t->command_errors++;
    proa_output_say(&t->out, json_pack("{s:s, s:s}", "event", "error", "error", text), "error: %s",
                    text);
}

static bool read_path(proa_tool_client *t, const char *text, proa_path *path)
{
    switch (proa_definition_path(proa_span_of(text), path)) {
    case PROA_OK:
        return true;
    case PROA_E_NOT_FOUND:
        fail(t, "%s: no object or resource has such a name", text);
        return false;
    default:
        fail(t, "%s is no path; a path is as /3311/0/5850 or \"/Light Control/0/On/Off\"", text);
        return false;
    }
}

static bool read_seconds(proa_tool_client *t, const char *text, uint64_t *ms)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 86400)) {
        fail(t, "\"%s\" must be seconds, from 0 to 86400", text);
        return false;
    }
    *ms = (uint64_t)(seconds * 1000 + 0.5);
    return true;
}

/* ---- the device's own values ------------------------------------------------------------ */

static json_t *value_record(const proa_path *path, const proa_value *value)
{
    const proa_resource_definition *known = proa_definition_resource(path->ids[0], path->ids[2]);
    json_t *json = proa_value_to_json(value);
    return json_pack("{s:o, s:s, s:s, s:o, s:s}", "path", proa_json_of_path(path), "name",
                     known == NULL ? "" : known->name, "type", proa_type_name(value->type), "value",
                     json == NULL ? json_null() : json, "unit", known == NULL ? "" : known->unit);
}

json_t *proa__client_values(proa_tool_client *t, const proa_path *path)
{
    const proa_simulated *object = proa_device_file_object(&t->file, path->ids[0]);
    json_t *values = json_array();
    proa_path at;
    const proa_value *value;
    proa_value engine_value;
    if (path->depth == 0) {
        return values;
    }
    for (size_t n = 0; object != NULL && proa_simulated_value(object, path, n, &at, &value); n++) {
        json_array_append_new(values, value_record(&at, value));
    }
    /* Objects of the engine have no list here, but their resources can be read one by one. */
    if (object == NULL && path->depth >= 3 &&
        proa_client_read_local(proa_device_client(t->device), path, &engine_value) == PROA_OK) {
        json_array_append_new(values, value_record(path, &engine_value));
    }
    return values;
}

static void run_read(proa_tool_client *t, int count, char **words)
{
    proa_path path;
    (void)count;
    if (!read_path(t, words[1], &path)) {
        return;
    }
    json_t *values = proa__client_values(t, &path);
    if (json_array_size(values) == 0) {
        fail(t, "%s: nothing to read here", words[1]);
    } else {
        proa_output_say(&t->out,
                        json_pack("{s:s, s:o, s:O}", "event", "read", "path",
                                  proa_json_of_path(&path), "values", values),
                        NULL);
        proa__client_show_values(&t->out, values);
    }
    json_decref(values);
}

static void run_set(proa_tool_client *t, int count, char **words)
{
    uint8_t scratch[PROA_BODY_MAX];
    proa_path path;
    proa_value value;
    (void)count;
    if (!read_path(t, words[1], &path)) {
        return;
    }
    const proa_simulated *object = proa_device_file_object(&t->file, path.ids[0]);
    const proa_resource *resource =
        object == NULL || path.depth < 3 ? NULL : proa_simulated_resource(object, path.ids[2]);
    if (resource == NULL) {
        fail(t, "%s: no resource of this device's file", words[1]);
        return;
    }
    json_t *json = proa_value_typed(resource->type, words[2]);
    const char *expected =
        proa_value_from_json(&value, resource->type, json, scratch, sizeof scratch);
    if (expected != NULL) {
        fail(t, "%s: \"%s\" %s", words[1], words[2], expected);
    } else {
        uint64_t now_ns = proa_linux_now_ns();
        proa_err err = proa_client_write_local(proa_device_client(t->device), proa_linux_now_ms(),
                                               &path, &value);
        if (err != PROA_OK) {
            fail(t, "%s: %s", words[1], proa_err_name(err));
        } else {
            json_t *shown = proa_value_to_json(&value);
            proa_output_say(&t->out,
                            json_pack("{s:s, s:o, s:O, s:I}", "event", "set", "path",
                                      proa_json_of_path(&path), "value", shown, "t_ns",
                                      (json_int_t)now_ns),
                            NULL);
            json_decref(shown);
        }
    }
    json_decref(json);
}

/* ---- questions -------------------------------------------------------------------------- */

proa_tool_ask *proa__client_ask(proa_tool_client *t, proa_c2c_id id)
{
    for (size_t i = 0; i < PROA_TOOL_ASKS_MAX; i++) {
        if (t->asks[i].id == id && (t->asks[i].open || t->asks[i].observing)) {
            return &t->asks[i];
        }
    }
    return NULL;
}

static proa_tool_ask *free_ask(proa_tool_client *t)
{
    for (size_t i = 0; i < PROA_TOOL_ASKS_MAX; i++) {
        if (!t->asks[i].open && !t->asks[i].observing) {
            return &t->asks[i];
        }
    }
    return NULL;
}

/* What the rest of an ask's words say. */
typedef struct ask_words {
    proa_c2c_ask ask;
    proa_attributes attributes;
    const char *value; /* or NULL */
    uint8_t payload[PROA_BODY_MAX];
} ask_words;

static bool read_rights(const char *text, uint8_t *out)
{
    static const char letters[] = "RWEDC";
    *out = 0;
    for (; *text != '\0'; text++) {
        const char *letter = strchr(letters, *text);
        if (letter == NULL) {
            return false;
        }
        *out |= (uint8_t)(1U << (letter - letters));
    }
    return *out != 0;
}

/* One word that begins with "--"; `next` is the word after it or NULL. Returns how many words were
 * taken, 0 after an error. */
static int read_ask_option(proa_tool_client *t, ask_words *a, const char *word, const char *next)
{
    uint64_t ms;
    if (strcmp(word, "--wait") == 0) {
        a->ask.wait = true;
        return 1;
    }
    if (strcmp(word, "--probe") != 0 && strcmp(word, "--timeout") != 0 &&
        strcmp(word, "--rights") != 0) {
        fail(t, "unknown option %s; known: --probe URI, --wait, --timeout SECONDS, --rights RWEDC",
             word);
        return 0;
    }
    if (next == NULL) {
        fail(t, "%s needs a value", word);
        return 0;
    }
    if (word[2] == 'p') {
        a->ask.probe = true;
        a->ask.probe_uri = proa_span_of(next);
    } else if (word[2] == 'r' && !read_rights(next, &a->ask.rights)) {
        fail(t, "--rights: \"%s\" must be of the letters R W E D C", next);
        return 0;
    } else if (word[2] == 't') {
        if (!read_seconds(t, next, &ms)) {
            return 0;
        }
        a->ask.timeout_ms = (uint32_t)ms;
    }
    return 2;
}

static bool read_ask_words(proa_tool_client *t, ask_words *a, int count, char **words)
{
    for (int i = 0; i < count;) {
        if (strncmp(words[i], "--", 2) == 0) {
            int taken = read_ask_option(t, a, words[i], i + 1 < count ? words[i + 1] : NULL);
            if (taken == 0) {
                return false;
            }
            i += taken;
            continue;
        }
        bool takes_attributes =
            a->ask.op == PROA_OP_OBSERVE || a->ask.op == PROA_OP_WRITE_ATTRIBUTES;
        if (takes_attributes &&
            proa_attributes_parse(proa_span_of(words[i]), &a->attributes) != PROA_OK) {
            fail(t, "\"%s\" is no attribute; known: pmin pmax gt lt st con, as pmin=10", words[i]);
            return false;
        }
        if (!takes_attributes && a->value != NULL) {
            fail(t, "\"%s\": one value only; quotes keep words together", words[i]);
            return false;
        }
        if (!takes_attributes) {
            a->value = words[i];
        }
        i++;
    }
    if (proa_attributes_check(&a->attributes) != PROA_OK) {
        fail(t, "the attributes contradict each other: lt + 2 st must be less than gt");
        return false;
    }
    a->ask.attributes =
        a->attributes.set != 0 || a->attributes.cleared != 0 ? &a->attributes : NULL;
    return true;
}

/* The value as payload: plain text to execute with or for a resource that nobody knows, TLV for
 * all else. */
static bool encode_value(proa_tool_client *t, ask_words *a)
{
    char message[256] = "cannot be encoded";
    bool writes = a->ask.op == PROA_OP_WRITE_REPLACE || a->ask.op == PROA_OP_WRITE_UPDATE ||
                  a->ask.op == PROA_OP_CREATE;
    proa_type type = proa_definition_type(NULL, &a->ask.path);
    if (a->value == NULL) {
        if (writes && a->ask.op != PROA_OP_CREATE) {
            fail(t, "which value?");
        }
        return !writes || a->ask.op == PROA_OP_CREATE;
    }
    if (!writes && a->ask.op != PROA_OP_EXECUTE) {
        fail(t, "\"%s\": %s takes no value", a->value, proa_operation_name(a->ask.op));
        return false;
    }
    if (!writes || (a->ask.path.depth >= 3 && type == PROA_TYPE_NONE)) {
        a->ask.format = PROA_FORMAT_TEXT;
        a->ask.payload = proa_span_of(a->value);
        return true;
    }
    proa_writer w = proa_writer_make(a->payload, sizeof a->payload);
    json_t *json = proa_value_typed(type, a->value);
    bool ok = json != NULL && proa_values_encode(json, &a->ask.path, &w, message, sizeof message);
    json_decref(json);
    if (!ok) {
        fail(t, "\"%s\": %s", a->value, message);
    }
    a->ask.format = PROA_FORMAT_TLV;
    a->ask.payload = proa_writer_span(&w);
    return ok;
}

static void send_ask(proa_tool_client *t, const ask_words *a, const char *endpoint)
{
    proa_tool_ask *record = free_ask(t);
    proa_c2c_id id;
    if (record == NULL) {
        fail(t, "%d questions are under way already", PROA_TOOL_ASKS_MAX);
        return;
    }
    if (strlen(endpoint) >= sizeof record->endpoint) {
        fail(t, "%s: an endpoint has at most %d characters", endpoint, PROA_ENDPOINT_MAX);
        return;
    }
    uint64_t now_ns = proa_linux_now_ns();
    proa_err err = proa_c2c_send(proa_device_c2c(t->device), proa_linux_now_ms(), &a->ask, &id);
    if (err != PROA_OK) {
        fail(t, "the question could not be asked: %s", proa_err_name(err));
        return;
    }
    *record = (proa_tool_ask){
        .open = true,
        .id = id,
        .op = a->ask.op,
        .path = a->ask.path,
        .started_ns = now_ns,
        .authorize_ms = -1,
    };
    memcpy(record->endpoint, endpoint, strlen(endpoint) + 1);
    t->asked++;
    proa_output_say(&t->out,
                    json_pack("{s:s, s:I, s:s, s:s, s:o, s:I}", "event", "asked", "id",
                              (json_int_t)id, "endpoint", endpoint, "operation",
                              proa_operation_name(a->ask.op), "path",
                              proa_json_of_path(&a->ask.path), "t_ns", (json_int_t)now_ns),
                    "[%u] asked", (unsigned)id);
}

static void ask(proa_tool_client *t, proa_operation op, const char *endpoint, const char *path,
                int count, char **words)
{
    ask_words a = {.ask = {.op = op, .format = PROA_FORMAT_NONE}};
    a.ask.endpoint = proa_span_of(endpoint);
    if (!read_path(t, path, &a.ask.path) || !read_ask_words(t, &a, count, words)) {
        return;
    }
    /* A resource is replaced, an instance is updated: replacing it would clear what is not named
     * (Core 1.2 §6.3.3). */
    if (op == PROA_OP_WRITE_REPLACE && a.ask.path.depth < 3) {
        a.ask.op = PROA_OP_WRITE_UPDATE;
    }
    if (encode_value(t, &a)) {
        send_ask(t, &a, endpoint);
    }
}

static void run_ask(proa_tool_client *t, int count, char **words)
{
    bool found;
    proa_operation op = proa_operation_parse(proa_span_of(words[2]), &found);
    if (!found || op == PROA_OP_CANCEL_OBSERVE) {
        fail(t,
             "unknown operation \"%s\"; known: read observe discover write write-update "
             "write-attributes execute create delete",
             words[2]);
        return;
    }
    ask(t, op, words[1], words[3], count - 4, words + 4);
}

static void run_observe(proa_tool_client *t, int count, char **words)
{
    ask(t, PROA_OP_OBSERVE, words[1], words[2], count - 3, words + 3);
}

static void run_cancel(proa_tool_client *t, int count, char **words)
{
    uint64_t id;
    proa_tool_ask *found = NULL;
    (void)count;
    if (proa_parse_decimal(proa_span_of(words[1]), UINT32_MAX, &id) == PROA_OK) {
        found = proa__client_ask(t, (proa_c2c_id)id);
    }
    if (found == NULL) {
        fail(t, "%s: no question or observation has this id", words[1]);
        return;
    }
    proa_c2c_cancel(proa_device_c2c(t->device), proa_linux_now_ms(), found->id);
    found->open = false;
    found->observing = false;
    proa_output_say(&t->out, json_pack("{s:s, s:I}", "event", "cancelled", "id", (json_int_t)id),
                    "[%u] cancelled", (unsigned)id);
}

/* ---- looking ---------------------------------------------------------------------------- */

/* How messages to and from an account are protected. Of OSCORE: can we send, and is the window of the
 * other side known; after a restart its next request is answered with an Echo first. */
static const char *protection_word(const proa_oscore_info *info)
{
    if (info->renewing) {
        return "renewing keys";
    }
    if (!info->usable) {
        return "no keys left";
    }
    return info->synchronised ? "ready" : "ready, asks for an Echo";
}

static json_t *protection_json(const proa_tool_client *t, uint64_t oscore, const char **word)
{
    proa_oscore_info info;
    *word = NULL;
    if (!proa_device_context(t->device, oscore, &info)) {
        return json_null();
    }
    *word = protection_word(&info);
    return json_pack("{s:b, s:b, s:b, s:I, s:I}", "usable", info.usable, "renewing", info.renewing,
                     "synchronised", info.synchronised, "next", (json_int_t)info.next, "newest",
                     (json_int_t)info.newest);
}

static void run_peers(proa_tool_client *t, int count, char **words)
{
    proa_c2c_peer peer;
    json_t *list = json_array();
    (void)count;
    (void)words;
    for (size_t i = 0; proa_c2c_peer_at(proa_device_c2c(t->device), proa_linux_now_ms(), i, &peer);
         i++) {
        bool forever = peer.left_s == UINT32_MAX;
        const char *word;
        json_t *context = protection_json(t, peer.oscore, &word);
        json_array_append_new(list,
                              json_pack("{s:s, s:i, s:s, s:s, s:o, s:b, s:b, s:o, s:I}", "endpoint",
                                        peer.endpoint, "short_id", peer.short_id, "uri", peer.uri,
                                        "security", peer.oscore != 0 ? "oscore" : "dtls", "oscore",
                                        context, "connected", peer.connected, "used", peer.used,
                                        "left_s", forever ? json_null() : json_integer(peer.left_s),
                                        "uses", (json_int_t)peer.uses));
        char left[24] = "no end";
        if (!forever) {
            snprintf(left, sizeof left, "%u s left", (unsigned)peer.left_s);
        }
        proa_output_line(&t->out, "    %-20s %-12s %-14s %u uses  %s", peer.endpoint,
                         word != NULL     ? word
                         : peer.connected ? "connected"
                                          : "no session",
                         left, (unsigned)peer.uses, peer.uri);
    }
    if (json_array_size(list) == 0) {
        proa_output_line(&t->out, "no peers yet");
    }
    proa_output_say(&t->out, json_pack("{s:s, s:o}", "event", "peers", "peers", list), NULL);
}

static const char *state_word(proa_registration_state state)
{
    static const char *const words[] = {"idle",     "connecting", "registering", "registered",
                                        "updating", "waiting",    "stopping"};
    return (size_t)state < sizeof words / sizeof *words ? words[state] : "unknown";
}

static json_t *servers_json(const proa_tool_client *t)
{
    proa_server_status status;
    json_t *list = json_array();
    uint64_t now_ms = proa_linux_now_ms();
    for (size_t i = 0; proa_client_server(proa_device_client(t->device), i, &status); i++) {
        uint64_t left_ms = status.next_ms > now_ms ? status.next_ms - now_ms : 0;
        const char *word;
        json_t *context = protection_json(t, status.oscore, &word);
        json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:o, s:o, s:I}", "server",
                                              status.short_id, "uri", status.uri, "state",
                                              state_word(status.state), "oscore", context, "next_s",
                                              status.next_ms == UINT64_MAX
                                                  ? json_null()
                                                  : json_integer((json_int_t)(left_ms / 1000)),
                                              "lifetime_s", (json_int_t)status.lifetime_s));
        proa_output_line(&t->out, "    server %u %s: %s%s%s", status.short_id, status.uri,
                         state_word(status.state), word != NULL ? "; OSCORE " : "",
                         word != NULL ? word : "");
    }
    return list;
}

static void run_state(proa_tool_client *t, int count, char **words)
{
    proa_client_stats s = proa_client_stats_get(proa_device_client(t->device));
    proa_c2c_stats c = proa_c2c_stats_get(proa_device_c2c(t->device));
    proa_addr local = proa_device_local(t->device);
    json_t *address = proa_json_of_addr(&local);
    (void)count;
    (void)words;
    proa_output_line(&t->out, "%s at %s", t->file.endpoint, json_string_value(address));
    json_t *servers = servers_json(t);
    proa_output_line(&t->out, "    %llu datagrams in, %llu out, %llu retransmitted",
                     (unsigned long long)s.coap.received, (unsigned long long)s.coap.sent,
                     (unsigned long long)s.coap.retransmitted);
    proa_output_line(&t->out,
                     "    %llu requests served, %llu denied, %llu notifications, %u "
                     "observations",
                     (unsigned long long)s.requests_served, (unsigned long long)s.requests_denied,
                     (unsigned long long)s.notifications, (unsigned)s.observations);
    proa_output_line(&t->out, "    %u peers, %u access entries, %llu grants got, %llu hints given",
                     (unsigned)c.peers, (unsigned)c.access_entries, (unsigned long long)c.granted,
                     (unsigned long long)c.hints_sent);
    json_t *counters = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "coap_received",
        (json_int_t)s.coap.received, "coap_sent", (json_int_t)s.coap.sent, "retransmitted",
        (json_int_t)s.coap.retransmitted, "requests_served", (json_int_t)s.requests_served,
        "requests_denied", (json_int_t)s.requests_denied, "notifications",
        (json_int_t)s.notifications, "observations", (json_int_t)s.observations, "peers",
        (json_int_t)c.peers, "access_entries", (json_int_t)c.access_entries, "granted",
        (json_int_t)c.granted, "denied", (json_int_t)c.denied, "hints_sent",
        (json_int_t)c.hints_sent, "expired", (json_int_t)c.expired);
    proa_output_say(&t->out,
                    json_pack("{s:s, s:s, s:o, s:o, s:o}", "event", "state", "endpoint",
                              t->file.endpoint, "address", address, "servers", servers, "counters",
                              counters),
                    NULL);
}

/* ---- registration and waiting ----------------------------------------------------------- */

static void run_update(proa_tool_client *t, int count, char **words)
{
    uint64_t id = 0;
    if (count > 1 && proa_parse_decimal(proa_span_of(words[1]), 65534, &id) != PROA_OK) {
        fail(t, "%s is no Short Server ID", words[1]);
        return;
    }
    proa_client_update(proa_device_client(t->device), proa_linux_now_ms(), (uint16_t)id);
    proa_output_say(&t->out, json_pack("{s:s}", "event", "updating"), NULL);
}

bool proa__client_registered(const proa_tool_client *t)
{
    proa_server_status status;
    size_t i = 0;
    for (; proa_client_server(proa_device_client(t->device), i, &status); i++) {
        if (status.state != PROA_REG_REGISTERED && status.state != PROA_REG_UPDATING) {
            return false;
        }
    }
    return i > 0;
}

bool proa__client_idle(const proa_tool_client *t)
{
    for (size_t i = 0; i < PROA_TOOL_ASKS_MAX; i++) {
        if (t->asks[i].open) {
            return false;
        }
    }
    return true;
}

bool proa__client_waited(const proa_tool_client *t)
{
    return t->wait == PROA_WAIT_NOTHING || proa_linux_now_ms() >= t->wait_ms ||
           (t->wait == PROA_WAIT_REGISTERED && proa__client_registered(t)) ||
           (t->wait == PROA_WAIT_IDLE && proa__client_idle(t));
}

static void run_wait(proa_tool_client *t, int count, char **words)
{
    uint64_t ms = WAIT_DEFAULT_MS;
    proa_tool_wait wait = strcmp(words[1], "registered") == 0 ? PROA_WAIT_REGISTERED
                          : strcmp(words[1], "idle") == 0     ? PROA_WAIT_IDLE
                                                              : PROA_WAIT_TIME;
    const char *seconds = wait == PROA_WAIT_TIME ? words[1] : count > 2 ? words[2] : NULL;
    if (wait == PROA_WAIT_TIME && count > 2) {
        fail(t, "\"%s\" must be registered or idle", words[1]);
        return;
    }
    if (seconds == NULL || read_seconds(t, seconds, &ms)) {
        t->wait = wait;
        t->wait_ms = proa_linux_now_ms() + ms;
    }
}

void proa__client_quit(proa_tool_client *t)
{
    t->stopping = true;
    t->stop_ms = proa_linux_now_ms() + GOODBYE_MS;
    proa_client_stop(proa_device_client(t->device), proa_linux_now_ms());
}

static void run_quit(proa_tool_client *t, int count, char **words)
{
    (void)count;
    (void)words;
    proa__client_quit(t);
}

/* ---- the table -------------------------------------------------------------------------- */

static void run_help(proa_tool_client *t, int count, char **words);

static const struct {
    const char *name;
    const char *usage;
    const char *help;
    void (*run)(proa_tool_client *t, int count, char **words);
    int words_min, words_max;
} commands[] = {
    {"read", "read PATH", "values of this device", run_read, 2, 2},
    {"set", "set PATH VALUE", "change a value of this device; observers are told", run_set, 3, 3},
    {"write", "write PATH VALUE", "the same as set", run_set, 3, 3},
    {"ask",
     "ask ENDPOINT OPERATION PATH [VALUE] [--wait] [--timeout S] [--rights RWEDC] "
     "[--probe URI]",
     "read, observe, discover, write, execute, create or delete on another device", run_ask, 4,
     WORDS_MAX},
    {"observe", "observe ENDPOINT PATH [pmin=S] [pmax=S] [gt=N] [lt=N] [st=N]",
     "follow a value of another device", run_observe, 3, WORDS_MAX},
    {"cancel", "cancel ID", "end a question or an observation", run_cancel, 2, 2},
    {"peers", "peers", "devices that this one may talk to, or that may talk to it", run_peers, 1,
     1},
    {"state", "state", "registrations and counters", run_state, 1, 1},
    {"update", "update [SERVER]", "send a registration update now", run_update, 1, 2},
    {"wait", "wait registered|idle|SECONDS [SECONDS]", "take no more commands until then", run_wait,
     2, 3},
    {"help", "help", "this list", run_help, 1, 2},
    {"quit", "quit", "sign off from the servers and end", run_quit, 1, 1},
};

static void run_help(proa_tool_client *t, int count, char **words)
{
    json_t *list = json_array();
    (void)count;
    (void)words;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "usage", commands[i].usage, "help", commands[i].help));
        proa_output_line(&t->out, "    %s", commands[i].usage);
        proa_output_line(&t->out, "            %s", commands[i].help);
    }
    proa_output_say(&t->out, json_pack("{s:s, s:o}", "event", "help", "commands", list), NULL);
}

void proa__client_shell(proa_tool_client *t, char *line)
{
    char *words[WORDS_MAX];
    int count = line == NULL ? -2 : proa_console_split(line, words, WORDS_MAX);
    if (count == 0 || (count > 0 && words[0][0] == '#')) {
        return;
    }
    if (count < 0 || count > WORDS_MAX) {
        fail(t, count == -1 ? "a quote is not closed" : "the line is too long");
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, words[0]) != 0) {
            continue;
        }
        if (count < commands[i].words_min || count > commands[i].words_max) {
            fail(t, "usage: %s", commands[i].usage);
        } else {
            commands[i].run(t, count, words);
        }
        return;
    }
    fail(t, "unknown command \"%s\"; `help` lists them", words[0]);
}
