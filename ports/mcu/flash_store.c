/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs as a log in flash.
 *
 * A sector in use:  header, three marks; record, close; record, close; ... erased up to its end
 * Its header:       magic, generation, CRC. Programmed when all is copied that lives
 * A record:         head (lengths, "removed") and name; blob and CRC
 * A mark, a close:  one step, erased or not. A close is programmed after all of what it closes
 *
 * The newest record of a name counts. A removed blob is a record, too, until the sector is left.
 *
 * What power failures leave is judged by one principle: bits that were under way may read one way
 * now and another way at the next boot. Whatever was complete before something else was begun is
 * firm. So what is seen may decide, but before anything is destroyed or anybody learns of it,
 * something firm must say the same. Therefore:
 *
 * - A last record that is not closed may be whole now and torn later. It is copied to a fresh
 *   sector if it is whole, dropped if not. The same if anything but erased bytes follows the log.
 *   The one thing that cannot be seen is a unit that was begun and reads erased; it is programmed
 *   again, and read back.
 * - After a crash while moving there are two sectors with headers. If the new one is closed, its
 *   header is firm; if not, the erase of the old one has not begun. The close itself may be what
 *   was under way, so before the old one is erased the new one gets a second mark, and before the
 *   new one is erased the old one gets a mark that what was moved from it is void. No two failures
 *   in a row undo that, wherever they fall; a third one could, if each of the first two hit its
 *   mark, and bits that faded come back.
 * - A head is firm when its record is not the last one. So the log is walked by heads, and a record
 *   whose blob was wiped (or is damaged) is stepped over. Nobody looks for records between records:
 *   a blob's bytes come from others and may look like one. */
#include "ports/mcu/flash_store.h"

#include <string.h>

#include "proa/assert.h"

enum {
    STEP = 8,              /* everything begins at a multiple, so that all units are alike */
    CLOSED = 16,           /* marks of a sector: its header is complete */
    TAKEN = CLOSED + STEP, /* it was found beside the one it was moved from, and taken */
    VOIDED = TAKEN + STEP, /* what was moved from it to another sector was not */
    LOG_BEGIN = VOIDED + STEP,
    HEAD_LEN = 4,
    CRC_LEN = 4,
    CHUNK = 32,
    TRIES = 3, /* bits that read differently each time: once more is enough in practice */
    REMOVED = 1 << 15
};

#define MAGIC 0x31534650U /* "PFS1" where numbers begin with the low byte; in no other case ours */

typedef struct header {
    uint32_t magic;
    uint32_t generation;
    uint32_t is_second; /* moved from a sector that had its mark VOIDED by then */
    uint32_t crc;
} header;

/* As it was read once: name and lengths do not change any more, even if the flash says
 * otherwise. */
typedef struct record {
    uint32_t at;
    uint32_t blob; /* where it is, and its CRC after it; unless it is still to be written */
    uint32_t end;
    uint16_t head[2];
    uint16_t blob_len;
    uint8_t name_len;
    bool removed;
    uint8_t name[PROA_STORE_NAME_MAX];
} record;

/* ---- geometry ------------------------------------------------------------------------------ */

static uint32_t steps(size_t len)
{
    return (uint32_t)(len + STEP - 1U) & ~(STEP - 1U);
}

uint32_t proa_flash_store_cost(size_t name_len, size_t blob_len)
{
    return steps(HEAD_LEN + name_len) + steps(blob_len + CRC_LEN) + STEP;
}

uint32_t proa_flash_store_room(const proa_flash *f)
{
    return f->sector_len - f->sector_len / 8 - LOG_BEGIN;
}

static uint32_t next_sector(const proa_flash *f, uint32_t sector)
{
    sector += f->sector_len;
    return sector < f->sector_len * f->sector_count ? sector : 0;
}

static uint32_t bit_of(const proa_flash *f, uint32_t sector)
{
    return 1U << (sector / f->sector_len);
}

/* ---- reading ------------------------------------------------------------------------------- */

static void get(const proa_flash *f, uint32_t at, void *out, size_t len)
{
    f->read(f->ctx, at, out, len);
}

static bool is_erased(const proa_flash *f, uint32_t at, uint32_t end)
{
    while (at < end) {
        uint8_t bytes[CHUNK];
        uint32_t len = end - at < CHUNK ? end - at : CHUNK;
        get(f, at, bytes, len);
        for (uint32_t i = 0; i < len; i++) {
            if (bytes[i] != 0xff) {
                return false;
            }
        }
        at += len;
    }
    return true;
}

/* CRC-32 as in IEEE 802.3. Bit by bit: next to programming flash it is fast. */
static uint32_t crc(uint32_t seed, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint32_t sum = ~seed;
    while (len-- > 0) {
        sum ^= *bytes++;
        for (int i = 0; i < 8; i++) {
            sum = sum >> 1 ^ (0xedb88320U & (0U - (sum & 1U)));
        }
    }
    return ~sum;
}

/* So that erased, zeroed and most torn heads are none. */
static uint16_t check_of(uint16_t lengths)
{
    return (uint16_t)(lengths * 0x6a5dU + 0x1235U);
}

/* The record whose head is at `at`, if it ends before `end`. Says nothing about its blob. */
static bool record_at(const proa_flash *f, uint32_t at, uint32_t end, record *r)
{
    if (at + STEP > end) {
        return false;
    }
    get(f, at, r->head, HEAD_LEN);
    r->removed = (r->head[0] & REMOVED) != 0;
    r->name_len = r->head[0] >> 10 & 31U;
    r->blob_len = r->head[0] & 1023U;
    r->at = at;
    r->end = at + proa_flash_store_cost(r->name_len, r->blob_len);
    if (r->head[1] != check_of(r->head[0]) || r->name_len > PROA_STORE_NAME_MAX ||
        r->blob_len > PROA_STORE_BLOB_MAX || r->end > end) {
        return false;
    }
    get(f, at + HEAD_LEN, r->name, r->name_len);
    r->blob = at + steps(HEAD_LEN + r->name_len);
    return true;
}

static uint32_t stored_crc(const proa_flash *f, const record *r)
{
    uint32_t stored;
    get(f, r->blob + r->blob_len, &stored, CRC_LEN);
    return stored;
}

static bool same_name(const record *a, const record *b)
{
    return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

/* The newest record with the name of `like` between two records. */
static bool find(const proa_flash *f, uint32_t at, uint32_t end, const record *like, record *out)
{
    bool found = false;
    record r;
    for (; record_at(f, at, end, &r); at = r.end) {
        if (same_name(&r, like)) {
            *out = r;
            found = true;
        }
    }
    return found;
}

static bool lives(const proa_flash *f, const record *r, uint32_t end)
{
    record later;
    return !r->removed && !find(f, r->end, end, r, &later);
}

static bool header_at(const proa_flash *f, uint32_t sector, header *h)
{
    get(f, sector, h, sizeof *h);
    return h->magic == MAGIC && h->crc == crc(0, h, sizeof *h - CRC_LEN);
}

static bool has_mark(const proa_flash *f, uint32_t at)
{
    return !is_erased(f, at, at + STEP);
}

/* ---- programming --------------------------------------------------------------------------- */

static const uint8_t zeros[STEP];

/* Writes in whole steps and reads back. After a failure it does nothing more. */
typedef struct pen {
    const proa_flash *flash;
    uint32_t at; /* of what is staged */
    uint32_t staged;
    bool failed;
    uint8_t stage[CHUNK];
} pen;

static pen pen_at(const proa_flash *f, uint32_t at)
{
    pen p = {.flash = f, .at = at};
    return p;
}

static void program(pen *p)
{
    const proa_flash *f = p->flash;
    uint8_t seen[CHUNK];
    p->failed = p->failed || f->program(f->ctx, p->at, p->stage, p->staged) != PROA_OK;
    if (!p->failed) {
        get(f, p->at, seen, p->staged);
        p->failed = memcmp(seen, p->stage, p->staged) != 0;
    }
    p->at += p->staged;
    p->staged = 0;
}

static void put(pen *p, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    while (len-- > 0) {
        p->stage[p->staged++] = *bytes++;
        if (p->staged == CHUNK) {
            program(p);
        }
    }
}

/* Fill the step with zeros; then the next one begins. */
static void align(pen *p)
{
    put(p, zeros, (0U - p->staged) % STEP);
    if (p->staged > 0) {
        program(p);
    }
}

/* Whatever stands before this is firm when this is begun. */
static void put_close(pen *p)
{
    align(p);
    put(p, zeros, STEP);
    align(p);
}

/* CRC of a record. Its blob comes from memory, or from where the record stands; with a pen it is
 * written as it is read. */
static uint32_t crc_of(const proa_flash *f, const record *r, const uint8_t *bytes, pen *copy)
{
    uint32_t sum = crc(crc(MAGIC, r->head, HEAD_LEN), r->name, r->name_len);
    for (uint32_t i = 0, len; i < r->blob_len; i += len) {
        uint8_t chunk[CHUNK];
        len = r->blob_len - i < CHUNK ? r->blob_len - i : CHUNK;
        if (bytes != NULL) {
            memcpy(chunk, bytes + i, len);
        } else {
            get(f, r->blob + i, chunk, len);
        }
        sum = crc(sum, chunk, len);
        if (copy != NULL) {
            put(copy, chunk, len);
        }
    }
    return sum;
}

static bool is_whole(const proa_flash *f, const record *r)
{
    return crc_of(f, r, NULL, NULL) == stored_crc(f, r);
}

/* Bits of a record in flash may read differently each time, so what is looked at is what was
 * written. */
static void put_record(pen *p, const record *r, const uint8_t *bytes)
{
    put(p, r->head, HEAD_LEN);
    put(p, r->name, r->name_len);
    align(p);
    uint32_t sum = crc_of(p->flash, r, bytes, p);
    p->failed = p->failed || (bytes == NULL && sum != stored_crc(p->flash, r));
    put(p, &sum, CRC_LEN);
    put_close(p);
}

static bool erase(proa_flash_store *s, uint32_t sector)
{
    const proa_flash *f = s->flash;
    if (f->erase(f->ctx, sector) != PROA_OK || !is_erased(f, sector, sector + f->sector_len)) {
        return false;
    }
    s->erased |= bit_of(f, sector);
    return true;
}

/* Zeros over a record that is dead: everything but its head and its name, by which others are
 * found. If it fails, the erase of the sector does it later. */
static void wipe(const proa_flash *f, const record *r)
{
    for (uint32_t at = r->blob; f->wipes && at < r->end - STEP; at += STEP) {
        (void)f->program(f->ctx, at, zeros, STEP);
    }
}

/* ---- moving -------------------------------------------------------------------------------- */

/* Copy what lives to an erased sector, with another record in place of one. */
static bool copy_to(proa_flash_store *s, uint32_t to, const record *change, const uint8_t *bytes)
{
    const proa_flash *f = s->flash;
    pen p = pen_at(f, to + LOG_BEGIN);
    record r;
    for (uint32_t at = s->sector + LOG_BEGIN; record_at(f, at, s->tail, &r); at = r.end) {
        if (lives(f, &r, s->tail) && !(change != NULL && same_name(&r, change)) &&
            is_whole(f, &r)) {
            put_record(&p, &r, NULL);
        }
    }
    if (change != NULL && !change->removed) {
        put_record(&p, change, bytes);
    }
    header h = {MAGIC, s->generation + 1, has_mark(f, s->sector + VOIDED), 0};
    uint32_t tail = p.at;
    p.at = to;
    h.crc = crc(0, &h, sizeof h - CRC_LEN);
    put(&p, &h, sizeof h);
    put_close(&p);
    if (!p.failed) {
        s->sector = to;
        s->generation++;
        s->tail = tail;
        s->live = tail - to - LOG_BEGIN;
    }
    return !p.failed;
}

/* Leave the sector for the next one. Nothing may be written to that before this one is erased, or
 * this one would be taken for the truth after a power failure; so until then it stays dirty. */
static proa_err move(proa_flash_store *s, const record *change, const uint8_t *bytes)
{
    const proa_flash *f = s->flash;
    uint32_t from = s->sector, to = next_sector(f, from);
    s->dirty = true;
    if ((s->erased & bit_of(f, to)) != 0 || erase(s, to)) {
        s->erased &= ~bit_of(f, to);
        s->dirty = !copy_to(s, to, change, bytes) || !erase(s, from);
    }
    return s->dirty ? PROA_E_IO : PROA_OK;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* Power failed in a move from the sector `old` to this one, which are both there: which one
 * counts? */
static void take_one(proa_flash_store *s, uint32_t old, bool is_second)
{
    const proa_flash *f = s->flash;
    bool is_void = !is_second && has_mark(f, old + VOIDED);
    bool taken = has_mark(f, s->sector + TAKEN) || (has_mark(f, s->sector + CLOSED) && !is_void);
    pen p = pen_at(f, taken ? s->sector + TAKEN : old + VOIDED);
    if (!has_mark(f, p.at)) {
        put_close(&p);
    }
    s->sector = taken ? s->sector : old;
}

/* The sector that counts; false if there is none. */
static bool choose_sector(proa_flash_store *s)
{
    const proa_flash *f = s->flash;
    header h, newest = {0};
    uint32_t sector = 0, before = f->sector_len * (f->sector_count - 1U), old = 0;
    do {
        if (header_at(f, sector, &h) &&
            (newest.magic != MAGIC || h.generation > newest.generation)) {
            newest = h;
            s->sector = sector;
            old = before;
        }
        before = sector;
        sector = next_sector(f, sector);
    } while (sector != 0);
    s->generation = newest.generation;
    if (newest.magic == MAGIC && header_at(f, old, &h)) {
        take_one(s, old, newest.is_second != 0);
    }
    return newest.magic == MAGIC;
}

/* Find the end of the log. True if a last record is not closed; it stands after the tail then. */
static bool find_tail(proa_flash_store *s, record *last)
{
    const proa_flash *f = s->flash;
    uint32_t at = s->sector + LOG_BEGIN, end = s->sector + f->sector_len;
    bool open = false,
         closed = has_mark(f, s->sector + CLOSED); /* the header, if there is no record */
    for (record r; record_at(f, at, end, &r); at = r.end) {
        *last = r;
        open = !has_mark(f, r.end - STEP);
        closed = true;
    }
    s->dirty = s->dirty || open || !closed || !is_erased(f, at, end);
    s->tail = open ? last->at : at;
    return open;
}

static bool erase_others(proa_flash_store *s)
{
    const proa_flash *f = s->flash;
    uint32_t sector = s->sector;
    while ((sector = next_sector(f, sector)) != s->sector) {
        if (!is_erased(f, sector, sector + f->sector_len) && !erase(s, sector)) {
            return false;
        }
    }
    return true;
}

/* Away from bits that nobody can rely on. */
static bool make_firm(proa_flash_store *s, bool is_open, const record *last)
{
    proa_err err = s->dirty ? PROA_E_IO : PROA_OK;
    for (int i = 0; err != PROA_OK && i < TRIES; i++) {
        err = move(s, is_open && is_whole(s->flash, last) ? last : NULL, NULL);
    }
    return err == PROA_OK;
}

/* Count what lives. What the last record replaced may not have been wiped; how it reads does not
 * tell. */
static void look_at_all(proa_flash_store *s)
{
    const proa_flash *f = s->flash;
    record r, later;
    s->live = 0;
    for (uint32_t at = s->sector + LOG_BEGIN; record_at(f, at, s->tail, &r); at = r.end) {
        if (!find(f, r.end, s->tail, &r, &later)) {
            s->live += r.removed ? 0 : r.end - r.at;
        } else if (later.end == s->tail) {
            wipe(f, &r);
        }
    }
}

proa_err proa_flash_store_open(proa_flash_store *s, const proa_flash *flash)
{
    record last;
    bool is_open = false;
    PROA_ASSERT((flash->unit == 1 || flash->unit == 2 || flash->unit == 4 || flash->unit == 8) &&
                flash->sector_count >= 2 && flash->sector_count <= 32 &&
                flash->sector_len >= 1024 && flash->sector_len % CHUNK == 0);
    memset(s, 0, sizeof *s);
    s->flash = flash;
    if (choose_sector(s)) {
        is_open = find_tail(s, &last);
    } else {
        s->tail = LOG_BEGIN; /* nothing, to be moved to the second sector */
        s->formatted = true;
        s->dirty = true;
    }
    if (!erase_others(s) || !make_firm(s, is_open, &last)) {
        return PROA_E_IO;
    }
    look_at_all(s);
    return PROA_OK;
}

/* ---- the store ----------------------------------------------------------------------------- */

/* A record to look for or to write. */
static void make_record(record *r, const char *name, size_t blob_len, bool removed)
{
    size_t len = strlen(name);
    PROA_ASSERT(len <= PROA_STORE_NAME_MAX && blob_len <= PROA_STORE_BLOB_MAX);
    memcpy(r->name, name, len);
    r->name_len = (uint8_t)len;
    r->blob_len = (uint16_t)blob_len;
    r->removed = removed;
    r->head[0] = (uint16_t)((removed ? REMOVED : 0) | len << 10 | blob_len);
    r->head[1] = check_of(r->head[0]);
    r->end = proa_flash_store_cost(len, blob_len);
}

static proa_err apply(proa_flash_store *s, const record *change, const uint8_t *bytes)
{
    const proa_flash *f = s->flash;
    uint32_t replaced = 0;
    record old;
    bool found = find(f, s->sector + LOG_BEGIN, s->tail, change, &old);
    if (found && !old.removed) {
        replaced = old.end - old.at;
    } else if (change->removed) {
        return PROA_OK;
    }
    if (!change->removed && s->live - replaced + change->end > proa_flash_store_room(f)) {
        return PROA_E_FULL;
    }
    pen p = pen_at(f, s->tail);
    if (!s->dirty && s->sector + f->sector_len - s->tail >= change->end) {
        put_record(&p, change, bytes);
        s->dirty = p.failed;
    } else {
        s->dirty = true;
    }
    if (s->dirty) {
        return move(s, change, bytes);
    }
    s->tail = p.at;
    s->live += (change->removed ? 0 : change->end) - replaced;
    if (found) {
        wipe(f, &old);
    }
    return PROA_OK;
}

static int read_blob(void *ctx, const char *name, uint8_t *buf, size_t cap)
{
    const proa_flash_store *s = ctx;
    const proa_flash *f = s->flash;
    record r, wanted;
    make_record(&wanted, name, 0, false);
    if (!find(f, s->sector + LOG_BEGIN, s->tail, &wanted, &r) || r.removed) {
        return PROA_E_NOT_FOUND;
    }
    if (!is_whole(f, &r)) {
        return PROA_E_IO;
    }
    if (r.blob_len > cap) {
        return PROA_E_NO_SPACE;
    }
    get(f, r.blob, buf, r.blob_len);
    return r.blob_len;
}

static proa_err write_blob(void *ctx, const char *name, proa_span blob)
{
    record r;
    make_record(&r, name, blob.len, false);
    return apply(ctx, &r, blob.len == 0 ? zeros : blob.data);
}

static proa_err remove_blob(void *ctx, const char *name)
{
    record r;
    make_record(&r, name, 0, true);
    return apply(ctx, &r, zeros);
}

proa_store proa_flash_store_port(proa_flash_store *s)
{
    proa_store store = {read_blob, write_blob, remove_blob, s};
    return store;
}
