/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads (Core 1.2 §7.4): which formats this program has, and what is the same for all of them.
 *
 * No record leaves the reader or enters the writer whose path is outside `base`; the formats that
 * carry paths see to it while reading. */
#include <string.h>

#include "core/lwm2m/format.h"

/* ---- formats ---------------------------------------------------------------------------- */

static const proa_format *find(uint16_t id)
{
    const proa_format *const *at = proa_formats;
    while (*at != NULL && (*at)->id != id) {
        at++;
    }
    return *at;
}

static bool can_hold(const proa_format *format, const proa_path *path, bool multiple)
{
    if (format == NULL) {
        return false;
    }
    return format->single ? path->depth == 4 || (path->depth == 3 && !multiple)
                          : path->depth >= format->depth_min;
}

uint16_t proa_format_at(size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (proa_formats[i] == NULL) {
            return PROA_FORMAT_NONE;
        }
    }
    return proa_formats[index] == NULL ? PROA_FORMAT_NONE : proa_formats[index]->id;
}

bool proa_format_known(uint16_t format)
{
    return find(format) != NULL;
}

bool proa_format_can_hold(uint16_t format, const proa_path *path, bool multiple)
{
    return can_hold(find(format), path, multiple);
}

/* ---- writing ---------------------------------------------------------------------------- */

proa_err proa_payload_begin(proa_payload_writer *p, proa_writer *w, uint16_t format,
                            const proa_path *base)
{
    const proa_format *how = find(format);
    if (!can_hold(how, base, false)) {
        return PROA_E_UNSUPPORTED;
    }
    memset(p, 0, sizeof *p);
    p->w = w;
    p->format = how;
    p->base = *base;
    p->open_path = *base;
    if (how->write_begin != NULL) {
        how->write_begin(p);
    }
    return PROA_OK;
}

void proa_payload_instance(proa_payload_writer *p, uint16_t instance_id)
{
    if (p->format->instance != NULL) {
        p->format->instance(p, instance_id);
    }
}

void proa_payload_multiple(proa_payload_writer *p, const proa_path *resource)
{
    if (p->format->multiple != NULL) {
        p->format->multiple(p, resource);
    }
}

proa_err proa_payload_add(proa_payload_writer *p, const proa_record *record)
{
    bool path_only = p->format->paths && record->value.type == PROA_TYPE_NONE;
    if (!proa_path_within(&p->base, &record->path) || (record->path.depth < 3 && !path_only)) {
        return PROA_E_DENIED;
    }
    if (p->format->single && p->count > 0) {
        return PROA_E_UNSUPPORTED;
    }
    proa_err err = p->format->add(p, record);
    p->count++;
    return err;
}

proa_err proa_payload_end(proa_payload_writer *p)
{
    if (p->format->write_end != NULL) {
        p->format->write_end(p);
    }
    return p->w->err;
}

/* ---- reading ---------------------------------------------------------------------------- */

bool proa__payload_fail(proa_payload_reader *p, proa_err err)
{
    if (p->err == PROA_OK) {
        p->err = err;
    }
    return false;
}

proa_type proa__payload_type(const proa_payload_reader *p, const proa_path *path)
{
    return p->type_of == NULL ? PROA_TYPE_NONE : p->type_of(p->type_ctx, path);
}

proa_err proa_payload_read(proa_payload_reader *p, uint16_t format, const proa_path *base,
                           proa_span payload, proa_type_of type_of, void *type_ctx)
{
    const proa_format *how = find(format);
    if (!can_hold(how, base, false)) {
        return PROA_E_UNSUPPORTED;
    }
    memset(p, 0, sizeof *p);
    p->format = how;
    p->base = *base;
    p->type_of = type_of;
    p->type_ctx = type_ctx;
    if (how->single) {
        p->in.single = payload;
    } else {
        how->read_begin(p, payload);
    }
    return PROA_OK;
}

bool proa_payload_next(proa_payload_reader *p, proa_record *record)
{
    if (p->err != PROA_OK || p->done) {
        return false;
    }
    if (p->format->single) {
        p->done = true;
        record->path = p->base;
    }
    return p->format->next(p, record);
}

int32_t proa_payload_instance_named(uint16_t format, proa_span payload, const proa_path *base,
                                    uint32_t *count)
{
    const proa_format *how = find(format);
    *count = 0;
    return how == NULL || how->instance_named == NULL ? -1
                                                      : how->instance_named(payload, base, count);
}
