/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and who is at their other end: new sessions of the same key, dead ones, dead handles that
 * name somebody else, addresses that change, devices that sleep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/client/fake_secure.h"
#include "tests/server/lab.h"

static lab l;

static int close_lab(void **state)
{
    (void)state;
    lab_close(&l);
    return 0;
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

static proa_op_id observe(proa_reg reg, const char *path)
{
    l.devices[0].observable = true;
    l.devices[0].payload = "20";
    proa_op_id op = lab_op(&l, reg, PROA_OP_OBSERVE, path);
    assert_true(done(op)->observing);
    return op;
}

/* The device's side moves its relations to its new session, as a client engine does. */
static void reconnect(size_t i)
{
    lab_device *d = &l.devices[i];
    proa_coap_peer old = {l.addr, d->session, 0};
    lab_connect(&l, i);
    proa_coap_peer now = {l.addr, d->session, 0};
    proa_coap_peer_moved(d->coap, l.now_ms, &old, &now);
}

/* ---- a new session ---------------------------------------------------------------------- */

static void new_session_takes_what_is_under_way_along(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    proa_op_id observation = observe(reg, "/3303/0/5700");
    uint32_t before = facts(reg).peer.session;
    l.devices[0].deaf = true;
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/0"); /* its answer is lost */
    l.devices[0].deaf = false;
    reconnect(0);
    /* Nothing was registered or updated, and yet: CONNECTED proves the key. */
    assert_int_not_equal(facts(reg).peer.session, before);
    assert_int_equal(done(id)->result, PROA_OP_ANSWERED);
    assert_int_equal(l.devices[0].asked.count, 3);
    lab_notify(&l, 0, "21");
    assert_int_equal(lab_last(&l, PROA_SERVER_NOTIFICATION)->event.op, observation);
    assert_int_equal(fake_secure_live(l.box), 1); /* the old session was closed */
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    assert_int_equal(lab_count(&l, PROA_SERVER_OBSERVE_END), 0);
}

static void new_session_does_not_repeat_an_execute(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    l.devices[0].deaf = true;
    proa_op_id id = lab_op(&l, reg, PROA_OP_EXECUTE, "/3/0/4");
    l.devices[0].deaf = false;
    reconnect(0);
    assert_int_equal(done(id)->result, PROA_OP_TIMEOUT);
    assert_int_equal(l.devices[0].asked.count, 1);
}

static void session_of_another_account_moves_nothing(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    uint32_t before = facts(reg).peer.session;
    lab_connect(&l, 1);
    assert_int_equal(facts(reg).peer.session, before);
    lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(l.devices[0].asked.count, 1);
    assert_int_equal(l.devices[1].asked.count, 0);
}

/* ---- no session ------------------------------------------------------------------------- */

static void closed_session_makes_operations_wait(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    proa_op_id observation = observe(reg, "/3303/0/5700");
    lab_device *d = &l.devices[0];
    d->box->class_->close(d->box, l.now_ms, d->session, true);
    lab_settle(&l);
    assert_int_equal(facts(reg).peer.session, 0);
    assert_int_equal(lab_count(&l, PROA_SERVER_OBSERVE_END), 0);
    proa_attributes attributes = {.set = PROA_ATTR_PMIN, .pmin_s = 5};
    proa_server_op write = {.reg = reg,
                            .op = PROA_OP_WRITE_REPLACE,
                            .path = lab_path("/1/0/1"),
                            .format = PROA_FORMAT_TEXT,
                            .payload = proa_span_of("77")};
    proa_server_op note = {.reg = reg,
                           .op = PROA_OP_WRITE_ATTRIBUTES,
                           .path = lab_path("/3303"),
                           .format = PROA_FORMAT_NONE,
                           .attributes = &attributes};
    unsigned asked = d->asked.count;
    proa_op_id first = lab_start(&l, &write);
    proa_op_id second = lab_start(&l, &note);
    attributes.pmin_s = 6; /* it was copied */
    lab_run(&l, 30000);
    assert_int_equal(lab_done(&l, first), 0);
    assert_int_equal(d->asked.count, asked);
    reconnect(0);
    assert_int_equal(lab_done(&l, first), 1);
    assert_int_equal(lab_done(&l, second), 1);
    assert_int_equal(d->asked.count, asked + 2);
    assert_string_equal(d->asked.query, "&pmin=5"); /* the second came second */
    lab_notify(&l, 0, "22");
    assert_int_equal(lab_last(&l, PROA_SERVER_NOTIFICATION)->event.op, observation);
}

static void waiting_operation_times_out(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    lab_device *d = &l.devices[0];
    d->box->class_->close(d->box, l.now_ms, d->session, true);
    lab_settle(&l);
    proa_server_op op = {
        .reg = reg, .op = PROA_OP_READ, .path = lab_path("/3/0"), .timeout_ms = 5000};
    proa_op_id id = lab_start(&l, &op);
    lab_run(&l, 4000);
    op.timeout_ms = 0;
    proa_op_id later = lab_start(&l, &op);
    lab_run(&l, 1000);
    assert_int_equal(done(id)->result, PROA_OP_TIMEOUT);
    /* The time it waited counts. */
    lab_run(&l, 54000);
    d->silent = true;
    reconnect(0);
    assert_int_equal(lab_done(&l, later), 0);
    lab_run(&l, 4999);
    assert_int_equal(lab_done(&l, later), 0);
    lab_run(&l, 1);
    assert_int_equal(done(later)->result, PROA_OP_TIMEOUT);
    assert_int_equal(lab_done(&l, id), 1);
}

static void waiting_operations_are_bounded_and_end_with_the_registration(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    l.config.operation_max = 100;
    lab_restart(&l);
    proa_reg reg = lab_registered(&l, 1);
    lab_device *d = &l.devices[1];
    d->box->class_->close(d->box, l.now_ms, d->session, true);
    lab_settle(&l);
    proa_server_op op = {.reg = reg,
                         .op = PROA_OP_WRITE_REPLACE,
                         .path = lab_path("/1/0/1"),
                         .format = PROA_FORMAT_TEXT,
                         .payload = proa_span_of("77"),
                         .timeout_ms = 10000000};
    proa_op_id id;
    unsigned count = 0;
    while (proa_server_op_start(l.server, l.now_ms, &op, &id) == PROA_OK) {
        count++;
    }
    assert_int_equal(count, 64);
    proa_server_op_cancel(l.server, l.now_ms, id);
    lab_run(&l, 300000);
    assert_int_equal(lab_count(&l, PROA_SERVER_DONE), 64);
    assert_int_equal(lab_last(&l, PROA_SERVER_DONE)->event.result, PROA_OP_GONE);
    assert_int_equal(proa_server_stats_get(l.server).operations, 0);
    lab_run(&l, 10000000); /* their timeouts went with them */
    assert_int_equal(lab_count(&l, PROA_SERVER_DONE), 64);
}

static void failing_take_refuses_a_waiting_operation(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    lab_device *d = &l.devices[0];
    d->box->class_->close(d->box, l.now_ms, d->session, true);
    lab_settle(&l);
    proa_server_op op = {.reg = reg,
                         .op = PROA_OP_WRITE_REPLACE,
                         .path = lab_path("/1/0/1"),
                         .format = PROA_FORMAT_TEXT,
                         .payload = proa_span_of("77")};
    proa_op_id id;
    l.heap.takes_left = 0;
    assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &id), PROA_E_FULL);
    l.heap.takes_left = SIZE_MAX;
    assert_int_equal(proa_server_stats_get(l.server).operations, 0);
    assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &id), PROA_OK);
}

/* ---- restored --------------------------------------------------------------------------- */

static void restored_device_is_there_when_it_proves_its_key(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_registration r = facts(lab_registered(&l, 0));
    char links[128];
    memcpy(links, r.links.data, r.links.len);
    r.links.data = (const uint8_t *)links;
    r.endpoint = proa_span_of("dev0");
    lab_restart(&l);
    proa_reg reg;
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_OK);
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(lab_done(&l, id), 0);
    reconnect(0);
    assert_int_equal(done(id)->result, PROA_OP_ANSWERED);
    /* It does not notice: its id is still good. */
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    lab_run(&l, 299999);
    assert_int_equal(lab_count(&l, PROA_SERVER_EXPIRED), 0);
    lab_run(&l, 1);
    assert_int_equal(lab_count(&l, PROA_SERVER_EXPIRED), 1);
}

static void restored_device_is_not_another_account(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_registration r = facts(lab_registered(&l, 0));
    char links[128];
    memcpy(links, r.links.data, r.links.len);
    r.links.data = (const uint8_t *)links;
    r.endpoint = proa_span_of("dev0");
    r.account = 555;
    lab_restart(&l);
    proa_reg reg;
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_OK);
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    reconnect(0);
    assert_int_equal(lab_done(&l, id), 0);
    assert_int_equal(facts(reg).peer.session, 0);
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_NOT_FOUND);
}

/* ---- addresses -------------------------------------------------------------------------- */

static void rfc9146_6_new_address_is_used_reported_and_confirmed(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(l.confirmed, 0); /* nothing to confirm */
    l.devices[0].deaf = true;
    proa_op_id early = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    l.devices[0].deaf = false;
    l.devices[0].addr.port = 7777;
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    assert_true(lab_last(&l, PROA_SERVER_UPDATED)->event.address_changed);
    assert_int_equal(facts(reg).peer.addr.port, 7777);
    assert_int_equal(l.confirmed, 0);
    /* An answer to what was sent before proves nothing: it may have been made at the old place. */
    lab_run(&l, 10000);
    assert_int_equal(lab_done(&l, early), 1);
    assert_int_equal(l.confirmed, 0);
    lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(l.confirmed, 1);
    lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(l.confirmed, 1);
    lab_update(&l, 0, NULL, NULL);
    assert_false(lab_last(&l, PROA_SERVER_UPDATED)->event.address_changed);
}

static void address_seen_in_a_notification_is_reported_with_the_next_update(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    observe(reg, "/3303/0/5700");
    l.devices[0].addr.port = 7777;
    lab_notify(&l, 0, "23");
    assert_int_equal(facts(reg).peer.addr.port, 7777);
    lab_update(&l, 0, NULL, NULL);
    assert_true(lab_last(&l, PROA_SERVER_UPDATED)->event.address_changed);
}

/* ---- sleeping --------------------------------------------------------------------------- */

static proa_reg register_sleeper(void)
{
    proa_reg reg;
    lab_open(&l, true, NULL);
    lab_connect(&l, 0);
    assert_int_equal(lab_register(&l, 0, "ep=dev0&lt=3000&lwm2m=1.1&Q")->code, PROA_COAP_CREATED);
    assert_true(proa_server_find(l.server, proa_span_of("dev0"), &reg));
    return reg;
}

static void transport_6_5_queue_mode(void **state)
{
    (void)state;
    proa_reg reg = register_sleeper();
    lab_run(&l, 92999);
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/0"); /* awake for 93 s, and longer now */
    assert_int_equal(lab_done(&l, id), 1);
    lab_run(&l, 93000);
    unsigned asked = l.devices[0].asked.count;
    proa_server_op op = {
        .reg = reg, .op = PROA_OP_READ, .path = lab_path("/3/0"), .timeout_ms = 2000000};
    id = lab_start(&l, &op);
    lab_run(&l, 1000000);
    assert_int_equal(lab_done(&l, id), 0);
    assert_int_equal(l.devices[0].asked.count, asked);
    lab_update(&l, 0, NULL, NULL);
    assert_int_equal(lab_done(&l, id), 1);
    assert_int_equal(l.devices[0].asked.count, asked + 1);
}

static void transport_6_5_device_that_fell_asleep_early(void **state)
{
    (void)state;
    proa_reg reg = register_sleeper();
    proa_server_op op = {
        .reg = reg, .op = PROA_OP_READ, .path = lab_path("/3/0"), .timeout_ms = 10000};
    l.devices[0].cut = true;
    lab_start(&l, &op);
    lab_run(&l, 10000);
    assert_int_equal(lab_last(&l, PROA_SERVER_DONE)->event.result, PROA_OP_TIMEOUT);
    op.timeout_ms = 100000;
    proa_op_id id = lab_start(&l, &op); /* waits, though the 93 s are not over */
    l.devices[0].cut = false;
    lab_run(&l, 50000);
    assert_int_equal(l.devices[0].asked.count, 0);
    lab_update(&l, 0, NULL, NULL);
    assert_int_equal(lab_done(&l, id), 1);
}

/* ---- dead handles ----------------------------------------------------------------------- */

/* A box by script: the test says what it tells; it keeps the last plaintext. */
typedef struct script_box {
    proa_secure base;
    proa_secure_event next;
    bool has_next;
    uint32_t sent_session;
    uint8_t sent[PROA_DATAGRAM_MAX];
    size_t sent_len;
    unsigned sent_count;
    bool doubtful; /* session 7 is */
    unsigned proved;
} script_box;

static void script_input(proa_secure *box, uint64_t now_ms, const proa_addr *from, proa_span in)
{
    (void)box;
    (void)now_ms;
    (void)from;
    (void)in;
}

static bool script_poll(proa_secure *box, uint64_t now_ms, proa_secure_event *event)
{
    script_box *b = (script_box *)box;
    bool had = b->has_next;
    (void)now_ms;
    *event = b->next;
    b->has_next = false;
    return had;
}

static bool script_output(proa_secure *box, uint64_t now_ms, proa_addr *to, proa_span *out)
{
    (void)box;
    (void)now_ms;
    (void)to;
    (void)out;
    return false;
}

static uint64_t script_next(const proa_secure *box)
{
    (void)box;
    return UINT64_MAX;
}

static proa_err script_send(proa_secure *box, uint64_t now_ms, uint32_t session, proa_span text)
{
    script_box *b = (script_box *)box;
    (void)now_ms;
    b->sent_session = session;
    b->sent_len = text.len;
    b->sent_count++;
    memcpy(b->sent, text.data, text.len);
    return PROA_OK;
}

static void script_close(proa_secure *box, uint64_t now_ms, uint32_t session, bool tell)
{
    (void)box;
    (void)now_ms;
    (void)session;
    (void)tell;
}

static bool script_address(const proa_secure *box, uint32_t session, proa_addr *out)
{
    (void)box;
    *out = l.devices[0].addr;
    out->port = 4444;
    return session == 7;
}

static void script_prove(proa_secure *box, uint32_t session)
{
    script_box *b = (script_box *)box;
    assert_int_equal(session, 7);
    b->proved++;
    b->doubtful = false;
}

static const proa_secure_class script_class = {.input = script_input,
                                               .poll = script_poll,
                                               .output = script_output,
                                               .next_ms = script_next,
                                               .send = script_send,
                                               .close = script_close,
                                               .address = script_address,
                                               .prove = script_prove};
static script_box script;

/* The server hears this from its box, and does what follows. */
static void say(proa_secure_event_kind kind, uint32_t session, uint64_t account, proa_span data)
{
    proa_addr to;
    proa_span out;
    script.next = (proa_secure_event){.kind = kind,
                                      .session = session,
                                      .account = account,
                                      .is_server = true,
                                      .is_doubtful = script.doubtful && session == 7,
                                      .addr = l.devices[0].addr,
                                      .data = data};
    script.has_next = true;
    lab_settle(&l);
    assert_false(proa_server_output(l.server, l.now_ms, &to, &out));
}

static void say_register(uint32_t session, uint64_t account, const char *endpoint, uint16_t mid)
{
    uint8_t bytes[128];
    proa_coap_token token = {{1}, 1};
    proa_coap_builder b =
        proa_coap_build(bytes, sizeof bytes, PROA_COAP_CON, PROA_COAP_POST, mid, &token);
    proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("rd"));
    proa_coap_add(&b, PROA_COAP_OPT_URI_QUERY, proa_span_of(endpoint));
    proa_coap_add(&b, PROA_COAP_OPT_URI_QUERY, proa_span_of("lwm2m=1.2"));
    proa_coap_add_payload(&b, proa_span_of("</1/0>"));
    int len = proa_coap_build_end(&b);
    assert_true(len > 0);
    say(PROA_SECURE_DATA, session, account, proa_span_make(bytes, (size_t)len));
}

static const proa_span nothing = {NULL, 0};

static void use_script(proa_server_config *config)
{
    memset(&script, 0, sizeof script);
    script.base.class_ = &script_class;
    config->secure = &script.base;
    config->allow_nosec = false;
}

/* Session 5 is account 100's, observed; it closes, and the box gives the number to account 101.
 * Whatever comes from there must not reach what waits for 100. */
static void dead_handle_that_names_another_account(void **state)
{
    (void)state;
    /* With CONNECTED, and for a box that revives sessions with DATA alone. */
    for (int connected = 0; connected < 2; connected++) {
        proa_op_id id;
        proa_coap_msg asked;
        uint8_t bytes[32];
        lab_open(&l, false, use_script);
        say(PROA_SECURE_CONNECTED, 5, 100, nothing);
        say_register(5, 100, "ep=dev0", 1);
        proa_reg reg = lab_last(&l, PROA_SERVER_REGISTERED)->event.reg;
        proa_server_op op = {.reg = reg,
                             .op = PROA_OP_READ,
                             .path = lab_path("/3/0"),
                             .format = PROA_FORMAT_NONE,
                             .timeout_ms = 1000000};
        assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &id), PROA_OK);
        lab_settle(&l);
        assert_int_equal(script.sent_session, 5);
        assert_int_equal(proa_coap_parse(&asked, proa_span_make(script.sent, script.sent_len)),
                         PROA_OK);
        say(PROA_SECURE_CLOSED, 5, 100, nothing);
        assert_int_equal(lab_done(&l, id), 0);
        if (connected) {
            say(PROA_SECURE_CONNECTED, 5, 101, nothing);
        }
        proa_coap_builder b = proa_coap_build(bytes, sizeof bytes, PROA_COAP_ACK, PROA_COAP_CONTENT,
                                              asked.mid, &asked.token);
        proa_coap_add_payload(&b, proa_span_of("evil"));
        int len = proa_coap_build_end(&b);
        say(PROA_SECURE_DATA, 5, 101, proa_span_make(bytes, (size_t)len));
        assert_int_equal(done(id)->result, PROA_OP_GONE);
        assert_int_equal(done(id)->payload.len, 0);
        assert_int_equal(facts(reg).peer.session, 0);
        /* Each is itself afterwards. */
        say_register(5, 101, "ep=dev1", 2);
        say(PROA_SECURE_CONNECTED, 6, 100, nothing);
        assert_int_equal(facts(reg).peer.session, 6);
        assert_int_equal(lab_last(&l, PROA_SERVER_REGISTERED)->event.account, 101);
        lab_close(&l);
    }
}

static void older_session_is_adopted_by_its_data(void **state)
{
    (void)state;
    lab_open(&l, false, use_script);
    say(PROA_SECURE_CONNECTED, 5, 100, nothing);
    say_register(5, 100, "ep=dev0", 1);
    proa_reg reg = lab_last(&l, PROA_SERVER_REGISTERED)->event.reg;
    say(PROA_SECURE_CLOSED, 5, 100, nothing);
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    unsigned sent = script.sent_count;
    uint8_t ping[4] = {0x40, 0, 0x12, 0x34};
    say(PROA_SECURE_DATA, 9, 100, proa_span_make(ping, sizeof ping));
    assert_int_equal(facts(reg).peer.session, 9);
    assert_int_equal(script.sent_count, sent + 2); /* Reset to the ping, and the Read */
    assert_int_equal(script.sent_session, 9);
    assert_int_equal(lab_done(&l, id), 0);
    /* An older session of the same key speaks up: the better one stays, but it may register. */
    say(PROA_SECURE_DATA, 5, 100, proa_span_make(ping, sizeof ping));
    assert_int_equal(facts(reg).peer.session, 9);
    say_register(5, 100, "ep=dev0", 3);
    reg = lab_last(&l, PROA_SERVER_REGISTERED)->event.reg;
    assert_int_equal(facts(reg).peer.session, 5);
    assert_int_equal(done(id)->result, PROA_OP_GONE);
}

/* ---- sessions that the box revived ------------------------------------------------------- */

/* A restart: dev0 is registered, its session is 7 and doubtful. */
static proa_reg revived(void)
{
    proa_reg reg;
    lab_open(&l, false, use_script);
    proa_registration r = {.endpoint = proa_span_of("dev0"),
                           .id = "abcdefghijkl",
                           .peer = {l.devices[0].addr, 7, 0},
                           .account = 100,
                           .lifetime_s = 300,
                           .expires_ms = l.now_ms + 300000,
                           .lwm2m_version = "1.2",
                           .links = proa_span_of("</3/0>")};
    script.sent_count = script.proved = 0;
    script.doubtful = true;
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_OK);
    return reg;
}

static proa_coap_msg last_sent(void)
{
    proa_coap_msg m;
    assert_int_equal(proa_coap_parse(&m, proa_span_make(script.sent, script.sent_len)), PROA_OK);
    return m;
}

/* The device answers what it was asked last. */
static void say_answer(const proa_coap_msg *asked)
{
    uint8_t bytes[64];
    proa_coap_builder b = proa_coap_build(bytes, sizeof bytes, PROA_COAP_ACK, PROA_COAP_CONTENT,
                                          asked->mid, &asked->token);
    proa_coap_add_payload(&b, proa_span_of("</3>"));
    int len = proa_coap_build_end(&b);
    say(PROA_SECURE_DATA, 7, 100, proa_span_make(bytes, (size_t)len));
}

static void revived_session_carries_operations_at_once(void **state)
{
    (void)state;
    proa_reg reg = revived();
    assert_int_equal(facts(reg).peer.session, 7);
    assert_int_equal(facts(reg).peer.addr.port, 4444); /* where the box sends */
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    lab_settle(&l);
    assert_int_equal(script.sent_count, 1);
    assert_int_equal(script.sent_session, 7);
    proa_coap_msg asked = last_sent();
    say_answer(&asked);
    assert_int_equal(done(id)->result, PROA_OP_ANSWERED);
    assert_int_equal(script.proved, 1);
}

static void rfc9175_2_revived_session_takes_requests_after_an_answer(void **state)
{
    (void)state;
    proa_reg reg = revived();
    const proa_coap_token nobody = {{9, 9, 9, 9, 9, 9, 9, 8}, 8};
    proa_coap_msg forged = {.mid = 77, .token = nobody};
    say_register(7, 100, "ep=dev0", 1); /* somebody plays what dev0 said long ago */
    assert_int_equal(lab_count(&l, PROA_SERVER_REGISTERED), 0);
    assert_int_equal(script.sent_count, 1);
    proa_coap_msg asked = last_sent();
    assert_int_equal(asked.code, PROA_COAP_GET);
    assert_int_equal(asked.type, PROA_COAP_CON);
    assert_int_equal(proa_coap_option_uint(&asked, PROA_COAP_OPT_ACCEPT, 0), PROA_FORMAT_LINK);
    say_register(7, 100, "ep=dev0", 2);
    assert_int_equal(script.sent_count, 1); /* asked once */
    say_answer(&forged);                    /* an answer to something else is no proof */
    assert_int_equal(script.proved, 0);
    say_register(7, 100, "ep=dev0", 3);
    assert_int_equal(lab_count(&l, PROA_SERVER_REGISTERED), 0);
    assert_true(proa_server_find(l.server, proa_span_of("dev0"), &reg));

    say_answer(&asked);
    assert_int_equal(script.proved, 1);
    assert_int_equal(l.event_count, 0);     /* nobody else hears of it */
    assert_int_equal(script.sent_count, 1); /* and no second question waited behind the first */
    say_register(7, 100, "ep=dev0", 3);
    assert_int_equal(lab_count(&l, PROA_SERVER_REGISTERED), 1);
}

static void revived_session_is_asked_again_when_the_proof_was_lost(void **state)
{
    (void)state;
    (void)revived();
    say_register(7, 100, "ep=dev0", 1);
    assert_int_equal(script.sent_count, 1);
    lab_run(&l, 200000); /* given up */
    unsigned sent = script.sent_count;
    assert_true(sent > 1);
    say_register(7, 100, "ep=dev0", 2);
    assert_int_equal(script.sent_count, sent + 1);
    proa_coap_msg asked = last_sent();
    say_answer(&asked);
    assert_int_equal(script.proved, 1);
}

static void handle_of_an_earlier_box_is_no_session(void **state)
{
    (void)state;
    proa_reg reg;
    lab_open(&l, false, use_script);
    proa_registration r = {.endpoint = proa_span_of("dev0"),
                           .id = "abcdefghijkl",
                           .peer = {l.devices[0].addr, 6, 0},
                           .account = 100,
                           .lwm2m_version = "1.2"};
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_OK);
    assert_int_equal(facts(reg).peer.session, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_lab)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(new_session_takes_what_is_under_way_along),
        TEST(new_session_does_not_repeat_an_execute),
        TEST(session_of_another_account_moves_nothing),
        TEST(closed_session_makes_operations_wait),
        TEST(waiting_operation_times_out),
        TEST(waiting_operations_are_bounded_and_end_with_the_registration),
        TEST(failing_take_refuses_a_waiting_operation),
        TEST(restored_device_is_there_when_it_proves_its_key),
        TEST(restored_device_is_not_another_account),
        TEST(rfc9146_6_new_address_is_used_reported_and_confirmed),
        TEST(address_seen_in_a_notification_is_reported_with_the_next_update),
        TEST(transport_6_5_queue_mode),
        TEST(transport_6_5_device_that_fell_asleep_early),
        cmocka_unit_test(dead_handle_that_names_another_account),
        TEST(older_session_is_adopted_by_its_data),
        TEST(revived_session_carries_operations_at_once),
        TEST(rfc9175_2_revived_session_takes_requests_after_an_answer),
        TEST(revived_session_is_asked_again_when_the_proof_was_lost),
        TEST(handle_of_an_earlier_box_is_no_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
