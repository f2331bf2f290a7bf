#include "tls/level.h"

#include "base/compiler.h"

static const struct {
    const char *name;
    enum tls_level level;
} levels[] = {
    {"none", TLS_LEVEL_NONE},           {"may", TLS_LEVEL_MAY},
    {"encrypt", TLS_LEVEL_ENCRYPT},     {"fingerprint", TLS_LEVEL_FINGERPRINT},
    {"half-dane", TLS_LEVEL_HALF_DANE}, {"dane", TLS_LEVEL_DANE},
    {"dane-only", TLS_LEVEL_DANE_ONLY}, {"verify", TLS_LEVEL_VERIFY},
    {"secure", TLS_LEVEL_SECURE},
};

enum tls_level tls_level_parse(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
        if (slice_equals_nocase(name, levels[i].name) && levels[i].level != TLS_LEVEL_HALF_DANE)
            return levels[i].level;
    return TLS_LEVEL_INVALID;
}

const char *tls_level_name(enum tls_level level)
{
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
        if (levels[i].level == level)
            return levels[i].name;
    return level == TLS_LEVEL_NOT_FOUND ? "not found" : "invalid";
}
