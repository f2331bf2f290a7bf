#include "sets.h"

#include <openssl/sha.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "co/co.h"
#include "conf/words.h"
#include "faults.h"
#include "keys.h"
#include "reader.h"

#define LOOK_INTERVAL SECONDS(1)
#define SETS_MAX      20000
#define FILES_MAX     64

struct set {
    struct key_file *files;
    size_t n_files;
    struct buf chains; /* empty: none that is any good */
    struct buf names;  /* of its keys */
    struct buf stamp;  /* digest of the chains */
    struct buf seen;   /* digest of what was read last, good or bad */
    struct error trouble;
    struct buf faults; /* the trouble as faults.h words it */
    bool is_unreadable;
    int64_t next_look;
    bool is_busy; /* being read: one at a time */
    struct co_queue readers;
    unsigned n_users;
};

static struct hash sets = {.key_case = HASH_EXACT};

/* -- what is to be read ------------------------------------------------------------------ */

/* One file, or in a list of chains several, like the one that is given. */
static int add_files(struct set *set, struct slice list, struct key_file like,
                     struct error *error)
{
    struct slice word;

    while (words_next(&list, WORDS_COMMA_SPACE, &word)) {
        if (set->n_files == FILES_MAX)
            return error_set(error, ERROR_PERMANENT, "more than %d files", FILES_MAX);
        set->files = mem_resize(set->files, set->n_files + 1, sizeof(struct key_file));
        set->files[set->n_files++] = (struct key_file){.path = slice_dup(word),
                                                       .role = like.role,
                                                       .type = like.type,
                                                       .stamp = BUF_INIT,
                                                       .contents = BUF_SECRET_INIT};
    }
    return 0;
}

/* The key stands behind its certificate here; a file with both is read once. */
static int add_pair(struct set *set, const char *type, struct slice cert, struct slice key,
                    struct error *error)
{
    if (cert.len == 0)
        return 0;
    if (slice_same(cert, key))
        return add_files(set, cert, (struct key_file){.type = type}, error);
    if (add_files(set, cert, (struct key_file){.type = type, .role = KEY_FILE_CERT}, error) < 0)
        return -1;
    return add_files(set, key, (struct key_file){.type = type, .role = KEY_FILE_KEY}, error);
}

static int list_files(struct set *set, const struct tlskey_pairs *request, struct error *error)
{
    if (request->chain_files.len)
        return add_files(set, request->chain_files, (struct key_file){.type = NULL}, error);
    if (add_pair(set, "RSA", request->cert_file, request->key_file, error) < 0 ||
        add_pair(set, "DSA", request->dcert_file, request->dkey_file, error) < 0)
        return -1;
    return add_pair(set, "ECDSA", request->eccert_file, request->eckey_file, error);
}

static void set_free(struct set *set)
{
    for (size_t i = 0; i < set->n_files; i++) {
        buf_release(&set->files[i].contents);
        buf_release(&set->files[i].stamp);
        mem_free(set->files[i].path);
    }
    mem_free(set->files);
    buf_release(&set->chains);
    buf_release(&set->names);
    buf_release(&set->stamp);
    buf_release(&set->seen);
    buf_release(&set->faults);
    mem_free(set);
}

static void make_room(void)
{
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    while (sets.n_entries >= SETS_MAX && hash_next(&sets, &cursor, &key, &value)) {
        if (((struct set *)value)->n_users == 0)
            set_free(hash_remove(&sets, key));
    }
}

static struct set *set_of(const struct tlskey_pairs *request, struct error *error)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    struct tlskey_pairs named = *request;
    struct set *set;

    named.stamp = SLICE_EMPTY;
    message_encode(&key, MESSAGE_tlskey_pairs, &named);
    set = hash_get(&sets, buf_slice(&key));
    if (set)
        return set;
    make_room();
    set = mem_new(struct set);
    set->chains = set->names = set->stamp = set->seen = set->faults = BUF_INIT;
    if (request->sni_name.len == 0 && list_files(set, request, error) < 0) {
        set_free(set);
        return NULL;
    }
    hash_set(&sets, buf_slice(&key), set);
    return set;
}

/* -- reading ----------------------------------------------------------------------------- */

static void digest_of(struct slice bytes, struct buf *digest)
{
    unsigned char sum[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)bytes.ptr, bytes.len, sum);
    buf_set(digest, slice_of(sum, sizeof(sum)));
}

/* Not if it was only that the reader could not be asked. */
static void note_unreadable(struct set *set, const struct key_file *file,
                            const struct error *error)
{
    if (error->kind == ERROR_PERMANENT)
        set->is_unreadable = faults_of_reading(file, error, &set->faults);
    /* All are read the next time, so that the same one is to blame then. */
    for (size_t i = 0; i < set->n_files; i++)
        buf_reset(&set->files[i].stamp);
}

/* *changed: one of the files is new; then all are read, so that they belong together. */
static int read_files(struct set *set, bool *changed, struct error *error)
{
    *changed = false;
    for (size_t i = 0; i < set->n_files; i++) {
        struct key_file *file = &set->files[i];
        enum tlskey_status status =
            reader_read(slice_from(file->path), &file->stamp, &file->contents, error);

        if (status == TLSKEY_BAD) {
            note_unreadable(set, file, error);
            return -1;
        }
        if (status == TLSKEY_CHAINS)
            *changed = true;
    }
    for (size_t i = 0; *changed && i < set->n_files; i++) {
        struct key_file *file = &set->files[i];

        if (file->contents.len > 0)
            continue;
        buf_reset(&file->stamp);
        if (reader_read(slice_from(file->path), &file->stamp, &file->contents, error) ==
            TLSKEY_BAD) {
            note_unreadable(set, file, error);
            return -1;
        }
    }
    return 0;
}

static int take_pem(struct set *set, struct slice pem, struct error *error)
{
    CLEANUP(buf_release) struct buf chains = BUF_INIT;
    CLEANUP(buf_release) struct buf names = BUF_INIT;

    if (keys_read(pem, &chains, &names, error) < 0)
        return -1;
    buf_set(&set->chains, buf_slice(&chains));
    buf_set(&set->names, buf_slice(&names));
    digest_of(buf_slice(&set->chains), &set->stamp);
    return 0;
}

static void join_files(struct set *set, struct buf *pem)
{
    size_t n_bytes = 0;

    for (size_t i = 0; i < set->n_files; i++)
        n_bytes += set->files[i].contents.len + 1;
    buf_reserve(pem, n_bytes); /* no copy stays where it was too small */
    for (size_t i = 0; i < set->n_files; i++) {
        buf_add_slice(pem, buf_slice(&set->files[i].contents));
        buf_add_char(pem, '\n');
    }
}

/* "FILE, FILE: reason" */
static void name_files(const struct set *set, struct error *error)
{
    CLEANUP(buf_release) struct buf list = BUF_INIT;

    for (size_t i = 0; i < set->n_files; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", set->files[i].path);
    error_context(error, "%s", list.data);
}

static int renew_from_files(struct set *set, struct error *error)
{
    CLEANUP(buf_release) struct buf pem = BUF_SECRET_INIT;
    CLEANUP(buf_release) struct buf faults = set->faults;
    bool was_unreadable = set->is_unreadable;
    bool changed;

    set->faults = BUF_INIT;
    set->is_unreadable = false;
    int status = read_files(set, &changed, error);

    if (status == 0 && !changed) {
        buf_add_slice(&set->faults, buf_slice(&faults));
        set->is_unreadable = was_unreadable;
        *error = set->trouble; /* as it was found the last time */
        return error->kind == ERROR_NONE ? 0 : -1;
    }
    if (status == 0) {
        join_files(set, &pem);
        status = take_pem(set, buf_slice(&pem), error);
        if (status < 0) {
            faults_of_contents(set->files, set->n_files, error, &set->faults);
            name_files(set, error);
        }
    }
    for (size_t i = 0; i < set->n_files; i++)
        buf_release(&set->files[i].contents);
    return status;
}

static int renew_from_maps(struct set *set, const struct tlskey_pairs *request,
                           struct error *error)
{
    CLEANUP(buf_release) struct buf pem = BUF_SECRET_INIT;
    CLEANUP(buf_release) struct buf seen = BUF_INIT;

    switch (reader_find(request->sni_maps, request->sni_name, &pem, error)) {
    case TLSKEY_CHAINS:
        break;
    case TLSKEY_NONE:
        buf_reset(&set->chains);
        buf_reset(&set->seen);
        return 0;
    case TLSKEY_SAME:
    case TLSKEY_UNREADABLE:
    case TLSKEY_BAD:
    default:
        return -1;
    }
    digest_of(buf_slice(&pem), &seen);
    if (slice_same(buf_slice(&seen), buf_slice(&set->seen))) {
        *error = set->trouble;
        return error->kind == ERROR_NONE ? 0 : -1;
    }
    buf_set(&set->seen, buf_slice(&seen));
    int status = take_pem(set, buf_slice(&pem), error);

    if (status < 0)
        error_context(error, "%.*s: pair of %.*s", SLICE_ARG(request->sni_maps),
                      SLICE_ARG(request->sni_name));
    return status;
}

/* Each trouble is said once. */
static void note_outcome(struct set *set, const struct error *error, int status)
{
    if (status == 0) {
        set->trouble = ERROR_INIT;
        return;
    }
    if (strcmp(set->trouble.text, error->text) != 0)
        log_error("%s%s", error->text,
                  set->chains.len ? "; the old key pair stays in use" : "");
    set->trouble = *error;
}

static void renew(struct set *set, const struct tlskey_pairs *request)
{
    struct error error = ERROR_INIT;

    while (set->is_busy) {
        if (co_wait(&set->readers, DEADLINE_NONE) != WAKE_READY)
            return; /* we are to end */
    }
    if (time_now_ms() < set->next_look)
        return;
    set->is_busy = true;
    int status = request->sni_name.len ? renew_from_maps(set, request, &error)
                                       : renew_from_files(set, &error);

    note_outcome(set, &error, status);
    set->next_look = time_now_ms() + LOOK_INTERVAL;
    set->is_busy = false;
    co_wake_all(&set->readers);
}

void sets_answer(const struct tlskey_pairs *request, struct tlskey_chains *reply,
                 struct error *error)
{
    struct set *set = set_of(request, error);

    *reply = (struct tlskey_chains){.status = TLSKEY_BAD, .reason = slice_from(error->text)};
    if (!set)
        return;
    set->n_users++;
    renew(set, request);
    set->n_users--;
    keys_touch(buf_slice(&set->names));
    if (set->chains.len == 0) {
        *error = set->trouble;
        reply->status = error->kind == ERROR_NONE ? TLSKEY_NONE
                        : set->is_unreadable      ? TLSKEY_UNREADABLE
                                                  : TLSKEY_BAD;
        reply->faults = buf_slice(&set->faults);
        return;
    }
    reply->stamp = buf_slice(&set->stamp);
    reply->status =
        slice_same(request->stamp, buf_slice(&set->stamp)) ? TLSKEY_SAME : TLSKEY_CHAINS;
    if (reply->status == TLSKEY_CHAINS)
        reply->chains = buf_slice(&set->chains);
}

void sets_touch_keys(void)
{
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    while (hash_next(&sets, &cursor, &key, &value))
        keys_touch(buf_slice(&((struct set *)value)->names));
}
