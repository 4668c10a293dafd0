/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_LM3S6965_H
#define PROA_FIRMWARE_LM3S6965_H

/* A frame has come: ends the wait, and is silent until it was read. */
void lm3s6965_ethernet_interrupt(void);

#endif
