/* SPDX-License-Identifier: Apache-2.0 */
/* Other clients at the door, by the seam of extension.h: who they are, what stays closed, how they
 * are refused. A small extension stands in for C2C: one account, and rights by a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/client/bench.h"
#include "tests/client/fake_secure.h"

#define NO BENCH_NO
#define PEER 2 /* the party that is a client, not a server */
#define ACCOUNT proa_account_make(PROA_ACCOUNT_KIND_PEER, 1, 0)

static bench b;

static struct {
    bool known, speaks;
    uint8_t rights[3]; /* on instances 0 and 1 of 3303, and on the object */
    unsigned asked, refused, used, opened, closed, registrations, lost, ran;
    proa_refusal last;
    uint64_t next_ms;
    uint32_t session;
    unsigned events;
} ext;

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    (void)ctx;
    memcpy(out->key, b.parties[PEER].key, 16);
    out->key_len = 16;
    out->account = ACCOUNT;
    return ext.known && proa_span_equal(identity, proa_span_of("peer"));
}

static proa_access access_of(void *ctx, proa_account peer, proa_operation op, const proa_path *path)
{
    (void)ctx;
    assert_true(peer == ACCOUNT);
    assert_true(path->ids[0] == 3303 || path->ids[0] == 9); /* closed ones are never asked about */
    ext.asked++;
    size_t i = path->depth < 2 ? 2 : path->ids[1];
    bool may = path->ids[0] == 3303 && i < 3 && (ext.rights[i] & proa_operation_right(op)) != 0;
    return may ? PROA_ACCESS_ALLOWED : PROA_ACCESS_DENIED;
}

static bool refuse(void *ctx, uint64_t now_ms, const proa_refusal *refusal, proa_coap_response *out,
                   uint8_t *scratch, size_t cap)
{
    (void)ctx;
    (void)now_ms;
    assert_true(cap >= 4);
    ext.refused++;
    ext.last = *refusal;
    memcpy(scratch, "hint", 4);
    out->code = PROA_COAP_UNAUTHORIZED;
    out->payload = proa_span_make(scratch, 4);
    return ext.speaks;
}

static void session_open(void *ctx, uint64_t now_ms, proa_account peer, uint32_t session,
                         bool is_server)
{
    (void)ctx;
    (void)now_ms;
    assert_true(peer == ACCOUNT && is_server);
    ext.opened++;
    ext.session = session;
}

static void session_closed(void *ctx, uint64_t now_ms, proa_account peer, uint32_t session,
                           proa_secure_reason reason)
{
    (void)ctx;
    (void)now_ms;
    (void)reason;
    assert_true(peer == ACCOUNT && session != 0);
    ext.closed++;
}

static void periods(void *ctx, proa_account peer, uint32_t *pmin_s, uint32_t *pmax_s)
{
    (void)ctx;
    (void)peer;
    *pmin_s = 0;
    *pmax_s = 60;
}

static void used(void *ctx, uint64_t now_ms, proa_account peer)
{
    (void)ctx;
    (void)now_ms;
    (void)peer;
    ext.used++;
}

static void coap_event(void *ctx, uint64_t now_ms, const proa_coap_event *event)
{
    (void)ctx;
    (void)now_ms;
    ext.events += event->user >> 56 == 2;
}

static void registration(void *ctx, uint64_t now_ms, uint16_t short_id, bool registered)
{
    (void)ctx;
    (void)now_ms;
    ext.registrations += short_id == 1 && registered;
    ext.lost += short_id == 1 && !registered;
}

static uint64_t next_ms(void *ctx)
{
    (void)ctx;
    return ext.next_ms;
}

static void run(void *ctx, uint64_t now_ms)
{
    (void)ctx;
    assert_true(now_ms >= ext.next_ms);
    ext.ran++;
    ext.next_ms = UINT64_MAX;
}

static bool endpoint_is(void *ctx, proa_account peer, proa_span endpoint)
{
    (void)ctx;
    (void)peer;
    return proa_span_equal(endpoint, proa_span_of("peer-name"));
}

static uint16_t short_id(void *ctx, proa_account peer)
{
    (void)ctx;
    (void)peer;
    return 1; /* the number that server 1, owner of everything, has in its own number space */
}

static const proa_client_extension extension = {
    .find_psk = find_psk,
    .access = access_of,
    .refuse = refuse,
    .session_open = session_open,
    .session_closed = session_closed,
    .periods = periods,
    .used = used,
    .coap_event = coap_event,
    .registration = registration,
    .next_ms = next_ms,
    .run = run,
    .endpoint_is = endpoint_is,
    .short_id = short_id,
};

static void open_with(bool secure)
{
    memset(&ext, 0, sizeof ext);
    ext.known = ext.speaks = true;
    ext.next_ms = UINT64_MAX;
    bench_open(&b, secure, NULL);
    proa__client_extend(b.client, &extension);
    bench_server(&b, 0, 300);
    bench_settle(&b);
    assert_int_equal(ext.registrations, 1);
    bench_forget_events(&b);
    if (secure) {
        bench_connect(&b, PEER, "peer");
        assert_int_equal(ext.opened, 1);
    }
}

static int open_secure(void **state)
{
    (void)state;
    open_with(true);
    return 0;
}

static int open_plain(void **state)
{
    (void)state;
    open_with(false);
    return 0;
}

static int close_bench(void **state)
{
    (void)state;
    bench_close(&b);
    return 0;
}

/* ---- strangers -------------------------------------------------------------------------- */

static void g01_a_stranger_is_refused_and_gets_the_extensions_words(void **state)
{
    (void)state;
    const bench_answer *a = bench_get(&b, PEER, "/3303/0/5601", NO);
    assert_int_equal(a->code, PROA_COAP_UNAUTHORIZED);
    assert_string_equal(bench_text(a), "hint");
    assert_int_equal(ext.last.account, 0);
    assert_int_equal(ext.last.op, PROA_OP_READ);
    assert_int_equal(ext.last.path.depth, 3);
    /* a name in the query makes nobody anybody */
    bench_request ask = {.code = PROA_COAP_GET,
                         .path = "/3303/0",
                         .query = "ep=peer-name",
                         .accept = NO,
                         .format = NO};
    assert_int_equal(bench_ask(&b, PEER, &ask)->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(bench_get(&b, PEER, "/.well-known/core", NO)->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(ext.last.path.depth, 0);
    assert_int_equal(bench_put(&b, PEER, "/3303/0/5601", 0, "35")->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(bench_delete(&b, PEER, "/3303/0")->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(b.things.items[0].number, 42);
    assert_int_equal(ext.asked, 0);
    assert_int_equal(bench_events(&b, PROA_CLIENT_REFUSED), 0); /* no way to flood the events */
    /* other methods and silence */
    ask.code = PROA_COAP_FETCH;
    assert_false(bench_ask(&b, PEER, &ask)->came);
    ext.speaks = false;
    assert_false(bench_get(&b, PEER, "/3303/0/5601", NO)->came);
}

static void g11_multicast_is_never_answered(void **state)
{
    (void)state;
    uint8_t datagram[] = {0x50, PROA_COAP_GET, 1, 1, 0xb4, '3', '3', '0', '3'};
    proa_addr to;
    proa_span out;
    proa_client_event event;
    proa_client_input(b.client, b.now_ms, &b.parties[PEER].addr,
                      proa_span_make(datagram, sizeof datagram), true);
    assert_false(proa_client_poll(b.client, b.now_ms, &event));
    assert_false(proa_client_output(b.client, b.now_ms, &to, &out));
    assert_int_equal(ext.refused, 0);
    datagram[3] = 2; /* another Message ID */
    proa_client_input(b.client, b.now_ms, &b.parties[PEER].addr,
                      proa_span_make(datagram, sizeof datagram), false);
    assert_true(proa_client_output(b.client, b.now_ms, &to, &out));
}

static void g01_unknown_identities_get_no_session(void **state)
{
    (void)state;
    bench_connect(&b, 1, "nobody");
    assert_int_equal(b.parties[1].session, 0);
    assert_int_equal(ext.opened, 1);
    bench_connect(&b, 1, "peer"); /* the name with another key */
    assert_int_equal(b.parties[1].session, 0);
    bench_connect(&b, 1, "device"); /* our own name at a server is none at our door */
    assert_int_equal(b.parties[1].session, 0);
}

static void datagrams_of_no_kind_are_dropped(void **state)
{
    (void)state;
    static const uint8_t firsts[] = {0, 19, 128, 255};
    uint8_t datagram[8] = {0};
    proa_addr to;
    proa_span out;
    for (size_t i = 0; i < sizeof firsts; i++) {
        datagram[0] = firsts[i];
        proa_client_input(b.client, b.now_ms, &b.parties[PEER].addr, proa_span_make(datagram, 8),
                          false);
    }
    proa_client_input(b.client, b.now_ms, &b.parties[PEER].addr, proa_span_make(datagram, 0),
                      false);
    assert_false(proa_client_output(b.client, b.now_ms, &to, &out));
}

/* ---- peers ------------------------------------------------------------------------------ */

static void g03_the_owner_rule_is_not_for_peers(void **state)
{
    (void)state;
    assert_int_equal(proa_client_add_access(b.client, 3303, 0, 0, 31, 1), PROA_OK);
    assert_int_equal(bench_get(&b, PEER, "/3303/0/5601", NO)->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(ext.last.account, ACCOUNT);
    assert_int_equal(bench_event(&b, PROA_CLIENT_REFUSED)->who.kind, PROA_ACTOR_PEER);
    assert_int_equal(bench_event(&b, PROA_CLIENT_REFUSED)->short_id, 1);
    assert_int_equal(ext.used, 0);
    ext.rights[0] = PROA_RIGHT_READ;
    assert_int_equal(bench_get(&b, PEER, "/3303/0/5601", NO)->code, PROA_COAP_CONTENT);
    assert_int_equal(ext.used, 1);
    assert_int_equal(bench_put(&b, PEER, "/3303/0/5601", 0, "35")->code, PROA_COAP_UNAUTHORIZED);
    ext.rights[0] = PROA_RIGHT_WRITE;
    assert_int_equal(bench_put(&b, PEER, "/3303/0/5601", 0, "35")->code, PROA_COAP_CHANGED);
    assert_int_equal(b.things.who.kind, PROA_ACTOR_PEER);
    assert_int_equal(b.things.who.account, ACCOUNT);
}

static void g05_closed_objects_are_closed_to_peers(void **state)
{
    (void)state;
    static const char *const paths[] = {"/0",         "/0/0",     "/0/0/0",     "/1",      "/1/0/1",
                                        "/2",         "/2/0",     "/21",        "/21/0/0", "/11000",
                                        "/11000/0/5", "/11001/0", "/11002/0/2", "/"};
    memset(ext.rights, PROA_RIGHTS_ALL, sizeof ext.rights);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(bench_get(&b, PEER, paths[i], NO)->code,
                         strcmp(paths[i], "/") == 0 ? 0x85 : PROA_COAP_UNAUTHORIZED);
        assert_int_equal(bench_get(&b, PEER, paths[i], PROA_FORMAT_LINK)->code,
                         strcmp(paths[i], "/") == 0 ? 0x85 : PROA_COAP_UNAUTHORIZED);
        assert_false(bench_observe(&b, PEER, paths[i], NO)->observing);
    }
    assert_int_equal(bench_post(&b, PEER, "/11000", PROA_FORMAT_TLV, "c10200")->code,
                     PROA_COAP_UNAUTHORIZED);
    assert_int_equal(bench_put(&b, PEER, "/1/0/1", 0, "35")->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(ext.asked, 0);
    /* a secret of an open object */
    assert_int_equal(bench_get(&b, PEER, "/3303/0/5608", NO)->code, PROA_COAP_METHOD_NOT_ALLOWED);
}

static void g12_rights_come_before_existence_for_peers(void **state)
{
    (void)state;
    static const char *const paths[] = {"/9", "/9/0/1", "/3303/3", "/3303/0/9", "/3303/0/5605"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(bench_get(&b, PEER, paths[i], NO)->code, PROA_COAP_UNAUTHORIZED);
    }
    ext.rights[0] = ext.rights[1] = PROA_RIGHT_READ;
    assert_int_equal(bench_get(&b, PEER, "/3303/0/9", NO)->code, PROA_COAP_NOT_FOUND);
    assert_int_equal(bench_get(&b, PEER, "/3303/1", NO)->code, PROA_COAP_NOT_FOUND);
}

static void g12_a_peer_sees_its_instances_of_an_object(void **state)
{
    (void)state;
    b.things.items[1] = b.things.items[0];
    ext.rights[1] = PROA_RIGHT_READ;
    const bench_answer *a = bench_get(&b, PEER, "/3303", PROA_FORMAT_TLV);
    assert_int_equal(a->code, PROA_COAP_CONTENT);
    assert_int_equal(a->len, 55);
    assert_memory_equal(a->bytes, "\x08\x01\x34", 3);
    assert_int_equal(bench_put_query(&b, PEER, "/3303", "pmin=1")->code, PROA_COAP_UNAUTHORIZED);
    ext.rights[1] = 0;
    assert_int_equal(bench_get(&b, PEER, "/3303", NO)->code, PROA_COAP_UNAUTHORIZED);
}

static void g14_ep_is_no_attribute_and_no_identity(void **state)
{
    (void)state;
    memset(ext.rights, PROA_RIGHTS_ALL, sizeof ext.rights);
    bench_request ask = {.code = PROA_COAP_PUT,
                         .path = "/3303/0/5601",
                         .query = "ep=peer-name",
                         .accept = NO,
                         .format = PROA_FORMAT_TEXT,
                         .text = "5"};
    assert_int_equal(bench_ask(&b, PEER, &ask)->code, PROA_COAP_CHANGED);
    assert_int_equal(b.things.items[0].number, 5);
    ask.query = "ep=somebody-else";
    ask.text = "6";
    assert_int_equal(bench_ask(&b, PEER, &ask)->code, PROA_COAP_FORBIDDEN);
    assert_int_equal(b.things.items[0].number, 5);
    ask = (bench_request){.code = PROA_COAP_GET,
                          .path = "/3303/0/5601",
                          .query = "ep=peer-name",
                          .accept = NO,
                          .format = NO,
                          .observe = true};
    assert_true(bench_ask(&b, PEER, &ask)->observing);
    ask.query = "ep=somebody-else";
    assert_int_equal(bench_ask(&b, PEER, &ask)->code, PROA_COAP_FORBIDDEN);
    ask = (bench_request){.code = PROA_COAP_DELETE,
                          .path = "/3303/0",
                          .query = "ep=somebody-else",
                          .accept = NO,
                          .format = NO};
    assert_int_equal(bench_ask(&b, PEER, &ask)->code, PROA_COAP_FORBIDDEN);
    assert_true(b.things.items[0].used);
    /* and with attributes beside it, it is Write-Attributes */
    assert_int_equal(bench_put_query(&b, PEER, "/3303/0/5601", "ep=peer-name&pmin=3")->code,
                     PROA_COAP_CHANGED);
    assert_string_equal(bench_text(bench_get(&b, PEER, "/3303/0/5601", PROA_FORMAT_LINK)),
                        "</3303/0/5601>;pmin=3;pmax=60");
}

static void g13_a_revoked_peer_gets_a_last_4_01(void **state)
{
    (void)state;
    proa_path path = bench_path("/3303/0/5601");
    ext.rights[0] = PROA_RIGHT_READ;
    assert_true(bench_observe(&b, PEER, "/3303/0/5601", NO)->observing);
    assert_true(bench_observe(&b, PEER, "/3303/0/5700", NO)->observing);
    assert_int_equal(bench_put_query(&b, PEER, "/3303/0/5601", "pmin=0")->code, 0x44);
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
    assert_int_equal(b.parties[PEER].note_count, 1);
    ext.rights[0] = 0;
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
    assert_int_equal(b.parties[PEER].note_count, 2);
    assert_int_equal(b.parties[PEER].notes[1].code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(b.parties[PEER].notes[1].len, 0);
    /* the other one goes when the extension says so */
    proa__client_recheck(b.client, b.now_ms, ACCOUNT);
    bench_settle(&b);
    assert_int_equal(b.parties[PEER].note_count, 3);
    assert_int_equal(proa_client_stats_get(b.client).observations, 0);
    ext.rights[0] = PROA_RIGHT_READ; /* attributes went, too */
    assert_string_equal(bench_text(bench_get(&b, PEER, "/3303/0/5601", PROA_FORMAT_LINK)),
                        "</3303/0/5601>;pmax=60");
}

static void g13_periods_of_a_peer_account(void **state)
{
    (void)state;
    ext.rights[0] = PROA_RIGHT_READ;
    assert_true(bench_observe(&b, PEER, "/3303/0/5601", NO)->observing);
    bench_run(&b, 61000);
    assert_int_equal(b.parties[PEER].note_count, 1);
}

static void g13_nothing_is_told_to_another_session(void **state)
{
    (void)state;
    ext.rights[0] = PROA_RIGHT_READ;
    assert_true(bench_observe(&b, PEER, "/3303/0/5601", NO)->observing);
    assert_true(bench_observe(&b, 0, "/3303/0/5601", NO)->observing);
    proa_path path = bench_path("/3303/0/5601");
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
    assert_int_equal(b.parties[0].note_count, 1);
    assert_int_equal(b.parties[PEER].note_count, 1);
    proa__client_drop_session(b.client, b.now_ms, ext.session);
    bench_settle(&b);
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
    assert_int_equal(b.parties[0].note_count, 2);
    assert_int_equal(b.parties[PEER].note_count, 2);
    assert_int_equal(b.parties[PEER].notes[1].code, 0); /* it was told that the session is over */
    assert_int_equal(b.parties[PEER].session, 0);
    assert_int_equal(bench_events(&b, PROA_CLIENT_UNOBSERVED), 1);
}

static void g10_sessions_come_and_go(void **state)
{
    (void)state;
    bench_party *p = &b.parties[PEER];
    ext.rights[0] = PROA_RIGHT_READ;
    assert_true(bench_observe(&b, PEER, "/3303/0/5601", NO)->observing);
    p->box->class_->close(p->box, b.now_ms, p->session, true);
    p->session = 0;
    bench_settle(&b);
    assert_int_equal(ext.closed, 1);
    assert_int_equal(proa_client_stats_get(b.client).observations, 0);
    for (unsigned i = 0; i < 20; i++) { /* none of them leaks a place */
        bench_connect(&b, PEER, "peer");
        assert_int_equal(ext.opened, 2 + i);
        p->box->class_->close(p->box, b.now_ms, p->session, true);
        p->session = 0;
        bench_settle(&b);
    }
    /* more than there are places: the one too many is closed */
    for (unsigned i = 1; i <= b.config.session_max; i++) {
        bench_connect(&b, PEER, "peer");
    }
    assert_int_equal(ext.opened, 21 + b.config.session_max - 1);
    assert_int_equal(ext.closed, 22);
}

/* ---- the rest of the seam --------------------------------------------------------------- */

static void extension_runs_at_its_deadlines(void **state)
{
    (void)state;
    ext.next_ms = b.now_ms + 5000;
    assert_true(proa_client_next_ms(b.client) <= b.now_ms + 5000);
    bench_run(&b, 4999);
    assert_int_equal(ext.ran, 0);
    bench_run(&b, 1);
    assert_int_equal(ext.ran, 1);
}

static void extension_finds_servers(void **state)
{
    (void)state;
    proa_coap_peer peer;
    proa_span uri;
    uint16_t first = 0;
    uint16_t one = 1;
    uint16_t other = 2;
    assert_int_equal(proa__client_server_peer(b.client, &one, &peer), PROA_OK);
    assert_true(peer.session != 0);
    assert_int_equal(proa__client_server_peer(b.client, &first, &peer), PROA_OK);
    assert_int_equal(first, 1);
    assert_int_equal(proa__client_server_peer(b.client, &other, &peer), PROA_E_NOT_FOUND);
    assert_int_equal(proa__client_server_uri(b.client, 1, &uri), PROA_OK);
    assert_true(proa_span_equal(uri, proa_span_of("coaps://[fd00::a0]:5684")));
    assert_int_equal(proa__client_server_uri(b.client, 2, &uri), PROA_E_NOT_FOUND);
    static const struct {
        const char *uri;
        uint16_t short_id;
    } rows[] = {
        {"coaps://[fd00::a0]:5684", 1},
        {"coaps://[fd00::a0]", 1},
        {"coaps://[fd00:0:0::00a0]:5684", 1},
        {"coaps://[fd00::a0]/", 1},
        {"coap://[fd00::a0]:5684", 0},
        {"coaps://[fd00::a0]:5685", 0},
        {"coaps://[fd00::a1]", 0},
        {"coaps://server", 0},
        {"nonsense", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(proa__client_server_by_uri(b.client, proa_span_of(rows[i].uri)),
                         rows[i].short_id);
    }
    assert_true(proa__client_identity_taken(b.client, proa_span_of("device")));
    assert_false(proa__client_identity_taken(b.client, proa_span_of("devic")));
    assert_false(proa__client_identity_taken(b.client, proa_span_of("")));
    b.parties[0].cut = true;
    proa_client_update(b.client, b.now_ms, 0);
    bench_run(&b, 200000);
    first = 0;
    assert_int_equal(proa__client_server_peer(b.client, &one, &peer), PROA_E_STATE);
    assert_int_equal(proa__client_server_peer(b.client, &first, &peer), PROA_E_STATE);
}

static void extension_hears_when_a_registration_runs_out(void **state)
{
    (void)state;
    b.parties[0].cut = true;
    bench_run(&b, 299000); /* of a lifetime of 300 s */
    assert_int_equal(ext.lost, 0);
    bench_run(&b, 1000);
    assert_int_equal(ext.lost, 1);
    b.parties[0].cut = false;
    bench_run(&b, 900000);
    assert_int_equal(ext.lost, 1);
    assert_true(ext.registrations > 1);
}

static void extension_gets_its_own_coap_events(void **state)
{
    (void)state;
    proa_coap_peer peer;
    proa_coap_request request;
    proa_coap_id id;
    uint16_t server = 1;
    memset(&request, 0, sizeof request);
    request.code = PROA_COAP_GET;
    request.user = PROA__USER_EXTENSION | 7;
    assert_int_equal(proa__client_server_peer(b.client, &server, &peer), PROA_OK);
    assert_int_equal(proa_coap_send(proa__client_coap(b.client), b.now_ms, &peer, &request, &id),
                     PROA_OK);
    bench_settle(&b);
    assert_int_equal(ext.events, 1);
}

#define PLAIN(name) cmocka_unit_test_setup_teardown(name, open_plain, close_bench)
#define SECURE(name) cmocka_unit_test_setup_teardown(name, open_secure, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(g01_a_stranger_is_refused_and_gets_the_extensions_words),
        PLAIN(g11_multicast_is_never_answered),
        SECURE(g01_unknown_identities_get_no_session),
        PLAIN(datagrams_of_no_kind_are_dropped),
        SECURE(g03_the_owner_rule_is_not_for_peers),
        SECURE(g05_closed_objects_are_closed_to_peers),
        SECURE(g12_rights_come_before_existence_for_peers),
        SECURE(g12_a_peer_sees_its_instances_of_an_object),
        SECURE(g14_ep_is_no_attribute_and_no_identity),
        SECURE(g13_a_revoked_peer_gets_a_last_4_01),
        SECURE(g13_periods_of_a_peer_account),
        SECURE(g13_nothing_is_told_to_another_session),
        SECURE(g10_sessions_come_and_go),
        SECURE(extension_runs_at_its_deadlines),
        SECURE(extension_finds_servers),
        SECURE(extension_hears_when_a_registration_runs_out),
        SECURE(extension_gets_its_own_coap_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
