/* Opening what main.cf names. */
#include "tables.h"

#include <string.h>
#include <sysexits.h>

#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "conf/words.h"
#include "route/open_maps.h"
#include "route/resolve.h"

struct tables tables;

/* The bits of the classes named in the list; a name that is none ends the start. */
static unsigned classes_of(const char *parameter, const char *list)
{
    static const struct {
        const char *name;
        unsigned bit;
    } classes[] = {
        {"envelope_sender", CLASS_ENVELOPE_SENDER},
        {"envelope_recipient", CLASS_ENVELOPE_RECIPIENT},
        {"header_sender", CLASS_HEADER_SENDER},
        {"header_recipient", CLASS_HEADER_RECIPIENT},
    };
    struct slice rest = slice_from(list), word;
    unsigned bits = 0;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        unsigned bit = 0;

        for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
            if (slice_equals_nocase(word, classes[i].name))
                bit = classes[i].bit;
        }
        if (!bit)
            log_warning("parameter %s: unknown address class \"%.*s\" is ignored", parameter,
                        SLICE_ARG(word));
        bits |= bit;
    }
    return bits;
}

static struct address_table address_table(const char *name, const char *list, unsigned classes)
{
    return (struct address_table){name, open_maps(maps_open, name, list), classes};
}

static struct check_table check_table(const char *name, const char *list)
{
    return (struct check_table){name, open_maps(maps_open_for_text, name, list)};
}

bool byte_set_has_any(const struct byte_set *set, struct slice text)
{
    if (set->is_empty)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (set->has[(unsigned char)text.ptr[i]])
            return true;
    }
    return false;
}

/* "\\n" or "\\ddd" in octal; the byte, and how much of the text it takes. */
static size_t unescape(struct slice text, unsigned char *byte)
{
    static const char letters[] = "abfnrtv", bytes[] = "\a\b\f\n\r\t\v";
    const char *letter;
    size_t digits = 0;
    unsigned value = 0;

    while (digits < 3 && digits < text.len && text.ptr[digits] >= '0' &&
           text.ptr[digits] <= '7')
        value = value * 8 + (unsigned)(text.ptr[digits++] - '0');
    if (digits) {
        *byte = (unsigned char)value;
        return digits;
    }
    letter = text.ptr[0] ? strchr(letters, text.ptr[0]) : NULL;
    *byte = (unsigned char)(letter ? bytes[letter - letters] : text.ptr[0]);
    return 1;
}

static struct byte_set byte_set(const char *value)
{
    struct byte_set set = {.is_empty = !*value};
    struct slice rest = slice_from(value);

    while (rest.len) {
        unsigned char byte = (unsigned char)rest.ptr[0];
        size_t len = 1;

        if (byte == '\\' && rest.len > 1)
            len += unescape(slice_from_offset(rest, 1), &byte);
        set.has[byte] = true;
        rest = slice_from_offset(rest, len);
    }
    return set;
}

static void open_address_tables(void)
{
    tables.sender_canonical =
        address_table("sender_canonical_maps", params.sender_canonical_maps,
                      classes_of("sender_canonical_classes", params.sender_canonical_classes));
    tables.recipient_canonical = address_table(
        "recipient_canonical_maps", params.recipient_canonical_maps,
        classes_of("recipient_canonical_classes", params.recipient_canonical_classes));
    tables.canonical = address_table("canonical_maps", params.canonical_maps,
                                     classes_of("canonical_classes", params.canonical_classes));
    tables.virtual_alias = address_table("virtual_alias_maps", params.virtual_alias_maps,
                                         CLASS_ENVELOPE_RECIPIENT);
    tables.sender_bcc =
        address_table("sender_bcc_maps", params.sender_bcc_maps, CLASS_ENVELOPE_SENDER);
    tables.recipient_bcc = address_table("recipient_bcc_maps", params.recipient_bcc_maps,
                                         CLASS_ENVELOPE_RECIPIENT);
}

static enum open_header open_header_action(const char *name)
{
    static const char *const names[] = {[OPEN_HEADER_FIX] = "fix_quietly",
                                        [OPEN_HEADER_MARK] = "add_header",
                                        [OPEN_HEADER_REJECT] = "reject"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum open_header)i;
    }
    fatal(EX_CONFIG, "bad value \"%s\" of non_empty_end_of_header_action", name);
}

void tables_open(void)
{
    tables.open_header = open_header_action(params.non_empty_end_of_header_action);
    route_open_local();
    open_address_tables();
    tables.masquerade_classes = classes_of("masquerade_classes", params.masquerade_classes);
    tables.propagate_canonical =
        words_have(slice_from(params.propagate_unmatched_extensions), SLICE("canonical"));
    tables.propagate_virtual =
        words_have(slice_from(params.propagate_unmatched_extensions), SLICE("virtual"));
    tables.rejected_bytes = byte_set(params.message_reject_characters);
    if (params.cleanup_replace_stray_cr_lf) /* they have become spaces before anything looks */
        tables.rejected_bytes.has['\r'] = tables.rejected_bytes.has['\n'] = false;
    tables.stripped_bytes = byte_set(params.message_strip_characters);
    tables.checks[CHECK_HEADER] = check_table("header_checks", params.header_checks);
    tables.checks[CHECK_MIME_HEADER] =
        check_table("mime_header_checks", params.mime_header_checks);
    tables.checks[CHECK_NESTED_HEADER] =
        check_table("nested_header_checks", params.nested_header_checks);
    tables.checks[CHECK_BODY] = check_table("body_checks", params.body_checks);
    tables.checks[CHECK_MILTER_HEADER] =
        check_table("milter_header_checks", params.milter_header_checks);
}
