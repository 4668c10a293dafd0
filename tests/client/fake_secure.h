/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_FAKE_SECURE_H
#define PROA_TESTS_FAKE_SECURE_H

#include "proa/secure.h"

/* A secure box without security: what proa_secure promises to an engine, with plaintext on the
 * wire, so that tests of engines need no cryptography. Both ends must be fake boxes.
 *
 * A frame is 22, kind, 4 bytes of connection id (chosen by the DTLS client), content. HELLO carries
 * identity and key; the other end looks the identity up and compares keys, so wrong keys and
 * unknown identities fail as they would. Sessions have connection ids: they survive a changed
 * address, which moves on each frame. Hellos are repeated after 1, 2, 4, 8, 16, 16 ... s until
 * handshake_timeout_ms (60000 if 0). What comes after a move is is_unreached until confirm_address. There are first sessions if there is a find_first; their id is a
 * hash of key and identity. live_max (16 if 0) bounds sessions on both sides. */

/* Opens a box; ends by its class's free. Aborts when there is no memory. */
proa_secure *fake_secure_open(const proa_secure_config *config);

/* The session dies without a word: what a reboot or a lost context does. */
void fake_secure_forget(proa_secure *box, uint32_t session);

/* All sessions die so. */
void fake_secure_reboot(proa_secure *box);

/* The next `count` calls of open fail with PROA_E_FULL. */
void fake_secure_fail_opens(proa_secure *box, unsigned count);

/* The newest living session of an account, 0 if there is none. */
uint32_t fake_secure_session_of(const proa_secure *box, uint64_t account);

/* How many sessions live, handshakes included. */
unsigned fake_secure_live(const proa_secure *box);

#endif
