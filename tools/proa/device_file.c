/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the device file: identity and servers. The objects are read by device_objects.c. */
#include "tools/proa/device_file.h"

#include <stdio.h>
#include <string.h>

#include "tools/proa/device_objects.h"

/* Short, because a tool that is started and killed all the time is better forgotten soon. */
#define LIFETIME_DEFAULT_S 300

static void copy_text(const proa_json_at *at, const char *text, char *out, size_t cap)
{
    size_t len = strlen(text);
    if (len >= cap) {
        proa_json_fail(at, "must have at most %zu characters", cap - 1);
        return;
    }
    memcpy(out, text, len + 1);
}

/* A name from the file, relative to the file's own directory unless it begins with '/'. */
static void copy_name(const proa_json_at *at, char *out, size_t cap)
{
    const char *name = proa_json_string(at, "");
    const char *slash = strrchr(at->doc->path, '/');
    size_t directory_len = name[0] == '\0' || name[0] == '/' || slash == NULL
                               ? 0
                               : (size_t)(slash + 1 - at->doc->path);
    if (directory_len >= cap) {
        proa_json_fail(at, "name too long");
        return;
    }
    memcpy(out, at->doc->path, directory_len);
    copy_text(at, name, out + directory_len, cap - directory_len);
}

static void read_listen(const proa_json_at *at, char *out, size_t cap)
{
    const char *text = proa_json_string(at, "");
    const char *colon = strrchr(text, ':');
    proa_addr addr = {{0}, 0, 0};
    uint64_t port;
    if (text[0] != '\0' &&
        (colon == NULL ||
         proa_addr_parse_ip(proa_span_make(text, (size_t)(colon - text)), &addr) != PROA_OK ||
         proa_parse_decimal(proa_span_of(colon + 1), UINT16_MAX, &port) != PROA_OK)) {
        proa_json_fail(at, "must be ADDRESS:PORT, as in \"[::]:0\" or \"127.0.0.1:0\"");
    }
    copy_text(at, text, out, cap);
}

/* Identity and key belong to coaps:// and to nothing else. */
static void read_credentials(const proa_json_at *at, bool secure, const char *endpoint,
                             proa_device_file_server *server)
{
    proa_json_at identity = proa_json_member(at, "identity");
    proa_json_at key = proa_json_member(at, "key");
    if (!secure) {
        const proa_json_at *there = proa_json_there(&identity) ? &identity
                                    : proa_json_there(&key)    ? &key
                                                               : NULL;
        if (there != NULL) {
            proa_json_fail(there, "coap:// has no identity and key; use coaps://, or \"oscore\"");
        }
        return;
    }
    /* Most people use the same name for both. */
    const char *name = proa_json_string(&identity, endpoint);
    if (name[0] == '\0') {
        proa_json_fail(&identity, "must not be empty");
    }
    copy_text(&identity, name, server->identity, sizeof server->identity);
    server->key_len = proa_json_secret(&key, server->key, sizeof server->key);
    if (!proa_json_there(&key)) {
        proa_json_fail(&key,
                       "is missing; coaps:// needs a key: hex digits or {\"file\": \"name\"}");
    } else if (server->key_len < 16) {
        proa_json_fail(&key, "must have at least 16 bytes (32 hex digits)");
    }
}

static void read_server(const proa_json_at *at, size_t index, const char *endpoint,
                        proa_device_file_server *server)
{
    /* A server's OSCORE state is named by its place in the list, which edits move; and without
     * "state" none is kept: keys from here never count as fresh. */
    static const proa_oscore_allowed nothing_more = {.hmac_0 = false, .fresh = false};
    proa_uri uri;
    proa_json_only(at, "id uri identity key oscore lifetime pmin pmax authority");
    proa_json_at id = proa_json_member(at, "id");
    proa_json_at address = proa_json_member(at, "uri");
    proa_json_at oscore = proa_json_member(at, "oscore");
    proa_json_at lifetime = proa_json_member(at, "lifetime");
    proa_json_at pmin = proa_json_member(at, "pmin");
    proa_json_at pmax = proa_json_member(at, "pmax");
    proa_json_at authority = proa_json_member(at, "authority");
    server->short_id = (uint16_t)proa_json_number(&id, 1, 65534, (int64_t)index + 1);
    const char *text = proa_json_string(&address, NULL);
    if (proa_uri_parse(proa_span_of(text), &uri) != PROA_OK) {
        proa_json_fail(&address, "must be coap://host[:port] or coaps://host[:port]");
        return;
    }
    copy_text(&address, text, server->uri, sizeof server->uri);
    read_credentials(at, uri.secure, endpoint, server);
    proa_json_oscore(&oscore, nothing_more, &server->oscore);
    server->oscore_params = proa_oscore_entry_params(&server->oscore);
    server->lifetime_s = (uint32_t)proa_json_number(&lifetime, 10, UINT32_MAX, LIFETIME_DEFAULT_S);
    server->pmin_s = (uint32_t)proa_json_number(&pmin, 0, UINT32_MAX, 0);
    server->pmax_s = (uint32_t)proa_json_number(&pmax, 0, UINT32_MAX, 0);
    server->authority = proa_json_bool(&authority, false);
    if (server->authority && !uri.secure && !server->oscore.is_there) {
        proa_json_fail(&authority, "an authority installs keys, so its uri must be coaps://, or it "
                                   "needs \"oscore\"");
    }
}

static void read_servers(proa_device_file *file, const proa_json_at *list)
{
    size_t count = proa_json_array_size(list);
    if (!proa_json_there(list)) {
        proa_json_fail(list, "\"servers\" is missing: a list of at least one server");
    } else if (count == 0 || count > PROA_DEVICE_SERVERS_MAX) {
        proa_json_fail(list, "must have 1 to %d servers", PROA_DEVICE_SERVERS_MAX);
    }
    for (size_t i = 0; i < count && !list->doc->failed; i++) {
        proa_json_at item = proa_json_item(list, i);
        read_server(&item, i, file->endpoint, &file->servers[i]);
        for (size_t other = 0; other < i; other++) {
            if (file->servers[other].short_id == file->servers[i].short_id) {
                proa_json_at id = proa_json_member(&item, "id");
                proa_json_fail(&id, "server %u is there twice", file->servers[i].short_id);
            }
        }
        file->server_count = i + 1;
    }
}

static void read_file(proa_device_file *file, proa_json_doc *doc)
{
    proa_json_at root = proa_json_root(doc);
    proa_json_only(&root, "endpoint listen state servers objects");
    proa_json_at endpoint = proa_json_member(&root, "endpoint");
    proa_json_at listen = proa_json_member(&root, "listen");
    proa_json_at state = proa_json_member(&root, "state");
    proa_json_at servers = proa_json_member(&root, "servers");
    proa_json_at objects = proa_json_member(&root, "objects");
    const char *name = proa_json_string(&endpoint, NULL);
    if (name[0] == '\0') {
        proa_json_fail(&endpoint, "must not be empty");
    }
    copy_text(&endpoint, name, file->endpoint, sizeof file->endpoint);
    read_listen(&listen, file->listen, sizeof file->listen);
    copy_name(&state, file->state, sizeof file->state);
    read_servers(file, &servers);
    proa__device_objects_read(file, &objects);
}

static bool finish(proa_device_file *file, proa_json_doc *doc, char *message, size_t cap)
{
    if (!doc->failed) {
        read_file(file, doc);
    }
    bool ok = !doc->failed;
    snprintf(message, cap, "%s", ok ? "" : doc->message);
    proa_json_free(doc);
    return ok;
}

bool proa_device_file_load(proa_device_file *file, const char *path, char *message,
                           size_t message_cap)
{
    proa_json_doc doc;
    memset(file, 0, sizeof *file);
    (void)proa_json_load(&doc, path, true);
    return finish(file, &doc, message, message_cap);
}

bool proa_device_file_parse(proa_device_file *file, const char *name, const char *text, size_t len,
                            char *message, size_t message_cap)
{
    proa_json_doc doc;
    memset(file, 0, sizeof *file);
    (void)proa_json_parse(&doc, name, text, len);
    return finish(file, &doc, message, message_cap);
}

void proa_device_file_free(proa_device_file *file)
{
    for (size_t i = 0; i < file->object_count; i++) {
        proa_simulated_free(file->objects[i]);
    }
    proa_wipe(file, sizeof *file);
}

proa_simulated *proa_device_file_object(const proa_device_file *file, uint16_t id)
{
    for (size_t i = 0; i < file->object_count; i++) {
        if (file->object_ids[i] == id) {
            return file->objects[i];
        }
    }
    return NULL;
}
