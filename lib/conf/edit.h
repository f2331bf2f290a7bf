/*
 * Changing main.cf as an administrator does, with postconf -e: comments stay, and a crash
 * leaves the old file or the new one.
 */
#pragma once

#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

/*
 * Make the settings, n texts "name=value", in main.cf of the directory. What is wrong with one
 * postconf says itself, on standard error; -1 with a temporary error. Reads
 * params.command_directory.
 */
MUST_USE int main_cf_edit(const char *directory, const char *const settings[], size_t n,
                          struct error *error);
