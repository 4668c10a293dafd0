/* SPDX-License-Identifier: Apache-2.0 */
/* What a revived session is worth. The box went on with it after a restart that lost the receive
 * window and CoAP's deduplication, so whatever the device said before could be said again by
 * somebody else: a Register, a goodbye, an /ac (RFC 6347 §4.1.2.6, RFC 9175 §2.1).
 *
 * Of such a session only answers are taken, because an answer is found by a Token that was drawn
 * since, and nobody had it before. The first of them proves the session. A device that speaks first
 * is asked something small; its request is not answered and comes again within some seconds (RFC
 * 7252 §4.2), when its answer has come already. It is an Echo round with the Token as Echo, so that
 * a device needs to know nothing of RFC 9175. */
#include "core/server/links.h"
#include "core/server/server_internal.h"

/* Beside the users of operations, which are below 2^32. */
#define ASKED_BY_US ((uint64_t)1 << 63)

static bool is_answer(proa_span message)
{
    return message.len >= 4 && PROA_COAP_CLASS(message.data[1]) >= 2;
}

/* Discover of the Device object: every LwM2M client has it, and no right is needed (Core 1.2 §6.3.2). */
static void ask(proa_server *s, uint64_t now_ms, proa__device *d, const proa_coap_peer *peer)
{
    proa_coap_peer to = *peer;
    to.account = proa__device_peer(d).account;
    proa_coap_id id;
    proa__links links = {0};
    if (d->has_root) {
        (void)!proa__links_read(proa__device_links(d), &links);
    }
    proa__question question = {.op = PROA_OP_DISCOVER,
                               .path = proa_path_make(1, 3, 0, 0),
                               .format = PROA_FORMAT_NONE,
                               .root = links.root,
                               .user = ASKED_BY_US | d->reg};
    d->asked_to_prove = proa__downlink_send(s->coap, now_ms, &to, &question, &id) == PROA_OK;
}

bool proa__revived_take(proa_server *s, uint64_t now_ms, proa__device *d,
                        const proa_coap_peer *peer, proa_span message)
{
    if (is_answer(message)) {
        return true;
    }
    if (d != NULL && !d->asked_to_prove) {
        ask(s, now_ms, d, peer);
    }
    return false;
}

bool proa__revived_coap_event(proa_server *s, uint64_t now_ms, const proa_coap_event *event)
{
    bool is_proof = s->current_is_doubtful && event->kind != PROA_COAP_EVENT_FAILED &&
                    event->peer.session == s->current_session;
    if (is_proof) {
        s->config.secure->class_->prove(s->config.secure, s->current_session);
        s->current_is_doubtful = false;
    }
    if ((event->user & ASKED_BY_US) == 0) {
        return false;
    }
    proa__device *d = proa__registry_get(&s->registry, (proa_reg)event->user);
    if (d != NULL) {
        d->asked_to_prove = false;
        if (event->kind != PROA_COAP_EVENT_FAILED) {
            proa__server_heard(s, now_ms, d, &event->peer);
        }
    }
    return true;
}
