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

/* What comes of a question. */
typedef struct proa__verdict {
    proa_outcome outcome;
    uint8_t code;
    bool via_server;
    proa_err err;
    uint32_t retry_ms;
} proa__verdict;

enum { PROA__ASK_ENDPOINT = 0, PROA__ASK_PAYLOAD = 1, PROA__ASK_ATTRIBUTES = 2 };

typedef struct proa__ask {
    proa__row row; /* its instance is the id of the question */
    proa__ask_state state;
    proa__ask_state after;
    proa_operation op;
    uint8_t tries; /* times something was begun anew; bounded */
    bool told;     /* its OUTCOME was posted: it is, or is to be again, an observation */
    bool reasked;  /* /ac was asked because of a refusal; that happens once */
    bool wait;
    bool connected_told;
    uint8_t rights; /* to ask for */
    proa_path path;
    uint16_t format;
    uint16_t server;       /* Short Server ID to ask; 0 = the first that can be asked */
    proa_coap_id request;  /* PROBE, SENT, HELD */
    proa_coap_id before;   /* observes by an older key until `request` does; 0 = none */
    uint32_t pmax_s;       /* of its attributes; 0 = none */
    proa__verdict verdict; /* what is to be said at deadline_ms, or now */
    proa_account account;  /* CONNECT, SENT, HELD */
    uint64_t user;
    uint64_t deadline_ms; /* of everything before HELD */
    uint64_t resume_ms;   /* PAUSE; HELD: when it is looked after */
    uint64_t ac_ms;       /* when /ac was first sent for it; 0 = never */
} proa__ask;

/* How often a request under way is looked at for signs of a dead session. */
#define PROA__LOOK_MS 1000U

/* Two unanswered retransmissions: the third transmission went out. */
#define PROA__DEAD_TRANSMISSIONS 3U

/* The next question, of all that there are, or NULL; see proa__row_after. */
static inline proa__ask *proa__ask_after(const proa_c2c *c, const proa__ask *ask)
{
    return (proa__ask *)proa__row_after(&c->tables[PROA__ASKS], (const proa__row *)ask);
}

/* User values of our CoAP requests: what they are for, and for whom. */
enum { PROA__FOR_ASK = 1, PROA__FOR_PROBE = 2, PROA__FOR_AC = 3 };

static inline uint64_t proa__ask_user(unsigned what, proa_c2c_id id)
{
    return PROA__USER_EXTENSION | (uint64_t)what << 32 | id;
}

static inline proa_span proa__ask_endpoint(const proa__ask *ask)
{
    return proa__row_text(&ask->row, PROA__ASK_ENDPOINT);
}

/* ---- ask.c ------------------------------------------------------------------------------ */

/* The next question that is in this state, or NULL. */
proa__ask *proa__ask_in(const proa_c2c *c, proa__ask_state state, const proa__ask *after);

/* What is to be said of a question at its deadline. */
void proa__ask_late(proa__ask *ask, proa_outcome outcome, bool via_server, proa_err err);

/* End it and say so: its OUTCOME, or OBSERVE_END if that was told before. `m` is the message that
 * ended it, or NULL. */
void proa__ask_end(proa_c2c *c, proa__ask *ask, const proa_coap_msg *m);

/* Both: it ends with this. */
void proa__ask_fail(proa_c2c *c, proa__ask *ask, proa_outcome outcome, bool via_server,
                    proa_err err);

/* A message says no: the verdict that it is, and how long to wait with the next try. */
void proa__ask_judge(proa__ask *ask, proa_outcome outcome, bool via_server, const proa_coap_msg *m);

void proa__ask_pause(proa_c2c *c, proa__ask *ask, uint32_t ms, proa__ask_state after);
void proa__ask_tell(proa_c2c *c, const proa__ask *ask, proa_c2c_event_kind kind, uint16_t short_id,
                    const proa_span *text);

/* Go on with an account that should be there: connect, or send at once. */
void proa__ask_go(proa_c2c *c, proa__ask *ask);

/* ---- authorize.c ------------------------------------------------------------------------ */

/* True if asking for this path again may help: it was not asked for within the last minute. */
bool proa__ac_may_ask_again(proa_c2c *c, const proa__ask *ask);

/* Note that the peer let us do it. Renewal asks for what was granted. */
void proa__ac_note_served(proa_c2c *c, const proa__ask *ask);

/* As proa__requester.account_came. */
bool proa__ac_account_came(proa_c2c *c, uint16_t server);

/* Send what is due. */
void proa__ac_run(proa_c2c *c);
void proa__ac_event(proa_c2c *c, const proa_coap_event *event);

/* ---- request.c -------------------------------------------------------------------------- */

/* True if the operation makes sense on a path of this depth. */
bool proa__request_possible(proa_operation op, const proa_path *path);

/* True if it may be sent twice (RFC 7252 §5.1). */
bool proa__request_repeatable(proa_operation op);

/* Attributes as they are sent, "pmin=10&gt"; at most PROA__ATTRIBUTES_MAX bytes, or w->err. */
#define PROA__ATTRIBUTES_MAX 128
void proa__request_attributes(proa_writer *w, const proa_attributes *attributes);

/* Send the question to its peer; fills ask->request. As proa_coap_send.
 *
 * what  PROA__FOR_ASK; or PROA__FOR_PROBE: as a stranger would, a plain GET of the path */
PROA_CHECK proa_err proa__request_send(proa_c2c *c, proa__ask *ask, const proa_coap_peer *to,
                                       unsigned what);

#endif
