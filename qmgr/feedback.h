/*
 * How much one result changes a destination's concurrency: "1", "1/8", "1/concurrency" or
 * "1/sqrt_concurrency" (the *_feedback parameters).
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"

enum feedback_kind { FEEDBACK_CONSTANT, FEEDBACK_CONCURRENCY, FEEDBACK_SQRT_CONCURRENCY };

struct feedback {
    enum feedback_kind kind;
    double base; /* 0 to 1 */
};

/* Permanent error naming what is wrong with the text. */
MUST_USE int feedback_parse(struct feedback *feedback, const char *text, struct error *error);

/* The amount at that concurrency, which is at least 1. */
double feedback_amount(const struct feedback *feedback, int concurrency);
