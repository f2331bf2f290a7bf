#include "terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/slice.h"
#include "base/time.h"
#include "mail/queue_id.h"

enum { WIDTH_LEAST = 44, WIDTH_USUAL = 80, WIDTH_MOST = 1000 };

/* The columns in front of the sender; that of the ID is as wide as IDs are. */
enum {
    ID_SHORT = 12,
    ID_LONG = 17,
    AGE = 4,
    SIZE = 6,
    QUEUE = 8,
    GAP = 2,
    INDENT = 4,
    DEEPER = 8,
    SENDER_LEAST = 12
};

#define BOLD   "1"
#define DIM    "2"
#define RED    "31"
#define GREEN  "32"
#define YELLOW "33"
#define CYAN   "36"

static size_t width = WIDTH_USUAL;
static bool has_colour;
static int64_t now;

static size_t columns_asked_for(void)
{
    struct slice text = slice_from(getenv("COLUMNS"));
    struct winsize size;
    int64_t columns;

    if (slice_to_int(text, 1, WIDTH_MOST, &columns))
        return (size_t)columns;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return WIDTH_USUAL;
}

bool terminal_is_there(void)
{
    const char *no_colour = getenv("NO_COLOR"), *type = getenv("TERM");

    if (!isatty(STDOUT_FILENO))
        return false;
    width = columns_asked_for();
    if (width < WIDTH_LEAST)
        width = WIDTH_LEAST;
    has_colour = !(no_colour && *no_colour) && type && *type && strcmp(type, "dumb") != 0;
    now = time_wall_seconds();
    return true;
}

/* -- texts that fit
 * ----------------------------------------------------------------------------
 */

/* Bytes of the next character; control bytes and broken UTF-8 are replaced one by one. */
static size_t next_character(struct slice text, bool *is_shown)
{
    size_t len = slice_utf8_len(text);
    unsigned char first = (unsigned char)text.ptr[0];

    /* C1 control characters can do to a terminal what ESC can. */
    *is_shown = len == 1 ? first >= ' ' && first != 0x7f
                         : len > 1 && !(first == 0xc2 && (unsigned char)text.ptr[1] < 0xa0);
    return len ? len : 1;
}

static size_t count_characters(struct slice text)
{
    size_t n = 0;
    bool is_shown;

    for (; text.len > 0; n++)
        text = slice_from_offset(text, next_character(text, &is_shown));
    return n;
}

/* What others have written is shown, and does nothing to the terminal. */
static void put_text(struct slice text, size_t columns)
{
    bool is_cut = count_characters(text) > columns;
    size_t room = is_cut && columns > 2 ? columns - 2 : columns;

    for (size_t n = 0; text.len > 0 && n < room; n++) {
        bool is_shown;
        size_t len = next_character(text, &is_shown);

        if (is_shown)
            (void)fwrite(text.ptr, 1, len, stdout);
        else
            (void)putchar('?');
        text = slice_from_offset(text, len);
    }
    if (is_cut && room < columns)
        (void)fputs("..", stdout);
}

static void put_coloured(const char *colour, struct slice text, size_t columns)
{
    if (has_colour)
        printf("\033[%sm", colour);
    put_text(text, columns);
    if (has_colour)
        printf("\033[0m");
}

static size_t put_padded(const char *colour, const char *text, size_t columns)
{
    size_t len = count_characters(slice_from(text));

    put_coloured(colour, slice_from(text), columns);
    printf("%*s", (int)(len < columns ? columns - len + GAP : GAP), "");
    return columns + GAP;
}

/* -- numbers for people
 * ------------------------------------------------------------------------
 */

/* "12s", "59m", "23h", "6d", "51w": the largest unit that is not a fraction. */
static void format_age(char text[32], int64_t seconds)
{
    static const struct {
        int64_t seconds;
        char name;
    } units[] = {{604800, 'w'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};

    size_t i = 0;

    seconds = seconds < 0 ? 0 : seconds;
    /* Two weeks and less are better told in days. */
    while (i + 1 < ARRAY_SIZE(units) && seconds < units[i].seconds * (i == 0 ? 2 : 1))
        i++;
    snprintf(text, 32, "%" PRId64 "%c", seconds / units[i].seconds, units[i].name);
}

/* "900", "1.2K", "34M". */
static void format_size(char text[32], int64_t bytes)
{
    static const char names[] = "KMGT";
    double size = (double)bytes;
    int unit = -1;

    while (size >= 1000 && unit < 3) {
        size /= 1024;
        unit++;
    }
    if (unit < 0)
        snprintf(text, 32, "%" PRId64, bytes);
    else
        snprintf(text, 32, "%.*f%c", size < 9.95 ? 1 : 0, size, names[unit]);
}

/* -- the listing
 * -------------------------------------------------------------------------------
 */

static const char *colour_of(const char *queue)
{
    if (strcmp(queue, "active") == 0)
        return GREEN;
    if (strcmp(queue, "hold") == 0)
        return CYAN;
    return strcmp(queue, "deferred") == 0 ? YELLOW : "0";
}

static size_t id_columns(const struct entry *entry)
{
    return queue_id_is_long(buf_slice(&entry->queue_id)) ? ID_LONG : ID_SHORT;
}

static void put_titles(const struct entry *entry)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    buf_printf(&line, "%-*s%*s%*s  %-*s%s", (int)id_columns(entry) + GAP, "QUEUE ID", AGE,
               "AGE", SIZE + GAP, "SIZE", QUEUE + GAP, "QUEUE", "SENDER, RECIPIENTS");
    put_coloured(BOLD, buf_slice(&line), width);
    (void)putchar('\n');
}

void terminal_head(const struct entry *entry, struct totals *totals)
{
    char age[32], size[32];
    size_t used = id_columns(entry) + AGE + SIZE + QUEUE + 4UL * GAP;
    struct slice sender =
        entry->sender.len ? buf_slice(&entry->sender) : SLICE("MAILER-DAEMON");

    if (totals->n_messages++ == 0)
        put_titles(entry);
    totals->bytes += entry->size;
    format_age(age, now - entry->time);
    format_size(size, entry->size);
    (void)put_padded(BOLD, entry->queue_id.data, id_columns(entry));
    printf("%*s%*s  ", AGE, age, SIZE + GAP, size);
    (void)put_padded(colour_of(entry->queue_name),
                     entry->is_forced ? "expired" : entry->queue_name, QUEUE);
    if (used + SENDER_LEAST > width) {
        printf("\n%*s", INDENT, "");
        used = INDENT;
    }
    put_text(sender, width - used);
    (void)putchar('\n');
}

/* Beside the recipient, unless the one above has the same. */
static void put_reason(struct entry *entry, size_t used)
{
    if (entry->reason.len == 0 ||
        slice_same(buf_slice(&entry->reason), buf_slice(&entry->last_reason)))
        return;
    buf_set(&entry->last_reason, buf_slice(&entry->reason));
    if (used + DEEPER > width) { /* no room worth using */
        printf("\n%*s", DEEPER, "");
        used = DEEPER;
    } else {
        printf("  ");
        used += GAP;
    }
    put_coloured(slice_equals(buf_slice(&entry->log_class), "bounce") ? RED : DIM,
                 buf_slice(&entry->reason), width - used);
}

void terminal_recipient(struct entry *entry)
{
    size_t room = width - INDENT;
    size_t len = count_characters(buf_slice(&entry->address));

    printf("%*s", INDENT, "");
    put_text(buf_slice(&entry->address), room);
    put_reason(entry, INDENT + (len < room ? len : room));
    (void)putchar('\n');
}

void terminal_totals(const struct totals *totals)
{
    char size[32];

    if (totals->n_messages == 0) {
        printf("Mail queue is empty\n");
        return;
    }
    format_size(size, totals->bytes);
    printf("%" PRId64 " message%s, %s\n", totals->n_messages,
           totals->n_messages == 1 ? "" : "s", size);
}
