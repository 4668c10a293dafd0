/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of list.h. */
#include "core/coap/list.h"

void proa__list_append(proa__link *head, proa__link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

void proa__unlink(proa__link *link)
{
    if (link->next != NULL) {
        link->prev->next = link->next;
        link->next->prev = link->prev;
        link->prev = NULL;
        link->next = NULL;
    }
}
