/* SPDX-License-Identifier: Apache-2.0 */
/* One channel: when frames are in the air, who gets them, what is repeated. Sections of IEEE 802.15.4-2006. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/radio/mac.h"

/* ---- a channel and what happens on it --------------------------------------------------- */

/* "AB BC": nodes A, B, C; B hears both. */
static void link_nodes(sim_topology *t, const char *links)
{
    memset(t, 0, sizeof *t);
    for (const char *at = links; *at != '\0'; at += at[2] == '\0' ? 2 : 3) {
        unsigned a = (unsigned)(at[0] - 'A');
        unsigned b = (unsigned)(at[1] - 'A');
        t->hears[a] |= 1U << b;
        t->hears[b] |= 1U << a;
        t->node_count = t->node_count > a ? t->node_count : a + 1;
        t->node_count = t->node_count > b ? t->node_count : b + 1;
    }
}

/* Frames of 30 bytes (in the air for 1152 us) unless said otherwise. */
enum { FRAME_LEN = 30, FRAME_US = 1152, ACK_US = 352, SENDS_MAX = 3 };

typedef struct send {
    uint64_t at_us;
    const char *way; /* "AC" */
    size_t len;
} send;

static void begin(sim_mac *mac, const send *s)
{
    static const uint8_t zeros[SIM_MAC_PAYLOAD_MAX];
    size_t len = s->len == 0 ? FRAME_LEN : s->len;
    sim_mac_send(mac, s->at_us, (unsigned)(s->way[0] - 'A'), (unsigned)(s->way[1] - 'A'),
                 proa_span_make(zeros, len - SIM_MAC_OVERHEAD_LEN));
}

/* Run until nothing happens any more; returns what happened as text. */
static const char *run(sim_mac *mac, const send *sends)
{
    static const char *const words[] = {"", "on air", "got", "done", "failed"};
    static char log[1024];
    size_t len = 0;
    size_t next = 0;
    log[0] = '\0';
    for (;;) {
        uint64_t now_us = sim_mac_next_us(mac);
        if (next < SENDS_MAX && sends[next].way != NULL && sends[next].at_us <= now_us) {
            begin(mac, &sends[next++]);
        } else if (now_us == UINT64_MAX) {
            return log;
        } else {
            sim_mac_event event = sim_mac_run(mac, now_us);
            if (event.what != SIM_MAC_NOTHING) {
                len +=
                    (size_t)snprintf(log + len, sizeof log - len, "%s%llu %c%c %s",
                                     len > 0 ? ", " : "", (unsigned long long)now_us,
                                     'A' + (int)event.from, 'A' + (int)event.to, words[event.what]);
            }
        }
    }
}

static sim_radio_params defaults(void)
{
    return sim_radio_params_default();
}

/* Without chance: each back-off is 0. A frame that is sent at 0 is assessed until 128, in the air from 320 to
 * 1472, its acknowledgment from 1664 to 2016. One repetition, from 864 after the first frame's end on. */
static sim_radio_params without_chance(void)
{
    sim_radio_params params = sim_radio_params_default();
    params.min_be = 0;
    params.max_be = 0;
    params.retries_max = 1;
    return params;
}

/* ---- times ------------------------------------------------------------------------------ */

static void ieee802154_6_airtime(void **state)
{
    (void)state;
    static const struct {
        uint32_t bit_rate;
        size_t len;
        uint32_t us;
    } rows[] = {
        {250000, 5, 352},    /* an acknowledgment: (6 + 5) * 32 */
        {250000, 23, 928},   /* no payload */
        {250000, 88, 3008},  /* 56 bytes of UDP payload, all addresses elided: 23 + 9 + 56 */
        {250000, 127, 4256}, /* the longest */
        {500000, 127, 2224}, /* 192 + 127 * 16 */
        {2000000, 127, 700}, /* 192 + 127 * 4 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sim_radio_params params = defaults();
        params.bit_rate = rows[i].bit_rate;
        assert_int_equal(sim_mac_airtime_us(&params, rows[i].len), rows[i].us);
    }
    sim_radio_params params = defaults();
    assert_int_equal(sim_mac_ack_wait_us(&params), 864); /* 54 symbols, §7.4.2 */
}

typedef struct scene {
    const char *what;
    const char *links;
    send sends[SENDS_MAX];
    const char *log;
} scene;

/* clang-format off */
static const scene scenes[] = {
    {"§7.5.6.4 one frame, acknowledged", "AC", {{0, "AC", 0}},
     "320 AC on air, 1472 AC got, 2016 AC done"},
    {"§7.5.1.3 two frames of one node are 640 us apart", "AC", {{0, "AC", 0}, {2017, "AC", 0}},
     "320 AC on air, 1472 AC got, 2016 AC done, 2976 AC on air, 4128 AC got, 4672 AC done"},
    {"§7.5.1.4 a channel that is busy five times", "AB AC BC", {{0, "AC", 0}, {400, "BC", 0}},
     "320 AC on air, 1040 BC failed, 1472 AC got, 2016 AC done"},
    {"§7.5.1.4 busy while it is assessed, if only at the end", "AB AC BC", {{0, "AC", 0}, {193, "BC", 0}},
     "320 AC on air, 833 BC failed, 1472 AC got, 2016 AC done"},
    {"§6.9.2 who was idle while another turned around collides", "AB AC BC", {{0, "AC", 0}, {191, "BC", 0}},
     "320 AC on air, 511 BC on air, 2656 AC on air, 2847 BC on air, 4672 AC failed, 4863 BC failed"},
    {"two that begin at once", "AB AC BC", {{0, "AC", 0}, {0, "BC", 0}},
     "320 AC on air, 320 BC on air, 2656 AC on air, 2656 BC on air, 4672 AC failed, 4672 BC failed"},
    {"two that do not hear each other", "AC BC", {{0, "AC", 0}, {500, "BC", 0}},
     "320 AC on air, 820 BC on air, 2656 AC on air, 3156 BC on air, 4672 AC failed, 5172 BC failed"},
    {"two that do not hear each other and are not heard by the same", "AC BD", {{0, "AC", 0}, {0, "BD", 0}},
     "320 AC on air, 320 BD on air, 1472 AC got, 1472 BD got, 2016 AC done, 2016 BD done"},
    {"who sends hears nothing", "AB", {{0, "AB", 0}, {0, "BA", 0}},
     "320 AB on air, 320 BA on air, 2656 AB on air, 2656 BA on air, 4672 AB failed, 4672 BA failed"},
    {"senders disturb receivers, not each other", "AB BC CD", {{0, "BA", 0}, {0, "CD", 0}},
     "320 BA on air, 320 CD on air, 1472 BA got, 1472 CD got, 2016 BA done, 2016 CD done"},
    {"one begins when the other ends: the first is got, the second finds its receiver turning", "AC BC",
     {{0, "AC", 0}, {1152, "BC", 0}},
     "320 AC on air, 1472 AC got, 1472 BC on air, 2016 AC done, 3808 BC on air, 4960 BC got, 5504 BC done"},
    /* B assesses from 1528 to 1656, when the frame is over and the acknowledgment not begun. */
    {"listening does not protect an acknowledgment", "AB AC BC", {{0, "AC", 0}, {1400, "BC", 0}},
     "320 AC on air, 1472 AC got, 1848 BC on air, 2976 AC failed, 4184 BC on air, 5336 BC got, 5880 BC done"},
    /* D, whom C does not hear, spoils the acknowledgment at A; the repetition is acknowledged, not got again. */
    {"§7.5.6.2 a duplicate is acknowledged and dropped", "AC AD", {{0, "AC", 0}, {1473, "DA", 23}},
     "320 AC on air, 1472 AC got, 1793 DA on air, 3168 AC on air, 4225 DA failed, 4864 AC done"},
    {"§7.5.6.4.2 an acknowledgment goes before a frame", "AB BC", {{0, "AB", 0}, {1473, "BC", 0}},
     "320 AB on air, 1472 AB got, 2016 AB done, 2336 BC on air, 3488 BC got, 4032 BC done"},
    {"who contends still hears", "AB BC", {{0, "AB", 0}, {300, "BC", 0}},
     "320 AB on air, 940 BC failed, 1472 AB got, 2016 AB done"},
    {"who assesses while it acknowledges finds the channel busy", "AB BC", {{0, "AB", 0}, {1460, "BC", 0}},
     "320 AB on air, 1472 AB got, 2016 AB done, 2100 BC failed"},
};
/* clang-format on */

static void ieee802154_7_5_who_gets_what_and_when(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        sim_topology t;
        static sim_mac mac;
        sim_radio_params params = without_chance();
        link_nodes(&t, scenes[i].links);
        sim_mac_open(&mac, &t, &params, 1);
        const char *log = run(&mac, scenes[i].sends);
        if (strcmp(log, scenes[i].log) != 0) {
            fail_msg("%s:\n     got %s\nexpected %s", scenes[i].what, log, scenes[i].log);
        }
    }
}

/* ---- chance ----------------------------------------------------------------------------- */

/* 0 to 7 units, then 128 and 192: a mean of 1440. */
static void ieee802154_7_5_1_4_backoff_has_its_bounds_and_mean(void **state)
{
    (void)state;
    enum { RUNS = 8000 };
    unsigned drawn[8] = {0};
    uint64_t sum_us = 0;
    sim_topology t;
    sim_radio_params params = defaults();
    link_nodes(&t, "AB");
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        static sim_mac mac;
        sim_mac_open(&mac, &t, &params, seed);
        begin(&mac, &(send){1000, "AB", 0});
        (void)sim_mac_run(&mac, sim_mac_next_us(&mac));
        uint64_t begun_us = sim_mac_next_us(&mac);
        uint64_t units = (begun_us - 1000 - 128 - 192) / SIM_MAC_UNIT_US;
        assert_true(units < 8 && begun_us == 1000 + units * SIM_MAC_UNIT_US + 128 + 192);
        drawn[units]++;
        sum_us += begun_us - 1000;
    }
    for (unsigned units = 0; units < 8; units++) {
        assert_true(drawn[units] > RUNS / 8 * 9 / 10 && drawn[units] < RUNS / 8 * 11 / 10);
    }
    assert_true(sum_us > 1440ULL * RUNS * 98 / 100 && sum_us < 1440ULL * RUNS * 102 / 100);
}

/* A busy channel doubles the range of units, up to 31: assessed within 7, 15, 31, 31, 31, and given up. */
static void ieee802154_7_5_1_4_backoff_grows(void **state)
{
    (void)state;
    sim_topology t;
    sim_radio_params params = defaults();
    static const uint64_t most[] = {7, 15, 31, 31, 31};
    uint64_t longest[5] = {0};
    link_nodes(&t, "AB AC BC");
    for (uint64_t seed = 0; seed < 1000; seed++) {
        static sim_mac mac;
        sim_mac_open(&mac, &t, &params, seed);
        mac.nodes[1].heard_us = UINT64_MAX; /* somebody speaks for ever */
        begin(&mac, &(send){0, "BC", 0});
        uint64_t before_us = 0;
        for (unsigned tries = 0; tries < 5; tries++) {
            uint64_t now_us = sim_mac_next_us(&mac);
            uint64_t units = (now_us - before_us - SIM_MAC_CCA_US) / SIM_MAC_UNIT_US;
            longest[tries] = longest[tries] > units ? longest[tries] : units;
            sim_mac_event event = sim_mac_run(&mac, now_us);
            assert_int_equal(event.what, tries < 4 ? SIM_MAC_NOTHING : SIM_MAC_GIVEN_UP);
            before_us = now_us;
        }
        assert_true(sim_mac_is_idle(&mac, 1));
        assert_int_equal(mac.counts[1].channel_failures, 1);
        assert_int_equal(mac.counts[1].frames_given_up, 1);
        assert_int_equal(mac.counts[1].frames_sent, 0);
    }
    assert_memory_equal(longest, most, sizeof most);
}

/* ---- counts ----------------------------------------------------------------------------- */

static void counts_of_a_frame_and_its_acknowledgment(void **state)
{
    (void)state;
    sim_topology t;
    static sim_mac mac;
    sim_radio_params params = without_chance();
    link_nodes(&t, "AC");
    sim_mac_open(&mac, &t, &params, 1);
    (void)run(&mac, (const send[SENDS_MAX]){{0, "AC", 0}});
    const sim_radio_counts *a = &mac.counts[0];
    const sim_radio_counts *c = &mac.counts[2];
    assert_int_equal(a->frames_sent, 1);
    assert_int_equal(a->frame_bytes_sent, FRAME_LEN);
    assert_int_equal(a->tx_us, FRAME_US);
    assert_int_equal(a->rx_us, ACK_US);
    assert_int_equal(c->acks_sent, 1);
    assert_int_equal(c->tx_us, ACK_US);
    assert_int_equal(c->rx_us, FRAME_US);
    assert_int_equal(a->attempts_repeated + a->frames_given_up + c->collisions, 0);
}

static void counts_of_collisions(void **state)
{
    (void)state;
    sim_topology t;
    static sim_mac mac;
    sim_radio_params params = without_chance();
    link_nodes(&t, "AC BC");
    sim_mac_open(&mac, &t, &params, 1);
    (void)run(&mac, (const send[SENDS_MAX]){{0, "AC", 0}, {500, "BC", 0}});
    assert_int_equal(mac.counts[2].collisions, 4); /* two of each */
    assert_int_equal(mac.counts[2].rx_us, 4 * FRAME_US);
    assert_int_equal(mac.counts[2].acks_sent, 0);
    assert_int_equal(mac.counts[0].attempts_repeated, 1);
    assert_int_equal(mac.counts[0].frames_given_up, 1);
    assert_int_equal(mac.counts[0].channel_failures, 0);
    link_nodes(&t, "AB"); /* who sends does not receive, and spends nothing on it */
    sim_mac_open(&mac, &t, &params, 1);
    (void)run(&mac, (const send[SENDS_MAX]){{0, "AB", 0}, {0, "BA", 0}});
    assert_int_equal(mac.counts[0].collisions, 2);
    assert_int_equal(mac.counts[0].rx_us, 0);
}

/* Four attempts with no chance but loss: each 320 before, 1152 in the air, 864 of waiting. */
static void ieee802154_7_5_6_4_3_repeated_three_times(void **state)
{
    (void)state;
    sim_topology t;
    static sim_mac mac;
    sim_radio_params params = without_chance();
    params.retries_max = 3;
    params.loss_permille = 1000;
    link_nodes(&t, "AB");
    sim_mac_open(&mac, &t, &params, 1);
    assert_string_equal(run(&mac, (const send[SENDS_MAX]){{0, "AB", 0}}),
                        "320 AB on air, 2656 AB on air, 4992 AB on air, 7328 AB on air, "
                        "9344 AB failed");
    assert_int_equal(mac.counts[0].attempts_repeated, 3);
    assert_int_equal(mac.counts[1].acks_sent, 0);
}

/* A number that comes round again after 256 frames to others is no duplicate. */
static void a_number_comes_round(void **state)
{
    (void)state;
    sim_topology t;
    static sim_mac mac;
    sim_radio_params params = without_chance();
    link_nodes(&t, "AB AC");
    sim_mac_open(&mac, &t, &params, 1);
    for (unsigned i = 0; i <= 256; i++) {
        uint64_t from_us = i * 3000;
        send sends[SENDS_MAX] = {{from_us, i % 256 == 0 ? "AB" : "AC", 0}};
        assert_non_null(strstr(run(&mac, sends), "got"));
    }
    assert_int_equal(mac.nodes[0].seq, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ieee802154_6_airtime),
        cmocka_unit_test(ieee802154_7_5_who_gets_what_and_when),
        cmocka_unit_test(ieee802154_7_5_1_4_backoff_has_its_bounds_and_mean),
        cmocka_unit_test(ieee802154_7_5_1_4_backoff_grows),
        cmocka_unit_test(counts_of_a_frame_and_its_acknowledgment),
        cmocka_unit_test(counts_of_collisions),
        cmocka_unit_test(ieee802154_7_5_6_4_3_repeated_three_times),
        cmocka_unit_test(a_number_comes_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
