/* SPDX-License-Identifier: Apache-2.0 */
/* Create and Delete of object instances (Core 1.2 §6.3.6, §6.3.7). A Create is checked as a whole
 * before the instance is made; if its values do not hold together the instance is removed again.
 * Observers of the object and the registration learn about it from requests.c. */
#include "core/client/client_internal.h"

/* 2.01 with Location-Path: the id may have been the device's choice. */
static void locate(proa__request *rq, uint16_t instance)
{
    uint16_t ids[2] = {rq->path.ids[0], instance};
    for (size_t i = 0; i < 2; i++) {
        proa_writer w = proa_writer_make(rq->option_bytes[i], sizeof rq->option_bytes[i]);
        proa_write_decimal(&w, ids[i]);
        rq->options[i].number = PROA_COAP_OPT_LOCATION_PATH;
        rq->options[i].value = proa_writer_span(&w);
    }
    rq->out.options = rq->options;
    rq->out.option_count = 2;
}

/* Not one instance but an account, which is the extension's to understand. */
static bool is_account(const proa_client *c, const proa__request *rq)
{
    return rq->object->id == PROA_OBJECT_CLIENT_SECURITY && rq->format == PROA_FORMAT_CBOR &&
           c->extension != NULL && c->extension->create_account != NULL;
}

static uint8_t create_account(proa_client *c, proa__request *rq)
{
    proa_writer w = proa_writer_make(c->scratch, c->scratch_cap);
    proa_err err = c->extension->create_account(c->extension->ctx, &rq->who, rq->event->msg.payload,
                                                &w, &rq->path.ids[1], &rq->later);
    if (err != PROA_OK) {
        return proa_err_to_coap(err);
    }
    rq->path.depth = 2;
    proa__request_content(rq, PROA_FORMAT_CBOR, proa_writer_span(&w));
    return PROA_COAP_CREATED;
}

uint8_t proa__serve_create(proa_client *c, proa__request *rq)
{
    const proa_object *object = rq->object;
    proa_span payload = rq->event->msg.payload;
    uint32_t count = 0;
    if (object->class_->create == NULL) {
        return PROA_COAP_METHOD_NOT_ALLOWED;
    }
    if (is_account(c, rq)) {
        return create_account(c, rq);
    }
    int32_t wanted = proa_payload_instance_named(rq->format, payload, &rq->path, &count);
    if (count > 1 || wanted > (int32_t)PROA_ID_MAX) {
        return PROA_COAP_BAD_REQUEST;
    }
    /* Without a named instance the records are those of an instance that has no id yet. */
    proa_path base = rq->path;
    if (wanted < 0) {
        base = proa_path_make(2, object->id, 0, 0);
    }
    uint8_t code = proa__write_check(c, rq, &base, true);
    if (code != 0) {
        return code;
    }
    uint16_t instance = 0;
    proa_err err = object->class_->create(object->ctx, &rq->who, wanted, &instance);
    if (err != PROA_OK) {
        return err == PROA_E_EXISTS ? PROA_COAP_BAD_REQUEST : proa_err_to_coap(err);
    }
    code = proa__write_apply(c, rq, &base, instance);
    if (code == PROA_COAP_CHANGED) {
        err = proa__access_created(c, &rq->who, object->id, instance);
        code = err == PROA_OK ? PROA_COAP_CREATED : proa_err_to_coap(err);
    }
    if (code != PROA_COAP_CREATED) {
        if (object->class_->remove != NULL) {
            (void)object->class_->remove(object->ctx, &rq->who, instance);
        }
        return code;
    }
    rq->path = proa_path_make(2, object->id, instance, 0);
    locate(rq, instance);
    return code;
}

uint8_t proa__serve_delete(proa_client *c, proa__request *rq)
{
    const proa_object *object = rq->object;
    if (object->class_->remove == NULL) {
        return PROA_COAP_METHOD_NOT_ALLOWED;
    }
    proa_err err = object->class_->remove(object->ctx, &rq->who, rq->path.ids[1]);
    if (err != PROA_OK) {
        return proa_err_to_coap(err);
    }
    proa__access_deleted(c, object->id, rq->path.ids[1]);
    return PROA_COAP_DELETED;
}
