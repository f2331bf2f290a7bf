#include "requiretls.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "conf/words.h"
#include "options.h"
#include "table/maps.h"
#include "tls_message.h"
#include "tls_options.h"
#include "tls_session.h"

enum { STEPS_MAX = 32 };

/* A word of the list: a table to ask, or what holds for all the rest. */
static struct step_of_list {
    struct maps *maps;
    enum requiretls policy;
} steps[STEPS_MAX];

static size_t n_steps;

static bool policy_by_name(struct slice name, enum requiretls *policy)
{
    static const struct {
        const char *name;
        enum requiretls policy;
    } names[] = {
        {"disable", REQUIRETLS_NOT_ASKED},
        {"opportunistic", REQUIRETLS_OPPORTUNISTIC},
        {"opportunistic+starttls", REQUIRETLS_STARTTLS},
        {"enforce", REQUIRETLS_ENFORCE},
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (slice_equals_nocase(name, names[i].name)) {
            *policy = names[i].policy;
            return true;
        }
    }
    return false;
}

void requiretls_open(void)
{
    struct slice rest = slice_from(options.is_lmtp ? params.lmtp_requiretls_policy
                                                   : params.smtp_requiretls_policy);
    const char *title = tls_option_name("requiretls_policy");
    struct slice word;

    for (n_steps = 0; n_steps < STEPS_MAX && words_next(&rest, WORDS_COMMA_SPACE, &word);
         n_steps++) {
        CLEANUP(mem_free_text) char *text = slice_dup(word);
        struct error error = ERROR_INIT;

        steps[n_steps].policy = REQUIRETLS_ENFORCE;
        if (slice_find(word, ':') < word.len)
            steps[n_steps].maps = maps_open(title, text, &error);
        else if (!policy_by_name(word, &steps[n_steps].policy))
            log_warning("%s: unknown policy \"%s\", taken for \"enforce\"", title, text);
        if (error.kind != ERROR_NONE)
            log_error("%s", error.text);
    }
}

/* The next hop's domain, and as ".example.com" those above it. False: the table has neither. */
static bool ask_table(struct maps *maps, struct slice domain, enum requiretls *policy)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct slice key = domain;
    struct error error;

    *policy = REQUIRETLS_ENFORCE;
    for (;;) {
        switch (maps_find(maps, key, &value, &error)) {
        case TABLE_FOUND:
            if (!policy_by_name(buf_slice(&value), policy))
                log_warning("%s: unknown policy \"%s\" for \"%.*s\"",
                            tls_option_name("requiretls_policy"), value.data, SLICE_ARG(key));
            return true;
        case TABLE_ERROR:
            log_warning("%s: %s", tls_option_name("requiretls_policy"), error.text);
            return true;
        case TABLE_NOT_FOUND:
            break;
        }
        size_t dot = slice_find(slice_from_offset(key, 1), '.') + 1;
        if (dot >= key.len)
            return false;
        key = slice_from_offset(key, dot);
    }
}

enum requiretls requiretls_find(const struct delivery *delivery, struct slice nexthop)
{
    struct slice domain = tls_nexthop_domain(nexthop);
    enum requiretls policy;

    if (tls_wish_of(delivery) != TLS_WISH_REQUIRED)
        return REQUIRETLS_NOT_ASKED;
    for (size_t i = 0; i < n_steps; i++) {
        if (!steps[i].maps)
            return steps[i].policy;
        if (domain.len > 0 && ask_table(steps[i].maps, domain, &policy))
            return policy;
    }
    return REQUIRETLS_ENFORCE;
}

/* The server is the right one, and that this is the right host was not learned in the open. */
static bool is_verified(const struct session_tls *tls)
{
    return tls->is_active && tls_level_must_match(tls->level) &&
           tls->level != TLS_LEVEL_HALF_DANE && tls->peer.trust == TLS_VERIFIED;
}

const char *requiretls_refusal(enum requiretls wanted, const struct session *session,
                               struct arena *arena, const char **status)
{
    if (wanted >= REQUIRETLS_STARTTLS && !session->tls.is_active) {
        *status = "5.7.10";
        return arena_printf(arena, "REQUIRETLS: TLS is required, but was not used with host %s",
                            session->label.data);
    }
    if (wanted < REQUIRETLS_ENFORCE)
        return NULL;
    *status = "5.7.30";
    if (!is_verified(&session->tls))
        return arena_printf(arena,
                            "REQUIRETLS: the certificate of host %s is not matched securely",
                            session->label.data);
    if (!(session->features & FEATURE_REQUIRETLS))
        return arena_printf(arena, "REQUIRETLS is required, but was not offered by host %s",
                            session->label.data);
    return NULL;
}

const char *requiretls_status(enum requiretls wanted, const struct session *session)
{
    if (wanted == REQUIRETLS_NOT_ASKED)
        return "";
    if (!session)
        return "/requiretls?";
    if (!session->tls.is_active)
        return wanted >= REQUIRETLS_STARTTLS ? "/!requiretls" : "/requiretls:nostarttls";
    if (!is_verified(&session->tls))
        return wanted == REQUIRETLS_ENFORCE ? "/!requiretls" : "/requiretls:nocertmatch";
    if (!(session->features & FEATURE_REQUIRETLS))
        return wanted == REQUIRETLS_ENFORCE ? "/!requiretls" : "/requiretls:none";
    return "/requiretls";
}
