/* SPDX-License-Identifier: Apache-2.0 */
/* Who sent a request, and whether it is protected as it must be.
 *
 * Each account demands one protection, and nothing less or else counts as its message: a device that
 * is to use OSCORE is not known by a bare DTLS session with the same name, and OSCORE in DTLS needs
 * two keys that agree. So an attacker who has one of two keys has nothing.
 *
 * Which session a request came over is known from the box, not from the peer that CoAP names: with
 * OSCORE that is the way of the account's newest request, and an older one may arrive late over
 * another session, even over one of somebody else who has caught it. */
#include "core/server/server_internal.h"

const char *proa_protection_name(proa_protection protection)
{
    switch (protection) {
    case PROA_PROTECTION_DTLS:
        return "dtls";
    case PROA_PROTECTION_OSCORE:
        return "oscore";
    case PROA_PROTECTION_OSCORE_IN_DTLS:
        return "oscore in dtls";
    case PROA_PROTECTION_NONE:
        break;
    }
    return "none";
}

uint64_t proa__server_account(const proa_server *s, const proa_coap_peer *peer)
{
    if (peer->account != 0) {
        return peer->account;
    }
    if (peer->session != 0 && peer->session == s->current_session) {
        return s->current_account;
    }
    const proa__device *d = proa__registry_by_session(&s->registry, peer->session);
    return d == NULL ? 0 : d->account;
}

proa_protection proa__server_demands(const proa_server *s, uint64_t account)
{
    if (account == 0) {
        return PROA_PROTECTION_NONE;
    }
    return s->config.protection_of == NULL ? PROA_PROTECTION_DTLS
                                           : s->config.protection_of(s->config.ctx, account);
}

/* What OSCORE protects for this account may come, and go, by a session or without one. */
static bool carries(const proa_server *s, uint64_t account, uint32_t session)
{
    proa_protection got = session != 0 ? PROA_PROTECTION_OSCORE_IN_DTLS : PROA_PROTECTION_OSCORE;
    return proa__server_demands(s, account) == got &&
           (session == 0 || (session == s->current_session && s->current_account == account));
}

bool proa__server_may_carry(void *server, uint64_t account, const proa_coap_peer *way)
{
    return carries(server, account, way->session);
}

uint8_t proa__server_judge(const proa_server *s, const proa_coap_peer *peer)
{
    if (proa__peer_is_nobody(peer)) {
        return s->config.allow_nosec ? 0 : PROA_COAP_FORBIDDEN;
    }
    bool good = peer->account != 0 ? carries(s, peer->account, peer->session)
                                   : proa__server_demands(s, proa__server_account(s, peer)) ==
                                         PROA_PROTECTION_DTLS;
    return good && peer->session == s->current_session ? 0 : PROA_COAP_UNAUTHORIZED;
}

void proa__server_answer_sealed(proa_server *s, uint64_t now_ms, proa_coap_id exchange)
{
    const proa_coap_option option = {PROA_COAP_OPT_MAX_AGE, proa_span_make(NULL, 0)}; /* 0 s */
    proa_coap_response response = {.code = PROA_COAP_UNAUTHORIZED,
                                   .options = &option,
                                   .option_count = 1,
                                   .payload = proa_span_of("Security context not found")};
    proa__server_answer(s, now_ms, exchange, &response);
}
