/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams in, packets over the radio, datagrams out. */
#include "experiments/mesh.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/radio/ipv6.h"
#include "sim/world.h"

#define PORT 5684U

static unsigned place_of(const lab_mesh *mesh, unsigned node)
{
    return node == SIM_SERVER_NODE      ? SIM_TOPOLOGY_WIRED
           : node == LAB_REQUESTER_NODE ? mesh->topology->requester
                                        : mesh->topology->host;
}

proa_addr lab_mesh_address(const lab_mesh *mesh, unsigned node)
{
    proa_addr addr = {.port = PORT};
    sim_radio_address(place_of(mesh, node), addr.ip);
    return addr;
}

static void send(void *ctx, uint64_t now_us, unsigned from_node, unsigned to_node,
                 const proa_addr *from, const proa_addr *to, proa_span bytes)
{
    const lab_mesh *mesh = ctx;
    uint8_t packet[SIM_IPV6_PACKET_MAX];
    size_t len = sim_ipv6_write(packet, sizeof packet, from, to, bytes);
    (void)to_node;
    if (len == 0) {
        fprintf(stderr, "proa-experiment: a datagram of %zu bytes fits no IPv6 packet\n",
                bytes.len);
        exit(1); /* the world was told of the MTU */
    }
    sim_radio_send(mesh->radio, now_us, place_of(mesh, from_node), proa_span_make(packet, len));
}

static uint64_t next_us(const void *ctx)
{
    const lab_mesh *mesh = ctx;
    return sim_radio_next_us(mesh->radio);
}

static sim_datagram *take(void *ctx, uint64_t now_us)
{
    const lab_mesh *mesh = ctx;
    proa_addr from;
    proa_addr to;
    proa_span packet;
    proa_span payload;
    unsigned node;
    while (sim_radio_take(mesh->radio, now_us, &node, &packet)) {
        if (sim_ipv6_read(packet, &from, &to, &payload)) {
            return sim_datagram_make(now_us, &from, &to, payload);
        }
    }
    return NULL;
}

sim_carrier lab_mesh_carrier(lab_mesh *mesh)
{
    sim_carrier carrier = {mesh, send, next_us, take};
    return carrier;
}
