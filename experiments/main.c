/* SPDX-License-Identifier: Apache-2.0 */
/* proa-experiment: one run of one application, as rows of CSV. A run is a function of its arguments. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/authorize.h"
#include "experiments/notify.h"
#include "experiments/way.h"

static const char usage[] =
    "usage: proa-experiment notify    --app APP --topology FILE --interval-us I --count N [options]\n"
    "       proa-experiment authorize --app APP --topology FILE --flow FLOW [options]\n"
    "       proa-experiment path      --app APP --topology FILE [options]\n"
    "\n"
    "Real clients and a real server over a simulated IEEE 802.15.4 mesh; CSV on standard output.\n"
    "\n"
    "  notify     the host's value changes N times, every I microseconds: how long until the\n"
    "             requester has it, in microseconds, and how many it gets. Changes before it begins\n"
    "             to count, accounts and sessions are there\n"
    "  authorize  a requester without an account reads from the host: time and cost by phases\n"
    "  path       what one undisturbed notification crosses\n"
    "\n"
    "  --app APP             notify and path: baseline_dtls (by the server), c2c_dtls, c2c_oscore;\n"
    "                        authorize: cred_req_dtls, cred_req_oscore\n"
    "  --topology FILE       who hears whom (experiments/topologies)\n"
    "  --flow FLOW           in which way the server provisions; `--flow help` lists them\n"
    "  --seed N              the same seed gives the same bytes (1)\n"
    "  --wired-delay-us W    between border router and server, one way (20000)\n"
    "  --csv-nodes FILE      notify: a row for each node, what it sent and heard\n"
    "\n"
    "The model's numbers, with defaults of IEEE 802.15.4:\n"
    "  --serial-baud, --bit-rate, --loss-permille (of frames, beside collisions), --retries,\n"
    "  --backoffs, --queue (packets in a node), --cpu-send-us, --cpu-receive-us,\n"
    "  --cpu-forward-us (of a device, each message), --cpu-handshake-us (beside that, each datagram\n"
    "  of a handshake that a device sends), --cpu-first-us (of either end, the keys of a session\n"
    "  that needs no handshake), --relay-cpu-us (of the server, each message that it\n"
    "  passes on)\n";

static void usage_error(const char *what, const char *about)
{
    fprintf(stderr, "proa-experiment: %s%s\nTry `proa-experiment --help`.\n", what, about);
    exit(2);
}

/* ---- command line ----------------------------------------------------------------------- */

typedef struct options {
    const char *app, *topology, *flow, *nodes_file;
    uint64_t seed, interval_us, count;
    sim_radio_params radio;
    uint32_t handshake_us, first_us, relay_cpu_us;
} options;

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || value < least ||
        value > most) {
        fprintf(stderr, "proa-experiment: %s takes a number from %llu to %llu, not \"%s\"\n",
                option, (unsigned long long)least, (unsigned long long)most, text);
        exit(2);
    }
    return value;
}

#define MINUTE_US 60000000U

static void list_flows(void)
{
    for (unsigned i = 0; lab_flow_at(i) != NULL; i++) {
        puts(lab_flow_at(i)->name);
    }
    exit(0);
}

static bool read_text(options *o, const char *option, const char *value)
{
    const struct {
        const char *name;
        const char **place;
    } texts[] = {{"--app", &o->app},
                 {"--topology", &o->topology},
                 {"--flow", &o->flow},
                 {"--csv-nodes", &o->nodes_file}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(option, texts[i].name) == 0) {
            *texts[i].place = value;
            return true;
        }
    }
    return false;
}

static bool read_number(options *o, const char *option, const char *value)
{
    sim_radio_params *r = &o->radio;
    const struct {
        const char *name;
        uint32_t *place;
        uint32_t least, most;
    } numbers[] = {{"--wired-delay-us", &r->wired_delay_us, 0, MINUTE_US},
                   {"--serial-baud", &r->serial_baud, 300, 1000000000},
                   {"--bit-rate", &r->bit_rate, 1000, 1000000000},
                   {"--loss-permille", &r->loss_permille, 0, 1000},
                   {"--cpu-send-us", &r->cpu_send_us, 0, MINUTE_US},
                   {"--cpu-receive-us", &r->cpu_receive_us, 0, MINUTE_US},
                   {"--cpu-forward-us", &r->cpu_forward_us, 0, MINUTE_US},
                   {"--cpu-handshake-us", &o->handshake_us, 0, MINUTE_US},
                   {"--cpu-first-us", &o->first_us, 0, MINUTE_US},
                   {"--relay-cpu-us", &o->relay_cpu_us, 0, MINUTE_US}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(option, numbers[i].name) == 0) {
            *numbers[i].place = (uint32_t)number(option, value, numbers[i].least, numbers[i].most);
            return true;
        }
    }
    return false;
}

static void read_value(options *o, const char *option, const char *value)
{
    if (read_text(o, option, value) || read_number(o, option, value)) {
        return;
    }
    if (strcmp(option, "--seed") == 0) {
        o->seed = number(option, value, 0, UINT64_MAX);
    } else if (strcmp(option, "--interval-us") == 0) {
        o->interval_us = number(option, value, 1, 60U * MINUTE_US);
    } else if (strcmp(option, "--count") == 0) {
        o->count = number(option, value, 1, LAB_COUNT_MAX);
    } else if (strcmp(option, "--retries") == 0) {
        o->radio.retries_max = (uint8_t)number(option, value, 0, 255);
    } else if (strcmp(option, "--backoffs") == 0) {
        o->radio.backoffs_max = (uint8_t)number(option, value, 0, 255);
    } else if (strcmp(option, "--queue") == 0) {
        o->radio.queue_max = (uint16_t)number(option, value, 1, 65535);
    } else {
        usage_error("unknown option ", option);
    }
}

static options read_options(int argc, char **argv)
{
    const lab_setup defaults = lab_setup_default(lab_app_at(0), NULL, 1);
    options o = {.seed = defaults.seed,
                 .radio = defaults.radio,
                 .handshake_us = defaults.handshake_us,
                 .first_us = defaults.first_us,
                 .relay_cpu_us = defaults.relay_cpu_us};
    for (int i = 2; i < argc; i += 2) {
        if (strncmp(argv[i], "--", 2) != 0) {
            usage_error("unknown argument ", argv[i]);
        }
        if (i + 1 == argc) {
            usage_error("a value must follow ", argv[i]);
        }
        read_value(&o, argv[i], argv[i + 1]);
    }
    return o;
}

static lab_setup setup_of(const options *o, bool authorizes, sim_topology *topology)
{
    char problem[600];
    if (o->app == NULL || o->topology == NULL) {
        usage_error(o->app == NULL ? "--app is missing" : "--topology is missing", "");
    }
    const lab_app *app = lab_app_find(o->app);
    if (app == NULL || app->authorizes != authorizes) {
        usage_error(app == NULL ? "no application is called " : "another command is for ", o->app);
    }
    if (!sim_topology_load(o->topology, topology, problem, sizeof problem)) {
        fprintf(stderr, "proa-experiment: %s\n", problem);
        exit(2);
    }
    lab_setup setup = lab_setup_default(app, topology, o->seed);
    setup.radio = o->radio;
    setup.handshake_us = o->handshake_us;
    setup.first_us = o->first_us;
    setup.relay_cpu_us = o->relay_cpu_us;
    return setup;
}

/* ---- notify ----------------------------------------------------------------------------- */

static const unsigned percents[] = {0,  5,  10, 15, 20, 25, 30, 35, 40, 45, 50,
                                    55, 60, 65, 70, 75, 80, 85, 90, 95, 99, 100};

#define PERCENTS (sizeof percents / sizeof *percents)

static void print_series(const lab_setup *setup, const lab_series *series)
{
    uint32_t *delays = calloc(series->count, sizeof *delays);
    if (delays == NULL) {
        abort();
    }
    uint32_t n = lab_series_delays(series, delays);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += delays[i];
    }
    printf("app,topology,wired_delay_us,interval_us,seed,sent,delivered,mean_us");
    for (size_t i = 0; i < PERCENTS; i++) {
        printf(",q%02u", percents[i]);
    }
    printf("\n%s,%s,%u,%u,%llu,%u,%u,", setup->app->name, setup->topology->name,
           setup->radio.wired_delay_us, series->interval_us, (unsigned long long)setup->seed,
           series->changed, n);
    if (n > 0) {
        printf("%llu", (unsigned long long)((sum + n / 2) / n));
    }
    for (size_t i = 0; i < PERCENTS; i++) {
        putchar(',');
        if (n > 0) {
            printf("%u", lab_quantile(delays, n, percents[i]));
        }
    }
    putchar('\n');
    free(delays);
}

static const char *role_name(sim_role role)
{
    static const char *const names[] = {[SIM_ROLE_BORDER_ROUTER] = "border_router",
                                        [SIM_ROLE_HOST] = "host",
                                        [SIM_ROLE_REQUESTER] = "requester",
                                        [SIM_ROLE_FORWARDER] = "forwarder"};
    return names[role];
}

static void print_node(FILE *out, const lab_setup *setup, const lab_series *series, unsigned node)
{
    const sim_radio_counts *c = &series->counts[node];
    const uint64_t columns[] = {
        c->frames_sent, c->frame_bytes_sent,  c->acks_sent,  c->tx_us,
        c->rx_us,       c->attempts_repeated, c->collisions, c->channel_failures,
        c->queue_drops, c->frames_given_up};
    fprintf(out, "%s,%s,%u,%u,%llu,%u,%s", setup->app->name, setup->topology->name,
            setup->radio.wired_delay_us, series->interval_us, (unsigned long long)setup->seed,
            setup->topology->nodes[node].id, role_name(setup->topology->nodes[node].role));
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        fprintf(out, ",%llu", (unsigned long long)columns[i]);
    }
    putc('\n', out);
}

static int print_nodes(const char *path, const lab_setup *setup, const lab_series *series)
{
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        fprintf(stderr, "proa-experiment: %s: %s\n", path, strerror(errno));
        return 1;
    }
    fputs("app,topology,wired_delay_us,interval_us,seed,node,role,frames_sent,frame_bytes_sent,"
          "acks_sent,tx_us,rx_us,repeated,collisions,channel_failures,queue_drops,given_up\n",
          out);
    for (unsigned i = 0; i < setup->topology->node_count; i++) {
        print_node(out, setup, series, i);
    }
    if (fclose(out) != 0) {
        fprintf(stderr, "proa-experiment: %s: %s\n", path, strerror(errno));
        return 1;
    }
    return 0;
}

static int notify(const options *o)
{
    sim_topology topology;
    lab_series series;
    lab_setup setup = setup_of(o, false, &topology);
    if (o->interval_us == 0 || o->count == 0) {
        usage_error(o->count == 0 ? "--count is missing" : "--interval-us is missing", "");
    }
    int status = 1;
    if (lab_notify(&setup, (uint32_t)o->interval_us, (uint32_t)o->count, &series)) {
        print_series(&setup, &series);
        status = o->nodes_file == NULL ? 0 : print_nodes(o->nodes_file, &setup, &series);
    }
    lab_series_free(&series);
    return status;
}

/* ---- authorize -------------------------------------------------------------------------- */

static void print_tally(const options *o, const lab_setup *setup, lab_phase phase,
                        const lab_tally *t)
{
    printf("%s,%s,%u,%s,%llu,%s,%llu,%u,%u,%u,%u\n", setup->app->name, setup->topology->name,
           setup->radio.wired_delay_us, o->flow, (unsigned long long)setup->seed,
           lab_phase_name(phase), (unsigned long long)t->duration_us, t->messages, t->udp_bytes,
           t->frames, t->frame_bytes);
}

static void add(lab_tally *sum, const lab_tally *t)
{
    sum->duration_us += t->duration_us;
    sum->messages += t->messages;
    sum->udp_bytes += t->udp_bytes;
    sum->frames += t->frames;
    sum->frame_bytes += t->frame_bytes;
}

static sim_flow flow_of(const options *o)
{
    if (o->flow == NULL) {
        usage_error("--flow is missing", "");
    }
    if (strcmp(o->flow, "help") == 0) {
        list_flows();
    }
    const lab_flow *flow = lab_flow_find(o->flow);
    if (flow == NULL) {
        usage_error("no flow is called ", o->flow);
    }
    return flow->flow;
}

static int authorize(const options *o)
{
    sim_topology topology;
    lab_tally tallies[LAB_PHASES];
    lab_tally total = {0};
    sim_flow flow = flow_of(o);
    lab_setup setup = setup_of(o, true, &topology);
    setup.flow = flow;
    if (!lab_authorize(&setup, tallies)) {
        return 1;
    }
    puts("app,topology,wired_delay_us,flow,seed,phase,duration_us,messages,udp_bytes,frames,"
         "frame_bytes");
    for (unsigned i = 0; i < LAB_PHASES; i++) {
        if (tallies[i].happened) {
            print_tally(o, &setup, (lab_phase)i, &tallies[i]);
            add(&total, &tallies[i]);
        }
    }
    print_tally(o, &setup, LAB_PHASES, &total);
    return 0;
}

/* ---- path ------------------------------------------------------------------------------- */

static int print_path(const options *o)
{
    static const char *const media[] = {
        [SIM_RADIO_AIR] = "air", [SIM_RADIO_SERIAL] = "serial", [SIM_RADIO_WIRE] = "wire"};
    sim_topology topology;
    lab_way way;
    lab_setup setup = setup_of(o, false, &topology);
    if (!lab_way_of(&setup, &way)) {
        return 1;
    }
    puts("app,topology,wired_delay_us,leg,step,medium,bytes");
    for (unsigned i = 0; i < way.count; i++) {
        printf("%s,%s,%u,%u,%u,%s,%u\n", setup.app->name, topology.name, setup.radio.wired_delay_us,
               way.steps[i].leg, i + 1, media[way.steps[i].medium], way.steps[i].bytes);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *command = argc < 2 ? "" : argv[1];
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return 0;
        }
    }
    int (*run)(const options *) = strcmp(command, "notify") == 0      ? notify
                                  : strcmp(command, "authorize") == 0 ? authorize
                                  : strcmp(command, "path") == 0      ? print_path
                                                                      : NULL;
    if (run == NULL) {
        usage_error(argc < 2 ? "a command is missing" : "unknown command ", command);
    }
    options o = read_options(argc, argv);
    return run(&o);
}
