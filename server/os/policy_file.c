/* SPDX-License-Identifier: Apache-2.0 */
/* From a policy file to a table of rules. Only form is judged here; deciding is policy.c's. */
#include "server/os/policy_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/linux/json_file.h"

/* Words for rights in rules. observe and discover are parts of Read (docs/C2C.md), named so that a
 * rule reads as what people mean. */
static const struct {
    const char *word;
    uint8_t rights;
} words[] = {
    {"read", PROA_RIGHT_READ},     {"observe", PROA_RIGHT_READ},    {"discover", PROA_RIGHT_READ},
    {"write", PROA_RIGHT_WRITE},   {"execute", PROA_RIGHT_EXECUTE}, {"create", PROA_RIGHT_CREATE},
    {"delete", PROA_RIGHT_DELETE}, {"all", PROA_RIGHTS_ALL},
};

static uint8_t read_rights(const proa_json_at *list)
{
    uint8_t rights = 0;
    size_t count = proa_json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        proa_json_at item = proa_json_item(list, i);
        const char *word = proa_json_string(&item, NULL);
        uint8_t found = 0;
        for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
            if (strcmp(word, words[w].word) == 0) {
                found = words[w].rights;
            }
        }
        if (found == 0) {
            proa_json_fail(&item,
                           "unknown operation \"%s\"; known: read observe discover write "
                           "execute create delete all",
                           word);
        }
        rights |= found;
    }
    if (count == 0) {
        proa_json_fail(list, "must name at least one operation");
    }
    return rights;
}

static void read_name(const proa_json_at *at, const char *fallback, char *out, size_t cap)
{
    const char *text = proa_json_string(at, fallback);
    if (strlen(text) >= cap) {
        proa_json_fail(at, "must have at most %zu characters", cap - 1);
        return;
    }
    memcpy(out, text, strlen(text) + 1);
}

/* "*", "/3311", "/3311/0": what a rule speaks about. */
static void read_path(const proa_json_at *at, proa_policy_rule *rule)
{
    const char *text = proa_json_string(at, "*");
    proa_path path;
    rule->object = PROA_POLICY_OBJECT_ANY;
    rule->instance = PROA_ID_ALL;
    if (strcmp(text, "*") == 0) {
        return;
    }
    if (proa_path_parse(proa_span_of(text), &path) != PROA_OK || path.depth < 1 || path.depth > 2) {
        proa_json_fail(at, "must be \"*\", \"/object\" or \"/object/instance\"");
        return;
    }
    rule->object = path.ids[0];
    if (path.depth == 2) {
        rule->instance = path.ids[1];
    }
}

static proa_peer_security read_security(const proa_json_at *at)
{
    const char *word = proa_json_string(at, "auto");
    for (int s = PROA_PEER_SECURITY_AUTO; s <= PROA_PEER_SECURITY_OSCORE; s++) {
        if (strcmp(word, proa_peer_security_name((proa_peer_security)s)) == 0) {
            return (proa_peer_security)s;
        }
    }
    proa_json_fail(at, "must be \"auto\", \"dtls\" or \"oscore\"");
    return PROA_PEER_SECURITY_AUTO;
}

static void read_rule(const proa_json_at *at, size_t index, proa_policy_rule *rule)
{
    char fallback[24];
    proa_json_only(at, "name allow deny requester host path lifetime security partial "
                       "revoke_on_deregister");
    snprintf(fallback, sizeof fallback, "rule %zu", index + 1);
    proa_json_at name = proa_json_member(at, "name");
    proa_json_at allow = proa_json_member(at, "allow");
    proa_json_at deny = proa_json_member(at, "deny");
    proa_json_at requester = proa_json_member(at, "requester");
    proa_json_at host = proa_json_member(at, "host");
    proa_json_at path = proa_json_member(at, "path");
    proa_json_at lifetime = proa_json_member(at, "lifetime");
    proa_json_at security = proa_json_member(at, "security");
    proa_json_at partial = proa_json_member(at, "partial");
    proa_json_at revoke = proa_json_member(at, "revoke_on_deregister");
    if (proa_json_there(&allow) == proa_json_there(&deny)) {
        proa_json_fail(at, "a rule has either \"allow\" or \"deny\", a list of operations");
        return;
    }
    rule->effect = proa_json_there(&allow) ? PROA_EFFECT_ALLOW : PROA_EFFECT_DENY;
    rule->rights = read_rights(proa_json_there(&allow) ? &allow : &deny);
    read_name(&name, fallback, rule->name, sizeof rule->name);
    read_name(&requester, "*", rule->requester, sizeof rule->requester);
    read_name(&host, "*", rule->host, sizeof rule->host);
    read_path(&path, rule);
    /* A minute at least, so that a renewal at half time is not a storm; ten years at most. */
    rule->lifetime_s =
        (uint32_t)proa_json_number(&lifetime, 60, 315360000, PROA_GRANT_LIFETIME_DEFAULT_S);
    rule->security = read_security(&security);
    rule->partial = proa_json_bool(&partial, false);
    rule->revoke_on_deregister = proa_json_bool(&revoke, false);
    if (rule->effect == PROA_EFFECT_DENY &&
        (proa_json_there(&lifetime) || proa_json_there(&security) || proa_json_there(&partial) ||
         proa_json_there(&revoke))) {
        proa_json_fail(at, "lifetime, security, partial and revoke_on_deregister belong to "
                           "\"allow\"");
    }
}

static bool finish(proa_policy *out, proa_json_doc *doc, char *message, size_t cap)
{
    proa_json_at root = proa_json_root(doc);
    proa_policy_rule *rules = NULL;
    size_t count = 0;
    if (!doc->failed) {
        proa_json_only(&root, "rules");
        proa_json_at list = proa_json_member(&root, "rules");
        count = proa_json_array_size(&list);
        if (count > PROA_POLICY_RULES_MAX) {
            proa_json_fail(&list, "at most %d rules", PROA_POLICY_RULES_MAX);
        }
        rules = calloc(count + 1, sizeof *rules);
        if (rules == NULL) {
            proa_json_fail(&list, "no memory");
        }
        for (size_t i = 0; i < count && rules != NULL && !doc->failed; i++) {
            proa_json_at item = proa_json_item(&list, i);
            read_rule(&item, i, &rules[i]);
        }
    }
    bool ok = !doc->failed;
    snprintf(message, cap, "%s", ok ? "" : doc->message);
    proa_json_free(doc);
    if (ok) {
        out->rules = rules;
        out->rule_count = (uint32_t)count;
    } else {
        free(rules);
    }
    return ok;
}

bool proa_policy_file_load(proa_policy *out, const char *path, char *message, size_t message_cap)
{
    proa_json_doc doc;
    memset(out, 0, sizeof *out);
    (void)proa_json_load(&doc, path, false);
    return finish(out, &doc, message, message_cap);
}

bool proa_policy_file_parse(proa_policy *out, const char *name, const char *text, size_t len,
                            char *message, size_t message_cap)
{
    proa_json_doc doc;
    memset(out, 0, sizeof *out);
    (void)proa_json_parse(&doc, name, text, len);
    return finish(out, &doc, message, message_cap);
}

void proa_policy_file_free(proa_policy *policy)
{
    free((void *)(uintptr_t)policy->rules);
    policy->rules = NULL;
    policy->rule_count = 0;
}
