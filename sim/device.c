/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated device: client, C2C and DTLS, object 3311, and a flash that outlives reboots. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/mbedtls/dtls.h"
#include "proa/limits.h"
#include "sim/checker.h"
#include "sim/oscore.h"
#include "sim/world.h"

/* ---- the application: a light ----------------------------------------------------------- */

static const proa_resource resources[] = {
    {5706, PROA_TYPE_STRING, PROA_RES_RW},
    {5823, PROA_TYPE_STRING, PROA_RES_E},
    {5850, PROA_TYPE_BOOLEAN, PROA_RES_RW},
};

static proa_err read_light(void *ctx, const proa_path *path, proa_value *out)
{
    const sim_device *device = ctx;
    if (path->ids[2] == 5850) {
        *out = proa_value_boolean(device->on);
    } else {
        *out = proa_value_string(proa_span_of(device->text));
    }
    return PROA_OK;
}

static proa_err write_light(void *ctx, const proa_actor *who, const proa_path *path,
                            const proa_value *value)
{
    sim_device *device = ctx;
    (void)who;
    if (path->ids[2] == 5850) {
        device->on = value->as.boolean;
        return PROA_OK;
    }
    if (value->as.bytes.len >= sizeof device->text) {
        return PROA_E_TOO_LARGE;
    }
    memcpy(device->text, value->as.bytes.data, value->as.bytes.len);
    device->text[value->as.bytes.len] = '\0';
    if (device->world->guest != NULL) {
        device->world->guest->written(device->world->guest->ctx, device);
    }
    return PROA_OK;
}

/* Longer than until the first retransmission (RFC 7252 §4.8): what a requester sent once may then be
 * sent again with an Echo, because whoever asks for that has not seen it before. */
#define BOOT_MS 4000U

static proa_err execute_light(void *ctx, const proa_actor *who, const proa_path *path,
                              proa_span arguments)
{
    sim_device *device = ctx;
    (void)who;
    (void)path;
    sim_checker_executed(device->world->checker, device, arguments);
    if (device->fails_after_act) {
        device->fails_after_act = false;
        device->store.power_failed = 1;
        device->off_until_ms = device->world->now_ms + BOOT_MS;
    }
    return PROA_OK;
}

static const proa_object_class light_class = {
    .read = read_light, .write = write_light, .execute = execute_light};

static proa_object light_of(sim_device *device)
{
    proa_object object = {3311,         1,     0, resources, sizeof resources / sizeof *resources,
                          &light_class, device};
    return object;
}

void sim_device_toggle(sim_device *device)
{
    proa_path path = proa_path_make(3, 3311, 0, 5850);
    device->on = !device->on;
    if (device->up) {
        proa_client_changed(device->client, device->world->now_ms, &path);
    }
}

void sim_device_tell(sim_device *device, const char *text)
{
    proa_path path = proa_path_make(3, 3311, 0, 5706);
    snprintf(device->text, sizeof device->text, "%s", text);
    if (device->up) {
        proa_client_changed(device->client, device->world->now_ms, &path);
    }
}

/* ---- opening ---------------------------------------------------------------------------- */

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    const sim_device *device = ctx;
    return device->client != NULL && proa_client_find_psk(device->client, identity, out);
}

static bool find_first(void *ctx, uint32_t id, proa_secure_first *out)
{
    const sim_device *device = ctx;
    return device->client != NULL && proa_client_find_first(device->client, id, out);
}

/* What a device's file installs until bootstrap does (DESIGN G24): the server may create accounts
 * and rights, and owns the light. */
static void add_access(sim_device *device)
{
    static const uint16_t created[] = {PROA_OBJECT_CLIENT_SECURITY, PROA_OBJECT_CLIENT,
                                       PROA_OBJECT_CLIENT_ACCESS, PROA_OBJECT_OSCORE};
    size_t count = sizeof created / sizeof *created - (device->world->oscore ? 0 : 1);
    for (size_t i = 0; i < count; i++) {
        sim__must(
            proa_client_add_access(device->client, created[i], PROA_ID_ALL, 1, PROA_RIGHTS_ALL, 1),
            "access rights");
    }
    sim__must(proa_client_add_access(device->client, 3311, 0, 1, PROA_RIGHTS_ALL, 1),
              "access rights");
}

void sim__device_open(sim_device *device)
{
    char uri[PROA_URI_MAX];
    proa_object light = light_of(device);
    proa_random random = sim_rng_random(&device->rng);
    proa_secure_config secure = proa_dtls_config_device(random, sim__memory());
    /* The checker tells sessions by their ids; ids of two bytes, which devices have otherwise, come
     * again by chance once in a thousand runs. */
    secure.cid_len = device->world->calm ? secure.cid_len : 4;
    sim__fit_dtls(device->world, &secure);
    secure.find_psk = find_psk;
    secure.find_psk_ctx = device;
    secure.firsts = &proa_dtls_firsts;
    secure.find_first = find_first;
    sim__must(proa_dtls_open(&device->secure, &secure), "DTLS");
    proa_client_config config =
        proa_client_config_device(proa_span_of(device->name), random, sim__memory());
    proa_c2c_limits limits = proa_c2c_limits_device();
    limits.peer_max = 8;
    limits.access_max = 16;
    config.secure = device->secure;
    config.store = sim_store_port(&device->store);
    if (device->world->oscore || device->world->server_oscore) {
        sim__contexts_open(device);
        config.coap.oscore = proa_oscore_for_coap(device->contexts);
    }
    if (device->world->oscore) {
        limits.contexts = &proa_c2c_oscore;
    }
    if (device->is_compact) {
        limits.compact = &proa_c2c_compact_accounts;
    }
    sim__fit_coap(device->world, &config.coap);
    sim__must(proa_client_open(&device->client, &config), "client");
    sim__must(proa_c2c_open(&device->c2c, device->client, &limits), "C2C");
    device->light = light;
    sim__must(proa_client_add_object(device->client, &device->light), "object 3311");
    if (device->incarnation == 0) {
        add_access(device);
    }
    proa_writer w = proa_writer_make(uri, sizeof uri);
    proa_uri_write(&w, !device->world->server_oscore, &device->world->server.addr);
    proa_server_account server = {.short_id = 1,
                                  .uri = proa_writer_span(&w),
                                  .addr = device->world->server.addr,
                                  .mode = PROA_SECURITY_PSK,
                                  .identity = proa_span_of(device->identity),
                                  .key = proa_span_make(device->key, device->key_len),
                                  .lifetime_s = device->world->lifetime_s};
    device->params = sim__oscore_params(device, false);
    if (device->world->server_oscore) {
        server.mode = PROA_SECURITY_NOSEC;
        server.identity = server.key = proa_span_make(NULL, 0);
        server.oscore = &device->params;
    }
    sim__must(proa_client_add_server(device->client, &server), "server account");
    device->up = true;
}

static uint64_t firsts_of(const sim_device *device)
{
    return device->secure->class_->stats(device->secure).firsts_done;
}

void sim__device_close(sim_device *device)
{
    if (device->up) {
        proa_c2c_close(device->c2c);
        proa_client_close(device->client);
        sim__contexts_close(device);
        device->world->firsts += firsts_of(device);
        device->secure->class_->free(device->secure);
        device->client = NULL;
        device->c2c = NULL;
        device->up = false;
    }
}

/* ---- running ---------------------------------------------------------------------------- */

void sim__device_run(sim_device *device)
{
    uint64_t now_ms = device->world->now_ms;
    proa_client_event client_event;
    proa_c2c_event c2c_event;
    proa_addr to;
    proa_span bytes;
    if (!device->up && device->off_until_ms <= now_ms) {
        sim__device_open(device);
    }
    if (!device->up) {
        return;
    }
    while (proa_client_poll(device->client, now_ms, &client_event)) {
        sim_checker_client(device->world->checker, device, &client_event);
    }
    while (proa_c2c_poll(device->c2c, now_ms, &c2c_event)) {
        sim_checker_c2c(device->world->checker, device, &c2c_event);
        if (device->world->guest != NULL) {
            device->world->guest->c2c(device->world->guest->ctx, device, &c2c_event);
        }
    }
    while (!device->store.power_failed && proa_client_output(device->client, now_ms, &to, &bytes)) {
        sim__world_send(device->world, device->node, &device->addr, &to, bytes);
    }
    if (device->store.power_failed) {
        device->store.power_failed = 0;
        device->world->power_failures++;
        sim_device_reboot(device);
    }
}

void sim__device_input(sim_device *device, const sim_datagram *datagram)
{
    if (device->up) {
        uint64_t firsts = firsts_of(device);
        device->input = proa_span_make(datagram->bytes, datagram->len);
        proa_client_input(device->client, device->world->now_ms, &datagram->from, device->input,
                          false);
        if (firsts_of(device) > firsts) {
            sim_checker_first(device->world->checker, device, device->input);
        }
        sim__device_run(device);
        device->input = proa_span_make(NULL, 0);
    }
}

uint64_t sim__device_next_ms(const sim_device *device)
{
    return device->up ? proa_client_next_ms(device->client) : device->off_until_ms;
}
