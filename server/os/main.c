/* SPDX-License-Identifier: Apache-2.0 */
/* proad: the server. Reads its command line, opens the parts, runs the one loop, closes them.
 *
 * One turn: wait for a datagram, a control command or a deadline; feed what came; let the hub handle
 * everything and commit; send, and commit what sending asked for (numbers that OSCORE takes in order
 * to send are on disk before that: contexts.h). SIGINT and SIGTERM end the loop, SIGHUP reads the
 * policy again. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ports/linux/keylog.h"
#include "ports/linux/os.h"
#include "ports/linux/pcap.h"
#include "ports/linux/udp.h"
#include "ports/mbedtls/crypto.h"
#include "ports/mbedtls/dtls.h"
#include "proa_build.h"
#include "server/os/contexts.h"
#include "server/os/hub.h"

/* Datagrams taken in one turn: enough to share a commit under load, few enough to answer soon. */
#define RECEIVE_BURST_MAX 256

typedef struct options {
    const char *config;
    const char *pcap;
    const char *keylog;
    bool json;
} options;

typedef struct daemon {
    proa_config config;
    proa_log log;
    int fd;
    proa_addr local;
    proa_pcap *pcap;
    proa_keylog *keylog;
    void *arena; /* of Mbed TLS */
    size_t arena_len;
    proa_secure *secure;
    proa_server *server;
    proa_authority *authority;
    proa_database *database;
    proa_sessions *sessions;
    proa_contexts *contexts;
    proa_hub *hub;
    proa_control *control;
} daemon_parts;

static volatile sig_atomic_t stop_wanted;
static volatile sig_atomic_t reload_wanted;

static void on_signal(int number)
{
    if (number == SIGHUP) {
        reload_wanted = 1;
    } else {
        stop_wanted = 1;
    }
}

static const char usage[] =
    "usage: proad --config FILE [--json] [--pcap FILE] [--keylog FILE]\n"
    "\n"
    "The Proa server: registers LwM2M devices and decides which may talk to which.\n"
    "\n"
    "  --config FILE   devices and their keys, where to listen, the policy (docs/FILES.md)\n"
    "  --json          events as JSON lines instead of sentences\n"
    "  --pcap FILE     capture its own datagrams for Wireshark\n"
    "  --keylog FILE   session secrets for Wireshark; debug builds only\n"
    "  --version       version and commit\n"
    "\n"
    "Talk to it with `proa ctl`. SIGHUP reads the policy again.\n";

static void usage_error(const char *what, const char *option)
{
    fprintf(stderr, "proad: %s%s\nTry `proad --help`.\n", what, option);
    exit(2);
}

static options read_options(int argc, char **argv)
{
    options o = {0};
    for (int i = 1; i < argc; i++) {
        const char **value = strcmp(argv[i], "--config") == 0   ? &o.config
                             : strcmp(argv[i], "--pcap") == 0   ? &o.pcap
                             : strcmp(argv[i], "--keylog") == 0 ? &o.keylog
                                                                : NULL;
        if (value != NULL) {
            if (i + 1 == argc) {
                usage_error("a file name must follow ", argv[i]);
            }
            *value = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0) {
            o.json = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            exit(0);
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("proad %s (%s)\n", PROA_BUILD_VERSION, PROA_BUILD_COMMIT);
            exit(0);
        } else {
            usage_error("unknown option ", argv[i]);
        }
    }
    if (o.config == NULL) {
        usage_error("which configuration? Give --config FILE", "");
    }
    return o;
}

/* ---- opening ---------------------------------------------------------------------------- */

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    const proa_config *config = ctx;
    const proa_known_device *device = proa_config_by_identity(config, identity);
    if (device == NULL) {
        return false;
    }
    memcpy(out->key, device->key, device->key_len);
    out->key_len = (uint8_t)device->key_len;
    out->account = (uint64_t)(device - config->devices) + 1;
    return true;
}

static bool endpoint_of(void *ctx, uint64_t account, proa_span *endpoint)
{
    const proa_known_device *device = proa_config_by_account(ctx, account);
    if (device == NULL) {
        return false;
    }
    *endpoint = proa_span_of(device->endpoint);
    return true;
}

static proa_protection protection_of(void *ctx, uint64_t account)
{
    const proa_known_device *device = proa_config_by_account(ctx, account);
    return device == NULL ? PROA_PROTECTION_DTLS : proa_known_protection(device);
}

static bool needs_key(void *ctx, proa_span endpoint)
{
    return proa_config_by_endpoint(ctx, endpoint) != NULL;
}

static bool fail(const char *what, const char *detail)
{
    fprintf(stderr, "proad: %s%s%s\n", what, detail[0] == '\0' ? "" : ": ", detail);
    return false;
}

static bool open_network(daemon_parts *d, const options *o)
{
    char address[PROA_ADDR_TEXT_MAX + 1] = "";
    proa_writer w = proa_writer_make(address, PROA_ADDR_TEXT_MAX);
    d->local = d->config.listen;
    proa_addr_write(&w, &d->local);
    d->fd = proa_udp_open(&d->local);
    if (d->fd < 0) {
        return fail(address, strerror(-d->fd));
    }
    if (o->pcap != NULL && (d->pcap = proa_pcap_open(o->pcap)) == NULL) {
        return fail(o->pcap, strerror(errno));
    }
    if (o->keylog != NULL && (d->keylog = proa_keylog_open(o->keylog)) == NULL) {
        return fail(o->keylog,
                    errno == ENOTSUP ? "only debug builds write session secrets" : strerror(errno));
    }
    return true;
}

static bool open_stores(daemon_parts *d)
{
    char message[700];
    const char *key_file = d->config.session_key;
    d->database = proa_database_open(d->config.database, message, sizeof message);
    if (d->database == NULL) {
        return fail(message, "");
    }
    if (key_file[0] != '\0') {
        d->sessions = proa_sessions_open(key_file, d->database, message, sizeof message);
    }
    return key_file[0] == '\0' || d->sessions != NULL || fail(message, "");
}

static bool open_dtls(daemon_parts *d)
{
    proa_secure_config secure = proa_dtls_config_server(proa_linux_random(), proa_linux_memory());
    secure.find_psk = find_psk;
    secure.find_psk_ctx = &d->config;
    if (d->keylog != NULL) {
        secure.debug_keylog = true;
        secure.keylog = proa_keylog_write;
        secure.keylog_ctx = d->keylog;
    }
    d->arena_len = proa_dtls_arena_len(&secure);
    d->arena = malloc(d->arena_len);
    if (d->arena == NULL) {
        return fail("DTLS", "no memory for its sessions");
    }
    proa_dtls_arena_init(d->arena, d->arena_len);
    if (d->sessions != NULL) {
        proa_dtls_keep(&secure, proa_sessions_keeper(d->sessions), proa_sessions_key(d->sessions));
    }
    proa_err err = proa_dtls_open(&d->secure, &secure);
    proa_wipe(&secure, sizeof secure);
    return err == PROA_OK || fail("DTLS", proa_err_name(err));
}

/* Devices whose keys nothing can bring back are told of, and do not stop the others. */
static void tell_unusable(daemon_parts *d)
{
    for (size_t i = 0; i < d->config.device_count; i++) {
        const char *endpoint = d->config.devices[i].endpoint;
        if (d->config.devices[i].oscore.is_there && !proa_contexts_usable(d->contexts, i + 1)) {
            proa_log_event(
                &d->log, "oscore_lost", json_pack("{s:s}", "device", endpoint),
                "%s: the database does not know how far its OSCORE keys are used up, and "
                "with an ID Context they cannot be renewed: give it new ones",
                endpoint);
        }
    }
}

static bool open_oscore(daemon_parts *d)
{
    static const proa_aead *const aeads[] = {&proa_mbedtls_aes_ccm, &proa_mbedtls_aes_gcm,
                                             &proa_mbedtls_chacha20_poly1305, NULL};
    static const proa_crypto crypto = {aeads, proa_mbedtls_hmac_sha256, NULL};
    char message[700];
    d->contexts = proa_contexts_open(&d->config, d->database, &crypto, message, sizeof message);
    if (d->contexts == NULL) {
        return fail(message, "");
    }
    tell_unusable(d);
    return true;
}

static bool open_engines(daemon_parts *d)
{
    proa_server_config server =
        proa_server_config_default(proa_linux_random(), proa_linux_memory());
    proa_authority_config authority =
        proa_authority_config_default(proa_linux_random(), proa_linux_memory());
    server.secure = d->secure;
    server.endpoint_of = endpoint_of;
    server.needs_key = needs_key;
    server.protection_of = protection_of;
    server.coap.oscore = proa_contexts_for_coap(d->contexts);
    server.coap.outer_blocks = &proa_coap_outer_blocks;
    server.ctx = &d->config;
    server.allow_nosec = d->config.allow_nosec;
    server.registration_max = d->config.registration_max;
    if (server.registration_first > server.registration_max) {
        server.registration_first = server.registration_max;
    }
    authority.device_max = d->config.registration_max;
    authority.loopback_ok = true; /* handed out only when both devices are on it */
    proa_err err = proa_server_open(&d->server, &server);
    if (err == PROA_OK) {
        err = proa_authority_open(&d->authority, &authority);
    }
    return err == PROA_OK || fail("engines", proa_err_name(err));
}

static void follow(void *ctx, const char *json)
{
    proa_control_publish(ctx, json);
}

static bool open_daemon(daemon_parts *d, const options *o)
{
    char message[700];
    if (!proa_config_load(&d->config, o->config, message, sizeof message)) {
        return fail(message, "");
    }
    if (!open_network(d, o) || !open_stores(d) || !open_dtls(d) || !open_oscore(d) ||
        !open_engines(d)) {
        return false;
    }
    proa_hub_parts parts = {&d->config, d->server, d->authority, d->database,
                            &d->log,    d->secure, d->sessions};
    d->hub = proa_hub_open(&parts, proa_linux_now_ms(), message, sizeof message);
    if (d->hub == NULL) {
        return fail(message, "");
    }
    d->control = proa_control_open(d->config.control, d->hub, message, sizeof message);
    if (d->control == NULL) {
        return fail(message, "");
    }
    proa_hub_set_control(d->hub, d->control);
    proa_hub_commit(d->hub, proa_linux_now_ms()); /* what was revived is safe from the next crash */
    d->log.follow = follow;
    d->log.follow_ctx = d->control;
    return true;
}

static void close_daemon(daemon_parts *d)
{
    d->log.follow = NULL;
    proa_control_close(d->control);
    proa_hub_close(d->hub);
    if (d->authority != NULL) {
        proa_authority_close(d->authority);
    }
    if (d->server != NULL) {
        proa_server_close(d->server);
    }
    if (d->secure != NULL) {
        d->secure->class_->free(d->secure);
    }
    proa_sessions_close(d->sessions);
    proa_contexts_close(d->contexts);
    proa_database_close(d->database);
    if (d->arena != NULL) {
        proa_dtls_arena_init(NULL, 0);
        proa_wipe(d->arena, d->arena_len);
        free(d->arena);
    }
    if (d->fd >= 0) {
        close(d->fd);
    }
    proa_pcap_close(d->pcap);
    proa_keylog_close(d->keylog);
    proa_config_free(&d->config);
}

/* ---- the loop --------------------------------------------------------------------------- */

static void capture(const daemon_parts *d, const proa_addr *from, const proa_addr *to,
                    proa_span datagram)
{
    if (d->pcap != NULL) {
        struct timespec wall;
        clock_gettime(CLOCK_REALTIME, &wall);
        proa_pcap_write(d->pcap, (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec, from, to,
                        datagram);
    }
}

static void receive(daemon_parts *d)
{
    static uint8_t buf[PROA_DATAGRAM_MAX + 256];
    proa_addr from;
    bool multicast;
    for (int i = 0; i < RECEIVE_BURST_MAX; i++) {
        int len = proa_udp_receive(d->fd, buf, sizeof buf, &from, &multicast);
        if (len < 0) {
            return;
        }
        uint64_t now_ms = proa_linux_now_ms();
        capture(d, &from, &d->local, proa_span_make(buf, (size_t)len));
        proa_server_input(d->server, now_ms, &from, proa_span_make(buf, (size_t)len), multicast);
        proa_hub_turn(d->hub, now_ms);
    }
}

static void send_all(daemon_parts *d)
{
    proa_addr to;
    proa_span datagram;
    while (proa_server_output(d->server, proa_linux_now_ms(), &to, &datagram)) {
        capture(d, &d->local, &to, datagram);
        (void)proa_udp_send(d->fd, &to, datagram); /* a lost datagram is the protocol's business */
    }
}

static int wait_ms(const daemon_parts *d)
{
    uint64_t now_ms = proa_linux_now_ms();
    uint64_t next_ms = proa_server_next_ms(d->server);
    uint64_t authority_ms = proa_authority_next_ms(d->authority);
    if (authority_ms < next_ms) {
        next_ms = authority_ms;
    }
    return next_ms <= now_ms ? 0 : next_ms - now_ms > 60000 ? 60000 : (int)(next_ms - now_ms);
}

static void reload_policy(daemon_parts *d)
{
    char message[700];
    int rules = proa_hub_load_policy(d->hub, proa_linux_now_ms(), message, sizeof message);
    if (rules < 0) {
        fprintf(stderr, "proad: %s (the old policy stays in force)\n", message);
        return;
    }
    proa_log_event(&d->log, "policy", json_pack("{s:i}", "rules", rules), "%d rules in force",
                   rules);
}

static void run(daemon_parts *d)
{
    struct pollfd fds[PROA_CONTROL_CLIENTS_MAX + 2];
    while (stop_wanted == 0) {
        fds[0] = (struct pollfd){.fd = d->fd, .events = POLLIN};
        size_t count = 1 + proa_control_pollfds(d->control, fds + 1);
        (void)poll(fds, count, wait_ms(d)); /* a signal only makes this turn shorter */
        if (reload_wanted != 0) {
            reload_wanted = 0;
            reload_policy(d);
        }
        receive(d);
        proa_control_step(d->control, proa_linux_now_ms());
        proa_hub_turn(d->hub, proa_linux_now_ms());
        proa_hub_commit(d->hub, proa_linux_now_ms());
        send_all(d);
        proa_hub_commit(d->hub, proa_linux_now_ms());
    }
}

static uint32_t sessions_kept(const daemon_parts *d)
{
    return d->secure == NULL ? 0 : d->secure->class_->stats(d->secure).kept;
}

int main(int argc, char **argv)
{
    static daemon_parts d = {.fd = -1};
    char address[PROA_ADDR_TEXT_MAX + 1] = "";
    options o = read_options(argc, argv);
    struct sigaction action = {.sa_handler = on_signal};
    const struct rlimit no_core = {0, 0}; /* all its memory is about keys */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    d.log.json = o.json;
    setrlimit(RLIMIT_CORE, &no_core);
    if (!open_daemon(&d, &o)) {
        close_daemon(&d);
        return 1;
    }
    proa_writer w = proa_writer_make(address, PROA_ADDR_TEXT_MAX);
    proa_addr_write(&w, &d.local);
    proa_log_event(&d.log, "listening",
                   json_pack("{s:s, s:i, s:i, s:i, s:s, s:s}", "address", address, "port",
                             (int)d.local.port, "devices", (int)d.config.device_count, "sessions",
                             (int)sessions_kept(&d), "control", d.config.control, "version",
                             PROA_BUILD_VERSION),
                   "on %s for %zu known devices, %u sessions go on, control socket %s", address,
                   d.config.device_count, sessions_kept(&d), d.config.control);
    run(&d);
    proa_log_event(&d.log, "stopped", json_object(),
                   "registrations, sessions and grants are kept in %s", d.config.database);
    close_daemon(&d);
    return 0;
}
