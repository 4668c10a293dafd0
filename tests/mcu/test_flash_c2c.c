/* SPDX-License-Identifier: Apache-2.0 */
/* Real devices (client, C2C, OSCORE) whose only memory is a flash each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/mcu/flash_store.h"
#include "tests/c2c/world.h"
#include "tests/mcu/nor.h"

enum { DAY_S = 86400, REBOOTS = 30 /* each takes 5 % of a device's lifetimes (docs/C2C.md §7) */ };

static world w;
static nor chips[2];
static proa_flash_store stores[2];

static void reboot(size_t device)
{
    nor_power_on(&chips[device]);
    assert_int_equal(proa_flash_store_open(&stores[device], &chips[device].flash), PROA_OK);
    w.devices[device].store = proa_flash_store_port(&stores[device]);
    world_reboot(&w, device);
}

static void open_on_flash(uint64_t seed)
{
    world_open_oscore(&w, 2);
    for (size_t i = 0; i < 2; i++) {
        nor_start(&chips[i], 4, i == 0, 2, 4096, seed * 2 + i);
        reboot(i);
    }
}

static void expect_reads(void)
{
    world_forget_events(&w);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_run(&w, 60000);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, NULL);
    assert_int_equal(w.ac, 0); /* nobody had to be asked */
}

/* Both are switched off in the middle of traffic again and again; what the server gave stays. */
static void g25_grants_survive_power_failures_on_flash(void **state)
{
    (void)state;
    unsigned cuts = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        open_on_flash(seed);
        world_grant(&w, 0, 1, PROA_RIGHT_READ, DAY_S);
        expect_reads();
        for (size_t i = 0; i < REBOOTS; i++) {
            size_t d = i % 2;
            nor_cut_in(&chips[d], 1 + nor_roll(&chips[d], 12));
            for (int j = 0; j < 60 && !chips[d].off; j++) {
                world_forget_events(&w);
                (void)world_ask(&w, 0, 1, PROA_OP_READ);
                world_run(&w, 10000);
            }
            cuts += chips[d].off;
            reboot(d);
            expect_reads();
        }
        world_close(&w);
    }
    print_message("%u cuts\n", cuts);
    assert_true(cuts > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g25_grants_survive_power_failures_on_flash)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
