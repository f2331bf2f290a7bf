/* Paths of MAIL and RCPT: what was accepted comes back the same after quoting. */
#include <stdint.h>

#include "base/bug.h"
#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct slice text, enum address_strictness strictness)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf quoted = BUF_INIT;
    struct error error = ERROR_INIT;
    struct slice address, again, rest;

    if (address_parse_path(text, strictness, &arena, &address, &rest, &error) < 0) {
        bug_if(error.kind != ERROR_PERMANENT || error.text[0] == '\0');
        return;
    }
    bug_if(rest.len > text.len || address.len > text.len + 2);
    /* A local part that looks like a source route is quoted like one, as Postfix does. */
    if (slice_starts_with(address, "@") && slice_find(address, ':') < address.len)
        return;
    buf_add_char(&quoted, '<');
    address_quote(&quoted, address);
    buf_add_char(&quoted, '>');
    bug_if(address_parse_path(buf_slice(&quoted), strictness, &arena, &again, &rest, &error) <
           0);
    bug_if(!slice_same(address, again) || rest.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    struct slice user, extension;

    check_path(text, ADDRESS_LENIENT);
    check_path(text, ADDRESS_STRICT);
    if (address_split_extension(text, "+-", true, &user, &extension))
        bug_if(user.len == 0 || user.len + 1 + extension.len != text.len);
    return 0;
}
