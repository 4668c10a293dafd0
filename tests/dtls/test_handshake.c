/* SPDX-License-Identifier: Apache-2.0 */
/* Two boxes find a key: in every combination of connection ids, over a network that loses,
 * duplicates and reorders, with wrong keys and wrong names, and against the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/dtls/lab.h"

static void rfc9146_3_ids_in_every_combination(void **state)
{
    (void)state;
    static const uint8_t lens[][2] = {{0, 0}, {0, 6}, {6, 0}, {1, 6}, {2, 2}, {8, 8}};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        lab *world = lab_new(i + 1, 200000);
        lab_node *client = lab_add(world, lens[i][0]);
        lab_node *server = lab_add(world, lens[i][1]);
        lab_open(world, client);
        lab_open(world, server);
        server->echo = true;
        uint32_t session = lab_connect(world, client, server, "alice");
        lab_run(world, 1000);
        const lab_event *event = lab_expect(client, PROA_SECURE_CONNECTED);
        assert_int_equal(event->event.session, session);
        assert_int_equal(event->event.account, 1);
        assert_false(event->event.is_server);
        event = lab_expect(server, PROA_SECURE_CONNECTED);
        assert_int_equal(event->event.account, 1);
        assert_true(event->event.is_server);
        assert_int_equal(event->len, 5);
        assert_memory_equal(event->bytes, "alice", 5);
        assert_int_equal(lab_send(world, client, session, "hello"), PROA_OK);
        lab_run(world, 100);
        event = lab_expect(server, PROA_SECURE_DATA);
        assert_memory_equal(event->bytes, "hello", 5);
        event = lab_expect(client, PROA_SECURE_DATA);
        assert_memory_equal(event->bytes, "hello", 5);
        assert_int_equal(lab_stats(server).handshakes_done, 1);
        assert_int_equal(lab_stats(server).live, 1);
        assert_int_equal(lab_stats(server).handshakes, 0);
        lab_free(world);
    }
}

static void rfc6347_4_2_4_completes_at_30_percent_loss(void **state)
{
    (void)state;
    unsigned first_try = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        lab *world = lab_new(seed, 200000);
        lab_node *client = lab_add(world, seed % 2 == 0 ? 2 : 0);
        lab_node *server = lab_add(world, 6);
        lab_open(world, client);
        lab_open(world, server);
        world->loss_percent = 30;
        world->duplicate_percent = 10;
        world->reorder_percent = 20;
        const lab_event *event = NULL;
        for (int tries = 0; event == NULL && tries < 3; tries++) {
            (void)lab_connect(world, client, server, "alice");
            lab_run(world, 61000);
            event = lab_next(client);
            assert_non_null(event); /* exactly one: CONNECTED or CLOSED */
            assert_null(lab_next(client));
            if (event->event.kind == PROA_SECURE_CLOSED) {
                event = NULL;
            } else {
                first_try += tries == 0;
            }
        }
        assert_non_null(event);
        assert_int_equal(event->event.kind, PROA_SECURE_CONNECTED);
        lab_free(world);
    }
    assert_true(first_try >= 57);
}

static uint64_t sent_at_ms[16];
static size_t sent_count;

static bool note_time(lab *world, lab_datagram *d)
{
    (void)d;
    assert_true(sent_count < 16);
    sent_at_ms[sent_count++] = world->now_ms;
    return true;
}

static void rfc6347_4_2_4_1_retransmits_then_gives_up_after_60_s(void **state)
{
    (void)state;
    static const uint64_t expected_ms[] = {0, 1000, 3000, 7000, 15000, 31000, 47000};
    lab *world = lab_new(1, 100000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 6);
    lab_open(world, client);
    uint64_t start_ms = world->now_ms;
    sent_count = 0;
    world->tap = note_time;
    uint32_t session = lab_connect(world, client, server, "alice");
    lab_run(world, 59999);
    assert_null(lab_next(client));
    lab_run(world, 10);
    const lab_event *event = lab_expect(client, PROA_SECURE_CLOSED);
    assert_int_equal(event->event.session, session);
    assert_int_equal(event->event.reason, PROA_SECURE_REASON_TIMEOUT);
    assert_int_equal(event->at_ms - start_ms, 60000);
    assert_int_equal(sent_count, sizeof expected_ms / sizeof expected_ms[0]);
    for (size_t i = 0; i < sent_count; i++) {
        assert_int_equal(sent_at_ms[i] - start_ms, expected_ms[i]);
    }
    assert_int_equal(lab_send(world, client, session, "late"), PROA_E_NOT_FOUND);
    lab_free(world);
}

static void handshake_of_a_lost_client_is_given_up_by_the_server(void **state)
{
    (void)state;
    lab *world = lab_new(1, 100000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 6);
    lab_open(world, client);
    lab_open(world, server);
    (void)lab_connect(world, client, server, "alice");
    lab_run(world, 25); /* the second ClientHello is on its way */
    client->is_off = true;
    lab_run(world, 10);
    assert_int_equal(lab_stats(server).handshakes, 1);
    lab_run(world, 59900);
    assert_int_equal(lab_stats(server).handshakes, 1);
    lab_run(world, 200);
    assert_int_equal(lab_stats(server).handshakes, 0);
    assert_int_equal(lab_stats(server).handshakes_failed, 1);
    assert_null(lab_next(server)); /* strangers make no events */
    lab_free(world);
}

/* ---- wrong keys, wrong names -------------------------------------------------------------- */

static char transcript[2][4096]; /* what the server sent: type, epoch, length and time */

static bool write_transcript(lab *world, lab_datagram *d, char *text)
{
    if (d->from.ip[15] == 2) {
        size_t len = strlen(text);
        int wrote = snprintf(text + len, 4096 - len, "%llu:", (unsigned long long)world->now_ms);
        for (size_t at = 0; at < d->len;) {
            size_t record_len = (size_t)(d->bytes[at + 11] << 8 | d->bytes[at + 12]);
            len += (size_t)wrote;
            wrote = snprintf(text + len, 4096 - len, " %d/%d/%zu", d->bytes[at], d->bytes[at + 4],
                             record_len);
            at += 13 + record_len;
        }
        strcat(text, "\n");
    }
    return true;
}

static bool write_first(lab *world, lab_datagram *d)
{
    return write_transcript(world, d, transcript[0]);
}

static bool write_second(lab *world, lab_datagram *d)
{
    return write_transcript(world, d, transcript[1]);
}

static void fails(const char *identity, char key, bool (*tap)(lab *, lab_datagram *))
{
    lab *world = lab_new(7, 100000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 0);
    lab_open(world, client);
    lab_open(world, server);
    world->tap = tap;
    uint64_t start_ms = world->now_ms;
    (void)lab_connect_with(world, client, server, identity, key, 9);
    lab_run(world, 61000);
    const lab_event *event = lab_expect(client, PROA_SECURE_CLOSED);
    assert_int_equal(event->event.reason, PROA_SECURE_REASON_HANDSHAKE);
    assert_int_equal(event->event.account, 9);
    assert_in_range(event->at_ms - start_ms, 1, 5000); /* soon enough for a person to learn it */
    assert_null(lab_next(server));
    assert_int_equal(lab_stats(server).handshakes_failed, 1);
    assert_int_equal(lab_stats(server).handshakes_done, 0);
    assert_int_equal(lab_stats(client).handshakes_done, 0);
    lab_free(world);
}

static void rfc4279_2_wrong_key_and_unknown_identity_look_the_same(void **state)
{
    (void)state;
    memset(transcript, 0, sizeof transcript);
    fails("alice", 'x', write_first);
    fails("zorro", 'x', write_second); /* as long as alice */
    assert_true(strlen(transcript[0]) > 40);
    assert_string_equal(transcript[0], transcript[1]);
}

static void identity_that_is_too_long_is_unknown(void **state)
{
    (void)state;
    lab *world = lab_new(1, 100000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 6);
    uint32_t session = 0;
    proa_psk psk = {{'a'}, 16, 1};
    char longest[PROA_PSK_IDENTITY_MAX + 2];
    memset(longest, 'a', sizeof longest);
    memset(psk.key, 'a', 16);
    lab_open(world, client);
    lab_open(world, server);
    const proa_secure_class *c = client->box->class_;
    assert_int_equal(c->open(client->box, world->now_ms, &server->addr,
                             proa_span_make(longest, PROA_PSK_IDENTITY_MAX + 1), &psk, &session),
                     PROA_E_RANGE);
    assert_int_equal(c->open(client->box, world->now_ms, &server->addr, proa_span_make(longest, 0),
                             &psk, &session),
                     PROA_E_RANGE);
    psk.key_len = 0;
    assert_int_equal(c->open(client->box, world->now_ms, &server->addr, proa_span_make(longest, 1),
                             &psk, &session),
                     PROA_E_RANGE);
    psk.key_len = 16;
    assert_int_equal(c->open(client->box, world->now_ms, &server->addr,
                             proa_span_make(longest, PROA_PSK_IDENTITY_MAX), &psk, &session),
                     PROA_OK);
    lab_run(world, 1000);
    assert_int_equal(lab_expect(client, PROA_SECURE_CONNECTED)->event.session, session);
    assert_int_equal(lab_expect(server, PROA_SECURE_CONNECTED)->len, PROA_PSK_IDENTITY_MAX);
    lab_free(world);
}

static void box_without_keys_answers_no_hello(void **state)
{
    (void)state;
    lab *world = lab_new(1, 100000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 6);
    server->config.find_psk = NULL;
    lab_open(world, client);
    lab_open(world, server);
    (void)lab_connect(world, client, server, "alice");
    lab_run(world, 61000);
    assert_int_equal(lab_expect(client, PROA_SECURE_CLOSED)->event.reason,
                     PROA_SECURE_REASON_TIMEOUT);
    assert_int_equal(lab_stats(server).records_out, 0);
    lab_free(world);
}

/* ---- forgers ------------------------------------------------------------------------------ */

/* What somebody who knows the addresses, but no key, may send into a handshake. */
static void forge(lab *world, lab_node *victim, const lab_node *other)
{
    static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};
    uint8_t finished[13 + 40] = {22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 40};
    uint8_t data[13 + 40] = {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 40};
    memset(finished + 13, 0x5a, 40);
    lab_inject(world, victim, &other->addr, alert, sizeof alert);
    lab_inject(world, victim, &other->addr, finished, sizeof finished);
    lab_inject(world, victim, &other->addr, data, sizeof data);
}

static void rfc6347_4_1_2_7_forged_records_do_not_end_a_handshake(void **state)
{
    (void)state;
    for (int cid = 0; cid <= 2; cid += 2) {
        for (uint64_t when_ms = 1; when_ms < 80; when_ms++) {
            lab *world = lab_new(when_ms, 100000);
            lab_node *client = lab_add(world, (uint8_t)cid);
            lab_node *server = lab_add(world, (uint8_t)cid);
            lab_open(world, client);
            lab_open(world, server);
            (void)lab_connect(world, client, server, "alice");
            lab_run(world, when_ms);
            forge(world, client, server);
            forge(world, server, client);
            lab_run(world, 3000);
            (void)lab_expect(client, PROA_SECURE_CONNECTED);
            (void)lab_expect(server, PROA_SECURE_CONNECTED);
            lab_free(world);
        }
    }
}

/* ---- several at once ----------------------------------------------------------------------- */

static void both_open_at_the_same_time(void **state)
{
    (void)state;
    for (int cid = 0; cid <= 2; cid += 2) {
        for (uint64_t seed = 1; seed <= 20; seed++) {
            lab *world = lab_new(seed, 200000);
            lab_node *a = lab_add(world, (uint8_t)cid);
            lab_node *b = lab_add(world, (uint8_t)cid);
            lab_open(world, a);
            lab_open(world, b);
            world->unwatched = cid == 0;
            world->loss_percent = 10;
            world->reorder_percent = 20;
            uint32_t ab = lab_connect(world, a, b, "alice");
            uint32_t ba = lab_connect(world, b, a, "bob");
            lab_run(world, 30000);
            world->loss_percent = 0;
            assert_int_equal(lab_stats(a).handshakes_done, 2);
            assert_int_equal(lab_stats(b).handshakes_done, 2);
            a->read = a->event_count;
            b->read = b->event_count;
            assert_int_equal(lab_send(world, a, ab, "from a"), PROA_OK);
            assert_int_equal(lab_send(world, b, ba, "from b"), PROA_OK);
            lab_run(world, 100);
            const lab_event *event = lab_expect(b, PROA_SECURE_DATA);
            assert_memory_equal(event->bytes, "from a", 6);
            assert_int_equal(event->event.account, 1);
            assert_true(event->event.is_server);
            event = lab_expect(a, PROA_SECURE_DATA);
            assert_memory_equal(event->bytes, "from b", 6);
            assert_int_equal(event->event.account, 2);
            lab_free(world);
        }
    }
}

static void one_open_for_each_address(void **state)
{
    (void)state;
    lab *world = lab_new(1, 100000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 6);
    uint32_t session = 0;
    proa_psk psk = {{'a'}, 16, 1};
    lab_open(world, client);
    lab_open(world, server);
    (void)lab_connect(world, client, server, "alice");
    const proa_secure_class *c = client->box->class_;
    assert_int_equal(
        c->open(client->box, world->now_ms, &server->addr, proa_span_of("bob"), &psk, &session),
        PROA_E_EXISTS);
    lab_run(world, 1000);
    (void)lab_connect(world, client, server, "bob");
    lab_run(world, 1000);
    assert_int_equal(lab_stats(client).live, 2);
    lab_free(world);
}

static void reboot_runs_beside_the_old_session(void **state)
{
    (void)state;
    for (int cid = 0; cid <= 2; cid += 2) {
        lab *world = lab_new(3, 200000);
        lab_node *client = lab_add(world, (uint8_t)cid);
        lab_node *server = lab_add(world, (uint8_t)cid);
        uint32_t old_at_server;
        lab_open(world, client);
        lab_open(world, server);
        (void)lab_pair(world, client, server, &old_at_server);
        client->box->class_->free(client->box);
        lab_open(world, client);
        world->unwatched = cid == 0;
        (void)lab_connect(world, client, server, "alice");
        lab_run(world, 35);
        assert_int_equal(lab_send(world, server, old_at_server, "still here"), PROA_OK);
        lab_run(world, 1000);
        uint32_t session = lab_expect(server, PROA_SECURE_CONNECTED)->event.session;
        assert_int_not_equal(session, old_at_server);
        if (cid == 0) {
            const lab_event *event = lab_expect(server, PROA_SECURE_CLOSED);
            assert_int_equal(event->event.session, old_at_server);
            assert_int_equal(event->event.reason, PROA_SECURE_REASON_EVICTED);
            assert_int_equal(lab_stats(server).live, 1);
        } else {
            assert_null(lab_next(server));
            assert_int_equal(lab_stats(server).live, 2);
        }
        lab_free(world);
    }
}

static void reboot_in_the_middle_of_a_handshake(void **state)
{
    (void)state;
    lab *world = lab_new(3, 200000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 6);
    lab_open(world, client);
    lab_open(world, server);
    (void)lab_connect(world, client, server, "alice");
    lab_run(world, 35); /* the server has answered the second hello */
    assert_int_equal(lab_stats(server).handshakes, 1);
    client->box->class_->free(client->box);
    client->box = NULL;
    lab_run(world, 20);
    lab_open(world, client);
    (void)lab_connect(world, client, server, "alice");
    lab_run(world, 900); /* less than a retransmission */
    (void)lab_expect(client, PROA_SECURE_CONNECTED);
    (void)lab_expect(server, PROA_SECURE_CONNECTED);
    assert_int_equal(lab_stats(server).handshakes_failed, 1);
    lab_free(world);
}

static void client_that_never_speaks_is_closed_after_60_s(void **state)
{
    (void)state;
    lab *world = lab_new(3, 200000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 6);
    server->config.handshake_max = 1;
    lab_open(world, client);
    lab_open(world, server);
    (void)lab_connect(world, client, server, "alice");
    lab_run(world, 1000);
    uint64_t connected_ms = lab_expect(server, PROA_SECURE_CONNECTED)->at_ms;
    lab_run(world, 60000);
    const lab_event *event = lab_expect(server, PROA_SECURE_CLOSED);
    assert_int_equal(event->event.reason, PROA_SECURE_REASON_TIMEOUT);
    assert_int_equal(event->at_ms - connected_ms, 60000);
    lab_free(world);
}

static void handshake_max_refuses_and_recovers(void **state)
{
    (void)state;
    lab *world = lab_new(3, 200000);
    lab_node *server = lab_add(world, 6);
    server->config.handshake_max = 2;
    lab_open(world, server);
    lab_node *clients[3];
    uint32_t sessions[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = lab_add(world, 2);
        lab_open(world, clients[i]);
        sessions[i] = lab_connect(world, clients[i], server, "alice");
    }
    lab_run(world, 500);
    assert_int_equal(lab_stats(server).handshakes_done, 2);
    assert_int_equal(lab_stats(server).refused_full, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lab_send(world, clients[i], sessions[i], "hello"), PROA_OK);
    }
    lab_run(world, 2000); /* the third asks again */
    assert_int_equal(lab_stats(server).handshakes_done, 3);
    (void)lab_expect(clients[2], PROA_SECURE_CONNECTED);
    proa_psk psk = {{'a'}, 16, 1};
    uint32_t session = 0;
    proa_addr somewhere = server->addr;
    for (uint16_t port = 1; port <= 4; port++) {
        somewhere.port = port;
        assert_int_equal(clients[0]->box->class_->open(clients[0]->box, world->now_ms, &somewhere,
                                                       proa_span_of("alice"), &psk, &session),
                         PROA_OK);
    }
    somewhere.port = 5;
    assert_int_equal(clients[0]->box->class_->open(clients[0]->box, world->now_ms, &somewhere,
                                                   proa_span_of("alice"), &psk, &session),
                     PROA_E_FULL);
    lab_free(world);
}

static char key_line[256];

static void keep_line(void *ctx, const char *line)
{
    (void)ctx;
    assert_true(strlen(line) < sizeof key_line);
    strcpy(key_line, line);
}

static void key_log_has_the_nss_form(void **state)
{
    (void)state;
    lab *world = lab_new(3, 200000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 6);
    client->config.debug_keylog = true;
    client->config.keylog = keep_line;
    server->config.keylog = keep_line; /* not asked for: stays silent */
    lab_open(world, client);
    lab_open(world, server);
    key_line[0] = 0;
    uint32_t at_server;
    (void)lab_pair(world, client, server, &at_server);
#ifdef NDEBUG
    assert_string_equal(key_line, "");
#else
    assert_int_equal(strlen(key_line), 14 + 64 + 1 + 96);
    assert_memory_equal(key_line, "CLIENT_RANDOM ", 14);
#endif
    lab_free(world);
}

static bool fits_mtu(lab *world, lab_datagram *d)
{
    (void)world;
    return d->len <= PROA_DTLS_MTU_MIN;
}

/* The longest ids and the longest identity. A ClientHello with its cookie cannot be cut, all else can. */
static void rfc6347_4_1_1_1_handshake_over_the_smallest_mtu(void **state)
{
    static const char identity[] =
        "alice, whose name is as long as the identity of anybody may be..";
    (void)state;
    assert_int_equal(sizeof identity - 1, PROA_PSK_IDENTITY_MAX);
    lab *world = lab_new(4, 0);
    lab_node *client = lab_add(world, PROA_DTLS_CID_MAX);
    lab_node *server = lab_add(world, PROA_DTLS_CID_MAX);
    client->config.mtu = server->config.mtu = PROA_DTLS_MTU_MIN;
    lab_open(world, client);
    lab_open(world, server);
    world->tap = fits_mtu;
    (void)lab_connect(world, client, server, identity);
    lab_run(world, 5000);
    (void)lab_expect(client, PROA_SECURE_CONNECTED);
    (void)lab_expect(server, PROA_SECURE_CONNECTED);
    lab_free(world);
}

static void configuration_is_checked(void **state)
{
    (void)state;
    lab *world = lab_new(3, 0);
    lab_node *node = lab_add(world, 9);
    proa_secure *box = NULL;
    assert_int_equal(proa_dtls_open(&box, &node->config), PROA_E_RANGE);
    node->config.cid_len = 8;
    node->config.mtu = PROA_DATAGRAM_MAX + 1;
    assert_int_equal(proa_dtls_open(&box, &node->config), PROA_E_RANGE);
    node->config.mtu = PROA_DTLS_MTU_MIN - 1;
    assert_int_equal(proa_dtls_open(&box, &node->config), PROA_E_RANGE);
    node->config.mtu = PROA_DTLS_MTU_MIN;
    node->config.live_max = 0;
    assert_int_equal(proa_dtls_open(&box, &node->config), PROA_E_RANGE);
    node->config.live_max = 1;
    node->config.handshake_max = 0;
    assert_int_equal(proa_dtls_open(&box, &node->config), PROA_E_RANGE);
    node->config.handshake_max = 1;
    assert_int_equal(proa_dtls_open(&box, &node->config), PROA_OK);
    node->box = box;
    lab_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc9146_3_ids_in_every_combination),
        cmocka_unit_test(rfc6347_4_2_4_completes_at_30_percent_loss),
        cmocka_unit_test(rfc6347_4_2_4_1_retransmits_then_gives_up_after_60_s),
        cmocka_unit_test(handshake_of_a_lost_client_is_given_up_by_the_server),
        cmocka_unit_test(rfc4279_2_wrong_key_and_unknown_identity_look_the_same),
        cmocka_unit_test(identity_that_is_too_long_is_unknown),
        cmocka_unit_test(box_without_keys_answers_no_hello),
        cmocka_unit_test(rfc6347_4_1_2_7_forged_records_do_not_end_a_handshake),
        cmocka_unit_test(both_open_at_the_same_time),
        cmocka_unit_test(one_open_for_each_address),
        cmocka_unit_test(reboot_runs_beside_the_old_session),
        cmocka_unit_test(reboot_in_the_middle_of_a_handshake),
        cmocka_unit_test(client_that_never_speaks_is_closed_after_60_s),
        cmocka_unit_test(handshake_max_refuses_and_recovers),
        cmocka_unit_test(key_log_has_the_nss_form),
        cmocka_unit_test(rfc6347_4_1_1_1_handshake_over_the_smallest_mtu),
        cmocka_unit_test(configuration_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
