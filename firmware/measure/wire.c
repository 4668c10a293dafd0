/* SPDX-License-Identifier: Apache-2.0 */
/* Instead of lwIP: two queues. To the device all that comes is from its server. */
#include "firmware/measure/wire.h"

#include <string.h>

#include "firmware/config.h"
#include "ports/mcu/lwip/net.h"
#include "proa/assert.h"
#include "proa/limits.h"

#define QUEUE_MAX 8U

typedef struct queue {
    uint8_t bytes[QUEUE_MAX][PROA_DATAGRAM_MAX];
    size_t len[QUEUE_MAX];
    unsigned in, out;
} queue;

static queue from_device, to_device;
static proa_addr server;
static unsigned moved;

static void put(queue *q, proa_span datagram)
{
    PROA_ASSERT(q->in - q->out < QUEUE_MAX && datagram.len <= PROA_DATAGRAM_MAX);
    memcpy(q->bytes[q->in % QUEUE_MAX], datagram.data, datagram.len);
    q->len[q->in++ % QUEUE_MAX] = datagram.len;
}

static bool get(queue *q, proa_span *datagram)
{
    if (q->in == q->out) {
        return false;
    }
    *datagram = proa_span_make(q->bytes[q->out % QUEUE_MAX], q->len[q->out % QUEUE_MAX]);
    q->out++;
    return true;
}

/* ---- the device's side ------------------------------------------------------------------- */

proa_err proa_lwip_open(const proa_lwip_config *config)
{
    proa_uri uri;
    (void)config;
    PROA_ASSERT(proa_uri_parse(proa_span_of(firmware_configuration.server), &uri) == PROA_OK &&
                proa_uri_addr(&uri, &server) == PROA_OK);
    return PROA_OK;
}

bool proa_lwip_receive(proa_addr *from, proa_span *datagram, bool *multicast)
{
    *from = server;
    *multicast = false;
    bool any = get(&to_device, datagram);
    moved += any;
    return any;
}

void proa_lwip_send(const proa_addr *to, proa_span datagram)
{
    PROA_ASSERT(proa_addr_equal(to, &server));
    put(&from_device, datagram);
    moved++;
}

/* ---- the other side ---------------------------------------------------------------------- */

bool wire_take(proa_span *datagram)
{
    return get(&from_device, datagram);
}

void wire_give(proa_span datagram)
{
    put(&to_device, datagram);
}

unsigned wire_moved(void)
{
    return moved;
}

size_t wire_last_len(void)
{
    return from_device.len[(from_device.in - 1) % QUEUE_MAX];
}
