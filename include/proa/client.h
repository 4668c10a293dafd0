/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CLIENT_H
#define PROA_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/coap_engine.h"
#include "proa/err.h"
#include "proa/lwm2m.h"
#include "proa/memory.h"
#include "proa/object.h"
#include "proa/oscore.h"
#include "proa/random.h"
#include "proa/secure.h"
#include "proa/store.h"

/* The LwM2M client engine: a device.
 *
 * Open it with a table of objects and the servers it belongs to, then drive it like every engine
 * of Proa: input, poll, output, next_ms (ports/linux has a run loop that does this over a socket).
 * It registers, keeps the registration alive, backs off when that fails, answers the server's
 * operations on the objects, reports changes to observers. With an extension linked in
 * (proa/c2c.h) it also serves and asks other clients.
 *
 * Accounts. Every party that may talk to the device is an account; the key that a session proved
 * selects it, and its number is what sessions, actors and rights refer to:
 *
 *     bits 63..56  kind: 1 server (object 0), 2 peer client (object 11000)
 *     bits 47..32  generation: a re-created instance is another account
 *     bits 15..0   object instance
 *
 * Rights. Servers are held to object 2 (Core 1.2 §8.2) as soon as it has an instance or there is
 * more than one server; the only server of a device without object 2 may do everything that the
 * objects allow. Objects 0 and 21 are closed to every read.
 *
 * Unprotected CoAP is served to a server account only if that account's security mode is NoSec and
 * it has no OSCORE keys: a message is heeded only with the protection that its account demands.
 * A stranger's request is refused: 4.01 by the extension if there is one, silence otherwise. */

typedef uint64_t proa_account;

#define PROA_ACCOUNT_KIND_SERVER 1U
#define PROA_ACCOUNT_KIND_PEER 2U

static inline proa_account proa_account_make(unsigned kind, uint16_t generation, uint16_t instance)
{
    return (uint64_t)kind << 56 | (uint64_t)generation << 32 | instance;
}

static inline unsigned proa_account_kind(proa_account account)
{
    return (unsigned)(account >> 56);
}

static inline uint16_t proa_account_instance(proa_account account)
{
    return (uint16_t)account;
}

/* Object 0 resource 2. */
typedef enum proa_security_mode {
    PROA_SECURITY_PSK = 0,
    PROA_SECURITY_RPK = 1,
    PROA_SECURITY_CERTIFICATE = 2,
    PROA_SECURITY_NOSEC = 3
} proa_security_mode;

/* One server account: an instance of object 0 and one of object 1. */
typedef struct proa_server_account {
    uint16_t short_id;       /* Short Server ID, 1..65534 */
    proa_span uri;           /* coap(s)://host:port; copied */
    proa_addr addr;          /* what the port resolved it to */
    proa_security_mode mode; /* PSK or NoSec */
    proa_span identity;      /* PSK; copied */
    proa_span key;           /* PSK; copied, wiped on close */
    /* OSCORE: what this server says must be protected by it, inside DTLS if the mode is PSK too.
     * Borrowed, with what it points to, for the life of the client; NULL: none. Needs coap.oscore
     * in the configuration. */
    const proa_oscore_params *oscore;
    uint32_t lifetime_s; /* registration lifetime, /1/x/1; 0 = 86400 */
    uint32_t pmin_s;     /* default minimum period, /1/x/2 */
    uint32_t pmax_s;     /* default maximum period, /1/x/3; 0 = none */
} proa_server_account;

typedef struct proa_client_extension proa_client_extension; /* core/client/extension.h */

typedef struct proa_client_config {
    proa_span endpoint; /* endpoint client name; copied */
    proa_random random;
    proa_memory memory;
    proa_secure *secure; /* borrowed; NULL: NoSec only. The client installs its find_psk with
                            proa_client_find_psk, see there */
    proa_store store;    /* where accounts and grants survive a reboot; {0} = nowhere */
    proa_coap_config coap;
    uint16_t server_max;      /* server accounts, objects 0 and 1 */
    uint16_t object_max;      /* entries of the object table, extension's included */
    uint16_t observation_max; /* observed paths, all observers together */
    uint16_t attribute_max;   /* paths with stored notification attributes */
    uint16_t access_max;      /* instances of object 2 */
    uint16_t session_max;     /* secure sessions at once, servers and peers; one more is closed */
    bool queue_mode;          /* register with binding "UQ" semantics (Q) */
} proa_client_config;

proa_client_config proa_client_config_device(proa_span endpoint, proa_random random,
                                             proa_memory memory);

typedef struct proa_client proa_client;

/* Returns PROA_OK, PROA_E_RANGE, PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa_client_open(proa_client **out, const proa_client_config *config);
void proa_client_close(proa_client *c);

/* The lookup that the secure box wants in its configuration; ctx is the proa_client. As the box is
 * made before the client, a program puts a forwarding ctx there (ports/linux/device.h does). */
bool proa_client_find_psk(void *client, proa_span identity, proa_psk *out);

/* The same for find_first: peers whose account is new and has not been used. */
bool proa_client_find_first(void *client, uint32_t id, proa_secure_first *out);

/* The same for proa_oscore_config.find_params: parameters of a server account; a peer's are made
 * anew by the server if their state is lost. */
bool proa_client_find_oscore(void *client, uint64_t account, proa_oscore_params *out);

/* Add an object to the table; borrowed for the life of the client. Objects 0, 1 and 2 are the
 * engine's own. Returns PROA_OK, PROA_E_EXISTS, PROA_E_FULL. */
PROA_CHECK proa_err proa_client_add_object(proa_client *c, const proa_object *object);

/* Add a server account; registration starts at the next poll.
 * Returns PROA_OK, PROA_E_EXISTS (Short Server ID), PROA_E_FULL, PROA_E_RANGE, and what
 * proa_oscore_add says of its parameters. */
PROA_CHECK proa_err proa_client_add_server(proa_client *c, const proa_server_account *server);

/* Add an instance of object 2, or one more ACL entry to the instance that has this object and
 * instance. Use PROA_ID_ALL as instance for Create and for instances without an entry of their
 * own. short_id 0 = default rights of servers without an entry.
 *
 * This is the factory state: once a server has changed object 2, the store holds it, and what is
 * added here has no effect (PROA_OK). Returns PROA_OK, PROA_E_FULL, PROA_E_RANGE. */
PROA_CHECK proa_err proa_client_add_access(proa_client *c, uint16_t object, uint16_t instance,
                                           uint16_t short_id, uint8_t rights, uint16_t owner);

/* ---- the four doors --------------------------------------------------------------------- */

void proa_client_input(proa_client *c, uint64_t now_ms, const proa_addr *from, proa_span datagram,
                       bool multicast);
bool proa_client_output(proa_client *c, uint64_t now_ms, proa_addr *to, proa_span *datagram);
uint64_t proa_client_next_ms(const proa_client *c);

typedef enum proa_client_event_kind {
    PROA_CLIENT_REGISTERED = 1,  /* short_id */
    PROA_CLIENT_UPDATED,         /* short_id */
    PROA_CLIENT_DEREGISTERED,    /* short_id; on request */
    PROA_CLIENT_REGISTER_FAILED, /* short_id, code or err, retry_ms */
    PROA_CLIENT_WRITTEN,         /* who wrote below path */
    PROA_CLIENT_EXECUTED,        /* who executed path */
    PROA_CLIENT_CREATED,         /* who created path */
    PROA_CLIENT_DELETED,         /* who deleted path */
    PROA_CLIENT_OBSERVED,        /* who observes path from now on */
    PROA_CLIENT_UNOBSERVED,      /* who does no longer */
    PROA_CLIENT_REFUSED          /* a request of who to path was denied: code */
} proa_client_event_kind;

typedef struct proa_client_event {
    proa_client_event_kind kind;
    uint16_t short_id;
    proa_actor who;
    proa_path path;
    uint8_t code;      /* CoAP code if one came */
    proa_err err;      /* else why: TIMEOUT, CRYPTO (handshake), NO_MEMORY ... */
    uint32_t retry_ms; /* REGISTER_FAILED: when the next attempt comes */
} proa_client_event;

/* One event; false when there is none. Runs what is due. At most 16 events wait; then the oldest
 * is dropped and counted. */
bool proa_client_poll(proa_client *c, uint64_t now_ms, proa_client_event *event);

/* ---- the application -------------------------------------------------------------------- */

/* A value changed: observers of this path (and of what holds it) are told as their attributes
 * say. Every call is one change: with pmin 0 each makes a notification of its own. */
void proa_client_changed(proa_client *c, uint64_t now_ms, const proa_path *path);

/* Objects or instances came or went (by the application's own doing): the registration is updated
 * with the new list. */
void proa_client_objects_changed(proa_client *c, uint64_t now_ms);

/* Registration Update now, as /1/x/8 does. short_id 0 = all servers. */
void proa_client_update(proa_client *c, uint64_t now_ms, uint16_t short_id);

/* De-register from all servers, close sessions; DEREGISTERED events follow (or nothing, if a
 * server does not answer within 5 s). */
void proa_client_stop(proa_client *c, uint64_t now_ms);

/* The address of a server changed, or the device's own did: handshakes begin anew where CID does
 * not help. */
void proa_client_network_changed(proa_client *c, uint64_t now_ms);

typedef enum proa_registration_state {
    PROA_REG_IDLE = 0,
    PROA_REG_CONNECTING, /* DTLS handshake */
    PROA_REG_REGISTERING,
    PROA_REG_REGISTERED,
    PROA_REG_UPDATING,
    PROA_REG_WAITING, /* backing off */
    PROA_REG_STOPPING
} proa_registration_state;

typedef struct proa_server_status {
    uint16_t short_id;
    proa_registration_state state;
    proa_addr addr;
    char uri[PROA_URI_MAX];
    uint32_t lifetime_s;
    uint64_t next_ms; /* update or retry */
    uint64_t oscore;  /* what proa_oscore_look knows it by; 0: not by OSCORE */
} proa_server_status;

/* The n-th server account; false if there are fewer. */
bool proa_client_server(const proa_client *c, size_t index, proa_server_status *out);

/* Read a local value, as the device itself (secrets excepted): for shells and applications.
 * What out borrows is valid until the next call. */
PROA_CHECK proa_err proa_client_read_local(proa_client *c, const proa_path *path, proa_value *out);

/* Write a local value as the device itself (read-only resources, too, if the object's write takes
 * it) and tell observers. */
PROA_CHECK proa_err proa_client_write_local(proa_client *c, uint64_t now_ms, const proa_path *path,
                                            const proa_value *value);

typedef struct proa_client_stats {
    proa_coap_stats coap;
    uint32_t observations;
    uint64_t notifications, requests_served, requests_denied, requests_dropped, events_dropped;
} proa_client_stats;

proa_client_stats proa_client_stats_get(const proa_client *c);

#endif
