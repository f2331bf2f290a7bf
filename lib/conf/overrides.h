/*
 * The options "-o name=value" of all services, for programs that serve several of them.
 */
#pragma once

typedef void overrides_fn(const char *name, const char *value);

/*
 * Call take for each option in master.cf, in order, its value expanded with the main.cf of this
 * process (conf_main_cf); one that cannot be expanded is left out. When master.cf cannot be
 * read, nothing: master has read it, and says what is wrong.
 */
void overrides_each(overrides_fn *take);
