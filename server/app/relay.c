/* SPDX-License-Identifier: Apache-2.0 */
/* One notification, one write. */
#include "server/app/relay.h"

#include <string.h>

void proa_relay_init(proa_relay *relay, const proa_relay_config *config)
{
    memset(relay, 0, sizeof *relay);
    relay->config = *config;
}

bool proa_relay_owns(const proa_relay *relay, uint64_t user)
{
    const proa_relay_config *config = &relay->config;
    return user - config->user_observe < config->rule_count ||
           user - config->user_write < config->rule_count;
}

void proa_relay_device(proa_relay *relay, uint64_t now_ms, proa_reg reg)
{
    proa_registration r;
    for (size_t i = 0; i < relay->config.rule_count; i++) {
        const proa_relay_rule *rule = &relay->config.rules[i];
        if (!proa_server_registration(relay->config.server, reg, &r) ||
            !proa_span_equal(r.endpoint, proa_span_of(rule->from_endpoint))) {
            continue;
        }
        proa_server_op op = {.reg = reg,
                             .op = PROA_OP_OBSERVE,
                             .path = rule->from_path,
                             .format = PROA_FORMAT_NONE,
                             .user = relay->config.user_observe + i};
        if (proa_server_op_start(relay->config.server, now_ms, &op, &relay->observation[i]) !=
            PROA_OK) {
            relay->failed++;
        }
    }
}

/* What to write: formats of a single value travel as they are; the others name the resource inside
 * and are written anew for the target. */
static proa_err translate(const proa_relay_rule *rule, proa_type_of type_of,
                          const proa_server_event *event, proa_writer *out, uint16_t *format)
{
    proa_payload_reader reader;
    proa_payload_writer writer;
    proa_record record;
    *format = event->format;
    if (event->format == PROA_FORMAT_TEXT || event->format == PROA_FORMAT_OPAQUE ||
        event->format == PROA_FORMAT_CBOR) {
        proa_write_span(out, event->payload);
        return out->err;
    }
    *format = PROA_FORMAT_TLV;
    proa_err err =
        proa_payload_read(&reader, event->format, &rule->from_path, event->payload, type_of, NULL);
    if (err == PROA_OK) {
        err = proa_payload_begin(&writer, out, PROA_FORMAT_TLV, &rule->to_path);
    }
    while (err == PROA_OK && proa_payload_next(&reader, &record)) {
        memcpy(record.path.ids, rule->to_path.ids, 3 * sizeof *record.path.ids);
        err = proa_payload_add(&writer, &record);
    }
    if (err == PROA_OK) {
        err = reader.err;
    }
    return err == PROA_OK ? proa_payload_end(&writer) : err;
}

static void pass_on(proa_relay *relay, uint64_t now_ms, size_t index,
                    const proa_server_event *event)
{
    const proa_relay_rule *rule = &relay->config.rules[index];
    uint8_t payload[PROA_COAP_MESSAGE_MAX];
    proa_writer w = proa_writer_make(payload, sizeof payload);
    proa_reg target;
    proa_op_id id;
    uint16_t format;
    if (translate(rule, relay->config.type_of, event, &w, &format) == PROA_OK &&
        proa_server_find(relay->config.server, proa_span_of(rule->to_endpoint), &target)) {
        proa_server_op op = {.reg = target,
                             .op = PROA_OP_WRITE_REPLACE,
                             .path = rule->to_path,
                             .format = format,
                             .payload = proa_writer_span(&w),
                             .user = relay->config.user_write + index};
        if (proa_server_op_start(relay->config.server, now_ms, &op, &id) == PROA_OK) {
            return;
        }
    }
    relay->failed++;
}

void proa_relay_operation(proa_relay *relay, uint64_t now_ms, const proa_server_event *event)
{
    if (event->user - relay->config.user_write < relay->config.rule_count) {
        bool written = event->result == PROA_OP_ANSWERED && event->code == PROA_COAP_CHANGED;
        relay->relayed += written;
        relay->failed += !written;
        return;
    }
    bool has_value = event->kind == PROA_SERVER_NOTIFICATION ||
                     (event->kind == PROA_SERVER_DONE && event->result == PROA_OP_ANSWERED);
    if (has_value && event->code == PROA_COAP_CONTENT) {
        pass_on(relay, now_ms, (size_t)(event->user - relay->config.user_observe), event);
    }
}
