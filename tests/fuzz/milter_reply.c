/* What a mail filter sends: its side of the negotiation, and its replies. */
#include <stdint.h>

#include "base/bug.h"
#include "milter/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct slice part, struct slice whole)
{
    return part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void check_text(struct slice text)
{
    CLEANUP(buf_release) struct buf reply = BUF_INIT;

    if (!milter_reply_text(text, &reply))
        return;
    bug_if(reply.len < 3 || (reply.data[0] != '4' && reply.data[0] != '5'));
    /* Each line is one of this reply: nothing else can be smuggled to the client. */
    for (struct slice rest = buf_slice(&reply); rest.len;) {
        struct slice line = slice_split(&rest, '\n');

        bug_if(line.len < 3 || line.ptr[0] != reply.data[0]);
        bug_if(slice_find(slice_trim_right(line), '\r') < slice_trim_right(line).len);
    }
}

static void check_reply(struct slice packet)
{
    struct milter_reply reply;

    if (milter_reply_parse(&reply, packet, NULL) < 0)
        return;
    bug_if(!is_inside(reply.name, packet) || !is_inside(reply.value, packet));
    bug_if(reply.index > INT32_MAX);
    if (reply.type == MILTER_REPLY_CODE)
        check_text(reply.name);
}

static void check_agreement(struct slice packet)
{
    struct milter_agreement offer, agreement;

    milter_offer(MILTER_VERSION, &offer);
    if (milter_agreement_parse(&agreement, &offer, packet, NULL) < 0)
        return;
    bug_if((agreement.actions & ~offer.actions) || (agreement.steps & ~offer.steps));
    for (size_t i = 0; i < N_MILTER_EVENTS; i++)
        bug_if(agreement.has_macros[i] && !is_inside(agreement.macros[i], packet));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_reply(slice_of(data, size));
    check_agreement(slice_of(data, size));
    return 0;
}
