/*
 * The texts of delivery status notifications: built in, or from bounce_template_file.
 *
 * The file holds "failure_template = <<EOF ... EOF" and the like for delay, success and verify.
 * A template begins with optional headers (Charset, From, Subject, Postmaster-Subject), then an
 * empty line, then the text, in which $name is expanded.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

enum bounce_kind { BOUNCE_FAILURE, BOUNCE_DELAY, BOUNCE_SUCCESS, BOUNCE_VERIFY };

#define BOUNCE_KINDS 4

struct bounce_template {
    const char *name; /* "failure" */
    struct slice charset, from, subject;
    struct slice postmaster_subject; /* of copies to the postmaster; empty: there are none */
    struct slice text;               /* not expanded; its lines end in \n */
};

struct bounce_templates {
    struct bounce_template kinds[BOUNCE_KINDS]; /* by enum bounce_kind */
    struct arena arena;                         /* of what came from a file */
};

/* The built-in texts. */
void bounce_templates_init(struct bounce_templates *templates);
void bounce_templates_release(struct bounce_templates *templates);

/*
 * Replace built-in templates by those of the file. What a template has wrong is added to
 * warnings, one line each (for log_warning), and that template stays built in. -1: the file
 * cannot be read (temporary) or is no template file (permanent); nothing is changed.
 */
MUST_USE int bounce_templates_load(struct bounce_templates *templates, const char *path,
                                   struct buf *warnings, struct error *error);

/* Where the values of $names come from. */
struct bounce_expansion {
    const char *(*lookup)(const char *name); /* conf_lookup */
    int64_t delay_warning_time; /* milliseconds, for $delay_warning_time_hours ... */
    int64_t maximal_queue_lifetime;
    const char *path; /* of the template file, for messages; NULL: built in */
};

/*
 * Append the template's text with its $names expanded. Beside the parameters there are
 * delay_warning_time_UNIT and maximal_queue_lifetime_UNIT, UNIT being seconds, minutes, hours,
 * days or weeks. A result of zero in a template from a file adds to the warnings. -1: an
 * undefined name (permanent).
 */
MUST_USE int bounce_template_expand(const struct bounce_template *template,
                                    const struct bounce_expansion *expansion, struct buf *text,
                                    struct buf *warnings, struct error *error);

/* Append the four templates as a template file has them: postconf -t. */
void bounce_templates_print(const struct bounce_templates *templates, struct buf *buf);
/* Append their expanded texts, "expanded_failure_text = <<EOF" and so on: postconf -b. */
MUST_USE int bounce_templates_print_expanded(const struct bounce_templates *templates,
                                             const struct bounce_expansion *expansion,
                                             struct buf *buf, struct buf *warnings,
                                             struct error *error);
