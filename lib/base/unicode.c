#include "base/unicode.h"

#include <dlfcn.h>
#include <unicode/ucasemap.h>
#include <unicode/uidna.h>

#define DOMAIN_MAX_BYTES 1024
/* Full case folding makes a text at most three times as long. */
#define FOLD_GROWTH 3

/* ICU's functions bear its version in their names. */
#define TEXT_OF(name)    #name
#define SYMBOL(name)     TEXT_OF(name)
#define LIBRARY(major)   "libicuuc.so." TEXT_OF(major)
#define FILE_NAME(major) LIBRARY(major)

static struct {
    void *library;
    UIDNA *idna;
    UCaseMap *case_map;
    __typeof__(&uidna_openUTS46) open_idna;
    __typeof__(&uidna_nameToASCII_UTF8) to_ascii;
    __typeof__(&ucasemap_open) open_case_map;
    __typeof__(&ucasemap_utf8FoldCase) fold;
} icu;

static bool is_transitional;

void unicode_use_idna2003(bool on)
{
    is_transitional = on;
}

void unicode_prepare(void)
{
    UErrorCode status = U_ZERO_ERROR;

    if (!icu.library)
        icu.library = dlopen(FILE_NAME(U_ICU_VERSION_MAJOR_NUM), RTLD_NOW | RTLD_LOCAL);
    if (!icu.library || icu.fold)
        return;
    icu.open_idna = (__typeof__(icu.open_idna))dlsym(icu.library, SYMBOL(uidna_openUTS46));
    icu.to_ascii = (__typeof__(icu.to_ascii))dlsym(icu.library, SYMBOL(uidna_nameToASCII_UTF8));
    icu.open_case_map =
        (__typeof__(icu.open_case_map))dlsym(icu.library, SYMBOL(ucasemap_open));
    icu.fold = (__typeof__(icu.fold))dlsym(icu.library, SYMBOL(ucasemap_utf8FoldCase));
    if (icu.open_idna && icu.to_ascii)
        icu.idna = icu.open_idna(
            is_transitional ? UIDNA_DEFAULT : UIDNA_NONTRANSITIONAL_TO_ASCII, &status);
    status = U_ZERO_ERROR;
    if (icu.open_case_map && icu.fold)
        icu.case_map = icu.open_case_map("", U_FOLD_CASE_DEFAULT, &status);
}

int unicode_domain_to_ascii(struct buf *out, struct slice domain, struct error *error)
{
    char ascii[DOMAIN_MAX_BYTES];
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode status = U_ZERO_ERROR;

    if (slice_is_ascii(domain)) {
        buf_add_slice(out, domain);
        return 0;
    }
    if (domain.len > DOMAIN_MAX_BYTES)
        return error_set(error, ERROR_PERMANENT, "domain name is longer than %d bytes",
                         DOMAIN_MAX_BYTES);
    unicode_prepare();
    if (!icu.idna)
        return error_set(error, ERROR_TEMPORARY, "IDNA: cannot use %s",
                         FILE_NAME(U_ICU_VERSION_MAJOR_NUM));
    int32_t length = icu.to_ascii(icu.idna, domain.ptr, (int32_t)domain.len, ascii,
                                  (int32_t)sizeof(ascii), &info, &status);

    if (U_FAILURE(status) || info.errors != 0)
        return error_set(error, ERROR_PERMANENT, "\"%.*s\" has no ASCII (IDNA) form",
                         SLICE_ARG(domain));
    buf_add(out, ascii, (size_t)length);
    return 0;
}

bool unicode_fold_case(struct buf *out, struct slice text)
{
    UErrorCode status = U_ZERO_ERROR;
    size_t room = text.len * FOLD_GROWTH + 1;

    unicode_prepare();
    if (!icu.case_map || text.len > INT32_MAX / (FOLD_GROWTH + 1))
        return false;
    int32_t len = icu.fold(icu.case_map, buf_reserve(out, room), (int32_t)room, text.ptr,
                           (int32_t)text.len, &status);

    if (U_FAILURE(status))
        return false;
    out->len += (size_t)len;
    out->data[out->len] = '\0';
    return true;
}
