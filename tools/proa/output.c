/* SPDX-License-Identifier: Apache-2.0 */
/* Printing for people and for programs. */
#include "tools/proa/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objects/value_json.h"
#include "proa_build.h"

/* 15 digits: what people typed comes back as they typed it. */
#define JSON_FORM (JSON_COMPACT | JSON_REAL_PRECISION(15))

static void print_json(json_t *fields)
{
    char *text = json_dumps(fields, JSON_FORM);
    puts(text == NULL ? "{}" : text);
    fflush(stdout);
    free(text);
}

static void print_sentence(const char *sentence, va_list arguments)
{
    char text[4096];
    vsnprintf(text, sizeof text, sentence, arguments);
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    puts(text);
    fflush(stdout);
}

static void hide(const proa_output *o)
{
    if (o->hide != NULL) {
        o->hide(o->ctx);
    }
}

static void show(const proa_output *o)
{
    if (o->show != NULL) {
        o->show(o->ctx);
    }
}

void proa_output_say(const proa_output *o, json_t *fields, const char *sentence, ...)
{
    if (o->json || sentence != NULL) {
        hide(o);
        if (o->json) {
            print_json(fields);
        } else {
            va_list arguments;
            va_start(arguments, sentence);
            print_sentence(sentence, arguments);
            va_end(arguments);
        }
        show(o);
    }
    json_decref(fields);
}

void proa_output_line(const proa_output *o, const char *sentence, ...)
{
    if (!o->json) {
        va_list arguments;
        hide(o);
        va_start(arguments, sentence);
        print_sentence(sentence, arguments);
        va_end(arguments);
        show(o);
    }
}

int proa_output_finish(const proa_output *o, const char *schema, bool ok, json_t *figures)
{
    if (o->json) {
        json_t *line = json_pack("{s:s, s:s, s:s, s:b}", "schema", schema, "version",
                                 PROA_BUILD_VERSION, "commit", PROA_BUILD_COMMIT, "ok", ok);
        json_object_update_missing(line, figures);
        print_json(line);
        json_decref(line);
    }
    json_decref(figures);
    return ok ? 0 : 1;
}

int proa_output_fail(const proa_output *o, const char *schema, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (o->json) {
        return proa_output_finish(o, schema, false, json_pack("{s:s}", "error", text));
    }
    fprintf(stderr, "proa: %s\n", text);
    return 1;
}

const char *proa_output_value(const json_t *value)
{
    static char text[512];
    char *dumped = json_dumps(value, JSON_FORM | JSON_ENCODE_ANY);
    snprintf(text, sizeof text, "%s",
             json_is_string(value) ? json_string_value(value)
             : dumped == NULL      ? ""
                                   : dumped);
    free(dumped);
    return text;
}

json_t *proa_json_of_span(proa_span text)
{
    proa_value value = {.type = PROA_TYPE_NONE};
    value.as.bytes = text;
    return proa_value_to_json(&value);
}

json_t *proa_json_of_path(const proa_path *path)
{
    char text[PROA_PATH_TEXT_MAX];
    proa_writer w = proa_writer_make(text, sizeof text);
    proa_path_write(&w, path);
    return json_stringn(text, w.len);
}

json_t *proa_json_of_code(uint8_t code)
{
    char text[8];
    snprintf(text, sizeof text, "%u.%02u", PROA_COAP_CLASS(code), code & 0x1fU);
    return json_string(text);
}

json_t *proa_json_of_addr(const proa_addr *addr)
{
    char text[PROA_ADDR_TEXT_MAX];
    proa_writer w = proa_writer_make(text, sizeof text);
    proa_addr_write(&w, addr);
    return json_stringn(text, w.len);
}
