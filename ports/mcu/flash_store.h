/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_MCU_FLASH_STORE_H
#define PROA_PORTS_MCU_FLASH_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "proa/err.h"
#include "proa/port.h"
#include "proa/store.h"

/* A proa_store as a log in NOR flash.
 *
 * Blobs are appended to the sector in use. When it is full, what lives in it moves to the next one
 * in a ring, and it is erased: all sectors wear alike. One sector holds everything; two are enough.
 *
 * Power may fail at any instant, also while recovering from the last failure: each blob is then the
 * old one or the new one, and stays what it was first read as. Bits that read differently at each
 * boot decide nothing. (flash_store.c says what three failures in a row could still do.)
 *
 * Room. The sum of live blobs, each with what proa_flash_store_cost() adds, is limited to 7/8 of a
 * sector. Within that nothing fails for lack of room, whatever was written before: neither
 * replacing a blob by one that is not longer nor removing one needs more than is there. The last
 * eighth bounds wear, so that a full store does not erase for each write.
 *
 * Secrets. What was replaced or removed is overwritten with zeros before the call returns, where
 * the flash allows that (proa_flash.wipes); if power fails before, at the next open. Names are not
 * wiped. Elsewhere old contents stay in the chip until the sector is full: unreachable by name, but
 * not for somebody who opens the case, who finds the live keys as well.
 *
 * Cost on a Cortex-M3 (gcc -Os): 2.6 kB of code, 28 bytes of RAM, no heap, under 600 bytes of
 * stack. Finding a name walks over the heads of all records. A write programs one record; rarely it
 * moves everything, which compares each record with all later ones, programs at most a sector and
 * erases one, or two the first time after a reboot. Opening reads all sectors; it erases only if
 * power failed during a write or an erase. */
typedef struct proa_flash_store {
    const proa_flash *flash;
    uint32_t sector;     /* in use: where it begins */
    uint32_t generation; /* of its contents, one more for each move */
    uint32_t tail;       /* where the next record goes */
    uint32_t live;       /* bytes of records that are not replaced or removed */
    uint32_t erased; /* sectors that this run of the program has erased and not used, a bit each */
    bool dirty;      /* nothing may be appended here: the next write moves */
    bool formatted;  /* open found no store and made an empty one; for who cares */
} proa_flash_store;

/* Find what is there, repair what a power failure left, make an empty store if there is none.
 *
 * store  out.
 * flash  borrowed for the life of the store. A geometry outside its bounds stops the program.
 * Returns PROA_OK, or PROA_E_IO: the flash does not do what it is told; the store is not usable. */
PROA_CHECK proa_err proa_flash_store_open(proa_flash_store *store, const proa_flash *flash);

/* As engines take it. Borrows `store`.
 *
 * read    PROA_E_IO also for a blob that is there but damaged: never an older one instead. Once the
 *         sector is left it is PROA_E_NOT_FOUND.
 * write   PROA_E_FULL: it does not fit, nothing has changed. PROA_E_IO: the flash failed; the blob
 *         is the old one or the new one, now and perhaps otherwise after a boot. The next write
 *         tries another sector. Names longer than PROA_STORE_NAME_MAX and blobs longer than
 *         PROA_STORE_BLOB_MAX stop the program. */
proa_store proa_flash_store_port(proa_flash_store *store);

/* Bytes of flash that a blob takes: a head of 4 and the name, the blob and a CRC of 4, each of the
 * two rounded up to 8, and 8 that close it. */
uint32_t proa_flash_store_cost(size_t name_len, size_t blob_len);

/* Bytes that all live blobs may take together. */
uint32_t proa_flash_store_room(const proa_flash *flash);

#endif
