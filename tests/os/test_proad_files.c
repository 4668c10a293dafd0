/* SPDX-License-Identifier: Apache-2.0 */
/* proad's configuration and policy files: what is read, and what each mistake is told as. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/os/config.h"
#include "server/os/policy_file.h"

#define KEY "\"000102030405060708090a0b0c0d0e0f\""

static void a_configuration_is_read(void **state)
{
    (void)state;
    static const char text[] =
        "{ \"listen\": \"127.0.0.1:0\", \"database\": \"x.db\", \"control\": \"/run/c\",\n"
        "  \"policy\": \"p.json\", \"allow_nosec\": true,\n"
        "  \"devices\": [ {\"endpoint\": \"lamp\", \"key\": " KEY "},\n"
        "     {\"endpoint\": \"switch\", \"identity\": \"other\", \"key\": " KEY "} ],\n"
        "  \"relay\": [\"lamp/3311/0/5706 -> switch/3311/0/5750\"] }";
    proa_config config;
    char message[600];
    assert_true(
        proa_config_parse(&config, "/etc/proad/c", text, sizeof text - 1, message, sizeof message));
    assert_string_equal(config.database, "/etc/proad/x.db");
    assert_string_equal(config.session_key, "/etc/proad/x.db.key");
    assert_string_equal(config.control, "/run/c");
    assert_string_equal(config.policy, "/etc/proad/p.json");
    assert_true(config.allow_nosec);
    assert_int_equal(config.device_count, 2);
    assert_ptr_equal(proa_config_by_identity(&config, proa_span_of("lamp")), &config.devices[0]);
    assert_ptr_equal(proa_config_by_identity(&config, proa_span_of("other")), &config.devices[1]);
    assert_null(proa_config_by_identity(&config, proa_span_of("switch")));
    assert_ptr_equal(proa_config_by_endpoint(&config, proa_span_of("switch")), &config.devices[1]);
    assert_int_equal(config.relay_count, 1);
    assert_string_equal(config.relays[0].to_endpoint, "switch");
    assert_int_equal(config.relays[0].to_path.ids[2], 5750);
    proa_config_free(&config);
}

static void oscore_keys_are_read(void **state)
{
    (void)state;
    static const char text[] =
        "{\"devices\": [ {\"endpoint\": \"lamp\", \"oscore\": {\"secret\": " KEY ",\n"
        "   \"salt\": \"9e7c\", \"sender\": \"\", \"recipient\": \"01\", \"fresh\": true}},\n"
        " {\"endpoint\": \"switch\", \"identity\": \"lamp\", \"key\": " KEY ",\n"
        "   \"oscore\": {\"secret\": " KEY ", \"sender\": \"01\", \"recipient\": \"02AB\",\n"
        "   \"id_context\": \"37cb\", \"aead\": 24, \"hmac\": 5}},\n"
        " {\"endpoint\": \"old\", \"key\": " KEY "} ]}";
    proa_config config;
    char message[600];
    bool ok = proa_config_parse(&config, "f", text, sizeof text - 1, message, sizeof message);
    if (!ok) {
        fail_msg("%s", message);
    }
    const proa_known_device *lamp = proa_config_by_account(&config, 1);
    const proa_known_device *other = proa_config_by_account(&config, 2);
    assert_null(proa_config_by_account(&config, 0));
    assert_null(proa_config_by_account(&config, 4));
    assert_int_equal(proa_known_protection(lamp), PROA_PROTECTION_OSCORE);
    assert_int_equal(proa_known_protection(other), PROA_PROTECTION_OSCORE_IN_DTLS);
    assert_int_equal(proa_known_protection(&config.devices[2]), PROA_PROTECTION_DTLS);
    assert_ptr_equal(proa_config_by_identity(&config, proa_span_of("lamp")), other);
    assert_null(proa_config_by_identity(&config, proa_span_of("")));
    proa_oscore_params p = proa_oscore_entry_params(&lamp->oscore);
    assert_int_equal(p.master_secret.len, 16);
    assert_int_equal(p.master_secret.data[15], 15);
    assert_memory_equal(p.master_salt.data, "\x9e\x7c", 2);
    assert_int_equal(p.sender_id.len, 0);
    assert_int_equal(p.recipient_id.len, 1);
    assert_false(p.has_id_context);
    assert_int_equal(p.aead, PROA_COSE_AES_CCM_16_64_128);
    assert_int_equal(p.hmac, PROA_COSE_DIRECT_HKDF_SHA_256);
    assert_true(lamp->oscore.fresh);
    p = proa_oscore_entry_params(&other->oscore);
    assert_memory_equal(p.recipient_id.data, "\x02\xab", 2);
    assert_true(p.has_id_context);
    assert_memory_equal(p.id_context.data, "\x37\xcb", 2);
    assert_int_equal(p.aead, PROA_COSE_CHACHA20_POLY1305);
    assert_int_equal(p.hmac, PROA_COSE_HMAC_256_256);
    assert_false(other->oscore.fresh);
    proa_config_free(&config);
}

/* One key material and one kid: the ID Context makes three contexts of it (RFC 8613 §3.3). */
static void rfc8613_3_3_id_contexts_tell_devices_apart(void **state)
{
    (void)state;
    static const char text[] =
        "{\"devices\": [ {\"endpoint\": \"a\", \"oscore\": {\"secret\": " KEY
        ", \"sender\": \"\", \"recipient\": \"01\"}},"
        " {\"endpoint\": \"b\", \"oscore\": {\"secret\": " KEY
        ", \"sender\": \"\", \"recipient\": \"01\", \"id_context\": \"\"}},"
        " {\"endpoint\": \"c\", \"oscore\": {\"secret\": " KEY
        ", \"sender\": \"\", \"recipient\": \"01\", \"id_context\": \"0a\"}}]}";
    proa_config config;
    char message[300];
    if (!proa_config_parse(&config, "f", text, sizeof text - 1, message, sizeof message)) {
        fail_msg("%s", message);
    }
    assert_false(config.devices[0].oscore.has_id_context);
    assert_true(config.devices[1].oscore.has_id_context);
    assert_int_equal(config.devices[1].oscore.id_context_len, 0);
    assert_int_equal(config.devices[2].oscore.id_context[0], 0x0a);
    proa_config_free(&config);
}

static void hmac_0_needs_the_switch(void **state)
{
    (void)state;
    static const char entry[] = "\"devices\": [{\"endpoint\": \"a\", \"oscore\": {\"secret\": " KEY
                                ", \"sender\": \"\", \"recipient\": \"01\", \"hmac\": 0}}]}";
    static const struct {
        const char *before;
        bool taken;
    } rows[] = {
        {"{", false},
        {"{\"oscore_accept_hmac_0\": false, ", false},
        {"{\"oscore_accept_hmac_0\": true, ", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        proa_config config;
        char text[400];
        char message[600];
        int len = snprintf(text, sizeof text, "%s%s", rows[i].before, entry);
        assert_int_equal(
            proa_config_parse(&config, "f", text, (size_t)len, message, sizeof message),
            rows[i].taken);
        if (rows[i].taken) {
            assert_int_equal(config.devices[0].oscore.hmac, 0);
        }
        proa_config_free(&config);
    }
}

#define OSCORE(more) \
    "{\"devices\": [{\"endpoint\": \"a\",\n\"oscore\": {\"secret\": " KEY ", " more "}}]}"

static void configuration_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *part;
    } mistakes[] = {
        {"{\"listen\": \"5684\"}", "f:1:12: /listen: must be ADDRESS:PORT"},
        {"{\"listen\": \"[::]:70000\"}", "must be ADDRESS:PORT"},
        {"{\"devices\": [{\"endpoint\": \"\", \"key\": " KEY "}]}", "must have 1 to 64 characters"},
        {"{\"devices\": [{\"endpoint\": \"a\", \"key\": \"0011\"}]}", "at least 16 bytes"},
        {"{\"devices\": [{\"endpoint\": \"a\"}]}", "/devices/0/key: must have at least 16 bytes"},
        {"{\"devices\": [{\"endpoint\": \"a\", \"key\": " KEY "},\n"
         "{\"endpoint\": \"a\", \"identity\": \"b\", \"key\": " KEY "}]}",
         "f:2:1: /devices/1: endpoint \"a\" is there twice"},
        {"{\"devices\": [{\"endpoint\": \"a\", \"key\": " KEY "},\n"
         "{\"endpoint\": \"b\", \"identity\": \"a\", \"key\": " KEY "}]}",
         "f:2:1: /devices/1: its identity belongs to another device, too"},
        {OSCORE("\"recipient\": \"01\""), "f:2:11: /devices/0/oscore/sender: is missing"},
        {OSCORE("\"sender\": \"01\""), "/devices/0/oscore/recipient: is missing"},
        {OSCORE("\"sender\": \"01\", \"recipient\": \"01\""),
         "/recipient: must differ from \"sender\": each end has an id of its own"},
        {OSCORE("\"sender\": \"\", \"recipient\": \"\""), "/recipient: must differ from"},
        {OSCORE("\"sender\": \"01\", \"recipient\": \"0102030405060708\""),
         "/recipient: must be an even number of hex digits, at most 14"},
        {OSCORE("\"sender\": \"01\", \"recipient\": \"01020304050607\", \"aead\": 1"),
         "/recipient: must be an even number of hex digits, at most 12"},
        {OSCORE("\"sender\": \"1\", \"recipient\": \"02\""), "/sender: must be an even number"},
        {OSCORE("\"sender\": \"0g\", \"recipient\": \"02\""), "/sender: must be hex digits only"},
        {OSCORE("\"sender\": \"01020304050607\", \"recipient\": \"02\", \"aead\": 24"),
         "/sender: must be an even number of hex digits, at most 12"},
        {OSCORE("\"sender\": {\"file\": \"x\"}, \"recipient\": \"02\""),
         "/sender: must be a string"},
        {OSCORE("\"sender\": \"\", \"recipient\": \"02\", \"salt\": 5"), "/salt: must be a string"},
        {OSCORE("\"sender\": \"\", \"recipient\": \"02\", \"id_context\": \"0\""),
         "/id_context: must be an even number of hex digits, at most 64"},
        {OSCORE("\"sender\": \"\", \"recipient\": \"02\", \"fresh\": 1"),
         "/fresh: must be true or false"},
        {OSCORE("\"sender\": \"\", \"recipient\": \"02\", \"aead\": 2"), "/aead: must be 10"},
        {OSCORE("\"sender\": \"\", \"recipient\": \"02\", \"aead\": 1000"), "/aead: must be 10"},
        {OSCORE("\"sender\": \"\", \"recipient\": \"02\", \"hmac\": 0"), "/hmac: must be -10"},
        {OSCORE("\"sender\": \"\", \"recipient\": \"02\", \"hmac\": \"5\""),
         "/hmac: must be a whole number"},
        {"{\"devices\": [{\"endpoint\": \"a\", \"oscore\": true}]}", "/oscore: must be an object"},
        {"{\"devices\": [{\"endpoint\": \"a\", \"oscore\": {\"sender\": \"\", \"recipient\": \"01\"}}]}",
         "/secret: must have at least 16 bytes (32 hex digits)"},
        {OSCORE("\"sender\": \"\", \"recipient\": \"02\", \"hmca\": 5"), "did you mean \"hmac\"?"},
        {"{\"devices\": [{\"endpoint\": \"a\", \"oscore\": {\"secret\": \"0001020304050607\","
         " \"sender\": \"\", \"recipient\": \"01\"}}]}",
         "/secret: must have at least 16 bytes"},
        {"{\"devices\": [{\"endpoint\": \"a\", \"oscore\": {\"secret\": " KEY ", \"sender\": \"\","
         "\"recipient\": \"01\"}},\n{\"endpoint\": \"b\", \"oscore\": {\"secret\": " KEY ","
         "\"sender\": \"\", \"recipient\": \"01\"}}]}",
         "f:2:1: /devices/1: its OSCORE recipient ID belongs to another device, too"},
        {"{\"devices\": [{\"endpoint\": \"a\", \"oscore\": {\"secret\": " KEY ", \"sender\": \"\","
         "\"recipient\": \"01\", \"id_context\": \"0a\"}},\n{\"endpoint\": \"b\", \"oscore\": "
         "{\"secret\": \"100102030405060708090a0b0c0d0e0f\", \"sender\": \"\","
         "\"recipient\": \"01\", \"id_context\": \"0a\"}}]}",
         "f:2:1: /devices/1: its OSCORE recipient ID belongs to another device, too, and no ID "
         "Context tells them apart"},
        {"{\"devices\": [{\"endpoint\": \"a\", \"identity\": \"b\", \"oscore\": {\"secret\": " KEY
         ","
         "\"sender\": \"\", \"recipient\": \"01\"}}]}",
         "/identity: is of no use without a key"},
        {"{\"relay\": [\"a/3311/0 -> b/3311/0/5706\"]}", "/relay/0: must be"},
        {"{\"relay\": [\"a/3311/0/1\"]}", "/relay/0: must be"},
        {"{\"devcies\": []}", "did you mean \"devices\"?"},
        {"[]", "must be an object"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        proa_config config;
        char message[600];
        assert_false(proa_config_parse(&config, "f", mistakes[i].text, strlen(mistakes[i].text),
                                       message, sizeof message));
        if (strstr(message, mistakes[i].part) == NULL) {
            fail_msg("expected \"%s\" in \"%s\"", mistakes[i].part, message);
        }
        assert_null(strstr(message, "0102030405"));
        proa_config_free(&config);
    }
}

static void a_policy_is_read(void **state)
{
    (void)state;
    static const char text[] =
        "{ \"rules\": [\n"
        " { \"name\": \"no\", \"deny\": [\"all\"], \"requester\": \"guest-*\" },\n"
        " { \"allow\": [\"observe\", \"write\"], \"host\": \"lamp\", \"path\": \"/3311/0\",\n"
        "   \"lifetime\": 600, \"security\": \"oscore\", \"partial\": true } ] }";
    proa_policy policy;
    char message[600];
    assert_true(
        proa_policy_file_parse(&policy, "f", text, sizeof text - 1, message, sizeof message));
    assert_int_equal(policy.rule_count, 2);
    assert_int_equal(policy.rules[0].effect, PROA_EFFECT_DENY);
    assert_int_equal(policy.rules[0].rights, PROA_RIGHTS_ALL);
    assert_int_equal(policy.rules[0].object, PROA_POLICY_OBJECT_ANY);
    assert_string_equal(policy.rules[0].host, "*");
    assert_string_equal(policy.rules[1].name, "rule 2");
    assert_int_equal(policy.rules[1].rights, PROA_RIGHT_READ | PROA_RIGHT_WRITE);
    assert_int_equal(policy.rules[1].object, 3311);
    assert_int_equal(policy.rules[1].instance, 0);
    assert_int_equal(policy.rules[1].lifetime_s, 600);
    assert_true(policy.rules[1].partial);
    assert_int_equal(policy.rules[1].security, PROA_PEER_SECURITY_OSCORE);
    proa_policy_file_free(&policy);
}

static void policy_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *part;
    } mistakes[] = {
        {"{\"rules\": [{}]}", "either \"allow\" or \"deny\""},
        {"{\"rules\": [{\"allow\": [\"read\"], \"deny\": [\"read\"]}]}", "either"},
        {"{\"rules\": [{\"allow\": []}]}", "at least one operation"},
        {"{\"rules\": [{\"allow\": [\"reed\"]}]}", "unknown operation \"reed\""},
        {"{\"rules\": [{\"allow\": [\"read\"], \"path\": \"/3311/0/5850\"}]}", "must be \"*\""},
        {"{\"rules\": [{\"allow\": [\"read\"], \"lifetime\": 5}]}", "must be from 60 to"},
        {"{\"rules\": [{\"deny\": [\"read\"], \"partial\": true}]}", "belong to \"allow\""},
        {"{\"rules\": [{\"deny\": [\"read\"], \"security\": \"dtls\"}]}", "belong to \"allow\""},
        {"{\"rules\": [{\"allow\": [\"read\"], \"security\": \"none\"}]}", "\"oscore\""},
        {"{\"rule\": []}", "did you mean \"rules\"?"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        proa_policy policy;
        char message[600];
        assert_false(proa_policy_file_parse(&policy, "f", mistakes[i].text,
                                            strlen(mistakes[i].text), message, sizeof message));
        if (strstr(message, mistakes[i].part) == NULL) {
            fail_msg("expected \"%s\" in \"%s\"", mistakes[i].part, message);
        }
        assert_int_equal(policy.rule_count, 0); /* what cannot be read allows nothing */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_is_read),
        cmocka_unit_test(oscore_keys_are_read),
        cmocka_unit_test(rfc8613_3_3_id_contexts_tell_devices_apart),
        cmocka_unit_test(hmac_0_needs_the_switch),
        cmocka_unit_test(configuration_mistakes),
        cmocka_unit_test(a_policy_is_read),
        cmocka_unit_test(policy_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
