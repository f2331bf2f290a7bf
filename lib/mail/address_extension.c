/* user+extension. */
#include "mail/address.h"

/* Addresses that never split (as in Postfix). */
static bool is_special(struct slice local_part, const char *delimiters,
                       bool owner_request_special)
{
    if (slice_equals_nocase(local_part, "postmaster") ||
        slice_equals_nocase(local_part, "mailer-daemon") ||
        slice_equals_nocase(local_part, "double-bounce"))
        return true;
    if (!owner_request_special || !strchr(delimiters, '-'))
        return false;
    return slice_starts_with_nocase(local_part, "owner-") ||
           (local_part.len > strlen("-request") &&
            slice_ends_with_nocase(local_part, "-request"));
}

bool address_split_extension(struct slice local_part, const char *delimiters,
                             bool owner_request_special, struct slice *user,
                             struct slice *extension)
{
    size_t at;

    *user = local_part;
    *extension = SLICE_EMPTY;
    if (!delimiters[0] || is_special(local_part, delimiters, owner_request_special))
        return false;
    at = slice_find_any(local_part, delimiters);
    if (at == 0 || at == local_part.len)
        return false;
    *user = slice_sub(local_part, 0, at);
    *extension = slice_from_offset(local_part, at + 1);
    return true;
}
