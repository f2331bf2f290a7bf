/*
 * A binary heap of pointers with the smallest element on top; elements know their place, so any
 * of them can be removed or moved in O(log n). For timers and priority queues.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in the element. */
struct heap_node {
    int64_t key;  /* smallest first; equal keys in no particular order */
    size_t place; /* 0: not in a heap; else index + 1 */
};

struct heap {
    struct heap_node **nodes;
    size_t n_nodes, capacity;
};

#define HEAP_INIT ((struct heap){0})

void heap_release(struct heap *heap); /* the elements are the caller's */
void heap_add(struct heap *heap, struct heap_node *node, int64_t key);
void heap_remove(struct heap *heap, struct heap_node *node); /* harmless when not in it */
void heap_change(struct heap *heap, struct heap_node *node, int64_t key);
struct heap_node *heap_top(const struct heap *heap); /* NULL when empty */
bool heap_has(const struct heap_node *node);
