/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_C2C_FAKE_CLIENT_H
#define PROA_TESTS_C2C_FAKE_CLIENT_H

#include "core/c2c/c2c_internal.h"
#include "tests/support/random.h"

/* A client that does nothing by itself: the other side of core/client/extension.h, the CoAP engine
 * and the secure box as tables that tests read and set. What C2C sends stands in `sent`, what it
 * opens in `opened`; tests answer by calling the extension as the client would.
 *
 * The real client with C2C on top is tested in test_devices.c. */

#define FAKE_SENT_MAX 32
#define FAKE_BLOBS_MAX 48

typedef struct fake_request {
    proa_coap_id id; /* 0 = free */
    proa_coap_peer to;
    uint8_t code;
    bool observe;
    bool open; /* not answered, not cancelled */
    bool told; /* cancelled with a message */
    uint64_t user;
    uint32_t timeout_ms;
    unsigned transmissions;
    char path[64];    /* "/ac", "/3311/0/5706" */
    char queries[96]; /* "ep=host&c" */
    uint16_t format;  /* PROA_FORMAT_NONE if absent */
    uint16_t accept;
    uint8_t payload[PROA_C2C_PAYLOAD_MAX];
    size_t payload_len;
} fake_request;

typedef struct fake_session {
    uint32_t id; /* 0 = free */
    uint64_t account;
    proa_addr addr;
    uint8_t key[16];
    char identity[PROA_PSK_IDENTITY_MAX + 1];
    bool closed;
    bool by_client; /* closed through proa__client_drop_session */
    uint32_t moved_to;
} fake_session;

typedef struct fake_blob {
    char name[PROA_STORE_NAME_MAX];
    uint8_t bytes[PROA_STORE_BLOB_MAX];
    size_t len; /* 0 = free */
} fake_blob;

typedef struct fake_server {
    uint16_t short_id; /* 0 = none */
    const char *uri;
    bool registered;
    bool secured;
    uint8_t rights; /* in object 2, for everything */
} fake_server;

typedef struct fake_store {
    fake_blob blobs[FAKE_BLOBS_MAX];
    unsigned writes;
    int fail_in; /* that many writes succeed, the rest fails; -1 = all succeed */
} fake_store;

struct proa_client {
    proa_client_config config;
    unsigned doubts; /* calls of proa__client_doubt_server */
    const proa_client_extension *ext;
    const proa_object *objects[4];
    size_t object_count;
    fake_server servers[2];
    const char *taken_identity; /* stands in object 0 */
    proa_err send_err;          /* what proa_coap_send returns instead of sending */
    proa_err open_err;          /* what the box returns instead of opening */
    fake_request sent[FAKE_SENT_MAX];
    size_t sent_count; /* since the start */
    fake_request *last;
    fake_session sessions[FAKE_SENT_MAX];
    size_t session_count; /* since the start */
    fake_session *opened; /* the latest, whoever opened it */
    unsigned rechecks;
    unsigned list_changes;
    unsigned instances_gone; /* entries of object 2 that C2C took away */
    unsigned instances_came; /* and those that it has made */
    unsigned answers;        /* that waited, and were let go */
    int fail_came;           /* that many are made, the next one fails; -1 = none fails */
    uint64_t gone_account;   /* that CoAP was told last to forget */
    size_t taken;            /* bytes taken and not given back */
    int fail_take;           /* that many takes succeed; -1 = all */
    uint64_t now_ms;
    proa_secure box;
    test_random rng;
};

typedef struct fake_value {
    uint16_t resource;
    int32_t instance; /* of a multiple resource, else -1 */
    proa_value value;
} fake_value;

typedef struct fake {
    struct proa_client client;
    fake_store *store;
    proa_c2c *c2c;
    uint64_t now_ms;
    proa_c2c_event event; /* the latest of fake_next */
    bool answers_later;   /* the answer to the latest fake_create_account, */
    uint8_t answer[32];   /* which is this one */
    size_t answer_len;
} fake;

/* Room for 8 accounts, 16 entries of 11002 and 4 questions. */
proa_c2c_limits fake_limits(void);

/* A device "own" with server 1 (registered, protected, all rights) that knows nobody.
 * store may be NULL. fake_open asserts success; fake_try does not. */
void fake_open(fake *f, fake_store *store, const char *endpoint, bool requester);
proa_err fake_try(fake *f, fake_store *store, const char *endpoint, bool requester,
                  const proa_c2c_limits *limits, int fail_take);
void fake_close(fake *f);

extern const proa_actor fake_server_1;
extern const proa_actor fake_server_2;

/* As the client does: create, BEGIN, writes, COMMIT; ROLLBACK and remove if something fails. */
proa_err fake_create(fake *f, uint16_t id, const proa_actor *who, int32_t wanted,
                     const fake_value *values, size_t count, uint16_t *instance);

/* A whole account, from a document in hex; the device must know that form. */
proa_err fake_create_account(fake *f, const proa_actor *who, const char *document);

/* BEGIN, (clear), writes, COMMIT or ROLLBACK. */
proa_err fake_write(fake *f, uint16_t id, const proa_actor *who, uint16_t instance,
                    const fake_value *values, size_t count);
proa_err fake_delete(fake *f, uint16_t id, const proa_actor *who, uint16_t instance);
proa_err fake_read(fake *f, uint16_t id, uint16_t instance, uint16_t resource, proa_value *out);

/* What a server installs: 11001 and 11000. Returns the instance of 11000. */
typedef struct fake_account {
    const char *endpoint;
    uint16_t short_id;
    uint32_t lifetime_s;
    const char *identity;
    const char *key; /* 16 characters */
    const char *uri; /* NULL = none */
} fake_account;

uint16_t fake_install(fake *f, const fake_account *account);

/* 11002 for one path and one short id. */
uint16_t fake_allow(fake *f, uint16_t object, uint16_t instance, uint16_t short_id, uint8_t rights);

/* Let time pass to now_ms + ms, running what is due on the way, as a run loop does. */
void fake_pass(fake *f, uint64_t ms);

/* The next event of C2C in f->event; false if there is none. */
bool fake_next(fake *f);

/* The account number of an instance of 11000. */
proa_account fake_account_of(fake *f, uint16_t instance);

/* A session as the client reports it. Returns its handle. */
uint32_t fake_incoming(fake *f, uint16_t key_instance);
void fake_connected(fake *f, uint32_t session, bool is_server);
void fake_closed(fake *f, uint32_t session, proa_secure_reason reason);
fake_session *fake_session_of(fake *f, uint32_t session);

/* The latest request that was sent. */
fake_request *fake_last(fake *f);

/* An answer to it, from bytes in hex; format PROA_FORMAT_NONE = none. max_age 0 = none. */
void fake_answer(fake *f, fake_request *request, uint8_t code, uint16_t format, const char *payload,
                 uint32_t max_age_s, bool observing);
void fake_notify(fake *f, fake_request *request, uint8_t code, const char *payload);
void fake_fail(fake *f, fake_request *request, proa_coap_failure failure);

#endif
