/* SPDX-License-Identifier: Apache-2.0 */
/* Build tool: the object definitions in objects/<id>.json as one C table.
 *
 *     proa-definitions OUTPUT.c FILE.json...
 *
 * A definition file is {"id", "name", "multiple", "resources": [{"id", "name", "operations",
 * "type", "unit", "multiple", "mandatory", "secret"}, ...]}. What contradicts itself stops the
 * build here, with file, line and column; definitions.c trusts the table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/linux/json_file.h"
#include "proa/lwm2m.h"

#define OBJECTS_MAX 512

typedef struct entry {
    unsigned id;
    const char *path;
} entry;

/* A C string literal. Names are short and plain; a quote or backslash is all that needs care. */
static void write_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

/* "RW" and the rest as PROA_RES_* words. */
static void write_flags(FILE *out, const proa_json_at *resource, const char *operations)
{
    static const struct {
        const char *member;
        const char *word;
    } switches[] = {
        {"multiple", "PROA_RES_MULTIPLE"},
        {"mandatory", "PROA_RES_MANDATORY"},
        {"secret", "PROA_RES_SECRET"},
    };
    fprintf(out, "0");
    for (const char *letter = operations; *letter != '\0'; letter++) {
        fprintf(out, " | PROA_RES_%c", *letter);
    }
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        proa_json_at at = proa_json_member(resource, switches[i].member);
        if (proa_json_bool(&at, false)) {
            fprintf(out, " | %s", switches[i].word);
        }
    }
}

static void write_resource(FILE *out, const proa_json_at *resource, int64_t *last)
{
    proa_json_only(resource, "id name operations type unit multiple mandatory secret");
    proa_json_at id = proa_json_member(resource, "id");
    proa_json_at name = proa_json_member(resource, "name");
    proa_json_at operations = proa_json_member(resource, "operations");
    proa_json_at type = proa_json_member(resource, "type");
    proa_json_at unit = proa_json_member(resource, "unit");
    int64_t number = proa_json_number(&id, 0, PROA_ID_MAX, -1);
    const char *letters = proa_json_string(&operations, NULL);
    const char *type_name = proa_json_string(&type, "none");
    if (number <= *last) {
        proa_json_fail(&id, "resources must be in ascending order");
    }
    if (strspn(letters, "RWE") != strlen(letters)) {
        proa_json_fail(&operations, "must be of the letters R, W and E");
    }
    if ((proa_type_parse(proa_span_of(type_name)) == PROA_TYPE_NONE) !=
        (strchr(letters, 'E') != NULL)) {
        proa_json_fail(resource, "an executable resource has no type, any other needs one");
    }
    *last = number;
    fprintf(out, "    {%lld, ", (long long)number);
    write_string(out, proa_json_string(&name, NULL));
    /* The number, because words of types and enumerators differ only here. */
    fprintf(out, ", (proa_type)%d, ", (int)proa_type_parse(proa_span_of(type_name)));
    write_flags(out, resource, letters);
    fprintf(out, ", ");
    write_string(out, proa_json_string(&unit, ""));
    fprintf(out, "},\n");
}

static bool write_object(FILE *out, const char *path)
{
    proa_json_doc doc;
    (void)proa_json_load(&doc, path, false);
    proa_json_at root = proa_json_root(&doc);
    proa_json_only(&root, "id name multiple resources");
    proa_json_at id = proa_json_member(&root, "id");
    proa_json_at resources = proa_json_member(&root, "resources");
    int64_t last = -1;
    size_t count = proa_json_array_size(&resources);
    fprintf(out, "static const proa_resource_definition resources_%lld[] = {\n",
            (long long)proa_json_number(&id, 0, PROA_ID_MAX, -1));
    for (size_t i = 0; i < count; i++) {
        proa_json_at item = proa_json_item(&resources, i);
        write_resource(out, &item, &last);
    }
    if (count == 0) {
        proa_json_fail(&root, "an object has at least one resource");
    }
    fprintf(out, "};\n\n");
    bool ok = !doc.failed;
    if (!ok) {
        fprintf(stderr, "%s\n", doc.message);
    }
    proa_json_free(&doc);
    return ok;
}

static bool write_head(FILE *out, const char *path)
{
    proa_json_doc doc;
    (void)proa_json_load(&doc, path, false);
    proa_json_at root = proa_json_root(&doc);
    proa_json_at id = proa_json_member(&root, "id");
    proa_json_at name = proa_json_member(&root, "name");
    proa_json_at multiple = proa_json_member(&root, "multiple");
    long long number = (long long)proa_json_number(&id, 0, PROA_ID_MAX, -1);
    fprintf(out, "    {%lld, ", number);
    write_string(out, proa_json_string(&name, NULL));
    fprintf(out, ", %s, resources_%lld,\n     sizeof resources_%lld / sizeof *resources_%lld},\n",
            proa_json_bool(&multiple, false) ? "true" : "false", number, number, number);
    bool ok = !doc.failed;
    if (!ok) {
        fprintf(stderr, "%s\n", doc.message);
    }
    proa_json_free(&doc);
    return ok;
}

/* The number that a file's name begins with: "objects/3311.json" is 3311. */
static bool entry_of(const char *path, entry *out)
{
    const char *slash = strrchr(path, '/');
    const char *digits = slash == NULL ? path : slash + 1;
    size_t len = strspn(digits, "0123456789");
    out->path = path;
    out->id = (unsigned)strtoul(digits, NULL, 10);
    return len > 0 && len < 6 && strcmp(digits + len, ".json") == 0;
}

static int by_id(const void *a, const void *b)
{
    const entry *x = a;
    const entry *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool write_table(FILE *out, const entry *entries, size_t count)
{
    bool ok = true;
    fprintf(out, "/* SPDX-License-Identifier: Apache-2.0 */\n"
                 "/* Written by the build from the files in objects/. */\n"
                 "#include \"objects/definitions_table.h\"\n\n");
    for (size_t i = 0; i < count && ok; i++) {
        ok = write_object(out, entries[i].path);
    }
    fprintf(out, "const proa_object_definition proa__definitions[] = {\n");
    for (size_t i = 0; i < count && ok; i++) {
        ok = write_head(out, entries[i].path);
    }
    fprintf(out, "};\n\nconst size_t proa__definition_count = %zu;\n", count);
    return ok;
}

int main(int argc, char **argv)
{
    static entry entries[OBJECTS_MAX];
    size_t count = 0;
    if (argc < 3 || argc - 2 > OBJECTS_MAX) {
        fprintf(stderr, "usage: proa-definitions OUTPUT.c FILE.json...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (!entry_of(argv[i], &entries[count++])) {
            fprintf(stderr, "%s: the name must be <object id>.json\n", argv[i]);
            return 2;
        }
    }
    qsort(entries, count, sizeof *entries, by_id);
    FILE *out = fopen(argv[1], "w");
    if (out == NULL) {
        perror(argv[1]);
        return 1;
    }
    bool ok = write_table(out, entries, count);
    ok = fclose(out) == 0 && ok;
    if (!ok) {
        remove(argv[1]);
    }
    return ok ? 0 : 1;
}
