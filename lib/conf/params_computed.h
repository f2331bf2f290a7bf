/*
 * The defaults that no text in params.def can say: names of this host, its networks, this
 * process, and where Tassis is installed.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"

struct main_cf;

/*
 * Set the computed defaults that concern this process: process_id, process_name, directories of
 * the installation, versions. Cheap; does not fail.
 */
void params_compute_process(struct main_cf *main_cf);

/*
 * Set myhostname and mydomain from the kernel's host name and what main_cf sets for the other
 * of the two.
 */
MUST_USE int params_compute_host(struct main_cf *main_cf, struct error *error);

/*
 * Set mynetworks from mynetworks_style, inet_interfaces and inet_protocols, unless main_cf sets
 * it. May look up host names of inet_interfaces, so this may block: for start-up only.
 */
MUST_USE int params_compute_networks(struct main_cf *main_cf, struct error *error);

/*
 * The directories this program was installed to, from /proc/self/exe: commands (".../sbin") and
 * daemons (".../libexec/tassis", in a build tree ".../libexec"). Absolute. Where a user runs a
 * set-id command they are those of the build: it may have been started by any path.
 */
void installation_directories(struct buf *commands, struct buf *daemons);
