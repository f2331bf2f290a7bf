/*
 * New queue files that have no name before they have a queue ID, which the inode is a part of:
 * two changes of a directory less than a temporary name, and nothing to sweep up after a crash.
 *
 * They are made in the directories of `staging`, in turn. A file system puts a file near its
 * directory, so these spread new files over the parts that it looks after separately: several
 * creations at once wait for each other less, and ext4 without a journal, which does not use an
 * inode again within a minute of its deletion, passes over fewer of those for each new file.
 */
#pragma once

#include <sys/types.h>

#include "base/compiler.h"

#define STAGING_DIRECTORIES 8 /* "staging/0" and so on, below queue_directory */

/*
 * Open one for reading and writing. -1 with errno, ENOTSUP among others: not every file system
 * can, and the directories may lack; then a file with a temporary name does as well.
 */
MUST_USE int unnamed_file_open(mode_t mode);
/* They can't be given names here: from now on opening one fails with EOPNOTSUPP. */
void unnamed_file_forgo(void);
/*
 * Give it a name, never one that exists. -1 with errno: EEXIST, or ENOENT when a directory of
 * the path is missing or this process may not link here at all.
 */
MUST_USE int unnamed_file_link(int fd, const char *path);
