/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_BENCH_SIZE_BOARD_H
#define PROA_BENCH_SIZE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/client.h"
#include "proa/random.h"

/* A small light on a Cortex-M3, made of exchangeable parts: this is how Proa varies, by linking.
 *
 *     device.c, formats.c      the program: objects 3 and 3311, one server, the loop
 *     profile_*.c  one of      a client; which is also a host for peers; which also asks peers
 *     box_*.c      one of      no DTLS; DTLS
 *     hardware.c   or          registers of a board: what is measured
 *     rehearsal.c              a server on the other side: shows that the image works, and what
 *                              memory it takes
 *
 * No heap: engines take everything from `device_arena` while they are opened. */

/* ---- the hardware ------------------------------------------------------------------------ */

/* A datagram that came; false if there is none. Bytes are valid until the next call. */
bool board_receive(proa_addr *from, proa_span *datagram);
void board_send(const proa_addr *to, proa_span datagram);
uint64_t board_now_ms(void);
void board_random(void *ctx, uint8_t *out, size_t len);
void board_lamp(bool on);

/* The button next to the lamp, once for each time it was pressed. */
bool board_pressed(void);

/* Nothing to do until then, or until something happens. */
void board_sleep(uint64_t until_ms);

/* ---- what varies ------------------------------------------------------------------------- */

/* Which account the server has: with a box it is a PSK account. */
typedef struct board_box {
    proa_secure *secure;
    proa_server_account account;
} board_box;

typedef bool (*board_find_psk)(void *ctx, proa_span identity, proa_psk *out);

board_box box_open(proa_random random, proa_memory memory, board_find_psk find);

/* Peak of what DTLS took beside `device_arena`, bytes. */
size_t box_peak(void);

/* Attach what is more than a client; work on its events; a person pressed the button. */
void profile_open(proa_client *client);
void profile_work(uint64_t now_ms);
void profile_pressed(uint64_t now_ms);

/* ---- what the program shows -------------------------------------------------------------- */

extern proa_arena device_arena;
extern const proa_addr device_server;

/* Programmer's errors and a memory that is too small end here. */
_Noreturn void board_stop(void);

#endif
