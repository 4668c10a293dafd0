/* SPDX-License-Identifier: Apache-2.0 */
/* `proa`: one command with sub-commands. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proa_build.h"
#include "tools/proa/commands.h"

static int run_help(int argc, char **argv);
static int run_version(int argc, char **argv);

/* A program of its own that lies beside this one. */
static int run_beside(const char *name, char **argv)
{
    static char path[4096]; /* lives on in argv */
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    char *slash = len < 0 ? NULL : memrchr(path, '/', (size_t)len);
    if (slash == NULL || (size_t)(slash + 1 - path) + strlen(name) >= sizeof path) {
        fprintf(stderr, "proa: cannot tell where %s is\n", name);
        return 1;
    }
    memcpy(slash + 1, name, strlen(name) + 1);
    argv[0] = path;
    execv(path, argv);
    fprintf(stderr, "proa: %s: %s\n", path, strerror(errno));
    return 1;
}

static int run_sim(int argc, char **argv)
{
    (void)argc;
    return run_beside("proa-sim", argv);
}

static int run_demo(int argc, char **argv)
{
    (void)argc;
    return run_beside("proa-demo", argv);
}

static const struct {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"client", "a simulated device that also talks to other devices", proa__tool_client},
    {"ctl", "ask and tell a running proad", proa__tool_ctl},
    {"coap", "one CoAP request, or a CoAP test server", proa__tool_coap},
    {"sim", "the simulator", run_sim},
    {"demo", "two devices and a server on this machine, step by step", run_demo},
    {"help", "this list", run_help},
    {"version", "version and commit", run_version},
};

static int run_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("usage: proa COMMAND ...\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    }
    printf("\n`proa COMMAND --help` says more.\n");
    return 0;
}

static int run_version(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    printf(
        json ? "{\"schema\":\"proa-version-1\",\"version\":\"%s\",\"commit\":\"%s\",\"ok\":true}\n"
             : "proa %s (%s)\n",
        PROA_BUILD_VERSION, PROA_BUILD_COMMIT);
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0) {
        name = "version";
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (argc < 2) {
        fprintf(stderr, "proa: which command? `proa help` lists them\n");
    } else {
        fprintf(stderr, "proa: unknown command %s; `proa help` lists them\n", name);
    }
    return 2;
}
