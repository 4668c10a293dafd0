/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORT_H
#define PROA_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/err.h"

/* What a board gives to Proa. This is all of it; ports/linux is one that is complete.
 *
 * The engines are pure: they open nothing, wait for nothing and call nothing of an operating
 * system. A board brings six things and one loop.
 *
 * 1. Time. Milliseconds since some instant before the first call, as uint64_t, handed to each call.
 *    They never go back while the device is on; a reboot may begin at 0 again. They go on while the
 *    processor sleeps, or lifetimes and retransmissions come late. A tick of 32 bits is over after
 *    49 days: keep the upper half in a variable that counts each time the tick is smaller than at
 *    the last look, and look from the loop only, at least once in 49 days. Wall-clock time is not
 *    needed.
 *
 * 2. Random bytes (proa/random.h): a CSPRNG. Keys of sessions, Tokens, cookies and Echo values are
 *    as secret as it is good. A noise source goes through a DRBG (Mbed TLS has them), not out as it
 *    is. A board without a source needs a secret of its own, 32 bytes written when it is made, from
 *    which each start derives a new state that is stored before the first byte of it is used. With
 *    neither it must not be on a network: a serial number, a clock or an uninitialised RAM is no
 *    randomness.
 *
 * 3. Datagrams. Receive: the bytes, the sender's address and port (proa/addr.h; IPv4 is mapped) and
 *    if it came by multicast. A longer one than PROA_DATAGRAM_MAX is dropped, never cut. Send: one
 *    that cannot leave at once (no buffer, no route, no neighbour yet) is dropped; what matters is
 *    repeated by the protocol. Any order, any loss and any copies are fine; all sessions and peers
 *    share one socket. Names of servers are resolved by the board, before the account is added.
 *
 * 4. A store (proa/store.h), or nothing survives a reboot. ports/mcu/flash_store.h makes one of any
 *    NOR flash, for which the board writes the three functions below. Accounts and OSCORE's numbers
 *    go to the same store; names do not collide.
 *
 * 5. Memory (proa/memory.h): an arena each for the engines and for Mbed TLS (ports/mbedtls/dtls.h),
 *    both static. Everything is taken when engines are opened, except by handshakes, which take
 *    from the second.
 *
 * 6. An end: proa_panic (proa/assert.h) says where and resets. So does the board's fault handler.
 *
 * The loop, one and the same for a device with or without DTLS, OSCORE and peers:
 *
 *     open store, box, OSCORE's table, client, C2C; add objects, then servers
 *     for (;;) {
 *         while (a datagram is there) {               one at a time, from a ring of your own
 *             proa_client_input(client, now, &from, datagram, multicast);
 *             poll both until false                   before the next: events borrow from this one
 *         }
 *         poll both until false                       proa_client_poll, proa_c2c_poll: time
 *                                                     alone makes events, too
 *         the application                             proa_client_changed, proa_c2c_ask, ...
 *         while (proa_client_output(client, now, &to, &datagram))
 *             send it or drop it                      borrowed until the next call
 *         sleep until proa_client_next_ms(client), a datagram, or an input of the application
 *     }
 *
 * next_ms is UINT64_MAX for never and may be in the past. The client drives box, OSCORE and CoAP;
 * nobody else calls them. Between finding nothing to do and sleeping, an interrupt must not get
 * lost.
 *
 * Who may call. Everything of one device is called from one place, its loop or its task. Interrupts
 * call nothing of Proa, not even proa_client_changed: they put bytes and flags where the loop finds
 * them. Functions of the board that engines call (random, store, find_psk, reading and writing
 * objects) are called from within engine calls and must not call an engine that is not documented
 * to allow it.
 *
 * What must not block. Sending, receiving, reading time: never. Random bytes: only as long as the
 * noise source takes. The store may, and is waited for, because what depends on it may not be sent
 * before: an erase of a sector (20 to 500 ms, see the data sheet) and copying one; datagrams that
 * come meanwhile have to fit the ring. A watchdog allows for the longest of: one erase, one
 * handshake message (PSK: no public keys), one datagram opened and its answer protected. Neither
 * has a loop that a peer could make longer than a datagram. */

/* ---- flash ------------------------------------------------------------------------------ */

/* NOR flash, as the chip gives it. Offsets count from the begin of the region that is for the
 * store.
 *
 * Erasing sets all bits of a sector. Programming clears bits, of whole units. A unit is programmed
 * once after an erase, and with `wipes` again, to zeros. It does not matter in which order the
 * units of one call are programmed, but all of them are when it returns.
 *
 * Power may fail anywhere. A unit or sector that was under way may then read as anything, each time
 * as something else, and even as if it were erased; so a unit that reads erased is sometimes
 * programmed that was under way when power failed. Where that fails (flash with ECC) program says
 * so or the bytes read differently, and the store goes to a freshly erased sector. Where reading
 * such a unit is a fault, the driver catches it and gives any bytes. */
typedef struct proa_flash {
    /* Read `len` bytes, any alignment. Has no way to fail: a bus that does is tried again. */
    void (*read)(void *ctx, uint32_t at, void *out, size_t len);
    /* Program `len` bytes; `at` and `len` are multiples of `unit`, `len` at most 32; may cross
     * pages of the chip. PROA_OK, PROA_E_IO. */
    proa_err (*program)(void *ctx, uint32_t at, const void *bytes, size_t len);
    /* Erase the sector that begins at `at`: all pages of the chip in it. PROA_OK, PROA_E_IO. */
    proa_err (*erase)(void *ctx, uint32_t at);
    void *ctx;
    uint32_t sector_len;  /* bytes: one page of the chip or several, 1024 at least */
    uint8_t sector_count; /* 2..32; more than 2 only make the flash last longer */
    uint8_t unit;         /* bytes: 1, 2, 4 or 8 */
    /* A programmed unit may be programmed to zeros, however often: NOR without ECC, and some
     * with it. Then secrets are wiped as soon as they are replaced. */
    bool wipes;
} proa_flash;

#endif
