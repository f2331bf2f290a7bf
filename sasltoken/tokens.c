#include "tokens.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "co/co.h"

/* A token of that age is not better for being got anew; a trouble of that age not over. */
#define SETTLE_TIME SECONDS(10)

enum { TOKENS_MAX = 10000 };

struct token {
    struct buf text;    /* empty: the last attempt failed with `trouble` */
    int64_t fetched_ms; /* monotonic; 0: never */
    struct error trouble;
    bool is_under_way;
    unsigned n_users; /* coroutines that hold a pointer to this */
    struct co_queue waiters;
};

static struct hash tokens = {.key_case = HASH_EXACT};

static void token_free(struct token *token)
{
    buf_release(&token->text);
    mem_free(token);
}

void tokens_sweep(void)
{
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    while (hash_next(&tokens, &cursor, &key, &value)) {
        struct token *token = value;
        if (token->n_users > 0)
            continue;
        (void)hash_remove(&tokens, key);
        token_free(token);
    }
}

static struct token *find(const struct token_source *source,
                          const struct token_purpose *purpose)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;

    buf_printf(&key, "%s\n%.*s\n%.*s", source->name, SLICE_ARG(purpose->user),
               SLICE_ARG(purpose->host));
    struct token *token = hash_get(&tokens, buf_slice(&key));
    if (token)
        return token;
    if (tokens.n_entries >= TOKENS_MAX)
        tokens_sweep();
    token = mem_new(struct token);
    token->text = BUF_SECRET_INIT;
    hash_set(&tokens, buf_slice(&key), token);
    return token;
}

static bool is_good(const struct token *token, const struct token_source *source,
                    struct slice refused)
{
    int64_t age_ms = time_now_ms() - token->fetched_ms;

    if (token->fetched_ms == 0 || age_ms >= source->lifetime_ms)
        return false;
    if (age_ms < SETTLE_TIME)
        return true;
    return token->text.len > 0 && !slice_same(refused, buf_slice(&token->text));
}

static void fetch(struct token *token, const struct token_source *source,
                  const struct token_purpose *purpose)
{
    token->is_under_way = true;
    buf_release(&token->text);
    token->trouble = ERROR_INIT;
    if (token_fetch(source, purpose, &token->text, &token->trouble) < 0)
        buf_reset(&token->text);
    token->fetched_ms = time_now_ms();
    token->is_under_way = false;
    co_wake_all(&token->waiters);
}

static int answer(const struct token *token, struct buf *text, struct error *error)
{
    if (token->text.len == 0) {
        *error = token->trouble;
        return -1;
    }
    buf_set(text, buf_slice(&token->text));
    return 0;
}

int tokens_get(const struct token_source *source, const struct token_purpose *purpose,
               struct slice refused, struct buf *text, struct error *error)
{
    if (source->file) /* whoever writes it decides when it is new */
        return token_fetch(source, purpose, text, error);
    struct token *token = find(source, purpose);
    int result = 0;

    token->n_users++;
    if (token->is_under_way) {
        if (co_wait(&token->waiters, deadline_in(TOKEN_TIME_LIMIT_MAX)) != WAKE_READY)
            result = error_set(error, ERROR_TEMPORARY, "%s: no token in time", source->name);
    } else if (!is_good(token, source, refused)) {
        fetch(token, source, purpose);
    }
    if (result == 0)
        result = answer(token, text, error);
    token->n_users--;
    return result;
}
