#include "dns/message.h"

#include <string.h>

#include "base/buf.h"

enum { HEADER_BYTES = 12, MAX_RECORDS = 1000, MAX_CNAMES = 16, MAX_POINTERS = 64 };

/* One record as it stands in the message, its data not yet looked at. */
struct raw_record {
    struct slice owner;
    unsigned type, class;
    uint32_t ttl_seconds;
    size_t data_offset, data_len;
};

struct reader {
    struct slice packet;
    size_t offset;
    struct arena *arena;
};

static bool read_u16(struct reader *reader, unsigned *value)
{
    if (reader->packet.len - reader->offset < 2)
        return false;
    const unsigned char *at = (const unsigned char *)reader->packet.ptr + reader->offset;
    *value = (unsigned)(at[0] << 8 | at[1]);
    reader->offset += 2;
    return true;
}

static bool read_u32(struct reader *reader, uint32_t *value)
{
    unsigned high, low;

    if (!read_u16(reader, &high) || !read_u16(reader, &low))
        return false;
    *value = (uint32_t)high << 16 | low;
    return true;
}

static bool is_plain_label(struct slice label)
{
    for (size_t i = 0; i < label.len; i++)
        if (!ascii_is_print(label.ptr[i]) || label.ptr[i] == '.' || label.ptr[i] == ' ')
            return false;
    return true;
}

/* Go where the pointer points whose first byte, just before *at, is `high`. */
static bool follow_pointer(const struct reader *reader, unsigned high, size_t *at)
{
    if (*at >= reader->packet.len)
        return false;
    *at = (high - 0xc0) << 8 | (unsigned char)reader->packet.ptr[*at];
    return true;
}

/* Append it, with a dot before all but the first; false for one that is no plain text. */
static bool add_label(struct slice label, char *text, size_t *len)
{
    if (*len)
        text[(*len)++] = '.';
    memcpy(text + *len, label.ptr, label.len);
    *len += label.len;
    return is_plain_label(label);
}

/*
 * Read a compressed name (RFC 1035 section 4.1.4) as lower-case text without final dot. A name
 * with bytes that are no plain text is read over, with *usable false.
 */
static bool read_name(struct reader *reader, struct slice *name, bool *usable)
{
    char text[DNS_NAME_MAX_BYTES + 1];
    size_t len = 0, at = reader->offset, after = 0;
    unsigned pointers = 0;

    *usable = true;
    for (;;) {
        if (at >= reader->packet.len)
            return false;
        unsigned size = (unsigned char)reader->packet.ptr[at++];
        if (size >= 0xc0) {
            if (++pointers == 1)
                after = at + 1;
            if (pointers > MAX_POINTERS || !follow_pointer(reader, size, &at))
                return false;
            continue;
        }
        if (size == 0)
            break;
        if (size > 63 || reader->packet.len - at < size || len + size + 1 > DNS_NAME_MAX_BYTES)
            return false;
        if (!add_label(slice_sub(reader->packet, at, size), text, &len))
            *usable = false;
        at += size;
    }
    reader->offset = after ? after : at;
    *name = arena_lower(reader->arena, slice_of(text, len));
    return true;
}

static bool read_record(struct reader *reader, struct raw_record *record, bool *usable)
{
    unsigned data_len;

    if (!read_name(reader, &record->owner, usable) || !read_u16(reader, &record->type) ||
        !read_u16(reader, &record->class) || !read_u32(reader, &record->ttl_seconds) ||
        !read_u16(reader, &data_len) || reader->packet.len - reader->offset < data_len)
        return false;
    record->data_offset = reader->offset;
    record->data_len = data_len;
    reader->offset += data_len;
    if (record->ttl_seconds > INT32_MAX) /* RFC 2181 section 8 */
        record->ttl_seconds = 0;
    return true;
}

static bool parse_address(struct slice data, enum dns_type type, struct endpoint *address)
{
    *address = (struct endpoint){0};
    if (type == DNS_A && data.len == 4) {
        address->len = sizeof(address->address.in);
        address->address.in.sin_family = AF_INET;
        memcpy(&address->address.in.sin_addr, data.ptr, 4);
        return true;
    }
    if (type == DNS_AAAA && data.len == 16) {
        address->len = sizeof(address->address.in6);
        address->address.in6.sin6_family = AF_INET6;
        memcpy(&address->address.in6.sin6_addr, data.ptr, 16);
        return true;
    }
    return false;
}

/* Character strings one after another, joined (RFC 7208 section 3.3 and others want that). */
static bool parse_text(struct slice data, struct arena *arena, struct slice *text)
{
    char *joined = arena_alloc(arena, data.len + 1);
    size_t len = 0;

    for (size_t at = 0; at < data.len;) {
        size_t size = (unsigned char)data.ptr[at++];
        if (data.len - at < size)
            return false;
        memcpy(joined + len, data.ptr + at, size);
        len += size;
        at += size;
    }
    *text = slice_of(joined, len);
    return true;
}

/* The data of a record whose payload is a name, behind n_numbers 16-bit numbers. */
static bool parse_target(const struct reader *from, const struct raw_record *raw,
                         unsigned n_numbers, unsigned numbers[3], struct slice *target)
{
    struct reader reader = {.packet =
                                slice_sub(from->packet, 0, raw->data_offset + raw->data_len),
                            .offset = raw->data_offset,
                            .arena = from->arena};
    bool usable;

    for (unsigned i = 0; i < n_numbers; i++)
        if (!read_u16(&reader, &numbers[i]))
            return false;
    return read_name(&reader, target, &usable) && usable;
}

/* False: the record is of no use and left out. */
static bool parse_data(const struct reader *reader, const struct raw_record *raw,
                       struct dns_record *record)
{
    struct slice data = slice_sub(reader->packet, raw->data_offset, raw->data_len);
    unsigned numbers[3] = {0};

    *record = (struct dns_record){
        .type = (enum dns_type)raw->type, .ttl_seconds = raw->ttl_seconds, .name = raw->owner};
    switch (record->type) {
    case DNS_A:
    case DNS_AAAA:
        return parse_address(data, record->type, &record->address);
    case DNS_NS:
    case DNS_CNAME:
    case DNS_PTR:
        return parse_target(reader, raw, 0, numbers, &record->target);
    case DNS_MX:
        if (!parse_target(reader, raw, 1, numbers, &record->target))
            return false;
        record->preference = (uint16_t)numbers[0];
        return true;
    case DNS_SRV:
        if (!parse_target(reader, raw, 3, numbers, &record->target))
            return false;
        record->preference = (uint16_t)numbers[0];
        record->weight = (uint16_t)numbers[1];
        record->port = (uint16_t)numbers[2];
        return true;
    case DNS_TXT:
        return parse_text(data, reader->arena, &record->data);
    case DNS_TLSA:
        record->data = arena_slice(reader->arena, data);
        return data.len > 3;
    case DNS_SOA:
        record->data = arena_slice(reader->arena, data);
        return true;
    default:
        return false;
    }
}

/* MINIMUM is the last number of an SOA's data (RFC 1035 section 3.3.13). */
static void note_negative_ttl(struct dns_message *message, const struct reader *reader,
                              const struct raw_record *soa)
{
    struct reader tail = *reader;
    uint32_t minimum;

    if (soa->data_len < 22)
        return;
    tail.offset = soa->data_offset + soa->data_len - 4;
    if (!read_u32(&tail, &minimum))
        return;
    message->has_negative_ttl = true;
    message->negative_ttl_seconds = minimum < soa->ttl_seconds ? minimum : soa->ttl_seconds;
}

/* Where the chain of CNAMEs from the name ends; lowers message->ttl_seconds on its way. */
static struct slice follow_cnames(struct dns_message *message, const struct reader *reader,
                                  const struct raw_record *raws, size_t n_raws,
                                  struct slice name)
{
    for (unsigned hops = 0; hops < MAX_CNAMES; hops++) {
        const struct raw_record *alias = NULL;
        unsigned numbers[3];
        struct slice target;
        for (size_t i = 0; i < n_raws && !alias; i++)
            if (raws[i].type == DNS_CNAME && slice_same(raws[i].owner, name))
                alias = &raws[i];
        if (!alias || !parse_target(reader, alias, 0, numbers, &target))
            break;
        if (alias->ttl_seconds < message->ttl_seconds)
            message->ttl_seconds = alias->ttl_seconds;
        name = target;
    }
    return name;
}

static void collect_answer(struct dns_message *message, const struct reader *reader,
                           const struct raw_record *raws, size_t n_raws, enum dns_type type)
{
    struct dns_answer *answer = &message->answer;

    answer->records = arena_array(reader->arena, struct dns_record, n_raws + 1);
    for (size_t i = 0; i < n_raws; i++) {
        struct dns_record *record = &answer->records[answer->n_records];
        if (raws[i].type != (unsigned)type || !slice_same(raws[i].owner, answer->name) ||
            !parse_data(reader, &raws[i], record))
            continue;
        answer->n_records++;
        if (record->ttl_seconds < message->ttl_seconds)
            message->ttl_seconds = record->ttl_seconds;
    }
}

static bool read_header(struct reader *reader, struct dns_message *message, unsigned counts[4])
{
    unsigned id, flags;

    if (!read_u16(reader, &id) || !read_u16(reader, &flags))
        return false;
    for (int i = 0; i < 4; i++)
        if (!read_u16(reader, &counts[i]))
            return false;
    message->rcode = (int)(flags & 0xf);
    message->is_validated = flags & 0x20;
    return (flags & 0x8000) && counts[0] <= 1;
}

static size_t n_wanted_records(const unsigned counts[4])
{
    size_t n = (size_t)counts[1] + counts[2];

    return n < MAX_RECORDS ? n : MAX_RECORDS;
}

/* Read what the header counts: of the answer all that is usable into *raws, of the authority
 * the SOA's word on absence. */
static bool read_sections(struct reader *reader, const unsigned counts[4],
                          struct dns_message *message, struct raw_record *raws, size_t *n_raws)
{
    size_t n_total = n_wanted_records(counts);
    bool usable;

    *n_raws = 0;
    for (size_t i = 0; i < n_total; i++) {
        struct raw_record *raw = &raws[*n_raws];

        if (!read_record(reader, raw, &usable))
            return false;
        if (!usable || raw->class != 1)
            continue;
        if (i < counts[1])
            (*n_raws)++;
        else if (raw->type == DNS_SOA)
            note_negative_ttl(message, reader, raw);
    }
    return true;
}

bool dns_message_parse(struct slice packet, struct slice name, enum dns_type type,
                       struct arena *arena, struct dns_message *message)
{
    struct reader reader = {.packet = packet, .arena = arena};
    unsigned counts[4];
    struct slice question;
    bool usable;

    *message = (struct dns_message){.ttl_seconds = UINT32_MAX};
    if (slice_ends_with(name, "."))
        name.len--; /* owners are told without */
    if (!read_header(&reader, message, counts))
        return false;
    if (counts[0] &&
        (!read_name(&reader, &question, &usable) || reader.packet.len - reader.offset < 4))
        return false;
    reader.offset += counts[0] ? 4 : 0;

    struct raw_record *raws =
        arena_array(arena, struct raw_record, n_wanted_records(counts) + 1);
    size_t n_raws;

    if (!read_sections(&reader, counts, message, raws, &n_raws))
        return false;
    message->answer.is_validated = message->is_validated;
    message->answer.name = type == DNS_CNAME ? arena_lower(arena, name)
                                             : follow_cnames(message, &reader, raws, n_raws,
                                                             arena_lower(arena, name));
    collect_answer(message, &reader, raws, n_raws, type);
    if (message->ttl_seconds == UINT32_MAX)
        message->ttl_seconds = 0;
    return true;
}

void dns_answer_copy(struct dns_answer *to, const struct dns_answer *from, struct arena *arena)
{
    to->is_validated = from->is_validated;
    to->name = arena_slice(arena, from->name);
    to->n_records = from->n_records;
    to->records = arena_array(arena, struct dns_record, from->n_records + 1);
    for (size_t i = 0; i < from->n_records; i++) {
        to->records[i] = from->records[i];
        to->records[i].name = arena_slice(arena, from->records[i].name);
        to->records[i].target = arena_slice(arena, from->records[i].target);
        to->records[i].data = arena_slice(arena, from->records[i].data);
    }
}
