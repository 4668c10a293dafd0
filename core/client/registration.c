/* SPDX-License-Identifier: Apache-2.0 */
/* Registration: one state machine per server account (Core 1.2 §6.2).
 *
 *     IDLE ----> CONNECTING ----> REGISTERING ----> REGISTERED <----> UPDATING
 *      ^   due        |  handshake     |  2.01          |  2.04          |
 *      |              v                v                |                | 4.04: register anew
 *      |           WAITING <-----------+----------------+----------------+ no answer
 *      |              | back-off over: CONNECTING, or talk on the session that is there
 *      +-- STOPPING --+ De-register (stop), WAITING for /1/x/5 (Disable)
 *
 * A Location outlives sessions: after a new handshake the client first tries an Update with it and
 * registers anew only if the server does not know it, so observations survive a changed address.
 * A request that has been sent three times without an answer starts a second handshake beside the
 * session; when it succeeds, everything moves there (proa_coap_peer_moved).
 *
 * Back-off: 2 s doubling to 200 s, plus up to half of it at random, so 2 s to 5 min; Max-Age of a
 * 5.03 or 4.29 makes it longer. An Update goes out 2 min before the lifetime ends (a lost one then
 * still has its whole retransmission, 93 s), at half of a short lifetime, up to 1/16 earlier at
 * random, lest a fleet that started together stays together. */
#include <string.h>

#include "core/client/client_internal.h"
#include "core/coap/sealed.h"
#include "proa/payload.h"

#define BACK_OFF_FIRST_MS 2000U
#define BACK_OFF_LAST_MS 200000U
#define UPDATE_MARGIN_MS 120000U
#define DEREGISTER_TIMEOUT_MS 5000U
#define DEAD_AFTER_TRANSMISSIONS 3

static void talk(proa_client *c, proa__server *s);
static void left(proa_client *c, proa__server *s, bool answered);
static void unanswered(proa_client *c, proa__server *s, proa_err err);

static void set_registered(proa_client *c, proa__server *s, bool registered)
{
    bool was = s->registered;
    s->registered = registered;
    if ((was || registered) && c->extension != NULL && c->extension->registration != NULL) {
        c->extension->registration(c->extension->ctx, c->now_ms, s->short_id, registered);
    }
}

/* ---- sessions --------------------------------------------------------------------------- */

/* The end of all dealings: observations and requests of others go, too. */
static void close_session(proa_client *c, proa__server *s)
{
    proa__client_drop_session(c, c->now_ms, s->opening);
    proa__client_drop_session(c, c->now_ms, s->peer.session);
    proa__client_drop_session(c, c->now_ms, s->lost);
    s->opening = s->peer.session = s->lost = 0;
}

/* The session leads nowhere. What hangs on it waits for the next one. */
static void lose_session(proa_client *c, proa__server *s)
{
    proa_secure *box = c->config.secure;
    s->resuming = true;
    if (s->peer.session != 0) {
        proa__session_remove(c, s->peer.session);
        box->class_->close(box, c->now_ms, s->peer.session, false);
        s->lost = s->peer.session;
        s->peer.session = 0;
    }
}

static void cancel_request(proa_client *c, proa__server *s)
{
    if (s->request != 0) {
        proa_coap_cancel(c->coap, c->now_ms, s->request, false);
        s->request = 0;
    }
}

static void fail(proa_client *c, proa__server *s, proa_err err, uint8_t code, uint32_t at_least_ms)
{
    uint32_t base = BACK_OFF_FIRST_MS << (s->attempt < 8 ? s->attempt : 8);
    base = base < BACK_OFF_LAST_MS ? base : BACK_OFF_LAST_MS;
    uint32_t wait_ms = base + proa_random_below(&c->config.random, base / 2 + 1);
    wait_ms = wait_ms < at_least_ms ? at_least_ms : wait_ms;
    s->attempt = (uint8_t)(s->attempt + (s->attempt < UINT8_MAX));
    s->state = PROA_REG_WAITING;
    s->due_ms = c->now_ms + wait_ms;
    proa_client_event *event = proa__client_tell(c, PROA_CLIENT_REGISTER_FAILED, s->short_id);
    event->err = err;
    event->code = code;
    event->retry_ms = wait_ms;
}

static proa_err open_session(proa_client *c, proa__server *s)
{
    proa_psk psk;
    proa_secure *box = c->config.secure;
    memcpy(psk.key, s->key, s->key_len);
    psk.key_len = s->key_len;
    psk.account = proa__server_account_of(c, s);
    proa_err err =
        box->class_->open(box, c->now_ms, &s->peer.addr,
                          proa_span_make(s->identity, s->identity_len), &psk, &s->opening);
    proa_wipe(&psk, sizeof psk);
    if (err != PROA_OK) {
        s->opening = 0;
    }
    return err;
}

/* A second handshake beside a session that may be dead. */
static void open_beside(proa_client *c, proa__server *s)
{
    if (s->peer.session != 0 && s->opening == 0) {
        s->beside_tried = true;
        proa_err err = open_session(c, s);
        (void)err; /* without it the request just times out */
    }
}

void proa__client_doubt_server(proa_client *c, uint64_t now_ms, uint16_t short_id)
{
    proa__server *s = proa__server_by_id(c, short_id);
    c->now_ms = now_ms;
    /* An Update of ours may wait behind the request that is not answered (NSTART). */
    if (s != NULL && s->state != PROA_REG_STOPPING) {
        open_beside(c, s);
    }
}

static void begin(proa_client *c, proa__server *s)
{
    if (proa__server_connected(s)) {
        talk(c, s);
        return;
    }
    proa_err err = open_session(c, s);
    s->state = PROA_REG_CONNECTING;
    if (err != PROA_OK) {
        fail(c, s, err, 0, 0);
    }
}

void proa__registration_connected(proa_client *c, proa__server *s, const proa_secure_event *event)
{
    proa_coap_peer old = s->peer;
    /* Said again as a new request below; a POST is not repeated by the engine. */
    cancel_request(c, s);
    lose_session(c, s);
    old.session = s->lost;
    s->peer.session = event->session;
    if (old.session != 0) {
        proa_coap_peer_moved(c->coap, c->now_ms, &old, &s->peer);
    }
    s->opening = s->lost = 0;
    if (s->state != PROA_REG_STOPPING) {
        talk(c, s);
    }
}

static proa_err reason_err(proa_secure_reason reason)
{
    switch (reason) {
    case PROA_SECURE_REASON_TIMEOUT:
        return PROA_E_TIMEOUT;
    case PROA_SECURE_REASON_HANDSHAKE:
        return PROA_E_CRYPTO;
    case PROA_SECURE_REASON_EVICTED:
    case PROA_SECURE_REASON_RESOURCES:
        return PROA_E_FULL;
    case PROA_SECURE_REASON_PEER_CLOSED:
        break;
    }
    return PROA_E_STATE;
}

void proa__registration_closed(proa_client *c, proa__server *s, const proa_secure_event *event)
{
    proa_err err = reason_err(event->reason);
    if (event->session == s->opening) {
        s->opening = 0;
        if (s->state == PROA_REG_CONNECTING) {
            fail(c, s, err, 0, 0);
        }
        return;
    }
    if (event->session != s->peer.session) {
        return;
    }
    lose_session(c, s);
    cancel_request(c, s);
    if (s->state == PROA_REG_REGISTERED) {
        s->state = PROA_REG_WAITING;
        s->due_ms = c->now_ms + proa_random_below(&c->config.random, BACK_OFF_FIRST_MS);
    } else if (s->state == PROA_REG_STOPPING) {
        left(c, s, false);
    } else if (s->state != PROA_REG_CONNECTING) {
        unanswered(c, s, err);
    }
}

/* ---- what is said ----------------------------------------------------------------------- */

/* The formats we speak; plain text and opaque go without saying. */
static void write_formats(proa_writer *w)
{
    uint16_t format;
    const char *before = "";
    for (size_t i = 0; (format = proa_format_at(i)) != PROA_FORMAT_NONE; i++) {
        if (format != PROA_FORMAT_TEXT && format != PROA_FORMAT_OPAQUE) {
            proa_write_text(w, before);
            proa_write_decimal(w, format);
            before = " ";
        }
    }
}

/* `</>;rt="oma.lwm2m";ct="..."` and every object but 0, with versions and instances (§6.2.1). */
static proa_err render_list(proa_client *c, proa_span *out)
{
    proa_writer w = proa_writer_make(c->scratch, c->scratch_cap);
    proa_write_text(&w, "</>;rt=\"oma.lwm2m\";ct=\"");
    write_formats(&w);
    proa_write_text(&w, "\"");
    for (uint16_t n = 0; n < c->object_count; n++) {
        const proa_object *object = c->objects[n];
        proa_path path = proa_path_make(1, object->id, 0, 0);
        int32_t i = proa__model_next_instance(object, -1);
        if (object->id == PROA_OBJECT_SECURITY) {
            continue;
        }
        if (i < 0 || proa__model_versioned(object)) {
            proa__discover_write_path(&w, &path);
            proa__discover_write_version(&w, object);
        }
        for (path.depth = 2; i >= 0; i = proa__model_next_instance(object, i)) {
            path.ids[1] = (uint16_t)i;
            proa__discover_write_path(&w, &path);
        }
    }
    *out = proa_writer_span(&w);
    return w.err;
}

typedef struct message {
    proa_coap_request request;
    proa_coap_option options[PROA_URI_PATH_SEGMENTS_MAX + 6];
    uint8_t format;
    uint8_t lifetime[3 + 10];
} message;

static void add_option(message *m, uint16_t number, proa_span value)
{
    proa_coap_option *option = &m->options[m->request.option_count++];
    option->number = number;
    option->value = value;
}

static void add_text(message *m, uint16_t number, const char *text)
{
    add_option(m, number, proa_span_of(text));
}

static void add_location(message *m, const proa__server *s)
{
    proa_reader r = proa_reader_make(proa_span_make(s->location, s->location_len));
    while (proa_reader_left(&r) > 0) {
        add_option(m, PROA_COAP_OPT_URI_PATH, proa_read_span(&r, proa_read_u8(&r)));
    }
}

static proa_err add_list(proa_client *c, message *m)
{
    m->format = PROA_FORMAT_LINK;
    add_option(m, PROA_COAP_OPT_CONTENT_FORMAT, proa_span_make(&m->format, 1));
    return render_list(c, &m->request.payload);
}

static void add_lifetime(message *m, const proa__server *s)
{
    proa_writer w = proa_writer_make(m->lifetime, sizeof m->lifetime);
    proa_write_text(&w, "lt=");
    proa_write_decimal(&w, s->settings.lifetime_s);
    add_option(m, PROA_COAP_OPT_URI_QUERY, proa_writer_span(&w));
}

/* Register, Update or De-register: which one is named by the state that waits for its answer. A
 * Register says everything, an Update what has changed since, a De-register nothing. */
static proa_err send(proa_client *c, proa__server *s, proa_registration_state state)
{
    message m;
    proa_err err = PROA_OK;
    bool everything = state == PROA_REG_REGISTERING;
    bool nothing = state == PROA_REG_STOPPING;
    memset(&m.request, 0, sizeof m.request);
    m.request.repeatable = true;
    m.request.code = nothing ? PROA_COAP_DELETE : PROA_COAP_POST;
    m.request.options = m.options;
    m.request.user = PROA__USER_SERVER | proa__server_instance(c, s);
    m.request.timeout_ms = nothing ? DEREGISTER_TIMEOUT_MS : 0;
    if (everything) {
        add_text(&m, PROA_COAP_OPT_URI_PATH, "rd");
    } else {
        add_location(&m, s);
    }
    if (everything || (s->list_changed && !nothing)) {
        err = add_list(c, &m);
    }
    if (everything) {
        add_option(&m, PROA_COAP_OPT_URI_QUERY, proa_span_make(c->endpoint, c->endpoint_len));
    }
    if (everything || (s->lifetime_changed && !nothing)) {
        add_lifetime(&m, s);
    }
    if (everything) {
        add_text(&m, PROA_COAP_OPT_URI_QUERY, s->older ? "lwm2m=1.1" : "lwm2m=1.2");
        add_text(&m, PROA_COAP_OPT_URI_QUERY, "b=U");
    }
    if (everything && c->config.queue_mode) {
        add_text(&m, PROA_COAP_OPT_URI_QUERY, "Q");
    }
    s->list_changed = s->lifetime_changed = s->beside_tried = s->keys_refused = false;
    s->update_ms = PROA_NEVER;
    s->state = (uint8_t)state;
    s->request = 0;
    return err != PROA_OK ? err
                          : proa_coap_send(c->coap, c->now_ms, &s->peer, &m.request, &s->request);
}

/* The state of a failed attempt follows. */
static void say(proa_client *c, proa__server *s, proa_registration_state state)
{
    proa_err err = send(c, s, state);
    if (err != PROA_OK) {
        s->request = 0;
        fail(c, s, err, 0, 0);
    }
}

static void send_register(proa_client *c, proa__server *s)
{
    set_registered(c, s, false);
    proa__report_forget(c, proa__server_account_of(c, s)); /* §6.2.1: they do not outlive it */
    say(c, s, PROA_REG_REGISTERING);
}

static void talk(proa_client *c, proa__server *s)
{
    if (s->registered && c->now_ms < s->expires_ms) {
        say(c, s, PROA_REG_UPDATING);
    } else {
        send_register(c, s);
    }
}

/* ---- leaving ---------------------------------------------------------------------------- */

/* Not registered from here on; for a disabled server the next attempt comes after /1/x/5. */
static void left(proa_client *c, proa__server *s, bool answered)
{
    set_registered(c, s, false);
    proa__report_forget(c, proa__server_account_of(c, s));
    close_session(c, s);
    s->attempt = 0;
    s->state = c->stopping ? PROA_REG_IDLE : PROA_REG_WAITING;
    s->due_ms = c->stopping ? PROA_NEVER : c->now_ms + (uint64_t)s->settings.disable_s * 1000;
    s->disable_wanted = false;
    if (answered) {
        (void)proa__client_tell(c, PROA_CLIENT_DEREGISTERED, s->short_id);
    }
}

static void leave(proa_client *c, proa__server *s)
{
    bool can = s->registered && proa__server_connected(s);
    cancel_request(c, s);
    s->state = PROA_REG_STOPPING;
    if (!can || send(c, s, PROA_REG_STOPPING) != PROA_OK) {
        left(c, s, false);
    }
}

void proa_client_stop(proa_client *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    c->stopping = true;
    for (proa__server *s = NULL; (s = proa__server_next(c, s)) != NULL;) {
        if (s->state != PROA_REG_STOPPING) {
            leave(c, s);
        }
    }
}

/* ---- what came back --------------------------------------------------------------------- */

static uint64_t update_after_ms(const proa_client *c, const proa__server *s)
{
    uint64_t lifetime_ms = (uint64_t)s->settings.lifetime_s * 1000;
    uint64_t after = lifetime_ms / 2;
    if (lifetime_ms > 2 * (uint64_t)UPDATE_MARGIN_MS) {
        after = lifetime_ms - UPDATE_MARGIN_MS;
    }
    uint32_t spread = after / 16 < UINT32_MAX ? (uint32_t)(after / 16) : UINT32_MAX - 1;
    return after - proa_random_below(&c->config.random, spread + 1);
}

static void succeeded(proa_client *c, proa__server *s, proa_client_event_kind kind)
{
    s->state = PROA_REG_REGISTERED;
    s->resuming = false;
    s->attempt = 0;
    s->due_ms = PROA_NEVER;
    s->expires_ms = PROA_NEVER;
    if (s->settings.lifetime_s > 0) {
        s->due_ms = c->now_ms + update_after_ms(c, s);
        s->expires_ms = c->now_ms + (uint64_t)s->settings.lifetime_s * 1000;
    }
    set_registered(c, s, true);
    (void)proa__client_tell(c, kind, s->short_id);
}

static proa_err keep_location(proa__server *s, const proa_coap_msg *m)
{
    proa_writer w = proa_writer_make(s->location, sizeof s->location);
    proa_coap_options it = proa_coap_options_of(m);
    proa_coap_option option;
    unsigned segments = 0;
    while (proa_coap_option_next(&it, &option)) {
        if (option.number == PROA_COAP_OPT_LOCATION_PATH) {
            proa_write_uint(&w, option.value.len, 1);
            proa_write_span(&w, option.value);
            segments++;
        }
    }
    s->location_len = (uint8_t)w.len;
    return segments == 0 || segments > PROA_URI_PATH_SEGMENTS_MAX ? PROA_E_FORMAT : w.err;
}

static uint32_t max_age_ms(const proa_coap_msg *m)
{
    uint32_t age_s = proa_coap_option_uint(m, PROA_COAP_OPT_MAX_AGE, 0);
    return (age_s < 86400 ? age_s : 86400) * 1000;
}

static void answered(proa_client *c, proa__server *s, const proa_coap_msg *m)
{
    bool busy = m->code == PROA_COAP_TOO_MANY_REQUESTS || PROA_COAP_CLASS(m->code) == 5;
    bool registering = s->state == PROA_REG_REGISTERING;
    if (registering && m->code == PROA_COAP_CREATED) {
        proa_err err = keep_location(s, m);
        if (err == PROA_OK) {
            succeeded(c, s, PROA_CLIENT_REGISTERED);
        } else {
            fail(c, s, err, m->code, 0);
        }
        return;
    }
    if (!registering && m->code == PROA_COAP_CHANGED) {
        succeeded(c, s, PROA_CLIENT_UPDATED);
        return;
    }
    s->list_changed = true; /* whatever the request carried has not arrived */
    s->lifetime_changed = true;
    bool too_new = registering && m->code == PROA_COAP_PRECONDITION_FAILED && !s->older;
    s->older = s->older || too_new; /* our version is not one of its own, §6.2.1 */
    if (too_new || (!registering && !busy)) {
        send_register(c, s); /* it does not know us (any more), §6.2.2 */
        return;
    }
    fail(c, s, PROA_OK, m->code, busy ? max_age_ms(m) : 0);
}

/* The server has lost what it knew of our OSCORE keys, or somebody wants us to think so. It cannot
 * begin anew, because it does not know where we are: so we do (RFC 8613 Appendix B.2). But only after
 * a whole exchange without a protected answer, which nobody can bring about who merely sends: that
 * is once in MAX_TRANSMIT_WAIT. */
static void renew_keys(proa_client *c, proa__server *s)
{
    const proa_coap_oscore *oscore = c->config.coap.oscore;
    if (s->keys_refused && s->oscore != NULL) {
        (void)oscore->renew(oscore->ctx, s->peer.account); /* else the old ones are tried again */
    }
    s->keys_refused = false;
}

static void unanswered(proa_client *c, proa__server *s, proa_err err)
{
    s->list_changed = true;
    s->lifetime_changed = true;
    renew_keys(c, s);
    if (s->opening != 0) {
        s->state = PROA_REG_CONNECTING; /* the handshake beside it is still under way */
        return;
    }
    lose_session(c, s);
    fail(c, s, err, 0, 0);
}

void proa__registration_coap_event(proa_client *c, const proa_coap_event *event)
{
    uint16_t i = (uint16_t)event->user;
    if (i >= c->config.server_max || c->servers[i].request != event->request) {
        return;
    }
    if (event->kind == PROA_COAP_EVENT_UNPROTECTED) {
        c->servers[i].keys_refused = true; /* anybody can say that */
        return;
    }
    proa__server *s = &c->servers[i];
    s->request = 0;
    bool response = event->kind == PROA_COAP_EVENT_RESPONSE;
    if (s->state == PROA_REG_STOPPING) {
        left(c, s, response);
    } else if (response) {
        answered(c, s, &event->msg);
    } else {
        unanswered(c, s, PROA_E_TIMEOUT);
    }
}

/* ---- time ------------------------------------------------------------------------------- */

void proa__registration_want(proa_client *c, proa__server *s, uint32_t delay_ms)
{
    uint64_t at = c->now_ms + delay_ms;
    s->update_ms = at < s->update_ms ? at : s->update_ms;
}

static uint64_t next_of(const proa_client *c, const proa__server *s)
{
    switch (s->state) {
    case PROA_REG_IDLE:
    case PROA_REG_WAITING:
        return c->stopping ? PROA_NEVER : s->due_ms;
    case PROA_REG_REGISTERED:
        if (s->disable_wanted) {
            return 0;
        }
        return s->update_ms < s->due_ms ? s->update_ms : s->due_ms;
    default:
        return PROA_NEVER; /* the CoAP engine and the box have the deadlines */
    }
}

static void run_server(proa_client *c, proa__server *s)
{
    if (s->registered && c->now_ms >= s->expires_ms) {
        set_registered(c, s, false);
    }
    if (c->now_ms >= next_of(c, s)) {
        if (s->state == PROA_REG_REGISTERED && s->disable_wanted) {
            leave(c, s);
        } else {
            begin(c, s);
        }
        return;
    }
    bool asking = s->state == PROA_REG_REGISTERING || s->state == PROA_REG_UPDATING;
    if (asking && !s->beside_tried &&
        proa_coap_transmissions(c->coap, s->request) >= DEAD_AFTER_TRANSMISSIONS) {
        open_beside(c, s);
    }
}

void proa__registration_run(proa_client *c)
{
    for (proa__server *s = NULL; (s = proa__server_next(c, s)) != NULL;) {
        run_server(c, s);
    }
}

uint64_t proa__registration_next_ms(const proa_client *c)
{
    uint64_t next = PROA_NEVER;
    for (proa__server *s = NULL; (s = proa__server_next(c, s)) != NULL;) {
        uint64_t at = next_of(c, s);
        next = at < next ? at : next;
        if (s->registered && s->expires_ms < next) {
            next = s->expires_ms;
        }
    }
    return next;
}

/* ---- on request ------------------------------------------------------------------------- */

void proa__client_list_changed(proa_client *c, uint32_t delay_ms)
{
    for (proa__server *s = NULL; (s = proa__server_next(c, s)) != NULL;) {
        s->list_changed = true;
        proa__registration_want(c, s, delay_ms);
    }
}

void proa_client_objects_changed(proa_client *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    proa__client_list_changed(c, 0);
}

void proa_client_update(proa_client *c, uint64_t now_ms, uint16_t short_id)
{
    c->now_ms = now_ms;
    for (proa__server *s = NULL; (s = proa__server_next(c, s)) != NULL;) {
        if (short_id != 0 && s->short_id != short_id) {
            continue;
        }
        proa__registration_want(c, s, 0);
        if (s->state == PROA_REG_WAITING) {
            s->due_ms = now_ms;
        }
    }
}

/* The Update shows whether the old session still carries; if not, a new handshake follows after
 * its second retransmission. */
void proa_client_network_changed(proa_client *c, uint64_t now_ms)
{
    for (proa__server *s = NULL; (s = proa__server_next(c, s)) != NULL;) {
        s->attempt = 0;
    }
    proa_client_update(c, now_ms, 0);
}
