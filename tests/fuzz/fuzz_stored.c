/* SPDX-License-Identifier: Apache-2.0 */
/* A device starts with a store that has been damaged, or written by somebody else.
 *
 * The blobs are real ones: those of a device that is host of one peer and requester of another. The input is a list of what is done to
 * them, so it stays worth something when their format changes:
 *
 *     which blob, 0, length, bytes     other contents
 *     which blob, 1, offset, byte      another byte
 *     which blob, 2, length            cut off; to nothing: not there
 *     which blob, 3, blob              contents of another one
 *     which blob, 4, number            a copy, in the place of that number */
#include <stdio.h>
#include <string.h>

#include "proa/assert.h"
#include "tests/c2c/world.h"

enum { LIFETIME_S = 86400, CHANGES_MAX = 32 };

static world w;
static world_blob real[WORLD_BLOBS];
static size_t real_count;

static void make_real_blobs(void)
{
    world_open(&w, 3);
    world_grant(&w, 1, 0, PROA_RIGHT_READ, LIFETIME_S);
    world_grant(&w, 0, 2, PROA_RIGHT_READ | PROA_RIGHT_WRITE, 400);
    memcpy(real, w.devices[0].blobs, sizeof real);
    while (real_count < WORLD_BLOBS && real[real_count].len > 0) {
        real_count++;
    }
    PROA_ASSERT(real_count >= 8);
    world_close(&w);
}

static world_blob *place_for(world_blob *blobs, const char *name)
{
    world_blob *free_place = NULL;
    for (size_t i = 0; i < WORLD_BLOBS; i++) {
        if (blobs[i].len > 0 && strcmp(blobs[i].name, name) == 0) {
            return &blobs[i];
        }
        free_place = free_place == NULL && blobs[i].len == 0 ? &blobs[i] : free_place;
    }
    return free_place;
}

/* "c2c.k0" as "c2c.k7". */
static void copy_to_number(world_blob *blobs, const world_blob *from, unsigned number)
{
    world_blob copy = *from;
    size_t at = strcspn(copy.name, "0123456789");
    at = strncmp(copy.name, "c2c.", 4) == 0 ? 5 : at;
    snprintf(copy.name + at, sizeof copy.name - at, "%u", number);
    world_blob *to = place_for(blobs, copy.name);
    if (to != NULL) {
        *to = copy;
    }
}

static void change(world_blob *blobs, proa_reader *r)
{
    world_blob *blob = &blobs[proa_read_u8(r) % real_count];
    uint8_t how = proa_read_u8(r);
    if (how == 0) {
        size_t len = proa_read_u16(r) % (PROA_STORE_BLOB_MAX + 1U);
        size_t left = proa_reader_left(r);
        proa_span bytes = proa_read_span(r, len < left ? len : left);
        blob->len = bytes.len;
        memcpy(blob->bytes, bytes.len > 0 ? bytes.data : blob->bytes, bytes.len);
    } else if (how == 1) {
        size_t at = proa_read_u8(r);
        blob->bytes[at % sizeof blob->bytes] = proa_read_u8(r);
    } else if (how == 2) {
        size_t len = proa_read_u8(r);
        blob->len = len < blob->len ? len : blob->len;
    } else if (how == 3) {
        const world_blob *other = &blobs[proa_read_u8(r) % real_count];
        memmove(blob->bytes, other->bytes, sizeof blob->bytes);
        blob->len = other->len;
    } else {
        copy_to_number(blobs, blob, proa_read_u8(r));
    }
}

static size_t count_peers(const world_device *d)
{
    proa_c2c_peer peer;
    size_t count = 0;
    while (proa_c2c_peer_at(d->c2c, w.now_ms, count, &peer)) {
        PROA_ASSERT(memchr(peer.endpoint, '\0', sizeof peer.endpoint) != NULL);
        PROA_ASSERT(memchr(peer.uri, '\0', sizeof peer.uri) != NULL);
        count++;
    }
    PROA_ASSERT(count <= WORLD_PEERS);
    return count;
}

static void live(world_device *d, uint64_t ms)
{
    world_run(&w, ms);
    if (w.ac != 0) {
        world_answer_ac(&w, PROA_COAP_FORBIDDEN, NULL);
    }
    world_forget_events(&w);
    (void)count_peers(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    proa_reader r = proa_reader_make(proa_span_make(data, len));
    if (real_count == 0) {
        make_real_blobs();
    }
    world_open(&w, 1);
    world_device *d = &w.devices[0];
    memcpy(d->blobs, real, sizeof real);
    for (int i = 0; proa_reader_left(&r) > 0 && i < CHANGES_MAX; i++) {
        change(d->blobs, &r);
    }
    world_reboot(&w, 0);
    world_forget_events(&w);
    size_t before = count_peers(d);
    PROA_ASSERT(len > 0 || before == 2);
    (void)world_server(&w, 0, PROA_COAP_GET, "/11001", NULL);
    (void)world_server(&w, 0, PROA_COAP_GET, "/11002", NULL);
    (void)world_ask(&w, 0, 0, PROA_OP_READ);
    live(d, 2000);
    world_stranger(&w, 0, "40011234b4333331310130");
    w.reply_count = 0;
    live(d, 2000);
    world_reboot(&w, 0); /* now with what it made of it */
    world_forget_events(&w);
    PROA_ASSERT(count_peers(d) <= before);
    live(d, 450000); /* until what lives 400 s is over */
    world_close(&w);
    return 0;
}
