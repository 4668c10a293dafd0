/* SPDX-License-Identifier: Apache-2.0 */
/* The server at the other end of the wire: the same engines, with memory of its own but for what
 * Mbed TLS takes, which has one arena: it is larger here than on the device. */
#include "firmware/measure/server.h"

#include <stdalign.h>
#include <string.h>

#include "firmware/board.h"
#include "firmware/config.h"
#include "firmware/measure/wire.h"
#include "ports/mbedtls/crypto.h"
#include "ports/mbedtls/dtls.h"
#include "proa/assert.h"
#include "proa/coap_engine.h"
#include "proa/oscore.h"

#define ENGINES_LEN 65536U
#define DTLS_LEN 65536U
#define ACCOUNT 1U

static alignas(8) uint8_t engines_bytes[ENGINES_LEN];
static alignas(8) uint8_t dtls_bytes[DTLS_LEN];
static const proa_addr device = {
    {0xfd, 0, 0x0c, 0x2c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10}, 5683, 0};

static proa_arena engines;
static proa_secure *box; /* NULL: OSCORE */
static proa_oscore *oscore;
static proa_coap *coap;
static proa_coap_peer peer; /* the device, as CoAP knows it */
static bool registered;
static bool observes;
static unsigned notified;

/* The linker leads the device's choice of an arena through here (--wrap), because both ends of a
 * handshake do not fit one that is made for one of them. The linker prescribes these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void __real_proa_dtls_arena_init(void *mem, size_t len);
void __wrap_proa_dtls_arena_init(void *mem, size_t len);

void __wrap_proa_dtls_arena_init(void *mem, size_t len)
{
    (void)mem;
    (void)len;
    __real_proa_dtls_arena_init(dtls_bytes, sizeof dtls_bytes);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* Numbers that are nobody's secret, and others than the device draws. */
static void fill(void *ctx, uint8_t *out, size_t len)
{
    static uint32_t state = 2463534242U;
    (void)ctx;
    while (len-- > 0) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *out++ = (uint8_t)(state >> 24);
    }
}

/* ---- keys -------------------------------------------------------------------------------- */

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    const firmware_config *f = &firmware_configuration;
    (void)ctx;
    memcpy(out->key, f->key, f->key_len);
    out->key_len = (uint8_t)f->key_len;
    out->account = ACCOUNT;
    return proa_span_equal(identity, proa_span_of(f->identity));
}

/* The device's, seen from here. */
static bool find_params(void *ctx, uint64_t account, proa_oscore_params *out)
{
    const proa_oscore_params *of_device = firmware_configuration.oscore;
    (void)ctx;
    *out = *of_device;
    out->sender_id = of_device->recipient_id;
    out->recipient_id = of_device->sender_id;
    return account == ACCOUNT;
}

/* Nobody calls it by one. */
static bool find_first(void *ctx, uint32_t id, proa_secure_first *out)
{
    (void)ctx;
    (void)id;
    (void)out;
    return false;
}

static void open_dtls(proa_random random, proa_memory memory)
{
    proa_secure_config config = proa_dtls_config_device(random, memory);
    config.live_max = 2;
    config.hibernated_max = 0;
    config.handshake_max = 2;
    config.mtu = PROA_DATAGRAM_MAX;
    config.find_psk = find_psk;
    config.firsts = &proa_dtls_firsts;
    config.find_first = find_first;
    PROA_ASSERT(proa_dtls_open(&box, &config) == PROA_OK);
}

static void open_oscore(proa_random random, proa_memory memory)
{
    const proa_oscore_config config = {.memory = memory,
                                       .random = random,
                                       .crypto = &proa_mbedtls_crypto_small,
                                       .contexts_first = 2,
                                       .contexts_max = 2,
                                       .renewal = &proa_oscore_appendix_b2,
                                       .find_params = find_params};
    proa_oscore_params params;
    PROA_ASSERT(find_params(NULL, ACCOUNT, &params));
    PROA_ASSERT(proa_oscore_open(&oscore, &config) == PROA_OK);
    PROA_ASSERT(proa_oscore_add(oscore, ACCOUNT, &params, PROA_OSCORE_FRESH) == PROA_OK);
}

void server_open(void)
{
    const proa_random random = {fill, NULL};
    proa_arena_init(&engines, engines_bytes, sizeof engines_bytes);
    proa_memory memory = proa_arena_memory(&engines);
    proa_coap_config config = proa_coap_config_device(random, memory);
    if (firmware_configuration.oscore == NULL) {
        open_dtls(random, memory);
    } else {
        open_oscore(random, memory);
        config.oscore = proa_oscore_for_coap(oscore);
    }
    PROA_ASSERT(proa_coap_open(&coap, &config) == PROA_OK);
}

/* ---- at work ----------------------------------------------------------------------------- */

static void answer(const proa_coap_event *event)
{
    const proa_coap_option location = {PROA_COAP_OPT_LOCATION_PATH, proa_span_of("rd")};
    const proa_coap_response created = {
        .code = PROA_COAP_CREATED, .options = &location, .option_count = 1};
    PROA_ASSERT(event->msg.code == PROA_COAP_POST && !registered);
    PROA_ASSERT(proa_coap_respond(coap, board_now_ms(), event->exchange, &created) == PROA_OK);
    peer = event->peer;
    registered = true;
}

static void work_coap(void)
{
    proa_coap_event event;
    while (proa_coap_poll(coap, board_now_ms(), &event)) {
        switch (event.kind) {
        case PROA_COAP_EVENT_REQUEST:
            answer(&event);
            break;
        case PROA_COAP_EVENT_RESPONSE:
            observes = event.observing && event.msg.code == PROA_COAP_CONTENT;
            break;
        default:
            PROA_ASSERT(event.kind == PROA_COAP_EVENT_NOTIFICATION);
            notified++;
        }
    }
}

static void work_box(void)
{
    proa_secure_event event;
    while (box->class_->poll(box, board_now_ms(), &event)) {
        const proa_coap_peer from = {event.addr, event.session, 0};
        PROA_ASSERT(event.kind != PROA_SECURE_CLOSED);
        if (event.kind == PROA_SECURE_DATA) {
            proa_coap_input(coap, board_now_ms(), &from, event.data, false);
            work_coap();
        }
    }
}

static void take(proa_span datagram)
{
    const proa_coap_peer from = {device, 0, 0};
    if (box != NULL) {
        box->class_->input(box, board_now_ms(), &device, datagram);
        work_box();
    } else {
        proa_coap_input(coap, board_now_ms(), &from, datagram, false);
        work_coap();
    }
}

static void give(void)
{
    proa_addr to;
    proa_coap_peer whom;
    proa_span datagram;
    while (proa_coap_output(coap, board_now_ms(), &whom, &datagram)) {
        if (box == NULL) {
            wire_give(datagram);
        } else {
            proa_err err = box->class_->send(box, board_now_ms(), whom.session, datagram);
            PROA_ASSERT(err == PROA_OK);
        }
    }
    while (box != NULL && box->class_->output(box, board_now_ms(), &to, &datagram)) {
        wire_give(datagram);
    }
}

void server_work(void)
{
    proa_span datagram;
    while (wire_take(&datagram)) {
        take(datagram);
    }
    work_coap();
    give();
}

bool server_has_session(void)
{
    return box == NULL || box->class_->stats(box).live > 0;
}

void server_begin_first(void)
{
    static const uint8_t identity[16] = {1};
    const proa_secure_first first = {.psk = {.key = {2}, .key_len = 16, .account = ACCOUNT + 1},
                                     .identity = proa_span_make(identity, sizeof identity)};
    uint32_t id, session;
    PROA_ASSERT(box->class_->first_id(box, &first, false, &id) == PROA_OK);
    PROA_ASSERT(box->class_->open_first(box, board_now_ms(), &device, &first, &session) == PROA_OK);
}

bool server_has_registered(void)
{
    return registered;
}

void server_observe(void)
{
    const proa_coap_option options[] = {{PROA_COAP_OPT_URI_PATH, proa_span_of("3311")},
                                        {PROA_COAP_OPT_URI_PATH, proa_span_of("0")},
                                        {PROA_COAP_OPT_URI_PATH, proa_span_of("5851")},
                                        {PROA_COAP_OPT_ACCEPT, {NULL, 0}}}; /* 0: text */
    const proa_coap_request request = {.code = PROA_COAP_GET,
                                       .observe = PROA_COAP_OBSERVE_START,
                                       .options = options,
                                       .option_count = sizeof options / sizeof options[0]};
    proa_coap_id id;
    PROA_ASSERT(proa_coap_send(coap, board_now_ms(), &peer, &request, &id) == PROA_OK);
}

bool server_observes(void)
{
    return observes;
}

unsigned server_notified(void)
{
    return notified;
}
