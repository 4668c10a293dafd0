/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_SERVER_LAB_H
#define PROA_TESTS_SERVER_LAB_H

#include "proa/server.h"
#include "tests/base/counted_memory.h"
#include "tests/support/random.h"

/* A server engine and a few devices, joined by a network without delay, under one virtual clock. A
 * device is a CoAP engine, behind a fake secure box if it is protected; it says to the server what
 * the test wants, and answers the server by the script in its fields. */

#define LAB_DEVICES 4
#define LAB_EVENTS 128
#define LAB_TEXT 2048

/* What came back to the last lab_ask of a device. */
typedef struct lab_answer {
    bool came;
    proa_coap_failure failure; /* 0 = none */
    uint8_t code;
    uint16_t format;
    uint32_t max_age_s; /* 60 if there was none (RFC 7252 §5.10.5) */
    char location[64];  /* "/rd/AbC..." */
    char payload[LAB_TEXT];
} lab_answer;

/* What the server asked last. */
typedef struct lab_asked {
    unsigned count;
    uint8_t code;
    char path[128];
    char query[256];
    int accept, format, observe; /* -1 = no such option */
    char payload[LAB_TEXT];
} lab_asked;

typedef struct lab_device {
    char name[8]; /* endpoint and identity: "dev0" */
    proa_addr addr;
    proa_coap *coap;
    proa_secure *box; /* NULL: unprotected */
    uint32_t session;
    uint64_t account;  /* of OSCORE, whose keys protect what it sends; 0: none */
    bool cut;          /* nothing reaches it and nothing leaves it */
    bool deaf;         /* nothing leaves it: its answers are lost */
    char location[64]; /* of its registration: "/rd/AbC..." */
    lab_answer answer;
    proa_coap_id asking;
    /* how it answers */
    bool silent; /* takes requests, never answers */
    uint8_t code;
    int format; /* -1 = none */
    const char *payload;
    const char *created; /* Location-Path, "3303/7"; NULL = none */
    bool observable;
    proa_coap_id relation; /* of the last observation */
    unsigned relations_ended;
    lab_asked asked;
} lab_device;

/* An event with the bytes it borrowed. */
typedef struct lab_event {
    proa_server_event event;
    char endpoint[PROA_ENDPOINT_MAX + 1];
    char payload[256];
} lab_event;

typedef struct lab {
    uint64_t now_ms;
    test_random random;
    proa_random source;
    counted_memory heap;
    proa_memory memory;
    proa_server_config config;
    proa_server *server;
    proa_secure *box; /* the server's */
    proa_addr addr;
    unsigned confirmed;    /* how often an address was confirmed */
    unsigned lost_percent; /* of all datagrams, both ways */
    bool keeps_requests;   /* REQUEST events are left unanswered */
    lab_device devices[LAB_DEVICES];
    unsigned event_count;
    lab_event events[LAB_EVENTS];
} lab;

/* Server and devices; `secure`: with boxes, and keys for all devices. NoSec is allowed if there is
 * no box. `tune` may change the configuration; NULL = as it is. */
void lab_open(lab *l, bool secure, void (*tune)(proa_server_config *config));
void lab_close(lab *l);

/* A new server engine in place of the old one, which is lost with its sessions. */
void lab_restart(lab *l);

/* Everything under way arrives; no time passes. */
void lab_settle(lab *l);

/* Let time pass. */
void lab_run(lab *l, uint64_t ms);

/* Device i opens a session (again). */
void lab_connect(lab *l, size_t i);

/* Device i is unprotected from now on (in a lab with boxes). */
void lab_unprotect(lab *l, size_t i);

/* Device i has these OSCORE keys from now on, the server's under `account`, and is rebooted. */
void lab_seal(lab *l, size_t i, const proa_coap_oscore *oscore, uint64_t account);

typedef struct lab_request {
    uint8_t code;
    const char *path;  /* "rd" or "/rd/AbC" */
    const char *query; /* "ep=dev0&lt=60"; NULL = none */
    int format;        /* -1 = none */
    int accept;        /* -1 = none */
    const char *payload;
} lab_request;

/* Device i asks the server, and all that follows at once happens. */
const lab_answer *lab_ask(lab *l, size_t i, const lab_request *request);

#define LAB_LINKS "</>;rt=\"oma.lwm2m\";ct=\"60 112 11542\",</1/0>,</3/0>,</3303/0>"

/* POST /rd with this query, LAB_LINKS as list; the location is kept. */
const lab_answer *lab_register(lab *l, size_t i, const char *query);

/* Connect if it has a box, register as its own name with lifetime 300; must succeed. */
proa_reg lab_registered(lab *l, size_t i);

/* POST to its location. list: NULL = none. */
const lab_answer *lab_update(lab *l, size_t i, const char *query, const char *list);

/* Start an operation; must be accepted. */
proa_op_id lab_start(lab *l, const proa_server_op *op);

/* Shorthand: path as text, no format, no payload, default timeout, user 7. */
proa_op_id lab_op(lab *l, proa_reg reg, proa_operation op, const char *path);
proa_path lab_path(const char *text);

/* Device i notifies the last observer with this text. */
void lab_notify(lab *l, size_t i, const char *text);

/* How many events of this kind came, the last of them (NULL), and forgetting them all. */
unsigned lab_count(const lab *l, proa_server_event_kind kind);
const lab_event *lab_last(const lab *l, proa_server_event_kind kind);
void lab_forget(lab *l);

/* How many completions (DONE) this operation had. */
unsigned lab_done(const lab *l, proa_op_id op);

#endif
