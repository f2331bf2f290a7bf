/*
 * Parsing of source lines.
 */
#include "table/entry.h"

#include "base/base64.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/words.h"
#include "table/fold.h"

#define FILES_MAX_BYTES ((size_t)16 << 20)

/* Bytes of the key at the start; line.len + 1 when a quote is not closed. */
static size_t key_length(struct slice line)
{
    bool quoted = false;

    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];

        if (c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && ascii_is_space(c))
            return i;
    }
    return quoted ? line.len + 1 : line.len;
}

bool table_entry_parse(const struct table_source *source, struct slice line, struct slice *key,
                       struct slice *value)
{
    size_t length;

    if (!table_key_is_text(line)) {
        log_warning("%s, line %d: non-UTF-8 input \"%.*s\" -- ignoring this line", source->name,
                    source->line, SLICE_ARG(line));
        return false;
    }
    line = slice_trim(line);
    length = key_length(line);
    if (length > line.len) {
        log_warning("%s, line %d: unbalanced '\"' in '%.*s' -- ignoring this line",
                    source->name, source->line, SLICE_ARG(line));
        return false;
    }
    *key = slice_sub(line, 0, length);
    *value = slice_trim(slice_from_offset(line, length));
    if (key->len == 0 || value->len == 0) {
        log_warning("%s, line %d: expected format: key whitespace value", source->name,
                    source->line);
        return false;
    }
    if (slice_ends_with(*key, ":"))
        log_warning("%s, line %d: record is in \"key: value\" format; is this an alias file?",
                    source->name, source->line);
    return true;
}

int table_entry_read_files(struct slice list, struct buf *base64, struct error *error)
{
    CLEANUP(buf_release) struct buf contents = BUF_INIT;
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct slice word;

    while (words_next(&list, WORDS_COMMA_SPACE, &word)) {
        buf_set(&path, word);
        if (contents.len)
            buf_add_char(&contents, '\n');
        if (file_read_all(path.data, &contents, FILES_MAX_BYTES, error) < 0)
            return -1;
    }
    buf_reset(base64);
    base64_encode(base64, buf_slice(&contents));
    return 0;
}

bool table_entry_decode(struct slice base64, struct buf *contents)
{
    if (base64.len > FILES_MAX_BYTES * 2)
        return false;
    buf_reset(contents);
    return base64_decode(contents, base64);
}
