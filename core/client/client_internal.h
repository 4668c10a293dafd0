/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_CLIENT_INTERNAL_H
#define PROA_CORE_CLIENT_INTERNAL_H

#include "core/base/heap.h"
#include "core/base/pool.h"
#include "core/client/extension.h"
#include "proa/client.h"
#include "proa/payload.h"

/* What the files of the client share: its state, and the functions by which they meet.
 *
 *     client.c           the doors: datagrams in, events out, who is called when
 *     accounts.c         server accounts, sessions, who a peer is
 *     registration.c     one state machine per server account
 *     security_object.c  object 0      server_object.c  object 1      access.c  object 2 and rights
 *     model.c            walking objects, instances, resources
 *     requests.c         from a request to an operation, its checks and its answer
 *     read.c discover.c write.c create.c   the operations
 *     reporting.c        observations     attribute_store.c  notification attributes
 *
 * Memory is taken once, in proa_client_open, and never again: servers, objects, attributes, access
 * and sessions are arrays, observations a pool of fixed size; bodies are rendered in one scratch
 * buffer. */

/* ---- accounts --------------------------------------------------------------------------- */

/* What a server may change of its account, /1/x. */
typedef struct proa__server_settings {
    uint32_t lifetime_s; /* 0 = for ever */
    uint32_t pmin_s, pmax_s, disable_s;
    bool storing; /* keep a notification for the time after an outage */
} proa__server_settings;

typedef struct proa__server {
    bool used;
    bool registered;   /* there is a Location and its lifetime is not over */
    bool list_changed; /* the next Update carries the object list */
    bool lifetime_changed;
    bool disable_wanted; /* /1/x/4 was executed */
    bool beside_tried;   /* this exchange has had its second handshake */
    bool resuming;       /* contact was lost and no Update has shown yet that it is back */
    bool keys_refused;   /* somebody says so, without protection, of the request under way */
    bool older;          /* it does not know LwM2M 1.2: we are a 1.1 client to it */
    uint8_t mode;        /* proa_security_mode */
    uint8_t state;       /* proa_registration_state */
    uint8_t attempt;     /* failures in a row */
    uint8_t uri_len, identity_len, key_len, location_len;
    uint16_t generation, short_id;
    proa__server_settings settings;
    uint32_t lost;        /* the dead session whose relations wait for the next one */
    uint32_t opening;     /* a handshake under way, for now or to replace session */
    proa_coap_id request; /* Register, Update or De-register under way */
    uint64_t due_ms;      /* next attempt or refreshing Update */
    uint64_t update_ms;   /* an Update is wanted by then; PROA_NEVER = not */
    uint64_t expires_ms;  /* of the registration */
    proa_coap_peer peer;  /* session 0: none, or NoSec; account: its own, if OSCORE is demanded */
    const proa_oscore_params *oscore;
    uint8_t uri[PROA_URI_MAX];
    uint8_t identity[PROA_PSK_IDENTITY_MAX];
    uint8_t key[PROA_PSK_KEY_MAX];
    uint8_t location[PROA_LOCATION_MAX]; /* length byte and text per segment */
} proa__server;

typedef struct proa__session {
    uint32_t session; /* 0 = free */
    proa_account account;
} proa__session;

proa_account proa__server_account_of(const proa_client *c, const proa__server *s);
proa__server *proa__server_by_account(const proa_client *c, proa_account account);
proa__server *proa__server_by_id(const proa_client *c, uint16_t short_id);

/* The account after this one (NULL: the first), or NULL. */
proa__server *proa__server_next(const proa_client *c, const proa__server *after);

/* Its place in the table: the instance of objects 0 and 1. */
uint16_t proa__server_instance(const proa_client *c, const proa__server *s);

/* A message can go there: there is a session, or none is needed. */
bool proa__server_connected(const proa__server *s);

/* An account as an actor; false if it is nobody's any more. */
bool proa__account_actor(const proa_client *c, proa_account account, proa_actor *who);

/* Who sent this, by OSCORE keys, session or (NoSec servers only) address, and with all the protection
 * that the account demands; false for a stranger. */
bool proa__account_who(const proa_client *c, const proa_coap_peer *peer, proa_actor *who);

/* may_carry of proa_coap_config. */
bool proa__account_may_carry(void *client, uint64_t account, const proa_coap_peer *way);

/* Whose key a session proved; 0: nobody's. */
proa_account proa__session_account(const proa_client *c, uint32_t session);

/* False if the table is full. */
bool proa__session_add(proa_client *c, uint32_t session, proa_account account);
void proa__session_remove(proa_client *c, uint32_t session);

/* ---- rights ----------------------------------------------------------------------------- */

typedef struct proa__acl_entry {
    uint16_t short_id;
    uint8_t rights;
} proa__acl_entry;

typedef struct proa__access {
    bool used;
    uint8_t count;
    uint16_t object, instance, owner;
    proa__acl_entry entries[PROA_ACL_ENTRIES_MAX];
} proa__access;

/* May `who` do this? For Read, Observe and Discover of an object: may it of any instance? */
bool proa__client_allowed(proa_client *c, const proa_actor *who, proa_operation op,
                          const proa_path *path);

/* True for objects that no peer ever reaches. */
bool proa__client_is_closed(uint16_t object);

/* An instance was created by a server: give it an owner (Core 1.2 §8.1). PROA_E_FULL. */
PROA_CHECK proa_err proa__access_created(proa_client *c, const proa_actor *who, uint16_t object,
                                         uint16_t instance);
void proa__access_deleted(proa_client *c, uint16_t object, uint16_t instance);
void proa__access_load(proa_client *c);

/* Objects 0, 1 and 2; their ctx is the client. The instances of 0 and 1 are the server accounts. */
extern const proa_object proa__security_object, proa__server_object, proa__access_object;
int32_t proa__server_next_instance(void *ctx, int32_t after);

/* ---- the model -------------------------------------------------------------------------- */

const proa_object *proa__model_object(const proa_client *c, uint16_t id);
const proa_resource *proa__model_resource(const proa_object *object, uint16_t id);
int32_t proa__model_next_instance(const proa_object *object, int32_t after);
bool proa__model_has_instance(const proa_object *object, uint16_t instance);
bool proa__model_has(const proa_object *object, uint16_t instance, uint16_t resource);
int32_t proa__model_next_resource_instance(const proa_object *object, uint16_t instance,
                                           uint16_t resource, int32_t after);
bool proa__model_readable(const proa_resource *resource);
bool proa__model_multiple(const proa_resource *resource); /* false if there is none */
bool proa__model_versioned(const proa_object *object);    /* has a version to tell (§7.2.2) */

/* proa_type_of over the client's objects. */
proa_type proa__model_type_of(void *client, const proa_path *path);

/* ---- requests --------------------------------------------------------------------------- */

typedef struct proa__request {
    const proa_coap_event *event;
    proa_actor who;
    proa_operation op;
    proa_path path;
    const proa_object *object;     /* what stands there, once it was checked; */
    const proa_resource *resource; /* NULL above resources, or if the object has no such */
    uint16_t accept;               /* PROA_FORMAT_NONE if the option is absent */
    uint16_t format;               /* of the payload */
    proa_attributes attributes;    /* Write-Attributes, Observe */
    bool later;                    /* `out` is kept until the extension lets it go */
    proa_coap_response out;
    proa_coap_option options[2]; /* behind out.options */
    uint8_t option_bytes[2][5];
} proa__request;

void proa__client_serve(proa_client *c, const proa_coap_event *event);

/* Each operation returns the response code and fills rq->out. Read sets accept to the format it
 * chose. */
uint8_t proa__serve_read(proa_client *c, proa__request *rq);
uint8_t proa__serve_discover(proa_client *c, proa__request *rq);
uint8_t proa__serve_write(proa_client *c, proa__request *rq);
uint8_t proa__serve_execute(proa_client *c, proa__request *rq);
uint8_t proa__serve_create(proa_client *c, proa__request *rq);
uint8_t proa__serve_delete(proa_client *c, proa__request *rq);
uint8_t proa__serve_observe(proa_client *c, proa__request *rq);
uint8_t proa__serve_cancel(proa_client *c, proa__request *rq);
uint8_t proa__serve_attributes(proa_client *c, proa__request *rq);

/* A link of a Discover or of the registration's list: `,<path>`, and `;ver=` if it is not 1.0. */
void proa__discover_write_path(proa_writer *w, const proa_path *path);
void proa__discover_write_version(proa_writer *w, const proa_object *object);

/* Put a Content-Format option and the scratch's content into the response. */
void proa__request_content(proa__request *rq, uint16_t format, proa_span payload);

/* ---- reading and writing ---------------------------------------------------------------- */

/* Render what `who` may see at a path into the scratch. Returns 2.05 or an error code. */
uint8_t proa__read_render(proa_client *c, const proa_actor *who, const proa_path *path,
                          uint16_t format, proa_span *out);

/* Read one value (depth 3 or 4). */
PROA_CHECK proa_err proa__read_value(proa_client *c, const proa_path *path, proa_value *out);

/* Check the records of rq's payload against the model, then write them into the instance as one
 * transaction. base is an instance or what lies below it; `creating`: into a new instance.
 * Returns 2.04 or an error code; nothing is changed then. */
uint8_t proa__write_check(proa_client *c, const proa__request *rq, const proa_path *base,
                          bool creating);
uint8_t proa__write_apply(proa_client *c, const proa__request *rq, const proa_path *base,
                          uint16_t instance);

/* ---- reporting -------------------------------------------------------------------------- */

typedef struct proa__observation {
    proa_account account;
    proa_handle handle;    /* its own, in the pool */
    proa_coap_id relation; /* 0 = not accepted yet */
    proa_path path;
    uint16_t format;
    bool pending;  /* a change waits for pmin, or for the server to be there again */
    bool has_last; /* last is the number told last */
    double last;
    uint64_t sent_ms;
    uint64_t retry_ms;   /* not before: the CoAP engine was full */
    proa_attributes own; /* given with the Observe request */
} proa__observation;

/* A notification is due for some observation; soonest, or PROA_NEVER. */
uint64_t proa__report_next_ms(const proa_client *c);
void proa__report_run(proa_client *c);
void proa__report_ended(proa_client *c, proa_handle handle);

/* Everything below a path is gone: its observers are told 4.04, attributes are forgotten. */
void proa__report_deleted(proa_client *c, uint64_t now_ms, const proa_path *path);

/* All observations of an account end without a message. */
void proa__report_forget(proa_client *c, proa_account account);

typedef struct proa__attribute_row {
    proa_account account; /* 0 = free */
    proa_path path;
    proa_attributes attributes;
} proa__attribute_row;

/* What is stored for exactly this path; zeros if nothing is. */
const proa_attributes *proa__attributes_at(const proa_client *c, proa_account account,
                                           const proa_path *path);

/* What is in force at a path: that of the account, of the object, the instance, the resource. */
void proa__attributes_of(const proa_client *c, proa_account account, const proa_path *path,
                         proa_attributes *out);
PROA_CHECK proa_err proa__attributes_store(proa_client *c, proa_account account,
                                           const proa_path *path,
                                           const proa_attributes *attributes);

/* Forget those of an account (0 = all) within a path. */
void proa__attributes_forget(proa_client *c, proa_account account, const proa_path *path);

/* ---- registration ----------------------------------------------------------------------- */

#define PROA__USER_SERVER ((uint64_t)1 << 56)
#define PROA__USER_OBSERVATION ((uint64_t)3 << 56)

void proa__registration_run(proa_client *c);
uint64_t proa__registration_next_ms(const proa_client *c);
void proa__registration_coap_event(proa_client *c, const proa_coap_event *event);
void proa__registration_connected(proa_client *c, proa__server *s, const proa_secure_event *event);
void proa__registration_closed(proa_client *c, proa__server *s, const proa_secure_event *event);

/* An Update is wanted after delay_ms. */
void proa__registration_want(proa_client *c, proa__server *s, uint32_t delay_ms);

/* ---- the client ------------------------------------------------------------------------- */

/* A 2.01 in CBOR that goes later: the numbers of an account's instances, without those of its rights. */
typedef struct proa__answer {
    proa_coap_id exchange; /* 0 = none */
    uint8_t payload_len;
    uint8_t payload[7]; /* a head, and two numbers of three bytes */
} proa__answer;

/* What is used most comes first: a short offset is a short instruction on small machines. */
struct proa_client {
    uint64_t now_ms; /* of the door we are in: nothing in here has another clock */
    proa_coap *coap;
    const proa_client_extension *extension; /* NULL: none */
    proa__server *servers;
    const proa_object **objects; /* ascending by id */
    proa__access *access;
    proa__attribute_row *attributes;
    proa__session *sessions;
    proa_pool observations;
    uint8_t *scratch;
    size_t scratch_cap;
    uint32_t carrier; /* session of the datagram in hand; 0: none, or it came in the clear */
    uint16_t object_count;
    uint16_t generation; /* of the server account made last */
    bool stopping;
    bool access_stored; /* object 2 came from the store */
    uint8_t event_first, event_count;
    uint8_t endpoint_len;
    uint32_t notifications, requests_served, requests_denied, requests_dropped, events_dropped;
    proa__answer answer; /* that waits for the extension */
    proa_client_config config;
    proa_object own[3]; /* objects 0, 1, 2 */
    proa__access access_undo;
    proa__server_settings settings_undo;
    proa_client_event events[PROA_CLIENT_EVENTS_MAX];
    uint8_t endpoint[3 + PROA_ENDPOINT_MAX]; /* "ep=" and the name: a query of the Register */
};

/* Queue an event, the oldest going if there are too many. The caller fills in the rest of it. */
proa_client_event *proa__client_tell(proa_client *c, proa_client_event_kind kind,
                                     uint16_t short_id);
void proa__client_tell_path(proa_client *c, proa_client_event_kind kind, const proa_actor *who,
                            const proa_path *path, uint8_t code);

/* The object list changed; the registration follows within delay_ms. */
void proa__client_list_changed(proa_client *c, uint32_t delay_ms);

#endif
