#include "conf/params.h"

#include <string.h>

#include "base/test.h"
#include "base/time.h"
#include "conf/conf.h"
#include "conf/main_cf.h"

static void test_rows_are_sorted(void **state)
{
    (void)state;
    for (size_t i = 1; i < n_param_rows; i++) {
        if (param_rows[i - 1].kind == PARAM_KIND_TEMPLATE)
            assert_int_equal(param_rows[i].kind, PARAM_KIND_TEMPLATE);
        else if (param_rows[i].kind != PARAM_KIND_TEMPLATE)
            assert_true(strcmp(param_name(&param_rows[i - 1]), param_name(&param_rows[i])) < 0);
    }
    assert_string_equal(param_default(param_row_find(SLICE("2bounce_notice_recipient"))),
                        "postmaster");
    assert_null(param_row_find(SLICE("no_such_parameter")));
}

static void test_templates(void **state)
{
    (void)state;
    struct slice service;
    const struct param_row *row =
        param_template_find(SLICE("x_y_destination_recipient_limit"), &service);

    assert_non_null(row);
    assert_string_equal(param_name(row), "destination_recipient_limit");
    assert_slice_equal(service, "x_y");
    assert_null(param_template_find(SLICE("_recipient_limit"), &service));
    assert_null(param_template_find(SLICE("myhostname"), &service));
}

static int load(struct params *into, const char *text, const char *program, struct arena *arena,
                struct error *error)
{
    CLEANUP(main_cf_release) struct main_cf main_cf;

    main_cf_init(&main_cf);
    assert_int_equal(main_cf_parse(&main_cf, slice_from(text), "main.cf", error), 0);
    main_cf_set_computed(&main_cf, "myhostname", "host.example.com");
    return params_load(into, &main_cf, program, arena, error);
}

static void test_defaults(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct params *loaded = arena_new(&arena, struct params);
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(load(loaded, "", NULL, &arena, &error), 0);
    assert_int_equal(loaded->smtpd_recipient_limit, 1000);
    assert_int_equal(loaded->smtpd_timeout, SECONDS(300));
    assert_int_equal(loaded->maximal_queue_lifetime, DAYS(5));
    assert_int_equal(loaded->message_size_limit, 10240000);
    assert_true(loaded->append_dot_mydomain);
    assert_string_equal(loaded->p_2bounce_notice_recipient, "postmaster");
    assert_string_equal(loaded->syslog_name, "postfix");
    assert_string_equal(loaded->forward_path,
                        "$home/.forward${recipient_delimiter}${extension}, $home/.forward");
}

static void test_values(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct params *loaded = arena_new(&arena, struct params);
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(load(loaded,
                          "compatibility_level = 3.6\nsmtpd_timeout = 20\n"
                          "maximal_queue_lifetime = 2\nqueue_run_delay = 5m\n"
                          "bounce_queue_lifetime = $maximal_queue_lifetime\n"
                          "biff = NO\nmyorigin = $mine\nmine = example.com\n"
                          "fallback_relay = backup\nstress = yes\npostscreen_dnsbl_ttl = 5m\n",
                          NULL, &arena, &error),
                     0);
    assert_int_equal(loaded->smtpd_timeout, SECONDS(20));
    assert_int_equal(loaded->maximal_queue_lifetime, DAYS(2));
    assert_int_equal(loaded->bounce_queue_lifetime, DAYS(2));
    assert_int_equal(loaded->queue_run_delay, MINUTES(5));
    assert_int_equal(loaded->postscreen_dnsbl_max_ttl, MINUTES(5)); /* written "5mh" */
    assert_int_equal(loaded->smtpd_hard_error_limit, 1);
    assert_false(loaded->biff);
    assert_false(loaded->append_dot_mydomain);
    assert_string_equal(loaded->myorigin, "example.com");
    assert_string_equal(loaded->smtp_fallback_relay, "backup");
}

/* postscreen_post_queue_limit follows default_process_limit and is 5 at least. */
static void test_a_bad_default_is_its_readers_affair(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct params *loaded = arena_new(&arena, struct params);
    const char *const text = "default_process_limit = 3\n";
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(load(loaded, text, NULL, &arena, &error), 0);
    assert_int_equal(load(loaded, text, "smtpd", &arena, &error), 0);
    assert_int_equal(loaded->default_process_limit, 3);
    assert_int_equal(load(loaded, text, "postscreen", &arena, &error), -1);
}

static const struct {
    const char *name, *text, *message;
} refused[] = {
    {"no number", "\nsmtpd_recipient_limit = many\n",
     "main.cf, line 2: bad numerical configuration: smtpd_recipient_limit = many "},
    {"empty number", "smtpd_recipient_limit =\n",
     "main.cf, line 1: bad numerical configuration: smtpd_recipient_limit = "},
    {"number with a unit", "smtpd_recipient_limit = 5k\n", "main.cf, line 1: bad numerical "},
    {"too small", "smtpd_recipient_limit = 0\n",
     "main.cf, line 1: invalid smtpd_recipient_limit parameter value 0 < 1"},
    {"too large", "smtpd_recipient_limit = 9999999999\n", "main.cf, line 1: bad numerical "},
    {"bad unit", "smtpd_timeout = 5x\n",
     "main.cf, line 1: bad time value or unit: smtpd_timeout = 5x "},
    {"time too small", "smtpd_timeout = 0\n",
     "main.cf, line 1: invalid smtpd_timeout parameter value 0 < 1s"},
    {"neither yes nor no", "biff = maybe\n",
     "main.cf, line 1: bad boolean configuration: biff = maybe (expected yes or no)"},
    {"bad expression", "smtpd_banner = ${a-b}\n",
     "main.cf, line 1: smtpd_banner: attribute name syntax error"},
    {"endless", "a = $b\nb = $a\nsmtpd_banner = $a\n",
     "main.cf, line 3: smtpd_banner: unreasonable macro call nesting"},
};

static void test_refuses(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct params *loaded = arena_new(&arena, struct params);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct error error = ERROR_INIT;

        test_case(refused[i].name);
        assert_int_equal(load(loaded, refused[i].text, NULL, &arena, &error), -1);
        assert_int_equal(strncmp(error.text, refused[i].message, strlen(refused[i].message)),
                         0);
        assert_int_equal(loaded->smtpd_recipient_limit, 0);
    }
}

static void test_only_the_readers_mind(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct params *loaded = arena_new(&arena, struct params);
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(load(loaded, "smtpd_timeout = 5x\n", "postqueue", &arena, &error), 0);
    assert_int_equal(loaded->smtpd_timeout, SECONDS(300));
    assert_int_equal(load(loaded, "smtpd_timeout = 5x\n", "smtpd", &arena, &error), -1);
}

static void test_process_configuration(void **state)
{
    const char *const overrides[] = {
        "smtp_destination_concurrency_limit=7", "slow_destination_rate_delay = 2",
        "myhostname=a.b.example", "restriction_class = permit $mydomain"};
    const struct conf_request request = {.overrides = overrides, .n_overrides = 4};
    CLEANUP(buf_release) struct buf bytes = BUF_INIT;
    struct error error = ERROR_INIT;
    int64_t number;

    (void)state;
    assert_int_equal(conf_adopt(SLICE_EMPTY, &request, &error), 0);
    assert_string_equal(params.mydomain, "b.example");
    assert_int_equal(
        conf_service_number("smtp", "destination_concurrency_limit", &number, &error), 0);
    assert_int_equal(number, 7);
    assert_int_equal(
        conf_service_number("local", "destination_concurrency_limit", &number, &error), 0);
    assert_int_equal(number, 2);
    assert_int_equal(
        conf_service_number("lmtp", "destination_concurrency_limit", &number, &error), 0);
    assert_int_equal(number, 20);
    assert_int_equal(conf_service_number("slow", "destination_rate_delay", &number, &error), 0);
    assert_int_equal(number, SECONDS(2));
    assert_string_equal(conf_lookup("restriction_class"), "permit b.example");
    assert_ptr_equal(conf_lookup("restriction_class"), conf_lookup("restriction_class"));
    assert_null(conf_lookup("nothing_of_that_name"));
    assert_int_equal(params.smtpd_timeout, SECONDS(300));
    conf_set_stress(true);
    assert_int_equal(params.smtpd_timeout, SECONDS(10));
    conf_set_stress(false);
    assert_int_equal(params.smtpd_timeout, SECONDS(300));
    main_cf_serialize(conf_main_cf(), &bytes);
    assert_int_equal(conf_adopt(buf_slice(&bytes), NULL, &error), 0);
    assert_string_equal(params.mydomain, "b.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_sorted),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_a_bad_default_is_its_readers_affair),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_only_the_readers_mind),
        cmocka_unit_test(test_process_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
