/* SPDX-License-Identifier: Apache-2.0 */
/* The plugtest's server (test-spec5 §2, "Resources"), and what the traffic of the killing test asks
 * for: /traffic/now, and /traffic/ticks, which notifies some hundred times a second. Everything but
 * hello/coap wants OSCORE. */
#include <stdio.h>
#include <string.h>

#include "ports/linux/os.h"
#include "tests/interop/oscore_peer/peer.h"

#define RELATIONS_MAX 16
#define NEXT_NOTIFICATION_MS 300
#define TICK_MS 5
#define PATH_MAX_LEN 64

typedef struct observer {
    proa_coap_id relation; /* 0 = free */
    char resource;         /* '1': observe1, '2': observe2, 't': ticks */
    unsigned told;
    uint64_t due_ms;
} observer;

typedef struct server {
    peer *peer;
    observer observers[RELATIONS_MAX];
    uint8_t large[1035]; /* as long as the plugtest server's that aiocoap has */
} server;

static void answer(server *s, const proa_coap_event *event, uint8_t code,
                   const proa_coap_option *options, size_t count, proa_span payload)
{
    proa_coap_response response = {
        .code = code, .options = options, .option_count = count, .payload = payload};
    (void)!proa_coap_respond(s->peer->coap, proa_linux_now_ms(), event->exchange, &response);
}

static void answer_code(server *s, const proa_coap_event *event, uint8_t code)
{
    answer(s, event, code, NULL, 0, proa_span_make(NULL, 0));
}

static const proa_coap_option text_format = {PROA_COAP_OPT_CONTENT_FORMAT, {NULL, 0}};

static void answer_text(server *s, const proa_coap_event *event, const char *text)
{
    answer(s, event, PROA_COAP_CONTENT, &text_format, 1, proa_span_of(text));
}

/* ---- the resources -------------------------------------------------------------------------- */

static void hello(server *s, const proa_coap_event *event)
{
    answer_text(s, event, "Hello World!");
}

static void hello_2(server *s, const proa_coap_event *event)
{
    const proa_coap_option options[] = {{PROA_COAP_OPT_ETAG, proa_span_of("\x2b")}, text_format};
    answer(s, event, PROA_COAP_CONTENT, options, 2, proa_span_of("Hello World!"));
}

static void hello_3(server *s, const proa_coap_event *event)
{
    const proa_coap_option options[] = {text_format, {PROA_COAP_OPT_MAX_AGE, proa_span_of("\x05")}};
    answer(s, event, PROA_COAP_CONTENT, options, 2, proa_span_of("Hello World!"));
}

static void hello_6(server *s, const proa_coap_event *event)
{
    answer(s, event, PROA_COAP_CHANGED, &text_format, 1, event->msg.payload);
}

/* There is a resource, and its ETag is 0x7b. */
static void hello_7(server *s, const proa_coap_event *event)
{
    proa_span value;
    bool refused = proa_coap_option_find(&event->msg, PROA_COAP_OPT_IF_NONE_MATCH, &value) ||
                   (proa_coap_option_find(&event->msg, PROA_COAP_OPT_IF_MATCH, &value) &&
                    !proa_span_equal(value, proa_span_of("\x7b")));
    answer_code(s, event, refused ? PROA_COAP_PRECONDITION_FAILED : PROA_COAP_CHANGED);
}

static void test(server *s, const proa_coap_event *event)
{
    answer_code(s, event, PROA_COAP_DELETED);
}

static void block(server *s, const proa_coap_event *event)
{
    answer(s, event, PROA_COAP_CONTENT, &text_format, 1, proa_span_make(s->large, sizeof s->large));
}

static void observable(server *s, const proa_coap_event *event, char resource, unsigned after_ms)
{
    observer *free_one = NULL;
    for (size_t i = 0; i < RELATIONS_MAX && free_one == NULL; i++) {
        free_one = s->observers[i].relation == event->relation ? &s->observers[i] : NULL;
    }
    proa_coap_id relation;
    if (free_one != NULL &&
        proa_coap_accept(s->peer->coap, event->exchange, (uint64_t)(free_one - s->observers),
                         &relation) == PROA_OK) {
        *free_one = (observer){relation, resource, 0, proa_linux_now_ms() + after_ms};
    }
    answer_text(s, event, "one");
}

static void observe_1(server *s, const proa_coap_event *event)
{
    observable(s, event, '1', NEXT_NOTIFICATION_MS);
}

static void observe_2(server *s, const proa_coap_event *event)
{
    observable(s, event, '2', NEXT_NOTIFICATION_MS);
}

static void ticks(server *s, const proa_coap_event *event)
{
    observable(s, event, 't', TICK_MS);
}

/* Never the same twice, so that a request that is done twice is seen in the answers. */
static void now(server *s, const proa_coap_event *event)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)proa_linux_now_ns());
    answer_text(s, event, text);
}

static const struct resource {
    const char *path;
    uint8_t method;
    void (*serve)(server *s, const proa_coap_event *event);
} resources[] = {
    {"/oscore/hello/coap", PROA_COAP_GET, hello},
    {"/oscore/hello/1", PROA_COAP_GET, hello},
    {"/oscore/hello/2", PROA_COAP_GET, hello_2},
    {"/oscore/hello/3", PROA_COAP_GET, hello_3},
    {"/oscore/hello/6", PROA_COAP_POST, hello_6},
    {"/oscore/hello/7", PROA_COAP_PUT, hello_7},
    {"/oscore/observe1", PROA_COAP_GET, observe_1},
    {"/oscore/observe2", PROA_COAP_GET, observe_2},
    {"/oscore/test", PROA_COAP_DELETE, test},
    {"/oscore/block/inner", PROA_COAP_GET, block},
    {"/oscore/block/inner", PROA_COAP_POST, hello_6},
    {"/traffic/ticks", PROA_COAP_GET, ticks},
    {"/traffic/now", PROA_COAP_GET, now},
};

/* ---- which of them -------------------------------------------------------------------------- */

static void read_path(const proa_coap_msg *msg, char path[PATH_MAX_LEN])
{
    proa_coap_options it = proa_coap_options_of(msg);
    proa_writer w = proa_writer_make(path, PATH_MAX_LEN - 1);
    for (proa_coap_option option; proa_coap_option_next(&it, &option);) {
        if (option.number == PROA_COAP_OPT_URI_PATH) {
            proa_write_u8(&w, '/');
            proa_write_span(&w, option.value);
        }
    }
    path[w.err == PROA_OK ? w.len : 0] = '\0';
}

static void serve(server *s, const proa_coap_event *event)
{
    static const proa_coap_option max_age_0 = {PROA_COAP_OPT_MAX_AGE, {NULL, 0}};
    char path[PATH_MAX_LEN];
    read_path(&event->msg, path);
    bool open = strcmp(path, "/oscore/hello/coap") == 0;
    if (event->sealed || (event->peer.account == 0 && !open)) {
        answer(s, event, PROA_COAP_UNAUTHORIZED, &max_age_0, 1, proa_span_make(NULL, 0));
        return;
    }
    bool found = false;
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++) {
        if (strcmp(path, resources[i].path) == 0) {
            found = true;
            if (resources[i].method == event->msg.code) {
                resources[i].serve(s, event);
                return;
            }
        }
    }
    answer_code(s, event, found ? PROA_COAP_METHOD_NOT_ALLOWED : PROA_COAP_NOT_FOUND);
}

static void on_event(void *ctx, const proa_coap_event *event)
{
    server *s = ctx;
    if (event->kind == PROA_COAP_EVENT_REQUEST) {
        serve(s, event);
    } else if (event->kind == PROA_COAP_EVENT_RELATION_END) {
        s->observers[event->user].relation = 0;
    }
}

/* ---- telling observers ---------------------------------------------------------------------- */

static void notify(server *s, observer *o, uint8_t code, const char *text, bool confirmable)
{
    proa_coap_response response = {
        .code = code, .options = &text_format, .option_count = 1, .payload = proa_span_of(text)};
    if (proa_coap_notify(s->peer->coap, proa_linux_now_ms(), o->relation, &response, confirmable) ==
        PROA_E_NOT_FOUND) {
        o->relation = 0;
    }
    o->told++;
}

static void tell(server *s, observer *o)
{
    char text[16];
    if (o->resource == 't') {
        snprintf(text, sizeof text, "%u", o->told);
        notify(s, o, PROA_COAP_CONTENT, text, o->told % 8 == 0);
        o->due_ms = proa_linux_now_ms() + TICK_MS;
        return;
    }
    if (o->told == 0) {
        notify(s, o, PROA_COAP_CONTENT, "two", true);
        o->due_ms = proa_linux_now_ms() + NEXT_NOTIFICATION_MS;
    } else if (o->resource == '1') {
        notify(s, o, PROA_COAP_INTERNAL_SERVER_ERROR, "Terminate Observe", true);
        o->relation = 0;
    } else {
        o->due_ms = UINT64_MAX;
    }
}

/* Milliseconds until the next one. */
static int tell_observers(server *s)
{
    uint64_t now_ms = proa_linux_now_ms();
    uint64_t next_ms = now_ms + 1000;
    for (size_t i = 0; i < RELATIONS_MAX; i++) {
        observer *o = &s->observers[i];
        if (o->relation != 0 && o->due_ms <= now_ms) {
            tell(s, o);
        }
        if (o->relation != 0 && o->due_ms < next_ms) {
            next_ms = o->due_ms;
        }
    }
    return next_ms <= now_ms ? 0 : (int)(next_ms - now_ms);
}

void peer_serve(peer *p)
{
    static server s;
    s.peer = p;
    p->ctx = &s;
    p->on_event = on_event;
    memset(s.large, 'x', sizeof s.large);
    proa_oscore_info info = {.synchronised = false};
    bool has_keys = p->oscore != NULL && proa_oscore_look(p->oscore, p->account, &info);
    printf("listening %u %s\n", p->local.port,
           !has_keys           ? "keyless"
           : info.synchronised ? "synchronised"
                               : "unsure");
    fflush(stdout);
    for (;;) {
        peer_step(p, tell_observers(&s));
    }
}
