/* SPDX-License-Identifier: Apache-2.0 */
/* What the DTLS box costs beside Mbed TLS alone: handshakes, records, waking, memory.
 *
 * Both arms have the same configuration, suite, connection ids, arena and random generator, and both
 * answer a first ClientHello with an HMAC cookie. They take turns; a ratio is the median over the
 * rounds of box divided by bare. A handshake is counted for both ends together, from the client's
 * first byte to the server's first record. Waking is one record for a session that sleeps while
 * another one goes to sleep for it; alone, that is setup, load, read, save and free. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/md.h>
#include <mbedtls/ssl.h>

#include "bench/report.h"
#include "ports/mbedtls/dtls.h"
#include "proa/assert.h"

enum {
    ROUNDS = 31,
    HANDSHAKES = 60, /* in one turn of an arm */
    RECORDS = 4000,
    WAKES = 400,
    LIVE = 63,
    ASLEEP = 10000,
    KEPT = 1000,
    CID_LEN = 6,
    ARENA_LEN = 4 << 20,
};

_Noreturn void proa_panic(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
    abort();
}

static void must(bool is_true, const char *what)
{
    if (!is_true) {
        fprintf(stderr, "bench-dtls: %s failed\n", what);
        exit(1);
    }
}

static const uint8_t key[16] = "0123456789abcde";
static mbedtls_ctr_drbg_context drbg;

static int seed_drbg(void *ctx, unsigned char *out, size_t len)
{
    (void)ctx;
    memset(out, 7, len);
    return 0;
}

/* ---- Mbed TLS alone ----------------------------------------------------------------------- */

typedef struct wire {
    uint8_t bytes[8][1400];
    size_t lens[8];
    size_t head, tail;
} wire;

typedef struct end {
    mbedtls_ssl_context ssl;
    wire *in, *out;
    uint32_t middle_ms, end_ms; /* the clock stands still: a timer only remembers that it is set */
} end;

static mbedtls_ssl_config confs[2];
static mbedtls_md_context_t cookie_key;

static int wire_send(void *ctx, const unsigned char *bytes, size_t len)
{
    wire *w = ((end *)ctx)->out;
    memcpy(w->bytes[w->tail % 8], bytes, len);
    w->lens[w->tail++ % 8] = len;
    return (int)len;
}

static int wire_receive(void *ctx, unsigned char *bytes, size_t cap)
{
    wire *w = ((end *)ctx)->in;
    if (w->head == w->tail) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size_t len = w->lens[w->head % 8];
    must(len <= cap, "datagram");
    memcpy(bytes, w->bytes[w->head++ % 8], len);
    return (int)len;
}

static void set_timer(void *ctx, uint32_t middle_ms, uint32_t end_ms)
{
    end *e = ctx;
    e->middle_ms = middle_ms;
    e->end_ms = end_ms;
}

static int get_timer(void *ctx)
{
    return ((end *)ctx)->end_ms == 0 ? -1 : 0;
}

static void make_cookie(const unsigned char *client, size_t client_len, uint8_t out[32])
{
    must(mbedtls_md_hmac_reset(&cookie_key) == 0 &&
             mbedtls_md_hmac_update(&cookie_key, client, client_len) == 0 &&
             mbedtls_md_hmac_finish(&cookie_key, out) == 0,
         "cookie");
}

static int cookie_write(void *ctx, unsigned char **at, unsigned char *limit,
                        const unsigned char *client, size_t client_len)
{
    uint8_t mac[32];
    (void)ctx;
    must(limit - *at >= 16, "room");
    make_cookie(client, client_len, mac);
    memcpy(*at, mac, 16);
    *at += 16;
    return 0;
}

static int cookie_check(void *ctx, const unsigned char *cookie, size_t cookie_len,
                        const unsigned char *client, size_t client_len)
{
    uint8_t mac[32];
    (void)ctx;
    make_cookie(client, client_len, mac);
    return cookie_len == 16 && proa_equal_ct(mac, cookie, 16) ? 0 : -1;
}

static void bare_init(void)
{
    static const int suites[] = {MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8, 0};
    for (int role = 0; role < 2; role++) {
        mbedtls_ssl_config *conf = &confs[role];
        mbedtls_ssl_config_init(conf);
        must(mbedtls_ssl_config_defaults(
                 conf, role == 1 ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                 MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT) == 0,
             "defaults");
        mbedtls_ssl_conf_rng(conf, mbedtls_ctr_drbg_random, &drbg);
        mbedtls_ssl_conf_ciphersuites(conf, suites);
        must(mbedtls_ssl_conf_psk(conf, key, 16, (const uint8_t *)"bench", 5) == 0, "psk");
        must(mbedtls_ssl_conf_cid(conf, CID_LEN, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE) == 0, "cid");
    }
    mbedtls_ssl_conf_dtls_cookies(&confs[1], cookie_write, cookie_check, NULL);
    mbedtls_md_init(&cookie_key);
    must(mbedtls_md_setup(&cookie_key, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 1) == 0 &&
             mbedtls_md_hmac_starts(&cookie_key, key, 16) == 0,
         "cookie key");
}

static void bare_name(end *e, int role)
{
    uint8_t cid[CID_LEN];
    must(mbedtls_ctr_drbg_random(&drbg, cid, sizeof cid) == 0, "random");
    must(mbedtls_ssl_set_cid(&e->ssl, MBEDTLS_SSL_CID_ENABLED, cid, CID_LEN) == 0, "cid");
    if (role == 1) {
        must(mbedtls_ssl_set_client_transport_id(&e->ssl, (const uint8_t *)"192.0.2.1:56789+zone",
                                                 20) == 0,
             "transport id");
    }
}

static void bare_setup(end *e, int role)
{
    mbedtls_ssl_init(&e->ssl);
    must(mbedtls_ssl_setup(&e->ssl, &confs[role]) == 0, "setup");
    mbedtls_ssl_set_bio(&e->ssl, e, wire_send, wire_receive, NULL);
    mbedtls_ssl_set_timer_cb(&e->ssl, e, set_timer, get_timer);
    mbedtls_ssl_set_mtu(&e->ssl, 1280);
}

static bool bare_step(end *e, int role)
{
    int result = mbedtls_ssl_handshake(&e->ssl);
    if (result == MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED) {
        must(mbedtls_ssl_session_reset(&e->ssl) == 0, "reset");
        bare_name(e, role);
        return false;
    }
    must(result == 0 || result == MBEDTLS_ERR_SSL_WANT_READ, "bare handshake");
    return result == 0;
}

static void bare_data(end *from, end *to, const uint8_t *bytes, size_t len)
{
    uint8_t out[256];
    must(mbedtls_ssl_write(&from->ssl, bytes, len) == (int)len, "bare write");
    must(mbedtls_ssl_read(&to->ssl, out, sizeof out) == (int)len, "bare read");
}

static void bare_pair(end ends[2], wire wires[2])
{
    memset(ends, 0, 2 * sizeof *ends);
    memset(wires, 0, 2 * sizeof *wires);
    for (int role = 0; role < 2; role++) {
        ends[role].out = &wires[role];
        ends[role].in = &wires[1 - role];
        bare_setup(&ends[role], role);
        bare_name(&ends[role], role);
    }
    for (bool done[2] = {false, false}; !done[0] || !done[1];) {
        for (int role = 0; role < 2; role++) {
            done[role] = done[role] || bare_step(&ends[role], role);
        }
    }
    bare_data(&ends[0], &ends[1], key, sizeof key);
}

/* ---- the box ------------------------------------------------------------------------------ */

typedef struct site {
    proa_secure *box;
    proa_addr addr;
    size_t taken_len;
    uint32_t session; /* of the last CONNECTED */
    uint64_t connected, data;
} site;

static void *take(void *ctx, size_t len)
{
    ((site *)ctx)->taken_len += len;
    return calloc(1, len);
}

static void give(void *ctx, void *bytes, size_t len)
{
    ((site *)ctx)->taken_len -= len;
    free(bytes);
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    must(mbedtls_ctr_drbg_random(&drbg, out, len) == 0, "random");
}

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    (void)ctx;
    memcpy(out->key, key, 16);
    out->key_len = 16;
    out->account = 1;
    return identity.len == 5;
}

static uint64_t now_ms = 1000000;

static void site_open(site *s, uint8_t number, uint32_t live_max, uint32_t hibernated_max)
{
    proa_random random = {fill, NULL};
    proa_memory memory = {take, give, s};
    memset(s, 0, sizeof *s);
    proa_secure_config config = proa_dtls_config_server(random, memory);
    config.find_psk = find_psk;
    config.live_max = live_max;
    config.hibernated_max = hibernated_max;
    config.handshake_max = 4;
    s->addr = (proa_addr){{number}, 5684, 0};
    must(proa_dtls_open(&s->box, &config) == PROA_OK, "open");
}

/* Until neither side has anything to say. */
static void pump(site *a, site *b)
{
    proa_addr to;
    proa_span d;
    proa_secure_event event;
    for (bool moved = true; moved;) {
        moved = false;
        for (int side = 0; side < 2; side++) {
            site *from = side == 0 ? a : b;
            site *at = side == 0 ? b : a;
            while (from->box->class_->output(from->box, now_ms, &to, &d)) {
                at->box->class_->input(at->box, now_ms, &from->addr, d);
                while (at->box->class_->poll(at->box, now_ms, &event)) {
                    at->connected += event.kind == PROA_SECURE_CONNECTED;
                    at->data += event.kind == PROA_SECURE_DATA;
                    if (event.kind == PROA_SECURE_CONNECTED) {
                        at->session = event.session;
                    }
                }
                moved = true;
            }
        }
    }
}

static void site_data(site *from, uint32_t session, site *to, const uint8_t *bytes, size_t len)
{
    uint64_t before = to->data;
    must(from->box->class_->send(from->box, now_ms, session, proa_span_make(bytes, len)) == PROA_OK,
         "send");
    pump(from, to);
    must(to->data == before + 1, "data");
}

static uint32_t site_pair(site *client, site *server)
{
    proa_psk psk = {{0}, 16, 1};
    uint32_t session;
    uint64_t before = server->connected;
    memcpy(psk.key, key, 16);
    must(client->box->class_->open(client->box, now_ms, &server->addr, proa_span_of("bench"), &psk,
                                   &session) == PROA_OK,
         "open session");
    pump(client, server);
    must(server->connected == before + 1, "box handshake");
    site_data(client, session, server, key, sizeof key);
    return session;
}

static void site_close(site *s, uint32_t session)
{
    s->box->class_->close(s->box, now_ms, session, false);
}

/* ---- what is measured --------------------------------------------------------------------- */

typedef struct turns {
    double box_ns, bare_ns, ratio;
} turns;

/* One turn of each arm, ROUNDS times; who begins alternates. */
static turns measure(void (*box)(void), void (*bare)(void), double per)
{
    static double a[ROUNDS], b[ROUNDS], r[ROUNDS];
    box();
    bare();
    for (size_t i = 0; i < ROUNDS; i++) {
        uint64_t t0 = bench_now_ns();
        (i % 2 == 0 ? box : bare)();
        uint64_t t1 = bench_now_ns();
        (i % 2 == 0 ? bare : box)();
        uint64_t t2 = bench_now_ns();
        a[i] = (double)(i % 2 == 0 ? t1 - t0 : t2 - t1) / per;
        b[i] = (double)(i % 2 == 0 ? t2 - t1 : t1 - t0) / per;
        r[i] = a[i] / b[i];
    }
    turns t = {bench_median(a, ROUNDS), bench_median(b, ROUNDS), bench_median(r, ROUNDS)};
    return t;
}

static site client, server;
static end ends[4];
static wire wires[4];
static uint32_t at_client[2];

static void box_handshakes(void)
{
    for (int i = 0; i < HANDSHAKES; i++) {
        uint32_t session = site_pair(&client, &server);
        site_close(&client, session);
        site_close(&server, server.session);
    }
}

static void bare_handshakes(void)
{
    for (int i = 0; i < HANDSHAKES; i++) {
        bare_pair(ends, wires);
        mbedtls_ssl_free(&ends[0].ssl);
        mbedtls_ssl_free(&ends[1].ssl);
    }
}

static const uint8_t payload[64] = "a record of 64 bytes";

static void box_records(void)
{
    for (int i = 0; i < RECORDS; i++) {
        site_data(&client, at_client[0], &server, payload, sizeof payload);
    }
}

static void bare_records(void)
{
    for (int i = 0; i < RECORDS; i++) {
        bare_data(&ends[0], &ends[1], payload, sizeof payload);
    }
}

static void box_wakes(void)
{
    for (int i = 0; i < WAKES; i++) {
        site_data(&client, at_client[i % 2], &server, payload, sizeof payload);
    }
}

static uint8_t blobs[2][512];
static size_t blob_lens[2];

static void bare_wakes(void)
{
    for (int i = 0; i < WAKES; i++) {
        end *e = &ends[2 * (i % 2) + 1];
        bare_setup(e, 1);
        must(mbedtls_ssl_context_load(&e->ssl, blobs[i % 2], blob_lens[i % 2]) == 0, "load");
        bare_data(&ends[2 * (i % 2)], e, payload, sizeof payload);
        must(mbedtls_ssl_context_save(&e->ssl, blobs[i % 2], sizeof blobs[0], &blob_lens[i % 2]) ==
                 0,
             "save");
        mbedtls_ssl_free(&e->ssl);
    }
}

static turns measure_handshakes(void)
{
    site_open(&client, 1, 4, 4);
    site_open(&server, 2, 4, 4);
    turns t = measure(box_handshakes, bare_handshakes, HANDSHAKES);
    client.box->class_->free(client.box);
    server.box->class_->free(server.box);
    return t;
}

static turns measure_records(void)
{
    site_open(&client, 1, 4, 4);
    site_open(&server, 2, 4, 4);
    at_client[0] = site_pair(&client, &server);
    bare_pair(ends, wires);
    turns t = measure(box_records, bare_records, RECORDS);
    mbedtls_ssl_free(&ends[0].ssl);
    mbedtls_ssl_free(&ends[1].ssl);
    client.box->class_->free(client.box);
    server.box->class_->free(server.box);
    return t;
}

static turns measure_wakes(void)
{
    site_open(&client, 1, 4, 4);
    site_open(&server, 2, 1, 4);
    for (int i = 0; i < 2; i++) {
        at_client[i] = site_pair(&client, &server);
        bare_pair(&ends[2 * i], &wires[2 * i]);
        must(mbedtls_ssl_context_save(&ends[2 * i + 1].ssl, blobs[i], sizeof blobs[0],
                                      &blob_lens[i]) == 0,
             "save");
        mbedtls_ssl_free(&ends[2 * i + 1].ssl);
    }
    uint64_t woken = server.box->class_->stats(server.box).woken;
    turns t = measure(box_wakes, bare_wakes, WAKES);
    must(server.box->class_->stats(server.box).woken - woken >= (uint64_t)WAKES * ROUNDS, "wake");
    mbedtls_ssl_free(&ends[0].ssl);
    mbedtls_ssl_free(&ends[2].ssl);
    client.box->class_->free(client.box);
    server.box->class_->free(server.box);
    return t;
}

typedef struct sizes {
    double client, server, hibernated;
    size_t arena_peak, arena_len;
} sizes;

/* What a box for one session takes before there is any. */
static size_t empty_len(void)
{
    site_open(&client, 1, 1, 0);
    size_t len = client.taken_len;
    client.box->class_->free(client.box);
    return len;
}

/* Bytes of one session: what a box full of them has in the arena and in its memory beyond an empty
 * one, divided by their number. */
static sizes measure_memory(void)
{
    sizes out;
    uint32_t sessions[LIVE];
    size_t empty = empty_len();
    site_open(&client, 1, LIVE, 0);
    site_open(&server, 2, LIVE, 0);
    size_t arena[3] = {proa_dtls_arena_read().used, 0, 0};
    for (int i = 0; i < LIVE; i++) {
        sessions[i] = site_pair(&client, &server);
    }
    arena[1] = proa_dtls_arena_read().used;
    for (int i = 0; i < LIVE; i++) {
        site_close(&client, sessions[i]);
    }
    arena[2] = proa_dtls_arena_read().used;
    out.client = (double)(arena[1] - arena[2] + client.taken_len - empty) / (double)LIVE;
    out.server = (double)(arena[2] - arena[0] + server.taken_len - empty) / (double)LIVE;
    client.box->class_->free(client.box);
    server.box->class_->free(server.box);

    site_open(&client, 1, 4, 4);
    site_open(&server, 2, 1, ASLEEP);
    for (int i = 0; i < ASLEEP + 1; i++) {
        site_close(&client, site_pair(&client, &server));
    }
    must(server.box->class_->stats(server.box).hibernated == ASLEEP, "sleep");
    out.hibernated = (double)(server.taken_len - empty) / (double)ASLEEP;
    client.box->class_->free(client.box);
    server.box->class_->free(server.box);
    out.arena_peak = proa_dtls_arena_read().peak;
    proa_secure_config device =
        proa_dtls_config_device((proa_random){fill, NULL}, (proa_memory){take, give, &client});
    out.arena_len = proa_dtls_arena_len(&device);
    return out;
}

/* ---- sessions that outlive their box ------------------------------------------------------ */

typedef struct kept_row {
    uint8_t id[8], context[512], mark[64];
    size_t id_len, context_len, mark_len;
} kept_row;

static kept_row rows[KEPT];
static size_t row_count, mark_count;

static void keep(void *ctx, const proa_secure_row *row)
{
    kept_row *r = &rows[row_count++ % KEPT];
    (void)ctx;
    memcpy(r->id, row->id.data, r->id_len = row->id.len);
    memcpy(r->context, row->context.data, r->context_len = row->context.len);
    memcpy(r->mark, row->mark.data, r->mark_len = row->mark.len);
}

static void mark(void *ctx, proa_span id, proa_span bytes)
{
    (void)ctx, (void)id, (void)bytes;
    mark_count++;
}

static void forget(void *ctx, proa_span id)
{
    (void)ctx, (void)id;
}

static const proa_secure_keeper keeper = {keep, mark, forget, NULL};

static void kept_site_open(uint8_t number, uint32_t reserve)
{
    uint8_t own_key[PROA_SECURE_KEY_LEN];
    memset(&server, 0, sizeof server);
    proa_secure_config config =
        proa_dtls_config_server((proa_random){fill, NULL}, (proa_memory){take, give, &server});
    config.find_psk = find_psk;
    config.live_max = 4;
    config.handshake_max = 4;
    config.reserve = reserve;
    memset(own_key, number, sizeof own_key);
    proa_dtls_keep(&config, &keeper, own_key);
    server.addr = (proa_addr){{2}, 5684, 0};
    must(proa_dtls_open(&server.box, &config) == PROA_OK, "open");
}

typedef struct keeping {
    size_t row_bytes; /* of the sealed values */
    double revive_us; /* and store again */
    double record_us; /* both ends, if each needs a mark */
} keeping;

static keeping measure_keeping(void)
{
    static kept_row old[KEPT];
    keeping out = {0};
    uint8_t old_key[PROA_SECURE_KEY_LEN];
    memset(old_key, 1, sizeof old_key);
    site_open(&client, 1, 4, KEPT);
    kept_site_open(1, 0);
    for (int i = 0; i < KEPT; i++) {
        (void)site_pair(&client, &server);
    }
    must(row_count == KEPT, "keep");
    out.row_bytes = rows[0].context_len + rows[0].mark_len;
    server.box->class_->free(server.box);
    memcpy(old, rows, sizeof old);

    kept_site_open(2, 2);
    uint32_t session = 0;
    uint64_t account;
    uint64_t start = bench_now_ns();
    for (int i = 0; i < KEPT; i++) {
        proa_secure_row row = {proa_span_make(old[i].id, old[i].id_len),
                               proa_span_make(old[i].context, old[i].context_len),
                               proa_span_make(old[i].mark, old[i].mark_len)};
        must(server.box->class_->revive(server.box, now_ms, old_key, &row, &session, &account) ==
                 PROA_OK,
             "revive");
    }
    out.revive_us = (double)(bench_now_ns() - start) / 1e3 / KEPT;
    mark_count = 0;
    start = bench_now_ns();
    for (int i = 0; i < RECORDS; i++) {
        site_data(&server, session, &client, key, sizeof key);
        server.box->class_->stored(server.box, true);
    }
    out.record_us = (double)(bench_now_ns() - start) / 1e3 / RECORDS;
    must(mark_count >= RECORDS / 2 - 2, "marks");
    client.box->class_->free(client.box);
    server.box->class_->free(server.box);
    return out;
}

int main(int argc, char **argv)
{
    bool json = bench_wants_json(argc, argv, "bench-dtls");
    void *arena = malloc(ARENA_LEN);
    proa_dtls_arena_init(arena, ARENA_LEN);
    mbedtls_ctr_drbg_init(&drbg);
    must(mbedtls_ctr_drbg_seed(&drbg, seed_drbg, NULL, NULL, 0) == 0, "random");
    bare_init();
    turns handshake = measure_handshakes();
    turns record = measure_records();
    turns wake = measure_wakes();
    sizes size = measure_memory();
    keeping kept = measure_keeping();
    bool ok = handshake.ratio <= 1.35 && wake.ratio <= 1.3 && size.client <= 4600 &&
              size.server <= 4600 && size.hibernated <= 300;
    if (!json) {
        printf("handshake, both ends  %8.2f us, alone %8.2f us, ratio %.3f (at most 1.35)\n",
               handshake.box_ns / 1e3, handshake.bare_ns / 1e3, handshake.ratio);
        printf("record of 64 bytes    %8.3f us, alone %8.3f us, ratio %.3f\n", record.box_ns / 1e3,
               record.bare_ns / 1e3, record.ratio);
        printf("wake and sleep        %8.2f us, alone %8.2f us, ratio %.3f (at most 1.3)\n",
               wake.box_ns / 1e3, wake.bare_ns / 1e3, wake.ratio);
        printf("bytes of a session: client %.0f, server %.0f (at most 4600), asleep %.0f (300)\n",
               size.client, size.server, size.hibernated);
        printf(
            "stored session: %zu bytes, revived and stored again in %.2f us; with a mark for every "
            "second record %.3f us a record\n",
            kept.row_bytes, kept.revive_us, kept.record_us);
        printf("arena: peak here %zu, of a device by default %zu\n", size.arena_peak,
               size.arena_len);
        return ok ? 0 : 1;
    }
    bench_json_begin("proa-bench-dtls-1", ok);
    printf(",\"handshake_ratio_vs_bare\":%.3f,\"handshake_us\":%.2f,\"handshake_bare_us\":%.2f",
           handshake.ratio, handshake.box_ns / 1e3, handshake.bare_ns / 1e3);
    printf(",\"record_ratio_vs_bare\":%.3f,\"record_us\":%.3f,\"record_bare_us\":%.3f",
           record.ratio, record.box_ns / 1e3, record.bare_ns / 1e3);
    printf(",\"wake_ratio_vs_bare\":%.3f,\"wake_us\":%.2f,\"wake_bare_us\":%.2f", wake.ratio,
           wake.box_ns / 1e3, wake.bare_ns / 1e3);
    printf(",\"session_bytes\":{\"client\":%.0f,\"server\":%.0f,\"hibernated\":%.0f}", size.client,
           size.server, size.hibernated);
    printf(",\"stored_session_bytes\":%zu,\"revive_us\":%.2f,\"record_with_half_a_mark_us\":%.3f",
           kept.row_bytes, kept.revive_us, kept.record_us);
    printf(",\"arena_peak\":%zu,\"arena_len_device\":%zu}\n", size.arena_peak, size.arena_len);
    return ok ? 0 : 1;
}
