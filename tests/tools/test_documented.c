/* SPDX-License-Identifier: Apache-2.0 */
/* The examples in docs/FILES.md are files that our readers take, and mean what the text says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/os/config.h"
#include "server/os/policy_file.h"
#include "tools/proa/device_file.h"

static char text[65536];
static char message[700];

/* The block behind <!-- name -->; tests run in tests/. */
static const char *block(const char *name, size_t *len)
{
    char mark[64];
    FILE *file = fopen("../docs/FILES.md", "r");
    assert_non_null(file);
    size_t read = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[read] = '\0';
    snprintf(mark, sizeof mark, "<!-- %s -->\n```jsonc\n", name);
    const char *start = strstr(text, mark);
    assert_non_null(start);
    start += strlen(mark);
    const char *end = strstr(start, "```");
    assert_non_null(end);
    *len = (size_t)(end - start);
    return start;
}

static void device(void **state)
{
    (void)state;
    static proa_device_file file;
    size_t len;
    const char *start = block("device", &len);
    bool ok = proa_device_file_parse(&file, "FILES.md", start, len, message, sizeof message);
    assert_string_equal(message, "");
    assert_true(ok);
    assert_int_equal(file.object_count, 4);
    assert_int_equal(file.generator_count, 1);
    assert_true(file.servers[0].authority);
    proa_device_file_free(&file);
}

static void proad(void **state)
{
    (void)state;
    proa_config config;
    proa_config defaults;
    size_t len;
    const char *start = block("proad", &len);
    bool ok = proa_config_parse(&config, "FILES.md", start, len, message, sizeof message);
    assert_string_equal(message, "");
    assert_true(ok);
    assert_int_equal(config.device_count, 2);
    assert_int_equal(config.relay_count, 1);
    /* "The values above are the defaults, except policy and relay." */
    assert_true(
        proa_config_parse(&defaults, "FILES.md", "{\"devices\":[]}", 14, message, sizeof message));
    assert_true(proa_addr_equal(&config.listen, &defaults.listen));
    assert_string_equal(config.database, defaults.database);
    assert_string_equal(config.control, defaults.control);
    assert_int_equal(config.allow_nosec, defaults.allow_nosec);
    assert_int_equal(config.oscore_accept_hmac_0, defaults.oscore_accept_hmac_0);
    assert_int_equal(config.registration_max, defaults.registration_max);
    assert_string_equal(defaults.policy, "");
    assert_int_equal(defaults.relay_count, 0);
    proa_config_free(&config);
    proa_config_free(&defaults);
}

static void oscore(void **state)
{
    (void)state;
    static proa_device_file file;
    proa_config config;
    size_t len;
    const char *start = block("oscore device", &len);
    (void)proa_device_file_parse(&file, "FILES.md", start, len, message, sizeof message);
    assert_string_equal(message, "");
    start = block("oscore proad", &len);
    (void)proa_config_parse(&config, "FILES.md", start, len, message, sizeof message);
    assert_string_equal(message, "");
    /* The two ends of one context. */
    const proa_oscore_params *ours = &file.servers[0].oscore_params;
    proa_oscore_params theirs = proa_oscore_entry_params(&config.devices[0].oscore);
    assert_string_equal(file.endpoint, config.devices[0].endpoint);
    assert_true(proa_span_equal(ours->master_secret, theirs.master_secret));
    assert_true(proa_span_equal(ours->master_salt, theirs.master_salt));
    assert_true(proa_span_equal(ours->sender_id, theirs.recipient_id));
    assert_true(proa_span_equal(ours->recipient_id, theirs.sender_id));
    assert_int_equal(ours->aead, theirs.aead);
    assert_int_equal(ours->hmac, theirs.hmac);
    proa_device_file_free(&file);
    proa_config_free(&config);
}

static void policy(void **state)
{
    (void)state;
    proa_policy rules;
    size_t len;
    const char *start = block("policy", &len);
    bool ok = proa_policy_file_parse(&rules, "FILES.md", start, len, message, sizeof message);
    assert_string_equal(message, "");
    assert_true(ok);
    assert_int_equal(rules.rule_count, 2);
    assert_int_equal(rules.rules[0].effect, PROA_EFFECT_DENY);
    assert_int_equal(rules.rules[0].rights, PROA_RIGHTS_ALL);
    assert_int_equal(rules.rules[1].rights, PROA_RIGHT_READ | PROA_RIGHT_WRITE);
    assert_int_equal(rules.rules[1].lifetime_s, 86400);
    proa_policy_file_free(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device),
        cmocka_unit_test(proad),
        cmocka_unit_test(oscore),
        cmocka_unit_test(policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
