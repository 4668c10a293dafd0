/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_LWIPOPTS_H
#define PROA_LWIPOPTS_H

#include "proa/limits.h"

/* lwIP for a device that speaks UDP from one socket: no operating system, no TCP, no names, one
 * network interface. What is not said here is lwIP's default. */

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0 /* nothing of lwIP runs in an interrupt */
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_TCP 0
#define LWIP_RAW 0
#define LWIP_DNS 0
#define LWIP_UDP 1
#define LWIP_SINGLE_NETIF 1
#define LWIP_NETIF_LINK_CALLBACK 0
#define LWIP_NETIF_STATUS_CALLBACK 0
#define LWIP_STATS 0
#define LWIP_ICMP 1

/* IPv6 always. A build for a network that has IPv4 as well says so (-DPROA_LWIP_IPV4=1). */
#ifndef PROA_LWIP_IPV4
#define PROA_LWIP_IPV4 0
#endif
#define LWIP_IPV4 PROA_LWIP_IPV4
#define LWIP_IPV6 1
#define LWIP_ICMP6 1
#define LWIP_IPV6_MLD 1
#define LWIP_MULTICAST_TX_OPTIONS 0 /* only lwIP itself sends to groups */
#define LWIP_CHKSUM_ALGORITHM 1     /* the smallest of three */

/* Addresses are given by the program, which answers for their being unique: no autoconfiguration,
 * and the second that looking for duplicates takes (RFC 4862 §5.4) is not spent at each start. */
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_IPV6_NUM_ADDRESSES 2 /* link-local, and the one that was given */
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 1
/* Anybody may say what a router says: it sets no timers, and the MTU is the least there is (net.c). */
#define LWIP_ND6_ALLOW_RA_UPDATES 0
#define LWIP_DHCP 0
#define LWIP_AUTOIP 0
#define LWIP_ACD 0

/* CoAP cuts into blocks what is too long for a datagram, so no datagram is cut into fragments, and
 * one that comes in fragments is not for us. */
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define LWIP_IPV6_FRAG 0
#define LWIP_IPV6_REASS 0

/* Neighbours: server, a few peers, a router. While an address is looked for, one datagram waits. */
#define ARP_TABLE_SIZE 6
#define ARP_QUEUEING 0
#define LWIP_ND6_QUEUEING 0
#define LWIP_ND6_NUM_NEIGHBORS 5
#define LWIP_ND6_NUM_DESTINATIONS 5
#define LWIP_ND6_NUM_PREFIXES 2
#define LWIP_ND6_NUM_ROUTERS 1
#define LWIP_ND6_TCP_REACHABILITY_HINTS 0

/* Memory. One frame at a time is received and handed on (net.c). It lies in two buffers at most: a
 * datagram that this device takes in one, with Ethernet's, IPv6's and UDP's headers before it; the
 * longest frame, which has 1294 bytes, in both. Sent ones take only their headers from the heap, unless they
 * wait for a neighbour: two can, with a message of 256 bytes inside DTLS. */
#define MEM_ALIGNMENT 4
#define MEM_SIZE 880
#define PBUF_POOL_SIZE 2
#define PBUF_POOL_BUFSIZE (PROA_DATAGRAM_MAX + 72)
#define MEMP_NUM_UDP_PCB 1
#define MEMP_NUM_PBUF 4
#define MEMP_NUM_MLD6_GROUP 3
#define ETH_PAD_SIZE 0

#endif
