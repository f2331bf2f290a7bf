/*
 * postdrop: writes a message, given as records on standard input, into the maildrop directory.
 *
 * It is set-gid so that users can do that and nothing else there: everything that comes in is
 * checked, the rest of the mail system takes no more from users than what passes here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/words.h"
#include "ipc/client.h"
#include "mail/address.h"
#include "mail/postdrop_reply.h"
#include "mail/queue_file.h"
#include "records.h"
#include "table/elsewhere.h"
#include "table/user_entry.h"
#include "worker/logging.h"

struct drop {
    struct queue_file file;
    struct records records;
    long uid;
    char login[64]; /* empty: not asked for yet */
    bool has_arrival_time, has_sender, has_recipient;
    int status; /* POSTDROP_ bits */
    struct buf reason;
};

/* For the signal handler: where the unfinished file lies. */
static char unfinished[PATH_MAX];

static void remove_unfinished(int signal_number)
{
    (void)signal_number;
    if (unfinished[0])
        (void)unlink(unfinished);
    _exit(1);
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    struct sigaction action = {.sa_handler = remove_unfinished};

    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        struct sigaction before;

        /* What nohup ignores stays ignored. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &action, NULL);
    }
}

static void release(struct drop *drop)
{
    queue_file_release(&drop->file);
    records_release(&drop->records);
    buf_release(&drop->reason);
}

NORETURN static void leave(struct drop *drop, int exit_code)
{
    release(drop);
    exit(exit_code);
}

/* The user's name, or uid:NUMBER. Asked for where a table wants it: that reads files. */
static const char *login_of(struct drop *drop)
{
    CLEANUP(user_entry_release) struct user_entry user = USER_ENTRY_INIT;
    struct error error = ERROR_INIT;

    if (drop->login[0])
        return drop->login;
    enum table_result result = user_entry_find(&user, (uid_t)drop->uid, &error);

    if (result == TABLE_ERROR)
        log_warning("uid=%ld: %s", drop->uid, error.text);
    if (result == TABLE_FOUND)
        (void)snprintf(drop->login, sizeof(drop->login), "%s", user.name.data);
    else
        (void)snprintf(drop->login, sizeof(drop->login), "uid:%ld", drop->uid);
    return drop->login;
}

static void check_submit_permission(struct drop *drop)
{
    struct error error = ERROR_INIT;

    if (slice_equals(slice_from(params.authorized_submit_users), "static:anyone"))
        return; /* the default needs no table */
    const char *login = login_of(drop);
    const char *name = slice_starts_with(slice_from(login), "uid:") ? "unknown" : login;
    enum table_result result = elsewhere_ask(ELSEWHERE_LIST, "authorized_submit_users",
                                             slice_from(name), NULL, &error);

    if (result == TABLE_ERROR)
        fatal(1, "authorized_submit_users: %s", error.text);
    if (result == TABLE_NOT_FOUND)
        fatal(1, "User %s(%ld) is not allowed to submit mail", name, drop->uid);
}

static void reply(struct buf *text)
{
    postdrop_reply_end(text);
    /* Whoever does not want to hear it has sent the message all the same. */
    if (fd_write_all(STDOUT_FILENO, text->data, text->len) < 0 && errno != EPIPE)
        log_warning("uid=%ld: write reply: %m", (long)getuid());
}

static void create(struct drop *drop)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct queue_layout layout = {params.hash_queue_names, params.hash_queue_depth};
    enum queue_id_form form = params.enable_long_queue_ids ? QUEUE_ID_LONG : QUEUE_ID_SHORT;
    struct error error;

    if (queue_file_create(&drop->file, &layout, "maildrop", form, 0644, &error) < 0)
        fatal(1, "uid=%ld: %s", drop->uid, error.text);
    (void)snprintf(unfinished, sizeof(unfinished), "%s", drop->file.path.data);
    postdrop_reply_add(&text, "protocol", SLICE(POSTDROP_PROTOCOL));
    postdrop_reply_add(&text, "queue_id", slice_from(drop->file.id));
    reply(&text);
}

static void put(struct drop *drop, char type, struct slice data)
{
    struct error error;

    if (drop->status != POSTDROP_OK)
        return;
    if (queue_file_put(&drop->file, type, data, NULL, &error) < 0) {
        log_warning("uid=%ld: %s", drop->uid, error.text);
        drop->status |= POSTDROP_WRITE;
    } else if (params.message_size_limit > 0 &&
               queue_file_offset(&drop->file) > params.message_size_limit) {
        log_warning("uid=%ld: File too large", drop->uid);
        drop->status |= POSTDROP_SIZE;
    }
}

/* It stands first, but for a C record: that one is looked for at the start. */
static void put_arrival_time(struct drop *drop, char first_type)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (drop->has_arrival_time || first_type == RECORD_SIZE)
        return;
    drop->has_arrival_time = true;
    buf_printf(&text, "%ld %ld", (long)drop->file.arrival_time.tv_sec,
               (long)drop->file.arrival_time.tv_usec);
    put(drop, RECORD_TIME, buf_slice(&text));
}

/* -- who may write as whom ----------------------------------------------------------------- */

static bool pattern_allows(struct slice pattern, struct slice sender)
{
    if (slice_equals(pattern, "*"))
        return true;
    if (sender.len == 0)
        return slice_equals_nocase(pattern,
                                   params.empty_address_local_login_sender_maps_lookup_key);
    if (pattern.len && pattern.ptr[0] == '@')
        return slice_same_nocase(slice_from_offset(pattern, 1), address_domain(sender));
    return slice_same_nocase(pattern, sender);
}

static struct slice without_extension(struct slice sender, struct buf *storage)
{
    struct slice local_part = address_local_part(sender), user, extension;

    if (!address_split_extension(local_part, params.recipient_delimiter,
                                 params.owner_request_special, &user, &extension))
        return sender;
    buf_set(storage, user);
    buf_add_slice(storage, slice_from_offset(sender, local_part.len));
    return buf_slice(storage);
}

static void check_sender_permission(struct drop *drop, struct slice sender)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct slice plain = without_extension(sender, &storage), rest, pattern;
    struct error error = ERROR_INIT;

    if (slice_equals(slice_from(params.local_login_sender_maps), "static:*"))
        return;
    enum table_result result = elsewhere_ask(ELSEWHERE_MAPS, "local_login_sender_maps",
                                             slice_from(login_of(drop)), &value, &error);

    if (result == TABLE_ERROR) {
        log_warning("local_login_sender_maps: %s", error.text);
        drop->status |= POSTDROP_WRITE;
        return;
    }
    rest = result == TABLE_FOUND ? buf_slice(&value) : SLICE_EMPTY;
    while (words_next(&rest, WORDS_COMMA_SPACE, &pattern)) {
        if (pattern_allows(pattern, plain))
            return;
    }
    drop->status |= POSTDROP_NOT_PERMITTED;
    buf_printf(&drop->reason, "not authorized to use sender='%.*s'", SLICE_ARG(sender));
}

/* -- reading --------------------------------------------------------------------------------
 */

static void put_attribute(struct drop *drop, struct slice data)
{
    bool has_value;

    if (records_attribute_is_allowed(data, &has_value)) {
        put(drop, RECORD_ATTRIBUTE, data);
    } else {
        log_warning("uid=%ld: %s: %.*s", drop->uid,
                    has_value ? "ignoring attribute record"
                              : "ignoring malformed record: missing '=' after attribute name",
                    SLICE_ARG(slice_sub(data, 0, 200)));
    }
}

static void take_record(struct drop *drop, enum segment segment, char type, struct slice data)
{
    if (!records_data_is_clean(segment, data)) {
        log_warning("uid=%ld: control characters in record type %d", drop->uid, type);
        drop->status |= POSTDROP_BAD;
        return;
    }
    put_arrival_time(drop, type);
    if (type == RECORD_SENDER && segment == SEGMENT_ENVELOPE) {
        check_sender_permission(drop, data);
        drop->has_sender = true;
    } else if (type == RECORD_RECIPIENT) {
        drop->has_recipient = true;
    }
    if (type == RECORD_ATTRIBUTE)
        put_attribute(drop, data);
    else
        put(drop, type, data);
}

/* -- the end --------------------------------------------------------------------------------
 */

static void commit(struct drop *drop)
{
    CLEANUP(buf_release) struct buf pickup = BUF_INIT;
    struct error error;

    if (queue_file_commit(&drop->file, 0744, &error) < 0) {
        log_warning("uid=%ld: %s", drop->uid, error.text);
        drop->status |= POSTDROP_WRITE;
        return;
    }
    unfinished[0] = '\0';
    buf_printf(&pickup, "public/%s", params.pickup_service_name);
    /* While the system is down nobody listens; pickup looks when it starts. */
    if (client_trigger(pickup.data, SLICE("W"), deadline_in(params.trigger_timeout), &error) <
        0)
        log_debug(1, "%s", error.text);
}

static void report(struct drop *drop)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    char number[16];

    (void)snprintf(number, sizeof(number), "%d", drop->status);
    postdrop_reply_add(&text, "status", slice_from(number));
    postdrop_reply_add(&text, "reason", buf_slice(&drop->reason));
    reply(&text);
}

static void run(struct drop *drop)
{
    create(drop);
    while (drop->records.segment != SEGMENT_END && !(drop->status & POSTDROP_NOT_PERMITTED)) {
        enum segment segment = drop->records.segment;
        struct slice data;
        char type;

        switch (records_next(&drop->records, &type, &data)) {
        case RECORDS_FOUND:
            take_record(drop, segment, type, data);
            break;
        case RECORDS_ENDED:
            leave(drop, 0);
        case RECORDS_MALFORMED:
            queue_file_release(&drop->file);
            fatal(1, "uid=%ld: malformed input", drop->uid);
        case RECORDS_UNEXPECTED:
            queue_file_release(&drop->file);
            fatal(1, "uid=%ld: unexpected record type: %d", drop->uid, type);
        }
    }
    if (drop->status == POSTDROP_OK && (!drop->has_sender || !drop->has_recipient))
        drop->status |= POSTDROP_BAD;
    if (drop->status == POSTDROP_OK)
        commit(drop);
    report(drop);
    if (drop->status != POSTDROP_OK && drop->status != POSTDROP_NOT_PERMITTED)
        leave(drop, 1);
}

static const char *parse_options(int argc, char **argv)
{
    const char *directory = NULL;
    int option;

    while ((option = getopt(argc, argv, "c:rv")) > 0) {
        switch (option) {
        case 'c':
            directory = optarg;
            break;
        case 'r': /* as if the caller did not say so */
            break;
        case 'v':
            if (geteuid() == 0)
                log_verbosity++;
            break;
        default:
            fatal(1, "usage: %s [-c config_dir] [-v]", argv[0]);
        }
    }
    return directory;
}

int main(int argc, char **argv)
{
    struct drop drop = {.file = QUEUE_FILE_INIT, .reason = BUF_INIT, .uid = (long)getuid()};
    struct conf_request request = {.program = "postdrop", .trust = CONF_TRUST_NOBODY};
    struct error error;

    (void)umask(022);
    (void)close_range(3, ~0U, 0);
    request.directory = parse_options(argc, argv);
    if (conf_load(&request, &error) < 0)
        fatal(1, "%s", error.text);
    logging_open("postdrop", LOGGING_SUBMIT);
    check_submit_permission(&drop);
    if (chdir(params.queue_directory) < 0)
        fatal(1, "chdir %s: %m", params.queue_directory);
    catch_signals();
    drop.records = RECORDS_INIT(STDIN_FILENO, (size_t)params.line_length_limit);
    run(&drop);
    release(&drop);
    return 0;
}
