/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of the world: who is next, a datagram or a node's deadline. */
#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/mbedtls/dtls.h"
#include "sim/checker.h"

/* A node that wants to run this often without time passing is broken. */
#define SPIN_MAX 10000

static void *take(void *ctx, size_t len)
{
    (void)ctx;
    return calloc(1, len);
}

static void give(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)len;
    free(block);
}

void sim__must(proa_err err, const char *what)
{
    if (err != PROA_OK) {
        fprintf(stderr, "proa-sim: cannot open %s: %s\n", what, proa_err_name(err));
        exit(1);
    }
}

proa_memory sim__memory(void)
{
    proa_memory memory = {take, give, NULL};
    return memory;
}

/* What a record adds to a message, RFC 9146 §3: header, the longest connection id, explicit nonce and
 * tag of AES-CCM-8, content type. */
#define DTLS_OVERHEAD (13U + PROA_DTLS_CID_MAX + 8U + 8U + 1U)

static uint32_t least(uint32_t x, uint32_t y)
{
    return x < y ? x : y;
}

void sim__fit_coap(const sim_world *world, proa_coap_config *config)
{
    const sim_link *link = &world->net.link;
    uint32_t half_trip_ms = link->delay_ms + link->jitter_ms;
    /* A session counts as dead after the third transmission (docs/C2C.md §6), which must not leave
     * before an answer can be there. The whole round trip would spare the link more, but that a server
     * has lost its OSCORE keys is known after MAX_TRANSMIT_WAIT only. */
    config->timing.ack_timeout_ms = half_trip_ms > 2000 ? half_trip_ms : 2000;
    /* With OSCORE the engine leaves room for sealing in every message, which is more than a record
     * takes; nothing goes by both. */
    uint32_t overhead = config->oscore == NULL ? DTLS_OVERHEAD : 0;
    config->message_max = (uint16_t)least(config->message_max, link->mtu - overhead);
}

void sim__fit_dtls(const sim_world *world, proa_secure_config *config)
{
    config->mtu = (uint16_t)least(config->mtu, world->net.link.mtu);
}

/* Engines' deadlines are milliseconds; PROA_NEVER stays what it is. */
static uint64_t in_us(uint64_t ms)
{
    return ms > UINT64_MAX / 1000 ? UINT64_MAX : 1000 * ms;
}

static void set_clock(sim_world *world, uint64_t now_us)
{
    world->now_us = now_us;
    world->now_ms = now_us / 1000;
}

int64_t sim_world_unix_s(const sim_world *world)
{
    return SIM_START_UNIX_S + (int64_t)((world->now_ms - SIM_START_MS) / 1000);
}

/* 2001:db8::<node>:<place>: global, as a host URI must be. */
static proa_addr address(unsigned node, unsigned place, uint16_t port)
{
    proa_addr addr = {{0x20, 0x01, 0x0d, 0xb8}, port, 0};
    addr.ip[12] = (uint8_t)(place >> 8);
    addr.ip[13] = (uint8_t)place;
    addr.ip[15] = (uint8_t)(node + 1);
    return addr;
}

static void furnish(sim_device *device, const sim_device_plan *plan)
{
    snprintf(device->name, sizeof device->name, "%s", plan->name);
    snprintf(device->identity, sizeof device->identity, "%s", plan->identity);
    device->key_len = strlen(plan->key);
    memcpy(device->key, plan->key, device->key_len);
    device->addr = plan->addr;
}

static void furnish_by_number(sim_device *device)
{
    proa_random random = sim_rng_random(&device->rng);
    snprintf(device->name, sizeof device->name, "d%u", device->node - 1);
    snprintf(device->identity, sizeof device->identity, "%s", device->name);
    device->key_len = sizeof device->key;
    proa_random_fill(&random, device->key, device->key_len);
    device->addr = address(device->node, 0, 5684);
}

/* A draw of its own, so that the rest of a seed is the same with any flow. */
static bool is_compact(uint64_t seed, unsigned device, sim_flow flow)
{
    sim_rng rng;
    sim_rng_seed(&rng, seed, 1000 + device);
    return flow == SIM_FLOW_COMPACT || (flow == SIM_FLOW_MIXED && sim_rng_below(&rng, 2) == 1);
}

void sim_world_open(sim_world *world, uint64_t seed, const sim_link *link, const sim_plan *plan,
                    sim_checker *checker)
{
    memset(world, 0, sizeof *world);
    world->seed = seed;
    set_clock(world, SIM_START_US);
    world->policy = plan->policy;
    world->oscore = plan->oscore;
    world->server_oscore = plan->server_oscore;
    world->calm = plan->calm;
    world->lifetime_s = plan->lifetime_s == 0 ? 600 : plan->lifetime_s;
    world->guest = plan->guest;
    world->checker = checker;
    world->device_count = plan->device_count;
    sim_rng_seed(&world->rng, seed, 1);
    sim_net_open(&world->net, seed, link);
    world->carrier = plan->carrier == NULL ? sim_net_carrier(&world->net) : *plan->carrier;
    world->server.world = world;
    world->server.addr =
        plan->server_addr == NULL ? address(SIM_SERVER_NODE, 0, 5684) : *plan->server_addr;
    sim_rng_seed(&world->server.rng, seed, 2);
    for (unsigned i = 0; i < plan->device_count; i++) {
        sim_device *device = &world->devices[i];
        device->world = world;
        device->node = i + 1;
        device->is_compact = is_compact(seed, i, plan->flow);
        sim_rng_seed(&device->rng, seed, 3 + i);
        if (plan->devices == NULL) {
            furnish_by_number(device);
        } else {
            furnish(device, &plan->devices[i]);
        }
    }
    sim__server_open(&world->server);
    for (unsigned i = 0; i < plan->device_count; i++) {
        sim__device_open(&world->devices[i]);
    }
}

void sim_world_close(sim_world *world)
{
    for (unsigned i = 0; i < world->device_count; i++) {
        sim__device_close(&world->devices[i]);
    }
    sim__server_close(&world->server);
    sim_net_close(&world->net);
}

sim_device *sim_world_device(sim_world *world, const char *name)
{
    for (unsigned i = 0; i < world->device_count; i++) {
        if (strcmp(world->devices[i].name, name) == 0) {
            return &world->devices[i];
        }
    }
    return NULL;
}

static unsigned node_at(const sim_world *world, const proa_addr *addr)
{
    if (proa_addr_equal(&world->server.addr, addr)) {
        return SIM_SERVER_NODE;
    }
    for (unsigned i = 0; i < world->device_count; i++) {
        if (proa_addr_equal(&world->devices[i].addr, addr)) {
            return world->devices[i].node;
        }
    }
    return SIM_NODES_MAX;
}

void sim__world_send(sim_world *world, unsigned from_node, const proa_addr *from,
                     const proa_addr *to, proa_span bytes)
{
    unsigned to_node = node_at(world, to);
    if (to_node == SIM_SERVER_NODE) {
        sim_thief_hears(&world->thief, world->now_ms, from, to_node, bytes);
    } else {
        sim_thief_hears(&world->eavesdropper, world->now_ms, from, to_node, bytes);
    }
    sim_checker_datagram(world->checker, from, to, bytes);
    if (world->guest != NULL) {
        world->guest->sent(world->guest->ctx, from_node, to_node, bytes.len);
    }
    world->carrier.send(world->carrier.ctx, world->now_us, from_node, to_node, from, to, bytes);
}

static void deliver(sim_world *world)
{
    sim_datagram *datagram;
    while ((datagram = world->carrier.take(world->carrier.ctx, world->now_us)) != NULL) {
        unsigned node = node_at(world, &datagram->to);
        if (node == SIM_SERVER_NODE) {
            sim__server_input(&world->server, datagram);
        } else if (node <= world->device_count) {
            sim__device_input(&world->devices[node - 1], datagram);
        }
        free(datagram);
    }
}

static void sooner(uint64_t *next, uint64_t other)
{
    *next = other < *next ? other : *next;
}

static uint64_t next_us(const sim_world *world)
{
    uint64_t next = world->carrier.next_us(world->carrier.ctx);
    sooner(&next, in_us(sim__server_next_ms(&world->server)));
    for (unsigned i = 0; i < world->device_count; i++) {
        sooner(&next, in_us(sim__device_next_ms(&world->devices[i])));
    }
    if (world->guest != NULL) {
        sooner(&next, world->guest->next_us(world->guest->ctx));
    }
    return next < world->now_us ? world->now_us : next;
}

static void run_due(sim_world *world)
{
    if (world->guest != NULL && world->guest->next_us(world->guest->ctx) <= world->now_us) {
        world->guest->run(world->guest->ctx, world->now_us);
    }
    if (sim__server_next_ms(&world->server) <= world->now_ms) {
        sim__server_run(&world->server);
    }
    for (unsigned i = 0; i < world->device_count; i++) {
        if (sim__device_next_ms(&world->devices[i]) <= world->now_ms) {
            sim__device_run(&world->devices[i]);
        }
    }
}

void sim_world_run(sim_world *world, uint64_t until_ms)
{
    sim_world_run_us(world, in_us(until_ms));
}

void sim_world_run_us(sim_world *world, uint64_t until_us)
{
    unsigned spins = 0;
    /* What the scenario did between two runs (an ask, a change) has to be sent first. */
    sim__server_run(&world->server);
    for (unsigned i = 0; i < world->device_count; i++) {
        sim__device_run(&world->devices[i]);
    }
    while (!world->stuck) {
        uint64_t next = next_us(world);
        if (next > until_us) {
            break;
        }
        spins = next == world->now_us ? spins + 1 : 0;
        world->stuck = spins > SPIN_MAX;
        set_clock(world, next);
        sim_checker_grants(world->checker, world); /* what stood until now, however quiet it was */
        deliver(world);
        run_due(world);
        sim_checker_grants(world->checker, world);
    }
    set_clock(world, until_us);
    sim_checker_grants(world->checker, world);
}

void sim_device_reboot(sim_device *device)
{
    if (!device->up) {
        return; /* it has no power */
    }
    sim__device_close(device);
    device->incarnation++;
    device->world->reboots++;
    sim_checker_rebooted(device->world->checker, device);
    if (device->off_until_ms <= device->world->now_ms) {
        sim__device_open(device);
    }
}

void sim_server_reboot(sim_server *server)
{
    sim__server_close(server);
    server->incarnation++;
    server->world->reboots++;
    sim__server_open(server);
}

void sim_server_replay(sim_server *server)
{
    sim_world *world = server->world;
    world->replayed += sim_thief_plays(&world->thief, &world->carrier, world->now_us, &world->rng,
                                       SIM_SERVER_NODE, &server->addr);
}

void sim_device_replay(sim_device *device)
{
    sim_world *world = device->world;
    world->played += sim_thief_plays(&world->eavesdropper, &world->carrier, world->now_us,
                                     &world->rng, device->node, &device->addr);
}

void sim_device_move(sim_device *device)
{
    device->world->moves++;
    device->addr = address(device->node, device->world->moves, device->addr.port);
}
