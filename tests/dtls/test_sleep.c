/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that sleep and wake: nobody notices, no record number comes twice (lab.c watches), and
 * nobody without a key can end or wake anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/dtls/lab.h"

enum { MANY = 12 };

typedef struct crowd {
    lab *world;
    lab_node *client;
    lab_node *server;
    uint32_t at_client[MANY];
    uint32_t at_server[MANY];
    size_t count;
} crowd;

/* `count` sessions between two boxes, opened one after the other, all but the last asleep where
 * live_max is 1. */
static crowd make_crowd(size_t count, uint32_t live_max, uint32_t hibernated_max)
{
    crowd c;
    c.count = count;
    c.world = lab_new(11, 300000);
    c.client = lab_add(c.world, 2);
    c.server = lab_add(c.world, 6);
    c.client->config.live_max = c.server->config.live_max = live_max;
    c.client->config.hibernated_max = MANY;
    c.server->config.hibernated_max = hibernated_max;
    lab_open(c.world, c.client);
    lab_open(c.world, c.server);
    for (size_t i = 0; i < count; i++) {
        c.at_client[i] = lab_pair(c.world, c.client, c.server, &c.at_server[i]);
    }
    return c;
}

static void nobody_notices_under_traffic(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        crowd c = make_crowd(MANY, 2, MANY);
        unsigned count[2][MANY] = {{0}};
        test_random random = {seed};
        c.world->reorder_percent = 20;
        c.world->duplicate_percent = 20;
        for (int i = 0; i < 500; i++) {
            size_t n = test_random_next(&random) % MANY;
            bool up = test_random_next(&random) % 2 == 0;
            assert_int_equal(up ? lab_send(c.world, c.client, c.at_client[n], "up")
                                : lab_send(c.world, c.server, c.at_server[n], "down"),
                             PROA_OK);
            count[up][n]++;
            lab_run(c.world, test_random_next(&random) % 8);
        }
        lab_run(c.world, 1000);
        for (const lab_event *e; (e = lab_next(c.server)) != NULL;) {
            assert_int_equal(e->event.kind, PROA_SECURE_DATA);
            assert_memory_equal(e->bytes, "up", 2);
            for (size_t n = 0; n < MANY; n++) {
                count[1][n] -= e->event.session == c.at_server[n];
            }
        }
        for (const lab_event *e; (e = lab_next(c.client)) != NULL;) {
            assert_int_equal(e->event.kind, PROA_SECURE_DATA);
            assert_memory_equal(e->bytes, "down", 4);
            for (size_t n = 0; n < MANY; n++) {
                count[0][n] -= e->event.session == c.at_client[n];
            }
        }
        for (size_t n = 0; n < MANY; n++) {
            assert_int_equal(count[0][n], 0); /* each arrived, and once */
            assert_int_equal(count[1][n], 0);
        }
        proa_secure_stats stats = lab_stats(c.server);
        assert_true(stats.woken > 200 && stats.hibernations > 200);
        assert_int_equal(stats.live, 2);
        assert_int_equal(stats.hibernated, MANY - 2);
        lab_free(c.world);
    }
}

/* The next record of this session of the client, which does not arrive. */
static lab_datagram caught;

static bool catch_one(lab *world, lab_datagram *d)
{
    (void)world;
    caught = *d;
    return false;
}

static void catch_record(crowd *c, size_t n)
{
    c->world->tap = catch_one;
    assert_int_equal(lab_send(c->world, c->client, c->at_client[n], "caught"), PROA_OK);
    lab_flush(c->world);
    c->world->tap = NULL;
}

static void forged_records_wake_nobody(void **state)
{
    (void)state;
    crowd c = make_crowd(4, 1, 3);
    catch_record(&c, 0);
    proa_secure_stats before = lab_stats(c.server);
    size_t arena_used = proa_dtls_arena_read().used;
    lab_datagram forged = caught;
    forged.bytes[forged.len - 1] ^= 1;
    for (int i = 0; i < 1000; i++) {
        forged.bytes[10] = (uint8_t)i; /* record number */
        lab_inject(c.world, c.server, &forged.from, forged.bytes, forged.len);
    }
    proa_secure_stats after = lab_stats(c.server);
    assert_int_equal(after.woken, before.woken);
    assert_int_equal(after.hibernations, before.hibernations);
    assert_int_equal(after.hibernated, 3);
    assert_int_equal(after.live, 1);
    assert_int_equal(proa_dtls_arena_read().used, arena_used);
    assert_null(lab_next(c.server));
    lab_inject(c.world, c.server, &caught.from, caught.bytes, caught.len);
    assert_int_equal(lab_expect(c.server, PROA_SECURE_DATA)->event.session, c.at_server[0]);
    assert_int_equal(lab_stats(c.server).woken, before.woken + 1);
    lab_inject(c.world, c.server, &caught.from, caught.bytes, caught.len);
    assert_null(lab_next(c.server));
    assert_int_equal(lab_send(c.world, c.server, c.at_server[1], "put 0 to sleep"), PROA_OK);
    lab_inject(c.world, c.server, &caught.from, caught.bytes, caught.len); /* it remembers */
    assert_null(lab_next(c.server));
    assert_int_equal(lab_stats(c.server).dropped_replay,
                     before.dropped_replay + 2 + (after.dropped_replay - before.dropped_replay));
    lab_free(c.world);
}

/* One more session, whose first record makes another one go. */
static void add_one(crowd *c, uint32_t *at_server)
{
    uint32_t session = lab_connect(c->world, c->client, c->server, "alice");
    lab_run(c->world, 1000);
    *at_server = lab_expect(c->server, PROA_SECURE_CONNECTED)->event.session;
    assert_null(lab_next(c->server)); /* a key alone pushes nobody out */
    assert_int_equal(lab_send(c->world, c->client, session, "first"), PROA_OK);
    lab_run(c->world, 100);
}

static void longest_sleeper_ends_when_there_is_no_place(void **state)
{
    (void)state;
    crowd c = make_crowd(3, 1, 2);
    uint32_t fourth;
    assert_null(lab_next(c.server));
    add_one(&c, &fourth);
    const lab_event *event = lab_expect(c.server, PROA_SECURE_CLOSED);
    assert_int_equal(event->event.session, c.at_server[0]);
    assert_int_equal(event->event.reason, PROA_SECURE_REASON_EVICTED);
    assert_int_equal(lab_stats(c.server).hibernated, 2);
    assert_int_equal(lab_send(c.world, c.server, c.at_server[0], "x"), PROA_E_NOT_FOUND);
    lab_free(c.world);
}

static void idlest_ends_when_nobody_may_sleep(void **state)
{
    (void)state;
    crowd c = make_crowd(2, 2, 0);
    uint32_t third;
    assert_int_equal(lab_send(c.world, c.client, c.at_client[0], "not idle"), PROA_OK);
    lab_run(c.world, 100);
    (void)lab_expect(c.server, PROA_SECURE_DATA);
    add_one(&c, &third);
    const lab_event *event = lab_expect(c.server, PROA_SECURE_CLOSED);
    assert_int_equal(event->event.session, c.at_server[1]);
    assert_int_equal(event->event.reason, PROA_SECURE_REASON_EVICTED);
    assert_int_equal(lab_stats(c.server).hibernations, 0);
    lab_free(c.world);
}

static void strangers_push_nobody_out(void **state)
{
    (void)state;
    for (uint32_t places = 0; places <= 1; places++) {
        crowd c = make_crowd(1, 1, places);
        for (int i = 0; i < 3; i++) {
            uint32_t s = lab_connect_with(c.world, c.client, c.server, "alice", 'x', 1);
            lab_run(c.world, 300);
            assert_true(lab_stats(c.server).handshakes > 0);
            c.client->box->class_->close(c.client->box, c.world->now_ms, s, false);
        }
        lab_run(c.world, 70000);
        assert_null(lab_next(c.server));
        assert_int_equal(lab_stats(c.server).live, 1);
        assert_int_equal(lab_stats(c.server).hibernations, 0);
        lab_free(c.world);
    }
}

static void idle_sessions_sleep_at_their_time(void **state)
{
    (void)state;
    lab *world = lab_new(1, 200000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 6);
    uint32_t at_server;
    server->config.idle_hibernate_ms = 5000;
    lab_open(world, client);
    lab_open(world, server);
    uint32_t at_client = lab_pair(world, client, server, &at_server);
    uint64_t used_ms = server->events[server->event_count - 1].at_ms;
    assert_int_equal(server->box->class_->next_ms(server->box), used_ms + 5000);
    lab_run(world, used_ms + 4999 - world->now_ms);
    assert_int_equal(lab_stats(server).hibernated, 0);
    lab_run(world, 1);
    assert_int_equal(lab_stats(server).hibernated, 1);
    assert_int_equal(server->box->class_->next_ms(server->box), UINT64_MAX);
    assert_int_equal(lab_send(world, client, at_client, "morning"), PROA_OK);
    lab_run(world, 100);
    (void)lab_expect(server, PROA_SECURE_DATA);
    assert_int_equal(lab_stats(server).hibernated, 0);
    lab_free(world);
}

static void server_waits_for_the_first_record_before_sleep(void **state)
{
    (void)state;
    crowd c = make_crowd(1, 1, 4);
    uint32_t quiet = lab_connect(c.world, c.client, c.server, "bob");
    lab_run(c.world, 1000);
    (void)lab_expect(c.server, PROA_SECURE_CONNECTED);
    assert_int_equal(lab_stats(c.server).live, 2); /* one is settling, beside live_max */
    assert_int_equal(lab_stats(c.server).hibernated, 0);
    assert_int_equal(lab_send(c.world, c.client, quiet, "here"), PROA_OK);
    lab_run(c.world, 100);
    assert_int_equal(lab_stats(c.server).live, 1);
    assert_int_equal(lab_stats(c.server).hibernated, 1);
    lab_free(c.world);
}

/* The server's last flight is lost until the client has repeated its own. */
static unsigned lose_count;

static bool lose_last_flight(lab *world, lab_datagram *d)
{
    (void)world;
    return !(d->from.ip[15] == 2 && d->bytes[0] == 20 && lose_count-- > 0);
}

static void last_flight_is_repeated_while_settling(void **state)
{
    (void)state;
    for (int cid = 0; cid <= 2; cid += 2) {
        lab *world = lab_new(1, 200000);
        lab_node *client = lab_add(world, (uint8_t)cid);
        lab_node *server = lab_add(world, (uint8_t)cid);
        server->config.live_max = 1;
        lab_open(world, client);
        lab_open(world, server);
        lose_count = 3;
        world->tap = lose_last_flight;
        (void)lab_connect(world, client, server, "alice");
        lab_run(world, 20000);
        (void)lab_expect(server, PROA_SECURE_CONNECTED);
        (void)lab_expect(client, PROA_SECURE_CONNECTED);
        lab_free(world);
    }
}

static void unconfirmed_address_is_remembered_in_sleep(void **state)
{
    (void)state;
    crowd c = make_crowd(2, 1, 4);
    char big[1000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    catch_record(&c, 0);
    proa_addr away = caught.from;
    away.ip[15] = 99;
    lab_inject(c.world, c.server, &away, caught.bytes, caught.len);
    assert_int_equal(lab_send(c.world, c.server, c.at_server[0], big), PROA_E_DENIED);
    assert_int_equal(lab_send(c.world, c.server, c.at_server[1], "sleep, 0"), PROA_OK);
    assert_int_equal(lab_send(c.world, c.server, c.at_server[0], big), PROA_E_DENIED);
    proa_addr now;
    assert_true(c.server->box->class_->address(c.server->box, c.at_server[0], &now));
    assert_true(proa_addr_equal(&now, &away));
    lab_free(c.world);
}

static void sleeper_is_closed_with_a_word(void **state)
{
    (void)state;
    crowd c = make_crowd(3, 1, 4);
    c.server->box->class_->close(c.server->box, c.world->now_ms, c.at_server[0], true);
    c.server->box->class_->close(c.server->box, c.world->now_ms, c.at_server[1], false);
    lab_run(c.world, 100);
    const lab_event *event = lab_expect(c.client, PROA_SECURE_CLOSED);
    assert_int_equal(event->event.session, c.at_client[0]);
    assert_null(lab_next(c.client));
    assert_int_equal(lab_stats(c.server).live + lab_stats(c.server).hibernated, 1);
    lab_free(c.world);
}

static void without_memory_for_a_blob_the_session_ends(void **state)
{
    (void)state;
    crowd c = make_crowd(2, 1, 4);
    /* One spare blob is kept; take it, and give nothing more. */
    uint32_t s = lab_connect(c.world, c.client, c.server, "bob");
    lab_run(c.world, 1000);
    (void)lab_expect(c.server, PROA_SECURE_CONNECTED);
    c.client->box->class_->close(c.client->box, c.world->now_ms, c.at_client[0], false);
    c.client->box->class_->close(c.client->box, c.world->now_ms, c.at_client[1], false);
    c.world->no_memory = true;
    assert_int_equal(lab_send(c.world, c.client, s, "here"), PROA_OK);
    lab_run(c.world, 100);
    size_t closed = 0;
    for (const lab_event *e; (e = lab_next(c.server)) != NULL;) {
        closed +=
            e->event.kind == PROA_SECURE_CLOSED && e->event.reason == PROA_SECURE_REASON_EVICTED;
    }
    /* The sleeping one gives its blob to the idlest, which then sleeps in its place. */
    assert_int_equal(closed, 1);
    assert_int_equal(lab_stats(c.server).hibernated, 1);
    assert_int_equal(lab_stats(c.server).live, 1);
    lab_free(c.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_notices_under_traffic),
        cmocka_unit_test(forged_records_wake_nobody),
        cmocka_unit_test(longest_sleeper_ends_when_there_is_no_place),
        cmocka_unit_test(idlest_ends_when_nobody_may_sleep),
        cmocka_unit_test(strangers_push_nobody_out),
        cmocka_unit_test(idle_sessions_sleep_at_their_time),
        cmocka_unit_test(server_waits_for_the_first_record_before_sleep),
        cmocka_unit_test(last_flight_is_repeated_while_settling),
        cmocka_unit_test(unconfirmed_address_is_remembered_in_sleep),
        cmocka_unit_test(sleeper_is_closed_with_a_word),
        cmocka_unit_test(without_memory_for_a_blob_the_session_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
