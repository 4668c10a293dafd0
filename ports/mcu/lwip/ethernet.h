/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_MCU_ETHERNET_H
#define PROA_PORTS_MCU_ETHERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An Ethernet controller as a table of functions. Frames go in and out piece by piece, so that a
 * controller with a FIFO needs no buffer for a frame. None of them may block: a frame that does not
 * go out now is lost, as frames are. */
typedef struct proa_ethernet {
    /* Start; out: the controller's own address. */
    void (*open)(uint8_t mac[6]);

    /* The bytes of the frame that came next, without its checksum; 0 if none has. Of the one before
     * is dropped what was not read. When there is none, the next one makes an interrupt. */
    size_t (*next)(void);

    /* The next len bytes of that frame; not more than it has. */
    void (*read)(uint8_t *out, size_t len);

    /* A frame of len bytes (14 to 1514) is to be sent: false if there is no room. Its bytes follow
     * in one or more writes, then end. */
    bool (*begin)(size_t len);
    void (*write)(const uint8_t *bytes, size_t len);
    void (*end)(void);
} proa_ethernet;

#endif
