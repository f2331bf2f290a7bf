/* Reading the message. */
#include "content.h"

#include <errno.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bug.h"
#include "conf/params.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/record.h"

#define READ_BYTES 65536

/* One line or, where it is longer than line_length_limit, a part of it. */
struct line {
    struct slice text;
    bool is_part; /* the rest of the line follows, or the input ended in it */
};

struct input {
    struct buf bytes;
    size_t consumed;
    bool at_end;
    bool fixes_line_ends;
    bool has_seen_line;
};

/* Header values with recipients, collected while the text passes. */
struct extraction {
    struct buf header; /* being collected */
    struct buf plain, resent;
    bool is_over; /* the headers have ended */
    bool has_resent;
};

static struct extraction extraction;

static void read_more(struct input *input)
{
    ssize_t n;

    buf_remove_front(&input->bytes, input->consumed);
    input->consumed = 0;
    char *to = buf_reserve(&input->bytes, READ_BYTES);

    do {
        n = read(STDIN_FILENO, to, READ_BYTES);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        fatal(EX_TEMPFAIL, "error reading input: %m");
    input->at_end = n == 0;
    input->bytes.len += (size_t)n;
    input->bytes.data[input->bytes.len] = '\0';
}

/* Text without the CR of a CRLF, when lines are to be mended. */
static struct slice mended(struct input *input, struct slice text)
{
    bool has_cr = text.len && text.ptr[text.len - 1] == '\r';

    if (!input->has_seen_line) {
        struct slice how = slice_from(params.sendmail_fix_line_endings);

        input->has_seen_line = true;
        input->fixes_line_ends = slice_equals_nocase(how, "always") ||
                                 (slice_equals_nocase(how, "strict") && has_cr);
    }
    if (has_cr && input->fixes_line_ends)
        text.len--;
    return text;
}

/* False at the end of the input. */
static bool next_line(struct input *input, struct line *line)
{
    size_t limit = (size_t)params.line_length_limit;

    for (;;) {
        struct slice rest = slice_from_offset(buf_slice(&input->bytes), input->consumed);
        size_t end = slice_find(rest, '\n');

        if (end < rest.len && end <= limit) {
            line->text = mended(input, slice_sub(rest, 0, end));
            line->is_part = false;
            input->consumed += end + 1;
            return true;
        }
        /* One byte more than fits, lest a CR be torn from its LF. */
        if (rest.len > limit || (input->at_end && rest.len)) {
            line->text = slice_sub(rest, 0, limit);
            line->is_part = true;
            input->consumed += line->text.len;
            return true;
        }
        if (input->at_end)
            return false;
        read_more(input);
    }
}

/* -- recipients in headers ------------------------------------------------------------------
 */

size_t recipients_put(struct drop *drop, const struct options *options, struct slice list)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct header_address_list parsed;
    size_t n_put = 0;

    header_address_parse(list, &arena, (size_t)params.header_address_token_limit, &parsed);
    for (size_t i = 0; i < parsed.n_addresses; i++) {
        char notify[16];

        if (parsed.addresses[i].address.len == 0)
            continue;
        if (options->notify) {
            (void)snprintf(notify, sizeof(notify), "%d", options->notify);
            drop_put_attribute(drop, "notify_flags", notify);
        }
        drop_put(drop, RECORD_RECIPIENT, address_unquoted(&arena, parsed.addresses[i].address));
        n_put++;
    }
    return n_put;
}

static void end_header(void)
{
    struct slice text = buf_slice(&extraction.header);
    const struct header_info *info = header_find(slice_sub(text, 0, header_name_length(text)));

    if (info && info->is_extracted) {
        struct buf *to = info->is_resent ? &extraction.resent : &extraction.plain;

        buf_add_slice(to, header_value(text));
        buf_add_text(to, ",\n");
        extraction.has_resent = extraction.has_resent || info->is_resent;
    }
    buf_reset(&extraction.header);
}

/*
 * Look at a line that may be of a header; continues: it is the rest of the line before. A line
 * that is no header ends them: true when the empty line in front of it is missing.
 */
static bool look_at_line(struct slice text, bool continues)
{
    if (extraction.is_over)
        return false;
    if (extraction.header.len && (continues || header_is_continuation(text))) {
        if (extraction.header.len < (size_t)params.header_size_limit) {
            buf_add_text(&extraction.header, continues ? "" : "\n");
            buf_add_slice(&extraction.header, text);
        }
        return false;
    }
    end_header();
    if (header_name_length(text)) {
        buf_add_slice(&extraction.header, text);
        return false;
    }
    extraction.is_over = true;
    return text.len != 0;
}

size_t content_put_recipients(struct drop *drop, const struct options *options)
{
    end_header();
    return recipients_put(
        drop, options,
        buf_slice(extraction.has_resent ? &extraction.resent : &extraction.plain));
}

/* -- copying --------------------------------------------------------------------------------
 */

/* "From user Sat ..." of an mbox, also ">From ". */
static bool is_from_line(struct slice text)
{
    return slice_starts_with(slice_from_offset(text, slice_skip_any(text, ">")), "From ");
}

void content_copy(struct drop *drop, const struct options *options)
{
    struct input input = {.bytes = BUF_INIT};
    bool is_start = true, after_part = false;
    struct line line;

    extraction = (struct extraction){.header = BUF_INIT, .plain = BUF_INIT, .resent = BUF_INIT};
    while (next_line(&input, &line)) {
        if (is_start && is_from_line(line.text)) {
            while (line.is_part && next_line(&input, &line))
                continue;
            continue;
        }
        is_start = false;
        if (!options->dot_is_text && !after_part && !line.is_part &&
            slice_equals(line.text, "."))
            break;
        if (options->extracts_recipients && look_at_line(line.text, after_part))
            drop_put(drop, RECORD_LINE, SLICE_EMPTY);
        drop_put(drop, line.is_part ? RECORD_PART : RECORD_LINE, line.text);
        after_part = line.is_part;
    }
    if (after_part)
        drop_put(drop, RECORD_LINE, SLICE_EMPTY);
    buf_release(&input.bytes);
}
