/* RFC 2782. */
#include "srv.h"

static void move_to_front(struct dns_record *records, size_t i)
{
    struct dns_record moved = records[i];

    for (; i > 0; i--)
        records[i] = records[i - 1];
    records[0] = moved;
}

/* Which of the records, all of one priority, comes first? Those without weight stand in front,
 * so that they have a small chance. */
static size_t choose(const struct dns_record *records, size_t count,
                     unsigned (*random)(unsigned below))
{
    unsigned total = 0, sum = 0;

    for (size_t i = 0; i < count; i++)
        total += records[i].weight;
    unsigned mark = random(total + 1);

    for (size_t i = 0; i < count; i++) {
        sum += records[i].weight;
        if (sum >= mark)
            return i;
    }
    return 0;
}

static bool stands_before(const struct dns_record *one, const struct dns_record *other)
{
    if (one->preference != other->preference)
        return one->preference < other->preference;
    return one->weight == 0 && other->weight != 0;
}

static void sort_by_priority(struct dns_record *records, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct dns_record moved = records[i];
        size_t to = i;

        for (; to > 0 && stands_before(&moved, &records[to - 1]); to--)
            records[to] = records[to - 1];
        records[to] = moved;
    }
}

void srv_sort(struct dns_record *records, size_t count, unsigned (*random)(unsigned below))
{
    sort_by_priority(records, count);
    for (size_t i = 0; i < count; i++) {
        size_t n = 1;

        while (i + n < count && records[i + n].preference == records[i].preference)
            n++;
        move_to_front(&records[i], choose(&records[i], n, random));
    }
}
