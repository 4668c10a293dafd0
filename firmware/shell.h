/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_SHELL_H
#define PROA_FIRMWARE_SHELL_H

/* The console of a device: commands in, what happens out, a line each. Every line begins with a word
 * that says what it is. */

/* What happened since the last call, and what was typed. */
void shell_work(void);

#endif
