/* SPDX-License-Identifier: Apache-2.0 */
/* What OSCORE costs beside the cryptography it needs: time, and bytes on the wire.
 *
 * One turn is a request with a payload of 64 bytes, protected and unprotected, and the same of a
 * response. Alone are the four AEAD calls of that, with the same lengths and data, once through the
 * port as OSCORE calls it (the key's schedule is made for each call), once through Mbed TLS with
 * schedules made beforehand, which is a bound that no implementation with short contexts reaches.
 * The arms take turns; a ratio is the median over the rounds.
 *
 * The least that a message must grow by is what it has to tell: the tag of 8 bytes, a request also its
 * number and the kid, a notification its number. What is more is the option around these (head and
 * flags), the code that is sent twice, and a second Observe. */
#include <mbedtls/ccm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"
#include "ports/mbedtls/crypto.h"
#include "proa/assert.h"
#include "proa/coap.h"
#include "proa/oscore.h"

enum {
    ROUNDS = 41,
    TURNS = 4000,
    PAYLOAD_LEN = 64,
    BUF = 256,
    TAG_LEN = 8,
    FLASH_MAX = 6144,
};

_Noreturn void proa_panic(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
    abort();
}

static void must(bool is_true, const char *what)
{
    if (!is_true) {
        fprintf(stderr, "bench-oscore: %s failed\n", what);
        exit(1);
    }
}

/* ---- two ends ----------------------------------------------------------------------------- */

static void *take(void *ctx, size_t len)
{
    (void)ctx;
    return calloc(1, len);
}

static void give(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)len;
    free(block);
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 3, len);
}

static proa_oscore *client, *server;
static const proa_coap_token token = {{1, 2, 3, 4}, 4};

static proa_oscore *make(const char *own, const char *other)
{
    proa_oscore *o;
    proa_oscore_config config = {
        .memory = {take, give, NULL},
        .random = {fill, NULL},
        .crypto = &proa_mbedtls_crypto,
        .contexts_first = 1,
        .contexts_max = 1,
        .margin = 1024,
    };
    proa_oscore_params params = {
        .master_secret = proa_span_of("0123456789abcdef"),
        .master_salt = proa_span_of("mastersalt"),
        .sender_id = proa_span_of(own),
        .recipient_id = proa_span_of(other),
        .aead = PROA_COSE_AES_CCM_16_64_128,
        .hmac = PROA_COSE_HMAC_256_256,
    };
    must(proa_oscore_open(&o, &config) == PROA_OK, "open");
    must(proa_oscore_add(o, 1, &params, PROA_OSCORE_FRESH) == PROA_OK, "add");
    return o;
}

typedef struct message {
    uint8_t bytes[BUF];
    size_t len;
} message;

static message compose(uint8_t code, int observe)
{
    static const uint8_t payload[PAYLOAD_LEN] = {7};
    message m;
    proa_coap_builder b =
        proa_coap_build(m.bytes, sizeof m.bytes, PROA_COAP_CON, code, 0x1234, &token);
    if (observe >= 0) {
        proa_coap_add_uint(&b, PROA_COAP_OPT_OBSERVE, (uint32_t)observe);
    }
    if (PROA_COAP_CLASS(code) == 0) {
        proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("3303"));
        proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("0"));
        proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("5700"));
    }
    proa_coap_add_uint(&b, PROA_COAP_OPT_CONTENT_FORMAT, 112);
    proa_coap_add_payload(&b, proa_span_make(payload, sizeof payload));
    m.len = (size_t)proa_coap_build_end(&b);
    return m;
}

static void protect(proa_oscore *o, proa_oscore_binding *b, const message *plain, message *wire)
{
    must(proa_oscore_protect(o, b, proa_span_make(plain->bytes, plain->len), wire->bytes,
                             sizeof wire->bytes, &wire->len) == PROA_OSCORE_DONE,
         "protect");
}

typedef struct lens {
    size_t request, response, notification;
} lens;

/* One turn. What the messages have grown by goes to `added`. */
static void turn(const message *question, const message *reply, lens *added)
{
    uint8_t buf[BUF];
    message wire;
    proa_oscore_binding b;
    proa_oscore_received in;
    must(proa_oscore_begin_request(client, 1, &b) == PROA_OSCORE_DONE, "begin");
    protect(client, &b, question, &wire);
    added->request = wire.len - question->len;
    must(proa_oscore_unprotect_request(server, 0, proa_span_make(wire.bytes, wire.len), buf,
                                       sizeof buf, &in) == PROA_OSCORE_ACCEPTED,
         "request");
    must(proa_oscore_begin_response(server, &in.binding, false) == PROA_OSCORE_DONE, "begin");
    protect(server, &in.binding, reply, &wire);
    added->response = wire.len - reply->len;
    must(proa_oscore_unprotect_response(client, &b, proa_span_make(wire.bytes, wire.len), buf,
                                        sizeof buf, &in) == PROA_OSCORE_ACCEPTED,
         "response");
}

/* ---- cryptography alone ------------------------------------------------------------------- */

static const uint8_t key[16] = "0123456789abcde";
static uint8_t nonce[13] = "nonce";
static const uint8_t aad[22] = "additional data";
static mbedtls_ccm_context ready;
static uint8_t text[BUF];

static void bare_pair(size_t len)
{
    const proa_aead *ccm = &proa_mbedtls_aes_ccm;
    proa_span more = proa_span_make(aad, sizeof aad);
    nonce[12]++;
    must(ccm->seal(ccm, key, nonce, more, text, len) == PROA_OK, "seal");
    must(ccm->open(ccm, key, nonce, more, text, len + TAG_LEN) == PROA_OK, "open");
}

static void ready_pair(size_t len)
{
    nonce[12]++;
    must(mbedtls_ccm_encrypt_and_tag(&ready, len, nonce, sizeof nonce, aad, sizeof aad, text, text,
                                     text + len, TAG_LEN) == 0,
         "encrypt");
    must(mbedtls_ccm_auth_decrypt(&ready, len, nonce, sizeof nonce, aad, sizeof aad, text, text,
                                  text + len, TAG_LEN) == 0,
         "decrypt");
}

/* ---- measuring ---------------------------------------------------------------------------- */

typedef struct times {
    double oscore_ns, bare_ns, ready_ns, ratio, ratio_ready;
} times;

static times measure(const message *question, const message *reply, lens *added)
{
    double oscore[ROUNDS], bare[ROUNDS], ready_[ROUNDS], ratio[ROUNDS], ratio_ready[ROUNDS];
    /* Header and Token stay outside, the code goes in. */
    size_t asks = question->len - 4 - token.len + 1;
    size_t says = reply->len - 4 - token.len + 1;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t at[4];
        at[0] = bench_now_ns();
        for (int i = 0; i < TURNS; i++) {
            turn(question, reply, added);
        }
        at[1] = bench_now_ns();
        for (int i = 0; i < TURNS; i++) {
            bare_pair(asks);
            bare_pair(says);
        }
        at[2] = bench_now_ns();
        for (int i = 0; i < TURNS; i++) {
            ready_pair(asks);
            ready_pair(says);
        }
        at[3] = bench_now_ns();
        oscore[round] = (double)(at[1] - at[0]) / TURNS / 2;
        bare[round] = (double)(at[2] - at[1]) / TURNS / 2;
        ready_[round] = (double)(at[3] - at[2]) / TURNS / 2;
        ratio[round] = oscore[round] / bare[round];
        ratio_ready[round] = oscore[round] / ready_[round];
    }
    return (times){bench_median(oscore, ROUNDS), bench_median(bare, ROUNDS),
                   bench_median(ready_, ROUNDS), bench_median(ratio, ROUNDS),
                   bench_median(ratio_ready, ROUNDS)};
}

static size_t measure_notification(void)
{
    uint8_t buf[BUF];
    message wire;
    proa_oscore_binding b;
    proa_oscore_received in;
    message plain = compose(PROA_COAP_GET, 0);
    must(proa_oscore_begin_request(client, 1, &b) == PROA_OSCORE_DONE, "begin");
    protect(client, &b, &plain, &wire);
    must(proa_oscore_unprotect_request(server, 0, proa_span_make(wire.bytes, wire.len), buf,
                                       sizeof buf, &in) == PROA_OSCORE_ACCEPTED,
         "observe");
    plain = compose(PROA_COAP_CONTENT, 9);
    must(proa_oscore_begin_response(server, &in.binding, true) == PROA_OSCORE_DONE, "begin");
    protect(server, &in.binding, &plain, &wire);
    return wire.len - plain.len;
}

/* "--flash N --flash-shared N --context N --table N" in front, from the script that has built for a
 * Cortex-M3; -1: not measured. */
static long figure(int *argc, char ***argv, const char *name)
{
    if (*argc < 3 || strcmp((*argv)[1], name) != 0) {
        return -1;
    }
    long value = strtol((*argv)[2], NULL, 10);
    (*argv)[2] = (*argv)[0];
    *argv += 2;
    *argc -= 2;
    return value;
}

static void print_figure(const char *name, long value)
{
    printf(value < 0 ? ",\"%s\":null" : ",\"%s\":%ld", name, value);
}

int main(int argc, char **argv)
{
    long flash = figure(&argc, &argv, "--flash");
    long shared = figure(&argc, &argv, "--flash-shared");
    long context = figure(&argc, &argv, "--context");
    long table = figure(&argc, &argv, "--table");
    bool json = bench_wants_json(argc, argv, "bench-oscore");
    client = make("c", "s");
    server = make("s", "c");
    mbedtls_ccm_init(&ready);
    must(mbedtls_ccm_setkey(&ready, MBEDTLS_CIPHER_ID_AES, key, 128) == 0, "key");
    message question = compose(PROA_COAP_POST, -1);
    message reply = compose(PROA_COAP_CONTENT, -1);
    lens added;
    turn(&question, &reply, &added); /* with a number of one byte */
    lens shown = added;
    shown.notification = measure_notification();
    times t = measure(&question, &reply, &added);
    bool ok = t.ratio < 1.5 && flash >= 0 && flash < FLASH_MAX;
    if (!json) {
        printf("protect and unprotect %8.0f ns, the AEAD calls alone %8.0f ns, ratio %.3f (1.5)\n",
               t.oscore_ns, t.bare_ns, t.ratio);
        printf("                            with keys made ready     %8.0f ns, ratio %.3f\n",
               t.ready_ns, t.ratio_ready);
        printf("bytes added: request %zu, response %zu, notification %zu; at least 10, 8, 9\n",
               shown.request, shown.response, shown.notification);
        printf("Cortex-M3: flash %ld of at most %d (with what it shares with CoAP: %ld), "
               "RAM %ld a context, %ld the table\n",
               flash, FLASH_MAX, shared, context, table);
        return ok ? 0 : 1;
    }
    bench_json_begin("proa-bench-oscore-1", ok);
    printf(",\"ratio_to_bare_aead\":%.3f,\"oscore_ns\":%.0f,\"bare_ns\":%.0f", t.ratio, t.oscore_ns,
           t.bare_ns);
    printf(",\"ratio_to_ready_aead\":%.3f,\"ready_ns\":%.0f", t.ratio_ready, t.ready_ns);
    printf(",\"added_bytes\":{\"request\":%zu,\"response\":%zu,\"notification\":%zu}",
           shown.request, shown.response, shown.notification);
    printf(",\"least_bytes\":{\"request\":10,\"response\":8,\"notification\":9}");
    print_figure("flash", flash);
    print_figure("flash_shared", shared);
    print_figure("ram_context", context);
    print_figure("ram_table", table);
    printf(",\"goals\":{\"ratio_max\":1.5,\"flash_max\":%d}", FLASH_MAX);
    printf(",\"reason\":\"%s\"}\n", flash < 0 ? "no compiler for Cortex-M3" : "");
    return ok ? 0 : 1;
}
