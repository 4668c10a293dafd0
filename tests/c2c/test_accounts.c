/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts over time: who is let in, for how long, and what goes when it is over
 * (docs/C2C.md §2, §7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/fake_client.h"

#define KEY "0123456789abcdef"
#define NUMBER(n) proa_value_integer(n)

static const fake_account alice = {"alice", 2, 1000, "identity-of-alice", KEY, NULL};
static const fake_account bob = {"bob", 3, 0, "identity-of-bob", KEY, NULL};

static bool let_in(fake *f, const char *identity)
{
    proa_psk psk;
    return f->client.ext->find_psk(f->client.ext->ctx, proa_span_of(identity), &psk);
}

static bool may_read(fake *f, proa_account account)
{
    proa_path path = proa_path_make(2, 3311, 0, 0);
    return f->client.ext->access(f->client.ext->ctx, account, PROA_OP_READ, &path) ==
           PROA_ACCESS_ALLOWED;
}

static void expect_event(fake *f, proa_c2c_event_kind kind, const char *endpoint,
                         proa_outcome outcome)
{
    assert_true(fake_next(f));
    assert_int_equal(f->event.kind, kind);
    assert_int_equal(f->event.outcome, outcome);
    assert_true(proa_span_equal(f->event.endpoint, proa_span_of(endpoint)));
}

static void expect_no_event(fake *f)
{
    assert_false(fake_next(f));
}

/* ---- who is let in ---------------------------------------------------------------------- */

/* Only whole accounts; in whichever order the halves come. */
static void g01_only_identities_of_whole_accounts(void **state)
{
    const fake_value peer[] = {
        {0, -1, NUMBER(2)}, {1, -1, NUMBER(0)}, {9, -1, proa_value_string(proa_span_of("alice"))}};
    const fake_value key[] = {{2, -1, NUMBER(0)},
                              {3, -1, proa_value_opaque(proa_span_of("id"))},
                              {5, -1, proa_value_opaque(proa_span_of(KEY))},
                              {10, -1, NUMBER(2)}};
    (void)state;
    for (int order = 0; order < 2; order++) {
        fake f;
        fake_open(&f, NULL, "own", false);
        assert_false(let_in(&f, "id"));
        if (order == 0) {
            assert_int_equal(fake_create(&f, 11001, &fake_server_1, -1, peer, 3, NULL), PROA_OK);
            assert_false(let_in(&f, "id"));
            assert_int_equal(fake_create(&f, 11000, &fake_server_1, -1, key, 4, NULL), PROA_OK);
        } else {
            assert_int_equal(fake_create(&f, 11000, &fake_server_1, -1, key, 4, NULL), PROA_OK);
            assert_false(let_in(&f, "id"));
            fake_pass(&f, 0);
            expect_no_event(&f);
            assert_int_equal(fake_create(&f, 11001, &fake_server_1, -1, peer, 3, NULL), PROA_OK);
        }
        assert_true(let_in(&f, "id")); /* at once, not with the next run */
        assert_false(let_in(&f, "i"));
        assert_false(let_in(&f, "id0"));
        assert_false(let_in(&f, ""));
        fake_pass(&f, 0);
        expect_event(&f, PROA_C2C_PEER_ADDED, "alice", PROA_OUTCOME_OK);
        expect_no_event(&f);
        fake_close(&f);
    }
}

/* The account in the session decides, and a number that stands for nobody decides nothing. */
static void g01_rights_go_with_the_account_of_the_key(void **state)
{
    fake f;
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t a = fake_install(&f, &alice);
    uint16_t b = fake_install(&f, &bob);
    (void)fake_allow(&f, 3311, 0, 2, PROA_RIGHT_READ);
    proa_psk psk;
    assert_true(f.client.ext->find_psk(f.client.ext->ctx, proa_span_of(bob.identity), &psk));
    assert_int_equal(psk.account, fake_account_of(&f, b));
    assert_true(may_read(&f, fake_account_of(&f, a)));
    assert_false(may_read(&f, fake_account_of(&f, b)));
    assert_false(may_read(&f, 0));
    assert_false(may_read(&f, proa_account_make(PROA_ACCOUNT_KIND_SERVER, 1, 0)));
    assert_false(may_read(&f, fake_account_of(&f, a) + ((uint64_t)1 << 32))); /* generation */
    const proa_client_extension *ext = f.client.ext;
    assert_true(ext->endpoint_is(ext->ctx, fake_account_of(&f, a), proa_span_of("alice")));
    assert_false(ext->endpoint_is(ext->ctx, fake_account_of(&f, a), proa_span_of("bob")));
    assert_false(ext->endpoint_is(ext->ctx, 0, proa_span_of("alice")));
    assert_int_equal(ext->short_id(ext->ctx, fake_account_of(&f, b)), 3);
    assert_int_equal(ext->short_id(ext->ctx, 0), 0);
    fake_close(&f);
}

/* ---- what goes -------------------------------------------------------------------------- */

typedef enum way { DELETE_KEY, DELETE_PEER, EXPIRE, UNUSED, DISABLE } way;

static void end(fake *f, way how, uint16_t key)
{
    const proa_object *object = f->client.objects[1];
    proa_path disable = proa_path_make(3, 11001, 0, 4);
    switch (how) {
    case DELETE_KEY:
        assert_int_equal(fake_delete(f, 11000, &fake_server_1, key), PROA_OK);
        break;
    case DELETE_PEER:
        assert_int_equal(fake_delete(f, 11001, &fake_server_1, 0), PROA_OK);
        break;
    case EXPIRE:
        fake_pass(f, 1000000);
        break;
    case UNUSED:
        fake_pass(f, 600000);
        break;
    case DISABLE:
        assert_int_equal(
            object->class_->execute(object->ctx, &fake_server_1, &disable, proa_span_make(NULL, 0)),
            PROA_OK);
        break;
    }
}

/* Rights and secret end in the same moment; sessions with the run that follows at once. */
static void g10_g23_nothing_is_left_of_an_account(void **state)
{
    static const struct {
        const char *name;
        way how;
        bool in_use;
        proa_outcome why; /* 0 = the account stays */
        bool rights_go;
        unsigned object_2; /* entries there that are ours to take away */
    } rows[] = {
        {"key deleted", DELETE_KEY, true, PROA_OUTCOME_REVOKED, false, 0},
        {"peer deleted", DELETE_PEER, true, PROA_OUTCOME_REVOKED, true, 1},
        {"lifetime over", EXPIRE, true, PROA_OUTCOME_EXPIRED, true, 3},
        {"never used", UNUSED, false, PROA_OUTCOME_TIMEOUT, true, 3},
        {"disabled", DISABLE, true, (proa_outcome)0, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        fake_store store;
        uint32_t session = 0;
        memset(&store, 0, sizeof(store));
        store.fail_in = -1;
        print_message("%s\n", rows[i].name);
        fake_open(&f, &store, "own", false);
        uint16_t key = fake_install(&f, &alice);
        fake_connected(&f, fake_incoming(&f, fake_install(&f, &bob)), true);
        (void)fake_allow(&f, 3311, 0, 2, PROA_RIGHT_READ);
        proa_account account = fake_account_of(&f, key);
        while (fake_next(&f)) {
        }
        if (rows[i].in_use) {
            session = fake_incoming(&f, key);
            fake_connected(&f, session, true);
            assert_true(may_read(&f, account));
        }
        end(&f, rows[i].how, key);
        assert_false(let_in(&f, alice.identity));
        assert_false(may_read(&f, account));
        fake_pass(&f, 0);
        if (session != 0) {
            assert_true(fake_session_of(&f, session)->by_client);
        }
        proa_path path = proa_path_make(2, 3311, 0, 0);
        assert_int_equal(proa__c2c_rights(f.c2c, 2, &path) == 0, rows[i].rights_go);
        if (rows[i].why != 0) {
            expect_event(&f, PROA_C2C_PEER_REMOVED, "alice", rows[i].why);
        }
        assert_int_equal(f.client.instances_gone, rows[i].object_2);
        assert_int_equal(f.client.list_changes > 0, rows[i].object_2 > 0);
        /* Nobody else is concerned, and no reboot brings it back. */
        assert_true(let_in(&f, bob.identity));
        if (rows[i].how != DISABLE) {
            fake_close(&f);
            fake_open(&f, &store, "own", false);
            assert_false(let_in(&f, alice.identity));
            assert_int_equal(proa__c2c_rights(f.c2c, 2, &path), 0); /* halves go */
        }
        fake_close(&f);
    }
}

static void c2c_2_disable_ends_after_its_timeout(void **state)
{
    fake f;
    const fake_value timeout[] = {{5, -1, NUMBER(60)}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t key = fake_install(&f, &alice);
    assert_int_equal(fake_write(&f, 11001, &fake_server_1, 0, timeout, 1), PROA_OK);
    end(&f, DISABLE, key);
    fake_pass(&f, 59999);
    assert_false(let_in(&f, alice.identity));
    f.c2c->now_ms = f.now_ms + 1; /* as the next call of the client tells */
    assert_true(let_in(&f, alice.identity));
    fake_close(&f);
}

/* A short id that names somebody new starts without rights, however it came to be free. */
static void g23_rights_do_not_wait_for_the_next_owner_of_a_number(void **state)
{
    fake f;
    static const fake_account eve = {"eve", 2, 1000, "identity-of-eve", KEY, NULL};
    (void)state;
    fake_open(&f, NULL, "own", false);
    (void)fake_install(&f, &alice);
    uint16_t access = fake_allow(&f, 3311, 0, 2, PROA_RIGHT_READ);
    const fake_value both[] = {{2, 2, NUMBER(1)}, {2, 3, NUMBER(1)}};
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, access, both, 2), PROA_OK);
    assert_int_equal(fake_delete(&f, 11000, &fake_server_1, 0), PROA_OK);
    assert_int_equal(fake_delete(&f, 11001, &fake_server_1, 0), PROA_OK);
    fake_pass(&f, 0);
    /* Rights written for a number that nobody has ... */
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, access, both, 2), PROA_OK);
    uint16_t key = fake_install(&f, &eve); /* ... are not eve's. */
    assert_false(may_read(&f, fake_account_of(&f, key)));
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, access, both, 2), PROA_OK);
    assert_true(may_read(&f, fake_account_of(&f, key)));
    fake_close(&f);
}

/* ---- time ------------------------------------------------------------------------------- */

static void g23_lifetime_to_the_millisecond_and_renewed_by_a_write(void **state)
{
    fake f;
    const fake_value lifetime[] = {{1, -1, NUMBER(1000)}};
    const fake_value longer[] = {{1, -1, NUMBER(0)}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t key = fake_install(&f, &alice);
    fake_connected(&f, fake_incoming(&f, key), true);
    fake_pass(&f, 999999);
    assert_true(let_in(&f, alice.identity));
    assert_int_equal(fake_write(&f, 11001, &fake_server_1, 0, lifetime, 1), PROA_OK);
    fake_pass(&f, 999999);
    assert_true(let_in(&f, alice.identity));
    fake_pass(&f, 1);
    assert_false(let_in(&f, alice.identity));

    (void)fake_install(&f, &alice);
    fake_connected(&f, fake_incoming(&f, 0), true);
    assert_int_equal(fake_write(&f, 11001, &fake_server_1, 0, longer, 1), PROA_OK);
    fake_pass(&f, 100000000000);
    assert_true(let_in(&f, alice.identity)); /* without end */
    fake_close(&f);
}

/* Time is over in the moment in which anybody tells it, before any run. */
static void g23_expired_before_the_run_that_cleans_up(void **state)
{
    fake f;
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t key = fake_install(&f, &alice);
    (void)fake_allow(&f, 3311, 0, 2, PROA_RIGHT_READ);
    proa_account account = fake_account_of(&f, key);
    f.client.ext->used(f.client.ext->ctx, f.now_ms + 999999, account);
    assert_true(let_in(&f, alice.identity) && may_read(&f, account));
    f.client.ext->used(f.client.ext->ctx, f.now_ms + 1000000, 0);
    assert_false(let_in(&f, alice.identity) || may_read(&f, account));
    fake_close(&f);
}

static void c2c_7_unused_accounts_go_after_ten_minutes(void **state)
{
    fake f;
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t a = fake_install(&f, &alice);
    (void)fake_install(&f, &bob);
    fake_pass(&f, 599999);
    assert_true(let_in(&f, bob.identity));
    fake_connected(&f, fake_incoming(&f, a), true); /* alice comes in the last moment */
    fake_pass(&f, 1);
    assert_true(let_in(&f, alice.identity));
    assert_false(let_in(&f, bob.identity));
    assert_int_equal(proa_c2c_stats_get(f.c2c).unused_removed, 1);
    assert_true(f.client.list_changes > 0); /* the server is told */
    fake_close(&f);
}

/* Reboots at any moment never make a lifetime longer, also many in a row. */
static void g25_reboots_never_lengthen_a_lifetime(void **state)
{
    static const uint64_t periods_ms[] = {1, 999, 7000, 49999, 50001, 130000, 600000};
    (void)state;
    for (size_t n = 0; n < 2 * sizeof(periods_ms) / sizeof(periods_ms[0]); n++) {
        size_t i = n / 2; /* used and unused accounts */
        fake f;
        fake_store store;
        uint64_t up_ms = 0;
        unsigned boots = 0;
        memset(&store, 0, sizeof(store));
        store.fail_in = -1;
        fake_open(&f, &store, "own", false);
        uint16_t key = fake_install(&f, &alice);
        if (n % 2 == 0) {
            fake_connected(&f, fake_incoming(&f, key), true);
        }
        fake_pass(&f, 0);
        while (let_in(&f, alice.identity)) {
            uint64_t step_ms = periods_ms[i] < 100 ? periods_ms[i] : periods_ms[i] / 100;
            for (uint64_t passed_ms = 0; passed_ms < periods_ms[i]; passed_ms += step_ms) {
                up_ms += let_in(&f, alice.identity) ? step_ms : 0;
                fake_pass(&f, step_ms);
            }
            fake_close(&f);
            fake_open(&f, &store, "own", false);
            boots++;
            assert_in_range(boots, 0, 100);
        }
        print_message("reboot every %u ms: %u boots, %u s\n", (unsigned)periods_ms[i], boots,
                      (unsigned)(up_ms / 1000));
        assert_true(up_ms <= 1000000 + periods_ms[i] / 100);
        assert_in_range(boots, 1, 21); /* each costs at most a step of 5 % */
        fake_close(&f);
    }
}

/* One reboot costs little: what is left is known to 5 %, and keys, names and counts are there. */
static void g25_a_reboot_keeps_the_account(void **state)
{
    fake f;
    fake_store store;
    proa_c2c_peer peer;
    static const fake_account carol = {
        "carol", 4, 86400, "identity-of-carol", KEY, "coaps://[2001:db8::4]:5684"};
    (void)state;
    memset(&store, 0, sizeof(store));
    store.fail_in = -1;
    fake_open(&f, &store, "own", false);
    uint16_t key = fake_install(&f, &carol);
    (void)fake_allow(&f, 3311, 0, 4, PROA_RIGHT_READ);
    fake_connected(&f, fake_incoming(&f, key), true);
    f.client.ext->used(f.client.ext->ctx, f.now_ms, fake_account_of(&f, key));
    proa_account before = fake_account_of(&f, key);
    fake_pass(&f, 10000 * 1000);
    fake_close(&f);

    fake_open(&f, &store, "own", false);
    assert_true(let_in(&f, carol.identity));
    assert_int_equal(fake_account_of(&f, key), before);
    assert_true(may_read(&f, fake_account_of(&f, key)));
    assert_true(proa_c2c_peer_at(f.c2c, f.now_ms, 0, &peer));
    assert_string_equal(peer.endpoint, "carol");
    assert_string_equal(peer.uri, carol.uri);
    assert_int_equal(peer.short_id, 4);
    assert_true(peer.used);
    assert_false(peer.connected);
    assert_in_range(peer.left_s, 86400 - 10000 - 2 * 4320, 86400 - 10000);
    assert_int_equal(peer.uses, 1);
    assert_false(proa_c2c_peer_at(f.c2c, f.now_ms, 1, &peer));
    expect_event(&f, PROA_C2C_PEER_ADDED, "carol", PROA_OUTCOME_OK);
    fake_pass(&f, 700 * 1000); /* it was used: it is not waited for again */
    assert_true(let_in(&f, carol.identity));
    fake_close(&f);
}

/* The store breaks while an account lives: its stored end must not be later than the true one. */
static void g25_a_broken_store_never_lengthens_a_lifetime(void **state)
{
    fake f;
    fake_store store;
    (void)state;
    memset(&store, 0, sizeof(store));
    store.fail_in = -1;
    fake_open(&f, &store, "own", false);
    uint16_t key = fake_install(&f, &alice);
    fake_connected(&f, fake_incoming(&f, key), true);
    store.fail_in = 0;
    fake_pass(&f, 500000);
    assert_true(let_in(&f, alice.identity));
    fake_close(&f);
    fake_open(&f, &store, "own", false);
    assert_false(let_in(&f, alice.identity));
    fake_close(&f);
}

/* Any stored byte may be wrong, and any blob cut: the device starts, and nobody unknown is let
 * in. */
static void g25_damaged_blobs(void **state)
{
    fake f;
    fake_store good;
    (void)state;
    memset(&good, 0, sizeof(good));
    good.fail_in = -1;
    fake_open(&f, &good, "own", false);
    (void)fake_install(&f, &alice);
    (void)fake_allow(&f, 3311, 0, 2, PROA_RIGHT_READ);
    fake_close(&f);
    for (size_t b = 0; b < FAKE_BLOBS_MAX; b++) {
        for (size_t at = 0; at < good.blobs[b].len; at++) {
            for (int how = 0; how < 3; how++) {
                fake_store store = good;
                if (how == 2) {
                    store.blobs[b].len = at; /* 0: not there */
                } else {
                    store.blobs[b].bytes[at] ^= how == 0 ? 0xff : 0x01;
                }
                fake_open(&f, &store, "own", false);
                fake_pass(&f, 1000);
                proa_psk psk;
                bool in =
                    f.client.ext->find_psk(f.client.ext->ctx, proa_span_of(alice.identity), &psk);
                assert_true(!in || psk.key_len == 16 || how != 2);
                fake_close(&f);
            }
        }
    }
}

/* A stored list names a peer whose own blob is lost: its rights do not wait for the next one. */
static void g25_rights_without_their_peer(void **state)
{
    fake f;
    fake_store store;
    proa_path path = proa_path_make(2, 3311, 0, 0);
    const fake_value list[] = {{2, 0, NUMBER(1)}, {2, 2, NUMBER(31)}};
    (void)state;
    memset(&store, 0, sizeof(store));
    store.fail_in = -1;
    fake_open(&f, &store, "own", false);
    (void)fake_install(&f, &alice);
    uint16_t access = fake_allow(&f, 3311, 0, 2, PROA_RIGHT_READ);
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, access, list, 2), PROA_OK);
    fake_close(&f);
    for (size_t i = 0; i < FAKE_BLOBS_MAX; i++) {
        if (store.blobs[i].name[4] == 'p') {
            memset(&store.blobs[i], 0, sizeof(store.blobs[i]));
        }
    }
    fake_open(&f, &store, "own", false);
    assert_int_equal(proa__c2c_rights(f.c2c, 2, &path), 1); /* the default entry's */
    fake_close(&f);
}

/* ---- roll-over -------------------------------------------------------------------------- */

/* A second key under the same short id stands beside the first until it is used. */
static void c2c_7_key_roll_over(void **state)
{
    fake f;
    const fake_value key[] = {{2, -1, NUMBER(0)},
                              {3, -1, proa_value_opaque(proa_span_of("second"))},
                              {5, -1, proa_value_opaque(proa_span_of("second-key-16byt"))},
                              {10, -1, NUMBER(2)}};
    uint16_t second;
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t first = fake_install(&f, &alice);
    (void)fake_allow(&f, 3311, 0, 2, PROA_RIGHT_READ);
    uint32_t old_session = fake_incoming(&f, first);
    fake_connected(&f, old_session, true);
    assert_int_equal(fake_create(&f, 11000, &fake_server_1, -1, key, 4, &second), PROA_OK);
    fake_pass(&f, 0);
    assert_true(let_in(&f, alice.identity));
    assert_true(let_in(&f, "second"));
    while (fake_next(&f)) {
    }
    fake_connected(&f, fake_incoming(&f, first), true); /* the old one still serves */
    assert_true(let_in(&f, alice.identity));
    fake_connected(&f, fake_incoming(&f, second), true);
    assert_false(let_in(&f, alice.identity));
    assert_true(let_in(&f, "second"));
    assert_true(may_read(&f, fake_account_of(&f, second)));
    assert_true(fake_session_of(&f, old_session)->closed);
    expect_no_event(&f); /* for the application nobody came and nobody went */
    fake_close(&f);
}

/* The same peer was installed anew (its server had lost track): the used one stays. But what
 * another server installed is not touched. */
static void c2c_7_newer_account_of_the_same_peer(void **state)
{
    fake f;
    static const fake_account again = {"alice", 7, 1000, "identity-new", KEY, NULL};
    (void)state;
    fake_open(&f, NULL, "own", false);
    (void)fake_install(&f, &alice);
    uint16_t second = fake_install(&f, &again);
    proa__key_at(f.c2c, 0)->row.owner = 2;
    fake_connected(&f, fake_incoming(&f, second), true);
    assert_true(let_in(&f, alice.identity));
    proa__key_at(f.c2c, 0)->row.owner = 1;
    f.client.ext->used(f.client.ext->ctx, f.now_ms, fake_account_of(&f, second));
    assert_false(let_in(&f, alice.identity));
    assert_true(let_in(&f, again.identity));
    fake_close(&f);
}

/* Sixteen-bit generations wrap: the newer key is still the newer one. */
static void c2c_7_generations_wrap(void **state)
{
    fake f;
    static const fake_account again = {"alice", 7, 1000, "identity-new", KEY, NULL};
    (void)state;
    fake_open(&f, NULL, "own", false);
    f.c2c->generation = UINT16_MAX - 1;
    uint16_t first = fake_install(&f, &alice);
    uint16_t second = fake_install(&f, &again);
    assert_int_equal(fake_account_of(&f, first) >> 32 & 0xffff, UINT16_MAX);
    assert_int_equal(fake_account_of(&f, second) >> 32 & 0xffff, 1); /* 0 is nobody's */
    assert_int_equal(proa__c2c_key_of(f.c2c, proa_span_of("alice"))->row.instance, second);
    fake_close(&f);
}

/* The queue of events is full: what is told is dropped, what is done is done. */
static void g09_events_overflow(void **state)
{
    fake f;
    char names[40][8];
    unsigned added = 0;
    (void)state;
    fake_open(&f, NULL, "own", false);
    for (int i = 0; i < 40; i++) {
        strcpy(names[i], "peer-00");
        names[i][5] = (char)('0' + i / 10);
        names[i][6] = (char)('0' + i % 10);
        fake_account account = {names[i], (uint16_t)(i + 1), 1000, names[i], KEY, NULL};
        (void)fake_install(&f, &account);
        assert_int_equal(fake_delete(&f, 11000, &fake_server_1, 0), PROA_OK);
        assert_int_equal(fake_delete(&f, 11001, &fake_server_1, 0), PROA_OK);
        fake_pass(&f, 0);
    }
    while (fake_next(&f)) {
        added++;
    }
    assert_in_range(added, 8, 40);
    (void)fake_install(&f, &alice);
    expect_event(&f, PROA_C2C_PEER_ADDED, "alice", PROA_OUTCOME_OK);
    fake_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g01_only_identities_of_whole_accounts),
        cmocka_unit_test(g01_rights_go_with_the_account_of_the_key),
        cmocka_unit_test(g10_g23_nothing_is_left_of_an_account),
        cmocka_unit_test(c2c_2_disable_ends_after_its_timeout),
        cmocka_unit_test(g23_rights_do_not_wait_for_the_next_owner_of_a_number),
        cmocka_unit_test(g23_lifetime_to_the_millisecond_and_renewed_by_a_write),
        cmocka_unit_test(g23_expired_before_the_run_that_cleans_up),
        cmocka_unit_test(c2c_7_unused_accounts_go_after_ten_minutes),
        cmocka_unit_test(g25_reboots_never_lengthen_a_lifetime),
        cmocka_unit_test(g25_a_reboot_keeps_the_account),
        cmocka_unit_test(g25_a_broken_store_never_lengthens_a_lifetime),
        cmocka_unit_test(g25_damaged_blobs),
        cmocka_unit_test(g25_rights_without_their_peer),
        cmocka_unit_test(c2c_7_key_roll_over),
        cmocka_unit_test(c2c_7_newer_account_of_the_same_peer),
        cmocka_unit_test(c2c_7_generations_wrap),
        cmocka_unit_test(g09_events_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
