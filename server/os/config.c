/* SPDX-License-Identifier: Apache-2.0 */
/* Reading proad's configuration file. What a value means for the engines is decided elsewhere. */
#include "server/os/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/linux/json_file.h"

/* A name from the file, relative to the file's own directory unless it begins with '/'. */
static void file_name(const proa_json_at *at, const char *fallback, char *out, size_t cap)
{
    const char *name = proa_json_string(at, fallback);
    const char *slash = strrchr(at->doc->path, '/');
    size_t directory_len = name[0] == '\0' || name[0] == '/' || slash == NULL
                               ? 0
                               : (size_t)(slash + 1 - at->doc->path);
    if (directory_len + strlen(name) >= cap) {
        proa_json_fail(at, "name too long");
        return;
    }
    memcpy(out, at->doc->path, directory_len);
    memcpy(out + directory_len, name, strlen(name) + 1);
}

static void read_listen(const proa_json_at *at, proa_addr *out)
{
    const char *text = proa_json_string(at, "[::]:5684");
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    memset(out, 0, sizeof *out);
    if (colon == NULL ||
        proa_addr_parse_ip(proa_span_make(text, (size_t)(colon - text)), out) != PROA_OK ||
        proa_parse_decimal(proa_span_of(colon + 1), UINT16_MAX, &port) != PROA_OK) {
        proa_json_fail(at, "must be ADDRESS:PORT, as in \"[::]:5684\" or \"127.0.0.1:0\"");
    }
    out->port = (uint16_t)port;
}

/* ---- devices ---------------------------------------------------------------------------- */

static void read_key(const proa_json_at *at, const char *name, proa_known_device *device)
{
    proa_json_at identity = proa_json_member(at, "identity");
    proa_json_at key = proa_json_member(at, "key");
    const char *id = proa_json_string(&identity, name); /* most people use the same for both */
    if (device->oscore.is_there && !proa_json_there(&key)) {
        if (proa_json_there(&identity)) {
            proa_json_fail(&identity, "is of no use without a key");
        }
        return;
    }
    if (id[0] == '\0' || strlen(id) > PROA_PSK_IDENTITY_MAX) {
        proa_json_fail(&identity, "must have 1 to %d characters", PROA_PSK_IDENTITY_MAX);
        return;
    }
    device->identity_len = strlen(id);
    memcpy(device->identity, id, device->identity_len);
    device->key_len = proa_json_secret(&key, device->key, sizeof device->key);
    if (device->key_len < 16) {
        proa_json_fail(&key, "must have at least 16 bytes (32 hex digits)");
    }
}

static void read_device(const proa_config *config, const proa_json_at *at,
                        proa_known_device *device)
{
    proa_json_only(at, "endpoint identity key oscore");
    proa_json_at endpoint = proa_json_member(at, "endpoint");
    proa_json_at oscore = proa_json_member(at, "oscore");
    const char *name = proa_json_string(&endpoint, NULL);
    if (name[0] == '\0' || strlen(name) > PROA_ENDPOINT_MAX) {
        proa_json_fail(&endpoint, "must have 1 to %d characters", PROA_ENDPOINT_MAX);
        return;
    }
    memcpy(device->endpoint, name, strlen(name) + 1);
    /* Keys may be fresh, for their state is found by the kid and not by the place in this list
     * (contexts.c). */
    const proa_oscore_allowed allowed = {.hmac_0 = config->oscore_accept_hmac_0, .fresh = true};
    proa_json_oscore(&oscore, allowed, &device->oscore);
    read_key(at, name, device);
}

/* A kid says who it is, together with an ID Context if there is one; and two contexts that seal with
 * one key would use its nonces twice. */
static void check_oscore(const proa_config *config, const proa_json_at *at,
                         const proa_oscore_entry *entry)
{
    proa_oscore_params one = proa_oscore_entry_params(entry);
    for (size_t i = 0; i < config->device_count; i++) {
        proa_oscore_params other = proa_oscore_entry_params(&config->devices[i].oscore);
        if (!config->devices[i].oscore.is_there || one.has_id_context != other.has_id_context ||
            !proa_span_equal(one.id_context, other.id_context)) {
            continue;
        }
        if (proa_span_equal(one.recipient_id, other.recipient_id)) {
            proa_json_fail(at, "its OSCORE recipient ID belongs to another device, too, and no "
                               "ID Context tells them apart");
        }
        if (proa_span_equal(one.master_secret, other.master_secret) &&
            proa_span_equal(one.sender_id, other.sender_id)) {
            proa_json_fail(at, "its OSCORE secret and sender ID are another device's, too");
        }
    }
}

/* Nobody's name is somebody else's. */
static void check_names(const proa_config *config, const proa_json_at *at,
                        const proa_known_device *device)
{
    if (proa_config_by_endpoint(config, proa_span_of(device->endpoint)) != NULL) {
        proa_json_fail(at, "endpoint \"%s\" is there twice", device->endpoint);
    }
    if (device->key_len > 0 &&
        proa_config_by_identity(config, proa_span_make(device->identity, device->identity_len)) !=
            NULL) {
        proa_json_fail(at, "its identity belongs to another device, too");
    }
    if (device->oscore.is_there) {
        check_oscore(config, at, &device->oscore);
    }
}

static void read_devices(proa_config *config, const proa_json_at *list)
{
    size_t count = proa_json_array_size(list);
    config->devices = calloc(count + 1, sizeof *config->devices);
    if (config->devices == NULL) {
        proa_json_fail(list, "too many devices for the memory there is");
        return;
    }
    for (size_t i = 0; i < count && !list->doc->failed; i++) {
        proa_json_at item = proa_json_item(list, i);
        proa_known_device *device = &config->devices[i];
        read_device(config, &item, device);
        check_names(config, &item, device);
        config->device_count = i + 1;
    }
}

/* ---- relays ----------------------------------------------------------------------------- */

static bool parse_side(const char *text, size_t len, char *endpoint, proa_path *path)
{
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    while (len > 0 && text[0] == ' ') {
        text++;
        len--;
    }
    const char *slash = memchr(text, '/', len);
    size_t name_len = slash == NULL ? 0 : (size_t)(slash - text);
    if (name_len == 0 || name_len > PROA_ENDPOINT_MAX ||
        proa_path_parse(proa_span_make(slash, len - name_len), path) != PROA_OK ||
        path->depth != 3) {
        return false;
    }
    memcpy(endpoint, text, name_len);
    endpoint[name_len] = '\0';
    return true;
}

bool proa_relay_parse(const char *text, proa_relay_rule *out)
{
    const char *arrow = strstr(text, "->");
    return arrow != NULL &&
           parse_side(text, (size_t)(arrow - text), out->from_endpoint, &out->from_path) &&
           parse_side(arrow + 2, strlen(arrow + 2), out->to_endpoint, &out->to_path);
}

static void read_relays(proa_config *config, const proa_json_at *list)
{
    size_t count = proa_json_array_size(list);
    if (count > PROA_RELAY_RULES_MAX) {
        proa_json_fail(list, "at most %d relay rules", PROA_RELAY_RULES_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        proa_json_at item = proa_json_item(list, i);
        if (!proa_relay_parse(proa_json_string(&item, NULL), &config->relays[i])) {
            proa_json_fail(&item, "must be \"ENDPOINT/object/instance/resource -> ENDPOINT/...\"");
            return;
        }
        config->relay_count = i + 1;
    }
}

/* ---- the file --------------------------------------------------------------------------- */

/* Beside the database unless the file says otherwise. */
static void read_session_key(const proa_json_at *at, proa_config *config)
{
    size_t cap = sizeof config->session_key;
    if (proa_json_there(at)) {
        file_name(at, NULL, config->session_key, cap);
    } else if (snprintf(config->session_key, cap, "%s.key", config->database) >= (int)cap) {
        proa_json_fail(at, "name of the database too long for its session key beside it");
    }
}

static void read_config(proa_config *config, proa_json_doc *doc)
{
    proa_json_at root = proa_json_root(doc);
    proa_json_only(&root,
                   "listen database session_key control policy allow_nosec oscore_accept_hmac_0"
                   " registration_max devices relay");
    proa_json_at listen = proa_json_member(&root, "listen");
    proa_json_at database = proa_json_member(&root, "database");
    proa_json_at session_key = proa_json_member(&root, "session_key");
    proa_json_at control = proa_json_member(&root, "control");
    proa_json_at policy = proa_json_member(&root, "policy");
    proa_json_at nosec = proa_json_member(&root, "allow_nosec");
    proa_json_at hmac_0 = proa_json_member(&root, "oscore_accept_hmac_0");
    proa_json_at most = proa_json_member(&root, "registration_max");
    proa_json_at devices = proa_json_member(&root, "devices");
    proa_json_at relay = proa_json_member(&root, "relay");
    read_listen(&listen, &config->listen);
    file_name(&database, "proad.db", config->database, sizeof config->database);
    read_session_key(&session_key, config);
    file_name(&control, "proad.sock", config->control, sizeof config->control);
    file_name(&policy, "", config->policy, sizeof config->policy);
    config->allow_nosec = proa_json_bool(&nosec, false);
    config->oscore_accept_hmac_0 = proa_json_bool(&hmac_0, false);
    config->registration_max = (uint32_t)proa_json_number(&most, 1, 1000000, 100000);
    read_devices(config, &devices);
    read_relays(config, &relay);
}

static bool finish(proa_config *config, proa_json_doc *doc, char *message, size_t cap)
{
    if (!doc->failed) {
        read_config(config, doc);
    }
    bool ok = !doc->failed;
    snprintf(message, cap, "%s", ok ? "" : doc->message);
    proa_json_free(doc);
    return ok;
}

bool proa_config_load(proa_config *config, const char *path, char *message, size_t message_cap)
{
    proa_json_doc doc;
    memset(config, 0, sizeof *config);
    (void)proa_json_load(&doc, path, true);
    return finish(config, &doc, message, message_cap);
}

bool proa_config_parse(proa_config *config, const char *name, const char *text, size_t len,
                       char *message, size_t message_cap)
{
    proa_json_doc doc;
    memset(config, 0, sizeof *config);
    (void)proa_json_parse(&doc, name, text, len);
    return finish(config, &doc, message, message_cap);
}

void proa_config_free(proa_config *config)
{
    if (config->devices != NULL) {
        proa_wipe(config->devices, config->device_count * sizeof *config->devices);
        free(config->devices);
    }
    proa_wipe(config, sizeof *config);
}

/* ---- looking up ------------------------------------------------------------------------- */

const proa_known_device *proa_config_by_identity(const proa_config *config, proa_span identity)
{
    for (size_t i = 0; i < config->device_count; i++) {
        const proa_known_device *device = &config->devices[i];
        if (device->key_len > 0 &&
            proa_span_equal(identity, proa_span_make(device->identity, device->identity_len))) {
            return device;
        }
    }
    return NULL;
}

const proa_known_device *proa_config_by_endpoint(const proa_config *config, proa_span endpoint)
{
    for (size_t i = 0; i < config->device_count; i++) {
        if (proa_span_equal(endpoint, proa_span_of(config->devices[i].endpoint))) {
            return &config->devices[i];
        }
    }
    return NULL;
}

const proa_known_device *proa_config_by_account(const proa_config *config, uint64_t account)
{
    return account == 0 || account > config->device_count ? NULL : &config->devices[account - 1];
}

proa_protection proa_known_protection(const proa_known_device *device)
{
    if (!device->oscore.is_there) {
        return PROA_PROTECTION_DTLS;
    }
    return device->key_len > 0 ? PROA_PROTECTION_OSCORE_IN_DTLS : PROA_PROTECTION_OSCORE;
}
