/* SPDX-License-Identifier: Apache-2.0 */
/* Topology files: the twelve of the experiments, and what is no topology. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/radio/topology.h"

enum { PROBLEM_MAX = 600 };

/* ---- the twelve ------------------------------------------------------------------------- */

/* As counted along the routes of inetrg/ipsn-2022-lwm2mc2c. */
typedef struct known {
    const char *name;
    unsigned nodes, host_to_router, requester_to_router, host_to_requester;
    bool through_router; /* the direct way */
} known;

static const known twelve[] = {
    {"multihop_0_direct", 3, 1, 1, 1, false}, {"multihop_0_tree", 3, 1, 1, 2, true},
    {"multihop_1", 4, 2, 2, 2, false},        {"multihop_2", 5, 3, 3, 2, false},
    {"multihop_3", 6, 4, 4, 2, false},        {"multihop_4", 7, 5, 5, 2, false},
    {"m3-317xf7f70945", 3, 2, 1, 1, false},   {"m3-317x16261b22", 5, 1, 4, 3, false},
    {"m3-317xa4473081", 6, 4, 1, 5, true},    {"m3-317x400cce5c", 7, 2, 4, 6, true},
    {"m3-317x9c68ce5b", 9, 3, 5, 8, true},    {"m3-317xae479b07", 10, 6, 4, 8, false},
};

static bool passes(const sim_topology *t, unsigned from, unsigned to, unsigned by)
{
    while (from != to && from != by) {
        from = t->next[from][to];
    }
    return from == by;
}

static void the_twelve_topologies_have_the_hops_of_the_paper(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof twelve / sizeof *twelve; i++) {
        const known *k = &twelve[i];
        char path[128];
        char problem[PROBLEM_MAX];
        sim_topology t;
        snprintf(path, sizeof path, "../experiments/topologies/%s.json", k->name);
        if (!sim_topology_load(path, &t, problem, sizeof problem)) {
            fail_msg("%s", problem);
        }
        assert_string_equal(t.name, k->name);
        assert_int_equal(t.node_count, k->nodes);
        assert_int_equal(t.nodes[t.border_router].id, 317);
        assert_int_equal(sim_topology_hops(&t, t.host, SIM_TOPOLOGY_WIRED), k->host_to_router);
        assert_int_equal(sim_topology_hops(&t, SIM_TOPOLOGY_WIRED, t.host), k->host_to_router);
        assert_int_equal(sim_topology_hops(&t, t.requester, SIM_TOPOLOGY_WIRED),
                         k->requester_to_router);
        assert_int_equal(sim_topology_hops(&t, SIM_TOPOLOGY_WIRED, t.requester),
                         k->requester_to_router);
        assert_int_equal(sim_topology_hops(&t, t.host, t.requester), k->host_to_requester);
        assert_int_equal(sim_topology_hops(&t, t.requester, t.host), k->host_to_requester);
        assert_int_equal(passes(&t, t.host, t.requester, t.border_router), k->through_router);
    }
}

/* ---- what is no topology ---------------------------------------------------------------- */

static bool load_text(const char *text, sim_topology *t, char *problem)
{
    char path[] = "/tmp/proa-topology-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    bool ok = sim_topology_load(path, t, problem, PROBLEM_MAX);
    unlink(path);
    if (!ok) {
        assert_ptr_equal(strstr(problem, path), problem);
        memmove(problem, problem + strlen(path), strlen(problem + strlen(path)) + 1);
    }
    return ok;
}

/* Routes: 1 and 2 to each other and by default over 9, which knows both. */
#define NODES                                                                                \
    "\"nodes\": [{\"id\": 9, \"role\": \"border_router\"}, {\"id\": 1, \"role\": \"host\"}," \
    " {\"id\": 2, \"role\": \"requester\"}, {\"id\": 5, \"role\": \"forwarder\"}],\n"
#define LINKS "\"links\": [[9, 1], [9, 2], [1, 2], [5, 9], [5, 1]],\n"
#define DEFAULTS \
    "{\"node\": 1, \"to\": \"default\", \"via\": 9}, {\"node\": 2, \"to\": \"default\", \"via\": 9}"
#define DOWN "{\"node\": 9, \"to\": 1, \"via\": 1}, {\"node\": 9, \"to\": 2, \"via\": 2}"
#define GOOD "{\"name\": \"t\", // a comment\n" NODES LINKS "\"routes\": [" DEFAULTS ",\n" DOWN

static void routes_of_a_file_become_next_hops(void **state)
{
    (void)state;
    sim_topology t;
    char problem[PROBLEM_MAX];
    if (!load_text(GOOD ",\n{\"node\": 1, \"to\": 2, \"via\": 2}]}", &t, problem)) {
        fail_msg("%s", problem);
    }
    assert_int_equal(t.border_router, 0);
    assert_int_equal(t.host, 1);
    assert_int_equal(t.requester, 2);
    assert_int_equal(t.hears[0], 0xe); /* 9 hears 1, 2, 5 */
    assert_int_equal(t.hears[3], 0x3); /* 5 hears 9, 1 */
    assert_int_equal(t.next[1][2], 2); /* named */
    assert_int_equal(t.next[2][1], 0); /* by default */
    assert_int_equal(t.next[1][SIM_TOPOLOGY_WIRED], 0);
    assert_int_equal(t.next[0][SIM_TOPOLOGY_WIRED], SIM_TOPOLOGY_WIRED);
    assert_int_equal(t.next[0][3], 0); /* none: to 5 nobody sends */
    assert_int_equal(t.next[3][SIM_TOPOLOGY_WIRED], 3);
    assert_int_equal(sim_topology_hops(&t, 1, 2), 1);
    assert_int_equal(sim_topology_hops(&t, 2, 1), 2);
}

typedef struct mistake {
    const char *text;
    const char *problem; /* what follows the name of the file */
} mistake;

/* clang-format off */
static const mistake mistakes[] = {
    {"[]", ":1:1: must be an object"},
    {"{\"name\": \"t\",", ":1:13: not JSON"},
    {"{\"nodes\": []}", ":1:1: /name: is missing"},
    {"{\"name\": \"a b\"}", ":1:10: /name: must have 1 to 47 letters"},
    {"{\"name\": \"t\",\n \"node\": []}", ":2:10: /node: unknown name; did you mean \"nodes\"?"},
    {"{\"name\": \"t\", \"nodes\": 7}", ":1:24: /nodes: must be a list"},
    {"{\"name\": \"t\",\n\"nodes\": [{\"id\": 0, \"role\": \"host\"}]}", ":2:18: /nodes/0/id: must be from 1 to 65535"},
    {"{\"name\": \"t\",\n\"nodes\": [{\"id\": \"1\", \"role\": \"host\"}]}", ":2:18: /nodes/0/id: must be a whole number"},
    {"{\"name\": \"t\",\n\"nodes\": [{\"id\": 1, \"role\": \"boss\"}]}", ":2:29: /nodes/0/role: must be border_router, host"},
    {"{\"name\": \"t\",\n\"nodes\": [{\"id\": 1, \"role\": \"forwarder\"},\n{\"id\": 1, \"role\": \"host\"}]}",
     ":3:8: /nodes/1/id: node 1 is there already"},
    {"{\"name\": \"t\",\n\"nodes\": [{\"id\": 1, \"role\": \"host\"},\n{\"id\": 2, \"role\": \"host\"}]}",
     ":3:19: /nodes/1/role: node 1 is the host already"},
    {"{\"name\": \"t\",\n\"nodes\": [{\"id\": 1, \"role\": \"host\"}, {\"id\": 9, \"role\": \"border_router\"}]}",
     ":2:10: /nodes: no node is the requester"},
    {"{\"name\": \"t\",\n" NODES "\"links\": [[9, 1],\n [9, 7]]}", ":4:6: /links/1/1: node 7 is not among the nodes"},
    {"{\"name\": \"t\",\n" NODES "\"links\": [[9, 1], [9]]}", ":3:19: /links/1: must be two nodes"},
    {"{\"name\": \"t\",\n" NODES "\"links\": [[9, 1], [1, 9]]}", ":3:19: /links/1: this link is there already"},
    {"{\"name\": \"t\",\n" NODES "\"links\": [[9, 9]]}", ":3:15: /links/0/1: a node has no link to itself"},
    {GOOD ",\n{\"node\": 8, \"to\": 2, \"via\": 2}]}", ":6:10: /routes/4/node: node 8 is not among the nodes"},
    {GOOD ",\n{\"node\": 1, \"to\": 8, \"via\": 2}]}", ":6:19: /routes/4/to: node 8 is not among the nodes"},
    {GOOD ",\n{\"node\": 1, \"to\": \"all\", \"via\": 2}]}", ":6:19: /routes/4/to: must be the id of a node, or \"default\""},
    {GOOD ",\n{\"node\": 1, \"to\": 1, \"via\": 2}]}", ":6:19: /routes/4/to: a node needs no route to itself"},
    {GOOD ",\n{\"node\": 2, \"to\": 1}]}", ":6:1: /routes/4/via: is missing"},
    {GOOD ",\n{\"node\": 2, \"to\": 1, \"via\": 5}]}", ":6:29: /routes/4/via: node 5 is no neighbour of node 2"},
    {GOOD ",\n{\"node\": 9, \"to\": 2, \"via\": 1}]}", ":6:1: /routes/4: node 9 has a route to that destination already"},
    {GOOD ",\n{\"node\": 1, \"to\": \"default\", \"via\": 2}]}", ":6:1: /routes/4: node 1 has a route to that destination"},
    {GOOD ",\n{\"node\": 9, \"to\": \"default\", \"via\": 1}]}", ":6:19: /routes/4/to: the default of the border router is its wire"},
    {GOOD ",\n{\"node\": 9, \"to\": 5, \"via\": 1}]}", ":6:1: /routes/4: this route leads into a loop on the way to node 5"},
    {"{\"name\": \"t\",\n" NODES LINKS "\"routes\": [{\"node\": 1, \"to\": \"default\", \"via\": 2},\n"
     "{\"node\": 2, \"to\": \"default\", \"via\": 1},\n" DOWN "]}",
     ":4:12: /routes/0: this route leads into a loop on the way to node 9"},
    {"{\"name\": \"t\",\n" NODES LINKS "\"routes\": [" DEFAULTS ",\n{\"node\": 9, \"to\": 1, \"via\": 1}]}",
     ":2:11: /nodes/0: node 9 has no route to node 2, on the way from node 1"},
    {"{\"name\": \"t\",\n" NODES LINKS "\"routes\": [{\"node\": 1, \"to\": \"default\", \"via\": 9},\n"
     "{\"node\": 2, \"to\": 1, \"via\": 1},\n" DOWN "]}",
     ":2:74: /nodes/2: node 2 has no route to the wired machine"},
};
/* clang-format on */

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        sim_topology t;
        char problem[PROBLEM_MAX] = "";
        assert_false(load_text(mistakes[i].text, &t, problem));
        if (strstr(problem, mistakes[i].problem) != problem) {
            fail_msg("expected \"%s\" at the begin of \"%s\"", mistakes[i].problem, problem);
        }
    }
}

static void more_nodes_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    static char text[4096];
    char problem[PROBLEM_MAX];
    sim_topology t;
    size_t len = (size_t)snprintf(text, sizeof text, "{\"name\": \"t\", \"nodes\": [");
    for (unsigned n = 1; n <= SIM_TOPOLOGY_NODES_MAX + 1; n++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "%s{\"id\": %u, \"role\": \"forwarder\"}", n > 1 ? "," : "", n);
    }
    snprintf(text + len, sizeof text - len, "]}");
    assert_false(load_text(text, &t, problem));
    assert_string_equal(problem, ":1:24: /nodes: has more than 32 nodes");
    assert_false(sim_topology_load("/nowhere/t.json", &t, problem, sizeof problem));
    assert_string_equal(problem, "/nowhere/t.json: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_twelve_topologies_have_the_hops_of_the_paper),
        cmocka_unit_test(routes_of_a_file_become_next_hops),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(more_nodes_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
