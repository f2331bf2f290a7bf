/*
 * Writing JSON (RFC 8259).
 */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

/* Append the text as a string with its quotes; bytes that are no UTF-8 become '?'. */
void json_add_text(struct buf *out, struct slice text);
