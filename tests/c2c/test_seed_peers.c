/* SPDX-License-Identifier: Apache-2.0 */
/* Peers and a server of the published prototype ("the seed"), as byte scripts: what interoperates
 * with them, and what must not (docs/C2C.md §10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/world.h"
#include "tests/client/fake_secure.h"
#include "tests/support/guard.h"

static world w;

/* GET /3311/0/5706?ep=client_01, Accept TLV, and the answer with the value "00001". */
#define SEED_READ "44 01 2001 01205e5f b433333131 0130 0435373036 4c65703d636c69656e745f3031 222d16"
#define SEED_ANSWER "64 45 2001 01205e5f c22d16 ff e5164a3030303031"
#define SEED_OBSERVE "44 01 2002 00000000 60 5433333131 0130 0435373036 622d16"

static void expect_bytes(const world_reply *reply, const char *text)
{
    uint8_t bytes[300];
    size_t len = hex(text, bytes, sizeof(bytes));
    assert_int_equal(reply->len, len);
    assert_memory_equal(reply->bytes, bytes, len);
}

/* ---- the seed's server ------------------------------------------------------------------ */

/* Its provisioning of a host, byte for byte: 11001, 11000, 11002. */
static void provision_host(void)
{
    assert_int_equal(world_server(&w, 1, PROA_COAP_POST, "/11001",
                                  "c10002 c10100 c10278 c2030168 c10578 c10600 c10755"
                                  "c80909636c69656e745f3031"),
                     PROA_COAP_CREATED);
    assert_string_equal(w.location, "/11001/0");
    assert_int_equal(world_server(&w, 1, PROA_COAP_POST, "/11000",
                                  "c10200 c8030c6b65795f6964656e74697479"
                                  "c805097365637265746b6579 c10a02"),
                     PROA_COAP_CREATED);
    assert_string_equal(w.location, "/11000/0");
    assert_int_equal(
        world_server(&w, 1, PROA_COAP_POST, "/11002", "08000f c2000cef c10100 8302 410201 c10301"),
        PROA_COAP_CREATED);
    assert_string_equal(w.location, "/11002/0");
}

static void seed_7_provisioning_of_a_host(void **state)
{
    proa_c2c_peer peer;
    (void)state;
    world_open(&w, 2);
    provision_host();
    assert_true(proa_c2c_peer_at(w.devices[1].c2c, w.now_ms, 0, &peer));
    assert_string_equal(peer.endpoint, "client_01");
    assert_int_equal(peer.short_id, 2);
    assert_int_equal(peer.left_s, UINT32_MAX);
    assert_int_equal(proa_c2c_stats_get(w.devices[1].c2c).access_entries, 1);
    /* The device sets the owner, whatever is written. */
    assert_int_equal(world_server(&w, 1, PROA_COAP_GET, "/11002/0", NULL), PROA_COAP_CONTENT);
    uint8_t expected[32];
    assert_int_equal(w.answer_len,
                     hex("c2000cef c10100 8302 410201 c10301", expected, sizeof(expected)));
    assert_memory_equal(w.answer, expected, w.answer_len);
    world_close(&w);
}

/* It has one identity for everybody and names its entries itself: a second time is refused, and
 * nothing is left of it. */
static void g02_g18_seed_server_comes_again(void **state)
{
    (void)state;
    world_open(&w, 2);
    provision_host();
    assert_int_equal(world_server(&w, 1, PROA_COAP_POST, "/11001",
                                  "c10003 c10100 c10278 c2030168 c10578 c10600 c10755"
                                  "c80909636c69656e745f3033"),
                     PROA_COAP_CREATED);
    assert_int_equal(world_server(&w, 1, PROA_COAP_POST, "/11000",
                                  "c10200 c8030c6b65795f6964656e74697479"
                                  "c805097365637265746b6579 c10a03"),
                     PROA_COAP_BAD_REQUEST);
    assert_int_equal(
        world_server(&w, 1, PROA_COAP_POST, "/11002", "08000f c2000cef c10101 8302 410301 c10301"),
        PROA_COAP_BAD_REQUEST);
    assert_int_equal(proa_c2c_stats_get(w.devices[1].c2c).peers, 1);
    assert_int_equal(proa_c2c_stats_get(w.devices[1].c2c).access_entries, 1);
    world_close(&w);
}

/* Its update of a requester that knows the host already. */
static void seed_7_update_of_a_requester(void **state)
{
    proa_c2c_peer peer;
    (void)state;
    world_open(&w, 2);
    world_grant(&w, 0, 1, PROA_RIGHT_READ, 86400);
    assert_int_equal(world_server(&w, 0, PROA_COAP_POST, "/11000/0",
                                  "c10200 c8030c6b65795f6964656e74697479"
                                  "c805097365637265746b6579"),
                     PROA_COAP_CHANGED);
    assert_true(proa_c2c_peer_at(w.devices[0].c2c, w.now_ms, 0, &peer));
    assert_string_equal(peer.uri, "coaps://[2001:db8::12]:5684"); /* stays */
    world_close(&w);
}

/* Its keys have no name, and link to a context that may not be there: never an account without
 * protection. */
static void g07_seed_oscore_account_is_refused(void **state)
{
    (void)state;
    for (int with_oscore = 0; with_oscore < 2; with_oscore++) {
        if (with_oscore != 0) {
            world_open_oscore(&w, 2);
        } else {
            world_open(&w, 2);
        }
        assert_int_equal(PROA_COAP_CLASS(world_server(&w, 1, PROA_COAP_POST, "/11000",
                                                      "c10203 c10a02 c4110015 0000")),
                         4);
        world_close(&w);
    }
}

/* ---- the seed's requester --------------------------------------------------------------- */

/* It opens DTLS with the identity it was given; the first request names its endpoint. */
static proa_secure *seed_box;
static uint32_t seed_session;
static world_reply seed_reply;

static void seed_connect(void)
{
    proa_secure_config config;
    proa_psk psk;
    memset(&config, 0, sizeof(config));
    memset(&psk, 0, sizeof(psk));
    config.random = w.random;
    seed_box = w.stranger_box = fake_secure_open(&config);
    memcpy(psk.key, "secretkey", 9);
    psk.key_len = 9;
    assert_int_equal(seed_box->class_->open(seed_box, w.now_ms, &w.devices[1].addr,
                                            proa_span_of("key_identity"), &psk, &seed_session),
                     PROA_OK);
    world_settle(&w);
}

/* Take what came over the session; the number of messages. The last stands in seed_reply. */
static unsigned seed_hear(void)
{
    proa_secure_event event;
    unsigned count = 0;
    while (seed_box->class_->poll(seed_box, w.now_ms, &event)) {
        if (event.kind == PROA_SECURE_DATA) {
            assert_in_range(event.data.len, 1, sizeof(seed_reply.bytes));
            memcpy(seed_reply.bytes, event.data.data, event.data.len);
            seed_reply.len = event.data.len;
            count++;
        }
    }
    return count;
}

static unsigned seed_say(const char *text)
{
    uint8_t bytes[128];
    size_t len = hex(text, bytes, sizeof(bytes));
    (void)seed_hear();
    assert_int_equal(
        seed_box->class_->send(seed_box, w.now_ms, seed_session, proa_span_make(bytes, len)),
        PROA_OK);
    world_settle(&w);
    return seed_hear();
}

static void seed_9_requester_reads(void **state)
{
    (void)state;
    world_open(&w, 2);
    provision_host();
    seed_connect();
    assert_int_equal(seed_say(SEED_READ), 1);
    expect_bytes(&seed_reply, SEED_ANSWER);
    /* Its later requests name nobody. */
    assert_int_equal(seed_say("44 01 2003 01205e60 b433333131 0130 0435373036 622d16"), 1);
    assert_int_equal(seed_reply.bytes[1], PROA_COAP_CONTENT);
    world_close(&w);
}

static void g01_g14_requester_names_somebody_else(void **state)
{
    (void)state;
    world_open(&w, 2);
    provision_host();
    seed_connect();
    /* ep=client_03 with client_01's key */
    assert_int_equal(seed_say("44 01 2001 01205e5f b433333131 0130 0435373036"
                              "4c65703d636c69656e745f3033 222d16"),
                     1);
    assert_int_equal(seed_reply.bytes[1], PROA_COAP_FORBIDDEN);
    world_close(&w);
}

/* Its observation, with the Token of zeros it always has; NON notifications with the value. */
static void seed_9_requester_observes(void **state)
{
    (void)state;
    world_open(&w, 2);
    provision_host();
    /* its account says at least 120 s between notifications */
    assert_int_equal(world_server(&w, 1, PROA_COAP_PUT, "/11001/0/2", "c10200"), PROA_COAP_CHANGED);
    seed_connect();
    assert_int_equal(seed_say(SEED_OBSERVE), 1);
    assert_int_equal(seed_reply.bytes[1], PROA_COAP_CONTENT);
    assert_memory_equal(seed_reply.bytes + 4, "\0\0\0\0", 4);
    world_change(&w, 1, "00002");
    assert_int_equal(seed_hear(), 1);
    assert_int_equal(seed_reply.bytes[0] >> 4 & 3, PROA_COAP_NON);
    assert_int_equal(seed_reply.bytes[1], PROA_COAP_CONTENT);
    assert_memory_equal(seed_reply.bytes + 4, "\0\0\0\0", 4);
    assert_memory_equal(seed_reply.bytes + seed_reply.len - 8,
                        "\xe5\x16\x4a"
                        "00002",
                        8);
    world_close(&w);
}

/* Without rights: the hint that it prints, in the form it has. */
static void seed_5_requester_is_refused(void **state)
{
    (void)state;
    world_open(&w, 2);
    provision_host();
    seed_connect();
    assert_int_equal(seed_say("44 03 2001 01205e5f b433333131 0130 0435373036 10 ff 31"), 1);
    expect_bytes(&seed_reply, "64 81 2001 01205e5f c13c ff a101781a"
                              "636f6170733a2f2f5b323030313a6462383a3a315d3a35363834");
    world_close(&w);
}

/* In the clear, with a name: the hint, and never the value. The prototype serves this. */
static void g01_seed_requester_in_the_clear(void **state)
{
    (void)state;
    world_open(&w, 2);
    provision_host();
    world_stranger(&w, 1, SEED_READ);
    assert_int_equal(w.reply_count, 1);
    expect_bytes(&w.replies[0], "64 81 2001 01205e5f c13c ff a101781a"
                                "636f6170733a2f2f5b323030313a6462383a3a315d3a35363834");
    /* NON: answered in kind, with a Message ID of the device's own. */
    world_stranger(&w, 1, "54 01 2002 01205e5f b433333131 0130 0435373036 622d16");
    assert_int_equal(w.reply_count, 1);
    assert_int_equal(w.replies[0].bytes[0], 0x54);
    assert_int_equal(w.replies[0].bytes[1], PROA_COAP_UNAUTHORIZED);
    world_close(&w);
}

/* ---- the seed's host -------------------------------------------------------------------- */

static bool seed_host_psk(void *ctx, proa_span identity, proa_psk *out)
{
    (void)ctx;
    memcpy(out->key, "secretkey", 9);
    out->key_len = 9;
    out->account = 1;
    return proa_span_equal(identity, proa_span_of("key_identity"));
}

/* Our requester reads from a host that answers as the prototype does: piggybacked, TLV, with our
 * Token and Message ID. */
static void seed_9_host_is_read(void **state)
{
    proa_secure_config config;
    proa_secure_event event;
    proa_coap_msg m;
    proa_span query;
    uint8_t request[64] = {0};
    size_t request_len = 0;
    uint8_t answer[32];
    (void)state;
    world_open(&w, 2);
    w.stranger = w.devices[1].addr; /* the host's place */
    w.stranger.ip[15] = 0x77;
    memset(&config, 0, sizeof(config));
    config.random = w.random;
    config.find_psk = seed_host_psk;
    seed_box = w.stranger_box = fake_secure_open(&config);
    assert_int_equal(world_server(&w, 0, PROA_COAP_POST, "/11001",
                                  "c10001 c10100 c10278 c2030168 c10578 c10600 c10755"
                                  "c80909636c69656e745f3032"),
                     PROA_COAP_CREATED);
    /* with the URI as the prototype writes URIs: coap://[2001:db8::77] */
    assert_int_equal(world_server(&w, 0, PROA_COAP_POST, "/11000",
                                  "c80015636f61703a2f2f5b323030313a6462383a3a37375d c10200"
                                  "c8030c6b65795f6964656e74697479 c805097365637265746b6579"
                                  "c10a01"),
                     PROA_COAP_CREATED);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_settle(&w);
    while (request_len == 0 && seed_box->class_->poll(seed_box, w.now_ms, &event)) {
        world_settle(&w); /* what our requester sends when the handshake is done */
        if (event.kind == PROA_SECURE_DATA) {
            seed_session = event.session;
            request_len = event.data.len;
            memcpy(request, event.data.data, request_len);
        }
    }
    assert_int_equal(proa_coap_parse(&m, proa_span_make(request, request_len)), PROA_OK);
    assert_int_equal(proa_coap_option_uint(&m, PROA_COAP_OPT_ACCEPT, 0), PROA_FORMAT_TLV);
    assert_false(proa_coap_option_find(&m, PROA_COAP_OPT_URI_QUERY, &query)); /* no ep= */
    assert_int_equal(m.type, PROA_COAP_CON);
    assert_int_equal(m.code, PROA_COAP_GET);
    size_t len = 4U + m.token.len;
    memcpy(answer, request, len);
    answer[0] = (uint8_t)(0x60 | m.token.len);
    answer[1] = PROA_COAP_CONTENT;
    len += hex("c22d16 ff e5164a3030303031", answer + len, sizeof(answer) - len);
    assert_int_equal(
        seed_box->class_->send(seed_box, w.now_ms, seed_session, proa_span_make(answer, len)),
        PROA_OK);
    world_settle(&w);
    const world_event *note = world_event_of(&w, 0, PROA_C2C_OUTCOME);
    assert_non_null(note);
    assert_int_equal(note->event.outcome, PROA_OUTCOME_OK);
    assert_int_equal(note->event.format, PROA_FORMAT_TLV);
    assert_memory_equal(note->payload,
                        "\xe5\x16\x4a"
                        "00001",
                        8);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seed_7_provisioning_of_a_host),
        cmocka_unit_test(g02_g18_seed_server_comes_again),
        cmocka_unit_test(seed_7_update_of_a_requester),
        cmocka_unit_test(g07_seed_oscore_account_is_refused),
        cmocka_unit_test(seed_9_requester_reads),
        cmocka_unit_test(g01_g14_requester_names_somebody_else),
        cmocka_unit_test(seed_9_requester_observes),
        cmocka_unit_test(seed_5_requester_is_refused),
        cmocka_unit_test(g01_seed_requester_in_the_clear),
        cmocka_unit_test(seed_9_host_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
