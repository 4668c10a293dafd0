/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of an account in one message: {0: short id, 1: lifetime, 2: "name", ...}.
 *
 * Which key has which kind of value is said in one table, from which reading and writing follow.
 * That the encoding is the only one for its content is seen by its length: whoever writes a head
 * longer than needed, or an indefinite length, needs more bytes than the shortest encoding has. */
#include "core/c2c/account_body.h"

#include <string.h>

#include "proa/codec/cbor.h"
#include "proa/lwm2m.h"

#define BIT(key) (1U << (key))
#define ALWAYS                                                                              \
    (BIT(PROA_ACCOUNT_SHORT_ID) | BIT(PROA_ACCOUNT_LIFETIME) | BIT(PROA_ACCOUNT_ENDPOINT) | \
     BIT(PROA_ACCOUNT_SECRET))
#define DTLS BIT(PROA_ACCOUNT_IDENTITY)
#define DTLS_MAY BIT(PROA_ACCOUNT_FIRST)
#define OSCORE (BIT(PROA_ACCOUNT_SENDER_ID) | BIT(PROA_ACCOUNT_RECIPIENT_ID))
#define OSCORE_MAY (BIT(PROA_ACCOUNT_SALT) | BIT(PROA_ACCOUNT_AEAD) | BIT(PROA_ACCOUNT_HMAC))

/* Rights have a form of their own. */
static const uint8_t types[PROA_ACCOUNT_KEYS] = {
    [PROA_ACCOUNT_SHORT_ID] = PROA_TYPE_INTEGER,    [PROA_ACCOUNT_LIFETIME] = PROA_TYPE_INTEGER,
    [PROA_ACCOUNT_ENDPOINT] = PROA_TYPE_STRING,     [PROA_ACCOUNT_IDENTITY] = PROA_TYPE_OPAQUE,
    [PROA_ACCOUNT_SECRET] = PROA_TYPE_OPAQUE,       [PROA_ACCOUNT_SENDER_ID] = PROA_TYPE_OPAQUE,
    [PROA_ACCOUNT_RECIPIENT_ID] = PROA_TYPE_OPAQUE, [PROA_ACCOUNT_ADDRESS] = PROA_TYPE_OPAQUE,
    [PROA_ACCOUNT_RIGHTS] = PROA_TYPE_NONE,         [PROA_ACCOUNT_PMIN] = PROA_TYPE_INTEGER,
    [PROA_ACCOUNT_PMAX] = PROA_TYPE_INTEGER,        [PROA_ACCOUNT_SALT] = PROA_TYPE_OPAQUE,
    [PROA_ACCOUNT_AEAD] = PROA_TYPE_INTEGER,        [PROA_ACCOUNT_HMAC] = PROA_TYPE_INTEGER,
    [PROA_ACCOUNT_FIRST] = PROA_TYPE_INTEGER,
};

/* The shortest head for an argument (RFC 8949 §3). */
static size_t head_len(uint64_t argument)
{
    return argument < 24 ? 1 : argument <= UINT8_MAX ? 2 : argument <= UINT16_MAX ? 3 : 5;
}

static size_t entry_len(const proa_ac_entry *entry)
{
    return 1 + head_len(entry->object) +
           (entry->instance == PROA_ID_ALL ? 0 : head_len(entry->instance)) +
           head_len(entry->rights);
}

static uint32_t path_of(const proa_ac_entry *entry)
{
    return (uint32_t)entry->object << 16 | entry->instance;
}

/* ---- reading ---------------------------------------------------------------------------- */

/* The rights, and how long they are at least. */
static size_t read_rights(proa_cbor_reader *c, proa_ac_body *rights)
{
    size_t len = 1;
    if (proa_ac_body_parse(proa_cbor_skip(c), rights) != PROA_OK) {
        c->err = PROA_E_FORMAT;
        return 0;
    }
    for (uint8_t i = 0; i < rights->count; i++) {
        if (i > 0 && path_of(&rights->entries[i]) <= path_of(&rights->entries[i - 1])) {
            c->err = PROA_E_FORMAT;
        }
        len += entry_len(&rights->entries[i]);
    }
    return len;
}

/* The value of a key, and how long it is at least. */
static size_t read_value(proa_cbor_reader *c, unsigned key, proa_account_body *out)
{
    proa_value *value = &out->values[key];
    value->type = (proa_type)types[key];
    if (value->type == PROA_TYPE_NONE) {
        return read_rights(c, &out->rights);
    }
    if (value->type == PROA_TYPE_INTEGER) {
        int64_t number = proa_cbor_read_int(c);
        if (number > UINT32_MAX || number < INT32_MIN) {
            c->err = PROA_E_FORMAT;
        }
        value->as.integer = number;
        return head_len((uint64_t)(number < 0 ? -1 - number : number));
    }
    value->as.bytes =
        value->type == PROA_TYPE_STRING ? proa_cbor_read_text(c) : proa_cbor_read_bytes(c);
    return head_len(value->as.bytes.len) + value->as.bytes.len;
}

/* True if what is there belongs together. */
static bool is_account(unsigned has)
{
    unsigned of_oscore = has & (OSCORE | OSCORE_MAY);
    bool by_dtls = (has & DTLS) != 0 && of_oscore == 0;
    bool by_oscore = (has & (DTLS | DTLS_MAY)) == 0 && (has & OSCORE) == OSCORE;
    return (has & ALWAYS) == ALWAYS && (by_dtls || by_oscore);
}

proa_err proa_account_body_parse(proa_span in, proa_account_body *out)
{
    proa_cbor_reader c = proa_cbor_reader_make(in);
    size_t len = 1;
    unsigned has = 0;
    memset(out, 0, sizeof(*out));
    proa_cbor_read_map(&c);
    while (proa_cbor_more(&c)) {
        uint64_t key = proa_cbor_read_uint(&c);
        if (c.err != PROA_OK || key >= PROA_ACCOUNT_KEYS || has >> key != 0) {
            return PROA_E_FORMAT;
        }
        has |= BIT(key);
        len += 1 + read_value(&c, (unsigned)key, out);
    }
    proa_cbor_leave(&c);
    return proa_cbor_end(&c) == PROA_OK && len == in.len && is_account(has) ? PROA_OK
                                                                            : PROA_E_FORMAT;
}

/* RFC 7252 §6.1, §6.2 */
static uint16_t default_port(const proa_account_body *body)
{
    return proa_account_body_has(body, PROA_ACCOUNT_IDENTITY) ? 5684 : 5683;
}

proa_err proa_account_body_address(const proa_account_body *body, proa_addr *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff}; /* RFC 4291 §2.5.5.2 */
    proa_span at = body->values[PROA_ACCOUNT_ADDRESS].as.bytes;
    size_t ip_len = at.len < 16 ? 4 : 16;
    if (at.len != ip_len && at.len != ip_len + 2) {
        return PROA_E_FORMAT;
    }
    memset(out, 0, sizeof(*out));
    memcpy(out->ip, mapped, sizeof(mapped));
    memcpy(out->ip + 16 - ip_len, at.data, ip_len);
    out->port = default_port(body);
    if (at.len > ip_len) {
        out->port = (uint16_t)(at.data[ip_len] << 8 | at.data[ip_len + 1]);
    }
    bool is_shortest = (at.len == ip_len || out->port != default_port(body)) &&
                       proa_addr_is_v4(out) == (ip_len == 4);
    return is_shortest ? PROA_OK : PROA_E_FORMAT;
}

void proa_account_name(uint8_t name[PROA_ACCOUNT_NAME_LEN], proa_span id, proa_span other)
{
    const size_t half = PROA_ACCOUNT_NAME_LEN / 2;
    uint8_t halves[2][PROA_ACCOUNT_NAME_LEN / 2] = {{(uint8_t)id.len}, {(uint8_t)other.len}};
    if (id.len > 0) {
        memcpy(halves[0] + 1, id.data, id.len);
    }
    if (other.len > 0) {
        memcpy(halves[1] + 1, other.data, other.len);
    }
    bool is_first = memcmp(halves[0], halves[1], half) < 0;
    memcpy(name, halves[is_first ? 0 : 1], half);
    memcpy(name + half, halves[is_first ? 1 : 0], half);
}

proa_err proa_account_made_parse(proa_span in, uint16_t *instances, uint8_t count)
{
    proa_cbor_reader c = proa_cbor_reader_make(in);
    proa_cbor_read_array(&c);
    for (uint8_t i = 0; i < count; i++) {
        uint64_t instance = proa_cbor_read_uint(&c);
        if (instance > PROA_ID_MAX) {
            return PROA_E_FORMAT;
        }
        instances[i] = (uint16_t)instance;
    }
    proa_cbor_leave(&c);
    return proa_cbor_end(&c) == PROA_OK ? PROA_OK : PROA_E_FORMAT;
}

/* ---- writing ---------------------------------------------------------------------------- */

static void sort(proa_ac_body *rights)
{
    for (uint8_t i = 1; i < rights->count; i++) {
        proa_ac_entry entry = rights->entries[i];
        uint8_t at = i;
        for (; at > 0 && path_of(&rights->entries[at - 1]) > path_of(&entry); at--) {
            rights->entries[at] = rights->entries[at - 1];
        }
        rights->entries[at] = entry;
    }
}

static void write_value(proa_writer *w, unsigned key, const proa_account_body *body)
{
    const proa_value *value = &body->values[key];
    switch (types[key]) {
    case PROA_TYPE_INTEGER:
        proa_cbor_write_int(w, value->as.integer);
        break;
    case PROA_TYPE_OPAQUE:
        proa_cbor_write_bytes(w, value->as.bytes);
        break;
    case PROA_TYPE_STRING:
        proa_cbor_write_text(w, value->as.bytes);
        break;
    default:
        (void)!proa_ac_body_write(w, &body->rights); /* its error is the writer's */
        break;
    }
}

static bool is_there(const proa_account_body *body, unsigned key)
{
    return key == PROA_ACCOUNT_RIGHTS ? body->rights.count > 0 : proa_account_body_has(body, key);
}

proa_err proa_account_body_write(proa_writer *w, proa_account_body *body)
{
    unsigned count = 0;
    sort(&body->rights);
    for (unsigned key = 0; key < PROA_ACCOUNT_KEYS; key++) {
        count += is_there(body, key) ? 1 : 0;
    }
    proa_cbor_write_map(w, count);
    for (unsigned key = 0; key < PROA_ACCOUNT_KEYS; key++) {
        if (is_there(body, key)) {
            proa_cbor_write_uint(w, key);
            write_value(w, key, body);
        }
    }
    return w->err;
}

void proa_account_body_put_address(proa_account_body *body, const proa_addr *addr,
                                   uint8_t bytes[PROA_ACCOUNT_ADDRESS_LEN_MAX])
{
    size_t ip_len = proa_addr_is_v4(addr) ? 4 : 16;
    proa_writer w = proa_writer_make(bytes, PROA_ACCOUNT_ADDRESS_LEN_MAX);
    proa_write_bytes(&w, addr->ip + 16 - ip_len, ip_len);
    if (addr->port != default_port(body)) {
        proa_write_u16(&w, addr->port);
    }
    body->values[PROA_ACCOUNT_ADDRESS] = proa_value_opaque(proa_writer_span(&w));
}
