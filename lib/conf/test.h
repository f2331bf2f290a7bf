/*
 * What the unit tests (x_test.c) of all that reads params share.
 */
#pragma once

#include "base/buf.h"
#include "base/test.h"
#include "conf/conf.h"
#include "conf/main_cf.h"

static inline int test_report(int result, const struct error *error)
{
    if (result < 0)
        print_error("%s\n", error->text);
    return result;
}

/* For a group's set-up: every parameter has its default, whatever this machine's main.cf says.
 */
static inline int test_load_defaults(void **state)
{
    struct error error;

    (void)state;
    return test_report(conf_load(NULL, &error), &error);
}

/*
 * Load this text as main.cf, for one program or (NULL) all, with example.test for what the
 * machine's own names and networks are otherwise. 0 or -1.
 */
static inline int test_load_text(const char *text, const char *program)
{
    CLEANUP(main_cf_release) struct main_cf main_cf;
    CLEANUP(buf_release) struct buf wire = BUF_INIT;
    const struct conf_request request = {.program = program};
    struct error error;

    main_cf_init(&main_cf);
    if (main_cf_parse(&main_cf, slice_from(text), "main.cf", &error) < 0)
        return test_report(-1, &error);
    main_cf_set_computed(&main_cf, "myhostname", "host.example.test");
    main_cf_set_computed(&main_cf, "mydomain", "example.test");
    main_cf_set_computed(&main_cf, "mynetworks", "");
    main_cf_serialize(&main_cf, &wire);
    return test_report(conf_adopt(buf_slice(&wire), &request, &error), &error);
}
