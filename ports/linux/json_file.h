/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_LINUX_JSON_FILE_H
#define PROA_PORTS_LINUX_JSON_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"

/* Files that people write: JSON with // comments, and errors that say where and what was expected.
 *
 * jansson parses; this adds the comments, the position of every value, and getters that check. The
 * first error sticks in the document with file, line and column, every later getter then gives its
 * fallback, so a reader of a file goes through it from top to bottom and asks once at the end:
 *
 *     proa_json_doc doc;
 *     if (proa_json_load(&doc, "policy.json", false)) {
 *         proa_json_at rule = proa_json_item(proa_json_member(proa_json_root(&doc), "rules"), 0);
 *         name = proa_json_string(proa_json_member(rule, "name"), NULL);
 *     }
 *     if (doc.failed) fprintf(stderr, "%s\n", doc.message);
 *     proa_json_free(&doc); */

#define PROA_JSON_FILE_MAX (1024 * 1024)
#define PROA_JSON_POINTER_MAX 192

typedef struct proa_json_doc {
    json_t *root;
    char *text; /* as parsed: comments replaced by blanks, so that positions stay */
    size_t len;
    char path[256];
    bool failed;
    char message[580]; /* "file:line:column: what was expected" */
} proa_json_doc;

/* A place in the document: a value, or where one is missing. */
typedef struct proa_json_at {
    proa_json_doc *doc;
    json_t *value;                       /* NULL = not there */
    char pointer[PROA_JSON_POINTER_MAX]; /* as RFC 6901, without escapes */
} proa_json_at;

/* Read and parse a file. With `secret` the file must not be readable by group or others.
 * False on failure; the message then says what to do. Free the document in any case. */
bool proa_json_load(proa_json_doc *doc, const char *path, bool secret);

/* The same for text in memory; `name` stands for the file in messages. */
bool proa_json_parse(proa_json_doc *doc, const char *name, const char *text, size_t len);

/* Wipes the text, for it may hold keys. */
void proa_json_free(proa_json_doc *doc);

proa_json_at proa_json_root(proa_json_doc *doc);
proa_json_at proa_json_member(const proa_json_at *object, const char *key);
proa_json_at proa_json_item(const proa_json_at *array, size_t index);

static inline bool proa_json_there(const proa_json_at *at)
{
    return at->value != NULL;
}

/* Note an error at this place unless there was one already. printf format, no line end. */
void proa_json_fail(const proa_json_at *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Getters: the value, or `fallback` when it is not there. A NULL fallback of proa_json_string and a
 * negative one of proa_json_number mean: required. Another type or range is an error. */
const char *proa_json_string(const proa_json_at *at, const char *fallback);
int64_t proa_json_number(const proa_json_at *at, int64_t min, int64_t max, int64_t fallback);
bool proa_json_bool(const proa_json_at *at, bool fallback);

/* Items of an array, members of an object; 0 when it is not there; another type is an error. */
size_t proa_json_array_size(const proa_json_at *at);
size_t proa_json_object_size(const proa_json_at *at);

/* Refuse members that are not in the space-separated list `known`: a misspelt option must not be
 * ignored. Names the nearest known one. */
void proa_json_only(const proa_json_at *object, const char *known);

/* Bytes that are no secret, at most `cap`, as a string of hex digits; "" is none. `fallback` as with
 * proa_json_string. Returns their number, 0 also when it is not there or wrong. */
size_t proa_json_hex(const proa_json_at *at, const char *fallback, uint8_t *out, size_t cap);

/* A secret of at most `cap` bytes: a string of hex digits, or {"file": "path"} naming a file that
 * holds them (relative to this one; refused if others may read it). Returns its length, 0 when it
 * is not there or wrong. */
size_t proa_json_secret(const proa_json_at *at, uint8_t *out, size_t cap);

#endif
