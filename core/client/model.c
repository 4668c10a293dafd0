/* SPDX-License-Identifier: Apache-2.0 */
/* Walking the table of objects. The functions of an object's class may be NULL; what NULL means
 * (object.h) is said here and nowhere else. */
#include "core/client/client_internal.h"

const proa_object *proa__model_object(const proa_client *c, uint16_t id)
{
    for (uint16_t i = 0; i < c->object_count; i++) {
        if (c->objects[i]->id == id) {
            return c->objects[i];
        }
    }
    return NULL;
}

const proa_resource *proa__model_resource(const proa_object *object, uint16_t id)
{
    for (uint8_t i = 0; i < object->resource_count; i++) {
        if (object->resources[i].id == id) {
            return &object->resources[i];
        }
    }
    return NULL;
}

int32_t proa__model_next_instance(const proa_object *object, int32_t after)
{
    if (object->class_->next_instance == NULL) {
        return after < 0 ? 0 : -1;
    }
    return object->class_->next_instance(object->ctx, after);
}

bool proa__model_has_instance(const proa_object *object, uint16_t instance)
{
    return proa__model_next_instance(object, (int32_t)instance - 1) == instance;
}

bool proa__model_has(const proa_object *object, uint16_t instance, uint16_t resource)
{
    return object->class_->has == NULL || object->class_->has(object->ctx, instance, resource);
}

int32_t proa__model_next_resource_instance(const proa_object *object, uint16_t instance,
                                           uint16_t resource, int32_t after)
{
    if (object->class_->next_resource_instance == NULL) {
        return after < 0 ? 0 : -1;
    }
    return object->class_->next_resource_instance(object->ctx, instance, resource, after);
}

bool proa__model_readable(const proa_resource *resource)
{
    return (resource->flags & (PROA_RES_R | PROA_RES_SECRET)) == PROA_RES_R;
}

bool proa__model_multiple(const proa_resource *resource)
{
    return resource != NULL && (resource->flags & PROA_RES_MULTIPLE) != 0;
}

bool proa__model_versioned(const proa_object *object)
{
    return object->version_major != 1 || object->version_minor != 0;
}

proa_type proa__model_type_of(void *client, const proa_path *path)
{
    const proa_object *object = proa__model_object(client, path->ids[0]);
    const proa_resource *resource =
        object == NULL || path->depth < 3 ? NULL : proa__model_resource(object, path->ids[2]);
    return resource == NULL ? PROA_TYPE_NONE : resource->type;
}
