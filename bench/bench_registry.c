/* SPDX-License-Identifier: Apache-2.0 */
/* What a registered device costs the server engine, from a thousand to a hundred thousand of them:
 * time for a Register, an Update and a notification, and memory.
 *
 * Devices are datagrams made beforehand; only the engine is timed: input, all events, all output.
 * They arrive one every ARRIVAL_MS of the engine's clock and in an order that no table likes. They
 * are unprotected, so a session's cost comes on top. Nothing of the engine's storage is preset: it
 * grows from 64 places, and what a process of this many devices weighs is read from the system, in
 * a process of its own for each scale. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/report.h"
#include "ports/linux/os.h"
#include "proa/server.h"

#define ARRIVAL_MS 10
#define BATCH 500 /* datagrams made ahead, outside of the time taken */
#define DATAGRAM 512
#define ROUNDS_MAX 20 /* a small scale is measured several times */

static const char links[] =
    "</>;rt=\"oma.lwm2m\";ct=\"60 112 11542\",</1/0>,</3/0>,</3303/0>,</3303/1>,"
    "</3311/0>,</3311/1>,</11000>,</11001>,</11002>";

typedef struct figures {
    bool ok;
    double register_us, update_us, notify_us;
    double bytes_per_device;   /* resident, registered and updated */
    double bytes_per_observed; /* resident, with one observation more */
} figures;

typedef struct device {
    char location[PROA_REG_ID_LEN];
    proa_coap_token token; /* of its observation */
    uint16_t mid;
} device;

typedef struct world {
    proa_server *server;
    uint64_t now_ms;
    uint32_t count;
    device *devices;
    uint16_t round; /* the next Message ID of everybody */
    uint64_t spent_ns;
    uint32_t registered, updated, notified, observed;
    struct {
        uint32_t index;
        size_t len;
        uint8_t bytes[DATAGRAM];
    } batch[BATCH];
    size_t batch_count;
} world;

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

static double resident_bytes(void)
{
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &ignored, &pages) != 2) {
        perror("/proc/self/statm");
        exit(1);
    }
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static proa_addr address_of(uint32_t index)
{
    proa_addr addr = {{0xfd}, 5683, 0};
    for (int i = 0; i < 4; i++) {
        addr.ip[15 - i] = (uint8_t)(index >> 8 * i);
    }
    return addr;
}

static uint32_t index_of(const proa_addr *addr)
{
    return (uint32_t)addr->ip[12] << 24 | (uint32_t)addr->ip[13] << 16 |
           (uint32_t)addr->ip[14] << 8 | addr->ip[15];
}

/* ---- devices ---------------------------------------------------------------------------- */

/* The engine's answer to a Register, or its GET: what the device has to remember. */
static void remember(world *w, const proa_addr *to, proa_span datagram)
{
    proa_coap_msg m;
    device *d = &w->devices[index_of(to)];
    if (proa_coap_parse(&m, datagram) != PROA_OK) {
        return;
    }
    if (m.code == PROA_COAP_GET) {
        d->token = m.token;
        d->mid = m.mid;
        return;
    }
    proa_coap_options it = proa_coap_options_of(&m);
    proa_coap_option option;
    while (proa_coap_option_next(&it, &option)) {
        if (option.number == PROA_COAP_OPT_LOCATION_PATH && option.value.len == PROA_REG_ID_LEN) {
            memcpy(d->location, option.value.data, PROA_REG_ID_LEN);
        }
    }
}

static size_t make_register(const world *w, uint32_t i, uint8_t *out)
{
    char name[32];
    proa_coap_token token = {{(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 1}, 4};
    snprintf(name, sizeof name, "ep=urn:imei:%015" PRIu32, i);
    proa_coap_builder b =
        proa_coap_build(out, DATAGRAM, PROA_COAP_CON, PROA_COAP_POST, w->round, &token);
    proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("rd"));
    proa_coap_add_uint(&b, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_LINK);
    proa_coap_add(&b, PROA_COAP_OPT_URI_QUERY, proa_span_of(name));
    proa_coap_add(&b, PROA_COAP_OPT_URI_QUERY, proa_span_of("lt=86400"));
    proa_coap_add(&b, PROA_COAP_OPT_URI_QUERY, proa_span_of("lwm2m=1.2"));
    proa_coap_add(&b, PROA_COAP_OPT_URI_QUERY, proa_span_of("b=U"));
    proa_coap_add_payload(&b, proa_span_of(links));
    return (size_t)proa_coap_build_end(&b);
}

static size_t make_update(const world *w, uint32_t i, uint8_t *out)
{
    proa_coap_token token = {{(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 2}, 4};
    proa_coap_builder b =
        proa_coap_build(out, DATAGRAM, PROA_COAP_CON, PROA_COAP_POST, w->round, &token);
    proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("rd"));
    proa_coap_add(&b, PROA_COAP_OPT_URI_PATH,
                  proa_span_make(w->devices[i].location, PROA_REG_ID_LEN));
    return (size_t)proa_coap_build_end(&b);
}

static size_t make_value(const world *w, uint32_t i, uint8_t *out, bool first)
{
    const device *d = &w->devices[i];
    proa_coap_builder b = proa_coap_build(out, DATAGRAM, first ? PROA_COAP_ACK : PROA_COAP_NON,
                                          PROA_COAP_CONTENT, first ? d->mid : w->round, &d->token);
    proa_coap_add_uint(&b, PROA_COAP_OPT_OBSERVE, first ? 1 : w->round);
    proa_coap_add_uint(&b, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_TEXT);
    proa_coap_add_payload(&b, proa_span_of(first ? "20" : "21.5"));
    return (size_t)proa_coap_build_end(&b);
}

static size_t make_accept(const world *w, uint32_t i, uint8_t *out)
{
    return make_value(w, i, out, true);
}

static size_t make_notification(const world *w, uint32_t i, uint8_t *out)
{
    return make_value(w, i, out, false);
}

/* ---- the engine under the clock --------------------------------------------------------- */

static void step(world *w)
{
    proa_server_event e;
    proa_addr to;
    proa_span out;
    while (proa_server_poll(w->server, w->now_ms, &e)) {
        w->registered += e.kind == PROA_SERVER_REGISTERED;
        w->updated += e.kind == PROA_SERVER_UPDATED;
        w->notified += e.kind == PROA_SERVER_NOTIFICATION;
        w->observed += e.kind == PROA_SERVER_DONE && e.observing;
    }
    while (proa_server_output(w->server, w->now_ms, &to, &out)) {
        remember(w, &to, out);
    }
}

static void run_batch(world *w)
{
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < w->batch_count; i++) {
        proa_addr from = address_of(w->batch[i].index);
        w->now_ms += ARRIVAL_MS;
        proa_server_input(w->server, w->now_ms, &from,
                          proa_span_make(w->batch[i].bytes, w->batch[i].len), false);
        step(w);
    }
    w->spent_ns += bench_now_ns() - start;
    w->batch_count = 0;
}

/* Each device once in each round, each far from the one before. Microseconds for one. */
static double everybody(world *w, size_t (*make)(const world *w, uint32_t i, uint8_t *out),
                        uint32_t rounds)
{
    const uint32_t stride = 7919; /* prime, and no scale is a multiple of it */
    w->spent_ns = 0;
    for (uint32_t n = 0; n < w->count * rounds; n++) {
        uint32_t i = (uint32_t)((uint64_t)n * stride % w->count);
        if (n % w->count == 0) {
            w->round++;
        }
        w->batch[w->batch_count].index = i;
        w->batch[w->batch_count].len = make(w, i, w->batch[w->batch_count].bytes);
        if (++w->batch_count == BATCH || (n + 1) % w->count == 0) {
            run_batch(w);
        }
    }
    return (double)w->spent_ns / 1000 / w->count / rounds;
}

/* Observing is not timed: the requests go out, the answers come in as another round. */
static void start_observations(world *w)
{
    uint32_t cursor = 0;
    proa_registration r;
    proa_op_id id;
    while (proa_server_next(w->server, &cursor, &r)) {
        proa_server_op op = {.reg = r.reg,
                             .op = PROA_OP_OBSERVE,
                             .path = proa_path_make(3, 3303, 0, 5700),
                             .format = PROA_FORMAT_NONE};
        if (proa_server_op_start(w->server, w->now_ms, &op, &id) != PROA_OK) {
            return;
        }
        step(w);
        uint32_t i = index_of(&r.peer.addr);
        proa_addr from = r.peer.addr;
        uint8_t bytes[DATAGRAM];
        size_t len = make_accept(w, i, bytes);
        w->now_ms += 1;
        proa_server_input(w->server, w->now_ms, &from, proa_span_make(bytes, len), false);
        step(w);
    }
}

static void open_server(world *w)
{
    proa_memory memory = {take, give, NULL};
    proa_server_config config = proa_server_config_default(proa_linux_random(), memory);
    config.allow_nosec = true;
    config.registration_max = 200000;
    if (proa_server_open(&w->server, &config) != PROA_OK) {
        exit(1);
    }
}

/* What is remembered against duplicates goes, and what was freed is given back to the system. */
static void rest(world *w)
{
    w->now_ms += 300000;
    step(w);
    malloc_trim(0);
}

static figures measure(uint32_t count)
{
    static world w;
    uint32_t rounds = 100000 / count < ROUNDS_MAX ? 100000 / count : ROUNDS_MAX;
    figures f = {0};
    w.count = count;
    w.devices = calloc(count, sizeof *w.devices);
    if (w.devices == NULL) {
        exit(1);
    }
    memset(w.devices, 1, count * sizeof *w.devices); /* resident before we look */
    double before = resident_bytes();
    for (uint32_t round = 0; round < rounds; round++) {
        if (w.server != NULL) {
            proa_server_close(w.server);
        }
        open_server(&w);
        f.register_us += everybody(&w, make_register, 1) / rounds;
    }
    f.update_us = everybody(&w, make_update, rounds);
    rest(&w);
    f.bytes_per_device = (resident_bytes() - before) / count;
    start_observations(&w);
    rest(&w);
    f.bytes_per_observed = (resident_bytes() - before) / count;
    f.notify_us = everybody(&w, make_notification, rounds);
    f.ok = w.registered == count * rounds && w.updated == count * rounds && w.observed == count &&
           w.notified == count * rounds;
    if (!f.ok) {
        fprintf(stderr, "of %u: %u registered, %u updated, %u observed, %u notified\n", count,
                w.registered, w.updated, w.observed, w.notified);
    }
    return f;
}

/* In a process of its own: memory that another scale gave back would hide what this one takes. */
static figures measure_apart(uint32_t count)
{
    int ends[2];
    figures f = {0};
    if (pipe(ends) != 0) {
        perror("pipe");
        exit(1);
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        f = measure(count);
        _exit(write(ends[1], &f, sizeof f) == sizeof f ? 0 : 1);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &f, sizeof f) != sizeof f) {
        f.ok = false;
    }
    close(ends[0]);
    (void)!waitpid(child, NULL, 0);
    return f;
}

int main(int argc, char **argv)
{
    static const uint32_t counts[] = {1000, 10000, 100000};
    static const char *const names[] = {"1k", "10k", "100k"};
    figures f[3];
    bool json = bench_wants_json(argc, argv, "bench-registry");
    bool ok = true;
    for (int i = 0; i < 3; i++) {
        f[i] = measure_apart(counts[i]);
        ok = ok && f[i].ok;
        if (!json) {
            printf("%6u devices: register %.2f us, update %.2f us, notification %.2f us; "
                   "%.0f bytes each, %.0f observed\n",
                   counts[i], f[i].register_us, f[i].update_us, f[i].notify_us,
                   f[i].bytes_per_device, f[i].bytes_per_observed);
        }
    }
    if (json) {
        const char *const labels[] = {"register_us", "update_us", "notify_us"};
        bench_json_begin("proa-bench-registry-1", ok);
        for (int k = 0; k < 3; k++) {
            printf(",\"%s\":{", labels[k]);
            for (int i = 0; i < 3; i++) {
                double us = k == 0 ? f[i].register_us : k == 1 ? f[i].update_us : f[i].notify_us;
                printf("%s\"%s\":%.3f", i == 0 ? "" : ",", names[i], us);
            }
            printf("}");
        }
        printf(",\"bytes_per_device\":%.0f,\"bytes_per_observed_device\":%.0f}\n",
               f[2].bytes_per_device, f[2].bytes_per_observed);
    }
    return ok ? 0 : 1;
}
