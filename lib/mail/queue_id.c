/* Queue IDs as text, and the paths that follow from them. */
#include "mail/queue_id.h"

#include <inttypes.h>

#include "base/bug.h"

#define LONG_BASE          52
#define LONG_INODE_BASE    51 /* one digit less than the alphabet: 'z' stays free to separate */
#define LONG_SECONDS_CHARS 6
#define LONG_USEC_CHARS    4
#define LONG_SEPARATOR     'z'
#define QUEUE_ID_LIMIT     255
#define QUEUE_NAME_LIMIT   100

/* No vowels, so that no ID spells a word. */
static const char alphabet[LONG_BASE + 1] =
    "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";

/* Write value to the end of a field of at least width digits; returns the digits used. */
static size_t put_digits(char *to, uint64_t value, unsigned base, size_t width)
{
    char digits[24];
    size_t n = 0;

    do {
        digits[n++] = alphabet[value % base];
        value /= base;
    } while (value > 0 || n < width);
    for (size_t i = 0; i < n; i++)
        to[i] = digits[n - 1 - i];
    return n;
}

static bool get_digits(struct slice text, unsigned base, uint64_t *value)
{
    uint64_t result = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *found = memchr(alphabet, text.ptr[i], base);

        if (!found || result > (UINT64_MAX - base) / base)
            return false;
        result = result * base + (uint64_t)(found - alphabet);
    }
    *value = result;
    return true;
}

void queue_id_make(char id[QUEUE_ID_BYTES], enum queue_id_form form, struct timeval time,
                   ino_t inode)
{
    size_t n = 0;

    if (form == QUEUE_ID_SHORT) {
        snprintf(id, QUEUE_ID_BYTES, "%05X%" PRIX64, (unsigned)time.tv_usec, (uint64_t)inode);
        return;
    }
    n += put_digits(id + n, (uint64_t)time.tv_sec, LONG_BASE, LONG_SECONDS_CHARS);
    n += put_digits(id + n, (uint64_t)time.tv_usec, LONG_BASE, LONG_USEC_CHARS);
    id[n++] = LONG_SEPARATOR;
    n += put_digits(id + n, inode, LONG_INODE_BASE, 1);
    id[n] = '\0';
}

bool queue_id_is_valid(struct slice id)
{
    if (id.len == 0 || id.len > QUEUE_ID_LIMIT)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        if (!ascii_is_alnum(id.ptr[i]) && id.ptr[i] != '_')
            return false;
    }
    return true;
}

bool queue_name_is_valid(struct slice name)
{
    if (name.len == 0 || name.len > QUEUE_NAME_LIMIT)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!ascii_is_alnum(name.ptr[i]))
            return false;
    }
    return true;
}

/* Where a long ID's separator stands, or id.len. */
static size_t find_separator(struct slice id)
{
    size_t at = slice_find_last(id, LONG_SEPARATOR);

    return at < id.len && at >= LONG_SECONDS_CHARS + LONG_USEC_CHARS ? at : id.len;
}

bool queue_id_is_long(struct slice id)
{
    return find_separator(id) < id.len;
}

/* The microseconds of a long ID with its separator at `at`; false when they are none. */
static bool long_microseconds(struct slice id, size_t at, int32_t *microseconds)
{
    uint64_t value;

    if (!get_digits(slice_sub(id, at - LONG_USEC_CHARS, LONG_USEC_CHARS), LONG_BASE, &value))
        return false;
    *microseconds = (int32_t)value; /* at most 52^4 - 1 */
    return true;
}

bool queue_id_parse(struct slice id, int64_t *seconds, int32_t *microseconds, uint64_t *inode)
{
    size_t at = find_separator(id);
    uint64_t value;

    if (at < id.len) {
        if (!long_microseconds(id, at, microseconds) || *microseconds > 999999 ||
            !get_digits(slice_sub(id, 0, at - LONG_USEC_CHARS), LONG_BASE, &value) ||
            value > INT64_MAX)
            return false;
        *seconds = (int64_t)value;
        return get_digits(slice_from_offset(id, at + 1), LONG_INODE_BASE, inode);
    }
    *seconds = 0;
    if (id.len < 6 || !slice_to_uint(slice_sub(id, 0, 5), 16, 999999, &value))
        return false;
    *microseconds = (int32_t)value;
    return slice_to_uint(slice_from_offset(id, 5), 16, UINT64_MAX, inode);
}

static bool queue_is_hashed(const struct queue_layout *layout, const char *queue)
{
    struct slice rest = slice_from(layout->hash_queue_names);
    struct slice name;

    while (name = slice_word(&rest, ", \t\r\n"), name.ptr) {
        if (slice_equals(name, queue))
            return true;
    }
    return false;
}

void queue_path(struct buf *path, const struct queue_layout *layout, const char *queue,
                struct slice id)
{
    struct slice hash_on = id;
    char hex[8];

    buf_set_text(path, queue);
    buf_add_char(path, '/');
    if (layout && queue_is_hashed(layout, queue)) {
        size_t at = find_separator(id);
        int32_t microseconds = 0;

        if (at < id.len && long_microseconds(id, at, &microseconds)) {
            snprintf(hex, sizeof(hex), "%05X", (unsigned)microseconds);
            hash_on = slice_from(hex);
        }
        for (size_t i = 0; i < (size_t)layout->hash_queue_depth; i++) {
            buf_add_char(path, i < hash_on.len ? hash_on.ptr[i] : '_');
            buf_add_char(path, '/');
        }
    }
    buf_add_slice(path, id);
}
