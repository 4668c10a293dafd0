/* SPDX-License-Identifier: Apache-2.0 */
/* A device on a board: owns the engines and their storage, which is all taken before the first
 * datagram. */
#include "firmware/device.h"

#include <mbedtls/ssl.h>
#include <stdalign.h>
#include <string.h>

#include "firmware/board.h"
#include "firmware/config.h"
#include "firmware/console.h"
#include "firmware/random.h"
#include "ports/mbedtls/crypto.h"
#include "ports/mbedtls/dtls.h"
#include "ports/mcu/flash_store.h"
#include "ports/mcu/lwip/net.h"
#include "proa/assert.h"
#include "proa/limits.h"

/* One server, two peers. Everything below is what those can have under way at once; the messages of a
 * small device have 256 bytes, and longer ones go in blocks. */
enum {
    SERVERS = 1,
    PEERS = 2,
    SESSIONS = SERVERS + PEERS + 1, /* one replaces another that its peer has forgotten */
    CONTEXTS = SERVERS + PEERS + 1, /* of OSCORE; one is being renewed */
    ASKS = 2,
    OBSERVATIONS = 6,
    ACCESS_TO_PEERS = 4, /* instances of 11002 */
    ACCESS_TO_SERVER =
        18,         /* instances of object 2: six here, six for what it installs for a peer */
    COAP_PEERS = 8, /* with OSCORE two each, the peer and its way; strangers */
    MESSAGE_MAX = 256,
    PROTECTED_MAX = MESSAGE_MAX + 64, /* in a record, with connection id */
    SHORT_ID = 1
};

_Static_assert(MBEDTLS_SSL_OUT_CONTENT_LEN >= MESSAGE_MAX, "a message fits a record");

/* `state` tells how much of these was needed. The box takes some of what its later sessions need
 * when they come; of the second there must be enough for three sessions and a handshake. */
#define ENGINES_LEN 22936
#define DTLS_LEN 9984

static alignas(8) uint8_t engines_bytes[ENGINES_LEN];
static alignas(8) uint8_t dtls_bytes[DTLS_LEN];
static proa_arena engines;

static proa_secure *secure;
static proa_oscore *oscore;
proa_client *device_client;
proa_c2c *device_c2c;

/* ---- the configuration ------------------------------------------------------------------- */

static _Noreturn void misconfigured(const char *what)
{
    console_begin("misconfigured ");
    console_text(what);
    console_end();
    for (;;) {
        board_wait();
    }
}

static proa_addr literal(const char *text, const char *what)
{
    proa_addr addr = {{0}, 0, 0};
    if (text != NULL && proa_addr_parse_ip(proa_span_of(text), &addr) != PROA_OK) {
        misconfigured(what);
    }
    return addr;
}

static proa_server_account server_account(void)
{
    const firmware_config *f = &firmware_configuration;
    proa_server_account account = {.short_id = SHORT_ID,
                                   .uri = proa_span_of(f->server),
                                   .mode = PROA_SECURITY_NOSEC,
                                   .oscore = f->oscore,
                                   .lifetime_s = f->lifetime_s};
    proa_uri uri;
    if (proa_uri_parse(account.uri, &uri) != PROA_OK ||
        proa_uri_addr(&uri, &account.addr) != PROA_OK) {
        misconfigured("server");
    }
    if (uri.secure) {
        if (f->identity == NULL || f->key_len < 16) {
            misconfigured("key");
        }
        account.mode = PROA_SECURITY_PSK;
        account.identity = proa_span_of(f->identity);
        account.key = proa_span_make(f->key, f->key_len);
    } else if (f->oscore == NULL) {
        misconfigured("oscore");
    }
    return account;
}

static void open_network(proa_random random)
{
    const firmware_config *f = &firmware_configuration;
    proa_addr address = literal(f->address, "address");
    bool is_v4 = proa_addr_is_v4(&address);
    proa_lwip_config config = {.ethernet = &board_ethernet,
                               .random = random,
                               .now_ms = board_now_ms,
                               .gateway4 = literal(f->gateway4, "gateway4"),
                               .prefix4_len = f->prefix4_len,
                               .port = f->port};
    *(is_v4 ? &config.address4 : &config.address6) = address;
    if (proa_lwip_open(&config) != PROA_OK) {
        misconfigured("network");
    }
}

/* Who cannot remember which numbers it has used may not protect anything. */
static proa_store open_store(void)
{
    static proa_flash_store flash;
    if (proa_flash_store_open(&flash, &board_flash) != PROA_OK) {
        misconfigured("flash");
    }
    return proa_flash_store_port(&flash);
}

/* ---- the engines ------------------------------------------------------------------------- */

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    (void)ctx;
    return device_client != NULL && proa_client_find_psk(device_client, identity, out);
}

static bool find_first(void *ctx, uint32_t id, proa_secure_first *out)
{
    (void)ctx;
    return device_client != NULL && proa_client_find_first(device_client, id, out);
}

static bool find_oscore(void *ctx, uint64_t account, proa_oscore_params *out)
{
    (void)ctx;
    return device_client != NULL && proa_client_find_oscore(device_client, account, out);
}

static void open_protection(proa_random random, proa_memory memory, proa_store store)
{
    proa_secure_config config = proa_dtls_config_device(random, memory);
    config.live_max = SESSIONS;
    config.hibernated_max = 0;
    config.handshake_max = 2;
    config.mtu = PROA_DATAGRAM_MAX;
    config.output_len = 2 * PROTECTED_MAX;
    config.find_psk = find_psk;
    config.firsts = &proa_dtls_firsts;
    config.find_first = find_first;
    const proa_oscore_config contexts = {.memory = memory,
                                         .random = random,
                                         .store = store,
                                         .crypto = &proa_mbedtls_crypto_small,
                                         .contexts_first = CONTEXTS,
                                         .contexts_max = CONTEXTS,
                                         .renewal = &proa_oscore_appendix_b2,
                                         .find_params = find_oscore};
    proa_dtls_arena_init(dtls_bytes, sizeof dtls_bytes);
    PROA_ASSERT(proa_dtls_open(&secure, &config) == PROA_OK);
    PROA_ASSERT(proa_oscore_open(&oscore, &contexts) == PROA_OK);
}

/* Installing accounts and rights of other devices takes Create on their objects before the first of
 * them exists. */
static void allow_server(void)
{
    static const uint16_t installed[] = {PROA_OBJECT_OSCORE, PROA_OBJECT_CLIENT_SECURITY,
                                         PROA_OBJECT_CLIENT, PROA_OBJECT_CLIENT_ACCESS};
    for (size_t i = 0; firmware_objects[i] != NULL; i++) {
        PROA_ASSERT(proa_client_add_object(device_client, firmware_objects[i]) == PROA_OK);
        PROA_ASSERT(proa_client_add_access(device_client, firmware_objects[i]->id, PROA_ID_ALL,
                                           SHORT_ID, PROA_RIGHTS_ALL, SHORT_ID) == PROA_OK);
    }
    for (size_t i = 0; i < sizeof installed / sizeof installed[0]; i++) {
        PROA_ASSERT(proa_client_add_access(device_client, installed[i], PROA_ID_ALL, SHORT_ID,
                                           PROA_RIGHTS_ALL, SHORT_ID) == PROA_OK);
    }
}

static void open_client(proa_random random, proa_memory memory, proa_store store)
{
    proa_client_config config =
        proa_client_config_device(proa_span_of(firmware_configuration.endpoint), random, memory);
    proa_c2c_limits limits = proa_c2c_limits_device();
    config.secure = secure;
    config.store = store;
    config.coap.oscore = proa_oscore_for_coap(oscore);
    config.coap.request_max = SERVERS + ASKS + 1;
    config.coap.relation_max = OBSERVATIONS;
    config.coap.exchange_max =
        2; /* one that is answered at once; and one later, of an account (docs/C2C.md §5) */
    config.coap.message_max = MESSAGE_MAX;
    config.coap.body_max = 512;
    config.coap.message_bytes = 768;
    config.coap.dedup_bytes = 1536; /* 23 POSTs in four minutes; a peer's account takes seven */
    config.coap.peer_max = COAP_PEERS;
    config.server_max = SERVERS;
    config.session_max = SESSIONS;
    config.access_max = ACCESS_TO_SERVER;
    config.attribute_max = 4;
    config.observation_max = OBSERVATIONS;
    config.object_max = 10;
    limits.peer_max = PEERS;
    limits.access_max = ACCESS_TO_PEERS;
    limits.ask_max = ASKS;
    limits.contexts = &proa_c2c_oscore;
    limits.compact = &proa_c2c_compact_accounts;
    PROA_ASSERT(proa_client_open(&device_client, &config) == PROA_OK);
    PROA_ASSERT(proa_c2c_open(&device_c2c, device_client, &limits) == PROA_OK);
}

/* Its frame, too, is off the stack when the device works. */
__attribute__((noinline)) void device_open(void)
{
    proa_server_account account = server_account();
    proa_random random = random_open();
    proa_store store = open_store();
    proa_arena_init(&engines, engines_bytes, sizeof engines_bytes);
    proa_memory memory = proa_arena_memory(&engines);
    open_protection(random, memory, store);
    open_client(random, memory, store);
    allow_server();
    open_network(random);
    PROA_ASSERT(proa_client_add_server(device_client, &account) == PROA_OK);
}

/* ---- one turn ---------------------------------------------------------------------------- */

bool device_receive(void)
{
    proa_addr from;
    proa_span datagram;
    bool multicast;
    if (!proa_lwip_receive(&from, &datagram, &multicast)) {
        return false;
    }
    proa_client_input(device_client, board_now_ms(), &from, datagram, multicast);
    return true;
}

void device_flush(void)
{
    proa_addr to;
    proa_span datagram;
    while (proa_client_output(device_client, board_now_ms(), &to, &datagram)) {
        proa_lwip_send(&to, datagram);
    }
}

bool device_context(uint64_t account, proa_oscore_info *out)
{
    return account != 0 && proa_oscore_look(oscore, account, out);
}

proa_secure_stats device_sessions(void)
{
    return secure->class_->stats(secure);
}

device_memory device_memory_read(void)
{
    proa_dtls_arena_stats dtls = proa_dtls_arena_read();
    device_memory memory = {
        engines.used,      engines.len,        sizeof dtls_bytes - dtls.len + dtls.peak,
        sizeof dtls_bytes, board_stack_peak(), board_stack_len()};
    return memory;
}
