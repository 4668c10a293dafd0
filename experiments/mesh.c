/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams in, packets over the radio, datagrams out. The radio knows what each packet costs a processor;
 * what keys cost beside that is waited for here. */
#include "experiments/mesh.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/radio/ipv6.h"
#include "sim/world.h"

/* Devices choose theirs among those that 6LoWPAN says in four bits, if both ends do (RFC 6282 §4.3.3). */
#define SERVER_PORT 5684U
#define DEVICE_PORT 61616U

static unsigned place_of(const lab_mesh *mesh, unsigned node)
{
    return node == SIM_SERVER_NODE      ? SIM_TOPOLOGY_WIRED
           : node == LAB_REQUESTER_NODE ? mesh->topology->requester
                                        : mesh->topology->host;
}

proa_addr lab_mesh_address(const lab_mesh *mesh, unsigned node)
{
    proa_addr addr = {.port = node == SIM_SERVER_NODE ? SERVER_PORT : DEVICE_PORT};
    sim_radio_address(place_of(mesh, node), addr.ip);
    return addr;
}

static void leave(const lab_mesh *mesh, uint64_t now_us, unsigned place, const proa_addr *from,
                  const proa_addr *to, proa_span bytes)
{
    uint8_t packet[SIM_IPV6_PACKET_MAX];
    size_t len = sim_ipv6_write(packet, sizeof packet, from, to, bytes);
    if (len == 0) {
        fprintf(stderr, "proa-experiment: a datagram of %zu bytes fits no IPv6 packet\n",
                bytes.len);
        exit(1); /* the world was told of the MTU */
    }
    sim_radio_send(mesh->radio, now_us, place, proa_span_make(packet, len));
}

/* ChangeCipherSpec or handshake, in the clear when the datagram begins (RFC 6347 §4.1). */
static bool is_handshake(proa_span bytes)
{
    return bytes.len > 13 && (bytes.data[0] == 20 || bytes.data[0] == 22) && bytes.data[3] == 0 &&
           bytes.data[4] == 0;
}

/* With a connection id: of an established session (RFC 9146 §3). */
static bool is_record(proa_span bytes)
{
    return bytes.len > 13 && bytes.data[0] == 25;
}

/* What a device computes before this datagram, beside what each takes. With a handshake it has the keys. */
static uint32_t keys_us(lab_mesh *mesh, unsigned from_node, unsigned to_node, proa_span bytes)
{
    if (from_node == SIM_SERVER_NODE) {
        return 0;
    }
    bool *has_keys = &mesh->has_keys[from_node == LAB_HOST_NODE ? 0 : 1];
    bool between_devices = to_node != SIM_SERVER_NODE;
    bool begins = between_devices && is_record(bytes) && !*has_keys;
    *has_keys |= between_devices && (is_handshake(bytes) || begins);
    return is_handshake(bytes) ? mesh->handshake_us : begins ? mesh->first_us : 0;
}

/* By the time when they may go; of those with one time, as they came. */
static void hold(lab_mesh *mesh, sim_datagram *d)
{
    sim_datagram **place = &mesh->held;
    while (*place != NULL && (*place)->at_us <= d->at_us) {
        place = &(*place)->next;
    }
    d->next = *place;
    *place = d;
}

static void send(void *ctx, uint64_t now_us, unsigned from_node, unsigned to_node,
                 const proa_addr *from, const proa_addr *to, proa_span bytes)
{
    lab_mesh *mesh = ctx;
    uint32_t wait_us = keys_us(mesh, from_node, to_node, bytes);
    if (wait_us > 0) {
        hold(mesh, sim_datagram_make(now_us + wait_us, from, to, bytes));
    } else {
        leave(mesh, now_us, place_of(mesh, from_node), from, to, bytes);
    }
}

static void release(lab_mesh *mesh, uint64_t now_us)
{
    const proa_addr host = lab_mesh_address(mesh, LAB_HOST_NODE);
    while (mesh->held != NULL && mesh->held->at_us <= now_us) {
        sim_datagram *d = mesh->held;
        unsigned node = proa_addr_equal(&d->from, &host) ? LAB_HOST_NODE : LAB_REQUESTER_NODE;
        mesh->held = d->next;
        leave(mesh, now_us, place_of(mesh, node), &d->from, &d->to,
              proa_span_make(d->bytes, d->len));
        free(d);
    }
}

static uint64_t next_us(const void *ctx)
{
    const lab_mesh *mesh = ctx;
    uint64_t radio_us = sim_radio_next_us(mesh->radio);
    return mesh->held != NULL && mesh->held->at_us < radio_us ? mesh->held->at_us : radio_us;
}

static sim_datagram *take(void *ctx, uint64_t now_us)
{
    lab_mesh *mesh = ctx;
    proa_addr from;
    proa_addr to;
    proa_span packet;
    proa_span payload;
    unsigned node;
    release(mesh, now_us);
    while (sim_radio_take(mesh->radio, now_us, &node, &packet)) {
        if (sim_ipv6_read(packet, &from, &to, &payload)) {
            return sim_datagram_make(now_us, &from, &to, payload);
        }
    }
    return NULL;
}

void lab_mesh_close(lab_mesh *mesh)
{
    while (mesh->held != NULL) {
        sim_datagram *gone = mesh->held;
        mesh->held = gone->next;
        free(gone);
    }
}

sim_carrier lab_mesh_carrier(lab_mesh *mesh)
{
    sim_carrier carrier = {mesh, send, next_us, take};
    return carrier;
}
