#include "dnsbl_sites.h"

#include "base/buf.h"
#include "base/test.h"

/* "domain filter weight, filter weight; ..." */
static void write_sites(struct buf *out, const struct dnsbl_sites *sites)
{
    for (size_t i = 0; i < sites->n_domains; i++) {
        const struct dnsbl_domain *domain = &sites->domains[i];

        buf_printf(out, "%s%s", i ? "; " : "", domain->name);
        assert_string_equal(domain->public_name, domain->name);
        for (const struct dnsbl_site *site = domain->sites; site; site = site->next)
            buf_printf(out, " %.*s*%d", SLICE_ARG(site->filter), site->weight);
    }
}

static void test_accepts(void **state)
{
    static const struct {
        const char *name, *list, *sites;
    } rows[] = {
        {"none", "", ""},
        {"plain", "bl.test", "bl.test *1"},
        {"weights", "a.test*2, b.test*-3", "a.test *2; b.test *-3"},
        {"filter", "bl.test=127.0.0.[2;4..8]*2", "bl.test 127.0.0.[2;4..8]*2"},
        {"asked once", "a.test=127.0.0.2 b.test A.test=127.0.0.3*5",
         "a.test 127.0.0.2*1 127.0.0.3*5; b.test *1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        struct dnsbl_sites sites;
        struct error error;

        test_case(rows[i].name);
        assert_int_equal(dnsbl_sites_parse(&sites, rows[i].list, &arena, &error), 0);
        write_sites(&text, &sites);
        assert_string_equal(text.data, rows[i].sites);
    }
}

static void test_refuses(void **state)
{
    static const struct {
        const char *list, *text;
    } rows[] = {
        {"a.test*x", "bad DNSBL weight factor \"x\" in \"a.test*x\""},
        {"a.test*", "bad DNSBL weight factor \"\" in \"a.test*\""},
        {"a.test=127.0.0", "bad DNSBL filter \"127.0.0\" in \"a.test=127.0.0\""},
        {"=127.0.0.2", "bad DNSBL domain name in \"=127.0.0.2\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct dnsbl_sites sites;
        struct error error;

        test_case(rows[i].list);
        assert_int_equal(dnsbl_sites_parse(&sites, rows[i].list, &arena, &error), -1);
        assert_string_equal(error.text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
