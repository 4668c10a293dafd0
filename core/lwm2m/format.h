/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_LWM2M_FORMAT_H
#define PROA_CORE_LWM2M_FORMAT_H

#include "proa/payload.h"

/* One Content-Format as the payload reader and writer see it. Each stands in a file of its own and
 * knows nothing of the others, so that a program carries only those that it names in proa_formats.
 * Functions may be NULL where that stands at them. */
struct proa_format {
    uint16_t id;
    bool single;       /* one value of one resource (instance), and no paths */
    bool paths;        /* a record may be a path without a value */
    uint8_t depth_min; /* not single: of what it can hold */

    /* ---- writing: errors stand in p->w or are returned ---- */
    void (*write_begin)(proa_payload_writer *p);                         /* NULL: nothing */
    void (*instance)(proa_payload_writer *p, uint16_t instance_id);      /* NULL: nothing */
    void (*multiple)(proa_payload_writer *p, const proa_path *resource); /* NULL: nothing */
    proa_err (*add)(proa_payload_writer *p, const proa_record *record);
    void (*write_end)(proa_payload_writer *p); /* NULL: nothing */

    /* ---- reading: errors go through proa__payload_fail ---- */
    void (*read_begin)(proa_payload_reader *p, proa_span payload); /* NULL: single */

    /* As proa_payload_next. Single: called once, with the path set. */
    bool (*next)(proa_payload_reader *p, proa_record *record);

    /* As proa_payload_instance_named, *count being 0. NULL: names none. */
    int32_t (*instance_named)(proa_span payload, const proa_path *base, uint32_t *count);
};

/* Remembers the first error of a reader; returns false. */
bool proa__payload_fail(proa_payload_reader *p, proa_err err);

/* What the model says about a path. */
proa_type proa__payload_type(const proa_payload_reader *p, const proa_path *path);

/* Bytes that are no text of the wanted type are of another type, whatever they are. */
static inline proa_err proa__type_error(proa_err err)
{
    return err == PROA_E_FORMAT ? PROA_E_TYPE : err;
}

/* ---- convert.c: for the formats whose values have a type of their own ------------------- */

/* "65535:65535" */
#define PROA__LINK_TEXT_MAX 11

/* The text of an Objlink (those formats have no type for it), in buf. */
proa_span proa__link_text(proa_objlink link, uint8_t buf[PROA__LINK_TEXT_MAX]);

#endif
