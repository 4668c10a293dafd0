/* SPDX-License-Identifier: Apache-2.0 */
/* LwM2M over OSCORE, the server's side: whose message it is, how it must be protected, where the
 * device is, and what a reboot of the server changes. Both ends have real contexts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ports/mbedtls/crypto.h"
#include "proa/oscore.h"
#include "tests/client/fake_secure.h"
#include "tests/server/lab.h"

/* What survives of one table. */
typedef struct shelf {
    struct {
        char name[PROA_STORE_NAME_MAX];
        uint8_t bytes[PROA_STORE_BLOB_MAX];
        size_t len;
    } rows[LAB_DEVICES];
    bool fails;
} shelf;

typedef struct table {
    proa_oscore *o;
    shelf shelf;
    test_random random;
} table;

static lab l;
static table server;
static table device[LAB_DEVICES];
static proa_protection demands[LAB_DEVICES];

static uint64_t account_of(size_t i)
{
    return 100 + i;
}

static proa_protection protection_of(void *ctx, uint64_t account)
{
    (void)ctx;
    return account < 100 || account >= 100 + LAB_DEVICES ? PROA_PROTECTION_DTLS
                                                         : demands[account - 100];
}

/* ---- keys ------------------------------------------------------------------------------- */

static int shelf_read(void *ctx, const char *name, uint8_t *buf, size_t cap)
{
    shelf *s = ctx;
    for (size_t i = 0; i < LAB_DEVICES; i++) {
        if (strcmp(s->rows[i].name, name) == 0) {
            assert_true(s->rows[i].len <= cap);
            memcpy(buf, s->rows[i].bytes, s->rows[i].len);
            return (int)s->rows[i].len;
        }
    }
    return PROA_E_NOT_FOUND;
}

static proa_err shelf_write(void *ctx, const char *name, proa_span blob)
{
    shelf *s = ctx;
    size_t i = 0;
    while (s->rows[i].name[0] != '\0' && strcmp(s->rows[i].name, name) != 0) {
        i++;
        assert_true(i < LAB_DEVICES);
    }
    if (s->fails) {
        return PROA_E_IO;
    }
    strcpy(s->rows[i].name, name);
    memcpy(s->rows[i].bytes, blob.data, blob.len);
    s->rows[i].len = blob.len;
    return PROA_OK;
}

static proa_err shelf_remove(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return PROA_OK;
}

static void *take(void *ctx, size_t len)
{
    (void)ctx;
    return calloc(1, len);
}

static void give(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)len;
    free(block);
}

static proa_oscore_params params_of(uint64_t account, bool of_server)
{
    static const char *const names[LAB_DEVICES] = {"d0", "d1", "d2", "d3"};
    static const char *const secrets[LAB_DEVICES] = {"secret of device 0", "secret of device 1",
                                                     "secret of device 2", "secret of device 3"};
    size_t i = (size_t)(account - 100);
    proa_oscore_params params = {.master_secret = proa_span_of(secrets[i]),
                                 .sender_id = proa_span_of(of_server ? "s" : names[i]),
                                 .recipient_id = proa_span_of(of_server ? names[i] : "s"),
                                 .aead = PROA_COSE_AES_CCM_16_64_128,
                                 .hmac = PROA_COSE_DIRECT_HKDF_SHA_256};
    return params;
}

static bool find_params(void *ctx, uint64_t account, proa_oscore_params *out)
{
    *out = params_of(account, ctx == &server);
    return true;
}

static void table_open(table *t, uint64_t seed)
{
    proa_oscore_config config = {.memory = {take, give, NULL},
                                 .random = test_random_start(&t->random, seed),
                                 .store = {shelf_read, shelf_write, shelf_remove, &t->shelf},
                                 .crypto = &proa_mbedtls_crypto,
                                 .contexts_first = 1,
                                 .contexts_max = 2 * LAB_DEVICES,
                                 .margin = 16,
                                 .renewal = &proa_oscore_appendix_b2,
                                 .find_params = find_params,
                                 .find_params_ctx = t};
    assert_int_equal(proa_oscore_open(&t->o, &config), PROA_OK);
}

static void add(table *t, size_t i, proa_oscore_origin origin)
{
    proa_oscore_params params = params_of(account_of(i), t == &server);
    assert_int_equal(proa_oscore_add(t->o, account_of(i), &params, origin), PROA_OK);
}

/* ---- the lab ---------------------------------------------------------------------------- */

static void tune(proa_server_config *config)
{
    config->coap.oscore = proa_oscore_for_coap(server.o);
    config->protection_of = protection_of;
}

/* Everybody has a box and OSCORE keys, too; `demands` says what counts. */
static int start(void **state)
{
    (void)state;
    memset(&server, 0, sizeof server);
    table_open(&server, 1);
    for (size_t i = 0; i < LAB_DEVICES; i++) {
        demands[i] = PROA_PROTECTION_OSCORE;
        add(&server, i, PROA_OSCORE_FRESH);
    }
    lab_open(&l, true, tune);
    for (size_t i = 0; i < LAB_DEVICES; i++) {
        memset(&device[i], 0, sizeof device[i]);
        table_open(&device[i], 2 + i);
        add(&device[i], i, PROA_OSCORE_FRESH);
        lab_seal(&l, i, proa_oscore_for_coap(device[i].o), account_of(i));
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    lab_close(&l);
    proa_oscore_free(server.o);
    for (size_t i = 0; i < LAB_DEVICES; i++) {
        proa_oscore_free(device[i].o);
    }
    return 0;
}

/* Device 0 over plain UDP, registered. */
static proa_reg registered(void)
{
    lab_unprotect(&l, 0);
    return lab_registered(&l, 0);
}

static proa_registration facts(proa_reg reg)
{
    proa_registration r;
    assert_true(proa_server_registration(l.server, reg, &r));
    return r;
}

static const proa_server_event *done(proa_op_id op)
{
    assert_int_equal(lab_done(&l, op), 1);
    return &lab_last(&l, PROA_SERVER_DONE)->event;
}

/* A new server process with the old shelf; registrations come back as from a database. */
static proa_reg reboot_server(const proa_registration *stored)
{
    proa_reg reg;
    proa_oscore *old = server.o;
    table_open(&server, 77);
    for (size_t i = 0; i < LAB_DEVICES; i++) {
        add(&server, i, PROA_OSCORE_KNOWN);
    }
    l.config.coap.oscore = proa_oscore_for_coap(server.o);
    lab_restart(&l);
    proa_oscore_free(old);
    assert_int_equal(proa_server_restore(l.server, l.now_ms, stored, &reg), PROA_OK);
    return reg;
}

/* A registration with the bytes it borrows. */
typedef struct kept {
    proa_registration r;
    char endpoint[PROA_ENDPOINT_MAX];
    char links[256];
} kept;

static kept keep(proa_reg reg)
{
    kept k = {.r = facts(reg)};
    memcpy(k.endpoint, k.r.endpoint.data, k.r.endpoint.len);
    memcpy(k.links, k.r.links.data, k.r.links.len);
    return k;
}

static proa_reg reboot_with(kept *k)
{
    k->r.endpoint.data = (const uint8_t *)k->endpoint;
    k->r.links.data = (const uint8_t *)k->links;
    return reboot_server(&k->r);
}

static const lab_answer *ask_ac(size_t i)
{
    lab_request request = {PROA_COAP_POST, "ac", "ep=dev1&c", 60, -1, "x"};
    return lab_ask(&l, i, &request);
}

/* ---- registering ------------------------------------------------------------------------ */

static void core_6_2_register_update_and_leave_over_oscore(void **state)
{
    (void)state;
    proa_reg reg = registered();
    const proa_server_event *e = &lab_last(&l, PROA_SERVER_REGISTERED)->event;
    assert_int_equal(e->account, 100);
    assert_int_equal(e->peer.account, 100);
    assert_int_equal(e->peer.session, 0);
    assert_int_equal(facts(reg).account, 100);
    assert_int_equal(facts(reg).peer.account, 100);
    assert_int_equal(facts(reg).protection, PROA_PROTECTION_OSCORE);
    assert_int_equal(lab_update(&l, 0, "lt=500", NULL)->code, PROA_COAP_CHANGED);
    assert_int_equal(facts(reg).lifetime_s, 500);
    lab_request leave = {PROA_COAP_DELETE, l.devices[0].location, NULL, -1, -1, NULL};
    assert_int_equal(lab_ask(&l, 0, &leave)->code, PROA_COAP_DELETED);
    assert_int_equal(lab_count(&l, PROA_SERVER_DEREGISTERED), 1);
    assert_int_equal(proa_oscore_read_stats(server.o).verdicts[PROA_OSCORE_ACCEPTED], 3);
}

static void core_6_2_1_the_key_says_which_endpoint(void **state)
{
    (void)state;
    lab_unprotect(&l, 0);
    assert_int_equal(lab_register(&l, 0, "ep=dev1&lwm2m=1.2")->code, PROA_COAP_BAD_REQUEST);
    assert_int_equal(lab_register(&l, 0, "lwm2m=1.2")->code, PROA_COAP_CREATED);
    assert_string_equal(lab_last(&l, PROA_SERVER_REGISTERED)->endpoint, "dev0");
}

static void c2c_5_asking_for_access_over_oscore_is_asking_securely(void **state)
{
    (void)state;
    proa_reg reg = registered();
    assert_int_equal(ask_ac(0)->code, PROA_COAP_CHANGED);
    const proa_server_event *e = &lab_last(&l, PROA_SERVER_REQUEST)->event;
    assert_int_equal(e->reg, reg);
    assert_int_equal(e->account, 100);
    assert_int_equal(e->peer.account, 100);
}

/* ---- operations ------------------------------------------------------------------------- */

static void core_6_3_operations_go_out_under_the_keys(void **state)
{
    (void)state;
    proa_reg reg = registered();
    l.devices[0].payload = "21";
    proa_op_id op = lab_op(&l, reg, PROA_OP_READ, "/3303/0/5700");
    assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
    assert_string_equal(lab_last(&l, PROA_SERVER_DONE)->payload, "21");
    assert_string_equal(l.devices[0].asked.path, "/3303/0/5700");
    assert_int_equal(proa_oscore_read_stats(device[0].o).verdicts[PROA_OSCORE_ACCEPTED],
                     2); /* 2.01, and the Read */
}

static void core_6_4_notifications_over_oscore_until_the_end(void **state)
{
    (void)state;
    proa_reg reg = registered();
    l.devices[0].observable = true;
    l.devices[0].payload = "20";
    proa_op_id op = lab_op(&l, reg, PROA_OP_OBSERVE, "/3303/0/5700");
    assert_true(done(op)->observing);
    lab_notify(&l, 0, "21");
    lab_notify(&l, 0, "22");
    assert_int_equal(lab_count(&l, PROA_SERVER_NOTIFICATION), 2);
    assert_string_equal(lab_last(&l, PROA_SERVER_NOTIFICATION)->payload, "22");
    proa_server_op_cancel(l.server, l.now_ms, op);
    lab_settle(&l);
    assert_int_equal(lab_count(&l, PROA_SERVER_OBSERVE_END), 1);
    assert_int_equal(l.devices[0].relations_ended, 1);
}

static void c2c_6_the_device_is_where_its_newest_request_came_from(void **state)
{
    (void)state;
    proa_reg reg = registered();
    l.devices[0].observable = true;
    l.devices[0].payload = "20";
    (void)lab_op(&l, reg, PROA_OP_OBSERVE, "/3303/0/5700");
    l.devices[0].addr.port = 40001;
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    assert_true(lab_last(&l, PROA_SERVER_UPDATED)->event.address_changed);
    assert_int_equal(facts(reg).peer.addr.port, 40001);
    proa_op_id op = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
    lab_notify(&l, 0, "23");
    assert_int_equal(lab_count(&l, PROA_SERVER_NOTIFICATION), 1);
}

/* Any request under its keys moves a device, /ac as well as an Update. */
static void c2c_6_any_request_says_where_the_device_is(void **state)
{
    (void)state;
    proa_reg reg = registered();
    l.devices[0].addr.port = 40001;
    assert_int_equal(ask_ac(0)->code, PROA_COAP_CHANGED);
    assert_int_equal(facts(reg).peer.addr.port, 40001);
}

static void transport_6_5_a_sleeper_is_asked_when_it_is_heard(void **state)
{
    (void)state;
    lab_unprotect(&l, 0);
    assert_int_equal(lab_register(&l, 0, "ep=dev0&lt=9000&lwm2m=1.2&b=U&Q")->code,
                     PROA_COAP_CREATED);
    proa_reg reg = lab_last(&l, PROA_SERVER_REGISTERED)->event.reg;
    lab_run(&l, 100000);
    proa_op_id op = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(lab_done(&l, op), 0);
    assert_int_equal(l.devices[0].asked.count, 0);
    assert_int_equal(ask_ac(0)->code, PROA_COAP_CHANGED);
    assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
}

/* ---- a server that was restarted -------------------------------------------------------- */

static void b_1_2_a_restarted_server_asks_for_an_echo_once(void **state)
{
    (void)state;
    kept k = keep(registered());
    proa_reg reg = reboot_with(&k);
    l.devices[0].addr.port = 40001;
    lab_forget(&l);
    assert_int_equal(lab_update(&l, 0, "lt=400", NULL)->code, PROA_COAP_CHANGED);
    assert_int_equal(lab_count(&l, PROA_SERVER_UPDATED), 1);
    assert_int_equal(facts(reg).lifetime_s, 400);
    assert_int_equal(facts(reg).peer.addr.port, 40001);
    assert_int_equal(proa_oscore_read_stats(server.o).challenges, 1);
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    assert_int_equal(proa_oscore_read_stats(server.o).challenges, 1);
}

static void a_restored_device_is_reached_at_once(void **state)
{
    (void)state;
    kept k = keep(registered());
    proa_reg reg = reboot_with(&k);
    assert_int_equal(facts(reg).protection, PROA_PROTECTION_OSCORE);
    l.devices[0].payload = "21";
    proa_op_id op = lab_op(&l, reg, PROA_OP_READ, "/3303/0/5700");
    assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
}

static void b_1_1_without_a_number_in_the_store_nothing_is_asked(void **state)
{
    (void)state;
    kept k = keep(registered());
    proa_reg reg = reboot_with(&k);
    server.shelf.fails = true;
    proa_op_id op = lab_op(&l, reg, PROA_OP_READ, "/3303/0/5700");
    lab_run(&l, 1000);
    assert_int_equal(done(op)->result, PROA_OP_FAILED);
    assert_int_equal(l.devices[0].asked.count, 0);
}

/* Nothing is left of what the server knew: other keys are made before anything is done. */
static void b_2_a_server_that_lost_its_store_makes_fresh_keys(void **state)
{
    (void)state;
    (void)registered();
    proa_registration none = {.endpoint = proa_span_of("other"), .id = "000000000000"};
    memcpy(none.lwm2m_version, "1.2", 4);
    none.links = proa_span_of(LAB_LINKS);
    memset(&server.shelf, 0, sizeof server.shelf);
    (void)reboot_server(&none);
    assert_int_equal(lab_register(&l, 0, "ep=dev0&lt=300&lwm2m=1.2")->code, PROA_COAP_CREATED);
    proa_reg reg = lab_last(&l, PROA_SERVER_REGISTERED)->event.reg;
    proa_op_id op = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
    assert_int_equal(proa_oscore_read_stats(server.o).renewals, 1);
}

/* ---- protected in another way ----------------------------------------------------------- */

/* What each account demands, and by what it is tried. */
static void each_account_is_known_by_its_protection_only(void **state)
{
    (void)state;
    static const struct {
        proa_protection demanded;
        bool in_session, sealed;
        uint8_t code;
    } cases[] = {
        {PROA_PROTECTION_DTLS, true, false, PROA_COAP_CREATED},
        {PROA_PROTECTION_DTLS, true, true, PROA_COAP_UNAUTHORIZED},
        {PROA_PROTECTION_DTLS, false, true, PROA_COAP_UNAUTHORIZED},
        {PROA_PROTECTION_DTLS, false, false, PROA_COAP_FORBIDDEN},
        {PROA_PROTECTION_OSCORE, true, false, PROA_COAP_UNAUTHORIZED},
        {PROA_PROTECTION_OSCORE, true, true, PROA_COAP_UNAUTHORIZED},
        {PROA_PROTECTION_OSCORE, false, true, PROA_COAP_CREATED},
        {PROA_PROTECTION_OSCORE, false, false, PROA_COAP_FORBIDDEN},
        {PROA_PROTECTION_OSCORE_IN_DTLS, true, false, PROA_COAP_UNAUTHORIZED},
        {PROA_PROTECTION_OSCORE_IN_DTLS, true, true, PROA_COAP_CREATED},
        {PROA_PROTECTION_OSCORE_IN_DTLS, false, true, PROA_COAP_UNAUTHORIZED},
        {PROA_PROTECTION_OSCORE_IN_DTLS, false, false, PROA_COAP_FORBIDDEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(end(NULL), 0);
        assert_int_equal(start(NULL), 0);
        demands[0] = cases[i].demanded;
        l.devices[0].account = cases[i].sealed ? 100 : 0;
        if (cases[i].in_session) {
            lab_connect(&l, 0);
        } else {
            lab_unprotect(&l, 0);
        }
        uint8_t code = lab_register(&l, 0, "ep=dev0&lwm2m=1.2")->code;
        if (code != cases[i].code) {
            fail_msg("case %zu: code %u", i, code);
        }
        bool good = code == PROA_COAP_CREATED;
        assert_int_equal(lab_count(&l, PROA_SERVER_REGISTERED), good);
        assert_int_equal(lab_count(&l, PROA_SERVER_REFUSED), !good);
        assert_int_equal(ask_ac(0)->code, good ? PROA_COAP_CHANGED : code);
        assert_int_equal(lab_count(&l, PROA_SERVER_REQUEST), good);
        assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, good ? PROA_COAP_CHANGED
                                                              : code == PROA_COAP_FORBIDDEN
                                                                  ? PROA_COAP_FORBIDDEN
                                                                  : PROA_COAP_UNAUTHORIZED);
    }
}

/* Its key alone, or its name alone, moves nothing of a device that demands OSCORE. */
static void a_bare_session_of_the_same_account_changes_nothing(void **state)
{
    (void)state;
    demands[0] = PROA_PROTECTION_OSCORE_IN_DTLS;
    proa_reg reg = lab_registered(&l, 0);
    proa_registration before = facts(reg);
    assert_int_not_equal(before.peer.session, 0);
    l.devices[0].account = 0;
    l.devices[0].addr.port = 666;
    lab_connect(&l, 0);
    assert_int_equal(lab_update(&l, 0, "lt=1", NULL)->code, PROA_COAP_UNAUTHORIZED);
    proa_registration after = facts(reg);
    assert_int_equal(after.peer.session, before.peer.session);
    assert_true(proa_addr_equal(&after.peer.addr, &before.peer.addr));
    assert_int_equal(after.lifetime_s, 300);
}

static void rfc8613_8_2_unknown_keys_are_refused_at_once(void **state)
{
    (void)state;
    lab_unprotect(&l, 0);
    proa_oscore_remove(server.o, 100);
    const lab_answer *answer = lab_register(&l, 0, "ep=dev0&lwm2m=1.2");
    assert_int_equal(answer->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(answer->max_age_s, 0);
    assert_string_equal(answer->payload, "Security context not found");
    assert_int_equal(l.event_count, 0);
}

/* With NoSec allowed, too, a name that has keys is not registered without them. */
static void allow_nosec_does_not_unlock_an_account(void **state)
{
    (void)state;
    (void)registered();
    proa_server_close(l.server);
    l.config.allow_nosec = true;
    assert_int_equal(proa_server_open(&l.server, &l.config), PROA_OK);
    assert_int_equal(lab_register(&l, 0, "ep=dev0&lwm2m=1.2")->code, PROA_COAP_CREATED);
    l.devices[0].account = 0;
    assert_int_equal(lab_register(&l, 0, "ep=dev0&lwm2m=1.2")->code, PROA_COAP_FORBIDDEN);
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_NOT_FOUND);
}

/* ---- OSCORE in DTLS --------------------------------------------------------------------- */

static void oscore_in_dtls_wants_one_account_of_both(void **state)
{
    (void)state;
    demands[0] = demands[1] = PROA_PROTECTION_OSCORE_IN_DTLS;
    proa_reg reg = lab_registered(&l, 1);
    lab_connect(&l, 0);
    assert_int_equal(lab_register(&l, 0, "ep=dev0&lwm2m=1.2")->code, PROA_COAP_CREATED);
    /* Device 1 has got hold of what device 0 seals, and sends it over its own session. */
    lab_seal(&l, 1, proa_oscore_for_coap(device[0].o), account_of(0));
    assert_int_equal(lab_register(&l, 1, "ep=dev0&lwm2m=1.2")->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(lab_count(&l, PROA_SERVER_REGISTERED), 2);
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    assert_int_equal(facts(reg).account, 101);
}

static void oscore_in_dtls_operations_use_the_session(void **state)
{
    (void)state;
    demands[0] = PROA_PROTECTION_OSCORE_IN_DTLS;
    proa_reg reg = lab_registered(&l, 0);
    assert_int_equal(facts(reg).protection, PROA_PROTECTION_OSCORE_IN_DTLS);
    assert_int_not_equal(facts(reg).peer.session, 0);
    assert_int_equal(facts(reg).peer.account, 100);
    proa_op_id op = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
    /* Without a session it waits for one, and for a sealed request over it. */
    fake_secure_reboot(l.box);
    kept k = keep(reg);
    reg = reboot_with(&k);
    lab_forget(&l);
    op = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    lab_connect(&l, 0);
    assert_int_equal(lab_done(&l, op), 0);
    l.devices[0].account = 0;
    assert_int_equal(ask_ac(0)->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(lab_done(&l, op), 0);
    assert_int_equal(facts(reg).peer.session, 0);
    l.devices[0].account = 100;
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
}

static void oscore_in_dtls_hears_what_is_sealed_only(void **state)
{
    (void)state;
    demands[0] = PROA_PROTECTION_OSCORE_IN_DTLS;
    lab_connect(&l, 0);
    assert_int_equal(lab_register(&l, 0, "ep=dev0&lt=9000&lwm2m=1.2&b=U&Q")->code,
                     PROA_COAP_CREATED);
    proa_reg reg = lab_last(&l, PROA_SERVER_REGISTERED)->event.reg;
    lab_run(&l, 100000);
    proa_op_id op = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    l.devices[0].account = 0;
    assert_int_equal(ask_ac(0)->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(lab_done(&l, op), 0);
    l.devices[0].account = 100;
    assert_int_equal(ask_ac(0)->code, PROA_COAP_CHANGED);
    assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
}

static void oscore_in_dtls_follows_to_a_new_session(void **state)
{
    (void)state;
    demands[0] = PROA_PROTECTION_OSCORE_IN_DTLS;
    proa_reg reg = lab_registered(&l, 0);
    uint32_t session = facts(reg).peer.session;
    l.devices[0].observable = true;
    l.devices[0].payload = "20";
    (void)lab_op(&l, reg, PROA_OP_OBSERVE, "/3303/0/5700");
    lab_connect(&l, 0);
    assert_int_equal(facts(reg).peer.session, session);
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    assert_int_not_equal(facts(reg).peer.session, session);
    assert_int_equal(fake_secure_live(l.box), 1); /* the old one was closed */
    proa_op_id op = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
    lab_notify(&l, 0, "21");
    assert_int_equal(lab_count(&l, PROA_SERVER_NOTIFICATION), 1);
}

typedef struct caught {
    uint8_t bytes[256];
    size_t len;
} caught;

/* An Update of device 0, caught before it leaves. */
static caught catch_update(void)
{
    caught c;
    proa_coap_id id;
    proa_coap_peer to = {l.addr, l.devices[0].session, account_of(0)};
    proa_span bytes;
    proa_coap_option path[2] = {{PROA_COAP_OPT_URI_PATH, proa_span_of("rd")},
                                {PROA_COAP_OPT_URI_PATH, proa_span_of(l.devices[0].location + 4)}};
    proa_coap_request update = {
        .code = PROA_COAP_POST, .non = true, .options = path, .option_count = 2};
    assert_int_equal(proa_coap_send(l.devices[0].coap, l.now_ms, &to, &update, &id), PROA_OK);
    assert_true(proa_coap_output(l.devices[0].coap, l.now_ms, &to, &bytes));
    assert_true(bytes.len <= sizeof c.bytes);
    memcpy(c.bytes, bytes.data, bytes.len);
    c.len = bytes.len;
    return c;
}

/* Over the way of device i. */
static void release(size_t i, const caught *c)
{
    const lab_device *d = &l.devices[i];
    proa_span bytes = proa_span_make(c->bytes, c->len);
    if (d->box == NULL) {
        proa_server_input(l.server, l.now_ms, &d->addr, bytes, false);
    } else {
        assert_int_equal(d->box->class_->send(d->box, l.now_ms, d->session, bytes), PROA_OK);
    }
    lab_settle(&l);
}

/* The newest request of device 0 comes over the session of device 1, an older one by its own way.
 * That neither binds device 0 to a session that is somebody else's, nor spoils the older one. */
static void a_caught_request_over_another_session_binds_nothing(void **state)
{
    (void)state;
    for (int in_session = 0; in_session < 2; in_session++) {
        assert_int_equal(end(NULL), 0);
        assert_int_equal(start(NULL), 0);
        demands[0] = in_session ? PROA_PROTECTION_OSCORE_IN_DTLS : PROA_PROTECTION_OSCORE;
        demands[1] = PROA_PROTECTION_DTLS;
        l.devices[1].account = 0;
        proa_reg other = lab_registered(&l, 1);
        proa_reg reg = in_session ? lab_registered(&l, 0) : registered();
        uint32_t session = facts(reg).peer.session;
        caught older = catch_update();
        caught newer = catch_update();
        lab_forget(&l);
        release(1, &newer);
        assert_int_equal(lab_count(&l, PROA_SERVER_UPDATED), 0);
        release(0, &older); /* late, but as it should be */
        assert_int_equal(lab_count(&l, PROA_SERVER_UPDATED), 1);
        assert_int_equal(facts(reg).peer.session, session);
        proa_op_id op = lab_op(&l, other, PROA_OP_READ, "/3/0");
        assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
        op = lab_op(&l, reg, PROA_OP_READ, "/3/0");
        assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
        assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    }
}

/* Who has got hold of what a device seals, and no more: what the device is being asked in its session
 * goes on there. */
static void a_caught_request_leads_no_operation_away(void **state)
{
    (void)state;
    for (size_t thief = 1; thief < 3; thief++) { /* in its own session; in none */
        assert_int_equal(end(NULL), 0);
        assert_int_equal(start(NULL), 0);
        demands[0] = PROA_PROTECTION_OSCORE_IN_DTLS;
        demands[1] = PROA_PROTECTION_DTLS;
        l.devices[1].account = 0;
        (void)lab_registered(&l, 1);
        lab_unprotect(&l, 2);
        proa_reg reg = lab_registered(&l, 0);
        caught update = catch_update();
        l.devices[0].cut = true;
        proa_op_id op = lab_op(&l, reg, PROA_OP_READ, "/3/0");
        release(thief, &update);
        l.devices[0].cut = false;
        lab_run(&l, 10000);
        assert_int_equal(done(op)->code, PROA_COAP_CONTENT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(core_6_2_register_update_and_leave_over_oscore),
        TEST(core_6_2_1_the_key_says_which_endpoint),
        TEST(c2c_5_asking_for_access_over_oscore_is_asking_securely),
        TEST(core_6_3_operations_go_out_under_the_keys),
        TEST(core_6_4_notifications_over_oscore_until_the_end),
        TEST(c2c_6_the_device_is_where_its_newest_request_came_from),
        TEST(c2c_6_any_request_says_where_the_device_is),
        TEST(transport_6_5_a_sleeper_is_asked_when_it_is_heard),
        TEST(b_1_2_a_restarted_server_asks_for_an_echo_once),
        TEST(a_restored_device_is_reached_at_once),
        TEST(b_1_1_without_a_number_in_the_store_nothing_is_asked),
        TEST(b_2_a_server_that_lost_its_store_makes_fresh_keys),
        TEST(each_account_is_known_by_its_protection_only),
        TEST(a_bare_session_of_the_same_account_changes_nothing),
        TEST(rfc8613_8_2_unknown_keys_are_refused_at_once),
        TEST(allow_nosec_does_not_unlock_an_account),
        TEST(oscore_in_dtls_wants_one_account_of_both),
        TEST(oscore_in_dtls_operations_use_the_session),
        TEST(oscore_in_dtls_hears_what_is_sealed_only),
        TEST(oscore_in_dtls_follows_to_a_new_session),
        TEST(a_caught_request_leads_no_operation_away),
        TEST(a_caught_request_over_another_session_binds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
