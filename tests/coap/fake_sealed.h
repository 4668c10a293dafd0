/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_FAKE_SEALED_H
#define PROA_TESTS_FAKE_SEALED_H

#include "core/coap/sealed.h"
#include "proa/coap.h"

/* OSCORE as engines see it, without cryptography: what is inside is only not readable at a glance. The
 * option's value is one byte of account and one of number. For tests of what is around the opening
 * and sealing; what is in it is tested in tests/oscore. */

#define FAKE_ACCOUNTS 4

typedef struct fake_sealed {
    proa_coap_oscore table;
    bool has_keys[FAKE_ACCOUNTS];
    uint64_t account[FAKE_ACCOUNTS]; /* which account the first byte stands for */
    uint8_t newest[FAKE_ACCOUNTS];   /* of the requests received */
    uint8_t next;                    /* number of ours */
    unsigned opened, sealed, renewed;
    const uint8_t *inside; /* where what was opened or sealed last stood, in the engine's memory */
    size_t inside_len;
} fake_sealed;

/* No keys yet; `add` of the table gives each account the next byte, from 1 on. */
const proa_coap_oscore *fake_sealed_start(fake_sealed *f);

/* Seal a message as account `who` would, under a number. Its length. */
size_t fake_sealed_write(uint8_t who, uint8_t number, proa_span message, uint8_t *out, size_t cap);

/* What is inside of a sealed message, into buf. */
proa_coap_msg fake_sealed_read(proa_span datagram, uint8_t *buf, size_t cap);

#endif
