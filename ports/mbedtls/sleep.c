/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts into blobs and back. Owns the rule that a blob exists once and is used once: waking keeps
 * it only until the record that woke the session has proved true, and nothing is sent in between.
 * An old blob that came to life again would send record numbers a second time, which breaks AES-CCM
 * and AES-GCM; so no blob leaves this process but for keep.c, which has a rule against that.
 *
 * What wakes a session is unauthenticated until it is verified. Forged records therefore cost a
 * load of the context and nothing else: no other session has to sleep for them unless the arena is
 * full, and none ends. */
#include <string.h>

#include "ports/mbedtls/box.h"
#include "proa/assert.h"

void proa__dtls_touch(proa__dtls *box, proa_handle handle)
{
    proa__session *session = proa__dtls_session(box, handle);
    proa__live *live = session->state;
    live->used_ms = box->now_ms;
    if (session->phase == PROA__DTLS_AWAKE && !session->connected) {
        proa__dtls_list_remove(box, &box->idlest, handle);
        proa__dtls_list_add(box, &box->idlest, handle);
    }
}

static proa__blob *take_blob(proa__dtls *box, size_t len)
{
    for (uint32_t i = box->spare_count; i-- > 0;) {
        proa__blob *blob = box->spare[i];
        if (blob->len == len) {
            box->spare[i] = box->spare[--box->spare_count];
            return blob;
        }
    }
    proa__blob *blob = box->config.memory.take(box->config.memory.ctx, proa__blob_len(len));
    if (blob != NULL) {
        blob->len = (uint16_t)len;
    }
    return blob;
}

bool proa__dtls_sleep(proa__dtls *box, proa_handle handle)
{
    uint8_t context[PROA__DTLS_CONTEXT_MAX];
    proa__session *session = proa__dtls_session(box, handle);
    proa__live *live = session->state;
    size_t len = 0;
    if (mbedtls_ssl_check_pending(&live->ssl) != 0 ||
        mbedtls_ssl_context_save(&live->ssl, NULL, 0, &len) != MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL ||
        len > sizeof context) {
        return false;
    }
    proa__blob *blob = take_blob(box, len - PROA__DTLS_CONTEXT_HEAD);
    if (blob == NULL) {
        return false;
    }
    int failed = mbedtls_ssl_context_save(&live->ssl, context, len, &len);
    /* After writing the blob Mbed TLS makes the context ready for another handshake. That may find
     * the arena full; nobody wants that handshake. */
    PROA_ASSERT(failed == 0 || failed == MBEDTLS_ERR_SSL_ALLOC_FAILED ||
                failed == MBEDTLS_ERR_MD_ALLOC_FAILED);
    PROA_ASSERT(box->asleep == 0 ||
                memcmp(box->context_head, context, sizeof box->context_head) == 0);
    memcpy(box->context_head, context, sizeof box->context_head);
    blob->stem.blocks = live->stem.blocks;
    memcpy(blob->bytes, context + sizeof box->context_head, blob->len);
    proa_wipe(context, sizeof context);
    proa__dtls_list_remove(box, &box->idlest, handle);
    proa__dtls_give_live(box, live);
    session->state = blob;
    session->phase = PROA__DTLS_ASLEEP;
    proa__dtls_list_add(box, &box->oldest, handle);
    box->awake--;
    box->asleep++;
    box->stats.hibernations++;
    return true;
}

proa_span proa__dtls_context(const proa__dtls *box, const proa__blob *blob,
                             uint8_t out[PROA__DTLS_CONTEXT_MAX])
{
    memcpy(out, box->context_head, sizeof box->context_head);
    memcpy(out + sizeof box->context_head, blob->bytes, blob->len);
    return proa_span_make(out, sizeof box->context_head + blob->len);
}

/* The idlest session sleeps, or ends if there is no place for it to sleep. */
static void retire_idlest(proa__dtls *box)
{
    proa_handle handle = box->idlest.first;
    bool can_sleep = proa_dtls_hibernation != NULL && box->config.hibernated_max > 0;
    while (can_sleep && !proa_dtls_hibernation->sleep(box, handle)) {
        can_sleep = box->oldest.first != 0;
        if (can_sleep) {
            proa__dtls_end(box, box->oldest.first, PROA_SECURE_REASON_EVICTED);
        }
    }
    if (!can_sleep) {
        proa__dtls_end(box, handle, PROA_SECURE_REASON_EVICTED);
    } else if (box->asleep > box->config.hibernated_max) {
        proa__dtls_end(box, box->oldest.first, PROA_SECURE_REASON_EVICTED);
    }
}

void proa__dtls_trim(proa__dtls *box, proa_handle except)
{
    while (box->awake > box->config.live_max && box->idlest.first != 0 &&
           box->idlest.first != except) {
        retire_idlest(box);
    }
}

void proa__dtls_rest(proa__dtls *box, uint64_t before_ms)
{
    while (proa_dtls_hibernation != NULL && box->idlest.first != 0) {
        proa__live *live = proa__dtls_session(box, box->idlest.first)->state;
        if (live->used_ms > before_ms || box->asleep >= box->config.hibernated_max ||
            !proa_dtls_hibernation->sleep(box, live->handle)) {
            return;
        }
    }
}

/* The context of a session, read from what was saved. It has no list yet. NULL if that cannot be. */
static proa__live *load(proa__dtls *box, proa_handle handle, proa_span context)
{
    proa_handle self;
    proa__session *session = proa__dtls_session(box, handle);
    proa__live *live = proa_pool_take(&box->lives, &self);
    if (live == NULL) {
        return NULL;
    }
    live->box = box;
    live->session = session;
    live->handle = handle;
    live->self = self;
    live->used_ms = box->now_ms;
    if (!proa__dtls_setup(box, live) ||
        mbedtls_ssl_context_load(&live->ssl, context.data, context.len) != 0) {
        proa__dtls_give_live(box, live);
        return NULL;
    }
    return live;
}

proa_err proa__dtls_new_awake(proa__dtls *box, const uint8_t *cid, bool is_server,
                              proa_span context, proa_handle *handle)
{
    proa__session *session = proa__dtls_new_named(box, cid, handle);
    if (session == NULL) {
        *handle = 0;
        return PROA_E_FULL;
    }
    session->is_server = is_server;
    session->state = load(box, *handle, context);
    if (session->state == NULL) {
        proa__dtls_drop(box, *handle);
        *handle = 0;
        return PROA_E_FULL;
    }
    session->phase = PROA__DTLS_AWAKE;
    proa__dtls_list_add(box, &box->idlest, *handle);
    box->awake++;
    return PROA_OK;
}

static bool load_blob(proa__dtls *box, proa_handle handle, const proa__blob *blob)
{
    uint8_t context[PROA__DTLS_CONTEXT_MAX];
    proa__live *live = load(box, handle, proa__dtls_context(box, blob, context));
    proa_wipe(context, sizeof context);
    if (live == NULL) {
        return false;
    }
    live->stem = blob->stem;
    proa__dtls_session(box, handle)->state = live;
    return true;
}

proa__blob *proa__dtls_wake(proa__dtls *box, proa_handle handle)
{
    proa__blob *blob = proa__dtls_session(box, handle)->state;
    /* A full arena: another session sleeps instead. Nothing ends here, because nobody has proved
     * anything yet; one session too many is asleep until this one is awake. */
    if (!load_blob(box, handle, blob) &&
        (box->idlest.first == 0 || !proa__dtls_sleep(box, box->idlest.first) ||
         !load_blob(box, handle, blob))) {
        return NULL;
    }
    return blob;
}

void proa__dtls_wake_undo(proa__dtls *box, proa_handle handle, proa__blob *blob)
{
    proa__session *session = proa__dtls_session(box, handle);
    proa__live *live = session->state;
    blob->stem = live->stem;
    session->state = blob;
    proa__dtls_give_live(box, live);
}

void proa__dtls_wake_keep(proa__dtls *box, proa_handle handle, proa__blob *blob)
{
    proa__session *session = proa__dtls_session(box, handle);
    proa__dtls_list_remove(box, &box->oldest, handle);
    proa__dtls_give_blob(box, blob);
    session->phase = PROA__DTLS_AWAKE;
    box->asleep--;
    box->awake++;
    box->stats.woken++;
    proa__dtls_list_add(box, &box->idlest, handle);
    proa__dtls_trim(box, handle);
}

const proa_dtls_sleeping proa_dtls_blobs = {proa__dtls_sleep, proa__dtls_wake, proa__dtls_wake_keep,
                                            proa__dtls_wake_undo};
