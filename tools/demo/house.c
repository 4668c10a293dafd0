/* SPDX-License-Identifier: Apache-2.0 */
/* Setting up and clearing away what the demo runs. */
#include "tools/demo/house.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ports/linux/os.h"
#include "proa/bytes.h"

#define START_MS 20000

static bool fail(const char *what)
{
    fprintf(stderr, "proa-demo: %s\n", what);
    return false;
}

static void fresh_key(char hex[33])
{
    uint8_t key[16];
    proa_random random = proa_linux_random();
    proa_random_fill(&random, key, sizeof key);
    for (size_t i = 0; i < sizeof key; i++) {
        snprintf(hex + 2 * i, 3, "%02x", key[i]);
    }
    proa_wipe(key, sizeof key);
}

static bool write_file(const demo_house *house, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool write_file(const demo_house *house, const char *name, const char *format, ...)
{
    char path[128];
    va_list arguments;
    snprintf(path, sizeof path, "%s/%s", house->directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail("cannot write into its temporary folder");
    }
    va_start(arguments, format);
    int len = vdprintf(fd, format, arguments);
    va_end(arguments);
    return close(fd) == 0 && len > 0;
}

/* How a device and the server recognise each other, as a member of both their files. The server is
 * `00` to each of its devices. */
typedef struct account {
    const char *name;
    const char *id; /* of the device, for OSCORE */
    char key[33];
} account;

static const char *sealing(char text[160], const account *a, bool at_server)
{
    snprintf(text, 160,
             "\"oscore\": {\"secret\": \"%s\", \"sender\": \"%s\", \"recipient\": \"%s\"}", a->key,
             at_server ? "00" : a->id, at_server ? a->id : "00");
    return text;
}

static const char *keys_of(char text[160], const demo_house *house, const account *a,
                           bool at_server)
{
    if (house->oscore) {
        return sealing(text, a, at_server);
    }
    snprintf(text, 160, "\"identity\": \"%s\", \"key\": \"%s\"", a->name, a->key);
    return text;
}

static bool write_server_files(const demo_house *house, const account *lamp,
                               const account *light_switch)
{
    char lamp_keys[160];
    char switch_keys[160];
    bool ok =
        write_file(house, "proad.json",
                   "{ \"listen\": \"[::1]:0\", \"policy\": \"policy.json\",\n"
                   "  \"devices\": [ {\"endpoint\": \"lamp\", %s},\n"
                   "    {\"endpoint\": \"switch\", %s} ],\n"
                   "  \"relay\": [\"lamp/3311/0/5750 -> switch/3311/0/5750\"] }\n",
                   keys_of(lamp_keys, house, lamp, true),
                   keys_of(switch_keys, house, light_switch, true)) &&
        write_file(house, "policy.json",
                   "{ \"rules\": [ { \"name\": \"switches may use lamps\",\n"
                   "  \"allow\": [\"read\", \"observe\", \"write\"], \"requester\": \"switch\",\n"
                   "  \"host\": \"lamp\", \"path\": \"/3311\", \"lifetime\": 3600,\n"
                   "  \"security\": \"%s\" } ] }\n",
                   house->oscore ? "oscore" : "dtls");
    proa_wipe(lamp_keys, sizeof lamp_keys);
    proa_wipe(switch_keys, sizeof switch_keys);
    return ok;
}

static bool write_device(const demo_house *house, const account *device, const char *port)
{
    char file[32];
    char keys[160];
    snprintf(file, sizeof file, "%s.json", device->name);
    bool ok =
        write_file(house, file,
                   "{ \"endpoint\": \"%s\", \"listen\": \"[::1]:0\", \"state\": \"%s.state\",\n"
                   "  \"servers\": [ {\"id\": 1, \"uri\": \"%s://[::1]:%s\", %s,\n"
                   "    \"lifetime\": 300, \"authority\": true} ],\n"
                   "  \"objects\": { \"3311\": { \"0\": { \"5850\": false, \"5706\": \"00000\",\n"
                   "    \"5750\": \"00000\" } } } }\n",
                   device->name, device->name, house->oscore ? "coap" : "coaps", port,
                   keys_of(keys, house, device, false));
    proa_wipe(keys, sizeof keys);
    return ok;
}

/* "[::1]:41000" -> "41000" */
static const char *port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    return colon == NULL ? "" : colon + 1;
}

static bool start_server(demo_house *house, char *port, size_t port_cap)
{
    char program[600];
    char config[128];
    char capture[256];
    snprintf(program, sizeof program, "%s/proad", house->programs);
    snprintf(config, sizeof config, "%s/proad.json", house->directory);
    snprintf(capture, sizeof capture, "%s-proad.pcap", house->pcap == NULL ? "" : house->pcap);
    char *argv[] = {program, "--config", config, "--json", house->pcap == NULL ? NULL : "--pcap",
                    capture, NULL};
    if (!demo_child_start(&house->server, "proad", argv)) {
        return fail("cannot start proad");
    }
    json_t *line = demo_child_wait(&house->server, "listening", START_MS);
    snprintf(port, port_cap, "%s", port_of(demo_text(line, "address")));
    json_decref(line);
    return port[0] != '\0' || fail("proad did not start");
}

static bool start_device(demo_house *house, demo_child *child, const char *name)
{
    char program[600];
    char config[128];
    char capture[256];
    snprintf(program, sizeof program, "%s/proa", house->programs);
    snprintf(config, sizeof config, "%s/%s.json", house->directory, name);
    snprintf(capture, sizeof capture, "%s-%s.pcap", house->pcap == NULL ? "" : house->pcap, name);
    char *argv[] = {program, "client", config, "--json", house->pcap == NULL ? NULL : "--pcap",
                    capture, NULL};
    if (!demo_child_start(child, name, argv)) {
        return fail("cannot start proa client");
    }
    json_t *line = demo_child_wait(child, "registered", START_MS);
    bool registered = line != NULL;
    json_decref(line);
    return registered || fail("a device did not register with proad");
}

static bool connect_control(demo_house *house)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/proad.sock", house->directory);
    house->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return (house->control_fd >= 0 &&
            connect(house->control_fd, (struct sockaddr *)&address, sizeof address) == 0) ||
           fail("proad's control socket does not answer");
}

json_t *demo_house_control(demo_house *house, const char *request)
{
    static char answer[65536];
    size_t len = 0;
    if (send(house->control_fd, request, strlen(request), MSG_NOSIGNAL) < 0 ||
        send(house->control_fd, "\n", 1, MSG_NOSIGNAL) < 0) {
        return NULL;
    }
    while (len < sizeof answer && memchr(answer, '\n', len) == NULL) {
        struct pollfd pfd = {.fd = house->control_fd, .events = POLLIN};
        ssize_t got = poll(&pfd, 1, START_MS) <= 0
                          ? 0
                          : recv(house->control_fd, answer + len, sizeof answer - len, 0);
        if (got <= 0) {
            return NULL;
        }
        len += (size_t)got;
    }
    return json_loadb(answer, len, JSON_DISABLE_EOF_CHECK, NULL);
}

/* Where the lamp is: the one thing that a person would have to know for asking it without the
 * server's help. */
static bool find_lamp(demo_house *house)
{
    json_t *answer = demo_house_control(house, "{\"id\":1,\"cmd\":\"devices\"}");
    size_t index;
    json_t *device;
    json_array_foreach(json_object_get(answer, "devices"), index, device)
    {
        if (strcmp(demo_text(device, "endpoint"), "lamp") == 0) {
            snprintf(house->lamp_address, sizeof house->lamp_address, "%s",
                     demo_text(device, "address"));
        }
    }
    json_decref(answer);
    return house->lamp_address[0] != '\0' || fail("the lamp is not registered");
}

static void find_programs(demo_house *house, const char *argv0)
{
    ssize_t len = readlink("/proc/self/exe", house->programs, sizeof house->programs - 1);
    if (len < 0) {
        len = snprintf(house->programs, sizeof house->programs, "%s", argv0);
    }
    house->programs[len] = '\0';
    char *slash = strrchr(house->programs, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
}

bool demo_house_open(demo_house *house, const char *argv0, const char *pcap, bool oscore)
{
    account lamp = {.name = "lamp", .id = "01"};
    account light_switch = {.name = "switch", .id = "02"};
    char port[16];
    memset(house, 0, sizeof *house);
    house->control_fd = -1;
    house->pcap = pcap;
    house->oscore = oscore;
    find_programs(house, argv0);
    snprintf(house->directory, sizeof house->directory, "/tmp/proa-demo-XXXXXX");
    if (mkdtemp(house->directory) == NULL) {
        house->directory[0] = '\0';
        return fail("cannot make a temporary folder");
    }
    fresh_key(lamp.key);
    fresh_key(light_switch.key);
    bool ok = write_server_files(house, &lamp, &light_switch) &&
              start_server(house, port, sizeof port) && write_device(house, &lamp, port) &&
              write_device(house, &light_switch, port) &&
              start_device(house, &house->lamp, "lamp") &&
              start_device(house, &house->light_switch, "switch") && connect_control(house) &&
              find_lamp(house);
    proa_wipe(lamp.key, sizeof lamp.key);
    proa_wipe(light_switch.key, sizeof light_switch.key);
    return ok;
}

static void remove_folder(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char name[400];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR) {
            remove_folder(name);
        } else {
            unlink(name);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    rmdir(path);
}

void demo_house_close(demo_house *house)
{
    demo_child_stop(&house->light_switch);
    demo_child_stop(&house->lamp);
    demo_child_stop(&house->server);
    if (house->control_fd >= 0) {
        close(house->control_fd);
        house->control_fd = -1;
    }
    if (house->directory[0] != '\0') {
        remove_folder(house->directory);
        house->directory[0] = '\0';
    }
}
