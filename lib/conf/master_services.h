/*
 * What holds for the services of any master.cf: which are added where it lacks them, which
 * start nothing here, which are switched off, and whether their own settings are right.
 */
#pragma once

#include "conf/main_cf.h"
#include "conf/master_cf.h"

/*
 * Initialise it, and read (master_cf_read) the file of this configuration: of
 * params.config_directory.
 */
MUST_USE int master_cf_load(struct master_cf *master_cf, enum master_chroot chroot,
                            struct error *error);

/*
 * Add the services that Tassis needs and that an old or short master.cf lacks, of those whose
 * program is in daemon_directory. Their file is "built-in services". Permanent error.
 */
MUST_USE int master_cf_add_needed(struct master_cf *master_cf, const char *daemon_directory,
                                  struct error *error);

/* True for programs of Postfix whose work is done by other processes here. */
bool master_service_has_moved(const struct master_service *service,
                              const char *daemon_directory);

/* Does the value of master_service_disable name it? */
bool master_service_is_disabled(const struct master_service *service, const char *disabled);

/*
 * What main.cf is for this service: with what it sets by -o. main_cf is that of
 * main_cf_serialize; *own is initialised in any case and to be released.
 */
MUST_USE int master_service_main_cf(const struct master_service *service, struct slice main_cf,
                                    struct main_cf *own, struct error *error);

/*
 * What a service sets with -o must be as right as what main.cf sets. main_cf is that of
 * main_cf_serialize. The error names file, line and service.
 */
MUST_USE int master_service_check_overrides(const struct master_service *service,
                                            struct slice main_cf, struct error *error);
/* The same of what master_service_main_cf made. */
MUST_USE int master_service_check_values(const struct master_service *service,
                                         const struct main_cf *own, struct error *error);
