/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on the control socket of a proad that has no devices. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ports/linux/os.h"
#include "server/os/control_internal.h"

static proa_control control;
static int answers_fd;
static char folder[] = "/tmp/proa-fuzz-XXXXXX";

static void remove_folder(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/db%s", folder, suffixes[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void open_once(void)
{
    static proa_config config;
    static proa_log quiet;
    char path[64];
    char message[256];
    int ends[2];
    proa_hub_parts parts = {.config = &config, .log = &quiet};
    proa_server_config server =
        proa_server_config_default(proa_linux_random(), proa_linux_memory());
    proa_authority_config authority =
        proa_authority_config_default(proa_linux_random(), proa_linux_memory());
    quiet.json = true;
    snprintf(path, sizeof path, "%s/db", mkdtemp(folder));
    atexit(remove_folder);
    bool ok = proa_server_open(&parts.server, &server) == PROA_OK &&
              proa_authority_open(&parts.authority, &authority) == PROA_OK &&
              socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0 &&
              (parts.database = proa_database_open(path, message, sizeof message)) != NULL;
    control.hub = ok ? proa_hub_open(&parts, 1, message, sizeof message) : NULL;
    if (control.hub == NULL) {
        abort();
    }
    control.clients[0].fd = ends[0];
    answers_fd = ends[1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char answer[4096];
    if (control.hub == NULL) {
        open_once();
    }
    proa__control_command(&control, 0, 1, (const char *)data, size);
    proa_hub_turn(control.hub, 1);
    while (recv(answers_fd, answer, sizeof answer, 0) > 0) {
    }
    return 0;
}
