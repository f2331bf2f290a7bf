#include "table/user_entry.h"

#include <pwd.h>

#include "table/elsewhere.h"

void user_entry_release(struct user_entry *entry)
{
    buf_release(&entry->name);
    buf_release(&entry->full_name);
}

/* What begins with a sign tells NIS what to add or leave out, and is no user. */
static bool is_user(const struct passwd *line)
{
    return line->pw_name[0] != '+' && line->pw_name[0] != '-';
}

static bool find_in_file(struct user_entry *entry, uid_t uid)
{
    FILE *file = fopen("/etc/passwd", "re");
    const struct passwd *line = NULL;

    if (!file)
        return false;
    do {
        line = fgetpwent(file);
    } while (line && (line->pw_uid != uid || !is_user(line)));
    (void)fclose(file);
    if (!line)
        return false;
    buf_set_text(&entry->name, line->pw_name);
    buf_set_text(&entry->full_name, line->pw_gecos);
    return true;
}

enum table_result user_entry_find(struct user_entry *entry, uid_t uid, struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    char number[16];

    if (find_in_file(entry, uid))
        return TABLE_FOUND;
    (void)snprintf(number, sizeof(number), "%lu", (unsigned long)uid);
    enum table_result result =
        elsewhere_ask(ELSEWHERE_USER, "uid", slice_from(number), &value, error);

    if (result == TABLE_FOUND) {
        struct slice rest = buf_slice(&value);

        buf_set(&entry->name, slice_split(&rest, ':'));
        buf_set(&entry->full_name, rest);
    }
    return result;
}
