/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_BENCH_H
#define PROA_TESTS_BENCH_H

#include "core/client/extension.h"
#include "proa/client.h"
#include "tests/client/things.h"
#include "tests/support/random.h"

/* A device and the parties that talk to it (servers or peers), joined by a network without delay,
 * under one virtual clock. A party is a CoAP engine, behind a fake secure box if it is protected;
 * it answers Register, Update and De-register by the script in its fields and remembers them. */

#define BENCH_PARTIES 3
#define BENCH_NOTES 40
#define BENCH_EVENTS 64

typedef struct bench_answer {
    bool came;                 /* a response; else it failed: */
    proa_coap_failure failure; /* 0: nothing yet */
    uint8_t code;
    uint16_t format;
    bool observing;
    size_t len;
    uint8_t bytes[2048];
    char location[64]; /* "/3303/1" */
} bench_answer;

typedef struct bench_note {
    uint64_t at_ms;
    proa_coap_id id;
    uint8_t code;
    proa_coap_type type;
    size_t len;
    uint8_t bytes[64];
} bench_note;

typedef struct bench_party {
    proa_addr addr;
    proa_coap *coap;
    proa_secure *box; /* NULL: unprotected */
    uint32_t session; /* with the device */
    bool cut;         /* nothing reaches it and nothing leaves it */
    uint8_t key[16];
    /* how it answers; the codes are those of success at first */
    uint8_t register_code, update_code, delete_code;
    uint32_t max_age_s;
    bool silent;          /* takes requests and never answers */
    const char *location; /* "rd/5a" */
    /* what came */
    unsigned registers, updates, deletes, others;
    uint64_t at_ms; /* of the last */
    char path[128], query[256], payload[2048];
    bench_answer answer; /* to the last bench_ask */
    proa_coap_id asked;
    unsigned note_count;
    bench_note notes[BENCH_NOTES];
} bench_party;

typedef struct bench_blob {
    char name[PROA_STORE_NAME_MAX];
    uint8_t bytes[PROA_STORE_BLOB_MAX];
    size_t len; /* 0 = free */
} bench_blob;

typedef struct bench {
    uint64_t now_ms;
    test_random random;
    proa_random source;
    proa_client_config config;
    proa_client *client;
    proa_secure *box; /* the device's */
    proa_addr addr;   /* the device's */
    bench_party parties[BENCH_PARTIES];
    things things;
    bench_blob store[40];
    bool store_fails;
    unsigned event_count;
    proa_client_event events[BENCH_EVENTS];
} bench;

/* What memory has been taken and not given back; take fails once `takes_left` reaches 0. */
typedef struct bench_memory {
    size_t in_use;
    size_t takes_left;
} bench_memory;

extern bench_memory bench_heap;
proa_memory bench_memory_of(void);

/* A device with the things object and no server yet. secure: it has a box. The configuration can
 * be changed by `tune` before it is used; NULL = as it is. */
void bench_open(bench *b, bool secure, void (*tune)(proa_client_config *config));
void bench_close(bench *b);

/* The device loses everything but its store and starts anew (things and parties stay). */
void bench_reboot(bench *b);

/* Party i becomes server 1 + i of the device: NoSec, or PSK if the device has a box. */
void bench_server(bench *b, size_t i, uint32_t lifetime_s);

/* Everything under way arrives; no time passes. */
void bench_settle(bench *b);

/* Let time pass. */
void bench_run(bench *b, uint64_t ms);

/* bench_open, one server with lifetime 300, registered; its events forgotten. */
void bench_registered(bench *b, bool secure, void (*tune)(proa_client_config *config));

typedef struct bench_request {
    uint8_t code;
    const char *path;  /* "/3303/0" or "x/y" */
    const char *query; /* "pmin=1&pmax=2"; NULL = none */
    int accept;        /* BENCH_NO for none */
    int format;
    const char *hex;  /* payload in hex, or */
    const char *text; /* as it is */
    bool observe;
    bool non;
} bench_request;

#define BENCH_NO (-1)

/* Party i asks the device, and all that follows at once happens. The answer also stays in the
 * party. */
const bench_answer *bench_ask(bench *b, size_t i, const bench_request *ask);

/* Shorthands. `accept` and `format` may be BENCH_NO. */
const bench_answer *bench_get(bench *b, size_t i, const char *path, int accept);
const bench_answer *bench_put(bench *b, size_t i, const char *path, int format, const char *hex);
const bench_answer *bench_put_query(bench *b, size_t i, const char *path, const char *query);
const bench_answer *bench_post(bench *b, size_t i, const char *path, int format, const char *hex);
const bench_answer *bench_delete(bench *b, size_t i, const char *path);
const bench_answer *bench_observe(bench *b, size_t i, const char *path, int accept);

/* The answer's payload in hex resp. as text; static storage. */
const char *bench_hex(const bench_answer *answer);
const char *bench_text(const bench_answer *answer);

/* How many events of this kind came; and forgetting all that came. */
unsigned bench_events(const bench *b, proa_client_event_kind kind);
const proa_client_event *bench_event(const bench *b, proa_client_event_kind kind);
void bench_forget_events(bench *b);

/* The party opens a session with the device as DTLS client. */
void bench_connect(bench *b, size_t i, const char *identity);

proa_path bench_path(const char *text);

#endif
