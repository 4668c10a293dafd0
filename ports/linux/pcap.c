/* SPDX-License-Identifier: Apache-2.0 */
/* pcap files, nanosecond variant, link type RAW (each packet begins with its IP header). Both
 * address families are written as what they are, so Wireshark's dissectors and filters work. */
#include "ports/linux/pcap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC_NANOSECONDS 0xa1b23c4dU
#define LINKTYPE_RAW 101U
#define UDP_HEADER_LEN 8U
#define PROTOCOL_UDP 17U

struct proa_pcap {
    FILE *file;
};

proa_pcap *proa_pcap_open(const char *path)
{
    const uint32_t header[6] = {MAGIC_NANOSECONDS, 4U << 16 | 2U, 0, 0, 65535, LINKTYPE_RAW};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    proa_pcap *pcap = file == NULL ? NULL : malloc(sizeof *pcap);
    if (pcap == NULL) {
        if (file != NULL) {
            fclose(file);
        }
        return NULL;
    }
    pcap->file = file;
    fwrite(header, sizeof header, 1, file);
    fflush(file);
    return pcap;
}

/* The one's complement sum of RFC 1071 over an even number of bytes (and an odd last one). */
static uint32_t sum16(uint32_t sum, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2) {
        sum += (uint32_t)(at[i] << 8 | at[i + 1]);
    }
    return len % 2 != 0 ? sum + (uint32_t)(at[len - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static void write_ip_header(proa_writer *w, const proa_addr *from, const proa_addr *to,
                            uint16_t udp_len)
{
    if (proa_addr_is_v4(from) && proa_addr_is_v4(to)) {
        uint8_t header[20] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, PROTOCOL_UDP};
        uint16_t total = (uint16_t)(udp_len + sizeof header);
        header[2] = (uint8_t)(total >> 8);
        header[3] = (uint8_t)total;
        memcpy(header + 12, from->ip + 12, 4);
        memcpy(header + 16, to->ip + 12, 4);
        uint16_t check = fold(sum16(0, header, sizeof header));
        header[10] = (uint8_t)(check >> 8);
        header[11] = (uint8_t)check;
        proa_write_bytes(w, header, sizeof header);
    } else {
        proa_write_u32(w, 0x60000000U);
        proa_write_u16(w, udp_len);
        proa_write_u8(w, PROTOCOL_UDP);
        proa_write_u8(w, 64);
        proa_write_bytes(w, from->ip, sizeof from->ip);
        proa_write_bytes(w, to->ip, sizeof to->ip);
    }
}

void proa_pcap_write(proa_pcap *pcap, int64_t unix_ns, const proa_addr *from, const proa_addr *to,
                     proa_span datagram)
{
    uint8_t bytes[64];
    proa_writer w = proa_writer_make(bytes, sizeof bytes);
    if (pcap == NULL || datagram.len > 65000) {
        return;
    }
    uint16_t udp_len = (uint16_t)(datagram.len + UDP_HEADER_LEN);
    write_ip_header(&w, from, to, udp_len);
    /* The checksum covers a pseudo header (RFC 768, RFC 8200 §8.1): addresses, length, protocol. */
    uint32_t sum = sum16(PROTOCOL_UDP + (uint32_t)udp_len, from->ip, sizeof from->ip);
    if (proa_addr_is_v4(from) && proa_addr_is_v4(to)) {
        sum = sum16(sum16(PROTOCOL_UDP + (uint32_t)udp_len, from->ip + 12, 4), to->ip + 12, 4);
    } else {
        sum = sum16(sum, to->ip, sizeof to->ip);
    }
    sum = sum16(sum + from->port + to->port + udp_len, datagram.data, datagram.len);
    uint16_t check = fold(sum);
    proa_write_u16(&w, from->port);
    proa_write_u16(&w, to->port);
    proa_write_u16(&w, udp_len);
    proa_write_u16(&w, check == 0 ? 0xffff : check);
    uint32_t len = (uint32_t)(w.len + datagram.len);
    const uint32_t record[4] = {(uint32_t)(unix_ns / 1000000000), (uint32_t)(unix_ns % 1000000000),
                                len, len};
    fwrite(record, sizeof record, 1, pcap->file);
    fwrite(bytes, w.len, 1, pcap->file);
    fwrite(datagram.data, datagram.len, 1, pcap->file);
    fflush(pcap->file); /* a capture is read while, or after, the program dies */
}

void proa_pcap_close(proa_pcap *pcap)
{
    if (pcap != NULL) {
        fclose(pcap->file);
        free(pcap);
    }
}
