/* SPDX-License-Identifier: Apache-2.0 */
/* The run loop of a device: joins socket, DTLS box, client engine and C2C, and owns their storage.
 *
 * The box is made before the client but asks the client for keys, so its lookup goes through the
 * device, which knows the client by the time a handshake can begin. */
#include "ports/linux/device.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ports/linux/files.h"
#include "ports/linux/keylog.h"
#include "ports/linux/os.h"
#include "ports/linux/pcap.h"
#include "ports/linux/udp.h"
#include "ports/mbedtls/crypto.h"
#include "ports/mbedtls/dtls.h"
#include "proa/limits.h"
#include "proa/oscore.h"

#define SERVERS_MAX 4

/* A server or a script may write some hundred values a minute to a device under test. */
#define DEDUP_BYTES (256U * 1024)
#define SESSIONS_MAX (SERVERS_MAX + 2 * PROA_C2C_PEERS_MAX) /* two while one replaces the other */

typedef struct server_copy {
    proa_server_account account;
    char uri[PROA_URI_MAX];
    char identity[PROA_PSK_IDENTITY_MAX + 1];
    uint8_t key[PROA_PSK_KEY_MAX];
} server_copy;

struct proa_device {
    int fd;
    proa_addr local;
    proa_files files;
    bool has_files;
    proa_pcap *pcap;
    proa_keylog *keylog;
    proa_secure *secure;
    proa_oscore *oscore;
    proa_client *client;
    proa_c2c *c2c;
    server_copy servers[SERVERS_MAX];
    size_t server_count;
    uint8_t datagram[PROA_DATAGRAM_MAX + 256]; /* a little more, so that oversize is seen as such */
};

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    proa_device *device = ctx;
    return device->client != NULL && proa_client_find_psk(device->client, identity, out);
}

static bool find_first(void *ctx, uint32_t id, proa_secure_first *out)
{
    proa_device *device = ctx;
    return device->client != NULL && proa_client_find_first(device->client, id, out);
}

static bool find_oscore(void *ctx, uint64_t account, proa_oscore_params *out)
{
    proa_device *device = ctx;
    return device->client != NULL && proa_client_find_oscore(device->client, account, out);
}

static proa_err fail(proa_err err, char *message, size_t cap, const char *what, const char *detail)
{
    snprintf(message, cap, "%s%s%s", what, detail[0] == '\0' ? "" : ": ", detail);
    return err;
}

static proa_err copy_server(server_copy *to, const proa_device_server *from, char *message,
                            size_t cap)
{
    proa_uri uri;
    size_t identity_len = from->identity == NULL ? 0 : strlen(from->identity);
    if (strlen(from->uri) >= sizeof to->uri ||
        proa_uri_parse(proa_span_of(from->uri), &uri) != PROA_OK) {
        return fail(PROA_E_FORMAT, message, cap, "server URI must be coap(s)://host[:port]",
                    from->uri);
    }
    if (uri.secure && (identity_len == 0 || from->key.len == 0)) {
        return fail(PROA_E_RANGE, message, cap, "a coaps:// server needs an identity and a key",
                    from->uri);
    }
    if (identity_len > PROA_PSK_IDENTITY_MAX || from->key.len > PROA_PSK_KEY_MAX) {
        return fail(PROA_E_RANGE, message, cap, "identity or key longer than 64 bytes", from->uri);
    }
    memset(to, 0, sizeof *to);
    memcpy(to->uri, from->uri, strlen(from->uri));
    memcpy(to->identity, from->identity == NULL ? "" : from->identity, identity_len);
    memcpy(to->key, from->key.data == NULL ? to->key : from->key.data, from->key.len);
    to->account.short_id = from->short_id == 0 ? 1 : from->short_id;
    to->account.uri = proa_span_of(to->uri);
    to->account.mode = uri.secure ? PROA_SECURITY_PSK : PROA_SECURITY_NOSEC;
    to->account.identity = proa_span_of(to->identity);
    to->account.key = proa_span_make(to->key, from->key.len);
    to->account.lifetime_s = from->lifetime_s == 0 ? 300 : from->lifetime_s;
    to->account.pmin_s = from->pmin_s;
    to->account.pmax_s = from->pmax_s;
    to->account.oscore = from->oscore;
    if (proa_udp_resolve(uri.host, uri.port, &to->account.addr) != PROA_OK) {
        return fail(PROA_E_NOT_FOUND, message, cap, "server name does not resolve", from->uri);
    }
    return PROA_OK;
}

static proa_err open_socket(proa_device *d, const char *listen, char *message, size_t cap)
{
    const char *text = listen == NULL ? "[::]:0" : listen;
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (colon == NULL || colon == text ||
        proa_addr_parse_ip(proa_span_make(text, (size_t)(colon - text)), &d->local) != PROA_OK ||
        proa_parse_decimal(proa_span_of(colon + 1), UINT16_MAX, &port) != PROA_OK) {
        return fail(PROA_E_FORMAT, message, cap, "listen must be ADDRESS:PORT, as [::]:0", text);
    }
    d->local.port = (uint16_t)port;
    d->fd = proa_udp_open(&d->local);
    if (d->fd < 0) {
        return fail(PROA_E_IO, message, cap, text, strerror(-d->fd));
    }
    return PROA_OK;
}

static proa_err open_files(proa_device *d, const proa_device_options *o, char *message, size_t cap)
{
    if (o->state_dir != NULL) {
        proa_err err = proa_files_open(&d->files, o->state_dir);
        if (err == PROA_E_DENIED) {
            return fail(err, message, cap,
                        "state directory holds keys and must not be readable by others; run: "
                        "chmod 700",
                        o->state_dir);
        }
        if (err != PROA_OK) {
            return fail(err, message, cap, o->state_dir, strerror(errno));
        }
        d->has_files = true;
    }
    if (o->pcap != NULL && (d->pcap = proa_pcap_open(o->pcap)) == NULL) {
        return fail(PROA_E_IO, message, cap, o->pcap, strerror(errno));
    }
    if (o->keylog != NULL && (d->keylog = proa_keylog_open(o->keylog)) == NULL) {
        return fail(PROA_E_IO, message, cap, o->keylog, strerror(errno));
    }
    return PROA_OK;
}

/* The defaults of the engines are a microcontroller's. Linux has memory, and what lives here may
 * be a gateway or a test that is written to many times a second: what is remembered of each write
 * for EXCHANGE_LIFETIME (RFC 7252 §4.8.2) decides how many that may be. */
static void set_sizes(proa_client_config *config, proa_c2c_limits *limits)
{
    config->coap = proa_coap_config_server(config->random, config->memory);
    config->coap.sessions_return = false; /* they end with the program */
    config->coap.request_max = 128;
    config->coap.exchange_max = 128;
    config->coap.relation_max = 128;
    config->coap.body_count_max = 16;
    config->coap.body_max = 65536;
    config->coap.dedup_bytes = DEDUP_BYTES;
    config->coap.peer_max = 1024;
    config->server_max = SERVERS_MAX;
    config->object_max = 80;
    config->observation_max = 128;
    config->attribute_max = 128;
    config->access_max = 256;
    config->session_max = SESSIONS_MAX;
    limits->peer_max = PROA_C2C_PEERS_MAX;
    limits->access_max = 128;
    limits->ask_max = PROA_C2C_ASKS_MAX;
}

/* One context for each server and peer, another for each that is being renewed. */
#define CONTEXTS_MAX (2 * (SERVERS_MAX + PROA_C2C_PEERS_MAX))

static proa_err open_oscore(proa_device *d)
{
    proa_oscore_config config = {
        .memory = proa_linux_memory(),
        .random = proa_linux_random(),
        .crypto = &proa_mbedtls_crypto,
        .contexts_first = 8,
        .contexts_max = CONTEXTS_MAX,
        .renewal = &proa_oscore_appendix_b2,
        .find_params = find_oscore,
        .find_params_ctx = d,
    };
    if (d->has_files) {
        config.store = proa_files_store(&d->files);
    }
    return proa_oscore_open(&d->oscore, &config);
}

static proa_err open_engines(proa_device *d, const proa_device_options *o)
{
    proa_secure_config secure = proa_dtls_config_device(proa_linux_random(), proa_linux_memory());
    secure.live_max = SESSIONS_MAX;
    secure.handshake_max = 16;
    secure.find_psk = find_psk;
    secure.find_psk_ctx = d;
    if (d->keylog == NULL) {
        secure.firsts = &proa_dtls_firsts;
        secure.find_first = find_first;
    } else { /* a line of a key log is found by a ClientHello, and first sessions have none */
        secure.debug_keylog = true;
        secure.keylog = proa_keylog_write;
        secure.keylog_ctx = d->keylog;
    }
    proa_err err = proa_dtls_open(&d->secure, &secure);
    if (err == PROA_OK) {
        err = open_oscore(d);
    }
    if (err != PROA_OK) {
        return err;
    }
    proa_client_config config = proa_client_config_device(proa_span_of(o->endpoint),
                                                          proa_linux_random(), proa_linux_memory());
    proa_c2c_limits limits = proa_c2c_limits_device();
    set_sizes(&config, &limits);
    config.secure = d->secure;
    config.coap.oscore = proa_oscore_for_coap(d->oscore);
    limits.contexts = &proa_c2c_oscore;
    limits.compact = &proa_c2c_compact_accounts;
    if (d->has_files) {
        config.store = proa_files_store(&d->files);
    }
    err = proa_client_open(&d->client, &config);
    if (err == PROA_OK && !o->without_c2c) {
        err = proa_c2c_open(&d->c2c, d->client, &limits);
    }
    return err;
}

proa_err proa_device_open(proa_device **out, const proa_device_options *options, char *message,
                          size_t message_cap)
{
    *out = NULL;
    if (options->server_count > SERVERS_MAX) {
        return fail(PROA_E_FULL, message, message_cap, "a device has at most 4 servers", "");
    }
    proa_device *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return fail(PROA_E_NO_MEMORY, message, message_cap, "out of memory", "");
    }
    d->fd = -1;
    proa_err err = PROA_OK;
    for (size_t i = 0; i < options->server_count && err == PROA_OK; i++) {
        err = copy_server(&d->servers[i], &options->servers[i], message, message_cap);
        d->server_count++;
    }
    if (err == PROA_OK) {
        err = open_socket(d, options->listen, message, message_cap);
    }
    if (err == PROA_OK) {
        err = open_files(d, options, message, message_cap);
    }
    if (err == PROA_OK) {
        err = open_engines(d, options);
        if (err != PROA_OK) {
            (void)fail(err, message, message_cap, "cannot start the device", proa_err_name(err));
        }
    }
    if (err != PROA_OK) {
        proa_device_close(d);
        return err; /* NOLINT(clang-analyzer-unix.Malloc): it was freed by closing */
    }
    *out = d;
    return PROA_OK;
}

proa_err proa_device_start(proa_device *d)
{
    for (size_t i = 0; i < d->server_count; i++) {
        proa_err err = proa_client_add_server(d->client, &d->servers[i].account);
        if (err != PROA_OK) {
            return err;
        }
        proa_wipe(d->servers[i].key, sizeof d->servers[i].key);
    }
    return PROA_OK;
}

void proa_device_close(proa_device *d)
{
    if (d == NULL) {
        return;
    }
    if (d->c2c != NULL) {
        proa_c2c_close(d->c2c);
    }
    if (d->client != NULL) {
        proa_client_close(d->client);
    }
    proa_oscore_free(d->oscore);
    if (d->secure != NULL) {
        d->secure->class_->free(d->secure);
    }
    if (d->has_files) {
        proa_files_close(&d->files);
    }
    if (d->fd >= 0) {
        close(d->fd);
    }
    proa_pcap_close(d->pcap);
    proa_keylog_close(d->keylog);
    proa_wipe(d, sizeof *d);
    free(d);
}

proa_client *proa_device_client(proa_device *d)
{
    return d->client;
}

bool proa_device_context(const proa_device *d, uint64_t account, proa_oscore_info *out)
{
    return account != 0 && proa_oscore_look(d->oscore, account, out);
}

proa_c2c *proa_device_c2c(proa_device *d)
{
    return d->c2c;
}

int proa_device_fd(const proa_device *d)
{
    return d->fd;
}

proa_addr proa_device_local(const proa_device *d)
{
    return d->local;
}

int proa_device_timeout_ms(const proa_device *d)
{
    uint64_t next = proa_client_next_ms(d->client);
    uint64_t now = proa_linux_now_ms();
    if (next == UINT64_MAX) {
        return -1;
    }
    return next <= now ? 0 : next - now > 60000 ? 60000 : (int)(next - now);
}

static void capture(const proa_device *d, const proa_addr *from, const proa_addr *to,
                    proa_span datagram)
{
    if (d->pcap != NULL) {
        struct timespec wall;
        clock_gettime(CLOCK_REALTIME, &wall);
        proa_pcap_write(d->pcap, (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec, from, to,
                        datagram);
    }
}

void proa_device_flush(proa_device *d)
{
    proa_addr to;
    proa_span datagram;
    while (proa_client_output(d->client, proa_linux_now_ms(), &to, &datagram)) {
        capture(d, &d->local, &to, datagram);
        (void)proa_udp_send(d->fd, &to, datagram); /* a lost datagram is the protocol's business */
    }
}

void proa_device_step(proa_device *d)
{
    proa_addr from;
    bool multicast;
    int len = proa_udp_receive(d->fd, d->datagram, sizeof d->datagram, &from, &multicast);
    if (len >= 0) {
        proa_span datagram = {d->datagram, (size_t)len};
        capture(d, &from, &d->local, datagram);
        proa_client_input(d->client, proa_linux_now_ms(), &from, datagram, multicast);
    }
    proa_device_flush(d);
}

void proa_device_wait(proa_device *d, int timeout_ms)
{
    proa_device_flush(d);
    int engine_ms = proa_device_timeout_ms(d);
    if (engine_ms >= 0 && (timeout_ms < 0 || engine_ms < timeout_ms)) {
        timeout_ms = engine_ms;
    }
    struct pollfd pfd = {.fd = d->fd, .events = POLLIN};
    (void)poll(&pfd, 1, timeout_ms); /* a signal only makes this turn shorter */
    proa_device_step(d);
}
