#include "login_cache.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "table/cache.h"

/* A reply is no longer than what a session keeps of one; more would be of no use to anybody. */
#define REPLY_MAX_BYTES 1000

enum { SALT_BYTES = 8, DIGEST_BYTES = 32 };

static struct cache *cache;
static int64_t valid_seconds;

void login_refusal_release(struct login_refusal *refusal)
{
    buf_release(&refusal->reply);
}

void login_cache_open(const char *name, int64_t time_ms)
{
    struct error error;

    if (!*name)
        return;
    valid_seconds = time_ms / SECONDS(1);
    cache = cache_open(name, &error);
    if (!cache)
        log_error("smtp_sasl_auth_cache_name: %s", error.text);
}

static void make_key(const struct login_attempt *attempt, struct buf *key)
{
    buf_printf(key, "%.*s;%.*s", SLICE_ARG(attempt->host), SLICE_ARG(attempt->user));
}

static void add_hex(struct buf *text, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf_printf(text, "%02x", bytes[i]);
}

/* Append the hash, in hex, of the salt (hex, too) and the password. False: no memory. */
static bool add_digest(struct buf *text, struct slice salt, struct slice password)
{
    unsigned char digest[DIGEST_BYTES];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(context, salt.ptr, salt.len) == 1 &&
                   EVP_DigestUpdate(context, password.ptr, password.len) == 1 &&
                   EVP_DigestFinal_ex(context, digest, NULL) == 1;

    EVP_MD_CTX_free(context);
    if (is_done)
        add_hex(text, digest, sizeof(digest));
    return is_done;
}

/* Four fields "seconds;salt;hash;status" and, up to the end, the reply. */
static bool is_same_refusal(struct slice value, struct slice password,
                            struct login_refusal *refusal)
{
    CLEANUP(buf_release) struct buf digest = BUF_INIT;
    struct slice seconds = slice_split(&value, ';');
    struct slice salt = slice_split(&value, ';');
    struct slice hash = slice_split(&value, ';');
    struct slice status = slice_split(&value, ';'), rest;
    int64_t since;

    if (!slice_to_int(seconds, 0, INT64_MAX / 2, &since) ||
        since + valid_seconds < time_wall_seconds() ||
        !dsn_status_parse(status, refusal->status, &rest) ||
        !add_digest(&digest, salt, password) || hash.len != digest.len ||
        CRYPTO_memcmp(hash.ptr, digest.data, hash.len) != 0)
        return false;
    buf_set(&refusal->reply, value);
    return true;
}

bool login_cache_find(const struct login_attempt *attempt, struct login_refusal *refusal)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    if (!cache)
        return false;
    make_key(attempt, &key);
    switch (cache_find(cache, buf_slice(&key), &value, &error)) {
    case TABLE_FOUND:
        break;
    case TABLE_NOT_FOUND:
        return false;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        return false;
    }
    if (is_same_refusal(buf_slice(&value), attempt->password, refusal))
        return true;
    cache_remove(cache, buf_slice(&key)); /* another password, or too old */
    return false;
}

void login_cache_add(const struct login_attempt *attempt, const char *status,
                     struct slice reply)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    CLEANUP(buf_release) struct buf salt = BUF_INIT;
    unsigned char random[SALT_BYTES];

    if (!cache || RAND_bytes(random, sizeof(random)) != 1)
        return;
    make_key(attempt, &key);
    add_hex(&salt, random, sizeof(random));
    buf_printf(&value, "%lld;%s;", (long long)time_wall_seconds(), salt.data);
    if (!add_digest(&value, buf_slice(&salt), attempt->password))
        return;
    buf_printf(&value, ";%s;%.*s", status, SLICE_ARG(slice_sub(reply, 0, REPLY_MAX_BYTES)));
    cache_set(cache, buf_slice(&key), buf_slice(&value));
}
