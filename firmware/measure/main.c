/* SPDX-License-Identifier: Apache-2.0 */
/* How many instructions the lamp executes for what it does: the program of firmware/, with two
 * queues instead of lwIP and a server at the other end of them. What one end does is counted
 * apart from what the other does; lwIP and the Ethernet driver are not in it.
 *
 *     handshake            from the first record to the server's verified Finished
 *     handshake_as_server  of the end that waits, as a lamp is for its peers
 *     first_session        of a new key, at either end: its connection id, which is looked at when the
 *                          account comes, and its context, which is made when it is used
 *     notify               a value is written, and the datagram of its notification is handed on;
 *                          the mean of many, the least and the most
 *     protect              of it, the DTLS record or the OSCORE message
 *     receive              the datagram of a notification, at the end that observes: DTLS or OSCORE,
 *                          and CoAP, up to the event; what an application does with it is not in it
 *     datagram             bytes of the last one */
#include <mbedtls/ssl.h>

#include "firmware/board.h"
#include "firmware/config.h"
#include "firmware/console.h"
#include "firmware/device.h"
#include "firmware/measure/counter.h"
#include "firmware/measure/server.h"
#include "firmware/measure/wire.h"
#include "proa/assert.h"

#define NOTIFICATIONS 256U /* of them four write to flash, when OSCORE's numbers run out */
#define GIVE_UP_MS 60000U

int main(void);

/* ---- one turn of firmware/main.c --------------------------------------------------------- */

static void poll(void)
{
    proa_client_event mine;
    proa_c2c_event peers;
    while (proa_client_poll(device_client, board_now_ms(), &mine)) {
    }
    while (proa_c2c_poll(device_c2c, board_now_ms(), &peers)) {
    }
}

/* Steps that the device needs for what came, and those to send what is to be sent. A turn in which
 * nothing moves costs nothing here. */
typedef struct turn {
    uint32_t in, out;
} turn;

static turn take_turn(void)
{
    unsigned moved = wire_moved();
    uint32_t begin = counter_now();
    (void)device_receive();
    poll();
    uint32_t middle = counter_now();
    device_flush();
    uint32_t end = counter_now();
    PROA_ASSERT(board_now_ms() < GIVE_UP_MS);
    if (wire_moved() == moved) {
        board_wait();
        return (turn){0, 0};
    }
    return (turn){middle - begin, end - middle};
}

static void work_until(bool (*done)(void))
{
    while (!done()) {
        (void)take_turn();
        server_work();
    }
}

/* ---- of which: protection ---------------------------------------------------------------- */

static uint32_t protecting;

/* The linker prescribes these names (--wrap). */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
proa_oscore_result __real_proa_oscore_protect(proa_oscore *o, proa_oscore_binding *binding,
                                              proa_span message, uint8_t *out, size_t cap,
                                              size_t *len);
proa_oscore_result __wrap_proa_oscore_protect(proa_oscore *o, proa_oscore_binding *binding,
                                              proa_span message, uint8_t *out, size_t cap,
                                              size_t *len);
int __real_mbedtls_ssl_write(mbedtls_ssl_context *ssl, const unsigned char *bytes, size_t len);
int __wrap_mbedtls_ssl_write(mbedtls_ssl_context *ssl, const unsigned char *bytes, size_t len);

proa_oscore_result __wrap_proa_oscore_protect(proa_oscore *o, proa_oscore_binding *binding,
                                              proa_span message, uint8_t *out, size_t cap,
                                              size_t *len)
{
    uint32_t begin = counter_now();
    proa_oscore_result result = __real_proa_oscore_protect(o, binding, message, out, cap, len);
    protecting += counter_now() - begin;
    return result;
}

int __wrap_mbedtls_ssl_write(mbedtls_ssl_context *ssl, const unsigned char *bytes, size_t len)
{
    uint32_t begin = counter_now();
    int result = __real_mbedtls_ssl_write(ssl, bytes, len);
    protecting += counter_now() - begin;
    return result;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* ---- what is measured -------------------------------------------------------------------- */

/* Told at the end, as a console takes time of its own. */
static struct {
    const char *what;
    uint64_t value;
} results[12];
static unsigned result_count;

static void keep(const char *what, uint64_t value)
{
    PROA_ASSERT(result_count < sizeof results / sizeof results[0]);
    results[result_count].what = what;
    results[result_count++].value = value;
}

static void tell(void)
{
    for (unsigned i = 0; i < result_count; i++) {
        console_begin("measured ");
        console_text(results[i].what);
        console_text(" ");
        console_number(results[i].value);
        console_end();
    }
    console_begin("measured end");
    console_end();
}

/* A loop of two million instructions, to see that these are what is counted. */
static void measure_counter(void)
{
    uint32_t left = 1000000;
    uint32_t begin = counter_now();
    __asm volatile("1: subs %0, #1\n"
                   "bne 1b\n"
                   : "+l"(left)
                   :
                   : "cc");
    keep("two_million", (uint64_t)(counter_now() - begin) * COUNTER_STEP);
}

static void measure_handshake(void)
{
    uint64_t device = 0, server = 0;
    for (;;) {
        turn t = take_turn();
        device += t.in;
        if (device_sessions().handshakes_done > 0) {
            break;
        }
        device += t.out;
        uint32_t begin = counter_now();
        server_work();
        server += t.in + t.out > 0 ? counter_now() - begin : 0;
    }
    PROA_ASSERT(server_has_session());
    keep("handshake", device * COUNTER_STEP);
    keep("handshake_as_server", server * COUNTER_STEP);
}

static void measure_first_session(void)
{
    uint32_t begin = counter_now();
    server_begin_first();
    keep("first_session", (uint64_t)(counter_now() - begin) * COUNTER_STEP);
}

static void measure_notifications(void)
{
    const proa_path path = proa_path_make(3, 3311, 0, 5851);
    uint64_t all = 0, all_protecting = 0, receiving = 0;
    uint32_t least = UINT32_MAX, most = 0;
    for (unsigned i = 1; i <= NOTIFICATIONS; i++) {
        const proa_value value = proa_value_integer(10 + i % 90);
        protecting = 0;
        uint32_t begin = counter_now();
        proa_err err = proa_client_write_local(device_client, board_now_ms(), &path, &value);
        PROA_ASSERT(err == PROA_OK);
        turn t = take_turn();
        uint32_t steps = counter_now() - begin;
        all += steps;
        all_protecting += protecting;
        least = steps < least ? steps : least;
        most = steps > most ? steps : most;
        PROA_ASSERT(t.out > 0);
        begin = counter_now();
        server_work();
        receiving += counter_now() - begin;
        PROA_ASSERT(server_notified() == i);
    }
    keep("notify", all * COUNTER_STEP / NOTIFICATIONS);
    keep("notify_least", (uint64_t)least * COUNTER_STEP);
    keep("notify_most", (uint64_t)most * COUNTER_STEP);
    keep("protect", all_protecting * COUNTER_STEP / NOTIFICATIONS);
    keep("receive", receiving * COUNTER_STEP / NOTIFICATIONS);
    keep("datagram", wire_last_len());
}

int main(void)
{
    counter_open();
    measure_counter();
    device_open();
    server_open();
    if (firmware_configuration.oscore == NULL) {
        measure_handshake();
    }
    work_until(server_has_registered);
    server_observe();
    work_until(server_observes);
    measure_notifications();
    if (firmware_configuration.oscore == NULL) {
        measure_first_session();
    }
    tell();
    for (;;) {
        board_wait();
    }
}
