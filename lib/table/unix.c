/*
 * unix:passwd.byname and unix:group.byname: the system's accounts, as lines of the files that
 * they once came from. The name service may ask the network: this type blocks.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "table/drivers.h"

/* A group may list very many members. */
#define RECORD_MAX_BYTES ((size_t)16 << 20)
#define RECORD_BYTES     ((size_t)16384)

/*
 * What was answered is the answer for a second: one message asks more than once for its user,
 * and a busy mailbox again and again, while each question may open dozens of files, or ask a
 * server.
 */
#define ANSWERS_KEPT   64
#define ANSWER_KEPT_MS SECONDS(1)

struct answer {
    struct buf name, value;
    bool is_found;
    int64_t since;
};

struct unix_table {
    struct table table;
    bool is_group;
    struct answer answers[ANSWERS_KEPT];
};

static struct table *unix_open(const char *name, const struct table_options *options,
                               struct error *error)
{
    struct slice map = slice_from(name);
    struct unix_table *accounts;

    (void)options;
    if (!slice_equals(map, "passwd.byname") && !slice_equals(map, "group.byname")) {
        error_set(error, ERROR_PERMANENT, "unknown table: unix:%s", name);
        return NULL;
    }
    accounts = mem_new(struct unix_table);
    accounts->is_group = map.ptr[0] == 'g';
    return &accounts->table;
}

static void unix_close(struct table *table)
{
    struct unix_table *accounts = CONTAINER_OF(table, struct unix_table, table);

    for (size_t i = 0; i < ANSWERS_KEPT; i++) {
        buf_release(&accounts->answers[i].name);
        buf_release(&accounts->answers[i].value);
    }
    mem_free(accounts);
}

/*
 * "No such name" is 0 with no record. Every error number means that a source of names could not
 * be asked (a directory service that is down gives ENOENT for its socket), and a user who is
 * merely out of sight must not be refused for good.
 */
static bool means_unknown(int error)
{
    return error == 0;
}

static int find_user(const char *name, struct buf *storage, struct buf *value, bool *is_found)
{
    struct passwd record, *user;
    int error = getpwnam_r(name, &record, storage->data, storage->capacity, &user);

    *is_found = user != NULL;
    if (user) {
        buf_reset(value);
        buf_printf(value, "%s:%s:%ld:%ld:%s:%s:%s", user->pw_name, user->pw_passwd,
                   (long)user->pw_uid, (long)user->pw_gid, user->pw_gecos, user->pw_dir,
                   user->pw_shell);
    }
    return error;
}

static int find_group(const char *name, struct buf *storage, struct buf *value, bool *is_found)
{
    struct group record, *group;
    int error = getgrnam_r(name, &record, storage->data, storage->capacity, &group);

    *is_found = group != NULL;
    if (group) {
        buf_reset(value);
        buf_printf(value, "%s:%s:%ld:", group->gr_name, group->gr_passwd, (long)group->gr_gid);
        for (char **member = group->gr_mem; *member; member++)
            buf_printf(value, "%s%s", member == group->gr_mem ? "" : ",", *member);
    }
    return error;
}

static void keep_answer(struct answer *answer, struct slice key, const struct buf *value,
                        bool is_found)
{
    buf_set(&answer->name, key);
    buf_set(&answer->value, is_found ? buf_slice(value) : SLICE_EMPTY);
    answer->is_found = is_found;
    answer->since = time_now_ms();
}

static enum table_result ask_system(struct unix_table *accounts, struct slice key,
                                    struct answer *answer, struct buf *value,
                                    struct error *error)
{
    CLEANUP(mem_free_text) char *name = slice_dup(key);
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    bool is_group = accounts->is_group;
    bool is_found;
    size_t room = RECORD_BYTES;
    int result;

    do {
        buf_reserve(&storage, room);
        result = is_group ? find_group(name, &storage, value, &is_found)
                          : find_user(name, &storage, value, &is_found);
        room *= 2;
    } while (result == ERANGE && room <= RECORD_MAX_BYTES);
    if (is_found || means_unknown(result)) {
        keep_answer(answer, key, value, is_found);
        return is_found ? TABLE_FOUND : TABLE_NOT_FOUND;
    }
    errno = result;
    error_set(error, ERROR_TEMPORARY, "%s: %m", accounts->table.spec);
    return TABLE_ERROR;
}

static enum table_result unix_lookup(struct table *table, struct slice key, struct buf *value,
                                     struct error *error)
{
    struct unix_table *accounts = CONTAINER_OF(table, struct unix_table, table);
    struct answer *answer = &accounts->answers[slice_hash(key) % ANSWERS_KEPT];

    if (answer->name.len == 0 || !slice_same(buf_slice(&answer->name), key) ||
        time_now_ms() - answer->since >= ANSWER_KEPT_MS)
        return ask_system(accounts, key, answer, value, error);
    if (!answer->is_found)
        return TABLE_NOT_FOUND;
    buf_set(value, buf_slice(&answer->value));
    return TABLE_FOUND;
}

const struct table_driver table_unix = {
    .type = "unix",
    .may_block = true,
    .folds_case = true,
    .open = unix_open,
    .lookup = unix_lookup,
    .close = unix_close,
};
