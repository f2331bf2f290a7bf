#include "finger.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "conf/params.h"
#include "net/socket.h"
#include "net/stream.h"
#include "target.h"
#include "tls/dane.h"
#include "tls/handshake.h"

enum { LINE_MOST = 4096, REPLY_LINES_MOST = 200 };

/* A host that is being probed. */
struct probe {
    const struct finger *finger;
    const struct target_list *list;
    const struct target *target;
    enum tls_level level;
    struct dane dane;
    struct stream stream;
    struct buf name; /* "mx.example.com[192.0.2.1]:25" */
    bool offers_starttls;
    struct arena arena;
};

void finger_say(const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_print(text.data[i]) && (unsigned char)text.data[i] < 128)
            text.data[i] = '?';
    printf("posttls-finger: %s\n", text.data ? text.data : "");
}

/* -- SMTP
 * -------------------------------------------------------------------------------------------
 */

static void chat(const struct probe *probe, const char *direction, struct slice line)
{
    if (probe->finger->shows_chat)
        finger_say("%s %.*s", direction, SLICE_ARG(line));
}

/* The code of the reply, or -1; notes whether STARTTLS was offered. */
static int read_reply(struct probe *probe)
{
    for (int i = 0; i < REPLY_LINES_MOST; i++) {
        struct slice line;
        int64_t code;
        if (stream_read_line(&probe->stream, &line, LINE_MOST) != LINE_OK)
            return -1;
        line = slice_trim_right(line);
        chat(probe, "<", line);
        if (slice_equals_nocase(slice_from_offset(line, line.len > 4 ? 4 : line.len),
                                "STARTTLS"))
            probe->offers_starttls = true;
        if (line.len > 3 && line.ptr[3] == '-')
            continue;
        return slice_to_int(slice_sub(line, 0, 3), 100, 599, &code) ? (int)code : -1;
    }
    return -1;
}

static int command(struct probe *probe, const char *text)
{
    stream_set_deadline(&probe->stream, deadline_in(probe->finger->command_timeout));
    chat(probe, ">", slice_from(text));
    if (stream_printf(&probe->stream, "%s\r\n", text) < 0)
        return -1;
    return read_reply(probe);
}

static int hello(struct probe *probe)
{
    probe->offers_starttls = false;
    return command(probe, arena_printf(&probe->arena, "%s %s",
                                       probe->finger->is_lmtp ? "LHLO" : "EHLO",
                                       params.myhostname)) == 250
               ? 0
               : -1;
}

/* -- TLS
 * --------------------------------------------------------------------------------------------
 */

static void set_matches(struct probe *probe, struct tls_connect *connect)
{
    const struct finger *finger = probe->finger;
    size_t n_given = (size_t)finger->n_matches, n = 0;
    const char **matches = arena_array(&probe->arena, const char *, n_given + 3);

    for (size_t i = 0; i < n_given; i++)
        matches[n++] = finger->matches[i];
    if (tls_level_is_dane(probe->level))
        matches[n++] = arena_text(&probe->arena, probe->dane.base_domain);
    else if (n_given == 0 && probe->level == TLS_LEVEL_VERIFY)
        matches[n++] = arena_text(&probe->arena, probe->target->name);
    if (n_given == 0 && probe->level >= TLS_LEVEL_DANE && probe->level != TLS_LEVEL_VERIFY)
        matches[n++] = arena_text(&probe->arena, probe->list->domain);
    connect->matches = matches;
    connect->n_matches = n;
}

static void set_check(struct probe *probe, struct tls_connect *connect)
{
    struct tls_tlsa *tlsa =
        arena_array(&probe->arena, struct tls_tlsa, probe->dane.n_records + 1);

    set_matches(probe, connect);
    if (probe->level == TLS_LEVEL_FINGERPRINT)
        connect->check = TLS_CHECK_FINGERPRINTS;
    else if (tls_level_is_pkix(probe->level))
        connect->check = TLS_CHECK_NAMES;
    if (!tls_level_is_dane(probe->level))
        return;
    for (size_t i = 0; i < probe->dane.n_records; i++) {
        tlsa[i] = (struct tls_tlsa){.usage = probe->dane.records[i].usage,
                                    .selector = probe->dane.records[i].selector,
                                    .matching = probe->dane.records[i].matching,
                                    .data = probe->dane.records[i].data};
    }
    connect->check = TLS_CHECK_TLSA;
    connect->tlsa = tlsa;
    connect->n_tlsa = probe->dane.n_records;
    connect->server_name = arena_text(&probe->arena, probe->dane.base_domain);
}

/* Postfix names the side with some of the reasons. */
static bool has_side(const char *distrust)
{
    return slice_starts_with(slice_from(distrust), "num=") ||
           slice_starts_with(slice_from(distrust), "certificate has expired") ||
           slice_starts_with(slice_from(distrust), "certificate not yet valid");
}

static void tell_peer(const struct probe *probe, const struct tls_peer *peer)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    if (tls_level_must_match(probe->level) && peer->trust != TLS_VERIFIED && peer->distrust)
        finger_say("%scertificate verification failed for %s: %s",
                   has_side(peer->distrust) ? "server " : "", probe->name.data, peer->distrust);
    if (peer->fingerprint.len) {
        finger_say("%s: subject_CN=%.*s, issuer_CN=%.*s, fingerprint=%.*s, "
                   "pkey_fingerprint=%.*s",
                   probe->name.data, SLICE_ARG(peer->subject), SLICE_ARG(peer->issuer),
                   SLICE_ARG(peer->fingerprint), SLICE_ARG(peer->key_fingerprint));
    }
    tls_peer_summary(peer, "to", probe->name.data, &line);
    finger_say("%s", line.data);
}

static int start_tls(struct probe *probe, struct tls_context *context)
{
    const struct finger *finger = probe->finger;
    struct tls_connect connect = {.log = {.name = probe->name.data},
                                  .server_name = finger->server_name,
                                  .terms = {.protocols = finger->protocols,
                                            .cipher_grade = finger->grade,
                                            .exclude_ciphers = ""}};
    struct tls_peer peer;
    struct error error;

    set_check(probe, &connect);
    stream_set_deadline(&probe->stream, deadline_in(finger->command_timeout));
    if (tls_connect(&probe->stream, context, &connect, &probe->arena, &peer, &error) < 0)
        return -1;
    tell_peer(probe, &peer);
    return 0;
}

/* -- one host
 * --------------------------------------------------------------------------------------- */

static void tell_tlsa(const struct probe *probe)
{
    for (size_t i = 0; i < probe->dane.n_records; i++) {
        const struct tlsa *tlsa = &probe->dane.records[i];
        CLEANUP(buf_release) struct buf hex = BUF_INIT;
        for (size_t k = 0; k < tlsa->data.len; k++)
            buf_printf(&hex, "%s%02X", k ? ":" : "", (unsigned char)tlsa->data.ptr[k]);
        finger_say("using DANE RR: _%u._tcp.%.*s IN TLSA %u %u %u %s",
                   (unsigned)probe->list->port, SLICE_ARG(probe->dane.base_domain), tlsa->usage,
                   tlsa->selector, tlsa->matching, hex.data);
    }
}

/* What DANE makes of the level; -1: no probe of this host. */
static int find_dane(struct probe *probe)
{
    const struct target *target = probe->target;
    struct dane_host host = {.name = target->name,
                             .expanded = target->expanded,
                             .is_secure = target->is_secure,
                             .port = probe->list->port};
    enum tls_level wanted = probe->level;
    struct error error;

    if (dane_lookup(&host, probe->finger->forces_tlsa,
                    deadline_in(probe->finger->command_timeout), &probe->arena, &probe->dane,
                    &error) < 0) {
        finger_say("TLSA lookup error for %.*s:%u: %s", SLICE_ARG(target->name),
                   (unsigned)host.port, error.text);
        return -1;
    }
    tell_tlsa(probe);
    if (probe->dane.state == DANE_USABLE) {
        probe->level = target->has_mx && !target->mx_is_secure ? TLS_LEVEL_HALF_DANE : wanted;
        return 0;
    }
    probe->level = probe->dane.state == DANE_UNUSABLE ? TLS_LEVEL_ENCRYPT : TLS_LEVEL_MAY;
    if (wanted == TLS_LEVEL_DANE)
        return 0;
    finger_say("%.*s: %s", SLICE_ARG(target->name),
               probe->dane.state == DANE_UNUSABLE ? "TLSA records unusable"
                                                  : "no TLSA records found");
    return -1;
}

static int talk(struct probe *probe, struct tls_context *context)
{
    stream_set_deadline(&probe->stream, deadline_in(probe->finger->command_timeout));
    if (probe->finger->is_wrapped && start_tls(probe, context) < 0)
        return -1;
    if (read_reply(probe) != 220 || hello(probe) < 0)
        return -1;
    if (!probe->finger->is_wrapped && probe->level > TLS_LEVEL_NONE) {
        if (!probe->offers_starttls)
            finger_say("%s: STARTTLS was not offered", probe->name.data);
        else if (command(probe, "STARTTLS") != 220 || start_tls(probe, context) < 0 ||
                 hello(probe) < 0)
            return -1;
    }
    /* Whether it says goodbye is its own affair. */
    return command(probe, "QUIT") < 0 && probe->stream.state == STREAM_TIMEOUT ? -1 : 0;
}

static int probe_target(struct probe *probe, struct tls_context *context)
{
    const struct target *target = probe->target;
    char address[ENDPOINT_TEXT_BYTES];
    struct error error;
    int fd = socket_connect(&target->address, NULL, deadline_in(probe->finger->connect_timeout),
                            &error);

    buf_printf(&probe->name, "%.*s[%s]:%u", SLICE_ARG(target->name),
               endpoint_text(&target->address, address), (unsigned)probe->list->port);
    if (fd < 0) {
        finger_say("Failed to establish session to %s via %.*s: connect to %s: %s",
                   probe->finger->destination, SLICE_ARG(target->name), probe->name.data,
                   error.text);
        return -1;
    }
    stream_init(&probe->stream, fd);
    if (probe->finger->shows_chat)
        finger_say("Connected to %s", probe->name.data);
    probe->level = probe->finger->level;
    if (probe->level == TLS_LEVEL_DANE || probe->level == TLS_LEVEL_DANE_ONLY)
        return find_dane(probe) < 0 ? -1 : talk(probe, context);
    return talk(probe, context);
}

int finger_run(const struct finger *finger)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct tls_settings settings = {.role = TLS_CLIENT,
                                    .ca_file = finger->ca_file,
                                    .ca_path = finger->ca_path,
                                    .verify_depth = 9,
                                    .terms = {.protocols = finger->protocols,
                                              .cipher_grade = finger->grade,
                                              .exclude_ciphers = ""},
                                    .fingerprint_digest = finger->digest};
    struct target_list list;
    struct error error = ERROR_INIT;
    int result = 1;
    struct tls_context *context = tls_context_new(&settings, &error);

    if (!context || targets_find(finger, &list, &arena, &error) < 0) {
        finger_say("Failed to establish session to %s: %s", finger->destination, error.text);
        tls_context_free(context);
        return 1;
    }
    for (size_t i = 0; i < list.count && result != 0; i++) {
        struct probe probe = {.finger = finger, .list = &list, .target = &list.items[i]};
        buf_init(&probe.name);
        probe.stream.fd = -1;
        result = probe_target(&probe, context) < 0;
        stream_release(&probe.stream);
        buf_release(&probe.name);
        arena_release(&probe.arena);
    }
    tls_context_free(context);
    return result;
}
