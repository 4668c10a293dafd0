/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_MPS2_H
#define PROA_FIRMWARE_MPS2_H

/* A frame has come: ends the wait, and is silent until it was read. */
void mps2_ethernet_interrupt(void);

#endif
