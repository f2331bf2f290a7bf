/* Encoding and decoding. */
#include "milter/packet.h"

#include "base/bug.h"

/* What tells events apart: the command, and the bits with which a filter declines them. */
static const struct {
    const char *name;
    char command;
    uint32_t skip_event, skip_reply;
} events[N_MILTER_EVENTS] = {
    [MILTER_CONNECT] = {"SMFIC_CONNECT", 'C', 0x1, 0x1000},
    [MILTER_HELO] = {"SMFIC_HELO", 'H', 0x2, 0x2000},
    [MILTER_MAIL] = {"SMFIC_MAIL", 'M', 0x4, 0x4000},
    [MILTER_RCPT] = {"SMFIC_RCPT", 'R', 0x8, 0x8000},
    [MILTER_DATA] = {"SMFIC_DATA", 'T', 0x200, 0x10000},
    [MILTER_UNKNOWN] = {"SMFIC_UNKNOWN", 'U', 0x100, 0x20000},
    [MILTER_HEADER] = {"SMFIC_HEADER", 'L', 0x20, 0x80},
    [MILTER_END_OF_HEADER] = {"SMFIC_EOH", 'N', 0x40, 0x40000},
    [MILTER_BODY] = {"SMFIC_BODY", 'B', 0x10, 0x80000},
    [MILTER_END_OF_BODY] = {"SMFIC_BODYEOB", 'E', 0, 0},
};

static const struct {
    char type;
    const char *name;
} replies[] = {
    {MILTER_REPLY_CONTINUE, "SMFIR_CONTINUE"},
    {MILTER_REPLY_ACCEPT, "SMFIR_ACCEPT"},
    {MILTER_REPLY_REJECT, "SMFIR_REJECT"},
    {MILTER_REPLY_TEMPFAIL, "SMFIR_TEMPFAIL"},
    {MILTER_REPLY_DISCARD, "SMFIR_DISCARD"},
    {MILTER_REPLY_CODE, "SMFIR_REPLYCODE"},
    {MILTER_REPLY_SHUTDOWN, "SMFIR_SHUTDOWN"},
    {MILTER_REPLY_PROGRESS, "SMFIR_PROGRESS"},
    {MILTER_REPLY_SKIP, "SMFIR_SKIP"},
    {MILTER_REPLY_ADD_RECIPIENT, "SMFIR_ADDRCPT"},
    {MILTER_REPLY_ADD_RECIPIENT_PAR, "SMFIR_ADDRCPT_PAR"},
    {MILTER_REPLY_DELETE_RECIPIENT, "SMFIR_DELRCPT"},
    {MILTER_REPLY_REPLACE_BODY, "SMFIR_REPLBODY"},
    {MILTER_REPLY_ADD_HEADER, "SMFIR_ADDHEADER"},
    {MILTER_REPLY_INSERT_HEADER, "SMFIR_INSHEADER"},
    {MILTER_REPLY_CHANGE_HEADER, "SMFIR_CHGHEADER"},
    {MILTER_REPLY_CHANGE_SENDER, "SMFIR_CHGFROM"},
    {MILTER_REPLY_QUARANTINE, "SMFIR_QUARANTINE"},
    {'f', "SMFIR_CONN_FAIL"},
};

char milter_event_command(enum milter_event event)
{
    return events[event].command;
}

bool milter_skips_event(const struct milter_agreement *agreement, enum milter_event event)
{
    /* Events that came with later versions. */
    if ((event == MILTER_UNKNOWN && agreement->version < 3) ||
        (event == MILTER_DATA && agreement->version < 4))
        return true;
    return agreement->steps & events[event].skip_event;
}

bool milter_skips_reply(const struct milter_agreement *agreement, enum milter_event event)
{
    return agreement->steps & events[event].skip_reply;
}

const char *milter_event_name(enum milter_event event)
{
    return events[event].name;
}

const char *milter_reply_name(char type)
{
    for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
        if (replies[i].type == type)
            return replies[i].name;
    }
    return "(unknown filter reply)";
}

static int too_short(const char *what, struct error *error)
{
    return error_set(error, ERROR_PERMANENT, "packet too short for %s", what);
}

static int take_uint32(struct slice *rest, uint32_t *number, struct error *error)
{
    const unsigned char *bytes = (const unsigned char *)rest->ptr;

    if (rest->len < 4)
        return too_short("network long", error);
    *number = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
              bytes[3];
    *rest = slice_from_offset(*rest, 4);
    return 0;
}

static int take_string(struct slice *rest, struct slice *text, struct error *error)
{
    size_t end = slice_find(*rest, '\0');

    if (end == rest->len)
        return too_short("string", error);
    *text = slice_sub(*rest, 0, end);
    *rest = slice_from_offset(*rest, end + 1);
    return 0;
}

/* Sendmail's library sends the parameters of an address only where there are some. */
static int take_optional_string(struct slice *rest, struct slice *text, struct error *error)
{
    return rest->len ? take_string(rest, text, error) : 0;
}

static int take_header(struct milter_reply *reply, struct slice *rest, struct error *error)
{
    if (reply->type != MILTER_REPLY_ADD_HEADER && take_uint32(rest, &reply->index, error) < 0)
        return -1;
    if (take_string(rest, &reply->name, error) < 0 ||
        take_string(rest, &reply->value, error) < 0)
        return -1;
    if (reply->index > INT32_MAX)
        return error_set(error, ERROR_PERMANENT, "bad header index %d", (int)reply->index);
    if (reply->name.len == 0)
        return error_set(error, ERROR_PERMANENT, "null change header name");
    return 0;
}

int milter_reply_parse(struct milter_reply *reply, struct slice packet, struct error *error)
{
    struct slice rest = slice_from_offset(packet, 1);

    if (packet.len == 0)
        return error_set(error, ERROR_PERMANENT, "no data in input packet");
    *reply =
        (struct milter_reply){.type = packet.ptr[0], .name = SLICE_EMPTY, .value = SLICE_EMPTY};
    switch (reply->type) {
    case MILTER_REPLY_CODE:
    case MILTER_REPLY_QUARANTINE:
    case MILTER_REPLY_ADD_RECIPIENT:
    case MILTER_REPLY_DELETE_RECIPIENT:
        return take_string(&rest, &reply->name, error);
    case MILTER_REPLY_ADD_RECIPIENT_PAR:
    case MILTER_REPLY_CHANGE_SENDER:
        if (take_string(&rest, &reply->name, error) < 0)
            return -1;
        return take_optional_string(&rest, &reply->value, error);
    case MILTER_REPLY_ADD_HEADER:
    case MILTER_REPLY_INSERT_HEADER:
    case MILTER_REPLY_CHANGE_HEADER:
        return take_header(reply, &rest, error);
    case MILTER_REPLY_REPLACE_BODY:
        reply->name = rest;
        return 0;
    default:
        return 0;
    }
}

void milter_offer(uint32_t version, struct milter_agreement *offer)
{
    *offer = (struct milter_agreement){.version = version};
    offer->actions = version >= 6 ? 0x1ff : 0x3f;
    offer->steps = version >= 6 ? 0x1fffff : version >= 4 ? 0x3ff : version >= 3 ? 0x17f : 0x7f;
}

/* The order in which the protocol numbers the stages of macro lists. */
static const enum milter_event macro_stages[] = {
    MILTER_CONNECT, MILTER_HELO,        MILTER_MAIL,          MILTER_RCPT,
    MILTER_DATA,    MILTER_END_OF_BODY, MILTER_END_OF_HEADER,
};

static int take_macro_lists(struct milter_agreement *agreement, struct slice rest,
                            struct error *error)
{
    while (rest.len) {
        struct slice list = SLICE_EMPTY;
        uint32_t stage = 0;

        if (take_uint32(&rest, &stage, error) < 0 || take_string(&rest, &list, error) < 0)
            return -1;
        if (stage >= ARRAY_SIZE(macro_stages))
            continue; /* of a later version: nothing that we would send */
        agreement->macros[macro_stages[stage]] = list;
        agreement->has_macros[macro_stages[stage]] = true;
    }
    return 0;
}

int milter_agreement_parse(struct milter_agreement *agreement,
                           const struct milter_agreement *offer, struct slice packet,
                           struct error *error)
{
    struct slice rest = slice_from_offset(packet, 1);

    *agreement = (struct milter_agreement){0};
    if (packet.len == 0)
        return error_set(error, ERROR_PERMANENT, "no data in input packet");
    if (packet.ptr[0] != MILTER_COMMAND_NEGOTIATE)
        return error_set(error, ERROR_PERMANENT, "unexpected reply \"%c\" in initial handshake",
                         packet.ptr[0]);
    if (take_uint32(&rest, &agreement->version, error) < 0 ||
        take_uint32(&rest, &agreement->actions, error) < 0 ||
        take_uint32(&rest, &agreement->steps, error) < 0)
        return -1;
    if (agreement->version > offer->version || agreement->version < 2)
        return error_set(error, ERROR_PERMANENT,
                         "protocol version %u conflict with MTA protocol version %u",
                         agreement->version, offer->version);
    if (agreement->actions & ~offer->actions)
        return error_set(error, ERROR_PERMANENT,
                         "request mask 0x%x conflict with MTA request mask 0x%x",
                         agreement->actions, offer->actions);
    if (agreement->steps & ~offer->steps)
        return error_set(error, ERROR_PERMANENT,
                         "event mask 0x%x includes features not offered in MTA event mask 0x%x",
                         agreement->steps, offer->steps);
    return take_macro_lists(agreement, rest, error);
}

/* "550 text", "550-5.7.1 text", "550": a line of a refusal. */
static bool is_refusal(struct slice line)
{
    char class = line.len ? line.ptr[0] : '\0';
    struct slice rest = slice_from_offset(line, 4);

    if ((class != '4' && class != '5') || line.len < 4 || !ascii_is_digit(line.ptr[1]) ||
        !ascii_is_digit(line.ptr[2]))
        return false;
    if (line.ptr[3] != ' ' && line.ptr[3] != '-')
        return false;
    /* "5.7.1 text": its class must be the code's. */
    return rest.len < 2 || !ascii_is_digit(rest.ptr[0]) || rest.ptr[1] != '.' ||
           rest.ptr[0] == class;
}

bool milter_reply_text(struct slice text, struct buf *reply)
{
    struct slice rest = text;

    if (text.len == 0)
        return false;
    while (rest.len) {
        struct slice line = slice_trim_right(slice_split(&rest, '\n'));

        if (!is_refusal(line) || memcmp(line.ptr, text.ptr, 3) != 0)
            return false;
        if (reply->len)
            buf_add_text(reply, "\r\n");
        for (size_t i = 0; i < line.len; i++) {
            if (line.ptr[i] == '%' && ++i == line.len)
                break;
            buf_add_char(reply, line.ptr[i] == '\r' ? ' ' : line.ptr[i]);
        }
    }
    return true;
}

size_t milter_packet_begin(struct buf *out, char command)
{
    size_t begin = out->len;

    buf_add_repeated(out, '\0', 4);
    buf_add_char(out, command);
    return begin;
}

void milter_packet_end(struct buf *out, size_t begin)
{
    size_t len = out->len - begin - 4;

    bug_if(len > UINT32_MAX);
    for (int i = 0; i < 4; i++)
        out->data[begin + (size_t)i] = (char)(len >> (8 * (3 - i)));
}

void milter_add_uint32(struct buf *out, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_add_char(out, (char)(number >> shift));
}

void milter_add_string(struct buf *out, struct slice text)
{
    buf_add_slice(out, slice_sub(text, 0, slice_find(text, '\0')));
    buf_add_char(out, '\0');
}
