/*
 * Addresses of envelopes and headers: rewriting them, and finding out where they go. Rewriting
 * ends; what has been rewritten stays as it is.
 */
#include "route/rewrite.h"

#include <stdint.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/conf.h"
#include "route/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char main_cf[] = "compatibility_level = 3.6\n"
                              "myhostname = mx.example.test\n"
                              "mydomain = example.test\n"
                              "myorigin = $mydomain\n"
                              "mydestination = $myhostname, localhost, $mydomain\n"
                              "inet_interfaces = 127.0.0.1\n"
                              "append_dot_mydomain = yes\n"
                              "resolve_null_domain = yes\n"
                              "resolve_numeric_domain = yes\n"
                              "recipient_delimiter = +\n"
                              "relay_domains = relayed.test\n"
                              "transport_maps = inline:{ {.sub.test=smtp:[127.0.0.3]} }\n";

static void prepare(void)
{
    char directory[] = "/dev/shm/fuzz_rewrite.XXXXXX", path[64];
    struct conf_request request = {.directory = directory};
    struct error error = ERROR_INIT;

    log_hook = log_discard;
    bug_if(!mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/main.cf", directory);
    bug_if(file_replace(path, slice_from(main_cf), 0600, &error) < 0);
    bug_if(conf_load(&request, &error) < 0);
    bug_if(unlink(path) < 0 || rmdir(directory) < 0);
    route_open();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_prepared;
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice text = slice_of(data, size);
    struct resolved resolved;
    struct error error = ERROR_INIT;

    if (!is_prepared)
        prepare();
    is_prepared = true;
    if (size > 2048 || (size && memchr(data, 0, size)))
        return 0;
    (void)rewrite_address(REWRITE_LOCAL, text, &arena);
    (void)rewrite_address(REWRITE_REMOTE, text, &arena);
    (void)rewrite_internal(REWRITE_LOCAL, text, &arena);
    if (resolve_address(SLICE("a@b.test"), text, false, &arena, &resolved, &error) < 0)
        return 0;
    bug_if(!(resolved.flags & RESOLVE_ERROR) && resolved.transport.len == 0);
    bug_if(!(resolved.flags & RESOLVE_CLASS_MASK));
    return 0;
}
