/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_COMMANDS_H
#define PROA_TOOLS_COMMANDS_H

/* The sub-commands of `proa`. Each gets its own name as argv[0] and returns the exit status:
 * 0 done, 1 failed, 2 wrong usage, 3 skipped. */
int proa__tool_client(int argc, char **argv);
int proa__tool_ctl(int argc, char **argv);
int proa__tool_coap(int argc, char **argv);

#endif
