/*
 * postcat(1): shows queue files as text, record by record.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/conf.h"
#include "mail/header.h"
#include "mail/queue_id.h"
#include "mail/record.h"
#include "mail/record_reader.h"

#define CHUNK_BYTES 65536

/* Where in the file a record stands. */
enum area { AREA_ENVELOPE, AREA_HEADER, AREA_BODY };

struct options {
    bool envelope, header, body;
    bool decimal_types, offsets, raw, search_queue, with_file_name;
    off_t start;
};

/* One file being shown. */
struct file {
    const struct options *options;
    const char *name;
    struct record_reader records;
    enum area area;
    off_t extracted; /* offset of the X record, from the size record; 0: not known */
    off_t printed;   /* the offset that -o shows for this record */
    bool has_size;
};

/* What may come first in a queue file. */
static const char first_types[] = "MCTcFILSDRO/WVAP>K<ionrep";

static bool shows_area(const struct file *file)
{
    switch (file->area) {
    case AREA_HEADER:
        return file->options->header;
    case AREA_BODY:
        return file->options->body;
    case AREA_ENVELOPE:
        break;
    }
    return file->options->envelope;
}

/* What -f, -o and -d put in front of each line. */
static void print_prefix(const struct file *file, const struct record *record)
{
    if (file->options->with_file_name)
        printf("%s: ", file->name);
    if (file->options->offsets)
        printf("%9jd ", (intmax_t)file->printed);
    if (file->options->decimal_types)
        printf("%3d ", (unsigned char)record->type);
}

static void print_heading(const struct file *file, const struct record *record,
                          const char *heading)
{
    if (!file->options->envelope)
        return;
    if (record)
        print_prefix(file, record);
    printf("*** %s %s ***\n", heading, file->name);
}

static void print_text(struct slice text)
{
    if (fwrite(text.ptr, 1, text.len, stdout) < text.len)
        fatal(1, "write error: %m");
}

static void print_time(const char *label, struct slice seconds)
{
    int64_t value = 0;
    struct slice rest = seconds;
    time_t when;
    char text[32];

    slice_to_int(slice_word(&rest, " "), INT64_MIN, INT64_MAX, &value);
    when = (time_t)value;
    printf("%s: %s", label, ctime_r(&when, text) ? text : "\n");
}

static void print_attribute(struct slice attribute)
{
    struct slice value = attribute;
    struct slice name = slice_trim(slice_split(&value, '='));

    if (slice_equals(name, "create_time")) {
        print_time("create_time", slice_trim(value));
    } else {
        printf("%s: ", record_name(RECORD_ATTRIBUTE));
        print_text(attribute);
        putchar('\n');
    }
}

static void print_record(const struct file *file, const struct record *record)
{
    if (!shows_area(file))
        return;
    print_prefix(file, record);
    switch (record->type) {
    case RECORD_TIME:
    case RECORD_WARN_TIME:
        print_time(record_name(record->type), record->data);
        return;
    case RECORD_ATTRIBUTE:
        print_attribute(record->data);
        return;
    default:
        printf("%s: ", record_name(record->type));
        print_text(record->data);
        putchar('\n');
    }
}

/* A line of the content, or a part of one. */
static void print_content(struct file *file, const struct record *record)
{
    bool is_part = record->type == RECORD_PART;

    if (file->area == AREA_HEADER && !header_is_continuation(record->data) &&
        header_name_length(record->data) == 0)
        file->area = AREA_BODY;
    if (!shows_area(file))
        return;
    print_prefix(file, record);
    if (log_verbosity > 0)
        printf("%s: ", is_part ? "unterminated_text" : record_name(record->type));
    print_text(record->data);
    if (!is_part || log_verbosity > 0)
        putchar('\n');
}

static void read_size(struct file *file, const struct record *record)
{
    int64_t numbers[2] = {0};
    struct slice rest = record->data;

    if (file->has_size)
        log_warning("file contains multiple size records");
    file->has_size = true;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        slice_to_int(slice_word(&rest, " "), 0, INT32_MAX * (int64_t)1024, &numbers[i]);
    if (numbers[0] > 0 && numbers[1] > 0)
        file->extracted = (off_t)(numbers[0] + numbers[1]);
}

/* Follow a pointer record as the readers of the queue do. */
static void follow(struct file *file, const struct record *record)
{
    struct error error;

    if (record_reader_follow(&file->records, record, &error) < 0)
        fatal(1, "%s: %s", file->name, error.text);
}

/* At M. What nobody wants to see of the content is passed over. */
static void begin_content(struct file *file, const struct record *record)
{
    print_heading(file, record, "MESSAGE CONTENTS");
    file->area = AREA_HEADER;
    if (!file->options->header && !file->options->body && !file->options->raw &&
        file->extracted > 0)
        record_reader_seek(&file->records, file->extracted);
}

/* Show one record. False: nothing follows it that should be shown. */
static bool show_record(struct file *file, const struct record *record)
{
    switch (record->type) {
    case RECORD_MESSAGE:
        begin_content(file, record);
        break;
    case RECORD_EXTRACTED:
        if (file->area == AREA_ENVELOPE)
            log_warning("%s: out-of-order extracted segment marker", file->name);
        print_heading(file, record, "HEADER EXTRACTED");
        file->area = AREA_ENVELOPE;
        break;
    case RECORD_END:
        print_heading(file, record, "MESSAGE FILE END");
        file->area = AREA_ENVELOPE;
        return file->options->raw;
    case RECORD_LINE:
        print_content(file, record);
        break;
    case RECORD_PART: /* in the envelope a content filter */
        if (file->area != AREA_ENVELOPE)
            print_content(file, record);
        else
            print_record(file, record);
        break;
    case RECORD_POINTER:
    case RECORD_PADDING:
        if (log_verbosity > 0)
            print_record(file, record);
        if (record->type == RECORD_POINTER && !file->options->raw)
            follow(file, record);
        break;
    default:
        if (record->type == RECORD_SIZE)
            read_size(file, record);
        print_record(file, record);
        break;
    }
    return true;
}

/* A first record that cannot be read, and would be of no type that begins a queue file. */
static bool starts_oddly(const struct record_reader *records)
{
    return records->position == 0 && records->buffer.len > 0 &&
           !strchr(first_types, records->buffer.data[0]);
}

static void show(const struct options *options, const char *name, int fd)
{
    struct file file = {.options = options, .name = name, .area = AREA_ENVELOPE};
    struct record record;
    struct error error;
    int result;

    record_reader_init(&file.records, fd, options->start, CHUNK_BYTES);
    file.records.pointers = RECORD_POINTERS_SHOW;
    file.printed = options->start;
    while ((result = record_reader_next(&file.records, &record, &error)) > 0) {
        if (record.offset == 0) {
            if (!strchr(first_types, record.type)) {
                log_warning("%s: input is not a valid queue file", name);
                break;
            }
            print_heading(&file, NULL, "ENVELOPE RECORDS");
        }
        if (!show_record(&file, &record))
            break;
        /* Records that nobody sees count as part of the one that follows. */
        if (log_verbosity > 0 ||
            (record.type != RECORD_POINTER && record.type != RECORD_PADDING))
            file.printed = file.records.position;
    }
    if (result < 0 && starts_oddly(&file.records)) {
        log_warning("%s: input is not a valid queue file", name);
        result = 0;
    }
    if (result < 0) {
        (void)fflush(stdout); /* what could be read comes before the reason */
        log_warning("%s: %s", name, error.text);
        fatal(1, "record read error");
    }
    record_reader_release(&file.records);
}

/* What comes through a pipe is copied, since records point back and forth. */
static void show_stdin(const struct options *options)
{
    CLEANUP(fd_close) int copy = -1;
    static char chunk[CHUNK_BYTES];
    ssize_t n;

    if (lseek(STDIN_FILENO, 0, SEEK_CUR) >= 0) {
        show(options, "stdin", STDIN_FILENO);
        return;
    }
    copy = memfd_create("postcat", MFD_CLOEXEC);
    if (copy < 0)
        fatal(1, "copy standard input: %m");
    while ((n = fd_read_full(STDIN_FILENO, chunk, sizeof(chunk))) > 0) {
        if (fd_write_all(copy, chunk, (size_t)n) < 0)
            fatal(1, "copy standard input: %m");
    }
    if (n < 0)
        fatal(1, "read standard input: %m");
    show(options, "stdin", copy);
}

/* Find the message in one of the queues; *path tells where. */
static int open_queued(const char *id, struct buf *path)
{
    static const char *const queues[] = {"maildrop", "hold",     "incoming",
                                         "active",   "deferred", "corrupt"};
    const struct queue_layout layout = {params.hash_queue_names, params.hash_queue_depth};

    if (!queue_id_is_valid(slice_from(id)))
        fatal(1, "bad mail queue ID: %s", id);
    /* Twice, since the queue manager may just be moving it. */
    for (size_t i = 0; i < 2 * ARRAY_SIZE(queues); i++) {
        const char *queue = queues[i % ARRAY_SIZE(queues)];
        int fd = queue_open(&layout, queue, slice_from(id), O_RDONLY);

        queue_path(path, &layout, queue, slice_from(id));
        if (fd >= 0 || errno != ENOENT)
            return fd;
    }
    errno = ENOENT;
    return -1;
}

static void show_argument(const struct options *options, const char *argument)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(fd_close) int fd = -1;

    if (options->search_queue) {
        fd = open_queued(argument, &path);
        if (fd < 0)
            fatal(1, "open queue file %s: %m", argument);
    } else {
        buf_set_text(&path, argument);
        fd = open(argument, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            fatal(1, "open %s: %m", argument);
    }
    show(options, path.data, fd);
}

static NORETURN void usage(void)
{
    fatal(1, "usage: postcat [-b (body text)] [-c config_dir] [-d (decimal record type)] "
             "[-e (envelope records)] [-f (file name)] [-h (header text)] [-o (offsets)] "
             "[-q (access queue)] [-r (file order)] [-s offset] [-v] [file(s)...]");
}

static off_t parse_offset(const char *text)
{
    int64_t offset;

    if (!slice_to_int(slice_from(text), 0, INT64_MAX, &offset))
        fatal(1, "bad offset: %s", text);
    return (off_t)offset;
}

static void parse_option(struct options *options, struct conf_request *request, int option)
{
    switch (option) {
    case 'b':
        options->body = true;
        break;
    case 'c':
        request->directory = optarg;
        break;
    case 'd':
        options->decimal_types = true;
        break;
    case 'e':
        options->envelope = true;
        break;
    case 'f':
        options->with_file_name = true;
        break;
    case 'h':
        options->header = true;
        break;
    case 'n': /* the synopsis of old manuals has it; it never meant anything */
        break;
    case 'o':
        options->offsets = true;
        break;
    case 'q':
        options->search_queue = true;
        break;
    case 'r':
        options->raw = true;
        break;
    case 's':
        options->start = parse_offset(optarg);
        break;
    case 'v':
        log_verbosity++;
        break;
    default:
        usage();
    }
}

static void enter_queue(const struct conf_request *request)
{
    struct error error;

    if (conf_load(request, &error) < 0)
        fatal(1, "%s", error.text);
    if (chdir(params.queue_directory) < 0)
        fatal(1, "chdir %s: %m", params.queue_directory);
}

int main(int argc, char **argv)
{
    const struct log_target terminal = {.sink = LOG_SINK_STDERR};
    struct conf_request request = {.program = "postcat"};
    struct options options = {0};
    int option;

    log_open("postcat", &terminal);
    while ((option = getopt(argc, argv, "+bc:defhnoqrs:v")) != -1)
        parse_option(&options, &request, option);
    if (!options.body && !options.envelope && !options.header)
        options.body = options.envelope = options.header = true;
    if (options.search_queue)
        enter_queue(&request);
    if (optind == argc && !options.search_queue)
        show_stdin(&options);
    for (; optind < argc; optind++)
        show_argument(&options, argv[optind]);
    if (fflush(stdout) != 0 || ferror(stdout))
        fatal(1, "write to standard output: %m");
    return 0;
}
