/* SPDX-License-Identifier: Apache-2.0 */
/* From a file to a table of next hops that leads everywhere it has to.
 *
 * The file is read from top to bottom: nodes, the links between them, the routes over the links. Then every
 * route is followed to its end, because a loop is a property of all nodes' routes together. A fault is told at
 * the value that has to change. */
#include "sim/radio/topology.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "ports/linux/json_file.h"

enum { NONE = UINT8_MAX };

static const char *const role_names[] = {"border_router", "host", "requester", "forwarder"};

/* What is known while a file is read. */
typedef struct reading {
    sim_topology *t;
    /* Indexes of the routes that the file has of node n to node d, its default in the last place; NONE. */
    uint8_t via[SIM_TOPOLOGY_NODES_MAX][SIM_TOPOLOGY_NODES_MAX + 1];
    uint16_t route[SIM_TOPOLOGY_NODES_MAX][SIM_TOPOLOGY_NODES_MAX + 1]; /* where in the file */
} reading;

static unsigned find(const sim_topology *t, int64_t id)
{
    unsigned n = 0;
    while (n < t->node_count && t->nodes[n].id != id) {
        n++;
    }
    return n;
}

/* ---- nodes ------------------------------------------------------------------------------ */

/* The name becomes a column of tables and part of file names. */
static void read_name(const proa_json_at *at, sim_topology *t)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const char *name = proa_json_string(at, NULL);
    if (name[0] == '\0' || strlen(name) >= sizeof t->name || name[strspn(name, allowed)] != '\0') {
        proa_json_fail(at, "must have 1 to %zu letters, digits, '_', '.' or '-'",
                       sizeof t->name - 1);
        return;
    }
    memcpy(t->name, name, strlen(name) + 1);
}

static sim_role read_role(const proa_json_at *at)
{
    const char *word = proa_json_string(at, NULL);
    for (unsigned r = 0; r < sizeof role_names / sizeof *role_names; r++) {
        if (strcmp(word, role_names[r]) == 0) {
            return (sim_role)r;
        }
    }
    proa_json_fail(at, "must be border_router, host, requester or forwarder");
    return SIM_ROLE_FORWARDER;
}

static void read_node(const proa_json_at *at, sim_topology *t, unsigned *holders[])
{
    proa_json_at id = proa_json_member(at, "id");
    proa_json_at role = proa_json_member(at, "role");
    sim_topology_node node = {0};
    proa_json_only(at, "id role");
    node.id = (uint32_t)proa_json_number(&id, 1, UINT16_MAX, -1);
    node.role = read_role(&role);
    if (find(t, node.id) < t->node_count) {
        proa_json_fail(&id, "node %u is there already", (unsigned)node.id);
    }
    if (node.role != SIM_ROLE_FORWARDER) {
        unsigned *holder = holders[node.role];
        if (*holder != SIM_TOPOLOGY_NODES_MAX) {
            proa_json_fail(&role, "node %u is the %s already", (unsigned)t->nodes[*holder].id,
                           role_names[node.role]);
        }
        *holder = t->node_count;
    }
    t->nodes[t->node_count++] = node;
}

static void read_nodes(const proa_json_at *list, sim_topology *t)
{
    unsigned *holders[] = {&t->border_router, &t->host, &t->requester};
    size_t count = proa_json_array_size(list);
    t->border_router = t->host = t->requester = SIM_TOPOLOGY_NODES_MAX;
    if (count > SIM_TOPOLOGY_NODES_MAX) {
        proa_json_fail(list, "has more than %u nodes", SIM_TOPOLOGY_NODES_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        proa_json_at at = proa_json_item(list, i);
        read_node(&at, t, holders);
    }
    for (unsigned r = 0; r < SIM_ROLE_FORWARDER; r++) {
        if (*holders[r] == SIM_TOPOLOGY_NODES_MAX) {
            proa_json_fail(list, "no node is the %s", role_names[r]);
        }
    }
}

/* ---- links and routes ------------------------------------------------------------------- */

static unsigned read_id(const proa_json_at *at, const sim_topology *t)
{
    int64_t id = proa_json_number(at, 1, UINT16_MAX, -1);
    unsigned n = find(t, id);
    if (n == t->node_count) {
        proa_json_fail(at, "node %u is not among the nodes", (unsigned)id);
        return 0;
    }
    return n;
}

static void read_links(const proa_json_at *list, sim_topology *t)
{
    for (size_t i = 0; i < proa_json_array_size(list) && !list->doc->failed; i++) {
        proa_json_at link = proa_json_item(list, i);
        if (proa_json_array_size(&link) != 2) {
            proa_json_fail(&link, "must be two nodes: [317, 318]");
        }
        proa_json_at first = proa_json_item(&link, 0);
        proa_json_at second = proa_json_item(&link, 1);
        unsigned a = read_id(&first, t);
        unsigned b = read_id(&second, t);
        if (a == b) {
            proa_json_fail(&second, "a node has no link to itself");
        } else if ((t->hears[a] >> b & 1U) != 0) {
            proa_json_fail(&link, "this link is there already");
        }
        t->hears[a] |= 1U << b;
        t->hears[b] |= 1U << a;
    }
}

static unsigned read_destination(const proa_json_at *at, const sim_topology *t, unsigned node)
{
    if (!json_is_string(at->value)) {
        unsigned to = read_id(at, t);
        if (to == node) {
            proa_json_fail(at, "a node needs no route to itself");
        }
        return to;
    }
    if (strcmp(proa_json_string(at, NULL), "default") != 0) {
        proa_json_fail(at, "must be the id of a node, or \"default\"");
    } else if (node == t->border_router) {
        proa_json_fail(at, "the default of the border router is its wire");
    }
    return SIM_TOPOLOGY_WIRED;
}

static void read_route(const proa_json_at *at, reading *r, size_t index)
{
    const sim_topology *t = r->t;
    proa_json_at node = proa_json_member(at, "node");
    proa_json_at to = proa_json_member(at, "to");
    proa_json_at via = proa_json_member(at, "via");
    proa_json_only(at, "node to via");
    unsigned n = read_id(&node, t);
    unsigned d = read_destination(&to, t, n);
    unsigned v = read_id(&via, t);
    if ((t->hears[n] >> v & 1U) == 0) {
        proa_json_fail(&via, "node %u is no neighbour of node %u", (unsigned)t->nodes[v].id,
                       (unsigned)t->nodes[n].id);
    }
    if (r->via[n][d] != NONE) {
        proa_json_fail(at, "node %u has a route to that destination already",
                       (unsigned)t->nodes[n].id);
    }
    r->via[n][d] = (uint8_t)v;
    r->route[n][d] = (uint16_t)index;
}

static void read_routes(const proa_json_at *list, reading *r)
{
    size_t count = proa_json_array_size(list);
    memset(r->via, NONE, sizeof r->via);
    for (size_t i = 0; i < count && !list->doc->failed; i++) {
        proa_json_at at = proa_json_item(list, i);
        read_route(&at, r, i);
    }
}

/* A route that is named counts before the default; what has neither ends where it is. */
static void fill_next(const reading *r)
{
    sim_topology *t = r->t;
    for (unsigned n = 0; n < t->node_count; n++) {
        for (unsigned d = 0; d <= SIM_TOPOLOGY_NODES_MAX; d++) {
            uint8_t via = r->via[n][d] != NONE ? r->via[n][d] : r->via[n][SIM_TOPOLOGY_WIRED];
            t->next[n][d] = via == NONE || d == n ? (uint8_t)n : via;
        }
    }
    t->next[t->border_router][SIM_TOPOLOGY_WIRED] = SIM_TOPOLOGY_WIRED;
}

/* ---- where routes lead ------------------------------------------------------------------ */

/* Follow the way from a node; returns where it ends: at the destination, or at the node that has no route.
 * UINT_MAX: never. *hops counts radio hops. */
static unsigned follow(const sim_topology *t, unsigned from, unsigned to, unsigned *hops)
{
    unsigned at = from;
    for (*hops = 0; *hops <= t->node_count; ++*hops) {
        unsigned next = t->next[at][to];
        if (at == to || next == at || next == SIM_TOPOLOGY_WIRED) {
            return next == SIM_TOPOLOGY_WIRED ? to : at;
        }
        at = next;
    }
    return UINT_MAX;
}

static const char *name_of(const sim_topology *t, unsigned node, char out[16])
{
    if (node == SIM_TOPOLOGY_WIRED) {
        return "the wired machine";
    }
    snprintf(out, 16, "node %u", (unsigned)t->nodes[node].id);
    return out;
}

static void refuse_loops(const proa_json_at *routes, const reading *r)
{
    const sim_topology *t = r->t;
    unsigned hops;
    for (unsigned n = 0; n < t->node_count; n++) {
        for (unsigned d = 0; d <= SIM_TOPOLOGY_NODES_MAX; d++) {
            if (follow(t, n, d, &hops) == UINT_MAX &&
                (d < t->node_count || d == SIM_TOPOLOGY_WIRED)) {
                char to[16];
                bool named = r->via[n][d] != NONE;
                proa_json_at at =
                    proa_json_item(routes, r->route[n][named ? d : SIM_TOPOLOGY_WIRED]);
                proa_json_fail(&at, "this route leads into a loop on the way to %s",
                               name_of(t, d, to));
            }
        }
    }
}

static void demand_ways(const proa_json_at *nodes, const sim_topology *t)
{
    const unsigned ends[] = {t->host, t->requester, SIM_TOPOLOGY_WIRED};
    for (unsigned i = 0; i < 9; i++) {
        unsigned from = ends[i / 3];
        unsigned to = ends[i % 3];
        unsigned hops;
        unsigned end = follow(t, from == SIM_TOPOLOGY_WIRED ? t->border_router : from, to, &hops);
        if (from != to && end != to) {
            char names[2][16];
            bool is_start = end == from || (from == SIM_TOPOLOGY_WIRED && end == t->border_router);
            proa_json_at at = proa_json_item(nodes, end);
            proa_json_fail(&at, "node %u has no route to %s%s%s", (unsigned)t->nodes[end].id,
                           name_of(t, to, names[0]), is_start ? "" : ", on the way from ",
                           is_start ? "" : name_of(t, from, names[1]));
        }
    }
}

/* ---- the doors -------------------------------------------------------------------------- */

static void read_topology(proa_json_doc *doc, sim_topology *t)
{
    reading r = {.t = t};
    proa_json_at root = proa_json_root(doc);
    proa_json_at name = proa_json_member(&root, "name");
    proa_json_at nodes = proa_json_member(&root, "nodes");
    proa_json_at links = proa_json_member(&root, "links");
    proa_json_at routes = proa_json_member(&root, "routes");
    (void)proa_json_object_size(&root);
    proa_json_only(&root, "name nodes links routes");
    read_name(&name, t);
    read_nodes(&nodes, t);
    if (!doc->failed) {
        read_links(&links, t);
        read_routes(&routes, &r);
    }
    if (!doc->failed) {
        fill_next(&r);
        refuse_loops(&routes, &r);
    }
    if (!doc->failed) {
        demand_ways(&nodes, t);
    }
}

/* Judges the document and frees it. */
static bool read_document(proa_json_doc *doc, sim_topology *out, char *problem, size_t problem_len)
{
    memset(out, 0, sizeof *out);
    if (!doc->failed) {
        read_topology(doc, out);
    }
    if (doc->failed) {
        snprintf(problem, problem_len, "%s", doc->message);
    }
    bool ok = !doc->failed;
    proa_json_free(doc);
    return ok;
}

bool sim_topology_load(const char *path, sim_topology *out, char *problem, size_t problem_len)
{
    proa_json_doc doc;
    (void)proa_json_load(&doc, path, false);
    return read_document(&doc, out, problem, problem_len);
}

bool sim_topology_parse(const char *name, const char *text, size_t len, sim_topology *out,
                        char *problem, size_t problem_len)
{
    proa_json_doc doc;
    (void)proa_json_parse(&doc, name, text, len);
    return read_document(&doc, out, problem, problem_len);
}

unsigned sim_topology_hops(const sim_topology *topology, unsigned from, unsigned to)
{
    unsigned hops = 0;
    (void)follow(topology, from == SIM_TOPOLOGY_WIRED ? topology->border_router : from, to, &hops);
    return hops;
}
