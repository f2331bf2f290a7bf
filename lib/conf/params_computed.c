/*
 * Defaults that are found at run time.
 */
#include "conf/params_computed.h"

#include <errno.h>
#include <limits.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/interfaces.h"
#include "conf/main_cf.h"

#ifndef TASSIS_SBINDIR
#define TASSIS_SBINDIR "/usr/sbin"
#endif
#ifndef TASSIS_LIBEXECDIR
#define TASSIS_LIBEXECDIR "/usr/libexec/tassis"
#endif

#define DEFAULT_DOMAIN "localdomain" /* what Postfix makes of a host name without a domain */

static struct slice parent_directory(struct slice path)
{
    size_t slash = slice_find_last(path, '/');

    return slice_sub(path, 0, slash == path.len ? 0 : slash);
}

static bool is_directory_with(const struct buf *directory, const char *program)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/%s", directory->data, program);
    return access(path.data, X_OK) == 0;
}

/*
 * True for PREFIX/sbin where nobody but root can have put a file there, or below PREFIX beside
 * it. Directories like /tmp, where all may write but not rename what others have, may stand
 * above.
 */
static bool is_roots_alone(struct slice directory)
{
    const size_t n_inside = 2; /* sbin, PREFIX */

    if (!slice_ends_with(directory, "/sbin"))
        return false;
    for (size_t depth = 0; directory.len > 0; depth++) {
        CLEANUP(buf_release) struct buf path = BUF_INIT;
        struct stat status;

        buf_set(&path, directory);
        if (lstat(path.data, &status) < 0 || !S_ISDIR(status.st_mode) || status.st_uid != 0)
            return false;
        if ((status.st_mode & (S_IWGRP | S_IWOTH)) &&
            (depth < n_inside || !(status.st_mode & S_ISVTX)))
            return false;
        directory = parent_directory(directory);
    }
    return true;
}

void installation_directories(struct buf *commands, struct buf *daemons)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    struct slice directory = parent_directory(slice_of(path, n > 0 ? (size_t)n : 0));
    struct slice prefix;

    buf_reset(commands);
    buf_reset(daemons);
    /* A set-gid command may be run through a hard link that its user has put anywhere, with
     * programs and plug-ins of his own beside it. */
    if (getauxval(AT_SECURE) && getuid() != 0 && !is_roots_alone(directory))
        directory = SLICE_EMPTY;
    if (slice_ends_with(directory, "/sbin") || slice_ends_with(directory, "/libexec")) {
        prefix = parent_directory(directory);
    } else if (slice_ends_with(directory, "/libexec/tassis")) {
        prefix = parent_directory(parent_directory(directory));
    } else {
        buf_add_text(commands, TASSIS_SBINDIR);
        buf_add_text(daemons, TASSIS_LIBEXECDIR);
        return;
    }
    buf_printf(commands, "%.*s/sbin", SLICE_ARG(prefix));
    if (!slice_ends_with(directory, "/libexec"))
        buf_printf(daemons, "%.*s/libexec/tassis", SLICE_ARG(prefix));
    if (!is_directory_with(daemons, "master")) { /* a build tree, unless that has none either */
        CLEANUP(buf_release) struct buf built = BUF_INIT;

        buf_printf(&built, "%.*s/libexec", SLICE_ARG(prefix));
        if (daemons->len == 0 || is_directory_with(&built, "master"))
            buf_set(daemons, buf_slice(&built));
    }
}

/*
 * Postfix 3.12 uses TLS by default from this level on. postconf -d shows the default of level
 * 0, which is empty.
 */
static void compute_tls_level(struct main_cf *main_cf)
{
    if (main_cf_level_is(main_cf, "3.11"))
        main_cf_set_computed(main_cf, "smtp_tls_security_level", "may");
}

void params_compute_process(struct main_cf *main_cf)
{
    CLEANUP(buf_release) struct buf commands = BUF_INIT;
    CLEANUP(buf_release) struct buf daemons = BUF_INIT;
    CLEANUP(buf_release) struct buf pid = BUF_INIT;

    installation_directories(&commands, &daemons);
    buf_printf(&pid, "%ld", (long)getpid());
    main_cf_set_computed(main_cf, "process_id", pid.data);
    main_cf_set_computed(main_cf, "process_name", program_invocation_short_name);
    main_cf_set_computed(main_cf, "command_directory", commands.data);
    main_cf_set_computed(main_cf, "daemon_directory", daemons.data);
    main_cf_set_computed(main_cf, "tassis_version", TASSIS_VERSION);
    compute_tls_level(main_cf);
}

int params_compute_host(struct main_cf *main_cf, struct error *error)
{
    CLEANUP(buf_release) struct buf host = BUF_INIT;
    CLEANUP(buf_release) struct buf domain = BUF_INIT;
    char name[HOST_NAME_MAX + 1];
    size_t dot;

    if (gethostname(name, sizeof name) < 0)
        return error_set(error, ERROR_TEMPORARY, "gethostname: %m");
    name[HOST_NAME_MAX] = '\0';
    main_cf_set_computed(main_cf, "mydomain", DEFAULT_DOMAIN);
    buf_add_text(&host, name);
    if (slice_find(buf_slice(&host), '.') == host.len) {
        main_cf_set_computed(main_cf, "myhostname", name); /* while mydomain may name it */
        if (main_cf_value(main_cf, "mydomain", &domain, error) < 0)
            return -1;
        buf_printf(&host, ".%s", domain.len > 0 ? domain.data : DEFAULT_DOMAIN);
    }
    main_cf_set_computed(main_cf, "myhostname", host.data);
    buf_reset(&host);
    if (main_cf_value(main_cf, "myhostname", &host, error) < 0)
        return -1;
    dot = slice_find(buf_slice(&host), '.');
    if (dot + 1 < host.len)
        main_cf_set_computed(main_cf, "mydomain", host.data + dot + 1);
    return 0;
}

int params_compute_networks(struct main_cf *main_cf, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf interfaces = BUF_INIT;
    CLEANUP(buf_release) struct buf style = BUF_INIT;
    CLEANUP(buf_release) struct buf inet_protocols = BUF_INIT;
    CLEANUP(buf_release) struct buf networks = BUF_INIT;
    struct own_addresses addresses;
    struct protocols protocols;

    if (main_cf_find(main_cf, SLICE("mynetworks")))
        return 0;
    if (main_cf_value(main_cf, "inet_interfaces", &interfaces, error) < 0 ||
        main_cf_value(main_cf, "inet_protocols", &inet_protocols, error) < 0 ||
        main_cf_value(main_cf, "mynetworks_style", &style, error) < 0 ||
        protocols_parse(&protocols, inet_protocols.data, error) < 0)
        return -1;
    if (own_addresses_find(&addresses, interfaces.data, protocols, &arena, error) < 0)
        return main_cf_context(main_cf, "inet_interfaces", error);
    if (own_networks(&networks, &addresses, style.data, error) < 0)
        return -1;
    main_cf_set_computed(main_cf, "mynetworks", networks.data);
    return 0;
}
