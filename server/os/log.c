/* SPDX-License-Identifier: Apache-2.0 */
/* Event lines on standard output. */
#include "server/os/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void print_sentence(const char *name, const char *sentence, va_list arguments)
{
    char line[1024];
    char clock[16];
    time_t now = time(NULL);
    struct tm local;
    vsnprintf(line, sizeof line, sentence, arguments);
    for (char *at = line; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &local));
    printf("%s %-13s %s\n", clock, name, line);
}

void proa_log_event(const proa_log *log, const char *name, json_t *fields, const char *sentence,
                    ...)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;
    va_list arguments;
    va_start(arguments, sentence);
    if (!log->json) {
        print_sentence(name, sentence, arguments);
    }
    va_end(arguments);
    if (log->json || log->follow != NULL) {
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
        json_t *event = json_pack("{s:s, s:s}", "time", stamp, "event", name);
        json_object_update(event, fields);
        char *text = json_dumps(event, JSON_COMPACT);
        if (text != NULL && log->json) {
            puts(text);
        }
        if (text != NULL && log->follow != NULL) {
            log->follow(log->follow_ctx, text);
        }
        free(text);
        json_decref(event);
    }
    json_decref(fields);
    fflush(stdout);
}
