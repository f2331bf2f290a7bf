/*
 * qshape(1): which domains the mail in the queue is for (or from), and how old it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/conf.h"
#include "mail/message.h"
#include "mail/queue_id.h"
#include "shape.h"

#define RECIPIENTS_AT_ONCE 1000
#define WIDTH_MIN          80
#define WIDTH_MAX          10000

struct options {
    struct shape_options shape;
    bool by_sender, on_terminal;
    uint64_t batch_messages; /* on a terminal: show the table after so many */
    size_t top_domains;      /* and only the first lines of it */
    const char *directory;
};

struct survey {
    const struct options *options;
    struct shape shape;
    uint64_t n_messages;
    time_t now;
};

static void show(const struct survey *survey)
{
    if (survey->options->on_terminal)
        printf("\033[H\033[2J\033[3J"); /* from an empty screen */
    shape_print(&survey->shape,
                survey->options->on_terminal ? survey->options->top_domains : SIZE_MAX, stdout);
    if (fflush(stdout) != 0)
        fatal(1, "write to standard output: %m");
}

static int add_recipients(struct survey *survey, struct message *message, double age_minutes,
                          struct error *error)
{
    CLEANUP(recipient_list_release) struct recipient_list list = {0};

    while (message->next_recipient > 0) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;

        list.count = 0;
        if (message_read_recipients(message, &arena, RECIPIENTS_AT_ONCE, &list, error) < 0)
            return -1;
        for (size_t i = 0; i < list.count; i++) {
            if (!list.items[i].done)
                shape_add(&survey->shape, list.items[i].address, age_minutes);
        }
    }
    return 0;
}

static int add_message(struct survey *survey, int fd, struct error *error)
{
    CLEANUP(message_release) struct message message = {.fd = -1};
    double age_minutes;

    if (message_read_envelope(&message, fd, error) < 0)
        return -1;
    age_minutes = (double)(survey->now - message.envelope.arrival_time.tv_sec) / 60;
    if (!survey->options->by_sender)
        return add_recipients(survey, &message, age_minutes, error);
    shape_add(&survey->shape, message.envelope.sender, age_minutes);
    return 0;
}

/* A file that is gone by now was delivered or moved; one without the mark is not complete. */
static void add_file(struct survey *survey, const char *path)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    struct error error;

    if (fd < 0) {
        if (errno != ENOENT)
            log_warning("open %s: %m", path);
        return;
    }
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || !(status.st_mode & S_IXUSR))
        return;
    if (add_message(survey, fd, &error) < 0) {
        log_warning("%s: %s", path, error.text);
        return;
    }
    survey->n_messages++;
    if (survey->options->on_terminal &&
        survey->n_messages % survey->options->batch_messages == 0)
        show(survey);
}

static void add_queue(struct survey *survey, const char *name)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct queue_scan *scan;
    struct slice id;
    int result;

    if (name[0] != '/')
        buf_printf(&path, "%s/", params.queue_directory);
    buf_add_text(&path, name);
    scan = queue_scan_open(path.data);
    if (!scan) {
        log_warning("open queue directory %s: %m", path.data);
        return;
    }
    while ((result = queue_scan_next(scan, &id)) > 0)
        add_file(survey, queue_scan_path(scan));
    if (result < 0)
        log_warning("read queue directory %s: %m", path.data);
    queue_scan_close(scan);
}

static NORETURN void usage(void)
{
    fatal(1, "usage: qshape [-s (senders)] [-p (parent domains)] [-m min_subdomains] "
             "[-b bucket_count] [-t bucket_time] [-l (linear)] [-w terminal_width] "
             "[-N batch_msg_count] [-n batch_top_domains] [-c config_dir] [queue_name...]");
}

/* A number below one asks for the default. */
static size_t parse_count(int option, const char *text, size_t standard, size_t max)
{
    int64_t number;

    if (!slice_to_int(slice_from(text), INT32_MIN, (int64_t)max, &number))
        fatal(1, "bad number for -%c: %s", option, text);
    return number > 0 ? (size_t)number : standard;
}

static double parse_minutes(const char *text)
{
    const double standard = 5, max = 1e9;
    char *end;
    double minutes = strtod(text, &end);

    if (end == text || *end || !(minutes <= max))
        fatal(1, "bad number for -t: %s", text);
    return minutes > 0 ? minutes : standard;
}

static void parse_option(struct options *options, int option)
{
    switch (option) {
    case 's':
        options->by_sender = true;
        break;
    case 'p':
        options->shape.with_parents = true;
        break;
    case 'm':
        options->shape.min_subdomains = parse_count('m', optarg, 5, INT32_MAX);
        break;
    case 'b':
        options->shape.n_buckets = parse_count('b', optarg, 10, BUCKETS_MAX);
        break;
    case 't':
        options->shape.bucket_minutes = parse_minutes(optarg);
        break;
    case 'l':
        options->shape.growth = BUCKETS_LINEAR;
        break;
    case 'w':
        options->shape.width = parse_count('w', optarg, WIDTH_MIN, WIDTH_MAX);
        break;
    case 'N':
        options->batch_messages = parse_count('N', optarg, 1000, INT32_MAX);
        break;
    case 'n':
        options->top_domains = parse_count('n', optarg, 20, INT32_MAX);
        break;
    case 'c':
        options->directory = optarg;
        break;
    default:
        usage();
    }
}

static bool is_terminal(void)
{
    const char *type = getenv("TERM");

    return isatty(STDOUT_FILENO) && type && *type && strcmp(type, "dumb") != 0;
}

static void parse_options(struct options *options, int argc, char **argv)
{
    int option;

    *options = (struct options){
        .shape = {.n_buckets = 10,
                  .bucket_minutes = 5,
                  .min_subdomains = 5,
                  .width = WIDTH_MIN},
        .batch_messages = 1000,
        .top_domains = 20,
        .on_terminal = is_terminal(),
    };
    while ((option = getopt(argc, argv, "+spm:b:t:lw:N:n:c:")) != -1)
        parse_option(options, option);
    if (options->shape.width < WIDTH_MIN)
        options->shape.width = WIDTH_MIN;
}

int main(int argc, char **argv)
{
    const struct log_target terminal = {.sink = LOG_SINK_STDERR};
    struct conf_request request = {.program = "qshape"};
    struct options options;
    struct survey survey = {.options = &options, .now = time(NULL)};
    struct error error;

    log_open("qshape", &terminal);
    parse_options(&options, argc, argv);
    request.directory = options.directory;
    if (conf_load(&request, &error) < 0)
        fatal(1, "%s", error.text);
    shape_init(&survey.shape, &options.shape);
    for (int i = optind; i < argc; i++)
        add_queue(&survey, argv[i]);
    if (optind == argc) {
        add_queue(&survey, "incoming");
        add_queue(&survey, "active");
    }
    show(&survey);
    shape_release(&survey.shape);
    return 0;
}
