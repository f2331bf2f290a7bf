/*
 * Asks one table one question, or the system who a user is, for commands that seldom need that
 * and start faster without what it takes (table/elsewhere.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/conf.h"
#include "table/elsewhere.h"
#include "table/maps.h"
#include "table/match_list.h"
#include "worker/logging.h"

struct question {
    const char *program, *method, *parameter;
    struct slice key;
};

/* "name:full name" of a user whom sendmail or postdrop did not find (table/user_entry.h). */
static enum table_result find_user(struct slice uid, struct buf *value, struct error *error)
{
    static char buffer[65536];
    struct passwd entry, *user;
    int64_t number;

    if (!slice_to_int(uid, 0, UINT32_MAX, &number))
        return TABLE_NOT_FOUND;
    errno = getpwuid_r((uid_t)number, &entry, buffer, sizeof(buffer), &user);
    if (!user && errno != 0) {
        error_set(error, ERROR_TEMPORARY, "look up user %" PRId64 ": %m", number);
        return TABLE_ERROR;
    }
    if (!user)
        return TABLE_NOT_FOUND;
    buf_printf(value, "%s:%s", user->pw_name, user->pw_gecos);
    return TABLE_FOUND;
}

static enum table_result ask(const struct question *question, struct buf *value,
                             struct error *error)
{
    /* Kept until the process ends, which is soon. */
    static struct maps *maps;
    static struct match_list *list;

    if (strcmp(question->method, ELSEWHERE_USER) == 0)
        return find_user(question->key, value, error);
    const char *spec = conf_lookup(question->parameter);

    if (!spec)
        fatal(EX_CONFIG, "parameter %s: no such thing", question->parameter);
    if (strcmp(question->method, ELSEWHERE_MAPS) == 0) {
        maps = maps_open(question->parameter, spec, error);
        return maps_find(maps, question->key, value, error);
    }
    if (strcmp(question->method, ELSEWHERE_LIST) == 0) {
        list = match_list_open(question->parameter, spec, MATCH_PARENTS_NEVER, error);
        return match_list_name(list, question->key, error);
    }
    fatal(EX_USAGE, "method %s: no such thing", question->method);
}

int main(int argc, char **argv)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error = ERROR_INIT;

    if (argc != 5)
        fatal(EX_USAGE, "usage: %s program %s|%s|%s parameter key", argv[0], ELSEWHERE_LIST,
              ELSEWHERE_MAPS, ELSEWHERE_USER);
    const struct question question = {argv[1], argv[2], argv[3], slice_from(argv[4])};
    const struct conf_request request = {.program = question.program,
                                         .trust = CONF_TRUST_NOBODY};

    if (conf_load(&request, &error) < 0)
        fatal(EX_CONFIG, "%s", error.text);
    logging_open(question.program, LOGGING_COMMAND);
    enum table_result result = ask(&question, &value, &error);
    struct slice answer = result == TABLE_ERROR ? slice_from(error.text) : buf_slice(&value);

    if (fd_write_all(STDOUT_FILENO, answer.ptr, answer.len) < 0)
        fatal(EX_IOERR, "write the answer: %m");
    return elsewhere_status(result);
}
