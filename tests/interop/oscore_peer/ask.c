/* SPDX-License-Identifier: Apache-2.0 */
/* The plugtest's client: each test of test-spec5 as a row of what is asked and what must come back,
 * and for some what is done differently. The messages that a client must get wrong are made here, by
 * other keys, a bit that is turned over, a datagram that is sent twice: the library has no way to
 * make them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/linux/os.h"
#include "ports/linux/udp.h"
#include "tests/interop/oscore_peer/peer.h"

#define OPTIONS_MAX 12
#define TEST_TIMEOUT_MS 15000
#define NO_ANSWER_MS 4000 /* longer than the first retransmission takes */
#define REPLAY_TIMEOUT_MS 5000

typedef struct plain_option {
    uint16_t number; /* 0: the end */
    uint8_t len;
    char value[12];
} plain_option;

typedef enum ending {
    ENDS_ANSWERED = 0, /* by a response as expected */
    ENDS_OBSERVED,     /* and then "two" comes as notification, and an error, or we cancel */
    ENDS_REPLAYED,     /* the same datagram once more is refused with 4.01 */
    ENDS_UNPROTECTED,  /* somebody answers without protection: that code */
    ENDS_FORGED        /* whatever comes is not authentic, and nothing is handed out */
} ending;

typedef struct test {
    const char *name;
    peer_keys keys; /* NONE: without protection */
    uint8_t method;
    const char *path;
    plain_option options[3];
    const char *payload;
    uint8_t code;
    plain_option expected[3];
    const char *answer; /* NULL: any */
    ending ending;
    bool observe;
} test;

#define TEXT {PROA_COAP_OPT_CONTENT_FORMAT, 0, ""}
#define HELLO "Hello World!"

static const test tests[] = {
    {"0", PEER_KEYS_NONE, PROA_COAP_GET, "oscore/hello/coap", .code = PROA_COAP_CONTENT,
     .expected = {TEXT}, .answer = HELLO},
    {"1", PEER_KEYS_A, PROA_COAP_GET, "oscore/hello/1", .code = PROA_COAP_CONTENT,
     .expected = {TEXT}, .answer = HELLO},
    {"2", PEER_KEYS_C, PROA_COAP_GET, "oscore/hello/1", .code = PROA_COAP_CONTENT,
     .expected = {TEXT}, .answer = HELLO},
    {"3", PEER_KEYS_A, PROA_COAP_GET, "oscore/hello/2",
     .options = {{PROA_COAP_OPT_URI_QUERY, 7, "first=1"}}, .code = PROA_COAP_CONTENT,
     .expected = {{PROA_COAP_OPT_ETAG, 1, "\x2b"}, TEXT}, .answer = HELLO},
    {"4", PEER_KEYS_A, PROA_COAP_GET, "oscore/hello/3", .options = {{PROA_COAP_OPT_ACCEPT, 0, ""}},
     .code = PROA_COAP_CONTENT, .expected = {TEXT, {PROA_COAP_OPT_MAX_AGE, 1, "\x05"}},
     .answer = HELLO},
    {"5", PEER_KEYS_A, PROA_COAP_GET, "oscore/hello/1", .code = PROA_COAP_CONTENT,
     .expected = {TEXT}, .answer = HELLO, .observe = true},
    {"6", PEER_KEYS_A, PROA_COAP_GET, "oscore/observe1", .code = PROA_COAP_CONTENT, .answer = "one",
     .ending = ENDS_OBSERVED, .observe = true},
    {"7", PEER_KEYS_A, PROA_COAP_GET, "oscore/observe2", .code = PROA_COAP_CONTENT, .answer = "one",
     .ending = ENDS_OBSERVED, .observe = true},
    {"8", PEER_KEYS_A, PROA_COAP_POST, "oscore/hello/6", .options = {TEXT}, .payload = "\x4a",
     .code = PROA_COAP_CHANGED, .expected = {TEXT}, .answer = "\x4a"},
    {"9", PEER_KEYS_A, PROA_COAP_PUT, "oscore/hello/7",
     .options = {{PROA_COAP_OPT_IF_MATCH, 1, "\x7b"}, TEXT}, .payload = "\x7a",
     .code = PROA_COAP_CHANGED, .answer = ""},
    {"10", PEER_KEYS_A, PROA_COAP_PUT, "oscore/hello/7",
     .options = {{PROA_COAP_OPT_IF_NONE_MATCH, 0, ""}, TEXT}, .payload = "\x8a",
     .code = PROA_COAP_PRECONDITION_FAILED, .answer = ""},
    {"11", PEER_KEYS_A, PROA_COAP_DELETE, "oscore/test", .code = PROA_COAP_DELETED, .answer = ""},
    {"12", PEER_KEYS_OTHER_KID, PROA_COAP_GET, "oscore/hello/1", .code = PROA_COAP_UNAUTHORIZED,
     .ending = ENDS_UNPROTECTED},
    {"13", PEER_KEYS_OTHER_SECRET, PROA_COAP_GET, "oscore/hello/1", .code = PROA_COAP_BAD_REQUEST,
     .ending = ENDS_UNPROTECTED},
    {"14", PEER_KEYS_A, PROA_COAP_GET, "oscore/hello/1", .ending = ENDS_FORGED},
    {"15", PEER_KEYS_A, PROA_COAP_GET, "oscore/hello/1", .code = PROA_COAP_CONTENT,
     .expected = {TEXT}, .answer = HELLO, .ending = ENDS_REPLAYED},
    {"16", PEER_KEYS_A, PROA_COAP_GET, "oscore/hello/coap", .code = PROA_COAP_BAD_OPTION,
     .ending = ENDS_UNPROTECTED},
    {"17", PEER_KEYS_NONE, PROA_COAP_GET, "oscore/hello/1", .code = PROA_COAP_UNAUTHORIZED},
    /* Blocks are not part of test-spec5; aiocoap's server has these two. */
    {"block-outer", PEER_KEYS_A, PROA_COAP_GET, "oscore/block/outer", .code = PROA_COAP_CONTENT},
    {"block-inner", PEER_KEYS_A, PROA_COAP_GET, "oscore/block/inner", .code = PROA_COAP_CONTENT},
};

typedef struct asking {
    peer *peer;
    const test *test;
    bool over;
    unsigned notifications;
    proa_coap_id request;
} asking;

/* ---- asking --------------------------------------------------------------------------------- */

static size_t add_path(proa_coap_option *options, size_t count, const char *path)
{
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        options[count++] = (proa_coap_option){PROA_COAP_OPT_URI_PATH, proa_span_make(path, len)};
        path += path[len] == '/' ? len + 1 : len;
    }
    return count;
}

/* In ascending order: those before Uri-Path, the path, the others. */
static size_t list_options(const test *t, proa_coap_option out[OPTIONS_MAX])
{
    size_t count = 0;
    bool has_path = false;
    for (size_t i = 0; i < 3 && t->options[i].number != 0; i++) {
        const plain_option *o = &t->options[i];
        if (o->number > PROA_COAP_OPT_URI_PATH && !has_path) {
            count = add_path(out, count, t->path);
            has_path = true;
        }
        out[count++] = (proa_coap_option){o->number, proa_span_make(o->value, o->len)};
    }
    return has_path ? count : add_path(out, count, t->path);
}

static void send_request(asking *a, const proa_addr *server)
{
    const test *t = a->test;
    proa_coap_option options[OPTIONS_MAX];
    const proa_coap_peer to = {*server, 0, t->keys == PEER_KEYS_NONE ? 0 : a->peer->account};
    const proa_coap_request request = {
        .code = t->method,
        .observe = t->observe ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE,
        .options = options,
        .option_count = list_options(t, options),
        .payload = t->payload == NULL ? proa_span_make(NULL, 0) : proa_span_of(t->payload),
        .timeout_ms = t->ending == ENDS_FORGED ? NO_ANSWER_MS : TEST_TIMEOUT_MS,
    };
    proa_err err = proa_coap_send(a->peer->coap, proa_linux_now_ms(), &to, &request, &a->request);
    if (err != PROA_OK) {
        peer_fail("cannot send:", proa_err_name(err));
    }
}

/* ---- checking ------------------------------------------------------------------------------- */

static void expect_code(const proa_coap_msg *msg, uint8_t code)
{
    char text[40];
    if (msg->code != code) {
        peer_fail("the code is", proa_coap_code_text(msg->code, text));
    }
}

static void expect_payload(const proa_coap_msg *msg, const char *text)
{
    if (!proa_span_equal(msg->payload, proa_span_of(text))) {
        peer_fail("another payload than", text);
    }
}

/* These options and no others. */
static void expect_options(const proa_coap_msg *msg, const plain_option expected[3])
{
    proa_coap_options it = proa_coap_options_of(msg);
    proa_coap_option got;
    for (size_t i = 0; i < 3 && expected[i].number != 0; i++) {
        if (!proa_coap_option_next(&it, &got) || got.number != expected[i].number ||
            !proa_span_equal(got.value, proa_span_make(expected[i].value, expected[i].len))) {
            peer_fail("an option is missing or different", "");
        }
    }
    if (proa_coap_option_next(&it, &got)) {
        peer_fail("an option too many", "");
    }
}

static void expect_large(const proa_coap_msg *msg)
{
    if (msg->payload.len != 25 + 1010 ||
        memcmp(msg->payload.data, "This is a large resource\n0123", 29) != 0 ||
        memcmp(msg->payload.data + msg->payload.len - 10, "0123456789", 10) != 0) {
        peer_fail("not the large resource", "");
    }
}

static void on_response(asking *a, const proa_coap_event *event)
{
    const test *t = a->test;
    if (t->ending == ENDS_UNPROTECTED || t->ending == ENDS_FORGED) {
        peer_fail("an answer, protected", "");
    }
    if (t->ending == ENDS_OBSERVED && a->notifications > 0) { /* the error that ends it */
        expect_code(&event->msg, PROA_COAP_INTERNAL_SERVER_ERROR);
        expect_payload(&event->msg, "Terminate Observe");
        a->over = true;
        return;
    }
    expect_code(&event->msg, t->code);
    if (event->observing != (t->ending == ENDS_OBSERVED)) {
        peer_fail("observing, or not, other than expected", "");
    }
    if (strncmp(t->name, "block", 5) == 0) {
        expect_large(&event->msg);
    } else if (t->answer != NULL) {
        expect_payload(&event->msg, t->answer);
    }
    if (t->ending != ENDS_OBSERVED) {
        if (t->answer != NULL) {
            expect_options(&event->msg, t->expected);
        }
        a->over = true;
    }
}

static void on_notification(asking *a, const proa_coap_event *event)
{
    a->notifications++;
    expect_code(&event->msg, PROA_COAP_CONTENT);
    expect_payload(&event->msg, "two");
    if (strcmp(a->test->name, "7") == 0) {
        proa_coap_cancel(a->peer->coap, proa_linux_now_ms(), a->request, true);
        a->over = true;
    }
}

static void on_event(void *ctx, const proa_coap_event *event)
{
    asking *a = ctx;
    switch (event->kind) {
    case PROA_COAP_EVENT_RESPONSE:
        on_response(a, event);
        break;
    case PROA_COAP_EVENT_NOTIFICATION:
        on_notification(a, event);
        break;
    case PROA_COAP_EVENT_UNPROTECTED:
        expect_code(&event->msg, a->test->ending == ENDS_UNPROTECTED ? a->test->code : 0);
        a->over = true;
        break;
    case PROA_COAP_EVENT_FAILED:
        if (a->test->ending != ENDS_FORGED) {
            peer_fail("no answer:", event->failure == PROA_COAP_FAILED_TIMEOUT ? "timeout" : "");
        }
        a->over = true;
        break;
    default:
        break;
    }
}

/* ---- what comes after the answer ------------------------------------------------------------ */

/* The same number in a message that is another one for the message layer, test 15. */
static void replay(asking *a, const proa_addr *server)
{
    peer *p = a->peer;
    proa_coap_msg msg;
    proa_span option;
    p->last[3] ^= 1;
    (void)proa_udp_send(p->fd, server, proa_span_make(p->last, p->last_len));
    size_t len = peer_receive(p, REPLAY_TIMEOUT_MS);
    if (len == 0 || proa_coap_parse(&msg, proa_span_make(p->in, len)) != PROA_OK) {
        peer_fail("no answer to the replay", "");
    }
    expect_code(&msg, PROA_COAP_UNAUTHORIZED);
    if (proa_coap_option_find(&msg, PROA_COAP_OPT_OSCORE, &option)) {
        peer_fail("the replay was answered with protection", "");
    }
}

/* The cancellation is a request that has to be answered, too, test 7. */
static void wait_until_cancelled(peer *p)
{
    uint64_t end_ms = proa_linux_now_ms() + TEST_TIMEOUT_MS;
    while (proa_coap_stats_get(p->coap).requests > 0) {
        if (proa_linux_now_ms() > end_ms) {
            peer_fail("the cancellation was not answered", "");
        }
        peer_step(p, 1000);
    }
}

static void look_at_forgeries(const peer *p)
{
    if (p->received == 0 ||
        proa_oscore_read_stats(p->oscore).verdicts[PROA_OSCORE_FORGED] < p->received) {
        peer_fail("what came was not seen as forged", "");
    }
}

int peer_ask(const char *state_dir, const proa_addr *server, const char *name)
{
    static peer p;
    const test *t = NULL;
    for (size_t i = 0; i < sizeof tests / sizeof *tests && t == NULL; i++) {
        t = strcmp(tests[i].name, name) == 0 ? &tests[i] : NULL;
    }
    if (t == NULL) {
        peer_fail("no such test:", name);
    }
    asking a = {.peer = &p, .test = t};
    p.on_event = on_event;
    p.ctx = &a;
    p.spoil = t->ending == ENDS_FORGED;
    peer_open(&p, t->keys, state_dir, "127.0.0.1:0");
    send_request(&a, server);
    while (!a.over) {
        peer_step(&p, 1000);
    }
    if (t->ending == ENDS_REPLAYED) {
        replay(&a, server);
    } else if (t->ending == ENDS_FORGED) {
        look_at_forgeries(&p);
    } else if (t->observe) {
        wait_until_cancelled(&p);
    }
    peer_close(&p);
    printf("passed\n");
    return 0;
}
