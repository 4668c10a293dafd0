/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of boxes with a new key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/dtls/firsts.h"

lab_datagram firsts_kept[FIRSTS_KEPT];
size_t firsts_kept_count;

/* ---- new keys ----------------------------------------------------------------------------- */

bool firsts_find(void *ctx, uint32_t id, proa_secure_first *out)
{
    const firsts_told *t = ctx;
    for (size_t i = 0; i < t->count; i++) {
        if (t->ids[i] == id) {
            *out = t->keys[i];
            return true;
        }
    }
    *out = t->keys[0];
    return id <= t->claims;
}

proa_secure_first firsts_key(uint8_t start, size_t len, const char *identity)
{
    proa_secure_first first = {{{0}, (uint8_t)len, FIRSTS_AT_CLIENT}, proa_span_of(identity)};
    for (size_t i = 0; i < len; i++) {
        first.psk.key[i] = (uint8_t)(start + i);
    }
    return first;
}

proa_secure_first firsts_golden(void)
{
    return firsts_key(0x60, 16, "\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf");
}

static void add_firsts(lab_node *node, firsts_told *t)
{
    node->config.firsts = &proa_dtls_firsts;
    node->config.find_first = firsts_find;
    node->config.find_psk_ctx = t;
}

uint32_t firsts_id(const lab_node *node, const proa_secure_first *first, bool is_server)
{
    uint32_t id = 0;
    assert_int_equal(node->box->class_->first_id(node->box, first, is_server, &id), PROA_OK);
    return id;
}

static void tell(firsts_told *t, const lab_node *server, const proa_secure_first *first)
{
    t->keys[t->count] = *first;
    t->keys[t->count].psk.account = FIRSTS_AT_SERVER;
    t->ids[t->count++] = firsts_id(server, first, true);
}

proa_err firsts_try(lab *world, lab_node *client, const lab_node *server,
                    const proa_secure_first *first, uint32_t *session)
{
    *session = 0;
    return client->box->class_->open_first(client->box, world->now_ms, &server->addr, first,
                                           session);
}

uint32_t firsts_open(lab *world, lab_node *client, const lab_node *server,
                     const proa_secure_first *first)
{
    uint32_t session;
    assert_int_equal(firsts_try(world, client, server, first, &session), PROA_OK);
    assert_int_not_equal(session, 0);
    return session;
}

/* ---- two boxes that were given one -------------------------------------------------------- */

void firsts_nodes(firsts *p, uint8_t cid_len)
{
    memset(p, 0, sizeof *p);
    p->world = lab_new(5, 300000);
    p->client = lab_add(p->world, cid_len);
    p->server = lab_add(p->world, cid_len);
    add_firsts(p->client, &p->none);
    add_firsts(p->server, &p->told);
}

void firsts_start(firsts *p)
{
    lab_open(p->world, p->client);
    lab_open(p->world, p->server);
}

void firsts_begin(firsts *p, const proa_secure_first *first)
{
    p->first = *first;
    tell(&p->told, p->server, first);
    p->at_client = firsts_open(p->world, p->client, p->server, first);
}

void firsts_pair_make(firsts *p, uint8_t cid_len)
{
    proa_secure_first first = firsts_golden();
    firsts_nodes(p, cid_len);
    firsts_start(p);
    firsts_begin(p, &first);
}

bool firsts_keep(lab *world, lab_datagram *d)
{
    (void)world;
    assert_true(firsts_kept_count < FIRSTS_KEPT);
    firsts_kept[firsts_kept_count++] = *d;
    return false;
}

void firsts_keep_records(firsts *p, size_t count)
{
    firsts_kept_count = 0;
    p->world->tap = firsts_keep;
    for (size_t i = 0; i < count; i++) {
        char text[2] = {(char)('0' + i), 0};
        assert_int_equal(lab_send(p->world, p->client, p->at_client, text), PROA_OK);
        lab_flush(p->world);
    }
    p->world->tap = NULL;
    assert_int_equal(firsts_kept_count, count);
}

void firsts_give(firsts *p, size_t i)
{
    lab_inject(p->world, p->server, &firsts_kept[i].from, firsts_kept[i].bytes, firsts_kept[i].len);
}

uint32_t firsts_expect(firsts *p, char text)
{
    const lab_event *event = lab_expect(p->server, PROA_SECURE_CONNECTED);
    uint32_t session = event->event.session;
    event = lab_expect(p->server, PROA_SECURE_DATA);
    assert_int_equal(event->event.session, session);
    assert_int_equal(event->bytes[0], text);
    assert_null(lab_next(p->server));
    return session;
}

void firsts_go_on(firsts *p, uint32_t at_client, uint32_t at_server)
{
    assert_int_equal(lab_send(p->world, p->client, at_client, "up"), PROA_OK);
    lab_run(p->world, 100);
    assert_int_equal(lab_expect(p->server, PROA_SECURE_DATA)->event.session, at_server);
    assert_int_equal(lab_send(p->world, p->server, at_server, "down"), PROA_OK);
    lab_run(p->world, 100);
    assert_int_equal(lab_expect(p->client, PROA_SECURE_DATA)->event.session, at_client);
}

uint32_t firsts_prove(firsts *p)
{
    p->server->echo = true;
    assert_int_equal(lab_send(p->world, p->client, p->at_client, "0"), PROA_OK);
    lab_run(p->world, 100);
    p->server->echo = false;
    assert_int_equal(lab_expect(p->client, PROA_SECURE_CONNECTED)->event.session, p->at_client);
    (void)lab_expect(p->client, PROA_SECURE_DATA);
    return firsts_expect(p, '0');
}
