/* SPDX-License-Identifier: Apache-2.0 */
/* One socket, told apart by the first byte: 20-63 is DTLS, the rest CoAP (RFC 7983). */
#include "tools/proa/coap_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ports/linux/os.h"
#include "ports/linux/udp.h"
#include "ports/mbedtls/dtls.h"

static bool fail(char *message, size_t cap, const char *what, const char *detail)
{
    snprintf(message, cap, "%s: %s", what, detail);
    return false;
}

static bool open_socket(proa_coap_link *l, const char *listen, char *message, size_t cap)
{
    const char *text = listen == NULL ? "[::]:0" : listen;
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL ||
        proa_addr_parse_ip(proa_span_make(text, (size_t)(colon - text)), &l->local) != PROA_OK ||
        proa_parse_decimal(proa_span_of(colon + 1), UINT16_MAX, &port) != PROA_OK) {
        return fail(message, cap, text, "must be ADDRESS:PORT, as [::]:5683 or 127.0.0.1:0");
    }
    l->local.port = (uint16_t)port;
    l->fd = proa_udp_open(&l->local);
    return l->fd >= 0 || fail(message, cap, text, strerror(-l->fd));
}

static bool open_engines(proa_coap_link *l, const proa_coap_link_options *o, char *message,
                         size_t cap)
{
    proa_secure_config secure = proa_dtls_config_device(proa_linux_random(), proa_linux_memory());
    secure.find_psk = o->find_psk;
    secure.find_psk_ctx = o->find_psk_ctx;
    secure.live_max = 64;
    secure.handshake_max = 16;
    if (l->keylog != NULL) {
        secure.debug_keylog = true;
        secure.keylog = proa_keylog_write;
        secure.keylog_ctx = l->keylog;
    }
    proa_err err = proa_dtls_open(&l->secure, &secure);
    if (err == PROA_OK) {
        /* The sizes of a server, which grow as they are needed, but fewer. */
        proa_coap_config coap = proa_coap_config_server(proa_linux_random(), proa_linux_memory());
        coap.request_max = 16;
        coap.exchange_max = 256;
        coap.relation_max = 64;
        coap.body_count_max = 16;
        coap.body_max = PROA_COAP_TOOL_BODY_MAX;
        coap.dedup_bytes = 8 * 1024 * 1024;
        coap.peer_max = 8192;
        coap.block_size = o->block_size == 0 ? coap.block_size : (uint16_t)o->block_size;
        err = proa_coap_open(&l->coap, &coap);
    }
    return err == PROA_OK || fail(message, cap, "cannot start", proa_err_name(err));
}

bool proa_coap_link_open(proa_coap_link *l, const proa_coap_link_options *o, char *message,
                         size_t message_cap)
{
    memset(l, 0, sizeof *l);
    l->fd = -1;
    if (!open_socket(l, o->listen, message, message_cap)) {
        return false;
    }
    if (o->pcap != NULL && (l->pcap = proa_pcap_open(o->pcap)) == NULL) {
        return fail(message, message_cap, o->pcap, strerror(errno));
    }
    if (o->keylog != NULL && (l->keylog = proa_keylog_open(o->keylog)) == NULL) {
        return fail(message, message_cap, o->keylog,
                    errno == ENOTSUP ? "only debug builds write session secrets" : strerror(errno));
    }
    return open_engines(l, o, message, message_cap);
}

void proa_coap_link_close(proa_coap_link *l)
{
    if (l->coap != NULL) {
        proa_coap_close(l->coap);
    }
    if (l->secure != NULL) {
        l->secure->class_->free(l->secure);
    }
    if (l->fd >= 0) {
        close(l->fd);
    }
    proa_pcap_close(l->pcap);
    proa_keylog_close(l->keylog);
}

/* ---- datagrams -------------------------------------------------------------------------- */

static void capture(const proa_coap_link *l, const proa_addr *from, const proa_addr *to,
                    proa_span datagram)
{
    if (l->pcap != NULL) {
        struct timespec wall;
        clock_gettime(CLOCK_REALTIME, &wall);
        proa_pcap_write(l->pcap, (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec, from, to,
                        datagram);
    }
}

static void send_datagram(const proa_coap_link *l, const proa_addr *to, proa_span datagram)
{
    capture(l, &l->local, to, datagram);
    (void)proa_udp_send(l->fd, to, datagram); /* a lost datagram is the protocol's business */
}

void proa_coap_link_flush(proa_coap_link *l)
{
    proa_coap_peer to;
    proa_addr addr;
    proa_span datagram;
    while (proa_coap_output(l->coap, proa_linux_now_ms(), &to, &datagram)) {
        if (to.session == 0) {
            send_datagram(l, &to.addr, datagram);
        } else {
            /* A session that is gone shows as a CLOSED event; what does not fit is repeated. */
            (void)!l->secure->class_->send(l->secure, proa_linux_now_ms(), to.session, datagram);
        }
    }
    while (l->secure->class_->output(l->secure, proa_linux_now_ms(), &addr, &datagram)) {
        send_datagram(l, &addr, datagram);
    }
}

static void take_coap(proa_coap_link *l)
{
    proa_coap_event event;
    while (proa_coap_poll(l->coap, proa_linux_now_ms(), &event)) {
        l->on_coap(l->ctx, &event);
    }
}

static void take_secure(proa_coap_link *l)
{
    proa_secure_event event;
    while (l->secure->class_->poll(l->secure, proa_linux_now_ms(), &event)) {
        const proa_coap_peer peer = {event.addr, event.session, 0};
        if (event.kind == PROA_SECURE_DATA) {
            proa_coap_input(l->coap, proa_linux_now_ms(), &peer, event.data, false);
            take_coap(l);
            continue;
        }
        if (event.kind == PROA_SECURE_CLOSED) {
            proa_coap_peer_gone(l->coap, proa_linux_now_ms(), &peer);
            take_coap(l);
        }
        l->on_session(l->ctx, &event);
    }
}

static int wait_ms(const proa_coap_link *l, int timeout_ms)
{
    uint64_t now_ms = proa_linux_now_ms();
    uint64_t next_ms = proa_coap_next_ms(l->coap);
    uint64_t secure_ms = l->secure->class_->next_ms(l->secure);
    next_ms = secure_ms < next_ms ? secure_ms : next_ms;
    uint64_t left_ms = next_ms <= now_ms ? 0 : next_ms - now_ms;
    if (timeout_ms >= 0 && left_ms > (uint64_t)timeout_ms) {
        return timeout_ms;
    }
    return left_ms > 60000 ? 60000 : (int)left_ms;
}

void proa_coap_link_step(proa_coap_link *l, int timeout_ms)
{
    proa_addr from;
    bool multicast;
    proa_coap_link_flush(l);
    struct pollfd pfd = {.fd = l->fd, .events = POLLIN};
    (void)poll(&pfd, 1, wait_ms(l, timeout_ms)); /* a signal only makes this turn shorter */
    int len = proa_udp_receive(l->fd, l->buf, sizeof l->buf, &from, &multicast);
    if (len > 0) {
        proa_span datagram = {l->buf, (size_t)len};
        capture(l, &from, &l->local, datagram);
        if (l->buf[0] >= 20 && l->buf[0] <= 63) {
            l->secure->class_->input(l->secure, proa_linux_now_ms(), &from, datagram);
        } else {
            const proa_coap_peer peer = {from, 0, 0};
            proa_coap_input(l->coap, proa_linux_now_ms(), &peer, datagram, multicast);
        }
    }
    take_coap(l);
    take_secure(l);
    proa_coap_link_flush(l);
}
