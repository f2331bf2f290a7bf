#include "tls/dane.h"

#include <string.h>

#include "base/buf.h"
#include "base/test.h"
#include "dns/cache.h"
#include "dns/dns.h"

#define DIGEST32 "0123456789abcdef0123456789abcdef"
#define DIGEST64 DIGEST32 DIGEST32

static const struct {
    const char *name;
    const char *records[4]; /* usage, selector, matching as letters 0 to 9, then the data */
    enum dane_state state;
    const char *kept; /* usage, selector and matching of each */
} choices[] = {
    {"none", {NULL}, DANE_NOT_FOUND, ""},
    {"key by SHA2-256", {"311" DIGEST32}, DANE_USABLE, "311 "},
    {"the better digest alone", {"311" DIGEST32, "312" DIGEST64}, DANE_USABLE, "312 "},
    {"each usage by itself", {"211" DIGEST32, "312" DIGEST64}, DANE_USABLE, "211 312 "},
    {"each selector by itself", {"301" DIGEST32, "312" DIGEST64}, DANE_USABLE, "301 312 "},
    {"two keys", {"311" DIGEST32, "311" DIGEST32}, DANE_USABLE, "311 311 "},
    {"PKIX usages", {"011" DIGEST32, "111" DIGEST32}, DANE_UNUSABLE, ""},
    {"unknown usage", {"411" DIGEST32}, DANE_UNUSABLE, ""},
    {"unknown selector", {"321" DIGEST32}, DANE_UNUSABLE, ""},
    {"unknown digest", {"313" DIGEST32}, DANE_UNUSABLE, ""},
    {"digest too short", {"311abc"}, DANE_UNUSABLE, ""},
    {"digest too long", {"311" DIGEST64}, DANE_UNUSABLE, ""},
    {"no certificate", {"300" DIGEST32}, DANE_UNUSABLE, ""},
    {"no key", {"310" DIGEST32}, DANE_UNUSABLE, ""},
    {"one good among bad", {"111" DIGEST32, "211" DIGEST32, "311"}, DANE_USABLE, "211 "},
};

/* As on the wire. */
static struct slice wire(struct arena *arena, const char *text)
{
    char *bytes = arena_text(arena, slice_from(text));

    for (size_t i = 0; i < 3; i++)
        bytes[i] = (char)(bytes[i] - '0');
    return slice_of(bytes, strlen(text));
}

static void test_choose(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        CLEANUP(buf_release) struct buf kept = BUF_INIT;
        struct slice data[4];
        struct dane dane;
        size_t n = 0;

        test_case(choices[i].name);
        for (; n < 4 && choices[i].records[n]; n++)
            data[n] = wire(&arena, choices[i].records[n]);
        dane_choose(&dane, data, n, &arena);
        assert_int_equal(dane.state, choices[i].state);
        for (size_t k = 0; k < dane.n_records; k++)
            buf_printf(&kept, "%d%d%d ", dane.records[k].usage, dane.records[k].selector,
                       dane.records[k].matching);
        assert_string_equal(kept.data ? kept.data : "", choices[i].kept);
    }
}

static void test_digests(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice data[2];
    struct dane dane;
    struct error error;

    (void)state;
    data[0] = wire(&arena, "312" DIGEST64);
    data[1] = wire(&arena, "311" DIGEST32);
    assert_int_equal(dane_set_digests("sha256, sha512", &error), 0);
    dane_choose(&dane, data, 2, &arena);
    assert_int_equal(dane.n_records, 1);
    assert_int_equal(dane.records[0].matching, 1);
    assert_int_equal(dane_set_digests("sha256", &error), 0);
    dane_choose(&dane, data, 1, &arena);
    assert_int_equal(dane.state, DANE_UNUSABLE);
    assert_int_equal(dane_set_digests("sha512 md4", &error), -1);
    assert_string_equal(error.text, "unknown digest: \"md4\"");
    assert_int_equal(dane_set_digests("sha512 sha256", &error), 0);
}

/* -- look-up: answers come from the cache
 * ----------------------------------------------------------- */

static void add(const char *name, enum dns_type type, const char *text, bool is_validated)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dns_record record = {.type = type, .name = slice_from(name)};
    struct dns_answer answer = {.records = &record,
                                .n_records = 1,
                                .is_validated = is_validated,
                                .name = slice_from(name)};

    if (type == DNS_TLSA && text)
        record.data = wire(&arena, text);
    else if (text)
        record.target = slice_from(text);
    dns_cache_add(slice_from(name), type, text ? DNS_OK : DNS_NO_NAME, text ? &answer : NULL,
                  50);
}

static const struct {
    const char *label, *name, *expanded;
    bool is_secure, force;
    enum dane_state state;
    const char *base;
} lookups[] = {
    {"signed", "mx.test", "mx.test", true, false, DANE_USABLE, "mx.test"},
    {"unsigned host", "mx.test", "mx.test", false, false, DANE_NOT_FOUND, ""},
    {"unsigned host, forced", "mx.test", "mx.test", false, true, DANE_USABLE, "mx.test"},
    {"TLSA not validated", "loose.test", "loose.test", true, false, DANE_NOT_FOUND, ""},
    {"no TLSA", "none.test", "none.test", true, false, DANE_NOT_FOUND, ""},
    {"PKIX only", "pkix.test", "pkix.test", true, false, DANE_UNUSABLE, "pkix.test"},
    {"at the end of CNAMEs", "alias.test", "mx.test", true, false, DANE_USABLE, "mx.test"},
    {"at their start", "alias.test", "none.test", true, false, DANE_USABLE, "alias.test"},
    {"signed alias of an unsigned host", "alias.test", "far.test", false, false, DANE_USABLE,
     "alias.test"},
    {"unsigned alias of an unsigned host", "weak.test", "far.test", false, false,
     DANE_NOT_FOUND, ""},
};

static void test_lookup(void **state)
{
    (void)state;
    add("_25._tcp.mx.test", DNS_TLSA, "311" DIGEST32, true);
    add("_25._tcp.loose.test", DNS_TLSA, "311" DIGEST32, false);
    add("_25._tcp.pkix.test", DNS_TLSA, "111" DIGEST32, true);
    add("_25._tcp.none.test", DNS_TLSA, NULL, false);
    add("_25._tcp.alias.test", DNS_TLSA, "311" DIGEST32, true);
    add("_25._tcp.weak.test", DNS_TLSA, "311" DIGEST32, true);
    add("alias.test", DNS_CNAME, "far.test", true);
    add("weak.test", DNS_CNAME, "far.test", false);
    for (size_t i = 0; i < ARRAY_SIZE(lookups); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct dane_host host = {.name = slice_from(lookups[i].name),
                                 .expanded = slice_from(lookups[i].expanded),
                                 .is_secure = lookups[i].is_secure,
                                 .port = 25};
        struct dane dane;
        struct error error;

        test_case(lookups[i].label);
        assert_int_equal(dane_lookup(&host, lookups[i].force, deadline_in(SECONDS(5)), &arena,
                                     &dane, &error),
                         0);
        assert_int_equal(dane.state, lookups[i].state);
        assert_slice_equal(dane.base_domain, lookups[i].base);
    }
    dns_cache_clear();
}

/* Without a resolver nothing may be concluded. */
static void test_lookup_fails(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dane_host host = {
        .name = SLICE("mx.test"), .expanded = SLICE("mx.test"), .is_secure = true, .port = 25};
    struct dane dane;
    struct error error;

    (void)state;
    assert_int_equal(dane_lookup(&host, false, deadline_in(SECONDS(5)), &arena, &dane, &error),
                     -1);
    assert_int_equal(error.kind, ERROR_TEMPORARY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_lookup_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
