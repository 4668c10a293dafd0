/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_C2C_ACCOUNT_BODY_H
#define PROA_CORE_C2C_ACCOUNT_BODY_H

#include <stdint.h>

#include "core/c2c/ac_body.h"
#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/lwm2m.h"

/* A whole account in one message: what a server writes into POST /11000 with Content-Format 60, and
 * what the device answers (docs/C2C.md §5, "In one message"). Both ends of the wire use this one
 * codec. It knows CBOR, numbers and what belongs together, neither policy nor tables.
 *
 * The document is a map from small numbers to values. There is one encoding of an account: keys
 * ascending, each once, shortest heads, definite lengths. Anything else is refused, so that no two
 * readers can understand it differently.
 *
 * With OSCORE there is no identity: what stands in 11000/x/3 is a name of the key only, and both ends
 * make it of the two Sender IDs. */

/* The keys of the map. */
enum {
    PROA_ACCOUNT_SHORT_ID = 0,     /* uint */
    PROA_ACCOUNT_LIFETIME = 1,     /* uint, s */
    PROA_ACCOUNT_ENDPOINT = 2,     /* text */
    PROA_ACCOUNT_IDENTITY = 3,     /* bytes; not with OSCORE */
    PROA_ACCOUNT_SECRET = 4,       /* bytes: the PSK, or the Master Secret */
    PROA_ACCOUNT_SENDER_ID = 5,    /* bytes; OSCORE: of the device that reads it */
    PROA_ACCOUNT_RECIPIENT_ID = 6, /* bytes; OSCORE */
    PROA_ACCOUNT_ADDRESS = 7,      /* bytes: see proa_account_body_address */
    PROA_ACCOUNT_RIGHTS = 8,       /* map, as in POST /ac, ascending by object and instance */
    PROA_ACCOUNT_PMIN = 9,         /* uint, s */
    PROA_ACCOUNT_PMAX = 10,        /* uint, s */
    PROA_ACCOUNT_SALT = 11,        /* bytes; OSCORE */
    PROA_ACCOUNT_AEAD = 12,        /* uint; OSCORE */
    PROA_ACCOUNT_HMAC = 13,        /* int; OSCORE */
    PROA_ACCOUNT_FIRST =
        14, /* uint; DTLS: 1, both ends have a first session; others mean nothing */
    PROA_ACCOUNT_KEYS = 15
};

/* What is not there has no type. The rights are there if there are any. */
typedef struct proa_account_body {
    proa_value values[PROA_ACCOUNT_KEYS];
    proa_ac_body rights;
} proa_account_body;

static inline bool proa_account_body_has(const proa_account_body *body, unsigned key)
{
    return body->values[key].type != PROA_TYPE_NONE;
}

/* Read a document.
 *
 * in   the whole payload; the values borrow it.
 * out  undefined unless PROA_OK is returned.
 * Returns PROA_OK; PROA_E_FORMAT for everything that is not the one encoding of an account, or lacks
 * what an account has to have: 0, 1, 2 and 4, and either 3, which 14 belongs to, or both 5 and 6, which
 * 11 to 13 belong to.
 * Whether numbers and lengths are within the bounds of their resources is not looked at. O(len). */
PROA_CHECK proa_err proa_account_body_parse(proa_span in, proa_account_body *out);

/* Write a document; its rights are put in order. Returns PROA_OK or PROA_E_NO_SPACE. */
PROA_CHECK proa_err proa_account_body_write(proa_writer *w, proa_account_body *body);

/* Where the peer is: the 4 or 16 bytes of an IP address, and the port in two more unless it is 5684,
 * with OSCORE 5683. PROA_E_FORMAT for anything else, also for what could be said in fewer bytes. */
PROA_CHECK proa_err proa_account_body_address(const proa_account_body *body, proa_addr *out);

#define PROA_ACCOUNT_ADDRESS_LEN_MAX 18
void proa_account_body_put_address(proa_account_body *body, const proa_addr *addr,
                                   uint8_t bytes[PROA_ACCOUNT_ADDRESS_LEN_MAX]);

/* What 11000/x/3 holds with OSCORE: both Sender IDs (of 7 bytes at most), the smaller one first, each
 * with its length before it and zeros behind. The same on both devices, and no text. */
#define PROA_ACCOUNT_NAME_LEN 16
void proa_account_name(uint8_t name[PROA_ACCOUNT_NAME_LEN], proa_span id, proa_span other);

/* The answer: an array with the instances of 11001 and 11000 that were made, and for each entry of
 * the rights, in their order, the instance of 11002 where it stands. */
#define PROA_ACCOUNT_MADE_MAX (2 + PROA_AC_ENTRIES_MAX)

/* Read it: exactly `count` instances. Returns PROA_OK or PROA_E_FORMAT. */
PROA_CHECK proa_err proa_account_made_parse(proa_span in, uint16_t *instances, uint8_t count);

#endif
