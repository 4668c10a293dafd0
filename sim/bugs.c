/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes that the linker puts in the way of the engines: see bugs.h and CMakeLists.txt, which
 * lists the diverted functions. */
#include "sim/bugs.h"

#include <string.h>

static const sim_bug bugs[] = {
    {"none-yet", "placeholder"},
};

static const sim_bug *selected;

const sim_bug *sim_bug_at(unsigned index)
{
    return index < sizeof bugs / sizeof *bugs ? &bugs[index] : NULL;
}

bool sim_bug_select(const char *name)
{
    selected = NULL;
    for (unsigned i = 0; name != NULL && sim_bug_at(i) != NULL; i++) {
        if (strcmp(bugs[i].name, name) == 0) {
            selected = &bugs[i];
        }
    }
    return name == NULL || selected != NULL;
}
