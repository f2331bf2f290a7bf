/*
 * The keywords of EHLO that a list in main.cf or a table can take away from a peer:
 * smtpd_discard_ehlo_keywords, smtpd_discard_ehlo_keyword_address_maps, and the same of
 * postscreen, smtp and lmtp. Logs what is wrong with them.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "table/maps.h"

/* In the order in which a server offers them. */
enum ehlo_keyword {
    EHLO_PIPELINING = 1 << 0,
    EHLO_SIZE = 1 << 1,
    EHLO_VRFY = 1 << 2,
    EHLO_ETRN = 1 << 3,
    EHLO_STARTTLS = 1 << 4,
    EHLO_AUTH = 1 << 5,
    EHLO_XVERP = 1 << 6,
    EHLO_XCLIENT = 1 << 7,
    EHLO_XFORWARD = 1 << 8,
    EHLO_ENHANCEDSTATUSCODES = 1 << 9,
    EHLO_8BITMIME = 1 << 10,
    EHLO_DSN = 1 << 11,
    EHLO_SMTPUTF8 = 1 << 12,
    EHLO_CHUNKING = 1 << 13,
    EHLO_REQUIRETLS = 1 << 14,
    EHLO_SILENT_DISCARD = 1 << 15, /* not of SMTP: what is discarded is not logged */
};

/* The bit of a name in any case; 0: there is none of that name. */
unsigned ehlo_keyword_find(struct slice name);

/* "PIPELINING". */
const char *ehlo_keyword_name(enum ehlo_keyword keyword);

/* The bits of a list of names; unknown ones are logged and left out. */
unsigned ehlo_keywords_parse(const char *list);

/* Append the names of the bits, separated by spaces. */
void ehlo_keywords_add_names(struct buf *text, unsigned keywords);

/* What a program takes away from its peers. */
struct ehlo_discards {
    unsigned by_default;
    const char *maps_name; /* the parameter, for log lines */
    struct maps *maps;
};

/* Parse the list and open the tables; before the jail. discards is {0}, or was open before. */
void ehlo_discards_open(struct ehlo_discards *discards, const char *list, const char *maps_name,
                        const char *maps);

/* The bits for one peer. TABLE_ERROR (logged): no table can be asked, *keywords is unchanged.
 */
MUST_USE MAY_WAIT enum table_result ehlo_discards_find(const struct ehlo_discards *discards,
                                                       struct slice address,
                                                       unsigned *keywords);
