/* SPDX-License-Identifier: Apache-2.0 */
/* A program that leaves hibernation out: sessions end where others would sleep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/dtls/lab.h"

const proa_dtls_sleeping *const proa_dtls_hibernation = NULL;

static void places_to_sleep_are_refused(void **state)
{
    (void)state;
    lab *world = lab_new(17, 100000);
    lab_node *node = lab_add(world, 2);
    proa_secure *box;
    node->config.hibernated_max = 1;
    assert_int_equal(proa_dtls_open(&box, &node->config), PROA_E_RANGE);
    node->config.hibernated_max = 0;
    lab_open(world, node);
    lab_free(world);
}

static void idlest_ends(void **state)
{
    (void)state;
    uint32_t at_client[3], at_server[3];
    lab *world = lab_new(19, 300000);
    lab_node *client = lab_add(world, 2);
    lab_node *server = lab_add(world, 2);
    client->config.live_max = 3;
    server->config.live_max = 2;
    client->config.hibernated_max = server->config.hibernated_max = 0;
    server->config.idle_hibernate_ms = 1;
    lab_open(world, client);
    lab_open(world, server);
    for (size_t i = 0; i < 2; i++) {
        at_client[i] = lab_pair(world, client, server, &at_server[i]);
    }
    at_client[2] = lab_connect(world, client, server, "alice");
    lab_run(world, 1000);
    at_server[2] = lab_expect(server, PROA_SECURE_CONNECTED)->event.session;
    assert_int_equal(lab_send(world, client, at_client[2], "first"), PROA_OK);
    lab_run(world, 100);
    const lab_event *event = lab_expect(server, PROA_SECURE_CLOSED);
    assert_int_equal(event->event.session, at_server[0]);
    assert_int_equal(event->event.reason, PROA_SECURE_REASON_EVICTED);
    (void)lab_expect(server, PROA_SECURE_DATA);
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(lab_send(world, client, at_client[i], "up"), PROA_OK);
        lab_run(world, 100);
        assert_int_equal(lab_expect(server, PROA_SECURE_DATA)->event.session, at_server[i]);
    }
    assert_int_equal(lab_stats(server).live, 2);
    assert_int_equal(lab_stats(server).hibernations, 0);
    lab_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_to_sleep_are_refused),
        cmocka_unit_test(idlest_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
