/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_STATION_H
#define PROA_TESTS_STATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/coap_engine.h"
#include "tests/base/counted_memory.h"
#include "tests/support/random.h"

/* One engine under test, and a hand that writes and reads the datagrams of its peers. */
typedef struct station {
    proa_coap *c;
    uint64_t now_ms;
    test_random random;
    counted_memory memory;
    proa_coap_config config;
    proa_coap_event event; /* the one last taken */
} station;

#define STATION_OPTIONS_MAX 10

/* A message in the words of a test: text NULL means the option is the uint `number`. */
typedef struct letter {
    proa_coap_type type;
    uint8_t code;
    uint16_t mid;
    proa_coap_token token;
    struct {
        uint16_t option;
        const char *text;
        uint32_t number;
        size_t len;                 /* of text; 0 = strlen */
    } options[STATION_OPTIONS_MAX]; /* ascending; option 0 ends them */
    proa_span payload;
    bool multicast;
} letter;

/* What the engine sent. */
typedef struct heard {
    proa_coap_peer to;
    proa_coap_msg m;
    size_t len;
    uint8_t bytes[PROA_DATAGRAM_MAX];
} heard;

extern const proa_coap_peer alice; /* session 7 */
extern const proa_coap_peer bob;   /* unprotected */

/* Engine with the device's sizes, or with s->config if that was set up by station_config. */
void station_config(station *s);
void station_open(station *s);

/* Also checks that all memory came back. */
void station_close(station *s);

#define TOKEN(...) ((proa_coap_token){{__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})})

size_t letter_write(const letter *l, uint8_t *buf, size_t cap);
void tell(station *s, const proa_coap_peer *from, const letter *l);
void tell_bytes(station *s, const proa_coap_peer *from, const void *bytes, size_t len);

/* The next datagram, until eight more were heard; fails the test if there is none. */
const heard *hear(station *s);
void hear_nothing(station *s);

/* The next event, into s->event; fails the test if it is none of that kind. */
proa_coap_event *expect(station *s, proa_coap_event_kind kind);
void expect_nothing(station *s);

/* Go on by so much, running what is due. */
void pass_ms(station *s, uint64_t ms);

/* Checks type and code. */
void is_message(const heard *h, proa_coap_type type, uint8_t code);

/* An option's uint, UINT32_MAX if it is absent. */
uint32_t option_of(const proa_coap_msg *m, uint16_t number);
bool has_option(const proa_coap_msg *m, uint16_t number);

/* Answer the request of s->event with a code and a payload. */
void answer(station *s, uint8_t code, const char *payload);

/* Send a GET /a to `to`; returns its id. */
proa_coap_id ask(station *s, const proa_coap_peer *to, uint8_t code, const char *payload);

/* n bytes that differ from block to block. Static. */
proa_span pattern(size_t n);

#endif
