/*
 * Opening the log the way main.cf says: syslog_name, syslog_facility, maillog_file.
 */
#pragma once

enum logging_user {
    LOGGING_DAEMON,  /* its working directory is and stays the queue directory */
    LOGGING_COMMAND, /* run by a person: says it on the terminal, too */
};

/* program: "smtpd"; lines are tagged $syslog_name/program. Reads params. */
void logging_open(const char *program, enum logging_user user);
/* For postlog: lines carry this tag as it is; NULL: that of the program. */
void logging_open_tagged(const char *tag, const char *program);
