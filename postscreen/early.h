/*
 * The tests before the greeting: does the client wait for it, and what do DNS lists say?
 */
#pragma once

#include "base/compiler.h"
#include "session.h"

/* Run those of session->todo. */
MAY_WAIT void early_tests(struct session *session);
