/* SPDX-License-Identifier: Apache-2.0 */
/* Reading (Core 1.2 §6.3.1, §7.4): which format, and what an actor may see of a path. An object is
 * read as those of its instances that the actor may read; secrets are never part of anything.
 * The result stands in the client's scratch until the next rendering. */
#include "core/client/client_internal.h"

/* The format of an answer: the one asked for if it can hold the path, else a fitting one; NONE if
 * there is none (4.06). */
static uint16_t choose_format(const proa__request *rq)
{
    const proa_resource *resource = rq->resource;
    bool multiple = rq->path.depth == 3 && proa__model_multiple(resource);
    if (rq->accept != PROA_FORMAT_NONE) {
        bool fits = proa_format_known(rq->accept) &&
                    proa_format_can_hold(rq->accept, &rq->path, multiple) &&
                    (rq->accept != PROA_FORMAT_OPAQUE || resource == NULL ||
                     resource->type == PROA_TYPE_OPAQUE);
        return fits ? rq->accept : PROA_FORMAT_NONE;
    }
    if (resource == NULL || multiple) {
        return PROA_FORMAT_TLV;
    }
    return resource->type == PROA_TYPE_OPAQUE ? PROA_FORMAT_OPAQUE : PROA_FORMAT_TEXT;
}

proa_err proa__read_value(proa_client *c, const proa_path *path, proa_value *out)
{
    const proa_object *object = proa__model_object(c, path->ids[0]);
    if (path->depth < 3) {
        return PROA_E_METHOD;
    }
    const proa_resource *resource =
        object == NULL ? NULL : proa__model_resource(object, path->ids[2]);
    if (resource == NULL || !proa__model_has_instance(object, path->ids[1]) ||
        !proa__model_has(object, path->ids[1], resource->id)) {
        return PROA_E_NOT_FOUND;
    }
    if (!proa__model_readable(resource) || object->class_->read == NULL) {
        return PROA_E_METHOD;
    }
    bool multiple = proa__model_multiple(resource);
    if (multiple != (path->depth == 4)) {
        return multiple ? PROA_E_METHOD : PROA_E_NOT_FOUND;
    }
    if (multiple && proa__model_next_resource_instance(object, path->ids[1], resource->id,
                                                       (int32_t)path->ids[3] - 1) != path->ids[3]) {
        return PROA_E_NOT_FOUND;
    }
    return object->class_->read(object->ctx, path, out);
}

static proa_err add_value(proa_client *c, proa_payload_writer *p, const proa_path *path)
{
    proa_record record = {*path, {PROA_TYPE_NONE, {0}}};
    proa_err err = proa__read_value(c, path, &record.value);
    return err == PROA_OK ? proa_payload_add(p, &record) : err;
}

static proa_err add_resource(proa_client *c, proa_payload_writer *p, const proa_object *object,
                             const proa_resource *resource, uint16_t instance)
{
    proa_path path = proa_path_make(3, object->id, instance, resource->id);
    if (!proa__model_multiple(resource)) {
        return add_value(c, p, &path);
    }
    proa_payload_multiple(p, &path);
    proa_err err = PROA_OK;
    int32_t i = -1;
    while (err == PROA_OK &&
           (i = proa__model_next_resource_instance(object, instance, resource->id, i)) >= 0) {
        path.depth = 4;
        path.ids[3] = (uint16_t)i;
        err = add_value(c, p, &path);
    }
    return err;
}

static proa_err add_instance(proa_client *c, proa_payload_writer *p, const proa_object *object,
                             uint16_t instance)
{
    proa_err err = PROA_OK;
    for (uint8_t i = 0; i < object->resource_count && err == PROA_OK; i++) {
        const proa_resource *resource = &object->resources[i];
        if (!proa__model_readable(resource) || !proa__model_has(object, instance, resource->id)) {
            continue;
        }
        err = add_resource(c, p, object, resource, instance);
        if (err == PROA_E_NOT_FOUND) {
            err = PROA_OK; /* it has no value just now */
        }
    }
    return err;
}

static proa_err add_object(proa_client *c, const proa_actor *who, proa_payload_writer *p,
                           const proa_object *object)
{
    proa_err err = PROA_OK;
    int32_t i = -1;
    while (err == PROA_OK && (i = proa__model_next_instance(object, i)) >= 0) {
        proa_path instance = proa_path_make(2, object->id, (uint16_t)i, 0);
        if (proa__client_allowed(c, who, PROA_OP_READ, &instance)) {
            proa_payload_instance(p, (uint16_t)i);
            err = add_instance(c, p, object, (uint16_t)i);
        }
    }
    return err;
}

static proa_err add_path(proa_client *c, const proa_actor *who, proa_payload_writer *p,
                         const proa_object *object, const proa_path *path)
{
    if (path->depth == 1) {
        return add_object(c, who, p, object);
    }
    if (!proa__model_has_instance(object, path->ids[1])) {
        return PROA_E_NOT_FOUND;
    }
    if (path->depth == 2) {
        return add_instance(c, p, object, path->ids[1]);
    }
    const proa_resource *resource = proa__model_resource(object, path->ids[2]);
    if (path->depth == 3 && resource != NULL && proa__model_readable(resource) &&
        proa__model_has(object, path->ids[1], resource->id)) {
        return add_resource(c, p, object, resource, path->ids[1]);
    }
    return add_value(c, p, path);
}

uint8_t proa__read_render(proa_client *c, const proa_actor *who, const proa_path *path,
                          uint16_t format, proa_span *out)
{
    const proa_object *object = proa__model_object(c, path->ids[0]);
    if (object == NULL || path->depth == 0) {
        return PROA_COAP_NOT_FOUND;
    }
    proa_writer w = proa_writer_make(c->scratch, c->scratch_cap);
    proa_payload_writer p;
    proa_err err = proa_payload_begin(&p, &w, format, path);
    if (err == PROA_OK) {
        err = add_path(c, who, &p, object, path);
    }
    if (err == PROA_OK) {
        err = proa_payload_end(&p);
    }
    switch (err) {
    case PROA_OK:
        *out = proa_writer_span(&w);
        return PROA_COAP_CONTENT;
    case PROA_E_TYPE:
    case PROA_E_UNSUPPORTED:
        return PROA_COAP_NOT_ACCEPTABLE;
    case PROA_E_NO_SPACE: /* the body is larger than this device can send */
        return PROA_COAP_INTERNAL_SERVER_ERROR;
    default:
        return proa_err_to_coap(err);
    }
}

uint8_t proa__serve_read(proa_client *c, proa__request *rq)
{
    proa_span payload = {NULL, 0};
    rq->accept = choose_format(rq);
    if (rq->accept == PROA_FORMAT_NONE) {
        return PROA_COAP_NOT_ACCEPTABLE;
    }
    uint8_t code = proa__read_render(c, &rq->who, &rq->path, rq->accept, &payload);
    if (code == PROA_COAP_CONTENT) {
        proa__request_content(rq, rq->accept, payload);
    }
    return code;
}

proa_err proa_client_read_local(proa_client *c, const proa_path *path, proa_value *out)
{
    return proa__read_value(c, path, out);
}
