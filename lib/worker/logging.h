/*
 * Opening the log the way main.cf says: syslog_name, syslog_facility, maillog_file.
 */
#pragma once

enum logging_user {
    LOGGING_DAEMON,  /* its working directory is and stays the queue directory */
    LOGGING_COMMAND, /* run by a person or a program that reads its standard error, too */
    LOGGING_SUBMIT,  /* as COMMAND, for each message: the log is opened with the first line */
    LOGGING_CONTROL, /* as COMMAND, but the second copy only where that is a terminal */
    LOGGING_SESSION, /* run by a mail program: standard error is nobody's to write to */
};

/* program: "smtpd"; lines are tagged $syslog_name/program. Reads params. */
void logging_open(const char *program, enum logging_user user);
/* For postlog: lines carry this tag as it is; NULL: that of the program. */
void logging_open_tagged(const char *tag, const char *program);
