/*
 * A doubly linked list whose links live in the elements: no allocation, removal in O(1).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bug.h"
#include "base/compiler.h"

struct list_link {
    struct list_link *next, *previous;
};

/* The list is a ring through this head. */
struct list {
    struct list_link head;
};

static inline void list_init(struct list *list)
{
    list->head.next = list->head.previous = &list->head;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline void list_insert_before(struct list_link *where, struct list_link *link)
{
    bug_if(!where->previous); /* a list that nobody initialised */
    link->next = where;
    link->previous = where->previous;
    where->previous->next = link;
    where->previous = link;
}

static inline void list_append(struct list *list, struct list_link *link)
{
    list_insert_before(&list->head, link);
}

static inline void list_prepend(struct list *list, struct list_link *link)
{
    list_insert_before(list->head.next, link);
}

/* Unlink; the link is zeroed, so list_is_linked answers false. Harmless when not linked. */
static inline void list_remove(struct list_link *link)
{
    if (!link->next)
        return;
    link->next->previous = link->previous;
    link->previous->next = link->next;
    link->next = link->previous = NULL;
}

static inline bool list_is_linked(const struct list_link *link)
{
    return link->next != NULL;
}

/* The first element, or NULL. */
#define LIST_FIRST(list, type, member) \
    (list_is_empty(list) ? NULL : CONTAINER_OF((list)->head.next, type, member))

/* NOLINTBEGIN(bugprone-macro-parentheses): `link` becomes the name of a variable. */
/* Walk over all; the current element may be removed or freed in the body. */
#define LIST_FOREACH(list, link)                                                \
    for (struct list_link *link = (list)->head.next, *link##_next = link->next; \
         link != &(list)->head; link = link##_next, link##_next = link->next)
/* NOLINTEND(bugprone-macro-parentheses) */
