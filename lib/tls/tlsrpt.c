#include "tls/tlsrpt.h"

static const struct {
    enum tlsrpt_failure failure;
    const char *name;
} failures[] = {
    {TLSRPT_STARTTLS_NOT_SUPPORTED, "starttls_not_supported"},
    {TLSRPT_CERTIFICATE_HOST_MISMATCH, "certificate_host_mismatch"},
    {TLSRPT_CERTIFICATE_NOT_TRUSTED, "certificate_not_trusted"},
    {TLSRPT_CERTIFICATE_EXPIRED, "certificate_expired"},
    {TLSRPT_VALIDATION_FAILURE, "validation_failure"},
    {TLSRPT_STS_POLICY_FETCH_ERROR, "sts_policy_fetch_error"},
    {TLSRPT_STS_POLICY_INVALID, "sts_policy_invalid"},
    {TLSRPT_STS_WEBPKI_INVALID, "sts_webpki_invalid"},
    {TLSRPT_TLSA_INVALID, "tlsa_invalid"},
    {TLSRPT_DNSSEC_INVALID, "dnssec_invalid"},
    {TLSRPT_DANE_REQUIRED, "dane_required"},
};

const char *tlsrpt_failure_name(enum tlsrpt_failure failure)
{
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
        if (failures[i].failure == failure)
            return failures[i].name;
    return "success";
}

enum tlsrpt_failure tlsrpt_policy_failure(struct slice name)
{
    static const struct {
        const char *name;
        enum tlsrpt_failure failure;
    } known[] = {
        {"sts-policy-fetch-error", TLSRPT_STS_POLICY_FETCH_ERROR},
        {"sts-policy-invalid", TLSRPT_STS_POLICY_INVALID},
        {"sts-webpki-invalid", TLSRPT_STS_WEBPKI_INVALID},
        {"validation-failure", TLSRPT_VALIDATION_FAILURE},
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (slice_equals_nocase(name, known[i].name))
            return known[i].failure;
    return TLSRPT_SUCCESS;
}

enum tlsrpt_record tlsrpt_record_check(struct slice text)
{
    struct slice version = SLICE("v=TLSRPTv1");

    if (!slice_same(slice_sub(text, 0, version.len), version))
        return TLSRPT_RECORD_OTHER;
    text = slice_from_offset(text, version.len);
    text = slice_from_offset(text, slice_skip_any(text, " \t"));
    return slice_starts_with(text, ";") ? TLSRPT_RECORD_GOOD : TLSRPT_RECORD_MALFORMED;
}

/* -- JSON (RFC 8259)
 * ------------------------------------------------------------------------ */

static void add_string(struct buf *json, struct slice text)
{
    buf_add_char(json, '"');
    while (text.len > 0) {
        unsigned char c = (unsigned char)text.ptr[0];
        size_t n = slice_utf8_len(text);

        if (c == '"' || c == '\\')
            buf_printf(json, "\\%c", c);
        else if (c < ' ')
            buf_printf(json, "\\u%04x", c);
        else if (n == 0)
            buf_add_char(json, '?');
        else
            buf_add(json, text.ptr, n);
        text = slice_from_offset(text, n ? n : 1);
    }
    buf_add_char(json, '"');
}

static void add_member(struct buf *json, const char *name, struct slice value)
{
    if (value.len == 0)
        return;
    buf_printf(json, ",\"%s\": ", name);
    add_string(json, value);
}

static void add_list(struct buf *json, const char *name, const struct slice *list, size_t n)
{
    if (n == 0)
        return;
    buf_printf(json, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_char(json, ',');
        add_string(json, list[i]);
    }
    buf_add_char(json, ']');
}

static void add_failure(struct buf *json, const struct tlsrpt *report)
{
    buf_printf(json, ",\"failure-details\":[{\"c\":%d", (int)report->failure);
    add_member(json, "s", report->sending_address);
    add_member(json, "n", report->host);
    add_member(json, "h", report->hello);
    add_member(json, "r", report->receiving_address);
    add_member(json, "f", report->reason);
    buf_add_text(json, "}]");
}

void tlsrpt_write(const struct tlsrpt *report, struct buf *json)
{
    int n_failures = report->failure != TLSRPT_SUCCESS;

    buf_add_text(json, "{\"d\": ");
    add_string(json, report->domain);
    add_member(json, "pr", report->record);
    buf_printf(json, ",\"policies\":[{\"policy-type\":%d", (int)report->policy);
    add_member(json, "policy-domain", report->policy_domain);
    add_list(json, "policy-string", report->policy_strings, report->n_policy_strings);
    add_list(json, "mx-host", report->mx_patterns, report->n_mx_patterns);
    if (n_failures > 0)
        add_failure(json, report);
    buf_printf(json, ",\"t\":%d,\"f\":%d}]}", n_failures, n_failures);
}
