/* Workarounds for broken firewalls. */
#include "pix.h"

#include "base/log.h"
#include "co/co.h"
#include "conf/params.h"
#include "options.h"
#include "route/open_maps.h"

static struct maps *by_address;

void pix_open(void)
{
    by_address = open_maps(
        maps_open, options.is_lmtp ? "lmtp_pix_workaround_maps" : "smtp_pix_workaround_maps",
        options.is_lmtp ? params.lmtp_pix_workaround_maps : params.smtp_pix_workaround_maps);
}

/* They write "*" over what a greeting says, but for the code and letters of it. */
static bool is_masked(struct slice greeting)
{
    static const struct slice left = {"20 *\t\n", 6};

    for (size_t i = 0; i < greeting.len; i++)
        if (slice_find(left, greeting.ptr[i]) == left.len)
            return false;
    return true;
}

static unsigned parse_words(const char *list)
{
    struct slice rest = slice_from(list), word;
    unsigned found = 0;

    while ((word = slice_word(&rest, ", \t\r\n")).ptr) {
        if (slice_equals_nocase(word, "disable_esmtp"))
            found |= PIX_DISABLE_ESMTP;
        else if (slice_equals_nocase(word, "delay_dotcrlf"))
            found |= PIX_DELAY_DOTCRLF;
    }
    return found;
}

/* The pause is costly: not for a message that has not yet been tried for long. */
static bool is_new(const struct opening *opening)
{
    int64_t threshold_ms = options.is_lmtp ? params.lmtp_pix_workaround_threshold_time
                                           : params.smtp_pix_workaround_threshold_time;

    return opening->arrival_seconds > time_wall().tv_sec - threshold_ms / 1000;
}

/* What the table is asked for: the address, of a Unix socket the path. */
static struct slice key_of(const struct host *host, char text[ENDPOINT_TEXT_BYTES])
{
    return host->unix_path.len ? host->unix_path
                               : slice_from(endpoint_text(&host->address, text));
}

void pix_detect(struct session *session, const struct opening *opening)
{
    CLEANUP(buf_release) struct buf words = BUF_INIT;
    char text[ENDPOINT_TEXT_BYTES];
    struct error error;

    if (!is_masked(buf_slice(&session->reply)))
        return;
    buf_set_text(&words,
                 options.is_lmtp ? params.lmtp_pix_workarounds : params.smtp_pix_workarounds);
    if (by_address && !maps_is_empty(by_address) &&
        maps_find(by_address, key_of(opening->host, text), &words, &error) == TABLE_ERROR)
        log_warning("%s", error.text);
    if (!words.len)
        return;
    session->workarounds = parse_words(words.data);
    if ((session->workarounds & PIX_DELAY_DOTCRLF) && is_new(opening))
        session->workarounds &= ~(unsigned)PIX_DELAY_DOTCRLF;
    log_info("%.*s: enabling PIX workarounds: %s%s%s for %s", SLICE_ARG(opening->queue_id),
             session->workarounds & PIX_DISABLE_ESMTP ? "disable_esmtp" : "",
             session->workarounds == (PIX_DISABLE_ESMTP | PIX_DELAY_DOTCRLF) ? " " : "",
             session->workarounds & PIX_DELAY_DOTCRLF ? "delay_dotcrlf" : "",
             session->relay.data);
}

void pix_pause(struct session *session)
{
    int64_t pause_ms = options.is_lmtp ? params.lmtp_pix_workaround_delay_time
                                       : params.smtp_pix_workaround_delay_time;

    if (!(session->workarounds & PIX_DELAY_DOTCRLF))
        return;
    /* A failure shows when the reply is read. */
    if (stream_flush(&session->stream) == 0)
        (void)co_sleep_until(deadline_in(pause_ms));
}
