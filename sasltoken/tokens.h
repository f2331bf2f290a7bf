/*
 * The tokens at hand: each is got once for all who need it at the time, kept for its lifetime,
 * and got anew when a server has refused it.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "fetch.h"
#include "sources.h"

/*
 * A token for that user. refused: the one that a server has just refused, empty when none was.
 * The same one may come back: it was too new for another to be better. Temporary error; while
 * it is new it is given again, so that a broken source is not asked at each delivery.
 */
MUST_USE MAY_WAIT int tokens_get(const struct token_source *source,
                                 const struct token_purpose *purpose, struct slice refused,
                                 struct buf *token, struct error *error);

/* Forget all tokens that nobody waits for; called now and then, and when there are too many. */
void tokens_sweep(void);
