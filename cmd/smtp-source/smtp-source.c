/*
 * smtp-source: send test messages by SMTP or LMTP.
 */
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "net/socket.h"
#include "source.h"

enum { SMTP_PORT = 25, WINDOW_MOST = 1 << 30 };

struct smtp_source smtp_source;

static void usage(void)
{
    fatal(1, "usage: smtp-source [-46AcdLNov] [-C count] [-f from] [-F file] [-l length] "
             "[-m messages] [-M myhostname] [-r recipients] [-R interval] [-s sessions] "
             "[-S subject] [-t to] [-T windowsize] [-w interval] host[:port]|unix:path");
}

static void set_window(const char *text)
{
    int64_t bytes;

    if (!slice_to_int(slice_from(text), 1, WINDOW_MOST, &bytes))
        fatal(1, "bad TCP window size: %s", text);
    socket_set_window((int)bytes);
}

static void take(struct smtp_source *source, int option, const char **file)
{
    switch (option) {
    case 'A':
        source->survives_refusal = true;
        break;
    case 'd':
        source->keeps_connection = true;
        break;
    case 'F':
        *file = optarg;
        break;
    case 'L':
        source->is_lmtp = true;
        break;
    case 'N':
        source->numbers_recipients = true;
        break;
    case 'o':
        source->is_old = true;
        break;
    case 'S':
        source->subject = optarg;
        break;
    case 'T':
        set_window(optarg);
        break;
    default:
        if (!load_source_option(&source->load, option, optarg))
            usage();
        break;
    }
}

int main(int argc, char **argv)
{
    struct log_target terminal = {.sink = LOG_SINK_STDERR};
    const char *file = NULL;
    int option;

    log_open("smtp-source", &terminal);
    load_source_init(&smtp_source.load);
    while ((option = getopt(argc, argv, "+" LOAD_SOURCE_OPTIONS "AdF:LNoS:T:")) != -1)
        take(&smtp_source, option, &file);
    if (argc - optind != 1)
        usage();
    if (file && smtp_source.load.length > 0)
        fatal(1, "-l option cannot be used with -F");
    if (file)
        text_read(file);
    else
        text_make();
    load_source_begin(&smtp_source.load, argv[optind], SMTP_PORT);
    load_source_run(&smtp_source.load, session_run);
    return 0;
}
