/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the control socket (control.h lists them). One table: name, what it needs, the
 * function that runs it. A function answers at once, or starts an operation whose completion
 * proa__control_report turns into the answer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "objects/payload_json.h"
#include "ports/linux/os.h"
#include "server/os/control_internal.h"

typedef struct command {
    proa_control *control;
    const proa_hub_parts *parts;
    uint8_t client;
    uint64_t now_ms;
    json_t *request;
    json_t *id;
} command;

/* ---- answers ---------------------------------------------------------------------------- */

static void answer(const command *c, json_t *fields)
{
    json_t *message = json_pack("{s:O, s:b}", "id", c->id, "ok", 1);
    if (fields != NULL) {
        json_object_update(message, fields);
        json_decref(fields);
    }
    proa__control_send(c->control, c->client, message);
}

static void fail(const command *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(const command *c, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    proa__control_send(c->control, c->client,
                       json_pack("{s:O, s:b, s:s}", "id", c->id, "ok", 0, "error", text));
}

static const char *text_of(const command *c, const char *key)
{
    const char *text = json_string_value(json_object_get(c->request, key));
    return text == NULL ? "" : text;
}

static json_t *json_span(proa_span text)
{
    json_t *value = json_stringn((const char *)text.data, text.len);
    return value != NULL ? value : json_string("(not UTF-8)");
}

static json_t *path_json(const proa_path *path)
{
    char text[PROA_PATH_TEXT_MAX];
    proa_writer w = proa_writer_make(text, sizeof text);
    proa_path_write(&w, path);
    return json_stringn(text, w.len);
}

/* ---- operations on devices -------------------------------------------------------------- */

static bool find_device(const command *c, proa_reg *reg)
{
    const char *name = text_of(c, "device");
    if (proa_server_find(c->parts->server, proa_span_of(name), reg)) {
        return true;
    }
    fail(c, "device \"%s\" is not registered; `proa ctl devices` lists those that are", name);
    return false;
}

static bool read_path(const command *c, const char *key, proa_path *path)
{
    const char *text = text_of(c, key);
    if (proa_path_parse(proa_span_of(text), path) == PROA_OK) {
        return true;
    }
    fail(c, "\"%s\": \"%s\" is no path; a path is /object/instance/resource in numbers", key, text);
    return false;
}

static void start(const command *c, proa_server_op *op)
{
    uint64_t user = 0;
    if (!find_device(c, &op->reg) || !read_path(c, "path", &op->path)) {
        return;
    }
    proa_control_pending *pending = proa__control_expect(c->control, c->client, c->id, &user);
    if (pending == NULL) {
        fail(c, "too many operations are waiting for devices; try again later");
        return;
    }
    pending->operation = op->op;
    pending->path = op->path;
    snprintf(pending->device, sizeof pending->device, "%s", text_of(c, "device"));
    op->user = PROA_HUB_USER_CONTROL | user;
    proa_err err = proa_server_op_start(c->parts->server, c->now_ms, op, &pending->op);
    if (err != PROA_OK) {
        json_decref(pending->id);
        pending->used = false;
        fail(c,
             err == PROA_E_RANGE ? "this operation makes no sense on path %s"
                                 : "the operation on %s could not be started, try again later",
             text_of(c, "path"));
    }
}

static void run_simple(const command *c, proa_operation operation)
{
    proa_server_op op = {.op = operation, .format = PROA_FORMAT_NONE};
    start(c, &op);
}

static void run_read(const command *c)
{
    run_simple(c, PROA_OP_READ);
}

static void run_discover(const command *c)
{
    run_simple(c, PROA_OP_DISCOVER);
}

static void run_observe(const command *c)
{
    run_simple(c, PROA_OP_OBSERVE);
}

static void run_delete(const command *c)
{
    run_simple(c, PROA_OP_DELETE);
}

static void run_execute(const command *c)
{
    proa_server_op op = {.op = PROA_OP_EXECUTE,
                         .format = PROA_FORMAT_TEXT,
                         .payload = proa_span_of(text_of(c, "arguments"))};
    start(c, &op);
}

/* Values of the request as TLV for its path; false and an answer if they do not fit. */
static bool encode(const command *c, const proa_path *path, proa_writer *out)
{
    char message[256];
    const json_t *value = json_object_get(c->request, "value");
    const json_t *values = json_object_get(c->request, "values");
    if (value == NULL && values == NULL) {
        fail(c, "\"value\" (for a resource) or \"values\" (for an instance) is missing");
        return false;
    }
    if (!proa_values_encode(values != NULL ? values : value, path, out, message, sizeof message)) {
        fail(c, "%s", message);
        return false;
    }
    return true;
}

static void run_write(const command *c)
{
    uint8_t payload[PROA_BODY_MAX];
    proa_writer w = proa_writer_make(payload, sizeof payload);
    proa_path path;
    if (!read_path(c, "path", &path) || !encode(c, &path, &w)) {
        return;
    }
    /* A resource is replaced; an instance is updated unless the caller wants it replaced
     * (Core 1.2 §6.3.3): that would clear what is not named. */
    bool replace = path.depth >= 3 || json_is_true(json_object_get(c->request, "replace"));
    proa_server_op op = {.op = replace ? PROA_OP_WRITE_REPLACE : PROA_OP_WRITE_UPDATE,
                         .format = PROA_FORMAT_TLV,
                         .payload = proa_writer_span(&w)};
    start(c, &op);
}

static void run_create(const command *c)
{
    uint8_t payload[PROA_BODY_MAX];
    proa_writer w = proa_writer_make(payload, sizeof payload);
    proa_path path;
    if (!read_path(c, "path", &path) || !encode(c, &path, &w)) {
        return;
    }
    proa_server_op op = {
        .op = PROA_OP_CREATE, .format = PROA_FORMAT_TLV, .payload = proa_writer_span(&w)};
    start(c, &op);
}

static void run_attributes(const command *c)
{
    proa_attributes attributes = {0};
    const char *text = text_of(c, "attributes");
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, "&");
        if (proa_attributes_parse(proa_span_make(at, len), &attributes) != PROA_OK) {
            fail(c, "\"%.*s\" is no attribute; known: pmin pmax gt lt st, as pmin=10", (int)len,
                 at);
            return;
        }
        at += len + (at[len] == '&');
    }
    if (proa_attributes_check(&attributes) != PROA_OK) {
        fail(c, "the attributes contradict each other: lt + 2 st must be less than gt");
        return;
    }
    proa_server_op op = {
        .op = PROA_OP_WRITE_ATTRIBUTES, .format = PROA_FORMAT_NONE, .attributes = &attributes};
    start(c, &op);
}

static void run_cancel(const command *c)
{
    json_t *observe = json_object_get(c->request, "observe");
    for (size_t i = 0; i < PROA_CONTROL_PENDING_MAX; i++) {
        const proa_control_pending *pending = &c->control->pending[i];
        if (pending->used && pending->client == c->client && json_equal(pending->id, observe)) {
            proa_server_op_cancel(c->parts->server, c->now_ms, pending->op);
            answer(c, NULL);
            return;
        }
    }
    fail(c, "no observation of this connection has that id");
}

/* ---- what came back --------------------------------------------------------------------- */

static const char *result_text(const proa_server_event *event)
{
    switch (event->result) {
    case PROA_OP_TIMEOUT:
        return "the device did not answer in time";
    case PROA_OP_GONE:
        return "the device's registration ended first";
    case PROA_OP_RESET:
        return "the device answered with a reset";
    case PROA_OP_CANCELLED:
        return "cancelled";
    case PROA_OP_FAILED:
        return "the answer could not be taken (too large, or broken)";
    case PROA_OP_ANSWERED:
        break;
    }
    return "the device refused";
}

static void add_payload(json_t *message, const proa_control_pending *pending,
                        const proa_server_event *event)
{
    if (event->payload.len == 0) {
        return;
    }
    if (event->format == PROA_FORMAT_LINK) {
        json_object_set_new(message, "links", proa_links_json(event->payload));
        return;
    }
    json_t *values = proa_values_json(event->format, &pending->path, event->payload);
    if (values != NULL) {
        json_object_set_new(message, "values", values);
    } else {
        json_object_set_new(message, "unreadable_format", json_integer(event->format));
    }
}

static json_t *done_message(const proa_control_pending *pending, const proa_server_event *event)
{
    char code[40];
    bool ok = event->result == PROA_OP_ANSWERED && PROA_COAP_CLASS(event->code) == 2;
    json_t *message = json_pack("{s:O, s:b}", "id", pending->id, "ok", ok);
    if (event->result == PROA_OP_ANSWERED) {
        json_object_set_new(message, "code", json_string(proa_coap_code_text(event->code, code)));
    }
    if (!ok) {
        json_object_set_new(message, "error", json_string(result_text(event)));
    }
    if (event->created.depth > 0) {
        json_object_set_new(message, "created", path_json(&event->created));
    }
    return message;
}

void proa__control_report(proa_control *control, const proa_control_pending *pending,
                          const proa_server_event *event)
{
    json_t *message;
    switch (event->kind) {
    case PROA_SERVER_DONE:
        message = done_message(pending, event);
        add_payload(message, pending, event);
        break;
    case PROA_SERVER_NOTIFICATION:
        message = json_pack("{s:O, s:s, s:s, s:o}", "id", pending->id, "event", "notification",
                            "device", pending->device, "path", path_json(&pending->path));
        add_payload(message, pending, event);
        break;
    default:
        message = json_pack("{s:O, s:s}", "id", pending->id, "event", "end");
        break;
    }
    proa__control_send(control, pending->client, message);
}

/* ---- looking ---------------------------------------------------------------------------- */

static void run_devices(const command *c)
{
    json_t *list = json_array();
    proa_registration r;
    uint32_t cursor = 0;
    while (proa_server_next(c->parts->server, &cursor, &r)) {
        char address[PROA_ADDR_TEXT_MAX];
        proa_writer w = proa_writer_make(address, sizeof address);
        proa_addr_write(&w, &r.peer.addr);
        uint64_t left_ms = r.expires_ms > c->now_ms ? r.expires_ms - c->now_ms : 0;
        json_array_append_new(
            list,
            json_pack("{s:o, s:o, s:b, s:I, s:I, s:I, s:s, s:b, s:o}", "endpoint",
                      json_span(r.endpoint), "address", json_stringn(address, w.len), "secure",
                      r.account != 0, "lifetime_s", (json_int_t)r.lifetime_s, "expires_in_s",
                      (json_int_t)(left_ms / 1000), "registered_s_ago",
                      (json_int_t)((c->now_ms - r.registered_ms) / 1000), "version",
                      r.lwm2m_version, "queue_mode", r.queue_mode, "links", json_span(r.links)));
    }
    answer(c, json_pack("{s:o}", "devices", list));
}

static json_t *rights_json(uint8_t rights)
{
    static const char letters[] = "RWEDC";
    char text[6];
    size_t len = 0;
    for (size_t i = 0; i < 5; i++) {
        if ((rights >> i & 1) != 0) {
            text[len++] = letters[i];
        }
    }
    return json_stringn(text, len);
}

static json_t *grant_json(const proa_grant *grant)
{
    json_t *entries = json_array();
    for (uint8_t i = 0; i < grant->entry_count; i++) {
        const proa_grant_entry *entry = &grant->entries[i];
        proa_path path = proa_path_make(entry->instance == PROA_ID_ALL ? 1 : 2, entry->object,
                                        entry->instance, 0);
        json_array_append_new(entries, json_pack("{s:o, s:o}", "path", path_json(&path), "rights",
                                                 rights_json(entry->rights)));
    }
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:s, s:I, s:I, s:I, s:I}", "id",
                     (json_int_t)grant->id, "requester", grant->requester, "host", grant->host,
                     "state", proa_grant_state_name(grant->state), "security",
                     proa_peer_security_name(grant->security), "entries", entries, "rule",
                     grant->rule, "granted_at", (json_int_t)grant->granted_unix_s, "expires_in_s",
                     (json_int_t)(grant->expires_unix_s - proa_linux_unix_s()), "uses",
                     (json_int_t)grant->uses, "last_use_at", (json_int_t)grant->last_use_unix_s);
}

static void run_grants(const command *c)
{
    json_t *grants = json_array();
    json_t *refusals = json_array();
    const proa_grant *grant;
    const proa_override *o;
    uint32_t cursor = 0;
    while ((grant = proa_authority_grant(c->parts->authority, &cursor)) != NULL) {
        json_array_append_new(grants, grant_json(grant));
    }
    cursor = 0;
    while ((o = proa_authority_override(c->parts->authority, &cursor)) != NULL) {
        json_array_append_new(refusals, json_pack("{s:s, s:s, s:o, s:I}", "requester", o->requester,
                                                  "host", o->host, "path", path_json(&o->path),
                                                  "since", (json_int_t)o->since_unix_s));
    }
    answer(c, json_pack("{s:o, s:o}", "grants", grants, "refusals", refusals));
}

static bool add_audit(void *ctx, const proa_audit_row *row)
{
    char stamp[32];
    time_t when = (time_t)row->unix_s;
    struct tm utc;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &utc));
    json_array_append_new(ctx, json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:I}", "id",
                                         (json_int_t)row->id, "time", stamp, "kind", row->kind,
                                         "requester", row->requester, "host", row->host, "path",
                                         row->path, "rights", rights_json(row->rights), "rule",
                                         row->rule, "grant", (json_int_t)row->grant_id));
    return true;
}

static void run_audit(const command *c)
{
    json_int_t limit = json_integer_value(json_object_get(c->request, "limit"));
    json_t *rows = json_array();
    if (limit <= 0 || limit > 1000) {
        limit = 50;
    }
    if (!proa_database_each_audit(c->parts->database, (uint32_t)limit, add_audit, rows)) {
        json_decref(rows);
        fail(c, "the audit could not be read from the database");
        return;
    }
    answer(c, json_pack("{s:o}", "audit", rows));
}

static void run_stats(const command *c)
{
    proa_server_stats server = proa_server_stats_get(c->parts->server);
    proa_authority_stats authority = proa_authority_stats_get(c->parts->authority);
    proa_hub_stats hub = proa_hub_stats_get(c->control->hub);
    json_t *stats = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "registrations",
        (json_int_t)server.registrations, "registers", (json_int_t)server.registers, "updates",
        (json_int_t)server.updates, "expired", (json_int_t)server.expired, "refused",
        (json_int_t)server.refused, "observations", (json_int_t)server.observations,
        "notifications", (json_int_t)server.notifications, "coap_received",
        (json_int_t)server.coap.received, "coap_sent", (json_int_t)server.coap.sent,
        "coap_malformed", (json_int_t)server.coap.malformed, "coap_retransmitted",
        (json_int_t)server.coap.retransmitted);
    json_object_set_new(
        stats, "authority",
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "asked", (json_int_t)authority.asked,
                  "granted", (json_int_t)authority.granted, "denied", (json_int_t)authority.denied,
                  "failed", (json_int_t)authority.failed, "rate_limited",
                  (json_int_t)authority.rate_limited, "active", (json_int_t)authority.active,
                  "revoking", (json_int_t)authority.revoking));
    json_object_set_new(stats, "relay",
                        json_pack("{s:I, s:I}", "written", (json_int_t)hub.relayed, "failed",
                                  (json_int_t)hub.relay_failed));
    answer(c, json_pack("{s:o}", "stats", stats));
}

static void run_events(const command *c)
{
    proa_control_client *client = &c->control->clients[c->client];
    json_decref(client->events_id);
    client->events_id = json_incref(c->id);
    answer(c, NULL);
}

/* ---- deciding --------------------------------------------------------------------------- */

static bool read_pair(const command *c, proa_span *requester, proa_span *host, proa_path *path)
{
    const char *names[2] = {"requester", "host"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(text_of(c, names[i]));
        if (len == 0 || len > PROA_ENDPOINT_MAX) {
            fail(c, "\"%s\" must be an endpoint name", names[i]);
            return false;
        }
    }
    *requester = proa_span_of(text_of(c, "requester"));
    *host = proa_span_of(text_of(c, "host"));
    if (json_object_get(c->request, "path") == NULL) {
        *path = proa_path_make(0, 0, 0, 0);
        return true;
    }
    return read_path(c, "path", path);
}

static void run_revoke(const command *c)
{
    proa_span requester;
    proa_span host;
    proa_path path;
    int64_t by = 0;
    if (!read_pair(c, &requester, &host, &path)) {
        return;
    }
    if (proa_authority_revoke(c->parts->authority, c->now_ms, requester, host, &path, &by) !=
        PROA_OK) {
        fail(c, "the table of standing refusals is full; lift some with `allow`");
        return;
    }
    answer(c, json_pack("{s:I}", "effective_by", (json_int_t)by));
}

static void run_allow(const command *c)
{
    proa_span requester;
    proa_span host;
    proa_path path;
    if (!read_pair(c, &requester, &host, &path)) {
        return;
    }
    if (proa_authority_allow(c->parts->authority, c->now_ms, requester, host, &path) != PROA_OK) {
        fail(c, "there is no standing refusal for that pair and path; `grants` lists them");
        return;
    }
    answer(c, NULL);
}

static void run_policy_reload(const command *c)
{
    char message[600];
    int rules = proa_hub_load_policy(c->control->hub, c->now_ms, message, sizeof message);
    if (rules < 0) {
        fail(c, "%s (the old policy stays in force)", message);
        return;
    }
    answer(c, json_pack("{s:i}", "rules", rules));
}

/* ---- the table -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(const command *c);
} commands[] = {
    {"devices", run_devices},   {"read", run_read},
    {"write", run_write},       {"execute", run_execute},
    {"create", run_create},     {"delete", run_delete},
    {"discover", run_discover}, {"observe", run_observe},
    {"cancel", run_cancel},     {"attributes", run_attributes},
    {"grants", run_grants},     {"revoke", run_revoke},
    {"allow", run_allow},       {"policy reload", run_policy_reload},
    {"audit", run_audit},       {"stats", run_stats},
    {"events", run_events},
};

void proa__control_command(proa_control *control, uint8_t client, uint64_t now_ms, const char *line,
                           size_t len)
{
    json_t *request = json_loadb(line, len, 0, NULL);
    json_t *id = json_object_get(request, "id");
    command c = {control, proa_hub_parts_of(control->hub), client, now_ms,
                 request, id == NULL ? json_null() : id};
    bool found = false;
    if (!json_is_object(request)) {
        fail(&c, "a request is a JSON object on one line, as {\"id\":1,\"cmd\":\"devices\"}");
        json_decref(request);
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands && !found; i++) {
        found = strcmp(text_of(&c, "cmd"), commands[i].name) == 0;
        if (found) {
            commands[i].run(&c);
        }
    }
    if (!found) {
        fail(&c, "unknown command \"%s\"", text_of(&c, "cmd"));
    }
    json_decref(request);
}
