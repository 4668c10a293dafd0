/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for client-to-client, so that the same lamp can be linked without it: no file of core/c2c
 * is in that image. Questions are refused, and there are no peers. */
#include "firmware/device.h"
#include "ports/mbedtls/box.h"

struct proa_c2c_contexts {
    char none;
};

const proa_c2c_contexts proa_c2c_oscore = {0};

struct proa_c2c_compact {
    char none;
};

const proa_c2c_compact proa_c2c_compact_accounts = {0};

static proa_handle await(proa__dtls *box, const uint8_t *cid)
{
    (void)box;
    (void)cid;
    return 0;
}

static bool is_awaited(const proa__dtls *box, const uint8_t *cid)
{
    (void)box;
    (void)cid;
    return false;
}

/* Nor does anybody begin a first session. */
const struct proa_secure_firsts proa_dtls_firsts = {.await = await, .is_awaited = is_awaited};

proa_c2c_limits proa_c2c_limits_device(void)
{
    return (proa_c2c_limits){0};
}

proa_err proa_c2c_open(proa_c2c **out, proa_client *client, const proa_c2c_limits *limits)
{
    (void)client;
    (void)limits;
    *out = NULL;
    return PROA_OK;
}

proa_err proa_c2c_send(proa_c2c *c2c, uint64_t now_ms, const proa_c2c_ask *ask, proa_c2c_id *id)
{
    (void)c2c;
    (void)now_ms;
    (void)ask;
    (void)id;
    return PROA_E_UNSUPPORTED;
}

void proa_c2c_cancel(proa_c2c *c2c, uint64_t now_ms, proa_c2c_id id)
{
    (void)c2c;
    (void)now_ms;
    (void)id;
}

bool proa_c2c_poll(proa_c2c *c2c, uint64_t now_ms, proa_c2c_event *event)
{
    (void)c2c;
    (void)now_ms;
    (void)event;
    return false;
}

bool proa_c2c_peer_at(const proa_c2c *c2c, uint64_t now_ms, size_t index, proa_c2c_peer *out)
{
    (void)c2c;
    (void)now_ms;
    (void)index;
    (void)out;
    return false;
}

const char *proa_outcome_name(proa_outcome outcome)
{
    (void)outcome;
    return "";
}
