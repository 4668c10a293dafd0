/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_LOG_H
#define PROA_SERVER_OS_LOG_H

#include <jansson.h>
#include <stdbool.h>

/* What happened, one line an event: a sentence for people, or a JSON object for machines.
 *
 *     20:15:07 registered    lamp at [::1]:40123, secure, lifetime 300 s
 *     {"time":"2026-11-23T20:15:07Z","event":"registered","device":"lamp",...}
 *
 * Text that comes from devices is shown with control characters replaced, so that no device can
 * write to an operator's terminal. Keys never come here. */
typedef struct proa_log {
    bool json;
    /* Also given every JSON line, for those who follow on the control socket; may be NULL. */
    void (*follow)(void *ctx, const char *json);
    void *follow_ctx;
} proa_log;

/* Note one event. `fields` is an object with what belongs to it; the reference is taken over. The
 * sentence is in printf format. */
void proa_log_event(const proa_log *log, const char *name, json_t *fields, const char *sentence,
                    ...) __attribute__((format(printf, 4, 5)));

#endif
