/* SPDX-License-Identifier: Apache-2.0 */
/* What objects 21, 11000, 11001 and 11002 look like on the way to and from a device: TLV with the
 * resources in ascending order, as docs/C2C.md has it; and a whole account in CBOR. This file knows
 * resource numbers and nothing about why something is written.
 *
 * Reading takes any format the payload reader knows: a device may answer in another than asked. */
#include <string.h>

#include "server/app/state.h"

enum {
    SECURITY_URI = 0,
    SECURITY_MODE = 2,
    SECURITY_IDENTITY = 3,
    SECURITY_KEY = 5,
    SECURITY_SHORT_ID = 10,
    SECURITY_OSCORE = 17,
    CONTEXT_SECRET = 0,
    CONTEXT_SENDER_ID = 1,
    CONTEXT_RECIPIENT_ID = 2,
    CONTEXT_AEAD = 3,
    CONTEXT_HMAC = 4,
    CONTEXT_SALT = 5,
    CLIENT_SHORT_ID = 0,
    CLIENT_LIFETIME = 1,
    CLIENT_PMIN = 2,
    CLIENT_PMAX = 3,
    CLIENT_STORING = 6,
    CLIENT_BINDING = 7,
    CLIENT_ENDPOINT = 9,
    CLIENT_USES = 26241,     /* vendor resources, docs/C2C.md */
    CLIENT_LAST_USE = 26242, /* seconds ago */
    ACCESS_OBJECT = 0,
    ACCESS_INSTANCE = 1,
    ACCESS_ACL = 2,
    ACCESS_OWNER = 3
};

/* COSE algorithms (RFC 9053): AES-CCM-16-64-128, which every OSCORE peer has (RFC 8613 §3.2), and
 * direct+HKDF-SHA-256. */
#define AEAD_AES_CCM_16_64_128 10
#define HKDF_SHA_256 (-10)

/* 11000/x/2: with OSCORE there is no transport security, and 17 says what there is instead. */
#define MODE_PSK 0
#define MODE_NOSEC 3

/* Default Maximum Period of a peer: a sign of life once a day. No minimum: a peer gets each
 * change. */
#define PMAX_S 86400

/* ---- writing ---------------------------------------------------------------------------- */

/* The payload writer's errors stick to the byte writer; proa__job_run looks there. */
static void add(proa_payload_writer *p, uint16_t resource, proa_value value)
{
    proa_record record = {p->base, value};
    record.path.depth = 3;
    record.path.ids[2] = resource;
    if (proa_payload_add(p, &record) != PROA_OK && p->w->err == PROA_OK) {
        p->w->err = PROA_E_FORMAT;
    }
}

static void add_acl(proa_payload_writer *p, const proa__fix *fix)
{
    /* The list of a multiple resource goes by ascending short id. */
    uint32_t last = 0;
    for (uint8_t n = 0; n < fix->count; n++) {
        const proa__acl *next = NULL;
        for (uint8_t i = 0; i < fix->count; i++) {
            if ((n == 0 || fix->acl[i].short_id > last) &&
                (next == NULL || fix->acl[i].short_id < next->short_id)) {
                next = &fix->acl[i];
            }
        }
        if (next == NULL) {
            return;
        }
        last = next->short_id;
        proa_record record = {p->base, proa_value_integer(next->rights)};
        record.path.depth = 4;
        record.path.ids[2] = ACCESS_ACL;
        record.path.ids[3] = next->short_id;
        if (proa_payload_add(p, &record) != PROA_OK && p->w->err == PROA_OK) {
            p->w->err = PROA_E_FORMAT;
        }
    }
}

/* A Create names no instance, so its resources stand alone, as in a write to an instance. */
static bool begin(proa_payload_writer *p, proa_writer *w, uint8_t depth, uint16_t object,
                  uint16_t instance, uint16_t resource)
{
    proa_path base = proa_path_make(depth, object, instance, resource);
    return proa_payload_begin(p, w, PROA_FORMAT_TLV, &base) == PROA_OK;
}

static void end(proa_payload_writer *p)
{
    if (proa_payload_end(p) != PROA_OK && p->w->err == PROA_OK) {
        p->w->err = PROA_E_FORMAT;
    }
}

void proa__wire_client(proa_writer *w, uint16_t short_id, uint32_t lifetime_s, proa_span endpoint)
{
    proa_payload_writer p;
    if (begin(&p, w, 2, PROA_OBJECT_CLIENT, 0, 0)) {
        add(&p, CLIENT_SHORT_ID, proa_value_integer(short_id));
        add(&p, CLIENT_LIFETIME, proa_value_integer(lifetime_s));
        add(&p, CLIENT_PMIN, proa_value_integer(0));
        add(&p, CLIENT_PMAX, proa_value_integer(PMAX_S));
        add(&p, CLIENT_STORING, proa_value_boolean(false));
        add(&p, CLIENT_BINDING, proa_value_string(proa_span_of("U")));
        add(&p, CLIENT_ENDPOINT, proa_value_string(endpoint));
        end(&p);
    }
}

void proa__wire_security(proa_writer *w, proa_span uri, const uint8_t *identity, const uint8_t *key,
                         uint16_t context, uint16_t short_id)
{
    proa_payload_writer p;
    if (begin(&p, w, 2, PROA_OBJECT_CLIENT_SECURITY, 0, 0)) {
        if (uri.len > 0) {
            add(&p, SECURITY_URI, proa_value_string(uri));
        }
        add(&p, SECURITY_MODE, proa_value_integer(key != NULL ? MODE_PSK : MODE_NOSEC));
        add(&p, SECURITY_IDENTITY,
            proa_value_opaque(proa_span_make(identity, PROA_GRANT_IDENTITY_LEN)));
        if (key != NULL) {
            add(&p, SECURITY_KEY, proa_value_opaque(proa_span_make(key, PROA_GRANT_KEY_LEN)));
        }
        add(&p, SECURITY_SHORT_ID, proa_value_integer(short_id));
        if (key == NULL) {
            add(&p, SECURITY_OSCORE, proa_value_link(PROA_OBJECT_OSCORE, context));
        }
        end(&p);
    }
}

void proa__wire_context(proa_writer *w, const proa__job *job, const uint8_t *sender_id,
                        const uint8_t *recipient_id)
{
    proa_payload_writer p;
    if (begin(&p, w, 2, PROA_OBJECT_OSCORE, 0, 0)) {
        add(&p, CONTEXT_SECRET, proa_value_opaque(proa_span_make(job->key, sizeof job->key)));
        add(&p, CONTEXT_SENDER_ID,
            proa_value_opaque(proa_span_make(sender_id, PROA_GRANT_SENDER_ID_LEN)));
        add(&p, CONTEXT_RECIPIENT_ID,
            proa_value_opaque(proa_span_make(recipient_id, PROA_GRANT_SENDER_ID_LEN)));
        add(&p, CONTEXT_AEAD, proa_value_integer(AEAD_AES_CCM_16_64_128));
        add(&p, CONTEXT_HMAC, proa_value_integer(HKDF_SHA_256));
        if (!proa__job_is_compact(job, PROA__HOST) && !proa__job_is_compact(job, PROA__REQUESTER)) {
            add(&p, CONTEXT_SALT, proa_value_opaque(proa_span_make(job->salt, sizeof job->salt)));
        }
        end(&p);
    }
}

static void put_bytes(proa_account_body *body, unsigned key, const uint8_t *bytes, size_t len)
{
    body->values[key] = proa_value_opaque(proa_span_make(bytes, len));
}

static void put_rights(proa_account_body *body, const proa_grant *g)
{
    for (uint8_t i = 0; i < g->entry_count; i++) {
        const proa_grant_entry *e = &g->entries[i];
        body->rights.entries[body->rights.count++] =
            (proa_ac_entry){e->object, e->instance, e->rights};
    }
}

/* No periods: the device's defaults are ours (docs/C2C.md §5). No salt: the Master Secret is random
 * and new, and that is what a salt could make of another. */
void proa__wire_account(proa_writer *w, const proa__job *job, uint8_t side, uint32_t lifetime_s,
                        const proa_addr *at)
{
    const proa_grant *g = &job->grant->g;
    uint8_t address[PROA_ACCOUNT_ADDRESS_LEN_MAX];
    proa_account_body body;
    bool is_host = side == PROA__HOST;
    const uint8_t *sender_id = is_host ? g->host_sender_id : g->requester_sender_id;
    const uint8_t *recipient_id = is_host ? g->requester_sender_id : g->host_sender_id;
    memset(&body, 0, sizeof body);
    body.values[PROA_ACCOUNT_SHORT_ID] =
        proa_value_integer(is_host ? g->requester_short_id : g->host_short_id);
    body.values[PROA_ACCOUNT_LIFETIME] = proa_value_integer(lifetime_s);
    body.values[PROA_ACCOUNT_ENDPOINT] =
        proa_value_string(proa_span_of(is_host ? g->requester : g->host));
    put_bytes(&body, PROA_ACCOUNT_SECRET, job->key, sizeof job->key);
    if (g->security == PROA_PEER_SECURITY_OSCORE) {
        put_bytes(&body, PROA_ACCOUNT_SENDER_ID, sender_id, PROA_GRANT_SENDER_ID_LEN);
        put_bytes(&body, PROA_ACCOUNT_RECIPIENT_ID, recipient_id, PROA_GRANT_SENDER_ID_LEN);
    } else {
        put_bytes(&body, PROA_ACCOUNT_IDENTITY, g->identity, sizeof g->identity);
    }
    if (job->host_awaits && (is_host || at != NULL)) {
        body.values[PROA_ACCOUNT_FIRST] = proa_value_integer(1);
    }
    if (at != NULL) {
        proa_account_body_put_address(&body, at, address);
    }
    if (is_host) {
        put_rights(&body, g);
    }
    (void)!proa_account_body_write(w, &body); /* its error is the writer's */
}

void proa__wire_access(proa_writer *w, const proa__fix *fix)
{
    proa_payload_writer p;
    if (begin(&p, w, 2, PROA_OBJECT_CLIENT_ACCESS, 0, 0)) {
        add(&p, ACCESS_OBJECT, proa_value_integer(fix->object));
        add(&p, ACCESS_INSTANCE, proa_value_integer(fix->target));
        add_acl(&p, fix);
        /* A device of ours sets the owner itself; others want a number other than 0. */
        add(&p, ACCESS_OWNER, proa_value_integer(1));
        end(&p);
    }
}

void proa__wire_acl(proa_writer *w, const proa__fix *fix)
{
    proa_payload_writer p;
    if (begin(&p, w, 3, PROA_OBJECT_CLIENT_ACCESS, fix->instance, ACCESS_ACL)) {
        add_acl(&p, fix);
        end(&p);
    }
}

void proa__wire_lifetime(proa_writer *w, uint16_t instance, uint32_t lifetime_s)
{
    proa_payload_writer p;
    if (begin(&p, w, 3, PROA_OBJECT_CLIENT, instance, CLIENT_LIFETIME)) {
        add(&p, CLIENT_LIFETIME, proa_value_integer(lifetime_s));
        end(&p);
    }
}

void proa__wire_uri(proa_writer *w, uint16_t instance, proa_span uri)
{
    proa_payload_writer p;
    if (begin(&p, w, 3, PROA_OBJECT_CLIENT_SECURITY, instance, SECURITY_URI)) {
        add(&p, SECURITY_URI, proa_value_string(uri));
        end(&p);
    }
}

/* ---- reading ---------------------------------------------------------------------------- */

/* A number, typed or as the raw big-endian bytes of TLV; false if it is none. */
static bool number(const proa_value *value, int64_t *out)
{
    if (value->type == PROA_TYPE_INTEGER || value->type == PROA_TYPE_TIME) {
        *out = value->as.integer;
        return true;
    }
    if (value->type == PROA_TYPE_UNSIGNED) {
        *out = (int64_t)value->as.unsigned_integer;
        return value->as.unsigned_integer <= INT64_MAX;
    }
    size_t len = value->as.bytes.len;
    if (value->type != PROA_TYPE_NONE || (len != 1 && len != 2 && len != 4 && len != 8)) {
        return false;
    }
    uint64_t bits = value->as.bytes.data[0] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | value->as.bytes.data[i];
    }
    *out = (int64_t)bits;
    return true;
}

static bool id_of(const proa_value *value, int64_t max, uint16_t *out)
{
    int64_t n;
    if (!number(value, &n) || n < 0 || n > max) {
        return false;
    }
    *out = (uint16_t)n;
    return true;
}

static bool bytes_of(const proa_value *value, uint8_t *out, size_t cap, uint8_t *len)
{
    if (value->type != PROA_TYPE_NONE && value->type != PROA_TYPE_STRING &&
        value->type != PROA_TYPE_OPAQUE && value->type != PROA_TYPE_CORELINK) {
        return false;
    }
    if (value->as.bytes.len > cap) {
        return false;
    }
    if (value->as.bytes.len > 0) {
        memcpy(out, value->as.bytes.data, value->as.bytes.len);
    }
    *len = (uint8_t)value->as.bytes.len;
    return true;
}

static bool take_security(proa__row *row, const proa_record *record)
{
    switch (record->path.ids[2]) {
    case SECURITY_URI:
        return bytes_of(&record->value, row->uri, sizeof row->uri, &row->uri_len);
    case SECURITY_IDENTITY:
        return bytes_of(&record->value, row->identity, sizeof row->identity, &row->identity_len);
    case SECURITY_SHORT_ID:
        return id_of(&record->value, PROA_ID_MAX, &row->short_id);
    default:
        return true;
    }
}

static bool take_client(proa__row *row, const proa_record *record)
{
    int64_t n;
    switch (record->path.ids[2]) {
    case CLIENT_SHORT_ID:
        return id_of(&record->value, PROA_ID_MAX, &row->short_id);
    case CLIENT_ENDPOINT:
        return bytes_of(&record->value, row->endpoint, sizeof row->endpoint, &row->endpoint_len);
    case CLIENT_USES:
        row->has_uses = number(&record->value, &n) && n >= 0 && n <= (int64_t)UINT32_MAX;
        row->uses = row->has_uses ? (uint32_t)n : 0;
        return true;
    case CLIENT_LAST_USE:
        row->last_use_s_ago = number(&record->value, &n) && n >= 0 ? n : -1;
        return true;
    default:
        return true;
    }
}

static bool take_access(proa__row *row, const proa_record *record)
{
    uint16_t rights = 0;
    switch (record->path.ids[2]) {
    case ACCESS_OBJECT:
        return id_of(&record->value, PROA_ID_ALL, &row->object);
    case ACCESS_INSTANCE:
        return id_of(&record->value, PROA_ID_ALL, &row->target);
    case ACCESS_ACL:
        if (record->path.depth != 4 || row->acl_count == PROA__ACL_MAX ||
            !id_of(&record->value, 255, &rights)) {
            return false;
        }
        row->acl[row->acl_count].short_id = record->path.ids[3];
        row->acl[row->acl_count++].rights = (uint8_t)rights;
        return true;
    default:
        return true;
    }
}

bool proa__rows_begin(proa__rows *rows, const proa_path *base, const proa__answer *answer)
{
    proa_span nothing = {NULL, 0};
    bool is_empty = answer->code == PROA_COAP_NOT_FOUND || answer->payload.len == 0;
    memset(rows, 0, sizeof *rows);
    if (proa_payload_read(&rows->reader, is_empty ? PROA_FORMAT_TLV : answer->format, base,
                          is_empty ? nothing : answer->payload, NULL, NULL) != PROA_OK) {
        return false;
    }
    rows->has_ahead = proa_payload_next(&rows->reader, &rows->ahead);
    return true;
}

bool proa__rows_next(proa__rows *rows, proa__row *row)
{
    if (!rows->has_ahead || rows->bad) {
        return false;
    }
    memset(row, 0, sizeof *row);
    row->last_use_s_ago = -1;
    row->instance = rows->ahead.path.ids[1];
    while (rows->has_ahead && rows->ahead.path.ids[1] == row->instance && !rows->bad) {
        uint16_t object = rows->ahead.path.ids[0];
        bool ok = object == PROA_OBJECT_CLIENT_SECURITY ? take_security(row, &rows->ahead)
                  : object == PROA_OBJECT_CLIENT        ? take_client(row, &rows->ahead)
                                                        : take_access(row, &rows->ahead);
        rows->bad = !ok;
        rows->has_ahead = proa_payload_next(&rows->reader, &rows->ahead);
    }
    return !rows->bad;
}

bool proa__rows_ok(const proa__rows *rows)
{
    return !rows->bad && rows->reader.err == PROA_OK;
}
