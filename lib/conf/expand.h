/*
 * The $name language of main.cf, usable with any names: parameters, bounce templates, RBL
 * replies, pipe(8) arguments, forward_path.
 *
 *   $name ${name} $(name)        the value; $$ is one "$"
 *   ${name?text} ${name:text}    text if the value is (is not) non-empty; also with {text}
 *   ${name?{text1}:{text2}}      either
 *   ${{a} op {b} ? {c} : {d}}    op is == != < <= > >=, numeric when both sides are digits
 * only, or ==level <level ... for compatibility levels ("3.6" < "3.10")
 *   ${{a} op {b}}                "true" or nothing
 *   ${domain_to_ascii{text}}     a domain name as an ASCII (IDNA) name
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

#define EXPAND_MAX_DEPTH 100
#define EXPAND_MAX_BYTES (1 << 20)
#define EXPAND_MAX_STEPS 100000

struct expansion {
    /* The text of a name, or NULL when there is none; must live until expand_text returns. */
    const char *(*lookup)(void *context, struct slice name);
    void *context;
    bool recursive;      /* expand what lookup returns, too: true for parameters */
    const char *allowed; /* when not NULL: other bytes of looked-up values become "_" */
};

/*
 * Append the expanded text. Undefined names expand to nothing. On -1 (bad syntax, nesting
 * deeper than EXPAND_MAX_DEPTH, more than EXPAND_MAX_STEPS names, a result longer than
 * EXPAND_MAX_BYTES) the buffer is unchanged.
 */
MUST_USE int expand_text(struct buf *out, struct slice text, const struct expansion *expansion,
                         struct error *error);
