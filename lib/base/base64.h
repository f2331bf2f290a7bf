/*
 * Base64 (RFC 4648 section 4), without line breaks. Small, so that commands which rarely meet
 * it need not load a library for it.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Append the encoded form, padded. */
void base64_encode(struct buf *buf, struct slice data);

/*
 * Append the bytes that the text stands for. False when it is not base64: other characters,
 * white space included, or a length that is no multiple of four; buf is as it was then.
 */
MUST_USE bool base64_decode(struct buf *buf, struct slice text);
