/*
 * ASCII form of domain names, by ICU.
 */
#include "conf/idna.h"

#include <unicode/uidna.h>

#define DOMAIN_MAX_BYTES 1024

int idna_domain_to_ascii(struct buf *out, struct slice domain, struct error *error)
{
    char ascii[DOMAIN_MAX_BYTES];
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode status = U_ZERO_ERROR;
    UIDNA *idna;
    int32_t length;

    if (slice_is_ascii(domain)) {
        buf_add_slice(out, domain);
        return 0;
    }
    if (domain.len > DOMAIN_MAX_BYTES)
        return error_set(error, ERROR_PERMANENT, "domain name is longer than %d bytes",
                         DOMAIN_MAX_BYTES);
    idna = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII, &status);
    if (U_FAILURE(status))
        return error_set(error, ERROR_TEMPORARY, "IDNA: %s", u_errorName(status));
    length = uidna_nameToASCII_UTF8(idna, domain.ptr, (int32_t)domain.len, ascii,
                                    (int32_t)sizeof ascii, &info, &status);
    uidna_close(idna);
    if (U_FAILURE(status) || info.errors != 0)
        return error_set(error, ERROR_PERMANENT, "\"%.*s\" has no ASCII (IDNA) form",
                         SLICE_ARG(domain));
    buf_add(out, ascii, (size_t)length);
    return 0;
}
