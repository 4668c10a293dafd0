/* SPDX-License-Identifier: Apache-2.0 */
/* proa-mesh: the simulator's radio for real programs. What their kernels send into a TUN device goes through the
 * mesh of a topology by the real clock, and comes out of another one when it is due.
 *
 * It owns no device: whoever starts it opens one for each end and hands over the descriptors, from which one read
 * is one IPv6 packet (anything with that property will do: the test uses pairs of sockets). Inside the radio every
 * time is exact; only the last step, into the receiver's kernel, is as late as this process is woken, which it
 * measures. It runs until standard input ends or a signal asks, then says what the radio did. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "ports/linux/os.h"
#include "proa_build.h"
#include "sim/radio/radio.h"
#include "tools/proa/options.h"
#include "tools/proa/output.h"

#define SCHEMA "proa-mesh-1"
#define PACKET_MAX 1280U /* of the radio, and of the devices: their MTU */

/* How long before something is due this process stops sleeping: longer than being woken takes, on most machines. */
#define AWAKE_US 150U

/* What is later than this is counted: a fifth of what one frame takes. */
#define LATE_US 1000U

/* Packets read in one turn from one end: what is due elsewhere waits for no more than these. */
#define BURST_MAX 16

enum { HOST, REQUESTER, SERVER, ENDS };

typedef struct mesh {
    sim_topology topology;
    sim_radio_params params;
    sim_radio *radio;
    int fds[ENDS];
    unsigned nodes[ENDS]; /* of which the descriptors are the stack */
    uint64_t packets_in, packets_out, not_taken;
    uint64_t late, late_us_sum,
        late_us_max; /* packets that came out LATE_US late; of all that came out */
} mesh;

static volatile sig_atomic_t stop_wanted;

static void on_signal(int number)
{
    (void)number;
    stop_wanted = 1;
}

static uint64_t now_us(void)
{
    return proa_linux_now_ns() / 1000;
}

/* ---- the command line ------------------------------------------------------------------- */

static uint32_t read_options(mesh *m, int argc, char **argv)
{
    uint32_t seed = 1;
    uint32_t fds[ENDS];
    bool given[ENDS] = {false};
    sim_radio_params *p = &m->params;
    const proa_option table[] = {
        {"--host", "FD", "the descriptor that is the host's stack", &given[HOST], NULL, &fds[HOST],
         INT16_MAX},
        {"--requester", "FD", "the requester's", &given[REQUESTER], NULL, &fds[REQUESTER],
         INT16_MAX},
        {"--server", "FD", "that of the machine behind the border router", &given[SERVER], NULL,
         &fds[SERVER], INT16_MAX},
        {"--seed", "N", "of back-offs and losses; 1", NULL, NULL, &seed, UINT32_MAX},
        {"--wired-delay-us", "N", "one way, between border router and server; 20000", NULL, NULL,
         &p->wired_delay_us, 60000000},
        {"--cpu-send-us", "N", "of a device, before each packet; 0: a process has its own", NULL,
         NULL, &p->cpu_send_us, 60000000},
        {"--cpu-receive-us", "N", "and after one; 0", NULL, NULL, &p->cpu_receive_us, 60000000},
        {"--cpu-forward-us", "N", "of each hop between", NULL, NULL, &p->cpu_forward_us, 60000000},
    };
    const proa_command_line line = {
        "proa-mesh", "TOPOLOGY --host FD --requester FD --server FD [OPTION...]",
        "Joins three IPv6 stacks by an emulated 802.15.4 mesh (docs/EXPERIMENTS.md has the format\n"
        "of TOPOLOGY). Runs until standard input ends; then prints its counters as JSON.",
        table, sizeof table / sizeof *table};
    *p = sim_radio_params_default();
    p->wired_delay_us = 20000;
    p->cpu_send_us = 0;
    p->cpu_receive_us = 0;
    int operands = proa_options_read(&line, argc, argv);
    if (operands != 1) {
        proa_options_fail(&line, operands == 0 ? "which topology?" : "one topology only");
    }
    for (int i = 0; i < ENDS; i++) {
        static const char *const names[ENDS] = {"--host", "--requester", "--server"};
        if (!given[i]) {
            proa_options_fail(&line, "%s FD is missing", names[i]);
        }
        m->fds[i] = (int)fds[i];
        int flags = fcntl(m->fds[i], F_GETFL);
        if (flags < 0 || fcntl(m->fds[i], F_SETFL, flags | O_NONBLOCK) < 0) {
            proa_options_fail(&line, "%s %d: %s", names[i], m->fds[i], strerror(errno));
        }
    }
    return seed;
}

/* ---- packets ---------------------------------------------------------------------------- */

static void write_packet(mesh *m, unsigned node, proa_span packet)
{
    for (int end = 0; end < ENDS; end++) {
        if (m->nodes[end] == node) {
            bool taken = write(m->fds[end], packet.data, packet.len) == (ssize_t)packet.len;
            m->packets_out++;
            m->not_taken += !taken;
        }
    }
}

/* Everything inside up to now, each event at its own time; packets that arrive come out, as late as it is now. */
static void catch_up(mesh *m, uint64_t at_us)
{
    proa_span packet;
    unsigned node;
    for (uint64_t due_us; (due_us = sim_radio_next_us(m->radio)) <= at_us;) {
        while (sim_radio_take(m->radio, due_us, &node, &packet)) {
            uint64_t late_us = at_us - due_us;
            m->late += late_us >= LATE_US;
            m->late_us_sum += late_us;
            m->late_us_max = late_us > m->late_us_max ? late_us : m->late_us_max;
            write_packet(m, node, packet);
        }
    }
}

/* False when the other end is closed. */
static bool read_packets(mesh *m, int end)
{
    uint8_t packet[PACKET_MAX + 1];
    for (int i = 0; i < BURST_MAX; i++) {
        ssize_t len = read(m->fds[end], packet, sizeof packet);
        if (len <= 0) {
            return len < 0 && (errno == EAGAIN || errno == EINTR);
        }
        uint64_t at_us = now_us();
        catch_up(m, at_us);
        m->packets_in++;
        sim_radio_send(m->radio, at_us, m->nodes[end], proa_span_make(packet, (size_t)len));
    }
    return true;
}

/* Until something comes in, is due, or ends it: EOF or a signal, which are let in nowhere else. */
static void run(mesh *m)
{
    sigset_t open;
    struct pollfd fds[ENDS + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    sigemptyset(&open);
    for (int end = 0; end < ENDS; end++) {
        fds[end + 1] = (struct pollfd){.fd = m->fds[end], .events = POLLIN};
    }
    while (stop_wanted == 0) {
        uint64_t at_us = now_us();
        uint64_t due_us = sim_radio_next_us(m->radio);
        uint64_t left_us = due_us > at_us + AWAKE_US ? due_us - at_us - AWAKE_US : 0;
        struct timespec left = {(time_t)(left_us / 1000000), (long)(left_us % 1000000) * 1000};
        if (ppoll(fds, ENDS + 1, due_us == UINT64_MAX ? NULL : &left, &open) > 0) {
            char ignored[64];
            if (fds[0].revents != 0 && read(STDIN_FILENO, ignored, sizeof ignored) <= 0) {
                return;
            }
            for (int end = 0; end < ENDS; end++) {
                if (fds[end + 1].revents != 0 && !read_packets(m, end)) {
                    fds[end + 1].fd = -1; /* it says nothing more; the others may */
                }
            }
        }
        catch_up(m, now_us());
    }
}

/* ---- what it says ----------------------------------------------------------------------- */

static json_t *ends_json(const mesh *m)
{
    static const char *const names[ENDS] = {"host", "requester", "server"};
    json_t *ends = json_object();
    for (int end = 0; end < ENDS; end++) {
        uint8_t address[16];
        char text[INET6_ADDRSTRLEN];
        sim_radio_address(m->nodes[end], address);
        inet_ntop(AF_INET6, address, text, sizeof text);
        json_object_set_new(ends, names[end], json_string(text));
    }
    return ends;
}

static json_t *node_json(const mesh *m, unsigned node)
{
    static const char *const roles[] = {"border_router", "host", "requester", "forwarder"};
    const sim_radio_counts *c = sim_radio_counts_of(m->radio, node);
    return json_pack(
        "{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "node",
        (json_int_t)m->topology.nodes[node].id, "role", roles[m->topology.nodes[node].role],
        "frames_sent", (json_int_t)c->frames_sent, "frame_bytes_sent",
        (json_int_t)c->frame_bytes_sent, "acks_sent", (json_int_t)c->acks_sent, "tx_us",
        (json_int_t)c->tx_us, "rx_us", (json_int_t)c->rx_us, "repeated",
        (json_int_t)c->attempts_repeated, "collisions", (json_int_t)c->collisions,
        "channel_failures", (json_int_t)c->channel_failures, "queue_drops",
        (json_int_t)c->queue_drops, "given_up", (json_int_t)c->frames_given_up, "hop_limit_drops",
        (json_int_t)c->hop_limit_drops, "no_route_drops", (json_int_t)c->no_route_drops);
}

static json_t *counters_json(const mesh *m)
{
    json_t *nodes = json_array();
    uint64_t out = m->packets_out == 0 ? 1 : m->packets_out;
    for (unsigned i = 0; i < m->topology.node_count; i++) {
        json_array_append_new(nodes, node_json(m, i));
    }
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:I, s:o}", "topology", m->topology.name,
                     "packets_in", (json_int_t)m->packets_in, "packets_out",
                     (json_int_t)m->packets_out, "not_taken", (json_int_t)m->not_taken, "late",
                     (json_int_t)m->late, "late_mean_us", (double)m->late_us_sum / (double)out,
                     "late_max_us", (json_int_t)m->late_us_max, "nodes", nodes);
}

static void listen_to_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t closed;
    sigemptyset(&closed);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &action, NULL);
        sigaddset(&closed, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &closed, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
    static mesh m;
    const proa_output out = {.json = true};
    char problem[700];
    uint32_t seed = read_options(&m, argc, argv);
    if (!sim_topology_load(argv[1], &m.topology, problem, sizeof problem)) {
        fprintf(stderr, "proa-mesh: %s\n", problem);
        return 1;
    }
    m.nodes[HOST] = m.topology.host;
    m.nodes[REQUESTER] = m.topology.requester;
    m.nodes[SERVER] = SIM_TOPOLOGY_WIRED;
    listen_to_signals();
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* a nanosecond, not 50 us */
    m.radio = sim_radio_open(&m.topology, &m.params, seed);
    proa_output_say(&out, json_pack("{s:s, s:o}", "event", "open", "addresses", ends_json(&m)),
                    NULL);
    run(&m);
    int status = proa_output_finish(&out, SCHEMA, true, counters_json(&m));
    sim_radio_close(m.radio);
    return status;
}
