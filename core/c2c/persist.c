/* SPDX-License-Identifier: Apache-2.0 */
/* What survives a reboot: a blob for each instance of 11000, 11001 and 11002, named by its place
 * ("c2c.k0", "c2c.p0", "c2c.a0"), replaced as a whole.
 *
 * The remaining lifetime is stored with the peer each time another 5 % of it are gone. What is read
 * at boot may therefore be up to one such step too much, so one step is taken off, and the result
 * is stored at once: otherwise a device that reboots again and again would never get past the same
 * step. Time that passes while the device is off is not counted; only this device's own running
 * seconds are.
 *
 * Keys and lifetimes lie in different blobs, because the second is written often. A blob that
 * cannot be read, or does not fit the limits of today, is as good as none: that half of the
 * account is missing, and half an account is inert. */
#include "core/c2c/c2c_internal.h"

#include <string.h>

#define FORMAT 1

typedef struct blob_name {
    char text[PROA_STORE_NAME_MAX];
} blob_name;

static blob_name name_of(char kind, size_t place)
{
    blob_name name = {{0}};
    proa_writer w = proa_writer_make(name.text, sizeof(name.text));
    proa_write_text(&w, "c2c.");
    proa_write_u8(&w, (uint8_t)kind);
    proa_write_decimal(&w, (int64_t)place);
    proa_write_u8(&w, 0);
    return name;
}

static proa_err put(proa_c2c *c, char kind, size_t place, const proa_writer *w)
{
    if (c->store.write == NULL) {
        return PROA_OK;
    }
    if (w->err != PROA_OK) {
        return w->err;
    }
    blob_name name = name_of(kind, place);
    return c->store.write(c->store.ctx, name.text, proa_writer_span(w));
}

static void forget(proa_c2c *c, char kind, size_t place)
{
    if (c->store.remove != NULL) {
        blob_name name = name_of(kind, place);
        /* A medium that cannot forget is caught at boot: the halves no longer fit. There is
         * nobody to tell here. */
        (void)c->store.remove(c->store.ctx, name.text);
    }
}

static proa_reader get(proa_c2c *c, char kind, size_t place, uint8_t *buf, size_t cap)
{
    proa_reader r = proa_reader_make(proa_span_make(NULL, 0));
    blob_name name = name_of(kind, place);
    int len =
        c->store.read == NULL ? PROA_E_NOT_FOUND : c->store.read(c->store.ctx, name.text, buf, cap);
    if (len <= 0) {
        r.err = PROA_E_NOT_FOUND;
        return r;
    }
    r = proa_reader_make(proa_span_make(buf, (size_t)len));
    if (proa_read_u8(&r) != FORMAT) {
        r.err = PROA_E_UNSUPPORTED;
    }
    return r;
}

/* True if everything was there and nothing is left over. */
static bool whole(const proa_reader *r)
{
    return r->err == PROA_OK && proa_reader_left(r) == 0;
}

static void write_short(proa_writer *w, const void *data, uint8_t len)
{
    proa_write_u8(w, len);
    proa_write_bytes(w, data, len);
}

static uint8_t read_short(proa_reader *r, void *out, size_t cap)
{
    uint8_t len = proa_read_u8(r);
    proa_span span = proa_read_span(r, len);
    if (span.len > cap) {
        r->err = PROA_E_TOO_LARGE;
        return 0;
    }
    if (span.len > 0) {
        memcpy(out, span.data, span.len);
    }
    return (uint8_t)span.len;
}

/* ---- keys ------------------------------------------------------------------------------- */

proa_err proa__c2c_store_key(proa_c2c *c, const proa__key *key)
{
    uint8_t buf[PROA_STORE_BLOB_MAX];
    proa_writer w = proa_writer_make(buf, sizeof(buf));
    proa_write_u8(&w, FORMAT);
    proa_write_u16(&w, key->instance);
    proa_write_u16(&w, key->generation);
    proa_write_u16(&w, key->short_id);
    proa_write_u16(&w, key->owner);
    proa_write_u8(&w, key->mode);
    write_short(&w, key->uri, key->uri_len);
    write_short(&w, key->identity, key->identity_len);
    write_short(&w, key->secret, key->secret_len);
    proa_err err = put(c, 'k', (size_t)(key - c->keys), &w);
    proa_wipe(buf, sizeof(buf));
    return err;
}

static void load_key(proa_c2c *c, proa__key *key)
{
    uint8_t buf[PROA_STORE_BLOB_MAX];
    proa_reader r = get(c, 'k', (size_t)(key - c->keys), buf, sizeof(buf));
    if (r.err == PROA_OK) {
        key->instance = proa_read_u16(&r);
        key->generation = proa_read_u16(&r);
        key->short_id = proa_read_u16(&r);
        key->owner = proa_read_u16(&r);
        key->mode = proa_read_u8(&r);
        key->uri_len = read_short(&r, key->uri, sizeof(key->uri));
        key->identity_len = read_short(&r, key->identity, sizeof(key->identity));
        key->secret_len = read_short(&r, key->secret, sizeof(key->secret));
        key->oscore = (proa_objlink){PROA_ID_ALL, PROA_ID_ALL};
        if (whole(&r)) {
            key->slot = PROA__SLOT_LIVE;
            if (proa__c2c_newer(key->generation, c->generation)) {
                c->generation = key->generation;
            }
        } else {
            proa__c2c_free_key(key);
        }
    }
    proa_wipe(buf, sizeof(buf));
}

void proa__c2c_forget_key(proa_c2c *c, const proa__key *key)
{
    forget(c, 'k', (size_t)(key - c->keys));
}

/* ---- peers ------------------------------------------------------------------------------ */

uint32_t proa__c2c_step_s(uint32_t lifetime_s)
{
    return lifetime_s < 20 ? 1 : lifetime_s / 20;
}

proa_err proa__c2c_store_peer(proa_c2c *c, const proa__peer *peer)
{
    uint8_t buf[PROA_STORE_BLOB_MAX];
    proa_writer w = proa_writer_make(buf, sizeof(buf));
    proa_write_u8(&w, FORMAT);
    proa_write_u16(&w, peer->instance);
    proa_write_u16(&w, peer->short_id);
    proa_write_u16(&w, peer->owner);
    proa_write_u32(&w, peer->lifetime_s);
    proa_write_u32(&w, proa__c2c_left_s(peer, c->now_ms));
    proa_write_u32(&w, peer->pmin_s);
    proa_write_u32(&w, peer->pmax_s);
    proa_write_u32(&w, peer->disable_s);
    proa_write_u32(&w, peer->uses);
    proa_write_u8(&w, (uint8_t)((peer->storing ? 1 : 0) | (peer->used ? 2 : 0)));
    write_short(&w, peer->binding, peer->binding_len);
    write_short(&w, peer->endpoint, peer->endpoint_len);
    return put(c, 'p', (size_t)(peer - c->peers), &w);
}

static void load_peer(proa_c2c *c, proa__peer *peer)
{
    uint8_t buf[PROA_STORE_BLOB_MAX];
    proa_reader r = get(c, 'p', (size_t)(peer - c->peers), buf, sizeof(buf));
    if (r.err != PROA_OK) {
        return;
    }
    peer->instance = proa_read_u16(&r);
    peer->short_id = proa_read_u16(&r);
    peer->owner = proa_read_u16(&r);
    peer->lifetime_s = proa_read_u32(&r);
    peer->left_s = proa_read_u32(&r);
    peer->pmin_s = proa_read_u32(&r);
    peer->pmax_s = proa_read_u32(&r);
    peer->disable_s = proa_read_u32(&r);
    peer->uses = proa_read_u32(&r);
    uint8_t flags = proa_read_u8(&r);
    peer->binding_len = read_short(&r, peer->binding, sizeof(peer->binding));
    peer->endpoint_len = read_short(&r, peer->endpoint, sizeof(peer->endpoint));
    if (!whole(&r)) {
        memset(peer, 0, sizeof(*peer));
        return;
    }
    uint32_t step_s = proa__c2c_step_s(peer->lifetime_s);
    peer->storing = (flags & 1) != 0;
    peer->used = (flags & 2) != 0;
    peer->left_s = peer->left_s > step_s ? peer->left_s - step_s : 0;
    peer->lifetime_new = true; /* counts from the first run on */
    peer->slot = PROA__SLOT_LIVE;
    if (proa__c2c_store_peer(c, peer) != PROA_OK) {
        proa__c2c_forget_peer(c, peer);
    }
}

void proa__c2c_forget_peer(proa_c2c *c, const proa__peer *peer)
{
    forget(c, 'p', (size_t)(peer - c->peers));
}

/* ---- access lists ----------------------------------------------------------------------- */

proa_err proa__c2c_store_access(proa_c2c *c, const proa__access *access)
{
    uint8_t buf[PROA_STORE_BLOB_MAX];
    proa_writer w = proa_writer_make(buf, sizeof(buf));
    proa_write_u8(&w, FORMAT);
    proa_write_u16(&w, access->instance);
    proa_write_u16(&w, access->object);
    proa_write_u16(&w, access->object_instance);
    proa_write_u16(&w, access->owner);
    proa_write_u16(&w, access->acl_count);
    for (uint16_t i = 0; i < access->acl_count; i++) {
        proa_write_u16(&w, access->acl[i].short_id);
        proa_write_u8(&w, access->acl[i].rights);
    }
    return put(c, 'a', (size_t)(access - c->accesses), &w);
}

static void load_access(proa_c2c *c, proa__access *access)
{
    uint8_t buf[PROA_STORE_BLOB_MAX];
    proa_reader r = get(c, 'a', (size_t)(access - c->accesses), buf, sizeof(buf));
    if (r.err != PROA_OK) {
        return;
    }
    access->instance = proa_read_u16(&r);
    access->object = proa_read_u16(&r);
    access->object_instance = proa_read_u16(&r);
    access->owner = proa_read_u16(&r);
    uint16_t count = proa_read_u16(&r);
    if (count > c->acl_max) {
        return;
    }
    for (uint16_t i = 0; i < count; i++) {
        access->acl[i].short_id = proa_read_u16(&r);
        access->acl[i].rights = (uint8_t)(proa_read_u8(&r) & PROA_RIGHTS_ALL);
    }
    if (whole(&r) && !proa__c2c_closed(access->object)) {
        access->acl_count = count;
        access->has_instance = true;
        access->slot = PROA__SLOT_LIVE;
    }
}

void proa__c2c_forget_access(proa_c2c *c, const proa__access *access)
{
    forget(c, 'a', (size_t)(access - c->accesses));
}

/* Rights whose peer is not there any more must not wait for the next owner of its number. */
static void drop_orphans(proa_c2c *c)
{
    for (uint16_t i = 0; i < c->limits.access_max; i++) {
        proa__access *access = &c->accesses[i];
        for (uint16_t n = access->slot == PROA__SLOT_LIVE ? access->acl_count : 0; n > 0; n--) {
            uint16_t short_id = n <= access->acl_count ? access->acl[n - 1].short_id : 0;
            if (short_id != 0 && proa__c2c_peer(c, short_id) == NULL) {
                proa__c2c_drop_rights(c, short_id);
            }
        }
    }
}

void proa__c2c_load(proa_c2c *c)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        load_key(c, &c->keys[i]);
        load_peer(c, &c->peers[i]);
    }
    for (uint16_t i = 0; i < c->limits.access_max; i++) {
        load_access(c, &c->accesses[i]);
    }
    drop_orphans(c);
    c->dirty = true;
}
