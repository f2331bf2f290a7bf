/* One message to postdrop. */
#include "submit.h"

#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "content.h"
#include "drop.h"
#include "mail/address.h"
#include "mail/message.h"
#include "mail/record.h"
#include "user.h"

#define TOKENS_MAX 1000

/* The envelope sender in internal form. */
static struct slice sender_of(const struct options *options, struct arena *arena)
{
    struct header_address_list list;

    if (!options->sender)
        return slice_from(user_login());
    if (!*options->sender || slice_equals(slice_from(options->sender), "<>"))
        return SLICE_EMPTY;
    header_address_parse(slice_from(options->sender), arena, TOKENS_MAX, &list);
    if (list.n_addresses != 1)
        log_warning("-f option specified malformed sender: %s", options->sender);
    return list.n_addresses ? address_unquoted(arena, list.addresses[0].address) : SLICE_EMPTY;
}

/* What would end a line of the envelope, or of a header, is no part of a name. */
static void put_full_name(struct drop *drop, const struct options *options)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;

    if (options->full_name)
        buf_add_text(&name, options->full_name);
    else
        user_full_name(&name);
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.data[i] < ' ' || name.data[i] == 0x7f)
            name.data[i] = ' ';
    }
    if (name.len || options->full_name)
        drop_put(drop, RECORD_FULL_NAME, slice_sub(buf_slice(&name), 0, 1000));
}

static void put_number(struct drop *drop, const char *name, int number)
{
    char text[16];

    if (!number)
        return;
    (void)snprintf(text, sizeof(text), "%d", number);
    drop_put_attribute(drop, name, text);
}

/* Only the options: the other fields are the queue file's, which is made later. */
static void put_send_options(struct drop *drop, const struct options *options)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (!options->send_options)
        return;
    buf_printf(&text, "%15d %15d %15d %15d %15d %15d", -1, -1, -1, -1, -1,
               options->send_options);
    drop_put(drop, RECORD_SIZE, buf_slice(&text));
}

static void put_envelope(struct drop *drop, const struct options *options, struct slice sender)
{
    put_send_options(drop, options);
    if (options->envelope_id)
        drop_put_attribute(drop, "envelope_id", options->envelope_id);
    put_number(drop, "ret_flags", options->ret);
    drop_put_attribute(drop, "rewrite_context", options->is_gateway ? "remote" : "local");
    put_full_name(drop, options);
    drop_put(drop, RECORD_SENDER, sender);
    if (options->encoding)
        drop_put_attribute(drop, "encoding", options->encoding);
    if (options->mode == MODE_VERIFY)
        put_number(drop, "trace_flags", TRACE_EXPAND_ONLY);
    else if (options->wants_report)
        put_number(drop, "trace_flags", TRACE_RECORD);
    if (options->verp_delimiters)
        drop_put(drop, RECORD_VERP, slice_from(options->verp_delimiters));
}

/* Words of the command line; each may hold a list. */
static size_t put_recipients(struct drop *drop, const struct options *options)
{
    size_t n_put = 0;

    for (char **recipient = options->recipients; *recipient; recipient++) {
        if (**recipient) {
            n_put += recipients_put(drop, options, slice_from(*recipient));
        } else {
            put_number(drop, "notify_flags", options->notify);
            drop_put(drop, RECORD_RECIPIENT, SLICE_EMPTY);
            n_put++;
        }
    }
    return n_put;
}

static void put_line(struct drop *drop, const char *name, struct slice value)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    buf_add_text(&line, name);
    buf_add_slice(&line, value);
    drop_put(drop, RECORD_LINE, buf_slice(&line));
}

/* -bv needs no text from the user; this is what its report will be about. */
static void put_probe(struct drop *drop, const struct options *options, struct slice sender)
{
    CLEANUP(buf_release) struct buf quoted = BUF_INIT;

    address_quote(&quoted, sender.len ? sender : SLICE("MAILER-DAEMON"));
    put_line(drop, "From: ", buf_slice(&quoted));
    put_line(drop, "Subject: ", SLICE("probe"));
    for (char **recipient = options->recipients; *recipient; recipient++) {
        CLEANUP(buf_release) struct buf item = BUF_INIT;

        buf_printf(&item, "%s%s", *recipient, recipient[1] ? "," : "");
        put_line(drop, recipient == options->recipients ? "To:\t" : "\t", buf_slice(&item));
    }
}

static void put_message(struct drop *drop, const struct options *options, struct slice sender)
{
    drop_put(drop, RECORD_MESSAGE, SLICE_EMPTY);
    if (options->mode == MODE_VERIFY)
        put_probe(drop, options, sender);
    else
        content_copy(drop, options);
    drop_put(drop, RECORD_EXTRACTED, SLICE_EMPTY);
}

void submit(const struct options *options)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice sender = sender_of(options, &arena);
    long uid = (long)getuid();
    size_t n_recipients;
    const char *trouble;
    struct drop drop;

    if (!*options->recipients && !options->extracts_recipients) {
        fatal(EX_TEMPFAIL,
              "%.*s(%ld): Recipient addresses must be specified on the command line or via the "
              "-t option",
              SLICE_ARG(sender), uid);
    }
    if (options->verp_delimiters && !sender.len)
        fatal(EX_TEMPFAIL, "%.*s(%ld): -V option requires non-null sender address",
              SLICE_ARG(sender), uid);
    user_check_submit();
    (void)signal(SIGPIPE, SIG_IGN);
    drop_start(&drop);
    put_envelope(&drop, options, sender);
    n_recipients = put_recipients(&drop, options);
    put_message(&drop, options, sender);
    if (options->extracts_recipients)
        n_recipients += content_put_recipients(&drop, options);
    if (n_recipients == 0)
        fatal(EX_TEMPFAIL, "%.*s(%ld): No recipient addresses found in message header",
              SLICE_ARG(sender), uid);
    drop_put(&drop, RECORD_END, SLICE_EMPTY);
    trouble = drop_finish(&drop);
    if (trouble)
        fatal(EX_TEMPFAIL, "%.*s(%ld): %s", SLICE_ARG(sender), uid, trouble);
    if (options->mode == MODE_VERIFY || options->wants_report)
        (void)printf("Mail Delivery Status Report will be mailed to <%.*s>.\n",
                     SLICE_ARG(sender));
}
