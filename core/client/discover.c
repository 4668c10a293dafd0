/* SPDX-License-Identifier: Apache-2.0 */
/* Discover: what is below a path, as links with the asker's notification attributes (Core 1.2
 * §6.3.2, RFC 6690). Values never appear. Of an object only the instances are shown that the asker
 * may discover. */
#include "core/client/client_internal.h"

void proa__discover_write_path(proa_writer *w, const proa_path *path)
{
    if (w->len > 0) {
        proa_write_text(w, ",");
    }
    proa_write_text(w, "<");
    proa_path_write(w, path);
    proa_write_text(w, ">");
}

void proa__discover_write_version(proa_writer *w, const proa_object *object)
{
    if (proa__model_versioned(object)) {
        proa_write_text(w, ";ver=");
        proa_write_decimal(w, object->version_major);
        proa_write_text(w, ".");
        proa_write_decimal(w, object->version_minor);
    }
}

static void write_attributes(proa_writer *w, const proa_attributes *a)
{
    for (unsigned which = PROA_ATTR_PMIN; which <= PROA_ATTR_CON; which <<= 1) {
        if ((a->set & which) != 0) {
            proa_write_text(w, ";");
            proa_attributes_write(w, a, which);
        }
    }
}

static int32_t count_instances(const proa_object *object, const proa_path *path)
{
    int32_t count = 0;
    int32_t i = -1;
    while ((i = proa__model_next_resource_instance(object, path->ids[1], path->ids[2], i)) >= 0) {
        count++;
    }
    return count;
}

/* `inherited`: a resource asked for itself shows what is in force, not only what is its own. */
static void write_resource(proa_client *c, proa_writer *w, const proa__request *rq,
                           const proa_resource *resource, const proa_path *path, bool inherited)
{
    proa_account account = rq->who.account;
    proa__discover_write_path(w, path);
    if (proa__model_multiple(resource)) {
        proa_write_text(w, ";dim=");
        proa_write_decimal(w, count_instances(rq->object, path));
    }
    proa_attributes in_force;
    if (inherited) {
        proa__attributes_of(c, account, path, &in_force);
        write_attributes(w, &in_force);
    } else {
        write_attributes(w, proa__attributes_at(c, account, path));
    }
}

static void write_instance(proa_client *c, proa_writer *w, const proa__request *rq,
                           uint16_t instance, bool deep)
{
    const proa_object *object = rq->object;
    proa_path path = proa_path_make(2, object->id, instance, 0);
    proa__discover_write_path(w, &path);
    write_attributes(w, proa__attributes_at(c, rq->who.account, &path));
    for (uint8_t i = 0; i < object->resource_count; i++) {
        const proa_resource *resource = &object->resources[i];
        if (!proa__model_has(object, instance, resource->id)) {
            continue;
        }
        path.depth = 3;
        path.ids[2] = resource->id;
        if (deep) {
            write_resource(c, w, rq, resource, &path, false);
        } else {
            proa__discover_write_path(w, &path);
        }
    }
}

static void write_object(proa_client *c, proa_writer *w, const proa__request *rq)
{
    const proa_object *object = rq->object;
    proa__discover_write_path(w, &rq->path);
    proa__discover_write_version(w, object);
    write_attributes(w, proa__attributes_at(c, rq->who.account, &rq->path));
    int32_t i = -1;
    while ((i = proa__model_next_instance(object, i)) >= 0) {
        proa_path instance = proa_path_make(2, object->id, (uint16_t)i, 0);
        if (proa__client_allowed(c, &rq->who, PROA_OP_DISCOVER, &instance)) {
            write_instance(c, w, rq, (uint16_t)i, false);
        }
    }
}

uint8_t proa__serve_discover(proa_client *c, proa__request *rq)
{
    proa_writer w = proa_writer_make(c->scratch, c->scratch_cap);
    switch (rq->path.depth) {
    case 1:
        write_object(c, &w, rq);
        break;
    case 2:
        write_instance(c, &w, rq, rq->path.ids[1], true);
        break;
    case 3:
        if (rq->resource == NULL ||
            !proa__model_has(rq->object, rq->path.ids[1], rq->resource->id)) {
            return PROA_COAP_NOT_FOUND;
        }
        write_resource(c, &w, rq, rq->resource, &rq->path, true);
        break;
    default:
        return PROA_COAP_METHOD_NOT_ALLOWED;
    }
    if (w.err != PROA_OK) {
        return PROA_COAP_INTERNAL_SERVER_ERROR;
    }
    proa__request_content(rq, PROA_FORMAT_LINK, proa_writer_span(&w));
    return PROA_COAP_CONTENT;
}
