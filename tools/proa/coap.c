/* SPDX-License-Identifier: Apache-2.0 */
/* `proa coap get|put|post|delete|observe URI`: one request, its answer, and for observe the
 * notifications, over plain CoAP or DTLS with a pre-shared key. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objects/payload_json.h"
#include "ports/linux/json_file.h"
#include "ports/linux/os.h"
#include "ports/linux/udp.h"
#include "tools/proa/coap_internal.h"
#include "tools/proa/coap_link.h"
#include "tools/proa/coap_uri.h"
#include "tools/proa/commands.h"
#include "tools/proa/options.h"
#include "tools/proa/output.h"

volatile sig_atomic_t proa__coap_stop;

static void on_signal(int number)
{
    (void)number;
    proa__coap_stop = 1;
}

typedef struct coap_options {
    const char *identity, *key_file, *payload, *pcap, *keylog;
    uint32_t accept, format, block_size, timeout_s, count;
    bool has_accept, has_format, non, json;
} coap_options;

typedef struct asker {
    coap_options o;
    proa_output out;
    proa_coap_uri uri;
    uint8_t code;
    bool observe;
    proa_addr addr;
    uint8_t *payload;
    size_t payload_len;
    proa_coap_link link;
    proa_coap_id request;
    uint32_t session;
    uint64_t begun_ns, connected_ns, asked_ns;
    uint64_t deadline_ms;
    bool done;
    bool ok;
    uint32_t notifications;
    json_t *figures; /* of the last line */
    char message[256];
} asker;

/* ---- showing ---------------------------------------------------------------------------- */

static bool is_text(proa_span bytes)
{
    json_t *json = bytes.len == 0 ? NULL : json_stringn((const char *)bytes.data, bytes.len);
    bool text = json != NULL;
    for (size_t i = 0; i < bytes.len && text; i++) {
        text = bytes.data[i] >= 0x20 || strchr("\t\r\n", bytes.data[i]) != NULL;
    }
    json_decref(json);
    return text;
}

/* The path of the request as an LwM2M path, for payloads that only make sense with one. */
static proa_path lwm2m_path(const proa_coap_uri *uri)
{
    proa_path path = {{0}, 0};
    for (size_t i = 0; i < uri->segment_count; i++) {
        uint64_t id;
        if (i == 4 || proa_parse_decimal(uri->segments[i], PROA_ID_MAX, &id) != PROA_OK) {
            path.depth = 0;
            return path;
        }
        path.ids[path.depth++] = (uint16_t)id;
    }
    return path;
}

static json_t *values_of(const asker *a, uint16_t format, proa_span payload)
{
    proa_path path = lwm2m_path(&a->uri);
    bool lwm2m = format == PROA_FORMAT_TLV || format == PROA_FORMAT_SENML_CBOR;
    return lwm2m ? proa_values_json(format, &path, payload) : NULL;
}

static void add_message(json_t *fields, const asker *a, const proa_coap_msg *m)
{
    uint32_t format = proa_coap_option_uint(m, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_NONE);
    json_t *values = values_of(a, (uint16_t)format, m->payload);
    json_object_set_new(fields, "code", proa_json_of_code(m->code));
    json_object_set_new(fields, "format",
                        format == PROA_FORMAT_NONE ? json_null() : json_integer(format));
    json_object_set_new(fields, "bytes", json_integer((json_int_t)m->payload.len));
    if (values != NULL) {
        json_object_set_new(fields, "values", values);
    } else if (m->payload.len > 0) {
        json_object_set_new(fields, is_text(m->payload) ? "payload" : "payload_hex",
                            is_text(m->payload)
                                ? json_stringn((const char *)m->payload.data, m->payload.len)
                                : proa_json_of_span(m->payload));
    }
}

static void print_payload(const asker *a, const proa_coap_msg *m)
{
    uint32_t format = proa_coap_option_uint(m, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_NONE);
    json_t *values = values_of(a, (uint16_t)format, m->payload);
    size_t index;
    json_t *item;
    json_array_foreach(values, index, item)
    {
        proa_output_line(&a->out, "%s = %s", json_string_value(json_object_get(item, "path")),
                         proa_output_value(json_object_get(item, "value")));
    }
    if (values == NULL && is_text(m->payload)) {
        fwrite(m->payload.data, 1, m->payload.len, stdout);
        putchar('\n');
    } else if (values == NULL) {
        for (size_t i = 0; i < m->payload.len; i++) {
            printf("%02x", m->payload.data[i]);
        }
        fputs(m->payload.len > 0 ? "\n" : "", stdout);
    }
    fflush(stdout);
    json_decref(values);
}

/* ---- asking ----------------------------------------------------------------------------- */

static void fail(asker *a, const char *what)
{
    snprintf(a->message, sizeof a->message, "%s", what);
    a->done = true;
    a->ok = false;
}

static size_t request_options(const asker *a, proa_coap_option *out, uint8_t numbers[2][2])
{
    size_t count = 0;
    const proa_coap_uri *uri = &a->uri;
    if (uri->host_is_name) {
        out[count++] = (proa_coap_option){PROA_COAP_OPT_URI_HOST, uri->host};
    }
    for (size_t i = 0; i < uri->segment_count; i++) {
        out[count++] = (proa_coap_option){PROA_COAP_OPT_URI_PATH, uri->segments[i]};
    }
    const struct {
        bool there;
        uint16_t option;
        uint32_t value;
    } wanted[2] = {{a->o.has_format, PROA_COAP_OPT_CONTENT_FORMAT, a->o.format},
                   {a->o.has_accept, PROA_COAP_OPT_ACCEPT, a->o.accept}};
    for (size_t n = 0; n < 2; n++) {
        if (n == 1) {
            for (size_t i = 0; i < uri->query_count; i++) {
                out[count++] = (proa_coap_option){PROA_COAP_OPT_URI_QUERY, uri->queries[i]};
            }
        }
        if (wanted[n].there) {
            proa_writer w = proa_writer_make(numbers[n], 2);
            proa_write_uint(&w, wanted[n].value, proa_uint_width(wanted[n].value));
            out[count++] = (proa_coap_option){wanted[n].option, proa_writer_span(&w)};
        }
    }
    return count;
}

static void send_request(asker *a)
{
    proa_coap_option options[2 * PROA_COAP_URI_PARTS_MAX + 3];
    uint8_t numbers[2][2];
    const proa_coap_peer peer = {a->addr, a->session, 0};
    const proa_coap_request request = {
        .code = a->code,
        .non = a->o.non,
        .observe = a->observe ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE,
        .options = options,
        .option_count = request_options(a, options, numbers),
        .payload = proa_span_make(a->payload, a->payload_len),
        .timeout_ms = a->o.timeout_s * 1000,
    };
    a->asked_ns = proa_linux_now_ns();
    proa_err err = proa_coap_send(a->link.coap, proa_linux_now_ms(), &peer, &request, &a->request);
    if (err != PROA_OK) {
        fail(a,
             err == PROA_E_TOO_LARGE ? "the request does not fit a message" : proa_err_name(err));
    }
}

static void on_session(void *ctx, const proa_secure_event *event)
{
    asker *a = ctx;
    if (event->session != a->session) {
        return;
    }
    if (event->kind == PROA_SECURE_CONNECTED) {
        a->connected_ns = proa_linux_now_ns();
        send_request(a);
    } else if (event->kind == PROA_SECURE_CLOSED && !a->done) {
        fail(a, event->reason == PROA_SECURE_REASON_TIMEOUT ? "no answer to the DTLS handshake"
                : event->reason == PROA_SECURE_REASON_HANDSHAKE
                    ? "the DTLS handshake failed; check identity and key"
                    : "the DTLS session ended");
    }
}

static void on_response(asker *a, const proa_coap_event *event)
{
    uint64_t now_ns = proa_linux_now_ns();
    a->ok = PROA_COAP_CLASS(event->msg.code) == 2;
    a->done = !event->observing;
    add_message(a->figures, a, &event->msg);
    json_object_set_new(a->figures, "answer_us",
                        json_integer((json_int_t)((now_ns - a->asked_ns) / 1000)));
    if (!a->ok) {
        char code[40];
        snprintf(a->message, sizeof a->message, "%s", proa_coap_code_text(event->msg.code, code));
    } else if (a->observe && !event->observing) {
        a->ok = false;
        snprintf(a->message, sizeof a->message, "the resource cannot be observed");
    }
    if (!a->out.json) {
        print_payload(a, &event->msg);
    } else if (event->observing) {
        json_t *fields = json_pack("{s:s}", "event", "observing");
        add_message(fields, a, &event->msg);
        proa_output_say(&a->out, fields, NULL);
    }
}

static void on_notification(asker *a, const proa_coap_event *event)
{
    uint64_t now_ns = proa_linux_now_ns();
    a->notifications++;
    if (a->out.json) {
        json_t *fields =
            json_pack("{s:s, s:I}", "event", "notification", "t_ns", (json_int_t)now_ns);
        add_message(fields, a, &event->msg);
        proa_output_say(&a->out, fields, NULL);
    } else {
        print_payload(a, &event->msg);
    }
    if (PROA_COAP_CLASS(event->msg.code) != 2) {
        fail(a, "the observation was ended by the server");
    } else if (a->o.count != 0 && a->notifications >= a->o.count) {
        a->done = true;
    }
}

static void on_coap(void *ctx, const proa_coap_event *event)
{
    static const char *const reasons[] = {
        "",
        "no answer",
        "the other side answered with a reset",
        "the DTLS session ended",
        "the answer is larger than 64 kB",
        "no room for the answer",
        "there are no keys for it",
        "the answer breaks the protocol",
    };
    asker *a = ctx;
    const proa_coap_response refusal = {.code = PROA_COAP_METHOD_NOT_ALLOWED};
    switch (event->kind) {
    case PROA_COAP_EVENT_REQUEST: /* we serve nothing */
        (void)!proa_coap_respond(a->link.coap, proa_linux_now_ms(), event->exchange, &refusal);
        break;
    case PROA_COAP_EVENT_RESPONSE:
        on_response(a, event);
        break;
    case PROA_COAP_EVENT_NOTIFICATION:
        on_notification(a, event);
        break;
    case PROA_COAP_EVENT_FAILED:
        fail(a, reasons[event->failure]);
        break;
    default:
        break;
    }
}

/* The key file is a secret like those of the device file, so the same reader checks it. */
static bool read_key(asker *a, proa_psk *psk)
{
    proa_json_doc doc;
    json_t *reference = json_pack("{s:s}", "file", a->o.key_file);
    char *text = json_dumps(reference, 0);
    json_decref(reference);
    (void)proa_json_parse(&doc, "--key-file", text, strlen(text));
    proa_json_at root = proa_json_root(&doc);
    psk->key_len = (uint8_t)proa_json_secret(&root, psk->key, sizeof psk->key);
    bool ok = !doc.failed;
    if (!ok) {
        snprintf(a->message, sizeof a->message, "%.250s", doc.message);
    }
    proa_json_free(&doc);
    free(text);
    return ok;
}

static bool begin(asker *a)
{
    proa_psk psk = {.key_len = 0};
    a->begun_ns = proa_linux_now_ns();
    if (proa_udp_resolve(a->uri.host, a->uri.port, &a->addr) != PROA_OK) {
        snprintf(a->message, sizeof a->message, "%.*s: no such host", (int)a->uri.host.len,
                 (const char *)a->uri.host.data);
        return false;
    }
    if (!a->uri.secure) {
        send_request(a);
        return !a->done;
    }
    if (!read_key(a, &psk)) {
        return false;
    }
    proa_err err = a->link.secure->class_->open(a->link.secure, proa_linux_now_ms(), &a->addr,
                                                proa_span_of(a->o.identity), &psk, &a->session);
    proa_wipe(&psk, sizeof psk);
    if (err != PROA_OK) {
        snprintf(a->message, sizeof a->message, "cannot begin the DTLS handshake: %s",
                 proa_err_name(err));
    }
    return err == PROA_OK;
}

static void run(asker *a)
{
    if (a->o.timeout_s != 0) {
        a->deadline_ms = proa_linux_now_ms() + a->o.timeout_s * 1000ULL;
    }
    while (!a->done && proa__coap_stop == 0) {
        uint64_t now_ms = proa_linux_now_ms();
        bool answered = json_object_get(a->figures, "code") != NULL;
        if (!answered && a->deadline_ms != 0 && now_ms >= a->deadline_ms) {
            fail(a, "no answer");
            break;
        }
        proa_coap_link_step(&a->link,
                            answered || a->deadline_ms == 0 ? -1 : (int)(a->deadline_ms - now_ms));
    }
    if (!a->done && !a->ok && proa__coap_stop != 0) {
        fail(a, "interrupted");
    }
    if (a->observe && a->ok) {
        proa_coap_cancel(a->link.coap, proa_linux_now_ms(), a->request, true);
    }
    if (a->session != 0) {
        a->link.secure->class_->close(a->link.secure, proa_linux_now_ms(), a->session, true);
    }
    proa_coap_link_flush(&a->link);
}

/* ---- the command line ------------------------------------------------------------------- */

static bool read_payload(asker *a)
{
    const char *text = a->o.payload;
    if (text == NULL) {
        return true;
    }
    a->payload = malloc(PROA_COAP_TOOL_BODY_MAX + 1);
    if (a->payload == NULL) {
        snprintf(a->message, sizeof a->message, "out of memory");
        return false;
    }
    if (text[0] != '@') {
        a->payload_len = strlen(text);
        if (a->payload_len <= PROA_COAP_TOOL_BODY_MAX) {
            memcpy(a->payload, text, a->payload_len);
        }
    } else {
        FILE *file = fopen(text + 1, "rb");
        if (file == NULL) {
            snprintf(a->message, sizeof a->message, "--payload %.150s: %s", text, strerror(errno));
            return false;
        }
        a->payload_len = fread(a->payload, 1, PROA_COAP_TOOL_BODY_MAX + 1, file);
        fclose(file);
    }
    if (a->payload_len > PROA_COAP_TOOL_BODY_MAX) {
        snprintf(a->message, sizeof a->message, "--payload: more than %d bytes",
                 PROA_COAP_TOOL_BODY_MAX);
        return false;
    }
    return true;
}

static uint8_t method_of(const char *word)
{
    static const struct {
        const char *word;
        uint8_t code;
    } methods[] = {{"get", PROA_COAP_GET},
                   {"put", PROA_COAP_PUT},
                   {"post", PROA_COAP_POST},
                   {"delete", PROA_COAP_DELETE},
                   {"observe", PROA_COAP_GET}};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (strcmp(methods[i].word, word) == 0) {
            return methods[i].code;
        }
    }
    return 0;
}

static void check_options(const proa_command_line *line, asker *a)
{
    uint32_t size = a->o.block_size;
    if (size != 0 && (size < 16 || size > 1024 || (size & (size - 1)) != 0)) {
        proa_options_fail(line, "--block-size: %u must be 16, 32, 64, 128, 256, 512 or 1024",
                          (unsigned)size);
    }
    if (a->uri.secure && (a->o.identity == NULL || a->o.key_file == NULL)) {
        proa_options_fail(line, "coaps:// needs --psk IDENTITY and --key-file FILE");
    }
    if (!a->uri.secure && (a->o.identity != NULL || a->o.key_file != NULL)) {
        proa_options_fail(line, "%s belongs to coaps://",
                          a->o.identity != NULL ? "--psk" : "--key-file");
    }
    if (a->o.identity != NULL &&
        (a->o.identity[0] == '\0' || strlen(a->o.identity) > PROA_PSK_IDENTITY_MAX)) {
        proa_options_fail(line, "--psk: an identity has 1 to %d characters", PROA_PSK_IDENTITY_MAX);
    }
}

static void read_command_line(asker *a, int argc, char **argv)
{
    coap_options *o = &a->o;
    const proa_option table[] = {
        {"--psk", "IDENTITY", "who we are, with coaps://", NULL, &o->identity, NULL, 0},
        {"--key-file", "FILE", "our key in hex digits; readable by its owner only", NULL,
         &o->key_file, NULL, 0},
        {"--payload", "TEXT|@FILE", "what to send", NULL, &o->payload, NULL, 0},
        {"--format", "NUMBER", "Content-Format of the payload", &o->has_format, NULL, &o->format,
         65534},
        {"--accept", "NUMBER", "Content-Format wanted", &o->has_accept, NULL, &o->accept, 65534},
        {"--non", NULL, "a non-confirmable request", &o->non, NULL, NULL, 0},
        {"--block-size", "BYTES", "largest block to propose", NULL, NULL, &o->block_size, 1024},
        {"--timeout", "SECONDS", "give up after this time", NULL, NULL, &o->timeout_s, 86400},
        {"--count", "NUMBER", "observe: end after so many notifications", NULL, NULL, &o->count,
         UINT32_MAX},
        {"--json", NULL, "print JSON; the last line has the answer", &o->json, NULL, NULL, 0},
        {"--pcap", "FILE", "capture its own datagrams for Wireshark", NULL, &o->pcap, NULL, 0},
        {"--keylog", "FILE", "session secrets for Wireshark; debug builds only", NULL, &o->keylog,
         NULL, 0},
    };
    const proa_command_line line = {
        "proa coap",
        "get|put|post|delete|observe URI [OPTION...]\n   or: proa coap serve [OPTION...]",
        "One CoAP request: coap(s)://host[:port]/path?query. Exit status 0 for an answer 2.xx.",
        table, sizeof table / sizeof *table};
    int operands = proa_options_read(&line, argc, argv);
    a->out.json = o->json;
    if (operands < 1) {
        proa_options_fail(&line, "which method? get, put, post, delete, observe or serve");
    }
    a->code = method_of(argv[1]);
    a->observe = strcmp(argv[1], "observe") == 0;
    if (a->code == 0) {
        proa_options_fail(&line, "unknown method %s", argv[1]);
    }
    if (operands != 2) {
        proa_options_fail(&line, "%s: one URI, please", argv[1]);
    }
    const char *wrong = proa_coap_uri_parse(&a->uri, argv[2]);
    if (wrong != NULL) {
        proa_options_fail(&line, "%s: %s", argv[2], wrong);
    }
    check_options(&line, a);
}

static int finish(asker *a)
{
    if (a->link.coap != NULL) {
        proa_coap_stats stats = proa_coap_stats_get(a->link.coap);
        json_object_set_new(a->figures, "retransmitted",
                            json_integer((json_int_t)stats.retransmitted));
        json_object_set_new(a->figures, "datagrams_sent", json_integer((json_int_t)stats.sent));
    }
    json_object_set_new(a->figures, "handshake_us",
                        a->connected_ns == 0
                            ? json_null()
                            : json_integer((json_int_t)((a->connected_ns - a->begun_ns) / 1000)));
    if (a->observe) {
        json_object_set_new(a->figures, "notifications", json_integer(a->notifications));
    }
    if (!a->ok) {
        json_object_set_new(a->figures, "error", json_string(a->message));
        if (!a->out.json) {
            fprintf(stderr, "proa coap: %s\n", a->message);
        }
    }
    return proa_output_finish(&a->out, PROA_COAP_SCHEMA, a->ok, a->figures);
}

int proa__tool_coap(int argc, char **argv)
{
    static asker a;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (argc > 1 && strcmp(argv[1], "serve") == 0) {
        return proa__coap_serve(argc - 1, argv + 1);
    }
    read_command_line(&a, argc, argv);
    a.figures = json_object();
    const proa_coap_link_options link = {
        .pcap = a.o.pcap, .keylog = a.o.keylog, .block_size = a.o.block_size};
    if (read_payload(&a) && proa_coap_link_open(&a.link, &link, a.message, sizeof a.message)) {
        a.link.on_session = on_session;
        a.link.on_coap = on_coap;
        a.link.ctx = &a;
        if (begin(&a)) {
            run(&a);
        }
    }
    int status = finish(&a);
    if (a.link.on_coap != NULL) {
        proa_coap_link_close(&a.link);
    }
    free(a.payload);
    return status;
}
