#include "tls_policy.h"

#include <string.h>

#include "conf/test.h"
#include "dns/cache.h"
#include "dns/dns.h"
#include "options.h"
#include "tls_options.h"

#define FINGERPRINT "AA:BB:CC"

/* What a table says, and what becomes of it. */
static const struct {
    const char *value;
    enum tls_level level;
    const char *key; /* as tls_policy_key has it; NULL: invalid */
} values[] = {
    {"none", TLS_LEVEL_NONE, "none - - - - -"},
    {"none ciphers=high", TLS_LEVEL_NONE, "none - - - - -"},
    {"ENCRYPT", TLS_LEVEL_ENCRYPT, "encrypt - - - - -"},
    {"encrypt protocols=>=TLSv1.2:<=TLSv1.3, ciphers=high", TLS_LEVEL_ENCRYPT,
     "encrypt >=TLSv1.2:<=TLSv1.3 high - - -"},
    {"encrypt protocols=", TLS_LEVEL_ENCRYPT, "encrypt  - - - -"},
    {"may exclude=AES { exclude = x }", TLS_LEVEL_INVALID, NULL},
    {"encrypt { exclude = AES, MD5 }", TLS_LEVEL_ENCRYPT, "encrypt - - AES, MD5 - -"},
    {"encrypt servername=mx.test", TLS_LEVEL_ENCRYPT, "encrypt - - - mx.test -"},
    {"encrypt servername=a..b", TLS_LEVEL_INVALID, NULL},
    {"encrypt connection_reuse=yes connection_reuse=no", TLS_LEVEL_ENCRYPT,
     "encrypt - - - - -"},
    {"encrypt connection_reuse=maybe", TLS_LEVEL_INVALID, NULL},
    {"encrypt enable_rpk=yes", TLS_LEVEL_ENCRYPT, "encrypt - - - - -"},
    {"encrypt ciphers=", TLS_LEVEL_INVALID, NULL},
    {"encrypt ciphers=a ciphers=b", TLS_LEVEL_INVALID, NULL},
    {"encrypt match=a.test", TLS_LEVEL_INVALID, NULL},
    {"dane match=a.test", TLS_LEVEL_INVALID, NULL},
    {"secure match=a.test:.b.test match=c.test", TLS_LEVEL_SECURE,
     "secure - - - - - a.test .b.test c.test"},
    {"secure match=", TLS_LEVEL_INVALID, NULL},
    {"verify tafile=/a tafile=/b", TLS_LEVEL_VERIFY, "verify - - - -  /a /b"},
    {"encrypt tafile=/a", TLS_LEVEL_INVALID, NULL},
    {"fingerprint match=aabbcc|" FINGERPRINT, TLS_LEVEL_FINGERPRINT,
     "fingerprint - - - - - " FINGERPRINT " " FINGERPRINT},
    {"fingerprint match=zz|a|aabbc|aa:bb:cc", TLS_LEVEL_FINGERPRINT,
     "fingerprint - - - - - " FINGERPRINT},
    {"half-dane", TLS_LEVEL_INVALID, NULL},
    {"bogus", TLS_LEVEL_INVALID, NULL},
    {"encrypt foo", TLS_LEVEL_INVALID, NULL},
    {"encrypt =x", TLS_LEVEL_INVALID, NULL},
    {"encrypt foo=bar", TLS_LEVEL_INVALID, NULL},
    {"secure policy_type=sts policy_domain=b.test policy_ttl=1 {policy_string = a: b} "
     "mx_host_pattern=*.b.test",
     TLS_LEVEL_SECURE, "secure - - - - -"},
};

static void use_list(struct maps **maps, const char *name, const char *list)
{
    struct error error = ERROR_INIT;

    maps_free(*maps);
    *maps = maps_open(name, list, &error);
    assert_int_equal(error.kind, ERROR_NONE);
}

static void use_table(const char *value)
{
    CLEANUP(buf_release) struct buf list = BUF_INIT;

    buf_printf(&list, "inline:{{%s}}", value);
    use_list(&tls_options.policy_maps, "smtp_tls_policy_maps", list.data);
}

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        CLEANUP(buf_release) struct buf entry = BUF_INIT;
        CLEANUP(buf_release) struct buf key = BUF_INIT;
        struct tls_policy policy;

        test_case(values[i].value);
        buf_printf(&entry, "next.test=%s", values[i].value);
        use_table(entry.data);
        tls_policy_find(&policy, SLICE("next.test"), NULL, TLS_WISH_NONE, &arena);
        assert_int_equal(policy.level, values[i].level);
        if (!values[i].key) {
            assert_string_equal(policy.why.status, "4.7.5");
            assert_slice_equal(policy.why.reason, "client TLS configuration problem");
            continue;
        }
        tls_policy_key(&policy, &key);
        assert_string_equal(key.data, values[i].key);
    }
}

static const struct {
    const char *key, *nexthop;
    bool is_found;
} keys[] = {
    {"next.test", "next.test", true},      {".test", "next.test", true},
    {".next.test", "next.test", false},    {".next.test", "a.next.test", true},
    {"test", "next.test", false},          {"[next.test]:587", "[next.test]:587", true},
    {"next.test", "[next.test]", false},   {"next.test:587", "next.test:587", true},
    {".test:587", "next.test:587", false}, {"next.test", "next.test:587", false},
};

static void test_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        CLEANUP(buf_release) struct buf entry = BUF_INIT;
        struct tls_policy policy;

        test_case(keys[i].nexthop);
        buf_printf(&entry, "%s=encrypt", keys[i].key);
        use_table(entry.data);
        tls_policy_find(&policy, slice_from(keys[i].nexthop), NULL, TLS_WISH_NONE, &arena);
        assert_int_equal(policy.level,
                         keys[i].is_found ? TLS_LEVEL_ENCRYPT : tls_options.level);
    }
}

static void test_wish(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct tls_policy policy;

    (void)state;
    use_table("next.test=secure match=a.test");
    tls_policy_find(&policy, SLICE("next.test"), NULL, TLS_WISH_OPTIONAL, &arena);
    assert_int_equal(policy.level, TLS_LEVEL_MAY);
    assert_int_equal(policy.wanted, TLS_LEVEL_SECURE);
    assert_int_equal(policy.n_matches, 0);
    use_table("next.test=none");
    tls_policy_find(&policy, SLICE("next.test"), NULL, TLS_WISH_OPTIONAL, &arena);
    assert_int_equal(policy.level, TLS_LEVEL_NONE);
}

/* The words of old: next hop, host, what main.cf has, and the outcome. */
static const struct {
    const char *nexthop, *host;
    enum tls_level global, level;
} sites[] = {
    {"MAY", NULL, TLS_LEVEL_NONE, TLS_LEVEL_MAY},
    {"MAY", NULL, TLS_LEVEL_VERIFY, TLS_LEVEL_VERIFY},
    {"NONE", "MAY", TLS_LEVEL_ENCRYPT, TLS_LEVEL_NONE},
    {"MAY", "NONE", TLS_LEVEL_ENCRYPT, TLS_LEVEL_NONE},
    {"MUST_NOPEERMATCH", "NONE", TLS_LEVEL_NONE, TLS_LEVEL_ENCRYPT},
    {"MUST", "MUST_NOPEERMATCH", TLS_LEVEL_NONE, TLS_LEVEL_VERIFY},
    {"MUST_NOPEERMATCH", NULL, TLS_LEVEL_VERIFY, TLS_LEVEL_ENCRYPT},
    {"WHATEVER", NULL, TLS_LEVEL_NONE, TLS_LEVEL_INVALID},
    {NULL, "MUST", TLS_LEVEL_MAY, TLS_LEVEL_VERIFY},
    {NULL, NULL, TLS_LEVEL_MAY, TLS_LEVEL_MAY},
};

static void test_per_site(void **state)
{
    (void)state;
    use_list(&tls_options.policy_maps, "smtp_tls_policy_maps", "");
    for (size_t i = 0; i < ARRAY_SIZE(sites); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        CLEANUP(buf_release) struct buf list = BUF_INIT;
        struct host host = {.name = SLICE("mx.test")};
        struct tls_policy policy;

        test_case(arena_printf(&arena, "%s %s", sites[i].nexthop ? sites[i].nexthop : "-",
                               sites[i].host ? sites[i].host : "-"));
        buf_add_text(&list, "inline:{ other=NONE");
        if (sites[i].nexthop)
            buf_printf(&list, ", next.test=%s", sites[i].nexthop);
        if (sites[i].host)
            buf_printf(&list, ", mx.test=%s", sites[i].host);
        buf_add_text(&list, " }");
        use_list(&tls_options.per_site, "smtp_tls_per_site", list.data);
        tls_options.level = sites[i].global;
        tls_policy_find(&policy, SLICE("next.test"), &host, TLS_WISH_NONE, &arena);
        assert_int_equal(policy.level, sites[i].level);
    }
    use_list(&tls_options.per_site, "smtp_tls_per_site", "");
}

/* -- DANE: TLSA records come from the cache -- */

static void add_tlsa(const char *name, const char *data, size_t len)
{
    struct dns_record record = {
        .type = DNS_TLSA, .name = slice_from(name), .data = slice_of(data, len)};
    struct dns_answer answer = {
        .records = &record, .n_records = 1, .is_validated = true, .name = slice_from(name)};

    dns_cache_add(slice_from(name), DNS_TLSA, len ? DNS_OK : DNS_NO_NAME, len ? &answer : NULL,
                  50);
}

static const struct {
    const char *label, *host;
    enum tls_level level, insecure_mx;
    bool has_mx, mx_is_secure;
    enum tls_level expected;
    const char *reason; /* where that is INVALID */
} danes[] = {
    {"all is well", "good.test", TLS_LEVEL_DANE, TLS_LEVEL_DANE, true, true, TLS_LEVEL_DANE,
     NULL},
    {"all is well, mandatory", "good.test", TLS_LEVEL_DANE_ONLY, TLS_LEVEL_DANE, true, true,
     TLS_LEVEL_DANE_ONLY, NULL},
    {"no MX", "good.test", TLS_LEVEL_DANE, TLS_LEVEL_DANE, false, false, TLS_LEVEL_DANE, NULL},
    {"insecure MX", "good.test", TLS_LEVEL_DANE, TLS_LEVEL_DANE, true, false,
     TLS_LEVEL_HALF_DANE, NULL},
    {"insecure MX, may", "good.test", TLS_LEVEL_DANE, TLS_LEVEL_MAY, true, false, TLS_LEVEL_MAY,
     NULL},
    {"insecure MX, encrypt", "good.test", TLS_LEVEL_DANE, TLS_LEVEL_ENCRYPT, true, false,
     TLS_LEVEL_ENCRYPT, NULL},
    {"insecure MX, mandatory", "good.test", TLS_LEVEL_DANE_ONLY, TLS_LEVEL_DANE, true, false,
     TLS_LEVEL_INVALID, "non DNSSEC destination"},
    {"none", "none.test", TLS_LEVEL_DANE, TLS_LEVEL_DANE, true, true, TLS_LEVEL_MAY, NULL},
    {"none, mandatory", "none.test", TLS_LEVEL_DANE_ONLY, TLS_LEVEL_DANE, true, true,
     TLS_LEVEL_INVALID, "no TLSA records found"},
    {"unusable", "odd.test", TLS_LEVEL_DANE, TLS_LEVEL_DANE, true, true, TLS_LEVEL_ENCRYPT,
     NULL},
    {"unusable, mandatory", "odd.test", TLS_LEVEL_DANE_ONLY, TLS_LEVEL_DANE, true, true,
     TLS_LEVEL_INVALID, "TLSA records unusable"},
    {"look-up fails", "lost.test", TLS_LEVEL_DANE, TLS_LEVEL_DANE, true, true,
     TLS_LEVEL_INVALID, "TLSA lookup error for lost.test:25"},
};

static void test_dane(void **state)
{
    (void)state;
    add_tlsa("_25._tcp.good.test",
             "\3\1\1"
             "0123456789abcdef0123456789abcdef",
             35);
    add_tlsa("_25._tcp.odd.test",
             "\1\1\1"
             "0123456789abcdef0123456789abcdef",
             35);
    add_tlsa("_25._tcp.none.test", "", 0);
    options.use_dnssec = true;
    for (size_t i = 0; i < ARRAY_SIZE(danes); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct host host = {.name = slice_from(danes[i].host),
                            .expanded = slice_from(danes[i].host),
                            .is_secure = true,
                            .has_mx = danes[i].has_mx,
                            .mx_is_secure = danes[i].mx_is_secure};
        struct tls_policy policy;

        test_case(danes[i].label);
        assert_int_equal(endpoint_parse(&host.address, SLICE("192.0.2.1"), 25), 0);
        tls_options.level = danes[i].level;
        tls_options.insecure_mx_level = danes[i].insecure_mx;
        tls_policy_find(&policy, SLICE("next.test"), &host, TLS_WISH_NONE, &arena);
        tls_policy_complete(&policy, SLICE("next.test"), &host, deadline_in(SECONDS(5)),
                            &arena);
        assert_int_equal(policy.level, danes[i].expected);
        if (danes[i].reason)
            assert_slice_equal(policy.why.reason, danes[i].reason);
    }
    options.use_dnssec = false;
    dns_cache_clear();
}

static const struct {
    const char *host;
    bool is_allowed;
} sts_hosts[] = {
    {"mx.b.test", true}, {"MX.B.test", true},   {"a.c.test", true},
    {"c.test", false},   {"a.b.c.test", false}, {"other.b.test", false},
};

static void test_sts(void **state)
{
    (void)state;
    use_table("next.test=encrypt mx_host_pattern=mx.b.test mx_host_pattern=*.c.test");
    for (size_t i = 0; i < ARRAY_SIZE(sts_hosts); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct host host = {.name = slice_from(sts_hosts[i].host), .has_mx = true};
        struct tls_policy policy;

        test_case(sts_hosts[i].host);
        tls_policy_find(&policy, SLICE("next.test"), &host, TLS_WISH_NONE, &arena);
        tls_policy_complete(&policy, SLICE("next.test"), &host, deadline_in(SECONDS(5)),
                            &arena);
        assert_int_equal(policy.level != TLS_LEVEL_INVALID, sts_hosts[i].is_allowed);
    }
}

static int load(void **state)
{
    if (test_load_defaults(state) < 0)
        return -1;
    options_load(false);
    tls_options_load();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_wish),   cmocka_unit_test(test_per_site),
        cmocka_unit_test(test_dane),   cmocka_unit_test(test_sts),
    };

    return cmocka_run_group_tests(tests, load, NULL);
}
