/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "tests/app/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proa/coap.h"
#include "proa/payload.h"

/* ---- operating -------------------------------------------------------------------------- */

static world_device *by_reg(world *w, proa_reg reg)
{
    for (size_t i = 0; i < w->device_count; i++) {
        if (w->devices[i].reg == reg && reg != 0) {
            return &w->devices[i];
        }
    }
    return NULL;
}

static world_device *by_name(world *w, const char *endpoint)
{
    for (size_t i = 0; i < w->device_count; i++) {
        if (strcmp(w->devices[i].endpoint, endpoint) == 0) {
            return &w->devices[i];
        }
    }
    return NULL;
}

static void done(world *w, const proa_action *action, proa_op_result result, uint8_t code,
                 proa_span payload, const proa_path *created)
{
    proa_authority_done(w->authority, w->now_ms, action->ticket, result, code, PROA_FORMAT_TLV,
                        payload, created);
}

static void trace(world *w, char letter)
{
    if (w->trace_len + 1 < sizeof w->trace) {
        w->trace[w->trace_len++] = letter;
        w->trace[w->trace_len] = '\0';
    }
}

static void operate(world *w, const proa_action *action)
{
    static uint8_t buf[8192];
    proa_writer out = proa_writer_make(buf, sizeof buf);
    proa_path created = {{0}, 0};
    proa_span none = {NULL, 0};
    world_device *d = by_reg(w, action->reg);
    w->operations++;
    world_fault fault = w->operations == w->fault_at ? w->fault : WORLD_FAULT_NONE;
    assert_true(action->timeout_ms > 0);
    if (d == NULL || fault == WORLD_FAULT_GONE) {
        done(w, action, PROA_OP_GONE, 0, none, &created);
        return;
    }
    assert_true(proa_span_equal(action->endpoint, proa_span_of(d->endpoint)));
    assert_true(d->secured); /* nothing of ours goes to an unprotected device (G4) */
    if (d->silent || fault == WORLD_FAULT_LOST_BEFORE) {
        done(w, action, PROA_OP_TIMEOUT, 0, none, &created);
        return;
    }
    if (fault == WORLD_FAULT_CODE) {
        done(w, action, PROA_OP_ANSWERED, w->fault_code, none, &created);
        return;
    }
    if (fault == WORLD_FAULT_RESET) {
        world_wipe(d);
    }
    if (action->op != PROA_OP_READ) {
        trace(w, strcmp(d->endpoint, "lamp") == 0 ? 'H' : 'R');
    }
    uint8_t code = action->op == PROA_OP_READ     ? world_device_read(d, action, &out)
                   : action->op == PROA_OP_CREATE ? world_device_create(d, action, &created, &out)
                   : action->op == PROA_OP_DELETE ? world_device_delete(d, action)
                                                  : world_device_write(d, action);
    d->writes += action->op != PROA_OP_READ && PROA_COAP_CLASS(code) == 2;
    d->reads += action->op == PROA_OP_READ;
    if (fault == WORLD_FAULT_LOST_AFTER) {
        done(w, action, PROA_OP_TIMEOUT, 0, none, &created);
        return;
    }
    if (fault == WORLD_FAULT_NO_LOCATION) {
        created.depth = 0;
    }
    if (fault == WORLD_FAULT_GARBLED && out.len > 0) {
        out.len--;
    }
    done(w, action, PROA_OP_ANSWERED, code, proa_writer_span(&out), &created);
}

/* ---- disk ------------------------------------------------------------------------------- */

static void put_grant(world *w, const proa_grant *grant)
{
    size_t at = 0;
    while (at < w->grant_count && w->grants[at].id != grant->id) {
        at++;
    }
    assert_true(at < WORLD_GRANTS);
    w->grants[at] = *grant;
    w->grant_count += at == w->grant_count;
}

static void drop_grant(world *w, uint64_t id)
{
    for (size_t i = 0; i < w->grant_count; i++) {
        if (w->grants[i].id == id) {
            w->grants[i] = w->grants[--w->grant_count];
            return;
        }
    }
}

static bool same_override(const proa_override *x, const proa_override *y)
{
    return strcmp(x->requester, y->requester) == 0 && strcmp(x->host, y->host) == 0 &&
           proa_path_equal(&x->path, &y->path);
}

static void drop_override(world *w, const proa_override *o)
{
    for (size_t i = 0; i < w->override_count; i++) {
        if (same_override(&w->overrides[i], o)) {
            w->overrides[i--] = w->overrides[--w->override_count];
        }
    }
}

static void store(world *w, const proa_action *action)
{
    bool ok = ++w->stores != w->store_fault_at;
    trace(w, action->kind == PROA_ACTION_STORE ? " ihar"[action->grant->state] : 'o');
    if (ok && action->kind == PROA_ACTION_STORE) {
        put_grant(w, action->grant);
    } else if (ok) {
        drop_override(w, action->override);
        w->overrides[w->override_count++] = *action->override;
    }
    if (w->hold_stores) {
        assert_true(w->held_store_count < WORLD_GRANTS);
        w->held_stores[w->held_store_count++] = action->ticket;
    } else {
        proa_authority_stored(w->authority, w->now_ms, action->ticket, ok);
    }
}

static void copy_text(char *to, size_t cap, proa_span from)
{
    assert_true(from.len < cap);
    memset(to, 0, cap);
    if (from.len > 0) {
        memcpy(to, from.data, from.len);
    }
}

static void note(world *w, const proa_action *action)
{
    if (w->audit_count == WORLD_AUDITS) {
        w->audit_count = 0;
    }
    world_audit *audit = &w->audits[w->audit_count++];
    audit->kind = action->audit;
    copy_text(audit->requester, sizeof audit->requester, action->requester);
    copy_text(audit->host, sizeof audit->host, action->host);
    copy_text(audit->rule, sizeof audit->rule, action->rule);
    audit->path = action->audit_path;
    audit->rights = action->rights;
}

static void act(world *w, const proa_action *action)
{
    switch (action->kind) {
    case PROA_ACTION_ANSWER: {
        world_answer answer = {action->ticket, action->code, action->max_age_s, action->reason};
        assert_true(w->answer_count < WORLD_ANSWERS);
        w->answers[w->answer_count++] = answer;
        trace(w, '!');
        break;
    }
    case PROA_ACTION_OPERATE:
        if (w->hold) {
            assert_true(w->held_count < WORLD_DEVICES);
            w->held[w->held_count] = *action;
            if (action->payload.len > 0) {
                memcpy(w->held_payload[w->held_count], action->payload.data, action->payload.len);
            }
            w->held[w->held_count].payload.data = w->held_payload[w->held_count];
            w->held_count++;
        } else {
            operate(w, action);
        }
        break;
    case PROA_ACTION_STORE:
    case PROA_ACTION_STORE_OVERRIDE:
        store(w, action);
        break;
    case PROA_ACTION_FORGET:
        trace(w, 'f');
        drop_grant(w, action->grant->id);
        break;
    case PROA_ACTION_FORGET_OVERRIDE:
        drop_override(w, action->override);
        break;
    case PROA_ACTION_AUDIT:
        note(w, action);
        break;
    default:
        fail();
    }
}

void world_run(world *w)
{
    proa_action action;
    uint32_t guard = 0;
    while (!w->crashed && proa_authority_poll(w->authority, w->now_ms, &action)) {
        w->actions++;
        assert_true(++guard < 20000); /* it comes to rest */
        if (w->crash_at != 0 && w->actions >= w->crash_at) {
            w->crashed = true;
            break;
        }
        act(w, &action);
    }
}

void world_release(world *w)
{
    proa_action held[WORLD_DEVICES];
    size_t count = w->held_count;
    memcpy(held, w->held, sizeof held);
    uint8_t payload[WORLD_DEVICES][640];
    memcpy(payload, w->held_payload, sizeof payload);
    w->held_count = 0;
    for (size_t i = 0; i < count; i++) {
        held[i].payload.data = payload[i];
        operate(w, &held[i]);
    }
    world_run(w);
}

void world_release_stores(world *w)
{
    w->hold_stores = false;
    for (size_t i = 0; i < w->held_store_count; i++) {
        proa_authority_stored(w->authority, w->now_ms, w->held_stores[i], true);
    }
    w->held_store_count = 0;
    world_run(w);
}

void world_pass(world *w, uint64_t ms)
{
    uint64_t end_ms = w->now_ms + ms;
    world_run(w);
    for (;;) {
        uint64_t next_ms = proa_authority_next_ms(w->authority);
        if (w->crashed || next_ms > end_ms) {
            break;
        }
        w->now_ms = next_ms > w->now_ms ? next_ms : w->now_ms;
        world_run(w);
    }
    w->now_ms = end_ms;
    world_run(w);
}

/* ---- devices at the server -------------------------------------------------------------- */

world_device *world_add(world *w, const char *endpoint, const char *ip)
{
    assert_true(w->device_count < WORLD_DEVICES);
    world_device *d = &w->devices[w->device_count++];
    memset(d, 0, sizeof *d);
    copy_text(d->endpoint, sizeof d->endpoint, proa_span_of(endpoint));
    assert_int_equal(proa_addr_parse_ip(proa_span_of(ip), &d->addr), PROA_OK);
    d->addr.port = 40000;
    d->secured = true;
    return d;
}

static void tell(world *w, world_device *d, bool is_new)
{
    char links[1024];
    world_device_list(d, links, sizeof links);
    proa_device_news news = {.endpoint = proa_span_of(d->endpoint),
                             .reg = d->reg,
                             .secured = d->secured,
                             .queue_mode = d->queue_mode,
                             .addr = d->addr,
                             .links = proa_span_of(links)};
    if (is_new) {
        proa_authority_registered(w->authority, w->now_ms, &news);
    } else {
        proa_authority_updated(w->authority, w->now_ms, &news);
    }
}

void world_register(world *w, world_device *d)
{
    d->reg = ++w->last_reg;
    tell(w, d, true);
}

void world_update(world *w, world_device *d)
{
    tell(w, d, false);
}

void world_gone(world *w, world_device *d, bool by_itself)
{
    proa_reg reg = d->reg;
    d->reg = 0;
    proa_authority_gone(w->authority, w->now_ms, proa_span_of(d->endpoint), reg, by_itself);
}

/* ---- asking ----------------------------------------------------------------------------- */

uint64_t world_ask(world *w, world_device *from, const char *host, const proa_ac_body *body,
                   bool credentials)
{
    uint8_t datagram[256];
    uint8_t payload[128];
    char query[80];
    proa_coap_token token = {{0x34, 0x12}, 2};
    proa_coap_msg msg;
    proa_writer p = proa_writer_make(payload, sizeof payload);
    uint64_t ticket = ++w->last_ticket;
    assert_int_equal(proa_ac_body_write(&p, body), PROA_OK);
    snprintf(query, sizeof query, "ep=%s", host);
    proa_coap_builder b = proa_coap_build(datagram, sizeof datagram, PROA_COAP_CON, PROA_COAP_POST,
                                          (uint16_t)ticket, &token);
    proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("ac"));
    proa_coap_add_uint(&b, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_CBOR);
    proa_coap_add(&b, PROA_COAP_OPT_URI_QUERY, proa_span_of(query));
    if (credentials) {
        proa_coap_add(&b, PROA_COAP_OPT_URI_QUERY, proa_span_of("c"));
    }
    proa_coap_add_payload(&b, proa_writer_span(&p));
    int len = proa_coap_build_end(&b);
    assert_true(len > 0);
    assert_int_equal(proa_coap_parse(&msg, proa_span_make(datagram, (size_t)len)), PROA_OK);
    proa_authority_ac(w->authority, w->now_ms, ticket, proa_span_of(from->endpoint), from->reg,
                      from->secured, &msg);
    return ticket;
}

uint8_t world_get(world *w, world_device *from, const char *host, uint16_t object,
                  uint16_t instance, uint8_t rights)
{
    proa_ac_body body = {{{object, instance, rights}}, 1};
    uint64_t ticket = world_ask(w, from, host, &body, true);
    world_run(w);
    return world_answer_to(w, ticket)->code;
}

size_t world_answers_to(const world *w, uint64_t ticket)
{
    size_t count = 0;
    for (size_t i = 0; i < w->answer_count; i++) {
        count += w->answers[i].ticket == ticket;
    }
    return count;
}

const world_answer *world_answer_to(const world *w, uint64_t ticket)
{
    const world_answer *found = NULL;
    assert_int_equal(world_answers_to(w, ticket), 1);
    for (size_t i = 0; i < w->answer_count; i++) {
        found = w->answers[i].ticket == ticket ? &w->answers[i] : found;
    }
    return found;
}

/* ---- beginning and ending --------------------------------------------------------------- */

static void open_authority(world *w)
{
    w->config.memory = counted_memory_start(&w->memory);
    assert_int_equal(proa_authority_open(&w->authority, &w->config), PROA_OK);
    proa_authority_clock(w->authority, w->now_ms, w->unix_s + (int64_t)(w->now_ms / 1000));
}

static void close_authority(world *w)
{
    proa_authority_close(w->authority);
    assert_int_equal(w->memory.blocks, 0);
    assert_int_equal(w->memory.bytes, 0);
}

void world_start(world *w, const proa_policy *policy)
{
    memset(w, 0, sizeof *w);
    proa_memory none = {NULL, NULL, NULL};
    w->config = proa_authority_config_default(test_random_start(&w->random, 1), none);
    w->config.ac_per_minute = 1000;
    w->now_ms = 1000;
    w->unix_s = 1700000000;
    w->policy = *policy;
    open_authority(w);
    proa_authority_policy(w->authority, w->now_ms, &w->policy);
    world_run(w);
}

void world_end(world *w)
{
    close_authority(w);
}

void world_arm(world *w)
{
    w->actions = 0;
    w->operations = 0;
    w->stores = 0;
    w->trace_len = 0;
    w->trace[0] = '\0';
}

void world_restart(world *w)
{
    close_authority(w);
    w->crashed = false;
    w->crash_at = 0;
    w->held_count = 0;
    w->held_store_count = 0;
    open_authority(w);
    for (size_t i = 0; i < w->override_count; i++) {
        assert_int_equal(proa_authority_restore_override(w->authority, &w->overrides[i]), PROA_OK);
    }
    for (size_t i = 0; i < w->grant_count; i++) {
        assert_int_equal(proa_authority_restore(w->authority, &w->grants[i]), PROA_OK);
    }
    for (size_t i = 0; i < w->device_count; i++) {
        if (w->devices[i].reg != 0) {
            tell(w, &w->devices[i], true);
        }
    }
    proa_authority_policy(w->authority, w->now_ms, &w->policy);
}

/* ---- looking ---------------------------------------------------------------------------- */

size_t world_count(const world_device *d)
{
    size_t count = 0;
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        count += (size_t)d->keys[i].used + d->clients[i].used + d->accesses[i].used;
    }
    return count;
}

world_client *world_client_of(world_device *d, const char *peer)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (d->clients[i].used && strcmp(d->clients[i].endpoint, peer) == 0) {
            return &d->clients[i];
        }
    }
    return NULL;
}

world_key *world_key_of(world_device *d, const char *peer)
{
    const world_client *client = world_client_of(d, peer);
    for (size_t i = 0; client != NULL && i < WORLD_ROWS; i++) {
        if (d->keys[i].used && d->keys[i].short_id == client->short_id) {
            return &d->keys[i];
        }
    }
    return NULL;
}

uint8_t world_rights(world_device *host, const char *requester, uint16_t object, uint16_t target)
{
    const world_client *client = world_client_of(host, requester);
    for (size_t i = 0; client != NULL && i < WORLD_ROWS; i++) {
        const world_access *access = &host->accesses[i];
        for (uint8_t j = 0; access->used && access->object == object && access->target == target &&
                            j < access->acl_count;
             j++) {
            if (access->acl[j].short_id == client->short_id) {
                return access->acl[j].rights;
            }
        }
    }
    return 0;
}

const proa_grant *world_grant(const world *w, const char *requester, const char *host)
{
    uint32_t cursor = 0;
    const proa_grant *g;
    while ((g = proa_authority_grant(w->authority, &cursor)) != NULL) {
        if (strcmp(g->requester, requester) == 0 && strcmp(g->host, host) == 0) {
            return g;
        }
    }
    return NULL;
}

size_t world_audits(const world *w, proa_audit_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < w->audit_count; i++) {
        count += w->audits[i].kind == kind;
    }
    return count;
}

/* ---- invariants ------------------------------------------------------------------------- */

#define MUST(condition)                                            \
    do {                                                           \
        if (!(condition)) {                                        \
            fail_msg("%s: %s: %s", when, d->endpoint, #condition); \
        }                                                          \
    } while (0)

/* Identities of people are text; those and their short ids are none of the authority's business. */
static bool is_foreign(const world_key *key)
{
    return key->identity_len != PROA_GRANT_IDENTITY_LEN;
}

static const world_context *context_of(const world_device *d, const world_key *key)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (d->contexts[i].used && d->contexts[i].instance == key->context) {
            return &d->contexts[i];
        }
    }
    return NULL;
}

/* The two ends of one security context: the same secret, each other's ids. */
static void check_contexts(const world_device *d, const world_key *key, const world_device *peer,
                           const world_key *twin, const char *when)
{
    const world_context *own = context_of(d, key);
    const world_context *other = context_of(peer, twin);
    MUST(own != NULL && other != NULL);
    MUST(memcmp(own->secret, other->secret, sizeof own->secret) == 0);
    MUST(memcmp(own->salt, other->salt, sizeof own->salt) == 0);
    MUST(memcmp(own->sender_id, other->recipient_id, 2) == 0);
    MUST(memcmp(own->recipient_id, other->sender_id, 2) == 0);
}

static void check_keys(world *w, world_device *d, const char *when)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        const world_key *key = &d->keys[i];
        if (!key->used || is_foreign(key)) {
            continue;
        }
        const world_client *client = NULL;
        for (size_t j = 0; j < WORLD_ROWS; j++) {
            if (d->clients[j].used && d->clients[j].short_id == key->short_id) {
                client = &d->clients[j];
            }
        }
        MUST(client != NULL);
        world_device *peer = by_name(w, client->endpoint);
        const world_key *twin = peer == NULL ? NULL : world_key_of(peer, d->endpoint);
        MUST(twin != NULL);
        MUST(memcmp(twin->identity, key->identity, 16) == 0);
        MUST(twin->mode == key->mode);
        /* Who has the address calls by it, and must be awaited. */
        MUST(!key->first || key->uri[0] == '\0' || twin->first);
        if (key->mode == 0) {
            MUST(twin->secret_len == 16 && memcmp(twin->secret, key->secret, 16) == 0);
        } else {
            check_contexts(d, key, peer, twin, when);
        }
        MUST(world_grant(w, d->endpoint, client->endpoint) != NULL ||
             world_grant(w, client->endpoint, d->endpoint) != NULL);
    }
}

static void check_clients(world_device *d, const char *when)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (!d->clients[i].used) {
            continue;
        }
        size_t keys = 0;
        for (size_t j = 0; j < WORLD_ROWS; j++) {
            MUST(j == i || !d->clients[j].used || d->clients[j].short_id != d->clients[i].short_id);
            keys += d->keys[j].used && d->keys[j].short_id == d->clients[i].short_id;
        }
        MUST(keys == 1);
    }
}

static uint8_t granted(const world *w, const char *requester, const char *host, uint16_t object,
                       uint16_t target)
{
    const proa_grant *g = world_grant(w, requester, host);
    for (uint8_t i = 0; g != NULL && i < g->entry_count; i++) {
        if (g->entries[i].object == object && g->entries[i].instance == target) {
            return g->entries[i].rights;
        }
    }
    return 0;
}

static void check_rights(world *w, world_device *d, const char *when)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        const world_access *access = &d->accesses[i];
        for (uint8_t j = 0; access->used && j < access->acl_count; j++) {
            const world_client *client = NULL;
            for (size_t k = 0; k < WORLD_ROWS; k++) {
                if (d->clients[k].used && d->clients[k].short_id == access->acl[j].short_id) {
                    client = &d->clients[k];
                }
            }
            MUST(client != NULL || access->acl[j].short_id == 0);
            if (client != NULL && world_key_of(d, client->endpoint) != NULL &&
                !is_foreign(world_key_of(d, client->endpoint))) {
                MUST(granted(w, client->endpoint, d->endpoint, access->object, access->target) ==
                     access->acl[j].rights);
            }
        }
    }
}

static void check_grant(world *w, const proa_grant *g, const char *when)
{
    world_device *d = by_name(w, g->host);
    world_device *requester = by_name(w, g->requester);
    MUST(g->state == PROA_GRANT_ACTIVE);
    MUST(world_client_of(d, g->requester) != NULL);
    MUST(world_client_of(d, g->requester)->short_id == g->requester_short_id);
    for (uint8_t i = 0; i < g->entry_count; i++) {
        MUST(world_rights(d, g->requester, g->entries[i].object, g->entries[i].instance) ==
             g->entries[i].rights);
    }
    if (g->host_security != PROA_ID_ALL) {
        MUST(world_key_of(d, g->requester) != NULL);
        MUST(memcmp(world_key_of(d, g->requester)->identity, g->identity, 16) == 0);
        d = requester;
        MUST(world_key_of(d, g->host) != NULL);
        MUST(memcmp(world_key_of(d, g->host)->identity, g->identity, 16) == 0);
        MUST(world_key_of(d, g->host)->uri[0] != '\0');
    }
}

static world_device *find(world *w, const char *endpoint)
{
    for (size_t i = 0; i < w->device_count; i++) {
        if (strcmp(w->devices[i].endpoint, endpoint) == 0) {
            return &w->devices[i];
        }
    }
    return NULL;
}

static void use(world *w, const proa_grant *g, const char *when)
{
    world_device *requester = find(w, g->requester);
    world_device *host = find(w, g->host);
    const world_client *at_requester = world_client_of(requester, g->host);
    const world_client *at_host = world_client_of(host, g->requester);
    const world_key *key =
        at_requester == NULL ? NULL : world_device_key(requester, at_requester->short_id, true);
    const world_key *twin = NULL;
    if (key == NULL || at_host == NULL) {
        return; /* an account of somebody else, or one that is to go */
    }
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (host->keys[i].used && host->keys[i].short_id == at_host->short_id &&
            memcmp(host->keys[i].identity, key->identity, 16) == 0) {
            twin = &host->keys[i];
        }
    }
    const world_device *d = requester;
    MUST(twin != NULL);
    bool at_end[2] = {world_device_used(host, twin), world_device_used(requester, key)};
    if (at_end[0]) {
        world_update(w, host);
    }
    if (at_end[1]) {
        world_update(w, requester);
    }
}

void world_use(world *w, const char *when)
{
    const proa_grant *g;
    uint32_t cursor = 0;
    while ((g = proa_authority_grant(w->authority, &cursor)) != NULL) {
        if (g->state == PROA_GRANT_ACTIVE) {
            use(w, g, when);
        }
    }
    world_run(w);
}

void world_check(world *w, const char *when)
{
    uint32_t cursor = 0;
    const proa_grant *g;
    size_t count = 0;
    for (size_t i = 0; i < w->device_count; i++) {
        check_keys(w, &w->devices[i], when);
        check_clients(&w->devices[i], when);
        check_rights(w, &w->devices[i], when);
    }
    while ((g = proa_authority_grant(w->authority, &cursor)) != NULL) {
        check_grant(w, g, when);
        count++;
    }
    if (count != w->grant_count) {
        fail_msg("%s: %zu grants live, %zu on disk", when, count, w->grant_count);
    }
}
