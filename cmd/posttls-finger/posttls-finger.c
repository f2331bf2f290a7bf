/*
 * posttls-finger: look at the TLS of a mail server as the SMTP client would see it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "co/co.h"
#include "conf/conf.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "finger.h"
#include "tls/dane.h"

static struct finger finger = {
    .level = TLS_LEVEL_DANE,
    .shows_chat = true,
    .family = AF_UNSPEC,
    .digest = "sha256",
    .grade = "medium",
    .protocols = "",
    .connect_timeout = SECONDS(30),
    .command_timeout = SECONDS(30),
};

static void usage(void)
{
    fatal(EX_USAGE,
          "usage: posttls-finger [-cfSvw] [-a family] [-d digest] [-F CAfile] [-g grade] "
          "[-l level] [-P CApath] [-p protocols] [-s servername] [-T command_timeout] "
          "[-t connect_timeout] [[-o name=value] ...] destination [match ...]");
}

static int family_of(const char *name)
{
    if (strcmp(name, "inet") == 0 || strcmp(name, "ipv4") == 0)
        return AF_INET;
    if (strcmp(name, "inet6") == 0 || strcmp(name, "ipv6") == 0)
        return AF_INET6;
    if (strcmp(name, "any") != 0)
        fatal(EX_USAGE, "bad '-a' option value: %s", name);
    return AF_UNSPEC;
}

static int64_t seconds_of(char option, const char *text)
{
    int64_t seconds;

    if (!slice_to_int(slice_from(text), 1, 3600, &seconds))
        fatal(EX_USAGE, "bad '-%c' option value: %s", option, text);
    return SECONDS(seconds);
}

/* The options that hold text. */
static bool take_text(int option)
{
    switch (option) {
    case 'd':
        finger.digest = optarg;
        return true;
    case 'F':
        finger.ca_file = optarg;
        return true;
    case 'g':
        finger.grade = optarg;
        return true;
    case 'P':
        finger.ca_path = optarg;
        return true;
    case 'p':
        finger.protocols = optarg;
        return true;
    case 's':
        finger.server_name = optarg;
        return true;
    default:
        return false;
    }
}

static void take(int option)
{
    switch (option) {
    case 'a':
        finger.family = family_of(optarg);
        break;
    case 'c':
        finger.shows_chat = false;
        break;
    case 'f':
        finger.forces_tlsa = true;
        break;
    case 'l':
        finger.level = tls_level_parse(slice_from(optarg));
        if (finger.level == TLS_LEVEL_INVALID)
            fatal(EX_USAGE, "bad '-l' option value: %s", optarg);
        break;
    case 'S':
        finger.is_lmtp = true;
        break;
    case 'T':
    case 't':
        *(option == 'T' ? &finger.command_timeout : &finger.connect_timeout) =
            seconds_of((char)option, optarg);
        break;
    case 'v':
        log_verbosity++;
        break;
    case 'w':
        finger.is_wrapped = true;
        break;
    default:
        if (!take_text(option))
            usage();
        break;
    }
}

/* Sockets to name servers stay watched, so the loop would not end by itself. */
static void run(void *arg)
{
    (void)arg;
    exit(finger_run(&finger));
}

int main(int argc, char **argv)
{
    const char *overrides[32];
    struct conf_request configuration = {.trust = CONF_TRUST_CALLER, .overrides = overrides};
    struct log_target terminal = {.sink = LOG_SINK_STDERR};
    struct error error;
    int option;

    log_open("posttls-finger", &terminal);
    while ((option = getopt(argc, argv, "+a:cd:fF:g:l:o:P:p:s:St:T:vw")) != -1) {
        if (option != 'o')
            take(option);
        else if (configuration.n_overrides < ARRAY_SIZE(overrides))
            overrides[configuration.n_overrides++] = optarg;
        else
            fatal(EX_USAGE, "too many '-o' options");
    }
    if (optind >= argc)
        usage();
    finger.destination = argv[optind];
    finger.matches = &argv[optind + 1];
    finger.n_matches = argc - optind - 1;
    if (conf_load(&configuration, &error) < 0 || dns_open(&error) < 0 ||
        dane_set_digests(params.tls_dane_digests, &error) < 0)
        fatal(EX_CONFIG, "%s", error.text);
    if (!co_spawn("probe", run, NULL))
        fatal(EX_OSERR, "no memory");
    co_run();
    return EX_SOFTWARE;
}
