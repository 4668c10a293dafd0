/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a device as its only server sees them: one row is a request and its answer.
 * Core 1.2 §6.3; formats §7.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/client/bench.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TLV PROA_FORMAT_TLV
#define TEXT PROA_FORMAT_TEXT
#define NO BENCH_NO

/* /3303/0 without the secret and without the resource that is missing. */
#define INSTANCE         \
    "e115e12a"           \
    "e115e200"           \
    "a615e3410007410209" \
    "e415e600030000"     \
    "e315e7010203"       \
    "e215e903e8"         \
    "e115eb05"           \
    "e4164441ac0000"     \
    "e316456f6e65"

static int open_bench(void **state)
{
    static bench b;
    bench_registered(&b, false, NULL);
    *state = &b;
    return 0;
}

static int close_bench(void **state)
{
    bench_close(*state);
    return 0;
}

/* ---- Read ------------------------------------------------------------------------------- */

static void core_6_3_1_read(void **state)
{
    bench *b = *state;
    static const struct {
        const char *path;
        int accept;
        uint8_t code;
        uint16_t format;
        const char *hex;
    } rows[] = {
        {"/3303/0/5601", NO, 0x45, TEXT, "3432"},
        {"/3303/0/5601", TEXT, 0x45, TEXT, "3432"},
        {"/3303/0/5601", TLV, 0x45, TLV, "e115e12a"},
        {"/3303/0/5602", TEXT, 0x45, TEXT, "30"},
        {"/3303/0/5602", TLV, 0x45, TLV, "e115e200"},
        {"/3303/0/5606", TEXT, 0x45, TEXT, "333a30"},
        {"/3303/0/5606", TLV, 0x45, TLV, "e415e600030000"},
        {"/3303/0/5607", NO, 0x45, PROA_FORMAT_OPAQUE, "010203"},
        {"/3303/0/5607", TLV, 0x45, TLV, "e315e7010203"},
        {"/3303/0/5609", TEXT, 0x45, TEXT, "31303030"},
        {"/3303/0/5611", TEXT, 0x45, TEXT, "35"},
        {"/3303/0/5700", TEXT, 0x45, TEXT, "32312e35"},
        {"/3303/0/5700", TLV, 0x45, TLV, "e4164441ac0000"},
        {"/3303/0/5701", TEXT, 0x45, TEXT, "6f6e65"},
        {"/3303/0/5701", TLV, 0x45, TLV, "e316456f6e65"},
        {"/3303/0/5701", PROA_FORMAT_CBOR, 0x45, PROA_FORMAT_CBOR, "636f6e65"},
        {"/3303/0/5603", NO, 0x45, TLV, "a615e3410007410209"},
        {"/3303/0/5603/2", TEXT, 0x45, TEXT, "39"},
        {"/3303/0/5603/2", NO, 0x45, TEXT, "39"},
        {"/3303/0", NO, 0x45, TLV, INSTANCE},
        {"/3303/0", TLV, 0x45, TLV, INSTANCE},
        /* 0x08: instance, 8-bit length */
        {"/3303", TLV, 0x45, TLV, "080034" INSTANCE},
        /* formats that cannot hold it, or are none of ours */
        {"/3303/0", TEXT, 0x86, PROA_FORMAT_NONE, ""},
        {"/3303", PROA_FORMAT_CBOR, 0x86, PROA_FORMAT_NONE, ""},
        {"/3303/0/5603", TEXT, 0x86, PROA_FORMAT_NONE, ""},
        {"/3303/0/5601", PROA_FORMAT_OPAQUE, 0x86, PROA_FORMAT_NONE, ""},
        {"/3303/0/5601", 50, 0x86, PROA_FORMAT_NONE, ""},
        {"/3303/0/5601", 65534, 0x86, PROA_FORMAT_NONE, ""},
        /* not there */
        {"/3304", NO, 0x84, PROA_FORMAT_NONE, ""},
        {"/3303/1", NO, 0x84, PROA_FORMAT_NONE, ""},
        {"/3303/0/9", NO, 0x84, PROA_FORMAT_NONE, ""},
        {"/3303/0/5610", NO, 0x84, PROA_FORMAT_NONE, ""},
        {"/3303/0/5603/1", NO, 0x84, PROA_FORMAT_NONE, ""},
        {"/3303/0/5601/0", NO, 0x84, PROA_FORMAT_NONE, ""},
        {"/.well-known/core", NO, 0x84, PROA_FORMAT_NONE, ""},
        {"/3303/0/5603/0/0", NO, 0x84, PROA_FORMAT_NONE, ""},
        {"/65535", NO, 0x84, PROA_FORMAT_NONE, ""},
        /* not readable */
        {"/3303/0/5605", NO, 0x85, PROA_FORMAT_NONE, ""},
        {"/", NO, 0x85, PROA_FORMAT_NONE, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const bench_answer *a = bench_get(b, 0, rows[i].path, rows[i].accept);
        assert_true(a->came);
        if (a->code != rows[i].code) {
            print_error("row %zu %s\n", i, rows[i].path);
        }
        assert_int_equal(a->code, rows[i].code);
        assert_int_equal(a->format, rows[i].format);
        assert_string_equal(bench_hex(a), rows[i].hex);
    }
}

static void core_6_3_1_an_object_without_instances_is_empty(void **state)
{
    bench *b = *state;
    b->things.items[0].used = false;
    const bench_answer *a = bench_get(b, 0, "/3303", NO);
    assert_int_equal(a->code, PROA_COAP_CONTENT);
    assert_int_equal(a->len, 0);
}

static void g05_secrets_are_not_readable_by_anyone(void **state)
{
    bench *b = *state;
    proa_value value;
    static const struct {
        const char *path;
        uint8_t code;
    } rows[] = {{"/0", 0x84},      {"/0/0", 0x84},   {"/0/0/0", 0x84},      {"/0/0/5", 0x84},
                {"/0/0/10", 0x84}, {"/0/0/3", 0x84}, {"/3303/0/5608", 0x85}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(bench_get(b, 0, rows[i].path, NO)->code, rows[i].code);
        assert_int_equal(bench_get(b, 0, rows[i].path, PROA_FORMAT_LINK)->code,
                         strcmp(rows[i].path, "/3303/0/5608") == 0 ? 0x45 : 0x84);
        assert_int_equal(bench_observe(b, 0, rows[i].path, NO)->code, rows[i].code);
        assert_false(b->parties[0].answer.observing);
        assert_int_equal(bench_put_query(b, 0, "/0/0", "pmin=1")->code, 0x84);
    }
    assert_int_equal(bench_put(b, 0, "/0/0/0", TEXT, "41")->code, 0x84);
    assert_int_equal(bench_delete(b, 0, "/0/0")->code, 0x84);
    proa_path path = bench_path("/3303/0/5608");
    assert_int_equal(proa_client_read_local(b->client, &path, &value), PROA_E_METHOD);
    path = bench_path("/0/0/5");
    assert_int_equal(proa_client_read_local(b->client, &path, &value), PROA_E_METHOD);
    path = bench_path("/0/0/10");
    assert_int_equal(proa_client_read_local(b->client, &path, &value), PROA_OK);
    assert_int_equal(value.as.integer, 1);
}

/* ---- Discover --------------------------------------------------------------------------- */

static void core_6_3_2_discover(void **state)
{
    bench *b = *state;
    static const struct {
        const char *path;
        uint8_t code;
        const char *text;
    } rows[] = {
        {"/3303", 0x45,
         "</3303>;ver=1.1;pmax=300,</3303/0>;pmin=10,</3303/0/5601>,</3303/0/5602>,</3303/0/5603>,"
         "</3303/0/5605>,</3303/0/5606>,</3303/0/5607>,</3303/0/5608>,</3303/0/5609>,"
         "</3303/0/5611>,</3303/0/5700>,</3303/0/5701>"},
        {"/3303/0", 0x45,
         "</3303/0>;pmin=10,</3303/0/5601>,</3303/0/5602>,</3303/0/5603>;dim=2,</3303/0/5605>,"
         "</3303/0/5606>,</3303/0/5607>,</3303/0/5608>,</3303/0/5609>,</3303/0/5611>,"
         "</3303/0/5700>;gt=30;lt=-2.5;st=0.5,</3303/0/5701>"},
        {"/3303/0/5700", 0x45, "</3303/0/5700>;pmin=10;pmax=300;gt=30;lt=-2.5;st=0.5"},
        {"/3303/0/5603", 0x45, "</3303/0/5603>;dim=2;pmin=10;pmax=300"},
        {"/3303/0/5610", 0x84, ""},
        {"/3303/0/1", 0x84, ""},
        {"/3303/7", 0x84, ""},
        {"/7", 0x84, ""},
        {"/0", 0x84, ""},
    };
    assert_int_equal(bench_put_query(b, 0, "/3303", "pmax=300")->code, 0x44);
    assert_int_equal(bench_put_query(b, 0, "/3303/0", "pmin=10")->code, 0x44);
    assert_int_equal(bench_put_query(b, 0, "/3303/0/5700", "gt=30&lt=-2.5&st=0.5")->code, 0x44);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const bench_answer *a = bench_get(b, 0, rows[i].path, PROA_FORMAT_LINK);
        assert_int_equal(a->code, rows[i].code);
        assert_string_equal(bench_text(a), rows[i].text);
        assert_true(a->code != 0x45 || a->format == PROA_FORMAT_LINK);
    }
}

/* ---- Write ------------------------------------------------------------------------------ */

static void core_6_3_3_write_one_resource(void **state)
{
    bench *b = *state;
    static const struct {
        const char *path;
        int format;
        const char *hex;
        uint8_t code;
        const char *after; /* as text or TLV of the same path; NULL: not looked at */
    } rows[] = {
        {"/3303/0/5601", TEXT, "2d37", 0x44, "e115e1f9"},
        {"/3303/0/5601", NO, "38", 0x44, "e115e108"},
        {"/3303/0/5601", TLV, "e115e109", 0x44, "e115e109"},
        {"/3303/0/5601", PROA_FORMAT_CBOR, "0a", 0x44, "e115e10a"},
        {"/3303/0/5602", TEXT, "31", 0x44, "e115e201"},
        {"/3303/0/5602", PROA_FORMAT_CBOR, "f4", 0x44, "e115e200"},
        {"/3303/0/5606", TEXT, "353a36", 0x44, "e415e600050006"},
        {"/3303/0/5607", PROA_FORMAT_OPAQUE, "cafe", 0x44, "e215e7cafe"},
        {"/3303/0/5607", TEXT, "41513d3d", 0x44, "e115e701"},
        {"/3303/0/5608", PROA_FORMAT_OPAQUE, "cafe", 0x44, NULL},
        {"/3303/0/5610", TEXT, "35", 0x44, "e115ea05"},
        {"/3303/0/5611", TEXT, "36", 0x44, "e115eb06"},
        {"/3303/0/5701", TEXT, "7478", 0x44, "e216457478"},
        {"/3303/0/5603", TLV, "a615e3410301410102", 0x44, "a615e3410102410301"},
        {"/3303/0/5603/2", TEXT, "35", 0x44, "a815e309410102410205410301"},
        {"/3303/0/5603", TLV, "a015e3", 0x44, "a015e3"},
        /* wrong values */
        {"/3303/0/5601", TEXT, "78", 0x80, "e115e10a"},
        {"/3303/0/5601", TLV, "e315e1010203", 0x80, "e115e10a"},
        {"/3303/0/5601", TLV, "e115e109ff", 0x80, "e115e10a"},
        {"/3303/0/5601", TLV, "e115e209", 0x80, "e115e10a"},
        {"/3303/0/5601", TEXT, "31303031", 0x80, "e115e10a"}, /* over the object's own limit */
        {"/3303/0/5602", TEXT, "32", 0x80, NULL},
        {"/3303/0/5611", TEXT, "2d31", 0x80, NULL},
        {"/3303/0/5603", TEXT, "31", 0x8f, "a015e3"},
        {"/3303/0/5601", TLV, "a315e1410001", 0x80, NULL},
        /* formats */
        {"/3303/0/5601", 50, "31", 0x8f, "e115e10a"},
        {"/3303/0/5601", PROA_FORMAT_LINK, "31", 0x8f, NULL},
        {"/3303/0/5601", 65534, "31", 0x8f, NULL},
        /* places */
        {"/3303/0/5700", TEXT, "31", 0x85, NULL},
        {"/3303/0/5605", TEXT, "31", 0x85, NULL},
        {"/3303/0/9", TEXT, "31", 0x84, NULL},
        {"/3303/1/5601", TEXT, "31", 0x84, NULL},
        {"/3303/0/5601/0", TEXT, "31", 0x84, NULL},
        {"/3304/0/5601", TEXT, "31", 0x84, NULL},
        {"/3303", TLV, "08000461 15e1 01", 0x85, NULL},
        {"/1/0/0", TEXT, "31", 0x85, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t code = bench_put(b, 0, rows[i].path, rows[i].format, rows[i].hex)->code;
        if (code != rows[i].code) {
            print_error("row %zu %s\n", i, rows[i].path);
        }
        assert_int_equal(code, rows[i].code);
        if (rows[i].after != NULL) {
            char path[32];
            strcpy(path, rows[i].path);
            path[strcspn(path + 8, "/") + 8] = '\0'; /* the resource of a resource instance */
            const bench_answer *a = bench_get(b, 0, path[7] == '/' ? path : rows[i].path, TLV);
            assert_string_equal(bench_hex(a), rows[i].after);
        }
    }
    assert_memory_equal(b->things.items[0].secret, "\xca\xfe", 2);
    assert_int_equal(b->things.who.kind, PROA_ACTOR_SERVER);
    assert_int_equal(b->things.who.short_id, 1);
}

static void core_6_3_3_replace_and_update_an_instance(void **state)
{
    bench *b = *state;
    thing *it = &b->things.items[0];
    /* partial update adds to a multiple resource */
    assert_int_equal(bench_post(b, 0, "/3303/0", TLV, "e115e105 a315e3 410101 e31645 74776f")->code,
                     0x44);
    assert_int_equal(it->number, 5);
    assert_memory_equal(it->name, "two", 3);
    assert_true(it->listed[0] && it->listed[1] && it->listed[2]);
    assert_int_equal(b->things.begun, 1);
    assert_int_equal(b->things.committed, 1);
    /* replace empties it first */
    assert_int_equal(bench_put(b, 0, "/3303/0", TLV, "e115e106 a315e3 410304")->code, 0x44);
    assert_int_equal(it->number, 6);
    assert_true(!it->listed[0] && !it->listed[1] && !it->listed[2] && it->listed[3]);
    assert_int_equal(bench_events(b, PROA_CLIENT_WRITTEN), 2);
    assert_string_equal(bench_text(bench_get(b, 0, "/3303/0/5701", NO)), "two");
    /* text is no format for an instance */
    assert_int_equal(bench_post(b, 0, "/3303/0", TEXT, "31")->code, 0x8f);
    assert_int_equal(bench_post(b, 0, "/3303/0", NO, "e115e105")->code, 0x8f);
    assert_int_equal(bench_post(b, 0, "/3303/9", TLV, "e115e105")->code, 0x84);
}

static void g27_a_write_is_whole_or_nothing(void **state)
{
    bench *b = *state;
    thing before = b->things.items[0];
    static const struct {
        const char *hex;
        uint8_t code;
    } rows[] = {
        {"e115e105 e41644 40a00000", 0x85}, /* 5700 is read-only */
        {"e115e105 e115e5 01", 0x85},       /* 5605 is executable */
        {"e115e105 e10009 01", 0x84},       /* no such resource */
        {"e115e105 e315e2 010203", 0x80},   /* no boolean */
        {"e115e105 e315e2 01", 0x80},       /* cut off */
        {"e115e105 e115e3 01", 0x80},       /* single value for a multiple resource */
        {"e115e105 e215e1 03e9", 0x80},     /* 1001: the object says no, half-way */
        {"e115e105 080003e115e106", 0x80},  /* an instance in an instance */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(bench_post(b, 0, "/3303/0", TLV, rows[i].hex)->code, rows[i].code);
        assert_memory_equal(&b->things.items[0], &before, sizeof before);
    }
    b->things.fail_commit = PROA_E_RANGE;
    assert_int_equal(bench_post(b, 0, "/3303/0", TLV, "e115e105")->code, 0x80);
    assert_memory_equal(&b->things.items[0], &before, sizeof before);
    b->things.fail_commit = PROA_OK;
    for (unsigned n = 1; n <= 3; n++) { /* the n-th value finds no place */
        b->things.writes = 0;
        b->things.fail_write = n;
        uint8_t code = bench_post(b, 0, "/3303/0", TLV, "e115e105 e115e201 e115eb07")->code;
        assert_int_not_equal(PROA_COAP_CLASS(code), 2);
        assert_memory_equal(&b->things.items[0], &before, sizeof before);
    }
    assert_int_equal(bench_events(b, PROA_CLIENT_WRITTEN), 0);
}

/* ---- Execute ---------------------------------------------------------------------------- */

static void core_6_3_5_execute(void **state)
{
    bench *b = *state;
    bench_request ask = {.code = PROA_COAP_POST,
                         .path = "/3303/0/5605",
                         .accept = NO,
                         .format = TEXT,
                         .text = "0='a',3"};
    assert_int_equal(bench_ask(b, 0, &ask)->code, 0x44);
    assert_int_equal(b->things.executed, 1);
    assert_string_equal(b->things.arguments, "0='a',3");
    assert_int_equal(bench_post(b, 0, "/3303/0/5605", NO, NULL)->code, 0x44);
    assert_string_equal(b->things.arguments, "");
    assert_int_equal(bench_events(b, PROA_CLIENT_EXECUTED), 2);
    assert_int_equal(bench_post(b, 0, "/3303/0/5605", TLV, "00")->code, 0x8f);
    assert_int_equal(bench_post(b, 0, "/3303/0/5601", NO, NULL)->code, 0x85);
    assert_int_equal(bench_post(b, 0, "/3303/0/9", NO, NULL)->code, 0x84);
    assert_int_equal(bench_post(b, 0, "/3303/1/5605", NO, NULL)->code, 0x84);
    assert_int_equal(bench_post(b, 0, "/3303/0/5603/0", NO, NULL)->code, 0x85);
    assert_int_equal(b->things.executed, 2);
}

/* ---- Create, Delete --------------------------------------------------------------------- */

static void core_6_3_6_create(void **state)
{
    bench *b = *state;
    static const struct {
        const char *hex;
        int format;
        uint8_t code;
        const char *location;
    } rows[] = {
        {"e31645 74776f e115e103", TLV, 0x41, "/3303/1"},             /* the device chooses */
        {"080308 e31645 746872 e0 15e7", TLV, 0x80, ""},              /* length runs past the end */
        {"080306 e31645 746872", TLV, 0x41, "/3303/3"},               /* the server chooses */
        {"080306 e31645 746872", TLV, 0x80, ""},                      /* it is there already */
        {"e115e103", TLV, 0x80, ""},                                  /* 5701 is mandatory */
        {"", NO, 0x80, ""},                                           /* the same */
        {"e31645 74776f e10009 01", TLV, 0x80, ""},                   /* unknown resource */
        {"e31645 74776f e315e2 010203", TLV, 0x80, ""},               /* wrong type */
        {"080206 e31645 746872 080406 e31645 746872", TLV, 0x80, ""}, /* two instances */
        {"616263", TEXT, 0x8f, ""},
        {"e31645 74776f e41644 40a00000", TLV, 0x41, "/3303/2"}, /* read-only gets its value */
        {"e31645 74776f", TLV, 0xa3, ""},                        /* full */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const bench_answer *a = bench_post(b, 0, "/3303", rows[i].format, rows[i].hex);
        if (a->code != rows[i].code) {
            print_error("row %zu\n", i);
        }
        assert_int_equal(a->code, rows[i].code);
        assert_string_equal(a->location, rows[i].location);
    }
    assert_int_equal(bench_events(b, PROA_CLIENT_CREATED), 3);
    assert_true(b->things.items[2].celsius == 5);
    assert_memory_equal(b->things.items[1].name, "two", 3);
    assert_int_equal(bench_post(b, 0, "/1", TLV, "c10105")->code, 0x85);
    assert_int_equal(bench_post(b, 0, "/2", TLV, "c10105")->code,
                     0x81); /* §8.2: never by a server */
    assert_int_equal(bench_post(b, 0, "/9", TLV, "c10105")->code, 0x84);
}

static void core_6_3_6_a_create_that_fails_leaves_nothing(void **state)
{
    bench *b = *state;
    b->things.fail_commit = PROA_E_RANGE;
    assert_int_equal(bench_post(b, 0, "/3303", TLV, "e31645 74776f")->code, 0x80);
    assert_false(b->things.items[1].used);
    b->things.fail_commit = PROA_OK;
    b->things.fail_write = b->things.writes + 1;
    assert_int_equal(PROA_COAP_CLASS(bench_post(b, 0, "/3303", TLV, "e31645 74776f")->code), 5);
    assert_false(b->things.items[1].used);
    assert_int_equal(bench_events(b, PROA_CLIENT_CREATED), 0);
}

static void core_6_3_7_delete(void **state)
{
    bench *b = *state;
    assert_int_equal(bench_delete(b, 0, "/3303")->code, 0x85);
    assert_int_equal(bench_delete(b, 0, "/3303/0/5601")->code, 0x85);
    assert_int_equal(bench_delete(b, 0, "/3303/1")->code, 0x84);
    assert_int_equal(bench_delete(b, 0, "/1/0")->code, 0x81);
    assert_int_equal(bench_delete(b, 0, "/3303/0")->code, 0x42);
    assert_false(b->things.items[0].used);
    assert_int_equal(bench_get(b, 0, "/3303/0", NO)->code, 0x84);
    assert_int_equal(bench_events(b, PROA_CLIENT_DELETED), 1);
}

/* ---- what else a server may send -------------------------------------------------------- */

static void transport_6_4_other_methods_are_refused(void **state)
{
    bench *b = *state;
    static const uint8_t methods[] = {PROA_COAP_FETCH, PROA_COAP_PATCH, PROA_COAP_IPATCH, 31};
    for (size_t i = 0; i < COUNT(methods); i++) {
        bench_request ask = {.code = methods[i],
                             .path = "/3303/0",
                             .accept = NO,
                             .format = PROA_FORMAT_SENML_CBOR,
                             .hex = "80"};
        assert_int_equal(bench_ask(b, 0, &ask)->code, 0x85);
    }
}

static void core_5_1_2_write_attributes_are_checked(void **state)
{
    bench *b = *state;
    static const struct {
        const char *path, *query;
        uint8_t code;
    } rows[] = {
        {"/3303/0/5700", "pmin=1&pmax=10", 0x44},
        {"/3303", "pmin=1", 0x44},
        {"/3303/0/5700", "lt=5&gt=5", 0x80},
        {"/3303/0/5700", "gt=5", 0x44},
        {"/3303/0/5700", "lt=6", 0x80}, /* against the gt that is there */
        {"/3303/0/5700", "nonsense=1", 0x80},
        {"/3303/0/5700", "pmin=x", 0x80},
        {"/3303/9", "pmin=1", 0x84},
        {"/9", "pmin=1", 0x84},
        {"/3303/0/5700", "gt&lt=6", 0x44},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(bench_put_query(b, 0, rows[i].path, rows[i].query)->code, rows[i].code);
    }
    bench_request ask = {.code = PROA_COAP_PUT,
                         .path = "/3303/0/5601",
                         .query = "pmin=1",
                         .accept = NO,
                         .format = TEXT,
                         .text = "5"};
    assert_int_equal(bench_ask(b, 0, &ask)->code, 0x80);
    assert_int_equal(b->things.items[0].number, 42);
}

static void full_attributes_are_refused(void **state)
{
    bench *b = *state;
    char path[32];
    for (unsigned i = 0; i < b->config.attribute_max; i++) {
        snprintf(path, sizeof path, "/3303/0/%u", 5601 + i);
        assert_int_equal(bench_put_query(b, 0, path, "pmin=1")->code, 0x44);
    }
    assert_int_not_equal(bench_put_query(b, 0, "/3303/0/5701", "pmin=1")->code, 0x44);
    assert_int_equal(bench_put_query(b, 0, "/3303/0/5601", "pmin")->code, 0x44);
    assert_int_equal(bench_put_query(b, 0, "/3303/0/5701", "pmin=1")->code, 0x44);
}

/* ---- the device itself ------------------------------------------------------------------ */

static void local_reads_and_writes(void **state)
{
    bench *b = *state;
    proa_value value = proa_value_float(30.5);
    proa_path path = bench_path("/3303/0/5700");
    assert_int_equal(proa_client_write_local(b->client, b->now_ms, &path, &value), PROA_OK);
    assert_int_equal(b->things.who.kind, PROA_ACTOR_LOCAL);
    assert_int_equal(proa_client_read_local(b->client, &path, &value), PROA_OK);
    assert_true(value.type == PROA_TYPE_FLOAT && value.as.real == 30.5);
    value = proa_value_integer(12); /* an integer fits a float */
    assert_int_equal(proa_client_write_local(b->client, b->now_ms, &path, &value), PROA_OK);
    assert_true(b->things.items[0].celsius == 12);
    value = proa_value_boolean(true);
    assert_int_equal(proa_client_write_local(b->client, b->now_ms, &path, &value), PROA_E_TYPE);
    path = bench_path("/3303/0/5601");
    value = proa_value_integer(1001);
    assert_int_equal(proa_client_write_local(b->client, b->now_ms, &path, &value), PROA_E_RANGE);
    assert_int_equal(b->things.items[0].number, 42);
    path = bench_path("/3303/2/5601");
    assert_int_equal(proa_client_read_local(b->client, &path, &value), PROA_E_NOT_FOUND);
    assert_int_equal(proa_client_write_local(b->client, b->now_ms, &path, &value),
                     PROA_E_NOT_FOUND);
    path = bench_path("/3303/0");
    assert_int_equal(proa_client_read_local(b->client, &path, &value), PROA_E_METHOD);
    path = bench_path("/3303/0/5603");
    assert_int_equal(proa_client_read_local(b->client, &path, &value), PROA_E_METHOD);
    path = bench_path("/3303/0/5603/2");
    assert_int_equal(proa_client_read_local(b->client, &path, &value), PROA_OK);
    assert_int_equal(value.as.integer, 9);
}

static void many_events_drop_the_oldest(void **state)
{
    bench *b = *state;
    proa_client_event event;
    /* Straight into the door, so that nobody polls in between. */
    for (unsigned i = 0; i < PROA_CLIENT_EVENTS_MAX + 3; i++) {
        uint8_t datagram[] = {0x50, PROA_COAP_POST, 1,   (uint8_t)i, 0xb4, '3', '3', '0',
                              '3',  0x01,           '0', 0x04,       '5',  '6', '0', '5'};
        proa_client_input(b->client, b->now_ms, &b->parties[0].addr,
                          proa_span_make(datagram, sizeof datagram), false);
        proa_addr to;
        proa_span reply;
        while (proa_client_output(b->client, b->now_ms, &to, &reply)) {
        }
    }
    unsigned count = 0;
    while (proa_client_poll(b->client, b->now_ms, &event)) {
        assert_int_equal(event.kind, PROA_CLIENT_EXECUTED);
        count++;
    }
    assert_int_equal(b->things.executed, PROA_CLIENT_EVENTS_MAX + 3);
    assert_int_equal(count, PROA_CLIENT_EVENTS_MAX);
    assert_int_equal(proa_client_stats_get(b->client).events_dropped, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(core_6_3_1_read),
        TEST(core_6_3_1_an_object_without_instances_is_empty),
        TEST(g05_secrets_are_not_readable_by_anyone),
        TEST(core_6_3_2_discover),
        TEST(core_6_3_3_write_one_resource),
        TEST(core_6_3_3_replace_and_update_an_instance),
        TEST(g27_a_write_is_whole_or_nothing),
        TEST(core_6_3_5_execute),
        TEST(core_6_3_6_create),
        TEST(core_6_3_6_a_create_that_fails_leaves_nothing),
        TEST(core_6_3_7_delete),
        TEST(transport_6_4_other_methods_are_refused),
        TEST(core_5_1_2_write_attributes_are_checked),
        TEST(full_attributes_are_refused),
        TEST(local_reads_and_writes),
        TEST(many_events_drop_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
