#include "ipc/postmaster_notice.h"

#include <string.h>

#include "base/arena.h"
#include "conf/params.h"
#include "conf/words.h"
#include "ipc/cleanup_client.h"
#include "mail/record.h"

#define TRANSCRIPT_MAX_BYTES ((size_t)32 << 10) /* what is beyond is of no interest */
#define WRAP_COLUMN          ((size_t)79)
#define WRAP_INDENT          SLICE("     ")

/* -- the transcript
 * --------------------------------------------------------------------------------- */

static void add_lines(struct buf *transcript, const char *direction, struct slice lines)
{
    do {
        struct slice line = slice_split(&lines, '\n');

        if (transcript->len >= TRANSCRIPT_MAX_BYTES)
            break;
        if (slice_ends_with(line, "\r"))
            line.len--;
        buf_printf(transcript, "%s%.*s\n", direction, SLICE_ARG(line));
    } while (lines.len);
}

void transcript_add_received(struct buf *transcript, struct slice lines)
{
    add_lines(transcript, " In:  ", lines);
}

void transcript_add_sent(struct buf *transcript, struct slice lines)
{
    add_lines(transcript, " Out: ", lines);
}

struct slice transcript_without_secret(struct slice line)
{
    struct slice rest = line;
    struct slice verb = slice_word(&rest, " \t");

    if (!slice_equals_nocase(verb, "AUTH") || !slice_word(&rest, " \t").ptr || !rest.len)
        return line;
    return slice_sub(line, 0, line.len - rest.len);
}

/* -- the message
 * ------------------------------------------------------------------------------------ */

static void put_line(struct cleanup_client *cleanup, const char *text)
{
    cleanup_put(cleanup, RECORD_LINE, slice_from(text));
}

/* Where to cut a line that has no room: at its last blank that has, or the next one. */
static size_t find_cut(struct slice line, size_t room)
{
    size_t cut = slice_find_last(slice_sub(line, 0, room + 1), ' ');

    if (cut > 0 && cut <= room)
        return cut;
    return room + slice_find(slice_from_offset(line, room), ' ');
}

/* A long line continues indented. A long word stays in one piece. */
static void put_wrapped(struct cleanup_client *cleanup, struct slice line)
{
    CLEANUP(buf_release) struct buf part = BUF_INIT;
    size_t room = WRAP_COLUMN;

    while (line.len > room) {
        size_t cut = find_cut(line, room);

        buf_add_slice(&part, slice_trim_right(slice_sub(line, 0, cut)));
        cleanup_put(cleanup, RECORD_LINE, buf_slice(&part));
        if (cut == line.len)
            return;
        buf_set(&part, WRAP_INDENT);
        room = WRAP_COLUMN - WRAP_INDENT.len;
        line = slice_from_offset(line, cut);
        while (slice_starts_with(line, " "))
            line = slice_from_offset(line, 1);
    }
    buf_add_slice(&part, slice_trim_right(line));
    cleanup_put(cleanup, RECORD_LINE, buf_slice(&part));
}

static void put_lines(struct cleanup_client *cleanup, struct slice lines)
{
    while (lines.len)
        cleanup_put(cleanup, RECORD_LINE, slice_split(&lines, '\n'));
}

static void put_transcript(struct cleanup_client *cleanup, struct slice transcript)
{
    while (transcript.len)
        put_wrapped(cleanup, slice_split(&transcript, '\n'));
}

static void put_envelope(struct cleanup_client *cleanup, const char *recipient)
{
    struct timeval now = time_wall();

    cleanup_printf(cleanup, RECORD_TIME, "%ld %ld", (long)now.tv_sec, (long)now.tv_usec);
    cleanup_put_attribute(cleanup, "rewrite_context", SLICE("local"));
    cleanup_printf(cleanup, RECORD_SENDER, "%s@%s", params.double_bounce_sender,
                   params.myhostname);
    cleanup_put(cleanup, RECORD_RECIPIENT, slice_from(recipient));
    cleanup_put(cleanup, RECORD_MESSAGE, SLICE_EMPTY);
}

static void put_header(struct cleanup_client *cleanup, const struct postmaster_notice *notice)
{
    time_t now = time_wall_seconds();
    bool is_obsolete = strcmp(params.header_from_format, "obsolete") == 0;
    const char *recipient = params.error_notice_recipient;

    cleanup_printf(cleanup, RECORD_LINE, "Received: by %s (%s)", params.myhostname,
                   params.mail_name);
    cleanup_put_id_and_date(cleanup, now);
    cleanup_printf(cleanup, RECORD_LINE, "Date: %s", time_rfc5322(now));
    if (is_obsolete) {
        cleanup_printf(cleanup, RECORD_LINE, "From: MAILER-DAEMON@%s (Mail Delivery System)",
                       params.myhostname);
        cleanup_printf(cleanup, RECORD_LINE, "To: %s (Postmaster)", recipient);
    } else {
        cleanup_printf(cleanup, RECORD_LINE, "From: Mail Delivery System <MAILER-DAEMON@%s>",
                       params.myhostname);
        cleanup_printf(cleanup, RECORD_LINE, "To: Postmaster <%s>", recipient);
    }
    cleanup_printf(cleanup, RECORD_LINE, "Subject: %s %s: errors from %s", params.mail_name,
                   notice->reporter, notice->peer);
    put_line(cleanup, "");
}

static void put_body(struct cleanup_client *cleanup, const struct postmaster_notice *notice)
{
    put_lines(cleanup, notice->opening);
    put_line(cleanup, "Transcript of session follows.");
    put_line(cleanup, "");
    put_transcript(cleanup, notice->transcript);
    put_line(cleanup, "");
    put_lines(cleanup, notice->last_remark);
    put_line(cleanup, "For other details, see the local mail logfile");
}

static bool is_filtered(void)
{
    return words_have(slice_from(params.internal_mail_filter_classes), SLICE("notify"));
}

int postmaster_notice_send(const struct postmaster_notice *notice, deadline_t until,
                           struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(cleanup_client_release) struct cleanup_client cleanup = {0};
    unsigned flags = CLEANUP_MAP | CLEANUP_REWRITE | (is_filtered() ? CLEANUP_FILTER : 0);
    struct cleanup_result_texts result;

    cleanup_open(&cleanup, notice->service, flags, 0, until);
    put_envelope(&cleanup, notice->recipient);
    put_header(&cleanup, notice);
    put_body(&cleanup, notice);
    cleanup_put(&cleanup, RECORD_EXTRACTED, SLICE_EMPTY);
    cleanup_put(&cleanup, RECORD_END, SLICE_EMPTY);
    if (cleanup_finish(&cleanup, &arena, &result, error) < 0)
        return -1;
    if (result.status)
        return error_set(error, ERROR_TEMPORARY, "%s",
                         cleanup_status_detail(result.status)->text);
    return 0;
}
