/*
 * The listing for people: columns that fit the terminal, relative ages, colour.
 */
#pragma once

#include "entry.h"

/*
 * Is standard output a terminal? Then how wide it is (COLUMNS in the environment, else what it
 * says itself, else 80), and whether it shows colour (not with NO_COLOR, nor TERM=dumb).
 */
bool terminal_is_there(void);

/* As the other forms: the head of a message, one of its recipients, the end of it all. */
void terminal_head(const struct entry *entry, struct totals *totals);
void terminal_recipient(struct entry *entry);
void terminal_totals(const struct totals *totals);
