/* SPDX-License-Identifier: Apache-2.0 */
/* Whether anybody is where a peer seems to be. A request that OSCORE protects says by its keys who sent
 * it, and by nothing where from: somebody on the path can send it on from any address, and all that a
 * peer observes would follow there. So after a move the new address gets no more than three times the
 * bytes that came from there (RFC 9175 §2.4), until something came that only one who hears us there
 * can send:
 *
 *     doubted     notifications are CON; what is beyond the limit waits, and an empty CON asks in its
 *                 place (RFC 7252 §4.3): a ping
 *     proven      an ACK, the RST to a ping, a response that could be opened; another request is not,
 *                 whoever has keys of his own can send it with any address as its source
 *
 * The ACK to the request that moved the peer, with the response in it, is counted and not held back; to
 * copies of that request it is repeated as far as they pay for it. A response of its own waits as any
 * CON, or is lost as any NON. A way that is the first one of a peer is not doubted. A session is doubted
 * when the secure box says so: it has moved, or begun without a handshake (docs/C2C.md §6). */
#include "core/coap/engine_internal.h"

#define FACTOR 3
#define CREDIT_MAX (1 << 20)

void proa__way_doubt(proa__peer *way)
{
    if (way->name.session == 0) {
        way->is_doubted = true;
        way->is_pinged = false;
        way->credit = 0;
    }
}

void proa_coap_peer_doubt(proa_coap *c, uint64_t now_ms, const proa_coap_peer *name, size_t len)
{
    c->now_ms = now_ms;
    proa__peer *peer = proa__peer_take(c, name);
    if (peer != NULL && !peer->is_doubted) {
        peer->is_doubted = true;
        peer->is_pinged = false;
        peer->credit = 0;
    }
    if (peer != NULL) {
        proa__way_heard(peer, len);
    }
}

bool proa_coap_peer_is_doubted(proa_coap *c, const proa_coap_peer *name)
{
    const proa__peer *peer = proa__peer_find(c, name);
    return peer != NULL && peer->is_doubted;
}

void proa__way_heard(proa__peer *way, size_t len)
{
    if (way->is_doubted && way->credit < CREDIT_MAX) {
        way->credit += FACTOR * (int32_t)len;
    }
}

bool proa__way_affords(const proa__peer *way, size_t len)
{
    return !way->is_doubted || way->credit >= (int32_t)len;
}

void proa__way_spend(proa__peer *way, size_t len)
{
    if (way->is_doubted && way->credit > -CREDIT_MAX) {
        way->credit -= (int32_t)len;
    }
}

uint16_t proa__way_ping(proa__peer *way)
{
    if (!way->is_pinged) {
        way->is_pinged = true;
        way->ping_mid = way->next_mid++;
    }
    return way->ping_mid;
}

void proa__way_prove(proa_coap *c, proa__peer *way)
{
    if (way->is_doubted) {
        way->is_doubted = false;
        if (way->is_pinged) {
            proa__messages_resume(c, way);
        }
    }
}

bool proa__way_answers(proa_coap *c, proa__peer *way, uint16_t mid)
{
    bool answers = way->is_doubted && way->is_pinged && way->ping_mid == mid;
    if (answers) {
        proa__way_prove(c, way);
    }
    return answers;
}
