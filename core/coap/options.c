/* SPDX-License-Identifier: Apache-2.0 */
/* Which options are understood (RFC 7252 §5.4), in one walk over a message: a critical one that is
 * not known, is too long or short (§5.4.3), or stands twice where it may stand once (§5.4.5),
 * rejects its message; an elective one is then passed over. Those that are the engine's business
 * are read on the way. What the others mean is the business of the application. */
#include <string.h>

#include "core/coap/engine_internal.h"

#define FIELD(name) ((uint8_t)offsetof(proa__fields, name))

const proa__known proa__known_options[PROA__KNOWN_COUNT] = {
    {PROA_COAP_OPT_IF_MATCH, 0, 8, PROA__NO_FIELD, true},
    {PROA_COAP_OPT_URI_HOST, 1, 255, PROA__NO_FIELD, false},
    {PROA_COAP_OPT_ETAG, 1, 8, FIELD(etag), false},
    {PROA_COAP_OPT_IF_NONE_MATCH, 0, 0, PROA__NO_FIELD, false},
    {PROA_COAP_OPT_OBSERVE, 0, 3, FIELD(observe), false},
    {PROA_COAP_OPT_URI_PORT, 0, 2, PROA__NO_FIELD, false},
    {PROA_COAP_OPT_OSCORE, 0, 255, FIELD(oscore), false},
    {PROA_COAP_OPT_URI_PATH, 0, 255, PROA__NO_FIELD, true},
    {PROA_COAP_OPT_CONTENT_FORMAT, 0, 2, FIELD(content_format), false},
    {PROA_COAP_OPT_MAX_AGE, 0, 4, FIELD(max_age), false},
    {PROA_COAP_OPT_URI_QUERY, 0, 255, PROA__NO_FIELD, true},
    {PROA_COAP_OPT_ACCEPT, 0, 2, PROA__NO_FIELD, false},
    {PROA_COAP_OPT_BLOCK2, 0, 3, FIELD(block2), false},
    {PROA_COAP_OPT_BLOCK1, 0, 3, FIELD(block1), false},
    {PROA_COAP_OPT_SIZE2, 0, 4, FIELD(size2), false},
    {PROA_COAP_OPT_SIZE1, 0, 4, FIELD(size1), false},
    {PROA_COAP_OPT_ECHO, 1, PROA__ECHO_MAX, FIELD(echo), false},
    {PROA_COAP_OPT_NO_RESPONSE, 0, 1, FIELD(no_response), false},
    {PROA_COAP_OPT_REQUEST_TAG, 0, 8, FIELD(request_tag), false},
};

void proa__fields_clear(proa__fields *fields)
{
    memset(fields, 0xff, offsetof(proa__fields, etag)); /* PROA__NONE */
    memset(&fields->etag, 0, sizeof *fields - offsetof(proa__fields, etag));
}

static void read_field(proa__fields *fields, const proa__known *known, proa_span value)
{
    if (known->field == PROA__NO_FIELD) {
        return;
    }
    void *at = (uint8_t *)fields + known->field;
    if (known->field >= offsetof(proa__fields, etag)) {
        *(proa_span *)at = value;
        return;
    }
    uint32_t number = 0;
    for (size_t i = 0; i < value.len; i++) {
        number = number << 8 | value.data[i];
    }
    *(uint32_t *)at = number;
}

void proa__options_read(proa__heard *h)
{
    proa_coap_options it = proa_coap_options_of(&h->msg);
    proa_coap_option option;
    const proa__known *known = proa__known_options;
    const proa__known *const end = known + PROA__KNOWN_COUNT;
    uint16_t last = 0;
    h->verdict = PROA__OPTIONS_OK;
    h->outer_block = PROA__NONE;
    proa__fields_clear(&h->fields);
    while (proa_coap_option_next(&it, &option)) {
        while (known < end && known->number < option.number) {
            known++;
        }
        if (known < end && known->number == option.number && option.value.len >= known->len_min &&
            option.value.len <= known->len_max && (known->repeatable || option.number != last)) {
            read_field(&h->fields, known, option.value);
        } else if (option.number == PROA_COAP_OPT_PROXY_URI ||
                   option.number == PROA_COAP_OPT_PROXY_SCHEME) {
            h->verdict = PROA__OPTIONS_PROXY; /* §5.10.2: 5.05 comes before anything else */
            return;
        } else if ((option.number & 1U) != 0) {
            h->verdict = PROA__OPTIONS_CRITICAL;
        }
        last = option.number;
    }
}
