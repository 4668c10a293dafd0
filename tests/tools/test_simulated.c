/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated objects: what the engine may do with them, and that a failed write leaves no trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "proa/limits.h"
#include "tools/proa/simulated_object.h"

static const proa_actor server = {PROA_ACTOR_SERVER, 1, 0};

static proa_simulated *simulated;
static const proa_object *object;

static void put_text(uint16_t instance, uint16_t resource, const char *text)
{
    proa_value value = proa_value_string(proa_span_of(text));
    assert_int_equal(proa_simulated_put(simulated, instance, resource, 0, &value), PROA_OK);
}

static int open_lights(void **state)
{
    (void)state;
    proa_value off = proa_value_boolean(false);
    simulated = proa_simulated_new(3311);
    assert_non_null(simulated);
    assert_int_equal(proa_simulated_add_instance(simulated, 4), PROA_OK);
    assert_int_equal(proa_simulated_add_instance(simulated, 2), PROA_OK);
    assert_int_equal(proa_simulated_put(simulated, 2, 5850, 0, &off), PROA_OK);
    put_text(2, 5706, "red");
    put_text(4, 5706, "blue");
    object = proa_simulated_object(simulated);
    return 0;
}

static int open_device(void **state)
{
    (void)state;
    simulated = proa_simulated_new(3);
    assert_non_null(simulated);
    assert_int_equal(proa_simulated_add_instance(simulated, 0), PROA_OK);
    for (uint16_t i = 0; i < 3; i++) {
        proa_value value = proa_value_integer(10 + i);
        uint16_t index = (uint16_t)(5 * i);
        assert_int_equal(proa_simulated_put(simulated, 0, 11, index, &value), PROA_OK);
    }
    object = proa_simulated_object(simulated);
    return 0;
}

static int end(void **state)
{
    (void)state;
    proa_simulated_free(simulated);
    simulated = NULL;
    return 0;
}

static proa_err read_at(uint16_t instance, uint16_t resource, uint16_t index, proa_value *out)
{
    proa_path path = proa_path_make(4, object->id, instance, resource);
    path.ids[3] = index;
    return object->class_->read(object->ctx, &path, out);
}

static void assert_text(uint16_t instance, uint16_t resource, const char *text)
{
    proa_value value;
    assert_int_equal(read_at(instance, resource, 0, &value), PROA_OK);
    assert_true(proa_span_equal(value.as.bytes, proa_span_of(text)));
}

static proa_err write_text(uint16_t instance, uint16_t resource, const char *text)
{
    proa_path path = proa_path_make(3, object->id, instance, resource);
    proa_value value = proa_value_string(proa_span_of(text));
    return object->class_->write(object->ctx, &server, &path, &value);
}

static void instances_and_resources_in_order(void **state)
{
    (void)state;
    const proa_object_class *c = object->class_;
    assert_int_equal(c->next_instance(object->ctx, -1), 2);
    assert_int_equal(c->next_instance(object->ctx, 2), 4);
    assert_int_equal(c->next_instance(object->ctx, 3), 4);
    assert_int_equal(c->next_instance(object->ctx, 4), -1);
    assert_true(c->has(object->ctx, 2, 5850));
    assert_false(c->has(object->ctx, 4, 5850));
    assert_false(c->has(object->ctx, 3, 5850));
    for (uint8_t i = 1; i < object->resource_count; i++) {
        assert_true(object->resources[i - 1].id < object->resources[i].id);
    }
}

static void values_are_copies(void **state)
{
    (void)state;
    char text[] = "green";
    assert_int_equal(write_text(2, 5706, text), PROA_OK);
    memset(text, 'x', sizeof text - 1);
    assert_text(2, 5706, "green");
    assert_text(4, 5706, "blue");
    proa_value value;
    assert_int_equal(read_at(2, 5851, 0, &value), PROA_E_NOT_FOUND);
}

static void core_6_3_3_multiple_resources(void **state)
{
    (void)state;
    const proa_object_class *c = object->class_;
    const proa_path resource = proa_path_make(3, 3, 0, 11);
    proa_value value;
    assert_int_equal(c->next_resource_instance(object->ctx, 0, 11, -1), 0);
    assert_int_equal(c->next_resource_instance(object->ctx, 0, 11, 0), 5);
    assert_int_equal(c->next_resource_instance(object->ctx, 0, 11, 5), 10);
    assert_int_equal(c->next_resource_instance(object->ctx, 0, 11, 10), -1);
    assert_int_equal(c->next_resource_instance(object->ctx, 0, 6, -1), -1);
    assert_int_equal(c->clear(object->ctx, &server, &resource), PROA_OK);
    assert_int_equal(c->next_resource_instance(object->ctx, 0, 11, -1), -1);
    assert_true(c->has(object->ctx, 0, 11)); /* empty, not gone */
    assert_int_equal(read_at(0, 11, 5, &value), PROA_E_NOT_FOUND);
    proa_path path = proa_path_make(4, 3, 0, 11);
    path.ids[3] = 65534;
    value = proa_value_integer(1);
    assert_int_equal(c->write(object->ctx, &server, &path, &value), PROA_OK);
    assert_int_equal(c->next_resource_instance(object->ctx, 0, 11, -1), 65534);
    assert_int_equal(c->next_resource_instance(object->ctx, 0, 11, 65534), -1);
}

static void a_failed_write_leaves_no_trace(void **state)
{
    (void)state;
    const proa_object_class *c = object->class_;
    const proa_path resource = proa_path_make(3, 3311, 2, 5706);
    proa_value value;
    assert_int_equal(c->transact(object->ctx, &server, 2, PROA_BEGIN), PROA_OK);
    assert_int_equal(write_text(2, 5706, "green"), PROA_OK);
    assert_int_equal(write_text(2, 5701, "new"), PROA_OK);
    assert_int_equal(c->clear(object->ctx, &server, &resource), PROA_OK);
    assert_int_equal(c->transact(object->ctx, &server, 2, PROA_ROLLBACK), PROA_OK);
    assert_text(2, 5706, "red");
    assert_int_equal(read_at(2, 5701, 0, &value), PROA_E_NOT_FOUND);
    assert_int_equal(read_at(2, 5850, 0, &value), PROA_OK);
    assert_text(4, 5706, "blue");

    assert_int_equal(c->transact(object->ctx, &server, 2, PROA_BEGIN), PROA_OK);
    assert_int_equal(write_text(2, 5706, "green"), PROA_OK);
    assert_int_equal(c->transact(object->ctx, &server, 2, PROA_COMMIT), PROA_OK);
    assert_text(2, 5706, "green");
}

static void core_6_3_7_create_takes_a_free_id(void **state)
{
    (void)state;
    const proa_object_class *c = object->class_;
    uint16_t instance = 99;
    assert_int_equal(c->create(object->ctx, &server, -1, &instance), PROA_OK);
    assert_int_equal(instance, 0);
    assert_int_equal(c->create(object->ctx, &server, -1, &instance), PROA_OK);
    assert_int_equal(instance, 1);
    assert_int_equal(c->create(object->ctx, &server, -1, &instance), PROA_OK);
    assert_int_equal(instance, 3); /* 2 is there */
    assert_int_equal(c->create(object->ctx, &server, 2, &instance), PROA_E_EXISTS);
    assert_int_equal(c->create(object->ctx, &server, 65534, &instance), PROA_OK);
    assert_int_equal(instance, 65534);
    assert_int_equal(c->next_instance(object->ctx, 4), 65534);
}

static void core_6_3_8_delete_takes_values_along(void **state)
{
    (void)state;
    const proa_object_class *c = object->class_;
    uint16_t instance;
    proa_value value;
    assert_int_equal(c->remove(object->ctx, &server, 2), PROA_OK);
    assert_int_equal(c->remove(object->ctx, &server, 2), PROA_E_NOT_FOUND);
    assert_int_equal(c->next_instance(object->ctx, -1), 4);
    assert_text(4, 5706, "blue");
    assert_int_equal(c->create(object->ctx, &server, 2, &instance), PROA_OK);
    assert_int_equal(read_at(2, 5706, 0, &value), PROA_E_NOT_FOUND); /* nothing came back */
}

static void single_objects_are_not_created_or_deleted(void **state)
{
    (void)state;
    assert_null(object->class_->create);
    assert_null(object->class_->remove);
    assert_true(object->class_->has(object->ctx, 0, 4)); /* Reboot, mandatory to execute */
    const proa_path reboot = proa_path_make(3, 3, 0, 4);
    assert_int_equal(
        object->class_->execute(object->ctx, &server, &reboot, proa_span_make(NULL, 0)), PROA_OK);
}

static void full_is_told(void **state)
{
    (void)state;
    const proa_object_class *c = object->class_;
    uint16_t instance;
    proa_err err = PROA_OK;
    unsigned count = 2;
    while ((err = c->create(object->ctx, &server, -1, &instance)) == PROA_OK) {
        count++;
    }
    assert_int_equal(err, PROA_E_FULL);
    assert_int_equal(count, PROA_SIMULATED_INSTANCES_MAX);
    proa_value value = proa_value_integer(0);
    unsigned cells = 0;
    do {
        err = proa_simulated_put(simulated, 2, 5851, (uint16_t)cells++, &value);
    } while (err == PROA_OK && cells < PROA_ID_MAX);
    assert_int_equal(err, PROA_E_FULL);
    assert_true(cells <= PROA_SIMULATED_CELLS_MAX);
    assert_text(4, 5706, "blue");
    static uint8_t large[PROA_BODY_MAX + 1];
    value = proa_value_string(proa_span_make(large, sizeof large));
    assert_int_equal(proa_simulated_put(simulated, 2, 5706, 0, &value), PROA_E_TOO_LARGE);
    assert_text(2, 5706, "red");
}

int main(void)
{
#define LIGHTS(test) cmocka_unit_test_setup_teardown(test, open_lights, end)
#define DEVICE(test) cmocka_unit_test_setup_teardown(test, open_device, end)
    const struct CMUnitTest tests[] = {
        LIGHTS(instances_and_resources_in_order),
        LIGHTS(values_are_copies),
        DEVICE(core_6_3_3_multiple_resources),
        LIGHTS(a_failed_write_leaves_no_trace),
        LIGHTS(core_6_3_7_create_takes_a_free_id),
        LIGHTS(core_6_3_8_delete_takes_values_along),
        DEVICE(single_objects_are_not_created_or_deleted),
        LIGHTS(full_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
