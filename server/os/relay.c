/* SPDX-License-Identifier: Apache-2.0 */
/* Relay rules: the server-centric way of letting one device follow another. Each notification leads
 * to one write, at once, without timers and without coalescing, so that the comparison with direct
 * communication is fair. */
#include <string.h>

#include "objects/definitions.h"
#include "proa/payload.h"
#include "server/os/hub_internal.h"

void proa_relay_init(proa_relay *relay, const proa_hub_parts *parts)
{
    memset(relay, 0, sizeof *relay);
    relay->parts = parts;
}

void proa_relay_device(proa_relay *relay, uint64_t now_ms, proa_reg reg)
{
    proa_registration r;
    for (size_t i = 0; i < relay->parts->config->relay_count; i++) {
        const proa_relay_rule *rule = &relay->parts->config->relays[i];
        if (!proa_server_registration(relay->parts->server, reg, &r) ||
            !proa_span_equal(r.endpoint, proa_span_of(rule->from_endpoint))) {
            continue;
        }
        proa_server_op op = {.reg = reg,
                             .op = PROA_OP_OBSERVE,
                             .path = rule->from_path,
                             .format = PROA_FORMAT_NONE,
                             .user = PROA_HUB_USER_RELAY | i};
        if (proa_server_op_start(relay->parts->server, now_ms, &op, &relay->observation[i]) !=
            PROA_OK) {
            relay->failed++;
        }
    }
}

/* What to write: formats of a single value travel as they are; the others name the resource inside
 * and are written anew for the target. */
static proa_err translate(const proa_relay_rule *rule, const proa_server_event *event,
                          proa_writer *out, uint16_t *format)
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
    proa_err err = proa_payload_read(&reader, event->format, &rule->from_path, event->payload,
                                     proa_definition_type, NULL);
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
    const proa_relay_rule *rule = &relay->parts->config->relays[index];
    uint8_t payload[PROA_COAP_MESSAGE_MAX];
    proa_writer w = proa_writer_make(payload, sizeof payload);
    proa_reg target;
    proa_op_id id;
    uint16_t format;
    if (translate(rule, event, &w, &format) == PROA_OK &&
        proa_server_find(relay->parts->server, proa_span_of(rule->to_endpoint), &target)) {
        proa_server_op op = {.reg = target,
                             .op = PROA_OP_WRITE_REPLACE,
                             .path = rule->to_path,
                             .format = format,
                             .payload = proa_writer_span(&w),
                             .user = PROA_HUB_USER_RELAY_WRITE | index};
        if (proa_server_op_start(relay->parts->server, now_ms, &op, &id) == PROA_OK) {
            return;
        }
    }
    relay->failed++;
}

void proa_relay_operation(proa_relay *relay, uint64_t now_ms, const proa_server_event *event)
{
    size_t index = (size_t)(event->user & ~PROA_HUB_USER_KIND);
    if ((event->user & PROA_HUB_USER_KIND) == PROA_HUB_USER_RELAY_WRITE) {
        bool written = event->result == PROA_OP_ANSWERED && event->code == PROA_COAP_CHANGED;
        relay->relayed += written;
        relay->failed += !written;
        return;
    }
    bool has_value = event->kind == PROA_SERVER_NOTIFICATION ||
                     (event->kind == PROA_SERVER_DONE && event->result == PROA_OP_ANSWERED);
    if (has_value && event->code == PROA_COAP_CONTENT) {
        pass_on(relay, now_ms, index, event);
    }
}
