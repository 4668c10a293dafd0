/* SPDX-License-Identifier: Apache-2.0 */
/* OSCORE's numbers over the flash store: power fails, and no nonce serves twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/mcu/flash_store.h"
#include "tests/mcu/nor.h"
#include "tests/oscore/ends.h"

static nor chip;
static proa_flash_store store;
static end client, server;

static void boot(proa_oscore_origin origin)
{
    nor_power_on(&chip);
    assert_int_equal(proa_flash_store_open(&store, &chip.flash), PROA_OK);
    client.store = proa_flash_store_port(&store);
    end_on(&client, origin);
}

/* One message, different from all others; false if it could not be sent. */
static bool send(uint16_t n)
{
    proa_oscore_binding binding;
    message wire, plain = get_a(n, proa_span_make(NULL, 0));
    if (proa_oscore_begin_request(client.o, ACCOUNT, &binding) != PROA_OSCORE_DONE) {
        return false;
    }
    return proa_oscore_protect(client.o, &binding, span(&plain), wire.bytes, sizeof wire.bytes,
                               &wire.len) == PROA_OSCORE_DONE;
}

static void rfc8613_b_1_1_no_number_twice_on_flash(void **state)
{
    (void)state;
    unsigned cuts = 0, sent = 0;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        nor_start(&chip, seed % 2 == 0 ? 4 : 8, seed % 3 == 0, 2, 1024, seed);
        ends_make(&client, &server, seed);
        client.margin = 1 + (uint32_t)seed % 5;
        boot(PROA_OSCORE_FRESH);
        assert_true(send(0));
        for (uint16_t n = 1; n < 150; n++) {
            if (nor_roll(&chip, 4) == 0) {
                nor_cut_in(&chip, 1 + nor_roll(&chip, nor_roll(&chip, 2) == 0 ? 250 : 20));
            }
            bool done = send(n);
            assert_true(done || chip.off);
            sent += done;
            if (chip.off) {
                cuts++;
                end_off(&client);
                boot(PROA_OSCORE_KNOWN);
                assert_true(send(1000 + n)); /* its state is not lost */
            }
        }
        end_off(&client);
        assert_int_equal(checker_violations(), 0);
    }
    print_message("%u messages, %u cuts\n", sent, cuts);
    assert_true(cuts > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rfc8613_b_1_1_no_number_twice_on_flash)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
