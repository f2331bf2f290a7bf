#include "auth/sasl_security.h"

#include "conf/words.h"

struct word_bit {
    const char *word;
    unsigned bit;
};

static unsigned find(const struct word_bit *known, size_t count, struct slice word)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equals_nocase(word, known[i].word))
            return known[i].bit;
    }
    return 0;
}

int sasl_security_parse(const char *list, unsigned *demands, struct error *error)
{
    static const struct word_bit known[] = {
        {"noplaintext", SECURITY_NO_PLAINTEXT},        {"noactive", SECURITY_NO_ACTIVE},
        {"nodictionary", SECURITY_NO_DICTIONARY},      {"noanonymous", SECURITY_NO_ANONYMOUS},
        {"forward_secrecy", SECURITY_FORWARD_SECRECY}, {"mutual_auth", SECURITY_MUTUAL_AUTH},
    };

    struct slice rest = slice_from(list);
    struct slice word;
    unsigned bits = 0;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        unsigned bit = find(known, ARRAY_SIZE(known), word);

        if (!bit)
            return error_set(error, ERROR_PERMANENT,
                             "unknown SASL security option \"%.*s\" in \"%s\"", SLICE_ARG(word),
                             list);
        bits |= bit;
    }
    *demands = bits;
    return 0;
}

unsigned sasl_security_property(struct slice word)
{
    static const struct word_bit known[] = {
        {"plaintext", SECURITY_NO_PLAINTEXT},
        {"active", SECURITY_NO_ACTIVE},
        {"dictionary", SECURITY_NO_DICTIONARY},
        {"anonymous", SECURITY_NO_ANONYMOUS},
        {"forward-secrecy", SECURITY_FORWARD_SECRECY},
        {"mutual-auth", SECURITY_MUTUAL_AUTH},
        {"private", SECURITY_PRIVATE},
    };

    return find(known, ARRAY_SIZE(known), word);
}

bool sasl_security_allows(unsigned demands, unsigned properties)
{
    const unsigned wanted = SECURITY_FORWARD_SECRECY | SECURITY_MUTUAL_AUTH;

    return (demands & properties & ~wanted) == 0 && (demands & wanted & ~properties) == 0;
}
