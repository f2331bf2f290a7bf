/* DATA and BDAT: the content – RFC 5321 section 4.1.1.4, RFC 3030 */
#include <inttypes.h>

#include "access.h"
#include "base/log.h"
#include "commands.h"
#include "conf/params.h"
#include "ehlo.h"
#include "esmtp.h"
#include "milter.h"
#include "route/ehlo_keywords.h"
#include "settings.h"
#include "transaction.h"

static bool has_request_deadline(void)
{
    return strcmp(params.smtpd_per_request_deadline, "yes") == 0;
}

static void start_clock(struct session *session)
{
    stream_set_deadline(session->stream, deadline_in(params.smtpd_timeout));
}

/*
 * More time for those who send something. With smtpd_per_request_deadline a client earns time
 * by the byte, so that one byte now and then keeps nobody busy for ever.
 */
static void earn_time(struct session *session, size_t n_bytes)
{
    struct stream *stream = session->stream;

    if (!has_request_deadline())
        start_clock(session);
    else if (params.smtpd_min_data_rate > 0)
        stream_set_deadline(stream, stream->deadline +
                                        (int64_t)n_bytes * 1000 / params.smtpd_min_data_rate);
}

/* Read up to the end of DATA. False: the connection is gone. */
static bool read_data(struct session *session)
{
    struct content *content = &session->transaction->content;
    enum content_result result = CONTENT_MORE;
    struct slice available;
    size_t used;

    start_clock(session);
    while (result == CONTENT_MORE) {
        if (stream_fill(session->stream, &available) < 0) {
            session->stage_bytes = content->size_bytes;
            session_note_stream_end(session);
            return false;
        }
        result = content_feed(content, available, &used);
        stream_consume(session->stream, used);
        earn_time(session, used);
    }
    return true;
}

/* Read one chunk; without a transaction (content NULL) it is dropped. */
static bool read_chunk(struct session *session, struct content *content, int64_t size)
{
    struct slice available;
    int64_t left = size;
    size_t used;

    start_clock(session);
    while (left > 0) {
        if (stream_fill(session->stream, &available) < 0) {
            if (content)
                session->stage_bytes = size - left;
            session_note_stream_end(session);
            return false;
        }
        available = slice_sub(available, 0, (size_t)left);
        if (content)
            (void)content_feed(content, available, &used);
        stream_consume(session->stream, available.len);
        left -= (int64_t)available.len;
        earn_time(session, available.len);
    }
    return true;
}

static void prepare_content(struct session *session, bool is_dotted)
{
    struct transaction *transaction = session->transaction;

    transaction->content.is_dotted = is_dotted;
    transaction->content.standard_end = session->bare_newline & NEWLINE_STANDARD_END;
    transaction_begin_content(session);
}

static struct smtp_reply queued(struct session *session, bool is_bdat)
{
    struct transaction *transaction = session->transaction;
    const char *queue_id = transaction_queue_id(transaction);

    session->n_errors = session->n_junk = 0;
    if (is_bdat)
        return smtp_reply_printf(&session->scratch, 250, "2.0.0",
                                 "Ok: %" PRId64 " bytes queued as %s",
                                 transaction->content.size_bytes, queue_id);
    return smtp_reply_printf(&session->scratch, 250, "2.0.0", "Ok: queued as %s", queue_id);
}

static struct smtp_reply refused(struct session *session,
                                 const struct cleanup_result_texts *result)
{
    const struct cleanup_status_detail *detail = cleanup_status_detail(result->status);
    const char *dsn = detail->dsn;
    /* A table's trouble is not for strangers. */
    bool has_reason = result->reason.len && !(result->status & CLEANUP_STATUS_WRITE);

    /* With a reason somebody means it, temporary or not. */
    if (!has_reason && !result->smtp_reply.len &&
        (detail->smtp_code == 452 || detail->smtp_code == 451))
        session->notices |= detail->smtp_code == 452 ? NOTICE_RESOURCE : NOTICE_SOFTWARE;
    else if (result->status & (CLEANUP_STATUS_SIZE | CLEANUP_STATUS_HOPS))
        session->notices |= NOTICE_BOUNCE;
    else
        session->notices |= NOTICE_POLICY;
    if (result->smtp_reply.len)
        return milter_content_reply(session, result->smtp_reply);
    if (result->dsn.len && result->dsn.len < DSN_STATUS_BYTES)
        dsn = arena_text(&session->scratch, result->dsn);
    if (has_reason)
        return smtp_reply_printf(&session->scratch, detail->smtp_code, dsn, "%.*s",
                                 SLICE_ARG(result->reason));
    return smtp_reply_printf(&session->scratch, detail->smtp_code, detail->dsn, "Error: %s",
                             detail->text);
}

static struct smtp_reply write_error(struct session *session, const struct error *error)
{
    session->notices |= NOTICE_SOFTWARE;
    log_warning("%s: %s", session_queue_id(session), error->text);
    return smtp_reply(451, "4.3.0", "Error: queue file write error");
}

static struct smtp_reply hand_over(struct session *session, bool is_bdat)
{
    struct cleanup_result_texts result;
    struct error error;

    if (session->transaction->proxy)
        return proxy_finish(session);
    if (transaction_finish(session, &result, &error) < 0)
        return write_error(session, &error);
    if ((result.status & ~(unsigned)CLEANUP_STATUS_OVER) != CLEANUP_STATUS_OK)
        return refused(session, &result);
    return queued(session, is_bdat);
}

static struct smtp_reply bare_newline(struct session *session)
{
    session->notices |= NOTICE_PROTOCOL;
    access_log_event(session, "reject", "bare <LF> received");
    return smtp_reply_printf(&session->scratch, params.smtpd_forbid_bare_newline_reject_code,
                             "5.5.2", "%s Error: bare <LF> received", params.myhostname);
}

/*
 * All of the message is here: the last checks, then cleanup's verdict. Hooks that look at the
 * whole message before it is accepted belong here, in order.
 */
static struct smtp_reply end_of_message(struct session *session, bool is_bdat)
{
    struct content *content = &session->transaction->content;
    struct smtp_reply reply;

    session->stage = "END-OF-MESSAGE";
    if (content->saw_bare_lf) {
        session->saw_bare_newline = true;
        if (session->bare_newline & NEWLINE_REJECT)
            return bare_newline(session);
    }
    if (content->is_too_big) {
        session->notices |= NOTICE_POLICY;
        log_warning("%s: queue file size limit exceeded", session_queue_id(session));
        return smtp_reply(552, "5.3.4", "Error: message file too big");
    }
    if (!session->is_standalone && !access_end_of_data(session, &reply))
        return reply;
    return hand_over(session, is_bdat);
}

static struct smtp_reply finish(struct session *session, bool is_bdat)
{
    struct smtp_reply reply = end_of_message(session, is_bdat);

    session_end_transaction(session);
    session_forget_forwarded(session);
    return reply;
}

/* Are there recipients to take the content for? False with the reply. */
static bool has_recipients(struct session *session, struct smtp_reply *reply)
{
    const struct transaction *transaction = session->transaction;

    if (transaction && transaction->n_recipients)
        return true;
    session->notices |= NOTICE_PROTOCOL;
    *reply = transaction ? smtp_reply(554, "5.5.1", "Error: no valid recipients")
                         : smtp_reply(503, "5.5.1", "Error: need RCPT command");
    return false;
}

/* smtpd_proxy_filter is asked last: once it waits for content it hears no command any more. */
static bool open_proxy(struct session *session, struct smtp_reply *reply)
{
    return !session->transaction->proxy || proxy_data(session, reply);
}

/* DATA */
struct smtp_reply data_data(struct session *session, struct slice arguments)
{
    struct smtp_reply reply;
    struct slice word;

    if (session->transaction && session->transaction->in_bdat) {
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply(503, "5.5.1", "Error: DATA after BDAT");
    }
    if (!has_recipients(session, &reply))
        return reply;
    if (esmtp_next_word(&arguments, &word)) {
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply(501, "5.5.4", "Syntax: DATA");
    }
    if (!session->is_standalone && !access_data(session, &reply))
        return reply;
    transaction_prepare(session);
    if (!milter_data(session, &reply))
        return reply;
    if (!open_proxy(session, &reply)) {
        session_end_transaction(session);
        return reply;
    }
    session_send(session, smtp_reply(354, "", "End data with <CR><LF>.<CR><LF>"));
    prepare_content(session, true);
    if (!read_data(session))
        return smtp_reply_none();
    return finish(session, false);
}

struct bdat {
    int64_t size;
    bool is_last;
};

static bool parse_bdat(struct slice arguments, struct bdat *bdat)
{
    struct slice size, last, more;
    uint64_t value;

    bdat->is_last = false;
    if (!esmtp_next_word(&arguments, &size) || !slice_to_uint(size, 10, INT64_MAX, &value))
        return false;
    bdat->size = (int64_t)value;
    if (!esmtp_next_word(&arguments, &last))
        return true;
    bdat->is_last = true;
    return slice_equals_nocase(last, "LAST") && !esmtp_next_word(&arguments, &more);
}

/* We cannot know where the next command starts, so this is the end (RFC 3030 section 4.2). */
static struct smtp_reply malformed_bdat(struct session *session, struct slice arguments)
{
    session->notices |= NOTICE_PROTOCOL;
    log_warning("%s: malformed BDAT command syntax from %s: BDAT%.*s",
                session_queue_id(session), session_client(session),
                SLICE_ARG(slice_sub(arguments, 0, 95)));
    return smtp_reply(521, "5.5.4", "Syntax: BDAT count [LAST]");
}

/* Drop the chunk and, unless it is the last, those that follow it (RFC 3030 section 2). */
static struct smtp_reply refuse_chunk(struct session *session, const struct bdat *bdat,
                                      struct smtp_reply reply)
{
    if (!read_chunk(session, NULL, bdat->size))
        return smtp_reply_none();
    session_end_transaction(session);
    session->after_bdat_error = !bdat->is_last;
    return reply;
}

static struct smtp_reply null_bdat(struct session *session)
{
    session->notices |= NOTICE_PROTOCOL;
    log_warning("%s: null BDAT request from %s", session_queue_id(session),
                session_client(session));
    return smtp_reply(551, "5.7.1", "Null BDAT request");
}

/* Is this chunk welcome? False with the reply. */
static bool allows_chunk(struct session *session, const struct bdat *bdat,
                         struct smtp_reply *reply)
{
    struct transaction *transaction = session->transaction;

    if (session->after_bdat_error) {
        *reply =
            smtp_reply_printf(&session->scratch, 551, "5.0.0",
                              "Discarded %" PRId64 " bytes after earlier error", bdat->size);
        return false;
    }
    if (bdat->size == 0 && !bdat->is_last) {
        *reply = null_bdat(session);
        return false;
    }
    if (!has_recipients(session, reply))
        return false;
    if (params.message_size_limit > 0 &&
        bdat->size > params.message_size_limit - transaction->content.size_bytes) {
        session->notices |= NOTICE_POLICY;
        log_warning("%s: BDAT request from %s exceeds message size limit",
                    session_queue_id(session), session_client(session));
        *reply = smtp_reply(552, "5.3.4", "Chunk exceeds message size limit");
        return false;
    }
    return true;
}

/* The first chunk begins the content, as DATA does. */
static bool begin_bdat(struct session *session, struct smtp_reply *reply)
{
    struct transaction *transaction = session->transaction;

    if (transaction->in_bdat)
        return true;
    if (!session->is_standalone && !access_data(session, reply))
        return false;
    transaction_prepare(session);
    if (!milter_data(session, reply) || !open_proxy(session, reply))
        return false;
    transaction->in_bdat = true;
    prepare_content(session, false);
    return true;
}

/* BDAT size [LAST] */
struct smtp_reply data_bdat(struct session *session, struct slice arguments)
{
    struct smtp_reply reply;
    struct content *content;
    struct bdat bdat;

    if (session->discarded_keywords & EHLO_CHUNKING) {
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply(502, "5.5.1", "Error: command not implemented");
    }
    if (!parse_bdat(arguments, &bdat))
        return malformed_bdat(session, arguments);
    if (!allows_chunk(session, &bdat, &reply) || !begin_bdat(session, &reply))
        return refuse_chunk(session, &bdat, reply);
    content = &session->transaction->content;
    if (!read_chunk(session, content, bdat.size))
        return smtp_reply_none();
    if (!bdat.is_last)
        return smtp_reply_printf(&session->scratch, 250, "2.0.0", "Ok: %" PRId64 " bytes",
                                 bdat.size);
    content_finish(content);
    return finish(session, true);
}
