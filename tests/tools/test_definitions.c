/* SPDX-License-Identifier: Apache-2.0 */
/* The table of object definitions: lookups by number and by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "objects/definitions.h"

static void known_objects_are_found(void **state)
{
    (void)state;
    static const struct {
        uint16_t id;
        const char *name;
        bool multiple;
    } rows[] = {
        {0, "LwM2M Security", true},
        {1, "LwM2M Server", true},
        {3, "Device", false},
        {21, "LwM2M OSCORE", true},
        {3303, "Temperature", true},
        {3311, "Light Control", true},
        {3347, "Push button", true},
        {11000, "Client Security", true},
        {11002, "Client Access Control", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const proa_object_definition *object = proa_definition_object(rows[i].id);
        assert_non_null(object);
        assert_string_equal(object->name, rows[i].name);
        assert_int_equal(object->multiple, rows[i].multiple);
    }
}

static void unknown_ids_are_not_found(void **state)
{
    (void)state;
    static const uint16_t ids[] = {8, 20, 3302, 3310, 3348, 10999, 11003, 65535};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_null(proa_definition_object(ids[i]));
        assert_null(proa_definition_resource(ids[i], 0));
    }
    assert_null(proa_definition_resource(3, 23));
    assert_null(proa_definition_resource(5, 4)); /* a gap in the object */
    assert_null(proa_definition_resource(3311, 65535));
}

static void resources_say_type_operations_and_unit(void **state)
{
    (void)state;
    static const struct {
        uint16_t object, resource;
        proa_type type;
        uint8_t flags;
        const char *name, *unit;
    } rows[] = {
        {3, 4, PROA_TYPE_NONE, PROA_RES_E | PROA_RES_MANDATORY, "Reboot", ""},
        {3, 9, PROA_TYPE_INTEGER, PROA_RES_R, "Battery Level", "%"},
        {3, 11, PROA_TYPE_INTEGER, PROA_RES_R | PROA_RES_MULTIPLE | PROA_RES_MANDATORY,
         "Error Code", ""},
        {3, 13, PROA_TYPE_TIME, PROA_RES_RW, "Current Time", ""},
        {3, 22, PROA_TYPE_OBJLINK, PROA_RES_R | PROA_RES_MULTIPLE, "ExtDevInfo", ""},
        {5, 0, PROA_TYPE_OPAQUE, PROA_RES_W | PROA_RES_MANDATORY, "Package", ""},
        {1, 13, PROA_TYPE_UNSIGNED, PROA_RES_R, "Registration Priority Order", ""},
        {3303, 5700, PROA_TYPE_FLOAT, PROA_RES_R | PROA_RES_MANDATORY, "Sensor Value", ""},
        {3311, 5850, PROA_TYPE_BOOLEAN, PROA_RES_RW | PROA_RES_MANDATORY, "On/Off", ""},
        {3311, 5706, PROA_TYPE_STRING, PROA_RES_RW, "Colour", ""},
        /* Written, never read. */
        {11000, 5, PROA_TYPE_OPAQUE, PROA_RES_RW | PROA_RES_SECRET, "Secret Key", ""},
        {21, 0, PROA_TYPE_OPAQUE, PROA_RES_MANDATORY | PROA_RES_SECRET, "OSCORE Master Secret", ""},
        {11002, 2, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MULTIPLE, "ACL", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const proa_resource_definition *r =
            proa_definition_resource(rows[i].object, rows[i].resource);
        assert_non_null(r);
        assert_int_equal(r->type, rows[i].type);
        assert_int_equal(r->flags, rows[i].flags);
        assert_string_equal(r->name, rows[i].name);
        assert_string_equal(r->unit, rows[i].unit);
        proa_path path = proa_path_make(3, rows[i].object, 7, rows[i].resource);
        assert_int_equal(proa_definition_type(NULL, &path), rows[i].type);
        path.depth = 4;
        assert_int_equal(proa_definition_type(NULL, &path), rows[i].type);
        path.depth = 2;
        assert_int_equal(proa_definition_type(NULL, &path), PROA_TYPE_NONE);
    }
}

/* The lookups search in halves, so order is what they live on. */
static void every_resource_of_every_object_is_found(void **state)
{
    (void)state;
    unsigned objects = 0;
    for (unsigned id = 0; id <= PROA_ID_MAX; id++) {
        const proa_object_definition *object = proa_definition_object((uint16_t)id);
        objects += object != NULL;
        for (size_t i = 0; object != NULL && i < object->resource_count; i++) {
            assert_ptr_equal(proa_definition_resource((uint16_t)id, object->resources[i].id),
                             &object->resources[i]);
            assert_true(object->resources[i].name[0] != '\0');
        }
    }
    assert_int_equal(objects, 30);
}

static void names_stand_for_numbers_in_paths(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        proa_err err;
        const char *path;
    } rows[] = {
        {"/Device/0/Battery Level", PROA_OK, "/3/0/9"},
        {"/device/0/battery_level", PROA_OK, "/3/0/9"},
        {"/DEVICE/0/Battery-Level", PROA_OK, "/3/0/9"},
        {"/3/0/Battery Level", PROA_OK, "/3/0/9"},
        {"/Device/0/9", PROA_OK, "/3/0/9"},
        {"/Device", PROA_OK, "/3"},
        {"/Light Control/12", PROA_OK, "/3311/12"},
        {"/light-control/0/on/off", PROA_OK, "/3311/0/5850"}, /* the name holds a slash */
        {"/on/off-switch/0/5500", PROA_OK, "/3342/0/5500"},
        {"/Device/0/Error Code/1", PROA_OK, "/3/0/11/1"},
        {"3/0/9", PROA_OK, "/3/0/9"},
        {"/", PROA_OK, "/"},
        {"", PROA_OK, "/"},
        {"lamp", PROA_E_FORMAT, NULL},
        {"Device/0", PROA_E_FORMAT, NULL},
        {"/Device/", PROA_E_FORMAT, NULL},
        {"/Device//9", PROA_E_FORMAT, NULL},
        {"/3/0/11/1/2", PROA_E_FORMAT, NULL},
        {"/Device/65535", PROA_E_FORMAT, NULL},
        {"/Devic", PROA_E_NOT_FOUND, NULL},
        {"/Devices", PROA_E_NOT_FOUND, NULL},
        {"/Device/first", PROA_E_NOT_FOUND, NULL},
        {"/Device/0/Battery", PROA_E_NOT_FOUND, NULL},
        {"/9999/0/Battery Level", PROA_E_NOT_FOUND, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        proa_path path = {{0}, 0};
        char text[PROA_PATH_TEXT_MAX] = "";
        assert_int_equal(proa_definition_path(proa_span_of(rows[i].text), &path), rows[i].err);
        if (rows[i].path != NULL) {
            proa_writer w = proa_writer_make(text, sizeof text - 1);
            proa_path_write(&w, &path);
            assert_string_equal(text, rows[i].path);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_objects_are_found),
        cmocka_unit_test(unknown_ids_are_not_found),
        cmocka_unit_test(resources_say_type_operations_and_unit),
        cmocka_unit_test(every_resource_of_every_object_is_found),
        cmocka_unit_test(names_stand_for_numbers_in_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
