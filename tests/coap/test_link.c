/* SPDX-License-Identifier: Apache-2.0 */
/* Two engines joined by a link that loses, doubles, delays and reorders, under 500 seeds.
 *
 * Watched from outside, whatever the link does:
 *     every request has exactly one last event;
 *     a POST is done at most once, and once at least if its success was told;
 *     a body that arrives is the body that was sent;
 *     notifications never go back in time;
 * and when the link has become quiet: nothing is left in any table, and nothing waits. */
#include "tests/coap/station.h"

enum { SEEDS = 500, ASKED = 24, FLYING_MAX = 64, LONG_LEN = 700 };

typedef struct flight {
    uint64_t at_ms;
    int to;
    size_t len;
    uint8_t bytes[PROA_DATAGRAM_MAX];
} flight;

typedef struct asked {
    proa_coap_id id;
    unsigned ends; /* last events seen */
    unsigned done; /* times that the server did it */
    bool is_post;
    bool success;
} asked;

typedef struct world {
    station s[2]; /* 0 asks, 1 answers */
    test_random random;
    flight flying[FLYING_MAX];
    size_t flying_count;
    uint64_t now_ms;
    unsigned loss_percent, double_percent, later_percent;
    asked asked[ASKED];
    size_t asked_count;
    proa_coap_id observation, relation;
    uint32_t value, seen; /* of the observed resource */
    struct {
        proa_coap_id exchange;
        uint8_t path;
    } later[4]; /* to be answered later */
    size_t later_count;
    uint64_t dropped, doubled, served, notified, succeeded;
} world;

static const proa_coap_peer peers[2] = {
    {{{0xfd, 0, 1}, 5683, 0}, 11, 0}, /* how engine 1 sees engine 0 */
    {{{0xfd, 0, 2}, 5683, 0}, 22, 0},
};

static bool chance(world *w, unsigned percent)
{
    return test_random_next(&w->random) % 100 < percent;
}

static void fly(world *w, int to, proa_span bytes)
{
    if (chance(w, w->loss_percent) || w->flying_count == FLYING_MAX) {
        w->dropped++;
        return;
    }
    flight *f = &w->flying[w->flying_count++];
    f->at_ms = w->now_ms + 10 + test_random_next(&w->random) % (chance(w, 5) ? 8000 : 300);
    f->to = to;
    f->len = bytes.len;
    memcpy(f->bytes, bytes.data, bytes.len);
}

static void drain(world *w)
{
    for (int i = 0; i < 2; i++) {
        proa_coap_peer to;
        proa_span bytes;
        while (proa_coap_output(w->s[i].c, w->now_ms, &to, &bytes)) {
            assert_true(proa_coap_peer_equal(&to, &peers[1 - i]));
            fly(w, 1 - i, bytes);
            if (chance(w, w->double_percent)) {
                w->doubled++;
                fly(w, 1 - i, bytes);
            }
        }
    }
}

/* ---- the server ------------------------------------------------------------------------- */

static void reply(world *w, proa_coap_id exchange, uint8_t code, proa_span payload)
{
    proa_coap_response r = {.code = code, .payload = payload};
    proa_err err = proa_coap_respond(w->s[1].c, w->now_ms, exchange, &r);
    assert_true(err == PROA_OK || err == PROA_E_NOT_FOUND || err == PROA_E_FULL);
    if (err == PROA_E_FULL) {
        proa_coap_ignore(w->s[1].c, exchange);
    }
}

static proa_span value_bytes(const world *w, uint8_t out[4])
{
    proa_writer writer = proa_writer_make(out, 4);
    proa_write_u32(&writer, w->value);
    return proa_writer_span(&writer);
}

static void serve_path(world *w, proa_coap_id exchange, uint8_t path)
{
    reply(w, exchange, path == 'p' ? PROA_COAP_CHANGED : PROA_COAP_CONTENT,
          path == 'l' ? pattern(LONG_LEN) : proa_span_of("s"));
}

static void serve_later(world *w)
{
    proa_coap_id exchange = w->later[0].exchange; /* the oldest: nobody waits for ever */
    uint8_t path = w->later[0].path;
    w->later_count--;
    memmove(w->later, w->later + 1, w->later_count * sizeof w->later[0]);
    serve_path(w, exchange, path);
}

static void serve(world *w, const proa_coap_event *e)
{
    uint8_t bytes[4];
    proa_span path = {NULL, 0};
    assert_true(proa_coap_option_find(&e->msg, PROA_COAP_OPT_URI_PATH, &path));
    w->served++;
    switch (path.data[0]) {
    case 'o':
        if (proa_coap_accept(w->s[1].c, e->exchange, 1, &w->relation) != PROA_OK) {
            w->relation = e->relation; /* the wish to end it */
        }
        reply(w, e->exchange, PROA_COAP_CONTENT, value_bytes(w, bytes));
        return;
    case 'p': /* payload: the number of the request, then filling */
        assert_in_range(e->msg.payload.len, 1, LONG_LEN);
        assert_in_range(e->msg.payload.data[0], 0, ASKED - 1);
        w->asked[e->msg.payload.data[0]].done++;
        assert_memory_equal(e->msg.payload.data + 1, pattern(LONG_LEN).data + 1,
                            e->msg.payload.len - 1);
        break;
    default:
        break;
    }
    if (w->later_count < 3 && chance(w, w->later_percent)) {
        w->later[w->later_count].exchange = e->exchange;
        w->later[w->later_count++].path = path.data[0];
        return;
    }
    serve_path(w, e->exchange, path.data[0]);
}

static void change(world *w)
{
    uint8_t bytes[4];
    w->value++;
    proa_coap_response r = {.code = PROA_COAP_CONTENT, .payload = value_bytes(w, bytes)};
    if (w->relation != 0 && proa_coap_notify(w->s[1].c, w->now_ms, w->relation, &r,
                                             chance(w, 50)) == PROA_E_NOT_FOUND) {
        w->relation = 0;
    }
}

/* ---- the client ------------------------------------------------------------------------- */

static void ask_something(world *w)
{
    static const char *const paths[] = {"s", "l", "p", "p"};
    uint8_t body[LONG_LEN];
    unsigned kind = (unsigned)(test_random_next(&w->random) % 4);
    asked *a = &w->asked[w->asked_count];
    proa_coap_option path = {PROA_COAP_OPT_URI_PATH, proa_span_of(paths[kind])};
    proa_coap_request r = {.code = PROA_COAP_GET,
                           .non = chance(w, 20),
                           .options = &path,
                           .option_count = 1,
                           .user = w->asked_count};
    a->is_post = kind >= 2;
    if (a->is_post) {
        memcpy(body, pattern(LONG_LEN).data, LONG_LEN);
        body[0] = (uint8_t)w->asked_count;
        r.code = PROA_COAP_POST;
        r.payload = proa_span_make(body, kind == 2 ? 20 : LONG_LEN);
    }
    proa_err err = proa_coap_send(w->s[0].c, w->now_ms, &peers[1], &r, &a->id);
    assert_true(err == PROA_OK || err == PROA_E_FULL);
    if (err == PROA_OK) {
        w->asked_count++;
    }
}

static void observe(world *w)
{
    proa_coap_option path = {PROA_COAP_OPT_URI_PATH, proa_span_of("o")};
    proa_coap_request r = {.code = PROA_COAP_GET,
                           .observe = PROA_COAP_OBSERVE_START,
                           .options = &path,
                           .option_count = 1,
                           .user = ASKED};
    if (proa_coap_send(w->s[0].c, w->now_ms, &peers[1], &r, &w->observation) == PROA_OK) {
        w->seen = 0;
    }
}

static void note_value(world *w, const proa_coap_event *e)
{
    if (PROA_COAP_CLASS(e->msg.code) == 2) {
        proa_reader r = proa_reader_make(e->msg.payload);
        uint32_t value = proa_read_u32(&r);
        assert_true(value >= w->seen);
        w->seen = value;
        w->notified++;
    }
    if (!e->observing) {
        w->observation = 0;
    }
}

static void note_end(world *w, const proa_coap_event *e)
{
    assert_in_range(e->user, 0, w->asked_count - 1);
    asked *a = &w->asked[e->user];
    assert_int_equal(a->id, e->request);
    a->ends++;
    if (e->kind == PROA_COAP_EVENT_RESPONSE && PROA_COAP_CLASS(e->msg.code) == 2) {
        a->success = true;
        w->succeeded++;
        if (e->msg.payload.len > 1) {
            assert_true(proa_span_equal(e->msg.payload, pattern(LONG_LEN)));
        }
    }
}

static void events(world *w)
{
    proa_coap_event e;
    while (proa_coap_poll(w->s[0].c, w->now_ms, &e)) {
        if (e.user == ASKED && e.kind != PROA_COAP_EVENT_FAILED) {
            note_value(w, &e);
        } else if (e.user == ASKED) {
            w->observation = 0;
        } else {
            note_end(w, &e);
        }
    }
    while (proa_coap_poll(w->s[1].c, w->now_ms, &e)) {
        if (e.kind == PROA_COAP_EVENT_REQUEST) {
            serve(w, &e);
        } else if (e.kind == PROA_COAP_EVENT_RELATION_END && e.relation == w->relation) {
            w->relation = 0;
        }
    }
}

/* ---- time ------------------------------------------------------------------------------- */

static uint64_t next_ms(const world *w)
{
    uint64_t at_ms = UINT64_MAX;
    for (size_t i = 0; i < w->flying_count; i++) {
        at_ms = w->flying[i].at_ms < at_ms ? w->flying[i].at_ms : at_ms;
    }
    for (int i = 0; i < 2; i++) {
        uint64_t engine_ms = proa_coap_next_ms(w->s[i].c);
        at_ms = engine_ms < at_ms ? engine_ms : at_ms;
    }
    return at_ms;
}

static void settle(world *w)
{
    events(w);
    drain(w);
    for (size_t i = 0; i < w->flying_count;) {
        if (w->flying[i].at_ms > w->now_ms) {
            i++;
            continue;
        }
        flight f = w->flying[i];
        w->flying[i] = w->flying[--w->flying_count];
        proa_coap_input(w->s[f.to].c, w->now_ms, &peers[1 - f.to], proa_span_make(f.bytes, f.len),
                        false);
        events(w);
        drain(w);
    }
}

/* Runs until `end_ms`, or until nothing is to come. */
static void run(world *w, uint64_t end_ms)
{
    for (int guard = 0; guard < 100000; guard++) {
        settle(w);
        uint64_t at_ms = next_ms(w);
        if (at_ms > end_ms || at_ms == UINT64_MAX) {
            w->now_ms = end_ms;
            return;
        }
        w->now_ms = at_ms > w->now_ms ? at_ms : w->now_ms + 1;
    }
    fail_msg("the engines never rest");
}

static void is_quiet(world *w)
{
    for (int i = 0; i < 2; i++) {
        proa_coap_stats stats = proa_coap_stats_get(w->s[i].c);
        assert_int_equal(stats.requests, 0);
        assert_int_equal(stats.exchanges, 0);
        assert_int_equal(stats.bodies, 0);
        assert_int_equal(stats.relations, 0);
        assert_int_equal(proa_coap_next_ms(w->s[i].c), UINT64_MAX);
    }
}

static void start(world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    test_random_start(&w->random, seed);
    w->now_ms = 5000;
    w->loss_percent = seed % 5 == 0 ? 0 : (unsigned)(test_random_next(&w->random) % 40);
    w->later_percent = 30;
    w->double_percent = (unsigned)(test_random_next(&w->random) % 20);
    for (int i = 0; i < 2; i++) {
        station_config(&w->s[i]);
        w->s[i].config.random = test_random_start(&w->s[i].random, seed * 2 + (uint64_t)i);
        w->s[i].config.body_count_max = 4;
        w->s[i].config.dedup_bytes = 1 << 15;
        w->s[i].config.grows = seed % 2 == 0;
        station_open(&w->s[i]);
    }
}

static void finish(world *w)
{
    w->loss_percent = 0;
    w->later_percent = 0;
    if (w->observation != 0) {
        proa_coap_cancel(w->s[0].c, w->now_ms, w->observation, true);
        w->observation = 0;
    }
    while (w->later_count > 0) {
        serve_later(w);
    }
    run(w, w->now_ms + 600000);
    if (w->relation != 0) { /* the goodbye was lost: the next notification finds out */
        change(w);
        change(w);
        run(w, w->now_ms + 600000);
    }
    is_quiet(w);
    for (size_t i = 0; i < w->asked_count; i++) {
        assert_int_equal(w->asked[i].ends, 1);
        if (w->asked[i].is_post) {
            assert_in_range(w->asked[i].done, w->asked[i].success ? 1 : 0, 1);
        }
    }
    station_close(&w->s[0]);
    station_close(&w->s[1]);
}

static void exactly_one_completion_over_a_bad_link(void **state)
{
    (void)state;
    uint64_t dropped = 0;
    uint64_t doubled = 0;
    uint64_t succeeded = 0;
    uint64_t notified = 0;
    uint64_t asked_count = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static world w;
        start(&w, seed);
        observe(&w);
        while (w.asked_count < ASKED) {
            ask_something(&w);
            if (w.later_count > 0 && chance(&w, 50)) {
                serve_later(&w);
            }
            if (w.observation == 0) {
                observe(&w);
            }
            change(&w);
            run(&w, w.now_ms + 1 + test_random_next(&w.random) % 4000);
        }
        finish(&w);
        if (w.dropped == 0) { /* liveness: a perfect link serves everybody */
            assert_int_equal(w.succeeded, w.asked_count);
        }
        dropped += w.dropped;
        doubled += w.doubled;
        succeeded += w.succeeded;
        notified += w.notified;
        asked_count += w.asked_count;
    }
    /* The checker checks something only if these things happened. */
    assert_true(dropped > 1000 && doubled > 1000 && notified > 1000);
    assert_true(succeeded > asked_count / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_one_completion_over_a_bad_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
