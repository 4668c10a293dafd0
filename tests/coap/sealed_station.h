/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_SEALED_STATION_H
#define PROA_TESTS_SEALED_STATION_H

#include "tests/coap/fake_sealed.h"
#include "tests/coap/station.h"

/* A station with one peer that is known by OSCORE keys, without cryptography (fake_sealed.h). There is one
 * at a time. */

#define ACCOUNT 70U

extern station s;
extern fake_sealed seals;
extern uint16_t last_mid; /* of what the peer said */

int sealed_start(void **state);
int sealed_end(void **state);

#define SEALED_TEST(name) cmocka_unit_test_setup_teardown(name, sealed_start, sealed_end)

/* With what stands in s.config now. */
void sealed_again(void);

/* Where somebody unknown is; session 0: in none. */
proa_coap_peer place(uint8_t host, uint32_t session);

/* A letter of the peer's, sealed under a number. Its length. */
size_t seal(const letter *l, uint8_t number, uint8_t *out, size_t cap);

/* It comes from there; mid 0: the next one. */
void tell_sealed(const proa_coap_peer *from, uint8_t number, letter l);

/* An empty message comes from there. */
void tell_empty(const proa_coap_peer *from, proa_coap_type type, uint16_t mid);

void goes_to(const heard *h, const proa_coap_peer *where);

#endif
