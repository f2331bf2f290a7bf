#include "base/heap.h"

#include "base/list.h"
#include "base/test.h"

#define COUNT 1000

/* Always the same numbers, in no order. */
static int64_t scramble(int i)
{
    return (int64_t)i * 7919 % 1009;
}

static void drain_in_order(struct heap *heap, size_t expected)
{
    int64_t last = INT64_MIN;
    size_t n = 0;

    for (struct heap_node *node; (node = heap_top(heap)); n++) {
        assert_true(node->key >= last);
        last = node->key;
        heap_remove(heap, node);
        assert_false(heap_has(node));
    }
    assert_int_equal(n, expected);
}

static void test_order(void **state)
{
    struct heap heap = HEAP_INIT;
    static struct heap_node nodes[COUNT];

    (void)state;
    assert_null(heap_top(&heap));
    for (int i = 0; i < COUNT; i++)
        heap_add(&heap, &nodes[i], scramble(i));
    drain_in_order(&heap, COUNT);
    heap_release(&heap);
}

static void test_remove_and_change(void **state)
{
    struct heap heap = HEAP_INIT;
    static struct heap_node nodes[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++)
        heap_add(&heap, &nodes[i], scramble(i));
    for (int i = 0; i < COUNT; i += 3)
        heap_remove(&heap, &nodes[i]);
    for (int i = 1; i < COUNT; i += 3)
        heap_change(&heap, &nodes[i], scramble(i * 5) - 500);
    heap_remove(&heap, &nodes[0]);
    drain_in_order(&heap, COUNT - (COUNT + 2) / 3);
    heap_release(&heap);
}

static void test_release(void **state)
{
    struct heap heap = HEAP_INIT;
    struct heap_node node = {0};

    (void)state;
    heap_add(&heap, &node, 1);
    assert_true(heap_has(&node));
    heap_release(&heap);
    assert_false(heap_has(&node));
    heap_release(&heap);
}

struct element {
    int number;
    struct list_link link;
};

static void test_list(void **state)
{
    struct element elements[] = {{1, {0}}, {2, {0}}, {3, {0}}};
    struct list list;
    int order = 0;

    (void)state;
    list_init(&list);
    assert_true(list_is_empty(&list));
    assert_null(LIST_FIRST(&list, struct element, link));
    list_append(&list, &elements[1].link);
    list_append(&list, &elements[2].link);
    list_prepend(&list, &elements[0].link);
    assert_ptr_equal(LIST_FIRST(&list, struct element, link), &elements[0]);
    LIST_FOREACH(&list, link)
    {
        struct element *element = CONTAINER_OF(link, struct element, link);

        order = order * 10 + element->number;
        list_remove(link);
        assert_false(list_is_linked(link));
        list_remove(link);
    }
    assert_int_equal(order, 123);
    assert_true(list_is_empty(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_remove_and_change),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
