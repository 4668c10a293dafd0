/* SPDX-License-Identifier: Apache-2.0 */
/* JSON files: comments, positions, checks, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ports/linux/json_file.h"

static void comments_are_blanks(void **state)
{
    (void)state;
    static const char text[] = "{ // one\n \"a\": \"x // no comment \\\" // still none\", // two\n"
                               " \"b\": 7 } // three";
    proa_json_doc doc;
    assert_true(proa_json_parse(&doc, "t", text, sizeof text - 1));
    proa_json_at root = proa_json_root(&doc);
    proa_json_at a = proa_json_member(&root, "a");
    proa_json_at b = proa_json_member(&root, "b");
    assert_string_equal(proa_json_string(&a, NULL), "x // no comment \" // still none");
    assert_int_equal(proa_json_number(&b, 0, 10, -1), 7);
    assert_false(doc.failed);
    proa_json_free(&doc);
}

/* What is asked of the document below, and where the answer must point. */
typedef struct mistake {
    const char *text;
    const char *message;
} mistake;

static void read_sample(proa_json_doc *doc)
{
    proa_json_at root = proa_json_root(doc);
    proa_json_only(&root, "name list key");
    proa_json_at name = proa_json_member(&root, "name");
    (void)proa_json_string(&name, NULL);
    proa_json_at list = proa_json_member(&root, "list");
    for (size_t i = 0; i < proa_json_array_size(&list); i++) {
        proa_json_at item = proa_json_item(&list, i);
        proa_json_at size = proa_json_member(&item, "size");
        (void)proa_json_number(&size, 1, 9, -1);
    }
    uint8_t key[4];
    proa_json_at at = proa_json_member(&root, "key");
    (void)proa_json_secret(&at, key, sizeof key);
}

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {"{\n  \"name\": 7\n}", "f:2:11: /name: must be a string"},
        {"{\n}", "f:1:1: /name: is missing"},
        {"{\"name\": \"x\",\n \"lisst\": []}",
         "f:2:11: /lisst: unknown name; did you mean \"list\"?"},
        {"{\"name\": \"x\", \"zebra\": 1}",
         "f:1:24: /zebra: unknown name; known here: name list key"},
        {"{\"name\": \"x\", \"list\": 3}", "f:1:23: /list: must be a list: [ ... ]"},
        {"{\"name\": \"x\", // c\n \"list\": [{\"size\": 1},\n   {\"size\": 10}]}",
         "f:3:13: /list/1/size: must be from 1 to 9"},
        {"{\"name\": \"x\", \"list\": [{\"size\": 1.5}]}",
         "f:1:33: /list/0/size: must be a whole number"},
        {"{\"name\": \"x\", \"key\": \"abc\"}",
         "f:1:22: /key: must be an even number of hex digits, at most 8"},
        {"{\"name\": \"x\", \"key\": \"zz\"}", "f:1:22: /key: must be hex digits only"},
        {"{\"name\": \"x\", \"key\": 5}",
         "f:1:22: /key: must be hex digits, or {\"file\": \"name of a "
         "file with hex digits\"}"},
        {"{\"name\": \"x\", \"name\": \"y\"}", "not JSON: duplicate object key"},
        {"{\"name\": ", "not JSON: "},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        proa_json_doc doc;
        (void)proa_json_parse(&doc, "f", mistakes[i].text, strlen(mistakes[i].text));
        if (!doc.failed) {
            read_sample(&doc);
        }
        assert_true(doc.failed);
        if (strstr(doc.message, mistakes[i].message) == NULL) {
            fail_msg("expected \"%s\" in \"%s\"", mistakes[i].message, doc.message);
        }
        proa_json_free(&doc);
    }
}

static void keys_readable_by_others_are_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/proa-test-XXXXXX";
    int fd = mkstemp(path);
    proa_json_doc doc;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{}", 2), 2);
    close(fd);
    assert_int_equal(chmod(path, 0644), 0);
    assert_false(proa_json_load(&doc, path, true));
    const char *advice = strstr(doc.message, "chmod 600 ");
    assert_non_null(advice);
    assert_string_equal(advice + strlen("chmod 600 "), path);
    proa_json_free(&doc);
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(proa_json_load(&doc, path, true));
    proa_json_free(&doc);
    unlink(path);
    assert_false(proa_json_load(&doc, path, true));
    assert_non_null(strstr(doc.message, "No such file"));
    proa_json_free(&doc);
}

static void secrets_come_from_files_too(void **state)
{
    (void)state;
    char directory[] = "/tmp/proa-test-XXXXXX";
    char key_path[64];
    char main_path[64];
    uint8_t key[8];
    proa_json_doc doc;
    assert_non_null(mkdtemp(directory));
    snprintf(key_path, sizeof key_path, "%s/k", directory);
    snprintf(main_path, sizeof main_path, "%s/m", directory);
    FILE *file = fopen(key_path, "w");
    assert_non_null(file);
    fputs("0a0B0c\n", file);
    fclose(file);
    file = fopen(main_path, "w");
    assert_non_null(file);
    fputs("{\"key\": {\"file\": \"k\"}}", file);
    fclose(file);
    chmod(main_path, 0600);
    for (int secret = 0; secret < 2; secret++) {
        chmod(key_path, secret ? 0600 : 0640);
        assert_true(proa_json_load(&doc, main_path, true));
        proa_json_at root = proa_json_root(&doc);
        proa_json_at at = proa_json_member(&root, "key");
        assert_int_equal(proa_json_secret(&at, key, sizeof key), secret ? 3 : 0);
        assert_int_equal(doc.failed, !secret);
        proa_json_free(&doc);
    }
    assert_memory_equal(key, "\x0a\x0b\x0c", 3);
    unlink(key_path);
    unlink(main_path);
    rmdir(directory);
}

static void bytes_that_are_no_secret(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *fallback;
        size_t len;
        const char *message; /* NULL: none */
    } rows[] = {
        {"{\"id\": \"0aF0\"}", NULL, 2, NULL},
        {"{\"id\": \"\"}", NULL, 0, NULL},
        {"{}", "", 0, NULL},
        {"{}", NULL, 0, "f:1:1: /id: is missing"},
        {"{\"id\": 7}", "", 0, "f:1:8: /id: must be a string"},
        {"{\"id\": {\"file\": \"x\"}}", "", 0, "f:1:8: /id: must be a string"},
        {"{\"id\": \"0\"}", NULL, 0, "f:1:8: /id: must be an even number of hex digits, at most 4"},
        {"{\"id\": \"000000\"}", NULL, 0,
         "f:1:8: /id: must be an even number of hex digits, at most 4"},
        {"{\"id\": \"0x\"}", NULL, 0, "f:1:8: /id: must be hex digits only"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        proa_json_doc doc;
        uint8_t out[2] = {0};
        assert_true(proa_json_parse(&doc, "f", rows[i].text, strlen(rows[i].text)));
        proa_json_at root = proa_json_root(&doc);
        proa_json_at id = proa_json_member(&root, "id");
        assert_int_equal(proa_json_hex(&id, rows[i].fallback, out, sizeof out), rows[i].len);
        assert_string_equal(doc.message, rows[i].message == NULL ? "" : rows[i].message);
        if (rows[i].len == 2) {
            assert_memory_equal(out, "\x0a\xf0", 2);
        }
        proa_json_free(&doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comments_are_blanks),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(keys_readable_by_others_are_refused),
        cmocka_unit_test(secrets_come_from_files_too),
        cmocka_unit_test(bytes_that_are_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
