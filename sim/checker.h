/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_CHECKER_H
#define PROA_SIM_CHECKER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/world.h"

/* The checker watches a world from outside: datagrams on the wire, events that applications see, and
 * what the server has on disk. It knows the policy and judges:
 *
 *   completion    every question gets exactly one outcome, and soon enough
 *   access        nothing is obtained from, or done to, a host without a grant that was alive at
 *                 some time since it was asked for; nothing ever for pairs the policy denies
 *   records       no DTLS record number is used twice with different bytes in one session
 *   nonces        no OSCORE key and nonce are used twice with different additional data or bytes
 *   refusals      a revoke's standing refusal holds until somebody allows again
 *   both sides    when all is quiet, two devices hold the same key or none
 *   no grant lost what the server calls active is there on both devices
 *   liveness      when the faults stop, every allowed question gets its data
 *   repetition    what is not idempotent is done at most once for each time it was asked for
 *   replay        no datagram makes a node act twice, whoever sends it, under whatever Message ID
 *   spinning      no engine asks to be run again and again without time passing
 *
 * The first violation is kept, with the virtual time and a sentence. */

typedef enum sim_rule {
    SIM_RULE_NONE = 0,
    SIM_RULE_COMPLETION,
    SIM_RULE_ACCESS,
    SIM_RULE_RECORDS,
    SIM_RULE_REFUSAL,
    SIM_RULE_BOTH_SIDES,
    SIM_RULE_GRANT_LOST,
    SIM_RULE_LIVENESS,
    SIM_RULE_REPETITION,
    SIM_RULE_REPLAY,
    SIM_RULE_SPIN,
    SIM_RULE_NONCES
} sim_rule;

const char *sim_rule_name(sim_rule rule);

#define SIM_ASKS_MAX 512

typedef struct sim_ask {
    bool used;
    bool finished;
    bool observing;
    unsigned requester, host; /* device indices */
    uint32_t incarnation;     /* of the requester when it asked */
    uint64_t asked_ms;
    uint64_t deadline_ms;
    proa_operation op;
    proa_c2c_id id; /* the engine's name for it */
    proa_outcome outcome;
    uint32_t executions; /* the host did it */
} sim_ask;

/* What one pair may have had, and until when at the latest. */
typedef struct sim_pair {
    uint8_t policy_rights; /* on object 3311 */
    uint64_t alive_ms;     /* a grant was last seen alive then; 0 = never */
    bool refused;          /* an operator revoked and has not allowed since */
    uint64_t refused_ms;
} sim_pair;

typedef struct sim_counts {
    uint64_t asks, ok, denied, busy, pending, offline, unreachable, timeout, other;
    uint64_t notifications, hints, granted, renewed, revoked, allowed, failed, ended, reconciled;
    uint64_t written, executed, peers_added, peers_removed, expired;
    uint64_t server_acts, device_acts, revived, replayed, firsts;
    uint64_t sealed, challenged, replays_refused, played; /* OSCORE */
} sim_counts;

typedef struct sim_record_log sim_record_log;

#define SIM_ACTS_MAX 8192U /* power of two */

struct sim_checker {
    sim_world *world;
    sim_pair pairs[SIM_DEVICES_MAX][SIM_DEVICES_MAX]; /* [requester][host] */
    sim_ask asks[SIM_ASKS_MAX];
    uint32_t ask_count;
    sim_counts counts;
    sim_record_log *records;
    sim_record_log *nonces;
    uint64_t acts[SIM_ACTS_MAX]; /* hashes of datagrams that made the server act; 0 = free */
    sim_rule broken;
    uint64_t broken_ms;
    char message[256];
    bool verbose; /* print what happens */
};

void sim_checker_open(sim_checker *checker, sim_world *world, bool verbose);
void sim_checker_close(sim_checker *checker);

/* The policy, told by the scenario. */
void sim_checker_policy(sim_checker *checker, unsigned requester, unsigned host, uint8_t rights);

/* Ask through here, so that the answer can be judged. False if the engine refused (full). */
bool sim_checker_ask(sim_checker *checker, unsigned requester, unsigned host, proa_operation op,
                     uint16_t resource, uint32_t *index);

/* Applications end the observations they hold. */
void sim_checker_cancel_observations(sim_checker *checker);

/* An operator's decisions, told by the scenario. */
void sim_checker_revoked(sim_checker *checker, unsigned requester, unsigned host);
void sim_checker_allowed(sim_checker *checker, unsigned requester, unsigned host);

/* Told by the world. */
void sim_checker_datagram(sim_checker *checker, const proa_addr *from, const proa_addr *to,
                          proa_span bytes);
void sim_checker_client(sim_checker *checker, sim_device *device, const proa_client_event *event);
void sim_checker_c2c(sim_checker *checker, sim_device *device, const proa_c2c_event *event);
void sim_checker_audit(sim_checker *checker, sim_world *world, const proa_action *action);
void sim_checker_acted(sim_checker *checker, unsigned node, proa_span datagram);
void sim_checker_first(sim_checker *checker, const sim_device *device, proa_span datagram);
void sim_checker_executed(sim_checker *checker, const sim_device *device, proa_span arguments);

/* An encryption: hashes of (key, nonce), and of everything that depends on them. */
void sim_checker_sealed(sim_checker *checker, const sim_device *device, uint64_t name,
                        uint64_t content);
void sim_checker_rebooted(sim_checker *checker, const sim_device *device);
void sim_checker_grants(sim_checker *checker, sim_world *world);

/* True if nothing is left to be put right: what the server calls active is on both devices. */
bool sim_checker_settled(sim_world *world);

/* At the end, when all is quiet. */
void sim_checker_finish(sim_checker *checker);

void sim_checker_break(sim_checker *checker, sim_rule rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* records.c: DTLS record numbers on the wire. */
sim_record_log *sim__records_open(void);
void sim__records_close(sim_record_log *log);

uint64_t sim__records_hash(uint64_t h, const void *data, size_t len);

/* False if `name` was noted before with another content. */
bool sim__records_note(sim_record_log *log, uint64_t name, uint64_t content);

/* False if this datagram uses a record number again with other bytes. */
bool sim__records_see(sim_record_log *log, const proa_addr *from, const proa_addr *to,
                      proa_span bytes);

#endif
