/* SPDX-License-Identifier: Apache-2.0 */
/* proad's configuration and policy files: what is read, and what each mistake is told as. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
    assert_int_equal(policy.rules[0].security, PROA_PEER_SECURITY_AUTO);
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
        cmocka_unit_test(configuration_mistakes),
        cmocka_unit_test(a_policy_is_read),
        cmocka_unit_test(policy_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
