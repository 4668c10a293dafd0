/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_THINGS_H
#define PROA_TESTS_THINGS_H

#include "proa/object.h"

/* An object for tests, 3303, with one resource of each kind:
 *
 *     5700 float R    5701 string RW mandatory    5601 integer RW    5602 boolean RW
 *     5603 integers RW multiple    5605 executable    5606 link RW    5607 opaque RW
 *     5608 opaque W secret (and marked R)    5609 time R    5610 integer RW, may be missing
 *     5611 unsigned RW
 *
 * Up to 4 instances, with Create, Delete and transactions. Instance 0 exists at first. */
#define THINGS 4
#define THING_LIST 4

typedef struct thing {
    bool used;
    double celsius;
    char name[16];
    size_t name_len;
    int64_t number;
    bool on;
    bool listed[THING_LIST];
    int64_t list[THING_LIST];
    proa_objlink link;
    uint8_t blob[16], secret[16];
    size_t blob_len, secret_len;
    int64_t since;
    bool has_extra;
    int64_t extra;
    uint64_t count;
} thing;

typedef struct things {
    proa_object object; /* what to add to a client */
    thing items[THINGS];
    thing undo;
    unsigned executed, begun, committed, rolled_back, writes;
    char arguments[32];
    proa_actor who; /* of the last change */
    proa_err fail_commit;
    unsigned fail_write; /* the n-th write fails with PROA_E_FULL; 0 = none */
} things;

void things_init(things *t);

#endif
