/* The invoking user. */
#include "user.h"

#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/slice.h"
#include "conf/params.h"
#include "table/elsewhere.h"
#include "table/user_entry.h"

/* NULL: the system does not know the user. Asked once, since that reads files. */
static const struct user_entry *invoking_user(void)
{
    static struct user_entry user = USER_ENTRY_INIT;
    static enum table_result result;
    static bool has_asked;
    struct error error = ERROR_INIT;

    if (!has_asked)
        result = user_entry_find(&user, getuid(), &error);
    if (!has_asked && result == TABLE_ERROR)
        log_warning("user %ld: %s", (long)getuid(), error.text);
    has_asked = true;
    return result == TABLE_FOUND ? &user : NULL;
}

const char *user_login(void)
{
    static char number[16];
    const struct user_entry *user = invoking_user();

    if (user)
        return user->name.data;
    (void)snprintf(number, sizeof(number), "%ld", (long)getuid());
    return number;
}

void user_full_name(struct buf *name)
{
    const char *given = getenv("NAME");
    const struct user_entry *user;
    const char *text;

    if (given && *given) {
        buf_add_text(name, given);
        return;
    }
    user = invoking_user();
    text = user ? user->full_name.data : "";
    for (; *text && *text != ','; text++) {
        if (*text != '&') {
            buf_add_char(name, *text);
            continue;
        }
        /* "&" stands for the login name with a capital. */
        size_t at = name->len;

        buf_add_slice(name, buf_slice(&user->name));
        if (name->len > at)
            name->data[at] = ascii_upper(name->data[at]);
    }
}

void user_check_submit(void)
{
    const struct user_entry *user;
    const char *name;
    struct error error = ERROR_INIT;

    if (slice_equals(slice_from(params.authorized_submit_users), "static:anyone"))
        return; /* the default needs no table */
    user = invoking_user();
    name = user ? user->name.data : "unknown";
    enum table_result result = elsewhere_ask(ELSEWHERE_LIST, "authorized_submit_users",
                                             slice_from(name), NULL, &error);

    if (result == TABLE_ERROR)
        fatal(EX_TEMPFAIL, "authorized_submit_users: %s", error.text);
    if (result == TABLE_NOT_FOUND)
        fatal(EX_TEMPFAIL, "User %s(%ld) is not allowed to submit mail", name, (long)getuid());
}
