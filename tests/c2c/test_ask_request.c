/* SPDX-License-Identifier: Apache-2.0 */
/* Each operation as the CoAP request that a host gets (LwM2M Transport 1.2 §6.4), and what is no question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/asking.h"
#include "tests/support/guard.h"

#define NO_FORMAT PROA_FORMAT_NONE

static void transport_6_4_operations_as_requests(void **state)
{
    static const proa_attributes attributes = {
        .set = PROA_ATTR_PMIN | PROA_ATTR_GT, .cleared = PROA_ATTR_ST, .pmin_s = 10, .gt = 2.5};
    static const struct {
        const char *name;
        proa_operation op;
        proa_path path;
        uint16_t format;
        const char *payload;
        bool attributes;
        /* what is sent */
        uint8_t code;
        const char *text;
        uint16_t content, accept;
        const char *queries;
        bool observe;
        /* what is asked of the server */
        const char *body;
    } rows[] = {
        {"read instance",
         PROA_OP_READ,
         {{3311, 0}, 2},
         NO_FORMAT,
         "",
         false,
         PROA_COAP_GET,
         "/3311/0",
         NO_FORMAT,
         11542,
         "",
         false,
         "a1 82190cef00 01"},
        {"read object",
         PROA_OP_READ,
         {{3311}, 1},
         NO_FORMAT,
         "",
         false,
         PROA_COAP_GET,
         "/3311",
         NO_FORMAT,
         11542,
         "",
         false,
         "a1 81190cef 01"},
        {"read as SenML",
         PROA_OP_READ,
         {{3311, 0, 1, 2}, 4},
         112,
         "",
         false,
         PROA_COAP_GET,
         "/3311/0/1/2",
         NO_FORMAT,
         112,
         "",
         false,
         "a1 82190cef00 01"},
        {"observe",
         PROA_OP_OBSERVE,
         {{3311, 0, 5706}, 3},
         NO_FORMAT,
         "",
         true,
         PROA_COAP_GET,
         "/3311/0/5706",
         NO_FORMAT,
         11542,
         "pmin=10&gt=2.5&st",
         true,
         "a1 82190cef00 01"},
        {"discover",
         PROA_OP_DISCOVER,
         {{3311, 0}, 2},
         NO_FORMAT,
         "",
         false,
         PROA_COAP_GET,
         "/3311/0",
         NO_FORMAT,
         40,
         "",
         false,
         "a1 82190cef00 01"},
        {"write attributes",
         PROA_OP_WRITE_ATTRIBUTES,
         {{3311, 0, 5706}, 3},
         NO_FORMAT,
         "",
         true,
         PROA_COAP_PUT,
         "/3311/0/5706",
         NO_FORMAT,
         NO_FORMAT,
         "pmin=10&gt=2.5&st",
         false,
         "a1 82190cef00 01"},
        {"write a resource",
         PROA_OP_WRITE_REPLACE,
         {{3311, 0, 5850}, 3},
         NO_FORMAT,
         "31",
         false,
         PROA_COAP_PUT,
         "/3311/0/5850",
         0,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef00 02"},
        {"write an instance",
         PROA_OP_WRITE_REPLACE,
         {{3311, 0}, 2},
         NO_FORMAT,
         "c100",
         false,
         PROA_COAP_PUT,
         "/3311/0",
         11542,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef00 02"},
        {"update",
         PROA_OP_WRITE_UPDATE,
         {{3311, 0}, 2},
         112,
         "80",
         false,
         PROA_COAP_POST,
         "/3311/0",
         112,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef00 02"},
        {"execute",
         PROA_OP_EXECUTE,
         {{3311, 0, 5605}, 3},
         NO_FORMAT,
         "",
         false,
         PROA_COAP_POST,
         "/3311/0/5605",
         NO_FORMAT,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef00 04"},
        {"execute with arguments",
         PROA_OP_EXECUTE,
         {{3311, 0, 5605}, 3},
         NO_FORMAT,
         "30",
         false,
         PROA_COAP_POST,
         "/3311/0/5605",
         0,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef00 04"},
        {"create",
         PROA_OP_CREATE,
         {{3311}, 1},
         NO_FORMAT,
         "c100",
         false,
         PROA_COAP_POST,
         "/3311",
         11542,
         NO_FORMAT,
         "",
         false,
         "a1 81190cef 10"},
        {"delete",
         PROA_OP_DELETE,
         {{3311, 7}, 2},
         NO_FORMAT,
         "",
         false,
         PROA_COAP_DELETE,
         "/3311/7",
         NO_FORMAT,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef07 08"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        uint8_t bytes[32];
        proa_c2c_ask ask = asking_5706();
        print_message("%s\n", rows[i].name);
        ask.op = rows[i].op;
        ask.path = rows[i].path;
        ask.format = rows[i].format;
        size_t payload_len = hex(rows[i].payload, bytes, sizeof(bytes));
        ask.payload = proa_span_make(bytes, payload_len);
        ask.attributes = rows[i].attributes ? &attributes : NULL;
        (void)asking_connected(&f);
        (void)asking_send(&f, &ask);
        fake_request *sent = fake_last(&f);
        assert_int_equal(sent->code, rows[i].code);
        assert_string_equal(sent->path, rows[i].text);
        assert_int_equal(sent->format, rows[i].content);
        assert_int_equal(sent->accept, rows[i].accept);
        assert_string_equal(sent->queries, rows[i].queries);
        assert_int_equal(sent->observe, rows[i].observe);
        assert_int_equal(sent->payload_len, payload_len);
        assert_memory_equal(sent->payload, bytes, payload_len);
        /* And what it needs is what the server is asked for when the host says no. */
        fake_answer(&f, sent, PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
        sent = fake_last(&f);
        assert_string_equal(sent->path, "/ac");
        assert_int_equal(sent->payload_len, hex(rows[i].body, bytes, sizeof(bytes)));
        assert_memory_equal(sent->payload, bytes, sent->payload_len);
        fake_close(&f);
    }
}

static void c2c_9_questions_that_make_no_sense(void **state)
{
    static const char long_name[] =
        "01234567890123456789012345678901234567890123456789012345678901234";
    static const uint8_t big[PROA_C2C_PAYLOAD_MAX + 1];
    fake f;
    proa_c2c_id id;
    (void)state;
    fake_open(&f, NULL, "own", true);
    proa_c2c_ask ask = asking_5706();
    ask.endpoint = proa_span_of("");
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_RANGE);
    ask.endpoint = proa_span_of(long_name);
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_TOO_LARGE);
    ask = asking_5706();
    ask.path.depth = 0;
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_RANGE);
    ask = asking_5706();
    ask.op = PROA_OP_CREATE;
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_RANGE);
    ask.op = PROA_OP_CANCEL_OBSERVE;
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_RANGE);
    ask = asking_5706();
    ask.rights = 0x20;
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_RANGE);
    ask = asking_5706();
    ask.payload = proa_span_make(big, sizeof(big));
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_TOO_LARGE);
    assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 0);
    fake_close(&f);
}

/* What questions keep is bounded together, and never takes the room of accounts. */
static void c2c_9_bytes_of_all_questions_together(void **state)
{
    fake f;
    uint8_t payload[PROA_C2C_PAYLOAD_MAX] = {0};
    proa_c2c_ask ask = asking_5706();
    proa_c2c_id id, another;
    (void)state;
    fake_open(&f, NULL, "own", true);
    ask.op = PROA_OP_WRITE_REPLACE;
    ask.payload = proa_span_make(payload, sizeof(payload));
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_OK);
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &another), PROA_E_FULL);
    ask.payload.len = 16;
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &another), PROA_OK);
    proa_c2c_cancel(f.c2c, f.now_ms, id);
    ask.payload.len = sizeof(payload);
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_OK);
    fake_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transport_6_4_operations_as_requests),
        cmocka_unit_test(c2c_9_questions_that_make_no_sense),
        cmocka_unit_test(c2c_9_bytes_of_all_questions_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
