/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_COAP_LIST_H
#define PROA_CORE_COAP_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Doubly linked rings through the things themselves: O(1) in, O(1) out, no storage. A head is a
 * link of its own; a thing's link is all zero while the thing stands in no list. */
typedef struct proa__link {
    struct proa__link *prev;
    struct proa__link *next;
} proa__link;

/* The thing of `type` whose `member` is at `pointer`. */
#define PROA__OF(type, member, pointer) \
    ((type *)(void *)((unsigned char *)((pointer)) - offsetof(type, member)))

static inline void proa__list_init(proa__link *head)
{
    head->prev = head;
    head->next = head;
}

static inline bool proa__is_linked(const proa__link *link)
{
    return link->next != NULL;
}

static inline bool proa__list_empty(const proa__link *head)
{
    return head->next == head;
}

void proa__list_append(proa__link *head, proa__link *link);

/* No effect on a link that stands in no list. */
void proa__unlink(proa__link *link);

#endif
