/*
 * What an authentication service says, line after line; what would be passed on to a client
 * holds no line end.
 */
// links: smtpd/dovecot_line
#include "../../smtpd/dovecot_line.h"

#include "base/bug.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_parsed(const struct dovecot_line *parsed)
{
    bug_if(slice_find(parsed->challenge, '\r') < parsed->challenge.len);
    bug_if(parsed->mechanism.len && !dovecot_text_is_plain(parsed->mechanism));
    (void)dovecot_text_is_plain(parsed->user);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice rest = slice_of(data, size);

    while (rest.len) {
        struct slice line = slice_split(&rest, '\n');
        struct dovecot_line parsed;
        struct error error;

        if (dovecot_line_parse(line, &arena, &parsed, &error) == 0)
            check_parsed(&parsed);
        else
            bug_if(error.kind != ERROR_TEMPORARY);
    }
    return 0;
}
