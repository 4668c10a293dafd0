/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_BUGS_H
#define PROA_SIM_BUGS_H

#include <stdbool.h>

/* Seeded bugs: mistakes that somebody could make in the engines, switched on by name. A checker that
 * does not find them checks nothing.
 *
 * The engines know nothing of this. The linker diverts some of their functions (--wrap) to versions
 * in bugs.c that make the mistake while it is switched on and call the real one otherwise. */
typedef struct sim_bug {
    const char *scenario; /* in which it has to be found */
    const char *name;
    const char *mistake; /* one line */
} sim_bug;

const sim_bug *sim_bug_at(unsigned index); /* NULL at the end */

/* Switch on the one bug of that name, NULL for none. False if there is no such bug. */
bool sim_bug_select(const char *name);

#endif
