/* SPDX-License-Identifier: Apache-2.0 */
/* Under loss, closed and renewed sessions, new and ended registrations, sleep and cancelling, in any
 * order: each operation is done once, each accepted observation ends once, nothing comes of either
 * afterwards, and in the end nothing is left. One seed, one story. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/server/lab.h"

#define SEEDS 150
#define STEPS 60
#define OPS_MAX 512

static lab l;

/* What was told of each operation; an id may be used again once its operation is over. */
typedef struct tally {
    proa_op_id id;
    bool done, observing, over;
} tally;

static tally ops[OPS_MAX];
static unsigned op_count;
static unsigned totals[PROA_OP_FAILED + 1], observed, notified;

static tally *find(proa_op_id id)
{
    for (unsigned i = op_count; i > 0; i--) {
        if (ops[i - 1].id == id) {
            return &ops[i - 1];
        }
    }
    fail_msg("an event of an operation that was never started");
    return NULL;
}

static void take_events(void)
{
    for (unsigned i = 0; i < l.event_count; i++) {
        const proa_server_event *e = &l.events[i].event;
        if (e->kind == PROA_SERVER_DONE) {
            tally *t = find(e->op);
            assert_false(t->done);
            t->done = true;
            t->observing = e->observing;
            t->over = !e->observing;
            totals[e->result]++;
            observed += e->observing;
        } else if (e->kind == PROA_SERVER_NOTIFICATION) {
            assert_true(find(e->op)->observing && !find(e->op)->over);
            notified++;
        } else if (e->kind == PROA_SERVER_OBSERVE_END) {
            assert_true(find(e->op)->observing && !find(e->op)->over);
            find(e->op)->over = true;
        }
    }
    lab_forget(&l);
}

static uint32_t draw(uint32_t bound)
{
    return proa_random_below(&l.source, bound);
}

static void start_something(size_t i)
{
    static const proa_operation kinds[] = {PROA_OP_READ,          PROA_OP_OBSERVE,
                                           PROA_OP_OBSERVE,       PROA_OP_EXECUTE,
                                           PROA_OP_WRITE_REPLACE, PROA_OP_CANCEL_OBSERVE};
    proa_server_op op = {.op = kinds[draw(6)],
                         .path = lab_path("/3303/0/5700"),
                         .format = PROA_FORMAT_TEXT,
                         .payload = proa_span_of("1"),
                         .timeout_ms = 1000 + draw(200000)};
    proa_op_id id;
    op.path.ids[2] = (uint16_t)(op.path.ids[2] + draw(2));
    if (proa_server_find(l.server, proa_span_of(l.devices[i].name), &op.reg) &&
        proa_server_op_start(l.server, l.now_ms, &op, &id) == PROA_OK) {
        assert_true(op_count < OPS_MAX);
        ops[op_count++] = (tally){.id = id};
    }
}

static void change_something(size_t i)
{
    lab_device *d = &l.devices[i];
    switch (draw(8)) {
    case 0:
        lab_connect(&l, i);
        break;
    case 1:
        d->box->class_->close(d->box, l.now_ms, d->session, true);
        break;
    case 2:
        d->addr.port++;
        break;
    case 3:
        lab_register(&l, i, draw(2) == 0 ? "lwm2m=1.2&lt=100" : "lwm2m=1.2&lt=1000&Q");
        break;
    case 4:
        if (d->location[0] != '\0') {
            lab_update(&l, i, NULL, NULL);
        }
        break;
    case 5:
        if (op_count > 0) {
            proa_server_op_cancel(l.server, l.now_ms, ops[draw(op_count)].id);
        }
        break;
    case 6:
        d->silent = !d->silent;
        break;
    default:
        if (d->location[0] != '\0' && draw(3) == 0) {
            lab_request leave = {PROA_COAP_DELETE, d->location, NULL, -1, -1, NULL};
            lab_ask(&l, i, &leave);
        }
        break;
    }
}

static void notify(size_t i)
{
    lab_device *d = &l.devices[i];
    proa_coap_response response = {.code = PROA_COAP_CONTENT, .payload = proa_span_of("5")};
    if (draw(8) == 0) {
        response.code = PROA_COAP_NOT_FOUND;
    }
    if (d->relation != 0) {
        (void)!proa_coap_notify(d->coap, l.now_ms, d->relation, &response, draw(2) == 0);
    }
}

static void tell_story(uint64_t seed)
{
    lab_open(&l, true, NULL);
    l.random.state = seed;
    op_count = 0;
    for (size_t i = 0; i < 3; i++) {
        l.devices[i].observable = true;
        l.devices[i].payload = "20";
        lab_registered(&l, i);
    }
    l.lost_percent = draw(40);
    for (int n = 0; n < STEPS; n++) {
        size_t i = draw(3);
        start_something(i);
        change_something(draw(3));
        notify(i);
        lab_settle(&l);
        take_events();
        lab_run(&l, draw(3) == 0 ? draw(100000) : draw(3000));
        take_events();
    }
    /* The longest lifetime passes: nothing may be left. */
    lab_run(&l, 1500000);
    take_events();
    for (unsigned i = 0; i < op_count; i++) {
        assert_true(ops[i].done);
        assert_true(ops[i].over);
    }
    proa_server_stats stats = proa_server_stats_get(l.server);
    assert_int_equal(stats.registrations, 0);
    assert_int_equal(stats.operations, 0);
    assert_int_equal(stats.observations, 0);
    assert_int_equal(stats.coap.requests, 0);
    lab_close(&l);
}

static void every_operation_is_done_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        tell_story(seed);
    }
    /* The stories are about something. */
    assert_true(totals[PROA_OP_ANSWERED] > 100 && totals[PROA_OP_TIMEOUT] > 100);
    assert_true(totals[PROA_OP_GONE] > 10 && totals[PROA_OP_CANCELLED] > 10);
    assert_true(observed > 100 && notified > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_operation_is_done_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
