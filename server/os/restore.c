/* SPDX-License-Identifier: Apache-2.0 */
/* What proad knew before it was restarted goes back into the engines. Registrations whose time ran
 * out meanwhile are dropped, sessions without a registration, too; devices are not asked: they do
 * not notice the restart. */
#include <stdio.h>

#include "ports/linux/os.h"
#include "server/os/hub_internal.h"

typedef struct restoring {
    const proa_hub_parts *parts;
    uint64_t now_ms;
    int64_t unix_s;
    bool ok;
} restoring;

static bool restore_registration(void *ctx, const proa_registration *stored, int64_t updated_unix_s,
                                 int64_t expires_unix_s)
{
    restoring *r = ctx;
    proa_registration registration = *stored;
    proa_reg reg;
    (void)updated_unix_s;
    if (expires_unix_s <= r->unix_s) {
        return true;
    }
    registration.peer.session = 0;
    registration.registered_ms = r->now_ms;
    registration.updated_ms = r->now_ms;
    registration.expires_ms = r->now_ms + (uint64_t)(expires_unix_s - r->unix_s) * 1000;
    /* A device that left the configuration is not taken back. */
    const proa_known_device *known = proa_config_by_endpoint(r->parts->config, stored->endpoint);
    if (stored->account != 0 && known == NULL) {
        return true;
    }
    if (known != NULL && stored->account != 0) {
        registration.account = (uint64_t)(known - r->parts->config->devices) + 1;
        registration.peer.session = proa_sessions_claim(r->parts->sessions, registration.account);
    }
    r->ok = proa_server_restore(r->parts->server, r->now_ms, &registration, &reg) == PROA_OK;
    if (r->ok) {
        proa_device_news news = {registration.endpoint,     reg,
                                 registration.account != 0, registration.queue_mode,
                                 registration.peer.addr,    registration.links};
        proa_authority_registered(r->parts->authority, r->now_ms, &news);
    }
    return r->ok;
}

static bool restore_grant(void *ctx, const proa_grant *grant)
{
    restoring *r = ctx;
    r->ok = proa_authority_restore(r->parts->authority, grant) == PROA_OK;
    return r->ok;
}

static bool restore_override(void *ctx, const proa_override *o)
{
    restoring *r = ctx;
    r->ok = proa_authority_restore_override(r->parts->authority, o) == PROA_OK;
    return r->ok;
}

bool proa__hub_restore(const proa_hub_parts *parts, uint64_t now_ms, char *message,
                       size_t message_cap)
{
    restoring r = {parts, now_ms, proa_linux_unix_s(), true};
    if (parts->sessions != NULL &&
        !proa_sessions_revive(parts->sessions, parts->secure, now_ms, parts->config->device_count,
                              message, message_cap)) {
        return false;
    }
    bool ok = proa_database_each_override(parts->database, restore_override, &r) && r.ok &&
              proa_database_each_grant(parts->database, restore_grant, &r) && r.ok &&
              proa_database_each_registration(parts->database, restore_registration, &r) && r.ok;
    proa_sessions_end_unclaimed(parts->sessions, now_ms);
    snprintf(message, message_cap, "database %s: its records cannot be read",
             parts->config->database);
    return ok;
}
