/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of devices: how each operation looks on the wire (Transport 1.2 §6.4), that each is
 * done exactly once whatever happens, and observations from their start to their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/server/lab.h"

static lab l;

static int close_lab(void **state)
{
    (void)state;
    lab_close(&l);
    return 0;
}

static const proa_server_event *done(proa_op_id op)
{
    assert_int_equal(lab_done(&l, op), 1);
    return &lab_last(&l, PROA_SERVER_DONE)->event;
}

static proa_op_id observe(proa_reg reg, const char *path)
{
    l.devices[0].observable = true;
    l.devices[0].code = PROA_COAP_CONTENT;
    l.devices[0].payload = "20";
    proa_op_id op = lab_op(&l, reg, PROA_OP_OBSERVE, path);
    assert_true(done(op)->observing);
    return op;
}

/* ---- on the wire ------------------------------------------------------------------------ */

typedef struct mapping {
    proa_operation op;
    const char *path;
    uint16_t format;
    const char *payload;
    uint8_t code;
    int content_format, accept, observe;
} mapping;

#define NONE PROA_FORMAT_NONE

/* Transport 1.2 §6.4.3, §6.4.4. */
/* clang-format off */
static const mapping mappings[] = {
    {PROA_OP_READ, "/3/0", NONE, NULL, PROA_COAP_GET, -1, -1, -1},
    {PROA_OP_READ, "/3/0/9", PROA_FORMAT_TEXT, NULL, PROA_COAP_GET, -1, 0, -1},
    {PROA_OP_READ, "/3", PROA_FORMAT_TLV, NULL, PROA_COAP_GET, -1, 11542, -1},
    {PROA_OP_READ, "/3/0/7/1", PROA_FORMAT_SENML_CBOR, NULL, PROA_COAP_GET, -1, 112, -1},
    {PROA_OP_OBSERVE, "/3303/0/5700", NONE, NULL, PROA_COAP_GET, -1, -1, 0},
    {PROA_OP_DISCOVER, "/3/0", PROA_FORMAT_TLV, NULL, PROA_COAP_GET, -1, 40, -1},
    {PROA_OP_WRITE_REPLACE, "/1/0/1", PROA_FORMAT_TEXT, "60", PROA_COAP_PUT, 0, -1, -1},
    {PROA_OP_WRITE_REPLACE, "/1/0", PROA_FORMAT_TLV, "x", PROA_COAP_PUT, 11542, -1, -1},
    {PROA_OP_WRITE_UPDATE, "/1/0", PROA_FORMAT_TLV, "x", PROA_COAP_POST, 11542, -1, -1},
    {PROA_OP_EXECUTE, "/3/0/4", NONE, NULL, PROA_COAP_POST, -1, -1, -1},
    {PROA_OP_EXECUTE, "/3/0/4", PROA_FORMAT_TLV, "0='a'", PROA_COAP_POST, 0, -1, -1},
    {PROA_OP_CREATE, "/3303", PROA_FORMAT_TLV, "x", PROA_COAP_POST, 11542, -1, -1},
    {PROA_OP_CREATE, "/3303", NONE, NULL, PROA_COAP_POST, -1, -1, -1},
    {PROA_OP_DELETE, "/3303/1", NONE, NULL, PROA_COAP_DELETE, -1, -1, -1},
    {PROA_OP_DELETE, "/3303/1/5/2", NONE, NULL, PROA_COAP_DELETE, -1, -1, -1},
    {PROA_OP_WRITE_ATTRIBUTES, "/3303/1", NONE, NULL, PROA_COAP_PUT, -1, -1, -1},
};
/* clang-format on */

static void transport_6_4_operations_on_the_wire(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    for (size_t i = 0; i < sizeof mappings / sizeof mappings[0]; i++) {
        const mapping *row = &mappings[i];
        const lab_asked *asked = &l.devices[0].asked;
        proa_server_op op = {
            .reg = reg, .op = row->op, .path = lab_path(row->path), .format = row->format};
        if (row->payload != NULL) {
            op.payload = proa_span_of(row->payload);
        }
        lab_forget(&l);
        proa_op_id id = lab_start(&l, &op);
        assert_int_equal(asked->count, i + 1);
        assert_int_equal(asked->code, row->code);
        assert_string_equal(asked->path, row->path);
        assert_string_equal(asked->query, "");
        assert_int_equal(asked->format, row->content_format);
        assert_int_equal(asked->accept, row->accept);
        assert_int_equal(asked->observe, row->observe);
        assert_string_equal(asked->payload, row->payload == NULL ? "" : row->payload);
        assert_int_equal(done(id)->result, PROA_OP_ANSWERED);
        assert_int_equal(done(id)->code, PROA_COAP_CONTENT);
        assert_true(proa_path_equal(&done(id)->path, &op.path));
    }
    assert_int_equal(proa_server_stats_get(l.server).operations, 0);
}

static const struct {
    proa_operation op;
    const char *path;
} senseless[] = {
    {PROA_OP_READ, "/"},
    {PROA_OP_OBSERVE, "/"},
    {PROA_OP_CANCEL_OBSERVE, "/"},
    {PROA_OP_DISCOVER, "/"},
    {PROA_OP_DISCOVER, "/3/0/7/1"},
    {PROA_OP_WRITE_ATTRIBUTES, "/"},
    {PROA_OP_WRITE_REPLACE, "/3"},
    {PROA_OP_WRITE_UPDATE, "/3"},
    {PROA_OP_WRITE_UPDATE, "/3/0/7/1"},
    {PROA_OP_EXECUTE, "/3/0"},
    {PROA_OP_EXECUTE, "/3/0/4/0"},
    {PROA_OP_CREATE, "/3303/1"},
    {PROA_OP_CREATE, "/"},
    {PROA_OP_DELETE, "/3303"},
    {PROA_OP_DELETE, "/3303/0/1"},
    {(proa_operation)0, "/3/0"},
    {(proa_operation)99, "/3/0"},
};

static void core_6_3_senseless_operations_are_out_of_range(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    proa_reg reg = lab_registered(&l, 0);
    proa_op_id id;
    for (size_t i = 0; i < sizeof senseless / sizeof senseless[0]; i++) {
        proa_server_op op = {
            .reg = reg, .op = senseless[i].op, .path = lab_path(senseless[i].path), .format = NONE};
        assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &id), PROA_E_RANGE);
    }
    proa_server_op op = {.reg = reg, .op = PROA_OP_READ, .path = {{65535}, 1}};
    assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &id), PROA_E_RANGE);
    op = (proa_server_op){.reg = reg + 1, .op = PROA_OP_READ, .path = lab_path("/3")};
    assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &id), PROA_E_NOT_FOUND);
    assert_int_equal(proa_server_stats_get(l.server).operations, 0);
}

static void core_7_3_2_attributes_as_queries(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    proa_reg reg = lab_registered(&l, 0);
    proa_attributes attributes = {.set = PROA_ATTR_PMIN | PROA_ATTR_PMAX | PROA_ATTR_GT |
                                         PROA_ATTR_LT | PROA_ATTR_CON,
                                  .cleared = PROA_ATTR_ST,
                                  .pmin_s = 0,
                                  .pmax_s = 4294967295U,
                                  .gt = 2.5,
                                  .lt = -10,
                                  .con = true};
    proa_server_op op = {.reg = reg,
                         .op = PROA_OP_WRITE_ATTRIBUTES,
                         .path = lab_path("/3303/0/5700"),
                         .format = NONE,
                         .attributes = &attributes};
    lab_start(&l, &op);
    assert_string_equal(l.devices[0].asked.query, "&pmin=0&pmax=4294967295&gt=2.5&lt=-10&st&con=1");
    assert_int_equal(l.devices[0].asked.code, PROA_COAP_PUT);
    op.op = PROA_OP_OBSERVE; /* LwM2M 1.2: an Observe may carry them */
    lab_start(&l, &op);
    assert_int_equal(l.devices[0].asked.observe, 0);
    assert_string_equal(l.devices[0].asked.query, "&pmin=0&pmax=4294967295&gt=2.5&lt=-10&st&con=1");
    op.op = PROA_OP_READ;
    lab_start(&l, &op);
    assert_string_equal(l.devices[0].asked.query, "");
    proa_op_id id;
    volatile double zero = 0;
    attributes.gt = 1 / zero;
    op.op = PROA_OP_WRITE_ATTRIBUTES;
    assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &id), PROA_E_RANGE);
}

static void answers_are_told_as_they_came(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    l.devices[0].format = PROA_FORMAT_TLV;
    l.devices[0].payload = "abc";
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    const lab_event *told = lab_last(&l, PROA_SERVER_DONE);
    assert_int_equal(done(id)->format, PROA_FORMAT_TLV);
    assert_string_equal(told->payload, "abc");
    assert_string_equal(told->endpoint, "dev0");
    assert_int_equal(told->event.user, 7);
    assert_int_equal(told->event.reg, reg);
    assert_false(told->event.observing);
    l.devices[0].format = -1;
    l.devices[0].payload = NULL;
    l.devices[0].code = PROA_COAP_NOT_FOUND;
    id = lab_op(&l, reg, PROA_OP_READ, "/3/1");
    assert_int_equal(done(id)->code, PROA_COAP_NOT_FOUND);
    assert_int_equal(done(id)->result, PROA_OP_ANSWERED);
    assert_int_equal(done(id)->format, PROA_FORMAT_NONE);
}

static const struct {
    const char *list;
    uint8_t code;
    const char *location;
    uint8_t depth;
    uint16_t instance;
} creations[] = {
    {LAB_LINKS, PROA_COAP_CREATED, "3303/7", 2, 7},
    {LAB_LINKS, PROA_COAP_CREATED, NULL, 0, 0}, /* the payload named the instance */
    {LAB_LINKS, PROA_COAP_CREATED, "3304/7", 0, 0},
    {LAB_LINKS, PROA_COAP_CREATED, "3303/7/1", 0, 0},
    {LAB_LINKS, PROA_COAP_CREATED, "3303/x", 0, 0},
    {LAB_LINKS, PROA_COAP_CREATED, "3303/65535", 0, 0},
    {LAB_LINKS, PROA_COAP_FORBIDDEN, "3303/7", 0, 0},
    {"</lwm2m>;rt=\"oma.lwm2m\"", PROA_COAP_CREATED, "lwm2m/3303/7", 2, 7},
    {"</lwm2m>;rt=\"oma.lwm2m\"", PROA_COAP_CREATED, "3303/7", 0, 0},
};

static void core_6_3_7_location_of_a_create(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof creations / sizeof creations[0]; i++) {
        lab_open(&l, false, NULL);
        proa_reg reg = lab_registered(&l, 0);
        lab_update(&l, 0, NULL, creations[i].list);
        l.devices[0].code = creations[i].code;
        l.devices[0].created = creations[i].location;
        proa_op_id id = lab_op(&l, reg, PROA_OP_CREATE, "/3303");
        assert_int_equal(done(id)->created.depth, creations[i].depth);
        assert_int_equal(done(id)->created.ids[1], creations[i].instance);
        lab_close(&l);
    }
}

static void core_7_2_1_alternate_path(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    proa_reg reg = lab_registered(&l, 0);
    lab_update(&l, 0, NULL, "</a/b>;rt=\"oma.lwm2m\",</a/b/1/0>");
    lab_op(&l, reg, PROA_OP_READ, "/1/0");
    assert_string_equal(l.devices[0].asked.path, "/a/b/1/0");
    lab_update(&l, 0, NULL, "</1/0>");
    lab_op(&l, reg, PROA_OP_READ, "/1/0");
    assert_string_equal(l.devices[0].asked.path, "/1/0");
}

/* ---- exactly one completion ------------------------------------------------------------- */

static void rfc7252_4_2_lost_answer_is_one_timeout(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    l.devices[0].deaf = true;
    proa_server_op op = {
        .reg = reg, .op = PROA_OP_READ, .path = lab_path("/3/0"), .timeout_ms = 200000};
    proa_op_id id = lab_start(&l, &op);
    assert_int_equal(lab_done(&l, id), 0);
    lab_run(&l, 200000);
    assert_int_equal(done(id)->result, PROA_OP_TIMEOUT);
    assert_int_equal(l.devices[0].asked.count, 1); /* the copies are duplicates */
    l.devices[0].deaf = false;
    lab_update(&l, 0, NULL, NULL); /* a late answer may come with it */
    lab_run(&l, 90000);
    assert_int_equal(lab_done(&l, id), 1);
}

static void rfc7252_4_2_answer_to_a_copy(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    l.devices[0].deaf = true;
    proa_op_id id = lab_op(&l, reg, PROA_OP_EXECUTE, "/3/0/4");
    lab_run(&l, 1000);
    l.devices[0].deaf = false;
    lab_run(&l, 10000);
    assert_int_equal(done(id)->result, PROA_OP_ANSWERED);
    assert_int_equal(l.devices[0].asked.count, 1);
}

static void operation_timeout_is_the_callers(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    l.devices[0].silent = true;
    proa_server_op op = {
        .reg = reg, .op = PROA_OP_READ, .path = lab_path("/3/0"), .timeout_ms = 3000};
    proa_op_id id = lab_start(&l, &op);
    lab_run(&l, 2999);
    assert_int_equal(lab_done(&l, id), 0);
    lab_run(&l, 1);
    assert_int_equal(done(id)->result, PROA_OP_TIMEOUT);
    lab_forget(&l);
    id = lab_op(&l, reg, PROA_OP_READ, "/3/0"); /* default */
    lab_run(&l, 59999);
    assert_int_equal(lab_done(&l, id), 0);
    lab_run(&l, 1);
    assert_int_equal(done(id)->result, PROA_OP_TIMEOUT);
}

static void rfc7252_4_7_one_after_the_other(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    l.devices[0].deaf = true;
    proa_op_id first = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    proa_op_id second = lab_op(&l, reg, PROA_OP_READ, "/3/1");
    assert_int_equal(l.devices[0].asked.count, 1);
    l.devices[0].deaf = false;
    lab_run(&l, 10000);
    assert_int_equal(l.devices[0].asked.count, 2);
    assert_int_equal(lab_done(&l, first), 1);
    assert_int_equal(lab_done(&l, second), 1);
}

static void gone_registration_ends_what_is_under_way(void **state)
{
    (void)state;
    /* 0: deregistered, 1: registered again, 2: expired */
    for (int how = 0; how < 3; how++) {
        lab_open(&l, true, NULL);
        proa_reg reg = lab_registered(&l, 0);
        proa_op_id observation = observe(reg, "/3303/0/5700");
        l.devices[0].silent = true;
        proa_server_op op = {
            .reg = reg, .op = PROA_OP_READ, .path = lab_path("/3/0"), .timeout_ms = 1000000};
        proa_op_id id = lab_start(&l, &op);
        if (how == 0) {
            lab_request leave = {PROA_COAP_DELETE, l.devices[0].location, NULL, -1, -1, NULL};
            assert_int_equal(lab_ask(&l, 0, &leave)->code, PROA_COAP_DELETED);
        } else if (how == 1) {
            lab_registered(&l, 0);
        } else {
            l.devices[0].cut = true;
            lab_run(&l, 300000);
        }
        assert_int_equal(lab_done(&l, id), 1);
        if (how != 2) { /* CoAP gave up earlier than the lifetime ended */
            assert_int_equal(done(id)->result, PROA_OP_GONE);
        }
        const lab_event *end = lab_last(&l, PROA_SERVER_OBSERVE_END);
        assert_int_equal(lab_count(&l, PROA_SERVER_OBSERVE_END), 1);
        assert_int_equal(end->event.op, observation);
        assert_int_equal(end->event.result, PROA_OP_GONE);
        assert_int_equal(end->event.reg, reg);
        assert_int_equal(proa_server_stats_get(l.server).operations, 0);
        assert_int_equal(proa_server_stats_get(l.server).observations, 0);
        lab_run(&l, 300000);
        assert_int_equal(lab_done(&l, id), 1);
        lab_close(&l);
    }
}

static void cancel_is_one_completion(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    l.devices[0].silent = true;
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    proa_server_op_cancel(l.server, l.now_ms, id);
    proa_server_op_cancel(l.server, l.now_ms, id);
    assert_int_equal(proa_server_next_ms(l.server), 0);
    lab_settle(&l);
    assert_int_equal(done(id)->result, PROA_OP_CANCELLED);
    proa_server_op_cancel(l.server, l.now_ms, id);
    proa_server_op_cancel(l.server, l.now_ms, 0);
    lab_run(&l, 100000);
    assert_int_equal(lab_done(&l, id), 1);
}

static void rfc7252_4_2_reset_is_told(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    proa_reg reg = lab_registered(&l, 0);
    l.devices[0].cut = true;
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    /* The first copy was lost; the second gets a Reset, written by hand. */
    proa_addr to;
    proa_span bytes;
    proa_server_event event;
    l.now_ms += 3000;
    assert_false(proa_server_poll(l.server, l.now_ms, &event));
    assert_true(proa_server_output(l.server, l.now_ms, &to, &bytes));
    uint8_t reset[4] = {0x70, 0, bytes.data[2], bytes.data[3]};
    proa_server_input(l.server, l.now_ms, &to, proa_span_make(reset, 4), false);
    lab_settle(&l);
    assert_int_equal(done(id)->result, PROA_OP_RESET);
}

static void few_operations(proa_server_config *config)
{
    config->operation_max = 2;
}

static void full_table_refuses_at_once(void **state)
{
    (void)state;
    lab_open(&l, true, few_operations);
    proa_reg reg = lab_registered(&l, 0);
    l.devices[0].silent = true;
    lab_op(&l, reg, PROA_OP_READ, "/3/0");
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/1");
    proa_server_op op = {.reg = reg, .op = PROA_OP_READ, .path = lab_path("/3/0")};
    proa_op_id none;
    assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &none), PROA_E_FULL);
    proa_server_op_cancel(l.server, l.now_ms, id);
    lab_settle(&l);
    assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &none), PROA_OK);
}

static void short_bodies(proa_server_config *config)
{
    config->coap.body_max = LAB_TEXT;
}

static void rfc7959_2_5_long_payloads(void **state)
{
    (void)state;
    char text[LAB_TEXT + 2];
    memset(text, 'a', sizeof text - 1);
    text[LAB_TEXT + 1] = '\0';
    lab_open(&l, true, short_bodies);
    proa_reg reg = lab_registered(&l, 0);
    proa_server_op op = {.reg = reg,
                         .op = PROA_OP_WRITE_REPLACE,
                         .path = lab_path("/3/0"),
                         .format = PROA_FORMAT_TLV,
                         .payload = proa_span_of(text)};
    proa_op_id id;
    assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &id), PROA_E_TOO_LARGE);
    text[LAB_TEXT - 1] = '\0';
    op.payload = proa_span_of(text);
    id = lab_start(&l, &op);
    assert_string_equal(l.devices[0].asked.payload, text);
    assert_int_equal(done(id)->result, PROA_OP_ANSWERED);
    l.devices[0].payload = text;
    id = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(done(id)->payload.len, strlen(text));
}

/* ---- observing -------------------------------------------------------------------------- */

static void rfc7641_notifications(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    proa_op_id id = observe(reg, "/3303/0/5700");
    assert_int_equal(proa_server_stats_get(l.server).observations, 1);
    assert_int_equal(proa_server_stats_get(l.server).operations, 0);
    lab_notify(&l, 0, "21");
    lab_notify(&l, 0, "22");
    assert_int_equal(lab_count(&l, PROA_SERVER_NOTIFICATION), 2);
    const lab_event *told = lab_last(&l, PROA_SERVER_NOTIFICATION);
    proa_path path = lab_path("/3303/0/5700");
    assert_int_equal(told->event.op, id);
    assert_int_equal(told->event.user, 7);
    assert_int_equal(told->event.reg, reg);
    assert_int_equal(told->event.code, PROA_COAP_CONTENT);
    assert_true(proa_path_equal(&told->event.path, &path));
    assert_string_equal(told->payload, "22");
    assert_string_equal(told->endpoint, "dev0");
    assert_int_equal(lab_done(&l, id), 1);
}

static void rfc7641_4_1_observe_that_is_not_accepted(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    proa_op_id id = lab_op(&l, reg, PROA_OP_OBSERVE, "/3303/0/5700");
    assert_false(done(id)->observing);
    assert_int_equal(done(id)->code, PROA_COAP_CONTENT);
    assert_int_equal(proa_server_stats_get(l.server).observations, 0);
    lab_request leave = {PROA_COAP_DELETE, l.devices[0].location, NULL, -1, -1, NULL};
    lab_ask(&l, 0, &leave);
    assert_int_equal(lab_count(&l, PROA_SERVER_OBSERVE_END), 0);
}

static void rfc7641_4_2_error_notification_ends_it(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_op_id id = observe(lab_registered(&l, 0), "/3303/0/5700");
    proa_coap_response response = {.code = PROA_COAP_NOT_FOUND};
    assert_int_equal(
        proa_coap_notify(l.devices[0].coap, l.now_ms, l.devices[0].relation, &response, true),
        PROA_OK);
    lab_settle(&l);
    assert_int_equal(lab_count(&l, PROA_SERVER_NOTIFICATION), 0);
    assert_int_equal(lab_count(&l, PROA_SERVER_OBSERVE_END), 1);
    const lab_event *end = lab_last(&l, PROA_SERVER_OBSERVE_END);
    assert_int_equal(end->event.op, id);
    assert_int_equal(end->event.code, PROA_COAP_NOT_FOUND);
    assert_int_equal(proa_server_stats_get(l.server).observations, 0);
}

/* A response by hand to the request in `asked`; observe < 0: without the option. */
static void reply_by_hand(const proa_coap_msg *asked, proa_coap_type type, int observe_seq)
{
    uint8_t bytes[64];
    proa_coap_builder b =
        proa_coap_build(bytes, sizeof bytes, type, PROA_COAP_CONTENT, asked->mid, &asked->token);
    if (observe_seq >= 0) {
        proa_coap_add_uint(&b, PROA_COAP_OPT_OBSERVE, (uint32_t)observe_seq);
    }
    proa_coap_add_payload(&b, proa_span_of("9"));
    int len = proa_coap_build_end(&b);
    assert_true(len > 0);
    proa_server_input(l.server, l.now_ms, &l.devices[0].addr, proa_span_make(bytes, (size_t)len),
                      false);
    lab_settle(&l);
}

static void rfc7641_3_2_value_without_observe_is_the_last(void **state)
{
    (void)state;
    proa_op_id id;
    proa_addr to;
    proa_span bytes;
    proa_coap_msg asked;
    uint8_t copy[PROA_DATAGRAM_MAX];
    lab_open(&l, false, NULL);
    proa_server_op op = {.reg = lab_registered(&l, 0),
                         .op = PROA_OP_OBSERVE,
                         .path = lab_path("/3303/0/5700"),
                         .format = NONE};
    assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &id), PROA_OK);
    assert_true(proa_server_output(l.server, l.now_ms, &to, &bytes));
    memcpy(copy, bytes.data, bytes.len);
    assert_int_equal(proa_coap_parse(&asked, proa_span_make(copy, bytes.len)), PROA_OK);
    reply_by_hand(&asked, PROA_COAP_ACK, 1);
    assert_true(done(id)->observing);
    reply_by_hand(&asked, PROA_COAP_NON, -1);
    assert_int_equal(lab_count(&l, PROA_SERVER_NOTIFICATION), 1);
    assert_string_equal(lab_last(&l, PROA_SERVER_NOTIFICATION)->payload, "9");
    assert_int_equal(lab_last(&l, PROA_SERVER_OBSERVE_END)->event.code, PROA_COAP_CONTENT);
    assert_int_equal(lab_count(&l, PROA_SERVER_OBSERVE_END), 1);
    assert_int_equal(lab_done(&l, id), 1);
    assert_int_equal(proa_server_stats_get(l.server).observations, 0);
}

static void rfc7641_3_6_cancel_tells_the_device(void **state)
{
    (void)state;
    /* By id, and by path as an operation of its own. */
    for (int by_path = 0; by_path < 2; by_path++) {
        lab_open(&l, true, NULL);
        proa_reg reg = lab_registered(&l, 0);
        proa_op_id id = observe(reg, "/3303/0/5700");
        if (by_path) {
            proa_op_id cancel = lab_op(&l, reg, PROA_OP_CANCEL_OBSERVE, "/3303/0/5700");
            assert_int_equal(done(cancel)->result, PROA_OP_CANCELLED);
        } else {
            proa_server_op_cancel(l.server, l.now_ms, id);
            lab_settle(&l);
        }
        assert_int_equal(l.devices[0].asked.observe, 1);
        assert_string_equal(l.devices[0].asked.path, "/3303/0/5700");
        assert_int_equal(l.devices[0].relations_ended, 1);
        assert_int_equal(lab_count(&l, PROA_SERVER_OBSERVE_END), 1);
        const lab_event *end = lab_last(&l, PROA_SERVER_OBSERVE_END);
        assert_int_equal(end->event.op, id);
        assert_int_equal(end->event.result, PROA_OP_CANCELLED);
        proa_server_op again = {
            .reg = reg, .op = PROA_OP_CANCEL_OBSERVE, .path = lab_path("/3303/0/5700")};
        assert_int_equal(proa_server_op_start(l.server, l.now_ms, &again, &id), PROA_E_NOT_FOUND);
        assert_int_equal(proa_server_stats_get(l.server).operations, 0);
        lab_close(&l);
    }
}

static void rfc7641_3_5_observing_again_renews(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    proa_op_id older = observe(reg, "/3303/0/5700");
    proa_coap_id old_relation = l.devices[0].relation;
    proa_op_id other = observe(reg, "/3303/0/5701");
    lab_forget(&l);
    proa_op_id newer = observe(reg, "/3303/0/5700");
    assert_int_equal(lab_count(&l, PROA_SERVER_OBSERVE_END), 1);
    assert_int_equal(lab_last(&l, PROA_SERVER_OBSERVE_END)->event.op, older);
    lab_notify(&l, 0, "5");
    assert_int_equal(lab_last(&l, PROA_SERVER_NOTIFICATION)->event.op, newer);
    /* A device that kept both learns from a Reset that the old one is over. */
    lab_forget(&l);
    l.devices[0].relation = old_relation;
    lab_notify(&l, 0, "6");
    assert_int_equal(lab_count(&l, PROA_SERVER_NOTIFICATION), 0);
    assert_int_equal(l.devices[0].relations_ended, 1);
    assert_int_equal(proa_server_stats_get(l.server).observations, 2);
    assert_int_not_equal(other, newer);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_lab)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(transport_6_4_operations_on_the_wire),
        TEST(core_6_3_senseless_operations_are_out_of_range),
        TEST(core_7_3_2_attributes_as_queries),
        TEST(answers_are_told_as_they_came),
        cmocka_unit_test(core_6_3_7_location_of_a_create),
        TEST(core_7_2_1_alternate_path),
        TEST(rfc7252_4_2_lost_answer_is_one_timeout),
        TEST(rfc7252_4_2_answer_to_a_copy),
        TEST(operation_timeout_is_the_callers),
        TEST(rfc7252_4_7_one_after_the_other),
        cmocka_unit_test(gone_registration_ends_what_is_under_way),
        TEST(cancel_is_one_completion),
        TEST(rfc7252_4_2_reset_is_told),
        TEST(full_table_refuses_at_once),
        TEST(rfc7959_2_5_long_payloads),
        TEST(rfc7641_notifications),
        TEST(rfc7641_4_1_observe_that_is_not_accepted),
        TEST(rfc7641_4_2_error_notification_ends_it),
        TEST(rfc7641_3_2_value_without_observe_is_the_last),
        cmocka_unit_test(rfc7641_3_6_cancel_tells_the_device),
        TEST(rfc7641_3_5_observing_again_renews),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
