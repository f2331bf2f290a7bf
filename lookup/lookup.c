/*
 * Asks one table one question, for commands that seldom need a table and start faster without
 * what all the types of tables take (table/elsewhere.h).
 */
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

static enum table_result ask(const struct question *question, struct buf *value,
                             struct error *error)
{
    const char *spec = conf_lookup(question->parameter);
    /* Kept until the process ends, which is soon. */
    static struct maps *maps;
    static struct match_list *list;

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
        fatal(EX_USAGE, "usage: %s program %s|%s parameter key", argv[0], ELSEWHERE_LIST,
              ELSEWHERE_MAPS);
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
