/*
 * The tables that a process has open: each "type:name" is opened once, whoever uses it, and
 * stays open as long as the process.
 */
#pragma once

#include "base/watch.h"
#include "table/table.h"

/*
 * Never NULL: see table_open_anyway. *error gets the reason only when this call was the one
 * that tried to open it.
 */
struct table *table_shared(const char *spec, const struct table_options *options,
                           struct error *error);

/* Why the first of the tables that could not be opened could not; NULL: all are open. */
const char *table_shared_trouble(void);

/* Have a file watched beside the tables; takes it over. */
void table_shared_take_watch(struct file_watch *watch);

/* True when one of them changed since it was opened; *spec then is its name (of a file: the
 * path). */
bool table_shared_any_changed(const char **spec);
