/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic for the test that kills both ends: one request after the other, short and in blocks, and
 * an observation beside them. Each answer is a line. */
#include <stdio.h>
#include <string.h>

#include "ports/linux/os.h"
#include "tests/interop/oscore_peer/peer.h"

#define REQUEST_TIMEOUT_MS 2000
#define ACK_TIMEOUT_MS 50
#define BODY_LEN 1500

enum { ASKS = 1, OBSERVES };

typedef struct traffic {
    peer *peer;
    proa_coap_peer server;
    unsigned sent;
    bool asking, observing;
    uint8_t body[BODY_LEN];
} traffic;

static bool begin(traffic *t, const proa_coap_request *request)
{
    proa_coap_id id;
    return proa_coap_send(t->peer->coap, proa_linux_now_ms(), &t->server, request, &id) == PROA_OK;
}

static const proa_coap_option *path_of(const char *first, const char *second, const char *third)
{
    static proa_coap_option path[3];
    const char *const segments[] = {first, second, third};
    for (size_t i = 0; i < 3; i++) {
        path[i] = (proa_coap_option){PROA_COAP_OPT_URI_PATH, proa_span_of(segments[i])};
    }
    return path;
}

static bool ask(traffic *t)
{
    bool posts = t->sent % 3 == 1;
    bool is_long = t->sent % 9 == 1;
    const proa_coap_request request = {
        .code = posts ? PROA_COAP_POST : PROA_COAP_GET,
        .options = posts ? path_of("oscore", "hello", "6") : path_of("traffic", "now", ""),
        .option_count = posts ? 3 : 2,
        .payload = proa_span_make(t->body, posts ? is_long ? BODY_LEN : 8 : 0),
        .user = ASKS,
        .timeout_ms = REQUEST_TIMEOUT_MS,
    };
    memset(t->body, (int)('a' + t->sent % 26), sizeof t->body);
    t->sent++;
    return begin(t, &request);
}

static bool observe(traffic *t)
{
    const proa_coap_request request = {
        .code = PROA_COAP_GET,
        .observe = PROA_COAP_OBSERVE_START,
        .options = path_of("traffic", "ticks", ""),
        .option_count = 2,
        .user = OBSERVES,
        .timeout_ms = REQUEST_TIMEOUT_MS,
    };
    return begin(t, &request);
}

static void on_event(void *ctx, const proa_coap_event *event)
{
    traffic *t = ctx;
    if (event->kind == PROA_COAP_EVENT_NOTIFICATION) {
        return;
    }
    if (event->kind == PROA_COAP_EVENT_RESPONSE && event->user == ASKS) {
        printf("answered %u.%02u\n", event->msg.code >> 5, event->msg.code & 31U);
        fflush(stdout);
    }
    if (event->kind == PROA_COAP_EVENT_RESPONSE || event->kind == PROA_COAP_EVENT_FAILED) {
        t->asking = t->asking && event->user != ASKS;
        t->observing = event->user == OBSERVES ? event->observing : t->observing;
    }
}

void peer_traffic(const char *state_dir, const proa_addr *server)
{
    static peer p;
    static traffic t;
    p.ctx = &t;
    p.on_event = on_event;
    p.ack_timeout_ms = ACK_TIMEOUT_MS;
    peer_open(&p, PEER_KEYS_A, state_dir, "127.0.0.1:0");
    t.peer = &p;
    t.server = (proa_coap_peer){*server, 0, p.account};
    for (;;) {
        t.asking = t.asking || ask(&t);
        t.observing = t.observing || observe(&t);
        peer_step(&p, 1000);
    }
}
