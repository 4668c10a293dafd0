/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_WORLD_H
#define PROA_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "proa/c2c.h"
#include "proa/client.h"
#include "proa/crypto.h"
#include "proa/oscore.h"
#include "proa/server.h"
#include "server/app/authority.h"
#include "sim/carrier.h"
#include "sim/net.h"
#include "sim/rng.h"
#include "sim/sessions.h"
#include "sim/store.h"
#include "sim/thief.h"

/* A world: one server and some devices on a simulated network, all of them the real engines with
 * real DTLS, driven by one virtual clock. Devices may have OSCORE for what they say to each other.
 *
 * The world knows how to run, reboot and move nodes. What happens is told to the checker
 * (checker.h), which is given events from outside the engines and compares them with what it knows
 * of policy and grants. What is done to the world is the scenario's business. */

#define SIM_DEVICES_MAX 6
#define SIM_GRANTS_MAX 64
#define SIM_OVERRIDES_MAX 64
#define SIM_SERVER_NODE 0U /* devices are nodes 1, 2, ... */

/* Virtual time begins here, so that no code can mistake it for zero, and the wall clock there. */
#define SIM_START_MS 1000000U
#define SIM_START_US (1000U * (uint64_t)SIM_START_MS)
#define SIM_START_UNIX_S 1700000000

typedef struct sim_world sim_world;
typedef struct sim_checker sim_checker;

typedef struct sim_device {
    sim_world *world;
    unsigned node;
    char name[16];
    char identity[24]; /* and key of its account with the server */
    uint8_t key[16];
    size_t key_len;
    proa_addr addr;
    sim_rng rng;
    sim_store store;
    bool up;
    bool is_compact; /* takes an account in one message, and asks as soon as it has one */
    proa_secure *secure;
    proa_client *client;
    proa_c2c *c2c;
    uint32_t incarnation; /* counts reboots */
    bool fails_after_act; /* power, just after it did what it was asked to, before it can say so */
    uint64_t off_until_ms;
    proa_span input; /* the datagram that it deals with, while it does */
    /* OSCORE, if the world has it: the table, and cryptography that the checker hears of. */
    proa_oscore *contexts;
    proa_oscore_params params; /* of the server's account */
    proa_aead aead;
    const proa_aead *aeads[2];
    proa_crypto crypto;
    /* The application: object 3311 instance 0 with a switch and a text. */
    proa_object light;
    bool on;
    char text[16];
} sim_device;

/* The database of the server: outlives its reboots. */
typedef struct sim_records {
    proa_grant grants[SIM_GRANTS_MAX];
    bool grant_used[SIM_GRANTS_MAX];
    proa_override overrides[SIM_OVERRIDES_MAX];
    bool override_used[SIM_OVERRIDES_MAX];
    struct {
        bool used;
        char endpoint[16];
        char id[PROA_REG_ID_LEN + 1];
        char links[512];
        proa_registration r; /* its spans point into the above */
    } registrations[SIM_DEVICES_MAX];
    sim_sessions sessions;
    sim_store oscore;
} sim_records;

typedef struct sim_server {
    sim_world *world;
    proa_addr addr;
    sim_rng rng;
    bool up;
    proa_secure *secure;
    proa_secure_keeper keeper;
    uint8_t box_key[PROA_SECURE_KEY_LEN];
    proa_oscore *oscore; /* NULL: DTLS */
    proa_server *server;
    proa_authority *authority;
    proa_span input; /* the datagram that it deals with, while it does */
    sim_records records;
    uint32_t stores;
    uint32_t power_fails_after; /* this many stores from now; 0 = not */
    bool power_failed;
    uint32_t incarnation;
} sim_server;

/* Somebody in a world who is no node: sees what applications see, and does things at times of its
 * own. All functions must be there. */
typedef struct sim_guest {
    void *ctx;
    /* Somebody wrote the text of this device. */
    void (*written)(void *ctx, const sim_device *device);
    void (*c2c)(void *ctx, const sim_device *device, const proa_c2c_event *event);
    /* True: an operation of the guest's, the server's own parts need not hear of it. */
    bool (*server)(void *ctx, const proa_server_event *event);
    /* Everything that leaves a node. */
    void (*sent)(void *ctx, unsigned from_node, unsigned to_node, size_t len);
    uint64_t (*next_us)(const void *ctx); /* UINT64_MAX: no plans */
    void (*run)(void *ctx, uint64_t now_us);
} sim_guest;

/* One device, where a plan says more of it than that it is there. */
typedef struct sim_device_plan {
    const char *name; /* at most 15 characters */
    proa_addr addr;
    const char *identity, *key; /* of its account with the server, DTLS */
} sim_device_plan;

/* How accounts come to devices (docs/C2C.md §5). */
typedef enum sim_flow {
    SIM_FLOW_SEED = 0, /* one message for each instance: object 11000 is version 1.0 everywhere */
    SIM_FLOW_COMPACT,  /* one message for each account, and no waiting for /ac: 1.1 everywhere */
    SIM_FLOW_MIXED     /* which device knows which is drawn from the seed */
} sim_flow;

/* What a world consists of. What it points to is borrowed for the life of the world. */
typedef struct sim_plan {
    unsigned device_count;
    const proa_policy *policy;
    bool oscore;        /* devices have object 21 */
    bool server_oscore; /* devices and server talk OSCORE */
    sim_flow flow;
    /* Nothing is there to provoke trouble: the disk never fails, tables and connection ids have the
     * sizes of a product. */
    bool calm;
    uint32_t lifetime_s;            /* of registrations; 0: 600 */
    const sim_device_plan *devices; /* NULL: d0, d1, ... with drawn keys */
    const proa_addr *server_addr;   /* NULL: one in the same network */
    const sim_carrier *carrier;     /* NULL: the net of `link` */
    const sim_guest *guest;         /* NULL: nobody */
} sim_plan;

struct sim_world {
    uint64_t seed;
    uint64_t now_us;
    uint64_t now_ms; /* the same for engines */
    sim_rng rng;     /* the scenario's own draws */
    sim_net net;
    sim_carrier carrier;
    const sim_guest *guest; /* borrowed; NULL: nobody */
    sim_server server;
    sim_device devices[SIM_DEVICES_MAX];
    unsigned device_count;
    const proa_policy *policy; /* borrowed */
    bool oscore, server_oscore, calm;
    uint32_t lifetime_s;
    sim_checker *checker;   /* borrowed */
    sim_thief thief;        /* of what is sent to the server */
    sim_thief eavesdropper; /* of what is sent to devices */
    uint32_t reboots, moves, power_failures;
    uint64_t revived, replayed, played; /* sessions; datagrams to the server, to devices */
    uint64_t firsts;                    /* sessions between devices that had no handshake */
    bool stuck; /* an engine asked to be run at once again and again: a spin */
};

/* Make the world: everything up at once. */
void sim_world_open(sim_world *world, uint64_t seed, const sim_link *link, const sim_plan *plan,
                    sim_checker *checker);
void sim_world_close(sim_world *world);

/* Run everything that happens until `until_ms`, or `until_us`. */
void sim_world_run(sim_world *world, uint64_t until_ms);
void sim_world_run_us(sim_world *world, uint64_t until_us);

/* Power off and on again: volatile state is gone, what was stored is there. */
void sim_device_reboot(sim_device *device);
void sim_server_reboot(sim_server *server);

/* Somebody plays to the server what was said to it. */
void sim_server_replay(sim_server *server);

/* Somebody plays to a device what other devices said to it under OSCORE. */
void sim_device_replay(sim_device *device);

/* The device gets another address; it does not notice. */
void sim_device_move(sim_device *device);

/* Change the application's value: observers are told. */
void sim_device_toggle(sim_device *device);
void sim_device_tell(sim_device *device, const char *text);

int64_t sim_world_unix_s(const sim_world *world);
sim_device *sim_world_device(sim_world *world, const char *name);

/* contexts.c: the OSCORE table of a device. */
void sim__contexts_open(sim_device *device);
void sim__contexts_close(sim_device *device);

/* device.c and server.c: one step of a node: take events until none is left, then send. */
void sim__device_open(sim_device *device);
void sim__device_close(sim_device *device);
void sim__device_input(sim_device *device, const sim_datagram *datagram);
void sim__device_run(sim_device *device);
uint64_t sim__device_next_ms(const sim_device *device);
void sim__server_open(sim_server *server);
void sim__server_close(sim_server *server);
void sim__server_input(sim_server *server, const sim_datagram *datagram);
void sim__server_run(sim_server *server);
uint64_t sim__server_next_ms(const sim_server *server);

/* Send from a node: finds who has that address. */
void sim__world_send(sim_world *world, unsigned from_node, const proa_addr *from,
                     const proa_addr *to, proa_span bytes);

/* What whoever installs a node sets for the link it is on. */
void sim__fit_coap(const sim_world *world, proa_coap_config *config);
void sim__fit_dtls(const sim_world *world, proa_secure_config *config);

/* Ends the program, which cannot go on without `what`, unless err is PROA_OK. */
void sim__must(proa_err err, const char *what);

/* The heap, for engines. */
proa_memory sim__memory(void);

#endif
