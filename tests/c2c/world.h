/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_C2C_WORLD_H
#define PROA_TESTS_C2C_WORLD_H

#include "proa/c2c.h"
#include "proa/oscore.h"
#include "tests/support/random.h"

/* Real devices (client, CoAP, C2C) over fake secure boxes, joined by a network without delay, and
 * two scripted parties: the server, which registers whoever comes, keeps an /ac request until the
 * test answers it, and sends devices what the test says; and a stranger, who sends raw bytes from
 * an address and hears what comes back. */

#define WORLD_DEVICES 3
#define WORLD_PEERS 8 /* accounts of a device */
#define WORLD_REPLIES 8
#define WORLD_EVENTS 64
#define WORLD_BLOBS 64

typedef struct world_blob {
    char name[PROA_STORE_NAME_MAX];
    uint8_t bytes[PROA_STORE_BLOB_MAX];
    size_t len; /* 0 = free */
} world_blob;

typedef struct world_event {
    proa_c2c_event event; /* spans are gone */
    char payload[64];
    size_t payload_len;
} world_event;

typedef struct world_device {
    struct world *world;
    const char *name;
    proa_addr addr;
    uint8_t key[16]; /* with the server */
    proa_client *client;
    proa_c2c *c2c;
    proa_secure *box;
    proa_oscore *contexts;    /* NULL: accounts by DTLS only */
    bool store_fails;         /* writes of new keys do */
    bool cut;                 /* nothing reaches it and nothing leaves it */
    unsigned lose_from_peers; /* so many datagrams of other devices do not arrive */
    proa_object light;        /* 3311 */
    char value[16];           /* 3311/0/5706 */
    size_t value_len;
    uint32_t server_session; /* at the server */
    world_blob blobs[WORLD_BLOBS];
    proa_store store;  /* if it has functions, in place of the blobs from then on */
    proa_path created; /* what the application was told last that a server made */
    unsigned event_count;
    world_event events[WORLD_EVENTS];
} world_device;

typedef struct world_reply {
    proa_addr from;
    uint8_t bytes[300];
    size_t len;
} world_reply;

typedef struct world {
    uint64_t now_ms;
    test_random rng;
    proa_random random;
    bool oscore;  /* grants are by OSCORE */
    bool compact; /* devices take an account in one message */
    bool firsts;  /* and with a first session */
    world_device devices[WORLD_DEVICES];
    size_t device_count;
    /* the server */
    proa_coap *coap;
    proa_secure *box;
    proa_addr addr;
    unsigned updates;
    proa_coap_id ac; /* an /ac that is not answered, 0 if there is none */
    size_t ac_device;
    char ac_query[96];
    uint8_t ac_body[96];
    size_t ac_body_len;
    bool answered;
    uint8_t code; /* of the answer to the last world_server */
    char location[32];
    uint8_t answer[256];
    size_t answer_len;
    proa_coap_id asked;
    /* the stranger */
    proa_addr stranger;
    proa_secure *stranger_box; /* NULL: plain only */
    world_reply replies[WORLD_REPLIES];
    size_t reply_count;
} world;

/* The server and `count` devices named "client_01", "client_02", ... registered with it; the
 * server holds all rights in object 2 of each. */
void world_open(world *w, size_t count);
/* The same; the devices have object 21, and what world_grant grants is used over OSCORE. */
void world_open_oscore(world *w, size_t count);
/* The same with or without object 21; the devices take an account in one message. */
void world_open_compact(world *w, size_t count, bool oscore);
/* The same by DTLS; what is granted in one message has a first session. */
void world_open_firsts(world *w, size_t count);

void world_close(world *w);

/* The device loses everything but its store. */
void world_reboot(world *w, size_t i);

/* Everything under way arrives; no time passes. And: time passes. */
void world_settle(world *w);
void world_run(world *w, uint64_t ms);

/* The server sends a request to a device: TLV in hex (NULL: none). Returns the answer's code. */
uint8_t world_server(world *w, size_t device, uint8_t code, const char *path, const char *tlv);

/* The same with CBOR. */
uint8_t world_server_cbor(world *w, size_t device, const char *path, const char *cbor);

/* The server answers the waiting /ac. payload in hex or NULL. */
void world_answer_ac(world *w, uint8_t code, const char *payload);

/* What the server does when a grant is renewed: a second key beside the first; on the host first. */
void world_roll(world *w, size_t requester, size_t host, size_t at);

/* What our server does for a grant: accounts on both ends, and rights on /3311/0 for the
 * requester, which the host calls 2; the host is 1 at the requester. Real TLV, a key of its own. By
 * OSCORE, the contexts go first. */
void world_grant(world *w, size_t requester, size_t host, uint8_t rights, uint32_t lifetime_s);

/* The same in one message for each end; and one end of it, the host's without rights if they are 0. */
void world_grant_compact(world *w, size_t requester, size_t host, uint8_t rights,
                         uint32_t lifetime_s);
uint8_t world_install_compact(world *w, size_t requester, size_t host, size_t at, uint8_t rights,
                              uint32_t lifetime_s);

/* A device asks another for /3311/0/5706. */
proa_c2c_id world_ask(world *w, size_t device, size_t host, proa_operation op);

/* The latest event of a kind; NULL. */
const world_event *world_event_of(const world *w, size_t device, proa_c2c_event_kind kind);
unsigned world_events(const world *w, size_t device, proa_c2c_event_kind kind);
void world_forget_events(world *w);

/* The latest OUTCOME of a device is this one, with this payload (hex; NULL: any). */
void world_expect_outcome(const world *w, size_t device, proa_outcome outcome, const char *payload);

/* The stranger sends bytes (hex) to a device; what comes back stands in replies. */
void world_stranger(world *w, size_t device, const char *bytes);

/* The device's value changes, as its application does it. */
void world_change(world *w, size_t device, const char *value);

#endif
