/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that outlive their box: whatever a crash loses, no record number comes twice (lab.c
 * watches), a row opens once and only as it was, and what an earlier box may have heard already is
 * told apart from what is said now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mbedtls/version.h>

#include "ports/mbedtls/seal.h"
#include "tests/dtls/lab.h"

enum { ROWS = 72, ROW_MAX = 512, SAVED = 64 };

/* ---- a disk ----------------------------------------------------------------------------- */

typedef struct row {
    bool used;
    uint8_t id[8];
    size_t id_len;
    uint8_t context[ROW_MAX];
    size_t context_len;
    uint8_t mark[ROW_MAX];
    size_t mark_len;
} row;

typedef struct disk {
    row rows[ROWS];    /* as written */
    row durable[ROWS]; /* as committed */
    unsigned keeps, marks, forgets;
} disk;

static row *find_row(disk *d, proa_span id, bool make)
{
    row *free_row = NULL;
    for (size_t i = 0; i < ROWS; i++) {
        row *r = &d->rows[i];
        if (r->used && proa_span_equal(id, proa_span_make(r->id, r->id_len))) {
            return r;
        }
        free_row = !r->used && free_row == NULL ? r : free_row;
    }
    return make ? free_row : NULL;
}

/* GCM under one key gives it away if a nonce comes twice. */
static uint8_t nonces[4096][PROA_SEAL_NONCE_LEN];
static size_t nonce_count;

static void note_nonce(proa_span sealed)
{
    for (size_t i = 0; i < nonce_count; i++) {
        assert_memory_not_equal(nonces[i], sealed.data, PROA_SEAL_NONCE_LEN);
    }
    assert_true(nonce_count < sizeof nonces / sizeof *nonces);
    memcpy(nonces[nonce_count++], sealed.data, PROA_SEAL_NONCE_LEN);
}

static void keep(void *ctx, const proa_secure_row *in)
{
    disk *d = ctx;
    row *r = find_row(d, in->id, true);
    assert_non_null(r);
    note_nonce(in->context);
    note_nonce(in->mark);
    assert_true(in->context.len <= ROW_MAX && in->mark.len <= ROW_MAX);
    r->used = true;
    memcpy(r->id, in->id.data, r->id_len = in->id.len);
    memcpy(r->context, in->context.data, r->context_len = in->context.len);
    memcpy(r->mark, in->mark.data, r->mark_len = in->mark.len);
    d->keeps++;
}

static void mark(void *ctx, proa_span id, proa_span bytes)
{
    disk *d = ctx;
    row *r = find_row(d, id, false);
    d->marks++;
    note_nonce(bytes);
    if (r != NULL) { /* as an UPDATE of what is not there */
        memcpy(r->mark, bytes.data, r->mark_len = bytes.len);
    }
}

static void forget(void *ctx, proa_span id)
{
    disk *d = ctx;
    row *r = find_row(d, id, false);
    d->forgets++;
    if (r != NULL) {
        r->used = false;
    }
}

static proa_secure_row as_row(const row *r)
{
    proa_secure_row out = {proa_span_make(r->id, r->id_len),
                           proa_span_make(r->context, r->context_len),
                           proa_span_make(r->mark, r->mark_len)};
    return out;
}

static size_t row_count(const disk *d)
{
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        count += d->durable[i].used;
    }
    return count;
}

/* ---- a server that crashes -------------------------------------------------------------- */

typedef struct house {
    lab *world;
    lab_node *client;
    lab_node *server;
    disk disk;
    proa_secure_keeper keeper;
    uint8_t starts;
} house;

static void start(house *h)
{
    h->starts++;
    uint8_t key[PROA_SECURE_KEY_LEN];
    memset(key, h->starts, sizeof key);
    proa_dtls_keep(&h->server->config, &h->keeper, key);
    lab_open(h->world, h->server);
}

static house *new_house(uint32_t reserve)
{
    static house h;
    memset(&h, 0, sizeof h);
    nonce_count = 0; /* the same seed, the same nonces */
    h.world = lab_new(23, 300000);
    h.client = lab_add(h.world, 2);
    h.server = lab_add(h.world, 6);
    h.keeper = (proa_secure_keeper){keep, mark, forget, &h.disk};
    h.server->config.reserve = reserve;
    lab_open(h.world, h.client);
    start(&h);
    return &h;
}

static void commit(house *h, bool ok)
{
    if (ok) {
        memcpy(h->disk.durable, h->disk.rows, sizeof h->disk.rows);
    } else {
        memcpy(h->disk.rows, h->disk.durable, sizeof h->disk.rows);
    }
    h->server->box->class_->stored(h->server->box, ok);
}

/* Power fails and comes back. */
static void crash(house *h)
{
    h->server->box->class_->free(h->server->box);
    memcpy(h->disk.rows, h->disk.durable, sizeof h->disk.rows);
    start(h);
}

static proa_err revive_row(house *h, const row *r, uint8_t key_byte, uint32_t *session)
{
    uint8_t key[PROA_SECURE_KEY_LEN];
    uint64_t account;
    proa_secure_row in = as_row(r);
    memset(key, key_byte, sizeof key);
    proa_err err = h->server->box->class_->revive(h->server->box, h->world->now_ms, key, &in,
                                                  session, &account);
    assert_true((err == PROA_OK) == (*session != 0));
    assert_int_equal(account, err == PROA_OK ? 1 : 0);
    return err;
}

/* All rows, as a program does it: taken off the disk first, revived then. The last session. */
static uint32_t revive_all(house *h)
{
    row taken[ROWS];
    uint32_t session = 0;
    memcpy(taken, h->disk.durable, sizeof taken);
    memset(h->disk.durable, 0, sizeof h->disk.durable);
    memset(h->disk.rows, 0, sizeof h->disk.rows);
    for (size_t i = 0; i < ROWS; i++) {
        if (taken[i].used) {
            assert_int_equal(revive_row(h, &taken[i], (uint8_t)(h->starts - 1), &session), PROA_OK);
        }
    }
    return session;
}

static void expect_text(lab_node *node, const char *text, bool doubtful)
{
    const lab_event *event = lab_expect(node, PROA_SECURE_DATA);
    assert_int_equal(event->len, strlen(text));
    assert_memory_equal(event->bytes, text, event->len);
    assert_int_equal(event->event.is_doubtful, doubtful);
    assert_int_equal(event->event.account, 1);
}

/* Record numbers of the server, as they leave. */
static uint64_t highest;
static uint64_t lowest;

static bool note_numbers(lab *world, lab_datagram *d)
{
    if (d->from.ip[15] == 2 && d->bytes[4] != 0) {
        uint64_t number = 0;
        for (size_t i = 5; i < 11; i++) {
            number = number << 8 | d->bytes[i];
        }
        highest = number > highest ? number : highest;
        lowest = number < lowest ? number : lowest;
    }
    (void)world;
    return true;
}

static void watch_numbers(house *h)
{
    highest = 0;
    lowest = UINT64_MAX;
    h->world->tap = note_numbers;
}

/* ---- going on --------------------------------------------------------------------------- */

static void session_goes_on_after_a_crash(void **state)
{
    (void)state;
    house *h = new_house(0);
    uint32_t at_server;
    uint32_t at_client = lab_pair(h->world, h->client, h->server, &at_server);
    commit(h, true);
    assert_int_equal(row_count(&h->disk), 1);
    assert_int_equal(lab_send(h->world, h->server, at_server, "before"), PROA_OK);
    lab_run(h->world, 100);
    expect_text(h->client, "before", false);

    watch_numbers(h);
    crash(h);
    at_server = revive_all(h);
    commit(h, true);
    assert_int_equal(lab_stats(h->server).hibernated, 1);
    assert_int_equal(lab_stats(h->server).revived, 1);
    assert_int_equal(lab_send(h->world, h->server, at_server, "after"), PROA_OK);
    lab_run(h->world, 100);
    expect_text(h->client, "after", false); /* the client notices nothing */
    assert_true(lowest >= 1024);
    assert_int_equal(lab_send(h->world, h->client, at_client, "answer"), PROA_OK);
    lab_run(h->world, 100);
    expect_text(h->server, "answer", true);
    h->server->box->class_->prove(h->server->box, at_server);
    assert_int_equal(lab_send(h->world, h->client, at_client, "request"), PROA_OK);
    lab_run(h->world, 100);
    expect_text(h->server, "request", false);
    assert_int_equal(lab_stats(h->server).handshakes_done, 0);
    assert_int_equal(lab_stats(h->client).handshakes_done, 1);
    lab_free(h->world);
}

static unsigned random_step(house *h, test_random *random, uint32_t at_client, uint32_t at_server)
{
    switch (test_random_next(random) % 8) {
    case 0:
    case 1:
        commit(h, true);
        return 0;
    case 2:
        commit(h, false);
        return 0;
    case 3:
        (void)lab_send(h->world, h->client, at_client, "up");
        return 0;
    default:
        (void)lab_send(h->world, h->server, at_server, "down");
        lab_flush(h->world);
        return 1;
    }
}

/* Stores fail at random, and after n steps power does; many times over. */
static void rfc6347_4_1_no_number_comes_twice_wherever_it_crashes(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 40; steps++) {
        house *h = new_house(4);
        test_random random = {steps + 1};
        uint32_t at_server;
        uint32_t at_client = lab_pair(h->world, h->client, h->server, &at_server);
        unsigned sent = 0;
        commit(h, true);
        watch_numbers(h);
        for (unsigned crashes = 0; crashes < 6; crashes++) {
            for (unsigned i = 0; i < steps; i++) {
                sent += random_step(h, &random, at_client, at_server);
            }
            uint64_t before = highest;
            crash(h);
            at_server = revive_all(h);
            if (at_server == 0) {
                assert_true(crashes > 0); /* its row was not stored before the next crash */
                break;
            }
            lowest = UINT64_MAX;
            if (crashes % 2 == 0) {
                commit(h, true);
            }
            assert_int_equal(lab_send(h->world, h->server, at_server, "first"), PROA_OK);
            lab_run(h->world, 50);
            assert_true(lowest > before);
        }
        if (steps == 39) {
            assert_true(sent > 60 && h->disk.marks > 10);
        }
        lab_free(h->world);
    }
}

static void nothing_leaves_that_is_not_reserved(void **state)
{
    (void)state;
    house *h = new_house(8);
    uint32_t at_server;
    (void)lab_pair(h->world, h->client, h->server, &at_server);
    watch_numbers(h);
    for (int i = 0; i < 100; i++) { /* nothing is ever stored */
        assert_int_equal(lab_send(h->world, h->server, at_server, "x"), PROA_OK);
        lab_flush(h->world);
    }
    uint64_t silent_from = highest;
    assert_true(silent_from < 16);
    assert_int_equal(h->disk.marks, 1); /* asked once, not a hundred times */
    commit(h, false);
    assert_int_equal(lab_send(h->world, h->server, at_server, "x"), PROA_OK);
    lab_flush(h->world);
    assert_int_equal(highest, silent_from);
    assert_int_equal(h->disk.marks, 2); /* asked again */
    uint32_t more = 0;
    while (highest == silent_from && more < 40) {
        commit(h, true); /* what was encrypted in vain used up numbers, too */
        assert_int_equal(lab_send(h->world, h->server, at_server, "x"), PROA_OK);
        lab_flush(h->world);
        more++;
    }
    assert_true(more < 40);
    lab_free(h->world);
}

/* Places for who asks are bounded; the others ask after the next store. */
static void many_ask_at_once(void **state)
{
    (void)state;
    enum { MANY = 70, PLACES = 64 };
    house *h = new_house(4);
    uint32_t at_server[MANY];
    h->server->config.hibernated_max = MANY;
    h->client->config.hibernated_max = MANY;
    h->client->box->class_->free(h->client->box);
    lab_open(h->world, h->client);
    crash(h);
    for (size_t i = 0; i < MANY; i++) {
        (void)lab_pair(h->world, h->client, h->server, &at_server[i]);
    }
    commit(h, true);
    assert_int_equal(h->disk.marks, 0);
    for (int i = 0; i < MANY * 7; i++) {
        assert_int_equal(lab_send(h->world, h->server, at_server[i % MANY], "x"), PROA_OK);
        lab_flush(h->world);
        h->world->flying_count = 0;
        if (i == MANY * 6 - 1) {
            assert_int_equal(h->disk.marks, PLACES);
            commit(h, true);
        }
    }
    assert_int_equal(h->disk.marks, MANY);
    lab_free(h->world);
}

static void one_store_for_many_records(void **state)
{
    (void)state;
    house *h = new_house(1024);
    uint32_t at_server;
    (void)lab_pair(h->world, h->client, h->server, &at_server);
    commit(h, true);
    for (int i = 0; i < 5 * 1024; i++) {
        assert_int_equal(lab_send(h->world, h->server, at_server, "x"), PROA_OK);
        lab_run(h->world, 11);
        if (i % 100 == 0) {
            commit(h, true);
        }
        h->client->event_count = h->client->read = 0;
    }
    assert_int_equal(h->disk.keeps, 1);
    assert_in_range(h->disk.marks, 4, 6);
    lab_free(h->world);
}

/* ---- rows ------------------------------------------------------------------------------- */

static row make_row(house *h)
{
    uint32_t at_server;
    (void)lab_pair(h->world, h->client, h->server, &at_server);
    commit(h, true);
    row r = h->disk.durable[0];
    assert_true(r.used);
    crash(h);
    return r;
}

static bool contains(const uint8_t *bytes, size_t len, const char *text)
{
    for (size_t i = 0; i + strlen(text) <= len; i++) {
        if (memcmp(bytes + i, text, strlen(text)) == 0) {
            return true;
        }
    }
    return false;
}

static void a_row_opens_only_as_it_was(void **state)
{
    (void)state;
    house *h = new_house(0);
    row good = make_row(h);
    uint32_t session;
    assert_false(contains(good.context, good.context_len, "alice"));
    assert_false(contains(good.context, good.context_len, "aaaaaaaa"));
    for (size_t i = 0; i < good.context_len; i++) {
        row bad = good;
        bad.context[i] ^= 1;
        assert_int_equal(revive_row(h, &bad, 1, &session), PROA_E_DENIED);
    }
    for (size_t i = 0; i < good.mark_len; i++) {
        row bad = good;
        bad.mark[i] ^= 0x80;
        assert_int_equal(revive_row(h, &bad, 1, &session), PROA_E_DENIED);
    }
    for (size_t len = 0; len < good.context_len; len++) {
        row bad = good;
        bad.context_len = len;
        assert_int_equal(revive_row(h, &bad, 1, &session), PROA_E_DENIED);
        bad = good;
        bad.mark_len = len < good.mark_len ? len : 0;
        assert_int_equal(revive_row(h, &bad, 1, &session), PROA_E_DENIED);
    }
    row bad = good;
    bad.context_len = ROW_MAX;
    assert_int_equal(revive_row(h, &bad, 1, &session), PROA_E_DENIED);
    bad = good;
    bad.id[0] ^= 1; /* another session's place */
    assert_int_equal(revive_row(h, &bad, 1, &session), PROA_E_DENIED);
    bad = good;
    memcpy(bad.context, good.mark, bad.context_len = good.mark_len);
    assert_int_equal(revive_row(h, &bad, 1, &session), PROA_E_DENIED);
    bad = good;
    bad.id_len = 5;
    assert_int_equal(revive_row(h, &bad, 1, &session), PROA_E_RANGE);
    assert_int_equal(revive_row(h, &good, 9, &session), PROA_E_DENIED); /* another key */
    assert_int_equal(lab_stats(h->server).hibernated + lab_stats(h->server).kept, 0);
    assert_int_equal(revive_row(h, &good, 1, &session), PROA_OK);
    lab_free(h->world);
}

static void a_row_is_revived_once(void **state)
{
    (void)state;
    house *h = new_house(0);
    row r = make_row(h);
    uint32_t session;
    assert_int_equal(revive_row(h, &r, 1, &session), PROA_OK);
    assert_int_equal(revive_row(h, &r, 1, &session), PROA_E_EXISTS);
    commit(h, true);
    crash(h);
    /* The key of the first box is gone; the row that the second one made opens under its own. */
    assert_int_equal(revive_row(h, &r, 2, &session), PROA_E_DENIED);
    row next = h->disk.durable[0];
    assert_int_equal(revive_row(h, &next, 2, &session), PROA_OK);
    assert_memory_not_equal(next.context, r.context, r.context_len);
    lab_free(h->world);
}

static bool other_psk(void *ctx, proa_span identity, proa_psk *out)
{
    bool found = lab_find_psk(ctx, identity, out);
    out->key[0] ^= 1;
    return found;
}

static bool no_psk(void *ctx, proa_span identity, proa_psk *out)
{
    (void)ctx, (void)identity, (void)out;
    return false;
}

static void a_changed_account_has_no_session(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        house *h = new_house(0);
        uint32_t session;
        h->server->config.find_psk = lab_find_psk;
        uint32_t at_server;
        (void)lab_pair(h->world, h->client, h->server, &at_server);
        commit(h, true);
        h->server->config.find_psk = i == 0 ? other_psk : no_psk;
        crash(h);
        assert_int_equal(revive_row(h, &h->disk.durable[0], 1, &session), PROA_E_DENIED);
        assert_int_equal(lab_stats(h->server).hibernated, 0);
        lab_free(h->world);
    }
}

/* As if a row had been sealed by a build with another Mbed TLS. */
static void another_version_has_no_session(void **state)
{
    (void)state;
    house *h = new_house(0);
    row r = make_row(h);
    uint32_t session;
    uint8_t plain[ROW_MAX];
    uint8_t key[PROA_SECURE_KEY_LEN];
    uint8_t about[32] = "proa session\1c";
    memset(key, 1, sizeof key);
    memcpy(about + 14, r.id, 6);
    proa_span what = proa_span_make(about, 20);
    assert_true(proa__unseal(key, what, proa_span_make(r.context, r.context_len), plain));
    size_t version_at = 1U + plain[0] + 32U;
    static const uint8_t version[3] = {MBEDTLS_VERSION_MAJOR, MBEDTLS_VERSION_MINOR,
                                       MBEDTLS_VERSION_PATCH};
    assert_memory_equal(plain + version_at, version, 3);
    size_t len = r.context_len - PROA_SEAL_EXTRA;
    for (size_t i = 0; i < 9; i++) {
        row bad = r;
        plain[version_at + i] ^= 1; /* three of the version, five of the format, then a length */
        assert_true(proa__seal(key, &h->server->config.random, what, proa_span_make(plain, len),
                               bad.context));
        plain[version_at + i] ^= 1;
        assert_int_equal(revive_row(h, &bad, 1, &session), i < 3 ? PROA_E_FORMAT : PROA_E_FULL);
    }
    for (size_t cut = 1; cut < len; cut += 7) {
        row bad = r;
        assert_true(proa__seal(key, &h->server->config.random, what,
                               proa_span_make(plain, len - cut), bad.context));
        bad.context_len = len - cut + PROA_SEAL_EXTRA;
        assert_int_not_equal(revive_row(h, &bad, 1, &session), PROA_OK);
    }
    assert_int_equal(lab_stats(h->server).hibernated, 0);
    lab_free(h->world);
}

static void there_is_an_end_of_places(void **state)
{
    (void)state;
    house *h = new_house(0);
    uint32_t at_server;
    uint32_t session;
    (void)lab_pair(h->world, h->client, h->server, &at_server);
    (void)lab_pair(h->world, h->client, h->server, &at_server);
    commit(h, true);
    assert_int_equal(row_count(&h->disk), 2);
    h->server->config.hibernated_max = 1;
    crash(h);
    row rows[2] = {h->disk.durable[0], h->disk.durable[1]};
    assert_int_equal(revive_row(h, &rows[0], 1, &session), PROA_OK);
    assert_int_equal(revive_row(h, &rows[1], 1, &session), PROA_E_FULL);
    h->server->config.hibernated_max = 0;
    proa_secure *box;
    assert_int_equal(proa_dtls_open(&box, &h->server->config), PROA_E_RANGE);
    lab_free(h->world);
}

/* Whatever ends a session ends its row; the end of the box does not. */
static void ends_are_forgotten(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        house *h = new_house(0);
        h->server->config.live_max = 1;
        h->server->config.hibernated_max = 1;
        crash(h);
        uint32_t at_server;
        uint32_t other;
        uint32_t at_client = lab_pair(h->world, h->client, h->server, &at_server);
        commit(h, true);
        assert_int_equal(row_count(&h->disk), 1);
        assert_int_equal(lab_stats(h->server).kept, 1);
        if (how == 0) {
            h->server->box->class_->close(h->server->box, h->world->now_ms, at_server, true);
        } else if (how == 1) {
            h->client->box->class_->close(h->client->box, h->world->now_ms, at_client, true);
            lab_run(h->world, 100);
        } else if (how == 2) { /* no place for three */
            (void)lab_pair(h->world, h->client, h->server, &other);
            uint32_t third = lab_connect(h->world, h->client, h->server, "alice");
            lab_run(h->world, 1000);
            assert_int_equal(lab_send(h->world, h->client, third, "x"), PROA_OK);
            lab_run(h->world, 1000);
        } else {
            crash(h);
        }
        commit(h, true);
        static const unsigned left[] = {0, 0, 2, 1};
        static const unsigned forgotten[] = {1, 1, 1, 0};
        assert_int_equal(row_count(&h->disk), left[how]);
        assert_int_equal(h->disk.forgets, forgotten[how]);
        lab_free(h->world);
    }
}

static void what_cannot_come_back_has_no_row(void **state)
{
    (void)state;
    house *h = new_house(0);
    uint32_t session = lab_connect(h->world, h->server, h->client, "alice"); /* client role */
    lab_run(h->world, 1000);
    assert_int_equal(lab_send(h->world, h->server, session, "x"), PROA_OK);
    (void)lab_connect(h->world, h->client, h->server, "alice"); /* no record yet */
    lab_run(h->world, 1000);
    assert_int_equal(h->disk.keeps, 0);
    lab_free(h->world);

    h = new_house(0);
    h->client->box->class_->free(h->client->box);
    h->client->config.cid_len = 0;
    lab_open(h->world, h->client);
    uint32_t at_server;
    (void)lab_pair(h->world, h->client, h->server, &at_server); /* the peer uses no ids */
    assert_int_equal(h->disk.keeps, 0);
    lab_free(h->world);
}

/* ---- replays ---------------------------------------------------------------------------- */

static lab_datagram saved[SAVED];
static size_t saved_count;

static bool save_records(lab *world, lab_datagram *d)
{
    (void)world;
    if (d->from.ip[15] == 1 && saved_count < SAVED) {
        saved[saved_count++] = *d;
    }
    return true;
}

static void replays_are_doubtful_and_then_dropped(void **state)
{
    (void)state;
    house *h = new_house(0);
    uint32_t at_server;
    uint32_t at_client = lab_pair(h->world, h->client, h->server, &at_server);
    commit(h, true);
    saved_count = 0;
    h->world->tap = save_records;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(lab_send(h->world, h->client, at_client, "old"), PROA_OK);
        lab_run(h->world, 20);
        expect_text(h->server, "old", false);
    }
    h->world->tap = NULL;
    crash(h);
    at_server = revive_all(h);
    commit(h, true);
    proa_addr thief = h->client->addr;
    proa_addr now;
    thief.ip[15] = 77;
    for (size_t i = 0; i < 10; i++) {
        lab_inject(h->world, h->server, &thief, saved[i].bytes, saved[i].len);
        expect_text(h->server, "old", true);
        assert_true(h->server->box->class_->address(h->server->box, at_server, &now));
        assert_true(proa_addr_equal(&now, &h->client->addr)); /* and nobody leads it away */
        lab_inject(h->world, h->server, &thief, saved[i].bytes, saved[i].len);
        assert_null(lab_next(h->server)); /* not twice even so */
    }
    assert_int_equal(lab_send(h->world, h->client, at_client, "new"), PROA_OK);
    lab_run(h->world, 20);
    expect_text(h->server, "new", true);
    h->server->box->class_->prove(h->server->box, at_server);
    uint64_t dropped = lab_stats(h->server).dropped_replay;
    for (size_t i = 0; i < saved_count; i++) {
        lab_inject(h->world, h->server, &thief, saved[i].bytes, saved[i].len);
        assert_null(lab_next(h->server));
    }
    assert_int_equal(lab_stats(h->server).dropped_replay, dropped + saved_count);
    assert_int_equal(lab_send(h->world, h->client, at_client, "newer"), PROA_OK);
    lab_run(h->world, 20);
    expect_text(h->server, "newer", false);
    lab_free(h->world);
}

/* An address that nobody has confirmed does not become one by a crash (RFC 9146 §6). */
static void rfc9146_6_the_address_comes_back_as_it_was(void **state)
{
    (void)state;
    for (int confirm = 0; confirm < 2; confirm++) {
        house *h = new_house(4);
        uint32_t at_server;
        uint32_t at_client = lab_pair(h->world, h->client, h->server, &at_server);
        char big[1000];
        proa_addr now;
        memset(big, 'x', sizeof big - 1);
        big[sizeof big - 1] = 0;
        for (int i = 0; i < 4; i++) {
            assert_int_equal(lab_send(h->world, h->server, at_server, ""), PROA_OK);
        }
        lab_run(h->world, 100);
        commit(h, true);
        assert_int_equal(h->disk.marks, 0);
        h->client->addr.ip[15] = 9;
        assert_int_equal(lab_send(h->world, h->client, at_client, "moved"), PROA_OK);
        lab_run(h->world, 100);
        expect_text(h->server, "moved", false);
        if (confirm != 0) {
            h->server->box->class_->confirm_address(h->server->box, at_server);
            commit(h, true);
        } else { /* another reason to write the mark */
            for (int i = 0; i < 2; i++) {
                assert_int_equal(lab_send(h->world, h->server, at_server, ""), PROA_OK);
                lab_run(h->world, 20);
                commit(h, true);
            }
            assert_int_equal(h->disk.marks, 1);
        }
        crash(h);
        at_server = revive_all(h);
        commit(h, true);
        assert_true(h->server->box->class_->address(h->server->box, at_server, &now));
        assert_true(proa_addr_equal(&now, &h->client->addr));
        assert_int_equal(lab_send(h->world, h->server, at_server, big),
                         confirm != 0 ? PROA_OK : PROA_E_DENIED);
        lab_free(h->world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_goes_on_after_a_crash),
        cmocka_unit_test(rfc6347_4_1_no_number_comes_twice_wherever_it_crashes),
        cmocka_unit_test(nothing_leaves_that_is_not_reserved),
        cmocka_unit_test(one_store_for_many_records),
        cmocka_unit_test(many_ask_at_once),
        cmocka_unit_test(a_row_opens_only_as_it_was),
        cmocka_unit_test(a_row_is_revived_once),
        cmocka_unit_test(a_changed_account_has_no_session),
        cmocka_unit_test(another_version_has_no_session),
        cmocka_unit_test(there_is_an_end_of_places),
        cmocka_unit_test(ends_are_forgotten),
        cmocka_unit_test(what_cannot_come_back_has_no_row),
        cmocka_unit_test(replays_are_doubtful_and_then_dropped),
        cmocka_unit_test(rfc9146_6_the_address_comes_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
