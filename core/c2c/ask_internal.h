/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_C2C_ASK_INTERNAL_H
#define PROA_CORE_C2C_ASK_INTERNAL_H

#include "core/c2c/c2c_internal.h"

/* What the three files of the asking part share.
 *
 *   ask.c        one question: its states, its one outcome
 *   authorize.c  POST /ac: one at a time for all questions, and renewal
 *   request.c    a question as a CoAP request */

typedef enum proa__ask_state {
    PROA__ASK_FREE = 0,
    PROA__ASK_PROBE,   /* a plain GET is under way */
    PROA__ASK_WANT,    /* wants /ac */
    PROA__ASK_ASKED,   /* its path is in the /ac under way */
    PROA__ASK_PAUSE,   /* goes on at resume_ms, with `after` */
    PROA__ASK_CONNECT, /* needs a session; perhaps a handshake is under way */
    PROA__ASK_SENT,    /* the peer has the request, or should have */
    PROA__ASK_HELD     /* an observation that the peer has accepted */
} proa__ask_state;

/* How a question ends, or would end if its time were over now. */
typedef struct proa__answer {
    proa_outcome outcome;
    uint8_t code;
    bool via_server;
    proa_err err;
    uint32_t retry_ms;
    uint16_t format;
    proa_span payload;
} proa__answer;

typedef struct proa__ask {
    proa__ask_state state;
    proa__ask_state after;
    proa_c2c_id id;
    uint64_t user;
    proa_operation op;
    proa_path path;
    uint16_t format;
    uint16_t server; /* Short Server ID to ask; 0 = the first that can be asked */
    uint8_t rights;  /* to ask for */
    bool wait;
    bool told;    /* its OUTCOME was posted: it is, or is to be again, an observation */
    bool reasked; /* /ac was asked because of a refusal; that happens once */
    bool connected_told;
    uint8_t tries;        /* times something was begun anew; bounded */
    proa_account account; /* CONNECT, SENT, HELD */
    proa_coap_id request; /* PROBE, SENT, HELD */
    uint64_t deadline_ms; /* of everything before HELD */
    uint64_t resume_ms;   /* PAUSE; HELD: when it is looked after */
    uint64_t ac_ms;       /* when /ac was first sent for it; 0 = never */
    proa__answer late;    /* what to say at deadline_ms */
    bool has_attributes;
    proa_attributes attributes;
    uint8_t endpoint_len;
    uint16_t payload_len;
    char endpoint[PROA_ENDPOINT_MAX];
    char probe_uri[PROA_URI_MAX];
    uint8_t probe_uri_len;
    uint8_t payload[PROA_C2C_PAYLOAD_MAX];
} proa__ask;

/* The one /ac under way. */
typedef struct proa__ac {
    bool open;
    uint16_t server;
    proa_coap_id request;
    uint8_t endpoint_len;
    char endpoint[PROA_ENDPOINT_MAX];
    proa_ac_body body;
    uint64_t since_ms;
    uint64_t look_ms;  /* open: when to see whether it is answered; PROA__NEVER = seen enough */
    uint64_t retry_ms; /* not before: our CoAP engine was full */
} proa__ac;

/* How often a request under way is looked at for signs of a dead session. */
#define PROA__LOOK_MS 1000U

/* Two unanswered retransmissions: the third transmission went out. */
#define PROA__DEAD_TRANSMISSIONS 3U

struct proa__asker {
    proa__ask *asks; /* limits.ask_max */
    proa__ac ac;
    proa_c2c_id last_id;
};

/* User values of our CoAP requests: what they are for, and for whom. */
enum { PROA__FOR_ASK = 1, PROA__FOR_PROBE = 2, PROA__FOR_AC = 3 };

static inline uint64_t proa__ask_user(unsigned what, proa_c2c_id id)
{
    return PROA__USER_EXTENSION | (uint64_t)what << 32 | id;
}

static inline proa_span proa__ask_endpoint(const proa__ask *ask)
{
    return proa_span_make(ask->endpoint, ask->endpoint_len);
}

/* ---- ask.c ------------------------------------------------------------------------------ */

/* End a question: its OUTCOME, or OBSERVE_END if that was told before. */
void proa__ask_finish(proa_c2c *c, proa__ask *ask, const proa__answer *answer);
void proa__ask_fail(proa_c2c *c, proa__ask *ask, proa_outcome outcome);
void proa__ask_fail_local(proa_c2c *c, proa__ask *ask, proa_err err);
void proa__ask_pause(proa_c2c *c, proa__ask *ask, uint32_t ms, proa__ask_state after);
void proa__ask_tell(proa_c2c *c, const proa__ask *ask, proa_c2c_event_kind kind, uint16_t short_id,
                    proa_span text);

/* Go on with an account that should be there: connect, or send at once. */
void proa__ask_go(proa_c2c *c, proa__ask *ask);

/* ---- authorize.c ------------------------------------------------------------------------ */

/* The path of a question as the server is asked for it. */
proa_ac_entry proa__ask_entry(const proa__ask *ask);

/* True if asking for this path again may help: it was not asked for within the last minute. */
bool proa__ac_may_ask_again(proa_c2c *c, const proa__ask *ask);

/* Note that the server was asked for this now; and that the peer let us do it. Renewal asks for
 * what was granted. */
void proa__ac_note_asked(proa_c2c *c, proa_span endpoint, const proa_ac_entry *entry, bool granted);
void proa__ac_note_served(proa_c2c *c, proa_span endpoint, const proa_ac_entry *entry);

/* Send what is due. */
void proa__ac_run(proa_c2c *c);
uint64_t proa__ac_next_ms(const proa_c2c *c);
void proa__ac_event(proa_c2c *c, const proa_coap_event *event);

/* ---- request.c -------------------------------------------------------------------------- */

/* True if the operation makes sense on a path of this depth. */
bool proa__request_possible(proa_operation op, const proa_path *path);

/* True if it may be sent twice (RFC 7252 §5.1). */
bool proa__request_repeatable(proa_operation op);

/* Send the question to its peer; fills ask->request. As proa_coap_send. */
PROA_CHECK proa_err proa__request_send(proa_c2c *c, proa__ask *ask, const proa_coap_peer *to);

/* The same as a stranger would: a plain GET of the path, without query and payload. */
PROA_CHECK proa_err proa__request_probe(proa_c2c *c, proa__ask *ask, const proa_addr *to);

/* Max-Age as a time to wait (RFC 7252 §5.10.5: 60 s if it is not there). */
uint32_t proa__request_retry_ms(const proa_coap_msg *m);

#endif
