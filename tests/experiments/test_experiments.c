/* SPDX-License-Identifier: Apache-2.0 */
/* The paper's applications over the radio: does each do what its name says, and is what is measured what
 * it claims to be? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/authorize.h"
#include "experiments/notify.h"
#include "experiments/way.h"

static sim_topology topology;

static lab_setup setup_of(const char *app, const char *name, uint64_t seed)
{
    char path[96];
    char problem[600];
    snprintf(path, sizeof path, "../experiments/topologies/%s.json", name);
    if (!sim_topology_load(path, &topology, problem, sizeof problem)) {
        fail_msg("%s", problem);
    }
    return lab_setup_default(lab_app_find(app), &topology, seed);
}

static const char *const followers[] = {"baseline_dtls", "c2c_dtls", "c2c_oscore"};

#define FOLLOWERS (sizeof followers / sizeof *followers)

/* ---- notifications ---------------------------------------------------------------------- */

static void an_undisturbed_series_arrives_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < FOLLOWERS; i++) {
        lab_setup setup = setup_of(followers[i], "multihop_0_direct", 1);
        lab_series series;
        uint32_t delays[20];
        assert_true(lab_notify(&setup, 1000000, 20, &series));
        assert_int_equal(series.changed, 20);
        assert_int_equal(lab_series_delays(&series, delays), 20);
        lab_series_free(&series);
    }
}

static void direct_takes_a_tenth_of_the_way_through_the_server(void **state)
{
    (void)state;
    uint32_t median[FOLLOWERS];
    for (size_t i = 0; i < FOLLOWERS; i++) {
        lab_setup setup = setup_of(followers[i], "multihop_0_direct", 2);
        lab_series series;
        uint32_t delays[20];
        assert_true(lab_notify(&setup, 200000, 20, &series));
        median[i] = lab_quantile(delays, lab_series_delays(&series, delays), 50);
        lab_series_free(&series);
    }
    assert_in_range(median[0], 2 * 20000, 2 * 20000 + 20000); /* the wire twice, and some frames */
    assert_in_range(median[1], 3000, median[0] / 10);
    assert_in_range(median[2], 2400, median[1] - 1); /* fewer bytes */
}

/* A change that is merged with the next one, or a notification that waits for it, would be missing. */
static void no_change_is_merged_with_another(void **state)
{
    (void)state;
    lab_setup setup = setup_of("c2c_oscore", "multihop_0_direct", 3);
    lab_series series;
    uint32_t delays[100];
    assert_true(lab_notify(&setup, 10000, 100, &series));
    assert_int_equal(lab_series_delays(&series, delays), 100);
    unsigned host = topology.host;
    assert_in_range(series.counts[host].frames_sent, 100, 103); /* and what the session says */
    lab_series_free(&series);
}

static void more_than_the_server_can_pass_on_is_not_delivered(void **state)
{
    (void)state;
    lab_setup setup = setup_of("baseline_dtls", "multihop_0_direct", 4);
    lab_series series;
    uint32_t delays[400];
    assert_true(lab_notify(&setup, 10000, 400, &series));
    assert_in_range(lab_series_delays(&series, delays), 20, 300);
    lab_series_free(&series);
}

static void the_seed_decides(void **state)
{
    (void)state;
    uint64_t arrived[3][30];
    static const uint64_t seeds[] = {5, 5, 6};
    for (size_t i = 0; i < 3; i++) {
        lab_setup setup = setup_of("baseline_dtls", "m3-317xf7f70945", seeds[i]);
        lab_series series;
        assert_true(lab_notify(&setup, 50000, 30, &series));
        memcpy(arrived[i], series.arrived_us, sizeof arrived[i]);
        lab_series_free(&series);
    }
    assert_memory_equal(arrived[0], arrived[1], sizeof arrived[0]);
    assert_memory_not_equal(arrived[0], arrived[2], sizeof arrived[0]);
}

/* What a computer takes for each message is in each delay, to the microsecond. */
static void the_relay_costs_what_it_is_told(void **state)
{
    (void)state;
    uint32_t delays[2][10];
    for (size_t i = 0; i < 2; i++) {
        lab_setup setup = setup_of("baseline_dtls", "multihop_0_direct", 7);
        lab_series series;
        setup.relay_cpu_us = i == 0 ? 100 : 4100;
        assert_true(lab_notify(&setup, 1000000, 10, &series));
        assert_int_equal(lab_series_delays(&series, delays[i]), 10);
        lab_series_free(&series);
    }
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(delays[1][i] - delays[0][i], 4000);
    }
}

/* ---- ways ------------------------------------------------------------------------------- */

/* Frames, serial lines and wires on each leg, as the topology says (docs/EXPERIMENTS.md has the paper's
 * table of hops). One frame a hop: 127 bytes must do for a notification and for the relay's write. */
static void a_notification_crosses_what_the_topology_says(void **state)
{
    (void)state;
    static const struct {
        const char *app, *topology;
        unsigned first_air, second_air, lines;
    } rows[] = {
        {"baseline_dtls", "multihop_0_direct", 1, 1, 2},
        {"baseline_dtls", "multihop_0_tree", 1, 1, 2},
        {"baseline_dtls", "multihop_4", 5, 5, 2},
        {"baseline_dtls", "m3-317xa4473081", 4, 1, 2},
        {"c2c_dtls", "multihop_0_direct", 1, 0, 0},
        {"c2c_dtls", "multihop_0_tree", 2, 0, 0},
        {"c2c_dtls", "m3-317x16261b22", 3, 0, 0},
        {"c2c_dtls", "m3-317xae479b07", 8, 0, 0},
        {"c2c_oscore", "multihop_0_direct", 1, 0, 0},
        {"c2c_oscore", "m3-317xa4473081", 5, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lab_setup setup = setup_of(rows[i].app, rows[i].topology, 1);
        lab_way way;
        unsigned air[2] = {0, 0};
        unsigned serial = 0;
        unsigned wire = 0;
        assert_true(lab_way_of(&setup, &way));
        for (unsigned s = 0; s < way.count; s++) {
            air[way.steps[s].leg - 1] += way.steps[s].medium == SIM_RADIO_AIR;
            serial += way.steps[s].medium == SIM_RADIO_SERIAL;
            wire += way.steps[s].medium == SIM_RADIO_WIRE;
            assert_in_range(way.steps[s].bytes, 60, 140);
        }
        assert_int_equal(air[0], rows[i].first_air);
        assert_int_equal(air[1], rows[i].second_air);
        assert_int_equal(serial, rows[i].lines);
        assert_int_equal(wire, rows[i].lines);
    }
}

/* ---- access ----------------------------------------------------------------------------- */

/* The seed's order: five exchanges with the devices for DTLS, seven for OSCORE, and the question on /ac.
 * Compact: one with each device, and the requester goes on when it has its account, so that its answer
 * to that, and the answer to its question, come under way. With DTLS it has a first session then, and no
 * handshake. */
static void c2c_5_phases_of_each_flow(void **state)
{
    (void)state;
    static const struct {
        const char *app;
        sim_flow flow;
        uint32_t ac, handshake, after; /* messages */
    } rows[] = {{"cred_req_dtls", SIM_FLOW_SEED, 12, 6, 0},
                {"cred_req_oscore", SIM_FLOW_SEED, 16, 0, 0},
                {"cred_req_dtls", SIM_FLOW_COMPACT, 4, 0, 2},
                {"cred_req_oscore", SIM_FLOW_COMPACT, 4, 0, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lab_setup setup = setup_of(rows[i].app, "multihop_0_direct", 1);
        lab_tally t[LAB_PHASES];
        setup.flow = rows[i].flow;
        assert_true(lab_authorize(&setup, t));
        assert_true(t[LAB_AC].happened);
        assert_true(t[LAB_READ].happened);
        assert_int_equal(t[LAB_HANDSHAKE].happened, rows[i].handshake > 0);
        assert_int_equal(t[LAB_AC].messages, rows[i].ac);
        assert_int_equal(t[LAB_HANDSHAKE].messages, rows[i].handshake);
        assert_int_equal(t[LAB_READ].messages, 2);
        assert_int_equal(t[LAB_AFTER].messages, rows[i].after);
        assert_int_equal(t[LAB_AFTER].duration_us, 0);
        /* Each message crosses the wire, one after the other. */
        assert_in_range(t[LAB_AC].duration_us, rows[i].ac * 20000U, rows[i].ac * 40000U);
        assert_in_range(t[LAB_READ].duration_us, 6000, 40000);
        assert_true(t[LAB_AC].frames >= t[LAB_AC].messages);
        assert_true(t[LAB_AC].frame_bytes > t[LAB_AC].udp_bytes);
    }
}

/* Six datagrams, one after the other, and both ends compute. */
static void a_handshake_costs_what_it_is_told(void **state)
{
    (void)state;
    static const uint32_t each_us[2] = {0, 10000};
    lab_tally t[2][LAB_PHASES];
    for (size_t i = 0; i < 2; i++) {
        lab_setup setup = setup_of("cred_req_dtls", "multihop_0_direct", 1);
        setup.handshake_us = each_us[i];
        assert_true(lab_authorize(&setup, t[i]));
        assert_int_equal(t[i][LAB_HANDSHAKE].messages, 6);
    }
    /* Back-offs are drawn anew. */
    assert_in_range(t[1][LAB_HANDSHAKE].duration_us - t[0][LAB_HANDSHAKE].duration_us, 50000,
                    70000);
    assert_in_range(t[1][LAB_READ].duration_us, 6000, 30000);
}

/* Both ends compute the keys, one after the other: the requester when it asks, the host when it hears of that. */
static void keys_of_a_first_session_cost_what_they_are_told(void **state)
{
    (void)state;
    static const uint32_t each_us[2] = {0, 10000};
    lab_tally t[2][LAB_PHASES];
    for (size_t i = 0; i < 2; i++) {
        lab_setup setup = setup_of("cred_req_dtls", "multihop_0_direct", 1);
        setup.flow = SIM_FLOW_COMPACT;
        setup.first_us = each_us[i];
        assert_true(lab_authorize(&setup, t[i]));
        assert_int_equal(t[i][LAB_READ].messages, 2);
    }
    assert_in_range(t[1][LAB_READ].duration_us - t[0][LAB_READ].duration_us, 15000, 25000);
}

/* ---- numbers ---------------------------------------------------------------------------- */

static void quantiles_are_values_that_were_measured(void **state)
{
    (void)state;
    static const uint32_t four[] = {10, 20, 30, 40};
    static const struct {
        uint32_t n;
        unsigned percent;
        uint32_t value;
    } rows[] = {{4, 0, 10},  {4, 25, 10},  {4, 26, 20}, {4, 50, 20}, {4, 75, 30},
                {4, 99, 40}, {4, 100, 40}, {1, 0, 10},  {1, 50, 10}, {1, 100, 10}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(lab_quantile(four, rows[i].n, rows[i].percent), rows[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undisturbed_series_arrives_whole),
        cmocka_unit_test(direct_takes_a_tenth_of_the_way_through_the_server),
        cmocka_unit_test(no_change_is_merged_with_another),
        cmocka_unit_test(more_than_the_server_can_pass_on_is_not_delivered),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(the_relay_costs_what_it_is_told),
        cmocka_unit_test(a_notification_crosses_what_the_topology_says),
        cmocka_unit_test(c2c_5_phases_of_each_flow),
        cmocka_unit_test(a_handshake_costs_what_it_is_told),
        cmocka_unit_test(keys_of_a_first_session_cost_what_they_are_told),
        cmocka_unit_test(quantiles_are_values_that_were_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
