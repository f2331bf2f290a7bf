/*
 * The text of a message in SMTP, in pieces of any size: taken as a whole it is the same, and
 * what has not ended is taken completely.
 */
// links: cmd/smtp-sink/content
#include <string.h>

#include "../../cmd/smtp-sink/content.h"
#include "base/bug.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Where the text ends, taken in pieces; its copy in *text, which the caller frees. */
static size_t take(struct slice input, size_t piece, char **text, size_t *len)
{
    struct content content = {.copy = open_memstream(text, len)};
    size_t taken = 0;

    bug_if(!content.copy);
    while (taken < input.len && content.state != CONTENT_ENDED)
        taken += content_take(&content, slice_sub(input, taken, piece));
    bug_if(content.state != CONTENT_ENDED && taken != input.len);
    bug_if(fclose(content.copy) != 0);
    bug_if(*len > taken);
    return taken;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char *whole = NULL, *pieces = NULL;
    size_t whole_len = 0, pieces_len = 0;

    if (size == 0)
        return 0;
    struct slice input = slice_of(data + 1, size - 1);
    bug_if(take(input, input.len, &whole, &whole_len) !=
           take(input, data[0] + 1U, &pieces, &pieces_len));
    bug_if(whole_len != pieces_len || memcmp(whole, pieces, whole_len) != 0);
    free(whole);
    free(pieces);
    return 0;
}
