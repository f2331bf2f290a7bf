/*
 * Indexes that their source has left behind.
 */
#pragma once

struct file_watch;

/*
 * Say in the log that the index which was opened is older than the source at the path: somebody
 * forgot postmap. Not of a source that was written within the last 100 seconds, whose editor
 * may be about to run it. A source that is not there, or cannot be seen, is passed over.
 */
void index_warn_if_older(const struct file_watch *index, const char *source);
