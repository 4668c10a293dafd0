/* SPDX-License-Identifier: Apache-2.0 */
/* Judging a world from outside. See checker.h for the rules. */
#include "sim/checker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A question may take its own time-out and a little. */
#define ASK_TIMEOUT_MS 120000U
#define ASK_SLACK_MS 5000U

/* What a host does at the moment its grant ends may still be on its way. */
#define FLIGHT_MS 8000U

/* Revocation reaches a host that is up and reachable within its deadline; from then on it counts. */
#define GRANT_SLACK_MS 2000U

const char *sim_rule_name(sim_rule rule)
{
    static const char *const names[] = {"none",       "completion", "access",     "records",
                                        "refusal",    "both sides", "grant lost", "liveness",
                                        "repetition", "replay",     "spin",       "nonces"};
    return names[rule];
}

void sim_checker_open(sim_checker *checker, sim_world *world, bool verbose)
{
    memset(checker, 0, sizeof *checker);
    checker->world = world;
    checker->verbose = verbose;
    checker->records = sim__records_open();
    checker->nonces = sim__records_open();
}

void sim_checker_close(sim_checker *checker)
{
    sim__records_close(checker->records);
    sim__records_close(checker->nonces);
    checker->nonces = NULL;
    checker->records = NULL;
}

static void tell(const sim_checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(const sim_checker *checker, const char *format, ...)
{
    if (checker->verbose) {
        va_list arguments;
        printf("%9.3f ", (double)(checker->world->now_ms - SIM_START_MS) / 1000.0);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
    }
}

void sim_checker_break(sim_checker *checker, sim_rule rule, const char *format, ...)
{
    va_list arguments;
    if (checker->broken != SIM_RULE_NONE) {
        return;
    }
    checker->broken = rule;
    checker->broken_ms = checker->world->now_ms - SIM_START_MS;
    va_start(arguments, format);
    vsnprintf(checker->message, sizeof checker->message, format, arguments);
    va_end(arguments);
    tell(checker, "VIOLATION %s: %s", sim_rule_name(rule), checker->message);
}

void sim_checker_policy(sim_checker *checker, unsigned requester, unsigned host, uint8_t rights)
{
    checker->pairs[requester][host].policy_rights = rights;
}

void sim_checker_revoked(sim_checker *checker, unsigned requester, unsigned host)
{
    sim_pair *pair = &checker->pairs[requester][host];
    tell(checker, "operator revokes d%u -> d%u", requester, host);
    pair->refused = true;
    pair->refused_ms = checker->world->now_ms;
}

void sim_checker_allowed(sim_checker *checker, unsigned requester, unsigned host)
{
    tell(checker, "operator allows d%u -> d%u", requester, host);
    checker->pairs[requester][host].refused = false;
}

/* ---- asking ----------------------------------------------------------------------------- */

bool sim_checker_ask(sim_checker *checker, unsigned requester, unsigned host, proa_operation op,
                     uint16_t resource, uint32_t *index)
{
    sim_device *device = &checker->world->devices[requester];
    const sim_device *target = &checker->world->devices[host];
    char arguments[8];
    proa_c2c_id id;
    if (checker->ask_count == SIM_ASKS_MAX || !device->up) {
        return false;
    }
    uint32_t place = checker->ask_count;
    proa_c2c_ask ask = {.endpoint = proa_span_of(target->name),
                        .op = op,
                        .path = proa_path_make(3, 3311, 0, resource),
                        .format = PROA_FORMAT_NONE,
                        .timeout_ms = ASK_TIMEOUT_MS,
                        .user = place};
    if (op == PROA_OP_WRITE_REPLACE) {
        ask.format = PROA_FORMAT_TEXT;
        ask.payload = proa_span_of("1");
    } else if (op == PROA_OP_EXECUTE) { /* says which question it is, see sim_checker_executed */
        snprintf(arguments, sizeof arguments, "0='%u'", (unsigned)place);
        ask.format = PROA_FORMAT_TEXT;
        ask.payload = proa_span_of(arguments);
    }
    if (proa_c2c_send(device->c2c, checker->world->now_ms, &ask, &id) != PROA_OK) {
        return false;
    }
    checker->ask_count++;
    checker->counts.asks++;
    checker->asks[place] = (sim_ask){.used = true,
                                     .requester = requester,
                                     .host = host,
                                     .incarnation = device->incarnation,
                                     .asked_ms = checker->world->now_ms,
                                     .deadline_ms = checker->world->now_ms + ASK_TIMEOUT_MS,
                                     .op = op,
                                     .id = id};
    tell(checker, "#%u d%u asks d%u to %s 3311/0/%u", place, requester, host,
         proa_operation_name(op), resource);
    *index = place;
    return true;
}

void sim_checker_cancel_observations(sim_checker *checker)
{
    for (uint32_t i = 0; i < checker->ask_count; i++) {
        sim_ask *ask = &checker->asks[i];
        sim_device *device = &checker->world->devices[ask->requester];
        if (ask->observing && device->up && ask->incarnation == device->incarnation) {
            ask->observing = false;
            proa_c2c_cancel(device->c2c, checker->world->now_ms, ask->id);
        }
    }
}

static void count_outcome(sim_counts *counts, proa_outcome outcome)
{
    switch (outcome) {
    case PROA_OUTCOME_OK:
        counts->ok++;
        break;
    case PROA_OUTCOME_DENIED:
    case PROA_OUTCOME_REVOKED:
        counts->denied++;
        break;
    case PROA_OUTCOME_BUSY:
        counts->busy++;
        break;
    case PROA_OUTCOME_PENDING:
        counts->pending++;
        break;
    case PROA_OUTCOME_HOST_OFFLINE:
        counts->offline++;
        break;
    case PROA_OUTCOME_UNREACHABLE:
        counts->unreachable++;
        break;
    case PROA_OUTCOME_TIMEOUT:
        counts->timeout++;
        break;
    default:
        counts->other++;
        break;
    }
}

/* Something was obtained: was there a grant at any time since it was asked for? */
static void judge_access(sim_checker *checker, unsigned requester, unsigned host, uint8_t right,
                         uint64_t since_ms, const char *what)
{
    const sim_pair *pair = &checker->pairs[requester][host];
    if ((pair->policy_rights & right) == 0) {
        sim_checker_break(checker, SIM_RULE_ACCESS, "d%u got %s from d%u, which policy denies",
                          requester, what, host);
    } else if (pair->alive_ms + GRANT_SLACK_MS < since_ms) {
        sim_checker_break(checker, pair->refused ? SIM_RULE_REFUSAL : SIM_RULE_ACCESS,
                          "d%u got %s from d%u although its grant ended %.1f s before it was asked "
                          "for",
                          requester, what, host, (double)(since_ms - pair->alive_ms) / 1000.0);
    }
}

static void on_outcome(sim_checker *checker, const proa_c2c_event *event)
{
    sim_ask *ask = &checker->asks[event->user];
    if (ask->finished) {
        sim_checker_break(checker, SIM_RULE_COMPLETION, "#%u got a second outcome, %s",
                          (unsigned)event->user, proa_outcome_name(event->outcome));
        return;
    }
    ask->finished = true;
    ask->outcome = event->outcome;
    ask->observing = event->observing;
    count_outcome(&checker->counts, event->outcome);
    tell(checker, "#%u %s (code %u.%02u%s)", (unsigned)event->user,
         proa_outcome_name(event->outcome), event->code >> 5, event->code & 31,
         event->via_server ? " from the server" : "");
    if (event->outcome == PROA_OUTCOME_OK) {
        judge_access(checker, ask->requester, ask->host, proa_operation_right(ask->op),
                     ask->asked_ms, "an answer");
    }
}

void sim_checker_c2c(sim_checker *checker, sim_device *device, const proa_c2c_event *event)
{
    uint64_t now_ms = checker->world->now_ms;
    bool ours = event->user < SIM_ASKS_MAX;
    switch (event->kind) {
    case PROA_C2C_OUTCOME:
        if (ours) {
            on_outcome(checker, event);
        }
        break;
    case PROA_C2C_NOTIFICATION:
        checker->counts.notifications++;
        if (ours) {
            const sim_ask *ask = &checker->asks[event->user];
            /* OSCORE says in which order notifications were sent, not when (RFC 8613 §7.3): one
             * that was lost may be brought by whoever has heard it, much later. */
            uint64_t sent_ms =
                sim_thief_heard_ms(&checker->world->eavesdropper, now_ms, device->input);
            judge_access(checker, ask->requester, ask->host, PROA_RIGHT_READ, sent_ms - FLIGHT_MS,
                         "a notification");
        }
        break;
    case PROA_C2C_HINT:
        checker->counts.hints++;
        break;
    case PROA_C2C_PEER_ADDED:
        checker->counts.peers_added++;
        tell(checker, "%s has an account for %.*s", device->name, (int)event->endpoint.len,
             (const char *)event->endpoint.data);
        break;
    case PROA_C2C_PEER_REMOVED:
        checker->counts.peers_removed++;
        checker->counts.expired += event->outcome == PROA_OUTCOME_EXPIRED;
        tell(checker, "%s removed the account of %.*s: %s", device->name, (int)event->endpoint.len,
             (const char *)event->endpoint.data, proa_outcome_name(event->outcome));
        break;
    default:
        break;
    }
}

/* ---- the host's side -------------------------------------------------------------------- */

static bool endpoint_of_peer(sim_device *device, uint16_t short_id, unsigned *index)
{
    proa_c2c_peer peer;
    for (size_t i = 0; proa_c2c_peer_at(device->c2c, device->world->now_ms, i, &peer); i++) {
        const sim_device *who = sim_world_device(device->world, peer.endpoint);
        if (peer.short_id == short_id && who != NULL) {
            *index = who->node - 1;
            return true;
        }
    }
    return false;
}

void sim_checker_client(sim_checker *checker, sim_device *device, const proa_client_event *event)
{
    bool acted = event->kind == PROA_CLIENT_WRITTEN || event->kind == PROA_CLIENT_EXECUTED ||
                 event->kind == PROA_CLIENT_CREATED || event->kind == PROA_CLIENT_DELETED;
    unsigned requester;
    checker->counts.written += event->kind == PROA_CLIENT_WRITTEN;
    checker->counts.executed += event->kind == PROA_CLIENT_EXECUTED;
    if (event->kind == PROA_CLIENT_REGISTERED) {
        tell(checker, "%s registered", device->name);
    } else if (event->kind == PROA_CLIENT_REGISTER_FAILED) {
        tell(checker, "%s is not registered (%s, code %u.%02u), tries again in %.1f s",
             device->name, proa_err_name(event->err), event->code >> 5, event->code & 31,
             event->retry_ms / 1000.0);
    }
    if (!acted || event->who.kind != PROA_ACTOR_PEER) {
        return;
    }
    if (!endpoint_of_peer(device, event->who.short_id, &requester)) {
        return; /* the account went in the same turn */
    }
    if (device->input.len > 0) {
        checker->counts.device_acts++;
        sim_checker_acted(checker, device->node, device->input);
    }
    judge_access(checker, requester, device->node - 1,
                 event->kind == PROA_CLIENT_EXECUTED ? PROA_RIGHT_EXECUTE : PROA_RIGHT_WRITE,
                 checker->world->now_ms, "a change");
}

/* This record proved the key of a first session. Its connection id is made of the key (docs/C2C.md §6), so it
 * comes once on each end, whatever the device has been through. It has four bytes (device.c); in a calm world
 * two, and then the record's length is looked at as well, which does no harm. */
void sim_checker_first(sim_checker *checker, const sim_device *device, proa_span datagram)
{
    enum { ID_AT = 11, ID_LEN = 4 };
    uint64_t name = sim__records_hash(13 + device->node, datagram.data + ID_AT, ID_LEN);
    if (!sim__records_note(checker->nonces, name, checker->world->now_ms)) {
        sim_checker_break(checker, SIM_RULE_REPLAY, "%s had two first sessions with one key",
                          device->name);
    }
}

/* The host did what question `arguments` asked for. */
void sim_checker_executed(sim_checker *checker, const sim_device *device, proa_span arguments)
{
    uint32_t place = 0;
    for (size_t i = 0; i < arguments.len; i++) { /* 0='123' */
        uint8_t c = arguments.data[i];
        place = c >= '0' && c <= '9' ? 10 * place + (c - '0') : place;
    }
    if (place >= checker->ask_count || checker->asks[place].host != device->node - 1 ||
        ++checker->asks[place].executions > 1) {
        sim_checker_break(checker, SIM_RULE_REPETITION, "%s executed for #%u, %s", device->name,
                          (unsigned)place, place < checker->ask_count ? "again" : "never asked");
    }
}

void sim_checker_sealed(sim_checker *checker, const sim_device *device, uint64_t name,
                        uint64_t content)
{
    checker->counts.sealed++;
    if (!sim__records_note(checker->nonces, name, content)) {
        sim_checker_break(checker, SIM_RULE_NONCES,
                          "%s encrypted two different messages with one key and nonce",
                          device->name);
    }
}

/* A node did something for others because of this datagram: the server a registration, an update, a
 * goodbye, an /ac; a device a write or more for another one. */
void sim_checker_acted(sim_checker *checker, unsigned node, proa_span datagram)
{
    proa_span part = sim_thief_protected(datagram);
    uint64_t name = sim__records_hash(11 + node, part.data, part.len) | 1;
    size_t i = name & (SIM_ACTS_MAX - 1);
    while (checker->acts[i] != 0 && checker->acts[i] != name) {
        i = (i + 1) & (SIM_ACTS_MAX - 1);
    }
    if (checker->acts[i] == name) {
        sim_checker_break(checker, SIM_RULE_REPLAY, "node %u did again what a datagram asked for",
                          node);
    }
    if (checker->counts.server_acts + checker->counts.device_acts < SIM_ACTS_MAX / 2) {
        checker->acts[i] = name;
    }
}

void sim_checker_rebooted(sim_checker *checker, const sim_device *device)
{
    tell(checker, "%s rebooted", device->name);
    for (uint32_t i = 0; i < checker->ask_count; i++) {
        sim_ask *ask = &checker->asks[i];
        if (ask->requester == device->node - 1 && ask->incarnation < device->incarnation) {
            ask->finished = true; /* the application that asked is gone as well */
        }
    }
}

/* ---- the server's side ------------------------------------------------------------------ */

void sim_checker_audit(sim_checker *checker, sim_world *world, const proa_action *action)
{
    sim_counts *counts = &checker->counts;
    (void)world;
    counts->granted += action->audit == PROA_AUDIT_GRANTED;
    counts->renewed += action->audit == PROA_AUDIT_RENEWED;
    counts->revoked += action->audit == PROA_AUDIT_REVOKED;
    counts->allowed += action->audit == PROA_AUDIT_ALLOWED;
    counts->failed += action->audit == PROA_AUDIT_FAILED;
    counts->ended += action->audit == PROA_AUDIT_ENDED;
    counts->reconciled += action->audit == PROA_AUDIT_RECONCILED;
    tell(checker, "server: %s %.*s -> %.*s (%.*s)", proa_audit_kind_name(action->audit),
         (int)action->requester.len, (const char *)action->requester.data, (int)action->host.len,
         (const char *)action->host.data, (int)action->rule.len, (const char *)action->rule.data);
    if (action->audit == PROA_AUDIT_GRANTED || action->audit == PROA_AUDIT_RENEWED) {
        for (unsigned r = 0; r < checker->world->device_count; r++) {
            for (unsigned h = 0; h < checker->world->device_count; h++) {
                const sim_pair *pair = &checker->pairs[r][h];
                if (pair->refused &&
                    proa_span_equal(action->requester,
                                    proa_span_of(checker->world->devices[r].name)) &&
                    proa_span_equal(action->host, proa_span_of(checker->world->devices[h].name))) {
                    sim_checker_break(checker, SIM_RULE_REFUSAL,
                                      "d%u was granted d%u again although nobody allowed it", r, h);
                }
            }
        }
    }
}

/* Called after each instant: which grants are alive now, by what is on the server's disk. */
void sim_checker_grants(sim_checker *checker, sim_world *world)
{
    const sim_records *records = &world->server.records;
    int64_t unix_s = sim_world_unix_s(world);
    for (size_t i = 0; i < SIM_GRANTS_MAX; i++) {
        const proa_grant *grant = &records->grants[i];
        if (!records->grant_used[i] || grant->state == PROA_GRANT_ENDED ||
            grant->expires_unix_s + 1 < unix_s) {
            continue;
        }
        if (grant->state == PROA_GRANT_REVOKING && grant->host_cleared) {
            continue;
        }
        const sim_device *requester = sim_world_device(world, grant->requester);
        const sim_device *host = sim_world_device(world, grant->host);
        if (requester != NULL && host != NULL) {
            checker->pairs[requester->node - 1][host->node - 1].alive_ms = world->now_ms;
        }
    }
}

void sim_checker_datagram(sim_checker *checker, const proa_addr *from, const proa_addr *to,
                          proa_span bytes)
{
    if (!sim__records_see(checker->records, from, to, bytes)) {
        sim_checker_break(checker, SIM_RULE_RECORDS,
                          "a DTLS record number was used twice with different bytes");
    }
}

/* ---- the end ---------------------------------------------------------------------------- */

static bool has_account(sim_device *device, const char *endpoint)
{
    proa_c2c_peer peer;
    for (size_t i = 0; proa_c2c_peer_at(device->c2c, device->world->now_ms, i, &peer); i++) {
        if (strcmp(peer.endpoint, endpoint) == 0) {
            return true;
        }
    }
    return false;
}

/* A grant that is being taken away may be gone from one device while the other cannot be reached:
 * then the server keeps trying, and the one side can do nothing without the other. */
static bool is_being_revoked(const sim_world *world, const char *a, const char *b)
{
    for (size_t i = 0; i < SIM_GRANTS_MAX; i++) {
        const proa_grant *grant = &world->server.records.grants[i];
        if (world->server.records.grant_used[i] && grant->state == PROA_GRANT_REVOKING &&
            ((strcmp(grant->requester, a) == 0 && strcmp(grant->host, b) == 0) ||
             (strcmp(grant->requester, b) == 0 && strcmp(grant->host, a) == 0))) {
            return true;
        }
    }
    return false;
}

static void check_both_sides(sim_checker *checker, sim_world *world)
{
    for (unsigned a = 0; a < world->device_count; a++) {
        for (unsigned b = a + 1; b < world->device_count; b++) {
            bool at_a = has_account(&world->devices[a], world->devices[b].name);
            bool at_b = has_account(&world->devices[b], world->devices[a].name);
            if (at_a != at_b &&
                !is_being_revoked(world, world->devices[a].name, world->devices[b].name)) {
                sim_checker_break(checker, SIM_RULE_BOTH_SIDES,
                                  "d%u has an account for d%u, which has none for it", at_a ? a : b,
                                  at_a ? b : a);
            }
        }
    }
}

/* An active grant whose account is missing somewhere, or NULL. */
static const proa_grant *lost_grant(sim_world *world)
{
    const sim_records *records = &world->server.records;
    for (size_t i = 0; i < SIM_GRANTS_MAX; i++) {
        const proa_grant *grant = &records->grants[i];
        if (!records->grant_used[i] || grant->state != PROA_GRANT_ACTIVE) {
            continue;
        }
        sim_device *requester = sim_world_device(world, grant->requester);
        sim_device *host = sim_world_device(world, grant->host);
        if (requester == NULL || host == NULL || !has_account(requester, grant->host) ||
            !has_account(host, grant->requester)) {
            return grant;
        }
    }
    return NULL;
}

/* A provisioning is at work: one device has its account, the other not yet. */
static bool is_installing(const sim_world *world)
{
    for (size_t i = 0; i < SIM_GRANTS_MAX; i++) {
        proa_grant_state state = world->server.records.grants[i].state;
        if (world->server.records.grant_used[i] &&
            (state == PROA_GRANT_INTENDED || state == PROA_GRANT_HOST_READY)) {
            return true;
        }
    }
    return false;
}

bool sim_checker_settled(sim_world *world)
{
    return lost_grant(world) == NULL && !is_installing(world);
}

static void check_active(sim_checker *checker, sim_world *world)
{
    const proa_grant *grant = lost_grant(world);
    if (grant != NULL) {
        sim_checker_break(checker, SIM_RULE_GRANT_LOST,
                          "the server calls %s -> %s active, but a device lacks its account",
                          grant->requester, grant->host);
    }
}

static void tell_tables(const sim_checker *checker, const sim_device *device)
{
    proa_client_stats client = proa_client_stats_get(device->client);
    proa_secure_stats secure = device->secure->class_->stats(device->secure);
    proa_c2c_stats c2c = proa_c2c_stats_get(device->c2c);
    tell(
        checker,
        "%s: %u requests, %u exchanges, %u relations; %u sessions awake, %u asleep, %u handshakes; "
        "%u peers, %u rights, %u questions",
        device->name, client.coap.requests, client.coap.exchanges, client.coap.relations,
        secure.live, secure.hibernated, secure.handshakes, c2c.peers, c2c.access_entries, c2c.asks);
}

void sim_checker_finish(sim_checker *checker)
{
    sim_world *world = checker->world;
    for (unsigned i = 0; i < world->device_count; i++) {
        tell_tables(checker, &world->devices[i]);
    }
    for (uint32_t i = 0; i < checker->ask_count; i++) {
        const sim_ask *ask = &checker->asks[i];
        if (!ask->finished && ask->deadline_ms + ASK_SLACK_MS < world->now_ms) {
            sim_checker_break(checker, SIM_RULE_COMPLETION, "#%u never got an outcome", i);
        }
    }
    if (world->stuck) {
        sim_checker_break(checker, SIM_RULE_SPIN, "an engine wants to be run for ever");
    }
    check_both_sides(checker, world);
    check_active(checker, world);
}
