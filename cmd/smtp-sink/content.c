#include "content.h"

static void copy(const struct content *content, const char *bytes, size_t count)
{
    if (content->copy)
        (void)fwrite(bytes, 1, count, content->copy); /* ferror tells at the end */
}

/* A byte of a line that is no CR. */
static enum content_state take_plain(const struct content *content, const char *byte)
{
    copy(content, byte, 1);
    return CONTENT_IN_LINE;
}

static enum content_state take_byte(const struct content *content, const char *byte)
{
    switch (content->state) {
    case CONTENT_AT_LINE:
        if (*byte == '.')
            return CONTENT_AFTER_DOT;
        return *byte == '\r' ? CONTENT_AFTER_CR : take_plain(content, byte);
    case CONTENT_AFTER_CR:
        if (*byte == '\r')
            return CONTENT_AFTER_CR;
        (void)take_plain(content, byte);
        return *byte == '\n' ? CONTENT_AT_LINE : CONTENT_IN_LINE;
    case CONTENT_AFTER_DOT:
        return *byte == '\r' ? CONTENT_AFTER_DOT_CR : take_plain(content, byte);
    case CONTENT_AFTER_DOT_CR:
        if (*byte == '\n')
            return CONTENT_ENDED;
        return *byte == '\r' ? CONTENT_AFTER_CR : take_plain(content, byte);
    case CONTENT_IN_LINE:
    case CONTENT_ENDED:
    default:
        return *byte == '\r' ? CONTENT_AFTER_CR : take_plain(content, byte);
    }
}

size_t content_take(struct content *content, struct slice available)
{
    size_t taken = 0;

    while (taken < available.len && content->state != CONTENT_ENDED) {
        if (content->state == CONTENT_IN_LINE) {
            struct slice rest = slice_from_offset(available, taken);
            size_t run = slice_find(rest, '\r');
            copy(content, rest.ptr, run);
            taken += run;
            if (run == rest.len)
                break;
        }
        content->state = take_byte(content, &available.ptr[taken++]);
    }
    return taken;
}
