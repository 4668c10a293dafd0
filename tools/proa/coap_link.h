/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_COAP_LINK_H
#define PROA_TOOLS_COAP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports/linux/keylog.h"
#include "ports/linux/pcap.h"
#include "proa/coap_engine.h"
#include "proa/secure.h"

/* A CoAP engine and a DTLS box on one UDP socket, for tools that speak CoAP without LwM2M. */
typedef struct proa_coap_link {
    int fd;
    proa_addr local;
    proa_secure *secure;
    proa_coap *coap;
    proa_pcap *pcap;
    proa_keylog *keylog;
    /* What happens, called from step; both must be set. A session that closed was taken from the
     * CoAP engine already. */
    void (*on_session)(void *ctx, const proa_secure_event *event);
    void (*on_coap)(void *ctx, const proa_coap_event *event);
    void *ctx;
    uint8_t buf[PROA_DATAGRAM_MAX + 256];
} proa_coap_link;

typedef struct proa_coap_link_options {
    const char *listen; /* ADDRESS:PORT; NULL = any */
    const char *pcap;
    const char *keylog;
    uint32_t block_size;                                            /* 0 = default */
    bool (*find_psk)(void *ctx, proa_span identity, proa_psk *out); /* NULL: no DTLS server */
    void *find_psk_ctx;
} proa_coap_link_options;

#define PROA_COAP_TOOL_BODY_MAX 65536

/* False on failure, with a sentence in `message`. Close it in any case. */
bool proa_coap_link_open(proa_coap_link *link, const proa_coap_link_options *options, char *message,
                         size_t message_cap);
void proa_coap_link_close(proa_coap_link *link);

/* Send what is due, wait for a datagram, a deadline or timeout_ms (-1 = no limit), take what came. */
void proa_coap_link_step(proa_coap_link *link, int timeout_ms);

/* Send what is due, without waiting. */
void proa_coap_link_flush(proa_coap_link *link);

#endif
