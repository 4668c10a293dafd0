/* SPDX-License-Identifier: Apache-2.0 */
/* UDP over the sockets API: dual-stack, with the destination of each datagram, so that multicast is
 * seen (RFC 7252 §8.2 treats it differently). */
#include "ports/linux/udp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void to_sockaddr(const proa_addr *from, struct sockaddr_in6 *to)
{
    memset(to, 0, sizeof *to);
    to->sin6_family = AF_INET6;
    to->sin6_port = htons(from->port);
    to->sin6_scope_id = from->zone;
    memcpy(&to->sin6_addr, from->ip, sizeof from->ip);
}

static void from_sockaddr(const struct sockaddr_in6 *from, proa_addr *to)
{
    memcpy(to->ip, &from->sin6_addr, sizeof to->ip);
    to->port = ntohs(from->sin6_port);
    to->zone = proa_addr_is_link_local(to) ? (uint16_t)from->sin6_scope_id : 0;
}

static int set_up(int fd, proa_addr *local)
{
    int on = 1;
    int off = 0;
    struct sockaddr_in6 address;
    socklen_t len = sizeof address;
    to_sockaddr(local, &address);
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0 ||
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return -errno;
    }
    from_sockaddr(&address, local);
    return 0;
}

int proa_udp_open(proa_addr *local)
{
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0) {
        return -errno;
    }
    int err = set_up(fd, local);
    if (err != 0) {
        close(fd);
        return err;
    }
    return fd;
}

static bool sent_to_multicast(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            proa_addr to = {{0}, 0, 0};
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memcpy(to.ip, &info.ipi6_addr, sizeof to.ip);
            return proa_addr_is_multicast(&to);
        }
    }
    return false;
}

int proa_udp_receive(int fd, uint8_t *buf, size_t cap, proa_addr *from, bool *multicast)
{
    struct sockaddr_in6 address;
    struct iovec iov = {buf, cap};
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;
    struct msghdr message = {.msg_name = &address,
                             .msg_namelen = sizeof address,
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    for (;;) {
        ssize_t len = recvmsg(fd, &message, 0);
        if (len < 0) {
            /* ICMP errors of earlier sends show up here. They are not authenticated, so they
             * decide nothing; the next datagram may be fine. */
            if (errno == EINTR || errno == ECONNREFUSED || errno == EHOSTUNREACH ||
                errno == ENETUNREACH) {
                continue;
            }
            return -1;
        }
        if ((message.msg_flags & MSG_TRUNC) == 0) {
            from_sockaddr(&address, from);
            *multicast = sent_to_multicast(&message);
            return (int)len;
        }
        message.msg_controllen = sizeof control;
        message.msg_namelen = sizeof address;
    }
}

bool proa_udp_send(int fd, const proa_addr *to, proa_span datagram)
{
    struct sockaddr_in6 address;
    to_sockaddr(to, &address);
    for (int attempt = 0; attempt < 3; attempt++) {
        if (sendto(fd, datagram.data, datagram.len, 0, (struct sockaddr *)&address,
                   sizeof address) >= 0) {
            return true;
        }
        if (errno != EINTR && errno != ECONNREFUSED) {
            return false; /* ECONNREFUSED tells of an earlier datagram, so this one is tried again */
        }
    }
    return false;
}

proa_err proa_udp_resolve(proa_span host, uint16_t port, proa_addr *out)
{
    char name[256];
    struct addrinfo hints = {
        .ai_family = AF_INET6, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    proa_addr result = {{0}, port, 0};
    if (proa_addr_parse_ip(host, &result) == PROA_OK) {
        *out = result;
        return PROA_OK;
    }
    if (host.len == 0 || host.len >= sizeof name) {
        return PROA_E_NOT_FOUND;
    }
    memcpy(name, host.data, host.len);
    name[host.len] = '\0';
    int failed = getaddrinfo(name, NULL, &hints, &found);
    if (failed != 0) {
        /* A machine with loopback only has no configured address, yet "localhost" must work. */
        hints.ai_flags = AI_V4MAPPED;
        failed = getaddrinfo(name, NULL, &hints, &found);
    }
    if (failed != 0 || found == NULL) {
        return PROA_E_NOT_FOUND;
    }
    struct sockaddr_in6 address;
    memcpy(&address, found->ai_addr, sizeof address);
    freeaddrinfo(found);
    from_sockaddr(&address, &result);
    result.port = port;
    *out = result;
    return PROA_OK;
}
