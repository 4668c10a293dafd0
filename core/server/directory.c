/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at registrations from outside the engine, and putting them back after a restart. Nothing
 * here talks to devices. */
#include <string.h>

#include "core/server/links.h"
#include "core/server/server_internal.h"

static void describe(const proa__device *d, proa_registration *out)
{
    memset(out, 0, sizeof *out);
    out->reg = d->reg;
    out->endpoint = proa__device_endpoint(d);
    memcpy(out->id, d->id, PROA_REG_ID_LEN);
    out->peer = proa__device_peer(d);
    out->peer.session = d->alive ? d->session : 0;
    out->account = d->account;
    out->protection = (proa_protection)d->protection;
    out->lifetime_s = d->lifetime_s;
    out->registered_ms = d->registered_ms;
    out->updated_ms = d->updated_ms;
    out->expires_ms = proa_timer_is_set(&d->expiry) ? d->expiry.at_ms : UINT64_MAX;
    out->lwm2m_version[0] = '1';
    out->lwm2m_version[1] = '.';
    out->lwm2m_version[2] = (char)('0' + d->version_minor);
    out->queue_mode = d->queue_mode;
    out->links = proa__device_links(d);
    out->format = d->format;
}

bool proa_server_registration(const proa_server *s, proa_reg reg, proa_registration *out)
{
    const proa__device *d = proa__registry_get(&s->registry, reg);
    if (d == NULL) {
        return false;
    }
    describe(d, out);
    return true;
}

bool proa_server_find(const proa_server *s, proa_span endpoint, proa_reg *reg)
{
    const proa__device *d = proa__registry_by_endpoint(&s->registry, endpoint);
    *reg = d == NULL ? 0 : d->reg;
    return d != NULL;
}

bool proa_server_next(const proa_server *s, uint32_t *cursor, proa_registration *out)
{
    proa_handle handle;
    const proa__device *d;
    do {
        d = proa_pool_next(&s->registry.devices, cursor, &handle);
    } while (d != NULL && d->ended);
    if (d != NULL) {
        describe(d, out);
    }
    return d != NULL;
}

bool proa_server_lists(const proa_server *s, proa_reg reg, uint16_t object, uint16_t instance)
{
    const proa__device *d = proa__registry_get(&s->registry, reg);
    return d != NULL && proa__links_name(proa__device_links(d), object, instance);
}

static proa_err check(const proa_server *s, const proa_registration *r, proa_span id)
{
    const char *version = r->lwm2m_version;
    if (r->endpoint.len == 0 || r->endpoint.len > PROA_ENDPOINT_MAX ||
        r->id[PROA_REG_ID_LEN] != '\0' || memchr(r->id, '\0', PROA_REG_ID_LEN) != NULL ||
        version[0] != '1' || version[1] != '.' || version[2] < '0' || version[2] > '2') {
        return PROA_E_RANGE;
    }
    if (r->links.len > s->config.links_max) {
        return PROA_E_TOO_LARGE;
    }
    if (proa__registry_by_endpoint(&s->registry, r->endpoint) != NULL ||
        proa__registry_by_id(&s->registry, id) != NULL) {
        return PROA_E_EXISTS;
    }
    return PROA_OK;
}

/* The device is there already if the box revived its session. */
static proa_err bind(proa_server *s, proa__device *d, uint32_t session)
{
    proa_addr addr;
    if (session == 0 || s->config.secure == NULL || !proa__device_needs_session(d) ||
        !s->config.secure->class_->address(s->config.secure, session, &addr)) {
        return PROA_OK;
    }
    proa_err err = proa__registry_set_session(&s->registry, d, session);
    d->alive = err == PROA_OK;
    d->addr = addr;
    return err;
}

proa_err proa_server_restore(proa_server *s, uint64_t now_ms, const proa_registration *r,
                             proa_reg *reg)
{
    proa__device *d;
    proa__links links;
    proa_span id = proa_span_make(r->id, PROA_REG_ID_LEN);
    *reg = 0;
    proa_err err = check(s, r, id);
    if (err == PROA_OK) {
        err = proa__links_read(r->links, &links);
    }
    if (err != PROA_OK) {
        return err;
    }
    proa__device_facts facts = {.endpoint = r->endpoint,
                                .links = r->links,
                                .id = id,
                                .account = r->account,
                                .protection = proa__server_demands(s, r->account)};
    err = proa__registry_add(&s->registry, &facts, NULL, &d);
    if (err != PROA_OK) {
        return err;
    }
    d->addr = r->peer.addr;
    err = bind(s, d, r->peer.session);
    if (err != PROA_OK) {
        proa__registry_end(&s->registry, d);
        proa__registry_release(&s->registry, d);
        return err;
    }
    d->lifetime_s = r->lifetime_s;
    d->registered_ms = r->registered_ms;
    d->updated_ms = r->updated_ms;
    d->version_minor = (uint8_t)(r->lwm2m_version[2] - '0');
    d->queue_mode = r->queue_mode;
    d->awake_ms = now_ms; /* asleep, if it can be, until it is heard */
    d->format = links.format;
    d->has_root = links.root.len > 0;
    proa__registry_expires(&s->registry, d, r->lifetime_s == 0 ? UINT64_MAX : r->expires_ms);
    *reg = d->reg;
    return PROA_OK;
}
