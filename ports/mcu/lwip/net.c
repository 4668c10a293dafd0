/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP between an Ethernet controller and a UDP socket.
 *
 * lwIP calls back with each datagram while a frame is fed to it. Engines want to be fed, not called,
 * so the callback only keeps the datagram: at most one, because a frame holds no more, and the next
 * frame is not taken in before it was handed on. */
#include "ports/mcu/lwip/net.h"

#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>
#include <string.h>

#include "proa/assert.h"
#include "proa/limits.h"

#define MTU 1280 /* what every IPv6 link carries; nothing longer leaves or is expected */
#define ETHERNET_HEADER 14
#define FRAME_MAX (ETHERNET_HEADER + 1500)

/* What stands before a datagram's bytes: of Ethernet, IPv6, UDP. */
#define HEADERS (ETHERNET_HEADER + 40 + 8)
_Static_assert(PBUF_POOL_BUFSIZE >= HEADERS + PROA_DATAGRAM_MAX, "a datagram lies in one buffer");
_Static_assert(PBUF_POOL_BUFSIZE *PBUF_POOL_SIZE >= ETHERNET_HEADER + MTU, "every frame fits");

static struct {
    proa_lwip_config config;
    struct netif netif;
    struct udp_pcb *socket;
    struct pbuf *datagram; /* came and was not handed on; or was, and is still in use */
    bool is_new;
    bool multicast;
    proa_addr from;
} net;

u32_t sys_now(void)
{
    return (u32_t)net.config.now_ms();
}

uint32_t proa__lwip_random(void)
{
    uint32_t value;
    proa_random_fill(&net.config.random, &value, sizeof value);
    return value;
}

/* ---- addresses --------------------------------------------------------------------------- */

static bool is_none(const proa_addr *addr)
{
    static const uint8_t none[16];
    return memcmp(addr->ip, none, sizeof none) == 0;
}

static void to_ip6(const proa_addr *addr, ip6_addr_t *out)
{
    memcpy(out->addr, addr->ip, sizeof addr->ip);
    ip6_addr_clear_zone(out);
    ip6_addr_assign_zone(out, IP6_UNKNOWN, &net.netif);
}

#if LWIP_IPV4
static void to_ip4(const proa_addr *addr, ip4_addr_t *out)
{
    memcpy(&out->addr, addr->ip + 12, 4);
}

static void to_ip(const proa_addr *addr, ip_addr_t *out)
{
    if (proa_addr_is_v4(addr)) {
        IP_SET_TYPE_VAL(*out, IPADDR_TYPE_V4);
        to_ip4(addr, ip_2_ip4(out));
    } else {
        IP_SET_TYPE_VAL(*out, IPADDR_TYPE_V6);
        to_ip6(addr, ip_2_ip6(out));
    }
}

static void ip4_of(const ip_addr_t *ip, proa_addr *out)
{
    out->ip[10] = 0xff;
    out->ip[11] = 0xff;
    memcpy(out->ip + 12, &ip_2_ip4(ip)->addr, 4);
}

static proa_err set_address4(const proa_lwip_config *config)
{
    ip4_addr_t address, mask, gateway;
    if (is_none(&config->address4)) {
        return PROA_OK;
    }
    if (!proa_addr_is_v4(&config->address4) || config->prefix4_len < 1 ||
        config->prefix4_len > 31) {
        return PROA_E_RANGE;
    }
    to_ip4(&config->address4, &address);
    to_ip4(&config->gateway4, &gateway);
    mask.addr = lwip_htonl(UINT32_MAX << (32 - config->prefix4_len));
    netif_set_addr(&net.netif, &address, &mask, &gateway);
    return PROA_OK;
}
#else
static void to_ip(const proa_addr *addr, ip_addr_t *out)
{
    to_ip6(addr, out);
}

static void ip4_of(const ip_addr_t *ip, proa_addr *out)
{
    (void)ip;
    (void)out;
}

static proa_err set_address4(const proa_lwip_config *config)
{
    return is_none(&config->address4) ? PROA_OK : PROA_E_UNSUPPORTED;
}
#endif

static void of_ip(const ip_addr_t *ip, uint16_t port, proa_addr *out)
{
    memset(out, 0, sizeof *out);
    out->port = port;
    if (IP_IS_V4(ip)) {
        ip4_of(ip, out);
        return;
    }
    memcpy(out->ip, ip_2_ip6(ip)->addr, sizeof out->ip);
    if (proa_addr_is_link_local(out)) {
        out->zone = netif_get_index(&net.netif);
    }
}

static proa_err set_addresses(const proa_lwip_config *config)
{
    ip6_addr_t address;
    s8_t index = 0;
    netif_create_ip6_linklocal_address(&net.netif, 1);
    netif_ip6_addr_set_state(&net.netif, 0, IP6_ADDR_PREFERRED);
    if (!is_none(&config->address6)) {
        to_ip6(&config->address6, &address);
        if (proa_addr_is_v4(&config->address6) || proa_addr_is_multicast(&config->address6) ||
            netif_add_ip6_address(&net.netif, &address, &index) != ERR_OK) {
            return PROA_E_RANGE;
        }
        netif_ip6_addr_set_state(&net.netif, index, IP6_ADDR_PREFERRED);
    }
    return set_address4(config);
}

/* ---- frames ------------------------------------------------------------------------------ */

static err_t send_frame(struct netif *netif, struct pbuf *frame)
{
    const proa_ethernet *ethernet = net.config.ethernet;
    (void)netif;
    if (frame->tot_len < ETHERNET_HEADER || frame->tot_len > FRAME_MAX) {
        return ERR_VAL;
    }
    if (!ethernet->begin(frame->tot_len)) {
        return ERR_WOULDBLOCK;
    }
    for (const struct pbuf *part = frame; part != NULL; part = part->next) {
        ethernet->write(part->payload, part->len);
    }
    ethernet->end();
    return ERR_OK;
}

static err_t open_netif(struct netif *netif)
{
    net.config.ethernet->open(netif->hwaddr);
    netif->hwaddr_len = 6;
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = MTU;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
    netif->linkoutput = send_frame;
    netif->output_ip6 = ethip6_output;
#if LWIP_IPV4
    netif->output = etharp_output;
#endif
    return ERR_OK;
}

/* One frame into lwIP; false if there is none. One that finds no buffer is lost. */
static bool take_frame(void)
{
    const proa_ethernet *ethernet = net.config.ethernet;
    size_t len = ethernet->next();
    if (len == 0) {
        return false;
    }
    struct pbuf *frame = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_POOL);
    if (frame == NULL) {
        return true;
    }
    for (struct pbuf *part = frame; part != NULL; part = part->next) {
        ethernet->read(part->payload, part->len);
    }
    if (net.netif.input(frame, &net.netif) != ERR_OK) {
        pbuf_free(frame);
    }
    return true;
}

/* ---- datagrams --------------------------------------------------------------------------- */

static void forget(void)
{
    if (net.datagram != NULL) {
        pbuf_free(net.datagram);
        net.datagram = NULL;
    }
}

static void got(void *ctx, struct udp_pcb *socket, struct pbuf *datagram, const ip_addr_t *from,
                u16_t port)
{
    (void)ctx;
    (void)socket;
    forget();
    net.datagram = datagram;
    net.is_new = true;
    net.multicast = ip_addr_ismulticast(ip_current_dest_addr());
    of_ip(from, port, &net.from);
}

bool proa_lwip_receive(proa_addr *from, proa_span *datagram, bool *multicast)
{
    forget();
    net.is_new = false;
    sys_check_timeouts();
    while (!net.is_new && take_frame()) {
    }
    if (!net.is_new) {
        return false;
    }
    *from = net.from;
    *multicast = net.multicast;
    bool too_long = net.datagram->next != NULL || net.datagram->len > PROA_DATAGRAM_MAX;
    *datagram = proa_span_make(net.datagram->payload, too_long ? 0 : net.datagram->len);
    return true;
}

/* A reference to bytes that only live for this call: lwIP copies what has to wait (PBUF_REF). */
void proa_lwip_send(const proa_addr *to, proa_span datagram)
{
    ip_addr_t ip;
    struct pbuf *p =
        pbuf_alloc_reference((void *)(uintptr_t)datagram.data, (u16_t)datagram.len, PBUF_REF);
    if (p == NULL) {
        return;
    }
    to_ip(to, &ip);
    (void)udp_sendto(net.socket, p, &ip, to->port);
    pbuf_free(p);
}

/* ---- opening ----------------------------------------------------------------------------- */

proa_err proa_lwip_open(const proa_lwip_config *config)
{
    net.config = *config;
    lwip_init();
    if (netif_add_noaddr(&net.netif, NULL, open_netif, ethernet_input) == NULL) {
        return PROA_E_NO_MEMORY;
    }
    netif_set_default(&net.netif);
    netif_set_up(&net.netif);
    proa_err err = set_addresses(config);
    if (err != PROA_OK) {
        return err;
    }
    net.socket = udp_new_ip_type(IPADDR_TYPE_ANY);
    if (net.socket == NULL || udp_bind(net.socket, IP_ANY_TYPE, config->port) != ERR_OK) {
        return PROA_E_NO_MEMORY;
    }
    udp_recv(net.socket, got, NULL);
    return PROA_OK;
}
