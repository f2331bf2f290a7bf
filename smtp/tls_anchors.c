#include "tls_anchors.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

enum { FILE_MAX_BYTES = 1 << 20, ANCHORS_MAX = 256 };

/* What one list of files holds. */
struct known_list {
    struct list_link link;
    char *files;
    struct arena arena;
    struct tlsa *records;
    size_t n_records;
};

static struct list known_lists;

static void add(struct known_list *list, uint8_t selector, const unsigned char *data, int len)
{
    if (len <= 0 || list->n_records == ANCHORS_MAX)
        return;
    list->records[list->n_records++] =
        (struct tlsa){.usage = TLSA_TRUST_ANCHOR,
                      .selector = selector,
                      .data = arena_slice(&list->arena, slice_of(data, (size_t)len))};
}

/* True when the PEM object is one that can be an anchor, and whole. */
static bool add_object(struct known_list *list, const char *name, const unsigned char *data,
                       long len)
{
    const unsigned char *at = data;
    bool is_whole;

    if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0) {
        X509 *certificate = d2i_X509(NULL, &at, len);
        is_whole = certificate && at == data + len;
        X509_free(certificate);
        if (is_whole)
            add(list, 0, data, (int)len);
        return is_whole;
    }
    if (strcmp(name, PEM_STRING_PUBLIC) != 0)
        return false;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, len);
    is_whole = key && at == data + len;
    EVP_PKEY_free(key);
    if (is_whole)
        add(list, 1, data, (int)len);
    return is_whole;
}

static int read_file(struct known_list *list, const char *path)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    size_t before = list->n_records;
    char *name, *header;
    unsigned char *data;
    struct error error;
    bool is_good = true;
    long len;

    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        log_warning("error opening trust anchor file: %s: %m", path);
        return -1;
    }
    if (fd_read_all(fd, &text, FILE_MAX_BYTES, &error) < 0) {
        log_warning("%s: %s", path, error.text);
        return -1;
    }
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    while (bio && is_good && PEM_read_bio(bio, &name, &header, &data, &len)) {
        is_good = add_object(list, name, data, len);
        if (!is_good)
            log_warning("error reading: %s: malformed trust-anchor %s", path, name);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (is_good && list->n_records == before) {
        log_warning("no trust anchors in %s", path);
        is_good = false;
    }
    return is_good ? 0 : -1;
}

static void list_free(struct known_list *list)
{
    arena_release(&list->arena);
    mem_free(list->files);
    mem_free(list);
}

static struct known_list *list_read(const char *files)
{
    struct known_list *list = mem_new(struct known_list);
    struct slice rest = slice_from(files), path;

    list->files = slice_dup(slice_from(files));
    list->records = arena_array(&list->arena, struct tlsa, ANCHORS_MAX);
    while ((path = slice_word(&rest, ", \t\r\n")).ptr) {
        CLEANUP(mem_free_text) char *text = slice_dup(path);
        if (read_file(list, text) < 0) {
            list_free(list);
            return NULL;
        }
    }
    return list;
}

static struct known_list *list_find(const char *files)
{
    if (!known_lists.head.next)
        list_init(&known_lists);
    LIST_FOREACH(&known_lists, link)
    {
        struct known_list *list = CONTAINER_OF(link, struct known_list, link);
        if (strcmp(list->files, files) == 0)
            return list;
    }
    struct known_list *list = list_read(files);
    if (list)
        list_append(&known_lists, &list->link);
    return list;
}

int tls_anchors_find(struct tls_anchors *anchors, const char *files)
{
    const struct known_list *list = list_find(files);

    if (!list)
        return -1;
    *anchors = (struct tls_anchors){.records = list->records, .n_records = list->n_records};
    return 0;
}
