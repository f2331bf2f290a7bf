#include "base/log.h"
#include "conf/test.h"
#include "route/address_map.h"
#include "route/resolve.h"
#include "route/rewrite.h"

static const char main_cf[] =
    "compatibility_level = 3.6\n"
    "myhostname = mx.example.test\n"
    "mydomain = example.test\n"
    "myorigin = $mydomain\n"
    "mydestination = $myhostname, localhost, localhost.$mydomain, $mydomain\n"
    "inet_interfaces = 127.0.0.1\n"
    "proxy_interfaces = 192.0.2.9\n"
    "append_dot_mydomain = yes\n"
    "recipient_delimiter = +\n"
    "relay_domains = relayed.test\n"
    "virtual_alias_domains = valias.test\n"
    "virtual_alias_maps =\n"
    "virtual_mailbox_domains = vmail.test\n"
    "relayhost = [gateway.test]\n"
    "transport_maps = inline:{ {dropped.test=discard:thrown away} {.sub.test=smtp:[127.0.0.3]} "
    "{user@sink.test=lmtp:inet:x} {plain.test=other:} {hop.test=:[hop]} {bad.test=error:} }\n"
    "sender_dependent_relayhost_maps = inline:{ {vip@example.test=[vip.test]} "
    "{@dunno.test=DUNNO} {<>=[null.test]} }\n"
    "sender_dependent_default_transport_maps = inline:{ {slow@example.test=slow:[slow.test]} }\n"
    "relocated_maps = inline:{ {moved@example.test=new@place.test} }\n"
    "address_verify_relayhost = [probe.test]\n";

static int set_up(void **state)
{
    (void)state;
    if (test_load_text(main_cf, NULL) < 0)
        return -1;
    route_open();
    return 0;
}

static const struct {
    const char *name, *address, *local, *remote;
} rewritten[] = {
    {"complete", "a@b.c", "a@b.c", "a@b.c"},
    {"nobody", "", "", ""},
    {"user alone", "user", "user@example.test", "user"},
    {"host without dot", "a@host", "a@host.example.test", "a@host"},
    {"literal", "a@[1.2.3.4]", "a@[1.2.3.4]", "a@[1.2.3.4]"},
    {"trailing dot", "a@b.c.", "a@b.c", "a@b.c"},
    {"two trailing dots", "a@b..", "a@b..", "a@b.."},
    {"nothing behind @", "a@", "a@", "a@"},
    {"source route", "@x,@y:a@b.c", "a@b.c", "a@b.c"},
    {"bang path", "x.y!a!b", "a!b@x.y", "a!b@x.y"},
    {"percent", "a%b%c.d", "a%b@c.d", "a%b@c.d"},
    {"percent with domain", "a%b@c.d", "a%b@c.d", "a%b@c.d"},
    {"quoted", "\"a b\"@c.d", "\"a b\"@c.d", "\"a b\"@c.d"},
    {"quoted operators", "\"a@b!c%d\"", "\"a@b!c%d\"@example.test", "\"a@b!c%d\""},
    {"comment", "a (x@y) @ b.c", "a@b.c", "a@b.c"},
    {"two words", "a  b@c.d", "a b@c.d", "a b@c.d"},
};

static void test_rewrite(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rewritten); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct slice address = slice_from(rewritten[i].address);

        test_case(rewritten[i].name);
        assert_slice_equal(rewrite_address(REWRITE_LOCAL, address, &arena), rewritten[i].local);
        assert_slice_equal(rewrite_address(REWRITE_REMOTE, address, &arena),
                           rewritten[i].remote);
    }
}

static void test_rewrite_internal(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;

    (void)state;
    assert_slice_equal(rewrite_internal(REWRITE_LOCAL, SLICE("a b"), &arena),
                       "a b@example.test");
    assert_slice_equal(rewrite_internal(REWRITE_LOCAL, SLICE("a@b@c.d"), &arena), "a@b@c.d");
    assert_slice_equal(rewrite_internal(REWRITE_LOCAL, SLICE(""), &arena), "");
    assert_slice_equal(rewrite_internal(REWRITE_LOCAL, SLICE("@a,@b:c@d.test"), &arena),
                       "c@d.test");
    assert_slice_equal(rewrite_internal(REWRITE_LOCAL, SLICE("@a:b"), &arena),
                       "b@example.test");
}

static const struct {
    const char *name, *sender, *address;
    unsigned class_bit;
    const char *transport, *nexthop, *recipient;
} resolved[] = {
    {"local", "", "a@example.test", RESOLVE_CLASS_LOCAL, "local", "mx.example.test",
     "a@example.test"},
    {"no domain", "", "a", RESOLVE_CLASS_LOCAL, "local", "mx.example.test",
     "a@mx.example.test"},
    {"nobody", "", "", RESOLVE_CLASS_LOCAL, "local", "mx.example.test",
     "MAILER-DAEMON@mx.example.test"},
    {"own literal", "", "a@[127.0.0.1]", RESOLVE_CLASS_LOCAL, "local", "mx.example.test",
     "a@[127.0.0.1]"},
    {"proxy literal", "", "a@[192.0.2.9]", RESOLVE_CLASS_LOCAL, "local", "mx.example.test",
     "a@[192.0.2.9]"},
    {"other literal", "x@y.z", "a@[192.0.2.8]", RESOLVE_CLASS_DEFAULT, "smtp", "[gateway.test]",
     "a@[192.0.2.8]"},
    {"alias domain", "", "a@valias.test", RESOLVE_CLASS_ALIAS, "error",
     "5.1.1 User unknown in virtual alias table", "a@valias.test"},
    {"mailbox domain", "", "a@vmail.test", RESOLVE_CLASS_VIRTUAL, "virtual", "vmail.test",
     "a@vmail.test"},
    {"relay domain", "x@y.z", "a@relayed.test", RESOLVE_CLASS_RELAY, "relay", "[gateway.test]",
     "a@relayed.test"},
    {"below relay domain", "x@y.z", "a@x.relayed.test", RESOLVE_CLASS_RELAY, "relay",
     "[gateway.test]", "a@x.relayed.test"},
    {"elsewhere", "x@y.z", "a@far.test", RESOLVE_CLASS_DEFAULT, "smtp", "[gateway.test]",
     "a@far.test"},
    {"relayhost by sender", "vip@example.test", "a@far.test", RESOLVE_CLASS_DEFAULT, "smtp",
     "[vip.test]", "a@far.test"},
    {"relayhost by sender's domain", "any@dunno.test", "a@far.test", RESOLVE_CLASS_DEFAULT,
     "smtp", "far.test", "a@far.test"},
    {"relayhost of the null sender", "", "a@far.test", RESOLVE_CLASS_DEFAULT, "smtp",
     "[null.test]", "a@far.test"},
    {"transport by sender", "slow@example.test", "a@far.test", RESOLVE_CLASS_DEFAULT, "slow",
     "[slow.test]", "a@far.test"},
    {"transport table", "x@y.z", "a@dropped.test", RESOLVE_CLASS_DEFAULT, "discard",
     "thrown away", "a@dropped.test"},
    {"transport table, parent", "x@y.z", "a@b.c.sub.test", RESOLVE_CLASS_DEFAULT, "smtp",
     "[127.0.0.3]", "a@b.c.sub.test"},
    {"transport table, address", "x@y.z", "user+ext@sink.test", RESOLVE_CLASS_DEFAULT, "lmtp",
     "inet:x", "user+ext@sink.test"},
    {"transport table, no nexthop", "x@y.z", "a@plain.test", RESOLVE_CLASS_DEFAULT, "other",
     "plain.test", "a@plain.test"},
    {"transport table, no transport", "x@y.z", "a@hop.test", RESOLVE_CLASS_DEFAULT, "smtp",
     "[hop]", "a@hop.test"},
    {"transport table, error", "x@y.z", "a@bad.test", RESOLVE_CLASS_DEFAULT, "error",
     "Address is undeliverable", "a@bad.test"},
    {"relocated", "", "moved@example.test", RESOLVE_CLASS_LOCAL, "error",
     "5.1.6 User has moved to new@place.test", "moved@example.test"},
    {"percent hack", "x@y.z", "a%far.test@example.test", RESOLVE_CLASS_DEFAULT, "smtp",
     "[gateway.test]", "a@far.test"},
    {"bang path", "x@y.z", "far.test!a@localhost", RESOLVE_CLASS_DEFAULT, "smtp",
     "[gateway.test]", "a@far.test"},
    {"quoted routing", "x@y.z", "a@far.test@example.test", RESOLVE_CLASS_DEFAULT, "smtp",
     "[gateway.test]", "a@far.test"},
    {"trailing dot", "x@y.z", "a@example.test.", RESOLVE_CLASS_LOCAL, "local",
     "mx.example.test", "a@example.test"},
};

static void test_resolve(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(resolved); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct resolved result;
        struct error error;

        test_case(resolved[i].name);
        assert_int_equal(resolve_address(slice_from(resolved[i].sender),
                                         slice_from(resolved[i].address), false, &arena,
                                         &result, &error),
                         0);
        assert_int_equal(result.flags & (RESOLVE_CLASS_MASK | RESOLVE_ERROR),
                         resolved[i].class_bit);
        assert_slice_equal(result.transport, resolved[i].transport);
        assert_slice_equal(result.nexthop, resolved[i].nexthop);
        assert_slice_equal(result.recipient, resolved[i].recipient);
    }
}

static void test_resolve_refuses(void **state)
{
    static const char *const bad[] = {"a@",     "a@-x.test",       "a@[x",         "a@1.2.3.4",
                                      "a@b..c", "-f@example.test", "a@[1.2.3.4.5]"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct resolved result;
        struct error error;

        test_case(bad[i]);
        assert_int_equal(
            resolve_address(SLICE("x@y.z"), slice_from(bad[i]), false, &arena, &result, &error),
            0);
        assert_true(result.flags & RESOLVE_ERROR);
    }
}

static void test_resolve_marks_routing(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct resolved result;
    struct error error;

    (void)state;
    assert_int_equal(
        resolve_address(SLICE("x@y.z"), SLICE("a%b@far.test"), false, &arena, &result, &error),
        0);
    assert_true(result.flags & RESOLVE_ROUTED);
    assert_int_equal(
        resolve_address(SLICE("x@y.z"), SLICE("a@far.test"), true, &arena, &result, &error), 0);
    assert_false(result.flags & RESOLVE_ROUTED);
    assert_slice_equal(result.nexthop, "[probe.test]");
}

static void test_resolve_ends(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf address = BUF_INIT;
    struct resolved result;
    struct error error;

    (void)state;
    buf_add_text(&address, "a");
    for (int i = 0; i < 200; i++)
        buf_add_text(&address, "%localhost");
    buf_add_text(&address, "@localhost");
    assert_int_equal(
        resolve_address(SLICE(""), buf_slice(&address), false, &arena, &result, &error), 0);
    assert_slice_equal(result.recipient, "a@localhost.example.test");
}

static void test_domain_class(void **state)
{
    struct error error;

    (void)state;
    assert_int_equal(resolve_is_local_domain(SLICE("EXAMPLE.test"), &error), 1);
    assert_int_equal(resolve_is_local_domain(SLICE("far.test"), &error), 0);
    assert_int_equal(resolve_domain_class(SLICE("vmail.test"), &error), RESOLVE_CLASS_VIRTUAL);
    assert_int_equal(resolve_domain_class(SLICE("far.test"), &error), RESOLVE_CLASS_DEFAULT);
}

static const struct {
    const char *name, *table, *address;
    enum address_extension extension;
    const char *results[3];
} mapped[] = {
    {"exact", "inline:{a@b.test=c@d.test}", "a@b.test", EXTENSION_PROPAGATE, {"c@d.test"}},
    {"extension",
     "inline:{a@b.test=c@d.test}",
     "a+x@b.test",
     EXTENSION_PROPAGATE,
     {"c+x@d.test"}},
    {"no extension", "inline:{a@b.test=c@d.test}", "a+x@b.test", EXTENSION_DROP, {"c@d.test"}},
    {"domain", "inline:{@b.test=@d.test}", "a+x@b.test", EXTENSION_PROPAGATE, {"a+x@d.test"}},
    {"domain to one",
     "inline:{@b.test=one@d.test}",
     "a+x@b.test",
     EXTENSION_PROPAGATE,
     {"one@d.test"}},
    {"several",
     "inline:{ {a@b.test=c@d.test, user} }",
     "a@b.test",
     EXTENSION_PROPAGATE,
     {"c@d.test", "user@example.test"}},
    {"local user", "inline:{a=c}", "a@localhost", EXTENSION_PROPAGATE, {"c@example.test"}},
    {"not local", "inline:{a=c}", "a@far.test", EXTENSION_PROPAGATE, {NULL}},
};

static void test_map(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(mapped); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct error error = ERROR_INIT;
        struct maps *maps = maps_open("test_maps", mapped[i].table, &error);
        struct address_list list = {.count = 0};
        size_t n_expected = 0;

        test_case(mapped[i].name);
        assert_int_equal(error.kind, ERROR_NONE);
        while (n_expected < 3 && mapped[i].results[n_expected])
            n_expected++;
        assert_int_equal(address_map(maps, slice_from(mapped[i].address), mapped[i].extension,
                                     &arena, &list, &error),
                         n_expected ? 1 : 0);
        assert_int_equal(list.count, n_expected);
        for (size_t n = 0; n < n_expected; n++)
            assert_slice_equal(list.items[n], mapped[i].results[n]);
        maps_free(maps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewrite),
        cmocka_unit_test(test_rewrite_internal),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_resolve_refuses),
        cmocka_unit_test(test_resolve_marks_routing),
        cmocka_unit_test(test_resolve_ends),
        cmocka_unit_test(test_domain_class),
        cmocka_unit_test(test_map),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
