#include "dns/hosts.h"

#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define HOSTS_MAX_BYTES   ((size_t)16 << 20)
#define HOSTS_MAX_ANSWERS 100

/* One line: an address and its names. */
struct line {
    struct endpoint address;
    struct slice names; /* as written, separated by blanks */
};

static struct arena names_of_lines = ARENA_INIT;
static struct line *lines;
static size_t n_lines;

static const char blanks[] = " \t\r";

static void parse_line(struct slice text, size_t *capacity)
{
    struct slice rest = slice_sub(text, 0, slice_find(text, '#'));
    struct slice address = slice_word(&rest, blanks);
    struct line line = {0};

    /* A scope such as fe80::1%lo0 means nothing to us. */
    if (endpoint_parse(&line.address, slice_sub(address, 0, slice_find(address, '%')), 0) < 0)
        return;
    line.names = arena_lower(&names_of_lines, slice_trim(rest));
    if (n_lines == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 16;
        lines = mem_resize(lines, *capacity, sizeof(*lines));
    }
    lines[n_lines++] = line;
}

int hosts_read(const char *path, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    size_t capacity = 0;

    if (access(path, F_OK) == 0 && file_read_all(path, &text, HOSTS_MAX_BYTES, error) < 0)
        return -1;
    arena_release(&names_of_lines);
    mem_free(lines);
    lines = NULL;
    n_lines = 0;
    for (struct slice rest = buf_slice(&text); rest.len > 0;)
        parse_line(slice_split(&rest, '\n'), &capacity);
    return 0;
}

/* Room for one more, doubled as needed: most names have one address. */
static struct dns_record *append(struct dns_answer *answer, struct arena *to)
{
    size_t n = answer->n_records;

    if (n == HOSTS_MAX_ANSWERS)
        return NULL;
    if ((n & (n - 1)) == 0) {
        struct dns_record *larger = arena_array(to, struct dns_record, n ? n * 2 : 1);
        if (n > 0)
            memcpy(larger, answer->records, n * sizeof(*larger));
        answer->records = larger;
    }
    return &answer->records[answer->n_records++];
}

static bool line_has_name(const struct line *line, struct slice name)
{
    struct slice rest = line->names, word;

    while ((word = slice_word(&rest, blanks)).ptr)
        if (slice_same_nocase(word, name))
            return true;
    return false;
}

size_t hosts_addresses(struct slice name, int family, struct arena *arena,
                       struct dns_answer *answer)
{
    size_t found = 0;

    answer->n_records = 0;
    for (size_t i = 0; i < n_lines; i++) {
        int line_family = endpoint_family(&lines[i].address);
        if ((family != AF_UNSPEC && family != line_family) || !line_has_name(&lines[i], name))
            continue;
        struct dns_record *record = append(answer, arena);
        if (!record)
            break;
        *record = (struct dns_record){.type = line_family == AF_INET ? DNS_A : DNS_AAAA,
                                      .name = arena_lower(arena, name),
                                      .address = lines[i].address};
        found++;
    }
    if (found)
        answer->name = arena_lower(arena, name);
    return found;
}

size_t hosts_names(const struct endpoint *endpoint, struct arena *arena,
                   struct dns_answer *answer)
{
    size_t found = 0;

    answer->n_records = 0;
    for (size_t i = 0; i < n_lines; i++) {
        struct slice rest = lines[i].names, word;
        if (!endpoint_same_address(&lines[i].address, endpoint))
            continue;
        while ((word = slice_word(&rest, blanks)).ptr) {
            struct dns_record *record = append(answer, arena);
            if (!record)
                return found;
            *record = (struct dns_record){.type = DNS_PTR, .target = arena_slice(arena, word)};
            found++;
        }
    }
    return found;
}
