/* SPDX-License-Identifier: Apache-2.0 */
/* Writing values and executing (Core 1.2 §6.3.3, §6.3.5). A payload is read twice: first every
 * record is held against the model and nothing is touched, then the values are written between
 * PROA_BEGIN and PROA_COMMIT. So a request takes effect as a whole or not at all, even on objects
 * that cannot undo, unless such an object itself refuses a value half-way. */
#include <string.h>

#include "core/client/client_internal.h"

/* ---- checking --------------------------------------------------------------------------- */

static uint8_t check_record(const proa_resource *resource, const proa_record *record, bool creating)
{
    if (resource == NULL) {
        return creating ? PROA_COAP_BAD_REQUEST : PROA_COAP_NOT_FOUND;
    }
    uint8_t takes = creating ? PROA_RES_RW | PROA_RES_SECRET : PROA_RES_W;
    if ((resource->flags & takes) == 0) {
        return PROA_COAP_METHOD_NOT_ALLOWED;
    }
    bool multiple = proa__model_multiple(resource);
    if (record->path.depth != (multiple ? 4 : 3) || record->value.type != resource->type) {
        return PROA_COAP_BAD_REQUEST;
    }
    return 0;
}

/* Every resource that a Create has to bring was brought (Core 1.2 §6.3.6). */
static bool complete(const proa_object *object, const uint8_t seen[32])
{
    for (uint8_t i = 0; i < object->resource_count; i++) {
        const proa_resource *resource = &object->resources[i];
        if ((resource->flags & PROA_RES_MANDATORY) != 0 &&
            (resource->flags & (PROA_RES_RW | PROA_RES_SECRET)) != 0 &&
            (seen[i / 8] & 1U << i % 8) == 0) {
            return false;
        }
    }
    return true;
}

/* What the request names itself, before its payload is looked at. */
static uint8_t check_target(const proa__request *rq, const proa_path *base)
{
    if (rq->object->class_->write == NULL) {
        return PROA_COAP_METHOD_NOT_ALLOWED;
    }
    if (base->depth < 3) {
        return 0;
    }
    if (rq->resource == NULL || (base->depth == 4 && !proa__model_multiple(rq->resource))) {
        return PROA_COAP_NOT_FOUND;
    }
    return (rq->resource->flags & PROA_RES_W) == 0 ? PROA_COAP_METHOD_NOT_ALLOWED : 0;
}

uint8_t proa__write_check(proa_client *c, const proa__request *rq, const proa_path *base,
                          bool creating)
{
    const proa_object *object = rq->object;
    proa_span payload = rq->event->msg.payload;
    uint8_t seen[32] = {0};
    uint8_t code = check_target(rq, base);
    proa_payload_reader p;
    proa_record record;
    if (code == 0 && (!creating || payload.len > 0)) {
        bool multiple = base->depth == 3 && proa__model_multiple(rq->resource);
        if (!proa_format_can_hold(rq->format, base, multiple) ||
            proa_payload_read(&p, rq->format, base, payload, proa__model_type_of, c) != PROA_OK) {
            return PROA_COAP_UNSUPPORTED_CONTENT_FORMAT;
        }
        while (code == 0 && proa_payload_next(&p, &record)) {
            const proa_resource *resource = proa__model_resource(object, record.path.ids[2]);
            code = check_record(resource, &record, creating);
            if (code == 0) {
                size_t i = (size_t)(resource - object->resources);
                seen[i / 8] |= (uint8_t)(1U << i % 8);
            }
        }
        if (code == 0 && p.err != PROA_OK) {
            code = PROA_COAP_BAD_REQUEST;
        }
    }
    return code == 0 && creating && !complete(object, seen) ? PROA_COAP_BAD_REQUEST : code;
}

/* ---- applying --------------------------------------------------------------------------- */

static proa_err step(const proa_object *object, const proa_actor *who, uint16_t instance,
                     proa_transaction what)
{
    return object->class_->transact == NULL
               ? PROA_OK
               : object->class_->transact(object->ctx, who, instance, what);
}

/* A replaced multiple resource loses what it had, once per request: `last` is the one cleared. */
static proa_err clear_once(const proa_object *object, const proa__request *rq,
                           const proa_path *resource, int32_t *last)
{
    if (*last == resource->ids[2] || object->class_->clear == NULL) {
        return PROA_OK;
    }
    *last = resource->ids[2];
    return object->class_->clear(object->ctx, &rq->who, resource);
}

static proa_err write_records(proa_client *c, const proa__request *rq, const proa_path *base,
                              uint16_t instance)
{
    const proa_object *object = rq->object;
    bool replace = rq->op == PROA_OP_WRITE_REPLACE && base->depth < 4;
    int32_t cleared = -1;
    proa_payload_reader p;
    proa_record record;
    proa_err err = PROA_OK;
    if (replace && base->depth == 3 && proa__model_multiple(rq->resource)) {
        err = clear_once(object, rq, base, &cleared); /* also when nothing follows */
    }
    if (err != PROA_OK || rq->event->msg.payload.len == 0) {
        return err;
    }
    err = proa_payload_read(&p, rq->format, base, rq->event->msg.payload, proa__model_type_of, c);
    while (err == PROA_OK && proa_payload_next(&p, &record)) {
        proa_path resource = proa_path_make(3, object->id, instance, record.path.ids[2]);
        record.path.ids[1] = instance;
        if (replace && record.path.depth == 4) {
            err = clear_once(object, rq, &resource, &cleared);
        }
        if (err == PROA_OK) {
            err = object->class_->write(object->ctx, &rq->who, &record.path, &record.value);
        }
    }
    return err;
}

uint8_t proa__write_apply(proa_client *c, const proa__request *rq, const proa_path *base,
                          uint16_t instance)
{
    const proa_object *object = rq->object;
    proa_err err = step(object, &rq->who, instance, PROA_BEGIN);
    if (err != PROA_OK) {
        return proa_err_to_coap(err);
    }
    err = write_records(c, rq, base, instance);
    if (err == PROA_OK) {
        err = step(object, &rq->who, instance, PROA_COMMIT);
    }
    if (err != PROA_OK) {
        proa_err undone = step(object, &rq->who, instance, PROA_ROLLBACK);
        (void)undone; /* going back to what was there has no way to fail */
        return proa_err_to_coap(err);
    }
    return PROA_COAP_CHANGED;
}

/* ---- the operations --------------------------------------------------------------------- */

uint8_t proa__serve_write(proa_client *c, proa__request *rq)
{
    uint8_t code = proa__write_check(c, rq, &rq->path, false);
    if (code == 0) {
        code = proa__write_apply(c, rq, &rq->path, rq->path.ids[1]);
    }
    return code;
}

uint8_t proa__serve_execute(proa_client *c, proa__request *rq)
{
    const proa_object *object = rq->object;
    const proa_resource *resource = rq->resource;
    (void)c;
    if (resource == NULL || !proa__model_has(object, rq->path.ids[1], resource->id)) {
        return PROA_COAP_NOT_FOUND;
    }
    if ((resource->flags & PROA_RES_E) == 0 || object->class_->execute == NULL) {
        return PROA_COAP_METHOD_NOT_ALLOWED;
    }
    if (rq->event->msg.payload.len > 0 && rq->format != PROA_FORMAT_TEXT &&
        rq->format != PROA_FORMAT_NONE) {
        return PROA_COAP_UNSUPPORTED_CONTENT_FORMAT;
    }
    proa_err err =
        object->class_->execute(object->ctx, &rq->who, &rq->path, rq->event->msg.payload);
    return err == PROA_OK ? PROA_COAP_CHANGED : proa_err_to_coap(err);
}

proa_err proa_client_write_local(proa_client *c, uint64_t now_ms, const proa_path *path,
                                 const proa_value *value)
{
    static const proa_actor device = {PROA_ACTOR_LOCAL, 0, 0};
    const proa_object *object = proa__model_object(c, path->ids[0]);
    const proa_resource *resource =
        object == NULL || path->depth < 3 ? NULL : proa__model_resource(object, path->ids[2]);
    if (resource == NULL || !proa__model_has_instance(object, path->ids[1])) {
        return PROA_E_NOT_FOUND;
    }
    bool multiple = proa__model_multiple(resource);
    if (object->class_->write == NULL || path->depth != (multiple ? 4 : 3)) {
        return PROA_E_METHOD;
    }
    proa_value fitted = *value;
    proa_err err = resource->type == PROA_TYPE_NONE ? PROA_E_TYPE
                                                    : proa_value_convert(&fitted, resource->type);
    c->now_ms = now_ms;
    if (err == PROA_OK) {
        err = step(object, &device, path->ids[1], PROA_BEGIN);
    }
    if (err != PROA_OK) {
        return err;
    }
    err = object->class_->write(object->ctx, &device, path, &fitted);
    if (err == PROA_OK) {
        err = step(object, &device, path->ids[1], PROA_COMMIT);
    }
    if (err != PROA_OK) {
        proa_err undone = step(object, &device, path->ids[1], PROA_ROLLBACK);
        (void)undone;
        return err;
    }
    proa_client_changed(c, now_ms, path);
    return PROA_OK;
}
