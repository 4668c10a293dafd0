/* SPDX-License-Identifier: Apache-2.0 */
/* proa-sim: run scenarios over many seeds, on all cores, and say which seed broke what.
 *
 * Seeds are shared out among worker processes, because Mbed TLS has one arena per process and a
 * crash of one seed must not take the others along. Results come back through a pipe. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ports/linux/os.h"
#include "ports/mbedtls/dtls.h"
#include "proa_build.h"
#include "sim/bugs.h"
#include "sim/scenario.h"

#define JOBS_MAX 64U
#define ARENA_LEN (16U * 1024 * 1024)
#define BUG_SEEDS 200U

typedef struct options {
    const sim_scenario *scenario; /* NULL: none was named */
    uint64_t seed_first, seed_last;
    unsigned jobs;
    bool json, full, smoke, bugs;
    const char *bug;
    sim_options sim;
} options;

typedef struct totals {
    uint64_t seeds, failed, crashed, first_seed;
    sim_result first;
    sim_counts counts;
    uint64_t datagrams, lost, reboots, moves, power_failures, virtual_ms;
} totals;

static const char usage[] =
    "usage: proa-sim [smoke] [options]\n"
    "\n"
    "Real clients, servers and the authority on a simulated network; the seed decides everything.\n"
    "\n"
    "  smoke            a short run for every build: 30 seeds of each scenario at 20 % loss\n"
    "  --scenario NAME  c2c (default): devices talk by DTLS; oscore: by OSCORE; server-oscore:\n"
    "                   OSCORE between devices and server. With smoke, --full and --bugs\n"
    "                   only that one\n"
    "  --seeds A-B      which seeds (default 1-100); --seeds A replays one\n"
    "  --loss PERCENT   datagrams that vanish (default 10)\n"
    "  --dup PERCENT    datagrams that come twice (default 2)\n"
    "  --reorder PERCENT  datagrams held back (default 5)\n"
    "  --delay MS, --jitter MS, --mtu BYTES   the links (20, 20, 1280); nodes are configured for them.\n"
    "                   At least 128 bytes, 192 with OSCORE\n"
    "  --flow NAME      how accounts come to devices: seed (one message for each instance), compact\n"
    "                   (one for each account) or mixed (default: drawn for each device)\n"
    "  --bug NAME       with this mistake made in the engines; --list shows all\n"
    "  --bugs           each known mistake must be found within 200 seeds\n"
    "  --full           1000 seeds of each scenario at 0, 10 and 30 % loss, then --bugs\n"
    "  --jobs N         worker processes (default: one a core)\n"
    "  --verbose        tell what happens; with one seed\n"
    "  --json           the last line of output is a JSON object\n";

static void usage_error(const char *what, const char *option)
{
    fprintf(stderr, "proa-sim: %s%s\nTry `proa-sim --help`.\n", what, option);
    exit(2);
}

static unsigned long number(const char *option, const char *text, unsigned long max)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value > max) {
        fprintf(stderr, "proa-sim: %s takes a number up to %lu, not \"%s\"\n", option, max, text);
        exit(2);
    }
    return value;
}

static void read_seeds(options *o, const char *text)
{
    char *end;
    o->seed_first = strtoull(text, &end, 10);
    o->seed_last = o->seed_first;
    if (end != text && *end == '-') {
        const char *second = end + 1;
        o->seed_last = strtoull(second, &end, 10);
        end = end == second ? (char *)(uintptr_t)text : end;
    }
    if (end == text || *end != '\0' || o->seed_last < o->seed_first) {
        usage_error("--seeds takes A or A-B, not ", text);
    }
}

static const char *const flow_names[] = {
    [SIM_FLOW_SEED] = "seed", [SIM_FLOW_COMPACT] = "compact", [SIM_FLOW_MIXED] = "mixed"};

static sim_flow read_flow(const char *text)
{
    for (unsigned i = 0; i < sizeof flow_names / sizeof *flow_names; i++) {
        if (strcmp(flow_names[i], text) == 0) {
            return (sim_flow)i;
        }
    }
    usage_error("--flow takes seed, compact or mixed, not ", text);
    return SIM_FLOW_MIXED;
}

static void list_all(void)
{
    printf("scenarios:\n");
    for (unsigned i = 0; sim_scenario_at(i) != NULL; i++) {
        printf("  %-24s %s\n", sim_scenario_at(i)->name, sim_scenario_at(i)->what);
    }
    printf("seeded bugs:\n");
    for (unsigned i = 0; sim_bug_at(i) != NULL; i++) {
        printf("  %-24s %-6s %s\n", sim_bug_at(i)->name, sim_bug_at(i)->scenario,
               sim_bug_at(i)->mistake);
    }
    exit(0);
}

static void read_value(options *o, const char *option, const char *value)
{
    if (strcmp(option, "--scenario") == 0) {
        o->scenario = sim_scenario_find(value);
        if (o->scenario == NULL) {
            usage_error("no scenario is called ", value);
        }
    } else if (strcmp(option, "--seeds") == 0) {
        read_seeds(o, value);
    } else if (strcmp(option, "--flow") == 0) {
        o->sim.flow = read_flow(value);
    } else if (strcmp(option, "--loss") == 0) {
        o->sim.link.loss_permille = 10U * (uint32_t)number(option, value, 100);
    } else if (strcmp(option, "--dup") == 0) {
        o->sim.link.duplicate_permille = 10U * (uint32_t)number(option, value, 100);
    } else if (strcmp(option, "--reorder") == 0) {
        o->sim.link.reorder_permille = 10U * (uint32_t)number(option, value, 100);
    } else if (strcmp(option, "--delay") == 0) {
        o->sim.link.delay_ms = (uint32_t)number(option, value, 60000);
    } else if (strcmp(option, "--jitter") == 0) {
        o->sim.link.jitter_ms = (uint32_t)number(option, value, 60000);
    } else if (strcmp(option, "--mtu") == 0) {
        o->sim.link.mtu = (uint32_t)number(option, value, 65535);
    } else if (strcmp(option, "--jobs") == 0) {
        o->jobs = (unsigned)number(option, value, JOBS_MAX);
    } else if (strcmp(option, "--bug") == 0) {
        o->bug = value;
        if (!sim_bug_select(value)) {
            usage_error("no bug is called ", value);
        }
        (void)sim_bug_select(NULL);
    } else {
        usage_error("unknown option ", option);
    }
}

static options read_options(int argc, char **argv)
{
    options o = {.seed_first = 1,
                 .seed_last = 100,
                 .sim.link = {20, 20, 100, 20, 50, 1280},
                 .sim.flow = SIM_FLOW_MIXED};
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            fputs(usage, stdout);
            exit(0);
        } else if (strcmp(a, "--list") == 0) {
            list_all();
        } else if (strcmp(a, "smoke") == 0 || strcmp(a, "--smoke") == 0) {
            o.smoke = true;
            o.seed_last = 30;
            o.sim.link.loss_permille = 200;
        } else if (strcmp(a, "--full") == 0) {
            o.full = true;
        } else if (strcmp(a, "--bugs") == 0) {
            o.bugs = true;
        } else if (strcmp(a, "--json") == 0) {
            o.json = true;
        } else if (strcmp(a, "--verbose") == 0) {
            o.sim.verbose = true;
        } else if (strncmp(a, "--", 2) == 0 && i + 1 < argc) {
            read_value(&o, a, argv[++i]);
        } else {
            usage_error(strncmp(a, "--", 2) == 0 ? "a value must follow " : "unknown argument ", a);
        }
    }
    if (o.jobs == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        o.jobs = cores < 1 ? 1 : (unsigned)cores;
        o.jobs = o.jobs > JOBS_MAX ? JOBS_MAX : o.jobs;
    }
    return o;
}

/* ---- workers ---------------------------------------------------------------------------- */

static void work(const options *o, unsigned job, int fd)
{
    for (uint64_t seed = o->seed_first + job; seed <= o->seed_last; seed += o->jobs) {
        sim_result result;
        memset(&result, 0, sizeof result);
        o->scenario->run(seed, &o->sim, &result);
        if (write(fd, &result, sizeof result) != (ssize_t)sizeof result) {
            _exit(1); /* the parent is gone, or stops early */
        }
    }
}

static void add_counts(sim_counts *sum, const sim_counts *one)
{
    /* All fields are uint64_t: the struct is a table of counters. */
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)one;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++) {
        to[i] += from[i];
    }
}

static void add_result(totals *t, const sim_result *r)
{
    t->seeds++;
    add_counts(&t->counts, &r->counts);
    t->datagrams += r->datagrams;
    t->lost += r->lost;
    t->reboots += r->reboots;
    t->moves += r->moves;
    t->power_failures += r->power_failures;
    t->virtual_ms += r->virtual_ms;
    if (r->broken != SIM_RULE_NONE) {
        t->failed++;
        if (t->first_seed == 0 || r->seed < t->first_seed) {
            t->first_seed = r->seed;
            t->first = *r;
        }
    }
}

static void show_progress(const options *o, const totals *t)
{
    static time_t last;
    time_t now = time(NULL);
    if (isatty(STDERR_FILENO) && now != last) {
        last = now;
        fprintf(stderr, "\r%llu of %llu seeds, %llu failed ", (unsigned long long)t->seeds,
                (unsigned long long)o->seed_last - o->seed_first + 1,
                (unsigned long long)t->failed);
    }
}

/* Run all seeds; stop_early ends at the first failure. */
static totals run_seeds(const options *o, bool stop_early)
{
    totals t;
    sim_result result;
    pid_t pids[JOBS_MAX];
    int ends[2];
    memset(&t, 0, sizeof t);
    fflush(NULL);
    if (pipe(ends) != 0) {
        perror("proa-sim: pipe");
        exit(1);
    }
    for (unsigned job = 0; job < o->jobs; job++) {
        pids[job] = fork();
        if (pids[job] == 0) {
            close(ends[0]);
            work(o, job, ends[1]);
            fflush(NULL);
            _exit(0);
        }
    }
    close(ends[1]);
    while (read(ends[0], &result, sizeof result) == (ssize_t)sizeof result) {
        add_result(&t, &result);
        show_progress(o, &t);
        if (stop_early && t.failed > 0) {
            break;
        }
    }
    close(ends[0]);
    for (unsigned job = 0; job < o->jobs; job++) {
        int status = 0;
        if (pids[job] < 0 || waitpid(pids[job], &status, 0) < 0 ||
            (WIFSIGNALED(status) && WTERMSIG(status) != SIGPIPE) ||
            (WIFEXITED(status) && WEXITSTATUS(status) != 0 && !stop_early)) {
            t.crashed++;
        }
    }
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%60s\r", "");
    }
    return t;
}

/* ---- reporting -------------------------------------------------------------------------- */

static void print_replay(const options *o, uint64_t seed)
{
    printf("  replay: proa-sim --scenario %s --seeds %llu --loss %u --dup %u --reorder %u "
           "--delay %u --jitter %u --mtu %u --flow %s%s%s --verbose\n",
           o->scenario->name, (unsigned long long)seed, o->sim.link.loss_permille / 10,
           o->sim.link.duplicate_permille / 10, o->sim.link.reorder_permille / 10,
           o->sim.link.delay_ms, o->sim.link.jitter_ms, o->sim.link.mtu, flow_names[o->sim.flow],
           o->bug == NULL ? "" : " --bug ", o->bug == NULL ? "" : o->bug);
}

/* What a scenario promises to do must really have happened, or green means nothing. */
static bool enough_happened(const options *o, const totals *t)
{
    return t->seeds < 20 || (t->reboots > 0 && t->moves > 0 && t->power_failures > 0 &&
                             o->scenario->enough(&t->counts));
}

static bool passed(const options *o, const totals *t)
{
    return t->failed == 0 && t->crashed == 0 && enough_happened(o, t);
}

static void print_totals(const options *o, const totals *t)
{
    const sim_counts *c = &t->counts;
    printf("%s, loss %u %%: %llu seeds, %llu failed, %.1f virtual hours, %llu datagrams "
           "(%llu lost)\n",
           o->scenario->name, o->sim.link.loss_permille / 10, (unsigned long long)t->seeds,
           (unsigned long long)t->failed, (double)t->virtual_ms / 3600000.0,
           (unsigned long long)t->datagrams, (unsigned long long)t->lost);
    printf("  asked %llu: ok %llu, denied %llu, offline %llu, unreachable %llu, busy %llu, "
           "timeout %llu, other %llu; notifications %llu\n",
           (unsigned long long)c->asks, (unsigned long long)c->ok, (unsigned long long)c->denied,
           (unsigned long long)c->offline, (unsigned long long)c->unreachable,
           (unsigned long long)c->busy, (unsigned long long)c->timeout,
           (unsigned long long)c->other + c->pending, (unsigned long long)c->notifications);
    uint64_t replays = c->replayed + c->played; /* to the server and to devices */
    printf(
        "  granted %llu, renewed %llu, revoked %llu, ended %llu, expired %llu, rolled back "
        "%llu, reconciled %llu; reboots %llu, power failures %llu, address changes %llu, sessions "
        "revived %llu, first sessions %llu, datagrams replayed %llu\n",
        (unsigned long long)c->granted, (unsigned long long)c->renewed,
        (unsigned long long)c->revoked, (unsigned long long)c->ended,
        (unsigned long long)c->expired, (unsigned long long)c->failed,
        (unsigned long long)c->reconciled, (unsigned long long)t->reboots,
        (unsigned long long)t->power_failures, (unsigned long long)t->moves,
        (unsigned long long)c->revived, (unsigned long long)c->firsts, (unsigned long long)replays);
    if (c->sealed > 0) {
        printf("  OSCORE: encrypted %llu, played to devices again %llu, refused as replays %llu, "
               "challenged %llu\n",
               (unsigned long long)c->sealed, (unsigned long long)c->played,
               (unsigned long long)c->replays_refused, (unsigned long long)c->challenged);
    }
    if (t->failed > 0) {
        printf("  seed %llu breaks \"%s\" after %.1f s: %s\n", (unsigned long long)t->first_seed,
               sim_rule_name(t->first.broken), (double)t->first.broken_ms / 1000.0,
               t->first.message);
        print_replay(o, t->first_seed);
    }
    if (t->crashed > 0) {
        printf("  %llu worker processes crashed\n", (unsigned long long)t->crashed);
    }
    if (!enough_happened(o, t)) {
        printf("  not everything the scenario is for has happened: this run proves nothing\n");
    }
}

static void print_json(bool ok, const totals *t, unsigned bugs, unsigned bugs_found)
{
    uint64_t replays = t->counts.replayed + t->counts.played; /* to the server and to devices */
    printf("{\"schema\":\"proa-sim-1\",\"version\":\"%s\",\"commit\":\"%s\",\"ok\":%s,"
           "\"seeds\":%llu,\"failed\":%llu,\"crashed\":%llu,\"first_failing_seed\":",
           PROA_BUILD_VERSION, PROA_BUILD_COMMIT, ok ? "true" : "false",
           (unsigned long long)t->seeds, (unsigned long long)t->failed,
           (unsigned long long)t->crashed);
    if (t->failed > 0) {
        printf("%llu,\"rule\":\"%s\"", (unsigned long long)t->first_seed,
               sim_rule_name(t->first.broken));
    } else {
        printf("null,\"rule\":null");
    }
    printf(",\"asks\":%llu,\"outcomes_ok\":%llu,\"granted\":%llu,\"revoked\":%llu,"
           "\"expired\":%llu,\"reboots\":%llu,\"power_failures\":%llu,\"address_changes\":%llu,"
           "\"notifications\":%llu,\"sessions_revived\":%llu,\"first_sessions\":%llu,"
           "\"replayed\":%llu,\"datagrams\":%llu",
           (unsigned long long)t->counts.asks, (unsigned long long)t->counts.ok,
           (unsigned long long)t->counts.granted, (unsigned long long)t->counts.revoked,
           (unsigned long long)t->counts.expired, (unsigned long long)t->reboots,
           (unsigned long long)t->power_failures, (unsigned long long)t->moves,
           (unsigned long long)t->counts.notifications, (unsigned long long)t->counts.revived,
           (unsigned long long)t->counts.firsts, (unsigned long long)replays,
           (unsigned long long)t->datagrams);
    if (bugs > 0) {
        printf(",\"bugs\":%u,\"bugs_found\":%u}\n", bugs, bugs_found);
    } else {
        printf(",\"bugs\":null,\"bugs_found\":null,\"reason\":\"not asked for; use --bugs\"}\n");
    }
}

static void sum_up(totals *sum, const totals *one)
{
    if (one->failed > 0 && sum->failed == 0) {
        sum->first_seed = one->first_seed;
        sum->first = one->first;
    }
    sum->seeds += one->seeds;
    sum->failed += one->failed;
    sum->crashed += one->crashed;
    add_counts(&sum->counts, &one->counts);
    sum->datagrams += one->datagrams;
    sum->lost += one->lost;
    sum->reboots += one->reboots;
    sum->moves += one->moves;
    sum->power_failures += one->power_failures;
    sum->virtual_ms += one->virtual_ms;
}

static void refuse_small_mtu(const options *o)
{
    if (o->sim.link.mtu < o->scenario->mtu_min) {
        fprintf(stderr,
                "proa-sim: scenario %s needs --mtu %u at least: a message cannot be cut smaller\n",
                o->scenario->name, o->scenario->mtu_min);
        exit(2);
    }
}

static bool find_bugs(options o, unsigned *bugs, unsigned *found)
{
    o.seed_first = 1;
    o.seed_last = BUG_SEEDS;
    o.sim.link.loss_permille = 100;
    const sim_scenario *only = o.scenario;
    for (unsigned i = 0; sim_bug_at(i) != NULL; i++) {
        o.scenario = sim_scenario_find(sim_bug_at(i)->scenario);
        if (only != NULL && o.scenario != only) {
            continue;
        }
        refuse_small_mtu(&o);
        (*bugs)++;
        o.bug = sim_bug_at(i)->name;
        (void)sim_bug_select(o.bug);
        totals t = run_seeds(&o, true);
        (void)sim_bug_select(NULL);
        if (t.failed > 0) {
            (*found)++;
            printf("bug %-24s found by \"%s\" with seed %llu\n", o.bug,
                   sim_rule_name(t.first.broken), (unsigned long long)t.first_seed);
        } else {
            printf("bug %-24s NOT FOUND in %u seeds\n", o.bug, BUG_SEEDS);
        }
    }
    return *found == *bugs;
}

/* The seeds of one scenario, at one loss or at each that --full wants. */
static bool run_scenario(options o, totals *sum)
{
    refuse_small_mtu(&o);
    static const uint32_t losses[] = {0, 100, 300};
    bool ok = true;
    for (size_t i = 0; i < (o.full ? 3U : 1U); i++) {
        if (o.full) {
            o.seed_first = 1;
            o.seed_last = 1000;
            o.sim.link.loss_permille = losses[i];
        }
        totals t = run_seeds(&o, false);
        print_totals(&o, &t);
        ok = passed(&o, &t) && ok;
        sum_up(sum, &t);
    }
    return ok;
}

static bool run_scenarios(options o, totals *sum)
{
    bool all = o.scenario == NULL && (o.full || o.smoke);
    o.scenario = o.scenario == NULL ? sim_scenario_at(0) : o.scenario;
    bool ok = run_scenario(o, sum);
    for (unsigned i = 1; all && sim_scenario_at(i) != NULL; i++) {
        o.scenario = sim_scenario_at(i);
        ok = run_scenario(o, sum) && ok;
    }
    return ok;
}

int main(int argc, char **argv)
{
    options o = read_options(argc, argv);
    void *arena = malloc(ARENA_LEN);
    totals sum;
    unsigned bugs = 0;
    unsigned found = 0;
    bool ok = true;
    memset(&sum, 0, sizeof sum);
    if (arena == NULL) {
        fprintf(stderr, "proa-sim: no memory\n");
        return 1;
    }
    proa_dtls_arena_init(arena, ARENA_LEN);
    uint64_t start_ms = proa_linux_now_ms();
    (void)sim_bug_select(o.bug);
    if (o.full || !o.bugs) {
        ok = run_scenarios(o, &sum);
    }
    if (o.full || o.bugs) {
        ok = find_bugs(o, &bugs, &found) && ok;
    }
    printf("%s in %.1f s\n", ok ? "all well" : "FAILED",
           (double)(proa_linux_now_ms() - start_ms) / 1000.0);
    if (o.json) {
        print_json(ok, &sum, bugs, found);
    }
    free(arena);
    return ok ? 0 : 1;
}
