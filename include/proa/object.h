/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_OBJECT_H
#define PROA_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/lwm2m.h"

/* An LwM2M object as a table: what resources it has, and the functions that read and change them.
 *
 * The engine does everything that is the same for all objects: formats, paths, type and operation
 * checks, rights, Create and Write as one transaction, observers. The functions here only touch
 * values. They run inside proa_client_input or proa_client_poll, must not call the client back,
 * and must not block.
 *
 * A complete object with one writable number:
 *
 *     static const proa_resource resources[] = {{5700, PROA_TYPE_FLOAT, PROA_RES_RW}};
 *     static proa_err read(void *ctx, const proa_path *path, proa_value *out)
 *     {
 *         *out = proa_value_float(((struct sensor *)ctx)->celsius);
 *         return PROA_OK;
 *     }
 *     static const proa_object_class class_ = {.read = read, .write = write};
 *     const proa_object object = {3303, 1, 0, resources, 1, &class_, &sensor};
 */

/* Operations and shape of a resource. */
enum {
    PROA_RES_R = 0x01,
    PROA_RES_W = 0x02,
    PROA_RES_RW = 0x03,
    PROA_RES_E = 0x04,
    PROA_RES_MULTIPLE = 0x08,  /* has resource instances */
    PROA_RES_MANDATORY = 0x10, /* a Create without it is refused with 4.00 */
    PROA_RES_SECRET = 0x20     /* written, never read: not even when R is set, nor locally */
};

typedef struct proa_resource {
    uint16_t id;
    proa_type type;
    uint8_t flags; /* PROA_RES_* */
} proa_resource;

typedef enum proa_actor_kind {
    PROA_ACTOR_LOCAL = 1, /* the device itself */
    PROA_ACTOR_SERVER,
    PROA_ACTOR_PEER /* another client, C2C */
} proa_actor_kind;

/* Who does it. Comes from the authenticated account, never from the message. */
typedef struct proa_actor {
    proa_actor_kind kind;
    uint16_t short_id; /* Short Server ID or Short Client ID: two number spaces */
    uint64_t account;  /* see client.h */
} proa_actor;

typedef enum proa_transaction {
    PROA_BEGIN = 1, /* values of one instance are about to be written */
    PROA_COMMIT,    /* all were written: check them together; an error undoes everything */
    PROA_ROLLBACK   /* one failed: restore what PROA_BEGIN found */
} proa_transaction;

/* Functions of an object. Any may be NULL; what that means stands at each. */
typedef struct proa_object_class {
    /* The smallest instance id greater than `after` (-1 to start), or -1. NULL: the object has
     * exactly instance 0. */
    int32_t (*next_instance)(void *ctx, int32_t after);

    /* False if this instance lacks an optional resource. NULL: all resources are there. */
    bool (*has)(void *ctx, uint16_t instance, uint16_t resource);

    /* Multiple resources: the smallest resource instance id greater than `after`, or -1.
     * NULL: exactly 0. */
    int32_t (*next_resource_instance)(void *ctx, uint16_t instance, uint16_t resource,
                                      int32_t after);

    /* The value at a path of depth 3 (or 4 for a multiple resource). What `out` borrows stays
     * valid until the next call of any function of this object. NULL: nothing is readable. */
    proa_err (*read)(void *ctx, const proa_path *path, proa_value *out);

    /* Set a value; its type is already the resource's. PROA_E_RANGE, PROA_E_FULL,
     * PROA_E_TOO_LARGE undo the whole request. NULL: nothing is writable. */
    proa_err (*write)(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value);

    /* All resource instances of a multiple resource are about to be replaced. NULL: nothing to do. */
    proa_err (*clear)(void *ctx, const proa_actor *who, const proa_path *resource);

    /* `arguments` as sent, Core 1.2 §6.3.5. NULL: nothing is executable. */
    proa_err (*execute)(void *ctx, const proa_actor *who, const proa_path *path,
                        proa_span arguments);

    /* Make an instance: with id `wanted`, or a free one if it is -1; *instance tells which. Writes
     * of its values (of read-only ones, too: this is where /2/x/0 gets its value) between
     * PROA_BEGIN and PROA_COMMIT follow; if those fail, PROA_ROLLBACK and `remove` are called.
     * PROA_E_EXISTS, PROA_E_FULL. NULL: no Create. */
    proa_err (*create)(void *ctx, const proa_actor *who, int32_t wanted, uint16_t *instance);

    /* NULL: no Delete. */
    proa_err (*remove)(void *ctx, const proa_actor *who, uint16_t instance);

    /* NULL: writes take effect one by one and cannot be undone. */
    proa_err (*transact)(void *ctx, const proa_actor *who, uint16_t instance,
                         proa_transaction step);
} proa_object_class;

typedef struct proa_object {
    uint16_t id;
    uint8_t version_major; /* 1.0 is not announced in the registration, Core 1.2 §7.2.2 */
    uint8_t version_minor;
    const proa_resource *resources; /* ascending by id; borrowed */
    uint8_t resource_count;
    const proa_object_class *class_;
    void *ctx;
} proa_object;

#endif
