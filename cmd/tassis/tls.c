#include "tls.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/edit.h"
#include "conf/params.h"
#include "tls_pair.h"

/* What the sub-commands have on their command lines. */
struct request {
    const char *random_source, *size, *host, *key_file;
    enum pair_algorithm algorithm;
    char **words; /* hosts or files, NULL-terminated */
    struct arena arena;
};

/* A key and its certificate, in files of the configuration directory. */
struct pair {
    enum pair_algorithm algorithm;
    const char *key_path, *certificate_path;
};

/* For main.cf: "name=value". */
struct settings {
    const char *items[8];
    size_t n;
};

static const char *const algorithm_names[] = {[PAIR_RSA] = "rsa", [PAIR_ECDSA] = "ecdsa"};

static int fail(const struct error *error)
{
    log_error("%s", error->text);
    return 1;
}

/* -- main.cf
 * -------------------------------------------------------------------------------- */

/* Does main.cf turn something on that is off otherwise? The default may be to have TLS. */
static bool is_any_set(const char *const names[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct main_cf_entry *entry = main_cf_find(conf_main_cf(), slice_from(names[i]));
        if (entry && *entry->value && strcmp(entry->value, "no") != 0)
            return true;
    }
    return false;
}

static bool is_client_untouched(void)
{
    static const char *const names[] = {"smtp_use_tls", "smtp_enforce_tls",
                                        "smtp_tls_security_level"};

    return !is_any_set(names, ARRAY_SIZE(names));
}

static bool is_server_untouched(void)
{
    static const char *const names[] = {
        "smtpd_use_tls",        "smtpd_enforce_tls",     "smtpd_tls_security_level",
        "smtpd_tls_cert_file",  "smtpd_tls_eccert_file", "smtpd_tls_dcert_file",
        "smtpd_tls_chain_files"};

    return !is_any_set(names, ARRAY_SIZE(names));
}

static void add_setting(struct settings *settings, const char *setting)
{
    settings->items[settings->n++] = setting;
}

static void add_random_source(struct settings *settings, struct request *request)
{
    if (request->random_source)
        add_setting(settings, arena_printf(&request->arena, "tls_random_source=%s",
                                           request->random_source));
}

static int change_main_cf(const struct settings *settings)
{
    struct error error;

    if (main_cf_edit(params.config_directory, settings->items, settings->n, &error) < 0)
        return fail(&error);
    return 0;
}

/* What would have been set in a main.cf without TLS; the exit status. */
static int leave_unchanged(const struct settings *settings, const char *which)
{
    log_info("main.cf has TLS settings for the SMTP %s: nothing was changed. Usual are:",
             which);
    for (size_t i = 0; i < settings->n; i++)
        log_info("  %s", settings->items[i]);
    return 0;
}

/* -- files
 * ---------------------------------------------------------------------------------- */

/* As main.cf would name it: relative to the configuration directory. */
static const char *full_path(struct arena *arena, const char *path)
{
    if (*path == '/')
        return path;
    return arena_printf(arena, "%s/%s", params.config_directory, path);
}

static int write_new(const char *path, const struct buf *text, mode_t mode, struct error *error)
{
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "create %s: %m", path);
    if (fd_write_all(fd, text->data, text->len) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0) {
        error_set(error, ERROR_TEMPORARY, "write %s: %m", path);
        (void)unlink(path);
        return -1;
    }
    return 0;
}

/* "key-20261122-124658.pem", "eccert-20261122-124658.pem" */
static void name_pair(struct pair *pair, struct arena *arena)
{
    const char *prefix = pair->algorithm == PAIR_ECDSA ? "ec" : "";
    char stamp[sizeof("20261122-124658")];
    time_t now = time(NULL);
    struct tm utc;

    if (!gmtime_r(&now, &utc) || strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &utc) == 0)
        stamp[0] = '\0';
    pair->key_path =
        arena_printf(arena, "%s/%skey-%s.pem", params.config_directory, prefix, stamp);
    pair->certificate_path =
        arena_printf(arena, "%s/%scert-%s.pem", params.config_directory, prefix, stamp);
}

static int write_pair(const struct pair *pair, EVP_PKEY *key, char *const hosts[],
                      struct error *error)
{
    CLEANUP(buf_release) struct buf key_text = BUF_SECRET_INIT;
    CLEANUP(buf_release) struct buf certificate = BUF_INIT;

    if (pair_key_write(key, &key_text, error) < 0 ||
        pair_certificate(key, hosts, &certificate, error) < 0 ||
        write_new(pair->key_path, &key_text, 0600, error) < 0)
        return -1;
    if (write_new(pair->certificate_path, &certificate, 0644, error) == 0)
        return 0;
    (void)unlink(pair->key_path);
    return -1;
}

/* What main.cf has as the key of that algorithm, "" for none. */
static const char *deployed_key(enum pair_algorithm algorithm)
{
    const char *path =
        algorithm == PAIR_RSA ? params.smtpd_tls_key_file : params.smtpd_tls_eckey_file;

    return strcmp(path, "none") == 0 ? "" : path;
}

static char *const *hosts_of(struct request *request)
{
    if (request->words[0])
        return request->words;
    char **hosts = arena_array(&request->arena, char *, 2);
    hosts[0] = arena_text(&request->arena, slice_from(params.myhostname));
    return hosts;
}

/* A new certificate, with a new key or a copy of the one in use. */
static int make_pair(struct request *request, const char *old_key, struct pair *pair,
                     struct error *error)
{
    CLEANUP(pair_key_free)
    EVP_PKEY *key = *old_key ? pair_key_read(full_path(&request->arena, old_key), error)
                             : pair_key_make(request->algorithm, request->size, error);

    if (!key)
        return -1;
    pair->algorithm = pair_algorithm_of(key);
    name_pair(pair, &request->arena);
    return write_pair(pair, key, hosts_of(request), error);
}

/* -- sub-commands
 * --------------------------------------------------------------------------- */

static void tell_what_else(const struct pair *pair)
{
    log_info("For a request to a certificate authority:");
    log_info("  # tassis tls output-server-csr -k %s [hostname...]", pair->key_path);
    log_info("For DNS records of the key (DANE), which must be there before it is in use:");
    log_info("  # tassis tls output-server-tlsa [-h hostname] %s", pair->key_path);
}

static void add_pair(struct settings *settings, const struct pair *pair, struct arena *arena)
{
    const char *kind = pair->algorithm == PAIR_ECDSA ? "ec" : "";

    add_setting(settings,
                arena_printf(arena, "smtpd_tls_%scert_file=%s", kind, pair->certificate_path));
    add_setting(settings, arena_printf(arena, "smtpd_tls_%skey_file=%s", kind, pair->key_path));
}

static int all_default_client(struct request *request)
{
    (void)request;
    return !is_client_untouched();
}

static int all_default_server(struct request *request)
{
    (void)request;
    return !is_server_untouched();
}

static int enable_client(struct request *request)
{
    struct settings settings = {.n = 0};

    add_setting(&settings, "smtp_tls_security_level=may");
    add_setting(&settings, "smtp_tls_loglevel=1");
    add_setting(&settings, arena_printf(&request->arena,
                                        "smtp_tls_session_cache_database=lmdb:%s/smtp_scache",
                                        params.data_directory));
    add_random_source(&settings, request);
    if (!is_client_untouched())
        return leave_unchanged(&settings, "client");
    if (change_main_cf(&settings) != 0)
        return 1;
    log_info("The SMTP client uses TLS where servers offer it, after: tassis reload");
    return 0;
}

static int enable_server(struct request *request)
{
    struct settings settings = {.n = 0};
    struct pair pair;
    struct error error;

    add_setting(&settings, "smtpd_tls_security_level=may");
    add_setting(&settings, "smtpd_tls_loglevel=1");
    add_setting(&settings, "smtpd_tls_received_header=yes");
    add_random_source(&settings, request);
    if (!is_server_untouched()) {
        (void)leave_unchanged(&settings, "server");
        log_info("\"tassis tls new-server-cert\" makes a new certificate, "
                 "\"tassis tls new-server-key\" a new key, too");
        return 0;
    }
    if (make_pair(request, "", &pair, &error) < 0)
        return fail(&error);
    add_pair(&settings, &pair, &request->arena);
    if (change_main_cf(&settings) != 0)
        return 1;
    log_info(
        "The SMTP server offers TLS, with a new key and certificate, after: tassis reload");
    tell_what_else(&pair);
    return 0;
}

static int make_and_tell(struct request *request, const char *old_key)
{
    struct pair pair;
    struct error error;

    if (make_pair(request, old_key, &pair, &error) < 0)
        return fail(&error);
    log_info("%s and a self-signed certificate have been made. To use them:",
             *old_key ? "A copy of the key" : "A key");
    log_info("  # tassis tls deploy-server-cert %s %s", pair.certificate_path, pair.key_path);
    tell_what_else(&pair);
    return 0;
}

static int new_server_key(struct request *request)
{
    return make_and_tell(request, "");
}

static int new_server_cert(struct request *request)
{
    return make_and_tell(request, deployed_key(request->algorithm));
}

static int deploy_server_cert(struct request *request)
{
    struct pair pair = {.algorithm = PAIR_UNKNOWN};
    struct settings settings = {.n = 0};
    struct error error;

    if (!request->words[0] || !request->words[1] || request->words[2]) {
        log_error("usage: tassis tls deploy-server-cert certfile keyfile");
        return 1;
    }
    pair.certificate_path = full_path(&request->arena, request->words[0]);
    pair.key_path = full_path(&request->arena, request->words[1]);
    CLEANUP(pair_key_free) EVP_PKEY *key = pair_key_read(pair.key_path, &error);

    if (!key || pair_check(pair.certificate_path, key, &error) < 0)
        return fail(&error);
    pair.algorithm = pair_algorithm_of(key);
    if (pair.algorithm == PAIR_UNKNOWN) {
        log_error("%s: a key that is neither RSA nor ECDSA", pair.key_path);
        return 1;
    }
    add_pair(&settings, &pair, &request->arena);
    if (change_main_cf(&settings) != 0)
        return 1;
    log_info("The SMTP server uses the certificate after: tassis reload");
    return 0;
}

/* A file, or the algorithm of a key that main.cf has; NULL after saying that it has none. */
static const char *find_key(struct request *request, const char *name)
{
    enum pair_algorithm algorithm = pair_algorithm_parse(name);

    if (algorithm == PAIR_UNKNOWN)
        return full_path(&request->arena, name);
    if (*deployed_key(algorithm))
        return full_path(&request->arena, deployed_key(algorithm));
    log_error("main.cf has no %s key", name);
    return NULL;
}

static int output_server_csr(struct request *request)
{
    CLEANUP(buf_release) struct buf pem = BUF_INIT;
    const char *path = find_key(request, request->key_file ? request->key_file : "rsa");
    struct error error;

    if (!path)
        return 1;
    CLEANUP(pair_key_free) EVP_PKEY *key = pair_key_read(path, &error);

    if (!key || pair_request(key, hosts_of(request), &pem, &error) < 0)
        return fail(&error);
    return fputs(pem.data, stdout) < 0 || fflush(stdout) != 0;
}

static int output_tlsa(struct request *request, const char *path)
{
    CLEANUP(buf_release) struct buf digest = BUF_INIT;
    const char *host = request->host ? request->host : params.myhostname;
    struct error error;
    CLEANUP(pair_key_free) EVP_PKEY *key = pair_key_read(path, &error);

    if (!key || pair_digest(key, &digest, &error) < 0)
        return fail(&error);
    return printf("; %s\n_25._tcp.%s. IN TLSA 3 1 1 %s\n", path, host, digest.data) < 0;
}

/* Without words: all that main.cf has. */
static int output_server_tlsa(struct request *request)
{
    int status = 0;
    size_t n = 0;

    for (size_t i = 0; request->words[i]; i++, n++) {
        const char *path = find_key(request, request->words[i]);
        status |= path ? output_tlsa(request, path) : 1;
    }
    for (int a = PAIR_RSA; a <= PAIR_ECDSA && !request->words[0]; a++) {
        const char *path = deployed_key((enum pair_algorithm)a);
        if (*path) {
            status |= output_tlsa(request, full_path(&request->arena, path));
            n++;
        }
    }
    if (n == 0)
        log_error("main.cf has neither an rsa nor an ecdsa key");
    return n == 0 || status != 0 || fflush(stdout) != 0;
}

/* -- the command line
 * ----------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*run)(struct request *request);
    const char *options;
} commands[] = {
    {"enable-client", enable_client, "+r:"},
    {"enable-server", enable_server, "+r:a:b:"},
    {"new-server-key", new_server_key, "+a:b:"},
    {"new-server-cert", new_server_cert, "+a:b:"},
    {"deploy-server-cert", deploy_server_cert, "+"},
    {"output-server-csr", output_server_csr, "+k:"},
    {"output-server-tlsa", output_server_tlsa, "+h:"},
    {"all-default-client", all_default_client, "+"},
    {"all-default-server", all_default_server, "+"},
};

static int usage(void)
{
    log_error("usage: tassis tls enable-client (or enable-server, new-server-key, "
              "new-server-cert, deploy-server-cert, output-server-csr, output-server-tlsa, "
              "all-default-client, all-default-server)");
    return 1;
}

static int take_option(struct request *request, int option)
{
    switch (option) {
    case 'r':
        request->random_source = optarg;
        return 0;
    case 'b':
        request->size = optarg;
        return 0;
    case 'h':
        request->host = optarg;
        return 0;
    case 'k':
        request->key_file = optarg;
        return 0;
    case 'a':
        request->algorithm = pair_algorithm_parse(optarg);
        if (request->algorithm != PAIR_UNKNOWN)
            return 0;
        log_error("%s: unsupported public key algorithm: expected %s or %s", optarg,
                  algorithm_names[PAIR_RSA], algorithm_names[PAIR_ECDSA]);
        return -1;
    default:
        (void)usage();
        return -1;
    }
}

int tls_command(int argc, char **argv)
{
    struct request request = {.algorithm = PAIR_RSA, .arena = ARENA_INIT};
    int option;

    for (size_t i = 0; i < ARRAY_SIZE(commands) && argc > 1; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        optind = 1; /* a command line of its own, "tls" left off */
        while ((option = getopt(argc - 1, argv + 1, commands[i].options)) != -1)
            if (take_option(&request, option) < 0)
                return 1;
        request.words = argv + 1 + optind;
        int status = commands[i].run(&request);

        arena_release(&request.arena);
        return status;
    }
    if (argc > 1)
        log_error("unknown tls command: '%s'", argv[1]);
    return usage();
}
