/* SPDX-License-Identifier: Apache-2.0 */
/* That the library we link is the one we configured. Debian 12's own 2.28 has the same header
 * names; linking it by accident would lose the connection id without a warning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/platform.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>

#include "proa/limits.h"
#include "tests/support/random.h"

static int heap_count; /* blocks that the library holds */

static void *counted_calloc(size_t count, size_t len)
{
    heap_count++;
    return calloc(count, len);
}

static void counted_free(void *block)
{
    heap_count -= block != NULL;
    free(block);
}

static int fill(void *ctx, unsigned char *out, size_t len)
{
    proa_random_fill(ctx, out, len);
    return 0;
}

static void version_is_3_6_in_header_and_library(void **state)
{
    (void)state;
    assert_int_equal(mbedtls_version_get_number(), MBEDTLS_VERSION_NUMBER);
    assert_in_range(mbedtls_version_get_number(), 0x03060000, 0x0306ffff);
}

static void limits_agree_with_ours(void **state)
{
    (void)state;
    assert_int_equal(MBEDTLS_SSL_IN_CONTENT_LEN, PROA_DATAGRAM_MAX);
    assert_int_equal(MBEDTLS_SSL_OUT_CONTENT_LEN, PROA_DATAGRAM_MAX);
    assert_int_equal(MBEDTLS_PSK_MAX_LEN, PROA_PSK_KEY_MAX);
}

static void suites_are_the_ones_that_lwm2m_names(void **state)
{
    (void)state;
    static const int expected[] = {MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256,
                                   MBEDTLS_TLS_PSK_WITH_AES_128_CCM,
                                   MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8, 0};
    assert_memory_equal(mbedtls_ssl_list_ciphersuites(), expected, sizeof expected);
}

/* RFC 9146: a session takes a connection id; and its memory comes from where the port says. */
static void rfc9146_connection_id_is_compiled_in(void **state)
{
    (void)state;
    test_random seed;
    proa_random random = test_random_start(&seed, 1);
    mbedtls_platform_set_calloc_free(counted_calloc, counted_free);

    mbedtls_ssl_config config;
    mbedtls_ssl_config_init(&config);
    assert_int_equal(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT,
                                                 MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(&config, fill, &random);
    assert_int_equal(mbedtls_ssl_conf_cid(&config, 6, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE), 0);

    mbedtls_ssl_context session;
    mbedtls_ssl_init(&session);
    assert_int_equal(mbedtls_ssl_setup(&session, &config), 0);
    assert_true(heap_count > 0);
    unsigned char cid[6] = "abcdef";
    assert_int_equal(mbedtls_ssl_set_cid(&session, MBEDTLS_SSL_CID_ENABLED, cid, sizeof cid), 0);
    int enabled = MBEDTLS_SSL_CID_DISABLED;
    unsigned char own[MBEDTLS_SSL_CID_IN_LEN_MAX];
    size_t own_len = 0;
    assert_int_equal(mbedtls_ssl_get_own_cid(&session, &enabled, own, &own_len), 0);
    assert_int_equal(enabled, MBEDTLS_SSL_CID_ENABLED);
    assert_int_equal(own_len, sizeof cid);
    assert_memory_equal(own, cid, sizeof cid);

    mbedtls_ssl_free(&session);
    mbedtls_ssl_config_free(&config);
    assert_int_equal(heap_count, 0);
}

/* The generator of Linux and of boards works without ENTROPY_C, seeded by a callback. */
static void ctr_drbg_takes_a_seed_from_a_callback(void **state)
{
    (void)state;
    test_random seed;
    proa_random random = test_random_start(&seed, 2);
    mbedtls_ctr_drbg_context drbg;
    mbedtls_ctr_drbg_init(&drbg);
    assert_int_equal(mbedtls_ctr_drbg_seed(&drbg, fill, &random, NULL, 0), 0);
    uint8_t a[16] = {0}, b[16] = {0};
    assert_int_equal(mbedtls_ctr_drbg_random(&drbg, a, sizeof a), 0);
    assert_int_equal(mbedtls_ctr_drbg_random(&drbg, b, sizeof b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    mbedtls_ctr_drbg_free(&drbg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_is_3_6_in_header_and_library),
        cmocka_unit_test(limits_agree_with_ours),
        cmocka_unit_test(suites_are_the_ones_that_lwm2m_names),
        cmocka_unit_test(rfc9146_connection_id_is_compiled_in),
        cmocka_unit_test(ctr_drbg_takes_a_seed_from_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
