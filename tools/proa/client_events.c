/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to the device and its questions, as lines. Times in "t_ns" are those of the moment
 * at which the application got to know, on a clock that all processes of the machine share. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "objects/payload_json.h"
#include "ports/linux/os.h"
#include "tools/proa/client.h"

void proa__client_show_values(const proa_output *o, const json_t *values)
{
    size_t index;
    json_t *item;
    json_array_foreach(values, index, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        const char *unit = json_string_value(json_object_get(item, "unit"));
        const char *attributes = json_string_value(json_object_get(item, "attributes"));
        const char *path = json_string_value(json_object_get(item, "path"));
        const json_t *value = json_object_get(item, "value");
        if (value == NULL) {
            proa_output_line(o, "    %s %s", path, attributes == NULL ? "" : attributes);
        } else {
            proa_output_line(o, "    %s %s%s= %s %s", path, name == NULL ? "" : name,
                             name == NULL || name[0] == '\0' ? "" : " ", proa_output_value(value),
                             unit == NULL ? "" : unit);
        }
    }
}

/* Programs get the words of the enumeration: "OK", "HOST_OFFLINE". */
static json_t *outcome_json(proa_outcome outcome)
{
    char word[32];
    snprintf(word, sizeof word, "%s", proa_outcome_name(outcome));
    for (char *at = word; *at != '\0'; at++) {
        *at = *at == ' ' ? '_' : (char)toupper((unsigned char)*at);
    }
    return json_string(word);
}

static json_int_t now_ns(void)
{
    return (json_int_t)proa_linux_now_ns();
}

/* "server 1", "peer switch", "this device". */
static void name_actor(const proa_tool_client *t, const proa_actor *who, char *out, size_t cap)
{
    proa_c2c_peer peer;
    snprintf(out, cap, "%s", who->kind == PROA_ACTOR_LOCAL ? "this device" : "an unknown party");
    if (who->kind == PROA_ACTOR_SERVER) {
        snprintf(out, cap, "server %u", who->short_id);
    } else if (who->kind == PROA_ACTOR_PEER) {
        snprintf(out, cap, "peer %u", who->short_id);
        for (size_t i = 0;
             proa_c2c_peer_at(proa_device_c2c(t->device), proa_linux_now_ms(), i, &peer); i++) {
            if (peer.short_id == who->short_id) {
                snprintf(out, cap, "peer %s", peer.endpoint);
                return;
            }
        }
    }
}

/* ---- the device's own events ------------------------------------------------------------ */

static void say_registration(const proa_tool_client *t, const proa_client_event *e)
{
    static const char *const words[] = {"", "registered", "updated", "deregistered"};
    const char *word = words[e->kind];
    proa_output_say(
        &t->out,
        json_pack("{s:s, s:i, s:I}", "event", word, "server", e->short_id, "t_ns", now_ns()),
        e->kind == PROA_CLIENT_UPDATED ? NULL : "%s with server %u", word, e->short_id);
}

static void say_failed(const proa_tool_client *t, const proa_client_event *e)
{
    json_t *code = e->code == 0 ? json_null() : proa_json_of_code(e->code);
    const char *why = e->code == 0 ? proa_err_name(e->err) : json_string_value(code);
    proa_output_say(&t->out,
                    json_pack("{s:s, s:i, s:O, s:s, s:I}", "event", "register_failed", "server",
                              e->short_id, "code", code, "error",
                              e->code == 0 ? proa_err_name(e->err) : "refused", "retry_ms",
                              (json_int_t)e->retry_ms),
                    "server %u: not registered (%s), next attempt in %.1f s", e->short_id, why,
                    e->retry_ms / 1000.0);
    json_decref(code);
}

static void say_written(proa_tool_client *t, const proa_client_event *e, const char *by)
{
    json_int_t seen_ns = now_ns();
    json_t *path = proa_json_of_path(&e->path);
    json_t *values = proa__client_values(t, &e->path);
    json_t *first = json_object_get(json_array_get(values, 0), "value");
    bool single = e->path.depth >= 3 && json_array_size(values) == 1;
    json_t *fields = json_pack("{s:s, s:O, s:s, s:I}", "event", "written", "path", path, "by", by,
                               "t_ns", seen_ns);
    json_object_set(fields, single ? "value" : "values", single ? first : values);
    t->written++;
    proa_output_say(&t->out, fields, "written by %s: %s%s%s", by, json_string_value(path),
                    single ? " = " : "", single ? proa_output_value(first) : "");
    if (!single) {
        proa__client_show_values(&t->out, values);
    }
    json_decref(values);
    json_decref(path);
}

static void say_done_by(const proa_tool_client *t, const proa_client_event *e, const char *word,
                        const char *by)
{
    json_t *path = proa_json_of_path(&e->path);
    json_t *fields =
        json_pack("{s:s, s:O, s:s, s:I}", "event", word, "path", path, "by", by, "t_ns", now_ns());
    char code[8] = "";
    if (e->kind == PROA_CLIENT_REFUSED) {
        json_object_set_new(fields, "code", proa_json_of_code(e->code));
        snprintf(code, sizeof code, " %u.%02u", PROA_COAP_CLASS(e->code), e->code & 0x1fU);
    }
    proa_output_say(&t->out, fields, "%s%s: %s by %s", word, code, json_string_value(path), by);
    json_decref(path);
}

static void say_event(proa_tool_client *t, const proa_client_event *e)
{
    static const struct {
        proa_client_event_kind kind;
        const char *word;
    } words[] = {
        {PROA_CLIENT_EXECUTED, "executed"}, {PROA_CLIENT_CREATED, "created"},
        {PROA_CLIENT_DELETED, "deleted"},   {PROA_CLIENT_OBSERVED, "observed"},
        {PROA_CLIENT_REFUSED, "refused"},   {PROA_CLIENT_UNOBSERVED, "unobserved"},
    };
    char by[PROA_ENDPOINT_MAX + 16];
    switch (e->kind) {
    case PROA_CLIENT_REGISTERED:
    case PROA_CLIENT_UPDATED:
    case PROA_CLIENT_DEREGISTERED:
        say_registration(t, e);
        return;
    case PROA_CLIENT_REGISTER_FAILED:
        say_failed(t, e);
        return;
    default:
        break;
    }
    name_actor(t, &e->who, by, sizeof by);
    if (e->kind == PROA_CLIENT_WRITTEN) {
        say_written(t, e, by);
        return;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i].kind == e->kind) {
            say_done_by(t, e, words[i].word, by);
        }
    }
}

/* ---- questions to peers ----------------------------------------------------------------- */

/* What came with an answer: values, links, or bytes that nobody here can read. */
static json_t *add_payload(json_t *fields, const proa_c2c_event *e, const proa_path *path)
{
    json_t *values = NULL;
    if (e->payload.len == 0) {
        return NULL;
    }
    if (e->format == PROA_FORMAT_LINK) {
        values = proa_links_json(e->payload);
        json_object_set(fields, "links", values == NULL ? json_null() : values);
    } else if (PROA_COAP_CLASS(e->code) == 2) {
        values = proa_values_json(e->format, path, e->payload);
        json_object_set(fields, "values", values == NULL ? json_null() : values);
    }
    if (values == NULL) {
        json_object_set_new(fields, "format", json_integer(e->format));
        json_object_set_new(fields, "payload", proa_json_of_span(e->payload));
    }
    return values;
}

/* What people are told beside the outcome's name: " (2.05, the server decided in 12 ms)". */
static void outcome_detail(const proa_c2c_event *e, const proa_tool_ask *ask, char *out, size_t cap)
{
    char code[16] = "";
    char more[64] = "";
    if (e->code != 0) {
        snprintf(code, sizeof code, "%u.%02u", PROA_COAP_CLASS(e->code), e->code & 0x1fU);
    }
    if (e->outcome == PROA_OUTCOME_LOCAL) {
        snprintf(more, sizeof more, "%s", proa_err_name(e->err));
    } else if (e->retry_ms != 0) {
        snprintf(more, sizeof more, "try again in %u s", (unsigned)(e->retry_ms / 1000));
    } else if (e->via_server) {
        snprintf(more, sizeof more, "says the server");
    } else if (ask->authorize_ms >= 0) {
        snprintf(more, sizeof more, "the server decided in %lld ms", (long long)ask->authorize_ms);
    }
    bool both = code[0] != '\0' && more[0] != '\0';
    bool none = code[0] == '\0' && more[0] == '\0';
    snprintf(out, cap, none ? "%s%s%s" : " (%s%s%s)", code, both ? ", " : "", more);
}

static void say_outcome(proa_tool_client *t, const proa_c2c_event *e, proa_tool_ask *ask)
{
    uint64_t seen_ns = proa_linux_now_ns();
    const char *name = proa_outcome_name(e->outcome);
    char detail[96];
    json_t *path = proa_json_of_path(&ask->path);
    json_t *fields =
        json_pack("{s:s, s:I, s:s, s:s, s:O, s:o, s:o, s:o, s:I, s:b, s:b, s:I}", "event",
                  "outcome", "id", (json_int_t)e->id, "endpoint", ask->endpoint, "operation",
                  proa_operation_name(ask->op), "path", path, "outcome", outcome_json(e->outcome),
                  "code", e->code == 0 ? json_null() : proa_json_of_code(e->code), "authorize_ms",
                  ask->authorize_ms < 0 ? json_null() : json_integer(ask->authorize_ms), "total_us",
                  (json_int_t)((seen_ns - ask->started_ns) / 1000), "via_server", e->via_server,
                  "observing", e->observing, "t_ns", (json_int_t)seen_ns);
    if (e->outcome == PROA_OUTCOME_LOCAL) {
        json_object_set_new(fields, "error", json_string(proa_err_name(e->err)));
    }
    if (e->retry_ms != 0) {
        json_object_set_new(fields, "retry_ms", json_integer(e->retry_ms));
    }
    json_t *values = add_payload(fields, e, &ask->path);
    ask->open = false;
    ask->observing = e->observing;
    t->answered_ok += e->outcome == PROA_OUTCOME_OK;
    outcome_detail(e, ask, detail, sizeof detail);
    proa_output_say(&t->out, fields, "[%u] %s %s %s: %s%s", (unsigned)e->id,
                    proa_operation_name(ask->op), ask->endpoint, json_string_value(path), name,
                    detail);
    proa__client_show_values(&t->out, values);
    json_decref(values);
    json_decref(path);
}

static void say_notification(proa_tool_client *t, const proa_c2c_event *e, const proa_tool_ask *ask)
{
    json_int_t seen_ns = now_ns();
    json_t *path = proa_json_of_path(&ask->path);
    json_t *fields =
        json_pack("{s:s, s:I, s:s, s:O, s:I}", "event", "notification", "id", (json_int_t)e->id,
                  "peer", ask->endpoint, "path", path, "t_ns", seen_ns);
    json_t *values = add_payload(fields, e, &ask->path);
    bool single = json_array_size(values) == 1;
    json_t *value = json_object_get(json_array_get(values, 0), "value");
    t->notifications++;
    proa_output_say(&t->out, fields, "[%u] %s %s%s%s", (unsigned)e->id, ask->endpoint,
                    json_string_value(path), single ? " = " : "",
                    single ? proa_output_value(value) : "");
    if (!single) {
        proa__client_show_values(&t->out, values);
    }
    json_decref(values);
    json_decref(path);
}

static void say_step(const proa_tool_client *t, const proa_c2c_event *e, const char *word,
                     const proa_tool_ask *ask)
{
    json_t *hint = e->kind == PROA_C2C_HINT ? proa_json_of_span(e->text) : NULL;
    json_t *fields = json_pack("{s:s, s:I, s:s, s:I}", "event", word, "id", (json_int_t)e->id,
                               "endpoint", ask->endpoint, "t_ns", now_ns());
    if (hint != NULL) {
        json_object_set(fields, "server_uri", hint);
    }
    if (e->short_id != 0) {
        json_object_set_new(fields, "server", json_integer(e->short_id));
    }
    proa_output_say(&t->out, fields, "[%u] %s %s%s%s", (unsigned)e->id, ask->endpoint, word,
                    hint == NULL ? "" : ": ask ", hint == NULL ? "" : json_string_value(hint));
    json_decref(hint);
}

static void say_peer(const proa_tool_client *t, const proa_c2c_event *e)
{
    bool added = e->kind == PROA_C2C_PEER_ADDED;
    json_t *endpoint = proa_json_of_span(e->endpoint);
    json_t *fields = json_pack("{s:s, s:O, s:I}", "event", added ? "peer_added" : "peer_removed",
                               "endpoint", endpoint, "t_ns", now_ns());
    if (!added) {
        json_object_set_new(fields, "outcome", outcome_json(e->outcome));
    }
    proa_output_say(&t->out, fields, added ? "peer %s may talk to us%s" : "peer %s is gone: %s",
                    json_string_value(endpoint), added ? "" : proa_outcome_name(e->outcome));
    json_decref(endpoint);
}

static void say_c2c(proa_tool_client *t, const proa_c2c_event *e)
{
    proa_tool_ask *ask = proa__client_ask(t, e->id);
    if (e->kind == PROA_C2C_PEER_ADDED || e->kind == PROA_C2C_PEER_REMOVED) {
        say_peer(t, e);
        return;
    }
    if (ask == NULL) {
        return; /* cancelled meanwhile */
    }
    switch (e->kind) {
    case PROA_C2C_HINT:
        say_step(t, e, "hint", ask);
        break;
    case PROA_C2C_AUTHORIZING:
        say_step(t, e, "authorizing", ask);
        break;
    case PROA_C2C_AUTHORIZED:
        ask->authorize_ms = e->elapsed_ms;
        say_step(t, e, "authorized", ask);
        break;
    case PROA_C2C_CONNECTED:
        say_step(t, e, "connected", ask);
        break;
    case PROA_C2C_OUTCOME:
        say_outcome(t, e, ask);
        break;
    case PROA_C2C_NOTIFICATION:
        say_notification(t, e, ask);
        break;
    case PROA_C2C_OBSERVE_END:
        ask->observing = false;
        proa_output_say(&t->out,
                        json_pack("{s:s, s:I, s:s, s:o}", "event", "observe_end", "id",
                                  (json_int_t)e->id, "peer", ask->endpoint, "outcome",
                                  outcome_json(e->outcome)),
                        "[%u] observation of %s ended: %s", (unsigned)e->id, ask->endpoint,
                        proa_outcome_name(e->outcome));
        break;
    default:
        break;
    }
}

void proa__client_events(proa_tool_client *t)
{
    proa_client_event event;
    proa_c2c_event c2c_event;
    while (proa_client_poll(proa_device_client(t->device), proa_linux_now_ms(), &event)) {
        say_event(t, &event);
    }
    /* First it leaves, then it is told: who stops us because of it must not take it back. */
    proa_device_flush(t->device);
    while (proa_c2c_poll(proa_device_c2c(t->device), proa_linux_now_ms(), &c2c_event)) {
        say_c2c(t, &c2c_event);
    }
}
