#include "mail/xforward.h"

#include "base/compiler.h"
#include "mail/xtext.h"

#define LINE_MAX_BYTES  ((size_t)510)
#define VALUE_MAX_BYTES ((size_t)255)

static const struct {
    const char *name;
    enum xforward_attribute attribute;
} attributes[] = {
    {"NAME", XFORWARD_NAME},     {"ADDR", XFORWARD_ADDR}, {"PORT", XFORWARD_PORT},
    {"PROTO", XFORWARD_PROTO},   {"HELO", XFORWARD_HELO}, {"IDENT", XFORWARD_IDENT},
    {"SOURCE", XFORWARD_SOURCE},
};

unsigned xforward_offered(struct slice words)
{
    unsigned offered = 0;
    struct slice word;

    while ((word = slice_word(&words, " \t\r\n")).ptr) {
        for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
            if (slice_equals_nocase(word, attributes[i].name))
                offered |= attributes[i].attribute;
        }
    }
    return offered;
}

const char *xforward_name(enum xforward_attribute attribute)
{
    size_t i = 0;

    while (attributes[i].attribute != attribute)
        i++;
    return attributes[i].name;
}

static void add(struct buf *command, const struct xforward_value *value)
{
    buf_printf(command, " %s=", xforward_name(value->attribute));
    if (value->value.len == 0 || slice_equals(value->value, "unknown"))
        buf_add_text(command, "[UNAVAILABLE]");
    else
        xtext_add(command, slice_sub(value->value, 0, VALUE_MAX_BYTES), "=");
}

bool xforward_command(struct buf *command, unsigned offered,
                      const struct xforward_value *values, size_t n_values, size_t *at)
{
    bool has_any = false;

    buf_set_text(command, "XFORWARD");
    for (; *at < n_values; (*at)++) {
        size_t before = command->len;

        if (!(offered & values[*at].attribute))
            continue;
        add(command, &values[*at]);
        if (has_any && command->len > LINE_MAX_BYTES) {
            buf_truncate(command, before);
            return true;
        }
        has_any = true;
    }
    return has_any;
}
