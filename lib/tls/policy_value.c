#include "tls/policy_value.h"

#include "base/mem.h"
#include "conf/words.h"
#include "tls/level.h"
#include "tls/terms.h"

static const char *const attributes[] = {
#define TLS_POLICY_ATTRIBUTE(name, function) #name,
#include "tls/policy_attributes.def"
};

static bool is_attribute(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
        if (slice_equals_nocase(name, attributes[i]))
            return true;
    }
    return false;
}

static int check_value(struct slice name, const char *value, struct error *error)
{
    struct tls_versions versions;

    if (slice_equals_nocase(name, "protocols"))
        return tls_versions_parse(&versions, value, error);
    if (!slice_equals_nocase(name, "ciphers"))
        return 0;
    CLEANUP(mem_free_text) char *list = tls_cipher_list(value, "", error);

    return list ? 0 : -1;
}

/* "name=value", or "{ name = value with blanks }". */
static int check_word(struct slice word, struct error *error)
{
    struct slice value = word, name;

    if (slice_starts_with(word, "{") && words_unbrace(word, &value, error) < 0)
        return -1;
    if (slice_find(value, '=') == value.len)
        return error_set(error, ERROR_PERMANENT, "\"%.*s\" has no \"=\"", SLICE_ARG(word));
    name = slice_trim(slice_split(&value, '='));
    if (!is_attribute(name))
        return error_set(error, ERROR_PERMANENT, "invalid attribute name: \"%.*s\"",
                         SLICE_ARG(name));
    CLEANUP(mem_free_text) char *text = slice_dup(slice_trim(value));

    return check_value(name, text, error);
}

int tls_policy_value_check(struct slice text, struct error *error)
{
    struct slice word;

    if (!words_next(&text, WORDS_COMMA_SPACE, &word))
        return error_set(error, ERROR_PERMANENT, "the policy is empty");
    if (tls_level_parse(word) == TLS_LEVEL_INVALID)
        return error_set(error, ERROR_PERMANENT, "invalid security level \"%.*s\"",
                         SLICE_ARG(word));
    while (words_next(&text, WORDS_COMMA_SPACE, &word)) {
        if (check_word(word, error) < 0)
            return -1;
    }
    return 0;
}
