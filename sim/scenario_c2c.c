/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios c2c, oscore and server-oscore: four devices ask each other for things under a policy that
 * allows some of it, while operators revoke and allow, nodes reboot (also in the middle of a write),
 * devices move, and the network loses, doubles, reorders and parts. Then the faults stop, and
 * everything allowed must work within ten minutes.
 *
 * They differ in what goes by OSCORE instead of DTLS: nothing, what devices say to each other, or what
 * they say to the server. Under the second there is also somebody between devices who plays their
 * messages again. */
#include <stdlib.h>
#include <string.h>

#include "ports/mbedtls/dtls.h"
#include "sim/scenario.h"

#define DEVICES 4U
#define CHAOS_MS (25U * 60U * 1000U)
#define LIVENESS_MS (10U * 60U * 1000U)
#define SETTLE_MS (90U * 1000U)

/* Lifetimes are short, so that grants expire and are renewed within a run. */
#define LIFETIME_S 400U

static const proa_policy_rule rules[] = {
    {"d0 may do anything to the light of d1", PROA_EFFECT_ALLOW, "d0", "d1", 3311, PROA_ID_ALL,
     PROA_RIGHT_READ | PROA_RIGHT_WRITE | PROA_RIGHT_EXECUTE, LIFETIME_S, PROA_PEER_SECURITY_AUTO,
     false, false},
    {"d1 may read d0", PROA_EFFECT_ALLOW, "d1", "d0", 3311, 0, PROA_RIGHT_READ, LIFETIME_S,
     PROA_PEER_SECURITY_AUTO, false, false},
    {"never d2 on d0", PROA_EFFECT_DENY, "d2", "d0", PROA_POLICY_OBJECT_ANY, PROA_ID_ALL,
     PROA_RIGHTS_ALL, 0, PROA_PEER_SECURITY_AUTO, false, false},
    {"d2 may read and write all others", PROA_EFFECT_ALLOW, "d2", "d*", 3311, PROA_ID_ALL,
     PROA_RIGHT_READ | PROA_RIGHT_WRITE, 2 * LIFETIME_S, PROA_PEER_SECURITY_AUTO, false, false},
};

#define RULES (sizeof rules / sizeof *rules)

typedef struct run_state {
    proa_policy_rule rules[RULES]; /* the same, with this run's security */
    proa_policy policy;
    sim_world world;
    sim_checker checker;
} run_state;

static void tell_policy(sim_checker *checker)
{
    for (unsigned r = 0; r < DEVICES; r++) {
        for (unsigned h = 0; h < DEVICES; h++) {
            if (r == h) {
                continue;
            }
            char requester[] = {'d', (char)('0' + r), '\0'};
            char host[] = {'d', (char)('0' + h), '\0'};
            uint8_t rights = 0;
            for (unsigned bit = 1; bit <= PROA_RIGHT_CREATE; bit <<= 1) {
                for (size_t i = 0; i < RULES; i++) {
                    const proa_policy_rule *rule = &rules[i];
                    /* The checker reads the table by itself rather than by the engine's code. */
                    bool matches =
                        strcmp(rule->requester, requester) == 0 &&
                        (strcmp(rule->host, host) == 0 || strcmp(rule->host, "d*") == 0) &&
                        (rule->rights & bit) != 0;
                    if (matches) {
                        rights |= (uint8_t)(rule->effect == PROA_EFFECT_ALLOW ? bit : 0);
                        break;
                    }
                }
            }
            sim_checker_policy(checker, r, h, rights);
        }
    }
}

static void random_ask(run_state *run)
{
    static const struct {
        proa_operation op;
        uint16_t resource;
    } wishes[] = {{PROA_OP_READ, 5850},          {PROA_OP_READ, 5706}, {PROA_OP_OBSERVE, 5850},
                  {PROA_OP_WRITE_REPLACE, 5850}, {PROA_OP_READ, 5850}, {PROA_OP_EXECUTE, 5823}};
    sim_rng *rng = &run->world.rng;
    unsigned requester = sim_rng_below(rng, DEVICES);
    unsigned host = (requester + 1 + sim_rng_below(rng, DEVICES - 1)) % DEVICES;
    unsigned wish = sim_rng_below(rng, sizeof wishes / sizeof *wishes);
    uint32_t index;
    (void)sim_checker_ask(&run->checker, requester, host, wishes[wish].op, wishes[wish].resource,
                          &index);
}

static void random_decision(run_state *run)
{
    sim_rng *rng = &run->world.rng;
    unsigned requester = sim_rng_below(rng, DEVICES - 1);
    unsigned host = (requester + 1 + sim_rng_below(rng, DEVICES - 1)) % DEVICES;
    const sim_device *r = &run->world.devices[requester];
    const sim_device *h = &run->world.devices[host];
    proa_path all = {{0}, 0};
    int64_t by;
    if (!run->world.server.up) {
        return;
    }
    if (run->checker.pairs[requester][host].refused) {
        sim_checker_allowed(&run->checker, requester, host);
        (void)!proa_authority_allow(run->world.server.authority, run->world.now_ms,
                                    proa_span_of(r->name), proa_span_of(h->name), &all);
    } else if (proa_authority_revoke(run->world.server.authority, run->world.now_ms,
                                     proa_span_of(r->name), proa_span_of(h->name), &all,
                                     &by) == PROA_OK) {
        /* The store that makes it stand happens in this instant, before anything else can. */
        sim__server_run(&run->world.server);
        sim_checker_revoked(&run->checker, requester, host);
    }
}

static void random_trouble(run_state *run)
{
    sim_world *world = &run->world;
    sim_rng *rng = &world->rng;
    sim_device *device = &world->devices[sim_rng_below(rng, DEVICES)];
    unsigned other = sim_rng_below(rng, DEVICES + 1);
    switch (sim_rng_below(rng, world->oscore ? 12 : 9)) {
    case 0:
        sim_device_reboot(device);
        break;
    case 1:
        sim_server_reboot(&world->server);
        if (sim_rng_below(rng, 2) == 0) {
            sim_server_replay(&world->server);
        }
        break;
    case 7:
        sim_server_replay(&world->server);
        break;
    case 2:
    case 3:
        sim_device_move(device);
        break;
    case 4:
        device->store.power_fails_after = 1 + sim_rng_below(rng, 4);
        break;
    case 5:
        world->server.power_fails_after = 1 + sim_rng_below(rng, 6);
        break;
    case 6:
        if (other != device->node) {
            sim_net_cut(&world->net, device->node, other, true);
        }
        break;
    case 9:
        sim_device_replay(device);
        break;
    case 10: /* what it knew of numbers received is gone: the instant to try them again */
        sim_device_reboot(device);
        sim_device_replay(device);
        break;
    case 11: /* what was done may be asked for again, since nobody heard that it was done */
        device->fails_after_act = true;
        break;
    default:
        sim_net_heal(&world->net);
        break;
    }
}

static void chaos(run_state *run)
{
    sim_world *world = &run->world;
    uint64_t end_ms = world->now_ms + CHAOS_MS;
    while (world->now_ms < end_ms && run->checker.broken == SIM_RULE_NONE) {
        sim_world_run(world, world->now_ms + 500 + sim_rng_below(&world->rng, 12000));
        uint32_t draw = sim_rng_below(&world->rng, 100);
        if (draw < 60) {
            random_ask(run);
        } else if (draw < 80) {
            sim_device_toggle(&world->devices[sim_rng_below(&world->rng, DEVICES)]);
        } else if (draw < 88) {
            random_decision(run);
        } else {
            random_trouble(run);
        }
    }
}

static void stop_faults(run_state *run)
{
    sim_world *world = &run->world;
    proa_path all = {{0}, 0};
    sim_checker_cancel_observations(&run->checker); /* or there is no place to ask anything */
    sim_net_heal(&world->net);
    world->net.link.loss_permille = 0;
    world->net.link.duplicate_permille = 0;
    world->net.link.reorder_permille = 0;
    world->server.power_fails_after = 0;
    for (unsigned r = 0; r < DEVICES; r++) {
        world->devices[r].store.power_fails_after = 0;
        world->devices[r].fails_after_act = false;
        for (unsigned h = 0; h < DEVICES; h++) {
            if (run->checker.pairs[r][h].refused) {
                sim_checker_allowed(&run->checker, r, h);
                (void)!proa_authority_allow(world->server.authority, world->now_ms,
                                            proa_span_of(world->devices[r].name),
                                            proa_span_of(world->devices[h].name), &all);
            }
        }
    }
}

/* Every allowed pair asks until it has its data, all at once. */
static void liveness(run_state *run)
{
    sim_world *world = &run->world;
    uint64_t end_ms = world->now_ms + LIVENESS_MS;
    uint32_t waiting[DEVICES][DEVICES];
    bool asked[DEVICES][DEVICES] = {{false}};
    bool served[DEVICES][DEVICES] = {{false}};
    unsigned missing = 1;
    while (missing > 0 && world->now_ms < end_ms && run->checker.broken == SIM_RULE_NONE) {
        missing = 0;
        for (unsigned r = 0; r < DEVICES; r++) {
            for (unsigned h = 0; h < DEVICES; h++) {
                if ((run->checker.pairs[r][h].policy_rights & PROA_RIGHT_READ) == 0 ||
                    served[r][h]) {
                    continue;
                }
                missing++;
                if (!asked[r][h]) {
                    asked[r][h] =
                        sim_checker_ask(&run->checker, r, h, PROA_OP_READ, 5850, &waiting[r][h]);
                } else if (run->checker.asks[waiting[r][h]].finished) {
                    served[r][h] = run->checker.asks[waiting[r][h]].outcome == PROA_OUTCOME_OK;
                    asked[r][h] = false;
                }
            }
        }
        sim_world_run(world, world->now_ms + 2000);
    }
    for (unsigned r = 0; r < DEVICES && missing > 0; r++) {
        for (unsigned h = 0; h < DEVICES; h++) {
            if ((run->checker.pairs[r][h].policy_rights & PROA_RIGHT_READ) != 0 && !served[r][h]) {
                sim_checker_break(&run->checker, SIM_RULE_LIVENESS,
                                  "10 minutes after the faults stopped d%u still cannot read d%u",
                                  r, h);
            }
        }
    }
}

/* What was lost is put back by and by, as late as liveness allows. */
static void settle(run_state *run)
{
    uint64_t end_ms = run->world.now_ms + LIVENESS_MS;
    do {
        sim_world_run(&run->world, run->world.now_ms + SETTLE_MS);
    } while (!sim_checker_settled(&run->world) && run->world.now_ms < end_ms);
}

static void tell_result(const run_state *run, uint64_t seed, sim_result *result)
{
    const sim_world *world = &run->world;
    result->seed = seed;
    result->broken = run->checker.broken;
    result->broken_ms = run->checker.broken_ms;
    memcpy(result->message, run->checker.message, sizeof result->message);
    result->counts = run->checker.counts;
    result->counts.revived = world->revived;
    result->counts.firsts = world->firsts;
    result->counts.replayed = world->replayed;
    result->counts.played = world->played;
    result->datagrams = world->net.sent;
    result->lost = world->net.lost;
    result->duplicated = world->net.duplicated;
    result->reordered = world->net.reordered;
    result->reboots = world->reboots;
    result->moves = world->moves;
    result->power_failures = world->power_failures;
    result->virtual_ms = world->now_ms - SIM_START_MS;
}

static void run_with(proa_peer_security security, bool server_oscore, uint64_t seed,
                     const sim_options *options, sim_result *result)
{
    run_state *run = calloc(1, sizeof *run);
    if (run == NULL) {
        abort();
    }
    sim_checker_open(&run->checker, &run->world, options->verbose);
    tell_policy(&run->checker);
    memcpy(run->rules, rules, sizeof rules);
    for (size_t i = 0; i < RULES; i++) {
        run->rules[i].security = security;
    }
    run->policy = (proa_policy){run->rules, RULES};
    sim_plan plan = {.device_count = DEVICES,
                     .policy = &run->policy,
                     .oscore = security == PROA_PEER_SECURITY_OSCORE,
                     .server_oscore = server_oscore,
                     .flow = options->flow};
    sim_world_open(&run->world, seed, &options->link, &plan, &run->checker);
    sim_world_run(&run->world, run->world.now_ms + 20000);
    chaos(run);
    stop_faults(run);
    liveness(run);
    settle(run);
    sim_checker_finish(&run->checker);
    sim_world_close(&run->world); /* counts what the contexts have done */
    tell_result(run, seed, result);
    sim_checker_close(&run->checker);
    free(run);
}

static void run_dtls(uint64_t seed, const sim_options *options, sim_result *result)
{
    run_with(PROA_PEER_SECURITY_DTLS, false, seed, options, result);
}

static void run_oscore(uint64_t seed, const sim_options *options, sim_result *result)
{
    run_with(PROA_PEER_SECURITY_OSCORE, false, seed, options, result);
}

static void run_server_oscore(uint64_t seed, const sim_options *options, sim_result *result)
{
    run_with(PROA_PEER_SECURITY_DTLS, true, seed, options, result);
}

static bool enough_without_sessions(const sim_counts *c)
{
    return c->granted > 0 && c->revoked > 0 && c->ok > 0 && c->denied > 0 &&
           c->expired + c->ended > 0 && c->notifications > 0 && c->executed > 0 && c->replayed > 0;
}

static bool enough(const sim_counts *c)
{
    return enough_without_sessions(c) && c->revived > 0;
}

static bool enough_oscore(const sim_counts *c)
{
    return enough(c) && c->sealed > 0 && c->challenged > 0 && c->played > 0 &&
           c->replays_refused > 0;
}

/* The options of a Register and 16 bytes of what it lists, in a DTLS record, or with all that OSCORE may
 * add. */
#define MTU_MIN_DTLS PROA_DTLS_MTU_MIN
#define MTU_MIN_OSCORE 192U

static const sim_scenario scenarios[] = {
    {"c2c", "devices ask each other under a policy, with every kind of trouble", MTU_MIN_DTLS,
     run_dtls, enough},
    {"oscore", "the same with OSCORE between devices, and with an eavesdropper", MTU_MIN_OSCORE,
     run_oscore, enough_oscore},
    {"server-oscore", "the first with OSCORE between devices and server", MTU_MIN_OSCORE,
     run_server_oscore, enough_without_sessions},
};

const sim_scenario *sim_scenario_at(unsigned index)
{
    return index < sizeof scenarios / sizeof *scenarios ? &scenarios[index] : NULL;
}

const sim_scenario *sim_scenario_find(const char *name)
{
    for (unsigned i = 0; sim_scenario_at(i) != NULL; i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            return &scenarios[i];
        }
    }
    return NULL;
}
