#include "tls/dane.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "dns/dns.h"

enum { MATCH_ALL, MATCH_SHA256, MATCH_SHA512, N_MATCHING };

/* Position in tls_dane_digests, the best has the highest; 0: not believed. */
static int rank[N_MATCHING] = {[MATCH_SHA256] = 1, [MATCH_SHA512] = 2};

int dane_set_digests(const char *names, struct error *error)
{
    struct slice rest = slice_from(names), word;
    int chosen[N_MATCHING] = {0}, next = N_MATCHING;

    while ((word = slice_word(&rest, ", \t\r\n:")).ptr) {
        /* "name=number" tells the number in TLSA records; those of these two are fixed. */
        struct slice name = slice_split(&word, '=');
        int matching = slice_equals_nocase(name, "sha256")   ? MATCH_SHA256
                       : slice_equals_nocase(name, "sha512") ? MATCH_SHA512
                                                             : MATCH_ALL;
        if (matching == MATCH_ALL)
            return error_set(error, ERROR_PERMANENT, "unknown digest: \"%.*s\"",
                             SLICE_ARG(name));
        if (!chosen[matching])
            chosen[matching] = --next;
    }
    rank[MATCH_SHA256] = chosen[MATCH_SHA256];
    rank[MATCH_SHA512] = chosen[MATCH_SHA512];
    return 0;
}

/* -- which records can be used
 * ---------------------------------------------------------------------- */

/* Nothing but one whole certificate or key. */
static bool is_whole(struct slice data, uint8_t selector)
{
    const unsigned char *at = (const unsigned char *)data.ptr;
    bool is_parsed;

    if (selector == 0) {
        X509 *certificate = d2i_X509(NULL, &at, (long)data.len);
        is_parsed = certificate != NULL;
        X509_free(certificate);
    } else {
        EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)data.len);
        is_parsed = key != NULL;
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
    return is_parsed && at == (const unsigned char *)data.ptr + data.len;
}

static bool parse(struct slice wire, struct tlsa *tlsa)
{
    if (wire.len < 4)
        return false;
    *tlsa = (struct tlsa){.usage = (uint8_t)wire.ptr[0],
                          .selector = (uint8_t)wire.ptr[1],
                          .matching = (uint8_t)wire.ptr[2],
                          .data = slice_from_offset(wire, 3)};
    if ((tlsa->usage != TLSA_TRUST_ANCHOR && tlsa->usage != TLSA_END_ENTITY) ||
        tlsa->selector > 1)
        return false;
    switch (tlsa->matching) {
    case MATCH_ALL:
        return is_whole(tlsa->data, tlsa->selector);
    case MATCH_SHA256:
        return tlsa->data.len == 32 && rank[MATCH_SHA256];
    case MATCH_SHA512:
        return tlsa->data.len == 64 && rank[MATCH_SHA512];
    default:
        return false;
    }
}

/* There is a better digest for the same usage and selector. */
static bool is_outranked(const struct dane *dane, const struct tlsa *tlsa)
{
    for (size_t i = 0; i < dane->n_records && tlsa->matching != MATCH_ALL; i++) {
        const struct tlsa *other = &dane->records[i];
        if (other->usage == tlsa->usage && other->selector == tlsa->selector &&
            rank[other->matching] > rank[tlsa->matching])
            return true;
    }
    return false;
}

void dane_choose(struct dane *dane, const struct slice *data, size_t n, struct arena *arena)
{
    size_t kept = 0;

    dane->records = arena_array(arena, struct tlsa, n + 1);
    dane->n_records = 0;
    for (size_t i = 0; i < n; i++) {
        struct tlsa *tlsa = &dane->records[dane->n_records];
        if (!parse(data[i], tlsa))
            continue;
        tlsa->data = arena_slice(arena, tlsa->data);
        dane->n_records++;
    }
    /* The best of each kind stays, so what is looked at is never overwritten by a worse one. */
    for (size_t i = 0; i < dane->n_records; i++)
        if (!is_outranked(dane, &dane->records[i]))
            dane->records[kept++] = dane->records[i];
    dane->n_records = kept;
    dane->state = kept > 0 ? DANE_USABLE : n > 0 ? DANE_UNUSABLE : DANE_NOT_FOUND;
}

/* -- look-up
 * ---------------------------------------------------------------------------------------- */

struct search {
    deadline_t until;
    struct arena *arena;
    struct dane *dane;
    struct error *error;
};

/* The TLSA records below a base domain; state stays NOT_FOUND without any that are validated.
 */
static int search_base(struct search *search, struct slice base, uint16_t port)
{
    struct slice name = slice_from(
        arena_printf(search->arena, "_%u._tcp.%.*s", (unsigned)port, SLICE_ARG(base)));
    struct dns_answer answer;
    enum dns_result result =
        dns_lookup(name, DNS_TLSA, search->until, search->arena, &answer, search->error);

    if (dns_result_is_failure(result))
        return -1;
    if (result != DNS_OK || !answer.is_validated)
        return 0;
    struct slice *data = arena_array(search->arena, struct slice, answer.n_records);
    for (size_t i = 0; i < answer.n_records; i++)
        data[i] = answer.records[i].data;
    dane_choose(search->dane, data, answer.n_records, search->arena);
    search->dane->base_domain = base;
    return 0;
}

/* Is the name itself in a signed zone, where its addresses are not? */
static int is_alias_secure(struct search *search, struct slice name, bool *is_secure)
{
    struct dns_answer answer;
    enum dns_result result =
        dns_lookup(name, DNS_CNAME, search->until, search->arena, &answer, search->error);

    if (dns_result_is_failure(result))
        return -1;
    *is_secure = result == DNS_OK && answer.is_validated;
    return 0;
}

int dane_lookup(const struct dane_host *host, bool force, deadline_t until, struct arena *arena,
                struct dane *dane, struct error *error)
{
    struct search search = {.until = until, .arena = arena, .dane = dane, .error = error};
    bool is_alias = !slice_same_nocase(host->name, host->expanded);
    bool is_name_secure = host->is_secure || force;

    *dane = (struct dane){.state = DANE_NOT_FOUND};
    if (host->is_secure && is_alias &&
        (search_base(&search, host->expanded, host->port) < 0 || dane->state != DANE_NOT_FOUND))
        return dane->state == DANE_NOT_FOUND ? -1 : 0;
    if (!is_name_secure && is_alias &&
        is_alias_secure(&search, host->name, &is_name_secure) < 0)
        return -1;
    return is_name_secure ? search_base(&search, host->name, host->port) : 0;
}
