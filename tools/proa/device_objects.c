/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of a device file: {"3311": {"0": {"5850": false, "5700": {"generator": "sine"}}}}.
 *
 * A resource is a plain value, or an object that says more: its type and operations where the
 * definitions do not know it, the values of a multiple resource, a generator. What the definitions
 * know need not be said and must not be contradicted. */
#include "tools/proa/device_objects.h"

#include <stdio.h>
#include <string.h>

#include "objects/definitions.h"
#include "objects/value_json.h"
#include "proa_build.h"

/* Where the reader is: one resource of one instance. */
typedef struct place {
    proa_device_file *file;
    proa_simulated *object;
    proa_path path;
    proa_type type;
    uint8_t flags;
} place;

/* The name of a member as an identifier; false and an error if it is none. */
static bool read_id(const proa_json_at *at, const char *key, const char *what, uint16_t *id)
{
    uint64_t number;
    if (proa_parse_decimal(proa_span_of(key), PROA_ID_MAX, &number) != PROA_OK) {
        proa_json_fail(at, "\"%s\" is no %s id; ids are 0 to 65534", key, what);
        return false;
    }
    *id = (uint16_t)number;
    return true;
}

static void store(const place *p, const proa_json_at *at, uint16_t index, const proa_value *value)
{
    proa_err err = proa_simulated_put(p->object, p->path.ids[1], p->path.ids[2], index, value);
    if (err != PROA_OK) {
        proa_json_fail(at, "no room for this value (%s)", proa_err_name(err));
    }
}

static void read_value(const place *p, const proa_json_at *at, uint16_t index)
{
    uint8_t scratch[PROA_BODY_MAX];
    proa_value value;
    const char *expected =
        proa_value_from_json(&value, p->type, at->value, scratch, sizeof scratch);
    if (expected != NULL) {
        proa_json_fail(at, "%s, because the resource is of type %s", expected,
                       proa_type_name(p->type));
        return;
    }
    store(p, at, index, &value);
}

static void read_values(const place *p, const proa_json_at *values)
{
    const char *key;
    json_t *item;
    if (proa_json_object_size(values) == 0 &&
        proa_simulated_offer(p->object, p->path.ids[1], p->path.ids[2]) != PROA_OK) {
        proa_json_fail(values, "no room for this resource");
    }
    json_object_foreach(values->value, key, item)
    {
        proa_json_at at = proa_json_member(values, key);
        uint16_t index;
        if (read_id(&at, key, "resource instance", &index)) {
            read_value(p, &at, index);
        }
    }
}

/* ---- generators ------------------------------------------------------------------------- */

/* A number of seconds, fractions allowed, as milliseconds. */
static uint32_t read_seconds(const proa_json_at *at, uint32_t fallback_ms)
{
    if (!proa_json_there(at)) {
        return fallback_ms;
    }
    double seconds = json_number_value(at->value);
    if (!json_is_number(at->value) || seconds < 0.01 || seconds > 86400) {
        proa_json_fail(at, "must be a number of seconds from 0.01 to 86400");
        return fallback_ms;
    }
    return (uint32_t)(seconds * 1000 + 0.5);
}

static double read_bound(const proa_json_at *at, double fallback)
{
    if (proa_json_there(at) && !json_is_number(at->value)) {
        proa_json_fail(at, "must be a number");
    }
    return proa_json_there(at) ? json_number_value(at->value) : fallback;
}

static void read_generator(const place *p, const proa_json_at *at, const proa_json_at *name)
{
    proa_json_at min = proa_json_member(at, "min");
    proa_json_at max = proa_json_member(at, "max");
    proa_json_at period = proa_json_member(at, "period");
    proa_json_at every = proa_json_member(at, "every");
    const char *word = proa_json_string(name, NULL);
    proa_generator g = {.path = p->path, .type = p->type, .kind = proa_generator_parse(word)};
    if (g.kind == 0) {
        proa_json_fail(name, "unknown generator \"%s\"; known: sine counter random toggle", word);
    } else if (!proa_generator_fits(g.kind, p->type)) {
        proa_json_fail(name, "a %s resource cannot follow \"%s\"", proa_type_name(p->type), word);
    } else if (g.kind == PROA_GENERATOR_TOGGLE && (min.value != NULL || max.value != NULL)) {
        proa_json_fail(at, "\"toggle\" knows no min and max");
    } else if (g.kind != PROA_GENERATOR_SINE && proa_json_there(&every)) {
        proa_json_fail(&every, "only \"sine\" has \"every\"; others change once per \"period\"");
    }
    g.min = read_bound(&min, 0);
    g.max = read_bound(&max, g.min > 100 ? g.min + 100 : 100);
    g.period_ms = read_seconds(&period, g.kind == PROA_GENERATOR_SINE ? 60000 : 1000);
    g.every_ms = g.kind == PROA_GENERATOR_SINE ? read_seconds(&every, 1000) : g.period_ms;
    if (g.max <= g.min) {
        proa_json_fail(proa_json_there(&max) ? &max : at, "max must be greater than min");
    }
    if (p->type == PROA_TYPE_UNSIGNED && g.min < 0) {
        proa_json_fail(&min, "must not be negative, because the resource is of type unsigned");
    }
    if (p->file->generator_count == PROA_DEVICE_GENERATORS_MAX) {
        proa_json_fail(at, "at most %d generators", PROA_DEVICE_GENERATORS_MAX);
    }
    if (!at->doc->failed) {
        proa_value first = proa_generator_first(&g);
        p->file->generators[p->file->generator_count++] = g;
        store(p, at, 0, &first);
    }
}

/* ---- resources -------------------------------------------------------------------------- */

static uint8_t read_operations(const proa_json_at *at, uint8_t fallback)
{
    uint8_t flags = 0;
    if (!proa_json_there(at)) {
        return fallback;
    }
    for (const char *letter = proa_json_string(at, ""); *letter != '\0'; letter++) {
        uint8_t flag = *letter == 'R'   ? PROA_RES_R
                       : *letter == 'W' ? PROA_RES_W
                       : *letter == 'E' ? PROA_RES_E
                                        : 0;
        if (flag == 0) {
            proa_json_fail(at, "must be of the letters R, W and E");
        }
        flags |= flag;
    }
    if (flags == 0 || ((flags & PROA_RES_E) != 0 && flags != PROA_RES_E)) {
        proa_json_fail(at, "must be R, W, RW or E");
    }
    return flags;
}

/* Type and flags of a resource that says more than a value. */
static void read_shape(place *p, const proa_json_at *at, const proa_resource *known)
{
    proa_json_at type = proa_json_member(at, "type");
    proa_json_at ops = proa_json_member(at, "ops");
    proa_json_at values = proa_json_member(at, "values");
    const uint8_t operations = PROA_RES_RW | PROA_RES_E;
    uint8_t said = read_operations(&ops, known == NULL ? PROA_RES_R : known->flags & operations);
    const char *word = proa_json_string(&type, proa_type_name(p->type));
    proa_type named = proa_type_parse(proa_span_of(word));
    if (proa_json_there(&type) && named == PROA_TYPE_NONE) {
        proa_json_fail(&type,
                       "unknown type \"%s\"; known: string integer unsigned float boolean "
                       "opaque time objlink corelink",
                       word);
    } else if (proa_json_there(&type) && known != NULL && known->type != named) {
        proa_json_fail(&type, "is \"%s\", but this resource is of type %s", word,
                       proa_type_name(known->type));
    } else if (known == NULL && named == PROA_TYPE_NONE && said != PROA_RES_E) {
        proa_json_fail(at, "no definition knows this resource: it needs a \"type\"");
    }
    p->type = named;
    p->flags = said | (known == NULL ? 0 : known->flags & (uint8_t)~operations);
    if (known == NULL && proa_json_there(&values)) {
        p->flags |= PROA_RES_MULTIPLE;
    }
    if (!at->doc->failed) {
        proa_err err = proa_simulated_declare(p->object, p->path.ids[2], p->type, p->flags);
        if (err != PROA_OK) {
            proa_json_fail(at, err == PROA_E_EXISTS
                                   ? "has another type or other operations in another instance"
                                   : "too many resources");
        }
    }
}

/* Exactly one of value, values, generator; none for what is executed. */
static void read_content(const place *p, const proa_json_at *at)
{
    proa_json_at value = proa_json_member(at, "value");
    proa_json_at values = proa_json_member(at, "values");
    proa_json_at generator = proa_json_member(at, "generator");
    int count = (value.value != NULL) + (values.value != NULL) + (generator.value != NULL);
    if ((p->flags & PROA_RES_E) != 0) {
        if (count != 0 || p->type != PROA_TYPE_NONE) {
            proa_json_fail(at, "an executable resource has no value and no type");
        } else if (proa_simulated_offer(p->object, p->path.ids[1], p->path.ids[2]) != PROA_OK) {
            proa_json_fail(at, "no room for this resource");
        }
    } else if (count != 1) {
        proa_json_fail(at, "needs one of \"value\", \"values\" and \"generator\"");
    } else if ((p->flags & PROA_RES_MULTIPLE) != 0 && !proa_json_there(&values)) {
        proa_json_fail(at, "is a multiple resource: give \"values\": {\"0\": ...}");
    } else if ((p->flags & PROA_RES_MULTIPLE) == 0 && proa_json_there(&values)) {
        proa_json_fail(&values, "is a single resource: give \"value\"");
    } else if (proa_json_there(&generator)) {
        read_generator(p, at, &generator);
    } else if (proa_json_there(&values)) {
        read_values(p, &values);
    } else {
        read_value(p, &value, 0);
    }
}

static void read_resource(place *p, const proa_json_at *at)
{
    const proa_resource *known = proa_simulated_resource(p->object, p->path.ids[2]);
    p->type = known == NULL ? PROA_TYPE_NONE : known->type;
    p->flags = known == NULL ? 0 : known->flags;
    if (json_is_object(at->value)) {
        proa_json_only(at, "type ops value values generator min max period every");
        read_shape(p, at, known);
        if (!at->doc->failed) {
            read_content(p, at);
        }
    } else if (known == NULL) {
        proa_json_fail(at,
                       "no definition knows this resource: give {\"type\": ..., \"value\": ...}");
    } else if ((p->flags & PROA_RES_E) != 0) {
        proa_json_fail(at, "is executed and has no value: give {}");
    } else if ((p->flags & PROA_RES_MULTIPLE) != 0) {
        proa_json_fail(at, "is a multiple resource: give {\"values\": {\"0\": ...}}");
    } else {
        read_value(p, at, 0);
    }
}

/* ---- instances and objects -------------------------------------------------------------- */

static void read_instance(place *p, const proa_json_at *at)
{
    const char *key;
    json_t *item;
    const proa_object_definition *known = proa_definition_object(p->path.ids[0]);
    if (known != NULL && !known->multiple && p->path.ids[1] != 0) {
        proa_json_fail(at, "object %u (%s) has instance 0 only", known->id, known->name);
        return;
    }
    if (proa_simulated_add_instance(p->object, p->path.ids[1]) != PROA_OK) {
        proa_json_fail(at, "at most %d instances", PROA_SIMULATED_INSTANCES_MAX);
    }
    (void)proa_json_object_size(at);
    json_object_foreach(at->value, key, item)
    {
        proa_json_at resource = proa_json_member(at, key);
        if (!at->doc->failed && read_id(&resource, key, "resource", &p->path.ids[2])) {
            read_resource(p, &resource);
        }
    }
}

static proa_simulated *add_object(proa_device_file *file, uint16_t id)
{
    size_t i = 0;
    if (file->object_count == PROA_DEVICE_OBJECTS_MAX) {
        return NULL;
    }
    proa_simulated *object = proa_simulated_new(id);
    if (object == NULL) {
        return NULL;
    }
    while (i < file->object_count && file->object_ids[i] < id) {
        i++;
    }
    size_t after = file->object_count - i;
    memmove(&file->objects[i + 1], &file->objects[i], after * sizeof *file->objects);
    memmove(&file->object_ids[i + 1], &file->object_ids[i], after * sizeof *file->object_ids);
    file->objects[i] = object;
    file->object_ids[i] = id;
    file->object_count++;
    return object;
}

static bool belongs_to_engine(uint16_t id)
{
    return id == PROA_OBJECT_SECURITY || id == PROA_OBJECT_SERVER ||
           id == PROA_OBJECT_ACCESS_CONTROL || id == PROA_OBJECT_OSCORE ||
           (id >= PROA_OBJECT_CLIENT_SECURITY && id <= PROA_OBJECT_CLIENT_ACCESS);
}

static void read_object(proa_device_file *file, const proa_json_at *at, uint16_t id)
{
    const char *key;
    json_t *item;
    if (belongs_to_engine(id)) {
        proa_json_fail(at, "object %u is kept by the engine; a device file cannot set it", id);
        return;
    }
    if (proa_device_file_object(file, id) != NULL) {
        proa_json_fail(at, "object %u is there twice", id); /* "3" and "03" */
        return;
    }
    place p = {.file = file, .object = add_object(file, id), .path = proa_path_make(3, id, 0, 0)};
    if (p.object == NULL) {
        proa_json_fail(at, "at most %d objects", PROA_DEVICE_OBJECTS_MAX);
        return;
    }
    (void)proa_json_object_size(at);
    json_object_foreach(at->value, key, item)
    {
        proa_json_at instance = proa_json_member(at, key);
        if (!at->doc->failed && read_id(&instance, key, "instance", &p.path.ids[1])) {
            read_instance(&p, &instance);
        }
    }
}

/* ---- the Device object ------------------------------------------------------------------ */

static bool has_resource(const proa_simulated *object, uint16_t resource)
{
    proa_path within = proa_path_make(3, PROA_OBJECT_DEVICE, 0, resource);
    proa_path path;
    const proa_value *value;
    return proa_simulated_value(object, &within, 0, &path, &value);
}

/* Every device has object 3 (Core 1.2 §8, Appendix E.4): fill in what the file leaves out. */
static void complete_device(proa_device_file *file, const proa_json_at *at)
{
    const struct {
        uint16_t id;
        proa_value value;
    } defaults[] = {
        {0, proa_value_string(proa_span_of("Proa"))},
        {1, proa_value_string(proa_span_of("simulated device"))},
        {2, proa_value_string(proa_span_of(file->endpoint))},
        {3, proa_value_string(proa_span_of(PROA_BUILD_VERSION))},
        {11, proa_value_integer(0)}, /* no error */
        {16, proa_value_string(proa_span_of("U"))},
    };
    proa_simulated *object = proa_device_file_object(file, PROA_OBJECT_DEVICE);
    if (object == NULL) {
        object = add_object(file, PROA_OBJECT_DEVICE);
    }
    if (object == NULL || proa_simulated_add_instance(object, 0) != PROA_OK) {
        proa_json_fail(at, "at most %d objects", PROA_DEVICE_OBJECTS_MAX);
        return;
    }
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        if (!has_resource(object, defaults[i].id) &&
            proa_simulated_put(object, 0, defaults[i].id, 0, &defaults[i].value) != PROA_OK) {
            proa_json_fail(at, "no memory");
        }
    }
}

void proa__device_objects_read(proa_device_file *file, const proa_json_at *objects)
{
    const char *key;
    json_t *item;
    (void)proa_json_object_size(objects);
    json_object_foreach(objects->value, key, item)
    {
        proa_json_at at = proa_json_member(objects, key);
        uint16_t id;
        if (!objects->doc->failed && read_id(&at, key, "object", &id)) {
            read_object(file, &at, id);
        }
    }
    if (!objects->doc->failed) {
        complete_device(file, objects);
    }
}
