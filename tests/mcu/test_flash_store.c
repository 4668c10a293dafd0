/* SPDX-License-Identifier: Apache-2.0 */
/* The flash store on a chip that keeps the rules and loses power at each step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ports/mcu/flash_store.h"
#include "proa/assert.h"
#include "tests/mcu/nor.h"

enum { NAMES = 6, BLOB_MAX = 110, SECTOR = 1024 };

static const char *const names[NAMES] = {
    "acl", "c2c.k0", "c2c.k1", "osc.0011223344556677", "a", "a_name_of_24_characters_"};

/* ---- what should be there ------------------------------------------------------------------ */

typedef struct content {
    bool there;
    size_t len;
    uint8_t bytes[PROA_STORE_BLOB_MAX];
} content;

typedef struct operation {
    unsigned name;
    content to;
} operation;

/* A device: chip, store and what the store should hold. Copied as a whole to be set back. */
typedef struct device {
    nor chip;
    proa_flash_store store;
    content blobs[NAMES];
    content gone; /* the last one that was replaced or removed */
    uint32_t serial;
} device;

static device dev, before, mid;

static void set_back(const device *to)
{
    dev = *to;
    nor_moved(&dev.chip);
    dev.store.flash = &dev.chip.flash;
}

/* No two contents are equal, and eight bytes are enough to tell one. */
static content make_content(size_t len)
{
    content c = {true, len, {0}};
    dev.serial++;
    for (size_t i = 0; i < len; i++) {
        c.bytes[i] = (uint8_t)(dev.serial >> (i % 3 * 8)) ^ (uint8_t)(0x5a + i / 3 * 7);
    }
    return c;
}

static operation make_operation(void)
{
    operation o = {nor_roll(&dev.chip, NAMES), {false, 0, {0}}};
    if (nor_roll(&dev.chip, 5) != 0) {
        o.to = make_content(nor_roll(&dev.chip, BLOB_MAX));
    }
    return o;
}

static bool holds(unsigned name, const content *c)
{
    uint8_t buf[PROA_STORE_BLOB_MAX];
    proa_store port = proa_flash_store_port(&dev.store);
    int len = port.read(port.ctx, names[name], buf, sizeof buf);
    return c->there ? len == (int)c->len && memcmp(buf, c->bytes, c->len) == 0
                    : len == PROA_E_NOT_FOUND;
}

static void check_all(void)
{
    for (unsigned i = 0; i < NAMES; i++) {
        if (!holds(i, &dev.blobs[i])) {
            fail_msg("%s is something else", names[i]);
        }
    }
    if (dev.chip.flash.wipes && dev.gone.there && dev.gone.len >= 8) {
        assert_false(nor_holds(&dev.chip, dev.gone.bytes, dev.gone.len));
    }
}

static proa_err perform(const operation *o)
{
    proa_store port = proa_flash_store_port(&dev.store);
    return o->to.there
               ? port.write(port.ctx, names[o->name], proa_span_make(o->to.bytes, o->to.len))
               : port.remove(port.ctx, names[o->name]);
}

static void is_done(const operation *o)
{
    dev.gone = dev.blobs[o->name];
    dev.blobs[o->name] = o->to;
}

static void perform_well(const operation *o)
{
    assert_int_equal(perform(o), PROA_OK);
    is_done(o);
}

static void boot(void)
{
    nor_power_on(&dev.chip);
    memset(&dev.store, 0xee, sizeof dev.store);
    assert_int_equal(proa_flash_store_open(&dev.store, &dev.chip.flash), PROA_OK);
}

/* Power fails again, if that many steps are needed at all. */
static void boot_until(unsigned step)
{
    nor_power_on(&dev.chip);
    nor_cut_in(&dev.chip, step);
    proa_err err = proa_flash_store_open(&dev.store, &dev.chip.flash);
    assert_true(err == PROA_OK || dev.chip.off);
}

static void new_device(uint8_t unit, bool wipes, uint8_t sectors, uint32_t sector_len,
                       uint64_t seed)
{
    memset(&dev, 0, sizeof dev);
    nor_start(&dev.chip, unit, wipes, sectors, sector_len, seed);
    boot();
    assert_true(dev.store.formatted);
}

/* After an operation that was cut off: the old content or the new one, and for good. If it
 * returned, only the wiping was cut off. */
static void settle(const operation *o, proa_err err)
{
    if (err == PROA_OK || holds(o->name, &o->to)) {
        is_done(o);
    }
    check_all();
    for (int i = 0; i < 2; i++) {
        boot();
        check_all();
    }
}

typedef struct kind {
    uint8_t unit;
    bool wipes;
    uint8_t sectors;
} kind;

static const kind kinds[] = {{4, false, 2}, {4, true, 2}, {1, true, 2},  {1, false, 3},
                             {2, false, 2}, {2, true, 4}, {8, false, 2}, {8, true, 3}};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- without accidents --------------------------------------------------------------------- */

static void blobs_are_replaced_as_a_whole(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 3, 4, 5, 8, 31, 32, 33, 512};
    for (size_t k = 0; k < KINDS; k++) {
        new_device(kinds[k].unit, kinds[k].wipes, kinds[k].sectors, SECTOR, k);
        proa_store port = proa_flash_store_port(&dev.store);
        check_all();
        for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
            uint8_t small[4];
            operation o = {NAMES - 1, make_content(lens[i])};
            perform_well(&o);
            check_all();
            boot();
            assert_false(dev.store.formatted);
            check_all();
            int len = port.read(port.ctx, names[NAMES - 1], small, sizeof small);
            assert_int_equal(len, lens[i] <= 4 ? (int)lens[i] : PROA_E_NO_SPACE);
        }
        for (unsigned name = 0; name < NAMES; name++) {
            operation o = {name, {false, 0, {0}}};
            perform_well(&o);
            perform_well(&o);
            check_all();
            boot();
            check_all();
        }
        assert_int_equal(dev.store.live, 0);
    }
}

static void what_does_not_fit_the_limits_stops(void **state)
{
    (void)state;
    static uint8_t large[PROA_STORE_BLOB_MAX + 1];
    new_device(4, false, 2, SECTOR, 1);
    proa_store port = proa_flash_store_port(&dev.store);
    expect_assert_failure((void)port.write(port.ctx, "a", proa_span_make(large, sizeof large)));
    expect_assert_failure((void)port.remove(port.ctx, "a_name_of_25_characters__"));
    dev.chip.flash.unit = 3;
    expect_assert_failure(boot());
    dev.chip.flash.unit = 4;
    dev.chip.flash.sector_count = 1;
    expect_assert_failure(boot());
}

/* ---- power --------------------------------------------------------------------------------- */

/* Power fails in step `step` of the operation, and up to three times more while recovering. */
static void cut_off(const operation *o, unsigned step)
{
    nor_cut_in(&dev.chip, step);
    proa_err err = perform(o);
    assert_true(dev.chip.off);
    for (unsigned more = nor_roll(&dev.chip, 4); more > 0; more--) {
        boot_until(1 + nor_roll(&dev.chip, nor_roll(&dev.chip, 2) == 0 ? 2 : 300));
    }
    boot();
    assert_false(dev.store.formatted);
    settle(o, err);
}

static unsigned steps_of(const operation *o)
{
    unsigned steps = dev.chip.steps;
    perform_well(o);
    return dev.chip.steps - steps;
}

static void power_fails_at_each_step(void **state)
{
    (void)state;
    unsigned cuts = 0;
    for (size_t k = 0; k < KINDS; k++) {
        new_device(kinds[k].unit, kinds[k].wipes, kinds[k].sectors, SECTOR, 100 + k);
        for (int i = 0; i < 20; i++) {
            operation o = make_operation();
            before = dev;
            unsigned steps = steps_of(&o);
            mid = dev;
            for (unsigned step = 1; step <= steps; step++) {
                set_back(&before);
                dev.chip.random.state += step * 1000 + k; /* it breaks in another way */
                cut_off(&o, step);
                for (int j = 0; j < 3; j++) { /* and it goes on */
                    operation next = make_operation();
                    perform_well(&next);
                    check_all();
                }
                boot();
                check_all();
                cuts++;
            }
            set_back(&mid);
        }
    }
    print_message("%u cuts\n", cuts);
    assert_true(cuts > 5000);
}

/* Where a record or a move becomes valid and an erase begins, what is seen at one boot and is not
 * at the next: many ways to fail at each of the last steps, and again at the first step of the next
 * boot. */
static void power_fails_where_it_matters(void **state)
{
    (void)state;
    enum { LAST = 12, WAYS = 200 };
    for (size_t k = 0; k < KINDS; k++) {
        if (kinds[k].unit < 4) {
            continue; /* a mark is many units, and seldom all of it fades */
        }
        new_device(kinds[k].unit, kinds[k].wipes, kinds[k].sectors, SECTOR, 200 + k);
        for (int moves = 0; moves < 2; moves++) {
            operation o;
            unsigned steps;
            uint32_t sector;
            do {
                o = (operation){1, make_content(20)};
                before = dev;
                sector = dev.store.sector;
                steps = steps_of(&o);
            } while (moves == (dev.store.sector == sector) || !before.blobs[1].there);
            for (unsigned i = 0; i < LAST * WAYS; i++) {
                set_back(&before);
                dev.chip.random.state += i * 1000 + k;
                nor_cut_in(&dev.chip, steps - i % LAST);
                proa_err err = perform(&o);
                boot_until(1 + nor_roll(&dev.chip, 10));
                boot();
                settle(&o, err);
                operation next = {1, make_content(20)};
                nor_cut_in(&dev.chip, steps - nor_roll(&dev.chip, 3));
                err = perform(&next);
                boot();
                settle(&next, err);
                perform_well(&o);
                check_all();
            }
            set_back(&before);
        }
    }
}

/* A store that was never there must come to be, wherever that is cut off. */
static void power_fails_while_formatting(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 1000; seed++) {
        memset(&dev, 0, sizeof dev);
        nor_start(&dev.chip, kinds[seed % KINDS].unit, false, kinds[seed % KINDS].sectors, SECTOR,
                  seed);
        for (unsigned i = nor_roll(&dev.chip, 4); i > 0; i--) {
            boot_until(1 + nor_roll(&dev.chip, 25));
        }
        boot();
        operation o = {0, make_content(50)};
        perform_well(&o);
        for (int i = 0; i < 5; i++) {
            boot();
            check_all();
        }
    }
}

static void move_on(void)
{
    for (uint32_t sector = dev.store.sector; dev.store.sector == sector;) {
        operation o = {0, make_content(50)};
        perform_well(&o);
    }
}

static void agrees_with_a_map(void **state)
{
    (void)state;
    unsigned cuts = 0;
    for (unsigned seed = 0; seed < 96; seed++) {
        const kind *k = &kinds[seed % KINDS];
        new_device(k->unit, k->wipes, k->sectors, seed % 3 == 0 ? 2048 : SECTOR, 1000 + seed);
        for (int i = 0; i < 250; i++) {
            operation o = make_operation();
            unsigned what = nor_roll(&dev.chip, 20);
            if (what == 0) {
                boot();
            }
            if (what < 3) {
                nor_cut_in(&dev.chip, 1 + nor_roll(&dev.chip, what == 1 ? 300 : 30));
            }
            proa_err err = perform(&o);
            assert_true(err == PROA_OK || dev.chip.off);
            if (dev.chip.off) {
                cuts++;
                boot();
                settle(&o, err);
            } else {
                is_done(&o);
            }
            dev.chip.cut_at = 0;
            check_all();
        }
    }
    print_message("%u cuts\n", cuts);
    assert_true(cuts > 1000);
}

/* ---- room and wear ------------------------------------------------------------------------- */

static proa_err write_numbered(unsigned number, size_t len, uint8_t fill)
{
    char name[16];
    uint8_t bytes[PROA_STORE_BLOB_MAX];
    proa_store port = proa_flash_store_port(&dev.store);
    snprintf(name, sizeof name, "n%03u", number);
    memset(bytes, fill, len);
    return port.write(port.ctx, name, proa_span_make(bytes, len));
}

static void expect_numbered(unsigned number, size_t len, uint8_t fill)
{
    char name[16];
    uint8_t bytes[PROA_STORE_BLOB_MAX];
    proa_store port = proa_flash_store_port(&dev.store);
    snprintf(name, sizeof name, "n%03u", number);
    assert_int_equal(port.read(port.ctx, name, bytes, sizeof bytes), len);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(bytes[i], fill);
    }
}

static void full_is_told_and_everything_goes_on(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        unsigned count = 0;
        new_device(kinds[k].unit, kinds[k].wipes, kinds[k].sectors, SECTOR, k);
        proa_store port = proa_flash_store_port(&dev.store);
        while (write_numbered(count, 60, (uint8_t)count) == PROA_OK) {
            count++;
        }
        uint32_t cost = proa_flash_store_cost(4, 60);
        assert_int_equal(count, proa_flash_store_room(&dev.chip.flash) / cost);
        assert_int_equal(write_numbered(count, 60, 0), PROA_E_FULL);
        assert_int_equal(write_numbered(0, 512, 0), PROA_E_FULL); /* the old one stays */
        for (unsigned i = 0; i < 100 * count; i++) {              /* nothing that fits is refused */
            assert_int_equal(write_numbered(i % count, 60, (uint8_t)(i + i / count)), PROA_OK);
            if (i % 40 == 0) {
                boot();
            }
        }
        for (unsigned i = 0; i < count; i++) {
            expect_numbered(i, 60, (uint8_t)(i + 99 * (count + 1)));
        }
        for (unsigned i = 0; i < count; i++) { /* removing never needs room */
            char name[16];
            snprintf(name, sizeof name, "n%03u", i);
            assert_int_equal(port.remove(port.ctx, name), PROA_OK);
            assert_int_equal(port.read(port.ctx, name, NULL, 0), PROA_E_NOT_FOUND);
            assert_int_equal(write_numbered(100 + i, 60, 1), PROA_OK);
        }
        assert_int_equal(write_numbered(count, 60, 0), PROA_E_FULL);
        boot();
        assert_int_equal(write_numbered(count, 60, 0), PROA_E_FULL);
    }
}

static void sectors_wear_alike(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        new_device(kinds[k].unit, kinds[k].wipes, kinds[k].sectors, SECTOR, k);
        unsigned least = UINT32_MAX, most = 0, all = 0;
        enum { WRITES = 4000 };
        for (unsigned i = 0; i < WRITES; i++) {
            assert_int_equal(write_numbered(i % 3, 60, (uint8_t)i), PROA_OK);
        }
        for (unsigned i = 0; i < kinds[k].sectors; i++) {
            least = dev.chip.erases[i] < least ? dev.chip.erases[i] : least;
            most = dev.chip.erases[i] > most ? dev.chip.erases[i] : most;
            all += dev.chip.erases[i];
        }
        /* One erase each time what is not alive of a sector has been filled. */
        uint32_t cost = proa_flash_store_cost(4, 60);
        unsigned each = (SECTOR - 32) / cost - 3;
        assert_in_range(most - least, 0, 2);
        assert_in_range(all, WRITES / (each + 1), WRITES / each + 2 * kinds[k].sectors);
        unsigned erases = dev.chip.erases[0];
        for (int i = 0; i < 100; i++) {
            boot(); /* costs nothing */
        }
        assert_int_equal(dev.chip.erases[0], erases);
    }
}

/* ---- secrets ------------------------------------------------------------------------------- */

static void secrets_are_gone_when_the_call_returns_or_the_sector_is_left(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        new_device(kinds[k].unit, kinds[k].wipes, kinds[k].sectors, SECTOR, k);
        for (int removes = 0; removes < 2; removes++) {
            operation o = {3, make_content(16)};
            operation next = {3, make_content(16)};
            content secret = o.to;
            next.to.there = removes == 0;
            perform_well(&o);
            assert_true(nor_holds(&dev.chip, secret.bytes, secret.len));
            perform_well(&next);
            assert_int_equal(nor_holds(&dev.chip, secret.bytes, secret.len), !kinds[k].wipes);
            move_on();
            assert_false(nor_holds(&dev.chip, secret.bytes, secret.len));
        }
    }
}

/* ---- flash that fails ---------------------------------------------------------------------- */

static void a_chip_that_fails_loses_nothing(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++) {
        const kind *k = &kinds[seed % KINDS];
        new_device(k->unit, k->wipes, k->sectors, SECTOR, seed);
        for (int i = 0; i < 10; i++) {
            operation o = make_operation();
            perform_well(&o);
        }
        bool programs = seed % 2 == 0;
        unsigned from = dev.chip.steps + 1 + nor_roll(&dev.chip, 100);
        dev.chip.program_bad = programs ? from : 0;
        dev.chip.erase_bad = programs ? 0 : from;
        operation o = {0, {false, 0, {0}}};
        proa_err err = PROA_OK;
        while (err == PROA_OK) {
            o = make_operation();
            err = perform(&o);
            if (err == PROA_OK) {
                is_done(&o);
            }
        }
        for (int i = 0; i < 3; i++) {
            assert_int_equal(err, PROA_E_IO);
            if (!programs && holds(o.name, &o.to)) { /* moved, but could not erase what it left */
                is_done(&o);
            }
            dev.gone.there = false;
            check_all(); /* all of it can be read */
            o = make_operation();
            o.to.there = true;
            err = perform(&o);
        }
        operation again = {o.name, make_content(20)};
        dev.chip.program_bad = dev.chip.erase_bad = 0; /* a contact that came loose */
        perform_well(&again);
        boot();
        check_all();
    }
}

/* ---- contents that are damaged ------------------------------------------------------------- */

static void a_damaged_blob_is_never_replaced_by_an_older_one(void **state)
{
    (void)state;
    new_device(4, false, 2, SECTOR, 1);
    operation older = {1, make_content(40)}, newer = {1, make_content(40)};
    operation other = {2, make_content(40)};
    perform_well(&older);
    perform_well(&newer);
    perform_well(&other);
    proa_store port = proa_flash_store_port(&dev.store);
    for (uint32_t i = 0; i + 40 <= 2 * SECTOR; i++) {
        if (memcmp(dev.chip.bytes + i, newer.to.bytes, 40) == 0) {
            dev.chip.bytes[i + 17] ^= 4;
        }
    }
    uint8_t buf[64];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(port.read(port.ctx, names[1], buf, sizeof buf), PROA_E_IO);
        assert_true(holds(2, &other.to));
        boot();
    }
    while (port.read(port.ctx, names[1], buf, sizeof buf) == PROA_E_IO) {
        operation o = {0, make_content(50)};
        perform_well(&o);
    }
    assert_int_equal(port.read(port.ctx, names[1], buf, sizeof buf), PROA_E_NOT_FOUND);
    assert_true(holds(2, &other.to));
}

/* What a peer makes the device store may look like a record; a torn write must not bring it to
 * life. */
static void a_record_within_a_blob_is_none(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        uint8_t fake[256];
        new_device(kinds[k].unit, false, kinds[k].sectors, SECTOR, k);
        operation o = {4, make_content(32)};
        perform_well(&o);
        uint32_t len = proa_flash_store_cost(1, 32);
        memcpy(fake, dev.chip.bytes + dev.store.tail - len, len); /* of "a" */
        operation real = {4, make_content(32)};
        perform_well(&real);
        before = dev;
        operation evil = {1, {true, 3 * len, {0}}};
        for (uint32_t i = 0; i < 3; i++) {
            memcpy(evil.to.bytes + i * len, fake, len);
        }
        unsigned steps = steps_of(&evil);
        for (unsigned step = 1; step < steps; step++) {
            set_back(&before);
            nor_cut_in(&dev.chip, step);
            assert_int_equal(perform(&evil), PROA_E_IO);
            boot();
            settle(&evil, PROA_E_IO);
        }
    }
}

static void whatever_the_chip_holds_it_becomes_a_store(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 300; seed++) {
        const kind *k = &kinds[seed % KINDS];
        new_device(k->unit, true, k->sectors, SECTOR, seed);
        for (int i = 0; i < 30; i++) {
            operation o = make_operation();
            perform_well(&o);
        }
        for (unsigned i = nor_roll(&dev.chip, 40); i > 0; i--) {
            uint8_t byte = (uint8_t)nor_roll(&dev.chip, 256);
            nor_damage(&dev.chip, dev.store.sector + nor_roll(&dev.chip, 200 + i), &byte, 1);
        }
        boot();
        operation o = {0, make_content(20)};
        assert_int_equal(perform(&o), PROA_OK);
        assert_true(holds(0, &o.to));
        boot();
        assert_true(holds(0, &o.to));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blobs_are_replaced_as_a_whole),
        cmocka_unit_test(what_does_not_fit_the_limits_stops),
        cmocka_unit_test(power_fails_at_each_step),
        cmocka_unit_test(power_fails_where_it_matters),
        cmocka_unit_test(power_fails_while_formatting),
        cmocka_unit_test(agrees_with_a_map),
        cmocka_unit_test(full_is_told_and_everything_goes_on),
        cmocka_unit_test(sectors_wear_alike),
        cmocka_unit_test(secrets_are_gone_when_the_call_returns_or_the_sector_is_left),
        cmocka_unit_test(a_chip_that_fails_loses_nothing),
        cmocka_unit_test(a_damaged_blob_is_never_replaced_by_an_older_one),
        cmocka_unit_test(a_record_within_a_blob_is_none),
        cmocka_unit_test(whatever_the_chip_holds_it_becomes_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
