/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_EXPERIMENTS_STAGE_H
#define PROA_EXPERIMENTS_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "experiments/mesh.h"
#include "experiments/middle.h"
#include "sim/checker.h"
#include "sim/radio/radio.h"
#include "sim/radio/topology.h"
#include "sim/world.h"

/* The five applications of the paper's evaluation ("Secure and Authorized Client-to-Client
 * Communication for LwM2M", IPSN 2022; artifact inetrg/ipsn-2022-lwm2mc2c) in a simulated world: real
 * client, server and authority, real DTLS and OSCORE, over the radio, judged by the simulator's checker
 * all the time.
 *
 * client_01 wants the text /3311/0/5706 of client_02. Names, resource, counter, registration lifetimes
 * and the keys of the server accounts are the artifact's. Ours are: pmin and pmax are not set (the
 * artifact sets 60 and 120 s and heeds neither), accounts between the devices come from the server
 * before anything is measured (there they are in the image), last a day, and have random names and
 * keys. */

typedef struct lab_app {
    const char *name;
    bool authorizes; /* measures how access is got, not what comes after */
    bool direct;     /* the devices talk to each other */
    proa_peer_security security;
    uint32_t lifetime_s;
} lab_app;

/* NULL if there is none of that name, resp. no more. */
const lab_app *lab_app_find(const char *name);
const lab_app *lab_app_at(unsigned index);

/* A way in which the server provisions devices. */
typedef struct lab_flow {
    const char *name;
    sim_flow flow;
} lab_flow;

/* NULL if there is none of that name, resp. no more. */
const lab_flow *lab_flow_find(const char *name);
const lab_flow *lab_flow_at(unsigned index);

typedef struct lab_setup {
    const lab_app *app;
    const sim_topology *topology;
    sim_radio_params radio;
    uint32_t handshake_us; /* see lab_mesh */
    uint32_t first_us;
    sim_flow flow;         /* SEED: object by object, in the artifact's order */
    uint32_t relay_cpu_us; /* of the server, for each message that it passes on */
    uint64_t seed;
} lab_setup;

/* With the radio's defaults and what a message costs the processor of a device. */
lab_setup lab_setup_default(const lab_app *app, const sim_topology *topology, uint64_t seed);

typedef struct lab_stage lab_stage;

/* What an experiment wants to know and to do. Any function may be NULL. */
typedef struct lab_watch {
    void (*value)(lab_stage *stage, uint32_t value); /* it is at the requester's application */
    void (*event)(lab_stage *stage, const proa_c2c_event *event); /* of the requester */
    void (*sent)(lab_stage *stage, size_t len);                   /* a datagram left a node */
    void (*sight)(lab_stage *stage, const sim_radio_sight *sight);
    uint64_t (*next_us)(
        const lab_stage *stage); /* of what the experiment does; UINT64_MAX: nothing */
    void (*run)(lab_stage *stage);
} lab_watch;

struct lab_stage {
    lab_setup setup;
    const lab_watch *watch;
    void *experiment; /* the watch's */
    sim_world world;
    sim_checker checker;
    sim_device *requester, *host;
    lab_mesh mesh;
    sim_carrier carrier;
    sim_guest guest;
    lab_middle middle;
    proa_policy_rule rule;
    proa_policy policy;
    bool running; /* the application does what it is for */
};

/* Open the world and let both devices register. The result is freed by lab_close; NULL if they did
 * not, with the reason on standard error. */
lab_stage *lab_open(const lab_setup *setup);

/* Begin to follow the text: by an observation of the requester's, or of the server's. Returns when it
 * stands and the air is quiet; false if it never does, with the reason on standard error. */
bool lab_follow(lab_stage *stage);

/* Ask the host for its text, to be answered any time. */
void lab_read(lab_stage *stage);

void lab_watch_with(lab_stage *stage, const lab_watch *watch, void *experiment);

/* True if nothing broke a rule of the simulator and no packet lost its way; else it says so on standard
 * error. */
bool lab_judge(lab_stage *stage);

void lab_close(lab_stage *stage);

#endif
