/* SPDX-License-Identifier: Apache-2.0 */
/* What peers may do, and what those who may not are told (docs/C2C.md §3, §4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/fake_client.h"
#include "tests/support/guard.h"

#define KEY "0123456789abcdef"
#define NUMBER(n) proa_value_integer(n)
#define ALL PROA_ID_ALL

static const fake_account alice = {"alice", 2, 0, "identity-of-alice", KEY, NULL};
static const fake_account one = {"one", 1, 0, "identity-of-one", KEY, NULL};

static bool allowed(fake *f, proa_account account, proa_operation op, proa_path path)
{
    return f->client.ext->access(f->client.ext->ctx, account, op, &path) == PROA_ACCESS_ALLOWED;
}

/* ---- rights ----------------------------------------------------------------------------- */

static void g12_rights_by_path_and_operation(void **state)
{
    static const struct {
        const char *name;
        uint16_t object, instance; /* of the entry */
        uint8_t rights;
        proa_operation op;
        proa_path path;
        bool yes;
    } rows[] = {
        {"read resource", 3311, 0, 1, PROA_OP_READ, {{3311, 0, 5706}, 3}, true},
        {"read resource instance", 3311, 0, 1, PROA_OP_READ, {{3311, 0, 5706, 1}, 4}, true},
        {"read instance", 3311, 0, 1, PROA_OP_READ, {{3311, 0}, 2}, true},
        {"observe", 3311, 0, 1, PROA_OP_OBSERVE, {{3311, 0, 5706}, 3}, true},
        {"cancel", 3311, 0, 1, PROA_OP_CANCEL_OBSERVE, {{3311, 0, 5706}, 3}, true},
        {"discover", 3311, 0, 1, PROA_OP_DISCOVER, {{3311, 0}, 2}, true},
        {"write-attributes", 3311, 0, 1, PROA_OP_WRITE_ATTRIBUTES, {{3311, 0, 5706}, 3}, true},
        {"g12 object by right on instance 0", 3311, 0, 31, PROA_OP_READ, {{3311}, 1}, false},
        {"other instance", 3311, 0, 31, PROA_OP_READ, {{3311, 1}, 2}, false},
        {"other object", 3311, 0, 31, PROA_OP_READ, {{3312, 0}, 2}, false},
        {"object by right on all", 3311, ALL, 1, PROA_OP_READ, {{3311}, 1}, true},
        {"g12 instance by right on all", 3311, ALL, 1, PROA_OP_READ, {{3311, 7}, 2}, true},
        {"last instance", 3311, 65534, 1, PROA_OP_READ, {{3311, 65534}, 2}, true},
        {"write with R", 3311, 0, 1, PROA_OP_WRITE_REPLACE, {{3311, 0, 5706}, 3}, false},
        {"write with all but W", 3311, 0, 29, PROA_OP_WRITE_REPLACE, {{3311, 0, 1}, 3}, false},
        {"write with W", 3311, 0, 2, PROA_OP_WRITE_REPLACE, {{3311, 0, 5706}, 3}, true},
        {"update with W", 3311, 0, 2, PROA_OP_WRITE_UPDATE, {{3311, 0}, 2}, true},
        {"read with W", 3311, 0, 2, PROA_OP_READ, {{3311, 0, 5706}, 3}, false},
        {"execute with W", 3311, 0, 2, PROA_OP_EXECUTE, {{3311, 0, 1}, 3}, false},
        {"execute with E", 3311, 0, 4, PROA_OP_EXECUTE, {{3311, 0, 1}, 3}, true},
        {"delete with E", 3311, 0, 4, PROA_OP_DELETE, {{3311, 0}, 2}, false},
        {"delete with D", 3311, 0, 8, PROA_OP_DELETE, {{3311, 0}, 2}, true},
        {"create with C on an instance", 3311, 0, 16, PROA_OP_CREATE, {{3311}, 1}, false},
        {"create with C on all", 3311, ALL, 16, PROA_OP_CREATE, {{3311}, 1}, true},
        {"create with all but C", 3311, ALL, 15, PROA_OP_CREATE, {{3311}, 1}, false},
        {"root", 3311, ALL, 31, PROA_OP_READ, {{0}, 0}, false},
        {"no rights", 3311, 0, 0, PROA_OP_READ, {{3311, 0}, 2}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        print_message("%s\n", rows[i].name);
        fake_open(&f, NULL, "own", false);
        uint16_t key = fake_install(&f, &alice);
        (void)fake_allow(&f, rows[i].object, rows[i].instance, 2, rows[i].rights);
        assert_int_equal(allowed(&f, fake_account_of(&f, key), rows[i].op, rows[i].path),
                         rows[i].yes);
        fake_close(&f);
    }
}

/* Short Client ID 1 is not Short Server ID 1, which owns every entry here. */
static void g03_the_owner_of_an_entry_is_a_server(void **state)
{
    fake f;
    proa_path path = proa_path_make(2, 3311, 0, 0);
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t key = fake_install(&f, &one);
    (void)fake_allow(&f, 3311, 0, 2, PROA_RIGHTS_ALL);
    for (int op = PROA_OP_READ; op <= PROA_OP_DELETE; op++) {
        assert_false(allowed(&f, fake_account_of(&f, key), (proa_operation)op, path));
    }
    fake_close(&f);
}

static void g03_default_entry_and_own_entry(void **state)
{
    fake f;
    proa_path path = proa_path_make(2, 3311, 0, 0);
    const fake_value list[] = {{2, 0, NUMBER(1)}, {2, 2, NUMBER(2)}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t a = fake_install(&f, &alice);
    uint16_t o = fake_install(&f, &one);
    uint16_t access = fake_allow(&f, 3311, 0, 2, 0);
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, access, list, 2), PROA_OK);
    assert_true(allowed(&f, fake_account_of(&f, o), PROA_OP_READ, path));  /* default */
    assert_false(allowed(&f, fake_account_of(&f, a), PROA_OP_READ, path)); /* own, not default */
    assert_true(allowed(&f, fake_account_of(&f, a), PROA_OP_WRITE_REPLACE, path));
    fake_close(&f);
}

/* Whatever stands in the tables: these are closed. */
static void g05_closed_objects(void **state)
{
    static const uint16_t closed[] = {0, 1, 2, 21, 11000, 11001, 11002};
    fake f;
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t key = fake_install(&f, &alice);
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        uint16_t access = fake_allow(&f, (uint16_t)(4000 + i), ALL, 2, PROA_RIGHTS_ALL);
        proa__access_at(f.c2c, access)->object = closed[i]; /* no message can do that */
        for (int op = PROA_OP_READ; op <= PROA_OP_DELETE; op++) {
            assert_false(allowed(&f, fake_account_of(&f, key), (proa_operation)op,
                                 proa_path_make(2, closed[i], 0, 0)));
            assert_false(allowed(&f, fake_account_of(&f, key), (proa_operation)op,
                                 proa_path_make(1, closed[i], 0, 0)));
        }
    }
    fake_close(&f);
}

/* A change of rights makes the client look at running observations, at once. */
static void g10_g13_observations_are_looked_at_again(void **state)
{
    fake f;
    const fake_value less[] = {{2, 2, NUMBER(0)}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t key = fake_install(&f, &alice);
    fake_connected(&f, fake_incoming(&f, key), true);
    uint16_t access = fake_allow(&f, 3311, 0, 2, PROA_RIGHT_READ);
    unsigned before = f.client.rechecks;
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, access, less, 1), PROA_OK);
    fake_pass(&f, 0);
    assert_int_equal(f.client.rechecks, before + 1);
    assert_int_equal(fake_delete(&f, 11002, &fake_server_1, access), PROA_OK);
    fake_pass(&f, 0);
    assert_int_equal(f.client.rechecks, before + 2);
    fake_pass(&f, 0);
    assert_int_equal(f.client.rechecks, before + 2);
    fake_close(&f);
}

/* ---- refusals --------------------------------------------------------------------------- */

/* As the client asks; the datagram is given in hex. */
static bool refuse(fake *f, const char *datagram, const char *from, proa_account account,
                   uint32_t session, bool multicast, proa_coap_response *out, uint8_t *scratch,
                   size_t cap)
{
    static uint8_t bytes[256];
    proa_coap_event event;
    memset(&event, 0, sizeof(event));
    size_t len = hex(datagram, bytes, sizeof(bytes));
    event.kind = PROA_COAP_EVENT_REQUEST;
    event.multicast = multicast;
    event.peer.session = session;
    assert_int_equal(proa_addr_parse_ip(proa_span_of(from), &event.peer.addr), PROA_OK);
    assert_int_equal(proa_coap_parse(&event.msg, proa_span_make(bytes, len)), PROA_OK);
    proa_refusal refusal = {&event, account, PROA_OP_READ, {{3311, 0, 5706}, 3}};
    return f->client.ext->refuse(f->client.ext->ctx, f->now_ms, &refusal, out, scratch, cap);
}

/* CON GET /3311/0/5706 with a token of 4 bytes: 19 bytes; three times that is 57. */
#define PLAIN_GET "44 01 2001 01205e5f b433333131 0130 0435373036"

static void g11_hint_to_a_stranger(void **state)
{
    /* The server's URI as stored, who asks, and the URI that is named (NULL: none). */
    static const struct {
        const char *stored, *from, *named;
    } rows[] = {
        {"coaps://[2001:db8::1]:5684", "2001:db8::9", "coaps://[2001:db8::1]:5684"},
        {"coaps://[2001:db8::1]", "2001:db8::9", "coaps://[2001:db8::1]:5684"},
        {"coap://[fd00::1]", "fd00::9", "coap://[fd00::1]:5683"},
        {"coaps://192.0.2.1", "192.0.2.9", "coaps://192.0.2.1:5684"},
        {"coaps://[fe80::1]:5684", "2001:db8::9", NULL},
        {"coaps://[fe80::1%3]:5684", "fe80::9", "coaps://[fe80::1]:5684"},
        {"coaps://[::1]:5684", "2001:db8::9", NULL},
        {"coaps://127.0.0.1:5684", "192.0.2.9", NULL},
        {"coaps://[::1]:5684", "::1", "coaps://[::1]:5684"},
        {"coaps://server.example:5684", "2001:db8::9", "coaps://server.example:5684"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        uint8_t scratch[128];
        proa_coap_response out;
        proa_span uri = {NULL, 0};
        print_message("%s asked from %s\n", rows[i].stored, rows[i].from);
        fake_open(&f, NULL, "own", false);
        f.client.servers[0].uri = rows[i].stored;
        assert_true(
            refuse(&f, PLAIN_GET, rows[i].from, 0, 0, false, &out, scratch, sizeof(scratch)));
        assert_int_equal(out.code, PROA_COAP_UNAUTHORIZED);
        if (rows[i].named == NULL) {
            assert_int_equal(out.payload.len, 0);
            assert_int_equal(out.option_count, 0);
        } else {
            assert_int_equal(proa_hint_parse(out.payload, &uri), PROA_OK);
            assert_true(proa_span_equal(uri, proa_span_of(rows[i].named)));
            assert_int_equal(out.option_count, 1);
            assert_int_equal(out.options[0].number, PROA_COAP_OPT_CONTENT_FORMAT);
            assert_int_equal(out.options[0].value.data[0], PROA_FORMAT_CBOR);
        }
        fake_close(&f);
    }
}

/* Never more than three times what came, whatever the request looks like. */
static void g11_no_amplification(void **state)
{
    static const struct {
        const char *name, *datagram;
        bool hint;
    } rows[] = {
        {"19 bytes", PLAIN_GET, true},
        {"with a payload", "42 02 2001 0120 b433333131 ff 313233343536", true},
        {"4 bytes", "40 01 2001", false},
        {"no token, a short path", "40 01 2001 b133", false},
        {"13 bytes for 39", "40 01 2001 b833333131 33313131", true},
        {"12 bytes for 39", "40 01 2001 b733333131 333131", false},
        {"last block of a body that is assembled",
         "40 03 2001 b133 d103 0e ff 3131313131313131313131313131313131313131", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        uint8_t scratch[128];
        uint8_t bytes[64];
        proa_coap_response out;
        print_message("%s\n", rows[i].name);
        fake_open(&f, NULL, "own", false);
        f.client.servers[0].uri = "coaps://[2001:db8::1]:5684"; /* a payload of 30 bytes */
        assert_true(refuse(&f, rows[i].datagram, "2001:db8::9", 0, 0, false, &out, scratch,
                           sizeof(scratch)));
        assert_int_equal(out.code, PROA_COAP_UNAUTHORIZED);
        assert_int_equal(out.payload.len > 0, rows[i].hint);
        size_t token_len = (hex(rows[i].datagram, bytes, sizeof(bytes)), bytes[0] & 0x0f);
        size_t reply = 4 + token_len + (out.payload.len == 0 ? 0 : 3 + out.payload.len);
        assert_true(reply <= 3 * hex(rows[i].datagram, bytes, sizeof(bytes)));
        fake_close(&f);
    }
}

static void g11_who_gets_silence(void **state)
{
    fake f;
    uint8_t scratch[128];
    proa_coap_response out;
    (void)state;
    fake_open(&f, NULL, "own", false);
    assert_false(refuse(&f, PLAIN_GET, "2001:db8::9", 0, 0, true, &out, scratch, 128));
    assert_false(refuse(&f, PLAIN_GET, "2001:db8::9", 0, 7, false, &out, scratch, 128));
    for (int i = 0; i < 20; i++) {
        assert_true(refuse(&f, PLAIN_GET, "2001:db8::9", 0, 0, false, &out, scratch, 128));
    }
    assert_false(refuse(&f, PLAIN_GET, "2001:db8::a", 0, 0, false, &out, scratch, 128));
    assert_int_equal(proa_c2c_stats_get(f.c2c).hints_sent, 20);
    assert_int_equal(proa_c2c_stats_get(f.c2c).hints_suppressed, 3);
    fake_pass(&f, 3000);
    assert_true(refuse(&f, PLAIN_GET, "2001:db8::a", 0, 0, false, &out, scratch, 128));
    fake_close(&f);
}

/* A peer whose key we know gets the same words, over its session, and costs no stranger a place. */
static void c2c_4_refusal_of_a_known_peer(void **state)
{
    fake f;
    uint8_t scratch[128];
    proa_coap_response out;
    proa_span uri;
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t key = fake_install(&f, &alice);
    for (int i = 0; i < 100; i++) {
        assert_true(refuse(&f, PLAIN_GET, "2001:db8::9", fake_account_of(&f, key), 7, false, &out,
                           scratch, sizeof(scratch)));
    }
    assert_int_equal(out.code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(proa_hint_parse(out.payload, &uri), PROA_OK);
    assert_true(refuse(&f, PLAIN_GET, "2001:db8::9", 0, 0, false, &out, scratch, 128));
    fake_close(&f);
}

static void g11_scratch_too_small(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 30; cap++) {
        fake f;
        uint8_t scratch[128];
        proa_coap_response out;
        fake_open(&f, NULL, "own", false);
        assert_true(refuse(&f, PLAIN_GET, "2001:db8::9", 0, 0, false, &out, scratch, cap));
        assert_int_equal(out.payload.len, 0);
        assert_int_equal(out.option_count, 0);
        fake_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g12_rights_by_path_and_operation),
        cmocka_unit_test(g03_the_owner_of_an_entry_is_a_server),
        cmocka_unit_test(g03_default_entry_and_own_entry),
        cmocka_unit_test(g05_closed_objects),
        cmocka_unit_test(g10_g13_observations_are_looked_at_again),
        cmocka_unit_test(g11_hint_to_a_stranger),
        cmocka_unit_test(g11_no_amplification),
        cmocka_unit_test(g11_who_gets_silence),
        cmocka_unit_test(c2c_4_refusal_of_a_known_peer),
        cmocka_unit_test(g11_scratch_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
