/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_APP_POLICY_H
#define PROA_SERVER_APP_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/lwm2m.h"

/* Who may do what to whom: an ordered list of rules.
 *
 * For every right bit of every requested path, the first rule that matches requester, host, path
 * and that bit decides. No rule: denied. A request is granted if all its bits are; if only some
 * are, it is denied unless every rule that allowed some says `partial`. The grant lives as long as
 * the shortest lifetime among the rules that allowed it, and is secured as the first of them says
 * that says more than AUTO.
 *
 * A request for all instances covers each of them. So a rule that denies one instance denies such
 * a request as well, and a rule that allows one instance does not speak about it.
 *
 * Patterns are endpoint names in which '*' stands for any run of characters. The rules are a pure
 * table; reading them from a file is server/os/policy_file.c. */

typedef enum proa_effect { PROA_EFFECT_DENY = 0, PROA_EFFECT_ALLOW } proa_effect;

/* By what the two devices protect what they say to each other. */
typedef enum proa_peer_security {
    PROA_PEER_SECURITY_AUTO = 0, /* OSCORE if both list object 21, else DTLS */
    PROA_PEER_SECURITY_DTLS,
    PROA_PEER_SECURITY_OSCORE
} proa_peer_security;

/* "auto", "dtls", "oscore". */
const char *proa_peer_security_name(proa_peer_security security);

#define PROA_POLICY_OBJECT_ANY 65535U

typedef struct proa_policy_rule {
    char name[48]; /* shown in the audit */
    proa_effect effect;
    char requester[PROA_ENDPOINT_MAX + 1];
    char host[PROA_ENDPOINT_MAX + 1];
    uint16_t object;     /* PROA_POLICY_OBJECT_ANY: any object but the closed ones */
    uint16_t instance;   /* PROA_ID_ALL: any */
    uint8_t rights;      /* bits the rule speaks about */
    uint32_t lifetime_s; /* ALLOW: 0 = PROA_GRANT_LIFETIME_DEFAULT_S */
    proa_peer_security security;
    bool partial;
    bool revoke_on_deregister;
} proa_policy_rule;

#define PROA_POLICY_RULES_MAX 1024
#define PROA_GRANT_LIFETIME_DEFAULT_S 86400U

typedef struct proa_policy {
    const proa_policy_rule *rules; /* borrowed */
    uint32_t rule_count;
} proa_policy;

typedef struct proa_decision {
    uint8_t granted; /* subset of the requested rights; 0 = denied */
    uint32_t lifetime_s;
    proa_peer_security security;
    bool partial;        /* some bits were denied, and the rules allow that */
    bool may_be_partial; /* some bit was allowed, and every rule that allowed one says `partial`:
                            what a request of several entries goes by */
    bool revoke_on_deregister;
    int32_t rule; /* index of the rule that decided (the first deny, else the first allow), -1:
                        nothing matched */
} proa_decision;

/* True if '*'-pattern `pattern` matches all of `name`. O(pattern x name) at worst, no recursion. */
bool proa_pattern_match(proa_span pattern, proa_span name);

/* True for objects that no peer may ever be given rights on: 0, 1, 2, 21 and 11000..11002, and the
 * reserved 65535 (C2C: secrets, servers and the rights themselves). */
bool proa_policy_closed(uint16_t object);

/* Decide one entry of a request.
 *
 * policy  may be NULL or empty: everything is denied.
 * rights  PROA_RIGHT_*; 0 or a bit outside PROA_RIGHTS_ALL is denied.
 * Closed objects are denied whatever the rules say. O(rules). */
proa_decision proa_policy_decide(const proa_policy *policy, proa_span requester, proa_span host,
                                 uint16_t object, uint16_t instance, uint8_t rights);

#endif
