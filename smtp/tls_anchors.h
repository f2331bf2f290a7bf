/*
 * Trust anchors of our own (smtp_tls_trust_anchor_file, tafile=): certificates or public keys,
 * one of which must be in the server's chain, in place of the authorities.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "tls/dane.h"

/* As TLSA records with usage 2; they live as long as the process. */
struct tls_anchors {
    const struct tlsa *records;
    size_t n_records;
};

/*
 * Read PEM files, their names separated by blanks; each once in the life of the process. -1:
 * one cannot be used, which was logged.
 */
MUST_USE int tls_anchors_find(struct tls_anchors *anchors, const char *files);
