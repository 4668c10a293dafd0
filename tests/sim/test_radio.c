/* SPDX-License-Identifier: Apache-2.0 */
/* Packets through a mesh: when each arrives, computed by hand, and what becomes of those that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/radio/ipv6.h"
#include "sim/radio/radio.h"

/* ---- a mesh and what is seen of it ------------------------------------------------------ */

enum { SIGHTS_MAX = 4096 };

typedef struct mesh {
    sim_topology topology;
    sim_radio *radio;
    sim_radio_sight sights[SIGHTS_MAX];
    size_t sight_count;
    uint64_t now_us; /* of the last arrival */
} mesh;

static void see(void *ctx, const sim_radio_sight *sight)
{
    mesh *m = ctx;
    assert_true(m->sight_count < SIGHTS_MAX);
    m->sights[m->sight_count++] = *sight;
}

static mesh *open_mesh(const char *name, const sim_radio_params *params, uint64_t seed)
{
    static mesh m;
    char path[128];
    char problem[600];
    snprintf(path, sizeof path, "../experiments/topologies/%s.json", name);
    if (!sim_topology_load(path, &m.topology, problem, sizeof problem)) {
        fail_msg("%s", problem);
    }
    m.radio = sim_radio_open(&m.topology, params, seed);
    m.sight_count = 0;
    sim_radio_observe(m.radio, see, &m);
    return &m;
}

/* No back-off, so that times can be computed. */
static sim_radio_params without_chance(void)
{
    sim_radio_params params = sim_radio_params_default();
    params.min_be = 0;
    params.max_be = 0;
    return params;
}

static size_t build(uint8_t out[SIM_IPV6_PACKET_MAX], unsigned from, unsigned to,
                    size_t payload_len)
{
    static const uint8_t payload[SIM_IPV6_PACKET_MAX] = {1, 2, 3};
    proa_addr source = {.port = 5683};
    proa_addr destination = {.port = 5683};
    sim_radio_address(from, source.ip);
    sim_radio_address(to, destination.ip);
    size_t len = sim_ipv6_write(out, SIM_IPV6_PACKET_MAX, &source, &destination,
                                proa_span_make(payload, payload_len));
    assert_int_equal(len, SIM_IPV6_UDP_LEN + payload_len);
    return len;
}

static void send(mesh *m, uint64_t at_us, unsigned from, unsigned to, size_t payload_len)
{
    uint8_t packet[SIM_IPV6_PACKET_MAX];
    size_t len = build(packet, from, to, payload_len);
    sim_radio_send(m->radio, at_us, from, proa_span_make(packet, len));
}

/* The next packet that arrives, and when; false if none does any more. */
static bool next_arrival(mesh *m, unsigned *node, proa_span *packet)
{
    uint64_t at_us;
    while ((at_us = sim_radio_next_us(m->radio)) != UINT64_MAX) {
        m->now_us = at_us;
        if (sim_radio_take(m->radio, at_us, node, packet)) {
            return true;
        }
    }
    return false;
}

static void expect(mesh *m, unsigned node, uint64_t at_us)
{
    unsigned got;
    proa_span packet;
    assert_true(next_arrival(m, &got, &packet));
    assert_int_equal(got, node);
    assert_int_equal(m->now_us, at_us);
}

static void expect_nothing(mesh *m)
{
    unsigned node;
    proa_span packet;
    assert_false(next_arrival(m, &node, &packet));
}

static size_t count_arrivals(mesh *m)
{
    unsigned node;
    proa_span packet;
    size_t count = 0;
    while (next_arrival(m, &node, &packet)) {
        count++;
    }
    return count;
}

/* ---- times by hand ---------------------------------------------------------------------- */

/* 56 bytes of UDP payload between neighbours: 23 + 9 + 56 = 88 bytes, (6 + 88) * 32 = 3008 us in the air, after
 * 128 us of listening and 192 us of turning around. */
static void one_hop_by_hand(void **state)
{
    (void)state;
    sim_radio_params params = without_chance();
    params.cpu_send_us = 700;
    params.cpu_receive_us = 300;
    params.cpu_forward_us = 77777;
    mesh *m = open_mesh("multihop_0_direct", &params, 1);
    send(m, 1000, m->topology.host, m->topology.requester, 56);
    expect(m, m->topology.requester, 1000 + 700 + 128 + 192 + 3008 + 300);
    expect_nothing(m);
    assert_int_equal(m->sight_count, 1);
    const sim_radio_sight *s = &m->sights[0];
    assert_int_equal(s->medium, SIM_RADIO_AIR);
    assert_int_equal(s->from, m->topology.host);
    assert_int_equal(s->to, m->topology.requester);
    assert_int_equal(s->at_us, 1000 + 700 + 128 + 192);
    assert_int_equal(s->bytes, 88);
    assert_int_equal(s->took_us, 3008);
    assert_int_equal(sim_radio_counts_of(m->radio, m->topology.host)->frame_bytes_sent, 88);
    assert_int_equal(sim_radio_counts_of(m->radio, m->topology.requester)->acks_sent, 1);
    sim_radio_close(m->radio);
}

/* 230 bytes: 88, 96 and 46 of them in frames of 23 + 101, 23 + 101 and 23 + 51 bytes; between two there are
 * acknowledgment (192 + 352) and spacing (640). */
static void fragments_by_hand(void **state)
{
    (void)state;
    sim_radio_params params = without_chance();
    mesh *m = open_mesh("multihop_0_direct", &params, 1);
    send(m, 0, m->topology.host, m->topology.requester, 230);
    expect(m, m->topology.requester,
           3 * 320 + (6 + 124) * 32 + (6 + 124) * 32 + (6 + 74) * 32 + 2 * (192 + 352 + 640));
    expect_nothing(m);
    assert_int_equal(m->sight_count, 3);
    sim_radio_close(m->radio);
}

/* Host, forwarder, requester. On the first hop the requester's identifier (8) is inline, on the second the host's,
 * and the hop limit (1): 96 and 97 bytes. The second begins when the acknowledgment of the first has been sent, or later, if the processor takes longer. */
static void two_hops_by_hand(void **state)
{
    (void)state;
    static const struct {
        uint32_t cpu_us, gap_us;
    } rows[] = {{0, 192 + 352}, {500, 192 + 352}, {600, 600}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sim_radio_params params = without_chance();
        params.cpu_forward_us = rows[i].cpu_us;
        mesh *m = open_mesh("multihop_1", &params, 1);
        unsigned node;
        proa_span packet;
        send(m, 0, m->topology.host, m->topology.requester, 56);
        assert_true(next_arrival(m, &node, &packet));
        assert_int_equal(node, m->topology.requester);
        assert_int_equal(m->now_us, 320 + (6 + 96) * 32 + rows[i].gap_us + 320 + (6 + 97) * 32);
        assert_int_equal(packet.data[7], 63);
        sim_radio_close(m->radio);
    }
}

/* Towards the machine: 23 + 2 + 16 + 7 + 56 = 104 bytes in the air, then 104 of IPv6 with 14 of Ethernet and 2
 * delimiters at 20 us each, then the wire. Back the hop limit is inline: 105. */
static void machine_by_hand(void **state)
{
    (void)state;
    sim_radio_params params = without_chance();
    params.wired_delay_us = 20000;
    params.cpu_forward_us = 50;
    params.cpu_receive_us = 9;
    mesh *m = open_mesh("multihop_0_direct", &params, 1);
    send(m, 0, m->topology.host, SIM_TOPOLOGY_WIRED, 56);
    expect(m, SIM_TOPOLOGY_WIRED, 320 + (6 + 104) * 32 + 50 + (104 + 16) * 20 + 20000);
    assert_int_equal(m->sight_count, 3);
    assert_int_equal(m->sights[1].medium, SIM_RADIO_SERIAL);
    assert_int_equal(m->sights[1].bytes, 120);
    assert_int_equal(m->sights[1].took_us, 2400);
    assert_int_equal(m->sights[1].to, SIM_TOPOLOGY_WIRED);
    assert_int_equal(m->sights[2].medium, SIM_RADIO_WIRE);
    assert_int_equal(m->sights[2].bytes, 104);
    assert_int_equal(m->sights[2].took_us, 20000);
    send(m, 100000, SIM_TOPOLOGY_WIRED, m->topology.requester, 56);
    expect(m, m->topology.requester, 100000 + 20000 + 120 * 20 + 50 + 320 + (6 + 105) * 32 + 9);
    sim_radio_close(m->radio);
}

/* A delimiter or an escape in the packet takes two bytes. */
static void serial_line_escapes(void **state)
{
    (void)state;
    sim_radio_params params = without_chance();
    mesh *m = open_mesh("multihop_0_direct", &params, 1);
    uint8_t packet[SIM_IPV6_PACKET_MAX];
    size_t len = build(packet, SIM_TOPOLOGY_WIRED, m->topology.host, 56);
    memcpy(packet + 60, "\x7e\x7d\x7e\x7c", 4);
    sim_radio_send(m->radio, 0, SIM_TOPOLOGY_WIRED, proa_span_make(packet, len));
    assert_int_equal(count_arrivals(m), 1);
    assert_int_equal(m->sights[1].medium, SIM_RADIO_SERIAL);
    assert_int_equal(m->sights[1].bytes, 16 + 104 + 3);
    assert_int_equal(m->sights[1].took_us, 123 * 20);
    sim_radio_close(m->radio);
}

/* Each direction of the line for itself, one packet after the other; the wire holds many. */
static void serial_line_is_used_by_one_packet_at_a_time(void **state)
{
    (void)state;
    sim_radio_params params = without_chance();
    params.wired_delay_us = 1000;
    mesh *m = open_mesh("multihop_0_direct", &params, 1);
    unsigned router = m->topology.border_router;
    for (unsigned i = 0; i < 3; i++) {
        send(m, 0, SIM_TOPOLOGY_WIRED, router, 56); /* 2400 each */
        send(m, 1000, router, SIM_TOPOLOGY_WIRED, 56);
    }
    expect(m, router, 1000 + 2400);
    expect(m, SIM_TOPOLOGY_WIRED, 1000 + 2400 + 1000);
    expect(m, router, 1000 + 4800);
    expect(m, SIM_TOPOLOGY_WIRED, 1000 + 4800 + 1000);
    expect(m, router, 1000 + 7200);
    expect(m, SIM_TOPOLOGY_WIRED, 1000 + 7200 + 1000);
    expect_nothing(m);
    sim_radio_close(m->radio);
}

static void processor_does_one_thing_at_a_time(void **state)
{
    (void)state;
    sim_radio_params params = without_chance();
    params.cpu_send_us = 10000; /* longer than a frame takes */
    mesh *m = open_mesh("multihop_0_direct", &params, 1);
    send(m, 0, m->topology.host, m->topology.requester, 56);
    send(m, 1000, m->topology.host, m->topology.requester, 56);
    expect(m, m->topology.requester, 10000 + 320 + 3008);
    expect(m, m->topology.requester, 20000 + 320 + 3008);
    sim_radio_close(m->radio);
}

/* Without a context both addresses are inline. */
static void without_a_context(void **state)
{
    (void)state;
    sim_radio_params params = without_chance();
    params.has_context = false;
    mesh *m = open_mesh("multihop_0_direct", &params, 1);
    send(m, 0, m->topology.host, m->topology.requester, 63);
    send(m, 0, m->topology.host, m->topology.requester, 64);
    assert_int_equal(count_arrivals(m), 2);
    assert_int_equal(m->sight_count, 3);
    assert_int_equal(m->sights[0].bytes, 127); /* 23 + 41 + 63 */
    sim_radio_close(m->radio);
}

/* ---- times by chance -------------------------------------------------------------------- */

/* What one hop of n frames takes on a channel that is free, in the mean: per frame 3.5 units, listening and turning
 * around; between two frames acknowledgment and spacing. */
static uint64_t mean_hop_us(size_t frames, uint64_t air_us)
{
    return frames * (7 * 320 / 2 + 128 + 192) + air_us + (frames - 1) * (192 + 352 + 640);
}

static void mean_of_one_hop_is_that_of_the_formula(void **state)
{
    (void)state;
    static const struct {
        size_t payload_len, frames;
        uint64_t air_us;
    } rows[] = {{56, 1, 3008}, {95, 1, 4256}, {230, 3, 2 * 130 * 32 + 80 * 32}};
    enum { PACKETS = 3000 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sim_radio_params params = sim_radio_params_default();
        mesh *m = open_mesh("multihop_0_direct", &params, i);
        uint64_t sum_us = 0;
        for (uint64_t n = 0; n < PACKETS; n++) {
            unsigned node;
            proa_span packet;
            m->sight_count = 0;
            send(m, n * 100000, m->topology.host, m->topology.requester, rows[i].payload_len);
            assert_true(next_arrival(m, &node, &packet));
            sum_us += m->now_us - n * 100000;
            expect_nothing(m);
        }
        uint64_t expected_us = mean_hop_us(rows[i].frames, rows[i].air_us);
        if (sum_us < PACKETS * expected_us * 98 / 100 ||
            sum_us > PACKETS * expected_us * 102 / 100) {
            fail_msg("%zu bytes: %llu us, not %llu", rows[i].payload_len,
                     (unsigned long long)(sum_us / PACKETS), (unsigned long long)expected_us);
        }
        sim_radio_close(m->radio);
    }
}

static void same_seed_same_run(void **state)
{
    (void)state;
    static sim_radio_sight first[SIGHTS_MAX];
    size_t count = 0;
    size_t differing = 0;
    for (unsigned run = 0; run < 3; run++) {
        sim_radio_params params = sim_radio_params_default();
        params.loss_permille = 50;
        mesh *m = open_mesh("m3-317xae479b07", &params, run < 2 ? 4 : 5);
        for (unsigned i = 0; i < 20; i++) {
            send(m, i * 5000, m->topology.host, m->topology.requester, 150);
            send(m, i * 5000, m->topology.requester, SIM_TOPOLOGY_WIRED, 50);
        }
        assert_true(count_arrivals(m) > 0);
        if (run == 0) {
            memcpy(first, m->sights, sizeof first);
            count = m->sight_count;
        }
        if (run == 1) {
            assert_int_equal(m->sight_count, count);
        }
        differing = 0;
        for (size_t i = 0; i < count; i++) {
            differing += first[i].at_us != m->sights[i].at_us ||
                         first[i].from != m->sights[i].from || first[i].bytes != m->sights[i].bytes;
        }
        assert_true(run == 2 || differing == 0);
        sim_radio_close(m->radio);
    }
    assert_true(differing > count / 2);
}

/* ---- ways ------------------------------------------------------------------------------- */

static const char *const names[] = {
    "multihop_0_direct", "multihop_0_tree", "multihop_1",      "multihop_2",
    "multihop_3",        "multihop_4",      "m3-317xf7f70945", "m3-317x16261b22",
    "m3-317xa4473081",   "m3-317x400cce5c", "m3-317x9c68ce5b", "m3-317xae479b07",
};

static void each_reaches_the_others_over_the_hops_of_its_topology(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sim_radio_params params = sim_radio_params_default();
        mesh *m = open_mesh(names[i], &params, i);
        const unsigned ends[] = {m->topology.host, m->topology.requester, SIM_TOPOLOGY_WIRED};
        for (unsigned way = 0; way < 9; way++) {
            unsigned from = ends[way / 3];
            unsigned to = ends[way % 3];
            unsigned hops = sim_topology_hops(&m->topology, from, to);
            unsigned node;
            proa_span packet;
            uint8_t sent[SIM_IPV6_PACKET_MAX];
            if (from == to) {
                continue;
            }
            m->sight_count = 0;
            size_t len = build(sent, from, to, 20);
            sim_radio_send(m->radio, way * 1000000, from, proa_span_make(sent, len));
            assert_true(next_arrival(m, &node, &packet));
            assert_int_equal(node, to);
            assert_int_equal(packet.len, len);
            sent[7] = packet.data[7];
            assert_memory_equal(packet.data, sent, len);
            size_t air = 0;
            for (size_t s = 0; s < m->sight_count; s++) {
                air += m->sights[s].medium == SIM_RADIO_AIR && m->sights[s].attempt == 0;
            }
            assert_int_equal(air, hops);
            expect_nothing(m);
        }
        sim_radio_close(m->radio);
    }
}

static void longest_packet_crosses_eight_hops(void **state)
{
    (void)state;
    sim_radio_params params = sim_radio_params_default();
    mesh *m = open_mesh("m3-317xae479b07", &params, 3);
    uint8_t sent[SIM_IPV6_PACKET_MAX];
    unsigned node;
    proa_span packet;
    size_t len = build(sent, m->topology.host, m->topology.requester, 1232);
    sim_radio_send(m->radio, 0, m->topology.host, proa_span_make(sent, len));
    assert_true(next_arrival(m, &node, &packet));
    assert_int_equal(packet.len, SIM_IPV6_PACKET_MAX);
    assert_int_equal(packet.data[7], 64 - 7);
    sent[7] = 64 - 7;
    assert_memory_equal(packet.data, sent, len);
    sim_radio_close(m->radio);
}

/* ---- what does not arrive --------------------------------------------------------------- */

static void rfc8200_3_hop_limit(void **state)
{
    (void)state;
    sim_radio_params params = sim_radio_params_default();
    mesh *m = open_mesh("multihop_1", &params, 1);
    for (uint8_t limit = 0; limit < 3; limit++) {
        uint8_t packet[SIM_IPV6_PACKET_MAX];
        size_t len = build(packet, m->topology.host, m->topology.requester, 20);
        packet[7] = limit;
        sim_radio_send(m->radio, limit * 100000, m->topology.host, proa_span_make(packet, len));
        assert_int_equal(count_arrivals(m), limit == 2);
    }
    uint64_t drops = 0;
    for (unsigned i = 0; i < m->topology.node_count; i++) {
        drops += sim_radio_counts_of(m->radio, i)->hop_limit_drops;
        assert_int_equal(sim_radio_counts_of(m->radio, i)->no_route_drops, 0);
    }
    assert_int_equal(drops, 2);
    sim_radio_close(m->radio);
}

/* A host of a node that does not know it: the one that is asked says so. */
static void packets_without_a_route_are_counted(void **state)
{
    (void)state;
    sim_radio_params params = sim_radio_params_default();
    mesh *m = open_mesh("multihop_1", &params, 1);
    unsigned host = m->topology.host;
    unsigned requester = m->topology.requester;
    unsigned hop = m->topology.next[host][requester];
    assert_true(hop != requester);
    m->topology.next[hop][requester] = (uint8_t)hop;
    send(m, 0, host, requester, 20);
    expect_nothing(m);
    assert_int_equal(sim_radio_counts_of(m->radio, hop)->no_route_drops, 1);
    m->topology.next[host][requester] = (uint8_t)host;
    send(m, 1000000, host, requester, 20);
    expect_nothing(m);
    assert_int_equal(sim_radio_counts_of(m->radio, host)->no_route_drops, 1);
    sim_radio_close(m->radio);
}

/* Each field of its own. */
static void counts_since_an_earlier_reading(void **state)
{
    uint64_t numbers[3][sizeof(sim_radio_counts) / sizeof(uint64_t)];
    sim_radio_counts earlier;
    sim_radio_counts later;
    (void)state;
    for (size_t i = 0; i < sizeof numbers[0] / sizeof numbers[0][0]; i++) {
        numbers[0][i] = i;
        numbers[1][i] = 3 * i + 1;
    }
    memcpy(&earlier, numbers[0], sizeof earlier);
    memcpy(&later, numbers[1], sizeof later);
    later = sim_radio_counts_since(&later, &earlier);
    memcpy(numbers[2], &later, sizeof later);
    for (size_t i = 0; i < sizeof numbers[0] / sizeof numbers[0][0]; i++) {
        assert_int_equal(numbers[2][i], 2 * i + 1);
    }
}

static void packets_for_nobody_are_dropped(void **state)
{
    (void)state;
    sim_radio_params params = sim_radio_params_default();
    mesh *m = open_mesh("multihop_0_direct", &params, 1);
    uint8_t packet[SIM_IPV6_PACKET_MAX + 1] = {0};
    unsigned host = m->topology.host;
    size_t len = build(packet, host, m->topology.requester, 20);
    packet[39] = 3; /* one more than there are nodes */
    sim_radio_send(m->radio, 0, host, proa_span_make(packet, len));
    packet[39] = 6;
    sim_radio_send(m->radio, 0, host, proa_span_make(packet, len)); /* as the machine's ends */
    packet[24] = 0xff;
    sim_radio_send(m->radio, 0, host, proa_span_make(packet, len));
    send(m, 0, host, host, 20);
    send(m, 0, SIM_TOPOLOGY_WIRED, SIM_TOPOLOGY_WIRED, 20);
    len = build(packet, host, m->topology.requester, 1232);
    sim_radio_send(m->radio, 0, host, proa_span_make(packet, len + 1));
    sim_radio_send(m->radio, 0, host, proa_span_make(packet, 39));
    assert_true(sim_radio_next_us(m->radio) == UINT64_MAX);
    len = build(packet, host, m->topology.requester, 20);
    sim_radio_send(m->radio, 0, host, proa_span_make(packet, len - 1)); /* cut: not compressed */
    expect_nothing(m);
    assert_int_equal(m->sight_count, 0);
    sim_radio_close(m->radio);
}

/* One on the air, three waiting; the others find no place. */
static void full_queue_drops_the_last(void **state)
{
    (void)state;
    sim_radio_params params = sim_radio_params_default();
    params.queue_max = 3;
    mesh *m = open_mesh("multihop_0_direct", &params, 1);
    unsigned node;
    proa_span packet;
    for (unsigned i = 0; i < 10; i++) {
        send(m, 0, m->topology.host, m->topology.requester, 20 + i);
        assert_false(sim_radio_take(m->radio, 0, &node, &packet));
    }
    assert_int_equal(sim_radio_counts_of(m->radio, m->topology.host)->queue_drops, 6);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(next_arrival(m, &node, &packet));
        assert_int_equal(packet.len, 48 + 20 + i);
    }
    expect_nothing(m);
    for (unsigned i = 0; i < 10; i++) { /* the same before the line */
        send(m, 1000000, SIM_TOPOLOGY_WIRED, m->topology.border_router, 20);
        assert_false(sim_radio_take(m->radio, 1000000, &node, &packet));
    }
    assert_int_equal(sim_radio_counts_of(m->radio, m->topology.border_router)->queue_drops, 6);
    assert_int_equal(count_arrivals(m), 4);
    sim_radio_close(m->radio);
}

/* The second of two fragments is lost: its sender gives up after one attempt, the receiver after 3 seconds. */
static void rfc4944_5_3_reassembly_times_out(void **state)
{
    (void)state;
    unsigned seen = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        sim_radio_params params = without_chance();
        params.retries_max = 0;
        params.loss_permille = 300;
        mesh *m = open_mesh("multihop_0_direct", &params, seed);
        const sim_radio_counts *at = sim_radio_counts_of(m->radio, m->topology.requester);
        send(m, 0, m->topology.host, m->topology.requester, 150);
        bool arrived = count_arrivals(m) > 0;
        if (!arrived && at->acks_sent == 1 && m->sight_count == 2) {
            uint64_t first_us = m->sights[0].at_us + m->sights[0].took_us;
            assert_int_equal(at->reassembly_drops, 1);
            assert_int_equal(m->now_us, first_us + 3000000);
            seen++;
        }
        assert_true(!arrived || at->reassembly_drops == 0);
        sim_radio_close(m->radio);
    }
    assert_true(seen > 10);
}

/* A packet whose fragment was given up is not sent on. */
static void a_packet_ends_with_a_fragment_that_is_given_up(void **state)
{
    (void)state;
    sim_radio_params params = without_chance();
    params.loss_permille = 1000;
    params.retries_max = 1;
    mesh *m = open_mesh("multihop_0_direct", &params, 1);
    send(m, 0, m->topology.host, m->topology.requester, 300);
    expect_nothing(m);
    assert_int_equal(m->sight_count, 2);
    assert_int_equal(m->sights[1].attempt, 1);
    assert_int_equal(sim_radio_counts_of(m->radio, m->topology.host)->frames_given_up, 1);
    sim_radio_close(m->radio);
}

/* Two that hear each other send fragments to a third, turn by turn. With two places whatever its sender did not give up
 * arrives. */
static void rfc4944_5_3_two_packets_at_once_need_two_places(void **state)
{
    (void)state;
    for (uint8_t places = 1; places <= 2; places++) {
        uint64_t drops = 0;
        uint64_t arrived = 0;
        uint64_t given_up = 0;
        for (uint64_t seed = 0; seed < 50; seed++) {
            sim_radio_params params = sim_radio_params_default();
            params.reassemblies_max = places;
            mesh *m = open_mesh("multihop_0_direct", &params, seed);
            send(m, 0, m->topology.host, m->topology.border_router, 300);
            send(m, 0, m->topology.requester, m->topology.border_router, 300);
            arrived += count_arrivals(m);
            drops += sim_radio_counts_of(m->radio, m->topology.border_router)->reassembly_drops;
            given_up += sim_radio_counts_of(m->radio, m->topology.host)->frames_given_up;
            given_up += sim_radio_counts_of(m->radio, m->topology.requester)->frames_given_up;
            sim_radio_close(m->radio);
        }
        assert_true(given_up < 50);
        if (places == 1) {
            assert_true(drops > 50 && arrived + given_up < 80);
        } else {
            assert_true(drops <= given_up && arrived + given_up >= 100);
        }
    }
}

/* One half of a packet is there whose other half was lost; then two come at once: they take the free place and that
 * of the half, not each other's. */
static void rfc4944_5_3_the_oldest_gives_way(void **state)
{
    (void)state;
    unsigned seen = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        sim_radio_params params = sim_radio_params_default();
        params.retries_max = 0;
        params.loss_permille = 100;
        params.reassemblies_max = 2;
        mesh *m = open_mesh("multihop_0_direct", &params, seed);
        unsigned node;
        proa_span packet;
        const unsigned router = m->topology.border_router;
        const unsigned senders[] = {m->topology.host, m->topology.requester};
        send(m, 0, senders[0], router, 150);
        bool arrived = sim_radio_take(m->radio, 200000, &node, &packet);
        if (!arrived && sim_radio_counts_of(m->radio, router)->acks_sent > 0) {
            uint64_t before = sim_radio_counts_of(m->radio, senders[0])->frames_given_up;
            send(m, 200000, senders[0], router, 200);
            send(m, 200000, senders[1], router, 200);
            uint64_t ended = count_arrivals(m);
            ended += sim_radio_counts_of(m->radio, senders[0])->frames_given_up - before;
            ended += sim_radio_counts_of(m->radio, senders[1])->frames_given_up;
            assert_true(ended >= 2);
            seen++;
        }
        sim_radio_close(m->radio);
    }
    assert_true(seen > 20);
}

/* ---- UDP in IPv6 ------------------------------------------------------------------------ */

static void rfc768_checksum_and_what_is_no_datagram(void **state)
{
    (void)state;
    uint8_t packet[64];
    proa_addr from = {.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, .port = 1};
    proa_addr to = {.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}, .port = 2};
    proa_span payload;
    proa_addr got_from;
    proa_addr got_to;
    size_t len = sim_ipv6_write(packet, sizeof packet, &from, &to, proa_span_of("a"));
    assert_int_equal(len, 49);
    /* Both addresses, length and protocol; ports, length, payload padded. */
    unsigned sum = 2 * (0x2001 + 0x0db8) + 1 + 2 + 9 + 17 + 1 + 2 + 9 + 0x6100;
    assert_int_equal(packet[46] << 8 | packet[47], 0xffff - sum);
    assert_true(sim_ipv6_read(proa_span_make(packet, len), &got_from, &got_to, &payload));
    assert_true(proa_addr_equal(&got_from, &from) && proa_addr_equal(&got_to, &to));
    assert_true(proa_span_equal(payload, proa_span_of("a")));
    for (size_t cut = 0; cut < len; cut++) {
        assert_false(sim_ipv6_read(proa_span_make(packet, cut), &got_from, &got_to, &payload));
    }
    assert_int_equal(sim_ipv6_write(packet, 48, &from, &to, proa_span_of("a")), 0);
    static const size_t broken[] = {0, 5, 6, 45}; /* version, length, next header, UDP length */
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        packet[broken[i]] ^= 0x40;
        assert_false(sim_ipv6_read(proa_span_make(packet, len), &got_from, &got_to, &payload));
        packet[broken[i]] ^= 0x40;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_hop_by_hand),
        cmocka_unit_test(fragments_by_hand),
        cmocka_unit_test(two_hops_by_hand),
        cmocka_unit_test(machine_by_hand),
        cmocka_unit_test(serial_line_escapes),
        cmocka_unit_test(serial_line_is_used_by_one_packet_at_a_time),
        cmocka_unit_test(processor_does_one_thing_at_a_time),
        cmocka_unit_test(without_a_context),
        cmocka_unit_test(mean_of_one_hop_is_that_of_the_formula),
        cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(each_reaches_the_others_over_the_hops_of_its_topology),
        cmocka_unit_test(longest_packet_crosses_eight_hops),
        cmocka_unit_test(rfc8200_3_hop_limit),
        cmocka_unit_test(packets_without_a_route_are_counted),
        cmocka_unit_test(counts_since_an_earlier_reading),
        cmocka_unit_test(packets_for_nobody_are_dropped),
        cmocka_unit_test(full_queue_drops_the_last),
        cmocka_unit_test(rfc4944_5_3_reassembly_times_out),
        cmocka_unit_test(a_packet_ends_with_a_fragment_that_is_given_up),
        cmocka_unit_test(rfc4944_5_3_two_packets_at_once_need_two_places),
        cmocka_unit_test(rfc4944_5_3_the_oldest_gives_way),
        cmocka_unit_test(rfc768_checksum_and_what_is_no_datagram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
