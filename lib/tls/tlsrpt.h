/*
 * What is told to a collector of SMTP TLS reports (RFC 8460): a datagram about one handshake,
 * as libtlsrpt writes it for tlsrpt-collectd. Pure text.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

enum tlsrpt_policy {
    TLSRPT_POLICY_TLSA = 1,
    TLSRPT_POLICY_STS = 2,
    TLSRPT_POLICY_NONE = 9,
};

/* RFC 8460 section 4.3, with the numbers of that protocol. */
enum tlsrpt_failure {
    TLSRPT_SUCCESS = 0,
    TLSRPT_STARTTLS_NOT_SUPPORTED = 201,
    TLSRPT_CERTIFICATE_HOST_MISMATCH = 202,
    TLSRPT_CERTIFICATE_NOT_TRUSTED = 203,
    TLSRPT_CERTIFICATE_EXPIRED = 204,
    TLSRPT_VALIDATION_FAILURE = 205,
    TLSRPT_STS_POLICY_FETCH_ERROR = 301,
    TLSRPT_STS_POLICY_INVALID = 302,
    TLSRPT_STS_WEBPKI_INVALID = 303,
    TLSRPT_TLSA_INVALID = 304,
    TLSRPT_DNSSEC_INVALID = 305,
    TLSRPT_DANE_REQUIRED = 306,
};

/* One handshake, or why there was none. Empty slices are left out. */
struct tlsrpt {
    struct slice domain, record; /* whose mail, and its TXT record of TLSRPT */
    enum tlsrpt_policy policy;
    struct slice policy_domain;
    const struct slice *policy_strings, *mx_patterns;
    size_t n_policy_strings, n_mx_patterns;
    enum tlsrpt_failure failure;
    struct slice sending_address, host, hello, receiving_address, reason; /* of a failure */
};

/* Append the datagram. Bytes that are not UTF-8 become "?". */
void tlsrpt_write(const struct tlsrpt *report, struct buf *json);

/* "starttls_not_supported": for the log. */
const char *tlsrpt_failure_name(enum tlsrpt_failure failure);

/*
 * A policy_failure attribute, such as "sts-policy-invalid"; SUCCESS when there is no such
 * failure of a policy.
 */
enum tlsrpt_failure tlsrpt_policy_failure(struct slice name);

/*
 * Is the TXT record one of TLSRPT (RFC 8460 section 3: "v=TLSRPTv1" and more behind a
 * semicolon)?
 */
enum tlsrpt_record { TLSRPT_RECORD_OTHER, TLSRPT_RECORD_MALFORMED, TLSRPT_RECORD_GOOD };

enum tlsrpt_record tlsrpt_record_check(struct slice text);
