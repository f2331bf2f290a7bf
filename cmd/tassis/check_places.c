/*
 * tassis check: are the places and the users there that the instance itself needs?
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "conf/params.h"
#include "conf/words.h"

/* Where main.cf sets it; nowhere: it has its default. */
static struct place place_of(const struct check *check, const char *kind, const char *name)
{
    const struct main_cf_entry *entry = main_cf_find(check->main_cf, slice_from(name));

    if (!entry)
        return (struct place){.kind = kind};
    return (struct place){.kind = kind, .file = entry->file, .line = entry->line};
}

static bool check_accounts(struct check *check)
{
    bool has_owner = getpwnam(params.mail_owner), has_group = getgrnam(params.setgid_group);

    if (!has_owner)
        report(check->report, SEVERITY_ERROR, place_of(check, "spool", "mail_owner"),
               "mail_owner = %s: no such user", params.mail_owner);
    if (!has_group)
        report(check->report, SEVERITY_ERROR, place_of(check, "spool", "setgid_group"),
               "setgid_group = %s: no such group", params.setgid_group);
    return has_owner && has_group;
}

/* One that is missing is made afterwards. */
static bool check_directory(struct check *check, const char *name, const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0) {
        if (errno != ENOENT)
            report(check->report, SEVERITY_NOTE, place_of(check, "spool", name), "%s = %s: %s",
                   name, path, strerror(errno));
        return true;
    }
    if (S_ISDIR(status.st_mode))
        return true;
    report(check->report, SEVERITY_ERROR, place_of(check, "spool", name),
           "%s = %s: not a directory", name, path);
    return false;
}

static bool has_prefix(const char *path)
{
    struct slice rest = slice_from(params.maillog_file_prefixes), prefix;

    while (words_next(&rest, WORDS_COMMA_SPACE, &prefix)) {
        if (slice_same(slice_sub(slice_from(path), 0, prefix.len), prefix))
            return true;
    }
    return false;
}

static void check_log_file(struct check *check)
{
    CLEANUP(mem_free_text) char *directory = mem_dup_text(params.maillog_file);
    char *slash = strrchr(directory, '/');

    if (!*directory)
        return;
    if (!has_prefix(directory)) {
        report(check->report, SEVERITY_ERROR, place_of(check, "file", "maillog_file"),
               "maillog_file = %s: outside of maillog_file_prefixes (%s)", params.maillog_file,
               params.maillog_file_prefixes);
        return;
    }
    if (!slash || slash == directory)
        return;
    *slash = '\0';
    if (access(directory, F_OK) < 0)
        report(check->report, SEVERITY_WARNING, place_of(check, "file", "maillog_file"),
               "maillog_file = %s: %s: %s", params.maillog_file, directory, strerror(errno));
}

bool check_places(struct check *check)
{
    bool has_accounts = check_accounts(check);
    bool has_queue = check_directory(check, "queue_directory", params.queue_directory);
    bool has_data = check_directory(check, "data_directory", params.data_directory);

    check_log_file(check);
    return has_accounts && has_queue && has_data;
}
