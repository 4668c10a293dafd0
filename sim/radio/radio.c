/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a packet from the stack of one node to that of another.
 *
 *     enters a node -> its processor -> radio, line, or the engine here
 *     radio: queue -> fragments, one after the other (mac.h) -> reassembly -> enters the next node
 *     line: waits until it is free -> serial -> wire -> machine; from the machine the other way
 *
 * A packet counts among those that wait for an outlet from when it enters the node until the outlet serves it; one
 * more than queue_max is dropped. Packets and reassemblies have a moment each in one heap; the frames' moments are
 * mac.c's, which go first where both are due. */
#include "sim/radio/radio.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/heap.h"
#include "proa/assert.h"
#include "sim/radio/fragment.h"
#include "sim/radio/mac.h"

typedef enum stage {
    ON_PROCESSOR,
    IN_QUEUE, /* for the radio, or sent by it */
    BEFORE_LINE,
    ON_LINE,
    ON_WIRE,
    ARRIVED,
    ASSEMBLING /* not a packet yet: its moment is when it is given up */
} stage;

/* First member of whatever waits for a time. */
typedef struct moment {
    proa_timer timer;
    stage stage;
} moment;

typedef struct parcel {
    moment moment;
    struct parcel *next; /* in a queue */
    unsigned at,
        to; /* nodes or SIM_TOPOLOGY_WIRED; under way to the machine: at the border router */
    size_t len;
    uint8_t bytes[];
} parcel;

typedef struct reassembly {
    moment moment;
    uint64_t begun_us;
    unsigned node;
    sim_assembly assembly;
} reassembly;

typedef enum outlet { TO_RADIO, TO_LINE, TO_ENGINE, OUTLETS } outlet;

typedef struct station {
    uint64_t busy_us;          /* until then its processor has work */
    unsigned waiting[OUTLETS]; /* packets */
    parcel *first, *last;      /* for the radio */
    parcel *sending;           /* by fragments */
    sim_cutter cutter;
    uint16_t tag;             /* of the next packet in fragments */
    reassembly *reassemblies; /* params.reassemblies_max */
} station;

struct sim_radio {
    const sim_topology *topology;
    sim_radio_params params;
    sim_mac mac;
    proa_heap heap; /* its times are microseconds */
    uint64_t now_us;
    /* The machine is the last one; of it only what waits for the line is used. */
    station stations[SIM_TOPOLOGY_NODES_MAX + 1];
    uint64_t line_free_us[2]; /* until then the line is used: to the machine, from it */
    parcel *arrived, *taken;
    void (*observer)(void *ctx, const sim_radio_sight *sight);
    void *observer_ctx;
};

sim_radio_params sim_radio_params_default(void)
{
    return (sim_radio_params){
        .bit_rate = 250000,
        .min_be = 3,
        .max_be = 5,
        .backoffs_max = 4,
        .retries_max = 3,
        .queue_max = 8,
        .reassemblies_max = 4,
        .reassembly_ms = 3000,
        .serial_baud = 500000,
        .has_context = true,
    };
}

/* ---- addresses -------------------------------------------------------------------------- */

static const uint8_t mesh_prefix[8] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1};
static const uint8_t machine_address[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 6};

/* From the range for documentation (RFC 9542 §2.2.3). */
static void eui64_of(unsigned node, uint8_t out[8])
{
    static const uint8_t first[8] = {0x00, 0x00, 0x5e, 0xef, 0x10};
    memcpy(out, first, sizeof first);
    out[7] = (uint8_t)node;
}

void sim_radio_address(unsigned node, uint8_t out[16])
{
    if (node == SIM_TOPOLOGY_WIRED) {
        memcpy(out, machine_address, sizeof machine_address);
        return;
    }
    uint8_t eui64[8];
    eui64_of(node, eui64);
    memcpy(out, mesh_prefix, sizeof mesh_prefix);
    sim_iphc_iid(eui64, out + 8);
}

/* Whose address this is; false if nobody's. */
static bool find_address(const sim_radio *radio, const uint8_t *address, unsigned *node)
{
    uint8_t expected[16];
    *node = address[15] < radio->topology->node_count ? address[15] : SIM_TOPOLOGY_WIRED;
    for (unsigned tries = 0; tries < 2; tries++) {
        sim_radio_address(*node, expected);
        if (memcmp(address, expected, sizeof expected) == 0) {
            return true;
        }
        *node = SIM_TOPOLOGY_WIRED;
    }
    return false;
}

static sim_iphc_link link_of(const sim_radio *radio, unsigned from, unsigned to)
{
    sim_iphc_link link = {.prefix = radio->params.has_context ? mesh_prefix : NULL};
    eui64_of(from, link.from);
    eui64_of(to, link.to);
    return link;
}

/* ---- parcels ---------------------------------------------------------------------------- */

static void *take_memory(size_t len)
{
    void *block = calloc(1, len);
    if (block == NULL) {
        abort(); /* the simulation's own machine is out of memory: no result is better than a wrong */
    }
    return block;
}

/* NULL for a packet that is none, or for nobody here. */
static parcel *make_parcel(sim_radio *radio, unsigned at, proa_span bytes)
{
    unsigned to;
    if (bytes.len < SIM_IPHC_IPV6_LEN || bytes.len > SIM_IPV6_PACKET_MAX ||
        !find_address(radio, bytes.data + 24, &to)) {
        return NULL;
    }
    parcel *p = take_memory(sizeof *p + bytes.len);
    p->at = at;
    p->to = to;
    p->len = bytes.len;
    memcpy(p->bytes, bytes.data, bytes.len);
    return p;
}

static void set_moment(sim_radio *radio, moment *m, stage to, uint64_t at_us)
{
    m->stage = to;
    proa_heap_set(&radio->heap, &m->timer, at_us);
}

static void tell(const sim_radio *radio, sim_radio_medium medium, unsigned from, unsigned to,
                 uint32_t bytes, uint32_t took_us, uint8_t attempt)
{
    if (radio->observer != NULL) {
        sim_radio_sight sight = {radio->now_us, medium, from, to, bytes, took_us, attempt};
        radio->observer(radio->observer_ctx, &sight);
    }
}

/* ---- a node's processor ----------------------------------------------------------------- */

static outlet outlet_of(const sim_radio *radio, const parcel *p)
{
    if (p->at == p->to) {
        return TO_ENGINE;
    }
    return p->at == SIM_TOPOLOGY_WIRED || radio->topology->next[p->at][p->to] == SIM_TOPOLOGY_WIRED
               ? TO_LINE
               : TO_RADIO;
}

/* RFC 8200 §3. */
static bool may_hop(parcel *p)
{
    if (p->bytes[7] <= 1) {
        return false;
    }
    p->bytes[7]--;
    return true;
}

/* A packet enters a node and costs it cpu_us; or is dropped. */
static void enter(sim_radio *radio, parcel *p, uint32_t cpu_us)
{
    station *here = &radio->stations[p->at];
    unsigned *waiting = &here->waiting[outlet_of(radio, p)];
    if (*waiting >= radio->params.queue_max) {
        /* The machine has no counters; its end of the line is the border router's. */
        radio->mac.counts[p->at == SIM_TOPOLOGY_WIRED ? radio->topology->border_router : p->at]
            .queue_drops++;
        free(p);
        return;
    }
    ++*waiting;
    here->busy_us = (here->busy_us > radio->now_us ? here->busy_us : radio->now_us) + cpu_us;
    set_moment(radio, &p->moment, ON_PROCESSOR, here->busy_us);
}

/* A packet has come over radio or line. */
static void arrive(sim_radio *radio, parcel *p)
{
    if (p->at == p->to) {
        enter(radio, p, radio->params.cpu_receive_us);
    } else if (radio->topology->next[p->at][p->to] == p->at) {
        radio->mac.counts[p->at].no_route_drops++;
        free(p);
    } else if (!may_hop(p)) {
        radio->mac.counts[p->at].hop_limit_drops++;
        free(p);
    } else {
        enter(radio, p, radio->params.cpu_forward_us);
    }
}

/* ---- radio ------------------------------------------------------------------------------ */

static void end_sending(sim_radio *radio, unsigned n);

/* The next frame of the packet that is being sent; or of the next packet. */
static void send_frame(sim_radio *radio, unsigned n)
{
    station *here = &radio->stations[n];
    uint8_t frame[SIM_MAC_PAYLOAD_MAX];
    size_t len = sim_cutter_next(&here->cutter, frame, sizeof frame);
    if (len == 0) {
        end_sending(radio, n);
        return;
    }
    sim_mac_send(&radio->mac, radio->now_us, n, radio->topology->next[n][here->sending->to],
                 proa_span_make(frame, len));
}

static void begin_sending(sim_radio *radio, unsigned n)
{
    station *here = &radio->stations[n];
    while (here->sending == NULL && here->first != NULL) {
        parcel *p = here->first;
        sim_iphc_link link = link_of(radio, n, radio->topology->next[n][p->to]);
        here->first = p->next;
        here->waiting[TO_RADIO]--;
        if (sim_cutter_open(&here->cutter, proa_span_make(p->bytes, p->len), &link, here->tag)) {
            here->tag++;
            here->sending = p;
            send_frame(radio, n);
        } else {
            free(p);
        }
    }
}

/* All of it was sent, or a part of it given up, which makes the rest worthless. */
static void end_sending(sim_radio *radio, unsigned n)
{
    free(radio->stations[n].sending);
    radio->stations[n].sending = NULL;
    begin_sending(radio, n);
}

static void queue_for_radio(sim_radio *radio, parcel *p)
{
    station *here = &radio->stations[p->at];
    p->moment.stage = IN_QUEUE;
    p->next = NULL;
    if (here->first == NULL) {
        here->first = p;
    } else {
        here->last->next = p;
    }
    here->last = p;
    begin_sending(radio, p->at);
}

/* ---- reassembly ------------------------------------------------------------------------- */

static void drop_reassembly(sim_radio *radio, reassembly *r)
{
    radio->mac.counts[r->node].reassembly_drops++;
    r->assembly.size = 0;
    proa_heap_clear(&radio->heap, &r->moment.timer);
}

/* The one that the fragment belongs to; else a free one; else the oldest, which most likely waits for what will not
 * come. */
static reassembly *find_reassembly(sim_radio *radio, unsigned n, const sim_fragment *fragment,
                                   const sim_iphc_link *link)
{
    reassembly *all = radio->stations[n].reassemblies;
    reassembly *place = &all[0];
    for (unsigned i = 0; i < radio->params.reassemblies_max; i++) {
        if (sim_assembly_matches(&all[i].assembly, fragment, link)) {
            return &all[i];
        }
        bool is_free = all[i].assembly.size == 0;
        if (place->assembly.size != 0 && (is_free || all[i].begun_us < place->begun_us)) {
            place = &all[i];
        }
    }
    if (place->assembly.size != 0) {
        drop_reassembly(radio, place);
    }
    place->begun_us = radio->now_us;
    sim_assembly_begin(&place->assembly, fragment, link);
    set_moment(radio, &place->moment, ASSEMBLING,
               radio->now_us + (uint64_t)radio->params.reassembly_ms * 1000);
    return place;
}

static parcel *reassemble(sim_radio *radio, unsigned n, const sim_fragment *fragment,
                          const sim_iphc_link *link)
{
    reassembly *r = find_reassembly(radio, n, fragment, link);
    sim_assembly_result result = sim_assembly_put(&r->assembly, fragment, link);
    parcel *p = NULL;
    if (result == SIM_ASSEMBLY_WHOLE) {
        p = make_parcel(radio, n, proa_span_make(r->assembly.bytes, r->assembly.size));
        r->assembly.size = 0;
        proa_heap_clear(&radio->heap, &r->moment.timer);
    } else if (result == SIM_ASSEMBLY_BROKEN) {
        drop_reassembly(radio, r);
    }
    return p;
}

static void receive_frame(sim_radio *radio, const sim_mac_event *event)
{
    sim_iphc_link link = link_of(radio, event->from, event->to);
    sim_fragment fragment;
    uint8_t whole[SIM_IPV6_PACKET_MAX];
    parcel *p = NULL;
    if (!sim_fragment_read(event->payload, &fragment)) {
        return;
    }
    if (fragment.is_whole) {
        size_t len = sim_fragment_restore(&fragment, &link, whole);
        p = make_parcel(radio, event->to, proa_span_make(whole, len));
    } else {
        p = reassemble(radio, event->to, &fragment, &link);
    }
    if (p != NULL) {
        arrive(radio, p);
    }
}

static void run_mac(sim_radio *radio)
{
    sim_mac_event event = sim_mac_run(&radio->mac, radio->now_us);
    switch (event.what) {
    case SIM_MAC_BEGAN:
        tell(radio, SIM_RADIO_AIR, event.from, event.to, event.bytes, event.took_us, event.attempt);
        break;
    case SIM_MAC_RECEIVED:
        receive_frame(radio, &event);
        break;
    case SIM_MAC_SENT:
        send_frame(radio, event.from);
        break;
    case SIM_MAC_GIVEN_UP:
        end_sending(radio, event.from);
        break;
    case SIM_MAC_NOTHING:
        break;
    }
}

/* ---- serial line and wire --------------------------------------------------------------- */

/* An Ethernet header and the packet between two delimiters, a delimiter or escape within takes two bytes: what RIOT
 * calls ethos (like SLIP, RFC 1055, with 0x7e and 0x7d). */
static uint32_t line_bytes(const parcel *p)
{
    uint32_t bytes = 2 + 14 + (uint32_t)p->len;
    for (size_t i = 0; i < p->len; i++) {
        bytes += p->bytes[i] == 0x7e || p->bytes[i] == 0x7d;
    }
    return bytes;
}

/* Start bit, eight, stop bit. */
static uint32_t line_us(const sim_radio *radio, const parcel *p)
{
    uint64_t bits = (uint64_t)line_bytes(p) * 10;
    return (uint32_t)((bits * 1000000 + radio->params.serial_baud - 1) / radio->params.serial_baud);
}

static void wait_for_line(sim_radio *radio, parcel *p)
{
    uint64_t *free_us = &radio->line_free_us[p->at == SIM_TOPOLOGY_WIRED];
    uint64_t begin_us = *free_us > radio->now_us ? *free_us : radio->now_us;
    *free_us = begin_us + line_us(radio, p);
    set_moment(radio, &p->moment, BEFORE_LINE, begin_us);
}

static void begin_line(sim_radio *radio, parcel *p)
{
    unsigned other =
        p->at == SIM_TOPOLOGY_WIRED ? radio->topology->border_router : SIM_TOPOLOGY_WIRED;
    uint32_t took_us = line_us(radio, p);
    radio->stations[p->at].waiting[TO_LINE]--;
    tell(radio, SIM_RADIO_SERIAL, p->at, other, line_bytes(p), took_us, 0);
    set_moment(radio, &p->moment, ON_LINE, radio->now_us + took_us);
}

static void begin_wire(sim_radio *radio, parcel *p)
{
    unsigned other =
        p->at == SIM_TOPOLOGY_WIRED ? radio->topology->border_router : SIM_TOPOLOGY_WIRED;
    tell(radio, SIM_RADIO_WIRE, p->at, other, (uint32_t)p->len, radio->params.wired_delay_us, 0);
    set_moment(radio, &p->moment, ON_WIRE, radio->now_us + radio->params.wired_delay_us);
}

static void end_line(sim_radio *radio, parcel *p)
{
    if (p->at == SIM_TOPOLOGY_WIRED) {
        p->at = radio->topology->border_router;
        arrive(radio, p);
    } else {
        begin_wire(radio, p);
    }
}

static void deliver(sim_radio *radio, parcel *p)
{
    p->moment.stage = ARRIVED;
    radio->arrived = p;
}

/* Away from the machine its wire is first, the line behind it; to the machine it is the end. */
static void end_wire(sim_radio *radio, parcel *p)
{
    if (p->at == SIM_TOPOLOGY_WIRED) {
        enter(radio, p, 0);
    } else {
        p->at = SIM_TOPOLOGY_WIRED;
        deliver(radio, p);
    }
}

/* ---- the clock -------------------------------------------------------------------------- */

static void leave_processor(sim_radio *radio, parcel *p)
{
    switch (outlet_of(radio, p)) {
    case TO_RADIO:
        queue_for_radio(radio, p);
        break;
    case TO_LINE:
        wait_for_line(radio, p);
        break;
    default:
        radio->stations[p->at].waiting[TO_ENGINE]--;
        deliver(radio, p);
        break;
    }
}

static void run_moment(sim_radio *radio)
{
    moment *due = (moment *)(void *)proa_heap_take_due(&radio->heap, radio->now_us);
    parcel *p = (parcel *)(void *)due;
    switch (due->stage) {
    case ON_PROCESSOR:
        leave_processor(radio, p);
        break;
    case BEFORE_LINE:
        begin_line(radio, p);
        break;
    case ON_LINE:
        end_line(radio, p);
        break;
    case ON_WIRE:
        end_wire(radio, p);
        break;
    case ASSEMBLING:
        drop_reassembly(radio, (reassembly *)(void *)due);
        break;
    case IN_QUEUE:
    case ARRIVED:
        break; /* they have no moment */
    }
}

uint64_t sim_radio_next_us(const sim_radio *radio)
{
    uint64_t mac_us = sim_mac_next_us(&radio->mac);
    uint64_t own_us = proa_heap_next_ms(&radio->heap);
    return mac_us < own_us ? mac_us : own_us;
}

bool sim_radio_take(sim_radio *radio, uint64_t now_us, unsigned *node, proa_span *packet)
{
    free(radio->taken);
    radio->taken = NULL;
    while (radio->arrived == NULL && sim_radio_next_us(radio) <= now_us) {
        radio->now_us = sim_radio_next_us(radio);
        if (radio->now_us == sim_mac_next_us(&radio->mac)) {
            run_mac(radio);
        } else {
            run_moment(radio);
        }
    }
    radio->taken = radio->arrived;
    radio->arrived = NULL;
    if (radio->taken == NULL) {
        return false;
    }
    *node = radio->taken->at;
    *packet = proa_span_make(radio->taken->bytes, radio->taken->len);
    return true;
}

/* ---- the doors -------------------------------------------------------------------------- */

void sim_radio_send(sim_radio *radio, uint64_t now_us, unsigned node, proa_span packet)
{
    parcel *p = make_parcel(radio, node, packet);
    if (p == NULL) {
        return;
    }
    radio->now_us = now_us > radio->now_us ? now_us : radio->now_us;
    if (p->to == node) {
        free(p);
    } else if (node == SIM_TOPOLOGY_WIRED) {
        begin_wire(radio, p);
    } else if (radio->topology->next[node][p->to] == node) {
        radio->mac.counts[node].no_route_drops++;
        free(p);
    } else {
        enter(radio, p, radio->params.cpu_send_us);
    }
}

sim_radio *sim_radio_open(const sim_topology *topology, const sim_radio_params *params,
                          uint64_t seed)
{
    PROA_ASSERT(params->bit_rate > 0 && params->serial_baud > 0 && params->reassemblies_max > 0);
    sim_radio *radio = take_memory(sizeof *radio);
    radio->topology = topology;
    radio->params = *params;
    sim_mac_open(&radio->mac, topology, &radio->params, seed);
    for (unsigned n = 0; n < topology->node_count; n++) {
        radio->stations[n].reassemblies =
            take_memory(params->reassemblies_max * sizeof(reassembly));
        for (unsigned i = 0; i < params->reassemblies_max; i++) {
            radio->stations[n].reassemblies[i].node = n;
        }
    }
    return radio;
}

static void free_station(station *here)
{
    while (here->first != NULL) {
        parcel *p = here->first;
        here->first = p->next;
        free(p);
    }
    free(here->sending);
    free(here->reassemblies);
}

void sim_radio_close(sim_radio *radio)
{
    moment *due;
    while ((due = (moment *)(void *)proa_heap_take_due(&radio->heap, UINT64_MAX)) != NULL) {
        if (due->stage != ASSEMBLING) {
            free(due);
        }
    }
    for (unsigned n = 0; n < radio->topology->node_count; n++) {
        free_station(&radio->stations[n]);
    }
    free(radio->arrived);
    free(radio->taken);
    free(radio);
}

void sim_radio_observe(sim_radio *radio, void (*observer)(void *ctx, const sim_radio_sight *sight),
                       void *ctx)
{
    radio->observer = observer;
    radio->observer_ctx = ctx;
}

const sim_radio_counts *sim_radio_counts_of(const sim_radio *radio, unsigned node)
{
    return &radio->mac.counts[node];
}

sim_radio_counts sim_radio_counts_since(const sim_radio_counts *later,
                                        const sim_radio_counts *earlier)
{
    return (sim_radio_counts){
        .frames_sent = later->frames_sent - earlier->frames_sent,
        .frame_bytes_sent = later->frame_bytes_sent - earlier->frame_bytes_sent,
        .acks_sent = later->acks_sent - earlier->acks_sent,
        .tx_us = later->tx_us - earlier->tx_us,
        .rx_us = later->rx_us - earlier->rx_us,
        .attempts_repeated = later->attempts_repeated - earlier->attempts_repeated,
        .collisions = later->collisions - earlier->collisions,
        .channel_failures = later->channel_failures - earlier->channel_failures,
        .frames_given_up = later->frames_given_up - earlier->frames_given_up,
        .queue_drops = later->queue_drops - earlier->queue_drops,
        .reassembly_drops = later->reassembly_drops - earlier->reassembly_drops,
        .hop_limit_drops = later->hop_limit_drops - earlier->hop_limit_drops,
        .no_route_drops = later->no_route_drops - earlier->no_route_drops};
}
