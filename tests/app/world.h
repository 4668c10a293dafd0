/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_APP_WORLD_H
#define PROA_TESTS_APP_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/c2c/ac_body.h"
#include "server/app/authority.h"
#include "tests/app/device.h"
#include "tests/base/counted_memory.h"
#include "tests/support/random.h"

/* A world for the authority: devices (device.h) that answer operations, a disk that keeps records, an audit, and answers to /ac. Everything can be made to
 * fail at its n-th time, and the authority can be lost at its n-th action and begun again from the
 * disk. */

#define WORLD_DEVICES 8
#define WORLD_GRANTS 32
#define WORLD_ANSWERS 64
#define WORLD_AUDITS 512

/* A rule: everybody may do anything to everybody. lifetime 0: the authority's default. */
#define WORLD_ANYTHING(lifetime)       \
    {.name = "all",                    \
     .effect = PROA_EFFECT_ALLOW,      \
     .requester = "*",                 \
     .host = "*",                      \
     .object = PROA_POLICY_OBJECT_ANY, \
     .instance = PROA_ID_ALL,          \
     .rights = PROA_RIGHTS_ALL,        \
     .lifetime_s = (lifetime)}

typedef struct world_answer {
    uint64_t ticket;
    uint8_t code;
    uint32_t max_age_s;
    uint8_t reason;
} world_answer;

typedef struct world_audit {
    proa_audit_kind kind;
    char requester[PROA_ENDPOINT_MAX + 1];
    char host[PROA_ENDPOINT_MAX + 1];
    char rule[64];
    proa_path path;
    uint8_t rights;
} world_audit;

/* How an operation goes wrong. */
typedef enum world_fault {
    WORLD_FAULT_NONE = 0,
    WORLD_FAULT_LOST_BEFORE, /* times out; not done */
    WORLD_FAULT_LOST_AFTER,  /* times out; done */
    WORLD_FAULT_GONE,
    WORLD_FAULT_CODE,        /* answered with fault_code; not done */
    WORLD_FAULT_NO_LOCATION, /* done, but the 2.01 names no instance */
    WORLD_FAULT_GARBLED,     /* done, but the payload is cut */
    WORLD_FAULT_RESET        /* the device forgets everything, and then does it */
} world_fault;

typedef struct world {
    proa_authority *authority;
    proa_authority_config config;
    counted_memory memory;
    test_random random;
    uint64_t now_ms;
    int64_t unix_s; /* at now_ms = 0 */
    proa_policy policy;
    proa_reg last_reg;
    uint64_t last_ticket;
    world_device devices[WORLD_DEVICES];
    size_t device_count;
    /* disk */
    proa_grant grants[WORLD_GRANTS];
    size_t grant_count;
    proa_override overrides[WORLD_GRANTS];
    size_t override_count;
    /* seen */
    world_answer answers[WORLD_ANSWERS];
    size_t answer_count;
    world_audit audits[WORLD_AUDITS];
    size_t audit_count;
    uint32_t actions;
    uint32_t operations;
    uint32_t stores;
    /* faults: at the n-th (1 = first) since world_arm */
    uint32_t fault_at;
    world_fault fault;
    uint8_t fault_code;
    uint32_t store_fault_at;
    uint32_t crash_at; /* the authority is gone after its n-th action */
    bool crashed;
    /* operations are kept until world_release */
    bool hold;
    proa_action held[WORLD_DEVICES];
    uint8_t held_payload[WORLD_DEVICES][640];
    size_t held_count;
    /* stores are done, but the authority hears of it at world_release_stores only */
    bool hold_stores;
    uint64_t held_stores[WORLD_GRANTS];
    size_t held_store_count;
    /* what was done, one letter each: (i)ntended, (h)ost ready, (a)ctive, (r)evoking and (o)verride
     * stored, (f)orgotten, H and R for a change on a host or requester, ! for an answer */
    char trace[256];
    size_t trace_len;
} world;

/* Start with an authority and a policy (borrowed). */
void world_start(world *w, const proa_policy *policy);
void world_end(world *w);

/* Counting for the faults begins now. */
void world_arm(world *w);

world_device *world_add(world *w, const char *endpoint, const char *ip);

/* Register (anew) with what the device holds; Update; deregister or expire. Does not run. */
void world_register(world *w, world_device *d);
void world_update(world *w, world_device *d);
void world_gone(world *w, world_device *d, bool by_itself);

/* Do what the authority wants until it wants nothing now. */
void world_run(world *w);
void world_release(world *w);
void world_release_stores(world *w);

/* Each requester uses each grant: by the newest key that it has a URI for, which the host must know,
 * and both drop older ones (docs/C2C.md §7). Then devices that dropped something update. */
void world_use(world *w, const char *when);

/* Let time pass, running whenever something is due. */
void world_pass(world *w, uint64_t ms);

/* POST /ac from a device, without running; returns the ticket. */
uint64_t world_ask(world *w, world_device *from, const char *host, const proa_ac_body *body,
                   bool credentials);

/* The same with one entry, run until nothing is to do; the answer's code. */
uint8_t world_get(world *w, world_device *from, const char *host, uint16_t object,
                  uint16_t instance, uint8_t rights);

/* The answer to a ticket; fails if there is not exactly one. */
const world_answer *world_answer_to(const world *w, uint64_t ticket);
size_t world_answers_to(const world *w, uint64_t ticket);

/* The authority is lost with everything that was under way, and begun again from the disk; devices
 * keep what they have and are restored as registered. */
void world_restart(world *w);

/* ---- looking ---------------------------------------------------------------------------- */

size_t world_count(const world_device *d);                  /* instances of all three */
world_key *world_key_of(world_device *d, const char *peer); /* NULL if incomplete */
world_client *world_client_of(world_device *d, const char *peer);
uint8_t world_rights(world_device *host, const char *requester, uint16_t object, uint16_t target);
const proa_grant *world_grant(const world *w, const char *requester, const char *host);
size_t world_audits(const world *w, proa_audit_kind kind);

/* What must hold when nothing is under way and every device was reached:
 * each key on one device has its twin on the other; short ids are unique; every right belongs to a
 * grant, every grant is there in full; nothing else is there. Fails the test with `when`. */
void world_check(world *w, const char *when);

#endif
