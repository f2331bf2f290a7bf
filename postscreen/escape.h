/*
 * Bytes from clients in log lines.
 */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

/* Append as a C string has it: "\r\n", "\\", "\001". */
void escape(struct buf *out, struct slice bytes);
