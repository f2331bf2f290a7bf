#include "faults.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "keys.h"

static void cannot_get(const struct key_file *file, struct buf *faults)
{
    buf_printf(faults, "cannot get %s %s from file \"%s\": disabling TLS support\n", file->type,
               file->role == KEY_FILE_CERT ? "certificate" : "private key", file->path);
}

static bool has_certificate(const struct key_file *file)
{
    BIO *bio = BIO_new_mem_buf(file->contents.data, (int)file->contents.len);
    X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    bool is_there = certificate != NULL;

    X509_free(certificate);
    BIO_free(bio);
    ERR_clear_error();
    return is_there;
}

static void cannot_load(const struct key_file *files, size_t n_files, struct buf *faults)
{
    buf_add_text(faults, "error loading private keys and certificates from:");
    for (size_t i = 0; i < n_files; i++)
        buf_printf(faults, " %s", files[i].path);
    buf_add_text(faults, ": disabling TLS support\n");
}

bool faults_of_reading(const struct key_file *file, const struct error *error,
                       struct buf *faults)
{
    struct slice reason = slice_from(error->text);

    /* The certificate comes first. */
    if (file->role == KEY_FILE_KEY && !has_certificate(file - 1))
        file--;
    if (file->role != KEY_FILE_CHAIN) {
        cannot_get(file, faults);
        return false;
    }
    if (slice_starts_with(reason, "open ")) {
        reason = slice_from_offset(reason, strlen("open "));
        buf_printf(faults, "error opening chain file: %.*s\n", SLICE_ARG(reason));
        return true;
    }
    if (slice_ends_with(reason, "not a regular file"))
        buf_printf(faults, "No PEM data in %s\n", file->path);
    else
        buf_printf(faults, "%.*s\n", SLICE_ARG(reason));
    cannot_load(file, 1, faults);
    return false;
}

static bool has_text(const struct key_file *file, const char *text)
{
    struct slice contents = buf_slice(&file->contents);

    return slice_find_text(contents, slice_from(text)) < contents.len;
}

/* The files from the first one on that belong together: those of a pair, or all of a list. */
static size_t count_together(const struct key_file *files, size_t n_files)
{
    size_t n = 1;

    while (n < n_files && (files[0].type ? files[n].role == KEY_FILE_KEY : true))
        n++;
    return n;
}

static bool are_good(const struct key_file *files, size_t n_files)
{
    CLEANUP(buf_release) struct buf pem = BUF_SECRET_INIT;
    CLEANUP(buf_release) struct buf chains = BUF_INIT;
    CLEANUP(buf_release) struct buf names = BUF_INIT;
    struct error error = ERROR_INIT;
    size_t n_bytes = 0;

    for (size_t i = 0; i < n_files; i++)
        n_bytes += files[i].contents.len + 1;
    buf_reserve(&pem, n_bytes); /* no copy stays where it was too small */
    for (size_t i = 0; i < n_files; i++) {
        buf_add_slice(&pem, buf_slice(&files[i].contents));
        buf_add_char(&pem, '\n');
    }
    return keys_read(buf_slice(&pem), &chains, &names, &error) == 0;
}

/* The first of several that lacks something; they are all there, and do not fit, otherwise. */
static void describe_chain(const struct key_file *files, size_t n_files,
                           const struct error *error, struct buf *faults)
{
    bool has_key = false;

    for (size_t i = 0; i < n_files; i++) {
        const char *path = files[i].path;

        if (!has_text(&files[i], "-----BEGIN ")) {
            buf_printf(faults, "No PEM data in %s\n", path);
            return;
        }
        has_key = has_key || has_text(&files[i], "PRIVATE KEY-----");
        if (!has_key && !files[i].type) {
            buf_printf(faults, "error loading chain from %s: key not first\n", path);
            return;
        }
        if (!has_key) {
            buf_printf(faults, "No private key found in %s\n", path);
            return;
        }
    }
    if (strstr(error->text, "do not match"))
        buf_printf(faults, "key at index 1 in %s does not match next certificate\n",
                   files[0].path);
    else if (!has_text(&files[n_files - 1], "CERTIFICATE-----"))
        buf_printf(faults, "No certs for key at index 1 in %s\n", files[n_files - 1].path);
    else
        buf_printf(faults, "%s: %s\n", files[0].path, error->text);
}

static void describe(const struct key_file *files, size_t n_files, const struct error *error,
                     struct buf *faults)
{
    if (files[0].role == KEY_FILE_CERT) {
        cannot_get(has_certificate(&files[0]) ? &files[n_files - 1] : &files[0], faults);
        return;
    }
    describe_chain(files, n_files, error, faults);
    cannot_load(files, n_files, faults);
}

void faults_of_contents(const struct key_file *files, size_t n_files, const struct error *error,
                        struct buf *faults)
{
    size_t n;

    for (; n_files > 0; files += n, n_files -= n) {
        n = count_together(files, n_files);
        if (are_good(files, n))
            continue;
        describe(files, n, error, faults);
        return;
    }
}
