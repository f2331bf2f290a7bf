/*
 * What this build has: table types, lock methods, SASL plug-in types, the TLS library.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/log.h"
#include "postconf.h"
#include "table/table.h"

static int by_text(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

#define TYPES_MAX 100

static void show_table_types(void)
{
    const struct table_driver *const *drivers = table_drivers();
    const char *types[TYPES_MAX] = {NULL};
    size_t n = 0;

    for (; n < TYPES_MAX && *drivers; drivers++) {
        if (table_driver_is_installed(*drivers))
            types[n++] = (*drivers)->type;
    }
    qsort(types, n, sizeof *types, by_text);
    for (size_t i = 0; i < n; i++)
        printf("%s\n", types[i]);
}

static void show_public_key_algorithms(void)
{
    static const struct {
        int id;
        const char *name;
    } algorithms[] = {{EVP_PKEY_DSA, "dsa"},
                      {EVP_PKEY_EC, "ecdsa"},
                      {EVP_PKEY_ED25519, "ed25519"},
                      {EVP_PKEY_ED448, "ed448"},
                      {EVP_PKEY_RSA, "rsa"}};

    for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(algorithms[i].id, NULL);

        if (context)
            printf("%s\n", algorithms[i].name);
        EVP_PKEY_CTX_free(context);
    }
}

static void show_tls(const char *request)
{
    if (strcmp(request, "compile-version") == 0)
        printf("%s\n", OPENSSL_VERSION_TEXT);
    else if (strcmp(request, "run-version") == 0)
        printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
    else if (strcmp(request, "public-key-algorithms") == 0)
        show_public_key_algorithms();
    else
        fatal(1, "unknown 'postconf -T' mode: %s", request);
}

void show_info(const struct postconf *postconf)
{
    switch ((int)postconf->options.subject) {
    case SUBJECT_LOCK_TYPES:
        printf("flock\nfcntl\ndotlock\n");
        break;
    case SUBJECT_TABLE_TYPES:
        show_table_types();
        break;
    case SUBJECT_SERVER_SASL:
        printf("cyrus\ndovecot\n");
        break;
    case SUBJECT_CLIENT_SASL:
        printf("cyrus\n");
        break;
    case SUBJECT_BOUNCE_EXPANDED:
    case SUBJECT_BOUNCE_RAW:
        show_bounce_texts(&postconf->options);
        break;
    case SUBJECT_TLS:
        show_tls(postconf->options.tls_request);
        break;
    default:
        print_manual();
        break;
    }
}
