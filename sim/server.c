/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated server: server engine and authority, joined as proad's hub joins them, with records
 * in memory instead of a database. A power failure can follow any single store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/mbedtls/dtls.h"
#include "sim/checker.h"
#include "sim/oscore.h"
#include "sim/world.h"

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    const sim_world *world = ctx;
    for (unsigned i = 0; i < world->device_count; i++) {
        const sim_device *device = &world->devices[i];
        if (proa_span_equal(identity, proa_span_of(device->identity))) {
            memcpy(out->key, device->key, device->key_len);
            out->key_len = (uint8_t)device->key_len;
            out->account = i + 1;
            return true;
        }
    }
    return false;
}

static bool endpoint_of(void *ctx, uint64_t account, proa_span *endpoint)
{
    const sim_world *world = ctx;
    if (account == 0 || account > world->device_count) {
        return false;
    }
    *endpoint = proa_span_of(world->devices[account - 1].name);
    return true;
}

static proa_protection protection_of(void *ctx, uint64_t account)
{
    const sim_world *world = ctx;
    (void)account;
    return world->server_oscore ? PROA_PROTECTION_OSCORE : PROA_PROTECTION_DTLS;
}

static bool needs_key(void *ctx, proa_span endpoint)
{
    (void)ctx;
    (void)endpoint;
    return true;
}

/* ---- records ---------------------------------------------------------------------------- */

static void count_store(sim_server *server)
{
    server->stores++;
    if (server->power_fails_after > 0 && --server->power_fails_after == 0) {
        server->power_failed = true;
    }
}

static void store_grant(sim_server *server, const proa_grant *grant)
{
    size_t place = SIM_GRANTS_MAX;
    for (size_t i = 0; i < SIM_GRANTS_MAX; i++) {
        if (server->records.grant_used[i] && server->records.grants[i].id == grant->id) {
            place = i;
            break;
        }
        if (!server->records.grant_used[i] && place == SIM_GRANTS_MAX) {
            place = i;
        }
    }
    sim__must(place < SIM_GRANTS_MAX ? PROA_OK : PROA_E_FULL, "place for another grant");
    server->records.grants[place] = *grant;
    server->records.grant_used[place] = true;
    count_store(server);
}

static void forget_grant(sim_server *server, uint64_t id)
{
    for (size_t i = 0; i < SIM_GRANTS_MAX; i++) {
        if (server->records.grant_used[i] && server->records.grants[i].id == id) {
            server->records.grant_used[i] = false;
            count_store(server);
        }
    }
}

static bool same_override(const proa_override *a, const proa_override *b)
{
    return strcmp(a->requester, b->requester) == 0 && strcmp(a->host, b->host) == 0 &&
           proa_path_equal(&a->path, &b->path);
}

static void store_override(sim_server *server, const proa_override *o, bool keep)
{
    sim_records *records = &server->records;
    size_t place = SIM_OVERRIDES_MAX;
    for (size_t i = 0; i < SIM_OVERRIDES_MAX; i++) {
        if (records->override_used[i] && same_override(&records->overrides[i], o)) {
            place = i;
            break;
        }
        if (!records->override_used[i] && place == SIM_OVERRIDES_MAX) {
            place = i;
        }
    }
    sim__must(place < SIM_OVERRIDES_MAX ? PROA_OK : PROA_E_FULL, "place for another refusal");
    records->overrides[place] = *o;
    records->override_used[place] = keep;
    count_store(server);
}

static void store_registration(sim_server *server, proa_reg reg, bool keep)
{
    proa_registration r;
    if (!proa_server_registration(server->server, reg, &r) || r.account == 0) {
        return;
    }
    size_t i = (size_t)r.account - 1;
    server->records.registrations[i].used = keep;
    snprintf(server->records.registrations[i].endpoint,
             sizeof server->records.registrations[i].endpoint, "%.*s", (int)r.endpoint.len,
             (const char *)r.endpoint.data);
    snprintf(server->records.registrations[i].links, sizeof server->records.registrations[i].links,
             "%.*s", (int)r.links.len, (const char *)r.links.data);
    server->records.registrations[i].r = r;
}

/* The end of a turn: what the box wrote is on disk before anything is sent that relies on it. Once
 * in a while the disk is full. */
static void commit_sessions(sim_server *server)
{
    sim_sessions *sessions = &server->records.sessions;
    bool ok = true;
    if (sessions->is_dirty) {
        ok = server->world->calm || sim_rng_below(&server->rng, 16) != 0;
        count_store(server);
        if (server->power_failed && sim_rng_below(&server->rng, 2) == 0) {
            return; /* before the disk had it; otherwise just after */
        }
        if (ok) {
            sim__sessions_commit(sessions);
        } else {
            sim__sessions_lose(sessions);
        }
    }
    server->secure->class_->stored(server->secure, ok);
}

/* ---- opening ---------------------------------------------------------------------------- */

static proa_device_news news_of(const proa_registration *r)
{
    proa_device_news news = {r->endpoint,   r->reg,       r->account != 0,
                             r->queue_mode, r->peer.addr, r->links};
    return news;
}

/* The newest session of each account, as proad does it. */
static void revive(sim_server *server, uint32_t revived[SIM_DEVICES_MAX])
{
    sim_sessions *sessions = &server->records.sessions;
    sim_sessions *taken = malloc(sizeof *taken);
    uint64_t newest[SIM_DEVICES_MAX] = {0};
    if (taken == NULL) {
        abort();
    }
    memcpy(taken, sessions, sizeof *taken);
    sim__sessions_claim(sessions, server->box_key);
    for (size_t i = 0; i < SIM_SESSIONS_MAX; i++) {
        const sim_session_row *stored = &taken->durable[i];
        proa_secure_row row = {proa_span_make(stored->id, stored->id_len),
                               proa_span_make(stored->context, stored->context_len),
                               proa_span_make(stored->mark, stored->mark_len)};
        uint32_t session;
        uint64_t account;
        if (!stored->used ||
            server->secure->class_->revive(server->secure, server->world->now_ms, taken->key, &row,
                                           &session, &account) != PROA_OK) {
            continue;
        }
        uint32_t *place = &revived[account - 1];
        uint32_t loser = stored->order > newest[account - 1] ? *place : session;
        if (loser == *place) {
            *place = session;
            newest[account - 1] = stored->order;
        }
        server->secure->class_->close(server->secure, server->world->now_ms, loser, false);
        server->world->revived++;
    }
    free(taken);
}

static void restore(sim_server *server)
{
    sim_world *world = server->world;
    uint32_t revived[SIM_DEVICES_MAX] = {0};
    revive(server, revived);
    for (size_t i = 0; i < SIM_OVERRIDES_MAX; i++) {
        if (server->records.override_used[i]) {
            sim__must(
                proa_authority_restore_override(server->authority, &server->records.overrides[i]),
                "a stored refusal");
        }
    }
    for (size_t i = 0; i < SIM_GRANTS_MAX; i++) {
        if (server->records.grant_used[i]) {
            sim__must(proa_authority_restore(server->authority, &server->records.grants[i]),
                      "a stored grant");
        }
    }
    for (size_t i = 0; i < SIM_DEVICES_MAX; i++) {
        proa_registration r = server->records.registrations[i].r;
        if (server->records.registrations[i].used && r.expires_ms > world->now_ms) {
            r.endpoint = proa_span_of(server->records.registrations[i].endpoint);
            r.links = proa_span_of(server->records.registrations[i].links);
            r.peer.session = revived[i];
            revived[i] = 0;
            sim__must(proa_server_restore(server->server, world->now_ms, &r, &r.reg),
                      "a stored registration");
            proa_device_news news = news_of(&r);
            proa_authority_registered(server->authority, world->now_ms, &news);
        }
    }
    for (size_t i = 0; i < SIM_DEVICES_MAX; i++) { /* nobody is registered */
        server->secure->class_->close(server->secure, world->now_ms, revived[i], false);
    }
}

void sim__server_open(sim_server *server)
{
    sim_world *world = server->world;
    proa_random random = sim_rng_random(&server->rng);
    proa_secure_config secure = proa_dtls_config_server(random, sim__memory());
    sim__fit_dtls(world, &secure);
    secure.find_psk = find_psk;
    secure.find_psk_ctx = world;
    secure.live_max = world->calm ? SIM_DEVICES_MAX : 2; /* so that sessions sleep in every run */
    secure.hibernated_max = 32;
    secure.handshake_max = 6;
    server->keeper = (proa_secure_keeper){sim__sessions_keep, sim__sessions_mark,
                                          sim__sessions_forget, &server->records.sessions};
    proa_random_fill(&random, server->box_key, sizeof server->box_key);
    proa_dtls_keep(&secure, &server->keeper, server->box_key);
    secure.reserve = world->calm ? 0 : 8; /* few, so that every run has to reserve more */
    sim__sessions_lose(&server->records.sessions);
    sim__must(proa_dtls_open(&server->secure, &secure), "DTLS");
    proa_server_config config = proa_server_config_default(random, sim__memory());
    config.secure = server->secure;
    config.endpoint_of = endpoint_of;
    config.needs_key = needs_key;
    config.protection_of = protection_of;
    server->oscore = sim__oscore_of_server(server);
    config.coap.oscore = server->oscore == NULL ? NULL : proa_oscore_for_coap(server->oscore);
    config.ctx = world;
    sim__fit_coap(world, &config.coap);
    sim__must(proa_server_open(&server->server, &config), "server");
    proa_authority_config authority = proa_authority_config_default(random, sim__memory());
    sim__must(proa_authority_open(&server->authority, &authority), "authority");
    proa_authority_clock(server->authority, world->now_ms, sim_world_unix_s(world));
    restore(server);
    proa_authority_policy(server->authority, world->now_ms, world->policy);
    server->up = true;
}

void sim__server_close(sim_server *server)
{
    if (server->up) {
        proa_authority_close(server->authority);
        proa_server_close(server->server);
        proa_oscore_free(server->oscore);
        server->secure->class_->free(server->secure);
        server->up = false;
    }
}

/* ---- running ---------------------------------------------------------------------------- */

static void on_event(sim_server *server, const proa_server_event *event)
{
    const sim_guest *guest = server->world->guest;
    uint64_t now_ms = server->world->now_ms;
    if (guest != NULL && guest->server(guest->ctx, event)) {
        return;
    }
    proa_registration r;
    bool known = proa_server_registration(server->server, event->reg, &r);
    proa_device_news news = known ? news_of(&r) : (proa_device_news){0};
    bool is_act = event->kind == PROA_SERVER_REGISTERED || event->kind == PROA_SERVER_UPDATED ||
                  event->kind == PROA_SERVER_DEREGISTERED || event->kind == PROA_SERVER_REQUEST;
    if (is_act) {
        server->world->checker->counts.server_acts++;
        sim_checker_acted(server->world->checker, SIM_SERVER_NODE, server->input);
    }
    switch (event->kind) {
    case PROA_SERVER_REGISTERED:
        store_registration(server, event->reg, true);
        proa_authority_registered(server->authority, now_ms, &news);
        break;
    case PROA_SERVER_UPDATED:
        store_registration(server, event->reg, true);
        proa_authority_updated(server->authority, now_ms, &news);
        break;
    case PROA_SERVER_DEREGISTERED:
    case PROA_SERVER_EXPIRED:
        store_registration(server, event->reg, false);
        proa_authority_gone(server->authority, now_ms, event->endpoint, event->reg,
                            event->kind == PROA_SERVER_DEREGISTERED);
        break;
    case PROA_SERVER_DONE:
        proa_authority_done(server->authority, now_ms, event->user, event->result, event->code,
                            event->format, event->payload, &event->created);
        break;
    case PROA_SERVER_REQUEST:
        proa_authority_ac(server->authority, now_ms, event->exchange,
                          known ? r.endpoint : proa_span_make(NULL, 0), event->reg,
                          event->account != 0, &event->msg);
        break;
    case PROA_SERVER_NOTIFICATION:
    case PROA_SERVER_OBSERVE_END:
    case PROA_SERVER_REFUSED:
        break;
    }
}

static void answer(sim_server *server, const proa_action *action)
{
    const uint8_t reason[3] = {0xa1, 0x01, action->reason};
    const uint8_t max_age[2] = {(uint8_t)(action->max_age_s >> 8), (uint8_t)action->max_age_s};
    const uint8_t cbor = PROA_FORMAT_CBOR;
    proa_coap_option options[2] = {{PROA_COAP_OPT_CONTENT_FORMAT, {&cbor, 1}},
                                   {PROA_COAP_OPT_MAX_AGE, {max_age, 2}}};
    size_t first = action->reason == 0 ? 1 : 0;
    proa_coap_response response = {
        .code = action->code,
        .options = options + first,
        .option_count = (action->max_age_s == 0 ? 1 : 2) - first,
        .payload = proa_span_make(reason, action->reason == 0 ? 0 : sizeof reason)};
    (void)!proa_server_respond(server->server, server->world->now_ms, (proa_coap_id)action->ticket,
                               &response);
}

static void operate(sim_server *server, const proa_action *action)
{
    proa_op_id id;
    proa_server_op op = {.reg = action->reg,
                         .op = action->op,
                         .path = action->path,
                         .format = action->format,
                         .payload = action->payload,
                         .timeout_ms = action->timeout_ms,
                         .user = action->ticket};
    proa_err err = proa_server_op_start(server->server, server->world->now_ms, &op, &id);
    if (err != PROA_OK) {
        proa_path nowhere = {{0}, 0};
        proa_authority_done(server->authority, server->world->now_ms, action->ticket,
                            err == PROA_E_NOT_FOUND ? PROA_OP_GONE : PROA_OP_FAILED, 0,
                            PROA_FORMAT_NONE, proa_span_make(NULL, 0), &nowhere);
    }
}

static void on_action(sim_server *server, const proa_action *action)
{
    uint64_t now_ms = server->world->now_ms;
    switch (action->kind) {
    case PROA_ACTION_ANSWER:
        answer(server, action);
        break;
    case PROA_ACTION_OPERATE:
        operate(server, action);
        break;
    case PROA_ACTION_STORE:
        store_grant(server, action->grant);
        proa_authority_stored(server->authority, now_ms, action->ticket, true);
        break;
    case PROA_ACTION_FORGET:
        forget_grant(server, action->grant->id);
        break;
    case PROA_ACTION_STORE_OVERRIDE:
        store_override(server, action->override, true);
        proa_authority_stored(server->authority, now_ms, action->ticket, true);
        break;
    case PROA_ACTION_FORGET_OVERRIDE:
        store_override(server, action->override, false);
        break;
    case PROA_ACTION_AUDIT:
        sim_checker_audit(server->world->checker, server->world, action);
        break;
    }
}

void sim__server_run(sim_server *server)
{
    uint64_t now_ms = server->world->now_ms;
    proa_server_event event;
    proa_action action;
    proa_addr to;
    proa_span bytes;
    bool more = server->up;
    while (more && !server->power_failed) {
        more = false;
        while (!server->power_failed && proa_server_poll(server->server, now_ms, &event)) {
            on_event(server, &event);
            more = true;
        }
        while (!server->power_failed && proa_authority_poll(server->authority, now_ms, &action)) {
            on_action(server, &action);
            more = true;
        }
    }
    if (server->up && !server->power_failed) {
        commit_sessions(server);
    }
    while (server->up && !server->power_failed &&
           proa_server_output(server->server, now_ms, &to, &bytes) &&
           !server->records.oscore.power_failed) {
        sim__world_send(server->world, SIM_SERVER_NODE, &server->addr, &to, bytes);
    }
    if (server->records.oscore.power_failed) {
        server->records.oscore.power_failed = 0;
        server->power_failed = true;
    }
    if (server->up && !server->power_failed) {
        commit_sessions(server);
    }
    if (server->power_failed) {
        server->power_failed = false;
        server->world->power_failures++;
        sim_server_reboot(server);
    }
}

void sim__server_input(sim_server *server, const sim_datagram *datagram)
{
    if (server->up) {
        server->input = proa_span_make(datagram->bytes, datagram->len);
        proa_server_input(server->server, server->world->now_ms, &datagram->from, server->input,
                          false);
        sim__server_run(server);
        server->input = proa_span_make(NULL, 0);
    }
}

uint64_t sim__server_next_ms(const sim_server *server)
{
    if (!server->up) {
        return UINT64_MAX;
    }
    uint64_t next = proa_server_next_ms(server->server);
    uint64_t authority_ms = proa_authority_next_ms(server->authority);
    return authority_ms < next ? authority_ms : next;
}
