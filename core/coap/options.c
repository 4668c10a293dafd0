/* SPDX-License-Identifier: Apache-2.0 */
/* Which options are understood (RFC 7252 §5.4): a critical one that is not, is too long or short
 * (§5.4.3), or stands twice where it may stand once (§5.4.5), rejects its message. Elective ones
 * are never a reason. What a known option means is the business of whoever reads it. */
#include "core/coap/engine_internal.h"

typedef struct known {
    uint16_t number;
    uint16_t len_min;
    uint16_t len_max;
    bool repeatable;
} known;

static const known critical[] = {
    {PROA_COAP_OPT_IF_MATCH, 0, 8, true},       {PROA_COAP_OPT_URI_HOST, 1, 255, false},
    {PROA_COAP_OPT_IF_NONE_MATCH, 0, 0, false}, {PROA_COAP_OPT_URI_PORT, 0, 2, false},
    {PROA_COAP_OPT_URI_PATH, 0, 255, true},     {PROA_COAP_OPT_URI_QUERY, 0, 255, true},
    {PROA_COAP_OPT_ACCEPT, 0, 2, false},        {PROA_COAP_OPT_BLOCK2, 0, 3, false},
    {PROA_COAP_OPT_BLOCK1, 0, 3, false},
};

static bool is_known(const proa_coap_option *option, bool again)
{
    for (size_t i = 0; i < sizeof critical / sizeof critical[0]; i++) {
        if (critical[i].number == option->number) {
            return option->value.len >= critical[i].len_min &&
                   option->value.len <= critical[i].len_max && (critical[i].repeatable || !again);
        }
    }
    return false;
}

proa__options_verdict proa__options_check(const proa_coap_msg *m)
{
    proa_coap_options it = proa_coap_options_of(m);
    proa_coap_option option;
    uint16_t last = 0;
    proa__options_verdict verdict = PROA__OPTIONS_OK;
    while (proa_coap_option_next(&it, &option)) {
        if (option.number == PROA_COAP_OPT_PROXY_URI ||
            option.number == PROA_COAP_OPT_PROXY_SCHEME) {
            return PROA__OPTIONS_PROXY; /* §5.10.2: 5.05 comes before anything else */
        }
        if ((option.number & 1U) != 0 && !is_known(&option, option.number == last)) {
            verdict = PROA__OPTIONS_CRITICAL;
        }
        last = option.number;
    }
    return verdict;
}
