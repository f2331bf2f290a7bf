/*
 * tassis logrotate: a new maillog_file.
 */
#pragma once

/* reload tells a running instance; it has to return 0. The exit status. */
int logrotate(int (*reload)(void));
