/* SPDX-License-Identifier: Apache-2.0 */
/* Socket, table and engine joined. */
#include "tests/interop/oscore_peer/peer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ports/linux/os.h"
#include "ports/linux/udp.h"
#include "ports/mbedtls/crypto.h"

void peer_fail(const char *what, const char *detail)
{
    printf("failed: %s %s\n", what, detail);
    exit(1);
}

proa_addr peer_addr(const char *text)
{
    proa_addr addr = {{0}, 0, 0};
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (colon == NULL ||
        proa_addr_parse_ip(proa_span_make(text, (size_t)(colon - text)), &addr) != PROA_OK ||
        proa_parse_decimal(proa_span_of(colon + 1), UINT16_MAX, &port) != PROA_OK) {
        peer_fail("not ADDRESS:PORT:", text);
    }
    addr.port = (uint16_t)port;
    return addr;
}

/* ---- the security contexts, test-spec5 §2 -------------------------------------------------- */

static const uint8_t secret[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t other_secret[16] = {0xff};
static const uint8_t salt[] = {0x9e, 0x7c, 0xa9, 0x22, 0x23, 0x78, 0x63, 0x40};
static const uint8_t id_context[] = {0x37, 0xcb, 0xf3, 0x21, 0x00, 0x17, 0xa2, 0xd3};
static const uint8_t server_id[] = {1};

static proa_oscore_params params_of(peer_keys keys)
{
    proa_span empty = {NULL, 0};
    proa_span one = proa_span_make(server_id, sizeof server_id);
    bool serves = keys == PEER_KEYS_B || keys == PEER_KEYS_D;
    bool other = keys == PEER_KEYS_OTHER_SECRET;
    bool with_context = keys == PEER_KEYS_C || keys == PEER_KEYS_D;
    proa_oscore_params params = {
        .master_secret = proa_span_make(other ? other_secret : secret, sizeof secret),
        .master_salt = proa_span_make(salt, sizeof salt),
        .sender_id = serves ? one : empty,
        .recipient_id = serves ? empty : one,
        .has_id_context = with_context,
        .id_context = with_context ? proa_span_make(id_context, sizeof id_context) : empty,
        .aead = PROA_COSE_AES_CCM_16_64_128,
        .hmac = PROA_COSE_HMAC_256_256,
    };
    if (keys == PEER_KEYS_OTHER_KID) {
        params.sender_id = proa_span_of("nobody");
    }
    return params;
}

/* Always as fresh keys: what the store says of them counts, and it says nothing only before the
 * first time. */
static proa_err open_table(peer *p, peer_keys keys)
{
    proa_oscore_config config = {
        .memory = proa_linux_memory(),
        .random = proa_linux_random(),
        .store = proa_files_store(&p->files),
        .crypto = &proa_mbedtls_crypto,
        .contexts_first = 1,
        .contexts_max = 2, /* a new one is derived beside the one it replaces */
        .margin = 16,      /* few, so that a test meets many writes */
    };
    proa_oscore_params params = params_of(keys);
    p->account = (uint64_t)keys;
    proa_err err = proa_oscore_open(&p->oscore, &config);
    return err != PROA_OK ? err
                          : proa_oscore_add(p->oscore, p->account, &params, PROA_OSCORE_FRESH);
}

/* ---- opening and closing ------------------------------------------------------------------- */

void peer_open(peer *p, peer_keys keys, const char *state_dir, const char *listen)
{
    p->local = peer_addr(listen);
    p->fd = proa_udp_open(&p->local);
    if (p->fd < 0) {
        peer_fail("cannot listen on", listen);
    }
    if (proa_files_open(&p->files, state_dir) != PROA_OK) {
        peer_fail("cannot use", state_dir);
    }
    proa_coap_config config = proa_coap_config_server(proa_linux_random(), proa_linux_memory());
    config.relation_max = 16;
    config.timing.ack_timeout_ms = p->ack_timeout_ms;
    proa_err err = PROA_OK;
    if (keys != PEER_KEYS_NONE) {
        err = open_table(p, keys);
        config.oscore = proa_oscore_for_coap(p->oscore);
    }
    if (err == PROA_OK) {
        err = proa_coap_open(&p->coap, &config);
    }
    if (err != PROA_OK) {
        peer_fail("cannot start:", proa_err_name(err));
    }
}

void peer_close(peer *p)
{
    proa_coap_close(p->coap);
    proa_oscore_free(p->oscore);
    proa_files_close(&p->files);
    close(p->fd);
}

/* ---- datagrams ----------------------------------------------------------------------------- */

void peer_flush(peer *p)
{
    proa_coap_peer to;
    proa_span datagram;
    while (proa_coap_output(p->coap, proa_linux_now_ms(), &to, &datagram)) {
        p->last_len = datagram.len;
        memcpy(p->last, datagram.data, datagram.len);
        (void)proa_udp_send(p->fd, &to.addr, datagram);
    }
}

static size_t wait_for(peer *p, int timeout_ms, proa_addr *from)
{
    bool multicast;
    struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
    (void)poll(&pfd, 1, timeout_ms);
    int len = proa_udp_receive(p->fd, p->in, sizeof p->in, from, &multicast);
    return len < 0 ? 0 : (size_t)len;
}

size_t peer_receive(peer *p, int timeout_ms)
{
    proa_addr from;
    return wait_for(p, timeout_ms, &from);
}

static void take_events(peer *p)
{
    proa_coap_event event;
    while (proa_coap_poll(p->coap, proa_linux_now_ms(), &event)) {
        p->on_event(p->ctx, &event);
    }
}

void peer_step(peer *p, int timeout_ms)
{
    proa_addr from;
    peer_flush(p);
    uint64_t next_ms = proa_coap_next_ms(p->coap);
    uint64_t now_ms = proa_linux_now_ms();
    uint64_t left_ms = next_ms <= now_ms ? 0 : next_ms - now_ms;
    size_t len = wait_for(p, left_ms < (uint64_t)timeout_ms ? (int)left_ms : timeout_ms, &from);
    if (len > 0) {
        const proa_coap_peer way = {from, 0, 0};
        p->received++;
        p->in[len - 1] ^= p->spoil ? 1 : 0;
        proa_coap_input(p->coap, proa_linux_now_ms(), &way, proa_span_make(p->in, len), false);
    }
    take_events(p);
    peer_flush(p);
}
