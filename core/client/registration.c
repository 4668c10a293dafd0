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
#include "proa/payload.h"

#define BACK_OFF_FIRST_MS 2000U
#define BACK_OFF_LAST_MS 200000U
#define UPDATE_MARGIN_MS 120000U
#define DEREGISTER_TIMEOUT_MS 5000U
#define DEAD_AFTER_TRANSMISSIONS 3

static void talk(proa_client *c, uint64_t now_ms, proa__server *s);
static void left(proa_client *c, uint64_t now_ms, proa__server *s, bool answered);
static void unanswered(proa_client *c, uint64_t now_ms, proa__server *s, proa_err err);

static void tell(proa_client *c, const proa__server *s, proa_client_event_kind kind)
{
    proa_client_event event;
    memset(&event, 0, sizeof event);
    event.kind = kind;
    event.short_id = s->short_id;
    proa__client_tell(c, &event);
}

static void set_registered(proa_client *c, uint64_t now_ms, proa__server *s, bool registered)
{
    bool was = s->registered;
    s->registered = registered;
    if ((was || registered) && c->extension != NULL && c->extension->registration != NULL) {
        c->extension->registration(c->extension->ctx, now_ms, s->short_id, registered);
    }
}

/* ---- sessions --------------------------------------------------------------------------- */

/* The end of all dealings: observations and requests of others go, too. */
static void close_session(proa_client *c, uint64_t now_ms, proa__server *s)
{
    proa_secure *box = c->config.secure;
    proa_coap_peer ends[2] = {{s->addr, s->session}, {s->addr, s->lost}};
    for (size_t i = 0; i < 2; i++) {
        if (ends[i].session != 0) {
            proa_coap_peer_gone(c->coap, now_ms, &ends[i]);
        }
    }
    if (s->opening != 0) {
        box->class_->close(box, now_ms, s->opening, true);
    }
    if (s->session != 0) {
        proa__session_remove(c, s->session);
        box->class_->close(box, now_ms, s->session, true);
    }
    s->opening = s->session = s->lost = 0;
}

/* The session leads nowhere. What hangs on it waits for the next one. */
static void lose_session(proa_client *c, uint64_t now_ms, proa__server *s)
{
    s->resuming = true;
    if (s->session != 0) {
        proa__session_remove(c, s->session);
        c->config.secure->class_->close(c->config.secure, now_ms, s->session, false);
        s->lost = s->session;
        s->session = 0;
    }
}

static void fail(proa_client *c, uint64_t now_ms, proa__server *s, proa_err err, uint8_t code,
                 uint32_t at_least_ms)
{
    proa_client_event event;
    uint32_t base = BACK_OFF_FIRST_MS << (s->attempt < 8 ? s->attempt : 8);
    base = base < BACK_OFF_LAST_MS ? base : BACK_OFF_LAST_MS;
    uint32_t wait_ms = base + proa_random_below(&c->config.random, base / 2 + 1);
    wait_ms = wait_ms < at_least_ms ? at_least_ms : wait_ms;
    s->attempt = (uint8_t)(s->attempt + (s->attempt < UINT8_MAX));
    s->state = PROA_REG_WAITING;
    s->due_ms = now_ms + wait_ms;
    memset(&event, 0, sizeof event);
    event.kind = PROA_CLIENT_REGISTER_FAILED;
    event.short_id = s->short_id;
    event.err = err;
    event.code = code;
    event.retry_ms = wait_ms;
    proa__client_tell(c, &event);
}

static proa_err open_session(proa_client *c, uint64_t now_ms, proa__server *s)
{
    proa_psk psk;
    proa_secure *box = c->config.secure;
    memcpy(psk.key, s->key, s->key_len);
    psk.key_len = s->key_len;
    psk.account = proa__server_account_of(c, s);
    proa_err err = box->class_->open(
        box, now_ms, &s->addr, proa_span_make(s->identity, s->identity_len), &psk, &s->opening);
    proa_wipe(&psk, sizeof psk);
    if (err != PROA_OK) {
        s->opening = 0;
    }
    return err;
}

void proa__client_doubt_server(proa_client *c, uint64_t now_ms, uint16_t short_id)
{
    proa__server *s = proa__server_by_id(c, short_id);
    bool in_use = s != NULL && s->session != 0 && s->state != PROA_REG_STOPPING;
    /* An Update of ours may wait behind the request that is not answered (NSTART). */
    if (in_use && s->opening == 0) {
        s->beside_tried = true;
        proa_err err = open_session(c, now_ms, s);
        (void)err; /* without it the request just times out */
    }
}

static void begin(proa_client *c, uint64_t now_ms, proa__server *s)
{
    if (s->mode == PROA_SECURITY_NOSEC || s->session != 0) {
        talk(c, now_ms, s);
        return;
    }
    proa_err err = open_session(c, now_ms, s);
    if (err != PROA_OK) {
        fail(c, now_ms, s, err, 0, 0);
        return;
    }
    s->state = PROA_REG_CONNECTING;
}

void proa__registration_connected(proa_client *c, uint64_t now_ms, proa__server *s,
                                  const proa_secure_event *event)
{
    if (event->session != s->opening) {
        return;
    }
    proa_coap_peer peer = {s->addr, event->session};
    proa_coap_peer old = {s->addr, s->session != 0 ? s->session : s->lost};
    if (s->request != 0) {
        /* Said again as a new request below; a POST is not repeated by the engine. */
        proa_coap_cancel(c->coap, now_ms, s->request, false);
        s->request = 0;
    }
    lose_session(c, now_ms, s);
    if (old.session != 0) {
        proa_coap_peer_moved(c->coap, now_ms, &old, &peer);
    }
    s->opening = s->lost = 0;
    s->session = event->session;
    if (s->state != PROA_REG_STOPPING) {
        talk(c, now_ms, s);
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

void proa__registration_closed(proa_client *c, uint64_t now_ms, proa__server *s,
                               const proa_secure_event *event)
{
    if (event->session == s->opening) {
        s->opening = 0;
        if (s->state == PROA_REG_CONNECTING) {
            fail(c, now_ms, s, reason_err(event->reason), 0, 0);
        }
        return;
    }
    if (event->session != s->session) {
        return;
    }
    lose_session(c, now_ms, s);
    if (s->request != 0) {
        proa_coap_cancel(c->coap, now_ms, s->request, false);
        s->request = 0;
    }
    if (s->state == PROA_REG_REGISTERED) {
        s->state = PROA_REG_WAITING;
        s->due_ms = now_ms + proa_random_below(&c->config.random, BACK_OFF_FIRST_MS);
    } else if (s->state == PROA_REG_STOPPING) {
        left(c, now_ms, s, false);
    } else if (s->state != PROA_REG_CONNECTING) {
        unanswered(c, now_ms, s, reason_err(event->reason));
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
        bool versioned = object->version_major != 1 || object->version_minor != 0;
        if (object->id == PROA_OBJECT_SECURITY) {
            continue;
        }
        if (versioned || i < 0) {
            proa_write_text(&w, ",<");
            proa_path_write(&w, &path);
            proa_write_text(&w, ">");
        }
        if (versioned) {
            proa_write_text(&w, ";ver=");
            proa_write_decimal(&w, object->version_major);
            proa_write_text(&w, ".");
            proa_write_decimal(&w, object->version_minor);
        }
        for (; i >= 0; i = proa__model_next_instance(object, i)) {
            path = proa_path_make(2, object->id, (uint16_t)i, 0);
            proa_write_text(&w, ",<");
            proa_path_write(&w, &path);
            proa_write_text(&w, ">");
        }
    }
    *out = proa_writer_span(&w);
    return w.err;
}

typedef struct message {
    proa_coap_request request;
    proa_coap_option options[PROA_URI_PATH_SEGMENTS_MAX + 6];
    uint8_t format;
    uint8_t endpoint[3 + PROA_ENDPOINT_MAX];
    uint8_t lifetime[3 + 10];
} message;

static void add_option(message *m, uint16_t number, proa_span value)
{
    proa_coap_option option = {number, value};
    m->options[m->request.option_count++] = option;
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

static void start(message *m, const proa_client *c, const proa__server *s, uint8_t code)
{
    memset(&m->request, 0, sizeof m->request);
    m->request.code = code;
    m->request.options = m->options;
    m->request.user = PROA__USER_SERVER | (uint16_t)(s - c->servers);
}

static void send(proa_client *c, uint64_t now_ms, proa__server *s, const message *m, proa_err err,
                 proa_registration_state state)
{
    proa_coap_peer peer = proa__server_peer_of(s);
    if (err == PROA_OK) {
        err = proa_coap_send(c->coap, now_ms, &peer, &m->request, &s->request);
    }
    if (err != PROA_OK) {
        s->request = 0;
        fail(c, now_ms, s, err, 0, 0);
        return;
    }
    s->state = (uint8_t)state;
    s->beside_tried = false;
}

static void send_register(proa_client *c, uint64_t now_ms, proa__server *s)
{
    message m;
    proa_writer w = proa_writer_make(m.endpoint, sizeof m.endpoint);
    set_registered(c, now_ms, s, false);
    proa__report_forget(c, proa__server_account_of(c, s)); /* §6.2.1: they do not outlive it */
    start(&m, c, s, PROA_COAP_POST);
    add_option(&m, PROA_COAP_OPT_URI_PATH, proa_span_of("rd"));
    proa_err err = add_list(c, &m);
    proa_write_text(&w, "ep=");
    proa_write_span(&w, c->config.endpoint);
    add_option(&m, PROA_COAP_OPT_URI_QUERY, proa_writer_span(&w));
    add_lifetime(&m, s);
    add_option(&m, PROA_COAP_OPT_URI_QUERY, proa_span_of(s->older ? "lwm2m=1.1" : "lwm2m=1.2"));
    add_option(&m, PROA_COAP_OPT_URI_QUERY, proa_span_of("b=U"));
    if (c->config.queue_mode) {
        add_option(&m, PROA_COAP_OPT_URI_QUERY, proa_span_of("Q"));
    }
    s->update_wanted = s->list_changed = s->lifetime_changed = false;
    send(c, now_ms, s, &m, err, PROA_REG_REGISTERING);
}

static void send_update(proa_client *c, uint64_t now_ms, proa__server *s)
{
    message m;
    proa_err err = PROA_OK;
    start(&m, c, s, PROA_COAP_POST);
    add_location(&m, s);
    if (s->list_changed) {
        err = add_list(c, &m);
    }
    if (s->lifetime_changed) {
        add_lifetime(&m, s);
    }
    s->update_wanted = s->list_changed = s->lifetime_changed = false;
    send(c, now_ms, s, &m, err, PROA_REG_UPDATING);
}

static void talk(proa_client *c, uint64_t now_ms, proa__server *s)
{
    if (s->registered && now_ms < s->expires_ms) {
        send_update(c, now_ms, s);
    } else {
        send_register(c, now_ms, s);
    }
}

/* ---- leaving ---------------------------------------------------------------------------- */

/* Not registered from here on; for a disabled server the next attempt comes after /1/x/5. */
static void left(proa_client *c, uint64_t now_ms, proa__server *s, bool answered)
{
    set_registered(c, now_ms, s, false);
    proa__report_forget(c, proa__server_account_of(c, s));
    close_session(c, now_ms, s);
    s->attempt = 0;
    s->state = c->stopping ? PROA_REG_IDLE : PROA_REG_WAITING;
    s->due_ms = c->stopping ? PROA_NEVER : now_ms + (uint64_t)s->settings.disable_s * 1000;
    s->disable_wanted = false;
    if (answered) {
        tell(c, s, PROA_CLIENT_DEREGISTERED);
    }
}

static void leave(proa_client *c, uint64_t now_ms, proa__server *s)
{
    message m;
    proa_coap_peer peer = proa__server_peer_of(s);
    if (s->request != 0) {
        proa_coap_cancel(c->coap, now_ms, s->request, false);
        s->request = 0;
    }
    start(&m, c, s, PROA_COAP_DELETE);
    add_location(&m, s);
    m.request.timeout_ms = DEREGISTER_TIMEOUT_MS;
    bool can = s->registered && (s->mode == PROA_SECURITY_NOSEC || s->session != 0);
    s->state = PROA_REG_STOPPING;
    if (!can || proa_coap_send(c->coap, now_ms, &peer, &m.request, &s->request) != PROA_OK) {
        left(c, now_ms, s, false);
    }
}

void proa_client_stop(proa_client *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    c->stopping = true;
    for (uint16_t i = 0; i < c->config.server_max; i++) {
        if (c->servers[i].used && c->servers[i].state != PROA_REG_STOPPING) {
            leave(c, now_ms, &c->servers[i]);
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

static void succeeded(proa_client *c, uint64_t now_ms, proa__server *s, proa_client_event_kind kind)
{
    s->state = PROA_REG_REGISTERED;
    s->resuming = false;
    s->attempt = 0;
    s->due_ms = PROA_NEVER;
    s->expires_ms = PROA_NEVER;
    if (s->settings.lifetime_s > 0) {
        s->due_ms = now_ms + update_after_ms(c, s);
        s->expires_ms = now_ms + (uint64_t)s->settings.lifetime_s * 1000;
    }
    set_registered(c, now_ms, s, true);
    tell(c, s, kind);
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

static void answered(proa_client *c, uint64_t now_ms, proa__server *s, const proa_coap_msg *m)
{
    bool busy = m->code == PROA_COAP_TOO_MANY_REQUESTS || PROA_COAP_CLASS(m->code) == 5;
    bool registering = s->state == PROA_REG_REGISTERING;
    if (registering && m->code == PROA_COAP_CREATED) {
        proa_err err = keep_location(s, m);
        if (err == PROA_OK) {
            succeeded(c, now_ms, s, PROA_CLIENT_REGISTERED);
        } else {
            fail(c, now_ms, s, err, m->code, 0);
        }
        return;
    }
    if (!registering && m->code == PROA_COAP_CHANGED) {
        succeeded(c, now_ms, s, PROA_CLIENT_UPDATED);
        return;
    }
    s->list_changed = true; /* whatever the request carried has not arrived */
    s->lifetime_changed = true;
    bool too_new = registering && m->code == PROA_COAP_PRECONDITION_FAILED && !s->older;
    s->older = s->older || too_new; /* our version is not one of its own, §6.2.1 */
    if (too_new || (!registering && !busy)) {
        send_register(c, now_ms, s); /* it does not know us (any more), §6.2.2 */
        return;
    }
    fail(c, now_ms, s, PROA_OK, m->code, busy ? max_age_ms(m) : 0);
}

static void unanswered(proa_client *c, uint64_t now_ms, proa__server *s, proa_err err)
{
    s->list_changed = true;
    s->lifetime_changed = true;
    if (s->opening != 0) {
        s->state = PROA_REG_CONNECTING; /* the handshake beside it is still under way */
        return;
    }
    lose_session(c, now_ms, s);
    fail(c, now_ms, s, err, 0, 0);
}

void proa__registration_coap_event(proa_client *c, uint64_t now_ms, const proa_coap_event *event)
{
    uint16_t i = (uint16_t)event->user;
    if (i >= c->config.server_max || c->servers[i].request != event->request) {
        return;
    }
    proa__server *s = &c->servers[i];
    s->request = 0;
    bool response = event->kind == PROA_COAP_EVENT_RESPONSE;
    if (s->state == PROA_REG_STOPPING) {
        left(c, now_ms, s, response);
    } else if (response) {
        answered(c, now_ms, s, &event->msg);
    } else {
        unanswered(c, now_ms, s, PROA_E_TIMEOUT);
    }
}

/* ---- time ------------------------------------------------------------------------------- */

void proa__registration_want(proa__server *s, uint64_t now_ms, uint32_t delay_ms)
{
    uint64_t at = now_ms + delay_ms;
    if (!s->update_wanted || at < s->update_ms) {
        s->update_ms = at;
    }
    s->update_wanted = true;
}

static uint64_t next_of(const proa_client *c, const proa__server *s)
{
    uint64_t next = PROA_NEVER;
    switch (s->state) {
    case PROA_REG_IDLE:
    case PROA_REG_WAITING:
        return c->stopping ? PROA_NEVER : s->due_ms;
    case PROA_REG_REGISTERED:
        next = s->due_ms;
        if (s->update_wanted && s->update_ms < next) {
            next = s->update_ms;
        }
        return s->disable_wanted ? 0 : next;
    default:
        return PROA_NEVER; /* the CoAP engine and the box have the deadlines */
    }
}

static void run_server(proa_client *c, uint64_t now_ms, proa__server *s)
{
    if (s->registered && now_ms >= s->expires_ms) {
        set_registered(c, now_ms, s, false);
    }
    if (now_ms >= next_of(c, s)) {
        if (s->state == PROA_REG_REGISTERED && s->disable_wanted) {
            leave(c, now_ms, s);
        } else {
            begin(c, now_ms, s);
        }
        return;
    }
    bool asking = s->state == PROA_REG_REGISTERING || s->state == PROA_REG_UPDATING;
    if (asking && s->session != 0 && s->opening == 0 && !s->beside_tried &&
        proa_coap_transmissions(c->coap, s->request) >= DEAD_AFTER_TRANSMISSIONS) {
        s->beside_tried = true;
        proa_err err = open_session(c, now_ms, s);
        (void)err; /* without it the request just times out */
    }
}

void proa__registration_run(proa_client *c, uint64_t now_ms)
{
    for (uint16_t i = 0; i < c->config.server_max; i++) {
        if (c->servers[i].used) {
            run_server(c, now_ms, &c->servers[i]);
        }
    }
}

uint64_t proa__registration_next_ms(const proa_client *c)
{
    uint64_t next = PROA_NEVER;
    for (uint16_t i = 0; i < c->config.server_max; i++) {
        const proa__server *s = &c->servers[i];
        uint64_t at = s->used ? next_of(c, s) : PROA_NEVER;
        next = at < next ? at : next;
        if (s->used && s->registered && s->expires_ms < next) {
            next = s->expires_ms;
        }
    }
    return next;
}

/* ---- on request ------------------------------------------------------------------------- */

void proa__client_list_changed(proa_client *c, uint64_t now_ms, uint32_t delay_ms)
{
    for (uint16_t i = 0; i < c->config.server_max; i++) {
        if (c->servers[i].used) {
            c->servers[i].list_changed = true;
            proa__registration_want(&c->servers[i], now_ms, delay_ms);
        }
    }
}

void proa_client_objects_changed(proa_client *c, uint64_t now_ms)
{
    proa__client_list_changed(c, now_ms, 0);
}

void proa_client_update(proa_client *c, uint64_t now_ms, uint16_t short_id)
{
    for (uint16_t i = 0; i < c->config.server_max; i++) {
        proa__server *s = &c->servers[i];
        if (!s->used || (short_id != 0 && s->short_id != short_id)) {
            continue;
        }
        proa__registration_want(s, now_ms, 0);
        if (s->state == PROA_REG_WAITING) {
            s->due_ms = now_ms;
        }
    }
}

/* The Update shows whether the old session still carries; if not, a new handshake follows after
 * its second retransmission. */
void proa_client_network_changed(proa_client *c, uint64_t now_ms)
{
    for (uint16_t i = 0; i < c->config.server_max; i++) {
        c->servers[i].attempt = 0;
    }
    proa_client_update(c, now_ms, 0);
}
