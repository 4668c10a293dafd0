/* SPDX-License-Identifier: Apache-2.0 */
/* Everything goes wrong once, at every place: operations, stores, memory, and the process itself.
 * Afterwards nothing may be left half done (docs/C2C.md §5, §7; G17, G22, G24, G25). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/app/world.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

enum { R = PROA_RIGHT_READ, W = PROA_RIGHT_WRITE };

static const proa_policy_rule rules[] = {
    WORLD_ANYTHING(36000),
};
static const proa_policy policy = {rules, COUNT(rules)};
static const proa_path everything = {{0}, 0};

static world w;
static world_device *lamp, *button, *meter;

/* What stands before, and what is then done under faults. */
typedef struct scenario {
    const char *name;
    const char *before; /* letters as in run_letter; first 'o': the devices have OSCORE */
    char act;
} scenario;

static const scenario scenarios[] = {
    {"first grant", "", 'g'},
    {"three entries", "", '3'},
    {"list shared with another", "m", 'g'},
    {"other direction", "g", 'b'},
    {"renewal", "g", 'g'},
    {"renewal with more rights", "gm", 'w'},
    {"renewal with both directions", "gb", 'w'},
    {"revocation", "g", 'r'},
    {"revocation of a shared list", "gm", 'r'},
    {"revocation of one direction", "gb", 'r'},
    {"host lost everything", "gmb", 'l'},
    {"requester lost everything", "gmb", 'q'},
    {"asked again after the host lost it", "gm", 'L'},
    {"moved", "gm", 'a'},
    {"first grant over OSCORE", "o", 'g'},
    {"other direction over OSCORE", "og", 'b'},
    {"renewal over OSCORE", "og", 'h'},
    {"renewal over OSCORE with both directions", "ogb", 'h'},
    {"renewal of the other direction over OSCORE", "obg", 'h'},
    {"revocation after a renewal over OSCORE", "ogh", 'r'},
    {"revocation over OSCORE", "og", 'r'},
    {"host lost everything over OSCORE", "ogb", 'l'},
};

/* Which devices take an account in one message: the lamp, the button. The meter does as the lamp. */
enum { SEPARATE = 0, LAMP = 1, BUTTON = 2, COMPACT = 3 };
static unsigned flow;

/* The next flow to try with a scenario: mixed pairs are for what makes accounts on both devices. */
static void next_flow(const scenario *s)
{
    bool mixes = strchr("g3lqL", s->act) != NULL;
    flow = mixes ? flow + 1 : flow == SEPARATE ? COMPACT : COMPACT + 1;
}

static uint64_t ticket;

static void ask(world_device *from, const char *to, const proa_ac_body *body)
{
    ticket = world_ask(&w, from, to, body, true);
}

static void run_letter(char letter)
{
    static const proa_ac_body read = {{{3311, 0, R}}, 1};
    static const proa_ac_body more = {{{3311, 0, W}, {3303, 1, R}}, 2};
    static const proa_ac_body three = {{{3311, 0, R}, {3303, 1, R}, {3200, PROA_ID_ALL, R}}, 3};
    int64_t by;
    switch (letter) {
    case 'g':
        ask(button, "lamp", &read);
        break;
    case 'h':
        world_pass(&w, rules[0].lifetime_s / 2 * 1000ULL); /* due for another key */
        ask(button, "lamp", &read);
        break;
    case '3':
        ask(button, "lamp", &three);
        break;
    case 'w':
        ask(button, "lamp", &more);
        break;
    case 'm':
        ask(meter, "lamp", &read);
        break;
    case 'b':
        ask(lamp, "button", &read);
        break;
    case 'r':
        assert_int_equal(proa_authority_revoke(w.authority, w.now_ms, proa_span_of("button"),
                                               proa_span_of("lamp"), &everything, &by),
                         PROA_OK);
        break;
    case 'l':
        world_wipe(lamp);
        world_register(&w, lamp);
        break;
    case 'q':
        world_wipe(button);
        world_register(&w, button);
        break;
    case 'L':
        world_wipe(lamp);
        ask(button, "lamp", &read);
        break;
    case 'a':
        lamp->addr.port++;
        world_update(&w, lamp);
        break;
    default:
        fail();
    }
}

static const char *grants_before(const scenario *s)
{
    return s->before[0] == 'o' ? s->before + 1 : s->before;
}

static void prepare(const scenario *s)
{
    world_start(&w, &policy);
    ticket = 0;
    lamp = world_add(&w, "lamp", "2001:db8::1");
    button = world_add(&w, "button", "2001:db8::2");
    meter = world_add(&w, "meter", "2001:db8::3");
    for (size_t i = 0; i < w.device_count; i++) {
        w.devices[i].has_oscore = s->before[0] == 'o';
        w.devices[i].is_compact = (flow & (&w.devices[i] == button ? BUTTON : LAMP)) != 0;
        w.devices[i].has_firsts = w.devices[i].is_compact;
        world_register(&w, &w.devices[i]);
    }
    world_run(&w);
    for (const char *c = grants_before(s); *c != '\0'; c++) {
        run_letter(*c);
        world_run(&w);
        assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_CREATED);
    }
    if (strchr(s->before, 'h') == NULL) {
        world_check(&w, s->name);
    }
    world_arm(&w);
    ticket = 0;
}

/* What was granted and answered before must be there unless it was revoked. */
static void nothing_was_lost(const scenario *s, const char *when)
{
    for (const char *c = grants_before(s); *c != '\0'; c++) {
        const char *from = *c == 'b' ? "lamp" : *c == 'm' ? "meter" : "button";
        const char *to = *c == 'b' ? "button" : "lamp";
        bool is_revoked = s->act == 'r' && (*c == 'g' || *c == 'h');
        if ((world_grant(&w, from, to) != NULL) == is_revoked) {
            fail_msg("%s: %s -> %s", when, from, to);
        }
    }
}

/* While a key is rolled, what a requester has works at any time, without waiting for a registration;
 * but for devices that were reset or say that they were. */
static void settle(const char *when, bool honest)
{
    world_pass(&w, 120000);
    if (honest) {
        world_use(&w, when);
    }
    for (size_t i = 0; i < w.device_count; i++) {
        world_register(&w, &w.devices[i]);
    }
    world_pass(&w, 120000);
    world_use(&w, when);
    world_pass(&w, 120000);
}

static void after(const scenario *s, const char *when)
{
    if (ticket != 0) {
        const world_answer *answer = world_answer_to(&w, ticket);
        const proa_grant *g =
            s->act == 'b' ? world_grant(&w, "lamp", "button") : world_grant(&w, "button", "lamp");
        if (s->act != 'w' && s->act != 'h' &&
            strchr(s->before, s->act == 'L' ? 'g' : s->act) == NULL &&
            (answer->code == PROA_COAP_CREATED) != (g != NULL)) {
            fail_msg("%s: answered %#x, but the grant is %s", when, answer->code,
                     g == NULL ? "not there" : "there");
        }
    }
    world_check(&w, when);
}

/* ---- operations ------------------------------------------------------------------------- */

static void g17_any_operation_fails_and_all_is_rolled_back(void **state)
{
    static const struct {
        world_fault fault;
        uint8_t code;
    } faults[] = {
        {WORLD_FAULT_LOST_BEFORE, 0},
        {WORLD_FAULT_LOST_AFTER, 0},
        {WORLD_FAULT_GONE, 0},
        {WORLD_FAULT_NO_LOCATION, 0},
        {WORLD_FAULT_GARBLED, 0},
        {WORLD_FAULT_RESET, 0},
        {WORLD_FAULT_CODE, PROA_COAP_BAD_REQUEST},
        {WORLD_FAULT_CODE, PROA_COAP_UNAUTHORIZED},
        {WORLD_FAULT_CODE, PROA_COAP_FORBIDDEN},
        {WORLD_FAULT_CODE, PROA_COAP_NOT_FOUND},
        {WORLD_FAULT_CODE, PROA_COAP_METHOD_NOT_ALLOWED},
        {WORLD_FAULT_CODE, PROA_COAP_REQUEST_ENTITY_TOO_LARGE},
        {WORLD_FAULT_CODE, PROA_COAP_INTERNAL_SERVER_ERROR},
        {WORLD_FAULT_CODE, PROA_COAP_SERVICE_UNAVAILABLE},
    };
    uint32_t runs = 0;
    (void)state;
    for (size_t s = 0; s < COUNT(scenarios); s++) {
        for (flow = SEPARATE; flow <= COMPACT; next_flow(&scenarios[s])) {
            for (size_t f = 0; f < COUNT(faults); f++) {
                bool reached = true;
                for (uint32_t n = 1; reached; n++) {
                    char when[128];
                    snprintf(when, sizeof when, "%s, flow %u, operation %u, fault %u %#x",
                             scenarios[s].name, flow, n, faults[f].fault, faults[f].code);
                    prepare(&scenarios[s]);
                    w.fault_at = n;
                    w.fault = faults[f].fault;
                    w.fault_code = faults[f].code;
                    run_letter(scenarios[s].act);
                    world_run(&w);
                    reached = w.operations >= n;
                    settle(when, scenarios[s].act == 'h' && faults[f].fault != WORLD_FAULT_RESET &&
                                     faults[f].code != PROA_COAP_NOT_FOUND);
                    after(&scenarios[s], when);
                    if (faults[f].fault != WORLD_FAULT_CODE) {
                        nothing_was_lost(&scenarios[s], when);
                    }
                    world_end(&w);
                    runs++;
                }
            }
        }
    }
    print_message("%u runs\n", runs);
}

/* A first grant that fails leaves nothing at once, without waiting for another registration. */
static void g17_a_first_grant_leaves_nothing(void **state)
{
    static const uint8_t codes[] = {PROA_COAP_UNAUTHORIZED, PROA_COAP_SERVICE_UNAVAILABLE};
    static const uint8_t answers[] = {PROA_COAP_FORBIDDEN, PROA_COAP_SERVICE_UNAVAILABLE};
    (void)state;
    for (size_t c = 0; c < COUNT(codes); c++) {
        for (uint32_t n = 1; n <= 5; n++) {
            prepare(&scenarios[0]);
            w.fault_at = n;
            w.fault = WORLD_FAULT_CODE;
            w.fault_code = codes[c];
            run_letter('g');
            world_run(&w);
            if (n == 3 && codes[c] == PROA_COAP_UNAUTHORIZED) {
                /* 11002 refused once: read, and tried again. */
                assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_CREATED);
            } else {
                assert_int_equal(world_answer_to(&w, ticket)->code, answers[c]);
                assert_int_equal(world_count(lamp) + world_count(button), 0);
                assert_int_equal(w.grant_count, 0);
                assert_int_equal(world_audits(&w, PROA_AUDIT_FAILED), 1);
            }
            world_check(&w, "rolled back");
            world_end(&w);
        }
    }
}

static void g24_a_host_that_refuses_the_authority(void **state)
{
    (void)state;
    prepare(&scenarios[0]);
    lamp->clients[0] = (world_client){.used = true, .instance = 0, .short_id = 1, .uses = -1};
    strcpy(lamp->clients[0].endpoint, "a");
    for (uint16_t i = 1; i < WORLD_ROWS; i++) {
        lamp->clients[i] =
            (world_client){.used = true, .instance = i, .short_id = (uint16_t)(100 + i)};
        strcpy(lamp->clients[i].endpoint, "b");
    }
    run_letter('g');
    world_run(&w);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_SERVICE_UNAVAILABLE);
    assert_int_equal(world_answer_to(&w, ticket)->reason, PROA_AC_WHY_BUSY);
    assert_int_equal(world_count(button), 0);
    world_end(&w);
}

/* ---- stores ----------------------------------------------------------------------------- */

static void g25_any_store_fails(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(scenarios); s++) {
        for (flow = SEPARATE; flow <= COMPACT; next_flow(&scenarios[s])) {
            bool reached = true;
            for (uint32_t n = 1; reached; n++) {
                char when[128];
                snprintf(when, sizeof when, "%s, flow %u, store %u", scenarios[s].name, flow, n);
                prepare(&scenarios[s]);
                w.store_fault_at = n;
                run_letter(scenarios[s].act);
                world_run(&w);
                reached = w.stores >= n;
                settle(when, scenarios[s].act == 'h');
                after(&scenarios[s], when);
                nothing_was_lost(&scenarios[s], when);
                world_end(&w);
            }
        }
    }
}

/* ---- the process ------------------------------------------------------------------------ */

/* What may be used stands in the audit, whenever that is looked at. */
static void all_were_audited(const char *when)
{
    for (size_t i = 0; i < w.grant_count; i++) {
        bool found = w.grants[i].state != PROA_GRANT_ACTIVE;
        for (size_t j = 0; j < w.audit_count && !found; j++) {
            found = w.audits[j].kind == PROA_AUDIT_GRANTED &&
                    strcmp(w.audits[j].requester, w.grants[i].requester) == 0 &&
                    strcmp(w.audits[j].host, w.grants[i].host) == 0;
        }
        if (!found) {
            fail_msg("%s: %s -> %s is in no audit", when, w.grants[i].requester, w.grants[i].host);
        }
    }
}

static size_t interrupted(void)
{
    size_t count = 0;
    for (size_t i = 0; i < w.grant_count; i++) {
        count +=
            w.grants[i].state == PROA_GRANT_INTENDED || w.grants[i].state == PROA_GRANT_HOST_READY;
    }
    return count;
}

static void g25_the_process_dies_at_any_moment(void **state)
{
    uint32_t runs = 0;
    (void)state;
    for (size_t s = 0; s < COUNT(scenarios); s++) {
        for (flow = SEPARATE; flow <= COMPACT; next_flow(&scenarios[s])) {
            bool reached = true;
            for (uint32_t n = 1; reached; n++) {
                char when[128];
                snprintf(when, sizeof when, "%s, flow %u, dies at action %u", scenarios[s].name,
                         flow, n);
                prepare(&scenarios[s]);
                w.crash_at = n;
                run_letter(scenarios[s].act);
                world_run(&w);
                reached = w.crashed;
                all_were_audited(when);
                size_t failed = world_audits(&w, PROA_AUDIT_FAILED) + interrupted();
                world_restart(&w);
                settle(when, scenarios[s].act == 'h');
                all_were_audited(when);
                if (world_audits(&w, PROA_AUDIT_FAILED) < failed) {
                    fail_msg("%s: interrupted, and in no audit", when);
                }
                bool was_granted = ticket != 0 && world_answers_to(&w, ticket) == 1 &&
                                   world_answer_to(&w, ticket)->code == PROA_COAP_CREATED;
                world_check(&w, when);
                /* A revoke that was not yet on disk did not happen. */
                if (scenarios[s].act != 'r' || w.override_count == 1) {
                    nothing_was_lost(&scenarios[s], when);
                }
                if (was_granted && strchr("g3w", scenarios[s].act) != NULL &&
                    world_grant(&w, "button", "lamp") == NULL) {
                    fail_msg("%s: answered 2.01 and lost", when);
                }
                world_end(&w);
                runs++;
            }
        }
    }
    print_message("%u runs\n", runs);
}

/* It dies again and again while it repairs, and comes to rest as soon as it may. */
static void g25_the_process_dies_again_and_again(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(scenarios); s++) {
        for (flow = SEPARATE; flow <= COMPACT; next_flow(&scenarios[s])) {
            for (uint32_t n = 1; n < 12; n++) {
                char when[128];
                snprintf(when, sizeof when, "%s, flow %u, dies at every action %u",
                         scenarios[s].name, flow, n);
                prepare(&scenarios[s]);
                w.crash_at = n;
                run_letter(scenarios[s].act);
                world_run(&w);
                for (int i = 0; i < 12; i++) {
                    world_restart(&w);
                    world_arm(&w);
                    w.crash_at = n;
                    world_run(&w);
                }
                world_restart(&w);
                settle(when, scenarios[s].act == 'h');
                world_check(&w, when);
                world_end(&w);
            }
        }
    }
}

/* ---- memory ----------------------------------------------------------------------------- */

static void any_memory_is_refused(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(scenarios); s++) {
        for (flow = SEPARATE; flow <= COMPACT; next_flow(&scenarios[s])) {
            for (size_t takes = 0; takes < 6; takes++) {
                char when[128];
                snprintf(when, sizeof when, "%s, flow %u, memory %zu", scenarios[s].name, flow,
                         takes);
                prepare(&scenarios[s]);
                w.memory.takes_left = takes;
                run_letter(scenarios[s].act);
                world_run(&w);
                w.memory.takes_left = SIZE_MAX;
                settle(when, scenarios[s].act == 'h');
                after(&scenarios[s], when);
                world_end(&w);
            }
        }
    }
}

static void any_memory_is_refused_at_open(void **state)
{
    (void)state;
    prepare(&scenarios[0]);
    proa_authority_close(w.authority);
    for (size_t takes = 0;; takes++) {
        w.memory.takes_left = takes;
        proa_err err = proa_authority_open(&w.authority, &w.config);
        if (err == PROA_OK) {
            assert_true(takes > 5);
            break;
        }
        assert_int_equal(err, PROA_E_NO_MEMORY);
        assert_null(w.authority);
        assert_int_equal(w.memory.blocks, 0);
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g17_any_operation_fails_and_all_is_rolled_back),
        cmocka_unit_test(g17_a_first_grant_leaves_nothing),
        cmocka_unit_test(g24_a_host_that_refuses_the_authority),
        cmocka_unit_test(g25_any_store_fails),
        cmocka_unit_test(g25_the_process_dies_at_any_moment),
        cmocka_unit_test(g25_the_process_dies_again_and_again),
        cmocka_unit_test(any_memory_is_refused),
        cmocka_unit_test(any_memory_is_refused_at_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
