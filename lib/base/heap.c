#include "base/heap.h"

#include "base/bug.h"
#include "base/mem.h"

#define FIRST_CAPACITY 16

void heap_release(struct heap *heap)
{
    for (size_t i = 0; i < heap->n_nodes; i++)
        heap->nodes[i]->place = 0;
    mem_free(heap->nodes);
    *heap = HEAP_INIT;
}

static void put(struct heap *heap, size_t index, struct heap_node *node)
{
    heap->nodes[index] = node;
    node->place = index + 1;
}

static void move_up(struct heap *heap, size_t index, struct heap_node *node)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;

        if (heap->nodes[parent]->key <= node->key)
            break;
        put(heap, index, heap->nodes[parent]);
        index = parent;
    }
    put(heap, index, node);
}

static void move_down(struct heap *heap, size_t index, struct heap_node *node)
{
    for (;;) {
        size_t child = index * 2 + 1;

        if (child >= heap->n_nodes)
            break;
        if (child + 1 < heap->n_nodes && heap->nodes[child + 1]->key < heap->nodes[child]->key)
            child++;
        if (node->key <= heap->nodes[child]->key)
            break;
        put(heap, index, heap->nodes[child]);
        index = child;
    }
    put(heap, index, node);
}

/* Put the node where its key belongs, starting from a free index. */
static void settle(struct heap *heap, size_t index, struct heap_node *node)
{
    if (index > 0 && node->key < heap->nodes[(index - 1) / 2]->key)
        move_up(heap, index, node);
    else
        move_down(heap, index, node);
}

void heap_add(struct heap *heap, struct heap_node *node, int64_t key)
{
    bug_if(node->place != 0);
    if (heap->n_nodes == heap->capacity) {
        heap->capacity = heap->capacity ? heap->capacity * 2 : FIRST_CAPACITY;
        heap->nodes = mem_resize(heap->nodes, heap->capacity, sizeof(struct heap_node *));
    }
    node->key = key;
    heap->n_nodes++;
    move_up(heap, heap->n_nodes - 1, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    if (node->place == 0)
        return;
    size_t index = node->place - 1;

    bug_if(index >= heap->n_nodes || heap->nodes[index] != node);
    struct heap_node *last = heap->nodes[--heap->n_nodes];
    if (last != node)
        settle(heap, index, last);
    node->place = 0;
}

void heap_change(struct heap *heap, struct heap_node *node, int64_t key)
{
    bug_if(node->place == 0);
    node->key = key;
    settle(heap, node->place - 1, node);
}

struct heap_node *heap_top(const struct heap *heap)
{
    return heap->n_nodes ? heap->nodes[0] : NULL;
}

bool heap_has(const struct heap_node *node)
{
    return node->place != 0;
}
