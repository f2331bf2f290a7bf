#include "expand.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "conf/params.h"
#include "conf/test.h"
#include "delivery/test_message.h"

static char directory[] = "/tmp/expand_test.XXXXXX";

static struct buf logged = {.data = buf_nothing};

static void keep_line(enum log_level level, const char *line)
{
    (void)level;
    buf_printf(&logged, "%s\n", line);
}

/* A delivery whose alias or file is expanded. */
struct scene {
    struct test_message message;
    struct job job;
    struct origin origin;
};

static void scene_init(struct scene *scene)
{
    test_message_init(&scene->message, SLICE("A: b\n"));
    scene->job = (struct job){.delivery = &scene->message.delivery,
                              .recipient = &scene->message.recipient,
                              .seen = HASH_INIT};
    list_init(&scene->job.targets);
    list_init(&scene->job.forwards);
    scene->origin = (struct origin){
        .kind = ORIGIN_ALIAS, .name = SLICE("list"), .address = SLICE("list@x.test")};
}

static void scene_release(struct scene *scene)
{
    hash_release(&scene->job.seen, NULL);
    test_message_release(&scene->message);
}

/* "@a@x.test |command /file :path " in order: @ is an address. */
static void describe(const struct job *job, struct buf *text)
{
    static const char *const signs[] = {"@", "|", "/", ":"};

    LIST_FOREACH(&job->targets, link)
    {
        const struct target *target = CONTAINER_OF(link, struct target, link);
        buf_printf(text, "%s<%.*s> ", signs[target->kind], SLICE_ARG(target->text));
    }
}

static const struct {
    const char *name, *text;
    size_t n_entries;
    const char *targets;
} lists[] = {
    {"an address", "a@x.test", 1, "@<a@x.test> "},
    {"a name", "ada", 1, "@<ada> "},
    {"commas", "a@x.test,b@x.test , c", 3, "@<a@x.test> @<b@x.test> @<c> "},
    {"lines", "a\nb\r\n\n c \n", 3, "@<a> @<b> @<c> "},
    {"nothing", "", 0, ""},
    {"commas alone", " , ,\n,", 0, ""},
    {"comments", "# no\na\n#b\n# c, d\ne", 2, "@<a> @<e> "},
    {"a comment starts a line only", "a,#b", 2, "@<a> @<#b> "},
    {"angle brackets", "Ada L <a@x.test>", 1, "@<a@x.test> "},
    {"quoted local part", "\"a b\"@x.test", 1, "@<a b@x.test> "},
    {"a comma in a local part", "\"a,b\"@x.test, c", 2, "@<a,b@x.test> @<c> "},
    {"a backslash means the user", "\\ada", 1, "@<\\ada> "},
    {"a command", "|/bin/cat", 1, "|</bin/cat> "},
    {"a command with blanks needs quotes", "|/bin/cat -n, b", 3, "|</bin/cat> @<-n> @<b> "},
    {"a blank behind the bar", "| /bin/cat", 1, "|</bin/cat> "},
    {"nothing behind the bar", "\"|\"", 1, "|<> "},
    {"a blank before it", "\" |/bin/cat\"", 1, "@< |/bin/cat> "},
    {"two quoted parts", "\"|echo a\" \"b c\"", 2, "|<echo a> @<b c> "},
    {"a command in angle brackets", "x <|/bin/cat -n>", 1, "|</bin/cat-n> "},
    {"blanks separate", "a b\tc", 3, "@<a> @<b> @<c> "},
    {"and behind files", "/x b", 2, "/</x> @<b> "},
    {"and includes", ":include:/y c", 2, ":</y> @<c> "},
    {"a group", "all: a, b;", 2, "@<a> @<b> "},
    {"no address", "<>, a", 1, "@<a> "},
    {"a command with commas does", "\"|/bin/cat a,b\", c", 2, "|</bin/cat a,b> @<c> "},
    {"quotes in a command", "\"|echo \\\"a, b\\\"\"", 1, "|<echo \"a, b\"> "},
    {"a quote in the middle", "|echo \"a, b\", c", 3, "|<echo> @<a, b> @<c> "},
    {"a backslash in a command", "\"|printf 'a\\\\nb'\"", 1, "|<printf 'a\\nb'> "},
    {"quotes behind the bar", "|\"/bin/cat -n >a,b\", c", 2, "|</bin/cat -n >a,b> @<c> "},
    {"a file", "/var/mail/list", 1, "/</var/mail/list> "},
    {"a file with blanks", "\"/var/mail/a b\"", 1, "/</var/mail/a b> "},
    {"a Maildir", "/home/ada/Maildir/", 1, "/</home/ada/Maildir/> "},
    {"include", ":include:/etc/list", 1, ":</etc/list> "},
    {"include, in any case and quoted", ":Include: \"/etc/a b\"", 1, ":</etc/a b> "},
    {"the same again", "a, a, a", 3, "@<a> "},
    {"a quote that nothing ends", "\"a, b", 1, NULL},
    {"a backslash at the end", "a\\", 1, NULL},
};

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        CLEANUP(scene_release) struct scene scene;
        CLEANUP(buf_release) struct buf text = BUF_INIT;

        test_case(lists[i].name);
        scene_init(&scene);
        size_t n = expand_list(&scene.job, slice_from(lists[i].text), &scene.origin);
        assert_int_equal(n, lists[i].n_entries);
        describe(&scene.job, &text);
        if (lists[i].targets) /* else it is enough to come back */
            assert_slice_equal(buf_slice(&text), lists[i].targets);
    }
}

/* NOLINTBEGIN(readability-*) */
/* Stands in for the C library's: who "broken" is nobody can say now. */
int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size,
               struct passwd **result)
{
    static char home[] = "/home/ada";

    (void)buffer;
    (void)size;
    *result = NULL;
    if (strcmp(name, "broken") == 0)
        return EIO;
    if (strcmp(name, "ada") != 0)
        return 0;
    *entry = (struct passwd){.pw_name = home, .pw_dir = home, .pw_shell = home};
    *result = entry;
    return 0;
}

/* NOLINTEND(readability-*) */

static const struct {
    const char *text, *targets, *logged;
} homes[] = {
    {"~ada/Mail/", "/</home/ada/Mail/> ", ""},
    {"~/Mail/", "", "unknown home directory for: ~/Mail/"},
    {"~eve/Mail/", "", "unknown home directory for: ~eve/Mail/"},
    {"~broken/Mail/", "", "look up home directory for ~broken/Mail/: "},
};

static void test_homes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(homes); i++) {
        CLEANUP(scene_release) struct scene scene;
        CLEANUP(buf_release) struct buf text = BUF_INIT;

        test_case(homes[i].text);
        scene_init(&scene);
        buf_reset(&logged);
        log_hook = keep_line;
        assert_int_equal(expand_list(&scene.job, slice_from(homes[i].text), &scene.origin), 1);
        log_hook = NULL;
        describe(&scene.job, &text);
        assert_slice_equal(buf_slice(&text), homes[i].targets);
        assert_non_null(strstr(logged.data, homes[i].logged));
    }
}

static void test_origin_goes_along(void **state)
{
    CLEANUP(scene_release) struct scene scene;

    (void)state;
    scene_init(&scene);
    assert_int_equal(expand_list(&scene.job, SLICE("a, |b"), &scene.origin), 2);
    LIST_FOREACH(&scene.job.targets, link)
    assert_ptr_equal(CONTAINER_OF(link, struct target, link)->origin, &scene.origin);
}

/* -- include files ----------------------------------------------------------------------------
 */

static const char *make_file(struct buf *path, const char *name, const char *text, mode_t mode)
{
    struct error error;

    buf_reset(path);
    buf_printf(path, "%s/%s", directory, name);
    assert_int_equal(file_replace(path->data, slice_from(text), mode, &error), 0);
    assert_int_equal(chmod(path->data, mode), 0);
    return path->data;
}

static void test_include(void **state)
{
    CLEANUP(scene_release) struct scene scene;
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    (void)state;
    scene_init(&scene);
    make_file(&path, "good", "# members\na@x.test\nb@x.test, c\n", 0644);
    expand_include(&scene.job, buf_slice(&path), &scene.origin);
    describe(&scene.job, &text);
    assert_slice_equal(buf_slice(&text), "@<a@x.test> @<b@x.test> @<c> ");
    assert_false(scene.job.is_handled);
    assert_false(list_is_empty(&scene.job.targets));
    struct target *first = CONTAINER_OF(scene.job.targets.head.next, struct target, link);
    if (!first->origin) {
        fail();
        return;
    }
    assert_int_equal(first->origin->kind, ORIGIN_INCLUDE);
    assert_ptr_equal(first->origin->parent, &scene.origin);
    assert_slice_equal(first->origin->address, "list@x.test");
}

/* Trouble is temporary: the administrator can mend it. */
static void check_refused(const char *path, const char *reason)
{
    CLEANUP(scene_release) struct scene scene;

    test_case(path);
    scene_init(&scene);
    buf_reset(&logged);
    log_hook = keep_line;
    expand_include(&scene.job, slice_from(path), &scene.origin);
    log_hook = NULL;
    assert_true(list_is_empty(&scene.job.targets));
    assert_true(scene.job.is_incomplete);
    assert_false(scene.message.recipient.done);
    if (slice_find_text(buf_slice(&logged), slice_from(reason)) == logged.len)
        fail_msg("logged: %s", logged.data);
}

static void test_include_refused(void **state)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    (void)state;
    check_refused("relative/path", "uses a relative path");
    check_refused("/does/not/exist", "No such file or directory");
    check_refused(directory, "is not a regular file");
    check_refused(make_file(&path, "open", "a\n", 0666), "is world writable");
}

static int start(void **state)
{
    if (test_load_defaults(state) < 0 || !mkdtemp(directory))
        return -1;
    params.queue_directory = directory;
    buf_init(&logged);
    default_user.uid = geteuid();
    default_user.gid = getegid();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    buf_release(&logged);
    return test_remove_tree(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_homes),
        cmocka_unit_test(test_origin_goes_along),
        cmocka_unit_test(test_include),
        cmocka_unit_test(test_include_refused),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
