/* The invoking user. */
#include "user.h"

#include <pwd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/slice.h"
#include "conf/params.h"
#include "table/elsewhere.h"

/* NULL: the system does not know the user. Asked once, since that reads files. */
static const struct passwd *invoking_user(void)
{
    static const struct passwd *user;
    static bool has_asked;

    if (!has_asked)
        user = getpwuid(getuid());
    has_asked = true;
    return user;
}

const char *user_login(void)
{
    static char login[64];
    const struct passwd *user = invoking_user();

    if (user)
        (void)snprintf(login, sizeof(login), "%s", user->pw_name);
    else
        (void)snprintf(login, sizeof(login), "%ld", (long)getuid());
    return login;
}

void user_full_name(struct buf *name)
{
    const char *given = getenv("NAME");
    const struct passwd *user;
    const char *text;

    if (given && *given) {
        buf_add_text(name, given);
        return;
    }
    user = invoking_user();
    text = user ? user->pw_gecos : "";
    for (; *text && *text != ','; text++) {
        if (*text != '&') {
            buf_add_char(name, *text);
            continue;
        }
        /* "&" stands for the login name with a capital. */
        size_t at = name->len;

        buf_add_text(name, user->pw_name);
        if (name->len > at)
            name->data[at] = ascii_upper(name->data[at]);
    }
}

void user_check_submit(void)
{
    const struct passwd *user;
    const char *name;
    struct error error = ERROR_INIT;

    if (slice_equals(slice_from(params.authorized_submit_users), "static:anyone"))
        return; /* the default needs no table */
    user = invoking_user();
    name = user ? user->pw_name : "unknown";
    enum table_result result = elsewhere_ask(ELSEWHERE_LIST, "authorized_submit_users",
                                             slice_from(name), NULL, &error);

    if (result == TABLE_ERROR)
        fatal(EX_TEMPFAIL, "authorized_submit_users: %s", error.text);
    if (result == TABLE_NOT_FOUND)
        fatal(EX_TEMPFAIL, "User %s(%ld) is not allowed to submit mail", name, (long)getuid());
}
