/* SPDX-License-Identifier: Apache-2.0 */
/* `proa coap serve`: a CoAP test server. Plain CoAP and DTLS come in by the same socket.
 *
 *     /hello       GET: a greeting; PUT, POST, DELETE: 4.05
 *     /large       GET: 4000 bytes, so in blocks
 *     /echo        POST: the payload back
 *     /counter     GET, observable: seconds since the start, told each second
 *     /store/NAME  PUT, GET, DELETE: what was put there
 *     /separate    GET: an empty ACK now, the answer one second later
 *     /.well-known/core */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/linux/json_file.h"
#include "ports/linux/os.h"
#include "tools/proa/coap_internal.h"
#include "tools/proa/coap_link.h"
#include "tools/proa/options.h"
#include "tools/proa/output.h"

#define KEYS_MAX 64
#define STORE_MAX 64    /* things that are stored */
#define NAME_MAX_LEN 64 /* of such a thing */
#define SEPARATE_MAX 16 /* answers that wait for their second */
#define OBSERVERS_MAX 64
#define LARGE_LEN 4000

typedef struct known_key {
    char identity[PROA_PSK_IDENTITY_MAX + 1];
    uint8_t key[PROA_PSK_KEY_MAX];
    size_t key_len;
} known_key;

typedef struct stored {
    char name[NAME_MAX_LEN + 1]; /* empty = free */
    uint16_t format;
    uint8_t *bytes;
    size_t len;
} stored;

typedef struct waiting {
    proa_coap_id exchange; /* 0 = free */
    uint64_t due_ms;
} waiting;

typedef struct server {
    proa_output out;
    proa_coap_link link;
    known_key keys[KEYS_MAX];
    size_t key_count;
    stored store[STORE_MAX];
    waiting separate[SEPARATE_MAX];
    proa_coap_id observers[OBSERVERS_MAX];
    uint64_t started_ms;
    uint64_t counter;
    uint64_t requests;
    uint8_t large[LARGE_LEN];
} server;

/* ---- answers ---------------------------------------------------------------------------- */

static void answer(server *s, proa_coap_id exchange, uint8_t code, uint16_t format,
                   proa_span payload)
{
    uint8_t number[2];
    proa_writer w = proa_writer_make(number, sizeof number);
    proa_write_uint(&w, format, proa_uint_width(format));
    const proa_coap_option option = {PROA_COAP_OPT_CONTENT_FORMAT, proa_writer_span(&w)};
    const proa_coap_response response = {
        .code = code,
        .options = &option,
        .option_count = format == PROA_FORMAT_NONE ? 0 : 1,
        .payload = payload,
    };
    /* The peer may have gone meanwhile: then nobody waits for this. */
    (void)!proa_coap_respond(s->link.coap, proa_linux_now_ms(), exchange, &response);
}

static void answer_code(server *s, proa_coap_id exchange, uint8_t code)
{
    answer(s, exchange, code, PROA_FORMAT_NONE, proa_span_make(NULL, 0));
}

static void answer_text(server *s, const proa_coap_event *event, const char *text)
{
    answer(s, event->exchange, PROA_COAP_CONTENT, PROA_FORMAT_TEXT, proa_span_of(text));
}

/* ---- the resources ---------------------------------------------------------------------- */

static void serve_hello(server *s, const proa_coap_event *event)
{
    answer_text(s, event, event->peer.session != 0 ? "Hello, known one." : "Hello, stranger.");
}

static void serve_large(server *s, const proa_coap_event *event)
{
    answer(s, event->exchange, PROA_COAP_CONTENT, PROA_FORMAT_TEXT,
           proa_span_make(s->large, sizeof s->large));
}

static void serve_echo(server *s, const proa_coap_event *event)
{
    uint32_t format =
        proa_coap_option_uint(&event->msg, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_NONE);
    answer(s, event->exchange, PROA_COAP_CHANGED, (uint16_t)format, event->msg.payload);
}

static void serve_counter(server *s, const proa_coap_event *event)
{
    char text[24];
    size_t i = 0;
    proa_coap_id relation;
    proa_span observe;
    bool wants =
        proa_coap_option_find(&event->msg, PROA_COAP_OPT_OBSERVE, &observe) && observe.len == 0;
    /* The same Token again refreshes the relation, which keeps its place (RFC 7641 §4.1);
     * otherwise that is a free one: 0. */
    while (i < OBSERVERS_MAX && s->observers[i] != event->relation) {
        i++;
    }
    if (wants && i < OBSERVERS_MAX &&
        proa_coap_accept(s->link.coap, event->exchange, i, &relation) == PROA_OK) {
        s->observers[i] = relation;
    }
    snprintf(text, sizeof text, "%llu", (unsigned long long)s->counter);
    answer_text(s, event, text);
}

static void serve_separate(server *s, const proa_coap_event *event)
{
    for (size_t i = 0; i < SEPARATE_MAX; i++) {
        if (s->separate[i].exchange == 0) {
            s->separate[i] = (waiting){event->exchange, proa_linux_now_ms() + 1000};
            proa_coap_defer(s->link.coap, proa_linux_now_ms(), event->exchange);
            return;
        }
    }
    answer_code(s, event->exchange, PROA_COAP_SERVICE_UNAVAILABLE);
}

static void serve_well_known(server *s, const proa_coap_event *event)
{
    answer(s, event->exchange, PROA_COAP_CONTENT, PROA_FORMAT_LINK,
           proa_span_of("</hello>,</large>;sz=4000,</echo>,</counter>;obs,</store>,</separate>"));
}

static stored *find_stored(server *s, proa_span name)
{
    for (size_t i = 0; i < STORE_MAX; i++) {
        if (s->store[i].name[0] != '\0' && proa_span_equal(name, proa_span_of(s->store[i].name))) {
            return &s->store[i];
        }
    }
    return NULL;
}

static void store_put(server *s, const proa_coap_event *event, proa_span name, stored *found)
{
    uint8_t code = found == NULL ? PROA_COAP_CREATED : PROA_COAP_CHANGED;
    for (size_t i = 0; i < STORE_MAX && found == NULL; i++) {
        found = s->store[i].name[0] == '\0' ? &s->store[i] : NULL;
    }
    uint8_t *bytes = malloc(event->msg.payload.len + 1);
    if (found == NULL || bytes == NULL) {
        free(bytes);
        answer_code(s, event->exchange, PROA_COAP_SERVICE_UNAVAILABLE);
        return;
    }
    if (event->msg.payload.len > 0) {
        memcpy(bytes, event->msg.payload.data, event->msg.payload.len);
    }
    free(found->bytes);
    found->bytes = bytes;
    found->len = event->msg.payload.len;
    found->format = (uint16_t)proa_coap_option_uint(&event->msg, PROA_COAP_OPT_CONTENT_FORMAT,
                                                    PROA_FORMAT_NONE);
    memcpy(found->name, name.data, name.len);
    found->name[name.len] = '\0';
    answer_code(s, event->exchange, code);
}

/* If-Match without a value wants something to be there, If-None-Match nothing (RFC 7252 §5.10.8);
 * there are no entity tags here, so no other If-Match can be met. */
static bool precondition_met(const proa_coap_event *event, const stored *found)
{
    proa_span value;
    if (proa_coap_option_find(&event->msg, PROA_COAP_OPT_IF_MATCH, &value) &&
        (found == NULL || value.len != 0)) {
        return false;
    }
    return found == NULL ||
           !proa_coap_option_find(&event->msg, PROA_COAP_OPT_IF_NONE_MATCH, &value);
}

static void serve_store(server *s, const proa_coap_event *event, proa_span name)
{
    stored *found = find_stored(s, name);
    if (name.len == 0 || name.len > NAME_MAX_LEN || memchr(name.data, 0, name.len) != NULL) {
        answer_code(s, event->exchange, PROA_COAP_BAD_REQUEST);
    } else if (!precondition_met(event, found)) {
        answer_code(s, event->exchange, PROA_COAP_PRECONDITION_FAILED);
    } else if (event->msg.code == PROA_COAP_PUT) {
        store_put(s, event, name, found);
    } else if (event->msg.code == PROA_COAP_DELETE) {
        if (found != NULL) {
            free(found->bytes);
            memset(found, 0, sizeof *found);
        }
        answer_code(s, event->exchange, PROA_COAP_DELETED); /* §5.8.4: also if it was not there */
    } else if (event->msg.code != PROA_COAP_GET) {
        answer_code(s, event->exchange, PROA_COAP_METHOD_NOT_ALLOWED);
    } else if (found == NULL) {
        answer_code(s, event->exchange, PROA_COAP_NOT_FOUND);
    } else {
        answer(s, event->exchange, PROA_COAP_CONTENT, found->format,
               proa_span_make(found->bytes, found->len));
    }
}

static const struct {
    const char *path[2];
    uint8_t method;
    void (*serve)(server *s, const proa_coap_event *event);
} resources[] = {
    {{"hello", NULL}, PROA_COAP_GET, serve_hello},
    {{"large", NULL}, PROA_COAP_GET, serve_large},
    {{"echo", NULL}, PROA_COAP_POST, serve_echo},
    {{"counter", NULL}, PROA_COAP_GET, serve_counter},
    {{"separate", NULL}, PROA_COAP_GET, serve_separate},
    {{".well-known", "core"}, PROA_COAP_GET, serve_well_known},
};

static void serve(server *s, const proa_coap_event *event)
{
    proa_span segments[3];
    size_t count = 0;
    proa_coap_options it = proa_coap_options_of(&event->msg);
    proa_coap_option option;
    while (proa_coap_option_next(&it, &option)) {
        if (option.number == PROA_COAP_OPT_URI_PATH && count < 3) {
            segments[count++] = option.value;
        }
    }
    s->requests++;
    if (count == 2 && proa_span_equal(segments[0], proa_span_of("store"))) {
        serve_store(s, event, segments[1]);
        return;
    }
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++) {
        size_t depth = resources[i].path[1] == NULL ? 1 : 2;
        bool same = depth == count;
        for (size_t n = 0; n < depth && same; n++) {
            same = proa_span_equal(segments[n], proa_span_of(resources[i].path[n]));
        }
        if (same && event->msg.code != resources[i].method) {
            answer_code(s, event->exchange, PROA_COAP_METHOD_NOT_ALLOWED);
            return;
        }
        if (same) {
            resources[i].serve(s, event);
            return;
        }
    }
    answer_code(s, event->exchange, PROA_COAP_NOT_FOUND);
}

/* ---- the loop --------------------------------------------------------------------------- */

static void on_coap(void *ctx, const proa_coap_event *event)
{
    server *s = ctx;
    if (event->kind == PROA_COAP_EVENT_REQUEST) {
        serve(s, event);
    } else if (event->kind == PROA_COAP_EVENT_RELATION_END && event->user < OBSERVERS_MAX) {
        s->observers[event->user] = 0;
    }
}

static void on_session(void *ctx, const proa_secure_event *event)
{
    const server *s = ctx;
    json_t *address = proa_json_of_addr(&event->addr);
    json_t *identity =
        event->kind == PROA_SECURE_CONNECTED ? proa_json_of_span(event->identity) : json_null();
    const char *word = event->kind == PROA_SECURE_CONNECTED ? "connected" : "closed";
    proa_output_say(
        &s->out,
        json_pack("{s:s, s:O, s:O}", "event", word, "address", address, "identity", identity),
        "%s %s %s", json_string_value(address), word,
        json_is_string(identity) ? json_string_value(identity) : "");
    json_decref(identity);
    json_decref(address);
}

static void tell_observers(server *s)
{
    char text[24];
    uint64_t seconds = (proa_linux_now_ms() - s->started_ms) / 1000;
    if (seconds == s->counter) {
        return;
    }
    s->counter = seconds;
    snprintf(text, sizeof text, "%llu", (unsigned long long)s->counter);
    const proa_coap_option option = {PROA_COAP_OPT_CONTENT_FORMAT, proa_span_make(NULL, 0)};
    const proa_coap_response response = {.code = PROA_COAP_CONTENT,
                                         .options = &option,
                                         .option_count = 1,
                                         .payload = proa_span_of(text)};
    for (size_t i = 0; i < OBSERVERS_MAX; i++) {
        if (s->observers[i] != 0 &&
            proa_coap_notify(s->link.coap, proa_linux_now_ms(), s->observers[i], &response,
                             false) == PROA_E_NOT_FOUND) {
            s->observers[i] = 0;
        }
    }
}

static void answer_separate(server *s)
{
    for (size_t i = 0; i < SEPARATE_MAX; i++) {
        waiting *w = &s->separate[i];
        if (w->exchange != 0 && proa_linux_now_ms() >= w->due_ms) {
            answer(s, w->exchange, PROA_COAP_CONTENT, PROA_FORMAT_TEXT,
                   proa_span_of("That took a second."));
            w->exchange = 0;
        }
    }
}

/* Until the counter's next second, or until a waiting answer is due. */
static int wait_ms(const server *s)
{
    uint64_t now_ms = proa_linux_now_ms();
    uint64_t left_ms = 1000 - (now_ms - s->started_ms) % 1000;
    for (size_t i = 0; i < SEPARATE_MAX; i++) {
        const waiting *w = &s->separate[i];
        if (w->exchange != 0 && w->due_ms < now_ms + left_ms) {
            left_ms = w->due_ms <= now_ms ? 0 : w->due_ms - now_ms;
        }
    }
    return (int)left_ms;
}

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    const server *s = ctx;
    for (size_t i = 0; i < s->key_count; i++) {
        if (proa_span_equal(identity, proa_span_of(s->keys[i].identity))) {
            memcpy(out->key, s->keys[i].key, s->keys[i].key_len);
            out->key_len = (uint8_t)s->keys[i].key_len;
            out->account = i + 1;
            return true;
        }
    }
    return false;
}

/* {"identity": "key in hex", ...} */
static bool read_keys(server *s, const char *path, char *message, size_t cap)
{
    proa_json_doc doc;
    const char *identity;
    json_t *value;
    (void)proa_json_load(&doc, path, true);
    proa_json_at root = proa_json_root(&doc);
    (void)proa_json_object_size(&root);
    json_object_foreach(root.value, identity, value)
    {
        proa_json_at at = proa_json_member(&root, identity);
        known_key *key = &s->keys[s->key_count];
        if (s->key_count == KEYS_MAX) {
            proa_json_fail(&at, "at most %d keys", KEYS_MAX);
            break;
        }
        if (identity[0] == '\0' || strlen(identity) > PROA_PSK_IDENTITY_MAX) {
            proa_json_fail(&at, "an identity has 1 to %d characters", PROA_PSK_IDENTITY_MAX);
            break;
        }
        memcpy(key->identity, identity, strlen(identity) + 1);
        key->key_len = proa_json_secret(&at, key->key, sizeof key->key);
        s->key_count++;
    }
    bool ok = !doc.failed;
    snprintf(message, cap, "%s", doc.message);
    proa_json_free(&doc);
    return ok;
}

static void run(server *s)
{
    json_t *address = proa_json_of_addr(&s->link.local);
    proa_output_say(&s->out,
                    json_pack("{s:s, s:O, s:i}", "event", "listening", "address", address, "port",
                              (int)s->link.local.port),
                    "listening on %s", json_string_value(address));
    json_decref(address);
    s->started_ms = proa_linux_now_ms();
    while (proa__coap_stop == 0) {
        proa_coap_link_step(&s->link, wait_ms(s));
        tell_observers(s);
        answer_separate(s);
    }
}

static void clean(server *s)
{
    for (size_t i = 0; i < STORE_MAX; i++) {
        free(s->store[i].bytes);
    }
    proa_wipe(s->keys, sizeof s->keys);
}

int proa__coap_serve(int argc, char **argv)
{
    static server s;
    char message[600] = "";
    const char *keys = NULL;
    proa_coap_link_options link = {.listen = "[::]:5683"};
    const proa_option table[] = {
        {"--listen", "ADDRESS:PORT", "where to listen ([::]:5683)", NULL, &link.listen, NULL, 0},
        {"--psk-file", "FILE", "who may come by coaps: {\"identity\": \"key in hex\"}", NULL, &keys,
         NULL, 0},
        {"--block-size", "BYTES", "largest block to propose", NULL, NULL, &link.block_size, 1024},
        {"--json", NULL, "every line is a JSON object", &s.out.json, NULL, NULL, 0},
        {"--pcap", "FILE", "capture its own datagrams for Wireshark", NULL, &link.pcap, NULL, 0},
        {"--keylog", "FILE", "session secrets for Wireshark; debug builds only", NULL, &link.keylog,
         NULL, 0},
    };
    const proa_command_line line = {
        "proa coap serve", "[OPTION...]",
        "A CoAP test server: /hello /large /echo /counter /store/NAME /separate.\n"
        "Plain CoAP and DTLS share the socket.",
        table, sizeof table / sizeof *table};
    if (proa_options_read(&line, argc, argv) != 0) {
        proa_options_fail(&line, "unknown operand %s", argv[1]);
    }
    for (size_t i = 0; i < sizeof s.large; i++) {
        s.large[i] = (uint8_t)(i % 64 == 63 ? '\n' : 'a' + i / 64 % 26);
    }
    if (keys != NULL && !read_keys(&s, keys, message, sizeof message)) {
        return proa_output_fail(&s.out, PROA_COAP_SCHEMA, "%s", message);
    }
    link.find_psk = keys == NULL ? NULL : find_psk;
    link.find_psk_ctx = &s;
    bool ok = proa_coap_link_open(&s.link, &link, message, sizeof message);
    s.link.on_session = on_session;
    s.link.on_coap = on_coap;
    s.link.ctx = &s;
    if (ok) {
        run(&s);
    }
    proa_coap_link_close(&s.link);
    clean(&s);
    return ok ? proa_output_finish(&s.out, PROA_COAP_SCHEMA, true,
                                   json_pack("{s:I}", "requests", (json_int_t)s.requests))
              : proa_output_fail(&s.out, PROA_COAP_SCHEMA, "%s", message);
}
