/* SPDX-License-Identifier: Apache-2.0 */
/* The device file: what a good one means, and where and how each mistake is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/proa/device_file.h"

#define KEY "000102030405060708090a0b0c0d0e0f"
#define SERVER "{\"uri\":\"coaps://[::1]\",\"key\":\"" KEY "\"}"
#define HEAD "{\"endpoint\":\"d\",\"servers\":[" SERVER "],\"objects\":{\n"

static proa_device_file file;
static char message[600];

static bool parse(const char *text)
{
    return proa_device_file_parse(&file, "d.json", text, strlen(text), message, sizeof message);
}

static int forget(void **state)
{
    (void)state;
    proa_device_file_free(&file);
    return 0;
}

static const proa_value *value_at(uint16_t object, uint16_t instance, uint16_t resource)
{
    proa_path within = proa_path_make(3, object, instance, resource);
    proa_path path;
    const proa_value *value;
    const proa_simulated *found = proa_device_file_object(&file, object);
    return found != NULL && proa_simulated_value(found, &within, 0, &path, &value) ? value : NULL;
}

static void assert_text(const proa_value *value, const char *text)
{
    assert_non_null(value);
    assert_int_equal(value->type, PROA_TYPE_STRING);
    assert_true(proa_span_equal(value->as.bytes, proa_span_of(text)));
}

static void a_whole_file(void **state)
{
    (void)state;
    assert_true(parse(
        "// a lamp\n"
        "{ \"endpoint\": \"lamp\", \"listen\": \"127.0.0.1:0\", \"state\": \"lamp.state\",\n"
        "  \"servers\": [\n"
        "    {\"id\": 7, \"uri\": \"coaps://[::1]:5684\", \"identity\": \"me\", \"key\": \"" KEY
        "\",\n"
        "     \"lifetime\": 60, \"pmin\": 1, \"pmax\": 30, \"authority\": true},\n"
        "    {\"uri\": \"coap://example.org\"} ],\n"
        "  \"objects\": { \"3311\": { \"0\": { \"5850\": true, \"5706\": \"red\", \"5851\": 50 },\n"
        "                             \"9\": { \"5850\": false } } } }\n"));
    assert_string_equal(message, "");
    assert_string_equal(file.endpoint, "lamp");
    assert_string_equal(file.listen, "127.0.0.1:0");
    assert_string_equal(file.state, "lamp.state");
    assert_int_equal(file.server_count, 2);
    assert_int_equal(file.servers[0].short_id, 7);
    assert_string_equal(file.servers[0].identity, "me");
    assert_int_equal(file.servers[0].key_len, 16);
    assert_int_equal(file.servers[0].key[15], 15);
    assert_int_equal(file.servers[0].lifetime_s, 60);
    assert_int_equal(file.servers[0].pmin_s, 1);
    assert_int_equal(file.servers[0].pmax_s, 30);
    assert_true(file.servers[0].authority);
    assert_int_equal(file.servers[1].short_id, 2); /* by its place */
    assert_string_equal(file.servers[1].identity, "");
    assert_false(file.servers[1].authority);
    assert_true(value_at(3311, 0, 5850)->as.boolean);
    assert_int_equal(value_at(3311, 0, 5851)->as.integer, 50);
    assert_text(value_at(3311, 0, 5706), "red");
    assert_false(value_at(3311, 9, 5850)->as.boolean);
    assert_null(value_at(3311, 9, 5706)); /* not in this instance */
}

#define OSCORE(more)                                                                         \
    "{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\n\"oscore\":{\"secret\":\"" KEY \
    "\"" more "}}]}"
#define IDS ",\"sender\":\"\",\"recipient\":\"01\""

static void oscore_keys(void **state)
{
    (void)state;
    assert_true(parse(
        "{\"endpoint\":\"d\",\"servers\":[\n"
        "{\"uri\":\"coap://x\",\"authority\":true,\"oscore\":{\"secret\":\"" KEY "\"" IDS "}},\n"
        "{\"uri\":\"coaps://y\",\"key\":\"" KEY "\",\"oscore\":{\"secret\":\"" KEY "\",\n"
        "\"salt\":\"9e7C\",\"sender\":\"01020304050607\",\"recipient\":\"\",\"hmac\":-10}},\n"
        "{\"uri\":\"coap://z\",\"oscore\":{\"secret\":\"" KEY "\",\"sender\":\"010203040506\",\n"
        "\"recipient\":\"02\",\"aead\":24,\"hmac\":5}},\n"
        "{\"uri\":\"coap://w\"}]}"));
    assert_string_equal(message, "");
    const proa_oscore_params *p = &file.servers[0].oscore_params;
    assert_true(file.servers[0].oscore.is_there);
    assert_true(file.servers[0].authority); /* what installs keys is protected */
    assert_int_equal(p->master_secret.len, 16);
    assert_int_equal(p->master_secret.data[15], 15);
    assert_int_equal(p->master_salt.len, 0);
    assert_int_equal(p->sender_id.len, 0); /* said to be empty */
    assert_true(proa_span_equal(p->recipient_id, proa_span_make("\x01", 1)));
    assert_int_equal(p->aead, PROA_COSE_AES_CCM_16_64_128);
    assert_int_equal(p->hmac, PROA_COSE_DIRECT_HKDF_SHA_256);
    assert_false(p->has_id_context);
    assert_false(file.servers[0].oscore.fresh);
    p = &file.servers[1].oscore_params;
    assert_true(proa_span_equal(p->master_salt, proa_span_make("\x9e\x7c", 2)));
    assert_int_equal(p->sender_id.len, 7);
    assert_int_equal(p->recipient_id.len, 0);
    assert_int_equal(p->hmac, PROA_COSE_DIRECT_HKDF_SHA_256);
    p = &file.servers[2].oscore_params;
    assert_int_equal(p->sender_id.len, 6);
    assert_int_equal(p->aead, PROA_COSE_CHACHA20_POLY1305);
    assert_int_equal(p->hmac, PROA_COSE_HMAC_256_256);
    assert_false(file.servers[3].oscore.is_there);
}

static void core_8_every_device_has_object_3(void **state)
{
    (void)state;
    assert_true(parse("{\"endpoint\":\"d\",\"servers\":[" SERVER "],\n"
                      "\"objects\":{\"3\":{\"0\":{\"0\":\"ACME\",\"9\":80}}}}"));
    assert_text(value_at(3, 0, 0), "ACME"); /* the file's word */
    assert_text(value_at(3, 0, 2), "d");    /* the serial number */
    assert_text(value_at(3, 0, 16), "U");
    assert_int_equal(value_at(3, 0, 9)->as.integer, 80);
    assert_int_equal(value_at(3, 0, 11)->as.integer, 0);
    const proa_object *object = proa_simulated_object(proa_device_file_object(&file, 3));
    assert_true(object->class_->has(object->ctx, 0, 4));  /* Reboot */
    assert_false(object->class_->has(object->ctx, 0, 5)); /* Factory Reset is optional */
    assert_string_equal(file.servers[0].identity, "d");   /* the endpoint, unless it is said */
}

static void values_of_all_shapes(void **state)
{
    (void)state;
    assert_true(parse(
        HEAD
        "\"9000\":{\"0\":{\"1\":{\"type\":\"objlink\",\"value\":\"3:0\",\"ops\":\"RW\"},\n"
        "\"2\":{\"type\":\"opaque\",\"value\":\"00ff\"},\"3\":{\"ops\":\"E\"},\n"
        "\"4\":{\"type\":\"unsigned\",\"values\":{\"3\":7,\"1\":5}},\n"
        "\"5\":{\"type\":\"float\",\"value\":2}}},\n"
        "\"3303\":{\"0\":{\"5700\":21,\"5701\":{\"value\":\"Cel\",\"ops\":\"RW\"},\"5605\":{}}},\n"
        "\"3\":{\"0\":{\"6\":{\"values\":{\"0\":1}},\"22\":{\"values\":{}}}}}}"));
    assert_int_equal(value_at(9000, 0, 1)->as.link.object, 3);
    assert_int_equal(value_at(9000, 0, 2)->as.bytes.len, 2);
    assert_true(value_at(9000, 0, 5)->as.real == 2.0);
    assert_true(value_at(3303, 0, 5700)->as.real == 21.0); /* 21 is a number, too */
    const proa_simulated *unknown = proa_device_file_object(&file, 9000);
    assert_int_equal(proa_simulated_resource(unknown, 1)->flags, PROA_RES_RW);
    assert_int_equal(proa_simulated_resource(unknown, 2)->flags, PROA_RES_R);
    assert_int_equal(proa_simulated_resource(unknown, 3)->flags, PROA_RES_E);
    assert_int_equal(proa_simulated_resource(unknown, 4)->flags, PROA_RES_R | PROA_RES_MULTIPLE);
    assert_int_equal(proa_simulated_resource(proa_device_file_object(&file, 3303), 5701)->flags,
                     PROA_RES_RW);
    proa_path within = proa_path_make(3, 9000, 0, 4);
    proa_path path;
    const proa_value *value;
    assert_true(proa_simulated_value(unknown, &within, 0, &path, &value));
    assert_int_equal(path.ids[3], 1); /* ascending, whatever the file's order */
    assert_int_equal(path.depth, 4);
    assert_true(proa_simulated_value(unknown, &within, 1, &path, &value));
    assert_int_equal(path.ids[3], 3);
    assert_false(proa_simulated_value(unknown, &within, 2, &path, &value));
    const proa_object *device = proa_simulated_object(proa_device_file_object(&file, 3));
    assert_true(device->class_->has(device->ctx, 0, 22)); /* there, though empty */
}

static void generators(void **state)
{
    (void)state;
    assert_true(parse(HEAD "\"3303\":{\"0\":{\"5700\":{\"generator\":\"sine\",\"min\":-5,\"max\":5,"
                           "\"period\":10,\"every\":0.5}}},\n"
                           "\"3342\":{\"0\":{\"5500\":{\"generator\":\"toggle\",\"period\":2},"
                           "\"5501\":{\"generator\":\"counter\"}}}}}"));
    assert_int_equal(file.generator_count, 3);
    assert_int_equal(file.generators[0].kind, PROA_GENERATOR_SINE);
    assert_int_equal(file.generators[0].period_ms, 10000);
    assert_int_equal(file.generators[0].every_ms, 500);
    assert_true(file.generators[0].min == -5 && file.generators[0].max == 5);
    assert_int_equal(file.generators[1].period_ms, 2000);
    assert_int_equal(file.generators[2].every_ms, 1000);
    assert_true(value_at(3303, 0, 5700)->as.real == 0); /* there from the beginning */
    assert_false(value_at(3342, 0, 5500)->as.boolean);
}

/* ---- mistakes --------------------------------------------------------------------------- */

static void every_mistake_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"", "d.json:1:0: not JSON: '[' or '{' expected near end of file"},
        {"{\"endpoint\":\"d\"\n,}", "d.json:2:2: not JSON: string or '}' expected near '}'"},
        {"{\"endpoint\":\"d\",\n \"servrs\":[]}",
         "d.json:2:11: /servrs: unknown name; did you mean \"servers\"?"},
        {"{\"servers\":[" SERVER "]}", "d.json:1:1: /endpoint: is missing"},
        {"{\"endpoint\":\"\",\"servers\":[" SERVER "]}",
         "d.json:1:13: /endpoint: must not be empty"},
        {"{\"endpoint\":5}", "d.json:1:13: /endpoint: must be a string"},
        {"{\"endpoint\":\"d\",\"listen\":\"5683\"}",
         "d.json:1:26: /listen: must be ADDRESS:PORT, as in \"[::]:0\" or \"127.0.0.1:0\""},
        {"{\"endpoint\":\"d\"}",
         "d.json:1:1: /servers: \"servers\" is missing: a list of at least one server"},
        {"{\"endpoint\":\"d\",\"servers\":[]}", "d.json:1:27: /servers: must have 1 to 4 servers"},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"http://x\"}]}",
         "d.json:1:35: /servers/0/uri: must be coap://host[:port] or coaps://host[:port]"},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coaps://x\"}]}",
         "d.json:1:28: /servers/0/key: is missing; coaps:// needs a key: hex digits or {\"file\": "
         "\"name\"}"},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coaps://x\",\n\"key\":\"0011\"}]}",
         "d.json:2:7: /servers/0/key: must have at least 16 bytes (32 hex digits)"},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\n\"key\":\"" KEY "\"}]}",
         "d.json:2:7: /servers/0/key: coap:// has no identity and key; use coaps://, or "
         "\"oscore\""},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\n\"authority\":true}]}",
         "d.json:2:13: /servers/0/authority: an authority installs keys, so its uri must be "
         "coaps://, or it needs \"oscore\""},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\"id\":1},\n"
         "{\"uri\":\"coap://y\",\"id\":1}]}",
         "d.json:2:24: /servers/1/id: server 1 is there twice"},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\"id\":0}]}",
         "d.json:1:51: /servers/0/id: must be from 1 to 65534"},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\"lifetime\":5}]}",
         "d.json:1:57: /servers/0/lifetime: must be from 10 to 4294967295"},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\n\"oscore\":\"" KEY "\"}]}",
         "d.json:2:10: /servers/0/oscore: must be an object: { ... }"},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\n\"oscore\":{}}]}",
         "d.json:2:10: /servers/0/oscore/secret: must have at least 16 bytes (32 hex digits)"},
        {"{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\n\"oscore\":{\"secret\":\"0011\"}}]}",
         "d.json:2:20: /servers/0/oscore/secret: must have at least 16 bytes (32 hex digits)"},
        {OSCORE(",\"recipient\":\"01\""), "d.json:2:10: /servers/0/oscore/sender: is missing"},
        {OSCORE(",\"sender\":\"01\""), "d.json:2:10: /servers/0/oscore/recipient: is missing"},
        {OSCORE(",\"sender\":1"), "d.json:2:64: /servers/0/oscore/sender: must be a string"},
        {OSCORE(",\"sender\":\"1\""),
         "d.json:2:64: /servers/0/oscore/sender: must be an even number "
         "of hex digits, at most 14"},
        {OSCORE(",\"sender\":\"0g\""),
         "d.json:2:64: /servers/0/oscore/sender: must be hex digits only"},
        {OSCORE(",\"sender\":\"0102030405060708\""),
         "d.json:2:64: /servers/0/oscore/sender: must be an even number of hex digits, at most 14"},
        {OSCORE(",\"aead\":1,\"sender\":\"01020304050607\""),
         "d.json:2:73: /servers/0/oscore/sender: must be an even number of hex digits, at most 12"},
        {OSCORE(",\"sender\":\"\",\"recipient\":\"\""),
         "d.json:2:79: /servers/0/oscore/recipient: must differ from \"sender\": each end has an id of "
         "its own"},
        {OSCORE(IDS ",\n\"salt\":\"1\""),
         "d.json:3:8: /servers/0/oscore/salt: must be an even number of hex digits, at most 64"},
        {OSCORE(IDS ",\n\"aead\":2"), "d.json:3:8: /servers/0/oscore/aead: must be 10 "
                                      "(AES-CCM-16-64-128), 1 (A128GCM) or 24 (ChaCha20/Poly1305)"},
        {OSCORE(IDS ",\n\"hmac\":0"),
         "d.json:3:8: /servers/0/oscore/hmac: must be -10 (HKDF SHA-256) or 5 (HMAC 256/256)"},
        {OSCORE(IDS ",\n\"hmac\":\"5\""),
         "d.json:3:8: /servers/0/oscore/hmac: must be a whole number"},
        {OSCORE(IDS ",\n\"id_context\":\"01\""),
         "d.json:3:14: /servers/0/oscore/id_context: is not possible here: these keys may have been "
         "used before, and with an ID Context no others can be made from them"},
        {OSCORE(IDS ",\n\"fresh\":true"),
         "d.json:3:9: /servers/0/oscore/fresh: unknown name; known here: secret salt sender recipient "
         "id_context aead hmac"},
        {HEAD "\"lamp\":{}}}",
         "d.json:2:8: /objects/lamp: \"lamp\" is no object id; ids are 0 to 65534"},
        {HEAD "\"65535\":{}}}",
         "d.json:2:9: /objects/65535: \"65535\" is no object id; ids are 0 to 65534"},
        {HEAD "\"3311\":[]}}", "d.json:2:8: /objects/3311: must be an object: { ... }"},
        {HEAD "\"11000\":{}}}",
         "d.json:2:9: /objects/11000: object 11000 is kept by the engine; a device file cannot set "
         "it"},
        {HEAD "\"3\":{},\n\"03\":{}}}", "d.json:3:6: /objects/03: object 3 is there twice"},
        {HEAD "\"3\":{\"1\":{}}}}",
         "d.json:2:10: /objects/3/1: object 3 (Device) has instance 0 only"},
        {HEAD "\"3311\":{\"x\":{}}}}",
         "d.json:2:13: /objects/3311/x: \"x\" is no instance id; ids are 0 to 65534"},
        {HEAD "\"3311\":{\"0\":{\"on\":true}}}}",
         "d.json:2:19: /objects/3311/0/on: \"on\" is no resource id; ids are 0 to 65534"},
        {HEAD "\"3311\":{\"0\":{\"5850\":1}}}}",
         "d.json:2:21: /objects/3311/0/5850: must be true or false, because the resource is of "
         "type boolean"},
        {HEAD "\"3311\":{\"0\":{\"5850\":{\"type\":\"string\",\"value\":\"on\"}}}}}",
         "d.json:2:29: /objects/3311/0/5850/type: is \"string\", but this resource is of type "
         "boolean"},
        {HEAD "\"3311\":{\"0\":{\"1\":5}}}}",
         "d.json:2:18: /objects/3311/0/1: no definition knows this resource: give {\"type\": ..., "
         "\"value\": ...}"},
        {HEAD "\"3311\":{\"0\":{\"1\":{\"value\":5}}}}}",
         "d.json:2:18: /objects/3311/0/1: no definition knows this resource: it needs a \"type\""},
        {HEAD "\"3311\":{\"0\":{\"1\":{\"type\":\"number\",\"value\":5}}}}}",
         "d.json:2:26: /objects/3311/0/1/type: unknown type \"number\"; known: string integer "
         "unsigned float boolean opaque time objlink corelink"},
        {HEAD "\"3311\":{\"0\":{\"5850\":{\"valeu\":true}}}}}",
         "d.json:2:30: /objects/3311/0/5850/valeu: unknown name; did you mean \"value\"?"},
        {HEAD "\"3311\":{\"0\":{\"5850\":{}}}}}",
         "d.json:2:21: /objects/3311/0/5850: needs one of \"value\", \"values\" and \"generator\""},
        {HEAD "\"3311\":{\"0\":{\"5850\":{\"value\":true,\"generator\":\"toggle\"}}}}}",
         "d.json:2:21: /objects/3311/0/5850: needs one of \"value\", \"values\" and \"generator\""},
        {HEAD "\"3311\":{\"0\":{\"5850\":{\"values\":{\"0\":true}}}}}}",
         "d.json:2:31: /objects/3311/0/5850/values: is a single resource: give \"value\""},
        {HEAD "\"3311\":{\"0\":{\"5850\":{\"value\":true,\"ops\":\"RX\"}}}}}",
         "d.json:2:41: /objects/3311/0/5850/ops: must be of the letters R, W and E"},
        {HEAD "\"3311\":{\"0\":{\"5850\":{\"value\":true,\"ops\":\"RE\"}}}}}",
         "d.json:2:41: /objects/3311/0/5850/ops: must be R, W, RW or E"},
        {HEAD "\"3\":{\"0\":{\"4\":true}}}}",
         "d.json:2:15: /objects/3/0/4: is executed and has no value: give {}"},
        {HEAD "\"3\":{\"0\":{\"4\":{\"value\":1}}}}}",
         "d.json:2:15: /objects/3/0/4: an executable resource has no value and no type"},
        {HEAD "\"3\":{\"0\":{\"11\":0}}}}",
         "d.json:2:16: /objects/3/0/11: is a multiple resource: give {\"values\": {\"0\": ...}}"},
        {HEAD "\"3\":{\"0\":{\"11\":{\"value\":0}}}}}",
         "d.json:2:16: /objects/3/0/11: is a multiple resource: give \"values\": {\"0\": ...}"},
        {HEAD "\"3\":{\"0\":{\"11\":{\"values\":{\"a\":0}}}}}}",
         "d.json:2:31: /objects/3/0/11/values/a: \"a\" is no resource instance id; ids are 0 to "
         "65534"},
        {HEAD "\"9\":{\"0\":{\"1\":{\"type\":\"float\",\"value\":1}},\n"
              "\"1\":{\"1\":{\"type\":\"string\",\"value\":\"\"}}}}}",
         "d.json:3:18: /objects/9/1/1/type: is \"string\", but this resource is of type float"},
        {HEAD "\"9\":{\"0\":{\"1\":{\"type\":\"float\",\"value\":1}},\n"
              "\"1\":{\"1\":{\"value\":1,\"ops\":\"RW\"}}}}}",
         "d.json:3:10: /objects/9/1/1: has another type or other operations in another instance"},
        {HEAD "\"3303\":{\"0\":{\"5700\":{\"generator\":\"sinus\"}}}}}",
         "d.json:2:34: /objects/3303/0/5700/generator: unknown generator \"sinus\"; known: sine "
         "counter random toggle"},
        {HEAD "\"3303\":{\"0\":{\"5701\":{\"generator\":\"sine\"}}}}}",
         "d.json:2:34: /objects/3303/0/5701/generator: a string resource cannot follow \"sine\""},
        {HEAD "\"3303\":{\"0\":{\"5700\":{\"generator\":\"sine\",\"min\":5,\"max\":5}}}}}",
         "d.json:2:55: /objects/3303/0/5700/max: max must be greater than min"},
        {HEAD "\"3303\":{\"0\":{\"5700\":{\"generator\":\"sine\",\"min\":\"a\"}}}}}",
         "d.json:2:47: /objects/3303/0/5700/min: must be a number"},
        {HEAD "\"3303\":{\"0\":{\"5700\":{\"generator\":\"sine\",\"period\":0}}}}}",
         "d.json:2:50: /objects/3303/0/5700/period: must be a number of seconds from 0.01 to 86400"},
        {HEAD "\"3303\":{\"0\":{\"5700\":{\"generator\":\"random\",\"every\":1}}}}}",
         "d.json:2:51: /objects/3303/0/5700/every: only \"sine\" has \"every\"; others change once "
         "per \"period\""},
        {HEAD "\"3342\":{\"0\":{\"5500\":{\"generator\":\"toggle\",\"min\":0}}}}}",
         "d.json:2:21: /objects/3342/0/5500: \"toggle\" knows no min and max"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool ok = parse(rows[i].text);
        proa_device_file_free(&file);
        assert_string_equal(message, rows[i].message);
        assert_false(ok);
    }
}

static void keys_are_in_no_message(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coaps://x\",\"key\":\"5ec2e75ec2e7\"}]}",
        "{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coaps://x\",\"key\":\"5ec2e75ec2e7zz\"}]}",
        "{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coaps://x\",\"key\":[\"5ec2e75ec2e7\"]}]}",
        "{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\"key\":\"5ec2e75ec2e7\"}]}",
        "{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\"oscore\":{\"secret\":\"5ec2e75ec2e7\"}}]}",
        "{\"endpoint\":\"d\",\"servers\":[{\"uri\":\"coap://x\",\"oscore\":{\"secret\":[\"5ec2e7\"]}}]}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_false(parse(rows[i]));
        proa_device_file_free(&file);
        assert_null(strstr(message, "5ec2e7"));
    }
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/proa-test-XXXXXX";
    static const char text[] = "{\"endpoint\":\"d\",\"servers\":[" SERVER "]}";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    assert_true(proa_device_file_load(&file, path, message, sizeof message));
    proa_device_file_free(&file);
    assert_int_equal(fchmod(fd, 0640), 0);
    assert_false(proa_device_file_load(&file, path, message, sizeof message));
    assert_non_null(strstr(message, "holds keys and is readable by others"));
    close(fd);
    unlink(path);
    assert_false(proa_device_file_load(&file, path, message, sizeof message));
    assert_non_null(strstr(message, "No such file"));
}

static void names_are_relative_to_the_file(void **state)
{
    (void)state;
    static const char text[] = "{\"endpoint\":\"d\",\"state\":\"s\",\"servers\":[" SERVER "]}";
    assert_true(proa_device_file_parse(&file, "/etc/proa/d.json", text, sizeof text - 1, message,
                                       sizeof message));
    assert_string_equal(file.state, "/etc/proa/s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_whole_file, forget),
        cmocka_unit_test_teardown(oscore_keys, forget),
        cmocka_unit_test_teardown(core_8_every_device_has_object_3, forget),
        cmocka_unit_test_teardown(values_of_all_shapes, forget),
        cmocka_unit_test_teardown(generators, forget),
        cmocka_unit_test_teardown(every_mistake_is_told_with_its_place, forget),
        cmocka_unit_test_teardown(keys_are_in_no_message, forget),
        cmocka_unit_test_teardown(a_file_that_others_may_read_is_refused, forget),
        cmocka_unit_test_teardown(names_are_relative_to_the_file, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
