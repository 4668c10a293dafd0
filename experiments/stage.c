/* SPDX-License-Identifier: Apache-2.0 */
/* The applications, and a world in which one of them runs. */
#include "experiments/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proa/payload.h"
#include "sim/radio/ipv6.h"

/* ---- what there is ---------------------------------------------------------------------- */

/* Registration lifetimes as in the artifact. */
static const lab_app apps[] = {
    {"baseline_dtls", false, false, PROA_PEER_SECURITY_DTLS, 15000},
    {"c2c_dtls", false, true, PROA_PEER_SECURITY_DTLS, 600},
    {"c2c_oscore", false, true, PROA_PEER_SECURITY_OSCORE, 120},
    {"cred_req_dtls", true, true, PROA_PEER_SECURITY_DTLS, 480},
    {"cred_req_oscore", true, true, PROA_PEER_SECURITY_OSCORE, 480},
};

const lab_app *lab_app_at(unsigned index)
{
    return index < sizeof apps / sizeof *apps ? &apps[index] : NULL;
}

const lab_app *lab_app_find(const char *name)
{
    for (unsigned i = 0; lab_app_at(i) != NULL; i++) {
        if (strcmp(apps[i].name, name) == 0) {
            return &apps[i];
        }
    }
    return NULL;
}

static const lab_flow flows[] = {{"seed", SIM_FLOW_SEED}, {"compact", SIM_FLOW_COMPACT}};

const lab_flow *lab_flow_at(unsigned index)
{
    return index < sizeof flows / sizeof *flows ? &flows[index] : NULL;
}

const lab_flow *lab_flow_find(const char *name)
{
    for (unsigned i = 0; lab_flow_at(i) != NULL; i++) {
        if (strcmp(flows[i].name, name) == 0) {
            return &flows[i];
        }
    }
    return NULL;
}

/* One notification costs the firmware 14,419 instructions over OSCORE and 12,853 over DTLS, its receipt
 * 10,985 and 9,324 (docs/FIRMWARE.md). At 72 MHz, and 1.25 cycles for an instruction, which is assumed
 * (flash wait states, loads, branches), the larger ones take 250 and 191 us. */
#define CPU_SEND_US 250U
#define CPU_RECEIVE_US 191U

/* A handshake takes 706,080 instructions of the DTLS client and 698,560 of the server: 12.2 ms of each,
 * for three datagrams that it sends and three that it receives, so 4.1 ms for one sent and one received,
 * of which the radio counts what every message costs. */
#define HANDSHAKE_US (4100U - CPU_SEND_US - CPU_RECEIVE_US)

/* The keys of a first session take 509,800 of either end. Those of OSCORE are not
 * counted. */
#define FIRST_US 8851U

/* One way between border router and server: a testbed and a server in one country. */
#define WIRED_DELAY_US 20000U

/* What the paper's comparison grants the server for a message that it passes on. */
#define RELAY_CPU_US 100U

lab_setup lab_setup_default(const lab_app *app, const sim_topology *topology, uint64_t seed)
{
    lab_setup setup = {.app = app,
                       .topology = topology,
                       .radio = sim_radio_params_default(),
                       .handshake_us = HANDSHAKE_US,
                       .first_us = FIRST_US,
                       .flow = SIM_FLOW_SEED,
                       .relay_cpu_us = RELAY_CPU_US,
                       .seed = seed};
    setup.radio.wired_delay_us = WIRED_DELAY_US;
    setup.radio.cpu_send_us = CPU_SEND_US;
    setup.radio.cpu_receive_us = CPU_RECEIVE_US;
    return setup;
}

/* ---- the guest -------------------------------------------------------------------------- */

/* The counter in the text: five digits. */
static void tell_value(lab_stage *stage, proa_span text)
{
    uint64_t value;
    if (proa_parse_decimal(text, UINT32_MAX, &value) == PROA_OK && stage->watch != NULL &&
        stage->watch->value != NULL) {
        stage->watch->value(stage, (uint32_t)value);
    }
}

static void on_written(void *ctx, const sim_device *device)
{
    lab_stage *stage = ctx;
    if (device == stage->requester) {
        tell_value(stage, proa_span_of(device->text));
    }
}

static void on_notification(lab_stage *stage, const proa_c2c_event *event)
{
    proa_payload_reader reader;
    proa_record record;
    if (proa_payload_read(&reader, event->format, &event->path, event->payload, NULL, NULL) ==
            PROA_OK &&
        proa_payload_next(&reader, &record)) {
        tell_value(stage, record.value.as.bytes);
    }
}

static void on_c2c(void *ctx, const sim_device *device, const proa_c2c_event *event)
{
    lab_stage *stage = ctx;
    if (device != stage->requester) {
        return;
    }
    if (event->kind == PROA_C2C_NOTIFICATION) {
        on_notification(stage, event);
    } else if (stage->watch != NULL && stage->watch->event != NULL) {
        stage->watch->event(stage, event);
    }
}

static bool on_server(void *ctx, const proa_server_event *event)
{
    lab_stage *stage = ctx;
    return !stage->setup.app->direct && stage->running &&
           lab_middle_event(&stage->middle, &stage->world, event);
}

static void on_sent(void *ctx, unsigned from_node, unsigned to_node, size_t len)
{
    lab_stage *stage = ctx;
    (void)from_node;
    (void)to_node;
    if (stage->watch != NULL && stage->watch->sent != NULL) {
        stage->watch->sent(stage, len);
    }
}

static void on_sight(void *ctx, const sim_radio_sight *sight)
{
    lab_stage *stage = ctx;
    if (stage->watch != NULL && stage->watch->sight != NULL) {
        stage->watch->sight(stage, sight);
    }
}

static uint64_t own_next_us(const lab_stage *stage)
{
    return stage->watch == NULL || stage->watch->next_us == NULL ? UINT64_MAX
                                                                 : stage->watch->next_us(stage);
}

static uint64_t next_us(const void *ctx)
{
    const lab_stage *stage = ctx;
    uint64_t relay_us = lab_middle_next_us(&stage->middle);
    uint64_t own_us = own_next_us(stage);
    return relay_us < own_us ? relay_us : own_us;
}

static void run(void *ctx, uint64_t now_us)
{
    lab_stage *stage = ctx;
    lab_middle_run(&stage->middle, &stage->world);
    if (own_next_us(stage) <= now_us) {
        stage->watch->run(stage);
    }
}

/* ---- the world -------------------------------------------------------------------------- */

#define PREPARE_MS (10U * 60U * 1000U)
#define STEP_MS 100U
#define QUIET_MS 5000U /* then nothing is under way that nobody waits for */

#define GRANT_S 86400U

static const char requester_name[] = "client_01";
static const char host_name[] = "client_02";

static void make_policy(lab_stage *stage)
{
    snprintf(stage->rule.name, sizeof stage->rule.name, "the paper's");
    snprintf(stage->rule.requester, sizeof stage->rule.requester, "%s", requester_name);
    snprintf(stage->rule.host, sizeof stage->rule.host, "%s", host_name);
    stage->rule.effect = PROA_EFFECT_ALLOW;
    stage->rule.object = 3311;
    stage->rule.rights = PROA_RIGHT_READ;
    stage->rule.lifetime_s = GRANT_S;
    stage->rule.security = stage->setup.app->security;
    stage->policy = (proa_policy){&stage->rule, 1};
}

static void open_world(lab_stage *stage)
{
    const lab_app *app = stage->setup.app;
    /* Every datagram fits an IPv6 packet; nothing else of this link is in force. */
    const sim_link link = {.mtu = SIM_IPV6_PACKET_MAX - SIM_IPV6_UDP_LEN};
    const proa_addr server = lab_mesh_address(&stage->mesh, SIM_SERVER_NODE);
    const sim_device_plan devices[] = {
        {requester_name, lab_mesh_address(&stage->mesh, LAB_REQUESTER_NODE), "Client_Identity",
         "ThisIsRIOT!"},
        {host_name, lab_mesh_address(&stage->mesh, LAB_HOST_NODE), "Client_Identity2",
         "ThisIsRIOT!"},
    };
    stage->carrier = lab_mesh_carrier(&stage->mesh);
    stage->guest = (sim_guest){stage, on_written, on_c2c, on_server, on_sent, next_us, run};
    const sim_plan plan = {.device_count = 2,
                           .policy = &stage->policy,
                           .oscore = app->security == PROA_PEER_SECURITY_OSCORE,
                           .flow = stage->setup.flow,
                           .calm = true,
                           .lifetime_s = app->lifetime_s,
                           .devices = devices,
                           .server_addr = &server,
                           .carrier = &stage->carrier,
                           .guest = &stage->guest};
    sim_checker_open(&stage->checker, &stage->world, false);
    sim_checker_policy(&stage->checker, LAB_REQUESTER_NODE - 1, LAB_HOST_NODE - 1, PROA_RIGHT_READ);
    sim_world_open(&stage->world, stage->setup.seed, &link, &plan, &stage->checker);
    stage->requester = &stage->world.devices[LAB_REQUESTER_NODE - 1];
    stage->host = &stage->world.devices[LAB_HOST_NODE - 1];
    sim_device_tell(stage->host, "00000");
}

/* Run until `done`, then until it is quiet. */
static bool wait_for(lab_stage *stage, bool (*done)(const lab_stage *stage), const char *what)
{
    uint64_t end_ms = stage->world.now_ms + PREPARE_MS;
    while (!done(stage)) {
        if (stage->world.now_ms >= end_ms) {
            fprintf(stderr, "proa-experiment: %s, %s, seed %llu: %s within %u minutes\n",
                    stage->setup.app->name, stage->setup.topology->name,
                    (unsigned long long)stage->setup.seed, what, PREPARE_MS / 60000U);
            return false;
        }
        sim_world_run(&stage->world, stage->world.now_ms + STEP_MS);
    }
    sim_world_run(&stage->world, stage->world.now_ms + QUIET_MS);
    return true;
}

static bool is_registered(const lab_stage *stage)
{
    const proa_server *server = stage->world.server.server;
    proa_reg reg;
    return proa_server_find(server, proa_span_of(requester_name), &reg) &&
           proa_server_find(server, proa_span_of(host_name), &reg);
}

lab_stage *lab_open(const lab_setup *setup)
{
    lab_stage *stage = calloc(1, sizeof *stage);
    if (stage == NULL) {
        abort();
    }
    stage->setup = *setup;
    stage->mesh.topology = setup->topology;
    stage->mesh.handshake_us = setup->handshake_us;
    stage->mesh.first_us = setup->first_us;
    stage->mesh.radio = sim_radio_open(setup->topology, &setup->radio, setup->seed);
    sim_radio_observe(stage->mesh.radio, on_sight, stage);
    make_policy(stage);
    open_world(stage);
    if (!wait_for(stage, is_registered, "the devices did not register")) {
        lab_close(stage);
        return NULL;
    }
    return stage;
}

void lab_close(lab_stage *stage)
{
    if (stage != NULL) {
        sim_world_close(&stage->world);
        sim_checker_close(&stage->checker);
        lab_mesh_close(&stage->mesh);
        sim_radio_close(stage->mesh.radio);
        free(stage);
    }
}

/* ---- following -------------------------------------------------------------------------- */

static bool is_following(const lab_stage *stage)
{
    return stage->setup.app->direct ? stage->checker.asks[0].observing : stage->middle.observing;
}

static void ask(lab_stage *stage, proa_operation op)
{
    uint32_t index;
    if (!sim_checker_ask(&stage->checker, LAB_REQUESTER_NODE - 1, LAB_HOST_NODE - 1, op, 5706,
                         &index)) {
        fprintf(stderr, "proa-experiment: the requester has no place for a question\n");
        exit(1);
    }
}

bool lab_follow(lab_stage *stage)
{
    proa_reg host;
    stage->running = true;
    lab_middle_open(&stage->middle, stage->world.server.server, host_name, requester_name,
                    stage->setup.relay_cpu_us);
    if (stage->setup.app->direct) {
        ask(stage, PROA_OP_OBSERVE);
    } else if (proa_server_find(stage->world.server.server, proa_span_of(host_name), &host)) {
        proa_relay_device(&stage->middle.relay, stage->world.now_ms, host);
    }
    return wait_for(stage, is_following, "the observation did not begin");
}

void lab_read(lab_stage *stage)
{
    ask(stage, PROA_OP_READ);
}

void lab_watch_with(lab_stage *stage, const lab_watch *watch, void *experiment)
{
    stage->watch = watch;
    stage->experiment = experiment;
}

/* A topology that was loaded leads everywhere, without a loop. */
static bool finds_its_way(const lab_stage *stage)
{
    uint64_t lost = 0;
    for (unsigned i = 0; i < stage->setup.topology->node_count; i++) {
        const sim_radio_counts *counts = sim_radio_counts_of(stage->mesh.radio, i);
        lost += counts->hop_limit_drops + counts->no_route_drops;
    }
    if (lost > 0) {
        fprintf(stderr, "proa-experiment: %s, %s, seed %llu: %llu packets lost their way\n",
                stage->setup.app->name, stage->setup.topology->name,
                (unsigned long long)stage->setup.seed, (unsigned long long)lost);
    }
    return lost == 0;
}

bool lab_judge(lab_stage *stage)
{
    sim_checker_finish(&stage->checker);
    if (stage->checker.broken != SIM_RULE_NONE) {
        fprintf(stderr, "proa-experiment: %s, %s, seed %llu breaks \"%s\": %s\n",
                stage->setup.app->name, stage->setup.topology->name,
                (unsigned long long)stage->setup.seed, sim_rule_name(stage->checker.broken),
                stage->checker.message);
    }
    return stage->checker.broken == SIM_RULE_NONE && finds_its_way(stage);
}
