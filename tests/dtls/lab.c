/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes, a network with faults, and a watcher. */
#include "tests/dtls/lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/guard.h"

/* ---- memory ----------------------------------------------------------------------------- */

static void *take(void *ctx, size_t len)
{
    lab *world = ctx;
    if (world->no_memory) {
        return NULL;
    }
    world->taken_len += len;
    return calloc(1, len);
}

static void give(void *ctx, void *block, size_t len)
{
    lab *world = ctx;
    world->taken_len -= len;
    free(block);
}

/* A test that failed left its world behind; the next one must not suffer for it. */
static lab *current;

static void clear(lab *world)
{
    for (size_t i = 0; i < world->node_count; i++) {
        if (world->nodes[i].box != NULL) {
            world->nodes[i].box->class_->free(world->nodes[i].box);
        }
    }
    current = NULL;
}

static void forget(lab *world)
{
    if (world->arena != NULL) {
        proa_dtls_arena_init(NULL, 0);
        free(world->arena);
    }
    free(world);
}

lab *lab_new(uint64_t seed, size_t arena_len)
{
    if (current != NULL) {
        lab *left = current;
        clear(left);
        forget(left);
    }
    lab *world = calloc(1, sizeof *world);
    current = world;
    world->random.state = seed;
    world->now_ms = 1000000;
    if (arena_len > 0) {
        world->arena = malloc(arena_len);
        proa_dtls_arena_init(world->arena, arena_len);
    }
    return world;
}

void lab_free(lab *world)
{
    clear(world);
    assert_int_equal(world->taken_len, 0);
    assert_int_equal(proa_dtls_arena_read().used, 0);
    forget(world);
}

/* ---- nodes ------------------------------------------------------------------------------ */

bool lab_find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    (void)ctx;
    if (identity.len == 0 || identity.data[0] < 'a' || identity.data[0] > 'm') {
        return false;
    }
    memset(out->key, identity.data[0], 16);
    out->key_len = 16;
    out->account = identity.data[0] - 'a' + 1U;
    return true;
}

lab_node *lab_add(lab *world, uint8_t cid_len)
{
    static const uint8_t prefix[15] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2};
    assert_true(world->node_count < LAB_NODES);
    lab_node *node = &world->nodes[world->node_count++];
    proa_memory memory = {take, give, world};
    proa_random random = test_random_start(&node->random, test_random_next(&world->random));
    node->config = proa_dtls_config_device(random, memory);
    node->config.cid_len = cid_len;
    node->config.find_psk = lab_find_psk;
    memcpy(node->addr.ip, prefix, sizeof prefix);
    node->addr.ip[15] = (uint8_t)world->node_count;
    node->addr.port = 5684;
    return node;
}

void lab_open(lab *world, lab_node *node)
{
    (void)world;
    assert_int_equal(proa_dtls_open(&node->box, &node->config), PROA_OK);
}

uint32_t lab_connect_with(lab *world, lab_node *from, const lab_node *to, const char *identity,
                          char key, uint64_t account)
{
    proa_psk psk = {{0}, 16, account};
    uint32_t session = 0;
    memset(psk.key, key, psk.key_len);
    assert_int_equal(from->box->class_->open(from->box, world->now_ms, &to->addr,
                                             proa_span_of(identity), &psk, &session),
                     PROA_OK);
    assert_int_not_equal(session, 0);
    return session;
}

uint32_t lab_connect(lab *world, lab_node *from, const lab_node *to, const char *identity)
{
    return lab_connect_with(world, from, to, identity, identity[0],
                            (uint64_t)(identity[0] - 'a') + 1U);
}

proa_err lab_send(lab *world, lab_node *node, uint32_t session, const char *text)
{
    return node->box->class_->send(node->box, world->now_ms, session, proa_span_of(text));
}

proa_secure_stats lab_stats(const lab_node *node)
{
    return node->box->class_->stats(node->box);
}

/* ---- events ----------------------------------------------------------------------------- */

static void take_events(lab *world, lab_node *node)
{
    proa_secure_event event;
    while (node->box->class_->poll(node->box, world->now_ms, &event)) {
        assert_true(node->event_count < LAB_EVENTS);
        lab_event *kept = &node->events[node->event_count++];
        proa_span bytes = event.kind == PROA_SECURE_DATA ? event.data : event.identity;
        kept->event = event;
        kept->at_ms = world->now_ms;
        kept->len = bytes.len < sizeof kept->bytes ? bytes.len : sizeof kept->bytes;
        if (kept->len > 0) {
            memcpy(kept->bytes, bytes.data, kept->len);
        }
        if (event.kind == PROA_SECURE_DATA && node->echo) {
            uint8_t copy[LAB_DATAGRAM];
            memcpy(copy, event.data.data, event.data.len);
            (void)!node->box->class_->send(node->box, world->now_ms, event.session,
                                           proa_span_make(copy, event.data.len));
        }
    }
}

const lab_event *lab_next(lab_node *node)
{
    return node->read < node->event_count ? &node->events[node->read++] : NULL;
}

const lab_event *lab_expect(lab_node *node, proa_secure_event_kind kind)
{
    const lab_event *event = lab_next(node);
    assert_non_null(event);
    assert_int_equal(event->event.kind, kind);
    return event;
}

/* ---- the watcher ------------------------------------------------------------------------ */

static uint64_t hash(uint64_t h, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        h = (h ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    }
    return h;
}

/* A session is named by who sends and by the connection id it writes, else by both addresses. */
static void watch_record(lab *world, const lab_datagram *d, const uint8_t *record, size_t len,
                         size_t cid_len)
{
    if (record[3] == 0 && record[4] == 0) {
        return;
    }
    uint64_t who = hash(0xcbf29ce484222325u, &d->from.ip, 16);
    who = cid_len > 0 ? hash(who, record + 11, cid_len) : hash(who, &d->to, sizeof d->to);
    uint64_t name = hash(who, record + 3, 8) | 1;
    uint64_t what = hash(0xcbf29ce484222325u, record, len);
    size_t at = (size_t)(name % LAB_SEEN);
    while (world->seen[at][0] != 0 && world->seen[at][0] != name) {
        at = (at + 1) % LAB_SEEN;
    }
    if (world->seen[at][0] == name) {
        assert_true(world->seen[at][1] == what); /* else: a record number used twice */
        return;
    }
    world->seen[at][0] = name;
    world->seen[at][1] = what;
    assert_true(++world->seen_count < LAB_SEEN / 2);
}

static void watch(lab *world, const lab_datagram *d)
{
    size_t cid_len = 0;
    if (world->unwatched) {
        return;
    }
    for (size_t i = 0; i < world->node_count; i++) {
        if (memcmp(world->nodes[i].addr.ip, d->to.ip, sizeof d->to.ip) == 0) {
            cid_len = world->nodes[i].config.cid_len;
        }
    }
    for (size_t at = 0; at < d->len;) {
        const uint8_t *record = d->bytes + at;
        size_t cid = record[0] == 25 ? cid_len : 0;
        assert_true(d->len - at >= 13 + cid);
        size_t len = 13 + cid + ((size_t)record[11 + cid] << 8 | record[12 + cid]);
        assert_true(len <= d->len - at);
        watch_record(world, d, record, len, cid);
        at += len;
    }
}

/* ---- the network ------------------------------------------------------------------------ */

static bool chance(lab *world, unsigned percent)
{
    return percent > 0 && test_random_next(&world->random) % 100 < percent;
}

static void launch(lab *world, const lab_datagram *d)
{
    if (chance(world, world->loss_percent)) {
        return;
    }
    assert_true(world->flying_count < LAB_FLYING);
    lab_datagram *flying = &world->flying[world->flying_count++];
    *flying = *d;
    flying->order = world->order++;
    flying->at_ms = world->now_ms + 10 + (chance(world, world->reorder_percent) ? 40 : 0);
}

void lab_flush(lab *world)
{
    for (size_t i = 0; i < world->node_count; i++) {
        lab_node *node = &world->nodes[i];
        lab_datagram d;
        proa_span bytes;
        if (node->box == NULL) {
            continue;
        }
        while (node->box->class_->output(node->box, world->now_ms, &d.to, &bytes)) {
            assert_true(bytes.len <= sizeof d.bytes);
            d.from = node->addr;
            d.len = bytes.len;
            memcpy(d.bytes, bytes.data, bytes.len);
            world->sent++;
            watch(world, &d);
            if (world->tap == NULL || world->tap(world, &d)) {
                launch(world, &d);
                if (chance(world, world->duplicate_percent)) {
                    launch(world, &d);
                }
            }
        }
    }
}

void lab_inject(lab *world, lab_node *node, const proa_addr *from, const void *bytes, size_t len)
{
    uint8_t *copy = guard_copy(bytes, len);
    node->box->class_->input(node->box, world->now_ms, from, proa_span_make(copy, len));
    guard_free(copy, len);
    take_events(world, node);
}

static void deliver(lab *world, const lab_datagram *d)
{
    for (size_t i = 0; i < world->node_count; i++) {
        lab_node *node = &world->nodes[i];
        if (node->box != NULL && !node->is_off && proa_addr_equal(&node->addr, &d->to)) {
            lab_inject(world, node, &d->from, d->bytes, d->len);
        }
    }
}

/* The first datagram to arrive, or flying_count. */
static size_t soonest(const lab *world)
{
    size_t best = world->flying_count;
    for (size_t i = 0; i < world->flying_count; i++) {
        const lab_datagram *d = &world->flying[i];
        const lab_datagram *b = &world->flying[best];
        if (best == world->flying_count || d->at_ms < b->at_ms ||
            (d->at_ms == b->at_ms && d->order < b->order)) {
            best = i;
        }
    }
    return best;
}

void lab_run(lab *world, uint64_t for_ms)
{
    uint64_t end_ms = world->now_ms + for_ms;
    for (;;) {
        uint64_t next_ms = end_ms;
        lab_flush(world);
        for (size_t i = 0; i < world->node_count; i++) {
            if (world->nodes[i].box != NULL) {
                take_events(world, &world->nodes[i]);
                lab_flush(world);
                uint64_t at_ms = world->nodes[i].box->class_->next_ms(world->nodes[i].box);
                assert_true(at_ms > world->now_ms); /* polled dry: nothing can be due */
                next_ms = at_ms < next_ms ? at_ms : next_ms;
            }
        }
        size_t first = soonest(world);
        if (first < world->flying_count && world->flying[first].at_ms <= next_ms) {
            lab_datagram d = world->flying[first];
            world->flying[first] = world->flying[--world->flying_count];
            world->now_ms = d.at_ms;
            deliver(world, &d);
            continue;
        }
        world->now_ms = next_ms;
        if (next_ms == end_ms) {
            break;
        }
    }
    for (size_t i = 0; i < world->node_count; i++) {
        if (world->nodes[i].box != NULL) {
            take_events(world, &world->nodes[i]);
        }
    }
    lab_flush(world);
}

uint32_t lab_pair(lab *world, lab_node *client, lab_node *server, uint32_t *server_session)
{
    uint32_t session = lab_connect(world, client, server, "alice");
    lab_run(world, 1000);
    assert_int_equal(lab_expect(client, PROA_SECURE_CONNECTED)->event.session, session);
    *server_session = lab_expect(server, PROA_SECURE_CONNECTED)->event.session;
    assert_int_equal(lab_send(world, client, session, "first"), PROA_OK);
    lab_run(world, 100);
    assert_int_equal(lab_expect(server, PROA_SECURE_DATA)->event.session, *server_session);
    return session;
}
