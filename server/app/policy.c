/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules say. This file owns the meaning of a rule; it keeps nothing and asks nobody. What
 * overrides the rules (a standing refusal) is revoke.c's, who enforces them is the host. */
#include "server/app/policy.h"

#include <string.h>

const char *proa_peer_security_name(proa_peer_security security)
{
    static const char *const names[] = {"auto", "dtls", "oscore"};
    return names[security];
}

bool proa_pattern_match(proa_span pattern, proa_span name)
{
    size_t p = 0;
    size_t n = 0;
    size_t star = SIZE_MAX; /* the last '*' met, and how far the name was then: to try again from */
    size_t star_name = 0;
    while (n < name.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            star = p++;
            star_name = n;
        } else if (p < pattern.len && pattern.data[p] == name.data[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++star_name;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

bool proa_policy_closed(uint16_t object)
{
    return object <= PROA_OBJECT_ACCESS_CONTROL || object == PROA_OBJECT_OSCORE ||
           (object >= PROA_OBJECT_CLIENT_SECURITY && object <= PROA_OBJECT_CLIENT_ACCESS) ||
           object > PROA_ID_MAX;
}

static bool speaks_about(const proa_policy_rule *rule, uint16_t object, uint16_t instance)
{
    if (rule->object != PROA_POLICY_OBJECT_ANY && rule->object != object) {
        return false;
    }
    if (rule->instance == PROA_ID_ALL || rule->instance == instance) {
        return true;
    }
    return instance == PROA_ID_ALL && rule->effect == PROA_EFFECT_DENY;
}

typedef struct tally {
    uint8_t undecided;
    uint8_t allowed;
    int32_t first_allow;
    int32_t first_deny;
    bool all_partial;
    bool revoke_on_deregister;
    uint32_t lifetime_s;
    proa_peer_security security;
} tally;

static void count_rule(tally *t, const proa_policy_rule *rule, int32_t index)
{
    uint8_t bits = rule->rights & t->undecided;
    t->undecided &= (uint8_t)~bits;
    if (rule->effect == PROA_EFFECT_DENY) {
        t->first_deny = t->first_deny < 0 ? index : t->first_deny;
        return;
    }
    uint32_t lifetime_s = rule->lifetime_s == 0 ? PROA_GRANT_LIFETIME_DEFAULT_S : rule->lifetime_s;
    t->first_allow = t->first_allow < 0 ? index : t->first_allow;
    t->allowed |= bits;
    t->all_partial = t->all_partial && rule->partial;
    t->revoke_on_deregister = t->revoke_on_deregister || rule->revoke_on_deregister;
    t->lifetime_s = lifetime_s < t->lifetime_s ? lifetime_s : t->lifetime_s;
    t->security = t->security == PROA_PEER_SECURITY_AUTO ? rule->security : t->security;
}

proa_decision proa_policy_decide(const proa_policy *policy, proa_span requester, proa_span host,
                                 uint16_t object, uint16_t instance, uint8_t rights)
{
    proa_decision decision = {.rule = -1};
    tally t = {.undecided = rights,
               .first_allow = -1,
               .first_deny = -1,
               .all_partial = true,
               .lifetime_s = UINT32_MAX};
    if (policy == NULL || proa_policy_closed(object) || rights == 0 ||
        (rights & ~PROA_RIGHTS_ALL) != 0) {
        return decision;
    }
    for (uint32_t i = 0; i < policy->rule_count && t.undecided != 0; i++) {
        const proa_policy_rule *rule = &policy->rules[i];
        if ((rule->rights & t.undecided) != 0 && speaks_about(rule, object, instance) &&
            proa_pattern_match(proa_span_of(rule->requester), requester) &&
            proa_pattern_match(proa_span_of(rule->host), host)) {
            count_rule(&t, rule, (int32_t)i);
        }
    }
    decision.rule = t.first_deny >= 0 ? t.first_deny : t.first_allow;
    if (t.allowed == 0) {
        return decision;
    }
    decision.may_be_partial = t.all_partial;
    if (t.allowed == rights || t.all_partial) {
        decision.granted = t.allowed;
        decision.partial = t.allowed != rights;
        decision.lifetime_s = t.lifetime_s;
        decision.security = t.security;
        decision.revoke_on_deregister = t.revoke_on_deregister;
    }
    return decision;
}
