/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_C2C_ASKING_H
#define PROA_TESTS_C2C_ASKING_H

#include "tests/c2c/fake_client.h"

/* What the tests of asking begin with: a device "own" that asks a peer "host", and what it is told. */

#define ASKING_KEY "0123456789abcdef"
#define ASKING_URI "coaps://[2001:db8::7]:5684"

/* The host as a server installs it; and without a URI, as one that calls us. */
extern const fake_account asking_host, asking_caller;

/* A Read of its resource, with user value 42. */
proa_c2c_ask asking_5706(void);

/* Ask, and let everything happen that needs no time. */
proa_c2c_id asking_send(fake *f, const proa_c2c_ask *ask);

/* The next event, in f->event, is of this kind; is this outcome of a question with user value 42;
 * there is none. And: take them all. */
void asking_expect(fake *f, proa_c2c_event_kind kind);
void asking_outcome(fake *f, proa_outcome outcome);
void asking_quiet(fake *f);
void asking_forget(fake *f);

/* The last session that the device opened. */
fake_session *asking_opened(fake *f);

/* A device with an account for the host, connected. Returns the session. */
uint32_t asking_connected(fake *f);

/* On such a device: an observation that the host has accepted. */
proa_c2c_id asking_observe(fake *f);

#endif
