/*
 * What clients say to postscreen, its cache entries, and its list of DNS lists.
 *
 * links: postscreen/
 */
#include <stdint.h>

#include "../../postscreen/commands.h"
#include "../../postscreen/dnsbl_sites.h"
#include "../../postscreen/escape.h"
#include "../../postscreen/reply.h"
#include "../../postscreen/results.h"
#include "base/arena.h"
#include "base/bug.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_entry(struct slice text)
{
    CLEANUP(buf_release) struct buf first = BUF_INIT;
    CLEANUP(buf_release) struct buf second = BUF_INIT;
    struct results results;

    if (!results_parse(&results, text))
        return;
    results_format(&first, &results);
    bug_if(!results_parse(&results, buf_slice(&first)));
    results_format(&second, &results);
    bug_if(!slice_same(buf_slice(&first), buf_slice(&second)));
    (void)results_due(&results, 5);
}

/* Each line ends in CRLF, whatever is in it. */
static void write_reply(struct slice text)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;
    struct slice footer = text;
    struct slice reply = slice_split(&footer, '\t');

    if (reply.len < 5)
        return;
    reply_format(&out, reply, footer);
    bug_if(!slice_ends_with(buf_slice(&out), "\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    CLEANUP(buf_release) struct buf escaped = BUF_INIT;
    struct dnsbl_sites sites;
    struct slice address;

    if (size > 4096)
        return 0;
    buf_add(&text, data, size);
    escape(&escaped, buf_slice(&text));
    bug_if(escaped.len < size || escaped.len > 4 * size);
    (void)command_find(buf_slice(&text));
    if (command_address(buf_slice(&text), &address))
        bug_if(address.len > size);
    read_entry(buf_slice(&text));
    write_reply(buf_slice(&text));
    (void)!dnsbl_sites_parse(&sites, text.data, &arena, NULL);
    return 0;
}
