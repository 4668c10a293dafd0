/* SPDX-License-Identifier: Apache-2.0 */
/* The hub of proad: events of the server engine in, actions of the authority out, one turn at a
 * time. Restoring at start is a file of its own (restore.c). */
#include "server/os/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objects/definitions.h"
#include "ports/linux/os.h"
#include "server/app/relay.h"
#include "server/os/hub_internal.h"
#include "server/os/policy_file.h"

/* Stores that wait for the commit of their turn; one more commits at once. */
#define STORES_MAX 64

struct proa_hub {
    proa_hub_parts parts;
    proa_control *control;
    proa_policy policy;
    proa_relay relay;
    uint64_t stores[STORES_MAX];
    size_t store_count;
};

proa_hub *proa_hub_open(const proa_hub_parts *parts, uint64_t now_ms, char *message,
                        size_t message_cap)
{
    proa_hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL) {
        snprintf(message, message_cap, "no memory");
        return NULL;
    }
    hub->parts = *parts;
    const proa_relay_config relay = {.server = parts->server,
                                     .rules = parts->config->relays,
                                     .rule_count = parts->config->relay_count,
                                     .user_observe = PROA_HUB_USER_RELAY,
                                     .user_write = PROA_HUB_USER_RELAY_WRITE,
                                     .type_of = proa_definition_type};
    proa_relay_init(&hub->relay, &relay);
    proa_authority_clock(parts->authority, now_ms, proa_linux_unix_s());
    if (!proa__hub_restore(parts, now_ms, message, message_cap)) {
        free(hub);
        return NULL;
    }
    if (proa_hub_load_policy(hub, now_ms, message, message_cap) < 0) {
        free(hub);
        return NULL;
    }
    return hub;
}

void proa_hub_close(proa_hub *hub)
{
    if (hub != NULL) {
        proa_policy_file_free(&hub->policy);
        free(hub);
    }
}

void proa_hub_set_control(proa_hub *hub, proa_control *control)
{
    hub->control = control;
}

const proa_hub_parts *proa_hub_parts_of(const proa_hub *hub)
{
    return &hub->parts;
}

proa_hub_stats proa_hub_stats_get(const proa_hub *hub)
{
    proa_hub_stats stats = {hub->relay.relayed, hub->relay.failed};
    return stats;
}

int proa_hub_load_policy(proa_hub *hub, uint64_t now_ms, char *message, size_t message_cap)
{
    const char *path = hub->parts.config->policy;
    proa_policy loaded = {NULL, 0};
    if (path[0] != '\0' && !proa_policy_file_load(&loaded, path, message, message_cap)) {
        return -1;
    }
    proa_policy old = hub->policy;
    hub->policy = loaded;
    proa_authority_policy(hub->parts.authority, now_ms, &hub->policy);
    proa_policy_file_free(&old);
    return (int)loaded.rule_count;
}

/* ---- devices ---------------------------------------------------------------------------- */

static void address_text(const proa_addr *addr, char out[PROA_ADDR_TEXT_MAX])
{
    proa_writer w = proa_writer_make(out, PROA_ADDR_TEXT_MAX - 1);
    proa_addr_write(&w, addr);
    out[w.len] = '\0';
}

static json_t *json_span(proa_span text)
{
    json_t *value = json_stringn((const char *)text.data, text.len);
    return value != NULL ? value : json_string("(not UTF-8)");
}

static void save_registration(const proa_hub *hub, uint64_t now_ms, const proa_registration *r)
{
    int64_t unix_s = proa_linux_unix_s();
    int64_t left_s = r->expires_ms > now_ms ? (int64_t)((r->expires_ms - now_ms) / 1000) : 0;
    proa_database_put_registration(hub->parts.database, r, unix_s, unix_s + left_s);
}

static void on_registered(proa_hub *hub, uint64_t now_ms, const proa_server_event *event)
{
    proa_registration r;
    char address[PROA_ADDR_TEXT_MAX];
    if (!proa_server_registration(hub->parts.server, event->reg, &r)) {
        return;
    }
    bool is_new = event->kind == PROA_SERVER_REGISTERED;
    proa_device_news news = {r.endpoint, r.reg, r.account != 0, r.queue_mode, r.peer.addr, r.links};
    save_registration(hub, now_ms, &r);
    address_text(&r.peer.addr, address);
    proa_log_event(
        hub->parts.log, is_new ? "registered" : "updated",
        json_pack("{s:o, s:s, s:b, s:s, s:i, s:o}", "device", json_span(r.endpoint), "address",
                  address, "secure", r.account != 0, "protection",
                  proa_protection_name(r.protection), "lifetime_s", (int)r.lifetime_s, "links",
                  json_span(r.links)),
        "%.*s at %s, %s, lifetime %u s", (int)r.endpoint.len, (const char *)r.endpoint.data,
        address, r.account != 0 ? proa_protection_name(r.protection) : "NOT secure", r.lifetime_s);
    if (is_new) {
        proa_authority_registered(hub->parts.authority, now_ms, &news);
        proa_relay_device(&hub->relay, now_ms, event->reg);
    } else {
        proa_authority_updated(hub->parts.authority, now_ms, &news);
    }
}

static void on_gone(proa_hub *hub, uint64_t now_ms, const proa_server_event *event)
{
    bool by_itself = event->kind == PROA_SERVER_DEREGISTERED;
    proa_database_drop_registration(hub->parts.database, event->endpoint);
    proa_log_event(hub->parts.log, by_itself ? "deregistered" : "expired",
                   json_pack("{s:o}", "device", json_span(event->endpoint)), "%.*s%s",
                   (int)event->endpoint.len, (const char *)event->endpoint.data,
                   by_itself ? "" : " (its lifetime ran out; grants stay)");
    proa_authority_gone(hub->parts.authority, now_ms, event->endpoint, event->reg, by_itself);
}

static bool is_ac(const proa_coap_msg *msg)
{
    proa_coap_options it = proa_coap_options_of(msg);
    proa_coap_option option;
    int segments = 0;
    bool is_named_ac = false;
    while (proa_coap_option_next(&it, &option)) {
        if (option.number == PROA_COAP_OPT_URI_PATH) {
            segments++;
            is_named_ac = proa_span_equal(option.value, proa_span_of("ac"));
        }
    }
    return segments == 1 && is_named_ac;
}

static void on_request(proa_hub *hub, uint64_t now_ms, const proa_server_event *event)
{
    if (is_ac(&event->msg) && event->msg.code == PROA_COAP_POST) {
        proa_registration r = {0};
        bool known = proa_server_registration(hub->parts.server, event->reg, &r);
        proa_span nobody = {NULL, 0};
        proa_authority_ac(hub->parts.authority, now_ms, event->exchange,
                          known ? r.endpoint : nobody, event->reg, event->account != 0,
                          &event->msg);
        return;
    }
    proa_coap_response response = {.code = is_ac(&event->msg) ? PROA_COAP_METHOD_NOT_ALLOWED
                                                              : PROA_COAP_NOT_FOUND};
    (void)!proa_server_respond(hub->parts.server, now_ms, event->exchange, &response);
}

static void on_refused(const proa_hub *hub, const proa_server_event *event)
{
    char address[PROA_ADDR_TEXT_MAX];
    char code[40];
    address_text(&event->peer.addr, address);
    proa_log_event(hub->parts.log, "refused",
                   json_pack("{s:o, s:s, s:s}", "device", json_span(event->endpoint), "address",
                             address, "code", proa_coap_code_text(event->code, code)),
                   "%.*s at %s: %s", (int)event->endpoint.len, (const char *)event->endpoint.data,
                   address, proa_coap_code_text(event->code, code));
}

static void on_operation(proa_hub *hub, uint64_t now_ms, const proa_server_event *event)
{
    switch (event->user & PROA_HUB_USER_KIND) {
    case PROA_HUB_USER_AUTHORITY:
        if (event->kind == PROA_SERVER_DONE) {
            proa_authority_done(hub->parts.authority, now_ms, event->user & ~PROA_HUB_USER_KIND,
                                event->result, event->code, event->format, event->payload,
                                &event->created);
        }
        break;
    case PROA_HUB_USER_CONTROL:
        if (hub->control != NULL) {
            proa_control_operation(hub->control, event->user & ~PROA_HUB_USER_KIND, event);
        }
        break;
    case PROA_HUB_USER_RELAY:
    case PROA_HUB_USER_RELAY_WRITE:
        proa_relay_operation(&hub->relay, now_ms, event);
        break;
    default:
        break;
    }
}

static void on_event(proa_hub *hub, uint64_t now_ms, const proa_server_event *event)
{
    switch (event->kind) {
    case PROA_SERVER_REGISTERED:
    case PROA_SERVER_UPDATED:
        on_registered(hub, now_ms, event);
        break;
    case PROA_SERVER_DEREGISTERED:
    case PROA_SERVER_EXPIRED:
        on_gone(hub, now_ms, event);
        break;
    case PROA_SERVER_DONE:
    case PROA_SERVER_NOTIFICATION:
    case PROA_SERVER_OBSERVE_END:
        on_operation(hub, now_ms, event);
        break;
    case PROA_SERVER_REQUEST:
        on_request(hub, now_ms, event);
        break;
    case PROA_SERVER_REFUSED:
        on_refused(hub, event);
        break;
    }
}

/* ---- what the authority wants ----------------------------------------------------------- */

static void answer(const proa_hub *hub, uint64_t now_ms, const proa_action *action)
{
    const uint8_t reason[3] = {0xa1, 0x01, action->reason}; /* CBOR {1: reason}, reason < 24 */
    const uint8_t max_age[4] = {(uint8_t)(action->max_age_s >> 24),
                                (uint8_t)(action->max_age_s >> 16),
                                (uint8_t)(action->max_age_s >> 8), (uint8_t)action->max_age_s};
    const uint8_t cbor = PROA_FORMAT_CBOR;
    size_t width = proa_uint_width(action->max_age_s);
    proa_coap_option options[2];
    proa_coap_response response = {.code = action->code, .options = options};
    if (action->reason != 0) {
        options[response.option_count].number = PROA_COAP_OPT_CONTENT_FORMAT;
        options[response.option_count++].value = proa_span_make(&cbor, 1);
        response.payload = proa_span_make(reason, sizeof reason);
    }
    if (action->max_age_s != 0) {
        options[response.option_count].number = PROA_COAP_OPT_MAX_AGE;
        options[response.option_count++].value = proa_span_make(max_age + 4 - width, width);
    }
    /* If the requester went away meanwhile there is nobody to tell; it will ask again. */
    (void)!proa_server_respond(hub->parts.server, now_ms, (proa_coap_id)action->ticket, &response);
}

static void operate(const proa_hub *hub, uint64_t now_ms, const proa_action *action)
{
    proa_op_id id;
    proa_server_op op = {.reg = action->reg,
                         .op = action->op,
                         .path = action->path,
                         .format = action->format,
                         .payload = action->payload,
                         .timeout_ms = action->timeout_ms,
                         .user = PROA_HUB_USER_AUTHORITY | action->ticket};
    proa_err err = proa_server_op_start(hub->parts.server, now_ms, &op, &id);
    if (err != PROA_OK) {
        proa_span none = {NULL, 0};
        proa_path nowhere = {{0}, 0};
        proa_authority_done(hub->parts.authority, now_ms, action->ticket,
                            err == PROA_E_NOT_FOUND ? PROA_OP_GONE : PROA_OP_FAILED, 0,
                            PROA_FORMAT_NONE, none, &nowhere);
    }
}

static bool commit_database(const proa_hub *hub)
{
    bool ok = proa_database_commit(hub->parts.database);
    proa_sessions_stored(hub->parts.sessions, ok);
    return ok;
}

static void commit(proa_hub *hub, uint64_t now_ms)
{
    bool ok = commit_database(hub);
    size_t count = hub->store_count;
    hub->store_count = 0;
    for (size_t i = 0; i < count; i++) {
        proa_authority_stored(hub->parts.authority, now_ms, hub->stores[i], ok);
    }
}

static void await_commit(proa_hub *hub, uint64_t now_ms, uint64_t ticket)
{
    hub->stores[hub->store_count++] = ticket;
    if (hub->store_count == STORES_MAX) {
        commit(hub, now_ms);
    }
}

static void rights_text(uint8_t rights, char out[6])
{
    static const char letters[] = "RWEDC";
    size_t len = 0;
    for (size_t i = 0; i < 5; i++) {
        if ((rights >> i & 1) != 0) {
            out[len++] = letters[i];
        }
    }
    out[len] = '\0';
}

static void copy_span(char *out, size_t cap, proa_span text)
{
    snprintf(out, cap, "%.*s", (int)text.len, (const char *)text.data);
}

static void audit(const proa_hub *hub, const proa_action *action)
{
    proa_audit_row row = {.unix_s = proa_linux_unix_s(),
                          .rights = action->rights,
                          .grant_id = action->grant == NULL ? 0 : action->grant->id};
    proa_writer w = proa_writer_make(row.path, sizeof row.path - 1);
    char rights[6];
    proa_path_write(&w, &action->audit_path);
    copy_span(row.kind, sizeof row.kind, proa_span_of(proa_audit_kind_name(action->audit)));
    copy_span(row.requester, sizeof row.requester, action->requester);
    copy_span(row.host, sizeof row.host, action->host);
    copy_span(row.rule, sizeof row.rule, action->rule);
    proa_database_audit(hub->parts.database, &row);
    rights_text(action->rights, rights);
    proa_log_event(hub->parts.log, row.kind,
                   json_pack("{s:o, s:o, s:s, s:s, s:o, s:I}", "requester",
                             json_span(proa_span_of(row.requester)), "host",
                             json_span(proa_span_of(row.host)), "path", row.path, "rights", rights,
                             "rule", json_span(proa_span_of(row.rule)), "grant",
                             (json_int_t)row.grant_id),
                   "%s -> %s%s%s%s%s%s", row.requester, row.host, row.path,
                   rights[0] == '\0' ? "" : " ", rights, row.rule[0] == '\0' ? "" : ", ", row.rule);
}

static void on_action(proa_hub *hub, uint64_t now_ms, const proa_action *action)
{
    switch (action->kind) {
    case PROA_ACTION_ANSWER:
        answer(hub, now_ms, action);
        break;
    case PROA_ACTION_OPERATE:
        operate(hub, now_ms, action);
        break;
    case PROA_ACTION_STORE:
        proa_database_put_grant(hub->parts.database, action->grant);
        await_commit(hub, now_ms, action->ticket);
        break;
    case PROA_ACTION_FORGET:
        proa_database_drop_grant(hub->parts.database, action->grant->id);
        break;
    case PROA_ACTION_STORE_OVERRIDE:
        proa_database_put_override(hub->parts.database, action->override);
        await_commit(hub, now_ms, action->ticket);
        break;
    case PROA_ACTION_FORGET_OVERRIDE:
        proa_database_drop_override(hub->parts.database, action->override);
        break;
    case PROA_ACTION_AUDIT:
        audit(hub, action);
        break;
    }
}

void proa_hub_turn(proa_hub *hub, uint64_t now_ms)
{
    proa_server_event event;
    proa_action action;
    bool more;
    do {
        more = false;
        while (proa_server_poll(hub->parts.server, now_ms, &event)) {
            on_event(hub, now_ms, &event);
            more = true;
        }
        while (proa_authority_poll(hub->parts.authority, now_ms, &action)) {
            on_action(hub, now_ms, &action);
            more = true;
        }
    } while (more);
}

void proa_hub_commit(proa_hub *hub, uint64_t now_ms)
{
    do {
        commit(hub, now_ms);
        proa_hub_turn(hub, now_ms);
    } while (hub->store_count > 0);
    /* What the last turn wrote and nobody waits for (the audit of what just completed). A failure
     * was reported when it happened. */
    (void)commit_database(hub);
}
