/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/radio/ipv6.h"
#include "sim/radio/radio.h"

static void a_packet_crosses_three_hops_line_and_wire(void **state)
{
    (void)state;
    sim_topology t;
    char problem[600];
    unsigned node;
    proa_span got;
    static const uint8_t payload[200];
    uint8_t bytes[1280];
    if (!sim_topology_load("../experiments/topologies/multihop_2.json", &t, problem,
                           sizeof problem)) {
        fail_msg("%s", problem);
    }
    sim_radio_params params = sim_radio_params_default();
    params.wired_delay_us = 20000;
    sim_radio *r = sim_radio_open(&t, &params, 1);
    proa_addr from = {.port = 5683};
    proa_addr to = {.port = 5683};
    sim_radio_address(t.host, from.ip);
    sim_radio_address(SIM_TOPOLOGY_WIRED, to.ip);
    size_t len =
        sim_ipv6_write(bytes, sizeof bytes, &from, &to, proa_span_make(payload, sizeof payload));
    sim_radio_send(r, 1000, t.host, proa_span_make(bytes, len));
    assert_false(sim_radio_take(r, 1000 + 20000 + 5280 + 18000, &node, &got));
    assert_true(sim_radio_take(r, 200000, &node, &got));
    assert_int_equal(node, SIM_TOPOLOGY_WIRED);
    assert_int_equal(got.len, len);
    assert_int_equal(got.data[7], 61);
    sim_radio_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_packet_crosses_three_hops_line_and_wire)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
